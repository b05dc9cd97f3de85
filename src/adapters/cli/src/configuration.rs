//! The configuration document, put together from the files of the command line.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use actfor::jose::base64url;
use actfor::json::{self, Limits, Value, Writer};
use actfor::pack::Pack;
use actfor::{Guard, Timestamp};

use crate::explain::Rules;
use crate::failure::Failure;

/// Which files there are.
#[derive(Default)]
pub struct Files {
    /// `--config`: the document.
    pub config: Option<PathBuf>,
    /// `--policy`: rules that take the place of the document's own, with the models beside them; or a pack.
    pub policy: Option<PathBuf>,
    /// `--tuples`: a JSON array that takes the place of the document's own.
    pub tuples: Option<PathBuf>,
    /// `--revoked`: the list of what is revoked.
    pub revoked: Option<PathBuf>,
    /// `--status`: status lists.
    pub status: Vec<PathBuf>,
}

impl Files {
    /// The document that the core reads.
    pub fn document(&self) -> Result<Vec<u8>, Failure> {
        let Some(config) = &self.config else {
            return Err(Failure::usage("which configuration? write `--config FILE`"));
        };
        let document = read(config)?;
        if self.policy.is_none() && self.tuples.is_none() {
            return Ok(document);
        }
        let parsed = json::parse(&document, &Limits::CONFIG).map_err(|error| Failure::file(config, error))?;
        let Some(members) = parsed.as_object() else {
            return Err(Failure::file(
                config,
                format!("the configuration is {}, not an object", parsed.kind()),
            ));
        };
        let mut replaced: BTreeMap<&str, Part> = BTreeMap::new();
        let mut packed = false;
        if let Some(policy) = &self.policy {
            let bytes = read(policy)?;
            packed = Pack::starts(&bytes);
            if packed {
                replaced.insert("policy", Part::Pack(bytes));
            } else {
                let rules = String::from_utf8(bytes).map_err(|error| Failure::file(policy, error))?;
                replaced.insert("files", Part::Files(models(policy, &rules)?));
                replaced.insert("policy", Part::Text(rules));
            }
        }
        if packed && self.tuples.is_some() {
            return Err(Failure::usage("`--policy` is a pack and has its tuples; leave `--tuples` out"));
        }
        if let Some(tuples) = &self.tuples {
            let raw = text(tuples)?;
            json::parse(raw.as_bytes(), &Limits::CONFIG).map_err(|error| Failure::file(tuples, error))?;
            replaced.insert("tuples", Part::Json(raw));
        }
        let mut w = Writer::default();
        w.object(|w| {
            // Files and tuples are parts of a pack.
            let stays =
                |name: &str| !(replaced.contains_key(name) || packed && matches!(name, "files" | "tuples"));
            for (name, value) in members.iter().filter(|(name, _)| stays(name)) {
                w.key(name).value(value);
            }
            for (name, part) in &replaced {
                part.write(w.key(name));
            }
        });
        Ok(w.finish().into_bytes())
    }
}

impl Files {
    /// The rules as text, for whoever explains a decision; none for a pack, and none that can be read only once.
    pub fn rules(&self) -> Option<Rules> {
        let lasting = |path: &&PathBuf| path.as_os_str() != "-";
        if let Some(policy) = &self.policy {
            let bytes = read(Some(policy).filter(lasting)?).ok().filter(|bytes| !Pack::starts(bytes))?;
            let text = String::from_utf8(bytes).ok()?;
            return Some(Rules { name: policy.display().to_string(), text });
        }
        let config = value(self.config.as_ref().filter(lasting)?).ok()?;
        let text = config.as_object()?.get("policy")?.as_str()?.to_owned();
        Some(Rules { name: "policy".to_owned(), text })
    }

    /// Hands the lists of what was taken back to a guard. A status list belongs to the issuer whose configuration
    /// and keys it fits.
    pub fn revoke(&self, guard: &mut Guard, now: Timestamp) -> Result<(), Failure> {
        if let Some(path) = &self.revoked {
            guard.revoke(&read(path)?, now).map_err(|error| Failure::file(path, error))?;
        }
        if self.status.is_empty() {
            return Ok(());
        }
        let document = self.document()?;
        let parsed =
            json::parse(&document, &Limits::CONFIG).map_err(|error| Failure::usage(error.to_string()))?;
        let issuers = parsed.as_object().and_then(|root| root.get("issuers")).and_then(Value::as_array);
        let names = issuers.unwrap_or_default().iter().filter_map(Value::as_object);
        let names: Vec<&str> =
            names.filter_map(|issuer| issuer.get("status").and(issuer.get("issuer"))?.as_str()).collect();
        for path in &self.status {
            let list = text(path)?;
            let mut refused = "no issuer of the configuration has `status`".to_owned();
            let taken = names.iter().any(|issuer| {
                let result = guard.set_status_list(issuer, list.trim(), now);
                result.map_err(|error| refused = error.to_string()).is_ok()
            });
            if !taken {
                return Err(Failure::file(path, refused));
            }
        }
        Ok(())
    }
}

/// A member that comes from a file of its own.
enum Part {
    Files(BTreeMap<String, String>),
    Json(String),
    Pack(Vec<u8>),
    Text(String),
}

impl Part {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Files(files) => w.object(|w| {
                for (name, text) in files {
                    w.key(name).string(text);
                }
            }),
            Self::Json(text) => w.raw(text),
            Self::Pack(bytes) => w.object(|w| w.key("pack").string(&base64url::encode(bytes))),
            Self::Text(text) => w.string(text),
        }
    }
}

/// The files that `model "NAME"` lines name, found beside the rules. What such a line must look like is the
/// core's business: one that is not understood here is left to it.
pub fn models(policy: &Path, rules: &str) -> Result<BTreeMap<String, String>, Failure> {
    let folder = policy.parent().unwrap_or(Path::new(""));
    let mut files = BTreeMap::new();
    for line in rules.lines() {
        let mut parts = line.split('"');
        if let (Some("model"), Some(name)) = (parts.next().map(str::trim), parts.next()) {
            files.insert(name.to_owned(), text(&folder.join(name))?);
        }
    }
    Ok(files)
}

/// The bytes of a file; `-` is standard input.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let read = std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes);
        return read.map(|_| bytes).map_err(|error| Failure::file(path, error));
    }
    fs::read(path).map_err(|error| Failure::file(path, error))
}

/// The text of a file.
pub fn text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?).map_err(|error| Failure::file(path, error))
}

/// A JSON file, as a value that owns what it holds.
pub fn value(path: &Path) -> Result<Value<'static>, Failure> {
    let bytes = read(path)?;
    json::parse(&bytes, &Limits::CONFIG).map(Value::into_owned).map_err(|error| Failure::file(path, error))
}
