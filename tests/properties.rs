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

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use actfor::identity::{Kind, Mode};
use actfor::json::{self, Object, Value};
use actfor::policy::decide::{self, Asked, Failure, Scratch, Trace};
use actfor::policy::{Policy, Source};
use actfor::relation;
use actfor::{Code, Refusal, Truth};
use naive::{
    Answer, By, Case, Cond, Detail, Details, Effect, Hop, Names, Record, Rule, Says, Task, Token, Tuple,
    World,
};

const MODEL: &str = "model\n  schema 1.1\ntype user\ntype instance\ntype agent\n  relations\n    define may_call: [agent]\n\
    type doc\n  relations\n    define writer: [user, agent]\n    define reader: [user, agent] or writer\n    define approver: [user]\n\
    type org\n  relations\n    define hr: [user, agent]\n\
    type team\n  relations\n    define member: [user]\n\
    type case\n  relations\n    define worker: [agent]\n    define employee: [user]\n    define session: [instance]\n\
    type rec\n  relations\n    define employee: [user]\n    define approver: [user]\n";
const RULES: &str = "actfor 1\nmodel \"m\"\non doc impersonal\n  read needs reader\n  write needs writer\n\
    on rec personal employee\n  read needs hr of org:o\n\
    scope \"doc\" covers any action on doc\nscope \"doc:{n}\" covers read on doc:{n}\nscope \"rec\" covers any action on rec\n\
    role \"rd\" covers read on doc\nrole \"all\" covers any action on doc\n\
    detail \"doc\" covers {actions} on doc:{id}\ndetail \"rec\" covers read on rec\n";
const KINDS: [&str; 5] = ["self", "delegated", "joint", "assigned", "autonomous"];
const MODES: [&str; 3] = ["interactive", "offline", "automated"];
const ACTIONS: [&str; 2] = ["read", "write"];
const AGENTS: [&str; 3] = ["agent:a0", "agent:a1", "agent:a2"];
const INSTANCES: [&str; 2] = ["instance:i0", "instance:i1"];
const USERS: [&str; 2] = ["user:u0", "user:u1"];
const SCOPES: [&[&str]; 8] = [
    &["doc"],
    &["doc:d0"],
    &["rec"],
    &["doc", "rec"],
    &["doc:d0", "doc:d1", "rec"],
    &["other"],
    &["doc:*", "doc:"],
    &[],
];
const ROLES: [&[&str]; 4] = [&["rd"], &["all"], &["other"], &[]];
const AUDIENCE: &str = "https://api.example";

const fn detail(of: &'static str, id: Option<&'static str>, actions: &'static [&'static str]) -> Detail {
    Detail { of, id, actions, more: false, elsewhere: false }
}

const D0: Detail = detail("doc", Some("d0"), &["read", "write"]);
const DETAILS: [&[Detail]; 11] = [
    &[D0],
    &[detail("doc", Some("d1"), &["read"]), D0],
    &[detail("doc", Some("d0"), &["write"])],
    &[detail("doc", Some("*"), &["read"])],
    &[detail("doc", None, &["read"])],
    &[detail("rec", None, &[])],
    &[detail("rec", Some("r0"), &[])],
    &[detail("rec", None, &["read"])],
    &[detail("other", Some("d0"), &["read"])],
    &[Detail { more: true, ..D0 }],
    &[Detail { elsewhere: true, ..D0 }, detail("rec", None, &[])],
];
const TUPLES: [Tuple; 33] = [
    ("user:u0", "writer", "doc:d0"),
    ("user:u0", "reader", "doc:d1"),
    ("user:u1", "reader", "doc:d0"),
    ("user:u0", "hr", "org:o"),
    ("user:u1", "hr", "org:o"),
    ("user:u0", "employee", "rec:r0"),
    ("user:u1", "employee", "rec:r1"),
    ("user:u0", "employee", "case:c0"),
    ("user:u1", "employee", "case:c1"),
    ("user:u0", "approver", "doc:d0"),
    ("user:u1", "approver", "rec:r0"),
    ("user:u0", "member", "team:t0"),
    ("user:u1", "member", "team:t1"),
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
    ("instance:i0", "session", "case:c0"),
    ("instance:i0", "session", "case:c1"),
    ("instance:i1", "session", "case:c0"),
    ("agent:a0", "may_call", "agent:a1"),
    ("agent:a0", "may_call", "agent:a2"),
    ("agent:a1", "may_call", "agent:a2"),
    ("agent:a1", "may_call", "agent:a0"),
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
        let mut conditions = self.some(&Cond::ALL, 4);
        conditions.retain(|cond| !personal || *cond != Cond::WhenU1ReadsIt);
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
        let by = self.pick(&[By::User, By::Approver]);
        Rule { effect, kinds, modes, personal, actions, by, conditions }
    }

    fn world(&mut self) -> World {
        let mut rules = Vec::new();
        for _ in 0..1 + self.below(6) {
            rules.push(self.rule(Effect::Allow));
        }
        for effect in [Effect::Forbid, Effect::Approve] {
            if self.chance(if effect == Effect::Approve { 60 } else { 20 }) {
                let mut rule = self.rule(effect);
                if rule.conditions.is_empty() && effect == Effect::Forbid {
                    rule.conditions.push(self.pick(&Cond::ALL[..13]));
                }
                rules.push(rule);
            }
        }
        let mut ceilings = Vec::new();
        for agent in [None, Some(AGENTS[0]), Some(AGENTS[1]), Some(AGENTS[2])] {
            for personal in [false, true] {
                if self.chance(15) {
                    ceilings.push((agent, personal, if personal { vec![0] } else { self.some(&[0, 1], 90) }));
                }
            }
        }
        ceilings.retain(|ceiling: &(Option<&str>, bool, Vec<usize>)| !ceiling.2.is_empty());
        let says = if self.chance(60) { Vec::new() } else { self.some(&Says::ALL, 40) };
        let chain = self.below(4);
        World {
            rules,
            ceilings,
            says,
            chain,
            unrecorded: chain > 0 && self.chance(30),
            callers: chain > 0 && self.chance(25),
            tuples: self.some(&TUPLES, 93),
        }
    }

    fn names(&mut self, of: &[&'static [&'static str]]) -> Names {
        match self.below(12) {
            0 => Names::Unreadable,
            1 => Names::Absent,
            _ => Names::Is(self.pick(of)),
        }
    }

    fn token(&mut self) -> Token {
        let scope = match self.below(10) {
            0..=5 => Names::Is(SCOPES[3]),
            6 => Names::Absent,
            _ => self.names(&SCOPES),
        };
        let roles = if self.chance(85) { Names::Absent } else { self.names(&ROLES) };
        let details = match self.below(10) {
            0..=6 => Details::Absent,
            7 | 8 => Details::Are(self.pick(&DETAILS)),
            _ => self.pick(&[Details::Unreadable, Details::Are(&[]), Details::Are(DETAILS[0])]),
        };
        Token { scope, roles, details }
    }

    fn case(&mut self) -> Case {
        let kind = self.below(5);
        let depth = if kind == 0 { 0 } else { 1 + self.below(3) };
        let mut chain: Vec<_> = (0..depth)
            .map(|_| Hop {
                agent: self.chance(96).then(|| self.pick(&AGENTS)),
                instance: self.chance(85).then(|| self.pick(&INSTANCES)),
                record: match self.below(20) {
                    0 => Record::Missing,
                    1 => Record::Invalid,
                    _ => Record::Token(self.token()),
                },
            })
            .collect();
        let token = self.token();
        if let Some(last) = chain.last_mut() {
            last.record = Record::Token(token);
        }
        let personal = self.chance(40);
        Case {
            kind,
            modes: if self.chance(25) { vec![0, 1, 2] } else { vec![self.below(3)] },
            user: self.chance(94).then(|| self.pick(&USERS)),
            chain,
            token,
            also: self.chance(15).then(|| self.token()),
            level: self.chance(75).then(|| self.below(6) as u8),
            team: self.names(&[&["t0"], &["t1"], &["t0", "t1"], &[]]),
            case: self.names(&[&["c0"], &["c1"], &["c0", "c1"], &[]]),
            friend: self.names(&[&["u0"], &["u1"], &["u9"], &[]]),
            task: match self.below(16) {
                0 => Task::Unknown,
                1 => Task::Absent,
                _ => Task::Known(self.pick(&["c0", "c1"])),
            },
            approver: self.chance(40).then(|| self.pick(&USERS)),
            personal,
            action: if personal { 0 } else { self.below(2) },
            object: if personal {
                self.pick(&["rec:r0", "rec:r1", "rec:r0", "rec:none"])
            } else {
                self.pick(&["doc:d0", "doc:d0", "doc:d0", "doc:d1", "doc:none"])
            },
        }
    }
}

fn list(from: &[&str], which: &[usize]) -> String {
    which.iter().map(|at| from[*at]).collect::<Vec<_>>().join(", ")
}

fn text(world: &World) -> String {
    let mut out = String::from(RULES);
    for (at, rule) in world.rules.iter().enumerate() {
        let word = match rule.effect {
            Effect::Allow => "allow",
            Effect::Approve => "approve",
            Effect::Forbid => "forbid",
        };
        let anyone = rule.effect == Effect::Allow && rule.personal && rule.kinds.contains(&4);
        let by = match (rule.effect, rule.by) {
            (Effect::Approve, By::User) => " by user",
            (Effect::Approve, By::Approver) => " by approver",
            (Effect::Allow | Effect::Forbid, _) => "",
        };
        out += &format!(
            "{word} {} {} to {} on {}{}{by} as r{at}\n",
            list(&KINDS, &rule.kinds),
            list(&MODES, &rule.modes),
            list(&ACTIONS, &rule.actions),
            if rule.personal { "rec" } else { "doc" },
            if anyone { " of anyone" } else { "" },
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
    for says in &world.says {
        out += &format!("{}\n", says.text());
    }
    if world.chain > 0 {
        out +=
            &format!("chain at most {}{}\n", world.chain, if world.unrecorded { " unrecorded" } else { "" });
    }
    if world.callers {
        out += "each caller is may_call of agent\n";
    }
    out
}

fn compile(world: &World) -> Policy {
    let tuple = |t: &Tuple| relation::Tuple {
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

/// What the current token says beside its carriers: level, team, case and friend.
type Said = (Option<u8>, Names, Names, Names);

thread_local! {
    /// Most cases have tokens that others have too.
    static CLAIMS: RefCell<HashMap<(Token, Option<Said>), &'static Object<'static>>> = RefCell::default();
}

/// The claims of a token.
fn claims(token: &Token, said: Option<Said>) -> &'static Object<'static> {
    CLAIMS.with_borrow_mut(|known| {
        *known
            .entry((*token, said))
            .or_insert_with(|| Box::leak(Box::new(parsed(token, said.map(members).unwrap_or_default()))))
    })
}

/// The claims of a token, from JSON; `more` are further members.
fn parsed(token: &Token, more: Vec<String>) -> Object<'static> {
    let quoted =
        |names: &[&str]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",");
    let mut members = more;
    match token.scope {
        Names::Absent => {}
        Names::Unreadable => members.push("\"scope\":7".into()),
        Names::Is(names) => members.push(format!("\"scope\":\"{}\"", names.join(" "))),
    }
    match token.roles {
        Names::Absent => {}
        Names::Unreadable => members.push("\"roles\":[\"all\",7]".into()),
        Names::Is(names) => members.push(format!("\"roles\":[{}]", quoted(names))),
    }
    match token.details {
        Details::Absent => {}
        Details::Unreadable => members.push("\"authorization_details\":[{\"id\":\"d0\"}]".into()),
        Details::Are(details) => {
            let detail = |detail: &Detail| {
                let mut members = vec![format!("\"type\":\"{}\"", detail.of)];
                members.extend(detail.id.map(|id| format!("\"id\":\"{id}\"")));
                if !detail.actions.is_empty() {
                    members.push(format!("\"actions\":[{}]", quoted(detail.actions)));
                }
                if detail.more {
                    members.push("\"branch\":\"main\"".into());
                }
                let location = if detail.elsewhere { "https://else.example" } else { AUDIENCE };
                members.push(format!("\"locations\":[\"{location}\"]"));
                format!("{{{}}}", members.join(","))
            };
            let details: Vec<_> = details.iter().map(detail).collect();
            members.push(format!("\"authorization_details\":[{}]", details.join(",")));
        }
    }
    let text = format!("{{{}}}", members.join(","));
    let Value::Object(object) = json::parse(text.as_bytes(), &json::Limits::TOKEN).unwrap().into_owned()
    else {
        panic!()
    };
    object
}

/// The members behind that. One value is written as a text, several as a list.
fn members((level, team, case, friend): Said) -> Vec<String> {
    let mut members: Vec<String> = level.iter().map(|level| format!("\"level\":{level}")).collect();
    for (name, names) in [("team", team), ("case", case), ("friend", friend)] {
        match names {
            Names::Absent => {}
            Names::Unreadable => members.push(format!("\"{name}\":[\"t0\",7]")),
            Names::Is([one]) => members.push(format!("\"{name}\":\"{one}\"")),
            Names::Is(names) => members.push(format!("\"{name}\":{names:?}")),
        }
    }
    members
}

/// Hands the case to `ask` in the evaluator's own terms.
fn asked<T>(case: &Case, ask: impl FnOnce(&decide::Case<'_>) -> T) -> T {
    let kind = [Kind::Itself, Kind::Delegated, Kind::Joint, Kind::Assigned, Kind::Autonomous][case.kind];
    let modes: Vec<_> =
        case.modes.iter().map(|mode| [Mode::Interactive, Mode::Offline, Mode::Automated][*mode]).collect();
    let own = claims(&case.token, Some((case.level, case.team, case.case, case.friend)));
    let also = case.also.map(|token| claims(&token, None));
    let audiences = [String::from(AUDIENCE)];
    let refusal = Refusal::new(Code::TokenExpired, "it is old");
    let record = |hop: &Hop| match hop.record {
        Record::Token(token) => Some(claims(&token, None)),
        Record::Missing | Record::Invalid => None,
    };
    let records: Vec<_> = case.chain.iter().map(record).collect();
    let last = case.chain.len().saturating_sub(1);
    let hops = case.chain.iter().zip(&records).enumerate().map(|(at, (hop, record))| decide::Hop {
        agent: hop.agent,
        instance: hop.instance,
        record: match (record, hop.record) {
            _ if at == last => decide::Record::Verified(own),
            (Some(record), _) => decide::Record::Verified(record),
            (None, Record::Invalid) => decide::Record::Invalid(&refusal),
            (None, _) => decide::Record::Missing,
        },
    });
    let chain: Vec<_> = hops.collect();
    ask(&decide::Case {
        kind,
        modes: &modes,
        user: case.user,
        chain: &chain,
        claims: own,
        also,
        audiences: &audiences,
        task: match case.task {
            Task::Known(task) => decide::Task::Known(task),
            Task::Absent => decide::Task::Absent,
            Task::Unknown => decide::Task::Unknown,
        },
        kind_of_object: u16::from(case.personal),
        action: case.action as u8,
        object: Some(case.object),
        arguments: &[],
        all_arguments: false,
        asked: Asked::default(),
        approver: case.approver,
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

/// What the evaluator says, without explaining it.
fn decide_only(policy: &Policy, case: &Case, scratch: &mut Scratch) -> Answer {
    asked(case, |asked| answer(decide::decide(policy, asked, scratch, &mut Trace::default())))
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

/// A token with one carrier that cannot be read, in every way, and one without any.
fn with_less_token(token: Token) -> Vec<Token> {
    vec![
        Token { scope: Names::Unreadable, ..token },
        Token { roles: Names::Unreadable, ..token },
        Token { details: Details::Unreadable, ..token },
        Token { scope: Names::Absent, roles: Names::Absent, details: Details::Absent },
    ]
}

/// The case with one fact less, in every way.
fn with_less(world: &World, case: &Case) -> Vec<Case> {
    let mut out = vec![
        Case { user: None, ..case.clone() },
        Case { task: Task::Unknown, ..case.clone() },
        Case { approver: None, ..case.clone() },
        Case { modes: vec![0, 1, 2], ..case.clone() },
    ];
    // `has` reads that a claim is not there, which is a fact.
    if !world.rules.iter().any(|rule| rule.conditions.contains(&Cond::UnlessLevelIsThere)) {
        out.push(Case { level: None, ..case.clone() });
    }
    for nothing in [Names::Absent, Names::Unreadable] {
        out.push(Case { team: nothing, ..case.clone() });
        out.push(Case { case: nothing, ..case.clone() });
        out.push(Case { friend: nothing, ..case.clone() });
    }
    for token in with_less_token(case.token) {
        let mut less = Case { token, ..case.clone() };
        if let Some(last) = less.chain.last_mut() {
            last.record = Record::Token(token);
        }
        out.push(less);
    }
    out.extend(
        case.also.into_iter().flat_map(with_less_token).map(|also| Case { also: Some(also), ..case.clone() }),
    );
    let mut hop = |at: usize, hop: Hop| {
        let mut less = case.clone();
        less.chain[at] = hop;
        out.push(less);
    };
    for (at, known) in case.chain.iter().enumerate() {
        hop(at, Hop { agent: None, ..*known });
        hop(at, Hop { instance: None, ..*known });
        if at + 1 == case.chain.len() {
            continue;
        }
        // Where the rules take the issuer's word, a record that is there says more, and may say less.
        if !world.unrecorded {
            hop(at, Hop { record: Record::Missing, ..*known });
        }
        hop(at, Hop { record: Record::Invalid, ..*known });
        if let Record::Token(token) = known.record {
            with_less_token(token)
                .into_iter()
                .for_each(|token| hop(at, Hop { record: Record::Token(token), ..*known }));
        }
    }
    out
}

/// Everything that must hold for one case.
fn check(world: &World, policy: &Policy, case: &Case, scratch: &mut Scratch) -> Answer {
    let answer = decide(policy, case, scratch);
    assert_eq!(answer, world.decide(case), "naive, {case:?}\n{}\n{:?}", text(world), world.tuples);
    // What is allowed can only become less.
    let less = if answer == Answer::Allow { Vec::new() } else { with_less(world, case) };
    for less in less {
        let with_less = decide_only(policy, &less, scratch);
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
    let recorded = |hop: &Hop| matches!(hop.record, Record::Token(_));
    if case.chain.iter().all(recorded) {
        for at in 0..case.chain.len().saturating_sub(1) {
            let Record::Token(token) = case.chain[at].record else { continue };
            let earlier = Case { chain: case.chain[..=at].to_vec(), token, also: None, ..case.clone() };
            let before = decide_only(policy, &earlier, scratch);
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
    let (mut hidden, mut seen) = (0, BTreeMap::<&str, [usize; 3]>::new());
    for _ in 0..800 {
        let world = random.world();
        let policy = compile(&world);
        for _ in 0..50 {
            let case = random.case();
            let answer = check(&world, &policy, &case, &mut scratch) as usize;
            counts[answer] += 1;
            hidden += usize::from(!could_be(&policy, &case, &mut scratch).1);
            let depth = case.chain.len();
            let by = |by: By| world.rules.iter().any(|rule| rule.effect == Effect::Approve && rule.by == by);
            for (name, there) in [
                ("joint", case.kind == 2),
                ("one hop", depth == 2),
                ("two hops", depth == 3),
                ("unrecorded", depth > 1 && world.unrecorded && case.chain[0].record == Record::Missing),
                ("each caller", depth > 1 && world.callers),
                ("token says", !world.says.is_empty()),
                ("roles", matches!(case.token.roles, Names::Is(_))),
                ("details", matches!(case.token.details, Details::Are(_))),
                ("another carrier", case.also.is_some()),
                ("by user", by(By::User)),
                ("by a relation", by(By::Approver)),
                ("approved", case.approver.is_some() && (by(By::User) || by(By::Approver))),
                ("every mode", case.modes.len() == 3),
                ("personal", case.personal),
            ] {
                seen.entry(name).or_default()[answer] += usize::from(there);
            }
        }
    }
    println!(
        "score\tdecisions\trandom, beside the naive evaluator\t40,000 cases: {} deny, {} need approval, {} allow",
        counts[0], counts[1], counts[2]
    );
    println!("{hidden} of what is refused is refused for every object");
    println!("deny, needs approval, allow with {seen:?}");
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
    assert!(hidden > 1_000 && hidden < counts[0], "{hidden}");
    for (name, [deny, _, allow]) in seen {
        assert!(deny > 5 && allow > 5, "{name}: {deny} denied, {allow} allowed");
    }
}

#[test]
fn every_small_case_agrees() {
    let mut scratch = Scratch::default();
    let (mut count, mut counts) = (0, [0_usize; 3]);
    let rule = |effect, conditions| Rule {
        effect,
        kinds: vec![0, 1, 2, 3],
        modes: Vec::new(),
        personal: false,
        actions: vec![0],
        by: By::Approver,
        conditions,
    };
    let base = World {
        rules: Vec::new(),
        ceilings: Vec::new(),
        says: Vec::new(),
        chain: 1,
        unrecorded: false,
        callers: false,
        tuples: TUPLES.to_vec(),
    };
    let mut worlds = Vec::new();
    for condition in [
        None,
        Some(Cond::WhenAgentWorksOnTask),
        Some(Cond::UnlessAgentWorksOnC0),
        Some(Cond::WhenLevelIsHigh),
        Some(Cond::WhenInstanceIsOfTask),
        Some(Cond::WhenUserIsOfT0),
    ] {
        for other in [None, Some(Effect::Forbid), Some(Effect::Approve)] {
            let mut rules = vec![rule(Effect::Allow, condition.into_iter().collect())];
            rules.extend(other.map(|effect| rule(effect, vec![Cond::UnlessInstanceIsOfC0])));
            worlds.push(World { rules, ..base.clone() });
        }
    }
    let plain = || vec![rule(Effect::Allow, vec![Cond::WhenAgentWorksOnC0])];
    worlds.push(World { rules: plain(), ceilings: vec![(Some(AGENTS[0]), false, vec![0])], ..base.clone() });
    worlds.push(World { rules: plain(), ceilings: vec![(None, false, vec![0])], ..base.clone() });
    // A line of its own counts alone, whatever the line for everybody else says.
    let two_lines = vec![(Some(AGENTS[0]), false, vec![1]), (None, false, vec![0])];
    worlds.push(World { rules: plain(), ceilings: two_lines, ..base.clone() });
    worlds.push(World { rules: plain(), unrecorded: true, ..base.clone() });
    worlds.push(World { rules: plain(), callers: true, ..base.clone() });
    worlds.push(World { rules: plain(), chain: 0, ..base.clone() });
    worlds.extend(Says::ALL.map(|says| World { rules: plain(), says: vec![says], ..base.clone() }));
    let good = Token { scope: Names::Is(&["doc"]), roles: Names::Absent, details: Details::Absent };
    let tokens = [good, Token { details: Details::Are(DETAILS[2]), ..good }];
    let agents = [(None, None), (Some(AGENTS[0]), Some(INSTANCES[0])), (Some(AGENTS[2]), None)];
    let hops = |records: Vec<Record>| -> Vec<Hop> {
        let of = |(agent, instance): &(Option<&'static str>, Option<&'static str>)| {
            records
                .iter()
                .map(|record| Hop { agent: *agent, instance: *instance, record: *record })
                .collect::<Vec<_>>()
        };
        agents.iter().flat_map(of).collect()
    };
    let current = hops(tokens.map(Record::Token).to_vec());
    let earlier =
        hops(tokens.map(Record::Token).into_iter().chain([Record::Missing, Record::Invalid]).collect());
    let mut chains = vec![Vec::new()];
    chains.extend(current.iter().map(|hop| vec![*hop]));
    chains.extend(earlier.iter().flat_map(|a| current.iter().map(|b| vec![*a, *b])));
    for world in &worlds {
        let policy = compile(world);
        for (kind, chain) in (0..5).flat_map(|kind| chains.iter().map(move |chain| (kind, chain))) {
            if (kind == 0) != chain.is_empty() {
                continue;
            }
            for user in [None, Some(USERS[0])] {
                for (task, level, claim) in
                    [(Task::Known("c0"), Some(3), Names::Is(&["c0"])), (Task::Unknown, None, Names::Absent)]
                {
                    let token = match chain.last().map(|hop| hop.record) {
                        Some(Record::Token(token)) => token,
                        _ => good,
                    };
                    let case = Case {
                        kind,
                        modes: vec![0],
                        user,
                        chain: chain.clone(),
                        token,
                        also: None,
                        level,
                        team: claim,
                        case: claim,
                        friend: claim,
                        task,
                        approver: user.filter(|_| level.is_some()),
                        personal: false,
                        action: 0,
                        object: "doc:d0",
                    };
                    counts[check(world, &policy, &case, &mut scratch) as usize] += 1;
                    count += 1;
                }
            }
        }
    }
    println!(
        "score\tdecisions\tall small ones, beside the naive evaluator\t{count} cases of {} policies: {} deny, {} need approval, {} allow",
        worlds.len(),
        counts[0],
        counts[1],
        counts[2]
    );
    assert!(count > 30_000 && counts.iter().all(|count| *count > 30), "{count} {counts:?}");
}
