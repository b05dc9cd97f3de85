//! Proof of possession: a bound token (`cnf`, RFC 7800) is worth nothing without its key.
//!
//! [`dpop`] reads DPoP proofs (RFC 9449), [`mtls`] compares client certificates (RFC 8705), [`htu`] says when
//! two addresses are one. They decide whether a proof is good for this request and this token. Whether it was
//! used before is for a [`ReplayStore`], which the caller asks last, so that a bad proof leaves no trace in it.

pub(crate) mod binding;
pub mod dpop;
pub mod htu;
pub mod mtls;
mod nonce;
mod replay;

pub use binding::Binding;
pub use dpop::{DpopFacts, DpopProof};
pub use htu::Base;
pub use mtls::Certificate;
pub use nonce::Nonces;
pub use replay::{MemoryStore, ReplayStore, StoreError, Use, refuse_replay};
