//! The one door: built once from a configuration, then asked once per request.
//!
//! A guard is pure. The same configuration, request and time give the same decision, so a decision can be
//! explained after the fact by deciding again: [`Guard::decide`] says only what became of a request, and
//! [`Guard::explain`] writes the whole document.

use alloc::{borrow::ToOwned, format, string::String, sync::Arc, vec::Vec};
use core::cell::RefCell;

use crate::cache::Cache;
use crate::config::{BindingPolicy, Config, Issuer};
use crate::document::{self, Check, Notes};
use crate::error::{Code, ConfigError, Refusal, quote};
use crate::identity::context::{Identity, Kind, Mode};
use crate::jose::KeySet;
use crate::policy::Policy;
use crate::policy::decide::{self, Case, Hop, Record, Scratch, Trace};
use crate::policy::path::Target;
use crate::policy::rules::Route;
use crate::time::Timestamp;
use crate::token::{self, VerifiedToken};
use crate::truth::Truth;

/// What the enforcement point saw of one request. Nothing here proves anything by itself.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The host's own id of the request; it comes back in the decision document.
    pub id: &'a str,
    /// The method, as it was sent: `GET`.
    pub method: &'a str,
    /// The target: `/path?query`, or with scheme and authority before it.
    pub url: &'a str,
    /// The header fields named in [`Guard::HEADERS`], each as often as it was sent; names in lower case,
    /// values as bytes. Others may be there and are ignored.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body, where the host has it.
    pub body: Option<&'a [u8]>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass.
    Allow,
    /// It may not.
    Deny,
    /// It may pass once somebody has approved it.
    NeedsApproval,
}

impl Verdict {
    /// The name, as it stands in a decision document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::NeedsApproval => "needs_approval",
        }
    }
}

/// The outcome of [`Guard::decide`].
#[derive(Debug, Clone)]
pub struct Decision {
    verdict: Verdict,
    code: Option<Code>,
    token: Option<Arc<VerifiedToken>>,
    rule: Option<(Arc<Policy>, usize)>,
    public: bool,
    /// The scope that would cover the request, where more scope would help.
    scope: Option<String>,
}

impl Decision {
    fn refused(code: Code) -> Self {
        Self { verdict: Verdict::Deny, code: Some(code), token: None, rule: None, public: false, scope: None }
    }

    /// Allow, deny or needs approval.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Why it is not allowed; `None` on allow.
    pub fn code(&self) -> Option<Code> {
        self.code
    }

    /// The HTTP status of the answer: 200 on allow.
    pub fn status(&self) -> u16 {
        self.code.map_or(200, Code::status)
    }

    /// The rule that allows or refuses it, by its id; `public` where a `public` line lets it through.
    pub fn rule(&self) -> Option<&str> {
        if self.public {
            return Some("public");
        }
        let (policy, index) = self.rule.as_ref()?;
        policy.rules.rules.get(*index).map(|rule| rule.id.as_str())
    }

    /// Whether it was let through without looking at a token.
    pub fn is_public(&self) -> bool {
        self.public
    }

    /// The verified token, once its signature, claims and times hold.
    pub(crate) fn token(&self) -> Option<&VerifiedToken> {
        self.token.as_deref()
    }

    fn identity(&self) -> Option<&Identity> {
        self.token().and_then(|token| token.identity().ok())
    }

    /// The user's object in the model: `user:ana`. Encoded, so it is safe in a header.
    pub fn user(&self) -> Option<&str> {
        self.identity().and_then(|identity| identity.user.as_deref())
    }

    /// The current agent's object in the model: `agent:code-helper`.
    pub fn agent(&self) -> Option<&str> {
        self.identity().and_then(|identity| identity.link.as_ref()).map(|link| link.agent.as_str())
    }

    /// The current instance's object in the model.
    pub fn instance(&self) -> Option<&str> {
        self.identity().and_then(|identity| identity.link.as_ref()).and_then(|link| link.instance.as_deref())
    }

    /// The kind of relationship.
    pub fn kind(&self) -> Option<Kind> {
        self.identity().and_then(|identity| identity.kind.as_ref().ok().copied())
    }

    /// The mode, where the token or the configuration says it.
    pub fn mode(&self) -> Option<Mode> {
        self.identity().and_then(|identity| identity.facts.mode.value().copied())
    }

    /// The value of `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1), where one goes with the answer.
    pub fn challenge(&self) -> Option<String> {
        let code = self.code?;
        match code.oauth_error() {
            // RFC 6750 §3.1: without any credentials, no error is given.
            None if code == Code::TokenMissing => Some("Bearer".into()),
            None => None,
            Some("insufficient_scope") => {
                let scope = self.scope.as_ref().map(|scope| format!(", scope=\"{scope}\"")).unwrap_or_default();
                Some(format!("Bearer error=\"insufficient_scope\"{scope}"))
            }
            Some(error) if matches!(code.status(), 401) => {
                let scheme = if matches!(code, Code::ProofMissing | Code::ProofInvalid) { "DPoP" } else { "Bearer" };
                Some(format!("{scheme} error=\"{error}\", error_description=\"{}\"", code.reason_user()))
            }
            Some(_) => None,
        }
    }
}

/// Verifies tokens, says who is who, decides and explains.
///
/// One per worker thread: it may be sent to another thread but not shared between two. A clone shares
/// configuration and policy and starts with an empty cache.
#[derive(Debug)]
pub struct Guard {
    config: Arc<Config>,
    policy: Arc<Policy>,
    cache: RefCell<Cache>,
    scratch: RefCell<Scratch>,
}

impl Clone for Guard {
    fn clone(&self) -> Self {
        let cache = self.cache.try_borrow().map_or_else(|_| Cache::new(0, 0), |cache| cache.emptied());
        Self {
            config: Arc::clone(&self.config),
            policy: Arc::clone(&self.policy),
            cache: RefCell::new(cache),
            scratch: RefCell::default(),
        }
    }
}

/// A refusal and the check that it comes from.
struct Stop {
    refusal: Refusal,
    check: Check,
    truth: Truth,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self { check: Check::of_code(refusal.code), refusal, truth: Truth::False }
    }
}

impl Guard {
    /// The header fields that a decision reads, in lower case. An adapter hands over these and may leave out others.
    pub const HEADERS: &'static [&'static str] = &[
        "authorization",
        "agent-chain",
        "access-control-request-method",
        "agent-context",
        "dpop",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
    ];

    /// Builds a guard from the configuration document (JSON, UTF-8). `seed` keys the cache's hash: any
    /// number that a stranger cannot guess; it never changes a decision.
    ///
    /// # Errors
    /// Which field is wrong, and what to write instead.
    pub fn from_config(json: &[u8], seed: u64) -> Result<Self, ConfigError> {
        let (config, source) = Config::parse(json)?;
        let policy = Policy::load(source.compile()?)?;
        let cache = Cache::new(config.limits.cached_tokens, seed);
        Ok(Self {
            config: Arc::new(config),
            policy: Arc::new(policy),
            cache: RefCell::new(cache),
            scratch: RefCell::default(),
        })
    }

    /// Decides one request. Never fails: an error is a refusal with a code. `now` is `None` where the host's clock is not set.
    pub fn decide(&self, request: &Request<'_>, now: Option<Timestamp>) -> Decision {
        self.run(request, now, None)
    }

    /// Decides again and writes the decision document (JSON). The decision is the one that [`Self::decide`] gives.
    pub fn explain(&self, request: &Request<'_>, now: Option<Timestamp>) -> (Decision, String) {
        let mut notes = Notes::default();
        let decision = self.run(request, now, Some(&mut notes));
        let document = document::write(&decision, &notes, request, now, &self.policy);
        (decision, document)
    }

    /// Verifies an access token: form, issuer, header, key, signature, claims, audience and times. It proves
    /// nothing about who presents it.
    ///
    /// # Errors
    /// A code of the token stage.
    pub fn verify(&self, compact: &str, now: Timestamp) -> Result<Arc<VerifiedToken>, Refusal> {
        let token = self.remembered(compact)?;
        let issuer = self.issuer(&token)?;
        token.claims().check_audience(issuer)?;
        token.claims().check_time(now, issuer.leeway)?;
        Ok(token)
    }

    /// Takes a fresh key set (JWK Set, JSON) for an issuer whose configuration has `jwks_uri`. Remembered
    /// tokens are forgotten: a key that is gone verifies nothing any more.
    ///
    /// # Errors
    /// `keys_invalid`, and `config_invalid` for an issuer without `jwks_uri`; the keys from before stay.
    pub fn set_keys(&mut self, issuer: &str, jwks: &[u8]) -> Result<(), ConfigError> {
        let keys = KeySet::parse(jwks)?;
        let config = Arc::make_mut(&mut self.config);
        let found = config.issuers.iter_mut().find(|known| known.issuer == issuer && known.jwks_uri.is_some());
        let Some(found) = found else {
            let message = format!("{} is not an issuer with `jwks_uri`", quote(issuer));
            return Err(ConfigError::new(Code::ConfigInvalid, "issuers", message));
        };
        found.keys = Some(keys);
        self.cache.get_mut().clear();
        Ok(())
    }

    /// Forgets an issuer's keys: from then on its tokens refuse with `keys_unavailable`. For keys that are too old.
    pub fn drop_keys(&mut self, issuer: &str) {
        let config = Arc::make_mut(&mut self.config);
        for known in config.issuers.iter_mut().filter(|known| known.issuer == issuer && known.jwks_uri.is_some()) {
            known.keys = None;
        }
        self.cache.get_mut().clear();
    }

    /// The issuers whose keys the host has to fetch: issuer and `jwks_uri`.
    pub fn key_sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.config.issuers.iter().filter_map(|issuer| Some((issuer.issuer.as_str(), issuer.jwks_uri.as_deref()?)))
    }

    fn issuer(&self, token: &VerifiedToken) -> Result<&Issuer, Refusal> {
        let found = self.config.issuers.get(token.issuer());
        found.ok_or_else(|| Refusal::new(Code::IssuerUnknown, "the issuer is not in the configuration any more"))
    }

    /// A verified token, from the cache if its bytes were seen before.
    fn remembered(&self, compact: &str) -> Result<Arc<VerifiedToken>, Refusal> {
        if let Some(token) = self.cache.try_borrow().ok().and_then(|cache| cache.get(compact)) {
            return Ok(token);
        }
        let token = Arc::new(token::verify(compact, &self.config)?);
        if let Ok(mut cache) = self.cache.try_borrow_mut() {
            cache.insert(&token);
        }
        Ok(token)
    }

    fn run(&self, request: &Request<'_>, now: Option<Timestamp>, notes: Option<&mut Notes>) -> Decision {
        let mut decision = Decision::refused(Code::RequestInvalid);
        let mut unread = Notes::default();
        let explain = notes.is_some();
        let notes = notes.unwrap_or(&mut unread);
        match self.steps(request, now, &mut decision, notes, explain) {
            Ok(()) => {
                decision.verdict = Verdict::Allow;
                decision.code = None;
            }
            Err(stop) => {
                decision.verdict = Verdict::Deny;
                decision.code = Some(stop.refusal.code);
                notes.failed = Some((stop.check, stop.truth));
                notes.detail = stop.refusal.detail;
            }
        }
        decision
    }

    /// Every check, in order. Fills in `decision` as facts become known; what it returns decides.
    fn steps(
        &self,
        request: &Request<'_>,
        now: Option<Timestamp>,
        decision: &mut Decision,
        notes: &mut Notes,
        explain: bool,
    ) -> Result<(), Stop> {
        check_headers(request)?;
        let target = Target::parse(request.url)?;
        if self.is_public(request, &target) {
            decision.public = true;
            return Ok(());
        }
        let now = now.ok_or_else(|| Refusal::new(Code::ClockInvalid, "the host's clock is not set"))?;
        let (scheme, compact) = credentials(request, &target)?;
        let token = self.remembered(compact)?;
        let issuer = self.issuer(&token)?;
        token.claims().check_audience(issuer)?;
        token.claims().check_time(now, issuer.leeway)?;
        decision.token = Some(Arc::clone(&token));
        let identity = match token.identity() {
            Ok(identity) => Ok(identity),
            // A claim that the dialect needs is a matter of the token, and comes before the proof.
            Err(refusal) if Check::of_code(refusal.code) == Check::Claims => return Err(refusal.clone().into()),
            Err(refusal) => Err(refusal),
        };
        notes.binding = Some(prove(&token, issuer, scheme)?);
        let identity = identity.map_err(Clone::clone)?;
        let kind = *identity.kind.as_ref().map_err(Clone::clone)?;
        if header(request, "agent-context").next().is_some() {
            let text = "no issuer of `Agent-Context` assertions is configured for this client";
            return Err(Refusal::new(Code::ContextInvalid, text).into());
        }
        check_presence(identity, now)?;
        let records = self.records(request, identity, now)?;
        let route = self.route(request, &target)?;
        let mut object = String::new();
        self.object(route, &target, &mut object)?;
        if explain {
            let ty = self.policy.rules.kind(route.kind);
            let action = ty.and_then(|ty| ty.actions.get(usize::from(route.action)));
            notes.action = action.map(|action| action.name.clone());
            notes.object = Some(object.clone());
            notes.records = records.iter().map(|record| record.as_ref().ok().cloned().flatten()).collect();
        }
        self.policy(kind, identity, &token, issuer, &records, route, &object, decision, notes, explain)
    }

    /// Asks the rules.
    #[expect(clippy::too_many_arguments, reason = "the facts of a case, each gathered by a step of its own")]
    fn policy(
        &self,
        kind: Kind,
        identity: &Identity,
        token: &VerifiedToken,
        issuer: &Issuer,
        records: &[Result<Option<Arc<VerifiedToken>>, Refusal>],
        route: &Route,
        object: &str,
        decision: &mut Decision,
        notes: &mut Notes,
        explain: bool,
    ) -> Result<(), Stop> {
        let named: Vec<Option<String>> =
            identity.facts.earlier.iter().map(|agent| self.config.agent_object(agent)).collect();
        let mut chain = Vec::new();
        for (index, record) in records.iter().enumerate() {
            let verified = record.as_ref().ok().and_then(Option::as_deref);
            let link = verified.and_then(|token| token.identity().ok()).and_then(|identity| identity.link.as_ref());
            let name = named.get(index).and_then(Option::as_deref);
            chain.push(Hop {
                agent: name.or(link.map(|link| link.agent.as_str())),
                instance: link.and_then(|link| link.instance.as_deref()),
                record: match (record, verified) {
                    (Err(refusal), _) => Record::Invalid(refusal),
                    (Ok(_), Some(token)) => Record::Verified(token.claims().object()),
                    (Ok(_), None) => Record::Missing,
                },
            });
        }
        if kind != Kind::Itself {
            chain.push(Hop {
                agent: identity.link.as_ref().map(|link| link.agent.as_str()),
                instance: identity.link.as_ref().and_then(|link| link.instance.as_deref()),
                record: Record::Verified(token.claims().object()),
            });
        }
        let case = Case {
            kind,
            modes: identity.modes(),
            user: identity.user.as_deref(),
            chain: &chain,
            claims: token.claims().object(),
            audiences: &issuer.audiences,
            task: identity.facts.task.value().map(String::as_str),
            kind_of_object: route.kind,
            action: route.action,
            object,
        };
        let mut trace = Trace { on: explain, ..Trace::default() };
        let mut fresh = Scratch::default();
        let mut kept = self.scratch.try_borrow_mut().ok();
        let scratch = kept.as_deref_mut().unwrap_or(&mut fresh);
        let outcome = decide::decide(&self.policy, &case, scratch, &mut trace);
        notes.reasons = trace.reasons;
        notes.missing = trace.missing;
        match outcome {
            Ok(rule) => {
                decision.rule = Some((Arc::clone(&self.policy), rule));
                Ok(())
            }
            Err(failure) => {
                decision.rule = failure.rule.map(|rule| (Arc::clone(&self.policy), rule));
                if failure.code == Code::NotCovered {
                    decision.scope = decide::needed_scope(&self.policy, route.kind, route.action, object);
                }
                let detail = notes.reasons.iter().rev().find(|reason| !reason.met);
                let detail = detail.map(|reason| match reason.line {
                    Some(line) => format!("{} at {}:{line}", reason.text, self.policy.rules.file),
                    None => reason.text.clone(),
                });
                let refusal = Refusal { code: failure.code, detail: detail.unwrap_or_default() };
                Err(Stop { refusal, check: failure.term.into(), truth: failure.truth })
            }
        }
    }

    fn is_public(&self, request: &Request<'_>, target: &Target<'_>) -> bool {
        let rules = &self.policy.rules;
        let has = |name| header(request, name).next().is_some();
        if rules.preflight && request.method == "OPTIONS" && has("access-control-request-method") && !has("authorization") {
            return true;
        }
        let fits = |method: &str| method.is_empty() || method == request.method;
        rules.public.iter().any(|public| fits(&public.method) && public.pattern.matches(target))
    }

    fn route(&self, request: &Request<'_>, target: &Target<'_>) -> Result<&Route, Refusal> {
        let fits = |route: &&Route| {
            (route.method.is_empty() || route.method == request.method) && route.pattern.matches(target)
        };
        self.policy.rules.routes.iter().find(fits).ok_or_else(|| {
            Refusal::new(Code::Unmapped, format!("no `route` line matches {} {}", quote(request.method), quote(target.path())))
        })
    }

    /// The object that a route names, from the path.
    fn object(&self, route: &Route, target: &Target<'_>, out: &mut String) -> Result<(), Refusal> {
        for part in &route.object.parts {
            match part {
                crate::names::Part::Literal(text) => out.push_str(text),
                crate::names::Part::Hole(name) => match route.pattern.value(name, target) {
                    Some(value) if !value.is_empty() => crate::names::encode_onto(out, &value),
                    _ => {
                        return Err(Refusal::new(Code::Unmapped, format!("the path has no `{name}`")));
                    }
                },
            }
        }
        Ok(())
    }

    /// The records of the agents before the current one, the first agent first: as many as the chain is deep.
    ///
    /// A record is an access token of its own, verified like one except for its proof: evidence, never a
    /// credential. It must be the right one: its instance is the next one's parent, and user, task, mode and
    /// authority are one for the whole chain.
    fn records(
        &self,
        request: &Request<'_>,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<Vec<Result<Option<Arc<VerifiedToken>>, Refusal>>, Refusal> {
        let depth = identity.depth();
        let mut sent = Vec::new();
        for value in header(request, "agent-chain") {
            // `check_headers` refused what is not ASCII.
            let value = core::str::from_utf8(value).unwrap_or_default();
            for compact in value.split(',').map(str::trim) {
                if sent.len() >= self.config.limits.chain {
                    return Err(Refusal::new(Code::ChainTooLong, "`Agent-Chain` has too many records"));
                }
                sent.push(compact);
            }
        }
        if sent.len() > depth {
            let text = format!("`Agent-Chain` has {} records and the token tells of {depth} earlier agents", sent.len());
            return Err(Refusal::new(Code::ChainInconsistent, text));
        }
        if depth > self.config.limits.chain {
            return Err(Refusal::new(Code::ChainTooLong, format!("the chain is {depth} deep")));
        }
        let mut records: Vec<_> = sent.iter().map(|compact| self.verify(compact, now).map(Some)).collect();
        records.resize(depth, Ok(None));
        for index in 0..depth {
            let Some(Ok(Some(record))) = records.get(index) else { continue };
            let next = match records.get(index.saturating_add(1)) {
                Some(Ok(Some(next))) => next.identity().ok(),
                Some(_) => None,
                None => Some(identity),
            };
            if let Err(refusal) = check_record(record, index, next, identity, now) {
                if let Some(slot) = records.get_mut(index) {
                    *slot = Err(refusal);
                }
            }
        }
        Ok(records)
    }
}

fn header<'a>(request: &Request<'a>, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    request.headers.iter().filter(move |(known, _)| *known == name).map(|(_, value)| *value)
}

/// What no request may carry: bytes that hosts hand over in different ways, and headers that change the method.
fn check_headers(request: &Request<'_>) -> Result<(), Refusal> {
    for (name, value) in request.headers {
        if !Guard::HEADERS.contains(name) {
            continue;
        }
        if !value.iter().all(|b| matches!(b, b'\t' | 0x20..=0x7e)) {
            return Err(Refusal::new(Code::RequestInvalid, format!("header `{name}` has a character outside printable ASCII")));
        }
        if matches!(*name, "x-http-method" | "x-http-method-override" | "x-method-override") {
            return Err(Refusal::new(Code::MethodOverride, format!("header `{name}` is not accepted")));
        }
    }
    if request.method.is_empty() || !request.method.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Refusal::new(Code::RequestInvalid, format!("{} is not a method", quote(request.method))));
    }
    Ok(())
}

/// How a token was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Bearer,
    Dpop,
}

/// The token in `Authorization` (RFC 6750 §2.1, RFC 9449 §7.1): one, and there only.
fn credentials<'a>(request: &Request<'a>, target: &Target<'_>) -> Result<(Scheme, &'a str), Refusal> {
    let mut values = header(request, "authorization");
    let in_query = target.query().is_some_and(|query| {
        query.split('&').any(|pair| pair.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("access_token")))
    });
    let value = match (values.next(), values.next()) {
        (Some(_), Some(_)) => return Err(Refusal::new(Code::TokenAmbiguous, "there are two `Authorization` headers")),
        (_, None) if in_query => {
            return Err(Refusal::new(Code::TokenAmbiguous, "a token in the query is never accepted (`access_token`)"));
        }
        (None, _) => return Err(Refusal::new(Code::TokenMissing, "there is no `Authorization` header")),
        (Some(value), None) => core::str::from_utf8(value).unwrap_or_default(),
    };
    let (scheme, token) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    let scheme = match scheme {
        s if s.eq_ignore_ascii_case("bearer") => Scheme::Bearer,
        s if s.eq_ignore_ascii_case("dpop") => Scheme::Dpop,
        other => {
            let text = format!("scheme {} is neither `Bearer` nor `DPoP`", quote(other));
            return Err(Refusal::new(Code::TokenMissing, text));
        }
    };
    match token.trim_start_matches(' ') {
        "" => Err(Refusal::new(Code::TokenMissing, "the `Authorization` header has no token")),
        token => Ok((scheme, token)),
    }
}

/// The binding of a token to a key. A bound token is not usable without its proof; every binding that the
/// token names is checked (RFC 9449 §7, RFC 8705 §3).
fn prove(token: &VerifiedToken, issuer: &Issuer, scheme: Scheme) -> Result<&'static str, Refusal> {
    match token.claims().confirmation() {
        Some(_) => Err(Refusal::new(Code::ProofMissing, "the token is bound to a key (`cnf`) and no proof of it was accepted")),
        None if scheme == Scheme::Dpop => {
            Err(Refusal::new(Code::ProofInvalid, "the scheme is `DPoP` and the token is bound to no key (`cnf.jkt`)"))
        }
        None if issuer.binding == BindingPolicy::Required => Err(Refusal::new(
            Code::ProofMissing,
            "the token is bound to no key, and this issuer's `binding` is `required`",
        )),
        None => Ok("bearer"),
    }
}

/// `present_until` has no leeway: at that second the user counts as gone, whatever the mode.
fn check_presence(identity: &Identity, now: Timestamp) -> Result<(), Refusal> {
    match identity.facts.present_until.value() {
        Some(until) if now >= *until => Err(Refusal::new(
            Code::PresenceExpired,
            format!("the user was present until {}, now is {}", until.seconds(), now.seconds()),
        )),
        _ => Ok(()),
    }
}

/// Whether a verified record is that of the agent at `index` of the chain that ends in `current`.
fn check_record(
    record: &VerifiedToken,
    index: usize,
    next: Option<&Identity>,
    current: &Identity,
    now: Timestamp,
) -> Result<(), Refusal> {
    let wrong = |what: &str| Refusal::new(Code::HopRecordInvalid, what.to_owned());
    let identity = record.identity().map_err(Clone::clone)?;
    check_presence(identity, now)?;
    let (kind, current_kind) = (identity.kind.as_ref().map_err(Clone::clone)?, current.kind.as_ref().ok());
    let (facts, others) = (&identity.facts, &current.facts);
    if identity.depth() != index {
        return Err(wrong("it stands at another place of its chain"));
    }
    if others.earlier.get(index).is_some_and(|named| facts.agent.value() != Some(named)) {
        return Err(wrong("it is the token of another agent than `act` names"));
    }
    let parent = next.and_then(|next| next.facts.instance.value()).and_then(|instance| instance.parent.as_ref());
    let own = facts.instance.value().map(|instance| (&instance.iss, &instance.id));
    if own.is_none() || parent.map(|(iss, id)| (iss, id)) != own {
        return Err(wrong("its instance is not the parent of the next one"));
    }
    let root = others.instance.value().and_then(|instance| instance.root.as_ref());
    if index == 0 && root.map(|(iss, id)| (iss, id)) != own {
        return Err(wrong("its instance is not the root of the current one"));
    }
    if Some(kind) != current_kind
        || facts.user.value().map(|u| (&u.principal, u.role)) != others.user.value().map(|u| (&u.principal, u.role))
        || facts.task.value() != others.task.value()
        || facts.mode.value() != others.mode.value()
        || facts.authority.value() != others.authority.value()
    {
        return Err(wrong("user, task, mode or authority differ from the current token's"));
    }
    Ok(())
}
