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

use actfor::json::{self, Value};
use actfor::relation::Tuple;
use actfor::{Code, Request, Timestamp, Verdict};
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
    assert!(files().len() >= 11 && requests >= 210, "{requests}");
}

/// What a client sees of a decision.
fn seen(answer: &actfor_store::Answer) -> String {
    let decision = &answer.decision;
    let told = decision.told().map(|code| (code.as_str(), code.reason_user(), code.status()));
    let rpc = actfor::mcp::refusal(decision, None, "r");
    let by = decision.approval().map(|approval| approval.by.as_str());
    format!("{told:?} {:?} {:?} {by:?} {rpc:?}", decision.status(), decision.challenge())
}

fn written(value: &Value<'_>) -> String {
    let mut w = json::Writer::default();
    w.value(value);
    w.finish()
}

/// The request with another object: where its id stands alone in the path, or is a whole text.
fn about(request: &Value<'_>, id: &str, other: &str) -> Option<Value<'static>> {
    let text = written(request);
    let (mut changed, mut rest) = (String::new(), text.as_str());
    while let Some(at) = rest.find(id) {
        let (before, behind) = (&rest[..at], &rest[at + id.len()..]);
        let alone = before.ends_with(['/', '"', '.']) && behind.starts_with(['/', '"', '?']);
        changed = changed + before + if alone { other } else { id };
        rest = behind;
    }
    changed += rest;
    let value = json::parse(changed.as_bytes(), &json::Limits::CONFIG).unwrap().into_owned();
    (changed != text).then_some(value)
}

/// For every request of every policy, each object of its type to which those who may know of it (the user, the agent,
/// its instance, the task; under `joint` the agent, since the user's rights are not the agent's to know) have no tuple:
/// the answer is the same where the object does not exist.
#[test]
fn a_refusal_does_not_tell_whether_an_object_exists() {
    let (mut compared, mut joint) = (0, 0);
    for file in files() {
        let store = Store::open(&file).unwrap();
        let setup = store.setup.as_ref().unwrap();
        let guard = setup.guard().unwrap();
        for request in store.requests() {
            if request.as_object().unwrap().get("approval").is_some() {
                continue;
            }
            let answer = setup.ask(&guard, request).unwrap();
            let document = json::parse(answer.document.as_bytes(), &json::Limits::CONFIG).unwrap();
            let text = |name: &str| document.as_object().unwrap().get(name).and_then(Value::as_str);
            let Some((kind, id)) = text("object").and_then(|object| object.split_once(':')) else { continue };
            let asked_jointly = answer.decision.kind() == Some(actfor::identity::Kind::Joint);
            let who = document.as_object().unwrap().get("who").and_then(Value::as_object).unwrap();
            let task =
                who.get("relationship").and_then(Value::as_object).and_then(|r| r.get("task")?.as_str());
            let mut may_know: Vec<String> = answer.decision.agent().map(String::from).into_iter().collect();
            may_know.extend(answer.decision.instance().map(String::from));
            may_know.extend(task.map(|task| format!("task:{task}")));
            may_know.extend(task.map(|task| format!("ticket:{task}")));
            if !asked_jointly {
                may_know.extend(answer.decision.user().map(String::from));
            }
            let names = setup.tuples.iter().flat_map(|tuple| [&tuple.object, &tuple.user]);
            let mut others: Vec<&str> = names
                .filter_map(|name| name.strip_prefix(&format!("{kind}:")))
                .filter(|id| !id.contains(['#', '*']))
                .collect();
            others.sort_unstable();
            others.dedup();
            for other in others {
                let name = format!("{kind}:{other}");
                let touches = |tuple: &Tuple| tuple.object == name || tuple.user == name;
                let theirs = |tuple: &Tuple| {
                    may_know.iter().any(|party| tuple.user == *party || tuple.object == *party)
                };
                if setup.tuples.iter().any(|tuple| touches(tuple) && theirs(tuple)) {
                    continue;
                }
                let request = if other == id { Some(request.clone()) } else { about(request, id, other) };
                let Some(request) = request else { continue };
                let answer = setup.ask(&guard, &request).unwrap();
                if answer.decision.verdict() != Verdict::Deny {
                    continue;
                }
                let mut without = setup.clone();
                without.tuples.retain(|tuple| !touches(tuple));
                let nowhere = seen(&without.ask(&without.guard().unwrap(), &request).unwrap());
                assert_eq!(
                    seen(&setup.ask(&guard, &request).unwrap()),
                    nowhere,
                    "{}: {name}: {request:?}",
                    file.display()
                );
                compared += 1;
                joint += usize::from(asked_jointly);
            }
        }
    }
    println!("{compared} objects beside one that does not exist, {joint} of them jointly");
    assert!(compared > 50 && joint > 5, "{compared} {joint}");
}

/// Under `joint` the document says whose relation is missing, and the client is told that one of the two is.
#[test]
fn an_agent_is_not_told_what_its_user_may_do() {
    let setup = setup("people-and-agents");
    let guard = setup.guard().unwrap();
    let ask = |token: &str, url: &str| {
        let request = format!(r#"{{"token":"{token}","url":"{url}","method":"GET"}}"#);
        let request = json::parse(request.as_bytes(), &json::Limits::CONFIG).unwrap();
        let answer = setup.ask(&guard, &request).unwrap();
        (answer.decision.code(), answer.decision.told(), answer.document)
    };
    // Its user owns n2 and has nothing to do with n9; the agent has no right to either.
    for (url, code) in [("/notes/n2", Code::AgentLacksRelation), ("/notes/n9", Code::UserLacksRelation)] {
        let (found, told, document) = ask("agent", url);
        assert_eq!((found, told), (Some(code), Some(Code::LacksRelation)));
        assert!(document.contains(&format!(r#""code":"{code}""#)), "{document}");
        assert!(
            document.contains(r#""told":"lacks_relation","reason_user":"It is not established"#),
            "{document}"
        );
        assert!(!document.contains(r#""reason_admin":"It"#), "{document}");
    }
    // Where one side alone is asked, the code says so.
    let (code, told, document) = ask("stranger", "/notes/n1");
    assert_eq!((code, told), (Some(Code::UserLacksRelation), Some(Code::UserLacksRelation)));
    assert!(!document.contains(r#""told""#), "{document}");
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
