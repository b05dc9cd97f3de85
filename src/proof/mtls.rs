//! Certificate-bound access tokens (RFC 8705 §3): `cnf` `x5t#S256` against the certificate of the connection.
//!
//! The certificate is that of the connection, or the one in `x-forwarded-client-cert` where the other end of the
//! connection is a hop that the configuration lists (`proof.trust_forwarded_client_cert`): any client can write the
//! header, so whoever is not listed may send it in vain.

use alloc::{string::String, vec::Vec};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{Code, Refusal};
use crate::expr::net::Range;
use crate::jose::base64url;
use crate::request::Request;

/// The SHA-256 hash of the client certificate of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    sha256: [u8; 32],
}

impl Certificate {
    /// From the certificate itself (DER).
    pub fn from_der(der: &[u8]) -> Self {
        Self { sha256: Sha256::digest(der).into() }
    }

    /// From its SHA-256 in hexadecimal, 64 digits with or without colons between the bytes, as TLS stacks show it.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let mut sha256 = [0; 32];
        let mut digits = hex.bytes();
        for (index, byte) in sha256.iter_mut().enumerate() {
            let mut next = digits.next()?;
            if index > 0 && next == b':' {
                next = digits.next()?;
            }
            let high = char::from(next).to_digit(16)?;
            let low = char::from(digits.next()?).to_digit(16)?;
            *byte = (high << 4 | low) as u8;
        }
        digits.next().is_none().then_some(Self { sha256 })
    }

    /// From the values of `x-forwarded-client-cert`, written by a hop that is trusted: the `Hash` of the last
    /// element, which is the one that this hop added.
    ///
    /// # Errors
    /// `proof_invalid` where it is not there once, cannot be read, or has no single `Hash` in its last element.
    pub fn from_forwarded(headers: &[&[u8]]) -> Result<Self, Refusal> {
        let value = match headers {
            [value] => core::str::from_utf8(value).ok().filter(|text| text.is_ascii()),
            _ => return invalid("there is not one `x-forwarded-client-cert` header"),
        };
        let Some(element) = value.and_then(last_element) else {
            return invalid("the `x-forwarded-client-cert` header cannot be read");
        };
        match element.and_then(Self::from_hex) {
            Some(certificate) => Ok(certificate),
            None => invalid(
                "the last element of `x-forwarded-client-cert` has no single `Hash` of 64 hexadecimal digits",
            ),
        }
    }

    /// Whether it is the certificate that a token names in `x5t#S256`: base64url of the hash, without padding.
    pub fn is(&self, thumbprint: &str) -> bool {
        let own = base64url::encode(&self.sha256);
        own.as_bytes().ct_eq(thumbprint.as_bytes()).into()
    }
}

/// The client's certificate: the one that a listed hop forwards, else that of the connection.
///
/// # Errors
/// `proof_invalid` for a header that a listed hop wrote and that cannot be read.
pub(crate) fn of_request(request: &Request<'_>, hops: &[Range]) -> Result<Option<Certificate>, Refusal> {
    // An IPv4 address that a host shows as an IPv6 one is still the same hop.
    let hop = request.peer.map(|peer| peer.to_canonical());
    let forwarded: Vec<_> = request.header("x-forwarded-client-cert").collect();
    match hop.filter(|hop| hops.iter().any(|known| known.contains(*hop))) {
        Some(_) if !forwarded.is_empty() => Certificate::from_forwarded(&forwarded).map(Some),
        _ => Ok(request.certificate.copied()),
    }
}

/// Checks that the connection has the certificate that the token is bound to.
///
/// # Errors
/// `proof_missing` where the connection has none, `proof_invalid` where it has another.
pub fn verify(thumbprint: &str, certificate: Option<&Certificate>) -> Result<(), Refusal> {
    match certificate {
        None => Err(Refusal::new(
            Code::ProofMissing,
            "the access token is bound to a client certificate, and the connection has none",
        )),
        Some(certificate) if certificate.is(thumbprint) => Ok(()),
        Some(_) => invalid("the client certificate is another one than the access token is bound to"),
    }
}

fn invalid<T>(detail: &str) -> Result<T, Refusal> {
    Err(Refusal::new(Code::ProofInvalid, String::from(detail)))
}

/// The value of `Hash` in the last element: `None` where the header cannot be read, `Some(None)` where the last
/// element has no `Hash` or several.
fn last_element(header: &str) -> Option<Option<&str>> {
    let element = split_quoted(header, ',')?;
    let mut rest = element;
    let mut hash = None;
    let mut count = 0_usize;
    while !rest.is_empty() {
        let last = split_quoted(rest, ';')?;
        let before = rest.len().checked_sub(last.len())?;
        let (name, value) = last.trim().split_once('=')?;
        if name.eq_ignore_ascii_case("hash") {
            hash = Some(value);
            count = count.saturating_add(1);
        }
        rest = match before.checked_sub(1) {
            Some(end) => rest.get(..end)?,
            None => "",
        };
    }
    Some(hash.filter(|_| count == 1))
}

/// What follows the last `separator` outside of quotes; `None` for a quote that does not end. In quotes, `\"`
/// stands for a quote.
fn split_quoted(text: &str, separator: char) -> Option<&str> {
    let mut start = 0;
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => start = at.checked_add(1)?,
            _ => {}
        }
    }
    if quoted { None } else { text.get(start..) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};

    const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const OTHER: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    fn forwarded(text: &str) -> Result<Certificate, Code> {
        Certificate::from_forwarded(&[text.as_bytes()]).map_err(|refusal| refusal.code)
    }

    #[test]
    fn compares_with_the_thumbprint_of_the_token() {
        // SHA-256 of `abc`, FIPS 180-4.
        let certificate = Certificate::from_der(b"abc");
        assert_eq!(Some(certificate), Certificate::from_hex(HASH));
        let thumbprint = base64url::encode(&certificate.sha256);
        assert!(certificate.is(&thumbprint));
        assert_eq!(verify(&thumbprint, Some(&certificate)), Ok(()));
        for wrong in [HASH.to_string(), format!("{thumbprint}="), HASH.to_uppercase(), String::new()] {
            assert_eq!(verify(&wrong, Some(&certificate)).unwrap_err().code, Code::ProofInvalid, "{wrong}");
        }
        assert_eq!(verify(&thumbprint, None).unwrap_err().code, Code::ProofMissing);
    }

    #[test]
    fn reads_hexadecimal_as_tls_stacks_write_it() {
        let colons: Vec<_> = HASH
            .as_bytes()
            .chunks(2)
            .map(|pair| core::str::from_utf8(pair).unwrap().to_uppercase())
            .collect();
        assert_eq!(Certificate::from_hex(&colons.join(":")), Certificate::from_hex(HASH));
        for wrong in [
            "",
            HASH.get(1..).unwrap(),
            HASH.get(2..).unwrap(),
            &format!("{HASH}00"),
            &format!(":{HASH}"),
            &HASH.replace('b', "g"),
        ] {
            assert_eq!(Certificate::from_hex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn takes_the_last_forwarded_element_only() {
        let good = Certificate::from_hex(HASH).unwrap();
        for text in [
            format!("Hash={HASH}"),
            format!("By=spiffe://a/b;Hash={HASH};Subject=\"CN=a,O=\\\"b;Hash={OTHER},\\\"\""),
            format!("Hash={OTHER},By=x;hash={HASH};URI=y"),
            format!("Hash={OTHER}, Hash={HASH}"),
            // A backslash stands for itself outside of quotes.
            format!("Hash={OTHER};By=a\\,Hash={HASH}"),
        ] {
            assert_eq!(forwarded(&text), Ok(good), "{text}");
        }
        assert_ne!(forwarded(&format!("Hash={HASH},Hash={OTHER}")), Ok(good));
        for text in [
            format!("Hash={HASH},By=x"),
            format!("Hash={HASH},"),
            format!("Hash={HASH};Hash={HASH}"),
            format!("Hash={HASH};Subject=\"open"),
            format!("Hash={HASH};junk"),
            format!("Subject=\"Hash={HASH}\""),
            format!("Hash=\"{HASH}\""),
            "é".into(),
            String::new(),
        ] {
            assert_eq!(forwarded(&text), Err(Code::ProofInvalid), "{text}");
        }
        assert_eq!(Certificate::from_forwarded(&[]).unwrap_err().code, Code::ProofInvalid);
        let twice = Certificate::from_forwarded(&[HASH.as_bytes(), HASH.as_bytes()]);
        assert_eq!(twice.unwrap_err().code, Code::ProofInvalid);
    }
}
