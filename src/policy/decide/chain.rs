//! The agents of the chain: what vouches for each, who may call whom, and what each may do at most.

use alloc::{borrow::ToOwned, format, string::String};

use super::relations::{Name, Wanted, refined};
use super::{Evaluator, Record};
use crate::error::Code;
use crate::policy::rules::{Action, Ceiling, Rule, Type, includes};
use crate::truth::Truth;

impl Evaluator<'_, '_> {
    /// Every agent before the current one needs a record that covers action and object by itself.
    pub(super) fn hops(&mut self, action: &Action, rule: &Rule) -> Result<(), (Code, Truth)> {
        let case = self.case;
        let rules = &self.policy.rules;
        let depth = case.chain.len().saturating_sub(1);
        if depth > rules.chain as usize {
            self.fail("hop", Truth::False, None, || {
                let most = rules.chain;
                format!("agents before the current one: {depth}; the rules allow {most} (`chain at most N`)")
            });
            return Err((Code::ChainTooLong, Truth::False));
        }
        for (index, hop) in case.chain.iter().take(depth).enumerate() {
            let place = index.saturating_add(1);
            let name = || match hop.agent {
                Some(agent) => format!("`{agent}` (hop {place})"),
                None => format!("hop {place}"),
            };
            match hop.record {
                Record::Missing if rules.unrecorded => {
                    self.note("hop", Truth::True, None, || {
                        format!("{} is taken at the issuer's word (`unrecorded`)", name())
                    });
                }
                Record::Missing if case.least <= Truth::Unknown => {}
                Record::Missing => {
                    self.fail("hop", Truth::Unknown, None, || {
                        format!("nothing vouches for {}: send its access token in `Agent-Chain`", name())
                    });
                    return Err((Code::HopRecordMissing, Truth::Unknown));
                }
                Record::Invalid(refusal) => {
                    self.fail("hop", Truth::False, None, || {
                        let detail = &refusal.detail;
                        match refusal.code {
                            Code::HopRecordInvalid => {
                                format!("the record of {} does not hold: {detail}", name())
                            }
                            code => format!("the record of {} does not hold (`{code}`): {detail}", name()),
                        }
                    });
                    return Err((Code::HopRecordInvalid, Truth::False));
                }
                Record::Verified(claims) => {
                    let (truth, line) = self.coverage(claims, action);
                    if truth < case.least {
                        self.fail("hop", truth, None, || {
                            let object = case.object_name();
                            format!("the token of {} does not cover `{}` on `{object}`", name(), action.name)
                        });
                        return Err((Code::HopNotCovered, truth));
                    }
                    self.note("hop", truth, line.map(|line| line.line), || {
                        format!("the token of {} covers it too", name())
                    });
                }
            }
        }
        self.callers(rule)
    }

    /// Each agent may call the next one, where the rules ask for that.
    fn callers(&mut self, rule: &Rule) -> Result<(), (Code, Truth)> {
        let (policy, case) = (self.policy, self.case);
        let Some(callers) = &policy.rules.callers else { return Ok(()) };
        for pair in case.chain.windows(2) {
            let [caller, called] = pair else { continue };
            let wanted = Wanted {
                term: "hop",
                who: "caller",
                subject: Name::of(caller.agent),
                relation: &callers.relation,
                object: Name::of(called.agent),
                line: callers.line,
                negated: false,
            };
            let said = self.related(rule, &wanted);
            if said.truth < case.least {
                return Err((refined(Code::CallerLacksRelation, &said), said.truth));
            }
        }
        Ok(())
    }

    /// The ceilings of every agent of the chain.
    pub(super) fn ceilings(&mut self, ty: &Type, action: &Action) -> Result<(), Truth> {
        let case = self.case;
        let rules = &self.policy.rules;
        let for_type = || rules.ceilings.iter().filter(|c| c.kind == case.kind_of_object);
        if for_type().next().is_none() {
            return Ok(());
        }
        for hop in case.chain {
            let Some(agent) = hop.agent else {
                if case.least <= Truth::Unknown {
                    continue;
                }
                self.fail("ceiling", Truth::Unknown, None, || {
                    "an agent of the chain has no name in the model".to_owned()
                });
                return Err(Truth::Unknown);
            };
            let own = for_type().any(|c| c.agent.as_deref() == Some(agent));
            let wanted = |c: &&Ceiling| {
                if own { c.agent.as_deref() == Some(agent) } else { c.agent.is_none() }
            };
            let allows = |c: &&Ceiling| includes(c.actions, case.action);
            match for_type().filter(wanted).find(allows) {
                Some(line) => self.note("ceiling", Truth::True, Some(line.line), || {
                    ["`", agent, "` may `", &action.name, "` on `", &ty.name, "`"].concat()
                }),
                None => {
                    let line = for_type().find(wanted).map(|c| c.line);
                    let bits = for_type().filter(wanted).fold(0, |bits, c| bits | c.actions);
                    self.fail("ceiling", Truth::False, line, || beyond(agent, ty, action, bits));
                    return Err(Truth::False);
                }
            }
        }
        Ok(())
    }
}

/// Why a ceiling refuses: what the agent may do on the type.
fn beyond(agent: &str, ty: &Type, action: &Action, bits: u64) -> String {
    let mut may = String::new();
    for (_, action) in (0..).zip(&ty.actions).filter(|(place, _)| includes(bits, *place)) {
        may.push_str(if may.is_empty() { "`" } else { ", `" });
        may.push_str(&action.name);
        may.push('`');
    }
    let (action, ty) = (&action.name, &ty.name);
    match may.as_str() {
        "" => format!("`{agent}` has no ceiling for `{ty}`, where others have one, so it may not `{action}`"),
        may => format!("`{agent}` may at most {may} on `{ty}`, and not `{action}`"),
    }
}
