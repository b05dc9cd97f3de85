//! Changes while a guard is at work: tuples that come and go, and another pack.
//!
//! Both are taken whole or not at all, and a decision sees the state before or the state after, never both. A
//! change of tuples lies beside the pack and is bounded; what is more than that needs a new pack.
//!
//! # The digest of a policy
//!
//! A decision names the policy that made it. Without changes that is the SHA-256 over rules and model. Each change
//! makes a new digest out of the one before, so whoever keeps the changes can follow it and come to the same:
//!
//! - before the first change: SHA-256 of `actfor tuples`, LF, the SHA-256 over rules and model, and the SHA-256 of the
//!   pack's tuples (32 bytes each);
//! - after a change: SHA-256 of `actfor update`, LF, the digest before (32 bytes), and the change as
//!   [`Change::to_json`] writes it.

use alloc::{format, string::String, sync::Arc, vec::Vec};

use sha2::{Digest, Sha256};

use crate::error::{Code, ConfigError, PolicyError, quote};
use crate::guard::Guard;
use crate::json::{self, Limits, Value, Writer};
use crate::pack::{Pack, Section};
use crate::policy::{Policy, refused};
use crate::relation::{Model, Overlay, Tuple};
use crate::sort::sort_by;

/// Tuples that come and go together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Tuples that hold from now on. What is there already may be named again, with the same condition.
    pub add: Vec<Tuple>,
    /// Tuples that hold no longer, whatever their condition. What is not there may be named too. They go before the
    /// others come.
    pub remove: Vec<Tuple>,
}

impl Change {
    /// Reads `{"add": [TUPLE, …], "remove": [TUPLE, …]}`; each may be missing.
    ///
    /// # Errors
    /// `config_invalid` and `tuple_invalid`, with the path of what is wrong.
    pub fn from_json(text: &[u8]) -> Result<Self, ConfigError> {
        let invalid = |path: &str, message: String| ConfigError::new(Code::ConfigInvalid, path, message);
        let value = json::parse(text, &Limits::CONFIG)
            .map_err(|error| invalid("", format!("not a JSON document: {error}")))?;
        let members = value
            .as_object()
            .ok_or_else(|| invalid("", format!("is {} and must be an object", value.kind())))?;
        if let Some((name, _)) = members.iter().find(|(name, _)| !matches!(*name, "add" | "remove")) {
            return Err(invalid("", format!("{} is not known; known are add, remove", quote(name))));
        }
        let tuples = |name: &str| -> Result<Vec<Tuple>, ConfigError> {
            let Some(value) = members.get(name) else { return Ok(Vec::new()) };
            let items = value
                .as_array()
                .ok_or_else(|| invalid(name, format!("is {} and must be an array", value.kind())))?;
            let read = |(at, item): (usize, &Value<'_>)| {
                let wrong = |message| ConfigError::new(Code::TupleInvalid, format!("{name}[{at}]"), message);
                Tuple::from_value(item).map_err(wrong)
            };
            items.iter().enumerate().map(read).collect()
        };
        Ok(Self { add: tuples("add")?, remove: tuples("remove")? })
    }

    /// The change as the digest takes it (JSON): `remove`, then `add`, each tuple once and sorted by user, relation
    /// and object.
    pub fn to_json(&self) -> String {
        let mut writer = Writer::default();
        writer.object(|w| {
            for (name, tuples) in [("remove", &self.remove), ("add", &self.add)] {
                let mut sorted: Vec<_> = tuples.iter().collect();
                sort_by(&mut sorted, |a, b| {
                    (&a.user, &a.relation, &a.object).cmp(&(&b.user, &b.relation, &b.object))
                });
                sorted.dedup();
                w.key(name).array(|w| sorted.into_iter().for_each(|tuple| tuple.write(w)));
            }
        });
        writer.finish()
    }
}

/// What has changed since a pack was made.
#[derive(Debug)]
pub(crate) struct Changes {
    pub overlay: Overlay,
    pub digest: [u8; 32],
}

impl Guard {
    /// Changes tuples without compiling anything anew; gives the policy's new digest, as decisions show it from now on.
    /// The shadow policy gets the change too. Remembered tokens stay. It costs time by the number of tuples that
    /// differ from the pack's, which are 100,000 at most.
    ///
    /// # Errors
    /// `tuple_invalid` for a tuple that would not load either, its place as the path; `rebuild_needed` where there are
    /// too many changes: compile and [`Self::swap`] a new pack. Then nothing has changed.
    pub fn update(&mut self, change: &Change) -> Result<String, ConfigError> {
        let policy = self.policy.updated(change)?;
        let shadow = match &self.shadow {
            None => None,
            Some(shadow) => Some(Arc::new(shadow.updated(change)?)),
        };
        self.policy = Arc::new(policy);
        self.shadow = shadow;
        Ok(self.policy.digest())
    }

    /// Puts another pack in the place of the one in use, and of all changes to it. The shadow policy stays as it is.
    ///
    /// # Errors
    /// `pack_invalid` for bytes that are not a pack, `pack_untrusted` where the configuration has `pack_keys` and none
    /// of them has signed it, `pack_outdated` for a serial lower than that of the pack in use. The one in use stays.
    pub fn swap(&mut self, pack: Vec<u8>) -> Result<(), ConfigError> {
        let policy = Policy::trusted(pack, &self.config.pack_keys, self.policy.pack.serial())?;
        self.policy = Arc::new(policy);
        Ok(())
    }

    /// The digest of the policy in use, as decisions show it: `sha256:…`.
    pub fn policy_digest(&self) -> String {
        self.policy.digest()
    }
}

impl Policy {
    /// Loads a pack from outside.
    pub(crate) fn trusted(bytes: Vec<u8>, keys: &[[u8; 32]], least_serial: u64) -> Result<Self, ConfigError> {
        let pack = if keys.is_empty() {
            Pack::load_from(bytes, least_serial)
        } else {
            #[cfg(feature = "ed25519")]
            let pack = Pack::load_signed(bytes, keys, least_serial);
            #[cfg(not(feature = "ed25519"))]
            let pack = Err(crate::pack::UNTRUSTED);
            pack
        };
        Self::of(pack.map_err(refused)?)
    }

    fn updated(&self, change: &Change) -> Result<Self, ConfigError> {
        let Some(relations) = &self.relations else {
            let message = "there is no `model` line in the rules, so there are no tuples";
            return Err(ConfigError::new(Code::TupleInvalid, "", message));
        };
        let model = match &self.model {
            Some(model) => Arc::clone(model),
            None => Arc::new(Model::from_pack(relations.source(&self.pack))?),
        };
        let none = Overlay::default();
        let before = self.changes.as_ref().map_or(&none, |changes| &changes.overlay);
        let overlay = before
            .update(&model, relations, &self.pack, &change.add, &change.remove)
            .map_err(|error| named(&error))?;
        let before = self.changes.as_ref().map_or_else(|| start(&self.pack), |changes| changes.digest);
        let digest = hash(&[b"actfor update\n", &before, change.to_json().as_bytes()]);
        Ok(Self {
            pack: Arc::clone(&self.pack),
            rules: Arc::clone(&self.rules),
            relations: Some(Arc::clone(relations)),
            model: Some(model),
            changes: Some(Changes { overlay, digest }),
        })
    }
}

fn start(pack: &Pack) -> [u8; 32] {
    let tuples = hash(&[pack.section(Section::Tuples)]);
    hash(&[b"actfor tuples\n", pack.policy_id(), &tuples])
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().into()
}

/// The error of a tuple, by its place in the change.
fn named(error: &PolicyError) -> ConfigError {
    let at = &error.at;
    if error.code != Code::TupleInvalid {
        return ConfigError::new(error.code, "", error.message.as_str());
    }
    let path = format!("{}[{}]", at.file, at.line.saturating_sub(1));
    ConfigError::new(error.code, path, format!("tuple {}: {}", quote(&at.symbol), error.message))
}
