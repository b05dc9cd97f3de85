//! The filter's own part of the configuration: the member `envoy` of the document that every host reads.
//!
//! Everything else in the document belongs to the core, which ignores this member.
//!
//! It is read with the core's own JSON: a library for it would be a fifth of the filter's own code, and could not
//! say at which issuer a field is wrong.

use core::time::Duration;
use std::collections::BTreeMap;

use actfor::{
    Code, ConfigError,
    json::{self, Limits, Object, Value},
    quote,
};

/// The member `envoy`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is answered here.
    #[default]
    Enforce,
    /// It passes, without identity headers, and is counted and logged as refused.
    Shadow,
}

/// Where the decision document goes. Never to a client or an upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Document {
    /// To the filter state `wasm.actfor.document`, for an access log.
    FilterState,
    /// Nowhere.
    #[default]
    None,
}

/// How the keys of one issuer are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySource {
    /// The cluster that leads to the host of `jwks_uri`.
    pub cluster: String,
    /// Seconds between two fetches.
    pub refresh_seconds: u32,
    /// The least number of seconds between two fetches, however many unknown keys turn up.
    pub min_refresh_seconds: u32,
    /// When a fetch counts as failed.
    pub timeout: Duration,
}

impl Settings {
    /// Reads the member `envoy` of a configuration document; without it, the defaults hold.
    ///
    /// # Errors
    /// `config_invalid`: which field, and why.
    pub fn from_config(document: &[u8]) -> Result<Self, ConfigError> {
        let root = json::parse(document, &Limits::CONFIG).map_err(|e| invalid("", e.to_string()))?;
        match root.as_object().and_then(|root| root.get("envoy")) {
            Some(own) => Self::read(own),
            None => Ok(Self::default()),
        }
    }

    fn read(own: &Value<'_>) -> Result<Self, ConfigError> {
        let fields = Fields::of("envoy", own, &["mode", "forward_token", "document", "jwks"])?;
        let mut jwks = BTreeMap::new();
        if let Some(sources) = fields.object("jwks")? {
            for (issuer, source) in sources.iter() {
                let path = format!("envoy.jwks[{}]", quote(issuer));
                jwks.insert(issuer.to_owned(), KeySource::read(&path, source)?);
            }
        }
        Ok(Self {
            mode: fields.choice("mode", &[("enforce", Mode::Enforce), ("shadow", Mode::Shadow)])?,
            forward_token: fields.boolean("forward_token")?,
            document: fields
                .choice("document", &[("filter_state", Document::FilterState), ("none", Document::None)])?,
            jwks,
        })
    }
}

impl KeySource {
    fn read(path: &str, source: &Value<'_>) -> Result<Self, ConfigError> {
        let known = ["cluster", "refresh_seconds", "min_refresh_seconds", "timeout_ms"];
        let fields = Fields::of(path, source, &known)?;
        let refresh_seconds = fields.number("refresh_seconds", 86_400, 300)?;
        Ok(Self {
            cluster: fields.text("cluster")?,
            refresh_seconds,
            min_refresh_seconds: fields.number(
                "min_refresh_seconds",
                refresh_seconds,
                refresh_seconds.min(10),
            )?,
            timeout: Duration::from_millis(u64::from(fields.number("timeout_ms", 60_000, 5_000)?)),
        })
    }
}

/// An error of the configuration, at a path in the document.
pub fn invalid(path: &str, why: impl Into<String>) -> ConfigError {
    ConfigError::new(Code::ConfigInvalid, path, why)
}

/// An object of the configuration that has known members only.
struct Fields<'a, 'v> {
    path: &'a str,
    object: &'a Object<'v>,
}

impl<'a, 'v> Fields<'a, 'v> {
    fn of(path: &'a str, value: &'a Value<'v>, known: &[&str]) -> Result<Self, ConfigError> {
        let Some(object) = value.as_object() else {
            return Err(invalid(path, format!("write an object instead of {}", value.kind())));
        };
        match object.iter().find(|(name, _)| !known.contains(name)) {
            Some((name, _)) => {
                let message = format!("is not known here; there are `{}`", known.join("`, `"));
                Err(invalid(&format!("{path}.{name}"), message))
            }
            None => Ok(Self { path, object }),
        }
    }

    fn wrong<T>(&self, name: &str, instead: &str) -> Result<T, ConfigError> {
        let found = self.object.get(name).map_or("nothing", Value::kind);
        Err(invalid(&format!("{}.{name}", self.path), format!("write {instead} instead of {found}")))
    }

    fn object(&self, name: &str) -> Result<Option<&'a Object<'v>>, ConfigError> {
        match self.object.get(name) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => self.wrong(name, "an object"),
        }
    }

    /// A name; it has to be there.
    fn text(&self, name: &str) -> Result<String, ConfigError> {
        match self.object.get(name).and_then(Value::as_str) {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => self.wrong(name, "the name of an Envoy cluster"),
        }
    }

    fn boolean(&self, name: &str) -> Result<bool, ConfigError> {
        match self.object.get(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => self.wrong(name, "`true` or `false`"),
        }
    }

    /// A whole number from 1 to `most`.
    fn number(&self, name: &str, most: u32, default: u32) -> Result<u32, ConfigError> {
        let Some(value) = self.object.get(name) else { return Ok(default) };
        match value.as_u64().and_then(|number| u32::try_from(number).ok()) {
            Some(number) if (1..=most).contains(&number) => Ok(number),
            _ => self.wrong(name, &format!("a whole number from 1 to {most}")),
        }
    }

    /// One of a few words.
    fn choice<T: Copy + Default>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, ConfigError> {
        let Some(value) = self.object.get(name) else { return Ok(T::default()) };
        let found = value.as_str().and_then(|text| choices.iter().find(|(word, _)| *word == text));
        match found {
            Some((_, choice)) => Ok(*choice),
            None => {
                let words: Vec<_> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
                let found = value.as_str().map_or_else(|| value.kind().to_owned(), quote);
                let message = format!("write {} instead of {found}", words.join(" or "));
                Err(invalid(&format!("{}.{name}", self.path), message))
            }
        }
    }
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
            timeout: Duration::from_millis(100),
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
        let source = |members: &str| format!(r#"{{"envoy":{{"jwks":{{"i":{{{members}}}}}}}}}"#);
        let cases = [
            (r#"{"envoy":{"modus":"shadow"}}"#.into(), "envoy.modus: is not known here; there are `mode`, "),
            (
                r#"{"envoy":{"mode":"off"}}"#.into(),
                "envoy.mode: write `enforce` or `shadow` instead of `off`",
            ),
            (r#"{"envoy":{"mode":1}}"#.into(), "envoy.mode: write `enforce` or `shadow` instead of a number"),
            (
                r#"{"envoy":{"document":"log"}}"#.into(),
                "envoy.document: write `filter_state` or `none` instead of",
            ),
            (
                r#"{"envoy":{"forward_token":"yes"}}"#.into(),
                "envoy.forward_token: write `true` or `false` instead",
            ),
            (r#"{"envoy":{"jwks":[]}}"#.into(), "envoy.jwks: write an object instead of an array"),
            (
                r#"{"envoy":{"jwks":{"i":"k"}}}"#.into(),
                "envoy.jwks[`i`]: write an object instead of a string",
            ),
            (source(""), "envoy.jwks[`i`].cluster: write the name of an Envoy cluster instead of nothing"),
            (source(r#""cluster":"""#), "envoy.jwks[`i`].cluster: write the name"),
            (
                source(r#""cluster":"k","refresh_seconds":0"#),
                "envoy.jwks[`i`].refresh_seconds: write a whole number",
            ),
            (
                source(r#""cluster":"k","refresh_seconds":1.5"#),
                "envoy.jwks[`i`].refresh_seconds: write a whole number",
            ),
            (
                source(r#""cluster":"k","timeout_ms":60001"#),
                "envoy.jwks[`i`].timeout_ms: write a whole number from 1",
            ),
            (
                source(r#""cluster":"k","refresh_seconds":5,"min_refresh_seconds":6"#),
                "envoy.jwks[`i`].min_refresh_seconds: write a whole number from 1 to 5",
            ),
            (r#"{"envoy":["shadow"]}"#.into(), "envoy: write an object instead of an array"),
            (r#"{"envoy":null}"#.into(), "envoy: write an object instead of null"),
            (r#"{"envoy":{"mode":"enforce","mode":"shadow"}}"#.into(), "a member occurs twice"),
        ];
        for (document, expected) in cases as [(String, &str); 16] {
            let message = check(&document).unwrap_err();
            assert!(message.starts_with(expected), "{document}: {message}");
        }
    }
}
