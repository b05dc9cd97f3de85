//! Bound tokens through the guard: nothing passes without the proof of every key that `cnf` names.

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

use acme::{Acme, NOW, outcome};
use actfor::jose::{Algorithm, base64url};
use actfor::proof::{Certificate, MemoryStore, ReplayStore, Use};
use actfor::{Decision, Guard, Request, Timestamp};
use actfor_mint::SigningKey;
use actfor_mint::patterns::{Mint, Pattern, claims};
use sha2::{Digest, Sha256};

const URL: &str = "/repos/web/x";

struct Client {
    acme: Acme,
    key: SigningKey,
}

impl Client {
    fn new() -> Self {
        Self { acme: Acme::default(), key: SigningKey::from_seed(Algorithm::Ed25519, [9; 32]).unwrap() }
    }

    /// A guard with these members in `proof`.
    fn guard(&self, proof: &str) -> Guard {
        let config = self.acme.config();
        let config = format!(r#"{},"proof":{proof}}}"#, config.strip_suffix('}').unwrap());
        Guard::from_config(config.as_bytes(), 1).unwrap_or_else(|e| panic!("{e}"))
    }

    fn bound_token(&self, cnf: &str) -> String {
        let claims = claims(Pattern::Offline, &Mint::fixture());
        self.acme.sign(&format!(r#"{},"cnf":{cnf}}}"#, claims.strip_suffix('}').unwrap()))
    }

    fn dpop_token(&self) -> String {
        self.bound_token(&format!(r#"{{"jkt":"{}"}}"#, self.key.thumbprint().unwrap()))
    }

    fn proof(&self, token: &str, jti: &str, more: &str) -> String {
        let header =
            format!(r#"{{"typ":"dpop+jwt","alg":"Ed25519","jwk":{}}}"#, bare(&self.key.public_jwk()));
        let ath = base64url::encode(&Sha256::digest(token.as_bytes()));
        let payload = format!(
            r#"{{"jti":"{jti}","htm":"GET","htu":"https://api.example{URL}","iat":{NOW},"ath":"{ath}"{more}}}"#
        );
        self.key.sign_as(header.as_bytes(), payload.as_bytes())
    }
}

/// A public key without its name and use: `kty`, `crv`, `x`.
fn bare(jwk: &str) -> String {
    let value = actfor::json::parse(jwk.as_bytes(), &actfor::json::Limits::TOKEN).unwrap();
    let get = |name: &str| value.as_object().unwrap().get(name).unwrap().as_str().unwrap().to_owned();
    format!(r#"{{"kty":"{}","crv":"{}","x":"{}"}}"#, get("kty"), get("crv"), get("x"))
}

const BASE: &str = r#"{"base_urls":["https://api.example"]}"#;

/// Decides with a store; where there is an outcome of the store, the explanation must agree.
fn decide(
    guard: &Guard,
    authorization: &str,
    proof: Option<&str>,
    store: Option<&mut dyn ReplayStore>,
) -> Decision {
    let mut headers = vec![("authorization", authorization.as_bytes())];
    if let Some(proof) = proof {
        headers.push(("dpop", proof.as_bytes()));
    }
    let request = Request { id: "r", method: "GET", url: URL, headers: &headers, ..Request::default() };
    let now = Timestamp::from_seconds(NOW);
    let decision = match store {
        Some(store) => guard.decide_once(&request, now, store),
        None => guard.decide(&request, now),
    };
    let (explained, document) = guard.explain(&request.after(&decision), now);
    assert_eq!(outcome(&explained), outcome(&decision), "{document}");
    decision
}

#[test]
fn a_bound_token_needs_its_proof_although_bearer_tokens_pass() {
    let client = Client::new();
    let guard = client.guard(BASE);
    let token = client.dpop_token();
    let proof = client.proof(&token, "p1", "");
    let mut store = MemoryStore::new(8);
    let outcome_of = |authorization: &str, proof: Option<&str>, store: &mut MemoryStore| {
        let decision = decide(&guard, authorization, proof, Some(store));
        (outcome(&decision), decision.status())
    };
    let dpop = format!("DPoP {token}");
    assert_eq!(outcome_of(&dpop, None, &mut store), ("proof_missing", 401));
    assert_eq!(outcome_of(&format!("Bearer {token}"), Some(&proof), &mut store), ("proof_missing", 401));
    assert_eq!(outcome_of(&dpop, Some(&proof), &mut store), ("allow", 200));
    assert_eq!(outcome_of(&dpop, Some(&proof), &mut store), ("proof_replayed", 401));
    assert_eq!(outcome_of(&dpop, Some(&client.proof(&token, "p2", "")), &mut store), ("allow", 200));
    let bearer = client.acme.token(Pattern::Offline);
    assert_eq!(outcome_of(&format!("Bearer {bearer}"), None, &mut store), ("allow", 200));
    assert_eq!(outcome_of(&format!("DPoP {bearer}"), Some(&proof), &mut store), ("proof_invalid", 401));
}

/// Who cannot show the key learns nothing of what is wrong with the token's relationship; the record has who it names.
#[test]
fn the_proof_comes_before_the_relationship() {
    let client = Client::new();
    let guard = client.guard(BASE);
    let cnf = format!(r#""cnf":{{"jkt":"{}"}}"#, client.key.thumbprint().unwrap());
    let claims = claims(Pattern::Offline, &Mint::fixture());
    let agent = r#""act":{"iss":"https://as.example","#;
    let mut store = MemoryStore::new(8);
    for (from, to, code) in [
        (r#""authority":"user""#, r#""authority":"agent""#, "relationship_unsupported"),
        (agent, &agent.replace("as.", "other."), "foreign_name"),
    ] {
        assert!(claims.contains(from), "{claims}");
        let odd = claims.replace(from, to);
        let token = client.acme.sign(&format!("{},{cnf}}}", odd.strip_suffix('}').unwrap()));
        let proof = client.proof(&token, code, "");
        let dpop = format!("DPoP {token}");
        assert_eq!(outcome(&decide(&guard, &dpop, None, Some(&mut store))), "proof_missing");
        assert_eq!(outcome(&decide(&guard, &dpop, Some(&proof), Some(&mut store))), code);
    }

    let refused = decide(&guard, &format!("DPoP {}", client.dpop_token()), None, Some(&mut store));
    assert_eq!(
        (outcome(&refused), refused.user(), refused.agent()),
        ("proof_missing", Some("user:ana"), Some("agent:code-helper"))
    );
}

#[test]
fn a_proof_that_nobody_remembers_refuses() {
    let client = Client::new();
    let token = client.dpop_token();
    let proof = client.proof(&token, "p1", "");
    let dpop = format!("DPoP {token}");
    let decision = decide(&client.guard(BASE), &dpop, Some(&proof), None);
    assert_eq!((outcome(&decision), decision.status()), ("proof_store_unavailable", 503));
    let full = decide(&client.guard(BASE), &dpop, Some(&proof), Some(&mut MemoryStore::new(0)));
    assert_eq!(outcome(&full), "proof_store_unavailable");
    // Without an address of our own, no `htu` is ours.
    let nowhere = decide(&client.guard("{}"), &dpop, Some(&proof), Some(&mut MemoryStore::new(8)));
    assert_eq!(outcome(&nowhere), "proof_invalid");
}

#[test]
fn a_nonce_is_asked_for_and_then_accepted() {
    let client = Client::new();
    let secret = base64url::encode(&[3; 32]);
    let guard =
        client.guard(&format!(r#"{{"base_urls":["https://api.example"],"nonce":{{"secret":"{secret}"}}}}"#));
    let token = client.dpop_token();
    let dpop = format!("DPoP {token}");
    let mut store = MemoryStore::new(8);
    let first = decide(&guard, &dpop, Some(&client.proof(&token, "p1", "")), Some(&mut store));
    assert_eq!(outcome(&first), "proof_nonce_needed");
    assert!(first.challenge().unwrap().starts_with("DPoP error=\"use_dpop_nonce\""));
    let nonce = format!(r#","nonce":"{}""#, first.dpop_nonce().unwrap());
    // Only where a nonce is all that is missing.
    let other = decide(&guard, &dpop, Some(&client.proof("another token", "p0", "")), Some(&mut store));
    assert_eq!((outcome(&other), other.dpop_nonce()), ("proof_invalid", None));
    let second = decide(&guard, &dpop, Some(&client.proof(&token, "p2", &nonce)), Some(&mut store));
    assert_eq!((outcome(&second), second.proof_use()), ("allow", Some(Use::First)));
}

#[test]
fn a_certificate_bound_token_needs_the_certificate_and_both_bindings_are_checked() {
    let client = Client::new();
    let der = b"a certificate";
    let hash = Sha256::digest(der);
    let (x5t, jkt) = (base64url::encode(&hash), client.key.thumbprint().unwrap());
    let certificate = Certificate::from_der(der);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let forwarded = format!("By=spiffe://x;Hash={hex}");
    let now = Timestamp::from_seconds(NOW);
    let ask = |guard: &Guard,
               token: &str,
               certificate: Option<&Certificate>,
               xfcc: Option<&str>,
               proof: Option<&str>| {
        let authorization = format!("{} {token}", if proof.is_some() { "DPoP" } else { "Bearer" });
        let mut headers = vec![("authorization", authorization.as_bytes())];
        headers.extend(xfcc.map(|value| ("x-forwarded-client-cert", value.as_bytes())));
        headers.extend(proof.map(|value| ("dpop", value.as_bytes())));
        let request = Request {
            id: "r",
            method: "GET",
            url: URL,
            headers: &headers,
            certificate,
            peer: Some([10, 0, 0, 1].into()),
            ..Request::default()
        };
        let decision = guard.decide_once(&request, now, &mut MemoryStore::new(8));
        // The document says what held.
        let (_, document) = guard.explain(&request.after(&decision), now);
        let held = ["dpop+mtls", "dpop", "mtls"];
        let shown = held.into_iter().find(|held| document.contains(&format!(r#""binding":"{held}""#)));
        let expected = match (decision.code(), proof) {
            (Some(_), _) => None,
            (None, Some(_)) => Some("dpop+mtls"),
            (None, None) => Some("mtls"),
        };
        assert_eq!(shown, expected, "{document}");
        outcome(&decision)
    };
    let guard = client.guard(BASE);
    let trusting =
        client.guard(r#"{"base_urls":["https://api.example"],"trust_forwarded_client_cert":["10.0.0.0/8"]}"#);
    let mtls = client.bound_token(&format!(r#"{{"x5t#S256":"{x5t}"}}"#));
    assert_eq!(ask(&guard, &mtls, None, None, None), "proof_missing");
    assert_eq!(ask(&guard, &mtls, Some(&certificate), None, None), "allow");
    assert_eq!(ask(&guard, &mtls, Some(&Certificate::from_der(b"another")), None, None), "proof_invalid");
    assert_eq!(ask(&guard, &mtls, None, Some(&forwarded), None), "proof_missing");
    assert_eq!(ask(&trusting, &mtls, None, Some(&forwarded), None), "allow");
    let both = client.bound_token(&format!(r#"{{"x5t#S256":"{x5t}","jkt":"{jkt}"}}"#));
    let proof = client.proof(&both, "p1", "");
    assert_eq!(ask(&guard, &both, Some(&certificate), None, None), "proof_missing");
    assert_eq!(ask(&guard, &both, None, None, Some(&proof)), "proof_missing");
    assert_eq!(ask(&guard, &both, Some(&certificate), None, Some(&proof)), "allow");
}
