//! Key sets: no panic; a key's thumbprint depends on the key alone; a wrong signature never holds.
#![no_main]

use actfor::jose::{Algorithm, Key, KeySet};
use actfor::json::{self, Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(set) = KeySet::parse(bytes, Algorithm::ALL) else { return };
    for key in set.keys() {
        let Ok(value) = json::parse(key.canonical_jwk().as_bytes(), &Limits::TOKEN) else {
            panic!("canonical JSON")
        };
        let Some(object) = value.as_object() else { panic!("an object") };
        let again = Key::from_jwk(object, &[key.algorithm()]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again.thumbprint(), key.thumbprint());
        for algorithm in Algorithm::ALL {
            assert!(!key.verify(*algorithm, b"message", &[0; 64]));
            assert!(!key.verify(*algorithm, b"message", b""));
        }
    }
});
