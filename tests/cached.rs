//! A token that was seen before is asked everything again but its signature: what depends on the time, on the request, on
//! what goes along with it and on what was revoked since. Each test sends a token twice, sees that the second time no
//! signature of it is checked, changes one thing, and is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

#[path = "support/counter.rs"]
mod counter;
#[path = "support/issuers.rs"]
mod issuers;
#[path = "support/vectors.rs"]
mod vectors;

use actfor::identity::Holder;
use actfor::jose::base64url;
use actfor::proof::{Certificate, MemoryStore};
use actfor::token::Introspection;
use actfor::{Change, Guard, Request, Timestamp};
use actfor_mint::{Proof, SigningKey, patterns};

use counter::Counter;
use issuers::{ACTFOR, API, DOMAIN, LEGACY, TRANSACTIONS, config, hash, legacy, signer};
use vectors::{NOW, hex, key};

const ACT: &str = r#","act":{"iss":"https://legacy.example","sub":"code-helper"}"#;

/// A request that can be changed.
#[derive(Clone, Default)]
struct Sent {
    headers: Vec<(&'static str, String)>,
    method: Option<&'static str>,
    answer: Option<(String, String)>,
    certificate: Option<Certificate>,
    instance: Option<Holder>,
    seconds: u64,
}

impl Sent {
    fn bearer(token: &str) -> Self {
        Self { headers: vec![("authorization", format!("Bearer {token}"))], ..Self::default() }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    fn after(mut self, seconds: u64) -> Self {
        self.seconds = seconds;
        self
    }
}

/// A guard that counts signatures.
struct Bench {
    guard: Guard,
    counter: &'static Counter,
    store: MemoryStore,
}

impl Bench {
    fn new() -> Self {
        Self::of(&config())
    }

    fn of(config: &str) -> Self {
        let counter = Counter::new();
        let mut guard = Guard::from_config(config.as_bytes(), 1).unwrap_or_else(|error| panic!("{error}"));
        guard.use_host_crypto(counter);
        Self { guard, counter, store: MemoryStore::new(16) }
    }

    /// The outcome, and how many signatures were checked.
    fn ask(&mut self, sent: &Sent) -> (&'static str, usize) {
        let headers: Vec<_> = sent.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let answer = sent.answer.as_ref();
        let request = Request {
            id: "r",
            method: sent.method.unwrap_or("GET"),
            url: "/repos/web",
            headers: &headers,
            introspection: answer.map(|(token, text)| Introspection { token, response: text.as_bytes() }),
            certificate: sent.certificate.as_ref(),
            instance_use: sent.instance,
            ..Request::default()
        };
        let now = Timestamp::from_seconds(NOW + sent.seconds);
        self.counter.take();
        let decision = self.guard.decide_once(&request, now, &mut self.store);
        (decision.code().map_or("allow", |code| code.as_str()), self.counter.take())
    }

    /// Two requests with the same tokens, the second of which checks `spared` signatures less.
    fn warm(&mut self, first: &Sent, second: &Sent, spared: usize) {
        let (cold, warm) = (self.ask(first), self.ask(second));
        assert_eq!((cold.0, warm.0), ("allow", "allow"));
        assert_eq!(warm.1 + spared, cold.1, "it is not remembered");
    }

    /// What becomes of it now; the token's own signature is not checked.
    fn then(&mut self, name: &str, sent: &Sent, expect: &str, checked: usize) {
        assert_eq!(self.ask(sent), (expect, checked), "{name}");
    }
}

fn access(claims: &str) -> String {
    signer().sign("at+jwt", claims)
}

fn example(pattern: patterns::Pattern) -> String {
    patterns::claims(pattern, &patterns::Mint::fixture())
}

#[test]
fn time() {
    let mut bench = Bench::new();
    let claims = example(patterns::Pattern::Offline).replacen('{', r#"{"nbf":1795000010,"#, 1);
    let sent = Sent::bearer(&access(&claims));
    bench.warm(&sent, &sent, 1);
    bench.then("the last second", &sent.clone().after(239), "allow", 0);
    bench.then("`exp`", &sent.clone().after(240), "token_expired", 0);
    bench.then("again", &sent, "allow", 0);
    let earlier = |bench: &mut Bench, now: Option<u64>| {
        let headers = [("authorization", sent.headers[0].1.as_bytes())];
        let request = Request { method: "GET", url: "/repos/web", headers: &headers, ..Request::default() };
        let decision = bench.guard.decide(&request, now.and_then(Timestamp::from_seconds));
        assert_eq!(bench.counter.take(), 0);
        decision.code().map(|code| code.as_str())
    };
    assert_eq!(earlier(&mut bench, Some(NOW - 50)), None);
    assert_eq!(earlier(&mut bench, Some(NOW - 51)), Some("token_not_yet_valid"), "`nbf`");
    assert_eq!(earlier(&mut bench, Some(NOW - 61)), Some("token_not_yet_valid"), "`iat`");
    assert_eq!(earlier(&mut bench, None), Some("clock_invalid"));
}

/// What is hashed is the end of a token, its signature; all its bytes are compared.
#[test]
fn another_token_with_the_same_signature() {
    let mut bench = Bench::new();
    let claims = example(patterns::Pattern::Offline);
    let token = access(&claims);
    let sent = Sent::bearer(&token);
    bench.warm(&sent, &sent, 1);
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    let other = base64url::encode(claims.replace(r#""sub":"ana""#, r#""sub":"bob""#).as_bytes());
    assert_eq!(other.len(), payload.len());
    let other = Sent::bearer(&format!("{header}.{other}.{signature}"));
    bench.then("another subject", &other, "signature_invalid", 1);
    bench.then("the token itself", &sent, "allow", 0);
}

#[test]
fn how_many_and_how_long() {
    let sent = Sent::bearer(&access(&example(patterns::Pattern::Offline)));
    let mut bench = Bench::of(&config().replacen('{', r#"{"limits":{"cached_tokens":0},"#, 1));
    bench.then("nothing is remembered", &sent, "allow", 1);
    bench.then("nothing is remembered", &sent, "allow", 1);
    let mut bench = Bench::new();
    // Base64url has no text of every length: header and claims are both filled.
    let of_length = |length: usize| {
        let filled = |header: usize, claims: usize| {
            let header =
                format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"es","x":"{}"}}"#, "x".repeat(header));
            let filler = format!(r#"{{"filler":"{}","#, "x".repeat(claims));
            let claims = example(patterns::Pattern::Offline).replacen('{', &filler, 1);
            signer().sign_as(header.as_bytes(), claims.as_bytes())
        };
        let claims = length * 3 / 4 - filled(0, 0).len() * 3 / 4 - 9;
        let mut tokens = (0..3).flat_map(|header| (0..12).map(move |more| filled(header, claims + more)));
        Sent::bearer(&tokens.find(|token| token.len() == length).unwrap())
    };
    let longest = of_length(8_192);
    bench.warm(&longest, &longest, 1);
    let longer = of_length(8_193);
    bench.then("longer", &longer, "allow", 1);
    bench.then("longer, again", &longer, "allow", 1);
}

#[test]
fn presence() {
    let mut bench = Bench::new();
    let sent = Sent::bearer(&access(&example(patterns::Pattern::Interactive)));
    bench.warm(&sent, &sent, 1);
    bench.then("the last second", &sent.clone().after(119), "allow", 0);
    bench.then("`present_until`", &sent.clone().after(120), "presence_expired", 0);
}

#[test]
fn audience() {
    let mut bench = Bench::new();
    let claims = example(patterns::Pattern::Offline).replacen(API, "https://other.example", 1);
    let sent = Sent::bearer(&access(&claims));
    assert_eq!(bench.ask(&sent), ("audience_mismatch", 1));
    bench.then("`aud`", &sent, "audience_mismatch", 0);
}

fn proof(key: &SigningKey, token: &str, jti: &str, method: &str) -> String {
    let url = format!("{API}/repos/web");
    key.prove(&Proof { jti, method, url: &url, issued_at: NOW, access_token: token, nonce: None }).unwrap()
}

#[test]
fn proof_of_possession_and_replay() {
    let (mut bench, holder) = (Bench::new(), key(actfor::jose::Algorithm::Es256, 21));
    let token =
        access(&legacy("web", &format!(r#"{ACT},"cnf":{{"jkt":"{}"}}"#, holder.thumbprint().unwrap())));
    let bound = Sent { headers: vec![("authorization", format!("DPoP {token}"))], ..Sent::default() };
    let with = |key: &SigningKey, jti: &str| bound.clone().with("dpop", proof(key, &token, jti, "GET"));
    bench.warm(&with(&holder, "1"), &with(&holder, "2"), 1);
    bench.then("no proof", &bound, "proof_missing", 0);
    bench.then("used before", &with(&holder, "1"), "proof_replayed", 1);
    bench.then("of a stranger", &with(&signer(), "3"), "proof_invalid", 1);
    bench.then("too old", &with(&holder, "4").after(66), "proof_invalid", 1);
    let other = bound.clone().with("dpop", proof(&holder, &token, "5", "PATCH"));
    bench.then("for another method", &other, "proof_invalid", 1);
    let other = bound.clone().with("dpop", proof(&holder, &access("{}"), "6", "GET"));
    bench.then("for another token", &other, "proof_invalid", 1);
    let bearer = Sent::bearer(&token).with("dpop", proof(&holder, &token, "7", "GET"));
    bench.then("as `Bearer`", &bearer, "proof_missing", 0);
    bench.store = MemoryStore::new(0);
    bench.then("a store without room", &with(&holder, "8"), "proof_store_unavailable", 1);
}

#[test]
fn certificate() {
    const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let mut bench = Bench::new();
    let cnf = format!(r#"{ACT},"cnf":{{"x5t#S256":"{}"}}"#, base64url::encode(&hex(HASH)));
    let none = Sent::bearer(&access(&legacy("web", &cnf)));
    let sent = Sent { certificate: Certificate::from_hex(HASH), ..none.clone() };
    bench.warm(&sent, &sent, 1);
    bench.then("none", &none, "proof_missing", 0);
    let other = Sent { certificate: Some(Certificate::from_der(b"other")), ..none };
    bench.then("another", &other, "proof_invalid", 0);
}

#[test]
fn the_kill_switch() {
    let entries = [
        r#""instance":{"iss":"https://as.example","id":"S2AAAAAAAAAAAAAAAAAAAA"}"#,
        r#""agent":{"iss":"https://as.example","sub":"code-helper"}"#,
        r#""user":{"iss":"https://as.example","sub":"ana"}"#,
        r#""client":{"iss":"https://as.example","client_id":"code-helper"}"#,
        r#""token":{"iss":"https://as.example","jti":"fixture-T2"}"#,
    ];
    let sent = Sent::bearer(&access(&example(patterns::Pattern::Offline)));
    for entry in entries {
        let mut bench = Bench::new();
        bench.warm(&sent, &sent, 1);
        let list = format!(r#"{{"version":1,"revoked":[{{{entry},"until":{}}}]}}"#, NOW + 60);
        bench.guard.revoke(list.as_bytes(), Timestamp::from_seconds(NOW).unwrap()).unwrap();
        bench.then(entry, &sent, "revoked", 0);
        bench.then(entry, &sent.clone().after(60), "allow", 0);
    }
    let mut bench = Bench::of(&config().replacen('{', r#"{"revocation":{"max_age":30},"#, 1));
    assert_eq!(bench.ask(&sent), ("revocation_unavailable", 1));
    bench.guard.revoke(br#"{"version":1,"revoked":[]}"#, Timestamp::from_seconds(NOW).unwrap()).unwrap();
    bench.then("the list is there", &sent, "allow", 0);
    bench.then("the list is too old", &sent.clone().after(30), "revocation_unavailable", 0);
}

/// A list of eight bits, good for 60 seconds.
fn status_list(bits: u8, issued_at: u64) -> String {
    let list = base64url::encode(&miniz_oxide::deflate::compress_to_vec_zlib(&[bits], 9));
    let claims = format!(
        r#"{{"iss":"{LEGACY}","sub":"{LEGACY}/status","iat":{issued_at},"ttl":60,"status_list":{{"bits":1,"lst":"{list}"}}}}"#
    );
    signer().sign("statuslist+jwt", &claims)
}

#[test]
fn status() {
    let mut bench = Bench::new();
    let reference = format!(r#"{ACT},"status":{{"status_list":{{"uri":"{LEGACY}/status","idx":3}}}}"#);
    let sent = Sent::bearer(&access(&legacy("web", &reference)));
    assert_eq!(bench.ask(&sent), ("revocation_unavailable", 1));
    bench.then("no list", &sent, "revocation_unavailable", 0);
    let take = |bench: &mut Bench, list: &str, at: u64| {
        bench.guard.set_status_list(LEGACY, list, Timestamp::from_seconds(at).unwrap()).unwrap();
    };
    take(&mut bench, &status_list(0, NOW), NOW);
    bench.then("valid", &sent, "allow", 0);
    bench.then("the list is too old", &sent.clone().after(60), "revocation_unavailable", 0);
    take(&mut bench, &status_list(0b1000, NOW + 1), NOW + 1);
    bench.then("revoked", &sent.after(1), "revoked", 0);
}

#[test]
fn what_has_to_go_along() {
    let mut bench = Bench::new();
    let token = access(&legacy("asserted", ACT));
    let about = |token: &str, jti: &str, until: u64| {
        let claims = format!(
            r#"{{"iss":"{LEGACY}","aud":"{API}","iat":1795000000,"exp":{until},"jti":"{jti}","sub":"ana","sub_iss":"{LEGACY}","ath":"{}","agent_instance":{{"iss":"{LEGACY}","id":"C1AAAAAAAAAAAAAAAAAAAA","kind":"task"}},"agent_rel":{{"mode":"offline","authority":"user","hops":0}}}}"#,
            hash(token)
        );
        signer().sign("agent-context+jwt", &claims)
    };
    let bare = Sent::bearer(&token);
    let sent = bare.clone().with("agent-context", about(&token, "c1", 1_795_000_200));
    // The assertion's signature is checked every time.
    bench.warm(&sent, &sent, 1);
    bench.then("left out", &bare, "context_missing", 0);
    let other = bare.clone().with("agent-context", about("another token", "c2", 1_795_000_200));
    bench.then("about another token", &other, "context_invalid", 1);
    bench.then("it has expired", &sent.clone().after(140), "context_invalid", 1);
    bench.then("two", &sent.clone().with("agent-context", "x".into()), "context_invalid", 0);
}

/// The proof that names an assertion is one that was verified, which it is only for a token that is bound to its key.
#[test]
fn a_certificate_does_not_make_a_proof_good() {
    const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let cnf = format!(r#""cnf":{{"x5t#S256":"{}"}}"#, base64url::encode(&hex(HASH)));
    let token = access(&legacy("asserted", &format!("{ACT},{cnf}")));
    let claims = format!(
        r#"{{"iss":"{LEGACY}","aud":"{API}","iat":1795000000,"exp":1795000200,"jti":"c1","sub":"ana","sub_iss":"{LEGACY}","ath":"{}",{cnf},"agent_instance":{{"iss":"{LEGACY}","id":"C1AAAAAAAAAAAAAAAAAAAA","kind":"task"}},"agent_rel":{{"mode":"offline","authority":"user","hops":0}}}}"#,
        hash(&token)
    );
    let context = signer().sign("agent-context+jwt", &claims);
    let proof = signer().sign("dpop+jwt", &format!(r#"{{"oth":{{"agent-context":"{}"}}}}"#, hash(&context)));
    let sent = Sent::bearer(&token).with("agent-context", context).with("dpop", proof);
    let sent = Sent { certificate: Certificate::from_hex(HASH), ..sent };
    assert_eq!(Bench::new().ask(&sent).0, "allow");
    let named = config()
        .replace(r#""clients":["asserted"],"#, r#""clients":["asserted"],"named_by_proof":"required","#);
    assert_eq!(Bench::of(&named).ask(&sent).0, "context_invalid");
}

#[test]
fn introspection() {
    let mut bench = Bench::of(&config().replace(r#""signed":true,"#, ""));
    let token = access(&legacy("introspected", ACT));
    let answer = |more: &str| {
        let facts = legacy("introspected", ACT);
        Sent {
            answer: Some((
                token.clone(),
                format!(r#"{{"active":true,"token_type":"Bearer",{}"#, &facts[1..]).replace(
                    r#""scope":"repo:read""#,
                    if more.is_empty() { r#""scope":"repo:read""# } else { more },
                ),
            )),
            ..Sent::bearer(&token)
        }
    };
    let sent = answer("");
    bench.warm(&sent, &sent, 1);
    bench.then("no answer", &Sent::bearer(&token), "introspection_unavailable", 0);
    bench.then("other scopes", &answer(r#""scope":"repo:infra:rw""#), "not_covered", 0);
    let (about, text) = sent.answer.clone().unwrap();
    let inactive = Sent { answer: Some((about, r#"{"active":false}"#.into())), ..sent.clone() };
    bench.then("not active any more", &inactive, "token_inactive", 0);
    let other = Sent { answer: Some(("another token".into(), text)), ..sent.clone() };
    bench.then("about another token", &other, "introspection_invalid", 0);
    let sooner = answer("").answer.map(|(token, text)| (token, text.replace("1795000300", "1795000100")));
    bench.then("a sooner `exp`", &Sent { answer: sooner, ..sent.clone() }.after(40), "token_expired", 0);
    bench.then("as before", &sent, "allow", 0);
}

#[test]
fn records_of_a_chain() {
    let mut bench = Bench::new();
    let current = access(&example(patterns::Pattern::Transitive));
    let record = example(patterns::Pattern::Offline).replace(r#""exp":1795000300"#, r#""exp":1795000200"#);
    let bare = Sent::bearer(&current);
    let sent = bare.clone().with("agent-chain", access(&record));
    // Both are remembered.
    bench.warm(&sent, &sent, 2);
    bench.then("left out", &bare, "hop_record_missing", 0);
    bench.then("itself", &bare.clone().with("agent-chain", current.clone()), "hop_record_invalid", 0);
    bench.then("the record has expired", &sent.clone().after(140), "hop_record_invalid", 0);
    let list = br#"{"version":1,"revoked":[{"token":{"iss":"https://as.example","jti":"fixture-T2"},"until":1795000100}]}"#;
    bench.guard.revoke(list, Timestamp::from_seconds(NOW).unwrap()).unwrap();
    bench.then("the record is revoked", &sent, "revoked", 0);
}

#[test]
fn the_header_it_comes_in() {
    let mut bench = Bench::new();
    let claims = format!(
        r#"{{"iss":"{TRANSACTIONS}","aud":"{DOMAIN}","iat":1795000000,"exp":1795000300,"txn":"t1","sub":"ana","scope":"repo:read","req_wl":"gateway","act":{{"iss":"{TRANSACTIONS}","sub":"code-helper","sub_profile":"ai_agent"}}}}"#
    );
    let transaction = signer().sign("txntoken+jwt", &claims);
    let sent = Sent::default().with("txn-token", transaction.clone());
    bench.warm(&sent, &sent, 1);
    bench.then("a transaction token", &Sent::bearer(&transaction), "token_type_wrong", 0);
    let token = access(&example(patterns::Pattern::Offline));
    let sent = Sent::bearer(&token);
    bench.warm(&sent, &sent, 1);
    let other = Sent::default().with("txn-token", token.clone());
    bench.then("an access token", &other, "token_type_wrong", 0);
    bench.then("two headers", &sent.clone().with("authorization", "Bearer x".into()), "token_ambiguous", 0);
    bench.then("none", &sent.without("authorization"), "token_missing", 0);
}

#[test]
fn whose_the_instance_is() {
    let mut bench = Bench::of(&config().replacen('{', r#"{"instances":"remember","#, 1));
    let sent = Sent::bearer(&access(&example(patterns::Pattern::Offline)));
    bench.warm(&sent, &sent, 1);
    let other = Sent { instance: Some(Holder::Another), ..sent.clone() };
    bench.then("somebody else's", &other, "instance_reused", 0);
    bench.store = MemoryStore::new(0);
    bench.then("a store without room", &sent, "instance_store_unavailable", 0);
}

#[test]
fn rules_relations_and_approvals() {
    let mut bench = Bench::new();
    let sent = Sent::bearer(&access(&example(patterns::Pattern::Offline)));
    bench.warm(&sent, &sent, 1);
    let push = Sent { method: Some("PATCH"), ..sent.clone() };
    bench.then("an action that needs approval", &push, "needs_approval", 0);
    let approve = |jti: &str, digest: &str| {
        let claims = format!(
            r#"{{"iss":"{ACTFOR}","aud":"{API}","iat":{NOW},"jti":"{jti}","sub":"ana","approval_digest":"{digest}"}}"#
        );
        signer().sign("agent-approval+jwt", &claims)
    };
    let headers = [("authorization", push.headers[0].1.as_bytes())];
    let request = Request { method: "PATCH", url: "/repos/web", headers: &headers, ..Request::default() };
    let decision = bench.guard.decide(&request, Timestamp::from_seconds(NOW));
    let digest = decision.approval().unwrap().digest.clone();
    let approved = push.clone().with("agent-approval", approve("a1", &digest));
    bench.then("approved", &approved, "allow", 1);
    bench.then("approved once", &approved, "approval_spent", 1);
    let again = push.clone().with("agent-approval", approve("a2", &digest));
    bench.then("approved again", &again, "allow", 1);
    let other = push.with("agent-approval", approve("a3", "x"));
    bench.then("for something else", &other, "approval_invalid", 1);
    let gone = br#"{"remove":[{"user":"user:ana","relation":"writer","object":"repo:web"}]}"#;
    bench.guard.update(&Change::from_json(gone).unwrap()).unwrap();
    bench.then("the relation is gone", &sent, "user_lacks_relation", 0);
}

#[test]
fn the_oldest_makes_room() {
    let mut bench = Bench::of(&config().replacen('{', r#"{"limits":{"cached_tokens":4},"#, 1));
    let token = |number: usize| {
        Sent::bearer(&access(
            &example(patterns::Pattern::Offline).replace("fixture-T2", &format!("t{number}")),
        ))
    };
    // One set of eight slots.
    for number in 0..9 {
        assert_eq!(bench.ask(&token(number)), ("allow", 1), "{number}");
    }
    for number in (1..9).rev() {
        bench.then("it is still there", &token(number), "allow", 0);
    }
    bench.then("the oldest is not", &token(0), "allow", 1);
    bench.then("the next oldest made room for it", &token(1), "allow", 1);
}
