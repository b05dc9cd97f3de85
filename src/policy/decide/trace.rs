//! What was looked at, for whoever reads the explanation.

use alloc::{string::String, vec::Vec};

use super::Evaluator;
use crate::relation::{Step, Tuple};
use crate::truth::Truth;

/// A step of the proof on allow, a failed condition on deny.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What it belongs to: `coverage`, `rule`, `relation`, `personal`, `condition`, `hop`, `ceiling`, `forbid`,
    /// `approve`.
    pub term: &'static str,
    /// How it turned out.
    pub holds: Truth,
    /// Whether that is what was needed.
    pub met: bool,
    /// A sentence for an administrator.
    pub text: String,
    /// The line of the rule file.
    pub line: Option<u32>,
    /// Subject, relation and object, where it is about a relation.
    pub relation: Option<(String, String, String)>,
    /// The path through the model.
    pub via: Vec<Step>,
}

/// Collects reasons; does nothing unless somebody will read them.
#[derive(Debug, Default)]
pub struct Trace {
    /// Whether somebody will read them.
    pub on: bool,
    /// What was looked at, in order.
    pub reasons: Vec<Reason>,
    /// Relations that the pack does not hold completely.
    pub missing: Vec<(String, String, String)>,
    /// The tuples that claims add to the request, where something is missing: who is asked has to know them.
    pub said: Vec<Tuple>,
}

impl Evaluator<'_, '_> {
    /// Writes down what held.
    pub(super) fn note(
        &mut self,
        term: &'static str,
        holds: Truth,
        line: Option<u32>,
        text: impl FnOnce() -> String,
    ) {
        self.write(term, holds, true, line, text);
    }

    /// Writes down what failed.
    pub(super) fn fail(
        &mut self,
        term: &'static str,
        holds: Truth,
        line: Option<u32>,
        text: impl FnOnce() -> String,
    ) {
        self.write(term, holds, false, line, text);
    }

    pub(super) fn write(
        &mut self,
        term: &'static str,
        holds: Truth,
        met: bool,
        line: Option<u32>,
        text: impl FnOnce() -> String,
    ) {
        if self.trace.on {
            self.trace.reasons.push(Reason {
                term,
                holds,
                met,
                text: text(),
                line,
                relation: None,
                via: Vec::new(),
            });
        }
    }
}
