//! One state of a guard: its configuration and the keys of one moment.

use std::cell::RefCell;
use std::rc::Rc;

use actfor::proof::MemoryStore;
use actfor::{ConfigError, Guard, Request, Timestamp};
use wasm_bindgen::prelude::*;

use crate::{thrown, wire};

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
        let guard = Guard::from_config(config, seed).map_err(|error| thrown::config(&error))?;
        Ok(Self { guard, buffer: Vec::new(), proofs: Rc::new(RefCell::new(MemoryStore::new(PROOFS))) })
    }

    /// The generation that follows with a fresh key set (JWK Set, JSON) for `issuer`; this one stays as it is.
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`.
    #[wasm_bindgen(js_name = withKeys)]
    pub fn with_keys(&self, issuer: &str, jwks: &[u8], now: f64) -> Result<Self, JsValue> {
        self.followed(now, |guard, now| guard.set_keys(issuer, jwks, now))
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

    /// What the host has to ask about before it can decide the request in the buffer: the address of the endpoint
    /// and the token, a line each. Nothing where there is nothing to ask, or the token is refused without asking.
    #[wasm_bindgen(js_name = toIntrospect)]
    #[must_use]
    pub fn to_introspect(&self, head: usize, now: f64) -> Option<String> {
        let (head, ..) = self.split(head, -1, -1);
        wire::with_request(head, None, None, |request| {
            let (endpoint, token) = self.guard.to_introspect(request, Timestamp::from_host(now))?;
            Some([endpoint, token].join("\n"))
        })
    }

    /// The status list that the host has to fetch before it can decide the request in the buffer: issuer and
    /// address, a line each. `answer` as in [`Self::decide`].
    #[wasm_bindgen(js_name = toFetchStatus)]
    #[must_use]
    pub fn to_fetch_status(&self, head: usize, body: i32, answer: i32, now: f64) -> Option<String> {
        let (head, body, answer) = self.split(head, body, answer);
        wire::with_request(head, body, answer, |request| {
            let (issuer, uri) = self.guard.to_fetch_status(request, Timestamp::from_host(now))?;
            Some([issuer, &uri].join("\n"))
        })
    }

    /// The issuers whose keys the host has to fetch: issuer and `jwks_uri` by turns, one a line.
    #[wasm_bindgen(js_name = keySources)]
    #[must_use]
    pub fn key_sources(&self) -> String {
        let lines: Vec<&str> = self.guard.key_sources().flat_map(|(issuer, uri)| [issuer, uri]).collect();
        lines.join("\n")
    }

    /// Makes room for a request and says where: the next call reads what JavaScript has written there.
    pub fn reserve(&mut self, bytes: usize) -> *const u8 {
        if self.buffer.len() < bytes {
            self.buffer.resize(bytes, 0);
        }
        self.buffer.as_ptr()
    }

    /// Decides the request in the buffer: `head` bytes, then `body` bytes, then `answer` bytes (negative: there is
    /// none). The answer is that of an introspection: the token that was asked about, a line break, and what came
    /// back. See [`wire::pack`].
    #[must_use]
    pub fn decide(&self, head: usize, body: i32, answer: i32, now: f64) -> u32 {
        let (head, body, answer) = self.split(head, body, answer);
        wire::with_request(head, body, answer, |request| {
            let now = Timestamp::from_host(now);
            // JavaScript runs one call at a time, so the store is never in use already; if it were, a token that
            // needs it would be refused.
            wire::pack(&match self.proofs.try_borrow_mut() {
                Ok(mut proofs) => self.guard.decide_once(request, now, &mut *proofs),
                Err(_) => self.guard.decide(request, now),
            })
        })
    }

    /// Decides the request in the buffer again and gives the document (JSON). `packed` is what [`Self::decide`]
    /// gave: it says whether the proof was used for the first time, which cannot be asked twice.
    #[must_use]
    pub fn explain(&self, head: usize, body: i32, answer: i32, now: f64, packed: u32) -> String {
        let (head, body, answer) = self.split(head, body, answer);
        wire::with_request(head, body, answer, |request| {
            let (proof_use, approval_use) = (wire::proof_use(packed), wire::approval_use(packed));
            let instance_use = wire::instance_use(packed);
            let request = Request { proof_use, approval_use, instance_use, ..*request };
            self.guard.explain(&request, Timestamp::from_host(now)).1
        })
    }
}

impl Generation {
    /// The generation that follows after a change.
    fn followed(
        &self,
        now: f64,
        change: impl FnOnce(&mut Guard, Timestamp) -> Result<(), ConfigError>,
    ) -> Result<Self, JsValue> {
        let now = Timestamp::from_host(now).ok_or_else(|| thrown::argument("now", "the clock is not set"))?;
        let mut guard = self.guard.clone();
        change(&mut guard, now).map_err(|error| thrown::config(&error))?;
        Ok(Self { guard, buffer: Vec::new(), proofs: Rc::clone(&self.proofs) })
    }

    /// Lengths beyond the buffer give an empty head, which is unreadable and refused.
    fn split(&self, head: usize, body: i32, answer: i32) -> (&[u8], Option<&[u8]>, Option<&[u8]>) {
        let parts = || {
            let (head, rest) = self.buffer.split_at_checked(head)?;
            let (body, rest) = part(rest, body)?;
            Some((head, body, part(rest, answer)?.0))
        };
        parts().unwrap_or((&[], None, None))
    }
}

/// A part of the buffer and what follows it; a negative length: there is none.
fn part(buffer: &[u8], length: i32) -> Option<(Option<&[u8]>, &[u8])> {
    match usize::try_from(length) {
        Err(_) => Some((None, buffer)),
        Ok(length) => buffer.split_at_checked(length).map(|(part, rest)| (Some(part), rest)),
    }
}
