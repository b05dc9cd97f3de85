//! What a request waits for: what an issuer says of its token (RFC 7662), and the status list that a token is in.
//!
//! The guard says what it lacks, and decides again with what was found. What was not found refuses with 503: nothing
//! here lets a request pass. Answers about tokens are remembered for some seconds under the whole token.

use core::cell::{Cell, RefCell};
use std::{collections::BTreeMap, rc::Rc};

use actfor::{Code, ConfigError, Decision, Guard, Request, Timestamp, identity::Holder, proof::Use, quote};

use crate::{
    config::{ByIssuer, Introspection, Settings, StatusLists, form_encoded, invalid, joined},
    counters::Counters,
    host::{Call, CallId, Form, Host, Level},
    keys::body,
    uri::Uri,
};

/// The requests of one worker that may wait at a time; further ones are refused.
const WAITING_MAX: usize = 256;
/// The largest answer about a token that is read, in bytes.
const ANSWER_MAX: usize = 65_536;
/// The largest status list that is read, in bytes.
const LIST_MAX: usize = 1_048_576;
/// The bytes of tokens and answers that one worker remembers.
const REMEMBERED_MAX: usize = 4_194_304;
/// How long a status list that could not be had is not asked for again, in seconds.
const PAUSE: u64 = 5;
/// The lists whose pause is remembered; those that tokens may name are bounded by the configuration's patterns only.
const PAUSES_MAX: usize = 256;

/// Asks on behalf of requests, and remembers answers.
#[derive(Debug)]
pub struct Callouts {
    endpoints: Vec<Endpoint>,
    lists: ByIssuer<StatusLists>,
    answers: RefCell<Answers>,
    /// Status lists that could not be had, and until when they are not asked for.
    paused: RefCell<Vec<(String, u64)>>,
    waiting: Rc<Cell<usize>>,
}

#[derive(Debug)]
struct Endpoint {
    /// As the guard names it.
    name: String,
    uri: Uri,
    settings: Introspection,
}

/// What was found out for one request so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// A token, and what its issuer says of it.
    pub answer: Option<Answer>,
    /// Whether the answer has just come, and is not remembered yet.
    fresh: bool,
    /// What was asked for already, with or without success.
    asked: Vec<String>,
    /// What the stores said: what is used for the first time in a decision is not used again by deciding again.
    pub proof: Option<Use>,
    /// The same for an approval.
    pub approval: Option<Use>,
    /// The same for an instance.
    pub instance: Option<Holder>,
}

/// What an issuer says of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The whole token.
    pub token: Rc<str>,
    /// The body of the answer.
    pub response: Rc<[u8]>,
}

/// A request that waits for an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Waiting {
    call: CallId,
    about: About,
    found: Found,
    _place: Place,
}

#[derive(Debug, PartialEq, Eq)]
enum About {
    Token(Rc<str>),
    StatusList { issuer: String, uri: String },
}

/// One of the places for requests that wait; it is free again when the request goes, however it goes.
#[derive(Debug, PartialEq, Eq)]
struct Place(Rc<Cell<usize>>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// What to do about a decision.
#[derive(Debug)]
pub enum Step {
    /// Decide again: something was found.
    Again,
    /// It stays as it is.
    Keep,
    /// Wait for an answer.
    Wait(Waiting),
}

impl Waiting {
    /// Whether this is the call that it waits for.
    pub fn is_for(&self, call: CallId) -> bool {
        self.call == call
    }
}

impl Found {
    /// Keeps what the stores said in a decision.
    pub fn remember(&mut self, decision: &Decision) {
        self.proof = decision.proof_use();
        self.approval = decision.approval_use();
        self.instance = decision.instance_use();
    }

    /// Whether something is asked for, for the first time.
    fn first(&mut self, what: &str) -> bool {
        let new = !self.asked.iter().any(|known| known == what);
        if new {
            self.asked.push(what.to_owned());
        }
        new
    }
}

impl Callouts {
    /// Joins the issuers that are asked to their clusters.
    ///
    /// # Errors
    /// An issuer without a cluster, a cluster without an issuer, or an endpoint that cannot be asked.
    pub fn new(guard: &Guard, settings: &Settings) -> Result<Self, ConfigError> {
        let mut endpoints = Vec::new();
        let asked = guard.introspection_endpoints();
        for (issuer, name, own) in joined("introspection", "`introspection`", asked, &settings.introspection)?
        {
            let wrong = |why| {
                invalid(&format!("envoy.introspection[{}]", quote(issuer)), format!("`endpoint` {why}"))
            };
            let uri = Uri::parse(name).map_err(wrong)?;
            endpoints.push(Endpoint { name: name.to_owned(), uri, settings: own.clone() });
        }
        joined("status", "`status`", guard.status_issuers().map(|issuer| (issuer, "")), &settings.status)?;
        Ok(Self {
            endpoints,
            lists: settings.status.clone(),
            answers: RefCell::default(),
            paused: RefCell::default(),
            waiting: Rc::default(),
        })
    }

    /// What can be found out where the guard has decided.
    pub fn step(
        &self,
        (host, counters): (&impl Host, &Counters),
        guard: &Guard,
        request: &Request<'_>,
        decision: &Decision,
        mut found: Found,
        now: Option<Timestamp>,
    ) -> (Step, Found) {
        self.keep(decision, &mut found, now);
        let Some(now) = now else { return (Step::Keep, found) };
        match decision.code() {
            Some(Code::IntrospectionUnavailable) => {
                self.introspect((host, counters), guard, request, found, now)
            }
            Some(Code::RevocationUnavailable) => self.fetch_list(host, guard, request, found, now),
            _ => (Step::Keep, found),
        }
    }

    fn introspect(
        &self,
        (host, counters): (&impl Host, &Counters),
        guard: &Guard,
        request: &Request<'_>,
        mut found: Found,
        now: Timestamp,
    ) -> (Step, Found) {
        let Some((name, token)) = guard.to_introspect(request, Some(now)) else { return (Step::Keep, found) };
        let Some(endpoint) = self.endpoints.iter().find(|endpoint| endpoint.name == name) else {
            return (Step::Keep, found);
        };
        if !found.first(name) {
            return (Step::Keep, found);
        }
        let age = u64::from(endpoint.settings.cache_seconds);
        let known = self.answers.try_borrow().ok().and_then(|answers| answers.get(token, now.seconds(), age));
        if let Some(answer) = known {
            found.answer = Some(answer);
            return (Step::Again, found);
        }
        let form = format!("token={}&token_type_hint=access_token", form_encoded(token));
        let Endpoint { uri, settings, .. } = endpoint;
        let call = Call {
            cluster: &settings.cluster,
            scheme: &uri.scheme,
            authority: &uri.authority,
            path: &uri.path,
            accept: "application/json, application/token-introspection+jwt",
            form: Some(Form { authorization: settings.authorization.as_deref(), body: &form }),
            timeout: settings.timeout,
        };
        let _ = host.count(counters.introspections);
        self.wait(host, &call, About::Token(token.into()), found)
    }

    fn fetch_list(
        &self,
        host: &impl Host,
        guard: &Guard,
        request: &Request<'_>,
        mut found: Found,
        now: Timestamp,
    ) -> (Step, Found) {
        let Some((issuer, list)) = guard.to_fetch_status(request, Some(now)) else {
            return (Step::Keep, found);
        };
        let (Some((_, settings)), Ok(uri)) =
            (self.lists.iter().find(|(known, _)| known == issuer), Uri::parse(&list))
        else {
            return (Step::Keep, found);
        };
        let paused = self.paused.try_borrow().is_ok_and(|paused| {
            // A clock that went back ends the pause, too.
            let still = |until: &u64| (now.seconds()..=now.plus(PAUSE).seconds()).contains(until);
            paused.iter().any(|(known, until)| *known == list && still(until))
        });
        if paused {
            return (Step::Keep, found);
        }
        if !found.first(&list) {
            // What came was a list, and not this one.
            self.pause(list, Some(now));
            return (Step::Keep, found);
        }
        let call = Call {
            cluster: &settings.cluster,
            scheme: &uri.scheme,
            authority: &uri.authority,
            path: &uri.path,
            accept: "application/statuslist+jwt",
            form: None,
            timeout: settings.timeout,
        };
        let issuer = issuer.to_owned();
        self.wait(host, &call, About::StatusList { issuer, uri: list }, found)
    }

    fn wait(&self, host: &impl Host, call: &Call<'_>, about: About, found: Found) -> (Step, Found) {
        if self.waiting.get() >= WAITING_MAX {
            host.log(Level::Warn, "actfor: too many requests wait for an answer; one more is refused");
            return (Step::Keep, found);
        }
        match host.call(call) {
            Ok(call) => {
                self.waiting.set(self.waiting.get().saturating_add(1));
                let place = Place(Rc::clone(&self.waiting));
                (Step::Wait(Waiting { call, about, found, _place: place }), Found::default())
            }
            Err(_) => {
                let why =
                    format!("Envoy does not know the cluster {}, or cannot use it now", quote(call.cluster));
                host.log(Level::Warn, &format!("actfor: {why}"));
                (Step::Keep, found)
            }
        }
    }

    /// Takes the answer at hand, and gives what was found with it.
    pub fn answered(
        &self,
        (host, counters): (&impl Host, &Counters),
        guard: &mut Guard,
        waiting: Waiting,
        status: Option<u16>,
        now: Option<Timestamp>,
    ) -> Found {
        let Waiting { about, mut found, .. } = waiting;
        match about {
            About::Token(token) => match body(host, status, ANSWER_MAX) {
                Ok(response) => {
                    found.answer = Some(Answer { token, response: response.into() });
                    found.fresh = true;
                }
                Err(why) => {
                    let _ = host.count(counters.introspections_failed);
                    host.log(Level::Warn, &format!("actfor: nothing said about a token: {why}"));
                }
            },
            About::StatusList { issuer, uri } => {
                let taken = body(host, status, LIST_MAX).and_then(|list| {
                    let list = core::str::from_utf8(&list).map_err(|_| "it is not a token".to_owned())?;
                    let now = now.ok_or_else(|| "the clock is not set".to_owned())?;
                    guard.set_status_list(&issuer, list.trim(), now).map_err(|error| error.to_string())
                });
                let _ = host.count(match &taken {
                    Ok(()) => counters.lists_fetched,
                    Err(_) => counters.lists_failed,
                });
                if let Err(why) = taken {
                    host.log(Level::Warn, &format!("actfor: status list {} not taken: {why}", quote(&uri)));
                    self.pause(uri, now);
                }
            }
        }
        found
    }

    fn pause(&self, uri: String, now: Option<Timestamp>) {
        let (Ok(mut paused), Some(now)) = (self.paused.try_borrow_mut(), now) else { return };
        paused.retain(|(known, until)| *known != uri && *until >= now.seconds());
        if paused.len() < PAUSES_MAX {
            paused.push((uri, now.plus(PAUSE).seconds()));
        }
    }

    /// Remembers an answer that the guard could use, once.
    fn keep(&self, decision: &Decision, found: &mut Found, now: Option<Timestamp>) {
        if !core::mem::take(&mut found.fresh) {
            return;
        }
        // Of tokens that are not good there is no end.
        if matches!(decision.code(), Some(Code::TokenInactive | Code::IntrospectionInvalid)) {
            return;
        }
        let (Ok(mut answers), Some(answer), Some(now)) = (self.answers.try_borrow_mut(), &found.answer, now)
        else {
            return;
        };
        answers.insert(answer.clone(), now.seconds());
    }
}

/// Answers about tokens.
#[derive(Debug, Default)]
struct Answers {
    /// By token: when it came, and what it says.
    known: BTreeMap<Rc<str>, (u64, Rc<[u8]>)>,
    bytes: usize,
}

impl Answers {
    fn get(&self, token: &str, now: u64, age: u64) -> Option<Answer> {
        let (token, (at, response)) = self.known.get_key_value(token)?;
        let fresh = now.checked_sub(*at).is_some_and(|since| since < age);
        fresh.then(|| Answer { token: Rc::clone(token), response: Rc::clone(response) })
    }

    fn insert(&mut self, Answer { token, response }: Answer, now: u64) {
        let size = |token: &str, response: &[u8]| token.len().saturating_add(response.len());
        let more = size(&token, &response);
        if self.bytes.saturating_add(more) > REMEMBERED_MAX {
            // Starting anew costs a question for each token, and nothing else.
            *self = Self::default();
        }
        self.bytes = self.bytes.saturating_add(more);
        if let Some((_, before)) = self.known.insert(Rc::clone(&token), (now, response)) {
            self.bytes = self.bytes.saturating_sub(size(&token, &before));
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use actfor::jose::{Algorithm, base64url};
    use actfor_mint::{SigningKey, patterns::Pattern};
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::{
        acme::{Acme, NOW},
        fake::Fake,
        filter::Next,
        plugin::Plugin,
    };

    /// A worker whose issuer has more to say about its tokens, and one request.
    struct Worker {
        host: Fake,
        plugin: Plugin,
        acme: Acme,
        fields: Vec<(&'static str, String)>,
    }

    impl Worker {
        fn start(members: &str, envoy: &str) -> Self {
            let mut acme = Acme::default();
            acme.issuer_members = format!("{members},{}", acme.issuer_members);
            let envoy = format!(r#"{{"envoy":{envoy},"proof":{{"base_urls":["https://api.example"]}},"#);
            let config = acme.config().replacen('{', &envoy, 1);
            let host = Fake::request(&[]);
            host.0.borrow_mut().clusters = vec!["as"];
            let plugin = Plugin::configure(&host, config.as_bytes()).unwrap();
            let fields = vec![("authorization", format!("Bearer {}", acme.token(Pattern::Offline)))];
            Self { host, plugin, acme, fields }
        }

        fn introspecting(entry: &str) -> Self {
            let members = r#""introspection":{"endpoint":"https://as.example/introspect"}"#;
            Self::start(members, &format!(r#"{{"introspection":{{"https://as.example":{entry}}}}}"#))
        }

        fn ask(&mut self) -> Next {
            let mut fields = vec![(":method", "GET"), (":path", "/repos/web/x")];
            fields.extend(self.fields.iter().map(|(name, value)| (*name, value.as_str())));
            self.host.0.borrow_mut().headers = Fake::request(&fields).0.take().headers;
            self.host.0.borrow_mut().response = None;
            self.plugin.on_request(&self.host, 1)
        }

        fn wait(&mut self) -> Waiting {
            match self.ask() {
                Next::Wait(waiting) => waiting,
                other => panic!("{other:?}, {:?}", self.host.response()),
            }
        }

        fn answer(&mut self, waiting: Waiting, status: Option<u16>, body: impl Into<Vec<u8>>) -> Next {
            self.host.0.borrow_mut().body = body.into();
            self.plugin.on_found(&self.host, 1, waiting, status)
        }

        /// Code and status of the refusal.
        fn refused(&self) -> (String, u16) {
            let response = self.host.response().unwrap();
            let (_, code) = response.body.split_once(r#""code":""#).unwrap();
            (code.split('"').next().unwrap().into(), response.status)
        }

        fn pass(&self, seconds: u64) {
            let now = self.host.0.borrow().now.saturating_add(Duration::from_secs(seconds));
            self.host.0.borrow_mut().now = now;
        }

        fn calls(&self) -> usize {
            self.host.0.borrow().calls.len()
        }

        fn active(&self) -> String {
            let claims = self.acme.claims(Pattern::Offline);
            claims.replacen('{', r#"{"active":true,"token_type":"Bearer","#, 1)
        }
    }

    const ENTRY: &str = r#"{"cluster":"as","client_id":"gate way","client_secret":"s~cret/"}"#;

    #[test]
    fn a_request_waits_for_what_its_issuer_says_and_then_goes_on() {
        let mut worker = Worker::introspecting(ENTRY);
        let waiting = worker.wait();
        assert_eq!(worker.host.response(), None);
        assert_eq!(worker.host.0.borrow().calls, ["as https://as.example/introspect"]);
        let token = worker.acme.token(Pattern::Offline);
        // `gate%20way:s%7Ecret%2F`, form-encoded before it is joined.
        let form =
            format!("Basic Z2F0ZSUyMHdheTpzJTdFY3JldCUyRg==: token={token}&token_type_hint=access_token");
        assert_eq!(worker.host.0.borrow().forms, [form]);
        let active = worker.active();
        assert_eq!(worker.answer(waiting, Some(200), active), Next::Pass);
        assert_eq!(worker.host.header("x-actfor-agent").as_deref(), Some("agent:code-helper"));
        assert_eq!(worker.host.header("authorization"), None);
        assert_eq!(worker.host.0.borrow().resumed, 1);

        // The answer is remembered for 30 seconds.
        worker.pass(29);
        assert_eq!((worker.ask(), worker.calls()), (Next::Pass, 1));
        worker.pass(1);
        worker.wait();
        assert_eq!(worker.calls(), 2);
    }

    #[test]
    fn the_answer_about_one_token_is_not_that_about_another() {
        let mut worker = Worker::introspecting(r#"{"cluster":"as"}"#);
        let (waiting, active) = (worker.wait(), worker.active());
        assert_eq!(worker.answer(waiting, Some(200), active), Next::Pass);
        // Equal but for the id, and so for the signature.
        let claims = worker.acme.claims(Pattern::Offline).replace(r#""jti":""#, r#""jti":"x"#);
        worker.fields = vec![("authorization", format!("Bearer {}", worker.acme.sign(&claims)))];
        worker.wait();
        assert_eq!(worker.host.0.borrow().forms.len(), 2);
    }

    #[test]
    fn a_token_that_is_not_active_is_refused_and_not_remembered() {
        let mut worker = Worker::introspecting(ENTRY);
        for (answer, expected) in [
            (r#"{"active":false}"#, "token_inactive"),
            (r#"{"active":"true"}"#, "introspection_invalid"),
            ("{", "introspection_invalid"),
        ] {
            let waiting = worker.wait();
            assert_eq!(worker.answer(waiting, Some(200), answer), Next::Stop);
            assert_eq!(worker.refused(), (expected.to_owned(), 401));
        }
        assert_eq!((worker.calls(), worker.host.0.borrow().resumed), (3, 0));
        let (waiting, active) = (worker.wait(), worker.active());
        assert_eq!(worker.answer(waiting, Some(200), active), Next::Pass);
    }

    #[test]
    fn where_nothing_is_said_the_client_may_come_back() {
        for (status, body) in [(None, vec![]), (Some(500), vec![]), (Some(200), vec![b' '; ANSWER_MAX + 1])] {
            let mut worker = Worker::introspecting(ENTRY);
            let waiting = worker.wait();
            assert_eq!(worker.answer(waiting, status, body), Next::Stop);
            assert_eq!(worker.refused(), ("introspection_unavailable".to_owned(), 503));
            assert!(worker.host.response().unwrap().headers.contains(&("retry-after".into(), "5".into())));
            assert_eq!(worker.host.count_of("actfor.introspection.failed"), 1);
        }
        let mut worker = Worker::introspecting(r#"{"cluster":"absent"}"#);
        assert_eq!(worker.ask(), Next::Stop);
        assert_eq!(worker.refused().0, "introspection_unavailable");
    }

    #[test]
    fn so_many_requests_wait_and_no_more() {
        let mut worker = Worker::introspecting(ENTRY);
        let mut waiting: Vec<_> = (0..WAITING_MAX).map(|_| worker.wait()).collect();
        assert_eq!(worker.ask(), Next::Stop);
        assert_eq!(worker.refused().0, "introspection_unavailable");
        // Whoever goes away makes room.
        waiting.pop();
        worker.wait();
        drop(waiting);
        assert_eq!(worker.plugin.callouts().waiting.get(), 0);
    }

    #[test]
    fn a_request_that_cannot_go_on_is_answered() {
        let mut worker = Worker::introspecting(ENTRY);
        let (waiting, active) = (worker.wait(), worker.active());
        worker.host.0.borrow_mut().broken = Some("resume");
        assert_eq!(worker.answer(waiting, Some(200), active), Next::Stop);
        assert_eq!(worker.refused(), ("host_failed".to_owned(), 503));
    }

    const STATUS: &str = r#""status":{"uris":["https://as.example/status/*"]}"#;
    const LISTS: &str = r#"{"status":{"https://as.example":{"cluster":"as"}},"document":"filter_state"}"#;

    /// A token with a status, bound to a key, and a proof of it.
    fn with_status(worker: &mut Worker, index: u64, jti: &str) {
        let key = SigningKey::from_seed(Algorithm::Ed25519, [9; 32]).unwrap();
        let claims = worker.acme.claims(Pattern::Offline);
        let more = format!(
            r#","status":{{"status_list":{{"idx":{index},"uri":"https://as.example/status/1"}}}},"cnf":{{"jkt":"{}"}}}}"#,
            key.thumbprint().unwrap()
        );
        let token = worker.acme.sign(&[claims.strip_suffix('}').unwrap(), &more].concat());
        let jwk = key.public_jwk();
        let jwk = actfor::json::parse(jwk.as_bytes(), &actfor::json::Limits::TOKEN).unwrap();
        let x = jwk.as_object().unwrap().get("x").unwrap().as_str().unwrap();
        let header = format!(
            r#"{{"typ":"dpop+jwt","alg":"Ed25519","jwk":{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}}}"#
        );
        let ath = base64url::encode(&Sha256::digest(token.as_bytes()));
        let payload = format!(
            r#"{{"jti":"{jti}","htm":"GET","htu":"https://api.example/repos/web/x","iat":{NOW},"ath":"{ath}"}}"#
        );
        let proof = key.sign_as(header.as_bytes(), payload.as_bytes());
        worker.fields = vec![("authorization", format!("DPoP {token}")), ("dpop", proof)];
    }

    fn list(worker: &Worker, uri: &str) -> String {
        // Two bytes, of which the second bit is set.
        let claims = format!(
            r#"{{"iss":"https://as.example","sub":"{uri}","iat":{NOW},"ttl":60,"status_list":{{"bits":1,"lst":"eNpjYgAAAAYAAw"}}}}"#
        );
        worker.acme.key.sign("statuslist+jwt", &claims)
    }

    #[test]
    fn a_request_waits_for_a_status_list_and_its_proof_is_used_once() {
        let mut worker = Worker::start(STATUS, LISTS);
        with_status(&mut worker, 3, "a");
        let waiting = worker.wait();
        assert_eq!(worker.host.0.borrow().calls, ["as https://as.example/status/1"]);
        let list = list(&worker, "https://as.example/status/1");
        assert_eq!(worker.answer(waiting, Some(200), format!("{list}\n")), Next::Pass);
        let document = worker.host.0.borrow().state.get("actfor.document").unwrap().clone();
        assert!(document.contains(r#""decision":"allow""#), "{document}");
        // The list is there now; the proof was used.
        assert_eq!(worker.ask(), Next::Stop);
        assert_eq!(worker.refused().0, "proof_replayed");
        with_status(&mut worker, 1, "b");
        assert_eq!(worker.ask(), Next::Stop);
        assert_eq!((worker.refused(), worker.calls()), (("revoked".to_owned(), 401), 1));
        // It grows old, and is fetched again.
        worker.pass(60);
        with_status(&mut worker, 3, "c");
        worker.wait();
    }

    #[test]
    fn a_status_list_that_cannot_be_had_refuses_and_is_not_asked_for_all_the_time() {
        let mut worker = Worker::start(STATUS, LISTS);
        let mut jtis = (0..).map(|n: u32| n.to_string());
        for (status, body) in
            [(None, vec![]), (Some(404), vec![]), (Some(200), b"x".to_vec()), (Some(200), vec![255])]
        {
            with_status(&mut worker, 3, &jtis.next().unwrap());
            let (waiting, calls) = (worker.wait(), worker.calls());
            assert_eq!(worker.answer(waiting, status, body), Next::Stop);
            assert_eq!(worker.refused(), ("revocation_unavailable".to_owned(), 503));
            with_status(&mut worker, 3, &jtis.next().unwrap());
            assert_eq!((worker.ask(), worker.calls()), (Next::Stop, calls));
            worker.pass(PAUSE + 1);
        }
        assert_eq!(worker.host.count_of("actfor.lists.failed"), 4);
    }

    #[test]
    fn a_list_in_the_place_of_another_is_asked_for_once() {
        let mut worker = Worker::start(STATUS, LISTS);
        with_status(&mut worker, 3, "a");
        let (waiting, list) = (worker.wait(), list(&worker, "https://as.example/status/2"));
        assert_eq!(worker.answer(waiting, Some(200), list), Next::Stop);
        assert_eq!(worker.refused().0, "revocation_unavailable");
        with_status(&mut worker, 3, "b");
        assert_eq!((worker.ask(), worker.calls()), (Next::Stop, 1));
    }

    #[test]
    fn so_many_lists_are_paused_and_no_more() {
        let worker = Worker::start(STATUS, LISTS);
        let callouts = worker.plugin.callouts();
        let at = |seconds| Timestamp::from_seconds(NOW + seconds);
        (0..300).for_each(|n| callouts.pause(n.to_string(), at(0)));
        assert_eq!(callouts.paused.borrow().len(), PAUSES_MAX);
        // Those that are over make room.
        callouts.pause("last".into(), at(PAUSE + 1));
        assert_eq!(callouts.paused.borrow().len(), 1);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut answers = Answers::default();
        let answer = |n: u32| Answer { token: n.to_string().into(), response: vec![0; 60_000].into() };
        for n in 0..1_000 {
            answers.insert(answer(n), u64::from(n));
            let bytes: usize =
                answers.known.iter().map(|(token, (_, response))| token.len() + response.len()).sum();
            assert!(bytes <= REMEMBERED_MAX && bytes == answers.bytes);
        }
        let before = answers.bytes;
        answers.insert(answer(999), 1_000);
        assert_eq!(answers.bytes, before, "in the same place");
        assert!(answers.get("999", 1_001, 2).is_some());
        assert!(answers.get("999", 1_002, 2).is_none(), "too old");
        assert!(answers.get("999", 999, 2).is_none(), "from the future");
    }

    #[test]
    fn issuers_and_clusters_must_match() {
        let error = |members: &str, envoy: &str| {
            let mut acme = Acme::default();
            acme.issuer_members = format!("{members}{}", acme.issuer_members);
            let config = acme.config().replacen('{', &format!(r#"{{"envoy":{envoy},"#), 1);
            Plugin::configure(&Fake::request(&[]), config.as_bytes()).unwrap_err().to_string()
        };
        let introspection = r#""introspection":{"endpoint":"https://as.example/introspect"},"#;
        for (members, envoy, expected) in [
            (
                introspection,
                "{}",
                "envoy.introspection[`https://as.example`]: the issuer has `introspection`",
            ),
            ("", r#"{"introspection":{"x":{"cluster":"as"}}}"#, "envoy.introspection[`x`]: no issuer"),
            (
                introspection,
                r#"{"introspection":{"https://as.example":{"cluster":"as","client_id":"x"}}}"#,
                "envoy.introspection[`https://as.example`].client_secret: write the secret",
            ),
            (
                introspection,
                r#"{"introspection":{"https://as.example":{"cluster":"as","client_secret":"x"}}}"#,
                "envoy.introspection[`https://as.example`].client_id: write the name",
            ),
            (
                r#""introspection":{"endpoint":"ftp://x"},"#,
                r#"{"introspection":{"https://as.example":{"cluster":"as"}}}"#,
                "envoy.introspection[`https://as.example`]: `endpoint` must start",
            ),
            (
                r#""status":{"uris":["https://as.example/1"]},"#,
                "{}",
                "envoy.status[`https://as.example`]: the issuer has `status`",
            ),
            ("", r#"{"status":{"x":{"cluster":"as"}}}"#, "envoy.status[`x`]: no issuer"),
            ("", r#"{"revocation":{"cluster":"as"}}"#, "envoy.revocation.uri: write the address"),
            ("", r#"{"revocation":{"uri":"x","cluster":"as"}}"#, "envoy.revocation.uri: must start"),
            (
                "",
                r#"{"revocation":{"uri":"https://x/1","cluster":"as"}}"#,
                "envoy.revocation: needs `\"revocation\"",
            ),
        ] {
            let found = error(members, envoy);
            assert!(found.starts_with(expected), "{found}");
        }
    }
}
