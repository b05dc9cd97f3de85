//! Compiled rules: what the evaluator reads, and the bytes of it in a pack.
//!
//! Loading checks every index once, so the evaluator never meets one that leads nowhere.

use alloc::{string::String, vec::Vec};

use crate::expr::{Program, Type as ValueType, type_words, words_type};
use crate::names::{Part, Template};
use crate::pack::PackError;
use crate::policy::ast::{Carrier, Effect};
use crate::policy::path::{Pattern, Segment};

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

impl Rules {
    /// A type by its place.
    pub fn kind(&self, kind: u16) -> Option<&Type> {
        self.types.get(usize::from(kind))
    }

    /// Writes the section.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Bytes::default();
        w.text(&self.file);
        w.list(&self.types, |w, t| {
            w.text(&t.name);
            w.option(t.personal.as_ref(), |w, p| w.text(p));
            w.list(&t.actions, |w, a| {
                w.text(&a.name);
                w.option(a.relation.as_ref(), |w, r| w.text(r));
                w.option(a.of.as_ref(), Bytes::template);
                w.number(a.line);
            });
        });
        w.list(&self.rules, |w, r| {
            w.byte(match r.effect {
                Effect::Allow => 0,
                Effect::Approve => 1,
                Effect::Forbid => 2,
            });
            w.byte(r.kinds);
            w.byte(r.modes);
            w.list(&r.targets, |w, (kind, actions)| {
                w.number(u32::from(*kind));
                w.wide(*actions);
            });
            w.option(r.by.as_ref(), |w, by| match by {
                By::User => w.byte(0),
                By::Relation(relation) => {
                    w.byte(1);
                    w.text(relation);
                }
            });
            w.text(&r.id);
            w.list(&r.conditions, Bytes::condition);
            w.number(r.line);
        });
        w.list(&self.ceilings, |w, c| {
            w.option(c.agent.as_ref(), |w, a| w.text(a));
            w.number(u32::from(c.kind));
            w.wide(c.actions);
            w.number(c.line);
        });
        w.list(&self.coverage, |w, c| {
            w.byte(match c.carrier {
                Carrier::Detail => 0,
                Carrier::Role => 1,
                Carrier::Scope => 2,
            });
            w.template(&c.name);
            w.number(u32::from(c.kind));
            w.option(c.actions.as_ref(), |w, a| w.wide(*a));
            w.option(c.object.as_ref(), Bytes::template);
            w.list(&c.ignoring, |w, name| w.text(name));
            w.number(c.line);
        });
        w.list(&self.says, |w, s| {
            w.subject(&s.subject);
            w.text(&s.relation);
            w.template(&s.object);
            w.text(&s.claim);
            w.number(s.line);
        });
        w.list(&self.routes, |w, r| {
            w.text(&r.method);
            w.pattern(&r.pattern);
            w.text(&r.text);
            w.number(u32::from(r.kind));
            w.byte(r.action);
            w.template(&r.object);
            w.list(&r.arguments, Bytes::argument);
            w.number(r.line);
        });
        w.list(&self.tools, |w, t| {
            w.text(&t.name);
            w.flag(t.open);
            w.number(u32::from(t.kind));
            w.byte(t.action);
            w.template(&t.object);
            w.list(&t.arguments, Bytes::argument);
            w.number(t.line);
        });
        w.list(&self.servers, Bytes::pattern);
        w.list(&self.public, |w, p| {
            w.text(&p.method);
            w.pattern(&p.pattern);
            w.number(p.line);
        });
        w.flag(self.preflight);
        w.number(self.chain);
        w.flag(self.unrecorded);
        w.option(self.callers.as_ref(), |w, c| {
            w.text(&c.relation);
            w.number(c.line);
        });
        w.out
    }

    /// Reads the section and checks every index.
    pub fn decode(bytes: &[u8]) -> Result<Self, PackError> {
        let mut r = Reader { rest: bytes };
        let file = r.text()?;
        let types = r.list(|r| {
            Ok(Type {
                name: r.text()?,
                personal: r.option(Reader::text)?,
                actions: r.list(|r| {
                    Ok(Action {
                        name: r.text()?,
                        relation: r.option(Reader::text)?,
                        of: r.option(Reader::template)?,
                        line: r.number()?,
                    })
                })?,
            })
        })?;
        let rules = r.list(|r| {
            Ok(Rule {
                effect: match r.byte()? {
                    0 => Effect::Allow,
                    1 => Effect::Approve,
                    2 => Effect::Forbid,
                    _ => return Err(PackError("a rule has an unknown effect")),
                },
                kinds: r.byte()?,
                modes: r.byte()?,
                targets: r.list(|r| Ok((r.short()?, r.wide()?)))?,
                by: r.option(|r| match r.byte()? {
                    0 => Ok(By::User),
                    1 => r.text().map(By::Relation),
                    _ => Err(PackError("a rule is approved by somebody unknown")),
                })?,
                id: r.text()?,
                conditions: r.list(Reader::condition)?,
                line: r.number()?,
            })
        })?;
        let ceilings = r.list(|r| {
            Ok(Ceiling {
                agent: r.option(Reader::text)?,
                kind: r.short()?,
                actions: r.wide()?,
                line: r.number()?,
            })
        })?;
        let coverage = r.list(|r| {
            Ok(Coverage {
                carrier: match r.byte()? {
                    0 => Carrier::Detail,
                    1 => Carrier::Role,
                    2 => Carrier::Scope,
                    _ => return Err(PackError("a carrier is unknown")),
                },
                name: r.template()?,
                kind: r.short()?,
                actions: r.option(Reader::wide)?,
                object: r.option(Reader::template)?,
                ignoring: r.list(Reader::text)?,
                line: r.number()?,
            })
        })?;
        let says = r.list(|r| {
            Ok(Says {
                subject: r.subject()?,
                relation: r.text()?,
                object: r.template()?,
                claim: r.text()?,
                line: r.number()?,
            })
        })?;
        let routes = r.list(|r| {
            Ok(Route {
                method: r.text()?,
                pattern: r.pattern()?,
                text: r.text()?,
                kind: r.short()?,
                action: r.byte()?,
                object: r.template()?,
                arguments: r.list(Reader::argument)?,
                line: r.number()?,
            })
        })?;
        let tools = r.list(|r| {
            Ok(Tool {
                name: r.text()?,
                open: r.flag()?,
                kind: r.short()?,
                action: r.byte()?,
                object: r.template()?,
                arguments: r.list(Reader::argument)?,
                line: r.number()?,
            })
        })?;
        let servers = r.list(Reader::pattern)?;
        let public =
            r.list(|r| Ok(Public { method: r.text()?, pattern: r.pattern()?, line: r.number()? }))?;
        let rules = Self {
            file,
            types,
            rules,
            ceilings,
            coverage,
            says,
            routes,
            tools,
            servers,
            public,
            preflight: r.flag()?,
            chain: r.number()?,
            unrecorded: r.flag()?,
            callers: r.option(|r| Ok(Callers { relation: r.text()?, line: r.number()? }))?,
        };
        if !r.rest.is_empty() {
            return Err(PackError("something follows the rules"));
        }
        rules.check()?;
        Ok(rules)
    }

    fn check(&self) -> Result<(), PackError> {
        let kinds = self
            .rules
            .iter()
            .flat_map(|rule| rule.targets.iter().map(|(kind, _)| *kind))
            .chain(self.ceilings.iter().map(|c| c.kind))
            .chain(self.coverage.iter().map(|c| c.kind))
            .chain(self.routes.iter().map(|r| r.kind))
            .chain(self.tools.iter().map(|t| t.kind));
        for kind in kinds {
            if self.kind(kind).is_none() {
                return Err(PackError("a rule names a type that is not there"));
            }
        }
        let routes = self.routes.iter().map(|r| (r.kind, r.action));
        let tools = self.tools.iter().map(|t| (t.kind, t.action));
        let known = |(kind, action)| self.kind(kind).is_some_and(|t| t.actions.len() > usize::from(action));
        if !routes.chain(tools).all(known) {
            return Err(PackError("a route or tool names an action that is not there"));
        }
        if self.rules.iter().any(|rule| (rule.effect == Effect::Approve) != rule.by.is_some()) {
            return Err(PackError("an `approve` line says who may approve, and no other"));
        }
        if self.types.iter().any(|t| t.actions.len() > MOST_ACTIONS) {
            return Err(PackError("a type has too many actions"));
        }
        Ok(())
    }
}

#[derive(Default)]
struct Bytes {
    out: Vec<u8>,
}

impl Bytes {
    fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    fn flag(&mut self, flag: bool) {
        self.out.push(u8::from(flag));
    }

    fn number(&mut self, number: u32) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    fn wide(&mut self, number: u64) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.out.extend_from_slice(text.as_bytes());
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.number(u32::try_from(items.len()).unwrap_or(u32::MAX));
        items.iter().for_each(|item| write(self, item));
    }

    fn option<T>(&mut self, item: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.flag(item.is_some());
        if let Some(item) = item {
            write(self, item);
        }
    }

    fn subject(&mut self, subject: &Subject) {
        match subject {
            Subject::User => self.byte(0),
            Subject::Agent => self.byte(1),
            Subject::Instance => self.byte(2),
            Subject::Object(template) => {
                self.byte(3);
                self.template(template);
            }
        }
    }

    fn condition(&mut self, condition: &Condition) {
        self.flag(condition.unless);
        match &condition.test {
            Test::Relation { subject, relation, object } => {
                self.byte(0);
                self.subject(subject);
                self.text(relation);
                self.option(object.as_ref(), Self::template);
            }
            Test::Expression(expression) => {
                self.byte(1);
                self.text(&expression.text);
                self.number(u32::try_from(expression.code.len()).unwrap_or(u32::MAX));
                self.out.extend_from_slice(&expression.code);
                self.list(&expression.arguments, |w, (name, ty)| {
                    w.text(name);
                    w.value_type(*ty);
                });
            }
        }
        self.number(condition.line);
    }

    fn value_type(&mut self, ty: ValueType) {
        type_words(ty).into_iter().for_each(|word| self.number(word));
    }

    fn argument(&mut self, argument: &Argument) {
        self.text(&argument.name);
        self.value_type(argument.ty);
        let (tag, path) = match &argument.from {
            From::Arguments(path) => (0, path),
            From::Body(path) => (1, path),
            From::Path(path) => (2, path),
            From::Query(path) => (3, path),
        };
        self.byte(tag);
        self.text(path);
    }

    fn template(&mut self, template: &Template) {
        self.list(&template.parts, |w, part| match part {
            Part::Literal(text) => {
                w.byte(0);
                w.text(text);
            }
            Part::Hole(name) => {
                w.byte(1);
                w.text(name);
            }
        });
    }

    fn pattern(&mut self, pattern: &Pattern) {
        self.list(&pattern.segments, |w, segment| {
            let (tag, text) = match segment {
                Segment::Literal(text) => (0, text.as_str()),
                Segment::One(name) => (1, name.as_str()),
                Segment::Rest(name) => (2, name.as_str()),
                Segment::Any => (3, ""),
            };
            w.byte(tag);
            w.text(text);
        });
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

const SHORT: PackError = PackError("the rules are cut short");

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], PackError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, PackError> {
        self.take(1)?.first().copied().ok_or(SHORT)
    }

    fn flag(&mut self) -> Result<bool, PackError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(PackError("a flag is neither 0 nor 1")),
        }
    }

    fn number(&mut self) -> Result<u32, PackError> {
        self.take(4)?.try_into().map(u32::from_le_bytes).map_err(|_| SHORT)
    }

    fn short(&mut self) -> Result<u16, PackError> {
        u16::try_from(self.number()?).map_err(|_| PackError("an index is too large"))
    }

    fn wide(&mut self) -> Result<u64, PackError> {
        self.take(8)?.try_into().map(u64::from_le_bytes).map_err(|_| SHORT)
    }

    fn text(&mut self) -> Result<String, PackError> {
        let length = usize::try_from(self.number()?).map_err(|_| SHORT)?;
        let bytes = self.take(length)?;
        core::str::from_utf8(bytes).map(String::from).map_err(|_| PackError("a text is not UTF-8"))
    }

    /// Every item takes at least one byte, so a count beyond what is left is wrong before anything is stored.
    fn list<T>(&mut self, read: impl Fn(&mut Self) -> Result<T, PackError>) -> Result<Vec<T>, PackError> {
        let count = usize::try_from(self.number()?).map_err(|_| SHORT)?;
        if count > self.rest.len() {
            return Err(SHORT);
        }
        (0..count).map(|_| read(self)).collect()
    }

    fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, PackError>,
    ) -> Result<Option<T>, PackError> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    fn subject(&mut self) -> Result<Subject, PackError> {
        Ok(match self.byte()? {
            0 => Subject::User,
            1 => Subject::Agent,
            2 => Subject::Instance,
            3 => Subject::Object(self.template()?),
            _ => return Err(PackError("a condition has no subject")),
        })
    }

    fn condition(&mut self) -> Result<Condition, PackError> {
        let unless = self.flag()?;
        let test = match self.byte()? {
            0 => Test::Relation {
                subject: self.subject()?,
                relation: self.text()?,
                object: self.option(Reader::template)?,
            },
            1 => {
                let text = self.text()?;
                let length = usize::try_from(self.number()?).map_err(|_| SHORT)?;
                let code = self.take(length)?.to_vec();
                let program = Program::load(&code).ok_or(PackError("an expression is damaged"))?;
                let arguments = self.list(|r| Ok((r.text()?, r.value_type()?)))?;
                Test::Expression(Expression { text, code, program, arguments })
            }
            _ => return Err(PackError("a condition tests nothing")),
        };
        Ok(Condition { unless, test, line: self.number()? })
    }

    fn value_type(&mut self) -> Result<ValueType, PackError> {
        words_type([self.number()?, self.number()?]).ok_or(PackError("a type of values is unknown"))
    }

    fn argument(&mut self) -> Result<Argument, PackError> {
        let (name, ty, tag, path) = (self.text()?, self.value_type()?, self.byte()?, self.text()?);
        let from = match tag {
            0 => From::Arguments(path),
            1 => From::Body(path),
            2 => From::Path(path),
            3 => From::Query(path),
            _ => return Err(PackError("an argument is read from nowhere")),
        };
        Ok(Argument { name, ty, from })
    }

    fn template(&mut self) -> Result<Template, PackError> {
        let parts = self.list(|r| match r.byte()? {
            0 => r.text().map(Part::Literal),
            1 => r.text().map(Part::Hole),
            _ => Err(PackError("a template has an unknown part")),
        })?;
        Ok(Template { parts })
    }

    fn pattern(&mut self) -> Result<Pattern, PackError> {
        let segments = self.list(|r| {
            let tag = r.byte()?;
            let text = r.text()?;
            match tag {
                0 => Ok(Segment::Literal(text)),
                1 => Ok(Segment::One(text)),
                2 => Ok(Segment::Rest(text)),
                3 => Ok(Segment::Any),
                _ => Err(PackError("a pattern has an unknown part")),
            }
        })?;
        Ok(Pattern { segments })
    }
}
