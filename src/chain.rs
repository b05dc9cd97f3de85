//! The authority of the agents before the current one.
//!
//! Nested `act` entries are history and grant nothing (RFC 8693 §4.1). What an earlier agent may do is said
//! only by its record: its own access token, sent in `Agent-Chain`. A record is verified like any access
//! token except for its proof: it is evidence, never a credential. It must be the right one: its instance is
//! the next one's parent, and user, task, mode and authority are one for the whole chain.

use alloc::{borrow::ToOwned, format, sync::Arc, vec::Vec};

use crate::error::{Code, Refusal};
use crate::guard::check_presence;
use crate::identity::context::Identity;
use crate::request::Request;
use crate::time::Timestamp;
use crate::token::VerifiedToken;

/// What vouches for one earlier agent.
#[derive(Debug, Clone)]
pub enum HopRecord {
    /// It was sent along and does not hold.
    Invalid(Refusal),
    /// Nothing was sent.
    Missing,
    /// Its own access token.
    Verified(Arc<VerifiedToken>),
}

impl HopRecord {
    /// The token, if it holds.
    pub fn token(&self) -> Option<&Arc<VerifiedToken>> {
        match self {
            Self::Verified(token) => Some(token),
            Self::Invalid(_) | Self::Missing => None,
        }
    }

    fn identity(&self) -> Option<&Identity> {
        self.token().and_then(|token| token.identity().ok())
    }
}

/// The records of the agents before the current one, the first agent first: as many as the chain is deep.
/// `verify` verifies an access token; `most` bounds the chain.
///
/// # Errors
/// `chain_inconsistent` for more records than agents, and for a chain deeper than `most`.
pub fn records(
    request: &Request<'_>,
    current: &Identity,
    now: Timestamp,
    most: usize,
    verify: impl Fn(&str) -> Result<Arc<VerifiedToken>, Refusal>,
) -> Result<Vec<HopRecord>, Refusal> {
    let depth = current.depth();
    // Bounds what is stored and verified: `hops` is a number that a token may choose.
    if depth > most {
        let text = format!("{depth} agents stand before the current one, and `limits.chain` is {most}");
        return Err(Refusal::new(Code::ChainInconsistent, text));
    }
    let mut records = Vec::new();
    for value in request.header("agent-chain") {
        // What is not ASCII was refused before.
        let value = core::str::from_utf8(value).unwrap_or_default();
        for compact in value.split(',').map(str::trim) {
            if records.len() >= depth {
                let text =
                    format!("`Agent-Chain` has more records than the {depth} earlier agents of the token");
                return Err(Refusal::new(Code::ChainInconsistent, text));
            }
            records.push(match verify(compact) {
                Ok(token) => HopRecord::Verified(token),
                Err(refusal) => HopRecord::Invalid(refusal),
            });
        }
    }
    records.resize(depth, HopRecord::Missing);
    let verdicts: Vec<_> = (0..depth)
        .map(|index| {
            let next = match records.get(index.saturating_add(1)) {
                Some(record) => record.identity(),
                None => Some(current),
            };
            let record = records.get(index).and_then(HopRecord::token)?;
            check_record(record, index, next, current, now).err()
        })
        .collect();
    for (record, verdict) in records.iter_mut().zip(verdicts) {
        if let Some(refusal) = verdict {
            *record = HopRecord::Invalid(refusal);
        }
    }
    Ok(records)
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
    let parent =
        next.and_then(|next| next.facts.instance.value()).and_then(|instance| instance.parent.as_ref());
    let own = facts.instance.value().map(|instance| (&instance.iss, &instance.id));
    if own.is_none() || parent.map(|(iss, id)| (iss, id)) != own {
        return Err(wrong("its instance is not the parent of the next one"));
    }
    let root = others.instance.value().and_then(|instance| instance.root.as_ref());
    if index == 0 && root.map(|(iss, id)| (iss, id)) != own {
        return Err(wrong("its instance is not the root of the current one"));
    }
    if Some(kind) != current_kind
        || facts.user.value().map(|u| (&u.principal, u.role))
            != others.user.value().map(|u| (&u.principal, u.role))
        || facts.task.value() != others.task.value()
        || facts.mode.value() != others.mode.value()
        || facts.authority.value() != others.authority.value()
    {
        return Err(wrong("user, task, mode or authority differ from the current token's"));
    }
    Ok(())
}
