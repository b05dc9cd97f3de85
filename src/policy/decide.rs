//! The formula of a decision, over F < U < T; only T allows.
//!
//! `covered ∧ rule(kind, mode, action, type) ∧ base(kind) ∧ conditions ∧ every hop ∧ ceilings ∧ ¬forbid ∧
//! (¬approve ∨ approved)`. The first term that is not T, in this order, gives the code. Where the dialect cannot say the mode, the whole
//! formula is evaluated once per mode and the decision is the meet.

mod case;
mod chain;
mod conditions;
mod relations;
mod trace;

use alloc::{borrow::ToOwned, format, string::String};

use self::relations::Name;
use crate::error::Code;
use crate::identity::context::Mode;
use crate::json::{Object, Value};
use crate::names::{Part, is_plain};
use crate::policy::Policy;
use crate::policy::ast::{Carrier, Effect};
use crate::policy::coverage::{self, Wanted};
use crate::policy::rules::{Action, By, Coverage, Rule, Type, includes};
use crate::policy::says::Said;
use crate::relation;
use crate::truth::Truth;

pub use case::{Asked, Case, Hop, Record, Task};
pub use trace::{Reason, Trace};

/// The term of the formula that a request got to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    /// The current token covers it.
    Coverage,
    /// An `allow` line is there for kind, mode, action and type.
    Rule,
    /// User or agents have the relation.
    Relation,
    /// The person of the case has the personal relation.
    Personal,
    /// The line's conditions hold.
    Conditions,
    /// Every hop is vouched for.
    Chain,
    /// Every agent may do this at all.
    Ceiling,
    /// No `forbid` line strikes.
    Forbid,
    /// What needs somebody's approval has it.
    Approve,
}

/// Why it is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The code.
    pub code: Code,
    /// The term that is not T.
    pub term: Term,
    /// F or U.
    pub truth: Truth,
    /// The rule in question.
    pub rule: Option<usize>,
}

/// Buffers that are used again for every request.
#[derive(Debug, Default)]
pub struct Scratch {
    relation: relation::Scratch,
    buffer: String,
    left: String,
    right: String,
}

/// Decides; gives the place of the `allow` line that holds.
pub fn decide(
    policy: &Policy,
    case: &Case<'_>,
    scratch: &mut Scratch,
    trace: &mut Trace,
) -> Result<usize, Failure> {
    let start = trace.reasons.len();
    let said = Said::of(policy, case.claims, case.user, case.chain.last());
    let mut evaluator =
        Evaluator { policy, case, said: said.as_ref(), mode: Mode::Automated, scratch, trace };
    let mut outcome = None;
    let mut kept = start;
    for mode in case.modes {
        // One proof is enough to read; why approval is needed in one mode stays.
        evaluator.trace.reasons.truncate(kept);
        evaluator.mode = *mode;
        match evaluator.in_mode(*mode) {
            // Approval is asked for only where nothing else refuses, in any mode.
            Err(failure) if failure.code == Code::NeedsApproval => {
                outcome = Some(Err(failure));
                kept = evaluator.trace.reasons.len();
            }
            Err(failure) => {
                evaluator.trace.reasons.drain(start..kept);
                return Err(failure);
            }
            Ok(rule) => outcome = outcome.or(Some(Ok(rule))),
        }
    }
    let none = Failure { code: Code::ModeNotAllowed, term: Term::Rule, truth: Truth::Unknown, rule: None };
    outcome.unwrap_or(Err(none))
}

struct Evaluator<'e, 'a> {
    policy: &'e Policy,
    case: &'e Case<'a>,
    /// What claims say about relations, where rules ask for that.
    said: Option<&'e Said>,
    /// The mode in which the formula is evaluated now.
    mode: Mode,
    scratch: &'e mut Scratch,
    trace: &'e mut Trace,
}

impl<'e> Evaluator<'e, '_> {
    /// The formula, term by term.
    fn in_mode(&mut self, mode: Mode) -> Result<usize, Failure> {
        let (Some(ty), Some(action)) = self.target() else {
            return Err(Failure {
                code: Code::PackInvalid,
                term: Term::Coverage,
                truth: Truth::Unknown,
                rule: None,
            });
        };
        self.covered(action)?;
        let Some((first, first_rule)) = self.lines(Effect::Allow, mode).next() else {
            return Err(self.no_line(ty, action, mode));
        };
        self.base(ty, action, first, first_rule)?;
        let (index, rule) = self.allowing(mode, first)?;
        let fail = |code, term, truth| Failure { code, term, truth, rule: Some(index) };
        self.hops(action, rule).map_err(|(code, truth)| fail(code, Term::Chain, truth))?;
        self.ceilings(ty, action).map_err(|truth| fail(Code::Ceiling, Term::Ceiling, truth))?;
        self.forbids(mode)?;
        self.approvals(mode)?;
        Ok(index)
    }

    /// The lines of one effect for this kind, action and type, whatever their mode.
    fn lines_of_any_mode(&self, effect: Effect) -> impl Iterator<Item = (usize, &'e Rule)> + use<'e> {
        let (rules, kind, action) = (&self.policy.rules.rules, self.case.kind, self.case.action);
        let ty = self.case.kind_of_object;
        rules.iter().enumerate().filter(move |(_, rule)| {
            let is_target = |(of, actions): &(u16, u64)| *of == ty && includes(*actions, action);
            rule.effect == effect && rule.kinds & kind.bit() != 0 && rule.targets.iter().any(is_target)
        })
    }

    fn lines(&self, effect: Effect, mode: Mode) -> impl Iterator<Item = (usize, &'e Rule)> + use<'e> {
        self.lines_of_any_mode(effect).filter(move |(_, rule)| rule.modes & mode.bit() != 0)
    }

    fn no_line(&mut self, ty: &Type, action: &Action, mode: Mode) -> Failure {
        let other = self.lines_of_any_mode(Effect::Allow).next().map(|(rule, _)| rule);
        let kind = self.case.kind.as_str();
        self.fail("rule", Truth::False, None, || {
            let mode = other.map_or(String::new(), |_| format!(" in mode `{}`", mode.as_str()));
            let (action, ty) = (&action.name, &ty.name);
            format!("no rule allows `{action}` on `{ty}` to a relationship of kind `{kind}`{mode}")
        });
        let code = if other.is_some() { Code::ModeNotAllowed } else { Code::NoRule };
        Failure { code, term: Term::Rule, truth: Truth::False, rule: other }
    }

    /// The first `allow` line whose conditions hold; or what the line that comes nearest lacks.
    fn allowing(&mut self, mode: Mode, first: usize) -> Result<(usize, &'e Rule), Failure> {
        let start = self.trace.reasons.len();
        let mut nearest = (Truth::False, usize::MAX, first);
        for (index, rule) in self.lines(Effect::Allow, mode) {
            let before = self.trace.reasons.len();
            let (truth, unmet) = self.conditions(rule);
            if truth >= self.case.least {
                self.trace.reasons.drain(start..before);
                self.note("rule", Truth::True, Some(rule.line), || {
                    ["rule `", &rule.id, "` allows it"].concat()
                });
                return Ok((index, rule));
            }
            if truth > nearest.0 || (truth == nearest.0 && unmet < nearest.1) {
                nearest = (truth, unmet, index);
                self.trace.reasons.drain(start..before);
            } else {
                self.trace.reasons.truncate(before);
            }
        }
        let (code, term) = (Code::ConditionFailed, Term::Conditions);
        Err(Failure { code, term, truth: nearest.0, rule: Some(nearest.2) })
    }

    fn forbids(&mut self, mode: Mode) -> Result<(), Failure> {
        for (index, rule) in self.lines(Effect::Forbid, mode) {
            let strikes = self.strikes(rule);
            if !strikes < self.case.least {
                self.fail("forbid", strikes, Some(rule.line), || format!("rule `{}` forbids it", rule.id));
                let (code, term) = (Code::Forbidden, Term::Forbid);
                return Err(Failure { code, term, truth: strikes, rule: Some(index) });
            }
        }
        Ok(())
    }

    fn approvals(&mut self, mode: Mode) -> Result<(), Failure> {
        for (index, rule) in self.lines(Effect::Approve, mode) {
            let before = self.trace.reasons.len();
            if self.strikes(rule) == Truth::False {
                continue;
            }
            let struck = self.trace.reasons.len();
            if self.approved(rule) == Truth::True {
                self.trace.reasons.drain(before..struck);
                let approver = self.case.approver.unwrap_or_default();
                self.note("approve", Truth::True, Some(rule.line), || {
                    format!("`{approver}` has approved it (rule `{}`)", rule.id)
                });
                continue;
            }
            let object = self.case.object_name();
            self.fail("approve", Truth::Unknown, Some(rule.line), || match &rule.by {
                Some(By::Relation(relation)) => {
                    format!("rule `{}` needs the approval of a `{relation}` of `{object}`", rule.id)
                }
                Some(By::User) | None => format!("rule `{}` needs the approval of the user", rule.id),
            });
            let (code, term) = (Code::NeedsApproval, Term::Approve);
            return Err(Failure { code, term, truth: Truth::Unknown, rule: Some(index) });
        }
        Ok(())
    }

    /// Whether who approved this may do so.
    fn approved(&mut self, rule: &Rule) -> Truth {
        let case = self.case;
        let Some(approver) = case.approver else { return Truth::False };
        match &rule.by {
            None => Truth::False,
            Some(By::User) => Truth::from(case.user == Some(approver)),
            Some(By::Relation(relation)) => {
                let wanted = relations::Wanted {
                    term: "approve",
                    who: "approver",
                    subject: Name::Known(approver),
                    relation,
                    object: Name::of(case.object),
                    line: rule.line,
                    negated: false,
                };
                self.related(rule, &wanted).truth
            }
        }
    }

    fn target(&self) -> (Option<&'e Type>, Option<&'e Action>) {
        let ty = self.policy.rules.kind(self.case.kind_of_object);
        (ty, ty.and_then(|ty| ty.actions.get(usize::from(self.case.action))))
    }

    fn covered(&mut self, action: &Action) -> Result<(), Failure> {
        let case = self.case;
        let (mut truth, line) = self.coverage(case.claims, action);
        if let Some(also) = case.also {
            truth = truth.and(self.coverage(also, action).0);
        }
        if truth >= case.least {
            let at = line.map(|line| line.line);
            self.note("coverage", truth, at, || {
                let claim = line.map_or("token", |line| line.carrier.claim());
                ["`", claim, "` covers `", &action.name, "` on `", case.object_name(), "`"].concat()
            });
            return Ok(());
        }
        self.fail("coverage", truth, None, || match truth {
            Truth::Unknown => {
                "`scope`, `roles` or `authorization_details` of the token cannot be read".to_owned()
            }
            _ => {
                let (action, object) = (&action.name, case.object_name());
                format!(
                    "nothing in the token covers `{action}` on `{object}`; it has {}",
                    carried(case.claims)
                )
            }
        });
        Err(Failure { code: Code::NotCovered, term: Term::Coverage, truth, rule: None })
    }

    fn coverage(&mut self, claims: &Object<'_>, action: &Action) -> (Truth, Option<&'e Coverage>) {
        let case = self.case;
        let wanted = Wanted {
            kind: case.kind_of_object,
            action: case.action,
            name: &action.name,
            object: case.object,
            audiences: case.audiences,
        };
        coverage::covers(&self.policy.rules, claims, wanted, &mut self.scratch.buffer)
    }
}

/// What the token carries, for a message: scopes in full, roles and details by their number.
fn carried(claims: &Object<'_>) -> String {
    let mut out = match claims.get("scope").and_then(Value::as_str) {
        Some(scope) if !scope.trim().is_empty() => format!("scope {}", crate::error::quote(scope)),
        _ => "no scope".to_owned(),
    };
    for (name, one) in [("roles", "role"), ("authorization_details", "authorization detail")] {
        if let Some(items) = claims.get(name).and_then(Value::as_array) {
            let plural = if items.len() == 1 { "" } else { "s" };
            out.push_str(&format!(", {} {one}{plural}", items.len()));
        }
    }
    out
}

/// The scope that would cover an action on an object, for a challenge (RFC 6750 §3).
pub fn needed_scope(policy: &Policy, kind: u16, action: u8, object: &str) -> Option<String> {
    // What is encoded in the model is not written so in a scope.
    let id = object.split_once(':').map(|(_, id)| id).filter(|id| id.bytes().all(is_plain));
    policy.rules.coverage.iter().find_map(|line| {
        let fits = line.carrier == Carrier::Scope
            && line.kind == kind
            && line.actions.is_some_and(|bits| includes(bits, action));
        let plain = !line.name.source().contains('*');
        let mut scope = String::new();
        match (&line.object, fits && plain) {
            (_, false) => None,
            (None, true) => line.name.render(&mut scope, |_| None).then_some(scope),
            (Some(template), true) => match template.parts.as_slice() {
                // The whole id is one part of the scope.
                [Part::Literal(kind), Part::Hole(hole)] if kind.find(':') == kind.len().checked_sub(1) => {
                    line.name.render(&mut scope, |name| id.filter(|_| name == hole)).then_some(scope)
                }
                _ => None,
            },
        }
    })
}
