//! Little-endian words: writing them, and reading them where every index may be wrong.

use alloc::vec::Vec;

/// Bytes in the making.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub bytes: Vec<u8>,
}

impl Out {
    pub fn word(&mut self, word: u32) {
        self.bytes.extend_from_slice(&word.to_le_bytes());
    }

    pub fn words(&mut self, words: impl IntoIterator<Item = u32>) {
        words.into_iter().for_each(|word| self.word(word));
    }

    /// Length, then the text.
    pub fn text(&mut self, text: &str) {
        self.word(small(text.len()));
        self.bytes.extend_from_slice(text.as_bytes());
    }
}

/// A length as a word. What does not fit becomes the greatest word, and the pack is refused for its size.
pub(crate) fn small(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The word at a byte offset.
#[inline]
pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let slice = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(slice.try_into().ok()?))
}

/// The two words at a byte offset.
#[inline]
pub(crate) fn pair(bytes: &[u8], at: usize) -> Option<(u32, u32)> {
    let slice = bytes.get(at..at.checked_add(8)?)?;
    let both = u64::from_le_bytes(slice.try_into().ok()?);
    Some((both as u32, (both >> 32) as u32))
}

/// The word number `index` of an array that starts at `at`.
#[inline]
pub(crate) fn item(bytes: &[u8], at: u32, index: u32) -> Option<u32> {
    word(bytes, (at as usize).checked_add((index as usize).checked_mul(4)?)?)
}

/// Reads one thing after the other.
#[derive(Debug)]
pub(crate) struct In<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl In<'_> {
    pub fn word(&mut self) -> Option<u32> {
        let word = word(self.bytes, self.at)?;
        self.at = self.at.checked_add(4)?;
        Some(word)
    }

    /// A count of things that take at least `size` bytes each: it cannot promise more than there is.
    pub fn count(&mut self, size: usize) -> Option<usize> {
        let count = usize::try_from(self.word()?).ok()?;
        let left = self.bytes.len().checked_sub(self.at)?;
        (count.checked_mul(size)? <= left).then_some(count)
    }

    /// Where a text starts and ends; it is UTF-8.
    pub fn text(&mut self) -> Option<Span> {
        let length = self.count(1)?;
        let end = self.at.checked_add(length)?;
        core::str::from_utf8(self.bytes.get(self.at..end)?).ok()?;
        let span = Span { start: self.at, end };
        self.at = end;
        Some(span)
    }
}

/// A piece of a section.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn text(self, bytes: &[u8]) -> &str {
        bytes.get(self.start..self.end).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or_default()
    }
}
