//! A whole set-up out of a folder of files: rules, model, tuples, tokens, requests and what becomes of them.
//!
//! `tests/vectors/policies/<name>/`: `rules.actfor`, `model.fga` where the rules name one, and `cases.json`.

use std::collections::BTreeMap;
use std::path::Path;

use actfor::jose::Algorithm;
use actfor::json::{self, Object, Value, Writer};
use actfor::proof::MemoryStore;
use actfor::{Decision, Guard, Request, Timestamp};
use actfor_mint::SigningKey;

/// The second in which requests are made.
pub const NOW: u64 = 1_795_000_060;
const ISSUER: &str = "https://as.example";
const AUDIENCE: &str = "https://api.example";
const APPROVALS: &str = "https://approve.example";

/// A folder that was read.
pub struct World {
    /// Its name.
    pub name: String,
    /// The rules.
    pub rules: String,
    model: Option<String>,
    document: Object<'static>,
    key: SigningKey,
    approver: SigningKey,
}

/// One request and what becomes of it.
pub struct Outcome {
    /// The case's name.
    pub name: String,
    /// The code, or `allow`.
    pub outcome: String,
    /// The rule that the decision names.
    pub rule: Option<String>,
    /// The same, as the case expects it.
    pub expected: (String, Option<String>),
    /// The decision document.
    pub document: String,
}

/// A text as JSON.
pub fn quoted(text: &str) -> String {
    let mut w = Writer::default();
    w.string(text);
    w.finish()
}

fn written(value: &Value<'_>) -> String {
    let mut w = Writer::default();
    w.value(value);
    w.finish()
}

fn text<'o>(object: &'o Object<'_>, name: &str) -> Option<&'o str> {
    object.get(name).map(|value| value.as_str().unwrap_or_else(|| panic!("`{name}` is not a text")))
}

fn known(object: &Object<'_>, names: &[&str]) {
    for (name, _) in object.iter() {
        assert!(names.contains(&name), "unknown member `{name}`");
    }
}

impl World {
    /// Reads a folder.
    pub fn read(folder: &Path) -> Self {
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        let cases = read("cases.json").unwrap_or_else(|| panic!("{}", folder.display()));
        let document = json::parse(cases.as_bytes(), &json::Limits::CONFIG)
            .unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let Value::Object(document) = document.into_owned() else { panic!("not an object") };
        known(&document, &["about", "issuer", "typ", "names", "tuples", "tokens", "cases"]);
        Self {
            name: folder.file_name().unwrap().to_string_lossy().into_owned(),
            rules: read("rules.actfor").unwrap(),
            model: read("model.fga"),
            document,
            key: SigningKey::from_seed(Algorithm::Es256, [7; 32]).unwrap(),
            approver: SigningKey::from_seed(Algorithm::Es256, [9; 32]).unwrap(),
        }
    }

    /// The configuration document.
    pub fn config(&self) -> String {
        let issuer = self.document.get("issuer").and_then(Value::as_object).unwrap();
        let members: String =
            issuer.iter().map(|(name, value)| format!(",{}:{}", quoted(name), written(value))).collect();
        let names = match self.document.get("names") {
            Some(names) => written(names),
            None => format!(
                r#"{{"{ISSUER}":{{"user":"user:{{sub}}","agent":"agent:{{sub}}","instance":"instance:{{id}}","client":"client:{{client_id}}"}},
                "https://idp.example":{{"user":"user:{{sub}}","same_as":"{ISSUER}"}}}}"#
            ),
        };
        let files = self.model.as_ref().map(|model| format!(r#","files":{{"model.fga":{}}}"#, quoted(model)));
        let tuples = self.document.get("tuples").map(|tuples| format!(r#","tuples":{}"#, written(tuples)));
        format!(
            r#"{{"issuers":[{{"issuer":"{ISSUER}","audience":["{AUDIENCE}"],"algorithms":["ES256"],"binding":"optional",
            "speaks_for":["https://idp.example"],"jwks":{{"keys":[{}]}}{members}}}],
            "approvals":[{{"issuer":"{APPROVALS}","space":"{ISSUER}","algorithms":["ES256"],"jwks":{{"keys":[{}]}}}}],
            "names":{names},"policy":{}{}{}}}"#,
            self.key.public_jwk(),
            self.approver.public_jwk(),
            quoted(&self.rules),
            files.unwrap_or_default(),
            tuples.unwrap_or_default(),
        )
    }

    /// The guard.
    pub fn guard(&self) -> Guard {
        Guard::from_config(self.config().as_bytes(), 1).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    /// A token of the document, signed. What every token has is added where it is not there.
    pub fn token(&self, name: &str) -> String {
        let tokens = self.document.get("tokens").and_then(Value::as_object).unwrap();
        let claims = tokens.get(name).and_then(Value::as_object);
        let claims = claims.unwrap_or_else(|| panic!("{}: no token `{name}`", self.name));
        let mut members: BTreeMap<String, String> = BTreeMap::from(
            [
                ("iss", quoted(ISSUER)),
                ("aud", quoted(AUDIENCE)),
                ("iat", "1795000000".into()),
                ("exp", "1795000300".into()),
                ("jti", quoted(name)),
            ]
            .map(|(name, value)| (String::from(name), value)),
        );
        members.extend(claims.iter().map(|(name, value)| (name.into(), written(value))));
        self.key.sign(text(&self.document, "typ").unwrap_or("at+jwt"), &object(&members))
    }

    fn approval(&self, members: &Object<'_>, digest: &str) -> String {
        let mut claims: BTreeMap<String, String> = BTreeMap::from(
            [
                ("iss", quoted(APPROVALS)),
                ("aud", quoted(AUDIENCE)),
                ("iat", NOW.to_string()),
                ("jti", quoted("a1")),
                ("approval_digest", quoted(digest)),
            ]
            .map(|(name, value)| (String::from(name), value)),
        );
        claims.extend(
            members.iter().filter(|m| m.0 != "typ").map(|(name, value)| (name.into(), written(value))),
        );
        self.approver.sign(text(members, "typ").unwrap_or("agent-approval+jwt"), &object(&claims))
    }

    /// Makes every request of the folder.
    pub fn run(&self) -> Vec<Outcome> {
        let guard = self.guard();
        let cases = self.document.get("cases").and_then(Value::as_array).unwrap();
        cases.iter().map(|case| self.case(&guard, case.as_object().unwrap())).collect()
    }

    fn case(&self, guard: &Guard, case: &Object<'_>) -> Outcome {
        known(
            case,
            &[
                "name", "token", "chain", "method", "url", "headers", "body", "now", "approval", "times",
                "store", "expect", "rule",
            ],
        );
        let name = text(case, "name").unwrap();
        let mut headers: Vec<(&str, Vec<u8>)> = Vec::new();
        if let Some(token) = text(case, "token") {
            headers.push(("authorization", format!("Bearer {}", self.token(token)).into_bytes()));
        }
        if let Some(chain) = case.get("chain").and_then(Value::as_array) {
            let records: Vec<_> = chain.iter().map(|token| self.token(token.as_str().unwrap())).collect();
            headers.push(("agent-chain", records.join(",").into_bytes()));
        }
        let body = case.get("body").map(|body| match body {
            Value::String(raw) => raw.as_bytes().to_vec(),
            other => written(other).into_bytes(),
        });
        let extra = case.get("headers").and_then(Value::as_object);
        if body.is_some() && extra.is_none_or(|extra| extra.get("content-type").is_none()) {
            headers.push(("content-type", b"application/json".to_vec()));
        }
        for (name, value) in extra.into_iter().flat_map(Object::iter) {
            headers.push((name, value.as_str().unwrap().as_bytes().to_vec()));
        }
        let now = Timestamp::from_seconds(case.get("now").and_then(Value::as_u64).unwrap_or(NOW));
        let ask = |headers: &[(&str, Vec<u8>)], store: &mut MemoryStore| -> (Decision, String) {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
            let request = Request {
                id: name,
                method: text(case, "method").unwrap_or("GET"),
                url: text(case, "url").unwrap(),
                headers: &headers,
                body: body.as_deref(),
                ..Request::default()
            };
            let decision = guard.decide_once(&request, now, store);
            let again =
                Request { proof_use: decision.proof_use(), approval_use: decision.approval_use(), ..request };
            let (explained, document) = guard.explain(&again, now);
            assert_eq!(
                (decision.verdict(), decision.code(), decision.rule(), decision.approval()),
                (explained.verdict(), explained.code(), explained.rule(), explained.approval()),
                "{}: explaining `{name}` changed the decision: {document}",
                self.name
            );
            (decision, document)
        };
        let room = case.get("store").and_then(Value::as_u64).unwrap_or(16);
        let mut store = MemoryStore::new(usize::try_from(room).unwrap());
        let (mut decision, mut document) = ask(&headers, &mut store);
        if let Some(approval) = case.get("approval").and_then(Value::as_object) {
            let digest =
                decision.approval().unwrap_or_else(|| panic!("{name}: no approval asked for: {document}"));
            let digest = text(approval, "approval_digest").unwrap_or(&digest.digest);
            headers.push(("agent-approval", self.approval(approval, digest).into_bytes()));
            for _ in 0..case.get("times").and_then(Value::as_u64).unwrap_or(1) {
                (decision, document) = ask(&headers, &mut store);
            }
        }
        Outcome {
            name: name.into(),
            outcome: decision.code().map_or("allow", |code| code.as_str()).into(),
            rule: decision.rule().map(String::from),
            expected: (text(case, "expect").unwrap().into(), text(case, "rule").map(String::from)),
            document,
        }
    }
}

fn object(members: &BTreeMap<String, String>) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
    format!("{{{}}}", members.join(","))
}
