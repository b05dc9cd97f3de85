//! A proxy for the tests: it holds one request, and does what it is told or fails where it is told to.

use core::{cell::RefCell, time::Duration};
use std::collections::BTreeMap;

use actfor::{jose::HostCrypto, proof::Certificate};

use crate::host::{Call, CallId, Counter, Host, HostError, Level, Section, Swap, Version};

/// What the tests set and read.
#[derive(Debug, Default)]
pub struct State {
    pub now: Duration,
    pub headers: Vec<(String, Vec<u8>)>,
    pub trailers: Vec<(String, Vec<u8>)>,
    pub response: Option<Response>,
    pub state: BTreeMap<String, String>,
    pub counters: Vec<(String, u64)>,
    /// Clusters that exist.
    pub clusters: Vec<&'static str>,
    /// Every call so far, as `cluster scheme://authority/path`.
    pub calls: Vec<String>,
    pub body: Vec<u8>,
    pub shared: BTreeMap<String, (Vec<u8>, Version)>,
    /// How many compare-and-swaps another worker wins.
    pub lose: usize,
    /// What was posted, in order.
    pub forms: Vec<String>,
    /// How often a request that waited went on.
    pub resumed: usize,
    pub tick: Option<Duration>,
    pub certificate: Option<Certificate>,
    pub log: Vec<String>,
    /// The host function that fails.
    pub broken: Option<&'static str>,
}

/// An answer to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

#[derive(Debug, Default)]
pub struct Fake(pub RefCell<State>);

impl Fake {
    /// A request at a time when the fixtures' tokens are valid.
    pub fn request(headers: &[(&str, &str)]) -> Self {
        let headers =
            headers.iter().map(|(name, value)| ((*name).into(), value.as_bytes().to_vec())).collect();
        let now = Duration::from_secs(1_795_000_060);
        Self(RefCell::new(State { now, headers, ..State::default() }))
    }

    pub fn broken(self, function: &'static str) -> Self {
        self.0.borrow_mut().broken = Some(function);
        self
    }

    pub fn response(&self) -> Option<Response> {
        self.0.borrow().response.clone()
    }

    /// The one value of a request header, as the upstream would see it.
    pub fn header(&self, name: &str) -> Option<String> {
        let state = self.0.borrow();
        let mut values = state.headers.iter().filter(|(n, _)| n == name);
        let value = values.next().map(|(_, value)| String::from_utf8(value.clone()).unwrap());
        assert!(values.next().is_none(), "{name} is there more than once");
        value
    }

    pub fn count_of(&self, name: &str) -> u64 {
        self.0.borrow().counters.iter().find(|(n, _)| n == name).map_or(0, |(_, count)| *count)
    }

    fn works(&self, function: &str) -> Result<(), HostError> {
        if self.0.borrow().broken == Some(function) { Err(HostError) } else { Ok(()) }
    }
}

impl Host for Fake {
    fn now(&self) -> Result<Duration, HostError> {
        self.works("now")?;
        Ok(self.0.borrow().now)
    }

    fn fields(&self, section: Section) -> Result<Vec<(String, Vec<u8>)>, HostError> {
        self.works("fields")?;
        let state = self.0.borrow();
        Ok(match section {
            Section::Headers => state.headers.clone(),
            Section::Trailers => state.trailers.clone(),
        })
    }

    fn remove_field(&self, section: Section, name: &str) -> Result<(), HostError> {
        self.works("remove_field")?;
        let mut state = self.0.borrow_mut();
        match section {
            Section::Headers => state.headers.retain(|(n, _)| n != name),
            Section::Trailers => state.trailers.retain(|(n, _)| n != name),
        }
        Ok(())
    }

    fn set_header(&self, name: &str, value: &str) -> Result<(), HostError> {
        self.works("set_header")?;
        let mut state = self.0.borrow_mut();
        state.headers.retain(|(n, _)| n != name);
        state.headers.push((name.into(), value.into()));
        Ok(())
    }

    fn respond(&self, status: u16, headers: &[(&str, &str)], body: &str) -> Result<(), HostError> {
        self.works("respond")?;
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self.0.borrow_mut().response = Some(Response { status, headers, body: body.into() });
        Ok(())
    }

    fn set_state(&self, name: &str, value: &str) -> Result<(), HostError> {
        self.works("set_state")?;
        self.0.borrow_mut().state.insert(name.into(), value.into());
        Ok(())
    }

    fn counter(&self, name: &str) -> Result<Counter, HostError> {
        self.works("counter")?;
        let mut state = self.0.borrow_mut();
        state.counters.push((name.into(), 0));
        Ok(Counter(state.counters.len() as u32 - 1))
    }

    fn count(&self, counter: Counter) -> Result<(), HostError> {
        self.works("count")?;
        self.0.borrow_mut().counters[counter.0 as usize].1 += 1;
        Ok(())
    }

    fn shared(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, HostError> {
        self.works("shared")?;
        Ok(self.0.borrow().shared.get(key).cloned())
    }

    fn set_shared(&self, key: &str, value: &[u8], version: Option<Version>) -> Result<Swap, HostError> {
        self.works("set_shared")?;
        let mut state = self.0.borrow_mut();
        if state.lose > 0 {
            state.lose -= 1;
            return Ok(Swap::Lost);
        }
        let there = state.shared.get(key).map(|(_, version)| *version);
        if version.is_some() && version != there {
            return Ok(Swap::Lost);
        }
        let next = Version(there.map_or(1, |Version(version)| version + 1));
        state.shared.insert(key.into(), (value.to_vec(), next));
        Ok(Swap::Done)
    }

    fn call(&self, call: &Call<'_>) -> Result<CallId, HostError> {
        let mut state = self.0.borrow_mut();
        let Call { cluster, scheme, authority, path, .. } = call;
        state.calls.push(format!("{cluster} {scheme}://{authority}{path}"));
        if let Some(form) = &call.form {
            let authorization = form.authorization.unwrap_or("nobody");
            state.forms.push(format!("{authorization}: {}", form.body));
        }
        if state.clusters.contains(cluster) { Ok(CallId(state.calls.len() as u32)) } else { Err(HostError) }
    }

    fn answer_body(&self, max: usize) -> Result<Vec<u8>, HostError> {
        let body = self.0.borrow().body.clone();
        Ok(body.into_iter().take(max).collect())
    }

    fn resume(&self) -> Result<(), HostError> {
        self.works("resume")?;
        self.0.borrow_mut().resumed += 1;
        Ok(())
    }

    fn set_tick(&self, period: Duration) -> Result<(), HostError> {
        self.works("set_tick")?;
        self.0.borrow_mut().tick = Some(period);
        Ok(())
    }

    fn certificate(&self) -> Option<Certificate> {
        self.0.borrow().certificate
    }

    fn crypto(&self) -> Option<&'static dyn HostCrypto> {
        None
    }

    fn log(&self, level: Level, message: &str) {
        self.0.borrow_mut().log.push(format!("{level:?} {message}"));
    }
}
