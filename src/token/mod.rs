//! Access tokens: verified, and only then read.
//!
//! Nothing but a [`VerifiedToken`] has facts. The checks run in this order: size and form, issuer, header,
//! key, signature, claims, audience, times. Audience and times are checked again each time a remembered
//! token is used.

mod access_token;
pub(crate) mod assertion;
pub(crate) mod claims;
pub(crate) mod introspection;
pub(crate) mod status;

pub use access_token::VerifiedToken;
pub(crate) use access_token::verify;
pub(crate) use claims::check_name;
pub use claims::{Claims, Confirmation};
pub use introspection::Introspection;
