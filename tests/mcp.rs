//! What a refused MCP request is answered: a JSON-RPC error for the message, or HTTP's own challenge.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

use std::path::Path;

use actfor::json::{self, Value};
use actfor::{Decision, Guard, Request, Timestamp, mcp};
use actfor_store::{Setup, Store};

fn setup() -> Setup {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/policies/mcp-server");
    Store::open(&folder.join("test.yaml")).unwrap().setup.unwrap()
}

fn decide(guard: &Guard, setup: &Setup, token: Option<&str>, body: &[u8], now: Option<u64>) -> Decision {
    let authorization =
        token.map(|token| format!("Bearer {}", setup.token(token).unwrap())).unwrap_or_default();
    let headers = [("content-type", &b"application/json"[..]), ("authorization", authorization.as_bytes())];
    let headers = if token.is_some() { &headers[..] } else { &headers[..1] };
    let request =
        Request { id: "r1", method: "POST", url: "/mcp", headers, body: Some(body), ..Request::default() };
    guard.decide(&request, now.and_then(Timestamp::from_seconds))
}

/// The number, the message's id, the code that is told, and that it is whole.
fn read(answer: &str) -> (String, String, String) {
    let value = json::parse(answer.as_bytes(), &json::Limits::BODY).unwrap();
    let object = |value: &Value<'static>| value.as_object().unwrap().clone();
    let answer = object(&value.into_owned());
    let names: Vec<_> = answer.iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names, ["jsonrpc", "id", "error"]);
    assert_eq!(answer.get("jsonrpc").unwrap().as_str(), Some("2.0"));
    let written = |value: &Value<'_>| {
        let mut w = json::Writer::default();
        w.value(value);
        w.finish()
    };
    let error = object(answer.get("error").unwrap());
    assert!(error.get("message").unwrap().as_str().unwrap().ends_with('.'));
    let data = object(error.get("data").unwrap());
    assert_eq!(data.len(), 2);
    assert_eq!(data.get("id").unwrap().as_str(), Some("r1"));
    let code = data.get("code").unwrap().as_str().unwrap().to_owned();
    (written(error.get("code").unwrap()), written(answer.get("id").unwrap()), code)
}

#[test]
fn a_refused_message_is_answered_with_its_id_and_a_number_for_its_kind() {
    let setup = setup();
    let guard = setup.guard().unwrap();
    let call = |id: &str, name: &str, project: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{name}","arguments":{{"project":"{project}"}}}}}}"#
        )
    };
    for (body, number, id, code) in [
        // Refused by the rules: -32001.
        (call("7", "list_files", "p2"), "-32001", "7", "user_lacks_relation"),
        (call(r#""seven""#, "list_files", "p2"), "-32001", r#""seven""#, "user_lacks_relation"),
        (call("-1.50", "list_files", "p2"), "-32001", "-1.50", "user_lacks_relation"),
        (call("7", "weather", "p1"), "-32001", "7", "not_covered"),
        (call("7", "delete_project", "p1"), "-32001", "7", "needs_approval"),
        // It cannot be mapped: -32602.
        (call("7", "write_file", "p1"), "-32602", "7", "argument_invalid"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"tools/install"}"#.into(), "-32602", "7", "unmapped"),
        (r#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#.into(), "-32602", "7", "message_invalid"),
        // Without an id that can be read the answer has none.
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#.into(), "-32602", "null", "message_invalid"),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#.into(), "-32602", "null", "message_invalid"),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#.into(), "-32602", "null", "message_invalid"),
        (format!("[{}]", call("7", "list_files", "p2")), "-32001", "null", "user_lacks_relation"),
        ("{".into(), "-32602", "null", "message_invalid"),
        (String::new(), "-32602", "null", "message_invalid"),
    ] {
        let decision = decide(&guard, &setup, Some("steered"), body.as_bytes(), Some(setup.now));
        let answer = mcp::refusal(&decision, Some(body.as_bytes()), "r1").unwrap_or_else(|| panic!("{body}"));
        assert_eq!(read(&answer), (number.into(), id.into(), code.into()), "{body}");
        // Nobody has to have kept the body.
        let without = mcp::refusal(&decision, None, "r1").unwrap();
        assert_eq!(read(&without), (number.into(), "null".into(), code.into()), "{body}");
    }
}

#[test]
fn what_may_pass_and_what_http_answers_have_no_json_rpc_error() {
    let setup = setup();
    let guard = setup.guard().unwrap();
    let ping = br#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
    let allowed = decide(&guard, &setup, Some("steered"), ping, Some(setup.now));
    assert_eq!(allowed.code(), None);
    assert_eq!(mcp::refusal(&allowed, Some(ping), "r1"), None);
    // 401: the challenge of HTTP goes out instead.
    for (token, now) in [(None, setup.now), (Some("steered"), setup.now.saturating_add(10_000))] {
        let refused = decide(&guard, &setup, token, ping, Some(now));
        assert_eq!(refused.status(), 401);
        assert!(refused.challenge().is_some());
        assert_eq!(mcp::refusal(&refused, Some(ping), "r1"), None);
    }
    // What could not be decided at all: -32603, although the stage is the request's.
    let undecided = decide(&guard, &setup, Some("steered"), ping, None);
    assert_eq!(undecided.status(), 503);
    let answer = mcp::refusal(&undecided, Some(ping), "r1").unwrap();
    assert_eq!(read(&answer), ("-32603".into(), "7".into(), "clock_invalid".into()));
}
