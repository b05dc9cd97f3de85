//! Lists agree with decisions: what of a list is shown, which objects are listed, several questions at once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests may panic"
)]

#[path = "support/acme.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod acme;
#[path = "support/random.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod random;

use std::collections::BTreeSet;
use std::path::Path;

use acme::{Acme, NOW, outcome};
use actfor::jose::Algorithm;
use actfor::json::{self, Value};
use actfor::proof::MemoryStore;
use actfor::{Code, Guard, Listed, Question, Request, Timestamp, Verdict};
use actfor_mint::patterns::Pattern;
use actfor_mint::{Proof, SigningKey};
use actfor_store::{Setup, Store};
use random::Random;

fn at(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_seconds(seconds)
}

fn ask<T>(token: &str, f: impl FnOnce(&Request<'_>) -> T) -> T {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_bytes())];
    f(&Request { id: "r", method: "POST", url: "/mcp", headers: &headers, ..Request::default() })
}

fn policy(name: &str) -> Setup {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/policies").join(name);
    Store::open(&folder.join("test.yaml")).unwrap().setup.unwrap()
}

fn quoted(text: &str) -> String {
    let mut w = json::Writer::default();
    w.string(text);
    w.finish()
}

fn shown(world: &Setup, token: &str, listed: Listed, names: &[&str]) -> Vec<bool> {
    let guard = world.guard().unwrap();
    ask(&world.token(token).unwrap(), |request| guard.filter(request, listed, names, at(world.now)).unwrap())
}

#[test]
fn a_tool_is_shown_unless_every_call_of_it_would_be_refused() {
    let world = policy("mcp-server");
    let names = ["list_files", "write_file", "delete_project", "clock", "weather", ""];
    // Destroying needs an approval, and the presence of the user; `clock` is covered by its own scope.
    assert_eq!(shown(&world, "steered", Listed::Tools, &names), [true, true, true, true, false, false]);
    assert_eq!(shown(&world, "alone", Listed::Tools, &names), [true, true, false, false, false, false]);
    assert_eq!(shown(&world, "bo", Listed::Tools, &names), [true, true, true, false, false, false]);
    // There are no lines for resources and prompts.
    assert_eq!(shown(&world, "steered", Listed::Resources, &["file:///a"]), [false]);
    assert_eq!(shown(&world, "steered", Listed::Prompts, &["hello"]), [false]);
}

#[test]
fn resources_and_prompts_are_shown_by_their_own_lines() {
    let mut world = policy("mcp-server");
    world.rules += "\non resource\n  resources/read needs scope\non prompt\n  prompts/get needs scope\n\
        allow delegated to resources/read on resource as resources\n\
        allow delegated interactive to prompts/get on prompt as prompts\n\
        agent assistant at most resources/read on resource\n\
        agent assistant at most prompts/get on prompt\n\
        scope \"projects\" covers resources/read on resource:notes%3A1\n\
        scope \"projects\" covers prompts/get on prompt\n";
    // What a placeholder or a scope could write is written here by hand.
    world.rules = world.rules.replace("notes%3A1", "notes");
    assert_eq!(shown(&world, "steered", Listed::Resources, &["notes", "notes:1", ""]), [true, false, false]);
    assert_eq!(shown(&world, "steered", Listed::Prompts, &["hello"]), [true]);
    assert_eq!(shown(&world, "alone", Listed::Prompts, &["hello"]), [false]);
}

/// What only another request could show (a record, an agent's name) does not hide a tool, and what it showed does.
#[test]
fn a_chain_hides_a_tool_only_where_no_call_could_show_more() {
    let rules = acme::RULES.replace(
        "route GET   /salaries",
        "mcp /mcp\ntool read_repo is read on repo:{repo}\ntool push_repo is push on repo:{repo}\nroute GET   /salaries",
    );
    let acme = Acme { rules, ..Acme::default() };
    let claims = acme.claims(Pattern::Transitive);
    let nested = r#","act":{"iss":"https://as.example","sub":"code-helper","sub_profile":"ai_agent"}}"#;
    assert!(claims.contains(nested), "{claims}");
    let shown = |claims: &str, chain: Option<&str>| {
        let authorization = format!("Bearer {}", acme.sign(claims));
        let mut headers = vec![("authorization", authorization.as_bytes())];
        headers.extend(chain.map(|chain| ("agent-chain", chain.as_bytes())));
        let request =
            Request { id: "r", method: "POST", url: "/mcp", headers: &headers, ..Request::default() };
        acme.guard().filter(&request, Listed::Tools, &["read_repo", "push_repo"], at(NOW)).unwrap()
    };
    let record = acme.token(Pattern::Offline);
    let other = acme.token(Pattern::Automated);
    let uncovered = acme.sign(&acme.claims(Pattern::Offline).replace("repo:web:rw", "none"));
    assert_eq!(shown(&claims, None), [true, false]);
    assert_eq!(shown(&claims, Some(&record)), [true, false]);
    assert_eq!(shown(&claims, Some(&other)), [false, false]);
    assert_eq!(shown(&claims, Some(&uncovered)), [false, false]);
    // The first agent has no name, by the token or a record.
    let unnamed = claims.replace(nested, "}");
    assert_eq!(shown(&unnamed, None), [true, false]);
}

/// A list says whether it is all: no limit was met, nothing was unknown, and every tuple is at hand.
#[test]
fn a_list_says_whether_it_is_all() {
    let more = r#",{"user":"user:ana","relation":"writer","object":"repo:a"}]"#;
    let tuples =
        |acme: Acme| Acme { tuples: format!("{}{more}", acme.tuples.strip_suffix(']').unwrap()), ..acme };
    let claims = |acme: &Acme| acme.claims(Pattern::Offline).replace("repo:web:rw", "repo:read");
    let list = |acme: &Acme, claims: &str, more: &str, most: usize| {
        let config = acme.config();
        let config = format!("{}{more}}}", config.strip_suffix('}').unwrap());
        let guard = Guard::from_config(config.as_bytes(), 1).unwrap_or_else(|e| panic!("{e}"));
        let found =
            ask(&acme.sign(claims), |request| guard.list_objects(request, "read", "repo", most, at(NOW)));
        let found = found.unwrap_or_else(|refusal| panic!("{refusal:?}"));
        (found.names, found.complete)
    };
    let all = || ["repo:a", "repo:infra", "repo:web"].map(String::from).to_vec();
    let acme = tuples(Acme::default());
    assert_eq!(list(&acme, &claims(&acme), "", 10), (all(), true));
    assert_eq!(list(&acme, &claims(&acme), "", 3), (all(), true));
    let (some, complete) = list(&acme, &claims(&acme), "", 2);
    assert_eq!((some.len(), complete), (2, false));
    // Others hold more tuples.
    assert_eq!(list(&acme, &claims(&acme), r#","relationships":{}"#, 10), (all(), false));
    // What is refused for certain is not missing; what nobody knows is.
    let with =
        |line: &str| tuples(Acme { rules: acme::RULES.replace("chain at most 3", line), ..Acme::default() });
    let forbidden = with("chain at most 3\nforbid agents to read on repo as no\n  when object.id == \"web\"");
    assert_eq!(list(&forbidden, &claims(&forbidden), "", 10), (all()[..2].to_vec(), true));
    let unknown = with(
        "chain at most 3\nforbid agents to read on repo as no\n  when object.id == \"web\" && request.path == \"/x\"",
    );
    assert_eq!(list(&unknown, &claims(&unknown), "", 10), (all()[..2].to_vec(), false));
    // What needs an approval is known to.
    let asks =
        with("chain at most 3\napprove agents to read on repo by user as ask\n  when object.id == \"web\"");
    let asks = Acme { rules: asks.rules.replace("/repos/{repo}/**", "/repos/{repo}"), ..asks };
    assert_eq!(list(&asks, &claims(&asks), "", 10), (all()[..2].to_vec(), true));
    // Where a claim says who is related, it may say so of objects that no tuple names.
    let says = with("chain at most 3\ntoken says user is reader of repo:{claim.repo}");
    assert_eq!(list(&says, &claims(&says), "", 10), (all(), false));
    let named = claims(&says).replacen('{', r#"{"repo":"zoo","#, 1);
    assert_eq!(list(&says, &named, "", 10), ([all(), vec!["repo:zoo".into()]].concat(), true));
}

#[test]
fn types_actions_and_objects_are_there_to_ask_about() {
    let guard = Acme::default().guard();
    assert_eq!(guard.actions("repo").collect::<Vec<_>>(), ["read", "push"]);
    assert_eq!(guard.actions("salary_record").collect::<Vec<_>>(), ["read"]);
    assert_eq!(guard.actions("planet").count(), 0);
    let mut objects = guard.objects("salary_record");
    objects.sort();
    assert_eq!(objects, ["salary_record:ana", "salary_record:bo"]);
    assert_eq!(guard.objects("planet"), <[&str; 0]>::default());
}

#[test]
fn a_refused_token_is_shown_nothing() {
    let world = policy("mcp-server");
    let guard = world.guard().unwrap();
    let token = world.token("steered").unwrap();
    let code = |token: &str, now: u64| {
        ask(token, |request| guard.filter(request, Listed::Tools, &["clock"], at(now)).unwrap_err().code)
    };
    assert_eq!(code(&token, world.now + 1_000), Code::TokenExpired);
    assert_eq!(code(&token, world.now + 130), Code::PresenceExpired);
    assert_eq!(code(&format!("{}A", &token[..token.len() - 1]), world.now), Code::SignatureInvalid);
    assert_eq!(code("x", world.now), Code::TokenMalformed);
    let list = |kind: &str, action: &str| {
        ask(&token, |request| guard.list_objects(request, action, kind, 10, at(world.now)))
    };
    assert_eq!(list("project", "fly").unwrap_err().code, Code::Unmapped);
    assert_eq!(list("planet", "read").unwrap_err().code, Code::Unmapped);
    assert_eq!(list("project", "read").unwrap().names, ["project:p1"]);
    // Approval first: it is not allowed yet.
    assert_eq!(list("project", "destroy").unwrap().names, <[&str; 0]>::default());
}

/// What a call that a policy's case makes becomes is never better than what its list says.
#[test]
fn what_is_not_shown_is_never_allowed() {
    let world = policy("mcp-server");
    let guard = world.guard().unwrap();
    let (mut calls, mut hidden) = (0, 0);
    for token in ["steered", "alone", "bo"] {
        let compact = world.token(token).unwrap();
        for name in ["list_files", "write_file", "delete_project", "clock", "weather"] {
            let shown = shown(&world, token, Listed::Tools, &[name])[0];
            for project in ["p1", "p2"] {
                for path in ["a", "archive/b"] {
                    let body = format!(
                        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}","arguments":{{"project":"{project}","path":"{path}","size":1}}}}}}"#
                    );
                    let authorization = format!("Bearer {compact}");
                    let headers =
                        [("authorization", authorization.as_bytes()), ("content-type", b"application/json")];
                    let body = Some(body.as_bytes());
                    let request = Request {
                        method: "POST",
                        url: "/mcp",
                        headers: &headers,
                        body,
                        ..Request::default()
                    };
                    let decision = guard.decide(&request, at(world.now));
                    calls += 1;
                    hidden += usize::from(!shown);
                    assert!(shown || decision.verdict() == Verdict::Deny, "{token} {name} {project} {path}");
                }
            }
        }
    }
    assert!(calls == 60 && hidden == 24, "{calls} {hidden}");
}

#[test]
fn a_question_by_name_is_decided_like_its_route_and_is_never_public() {
    let acme = Acme { rules: format!("{}\npublic GET /open\n", acme::RULES), ..Acme::default() };
    let guard = acme.guard();
    let mut seen = BTreeSet::new();
    for pattern in Pattern::ALL {
        let token = acme.token(pattern);
        for (method, url, action, kind, id) in [
            ("GET", "/repos/web/x", "read", "repo", "web"),
            ("GET", "/repos/infra/x", "read", "repo", "infra"),
            ("PATCH", "/repos/web/git/refs/heads/fix", "push", "repo", "web"),
            ("GET", "/salaries/ana", "read", "salary_record", "ana"),
            ("GET", "/salaries/bo", "read", "salary_record", "bo"),
            ("GET", "/salaries/b%20o", "read", "salary_record", "b o"),
        ] {
            let decided = ask(&token, |request| guard.decide(&Request { method, url, ..*request }, at(NOW)));
            let (asked, document) = ask(&token, |request| {
                let question = Some(Question { subject: None, action, kind, id, arguments: None });
                guard.explain(&Request { question, url: "/open", ..*request }, at(NOW))
            });
            assert_eq!((outcome(&asked), asked.rule()), (outcome(&decided), decided.rule()), "{document}");
            assert!(document.contains(&format!("\"action\":\"{action}\"")), "{document}");
            seen.insert(outcome(&asked));
        }
    }
    assert!(seen.len() > 4, "{seen:?}");
    let question = Question { subject: None, action: "read", kind: "repo", id: "web", arguments: None };
    let request = Request { method: "GET", url: "/open", ..Request::default() };
    assert_eq!(guard.decide(&request, at(NOW)).rule(), Some("public"));
    let named = Request { question: Some(question), ..request };
    assert_eq!(guard.decide(&named, at(NOW)).code(), Some(Code::TokenMissing));
    for (question, code) in [
        (Question { id: "", ..question }, Code::ArgumentInvalid),
        (Question { kind: "repo:x", ..question }, Code::Unmapped),
        (Question { subject: None, action: "", ..question }, Code::Unmapped),
        (Question { id: "web#reader", ..question }, Code::NotCovered),
    ] {
        let token = acme.token(Pattern::Interactive);
        let decision =
            ask(&token, |request| guard.decide(&Request { question: Some(question), ..*request }, at(NOW)));
        assert_eq!(decision.code(), Some(code), "{question:?}");
    }
}

#[test]
fn arguments_of_a_question_are_read_by_name_and_type() {
    let world = policy("support");
    let guard = world.guard().unwrap();
    let code = |arguments: Option<&str>| {
        let parsed = arguments.map(|text| json::parse(text.as_bytes(), &json::Limits::BODY).unwrap());
        let arguments = parsed.as_ref().and_then(Value::as_object);
        let question = Question { subject: None, action: "refund", kind: "order", id: "o1", arguments };
        ask(&world.token("t1").unwrap(), |request| {
            outcome(&guard.decide(&Request { question: Some(question), ..*request }, at(world.now)))
        })
    };
    assert_eq!(code(Some(r#"{"amount":1200,"currency":"EUR"}"#)), "allow");
    assert_eq!(code(Some(r#"{"amount":1200,"currency":"EUR","other":[1]}"#)), "allow");
    assert_eq!(code(Some(r#"{"amount":7000,"currency":"EUR"}"#)), "needs_approval");
    assert_eq!(code(Some(r#"{"amount":"1200","currency":"EUR"}"#)), "argument_invalid");
    assert_eq!(code(Some(r#"{"amount":1200.0,"currency":"EUR"}"#)), "argument_invalid");
    assert_eq!(code(Some(r#"{"amount":1200}"#)), "condition_failed");
    assert_eq!(code(None), "condition_failed");
}

/// What a route of another action declares says nothing of this one's arguments.
#[test]
fn an_argument_is_of_the_type_that_its_own_action_declares() {
    let rules = format!(
        "{}route GET /pages/{{n}} is read on repo:web with n: int\nroute PUT /pages/{{n}} is push on repo:web with n: string\n",
        acme::RULES
    );
    let acme = Acme { rules, ..Acme::default() };
    let guard = acme.guard();
    let code = |action: &str, arguments: &str| {
        let arguments = json::parse(arguments.as_bytes(), &json::Limits::BODY).unwrap();
        let arguments = arguments.as_object();
        let question = Some(Question { subject: None, action, kind: "repo", id: "web", arguments });
        ask(&acme.token(Pattern::Interactive), |request| {
            outcome(&guard.decide(&Request { question, ..*request }, at(NOW)))
        })
    };
    assert_eq!([code("read", r#"{"n":1}"#), code("read", r#"{"n":"1"}"#)], ["allow", "argument_invalid"]);
    assert_eq!([code("push", r#"{"n":"1"}"#), code("push", r#"{"n":1}"#)], ["allow", "argument_invalid"]);
}

#[test]
fn many_questions_are_decided_as_each_alone_and_use_one_proof() {
    let acme = Acme::default();
    let holder = SigningKey::from_seed(Algorithm::Es256, [21; 32]).unwrap();
    let claims = acme.claims(Pattern::Interactive);
    let cnf = format!(r#"{{"cnf":{{"jkt":"{}"}},"#, holder.thumbprint().unwrap());
    let token = acme.sign(&claims.replacen('{', &cnf, 1));
    let url = "https://api.example/evaluations";
    let proof = holder.prove(&Proof {
        jti: "p-1",
        method: "POST",
        url,
        issued_at: NOW,
        access_token: &token,
        nonce: None,
    });
    let (authorization, proof) = (format!("DPoP {token}"), proof.unwrap());
    let headers = [("authorization", authorization.as_bytes()), ("dpop", proof.as_bytes())];
    let request = Request { method: "POST", url, headers: &headers, ..Request::default() };
    let config = acme.config().replacen('{', r#"{"proof":{"base_urls":["https://api.example"]},"#, 1);
    let guard = Guard::from_config(config.as_bytes(), 1).unwrap_or_else(|e| panic!("{e}"));
    let question = |action, id| Question { subject: None, action, kind: "repo", id, arguments: None };
    let questions = [
        question("push", "web"),
        question("push", "infra"),
        question("fly", "web"),
        question("merge", "web"),
    ];
    let mut store = MemoryStore::new(8);
    let all = guard.decide_all(&request, &questions, at(NOW), &mut store);
    assert_eq!(all.len(), questions.len());
    for (together, question) in all.iter().zip(questions) {
        let one = Request { question: Some(question), ..request };
        let alone = guard.decide_once(&one, at(NOW), &mut MemoryStore::new(8));
        let facts = |d: &actfor::Decision| {
            (
                d.verdict(),
                d.code(),
                d.rule().map(String::from),
                d.proof_use(),
                d.challenge(),
                d.approval().cloned(),
            )
        };
        assert_eq!(facts(together), facts(&alone), "{question:?}");
    }
    assert_eq!(all.iter().map(outcome).collect::<Vec<_>>(), ["allow", "not_covered", "unmapped", "unmapped"]);
    // The proof was spent, once for all of them.
    let again = guard.decide_all(&request, &questions, at(NOW), &mut store);
    assert!(again.iter().all(|decision| decision.code() == Some(Code::ProofReplayed)));
    assert_eq!(again.len(), questions.len());
    assert!(guard.decide_all(&request, &[], at(NOW), &mut store).is_empty());
}

const MODEL: &str = "model\n  schema 1.1\ntype user\ntype agent\ntype group\n  relations\n    define member: [user, agent]\ntype doc\n  relations\n    define banned: [user]\n    define writer: [user, agent, group#member]\n    define reader: ([user, agent, user:*, group#member] or writer) but not banned\ntype org\n  relations\n    define hr: [user, agent]\ntype rec\n  relations\n    define owner: [user]\n";
const LINES: [&str; 15] = [
    "allow self to read, write on doc as a0",
    "allow delegated to read on doc as a1\n  when object.id.startsWith(\"d\")",
    "allow delegated interactive to write on doc as a2\n  unless object.id == \"d1\"",
    "allow joint to read, write on doc as a3",
    "allow autonomous to read, write on doc as a4\n  when claim.level > 2",
    "allow assigned to read on doc as a5",
    "allow assigned to read on rec as a6",
    "allow self, delegated, joint to read on rec as a7",
    "forbid agents to read, write on doc as f0\n  when object.id == \"d2\"",
    "forbid anyone to write on doc as f1\n  when user is banned of object",
    "approve agents to write on doc by user as p0\n  when object.id == \"d0\"",
    "agent a0 at most read on doc",
    "allow delegated to write on doc as a8\n  when request.path == \"/x\"",
    "allow anyone to write on doc as a9\n  when args.level > 2 || !has(args.draft)",
    "token says user is member of group:{claim.group}",
];

fn rules(random: &mut Random) -> String {
    let mut out = String::from(
        "actfor 1\nmodel \"m\"\non doc impersonal\n  read needs reader\n  write needs writer\n\
         on rec personal owner\n  read needs hr of org:o\non note impersonal\n  read needs scope\n\
         allow anyone to read on note as notes\nscope \"doc\" covers any action on doc\n\
         scope \"doc:{n}\" covers any action on doc:{n}\nscope \"rec\" covers read on rec\n\
         scope \"*\" covers read on note\n\
         route PUT /docs/{id} is write on doc:{id} with level: int from query.level, draft: bool from query.draft\n",
    );
    for line in LINES {
        if random.chance(70) {
            out += line;
            out += "\n";
        }
    }
    out
}

fn tuples(random: &mut Random) -> String {
    let mut out = BTreeSet::new();
    for _ in 0..random.below(30) + 4 {
        let subjects: &[&str] = &["user:u0", "user:u1", "agent:a0", "agent:a1", "group:g#member"];
        let users: &[&str] = &["user:u0", "user:u1"];
        let (subjects, relation, ids): (&[&str], &str, &[&str]) = match random.below(7) {
            0 => (&["user:u0", "user:u1", "agent:a0"], "member", &["group:g"]),
            1 => (users, "banned", &["doc:d0", "doc:d1", "doc:d2", "doc:e"]),
            2 => (subjects, "writer", &["doc:d0", "doc:d1", "doc:d2", "doc:e"]),
            3 | 4 => (subjects, "reader", &["doc:d0", "doc:d1", "doc:d2", "doc:e"]),
            5 => (&["agent:a0", "agent:a1", "user:u0"], "hr", &["org:o"]),
            _ => (users, "owner", &["rec:r0", "rec:r1"]),
        };
        let (user, object) = (random.pick(subjects), random.pick(ids));
        out.insert(format!(r#"{{"user":"{user}","relation":"{relation}","object":"{object}"}}"#));
    }
    if random.chance(30) {
        out.insert(r#"{"user":"user:*","relation":"reader","object":"doc:e"}"#.into());
    }
    format!("[{}]", out.into_iter().collect::<Vec<_>>().join(","))
}

const TOKENS: [&str; 6] = [
    r#""sub":"u0","client_id":"web-1""#,
    r#""sub":"u0","client_id":"code","act":{"iss":"https://as.example","sub":"a0","sub_profile":"ai_agent"},"agent_instance":{"iss":"https://as.example","id":"i-AAAAAAAAAAAAAAAAAAAA","kind":"session"},"agent_rel":{"mode":"interactive","authority":"user","hops":0,"present_until":1795000180}"#,
    r#""sub":"u1","client_id":"code","act":{"iss":"https://as.example","sub":"a1","sub_profile":"ai_agent"},"agent_instance":{"iss":"https://as.example","id":"i-AAAAAAAAAAAAAAAAAAAA","kind":"task"},"agent_rel":{"mode":"offline","authority":"user","hops":0}"#,
    r#""sub":"u0","client_id":"code","act":{"iss":"https://as.example","sub":"a0","sub_profile":"ai_agent"},"agent_instance":{"iss":"https://as.example","id":"i-AAAAAAAAAAAAAAAAAAAA","kind":"task"},"agent_rel":{"mode":"automated","authority":"joint","hops":0}"#,
    r#""sub":"a0","sub_profile":"ai_agent","client_id":"code","agent_instance":{"iss":"https://as.example","id":"i-AAAAAAAAAAAAAAAAAAAA","kind":"task"},"agent_rel":{"mode":"automated","authority":"agent","hops":0,"task":"t","user":{"iss":"https://idp.example","sub":"u1","role":"case_subject"}}"#,
    r#""sub":"a1","sub_profile":"ai_agent","client_id":"code","agent_instance":{"iss":"https://as.example","id":"i-AAAAAAAAAAAAAAAAAAAA","kind":"task"},"agent_rel":{"mode":"automated","authority":"agent","user":null,"hops":0}"#,
];

#[test]
fn an_object_is_listed_if_and_only_if_it_is_allowed() {
    let mut random = Random::new(11);
    let (mut worlds, mut tried, mut listed, mut not_listed, mut incomplete) = (0, 0, 0, 0, 0);
    let key = SigningKey::from_seed(Algorithm::Es256, [7; 32]).unwrap();
    let objects = [
        ("doc", ["d0", "d1", "d2", "e", "never"].as_slice()),
        ("rec", &["r0", "r1", "never"]),
        ("note", &["n"]),
    ];
    while worlds < 150 {
        let (rules, tuples) = (rules(&mut random), tuples(&mut random));
        let config = format!(
            r#"{{"issuers":[{{"issuer":"https://as.example","audience":["https://api.example"],"algorithms":["ES256"],"dialect":"actfor",
            "binding":"optional","speaks_for":["https://idp.example"],"clients":{{"code":"agent","web-*":"app"}},"jwks":{{"keys":[{}]}}}}],
            "names":{{"https://as.example":{{"user":"user:{{sub}}","agent":"agent:{{sub}}","instance":"instance:{{id}}","client":"client:{{client_id}}"}},
            "https://idp.example":{{"user":"user:{{sub}}","same_as":"https://as.example"}}}},
            "policy":{},"files":{{"m":{}}},"tuples":{tuples}}}"#,
            key.public_jwk(),
            quoted(&rules),
            quoted(MODEL),
        );
        // An `allow` that nothing allows to reach does not compile; such worlds are left out.
        tried += 1;
        let guard = match Guard::from_config(config.as_bytes(), 1) {
            Ok(guard) => guard,
            Err(error) => {
                assert!(tried < 10 * (worlds + 5), "{error}\n{rules}");
                continue;
            }
        };
        worlds += 1;
        for token in TOKENS {
            let scope = random.pick(&["doc rec", "doc:d0 doc:d1 rec", "doc:e", "doc", "rec", "x"]);
            let group = random.pick(&[r#","group":"g""#, r#","group":"other""#, ""]);
            let claims = format!(
                r#"{{"iss":"https://as.example","aud":"https://api.example","iat":1795000000,"exp":1795000300,"jti":"j","level":{},"scope":"{scope}"{group},{token}}}"#,
                random.below(5)
            );
            let compact = key.sign("at+jwt", &claims);
            let arguments = [r#"{"level":1,"draft":true}"#, r#"{"level":3,"draft":true}"#, "{}"]
                .map(|text| json::parse(text.as_bytes(), &json::Limits::TOKEN).unwrap().into_owned());
            let arguments = match random.below(5) {
                at @ 0..3 => arguments[at].as_object(),
                _ => None,
            };
            ask(&compact, |request| {
                for (kind, ids) in objects {
                    for action in ["read", "write"] {
                        let question = |id| Question { subject: None, action, kind, id, arguments };
                        let searched = arguments.map(|_| question(""));
                        let request = &Request { question: searched, ..*request };
                        let found = guard.list_objects(request, action, kind, 100, at(NOW));
                        let found = match (found, action, kind) {
                            (Ok(found), ..) => found,
                            (Err(refusal), "write", "rec" | "note") => {
                                assert_eq!(refusal.code, Code::Unmapped);
                                continue;
                            }
                            // Only `write` of a document has declared what it takes.
                            (Err(refusal), ..) => {
                                assert_eq!(refusal.code, Code::ArgumentInvalid, "{refusal}: {claims}");
                                continue;
                            }
                        };
                        for id in ids {
                            let question = Some(question(id));
                            let decision = guard.decide(&Request { question, ..*request }, at(NOW));
                            let is_listed = found.names.contains(&format!("{kind}:{id}"));
                            let known = tuples.contains(&format!("\"{kind}:{id}\""));
                            assert_eq!(
                                is_listed,
                                known && decision.verdict() == Verdict::Allow,
                                "{kind}:{id} {action}: {:?} {found:?}\n{claims}\n{tuples}\n{rules}",
                                decision.code()
                            );
                            listed += usize::from(is_listed);
                            not_listed += usize::from(!is_listed);
                        }
                        incomplete += usize::from(!found.complete);
                        let fewer = guard.list_objects(request, action, kind, 1, at(NOW)).unwrap();
                        assert!(fewer.names.len() == found.names.len().min(1));
                        assert!(!fewer.complete || found.names.len() <= 1);
                    }
                }
            });
        }
    }
    println!(
        "{worlds} policies: {listed} listed, {not_listed} not, {incomplete} lists not certainly complete"
    );
    assert!(listed > 400 && not_listed > 5_000 && incomplete > 100, "{listed} {not_listed} {incomplete}");
}
