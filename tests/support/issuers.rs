//! Several issuers in one configuration, which use everything that can go along with a token: assertions, introspection,
//! status lists, proofs, approvals, records of a chain. One key signs it all.

#![allow(dead_code, missing_docs, reason = "each test takes what it needs")]

use actfor::jose::{Algorithm, base64url};
use actfor_mint::{Proof, SigningKey};
use sha2::{Digest, Sha256};

use super::vectors::{NOW, key, object};

pub const API: &str = "https://api.example";
pub const ACTFOR: &str = "https://as.example";
pub const CHAIN: &str = "https://chain.example";
pub const LEGACY: &str = "https://legacy.example";
pub const TRANSACTIONS: &str = "https://txn.example";
pub const DOMAIN: &str = "trust.example";

pub const RULES: &str = r#"actfor 1
model "m.fga"
on repo
  read   needs reader
  push   needs writer
allow delegated to read, push on repo as lent
approve agents to push on repo by user as review
chain at most 3
scope "repo:read"       covers read on repo
scope "repo:{name}:rw"  covers read, push on repo:{name}
route GET   /repos/{repo} is read on repo:{repo}
route PATCH /repos/{repo} is push on repo:{repo}
"#;

pub const MODEL: &str = "model\n  schema 1.1\ntype user\ntype agent\ntype repo\n  relations\n    define writer: [user]\n    define reader: [user] or writer\n";

/// The one key.
pub fn signer() -> SigningKey {
    key(Algorithm::Es256, 1).with_kid("es")
}

pub fn config() -> String {
    let signer = signer();
    let signs = format!(r#""algorithms":["ES256"],"jwks":{{"keys":[{}]}}"#, signer.public_jwk());
    let issuer = |issuer: &str, dialect: &str, audience: &str, more: &str| {
        format!(
            r#"{{"issuer":"{issuer}","audience":["{audience}"],"dialect":"{dialect}","binding":"optional",{signs}{more}}}"#
        )
    };
    let people = |more: &str| {
        format!(r#"{{"user":"user:{{sub}}","agent":"agent:{{sub}}","same_as":"{ACTFOR}"{more}}}"#)
    };
    object(|w| {
        w.key("issuers").array(|w| {
            w.raw(&issuer(ACTFOR, "actfor", API, r#","clients":{"code-helper":"agent","test-runner":"agent"}"#));
            w.raw(&issuer(
                LEGACY,
                "rfc8693",
                API,
                &format!(
                    r#","clients":{{"web":"app","asserted":"agent","introspected":"app"}},
                    "context_issuers":[{{"issuer":"{LEGACY}","clients":["asserted"],{signs}}}],
                    "introspection":{{"endpoint":"{LEGACY}/introspect","signed":true,"clients":["introspected"]}},
                    "status":{{"uris":["{LEGACY}/status"]}}"#
                ),
            ));
            w.raw(&issuer(TRANSACTIONS, "txn-token", DOMAIN, r#","clients":{"gateway":"app"}"#));
            w.raw(&issuer(CHAIN, "delegation-chain", API, ""));
        });
        w.key("approvals").raw(&format!(r#"[{{"issuer":"{ACTFOR}",{signs}}}]"#));
        w.key("names").object(|w| {
            w.key(ACTFOR).raw(r#"{"user":"user:{sub}","agent":"agent:{sub}"}"#);
            w.key(LEGACY).raw(&people(""));
            w.key(CHAIN).raw(&people(""));
            w.key(DOMAIN).raw(&people(""));
            w.key(TRANSACTIONS).raw("{}");
        });
        w.key("policy").string(RULES);
        w.key("files").object(|w| w.key("m.fga").string(MODEL));
        w.key("tuples").raw(r#"[{"user":"user:ana","relation":"writer","object":"repo:web"}]"#);
        w.key("proof").raw(&format!(r#"{{"base_urls":["{API}"]}}"#));
    })
}

pub fn hash(text: &str) -> String {
    base64url::encode(&Sha256::digest(text))
}

/// The claims of a token of the legacy issuer.
pub fn legacy(client: &str, more: &str) -> String {
    format!(
        r#"{{"iss":"{LEGACY}","aud":"{API}","iat":1795000000,"exp":1795000300,"sub":"ana","client_id":"{client}","jti":"l1","scope":"repo:read"{more}}}"#
    )
}

/// What a delegation token says, in the form of RFC 8785. It is always bound to a key.
pub fn delegated(agent: &str, depth: &str, parent: &str) -> String {
    let jkt = signer().thumbprint().unwrap();
    format!(
        r#"{{"aud":"{API}","authorization_details":[{{"constraints":[],"scopes":["repo:read"],"type":"agent_delegation"}}],"client_id":"{agent}","cnf":{{"jkt":"{jkt}"}},{depth},"exp":1795000300,"iat":1795000000,"iss":"{CHAIN}","jti":"{agent}"{parent},"sub":"ana"}}"#
    )
}

/// A proof for reading `web` with an access token.
pub fn proof(access_token: &str, jti: &str) -> String {
    let url = format!("{API}/repos/web");
    let proof = Proof { jti, method: "GET", url: &url, issued_at: NOW, access_token, nonce: None };
    signer().prove(&proof).unwrap()
}

/// The header fields of an access token, with a proof if it is bound to a key.
pub fn credentials(token: &str, jti: &str) -> Vec<(&'static str, String)> {
    let payload = token.split('.').nth(1).and_then(base64url::decode).unwrap();
    match String::from_utf8(payload).unwrap().contains(r#""cnf":"#) {
        true => vec![("authorization", format!("DPoP {token}")), ("dpop", proof(token, jti))],
        false => vec![("authorization", format!("Bearer {token}"))],
    }
}
