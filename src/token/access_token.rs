//! From the compact form to a [`VerifiedToken`], by RFC 9068 §4 and RFC 8725.

use alloc::{borrow::ToOwned, format, string::String};

use crate::config::{Config, Issuer};
use crate::error::{Code, Refusal, quote};
use crate::identity::context::Draft;
use crate::identity::merge::merge;
use crate::identity::{Identity, context};
use crate::jose::{Algorithm, Jws, JwsLimits, KeySet, check_header};
use crate::json::Value;
use crate::time::Timestamp;
use crate::token::claims::Claims;

/// An access token whose signature and claims hold. It may be bound to a key: the guard asks for the proof
/// before it looks at anything else.
#[derive(Debug, Clone)]
pub struct VerifiedToken {
    compact: String,
    /// Which issuer of the configuration signed it.
    issuer: usize,
    /// With which of its keys; `None` where it was not the signature that vouched for the token.
    signed: Option<Signed>,
    claims: Claims,
    /// What it says by itself.
    draft: Result<Draft, Refusal>,
    identity: Result<Identity, Refusal>,
}

/// How a token chose its key, and which one that was.
#[derive(Debug, Clone)]
struct Signed {
    algorithm: Algorithm,
    kid: Option<String>,
    thumbprint: [u8; 32],
}

impl VerifiedToken {
    pub(crate) fn new(
        compact: &str,
        issuer: usize,
        claims: Claims,
        draft: Result<Draft, Refusal>,
        config: &Config,
    ) -> Self {
        let identity = draft.clone().and_then(|draft| match config.issuers.get(issuer) {
            Some(issuer) => context::settle(draft, &claims, issuer, config),
            None => Err(Refusal::new(Code::IssuerUnknown, "the issuer is not configured any more")),
        });
        Self { compact: compact.to_owned(), issuer, signed: None, claims, draft, identity }
    }

    /// The token together with what another carrier says of it.
    pub(crate) fn with(&self, claims: Claims, said: Result<Draft, Refusal>, config: &Config) -> Self {
        let draft = self.draft.clone().and_then(|own| merge(&[own, said?]));
        Self::new(&self.compact, self.issuer, claims, draft, config)
    }

    /// The token, as it came.
    pub(crate) fn compact(&self) -> &str {
        &self.compact
    }

    /// The place of its issuer in the configuration.
    pub(crate) fn issuer(&self) -> usize {
        self.issuer
    }

    /// Whether `keys`, taken for its issuer's, would have it verified with the key that it was verified with.
    pub(crate) fn is_signed_with(&self, keys: &KeySet) -> bool {
        self.signed.as_ref().is_some_and(|signed| {
            let key = keys.select(signed.algorithm, signed.kid.as_deref());
            key.is_ok_and(|key| key.thumbprint() == signed.thumbprint)
        })
    }

    /// The claims.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Who is it, or why that cannot be said.
    ///
    /// # Errors
    /// A code of the identity stage, or `claim_missing` and `claim_invalid` for a claim that the dialect needs.
    pub fn identity(&self) -> Result<&Identity, &Refusal> {
        self.identity.as_ref()
    }
}

/// The issuer that a token names, before anything is verified: only good for choosing keys.
fn issuer_of<'c>(jws: &Jws<'_>, config: &'c Config) -> Result<(usize, &'c Issuer), Refusal> {
    let iss = match jws.claims().get("iss") {
        Some(Value::String(iss)) => iss,
        Some(_) => return Err(Refusal::new(Code::IssuerUnknown, "claim `iss` must be a string")),
        None => return Err(Refusal::new(Code::IssuerUnknown, "claim `iss` is missing")),
    };
    let found = config.issuers.iter().enumerate().find(|(_, issuer)| issuer.issuer == *iss);
    found.ok_or_else(|| {
        Refusal::new(Code::IssuerUnknown, format!("`iss` is {}, which is not in `issuers`", quote(iss)))
    })
}

/// Verifies form, issuer, header, key, signature and claims. Audience and times are for every use.
pub(crate) fn verify(compact: &str, config: &Config, now: Timestamp) -> Result<VerifiedToken, Refusal> {
    let limits = JwsLimits { bytes: config.limits.token_bytes, ..JwsLimits::DEFAULT };
    let jws = Jws::parse(compact, &limits)?;
    let (index, issuer) = issuer_of(&jws, config)?;
    // RFC 9068 §4, RFC 8725 §3.1 and §3.11: the header is compared with the configuration, never obeyed.
    let algorithm = check_header(jws.header(), &issuer.algorithms, issuer.dialect.row().typ)?;
    let key = issuer.keys.select(&issuer.issuer, (algorithm, jws.header().kid()), now)??;
    if !key.verify(algorithm, jws.signing_input(), jws.signature()) {
        return Err(Refusal::new(
            Code::SignatureInvalid,
            "the signature does not hold under the key that the header names",
        ));
    }
    let signed =
        Signed { algorithm, kid: jws.header().kid().map(ToOwned::to_owned), thumbprint: key.thumbprint() };
    let claims = Claims::read(jws.into_claims(), issuer.dialect.row())?;
    let draft = issuer.dialect.read(&claims, issuer).and_then(|draft| {
        draft.check_names(|space| issuer.may_name(space))?;
        Ok(draft)
    });
    Ok(VerifiedToken { signed: Some(signed), ..VerifiedToken::new(compact, index, claims, draft, config) })
}
