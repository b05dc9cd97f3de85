//! The statements of a rule file, as they were written. Names are not looked up here.

use alloc::{string::String, vec::Vec};

use crate::expr::Type;
use crate::names::Template;
use crate::policy::lexer::Word;

/// A name and where it stands.
#[derive(Debug, Clone)]
pub struct Named<'t> {
    /// The name.
    pub text: &'t str,
    /// Where it stands.
    pub word: Word<'t>,
}

/// A rule file.
#[derive(Debug)]
pub struct File<'t> {
    /// The name of the file, for messages.
    pub name: String,
    /// The model's file.
    pub model: Option<Named<'t>>,
    /// `on` blocks.
    pub types: Vec<On<'t>>,
    /// `allow`, `forbid` and `approve` lines.
    pub rules: Vec<Rule<'t>>,
    /// `agent … at most` lines.
    pub ceilings: Vec<AtMost<'t>>,
    /// `scope`, `role` and `detail` lines.
    pub coverage: Vec<Covers<'t>>,
    /// `token says` lines.
    pub says: Vec<Says<'t>>,
    /// `route` lines.
    pub routes: Vec<Route<'t>>,
    /// `tool` lines.
    pub tools: Vec<Tool<'t>>,
    /// `mcp` lines: the paths of MCP servers.
    pub servers: Vec<Named<'t>>,
    /// `public` lines.
    pub public: Vec<Public<'t>>,
    /// Whether `preflight` is public.
    pub preflight: bool,
    /// `chain at most N`.
    pub chain: Option<Chain>,
    /// `each caller is RELATION of agent`.
    pub callers: Option<Named<'t>>,
}

/// `on TYPE [personal RELATION | impersonal]` and its actions.
#[derive(Debug)]
pub struct On<'t> {
    /// The type.
    pub name: Named<'t>,
    /// The relation that says whose object it is.
    pub personal: Option<Named<'t>>,
    /// Whether it says that its objects are nobody's.
    pub impersonal: bool,
    /// `ACTIONS needs …`
    pub needs: Vec<Needs<'t>>,
}

/// `ACTIONS needs RELATION [of TYPE:ID]`, or `needs scope`.
#[derive(Debug)]
pub struct Needs<'t> {
    /// The actions.
    pub actions: Vec<Named<'t>>,
    /// The relation; `None` for `scope`.
    pub relation: Option<Named<'t>>,
    /// Another object than the asked one.
    pub of: Option<(Named<'t>, Template)>,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Lets through what holds.
    Allow,
    /// Lets through only what somebody has approved.
    Approve,
    /// Refuses whatever else holds.
    Forbid,
}

/// Actions of a rule.
#[derive(Debug)]
pub enum Actions<'t> {
    /// `any action`
    Any,
    /// Names.
    List(Vec<Named<'t>>),
}

/// Who may approve.
#[derive(Debug)]
pub enum By<'t> {
    /// Whoever has this relation to the asked object.
    Relation(Named<'t>),
    /// The user for whom the agent acts.
    User,
}

/// `allow …`, `forbid …` or `approve …` with its conditions.
#[derive(Debug)]
pub struct Rule<'t> {
    /// What it does.
    pub effect: Effect,
    /// Bits of [`Kind::bit`].
    pub kinds: u8,
    /// Bits of [`Mode::bit`].
    pub modes: u8,
    /// The actions.
    pub actions: Actions<'t>,
    /// The types.
    pub types: Vec<Named<'t>>,
    /// `of anyone`
    pub of_anyone: bool,
    /// `by user`, `by RELATION`: in an `approve` line.
    pub by: Option<By<'t>>,
    /// `as ID`
    pub id: Named<'t>,
    /// `when` and `unless`.
    pub conditions: Vec<Condition<'t>>,
}

/// `when …` or `unless …`.
#[derive(Debug)]
pub struct Condition<'t> {
    /// `unless` instead of `when`.
    pub unless: bool,
    /// What is tested.
    pub test: Test<'t>,
}

/// What a condition tests.
#[derive(Debug)]
pub enum Test<'t> {
    /// An expression.
    Expression(Word<'t>),
    /// `S is RELATION of O`
    Relation {
        /// Who.
        subject: Term<'t>,
        /// The relation.
        relation: Named<'t>,
        /// Of what.
        object: Term<'t>,
    },
}

/// A side of a condition.
#[derive(Debug)]
pub enum Term<'t> {
    /// `user`, `agent`, `instance` or `object`.
    Word(Named<'t>),
    /// `TYPE:{path}`
    Object(Named<'t>, Template),
}

/// `agent NAME at most ACTIONS on TYPES`.
#[derive(Debug)]
pub struct AtMost<'t> {
    /// The agent; `*` for all without a line.
    pub agent: Named<'t>,
    /// The actions.
    pub actions: Actions<'t>,
    /// The types.
    pub types: Vec<Named<'t>>,
}

/// A carrier of authority in a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// `authorization_details` (RFC 9396).
    Detail,
    /// `roles` (RFC 9068 §2.2.3.1).
    Role,
    /// `scope` (RFC 6749 §3.3).
    Scope,
}

impl Carrier {
    /// The claim.
    pub const fn claim(self) -> &'static str {
        match self {
            Self::Detail => "authorization_details",
            Self::Role => "roles",
            Self::Scope => "scope",
        }
    }
}

/// `scope "NAME" covers ACTIONS on TYPE[:ID]`, `role "NAME" covers …`, or `detail "TYPE" covers …`.
#[derive(Debug)]
pub struct Covers<'t> {
    /// The carrier.
    pub carrier: Carrier,
    /// The pattern of a scope or a role, or the detail's type.
    pub name: Named<'t>,
    /// The actions; `None` for `{actions}`, the names in the detail.
    pub actions: Option<Actions<'t>>,
    /// The type.
    pub kind: Named<'t>,
    /// The object; every object of the type without one.
    pub object: Option<Template>,
    /// Members of a detail that do not narrow.
    pub ignoring: Vec<Named<'t>>,
}

/// `token says S is RELATION of TYPE:{claim.path}`.
#[derive(Debug)]
pub struct Says<'t> {
    /// Who.
    pub subject: Term<'t>,
    /// The relation.
    pub relation: Named<'t>,
    /// The object as it was written.
    pub object: Named<'t>,
    /// Of what.
    pub template: Template,
}

/// `NAME: TYPE [from query.NAME | from body.PATH | from arguments.PATH]`.
#[derive(Debug)]
pub struct Argument<'t> {
    /// What rules call it: `args.NAME`.
    pub name: Named<'t>,
    /// Its type.
    pub ty: Type,
    /// Where it is read: `query.x`; `None` for the placeholder, or the tool's argument, of its own name.
    pub from: Option<Named<'t>>,
}

/// `tool NAME is ACTION on TYPE:ID [with …]`.
#[derive(Debug)]
pub struct Tool<'t> {
    /// The tool, or the beginning of its name and `*`.
    pub name: Named<'t>,
    /// The action.
    pub action: Named<'t>,
    /// The object as it was written.
    pub object: Named<'t>,
    /// The object.
    pub template: Template,
    /// What it declares.
    pub arguments: Vec<Argument<'t>>,
}

/// `route METHOD PATTERN is ACTION on TYPE:ID [with …]`.
#[derive(Debug)]
pub struct Route<'t> {
    /// The method, or `*`.
    pub method: Named<'t>,
    /// The path.
    pub pattern: Named<'t>,
    /// The action.
    pub action: Named<'t>,
    /// The object as it was written.
    pub object: Named<'t>,
    /// The object.
    pub template: Template,
    /// What it declares.
    pub arguments: Vec<Argument<'t>>,
}

/// `public METHOD PATTERN`.
#[derive(Debug)]
pub struct Public<'t> {
    /// The method, or `*`.
    pub method: Named<'t>,
    /// The path.
    pub pattern: Named<'t>,
}

/// `chain at most N [unrecorded]`.
#[derive(Debug, Clone, Copy)]
pub struct Chain {
    /// How many agents may stand before the current one.
    pub most: u32,
    /// Whether a hop without a record of its authority is taken at the issuer's word.
    pub unrecorded: bool,
    /// The line.
    pub line: u32,
}
