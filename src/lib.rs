//! actfor answers, inside the request path: who is really making this request, and on whose behalf? Then it decides.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod approval;
pub mod audit;
mod cache;
mod carriers;
pub mod chain;
mod config;
mod decision;
mod document;
mod error;
pub mod expr;
mod guard;
pub mod identity;
mod inspect;
pub mod jose;
pub mod json;
mod keys;
mod lists;
pub mod mcp;
mod names;
pub mod pack;
pub mod policy;
pub mod proof;
pub mod relation;
mod relationships;
mod request;
mod revocation;
mod run;
mod sort;
mod time;
pub mod token;
mod truth;
mod update;
mod vouched;

pub use approval::{Approval, UsedApproval};
pub use decision::{Decision, Verdict};
pub use error::{Code, ConfigError, PolicyError, Position, Refusal, Stage, TokenError, is_invisible, quote};
pub use guard::Guard;
pub use inspect::inspect;
pub use lists::{Listed, Objects};
pub use relationships::Relate;
pub use request::{Question, Request};
pub use time::{Round, Timestamp};
pub use truth::Truth;
pub use update::Change;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
