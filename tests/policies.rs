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

#[path = "support/world.rs"]
mod world;

use actfor::{Request, Timestamp};
use std::path::Path;
use world::World;

/// The ids of a rule file: the words behind `as` of lines that allow, forbid or need approval.
fn ids(rules: &str) -> Vec<&str> {
    rules
        .lines()
        .filter(|line| ["allow ", "forbid ", "approve "].iter().any(|start| line.starts_with(start)))
        .map(|line| line.split('#').next().unwrap().split_whitespace().last().unwrap())
        .collect()
}

#[test]
fn every_policy_decides_as_its_cases_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/policies");
    let mut folders: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let (mut count, mut wrong) = (0, Vec::new());
    for folder in &folders {
        let world = World::read(folder);
        let outcomes = world.run();
        for o in &outcomes {
            count += 1;
            let rule_differs = o.expected.1.is_some() && o.expected.1 != o.rule;
            if o.outcome != o.expected.0 || rule_differs {
                wrong.push(format!(
                    "{}: {}: expected {:?}, found {} by {:?}: {}",
                    world.name, o.name, o.expected, o.outcome, o.rule, o.document
                ));
            }
        }
        // An `allow` line must have allowed something, a `forbid` or `approve` line refused something.
        for id in ids(&world.rules) {
            let seen = outcomes.iter().any(|o| o.rule.as_deref() == Some(id));
            if !seen {
                wrong.push(format!("{}: no case reaches rule `{id}`", world.name));
            }
        }
        let allowed = outcomes.iter().filter(|o| o.outcome == "allow").count();
        if allowed == 0 || allowed == outcomes.len() {
            wrong.push(format!("{}: no allow, or no refusal", world.name));
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    println!("{count} requests to {} policies", folders.len());
    assert!(folders.len() >= 10, "{}", folders.len());
}

/// What a client sees of a refusal.
fn seen_by_client(
    world: &World,
    token: &str,
    url: &str,
) -> (u16, Option<&'static str>, Option<&'static str>, Option<String>) {
    let authorization = format!("Bearer {}", world.token(token));
    let headers = [("authorization", authorization.as_bytes())];
    let request = Request { id: "r", method: "GET", url, headers: &headers, ..Request::default() };
    let decision = world.guard().decide(&request, Timestamp::from_seconds(world::NOW));
    let code = decision.code();
    (decision.status(), code.map(|c| c.as_str()), code.map(|c| c.reason_user()), decision.challenge())
}

// Under `joint` the code says whose relation is missing, the user's or the agent's: that is what two codes are for,
// and it tells an agent what its user may do. The other kinds ask one side only.
#[test]
fn a_refusal_does_not_tell_whether_an_object_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/policies");
    for (folder, token, there, not_there) in [
        ("four-patterns", "case", "/salaries/bo", "/salaries/nobody"),
        ("tenants", "a", "/docs/d2", "/docs/d9"),
        ("support", "t1", "/orders/o2", "/orders/o9"),
        ("task-based", "working", "/x", "/y"),
    ] {
        let world = World::read(&root.join(folder));
        let (seen, other) = (seen_by_client(&world, token, there), seen_by_client(&world, token, not_there));
        assert_eq!(seen, other, "{folder}");
        assert!(seen.1.is_some(), "{folder}: refused");
    }
}

#[test]
fn a_shadow_policy_is_asked_and_changes_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/policies/forge");
    let world = World::read(&root);
    let strict = world
        .rules
        .replace(
            "allow self                   to any action",
            "allow self                   to read, push, merge",
        )
        .replace("branch == \"main\"", "branch == \"fix\"");
    let config = world.config();
    let with_shadow = format!(
        "{},\"shadow\":{{\"policy\":{}}}}}",
        config.strip_suffix('}').unwrap(),
        world::quoted(&strict)
    );
    let guards =
        [config, with_shadow].map(|config| actfor::Guard::from_config(config.as_bytes(), 1).unwrap());
    let authorization = format!("Bearer {}", world.token("steered"));
    let headers = [("authorization", authorization.as_bytes())];
    let ask = |guard: &actfor::Guard, branch: &str| {
        let url = format!("/repos/web/git/refs/heads/{branch}");
        let request =
            Request { id: "r", method: "PATCH", url: &url, headers: &headers, ..Request::default() };
        let now = Timestamp::from_seconds(world::NOW);
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
