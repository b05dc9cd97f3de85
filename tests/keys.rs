//! Keys that change while a guard is in use (row 40): a remembered token lives exactly as long as its key.

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

use std::sync::atomic::{AtomicUsize, Ordering};

use actfor::jose::{Algorithm, HostCrypto, Key};
use actfor::json::{Value, Writer};
use actfor::{Guard, Request, Timestamp};
use actfor_mint::SigningKey;

use vectors::{NOW, claims, key, read};

const ISSUER: &str = "https://as.example";

/// Leaves every signature to the core, and counts how often it is asked. Each test has its own.
#[derive(Debug, Default)]
struct Counter(AtomicUsize);

impl HostCrypto for Counter {
    fn verify(&self, _: &Key, _: Algorithm, _: &[u8], _: &[u8]) -> Option<bool> {
        self.0.fetch_add(1, Ordering::SeqCst);
        None
    }
}

impl Counter {
    /// A counter for one guard.
    fn new() -> &'static Self {
        Box::leak(Box::default())
    }

    /// How many signatures were checked since the last time.
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

/// The guard of the requests' vectors, whose issuers fetch their keys and use them for 100 seconds.
fn guard(counter: &'static Counter) -> Guard {
    let file = read("token/requests.json");
    let main = file.as_object().unwrap().get("configs").unwrap().as_object().unwrap().get("main").unwrap();
    let mut w = Writer::default();
    w.object(|w| {
        for (name, value) in main.as_object().unwrap().iter() {
            w.key(name);
            match name {
                "issuers" => {
                    w.array(|w| value.as_array().unwrap().iter().for_each(|issuer| fetching(w, issuer)))
                }
                _ => w.value(value),
            }
        }
    });
    let mut guard = Guard::from_config(w.finish().as_bytes(), 1).unwrap_or_else(|error| panic!("{error}"));
    guard.use_host_crypto(counter);
    guard
}

fn fetching(w: &mut Writer, issuer: &Value<'_>) {
    w.object(|w| {
        for (name, value) in issuer.as_object().unwrap().iter().filter(|(name, _)| *name != "jwks") {
            w.key(name).value(value);
        }
        let name = issuer.as_object().unwrap().get("issuer").and_then(Value::as_str).unwrap();
        w.key("jwks_uri").string(&format!("{name}/jwks"));
        w.key("jwks_max_age").number(100);
    });
}

fn jwks(keys: &[&SigningKey]) -> String {
    let keys: Vec<_> = keys.iter().map(|key| key.public_jwk()).collect();
    format!("{{\"keys\":[{}]}}", keys.join(","))
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(NOW + seconds).unwrap()
}

fn ask(guard: &Guard, token: &str, seconds: u64) -> &'static str {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_bytes())];
    let url = "/repos/web/git/refs/heads/fix";
    let request = Request { method: "PATCH", url, headers: &headers, ..Request::default() };
    guard.decide(&request, Some(at(seconds))).code().map_or("allow", |code| code.as_str())
}

fn named(seed: u8, kid: &str) -> SigningKey {
    key(Algorithm::Es256, seed).with_kid(kid)
}

#[test]
fn keys_are_used_until_their_maximum_age() {
    let mut guard = guard(Counter::new());
    let old = named(1, "old");
    let token = old.sign("at+jwt", &claims());
    assert_eq!(ask(&guard, &token, 0), "keys_unavailable");
    guard.set_keys(ISSUER, jwks(&[&old]).as_bytes(), at(0)).unwrap();
    assert_eq!(ask(&guard, &token, 0), "allow");
    assert_eq!(ask(&guard, &token, 99), "allow");
    // Also for a token that is remembered.
    assert_eq!(ask(&guard, &token, 100), "keys_unavailable");
    // An answer that is no key set leaves the keys, and their age.
    assert!(guard.set_keys(ISSUER, b"{}", at(99)).is_err());
    assert_eq!(ask(&guard, &token, 99), "allow");
    assert_eq!(ask(&guard, &token, 100), "keys_unavailable");
    guard.set_keys(ISSUER, jwks(&[&old]).as_bytes(), at(100)).unwrap();
    assert_eq!(ask(&guard, &token, 100), "allow");
}

#[test]
fn a_rotation_has_both_keys_for_a_while() {
    let mut guard = guard(Counter::new());
    let (old, new) = (named(1, "old"), named(2, "new"));
    let [first, second] = [&old, &new].map(|key| key.sign("at+jwt", &claims()));
    guard.set_keys(ISSUER, jwks(&[&old]).as_bytes(), at(0)).unwrap();
    assert_eq!([&first, &second].map(|token| ask(&guard, token, 0)), ["allow", "key_unknown"]);
    guard.set_keys(ISSUER, jwks(&[&old, &new]).as_bytes(), at(1)).unwrap();
    assert_eq!([&first, &second].map(|token| ask(&guard, token, 1)), ["allow", "allow"]);
    guard.set_keys(ISSUER, jwks(&[&new]).as_bytes(), at(2)).unwrap();
    assert_eq!([&first, &second].map(|token| ask(&guard, token, 2)), ["key_unknown", "allow"]);
}

#[test]
fn a_remembered_token_stays_where_its_key_stays() {
    let counter = Counter::new();
    let mut guard = guard(counter);
    let (own, other) = (named(1, "own"), named(2, "other"));
    let token = own.sign("at+jwt", &claims());
    guard.set_keys(ISSUER, jwks(&[&own]).as_bytes(), at(0)).unwrap();
    assert_eq!((ask(&guard, &token, 0), counter.take()), ("allow", 1));
    assert_eq!((ask(&guard, &token, 0), counter.take()), ("allow", 0));
    for keys in [jwks(&[&own]), jwks(&[&other, &own])] {
        guard.set_keys(ISSUER, keys.as_bytes(), at(0)).unwrap();
        assert_eq!((ask(&guard, &token, 0), counter.take()), ("allow", 0), "{keys}");
    }
    // A successor remembers as much; a clone, for another worker, starts anew.
    assert_eq!((ask(&guard.successor(), &token, 0), counter.take()), ("allow", 0));
    assert_eq!((ask(&guard.clone(), &token, 0), counter.take()), ("allow", 1));
}

/// What is remembered never decides otherwise than the keys would.
#[test]
fn a_remembered_token_dies_with_its_key() {
    let own = named(1, "own");
    let nameless = own.sign_as(br#"{"alg":"ES256","typ":"at+jwt"}"#, claims().as_bytes());
    let token = own.sign("at+jwt", &claims());
    let unusable = jwks(&[&own]).replace("\"sig\"", "\"enc\"");
    let pinned = jwks(&[&key(Algorithm::Ed25519, 1).with_kid("own")]);
    for (token, keys, expected) in [
        (&token, jwks(&[]), "key_unknown"),
        (&token, jwks(&[&named(1, "renamed")]), "key_unknown"),
        (&token, jwks(&[&named(2, "own")]), "signature_invalid"),
        (&token, unusable, "key_unknown"),
        (&token, pinned, "key_unknown"),
        // Without a name there must be one key only.
        (&nameless, jwks(&[&own, &named(2, "other")]), "key_unknown"),
        (&nameless, jwks(&[&named(2, "other")]), "signature_invalid"),
        (&nameless, jwks(&[&named(1, "renamed")]), "allow"),
    ] {
        let mut guard = guard(Counter::new());
        guard.set_keys(ISSUER, jwks(&[&own]).as_bytes(), at(0)).unwrap();
        assert_eq!(ask(&guard, token, 0), "allow");
        guard.set_keys(ISSUER, keys.as_bytes(), at(0)).unwrap();
        assert_eq!(ask(&guard, token, 0), expected, "{keys}");
        assert_eq!(ask(&guard.clone(), token, 0), expected, "{keys}: not remembered");
    }
}

#[test]
fn the_keys_of_one_issuer_are_nothing_to_another() {
    let counter = Counter::new();
    let mut guard = guard(counter);
    let own = named(1, "own");
    let token = own.sign("at+jwt", &claims());
    guard.set_keys(ISSUER, jwks(&[&own]).as_bytes(), at(0)).unwrap();
    assert_eq!((ask(&guard, &token, 0), counter.take()), ("allow", 1));
    // The other issuer's keys change, also to the very same: the entry stays, and nobody is mixed up.
    for keys in [jwks(&[&own]), jwks(&[])] {
        guard.set_keys("https://other.example", keys.as_bytes(), at(0)).unwrap();
        assert_eq!((ask(&guard, &token, 0), counter.take()), ("allow", 0));
    }
    guard.set_keys("https://other.example", jwks(&[&own]).as_bytes(), at(0)).unwrap();
    guard.set_keys(ISSUER, jwks(&[]).as_bytes(), at(0)).unwrap();
    assert_eq!(ask(&guard, &token, 0), "key_unknown");
    let unknown = guard.set_keys("https://nobody.example", jwks(&[&own]).as_bytes(), at(0)).unwrap_err();
    assert_eq!(unknown.code.as_str(), "config_invalid");
}
