//! Relations: what each kind of relationship requires, and what the tuples say about one.

use alloc::{format, string::String, vec::Vec};

use super::{Evaluator, Failure, Reason, Term};
use crate::error::Code;
use crate::identity::context::Kind;
use crate::names::Template;
use crate::policy::rules::{Action, Rule, Type};
use crate::relation::{Answer, Facts, Question};
use crate::truth::Truth;

/// What a relation check said, beside its truth.
pub(super) struct Said {
    pub truth: Truth,
    pub limit: bool,
    pub missing: bool,
}

/// A name in the model, or why there is none.
#[derive(Clone, Copy)]
pub(super) enum Name<'n> {
    /// The object: `repo:web`.
    Known(&'n str),
    /// Somebody or something that has no name here.
    Nobody,
    /// The token has no value for a placeholder.
    Unfilled(&'n Template),
}

impl<'n> Name<'n> {
    pub fn of(name: Option<&'n str>) -> Self {
        name.map_or(Self::Nobody, Self::Known)
    }

    fn known(self) -> Option<&'n str> {
        match self {
            Self::Known(name) => Some(name),
            Self::Nobody | Self::Unfilled(_) => None,
        }
    }
}

/// `SUBJECT is RELATION of OBJECT`, and what it is for.
pub(super) struct Wanted<'n> {
    /// The term of the formula.
    pub term: &'static str,
    /// What the subject is in the sentence that is written: `user`, `agent`.
    pub who: &'static str,
    pub subject: Name<'n>,
    pub relation: &'n str,
    pub object: Name<'n>,
    /// The line that asks for it.
    pub line: u32,
    /// It must not hold.
    pub negated: bool,
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
                None => Name::of(case.object),
                Some(template) if self.render(template, &mut held) => Name::Known(&held),
                Some(template) => Name::Unfilled(template),
            };
            let outcome = self.base_relation(relation, object, action.line, rule);
            self.scratch.right = held;
            outcome.map_err(|(code, said)| failure(code, said, Term::Relation))?;
        }
        if let (Kind::Assigned, Some(relation)) = (case.kind, &ty.personal) {
            let (subject, object) = (Name::of(case.user), Name::of(case.object));
            let (term, who, line) = ("personal", "user", rule.line);
            let said =
                self.related(rule, &Wanted { term, who, subject, relation, object, line, negated: false });
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
        object: Name<'_>,
        line: u32,
        rule: &Rule,
    ) -> Result<(), (Code, Said)> {
        let case = self.case;
        let holds = |evaluator: &mut Self, who, name: Option<&str>| {
            let subject = Name::of(name);
            let wanted = Wanted { term: "relation", who, subject, relation, object, line, negated: false };
            let said = evaluator.related(rule, &wanted);
            if said.truth < case.least { Err(said) } else { Ok(()) }
        };
        if case.kind.needs_user() {
            holds(self, "user", case.user).map_err(|said| (Code::UserLacksRelation, said))?;
        }
        if case.kind.needs_agent() {
            for hop in case.chain {
                holds(self, "agent", hop.agent).map_err(|said| (Code::AgentLacksRelation, said))?;
            }
        }
        Ok(())
    }

    /// Asks the relationships, and writes down what they said if somebody will read it.
    pub(super) fn related(&mut self, rule: &Rule, wanted: &Wanted<'_>) -> Said {
        let Wanted { term, who, relation, line, negated, .. } = *wanted;
        let (Some(relations), Some(subject_name), Some(object_name)) =
            (&self.policy.relations, wanted.subject.known(), wanted.object.known())
        else {
            self.fail(term, Truth::Unknown, Some(line), || nameless(rule, wanted));
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
        let (answer, mut via) = if self.trace.on {
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
            let met = answer.truth == if negated { Truth::False } else { Truth::True };
            let more = match answer.truth {
                Truth::Unknown => doubt(&answer),
                _ if negated && !met => ", which `unless` rules out",
                _ => "",
            };
            if negated && met {
                // That there is nothing needs no proof.
                via.truncate(1);
            }
            self.trace.reasons.push(Reason {
                term,
                holds: answer.truth,
                met,
                text: [
                    who,
                    " `",
                    subject_name,
                    "` ",
                    verb,
                    " `",
                    relation,
                    "` of `",
                    object_name,
                    "`",
                    more,
                    " (rule `",
                    &rule.id,
                    "`)",
                ]
                .concat(),
                line: Some(line),
                relation: Some((subject_name.into(), relation.into(), object_name.into())),
                via,
            });
        }
        Said { truth: answer.truth, limit: answer.limit, missing: answer.incomplete }
    }
}

/// Why an answer is neither yes nor no.
fn doubt(answer: &Answer) -> &'static str {
    match answer {
        Answer { invalid: true, .. } => "",
        Answer { limit: true, .. } => ": the search went too far",
        Answer { incomplete: true, .. } => ": not every tuple is known here",
        Answer { condition: true, .. } => ": a value for a condition is missing",
        Answer { cycle: true, .. } => ": the model goes round in a circle there",
        Answer { .. } => "",
    }
}

/// Why nothing can be asked.
fn nameless(rule: &Rule, wanted: &Wanted<'_>) -> String {
    let Wanted { who, subject, relation, object, .. } = *wanted;
    let id = &rule.id;
    match (subject, object) {
        (Name::Unfilled(template), _) | (_, Name::Unfilled(template)) => {
            format!("the token has no value for `{}` (rule `{id}`)", template.source())
        }
        (Name::Nobody, _) => format!("the {who} has no name that could be `{relation}` (rule `{id}`)"),
        (Name::Known(_), _) => {
            format!("it is not known of which object the {who} must be `{relation}` (rule `{id}`)")
        }
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
