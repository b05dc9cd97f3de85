//! The hot path allocates nothing: a token that was seen before, a user and one agent, a route, relations.

#![allow(unsafe_code, reason = "counting allocations takes an allocator")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

#[path = "support/acme.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod acme;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use acme::{Acme, NOW};
use actfor::{Request, Timestamp, Verdict};
use actfor_mint::patterns::Pattern;

static COUNT: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: everything is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// One test: the counter is the whole process's.
#[test]
fn deciding_about_a_token_seen_before_allocates_nothing() {
    let acme = Acme::default();
    let guard = acme.guard();
    let now = Timestamp::from_seconds(NOW);
    for (pattern, method, url) in [
        (Pattern::Interactive, "PATCH", "/repos/web/git/refs/heads/fix"),
        (Pattern::Offline, "GET", "/repos/web/x"),
        (Pattern::Automated, "GET", "/salaries/ana"),
    ] {
        let authorization = format!("Bearer {}", acme.token(pattern));
        let headers = [("authorization", authorization.as_bytes())];
        let request = Request { id: "r", method, url, headers: &headers, ..Request::default() };
        for _ in 0..3 {
            assert_eq!(guard.decide(&request, now).verdict(), Verdict::Allow);
        }
        let before = COUNT.load(Relaxed);
        for _ in 0..10 {
            assert_eq!(guard.decide(&request, now).verdict(), Verdict::Allow);
        }
        assert_eq!(COUNT.load(Relaxed), before, "allocations in ten decisions: {method} {url}");
    }
}
