//! Every kind of token in the place of every other (RFC 8725 §2.8, §3.11, §3.12): none is taken for another.
//!
//! Two matrices, written to `tests/vectors/token/KINDS.md` with the code of every cell. In the first each kind is as its
//! issuer makes it. In the second a token is right for its place in everything, key and issuer included, and only its
//! `typ` is that of another kind: there nothing but the check of `typ` refuses. One key signs everything, so that no cell
//! is refused for its signature. `tests/vectors/token/kinds.json` has the cells for other hosts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

#[path = "support/identity/mod.rs"]
mod identity;
#[path = "support/issuers.rs"]
mod issuers;
#[path = "support/vectors.rs"]
mod vectors;

use std::fmt::Write as _;

use actfor::identity::dialect::Dialect;
use actfor::jose::base64url;
use actfor::json::{Value, Writer};
use actfor::proof::MemoryStore;
use actfor::token::Introspection;
use actfor::{Guard, Request, Timestamp};
use actfor_mint::patterns;

use identity::{Edits, Fixture};
use issuers::{
    ACTFOR, API, DOMAIN, LEGACY, TRANSACTIONS, config, credentials, delegated, hash, legacy, proof, signer,
};
use vectors::{NOW, object, only, read, settle, string};

/// Where a token can be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    AgentApproval,
    AgentChain,
    AgentContext,
    Authorization,
    DelegationChain,
    Dpop,
    Introspection,
    StatusList,
    TxnToken,
}

impl Place {
    const ALL: [Self; 9] = [
        Self::Authorization,
        Self::TxnToken,
        Self::Introspection,
        Self::AgentContext,
        Self::Dpop,
        Self::StatusList,
        Self::AgentApproval,
        Self::AgentChain,
        Self::DelegationChain,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::AgentApproval => "Agent-Approval",
            Self::AgentChain => "Agent-Chain",
            Self::AgentContext => "Agent-Context",
            Self::Authorization => "Authorization",
            Self::DelegationChain => "Agent-Chain of a delegation chain",
            Self::Dpop => "DPoP",
            Self::Introspection => "answer of an introspection",
            Self::StatusList => "status list",
            Self::TxnToken => "Txn-Token",
        }
    }

    /// The kind that belongs there.
    fn kind(self) -> &'static str {
        match self {
            Self::AgentApproval => "approval",
            Self::AgentChain | Self::Authorization => "access token",
            Self::AgentContext => "context assertion",
            Self::DelegationChain => "delegation token",
            Self::Dpop => "DPoP proof",
            Self::Introspection => "introspection answer",
            Self::StatusList => "status list",
            Self::TxnToken => "transaction token",
        }
    }

    fn typ(self) -> &'static str {
        match self {
            Self::AgentApproval => "agent-approval+jwt",
            Self::AgentChain | Self::Authorization | Self::DelegationChain => "at+jwt",
            Self::AgentContext => "agent-context+jwt",
            Self::Dpop => "dpop+jwt",
            Self::Introspection => "token-introspection+jwt",
            Self::StatusList => "statuslist+jwt",
            Self::TxnToken => "txntoken+jwt",
        }
    }

    /// The code for a token that is right but for its `typ`.
    fn refusal(self) -> &'static str {
        match self {
            Self::AgentApproval => "approval_invalid",
            Self::AgentChain | Self::DelegationChain => "hop_record_invalid",
            Self::AgentContext => "context_invalid",
            Self::Authorization | Self::TxnToken => "token_type_wrong",
            Self::Dpop => "proof_invalid",
            Self::Introspection => "introspection_invalid",
            Self::StatusList => "config_invalid",
        }
    }
}

/// Values of `typ` of other kinds of tokens, and none.
const TYPES: [Option<&str>; 17] = [
    None,
    Some("JWT"),
    Some("at+jwt"),
    Some("txntoken+jwt"),
    Some("token-introspection+jwt"),
    Some("agent-context+jwt"),
    Some("dpop+jwt"),
    Some("statuslist+jwt"),
    Some("agent-approval+jwt"),
    Some("rt+jwt"),
    Some("logout+jwt"),
    Some("oauth-id-jag+jwt"),
    Some("client-authentication+jwt"),
    Some("oauth-client-attestation+jwt"),
    Some("wit+jwt"),
    Some("wpt+jwt"),
    Some("secevent+jwt"),
];

/// A token before it is signed: members of the header beside `alg` and `typ`, and claims.
struct Draft {
    header: Vec<(&'static str, String)>,
    claims: String,
}

impl Draft {
    fn new(claims: impl Into<String>) -> Self {
        Self { header: vec![("kid", "\"es\"".into())], claims: claims.into() }
    }

    fn sign(&self, typ: Option<&str>) -> String {
        // In the order that a delegation chain asks for (RFC 8785).
        let header = object(|w| {
            w.key("alg").string("ES256");
            self.header.iter().for_each(|(name, value)| w.key(name).raw(value));
            if let Some(typ) = typ {
                w.key("typ").string(typ);
            }
        });
        signer().sign_as(header.as_bytes(), self.claims.as_bytes())
    }
}

/// The access token that a place's token goes along with.
fn companion(place: Place) -> String {
    let access = |claims: String| Draft::new(claims).sign(Some("at+jwt"));
    let fixture = patterns::Mint::fixture();
    match place {
        Place::AgentApproval => access(patterns::claims(patterns::Pattern::Offline, &fixture)),
        Place::AgentChain => access(patterns::claims(patterns::Pattern::Transitive, &fixture)),
        Place::AgentContext => {
            let actor = format!(r#","act":{{"iss":"{LEGACY}","sub":"code-helper"}}"#);
            access(legacy("asserted", &actor))
        }
        Place::DelegationChain => {
            let parent = right(place, None).sign(Some("at+jwt"));
            let (signed, _) = parent.rsplit_once('.').unwrap();
            access(delegated(
                "test-runner",
                r#""del_depth":1"#,
                &format!(r#","par_hash":"{}""#, hash(signed)),
            ))
        }
        Place::Dpop => {
            let key = format!(
                r#","act":{{"iss":"{LEGACY}","sub":"code-helper"}},"cnf":{{"jkt":"{}"}}"#,
                signer().thumbprint().unwrap()
            );
            access(legacy("web", &key))
        }
        Place::Introspection => {
            let actor = format!(r#","act":{{"iss":"{LEGACY}","sub":"code-helper"}}"#);
            access(legacy("introspected", &actor))
        }
        Place::Authorization | Place::StatusList | Place::TxnToken => String::new(),
    }
}

/// The token that belongs in a place. `digest` is what an approval approves.
fn right(place: Place, digest: Option<&str>) -> Draft {
    let fixture = patterns::Mint::fixture();
    match place {
        Place::AgentApproval => Draft::new(format!(
            r#"{{"iss":"{ACTFOR}","aud":"{API}","iat":{NOW},"jti":"a1","sub":"ana","approval_digest":"{}"}}"#,
            digest.unwrap_or("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")
        )),
        Place::AgentChain | Place::Authorization => {
            Draft::new(patterns::claims(patterns::Pattern::Offline, &fixture))
        }
        Place::AgentContext => Draft::new(format!(
            r#"{{"iss":"{LEGACY}","aud":"{API}","iat":1795000000,"exp":1795000200,"jti":"c1","sub":"ana","sub_iss":"{LEGACY}","ath":"{}","agent_instance":{{"iss":"{LEGACY}","id":"C1AAAAAAAAAAAAAAAAAAAA","kind":"task"}},"agent_rel":{{"mode":"offline","authority":"user","hops":0}}}}"#,
            hash(&companion(place))
        )),
        Place::DelegationChain => {
            Draft::new(delegated("code-helper", r#""del_depth":0,"del_max_depth":3"#, ""))
        }
        Place::Dpop => {
            let proof = proof(&companion(place), "p1");
            let mut parts =
                proof.split('.').map(|part| String::from_utf8(base64url::decode(part).unwrap_or_default()));
            let header = identity::parse(parts.next().unwrap().unwrap().as_bytes());
            let jwk = identity::text(identity::get(&header, "jwk").unwrap());
            Draft { header: vec![("jwk", jwk)], claims: parts.next().unwrap().unwrap() }
        }
        Place::Introspection => Draft::new(format!(
            r#"{{"iss":"{LEGACY}","aud":"{API}","iat":{NOW},"token_introspection":{{"active":true,"token_type":"Bearer",{}}}"#,
            &legacy("introspected", &format!(r#","act":{{"iss":"{LEGACY}","sub":"code-helper"}}"#))[1..]
        )),
        Place::StatusList => {
            let list = base64url::encode(&miniz_oxide::deflate::compress_to_vec_zlib(&[0; 4], 9));
            Draft::new(format!(
                r#"{{"iss":"{LEGACY}","sub":"{LEGACY}/status","iat":1795000000,"exp":1795000600,"status_list":{{"bits":1,"lst":"{list}"}}}}"#
            ))
        }
        Place::TxnToken => Draft::new(format!(
            r#"{{"iss":"{TRANSACTIONS}","aud":"{DOMAIN}","iat":1795000000,"exp":1795000300,"txn":"t1","sub":"ana","scope":"repo:read","req_wl":"gateway","act":{{"iss":"{TRANSACTIONS}","sub":"code-helper","sub_profile":"ai_agent"}}}}"#
        )),
    }
}

/// A request, or a list, with a token in a place.
struct Case {
    name: String,
    row: u64,
    expect: String,
    method: &'static str,
    headers: Vec<(&'static str, String)>,
    /// The token that was asked about, and the answer.
    introspection: Option<(String, String)>,
    /// A status list of the legacy issuer.
    status_list: Option<String>,
}

fn case(name: String, place: Place, token: String) -> Case {
    let along = companion(place);
    let mut case = Case {
        name,
        row: if place == Place::TxnToken { 29 } else { 28 },
        expect: String::new(),
        method: "GET",
        headers: vec![],
        introspection: None,
        status_list: None,
    };
    // Each case has a proof of its own: an enforcement point may remember them.
    let credentials = |token: &str| credentials(token, &hash(&case.name)[..16]);
    let with = |name, token| [credentials(&along), vec![(name, token)]].concat();
    case.headers = match place {
        Place::AgentApproval => with("agent-approval", token),
        Place::AgentChain | Place::DelegationChain => with("agent-chain", token),
        Place::AgentContext => with("agent-context", token),
        Place::Authorization => credentials(&token),
        Place::Dpop => vec![("authorization", format!("DPoP {along}")), ("dpop", token)],
        Place::Introspection => {
            let headers = credentials(&along);
            case.introspection = Some((along, token));
            headers
        }
        Place::StatusList => {
            case.status_list = Some(token);
            vec![]
        }
        Place::TxnToken => vec![("txn-token", token)],
    };
    if place == Place::AgentApproval {
        case.method = "PATCH";
    }
    case
}

/// The code, or `allow` (for a list: it is taken), and the reason.
fn run(guard: &Guard, case: &Case) -> (String, String) {
    let now = Timestamp::from_seconds(NOW).unwrap();
    if let Some(list) = &case.status_list {
        return match guard.clone().set_status_list(LEGACY, list, now) {
            Ok(()) => ("allow".into(), String::new()),
            Err(error) => (error.code.as_str().into(), error.message),
        };
    }
    let headers: Vec<_> = case.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let request = Request {
        id: "vector",
        method: case.method,
        url: "/repos/web",
        headers: &headers,
        introspection: case
            .introspection
            .as_ref()
            .map(|(token, answer)| Introspection { token, response: answer.as_bytes() }),
        ..Request::default()
    };
    let decision = guard.decide_once(&request, Some(now), &mut MemoryStore::new(4));
    let (_, document) = guard.explain(&request.after(&decision), Some(now));
    let reason = identity::parse(document.as_bytes());
    let reason = identity::member(&reason, "reason_admin").unwrap_or_default().to_owned();
    (decision.code().map_or("allow", |code| code.as_str()).into(), reason)
}

fn guard() -> Guard {
    Guard::from_config(config().as_bytes(), 1).unwrap_or_else(|error| panic!("{error}"))
}

/// What an approval has to approve.
fn digest(guard: &Guard) -> String {
    let authorization = format!("Bearer {}", companion(Place::AgentApproval));
    let headers = [("authorization", authorization.as_bytes())];
    let request = Request { method: "PATCH", url: "/repos/web", headers: &headers, ..Request::default() };
    let decision = guard.decide(&request, Timestamp::from_seconds(NOW));
    decision.approval().unwrap_or_else(|| panic!("{:?}", decision.code())).digest.clone()
}

/// Kinds as their issuers make them: each has a place where it is right.
const KINDS: [Place; 8] = [
    Place::Authorization,
    Place::TxnToken,
    Place::Introspection,
    Place::AgentContext,
    Place::Dpop,
    Place::StatusList,
    Place::AgentApproval,
    Place::DelegationChain,
];

/// The cells of the first matrix, with what came out.
fn kinds(guard: &Guard) -> Vec<(Place, Place, Case, String)> {
    let digest = digest(guard);
    let mut cells = Vec::new();
    for kind in KINDS {
        for place in Place::ALL {
            let token = right(kind, Some(&digest)).sign(Some(kind.typ()));
            let mut case = case(format!("{}, in {}", kind.kind(), place.name()), place, token);
            let (found, reason) = run(guard, &case);
            case.expect = found;
            cells.push((kind, place, case, reason));
        }
    }
    cells
}

/// The cells of the second matrix.
fn types(guard: &Guard) -> Vec<(Option<&'static str>, Place, Case, String)> {
    let digest = digest(guard);
    let mut cells = Vec::new();
    for typ in TYPES {
        for place in Place::ALL {
            let token = right(place, Some(&digest)).sign(typ);
            let name = format!("`typ` {}, in {}", typ.unwrap_or("missing"), place.name());
            let mut case = case(name, place, token);
            let (found, reason) = run(guard, &case);
            case.expect = found;
            cells.push((typ, place, case, reason));
        }
    }
    cells
}

/// A delegation token is an access token of an issuer that hands them on: it has two places.
fn belongs(kind: Place, place: Place) -> bool {
    match place {
        Place::Authorization => matches!(kind, Place::Authorization | Place::DelegationChain),
        Place::AgentChain => kind == Place::Authorization,
        other => kind == other,
    }
}

#[test]
fn no_kind_is_taken_for_another() {
    let mut right = 0;
    for (kind, place, case, reason) in kinds(&guard()) {
        right += usize::from(belongs(kind, place));
        assert_eq!(case.expect == "allow", belongs(kind, place), "{}: {} {reason}", case.name, case.expect);
    }
    assert_eq!(right, Place::ALL.len() + 1);
}

#[test]
fn only_its_own_typ_is_taken_in_a_place() {
    for (typ, place, case, reason) in types(&guard()) {
        if typ == Some(place.typ()) {
            assert_eq!(case.expect, "allow", "{}: {reason}", case.name);
        } else {
            assert_eq!(case.expect, place.refusal(), "{}: {reason}", case.name);
            assert!(reason.contains("typ"), "{}: refused for something else: {reason}", case.name);
        }
    }
}

/// Which `typ` an access token may have in each dialect: all else the same.
fn dialects() -> Vec<(Dialect, Vec<Option<&'static str>>)> {
    let row = |dialect: Dialect| {
        let fixture = Fixture::of(dialect.as_str());
        let guard = fixture.guard();
        let claims = identity::get(&fixture.tokens()[0], "claims").unwrap();
        let claims = identity::parse(Edits::default().apply(claims).as_bytes());
        let claims =
            if fixture.is_delegation() { identity::canonical(&claims) } else { identity::text(&claims) };
        let taken = |typ: &Option<&'static str>| {
            let token = identity::sign(&fixture.key, *typ, &claims);
            let decision = identity::ask(&guard, &token, fixture.is_transaction(), identity::PROBES[0]).0;
            let found = decision.code().map_or("allow", |code| code.as_str());
            assert!(["allow", "token_type_wrong"].contains(&found), "{}: {typ:?}: {found}", dialect.as_str());
            found == "allow"
        };
        (dialect, TYPES.into_iter().filter(taken).collect())
    };
    Dialect::ALL.into_iter().map(row).collect()
}

#[test]
fn a_dialect_takes_access_tokens_by_its_own_typ() {
    for (dialect, taken) in dialects() {
        // Where issuers write `JWT` or nothing, the claims tell kinds apart (`vectors/identity/vendors.json`).
        let known = match dialect {
            Dialect::TxnToken => &[Some("txntoken+jwt")][..],
            _ => &[None, Some("JWT"), Some("at+jwt")],
        };
        assert!(!taken.is_empty(), "{}", dialect.as_str());
        assert!(taken.iter().all(|typ| known.contains(typ)), "{}: {taken:?}", dialect.as_str());
    }
}

fn table() -> String {
    let guard = guard();
    let mut table = String::from(
        "# Kinds of tokens\n\nWritten by `tests/kinds.rs`: what becomes of each kind of token in the place of each other (RFC 8725 §3.11, §3.12). One key signs them all.\n\n## As their issuers make them\n\n| kind",
    );
    let head = |table: &mut String| {
        for place in Place::ALL {
            write!(table, " | {}", place.name()).unwrap();
        }
        write!(table, " |\n|---{}|\n", "|---".repeat(Place::ALL.len())).unwrap();
    };
    let cell = |code: &str| if code == "allow" { "**taken**".into() } else { format!("`{code}`") };
    head(&mut table);
    for row in kinds(&guard).chunks(Place::ALL.len()) {
        write!(table, "| {}", row[0].0.kind()).unwrap();
        row.iter().for_each(|(.., case, _)| write!(table, " | {}", cell(&case.expect)).unwrap());
        table.push_str(" |\n");
    }
    table.push_str("\n## Right for the place but for `typ`\n\n| `typ`");
    head(&mut table);
    for row in types(&guard).chunks(Place::ALL.len()) {
        write!(table, "| {}", row[0].0.map_or("missing".into(), |typ| format!("`{typ}`"))).unwrap();
        row.iter().for_each(|(.., case, _)| write!(table, " | {}", cell(&case.expect)).unwrap());
        table.push_str(" |\n");
    }
    table.push_str("\n## `typ` of an access token, by dialect\n\n| dialect | taken; every other one refuses `token_type_wrong` |\n|---|---|\n");
    for (dialect, taken) in dialects() {
        let taken: Vec<_> =
            taken.into_iter().map(|typ| typ.map_or("missing".into(), |typ| format!("`{typ}`"))).collect();
        writeln!(table, "| `{}` | {} |", dialect.as_str(), taken.join(", ")).unwrap();
    }
    table
}

fn write(case: &Case) -> String {
    object(|w| {
        w.key("name").string(&case.name);
        w.key("row").number(case.row);
        w.key("source").string("RFC 8725 §3.11, §3.12");
        w.key("expect").string(&case.expect);
        w.key("config").string("main");
        w.key("now").number(NOW);
        let pair = |w: &mut Writer, (a, b): (&str, &str), names: (&str, &str)| {
            w.object(|w| {
                w.key(names.0).string(a);
                w.key(names.1).string(b);
            });
        };
        if let Some(list) = &case.status_list {
            pair(w.key("status_list"), (LEGACY, list), ("issuer", "token"));
            return;
        }
        w.key("request").object(|w| {
            w.key("method").string(case.method);
            w.key("url").string("/repos/web");
            w.key("headers").array(|w| {
                for (name, value) in &case.headers {
                    w.array(|w| {
                        w.string(name);
                        w.string(value);
                    });
                }
            });
        });
        if let Some((token, response)) = &case.introspection {
            pair(w.key("introspection"), (token, response), ("token", "response"));
        }
    })
}

#[test]
fn the_files_are_what_the_matrices_say() {
    let guard = guard();
    // The right approval names the policy by its digest, which changes with the form of packs.
    let fixed = |kind: Option<Place>, place: Place| match place {
        Place::AgentApproval => kind.is_some_and(|kind| kind != Place::AgentApproval),
        _ => kind != Some(Place::AgentApproval),
    };
    let mut lines = Vec::new();
    for (kind, place, case, _) in kinds(&guard) {
        if fixed(Some(kind), place) {
            lines.push(write(&case));
        }
    }
    for (typ, place, case, _) in types(&guard) {
        // The token that is right is there already.
        if fixed(None, place) && typ != Some(place.typ()) {
            lines.push(write(&case));
        }
    }
    settle(
        "token/kinds.json",
        &format!(
            "{{\n\"configs\": {{\n\"main\": {}\n}},\n\"cases\": [\n{}\n]\n}}\n",
            config(),
            lines.join(",\n")
        ),
    );
    settle("token/KINDS.md", &table());
}

#[test]
fn every_case_of_the_file_comes_out_as_it_says() {
    let file = read("token/kinds.json");
    let file = file.as_object().unwrap();
    only(file, &["configs", "cases"]);
    let config = file.get("configs").and_then(Value::as_object).unwrap().get("main").unwrap();
    let guard = Guard::from_config(identity::text(config).as_bytes(), 1).unwrap();
    let cases = file.get("cases").and_then(Value::as_array).unwrap();
    for case in cases.iter().map(|case| case.as_object().unwrap()) {
        only(
            case,
            &["name", "row", "source", "expect", "config", "now", "request", "introspection", "status_list"],
        );
        let texts = |name: &str, a: &str, b: &str| {
            let pair = case.get(name).and_then(Value::as_object)?;
            Some((string(pair, a).to_owned(), string(pair, b).to_owned()))
        };
        let request = case.get("request").and_then(Value::as_object);
        let headers = request.and_then(|request| request.get("headers")).and_then(Value::as_array);
        let headers: Vec<_> =
            headers.unwrap_or_default().iter().map(|pair| pair.as_array().unwrap()).collect();
        let headers =
            headers.iter().map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap().to_owned()));
        let names = ["authorization", "txn-token", "agent-context", "dpop", "agent-approval", "agent-chain"];
        let known = |name: &str| names.into_iter().find(|known| *known == name).unwrap();
        let found = run(
            &guard,
            &Case {
                name: String::new(),
                row: 0,
                expect: String::new(),
                method: request.map_or("GET", |request| {
                    if string(request, "method") == "PATCH" { "PATCH" } else { "GET" }
                }),
                headers: headers.map(|(name, value)| (known(name), value)).collect(),
                introspection: texts("introspection", "token", "response"),
                status_list: texts("status_list", "issuer", "token").map(|(_, token)| token),
            },
        );
        assert_eq!(found.0, string(case, "expect"), "{}: {}", string(case, "name"), found.1);
    }
    println!("token/kinds.json: {} cases", cases.len());
    assert!(cases.len() > 150);
}
