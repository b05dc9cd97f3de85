//! What a decision means for the request at hand.

use actfor::{Code, Decision, Verdict};

/// Everything that the filter takes from a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Allow, deny or needs approval.
    pub verdict: Verdict,
    /// Why not; `None` on allow.
    pub code: Option<Code>,
    /// The value of `WWW-Authenticate`, where there is one.
    pub challenge: Option<String>,
    /// Who acts for whom, as far as the token proved it.
    pub who: Who,
    /// The decision document, where it was asked for.
    pub document: Option<String>,
}

/// Who acts for whom, in names of the model, which hold no character that could end a header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// `user:ana`
    pub user: Option<String>,
    /// `agent:code-helper`
    pub agent: Option<String>,
    /// `instance:…`
    pub instance: Option<String>,
    /// `delegated; mode=interactive`
    pub relationship: Option<String>,
    /// The rule that allowed or refused.
    pub rule: Option<String>,
}

impl Outcome {
    /// From the guard's decision.
    pub fn of(decision: &Decision, document: Option<String>) -> Self {
        Self {
            verdict: decision.verdict(),
            code: decision.code(),
            challenge: (decision.code() == Some(Code::TokenMissing)).then(|| "Bearer".to_owned()),
            who: Who::default(),
            document,
        }
    }

    /// A refusal by the filter itself, before the guard could be asked.
    pub fn refused(code: Code) -> Self {
        Self {
            verdict: Verdict::Deny,
            code: Some(code),
            challenge: None,
            who: Who::default(),
            document: None,
        }
    }
}
