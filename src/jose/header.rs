//! The header of a JWS, and the rules that every kind of token shares (RFC 7515 §4, RFC 8725 §3).
//!
//! A header is the sender's wish list. It is compared with what the verifier already decided, never obeyed:
//! no algorithm, no key and no address in it is used.

use alloc::format;

use crate::error::{Code, TokenError, is_invisible, quote};
use crate::json::{Object, Value};

use super::Algorithm;

/// The longest `kid` in bytes.
const KID_BYTES: usize = 256;

/// Members that would change how the token is read, or tell where to take the key from.
const REFUSED: &[(&str, &str)] = &[
    // RFC 7515 §4.1.11: whoever does not understand every extension refuses. We understand none.
    ("crit", "no extension is supported"),
    // RFC 7797: the payload would not be base64url.
    ("b64", "an unencoded payload is not supported"),
    // RFC 8725 §3.6 and RFC 7516: these belong to encryption.
    ("zip", "a compressed token is not supported"),
    ("enc", "an encrypted token is not supported"),
    ("p2c", "an encrypted token is not supported"),
    ("p2s", "an encrypted token is not supported"),
    // RFC 8725 §3.10: keys come from the configuration.
    ("jku", "keys are never fetched from where a token says"),
    ("x5u", "keys are never fetched from where a token says"),
    ("x5c", "a key is never taken from the token itself"),
];

/// The header of a JWS. Nothing in it is to be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    members: Object<'static>,
}

impl Header {
    pub(super) fn new(members: Object<'static>) -> Self {
        Self { members }
    }

    /// `alg`, if it is a string.
    pub fn algorithm(&self) -> Option<&str> {
        self.string("alg")
    }

    /// `typ`, if it is a string.
    pub fn typ(&self) -> Option<&str> {
        self.string("typ")
    }

    /// `kid`, if it is a string.
    pub fn kid(&self) -> Option<&str> {
        self.string("kid")
    }

    /// Every member, as it was sent.
    pub fn members(&self) -> &Object<'static> {
        &self.members
    }

    fn string(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }
}

/// Which values of `typ` a kind of token may have (RFC 8725 §3.11). Kinds that are told apart by it cannot be
/// taken for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typ<'a> {
    /// One of these media types, written without `application/`.
    OneOf(&'a [&'a str]),
    /// `JWT`, or none: for issuers that do not tell kinds apart, and are configured as such.
    Untyped,
}

impl Typ<'_> {
    /// RFC 7515 §4.1.9: media types are compared without regard to case, and `application/` may be left out.
    fn accepts(&self, typ: Option<&str>) -> bool {
        match self {
            Self::OneOf(types) => typ.is_some_and(|typ| types.iter().any(|known| is_media_type(typ, known))),
            Self::Untyped => typ.is_none_or(|typ| is_media_type(typ, "jwt")),
        }
    }
}

/// Whether a kind of token carries its own key in `jwk`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmbeddedKey {
    /// It does, as in a DPoP proof (RFC 9449 §4.2); the caller takes it from there.
    Allowed,
    /// It does not: anybody can write a token with their own key in it.
    Refused,
}

/// Applies the header rules: `typ` is the expected one, nothing asks for special treatment, `alg` is in
/// `allowed`, and `kid` is a plain string of at most 256 bytes.
///
/// # Errors
/// `token_type_wrong`, `header_unsupported`, `algorithm_not_allowed`.
pub fn check_header(header: &Header, allowed: &[Algorithm], typ: Typ<'_>) -> Result<Algorithm, TokenError> {
    check_header_with(header, allowed, typ, EmbeddedKey::Refused)
}

/// As [`check_header`], for a kind of token that may have a `jwk`.
pub(crate) fn check_header_with(
    header: &Header,
    allowed: &[Algorithm],
    typ: Typ<'_>,
    embedded: EmbeddedKey,
) -> Result<Algorithm, TokenError> {
    check_typ(header, typ)?;
    check_members(header, embedded)?;
    check_kid(header)?;
    check_algorithm(header, allowed)
}

fn check_typ(header: &Header, typ: Typ<'_>) -> Result<(), TokenError> {
    let refuse = |detail| Err(TokenError::new(Code::TokenTypeWrong, detail));
    match header.members.get("typ") {
        Some(value) if value.as_str().is_none() => {
            refuse(format!("`typ` is {} instead of a string", value.kind()))
        }
        _ if typ.accepts(header.typ()) => Ok(()),
        Some(_) => {
            refuse(format!("`typ` is {}, which is another kind of token", quote(header.typ().unwrap_or(""))))
        }
        None => refuse("`typ` is missing, so this may be any kind of token".into()),
    }
}

fn check_members(header: &Header, embedded: EmbeddedKey) -> Result<(), TokenError> {
    let refuse = |detail| Err(TokenError::new(Code::HeaderUnsupported, detail));
    for (name, why) in REFUSED {
        if header.members.get(name).is_some() {
            return refuse(format!("the header has `{name}`: {why}"));
        }
    }
    // RFC 8725 §3.10, RFC 9449 §4.2.
    if embedded == EmbeddedKey::Refused && header.members.get("jwk").is_some() {
        return refuse("the header has `jwk`: a key is never taken from the token itself".into());
    }
    // RFC 7519 §5.2: a token in a token. We open one envelope only.
    match header.members.get("cty") {
        None => Ok(()),
        Some(Value::String(cty)) if !is_media_type(cty, "jwt") => Ok(()),
        Some(_) => refuse("the header has a `cty` that announces a token inside the token".into()),
    }
}

fn check_kid(header: &Header) -> Result<(), TokenError> {
    let refuse = |detail| Err(TokenError::new(Code::HeaderUnsupported, detail));
    match header.members.get("kid") {
        None => Ok(()),
        // RFC 8725 §3.10: `kid` is the sender's text; it is looked up exactly and used for nothing else.
        Some(Value::String(kid)) if is_plain_kid(kid) => Ok(()),
        Some(Value::String(kid)) => refuse(format!(
            "`kid` {} is empty, longer than {KID_BYTES} bytes or has control characters",
            quote(kid)
        )),
        Some(other) => refuse(format!("`kid` is {} instead of a string", other.kind())),
    }
}

/// RFC 8725 §3.1: an allow-list, compared exactly.
fn check_algorithm(header: &Header, allowed: &[Algorithm]) -> Result<Algorithm, TokenError> {
    let refuse = |detail| Err(TokenError::new(Code::AlgorithmNotAllowed, detail));
    let name = match header.members.get("alg") {
        Some(Value::String(name)) => name,
        Some(other) => return refuse(format!("`alg` is {} instead of a string", other.kind())),
        None => return refuse("`alg` is missing".into()),
    };
    match Algorithm::from_name(name).filter(|algorithm| allowed.contains(algorithm)) {
        Some(algorithm) => Ok(algorithm),
        None => refuse(format!("`alg` is {}, and only {} are accepted here", quote(name), Names(allowed))),
    }
}

/// Whether a text can be a `kid`, in a header or in a key set.
pub(super) fn is_plain_kid(kid: &str) -> bool {
    !kid.is_empty() && kid.len() <= KID_BYTES && !kid.chars().any(|c| c.is_control() || is_invisible(c))
}

fn is_media_type(typ: &str, expected: &str) -> bool {
    let short = match typ.split_once('/') {
        Some((tree, short)) if tree.eq_ignore_ascii_case("application") => short,
        Some(_) => return false,
        None => typ,
    };
    short.eq_ignore_ascii_case(expected)
}

struct Names<'a>(&'a [Algorithm]);

impl core::fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (index, algorithm) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            write!(f, "`{algorithm}`")?;
        }
        Ok(())
    }
}
