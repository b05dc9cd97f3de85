//! Compiled rules: what the evaluator reads. Their bytes in a pack are in `codec`.

use alloc::{string::String, vec::Vec};

use crate::expr::{Program, Type as ValueType};
use crate::names::Template;
use crate::policy::ast::{Carrier, Effect};
use crate::policy::path::Pattern;

/// The number of actions that a type can have: they are bits of a `u64`.
pub const MOST_ACTIONS: usize = 64;

/// Every rule of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// The name of the rule file, for explanations.
    pub file: String,
    /// Types with their actions.
    pub types: Vec<Type>,
    /// `allow`, `forbid` and `approve` lines, in the order of the source.
    pub rules: Vec<Rule>,
    /// Ceilings.
    pub ceilings: Vec<Ceiling>,
    /// What scopes, roles and details cover.
    pub coverage: Vec<Coverage>,
    /// What a claim says about a relation.
    pub says: Vec<Says>,
    /// Routes, the most specific first.
    pub routes: Vec<Route>,
    /// Tools, the most specific first.
    pub tools: Vec<Tool>,
    /// The paths of MCP servers.
    pub servers: Vec<Pattern>,
    /// What passes without a token.
    pub public: Vec<Public>,
    /// Whether CORS preflight requests pass without a token.
    pub preflight: bool,
    /// How many agents may stand before the current one.
    pub chain: u32,
    /// Whether a hop without a record is taken at the issuer's word.
    pub unrecorded: bool,
    /// The relation that each agent needs to the one that it calls.
    pub callers: Option<Callers>,
}

/// `each caller is RELATION of agent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callers {
    /// The relation.
    pub relation: String,
    /// Where it stands.
    pub line: u32,
}

/// A type of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// Its name.
    pub name: String,
    /// The relation that says whose object it is.
    pub personal: Option<String>,
    /// Its actions; an action's place is its bit.
    pub actions: Vec<Action>,
}

/// An action and what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// The relation; `None` where coverage decides.
    pub relation: Option<String>,
    /// Of another object than the asked one.
    pub of: Option<Template>,
    /// Where it stands.
    pub line: u32,
}

/// An `allow`, `forbid` or `approve` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What it does.
    pub effect: Effect,
    /// Bits of kinds.
    pub kinds: u8,
    /// Bits of modes.
    pub modes: u8,
    /// Types, each with the bits of its actions.
    pub targets: Vec<(u16, u64)>,
    /// Who may approve, in an `approve` line.
    pub by: Option<By>,
    /// The name that decisions show.
    pub id: String,
    /// What must hold.
    pub conditions: Vec<Condition>,
    /// Where it stands.
    pub line: u32,
}

/// Who may approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// Whoever has this relation to the asked object.
    Relation(String),
    /// The user for whom the agent acts.
    User,
}

/// `when …` or `unless …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// It must not hold.
    pub unless: bool,
    /// What is tested.
    pub test: Test,
    /// Where it stands.
    pub line: u32,
}

/// What a condition tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// An expression.
    Expression(Expression),
    /// `S is RELATION of O`
    Relation {
        /// Who.
        subject: Subject,
        /// The relation.
        relation: String,
        /// Of what; `None` for the asked object.
        object: Option<Template>,
    },
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Expression {
    /// As it was written, for explanations.
    pub text: String,
    /// Its code.
    pub code: Vec<u8>,
    /// The same, checked.
    pub program: Program,
    /// The arguments that it may read, behind the variables that every expression has.
    pub arguments: Vec<(String, ValueType)>,
}

// The program follows from the code.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.code, &self.arguments) == (&other.text, &other.code, &other.arguments)
    }
}

impl Eq for Expression {}

/// The left side of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Each agent of the chain.
    Agent,
    /// The asked object.
    Asked,
    /// Each agent's instance.
    Instance,
    /// An object with a verified value in its name.
    Object(Template),
    /// The user.
    User,
}

/// What an agent may do at most, whoever it works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// The agent's object; `None` for agents without a line of their own for the type.
    pub agent: Option<String>,
    /// The type.
    pub kind: u16,
    /// The actions.
    pub actions: u64,
    /// Where it stands.
    pub line: u32,
}

/// `token says S is RELATION of TYPE:{claim.path}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Says {
    /// Who.
    pub subject: Subject,
    /// The relation.
    pub relation: String,
    /// Of what.
    pub object: Template,
    /// The path of the claim in one of the two.
    pub claim: String,
    /// Where it stands.
    pub line: u32,
}

/// What a scope, a role or a detail covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Scope, role or detail.
    pub carrier: Carrier,
    /// The pattern of a scope or a role, or the detail's type.
    pub name: Template,
    /// The type.
    pub kind: u16,
    /// The actions; `None` for those that the detail names.
    pub actions: Option<u64>,
    /// The object; every object of the type without one.
    pub object: Option<Template>,
    /// Members of a detail that do not narrow.
    pub ignoring: Vec<String>,
    /// Where it stands.
    pub line: u32,
}

/// A request that is mapped to an action and an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method; empty for any.
    pub method: String,
    /// The path.
    pub pattern: Pattern,
    /// The path as it was written.
    pub text: String,
    /// The type.
    pub kind: u16,
    /// The action.
    pub action: u8,
    /// The object.
    pub object: Template,
    /// What it declares.
    pub arguments: Vec<Argument>,
    /// Where it stands.
    pub line: u32,
}

/// A tool that is an action on an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Its name, or the beginning of its name.
    pub name: String,
    /// Whether it is only the beginning.
    pub open: bool,
    /// The type.
    pub kind: u16,
    /// The action.
    pub action: u8,
    /// The object.
    pub object: Template,
    /// What it declares.
    pub arguments: Vec<Argument>,
    /// Where it stands.
    pub line: u32,
}

/// A value of a request that rules may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// What rules call it.
    pub name: String,
    /// Its type.
    pub ty: ValueType,
    /// Where it is read.
    pub from: From,
}

/// Where an argument is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// A member of the tool's arguments, by its path.
    Arguments(String),
    /// A member of the JSON body, by its path.
    Body(String),
    /// A placeholder of the path.
    Path(String),
    /// A parameter of the query.
    Query(String),
}

/// A request that passes without a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    /// The method; empty for any.
    pub method: String,
    /// The path.
    pub pattern: Pattern,
    /// Where it stands.
    pub line: u32,
}

/// Whether an action is among those that the bits say.
pub(crate) fn includes(actions: u64, action: u8) -> bool {
    actions.checked_shr(u32::from(action)).is_some_and(|bits| bits & 1 == 1)
}

impl Rules {
    /// A type by its place.
    pub fn kind(&self, kind: u16) -> Option<&Type> {
        self.types.get(usize::from(kind))
    }
}
