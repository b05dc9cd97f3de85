//! Public keys as JSON (RFC 7517, RFC 7518 §6, RFC 8037 §2), checked when they are read and not later, and
//! their thumbprints (RFC 7638).
//!
//! A key serves exactly one algorithm (RFC 8725 §3.1): the one it names, or the one that its reader settles.

#[cfg(feature = "es256")]
use alloc::sync::Arc;
use alloc::{string::String, vec::Vec};
use core::fmt;

use sha2::{Digest, Sha256};

use crate::json::{Object, Value, Writer};

use super::algorithm::Family;
#[allow(unused_imports, reason = "a build holds the algorithms of its features only")]
use super::algorithms::{self, *};
use super::{Algorithm, HostCrypto, base64url, header::is_plain_kid};

/// Members of private and symmetric keys (RFC 7518 §6.2.2, §6.3.2, §6.4, RFC 8037 §2).
const SECRET: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key that is ready to verify.
#[derive(Debug, Clone)]
pub struct Key {
    algorithm: Algorithm,
    kid: Option<String>,
    material: Material,
    canonical: String,
    thumbprint: [u8; 32],
    host: Option<&'static dyn HostCrypto>,
}

#[derive(Debug, Clone)]
enum Material {
    #[cfg(feature = "ed25519")]
    Ed25519(ed25519::Ed25519Key),
    #[cfg(feature = "es256")]
    P256(es256::P256Key),
    #[cfg(feature = "es384")]
    P384(es384::P384Key),
    #[cfg(feature = "_rsa")]
    Rsa(rsa::RsaKey),
}

impl Material {
    /// Whether a signature is as long as this key makes them, where the algorithm alone does not say (RFC 8017 §8.1.2,
    /// §8.2.2).
    #[allow(
        unused_variables,
        unreachable_patterns,
        reason = "a build holds the algorithms of its features only"
    )]
    fn fits(&self, signature: &[u8]) -> bool {
        match self {
            #[cfg(feature = "_rsa")]
            Self::Rsa(key) => key.size() == signature.len(),
            _ => true,
        }
    }
}

/// Why a key cannot be used: lower case, no final stop; never holds a part of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyError(&'static str);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for KeyError {}

impl Key {
    /// Reads one JWK for verifying with one of `allowed`. A key that names no `alg` is settled by its type; an
    /// RSA key fits several, so `allowed` must then hold exactly one of them.
    ///
    /// # Errors
    /// Why the key cannot be used.
    pub fn from_jwk(jwk: &Object<'_>, allowed: &[Algorithm]) -> Result<Self, KeyError> {
        // A private key that was published is anybody's key, and a symmetric one signs too (RFC 8725 §3.5).
        if SECRET.iter().any(|name| jwk.get(name).is_some()) {
            return Err(KeyError("it has members of a private or symmetric key"));
        }
        check_purpose(jwk)?;
        let kid = match jwk.get("kid") {
            None => None,
            Some(Value::String(kid)) if is_plain_kid(kid) => Some(String::from(kid.as_ref())),
            Some(_) => return Err(KeyError("`kid` is not a plain string of 1 to 256 bytes")),
        };
        let family = family(jwk)?;
        let algorithm = settle(jwk, family, allowed)?;
        let (material, canonical) = material(jwk, family)?;
        let thumbprint = Sha256::digest(canonical.as_bytes()).into();
        Ok(Self { algorithm, kid, material, canonical, thumbprint, host: None })
    }

    /// The `kid`, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm it serves. [`Algorithm::EdDsa`] and [`Algorithm::Ed25519`] are the same.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether it serves this algorithm.
    pub fn accepts(&self, algorithm: Algorithm) -> bool {
        self.algorithm.same_as(algorithm)
    }

    /// Whether the signature of `message` holds. False also where the key serves another algorithm: the
    /// check stands at the moment of use (RFC 8725 §3.1).
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.accepts(algorithm) || !self.material.fits(signature) {
            return false;
        }
        let host = || self.host.and_then(|host| host.verify(self, algorithm, message, signature));
        match (algorithm, &self.material) {
            #[cfg(feature = "ed25519")]
            (Algorithm::EdDsa | Algorithm::Ed25519, Material::Ed25519(key)) => {
                algorithms::verify(&ed25519::Ed25519, key, message, signature, &host)
            }
            #[cfg(feature = "es256")]
            (Algorithm::Es256, Material::P256(key)) => {
                algorithms::verify(&es256::Es256, key, message, signature, &host)
            }
            #[cfg(feature = "es384")]
            (Algorithm::Es384, Material::P384(key)) => {
                algorithms::verify(&es384::Es384, key, message, signature, &host)
            }
            #[cfg(feature = "ps256")]
            (Algorithm::Ps256, Material::Rsa(key)) => {
                algorithms::verify(&rsa::Rsa::<rsa::Ps256>::NEW, key, message, signature, &host)
            }
            #[cfg(feature = "ps384")]
            (Algorithm::Ps384, Material::Rsa(key)) => {
                algorithms::verify(&rsa::Rsa::<rsa::Ps384>::NEW, key, message, signature, &host)
            }
            #[cfg(feature = "ps512")]
            (Algorithm::Ps512, Material::Rsa(key)) => {
                algorithms::verify(&rsa::Rsa::<rsa::Ps512>::NEW, key, message, signature, &host)
            }
            #[cfg(feature = "rs256")]
            (Algorithm::Rs256, Material::Rsa(key)) => {
                algorithms::verify(&rsa::Rsa::<rsa::Rs256>::NEW, key, message, signature, &host)
            }
            #[cfg(feature = "rs384")]
            (Algorithm::Rs384, Material::Rsa(key)) => {
                algorithms::verify(&rsa::Rsa::<rsa::Rs384>::NEW, key, message, signature, &host)
            }
            #[cfg(feature = "rs512")]
            (Algorithm::Rs512, Material::Rsa(key)) => {
                algorithms::verify(&rsa::Rsa::<rsa::Rs512>::NEW, key, message, signature, &host)
            }
            #[allow(unreachable_patterns, reason = "a build with a single algorithm has no other pair")]
            _ => false,
        }
    }

    /// Has `host` check the signatures of this key, where it can. It changes no result.
    pub fn use_host(&mut self, host: Option<&'static dyn HostCrypto>) {
        self.host = host;
    }

    /// Makes the key faster for verifying often, at the price of some memory. It changes no result.
    #[cfg(feature = "es256")]
    pub(super) fn prepare(&mut self, generator: &mut Option<Arc<es256::Comb>>) -> bool {
        match &mut self.material {
            Material::P256(key) if key.is_prepared() => true,
            Material::P256(key) => {
                key.prepare(generator.get_or_insert_with(|| Arc::new(es256::Comb::of_generator())));
                true
            }
            #[allow(unreachable_patterns, reason = "a build with a single algorithm has no other")]
            _ => false,
        }
    }

    /// The SHA-256 thumbprint (RFC 7638 §3): the same for the same key, whatever else its JWK says.
    pub fn thumbprint(&self) -> [u8; 32] {
        self.thumbprint
    }

    /// The key as JSON with its required members only, in the order of RFC 7638 §3.2: for a host's own crypto.
    pub fn canonical_jwk(&self) -> &str {
        &self.canonical
    }
}

/// RFC 7517 §4.2, §4.3: where they are there, `use` is `sig` and `key_ops` has `verify`.
fn check_purpose(jwk: &Object<'_>) -> Result<(), KeyError> {
    if jwk.get("use").is_some_and(|purpose| purpose.as_str() != Some("sig")) {
        return Err(KeyError("`use` is not `sig`"));
    }
    let Some(operations) = jwk.get("key_ops") else { return Ok(()) };
    let operations = operations.as_array().ok_or(KeyError("`key_ops` is not an array"))?;
    for (index, operation) in operations.iter().enumerate() {
        let name = operation.as_str().ok_or(KeyError("`key_ops` has something else than strings"))?;
        if operations.iter().take(index).any(|earlier| earlier.as_str() == Some(name)) {
            return Err(KeyError("`key_ops` names an operation twice"));
        }
    }
    match operations.iter().any(|operation| operation.as_str() == Some("verify")) {
        true => Ok(()),
        false => Err(KeyError("`key_ops` lacks `verify`")),
    }
}

fn family(jwk: &Object<'_>) -> Result<Family, KeyError> {
    let string = |name| jwk.get(name).and_then(Value::as_str);
    match (string("kty"), string("crv")) {
        (Some("EC"), Some("P-256")) => Ok(Family::P256),
        (Some("EC"), Some("P-384")) => Ok(Family::P384),
        (Some("OKP"), Some("Ed25519")) => Ok(Family::Ed25519),
        (Some("RSA"), _) => Ok(Family::Rsa),
        (Some("EC" | "OKP"), _) => Err(KeyError("`crv` is not a curve that is supported here")),
        _ => Err(KeyError("`kty` is not `EC`, `OKP` or `RSA`")),
    }
}

/// The one algorithm of the key.
fn settle(jwk: &Object<'_>, family: Family, allowed: &[Algorithm]) -> Result<Algorithm, KeyError> {
    let mut fitting = allowed.iter().copied().filter(|algorithm| algorithm.family() == family);
    match jwk.get("alg") {
        Some(Value::String(name)) => {
            let named = Algorithm::from_name(name).ok_or(KeyError("`alg` is not supported here"))?;
            match fitting.any(|algorithm| algorithm.same_as(named)) {
                true => Ok(named),
                false => Err(KeyError("`alg` does not fit the type of the key, or is not accepted here")),
            }
        }
        Some(_) => Err(KeyError("`alg` is not a string")),
        None => {
            let first = fitting.next().ok_or(KeyError("no algorithm that is accepted here fits the key"))?;
            match fitting.all(|algorithm| algorithm.same_as(first)) {
                true => Ok(first),
                false => {
                    Err(KeyError("several accepted algorithms fit the key, so it must name its own in `alg`"))
                }
            }
        }
    }
}

/// The key itself, with its canonical text.
#[allow(unused_variables, unreachable_patterns, reason = "a build holds the algorithms of its features only")]
fn material(jwk: &Object<'_>, family: Family) -> Result<(Material, String), KeyError> {
    match family {
        #[cfg(feature = "ed25519")]
        Family::Ed25519 => {
            // RFC 8037 §2: the 32 bytes of RFC 8032 §5.1.5.
            let x: [u8; 32] =
                bytes(jwk, "x")?.try_into().map_err(|_| KeyError("`x` does not have 32 bytes"))?;
            let key = ed25519::Ed25519Key::from_bytes(&x)
                .ok_or(KeyError("`x` is not a point of the curve, not canonical, or of small order"))?;
            Ok((Material::Ed25519(key), canonical(jwk, &["crv", "kty", "x"])))
        }
        #[cfg(feature = "es256")]
        Family::P256 => {
            let key = es256::P256Key::from_sec1_bytes(&sec1(jwk, 32)?).ok_or(OFF_CURVE)?;
            Ok((Material::P256(key), canonical(jwk, &["crv", "kty", "x", "y"])))
        }
        #[cfg(feature = "es384")]
        Family::P384 => {
            let key = es384::P384Key::from_sec1_bytes(&sec1(jwk, 48)?).map_err(|_| OFF_CURVE)?;
            Ok((Material::P384(key), canonical(jwk, &["crv", "kty", "x", "y"])))
        }
        #[cfg(feature = "_rsa")]
        Family::Rsa => {
            let key = rsa::RsaKey::from_parts(&bytes(jwk, "n")?, &bytes(jwk, "e")?).map_err(KeyError)?;
            Ok((Material::Rsa(key), canonical(jwk, &["e", "kty", "n"])))
        }
        _ => Err(KeyError("keys of this type are not part of this build")),
    }
}

#[allow(dead_code, reason = "a build holds the algorithms of its features only")]
const OFF_CURVE: KeyError = KeyError("`x` and `y` are not a point of the curve");

/// RFC 7518 §6.2.1.2: each coordinate is as long as the field, leading zeros included.
#[allow(dead_code, reason = "a build holds the algorithms of its features only")]
fn sec1(jwk: &Object<'_>, length: usize) -> Result<Vec<u8>, KeyError> {
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != length || y.len() != length {
        return Err(KeyError("`x` or `y` is not as long as the curve's field"));
    }
    Ok([&[4][..], &x, &y].concat())
}

#[allow(dead_code, reason = "a build holds the algorithms of its features only")]
fn bytes(jwk: &Object<'_>, name: &str) -> Result<Vec<u8>, KeyError> {
    let text =
        jwk.get(name).and_then(Value::as_str).ok_or(KeyError("a member of the public key is missing"))?;
    base64url::decode(text).ok_or(KeyError("a member of the public key is not base64url without padding"))
}

/// RFC 7638 §3.2, §3.3: the required members in alphabetical order, no white space. Each has one text only,
/// because base64url is strict and lengths were checked.
fn canonical(jwk: &Object<'_>, names: &[&str]) -> String {
    let mut writer = Writer::default();
    writer.object(|writer| {
        for name in names {
            writer.key(name).string_or_null(jwk.get(name).and_then(Value::as_str));
        }
    });
    writer.finish()
}
