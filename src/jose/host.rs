//! The host's own crypto, beside ours.
//!
//! It is asked for the mathematics only. What a key and a signature must look like is settled before, by the same code
//! as ever, and where the host cannot tell, ours does: which of the two it was never changes a result.

use core::fmt;

use super::{Algorithm, Key};

/// A host that can check signatures, and does so faster than code that runs in it.
///
/// INVARIANT: `Some(true)` only where the signature holds under exactly this key, algorithm and message.
pub trait HostCrypto: fmt::Debug + Sync {
    /// Whether the signature holds; `None` where the host cannot tell. The signature is as a JWS has it (RFC 7518 §3.3 to
    /// §3.5, RFC 8037 §3.1), of the right length, and its numbers are in their ranges.
    fn verify(&self, key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool>;
}
