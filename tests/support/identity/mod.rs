//! What the tests of who-is-it share: realistic tokens of every dialect, a guard for them, and edits of JSON.

#![allow(dead_code, missing_docs, reason = "each test takes what it needs")]

use std::{fs, path::PathBuf};

use actfor::jose::Algorithm;
use actfor::json::{self, Object, Value, Writer};
use actfor::proof::MemoryStore;
use actfor::{Decision, Guard, Request, Timestamp};
use actfor_mint::SigningKey;

pub const NOW: u64 = 1_795_000_060;
const RULES: &str = include_str!("../../vectors/dialects/rules.actfor");
const MODEL: &str = include_str!("../../vectors/dialects/model.fga");
/// What is asked of every token: which of these it may is what it may.
pub const PROBES: [&str; 4] =
    ["read repo:web", "push repo:web", "read salary_record:ana", "read salary_record:bo"];

pub fn parse(text: &[u8]) -> Value<'static> {
    json::parse(text, &json::Limits::CONFIG).unwrap_or_else(|e| panic!("{e}")).into_owned()
}

pub fn read(name: &str) -> Value<'static> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    parse(&fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

pub fn text(value: &Value<'_>) -> String {
    let mut w = Writer::default();
    w.value(value);
    w.finish()
}

/// With the members in the order of RFC 8785.
pub fn canonical(value: &Value<'_>) -> String {
    fn write(w: &mut Writer, value: &Value<'_>) {
        match value {
            Value::Object(object) => {
                let mut members: Vec<_> = object.iter().collect();
                members.sort_by(|a, b| a.0.cmp(b.0));
                w.object(|w| {
                    for (name, value) in members {
                        write(w.key(name), value);
                    }
                });
            }
            Value::Array(items) => w.array(|w| items.iter().for_each(|item| write(w, item))),
            other => w.value(other),
        }
    }
    let mut w = Writer::default();
    write(&mut w, value);
    w.finish()
}

pub fn string(text: &str) -> String {
    let mut w = Writer::default();
    w.string(text);
    w.finish()
}

pub fn member<'o>(object: &'o Value<'_>, name: &str) -> Option<&'o str> {
    object.as_object()?.get(name)?.as_str()
}

pub fn get<'o>(object: &'o Value<'static>, name: &str) -> Option<&'o Value<'static>> {
    object.as_object()?.get(name)
}

/// Changes to a JSON object: members by path, to a new text or to nothing.
#[derive(Default, Clone)]
pub struct Edits(pub Vec<(String, Option<String>)>);

impl Edits {
    /// From `set` (an object of paths) and `remove` (an array of paths) of a case.
    pub fn of(case: &Value<'static>) -> Self {
        let mut edits = Vec::new();
        for (path, value) in get(case, "set").and_then(Value::as_object).iter().flat_map(|set| set.iter()) {
            edits.push((path.to_owned(), Some(text(value))));
        }
        for path in get(case, "remove").and_then(Value::as_array).unwrap_or_default() {
            edits.push((path.as_str().unwrap().to_owned(), None));
        }
        Self(edits)
    }

    pub fn without(path: &str) -> Self {
        Self(vec![(path.to_owned(), None)])
    }

    pub fn apply(&self, value: &Value<'_>) -> String {
        let mut w = Writer::default();
        self.write(&mut w, "", value);
        w.finish()
    }

    fn write(&self, w: &mut Writer, path: &str, value: &Value<'_>) {
        let Some(object) = value.as_object() else { return w.value(value) };
        w.object(|w| {
            let inside =
                |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            for (name, value) in object.iter() {
                let at = inside(name);
                match self.0.iter().find(|(edited, _)| *edited == at) {
                    Some((_, Some(new))) => w.key(name).raw(new),
                    Some((_, None)) => {}
                    None => {
                        w.key(name);
                        self.write(w, &at, value);
                    }
                }
            }
            for (edited, new) in &self.0 {
                let (parent, name) = edited.rsplit_once('.').unwrap_or(("", edited));
                if let (true, None, Some(new)) = (parent == path, object.get(name), new) {
                    w.key(name).raw(new);
                }
            }
        });
    }
}

/// Every path of an object, inner ones too.
pub fn paths(object: &Object<'_>, prefix: &str, out: &mut Vec<String>) {
    for (name, value) in object.iter() {
        let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
        out.push(path.clone());
        if let Value::Object(inner) = value {
            paths(inner, &path, out);
        }
    }
}

/// The fixtures of one dialect: an issuer, and tokens as it shapes them.
pub struct Fixture {
    pub value: Value<'static>,
    pub key: SigningKey,
}

impl Fixture {
    pub fn of(dialect: &str) -> Self {
        Self {
            value: read(&format!("dialects/{dialect}.json")),
            key: SigningKey::from_seed(Algorithm::Es256, [7; 32]).unwrap(),
        }
    }

    pub fn issuer(&self) -> &str {
        member(&self.value, "issuer").unwrap()
    }

    pub fn audience(&self) -> &str {
        member(&self.value, "audience").unwrap_or("https://api.example")
    }

    pub fn tokens(&self) -> &[Value<'static>] {
        get(&self.value, "tokens").and_then(Value::as_array).unwrap()
    }

    pub fn token(&self, name: &str) -> &Value<'static> {
        self.tokens()
            .iter()
            .find(|token| member(token, "name") == Some(name))
            .unwrap_or_else(|| panic!("no token `{name}`"))
    }

    /// The configuration; `issuer` and `root` replace members of the issuer's entry and of the whole.
    pub fn config(&self, issuer: &[(String, String)], root: &[(String, String)]) -> String {
        let mut w = Writer::default();
        let dialect = member(&self.value, "dialect").unwrap();
        w.object(|w| {
            w.key("issuers").array(|w| {
                w.object(|w| {
                    w.key("issuer").string(self.issuer());
                    w.key("audience").string(self.audience());
                    w.key("dialect").string(dialect);
                    w.key("algorithms").raw(r#"["ES256"]"#);
                    w.key("jwks").raw(&format!(r#"{{"keys":[{}]}}"#, self.key.public_jwk()));
                    let given = |name: &str| issuer.iter().any(|(known, _)| known == name);
                    if !given("binding") {
                        w.key("binding").string("optional");
                    }
                    let members = get(&self.value, "members").and_then(Value::as_object).unwrap();
                    for (name, value) in members.iter().filter(|(name, _)| !given(name)) {
                        w.key(name).value(value);
                    }
                    for (name, value) in issuer {
                        w.key(name).raw(value);
                    }
                });
            });
            let given = |name: &str| root.iter().any(|(known, _)| known == name);
            if let Some(names) = get(&self.value, "names").filter(|_| !given("names")) {
                w.key("names").value(names);
            }
            if !given("policy") {
                w.key("policy").string(RULES);
            }
            w.key("files").object(|w| w.key("model.fga").string(MODEL));
            if !given("tuples") {
                w.key("tuples").value(get(&self.value, "tuples").unwrap());
            }
            for (name, value) in root {
                w.key(name).raw(value);
            }
        });
        w.finish()
    }

    pub fn guard(&self) -> Guard {
        guard(&self.config(&[], &[]))
    }

    /// Signs a fixture's claims, changed.
    pub fn sign(&self, token: &Value<'static>, edits: &Edits) -> String {
        let claims = edits.apply(get(token, "claims").unwrap());
        let claims = if self.is_delegation() { canonical(&parse(claims.as_bytes())) } else { claims };
        sign(&self.key, member(token, "typ"), &claims)
    }

    pub fn is_delegation(&self) -> bool {
        member(&self.value, "dialect") == Some("delegation-chain")
    }

    pub fn is_transaction(&self) -> bool {
        member(&self.value, "dialect") == Some("txn-token")
    }
}

pub fn guard(config: &str) -> Guard {
    Guard::from_config(config.as_bytes(), 1).unwrap_or_else(|e| panic!("{e}\n{config}"))
}

/// Signs with or without `typ`.
pub fn sign(key: &SigningKey, typ: Option<&str>, claims: &str) -> String {
    let mut header = Writer::default();
    header.object(|w| {
        w.key("alg").string(key.algorithm().name());
        w.key("kid").string(key.kid());
        if let Some(typ) = typ {
            w.key("typ").string(typ);
        }
    });
    key.sign_as(header.finish().as_bytes(), claims.as_bytes())
}

/// `read repo:web` as method and path.
pub fn route(probe: &str) -> (&'static str, String) {
    let (action, object) = probe.split_once(' ').unwrap();
    let (kind, id) = object.split_once(':').unwrap();
    let method = if action == "push" { "PATCH" } else { "GET" };
    let path = if kind == "repo" { "repos" } else { "salaries" };
    (method, format!("/{path}/{id}"))
}

/// The header in which a token goes.
pub fn credentials(token: &str, transaction: bool) -> (&'static str, String) {
    if transaction { ("txn-token", token.to_owned()) } else { ("authorization", format!("Bearer {token}")) }
}

/// Decides, and asserts that the explanation says the same.
pub fn decide(guard: &Guard, request: &Request<'_>, now: u64) -> (Decision, Value<'static>) {
    decide_once(guard, request, now, &mut MemoryStore::new(8))
}

/// The same, with a store that may know something already.
pub fn decide_once(
    guard: &Guard,
    request: &Request<'_>,
    now: u64,
    store: &mut MemoryStore,
) -> (Decision, Value<'static>) {
    let now = Timestamp::from_seconds(now);
    let decision = guard.decide_once(request, now, store);
    let (explained, document) = guard.explain(&request.after(&decision), now);
    assert_eq!((decision.verdict(), decision.code()), (explained.verdict(), explained.code()));
    (decision, parse(document.as_bytes()))
}

pub fn ask(guard: &Guard, token: &str, transaction: bool, probe: &str) -> (Decision, Value<'static>) {
    let (method, url) = route(probe);
    let (name, value) = credentials(token, transaction);
    let headers = [(name, value.as_bytes())];
    decide(guard, &Request { id: "r", method, url: &url, headers: &headers, ..Request::default() }, NOW)
}

/// What a token may, of the probes.
pub fn allowed(guard: &Guard, token: &str, transaction: bool) -> Vec<&'static str> {
    let may = |probe: &&str| ask(guard, token, transaction, probe).0.code().is_none();
    PROBES.into_iter().filter(may).collect()
}

pub fn outcome(decision: &Decision) -> &'static str {
    decision.code().map_or("allow", |code| code.as_str())
}
