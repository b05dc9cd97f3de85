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

use actfor::jose::{Algorithm, Jws, JwsLimits, KeySet, Typ, check_header};
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
            let named = check_header(jws.header(), &[algorithm], Typ::OneOf(&["at+jwt"])).unwrap();
            let public = keys.select(named, jws.header().kid()).unwrap();
            assert!(public.verify(named, jws.signing_input(), jws.signature()));
            assert!(!public.verify(named, jws.signing_input().get(1..).unwrap(), jws.signature()));
        }
    }
}
