//! Whose an instance is: one user and one agent for life. A token that names the same instance for somebody else is
//! one that its issuer should never have signed; only a memory can notice (`"instances": "remember"`).

use alloc::{format, string::String};

use sha2::{Digest, Sha256};

use crate::error::{Code, Refusal, quote};
use crate::identity::context::{Identity, Principal};
use crate::proof::{ReplayStore, StoreError};
use crate::time::Timestamp;

/// Seconds for which an instance is remembered after the token that named it has expired.
const KEPT: u64 = 86_400;

/// What a store says of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// It belongs to somebody else.
    Another,
    /// It was not known, or belongs to the same user and agent.
    Same,
}

/// An instance, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenInstance {
    iss: String,
    id: String,
    holder: [u8; 32],
    until: Timestamp,
}

impl SeenInstance {
    /// The instance that an identity names, if it names one.
    pub(crate) fn of(identity: &Identity, expires: Timestamp) -> Option<Self> {
        let facts = &identity.facts;
        let (instance, agent) = (facts.instance.value()?, facts.agent.value()?);
        let user = facts.user.value().map(|user| &user.principal);
        let mut hash = Sha256::new();
        // Lengths keep names apart; a user that is not there has none.
        for Principal { iss, sub } in core::iter::once(agent).chain(user) {
            for text in [iss, sub] {
                hash = hash.chain_update((text.len() as u64).to_le_bytes()).chain_update(text);
            }
        }
        Some(Self {
            iss: instance.iss.clone(),
            id: instance.id.clone(),
            holder: hash.finalize().into(),
            until: expires.plus(KEPT),
        })
    }

    /// A name for it of equal length, however long its parts are.
    pub fn name(&self) -> [u8; 32] {
        let length = (self.iss.len() as u64).to_le_bytes();
        Sha256::new().chain_update(length).chain_update(&self.iss).chain_update(&self.id).finalize().into()
    }

    /// Whose it is: a hash of agent and user.
    pub fn holder(&self) -> [u8; 32] {
        self.holder
    }

    /// It is remembered at least until then.
    pub fn until(&self) -> Timestamp {
        self.until
    }
}

/// Has the store remember an instance, and refuses one that is somebody else's. `said` is what it said before.
///
/// # Errors
/// `instance_reused`, and `instance_store_unavailable` where nobody knows.
pub(crate) fn check(
    seen: &SeenInstance,
    said: Option<Holder>,
    store: Option<&mut dyn ReplayStore>,
    now: Timestamp,
) -> Result<Holder, Refusal> {
    let said = match (said, store) {
        (Some(said), _) => Ok(said),
        (None, Some(store)) => store.remember_instance(seen, now),
        (None, None) => Err(StoreError::Unavailable),
    };
    match said {
        Ok(Holder::Same) => Ok(Holder::Same),
        Ok(Holder::Another) => Err(Refusal::new(
            Code::InstanceReused,
            format!(
                "instance {} of {} was seen with another user or agent",
                quote(&seen.id),
                quote(&seen.iss)
            ),
        )),
        Err(_) => {
            Err(Refusal::new(Code::InstanceStoreUnavailable, "nobody remembers whose instances are whose"))
        }
    }
}
