//! Key sets and the list of what is revoked, which are fetched in the background: when, how often, and when they are
//! too old to be believed.
//!
//! Nothing here waits for a request and no request waits for this: until an issuer's keys have arrived, its
//! tokens refuse with `keys_unavailable`. An answer that cannot be used leaves what was there before in place; how
//! long that holds is the guard's to say (`jwks_max_age`, `revocation.max_age`). A key that is not known refuses with
//! `key_unknown` where the keys are too new to be fetched again, and with `keys_unavailable` until they were.

use core::{cell::Cell, fmt, time::Duration};

use actfor::{ConfigError, Guard, quote};

use crate::{
    config::{Refreshed, Settings, invalid, joined},
    counters::Counters,
    host::{Call, CallId, Host, HostError, Level},
    plugin::timestamp,
    uri::Uri,
};

/// How often the plugin is woken.
const TICK: Duration = Duration::from_secs(1);
/// When it is woken first, so that keys are there soon after the start.
const FIRST_TICK: Duration = Duration::from_millis(10);
/// The longest wait between two failed fetches.
const BACK_OFF_MAX: Duration = Duration::from_secs(60);
/// The largest key set that is read, in bytes.
const BODY_MAX: usize = 1_048_576;

/// Fetches the keys of all issuers that have a `jwks_uri`, and the list of what is revoked.
#[derive(Debug)]
pub struct Fetcher {
    sources: Vec<Source>,
    /// Time since the start, counted in ticks: a host clock that jumps neither delays nor hastens a fetch.
    running: Duration,
    ticking: bool,
    /// A token was signed with a key that nobody knows.
    unknown_key_seen: Cell<bool>,
}

#[derive(Debug)]
struct Source {
    what: What,
    uri: Uri,
    settings: Refreshed,
    /// When to fetch next, by [`Fetcher::running`].
    due: Duration,
    pending: Option<Pending>,
    last_attempt: Option<Duration>,
    failures: u32,
    ever_fetched: bool,
    /// The guard knows that newer keys are awaited.
    awaited: bool,
}

/// What a source gives.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// The keys of an issuer.
    Keys(String),
    /// The list of what is revoked.
    Revoked,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys(issuer) => write!(f, "keys of {}", quote(issuer)),
            Self::Revoked => f.write_str("list of what is revoked"),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    call: CallId,
    since: Duration,
}

impl Fetcher {
    /// Joins the issuers that have a `jwks_uri` to their clusters.
    ///
    /// # Errors
    /// An issuer without a cluster, a cluster without an issuer, or a `jwks_uri` that cannot be asked.
    pub fn new(guard: &Guard, settings: &Settings) -> Result<Self, ConfigError> {
        Self::join(guard.key_sources(), settings)
    }

    fn join<'a>(
        issuers: impl Iterator<Item = (&'a str, &'a str)>,
        settings: &Settings,
    ) -> Result<Self, ConfigError> {
        let mut sources = Vec::new();
        for (issuer, uri, own) in joined("jwks", "a `jwks_uri`", issuers, &settings.jwks)? {
            let path = format!("envoy.jwks[{}]", quote(issuer));
            let uri = Uri::parse(uri).map_err(|why| invalid(&path, format!("`jwks_uri` {why}")))?;
            sources.push(Source::new(What::Keys(issuer.to_owned()), uri, own));
        }
        if let Some(revocation) = &settings.revocation {
            sources.push(Source::new(What::Revoked, revocation.uri.clone(), &revocation.source));
        }
        Ok(Self { sources, running: Duration::ZERO, ticking: false, unknown_key_seen: Cell::new(false) })
    }

    /// Starts the clockwork, if there is anything to fetch.
    ///
    /// # Errors
    /// The host does not wake the plugin.
    pub fn start(&self, host: &impl Host) -> Result<(), HostError> {
        if self.sources.is_empty() { Ok(()) } else { host.set_tick(FIRST_TICK) }
    }

    /// Notes that a key is missing. The next tick fetches early, if the last fetch is long enough ago.
    pub fn unknown_key(&self) {
        self.unknown_key_seen.set(true);
    }

    /// Time has passed: fetches what is due.
    pub fn tick(&mut self, host: &impl Host, guard: &mut Guard, counters: &Counters) {
        if self.ticking {
            self.running = self.running.saturating_add(TICK);
        } else if host.set_tick(TICK).is_ok() {
            self.ticking = true;
        }
        let hasten = self.unknown_key_seen.take();
        for source in &mut self.sources {
            source.give_up_waiting(host, counters, self.running);
            if hasten && source.what != What::Revoked {
                source.hasten();
            }
            source.wait_for_newer(guard, self.running);
            if source.pending.is_none() && source.due <= self.running {
                source.fetch(host, counters, self.running);
            }
        }
    }

    /// An answer has come: `status` is `None` where the call failed.
    pub fn answer(
        &mut self,
        host: &impl Host,
        guard: &mut Guard,
        counters: &Counters,
        call: CallId,
        status: Option<u16>,
    ) {
        let mine = |source: &&mut Source| source.pending.is_some_and(|pending| pending.call == call);
        let Some(source) = self.sources.iter_mut().find(mine) else { return };
        source.pending = None;
        match source.take(host, guard, status) {
            Ok(()) => {
                source.succeeded(host, counters, self.running);
                // Whoever missed a key before this answer has it now, or asks again.
                self.unknown_key_seen.set(false);
            }
            Err(why) => source.failed(host, counters, self.running, &why),
        }
    }
}

impl Source {
    fn new(what: What, uri: Uri, settings: &Refreshed) -> Self {
        Self {
            what,
            uri,
            settings: settings.clone(),
            due: Duration::ZERO,
            pending: None,
            last_attempt: None,
            failures: 0,
            ever_fetched: false,
            awaited: false,
        }
    }

    /// When keys were fetched so long ago that an unknown one hastens a fetch, that fetch has to say that it is unknown.
    fn wait_for_newer(&mut self, guard: &mut Guard, running: Duration) {
        if let What::Keys(issuer) = &self.what
            && !self.awaited
            && (self.due <= running || self.earliest() <= running)
        {
            guard.await_keys(issuer);
            self.awaited = true;
        }
    }

    fn fetch(&mut self, host: &impl Host, counters: &Counters, running: Duration) {
        self.last_attempt = Some(running);
        let call = Call {
            cluster: &self.settings.cluster,
            scheme: &self.uri.scheme,
            authority: &self.uri.authority,
            path: &self.uri.path,
            accept: match self.what {
                What::Keys(_) => "application/jwk-set+json, application/json",
                What::Revoked => "application/json",
            },
            form: None,
            timeout: self.settings.timeout,
        };
        match host.call(&call) {
            Ok(call) => self.pending = Some(Pending { call, since: running }),
            Err(HostError) => {
                let why =
                    format!("Envoy does not know the cluster {}, or cannot use it now", quote(call.cluster));
                self.failed(host, counters, running, &why);
            }
        }
    }

    /// Reads the answer at hand into the guard.
    fn take(&self, host: &impl Host, guard: &mut Guard, status: Option<u16>) -> Result<(), String> {
        let body = body(host, status, BODY_MAX)?;
        let now = host.now().ok().and_then(timestamp).ok_or_else(|| "the clock is not set".to_owned())?;
        match &self.what {
            What::Keys(issuer) => {
                guard.set_keys(issuer, &body, now).map_err(|error| error.to_string())?;
                if host.crypto().is_none() {
                    guard.prepare();
                }
            }
            What::Revoked => guard.revoke(&body, now).map_err(|error| error.to_string())?,
        }
        Ok(())
    }

    fn succeeded(&mut self, host: &impl Host, counters: &Counters, running: Duration) {
        if !self.ever_fetched || self.failures > 0 {
            host.log(Level::Info, &format!("actfor: {} fetched", self.what));
        }
        self.ever_fetched = true;
        self.awaited = false;
        self.failures = 0;
        self.due = running.saturating_add(seconds(self.settings.refresh_seconds));
        let _ = host.count(match self.what {
            What::Keys(_) => counters.keys_fetched,
            What::Revoked => counters.lists_fetched,
        });
    }

    fn failed(&mut self, host: &impl Host, counters: &Counters, running: Duration, why: &str) {
        let wait = seconds(1).saturating_mul(1 << self.failures.min(6)).min(BACK_OFF_MAX);
        self.due = running.saturating_add(wait.min(seconds(self.settings.refresh_seconds)));
        self.failures = self.failures.saturating_add(1);
        let _ = host.count(match self.what {
            What::Keys(_) => counters.keys_failed,
            What::Revoked => counters.lists_failed,
        });
        host.log(Level::Warn, &format!("actfor: {} not fetched: {why}", self.what));
    }

    /// The host answers every call, also with a failure; if it ever forgot one, fetching must go on.
    fn give_up_waiting(&mut self, host: &impl Host, counters: &Counters, running: Duration) {
        let patience = self.settings.timeout.saturating_add(seconds(5));
        if self.pending.is_some_and(|pending| running.saturating_sub(pending.since) > patience) {
            self.pending = None;
            self.failed(host, counters, running, "the call was lost");
        }
    }

    /// Fetches as early as the minimum interval allows.
    fn hasten(&mut self) {
        self.due = self.due.min(self.earliest());
    }

    fn earliest(&self) -> Duration {
        let pause = seconds(self.settings.min_refresh_seconds);
        self.last_attempt.map_or(Duration::ZERO, |last| last.saturating_add(pause))
    }
}

/// The body of the answer at hand, if it is one.
///
/// # Errors
/// Why it is none.
pub fn body(host: &impl Host, status: Option<u16>, most: usize) -> Result<Vec<u8>, String> {
    match status {
        Some(200) => {}
        Some(status) => return Err(format!("the answer has status {status}")),
        None => return Err("no answer came".to_owned()),
    }
    // One byte more than allowed shows that there is more.
    let body = host.answer_body(most.saturating_add(1)).map_err(|HostError| "the body is gone".to_owned())?;
    if body.len() > most { Err(format!("the answer is larger than {most} bytes")) } else { Ok(body) }
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(u64::from(count))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use actfor::jose::{Algorithm, base64url};
    use actfor::json::{self, Object, Value};
    use actfor_mint::{SigningKey, patterns::Pattern};

    use super::*;
    use crate::{acme::Acme, fake::Fake, plugin::Plugin};

    /// A worker whose issuer has a `jwks_uri`, and a request that its rules allow.
    struct Worker {
        host: Fake,
        plugin: Plugin,
        acme: Acme,
        bearer: String,
    }

    impl Worker {
        fn start(source: &str) -> Self {
            let acme = Acme::default();
            let envoy = format!(r#"{{"envoy":{{"jwks":{{"https://as.example":{source}}}}},"#);
            let inline = format!(r#""jwks":{{"keys":[{}]}}"#, acme.key.public_jwk());
            let config = acme.config().replacen('{', &envoy, 1);
            assert!(config.contains(&inline));
            let config =
                config.replace(&inline, r#""jwks_uri":"https://as.example/jwks","jwks_max_age":100"#);
            let host = Fake::request(&[]);
            host.0.borrow_mut().clusters = vec!["keys"];
            let plugin = Plugin::configure(&host, config.as_bytes()).unwrap();
            let bearer = format!("Bearer {}", acme.token(Pattern::Offline));
            Self { host, plugin, acme, bearer }
        }

        /// The code of a refusal, or `allow`.
        fn ask(&self) -> String {
            self.ask_for("GET", "/repos/web/x")
        }

        fn ask_for(&self, method: &str, path: &str) -> String {
            let fields = [(":method", method), (":path", path), ("authorization", &self.bearer)];
            self.host.0.borrow_mut().headers = Fake::request(&fields).0.take().headers;
            self.host.0.borrow_mut().response = None;
            self.plugin.on_request(&self.host, 1);
            let Some(response) = self.host.response() else { return "allow".into() };
            let (_, code) = response.body.split_once(r#""code":""#).unwrap();
            code.split('"').next().unwrap().into()
        }

        fn tick(&mut self, times: usize) {
            (0..times).for_each(|_| self.plugin.on_tick(&self.host));
        }

        /// Lets seconds pass, by the clock and by ticks.
        fn pass(&mut self, seconds: u64) {
            for _ in 0..seconds {
                let now = self.host.0.borrow().now.saturating_add(TICK);
                self.host.0.borrow_mut().now = now;
                self.tick(1);
            }
        }

        fn calls(&self) -> usize {
            self.host.0.borrow().calls.len()
        }

        /// Answers the last call.
        fn answer(&mut self, status: Option<u16>, body: impl Into<Vec<u8>>) {
            self.host.0.borrow_mut().body = body.into();
            let call = CallId(self.calls() as u32);
            self.plugin.on_answer(&self.host, call, status);
        }

        fn jwks(&self) -> String {
            format!(r#"{{"keys":[{}]}}"#, self.acme.key.public_jwk())
        }

        /// Ticks until the next fetch starts, and says how many ticks it took.
        fn wait(&mut self) -> usize {
            let before = self.calls();
            (1..10_000)
                .find(|_| {
                    self.tick(1);
                    self.calls() > before
                })
                .unwrap()
        }
    }

    const SOURCE: &str = r#"{"cluster":"keys","refresh_seconds":60}"#;

    #[test]
    fn until_keys_arrive_the_guard_refuses_and_then_it_decides() {
        let mut worker = Worker::start(SOURCE);
        assert_eq!(worker.host.0.borrow().tick, Some(FIRST_TICK));
        assert_eq!(worker.ask(), "keys_unavailable");
        worker.tick(1);
        assert_eq!(worker.host.0.borrow().tick, Some(TICK));
        assert_eq!(worker.host.0.borrow().calls, ["keys https://as.example/jwks"]);
        assert_eq!(worker.ask(), "keys_unavailable");
        worker.answer(Some(200), worker.jwks());
        assert_eq!(worker.ask(), "allow");
        assert_eq!(worker.host.count_of("actfor.keys.fetched"), 1);
        assert_eq!(worker.wait(), 60);
    }

    #[test]
    fn rubbish_leaves_the_keys_in_place_until_they_are_too_old() {
        let rubbish: [(Option<u16>, &[u8]); 7] = [
            (None, b""),
            (Some(500), b"{\"keys\":[]}"),
            (Some(302), b""),
            (Some(200), b""),
            (Some(200), b"<html>"),
            (Some(200), b"{\"keys\":{}}"),
            (Some(200), &[b' '; BODY_MAX + 1]),
        ];
        for (status, body) in rubbish {
            let mut worker = Worker::start(SOURCE);
            worker.tick(1);
            worker.answer(status, body);
            assert_eq!(worker.ask(), "keys_unavailable", "{status:?}");
            worker.wait();
            worker.answer(Some(200), worker.jwks());
            assert_eq!(worker.ask(), "allow");
            for _ in 0..99 {
                worker.pass(1);
                worker.answer(status, body);
                assert_eq!(worker.ask(), "allow");
            }
            worker.pass(2);
            assert_eq!(worker.ask(), "keys_unavailable", "{status:?}");
            worker.answer(Some(200), worker.jwks());
            worker.wait();
            worker.answer(Some(200), worker.jwks());
            assert_eq!(worker.ask(), "allow");
        }
    }

    #[test]
    fn keys_age_while_the_machine_sleeps() {
        let mut worker = Worker::start(SOURCE);
        worker.tick(1);
        worker.answer(Some(200), worker.jwks());
        assert_eq!(worker.ask(), "allow");
        worker.host.0.borrow_mut().now += Duration::from_secs(101);
        assert_eq!(worker.ask(), "keys_unavailable");
    }

    #[test]
    fn failures_back_off() {
        let mut worker = Worker::start(r#"{"cluster":"keys"}"#);
        worker.tick(1);
        let waits: Vec<_> = (0..8)
            .map(|_| {
                worker.answer(None, "");
                worker.wait()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(worker.host.count_of("actfor.keys.failed"), 8);
    }

    #[test]
    fn a_cluster_that_is_not_there_is_tried_again() {
        let mut worker = Worker::start(r#"{"cluster":"absent"}"#);
        worker.tick(4);
        assert_eq!(worker.ask(), "keys_unavailable");
        assert_eq!(worker.calls(), 3);
        assert!(worker.host.0.borrow().log.concat().contains("does not know the cluster `absent`"));
    }

    #[test]
    fn unknown_keys_hasten_a_fetch_but_never_beat_the_minimum_interval() {
        let mut worker = Worker::start(r#"{"cluster":"keys","min_refresh_seconds":10}"#);
        worker.tick(1);
        let other = SigningKey::from_seed(Algorithm::Es256, [9; 32]).unwrap().with_kid("other");
        worker.answer(Some(200), format!(r#"{{"keys":[{}]}}"#, other.public_jwk()));
        let mut fetched = 0;
        for _ in 0..100 {
            assert_eq!(worker.ask(), "key_unknown");
            let before = worker.calls();
            worker.tick(1);
            if worker.calls() > before {
                fetched += 1;
                worker.answer(Some(200), format!(r#"{{"keys":[{}]}}"#, other.public_jwk()));
            }
        }
        assert_eq!(fetched, 10);
        // Rotation: the key that the tokens are signed with has come.
        worker.ask();
        worker.wait();
        worker.answer(Some(200), worker.jwks());
        assert_eq!(worker.ask(), "allow");
    }

    #[test]
    fn a_key_is_unknown_when_the_key_server_has_said_so() {
        let mut worker = Worker::start(r#"{"cluster":"keys","min_refresh_seconds":10}"#);
        worker.tick(1);
        let other = SigningKey::from_seed(Algorithm::Es256, [9; 32]).unwrap().with_kid("other");
        let others = format!(r#"{{"keys":[{}]}}"#, other.public_jwk());
        worker.answer(Some(200), others.as_str());
        assert_eq!(worker.ask(), "key_unknown");
        worker.wait();
        worker.answer(Some(200), others.as_str());
        // Nobody asks for so long that there may be a new key.
        worker.tick(9);
        assert_eq!(worker.ask(), "key_unknown");
        worker.tick(1);
        worker.answer(Some(200), others.as_str());
        worker.tick(10);
        assert_eq!((worker.ask().as_str(), worker.calls()), ("keys_unavailable", 3));
        worker.tick(1);
        assert_eq!((worker.ask().as_str(), worker.calls()), ("keys_unavailable", 4));
        worker.answer(Some(500), "");
        assert_eq!(worker.ask(), "keys_unavailable");
        worker.wait();
        worker.answer(Some(200), "<html>");
        assert_eq!(worker.ask(), "keys_unavailable");
        worker.wait();
        worker.answer(Some(200), others.as_str());
        assert_eq!(worker.ask(), "key_unknown");
        worker.wait();
        worker.answer(Some(200), worker.jwks());
        assert_eq!(worker.ask(), "allow");
    }

    /// `tests/vectors/token/keys.json`, as every host runs it: here the key servers answer in the background.
    #[test]
    fn keys_come_go_and_age_as_in_every_host() {
        let text = include_bytes!("../../../../tests/vectors/token/keys.json");
        let file = json::parse(text, &json::Limits::CONFIG).unwrap();
        let file = file.as_object().unwrap();
        let mut config = json::Writer::default();
        config.value(file.get("config").unwrap());
        let (config, start) = (config.finish(), file.get("start").unwrap().as_u64().unwrap());
        let tokens = file.get("tokens").and_then(Value::as_object).unwrap();
        let cases = file.get("cases").and_then(Value::as_array).unwrap();
        assert!(cases.len() > 10);
        for case in cases.iter().map(|case| case.as_object().unwrap()) {
            let steps: Vec<_> = case.get("steps").and_then(Value::as_array).unwrap().iter().collect();
            let steps: Vec<_> = steps.iter().map(|step| step.as_object().unwrap()).collect();
            let number = |step: &Object<'_>, name: &str| step.get(name).and_then(Value::as_u64);
            let text =
                |step: &Object<'_>, name: &str| step.get(name).and_then(Value::as_str).map(str::to_owned);
            let name = text(case, "name").unwrap();
            // Where strange names come, nothing but they makes it fetch again.
            let interval = steps.iter().find_map(|step| number(step, "interval"));
            let source = match interval {
                None => r#"{"cluster":"keys","refresh_seconds":1,"min_refresh_seconds":1}"#.to_owned(),
                Some(interval) => {
                    format!(r#"{{"cluster":"keys","refresh_seconds":3600,"min_refresh_seconds":{interval}}}"#)
                }
            };
            let envoy = format!(
                r#"{{"envoy":{{"jwks":{{"https://as.example":{source},"https://other.example":{source}}}}},"#
            );
            let config = config.replacen('{', &envoy, 1);
            let host = Fake::request(&[]);
            host.0.borrow_mut().clusters = vec!["keys"];
            let plugin = Plugin::configure(&host, config.as_bytes()).unwrap();
            let mut worker = Worker { host, plugin, acme: Acme::default(), bearer: String::new() };
            let [method, path] = ["method", "url"].map(|name| text(file, name).unwrap());
            let at = |worker: &Worker, seconds| {
                worker.host.0.borrow_mut().now = Duration::from_secs(start + seconds);
            };
            let mut given: BTreeMap<String, (u16, String)> = BTreeMap::new();
            // Each call gets its answer at once.
            let tick = |worker: &mut Worker, given: &BTreeMap<String, (u16, String)>| {
                let before = worker.calls();
                worker.tick(1);
                let calls = worker.host.0.borrow().calls[before..].to_vec();
                for (index, call) in calls.iter().enumerate() {
                    let (status, body) = given.get(call).cloned().unwrap_or((503, String::new()));
                    worker.host.0.borrow_mut().body = body.into();
                    worker.plugin.on_answer(&worker.host, CallId((before + index + 1) as u32), Some(status));
                }
            };
            for step in steps {
                let now = number(step, "at").unwrap();
                at(&worker, now);
                if let Some(issuer) = text(step, "issuer") {
                    let call = format!("keys {issuer}/jwks");
                    match text(step, "keys") {
                        Some(keys) => given.insert(call.clone(), (200, keys)),
                        None => given.remove(&call),
                    };
                    let before = worker.calls();
                    while !worker.host.0.borrow().calls[before..].contains(&call) {
                        tick(&mut worker, &given);
                    }
                } else if let Some(each) = number(step, "strange") {
                    let (until, interval) = (number(step, "until").unwrap(), interval.unwrap());
                    let before = worker.calls();
                    for second in now..until {
                        at(&worker, second);
                        for one in 0..each {
                            worker.bearer =
                                format!("Bearer {}", stranger(&text(tokens, "old").unwrap(), second, one));
                            assert_eq!(
                                worker.ask_for(&method, &path),
                                text(step, "expect").unwrap(),
                                "{name}"
                            );
                        }
                        tick(&mut worker, &given);
                    }
                    let calls = worker.host.0.borrow().calls[before..].to_vec();
                    let fetched = calls.iter().filter(|call| *call == "keys https://as.example/jwks").count();
                    assert!(fetched > 0 && fetched as u64 <= (until - now) / interval, "{name}: {fetched}");
                } else {
                    worker.bearer =
                        format!("Bearer {}", text(tokens, &text(step, "token").unwrap()).unwrap());
                    let found = worker.ask_for(&method, &path);
                    assert_eq!(found, text(step, "expect").unwrap(), "{name}, at {now}");
                }
            }
        }
    }

    /// The token under a key id that nobody has.
    fn stranger(token: &str, second: u64, one: u64) -> String {
        let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"nobody-{second}-{one}"}}"#);
        let (_, rest) = token.split_once('.').unwrap();
        format!("{}.{rest}", base64url::encode(header.as_bytes()))
    }

    #[test]
    fn a_key_that_is_gone_verifies_nothing_any_more() {
        let mut worker = Worker::start(SOURCE);
        worker.tick(1);
        worker.answer(Some(200), worker.jwks());
        assert_eq!(worker.ask(), "allow");
        worker.wait();
        worker.answer(Some(200), r#"{"keys":[]}"#);
        assert_ne!(worker.ask(), "allow");
    }

    #[test]
    fn a_lost_call_does_not_end_fetching() {
        let mut worker = Worker::start(SOURCE);
        worker.tick(1);
        assert!((10..20).contains(&worker.wait()));
        worker.plugin.on_answer(&worker.host, CallId(1), Some(200));
        assert_eq!(worker.ask(), "keys_unavailable");
    }

    /// An assertion may be signed with a key that is not known yet, as a token may.
    #[test]
    fn an_assertion_that_does_not_hold_hastens_a_fetch() {
        let mut acme = Acme::default();
        acme.issuer_members += r#","context_issuers":[{"issuer":"https://agents.example","clients":["*"],
            "algorithms":["ES256"],"jwks_uri":"https://agents.example/jwks"}]"#;
        let envoy = r#"{"envoy":{"jwks":{"https://agents.example":{"cluster":"keys"}}},"#;
        let config = acme.config().replacen('{', envoy, 1);
        let instances = r#""https://agents.example":{"instance":"instance:x-{id}"}"#;
        let config = config.replacen(r#""names":{"#, &format!(r#""names":{{{instances},"#), 1);
        let config = config.replace(r#""instance:{id}""#, r#""instance:as-{id}""#);
        let host = Fake::request(&[]);
        host.0.borrow_mut().clusters = vec!["keys"];
        let plugin = Plugin::configure(&host, config.as_bytes()).unwrap();
        let bearer = format!("Bearer {}", acme.token(Pattern::Offline));
        let mut worker = Worker { host, plugin, acme, bearer };
        assert_eq!(worker.ask(), "context_missing");
        worker.tick(1);
        worker.answer(Some(200), worker.jwks());
        worker.tick(10);
        assert_eq!(worker.calls(), 1);
        let fields = [
            (":method", "GET"),
            (":path", "/repos/web/x"),
            ("authorization", worker.bearer.as_str()),
            ("agent-context", "a.b.c"),
        ];
        worker.host.0.borrow_mut().headers = Fake::request(&fields).0.take().headers;
        worker.plugin.on_request(&worker.host, 1);
        assert!(worker.host.response().unwrap().body.contains("context_invalid"));
        worker.tick(1);
        assert_eq!(worker.calls(), 2);
    }

    /// The list of what is revoked comes like keys do; until it is there, nothing passes.
    #[test]
    fn a_list_of_what_is_revoked_is_fetched_and_grows_old() {
        let acme = Acme::default();
        let members = r#"{"revocation":{"max_age":100},"envoy":{"revocation":{"uri":"https://ops.example/revoked?v=1",
            "cluster":"keys","refresh_seconds":60}},"#;
        let config = acme.config().replacen('{', members, 1);
        let host = Fake::request(&[]);
        host.0.borrow_mut().clusters = vec!["keys"];
        let plugin = Plugin::configure(&host, config.as_bytes()).unwrap();
        let bearer = format!("Bearer {}", acme.token(Pattern::Offline));
        let mut worker = Worker { host, plugin, acme, bearer };
        assert_eq!(worker.ask(), "revocation_unavailable");
        worker.tick(1);
        assert_eq!(worker.host.0.borrow().calls, ["keys https://ops.example/revoked?v=1"]);
        worker.answer(Some(200), r#"{"version":2,"revoked":[]}"#);
        assert_eq!(worker.ask(), "allow");
        let revoked = r#"{"user":{"iss":"https://as.example","sub":"ana"},"until":1795001000}"#;
        for (body, expected) in [
            (format!(r#"{{"version":1,"revoked":[{revoked}]}}"#), "allow"),
            ("{}".into(), "allow"),
            (format!(r#"{{"version":3,"revoked":[{revoked}]}}"#), "revoked"),
            (r#"{"version":2,"revoked":[]}"#.into(), "revoked"),
            (r#"{"version":4,"revoked":[]}"#.into(), "allow"),
        ] {
            worker.wait();
            worker.answer(Some(200), body.as_str());
            assert_eq!(worker.ask(), expected, "{body}");
        }
        assert_eq!(worker.host.count_of("actfor.lists.fetched"), 3);
        assert_eq!(worker.host.count_of("actfor.lists.failed"), 3);
        worker.pass(100);
        assert_eq!(worker.ask(), "revocation_unavailable");
    }

    #[test]
    fn issuers_and_clusters_must_match() {
        let settings = |issuer: &str| {
            Settings::from_config(
                format!(r#"{{"envoy":{{"jwks":{{"{issuer}":{{"cluster":"keys"}}}}}}}}"#).as_bytes(),
            )
            .unwrap()
        };
        let join = |issuers: &[(&'static str, &'static str)], settings: &Settings| {
            Fetcher::join(issuers.iter().copied(), settings)
                .map(|f| f.sources.len())
                .map_err(|e| e.to_string())
        };
        let one = [("https://a", "https://a/jwks")];
        assert_eq!(join(&one, &settings("https://a")), Ok(1));
        assert_eq!(join(&[], &Settings::default()), Ok(0));
        assert!(
            join(&one, &Settings::default())
                .unwrap_err()
                .starts_with("envoy.jwks[`https://a`]: the issuer has")
        );
        assert!(
            join(&[], &settings("https://b")).unwrap_err().starts_with("envoy.jwks[`https://b`]: no issuer")
        );
        assert!(
            join(&[("https://a", "ftp://a")], &settings("https://a"))
                .unwrap_err()
                .contains("must start with")
        );
    }
}
