//! DPoP proofs (RFC 9449): the twelve checks of §4.3, for a request that carries an access token.
//!
//! ```
//! # use actfor::{Timestamp, jose::Algorithm, proof::{Base, DpopFacts, dpop}};
//! # fn check(headers: &[&[u8]], access_token: &str, thumbprint: &str) -> Result<(), actfor::Refusal> {
//! let facts = DpopFacts {
//!     method: "GET",
//!     path: "/repos/web",
//!     bases: &[Base::parse("https://api.example").unwrap()],
//!     access_token,
//!     thumbprint, // `cnf.jkt` of the access token, which was verified before
//!     algorithms: &[Algorithm::Es256],
//!     nonces: None,
//!     now: Timestamp::from_seconds(1_795_000_060).unwrap(),
//!     max_age: 60,
//!     leeway: 5,
//!     host: None,
//! };
//! let proof = dpop::verify(headers, &facts)?;
//! // Now ask the replay store about `proof`.
//! # let _ = proof;
//! # Ok(()) }
//! ```

use alloc::{borrow::ToOwned, format, string::String};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{Code, Refusal, is_invisible, quote};
use crate::jose::{
    Algorithm, EmbeddedKey, HostCrypto, Jws, JwsLimits, Key, Typ, base64url, check_header_with,
};
use crate::json::{self, Object, Value};
use crate::time::{Round, Timestamp};

use super::Base;

/// A proof holds one key and a handful of claims.
const LIMITS: JwsLimits = JwsLimits {
    bytes: 8_192,
    header_bytes: 4_096,
    json: json::Limits { bytes: 8_192, depth: 8, members: 64, values: 256 },
};

/// The longest `jti` in bytes.
const JTI_BYTES: usize = 256;

/// What the enforcement point knows of a request, for checking the proof that came with it.
#[derive(Debug, Clone, Copy)]
pub struct DpopFacts<'a> {
    /// The method, as it was sent.
    pub method: &'a str,
    /// The path of the request, as it was sent, without query.
    pub path: &'a str,
    /// The addresses under which clients know this service, from the configuration. None refuses.
    pub bases: &'a [Base],
    /// The access token, as it was sent after `DPoP `.
    pub access_token: &'a str,
    /// The key that the access token is bound to: its `cnf.jkt`.
    pub thumbprint: &'a str,
    /// The algorithms that are accepted for proofs.
    pub algorithms: &'a [Algorithm],
    /// The nonces that are accepted now; `None` where none are asked for.
    pub nonces: Option<&'a [&'a str]>,
    /// The present.
    pub now: Timestamp,
    /// How old a proof may be, in seconds.
    pub max_age: u64,
    /// How far clocks may differ, in seconds.
    pub leeway: u64,
    /// What checks signatures in place of our own code, where there is such a thing.
    pub host: Option<&'static dyn HostCrypto>,
}

/// A proof that is good for this request and this token. Whether it was used before is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DpopProof {
    jti: String,
    thumbprint: String,
    issued_at: Timestamp,
    usable_until: Timestamp,
}

impl DpopProof {
    /// Its own name, chosen by the client: unique for one key only.
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// The RFC 7638 thumbprint of its key, base64url.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// When it says it was made.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// The last second at which it would still be accepted.
    pub fn usable_until(&self) -> Timestamp {
        self.usable_until
    }
}

/// Checks the values of the `DPoP` header fields of a request.
///
/// # Errors
/// `proof_missing` where there is none, `proof_nonce_needed` where only the nonce is missing or old (the answer then
/// brings a new one), `proof_invalid` for everything else.
pub fn verify(headers: &[&[u8]], facts: &DpopFacts<'_>) -> Result<DpopProof, Refusal> {
    let compact = single(headers)?;
    // Item 2: a well-formed JWT. Two values joined by a comma are none.
    let jws = Jws::parse(compact, &LIMITS).map_err(within)?;
    // Items 4 and 5: `typ`, and an asymmetric algorithm that is allowed here; it knows no others.
    let algorithm =
        check_header_with(jws.header(), facts.algorithms, Typ::OneOf(&["dpop+jwt"]), EmbeddedKey::Allowed)
            .map_err(within)?;
    let mut key = proof_key(&jws, algorithm)?;
    key.use_host(facts.host);
    // Item 6.
    if !key.verify(algorithm, jws.signing_input(), jws.signature()) {
        return invalid("its signature does not hold");
    }
    let claims = jws.into_claims();
    check_request(&claims, facts)?;
    let (issued_at, usable_until) = check_time(&claims, facts)?;
    let thumbprint = check_token(&claims, &key, facts)?;
    let jti = jti(&claims)?;
    // Last, so that a client gets a nonce only for a proof that is good otherwise.
    check_nonce(&claims, facts)?;
    Ok(DpopProof { jti, thumbprint, issued_at, usable_until })
}

/// Item 1: one header field.
fn single<'a>(headers: &[&'a [u8]]) -> Result<&'a str, Refusal> {
    match headers {
        [] => Err(Refusal::new(
            Code::ProofMissing,
            "the access token is bound to a key, and there is no `DPoP` header",
        )),
        // What is not ASCII is not base64url either.
        [value] => core::str::from_utf8(value).or_else(|_| invalid("the `DPoP` header is not text")),
        _ => invalid("there is more than one `DPoP` header"),
    }
}

/// The key in the header; item 7: it is a public one.
fn proof_key(jws: &Jws<'_>, algorithm: Algorithm) -> Result<Key, Refusal> {
    let Some(jwk) = jws.header().members().get("jwk").and_then(Value::as_object) else {
        return invalid("its header has no object `jwk`");
    };
    Key::from_jwk(jwk, &[algorithm]).or_else(|error| invalid(format!("its `jwk` cannot be used: {error}")))
}

/// Items 8 and 9: the proof was made for this method and this address.
fn check_request(claims: &Object<'_>, facts: &DpopFacts<'_>) -> Result<(), Refusal> {
    let htm = string(claims, "htm")?;
    // RFC 9110 §9.1: methods are case-sensitive.
    if htm != facts.method {
        return invalid(format!("its `htm` is {}, and the method is {}", quote(htm), quote(facts.method)));
    }
    let htu = string(claims, "htu")?;
    if facts.bases.is_empty() {
        return invalid("the configuration does not say under which address clients know this service");
    }
    if !facts.bases.iter().any(|base| base.is_target(htu, facts.path)) {
        return invalid(format!("its `htu` {} is not the address of this request", quote(htu)));
    }
    Ok(())
}

/// Item 11: made recently, by a clock that is about ours.
fn check_time(claims: &Object<'_>, facts: &DpopFacts<'_>) -> Result<(Timestamp, Timestamp), Refusal> {
    let (issued_at, not_before) = match claims.get("iat") {
        Some(Value::Number(iat)) => {
            (Timestamp::from_number(iat, Round::Floor), Timestamp::from_number(iat, Round::Ceil))
        }
        Some(other) => return invalid(format!("its `iat` is {} instead of a number", other.kind())),
        None => return invalid("it has no `iat`"),
    };
    let (Some(issued_at), Some(not_before)) = (issued_at, not_before) else {
        return invalid("its `iat` is not a time in seconds");
    };
    let now = facts.now;
    if not_before > now.plus(facts.leeway) {
        return invalid(format!(
            "it was made at {}, and now is {} ({} s of leeway)",
            not_before.seconds(),
            now.seconds(),
            facts.leeway
        ));
    }
    let usable_until = issued_at.plus(facts.max_age).plus(facts.leeway);
    if now > usable_until {
        return invalid(format!(
            "it was made at {}, and now is {}: it may be {} s old",
            issued_at.seconds(),
            now.seconds(),
            facts.max_age
        ));
    }
    Ok((issued_at, usable_until))
}

/// Item 12: made for this access token (`ath`), with the key that the token is bound to. Returns the thumbprint.
fn check_token(claims: &Object<'_>, key: &Key, facts: &DpopFacts<'_>) -> Result<String, Refusal> {
    let ath = base64url::encode(&Sha256::digest(facts.access_token.as_bytes()));
    if !bool::from(string(claims, "ath")?.as_bytes().ct_eq(ath.as_bytes())) {
        return invalid("its `ath` is not the hash of the access token");
    }
    let thumbprint = base64url::encode(&key.thumbprint());
    if !bool::from(thumbprint.as_bytes().ct_eq(facts.thumbprint.as_bytes())) {
        return invalid("it was made with another key than the access token is bound to");
    }
    Ok(thumbprint)
}

fn jti(claims: &Object<'_>) -> Result<String, Refusal> {
    let jti = string(claims, "jti")?;
    if jti.is_empty() || jti.len() > JTI_BYTES || jti.chars().any(|c| c.is_control() || is_invisible(c)) {
        return invalid(format!(
            "its `jti` {} is empty, longer than {JTI_BYTES} bytes or has control characters",
            quote(jti)
        ));
    }
    Ok(jti.to_owned())
}

/// Item 10: the nonce is one that we gave.
fn check_nonce(claims: &Object<'_>, facts: &DpopFacts<'_>) -> Result<(), Refusal> {
    let nonce = match claims.get("nonce") {
        None => None,
        Some(Value::String(nonce)) => Some(nonce.as_bytes()),
        Some(other) => return invalid(format!("its `nonce` is {} instead of a string", other.kind())),
    };
    let Some(accepted) = facts.nonces else { return Ok(()) };
    let known = |nonce: &[u8]| accepted.iter().any(|given| bool::from(given.as_bytes().ct_eq(nonce)));
    match nonce {
        Some(nonce) if known(nonce) => Ok(()),
        Some(_) => Err(Refusal::new(Code::ProofNonceNeeded, "its `nonce` is not one that is accepted now")),
        None => Err(Refusal::new(Code::ProofNonceNeeded, "it has no `nonce`, and one is asked for")),
    }
}

/// Item 3: the claims that must be there.
fn string<'c>(claims: &'c Object<'_>, name: &str) -> Result<&'c str, Refusal> {
    match claims.get(name) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => invalid(format!("its `{name}` is {} instead of a string", other.kind())),
        None => invalid(format!("it has no `{name}`")),
    }
}

/// Whatever is wrong inside a proof has one code for the client.
fn within(error: Refusal) -> Refusal {
    Refusal::new(Code::ProofInvalid, format!("DPoP proof: {}", error.detail))
}

fn invalid<T>(detail: impl Into<String>) -> Result<T, Refusal> {
    Err(within(Refusal::new(Code::ProofInvalid, detail)))
}
