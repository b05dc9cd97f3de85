//! Counters by code: one for requests that pass, one for each reason to refuse.

use std::collections::BTreeMap;

use actfor::{Code, Stage};

use crate::host::{Counter, Host, HostError};

/// The counters of one worker.
#[derive(Debug)]
pub struct Counters {
    allow: Counter,
    refused: BTreeMap<Code, Counter>,
    shadowed: BTreeMap<Code, Counter>,
    /// Refusals because Envoy failed the filter.
    pub host_failed: Counter,
    /// Key sets that arrived and were taken.
    pub keys_fetched: Counter,
    /// Key sets that did not arrive, or were no key sets.
    pub keys_failed: Counter,
    /// Revocation and status lists that arrived and were taken.
    pub lists_fetched: Counter,
    /// Revocation and status lists that did not arrive, or were not taken.
    pub lists_failed: Counter,
    /// Tokens about which an issuer was asked.
    pub introspections: Counter,
    /// Answers about tokens that did not arrive.
    pub introspections_failed: Counter,
}

impl Counters {
    /// Makes all of them known at once, so that they can be watched from zero.
    ///
    /// # Errors
    /// The host does not take a name.
    pub fn define(host: &impl Host) -> Result<Self, HostError> {
        let by_code = |prefix: &str| -> Result<BTreeMap<Code, Counter>, HostError> {
            let codes = Code::ALL.iter().filter(|code| code.stage() != Stage::Load);
            codes.map(|code| Ok((*code, host.counter(&format!("actfor.{prefix}.{code}"))?))).collect()
        };
        Ok(Self {
            allow: host.counter("actfor.decision.allow")?,
            refused: by_code("refused")?,
            shadowed: by_code("shadow")?,
            host_failed: host.counter("actfor.refused.host_failed")?,
            keys_fetched: host.counter("actfor.keys.fetched")?,
            keys_failed: host.counter("actfor.keys.failed")?,
            lists_fetched: host.counter("actfor.lists.fetched")?,
            lists_failed: host.counter("actfor.lists.failed")?,
            introspections: host.counter("actfor.introspection.asked")?,
            introspections_failed: host.counter("actfor.introspection.failed")?,
        })
    }

    /// Counts a request that the rules allow.
    ///
    /// # Errors
    /// The host lost the counter.
    pub fn allowed(&self, host: &impl Host) -> Result<(), HostError> {
        host.count(self.allow)
    }

    /// Counts a refusal.
    ///
    /// # Errors
    /// The host lost the counter.
    pub fn refused(&self, host: &impl Host, code: Code) -> Result<(), HostError> {
        host.count(*self.refused.get(&code).unwrap_or(&self.host_failed))
    }

    /// Counts a request that passes only because the filter is in mode `shadow`.
    ///
    /// # Errors
    /// The host lost the counter.
    pub fn shadowed(&self, host: &impl Host, code: Code) -> Result<(), HostError> {
        host.count(*self.shadowed.get(&code).unwrap_or(&self.host_failed))
    }
}
