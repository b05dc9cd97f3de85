//! Ed25519 (RFC 8037, RFC 9864), strict.

use alloc::borrow::Cow;
use core::{convert::Infallible, num::NonZeroUsize};

/// A key on the curve, canonically written, and of large order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::jose) struct Ed25519Key(ed25519_dalek::VerifyingKey);

impl Ed25519Key {
    /// From its 32 bytes; `None` for a point that is not on the curve, that has several texts, or whose
    /// signatures hold for almost any message (small order). RFC 8032 §5.1.3, §5.1.7; stricter than RFC 8037.
    pub(in crate::jose) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).ok()?;
        let canonical = key.to_edwards().compress().to_bytes() == *bytes;
        (canonical && !key.is_weak()).then_some(Self(key))
    }
}

/// `Ed25519`, also under its old name `EdDSA`.
pub(in crate::jose) struct Ed25519;

/// The order of the group, little-endian (RFC 8032 §5.1).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The y of every point of order 4, 1, 2 and 8, little-endian; each has at most two x, which differ in the highest bit.
const SMALL: [[u8; 32]; 5] = [
    [0; 32],
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 5, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 2, 0x88, 0x6d, 0x53, 0xfc, 5,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 3, 0x7a,
    ],
];

/// RFC 8032 §5.1.7, step 1: otherwise a signature has several texts.
fn is_below_order(s: &[u8; 32]) -> bool {
    s.iter().rev().lt(ORDER.iter().rev())
}

/// Whether these bytes are a point of order 1, 2, 4 or 8 in its canonical form; another form never equals an R that is
/// computed. A signature with such an R was not made by signing.
fn is_small(r: &[u8; 32]) -> bool {
    let mut y = *r;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    SMALL.contains(&y)
}

/// `R` and `S`: `R` not of small order, `S` below the order of the group.
pub(in crate::jose) struct Ed25519Signature(ed25519_dalek::Signature);

impl jwt_compact::AlgorithmSignature for Ed25519Signature {
    const LENGTH: Option<NonZeroUsize> = NonZeroUsize::new(64);

    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        let signature =
            ed25519_dalek::Signature::from_slice(slice).map_err(|_| anyhow::Error::msg("not 64 bytes"))?;
        if is_small(signature.r_bytes()) || !is_below_order(signature.s_bytes()) {
            return Err(anyhow::Error::msg("R is of small order, or S is not below the order of the group"));
        }
        Ok(Self(signature))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_bytes().to_vec())
    }
}

impl jwt_compact::Algorithm for Ed25519 {
    type SigningKey = Infallible;
    type VerifyingKey = Ed25519Key;
    type Signature = Ed25519Signature;

    fn name(&self) -> Cow<'static, str> {
        "Ed25519".into()
    }

    fn sign(&self, key: &Infallible, _message: &[u8]) -> Ed25519Signature {
        match *key {}
    }

    fn verify_signature(&self, signature: &Ed25519Signature, key: &Ed25519Key, message: &[u8]) -> bool {
        // Strict: S < L (RFC 8032 §5.1.7), and no R of small order.
        key.0.verify_strict(message, &signature.0).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list against the judgement of the library, for points and for their neighbours.
    #[test]
    fn knows_the_points_of_small_order() {
        let weak = |y: &[u8; 32]| ed25519_dalek::VerifyingKey::from_bytes(y).is_ok_and(|key| key.is_weak());
        for y in SMALL {
            for sign in [0, 0x80] {
                let mut r = y;
                r[31] |= sign;
                assert!(weak(&r) && is_small(&r), "{r:?}");
                for at in 0..32 {
                    let mut other = r;
                    other[at] ^= 4;
                    assert!(!weak(&other) && !is_small(&other), "{other:?}");
                }
            }
        }
    }

    #[test]
    fn the_order_is_the_first_that_is_not_below_it() {
        assert!(!is_below_order(&ORDER));
        for at in 0..32 {
            let (mut more, mut less) = (ORDER, ORDER);
            more[at] = more[at].saturating_add(1);
            less[at] = less[at].saturating_sub(1);
            assert!(!is_below_order(&more));
            assert_eq!(is_below_order(&less), less != ORDER);
        }
    }
}
