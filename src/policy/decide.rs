//! The formula of a decision, over F < U < T; only T allows.
//!
//! `covered ∧ rule(kind, mode, action, type) ∧ base(kind) ∧ conditions ∧ every hop ∧ ceilings ∧ ¬forbid ∧
//! (¬approve ∨ approved)`. The first term that is not T, in this order, gives the code. Where the dialect cannot say the mode, the whole
//! formula is evaluated once per mode and the decision is the meet.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use core::net::IpAddr;

use crate::error::{Code, Refusal};
use crate::identity::context::{Kind, Mode};
use crate::json::{Object, Value};
use crate::names::{Part, Template, encode_onto};
use crate::policy::Policy;
use crate::policy::arguments::Bound;
use crate::policy::ast::{Carrier, Effect};
use crate::policy::coverage::{self, Wanted};
use crate::policy::rules::{Action, By, Condition, Expression, Rule, Subject, Test, Type};
use crate::policy::says::Said as ClaimsSaid;
use crate::policy::variables::Values;
use crate::relation::{self, Facts, Question, Reply, Step, Tuple};
use crate::time::Timestamp;
use crate::truth::Truth;

/// One request, as the policy sees it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The kind of relationship.
    pub kind: Kind,
    /// The modes in which it must be allowed: one, or all.
    pub modes: &'a [Mode],
    /// The user's object.
    pub user: Option<&'a str>,
    /// Every agent, the first agent first and the current one last; none for `self`.
    pub chain: &'a [Hop<'a>],
    /// The current token's claims.
    pub claims: &'a Object<'static>,
    /// What another carrier says of the current token: it must cover the request too.
    pub also: Option<&'a Object<'static>>,
    /// What this service is called.
    pub audiences: &'a [String],
    /// The case, ticket or job.
    pub task: Task<'a>,
    /// The type of the asked object.
    pub kind_of_object: u16,
    /// The action.
    pub action: u8,
    /// The asked object; `None` where it is not known yet which one.
    pub object: Option<&'a str>,
    /// What the request's route or tool declares.
    pub arguments: &'a [Bound<'a>],
    /// Whether an argument that is not among them is known not to be there.
    pub all_arguments: bool,
    /// What the enforcement point saw of the request.
    pub asked: Asked<'a>,
    /// Who has approved exactly this, by a verified approval.
    pub approver: Option<&'a str>,
    /// What a relationship server said, for this request.
    pub replies: &'a [Reply<'a>],
    /// What every term must be at least: T to be allowed, U where the question is only what could be.
    pub least: Truth,
}

impl Case<'_> {
    /// The asked object, for a sentence.
    fn object_name(&self) -> &str {
        self.object.unwrap_or("an object")
    }
}

/// The case, ticket or job of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task<'a> {
    /// A source says that there is none.
    Absent,
    /// A source names it.
    Known(&'a str),
    /// No source says anything that can be used.
    Unknown,
}

/// Facts of a request that prove nothing: expressions may read them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// The method.
    pub method: Option<&'a str>,
    /// The host, where the request target has one.
    pub host: Option<&'a str>,
    /// The path, as it was sent.
    pub path: Option<&'a str>,
    /// The pattern of the route, or `tool NAME`, as it stands in the rules.
    pub route: Option<&'a str>,
    /// The time of the decision.
    pub time: Option<Timestamp>,
    /// The address of the connection's other end.
    pub peer: Option<IpAddr>,
}

/// One agent of the chain.
#[derive(Debug, Clone, Copy)]
pub struct Hop<'a> {
    /// Its object.
    pub agent: Option<&'a str>,
    /// Its instance's object.
    pub instance: Option<&'a str>,
    /// What says that it may do this.
    pub record: Record<'a>,
}

/// The authority of one agent of the chain.
#[derive(Debug, Clone, Copy)]
pub enum Record<'a> {
    /// It was sent along and does not hold.
    Invalid(&'a Refusal),
    /// Nothing was sent.
    Missing,
    /// Verified claims that must cover action and object by themselves.
    Verified(&'a Object<'static>),
}

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
    let said = ClaimsSaid::of(policy, case.claims, case.user, case.chain.last());
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
    if kept > start {
        evaluator.trace.reasons.truncate(kept);
    }
    let none = Failure { code: Code::ModeNotAllowed, term: Term::Rule, truth: Truth::Unknown, rule: None };
    outcome.unwrap_or(Err(none))
}

struct Evaluator<'e, 'a> {
    policy: &'e Policy,
    case: &'e Case<'a>,
    /// What claims say about relations, where rules ask for that.
    said: Option<&'e ClaimsSaid>,
    /// The mode in which the formula is evaluated now.
    mode: Mode,
    scratch: &'e mut Scratch,
    trace: &'e mut Trace,
}

/// What a relation check said, beside its truth.
struct Said {
    truth: Truth,
    limit: bool,
    missing: bool,
}

impl<'e> Evaluator<'e, '_> {
    fn in_mode(&mut self, mode: Mode) -> Result<usize, Failure> {
        let policy = self.policy;
        let case = self.case;
        let (Some(ty), Some(action)) = self.target() else {
            return Err(Failure {
                code: Code::PackInvalid,
                term: Term::Coverage,
                truth: Truth::Unknown,
                rule: None,
            });
        };
        self.covered(action)?;
        let rules = &policy.rules.rules;
        let lines = |effect: Effect| {
            rules.iter().enumerate().filter(move |(_, rule)| {
                rule.effect == effect
                    && rule.kinds & case.kind.bit() != 0
                    && rule.targets.iter().any(|(kind, actions)| {
                        *kind == case.kind_of_object
                            && actions.checked_shr(u32::from(case.action)).is_some_and(|b| b & 1 == 1)
                    })
            })
        };
        let in_mode = move |(_, rule): &(usize, &Rule)| rule.modes & mode.bit() != 0;
        let Some((first, first_rule)) = lines(Effect::Allow).find(in_mode) else {
            let (code, rule) = match lines(Effect::Allow).next() {
                Some((rule, _)) => (Code::ModeNotAllowed, Some(rule)),
                None => (Code::NoRule, None),
            };
            self.fail("rule", Truth::False, None, || match code {
                Code::ModeNotAllowed => {
                    format!(
                        "no rule allows `{}` on `{}` to a relationship of kind `{}` in mode `{}`",
                        action.name,
                        ty.name,
                        case.kind.as_str(),
                        mode.as_str()
                    )
                }
                _ => format!(
                    "no rule allows `{}` on `{}` to a relationship of kind `{}`",
                    action.name,
                    ty.name,
                    case.kind.as_str()
                ),
            });
            return Err(Failure { code, term: Term::Rule, truth: Truth::False, rule });
        };
        self.base(ty, action, first, first_rule)?;
        let before = self.trace.reasons.len();
        let mut allowed = None;
        let mut nearest = Truth::False;
        for (index, rule) in lines(Effect::Allow).filter(in_mode) {
            self.trace.reasons.truncate(before);
            let truth = self.conditions(rule);
            if truth >= case.least {
                allowed = Some((index, rule));
                break;
            }
            nearest = nearest.max(truth);
        }
        let Some((index, rule)) = allowed else {
            return Err(Failure {
                code: Code::ConditionFailed,
                term: Term::Conditions,
                truth: nearest,
                rule: Some(first),
            });
        };
        self.note("rule", Truth::True, Some(rule.line), || format!("rule `{}` allows it", rule.id));
        let fail = |code, term, truth| Failure { code, term, truth, rule: Some(index) };
        self.hops(action, rule).map_err(|(code, truth)| fail(code, Term::Chain, truth))?;
        self.ceilings(ty, action).map_err(|truth| fail(Code::Ceiling, Term::Ceiling, truth))?;
        for (index, rule) in lines(Effect::Forbid).filter(in_mode) {
            let before = self.trace.reasons.len();
            let strikes = self.strikes(rule);
            self.trace.reasons.truncate(before);
            if !strikes < case.least {
                self.fail("forbid", strikes, Some(rule.line), || format!("rule `{}` forbids it", rule.id));
                return Err(Failure {
                    code: Code::Forbidden,
                    term: Term::Forbid,
                    truth: strikes,
                    rule: Some(index),
                });
            }
        }
        for (index, rule) in lines(Effect::Approve).filter(in_mode) {
            let before = self.trace.reasons.len();
            let strikes = self.strikes(rule);
            self.trace.reasons.truncate(before);
            if strikes != Truth::False && self.approved(rule) != Truth::True {
                self.fail("approve", Truth::Unknown, Some(rule.line), || match &rule.by {
                    Some(By::Relation(relation)) => {
                        format!(
                            "rule `{}` needs the approval of a `{relation}` of `{}`",
                            rule.id,
                            case.object_name()
                        )
                    }
                    Some(By::User) | None => format!("rule `{}` needs the approval of the user", rule.id),
                });
                return Err(Failure {
                    code: Code::NeedsApproval,
                    term: Term::Approve,
                    truth: Truth::Unknown,
                    rule: Some(index),
                });
            }
        }
        Ok(index)
    }

    /// Whether who approved this may do so.
    fn approved(&mut self, rule: &Rule) -> Truth {
        let case = self.case;
        let Some(approver) = case.approver else { return Truth::False };
        match &rule.by {
            None => Truth::False,
            Some(By::User) => Truth::from(case.user == Some(approver)),
            Some(By::Relation(relation)) => {
                self.related(
                    "approve",
                    Some(approver),
                    relation,
                    case.object,
                    rule,
                    rule.line,
                    "approver",
                    false,
                )
                .truth
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
            self.note("coverage", truth, line, || {
                format!("the token covers `{}` on `{}`", action.name, case.object_name())
            });
            return Ok(());
        }
        self.fail("coverage", truth, None, || match truth {
            Truth::Unknown => {
                "`scope`, `roles` or `authorization_details` of the token cannot be read".to_owned()
            }
            _ => format!(
                "nothing in the token covers `{}` on `{}` ({})",
                action.name,
                case.object_name(),
                carried(case.claims)
            ),
        });
        Err(Failure { code: Code::NotCovered, term: Term::Coverage, truth, rule: None })
    }

    fn coverage(&mut self, claims: &Object<'_>, action: &Action) -> (Truth, Option<u32>) {
        let case = self.case;
        let wanted = Wanted {
            kind: case.kind_of_object,
            action: case.action,
            name: &action.name,
            object: case.object,
            audiences: case.audiences,
        };
        let (truth, line) = coverage::covers(&self.policy.rules, claims, wanted, &mut self.scratch.buffer);
        (truth, line.map(|line| line.line))
    }

    /// What the kind of relationship requires, whichever line allows it.
    fn base(&mut self, ty: &Type, action: &Action, index: usize, rule: &Rule) -> Result<(), Failure> {
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

    /// All conditions of a line; one that reads the agent or the instance must hold for every agent of the chain.
    fn conditions(&mut self, rule: &Rule) -> Truth {
        let case = self.case;
        let mut all = Truth::True;
        for condition in &rule.conditions {
            let each = match &condition.test {
                Test::Relation { subject: Subject::Agent | Subject::Instance, .. } => case.chain,
                Test::Relation { .. } | Test::Expression(_) => case.chain.get(..1).unwrap_or_default(),
            };
            if each.is_empty() {
                let said = self.condition(rule, condition, None);
                all = all.and(said);
            }
            for hop in each {
                let said = self.condition(rule, condition, Some(hop));
                all = all.and(said);
            }
        }
        all
    }

    /// Whether a `forbid` line strikes: for a condition that reads the agent, if it does for any of the chain.
    fn strikes(&mut self, rule: &Rule) -> Truth {
        let case = self.case;
        let mut any = Truth::False;
        if case.chain.is_empty() {
            return rule
                .conditions
                .iter()
                .fold(Truth::True, |all, condition| all.and(self.condition(rule, condition, None)));
        }
        for hop in case.chain {
            let mut all = Truth::True;
            for condition in &rule.conditions {
                all = all.and(self.condition(rule, condition, Some(hop)));
            }
            any = any.or(all);
        }
        any
    }

    fn condition(&mut self, rule: &Rule, condition: &Condition, hop: Option<&Hop<'_>>) -> Truth {
        let truth = match &condition.test {
            Test::Relation { subject, relation, object } => {
                let mut left = core::mem::take(&mut self.scratch.left);
                let mut right = core::mem::take(&mut self.scratch.right);
                left.clear();
                right.clear();
                let (subject, who) = match subject {
                    Subject::User => (self.case.user, "user"),
                    Subject::Agent => (hop.and_then(|hop| hop.agent), "agent"),
                    Subject::Instance => (hop.and_then(|hop| hop.instance), "instance"),
                    Subject::Asked => (self.case.object, "object"),
                    Subject::Object(template) => {
                        (self.render(template, &mut left).then_some(left.as_str()), "object")
                    }
                };
                let object = match object {
                    None => self.case.object,
                    Some(template) => self.render(template, &mut right).then_some(right.as_str()),
                };
                let unless = condition.unless;
                let said =
                    self.related("condition", subject, relation, object, rule, condition.line, who, unless);
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

    /// Every agent before the current one needs a record that covers action and object by itself.
    fn hops(&mut self, action: &Action, rule: &Rule) -> Result<(), (Code, Truth)> {
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
    fn ceilings(&mut self, ty: &Type, action: &Action) -> Result<(), Truth> {
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
            let wanted = |c: &&crate::policy::rules::Ceiling| {
                if own { c.agent.as_deref() == Some(agent) } else { c.agent.is_none() }
            };
            let allows = |c: &&crate::policy::rules::Ceiling| {
                c.actions.checked_shr(u32::from(case.action)).is_some_and(|b| b & 1 == 1)
            };
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

    /// Asks the relationships, and writes down what they said if somebody will read it.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call, and every argument is a word of the sentence that it writes"
    )]
    fn related(
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
        let delta = self.policy.changes.as_ref().map(|changes| &changes.overlay);
        let facts = match self.said {
            None => Facts { delta, replies: self.case.replies, ..Facts::default() },
            Some(said) => {
                unknown = said.unknown();
                let replies = self.case.replies;
                Facts { delta, overlay: Some(&said.overlay), unknown: &unknown, replies, ..Facts::default() }
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

    /// Renders an object from verified values; `false` where one is not there.
    fn render(&self, template: &Template, out: &mut String) -> bool {
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
                    (path, _) => path.strip_prefix("claim.").and_then(|path| claim(case.claims, path)),
                },
            };
            match value {
                Some(text) if !text.is_empty() => encode_onto(out, text),
                _ => return false,
            }
        }
        true
    }

    /// Writes down what held.
    fn note(&mut self, term: &'static str, holds: Truth, line: Option<u32>, text: impl FnOnce() -> String) {
        self.write(term, holds, true, line, text);
    }

    /// Writes down what failed.
    fn fail(&mut self, term: &'static str, holds: Truth, line: Option<u32>, text: impl FnOnce() -> String) {
        self.write(term, holds, false, line, text);
    }

    fn write(
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

/// A limit and missing data have codes of their own.
fn refined(code: Code, said: &Said) -> Code {
    match said {
        Said { limit: true, .. } => Code::LimitExceeded,
        Said { missing: true, truth: Truth::Unknown, .. } => Code::RelationMissing,
        Said { .. } => code,
    }
}

/// A text claim by its path.
pub(crate) fn claim<'c>(claims: &'c Object<'static>, path: &str) -> Option<&'c str> {
    let mut names = path.split('.');
    let mut value = claims.get(names.next()?)?;
    for name in names {
        value = value.as_object()?.get(name)?;
    }
    value.as_str()
}

/// What the token carries, for a message: scopes in full, details by their number.
fn carried(claims: &Object<'_>) -> String {
    let scope = claims.get("scope").and_then(Value::as_str);
    let details = claims.get("authorization_details").and_then(Value::as_array).map_or(0, <[_]>::len);
    match scope {
        Some(scope) => format!("scope {}, {details} authorization details", crate::error::quote(scope)),
        None => format!("no scope, {details} authorization details"),
    }
}

/// The scope that would cover an action on an object, for a challenge (RFC 6750 §3).
pub fn needed_scope(policy: &Policy, kind: u16, action: u8, object: &str) -> Option<String> {
    let id = object.split_once(':').map(|(_, id)| id).filter(|id| !id.contains('%'))?;
    policy.rules.coverage.iter().find_map(|line| {
        let fits = line.carrier == Carrier::Scope
            && line.kind == kind
            && line
                .actions
                .is_some_and(|bits| bits.checked_shr(u32::from(action)).is_some_and(|b| b & 1 == 1));
        let plain = !line.name.source().contains('*');
        let mut scope = String::new();
        match (&line.object, fits && plain) {
            (_, false) => None,
            (None, true) => line.name.render(&mut scope, |_| None).then_some(scope),
            (Some(template), true) => {
                let hole = template.holes().next().unwrap_or_default();
                let whole = template.parts.len() == 2 && template.source().ends_with(&format!(":{{{hole}}}"));
                (whole && line.name.render(&mut scope, |name| (name == hole).then_some(id))).then_some(scope)
            }
        }
    })
}
