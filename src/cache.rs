//! Verified tokens that were seen before: a keyed hash, a look-up and a comparison of all bytes.
//!
//! Bounded: a fixed number of slots in sets of eight, the oldest of a set makes room. A slot takes 64 KiB at most, whatever
//! an issuer signs, and about 3 KiB with a short token (`tests/cache_memory.rs`). Only tokens whose
//! signature held get in, and everything that depends on time or on the request is checked again on use.
//! When a key set changes, those stay that its new keys would verify alike; a new configuration starts with an empty
//! cache.

use alloc::{sync::Arc, vec::Vec};
use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::token::VerifiedToken;

const WAYS: usize = 8;
/// Tokens that are longer, in bytes, or whose claims consist of more values, are verified every time: so the bound on slots
/// bounds the memory too.
const LONGEST: usize = 8_192;
const VALUES: usize = 512;
/// How much of a token's end is hashed. It is the signature, which a stranger cannot choose for a token that
/// verifies; the comparison of all bytes decides.
const HASHED: usize = 96;

/// A bounded set of verified tokens.
#[derive(Debug, Clone)]
pub struct Cache {
    seed: u64,
    sets: Vec<[Option<Slot>; WAYS]>,
    /// Counts insertions; tells which slot of a set is the oldest.
    clock: u64,
}

#[derive(Debug, Clone)]
struct Slot {
    hash: u64,
    at: u64,
    token: Arc<VerifiedToken>,
}

impl Cache {
    /// A cache with room for `slots` tokens however they fall into its sets; none for zero. There are two to four times as
    /// many slots (a power of two, at least 8): tokens that take turns would push each other out of a full set for ever.
    pub fn new(slots: usize, seed: u64) -> Self {
        let sets = if slots == 0 { 0 } else { slots.saturating_mul(2).div_ceil(WAYS).next_power_of_two() };
        Self { seed, sets: alloc::vec![[const { None }; WAYS]; sets], clock: 0 }
    }

    /// The token with exactly these bytes.
    pub fn get(&self, compact: &str) -> Option<Arc<VerifiedToken>> {
        let hash = self.hash(compact);
        let set = self.sets.get(self.index(hash))?;
        let slot =
            set.iter().flatten().find(|slot| slot.hash == hash && same(slot.token.compact(), compact))?;
        Some(Arc::clone(&slot.token))
    }

    /// Remembers a token; the oldest of its set makes room.
    pub fn insert(&mut self, token: &Arc<VerifiedToken>) {
        if token.compact().len() > LONGEST || token.claims().object().count() > VALUES {
            return;
        }
        let hash = self.hash(token.compact());
        let index = self.index(hash);
        self.clock = self.clock.wrapping_add(1);
        let at = self.clock;
        let Some(set) = self.sets.get_mut(index) else { return };
        let oldest = set.iter_mut().min_by_key(|slot| slot.as_ref().map_or(0, |slot| slot.at));
        if let Some(slot) = oldest {
            *slot = Some(Slot { hash, at, token: Arc::clone(token) });
        }
    }

    /// Forgets the tokens that `keep` does not hold for.
    pub fn retain(&mut self, keep: impl Fn(&VerifiedToken) -> bool) {
        for slot in self.sets.iter_mut().flatten() {
            if slot.as_ref().is_some_and(|slot| !keep(&slot.token)) {
                *slot = None;
            }
        }
    }

    /// An empty cache of the same size and key.
    pub fn emptied(&self) -> Self {
        Self { seed: self.seed, sets: alloc::vec![[const { None }; WAYS]; self.sets.len()], clock: 0 }
    }

    fn hash(&self, compact: &str) -> u64 {
        let bytes = compact.as_bytes();
        let tail = bytes.get(bytes.len().saturating_sub(HASHED)..).unwrap_or_default();
        let mut hasher = SipHasher13::new_with_keys(self.seed, !self.seed);
        hasher.write(tail);
        hasher.write_usize(bytes.len());
        hasher.finish()
    }

    fn index(&self, hash: u64) -> usize {
        (hash as usize) & self.sets.len().saturating_sub(1)
    }
}

/// Whether two texts are equal, eight bytes at a time: WebAssembly has no instruction for it, and the function behind
/// `==` compares one byte after another there.
fn same(a: &str, b: &str) -> bool {
    let ((words, rest), (others, other)) = (a.as_bytes().as_chunks::<8>(), b.as_bytes().as_chunks::<8>());
    a.len() == b.len()
        && words.iter().zip(others).all(|(a, b)| u64::from_ne_bytes(*a) == u64::from_ne_bytes(*b))
        && rest == other
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn equal_is_every_byte_and_the_length() {
        let text = "abcdefghijklmnopqrstu";
        for end in 0..=text.len() {
            let text = text.split_at(end).0;
            assert!(same(text, &alloc::string::String::from(text)));
            for at in 0..end {
                let (before, rest) = text.split_at(at);
                let other = [before, "X", rest.split_at(1).1].concat();
                assert!(!same(text, &other) && !same(&other, text), "{other}");
                assert!(!same(text, before) && !same(before, text), "{at}");
            }
        }
    }
}
