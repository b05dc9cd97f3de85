//! One state of a guard: its configuration and the keys of one moment.

use std::cell::RefCell;
use std::rc::Rc;

use actfor::proof::MemoryStore;
use actfor::{Guard, Request, Timestamp};
use wasm_bindgen::prelude::*;

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
        match crypto::host() {
            Some(host) => guard.use_host_crypto(host),
            None => guard.prepare(),
        }
        Ok(Self { guard, buffer: Vec::new(), proofs: Rc::new(RefCell::new(MemoryStore::new(PROOFS))) })
    }

    /// The generation that follows with a fresh key set (JWK Set, JSON) for `issuer`; this one stays as it is.
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`.
    #[wasm_bindgen(js_name = withKeys)]
    pub fn with_keys(&self, issuer: &str, jwks: &[u8], now: f64) -> Result<Self, JsValue> {
        let now = Timestamp::from_host(now).ok_or_else(|| thrown::argument("now", "the clock is not set"))?;
        let mut guard = self.guard.successor();
        guard.set_keys(issuer, jwks, now).map_err(|error| thrown::config(&error))?;
        if crypto::host().is_none() {
            guard.prepare();
        }
        Ok(Self { guard, buffer: Vec::new(), proofs: Rc::clone(&self.proofs) })
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

    /// Decides the request in the buffer again and gives the document (JSON). `packed` is what [`Self::decide`]
    /// gave: it says whether the proof was used for the first time, which cannot be asked twice.
    #[must_use]
    pub fn explain(&self, head: usize, body: i32, now: f64, packed: u32) -> String {
        let (head, body) = self.split(head, body);
        wire::with_request(head, body, |request| {
            let (proof_use, approval_use) = (wire::proof_use(packed), wire::approval_use(packed));
            let request = Request { proof_use, approval_use, ..*request };
            self.guard.explain(&request, Timestamp::from_host(now)).1
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
