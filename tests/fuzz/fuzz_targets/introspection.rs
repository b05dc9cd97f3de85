//! Answers of an introspection endpoint: no panic, and nothing is allowed by an answer that the issuer did not give.
//!
//! The input is an answer about an opaque token, plain; the same, signed by nobody; and an answer about a JWT.
#![no_main]

use actfor::json::{self, Limits, Value};
use actfor::token::Introspection;
use actfor::{Guard, Request, Timestamp};
use libfuzzer_sys::fuzz_target;

const NOW: u64 = 1_795_000_060;

fn config(settings: &str) -> String {
    format!(
        r#"{{"issuers":[{{"issuer":"https://as.example","audience":"https://api.example","algorithms":["Ed25519"],
        "dialect":"rfc8693","binding":"optional","clients":{{"a":"app","b":"agent"}},
        "jwks":{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}]}},
        "introspection":{{"endpoint":"https://as.example/introspect","opaque":true{settings}}}}}],
        "policy":"actfor 1\non repo\n  read needs scope\nallow self, delegated, autonomous to read on repo as all\nscope \"r\" covers read on repo\nchain at most 3 unrecorded\nroute GET /r/{{id}} is read on repo:{{id}}"}}"#
    )
}

/// What an answer needs before it may allow anything.
fn is_active(answer: &[u8]) -> bool {
    let Ok(Value::Object(answer)) = json::parse(answer, &Limits::TOKEN) else { return false };
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    answer.get("active") == Some(&Value::Bool(true))
        && text("iss") == Some("https://as.example")
        && answer.get("sub").is_some()
        && answer.get("exp").is_some()
        && text("scope").is_some_and(|scope| scope.split(' ').any(|name| name == "r"))
}

fn ask(guard: &Guard, response: &[u8]) -> bool {
    let headers = [("authorization", &b"Bearer opaque"[..])];
    let request = Request {
        method: "GET",
        url: "/r/x",
        headers: &headers,
        introspection: Some(Introspection { token: "opaque", response }),
        ..Request::default()
    };
    let now = Timestamp::from_seconds(NOW);
    let decision = guard.decide(&request, now);
    let (again, document) = guard.explain(&request, now);
    assert_eq!((decision.verdict(), decision.code()), (again.verdict(), again.code()));
    assert!(json::parse(document.as_bytes(), &Limits::CONFIG).is_ok());
    decision.code().is_none()
}

thread_local! {
    static PLAIN: Guard = Guard::from_config(config("").as_bytes(), 1).unwrap();
    static SIGNED: Guard = Guard::from_config(config(r#","signed":true"#).as_bytes(), 1).unwrap();
}

fuzz_target!(|bytes: &[u8]| {
    if PLAIN.with(|guard| ask(guard, bytes)) {
        assert!(is_active(bytes));
    }
    // Nobody has the key.
    assert!(!SIGNED.with(|guard| ask(guard, bytes)));
    let parts: Vec<_> = bytes.splitn(3, |byte| *byte == b'\n').map(actfor::jose::base64url::encode).collect();
    assert!(!SIGNED.with(|guard| ask(guard, parts.join(".").as_bytes())));
});
