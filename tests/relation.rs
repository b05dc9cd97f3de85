//! Relationship checks: what holds, what does not, what is unknown, and why.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests may panic"
)]

#[path = "support/relation.rs"]
mod support;

use actfor::Truth::{False, True, Unknown};
use actfor::pack::Builder;
use actfor::relation::{Facts, Limits, Model, Question, Reply, Scratch, compile};
use support::{World, ask, tuples};

#[path = "support/vectors.rs"]
mod vectors;

const ACME: &str = "model
  schema 1.1
type user
type agent
type repo
  relations
    define writer: [user]
    define reader: [user] or writer
type org
  relations
    define hr_reader: [agent]
type case
  relations
    define worker: [agent]
    define employee: [user]
type salary_record
  relations
    define employee: [user]
";

fn acme() -> World {
    World::new(
        ACME,
        &tuples(
            "user:ana writer repo:web
             user:ana writer repo:infra
             agent:hr-agent hr_reader org:acme
             agent:hr-agent worker case:c1
             agent:hr-agent worker case:c2
             user:ana employee case:c1
             user:ana employee salary_record:ana
             user:bo employee case:c2
             user:bo employee salary_record:bo",
        ),
    )
}

#[test]
fn answers_the_running_examples() {
    let world = acme();
    for (question, truth) in [
        ("user:ana writer repo:web", True),
        ("user:ana reader repo:infra", True),
        ("user:bo reader repo:web", False),
        ("user:nobody reader repo:nowhere", False),
        ("agent:hr-agent hr_reader org:acme", True),
        ("agent:code-helper hr_reader org:acme", False),
        ("user:ana employee salary_record:ana", True),
        ("user:ana employee salary_record:bo", False),
        // An agent of the user's name is not the user.
        ("agent:ana writer repo:web", False),
    ] {
        assert_eq!(world.check(question), truth, "{question}");
    }
}

#[test]
fn what_the_model_does_not_know_is_invalid_and_unknown() {
    let world = acme();
    for question in [
        "user:ana owner repo:web",
        "user:ana writer car:web",
        "cat:ana writer repo:web",
        "ana writer repo:web",
        "user:ana writer repo:*",
    ] {
        let answer = world.answer(question, &Facts::default());
        assert!(answer.invalid && answer.truth == Unknown, "{question}");
    }
}

#[test]
fn says_why() {
    let world = acme();
    assert_eq!(
        world.why("user:ana reader repo:web"),
        ["so user:ana reader repo:web: true", "  tuple user:ana writer repo:web: true"]
    );
    assert_eq!(
        world.why("user:bo employee salary_record:ana"),
        ["tuple user:bo employee salary_record:ana: false"]
    );
    assert_eq!(
        world.why("user:bo reader repo:web"),
        [
            "so user:bo reader repo:web: false",
            "  tuple user:bo reader repo:web: false",
            "  tuple user:bo writer repo:web: false"
        ]
    );
}

/// Every kind of way to an answer, and what is written of it: `tests/vectors/relation/why.txt`.
#[test]
fn what_is_said_of_every_way_is_in_the_file() {
    let groups = tuples(
        "user:ana member group:a
         group:a#member member group:b
         user:bo member group:b
         user:* member group:all
         group:x#member member group:y
         group:y#member member group:x
         group:b#member viewer folder:root
         user:cy viewer folder:a
         folder:root parent folder:a
         folder:other parent folder:a
         user:dee viewer folder:other
         user:dee viewer folder:root
         folder:a folder doc:1
         group:b#member staff doc:1
         group:all#member staff doc:2
         folder:a folder doc:2
         user:bo banned doc:1",
    );
    let excused = tuples(
        "user:ana viewer doc:1
         user:ana banned doc:1
         user:ana excused doc:1
         user:bo viewer doc:1
         user:bo banned doc:1
         user:cy viewer doc:1
         user:dee excused doc:1",
    );
    let conditional = [
        with("user:ana viewer doc:1", "in_region", "{}"),
        with("user:* viewer doc:2", "in_region", "{}"),
        support::tuple("user:cy viewer doc:1"),
        with("user:cy blocked doc:1", "in_region", "{}"),
        support::tuple("group:ops#member viewer doc:3"),
        with("user:bo member group:ops", "on_call", "{}"),
    ];
    let all: &dyn Fn(&str, &str) -> bool = &|_, _| true;
    let no_viewer: &dyn Fn(&str, &str) -> bool = &|_, relation| relation != "viewer";
    let reply = |object: &'static str, holds: bool| Reply {
        question: Question { subject: "user:eve", relation: "viewer", object },
        holds,
    };
    let replies = [reply("folder:other", false), reply("folder:root", true), reply("doc:2", true)];
    let mut text = String::new();
    for (name, model, tuples, complete, replies, questions) in [
        (
            "groups and folders",
            DEEP,
            &groups[..],
            all,
            &[][..],
            &[
                "user:ana viewer doc:1",
                "user:bo viewer doc:1",
                "user:cy viewer doc:1",
                "user:cy viewer doc:2",
                "user:dee viewer doc:1",
                "user:dee viewer doc:2",
                "user:ana viewer doc:9",
                "user:ana viewer folder:a",
                "user:dee viewer folder:a",
                "user:eve viewer folder:a",
                "group:b#member viewer folder:a",
                "group:a#member viewer folder:a",
                "group:c#member viewer folder:a",
                "user:eve member group:all",
                "user:* member group:all",
                "user:* member group:b",
                "group:b#member member group:b",
                "user:ana member group:x",
                "folder:root parent folder:a",
            ][..],
        ),
        (
            "who is banned, and excused",
            EXCUSED,
            &excused,
            all,
            &[],
            &[
                "user:ana can doc:1",
                "user:bo can doc:1",
                "user:cy can doc:1",
                "user:dee can doc:1",
                "user:ana can doc:2",
            ],
        ),
        (
            "conditions without values",
            CONDITIONAL,
            &conditional,
            all,
            &[],
            &[
                "user:ana viewer doc:1",
                "user:bo viewer doc:2",
                "user:cy editor doc:1",
                "user:bo viewer doc:3",
                "user:bo editor doc:3",
            ],
        ),
        (
            "not every tuple",
            DEEP,
            &groups,
            no_viewer,
            &[],
            &[
                "user:ana viewer folder:a",
                "user:ana viewer doc:1",
                "user:bo viewer doc:1",
                "user:eve viewer folder:a",
            ],
        ),
        (
            "not every tuple, and replies",
            DEEP,
            &groups,
            no_viewer,
            &replies,
            &["user:eve viewer folder:a", "user:eve viewer doc:2", "user:eve viewer folder:root"],
        ),
    ] {
        let world = World::partial(model, tuples, complete);
        let facts = Facts { replies, ..Facts::default() };
        text += &format!("# {name}\n\n");
        for question in questions {
            let truth = world.answer(question, &facts).truth;
            text += &format!("{question}? {}\n", truth.as_str());
            for line in world.why_with(question, &facts) {
                text += &format!("  {line}\n");
            }
            text.push('\n');
        }
    }
    vectors::settle("relation/why.txt", &text);
}

const EXCUSED: &str = "model
  schema 1.1
type user
type doc
  relations
    define viewer: [user]
    define banned: [user]
    define excused: [user]
    define blocked: banned but not excused
    define can: viewer but not blocked
";

const DEEP: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user, user:*, group#member]
type folder
  relations
    define parent: [folder]
    define viewer: [user, group#member] or viewer from parent
type doc
  relations
    define folder: [folder]
    define banned: [user, group#member]
    define staff: [group#member]
    define viewer: (viewer from folder and staff) but not banned
";

#[test]
fn follows_groups_folders_and_exclusions() {
    let world = World::new(
        DEEP,
        &tuples(
            "user:ana member group:eng
             group:eng#member member group:all
             group:all#member viewer folder:root
             folder:root parent folder:a
             folder:a folder doc:1
             group:all#member staff doc:1
             user:bo viewer folder:a
             user:cy member group:eng
             user:cy banned doc:1
             user:* member group:everybody
             group:everybody#member staff doc:2
             folder:a folder doc:2",
        ),
    );
    for (question, truth) in [
        ("user:ana viewer doc:1", True),
        ("user:bo viewer doc:1", False),
        ("user:bo viewer doc:2", True),
        ("user:cy viewer doc:1", False),
        ("user:cy viewer doc:2", True),
        ("group:eng#member viewer folder:a", True),
        ("group:everybody#member viewer folder:a", False),
        ("group:eng#member member group:eng", True),
        ("group:ghost#member member group:ghost", True),
        ("user:* member group:everybody", True),
        ("user:* member group:eng", False),
    ] {
        assert_eq!(world.check(question), truth, "{question}");
    }
    // What came along counts beside the pack, and knows names that the pack does not.
    assert_eq!(world.check("user:dee viewer doc:1"), False);
    assert_eq!(world.check_with("user:dee viewer doc:1", "user:dee member group:eng"), True);
    assert_eq!(
        world.check_with(
            "user:dee viewer doc:9",
            "user:dee viewer folder:new\nfolder:new folder doc:9\ngroup:eng#member staff doc:9"
        ),
        False
    );
    assert_eq!(
        world.check_with(
            "user:ana viewer doc:9",
            "user:ana viewer folder:new\nfolder:new folder doc:9\ngroup:eng#member staff doc:9"
        ),
        True
    );
}

#[test]
fn a_circle_is_unknown_and_never_lets_anyone_through() {
    let circle = "group:a#member member group:b\ngroup:b#member member group:a\n";
    let world = World::new(DEEP, &tuples(circle));
    assert_eq!(world.check("user:ana member group:a"), Unknown);
    let world = World::new(DEEP, &tuples(&format!("{circle}user:ana member group:b")));
    assert_eq!(world.check("user:ana member group:a"), True);
    // Whether somebody is banned through a circle is unknown, so they do not get in.
    let world = World::new(
        DEEP,
        &tuples(&format!(
            "{circle}group:a#member banned doc:1\nuser:ana viewer folder:a\nfolder:a folder doc:1\nuser:ana member group:s\ngroup:s#member staff doc:1"
        )),
    );
    assert_eq!(world.check("user:ana viewer doc:1"), Unknown);
}

#[test]
fn limits_give_unknown() {
    let chain: String = (0..40).map(|i| format!("folder:{i} parent folder:{}\n", i + 1)).collect();
    let world = World::new(DEEP, &tuples(&format!("{chain}user:ana viewer folder:0")));
    assert_eq!(world.check("user:ana viewer folder:20"), True);
    let answer = world.answer("user:ana viewer folder:40", &Facts::default());
    assert!(answer.truth == Unknown && answer.limit);
    let few = Facts { limits: Limits { depth: 25, steps: 10 }, ..Facts::default() };
    let answer = world.answer("user:ana viewer folder:20", &few);
    assert!(answer.truth == Unknown && answer.limit);
}

/// A large group is looked up from its members' side, where that is shorter.
#[test]
fn a_large_group_has_its_members_and_nobody_else() {
    let members: String = (0..200).map(|i| format!("user:u{i} member group:large\n")).collect();
    // One is in more groups than the large one has members.
    let groups: String = (0..300).map(|i| format!("user:u7 member group:g{i}\n")).collect();
    let small: String = (0..64).map(|i| format!("user:v{i} member group:small\n")).collect();
    let world = World::new(DEEP, &tuples(&format!("{members}{groups}{small}user:bo member group:b")));
    for (question, expected) in [
        ("user:u0 member group:large", True),
        ("user:u199 member group:large", True),
        ("user:u7 member group:large", True),
        ("user:u7 member group:g299", True),
        ("user:u8 member group:g299", False),
        ("user:bo member group:large", False),
        ("user:nobody member group:large", False),
        ("user:v0 member group:large", False),
        ("user:v63 member group:small", True),
        ("user:u0 member group:small", False),
    ] {
        assert_eq!(world.check(question), expected, "{question}");
    }
    // With a condition, each tuple is looked at.
    let conditional: Vec<_> = (0..100)
        .map(|i| {
            let region = if i % 2 == 0 { "eu" } else { "us" };
            with(
                &format!("user:u{i} viewer doc:1"),
                "in_region",
                &format!(r#"{{"region":"eu","allowed":["{region}"]}}"#),
            )
        })
        .collect();
    let world = World::new(CONDITIONAL, &conditional);
    for (user, expected) in [("u0", True), ("u1", False), ("u98", True), ("u99", False), ("u100", False)] {
        assert_eq!(world.check(&format!("user:{user} viewer doc:1")), expected, "{user}");
    }
}

/// What a long way could not finish, a shorter one may; and the limit is met exactly.
#[test]
fn a_way_that_is_too_long_does_not_hide_a_shorter_one() {
    let world = World::new(
        DEEP,
        &tuples(
            "folder:a1 parent folder:start
             folder:a2 parent folder:a1
             folder:a3 parent folder:a2
             folder:x parent folder:a3
             folder:x parent folder:start
             folder:y parent folder:x
             folder:z parent folder:y
             user:ana viewer folder:z",
        ),
    );
    let truth = |question: &str, depth: u32| {
        let facts = Facts { limits: Limits { depth, ..Limits::default() }, ..Facts::default() };
        let answer = world.answer(question, &facts);
        (answer.truth, answer.limit)
    };
    // start, x, y, z.
    assert_eq!(truth("user:ana viewer folder:start", 3), (Unknown, true));
    assert_eq!(truth("user:ana viewer folder:start", 4).0, True);
    assert_eq!(truth("user:ana viewer folder:start", 5).0, True);
    assert_eq!(truth("user:ana viewer folder:a1", 5), (Unknown, true));
    assert_eq!(truth("user:ana viewer folder:a1", 6), (True, false));
    assert_eq!(truth("user:bo viewer folder:a1", 5), (Unknown, true));
    assert_eq!(truth("user:bo viewer folder:a1", 6), (False, false));
    assert_eq!(truth("user:bo viewer folder:start", 7), (False, false));
}

#[test]
fn a_search_that_went_too_far_leaves_nothing_behind() {
    let chain: String = (0..40).map(|i| format!("folder:{i} parent folder:{}\n", i + 1)).collect();
    let world = World::new(DEEP, &tuples(&format!("{chain}user:ana viewer folder:0")));
    let mut scratch = Scratch::default();
    let mut check = |question: &str| {
        world.relations.check(&world.pack, &ask(question), &Facts::default(), &mut scratch).truth
    };
    assert_eq!(check("user:ana viewer folder:40"), Unknown);
    assert_eq!(check("user:bo viewer folder:3"), False);
    assert_eq!(check("user:ana viewer folder:40"), Unknown);
    assert_eq!(check("user:ana viewer folder:3"), True);
}

/// A reply is about one object: not about another one of its type, nor about one of another type that has the same
/// number here.
#[test]
fn a_reply_counts_for_its_own_object_only() {
    let model = "model
  schema 1.1
type user
type team
  relations
    define viewer: [user]
type folder
  relations
    define parent: [folder]
    define team: [team]
    define viewer: [user]
    define alone: viewer but not viewer from parent
    define apart: viewer but not viewer from team
";
    let known = "folder:a parent folder:b\nteam:s team folder:a\nteam:t team folder:b";
    let world = World::partial(model, &tuples(known), &|_, relation| relation != "viewer");
    let mut scratch = Scratch::default();
    for (asked, other) in [("alone", "folder:a"), ("apart", "team:t")] {
        let text = format!("user:ana {asked} folder:b");
        let question = ask(&text);
        let mut answer = |replies: &[(&str, bool)]| {
            let replies: Vec<_> = replies
                .iter()
                .map(|(object, holds)| Reply {
                    question: Question { subject: "user:ana", relation: "viewer", object },
                    holds: *holds,
                })
                .collect();
            let facts = Facts { replies: &replies, ..Facts::default() };
            let answer = world.relations.check(&world.pack, &question, &facts, &mut scratch);
            let missing = world.relations.missing(&world.pack, &question, &facts, &scratch);
            (answer.truth, missing.into_iter().map(|(object, _)| object).collect::<Vec<_>>())
        };
        assert_eq!(answer(&[]), (Unknown, vec!["folder:b".into(), other.into()]));
        assert_eq!(answer(&[("folder:b", true)]), (Unknown, vec![other.into()]));
        assert_eq!(answer(&[("folder:b", true), (other, true)]).0, False);
        assert_eq!(answer(&[("folder:b", true), (other, false)]).0, True);
        assert_eq!(answer(&[("folder:b", false)]).0, False);
    }
}

/// The time of the decision stands in for `current_time` alone, and only where that is a time.
#[test]
fn only_the_time_itself_is_filled_in() {
    let model = "model
  schema 1.1
type user
type doc
  relations
    define viewer: [user with now, user with until, user with text]
condition now(current_time: timestamp) {
  current_time > timestamp(\"2020-01-01T00:00:00Z\")
}
condition until(until: timestamp) {
  until > timestamp(\"2020-01-01T00:00:00Z\")
}
condition text(current_time: string) {
  current_time != \"\"
}
";
    let conditional = |user: &str, name: &str| with(&format!("user:{user} viewer doc:1"), name, "{}");
    let world = World::new(
        model,
        &[conditional("ana", "now"), conditional("bo", "until"), conditional("cy", "text")],
    );
    let facts = Facts { now: actfor::Timestamp::from_seconds(1_795_000_000), ..Facts::default() };
    for (user, expected) in [("ana", True), ("bo", Unknown), ("cy", Unknown)] {
        assert_eq!(world.answer(&format!("user:{user} viewer doc:1"), &facts).truth, expected, "{user}");
        assert_eq!(world.answer(&format!("user:{user} viewer doc:1"), &Facts::default()).truth, Unknown);
    }
}

#[test]
fn without_all_tuples_no_tuple_is_unknown_and_missing() {
    let world = World::partial(ACME, &tuples("user:ana writer repo:web"), &|ty, _| ty != "repo");
    assert_eq!(world.check("user:ana reader repo:web"), True);
    let question = ask("user:bo reader repo:web");
    let mut scratch = Scratch::default();
    let answer = world.relations.check(&world.pack, &question, &Facts::default(), &mut scratch);
    assert!(answer.truth == Unknown && answer.incomplete);
    let missing = world.relations.missing(&world.pack, &question, &Facts::default(), &scratch);
    assert_eq!(missing, [("repo:web".into(), "reader"), ("repo:web".into(), "writer")]);
    // A relation may be unknown for one request only.
    let world = acme();
    let facts = Facts { unknown: &[("org", "hr_reader")], ..Facts::default() };
    assert_eq!(world.answer("agent:x hr_reader org:acme", &facts).truth, Unknown);
    assert_eq!(world.answer("agent:hr-agent hr_reader org:acme", &facts).truth, True);
}

#[test]
fn personal_relations_are_plain_and_direct() {
    let model = Model::parse("m", DEEP).unwrap();
    assert_eq!(model.plain_direct("folder", "parent"), Some(vec!["folder"]));
    assert_eq!(model.plain_direct("doc", "banned"), None);
    assert_eq!(model.plain_direct("doc", "viewer"), None);
    assert!(model.has_relation("doc", "viewer") && !model.has_relation("doc", "owner"));
}

#[test]
fn models_that_cannot_work_are_refused_where_they_stand() {
    for (text, line, column, part) in [
        ("modell\n", 1, 1, "expected `model`"),
        ("model\n  schema 1.2\n", 2, 10, "write `schema 1.1`"),
        ("model\n  schema 1.1\ntype user\ntype a\n  relations\n    define b: c\n", 6, 15, "no relation `c`"),
        (
            "model\n  schema 1.1\ntype user\ntype a\n  relations\n    define b: [user] or c and d\n",
            6,
            27,
            "parentheses",
        ),
        (
            "model\n  schema 1.1\ntype user\ntype a\n  relations\n    define b: [usr]\n",
            6,
            16,
            "no type `usr`",
        ),
        (
            "model\n  schema 1.1\ntype user\ntype a\n  relations\n    define b: c\n    define c: b\n",
            6,
            12,
            "follows from itself",
        ),
        (
            "model\n  schema 1.1\ntype user\ntype a\n  relations\n    define b: [a#b]\n",
            6,
            12,
            "no tuple can ever",
        ),
        (
            "model\n  schema 1.1\ntype user\ntype a\n  relations\n    define b: [user] but not c\n    define c: b\n",
            6,
            12,
            "follows from itself",
        ),
        ("model\n  schema 1.1\ntype user\ntype user\n", 4, 6, "defined twice"),
        (
            "model\n  schema 1.1\ntype user\ntype a\n  relations\n    define p: [user:*]\n    define b: b from p\n",
            7,
            15,
            "plain objects",
        ),
    ] {
        let error = Model::parse("m.fga", text).unwrap_err();
        assert_eq!((error.at.line, error.at.column), (line, column), "{error}\n{text}");
        assert!(error.message.contains(part), "{error}");
    }
}

#[test]
fn tuples_that_the_model_does_not_take_are_refused() {
    let model = Model::parse("m", DEEP).unwrap();
    for text in [
        "user:ana viewer doc:1",
        "group:a member group:b",
        "user:ana parent folder:a",
        "user:* viewer folder:a",
        "user:ana owner doc:1",
        "user:ana banned car:1",
        "car:1 banned doc:1",
        "group:a#owner banned doc:1",
        "group:a#member member group:a",
        "user:a:b banned doc:1",
        "user:ana banned doc:*",
    ] {
        let error = model.admits(&support::tuple(text)).unwrap_err();
        assert!(!error.is_empty(), "{text}");
    }
}

#[test]
fn the_same_tuples_in_any_order_are_the_same_pack() {
    let mut list = tuples("user:a member group:x\nuser:b member group:y\ngroup:x#member member group:y");
    let one = World::new(DEEP, &list).pack.bytes().to_vec();
    list.reverse();
    assert_eq!(World::new(DEEP, &list).pack.bytes(), one);
}

const CONDITIONAL: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user with on_call]
type doc
  relations
    define viewer: [user with in_region, user, user:* with in_region, group#member]
    define editor: viewer but not blocked
    define blocked: [user with in_region]

condition in_region(region: string, allowed: list<string>) { # where
  region in allowed
}

condition on_call(now: timestamp, until: timestamp) {
  now < until
}
";

fn with(text: &str, condition: &str, context: &str) -> actfor::relation::Tuple {
    let context = actfor::json::parse(context.as_bytes(), &actfor::json::Limits::TOKEN).unwrap().into_owned();
    actfor::relation::Tuple { condition: Some((condition.into(), context)), ..support::tuple(text) }
}

#[test]
fn conditions_hold_or_not_or_are_unknown() {
    let world = World::new(
        CONDITIONAL,
        &[
            with("user:ana viewer doc:1", "in_region", r#"{"allowed":["eu","us"]}"#),
            with("user:* viewer doc:2", "in_region", r#"{"region":"eu","allowed":["eu"]}"#),
            with("user:bo member group:ops", "on_call", r#"{"until":"2026-01-01T00:00:00Z"}"#),
            support::tuple("group:ops#member viewer doc:3"),
            support::tuple("user:cy viewer doc:1"),
            with("user:cy blocked doc:1", "in_region", r#"{"allowed":["eu"]}"#),
        ],
    );
    for (question, context, truth) in [
        ("user:ana viewer doc:1", r#"{"region":"eu"}"#, True),
        ("user:ana viewer doc:1", r#"{"region":"cn"}"#, False),
        ("user:ana viewer doc:1", "{}", Unknown),
        ("user:ana viewer doc:1", r#"{"region":5}"#, Unknown),
        // What the tuple brings along comes first.
        ("user:ana viewer doc:1", r#"{"region":"cn","allowed":["cn"]}"#, False),
        ("user:ana viewer doc:2", r#"{"region":"cn"}"#, True),
        ("user:bo viewer doc:3", r#"{"now":"2025-12-31T23:59:59Z"}"#, True),
        ("user:bo viewer doc:3", r#"{"now":"2026-01-01T00:00:00Z"}"#, False),
        ("user:bo viewer doc:3", "{}", Unknown),
        ("user:cy editor doc:1", r#"{"region":"cn"}"#, True),
        ("user:cy editor doc:1", r#"{"region":"eu"}"#, False),
        ("user:cy editor doc:1", "{}", Unknown),
    ] {
        let context = actfor::json::parse(context.as_bytes(), &actfor::json::Limits::TOKEN).unwrap();
        let facts = Facts { context: context.as_object(), ..Facts::default() };
        assert_eq!(world.answer(question, &facts).truth, truth, "{question} {context:?}");
    }
}

#[test]
fn conditions_are_checked_when_the_model_is_read() {
    for (body, part) in [
        ("region.matches(\"e.*\")", "not supported"),
        ("region == 5", "`string` and a `int`"),
        ("other == region", "no variable `other`"),
    ] {
        let text = format!(
            "model\n  schema 1.1\ntype user\ntype a\n  relations\n    define b: [user with c]\ncondition c(region: string) {{\n  {body}\n}}\n"
        );
        let error = Model::parse("m.fga", &text).unwrap_err();
        assert_eq!((error.at.line, error.at.column), (8, 3), "{error}");
        assert!(error.message.contains(part), "{error}");
    }
    let model = Model::parse("m", CONDITIONAL).unwrap();
    for (tuple, part) in [
        (with("user:ana viewer doc:1", "on_call", "{}"), "does not take"),
        (with("user:ana member group:1", "nope", "{}"), "does not take"),
        (support::tuple("user:ana member group:1"), "only with condition"),
    ] {
        assert!(model.admits(&tuple).unwrap_err().contains(part), "{tuple:?}");
    }
    let mut builder = actfor::pack::Builder::default();
    for (tuple, part) in [
        (with("user:ana viewer doc:1", "in_region", r#"{"regoin":"eu"}"#), "no parameter"),
        (with("user:ana viewer doc:1", "in_region", r#"{"allowed":[1]}"#), "wrong type"),
        (with("user:ana viewer doc:1", "in_region", r#"{"region":1}"#), "of type `string`"),
    ] {
        let error = actfor::relation::compile(&model, &[tuple], &mut builder).unwrap_err();
        assert!(error.message.contains(part), "{error}");
    }
}

#[test]
fn printing_and_reading_again_is_the_same_model() {
    for text in [ACME, DEEP, CONDITIONAL] {
        let model = Model::parse("m", text).unwrap();
        assert_eq!(Model::parse("m", &model.to_dsl()).unwrap().to_dsl(), model.to_dsl());
    }
}

#[test]
fn the_json_form_is_the_same_model() {
    for text in [ACME, DEEP, CONDITIONAL] {
        let model = Model::parse("m", text).unwrap();
        let again = Model::from_json("m.json", model.to_json().as_bytes()).unwrap();
        assert_eq!(again.to_dsl(), model.to_dsl());
        assert_eq!(again.to_json(), model.to_json());
    }
    // Where the language could not write it, the pack carries it all the same.
    let odd = r#"{"schema_version":"1.1","type_definitions":[{"type":"user"},{"type":"a","relations":{
        "x":{"this":{}},"y":{"difference":{"base":{"computedUserset":{"relation":"x"}},"subtract":{"this":{}}}}},
        "metadata":{"relations":{"x":{"directly_related_user_types":[{"type":"user"}]},"y":{"directly_related_user_types":[{"type":"user"}]}}}}]}"#;
    let model = Model::from_json("odd.json", odd.as_bytes()).unwrap();
    assert!(Model::parse("odd", &model.to_dsl()).is_err());
    assert_eq!(Model::from_pack(&model.to_dsl()).unwrap(), model);
}

#[test]
fn json_models_that_cannot_work_are_refused() {
    for (text, part) in [
        ("[]", "object"),
        ("{\"schema_version\":\"1.0\",\"type_definitions\":[]}", "not supported"),
        (
            r#"{"schema_version":"1.1","type_definitions":[{"type":"a","relations":{"x":{"nothing":{}}}}]}"#,
            "no rewrite",
        ),
        (
            r#"{"schema_version":"1.1","type_definitions":[{"type":"a","relations":{"x":{"this":{}}}}]}"#,
            "from no type",
        ),
        (r#"{"schema_version":"1.1","type_definitions":[{"type":"a b"}]}"#, "not a name"),
        (
            r#"{"schema_version":"1.1","type_definitions":[{"type":"a","relations":{"x":{"union":{"child":[]}}}}]}"#,
            "`child`",
        ),
    ] {
        let error = Model::from_json("m.json", text.as_bytes()).unwrap_err();
        assert!(error.message.contains(part), "{error}");
    }
}

#[test]
fn changes_come_and_go_together_without_a_new_pack() {
    let world = World::new(
        DEEP,
        &tuples(
            "user:ana member group:eng\nuser:bo member group:eng\ngroup:eng#member viewer folder:a\nuser:* member group:all",
        ),
    );
    let delta = actfor::relation::Overlay::default();
    let change = |delta: &actfor::relation::Overlay, add: &str, remove: &str| {
        delta.update(&world.model, &world.relations, &world.pack, &tuples(add), &tuples(remove))
    };
    let check = |delta: &actfor::relation::Overlay, question: &str| {
        world.answer(question, &Facts { delta: Some(delta), ..Facts::default() }).truth
    };
    let one = change(
        &delta,
        "user:cy member group:eng\nuser:dee member group:new\ngroup:new#member viewer folder:b",
        "user:ana member group:eng\nuser:* member group:all",
    )
    .unwrap();
    for (question, truth) in [
        ("user:ana viewer folder:a", False),
        ("user:bo viewer folder:a", True),
        ("user:cy viewer folder:a", True),
        ("user:dee viewer folder:b", True),
        ("user:dee viewer folder:a", False),
        ("user:ana member group:all", False),
    ] {
        assert_eq!(check(&one, question), truth, "{question}");
        assert_eq!(check(&delta, question), world.check(question), "{question}: the one before is as it was");
    }
    // What was added goes again, and what was taken away comes back.
    let two =
        change(&one, "user:ana member group:eng", "user:cy member group:eng\nuser:nobody member group:eng")
            .unwrap();
    assert_eq!(check(&two, "user:ana viewer folder:a"), True);
    assert_eq!(check(&two, "user:cy viewer folder:a"), False);
    // One tuple that does not fit, and nothing changes.
    assert!(change(&two, "user:eve member group:eng\nuser:eve parent folder:a", "").is_err());
    assert_eq!(check(&two, "user:eve member group:eng"), False);
    // Tuples of one request stand above the changes, and know their names.
    let extra = tuples("user:fay member group:new\nfolder:b parent folder:c");
    let above =
        actfor::relation::Overlay::above(&two, &world.model, &world.relations, &world.pack, &extra).unwrap();
    let facts = Facts { delta: Some(&two), overlay: Some(&above), ..Facts::default() };
    assert_eq!(world.answer("user:fay viewer folder:c", &facts).truth, True);
    assert_eq!(world.answer("user:dee viewer folder:c", &facts).truth, True);
    assert_eq!(world.answer("user:gil viewer folder:c", &facts).truth, False);
    let mut scratch = Scratch::default();
    let list = world
        .relations
        .list_objects(&world.pack, "folder", "viewer", "user:fay", &facts, 10, &mut scratch)
        .unwrap();
    assert_eq!(list.names, ["folder:b", "folder:c"]);
    let users = world
        .relations
        .list_users(&world.pack, "folder:c", "viewer", "user", &facts, 10, &mut scratch)
        .unwrap();
    assert_eq!(users.names, ["user:dee", "user:fay"]);
    let gone = world
        .relations
        .list_users(
            &world.pack,
            "folder:a",
            "viewer",
            "user",
            &Facts { delta: Some(&one), ..Facts::default() },
            10,
            &mut scratch,
        )
        .unwrap();
    assert_eq!(gone.names, ["user:bo", "user:cy"]);
}

#[test]
fn a_tuple_is_there_once_with_one_condition() {
    let pack = |tuples: &[actfor::relation::Tuple]| {
        let model = Model::parse("m", CONDITIONAL).unwrap();
        compile(&model, tuples, &mut Builder::default())
            .map(|()| "compiles")
            .map_err(|error| error.to_string())
    };
    let plain = || support::tuple("user:ana viewer doc:1");
    let conditional = |allowed: &str| with("user:ana viewer doc:1", "in_region", allowed);
    let other = || support::tuple("user:ana viewer doc:2");
    let everybody = || with("user:* viewer doc:1", "in_region", "{}");
    assert_eq!(pack(&[plain(), other(), everybody()]).as_deref(), Ok("compiles"));
    assert_eq!(pack(&[conditional("{}"), other(), everybody()]).as_deref(), Ok("compiles"));
    // The same, written twice.
    assert_eq!(pack(&[plain(), plain()]).as_deref(), Ok("compiles"));
    for twice in [
        [plain(), conditional("{}")],
        [conditional("{}"), plain()],
        [conditional("{}"), conditional(r#"{"allowed":["eu"]}"#)],
    ] {
        let error = pack(&twice).unwrap_err();
        assert!(error.contains("stands there twice"), "{error}");
    }
}

#[test]
fn a_relation_expands_as_openfga_writes_it() {
    let world = World::new(
        DEEP,
        &tuples(
            "user:ana viewer folder:a\ngroup:eng#member viewer folder:a\nfolder:root parent folder:a\nfolder:a folder doc:1",
        ),
    );
    let expand = |object: &str, relation: &str| {
        world.relations.expand(&world.pack, object, relation, &Facts::default())
    };
    assert_eq!(
        expand("folder:a", "viewer").unwrap(),
        "{\"tree\":{\"root\":{\"name\":\"folder:a#viewer\",\"union\":{\"nodes\":[\
         {\"name\":\"folder:a#viewer\",\"leaf\":{\"users\":{\"users\":[\"user:ana\",\"group:eng#member\"]}}},\
         {\"name\":\"folder:a#viewer\",\"leaf\":{\"tupleToUserset\":{\"tupleset\":\"folder:a#parent\",\"computed\":[{\"userset\":\"folder:root#viewer\"}]}}}\
         ]}}}}"
    );
    assert_eq!(
        expand("doc:1", "viewer").unwrap(),
        "{\"tree\":{\"root\":{\"name\":\"doc:1#viewer\",\"difference\":{\"base\":\
         {\"name\":\"doc:1#viewer\",\"intersection\":{\"nodes\":[\
         {\"name\":\"doc:1#viewer\",\"leaf\":{\"computed\":{\"userset\":\"doc:1#staff\"}}},\
         {\"name\":\"doc:1#viewer\",\"leaf\":{\"tupleToUserset\":{\"tupleset\":\"doc:1#folder\",\"computed\":[{\"userset\":\"folder:a#viewer\"}]}}}]}},\
         \"subtract\":{\"name\":\"doc:1#viewer\",\"leaf\":{\"computed\":{\"userset\":\"doc:1#banned\"}}}}}}}"
    );
    assert!(expand("doc:*", "viewer").is_err());
    let world = World::new(
        CONDITIONAL,
        &[
            with("user:ana viewer doc:1", "in_region", r#"{"allowed":["eu"]}"#),
            with("user:bo viewer doc:1", "in_region", r#"{"allowed":["us"]}"#),
            with("user:* viewer doc:1", "in_region", r#"{"allowed":["eu"]}"#),
            with("user:* viewer doc:2", "in_region", r#"{"allowed":["us"]}"#),
        ],
    );
    let users = |object: &str, region: &str| {
        let context = actfor::json::parse(region.as_bytes(), &actfor::json::Limits::TOKEN).unwrap();
        let facts = Facts { context: context.as_object(), ..Facts::default() };
        let tree = world.relations.expand(&world.pack, object, "viewer", &facts).unwrap();
        tree.split_once("\"users\":{\"users\":").unwrap().1.trim_end_matches('}').to_owned()
    };
    // What is known not to hold is left out.
    assert_eq!(users("doc:1", r#"{"region":"eu"}"#), r#"["user:ana","user:*"]"#);
    assert_eq!(users("doc:1", r#"{"region":"us"}"#), r#"["user:bo"]"#);
    assert_eq!(users("doc:1", "{}"), r#"["user:ana","user:bo","user:*"]"#);
    assert_eq!(users("doc:3", "{}"), "[]");
    assert!(
        expand("doc:1", "owner").is_err()
            && expand("car:1", "viewer").is_err()
            && expand("doc", "viewer").is_err()
    );
}
