//! One state of a guard: its configuration and the keys of one moment.

use std::cell::RefCell;
use std::rc::Rc;

use actfor::identity::{Holder, SeenInstance};
use actfor::json::{self, Limits, Value, Writer};
use actfor::proof::{DpopProof, MemoryStore, ReplayStore, StoreError, Use};
use actfor::{Change, ConfigError, Guard, Listed, Request, Timestamp};
use wasm_bindgen::prelude::*;

use crate::facts::{self, Facts};
use crate::{crypto, thrown, wire};

/// One state of a guard, and the buffer through which requests reach it. It never changes: new keys make a new
/// generation, so a decision that is read later still gives the document of its own time.
#[wasm_bindgen]
pub struct Generation {
    guard: Guard,
    buffer: Vec<u8>,
    /// Which proofs of possession were used: one memory for all generations of a guard.
    proofs: Rc<RefCell<MemoryStore>>,
}

/// Some 16 MB when full. Then requests with a proof are refused until proofs run out; a proof lives a minute or so.
const PROOFS: usize = 100_000;

#[wasm_bindgen]
impl Generation {
    /// Builds a guard from the configuration document (JSON, UTF-8).
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`.
    #[wasm_bindgen(constructor)]
    pub fn new(config: &[u8]) -> Result<Self, JsValue> {
        // The seed only has to be a number that a stranger cannot guess; without one there is no guard.
        let seed =
            getrandom::u64().map_err(|_| thrown::argument("", "this host has no source of randomness"))?;
        let mut guard = Guard::from_config(config, seed).map_err(|error| thrown::config(&error))?;
        if let Some(host) = crypto::host() {
            guard.use_host_crypto(host);
        }
        if crypto::verifies_here() {
            guard.prepare();
        }
        Ok(Self { guard, buffer: Vec::new(), proofs: Rc::new(RefCell::new(MemoryStore::new(PROOFS))) })
    }

    /// The generation that follows with a fresh key set (JWK Set, JSON) for `issuer`, or where one is awaited; this one
    /// stays as it is.
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`.
    #[wasm_bindgen(js_name = withKeys)]
    pub fn with_keys(&self, issuer: &str, jwks: Option<Box<[u8]>>, now: f64) -> Result<Self, JsValue> {
        self.followed(now, |guard, now| match &jwks {
            Some(jwks) => guard.set_keys(issuer, jwks, now),
            None => {
                guard.await_keys(issuer);
                Ok(())
            }
        })
    }

    /// The generation that follows with a whole new list of what is revoked (JSON); this one stays as it is.
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`.
    #[wasm_bindgen(js_name = withRevoked)]
    pub fn with_revoked(&self, list: &[u8], now: f64) -> Result<Self, JsValue> {
        self.followed(now, |guard, now| guard.revoke(list, now))
    }

    /// The generation that follows with a status list token of `issuer`; this one stays as it is.
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`.
    #[wasm_bindgen(js_name = withStatusList)]
    pub fn with_status_list(&self, issuer: &str, token: &str, now: f64) -> Result<Self, JsValue> {
        self.followed(now, |guard, now| guard.set_status_list(issuer, token, now))
    }

    /// The generation that follows with tuples added and removed (`{ add, remove }`, JSON), all or none of them.
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`.
    #[wasm_bindgen(js_name = withUpdate)]
    pub fn with_update(&self, change: &[u8]) -> Result<Self, JsValue> {
        let change = Change::from_json(change).map_err(|error| thrown::config(&error))?;
        let mut guard = self.guard.successor();
        guard.update(&change).map_err(|error| thrown::config(&error))?;
        Ok(Self { guard, buffer: Vec::new(), proofs: Rc::clone(&self.proofs) })
    }

    /// The issuers whose keys the host has to fetch: issuer and `jwks_uri` by turns, one a line.
    #[wasm_bindgen(js_name = keySources)]
    #[must_use]
    pub fn key_sources(&self) -> String {
        let lines: Vec<&str> = self.guard.key_sources().flat_map(|(issuer, uri)| [issuer, uri]).collect();
        lines.join("\n")
    }

    /// Makes room for a request and says where: the next call reads what JavaScript has written there. Null, if there
    /// is no memory for it.
    pub fn reserve(&mut self, bytes: usize) -> *const u8 {
        let missing = bytes.saturating_sub(self.buffer.len());
        if missing > 0 {
            if self.buffer.try_reserve_exact(missing).is_err() {
                return core::ptr::null();
            }
            self.buffer.resize(bytes, 0);
        }
        self.buffer.as_ptr()
    }

    /// Decides the request in the buffer: `head` bytes, then `body` bytes (negative: no body). See [`wire::pack`].
    #[must_use]
    pub fn decide(&self, head: usize, body: i32, now: f64) -> u32 {
        let (head, body) = self.split(head, body);
        wire::with_request(head, body, |request| {
            let now = Timestamp::from_host(now);
            // JavaScript runs one call at a time, so the store is never in use already; if it were, a token that
            // needs it would be refused.
            wire::pack(&match self.proofs.try_borrow_mut() {
                Ok(mut proofs) => self.guard.decide_once(request, now, &mut *proofs),
                Err(_) => self.guard.decide(request, now),
            })
        })
    }

    /// Decides with what the host knows beside the request: see [`Facts`].
    #[wasm_bindgen(js_name = decideWith)]
    #[must_use]
    pub fn decide_with(&self, head: usize, body: i32, now: f64, facts: &str) -> u32 {
        let facts = Facts::read(facts);
        let now = Timestamp::from_host(now);
        self.with_facts(head, body, &facts, |request| {
            wire::pack(&match self.proofs.try_borrow_mut() {
                Ok(mut proofs) if !facts.has_store() => self.guard.decide_once(request, now, &mut *proofs),
                Ok(mut proofs) => self.guard.decide_once(request, now, &mut InstancesOnly(&mut proofs)),
                Err(_) => self.guard.decide(request, now),
            })
        })
    }

    /// What the host has to find out before the request in the buffer can be decided, as JSON. `packed` is what
    /// deciding gave.
    #[must_use]
    pub fn wanted(&self, head: usize, body: i32, now: f64, facts: &str, packed: u32) -> String {
        self.again(head, body, facts, packed, |request| {
            facts::wanted(&self.guard, request, Timestamp::from_host(now))
        })
    }

    /// Decides the request in the buffer again and gives the document (JSON). `packed` is what deciding gave: it says
    /// whether the proof was used for the first time, which cannot be asked twice.
    #[must_use]
    pub fn explain(&self, head: usize, body: i32, now: f64, facts: &str, packed: u32) -> String {
        self.again(head, body, facts, packed, |request| {
            self.guard.explain(request, Timestamp::from_host(now)).1
        })
    }

    /// The same in the short form that `js/src/document.ts` reads: see [`Guard::explain_short`].
    #[wasm_bindgen(js_name = explainShort)]
    #[must_use]
    pub fn explain_short(&self, head: usize, body: i32, now: f64, facts: &str, packed: u32) -> String {
        self.again(head, body, facts, packed, |request| {
            self.guard.explain_short(request, Timestamp::from_host(now))
        })
    }

    /// The value of `DPoP-Nonce` that goes with the answer, where one does (RFC 9449 §9).
    #[wasm_bindgen(js_name = dpopNonce)]
    #[must_use]
    pub fn dpop_nonce(&self, head: usize, body: i32, now: f64, facts: &str, packed: u32) -> Option<String> {
        self.again(head, body, facts, packed, |request| {
            self.guard.decide(request, Timestamp::from_host(now)).dpop_nonce().map(Into::into)
        })
    }

    /// What of a list may be called by who made the request in the buffer: an array of booleans (JSON) for an array of
    /// names (JSON). Nothing where the token is refused.
    #[must_use]
    #[allow(clippy::too_many_arguments, reason = "what every call has, and a list")]
    pub fn filter(
        &self,
        head: usize,
        body: i32,
        now: f64,
        facts: &str,
        packed: u32,
        listed: &str,
        names: &str,
    ) -> Option<String> {
        let names = json::parse(names.as_bytes(), &Limits { bytes: names.len(), ..Limits::CONFIG }).ok()?;
        let names: Vec<&str> =
            names.as_array()?.iter().map(|name| name.as_str().unwrap_or_default()).collect();
        let listed = match listed {
            "prompts" => Listed::Prompts,
            "resources" => Listed::Resources,
            "tools" => Listed::Tools,
            _ => return None,
        };
        self.again(head, body, facts, packed, |request| {
            let shown = self.guard.filter(request, listed, &names, Timestamp::from_host(now)).ok()?;
            let mut w = Writer::default();
            w.array(|w| shown.iter().for_each(|shown| w.bool(*shown)));
            Some(w.finish())
        })
    }

    /// The objects on which who made the request in the buffer may act: `{ objects, complete }` (JSON).
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`, where the token is refused or the rules have no such action.
    #[wasm_bindgen(js_name = listObjects)]
    #[allow(clippy::too_many_arguments, reason = "what every call has, and a question")]
    pub fn list_objects(
        &self,
        head: usize,
        body: i32,
        now: f64,
        facts: &str,
        packed: u32,
        action: &str,
        kind: &str,
        most: usize,
    ) -> Result<String, JsValue> {
        let found = self.again(head, body, facts, packed, |request| {
            self.guard.list_objects(request, action, kind, most, Timestamp::from_host(now))
        });
        let found = found.map_err(|refusal| thrown::refusal(&refusal))?;
        let mut w = Writer::default();
        w.object(|w| {
            w.key("objects").array(|w| found.names.iter().for_each(|name| w.string(name)));
            w.key("complete").bool(found.complete);
        });
        Ok(w.finish())
    }

    /// Names of a type, for searching (a JSON array): its actions, or the objects that tuples name.
    #[must_use]
    pub fn names(&self, kind: &str, actions: bool) -> String {
        let mut w = Writer::default();
        w.array(|w| match actions {
            true => self.guard.actions(kind).for_each(|name| w.string(name)),
            false => self.guard.objects(kind).iter().for_each(|name| w.string(name)),
        });
        w.finish()
    }

    /// Verifies a token and shows who it is (JSON). Of the request in the buffer only what goes along with a token
    /// counts.
    #[must_use]
    pub fn inspect(&self, head: usize, now: f64, facts: &str, token: &str) -> String {
        self.with_facts(head, -1, &Facts::read(facts), |request| {
            self.guard.inspect(token, request, Timestamp::from_host(now))
        })
    }

    /// Verifies an access token: its claims (JSON). It proves nothing about who presents it.
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`.
    pub fn verify(&self, token: &str, now: f64) -> Result<String, JsValue> {
        let now = Timestamp::from_host(now).ok_or_else(|| thrown::argument("now", "the clock is not set"))?;
        let token = self.guard.verify(token, now).map_err(|refusal| thrown::refusal(&refusal))?;
        let mut w = Writer::default();
        w.value(&Value::Object(token.claims().object().clone()));
        Ok(w.finish())
    }

    /// Whether the rules need the body of such a request.
    #[wasm_bindgen(js_name = readsBody)]
    #[must_use]
    pub fn reads_body(&self, method: &str, url: &str) -> bool {
        self.guard.reads_body(method, url)
    }

    /// The generation that follows after a change.
    fn followed(
        &self,
        now: f64,
        change: impl FnOnce(&mut Guard, Timestamp) -> Result<(), ConfigError>,
    ) -> Result<Self, JsValue> {
        let now = Timestamp::from_host(now).ok_or_else(|| thrown::argument("now", "the clock is not set"))?;
        let mut guard = self.guard.successor();
        change(&mut guard, now).map_err(|error| thrown::config(&error))?;
        if crypto::verifies_here() {
            guard.prepare();
        }
        Ok(Self { guard, buffer: Vec::new(), proofs: Rc::clone(&self.proofs) })
    }

    fn with_facts<T>(&self, head: usize, body: i32, facts: &Facts, f: impl FnOnce(&Request<'_>) -> T) -> T {
        let (head, body) = self.split(head, body);
        wire::with_request(head, body, |request| facts.with(request, f))
    }

    /// The request as it was decided, with what the store said then.
    fn again<T>(
        &self,
        head: usize,
        body: i32,
        facts: &str,
        packed: u32,
        f: impl FnOnce(&Request<'_>) -> T,
    ) -> T {
        self.with_facts(head, body, &Facts::read(facts), |request| {
            let (proof_use, approval_use) = (wire::proof_use(packed), wire::approval_use(packed));
            let instance_use = wire::instance_use(packed);
            f(&Request { proof_use, approval_use, instance_use, ..*request })
        })
    }

    /// Lengths beyond the buffer give an empty head, which is unreadable and refused.
    fn split(&self, head: usize, body: i32) -> (&[u8], Option<&[u8]>) {
        let Some((head, rest)) = self.buffer.split_at_checked(head) else { return (&[], None) };
        match usize::try_from(body) {
            Err(_) => (head, None),
            Ok(length) => rest.get(..length).map_or((&[], None), |body| (head, Some(body))),
        }
    }
}

/// The memory where the host has a store of its own for proofs and approvals: it knows whose instances are whose, and
/// says nothing else.
struct InstancesOnly<'m>(&'m mut MemoryStore);

impl ReplayStore for InstancesOnly<'_> {
    fn remember(&mut self, _: &DpopProof, _: Timestamp) -> Result<Use, StoreError> {
        Err(StoreError::Unavailable)
    }

    fn remember_instance(&mut self, instance: &SeenInstance, now: Timestamp) -> Result<Holder, StoreError> {
        self.0.remember_instance(instance, now)
    }
}
