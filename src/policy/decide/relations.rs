//! Relations: what each kind of relationship requires, and what the tuples say about one.

use alloc::{format, vec::Vec};

use super::{Evaluator, Failure, Reason, Term};
use crate::error::Code;
use crate::identity::context::Kind;
use crate::policy::rules::{Action, Rule, Type};
use crate::relation::{Facts, Question};
use crate::truth::Truth;

/// What a relation check said, beside its truth.
pub(super) struct Said {
    pub truth: Truth,
    pub limit: bool,
    pub missing: bool,
}

impl Evaluator<'_, '_> {
    /// What the kind of relationship requires, whichever line allows it.
    pub(super) fn base(
        &mut self,
        ty: &Type,
        action: &Action,
        index: usize,
        rule: &Rule,
    ) -> Result<(), Failure> {
        let case = self.case;
        let failure = |code, said: Said, term| Failure {
            code: refined(code, &said),
            term,
            truth: said.truth,
            rule: Some(index),
        };
        if let Some(relation) = &action.relation {
            let mut held = core::mem::take(&mut self.scratch.right);
            held.clear();
            let object = match &action.of {
                None => case.object,
                Some(template) => self.render(template, &mut held).then_some(held.as_str()),
            };
            let outcome = self.base_relation(relation, object, action.line, rule);
            self.scratch.right = held;
            outcome.map_err(|(code, said)| failure(code, said, Term::Relation))?;
        }
        if let (Kind::Assigned, Some(personal)) = (case.kind, &ty.personal) {
            let said =
                self.related("personal", case.user, personal, case.object, rule, rule.line, "user", false);
            if said.truth < case.least {
                return Err(failure(Code::NotThePersonsRecord, said, Term::Personal));
            }
        }
        Ok(())
    }

    /// The relation that the action needs: the user's, every agent's, or both.
    fn base_relation(
        &mut self,
        relation: &str,
        object: Option<&str>,
        line: u32,
        rule: &Rule,
    ) -> Result<(), (Code, Said)> {
        let case = self.case;
        if case.kind.needs_user() {
            let said = self.related("relation", case.user, relation, object, rule, line, "user", false);
            if said.truth < case.least {
                return Err((Code::UserLacksRelation, said));
            }
        }
        if case.kind.needs_agent() {
            for hop in case.chain {
                let said = self.related("relation", hop.agent, relation, object, rule, line, "agent", false);
                if said.truth < case.least {
                    return Err((Code::AgentLacksRelation, said));
                }
            }
        }
        Ok(())
    }

    /// Asks the relationships, and writes down what they said if somebody will read it.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call, and every argument is a word of the sentence that it writes"
    )]
    pub(super) fn related(
        &mut self,
        term: &'static str,
        subject: Option<&str>,
        relation: &str,
        object: Option<&str>,
        rule: &Rule,
        line: u32,
        who: &str,
        negated: bool,
    ) -> Said {
        let (Some(relations), Some(subject_name), Some(object_name)) =
            (&self.policy.relations, subject, object)
        else {
            let missing = if subject.is_none() { who } else { "object" };
            self.fail(term, Truth::Unknown, Some(line), || {
                format!("the {missing} of `{relation}` is unknown (rule `{}`)", rule.id)
            });
            return Said { truth: Truth::Unknown, limit: false, missing: false };
        };
        let question = Question { object: object_name, relation, subject: subject_name };
        let pack = &self.policy.pack;
        let unknown;
        let (replies, now) = (self.case.replies, self.case.asked.time);
        let delta = self.policy.changes.as_ref().map(|changes| &changes.overlay);
        let facts = match self.said {
            None => Facts { delta, replies, now, ..Facts::default() },
            Some(said) => {
                unknown = said.unknown();
                let overlay = Some(&said.overlay);
                Facts { delta, overlay, unknown: &unknown, replies, now, ..Facts::default() }
            }
        };
        let (answer, via) = if self.trace.on {
            relations.explain(pack, &question, &facts, &mut self.scratch.relation)
        } else {
            (relations.check(pack, &question, &facts, &mut self.scratch.relation), Vec::new())
        };
        if self.trace.on {
            if answer.truth == Truth::Unknown && answer.incomplete {
                let missing = relations.missing(pack, &question, &facts, &self.scratch.relation);
                let missing = missing
                    .into_iter()
                    .map(|(object, relation)| (object, relation.into(), subject_name.into()));
                self.trace.missing.extend(missing);
                self.trace.said = self.said.map(|said| said.tuples.clone()).unwrap_or_default();
            }
            let verb = match answer.truth {
                // The question itself makes no sense to the model: a name of another type, mostly.
                _ if answer.invalid => "cannot be, in this model,",
                Truth::True => "is",
                Truth::False => "is not",
                Truth::Unknown => "may or may not be",
            };
            self.trace.reasons.push(Reason {
                term,
                holds: answer.truth,
                met: if negated { answer.truth == Truth::False } else { answer.truth == Truth::True },
                text: format!(
                    "{who} `{subject_name}` {verb} `{relation}` of `{object_name}` (rule `{}`)",
                    rule.id
                ),
                line: Some(line),
                relation: Some((subject_name.into(), relation.into(), object_name.into())),
                via,
            });
        }
        Said { truth: answer.truth, limit: answer.limit, missing: answer.incomplete }
    }
}

/// A limit and missing data have codes of their own.
pub(super) fn refined(code: Code, said: &Said) -> Code {
    match said {
        Said { limit: true, .. } => Code::LimitExceeded,
        Said { missing: true, truth: Truth::Unknown, .. } => Code::RelationMissing,
        Said { .. } => code,
    }
}
