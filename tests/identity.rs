//! Who is it, really: dialects, carriers, chains and revocation.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests may panic"
)]

#[path = "support/identity/asking.rs"]
mod asking;
#[path = "support/identity/cases.rs"]
mod cases;
#[path = "support/identity/configuration.rs"]
mod configuration;
#[path = "support/identity/fixtures.rs"]
mod fixtures;
#[path = "support/identity/inspecting.rs"]
mod inspecting;
#[path = "support/identity/merging.rs"]
mod merging;
#[path = "support/identity/minting.rs"]
mod minting;
#[path = "support/identity/revocation.rs"]
mod revocation;
#[path = "support/identity/sentences.rs"]
mod sentences;
#[path = "support/identity/silence.rs"]
mod silence;
#[path = "support/identity/mod.rs"]
mod support;
#[path = "support/vectors.rs"]
mod vectors;
#[path = "support/identity/written.rs"]
mod written;
