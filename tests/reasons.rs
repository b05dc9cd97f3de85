//! Every refusal of identity, mapping and policy says what is wrong: `tests/vectors/reasons.md` holds each sentence that
//! the vectors lead to, for people to read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests may panic"
)]

#[path = "support/vectors.rs"]
mod vectors;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use actfor::json::{self, Object, Value, Writer};
use actfor::proof::MemoryStore;
use actfor::token::Introspection;
use actfor::{Code, Guard, Request, Stage, Timestamp};
use actfor_store::Store;

/// What one refusal says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    admin: String,
    because: Vec<String>,
}

/// What refusals say, by their codes, each with the first case that leads to it.
#[derive(Default)]
struct Reasons(BTreeMap<Code, BTreeMap<Said, String>>);

impl Reasons {
    fn add(&mut self, code: Option<Code>, document: &str, case: String) {
        let document = json::parse(document.as_bytes(), &json::Limits::CONFIG).unwrap();
        let document = document.as_object().unwrap();
        let text =
            |object: &Object<'_>, name: &str| object.get(name).and_then(Value::as_str).map(String::from);
        assert_eq!(text(document, "code").as_deref(), code.map(Code::as_str), "{case}");
        let told =
            text(document, "told").map(|told| *Code::ALL.iter().find(|code| code.as_str() == told).unwrap());
        assert_eq!(text(document, "reason_user").as_deref(), told.or(code).map(Code::reason_user), "{case}");
        let case = told.map_or(case.clone(), |told| format!("{case}; the client is told `{told}`"));
        let because = document.get("because").and_then(Value::as_array).unwrap();
        let because: Vec<_> =
            because.iter().map(|reason| text(reason.as_object().unwrap(), "text").unwrap()).collect();
        let Some(code) = code else { return };
        assert!(!because.is_empty(), "{case}: nothing is listed");
        let admin = text(document, "reason_admin").unwrap_or_else(|| panic!("{case}: no reason"));
        self.0.entry(code).or_default().entry(Said { admin, because }).or_insert(case);
    }
}

fn is_ours(code: Code) -> bool {
    matches!(code.stage(), Stage::Identity | Stage::Mapping | Stage::Policy)
}

/// The requests of the policies.
fn policies(reasons: &mut Reasons) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/policies");
    let mut folders: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let store = Store::open(&folder.join("test.yaml")).unwrap();
        let setup = store.setup.as_ref().unwrap();
        let guard = setup.guard().unwrap();
        for request in store.requests() {
            let answer = setup.ask(&guard, request).unwrap();
            let name = request.as_object().unwrap().get("name").and_then(Value::as_str).unwrap();
            let case = format!("{}: {name}", folder.file_name().unwrap().to_string_lossy());
            reasons.add(answer.decision.code(), &answer.document, case);
        }
    }
}

fn written(write: impl FnOnce(&mut Writer)) -> String {
    let mut w = Writer::default();
    w.object(write);
    w.finish()
}

fn member<'v, 'j>(value: &'v Value<'j>, name: &str) -> &'v Value<'j> {
    value.as_object().unwrap().get(name).unwrap_or_else(|| panic!("no `{name}`"))
}

fn items<'v, 'j>(value: &'v Value<'j>, name: &str) -> &'v [Value<'j>] {
    value.as_object().unwrap().get(name).and_then(Value::as_array).unwrap_or_default()
}

/// The cases of identity, in every dialect.
fn identities(reasons: &mut Reasons) {
    let text = std::fs::read(vectors::path("requests/identity.json")).unwrap();
    let limits = json::Limits { bytes: text.len(), members: 1_000_000, ..json::Limits::CONFIG };
    let file = json::parse(&text, &limits).unwrap();
    let configs = items(&file, "configs");
    for case in items(&file, "cases") {
        let at = |value: &Value<'_>, name: &str| {
            Timestamp::from_seconds(member(value, name).as_u64().unwrap()).unwrap()
        };
        let own = configs[member(case, "config").as_u64().unwrap() as usize].as_object().unwrap();
        let config = written(|w| {
            for name in ["policy", "files"] {
                if own.get(name).is_none() {
                    w.key(name).value(member(&file, name));
                }
            }
            own.iter().for_each(|(name, value)| w.key(name).value(value));
        });
        let mut guard = Guard::from_config(config.as_bytes(), 1).unwrap();
        for learned in items(case, "learned") {
            let list = member(learned, "list").as_str().unwrap();
            // One that is refused is part of the case.
            let _ = match learned.as_object().unwrap().get("status_list_of").and_then(Value::as_str) {
                Some(issuer) => guard.set_status_list(issuer, list, at(learned, "at")),
                None => guard.revoke(list.as_bytes(), at(learned, "at")),
            };
        }
        let room = case.as_object().unwrap().get("room").and_then(Value::as_u64).unwrap_or(64);
        let mut store = MemoryStore::new(room as usize);
        let mut ask = |asked: &Value<'_>, now: Timestamp| {
            let headers: Vec<(&str, &[u8])> = items(asked, "headers")
                .iter()
                .map(|pair| pair.as_array().unwrap())
                .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap().as_bytes()))
                .collect();
            let introspection = case.as_object().unwrap().get("introspection").map(|answer| Introspection {
                token: member(answer, "token").as_str().unwrap(),
                response: member(answer, "response").as_str().unwrap().as_bytes(),
            });
            let (method, url) =
                (member(asked, "method").as_str().unwrap(), member(asked, "url").as_str().unwrap());
            let request = Request { method, url, headers: &headers, introspection, ..Request::default() };
            let decided = guard.decide_once(&request, Some(now), &mut store);
            let (explained, document) = guard.explain(&request.after(&decided), Some(now));
            assert_eq!(decided.code(), explained.code());
            (decided.code(), document)
        };
        for before in items(case, "before") {
            ask(before, at(before, "now"));
        }
        let (code, document) = ask(member(case, "request"), at(case, "now"));
        reasons.add(code, &document, member(case, "name").as_str().unwrap().into());
    }
}

/// What depends on how much of the relationships is known.
fn relationships(reasons: &mut Reasons) {
    let nested: String = (1..40)
        .map(|n| format!("  - {{ user: 'folder:{n}', relation: parent, object: 'folder:{}' }}\n", n - 1))
        .collect();
    let file = format!(
        "policy: |
  actfor 1
  model \"m.fga\"
  on folder
    read needs reader
  allow self to read on folder as people
  scope \"read\" covers read on folder
  route GET /{{id}} is read on folder:{{id}}
model: |
  model
    schema 1.1
  type user
  type folder
    relations
      define parent: [folder]
      define banned: [user, folder#reader]
      define reader: ([user, user with level] or reader from parent) but not banned
  condition level(level: int) {{
    level > 3
  }}
config:
  issuers: [{{ issuer: https://as.example, audience: a, dialect: rfc9068, binding: optional, clients: {{ web: app }} }}]
  $more
tokens:
  ana: {{ claims: {{ sub: ana, client_id: web, scope: read }} }}
tuples:
  - {{ user: 'user:bo', relation: reader, object: 'folder:39' }}
  - {{ user: 'user:ana', relation: reader, object: 'folder:round' }}
  - {{ user: 'folder:round#reader', relation: banned, object: 'folder:round' }}
  - {{ user: 'user:ana', relation: reader, object: 'folder:conditional', condition: {{ name: level }} }}
{nested}"
    );
    for (more, url, code, unreachable) in [
        ("limits: {}", "/0", Code::LimitExceeded, false),
        ("limits: {}", "/round", Code::UserLacksRelation, false),
        ("limits: {}", "/conditional", Code::UserLacksRelation, false),
        ("relationships: {}", "/other", Code::RelationMissing, false),
        ("relationships: {}", "/other", Code::RelationsUnavailable, true),
    ] {
        let store = Store::read("inline", &file.replace("$more", more), &|name| panic!("{name}"));
        let setup = store.unwrap_or_else(|e| panic!("{e}")).setup.unwrap();
        let authorization = format!("Bearer {}", setup.token("ana").unwrap());
        let headers = [("authorization", authorization.as_bytes())];
        let request = Request {
            method: "GET",
            url,
            headers: &headers,
            relations_unreachable: unreachable,
            ..Request::default()
        };
        let guard = setup.guard().unwrap_or_else(|e| panic!("{e}"));
        let (decision, document) = guard.explain(&request, Timestamp::from_seconds(setup.now));
        assert_eq!(decision.code(), Some(code), "{document}");
        reasons.add(decision.code(), &document, format!("relationships: {url}"));
    }
}

#[test]
fn every_refusal_says_what_is_wrong() {
    let mut reasons = Reasons::default();
    policies(&mut reasons);
    identities(&mut reasons);
    relationships(&mut reasons);
    let mut out = String::from(
        "# What refusals say\n\nEvery code of identity, mapping and policy: what the client reads, and what the administrator reads in each case of\nthe vectors. Written by `ACTFOR_WRITE_VECTORS=1 cargo test -p actfor --test reasons`; read it as somebody who was refused.\n",
    );
    let (mut sentences, mut silent, mut wrong) = (0, Vec::new(), Vec::new());
    for code in Code::ALL.iter().filter(|code| is_ours(**code)) {
        let Some(said) = reasons.0.get(code) else {
            // Only ever told in the place of another.
            if *code != Code::LacksRelation {
                silent.push(code.as_str());
            }
            continue;
        };
        write!(out, "\n## `{code}` ({})\n\n{}\n\n", code.status(), code.reason_user()).unwrap();
        for (Said { admin, because }, case) in said {
            sentences += 1;
            wrong.extend(faults(admin).map(|fault| format!("{case}: {fault}: {admin}")));
            writeln!(out, "- {admin} ({case})").unwrap();
            for text in because.iter().filter(|text| !admin.starts_with(*text)) {
                wrong.extend(faults(text).map(|fault| format!("{case}: {fault}: {text}")));
                writeln!(out, "  - {text}").unwrap();
            }
        }
    }
    println!("{sentences} sentences; none for {silent:?}");
    vectors::settle("reasons.md", &out);
    assert_eq!(silent, <[&str; 0]>::default(), "no vector leads to these codes");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Names that begin with a capital letter wherever they stand.
const NAMES: [&str; 5] = ["Entra ", "JSON", "Keycloak ", "Okta ", "WSO2 "];

/// What is wrong with a sentence: lower case, no final stop, nothing said twice, nothing of how the program is made.
fn faults(text: &str) -> Option<&'static str> {
    let wrong =
        ["  ", "Some(", "None", "Ok(", "Err(", "::", "does not hold: the signature", ": : ", "hold: does"];
    match text {
        _ if text.trim().is_empty() => Some("says nothing"),
        _ if text.starts_with(char::is_uppercase) && !NAMES.iter().any(|name| text.starts_with(name)) => {
            Some("a capital letter")
        }
        _ if text.ends_with(['.', ' ', ':']) || text.contains(['\n', '\t']) => Some("its end"),
        _ => wrong.into_iter().find(|wrong| text.contains(wrong)),
    }
}
