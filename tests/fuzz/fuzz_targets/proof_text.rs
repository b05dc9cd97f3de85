//! Addresses (`htu`) and forwarded certificates: no panic; an address that is accepted names the configured host.
#![no_main]

use actfor::proof::{Base, Certificate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Certificate::from_forwarded(&[bytes]);
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let _ = Certificate::from_hex(text);
    let _ = Base::parse(text);
    let Some(base) = Base::parse("https://api.example") else { panic!("a good address") };
    if base.is_target(text, "/repos/web") {
        let lower = text.to_ascii_lowercase();
        assert!(
            ["https://api.example/", "https://api.example:"].iter().any(|start| lower.starts_with(start)),
            "{text}"
        );
    }
    if text.starts_with('/') && base.is_target(&format!("https://api.example{text}"), text) {
        assert!(!text.contains("//") && !text.contains("/../"), "{text}");
    }
});
