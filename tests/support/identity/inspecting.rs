//! What `inspect` shows: the same facts as a decision, and never as facts where nothing was verified.

use actfor::identity::dialect::Dialect;
use actfor::json::Value;
use actfor::{Request, Timestamp, inspect};
use proptest::prelude::*;

use super::support::{Edits, Fixture, NOW, PROBES, ask, get, member, parse, text};

#[test]
fn a_guard_shows_what_it_decides_by() {
    for dialect in Dialect::ALL {
        let fixture = Fixture::of(dialect.as_str());
        let guard = fixture.guard();
        for token in fixture.tokens() {
            let compact = fixture.sign(token, &Edits::default());
            let shown = guard.inspect(&compact, &Request::default(), Timestamp::from_seconds(NOW));
            let shown = parse(shown.as_bytes());
            assert_eq!(get(&shown, "verified"), Some(&Value::Bool(true)));
            assert_eq!(member(&shown, "dialect"), Some(dialect.as_str()));
            assert!(get(&shown, "claims_to_be").is_none());
            let (_, document) = ask(&guard, &compact, fixture.is_transaction(), PROBES[0]);
            let without = |value: &Value<'static>| Edits::without("binding").apply(value);
            let (who, decided) = (get(&shown, "who").unwrap(), get(&document, "who").unwrap());
            assert_eq!(without(who), without(decided), "{}", member(token, "name").unwrap());
        }
    }
}

#[test]
fn what_nobody_verified_is_no_fact() {
    let mut guessed = Vec::new();
    for dialect in Dialect::ALL {
        let fixture = Fixture::of(dialect.as_str());
        for token in fixture.tokens() {
            let compact = fixture.sign(token, &Edits::default());
            let shown = parse(inspect(&compact, Some(dialect)).as_bytes());
            assert_eq!(get(&shown, "verified"), Some(&Value::Bool(false)));
            assert!(member(&shown, "warning").unwrap().contains("anybody can write"));
            assert!(get(&shown, "who").is_none() && get(&shown, "claims_to_be").is_some());
            let expected = get(token, "expect").and_then(|expect| member(expect, "agent_source"));
            if let (Some(source), Some(agent)) =
                (expected, get(&shown, "claims_to_be").and_then(|who| get(who, "agent")))
            {
                assert_eq!(member(agent, "source"), Some(source), "{}", text(&shown));
            }
            let guess = parse(inspect(&compact, None).as_bytes());
            assert_eq!(member(&guess, "dialect_from"), Some("guess"));
            assert!(member(&guess, "warning").unwrap().contains("a guard never guesses"));
            if member(&guess, "dialect") == Some(dialect.as_str()) && !guessed.contains(&dialect) {
                guessed.push(dialect);
            }
        }
    }
    assert_eq!(guessed.len(), Dialect::ALL.len(), "{guessed:?}");
}

#[test]
fn a_refusal_says_why_and_shows_no_facts() {
    let fixture = Fixture::of("rfc8693");
    let compact = fixture.sign(&fixture.tokens()[0], &Edits::default());
    let forged = format!("{}AAAA", &compact[..compact.len() - 4]);
    let shown = fixture.guard().inspect(&forged, &Request::default(), Timestamp::from_seconds(NOW));
    let shown = parse(shown.as_bytes());
    assert_eq!(member(&shown, "code"), Some("signature_invalid"));
    assert_eq!(member(&shown, "dialect_from"), Some("configuration"));
    assert!(get(&shown, "who").is_none());
    let early = fixture.guard().inspect(&compact, &Request::default(), None);
    assert_eq!(member(&parse(early.as_bytes()), "code"), Some("clock_invalid"));
}

#[test]
fn what_supplies_a_fact_names_the_client() {
    let fixture = Fixture::of("rfc9068");
    let compact = fixture.sign(&fixture.tokens()[0], &Edits::default());
    let shown = parse(inspect(&compact, Some(Dialect::Rfc9068)).as_bytes());
    let needs = get(&shown, "cannot_say").and_then(Value::as_array).unwrap();
    let client = get(&shown, "claims").and_then(|claims| member(claims, "client_id")).unwrap();
    assert!(member(&needs[0], "supply").unwrap().contains(&format!("{client:?}")), "{}", text(&needs[0]));
}

proptest! {
    #[test]
    fn whatever_is_shown_is_json(token in "[A-Za-z0-9_.-]{0,80}|\\PC{0,40}") {
        let shown = parse(inspect(&token, None).as_bytes());
        prop_assert_eq!(get(&shown, "verified"), Some(&Value::Bool(false)));
    }
}
