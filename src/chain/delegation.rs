//! Agent Delegation Chains (draft-asor-wimse-agent-delegation-chain-01 and -02): access tokens, one an agent, each
//! bound to the bytes of the one before, and none with more than that one.
//!
//! Read from the draft's own vectors, which ship with its reference implementation. Of the draft's steps, holder
//! binding (`cnf`) and status are the guard's; this is what can be said of the tokens alone.
//!
//! ```
//! use actfor::Timestamp;
//! use actfor::chain::delegation::{Draft, Rules, verify};
//! let rules = Rules { draft: Draft::Second, audiences: &["https://api.example".into()], leeway: 0 };
//! let now = Timestamp::from_seconds(1_795_000_000).unwrap();
//! assert_eq!(verify(&["a.b.c"], &rules, now, |_| true).unwrap_err().as_str(), "malformed");
//! ```

use alloc::{string::String, vec::Vec};

use sha2::{Digest, Sha256};

use super::authority::Authority;
use crate::audit::canonical;
use crate::jose::{Envelope, JwsLimits, base64url};
use crate::json::{self, JsonError, JsonErrorKind, Object, Value, Writer};
use crate::time::{Round, Timestamp};

/// Which text of the draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draft {
    /// -01: `sub` is the agent, and nobody stands behind it.
    First,
    /// -02: `sub` is the one who is accountable, `client_id` the agent.
    Second,
}

/// Why a chain is refused: the draft's own reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The last token is meant for another service.
    AudienceMismatch,
    /// A token is not at its place, or the chain is longer than its root allows.
    DepthInvalid,
    /// A member occurs twice in an object.
    DuplicateMember,
    /// A token has expired or is early, or outlives the one before.
    Expired,
    /// A token is not as the draft has it.
    Malformed,
    /// A token is not in the form of RFC 8785.
    NonCanonical,
    /// A number is none.
    NonFinite,
    /// A token gives more than the one before.
    NotNarrower,
    /// A token is not bound to the one before.
    ParHashMismatch,
    /// Two tokens name two accountable principals.
    PrincipalAltered,
    /// A signature does not hold.
    SignatureInvalid,
}

impl Reason {
    /// The draft's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AudienceMismatch => "audience_mismatch",
            Self::DepthInvalid => "depth_invalid",
            Self::DuplicateMember => "duplicate_member",
            Self::Expired => "expired",
            Self::Malformed => "malformed",
            Self::NonCanonical => "non_canonical",
            Self::NonFinite => "non_finite",
            Self::NotNarrower => "not_narrower",
            Self::ParHashMismatch => "par_hash_mismatch",
            Self::PrincipalAltered => "principal_altered",
            Self::SignatureInvalid => "signature_invalid",
        }
    }
}

/// What a chain is held against.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'r> {
    /// The text of the draft.
    pub draft: Draft,
    /// What this service is called in `aud` (-02).
    pub audiences: &'r [String],
    /// Seconds by which clocks may differ.
    pub leeway: u64,
}

/// 2^53 - 1: beyond it, two readers may see two numbers.
const LARGEST: u64 = 9_007_199_254_740_991;

/// Verifies a chain, the first token first; `signed` says whether a signature holds, under an algorithm and a key
/// that are accepted.
///
/// # Errors
/// The first [`Reason`], in the draft's order.
pub fn verify(
    tokens: &[&str],
    rules: &Rules<'_>,
    now: Timestamp,
    signed: impl Fn(&Envelope<'_>) -> bool,
) -> Result<(), Reason> {
    let mut chain: Vec<(String, Object<'static>)> = Vec::new();
    for token in tokens {
        let envelope = Envelope::parse(token, &JwsLimits::DEFAULT).map_err(|_| Reason::Malformed)?;
        check_form(envelope.header().members())?;
        let claims = match json::parse(envelope.payload(), &json::Limits::TOKEN) {
            Ok(Value::Object(claims)) => claims.into_owned(),
            Ok(_) => return Err(Reason::Malformed),
            Err(error) => return Err(reason(&error, envelope.payload())),
        };
        check_numbers(&claims)?;
        let mut w = Writer::default();
        canonical(&mut w, &Value::Object(claims.clone()));
        if w.finish().as_bytes() != envelope.payload() {
            return Err(Reason::NonCanonical);
        }
        if !signed(&envelope) {
            return Err(Reason::SignatureInvalid);
        }
        // What is hashed is what is signed: the signature is not, so a second signature is the same parent.
        chain.push((base64url::encode(&Sha256::digest(envelope.signing_input())), claims));
    }
    if rules.draft == Draft::Second {
        chain.iter().try_for_each(|(_, claims)| check_claims(claims))?;
    }
    let authorities =
        chain.iter().map(|(_, claims)| Authority::read(claims, rules.draft)).collect::<Option<Vec<_>>>();
    check_links(&chain)?;
    check_depth(&chain)?;
    let Some((_, root)) = chain.first() else { return Err(Reason::Malformed) };
    let all_name = |name: &str| chain.iter().all(|(_, claims)| claims.get(name) == root.get(name));
    if rules.draft == Draft::Second && !all_name("sub") {
        return Err(Reason::PrincipalAltered);
    }
    check_authority(&chain, &authorities.ok_or(Reason::Malformed)?, rules.draft)?;
    check_times(&chain, rules, now)?;
    let ours = |claims: &Object<'_>| names(claims, rules.audiences);
    match chain.last() {
        Some((_, last)) if rules.draft == Draft::First || ours(last) => Ok(()),
        _ => Err(Reason::AudienceMismatch),
    }
}

/// The keys that a token's constraints bound, which nothing here holds against a request.
///
/// # Errors
/// `malformed` for a detail that is not as the draft has it.
pub(crate) fn constrained<'a>(claims: &'a Object<'a>) -> Result<impl Iterator<Item = &'a str>, Reason> {
    let authority = Authority::read(claims, Draft::Second).ok_or(Reason::Malformed)?;
    Ok(authority.into_keys())
}

fn reason(error: &JsonError, payload: &[u8]) -> Reason {
    let rest = payload.get(error.offset..).unwrap_or_default();
    // What some writers put where JSON has no number.
    let numberless = ["NaN", "Infinity", "-Infinity"].iter().any(|word| rest.starts_with(word.as_bytes()));
    match error.kind {
        JsonErrorKind::DuplicateMember => Reason::DuplicateMember,
        _ if numberless => Reason::NonFinite,
        _ => Reason::Malformed,
    }
}

/// The header is canonical too.
fn check_form(header: &Object<'_>) -> Result<(), Reason> {
    let mut names = header.iter().map(|(name, _)| name);
    let mut last = names.next().unwrap_or_default();
    let sorted = names.all(|name| {
        let good = last.encode_utf16().lt(name.encode_utf16());
        last = name;
        good
    });
    if sorted { Ok(()) } else { Err(Reason::NonCanonical) }
}

/// No number is beyond what everybody reads alike.
fn check_numbers(object: &Object<'_>) -> Result<(), Reason> {
    object.iter().try_for_each(|(_, value)| check_number(value))
}

fn check_number(value: &Value<'_>) -> Result<(), Reason> {
    match value {
        Value::Number(number) => {
            let text = number.as_str().trim_start_matches('-');
            let whole = text.split(['.', 'e', 'E']).next().unwrap_or_default();
            // In the form of RFC 8785 a positive exponent stands for 10^21 and more.
            let large = text.contains("e+") || whole.parse::<u64>().map_or(true, |whole| whole > LARGEST);
            if large { Err(Reason::Malformed) } else { Ok(()) }
        }
        Value::Array(items) => items.iter().try_for_each(check_number),
        Value::Object(object) => check_numbers(object),
        Value::Bool(_) | Value::Null | Value::String(_) => Ok(()),
    }
}

/// The claims that every token of -02 has.
fn check_claims(claims: &Object<'_>) -> Result<(), Reason> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    let number = |name: &str| matches!(claims.get(name), Some(Value::Number(_)));
    let cnf = claims.get("cnf").and_then(Value::as_object);
    let bound = cnf.is_some_and(|cnf| ["jkt", "jwk", "x5t#S256"].iter().any(|name| cnf.get(name).is_some()));
    let audience = match claims.get("aud") {
        Some(Value::String(_)) => true,
        Some(Value::Array(items)) => !items.is_empty() && items.iter().all(|item| item.as_str().is_some()),
        _ => false,
    };
    let good = ["iss", "jti", "sub", "client_id"].into_iter().all(text)
        && ["iat", "exp"].into_iter().all(number)
        && audience
        && bound;
    if good { Ok(()) } else { Err(Reason::Malformed) }
}

/// Each token after the first holds the hash of what is signed of the one before.
fn check_links(chain: &[(String, Object<'static>)]) -> Result<(), Reason> {
    let mut before: Option<&str> = None;
    for (hash, claims) in chain {
        match (before, claims.get("par_hash")) {
            (None, None) => {}
            (None, Some(_)) => return Err(Reason::Malformed),
            (Some(before), found) if found.and_then(Value::as_str) == Some(before) => {}
            (Some(_), _) => return Err(Reason::ParHashMismatch),
        }
        before = Some(hash);
    }
    Ok(())
}

/// Each token is at its place, and the chain not longer than its root allows.
fn check_depth(chain: &[(String, Object<'static>)]) -> Result<(), Reason> {
    let number = |claims: &Object<'_>, name: &str| {
        claims.get(name).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok())
    };
    let places = chain.iter().enumerate().all(|(at, (_, claims))| number(claims, "del_depth") == Some(at));
    let most = chain.first().and_then(|(_, root)| number(root, "del_max_depth")).unwrap_or(0);
    if places && chain.len() <= most { Ok(()) } else { Err(Reason::DepthInvalid) }
}

/// No token gives more than the one before, and none lengthens the chain.
fn check_authority(
    chain: &[(String, Object<'static>)],
    authorities: &[Authority<'_>],
    draft: Draft,
) -> Result<(), Reason> {
    let pairs = authorities.iter().zip(authorities.iter().skip(1));
    if !pairs.into_iter().all(|(parent, child)| child.within(parent, draft)) {
        return Err(Reason::NotNarrower);
    }
    let mut most = u64::MAX;
    for (_, claims) in chain {
        match claims.get("del_max_depth").map(Value::as_u64) {
            None => {}
            Some(Some(own)) if own <= most => most = own,
            Some(Some(_)) if draft == Draft::Second => return Err(Reason::NotNarrower),
            Some(Some(_)) => {}
            Some(None) => return Err(Reason::Malformed),
        }
    }
    Ok(())
}

/// Every token is valid now, and none outlives the one before.
fn check_times(chain: &[(String, Object<'static>)], rules: &Rules<'_>, now: Timestamp) -> Result<(), Reason> {
    let date = |claims: &Object<'_>, name: &str, round| match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => {
            Timestamp::from_number(number, round).map(Some).ok_or(Reason::Malformed)
        }
        Some(_) => Err(Reason::Malformed),
    };
    let mut before: Option<Timestamp> = None;
    for (_, claims) in chain {
        let expires = date(claims, "exp", Round::Floor)?.ok_or(Reason::Malformed)?;
        let early = date(claims, "nbf", Round::Ceil)?.is_some_and(|nbf| now.plus(rules.leeway) < nbf);
        if early || now >= expires.plus(rules.leeway) || before.is_some_and(|before| expires > before) {
            return Err(Reason::Expired);
        }
        before = Some(expires);
    }
    Ok(())
}

/// Whether `aud` names one of these.
fn names(claims: &Object<'_>, audiences: &[String]) -> bool {
    let ours = |value: &Value<'_>| value.as_str().is_some_and(|aud| audiences.iter().any(|own| own == aud));
    match claims.get("aud") {
        Some(Value::Array(items)) => items.iter().any(ours),
        Some(value) => ours(value),
        None => false,
    }
}
