//! What the vector tests share: fixed keys, a file of cases, and whether it is up to date.

#![allow(dead_code, missing_docs, reason = "each test takes what it needs")]

use std::{fs, path::PathBuf};

use actfor::jose::{Algorithm, base64url};
use actfor::json::{self, Object, Value, Writer};
use actfor_mint::{SigningKey, patterns};

/// The vectors are read at this time: 60 seconds after the tokens were issued.
pub const NOW: u64 = 1_795_000_060;

pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

pub fn read(name: &str) -> Value<'static> {
    let text = fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    json::parse(&text, &json::Limits::CONFIG).unwrap_or_else(|error| panic!("{name}: {error}")).into_owned()
}

/// Compares the file with what the generator makes of it; `ACTFOR_WRITE_VECTORS=1` writes it instead.
pub fn settle(name: &str, text: &str) {
    if std::env::var_os("ACTFOR_WRITE_VECTORS").is_some() {
        fs::write(path(name), text).unwrap();
    }
    let found = fs::read_to_string(path(name)).unwrap_or_default();
    let at = found.lines().zip(text.lines()).position(|(a, b)| a != b);
    assert!(
        found == text,
        "{name} is not what the generator writes (first at line {at:?}); run it again with ACTFOR_WRITE_VECTORS=1"
    );
}

pub fn string<'o>(object: &'o Object<'_>, name: &str) -> &'o str {
    object.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("no string `{name}`"))
}

/// Refuses members that nobody reads: a misspelt one would be a check that is not made.
pub fn only(object: &Object<'_>, known: &[&str]) {
    for (name, _) in object.iter() {
        assert!(known.contains(&name), "unknown member `{name}`");
    }
}

pub fn object(write: impl FnOnce(&mut Writer)) -> String {
    let mut w = Writer::default();
    w.object(write);
    w.finish()
}

/// A key that is always the same.
pub fn key(algorithm: Algorithm, seed: u8) -> SigningKey {
    SigningKey::from_seed(algorithm, [seed; 32]).unwrap()
}

pub fn rsa_key(kid: &str) -> SigningKey {
    SigningKey::from_jwk(&development_key("rsa")).unwrap().with_kid(kid)
}

/// A key of the file of development keys, as JSON.
pub fn development_key(name: &str) -> String {
    let keys = read("jose/development_keys.json");
    let mut w = Writer::default();
    w.value(keys.as_object().unwrap().get(name).unwrap());
    w.finish()
}

/// The claims of the first running example.
pub fn claims() -> String {
    patterns::claims(patterns::Pattern::Interactive, &patterns::Mint::fixture())
}

pub fn join(header: &[u8], payload: &[u8], signature: &[u8]) -> String {
    [header, payload, signature].map(base64url::encode).join(".")
}

/// The same token with another signature.
pub fn resigned(token: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    format!("{signed}.{}", base64url::encode(&change(base64url::decode(signature).unwrap())))
}

/// `order - number`, big-endian, 32 bytes each.
pub fn minus(order: &str, number: &[u8]) -> [u8; 32] {
    let mut result = hex(order);
    let mut borrow = 0_i16;
    for (index, byte) in result.iter_mut().enumerate().rev() {
        let difference = i16::from(*byte) - i16::from(number[index]) - borrow;
        borrow = i16::from(difference < 0);
        *byte = difference.rem_euclid(256) as u8;
    }
    result
}

/// Little-endian sum, 32 bytes each, without the last carry.
pub fn plus_little_endian(a: &[u8], b: [u8; 32]) -> [u8; 32] {
    let mut carry = 0_u16;
    std::array::from_fn(|index| {
        let sum = u16::from(a[index]) + u16::from(b[index]) + carry;
        carry = sum >> 8;
        sum as u8
    })
}

pub fn hex(text: &str) -> [u8; 32] {
    std::array::from_fn(|index| u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).unwrap())
}

/// The order of P-256 (SP 800-186 §3.2.1.3).
pub const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// The order of Ed25519, little-endian (RFC 8032 §5.1).
pub const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
