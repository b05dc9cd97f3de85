//! The request, from a file or from the options.

use std::path::{Path, PathBuf};

use actfor::json::Value;
use actfor::{Request, Timestamp, quote};

use crate::configuration;
use crate::failure::Failure;

/// A request, and what the host adds to it.
#[derive(Default)]
pub struct Asked {
    /// The method.
    pub method: Option<String>,
    /// The target.
    pub url: Option<String>,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
    /// The request's id.
    pub id: Option<String>,
    /// The time, in seconds since 1970-01-01 UTC.
    pub now: Option<u64>,
    /// What the issuer answered about the token: a file.
    pub introspection: Option<PathBuf>,
}

impl Asked {
    /// Reads `{ method, url, headers?, body?, id?, now? }`; what the options say already stays.
    pub fn fill_from(&mut self, path: &Path) -> Result<(), Failure> {
        let file = configuration::value(path)?;
        let wrong = |what: String| Failure::file(path, what);
        let Some(members) = file.as_object() else {
            return Err(wrong(format!("the request is {}, not an object", file.kind())));
        };
        for (name, value) in members.iter() {
            let text = |kind: &str| {
                value
                    .as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| wrong(format!("`{kind}` is {}, not a string", value.kind())))
            };
            match name {
                "method" => keep(&mut self.method, text(name)?),
                "url" => keep(&mut self.url, text(name)?),
                "body" => keep(&mut self.body, text(name)?),
                "id" => keep(&mut self.id, text(name)?),
                "now" => {
                    let Some(seconds) = value.as_u64() else {
                        return Err(wrong("`now` is not a whole number of seconds".into()));
                    };
                    keep(&mut self.now, seconds);
                }
                "headers" => self.headers.extend(headers(value).map_err(wrong)?),
                _ => {
                    let known = "method, url, headers, body, id, now";
                    return Err(wrong(format!("unknown member {}; a request has {known}", quote(name))));
                }
            }
        }
        Ok(())
    }

    /// Takes `name: value`.
    pub fn header(&mut self, line: &str) -> Result<(), Failure> {
        match line.split_once(':') {
            Some((name, value)) if !name.trim().is_empty() => {
                self.headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                Ok(())
            }
            _ => Err(Failure::usage("a header is written `-H 'name: value'`")),
        }
    }

    /// Asks `f` about it.
    pub fn ask<T>(&self, f: impl FnOnce(&Request<'_>, Option<Timestamp>) -> T) -> Result<T, Failure> {
        let Some(method) = &self.method else {
            return Err(Failure::usage("which method? write `--method GET`, or `--request FILE`"));
        };
        let Some(url) = &self.url else {
            return Err(Failure::usage("which target? write `--url /path`, or `--request FILE`"));
        };
        let headers = self.fields();
        let request = Request {
            id: self.id.as_deref().unwrap_or_default(),
            method,
            url,
            headers: &headers,
            body: self.body.as_ref().map(String::as_bytes),
            ..Request::default()
        };
        Ok(f(&request, self.time()))
    }

    /// The header fields, as the core reads them.
    pub fn fields(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
    }

    /// The time: the one that was given, or the clock's.
    pub fn time(&self) -> Option<Timestamp> {
        match self.now {
            Some(seconds) => Timestamp::from_seconds(seconds).filter(|time| time.seconds() > 0),
            None => now(),
        }
    }
}

/// The clock of this machine.
pub fn now() -> Option<Timestamp> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    Timestamp::from_host(since.as_secs_f64())
}

fn keep<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}

/// An object of strings or arrays of strings, or an array of pairs.
fn headers(value: &Value<'_>) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let mut add = |name: &str, value: &Value<'_>| match value.as_str() {
        Some(text) => {
            found.push((name.to_ascii_lowercase(), text.to_owned()));
            Ok(())
        }
        None => Err(format!("the header {} is {}, not a string", quote(name), value.kind())),
    };
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter() {
                match value.as_array() {
                    Some(values) => values.iter().try_for_each(|value| add(name, value))?,
                    None => add(name, value)?,
                }
            }
        }
        Value::Array(pairs) => {
            for pair in pairs {
                match pair.as_array() {
                    Some([name, value]) if name.as_str().is_some() => {
                        add(name.as_str().unwrap_or_default(), value)?
                    }
                    _ => return Err("`headers` holds something that is not a pair of name and value".into()),
                }
            }
        }
        _ => return Err(format!("`headers` is {}, not an object or an array of pairs", value.kind())),
    }
    Ok(found)
}
