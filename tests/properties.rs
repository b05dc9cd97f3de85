//! What must hold for every policy, by a naive evaluator and over random rules, tuples, chains and missing facts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

#[path = "support/naive.rs"]
mod naive;

use actfor::identity::{Kind, Mode};
use actfor::json::{self, Object, Value};
use actfor::policy::decide::{self, Asked, Failure, Record, Scratch, Trace};
use actfor::policy::{Policy, Source};
use actfor::relation::Tuple;
use actfor::{Code, Truth};
use naive::{Answer, Case, Cond, Effect, Hop, Rule, Scope, Task, World};

const MODEL: &str = "model\n  schema 1.1\ntype user\ntype agent\ntype doc\n  relations\n    define writer: [user, agent]\n    define reader: [user, agent] or writer\ntype org\n  relations\n    define hr: [user, agent]\ntype case\n  relations\n    define worker: [agent]\n    define employee: [user]\ntype rec\n  relations\n    define employee: [user]\n";
const KINDS: [&str; 5] = ["self", "delegated", "joint", "assigned", "autonomous"];
const MODES: [&str; 3] = ["interactive", "offline", "automated"];
const ACTIONS: [&str; 2] = ["read", "write"];
const AGENTS: [&str; 3] = ["agent:a0", "agent:a1", "agent:a2"];
const USERS: [&str; 2] = ["user:u0", "user:u1"];
const SCOPES: [&str; 6] = ["doc", "doc:d0", "rec", "doc rec", "doc:d0 doc:d1 rec", "other"];
const TUPLES: [(&str, &str, &str); 22] = [
    ("user:u0", "writer", "doc:d0"),
    ("user:u0", "reader", "doc:d1"),
    ("user:u1", "reader", "doc:d0"),
    ("user:u0", "hr", "org:o"),
    ("user:u1", "hr", "org:o"),
    ("user:u0", "employee", "rec:r0"),
    ("user:u1", "employee", "rec:r1"),
    ("user:u0", "employee", "case:c0"),
    ("user:u1", "employee", "case:c1"),
    ("agent:a0", "writer", "doc:d0"),
    ("agent:a1", "writer", "doc:d0"),
    ("agent:a2", "reader", "doc:d0"),
    ("agent:a0", "reader", "doc:d1"),
    ("agent:a0", "hr", "org:o"),
    ("agent:a1", "hr", "org:o"),
    ("agent:a2", "hr", "org:o"),
    ("agent:a0", "worker", "case:c0"),
    ("agent:a1", "worker", "case:c0"),
    ("agent:a2", "worker", "case:c0"),
    ("agent:a0", "worker", "case:c1"),
    ("agent:a1", "worker", "case:c1"),
    ("agent:a2", "worker", "case:c1"),
];

/// xorshift: the same cases every time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn some<T: Copy>(&mut self, from: &[T], percent: usize) -> Vec<T> {
        from.iter().copied().filter(|_| self.chance(percent)).collect()
    }

    fn rule(&mut self, effect: Effect) -> Rule {
        let personal = self.chance(40);
        let mut kinds = self.some(&[0, 1, 2, 3, 4], 60);
        let mut conditions = self.some(&Cond::ALL, 7);
        if effect == Effect::Allow && personal && kinds.contains(&4) {
            // The language asks for this.
            kinds = vec![4];
            conditions.push(Cond::WhenAgentWorksOnC0);
        }
        if kinds.is_empty() {
            kinds = vec![1];
        }
        let actions = if personal { vec![0] } else { self.some(&[0, 1], 80) };
        let actions = if actions.is_empty() { vec![0] } else { actions };
        let modes = if self.chance(60) { Vec::new() } else { self.some(&[0, 1, 2], 60) };
        Rule { effect, kinds, modes, personal, actions, conditions }
    }

    fn world(&mut self) -> World {
        let mut rules = Vec::new();
        for _ in 0..1 + self.below(5) {
            rules.push(self.rule(Effect::Allow));
        }
        for effect in [Effect::Forbid, Effect::Approve] {
            if self.chance(if effect == Effect::Approve { 60 } else { 20 }) {
                let mut rule = self.rule(effect);
                if rule.conditions.is_empty() && effect == Effect::Forbid {
                    rule.conditions.push(self.pick(&Cond::ALL));
                }
                rules.push(rule);
            }
        }
        let mut ceilings = Vec::new();
        for agent in [None, Some(AGENTS[0]), Some(AGENTS[1]), Some(AGENTS[2])] {
            for personal in [false, true] {
                if self.chance(20) {
                    ceilings.push((agent, personal, if personal { vec![0] } else { self.some(&[0, 1], 90) }));
                }
            }
        }
        ceilings.retain(|ceiling: &(Option<&str>, bool, Vec<usize>)| !ceiling.2.is_empty());
        World { rules, ceilings, chain: self.below(4), tuples: self.some(&TUPLES, 93) }
    }

    fn scope(&mut self) -> Scope {
        match self.below(14) {
            0 => Scope::Absent,
            1 => Scope::Unreadable,
            2..=9 => Scope::Is("doc rec"),
            _ => Scope::Is(self.pick(&SCOPES)),
        }
    }

    fn case(&mut self) -> Case {
        let kind = self.below(5);
        let depth = if kind == 0 { 0 } else { 1 + self.below(3) };
        let chain: Vec<_> = (0..depth)
            .map(|_| Hop {
                agent: self.chance(95).then(|| self.pick(&AGENTS)),
                scope: self.chance(92).then(|| self.scope()),
            })
            .collect();
        let scope = match chain.last().and_then(|hop| hop.scope) {
            Some(scope) => scope,
            None => self.scope(),
        };
        let personal = self.chance(40);
        Case {
            kind,
            modes: if self.chance(25) { vec![0, 1, 2] } else { vec![self.below(3)] },
            user: self.chance(93).then(|| self.pick(&USERS)),
            chain,
            scope,
            level: self.chance(70).then(|| self.below(6) as u8),
            task: if self.chance(85) { Task::Known(self.pick(&["c0", "c1"])) } else { Task::Unknown },
            personal,
            action: if personal { 0 } else { self.below(2) },
            object: if personal {
                self.pick(&["rec:r0", "rec:r1", "rec:r0", "rec:none"])
            } else {
                self.pick(&["doc:d0", "doc:d0", "doc:d1", "doc:none"])
            },
        }
    }
}

fn list(from: &[&str], which: &[usize]) -> String {
    which.iter().map(|at| from[*at]).collect::<Vec<_>>().join(", ")
}

fn text(world: &World) -> String {
    let mut out = String::from(
        "actfor 1\nmodel \"m\"\non doc impersonal\n  read needs reader\n  write needs writer\non rec personal employee\n  read needs hr of org:o\nscope \"doc\" covers any action on doc\nscope \"doc:{n}\" covers read on doc:{n}\nscope \"rec\" covers any action on rec\n",
    );
    for (at, rule) in world.rules.iter().enumerate() {
        let word = match rule.effect {
            Effect::Allow => "allow",
            Effect::Approve => "approve",
            Effect::Forbid => "forbid",
        };
        let anyone = rule.effect == Effect::Allow && rule.personal && rule.kinds.contains(&4);
        out += &format!(
            "{word} {} {} to {} on {}{}{} as r{at}\n",
            list(&KINDS, &rule.kinds),
            list(&MODES, &rule.modes),
            list(&ACTIONS, &rule.actions),
            if rule.personal { "rec" } else { "doc" },
            if anyone { " of anyone" } else { "" },
            if rule.effect == Effect::Approve { " by user" } else { "" },
        );
        for condition in &rule.conditions {
            out += &format!("  {}\n", condition.text());
        }
    }
    for (agent, personal, actions) in &world.ceilings {
        let agent = agent.map_or("*", |agent| &agent[6..]);
        let ty = if *personal { "rec" } else { "doc" };
        out += &format!("agent {agent} at most {} on {ty}\n", list(&ACTIONS, actions));
    }
    if world.chain > 0 {
        out += &format!("chain at most {}\n", world.chain);
    }
    out
}

fn compile(world: &World) -> Policy {
    let tuple = |t: &(&str, &str, &str)| Tuple {
        user: t.0.into(),
        relation: t.1.into(),
        object: t.2.into(),
        condition: None,
    };
    let source = Source {
        policy: text(world),
        files: vec![("m".into(), MODEL.into())],
        tuples: world.tuples.iter().map(tuple).collect(),
        complete: None,
    };
    let pack = source.compile().unwrap_or_else(|e| panic!("{e}\n{}", text(world)));
    Policy::load(pack).unwrap()
}

fn claims(scope: Scope, level: Option<u8>) -> Object<'static> {
    let mut members = Vec::new();
    match scope {
        Scope::Absent => {}
        Scope::Unreadable => members.push("\"scope\":7".into()),
        Scope::Is(names) => members.push(format!("\"scope\":\"{names}\"")),
    }
    members.extend(level.map(|level| format!("\"level\":{level}")));
    let text = format!("{{{}}}", members.join(","));
    let Value::Object(object) = json::parse(text.as_bytes(), &json::Limits::TOKEN).unwrap().into_owned()
    else {
        panic!()
    };
    object
}

/// Hands the case to `ask` in the evaluator's own terms.
fn asked<T>(case: &Case, ask: impl FnOnce(&decide::Case<'_>) -> T) -> T {
    let kind = [Kind::Itself, Kind::Delegated, Kind::Joint, Kind::Assigned, Kind::Autonomous][case.kind];
    let modes: Vec<_> =
        case.modes.iter().map(|mode| [Mode::Interactive, Mode::Offline, Mode::Automated][*mode]).collect();
    let own = claims(case.scope, case.level);
    let records: Vec<_> = case.chain.iter().map(|hop| hop.scope.map(|scope| claims(scope, None))).collect();
    let last = case.chain.len().saturating_sub(1);
    let chain: Vec<_> = case
        .chain
        .iter()
        .enumerate()
        .map(|(at, hop)| decide::Hop {
            agent: hop.agent,
            instance: None,
            record: match &records[at] {
                _ if at == last => Record::Verified(&own),
                Some(record) => Record::Verified(record),
                None => Record::Missing,
            },
        })
        .collect();
    ask(&decide::Case {
        kind,
        modes: &modes,
        user: case.user,
        chain: &chain,
        claims: &own,
        also: None,
        audiences: &[],
        task: match case.task {
            Task::Known(task) => decide::Task::Known(task),
            Task::Unknown => decide::Task::Unknown,
        },
        kind_of_object: u16::from(case.personal),
        action: case.action as u8,
        object: Some(case.object),
        arguments: &[],
        all_arguments: false,
        asked: Asked::default(),
        approver: None,
        replies: &[],
        least: Truth::True,
    })
}

fn answer(outcome: Result<usize, Failure>) -> Answer {
    match outcome {
        Ok(_) => Answer::Allow,
        Err(failure) if failure.code == Code::NeedsApproval => Answer::NeedsApproval,
        Err(_) => Answer::Deny,
    }
}

/// What the evaluator says, and that explaining says the same.
fn decide(policy: &Policy, case: &Case, scratch: &mut Scratch) -> Answer {
    asked(case, |asked| {
        let outcome = decide::decide(policy, asked, scratch, &mut Trace::default());
        let mut trace = Trace { on: true, ..Trace::default() };
        assert_eq!(outcome, decide::decide(policy, asked, scratch, &mut trace), "explaining changes nothing");
        // A refusal has a reason that failed, an allow has none.
        assert_eq!(
            outcome.is_ok(),
            trace.reasons.iter().all(|reason| reason.met),
            "{case:?} {:?}",
            trace.reasons
        );
        answer(outcome)
    })
}

/// Whether it could be allowed for what is known: of the object too, or of its type only.
fn could_be(policy: &Policy, case: &Case, scratch: &mut Scratch) -> (bool, bool) {
    let mut ask = |case: &decide::Case<'_>| {
        answer(decide::decide(policy, case, scratch, &mut Trace::default())) != Answer::Deny
    };
    asked(case, |asked| {
        let known = decide::Case { least: Truth::Unknown, ..*asked };
        (ask(&known), ask(&decide::Case { object: None, ..known }))
    })
}

/// The case with one fact less, in every way.
fn with_less(case: &Case) -> Vec<Case> {
    let mut out = vec![
        Case { user: None, ..case.clone() },
        Case { task: Task::Unknown, ..case.clone() },
        Case { level: None, ..case.clone() },
        Case { scope: Scope::Unreadable, ..case.clone() },
        Case { scope: Scope::Absent, ..case.clone() },
        Case { modes: vec![0, 1, 2], ..case.clone() },
    ];
    for at in 0..case.chain.len() {
        let mut unnamed = case.clone();
        unnamed.chain[at].agent = None;
        out.push(unnamed);
        let mut silent = case.clone();
        silent.chain[at].scope = None;
        out.push(silent);
    }
    out
}

/// Everything that must hold for one case.
fn check(world: &World, policy: &Policy, case: &Case, scratch: &mut Scratch) -> Answer {
    let answer = decide(policy, case, scratch);
    assert_eq!(answer, world.decide(case), "naive, {case:?}\n{}\n{:?}", text(world), world.tuples);
    for less in with_less(case) {
        let with_less = decide(policy, &less, scratch);
        assert!(
            with_less <= answer,
            "fails closed: {answer:?} became {with_less:?}\n{case:?}\n{less:?}\n{}",
            text(world)
        );
    }
    // What is refused for an unknown object is refused for each; what is refused as far as it is known is refused.
    let (known, open) = could_be(policy, case, scratch);
    assert!(known <= open && (known || answer == Answer::Deny), "{answer:?} {known} {open}\n{case:?}");
    // No widening, for a recorded chain: each agent before may do it with its own record.
    if case.chain.iter().rev().skip(1).all(|hop| hop.scope.is_some()) {
        for at in 0..case.chain.len().saturating_sub(1) {
            let earlier = Case {
                chain: case.chain[..=at].to_vec(),
                scope: case.chain[at].scope.unwrap(),
                ..case.clone()
            };
            let before = decide(policy, &earlier, scratch);
            assert!(answer <= before, "widens: {before:?} became {answer:?}\n{case:?}\n{}", text(world));
        }
    }
    answer
}

#[test]
fn random_policies_agree_with_the_naive_evaluator_fail_closed_and_never_widen() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut scratch = Scratch::default();
    let mut counts = [0_usize; 3];
    let mut hidden = 0;
    for _ in 0..400 {
        let world = random.world();
        let policy = compile(&world);
        for _ in 0..60 {
            let case = random.case();
            counts[check(&world, &policy, &case, &mut scratch) as usize] += 1;
            hidden += usize::from(!could_be(&policy, &case, &mut scratch).1);
        }
    }
    println!("24,000 cases: {} deny, {} need approval, {} allow", counts[0], counts[1], counts[2]);
    println!("{hidden} of what is refused is refused for every object");
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
    assert!(hidden > 1_000 && hidden < counts[0], "{hidden}");
}

#[test]
fn every_small_case_agrees() {
    let mut scratch = Scratch::default();
    let mut count = 0;
    let rule = |effect, conditions| Rule {
        effect,
        kinds: vec![0, 1, 2, 3],
        modes: Vec::new(),
        personal: false,
        actions: vec![0],
        conditions,
    };
    for condition in [
        None,
        Some(Cond::WhenAgentWorksOnTask),
        Some(Cond::UnlessAgentWorksOnC0),
        Some(Cond::WhenLevelIsHigh),
    ] {
        for other in [None, Some(Effect::Forbid), Some(Effect::Approve)] {
            for ceiling in [false, true] {
                let mut rules = vec![rule(Effect::Allow, condition.into_iter().collect())];
                rules.extend(other.map(|effect| rule(effect, vec![Cond::UnlessAgentWorksOnC0])));
                let ceilings = if ceiling { vec![(Some(AGENTS[0]), false, vec![0])] } else { Vec::new() };
                let world = World { rules, ceilings, chain: 1, tuples: TUPLES.to_vec() };
                let policy = compile(&world);
                let hops: Vec<_> = [None, Some(AGENTS[0]), Some(AGENTS[2])]
                    .into_iter()
                    .flat_map(|agent| {
                        [None, Some(Scope::Is("doc")), Some(Scope::Absent)].map(|scope| Hop { agent, scope })
                    })
                    .collect();
                let mut chains = vec![Vec::new()];
                chains.extend(hops.iter().map(|hop| vec![*hop]));
                chains.extend(hops.iter().flat_map(|a| hops.iter().map(|b| vec![*a, *b])));
                for (kind, chain) in (0..5).flat_map(|kind| chains.iter().map(move |chain| (kind, chain))) {
                    if (kind == 0) != chain.is_empty() {
                        continue;
                    }
                    for user in [None, Some(USERS[0])] {
                        for (task, level) in [(Task::Known("c0"), Some(3)), (Task::Unknown, None)] {
                            let case = Case {
                                kind,
                                modes: vec![0],
                                user,
                                chain: chain.clone(),
                                scope: chain.last().and_then(|hop| hop.scope).unwrap_or(Scope::Is("doc")),
                                level,
                                task,
                                personal: false,
                                action: 0,
                                object: "doc:d0",
                            };
                            check(&world, &policy, &case, &mut scratch);
                            count += 1;
                        }
                    }
                }
            }
        }
    }
    println!("{count} cases");
    assert!(count > 10_000, "{count}");
}
