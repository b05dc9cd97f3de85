//! Relationships that are kept on a server: what it is asked, and what its replies count for (row 124).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

#[path = "support/random.rs"]
mod random;

use actfor::json::{self, Value, Writer};
use actfor::pack::{Builder, Pack};
use actfor::relation::{Facts, Limits, Model, Question, Relations, Reply, Scratch, Tuple, compile_partial};
use actfor::{Guard, Relate, Request, Timestamp, Truth};
use random::{Allow, Case, Random};

const NOW: u64 = 1_795_000_060;

fn file(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/patterns/");
    std::fs::read_to_string([folder, name].concat()).unwrap()
}

fn quoted(text: &str) -> String {
    let mut w = Writer::default();
    w.string(text);
    w.finish()
}

fn token(name: &str) -> String {
    let text = file("tokens.json");
    let all = json::parse(text.as_bytes(), &json::Limits::CONFIG).unwrap();
    let token = all.as_object().unwrap().get(name).unwrap().as_object().unwrap().get("token").unwrap();
    token.as_str().unwrap().to_owned()
}

struct Set {
    rules: String,
    model: String,
    tuples: String,
    relationships: &'static str,
}

impl Set {
    fn new(relationships: &'static str) -> Self {
        Self { rules: file("acme.actfor"), model: file("acme.fga"), tuples: "[]".into(), relationships }
    }

    fn config(&self) -> String {
        let config = file("config.json");
        let start = config.trim_end().strip_suffix('}').unwrap();
        let (rules, model) = (quoted(&self.rules), quoted(&self.model));
        let Self { tuples, relationships, .. } = self;
        format!(
            r#"{start},"policy":{rules},"files":{{"acme.fga":{model}}},"tuples":{tuples},"relationships":{relationships}}}"#
        )
    }

    fn guard(&self) -> Guard {
        Guard::from_config(self.config().as_bytes(), 1).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// What becomes of a request, and what is missing.
fn ask(
    guard: &Guard,
    token: &str,
    (method, url): (&str, &str),
    replies: &[Reply<'_>],
) -> (String, Option<Relate>) {
    let value = format!("Bearer {token}");
    let headers = [("authorization", value.as_bytes())];
    let request = Request { id: "r", method, url, headers: &headers, replies, ..Request::default() };
    let now = Timestamp::from_seconds(NOW);
    let decision = guard.decide(&request, now);
    let (explained, document) = guard.explain(&request, now);
    assert_eq!(decision.code(), explained.code());
    assert!(json::parse(document.as_bytes(), &json::Limits::CONFIG).is_ok());
    let code = decision.code().map_or("allow", |code| code.as_str());
    (code.to_owned(), guard.to_relate(&request, now))
}

const fn reply(
    subject: &'static str,
    relation: &'static str,
    object: &'static str,
    holds: bool,
) -> Reply<'static> {
    Reply { question: Question { object, relation, subject }, holds }
}

fn question(relate: Option<&Relate>) -> Vec<String> {
    let questions = relate.map(|relate| relate.questions.as_slice()).unwrap_or_default();
    questions.iter().map(|(user, relation, object)| format!("{user} {relation} {object}")).collect()
}

const PUSH: (&str, &str) = ("PATCH", "/repos/web/git/refs/heads/fix");

/// What was looked for on the way to an answer is not missing.
#[test]
fn nothing_is_missing_where_what_is_here_is_enough() {
    let document = |tuples: &str| {
        let guard = Set { tuples: tuples.into(), ..Set::new("{}") }.guard();
        let value = format!("Bearer {}", token("T1"));
        let headers = [("authorization", value.as_bytes())];
        let request =
            Request { id: "r", method: "GET", url: "/repos/web/x", headers: &headers, ..Request::default() };
        guard.explain(&request, Timestamp::from_seconds(NOW)).1
    };
    let known = document(r#"[{"user":"user:ana","relation":"writer","object":"repo:web"}]"#);
    assert!(known.contains(r#""decision":"allow""#) && known.contains(r#""missing":[]"#), "{known}");
    let unknown = document("[]");
    assert!(
        unknown.contains(r#""code":"relation_missing""#) && !unknown.contains(r#""missing":[]"#),
        "{unknown}"
    );
}

#[test]
fn what_is_not_here_is_asked_for_and_a_reply_to_exactly_that_counts() {
    let guard = Set::new("{}").guard();
    let token = token("T1");
    let (code, missing) = ask(&guard, &token, PUSH, &[]);
    assert_eq!(code, "relation_missing");
    assert_eq!(question(missing.as_ref()), ["user:ana writer repo:web"]);
    let (code, missing) = ask(&guard, &token, PUSH, &[reply("user:ana", "writer", "repo:web", true)]);
    assert_eq!((code.as_str(), missing), ("allow", None));
    let (code, missing) = ask(&guard, &token, PUSH, &[reply("user:ana", "writer", "repo:web", false)]);
    assert_eq!((code.as_str(), missing), ("user_lacks_relation", None));
    for other in [
        reply("user:bo", "writer", "repo:web", true),
        reply("user:ana", "reader", "repo:web", true),
        reply("user:ana", "writer", "repo:infra", true),
        reply("user:ana", "writer", "org:web", true),
        reply("user:ana", "writer", "web", true),
        reply("agent:ana", "writer", "repo:web", true),
        reply("user:*", "writer", "repo:web", true),
    ] {
        let (code, missing) = ask(&guard, &token, PUSH, &[other]);
        assert_eq!(code, "relation_missing", "{other:?}");
        assert!(missing.is_some());
    }
}

#[test]
fn a_relation_that_is_complete_here_is_not_asked_for_and_no_reply_changes_it() {
    let guard = Set::new(r#"{"complete":["repo#writer"]}"#).guard();
    let yes = [reply("user:ana", "writer", "repo:web", true)];
    for replies in [&[][..], &yes] {
        let (code, missing) = ask(&guard, &token("T1"), PUSH, replies);
        assert_eq!((code.as_str(), missing), ("user_lacks_relation", None));
    }
}

#[test]
fn every_term_of_the_formula_asks_in_turn() {
    let guard = Set::new("{}").guard();
    let (token, target) = (token("T3"), ("GET", "/salaries/ana"));
    let all: Vec<_> = json::parse(file("tuples.json").as_bytes(), &json::Limits::CONFIG)
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .map(|tuple| {
            let member = |name| tuple.as_object().and_then(|o| o.get(name)).and_then(Value::as_str).unwrap();
            (member("user").to_owned(), member("relation").to_owned(), member("object").to_owned())
        })
        .collect();
    let mut known: Vec<((String, String, String), bool)> = Vec::new();
    let mut rounds = Vec::new();
    let code = loop {
        let replies: Vec<_> = known
            .iter()
            .map(|((s, r, o), holds)| Reply {
                question: Question { object: o, relation: r, subject: s },
                holds: *holds,
            })
            .collect();
        let (code, missing) = ask(&guard, &token, target, &replies);
        let Some(missing) = missing else { break code };
        rounds.push(question(Some(&missing)));
        known.extend(missing.questions.into_iter().map(|q| (q.clone(), all.contains(&q))));
    };
    assert_eq!(code, "allow");
    assert_eq!(
        rounds.concat(),
        [
            "agent:hr-agent hr_reader org:acme",
            "user:ana employee salary_record:ana",
            "agent:hr-agent worker case:c1",
            "user:ana employee case:c1",
        ]
    );
}

#[test]
fn what_a_claim_leaves_open_stays_open() {
    // The claim `team` is not in the token: nobody knows who is a member, the server neither.
    let mut set = Set::new(r#"{"complete":["team#member"]}"#);
    set.model = set.model.replace("[user] or writer", "[user, team#member] or writer");
    set.model.push_str("type team\n  relations\n    define member: [user]\n");
    set.rules.push_str("token says user is member of team:{claim.team}\n");
    let guard = set.guard();
    for holds in [true, false] {
        let replies =
            [reply("user:ana", "reader", "repo:web", holds), reply("user:ana", "writer", "repo:web", holds)];
        let (code, _) = ask(&guard, &token("T2"), ("GET", "/repos/web/x"), &replies);
        assert_eq!(code, "relation_missing");
    }
    set.rules = set.rules.replace("{claim.team}", "{claim.client_id}");
    let guard = set.guard();
    let (_, missing) = ask(&guard, &token("T2"), ("GET", "/repos/web/x"), &[]);
    let told = missing.unwrap().tuples;
    let told: Vec<_> = told.iter().map(|t| format!("{} {} {}", t.user, t.relation, t.object)).collect();
    assert_eq!(told, ["user:ana member team:code-helper"], "what the token says goes along");
    let replies = [reply("user:ana", "reader", "repo:web", true)];
    assert_eq!(ask(&guard, &token("T2"), ("GET", "/repos/web/x"), &replies).0, "allow");
}

#[test]
fn a_relation_that_the_model_does_not_have_does_not_load() {
    for name in ["repo#wrtier", "rep#writer", "writer", "repo#", "#writer", ""] {
        let set = Set::new("{}");
        let relationships = format!(r#""relationships":{{"complete":[{}]}}"#, quoted(name));
        let config = set.config().replace(r#""relationships":{}"#, &relationships);
        let error = Guard::from_config(config.as_bytes(), 1).unwrap_err();
        assert_eq!(error.path, "relationships.complete[0]", "{name}: {error}");
    }
}

/// Part of the tuples here, all of them on a server: asking it for what is missing leads to the same answer, and
/// never to another.
#[test]
fn asking_for_what_is_missing_is_as_good_as_having_everything() {
    let count: u64 = std::env::var("ACTFOR_RANDOM").ok().and_then(|text| text.parse().ok()).unwrap_or(150);
    let limits = Limits { depth: 10_000, steps: 10_000_000 };
    let (mut settled, mut open, mut asked) = (0, 0, 0);
    for seed in 0..count {
        let mut random = Random::new(seed);
        let case = Case::new(&mut random, Allow { exclusion: true, conditions: true });
        let model = Model::parse("random", &case.model).unwrap();
        let load = |tuples: &[Tuple], complete: &dyn Fn(&str, &str) -> bool| {
            let mut builder = Builder::default();
            compile_partial(&model, tuples, complete, &mut builder).unwrap();
            let pack = Pack::load(builder.finish().unwrap()).unwrap();
            (Relations::load(&pack).unwrap(), pack)
        };
        let types = ["group", "folder", "doc", "user"];
        let relations = ["r0", "r1", "r2", "r3"];
        let here: Vec<bool> = (0..types.len() * relations.len()).map(|_| random.chance(40)).collect();
        let complete = |ty: &str, relation: &str| {
            let at = types.iter().position(|t| *t == ty).unwrap_or_default() * relations.len();
            here[at + relations.iter().position(|r| *r == relation).unwrap_or_default()]
        };
        let local: Vec<Tuple> = case
            .tuples
            .iter()
            .filter(|t| complete(t.object.split(':').next().unwrap(), &t.relation) || random.chance(50))
            .cloned()
            .collect();
        let (server, server_pack) = load(&case.tuples, &|_, _| true);
        let (client, client_pack) = load(&local, &complete);
        for (subject, relation, object, x) in &case.questions {
            let context = x.map_or_else(|| "{}".into(), |x| format!("{{\"x\":{x}}}"));
            let context = json::parse(context.as_bytes(), &json::Limits::TOKEN).unwrap();
            let context = context.as_object();
            let asks = |subject: &str, relation: &str, object: &str| {
                let facts = Facts { context, limits, ..Facts::default() };
                let question = Question { object, relation, subject };
                server.check(&server_pack, &question, &facts, &mut Scratch::default()).truth
            };
            let truth = asks(subject, relation, object);
            let mut known: Vec<(String, String, bool)> = Vec::new();
            let question = Question { object, relation, subject };
            let found = loop {
                let replies: Vec<_> = known
                    .iter()
                    .map(|(o, r, holds)| Reply {
                        question: Question { object: o, relation: r, subject },
                        holds: *holds,
                    })
                    .collect();
                let facts = Facts { context, limits, replies: &replies, ..Facts::default() };
                let mut scratch = Scratch::default();
                let answer = client.check(&client_pack, &question, &facts, &mut scratch);
                let (explained, _) = client.explain(&client_pack, &question, &facts, &mut scratch);
                assert_eq!(answer, explained);
                if answer.truth != Truth::Unknown {
                    break answer.truth;
                }
                client.check(&client_pack, &question, &facts, &mut scratch);
                let before = known.len();
                let missing: Vec<_> = client
                    .missing(&client_pack, &question, &facts, &scratch)
                    .into_iter()
                    .map(|(object, relation)| (object, relation.to_owned()))
                    .collect();
                for (o, r) in missing {
                    let said = asks(subject, &r, &o);
                    if said != Truth::Unknown && !known.iter().any(|(a, b, _)| (a, b) == (&o, &r)) {
                        known.push((o, r, said == Truth::True));
                    }
                }
                asked += known.len() - before;
                if known.len() == before {
                    break Truth::Unknown;
                }
            };
            match (found, truth) {
                (Truth::Unknown, Truth::Unknown) => {}
                (Truth::Unknown, _) => open += 1,
                _ => {
                    settled += 1;
                    assert_eq!(found, truth, "{subject} {relation} {object} (seed {seed})\n{}", case.model);
                }
            }
        }
    }
    eprintln!("{settled} settled with {asked} replies, {open} left open");
    assert!(
        settled > 10 * open && asked > settled / 10,
        "{settled} settled, {open} left open, {asked} asked"
    );
}
