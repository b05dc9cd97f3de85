//! ES384 (RFC 7518 §3.4): ECDSA with `r` and `s` written one after the other, never DER.

use alloc::borrow::Cow;
use core::{convert::Infallible, num::NonZeroUsize};

use p384::ecdsa::{Signature, signature::Verifier};

/// A point of the curve that is not the identity.
pub(in crate::jose) use p384::ecdsa::VerifyingKey as P384Key;

/// `ES384`.
pub(in crate::jose) struct Es384;

/// `r` and `s`, both between 1 and n - 1.
pub(in crate::jose) struct P384Signature(Signature);

impl jwt_compact::AlgorithmSignature for P384Signature {
    const LENGTH: Option<NonZeroUsize> = NonZeroUsize::new(96);

    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        // Refuses zero and n or more (FIPS 186-5 §6.4.2): the signature of all zeros fits every message otherwise.
        Signature::from_slice(slice).map(Self).map_err(|_| anyhow::Error::msg("r or s is out of range"))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_bytes().to_vec())
    }
}

impl jwt_compact::Algorithm for Es384 {
    type SigningKey = Infallible;
    type VerifyingKey = P384Key;
    type Signature = P384Signature;

    fn name(&self) -> Cow<'static, str> {
        "ES384".into()
    }

    fn sign(&self, key: &Infallible, _message: &[u8]) -> P384Signature {
        match *key {}
    }

    fn verify_signature(&self, signature: &P384Signature, key: &P384Key, message: &[u8]) -> bool {
        key.verify(message, &signature.0).is_ok()
    }
}
