//! The Envoy filter: asks the guard about every request, then refuses it or passes it on with who is acting for whom.
//!
//! The logic is written against [`host::Host`] and tested natively; `glue.rs` joins it to proxy-wasm. What
//! reads the token and decides is the core; here is only what is Envoy's: its headers, its filter state, its
//! counters, its clusters and its clock. Whatever goes wrong on the way refuses the request.

pub mod callouts;
pub mod config;
pub mod counters;
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only Envoy has what it is for"))]
mod crypto;
pub mod filter;
pub mod headers;
pub mod host;
pub mod keys;
pub mod outcome;
pub mod plugin;
pub mod replay;
pub mod structure;
pub mod uri;

#[cfg(test)]
#[path = "../../../../tests/support/acme.rs"]
#[allow(dead_code, reason = "shared with tests that use other parts of it")]
mod acme;
#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a fake proxy may panic")]
mod fake;
#[cfg(target_arch = "wasm32")]
mod glue;
