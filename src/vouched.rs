//! Who is asking, by the word of an enforcement point that the host trusts, where there is no token.
//!
//! AuthZEN names a subject and proves nothing. A host that knows its enforcement points may say what the subject's
//! token would say; from there on it is read, revoked and decided like one. Nothing that needs a proof can be vouched for.

use alloc::{format, string::ToString, sync::Arc};

use crate::config::Issuer;
use crate::error::{Code, Refusal, quote};
use crate::guard::Guard;
use crate::identity::Layer;
use crate::json::{self, Limits, Object, Value};
use crate::time::Timestamp;
use crate::token::{Claims, VerifiedToken};

/// How long a word without `exp` is good, in seconds: for this decision.
const LIFETIME: u64 = 60;

impl Guard {
    /// The token that the claims stand for. What only a token must say, audience and times, is filled in.
    ///
    /// # Errors
    /// Codes of the token stage.
    pub(crate) fn vouched(
        &self,
        claims: &Object<'_>,
        now: Timestamp,
    ) -> Result<(Arc<VerifiedToken>, &Issuer), Refusal> {
        let Value::Object(mut object) = Value::Object(claims.clone()).into_owned() else {
            return Err(Refusal::new(Code::ClaimInvalid, "what is vouched for is not an object"));
        };
        let iss = object.get("iss").and_then(Value::as_str).unwrap_or_default();
        let found = self.config.issuers.iter().enumerate().find(|(_, issuer)| issuer.issuer == iss);
        let (at, issuer) = found.ok_or_else(|| {
            let text = format!("`iss` of what is vouched for is {}, which is not in `issuers`", quote(iss));
            Refusal::new(Code::IssuerUnknown, text)
        })?;
        if object.get("cnf").is_some() {
            return Err(Refusal::new(
                Code::ProofMissing,
                "what is vouched for has `cnf`, and nobody proves a key",
            ));
        }
        // A word that has run out was not given now either.
        let expires_at = object.get("exp").and_then(Value::as_u64).and_then(Timestamp::from_seconds);
        let issued_at = expires_at.map_or(now, |expires_at| expires_at.min(now));
        let times = [("iat", issued_at), ("exp", now.plus(LIFETIME))];
        let audience = issuer.audiences.first().cloned().unwrap_or_default();
        if object.get("aud").is_none() {
            object.push("aud", Value::String(audience.into()));
        }
        for (name, time) in times {
            if object.get(name).is_none() {
                object.push(name, seconds(time));
            }
        }
        let claims = Claims::read_answer(object, issuer.dialect.row(), None)?;
        claims.check_audience(issuer)?;
        claims.check_time(now, issuer.leeway)?;
        let draft = issuer.dialect.read(&claims, issuer).and_then(|mut draft| {
            draft.check_names(|space| issuer.may_name(space))?;
            draft.said_by(Layer::Enforcement);
            Ok(draft)
        });
        Ok((Arc::new(VerifiedToken::new("", at, claims, draft, &self.config)), issuer))
    }
}

fn seconds(time: Timestamp) -> Value<'static> {
    // A number always reads; `null` would be refused as a time.
    json::parse(time.seconds().to_string().as_bytes(), &Limits::TOKEN).map_or(Value::Null, Value::into_owned)
}
