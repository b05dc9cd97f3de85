//! Joins the filter to proxy-wasm: callbacks in, host calls out, nothing else.
//!
//! Host calls go through `hostcalls`, whose results can be handled. A status that it does not expect traps, and
//! then Envoy's failure policy refuses.

use core::{cell::RefCell, time::Duration};
use std::{rc::Rc, time::UNIX_EPOCH};

use actfor::{
    jose::{Algorithm, HostCrypto, Key},
    proof::Certificate,
};
use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{Action, BufferType, ContextType, LogLevel, MapType, MetricType, Status},
};

use crate::{
    callouts::Waiting,
    crypto,
    filter::Next,
    host::{Call, CallId, Counter, Host, HostError, Level, Section, Swap, Version},
    plugin::Plugin,
};

proxy_wasm::main! {{
    // Sets the hook that writes the message of a trap to Envoy's log.
    proxy_wasm::set_log_level(LogLevel::Warn);
    proxy_wasm::set_root_context(|_| Box::new(Root { plugin: None }));
}}

/// One worker.
struct Root {
    plugin: Option<Rc<RefCell<Plugin>>>,
}

impl Context for Root {
    fn on_http_call_response(&mut self, call: u32, headers: usize, _body_size: usize, _trailers: usize) {
        let Some(plugin) = &self.plugin else { return };
        let Ok(mut plugin) = plugin.try_borrow_mut() else { return };
        // A call that failed has no headers, and asking for one would trap.
        let status = if headers == 0 { None } else { answer_status() };
        plugin.on_answer(&Envoy, CallId(call), status);
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let document = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten();
        let plugin = Plugin::configure(&Envoy, &document.unwrap_or_default());
        self.plugin = plugin.ok().map(|plugin| Rc::new(RefCell::new(plugin)));
        self.plugin.is_some()
    }

    fn on_tick(&mut self) {
        let Some(plugin) = &self.plugin else { return };
        let Ok(mut plugin) = plugin.try_borrow_mut() else { return };
        plugin.on_tick(&Envoy);
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream { id, plugin: self.plugin.clone(), waiting: None }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request.
struct Stream {
    id: u32,
    plugin: Option<Rc<RefCell<Plugin>>>,
    /// What it waits for.
    waiting: Option<Waiting>,
}

impl Context for Stream {
    fn on_http_call_response(&mut self, call: u32, headers: usize, _body_size: usize, _trailers: usize) {
        let Some(waiting) = self.waiting.take_if(|waiting| waiting.is_for(CallId(call))) else { return };
        let Some(Ok(mut plugin)) = self.plugin.as_ref().map(|plugin| plugin.try_borrow_mut()) else {
            unconfigured();
            return;
        };
        let status = if headers == 0 { None } else { answer_status() };
        if let Next::Wait(waiting) = plugin.on_found(&Envoy, self.id, waiting, status) {
            self.waiting = Some(waiting);
        }
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let Some(plugin) = &self.plugin else { return unconfigured() };
        let Ok(plugin) = plugin.try_borrow() else { return unconfigured() };
        match plugin.on_request(&Envoy, self.id) {
            Next::Pass => Action::Continue,
            Next::Stop => Action::Pause,
            Next::Wait(waiting) => {
                self.waiting = Some(waiting);
                Action::Pause
            }
        }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        let Some(plugin) = &self.plugin else { return Action::Pause };
        let Ok(plugin) = plugin.try_borrow() else { return Action::Pause };
        match plugin.on_trailers(&Envoy) {
            Ok(()) => Action::Continue,
            Err(HostError) => Action::Pause,
        }
    }
}

/// Envoy asks no plugin that did not configure; if it ever did, the answer is no.
fn unconfigured() -> Action {
    let _ = Envoy.respond(503, &[], "");
    Action::Pause
}

fn answer_status() -> Option<u16> {
    let status =
        hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, ":status").ok().flatten()?;
    core::str::from_utf8(&status).ok()?.parse().ok()
}

/// The proxy. Which request or worker is meant is the callback's that is running.
struct Envoy;

impl Host for Envoy {
    fn now(&self) -> Result<Duration, HostError> {
        let now = hostcalls::get_current_time().map_err(failed)?;
        now.duration_since(UNIX_EPOCH).map_err(|_| HostError)
    }

    fn fields(&self, section: Section) -> Result<Vec<(String, Vec<u8>)>, HostError> {
        hostcalls::get_map_bytes(map(section)).map_err(failed)
    }

    fn remove_field(&self, section: Section, name: &str) -> Result<(), HostError> {
        hostcalls::remove_map_value(map(section), name).map_err(failed)
    }

    fn set_header(&self, name: &str, value: &str) -> Result<(), HostError> {
        hostcalls::set_map_value(MapType::HttpRequestHeaders, name, Some(value)).map_err(failed)
    }

    fn respond(&self, status: u16, headers: &[(&str, &str)], body: &str) -> Result<(), HostError> {
        let status = u32::from(status);
        hostcalls::send_http_response(status, headers.to_vec(), Some(body.as_bytes())).map_err(failed)
    }

    fn set_state(&self, name: &str, value: &str) -> Result<(), HostError> {
        hostcalls::set_property(vec![name], Some(value.as_bytes())).map_err(failed)
    }

    fn counter(&self, name: &str) -> Result<Counter, HostError> {
        hostcalls::define_metric(MetricType::Counter, name).map(Counter).map_err(failed)
    }

    fn count(&self, counter: Counter) -> Result<(), HostError> {
        hostcalls::increment_metric(counter.0, 1).map_err(failed)
    }

    fn shared(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, HostError> {
        match hostcalls::get_shared_data(key).map_err(failed)? {
            (value, Some(version)) => Ok(Some((value.unwrap_or_default(), Version(version)))),
            (_, None) => Ok(None),
        }
    }

    fn set_shared(&self, key: &str, value: &[u8], version: Option<Version>) -> Result<Swap, HostError> {
        match hostcalls::set_shared_data(key, Some(value), version.map(|Version(version)| version)) {
            Ok(()) => Ok(Swap::Done),
            Err(Status::CasMismatch) => Ok(Swap::Lost),
            Err(_) => Err(HostError),
        }
    }

    fn call(&self, call: &Call<'_>) -> Result<CallId, HostError> {
        let mut headers = vec![
            (":method", if call.form.is_some() { "POST" } else { "GET" }),
            (":scheme", call.scheme),
            (":authority", call.authority),
            (":path", call.path),
            ("accept", call.accept),
        ];
        if let Some(form) = &call.form {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
            headers.extend(form.authorization.map(|value| ("authorization", value)));
        }
        let body = call.form.map(|form| form.body.as_bytes());
        hostcalls::dispatch_http_call(call.cluster, headers, body, Vec::new(), call.timeout)
            .map(CallId)
            .map_err(failed)
    }

    fn answer_body(&self, max: usize) -> Result<Vec<u8>, HostError> {
        let body = hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, max).map_err(failed)?;
        Ok(body.unwrap_or_default())
    }

    fn resume(&self) -> Result<(), HostError> {
        hostcalls::resume_http_request().map_err(failed)
    }

    fn set_tick(&self, period: Duration) -> Result<(), HostError> {
        hostcalls::set_tick_period(period).map_err(failed)
    }

    fn certificate(&self) -> Option<Certificate> {
        let digest = hostcalls::get_property(vec!["connection", "sha256_peer_certificate_digest"]).ok()??;
        Certificate::from_hex(core::str::from_utf8(&digest).ok()?)
    }

    fn crypto(&self) -> Option<&'static dyn HostCrypto> {
        crypto::works(foreign).then_some(&EnvoyCrypto)
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Error => LogLevel::Error,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
        };
        let _ = hostcalls::log(level, message);
    }
}

/// Envoy's own crypto.
#[derive(Debug)]
struct EnvoyCrypto;

impl HostCrypto for EnvoyCrypto {
    fn verify(&self, key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool> {
        crypto::answer(&foreign(&crypto::question(key, algorithm, message, signature)?)?)
    }
}

/// What Envoy's function says to a question; `None` where it fails.
fn foreign(question: &[u8]) -> Option<Vec<u8>> {
    hostcalls::call_foreign_function(crypto::FUNCTION, Some(question)).ok()?
}

fn map(section: Section) -> MapType {
    match section {
        Section::Headers => MapType::HttpRequestHeaders,
        Section::Trailers => MapType::HttpRequestTrailers,
    }
}

fn failed(_: Status) -> HostError {
    HostError
}
