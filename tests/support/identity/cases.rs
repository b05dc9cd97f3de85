//! The table of cases: each row of `tests/vectors/identity/*.json` is one request and what becomes of it.
//!
//! A case starts from a fixture (`dialect`, `token`), changes it (`set`, `remove`, by path), and may replace
//! members of the issuer (`issuer`) and of the configuration (`config`). Unknown members are refused.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use actfor::jose::{Algorithm, base64url};
use actfor::json::{Value, Writer};
use actfor::proof::MemoryStore;
use actfor::token::Introspection;
use actfor::{Decision, Guard, Request};
use actfor_mint::SigningKey;
use sha2::{Digest, Sha256};

use super::revocation::{Learned, learned};
use super::support::{
    Edits, Fixture, NOW, canonical, credentials, decide_once, get, guard, member, outcome, parse, read,
    route, sign, text,
};

const MEMBERS: [&str; 24] = [
    "name",
    "rows",
    "source",
    "dialect",
    "token",
    "set",
    "remove",
    "typ",
    "issuer",
    "config",
    "ask",
    "now",
    "headers",
    "chain",
    "context",
    "introspection",
    "status",
    "revoked",
    "carrier",
    "unsorted",
    "proof",
    "before",
    "room",
    "expect",
];

/// Keys by name: `issuer` is the fixture's. `forged issuer` is another key that says it is that one.
pub fn key(name: &str) -> SigningKey {
    if let Some(victim) = name.strip_prefix("forged ") {
        return key("stranger").with_kid(key(victim).kid());
    }
    let seed = match name {
        "issuer" => 7,
        "context" => 8,
        "stranger" => 9,
        "client" => 10,
        other => panic!("no key `{other}`"),
    };
    SigningKey::from_seed(Algorithm::Es256, [seed; 32]).unwrap()
}

/// A member's value with `$context_jwks` and the like put in.
fn filled(value: &Value<'_>) -> String {
    let mut out = text(value);
    for name in ["context", "stranger", "issuer"] {
        out =
            out.replace(&format!("\"${name}_jwks\""), &format!(r#"{{"keys":[{}]}}"#, key(name).public_jwk()));
    }
    out
}

fn replaced(case: &Value<'static>, name: &str) -> Vec<(String, String)> {
    let members = get(case, name).and_then(Value::as_object);
    members
        .iter()
        .flat_map(|members| members.iter())
        .map(|(name, value)| (name.into(), filled(value)))
        .collect()
}

#[track_caller]
fn only(value: &Value<'_>, known: &[&str]) {
    for (name, _) in value.as_object().unwrap().iter() {
        assert!(known.contains(&name), "unknown member `{name}`");
    }
}

/// What goes along with a token.
struct Sent {
    token: String,
    headers: Vec<(String, String)>,
    answer: Option<(String, String)>,
}

/// The claims of a token: changed, and with the hash of the one before where it says `$parent`.
fn claims_of(
    spec: &Value<'static>,
    base: &Value<'static>,
    fixture: &Fixture,
    before: Option<&String>,
) -> String {
    let mut claims = Edits::of(spec).apply(get(base, "claims").unwrap());
    if let Some((signed, _)) = before.and_then(|token| token.rsplit_once('.')) {
        claims = claims.replace("$parent", &base64url::encode(&Sha256::digest(signed)));
    }
    claims = claims.replace("$jkt", &key("client").thumbprint().unwrap());
    // Delegation tokens are in the form of RFC 8785.
    let sorted = fixture.is_delegation() && get(spec, "unsorted").is_none();
    if sorted { canonical(&parse(claims.as_bytes())) } else { claims }
}

fn send(case: &Value<'static>, fixture: &Fixture) -> Sent {
    let base = fixture.token(member(case, "token").unwrap());
    let mut records: Vec<String> = Vec::new();
    for record in get(case, "chain").and_then(Value::as_array).unwrap_or_default() {
        only(record, &["dialect", "token", "set", "remove", "typ", "unsorted", "key", "left_out"]);
        let base = fixture.token(member(record, "token").unwrap());
        let typ = member(record, "typ").or(member(base, "typ"));
        let stranger = member(record, "key").map(key);
        let key = stranger.as_ref().unwrap_or(&fixture.key);
        let claims = claims_of(record, base, fixture, records.last());
        records.push(sign(key, typ, &claims));
    }
    let claims = claims_of(case, base, fixture, records.last());
    let left_out = get(case, "chain").and_then(Value::as_array).unwrap_or_default().iter();
    let sent: Vec<_> = records
        .iter()
        .zip(left_out)
        .filter(|(_, spec)| get(spec, "left_out").is_none())
        .map(|(token, _)| token.clone())
        .collect();
    let typ = member(case, "typ").or(member(base, "typ"));
    let token = match member(case, "carrier") {
        Some("opaque") => "opaque-0123456789".to_owned(),
        _ => sign(&fixture.key, typ, &claims),
    };
    let bound = get(case, "proof").is_some();
    let transaction = fixture.is_transaction() != (member(case, "carrier") == Some("other"));
    let (name, value) = credentials(&token, transaction);
    let bearer = get(case, "proof").is_some_and(|proof| get(proof, "bearer").is_some());
    let value = if bound && !bearer { value.replacen("Bearer", "DPoP", 1) } else { value };
    let mut headers = vec![(name.to_owned(), value)];
    for header in get(case, "headers").and_then(Value::as_array).unwrap_or_default() {
        let pair = header.as_array().unwrap();
        headers.push((pair[0].as_str().unwrap().into(), pair[1].as_str().unwrap().replace("$token", &token)));
    }
    if !sent.is_empty() {
        headers.push(("agent-chain".into(), sent.join(", ")));
    }
    if let Some(context) = get(case, "context") {
        only(context, &["set", "remove", "key", "typ", "ath", "twice"]);
        let value = assertion(context, &token, &parse(claims.as_bytes()));
        headers.push(("agent-context".into(), value.clone()));
        if get(context, "twice").is_some() {
            headers.push(("agent-context".into(), value));
        }
    }
    if let Some(spec) = get(case, "proof") {
        only(spec, &["set", "remove", "bearer"]);
        let context =
            headers.iter().find(|(name, _)| name == "agent-context").map(|(_, value)| value.as_str());
        headers.push(("dpop".into(), proof(case, spec, &token, context.unwrap_or_default())));
    }
    let answer = get(case, "introspection").map(|spec| {
        only(spec, &["set", "remove", "text", "about", "signed"]);
        let answer = answer(spec, &parse(claims.as_bytes()), &fixture.key, fixture.issuer());
        let about = member(spec, "about").map_or(token.clone(), |other| other.into());
        (about, answer)
    });
    Sent { token, headers, answer }
}

fn asked<'c>(case: &'c Value<'static>) -> &'c str {
    member(case, "ask").unwrap_or("read repo:web")
}

/// A DPoP proof for a request: as it should be, changed; `$context` is the hash of the assertion.
fn proof(case: &Value<'static>, spec: &Value<'static>, token: &str, context: &str) -> String {
    let (key, (method, url)) = (key("client"), route(asked(case)));
    let hash = |text: &str| base64url::encode(&Sha256::digest(text.as_bytes()));
    let mut w = Writer::default();
    w.object(|w| {
        // Each case has its own: where one memory is behind all of them, a proof is good once.
        w.key("jti").string(&hash(member(case, "name").unwrap()));
        w.key("htm").string(method);
        w.key("htu").string(&format!("https://api.example{url}"));
        w.key("iat").number(NOW);
        w.key("ath").string(&hash(token));
    });
    let claims = Edits::of(spec).apply(&parse(w.finish().as_bytes())).replace("$context", &hash(context));
    let mut w = Writer::default();
    let jwk = parse(key.public_jwk().as_bytes());
    w.object(|w| {
        w.key("typ").string("dpop+jwt");
        w.key("alg").string(key.algorithm().name());
        w.key("jwk").object(|w| {
            for name in ["kty", "crv", "x", "y"] {
                w.key(name).value(get(&jwk, name).unwrap());
            }
        });
    });
    key.sign_as(w.finish().as_bytes(), claims.as_bytes())
}

/// An assertion about a token: as it should be, changed.
fn assertion(spec: &Value<'static>, token: &str, claims: &Value<'static>) -> String {
    let ath = match member(spec, "ath") {
        Some(other) => other.to_owned(),
        None => base64url::encode(&Sha256::digest(token.as_bytes())),
    };
    let mut w = Writer::default();
    w.object(|w| {
        w.key("iss").string("https://agents.example");
        w.key("sub").value(get(claims, "sub").unwrap());
        w.key("sub_iss").value(get(claims, "iss").unwrap());
        w.key("aud").string("https://api.example");
        w.key("iat").number(1_795_000_000);
        w.key("exp").number(1_795_000_200);
        w.key("jti").string("context-1");
        w.key("ath").string(&ath);
        w.key("agent_instance")
            .raw(r#"{"iss":"https://agents.example","id":"C1AAAAAAAAAAAAAAAAAAAA","kind":"session"}"#);
        w.key("agent_rel")
            .raw(r#"{"mode":"interactive","authority":"user","present_until":1795000120,"hops":0}"#);
    });
    let claims = Edits::of(spec).apply(&parse(w.finish().as_bytes()));
    let claims = claims.replace("$jkt", &key("client").thumbprint().unwrap());
    let typ = member(spec, "typ").unwrap_or("agent-context+jwt");
    sign(&key(member(spec, "key").unwrap_or("context")), Some(typ), &claims)
}

/// The answer of an introspection endpoint: what the token says, active, changed.
fn answer(spec: &Value<'static>, claims: &Value<'static>, key: &SigningKey, issuer: &str) -> String {
    if let Some(text) = member(spec, "text") {
        return text.to_owned();
    }
    let mut w = Writer::default();
    w.object(|w| {
        w.key("active").bool(true);
        w.key("token_type").string("Bearer");
        for (name, value) in claims.as_object().unwrap().iter() {
            w.key(name).value(value);
        }
    });
    let facts = Edits::of(spec).apply(&parse(w.finish().as_bytes()));
    let Some(signed) = get(spec, "signed") else { return facts };
    only(signed, &["set", "remove", "typ", "key"]);
    let signer = member(signed, "key").map(self::key);
    let key = signer.as_ref().unwrap_or(key);
    let mut w = Writer::default();
    w.object(|w| {
        w.key("iss").string(issuer);
        w.key("aud").string("https://api.example");
        w.key("iat").number(1_795_000_050);
        w.key("token_introspection").raw(&facts);
    });
    let claims = Edits::of(signed).apply(&parse(w.finish().as_bytes()));
    sign(key, Some(member(signed, "typ").unwrap_or("token-introspection+jwt")), &claims)
}

fn run(case: &Value<'static>) {
    Concrete::of(case).run(get(case, "expect").unwrap());
}

/// One request.
#[derive(Clone)]
pub struct Asked {
    pub method: &'static str,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub now: u64,
}

/// A case as a host meets it: nothing is left to be put together.
#[derive(Clone)]
pub struct Concrete {
    pub config: String,
    pub learned: Vec<Learned>,
    /// Requests that were allowed before.
    pub before: Vec<Asked>,
    pub request: Asked,
    /// What the introspection endpoint says, and about which token.
    pub introspection: Option<(String, String)>,
    /// How many instances and proofs the store has room for.
    pub room: Option<u64>,
    token: String,
}

impl Concrete {
    pub fn of(case: &Value<'static>) -> Self {
        only(case, &MEMBERS);
        let fixture = Fixture::of(member(case, "dialect").unwrap_or("actfor"));
        let mut root = replaced(case, "config");
        if get(case, "proof").is_some() && !root.iter().any(|(name, _)| name == "proof") {
            root.push(("proof".into(), r#"{"base_urls":["https://api.example"]}"#.into()));
        }
        let sent = send(case, &fixture);
        let (method, url) = route(asked(case));
        let at = |case| get(case, "now").map_or(NOW, |now| now.as_u64().unwrap());
        let earlier = get(case, "before").and_then(Value::as_array).unwrap_or_default().iter();
        let before = earlier.map(|earlier| {
            only(earlier, &["token", "set", "remove", "now"]);
            Asked { method, url: url.clone(), headers: send(earlier, &fixture).headers, now: at(earlier) }
        });
        Self {
            config: fixture.config(&replaced(case, "issuer"), &root),
            learned: learned(case, &fixture),
            before: before.collect(),
            request: Asked { method, url: url.clone(), headers: sent.headers, now: at(case) },
            introspection: sent.answer,
            room: get(case, "room").and_then(Value::as_u64),
            token: sent.token,
        }
    }

    pub fn guard(&self) -> Guard {
        let mut guard = guard(&self.config);
        for learned in &self.learned {
            learned.teach(&mut guard);
        }
        guard
    }

    /// The same, where what is learned may be refused.
    pub fn guard_of_what_is_taken(&self) -> Guard {
        let mut guard = guard(&self.config);
        for learned in &self.learned {
            learned.offer(&mut guard).ok();
        }
        guard
    }

    /// Decides after everything that came before.
    pub fn decide(&self, guard: &Guard) -> (Decision, Value<'static>) {
        let mut store = MemoryStore::new(self.room.unwrap_or(8) as usize);
        for earlier in &self.before {
            let (decision, _) = self.ask(guard, earlier, None, &mut store);
            assert_eq!(outcome(&decision), "allow");
        }
        let answer = self.introspection.as_ref();
        let answer = answer.map(|(token, response)| Introspection { token, response: response.as_bytes() });
        self.ask(guard, &self.request, answer, &mut store)
    }

    fn run(&self, expect: &Value<'static>) {
        let guard = self.guard();
        // Twice: a token that was seen before is no better and no worse.
        for _ in 0..2 {
            let (decision, document) = self.decide(&guard);
            only(expect, &["code", "allow", "user", "agent", "kind", "mode", "says", "status", "binding"]);
            let expected = member(expect, "code").unwrap_or("allow");
            let reason = member(&document, "reason_admin").unwrap_or_default();
            assert_eq!(outcome(&decision), expected, "{reason}\n{}\n{}", text(&document), self.token);
            let said = [
                ("user", decision.user()),
                ("agent", decision.agent()),
                ("kind", decision.kind().map(|kind| kind.as_str())),
                ("mode", decision.mode().map(|mode| mode.as_str())),
            ];
            for (name, found) in said {
                if get(expect, name).is_some() {
                    assert_eq!(found, member(expect, name), "{name}: {}", text(&document));
                }
            }
            if get(expect, "binding").is_some() {
                let found = get(&document, "who").and_then(|who| member(who, "binding"));
                assert_eq!(found, member(expect, "binding"));
            }
            if let Some(says) = member(expect, "says") {
                assert!(reason.contains(says), "`{reason}` does not say `{says}`");
            }
            if let Some(status) = get(expect, "status").and_then(Value::as_u64) {
                assert_eq!(u64::from(decision.status()), status);
            }
        }
    }

    fn ask(
        &self,
        guard: &Guard,
        asked: &Asked,
        introspection: Option<Introspection<'_>>,
        store: &mut MemoryStore,
    ) -> (Decision, Value<'static>) {
        let headers: Vec<_> =
            asked.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let (method, url) = (asked.method, asked.url.as_str());
        let peer = Some(PEER);
        let request =
            Request { id: "r", method, url, headers: &headers, introspection, peer, ..Request::default() };
        decide_once(guard, &request, asked.now, store)
    }
}

/// Where every request comes from.
pub const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Every case of the table, with the file that it is in.
pub fn all() -> Vec<(String, Value<'static>)> {
    let cases = |file: String| {
        let cases = read(&format!("identity/{file}"));
        let cases = cases.as_array().unwrap().to_vec();
        cases.into_iter().map(move |case| (file.clone(), case.into_owned()))
    };
    files().into_iter().flat_map(cases).collect()
}

fn files() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/identity");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    files
}

/// One test a file.
macro_rules! files {
    ($($name:ident),* $(,)?) => {
        const FILES: &[&str] = &[$(concat!(stringify!($name), ".json")),*];

        $(
            #[test]
            fn $name() {
                every_case_turns_out_as_it_says(concat!(stringify!($name), ".json"));
            }
        )*
    };
}

files!(actors, carriers, chain, delegation, edges, kinds, relationship, reuse, revocation, status, vendors,);

#[test]
fn every_file_has_a_test() {
    assert_eq!(files(), FILES);
}

fn every_case_turns_out_as_it_says(file: &str) {
    let (mut failed, mut rows, mut count) = (Vec::new(), BTreeMap::<u64, usize>::new(), 0);
    for (_, case) in all().into_iter().filter(|(name, _)| name == file) {
        count += 1;
        for row in get(&case, "rows").and_then(Value::as_array).unwrap_or_default() {
            *rows.entry(row.as_u64().unwrap()).or_default() += 1;
        }
        assert!(member(&case, "source").is_some(), "no source");
        let name = member(&case, "name").unwrap();
        if let Err(error) = std::panic::catch_unwind(|| run(&case)) {
            let text = error.downcast_ref::<String>().cloned();
            let text = text.or(error.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            failed.push(format!("{name}: {}", text.unwrap_or_default()));
        }
    }
    assert!(count > 0 && failed.is_empty(), "{} of {count} cases:\n{}", failed.len(), failed.join("\n\n"));
    println!("{file}: {count} cases, rows {:?}", rows.keys().collect::<Vec<_>>());
}
