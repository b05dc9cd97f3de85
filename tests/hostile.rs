//! Bad input: a code and a message, never a panic, never an allow.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests may panic"
)]

#[path = "support/acme.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod acme;

use acme::{Acme, MODEL, NOW, RULES, decide, outcome};
use actfor::{ConfigError, Guard, Request, Timestamp, Verdict};
use actfor_mint::patterns::Pattern;

fn config_error(document: &[u8]) -> ConfigError {
    let error = Guard::from_config(document, 1)
        .err()
        .unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(document)));
    assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error}");
    error
}

fn nonsense() -> Vec<String> {
    vec![
        String::new(),
        " ".into(),
        "\0".into(),
        "A".repeat(1_000_000),
        "[".repeat(10_000),
        "{\"a\":".repeat(10_000),
        "(".repeat(10_000),
        "\u{feff}{}".into(),
        "\u{202e}".repeat(1_000),
        "{}".into(),
        "null".into(),
        "a\n".repeat(10_000),
    ]
}

#[test]
fn nonsense_in_place_of_a_token_refuses() {
    let guard = Acme::default().guard();
    for text in nonsense().into_iter().chain([".".into(), "..".into(), "...".into(), ".".repeat(100_000)]) {
        for token in [text.clone(), format!("{text}.{text}.{text}")] {
            let (decision, document) = decide(&guard, "GET", "/repos/web/x", &token, None, NOW);
            assert_eq!(decision.verdict(), Verdict::Deny);
            assert!(document.len() < 8_000, "a refusal repeats its input: {} bytes", document.len());
        }
    }
}

#[test]
fn every_prefix_of_a_good_token_refuses() {
    let acme = Acme::default();
    let guard = acme.guard();
    let token = acme.token(Pattern::Offline);
    for end in 0..token.len() {
        let (decision, _) = decide(&guard, "GET", "/repos/web/x", &token[..end], None, NOW);
        assert_eq!(decision.verdict(), Verdict::Deny, "{end}");
    }
    assert_eq!(outcome(&decide(&guard, "GET", "/repos/web/x", &token, None, NOW).0), "allow");
}

#[test]
fn every_changed_character_of_a_good_token_refuses() {
    let acme = Acme::default();
    let token = acme.token(Pattern::Offline);
    let guard = acme.guard();
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'B' { b'C' } else { b'B' };
        let changed = String::from_utf8(bytes).unwrap();
        let (decision, _) = decide(&guard, "GET", "/repos/web/x", &changed, None, NOW);
        assert_eq!(decision.verdict(), Verdict::Deny, "{at}");
    }
}

#[test]
fn nonsense_in_place_of_a_record_refuses() {
    let acme = Acme::default();
    let guard = acme.guard();
    let t4 = acme.token(Pattern::Transitive);
    for text in nonsense() {
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        let (decision, _) = decide(&guard, "GET", "/repos/web/x", &t4, Some(&text), NOW);
        assert_eq!(decision.verdict(), Verdict::Deny);
    }
    let t2 = acme.token(Pattern::Offline);
    let twice = format!("{t2}, {t2}");
    let (decision, _) = decide(&guard, "GET", "/repos/web/x", &t4, Some(&twice), NOW);
    assert_eq!(outcome(&decision), "chain_inconsistent");
}

#[test]
fn nonsense_in_place_of_a_configuration_says_what_is_wrong() {
    for text in nonsense() {
        config_error(text.as_bytes());
    }
    config_error(b"\xff\xfe");
    let good = Acme::default().config();
    for end in 0..good.len() {
        if good.is_char_boundary(end) {
            assert_eq!(config_error(&good.as_bytes()[..end]).code.as_str(), "config_invalid");
        }
    }
}

#[test]
fn nonsense_in_place_of_rules_or_a_model_says_where() {
    for text in nonsense() {
        let error = config_error(Acme { rules: text, ..Acme::default() }.config().as_bytes());
        assert!(error.position.is_some() || error.path == "policy", "{error}");
    }
    // Every prefix either compiles or says where it is wrong.
    for end in 0..RULES.len() {
        let acme = Acme { rules: RULES[..end].into(), ..Acme::default() };
        if let Err(error) = Guard::from_config(acme.config().as_bytes(), 1) {
            let Some(at) = error.position else {
                assert!(matches!(error.path.as_str(), "policy" | "tuples"), "{end}: {error}");
                continue;
            };
            assert!(at.line >= 1 && at.column >= 1 && !at.file.is_empty());
        }
    }
    for end in 0..MODEL.len() {
        let _ = actfor::relation::Model::parse("m", &MODEL[..end]);
    }
}

#[test]
fn a_setting_without_a_default_or_unknown_does_not_load() {
    let good = Acme::default().config();
    let path_of = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        let error = config_error(good.replacen(from, to, 1).as_bytes());
        (error.code.as_str(), error.path)
    };
    let path = |from: &str, to: &str| path_of(from, to).1;
    assert_eq!(path(r#""issuer":"https://as.example","#, ""), "issuers[0].issuer");
    assert_eq!(path(r#""audience":["https://api.example"],"#, ""), "issuers[0].audience");
    assert_eq!(path(r#""audience":["https://api.example"]"#, r#""audience":[]"#), "issuers[0].audience");
    assert_eq!(path(r#""audience":["https://api.example"]"#, r#""audience":"*""#), "issuers[0].audience");
    assert_eq!(path(r#""algorithms":["ES256"],"#, ""), "issuers[0].algorithms");
    assert_eq!(path(r#""algorithms":["ES256"]"#, r#""algorithms":["none"]"#), "issuers[0].algorithms[0]");
    assert_eq!(path(r#""algorithms":["ES256"]"#, r#""algorithms":["HS256"]"#), "issuers[0].algorithms[0]");
    assert_eq!(path(r#""dialect":"actfor","#, ""), "issuers[0].dialect");
    assert_eq!(path(r#""dialect":"actfor""#, r#""dialect":"any""#), "issuers[0].dialect");
    assert_eq!(path(r#""binding":"optional""#, r#""binding":"never""#), "issuers[0].binding");
    assert_eq!(path(r#""binding":"optional""#, r#""bindings":"optional""#), "issuers[0]");
    assert_eq!(
        path(r#""code-helper":"agent""#, r#""code-helper":"robot""#),
        "issuers[0].clients.code-helper"
    );
    assert_eq!(
        path(r#""same_as":"https://as.example""#, r#""instance":"instance:{id}""#),
        "names.https://idp.example"
    );
    assert_eq!(path(r#""user":"user:{sub}""#, r#""user":"user:x""#), "names.https://as.example.user");
    assert_eq!(path_of(r#""relation":"writer""#, r#""relation":"owner""#).0, "tuple_invalid");
}

/// `same_as` is an equivalence, in whatever order and direction it is written; what it does not join stays apart.
#[test]
fn spaces_that_are_the_same_as_a_third_are_the_same() {
    let good = Acme::default().config();
    let own = r#""https://idp.example":{"user":"user:{sub}","same_as":"https://as.example"}"#;
    assert!(good.contains(own));
    let space = |name: &str, same: &str| {
        let same = if same.is_empty() { String::new() } else { format!(r#","same_as":"https://{same}""#) };
        format!(r#""https://{name}":{{"user":"user:{{sub}}"{same}}}"#)
    };
    let loads = |spaces: &[(&str, &str)]| {
        let spaces: Vec<_> = spaces.iter().map(|(name, same)| space(name, same)).collect();
        actfor::Guard::from_config(good.replacen(own, &spaces.join(","), 1).as_bytes(), 1)
            .map(drop)
            .map_err(|error| error.path)
    };
    let (a, b, c) = ("idp.example", "b.example", "c.example");
    assert_eq!(loads(&[(a, "as.example"), (b, "as.example"), (c, "as.example")]), Ok(()));
    assert_eq!(loads(&[(a, b), (b, c), (c, "as.example")]), Ok(()));
    assert_eq!(loads(&[(a, "as.example"), (b, a), (c, a)]), Ok(()));
    assert_eq!(loads(&[(a, b), (b, a)]), Err("names.https://idp.example".into()), "a ring without the first");
    assert_eq!(loads(&[(a, "as.example"), (b, c), (c, b)]), Err("names.https://b.example".into()));
    assert_eq!(loads(&[(a, "as.example"), (b, "")]), Err("names.https://b.example".into()));
    assert_eq!(loads(&[(a, "nobody.example")]), Err("names.https://idp.example".into()));
}

#[test]
fn a_line_that_is_not_known_is_named_with_its_place() {
    let error =
        config_error(Acme { rules: format!("{RULES}\npermit all\n"), ..Acme::default() }.config().as_bytes());
    let at = error.position.unwrap();
    assert_eq!((at.line as usize, at.column, at.symbol.as_str()), (RULES.lines().count() + 2, 1, "permit"));
    assert!(error.message.contains("`allow`"), "{}", error.message);
}

#[test]
fn a_header_that_hosts_read_in_different_ways_refuses_with_one_code() {
    let acme = Acme::default();
    let guard = acme.guard();
    let token = acme.token(Pattern::Offline);
    let good = format!("Bearer {token}").into_bytes();
    let with = |name: &str, value: &[u8], method: &str| {
        let headers = [("authorization", good.as_slice()), (name, value)];
        let request =
            Request { id: "r", method, url: "/repos/web/x", headers: &headers, ..Request::default() };
        outcome(&guard.decide(&request, Timestamp::from_seconds(NOW)))
    };
    assert_eq!(with("x-other", b"\xe9", "GET"), "allow");
    assert_eq!(with("agent-chain", b"\xe9", "GET"), "request_invalid");
    assert_eq!(with("agent-chain", "é".as_bytes(), "GET"), "request_invalid");
    assert_eq!(with("dpop", b"\0", "GET"), "request_invalid");
    assert_eq!(with("authorization", &good, "GET"), "token_ambiguous");
    assert_eq!(with("x-http-method-override", b"DELETE", "GET"), "method_override");
    assert_eq!(with("agent-context", b"x", "GET"), "context_invalid");
    assert_eq!(with("x-other", b"", "GE T"), "request_invalid");
    assert_eq!(with("x-other", b"", "DELETE"), "unmapped");
}

#[test]
fn a_clock_that_is_not_set_refuses() {
    let acme = Acme::default();
    let token = format!("Bearer {}", acme.token(Pattern::Offline));
    let headers = [("authorization", token.as_bytes())];
    let request =
        Request { id: "r", method: "GET", url: "/repos/web/x", headers: &headers, ..Request::default() };
    for now in [
        None,
        Timestamp::from_host(0.0),
        Timestamp::from_host(f64::NAN),
        Timestamp::from_host(-1.0),
        Timestamp::from_host(1e300),
    ] {
        assert_eq!(outcome(&acme.guard().decide(&request, now)), "clock_invalid");
    }
}
