//! What a decision means for the request at hand.

use actfor::{Code, Decision, Verdict};

/// Everything that the filter takes from a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// Allow, deny or needs approval.
    pub verdict: Verdict,
    /// Why not; `None` on allow.
    pub code: Option<Code>,
    /// The code that the client is told.
    pub told: Option<Code>,
    /// The value of `WWW-Authenticate`, where there is one.
    pub challenge: Option<String>,
    /// The value of `DPoP-Nonce`, where the answer asks for a proof with it (RFC 9449 §9).
    pub nonce: Option<&'a str>,
    /// Who acts for whom, as far as the token proved it.
    pub who: Who<'a>,
    /// The decision document, where it was asked for.
    pub document: Option<String>,
}

/// Who acts for whom, in names of the model, which hold no character that could end a header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who<'a> {
    /// `user:ana`
    pub user: Option<&'a str>,
    /// `agent:code-helper`
    pub agent: Option<&'a str>,
    /// `instance:…`
    pub instance: Option<&'a str>,
    /// `delegated; mode=interactive`
    pub relationship: Option<String>,
    /// The rule that allowed or refused.
    pub rule: Option<&'a str>,
}

impl<'a> Outcome<'a> {
    /// From the guard's decision.
    pub fn of(decision: &'a Decision, document: Option<String>) -> Self {
        Self {
            verdict: decision.verdict(),
            code: decision.code(),
            told: decision.told(),
            challenge: decision.challenge(),
            nonce: decision.dpop_nonce(),
            who: Who {
                user: decision.user(),
                agent: decision.agent(),
                instance: decision.instance(),
                relationship: relationship(decision),
                rule: decision.rule(),
            },
            document,
        }
    }

    /// A refusal by the filter itself, before the guard could be asked.
    pub fn refused(code: Code) -> Self {
        Self {
            verdict: Verdict::Deny,
            code: Some(code),
            told: Some(code),
            challenge: None,
            nonce: None,
            who: Who::default(),
            document: None,
        }
    }
}

/// The kind, and the mode where there is one: `delegated; mode=interactive`.
fn relationship(decision: &Decision) -> Option<String> {
    let kind = decision.kind()?.as_str();
    Some(match decision.mode() {
        Some(mode) => [kind, "; mode=", mode.as_str()].concat(),
        None => kind.to_owned(),
    })
}
