//! Rule files laid out, and logs of decisions: written, checked, exported.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use actfor::json::{self, Limits, Value};

use support::{actfor, file, stdout, token};

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn files_are_laid_out_in_place_and_only_once() {
    let folder = folder("fmt");
    let (untidy, tidy) = (folder.join("a.actfor"), folder.join("b.actfor"));
    let text =
        "actfor 1\non x\n read   needs scope\nallow self to read on x as a\nscope \"*\" covers read on x\n";
    fs::write(&untidy, text).unwrap();
    let (a, b) = (untidy.display().to_string(), tidy.display().to_string());
    let formatted = stdout(&actfor(&["fmt", "-"], text));
    assert!(formatted.contains("\n  read needs scope\n"), "{formatted}");
    fs::write(&tidy, &formatted).unwrap();

    let check = actfor(&["fmt", "--check", &a, &b], "");
    assert_eq!((check.status.code(), stdout(&check)), (Some(1), format!("{a}\n")));
    assert_eq!(fs::read_to_string(&untidy).unwrap(), text, "a check changes nothing");
    assert_eq!(actfor(&["fmt", &a, &b], "").status.code(), Some(0));
    assert_eq!(fs::read_to_string(&untidy).unwrap(), formatted);
    assert_eq!(actfor(&["fmt", "--check", &a, &b], "").status.code(), Some(0));

    fs::write(&untidy, "actfor 1\nallow nobody\n").unwrap();
    let wrong = actfor(&["fmt", &a], "");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains(&format!("{a}:2:7: ")), "{}", stderr(&wrong));
    assert_eq!(fs::read_to_string(&untidy).unwrap(), "actfor 1\nallow nobody\n");
    assert_eq!(actfor(&["fmt"], "").status.code(), Some(2));
}

fn check(log: &Path, pattern: &str, url: &str, id: &str) -> Output {
    let log = log.display().to_string();
    let (policy, tuples) = (file("acme.actfor"), file("tuples.json"));
    let more = ["--url", url, "--id", id, "--audit", &log];
    support::check(pattern, &["--policy", &policy, "--tuples", &tuples], &more)
}

fn verify(log: &Path, heads: &[&str]) -> Output {
    let log = log.display().to_string();
    let mut args = vec!["audit", "verify", &log];
    heads.iter().for_each(|head| args.extend(["--head", head]));
    actfor(&args, "")
}

#[test]
fn every_decision_is_recorded_in_one_chain_and_what_is_changed_is_found() {
    let log = folder("audit").join("log.jsonl");
    for (pattern, url, id, code) in [
        ("T3", "/salaries/ana", "one", 0),
        ("T3", "/salaries/bo", "two", 1),
        ("T1-forged", "/salaries/ana", "three", 1),
    ] {
        assert_eq!(check(&log, pattern, url, id).status.code(), Some(code), "{id}");
    }
    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    for (at, id) in ["one", "two", "three"].iter().enumerate() {
        assert!(lines[at].contains(&format!("\"id\":\"{id}\"")), "{}", lines[at]);
        assert!(lines[at].contains(&format!("\"seq\":{}", at + 1)), "{}", lines[at]);
        assert!(!lines[at].contains(&token("T3")) && !lines[at].contains("eyJ"), "no token");
    }
    let good = verify(&log, &[]);
    assert_eq!(good.status.code(), Some(0));
    let said = stdout(&good);
    assert!(said.starts_with("holds: 3 records\n") && said.contains("proves order, not honesty"), "{said}");
    let head = said.lines().find_map(|line| line.trim().strip_prefix("head ")).unwrap().to_owned();
    assert_eq!(verify(&log, &[&head]).status.code(), Some(0));
    assert!(!stdout(&verify(&log, &[&head])).contains("honesty"));

    // An edit, a gap and a fork show; a cut and a chain written anew only against the head.
    for (what, changed, without_head) in [
        ("an edit", text.replacen("\"two\"", "\"TWO\"", 1), 1),
        ("a gap", format!("{}\n{}\n", lines[0], lines[2]), 1),
        ("a fork", format!("{text}{}\n", lines[2]), 1),
        ("a cut", format!("{}\n{}\n", lines[0], lines[1]), 0),
    ] {
        let other = log.with_file_name("changed.jsonl");
        fs::write(&other, changed).unwrap();
        assert_eq!(verify(&other, &[]).status.code(), Some(without_head), "{what}");
        let found = verify(&other, &[&head]);
        assert_eq!(found.status.code(), Some(1), "{what}");
        assert!(stdout(&found).starts_with("does not hold: "), "{what}: {}", stdout(&found));
    }
    let log_name = log.display().to_string();
    let json = stdout(&actfor(&["audit", "verify", &log_name, "--json"], ""));
    assert_eq!(json, format!("{{\"holds\":true,\"records\":3,\"heads\":[\"{head}\"],\"error\":null}}\n"));

    // The chain goes on behind what is there; a log that does not hold is not appended to, and nothing is decided.
    assert_eq!(check(&log, "T3", "/salaries/ana", "four").status.code(), Some(0));
    assert_eq!(verify(&log, &[&head]).status.code(), Some(0));
    fs::write(&log, format!("{text}{{\"half\":")).unwrap();
    let refused = check(&log, "T3", "/salaries/ana", "five");
    assert_eq!((refused.status.code(), stdout(&refused)), (Some(2), String::new()));
    assert!(stderr(&refused).contains("cut off"), "{}", stderr(&refused));
    let nowhere = log.with_file_name("no/such/folder");
    assert_eq!(check(&nowhere, "T3", "/salaries/ana", "six").status.code(), Some(2));
    assert_eq!(verify(&log, &["nonsense"]).status.code(), Some(2));
    assert_eq!(actfor(&["audit"], "").status.code(), Some(2));
}

#[test]
fn writers_at_the_same_time_make_one_chain() {
    let log = folder("writers").join("log.jsonl");
    std::thread::scope(|scope| {
        for at in 0..48 {
            let log = &log;
            scope.spawn(move || check(log, "T3", "/salaries/ana", &format!("r{at}")));
        }
    });
    let said = stdout(&verify(&log, &[]));
    assert!(said.starts_with("holds: 48 records\n"), "{said}");
    assert_eq!(said.matches("\n  head ").count(), 1, "{said}");
}

fn member<'v>(value: &'v Value<'_>, path: &str) -> &'v Value<'v> {
    path.split('.').fold(value, |value, name| match name.parse::<usize>() {
        Ok(at) => &value.as_array().unwrap()[at],
        Err(_) => value.as_object().unwrap().get(name).unwrap_or_else(|| panic!("no {name} of {path}")),
    })
}

#[test]
fn a_log_is_exported_with_the_names_of_other_tools() {
    let log = folder("export").join("log.jsonl");
    check(&log, "T1", "/repos/web/x", "allowed");
    check(&log, "T3", "/salaries/bo", "refused");
    check(&log, "T1-forged", "/repos/web/x", "unknown");
    let name = log.display().to_string();
    let export = |form: &str| -> Vec<Value<'static>> {
        let output = actfor(&["audit", "export", "--to", form, &name], "");
        assert_eq!(output.status.code(), Some(0));
        let text = stdout(&output);
        text.lines().map(|line| json::parse(line.as_bytes(), &Limits::BODY).unwrap().into_owned()).collect()
    };
    let events = export("ocsf");
    assert_eq!(events.len(), 3);
    for (at, path, expected) in [
        (0, "metadata.version", "1.9.0"),
        (0, "metadata.uid", "allowed"),
        (0, "ai_agent.uid", "code-helper"),
        (0, "ai_agent.instance_uid", "S1AAAAAAAAAAAAAAAAAAAA"),
        (0, "delegation.uid", "S1AAAAAAAAAAAAAAAAAAAA"),
        (0, "delegation.issuer_uid", "https://as.example"),
        (0, "actor.user.uid", "ana"),
        (0, "actor.authorizations.0.decision", "allow"),
        (0, "actor.authorizations.0.policy.name", "code-read"),
        (0, "api.operation", "read"),
        (0, "resources.0.uid", "repo:web"),
        (1, "status_code", "not_the_persons_record"),
        (1, "ai_agent.uid", "hr-agent"),
        (1, "unmapped.who.relationship.kind", "assigned"),
        (2, "status_code", "signature_invalid"),
        (2, "actor.app_uid", "none"),
    ] {
        assert_eq!(member(&events[at], path).as_str(), Some(expected), "{path}");
    }
    for (at, path, expected) in [
        (0, "class_uid", 6003),
        (0, "type_uid", 600_399),
        (0, "time", 1_795_000_060_000),
        (0, "status_id", 1),
        (1, "status_id", 2),
        (1, "http_response.code", 403),
        (2, "http_response.code", 401),
    ] {
        assert_eq!(member(&events[at], path).as_u64(), Some(expected), "{path}");
    }
    let logs = export("otel");
    let attribute = |at: usize, name: &str| {
        let record = member(&logs[at], "resourceLogs.0.scopeLogs.0.logRecords.0");
        let attributes = member(record, "attributes").as_array().unwrap();
        let found = attributes.iter().find(|attribute| member(attribute, "key").as_str() == Some(name))?;
        let value = member(found, "value").as_object().unwrap().iter().next().unwrap().1;
        value.as_str().map(String::from)
    };
    for (at, name, expected) in [
        (0, "user.id", Some("ana")),
        (0, "gen_ai.agent.id", Some("code-helper")),
        (0, "gen_ai.conversation.id", Some("S1AAAAAAAAAAAAAAAAAAAA")),
        (0, "actfor.relationship.kind", Some("delegated")),
        (0, "actfor.chain.depth", Some("0")),
        (0, "error.type", None),
        (1, "error.type", Some("not_the_persons_record")),
        (1, "gen_ai.conversation.id", None),
        (1, "http.response.status_code", Some("403")),
        (2, "actfor.audit.seq", Some("3")),
        (2, "user.id", None),
    ] {
        assert_eq!(attribute(at, name).as_deref(), expected, "{name}");
    }
    let time = member(&logs[0], "resourceLogs.0.scopeLogs.0.logRecords.0.timeUnixNano");
    assert_eq!(time.as_str(), Some("1795000060000000000"));

    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.replacen("refused", "REFUSED", 1)).unwrap();
    let broken = actfor(&["audit", "export", "--to", "otel", &name], "");
    assert_eq!((broken.status.code(), stdout(&broken)), (Some(1), String::new()));
    assert_eq!(actfor(&["audit", "export", &name], "").status.code(), Some(2));
}
