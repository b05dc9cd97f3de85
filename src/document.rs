//! The decision document: one JSON shape in every host, the same bytes for the same inputs.

use alloc::{string::String, sync::Arc, vec::Vec};

use crate::chain::HopRecord;
use crate::decision::{Decision, Verdict};
use crate::error::Code;
use crate::guard::Guard;
use crate::identity::context::Identity;
use crate::identity::{Fact, Kind, Src, Why};
use crate::json::{self, Form, Writer};
use crate::policy::Policy;
use crate::policy::ast::Effect;
use crate::policy::decide::{Reason, Term};
use crate::proof::Binding;
use crate::relation::{Step, Tuple};
use crate::request::Request;
use crate::time::Timestamp;
use crate::truth::Truth;

/// The checks of a request, in the order in which they run. The first that does not pass gives the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The request target is canonical, and no header changes the method.
    Path,
    /// There is one token, of a sane size and form.
    Token,
    /// Its issuer is accepted.
    Issuer,
    /// Its header asks for nothing that is not accepted.
    Header,
    /// The key is known.
    Key,
    /// The signature holds.
    Signature,
    /// The claims that it needs are there and well formed.
    Claims,
    /// It is meant for this service.
    Audience,
    /// It is not expired and not early.
    Time,
    /// The key that it is bound to was shown.
    Proof,
    /// Who is acting for whom is known, and is a kind of relationship.
    Relationship,
    /// The user is present, where that was promised.
    Presence,
    /// The request is an action on an object.
    Action,
    /// The token covers it.
    Coverage,
    /// A rule allows it.
    Rule,
    /// User or agents have the relation.
    Relation,
    /// It is the record of the person of the case.
    Personal,
    /// The conditions of the rule hold.
    Conditions,
    /// Every earlier agent is vouched for.
    Chain,
    /// Every agent may do this at all.
    Ceiling,
    /// No rule forbids it.
    Forbid,
    /// What needs somebody's approval has it.
    Approve,
}

impl Check {
    const ALL: [Self; 22] = [
        Self::Path,
        Self::Token,
        Self::Issuer,
        Self::Header,
        Self::Key,
        Self::Signature,
        Self::Claims,
        Self::Audience,
        Self::Time,
        Self::Proof,
        Self::Relationship,
        Self::Presence,
        Self::Action,
        Self::Coverage,
        Self::Rule,
        Self::Relation,
        Self::Personal,
        Self::Conditions,
        Self::Chain,
        Self::Ceiling,
        Self::Forbid,
        Self::Approve,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Token => "token",
            Self::Issuer => "issuer",
            Self::Header => "header",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Audience => "audience",
            Self::Time => "time",
            Self::Proof => "proof",
            Self::Relationship => "relationship",
            Self::Presence => "presence",
            Self::Action => "action",
            Self::Coverage => "coverage",
            Self::Rule => "rule",
            Self::Relation => "relation",
            Self::Personal => "personal",
            Self::Conditions => "conditions",
            Self::Chain => "chain",
            Self::Ceiling => "ceiling",
            Self::Forbid => "forbid",
            Self::Approve => "approve",
        }
    }

    /// The check that yields a code before the policy is asked.
    pub fn of_code(code: Code) -> Self {
        match code {
            Code::RequestInvalid
            | Code::PathNotCanonical
            | Code::MethodOverride
            | Code::PackExpired
            | Code::ClockInvalid => Self::Path,
            Code::TokenMissing | Code::TokenAmbiguous | Code::TokenTooLarge | Code::TokenMalformed => {
                Self::Token
            }
            Code::IssuerUnknown => Self::Issuer,
            Code::HeaderUnsupported | Code::AlgorithmNotAllowed | Code::TokenTypeWrong => Self::Header,
            Code::KeysUnavailable | Code::KeyUnknown => Self::Key,
            Code::SignatureInvalid => Self::Signature,
            Code::ClaimMissing | Code::ClaimInvalid | Code::TokenInactive | Code::IntrospectionInvalid => {
                Self::Claims
            }
            Code::AudienceMismatch => Self::Audience,
            Code::TokenExpired | Code::TokenNotYetValid => Self::Time,
            Code::ProofMissing
            | Code::ProofInvalid
            | Code::ProofNonceNeeded
            | Code::ProofReplayed
            | Code::ProofStoreUnavailable => Self::Proof,
            Code::PresenceExpired => Self::Presence,
            Code::Unmapped | Code::ArgumentInvalid | Code::MessageInvalid => Self::Action,
            Code::ApprovalInvalid | Code::ApprovalSpent | Code::ApprovalStoreUnavailable => Self::Approve,
            _ => Self::Relationship,
        }
    }
}

impl From<Term> for Check {
    fn from(term: Term) -> Self {
        match term {
            Term::Coverage => Self::Coverage,
            Term::Rule => Self::Rule,
            Term::Relation => Self::Relation,
            Term::Personal => Self::Personal,
            Term::Conditions => Self::Conditions,
            Term::Chain => Self::Chain,
            Term::Ceiling => Self::Ceiling,
            Term::Forbid => Self::Forbid,
            Term::Approve => Self::Approve,
        }
    }
}

impl Guard {
    /// The document of [`Self::explain`] for a host that takes it apart at once and knows the names of its members: an
    /// object that has the members that it usually has is an array of their values. `checks` is a string with a letter
    /// for each of [`Self::check_names`]: `p` pass, `f` fail, `u` unknown, `r` not reached, `n` not needed, and `-`
    /// for one that the document does not list.
    pub fn explain_short(&self, request: &Request<'_>, now: Option<Timestamp>) -> String {
        let (decision, notes) = self.run(request, now, None, true);
        write(&decision, &notes, request, now, self.policy(), Form::Short)
    }

    /// The names of all checks, in their order.
    pub fn check_names() -> impl Iterator<Item = &'static str> {
        Check::ALL.into_iter().map(Check::as_str)
    }
}

/// What is only gathered when a document will be written.
#[derive(Debug, Default)]
pub struct Notes {
    /// The check that did not pass, and whether it is F or U.
    pub failed: Option<(Check, Truth)>,
    /// What happened, for the administrator.
    pub detail: String,
    /// The action's name.
    pub action: Option<String>,
    /// The object.
    pub object: Option<String>,
    /// Records of earlier agents, by their place.
    pub records: Vec<HopRecord>,
    /// Whether the token was shown to be bound, and how.
    pub binding: Option<Binding>,
    /// The proof, or what failed.
    pub reasons: Vec<Reason>,
    /// Relations that would have been needed and are not in the pack: object, relation, subject.
    pub missing: Vec<(String, String, String)>,
    /// The tuples that claims of the token add, where something is missing.
    pub said: Vec<Tuple>,
    /// What the shadow policy decides.
    pub shadow: Option<(Decision, Arc<Policy>)>,
}

/// Room for a document of the usual size.
const ROOM: usize = 4_096;

/// Writes the document.
pub fn write(
    decision: &Decision,
    notes: &Notes,
    request: &Request<'_>,
    now: Option<Timestamp>,
    policy: &Policy,
    form: Form,
) -> String {
    let mut w = Writer::in_form(form, ROOM);
    let allowed = decision.verdict() == Verdict::Allow;
    let told = decision.told();
    // Two members are not always there.
    let usual = decision.approval().is_none() && told == decision.code();
    w.record(usual, |w| {
        w.key("v").number(1);
        w.key("id").string(request.id);
        match now {
            Some(now) => w.key("at").number(now.seconds()),
            None => w.key("at").null(),
        }
        w.key("policy").string(&policy.digest());
        w.key("decision").string(decision.verdict().as_str());
        w.key("stage").string_or_null(decision.code().map(|code| code.stage().as_str()));
        w.key("code").string_or_null(decision.code().map(Code::as_str));
        w.key("status").number(u64::from(decision.status()));
        w.key("who");
        match decision.token().and_then(|token| token.identity().ok()) {
            Some(identity) => who(w, identity, notes),
            None => w.null(),
        }
        w.key("action").string_or_null(notes.action.as_deref());
        w.key("object").string_or_null(notes.object.as_deref());
        w.key("rule").string_or_null(decision.rule());
        checks(w.key("checks"), &outcomes(decision, notes, policy));
        w.key("because").array(|w| {
            let mut listed = notes.reasons.iter().filter(|reason| reason.met == allowed).peekable();
            if let (None, Some((check, truth)), false) = (listed.peek(), notes.failed, allowed) {
                // Before the rules were asked, or after: the check that did not pass is all there is.
                w.object(|w| {
                    w.key("term").string(check.as_str());
                    w.key("holds").string(truth.as_str());
                    w.key("text").string(&notes.detail);
                    w.key("at").null();
                });
            }
            listed.for_each(|reason| because(w, reason, policy));
        });
        w.key("missing").array(|w| {
            for (object, relation, subject) in &notes.missing {
                w.object(|w| {
                    w.key("user").string(subject);
                    w.key("relation").string(relation);
                    w.key("object").string(object);
                });
            }
        });
        w.key("shadow").array(|w| {
            if let Some((shadow, policy)) = &notes.shadow {
                different(w, shadow, decision, policy);
            }
        });
        if let Some(approval) = decision.approval() {
            w.key("approval").object(|w| {
                w.key("digest").string(&approval.digest);
                w.key("by").string(&approval.by);
                w.key("expires").number(approval.expires.seconds());
            });
        }
        w.key("challenge").string_or_null(decision.challenge().as_deref());
        if told != decision.code() {
            w.key("told").string_or_null(told.map(Code::as_str));
        }
        w.key("reason_user").string_or_null(told.map(Code::reason_user));
        w.key("reason_admin");
        if allowed { w.null() } else { w.string(&notes.detail) }
    });
    w.finish()
}

/// What the shadow policy decides, where that is something else.
fn different(w: &mut Writer, shadow: &Decision, decision: &Decision, policy: &Policy) {
    if (shadow.verdict(), shadow.code()) == (decision.verdict(), decision.code()) {
        return;
    }
    w.object(|w| {
        w.key("policy").string(&policy.digest());
        w.key("decision").string(shadow.verdict().as_str());
        w.key("code").string_or_null(shadow.code().map(Code::as_str));
        w.key("rule").string_or_null(shadow.rule());
    });
}

fn checks(w: &mut Writer, outcomes: &[Option<Outcome>]) {
    match w.form() {
        Form::Whole => w.array(|w| {
            for (check, outcome) in Check::ALL.iter().zip(outcomes) {
                let Some(outcome) = outcome else { continue };
                // Twenty of these make a third of the document: no escapes to look for.
                w.pieces(&[r#"{"name":""#, check.as_str(), r#"","result":""#, outcome.as_str(), r#""}"#]);
            }
        }),
        Form::Short => {
            let letters: String =
                outcomes.iter().map(|outcome| outcome.map_or('-', Outcome::letter)).collect();
            w.string(&letters);
        }
    }
}

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Fail,
    NotNeeded,
    NotReached,
    Pass,
    Unknown,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::NotNeeded => "not_needed",
            Self::NotReached => "not_reached",
            Self::Pass => "pass",
            Self::Unknown => "unknown",
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Fail => 'f',
            Self::NotNeeded => 'n',
            Self::NotReached => 'r',
            Self::Pass => 'p',
            Self::Unknown => 'u',
        }
    }
}

/// What became of each check; nothing for one that is not listed.
fn outcomes(decision: &Decision, notes: &Notes, policy: &Policy) -> [Option<Outcome>; 22] {
    let identity = decision.token().and_then(|token| token.identity().ok());
    let approves = policy.rules.rules.iter().any(|rule| rule.effect == Effect::Approve);
    Check::ALL.map(|check| {
        if check == Check::Approve && !approves {
            return None;
        }
        Some(match notes.failed {
            Some((failed, truth)) if failed == check => match truth {
                Truth::Unknown => Outcome::Unknown,
                Truth::False | Truth::True => Outcome::Fail,
            },
            Some((failed, _)) if failed < check => Outcome::NotReached,
            _ if is_needed(check, decision, identity, notes) => Outcome::Pass,
            _ => Outcome::NotNeeded,
        })
    })
}

/// Whether there was anything to check.
fn is_needed(check: Check, decision: &Decision, identity: Option<&Identity>, notes: &Notes) -> bool {
    if decision.is_public() {
        return check == Check::Path;
    }
    let kind = identity.and_then(|identity| identity.kind.as_ref().ok());
    match check {
        Check::Proof => {
            notes.binding.is_some_and(|binding| !matches!(binding, Binding::Bearer | Binding::Vouched))
        }
        Check::Presence => identity.is_some_and(|identity| identity.facts.present_until.value().is_some()),
        Check::Personal => kind == Some(&Kind::Assigned),
        Check::Chain => identity.is_some_and(|identity| identity.depth() > 0),
        Check::Ceiling => kind != Some(&Kind::Itself),
        _ => true,
    }
}

/// Who it is: every fact with its source, the kind of relationship and the chain.
pub fn who(w: &mut Writer, identity: &Identity, notes: &Notes) {
    let facts = &identity.facts;
    w.record(true, |w| {
        w.key("user");
        fact(w, &facts.user, |w, user| {
            w.key("iss").string(&user.principal.iss);
            w.key("sub").string(&user.principal.sub);
            w.key("role").string(user.role.as_str());
        });
        w.key("agent");
        fact(w, &facts.agent, |w, agent| {
            w.key("iss").string(&agent.iss);
            w.key("sub").string(&agent.sub);
        });
        w.key("instance");
        fact(w, &facts.instance, |w, instance| {
            w.key("iss").string(&instance.iss);
            w.key("id").string(&instance.id);
            w.key("kind").string(&instance.kind);
            if let Some((iss, id)) = &instance.parent {
                w.key("parent").object(|w| {
                    w.key("iss").string(iss);
                    w.key("id").string(id);
                });
            }
        });
        w.key("relationship").record(true, |w| {
            w.key("kind").string_or_null(identity.kind.as_ref().ok().map(|kind| kind.as_str()));
            w.key("mode").string_or_null(facts.mode.value().map(|mode| mode.as_str()));
            w.key("authority").string_or_null(facts.authority.value().map(|authority| authority.as_str()));
            w.key("task").string_or_null(facts.task.value().map(String::as_str));
            match facts.present_until.value() {
                Some(until) => w.key("present_until").number(until.seconds()),
                None => w.key("present_until").null(),
            }
            let src = facts.authority.src().or(facts.mode.src());
            w.key("source").string_or_null(src.map(top).as_deref());
        });
        w.key("chain").record(true, |w| chain(w, identity, notes));
        w.key("binding").string_or_null(notes.binding.map(Binding::as_str));
    });
}

/// The member at the top of the token in which a fact stands: `token:agent_rel`.
fn top(src: &Src) -> String {
    let mut text = src.text();
    text.truncate(text.find('.').unwrap_or(text.len()));
    text
}

fn chain(w: &mut Writer, identity: &Identity, notes: &Notes) {
    let depth = identity.depth();
    let mut recorded = 0_usize;
    w.key("hops").array(|w| {
        for index in 0..depth {
            let record = notes.records.get(index).and_then(HopRecord::token);
            let agent = identity.facts.earlier.get(index);
            let from_record = record.and_then(|token| token.identity().ok()).map(|identity| &identity.facts);
            w.object(|w| {
                let principal = agent.or_else(|| from_record.and_then(|facts| facts.agent.value()));
                w.key("iss").string_or_null(principal.map(|p| p.iss.as_str()));
                w.key("sub").string_or_null(principal.map(|p| p.sub.as_str()));
                w.key("instance").string_or_null(
                    from_record.and_then(|facts| facts.instance.value()).map(|instance| instance.id.as_str()),
                );
                w.key("source").string(if agent.is_some() { "token:act" } else { "hop:agent_chain" });
                w.key("record").string_or_null(record.map(|_| "agent_chain"));
            });
            recorded = recorded.saturating_add(usize::from(record.is_some()));
        }
    });
    w.key("complete").bool(recorded == depth);
    w.key("trust").string(match (depth, recorded) {
        (0, _) => "current_only",
        (depth, recorded) if depth == recorded => "recorded",
        _ => "issuer_endorsed",
    });
}

/// A fact with its source: the value's members, or `absent`, or `unknown` with the reason.
fn fact<T>(w: &mut Writer, fact: &Fact<T>, write: impl FnOnce(&mut Writer, &T)) {
    w.record(matches!(fact, Fact::Asserted(..)), |w| {
        match fact {
            Fact::Asserted(value, _) => write(w, value),
            Fact::Derived(value, _, _) => write(w, value),
            Fact::Absent(_) => w.key("absent").bool(true),
            Fact::Unknown(why) => w.key("unknown").string(match why {
                Why::Silent => "silent",
                Why::Unreadable(_) => "unreadable",
            }),
        }
        if let Fact::Derived(_, _, rule) = fact {
            w.key("derived").string(rule);
        }
        w.key("source").string_or_null(fact.src().map(Src::text).as_deref());
    });
}

/// A step of the path through the model.
fn via(w: &mut Writer, step: &Step) {
    w.record(true, |w| {
        w.key("user").string(&step.subject);
        w.key("relation").string(&step.relation);
        w.key("object").string(&step.object);
        w.key("holds").string(step.truth.as_str());
        w.key("tuple").bool(step.tuple);
    });
}

fn because(w: &mut Writer, reason: &Reason, policy: &Policy) {
    w.record(true, |w| {
        w.key("term").string(reason.term);
        w.key("holds").string(reason.holds.as_str());
        if let Some((user, relation, object)) = &reason.relation {
            w.key("user").string(user);
            w.key("relation").string(relation);
            w.key("object").string(object);
            w.key("source").string("store");
            w.key("via").array(|w| reason.via.iter().for_each(|step| via(w, step)));
        }
        w.key("text").string(&reason.text);
        match reason.line {
            Some(line) => {
                let mut at = [&policy.rules.file, ":"].concat();
                json::push_number(&mut at, line.into());
                w.key("at").string(&at);
            }
            None => w.key("at").null(),
        }
    });
}
