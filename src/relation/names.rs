//! The names of one type in a pack: a number for a name, and a name for a number.
//!
//! The table is open addressing with linear probing over hashed slots. A slot has two words: the number of a name
//! with, in the bits that the number does not need, a piece of its hash; and where the name starts. So a look-up in a
//! large store waits for memory twice: for the slot, and for the name. Behind each name stands a zero byte, which no
//! name holds. A hit always compares the whole name, and the number of probes is bounded by what the compiler saw.

use alloc::{vec, vec::Vec};

use super::bytes::{In, item, pair, small};

/// Bytes of a slot.
const SLOT: usize = 8;
/// Words in the directory.
pub(crate) const WORDS: usize = 8;

/// Where the names of one type are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    pub count: u32,
    offsets_at: u32,
    bytes_at: u32,
    table_at: u32,
    size: u32,
    seed: u64,
    probes: u32,
}

impl Names {
    pub const EMPTY: Self =
        Self { count: 0, offsets_at: 0, bytes_at: 0, table_at: 0, size: 0, seed: 0, probes: 0 };

    pub fn read(input: &mut In<'_>) -> Option<Self> {
        let (count, offsets_at, bytes_at, table_at) =
            (input.word()?, input.word()?, input.word()?, input.word()?);
        let size = input.word()?;
        let seed = u64::from(input.word()?) | u64::from(input.word()?) << 32;
        let names = Self { count, offsets_at, bytes_at, table_at, size, seed, probes: input.word()? };
        // The arrays lie within the section: their last items can be read.
        let end = item(input.bytes, offsets_at, count)?;
        let end = (bytes_at as usize).checked_add(end as usize)?;
        let table_end = (table_at as usize).checked_add((size as usize).checked_mul(SLOT)?)?;
        let fits = end <= input.bytes.len() && table_end <= input.bytes.len() && count < u32::MAX / 2;
        (fits && (count == 0 || size > count) && names.probes <= size).then_some(names)
    }

    /// The number of a name.
    #[inline]
    pub fn find(&self, bytes: &[u8], name: &str) -> Option<u32> {
        self.finish(bytes, name, self.start(bytes, name))
    }

    /// Reads the first slot of a look-up. Two look-ups that start before either is finished wait for memory together.
    #[inline]
    pub fn start(&self, bytes: &[u8], name: &str) -> Lookup {
        let hash = hash(self.seed, name.as_bytes());
        let slot = first_slot(hash, self.size);
        Lookup { slot, tag: tag(hash, number_bits(self.count)), entry: self.slot(bytes, slot) }
    }

    /// Goes through the slots from the first one on.
    #[inline]
    pub fn finish(&self, bytes: &[u8], name: &str, lookup: Lookup) -> Option<u32> {
        let Lookup { mut slot, tag, entry: (mut entry, mut start) } = lookup;
        let bits = number_bits(self.count);
        for _ in 0..=self.probes {
            if entry == 0 {
                return None;
            }
            if entry >> bits == tag && self.stands_at(bytes, start, name) == Some(true) {
                return (entry & mask(bits)).checked_sub(1).filter(|number| *number < self.count);
            }
            slot = slot.wrapping_add(1);
            if slot >= self.size {
                slot = 0;
            }
            (entry, start) = self.slot(bytes, slot);
        }
        None
    }

    /// A slot; an empty one where there is none.
    #[inline]
    fn slot(&self, bytes: &[u8], slot: u32) -> (u32, u32) {
        if slot >= self.size {
            return (0, 0);
        }
        let at = (slot as usize).checked_mul(SLOT).and_then(|at| at.checked_add(self.table_at as usize));
        at.and_then(|at| pair(bytes, at)).unwrap_or_default()
    }

    #[inline]
    fn stands_at(&self, bytes: &[u8], start: u32, name: &str) -> Option<bool> {
        let start = (self.bytes_at as usize).checked_add(start as usize)?;
        let end = start.checked_add(name.len())?;
        let found = bytes.get(start..end.checked_add(1)?)?;
        Some(found.split_last() == Some((&0, name.as_bytes())))
    }

    /// The name with a number.
    pub fn name<'b>(&self, bytes: &'b [u8], number: u32) -> Option<&'b str> {
        if number >= self.count {
            return None;
        }
        let start = item(bytes, self.offsets_at, number)? as usize;
        let end = (item(bytes, self.offsets_at, number.checked_add(1)?)? as usize).checked_sub(1)?;
        let base = self.bytes_at as usize;
        core::str::from_utf8(bytes.get(base.checked_add(start)?..base.checked_add(end)?)?).ok()
    }
}

/// A look-up that has started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lookup {
    slot: u32,
    tag: u32,
    entry: (u32, u32),
}

/// Chooses a seed under which no name is far from its slot, and fills the table: seed, probes, slots. A slot is the
/// number of a name counted from 1 and a piece of its hash; 0 where there is none.
pub(crate) fn table(names: &[&str], seed: u64) -> (u64, u32, Vec<u32>) {
    if names.is_empty() {
        return (seed, 0, Vec::new());
    }
    let mut size = names.len().saturating_mul(10).checked_div(7).unwrap_or_default().saturating_add(4);
    let mut best = fill(names, seed, size);
    for attempt in 1..=16_u64 {
        if best.1 <= 96 {
            break;
        }
        if attempt % 4 == 0 {
            size = size.saturating_add(size / 2);
        }
        let next = fill(names, seed.wrapping_add(attempt), size);
        if next.1 < best.1 {
            best = next;
        }
    }
    best
}

fn fill(names: &[&str], seed: u64, size: usize) -> (u64, u32, Vec<u32>) {
    let mut table = vec![0_u32; size];
    let bits = number_bits(small(names.len()));
    let mut worst = 0_u32;
    for (number, name) in names.iter().enumerate() {
        let hash = hash(seed, name.as_bytes());
        let mut slot = first_slot(hash, small(size)) as usize;
        let mut probes = 0_u32;
        while table.get(slot).is_some_and(|entry| *entry != 0) {
            slot = slot.saturating_add(1);
            if slot >= size {
                slot = 0;
            }
            probes = probes.saturating_add(1);
        }
        if let Some(entry) = table.get_mut(slot) {
            *entry = (tag(hash, bits) << bits) | small(number.saturating_add(1));
        }
        worst = worst.max(probes);
    }
    (seed, worst, table)
}

/// The number of the name in a slot that [`table`] gave.
pub(crate) fn number(slot: u32, count: u32) -> Option<u32> {
    (slot & mask(number_bits(count))).checked_sub(1)
}

/// How many bits the numbers 1 to `count` need; at least one bit is left for the tag.
fn number_bits(count: u32) -> u32 {
    u32::BITS.saturating_sub(count.leading_zeros()).clamp(1, 31)
}

fn mask(bits: u32) -> u32 {
    u32::MAX.checked_shr(u32::BITS.saturating_sub(bits)).unwrap_or_default()
}

fn tag(hash: u64, bits: u32) -> u32 {
    hash as u32 & mask(u32::BITS.saturating_sub(bits))
}

fn first_slot(hash: u64, size: u32) -> u32 {
    ((hash >> 32).wrapping_mul(u64::from(size)) >> 32) as u32
}

/// A fast hash. It need not be cryptographic: names are compared in full, and probing is bounded.
#[inline]
pub(crate) fn hash(seed: u64, bytes: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut h = seed ^ (bytes.len() as u64).wrapping_mul(K);
    let mut mix = |chunk: u64| {
        h = (h ^ chunk).wrapping_mul(K);
        h ^= h >> 29;
    };
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        mix(chunk.try_into().map(u64::from_le_bytes).unwrap_or_default());
    }
    let rest = chunks.remainder().iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    mix(rest);
    mix(seed);
    h ^ h >> 32
}
