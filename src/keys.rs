//! The keys of issuers while a guard is in use: where they are fetched, how they change, what checks signatures.
//!
//! Fetching is the host's. What is remembered of the old keys goes with them: an entry of the cache stays only where the
//! same token would be verified with the same key again.

use alloc::{format, string::String, sync::Arc, vec::Vec};

use crate::error::{Code, ConfigError, Refusal, TokenError, quote};
use crate::guard::Guard;
use crate::jose::{Algorithm, HostCrypto, Key, KeySet};
use crate::sort::sort;
use crate::time::Timestamp;

/// The keys of one signer, wherever they come from.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The keys, once they are known.
    pub set: Option<KeySet>,
    /// Where the host fetches them; `None` for keys that stand in the configuration.
    pub uri: Option<String>,
    /// When they were fetched.
    pub fetched: Option<Timestamp>,
    /// Seconds for which fetched keys may be used.
    pub max_age: u64,
    /// The host has asked for newer keys, and they have not come.
    pub awaited: bool,
}

/// Whoever signs access tokens, or assertions about them.
pub struct Signer<'s, K> {
    /// `iss`
    pub name: &'s str,
    /// What it may sign with.
    pub algorithms: &'s [Algorithm],
    /// Its keys.
    pub keys: K,
    /// Which issuer's access tokens it signs, by number; `None` where it signs assertions.
    pub tokens_of: Option<usize>,
}

impl Keys {
    /// The keys of `whose`, if there are any. Keys that were fetched too long ago may have been withdrawn: they are
    /// not used any more.
    ///
    /// # Errors
    /// `keys_unavailable`
    pub fn usable(&self, whose: &str, now: Timestamp) -> Result<&KeySet, Refusal> {
        let fresh = self.fetched.is_none_or(|fetched| now < fetched.plus(self.max_age));
        self.set.as_ref().filter(|_| fresh).ok_or_else(|| {
            let what = if fresh { "there are no keys yet" } else { "the keys are too old" };
            Refusal::new(Code::KeysUnavailable, format!("{what} for {}", quote(whose)))
        })
    }

    /// The key that something is signed with: in the inner result, that there is none. While newer keys are awaited, only
    /// they could say that, and nothing that is known makes the signature a bad one.
    ///
    /// # Errors
    /// `keys_unavailable`
    pub fn select(
        &self,
        whose: &str,
        (algorithm, kid): (Algorithm, Option<&str>),
        now: Timestamp,
    ) -> Result<Result<&Key, TokenError>, Refusal> {
        match self.usable(whose, now)?.select(algorithm, kid) {
            Err(error) if self.awaited && error.code == Code::KeyUnknown => {
                let text = format!("{}, and newer keys of {} have not come", error.detail, quote(whose));
                Err(Refusal::new(Code::KeysUnavailable, text))
            }
            found => Ok(found),
        }
    }
}

impl Guard {
    /// Those whose keys the host has to fetch, issuers of tokens and of assertions: name and `jwks_uri`, each once.
    pub fn key_sources(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut all: Vec<_> = self
            .config
            .signers()
            .filter_map(|signer| Some((signer.name, signer.keys.uri.as_deref()?)))
            .collect();
        sort(&mut all);
        all.dedup();
        all.into_iter()
    }

    /// Takes a fresh key set (JWK Set, JSON) that was fetched at `now`, for an issuer whose configuration has
    /// `jwks_uri`. It is used for `jwks_max_age` seconds. Remembered tokens whose key is gone are forgotten.
    ///
    /// # Errors
    /// `keys_invalid`, and `config_invalid` for an issuer without `jwks_uri`; the keys from before stay.
    pub fn set_keys(&mut self, issuer: &str, jwks: &[u8], now: Timestamp) -> Result<(), ConfigError> {
        let fetched = |signer: &Signer<'_, &Keys>| signer.name == issuer && signer.keys.uri.is_some();
        // One set may have to serve several entries, each with its own algorithms: all of them take it or none.
        let sets: Result<Vec<_>, _> = (self.config.signers().filter(fetched))
            .map(|signer| KeySet::parse(jwks, signer.algorithms))
            .collect();
        let sets = sets?;
        if sets.is_empty() {
            let message = format!("{} is not an issuer with `jwks_uri`", quote(issuer));
            return Err(ConfigError::new(Code::ConfigInvalid, "issuers", message));
        }
        let config = Arc::make_mut(&mut self.config);
        let host = config.host;
        let signers =
            config.signers_mut().filter(|signer| signer.name == issuer && signer.keys.uri.is_some());
        for (signer, mut set) in signers.zip(sets) {
            set.use_host(host);
            if let Some(at) = signer.tokens_of {
                self.cache.get_mut().retain(|token| token.issuer() != at || token.is_signed_with(&set));
            }
            signer.keys.set = Some(set);
            signer.keys.fetched = Some(now);
            signer.keys.awaited = false;
        }
        Ok(())
    }

    /// Newer keys of `issuer` are wanted, and nobody knows yet what they are: they are being fetched, or the fetch has
    /// failed. Until they come ([`Self::set_keys`]) the ones before are used as they were, and what is signed with a key
    /// that is not among them refuses with `keys_unavailable` in the place of `key_unknown`.
    pub fn await_keys(&mut self, issuer: &str) {
        for signer in Arc::make_mut(&mut self.config).signers_mut() {
            signer.keys.awaited |= signer.name == issuer && signer.keys.uri.is_some();
        }
    }

    /// Makes keys faster that will verify many tokens ([`KeySet::prepare`]). It takes some milliseconds: call it after
    /// the start and after [`Self::set_keys`], where signatures are not left to the host. It changes no decision.
    pub fn prepare(&mut self) {
        for issuer in &mut Arc::make_mut(&mut self.config).issuers {
            if let Some(keys) = &mut issuer.keys.set {
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
            let sets = [
                issuer.keys.set.as_ref().unwrap(),
                context.keys.set.as_ref().unwrap(),
                &config.approvers.first().unwrap().keys,
            ];
            sets.map(|set| {
                set.select(Algorithm::Ed25519, Some("k")).unwrap().verify(Algorithm::Ed25519, b"", &[9; 64])
            })
        };
        assert_eq!(holds(&config), [false; 3]);
        config.use_host(&Yes);
        assert_eq!(holds(&config), [true; 3]);
    }

    /// One fetch serves every entry of a name that has `jwks_uri`, and no other entry.
    #[test]
    fn fetched_keys_are_for_those_who_fetch() {
        let set = |kid: &str| {
            format!(
                r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}]}}"#
            )
        };
        let fixed = format!(r#""jwks":{}"#, set("fixed"));
        let fetched = |name: &str| format!(r#""jwks_uri":"{name}/jwks""#);
        let signer =
            |name: &str, keys: &str| format!(r#"{{"issuer":"{name}","algorithms":["Ed25519"],{keys}"#);
        let issuer = |name: &str, context: &str| {
            let context = format!(r#""context_issuers":[{context},"clients":["*"]}}]"#);
            format!(r#"{},"audience":"x","dialect":"rfc8693",{context}}}"#, signer(name, &fetched(name)))
        };
        let first = issuer("https://a", &signer("https://b", &fixed));
        let second = issuer("https://b", &signer("https://a", &fetched("https://a")));
        let document = format!(
            r#"{{"issuers":[{first},{second}],"names":{{"https://a":{{"user":"u:{{sub}}"}},"https://b":{{"user":"b:{{sub}}"}}}},"policy":"actfor 1"}}"#
        );
        let mut guard = Guard::from_config(document.as_bytes(), 1).unwrap();
        let sources: Vec<_> = guard.key_sources().collect();
        assert_eq!(sources, [("https://a", "https://a/jwks"), ("https://b", "https://b/jwks")]);
        let now = Timestamp::from_seconds(1).unwrap();
        guard.set_keys("https://b", set("new").as_bytes(), now).unwrap();
        let kids: Vec<_> = guard
            .config
            .signers()
            .map(|signer| (signer.name, signer.keys.set.as_ref().and_then(|set| set.keys().first()?.kid())))
            .collect();
        let count = |wanted| kids.iter().filter(|found| **found == wanted).count();
        assert_eq!(count(("https://b", Some("new"))), 1, "{kids:?}");
        assert_eq!(count(("https://b", Some("fixed"))), 1, "{kids:?}");
        assert_eq!(count(("https://a", None)), 2, "{kids:?}");
    }
}
