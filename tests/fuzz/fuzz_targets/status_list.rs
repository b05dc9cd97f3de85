//! Status lists: no panic, bounded memory, and no list counts that the issuer did not sign.
//!
//! The input is claims that are signed as a list token with a real key: with `lst` as the fuzzer has it, and with its
//! bytes behind the claims put in, compressed or not.
#![no_main]

use actfor::jose::{Algorithm, base64url};
use actfor::{Guard, Timestamp};
use actfor_mint::SigningKey;
use libfuzzer_sys::fuzz_target;

const NOW: u64 = 1_795_000_060;

fn guard(key: &SigningKey) -> Guard {
    let config = format!(
        r#"{{"issuers":[{{"issuer":"https://as.example","audience":"https://api.example","algorithms":["Ed25519"],
        "dialect":"rfc9068","jwks":{{"keys":[{}]}},"status":{{"uris":["https://as.example/s/*"]}}}}],
        "policy":"actfor 1\npublic GET /x"}}"#,
        key.public_jwk()
    );
    Guard::from_config(config.as_bytes(), 1).unwrap()
}

thread_local! {
    static KEY: SigningKey = SigningKey::from_seed(Algorithm::Ed25519, [5; 32]).unwrap();
    static GUARD: Guard = KEY.with(guard);
}

fn take(token: &str) -> bool {
    let now = Timestamp::from_seconds(NOW).unwrap();
    GUARD.with(|guard| guard.clone().set_status_list("https://as.example", token, now).is_ok())
}

fuzz_target!(|bytes: &[u8]| {
    // As it stands: nobody has the key.
    if let Ok(text) = core::str::from_utf8(bytes) {
        assert!(!take(text));
    }
    // Any claims, and any list, that the issuer signed.
    let (claims, list) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => bytes.split_at(at),
        None => (bytes, &[][..]),
    };
    let list = base64url::encode(list.get(1..).unwrap_or_default());
    KEY.with(|key| {
        let claims = String::from_utf8_lossy(claims).replace("$list", &list);
        take(&key.sign("statuslist+jwt", &claims));
        take(&key.sign(
            "statuslist+jwt",
            &format!(
                r#"{{"iss":"https://as.example","sub":"https://as.example/s/1","iat":{NOW},"status_list":{{"bits":1,"lst":"{list}"}}}}"#
            ),
        ));
    });
});
