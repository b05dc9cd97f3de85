//! The algorithms themselves, each behind the trait of jwt-compact.
//!
//! Nobody can sign with them: their signing key is uninhabited.

use core::convert::Infallible;

use jwt_compact::AlgorithmSignature as _;

#[cfg(feature = "ed25519")]
pub(super) mod ed25519;
#[cfg(feature = "es256")]
pub(super) mod es256;
#[cfg(feature = "es384")]
pub(super) mod es384;
#[cfg(feature = "_rsa")]
mod montgomery;
#[cfg(feature = "_rsa")]
pub(super) mod rsa;

/// Checks a signature: its length, its form, then the mathematics, unless the host has done that.
pub(super) fn verify<A>(
    algorithm: &A,
    key: &A::VerifyingKey,
    message: &[u8],
    signature: &[u8],
    host: &dyn Fn() -> Option<bool>,
) -> bool
where
    A: jwt_compact::Algorithm<SigningKey = Infallible>,
{
    A::Signature::try_from_slice(signature)
        .is_ok_and(|signature| host().unwrap_or_else(|| algorithm.verify_signature(&signature, key, message)))
}
