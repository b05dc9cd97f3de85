//! The filter's own part of the configuration: the member `envoy` of the document that every host reads.
//!
//! Everything else in the document belongs to the core, which ignores this member.

use core::time::Duration;
use std::collections::BTreeMap;

use actfor::{
    Code, ConfigError,
    json::{self, Limits, Value, Writer},
    quote,
};
use serde::Deserialize;

/// The member `envoy`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What happens to a refused request.
    pub mode: Mode,
    /// Whether the upstream gets the token and what came with it.
    pub forward_token: bool,
    /// Where the decision document goes.
    pub document: Document,
    /// For each issuer with a `jwks_uri`: through which cluster its keys are fetched.
    pub jwks: BTreeMap<String, KeySource>,
}

/// What happens to a refused request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It is answered here.
    #[default]
    Enforce,
    /// It passes, without identity headers, and is counted and logged as refused.
    Shadow,
}

/// Where the decision document goes. Never to a client or an upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Document {
    /// To the filter state `wasm.actfor.document`, for an access log.
    FilterState,
    /// Nowhere.
    #[default]
    None,
}

/// How the keys of one issuer are fetched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySource {
    /// The cluster that leads to the host of `jwks_uri`.
    pub cluster: String,
    /// Seconds between two fetches.
    #[serde(default = "refresh_default")]
    pub refresh_seconds: u32,
    /// The least number of seconds between two fetches, however many unknown keys turn up.
    #[serde(default = "min_refresh_default")]
    pub min_refresh_seconds: u32,
    /// Milliseconds until a fetch counts as failed.
    #[serde(default = "timeout_default")]
    pub timeout_ms: u32,
}

fn refresh_default() -> u32 {
    300
}

fn min_refresh_default() -> u32 {
    10
}

fn timeout_default() -> u32 {
    5_000
}

impl Settings {
    /// Reads the member `envoy` of a configuration document; without it, the defaults hold.
    ///
    /// # Errors
    /// `config_invalid`: which field, and why.
    pub fn from_config(document: &[u8]) -> Result<Self, ConfigError> {
        let root = json::parse(document, &Limits::CONFIG).map_err(|e| invalid("", e.to_string()))?;
        let own = root.as_object().and_then(|root| root.get("envoy"));
        let Some(own) = own else { return Ok(Self::default()) };
        // Anything else than an object would reach serde as one of its other forms, such as a list of fields.
        if own.as_object().is_none() {
            return Err(invalid("envoy", format!("expected an object, found {}", own.kind())));
        }
        Self::from_value(own)
    }

    fn from_value(own: &Value<'_>) -> Result<Self, ConfigError> {
        let mut text = Writer::default();
        text.value(own);
        let settings: Self = serde_json::from_str(&text.finish())
            .map_err(|e| invalid("envoy", without_place(&e.to_string())))?;
        for (issuer, source) in &settings.jwks {
            source.check(issuer)?;
        }
        Ok(settings)
    }
}

impl KeySource {
    fn check(&self, issuer: &str) -> Result<(), ConfigError> {
        let wrong =
            |field: &str, why: &str| Err(invalid(&format!("envoy.jwks[{}].{field}", quote(issuer)), why));
        if self.cluster.is_empty() {
            return wrong("cluster", "write the name of an Envoy cluster");
        }
        if !(1..=86_400).contains(&self.refresh_seconds) {
            return wrong("refresh_seconds", "write a number from 1 to 86400");
        }
        if !(1..=self.refresh_seconds).contains(&self.min_refresh_seconds) {
            return wrong("min_refresh_seconds", "write a number from 1 to refresh_seconds");
        }
        if !(1..=60_000).contains(&self.timeout_ms) {
            return wrong("timeout_ms", "write a number from 1 to 60000");
        }
        Ok(())
    }

    /// When a fetch counts as failed.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.timeout_ms))
    }
}

/// An error of the configuration, at a path in the document.
pub fn invalid(path: &str, why: impl Into<String>) -> ConfigError {
    ConfigError::new(Code::ConfigInvalid, path, why)
}

/// Takes the line and column off a message: they count in a text that nobody has seen.
fn without_place(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(message, _)| message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str) -> Result<Settings, String> {
        Settings::from_config(document.as_bytes()).map_err(|e| e.to_string())
    }

    #[test]
    fn without_the_member_the_strict_defaults_hold() {
        let settings = check(r#"{"issuers":[]}"#).unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!((settings.mode, settings.forward_token), (Mode::Enforce, false));
    }

    #[test]
    fn reads_every_field() {
        let settings = check(
            r#"{"envoy":{"mode":"shadow","forward_token":true,"document":"filter_state","jwks":{"https://as.example":
            {"cluster":"keys","refresh_seconds":60,"min_refresh_seconds":5,"timeout_ms":100}}}}"#,
        );
        let source = KeySource {
            cluster: "keys".into(),
            refresh_seconds: 60,
            min_refresh_seconds: 5,
            timeout_ms: 100,
        };
        let expected = Settings {
            mode: Mode::Shadow,
            forward_token: true,
            document: Document::FilterState,
            jwks: BTreeMap::from([("https://as.example".into(), source)]),
        };
        assert_eq!(settings, Ok(expected));
    }

    #[test]
    fn says_which_field_and_why() {
        let cases = [
            (r#"{"envoy":{"modee":"shadow"}}"#, "envoy: unknown field `modee`"),
            (r#"{"envoy":{"mode":"off"}}"#, "envoy: unknown variant `off`, expected `enforce` or `shadow`"),
            (
                r#"{"envoy":{"forward_token":"yes"}}"#,
                "envoy: invalid type: string \"yes\", expected a boolean",
            ),
            (r#"{"envoy":{"jwks":{"i":{}}}}"#, "envoy: missing field `cluster`"),
            (r#"{"envoy":{"jwks":{"i":{"cluster":""}}}}"#, "envoy.jwks[`i`].cluster: write the name"),
            (
                r#"{"envoy":{"jwks":{"i":{"cluster":"k","refresh_seconds":0}}}}"#,
                "envoy.jwks[`i`].refresh_seconds: ",
            ),
            (
                r#"{"envoy":{"jwks":{"i":{"cluster":"k","timeout_ms":60001}}}}"#,
                "envoy.jwks[`i`].timeout_ms: ",
            ),
            (
                r#"{"envoy":{"jwks":{"i":{"cluster":"k","refresh_seconds":5}}}}"#,
                "envoy.jwks[`i`].min_refresh_seconds: ",
            ),
            (r#"{"envoy":["shadow"]}"#, "envoy: expected an object, found an array"),
            (r#"{"envoy":null}"#, "envoy: expected an object, found null"),
            (r#"{"envoy":{"mode":"enforce","mode":"shadow"}}"#, "a member occurs twice"),
        ];
        for (document, expected) in cases {
            let message = check(document).unwrap_err();
            assert!(message.starts_with(expected), "{document}: {message}");
        }
    }
}
