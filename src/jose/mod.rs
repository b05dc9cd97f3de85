//! JSON Object Signing: compact JWS (RFC 7515), JWK (RFC 7517, RFC 7638), algorithms (RFC 7518, RFC 8037,
//! RFC 9864).
//!
//! It reads the form, applies the header rules of RFC 8725 and checks signatures. What a token says is for
//! the caller: which kinds of token, issuers and algorithms are accepted, and what the claims must be.
//!
//! ```
//! use actfor::jose::{Algorithm, Jws, JwsLimits, KeySet, Typ, check_header};
//!
//! # fn verify(compact: &str, jwks: &[u8]) -> Result<(), Box<dyn core::error::Error>> {
//! let allowed = [Algorithm::Es256, Algorithm::Ed25519];
//! let keys = KeySet::parse(jwks, &allowed)?;
//! let jws = Jws::parse(compact, &JwsLimits::DEFAULT)?;
//! let algorithm = check_header(jws.header(), &allowed, Typ::OneOf(&["at+jwt"]))?;
//! let key = keys.select(algorithm, jws.header().kid())?;
//! if key.verify(algorithm, jws.signing_input(), jws.signature()) {
//!     let claims = jws.into_claims(); // now they were said by the key's owner
//! }
//! # Ok(()) }
//! ```

#[cfg(not(any(
    feature = "ed25519",
    feature = "es256",
    feature = "es384",
    feature = "ps256",
    feature = "ps384",
    feature = "ps512",
    feature = "rs256",
    feature = "rs384",
    feature = "rs512",
)))]
compile_error!("nothing can be verified without an algorithm: choose a feature, such as `es256`");

mod algorithm;
mod algorithms;
pub mod base64url;
mod header;
mod host;
mod jwk;
mod jws;
mod key_set;

pub use algorithm::Algorithm;
pub(crate) use header::{EmbeddedKey, check_header_with};
pub use header::{Header, Typ, check_header};
pub use host::HostCrypto;
pub use jwk::{Key, KeyError};
pub use jws::{Envelope, Jws, JwsLimits};
pub use key_set::KeySet;
