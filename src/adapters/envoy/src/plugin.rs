//! One worker's plugin: the guard and everything around it, from configuration to the last tick.

use core::time::Duration;

use actfor::{Code, ConfigError, Guard, Timestamp};

use crate::{
    callouts::{Callouts, Found, Waiting},
    config::{Settings, invalid},
    counters::Counters,
    filter::{Filter, Next},
    headers::strip,
    host::{CallId, Host, HostError, Level, Section},
    keys::Fetcher,
    replay::prepare,
    structure::to_json,
};

/// The state of one worker. Workers share nothing.
#[derive(Debug)]
pub struct Plugin {
    guard: Guard,
    settings: Settings,
    counters: Counters,
    keys: Fetcher,
    callouts: Callouts,
}

impl Plugin {
    /// Compiles the configuration once.
    ///
    /// # Errors
    /// Which field is wrong, and why; also in the log. Envoy then refuses the listener.
    pub fn configure(host: &impl Host, document: &[u8]) -> Result<Self, ConfigError> {
        let plugin = Self::build(host, &to_json(document));
        match &plugin {
            Ok(plugin) => {
                host.log(Level::Info, &format!("actfor: configured, mode {:?}", plugin.settings.mode))
            }
            Err(error) => {
                host.log(Level::Error, &format!("actfor: configuration refused: {error} ({})", error.code))
            }
        }
        plugin
    }

    fn build(host: &impl Host, document: &[u8]) -> Result<Self, ConfigError> {
        let host_failed = |HostError| invalid("", "Envoy does not give the filter what it needs");
        let now = host.now().map_err(host_failed)?;
        // The moment of the start in nanoseconds: Envoy gives no randomness, and the seed decides nothing.
        let mut guard = Guard::from_config(document, spread(now.as_nanos() as u64))?;
        match host.crypto() {
            Some(crypto) => {
                host.log(Level::Info, "actfor: Envoy checks signatures of RS256, ES256 and ES384");
                guard.use_host_crypto(crypto);
            }
            None => guard.prepare(),
        }
        let settings = Settings::from_config(document)?;
        let counters = Counters::define(host).map_err(host_failed)?;
        let keys = Fetcher::new(&guard, &settings)?;
        let callouts = Callouts::new(&guard, &settings)?;
        prepare(host).map_err(host_failed)?;
        keys.start(host).map_err(host_failed)?;
        Ok(Self { guard, settings, counters, keys, callouts })
    }

    /// Decides about a request, before anything of it has gone further.
    pub fn on_request(&self, host: &impl Host, stream: u32) -> Next {
        self.run(host, stream, Found::default())
    }

    fn run(&self, host: &impl Host, stream: u32, found: Found) -> Next {
        let (next, code) = self.filter(stream).run(host, found);
        // An assertion or a record may be signed with a key that is not known yet, too.
        if let Some(
            Code::KeyUnknown | Code::KeysUnavailable | Code::ContextInvalid | Code::HopRecordInvalid,
        ) = code
        {
            self.keys.unknown_key();
        }
        next
    }

    fn filter(&self, stream: u32) -> Filter<'_> {
        Filter {
            guard: &self.guard,
            settings: &self.settings,
            callouts: &self.callouts,
            counters: &self.counters,
            stream,
        }
    }

    /// Decides again about a request that has waited, when its call has been answered or has failed; where it may
    /// go on, it does.
    pub fn on_found(&mut self, host: &impl Host, stream: u32, waiting: Waiting, status: Option<u16>) -> Next {
        let now = host.now().ok().and_then(timestamp);
        let found = self.callouts.answered((host, &self.counters), &mut self.guard, waiting, status, now);
        match self.run(host, stream, found) {
            Next::Pass if host.resume().is_err() => self.filter(stream).host_failed(host, ""),
            next => next,
        }
    }

    /// Trailers pass without the names that only the filter may set.
    ///
    /// # Errors
    /// The host did not remove them; the request must not go on.
    pub fn on_trailers(&self, host: &impl Host) -> Result<(), HostError> {
        strip(host, Section::Trailers, &host.fields(Section::Trailers)?)
    }

    /// Time has passed.
    pub fn on_tick(&mut self, host: &impl Host) {
        self.keys.tick(host, &mut self.guard, &self.counters);
    }

    /// A call has been answered, or has failed if there is no status.
    pub fn on_answer(&mut self, host: &impl Host, call: CallId, status: Option<u16>) {
        self.keys.answer(host, &mut self.guard, &self.counters, call, status);
    }
}

#[cfg(test)]
impl Plugin {
    /// What asks others.
    pub fn callouts(&self) -> &Callouts {
        &self.callouts
    }
}

/// The host's time in whole seconds; `None` where its clock is not set.
pub fn timestamp(since_1970: Duration) -> Option<Timestamp> {
    if since_1970.as_secs() == 0 { None } else { Timestamp::from_seconds(since_1970.as_secs()) }
}

/// Spreads a number over all 64 bits (the finaliser of SplitMix64).
fn spread(seed: u64) -> u64 {
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use actfor_mint::patterns::Pattern;

    use super::*;
    use crate::{acme::Acme, fake::Fake};

    const REQUEST: &[(&str, &str)] = &[
        (":method", "GET"),
        (":path", "/repos/web/x"),
        ("x-actfor-user", "user:mallory"),
        ("x-request-id", "r-1"),
    ];

    fn configured(host: &Fake) -> Plugin {
        Plugin::configure(host, Acme::default().config().as_bytes()).unwrap()
    }

    /// The configuration with one member more.
    fn with_envoy(envoy: &str) -> String {
        Acme::default().config().replacen('{', &format!(r#"{{"envoy":{envoy},"#), 1)
    }

    #[test]
    fn an_allowed_request_says_who_acts_for_whom() {
        let bearer = format!("Bearer {}", Acme::default().token(Pattern::Offline));
        let host = Fake::request(&[REQUEST, &[("authorization", &bearer)]].concat());
        assert_eq!(configured(&host).on_request(&host, 1), Next::Pass);
        let found = ["user", "agent", "relationship", "rule", "id"]
            .map(|name| host.header(&format!("x-actfor-{name}")));
        let expected = ["user:ana", "agent:code-helper", "delegated; mode=offline", "code-read", "r-1"];
        assert_eq!(found, expected.map(|value| Some(value.to_owned())));
        assert!(host.header("x-actfor-instance").unwrap().starts_with("instance:"));
        assert_eq!(host.header("authorization"), None);
    }

    #[test]
    fn the_document_goes_to_the_filter_state_and_nowhere_else() {
        let host = Fake::request(REQUEST);
        let plugin =
            Plugin::configure(&host, with_envoy(r#"{"document":"filter_state"}"#).as_bytes()).unwrap();
        assert_eq!(plugin.on_request(&host, 1), Next::Stop);
        let state = host.0.borrow();
        let document = state.state.get("actfor.document").unwrap();
        assert!(document.starts_with(r#"{"v":1,"id":"r-1","at":1795000060,"#), "{document}");
        assert!(!state.response.as_ref().unwrap().body.contains("checks"));
    }

    #[test]
    fn two_tokens_are_not_one() {
        let bearer = format!("Bearer {}", Acme::default().token(Pattern::Offline));
        let host =
            Fake::request(&[REQUEST, &[("authorization", &bearer), ("authorization", &bearer)]].concat());
        assert_eq!(configured(&host).on_request(&host, 1), Next::Stop);
        assert!(host.response().unwrap().body.contains(r#""code":"token_ambiguous""#));
    }

    #[test]
    fn without_a_clock_nothing_passes() {
        let bearer = format!("Bearer {}", Acme::default().token(Pattern::Offline));
        let host = Fake::request(&[REQUEST, &[("authorization", &bearer)]].concat());
        let plugin = configured(&host);
        host.0.borrow_mut().now = Duration::ZERO;
        assert_eq!(plugin.on_request(&host, 1), Next::Stop);
        assert!(host.response().unwrap().body.contains(r#""code":"clock_invalid""#));
    }

    #[test]
    fn a_request_without_a_token_is_refused() {
        let host = Fake::request(REQUEST);
        assert_eq!(configured(&host).on_request(&host, 1), Next::Stop);
        let response = host.response().unwrap();
        assert_eq!(response.status, 401);
        assert!(response.body.contains(r#""code":"token_missing","id":"r-1""#), "{}", response.body);
        assert!(response.headers.contains(&("www-authenticate".into(), "Bearer".into())));
        assert_eq!(host.header("x-actfor-user"), None);
    }

    #[test]
    fn a_request_without_a_path_or_a_method_is_refused() {
        for missing in [":path", ":method"] {
            let fields: Vec<_> = REQUEST.iter().copied().filter(|(name, _)| *name != missing).collect();
            let host = Fake::request(&fields);
            assert_eq!(configured(&host).on_request(&host, 1), Next::Stop);
            assert!(host.response().unwrap().body.contains(r#""code":"request_invalid""#), "{missing}");
        }
    }

    #[test]
    fn a_request_without_an_id_gets_one() {
        let host = Fake::request(&[(":method", "GET"), (":path", "/")]);
        configured(&host).on_request(&host, 10);
        assert!(
            host.response().unwrap().body.contains(r#""id":"18e91f0b541ad800-a""#),
            "{:?}",
            host.response()
        );
    }

    #[test]
    fn a_proxy_that_does_not_obey_refuses() {
        for function in ["fields", "remove_field", "now", "respond"] {
            let host = Fake::request(REQUEST);
            let plugin = configured(&host);
            let host = host.broken(function);
            assert_eq!(plugin.on_request(&host, 1), Next::Stop, "{function}");
        }
    }

    #[test]
    fn trailers_lose_what_only_the_filter_may_set() {
        let host = Fake::request(REQUEST);
        let plugin = configured(&host);
        host.0.borrow_mut().trailers =
            vec![("x-actfor-user".into(), b"a".to_vec()), ("x-sum".into(), b"1".to_vec())];
        assert_eq!(plugin.on_trailers(&host), Ok(()));
        assert_eq!(host.0.borrow().trailers, [("x-sum".to_owned(), b"1".to_vec())]);
        assert_eq!(plugin.on_trailers(&host.broken("fields")), Err(HostError));
    }

    #[test]
    fn a_bad_configuration_refuses_to_load_and_says_why() {
        let host = Fake::request(&[]);
        let error = Plugin::configure(&host, with_envoy(r#"{"mode":"off"}"#).as_bytes()).unwrap_err();
        assert_eq!(error.path, "envoy.mode");
        let log = host.0.borrow().log.concat();
        assert!(
            log.starts_with("Error actfor: configuration refused: envoy.mode: write `enforce` or `shadow` instead of `off`"),
            "{log}"
        );
        for function in ["now", "counter"] {
            assert!(
                Plugin::configure(&Fake::request(&[]).broken(function), Acme::default().config().as_bytes())
                    .is_err()
            );
        }
    }
}
