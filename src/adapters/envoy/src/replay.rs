//! Used proofs of possession (RFC 9449 §11.1), spent approvals, and whose instances are whose, remembered once for all
//! workers.
//!
//! Each worker has a VM of its own, so that a memory inside it would let a proof pass once in every worker. They share
//! what Envoy keeps for them: a few values that are changed by compare-and-swap. Of two requests with the same proof
//! at the same time one at most is the first. What cannot be found out refuses.

use actfor::{
    Timestamp, UsedApproval,
    identity::{Holder, SeenInstance},
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
        for key in [key(shard), instances(shard)] {
            if host.shared(&key)?.is_none() {
                host.set_shared(&key, &[FORM], None)?;
            }
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

    fn remember_instance(&mut self, instance: &SeenInstance, now: Timestamp) -> Result<Holder, StoreError> {
        // One half says which instance, the other whose it is.
        let (name, holder) = (instance.name(), instance.holder());
        let id: Vec<u8> = name.iter().take(ID / 2).chain(holder.iter().take(ID / 2)).copied().collect();
        let half = id.get(..ID / 2).ok_or(StoreError::Unavailable)?;
        let shard = half.first().map_or(0, |byte| byte % SHARDS);
        self.keep(&instances(shard), &id, instance.until(), now, Holder::Same, |entry| {
            match (entry.starts_with(half), entry.starts_with(&id)) {
                (false, _) => Entry::Other,
                (true, false) => Entry::Says(Holder::Another),
                (true, true) if until(entry) >= instance.until().seconds() => Entry::Says(Holder::Same),
                (true, true) => Entry::Replaced,
            }
        })
    }
}

/// What one entry of a value is to what is looked up.
enum Entry<T> {
    /// Another one: it stays.
    Other,
    /// It makes way for the new one.
    Replaced,
    /// The answer; nothing changes.
    Says(T),
}

impl<H: Host> Shared<'_, H> {
    /// Remembers a name that was hashed, and says whether it was there.
    fn remember_id(&self, id: &[u8], usable_until: Timestamp, now: Timestamp) -> Result<Use, StoreError> {
        let id = id.get(..ID).ok_or(StoreError::Unavailable)?;
        let key = key(id.first().map_or(0, |byte| byte % SHARDS));
        self.keep(&key, id, usable_until, now, Use::First, |entry| {
            if entry.starts_with(id) { Entry::Says(Use::Again) } else { Entry::Other }
        })
    }

    /// Adds an entry to a value, unless one that is there gives the answer.
    fn keep<T: Copy>(
        &self,
        key: &str,
        id: &[u8],
        usable_until: Timestamp,
        now: Timestamp,
        fresh: T,
        look: impl Fn(&[u8]) -> Entry<T>,
    ) -> Result<T, StoreError> {
        let unavailable = |HostError| StoreError::Unavailable;
        for _ in 0..TRIES {
            let (value, version) = self.0.shared(key).map_err(unavailable)?.ok_or(StoreError::Unavailable)?;
            let (FORM, entries) = value.split_first().map(|(form, rest)| (*form, rest)).unwrap_or_default()
            else {
                return Err(StoreError::Unavailable);
            };
            let mut next = vec![FORM];
            for entry in entries.chunks_exact(ENTRY).filter(|entry| until(entry) >= now.seconds()) {
                match look(entry) {
                    Entry::Says(answer) => return Ok(answer),
                    Entry::Replaced => {}
                    Entry::Other => next.extend_from_slice(entry),
                }
            }
            if next.len() >= ENTRY.saturating_mul(FULL) {
                return Err(StoreError::Full);
            }
            next.extend_from_slice(id);
            next.extend_from_slice(&usable_until.seconds().to_le_bytes());
            if self.0.set_shared(key, &next, Some(version)).map_err(unavailable)? == Swap::Done {
                return Ok(fresh);
            }
        }
        Err(StoreError::Unavailable)
    }
}

fn key(shard: u8) -> String {
    format!("actfor.proofs.{shard}")
}

fn instances(shard: u8) -> String {
    format!("actfor.instances.{shard}")
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
    fn an_instance_is_one_users_for_all_workers() {
        let (acme, host) = (Acme::default(), Fake::request(&[]));
        let config = acme.config().replacen('{', r#"{"instances":"remember","#, 1);
        let workers = [(); 2].map(|()| Plugin::configure(&host, config.as_bytes()).unwrap());
        let ask = |worker: usize, claims: &str| {
            let authorization = format!("Bearer {}", acme.sign(claims));
            let fields =
                [(":method", "GET"), (":path", "/repos/web/x"), ("authorization", authorization.as_str())];
            host.0.borrow_mut().headers = Fake::request(&fields).0.take().headers;
            host.0.borrow_mut().response = None;
            workers[worker].on_request(&host, 1);
            let Some(response) = host.response() else { return "allow".to_owned() };
            let (_, code) = response.body.split_once(r#""code":""#).unwrap();
            code.split('"').next().unwrap().into()
        };
        let claims = acme.claims(Pattern::Offline);
        assert_eq!(ask(0, &claims), "allow");
        assert_eq!(ask(1, &claims), "allow");
        assert_eq!(ask(1, &claims.replacen(r#""sub":"ana""#, r#""sub":"bo""#, 1)), "instance_reused");
        // A token that lasts longer is remembered longer, in the same place.
        let longer = claims.replacen(r#""exp":1795000300"#, r#""exp":1795000310"#, 1);
        assert_eq!(ask(0, &longer), "allow");
        assert_eq!(ask(0, &longer.replacen("code-helper", "test-runner", 9)), "instance_reused");
        let kept = |name: &str| -> usize {
            let host = host.0.borrow();
            host.shared
                .iter()
                .filter(|(key, _)| key.contains(name))
                .map(|(_, (value, _))| value.len() / ENTRY)
                .sum()
        };
        assert_eq!((kept("instances"), kept("proofs")), (1, 0));
        host.0.borrow_mut().shared.clear();
        assert_eq!(ask(0, &claims), "instance_store_unavailable");
    }

    #[test]
    fn a_new_configuration_forgets_no_proof() {
        let client = Client::new();
        assert_eq!(client.ask(0, "a"), "allow");
        prepare(&client.host).unwrap();
        assert_eq!(client.ask(1, "a"), "proof_replayed");
    }
}
