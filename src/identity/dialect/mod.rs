//! The ways in which issuers write down who is acting. Pinned per issuer; a dialect is never guessed.

mod actfor;
mod rfc8693;
mod rfc9068;

use alloc::{format, string::String, vec::Vec};

use crate::config::Issuer;
use crate::error::{Code, Refusal, quote};
use crate::identity::context::{Draft, Principal};
use crate::json::{Object, Value};
use crate::token::Claims;

/// How an issuer writes down who is acting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// Our own profile: RFC 9068 and RFC 8693, with `agent_instance` and `agent_rel`.
    Actfor,
    /// RFC 8693: a subject and an actor in `act`.
    Rfc8693,
    /// RFC 9068: a subject and a client.
    Rfc9068,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 3] = [Self::Actfor, Self::Rfc8693, Self::Rfc9068];

    /// The name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Actfor => "actfor",
            Self::Rfc8693 => "rfc8693",
            Self::Rfc9068 => "rfc9068",
        }
    }

    /// Reads the name in the configuration.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.as_str() == name)
    }

    /// Reads the facts out of a verified token's claims.
    pub(crate) fn read(self, claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
        match self {
            Self::Actfor => actfor::read(claims, issuer),
            Self::Rfc8693 => rfc8693::read(claims, issuer),
            Self::Rfc9068 => rfc9068::read(claims, issuer),
        }
    }
}

/// One `act` object (RFC 8693 §4.1).
struct Actor {
    principal: Principal,
    profile: Option<String>,
}

/// Reads `act` and what is nested in it: the current actor first. Every entry needs a `sub`; none is dropped.
fn actors(act: &Value<'_>, default_iss: Option<&str>) -> Result<Vec<Actor>, Refusal> {
    let mut found = Vec::new();
    let mut next = Some(act);
    while let Some(value) = next {
        let Value::Object(object) = value else {
            return Err(invalid("act", format!("is {} and must be an object", value.kind())));
        };
        let sub = text(object, "act", "sub")?.ok_or_else(|| invalid("act.sub", "is missing"))?;
        let iss = match (text(object, "act", "iss")?, default_iss) {
            (Some(iss), _) => iss,
            (None, Some(iss)) => iss.into(),
            (None, None) => return Err(invalid("act.iss", "is missing")),
        };
        let profile = text(object, "act", "sub_profile")?;
        found.push(Actor { principal: Principal { iss, sub }, profile });
        next = object.get("act");
    }
    Ok(found)
}

/// The agents before the current one, first agent first.
fn earlier(actors: Vec<Actor>) -> Vec<Principal> {
    let mut names: Vec<_> = actors.into_iter().skip(1).map(|actor| actor.principal).collect();
    names.reverse();
    names
}

/// Whether a space-separated profile list names an AI agent; names compare without case.
fn is_agent_profile(profile: Option<&str>) -> bool {
    profile.is_some_and(|p| p.split(' ').any(|name| name.eq_ignore_ascii_case("ai_agent")))
}

/// Whether a token has any trace of an agent: `act`, `agent_rel`, `agent_instance`, or an `ai_agent` profile.
fn has_traces(claims: &Claims) -> bool {
    let object = claims.object();
    let profile = |name| is_agent_profile(object.get(name).and_then(Value::as_str));
    ["act", "agent_rel", "agent_instance"].iter().any(|name| object.get(name).is_some())
        || profile("sub_profile")
        || profile("client_profile")
}

/// An optional text member, checked as a name: not empty, no control and no invisible characters.
fn text(object: &Object<'_>, path: &str, name: &str) -> Result<Option<String>, Refusal> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => {
            crate::token::check_name(text).map_err(|what| invalid(&format!("{path}.{name}"), what))?;
            Ok(Some(text.clone().into_owned()))
        }
        Some(other) => {
            Err(invalid(&format!("{path}.{name}"), format!("is {} and must be a string", other.kind())))
        }
    }
}

fn invalid(path: &str, what: impl AsRef<str>) -> Refusal {
    Refusal::new(Code::ClaimInvalid, format!("claim {} {}", quote(path), what.as_ref()))
}

fn agent_missing(what: &str) -> Refusal {
    Refusal::new(Code::AgentMissing, what)
}
