//! A proof holds what a decision rests on and no more: its tuples and lines are enough, and none can be left out. What a
//! refusal lacks is what it says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests may panic"
)]

#[path = "support/random.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod random;

use std::path::Path;

use actfor::json;
use actfor::pack::{Builder, Pack};
use actfor::relation::{Facts, Limits, Model, Question, Relations, Scratch, Step, Tuple, compile};
use actfor::{Code, Truth};
use actfor_store::{Setup, Store};
use random::{Allow, Case, Random};

/// Whether a step is a tuple that is there.
fn is_held(step: &Step) -> bool {
    step.tuple && step.truth == Truth::True
}

/// What the model says of a question over these tuples, and why.
fn explain(
    model: &Model,
    tuples: &[Tuple],
    (subject, relation, object, x): &(String, String, String, Option<usize>),
) -> (Truth, Vec<Step>) {
    let mut builder = Builder::default();
    compile(model, tuples, &mut builder).unwrap();
    let pack = Pack::load(builder.finish().unwrap()).unwrap();
    let relations = Relations::load(&pack).unwrap();
    let context = x.map_or_else(|| "{}".into(), |x| format!("{{\"x\":{x}}}"));
    let context = json::parse(context.as_bytes(), &json::Limits::TOKEN).unwrap();
    let limits = Limits { depth: 10_000, steps: 10_000_000 };
    let facts = Facts { context: context.as_object(), limits, ..Facts::default() };
    let question = Question { object, relation, subject };
    let (answer, steps) = relations.explain(&pack, &question, &facts, &mut Scratch::default());
    assert_eq!(answer, relations.check(&pack, &question, &facts, &mut Scratch::default()));
    (answer.truth, steps)
}

#[test]
fn the_tuples_of_a_proof_are_enough_and_each_is_needed() {
    let (mut proofs, mut listed, mut long) = (0, 0, 0);
    for seed in 0..400 {
        let case = Case::new(&mut Random::new(seed ^ 0x9a7f), Allow { exclusion: true, conditions: true });
        let model = Model::parse("random", &case.model).unwrap();
        for question in &case.questions {
            let (truth, steps) = explain(&model, &case.tuples, question);
            if truth != Truth::True {
                continue;
            }
            if steps.len() >= 32 {
                long += 1;
                continue;
            }
            proofs += 1;
            let is_listed = |tuple: &&Tuple| {
                steps.iter().filter(|step| is_held(step)).any(|step| {
                    (&step.subject, &step.relation, &step.object)
                        == (&tuple.user, &tuple.relation, &tuple.object)
                })
            };
            let proof: Vec<Tuple> = case.tuples.iter().filter(is_listed).cloned().collect();
            let show =
                || format!("seed {seed}: {question:?}\n{}\n{steps:#?}\n{:#?}", case.model, case.tuples);
            assert_eq!(explain(&model, &proof, question).0, Truth::True, "not enough, {}", show());
            for left_out in &proof {
                listed += 1;
                // What holds back an exclusion is needed among all tuples: alone, there is nothing to hold back.
                let without = |tuples: &[Tuple]| -> Vec<Tuple> {
                    tuples.iter().filter(|tuple| *tuple != left_out).cloned().collect()
                };
                let alone = explain(&model, &without(&proof), question).0;
                let among_all = explain(&model, &without(&case.tuples), question).0;
                assert!(
                    alone != Truth::True || among_all != Truth::True,
                    "not needed: {left_out:?}, {}",
                    show()
                );
            }
        }
    }
    println!("{proofs} proofs with {listed} tuples; {long} too long to list");
    assert!(proofs > 500 && listed > 1_000 && long < 10, "{proofs} {listed} {long}");
}

/// A decision document, for what its proof lists.
struct Document(json::Value<'static>);

impl Document {
    fn items<'d>(&'d self, of: &'d json::Value<'static>, name: &str) -> &'d [json::Value<'static>] {
        of.as_object().unwrap().get(name).and_then(json::Value::as_array).unwrap_or_default()
    }

    fn reasons(&self) -> &[json::Value<'static>] {
        self.items(&self.0, "because")
    }

    fn text<'d>(of: &'d json::Value<'static>, name: &str) -> Option<&'d str> {
        of.as_object().unwrap().get(name).and_then(json::Value::as_str)
    }

    /// The line of the rules that a reason stands at, counted from 1.
    fn line(reason: &json::Value<'static>) -> Option<usize> {
        Self::text(reason, "at").map(|at| at.strip_prefix("policy:").unwrap().parse().unwrap())
    }

    /// The tuples of a reason's path: those that are there, or those that are not.
    fn tuples(&self, reason: &json::Value<'static>, there: bool) -> Vec<[String; 3]> {
        let steps = self.items(reason, "via").iter();
        let is_tuple = |step: &&json::Value<'static>| {
            step.as_object().unwrap().get("tuple").and_then(json::Value::as_bool) == Some(true)
                && Self::text(step, "holds") == Some(if there { "true" } else { "false" })
        };
        let parts = |step| ["user", "relation", "object"].map(|name| Self::text(step, name).unwrap().into());
        steps.filter(is_tuple).map(parts).collect()
    }
}

/// What becomes of a request under a set-up; `None` where the rules do not load.
fn decided(setup: &Setup, request: &json::Value<'_>) -> Option<(Option<Code>, Document)> {
    let guard = setup.guard().ok()?;
    let answer = setup.ask(&guard, request).ok()?;
    let document = json::parse(answer.document.as_bytes(), &json::Limits::CONFIG).unwrap().into_owned();
    Some((answer.decision.code(), Document(document)))
}

fn with_tuples(setup: &Setup, keep: impl Fn(&Tuple) -> bool) -> Setup {
    let mut some = setup.clone();
    some.tuples.retain(keep);
    some
}

/// The rules without some of their lines, and without the conditions of those. An `allow` that nothing covers does not
/// compile, so each type is covered by a scope that no token has.
fn with_lines(setup: &Setup, keep: impl Fn(usize, &str) -> bool) -> Setup {
    let mut kept = true;
    let mut rules = String::new();
    for (at, line) in setup.rules.lines().enumerate() {
        if !line.starts_with([' ', '\t']) {
            kept = keep(at + 1, line);
        }
        rules += if kept { line } else { "" };
        rules.push('\n');
    }
    for line in setup.rules.lines() {
        if let Some(ty) = line.strip_prefix("on ").and_then(|rest| rest.split_whitespace().next()) {
            rules += &format!("scope \"nobody-has-it\" covers any action on {ty}\n");
        }
    }
    let mut some = setup.clone();
    some.rules = rules;
    some
}

fn is_same(tuple: &Tuple, [user, relation, object]: &[String; 3]) -> bool {
    (&tuple.user, &tuple.relation, &tuple.object) == (user, relation, object)
}

fn is_optional(line: &str) -> bool {
    ["allow ", "forbid ", "approve ", "scope ", "role ", "detail "]
        .iter()
        .any(|start| line.starts_with(start))
}

#[derive(Default)]
struct Counts {
    proofs: usize,
    tuples: usize,
    lines: usize,
    misses: usize,
}

/// What a reason is about, and the word with which its line begins.
fn check_lines(setup: &Setup, document: &Document) {
    let lines: Vec<_> = setup.rules.lines().collect();
    for reason in document.reasons() {
        let Some(at) = Document::line(reason) else { continue };
        let line = lines[at - 1].trim();
        let starts: &[&str] = match Document::text(reason, "term").unwrap() {
            "approve" => &["approve "],
            "ceiling" => &["agent "],
            "condition" => &["when ", "unless "],
            "coverage" => &["scope ", "role ", "detail "],
            "forbid" => &["forbid "],
            "hop" => &["scope ", "role ", "detail ", "each caller "],
            "personal" | "rule" => &["allow "],
            "relation" => {
                assert!(line.contains(" needs "), "{line}");
                continue;
            }
            other => panic!("unknown term {other}"),
        };
        assert!(starts.iter().any(|start| line.starts_with(start)), "{starts:?}: {line}");
    }
}

/// An allow: its proof is enough, and nothing in it can be left out.
fn check_proof(setup: &Setup, request: &json::Value<'_>, document: &Document, counts: &mut Counts) {
    let show = || format!("{request:?}\n{}\n{:?}", setup.rules, document.0);
    let allowed = |setup: &Setup| decided(setup, request).is_some_and(|(code, _)| code.is_none());
    let listed: Vec<_> = document.reasons().iter().flat_map(|reason| document.tuples(reason, true)).collect();
    let lines: Vec<_> = document.reasons().iter().filter_map(Document::line).collect();
    let proof = with_tuples(setup, |tuple| listed.iter().any(|listed| is_same(tuple, listed)));
    assert!(allowed(&proof), "its tuples are not enough: {}", show());
    let proof = with_lines(&proof, |at, line| !is_optional(line) || lines.contains(&at));
    assert!(allowed(&proof), "its lines are not enough: {}\n{}", proof.rules, show());
    counts.proofs += 1;
    for left_out in proof.tuples.clone() {
        counts.tuples += 1;
        let without = |setup: &Setup| with_tuples(setup, |tuple| *tuple != left_out);
        assert!(
            !allowed(&without(&proof)) || !allowed(&without(setup)),
            "{left_out:?} is not needed: {}",
            show()
        );
    }
    for left_out in lines {
        if is_optional(proof.rules.lines().nth(left_out - 1).unwrap()) {
            counts.lines += 1;
            assert!(
                !allowed(&with_lines(&proof, |at, _| at != left_out)),
                "line {left_out} is not needed: {}",
                show()
            );
        }
    }
}

/// A refusal for want of a relation: with the tuples that it misses it is not refused for that any more.
fn check_miss(
    setup: &Setup,
    request: &json::Value<'_>,
    code: Code,
    document: &Document,
    counts: &mut Counts,
) {
    let reasons = document.reasons();
    assert!(!reasons.is_empty(), "{code} says nothing");
    let wants = |reason: &&json::Value<'static>| {
        Document::text(reason, "holds") == Some("false")
            && matches!(Document::text(reason, "term"), Some("relation" | "personal" | "condition"))
            && Document::text(reason, "relation").is_some()
    };
    let missing: Vec<_> =
        reasons.iter().filter(wants).flat_map(|reason| document.tuples(reason, false)).collect();
    if missing.is_empty() {
        return;
    }
    let mut more = setup.clone();
    for [user, relation, object] in missing {
        let tuple = Tuple { user, relation, object, condition: None };
        let known = |other: &Tuple| {
            is_same(other, &[tuple.user.clone(), tuple.relation.clone(), tuple.object.clone()])
        };
        let mut tried = more.clone();
        tried.tuples.retain(|other| !known(other));
        tried.tuples.push(tuple);
        // The model may not let the name have the relation itself.
        if tried.guard().is_ok() {
            more = tried;
        }
    }
    if more.tuples == setup.tuples {
        return;
    }
    counts.misses += 1;
    let (_, after) = decided(&more, request).unwrap();
    for reason in reasons.iter().filter(wants) {
        let text = Document::text(reason, "text");
        let still =
            after.reasons().iter().any(|other| Document::text(other, "text") == text && wants(&other));
        assert!(!still, "{text:?} is still missing: {request:?}\n{:?}", more.tuples);
    }
}

fn check(setup: &Setup, request: &json::Value<'_>, counts: &mut Counts) {
    let Some((code, document)) = decided(setup, request) else { return };
    check_lines(setup, &document);
    match code {
        None => check_proof(setup, request, &document, counts),
        Some(code) => check_miss(setup, request, code, &document, counts),
    }
}

#[test]
fn a_decision_lists_what_it_rests_on_and_what_it_lacks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/policies");
    let mut folders: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let (mut whole, mut random_policies) = (Counts::default(), Counts::default());
    for (seed, folder) in folders.iter().enumerate() {
        let store = Store::open(&folder.join("test.yaml")).unwrap();
        let setup = store.setup.as_ref().unwrap();
        let requests: Vec<_> = store.requests().collect();
        for request in &requests {
            check(setup, request, &mut whole);
        }
        // The same with tuples and lines left out at random.
        let mut random = Random::new(seed as u64 + 77);
        for _ in 0..40 {
            let dropped: Vec<_> = setup.tuples.iter().filter(|_| random.chance(15)).cloned().collect();
            let some = with_tuples(setup, |tuple| !dropped.contains(tuple));
            let lines: Vec<_> = (0..=some.rules.lines().count()).filter(|_| random.chance(12)).collect();
            let some = with_lines(&some, |at, line| {
                !(is_optional(line) || line.starts_with("agent ")) || !lines.contains(&at)
            });
            check(&some, requests[random.below(requests.len())], &mut random_policies);
        }
    }
    for (name, counts) in [("the policies", &whole), ("random ones", &random_policies)] {
        let Counts { proofs, tuples, lines, misses } = counts;
        println!("{name}: {proofs} proofs with {tuples} tuples and {lines} lines, {misses} near misses");
        assert!(*proofs > 30 && *tuples > 30 && *lines > 60 && *misses > 10, "{name}");
    }
}

const LINES: &str = "policy: |
  actfor 1
  model \"m.fga\"
  on door
    open, lock, paint, knock, clean needs scope
  allow self to open on door as far
    when user is keeper of object
    when user is owner of object
  allow self to open on door as near
    when user is keeper of object
    when request.method == \"GET\"
  allow self to open on door as as-near
    when request.method == \"POST\"
    when request.method == \"GET\"
  allow self to lock on door as lock
  forbid self to lock on door as day
    when object.id == \"0\"
  forbid self to lock on door as night
    when user is keeper of object
    when request.method == \"GET\"
  allow self to paint on door as paint
  approve self to paint on door by user as never
    when request.method == \"POST\"
  approve self interactive to paint on door by user as ask
  forbid self offline to paint on door as dark
    when object.id == \"2\"
  allow self to knock on door as unsure
    when request.host == \"a\"
    when request.host == \"b\"
  allow self to knock on door as unlikely
    when request.method == \"POST\"
  allow self to clean on door as clean
    unless user is keeper of object
  scope \"doors\" covers any action on door
  mcp /mcp
  tool open is open on door:{door}
  tool lock is lock on door:{door}
  route GET /{door} is open on door:{door}
  route DELETE /{door} is open on door:{door}
  route GET /{door}/lock is lock on door:{door}
  route GET /{door}/paint is paint on door:{door}
  route GET /{door}/knock is knock on door:{door}
  route GET /{door}/clean is clean on door:{door}
model: |
  model
    schema 1.1
  type user
  type door
    relations
      define owner: [user]
      define keeper: [user] but not owner
config:
  issuers: [{ issuer: https://as.example, audience: a, dialect: rfc9068, binding: optional, clients: { web: app } }]
tokens:
  ana: { claims: { sub: ana, client_id: web, scope: doors } }
tuples:
  - { user: 'user:ana', relation: keeper, object: 'door:1' }
  - { user: 'user:ana', relation: owner, object: 'door:2' }
";

/// The code and the document of a request to one of these files.
fn asked(file: &str, request: &str) -> (Option<Code>, Document) {
    let store = Store::read("inline", file, &|name| panic!("{name}")).unwrap_or_else(|e| panic!("{e}"));
    let request = actfor_store::parse(&format!("{{ token: ana, {request} }}")).unwrap();
    decided(&store.setup.unwrap(), &request).unwrap()
}

/// The code, the rule, and what the document lists.
fn listed(request: &str) -> (Option<Code>, Option<String>, Vec<String>) {
    listed_in(LINES, request)
}

fn listed_in(file: &str, request: &str) -> (Option<Code>, Option<String>, Vec<String>) {
    let (code, document) = asked(file, request);
    let text = |reason| Document::text(reason, "text").unwrap().to_owned();
    let rule = Document::text(&document.0, "rule").map(String::from);
    (code, rule, document.reasons().iter().map(text).collect())
}

#[test]
fn a_refusal_shows_the_line_that_comes_nearest() {
    let (code, rule, reasons) = listed("url: /9, method: GET");
    assert_eq!((code, rule.as_deref()), (Some(Code::ConditionFailed), Some("near")));
    assert_eq!(reasons, ["user `user:ana` is not `keeper` of `door:9` (rule `near`)"]);
    // As near as another: the first of the two.
    let (_, rule, reasons) = listed("url: /1, method: DELETE");
    assert_eq!(rule.as_deref(), Some("far"));
    assert_eq!(reasons, ["user `user:ana` is not `owner` of `door:1` (rule `far`)"]);
    // What may hold is nearer than what does not, whatever it lacks.
    let (_, rule, reasons) = listed("url: /1/knock, method: GET");
    assert_eq!(rule.as_deref(), Some("unsure"));
    let unknown = |host: &str| format!("`when request.host == \"{host}\"` is unknown (rule `unsure`)");
    assert_eq!(reasons, [unknown("a"), unknown("b")]);
}

#[test]
fn a_line_that_allows_stands_alone() {
    let (code, rule, reasons) = listed("url: /1, method: GET");
    assert_eq!((code, rule.as_deref()), (None, Some("near")));
    assert_eq!(
        reasons,
        [
            "`scope` covers `open` on `door:1`",
            "user `user:ana` is `keeper` of `door:1` (rule `near`)",
            "`when request.method == \"GET\"` is true (rule `near`)",
            "rule `near` allows it",
        ]
    );
}

#[test]
fn what_is_not_there_needs_no_proof() {
    let (code, document) = asked(LINES, "url: /9/clean, method: GET");
    assert_eq!(code, None);
    let text = |reason| Document::text(reason, "text").unwrap();
    let [_, is_not, _] = document.reasons() else { panic!("{}", document.reasons().len()) };
    assert_eq!(text(is_not), "user `user:ana` is not `keeper` of `door:9` (rule `clean`)");
    assert_eq!(document.items(is_not, "via").len(), 1);
    // What is there, does.
    let (_, document) = asked(LINES, "url: /1/clean, method: GET");
    let [is] = document.reasons() else { panic!("{}", document.reasons().len()) };
    assert!(document.items(is, "via").len() > 1);
    let (_, _, reasons) = listed("url: /1/clean, method: GET");
    assert_eq!(reasons, ["user `user:ana` is `keeper` of `door:1`, which `unless` rules out (rule `clean`)"]);
}

/// The token does not say the mode, so every mode counts.
#[test]
fn a_refusal_in_one_mode_counts_more_than_an_approval_in_another() {
    let (code, rule, reasons) = listed("url: /1/paint, method: GET");
    assert_eq!((code, rule.as_deref()), (Some(Code::NeedsApproval), Some("ask")));
    assert_eq!(reasons, ["rule `ask` needs the approval of the user"]);
    let (code, rule, reasons) = listed("url: /2/paint, method: GET");
    assert_eq!((code, rule.as_deref()), (Some(Code::Forbidden), Some("dark")));
    assert_eq!(reasons, ["`when object.id == \"2\"` is true (rule `dark`)", "rule `dark` forbids it"]);
}

const CHAIN: &str = "policy: |
  actfor 1
  model \"m.fga\"
  on door
    open needs scope
  allow delegated to open on door as open
  forbid agents to open on door as banned
    when agent is banned of object
  chain at most 2 unrecorded
  scope \"doors\" covers open on door
  route GET /{door} is open on door:{door}
model: |
  model
    schema 1.1
  type user
  type agent
  type door
    relations
      define banned: [agent]
config:
  issuers: [{ issuer: https://as.example, audience: a, dialect: actfor, binding: optional, clients: { second: agent } }]
tokens:
  ana:
    claims:
      sub: ana
      sub_profile: user
      client_id: second
      act: { iss: https://as.example, sub: second, sub_profile: ai_agent, act: { iss: https://as.example, sub: first, sub_profile: ai_agent } }
      agent_instance: { iss: https://as.example, id: W1AAAAAAAAAAAAAAAAAAAA, kind: task, parent: { iss: https://as.example, id: W2AAAAAAAAAAAAAAAAAAAA }, root: { iss: https://as.example, id: W2AAAAAAAAAAAAAAAAAAAA } }
      agent_rel: { mode: offline, authority: user, hops: 1 }
      scope: doors
tuples:
  - { user: 'agent:first', relation: banned, object: 'door:1' }
  - { user: 'agent:second', relation: banned, object: 'door:2' }
  - { user: 'agent:first', relation: banned, object: 'door:3' }
  - { user: 'agent:second', relation: banned, object: 'door:3' }
";

/// One agent of the chain is enough for a line that forbids, and is the one that is shown.
#[test]
fn a_line_strikes_for_one_agent_of_a_chain() {
    for (door, agent) in [(1, "first"), (2, "second"), (3, "first")] {
        let (code, _, reasons) = listed_in(CHAIN, &format!("url: /{door}"));
        assert_eq!(code, Some(Code::Forbidden));
        let banned = format!("agent `agent:{agent}` is `banned` of `door:{door}` (rule `banned`)");
        assert_eq!(reasons, [banned.as_str(), "rule `banned` forbids it"]);
    }
    // Nobody knows whether one without a name is.
    let unnamed = CHAIN.replace(", act: { iss: https://as.example, sub: first, sub_profile: ai_agent }", "");
    assert_ne!(unnamed, CHAIN);
    for (door, expected) in [
        (2, "agent `agent:second` is `banned` of `door:2` (rule `banned`)"),
        (4, "the agent has no name that could be `banned` (rule `banned`)"),
    ] {
        let (code, _, reasons) = listed_in(&unnamed, &format!("url: /{door}"));
        assert_eq!(
            (code, &reasons[..]),
            (Some(Code::Forbidden), &[expected.to_owned(), "rule `banned` forbids it".into()][..])
        );
    }
    let (code, _, reasons) = listed_in(CHAIN, "url: /4");
    let word = |agent| format!("`agent:{agent}` (hop 1) is taken at the issuer's word (`unrecorded`)");
    assert_eq!(code, None);
    assert_eq!(reasons[2..], [word("first")]);
}

#[test]
fn what_makes_a_line_strike_is_what_stands_against_a_request() {
    let (code, rule, reasons) = listed("url: /1/lock, method: GET");
    assert_eq!((code, rule.as_deref()), (Some(Code::Forbidden), Some("night")));
    assert_eq!(
        reasons,
        [
            "user `user:ana` is `keeper` of `door:1` (rule `night`)",
            "`when request.method == \"GET\"` is true (rule `night`)",
            "rule `night` forbids it",
        ]
    );
    // A line that does not strike is not told of.
    let (code, _, reasons) = listed("url: /2/lock, method: GET");
    assert_eq!(code, None);
    assert_eq!(reasons, ["`scope` covers `lock` on `door:2`", "rule `lock` allows it"]);
}

#[test]
fn a_batch_rests_on_what_each_of_its_messages_rests_on() {
    let call = |tool: &str, door: u32| {
        format!(
            "{{ jsonrpc: '2.0', id: {door}, method: tools/call, params: {{ name: {tool}, arguments: {{ door: '{door}' }} }} }}"
        )
    };
    let batch = |calls: &[String]| listed(&format!("url: /mcp, method: POST, body: [{}]", calls.join(", ")));
    let (code, _, reasons) = batch(&[call("lock", 1), call("lock", 2)]);
    assert_eq!(code, None, "{reasons:?}");
    assert_eq!(
        reasons,
        [
            "`scope` covers `lock` on `door:1`",
            "rule `lock` allows it",
            "`scope` covers `lock` on `door:2`",
            "rule `lock` allows it",
        ]
    );
    // A refusal shows what refuses, and nothing of the others.
    let (code, _, reasons) = batch(&[call("lock", 1), call("open", 2)]);
    assert_eq!(code, Some(Code::ConditionFailed));
    assert!(reasons.iter().all(|reason| !reason.contains("door:1")), "{reasons:?}");
}
