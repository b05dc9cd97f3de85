//! Every code that a client may meet is the outcome of a vector or, where no vector can say it, of a test that is named.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use actfor::json::{self, Value};
use actfor::{Code, Guard, Request, Timestamp};
use actfor_mint::SigningKey;

/// Codes without a vector, and the test that gives them: what is loaded is no request, and keys, changes and a
/// relationship server are the host's.
const ELSEWHERE: &[(Code, &str)] = &[
    (Code::LacksRelation, "tests/policies.rs"),
    (Code::LimitExceeded, "tests/codes.rs"),
    (Code::ModelInvalid, "tests/node/model.test.mjs"),
    (Code::PackExpired, "tests/update.rs"),
    (Code::PackInvalid, "tests/update.rs"),
    (Code::PackOutdated, "tests/update.rs"),
    (Code::PackUntrusted, "tests/update.rs"),
    (Code::RebuildNeeded, "tests/update.rs"),
    (Code::RelationMissing, "tests/relationships.rs"),
    (Code::RelationsUnavailable, "tests/host_answers.rs"),
    (Code::RulesInvalid, "tests/policy.rs"),
    (Code::TupleInvalid, "tests/hostile.rs"),
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false if path.extension().is_some_and(|end| end == "json" || end == "yaml") => found.push(path),
            false => {}
        }
    }
}

/// What a case expects stands in its member `code` or `expect`, or is its `decision`.
fn expected(value: &Value<'_>, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object.iter() {
                match value.as_str() {
                    Some(code) if matches!(name, "code" | "decision" | "expect") => {
                        found.insert(code.into());
                    }
                    _ => expected(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expected(item, found)),
        _ => {}
    }
}

#[test]
fn every_code_has_a_vector() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut paths, mut found) = (Vec::new(), BTreeSet::new());
    files(&root.join("tests/vectors"), &mut paths);
    for path in paths {
        let text = fs::read(&path).unwrap();
        if path.extension().is_some_and(|end| end == "yaml") {
            let text = String::from_utf8(text).unwrap();
            expected(
                &actfor_store::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
                &mut found,
            );
            continue;
        }
        let limits = json::Limits { bytes: text.len(), ..json::Limits::CONFIG };
        expected(
            &json::parse(&text, &limits).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
            &mut found,
        );
    }
    for code in Code::ALL {
        let elsewhere = ELSEWHERE.iter().find(|(known, _)| known == code);
        match (found.contains(code.as_str()), elsewhere) {
            (true, Some(_)) => panic!("`{code}` has a vector: take it off the list"),
            (false, None) => panic!("`{code}` has no vector"),
            (true, None) => {}
            (false, Some((_, test))) => {
                let text = fs::read_to_string(root.join(test)).unwrap();
                let says = ["\"", "'"].iter().any(|quote| text.contains(&format!("{quote}{code}{quote}")))
                    || text.contains(&format!("Code::{code:?}"));
                assert!(says, "{test} does not name `{code}`");
            }
        }
    }
    println!("{} codes, {} of them without a vector", Code::ALL.len(), ELSEWHERE.len());
}

#[test]
fn a_search_that_is_too_deep_is_refused() {
    let key = SigningKey::from_seed(actfor::jose::Algorithm::Es256, [7; 32]).unwrap();
    let model = "model\\n  schema 1.1\\ntype user\\ntype group\\n  relations\\n    define member: [user, group#member]\\n\
        type doc\\n  relations\\n    define reader: [group#member]\\n";
    let rules = "actfor 1\\nmodel \\\"m.fga\\\"\\non doc\\n  read needs reader\\nallow self to read on doc as read\\n\
        scope \\\"read\\\" covers read on doc\\nroute GET /{id} is read on doc:{id}\\n";
    let guard = |depth: usize| {
        let nested: String = (1..depth)
            .map(|n| {
                format!(r#",{{"user":"group:g{}#member","relation":"member","object":"group:g{n}"}}"#, n - 1)
            })
            .collect();
        let config = format!(
            r#"{{"issuers":[{{"issuer":"https://as.example","audience":["https://api.example"],"algorithms":["ES256"],
            "dialect":"rfc9068","binding":"optional","clients":{{"web":"app"}},"jwks":{{"keys":[{}]}}}}],
            "policy":"{rules}","files":{{"m.fga":"{model}"}},"tuples":[
            {{"user":"user:ana","relation":"member","object":"group:g0"}},
            {{"user":"group:g{}#member","relation":"reader","object":"doc:d"}}{nested}]}}"#,
            key.public_jwk(),
            depth - 1
        );
        Guard::from_config(config.as_bytes(), 1).unwrap_or_else(|e| panic!("{e}"))
    };
    let token = key.sign(
        "at+jwt",
        r#"{"iss":"https://as.example","sub":"ana","aud":"https://api.example","client_id":"web","scope":"read",
        "iat":1795000000,"exp":1795000300,"jti":"t1"}"#,
    );
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_bytes())];
    let request = Request { id: "r", method: "GET", url: "/d", headers: &headers, ..Request::default() };
    let ask = |depth| guard(depth).decide(&request, Timestamp::from_seconds(1_795_000_060)).code();
    assert_eq!(ask(10), None);
    assert_eq!(ask(40), Some(Code::LimitExceeded));
}
