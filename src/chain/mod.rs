//! The authority of the agents before the current one.
//!
//! Nested `act` entries are history and grant nothing (RFC 8693 §4.1). What an earlier agent may do is said
//! only by its record: its own access token, sent in `Agent-Chain`. A record is verified like any access
//! token except for its proof: it is evidence, never a credential. It must be the right one: its instance is
//! the next one's parent, and user, task, mode and authority are one for the whole chain. In dialect
//! `delegation-chain` the tokens themselves say which stands before which ([`delegation`]).

mod authority;
pub mod delegation;

use alloc::{borrow::ToOwned, format, sync::Arc, vec::Vec};

use crate::config::Issuer;
use crate::error::{Code, Refusal};
use crate::guard::check_presence;
use crate::identity::context::{Identity, Principal};
use crate::identity::dialect::Dialect;
use crate::request::Request;
use crate::time::Timestamp;
use crate::token::VerifiedToken;

use self::delegation::{Draft, Rules};

/// What vouches for one earlier agent.
#[derive(Debug, Clone)]
pub(crate) enum HopRecord {
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
pub(crate) fn records(
    request: &Request<'_>,
    (token, current): (&VerifiedToken, &Identity),
    issuer: &Issuer,
    now: Timestamp,
    most: usize,
    verify: impl Fn(&str) -> Result<Arc<VerifiedToken>, Refusal>,
) -> Result<Vec<HopRecord>, Refusal> {
    let depth = current.depth();
    // Bounds what is stored and verified: `hops` is a number that a token may choose.
    if depth > most {
        let text = format!("agents before the current one: {depth}; `limits.chain` is {most}");
        return Err(Refusal::new(Code::ChainInconsistent, text));
    }
    let mut records = Vec::new();
    for value in request.header("agent-chain") {
        // What is not ASCII was refused before.
        let value = core::str::from_utf8(value).unwrap_or_default();
        for compact in value.split(',').map(str::trim) {
            if records.len() >= depth {
                let text =
                    format!("`Agent-Chain` has more records than the token has earlier agents ({depth})");
                return Err(Refusal::new(Code::ChainInconsistent, text));
            }
            records.push(match verify(compact) {
                Ok(token) => HopRecord::Verified(token),
                Err(refusal) => HopRecord::Invalid(refusal),
            });
        }
    }
    records.resize(depth, HopRecord::Missing);
    if issuer.dialect == Dialect::DelegationChain {
        linked(&mut records, token, issuer, now);
    }
    // Who the earlier agents are: by the current token, or else by their own.
    let agents: Vec<Option<&Principal>> = (0..depth)
        .map(|index| {
            let record = || records.get(index)?.identity()?.facts.agent.value();
            current.facts.earlier.get(index).or_else(record)
        })
        .collect();
    let verdicts: Vec<_> = (0..depth)
        .map(|index| {
            let next = match records.get(index.saturating_add(1)) {
                Some(record) => record.identity(),
                None => Some(current),
            };
            let record = records.get(index).and_then(HopRecord::token)?;
            check_record(record, &agents, index, (next, current), now, issuer.dialect).err()
        })
        .collect();
    for (record, verdict) in records.iter_mut().zip(verdicts) {
        if let Some(refusal) = verdict {
            *record = HopRecord::Invalid(refusal);
        }
    }
    Ok(records)
}

/// Holds a whole delegation chain against the draft: with a token missing, none of it can be.
fn linked(records: &mut [HopRecord], token: &VerifiedToken, issuer: &Issuer, now: Timestamp) {
    let earlier: Option<Vec<&str>> =
        records.iter().map(|record| record.token().map(|token| token.compact())).collect();
    let Some(mut chain) = earlier else { return };
    chain.push(token.compact());
    let rules = Rules { draft: Draft::Second, audiences: &issuer.audiences, leeway: issuer.leeway };
    // Each was verified before, as an access token.
    if let Err(reason) = delegation::verify(&chain, &rules, now, |_| true) {
        let text = format!("its delegation chain has the fault `{}`", reason.as_str());
        records.fill(HopRecord::Invalid(Refusal::new(Code::HopRecordInvalid, text)));
    }
}

/// Whether a verified record is that of the agent at `index` of the chain that ends in `current`.
fn check_record(
    record: &VerifiedToken,
    agents: &[Option<&Principal>],
    index: usize,
    (next, current): (Option<&Identity>, &Identity),
    now: Timestamp,
    dialect: Dialect,
) -> Result<(), Refusal> {
    let wrong = |what: &str| Refusal::new(Code::HopRecordInvalid, what.to_owned());
    let identity = record.identity().map_err(Clone::clone)?;
    check_presence(identity, now)?;
    let (facts, others) = (&identity.facts, &current.facts);
    if identity.depth() != index {
        return Err(wrong("it stands at another place of its chain"));
    }
    if others.earlier.get(index).is_some_and(|named| facts.agent.value() != Some(named)) {
        return Err(wrong("it is the token of another agent than `act` names"));
    }
    let mut named = facts.earlier.iter().zip(agents);
    if named.any(|(own, agent)| agent.is_some_and(|agent| agent != own)) {
        return Err(wrong("its `act` names other earlier agents than the chain has"));
    }
    // A delegation token has no instance: the hash of the one before stands for it.
    let linked = dialect == Dialect::DelegationChain;
    let parent =
        next.and_then(|next| next.facts.instance.value()).and_then(|instance| instance.parent.as_ref());
    let own = facts.instance.value().map(|instance| (&instance.iss, &instance.id));
    if !linked && (own.is_none() || parent.map(|(iss, id)| (iss, id)) != own) {
        return Err(wrong("its instance is not the parent of the next one"));
    }
    let root = others.instance.value().and_then(|instance| instance.root.as_ref());
    if index == 0 && root.map(|(iss, id)| (iss, id)) != own {
        return Err(wrong("its instance is not the root of the current one"));
    }
    // The kind follows from these.
    if facts.user.value().map(|u| (&u.principal, u.role))
        != others.user.value().map(|u| (&u.principal, u.role))
        || facts.task.value() != others.task.value()
        || facts.mode.value() != others.mode.value()
        || facts.authority.value() != others.authority.value()
    {
        return Err(wrong("user, task, mode or authority differ from the current token's"));
    }
    Ok(())
}
