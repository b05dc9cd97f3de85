//! What an expression in a rule can read, and where it comes from.
//!
//! Everything but `args` and `request` is verified or configured. An argument or a fact of the request may only
//! narrow what is allowed: a condition is one more thing that must hold.

use alloc::{format, string::String, vec::Vec};

use crate::expr::{Fact, Instant, Item, Type, Value, Variables};
use crate::identity::context::Mode;
use crate::policy::decide::{Case, Task};
use crate::policy::rules::Expression;

/// The variables that every expression has, by their index.
pub const VARIABLES: [(&str, Type); 12] = [
    ("kind", Type::String),
    ("mode", Type::String),
    ("task", Type::String),
    ("claim", Type::Map(Item::Any)),
    ("object.type", Type::String),
    ("object.id", Type::String),
    ("request.method", Type::String),
    ("request.host", Type::String),
    ("request.path", Type::String),
    ("request.route", Type::String),
    ("request.time", Type::Timestamp),
    ("request.peer", Type::IpAddress),
];

/// The names and types for the compiler: the fixed ones, and `args.NAME` for each argument.
pub fn declared(arguments: &[(String, Type)]) -> Vec<(String, Type)> {
    let fixed = VARIABLES.iter().map(|(name, ty)| (String::from(*name), *ty));
    fixed.chain(arguments.iter().map(|(name, ty)| (format!("args.{name}"), *ty))).collect()
}

/// The values of one request in one mode.
pub struct Values<'v, 'a> {
    /// The request.
    pub case: &'v Case<'a>,
    /// The mode in which the formula is evaluated now.
    pub mode: Mode,
    /// Whose arguments are read.
    pub expression: &'v Expression,
}

fn text(value: Option<&str>) -> Fact<'_> {
    value.map_or(Fact::Unknown, |text| Fact::Known(Value::String(text)))
}

impl Variables for Values<'_, '_> {
    fn get(&self, index: u32) -> Fact<'_> {
        let case = self.case;
        let object = || case.object.and_then(|object| object.split_once(':'));
        match index {
            0 => text(Some(case.kind.as_str())),
            1 => text(Some(self.mode.as_str())),
            2 => match case.task {
                Task::Known(task) => text(Some(task)),
                Task::Absent => Fact::Absent,
                Task::Unknown => Fact::Unknown,
            },
            3 => Fact::Known(Value::Map(case.claims, Item::Any)),
            4 => text(object().map(|(kind, _)| kind)),
            5 => text(object().map(|(_, id)| id)),
            6 => text(case.asked.method),
            7 => text(case.asked.host),
            8 => text(case.asked.path),
            9 => text(case.asked.route),
            10 => {
                let seconds = case.asked.time.and_then(|now| i64::try_from(now.seconds()).ok());
                let now = seconds.and_then(|seconds| Instant::new(seconds, 0));
                now.map_or(Fact::Unknown, |now| Fact::Known(Value::Timestamp(now)))
            }
            11 => case.asked.peer.map_or(Fact::Unknown, |peer| Fact::Known(Value::IpAddress(peer))),
            index => self.argument(index.saturating_sub(12)),
        }
    }
}

impl Values<'_, '_> {
    fn argument(&self, index: u32) -> Fact<'_> {
        let declared = usize::try_from(index).ok().and_then(|index| self.expression.arguments.get(index));
        let Some((name, ty)) = declared else { return Fact::Unknown };
        let found = self.case.arguments.iter().find(|argument| argument.name == name);
        let value = found.and_then(|argument| Value::from_json(&argument.value, *ty));
        match found {
            None if self.case.all_arguments => Fact::Absent,
            _ => value.map_or(Fact::Unknown, Fact::Known),
        }
    }
}
