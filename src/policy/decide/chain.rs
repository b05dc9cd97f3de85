//! The agents of the chain: what vouches for each, who may call whom, and what each may do at most.

use alloc::{borrow::ToOwned, format};

use super::relations::refined;
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
                format!(
                    "{depth} agents stand before the current one, and the rules allow {} (`chain at most N`)",
                    rules.chain
                )
            });
            return Err((Code::ChainTooLong, Truth::False));
        }
        for (index, hop) in case.chain.iter().take(depth).enumerate() {
            let name = hop.agent.unwrap_or("an agent");
            match hop.record {
                Record::Missing if rules.unrecorded => {
                    self.note("hop", Truth::True, None, || {
                        format!("{name} is taken at the issuer's word (`unrecorded`)")
                    });
                }
                Record::Missing if case.least <= Truth::Unknown => {}
                Record::Missing => {
                    self.fail("hop", Truth::Unknown, None, || {
                        format!(
                            "nothing vouches for {name} (hop {index}): send its access token in `Agent-Chain`"
                        )
                    });
                    return Err((Code::HopRecordMissing, Truth::Unknown));
                }
                Record::Invalid(refusal) => {
                    self.fail("hop", Truth::False, None, || {
                        format!("the record of {name} (hop {index}) does not hold: {refusal}")
                    });
                    return Err((Code::HopRecordInvalid, Truth::False));
                }
                Record::Verified(claims) => {
                    let (truth, line) = self.coverage(claims, action);
                    if truth < case.least {
                        self.fail("hop", truth, None, || {
                            format!(
                                "the token of {name} (hop {index}) does not cover `{}` on `{}`",
                                action.name,
                                case.object_name()
                            )
                        });
                        return Err((Code::HopNotCovered, truth));
                    }
                    self.note("hop", truth, line, || {
                        format!("the token of {name} (hop {index}) covers it too")
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
            let said = self.related(
                "hop",
                caller.agent,
                &callers.relation,
                called.agent,
                rule,
                callers.line,
                "caller",
                false,
            );
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
                    format!("`{agent}` may `{}` on `{}`", action.name, ty.name)
                }),
                None => {
                    let line = for_type().find(wanted).map(|c| c.line);
                    self.fail("ceiling", Truth::False, line, || {
                        format!(
                            "`{agent}` may at most do other things than `{}` on `{}`",
                            action.name, ty.name
                        )
                    });
                    return Err(Truth::False);
                }
            }
        }
        Ok(())
    }
}
