//! Properties of the parsers and of the signature check, over random input.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

use actfor::jose::{Algorithm, Envelope, Jws, JwsLimits, Key, KeySet, Typ, base64url, check_header};
use actfor::json::{self, Limits, Writer};
use actfor::proof::{Base, Certificate, DpopFacts, MemoryStore, ReplayStore, Use, dpop};
use actfor::{Code, Timestamp};
use actfor_mint::{Proof, SigningKey, patterns};
use proptest::prelude::*;

fn es256() -> SigningKey {
    SigningKey::from_seed(Algorithm::Es256, [1; 32]).unwrap()
}

fn ed25519() -> SigningKey {
    SigningKey::from_seed(Algorithm::Ed25519, [2; 32]).unwrap()
}

fn key_set(keys: &[SigningKey]) -> KeySet {
    let keys: Vec<_> = keys.iter().map(SigningKey::public_jwk).collect();
    KeySet::parse(format!("{{\"keys\":[{}]}}", keys.join(",")).as_bytes(), Algorithm::ALL).unwrap()
}

fn verifies(token: &str, keys: &KeySet) -> bool {
    let verify = || {
        let jws = Jws::parse(token, &JwsLimits::DEFAULT)?;
        let algorithm = check_header(jws.header(), Algorithm::ALL, Typ::OneOf(&["at+jwt"]))?;
        let key = keys.select(algorithm, jws.header().kid())?;
        Ok::<_, actfor::TokenError>(key.verify(algorithm, jws.signing_input(), jws.signature()))
    };
    verify().unwrap_or(false)
}

fn token(key: &SigningKey) -> String {
    key.sign("at+jwt", &patterns::claims(patterns::Pattern::Automated, &patterns::Mint::fixture()))
}

/// Every position, three other characters each.
#[test]
fn any_character_changed_refuses() {
    for key in [es256(), ed25519()] {
        let keys = key_set(&[SigningKey::from_jwk(&key.to_jwk()).unwrap()]);
        let token = token(&key);
        assert!(verifies(&token, &keys));
        for position in 0..token.len() {
            for other in [b'A', b'w', b'_', b'.'] {
                let mut changed = token.clone().into_bytes();
                if changed[position] == other {
                    continue;
                }
                changed[position] = other;
                let changed = String::from_utf8(changed).unwrap();
                assert!(!verifies(&changed, &keys), "{position}: {changed}");
            }
        }
    }
}

/// Every bit of the bytes that are signed, and of the signature, below the text.
#[test]
fn any_bit_changed_refuses() {
    for key in [es256(), ed25519()] {
        let token = token(&key);
        let jws = Jws::parse(&token, &JwsLimits::DEFAULT).unwrap();
        let keys = key_set(&[SigningKey::from_jwk(&key.to_jwk()).unwrap()]);
        let public = &keys.keys()[0];
        let (message, signature) = (jws.signing_input().to_vec(), jws.signature().to_vec());
        let holds = |message: &[u8], signature: &[u8]| public.verify(key.algorithm(), message, signature);
        assert!(holds(&message, &signature));
        for bit in 0..signature.len() * 8 {
            let mut changed = signature.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!holds(&message, &changed), "signature, bit {bit}");
        }
        for bit in (0..message.len() * 8).step_by(7) {
            let mut changed = message.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!holds(&changed, &signature), "message, bit {bit}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn base64url_has_one_text_for_one_value(bytes: Vec<u8>, text in "[A-Za-z0-9_=+/ -]{0,40}") {
        let encoded = base64url::encode(&bytes);
        let decoded = base64url::decode(&encoded);
        prop_assert_eq!(decoded.as_deref(), Some(bytes.as_slice()));
        if let Some(bytes) = base64url::decode(&text) {
            prop_assert_eq!(base64url::encode(&bytes), text);
        }
    }

    #[test]
    fn json_written_again_is_the_same_value(text in r#"[\[\]{}:,"a1\-. \\untrefals]{0,60}"#) {
        if let Ok(value) = json::parse(text.as_bytes(), &Limits::TOKEN) {
            let mut w = Writer::default();
            w.value(&value);
            let again = w.finish();
            prop_assert_eq!(json::parse(again.as_bytes(), &Limits::TOKEN), Ok(value));
        }
    }

    #[test]
    fn strange_bytes_are_refused_and_never_panic(bytes: Vec<u8>, text in any::<String>()) {
        prop_assert!(json::parse(&bytes, &Limits::TOKEN).is_err() || core::str::from_utf8(&bytes).is_ok());
        let _ = KeySet::parse(&bytes, Algorithm::ALL);
        prop_assert!(Jws::parse(&text, &JwsLimits::DEFAULT).is_err());
        let _ = Base::parse(&text);
        let _ = Certificate::from_hex(&text);
        let _ = Certificate::from_forwarded(&[&bytes]);
    }

    #[test]
    fn parts_of_strange_bytes_are_refused(header: Vec<u8>, payload: Vec<u8>, signature: Vec<u8>) {
        let text = [header, payload, signature].map(|part| base64url::encode(&part)).join(".");
        prop_assert!(!verifies(&text, &key_set(&[es256()])));
        let _ = Envelope::parse(&text, &JwsLimits::DEFAULT);
    }

    #[test]
    fn headers_with_strange_members_are_refused_or_mean_nothing(name in "[a-z0-9]{1,5}", value in r#"(null|true|1|"[a-zA-Z]{0,6}"|\[\]|\{\})"#) {
        let key = es256();
        let known = ["alg", "typ", "kid"].contains(&name.as_str());
        prop_assume!(!known);
        let header = format!("{{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"{}\",\"{name}\":{value}}}", key.kid());
        let signed = key.sign_as(header.as_bytes(), b"{}");
        let jws = Jws::parse(&signed, &JwsLimits::DEFAULT).unwrap();
        match check_header(jws.header(), &[Algorithm::Es256], Typ::OneOf(&["at+jwt"])) {
            Ok(algorithm) => prop_assert_eq!(algorithm, Algorithm::Es256),
            Err(refusal) => prop_assert_eq!(refusal.code, Code::HeaderUnsupported),
        }
    }

    #[test]
    fn limits_hold_whatever_the_token(length in 0_usize..4_000, limit in 0_usize..4_000) {
        let text = "A".repeat(length);
        let limits = JwsLimits { bytes: limit, ..JwsLimits::DEFAULT };
        let code = Jws::parse(&text, &limits).unwrap_err().code;
        prop_assert_eq!(code, if length > limit { Code::TokenTooLarge } else { Code::TokenMalformed });
    }

    #[test]
    fn one_key_has_one_thumbprint(seed: [u8; 32], more in "[a-z]{2,8}") {
        prop_assume!(!["use", "alg", "crv", "kty", "kid", "dp", "dq", "qi", "oth"].contains(&more.as_str()) && more.len() > 1);
        let key = SigningKey::from_seed(Algorithm::Ed25519, seed).unwrap();
        let jwk = key.public_jwk();
        let other = jwk.replacen('{', &format!("{{\"{more}\":[1],"), 1).replace("\"kid\"", "\"x5t\"");
        prop_assume!(more != "key_ops");
        let read = |text: &str| {
            let value = json::parse(text.as_bytes(), &Limits::TOKEN).unwrap();
            Key::from_jwk(value.as_object().unwrap(), Algorithm::ALL).unwrap()
        };
        prop_assert_eq!(read(&jwk).thumbprint(), read(&other).thumbprint());
        prop_assert_eq!(base64url::encode(&read(&jwk).thumbprint()), key.thumbprint().unwrap());
    }

    /// An address is accepted for exactly the path it names, written in any of its ways.
    #[test]
    fn htu_names_one_path(segments in proptest::collection::vec("[a-zA-Z0-9._~!$&'()*+,;=:@-]{1,6}", 0..5), encode: Vec<bool>, other in "/[a-z]{1,4}") {
        prop_assume!(segments.iter().all(|segment| segment != "." && segment != ".."));
        let path = format!("/{}", segments.join("/"));
        let mut encode = encode.into_iter().chain(core::iter::repeat(false));
        let written: String = path
            .chars()
            .map(|c| match c.is_ascii_alphanumeric() && encode.next().unwrap() {
                true => format!("%{:02x}", c as u32),
                false => c.to_string(),
            })
            .collect();
        let base = Base::parse("https://api.example").unwrap();
        let htu = format!("https://API.example:443{written}?x#y");
        let below = format!("https://api.example{other}{written}");
        let elsewhere = format!("https://api.example.evil.example{written}");
        let longer = format!("{path}x");
        prop_assert!(base.is_target(&htu, &path));
        prop_assert!(!base.is_target(&below, &path));
        prop_assert!(!base.is_target(&elsewhere, &path));
        prop_assert!(!base.is_target(&htu, &longer));
    }

    /// A store never says `First` twice for one proof while it could be used, and never holds more than it may.
    #[test]
    fn no_proof_is_first_twice(uses in proptest::collection::vec((0_usize..4, 0_u64..8), 1..40), capacity in 1_usize..5) {
        let start = 1_795_000_000;
        let proofs: Vec<_> = (0..4).map(|index| proven(&format!("p-{index}"), start)).collect();
        let mut store = MemoryStore::new(capacity);
        let mut seen = [false; 4];
        let mut now = start;
        for (index, step) in uses {
            now += step;
            let time = Timestamp::from_seconds(now).unwrap();
            let usable = time <= proofs[index].usable_until();
            let answer = store.remember(&proofs[index], time);
            prop_assert!(store.len() <= capacity);
            if usable && seen[index] {
                prop_assert_eq!(answer, Ok(Use::Again));
            }
            seen[index] |= answer == Ok(Use::First);
        }
    }
}

fn proven(jti: &str, issued_at: u64) -> actfor::proof::DpopProof {
    let key = ed25519();
    let url = "https://api.example/x";
    let proof =
        key.prove(&Proof { jti, method: "GET", url, issued_at, access_token: "t", nonce: None }).unwrap();
    let facts = DpopFacts {
        method: "GET",
        path: "/x",
        bases: &[Base::parse("https://api.example").unwrap()],
        access_token: "t",
        thumbprint: &key.thumbprint().unwrap(),
        algorithms: &[Algorithm::Ed25519],
        nonces: None,
        now: Timestamp::from_seconds(issued_at).unwrap(),
        max_age: 60,
        leeway: 5,
        host: None,
    };
    dpop::verify(&[proof.as_bytes()], &facts).unwrap()
}
