//! Status list tokens (draft-ietf-oauth-status-list, late stage): a compressed row of small numbers.
//!
//! The host fetches the list; the core verifies it with the keys of the tokens' issuer, and inflates it within
//! bounds. Zero is valid; anything else is not.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use crate::config::{Issuer, StatusSettings};
use crate::error::{Code, Refusal};
use crate::jose::{Jws, JwsLimits, Typ, base64url, check_header};
use crate::json::{Limits, Object, Value};
use crate::time::{Round, Timestamp};
use crate::token::claims::date;

/// The size of a list token in bytes.
const TOKEN: usize = 1_048_576;
/// The size of an inflated list in bytes: eight million tokens of one bit each.
const INFLATED: usize = 1_048_576;

/// A list whose signature holds.
#[derive(Debug)]
pub(crate) struct StatusList {
    bits: u8,
    bytes: Vec<u8>,
    pub(crate) issued_at: Timestamp,
    /// The first second in which it may not be used any more.
    pub(crate) usable_until: Timestamp,
}

impl StatusList {
    /// Verifies a list token of `issuer`; gives the list and its address.
    pub(crate) fn read(
        compact: &str,
        (issuer, settings): (&Issuer, &StatusSettings),
        now: Timestamp,
    ) -> Result<(String, Self), Refusal> {
        let wrong =
            |what: &str| Refusal::new(Code::RevocationUnavailable, format!("the status list: {what}"));
        let because = |refusal: Refusal| wrong(&refusal.detail);
        let limits =
            JwsLimits { bytes: TOKEN, json: Limits { bytes: TOKEN, ..Limits::TOKEN }, ..JwsLimits::DEFAULT };
        let jws = Jws::parse(compact, &limits).map_err(because)?;
        let typ = Typ::OneOf(&["statuslist+jwt"]);
        let algorithm = check_header(jws.header(), &issuer.algorithms, typ).map_err(because)?;
        let key =
            issuer.keys.select(&issuer.issuer, (algorithm, jws.header().kid()), now)?.map_err(because)?;
        if !key.verify(algorithm, jws.signing_input(), jws.signature()) {
            return Err(wrong("the signature does not hold"));
        }
        let claims = jws.into_claims();
        if claims.get("iss").is_some_and(|iss| iss.as_str() != Some(&issuer.issuer)) {
            return Err(wrong("`iss` is another issuer"));
        }
        let uri = claims.get("sub").and_then(Value::as_str).ok_or_else(|| wrong("`sub` is missing"))?;
        if !settings.uris.iter().any(|known| known.fits(uri)) {
            return Err(wrong("`sub` is not among `status.uris`"));
        }
        let (issued_at, usable_until) = life(&claims, settings).map_err(because)?;
        if now.plus(issuer.leeway) < issued_at || now >= usable_until {
            return Err(wrong("it is not valid now"));
        }
        let list = claims.get("status_list").and_then(Value::as_object);
        let list = list.ok_or_else(|| wrong("`status_list` is missing"))?;
        let bits = match list.get("bits").and_then(Value::as_u64) {
            Some(1) => 1,
            Some(2) => 2,
            Some(4) => 4,
            Some(8) => 8,
            _ => return Err(wrong("`bits` must be 1, 2, 4 or 8")),
        };
        let packed = list.get("lst").and_then(Value::as_str).and_then(base64url::decode);
        let packed = packed.ok_or_else(|| wrong("`lst` is not base64url"))?;
        let bytes = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(&packed, INFLATED)
            .map_err(|_| wrong("`lst` is not compressed well, or is too large"))?;
        Ok((uri.to_owned(), Self { bits, bytes, issued_at, usable_until }))
    }

    /// The status at a place; `None` beyond the end. The first place is in the lowest bits of the first byte.
    pub(crate) fn status(&self, index: u64) -> Option<u8> {
        let bits = u64::from(self.bits);
        let at = index.checked_mul(bits)?;
        let byte = *self.bytes.get(usize::try_from(at.checked_div(8)?).ok()?)?;
        let shift = u32::try_from(at.checked_rem(8)?).ok()?;
        let mask =
            if self.bits == 8 { u8::MAX } else { 1_u8.checked_shl(u32::from(self.bits))?.checked_sub(1)? };
        Some(byte.checked_shr(shift)? & mask)
    }
}

/// When it was issued, and until when it may be used: the first of `exp`, `iat` + `ttl`, and what the
/// configuration allows.
fn life(claims: &Object<'_>, settings: &StatusSettings) -> Result<(Timestamp, Timestamp), Refusal> {
    let invalid = |what: &str| Refusal::new(Code::ClaimInvalid, what);
    let issued = date(claims, "iat", Round::Ceil)?.ok_or_else(|| invalid("`iat` is missing"))?;
    let mut until = issued.plus(settings.max_age);
    if let Some(expires) = date(claims, "exp", Round::Floor)? {
        until = until.min(expires);
    }
    match claims.get("ttl") {
        None => {}
        Some(ttl) => {
            let seconds = ttl.as_u64().ok_or_else(|| invalid("`ttl` must be a whole number"))?;
            until = until.min(issued.plus(seconds));
        }
    }
    Ok((issued, until))
}
