//! Keys that change while a guard is in use: a remembered token lives exactly as long as its key.
//!
//! `tests/vectors/token/keys.json` is row 40 of the attack list for every host: key sets that come and go, their maximum
//! age, and `kid`s that nobody has. A step gives an issuer's keys at a time, has its key server fall silent, or asks with a
//! token, or with many.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

#[path = "support/counter.rs"]
mod counter;
#[path = "support/vectors.rs"]
mod vectors;

use actfor::jose::Algorithm;
use actfor::json::{Value, Writer};
use actfor::{Guard, Request, Timestamp};
use actfor_mint::SigningKey;

use counter::Counter;
use vectors::{NOW, claims, key, object, only, read, settle, string};

const ISSUER: &str = "https://as.example";
const OTHER: &str = "https://other.example";
const METHOD: &str = "PATCH";
const URL: &str = "/repos/web/git/refs/heads/fix";

/// The configuration of the requests' vectors, whose issuers fetch their keys and use them for 100 seconds.
fn config() -> String {
    let file = read("token/requests.json");
    let main = file.as_object().unwrap().get("configs").unwrap().as_object().unwrap().get("main").unwrap();
    object(|w| {
        for (name, value) in main.as_object().unwrap().iter() {
            w.key(name);
            match name {
                "issuers" => {
                    w.array(|w| value.as_array().unwrap().iter().for_each(|issuer| fetching(w, issuer)))
                }
                _ => w.value(value),
            }
        }
    })
}

fn guard(counter: &'static Counter) -> Guard {
    let mut guard = Guard::from_config(config().as_bytes(), 1).unwrap_or_else(|error| panic!("{error}"));
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
    let request = Request { method: METHOD, url: URL, headers: &headers, ..Request::default() };
    guard.decide(&request, Some(at(seconds))).code().map_or("allow", |code| code.as_str())
}

fn named(seed: u8, kid: &str) -> SigningKey {
    key(Algorithm::Es256, seed).with_kid(kid)
}

/// What happens to a guard, at a second after the tokens were issued.
enum Step {
    /// The host has fetched these keys of an issuer; with a code, they are no key set and the ones before stay.
    Keys(u64, &'static str, String, Option<&'static str>),
    /// From now on the key server of an issuer gives no keys, and the host has asked for some.
    Silent(u64, &'static str),
    /// A token, by name, and what becomes of it.
    Ask(u64, &'static str, &'static str),
    /// So many tokens in every second until the next number, each with another `kid` that nobody has. A host that fetches
    /// keys asks for them at most once in each interval.
    Strange { from: u64, until: u64, each: u64, interval: u64 },
}

use Step::{Ask, Keys, Silent, Strange};

/// The tokens: who signs them, and as whom.
fn tokens() -> Vec<(&'static str, String)> {
    let of = |issuer: &str, key: SigningKey| key.sign("at+jwt", &claims().replace(ISSUER, issuer));
    let nameless = named(1, "").sign_as(br#"{"alg":"ES256","typ":"at+jwt"}"#, claims().as_bytes());
    vec![
        ("old", of(ISSUER, named(1, "old"))),
        ("new", of(ISSUER, named(2, "new"))),
        ("nameless", nameless),
        ("other", of(OTHER, named(3, "old"))),
        ("other, by the key of the first", of(OTHER, named(1, "old"))),
    ]
}

fn scenarios() -> Vec<(&'static str, &'static str, Vec<Step>)> {
    let (old, new) = (named(1, "old"), named(2, "new"));
    let only_old = || jwks(&[&old]);
    let keys = |at, keys: String| Keys(at, ISSUER, keys, None);
    let refused = |at, keys: &str| Keys(at, ISSUER, keys.into(), Some("keys_invalid"));
    // What is remembered never decides otherwise than the keys would.
    let replaced = |name, token, by: String, expect| {
        let steps = vec![keys(0, jwks(&[&old])), Ask(0, token, "allow"), keys(1, by), Ask(1, token, expect)];
        (name, "RFC 7515 §4.1.4, RFC 7517 §4", steps)
    };
    let pinned = jwks(&[&key(Algorithm::Ed25519, 1).with_kid("old")]);
    vec![
        (
            "keys are used until their maximum age",
            "design: keys",
            vec![
                Ask(0, "old", "keys_unavailable"),
                keys(0, only_old()),
                Ask(0, "old", "allow"),
                Ask(99, "old", "allow"),
                Silent(99, ISSUER),
                // Also for a token that is remembered.
                Ask(100, "old", "keys_unavailable"),
                keys(100, only_old()),
                Ask(100, "old", "allow"),
            ],
        ),
        (
            "an answer that is no key set leaves the keys, and their age",
            "RFC 7517 §5",
            vec![
                keys(0, only_old()),
                refused(99, "{}"),
                refused(99, r#"{"keys":{}}"#),
                refused(99, "<html>"),
                Ask(99, "old", "allow"),
                Ask(100, "old", "keys_unavailable"),
            ],
        ),
        (
            "two keys of one name are no key set",
            "RFC 7517 §4.5",
            vec![
                keys(0, only_old()),
                Silent(1, ISSUER),
                refused(1, &jwks(&[&new, &named(3, "new")])),
                Ask(1, "old", "allow"),
                Ask(1, "new", "keys_unavailable"),
            ],
        ),
        (
            "while nobody says what the keys are now, none is unknown",
            "RFC 6750 §3.1, RFC 9110 §15.6.4",
            vec![
                keys(0, only_old()),
                Keys(0, OTHER, jwks(&[&named(3, "theirs")]), None),
                Ask(0, "new", "key_unknown"),
                Silent(1, ISSUER),
                Ask(1, "old", "allow"),
                Ask(1, "new", "keys_unavailable"),
                Ask(1, "other", "key_unknown"),
                refused(2, "<html>"),
                Ask(2, "new", "keys_unavailable"),
                keys(3, only_old()),
                Ask(3, "new", "key_unknown"),
                Silent(4, ISSUER),
                keys(5, jwks(&[&old, &new])),
                Ask(5, "old", "allow"),
                Ask(5, "new", "allow"),
            ],
        ),
        (
            "a rotation has both keys for a while",
            "RFC 7517 §4.5",
            vec![
                keys(0, only_old()),
                Ask(0, "old", "allow"),
                Ask(0, "new", "key_unknown"),
                keys(1, jwks(&[&old, &new])),
                Ask(1, "old", "allow"),
                Ask(1, "new", "allow"),
                keys(2, jwks(&[&new])),
                Ask(2, "old", "key_unknown"),
                Ask(2, "new", "allow"),
            ],
        ),
        replaced("no keys at all", "old", jwks(&[]), "key_unknown"),
        replaced("the key under another name", "old", jwks(&[&named(1, "renamed")]), "key_unknown"),
        replaced("another key of its name", "old", jwks(&[&named(2, "old")]), "signature_invalid"),
        replaced("the key for encryption", "old", only_old().replace("\"sig\"", "\"enc\""), "key_unknown"),
        replaced("the name for another algorithm", "old", pinned, "key_unknown"),
        replaced("the key and another", "old", jwks(&[&new, &old]), "allow"),
        replaced("no `kid`, and two keys to choose from", "nameless", jwks(&[&old, &new]), "key_unknown"),
        replaced("no `kid`, and another key", "nameless", jwks(&[&new]), "signature_invalid"),
        replaced("no `kid`, and the key under another name", "nameless", jwks(&[&named(1, "x")]), "allow"),
        (
            "a `kid` is that of its issuer",
            "RFC 8725 §3.8",
            vec![
                keys(0, only_old()),
                Ask(0, "other", "keys_unavailable"),
                Keys(0, OTHER, jwks(&[&named(3, "old")]), None),
                Ask(0, "other", "allow"),
                Ask(0, "other, by the key of the first", "signature_invalid"),
                // The keys of the one come and go, and age, without the other's.
                Silent(50, OTHER),
                keys(50, jwks(&[])),
                Ask(50, "other", "allow"),
                Ask(50, "old", "key_unknown"),
                keys(60, only_old()),
                Ask(100, "other", "keys_unavailable"),
                Ask(100, "old", "allow"),
            ],
        ),
        (
            "names that nobody has do not beat the interval between two fetches",
            "design: keys",
            vec![
                keys(0, only_old()),
                Strange { from: 0, until: 60, each: 20, interval: 10 },
                Ask(60, "old", "allow"),
            ],
        ),
    ]
}

fn write(steps: &[Step]) -> String {
    let mut w = Writer::default();
    w.array(|w| {
        for step in steps {
            w.object(|w| match step {
                Keys(at, issuer, keys, refused) => {
                    w.key("at").number(*at);
                    w.key("issuer").string(issuer);
                    w.key("keys").string(keys);
                    if let Some(code) = refused {
                        w.key("refused").string(code);
                    }
                }
                Silent(at, issuer) => {
                    w.key("at").number(*at);
                    w.key("issuer").string(issuer);
                    w.key("silent").bool(true);
                }
                Ask(at, token, expect) => {
                    w.key("at").number(*at);
                    w.key("token").string(token);
                    w.key("expect").string(expect);
                }
                Strange { from, until, each, interval } => {
                    w.key("at").number(*from);
                    w.key("until").number(*until);
                    w.key("strange").number(*each);
                    w.key("interval").number(*interval);
                    w.key("expect").string("key_unknown");
                }
            });
        }
    });
    w.finish()
}

#[test]
fn the_file_is_what_the_generator_writes() {
    let tokens: Vec<_> = tokens().iter().map(|(name, token)| format!("\"{name}\": \"{token}\"")).collect();
    let cases: Vec<_> = scenarios()
        .iter()
        .map(|(name, source, steps)| {
            object(|w| {
                w.key("name").string(name);
                w.key("row").number(40);
                w.key("source").string(source);
                w.key("steps").raw(&write(steps));
            })
        })
        .collect();
    settle(
        "token/keys.json",
        &format!(
            "{{\n\"config\": {},\n\"start\": {NOW},\n\"method\": \"{METHOD}\",\n\"url\": \"{URL}\",\n\"tokens\": {{\n{}\n}},\n\"cases\": [\n{}\n]\n}}\n",
            config(),
            tokens.join(",\n"),
            cases.join(",\n")
        ),
    );
}

/// A token with a `kid` that nobody has.
fn strange(token: &str, number: u64) -> String {
    let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"nobody-{number}"}}"#);
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", actfor::jose::base64url::encode(header.as_bytes()))
}

#[test]
fn every_case_comes_out_as_it_says() {
    let file = read("token/keys.json");
    let file = file.as_object().unwrap();
    only(file, &["config", "start", "method", "url", "tokens", "cases"]);
    let tokens = file.get("tokens").and_then(Value::as_object).unwrap();
    let mut count = 0;
    for case in file.get("cases").and_then(Value::as_array).unwrap() {
        let case = case.as_object().unwrap();
        only(case, &["name", "row", "source", "steps"]);
        let name = string(case, "name");
        let mut guard = guard(Counter::new());
        for step in case.get("steps").and_then(Value::as_array).unwrap().iter() {
            let step = step.as_object().unwrap();
            let number = |name: &str| step.get(name).and_then(Value::as_u64);
            let now = number("at").unwrap();
            if step.get("keys").is_some() {
                only(step, &["at", "issuer", "keys", "refused"]);
                let taken = guard.set_keys(string(step, "issuer"), string(step, "keys").as_bytes(), at(now));
                let code = taken.err().map(|error| error.code.as_str());
                assert_eq!(code, step.get("refused").and_then(Value::as_str), "{name}");
            } else if step.get("silent").is_some() {
                only(step, &["at", "issuer", "silent"]);
                guard.await_keys(string(step, "issuer"));
            } else if let Some(each) = number("strange") {
                only(step, &["at", "until", "strange", "interval", "expect"]);
                for second in now..number("until").unwrap() {
                    for one in 0..each {
                        let token = strange(string(tokens, "old"), second * each + one);
                        assert_eq!(ask(&guard, &token, second), string(step, "expect"), "{name}");
                    }
                }
            } else {
                only(step, &["at", "token", "expect"]);
                let token = string(tokens, string(step, "token"));
                assert_eq!(ask(&guard, token, now), string(step, "expect"), "{name}, at {now}");
                // What is remembered decides as the keys do.
                assert_eq!(ask(&guard.clone(), token, now), string(step, "expect"), "{name}, at {now}, anew");
            }
        }
        count += 1;
    }
    println!("token/keys.json: {count} cases");
    assert!(count > 10);
}

#[test]
fn keys_are_fetched_from_web_addresses() {
    let of = |uri: &str| {
        let config = config().replacen("https://as.example/jwks", uri, 1);
        Guard::from_config(config.as_bytes(), 1).map(|_| ()).map_err(|error| error.to_string())
    };
    for uri in ["https://keys.example/", "http://keys.mesh.local:8080/jwks"] {
        assert_eq!(of(uri), Ok(()), "{uri}");
    }
    for uri in ["keys.example", "file:///etc/jwks", "ftp://keys.example/", "HTTPS//keys.example"] {
        let said = of(uri).unwrap_err();
        assert!(
            said.contains("issuers[0].jwks_uri") && said.contains("must start with `https://`"),
            "{said}"
        );
    }
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
