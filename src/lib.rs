//! actfor answers, inside the request path: who is really making this request, and on whose behalf? Then it decides.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod cache;
mod chain;
mod config;
mod decision;
mod document;
mod error;
mod guard;
pub mod identity;
pub mod jose;
pub mod json;
mod names;
pub mod pack;
pub mod policy;
pub mod proof;
pub mod relation;
mod request;
mod revocation;
mod time;
pub mod token;
mod truth;

pub use decision::{Decision, Verdict};
pub use error::{Code, ConfigError, PolicyError, Position, Refusal, Stage, TokenError, is_invisible, quote};
pub use guard::Guard;
pub use request::Request;
pub use time::{Round, Timestamp};
pub use truth::Truth;
