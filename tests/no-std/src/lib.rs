//! Builds the core without std.
#![no_std]
pub use actfor::Guard;
