//! What goes along with an access token: when it is needed, and what an introspection says of who is acting.

use alloc::format;

use crate::config::Issuer;
use crate::error::{Code, Refusal, quote};
use crate::guard::Guard;
use crate::identity::Layer;
use crate::identity::context::Draft;
use crate::token::{Claims, VerifiedToken};

impl Guard {
    /// The issuers that the host asks about tokens: issuer and endpoint.
    pub fn introspection_endpoints(&self) -> impl Iterator<Item = (&str, &str)> {
        let issuers = self.config.issuers.iter();
        issuers.filter_map(|issuer| {
            Some((issuer.issuer.as_str(), issuer.introspection.as_ref()?.endpoint.as_str()))
        })
    }

    /// The issuers whose status lists the host fetches.
    pub fn status_issuers(&self) -> impl Iterator<Item = &str> {
        let looked_up = |issuer: &&Issuer| issuer.status.as_ref().is_some_and(|settings| !settings.ignored);
        self.config.issuers.iter().filter(looked_up).map(|issuer| issuer.issuer.as_str())
    }
}

/// A token that is no JWT, and says nothing by itself (RFC 7515 §7.1: three parts).
pub(crate) fn is_opaque(compact: &str) -> bool {
    compact.split('.').count() != 3
}

pub(crate) fn not_introspected(issuer: &Issuer) -> Refusal {
    let text =
        format!("tokens of {} are introspected, and the host handed over no answer", quote(&issuer.issuer));
    Refusal::new(Code::IntrospectionUnavailable, text)
}

/// Whether an `Agent-Context` assertion is required.
pub(crate) fn needs_context(token: &VerifiedToken, issuer: &Issuer) -> bool {
    issuer.context_issuers_for(token.claims().client_id()).next().is_some()
}

/// What the answer of an introspection endpoint says of who is acting: as a token of the same issuer would.
pub(crate) fn said(issuer: &Issuer, answer: &Claims) -> Result<Draft, Refusal> {
    let mut draft = issuer.dialect.read(answer, issuer)?;
    draft.check_names(|space| issuer.may_name(space))?;
    draft.said_by(Layer::Introspection);
    Ok(draft)
}
