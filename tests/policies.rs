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
