//! Signatures that Envoy checks: what its foreign function `verify_signature` takes and gives.
//!
//! Envoy knows RSASSA-PKCS1-v1_5 and ECDSA, with a key as SubjectPublicKeyInfo (RFC 5280 §4.1, DER) and an ECDSA signature
//! as DER; messages are protocol buffers. Whatever it cannot tell, and every other algorithm, is left to the core's own code.

use std::{cell::RefCell, iter::repeat_n};

use actfor::jose::{Algorithm, Key, base64url};
use actfor::json::{self, Object, Value};

/// The name of the function.
pub const FUNCTION: &str = "verify_signature";

/// A question whose answer is known: a key, a signature of `actfor`, and whether it is right.
const KNOWN_ANSWER: (&str, &str) = (
    r#"{"crv":"P-256","kty":"EC","x":"b_A7lJJBzh2t1DUZ5pYOCoW0GmmgXDKBA6orzhWUyhY","y":"PE91OlW_AdxT9sCwx-7ni0DG_30lqW4igrmJzvccFEo"}"#,
    "tR3KwA_Pl1XAvE5j1UZizzB46bieviiEwdZzpOK6krnkBK4jZ_j82CQLR05_WC0u2LCaB9rO7Xt5_y8eFMHkcg",
);

/// Whether the function that `ask` calls says what it should: yes to a signature, no to the same of something else. Some
/// Envoys have no such function, or may not be asked for it.
pub fn works(ask: impl Fn(&[u8]) -> Option<Vec<u8>>) -> bool {
    let (jwk, signature) = KNOWN_ANSWER;
    let key = json::parse(jwk.as_bytes(), &json::Limits::TOKEN).ok();
    let key = key.and_then(|jwk| Key::from_jwk(jwk.as_object()?, &[Algorithm::Es256]).ok());
    let (Some(key), Some(signature)) = (key, base64url::decode(signature)) else { return false };
    let says = |message: &[u8]| {
        let question = question(&key, Algorithm::Es256, message, &signature)?;
        answer(&ask(&question)?)
    };
    says(b"actfor") == Some(true) && says(b"Actfor") == Some(false)
}

/// Keys whose DER is remembered.
const KEYS: usize = 64;

/// A key in the form that Envoy takes, by its thumbprint.
type Known = Vec<([u8; 32], Vec<u8>)>;

thread_local! {
    static KNOWN: RefCell<Known> = const { RefCell::new(Vec::new()) };
}

/// The question whether a signature holds; `None` for what Envoy does not know.
pub fn question(key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<Vec<u8>> {
    let (hash, signature) = match algorithm {
        Algorithm::Es256 => ("sha256", ecdsa(signature)?),
        Algorithm::Es384 => ("sha384", ecdsa(signature)?),
        Algorithm::Rs256 => ("sha256", signature.to_vec()),
        _ => return None,
    };
    KNOWN.with_borrow_mut(|known| {
        let thumbprint = key.thumbprint();
        if !known.iter().any(|(own, _)| *own == thumbprint) {
            if known.len() >= KEYS {
                known.remove(0);
            }
            known.push((thumbprint, public_key(key.canonical_jwk())?));
        }
        let (_, public_key) = known.iter().find(|(own, _)| *own == thumbprint)?;
        let mut out = Vec::with_capacity(message.len().saturating_add(1_024));
        for (number, bytes) in
            [(1, hash.as_bytes()), (2, public_key.as_slice()), (3, &signature), (4, message)]
        {
            // Field number and wire type 2, length, bytes (Protocol Buffers, Encoding).
            out.push(number << 3 | 2);
            varint(&mut out, bytes.len());
            out.extend_from_slice(bytes);
        }
        Some(out)
    })
}

/// What Envoy said: `{1: holds, 2: why not}`. A `false` counts where the reason is that the signature does not hold, not
/// that Envoy could not read the key or does not know the hash.
pub fn answer(bytes: &[u8]) -> Option<bool> {
    match bytes {
        [0x08, 0x01] => Some(true),
        // `false` is the default, and so is not written.
        [0x12, _, reason @ ..] if reason.starts_with(b"Failed to verify digest") => Some(false),
        _ => None,
    }
}

fn varint(out: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A DER value: tag, length, contents (X.690 §8.1).
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    match length {
        0..=0x7f => out.push(length as u8),
        0x80..=0xff => out.extend([0x81, length as u8]),
        _ => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// A DER integer that is not negative, from big-endian bytes.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let bytes = bytes.get(start..).unwrap_or_default();
    let zero: Vec<u8> = repeat_n(0, usize::from(bytes.first().is_none_or(|first| *first > 0x7f))).collect();
    der(0x02, &[&zero, bytes])
}

/// `r` and `s` side by side (RFC 7518 §3.4) as `SEQUENCE { r, s }`.
fn ecdsa(signature: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = signature.split_at_checked(signature.len() / 2)?;
    Some(der(0x30, &[&integer(r), &integer(s)]))
}

const P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07,
];
const P384: &[u8] = &[
    0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
    0x22,
];
const RSA: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// SubjectPublicKeyInfo of a public JWK.
fn public_key(jwk: &str) -> Option<Vec<u8>> {
    let jwk = json::parse(jwk.as_bytes(), &json::Limits::TOKEN).ok()?;
    let jwk: &Object<'_> = jwk.as_object()?;
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let part = |name: &str| text(name).and_then(base64url::decode);
    // A bit string says how many bits of its last byte are not used; 4 begins a point that is not compressed.
    let point = || Some([&[0, 4][..], &part("x")?, &part("y")?].concat());
    let (algorithm, bits) = match (text("kty")?, text("crv")) {
        ("EC", Some("P-256")) => (P256, point()?),
        ("EC", Some("P-384")) => (P384, point()?),
        ("RSA", None) => {
            let key = der(0x30, &[&integer(&part("n")?), &integer(&part("e")?)]);
            (RSA, [&[0][..], &key].concat())
        }
        _ => return None,
    };
    Some(der(0x30, &[algorithm, &der(0x03, &[&bits])]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The public key of RFC 7515 A.3, as OpenSSL writes it.
    #[test]
    fn writes_keys_and_signatures_as_der() {
        let jwk = r#"{"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(
            hex(&public_key(jwk).unwrap()),
            "3059301306072a8648ce3d020106082a8648ce3d030107034200047fcdce2770f6c45d4183cbee6fdb4b7b580733357be9ef13bacf6e3c7bd15445c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a4623288588e5ad"
        );
        assert_eq!(hex(&integer(&[0, 0])), "020100");
        assert_eq!(hex(&integer(&[0, 0x7f])), "02017f");
        assert_eq!(hex(&integer(&[0x80, 1])), "0203008001");
        assert_eq!(hex(&ecdsa(&[0, 1, 0xff, 0xff]).unwrap()), "30080201010203 00ffff".replace(' ', ""));
        assert_eq!(der(0x30, &[&[7; 200]]).get(..4), Some(&[0x30, 0x81, 200, 7][..]));
        assert_eq!(der(0x30, &[&[7; 300]]).get(..5), Some(&[0x30, 0x82, 1, 44, 7][..]));
    }

    #[test]
    fn a_host_is_asked_only_if_it_knows_the_known_answer() {
        let (jwk, signature) = KNOWN_ANSWER;
        let signature = base64url::decode(signature).unwrap();
        let jwk = json::parse(jwk.as_bytes(), &json::Limits::TOKEN).unwrap();
        let key = Key::from_jwk(jwk.as_object().unwrap(), &[Algorithm::Es256]).unwrap();
        assert!(key.verify(Algorithm::Es256, b"actfor", &signature));
        assert!(!key.verify(Algorithm::Es256, b"Actfor", &signature));
        let holds = |question: &[u8]| question.ends_with(b"actfor");
        let no = b"\x12\x27Failed to verify digest. Error code: 0.".to_vec();
        assert!(works(|question| Some(if holds(question) { vec![8, 1] } else { no.clone() })));
        assert!(!works(|_| None));
        assert!(!works(|_| Some(vec![8, 1])));
        assert!(!works(|_| Some(no.clone())));
        assert!(!works(|_| Some(vec![])));
    }

    #[test]
    fn believes_what_is_clear() {
        let failed = |reason: &str| [&[0x12, reason.len() as u8], reason.as_bytes()].concat();
        assert_eq!(answer(&[8, 1]), Some(true));
        assert_eq!(answer(&failed("Failed to verify digest. Error code: 0")), Some(false));
        for unclear in [
            failed("Failed to initialize digest verify."),
            failed("sha256 is not supported."),
            vec![],
            vec![8, 2],
            vec![8, 1, 0],
        ] {
            assert_eq!(answer(&unclear), None, "{unclear:?}");
        }
    }

    #[test]
    fn long_fields_have_long_lengths() {
        let mut out = Vec::new();
        for number in [5, 127, 128, 300] {
            varint(&mut out, number);
        }
        assert_eq!(out, [5, 127, 0x80, 1, 0xac, 2]);
    }
}
