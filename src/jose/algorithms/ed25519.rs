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

/// `R` and `S`, with `S` below the order of the group.
pub(in crate::jose) struct Ed25519Signature(ed25519_dalek::Signature);

impl jwt_compact::AlgorithmSignature for Ed25519Signature {
    const LENGTH: Option<NonZeroUsize> = NonZeroUsize::new(64);

    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        ed25519_dalek::Signature::from_slice(slice).map(Self).map_err(|_| anyhow::Error::msg("not 64 bytes"))
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
