//! What a refused client is told to ask for: the scope in `WWW-Authenticate` (RFC 6750 §3).

#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects, reason = "tests may panic")]

#[path = "support/acme.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod acme;

use acme::{Acme, NOW, decide, outcome};
use actfor::{Request, Timestamp};
use actfor_mint::patterns::Pattern;

/// Before the line that helps stand lines that do not: of another carrier, type, action or object.
const RULES: &str = r#"actfor 1
model "acme.fga"

on repo
  read, push, merge  needs scope
on org
  read  needs scope

allow delegated  to any action on repo, org  as all

role   "org:read"          covers any action on repo
scope  "org:read"          covers read on org
scope  "repo:push"         covers push on repo
scope  "every:*"           covers read on repo
scope  "{owner}/{name}"    covers read on repo:{owner}/{name}
scope  "of-{name}"         covers read on repo:of/{name}
scope  "part-{name}"       covers read on repo:part:{name}
scope  "{name}-end"        covers read on repo:{name}/end
scope  "repo:web-only"     covers merge on repo:web
scope  "{any}:{name}"      covers read on repo:{name}
scope  "repo:{name}:read"  covers read on repo:{name}

route GET   /repos/{repo}        is read on repo:{repo}
route PATCH /repos/{repo}        is push on repo:{repo}
route PUT   /repos/{repo}        is merge on repo:{repo}
route GET   /orgs/{org}          is read on org:{org}
route GET   /parts/{name}        is read on repo:part:{name}
route GET   /of/{owner}/{name}   is read on repo:{owner}/{name}
"#;

#[test]
fn a_challenge_names_a_scope_that_would_cover_the_request() {
    let acme = Acme { rules: RULES.into(), ..Acme::default() };
    let guard = acme.guard();
    let claims = acme.claims(Pattern::Offline);
    let scope = |scope: &str| acme.sign(&claims.replace("repo:web:rw", scope));
    assert_ne!(claims, claims.replace("repo:web:rw", ""), "{claims}");
    for (method, url, expected) in [
        ("GET", "/repos/web", Some("repo:web:read")),
        ("GET", "/repos/other-1", Some("repo:other-1:read")),
        // What is encoded in the model is not written so in a scope.
        ("GET", "/repos/a%20b", None),
        ("GET", "/parts/a", None),
        ("GET", "/of/a/b", None),
        ("PATCH", "/repos/web", Some("repo:push")),
        ("PATCH", "/repos/a%20b", Some("repo:push")),
        ("PUT", "/repos/web", None),
        ("GET", "/orgs/acme", Some("org:read")),
    ] {
        let (refused, _) = decide(&guard, method, url, &scope("none"), None, NOW);
        let challenge = expected.map_or(String::new(), |scope| format!(", scope=\"{scope}\""));
        assert_eq!(outcome(&refused), "not_covered", "{method} {url}");
        assert_eq!(refused.challenge().unwrap(), format!("Bearer error=\"insufficient_scope\"{challenge}"));
        if let Some(needed) = expected {
            let (allowed, _) = decide(&guard, method, url, &scope(needed), None, NOW);
            assert_eq!((outcome(&allowed), allowed.challenge()), ("allow", None), "{method} {url} {needed}");
        }
    }
}

/// RFC 6750 §3, RFC 9449 §7.1: which scheme is named, with which error, and where there is nothing to ask for.
#[test]
fn a_challenge_fits_the_refusal() {
    let acme = Acme::default();
    let guard = acme.guard();
    let good = acme.token(Pattern::Offline);
    let challenge = |url: &str, headers: &[(&str, &str)], now: Option<u64>| {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let request = Request { id: "r", method: "GET", url, headers: &headers, ..Request::default() };
        let decision = guard.decide(&request, now.and_then(Timestamp::from_seconds));
        (outcome(&decision), decision.status(), decision.challenge())
    };
    let said = |text: &str| Some(text.to_owned());
    let bearer = format!("Bearer {good}");
    let own: &[_] = &[("authorization", bearer.as_str())];
    assert_eq!(challenge("/repos/web/x", &[], Some(NOW)), ("token_missing", 401, said("Bearer")));
    assert_eq!(
        challenge("/repos/web/x", own, Some(NOW + 1_000)),
        (
            "token_expired",
            401,
            said("Bearer error=\"invalid_token\", error_description=\"The access token has expired.\"")
        )
    );
    let (code, status, dpop) =
        challenge("/repos/web/x", &[("authorization", &format!("DPoP {good}"))], Some(NOW));
    assert_eq!((code, status), ("proof_invalid", 401));
    assert!(
        dpop.as_ref().is_some_and(|text| text.starts_with("DPoP error=\"invalid_dpop_proof\"")),
        "{dpop:?}"
    );
    for (url, now, expected) in [
        ("/repos/other/x", Some(NOW), ("not_covered", 403)),
        ("/elsewhere", Some(NOW), ("unmapped", 403)),
        ("/a//b", Some(NOW), ("path_not_canonical", 400)),
        ("/repos/web/x", None, ("clock_invalid", 503)),
    ] {
        let (code, status, found) = challenge(url, own, now);
        assert_eq!((code, status), expected);
        assert_eq!(found.is_some(), code == "not_covered", "{code}: {found:?}");
    }
}
