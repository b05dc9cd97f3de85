//! Introspection (RFC 7662), plain or signed (RFC 9701): what the issuer says of a token right now.
//!
//! The host asks and hands over the answer together with the token that it asked about; nothing else ties a
//! plain answer to its token. An answer counts only if `active` is literally true and it shows that the token
//! is an access token for this service: a refresh token is active too.

use alloc::{borrow::ToOwned, format, string::String};

use crate::config::{IntrospectionSettings, Issuer};
use crate::error::{Code, Refusal, quote};
use crate::jose::{Jws, JwsLimits, Typ, check_header};
use crate::json::{self, Object, Value};
use crate::time::Timestamp;
use crate::token::claims::{Claims, audiences};

/// An answer of an introspection endpoint, and what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Introspection<'a> {
    /// The token that was asked about.
    pub token: &'a str,
    /// The body of the answer: JSON, or a JWT where the issuer signs.
    pub response: &'a [u8],
}

/// How old a signed answer may be, in seconds.
const LONGEST: u64 = 300;

fn invalid<T>(what: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(Code::IntrospectionInvalid, what))
}

/// Reads the answer about `token`. `jwt` is what the token itself says, where it says something.
///
/// # Errors
/// `introspection_invalid`, `token_inactive`, and the codes of claims.
pub(crate) fn read(
    answer: &Introspection<'_>,
    token: &str,
    jwt: Option<&Claims>,
    (issuer, settings): (&Issuer, &IntrospectionSettings),
    now: Timestamp,
) -> Result<Claims, Refusal> {
    if answer.token != token {
        return invalid("the answer is about another token");
    }
    let mut object = if settings.signed {
        signed(answer.response, issuer, settings, now)?
    } else {
        match json::parse(answer.response, &json::Limits::TOKEN) {
            Ok(Value::Object(object)) => object.into_owned(),
            Ok(other) => return invalid(format!("the answer is {} and must be an object", other.kind())),
            Err(error) => return invalid(format!("the answer is not JSON: {error}")),
        }
    };
    // RFC 7662 §2.2: literally true; whatever else is there counts for nothing.
    match object.get("active") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Err(Refusal::new(Code::TokenInactive, "`active` is false")),
        _ => return invalid("`active` must be true or false"),
    }
    check_kind(&object, jwt.is_some())?;
    match object.get("iss") {
        Some(Value::String(iss)) if *iss == issuer.issuer => {}
        Some(other) => {
            let found = other.as_str().map_or(other.kind().to_owned(), quote);
            return invalid(format!(
                "`iss` is {found}, and the endpoint is that of {}",
                quote(&issuer.issuer)
            ));
        }
        None if settings.implies_issuer => object.push("iss", Value::String(issuer.issuer.clone().into())),
        None => {
            return invalid("`iss` is missing; `\"implies\": [\"issuer\"]` if the endpoint has one issuer");
        }
    }
    match object.get("aud") {
        Some(_) => {
            let found = audiences(&object)?;
            if !found.iter().any(|aud| issuer.audiences.contains(aud)) {
                return Err(Refusal::new(
                    Code::AudienceMismatch,
                    "`aud` of the introspection is another service",
                ));
            }
        }
        None if settings.implies_audience => {
            let own = issuer.audiences.first().cloned().unwrap_or_default();
            object.push("aud", Value::String(own.into()));
        }
        None => {
            return invalid(
                "`aud` is missing; `\"implies\": [\"audience\"]` if the endpoint answers for this service only",
            );
        }
    }
    Claims::read_answer(object, issuer.dialect.row(), jwt)
}

/// That the token is an access token. A JWT has shown that by itself; an answer that says otherwise still counts.
fn check_kind(object: &Object<'_>, is_jwt: bool) -> Result<(), Refusal> {
    let said = |name: &str, good: &[&str]| match object.get(name) {
        None => Ok(false),
        Some(Value::String(kind)) if good.iter().any(|good| kind.eq_ignore_ascii_case(good)) => Ok(true),
        Some(_) => invalid(format!("`{name}` says that this is not an access token")),
    };
    let kind = said("token_type", &["bearer", "dpop"])?;
    // Not in RFC 7662, and telling where they are.
    said("token_use", &["access", "access_token"])?;
    said("typ", &["bearer", "dpop", "at+jwt", "jwt"])?;
    if kind || is_jwt { Ok(()) } else { invalid("`token_type` is missing, so this may be a refresh token") }
}

/// RFC 9701 §5: all facts are inside `token_introspection`, so the answer is never an access token.
fn signed(
    response: &[u8],
    issuer: &Issuer,
    settings: &IntrospectionSettings,
    now: Timestamp,
) -> Result<Object<'static>, Refusal> {
    let compact = core::str::from_utf8(response).unwrap_or_default();
    let because = |refusal: Refusal| Refusal::new(Code::IntrospectionInvalid, refusal.detail);
    let jws = Jws::parse(compact, &JwsLimits::DEFAULT).map_err(because)?;
    let typ = Typ::OneOf(&["token-introspection+jwt"]);
    let algorithm = check_header(jws.header(), &issuer.algorithms, typ).map_err(because)?;
    let key = issuer.keys.select(&issuer.issuer, (algorithm, jws.header().kid()), now)?.map_err(because)?;
    if !key.verify(algorithm, jws.signing_input(), jws.signature()) {
        return invalid("the signature of the answer does not hold");
    }
    let claims = jws.into_claims();
    if claims.get("iss").and_then(Value::as_str) != Some(&issuer.issuer) {
        return invalid("`iss` of the signed answer is another issuer");
    }
    let ours = |aud: &String| match &settings.audience {
        Some(own) => aud == own,
        None => issuer.audiences.contains(aud),
    };
    if !audiences(&claims).map_err(because)?.iter().any(ours) {
        return invalid("`aud` of the signed answer is another service");
    }
    let issued = crate::token::claims::date(&claims, "iat", crate::time::Round::Ceil).map_err(because)?;
    match issued {
        Some(issued) if now.plus(issuer.leeway) >= issued && now < issued.plus(LONGEST) => {}
        _ => return invalid("`iat` of the signed answer is missing, early or more than 300 seconds ago"),
    }
    match claims.get("token_introspection") {
        Some(Value::Object(facts)) => Ok(facts.clone()),
        _ => invalid("`token_introspection` is missing from the signed answer"),
    }
}
