//! `when` and `unless`, over every agent of the chain.

use alloc::{format, string::String};

use super::relations::{Name, Wanted};
use super::{Evaluator, Hop, Task};
use crate::names::{Part, Template, encode_onto};
use crate::policy::rules::{Condition, Expression, Rule, Subject, Test};
use crate::policy::says;
use crate::policy::variables::Values;
use crate::truth::Truth;

impl Evaluator<'_, '_> {
    /// All conditions of a line, and how many of them do not hold; one that reads the agent or the instance must hold
    /// for every agent of the chain.
    pub(super) fn conditions(&mut self, rule: &Rule) -> (Truth, usize) {
        let case = self.case;
        let (mut all, mut unmet) = (Truth::True, 0_usize);
        let mut count = |truth: Truth| {
            all = all.and(truth);
            unmet = unmet.saturating_add(usize::from(truth < case.least));
        };
        for condition in &rule.conditions {
            let each = match &condition.test {
                Test::Relation { subject: Subject::Agent | Subject::Instance, .. } => case.chain,
                Test::Relation { .. } | Test::Expression(_) => case.chain.get(..1).unwrap_or_default(),
            };
            if each.is_empty() {
                count(self.condition(rule, condition, None));
            }
            for hop in each {
                count(self.condition(rule, condition, Some(hop)));
            }
        }
        (all, unmet)
    }

    /// Whether a `forbid` or `approve` line strikes: where a condition reads the agent, if it does for any of the
    /// chain. What makes it strike is what refuses, and is written down as that.
    pub(super) fn strikes(&mut self, rule: &Rule) -> Truth {
        let case = self.case;
        let start = self.trace.reasons.len();
        let current = case.chain.iter().map(Some);
        let nobody = case.chain.is_empty().then_some(None);
        let mut strikes = Truth::False;
        for hop in current.chain(nobody) {
            let before = self.trace.reasons.len();
            let conditions = rule.conditions.iter();
            let all =
                conditions.fold(Truth::True, |all, condition| all.and(self.condition(rule, condition, hop)));
            if all > strikes {
                strikes = all;
                self.trace.reasons.drain(start..before);
            } else {
                self.trace.reasons.truncate(before);
            }
        }
        self.trace.reasons.iter_mut().skip(start).for_each(|reason| reason.met = false);
        strikes
    }

    fn condition(&mut self, rule: &Rule, condition: &Condition, hop: Option<&Hop<'_>>) -> Truth {
        let truth = match &condition.test {
            Test::Relation { subject, relation, object } => {
                let mut left = core::mem::take(&mut self.scratch.left);
                let mut right = core::mem::take(&mut self.scratch.right);
                left.clear();
                right.clear();
                let case = self.case;
                let (subject, who) = match subject {
                    Subject::User => (Name::of(case.user), "user"),
                    Subject::Agent => (Name::of(hop.and_then(|hop| hop.agent)), "agent"),
                    Subject::Instance => (Name::of(hop.and_then(|hop| hop.instance)), "instance"),
                    Subject::Asked => (Name::of(case.object), "object"),
                    Subject::Object(template) if self.render(template, &mut left) => {
                        (Name::Known(&left), "object")
                    }
                    Subject::Object(template) => (Name::Unfilled(template), "object"),
                };
                let object = match object {
                    None => Name::of(case.object),
                    Some(template) if self.render(template, &mut right) => Name::Known(&right),
                    Some(template) => Name::Unfilled(template),
                };
                let (term, line, negated) = ("condition", condition.line, condition.unless);
                let wanted = Wanted { term, who, subject, relation, object, line, negated };
                let said = self.related(rule, &wanted);
                self.scratch.left = left;
                self.scratch.right = right;
                said.truth
            }
            Test::Expression(expression) => self.expression(rule, expression, condition),
        };
        if condition.unless { !truth } else { truth }
    }

    fn expression(&mut self, rule: &Rule, expression: &Expression, condition: &Condition) -> Truth {
        let values = Values { case: self.case, mode: self.mode, expression };
        let truth = expression.program.eval(&expression.code, &values);
        let wanted = if condition.unless { Truth::False } else { Truth::True };
        self.write("condition", truth, truth == wanted, Some(condition.line), || {
            let word = if condition.unless { "unless" } else { "when" };
            format!("`{word} {}` is {} (rule `{}`)", expression.text, truth.as_str(), rule.id)
        });
        truth
    }

    /// Renders an object from verified values; `false` where one is not there.
    pub(super) fn render(&self, template: &Template, out: &mut String) -> bool {
        let case = self.case;
        for part in &template.parts {
            let value = match part {
                Part::Literal(text) => {
                    out.push_str(text);
                    continue;
                }
                // It is a name already: what it came from was encoded.
                Part::Hole(path) if path == "object.id" => {
                    let Some((_, id)) = case.object.and_then(|object| object.split_once(':')) else {
                        return false;
                    };
                    out.push_str(id);
                    continue;
                }
                Part::Hole(path) => match (path.as_str(), case.task) {
                    ("task", Task::Known(task)) => Some(task),
                    ("task", Task::Absent | Task::Unknown) => None,
                    (path, _) => {
                        path.strip_prefix("claim.").and_then(|path| says::find(case.claims, path)?.as_str())
                    }
                },
            };
            match value {
                Some(text) if !text.is_empty() => encode_onto(out, text),
                _ => return false,
            }
        }
        true
    }
}
