//! The bytes of compiled rules in a pack: little-endian, each value behind the one before it.
//!
//! A record is its members in the order in which they are listed here, so writing and reading cannot differ.
//! Loading checks every index once, so the evaluator never meets one that leads nowhere.

use alloc::{string::String, vec::Vec};

use crate::expr::{Program, Type as ValueType, type_words, words_type};
use crate::names::{Part, Template};
use crate::pack::PackError;
use crate::policy::ast::{Carrier, Effect};
use crate::policy::path::{Pattern, Segment};
use crate::policy::rules::{
    Action, Argument, By, Callers, Ceiling, Condition, Coverage, Expression, From, MOST_ACTIONS, Public,
    Route, Rule, Rules, Says, Subject, Test, Tool, Type,
};

impl Rules {
    /// Writes the section.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    /// Reads the section and checks every index.
    pub fn decode(bytes: &[u8]) -> Result<Self, PackError> {
        let mut rest = Reader { rest: bytes };
        let rules = Self::read(&mut rest)?;
        if !rest.rest.is_empty() {
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

/// What a pack carries.
trait Coded: Sized {
    fn write(&self, out: &mut Vec<u8>);
    fn read(from: &mut Reader<'_>) -> Result<Self, PackError>;
}

/// A record is its members, in this order.
macro_rules! record {
    ($($name:ident { $($member:ident),* $(,)? })*) => { $(
        impl Coded for $name {
            fn write(&self, out: &mut Vec<u8>) {
                $( self.$member.write(out); )*
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, PackError> {
                Ok(Self { $( $member: Coded::read(from)? ),* })
            }
        }
    )* };
}

record! {
    Rules {
        file, types, rules, ceilings, coverage, says, routes, tools, servers, public, preflight, chain,
        unrecorded, callers,
    }
    Type { name, personal, actions }
    Action { name, relation, of, line }
    Rule { effect, kinds, modes, targets, by, id, conditions, line }
    Condition { unless, test, line }
    Ceiling { agent, kind, actions, line }
    Coverage { carrier, name, kind, actions, object, ignoring, line }
    Says { subject, relation, object, claim, line }
    Route { method, pattern, text, kind, action, object, arguments, line }
    Tool { name, open, kind, action, object, arguments, line }
    Argument { name, ty, from }
    Public { method, pattern, line }
    Callers { relation, line }
    Template { parts }
    Pattern { segments }
}

/// A choice is a byte, and what belongs to it.
macro_rules! choice {
    ($($name:ident or $unknown:literal { $($number:literal = $variant:ident $(($value:ident))?),* $(,)? })*) => { $(
        impl Coded for $name {
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $( Self::$variant $(($value))? => {
                        out.push($number);
                        $( $value.write(out); )?
                    } )*
                }
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, PackError> {
                Ok(match from.byte()? {
                    $( $number => Self::$variant $(({
                        let $value = Coded::read(from)?;
                        $value
                    }))?, )*
                    _ => return Err(PackError($unknown)),
                })
            }
        }
    )* };
}

choice! {
    Effect or "a rule has an unknown effect" { 0 = Allow, 1 = Approve, 2 = Forbid }
    By or "a rule is approved by somebody unknown" { 0 = User, 1 = Relation(relation) }
    Carrier or "a carrier is unknown" { 0 = Detail, 1 = Role, 2 = Scope }
    Subject or "a condition has no subject" { 0 = User, 1 = Agent, 2 = Instance, 3 = Object(object), 4 = Asked }
    From or "an argument is read from nowhere" { 0 = Arguments(path), 1 = Body(path), 2 = Path(path), 3 = Query(path) }
    Part or "a template has an unknown part" { 0 = Literal(text), 1 = Hole(name) }
}

impl Coded for Test {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Relation { subject, relation, object } => {
                out.push(0);
                subject.write(out);
                relation.write(out);
                object.write(out);
            }
            Self::Expression(expression) => {
                out.push(1);
                expression.text.write(out);
                expression.code.write(out);
                expression.arguments.write(out);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, PackError> {
        Ok(match from.byte()? {
            0 => Self::Relation {
                subject: Coded::read(from)?,
                relation: Coded::read(from)?,
                object: Coded::read(from)?,
            },
            1 => {
                let (text, code) = (Coded::read(from)?, Vec::read(from)?);
                let program = Program::load(&code).ok_or(PackError("an expression is damaged"))?;
                Self::Expression(Expression { text, code, program, arguments: Coded::read(from)? })
            }
            _ => return Err(PackError("a condition tests nothing")),
        })
    }
}

// Every segment has a text, if an empty one.
impl Coded for Segment {
    fn write(&self, out: &mut Vec<u8>) {
        let (number, text) = match self {
            Self::Literal(text) => (0, text.as_str()),
            Self::One(name) => (1, name.as_str()),
            Self::Rest(name) => (2, name.as_str()),
            Self::Any => (3, ""),
        };
        out.push(number);
        write_text(text, out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, PackError> {
        let (number, text) = (from.byte()?, String::read(from)?);
        Ok(match number {
            0 => Self::Literal(text),
            1 => Self::One(text),
            2 => Self::Rest(text),
            3 if text.is_empty() => Self::Any,
            _ => return Err(PackError("a pattern has an unknown part")),
        })
    }
}

impl Coded for ValueType {
    fn write(&self, out: &mut Vec<u8>) {
        type_words(*self).iter().for_each(|word| word.write(out));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, PackError> {
        let words = [u32::read(from)?, u32::read(from)?];
        // There is one way to write each.
        let ty = words_type(words).filter(|ty| type_words(*ty) == words);
        ty.ok_or(PackError("a type of values is unknown"))
    }
}

impl Coded for u8 {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, PackError> {
        from.byte()
    }
}

impl Coded for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, PackError> {
        match from.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(PackError("a flag is neither 0 nor 1")),
        }
    }
}

/// An index: a word that is not greater than the places of a list that rules can have.
impl Coded for u16 {
    fn write(&self, out: &mut Vec<u8>) {
        u32::from(*self).write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, PackError> {
        Self::try_from(u32::read(from)?).map_err(|_| PackError("an index is too large"))
    }
}

impl Coded for u32 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, PackError> {
        from.take(4)?.try_into().map(Self::from_le_bytes).map_err(|_| SHORT)
    }
}

impl Coded for u64 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, PackError> {
        from.take(8)?.try_into().map(Self::from_le_bytes).map_err(|_| SHORT)
    }
}

/// Its length, and the text.
fn write_text(text: &str, out: &mut Vec<u8>) {
    write_count(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

/// What does not fit becomes the greatest word, and the pack is refused for its size.
fn write_count(count: usize, out: &mut Vec<u8>) {
    u32::try_from(count).unwrap_or(u32::MAX).write(out);
}

impl Coded for String {
    fn write(&self, out: &mut Vec<u8>) {
        write_text(self, out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, PackError> {
        let count = from.count()?;
        let bytes = from.take(count)?;
        core::str::from_utf8(bytes).map(Self::from).map_err(|_| PackError("a text is not UTF-8"))
    }
}

impl<T: Coded> Coded for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        self.iter().for_each(|item| item.write(out));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, PackError> {
        if bool::read(from)? { T::read(from).map(Some) } else { Ok(None) }
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        write_count(self.len(), out);
        self.iter().for_each(|item| item.write(out));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, PackError> {
        let count = from.count()?;
        (0..count).map(|_| T::read(from)).collect()
    }
}

impl<A: Coded, B: Coded> Coded for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, PackError> {
        Ok((A::read(from)?, B::read(from)?))
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

    /// Every item takes at least one byte, so a count beyond what is left is wrong before anything is stored.
    fn count(&mut self) -> Result<usize, PackError> {
        let count = usize::try_from(u32::read(self)?).map_err(|_| SHORT)?;
        if count > self.rest.len() { Err(SHORT) } else { Ok(count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{compile, parse};
    use alloc::format;

    fn rules() -> Rules {
        let text = "actfor 1\non repo\n  read, push needs scope\nallow delegated to read on repo as lent\n\
                    approve agents to push on repo by user as review\nagent * at most read on repo\n\
                    scope \"repo\" covers read on repo\nroute GET /repos/{id} is read on repo:{id}\n\
                    mcp /mcp\ntool t is push on repo:main\n";
        let file = parse::parse("rules.actfor", text).unwrap();
        compile::rules(&file, None).unwrap()
    }

    /// What a decoder says of rules that were changed.
    fn refused(change: impl FnOnce(&mut Rules)) -> &'static str {
        let mut rules = rules();
        change(&mut rules);
        Rules::decode(&rules.encode()).unwrap_err().0
    }

    #[test]
    fn every_index_leads_somewhere() {
        assert_eq!(Rules::decode(&rules().encode()), Ok(rules()));
        let kind = "a rule names a type that is not there";
        assert_eq!(
            refused(|rules| rules.rules.first_mut().unwrap().targets.first_mut().unwrap().0 = 1),
            kind
        );
        assert_eq!(refused(|rules| rules.ceilings.first_mut().unwrap().kind = 1), kind);
        assert_eq!(refused(|rules| rules.coverage.first_mut().unwrap().kind = 1), kind);
        assert_eq!(refused(|rules| rules.routes.first_mut().unwrap().kind = 1), kind);
        assert_eq!(refused(|rules| rules.tools.first_mut().unwrap().kind = 1), kind);
        let action = "a route or tool names an action that is not there";
        assert_eq!(refused(|rules| rules.routes.first_mut().unwrap().action = 2), action);
        assert_eq!(refused(|rules| rules.tools.first_mut().unwrap().action = 2), action);
        let by = "an `approve` line says who may approve, and no other";
        assert_eq!(refused(|rules| rules.rules.iter_mut().for_each(|rule| rule.by = None)), by);
        assert_eq!(refused(|rules| rules.rules.first_mut().unwrap().by = Some(By::User)), by);
        let fill = |rules: &mut Rules, count: usize| {
            let actions = &mut rules.types.first_mut().unwrap().actions;
            let one = actions.first().unwrap().clone();
            actions.resize(count, one);
        };
        assert_eq!(
            refused(|rules| fill(rules, MOST_ACTIONS.saturating_add(1))),
            "a type has too many actions"
        );
        let mut full = rules();
        fill(&mut full, MOST_ACTIONS);
        assert_eq!(Rules::decode(&full.encode()), Ok(full));
    }

    #[test]
    fn every_byte_counts() {
        let bytes = rules().encode();
        for end in 0..bytes.len() {
            let cut = bytes.get(..end).unwrap();
            assert!(Rules::decode(cut).is_err(), "{end}");
        }
        let more = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Rules::decode(&more).unwrap_err().0, "something follows the rules");
        // A count beyond what is left refuses before anything is stored.
        let huge = [&[0, 0, 0, 0][..], &u32::MAX.to_le_bytes()].concat();
        assert_eq!(Rules::decode(&huge).map_err(|error| format!("{error:?}")), Err(format!("{SHORT:?}")));
    }
}
