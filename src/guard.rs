//! The one door: built once from a configuration, then asked once per request.

use alloc::string::String;

use crate::error::{Code, ConfigError};
use crate::time::Timestamp;

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
}

impl Decision {
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
}

/// Verifies tokens, says who is who, decides and explains. One per worker thread.
#[derive(Debug, Clone)]
pub struct Guard {}

impl Guard {
    /// The header fields that a decision reads, in lower case. An adapter hands over these and may leave out others.
    pub const HEADERS: &'static [&'static str] = &[
        "authorization",
        "agent-chain",
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
    pub fn from_config(_json: &[u8], _seed: u64) -> Result<Self, ConfigError> {
        Ok(Self {})
    }

    /// Decides one request. Never fails: an error is a refusal with a code. `now` is `None` where the host's clock is not set.
    pub fn decide(&self, _request: &Request<'_>, _now: Option<Timestamp>) -> Decision {
        Decision { verdict: Verdict::Deny, code: Some(Code::TokenMissing) }
    }

    /// Decides again and writes the decision document (JSON). The decision is the one that [`Self::decide`] gives.
    pub fn explain(&self, _request: &Request<'_>, _now: Option<Timestamp>) -> (Decision, String) {
        (Decision { verdict: Verdict::Deny, code: Some(Code::TokenMissing) }, String::from("{}"))
    }

    /// Takes a fresh key set (JWK Set, JSON) for an issuer whose configuration has `jwks_uri`.
    ///
    /// # Errors
    /// `keys_invalid`; the keys from before stay.
    pub fn set_keys(&mut self, _issuer: &str, _jwks: &[u8], _now: Timestamp) -> Result<(), ConfigError> {
        Ok(())
    }

    /// The issuers whose keys the host has to fetch: issuer and `jwks_uri`.
    pub fn key_sources(&self) -> impl Iterator<Item = (&str, &str)> {
        core::iter::empty()
    }
}
