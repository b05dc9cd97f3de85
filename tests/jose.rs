//! The envelope, its header and its keys, through the public interface.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

use actfor::Code;
use actfor::jose::{Algorithm, Jws, JwsLimits, KeySet, Typ, check_header};
use actfor::json;
use actfor_mint::{SigningKey, patterns};

#[test]
fn what_is_minted_verifies() {
    for algorithm in [Algorithm::Es256, Algorithm::Ed25519, Algorithm::EdDsa] {
        let key = SigningKey::generate(algorithm).unwrap();
        let again = SigningKey::from_jwk(&key.to_jwk()).unwrap();
        let keys =
            KeySet::parse(format!("{{\"keys\":[{}]}}", key.public_jwk()).as_bytes(), &[algorithm]).unwrap();
        for pattern in patterns::Pattern::ALL {
            let claims = patterns::claims(pattern, &patterns::Mint::fixture());
            let token = key.sign("at+jwt", &claims);
            assert_eq!(token, again.sign("at+jwt", &claims), "signatures are deterministic");
            let jws = Jws::parse(&token, &JwsLimits::DEFAULT).unwrap();
            assert_eq!(jws.header().algorithm(), Some(algorithm.name()));
            assert_eq!((jws.header().typ(), jws.header().kid()), (Some("at+jwt"), Some(key.kid())));
            assert_eq!((jws.header().members().len(), jws.compact()), (3, token.as_str()));
            let named = check_header(jws.header(), &[algorithm], Typ::OneOf(&["at+jwt"])).unwrap();
            let public = keys.select(named, jws.header().kid()).unwrap();
            assert!(public.verify(named, jws.signing_input(), jws.signature()));
            assert!(!public.verify(named, jws.signing_input().get(1..).unwrap(), jws.signature()));
        }
    }
}

/// RFC 8725 §3.11, §3.12: each kind of token offered in place of each other kind is refused, also where an issuer
/// does not tell kinds apart.
#[test]
fn no_kind_of_token_passes_for_another() {
    const KINDS: [&str; 7] = [
        "at+jwt",
        "txntoken+jwt",
        "token-introspection+jwt",
        "agent-context+jwt",
        "dpop+jwt",
        "statuslist+jwt",
        "agent-approval+jwt",
    ];
    let key = SigningKey::from_seed(Algorithm::Ed25519, [3; 32]).unwrap();
    for offered in KINDS {
        let token = key.sign(offered, "{}");
        let jws = Jws::parse(&token, &JwsLimits::DEFAULT).unwrap();
        for expected in KINDS {
            let found = check_header(jws.header(), &[Algorithm::Ed25519], Typ::OneOf(&[expected]));
            let wanted = if offered == expected { Ok(Algorithm::Ed25519) } else { Err(Code::TokenTypeWrong) };
            assert_eq!(found.map_err(|refusal| refusal.code), wanted, "{offered} for {expected}");
        }
        let found = check_header(jws.header(), &[Algorithm::Ed25519], Typ::Untyped);
        assert_eq!(found.unwrap_err().code, Code::TokenTypeWrong, "{offered} for an untyped one");
    }
    for untyped in [
        r#"{"alg":"Ed25519"}"#,
        r#"{"alg":"Ed25519","typ":"JWT"}"#,
        r#"{"alg":"Ed25519","typ":"application/jwt"}"#,
    ] {
        let token = key.sign_as(untyped.as_bytes(), b"{}");
        let jws = Jws::parse(&token, &JwsLimits::DEFAULT).unwrap();
        assert_eq!(
            check_header(jws.header(), &[Algorithm::Ed25519], Typ::Untyped),
            Ok(Algorithm::Ed25519),
            "{untyped}"
        );
    }
    for wrong in [
        r#"{"alg":"Ed25519","typ":1}"#,
        r#"{"alg":"Ed25519","typ":null}"#,
        r#"{"alg":"Ed25519","typ":["JWT"]}"#,
    ] {
        let token = key.sign_as(wrong.as_bytes(), b"{}");
        let jws = Jws::parse(&token, &JwsLimits::DEFAULT).unwrap();
        let found = check_header(jws.header(), &[Algorithm::Ed25519], Typ::Untyped);
        assert_eq!(found.unwrap_err().code, Code::TokenTypeWrong, "{wrong}");
    }
}

#[test]
fn a_key_set_has_at_most_256_keys_and_says_why_it_leaves_some_out() {
    let set = |count| format!("{{\"keys\":[{}]}}", vec!["{}"; count].join(","));
    let full = KeySet::parse(set(256).as_bytes(), Algorithm::ALL).unwrap();
    assert_eq!(full.skipped().len(), 256);
    assert_eq!(full.skipped()[0].1.to_string(), "`kty` is not `EC`, `OKP` or `RSA`");
    assert_eq!(KeySet::parse(set(257).as_bytes(), Algorithm::ALL).unwrap_err().code, Code::KeysInvalid);
}

/// RFC 8725 §3.1: one key, one algorithm, also where the signature would hold and nobody looked at the header.
#[test]
fn a_key_verifies_with_its_own_algorithm_only() {
    let signer = |name: &str| {
        let text =
            std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/jose/development_keys.json"));
        let keys = json::parse(&text.unwrap(), &json::Limits::CONFIG).unwrap().into_owned();
        let mut jwk = json::Writer::default();
        jwk.value(keys.as_object().unwrap().get(name).unwrap());
        SigningKey::from_jwk(&jwk.finish()).unwrap()
    };
    let signed = signer("rsa").sign("at+jwt", "{}");
    let signed = Jws::parse(&signed, &JwsLimits::DEFAULT).unwrap();
    let holds = |name: &str| {
        let jwk = signer("rsa").public_jwk().replace("RS256", name);
        let set = format!("{{\"keys\":[{jwk}]}}");
        let keys = KeySet::parse(set.as_bytes(), &[Algorithm::Ps256, Algorithm::Rs256]).unwrap();
        keys.keys()[0].verify(Algorithm::Rs256, signed.signing_input(), signed.signature())
    };
    assert!(holds("RS256"));
    assert!(!holds("PS256"));
}
