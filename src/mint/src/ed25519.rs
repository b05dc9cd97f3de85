//! Signing with Ed25519 (RFC 8032 §5.1). Without the 30 KB table that makes the signatures of `ed25519-dalek` quick: a
//! module for the web that signs for tests is better small.

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use sha2::{Digest, Sha512};

pub struct Key {
    seed: [u8; 32],
    scalar: Scalar,
    prefix: [u8; 32],
    public: [u8; 32],
}

impl Key {
    pub fn new(seed: [u8; 32]) -> Self {
        let hash: [u8; 64] = Sha512::digest(seed).into();
        let (mut scalar, mut prefix) = ([0; 32], [0; 32]);
        scalar.iter_mut().chain(&mut prefix).zip(hash).for_each(|(to, byte)| *to = byte);
        let scalar = Scalar::from_bytes_mod_order(clamp_integer(scalar));
        Self { seed, scalar, prefix, public: point(&scalar) }
    }

    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    #[expect(clippy::arithmetic_side_effects, reason = "modulo the order: nothing overflows")]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let nonce = modulo_order(&[&self.prefix, message]);
        let nonce_point = point(&nonce);
        let challenge = modulo_order(&[&nonce_point, &self.public, message]);
        [nonce_point, (nonce + challenge * self.scalar).to_bytes()].concat()
    }
}

fn modulo_order(parts: &[&[u8]]) -> Scalar {
    let hash = parts.iter().fold(Sha512::new(), Sha512::chain_update);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

#[expect(clippy::arithmetic_side_effects, reason = "on the curve: nothing overflows")]
fn point(scalar: &Scalar) -> [u8; 32] {
    (ED25519_BASEPOINT_POINT * scalar).compress().to_bytes()
}

#[cfg(test)]
mod tests {
    use super::Key;
    use ed25519_dalek::Signer as _;

    #[test]
    fn keys_and_signatures_are_those_of_another_implementation() {
        for byte in 0..=32 {
            let seed = std::array::from_fn(|at| byte ^ at as u8);
            let (ours, theirs) = (Key::new(seed), ed25519_dalek::SigningKey::from_bytes(&seed));
            assert_eq!(ours.public(), theirs.verifying_key().as_bytes());
            let message = vec![byte; usize::from(byte) * 7];
            assert_eq!(ours.sign(&message), theirs.sign(&message).to_bytes());
        }
    }
}
