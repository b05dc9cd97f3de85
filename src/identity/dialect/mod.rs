//! The ways in which issuers write down who is acting. Pinned per issuer; a dialect is never guessed.

pub(crate) mod actfor;
mod actor_profile;
mod auth0;
mod by_client;
mod delegation_chain;
mod entra;
mod keycloak;
mod okta;
mod profile;
mod rfc8693;
mod rfc9068;
mod txn_token;
mod wso2;

use alloc::{format, string::String, vec::Vec};

use crate::config::Issuer;
use crate::error::{Code, Refusal, quote};
use crate::identity::context::{Authority, Draft, Principal, Role, User};
use crate::identity::fact::{Fact, Src};
use crate::jose::Typ;
use crate::json::{Object, Value};
use crate::token::Claims;

use profile::Profile;
pub(crate) use profile::{is_agent, is_app};

/// How an issuer writes down who is acting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// Our own profile: RFC 9068 and RFC 8693, with `agent_instance` and `agent_rel`.
    Actfor,
    /// draft-mcguinness-oauth-actor-profile, strict: every actor has an `iss`.
    ActorProfile,
    /// Auth0, with its Agents as Principal.
    Auth0,
    /// draft-asor-wimse-agent-delegation-chain-02: access tokens that each agent hands on.
    DelegationChain,
    /// Microsoft Entra, with its Agent ID.
    Entra,
    /// Keycloak, with its delegation by token exchange.
    Keycloak,
    /// Okta custom authorization servers, with the actor of its Cross App Access.
    Okta,
    /// RFC 8693: a subject and an actor in `act`.
    Rfc8693,
    /// RFC 9068: a subject and a client.
    Rfc9068,
    /// draft-ietf-oauth-transaction-tokens, with both vintages of its agent extension.
    TxnToken,
    /// WSO2 Identity Server and Asgardeo.
    Wso2,
}

/// What the code knows of one dialect: the one row of the table that a new dialect adds.
pub(crate) struct Row {
    name: &'static str,
    /// What `typ` in the header may be (RFC 8725 §3.11).
    pub typ: Typ<'static>,
    /// Where `typ` does not tell access tokens from other kinds: what the claims must show instead.
    pub kind: fn(&Object<'_>) -> Result<(), &'static str>,
    /// Where the client's id stands; where several are there, they agree.
    pub client: &'static [&'static str],
    /// The token's own id, and whether a token without one is refused.
    pub id: (&'static str, Need),
    /// Where scopes stand.
    pub scope: &'static str,
    read: fn(&Claims, &Issuer) -> Result<Draft, Refusal>,
    members: &'static [Member],
}

/// A member that a dialect reads, and what its absence does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its path: `act.sub`; `act.act.sub` stands for every deeper level.
    pub path: &'static str,
    /// What becomes of a token that had it and lost it.
    pub need: Need,
}

/// What becomes of a token that had a member and lost it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It may be allowed more; the reason why that is accepted.
    Exempt(&'static str),
    /// It is allowed the same or less.
    Optional,
    /// It is refused.
    Required,
}

/// Without `typ` or another sign, nothing but the header is looked at.
const fn by_typ(_: &Object<'_>) -> Result<(), &'static str> {
    Ok(())
}

/// Claims that only ID tokens and logout tokens have (OpenID Connect Core §2, §3.3.2.11, Back-Channel Logout §2.4).
fn not_for_a_client(object: &Object<'_>) -> Result<(), &'static str> {
    let others = ["nonce", "at_hash", "c_hash", "s_hash", "events"];
    match others.iter().any(|name| object.get(name).is_some()) {
        true => Err("it has claims that only ID tokens and logout tokens have"),
        false => Ok(()),
    }
}

const fn required(path: &'static str) -> Member {
    Member { path, need: Need::Required }
}

const fn optional(path: &'static str) -> Member {
    Member { path, need: Need::Optional }
}

const fn exempt(path: &'static str, why: &'static str) -> Member {
    Member { path, need: Need::Exempt(why) }
}

const INNER: &str = "an inner `act` in a dialect without a hop count";
const APP: &str = "the whole of a token's agent traces for an `app` client";

/// What RFC 7519, RFC 9068, RFC 9396 and RFC 7800 give every dialect, beside client, token id and scopes.
const EVERYWHERE: &[Member] = &[
    required("iss"),
    required("sub"),
    required("aud"),
    required("exp"),
    required("iat"),
    exempt("nbf", "`nbf`"),
    exempt("cnf", "`cnf` where binding is optional"),
    exempt("status", "`status` where it is not required"),
    exempt("authorization_details", "one of several carriers of authority about a type"),
];

/// Claims of companion profiles that are not read. What they would narrow must not be passed over, so a
/// token that has one is refused: chains that are hidden or shaped in rival ways (`actp`, `delegation_chain`),
/// receipts and bounds per hop, missions, and ID tokens that put the agent into `sub`.
const NOT_READ: &[&str] = &[
    "acti",
    "actc",
    "actor_proofs",
    "actor_receipts",
    "actp",
    "aap_agent",
    "agent_checksum",
    "bounds",
    "bounds_events",
    "delegation_chain",
    "delegator_sub",
    "mission",
];

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 11] = [
        Self::Actfor,
        Self::Rfc9068,
        Self::Rfc8693,
        Self::ActorProfile,
        Self::Auth0,
        Self::Okta,
        Self::Keycloak,
        Self::Entra,
        Self::Wso2,
        Self::TxnToken,
        Self::DelegationChain,
    ];

    /// The dialect's row. A new dialect is one file and one line here.
    pub(crate) const fn row(self) -> &'static Row {
        match self {
            Self::Actfor => &actfor::ROW,
            Self::ActorProfile => &actor_profile::ROW,
            Self::Auth0 => &auth0::ROW,
            Self::DelegationChain => &delegation_chain::ROW,
            Self::Entra => &entra::ROW,
            Self::Keycloak => &keycloak::ROW,
            Self::Okta => &okta::ROW,
            Self::Rfc8693 => &rfc8693::ROW,
            Self::Rfc9068 => &rfc9068::ROW,
            Self::TxnToken => &txn_token::ROW,
            Self::Wso2 => &wso2::ROW,
        }
    }

    /// The name in the configuration.
    pub const fn as_str(self) -> &'static str {
        self.row().name
    }

    /// Reads the name in the configuration.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.as_str() == name)
    }

    /// Every member that the dialect reads, and what becomes of a token that loses it.
    pub fn members(self) -> impl Iterator<Item = Member> {
        let row = self.row();
        let client = row.client.iter().map(|path| {
            // Several names for one thing: one of them may be missing.
            if row.client.len() == 1 { required(path) } else { optional(path) }
        });
        let id = Member { path: row.id.0, need: row.id.1 };
        let scope = exempt(row.scope, "one of several carriers of authority about a type");
        EVERYWHERE.iter().copied().chain(client).chain([id, scope]).chain(row.members.iter().copied())
    }

    /// Reads the facts out of a verified token's claims.
    pub(crate) fn read(self, claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
        if let Some(name) = NOT_READ.iter().find(|name| claims.object().get(name).is_some()) {
            return Err(Refusal::new(
                Code::DialectUnsupported,
                format!(
                    "claim `{name}` belongs to a profile that is not read here, and it may narrow what the token says"
                ),
            ));
        }
        // draft-mcguinness-oauth-actor-profile: with inner actors left out, nothing that reads them may be
        // decided. Every decision does: ceilings hold for each agent of the chain.
        match claims.object().get("chain_complete") {
            None | Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => {
                let text = "`chain_complete` is false: agents of the chain were left out of the token";
                return Err(Refusal::new(Code::ChainInconsistent, text));
            }
            Some(other) => {
                return Err(invalid("chain_complete", format!("is {} and must be a boolean", other.kind())));
            }
        }
        let draft = (self.row().read)(claims, issuer)?;
        // They may say less than what this dialect derives: presence that has run out, another authority.
        match ["agent_rel", "agent_instance"].iter().find(|name| claims.object().get(name).is_some()) {
            Some(name) if !draft.profiled => Err(Refusal::new(
                Code::DialectUnsupported,
                format!(
                    "claim `{name}` is read in dialect `actfor` only, and it may narrow what the token says"
                ),
            )),
            _ => Ok(draft),
        }
    }
}

/// One `act` object (RFC 8693 §4.1).
struct Actor {
    principal: Principal,
    profile: Option<Profile>,
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
        let profile = Profile::read(object, "act", "sub_profile")?;
        if profile.as_ref().is_some_and(Profile::is_instance) {
            let text = "`act.sub` names an instance (`client_instance`) and not an agent, which is not read";
            return Err(Refusal::new(Code::DialectUnsupported, text));
        }
        found.push(Actor { principal: Principal { iss, sub }, profile });
        next = object.get("act");
    }
    Ok(found)
}

/// The facts of a token whose `act` names the agent: `sub` delegates to the current actor.
fn delegated(claims: &Claims, issuer: &Issuer, actors: Vec<Actor>) -> Result<Draft, Refusal> {
    delegated_by(own(issuer, claims.subject()), claims, issuer, actors)
}

/// The same, for a subject in whatever name space. There is no slot for an instance or a mode.
fn delegated_by(
    subject: Principal,
    claims: &Claims,
    issuer: &Issuer,
    actors: Vec<Actor>,
) -> Result<Draft, Refusal> {
    let Some(current) = actors.first() else { return Err(agent_missing("`act` names nobody")) };
    if issuer.client(claims.client_id()).is_some_and(|client| client.is_the_agent) {
        return Err(Refusal::new(
            Code::FactsConflict,
            "`clients` says that this client is the agent itself (`named_by`), and the token has `act`",
        ));
    }
    let current = current.principal.clone();
    // An actor that is the subject itself is no delegation: whose agent it is, the token does not say.
    let user = if subject == current {
        Fact::SILENT
    } else {
        Fact::Asserted(User { principal: subject, role: Role::Delegator }, Src::token("sub"))
    };
    Ok(Draft {
        user,
        agent: Fact::Asserted(current, Src::token("act.sub")),
        authority: Fact::Derived(Authority::User, Src::token("act"), "act_is_delegation"),
        earlier: earlier(actors),
        ..Draft::EMPTY
    })
}

/// Where a token has its client's id.
fn client_claim(claims: &Claims, issuer: &Issuer) -> &'static str {
    let names = issuer.dialect.row().client.iter();
    names.copied().find(|name| claims.object().get(name).is_some()).unwrap_or("client_id")
}

/// A name in the issuer's own space.
fn own(issuer: &Issuer, sub: &str) -> Principal {
    Principal { iss: issuer.issuer.clone(), sub: sub.into() }
}

/// The facts of a token whose subject is the agent itself, by a grant that cannot carry a user: it says so.
fn alone(claims: &Claims, issuer: &Issuer) -> Draft {
    let src = Src::token("sub_profile");
    Draft {
        user: Fact::Absent(src.clone()),
        agent: Fact::Asserted(own(issuer, claims.subject()), Src::token("sub")),
        authority: Fact::Derived(Authority::Agent, src, "sub_is_the_agent"),
        ..Draft::EMPTY
    }
}

/// The current agent and the earlier ones, as an `act` with names in full has them.
pub(crate) fn named(act: &Value<'_>) -> Result<(Fact<Principal>, Vec<Principal>), Refusal> {
    let actors = actors(act, None)?;
    let current = actors.first().map(|actor| actor.principal.clone());
    let agent = current.map_or(Fact::SILENT, |agent| Fact::Asserted(agent, Src::token("act.sub")));
    Ok((agent, earlier(actors)))
}

/// The agents before the current one, first agent first.
fn earlier(actors: Vec<Actor>) -> Vec<Principal> {
    let mut names: Vec<_> = actors.into_iter().skip(1).map(|actor| actor.principal).collect();
    names.reverse();
    names
}

/// Whether a token has any trace of an agent: `act`, `agent_rel`, `agent_instance`, or an `ai_agent` profile.
fn has_traces(claims: &Claims) -> bool {
    let object = claims.object();
    let profile = |name| is_agent(object.get(name));
    ["act", "agent_rel", "agent_instance"].iter().any(|name| object.get(name).is_some())
        || profile("sub_profile")
        || profile("client_profile")
}

/// The facts of a token without any trace of an agent, in a dialect whose agents are named by `act`.
fn without_act(claims: &Claims, issuer: &Issuer, alone: bool) -> Result<Draft, Refusal> {
    if has_traces(claims) {
        return Err(agent_missing(
            "the token has traces of an agent and no `act`, which is where it is named",
        ));
    }
    by_client::read(claims, issuer, alone, true)
}

/// An optional text member, checked as a name: not empty, no control and no invisible characters.
fn text(object: &Object<'_>, path: &str, name: &str) -> Result<Option<String>, Refusal> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => {
            crate::token::check_name(text).map_err(|what| invalid(&join(path, name), what))?;
            Ok(Some(text.clone().into_owned()))
        }
        Some(other) => Err(invalid(&join(path, name), format!("is {} and must be a string", other.kind()))),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.into() } else { format!("{path}.{name}") }
}

fn invalid(path: &str, what: impl AsRef<str>) -> Refusal {
    Refusal::new(Code::ClaimInvalid, format!("claim {} {}", quote(path), what.as_ref()))
}

fn agent_missing(what: &str) -> Refusal {
    Refusal::new(Code::AgentMissing, what)
}
