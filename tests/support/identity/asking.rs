//! What a host has to find out first: status lists, and the keys of those who write assertions.

use actfor::json::Value;
use actfor::{Guard, Request, Timestamp};

use super::cases::{Concrete, all};
use super::support::{Fixture, NOW, get, guard, outcome, parse, text};

/// A case of the table by its name, with members replaced.
fn case(name: &str, replaced: &[(&str, String)]) -> Value<'static> {
    let cases = all();
    let (_, case) = cases.iter().find(|(_, case)| get(case, "name").unwrap().as_str() == Some(name)).unwrap();
    let members =
        case.as_object().unwrap().iter().filter(|(name, _)| replaced.iter().all(|(n, _)| n != name));
    let members: Vec<_> = members
        .map(|(name, value)| (name, text(value)))
        .chain(replaced.iter().map(|(name, value)| (*name, value.clone())))
        .map(|(name, value)| format!("{name:?}:{value}"))
        .collect();
    parse(format!("{{{}}}", members.join(",")).as_bytes())
}

fn wanted(guard: &Guard, concrete: &Concrete) -> Option<(String, String)> {
    let headers: Vec<_> =
        concrete.request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let (method, url) = (concrete.request.method, concrete.request.url.as_str());
    let request = Request { method, url, headers: &headers, ..Request::default() };
    let (issuer, uri) = guard.to_fetch_status(&request, Timestamp::from_seconds(NOW))?;
    Some((issuer.into(), uri))
}

#[test]
fn the_status_list_of_a_record_is_asked_for_like_that_of_the_token() {
    let concrete = Concrete::of(&case("a record of the chain whose list is not there", &[]));
    let guard = concrete.guard();
    let list = ("https://as.example".to_owned(), "https://as.example/status/1".to_owned());
    assert_eq!(wanted(&guard, &concrete), Some(list.clone()));

    let concrete = Concrete::of(&case("a record of the chain with a valid status", &[]));
    assert_eq!(wanted(&concrete.guard(), &concrete), None, "it is there");

    // The token's own comes first.
    let own = r#"{"status":{"status_list":{"idx":3,"uri":"https://as.example/status/own"}}}"#;
    let concrete =
        Concrete::of(&case("a record of the chain whose list is not there", &[("set", own.into())]));
    assert_eq!(wanted(&concrete.guard(), &concrete).unwrap().1, "https://as.example/status/own");
}

#[test]
fn nobody_makes_the_host_fetch_what_the_configuration_does_not_name() {
    let name = "a record of the chain whose list is not among those that may be asked for";
    let concrete = Concrete::of(&case(name, &[]));
    assert_eq!(wanted(&concrete.guard(), &concrete), None);

    // A record that nobody signed is not looked into.
    let name = "a record of the chain whose list is not there";
    let chain = text(get(&case(name, &[]), "chain").unwrap());
    let chain = chain.replacen('{', r#"{"key":"stranger","#, 1);
    let concrete = Concrete::of(&case(name, &[("chain", chain)]));
    assert_eq!(wanted(&concrete.guard(), &concrete), None);
}

const FETCHED: &str = r#"[{"issuer":"https://agents.example","clients":["gateway"],"algorithms":["ES256"],
    "jwks_uri":"https://agents.example/jwks","jwks_max_age":100}]"#;

#[test]
fn the_keys_of_those_who_write_assertions_are_fetched_too() {
    let name = "an assertion adds instance and relationship";
    let inline = Concrete::of(&case(name, &[]));
    let mut guard = inline.guard();
    assert_eq!(guard.key_sources().count(), 0);
    assert_eq!(outcome(&inline.decide(&guard).0), "allow");
    let keys = {
        let config = parse(inline.config.as_bytes());
        let issuer = get(&config, "issuers").and_then(Value::as_array).unwrap()[0].clone().into_owned();
        let context = get(&issuer, "context_issuers").and_then(Value::as_array).unwrap()[0].clone();
        text(get(&context.into_owned(), "jwks").unwrap())
    };
    let at = |seconds: u64| Timestamp::from_seconds(NOW + seconds).unwrap();
    assert!(guard.set_keys("https://agents.example", keys.as_bytes(), at(0)).is_err(), "they are inline");

    let fetched = Concrete::of(&case(name, &[("issuer", format!("{{\"context_issuers\":{FETCHED}}}"))]));
    let mut guard = fetched.guard();
    let sources: Vec<_> = guard.key_sources().collect();
    assert_eq!(sources, [("https://agents.example", "https://agents.example/jwks")]);
    let (decision, _) = fetched.decide(&guard);
    assert_eq!((outcome(&decision), decision.status()), ("keys_unavailable", 503));
    assert!(guard.set_keys("https://as.example", keys.as_bytes(), at(0)).is_err(), "those are inline");
    guard.set_keys("https://agents.example", keys.as_bytes(), at(0)).unwrap();
    assert_eq!(outcome(&fetched.decide(&guard).0), "allow");
    // They grow old like those of tokens, although the token was seen before.
    guard
        .set_keys("https://agents.example", keys.as_bytes(), Timestamp::from_seconds(NOW - 100).unwrap())
        .unwrap();
    assert_eq!(outcome(&fetched.decide(&guard).0), "keys_unavailable");
    // What is no key set leaves them in place; other keys do not verify the assertion.
    assert!(guard.set_keys("https://agents.example", b"{}", at(0)).is_err());
    let stranger = Fixture::of("actfor").key.public_jwk();
    guard.set_keys("https://agents.example", format!("{{\"keys\":[{stranger}]}}").as_bytes(), at(0)).unwrap();
    assert_eq!(outcome(&fetched.decide(&guard).0), "context_invalid");
}

#[test]
fn one_who_signs_tokens_and_assertions_is_asked_once() {
    let own = FETCHED.replace("agents.example", "as.example");
    let both = |uri: &str| {
        let fixture = Fixture::of("rfc8693");
        let config = fixture.config(&[("context_issuers".into(), own.clone())], &[]);
        let inline = format!(r#""jwks":{{"keys":[{}]}}"#, fixture.key.public_jwk());
        assert!(config.contains(&inline));
        config.replace(&inline, &format!(r#""jwks_uri":"{uri}""#))
    };
    let mut guard = guard(&both("https://as.example/jwks"));
    assert_eq!(guard.key_sources().count(), 1);
    let keys = format!(r#"{{"keys":[{}]}}"#, Fixture::of("rfc8693").key.public_jwk());
    guard.set_keys("https://as.example", keys.as_bytes(), Timestamp::from_seconds(NOW).unwrap()).unwrap();
    let error = Guard::from_config(both("https://as.example/other").as_bytes(), 1).unwrap_err();
    assert!(error.message.contains("two different `jwks_uri`"), "{error}");
}

#[test]
fn a_token_that_was_seen_before_is_revoked_all_the_same() {
    for kind in ["instance", "agent", "user", "client", "token"] {
        let concrete = Concrete::of(&case(&format!("a revoked {kind}"), &[]));
        let mut guard = guard(&concrete.config);
        assert_eq!(outcome(&concrete.decide(&guard).0), "allow", "{kind}");
        concrete.learned.iter().for_each(|list| list.teach(&mut guard));
        assert_eq!(outcome(&concrete.decide(&guard).0), "revoked", "{kind}");
        let nothing = br#"{"version":9,"revoked":[]}"#;
        guard.revoke(nothing, Timestamp::from_seconds(NOW).unwrap()).unwrap();
        assert_eq!(outcome(&concrete.decide(&guard).0), "allow", "{kind}");
    }
}
