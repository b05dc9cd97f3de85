//! How often a signature is checked.

use std::sync::atomic::{AtomicUsize, Ordering};

use actfor::jose::{Algorithm, HostCrypto, Key};

/// Leaves every signature to the core, and counts how often it is asked. Each test has its own.
#[derive(Debug, Default)]
pub struct Counter(AtomicUsize);

impl HostCrypto for Counter {
    fn verify(&self, _: &Key, _: Algorithm, _: &[u8], _: &[u8]) -> Option<bool> {
        self.0.fetch_add(1, Ordering::SeqCst);
        None
    }
}

impl Counter {
    /// A counter for one guard.
    pub fn new() -> &'static Self {
        Box::leak(Box::default())
    }

    /// How many signatures were checked since the last time.
    pub fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}
