//! Compact JWS: no panic, one text for one token, and nobody without the key makes one that verifies.
//!
//! The input is taken as a token, and as header, payload and signature between line breaks, so that the fuzzer
//! reaches what lies behind base64url.
#![no_main]

use actfor::jose::{Algorithm, Envelope, Jws, JwsLimits, KeySet, Typ, base64url, check_header};
use libfuzzer_sys::fuzz_target;

const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

fn check(text: &str) {
    if let Ok(envelope) = Envelope::parse(text, &JwsLimits::DEFAULT) {
        let parts: Vec<_> = text.split('.').collect();
        assert_eq!(base64url::encode(envelope.payload()), parts[1]);
        assert_eq!(base64url::encode(envelope.signature()), parts[2]);
    }
    let Ok(jws) = Jws::parse(text, &JwsLimits::DEFAULT) else { return };
    let Ok(algorithm) = check_header(jws.header(), Algorithm::ALL, Typ::OneOf(&["at+jwt"])) else { return };
    let Ok(keys) = KeySet::parse(KEYS.as_bytes(), Algorithm::ALL) else { panic!("the keys are good") };
    if let Ok(key) = keys.select(algorithm, jws.header().kid()) {
        assert!(!key.verify(algorithm, jws.signing_input(), jws.signature()));
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = core::str::from_utf8(bytes) {
        check(text);
    }
    let parts: Vec<_> = bytes.splitn(3, |byte| *byte == b'\n').map(base64url::encode).collect();
    check(&parts.join("."));
});
