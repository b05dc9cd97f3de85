//! Nonces for DPoP proofs (RFC 9449 §8, §9) without anything to remember.

use alloc::string::String;

use sha2::{Digest, Sha256};

use crate::jose::base64url;
use crate::time::Timestamp;

/// Makes nonces from a secret and the time: workers that share the secret accept each other's.
#[derive(Clone)]
pub struct Nonces {
    secret: [u8; 32],
    /// Seconds; never 0.
    period: u64,
}

impl core::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Nonces({} s)", self.period)
    }
}

impl Nonces {
    /// Nonces that change every `period` seconds (0 counts as 1). `secret` is random, and known to the workers only.
    pub fn new(secret: [u8; 32], period: u64) -> Self {
        Self { secret, period: period.max(1) }
    }

    /// The nonce to give to clients now (`DPoP-Nonce`).
    pub fn current(&self, now: Timestamp) -> String {
        self.at(self.index(now))
    }

    /// The nonces that are accepted now: the current one and the one before, so that none dies on its way.
    pub fn accepted(&self, now: Timestamp) -> [String; 2] {
        let index = self.index(now);
        [self.at(index), self.at(index.saturating_sub(1))]
    }

    fn index(&self, now: Timestamp) -> u64 {
        now.seconds().checked_div(self.period).unwrap_or(0)
    }

    /// Secret and message have a fixed length, so hashing one after the other is a sound MAC: there is no message
    /// that extends another.
    fn at(&self, index: u64) -> String {
        let hash = Sha256::new().chain_update(self.secret).chain_update(index.to_be_bytes()).finalize();
        base64url::encode(&hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_current_and_the_one_before() {
        let nonces = Nonces::new([7; 32], 60);
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
        let given = nonces.current(at(600));
        assert_eq!(given.len(), 43);
        assert!(nonces.accepted(at(659)).contains(&given));
        assert!(nonces.accepted(at(719)).contains(&given));
        assert!(!nonces.accepted(at(720)).contains(&given));
        assert!(!nonces.accepted(at(599)).contains(&given));
        assert!(!Nonces::new([8; 32], 60).accepted(at(600)).contains(&given));
    }
}
