//! Approvals: what a rule asks for, and the token in which an approval comes back.
//!
//! A refusal with `needs_approval` carries a digest of exactly what would be done. The approval is a JWT of its own
//! type from an issuer that the configuration lists. It holds that digest, is at most 300 s old and is good once;
//! everything else about the request is decided again. An agent of the chain never approves.

use alloc::{format, string::String};

use sha2::{Digest, Sha256};

use crate::audit::{canonical, canonical_members};
use crate::config::Approver;
use crate::error::{Code, Refusal, quote};
use crate::identity::context::Principal;
use crate::jose::{Jws, JwsLimits, Typ, base64url, check_header};
use crate::json::{Object, Value, Writer};
use crate::policy::arguments::Bound;
use crate::time::{Round, Timestamp};

/// `typ` of an approval.
pub(crate) const TYPE: &str = "agent-approval+jwt";
/// How long an approval may be used, in seconds after its `iat`.
pub(crate) const LIFETIME: u64 = 300;
/// How far the clock of an approver may be ahead, in seconds.
const LEEWAY: u64 = 5;

/// What has to be approved, for a decision that needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Names exactly what would be done: goes into `approval_digest` of the approval.
    pub digest: String,
    /// `user`, or the relation to the object of those who may approve.
    pub by: String,
    /// When this offer ends. An approval that is issued later starts an offer of its own.
    pub expires: Timestamp,
}

/// A verified approval: for the store that remembers which were used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedApproval {
    /// Who issued it.
    pub(crate) issuer: String,
    /// Its `jti`.
    pub(crate) jti: String,
    /// The last second in which it could be used.
    pub(crate) usable_until: Timestamp,
}

impl UsedApproval {
    /// Who issued it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Its `jti`: unique for the issuer.
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// The last second in which it could be used; it must be remembered until then.
    pub fn usable_until(&self) -> Timestamp {
        self.usable_until
    }
}

/// What an approval is bound to.
pub(crate) struct Bond<'a> {
    pub policy: &'a [u8; 32],
    pub user: Option<&'a str>,
    pub agent: Option<&'a str>,
    pub instance: Option<&'a str>,
    pub action: &'a str,
    pub object: &'a str,
    pub arguments: &'a [Bound<'a>],
    /// All arguments of a tool, declared or not.
    pub tool: Option<&'a Object<'a>>,
}

impl Bond<'_> {
    /// SHA-256 over a canonical JSON array, in base64url.
    pub fn digest(&self) -> String {
        let mut w = Writer::default();
        w.array(|w| {
            w.string("actfor approval 1");
            w.string(&base64url::encode(self.policy));
            w.string_or_null(self.user);
            w.string_or_null(self.agent);
            w.string_or_null(self.instance);
            w.string(self.action);
            w.string(self.object);
            w.array(|w| {
                for argument in self.arguments {
                    w.string(argument.name);
                    canonical(w, &argument.value);
                }
            });
            match self.tool {
                Some(arguments) => canonical_members(w, arguments.iter().collect()),
                None => w.null(),
            }
        });
        base64url::encode(&Sha256::digest(w.finish().as_bytes()))
    }
}

fn refuse(text: impl Into<String>) -> Refusal {
    Refusal::new(Code::ApprovalInvalid, text)
}

/// Verifies an approval of `digest`; gives who approved, and what to remember.
///
/// # Errors
/// `approval_invalid`
pub(crate) fn verify(
    compact: &str,
    digest: &str,
    approvers: &[Approver],
    audiences: &[String],
    now: Timestamp,
) -> Result<(Principal, UsedApproval), Refusal> {
    let because = |refusal: Refusal| refuse(format!("the approval: {}", refusal.detail));
    let jws = Jws::parse(compact, &JwsLimits::DEFAULT).map_err(because)?;
    let iss = jws.claims().get("iss").and_then(Value::as_str).unwrap_or_default();
    let approver = approvers.iter().find(|approver| approver.issuer == iss);
    let approver = approver.ok_or_else(|| {
        refuse(format!("the approval comes from {}, who is not in `approvals`", quote(iss)))
    })?;
    let algorithm = check_header(jws.header(), &approver.algorithms, Typ::OneOf(&[TYPE])).map_err(because)?;
    let key = approver.keys.select(algorithm, jws.header().kid()).map_err(because)?;
    if !key.verify(algorithm, jws.signing_input(), jws.signature()) {
        return Err(refuse("the signature of the approval does not hold"));
    }
    let claims = jws.into_claims();
    let text = |name: &str| {
        let found = claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        found.ok_or_else(|| refuse(format!("claim `{name}` of the approval is missing or not a text")))
    };
    // An approval that an agent gave for somebody is not theirs.
    for trace in ["act", "agent_rel", "agent_instance"] {
        if claims.get(trace).is_some() {
            return Err(refuse(format!("the approval has `{trace}`: an agent does not approve")));
        }
    }
    let ours = |audience: &Value<'_>| audience.as_str().is_some_and(|a| audiences.iter().any(|own| own == a));
    let for_us = match claims.get("aud") {
        Some(Value::Array(list)) => list.iter().any(ours),
        Some(one) => ours(one),
        None => false,
    };
    if !for_us {
        return Err(refuse("the approval is not meant for this service (`aud`)"));
    }
    let issued = date(&claims, "iat", Round::Floor)?
        .ok_or_else(|| refuse("claim `iat` of the approval is missing"))?;
    if issued > now.plus(LEEWAY) || now >= issued.plus(LIFETIME) {
        return Err(refuse(format!(
            "the approval was issued at {}, now is {}; it is good for {LIFETIME} seconds",
            issued.seconds(),
            now.seconds()
        )));
    }
    if date(&claims, "exp", Round::Floor)?.is_some_and(|expires| now >= expires) {
        return Err(refuse("the approval has expired"));
    }
    if text("approval_digest")? != digest {
        return Err(refuse("the approval is for something else (`approval_digest`)"));
    }
    let (sub, jti) = (text("sub")?, text("jti")?);
    let used = UsedApproval {
        issuer: approver.issuer.clone(),
        jti: jti.into(),
        usable_until: issued.plus(LIFETIME),
    };
    Ok((Principal { iss: approver.space.clone(), sub: sub.into() }, used))
}

fn date(claims: &Object<'_>, name: &str, round: Round) -> Result<Option<Timestamp>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => Timestamp::from_number(number, round)
            .map(Some)
            .ok_or_else(|| refuse(format!("claim `{name}` of the approval is not a time"))),
        Some(_) => Err(refuse(format!("claim `{name}` of the approval is not a number"))),
    }
}
