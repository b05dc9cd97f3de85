//! Who is it, really: user, agent, instance, relationship and chain, each fact with its source.
//!
//! A [dialect](dialect) reads a verified token into facts; [`context`] checks that they fit together and
//! names the kind of relationship from one closed table. What a token does not say stays unknown: nothing is
//! guessed, and a claim that is there but unreadable derives nothing.

pub mod context;
pub mod dialect;
mod fact;
pub mod merge;
mod reuse;

pub use context::{Authority, Identity, Instance, Kind, Link, Mode, Principal, Role, User};
pub use fact::{Fact, Layer, Src, Why};
pub(crate) use reuse::check as check_reuse;
pub use reuse::{Holder, SeenInstance};
