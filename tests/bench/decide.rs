//! `guard.decide` inside the core, without a host: a token that was seen before, the running example's push.
//!
//! `cargo run --release --example bench_decide [-- ROUNDS]`. Prints JSON: median and spread in nanoseconds a call, of the
//! verdict, of the document, and of a cold token of each algorithm.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement"
)]

#[path = "../support/acme.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod acme;

use std::hint::black_box;
use std::time::Instant;

use acme::{Acme, NOW};
use actfor::{Request, Timestamp, Verdict};
use actfor_mint::patterns::Pattern;

const CALLS: u32 = 20_000;

fn time(rounds: usize, mut f: impl FnMut()) -> [f64; 3] {
    (0..CALLS / 10).for_each(|_| f());
    let mut samples: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            (0..CALLS).for_each(|_| f());
            start.elapsed().as_nanos() as f64 / f64::from(CALLS)
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    [samples[rounds / 2], samples[0], samples[rounds - 1]]
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(15, |rounds| rounds.parse().unwrap());
    let acme = Acme::default();
    let guard = acme.guard();
    let now = Timestamp::from_seconds(NOW);
    let authorization = format!("Bearer {}", acme.token(Pattern::Interactive));
    let headers = [("authorization", authorization.as_bytes())];
    let url = "/repos/web/git/refs/heads/fix";
    let request = Request { id: "r", method: "PATCH", url, headers: &headers, ..Request::default() };
    assert_eq!(guard.decide(&request, now).verdict(), Verdict::Allow);
    let row = |name: &str, [median, least, most]: [f64; 3]| {
        println!("{{\"name\":\"{name}\",\"median\":{median:.0},\"min\":{least:.0},\"max\":{most:.0}}}");
    };
    row("verdict", time(rounds, || drop(black_box(guard.decide(black_box(&request), now)))));
    row("document", time(rounds, || drop(black_box(guard.explain(black_box(&request), now)))));
}
