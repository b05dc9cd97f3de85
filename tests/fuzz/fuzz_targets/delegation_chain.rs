//! Agent Delegation Chains: no panic, and what is allowed was handed on by the earlier agent, member by member.
//!
//! The input changes the claims of two tokens, which the issuer then signs; what is left of it is the header.
#![no_main]

use std::collections::BTreeMap;

use actfor::jose::{Algorithm, base64url};
use actfor::json::{self, Limits, Value, Writer};
use actfor::{Decision, Guard, Request, Timestamp};
use actfor_mint::SigningKey;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

const NOW: u64 = 1_795_000_060;
/// What a member may become; the empty text takes it away.
const VALUES: [&str; 48] = [
    "", "null", "true", "0", "1", "2", "3", "9", "-1", "0.5", "1e400", "9007199254740991", "9007199254740992",
    "1795000059", "1795000060", "1795000061", "1795000299", "1795000300", "1795000301", r#""""#, r#""1""#, r#""ana""#,
    r#""bo""#, r#""planner""#, r#""helper""#, r#""*""#, r#""$parent""#, r#""https://as.example""#,
    r#""https://api.example""#, r#"["https://api.example"]"#, "{}", "[]", r#"{"jkt":"x"}"#, r#"{"sub":"ana"}"#,
    r#"[{"type":"agent_delegation","scopes":["r"],"constraints":[]}]"#,
    r#"[{"type":"agent_delegation","scopes":["r","w"],"constraints":[]}]"#,
    r#"[{"type":"agent_delegation","scopes":["w"],"constraints":[]}]"#,
    r#"[{"type":"agent_delegation","scopes":["*"],"constraints":[]}]"#,
    r#"[{"type":"agent_delegation","scopes":[],"constraints":[]}]"#,
    r#"[{"type":"agent_delegation","scopes":"r","constraints":[]}]"#,
    r#"[{"type":"agent_delegation","scopes":["r"]}]"#,
    r#"[{"type":"agent_delegation","scopes":["r"],"constraints":[{"key":"k","op":"lte","value":5}]}]"#,
    r#"[{"type":"agent_delegation","scopes":["r"],"constraints":[{"key":"k","op":"lte","value":6}]}]"#,
    r#"[{"type":"agent_delegation","scopes":["r"],"constraints":[{"key":"k","op":"in","value":["a"]}]}]"#,
    r#"[{"type":"agent_delegation","scopes":["r"],"constraints":[{"key":"k","op":"eq","value":"a"}]}]"#,
    r#"[{"type":"agent_delegation","scopes":["r"],"constraints":[],"x":1}]"#,
    r#"[{"type":"agent_delegation","scopes":["r"],"constraints":[]},{"type":"x"}]"#,
    r#"[{"type":"x","scopes":["r"],"constraints":[]}]"#,
];
const NAMES: [&str; 15] = [
    "iss", "aud", "iat", "exp", "nbf", "sub", "client_id", "jti", "authorization_details", "del_depth",
    "del_max_depth", "par_hash", "act", "scope", "agent_rel",
];

type Claims = BTreeMap<&'static str, &'static str>;

thread_local! {
    static WORLD: (Guard, SigningKey) = {
        let key = SigningKey::from_seed(Algorithm::Ed25519, [5; 32]).unwrap();
        let config = format!(
            r#"{{"issuers":[{{"issuer":"https://as.example","audience":"https://api.example","algorithms":["Ed25519"],
            "dialect":"delegation-chain","binding":"optional","checked_elsewhere":["k"],"jwks":{{"keys":[{}]}}}}],
            "policy":"actfor 1\non repo\n  read needs scope\nallow self, delegated, autonomous to read on repo as all\nscope \"r\" covers read on repo\nchain at most 3\nroute GET /r/{{id}} is read on repo:{{id}}"}}"#,
            key.public_jwk()
        );
        (Guard::from_config(config.as_bytes(), 1).unwrap(), key)
    };
}

fn base(client: &'static str, depth: &'static str) -> Claims {
    let mut claims = Claims::from([
        ("iss", r#""https://as.example""#),
        ("aud", r#""https://api.example""#),
        ("iat", "1795000000"),
        ("exp", "1795000300"),
        ("sub", r#""ana""#),
        ("client_id", client),
        ("jti", client),
        ("authorization_details", VALUES[34]),
        ("del_depth", depth),
    ]);
    match depth {
        "0" => claims.insert("del_max_depth", "3"),
        _ => claims.insert("par_hash", r#""$parent""#),
    };
    claims
}

/// Names in order: with values that are in it already, the form of RFC 8785.
fn text(claims: &Claims) -> String {
    let members: Vec<_> =
        claims.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name:?}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn ask(guard: &Guard, token: &str, chain: &[u8]) -> Decision {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_bytes()), ("agent-chain", chain)];
    let request = Request { method: "GET", url: "/r/x", headers: &headers, ..Request::default() };
    guard.decide(&request, Timestamp::from_seconds(NOW))
}

/// The scopes and constraints of a token, and the other members.
fn read(claims: &str) -> (Vec<String>, String, BTreeMap<String, Value<'static>>) {
    let parsed = json::parse(claims.as_bytes(), &Limits::TOKEN).unwrap().into_owned();
    let all: BTreeMap<_, _> =
        parsed.as_object().unwrap().iter().map(|(name, value)| (name.to_owned(), value.clone().into_owned())).collect();
    let detail = all["authorization_details"].as_array().unwrap()[0].as_object().unwrap();
    let scopes = detail.get("scopes").and_then(Value::as_array).unwrap();
    let scopes = scopes.iter().map(|scope| scope.as_str().unwrap().to_owned()).collect();
    let mut w = Writer::default();
    w.value(detail.get("constraints").unwrap_or(&Value::Null));
    (scopes, w.finish(), all)
}

fuzz_target!(|bytes: &[u8]| {
    let (edits, header) = bytes.split_at(bytes.len().min(16));
    let (mut parent, mut child) = (base(r#""planner""#, "0"), base(r#""helper""#, "1"));
    for edit in edits.chunks_exact(2) {
        let claims = if edit[0] & 1 == 0 { &mut parent } else { &mut child };
        let name = NAMES[usize::from(edit[0] >> 1) % (NAMES.len() + 1) % NAMES.len()];
        // The last numbers change nothing.
        if let Some(value) = VALUES.get(usize::from(edit[1] & 63)) {
            claims.insert(name, value);
        }
    }
    WORLD.with(|(guard, key)| {
        let first = text(&parent);
        let signed = key.sign("at+jwt", &first);
        let hash = base64url::encode(&Sha256::digest(signed.rsplit_once('.').unwrap().0));
        let second = text(&child).replace("$parent", &hash);
        let token = key.sign("at+jwt", &second);
        // Nobody has the key: whatever stands there vouches for nobody.
        if child.get("del_depth") == Some(&"1") {
            assert!(ask(guard, &token, header).code().is_some());
        }
        if ask(guard, &token, signed.as_bytes()).code().is_some() {
            return;
        }
        let ((given, bounds, before), (has, own, after)) = (read(&first), read(&second));
        assert!(given.iter().any(|scope| scope == "r") && has.iter().all(|scope| given.contains(scope)), "{first} {second}");
        assert_eq!((&before["sub"], &after["par_hash"]), (&after["sub"], &Value::String(hash.into())));
        assert_eq!((before["del_depth"].as_u64(), after["del_depth"].as_u64()), (Some(0), Some(1)));
        let end = |claims: &BTreeMap<String, Value<'_>>| claims["exp"].as_u64().unwrap();
        assert!(NOW < end(&after) && end(&after) <= end(&before), "{first} {second}");
        // What bounds the earlier agent bounds this one, at least as much.
        assert!(bounds == "[]" || own != "[]", "{first} {second}");
    });
});
