//! The keys of one issuer (RFC 7517 §5) and the choice among them.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use crate::error::{Code, ConfigError, TokenError, quote};
use crate::json::{self, Value};

use super::{Algorithm, HostCrypto, Key, KeyError};

/// How much a key set may hold: 256 KiB, and no token needs more than 256 keys to choose from.
const LIMITS: json::Limits = json::Limits { bytes: 262_144, depth: 16, members: 64, values: 16_384 };
const KEYS: usize = 256;

/// The keys of one issuer; never of two (RFC 8725 §3.8).
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: Vec<(usize, KeyError)>,
}

impl KeySet {
    /// Reads a JWK Set for an issuer that may sign with `allowed`. Keys that serve another purpose or that
    /// cannot be used are left out and listed in [`Self::skipped`].
    ///
    /// # Errors
    /// `keys_invalid` where it is not a JWK Set, or where two keys have the same `kid`.
    pub fn parse(json: &[u8], allowed: &[Algorithm]) -> Result<Self, ConfigError> {
        match json::parse(json, &LIMITS) {
            Ok(value) => Self::from_value(&value, allowed),
            Err(error) => Err(invalid("", format!("the key set is not JSON: {error}"))),
        }
    }

    /// As [`Self::parse`], where the key set is a part of a larger document.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn from_value(value: &Value<'_>, allowed: &[Algorithm]) -> Result<Self, ConfigError> {
        let Some(keys) = value.as_object().and_then(|set| set.get("keys")).and_then(Value::as_array) else {
            return Err(invalid("", "a key set is an object with an array `keys` (RFC 7517 §5)".to_owned()));
        };
        if keys.len() > KEYS {
            return Err(invalid("keys", format!("it has {} keys, at most {KEYS} are read", keys.len())));
        }
        let mut set = Self::default();
        for (index, jwk) in keys.iter().enumerate() {
            let path = format!("keys[{index}]");
            let Some(jwk) = jwk.as_object() else {
                return Err(invalid(&path, format!("a key is an object, and this is {}", jwk.kind())));
            };
            // RFC 7517 §4.5 says SHOULD. Two keys of one name leave the choice to chance, so we refuse; also
            // where one of them cannot be used.
            let kid = jwk.get("kid").and_then(Value::as_str);
            let same = |earlier: &Value<'_>| {
                kid.is_some()
                    && earlier.as_object().and_then(|jwk| jwk.get("kid")).and_then(Value::as_str) == kid
            };
            if keys.iter().take(index).any(same) {
                let name = quote(kid.unwrap_or_default());
                return Err(invalid(&path, format!("`kid` {name} is there twice; give each key its own")));
            }
            match Key::from_jwk(jwk, allowed) {
                Ok(key) => set.keys.push(key),
                Err(error) => set.skipped.push((index, error)),
            }
        }
        Ok(set)
    }

    /// Has `host` check the signatures of these keys, where it can. It changes no result.
    pub fn use_host(&mut self, host: Option<&'static dyn HostCrypto>) {
        self.keys.iter_mut().for_each(|key| key.use_host(host));
    }

    /// Makes keys faster that will verify many tokens: lays out tables for the first eight ES256 keys, 36 KiB each
    /// and once as much for the generator. It takes some milliseconds, so it is for after the start, and for hosts
    /// that verify here and not with their own crypto. It changes no result.
    pub fn prepare(&mut self) {
        #[cfg(feature = "es256")]
        {
            const PREPARED: usize = 8;
            let mut generator = None;
            let mut count = 0_usize;
            for key in &mut self.keys {
                if count < PREPARED && key.prepare(&mut generator) {
                    count = count.saturating_add(1);
                }
            }
        }
    }

    /// The key that a token is signed with, by `kid`, `alg`, `use` and `key_ops` together. Without a `kid`
    /// there must be exactly one key for the algorithm: keys are not tried one after the other.
    ///
    /// # Errors
    /// `key_unknown`; `algorithm_not_allowed` where the key of that name serves another algorithm.
    pub fn select(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<&Key, TokenError> {
        let Some(kid) = kid else {
            let mut fitting = self.keys.iter().filter(|key| key.accepts(algorithm));
            return match (fitting.next(), fitting.next()) {
                (Some(key), None) => Ok(key),
                (None, _) => Err(unknown(format!("no key is for `{algorithm}`"))),
                (Some(_), Some(_)) => {
                    Err(unknown(format!("several keys are for `{algorithm}`, and the token has no `kid`")))
                }
            };
        };
        match self.keys.iter().find(|key| key.kid() == Some(kid)) {
            Some(key) if key.accepts(algorithm) => Ok(key),
            // RFC 8725 §3.1: one key, one algorithm.
            Some(key) => Err(TokenError::new(
                Code::AlgorithmNotAllowed,
                format!("key {} is for `{}`, and the token says `{algorithm}`", quote(kid), key.algorithm()),
            )),
            None => Err(unknown(format!("no key that can be used has the `kid` {}", quote(kid)))),
        }
    }

    /// The keys that can be used.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The keys that were left out: position in `keys`, and why.
    pub fn skipped(&self) -> &[(usize, KeyError)] {
        &self.skipped
    }
}

fn invalid(path: &str, message: String) -> ConfigError {
    ConfigError::new(Code::KeysInvalid, path, message)
}

fn unknown(detail: String) -> TokenError {
    TokenError::new(Code::KeyUnknown, detail)
}
