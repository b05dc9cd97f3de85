//! The one door: built once from a configuration, then asked once per request.
//!
//! A guard is pure. The same configuration, request and time give the same decision, so a decision can be
//! explained after the fact by deciding again: [`Guard::decide`] says only what became of a request, and
//! [`Guard::explain`] writes the whole document.

use alloc::{format, string::String, sync::Arc, vec::Vec};
use core::cell::RefCell;

use crate::cache::Cache;
use crate::carriers::{is_opaque, needs_context, not_introspected, said};
use crate::chain::{self, HopRecord};
use crate::config::{Config, Issuer};
use crate::decision::Decision;
use crate::document::{self, Notes};
use crate::error::{Code, ConfigError, Refusal, quote};
use crate::identity::context::Identity;
use crate::json::Form;
use crate::policy::Policy;
use crate::policy::decide::Scratch;
use crate::policy::path::Target;
use crate::proof::ReplayStore;
use crate::request::{Request, credentials};
use crate::revocation::Revocations;
use crate::run::Run;
use crate::time::Timestamp;
use crate::token::status::StatusList;
use crate::token::{self, Claims, Introspection, VerifiedToken, assertion, introspection};

/// Verifies tokens, says who is who, decides and explains.
///
/// One per worker thread: it may be sent to another thread but not shared between two. A clone shares
/// configuration and policy and starts with an empty cache.
#[derive(Debug)]
pub struct Guard {
    pub(crate) config: Arc<Config>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) revocations: Arc<Revocations>,
    /// A second policy, asked when a decision is explained.
    pub(crate) shadow: Option<Arc<Policy>>,
    pub(crate) cache: RefCell<Cache>,
    pub(crate) buffers: RefCell<Buffers>,
}

/// Memory that is used again for every request.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    pub object: String,
    pub policy: Scratch,
}

impl Clone for Guard {
    fn clone(&self) -> Self {
        let cache = self.cache.try_borrow().map_or_else(|_| Cache::new(0, 0), |cache| cache.emptied());
        Self {
            config: Arc::clone(&self.config),
            policy: Arc::clone(&self.policy),
            revocations: Arc::clone(&self.revocations),
            shadow: self.shadow.clone(),
            cache: RefCell::new(cache),
            buffers: RefCell::default(),
        }
    }
}

impl Guard {
    /// The header fields that a decision reads, in lower case. An adapter hands over these and may leave out others.
    pub const HEADERS: &'static [&'static str] = &[
        "access-control-request-method",
        "agent-approval",
        "agent-chain",
        "agent-context",
        "authorization",
        "content-encoding",
        "content-type",
        "dpop",
        "mcp-method",
        "mcp-name",
        "txn-token",
        "x-forwarded-client-cert",
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
        let policy = source.load(&config.pack_keys)?;
        let shadow = match &config.shadow {
            None => None,
            Some(source) => Some(Arc::new(source.load(&config.pack_keys)?)),
        };
        let cache = Cache::new(config.limits.cached_tokens, seed);
        let revocations = Revocations::new(config.revoked.clone(), config.revocation_max_age);
        Ok(Self {
            revocations: Arc::new(revocations),
            config: Arc::new(config),
            policy: Arc::new(policy),
            shadow,
            cache: RefCell::new(cache),
            buffers: RefCell::default(),
        })
    }

    /// Decides one request. Never fails: an error is a refusal with a code. `now` is `None` where the host's clock
    /// is not set. A token that is bound by DPoP needs [`Self::decide_once`]: here nobody remembers its proof.
    pub fn decide(&self, request: &Request<'_>, now: Option<Timestamp>) -> Decision {
        self.run(request, now, None, false).0
    }

    /// Decides one request, and has `store` remember its proof of possession, so that it is good once (RFC 9449 §11.1).
    pub fn decide_once(
        &self,
        request: &Request<'_>,
        now: Option<Timestamp>,
        store: &mut dyn ReplayStore,
    ) -> Decision {
        self.run(request, now, Some(store), false).0
    }

    /// Decides again and writes the decision document (JSON). The decision is the one that [`Self::decide`] gives,
    /// and that [`Self::decide_once`] gave if `request.proof_use` is what it said.
    pub fn explain(&self, request: &Request<'_>, now: Option<Timestamp>) -> (Decision, String) {
        let (decision, notes) = self.run(request, now, None, true);
        let document = document::write(&decision, &notes, request, now, &self.policy, Form::Whole);
        (decision, document)
    }

    /// Verifies an access token: form, issuer, header, key, signature, claims, audience and times. It proves
    /// nothing about who presents it.
    ///
    /// # Errors
    /// A code of the token stage.
    pub fn verify(&self, compact: &str, now: Timestamp) -> Result<Arc<VerifiedToken>, Refusal> {
        self.verify_for_issuer(compact, None, now).map(|(token, _)| token)
    }

    /// What the host has to ask an issuer before it can decide: the address and the token. `None` where nothing
    /// is to be asked, or the token is refused without asking.
    pub fn to_introspect<'r>(
        &self,
        request: &Request<'r>,
        now: Option<Timestamp>,
    ) -> Option<(&str, &'r str)> {
        let target = Target::parse(request.url).ok()?;
        let (_, compact) = credentials(request, &target, self.config.has_transactions()).ok()?;
        if let Some((_, _, settings)) = self.config.opaque_issuer().filter(|_| is_opaque(compact)) {
            return Some((&settings.endpoint, compact));
        }
        let token = self.remembered(compact, now?).ok()?;
        let issuer = self.config.issuers.get(token.issuer())?;
        let settings = issuer.introspection_for(token.claims().client_id())?;
        token.claims().check_audience(issuer).ok()?;
        token.claims().check_time(now?, issuer.leeway).ok()?;
        Some((&settings.endpoint, compact))
    }

    /// Takes a list of what is revoked, received at `now`: `{"version": N, "revoked": [{"instance": {"iss", "id"},
    /// "until": SECONDS}, …]}`, with `agent` and `user` (`iss`, `sub`), `client` (`iss`, `client_id`) and `token`
    /// (`iss`, `jti`) alike. It replaces the last one; what the configuration revokes stays.
    ///
    /// # Errors
    /// `config_invalid` for a list that cannot be read, or is older than the last; the last one stays.
    pub fn revoke(&mut self, list: &[u8], now: Timestamp) -> Result<(), ConfigError> {
        let (version, entries) = Config::revocation_list(list)?;
        Arc::make_mut(&mut self.revocations).take(version, entries, now)
    }

    /// Takes a status list token of an issuer, fetched from the address that [`Self::to_fetch_status`] gave.
    ///
    /// # Errors
    /// `config_invalid` for a list that does not hold, is for another issuer, or is older than the last.
    pub fn set_status_list(&mut self, issuer: &str, token: &str, now: Timestamp) -> Result<(), ConfigError> {
        let refuse = |text: String| ConfigError::new(Code::ConfigInvalid, "status", text);
        let found = self.config.issuers.iter().find(|known| known.issuer == issuer);
        let settings = found.and_then(|issuer| Some((issuer, issuer.status.as_ref()?)));
        let settings =
            settings.ok_or_else(|| refuse(format!("{} is not an issuer with `status`", quote(issuer))))?;
        let (uri, list) = StatusList::read(token, settings, now).map_err(|refusal| refuse(refusal.detail))?;
        Arc::make_mut(&mut self.revocations).take_status(uri, list)
    }

    /// The status list that the host has to fetch before it can decide: issuer and address. `None` where none is
    /// needed, or the token is refused without it.
    pub fn to_fetch_status(&self, request: &Request<'_>, now: Option<Timestamp>) -> Option<(&str, String)> {
        let (now, target) = (now?, Target::parse(request.url).ok()?);
        let (_, compact) = credentials(request, &target, self.config.has_transactions()).ok()?;
        let answer = request.introspection.as_ref();
        let (token, issuer) = self.verify_for_issuer(compact, answer, now).ok()?;
        if let Some(uri) = self.revocations.wanted(&token, issuer, now) {
            return Some((&issuer.issuer, uri.into()));
        }
        let token = self.with_context(token, issuer, request, now).ok()?;
        let records = self.records(request, (&token, token.identity().ok()?), issuer, now).ok()?;
        records.iter().filter_map(HopRecord::token).find_map(|record| {
            let issuer = self.config.issuers.get(record.issuer())?;
            Some((issuer.issuer.as_str(), self.revocations.wanted(record, issuer, now)?.into()))
        })
    }

    pub(crate) fn verify_for_issuer(
        &self,
        compact: &str,
        answer: Option<&Introspection<'_>>,
        now: Timestamp,
    ) -> Result<(Arc<VerifiedToken>, &Issuer), Refusal> {
        let (token, issuer) = match self.config.opaque_issuer().filter(|_| is_opaque(compact)) {
            Some((at, issuer, settings)) => {
                let answer = answer.ok_or_else(|| not_introspected(issuer))?;
                let claims = introspection::read(answer, compact, None, (issuer, settings), now)?;
                let draft = said(issuer, &claims);
                (Arc::new(VerifiedToken::new(compact, at, claims, draft, &self.config)), issuer)
            }
            None => {
                let token = self.remembered(compact, now)?;
                let issuer = self.config.issuers.get(token.issuer());
                let issuer = issuer.ok_or_else(|| {
                    Refusal::new(Code::IssuerUnknown, "the issuer is not configured any more")
                })?;
                issuer.keys.usable(&issuer.issuer, now)?;
                (token, issuer)
            }
        };
        token.claims().check_audience(issuer)?;
        token.claims().check_time(now, issuer.leeway)?;
        let settings = issuer.introspection_for(token.claims().client_id()).filter(|_| !is_opaque(compact));
        let Some(settings) = settings else { return Ok((token, issuer)) };
        let answer = answer.ok_or_else(|| not_introspected(issuer))?;
        let answer = introspection::read(answer, compact, Some(token.claims()), (issuer, settings), now)?;
        let claims = token.claims().confirmed_by(&answer)?;
        claims.check_time(now, issuer.leeway)?;
        // Keycloak 26.8 leaves `act` out: then the delegation is not confirmed.
        let acts = |claims: &Claims| claims.object().get("act").is_some();
        let draft = match acts(token.claims()) && !acts(&answer) {
            true => {
                Err(Refusal::new(Code::AgentMissing, "the token has `act` and its introspection has not"))
            }
            false => said(issuer, &answer),
        };
        Ok((Arc::new(token.with(claims, draft, &self.config)), issuer))
    }

    /// The token with what its `Agent-Context` assertion adds, where one is required.
    pub(crate) fn with_context(
        &self,
        token: Arc<VerifiedToken>,
        issuer: &Issuer,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Arc<VerifiedToken>, Refusal> {
        let required = needs_context(&token, issuer);
        let mut values = request.header("agent-context");
        let value = match (values.next(), values.next()) {
            (Some(_), Some(_)) => {
                return Err(Refusal::new(Code::ContextInvalid, "there are two `Agent-Context` headers"));
            }
            (Some(_), None) if !required => {
                let text = "no issuer of `Agent-Context` assertions is configured for this client";
                return Err(Refusal::new(Code::ContextInvalid, text));
            }
            (None, _) if required => {
                let text = "`context_issuers` names this client, and there is no `Agent-Context` header";
                return Err(Refusal::new(Code::ContextMissing, text));
            }
            (None, _) => return Ok(token),
            // What is not ASCII was refused before.
            (Some(value), None) => core::str::from_utf8(value).unwrap_or_default(),
        };
        let value = value.trim();
        let draft = match assertion::check_named(value, token.claims(), issuer, request) {
            Ok(()) => assertion::read(value, token.compact(), token.claims(), issuer, now),
            Err(refusal) => Err(refusal),
        };
        Ok(Arc::new(token.with(token.claims().clone(), draft, &self.config)))
    }

    /// What vouches for the agents before the current one, the first agent first.
    pub(crate) fn records(
        &self,
        request: &Request<'_>,
        (token, identity): (&VerifiedToken, &Identity),
        issuer: &Issuer,
        now: Timestamp,
    ) -> Result<Vec<HopRecord>, Refusal> {
        chain::records(request, (token, identity), issuer, now, self.config.limits.chain, |compact| {
            let (token, issuer) = self.verify_for_issuer(compact, None, now)?;
            // An assertion is about one token and travels with it; a record comes alone.
            if needs_context(&token, issuer) {
                let text = "a token that needs an `Agent-Context` assertion cannot vouch without it";
                return Err(Refusal::new(Code::ContextMissing, text));
            }
            Ok(token)
        })
    }

    /// That nothing about a token and the records of its chain was revoked.
    pub(crate) fn check_revoked(
        &self,
        token: &VerifiedToken,
        issuer: &Issuer,
        records: &[HopRecord],
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let issuers = &self.config.issuers;
        let verified = records.iter().filter_map(HopRecord::token);
        let earlier = verified.filter_map(|token| Some((token.as_ref(), issuers.get(token.issuer())?)));
        let unrecorded = records.iter().any(|record| record.token().is_none());
        let all = core::iter::once((token, issuer)).chain(earlier);
        self.revocations.check(all, unrecorded, now)
    }

    /// A verified token, from the cache if its bytes were seen before.
    fn remembered(&self, compact: &str, now: Timestamp) -> Result<Arc<VerifiedToken>, Refusal> {
        if let Some(token) = self.cache.try_borrow().ok().and_then(|cache| cache.get(compact)) {
            return Ok(token);
        }
        let token = Arc::new(token::verify(compact, &self.config, now)?);
        if let Ok(mut cache) = self.cache.try_borrow_mut() {
            cache.insert(&token);
        }
        Ok(token)
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn run<'r>(
        &'r self,
        request: &'r Request<'r>,
        now: Option<Timestamp>,
        store: Option<&'r mut dyn ReplayStore>,
        explain: bool,
    ) -> (Decision, Notes) {
        let (decision, mut notes) = self.run_policy(&self.policy, request, now, store, explain);
        if let (true, Some(shadow)) = (explain, &self.shadow) {
            // The proof was looked up already, whatever the store said.
            let again = &request.after(&decision);
            notes.shadow = Some((self.run_policy(shadow, again, now, None, false).0, Arc::clone(shadow)));
        }
        (decision, notes)
    }

    fn run_policy<'r>(
        &'r self,
        policy: &'r Arc<Policy>,
        request: &'r Request<'r>,
        now: Option<Timestamp>,
        store: Option<&'r mut dyn ReplayStore>,
        explain: bool,
    ) -> (Decision, Notes) {
        let mut run = Run::new(self, policy, request, store, explain);
        let outcome = run.steps(now);
        run.conclude(outcome);
        (run.decision, run.notes)
    }
}

/// `present_until` has no leeway: at that second the user counts as gone, whatever the mode.
pub(crate) fn check_presence(identity: &Identity, now: Timestamp) -> Result<(), Refusal> {
    match identity.facts.present_until.value() {
        Some(until) if now >= *until => Err(Refusal::new(
            Code::PresenceExpired,
            format!("the user was present until {}, now is {}", until.seconds(), now.seconds()),
        )),
        _ => Ok(()),
    }
}
