//! Which check a decision document says a request got to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

#[path = "support/acme.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod acme;

use acme::{Acme, NOW, outcome};
use actfor::jose::Algorithm;
use actfor::json::{self, Value};
use actfor::{Request, Timestamp};
use actfor_mint::SigningKey;
use actfor_mint::patterns::Pattern;

/// The code, and the checks that did not pass, each with what became of it; those that were not reached left out.
fn checks(acme: &Acme, url: &str, headers: &[(&str, &str)], now: Option<u64>) -> (String, Vec<String>) {
    let guard = acme.guard();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let request = Request { id: "r", method: "GET", url, headers: &headers, ..Request::default() };
    let (decision, document) = guard.explain(&request, now.and_then(Timestamp::from_seconds));
    let document = json::parse(document.as_bytes(), &json::Limits::CONFIG).unwrap();
    let list = document.as_object().unwrap().get("checks").and_then(Value::as_array).unwrap();
    let text = |check: &Value<'_>, name: &str| {
        check.as_object().unwrap().get(name).and_then(Value::as_str).unwrap().to_owned()
    };
    let passed = ["pass", "not_needed", "not_reached"];
    let failed = list.iter().filter(|check| !passed.contains(&text(check, "result").as_str()));
    (
        outcome(&decision).to_owned(),
        failed.map(|check| format!("{} {}", text(check, "name"), text(check, "result"))).collect(),
    )
}

#[test]
fn a_document_names_the_check_that_failed() {
    let acme = Acme::default();
    let claims = acme.claims(Pattern::Interactive);
    let with = |from: &str, to: &str| {
        assert!(claims.contains(from), "{from}: {claims}");
        format!("Bearer {}", acme.sign(&claims.replace(from, to)))
    };
    let good = with("", "");
    let other = SigningKey::from_seed(Algorithm::Es256, [8; 32]).unwrap().with_kid(acme.key.kid());
    let other = format!("Bearer {}", other.sign("at+jwt", &claims));
    let unknown = SigningKey::from_seed(Algorithm::Es256, [8; 32]).unwrap().with_kid("nobody");
    let unknown = format!("Bearer {}", unknown.sign("at+jwt", &claims));
    let typ = format!("Bearer {}", acme.key.sign("jwt+x", &claims));
    let dpop = good.replace("Bearer", "DPoP");
    let url = "/repos/web/x";
    for (url, token, now, expected, failed) in [
        (url, Some(&good), Some(NOW), "allow", ""),
        ("/repos//x", Some(&good), Some(NOW), "path_not_canonical", "path fail"),
        (url, Some(&good), None, "clock_invalid", "path fail"),
        (url, None, Some(NOW), "token_missing", "token fail"),
        (
            url,
            Some(&with("\"iss\":\"https://as.", "\"iss\":\"https://no.")),
            Some(NOW),
            "issuer_unknown",
            "issuer fail",
        ),
        (url, Some(&typ), Some(NOW), "token_type_wrong", "header fail"),
        (url, Some(&unknown), Some(NOW), "key_unknown", "key fail"),
        (url, Some(&other), Some(NOW), "signature_invalid", "signature fail"),
        (url, Some(&with("\"jti\":", "\"x\":")), Some(NOW), "claim_missing", "claims fail"),
        (url, Some(&with("https://api.", "https://no.")), Some(NOW), "audience_mismatch", "audience fail"),
        (url, Some(&good), Some(NOW + 1_000), "token_expired", "time fail"),
        (url, Some(&dpop), Some(NOW), "proof_invalid", "proof fail"),
        (url, Some(&with("\"hops\":0", "\"hops\":1")), Some(NOW), "chain_inconsistent", "relationship fail"),
        (url, Some(&good), Some(NOW + 120), "presence_expired", "presence fail"),
        ("/nowhere", Some(&good), Some(NOW), "unmapped", "action fail"),
        (
            "/repos/other/x",
            Some(&with("repo:web:rw", "repo:none:rw")),
            Some(NOW),
            "not_covered",
            "coverage fail",
        ),
        (
            "/repos/other/x",
            Some(&with("repo:web:rw", "repo:read")),
            Some(NOW),
            "user_lacks_relation",
            "relation fail",
        ),
    ] {
        let headers: Vec<_> = token.iter().map(|token| ("authorization", token.as_str())).collect();
        let found = checks(&acme, url, &headers, now);
        let failed: Vec<_> =
            Some(failed.to_owned()).into_iter().filter(|failed| !failed.is_empty()).collect();
        assert_eq!(found, (expected.to_owned(), failed));
    }
    let rules = acme::RULES
        .replace("chain at most 3", "chain at most 3\napprove agents to read on repo by user as ask");
    let asks = Acme { rules: rules.replace("/repos/{repo}/**", "/repos/{repo}"), ..Acme::default() };
    let headers = [("authorization", good.as_str()), ("agent-approval", "x")];
    let found = checks(&asks, "/repos/web", &headers, Some(NOW));
    assert_eq!(found, ("approval_invalid".to_owned(), vec!["approve fail".to_owned()]));
}
