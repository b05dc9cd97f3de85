//! Compact JWS (RFC 7515 §3.1, §7.1): one form, one text for it, limits before anything is stored.

use alloc::{format, string::String, vec::Vec};

use crate::error::{Code, TokenError};
use crate::json::{self, Object, Value};

use super::{Header, base64url};

/// How large a token may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JwsLimits {
    /// The whole compact text in bytes.
    pub bytes: usize,
    /// The header, decoded, in bytes.
    pub header_bytes: usize,
    /// The JSON of header and claims.
    pub json: json::Limits,
}

impl JwsLimits {
    /// 16 KiB, of which 4 KiB header.
    pub const DEFAULT: Self = Self { bytes: 16_384, header_bytes: 4_096, json: json::Limits::TOKEN };
}

/// A token whose form is right and of which nothing else is known. Only [`Self::into_claims`] after a
/// signature check makes facts of it.
#[derive(Debug, Clone)]
pub struct Jws<'a> {
    compact: &'a str,
    signing_input: &'a [u8],
    header: Header,
    claims: Object<'static>,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Takes a compact JWS apart: exactly three parts of strict base64url, header and payload each one strict
    /// JSON object.
    ///
    /// # Errors
    /// `token_too_large`, `token_malformed`.
    pub fn parse(compact: &'a str, limits: &JwsLimits) -> Result<Self, TokenError> {
        let envelope = Envelope::parse(compact, limits)?;
        let claims = object(&envelope.payload, "payload", &limits.json)?;
        let Envelope { signing_input, header, signature, .. } = envelope;
        Ok(Self { compact, signing_input, header, claims, signature })
    }

    /// The header, unverified.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The claims, unverified: good for choosing an issuer, and for showing them with a warning.
    pub fn claims(&self) -> &Object<'static> {
        &self.claims
    }

    /// The text it was parsed from.
    pub fn compact(&self) -> &'a str {
        self.compact
    }

    /// What is signed (RFC 7515 §5.1, step 5).
    pub fn signing_input(&self) -> &'a [u8] {
        self.signing_input
    }

    /// The signature, decoded; it may be empty.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The claims, for the caller that has checked the signature.
    pub fn into_claims(self) -> Object<'static> {
        self.claims
    }
}

/// The three parts of a compact JWS, with only the header read: for payloads that are not claims.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    signing_input: &'a [u8],
    header: Header,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Envelope<'a> {
    /// Takes a compact JWS apart: exactly three parts of strict base64url, the header one strict JSON object.
    ///
    /// # Errors
    /// `token_too_large`, `token_malformed`.
    pub fn parse(compact: &'a str, limits: &JwsLimits) -> Result<Self, TokenError> {
        if compact.len() > limits.bytes {
            let detail = format!("the token has {} bytes, at most {} are read", compact.len(), limits.bytes);
            return Err(TokenError::new(Code::TokenTooLarge, detail));
        }
        // RFC 7515 §7.1: three parts, no more; five would be an encrypted token (RFC 7516 §9).
        let mut parts = compact.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            let found = compact.split('.').count();
            return malformed(format!("the token has {found} part(s) between dots instead of three"));
        };
        let signed = header.len().saturating_add(payload.len()).saturating_add(1);
        let signing_input = compact.as_bytes().get(..signed).unwrap_or_default();
        // Three bytes are four characters: the size is known before the header is decoded.
        if header.len().saturating_div(4).saturating_mul(3) > limits.header_bytes {
            let detail = format!("the header has more than {} bytes", limits.header_bytes);
            return Err(TokenError::new(Code::TokenTooLarge, detail));
        }
        let header = object(&decode(header, "header")?, "header", &limits.json).map(Header::new)?;
        let payload = decode(payload, "payload")?;
        let signature = decode(signature, "signature")?;
        Ok(Self { signing_input, header, payload, signature })
    }

    /// The header, unverified.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What is signed (RFC 7515 §5.1, step 5).
    pub fn signing_input(&self) -> &'a [u8] {
        self.signing_input
    }

    /// The payload, decoded and unverified.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signature, decoded; it may be empty.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

fn malformed<T>(detail: String) -> Result<T, TokenError> {
    Err(TokenError::new(Code::TokenMalformed, detail))
}

fn decode(part: &str, what: &str) -> Result<Vec<u8>, TokenError> {
    match base64url::decode(part) {
        Some(bytes) => Ok(bytes),
        None => malformed(format!("the {what} is not base64url without padding")),
    }
}

fn object(bytes: &[u8], what: &str, limits: &json::Limits) -> Result<Object<'static>, TokenError> {
    match json::parse(bytes, limits) {
        Ok(Value::Object(object)) => Ok(object.into_owned()),
        Ok(other) => malformed(format!("the {what} is {} instead of a JSON object", other.kind())),
        Err(error) => malformed(format!("the {what} is not JSON: {error}")),
    }
}
