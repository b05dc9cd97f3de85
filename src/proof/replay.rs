//! Remembering which proofs were used (RFC 9449 §11.1), which approvals, and whose instances are whose: the interface,
//! and a store in memory.

use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;

use sha2::{Digest, Sha256};

use crate::approval::UsedApproval;
use crate::error::{Code, Refusal};
use crate::identity::{Holder, SeenInstance};
use crate::time::Timestamp;

use super::DpopProof;

/// Whether a proof was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It was not, and is remembered now.
    First,
    /// It was.
    Again,
}

/// Why a store gives no answer. The request is refused then: not knowing is not "first".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no room, and nothing in it may be forgotten yet.
    Full,
    /// It cannot be asked.
    Unavailable,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the store of used proofs is full",
            Self::Unavailable => "the store of used proofs cannot be asked",
        })
    }
}

impl core::error::Error for StoreError {}

/// Remembers proofs by key thumbprint and `jti`. A service with several workers shares one, or a proof may be
/// used once in each.
pub trait ReplayStore {
    /// Remembers the proof at least until `proof.usable_until` and says whether it was there before, in one step:
    /// of two requests at the same time one at most is the first.
    ///
    /// # Errors
    /// Where it does not know.
    fn remember(&mut self, proof: &DpopProof, now: Timestamp) -> Result<Use, StoreError>;

    /// Remembers an approval at least until `approval.usable_until` and says whether it was there before, in one
    /// step. A store that does not do this gives no answer, so no approval is good.
    ///
    /// # Errors
    /// Where it does not know.
    fn remember_approval(&mut self, approval: &UsedApproval, now: Timestamp) -> Result<Use, StoreError> {
        let _ = (approval, now);
        Err(StoreError::Unavailable)
    }

    /// Remembers whose an instance is, at least until `instance.until()`, and says whether it was somebody else's, in
    /// one step. It is asked where the configuration says `"instances": "remember"`; a store that does not do this
    /// gives no answer, so no instance is good.
    ///
    /// # Errors
    /// Where it does not know.
    fn remember_instance(&mut self, instance: &SeenInstance, now: Timestamp) -> Result<Holder, StoreError> {
        let _ = (instance, now);
        Err(StoreError::Unavailable)
    }
}

/// Asks the store, and refuses unless this is the first use.
///
/// # Errors
/// `proof_replayed`, `proof_store_unavailable`.
pub fn refuse_replay(store: &mut dyn ReplayStore, proof: &DpopProof, now: Timestamp) -> Result<(), Refusal> {
    match store.remember(proof, now) {
        Ok(Use::First) => Ok(()),
        Ok(Use::Again) => Err(Refusal::new(Code::ProofReplayed, "this proof was used before")),
        Err(error) => Err(Refusal::new(Code::ProofStoreUnavailable, alloc::format!("{error}"))),
    }
}

/// A store of bounded size for one worker: at most `capacity` proofs at 160 bytes each, in round figures, and as many
/// instances. It
/// forgets what cannot be used any more, and nothing else: when it is full it refuses.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    capacity: usize,
    /// What is known, and until when.
    known: BTreeMap<[u8; 32], Timestamp>,
    /// The same by time.
    by_time: BTreeSet<(Timestamp, [u8; 32])>,
    /// Instances: whose they are, and until when; the same by time.
    instances: BTreeMap<[u8; 32], ([u8; 32], Timestamp)>,
    instances_by_time: BTreeSet<(Timestamp, [u8; 32])>,
}

impl MemoryStore {
    /// An empty store for at most `capacity` proofs.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            known: BTreeMap::new(),
            by_time: BTreeSet::new(),
            instances: BTreeMap::new(),
            instances_by_time: BTreeSet::new(),
        }
    }

    /// How many proofs it remembers.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether it remembers none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((until, _)) = self.by_time.first() {
            if *until >= now {
                break;
            }
            if let Some((_, id)) = self.by_time.pop_first() {
                self.known.remove(&id);
            }
        }
    }
}

impl ReplayStore for MemoryStore {
    fn remember(&mut self, proof: &DpopProof, now: Timestamp) -> Result<Use, StoreError> {
        // Keys of equal length, however long a `jti` is; a thumbprint has 43 characters, so the two cannot mix.
        let id = Sha256::new().chain_update(proof.thumbprint()).chain_update(proof.jti()).finalize().into();
        self.keep(id, proof.usable_until(), now)
    }

    fn remember_approval(&mut self, approval: &UsedApproval, now: Timestamp) -> Result<Use, StoreError> {
        // The issuer's length keeps issuer and `jti` apart; the first word keeps approvals and proofs apart.
        let length = (approval.issuer().len() as u64).to_le_bytes();
        let id = Sha256::new()
            .chain_update("approval ")
            .chain_update(length)
            .chain_update(approval.issuer())
            .chain_update(approval.jti());
        self.keep(id.finalize().into(), approval.usable_until(), now)
    }

    fn remember_instance(&mut self, instance: &SeenInstance, now: Timestamp) -> Result<Holder, StoreError> {
        while let Some((until, id)) =
            self.instances_by_time.first().copied().filter(|(until, _)| *until < now)
        {
            self.instances_by_time.remove(&(until, id));
            self.instances.remove(&id);
        }
        let id = instance.name();
        match self.instances.get(&id).copied() {
            Some((holder, _)) if holder != instance.holder() => return Ok(Holder::Another),
            Some((_, until)) if until >= instance.until() => return Ok(Holder::Same),
            Some((_, until)) => {
                self.instances_by_time.remove(&(until, id));
            }
            None if self.instances.len() >= self.capacity => return Err(StoreError::Full),
            None => {}
        }
        self.instances.insert(id, (instance.holder(), instance.until()));
        self.instances_by_time.insert((instance.until(), id));
        Ok(Holder::Same)
    }
}

impl MemoryStore {
    fn keep(&mut self, id: [u8; 32], until: Timestamp, now: Timestamp) -> Result<Use, StoreError> {
        self.forget(now);
        if self.known.contains_key(&id) {
            return Ok(Use::Again);
        }
        if self.known.len() >= self.capacity {
            return Err(StoreError::Full);
        }
        self.known.insert(id, until);
        self.by_time.insert((until, id));
        Ok(Use::First)
    }
}
