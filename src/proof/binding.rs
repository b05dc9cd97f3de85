//! The binding of a token to a key, for one request: every key that `cnf` names must be shown (RFC 7800 §3.1).
//!
//! A bound token is not usable without its proof, whatever the issuer's `binding` says. Where the configuration
//! asks for bound tokens, a bearer token is not usable either.

use alloc::{borrow::ToOwned, vec::Vec};

use crate::config::{BindingPolicy, Config, Issuer};
use crate::error::{Code, Refusal};
use crate::policy::path::Target;
use crate::proof::{DpopFacts, DpopProof, ReplayStore, Use, dpop, mtls, refuse_replay};
use crate::request::{Request, Scheme};
use crate::time::Timestamp;
use crate::token::VerifiedToken;

/// How a token was shown to belong to who presents it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// It was not: whoever holds it may use it.
    Bearer,
    /// By a DPoP proof (RFC 9449).
    Dpop,
    /// By a DPoP proof and a client certificate.
    DpopAndMtls,
    /// By the client certificate of the connection (RFC 8705).
    Mtls,
    /// There is no token: an enforcement point that the host trusts says who is asking.
    Vouched,
}

impl Binding {
    /// The name in a decision document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Dpop => "dpop",
            Self::DpopAndMtls => "dpop+mtls",
            Self::Mtls => "mtls",
            Self::Vouched => "vouched",
        }
    }
}

/// Checks every binding of a verified token.
///
/// # Errors
/// `proof_missing`, `proof_invalid`, `proof_nonce_needed`, `proof_replayed`, `proof_store_unavailable`.
pub(crate) fn prove(
    token: &VerifiedToken,
    (issuer, config): (&Issuer, &Config),
    request: &Request<'_>,
    target: &Target<'_>,
    scheme: Scheme,
    now: Timestamp,
    store: Option<&mut dyn ReplayStore>,
) -> Result<(Binding, Option<Use>), Refusal> {
    let Some(confirmation) = token.claims().confirmation() else {
        return match (scheme, issuer.binding) {
            // RFC 9449 §7.1: the scheme says that the token is bound.
            (Scheme::Dpop, _) => Err(Refusal::new(
                Code::ProofInvalid,
                "the scheme is `DPoP` and the token is bound to no key (`cnf.jkt`)",
            )),
            (Scheme::Bearer | Scheme::Transaction, BindingPolicy::Required) => Err(Refusal::new(
                Code::ProofMissing,
                "the token is bound to no key, and this issuer's `binding` is `required`",
            )),
            (Scheme::Bearer | Scheme::Transaction, BindingPolicy::Optional) => Ok((Binding::Bearer, None)),
        };
    };
    if let Some(thumbprint) = &confirmation.x5t_s256 {
        let certificate = mtls::of_request(request, &config.proof.trusted_hops)?;
        mtls::verify(thumbprint, certificate.as_ref())?;
    }
    let Some(thumbprint) = &confirmation.jkt else {
        return match scheme {
            Scheme::Bearer | Scheme::Transaction => Ok((Binding::Mtls, None)),
            Scheme::Dpop => Err(Refusal::new(
                Code::ProofInvalid,
                "the scheme is `DPoP` and the token is bound to no DPoP key (`cnf.jkt`)",
            )),
        };
    };
    // RFC 9449 §7.1: a token that is bound to a DPoP key and sent as `Bearer` is refused.
    if scheme != Scheme::Dpop {
        return Err(Refusal::new(
            Code::ProofMissing,
            "the token is bound to a key (`cnf.jkt`): send it with the scheme `DPoP` and a proof",
        ));
    }
    let proof = dpop_proof(token, config, request, target, thumbprint, now)?;
    let first = replay(&proof, request, now, store)?;
    let binding = if confirmation.x5t_s256.is_some() { Binding::DpopAndMtls } else { Binding::Dpop };
    Ok((binding, Some(first)))
}

fn dpop_proof(
    token: &VerifiedToken,
    config: &Config,
    request: &Request<'_>,
    target: &Target<'_>,
    thumbprint: &str,
    now: Timestamp,
) -> Result<DpopProof, Refusal> {
    let settings = &config.proof;
    let accepted = settings.nonces.as_ref().map(|nonces| nonces.accepted(now));
    let accepted: Option<Vec<_>> =
        accepted.as_ref().map(|both| both.iter().map(|nonce| nonce.as_str()).collect());
    let headers: Vec<_> = request.header("dpop").collect();
    let facts = DpopFacts {
        method: request.method,
        path: target.path(),
        bases: &settings.base_urls,
        access_token: token.compact(),
        thumbprint,
        algorithms: &settings.algorithms,
        nonces: accepted.as_deref(),
        now,
        max_age: settings.max_age,
        leeway: settings.leeway,
        host: config.host,
    };
    dpop::verify(&headers, &facts)
}

/// Whether the proof is used for the first time: what the host says, or what the store says. Nobody to ask refuses.
fn replay(
    proof: &DpopProof,
    request: &Request<'_>,
    now: Timestamp,
    store: Option<&mut dyn ReplayStore>,
) -> Result<Use, Refusal> {
    match (request.proof_use, store) {
        (Some(Use::First), _) => Ok(Use::First),
        (Some(Use::Again), _) => Err(Refusal::new(Code::ProofReplayed, "this proof was used before")),
        (None, Some(store)) => refuse_replay(store, proof, now).map(|()| Use::First),
        (None, None) => Err(Refusal::new(
            Code::ProofStoreUnavailable,
            "nobody remembers used proofs: ask with a replay store".to_owned(),
        )),
    }
}
