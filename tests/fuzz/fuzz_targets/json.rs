//! Strict JSON: no panic, and what is accepted is written again as the same value.
#![no_main]

use actfor::json::{self, Limits, Writer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = json::parse(bytes, &Limits::TOKEN) else { return };
    let mut w = Writer::default();
    w.value(&value);
    let again = w.finish();
    assert_eq!(json::parse(again.as_bytes(), &Limits::TOKEN).as_ref(), Ok(&value));
});
