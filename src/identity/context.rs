//! The identity of a request: the facts, how they must fit together, and the kinds of relationship.
//!
//! The kinds are a closed set, read from [`Kind::of`] and nowhere else.

use alloc::{format, string::String, vec::Vec};

use crate::config::{ClientKind, Config, Issuer};
use crate::error::{Code, Refusal, quote};
use crate::identity::dialect::is_app;
use crate::identity::fact::{Fact, Layer, Src};
use crate::time::Timestamp;
use crate::token::Claims;

/// An issuer and a name in its space. Compared as a pair, character by character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Whose name it is.
    pub iss: String,
    /// The name.
    pub sub: String,
}

/// The person, and what that person has to do with the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub principal: Principal,
    /// The role.
    pub role: Role,
}

/// What the user has to do with the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Approved it; is not its subject.
    Approver,
    /// Is the person whom the case is about; gave nothing.
    CaseSubject,
    /// Gave authority.
    Delegator,
    /// Triggered it; gave no authority.
    Initiator,
}

/// Whose permissions are exercised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// The agent's own; the user only selects the data.
    Agent,
    /// Both must allow.
    Joint,
    /// The user's, delegated.
    User,
}

/// How the user takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A workflow, schedule or queue started it.
    Automated,
    /// A human is driving each step and can consent.
    Interactive,
    /// A human started it and left.
    Offline,
}

/// One task or session of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Who gave the id.
    pub iss: String,
    /// The id; opaque.
    pub id: String,
    /// `task` or `session`.
    pub kind: String,
    /// The instance that engaged this one.
    pub parent: Option<(String, String)>,
    /// The first instance of the chain.
    pub root: Option<(String, String)>,
}

/// The kinds of relationship: a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The agent's own rights, for the record of the person of the case.
    Assigned,
    /// The agent's own rights, for nobody in particular.
    Autonomous,
    /// The user's rights, lent to an agent.
    Delegated,
    /// The user's rights and the agent's, both needed.
    Joint,
    /// A user without an agent.
    Itself,
}

impl Role {
    /// The name in a claim and in a decision document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approver => "approver",
            Self::CaseSubject => "case_subject",
            Self::Delegator => "delegator",
            Self::Initiator => "initiator",
        }
    }

    /// Reads a claim; `None` for anything else.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Approver, Self::CaseSubject, Self::Delegator, Self::Initiator]
            .into_iter()
            .find(|r| r.as_str() == name)
    }
}

impl Authority {
    /// The name in a claim and in a decision document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Joint => "joint",
            Self::User => "user",
        }
    }

    /// Reads a claim; `None` for anything else.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Agent, Self::Joint, Self::User].into_iter().find(|a| a.as_str() == name)
    }
}

impl Mode {
    /// Every mode: what a request is at once where its dialect cannot say the mode.
    pub const ALL: [Self; 3] = [Self::Interactive, Self::Offline, Self::Automated];

    /// The name in a claim, a rule and a decision document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Automated => "automated",
            Self::Interactive => "interactive",
            Self::Offline => "offline",
        }
    }

    /// Reads a claim; `None` for anything else.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.as_str() == name)
    }

    /// The mode's bit in a rule.
    pub const fn bit(self) -> u8 {
        match self {
            Self::Interactive => 1,
            Self::Offline => 2,
            Self::Automated => 4,
        }
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Itself, Self::Delegated, Self::Joint, Self::Assigned, Self::Autonomous];

    /// The name in a rule and in a decision document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Autonomous => "autonomous",
            Self::Delegated => "delegated",
            Self::Joint => "joint",
            Self::Itself => "self",
        }
    }

    /// Reads the name in a rule.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == name)
    }

    /// The kind's bit in a rule.
    pub const fn bit(self) -> u8 {
        match self {
            Self::Itself => 1,
            Self::Delegated => 2,
            Self::Joint => 4,
            Self::Assigned => 8,
            Self::Autonomous => 16,
        }
    }

    /// Whether the user's own relation to the object is needed.
    pub const fn needs_user(self) -> bool {
        matches!(self, Self::Itself | Self::Delegated | Self::Joint)
    }

    /// Whether every agent of the chain needs the relation to the object itself.
    pub const fn needs_agent(self) -> bool {
        matches!(self, Self::Joint | Self::Assigned | Self::Autonomous)
    }

    /// The table of kinds. Everything that is not in it refuses.
    fn of(user: &Fact<User>, agent: &Fact<Principal>, authority: &Fact<Authority>) -> Result<Self, Refusal> {
        if let Fact::Unknown(_) = agent {
            return Err(Refusal::new(
                Code::RelationshipUnknown,
                "the agent is unknown: nothing in the token or in `clients` says who is acting",
            ));
        }
        if let Fact::Unknown(_) = user {
            return Err(Refusal::new(
                Code::RelationshipUnknown,
                "the user is unknown: the token names an agent and does not say for whom it acts \
                 (`agent_rel.user`, or null where there is none)",
            ));
        }
        let role = user.value().map(|u| u.role);
        if agent.value().is_none() {
            return match role {
                Some(_) => Ok(Self::Itself),
                None => Err(Refusal::new(
                    Code::RelationshipUnsupported,
                    "the token names neither a user nor an agent",
                )),
            };
        }
        let Some(authority) = authority.value() else {
            return Err(Refusal::new(
                Code::RelationshipUnknown,
                "the authority is unknown: `agent_rel.authority` is missing, or is not `user`, `agent` or `joint`",
            ));
        };
        match (role, authority) {
            (Some(Role::Delegator), Authority::User) => Ok(Self::Delegated),
            (Some(Role::Delegator), Authority::Joint) => Ok(Self::Joint),
            (Some(Role::CaseSubject), Authority::Agent) => Ok(Self::Assigned),
            (None, Authority::Agent) => Ok(Self::Autonomous),
            (role, authority) => Err(Refusal::new(
                Code::RelationshipUnsupported,
                format!(
                    "authority `{}` with {} is not a kind of relationship",
                    authority.as_str(),
                    match role {
                        Some(role) => format!("a user of role `{}`", role.as_str()),
                        None => "no user".into(),
                    }
                ),
            )),
        }
    }
}

/// What a dialect reads out of one token.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The person.
    pub user: Fact<User>,
    /// The software that acts now.
    pub agent: Fact<Principal>,
    /// Whether the agent's name is a client id, in the name space of clients.
    pub agent_is_client: bool,
    /// The task or session.
    pub instance: Fact<Instance>,
    /// Interactive, offline or automated.
    pub mode: Fact<Mode>,
    /// Whose permissions.
    pub authority: Fact<Authority>,
    /// The last second (excluded) in which the user counts as present.
    pub present_until: Fact<Timestamp>,
    /// The case, ticket or job.
    pub task: Fact<String>,
    /// Agents before the current one as `act` names them, first agent first.
    pub earlier: Vec<Principal>,
    /// How many agents stand before the current one, where the dialect says it.
    pub hops: Option<usize>,
    /// Whether a carrier has the slots of our own profile. Then instance and `hops` are required, and a mode
    /// that is unknown refuses.
    pub profiled: bool,
}

impl Draft {
    /// Nothing known.
    pub const EMPTY: Self = Self {
        user: Fact::SILENT,
        agent: Fact::SILENT,
        agent_is_client: false,
        instance: Fact::SILENT,
        mode: Fact::SILENT,
        authority: Fact::SILENT,
        present_until: Fact::SILENT,
        task: Fact::SILENT,
        earlier: Vec::new(),
        hops: None,
        profiled: false,
    };

    /// Says that it was another carrier than the token.
    pub(crate) fn said_by(&mut self, layer: Layer) {
        self.user.said_by(layer);
        self.agent.said_by(layer);
        self.instance.said_by(layer);
        self.mode.said_by(layer);
        self.authority.said_by(layer);
        self.present_until.said_by(layer);
        self.task.said_by(layer);
    }

    /// A signer speaks for its own name space and for those that its configuration lists.
    pub(crate) fn check_names(&self, may_name: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        let instance = self.instance.value();
        let related = instance.into_iter().flat_map(|i| [i.parent.as_ref(), i.root.as_ref()]).flatten();
        let names = self
            .user
            .value()
            .map(|u| ("the user", u.principal.iss.as_str()))
            .into_iter()
            .chain(self.agent.value().map(|a| ("the agent", a.iss.as_str())))
            .chain(self.earlier.iter().map(|a| ("an earlier agent", a.iss.as_str())))
            .chain(instance.map(|i| ("the instance", i.iss.as_str())))
            .chain(related.map(|(iss, _)| ("a related instance", iss.as_str())));
        for (what, iss) in names {
            if !may_name(iss) {
                return Err(Refusal::new(
                    Code::ForeignName,
                    format!(
                        "{what} is named in the space {}; add it to `speaks_for` of this issuer if it may",
                        quote(iss)
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// One agent of the chain, as the model knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The agent's object in the model: `agent:code-helper`.
    pub agent: String,
    /// The instance's object in the model, where there is one.
    pub instance: Option<String>,
}

/// Who is really making a request, and on whose behalf.
#[derive(Debug, Clone)]
pub struct Identity {
    /// What the dialect read, with the configuration's facts added.
    pub facts: Draft,
    /// The kind of relationship, or why there is none.
    pub kind: Result<Kind, Refusal>,
    /// The user's object in the model.
    pub user: Option<String>,
    /// The current agent in the model.
    pub link: Option<Link>,
}

impl Identity {
    /// How many agents stand before the current one, by the token alone: the greatest of what `act`, `hops`
    /// and `parent` say (they were checked to agree).
    pub fn depth(&self) -> usize {
        let parent = self.facts.instance.value().is_some_and(|i| i.parent.is_some());
        self.facts.earlier.len().max(self.facts.hops.unwrap_or(0)).max(usize::from(parent))
    }

    /// The modes in which the request must be allowed: the one it has, or all of them.
    pub fn modes(&self) -> &[Mode] {
        match self.facts.mode.value() {
            Some(mode) => core::slice::from_ref(mode),
            None => &Mode::ALL,
        }
    }
}

/// Puts a draft to the test: facts, and the kind of relationship. Its names were checked for each carrier.
///
/// # Errors
/// `claim_missing` and `claim_invalid` for what the profile needs of every token.
pub fn settle(
    mut draft: Draft,
    claims: &Claims,
    issuer: &Issuer,
    config: &Config,
) -> Result<Identity, Refusal> {
    supply(&mut draft, claims, issuer);
    check_complete(&draft, claims)?;
    let kind = check_facts(&draft, issuer).and_then(|()| {
        let kind = Kind::of(&draft.user, &draft.agent, &draft.authority)?;
        if draft.profiled && kind != Kind::Itself && draft.mode.value().is_none() {
            return Err(Refusal::new(
                Code::RelationshipUnknown,
                "the mode is unknown: `agent_rel.mode` is missing, or is not `interactive`, `offline` or `automated`",
            ));
        }
        if kind == Kind::Assigned && draft.task.value().is_none_or(|t| t.is_empty()) {
            return Err(Refusal::new(
                Code::RelationshipUnknown,
                "the case is unknown: role `case_subject` needs `agent_rel.task`",
            ));
        }
        Ok(kind)
    });
    let user = draft.user.value().and_then(|u| config.user_object(&u.principal));
    let link = draft.agent.value().and_then(|agent| {
        let object =
            if draft.agent_is_client { config.client_object(agent) } else { config.agent_object(agent) };
        let instance = draft.instance.value().and_then(|i| config.instance_object(&i.iss, &i.id));
        object.map(|agent| Link { agent, instance })
    });
    Ok(Identity { facts: draft, kind, user, link })
}

/// Adds what the configuration knows of a client where the token is silent; it never contradicts a token.
fn supply(draft: &mut Draft, claims: &Claims, issuer: &Issuer) {
    let Some(client) = issuer.client(claims.client_id()) else { return };
    if let (Some(mode), true, false) = (client.mode, draft.mode.is_silent(), draft.profiled) {
        draft.mode = Fact::Asserted(mode, Src::config("clients"));
        if let (Some(seconds), true) = (client.present_for, draft.present_until.is_silent()) {
            draft.present_until = Fact::Derived(
                claims.issued_at().plus(seconds),
                Src::config("clients"),
                "iat_plus_present_for",
            );
        }
    }
}

/// What our own profile needs where an agent acts, once every carrier was heard.
fn check_complete(draft: &Draft, claims: &Claims) -> Result<(), Refusal> {
    let missing = |path: &str| {
        let text =
            format!("claim `{path}` is missing, which the agent context profile needs where an agent acts");
        Err(Refusal::new(Code::ClaimMissing, text))
    };
    if draft.profiled && draft.instance.is_silent() {
        return missing("agent_instance");
    }
    if draft.profiled && draft.hops.is_none() {
        let nothing = draft.mode.is_silent() && draft.authority.is_silent();
        return missing(if nothing { "agent_rel" } else { "agent_rel.hops" });
    }
    // `present_until` is there if and only if the mode is interactive, and is not later than `exp`.
    let path = "agent_rel.present_until";
    match (draft.mode.value(), &draft.present_until) {
        (Some(Mode::Interactive), until) if until.value().is_none() => missing(path),
        (Some(Mode::Automated | Mode::Offline), until) if until.value().is_some() => Err(Refusal::new(
            Code::ClaimInvalid,
            format!("claim `{path}` is there although the mode is not `interactive`"),
        )),
        (_, Fact::Asserted(until, _)) if *until > claims.expires_at() => {
            Err(Refusal::new(Code::ClaimInvalid, format!("claim `{path}` is later than `exp`")))
        }
        _ => Ok(()),
    }
}

/// What must hold between facts, whatever the dialect.
fn check_facts(draft: &Draft, issuer: &Issuer) -> Result<(), Refusal> {
    check_circle(draft, issuer)?;
    if let (Some(instance), true) = (draft.instance.value(), draft.agent.value().is_some()) {
        let own = (&instance.iss, &instance.id);
        if instance.parent.as_ref().is_some_and(|(iss, id)| (iss, id) == own) {
            return Err(Refusal::new(Code::ChainInconsistent, "the instance is its own parent"));
        }
        if instance.parent.is_some() && instance.root.is_none() {
            return Err(Refusal::new(Code::ChainInconsistent, "the instance has a parent and no root"));
        }
        if let Some(hops) = draft.hops
            && instance.parent.is_some() != (hops > 0)
        {
            return Err(Refusal::new(
                Code::ChainInconsistent,
                format!(
                    "`hops` is {hops}, which does not fit an instance {} parent",
                    match instance.parent {
                        Some(_) => "with a",
                        None => "without a",
                    }
                ),
            ));
        }
    }
    if let (Some(hops), false) = (draft.hops, draft.earlier.is_empty())
        && hops != draft.earlier.len()
    {
        return Err(Refusal::new(
            Code::ChainInconsistent,
            format!("`hops` is {hops}, and earlier agents in `act`: {}", draft.earlier.len()),
        ));
    }
    Ok(())
}

/// An agent that is in its own chain twice: refused unless the issuer's `loops` says `allow`.
fn check_circle(draft: &Draft, issuer: &Issuer) -> Result<(), Refusal> {
    let agents: Vec<&Principal> = draft.earlier.iter().chain(draft.agent.value()).collect();
    let twice =
        agents.iter().enumerate().find(|(at, agent)| agents.iter().take(*at).any(|other| other == *agent));
    match twice {
        Some((_, agent)) if !issuer.loops => Err(Refusal::new(
            Code::ChainInconsistent,
            format!(
                "agent {} is in its own chain twice; `\"loops\": \"allow\"` accepts that",
                quote(&agent.sub)
            ),
        )),
        _ => Ok(()),
    }
}

/// What a token without any agent trace is: its client decides.
///
/// An application (`app`) is the user's own tool. An agent that the token does not name is missing. A client
/// that nobody classified is an agent, never the user (RFC 9700 §4.15), unless `client_profile` says that it
/// is an application and the issuer is trusted for that.
pub fn without_traces(claims: &Claims, issuer: &Issuer) -> Result<ClientKind, Refusal> {
    let client_id = claims.client_id();
    match issuer.client(client_id).map(|client| client.kind) {
        None if issuer.client_profiles && is_app(claims.object()) => Ok(ClientKind::App),
        None => Err(Refusal::new(
            Code::ClientUnclassified,
            format!("client {} is not in `clients` of its issuer: say `app` or `agent`", quote(client_id)),
        )),
        Some(ClientKind::Mixed) => Err(Refusal::new(
            Code::AgentMissing,
            format!("client {} is `mixed` and the token has no `act`", quote(client_id)),
        )),
        Some(kind @ (ClientKind::Agent | ClientKind::App)) => Ok(kind),
    }
}
