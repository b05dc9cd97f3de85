//! Keys that sign.

use std::fmt;

use actfor::jose::{Algorithm, Key, base64url};
use actfor::json::{self, Object, Value, Writer};
use p256::ecdsa::signature::Signer as _;
use sha2::Digest as _;

use crate::ed25519;

/// Why a key or a token could not be made: lower case, no final stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintError(String);

impl MintError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MintError {}

/// A private key for one algorithm. Its signatures are deterministic: ES256 by RFC 6979, Ed25519 and RS256 by
/// their nature.
pub struct SigningKey {
    algorithm: Algorithm,
    secret: Secret,
    kid: String,
}

enum Secret {
    Ed25519(ed25519::Key),
    Es256(p256::ecdsa::SigningKey),
    #[cfg(feature = "rs256")]
    Rs256(Box<rsa::pkcs1v15::SigningKey<sha2::Sha256>>),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {})", self.algorithm, self.kid)
    }
}

/// What a DPoP proof says.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// `jti`: another one for each proof.
    pub jti: &'a str,
    /// `htm`
    pub method: &'a str,
    /// `htu`: the address of the request, without query and fragment.
    pub url: &'a str,
    /// `iat`, seconds since 1970-01-01 UTC.
    pub issued_at: u64,
    /// The access token that goes with the request; its hash becomes `ath`.
    pub access_token: &'a str,
    /// `nonce`, where the service gave one.
    pub nonce: Option<&'a str>,
}

/// `N` random bytes from the host.
///
/// # Errors
/// Where the host has no randomness to give.
pub fn random<const N: usize>() -> Result<[u8; N], MintError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| MintError::new(format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// SHA-256 of a text in base64url, as `ath` has it (RFC 9449 §4.2).
pub fn digest(text: &str) -> String {
    base64url::encode(&sha2::Sha256::digest(text))
}

impl SigningKey {
    /// A fresh key; its `kid` is its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// Where the host has no randomness, or the algorithm is not one that this crate signs with.
    pub fn generate(algorithm: Algorithm) -> Result<Self, MintError> {
        match algorithm {
            Algorithm::EdDsa | Algorithm::Ed25519 => Self::from_seed(algorithm, random()?),
            Algorithm::Es256 => loop {
                // All but one in 2^32 of these are scalars of the curve.
                if let Ok(key) = Self::from_seed(algorithm, random()?) {
                    return Ok(key);
                }
            },
            #[cfg(feature = "rs256")]
            Algorithm::Rs256 => {
                let key = rsa::PrivateKey::new(&mut getrandom::SysRng, 2048)
                    .map_err(|error| MintError::new(format!("no RSA key: {error}")))?;
                Self::named(algorithm, Secret::Rs256(Box::new(rsa::pkcs1v15::SigningKey::new(key))), None)
            }
            _ => Err(MintError::new(format!("this build does not sign with `{algorithm}`"))),
        }
    }

    /// The key of ES256 or Ed25519 that these 32 bytes are: for tests that always need the same one.
    ///
    /// # Errors
    /// Where they are not a key of the algorithm.
    pub fn from_seed(algorithm: Algorithm, seed: [u8; 32]) -> Result<Self, MintError> {
        let secret = match algorithm {
            Algorithm::EdDsa | Algorithm::Ed25519 => Secret::Ed25519(ed25519::Key::new(seed)),
            Algorithm::Es256 => Secret::Es256(
                p256::ecdsa::SigningKey::from_slice(&seed)
                    .map_err(|_| MintError::new("`d` is not a key of P-256"))?,
            ),
            _ => return Err(MintError::new(format!("a key for `{algorithm}` is not made from a seed"))),
        };
        Self::named(algorithm, secret, None)
    }

    /// Reads a private JWK, as [`Self::to_jwk`] writes it.
    ///
    /// # Errors
    /// Where it is not one, or its public half is of another key.
    pub fn from_jwk(text: &str) -> Result<Self, MintError> {
        let value = json::parse(text.as_bytes(), &json::Limits::TOKEN)
            .map_err(|error| MintError::new(format!("the key is not JSON: {error}")))?;
        let jwk = value.as_object().ok_or_else(|| MintError::new("a key is a JSON object"))?;
        let string = |name: &str| jwk.get(name).and_then(Value::as_str);
        let algorithm = match (string("alg"), string("kty"), string("crv")) {
            (Some(name), _, _) => Algorithm::from_name(name),
            (None, Some("EC"), Some("P-256")) => Some(Algorithm::Es256),
            (None, Some("OKP"), Some("Ed25519")) => Some(Algorithm::Ed25519),
            (None, Some("RSA"), _) => Algorithm::from_name("RS256"),
            _ => None,
        };
        let algorithm = algorithm.ok_or_else(|| MintError::new("the key has no `alg` that is known here"))?;
        let key = match algorithm {
            #[cfg(feature = "rs256")]
            Algorithm::Rs256 => Self::named(algorithm, rsa_secret(jwk)?, None)?,
            _ => {
                let seed =
                    part(jwk, "d")?.try_into().map_err(|_| MintError::new("`d` does not have 32 bytes"))?;
                Self::from_seed(algorithm, seed)?
            }
        };
        for member in ["x", "y", "n", "e"] {
            if string(member).is_some_and(|text| Some(text) != key.public_member(member).as_deref()) {
                return Err(MintError::new(format!("`{member}` belongs to another key than `d`")));
            }
        }
        match string("kid") {
            Some(kid) => Ok(key.with_kid(kid)),
            None => Ok(key),
        }
    }

    /// The same key under another `kid`.
    #[must_use]
    pub fn with_kid(mut self, kid: &str) -> Self {
        kid.clone_into(&mut self.kid);
        self
    }

    /// The algorithm it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The `kid` it writes.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The private key as JSON (RFC 7517): whoever reads it can sign.
    pub fn to_jwk(&self) -> String {
        self.jwk(&self.private_members())
    }

    /// The public key as JSON, for a key set.
    pub fn public_jwk(&self) -> String {
        self.jwk(&[])
    }

    /// The RFC 7638 thumbprint in base64url, as `cnf.jkt` has it.
    pub fn thumbprint(&self) -> Result<String, MintError> {
        // As the verifier computes it: one definition.
        verifier(&self.public_jwk(), self.algorithm).map(|key| base64url::encode(&key.thumbprint()))
    }

    /// Signs claims (JSON) into a compact JWS with `alg`, `typ` and `kid` in its header.
    pub fn sign(&self, typ: &str, claims: &str) -> String {
        let mut header = Writer::default();
        header.object(|w| {
            w.key("alg").string(self.algorithm.name());
            w.key("typ").string(typ);
            w.key("kid").string(&self.kid);
        });
        self.sign_as(header.finish().as_bytes(), claims.as_bytes())
    }

    /// Makes a DPoP proof (RFC 9449 §4.2) for one request with one access token.
    ///
    /// # Errors
    /// Never for a key that this crate made.
    pub fn prove(&self, proof: &Proof<'_>) -> Result<String, MintError> {
        let mut header = Writer::default();
        let jwk = verifier(&self.public_jwk(), self.algorithm)?;
        header.object(|w| {
            w.key("typ").string("dpop+jwt");
            w.key("alg").string(self.algorithm.name());
            w.key("jwk").raw(jwk.canonical_jwk());
        });
        let mut claims = Writer::default();
        claims.object(|w| {
            w.key("jti").string(proof.jti);
            w.key("htm").string(proof.method);
            w.key("htu").string(proof.url);
            w.key("iat").number(proof.issued_at);
            w.key("ath").string(&digest(proof.access_token));
            if let Some(nonce) = proof.nonce {
                w.key("nonce").string(nonce);
            }
        });
        Ok(self.sign_as(header.finish().as_bytes(), claims.finish().as_bytes()))
    }

    /// Signs any header and any payload, whether they make sense or not.
    pub fn sign_as(&self, header: &[u8], payload: &[u8]) -> String {
        let mut token = format!("{}.{}", base64url::encode(header), base64url::encode(payload));
        let signature = self.signature(token.as_bytes());
        token.push('.');
        token.push_str(&base64url::encode(&signature));
        token
    }

    /// The bare signature of a message.
    pub fn signature(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Ed25519(key) => key.sign(message),
            Secret::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            #[cfg(feature = "rs256")]
            Secret::Rs256(key) => {
                use rsa::signature::SignatureEncoding as _;
                key.sign(message).to_vec()
            }
        }
    }

    fn named(algorithm: Algorithm, secret: Secret, kid: Option<&str>) -> Result<Self, MintError> {
        let mut key = Self { algorithm, secret, kid: String::new() };
        key.kid = match kid {
            Some(kid) => kid.to_owned(),
            None => key.thumbprint()?,
        };
        Ok(key)
    }

    fn jwk(&self, private: &[(&'static str, String)]) -> String {
        let mut w = Writer::default();
        w.object(|w| {
            w.key("kty").string(match self.secret {
                Secret::Ed25519(_) => "OKP",
                Secret::Es256(_) => "EC",
                #[cfg(feature = "rs256")]
                Secret::Rs256(_) => "RSA",
            });
            for (name, value) in self.public_members().iter().chain(private) {
                w.key(name).string(value);
            }
            w.key("alg").string(self.algorithm.name());
            w.key("use").string("sig");
            if !self.kid.is_empty() {
                w.key("kid").string(&self.kid);
            }
        });
        w.finish()
    }

    fn public_member(&self, name: &str) -> Option<String> {
        self.public_members().into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn public_members(&self) -> Vec<(&'static str, String)> {
        match &self.secret {
            Secret::Ed25519(key) => {
                vec![("crv", "Ed25519".into()), ("x", base64url::encode(key.public()))]
            }
            Secret::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let coordinate = |bytes: Option<&[u8]>| base64url::encode(bytes.unwrap_or_default());
                vec![
                    ("crv", "P-256".into()),
                    ("x", coordinate(point.x().map(|x| x.as_slice()))),
                    ("y", coordinate(point.y().map(|y| y.as_slice()))),
                ]
            }
            #[cfg(feature = "rs256")]
            Secret::Rs256(key) => {
                use rsa::traits::PublicKeyParts as _;
                let key: &rsa::PrivateKey = key.as_ref().as_ref();
                vec![
                    ("n", base64url::encode(&key.n().to_be_bytes_trimmed_vartime())),
                    ("e", base64url::encode(&key.e().to_be_bytes_trimmed_vartime())),
                ]
            }
        }
    }

    fn private_members(&self) -> Vec<(&'static str, String)> {
        match &self.secret {
            Secret::Ed25519(key) => vec![("d", base64url::encode(key.seed()))],
            Secret::Es256(key) => vec![("d", base64url::encode(&key.to_bytes()))],
            #[cfg(feature = "rs256")]
            Secret::Rs256(key) => {
                use rsa::traits::PrivateKeyParts as _;
                let key: &rsa::PrivateKey = key.as_ref().as_ref();
                let mut members = vec![("d", base64url::encode(&key.d().to_be_bytes_trimmed_vartime()))];
                for (name, prime) in ["p", "q"].into_iter().zip(key.primes()) {
                    members.push((name, base64url::encode(&prime.to_be_bytes_trimmed_vartime())));
                }
                members
            }
        }
    }
}

/// The key as a verifier reads it.
fn verifier(public_jwk: &str, algorithm: Algorithm) -> Result<Key, MintError> {
    let value = json::parse(public_jwk.as_bytes(), &json::Limits::TOKEN)
        .map_err(|error| MintError::new(format!("the key is not JSON: {error}")))?;
    let jwk = value.as_object().ok_or_else(|| MintError::new("a key is a JSON object"))?;
    Key::from_jwk(jwk, &[algorithm]).map_err(|error| MintError::new(format!("unusable key: {error}")))
}

fn part(jwk: &Object<'_>, name: &str) -> Result<Vec<u8>, MintError> {
    jwk.get(name)
        .and_then(Value::as_str)
        .and_then(base64url::decode)
        .ok_or_else(|| MintError::new(format!("`{name}` is missing, or is not base64url without padding")))
}

#[cfg(feature = "rs256")]
fn rsa_secret(jwk: &Object<'_>) -> Result<Secret, MintError> {
    let number = |name| part(jwk, name).map(|bytes| rsa::BoxedUint::from_be_slice_vartime(&bytes));
    let key = rsa::PrivateKey::from_components(
        number("n")?,
        number("e")?,
        number("d")?,
        vec![number("p")?, number("q")?],
    )
    .map_err(|error| MintError::new(format!("not an RSA key: {error}")))?;
    Ok(Secret::Rs256(Box::new(rsa::pkcs1v15::SigningKey::new(key))))
}
