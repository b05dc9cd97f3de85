//! What the filter needs from the proxy that runs it.

use core::time::Duration;

use actfor::{jose::HostCrypto, proof::Certificate};

/// The proxy could not do what was asked. The filter answers by refusing the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostError;

/// How loud a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Something that an operator has to mend.
    Error,
    /// What happens seldom and is as it should be.
    Info,
    /// Something that may mend itself.
    Warn,
}

/// Where the fields of a request stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Before the body.
    Headers,
    /// Behind the body.
    Trailers,
}

/// A counter that the host keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter(pub u32);

/// A call that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallId(pub u32);

/// The version of a shared value, for a compare-and-swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub u32);

/// What became of a compare-and-swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// The value is written.
    Done,
    /// Another worker has written since the version was read.
    Lost,
}

/// A `GET`, or a `POST` of a form, through one of the host's clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call<'a> {
    /// The name of the cluster in Envoy's configuration.
    pub cluster: &'a str,
    /// `https` or `http`. Whether the connection is encrypted is decided by the cluster.
    pub scheme: &'a str,
    /// The value of `:authority`.
    pub authority: &'a str,
    /// The value of `:path`.
    pub path: &'a str,
    /// The media types that are understood.
    pub accept: &'a str,
    /// What is posted.
    pub form: Option<Form<'a>>,
    /// When the host gives up.
    pub timeout: Duration,
}

/// A form that is posted (`application/x-www-form-urlencoded`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form<'a> {
    /// The value of `authorization`, where there is one.
    pub authorization: Option<&'a str>,
    /// The form.
    pub body: &'a str,
}

/// The proxy, as the filter sees it: during a request the request's own, otherwise the worker's.
pub trait Host {
    /// Time since 1970-01-01 UTC.
    ///
    /// # Errors
    /// The host has no clock.
    fn now(&self) -> Result<Duration, HostError>;

    /// The fields of the request, pseudo-headers too, each as often as it was sent, names in lower case.
    ///
    /// # Errors
    /// There is no request at hand.
    fn fields(&self, section: Section) -> Result<Vec<(String, Vec<u8>)>, HostError>;

    /// Removes every field of this name from the request.
    ///
    /// # Errors
    /// The host did not do it.
    fn remove_field(&self, section: Section, name: &str) -> Result<(), HostError>;

    /// Gives the request exactly one header of this name.
    ///
    /// # Errors
    /// The host did not do it.
    fn set_header(&self, name: &str, value: &str) -> Result<(), HostError>;

    /// Answers the request here; it does not go further.
    ///
    /// # Errors
    /// The host did not do it.
    fn respond(&self, status: u16, headers: &[(&str, &str)], body: &str) -> Result<(), HostError>;

    /// Keeps a value with the request, for access logs.
    ///
    /// # Errors
    /// The host did not do it.
    fn set_state(&self, name: &str, value: &str) -> Result<(), HostError>;

    /// A counter by its name.
    ///
    /// # Errors
    /// The host does not take the name.
    fn counter(&self, name: &str) -> Result<Counter, HostError>;

    /// Adds one.
    ///
    /// # Errors
    /// The host does not know the counter.
    fn count(&self, counter: Counter) -> Result<(), HostError>;

    /// A value that all workers share, and its version; `None` where it was never written.
    ///
    /// # Errors
    /// The host keeps no such values.
    fn shared(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, HostError>;

    /// Writes a shared value, if it still has this version; without one, in any case.
    ///
    /// # Errors
    /// The host keeps no such values.
    fn set_shared(&self, key: &str, value: &[u8], version: Option<Version>) -> Result<Swap, HostError>;

    /// Starts a call; its answer comes later, with the same id.
    ///
    /// # Errors
    /// The host does not know the cluster, or cannot reach it now.
    fn call(&self, call: &Call<'_>) -> Result<CallId, HostError>;

    /// The body of the answer at hand, at most `max` bytes of it.
    ///
    /// # Errors
    /// There is no answer at hand.
    fn answer_body(&self, max: usize) -> Result<Vec<u8>, HostError>;

    /// Lets the request that waits go on.
    ///
    /// # Errors
    /// The host did not do it.
    fn resume(&self) -> Result<(), HostError>;

    /// How often the host wakes the plugin.
    ///
    /// # Errors
    /// The host did not do it.
    fn set_tick(&self, period: Duration) -> Result<(), HostError>;

    /// The client certificate of the connection.
    fn certificate(&self) -> Option<Certificate>;

    /// What checks signatures in place of the core's own code, where the host has such a thing.
    fn crypto(&self) -> Option<&'static dyn HostCrypto>;

    /// Writes a line to the host's log.
    fn log(&self, level: Level, message: &str);
}
