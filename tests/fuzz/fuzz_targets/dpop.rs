//! DPoP proofs: no panic, and no proof for a key that nobody has.
#![no_main]

use actfor::Timestamp;
use actfor::jose::{Algorithm, base64url};
use actfor::proof::{Base, DpopFacts, dpop};
use libfuzzer_sys::fuzz_target;

fn check(header: &[u8]) {
    let Some(base) = Base::parse("https://api.example") else { panic!("a good address") };
    let Some(now) = Timestamp::from_seconds(1_562_262_618) else { panic!("a good time") };
    let facts = DpopFacts {
        method: "GET",
        path: "/x",
        bases: &[base],
        access_token: "t",
        thumbprint: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        algorithms: Algorithm::ALL,
        nonces: Some(&["n"]),
        now,
        max_age: 60,
        leeway: 5,
        host: None,
    };
    assert!(dpop::verify(&[header], &facts).is_err());
}

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    let parts: Vec<_> = bytes.splitn(3, |byte| *byte == b'\n').map(base64url::encode).collect();
    check(parts.join(".").as_bytes());
});
