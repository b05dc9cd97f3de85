//! Key sets that are fetched in the background: when, how often, and when they are too old to be believed.
//!
//! Nothing here waits for a request and no request waits for this: until an issuer's keys have arrived, its
//! tokens refuse with `keys_unavailable`. An answer that is not a key set leaves the keys from before in place; how
//! long they hold is the guard's to say (`jwks_max_age`).

use core::{cell::Cell, time::Duration};

use actfor::{ConfigError, Guard, quote};

use crate::{
    config::{KeySource, Settings, invalid},
    counters::Counters,
    host::{Call, CallId, Host, HostError, Level},
    plugin::timestamp,
};

/// How often the plugin is woken.
const TICK: Duration = Duration::from_secs(1);
/// When it is woken first, so that keys are there soon after the start.
const FIRST_TICK: Duration = Duration::from_millis(10);
/// The longest wait between two failed fetches.
const BACK_OFF_MAX: Duration = Duration::from_secs(60);
/// The largest key set that is read, in bytes.
const BODY_MAX: usize = 1_048_576;

/// Fetches the keys of all issuers that have a `jwks_uri`.
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
    issuer: String,
    uri: Uri,
    settings: KeySource,
    /// When to fetch next, by [`Fetcher::running`].
    due: Duration,
    pending: Option<Pending>,
    last_attempt: Option<Duration>,
    failures: u32,
    ever_fetched: bool,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    call: CallId,
    since: Duration,
}

/// A `jwks_uri` in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Uri {
    scheme: String,
    authority: String,
    path: String,
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
        for (issuer, uri) in issuers {
            let path = format!("envoy.jwks[{}]", quote(issuer));
            let Some(own) = settings.jwks.get(issuer) else {
                return Err(invalid(
                    &path,
                    "the issuer has a `jwks_uri`: write the `cluster` that leads to it",
                ));
            };
            let uri = Uri::parse(uri).map_err(|why| invalid(&path, format!("`jwks_uri` {why}")))?;
            sources.push(Source::new(issuer, uri, own));
        }
        let unused =
            settings.jwks.keys().find(|issuer| !sources.iter().any(|source| source.issuer == **issuer));
        if let Some(issuer) = unused {
            let path = format!("envoy.jwks[{}]", quote(issuer));
            return Err(invalid(
                &path,
                "no issuer of this name has a `jwks_uri`: remove it, or correct the name",
            ));
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
    pub fn tick(&mut self, host: &impl Host, counters: &Counters) {
        if self.ticking {
            self.running = self.running.saturating_add(TICK);
        } else if host.set_tick(TICK).is_ok() {
            self.ticking = true;
        }
        let hasten = self.unknown_key_seen.take();
        for source in &mut self.sources {
            source.give_up_waiting(host, counters, self.running);
            if hasten {
                source.hasten();
            }
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
            Ok(()) => source.succeeded(host, counters, self.running),
            Err(why) => source.failed(host, counters, self.running, &why),
        }
    }
}

impl Source {
    fn new(issuer: &str, uri: Uri, settings: &KeySource) -> Self {
        Self {
            issuer: issuer.to_owned(),
            uri,
            settings: settings.clone(),
            due: Duration::ZERO,
            pending: None,
            last_attempt: None,
            failures: 0,
            ever_fetched: false,
        }
    }

    fn fetch(&mut self, host: &impl Host, counters: &Counters, running: Duration) {
        self.last_attempt = Some(running);
        let call = Call {
            cluster: &self.settings.cluster,
            scheme: &self.uri.scheme,
            authority: &self.uri.authority,
            path: &self.uri.path,
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
        match status {
            Some(200) => {}
            Some(status) => return Err(format!("the answer has status {status}")),
            None => return Err("no answer came".to_owned()),
        }
        // One byte more than allowed shows that there is more.
        let body = host
            .answer_body(BODY_MAX.saturating_add(1))
            .map_err(|HostError| "the body is gone".to_owned())?;
        if body.len() > BODY_MAX {
            return Err(format!("the answer is larger than {BODY_MAX} bytes"));
        }
        let now = host.now().ok().and_then(timestamp).ok_or_else(|| "the clock is not set".to_owned())?;
        guard.set_keys(&self.issuer, &body, now).map_err(|error| error.to_string())?;
        guard.prepare();
        Ok(())
    }

    fn succeeded(&mut self, host: &impl Host, counters: &Counters, running: Duration) {
        if !self.ever_fetched || self.failures > 0 {
            host.log(Level::Info, &format!("actfor: keys of {} fetched", quote(&self.issuer)));
        }
        self.ever_fetched = true;
        self.failures = 0;
        self.due = running.saturating_add(seconds(self.settings.refresh_seconds));
        let _ = host.count(counters.keys_fetched);
    }

    fn failed(&mut self, host: &impl Host, counters: &Counters, running: Duration, why: &str) {
        let wait = seconds(1).saturating_mul(1 << self.failures.min(6)).min(BACK_OFF_MAX);
        self.due = running.saturating_add(wait.min(seconds(self.settings.refresh_seconds)));
        self.failures = self.failures.saturating_add(1);
        let _ = host.count(counters.keys_failed);
        host.log(Level::Warn, &format!("actfor: keys of {} not fetched: {why}", quote(&self.issuer)));
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
        let earliest = |last: Duration| last.saturating_add(seconds(self.settings.min_refresh_seconds));
        self.due = self.due.min(self.last_attempt.map_or(Duration::ZERO, earliest));
    }
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(u64::from(count))
}

impl Uri {
    /// Takes `https://authority/path` apart. No user, no fragment, nothing that could end a header.
    fn parse(uri: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = uri.split_once("://").ok_or("must start with `https://`")?;
        if !matches!(scheme, "https" | "http") {
            return Err("must start with `https://`");
        }
        if !rest.bytes().all(|b| matches!(b, b'!'..=b'~')) || rest.contains(['#', '@', '\\']) {
            return Err("must be a plain URI: visible ASCII, without user and fragment");
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.is_empty() {
            return Err("names no host");
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { scheme: scheme.to_owned(), authority: authority.to_owned(), path })
    }
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
                if let Some(keys) = text(step, "keys") {
                    let call = format!("keys {}/jwks", text(step, "issuer").unwrap());
                    given.insert(call.clone(), (200, keys));
                    let before = worker.calls();
                    while !worker.host.0.borrow().calls[before..].contains(&call) {
                        tick(&mut worker, &given);
                    }
                    // From now on they are silent, so that keys age.
                    if interval.is_none() {
                        given.clear();
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

    #[test]
    fn takes_a_uri_apart() {
        let parts = |uri| Uri::parse(uri).map(|uri| (uri.scheme, uri.authority, uri.path));
        let ok = |s: &str, a: &str, p: &str| Ok((s.to_owned(), a.to_owned(), p.to_owned()));
        assert_eq!(parts("https://as.example/jwks.json"), ok("https", "as.example", "/jwks.json"));
        assert_eq!(parts("http://127.0.0.1:8080?k=1"), ok("http", "127.0.0.1:8080", "/?k=1"));
        assert_eq!(parts("https://as.example"), ok("https", "as.example", "/"));
        for uri in [
            "as.example",
            "file:///etc/passwd",
            "https://",
            "https:///x",
            "https://a@b/",
            "https://a/\r\nb",
            "https://a/#b",
        ] {
            assert!(parts(uri).is_err(), "{uri}");
        }
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
