//! Development keys and tokens: what `actfor mint`, the testing entry of the npm package, the vectors and the
//! tests make theirs with. Never for production: keys lie in memory as they are, and nothing is rotated.
//!
//! ```
//! use actfor::jose::Algorithm;
//! use actfor_mint::{SigningKey, patterns};
//!
//! let key = SigningKey::generate(Algorithm::Es256)?;
//! let hr = patterns::Pattern::from_name("hr").unwrap();
//! let token = key.sign("at+jwt", &patterns::claims(hr, &patterns::Mint::fixture()));
//! assert_eq!(token.split('.').count(), 3);
//! let key_set = format!("{{\"keys\":[{}]}}", key.public_jwk());
//! # let _ = key_set;
//! # Ok::<(), actfor_mint::MintError>(())
//! ```

pub mod dialects;
mod ed25519;
mod key;
pub mod patterns;

pub use key::{MintError, Proof, SigningKey, digest, random};
