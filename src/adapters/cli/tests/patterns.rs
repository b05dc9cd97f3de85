//! The command line on the running examples: the same documents as everywhere, byte for byte.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use actfor::json::{self, Limits, Value, Writer};

use support::{actfor, check, file, patterns, stdout, token};

fn text(value: &Value<'_>) -> String {
    let mut w = Writer::default();
    w.value(value);
    w.finish()
}

#[test]
fn every_case_gives_the_expected_document() {
    let bytes = fs::read(patterns().join("cases.json")).unwrap();
    let cases = json::parse(&bytes, &Limits::CONFIG).unwrap();
    let tuples = fs::read(patterns().join("tuples.json")).unwrap();
    let tuples = json::parse(&tuples, &Limits::CONFIG).unwrap();
    let (config, policy) = (file("config.json"), file("acme.actfor"));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut asked = 0;
    for case in cases.as_array().unwrap() {
        let case = case.as_object().unwrap();
        let member = |name: &str| case.get(name).unwrap();
        let name = member("name").as_str().unwrap();
        let removed = member("changes").as_object().unwrap().get("removed").unwrap().as_array().unwrap();
        let left =
            tuples.as_array().unwrap().iter().filter(|tuple| !removed.contains(tuple)).cloned().collect();
        let tuples = folder.join("tuples.json");
        fs::write(&tuples, text(&Value::Array(left))).unwrap();
        let now = member("now").as_u64().unwrap_or(0).to_string();
        let output = actfor(
            &[
                "check",
                "--config",
                &config,
                "--policy",
                &policy,
                "--tuples",
                &tuples.display().to_string(),
                "--request",
                "-",
                "--now",
                &now,
                "--id",
                member("id").as_str().unwrap(),
                "--json",
            ],
            &text(member("request")),
        );
        let expect = |name: &str| member("expect").as_object().unwrap().get(name).unwrap().as_str();
        assert_eq!(stdout(&output), format!("{}\n", expect("document").unwrap()), "{name}");
        let code = if expect("decision") == Some("allow") { 0 } else { 1 };
        assert_eq!(output.status.code(), Some(code), "{name}");
        asked += 1;
    }
    assert!(asked >= 20);
}

#[test]
fn a_person_sees_who_and_why() {
    let (policy, tuples) = (file("acme.actfor"), file("tuples.json"));
    let rules = ["--policy", &policy, "--tuples", &tuples];
    let ask = |url: &str, policy: &[&str], more: &[&str]| {
        stdout(&check("T3", policy, &[&["--explain", "--url", url], more].concat()))
    };
    let allowed = ask("/salaries/ana", &rules, &[]);
    let expected = format!(
        "✓ allow
  asks   read on salary_record:ana
  rule   hr-case at {policy}:12
         allow assigned               to read on salary_record  as hr-case
           when agent is worker of case:{{task}}
           when user is employee of case:{{task}}

who
  ● user ana (case_subject)  token:agent_rel.user
  │ assigned, automated, c1  token:agent_rel
  ▼ agent hr-agent  token:sub
      task S3AAAAAAAAAAAAAAAAAAAA  token:agent_instance
    chain: current_only
    token: bearer

proof
  ✓ `scope` covers `read` on `salary_record:ana`
      {policy}:23  scope  \"salary:read\"     covers read on salary_record
  ✓ agent `agent:hr-agent` is `hr_reader` of `org:acme` (rule `hr-case`)
      {policy}:8  read  needs hr_reader of org:acme
      tuple agent:hr-agent hr_reader org:acme
"
    );
    assert!(allowed.starts_with(&expected), "{allowed}");
    assert!(allowed.ends_with("  ✓ ceiling\n  ✓ forbid\n"), "{allowed}");
    let refused = ask("/salaries/bo", &rules, &[]);
    assert!(refused.starts_with("✗ deny not_the_persons_record\n"), "{refused}");
    for part in [
        &*format!(
            "  why    user `user:ana` is not `employee` of `salary_record:bo` (rule `hr-case`) at {policy}:12\n"
        ),
        "  client is told not_the_persons_record: This record is not part of the case the agent works on.\n",
        "\nwhat stands against it\n  ✗ user `user:ana` is not `employee` of `salary_record:bo` (rule `hr-case`)\n",
        "      no tuple user:ana employee salary_record:bo\n",
        "  ✗ personal\n  · conditions (not reached)\n",
    ] {
        assert!(refused.contains(part), "{part}{refused}");
    }
    assert!(!refused.contains('\x1b'), "no colour where nobody is watching");
    // A machine reads the document, whatever else is asked for.
    let document = ask("/salaries/bo", &rules, &["--json"]);
    assert!(document.starts_with("{\"v\":1,") && document.lines().count() == 1, "{document}");
    // Without the rules as text there are still the rule's name and its line.
    let packed = actfor(&["compile", &policy, "--tuples", &tuples, "--out", "-"], "").stdout;
    let pack = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("explained.pack");
    std::fs::write(&pack, packed).unwrap();
    let explained = ask("/salaries/ana", &["--policy", pack.to_str().unwrap()], &[]);
    assert!(
        explained.starts_with("✓ allow\n  asks   read on salary_record:ana\n  rule   hr-case\n\nwho\n"),
        "{explained}"
    );
    assert!(explained.contains("\n      policy:12\n"), "{explained}");
}

#[test]
fn inspect_warns_until_a_configuration_verifies() {
    let output = actfor(&["inspect", "-"], &token("T3"));
    assert!(stdout(&output).starts_with("UNVERIFIED"));
    assert_eq!(output.status.code(), Some(0));
    let (config, policy) = (file("config.json"), file("acme.actfor"));
    let with = ["inspect", "--config", &config, "--policy", &policy, "--now", "1795000060"];
    let good = actfor(&[&with[..], &[&token("T3")]].concat(), "");
    assert!(stdout(&good).starts_with("verified\ndialect actfor (configuration)\n"), "{}", stdout(&good));
    let forged = actfor(&[&with[..], &[&token("T1-forged")]].concat(), "");
    assert!(stdout(&forged).starts_with("UNVERIFIED"), "{}", stdout(&forged));
    assert!(stdout(&forged).contains("\nREFUSED signature_invalid"), "{}", stdout(&forged));
    assert_eq!(forged.status.code(), Some(1));
    let json = actfor(&[&with[..], &["--json", &token("T1-forged")]].concat(), "");
    assert!(
        stdout(&json).starts_with(r#"{"v":1,"verified":false,"warning":"nothing here is verified"#),
        "{}",
        stdout(&json)
    );
    assert!(stdout(&json).contains(r#""code":"signature_invalid""#), "{}", stdout(&json));
    assert!(!stdout(&json).contains(r#""who":"#), "{}", stdout(&json));
}

#[test]
fn inspect_draws_the_chain_and_says_what_a_dialect_cannot() {
    let (config, policy, chain) =
        (file("config.json"), file("acme.actfor"), format!("Agent-Chain: {}", token("T2")));
    let with = ["inspect", "--config", &config, "--policy", &policy, "--now", "1795000060"];
    let drawn = stdout(&actfor(&[&with[..], &["-H", &chain, &token("T4")]].concat(), ""));
    let expected = "
  ● user ana (delegator)  token:sub
  │ delegated, offline  token:agent_rel
  ▼ agent code-helper, record: agent_chain  token:act
  │   instance S2AAAAAAAAAAAAAAAAAAAA
  ▼ agent test-runner  token:act.sub
";
    assert!(drawn.contains(expected), "{drawn}");
    let alone = stdout(&actfor(&[&with[..], &[&token("T4")]].concat(), ""));
    assert!(alone.contains("agent code-helper, no record"), "{alone}");
    let output = actfor(&["inspect", "--dialect", "rfc8693", "-"], &token("T4"));
    let silent = stdout(&output);
    assert!(silent.contains("dialect rfc8693 (option)"), "{silent}");
    assert!(
        silent.contains(r#"supply "clients": {"test-runner": {"kind": "agent", "mode": "offline"}}"#),
        "{silent}"
    );
    let guessed = stdout(&actfor(&["inspect", &token("T4")], ""));
    assert!(guessed.contains("dialect actfor (a guess; a guard never guesses)"), "{guessed}");
}

#[test]
fn lists_of_what_was_taken_back_reach_the_guard() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let list = folder.join("revoked.json");
    let entry =
        r#"{"version":1,"revoked":[{"user":{"iss":"https://as.example","sub":"ana"},"until":1795000100}]}"#;
    fs::write(&list, entry).unwrap();
    let (config, policy, tuples) = (file("config.json"), file("acme.actfor"), file("tuples.json"));
    let (header, list) = (format!("Authorization: Bearer {}", token("T2")), list.display().to_string());
    let base = ["--config", &config, "--policy", &policy, "--now", "1795000060"];
    let check = ["check", "--tuples", &tuples, "--method", "GET", "--url", "/repos/web/x", "-H", &header];
    let asked = |more: &[&str]| actfor(&[&check[..], &base[..], more].concat(), "");
    assert_eq!(asked(&[]).status.code(), Some(0), "{}", stdout(&asked(&[])));
    let revoked = asked(&["--revoked", &list]);
    assert!(stdout(&revoked).starts_with("deny revoked\n"), "{}", stdout(&revoked));
    let inspected = actfor(&[&["inspect", &token("T2"), "--revoked", &list], &base[..]].concat(), "");
    assert!(stdout(&inspected).starts_with("REFUSED revoked"), "{}", stdout(&inspected));
    assert_eq!(inspected.status.code(), Some(1), "{}", stdout(&inspected));
    // An issuer without `status` takes no status list, and an answer that nobody asked for changes nothing.
    let refused = asked(&["--status", &list]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(asked(&["--introspection", &list]).status.code(), Some(0));
}

#[test]
fn minted_tokens_are_good() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    for algorithm in ["ES256", "Ed25519"] {
        let key = folder.join(format!("{algorithm}.jwk"));
        fs::write(&key, stdout(&actfor(&["mint", "key", "--alg", algorithm], ""))).unwrap();
        let key = key.display().to_string();
        let jwks = stdout(&actfor(&["mint", "jwks", "--key", &key], ""));
        assert!(!jwks.contains("\"d\":"));
        let config = fs::read_to_string(file("config.json")).unwrap();
        let parsed = json::parse(config.as_bytes(), &Limits::CONFIG).unwrap();
        let old = parsed.as_object().unwrap().get("issuers").unwrap().as_array().unwrap()[0]
            .as_object()
            .unwrap()
            .get("jwks");
        let changed = text(&parsed)
            .replace(&text(old.unwrap()), jwks.trim())
            .replace("[\"ES256\"]", &format!("[\"{algorithm}\"]"));
        let path = folder.join(format!("{algorithm}.json"));
        fs::write(&path, changed).unwrap();
        for (pattern, url) in
            [("interactive", "/repos/web/x"), ("offline", "/repos/web/x"), ("hr", "/salaries/ana")]
        {
            let token = stdout(&actfor(&["mint", "--key", &key, "--pattern", pattern], ""));
            let header = format!("authorization: Bearer {}", token.trim());
            let output = actfor(
                &[
                    "check",
                    "--config",
                    &path.display().to_string(),
                    "--policy",
                    &file("acme.actfor"),
                    "--tuples",
                    &file("tuples.json"),
                    "--method",
                    "GET",
                    "--url",
                    url,
                    "-H",
                    &header,
                ],
                "",
            );
            assert_eq!(output.status.code(), Some(0), "{pattern}: {}", stdout(&output));
        }
    }
}

#[test]
fn wrong_usage_says_what_to_write_and_exits_with_2() {
    let config = file("config.json");
    let cases: &[(&[&str], &str)] = &[
        (&[], "which command?"),
        (&["chek"], "there is no command `chek`"),
        (&["check"], "--config FILE"),
        (&["check", "--config", "/nowhere.json", "--method", "GET", "--url", "/"], "/nowhere.json"),
        (&["check", "--config", &config, "--method", "GET", "--url", "/"], "policy"),
        (&["check", "--config", &config, "--policy", &file("acme.actfor")], "--method GET"),
        (&["check", "-H", "nonsense"], "-H 'name: value'"),
        (&["check", "--colour"], "--colour"),
        (&["inspect"], "which token?"),
        (&["inspect", "AAAA"], "three"),
        (&["mint", "--pattern", "hr"], "--key FILE"),
        (&["mint", "key", "--alg", "none"], "ES256 or Ed25519"),
    ];
    for (args, expected) in cases {
        let output = actfor(args, "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(said.contains(expected), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn errors_are_json_where_json_was_asked_for() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let rules = folder.join("wrong.actfor");
    fs::write(&rules, "actfor 1\nallwo\n").unwrap();
    let config = file("config.json");
    let args = [
        "check",
        "--config",
        &config,
        "--policy",
        &rules.display().to_string(),
        "--method",
        "GET",
        "--url",
        "/",
        "--json",
    ];
    let output = actfor(&args, "");
    assert_eq!(output.status.code(), Some(2));
    let said = stdout(&output);
    assert!(said.starts_with(r#"{"error":{"code":"rules_invalid""#), "{said}");
    assert!(said.contains(r#""line":2"#), "{said}");
}

#[test]
fn hostile_input_neither_panics_nor_allows() {
    let (config, policy) = (file("config.json"), file("acme.actfor"));
    let good = token("T2");
    let mut attempts =
        vec!["A".repeat(1_000_000), "[".repeat(10_000), String::new(), "a.b.c".into(), "\u{1b}[2J".into()];
    attempts.extend((0..good.len()).step_by(97).map(|length| good.chars().take(length).collect()));
    for attempt in attempts {
        let request =
            format!(r#"{{"method":"GET","url":"/repos/web/x","headers":{{"authorization":{}}}}}"#, {
                let mut w = Writer::default();
                w.string(&format!("Bearer {attempt}"));
                w.finish()
            });
        let args =
            ["check", "--config", &config, "--policy", &policy, "--request", "-", "--now", "1795000060"];
        let output = actfor(&args, &request);
        assert_eq!(output.status.code(), Some(1), "{}", attempt.len());
        assert!(!stdout(&output).contains('\u{1b}'));
        let output = actfor(&["inspect", "-"], &attempt);
        // With a part of its signature it still has the form of a token, and is shown with the warning.
        let shown = stdout(&output).starts_with("UNVERIFIED");
        assert_eq!(output.status.code(), Some(if shown { 0 } else { 2 }), "{}", attempt.len());
    }
    for config in ["", "{", "[]", "null"] {
        let output = actfor(&["check", "--config", "-", "--method", "GET", "--url", "/"], config);
        assert_eq!(output.status.code(), Some(2), "{config}");
    }
}

#[test]
#[cfg(unix)]
fn a_reader_that_goes_away_is_no_error() {
    let binary = env!("CARGO_BIN_EXE_actfor");
    let script =
        format!("for i in 1 2 3 4 5 6 7 8; do '{binary}' --help; done | head -n 1; exit ${{PIPESTATUS[0]}}");
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    assert_eq!(output.status.code(), Some(0));
}
