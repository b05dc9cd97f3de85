//! What the policy sees of a request.

use alloc::string::String;
use core::net::IpAddr;

use crate::error::Refusal;
use crate::identity::context::{Kind, Mode};
use crate::json::Object;
use crate::policy::arguments::Bound;
use crate::relation::Reply;
use crate::time::Timestamp;
use crate::truth::Truth;

/// One request, as the policy sees it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The kind of relationship.
    pub kind: Kind,
    /// The modes in which it must be allowed: one, or all.
    pub modes: &'a [Mode],
    /// The user's object.
    pub user: Option<&'a str>,
    /// Every agent, the first agent first and the current one last; none for `self`.
    pub chain: &'a [Hop<'a>],
    /// The current token's claims.
    pub claims: &'a Object<'static>,
    /// What another carrier says of the current token: it must cover the request too.
    pub also: Option<&'a Object<'static>>,
    /// What this service is called.
    pub audiences: &'a [String],
    /// The case, ticket or job.
    pub task: Task<'a>,
    /// The type of the asked object.
    pub kind_of_object: u16,
    /// The action.
    pub action: u8,
    /// The asked object; `None` where it is not known yet which one.
    pub object: Option<&'a str>,
    /// What the request's route or tool declares.
    pub arguments: &'a [Bound<'a>],
    /// Whether an argument that is not among them is known not to be there.
    pub all_arguments: bool,
    /// What the enforcement point saw of the request.
    pub asked: Asked<'a>,
    /// Who has approved exactly this, by a verified approval.
    pub approver: Option<&'a str>,
    /// What a relationship server said, for this request.
    pub replies: &'a [Reply<'a>],
    /// What every term must be at least: T to be allowed, U where the question is only what could be.
    pub least: Truth,
}

impl Case<'_> {
    /// The asked object, for a sentence.
    pub(super) fn object_name(&self) -> &str {
        self.object.unwrap_or("an object")
    }
}

/// The case, ticket or job of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task<'a> {
    /// A source says that there is none.
    Absent,
    /// A source names it.
    Known(&'a str),
    /// No source says anything that can be used.
    Unknown,
}

/// Facts of a request that prove nothing: expressions may read them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// The method.
    pub method: Option<&'a str>,
    /// The host, where the request target has one.
    pub host: Option<&'a str>,
    /// The path, as it was sent.
    pub path: Option<&'a str>,
    /// The pattern of the route, or `tool NAME`, as it stands in the rules.
    pub route: Option<&'a str>,
    /// The time of the decision.
    pub time: Option<Timestamp>,
    /// The address of the connection's other end.
    pub peer: Option<IpAddr>,
}

/// One agent of the chain.
#[derive(Debug, Clone, Copy)]
pub struct Hop<'a> {
    /// Its object.
    pub agent: Option<&'a str>,
    /// Its instance's object.
    pub instance: Option<&'a str>,
    /// What says that it may do this.
    pub record: Record<'a>,
}

/// The authority of one agent of the chain.
#[derive(Debug, Clone, Copy)]
pub enum Record<'a> {
    /// It was sent along and does not hold.
    Invalid(&'a Refusal),
    /// Nothing was sent.
    Missing,
    /// Verified claims that must cover action and object by themselves.
    Verified(&'a Object<'static>),
}
