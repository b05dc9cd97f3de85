//! `actfor test`: what it prints, and with what it ends.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use actfor::json::{self, Limits, Value};

const GOOD: &str = "model_file: ../model.fga
tuples: [{ user: 'user:ana', relation: writer, object: 'repo:web' }]
tests:
  - name: ana reads
    check: [{ user: 'user:ana', object: 'repo:web', assertions: { reader: true } }]
";
const MODEL: &str = "model
  schema 1.1
type user
type repo
  relations
    define writer: [user]
    define reader: [user] or writer
";

/// The test files, in a folder of their own.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(folder.join("tests")).unwrap();
    fs::write(folder.join("model.fga"), MODEL).unwrap();
    fs::write(folder.join("tests/good.fga.yaml"), GOOD).unwrap();
    fs::write(folder.join("tests/bad.fga.yaml"), GOOD.replace("reader: true", "reader: false, writer: true"))
        .unwrap();
    fs::write(folder.join("tests/broken.fga.yaml"), GOOD.replace("writer, object", "owner, object")).unwrap();
    fs::write(folder.join("tests/empty.fga.yaml"), "model_file: ../model.fga\n").unwrap();
    folder
}

fn test(folder: &str, files: &[&str]) -> (i32, String) {
    let place = self::folder(folder).join("tests");
    let output = Command::new(env!("CARGO_BIN_EXE_actfor"))
        .current_dir(place)
        .arg("test")
        .args(files)
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_failure_shows_what_was_expected_what_came_out_and_why() {
    let (code, text) = test("failure", &["good.fga.yaml", "bad.fga.yaml"]);
    assert_eq!(code, 1);
    assert_eq!(
        text,
        "good.fga.yaml
  ✓ ana reads  check 1/1

bad.fga.yaml
  ✗ ana reads  check 1/2
      user:ana reader repo:web
        expected false
        got      true
        because  user:ana reader repo:web: true
                   user:ana writer repo:web: tuple

1 of 2 tests failed, 2 of 3 assertions held
"
    );
}

#[test]
fn the_exit_code_says_how_it_went() {
    assert_eq!(test("codes", &["good.fga.yaml"]).0, 0);
    assert_eq!(test("codes", &["good.fga.yaml", "empty.fga.yaml"]).0, 0);
    let (code, text) = test("codes", &["empty.fga.yaml"]);
    assert!(code == 1 && text.contains("nothing was tested"), "{text}");
    let (code, text) = test("codes", &["bad.fga.yaml", "broken.fga.yaml", "gone.fga.yaml"]);
    assert_eq!(code, 2);
    assert!(
        text.contains(
            "test `ana reads`: tuple `user:ana owner repo:web`: type `repo` has no relation `owner`"
        )
    );
    assert!(text.contains("gone.fga.yaml: No such file") || cfg!(windows), "{text}");
    assert!(text.ends_with("2 files cannot be used, 1 of 1 test failed, 1 of 2 assertions held\n"), "{text}");
}

#[test]
fn machines_read_json() {
    let (code, text) = test("json", &["--json", "bad.fga.yaml", "broken.fga.yaml"]);
    assert_eq!(code, 2);
    let value = json::parse(text.as_bytes(), &Limits::CONFIG).unwrap();
    let files = value.as_object().unwrap().get("files").unwrap().as_array().unwrap();
    let member = |value: &Value<'static>, name: &str| value.as_object().unwrap().get(name).unwrap().clone();
    let files: Vec<Value<'static>> = files.iter().map(|file| file.clone().into_owned()).collect();
    let tests = member(&files[0], "tests");
    let failures = member(&tests.as_array().unwrap()[0], "failures");
    let failure = &failures.as_array().unwrap()[0];
    assert_eq!(member(failure, "question").as_str(), Some("user:ana reader repo:web"));
    assert_eq!(
        (member(failure, "expected").as_str(), member(failure, "got").as_str()),
        (Some("false"), Some("true"))
    );
    assert_eq!(member(failure, "because").as_array().unwrap().len(), 2);
    assert!(member(&files[1], "error").as_str().unwrap().contains("owner"));
}

const POLICY: &str = "policy: |
  actfor 1
  on note
    read needs scope
  allow self to read on note as people
  allow delegated to read on note as agents
  agent * at most read on note
  scope \"notes\" covers read on note
  route GET /notes/{id} is read on note:{id}
config:
  issuers: [{ issuer: https://as.example, audience: a, dialect: rfc9068, binding: optional, clients: { web: app } }]
tokens:
  ana: { claims: { sub: ana, client_id: web, scope: notes } }
tests:
  - name: people
    requests:
      - { name: reads, token: ana, url: /notes/1, expect: { decision: allow } }
      - { name: nobody, url: /notes/1, expect: { decision: allow } }
";

#[test]
fn requests_are_shown_with_the_rules_that_they_reach() {
    let place = folder("requests").join("tests");
    fs::write(place.join("policy.yaml"), POLICY).unwrap();
    let (code, text) = test("requests", &["policy.yaml", "--coverage"]);
    assert_eq!(
        (code, text.as_str()),
        (
            1,
            "policy.yaml
  ✗ people  requests 1/2
      nobody
        expected allow
        got      deny token_missing
        because  there is no `Authorization` header
  ✗ rules  hit and missed 0/2
      people  allow    line 4    1 hit, 0 missed  never missed
      agents  allow    line 5    0 hit, 0 missed  never hit

1 of 1 test failed, 1 of 2 assertions held
"
        )
    );
    let good = POLICY.replace("      - { name: nobody, url: /notes/1, expect: { decision: allow } }\n", "");
    fs::write(place.join("policy.yaml"), &good).unwrap();
    let (code, text) = test("requests", &["policy.yaml"]);
    assert_eq!(code, 0, "what is not covered is shown, and passes: {text}");
    assert!(text.contains("  ! rules  hit and missed 0/2\n"), "{text}");
    let (code, text) = test("requests", &["policy.yaml", "--coverage"]);
    assert!(code == 1 && text.ends_with("2 rules not covered, 1 of 1 assertion held\n"), "{text}");
    fs::write(place.join("policy.yaml"), format!("coverage: required\n{good}")).unwrap();
    let (code, json) = test("requests", &["policy.yaml", "--json"]);
    let value = json::parse(json.as_bytes(), &Limits::CONFIG).unwrap();
    let file =
        value.as_object().unwrap().get("files").and_then(Value::as_array).unwrap()[0].as_object().unwrap();
    assert_eq!((code, file.get("passed").and_then(Value::as_bool)), (1, Some(false)));
    let rules = file.get("coverage").and_then(Value::as_array).unwrap();
    assert_eq!(rules.len(), 2);
    assert_eq!(rules[0].as_object().unwrap().get("lacks").and_then(Value::as_str), Some("never missed"));
}
