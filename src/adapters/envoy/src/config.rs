//! The filter's own part of the configuration: the member `envoy` of the document that every host reads.
//!
//! Everything else in the document belongs to the core, which ignores this member.
//!
//! It is read with the core's own JSON: a library for it would be a fifth of the filter's own code, and could not
//! say at which issuer a field is wrong.

use core::time::Duration;

use actfor::{
    Code, ConfigError,
    jose::base64url,
    json::{self, Limits, Object, Value},
    quote,
};

use crate::uri::Uri;

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
    pub jwks: ByIssuer<Refreshed>,
    /// For each issuer with `introspection`: through which cluster it is asked.
    pub introspection: ByIssuer<Introspection>,
    /// For each issuer with `status`: through which cluster its status lists are fetched.
    pub status: ByIssuer<StatusLists>,
    /// Where the list of what is revoked is fetched.
    pub revocation: Option<Revocation>,
}

/// Something said of each of a few issuers.
pub type ByIssuer<T> = Vec<(String, T)>;

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

/// How something that every request needs is fetched, before any request needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refreshed {
    /// The cluster that leads to its host.
    pub cluster: String,
    /// Seconds between two fetches.
    pub refresh_seconds: u32,
    /// The least number of seconds between two fetches, however many unknown keys turn up.
    pub min_refresh_seconds: u32,
    /// When a fetch counts as failed.
    pub timeout: Duration,
}

/// How one issuer is asked about tokens (RFC 7662).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introspection {
    /// The cluster that leads to the host of the endpoint.
    pub cluster: String,
    /// The value of `authorization`, where this service has a name and a secret there.
    pub authorization: Option<String>,
    /// Seconds for which an answer is remembered.
    pub cache_seconds: u32,
    /// When a question counts as not answered.
    pub timeout: Duration,
}

/// How the status lists of one issuer are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusLists {
    /// The cluster that leads to their host.
    pub cluster: String,
    /// When a fetch counts as failed.
    pub timeout: Duration,
}

/// How the list of what is revoked is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Where it is.
    pub uri: Uri,
    /// How it is fetched.
    pub source: Refreshed,
}

impl Settings {
    /// Reads the member `envoy` of a configuration document; without it, the defaults hold.
    ///
    /// # Errors
    /// `config_invalid`: which field, and why.
    pub fn from_config(document: &[u8]) -> Result<Self, ConfigError> {
        let root = json::parse(document, &Limits::CONFIG).map_err(|e| invalid("", e.to_string()))?;
        let root = root.as_object();
        let own = match root.and_then(|root| root.get("envoy")) {
            Some(own) => Self::read(own)?,
            None => Self::default(),
        };
        // Without an age, requests would pass before the first list has come.
        if own.revocation.is_some() && root.is_none_or(|root| root.get("revocation").is_none()) {
            return Err(invalid(
                "envoy.revocation",
                "needs `\"revocation\": {\"max_age\": …}` beside `envoy`",
            ));
        }
        Ok(own)
    }

    fn read(own: &Value<'_>) -> Result<Self, ConfigError> {
        let fields = Fields::of(
            "envoy",
            own,
            &["mode", "forward_token", "document", "jwks", "introspection", "status", "revocation"],
        )?;
        Ok(Self {
            mode: fields.choice("mode", &[("enforce", Mode::Enforce), ("shadow", Mode::Shadow)])?,
            forward_token: fields.boolean("forward_token")?,
            document: fields
                .choice("document", &[("filter_state", Document::FilterState), ("none", Document::None)])?,
            jwks: fields.by_issuer("jwks", Refreshed::read)?,
            introspection: fields.by_issuer("introspection", Introspection::read)?,
            status: fields.by_issuer("status", StatusLists::read)?,
            revocation: fields.object.get("revocation").map(Revocation::read).transpose()?,
        })
    }
}

/// Joins the issuers that need something to what `envoy.SECTION` says of them.
///
/// # Errors
/// An issuer without an entry, and an entry without an issuer. `what` the issuer has is in the message.
pub fn joined<'a, 's, T>(
    section: &str,
    what: &str,
    issuers: impl Iterator<Item = (&'a str, &'a str)>,
    entries: &'s [(String, T)],
) -> Result<Vec<(&'a str, &'a str, &'s T)>, ConfigError> {
    let path = |issuer: &str| format!("envoy.{section}[{}]", quote(issuer));
    let mut found = Vec::new();
    for (issuer, uri) in issuers {
        let Some((_, entry)) = entries.iter().find(|(known, _)| known == issuer) else {
            let why = format!("the issuer has {what}: write the `cluster` that leads to it");
            return Err(invalid(&path(issuer), why));
        };
        found.push((issuer, uri, entry));
    }
    let mut names = entries.iter().map(|(issuer, _)| issuer);
    match names.find(|issuer| !found.iter().any(|(known, ..)| known == issuer)) {
        Some(issuer) => {
            let why = format!("no issuer of this name has {what}: remove it, or correct the name");
            Err(invalid(&path(issuer), why))
        }
        None => Ok(found),
    }
}

impl Introspection {
    fn read(path: &str, source: &Value<'_>) -> Result<Self, ConfigError> {
        let known = ["cluster", "client_id", "client_secret", "cache_seconds", "timeout_ms"];
        let fields = Fields::of(path, source, &known)?;
        let authorization = match (fields.optional_text("client_id")?, fields.optional_text("client_secret")?)
        {
            (Some(id), Some(secret)) => Some(basic(id, secret)),
            (None, None) => None,
            (Some(_), None) => return fields.wrong("client_secret", "the secret of `client_id`"),
            (None, Some(_)) => return fields.wrong("client_id", "the name that the secret belongs to"),
        };
        Ok(Self {
            cluster: fields.text("cluster")?,
            authorization,
            cache_seconds: fields.number("cache_seconds", 0, 300, 30)?,
            timeout: fields.timeout()?,
        })
    }
}

impl StatusLists {
    fn read(path: &str, source: &Value<'_>) -> Result<Self, ConfigError> {
        let fields = Fields::of(path, source, &["cluster", "timeout_ms"])?;
        Ok(Self { cluster: fields.text("cluster")?, timeout: fields.timeout()? })
    }
}

impl Revocation {
    fn read(source: &Value<'_>) -> Result<Self, ConfigError> {
        let path = "envoy.revocation";
        let fields = Fields::of(path, source, &["uri", "cluster", "refresh_seconds", "timeout_ms"])?;
        let Some(uri) = fields.optional_text("uri")? else {
            return fields.wrong("uri", "the address of the list");
        };
        let uri = Uri::parse(uri).map_err(|why| invalid("envoy.revocation.uri", why))?;
        let refresh_seconds = fields.number("refresh_seconds", 1, 86_400, 60)?;
        let source = Refreshed {
            cluster: fields.text("cluster")?,
            refresh_seconds,
            min_refresh_seconds: refresh_seconds,
            timeout: fields.timeout()?,
        };
        Ok(Self { uri, source })
    }
}

/// RFC 6749 §2.3.1: both are form-encoded before they are joined.
fn basic(id: &str, secret: &str) -> String {
    let pair = format!("{}:{}", form_encoded(id), form_encoded(secret));
    // The same digits but two, and padding.
    let mut text = base64url::encode(pair.as_bytes()).replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    format!("Basic {text}")
}

/// `application/x-www-form-urlencoded`: every byte that is not unreserved as `%XX`.
pub fn form_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

impl Refreshed {
    fn read(path: &str, source: &Value<'_>) -> Result<Self, ConfigError> {
        let known = ["cluster", "refresh_seconds", "min_refresh_seconds", "timeout_ms"];
        let fields = Fields::of(path, source, &known)?;
        let refresh_seconds = fields.number("refresh_seconds", 1, 86_400, 300)?;
        Ok(Self {
            cluster: fields.text("cluster")?,
            refresh_seconds,
            min_refresh_seconds: fields.number(
                "min_refresh_seconds",
                1,
                refresh_seconds,
                refresh_seconds.min(10),
            )?,
            timeout: fields.timeout()?,
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

    /// A text; it may be missing.
    fn optional_text(&self, name: &str) -> Result<Option<&'a str>, ConfigError> {
        match self.object.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => self.wrong(name, "a text"),
        }
    }

    fn timeout(&self) -> Result<Duration, ConfigError> {
        Ok(Duration::from_millis(u64::from(self.number("timeout_ms", 1, 60_000, 5_000)?)))
    }

    /// An object whose members are named after issuers.
    fn by_issuer<T>(
        &self,
        name: &str,
        read: fn(&str, &Value<'_>) -> Result<T, ConfigError>,
    ) -> Result<ByIssuer<T>, ConfigError> {
        let members = self.object(name)?.into_iter().flat_map(Object::iter);
        members
            .map(|(issuer, value)| {
                Ok((issuer.to_owned(), read(&format!("{}.{name}[{}]", self.path, quote(issuer)), value)?))
            })
            .collect()
    }

    /// A whole number.
    fn number(&self, name: &str, least: u32, most: u32, default: u32) -> Result<u32, ConfigError> {
        let Some(value) = self.object.get(name) else { return Ok(default) };
        match value.as_u64().and_then(|number| u32::try_from(number).ok()) {
            Some(number) if (least..=most).contains(&number) => Ok(number),
            _ => self.wrong(name, &format!("a whole number from {least} to {most}")),
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
        let source = Refreshed {
            cluster: "keys".into(),
            refresh_seconds: 60,
            min_refresh_seconds: 5,
            timeout: Duration::from_millis(100),
        };
        let expected = Settings {
            mode: Mode::Shadow,
            forward_token: true,
            document: Document::FilterState,
            jwks: vec![("https://as.example".into(), source)],
            ..Settings::default()
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

    #[test]
    fn the_schema_has_the_members_that_are_read() {
        let schema = include_str!("../../../../pkg-templates/config.schema.json");
        let schema = json::parse(schema.as_bytes(), &Limits::CONFIG).unwrap();
        let object =
            |value: &Value<'static>, name: &str| value.as_object().unwrap().get(name).cloned().unwrap();
        let schema = object(&schema.into_owned(), "$defs");
        for (name, document) in [
            ("envoy", r#"{"envoy":{"zzz":1}}"#),
            ("envoy_jwks", r#"{"envoy":{"jwks":{"i":{"zzz":1}}}}"#),
            ("envoy_introspection", r#"{"envoy":{"introspection":{"i":{"zzz":1}}}}"#),
            ("envoy_status", r#"{"envoy":{"status":{"i":{"zzz":1}}}}"#),
            ("envoy_revocation", r#"{"envoy":{"revocation":{"zzz":1}}}"#),
        ] {
            let members = object(&object(&schema, name), "properties");
            let members: Vec<_> =
                members.as_object().unwrap().iter().map(|(name, _)| format!("`{name}`")).collect();
            let said = check(document).unwrap_err();
            let (_, known) = said.split_once("there are ").unwrap();
            assert_eq!(members.join(", "), known, "{name}");
        }
    }
}
