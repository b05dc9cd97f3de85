//! What a host asks a guard before it can decide: what to introspect, which status list to fetch, whether to read the body.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

#[path = "support/issuers.rs"]
mod issuers;
#[path = "support/vectors.rs"]
mod vectors;

use actfor::jose::base64url;
use actfor::{Guard, Request, Timestamp};

use issuers::{API, LEGACY, config, legacy, signer};
use vectors::NOW;

const ACT: &str = r#","act":{"iss":"https://legacy.example","sub":"code-helper"}"#;

fn guard(config: &str) -> Guard {
    Guard::from_config(config.as_bytes(), 1).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs `ask` with a request that carries this token.
fn with<T>(token: &str, ask: impl FnOnce(&Request<'_>) -> T) -> T {
    let value = format!("Bearer {token}");
    let headers = [("authorization", value.as_bytes())];
    ask(&Request { method: "GET", url: "/repos/web", headers: &headers, ..Request::default() })
}

fn at(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_seconds(seconds)
}

#[test]
fn what_is_introspected() {
    let jwt_only = guard(&config());
    let asked = |guard: &Guard, token: &str, now| {
        with(token, |request| {
            guard.to_introspect(request, now).map(|(endpoint, token)| (endpoint.to_owned(), token.to_owned()))
        })
    };
    let token = |client: &str, change: (&str, &str)| {
        signer().sign("at+jwt", &legacy(client, ACT).replacen(change.0, change.1, 1))
    };
    let good = token("introspected", ("", ""));
    let endpoint = format!("{LEGACY}/introspect");
    assert_eq!(asked(&jwt_only, &good, at(NOW)), Some((endpoint.clone(), good.clone())));
    // Nobody is asked about a token that is refused anyway, or that needs no answer.
    for (name, token, now) in [
        ("another client", token("web", ("", "")), at(NOW)),
        ("expired", good.clone(), at(NOW + 240)),
        ("no clock", good.clone(), None),
        ("another audience", token("introspected", (API, "https://other.example")), at(NOW)),
        ("forged", format!("{}x", &good[..good.len() - 1]), at(NOW)),
        ("opaque", "opaque-1".into(), at(NOW)),
    ] {
        assert_eq!(asked(&jwt_only, &token, now), None, "{name}");
    }
    let opaque = guard(&config().replace(r#""signed":true,"clients":["introspected"]"#, r#""opaque":true"#));
    assert_eq!(asked(&opaque, "opaque-1", at(NOW)), Some((endpoint, "opaque-1".into())));
}

fn status_claims(life: u64) -> String {
    let list = base64url::encode(&miniz_oxide::deflate::compress_to_vec_zlib(&[0], 9));
    format!(
        r#"{{"iss":"{LEGACY}","sub":"{LEGACY}/status","iat":{NOW},"ttl":{life},"status_list":{{"bits":1,"lst":"{list}"}}}}"#
    )
}

fn status_list(life: u64) -> String {
    signer().sign("statuslist+jwt", &status_claims(life))
}

#[test]
fn which_status_list_is_fetched() {
    let mut guard = guard(&config());
    assert_eq!(guard.status_issuers().collect::<Vec<_>>(), [LEGACY]);
    let uri = format!("{LEGACY}/status");
    let token = |uri: &str| {
        let status = format!(r#"{ACT},"status":{{"status_list":{{"uri":"{uri}","idx":3}}}}"#);
        signer().sign("at+jwt", &legacy("web", &status))
    };
    let wanted = |guard: &Guard, uri: &str, now| {
        with(&token(uri), |request| guard.to_fetch_status(request, at(now)).map(|(_, uri)| uri))
    };
    assert_eq!(wanted(&guard, &uri, NOW), Some(uri.clone()));
    assert_eq!(wanted(&guard, "https://evil.example/status", NOW), None);
    guard.set_status_list(LEGACY, &status_list(60), Timestamp::from_seconds(NOW).unwrap()).unwrap();
    assert_eq!(wanted(&guard, &uri, NOW + 59), None);
    assert_eq!(wanted(&guard, &uri, NOW + 60), Some(uri));
    let ignored = config().replace(&format!(r#""uris":["{LEGACY}/status"]"#), r#""danger_ignore":true"#);
    assert_eq!(self::guard(&ignored).status_issuers().count(), 0);
}

/// A stranger cannot fill the memory: an issuer's lists are at most 64, and those that are there can still change.
#[test]
fn how_many_status_lists_there_are() {
    let many =
        config().replace(&format!(r#""uris":["{LEGACY}/status"]"#), &format!(r#""uris":["{LEGACY}/*"]"#));
    let mut guard = guard(&many);
    let mut take = |name: &str| {
        let (header, claims) = (r#"{"alg":"ES256","typ":"statuslist+jwt","kid":"es"}"#, status_claims(60));
        let claims = claims.replace("/status\"", &format!("/{name}\""));
        let list = signer().sign_as(header.as_bytes(), claims.as_bytes());
        guard.set_status_list(LEGACY, &list, Timestamp::from_seconds(NOW).unwrap()).is_ok()
    };
    assert!((0..64).all(|number| take(&number.to_string())));
    assert!(!take("one-more"));
    assert!(take("7"));
}

#[test]
fn when_the_body_is_read() {
    let rules = [
        "route POST /find is read on repo:{id} with id: string from body.id",
        "route POST /seek is read on repo:{id} with id: string from query.id",
        "mcp /mcp",
    ];
    let mut all = config();
    for rule in rules {
        all = all.replace("\\nroute GET   /repos", &format!("\\n{rule}\\nroute GET   /repos"));
    }
    let guard = guard(&all);
    assert!(guard.reads_body("POST", "/find"));
    assert!(guard.reads_body("POST", "/mcp"));
    for (method, url) in [
        ("POST", "/seek?id=1"),
        ("GET", "/mcp"),
        ("GET", "/find"),
        ("POST", "/other"),
        ("GET", "/repos/web"),
        ("POST", "/mcp/../find"),
    ] {
        assert!(!guard.reads_body(method, url), "{method} {url}");
    }
}
