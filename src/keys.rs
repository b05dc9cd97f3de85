//! The keys of issuers while a guard is in use: where they are fetched, how they change, what checks signatures.
//!
//! Fetching is the host's. What is remembered of the old keys goes with them: an entry of the cache stays only where the
//! same token would be verified with the same key again.

use alloc::{format, sync::Arc};

use crate::error::{Code, ConfigError, quote};
use crate::guard::Guard;
use crate::jose::{HostCrypto, KeySet};
use crate::time::Timestamp;

impl Guard {
    /// The issuers whose keys the host has to fetch: issuer and `jwks_uri`.
    pub fn key_sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.config
            .issuers
            .iter()
            .filter_map(|issuer| Some((issuer.issuer.as_str(), issuer.jwks_uri.as_deref()?)))
    }

    /// Takes a fresh key set (JWK Set, JSON) that was fetched at `now`, for an issuer whose configuration has
    /// `jwks_uri`. It is used for `jwks_max_age` seconds. Remembered tokens whose key is gone are forgotten.
    ///
    /// # Errors
    /// `keys_invalid`, and `config_invalid` for an issuer without `jwks_uri`; the keys from before stay.
    pub fn set_keys(&mut self, issuer: &str, jwks: &[u8], now: Timestamp) -> Result<(), ConfigError> {
        let config = Arc::make_mut(&mut self.config);
        let mut issuers = config.issuers.iter_mut().enumerate();
        let found = issuers.find(|(_, known)| known.issuer == issuer && known.jwks_uri.is_some());
        let Some((at, found)) = found else {
            let message = format!("{} is not an issuer with `jwks_uri`", quote(issuer));
            return Err(ConfigError::new(Code::ConfigInvalid, "issuers", message));
        };
        let mut keys = KeySet::parse(jwks, &found.algorithms)?;
        keys.use_host(config.host);
        self.cache.get_mut().retain(|token| token.issuer() != at || token.is_signed_with(&keys));
        found.keys = Some(keys);
        found.keys_fetched = Some(now);
        Ok(())
    }

    /// Makes keys faster that will verify many tokens ([`KeySet::prepare`]). It takes some milliseconds: call it after
    /// the start and after [`Self::set_keys`], where signatures are not left to the host. It changes no decision.
    pub fn prepare(&mut self) {
        for issuer in &mut Arc::make_mut(&mut self.config).issuers {
            if let Some(keys) = &mut issuer.keys {
                keys.prepare();
            }
        }
    }

    /// Has `host` check signatures from now on, where it can. It changes no decision.
    pub fn use_host_crypto(&mut self, host: &'static dyn HostCrypto) {
        Arc::make_mut(&mut self.config).use_host(host);
    }

    /// A clone that also remembers the tokens that this guard has verified: for a host that replaces its guard with
    /// one that has other keys or tuples.
    #[must_use]
    pub fn successor(&self) -> Self {
        let mut next = self.clone();
        if let Ok(cache) = self.cache.try_borrow() {
            next.cache = cache.clone().into();
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::jose::{Algorithm, Key};

    #[derive(Debug)]
    struct Yes;

    impl HostCrypto for Yes {
        fn verify(&self, _: &Key, _: Algorithm, _: &[u8], _: &[u8]) -> Option<bool> {
            Some(true)
        }
    }

    /// Every key that the configuration holds, not only those of access tokens.
    #[test]
    fn a_host_checks_for_every_key_of_the_configuration() {
        let key = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let signer = format!(r#""algorithms":["Ed25519"],"jwks":{key}"#);
        let document = format!(
            r#"{{"issuers":[{{"issuer":"https://a","audience":"x","dialect":"rfc8693",{signer},
            "context_issuers":[{{"issuer":"https://c","clients":["*"],{signer}}}]}}],
            "approvals":[{{"issuer":"https://p",{signer}}}],"names":{{"https://a":{{"user":"u:{{sub}}"}},"https://c":{{"user":"c:{{sub}}"}},"https://p":{{"user":"p:{{sub}}"}}}},"policy":"actfor 1"}}"#
        );
        let mut config = Config::parse(document.as_bytes()).unwrap().0;
        let holds = |config: &Config| {
            let issuer = config.issuers.first().unwrap();
            let context = issuer.context_issuers_for("any").next().unwrap();
            let sets =
                [issuer.keys.as_ref().unwrap(), &context.keys, &config.approvers.first().unwrap().keys];
            sets.map(|set| {
                set.select(Algorithm::Ed25519, Some("k")).unwrap().verify(Algorithm::Ed25519, b"", &[9; 64])
            })
        };
        assert_eq!(holds(&config), [false; 3]);
        config.use_host(&Yes);
        assert_eq!(holds(&config), [true; 3]);
    }
}
