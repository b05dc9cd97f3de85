//! The adjacent assertion in `Agent-Context`: facts for an issuer that cannot change its access tokens.
//!
//! It is bound to one access token by `ath`, as a DPoP proof is (RFC 9449 §4.2), and to its key where it has
//! one. Who may write it is listed per token issuer and client: being trusted for tokens is not being trusted
//! for this. It adds `agent_instance` and `agent_rel`; its `act` may only confirm.

use alloc::format;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::{ContextIssuer, Issuer};
use crate::error::{Code, Refusal, quote};
use crate::identity::Layer;
use crate::identity::context::Draft;
use crate::identity::dialect;
use crate::jose::{Jws, JwsLimits, Typ, base64url, check_header};
use crate::json::{Object, Value};
use crate::request::Request;
use crate::time::{Round, Timestamp};
use crate::token::claims::{Claims, audiences, confirmation, date};

/// The longest life in seconds.
const LONGEST: u64 = 300;

/// Verifies an assertion about `token`, and reads what it adds.
///
/// # Errors
/// `context_invalid`, and `foreign_name` for a name that its issuer may not give.
pub(crate) fn read(
    value: &str,
    token: &str,
    claims: &Claims,
    issuer: &Issuer,
    now: Timestamp,
) -> Result<Draft, Refusal> {
    let wrong = |what: &str| Refusal::new(Code::ContextInvalid, format!("`Agent-Context`: {what}"));
    let because = |refusal: Refusal| wrong(&refusal.detail);
    let jws = Jws::parse(value, &JwsLimits::DEFAULT).map_err(because)?;
    let iss =
        jws.claims().get("iss").and_then(Value::as_str).ok_or_else(|| wrong("claim `iss` is missing"))?;
    let context = issuer.context_issuers_for(claims.client_id()).find(|known| known.issuer == iss);
    let context = context.ok_or_else(|| {
        wrong(&format!(
            "{} is not among the `context_issuers` of client {}",
            quote(iss),
            quote(claims.client_id())
        ))
    })?;
    let algorithm = check_header(jws.header(), &context.algorithms, Typ::OneOf(&["agent-context+jwt"]))
        .map_err(because)?;
    let key = context.keys.select(&context.issuer, (algorithm, jws.header().kid()), now)?.map_err(because)?;
    if !key.verify(algorithm, jws.signing_input(), jws.signature()) {
        return Err(wrong("the signature does not hold under the key that the header names"));
    }
    let object = jws.into_claims();
    check_times(&object, claims, issuer, now).map_err(because)?;
    check_binding(&object, token, claims, issuer).map_err(because)?;
    let mut draft = dialect::actfor::added(&object).map_err(because)?;
    draft.check_names(|space| context.may_name(space))?;
    // Its `act` names nobody new: it is compared with the token's.
    if let Some(act) = object.get("act") {
        (draft.agent, draft.earlier) = dialect::named(act).map_err(because)?;
    }
    draft.said_by(Layer::Assertion);
    if draft
        .present_until
        .value()
        .is_some_and(|until| Some(*until) > date(&object, "exp", Round::Floor).ok().flatten())
    {
        return Err(wrong("`present_until` is later than its own `exp`"));
    }
    Ok(draft)
}

/// That the DPoP proof, which was verified before, names this assertion (`oth`, as draft-ietf-wimse-wpt has it): who
/// holds a token, its proof and another assertion about it cannot put that one in its place.
///
/// # Errors
/// `context_invalid`
pub(crate) fn check_named(
    value: &str,
    claims: &Claims,
    issuer: &Issuer,
    request: &Request<'_>,
) -> Result<(), Refusal> {
    if !issuer.context_issuers_for(claims.client_id()).any(|context| context.named_by_proof) {
        return Ok(());
    }
    let refuse = || {
        let text = "`Agent-Context`: the proof of possession does not name it (`oth.agent-context`)";
        Err(Refusal::new(Code::ContextInvalid, text))
    };
    // Only the proof of a token that is bound to a DPoP key was verified.
    if claims.confirmation().is_none_or(|cnf| cnf.jkt.is_none()) {
        return refuse();
    }
    let mut proofs = request.header("dpop");
    let (Some(proof), None) = (proofs.next(), proofs.next()) else { return refuse() };
    let Ok(proof) = Jws::parse(core::str::from_utf8(proof).unwrap_or_default().trim(), &JwsLimits::DEFAULT)
    else {
        return refuse();
    };
    let oth = proof.claims().get("oth").and_then(Value::as_object);
    let named = oth.and_then(|oth| oth.get("agent-context")).and_then(Value::as_str);
    let hash = base64url::encode(&Sha256::digest(value.as_bytes()));
    match named {
        Some(named) if bool::from(named.as_bytes().ct_eq(hash.as_bytes())) => Ok(()),
        _ => refuse(),
    }
}

fn refuse<T>(what: &str) -> Result<T, Refusal> {
    Err(Refusal::new(Code::ContextInvalid, what))
}

fn check_times(object: &Object<'_>, token: &Claims, issuer: &Issuer, now: Timestamp) -> Result<(), Refusal> {
    let Some(issued) = date(object, "iat", Round::Ceil)? else { return refuse("claim `iat` is missing") };
    let Some(expires) = date(object, "exp", Round::Floor)? else { return refuse("claim `exp` is missing") };
    if expires > issued.plus(LONGEST) {
        return refuse("it lives longer than 300 seconds");
    }
    if expires > token.expires_at() {
        return refuse("it outlives the access token");
    }
    if now >= expires.plus(issuer.leeway) {
        return refuse("it has expired");
    }
    if now.plus(issuer.leeway) < issued {
        return refuse("it is not valid yet");
    }
    Ok(())
}

/// That it is about this token, its subject and its key, and for this service.
fn check_binding(object: &Object<'_>, token: &str, claims: &Claims, issuer: &Issuer) -> Result<(), Refusal> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let hash = base64url::encode(&Sha256::digest(token.as_bytes()));
    match text("ath") {
        Some(ath) if bool::from(ath.as_bytes().ct_eq(hash.as_bytes())) => {}
        Some(_) => return refuse("`ath` is of another access token"),
        None => return refuse("claim `ath` is missing"),
    }
    if text("jti").is_none_or(str::is_empty) {
        return refuse("claim `jti` is missing");
    }
    if text("sub") != Some(claims.subject()) || text("sub_iss") != Some(&issuer.issuer) {
        return refuse("`sub` and `sub_iss` are not those of the access token");
    }
    if !audiences(object)?.iter().any(|aud| issuer.audiences.contains(aud)) {
        return refuse("`aud` is another service");
    }
    if confirmation(object)?.as_ref() != claims.confirmation() {
        return refuse("`cnf` is not that of the access token");
    }
    Ok(())
}

impl ContextIssuer {
    /// Whether it may name somebody in the space `iss`.
    fn may_name(&self, iss: &str) -> bool {
        self.issuer == iss || self.speaks_for.iter().any(|space| space == iss)
    }
}
