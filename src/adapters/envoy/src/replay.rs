//! Used proofs of possession (RFC 9449 §11.1) and spent approvals, remembered once for all workers.
//!
//! Each worker has a VM of its own, so that a memory inside it would let a proof pass once in every worker. They share
//! what Envoy keeps for them: a few values that are changed by compare-and-swap. Of two requests with the same proof
//! at the same time one at most is the first. What cannot be found out refuses.

use actfor::{
    Timestamp, UsedApproval,
    proof::{DpopProof, ReplayStore, StoreError, Use},
};
use sha2::{Digest, Sha256};

use crate::host::{Host, HostError, Swap};

/// In how many values the proofs are kept: a request reads and writes one of them.
const SHARDS: u8 = 128;
/// Proofs in one value; when all of them may still be used, further ones are refused.
const FULL: usize = 8_192;
/// How often a worker tries again when another one was faster.
const TRIES: usize = 16;
/// The first byte of a value, so that none is empty and another form can be told apart.
const FORM: u8 = 1;

const ID: usize = 16;
const ENTRY: usize = ID + 8;

/// The proofs that all workers have seen.
#[derive(Debug)]
pub struct Shared<'h, H>(pub &'h H);

/// Makes the values, if they are not there yet: a value that is missing later is an error, not an empty memory. Envoy
/// configures the plugin on its main thread first, before any worker has a request.
///
/// # Errors
/// Envoy keeps nothing.
pub fn prepare(host: &impl Host) -> Result<(), HostError> {
    for shard in 0..SHARDS {
        let key = key(shard);
        if host.shared(&key)?.is_none() {
            host.set_shared(&key, &[FORM], None)?;
        }
    }
    Ok(())
}

impl<H: Host> ReplayStore for Shared<'_, H> {
    fn remember(&mut self, proof: &DpopProof, now: Timestamp) -> Result<Use, StoreError> {
        // A thumbprint has 43 characters, so that it and the `jti` cannot run into each other.
        let id = Sha256::new().chain_update(proof.thumbprint()).chain_update(proof.jti()).finalize();
        self.remember_id(&id, proof.usable_until(), now)
    }

    fn remember_approval(&mut self, approval: &UsedApproval, now: Timestamp) -> Result<Use, StoreError> {
        // The issuer's length keeps issuer and `jti` apart; the first word keeps approvals and proofs apart.
        let length = (approval.issuer().len() as u64).to_le_bytes();
        let id = Sha256::new()
            .chain_update("approval ")
            .chain_update(length)
            .chain_update(approval.issuer())
            .chain_update(approval.jti());
        self.remember_id(&id.finalize(), approval.usable_until(), now)
    }
}

impl<H: Host> Shared<'_, H> {
    /// Remembers a name that was hashed, and says whether it was there.
    fn remember_id(&self, id: &[u8], usable_until: Timestamp, now: Timestamp) -> Result<Use, StoreError> {
        let unavailable = |HostError| StoreError::Unavailable;
        let id = id.get(..ID).ok_or(StoreError::Unavailable)?;
        let key = key(id.first().map_or(0, |byte| byte % SHARDS));
        for _ in 0..TRIES {
            let (value, version) =
                self.0.shared(&key).map_err(unavailable)?.ok_or(StoreError::Unavailable)?;
            let (FORM, entries) = value.split_first().map(|(form, rest)| (*form, rest)).unwrap_or_default()
            else {
                return Err(StoreError::Unavailable);
            };
            let mut next = vec![FORM];
            for entry in entries.chunks_exact(ENTRY).filter(|entry| until(entry) >= now.seconds()) {
                if entry.starts_with(id) {
                    return Ok(Use::Again);
                }
                next.extend_from_slice(entry);
            }
            if next.len() >= ENTRY.saturating_mul(FULL) {
                return Err(StoreError::Full);
            }
            next.extend_from_slice(id);
            next.extend_from_slice(&usable_until.seconds().to_le_bytes());
            if self.0.set_shared(&key, &next, Some(version)).map_err(unavailable)? == Swap::Done {
                return Ok(Use::First);
            }
        }
        Err(StoreError::Unavailable)
    }
}

fn key(shard: u8) -> String {
    format!("actfor.proofs.{shard}")
}

/// The last second at which the proof of an entry is good; an entry that is broken is kept for ever.
fn until(entry: &[u8]) -> u64 {
    let bytes = entry.get(ID..).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(u64::MAX, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use actfor::jose::{Algorithm, base64url};
    use actfor_mint::{SigningKey, patterns::Pattern};

    use super::*;
    use crate::{acme::Acme, acme::NOW, fake::Fake, plugin::Plugin};

    /// A client with a key, and two workers that share what the proxy keeps.
    struct Client {
        key: SigningKey,
        token: String,
        host: Fake,
        workers: [Plugin; 2],
    }

    impl Client {
        fn new() -> Self {
            let (acme, host) = (Acme::default(), Fake::request(&[]));
            let key = SigningKey::from_seed(Algorithm::Ed25519, [9; 32]).unwrap();
            let cnf = format!(r#","cnf":{{"jkt":"{}"}}}}"#, key.thumbprint().unwrap());
            let claims = acme.claims(Pattern::Offline);
            let token = acme.sign(&[claims.strip_suffix('}').unwrap(), &cnf].concat());
            let proof = r#"{"proof":{"base_urls":["https://api.example"]},"#;
            let config = acme.config().replacen('{', proof, 1);
            let workers = [(); 2].map(|()| Plugin::configure(&host, config.as_bytes()).unwrap());
            Self { key, token, host, workers }
        }

        /// What a worker says to a request with the proof of this name.
        fn ask(&self, worker: usize, jti: &str) -> String {
            let jwk = self.key.public_jwk();
            let jwk = actfor::json::parse(jwk.as_bytes(), &actfor::json::Limits::TOKEN).unwrap();
            let x = jwk.as_object().unwrap().get("x").unwrap().as_str().unwrap();
            let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#);
            let header = format!(r#"{{"typ":"dpop+jwt","alg":"Ed25519","jwk":{jwk}}}"#);
            let ath = base64url::encode(&Sha256::digest(self.token.as_bytes()));
            let payload = format!(
                r#"{{"jti":"{jti}","htm":"GET","htu":"https://api.example/repos/web/x","iat":{NOW},"ath":"{ath}"}}"#
            );
            let proof = self.key.sign_as(header.as_bytes(), payload.as_bytes());
            let authorization = format!("DPoP {}", self.token);
            let fields = [
                (":method", "GET"),
                (":path", "/repos/web/x"),
                ("authorization", authorization.as_str()),
                ("dpop", &proof),
            ];
            self.host.0.borrow_mut().headers = Fake::request(&fields).0.take().headers;
            self.host.0.borrow_mut().response = None;
            self.workers[worker].on_request(&self.host, 1);
            let Some(response) = self.host.response() else { return "allow".into() };
            let (_, code) = response.body.split_once(r#""code":""#).unwrap();
            code.split('"').next().unwrap().into()
        }

        fn kept(&self) -> usize {
            self.host.0.borrow().shared.values().map(|(value, _)| value.len() / ENTRY).sum()
        }
    }

    #[test]
    fn a_proof_is_good_once_for_all_workers() {
        let client = Client::new();
        assert_eq!(client.ask(0, "a"), "allow");
        assert_eq!(client.ask(0, "a"), "proof_replayed");
        assert_eq!(client.ask(1, "a"), "proof_replayed");
        assert_eq!(client.ask(1, "b"), "allow");
        assert_eq!(client.ask(0, "b"), "proof_replayed");
    }

    #[test]
    fn a_worker_that_loses_the_race_tries_again_but_not_for_ever() {
        let client = Client::new();
        client.host.0.borrow_mut().lose = TRIES - 1;
        assert_eq!(client.ask(0, "a"), "allow");
        client.host.0.borrow_mut().lose = TRIES;
        assert_eq!(client.ask(0, "b"), "proof_store_unavailable");
    }

    #[test]
    fn a_memory_that_cannot_be_asked_refuses() {
        for function in ["shared", "set_shared"] {
            let client = Client::new();
            client.host.0.borrow_mut().broken = Some(function);
            assert_eq!(client.ask(0, "a"), "proof_store_unavailable", "{function}");
        }
        let client = Client::new();
        client.host.0.borrow_mut().shared.clear();
        assert_eq!(client.ask(0, "a"), "proof_store_unavailable");
        let client = Client::new();
        client.host.0.borrow_mut().shared.values_mut().for_each(|(value, _)| *value = vec![9]);
        assert_eq!(client.ask(0, "a"), "proof_store_unavailable");
    }

    #[test]
    fn proofs_that_are_too_old_make_room_and_others_do_not() {
        let client = Client::new();
        for jti in 0..300 {
            assert_eq!(client.ask(0, &jti.to_string()), "allow");
        }
        assert_eq!(client.kept(), 300);
        // All of them are over: whichever values are written next hold the new proof only.
        client.host.0.borrow_mut().shared.values_mut().for_each(|(value, _)| {
            for entry in value[1..].chunks_exact_mut(ENTRY) {
                entry[ID..].copy_from_slice(&(NOW - 1).to_le_bytes());
            }
        });
        for jti in 300..1_300 {
            assert_eq!(client.ask(1, &jti.to_string()), "allow");
        }
        assert_eq!(client.kept(), 1_000);

        let client = Client::new();
        let late = u64::MAX.to_le_bytes();
        let entry = [&[7; ID][..], &late].concat();
        let full = [vec![FORM], entry.repeat(FULL)].concat();
        client.host.0.borrow_mut().shared.values_mut().for_each(|(value, _)| *value = full.clone());
        assert_eq!(client.ask(0, "a"), "proof_store_unavailable");
    }

    #[test]
    fn a_new_configuration_forgets_no_proof() {
        let client = Client::new();
        assert_eq!(client.ask(0, "a"), "allow");
        prepare(&client.host).unwrap();
        assert_eq!(client.ask(1, "a"), "proof_replayed");
    }
}
