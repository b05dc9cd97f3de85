//! Which rules the requests of a file have seen at work.

use actfor::json::{Limits, Value, parse};
use actfor::pack::{Pack, Section};
use actfor::policy::ast::Effect;
use actfor::policy::rules::Rule;
use actfor::policy::{Rules, Source};
use actfor::{Code, Decision, Verdict};

use crate::report::RuleUse;
use crate::setup::Setup;
use crate::store::{StoreError, wrong};

/// Every mode.
const MODES: u8 = 0b111;

/// The rules, and what became of each.
pub(crate) struct Coverage {
    rules: Rules,
    uses: Vec<RuleUse>,
}

impl Coverage {
    pub fn new(setup: &Setup) -> Result<Self, StoreError> {
        let source = Source { policy: setup.rules.clone(), files: setup.files.clone(), ..Source::default() };
        let pack = source.compile().map_err(|error| wrong(error.to_string()))?;
        let pack = Pack::load(pack).map_err(|error| wrong(error.to_string()))?;
        let rules = Rules::decode(pack.section(Section::Rules)).map_err(|error| wrong(error.to_string()))?;
        let uses = rules.rules.iter().map(|rule| RuleUse {
            id: rule.id.clone(),
            line: rule.line,
            effect: match rule.effect {
                Effect::Allow => "allow",
                Effect::Approve => "approve",
                Effect::Forbid => "forbid",
            },
            hit: 0,
            missed: 0,
            always: rule.effect != Effect::Allow && rule.conditions.is_empty() && rule.modes == MODES,
        });
        let uses = uses.collect();
        Ok(Self { rules, uses })
    }

    /// Whether there is such a rule.
    pub fn has(&self, id: &str) -> bool {
        id == "public" || self.uses.iter().any(|rule| rule.id == id)
    }

    /// Counts a decision; `approved` where the request came with an approval.
    pub fn record(&mut self, decision: &Decision, document: &str, approved: bool) {
        let asked = parse(document.as_bytes(), &Limits::CONFIG).ok();
        let text = |name: &str| asked.as_ref()?.as_object()?.get(name).and_then(Value::as_str);
        let target = text("action").zip(text("object").and_then(|object| object.split(':').next()));
        let Some(((action, ty), kind)) = target.zip(decision.kind()) else { return };
        for (rule, count) in self.rules.rules.iter().zip(&mut self.uses) {
            if rule.kinds & kind.bit() == 0 || !speaks_of(&self.rules, rule, ty, action) {
                continue;
            }
            let named = decision.rule() == Some(&rule.id);
            let let_through = decision.verdict() == Verdict::Allow;
            let (hit, missed) = match rule.effect {
                Effect::Allow => (named && let_through, !named || decision.verdict() == Verdict::Deny),
                Effect::Approve => {
                    (named && decision.verdict() == Verdict::NeedsApproval, let_through && !approved)
                }
                Effect::Forbid => {
                    (named && decision.code() == Some(Code::Forbidden), decision.verdict() != Verdict::Deny)
                }
            };
            count.hit = count.hit.saturating_add(usize::from(hit));
            count.missed = count.missed.saturating_add(usize::from(missed));
        }
    }

    pub fn finish(self) -> Vec<RuleUse> {
        self.uses
    }
}

/// Whether a rule is about an action on a type.
fn speaks_of(rules: &Rules, rule: &Rule, ty: &str, action: &str) -> bool {
    rule.targets.iter().any(|(kind, actions)| {
        let ty = rules.types.get(usize::from(*kind)).filter(|known| known.name == ty);
        let place = ty.and_then(|ty| ty.actions.iter().position(|known| known.name == action));
        let bit = place.and_then(|place| actions.checked_shr(u32::try_from(place).ok()?));
        bit.is_some_and(|bits| bits & 1 == 1)
    })
}
