//! One request on its way through the checks, in their order.

use alloc::{borrow::ToOwned, format, string::String, sync::Arc, vec::Vec};

use crate::approval::{self, Approval, Bond};
use crate::carriers::needs_context;
use crate::chain::HopRecord;
use crate::config::Issuer;
use crate::decision::{Decision, Verdict};
use crate::document::{Check, Notes};
use crate::error::{Code, Refusal, quote};
use crate::guard::{Buffers, Guard, check_presence};
use crate::identity::context::{Identity, Kind};
use crate::identity::dialect::Dialect;
use crate::identity::{Fact, Holder, SeenInstance, check_reuse};
use crate::json::Object;
use crate::mcp;
use crate::names::encode_onto;
use crate::policy::Policy;
use crate::policy::arguments::{self, Bound, Sources};
use crate::policy::decide::{self, Asked, Case, Failure, Hop, Record, Scratch, Task, Trace};
use crate::policy::path::Target;
use crate::policy::rules::{self, By};
use crate::proof::binding::{Binding, prove};
use crate::proof::{ReplayStore, Use};
use crate::request::{Question, Request, Scheme, check_headers, credentials};
use crate::time::Timestamp;
use crate::token::VerifiedToken;
use crate::truth::Truth;

/// A refusal and the check that it comes from.
pub(crate) struct Stop {
    pub refusal: Refusal,
    pub check: Check,
    pub truth: Truth,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self { check: Check::of_code(refusal.code), refusal, truth: Truth::False }
    }
}

/// One request on its way through the checks. The decision stays a refusal until the last of them.
pub(crate) struct Run<'g, 'r> {
    pub guard: &'g Guard,
    pub policy: &'g Arc<Policy>,
    pub request: &'r Request<'r>,
    pub decision: Decision,
    pub notes: Notes,
    pub store: Option<&'r mut dyn ReplayStore>,
    pub explain: bool,
}

/// What is verified of a request, before it is known what it asks for.
#[derive(Clone, Copy)]
pub(crate) struct Known<'k> {
    pub kind: Kind,
    pub identity: &'k Identity,
    pub token: &'k VerifiedToken,
    pub issuer: &'k Issuer,
    records: &'k [HopRecord],
    target: &'k Target<'k>,
    now: Timestamp,
}

/// What a request, or one message of it, asks for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'w> {
    pub kind: u16,
    pub action: u8,
    /// `None` where it is not known yet which one.
    pub object: Option<&'w str>,
    pub arguments: &'w [Bound<'w>],
    /// Whether an argument that is not among them is known not to be there.
    pub all_arguments: bool,
    /// Every argument of a tool, declared or not.
    pub tool: Option<&'w Object<'w>>,
    /// The pattern of the route, or the name of the tool; `None` where the host asks without one.
    pub route: Option<&'w str>,
    /// What every term of the formula must be at least.
    pub least: Truth,
}

/// What is done with a request whose token, proof and identity hold.
pub(crate) type Ask<'a, 'g, 'r> = &'a mut dyn FnMut(&mut Run<'g, 'r>, &Known<'_>) -> Result<(), Stop>;

impl<'g, 'r> Run<'g, 'r> {
    /// A request before its first check.
    pub fn new(
        guard: &'g Guard,
        policy: &'g Arc<Policy>,
        request: &'r Request<'r>,
        store: Option<&'r mut dyn ReplayStore>,
        explain: bool,
    ) -> Self {
        let decision = Decision::refused(Code::RequestInvalid);
        Self { guard, policy, request, decision, notes: Notes::default(), store, explain }
    }

    /// Writes down how the checks ended.
    pub fn conclude(&mut self, outcome: Result<(), Stop>) {
        match outcome {
            Ok(()) => {
                self.decision.verdict = Verdict::Allow;
                self.decision.code = None;
            }
            Err(stop) => {
                let silent = stop.refusal.code == Code::RelationMissing && self.request.relations_unreachable;
                let code = if silent { Code::RelationsUnavailable } else { stop.refusal.code };
                self.decision.code = Some(code);
                if stop.refusal.code == Code::NeedsApproval {
                    self.decision.verdict = Verdict::NeedsApproval;
                }
                self.notes.failed = Some((stop.check, stop.truth));
                self.notes.detail = stop.refusal.detail;
                if silent && self.explain {
                    self.notes.detail.insert_str(0, "the relationship server gave no answer: ");
                }
            }
        }
    }

    /// Every check, in order.
    pub fn steps(&mut self, now: Option<Timestamp>) -> Result<(), Stop> {
        let (request, rules) = (self.request, &self.policy.rules);
        let target = self.target()?;
        self.check_pack(now)?;
        if let Some(question) = &request.question {
            return self.known(&target, now, &mut |run, known| run.question(known, question));
        }
        if (rules.preflight && request.is_preflight()) || rules.is_public(request.method, &target) {
            self.decision.public = true;
            return Ok(());
        }
        self.known(&target, now, &mut |run, known| match run.policy.rules.is_mcp(known.target) {
            true => run.messages(known),
            false => run.route(known),
        })
    }

    /// The canonical target of a request that carries nothing that no request may carry.
    fn target(&self) -> Result<Target<'r>, Refusal> {
        check_headers(self.request)?;
        Target::parse(self.request.url)
    }

    /// Every check before the request is an action on an object; then `ask`.
    fn known(
        &mut self,
        target: &Target<'_>,
        now: Option<Timestamp>,
        ask: Ask<'_, 'g, 'r>,
    ) -> Result<(), Stop> {
        let (guard, request) = (self.guard, self.request);
        let now = now.ok_or_else(|| Refusal::new(Code::ClockInvalid, "the host's clock is not set"))?;
        if let (Some(claims), Some(_)) = (request.vouched, &request.question) {
            let (token, issuer) = guard.vouched(claims, now)?;
            self.notes.binding = Some(Binding::Vouched);
            return self.known_token((token, issuer), target, now, ask);
        }
        let (scheme, compact) = credentials(request, target, guard.config.has_transactions())?;
        let (token, issuer) = guard.verify_for_issuer(compact, request.introspection.as_ref(), now)?;
        // A transaction token is never an access token, and the other way round.
        if (issuer.dialect == Dialect::TxnToken) != (scheme == Scheme::Transaction) {
            let text = "a transaction token travels in `Txn-Token`, and nothing else does";
            return Err(Refusal::new(Code::TokenTypeWrong, text).into());
        }
        self.decision.token = Some(Arc::clone(&token));
        if let Some(refusal) =
            token.identity().err().filter(|refusal| Check::of_code(refusal.code) == Check::Claims)
            && !needs_context(&token, issuer)
        {
            // A claim that the dialect needs is a matter of the token, and comes before the proof.
            return Err(refusal.clone().into());
        }
        let store = reborrow(&mut self.store);
        let shown = prove(&token, (issuer, &guard.config), request, target, scheme, now, store);
        match shown {
            Ok((binding, proof_use)) => {
                self.notes.binding = Some(binding);
                self.decision.proof_use = proof_use;
            }
            Err(refusal) => {
                let nonces = guard.config.proof.nonces.as_ref();
                let asks = nonces.filter(|_| refusal.code == Code::ProofNonceNeeded);
                self.decision.nonce = asks.map(|nonces| nonces.current(now));
                self.decision.proof_use = (refusal.code == Code::ProofReplayed).then_some(Use::Again);
                return Err(refusal.into());
            }
        }
        self.known_token((token, issuer), target, now, ask)
    }

    /// Every check from who is acting on, for a token that is verified and its sender's.
    fn known_token(
        &mut self,
        (token, issuer): (Arc<VerifiedToken>, &'g Issuer),
        target: &Target<'_>,
        now: Timestamp,
        ask: Ask<'_, 'g, 'r>,
    ) -> Result<(), Stop> {
        let (guard, request) = (self.guard, self.request);
        let token = guard.with_context(token, issuer, request, now)?;
        self.decision.token = Some(Arc::clone(&token));
        let identity = token.identity().map_err(Clone::clone)?;
        let kind = *identity.kind.as_ref().map_err(Clone::clone)?;
        check_presence(identity, now)?;
        self.check_instance(identity, token.claims().expires_at(), now)?;
        let records = guard.records(request, (&token, identity), issuer, now)?;
        guard.check_revoked(&token, issuer, &records, now)?;
        let known = Known { kind, identity, token: &token, issuer, records: &records, target, now };
        let outcome = ask(self, &known);
        self.notes.records = records;
        outcome
    }

    /// That the token's instance is not somebody else's, where that is remembered.
    fn check_instance(
        &mut self,
        identity: &Identity,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if !self.guard.config.remembers_instances {
            return Ok(());
        }
        let Some(seen) = SeenInstance::of(identity, expires) else { return Ok(()) };
        let store = reborrow(&mut self.store);
        let said = check_reuse(&seen, self.request.instance_use, store, now);
        self.decision.instance_use = match &said {
            Ok(said) => Some(*said),
            Err(refusal) => (refusal.code == Code::InstanceReused).then_some(Holder::Another),
        };
        said.map(|_| ())
    }

    /// Every check before `ask`, whatever the request itself asks for.
    pub fn ask(&mut self, now: Option<Timestamp>, ask: Ask<'_, 'g, 'r>) -> Result<(), Stop> {
        let target = self.target()?;
        self.check_pack(now)?;
        self.known(&target, now, ask)
    }

    /// A question that the host asks by name.
    pub fn question(&mut self, known: &Known<'_>, question: &Question<'_>) -> Result<(), Stop> {
        let policy = Arc::clone(self.policy);
        let (kind, action) = policy.rules.action(question.kind, question.action)?;
        if question.id.is_empty() {
            return Err(Refusal::new(Code::ArgumentInvalid, "the question names no object").into());
        }
        let object = named(question.kind, question.id);
        let arguments = self.asked(known, (kind, action), question)?;
        let wanted = Wanted {
            kind,
            action,
            object: Some(&object),
            arguments: &arguments,
            all_arguments: question.arguments.is_some(),
            tool: None,
            route: None,
            least: Truth::True,
        };
        self.ask_rules(known, &wanted, &mut Scratch::default())
    }

    /// The arguments of a question that is about who is asking.
    pub fn asked<'q>(
        &self,
        known: &Known<'_>,
        action: (u16, u8),
        question: &Question<'q>,
    ) -> Result<Vec<Bound<'q>>, Refusal> {
        let agent = known.identity.link.as_ref().map(|link| link.agent.as_str());
        let asking = known.identity.user.as_deref().or(agent);
        if let Some((kind, id)) = question.subject
            && Some(named(kind, id).as_str()) != asking
        {
            let text = format!("the question is about {}, who is not asking", quote(&named(kind, id)));
            return Err(Refusal::new(Code::FactsConflict, text));
        }
        match question.arguments {
            Some(given) => arguments::named(&self.policy.rules, action, given),
            None => Ok(Vec::new()),
        }
    }

    /// That the policy may still be used.
    fn check_pack(&self, now: Option<Timestamp>) -> Result<(), Refusal> {
        let pack = &self.policy.pack;
        // What never expires needs no clock.
        if !pack.is_expired(u64::MAX) {
            return Ok(());
        }
        let now = now.ok_or_else(|| Refusal::new(Code::ClockInvalid, "the host's clock is not set"))?;
        match pack.is_expired(now.seconds()) {
            true => Err(Refusal::new(Code::PackExpired, format!("the policy expired at {}", pack.expires()))),
            false => Ok(()),
        }
    }

    /// A request that a `route` line maps.
    fn route(&mut self, known: &Known<'_>) -> Result<(), Stop> {
        let (guard, request, policy) = (self.guard, self.request, Arc::clone(self.policy));
        let route = policy.rules.route(request.method, known.target)?;
        let in_body = route.arguments.iter().any(|argument| matches!(argument.from, rules::From::Body(_)));
        let body = if in_body { Some(json_body(request)?) } else { None };
        let sources =
            Sources { path: Some((&route.pattern, known.target)), body: body.as_ref(), arguments: None };
        let arguments = arguments::read(&route.arguments, &sources)?;
        let mut fresh = Buffers::default();
        let mut kept = guard.buffers.try_borrow_mut().ok();
        let Buffers { object, policy: scratch } = kept.as_deref_mut().unwrap_or(&mut fresh);
        object.clear();
        arguments::name_object(&route.object, &sources, &arguments, object)?;
        let wanted = Wanted {
            kind: route.kind,
            action: route.action,
            object: Some(object),
            arguments: &arguments,
            all_arguments: false,
            tool: None,
            route: Some(&route.text),
            least: Truth::True,
        };
        self.ask_rules(known, &wanted, scratch)
    }

    /// A request to an MCP server: the meet of what its messages ask for.
    fn messages(&mut self, known: &Known<'_>) -> Result<(), Stop> {
        let (guard, request, policy) = (self.guard, self.request, Arc::clone(self.policy));
        let unmapped = |text: &str| Refusal::new(Code::Unmapped, text);
        if request.method != "POST" {
            return match policy.rules.route(request.method, known.target) {
                Ok(_) => self.route(known),
                Err(refusal) => Err(refusal.into()),
            };
        }
        if known.target.query().is_some() {
            return Err(unmapped("a message to an MCP server has no query").into());
        }
        let body = json_body(request).map_err(|refusal| Refusal { code: Code::MessageInvalid, ..refusal })?;
        let (method, name) = (request.single("mcp-method")?, request.single("mcp-name")?);
        let audience = known.token.claims().our_audience(known.issuer);
        let mut fresh = Buffers::default();
        let mut kept = guard.buffers.try_borrow_mut().ok();
        let scratch = &mut kept.as_deref_mut().unwrap_or(&mut fresh).policy;
        let mut approval = None;
        let mut proof = Vec::new();
        for message in mcp::messages(&body)? {
            mcp::check_header(&message, method, name)?;
            if mcp::passes(&message) {
                continue;
            }
            let call = mcp::call(&policy.rules, &message, audience)?;
            let wanted = Wanted {
                kind: call.kind,
                action: call.action,
                object: Some(&call.object),
                arguments: &call.arguments,
                all_arguments: false,
                tool: call.all,
                route: Some(call.route),
                least: Truth::True,
            };
            match self.ask_rules(known, &wanted, scratch) {
                // Another message may refuse, and that counts more.
                Err(stop) if stop.refusal.code == Code::NeedsApproval => {
                    let notes = core::mem::take(&mut self.notes);
                    self.notes.binding = notes.binding;
                    approval = Some((stop, self.decision.rule.take(), notes));
                }
                other => other?,
            }
            proof.append(&mut self.notes.reasons);
        }
        let Some((stop, rule, notes)) = approval else {
            self.notes.reasons = proof;
            return Ok(());
        };
        self.decision.rule = rule;
        self.notes = notes;
        Err(stop)
    }

    /// Asks the rules, and again with an approval where one is needed and was sent.
    pub fn ask_rules(
        &mut self,
        known: &Known<'_>,
        wanted: &Wanted<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), Stop> {
        let Known { kind, identity, token, issuer, records, .. } = *known;
        let policy = Arc::clone(self.policy);
        let action = policy.rules.kind(wanted.kind).and_then(|ty| ty.actions.get(usize::from(wanted.action)));
        if self.explain {
            self.notes.action = action.map(|action| action.name.clone());
            self.notes.object = wanted.object.map(ToOwned::to_owned);
        }
        let names: Vec<_> =
            identity.facts.earlier.iter().map(|agent| self.guard.config.agent_object(agent)).collect();
        let current = current_hop(known);
        let with_hops: Vec<_>;
        let chain = match (kind, records) {
            (Kind::Itself, _) => &[][..],
            (_, []) => core::slice::from_ref(&current),
            (_, records) => {
                let earlier = records.iter().enumerate();
                let earlier =
                    earlier.map(|(at, record)| hop(record, names.get(at).and_then(Option::as_deref)));
                with_hops = earlier.chain([current]).collect();
                &with_hops
            }
        };
        let case = Case {
            kind,
            modes: identity.modes(),
            user: identity.user.as_deref(),
            chain,
            claims: token.claims().object(),
            also: token.claims().also(),
            audiences: &issuer.audiences,
            task: match &identity.facts.task {
                Fact::Asserted(task, _) | Fact::Derived(task, ..) => Task::Known(task),
                Fact::Absent(_) => Task::Absent,
                Fact::Unknown(_) => Task::Unknown,
            },
            kind_of_object: wanted.kind,
            action: wanted.action,
            object: wanted.object,
            arguments: wanted.arguments,
            asked: Asked {
                method: wanted.route.map(|_| self.request.method),
                host: wanted.route.and_then(|_| known.target.host()),
                path: wanted.route.map(|_| known.target.path()),
                route: wanted.route,
                time: Some(known.now),
                peer: self.request.peer,
            },
            all_arguments: wanted.all_arguments,
            approver: None,
            replies: self.request.replies,
            least: wanted.least,
        };
        let Err(failure) = self.formula(&case, scratch) else { return Ok(()) };
        let (Code::NeedsApproval, Truth::True, Some(object)) = (failure.code, wanted.least, wanted.object)
        else {
            return Err(self.failed(&failure, &case));
        };
        let bond = Bond {
            policy: policy.pack.policy_id(),
            user: case.user,
            agent: current.agent,
            instance: current.instance,
            action: action.map(|action| action.name.as_str()).unwrap_or_default(),
            object,
            arguments: wanted.arguments,
            tool: wanted.tool,
        };
        let digest = bond.digest();
        match self.request.single("agent-approval")? {
            Some(compact) => self.approved(compact, &digest, &case, known, scratch),
            None => {
                let rule = failure.rule.and_then(|rule| policy.rules.rules.get(rule));
                let by = match rule.and_then(|rule| rule.by.as_ref()) {
                    Some(By::Relation(relation)) => relation.clone(),
                    Some(By::User) | None => "user".to_owned(),
                };
                let expires = known.now.plus(approval::LIFETIME);
                self.decision.approval = Some(Approval { digest, by, expires });
                Err(self.failed(&failure, &case))
            }
        }
    }

    /// Decides again with the approval that was sent, and spends it.
    fn approved(
        &mut self,
        compact: &[u8],
        digest: &str,
        case: &Case<'_>,
        known: &Known<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), Stop> {
        let config = &self.guard.config;
        // What is not ASCII was refused before.
        let compact = core::str::from_utf8(compact).unwrap_or_default();
        let (who, used) =
            approval::verify(compact, digest, &config.approvers, &known.issuer.audiences, known.now)?;
        let invalid = |text: String| Refusal::new(Code::ApprovalInvalid, text);
        let approver = config
            .user_object(&who)
            .ok_or_else(|| invalid("who approved has no name in the model (`names`)".to_owned()))?;
        // The same name in the space of agents is the agent, whatever it is called in the model.
        let agents = config.agent_object(&who);
        let is_agent = |hop: &Hop<'_>| {
            hop.agent == Some(&approver) || (hop.agent.is_some() && hop.agent == agents.as_deref())
        };
        if case.chain.iter().any(is_agent) {
            return Err(
                invalid(format!("`{approver}` is an agent of the chain, and agents do not approve")).into()
            );
        }
        if let Err(failure) = self.formula(&Case { approver: Some(&approver), ..*case }, scratch) {
            // All but the approval held a moment ago.
            let Stop { refusal, check, truth } = self.failed(&failure, case);
            let refusal = invalid(format!("`{approver}` may not approve this: {}", refusal.detail));
            return Err(Stop { refusal, check, truth });
        }
        self.spend(&used, known.now).map_err(Stop::from)
    }

    /// An approval is good once; nobody to ask refuses.
    fn spend(&mut self, used: &approval::UsedApproval, now: Timestamp) -> Result<(), Refusal> {
        // What a host's store said is about the request, and a batch may do the same thing twice.
        if self.decision.approval_use.is_some() {
            let text = "another message of the batch uses this approval";
            return Err(Refusal::new(Code::ApprovalSpent, text));
        }
        let said = match (self.request.approval_use, reborrow(&mut self.store)) {
            (Some(said), _) => Ok(said),
            (None, Some(store)) => store.remember_approval(used, now),
            (None, None) => {
                let text = "nobody remembers which approvals were used: ask with a store";
                return Err(Refusal::new(Code::ApprovalStoreUnavailable, text));
            }
        };
        match said {
            Ok(said) => self.decision.approval_use = Some(said),
            Err(error) => return Err(Refusal::new(Code::ApprovalStoreUnavailable, format!("{error}"))),
        }
        match said {
            Ok(Use::First) => Ok(()),
            _ => Err(Refusal::new(Code::ApprovalSpent, "this approval was used before")),
        }
    }

    /// Evaluates the formula; on allow the decision names the rule.
    fn formula(&mut self, case: &Case<'_>, scratch: &mut Scratch) -> Result<(), Failure> {
        let mut trace = Trace { on: self.explain, ..Trace::default() };
        let outcome = decide::decide(self.policy, case, scratch, &mut trace);
        self.notes.reasons = trace.reasons;
        self.notes.missing = trace.missing;
        self.notes.said = trace.said;
        let rule = outcome.as_ref().map_or_else(|failure| failure.rule, |rule| Some(*rule));
        self.decision.rule = rule.map(|rule| (Arc::clone(self.policy), rule));
        outcome.map(|_| ())
    }

    /// The refusal that a failure leads to.
    fn failed(&mut self, failure: &Failure, case: &Case<'_>) -> Stop {
        if failure.code == Code::NotCovered {
            self.decision.scope = case.object.and_then(|object| {
                decide::needed_scope(self.policy, case.kind_of_object, case.action, object)
            });
        }
        let failed = self.notes.reasons.iter().rev().find(|reason| !reason.met);
        let detail = failed.map(|reason| match reason.line {
            Some(line) => format!("{} at {}:{line}", reason.text, self.policy.rules.file),
            None => reason.text.clone(),
        });
        let refusal = Refusal { code: failure.code, detail: detail.unwrap_or_default() };
        Stop { refusal, check: failure.term.into(), truth: failure.truth }
    }
}

/// An object by its type and its id outside of the model.
fn named(kind: &str, id: &str) -> String {
    let mut object = format!("{kind}:");
    encode_onto(&mut object, id);
    object
}

/// The store for one more use; a method of `Option` cannot shorten the life of what is behind `dyn`.
fn reborrow<'s>(store: &'s mut Option<&mut dyn ReplayStore>) -> Option<&'s mut dyn ReplayStore> {
    match store {
        Some(store) => Some(&mut **store),
        None => None,
    }
}

fn json_body<'r>(request: &Request<'r>) -> Result<crate::json::Value<'r>, Refusal> {
    let (media, coding) = (request.single("content-type")?, request.single("content-encoding")?);
    arguments::json_body(request.body, media, coding)
}

/// The current agent, as the rules see it: its record is its own token.
pub(crate) fn current_hop<'k>(known: &Known<'k>) -> Hop<'k> {
    let link = known.identity.link.as_ref();
    Hop {
        agent: link.map(|link| link.agent.as_str()),
        instance: link.and_then(|link| link.instance.as_deref()),
        record: Record::Verified(known.token.claims().object()),
    }
}

/// An earlier agent, as the rules see it: named by `act` or by its record.
fn hop<'a>(record: &'a HopRecord, name: Option<&'a str>) -> Hop<'a> {
    let link =
        record.token().and_then(|token| token.identity().ok()).and_then(|identity| identity.link.as_ref());
    Hop {
        agent: name.or(link.map(|link| link.agent.as_str())),
        instance: link.and_then(|link| link.instance.as_deref()),
        record: match record {
            HopRecord::Invalid(refusal) => Record::Invalid(refusal),
            HopRecord::Missing => Record::Missing,
            HopRecord::Verified(token) => Record::Verified(token.claims().object()),
        },
    }
}
