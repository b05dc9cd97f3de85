//! Whole requests: no panic, an answer every time, the same when it is explained, and nothing allowed that does not carry
//! a token that was issued.
//!
//! The input is a request as text: `METHOD URL SECONDS`, header lines, an empty line, the body. `$1` to `$9` stand for
//! tokens that are good in their place, so that an input can be changed behind the signatures too.
#![no_main]

use actfor::jose::{Algorithm, base64url};
use actfor::json::{self, Limits, Value};
use actfor::proof::MemoryStore;
use actfor::{Guard, Request, Timestamp};
use actfor_mint::patterns::{Mint, Pattern, claims};
use actfor_mint::{Proof, SigningKey};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

const NOW: u64 = 1_795_000_060;
const RULES: &str = r#"actfor 1
model "m.fga"
on repo
  read  needs reader
  push  needs writer
on mcp_server
  initialize, tools/list  needs scope
on tool
  tools/call  needs scope
allow delegated to read, push on repo as lent
allow delegated to initialize, tools/list on mcp_server as connect
allow delegated to tools/call on tool as plain
approve agents to push on repo by user as review
forbid agents to push on repo as frozen
  when args.branch.startsWith("release/")
chain at most 3
scope "repo:read"       covers read on repo
scope "repo:{name}:rw"  covers read, push on repo:{name}
scope "repo:web:rw"     covers any action on mcp_server
scope "repo:web:rw"     covers tools/call on tool
mcp /mcp
tool get_repo is read on repo:{repo}
route GET   /repos/{repo}/**                          is read on repo:{repo}
route PATCH /repos/{repo}/git/refs/heads/{branch...}  is push on repo:{repo} with branch: string
public GET /healthz, preflight
"#;
const MODEL: &str = "model\n  schema 1.1\ntype user\ntype agent\ntype repo\n  relations\n    define writer: [user]\n    define reader: [user] or writer\ntype tool\ntype mcp_server\n";

struct World {
    guard: Guard,
    tokens: [String; 9],
}

fn text(text: &str) -> String {
    let mut w = json::Writer::default();
    w.string(text);
    w.finish()
}

fn world() -> World {
    let key = SigningKey::from_seed(Algorithm::Ed25519, [7; 32]).unwrap();
    let signs = format!(r#""algorithms":["Ed25519"],"jwks":{{"keys":[{}]}}"#, key.public_jwk());
    let config = format!(
        r#"{{"issuers":[
        {{"issuer":"https://as.example","audience":"https://api.example","dialect":"actfor","binding":"optional",{signs},
          "clients":{{"code-helper":"agent","test-runner":"agent"}}}},
        {{"issuer":"https://legacy.example","audience":"https://api.example","dialect":"rfc8693","binding":"optional",{signs},
          "clients":{{"web":"app","asserted":"agent"}},
          "context_issuers":[{{"issuer":"https://legacy.example","clients":["asserted"],{signs}}}]}},
        {{"issuer":"https://txn.example","audience":"trust.example","dialect":"txn-token","binding":"optional",{signs},
          "clients":{{"gateway":"app"}}}}],
        "approvals":[{{"issuer":"https://as.example",{signs}}}],
        "names":{{"https://as.example":{{"user":"user:{{sub}}","agent":"agent:{{sub}}"}},
          "https://legacy.example":{{"user":"user:{{sub}}","agent":"agent:{{sub}}","same_as":"https://as.example"}},
          "https://txn.example":{{}},
          "trust.example":{{"user":"user:{{sub}}","agent":"agent:{{sub}}","same_as":"https://as.example"}}}},
        "proof":{{"base_urls":["https://api.example"]}},
        "policy":{},"files":{{"m.fga":{}}},
        "tuples":[{{"user":"user:ana","relation":"writer","object":"repo:web"}}]}}"#,
        text(RULES),
        text(MODEL)
    );
    let access = |claims: &str| key.sign("at+jwt", claims);
    let example = |pattern| access(&claims(pattern, &Mint::fixture()));
    let legacy = |client: &str, more: &str| {
        access(&format!(
            r#"{{"iss":"https://legacy.example","aud":"https://api.example","iat":1795000000,"exp":1795000300,"sub":"ana","client_id":"{client}","jti":"l","scope":"repo:read","act":{{"iss":"https://legacy.example","sub":"helper"}}{more}}}"#
        ))
    };
    let bound = legacy("web", &format!(r#","cnf":{{"jkt":"{}"}}"#, key.thumbprint().unwrap()));
    let asserted = legacy("asserted", "");
    let assertion = format!(
        r#"{{"iss":"https://legacy.example","aud":"https://api.example","iat":1795000000,"exp":1795000200,"jti":"c","sub":"ana","sub_iss":"https://legacy.example","ath":"{}","agent_instance":{{"iss":"https://legacy.example","id":"C1AAAAAAAAAAAAAAAAAAAA","kind":"task"}},"agent_rel":{{"mode":"offline","authority":"user","hops":0}}}}"#,
        base64url::encode(&Sha256::digest(&asserted))
    );
    let proof = Proof {
        jti: "p",
        method: "GET",
        url: "https://api.example/repos/web/x",
        issued_at: NOW,
        access_token: &bound,
        nonce: None,
    };
    let transaction = r#"{"iss":"https://txn.example","aud":"trust.example","iat":1795000000,"exp":1795000300,"txn":"t","sub":"ana","scope":"repo:read","req_wl":"gateway","act":{"iss":"https://txn.example","sub":"helper","sub_profile":"ai_agent"}}"#;
    let tokens = [
        example(Pattern::Interactive),
        example(Pattern::Offline),
        example(Pattern::Automated),
        example(Pattern::Transitive),
        bound.clone(),
        key.prove(&proof).unwrap(),
        asserted,
        key.sign("agent-context+jwt", &assertion),
        key.sign("txntoken+jwt", transaction),
    ];
    World { guard: Guard::from_config(config.as_bytes(), 1).unwrap_or_else(|e| panic!("{e}")), tokens }
}

thread_local! {
    static WORLD: World = world();
}

/// The value with tokens put in.
fn filled(value: &[u8], tokens: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = value.iter();
    while let Some(&byte) = bytes.next() {
        let token = match (byte, bytes.as_slice().first()) {
            (b'$', Some(digit @ b'1'..=b'9')) => tokens.get(usize::from(digit - b'1')),
            _ => None,
        };
        match token {
            Some(token) => {
                bytes.next();
                out.extend(token.bytes());
            }
            None => out.push(byte),
        }
    }
    out
}

fuzz_target!(|bytes: &[u8]| {
    WORLD.with(|World { guard, tokens }| {
        let at = bytes.windows(2).position(|pair| pair == b"\n\n");
        let (head, body) = at.map_or((bytes, None), |at| (&bytes[..at], Some(&bytes[at + 2..])));
        let mut lines = head.split(|byte| *byte == b'\n');
        let Ok(first) = core::str::from_utf8(lines.next().unwrap_or_default()) else { return };
        let mut words = first.split(' ');
        let (Some(method), Some(url)) = (words.next(), words.next()) else { return };
        let now = words.next().map_or(Some(NOW), |seconds| seconds.parse().ok());
        let now = now.and_then(Timestamp::from_seconds);
        let fields: Vec<(&str, Vec<u8>)> = lines
            .filter_map(|line| {
                let at = line.iter().position(|byte| *byte == b':')?;
                let name = core::str::from_utf8(&line[..at]).ok()?;
                let value = line[at + 1..].strip_prefix(b" ").unwrap_or(&line[at + 1..]);
                Some((name, filled(value, tokens)))
            })
            .collect();
        let headers: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let url = filled(url.as_bytes(), tokens);
        let Ok(url) = core::str::from_utf8(&url) else { return };
        let request = Request { id: "r", method, url, headers: &headers, body, ..Request::default() };
        let decision = guard.decide_once(&request, now, &mut MemoryStore::new(4));
        let (explained, document) = guard.explain(&request.after(&decision), now);
        assert_eq!((decision.verdict(), decision.code()), (explained.verdict(), explained.code()));
        let document = json::parse(document.as_bytes(), &Limits::CONFIG).expect("the document is JSON");
        assert!(
            document
                .as_object()
                .and_then(|document| document.get("decision"))
                .and_then(Value::as_str)
                .is_some()
        );
        if decision.code().is_some() {
            return;
        }
        let public = url.starts_with("/healthz") || url.ends_with("/healthz") || method == "OPTIONS";
        // Exactly one credential, and one that was issued: an access token that needs nothing along, one with its proof, one
        // with its assertion, or a transaction token in its own header.
        let sent = |name: &str| {
            headers.iter().filter(|(known, _)| *known == name).map(|(_, value)| *value).collect::<Vec<_>>()
        };
        let is = |value: &[u8], scheme: &str, number: usize| {
            let value = value.strip_prefix(b" ").unwrap_or(value);
            value.len() > scheme.len()
                && value[..scheme.len()].eq_ignore_ascii_case(scheme.as_bytes())
                && value[scheme.len()..].trim_ascii() == tokens[number - 1].as_bytes()
        };
        let good = match (&sent("authorization")[..], &sent("txn-token")[..]) {
            ([one], []) => {
                is(one, "bearer ", 1)
                    || is(one, "bearer ", 2)
                    || is(one, "bearer ", 4) && !sent("agent-chain").is_empty()
                    || is(one, "dpop ", 5) && sent("dpop").len() == 1
                    || is(one, "bearer ", 7) && sent("agent-context").len() == 1
            }
            ([], [one]) => one.trim_ascii() == tokens[8].as_bytes(),
            _ => false,
        };
        assert!(good || public, "allowed without a token that was issued for it");
    })
});
