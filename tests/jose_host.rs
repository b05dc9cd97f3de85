//! The host's own crypto: it is asked for the mathematics, and for nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

#[path = "support/vectors.rs"]
mod vectors;

use std::collections::BTreeSet;

use actfor::jose::{Algorithm, HostCrypto, Jws, JwsLimits, Key, KeySet, Typ, base64url, check_header};
use actfor::json::{Object, Value, Writer};
use actfor::proof::{Base, DpopFacts, dpop};
use actfor::{Code, Guard, Request, Timestamp};

use vectors::{NOW, read, string};

/// A host that always says the same.
#[derive(Debug)]
struct Says(Option<bool>);

impl HostCrypto for Says {
    fn verify(&self, _: &Key, _: Algorithm, _: &[u8], _: &[u8]) -> Option<bool> {
        self.0
    }
}

static YES: Says = Says(Some(true));
static NO: Says = Says(Some(false));
static NOTHING: Says = Says(None);

/// The name of every token of the vectors, what is expected of it, and what comes out with this host.
fn outcomes(host: &'static dyn HostCrypto) -> Vec<(String, String, &'static str)> {
    let file = read("jose/tokens.json");
    let file = file.as_object().unwrap();
    let cases = file.get("cases").unwrap().as_array().unwrap().iter().map(|case| case.as_object().unwrap());
    let outcome = |case: &Object<'_>| {
        let setting = |name| case.get(name).or(file.get(name)).unwrap();
        let names = setting("algorithms").as_array().unwrap().iter();
        let allowed: Vec<_> =
            names.map(|name| Algorithm::from_name(name.as_str().unwrap()).unwrap()).collect();
        let mut keys = KeySet::from_value(setting("jwks"), &allowed).unwrap();
        keys.use_host(Some(host));
        verify(string(case, "token"), &keys, &allowed).map_or_else(Code::as_str, |()| "verified")
    };
    let found = cases.map(|case| (string(case, "name").into(), string(case, "expect").into(), outcome(case)));
    found.collect()
}

fn verify(token: &str, keys: &KeySet, allowed: &[Algorithm]) -> Result<(), Code> {
    let jws = Jws::parse(token, &JwsLimits::DEFAULT).map_err(|e| e.code)?;
    let algorithm = check_header(jws.header(), allowed, Typ::OneOf(&["at+jwt"])).map_err(|e| e.code)?;
    let key = keys.select(algorithm, jws.header().kid()).map_err(|e| e.code)?;
    match key.verify(algorithm, jws.signing_input(), jws.signature()) {
        true => Ok(()),
        false => Err(Code::SignatureInvalid),
    }
}

#[test]
fn a_host_that_cannot_tell_changes_nothing() {
    for (name, expected, found) in outcomes(&NOTHING) {
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_host_that_says_no_is_believed() {
    for (name, expected, found) in outcomes(&NO) {
        let expected = if expected == "verified" { "signature_invalid" } else { &expected };
        assert_eq!(found, expected, "{name}");
    }
}

/// What has not the form of a signature never reaches the host, whatever it would say.
#[test]
fn a_host_that_says_yes_is_asked_about_signatures_only() {
    let fooled: BTreeSet<String> = outcomes(&YES)
        .into_iter()
        .filter(|(_, expected, found)| expected != found)
        .inspect(|(name, _, found)| assert_eq!(*found, "verified", "{name}"))
        .map(|(name, ..)| name)
        .collect();
    // These have a good form: only mathematics tells that they do not hold.
    let expected = [
        "payload_changed",
        "rsa_all_ones",
        "rsa_all_zero",
        "rsa_one",
        "signature_of_another_key",
        "signature_of_another_token",
    ];
    assert_eq!(fooled, expected.map(String::from).into());
}

#[test]
fn proofs_are_left_to_the_host_too() {
    let file = read("proof/dpop.json");
    let file = file.as_object().unwrap();
    let case = file.get("cases").unwrap().as_array().unwrap().iter().map(|case| case.as_object().unwrap());
    let good = case.clone().find(|case| string(case, "expect") == "proven").unwrap();
    let header = good.get("headers").unwrap().as_array().unwrap()[0].as_str().unwrap().as_bytes();
    let thumbprint = thumbprint_of(header);
    for (host, expected) in [(&NO, Some(Code::ProofInvalid)), (&NOTHING, None)] {
        let facts = DpopFacts {
            method: "PATCH",
            path: string(file, "path"),
            bases: &[Base::parse("https://api.example").unwrap()],
            access_token: string(file, "access_token"),
            thumbprint: &thumbprint,
            algorithms: Algorithm::ALL,
            nonces: None,
            now: Timestamp::from_seconds(NOW).unwrap(),
            max_age: 60,
            leeway: 5,
            host: Some(host),
        };
        assert_eq!(dpop::verify(&[header], &facts).err().map(|refusal| refusal.code), expected);
    }
}

/// The thumbprint of the key that a proof brings along.
fn thumbprint_of(proof: &[u8]) -> String {
    let jws = Jws::parse(std::str::from_utf8(proof).unwrap(), &JwsLimits::DEFAULT).unwrap();
    let jwk = jws.header().members().get("jwk").unwrap().as_object().unwrap();
    base64url::encode(&Key::from_jwk(jwk, Algorithm::ALL).unwrap().thumbprint())
}

/// Whole requests: with a host that says no, nothing that needs a signature is allowed.
#[test]
fn the_guard_leaves_its_signatures_to_the_host() {
    let file = read("token/requests.json");
    let file = file.as_object().unwrap();
    let mut config = Writer::default();
    config.value(file.get("configs").unwrap().as_object().unwrap().get("main").unwrap());
    let config = config.finish();
    let case = file.get("cases").unwrap().as_array().unwrap().iter().map(|case| case.as_object().unwrap());
    let good = case.clone().find(|case| string(case, "name") == "one_token").unwrap();
    let request = good.get("request").unwrap().as_object().unwrap();
    let pair = request.get("headers").unwrap().as_array().unwrap()[0].as_array().unwrap();
    let headers = [(pair[0].as_str().unwrap(), pair[1].as_str().unwrap().as_bytes())];
    let request = Request {
        method: string(request, "method"),
        url: string(request, "url"),
        headers: &headers,
        ..Request::default()
    };
    let decide = |host: Option<&'static dyn HostCrypto>| {
        let mut guard = Guard::from_config(config.as_bytes(), 1).unwrap();
        if let Some(host) = host {
            guard.use_host_crypto(host);
        }
        guard.decide(&request, Timestamp::from_seconds(NOW)).code()
    };
    assert_eq!(decide(None), None);
    assert_eq!(decide(Some(&NOTHING)), None);
    assert_eq!(decide(Some(&YES)), None);
    assert_eq!(decide(Some(&NO)), Some(Code::SignatureInvalid));
    // It stays when keys change.
    let value = actfor::json::parse(config.as_bytes(), &actfor::json::Limits::CONFIG).unwrap();
    let issuers = value.as_object().unwrap().get("issuers").and_then(Value::as_array).unwrap();
    let mut jwks = Writer::default();
    jwks.value(issuers[0].as_object().unwrap().get("jwks").unwrap());
    let jwks = jwks.finish();
    let fetched = config.replacen(&format!("\"jwks\":{jwks}"), "\"jwks_uri\":\"https://as.example/jwks\"", 1);
    assert_ne!(fetched, config);
    let mut guard = Guard::from_config(fetched.as_bytes(), 1).unwrap();
    guard.use_host_crypto(&NO);
    let now = Timestamp::from_seconds(NOW).unwrap();
    guard.set_keys("https://as.example", jwks.as_bytes(), now).unwrap();
    assert_eq!(guard.decide(&request, Some(now)).code(), Some(Code::SignatureInvalid));
}
