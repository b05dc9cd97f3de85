//! Policies that people need, each with its requests; every rule of every policy is seen at work.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests may panic"
)]

use std::path::{Path, PathBuf};

use actfor::{Request, Timestamp};
use actfor_store::{Setup, Store};

/// The test files, one a policy.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/policies");
    let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path().join("test.yaml"));
    let mut files: Vec<_> = folders.collect();
    files.sort();
    files
}

fn setup(name: &str) -> Setup {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/policies");
    Store::open(&root.join(name).join("test.yaml")).unwrap().setup.unwrap()
}

fn quoted(text: &str) -> String {
    let mut w = actfor::json::Writer::default();
    w.string(text);
    w.finish()
}

#[test]
fn every_policy_decides_as_its_file_says_and_every_rule_is_hit_and_missed() {
    let mut requests = 0;
    for file in files() {
        let report = actfor_store::run(&file).unwrap_or_else(|e| panic!("{e}"));
        assert!(report.passed(), "{report:#?}");
        assert!(report.must_cover && !report.rules.is_empty(), "{}: `coverage: required`", file.display());
        requests += report.count().1;
    }
    println!("{requests} requests to {} policies", files().len());
    assert!(files().len() >= 10 && requests >= 155, "{requests}");
}

#[test]
fn a_shadow_policy_is_asked_and_changes_nothing() {
    let world = setup("forge");
    let strict = world
        .rules
        .replace(
            "allow self                   to any action",
            "allow self                   to read, push, merge",
        )
        .replace("branch == \"main\"", "branch == \"fix\"");
    let config = world.config();
    let with_shadow =
        format!("{},\"shadow\":{{\"policy\":{}}}}}", config.strip_suffix('}').unwrap(), quoted(&strict));
    let guards =
        [config, with_shadow].map(|config| actfor::Guard::from_config(config.as_bytes(), 1).unwrap());
    let authorization = format!("Bearer {}", world.token("steered").unwrap());
    let headers = [("authorization", authorization.as_bytes())];
    let ask = |guard: &actfor::Guard, branch: &str| {
        let url = format!("/repos/web/git/refs/heads/{branch}");
        let request =
            Request { id: "r", method: "PATCH", url: &url, headers: &headers, ..Request::default() };
        let now = Timestamp::from_seconds(world.now);
        let (decision, document) = guard.explain(&request, now);
        (guard.decide(&request, now).code(), decision.code(), document)
    };
    for branch in ["fix", "main", "other"] {
        let (without, with) = (ask(&guards[0], branch), ask(&guards[1], branch));
        assert_eq!((without.0, without.1), (with.0, with.1));
        assert!(without.2.contains("\"shadow\":[]"), "{}", without.2);
        let differs = branch != "other";
        assert_eq!(with.2.contains("\"shadow\":[]"), !differs, "{}", with.2);
    }
    assert!(
        ask(&guards[1], "fix").2.contains(r#""decision":"deny","code":"forbidden","rule":"protected"}]"#)
    );
}
