//! The rule language: which action needs which relation, and which kinds of relationship are allowed at all.
//!
//! Source is [compiled](compile) to a pack; the evaluator in [`decide`] reads only what was loaded from a
//! pack, so there is no second evaluator. What a kind of relationship requires is built in (the table in
//! [`crate::identity::Kind`]); rules can only say where it is allowed.

pub mod arguments;
pub mod ast;
mod codec;
pub mod compile;
pub mod coverage;
pub mod decide;
mod format;
mod lexer;
pub mod parse;
pub mod path;
mod route;
pub mod rules;
pub(crate) mod says;
pub mod variables;

use alloc::{format, string::String, sync::Arc, vec::Vec};

use crate::error::{Code, ConfigError, quote};
use crate::pack::{self, Builder, Pack, PackError, Section};
use crate::relation::{self, Model, Relations, Tuple};
use crate::update::Changes;

pub use format::format;
pub use rules::Rules;

/// The source of a policy: rules, the files that they name, and tuples.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The rule file.
    pub policy: String,
    /// Files by name: models.
    pub files: Vec<(String, String)>,
    /// Relationship tuples.
    pub tuples: Vec<Tuple>,
    /// With a relationship server: the relations, as `TYPE#RELATION`, of which `tuples` has every one. Without one
    /// (`None`) that is so of all relations.
    pub complete: Option<Vec<String>>,
}

/// The name under which the rule file stands in messages.
pub const RULES_FILE: &str = "policy";

impl Source {
    /// Compiles to a pack.
    ///
    /// # Errors
    /// Where and what is wrong, and what to write instead.
    pub fn compile(&self) -> Result<Vec<u8>, ConfigError> {
        let mut builder = Builder::default();
        self.compile_into(&mut builder)?;
        builder.finish().map_err(refused)
    }

    /// Compiles into a pack that gets more than that: a serial, times, a signature.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub fn compile_into(&self, builder: &mut Builder) -> Result<(), ConfigError> {
        let file = parse::parse(RULES_FILE, &self.policy)?;
        let model = compile::model(&file, &self.files)?;
        let rules = compile::rules(&file, model.as_ref())?;
        builder.set(Section::Rules, rules.encode());
        match &model {
            Some(model) => {
                let listed = self.complete.as_deref();
                self.check_complete(model)?;
                let complete = |ty: &str, name: &str| {
                    listed.is_none_or(|listed| {
                        listed.iter().any(|known| known.split_once('#') == Some((ty, name)))
                    })
                };
                relation::compile_partial(model, &self.tuples, &complete, builder)?;
            }
            None if self.tuples.is_empty() => {}
            None => {
                return Err(ConfigError::new(
                    Code::TupleInvalid,
                    "tuples",
                    "there are tuples and no `model` line in the rules",
                ));
            }
        }
        Ok(())
    }

    /// A misspelt relation would never be complete, and nobody would know why.
    fn check_complete(&self, model: &Model) -> Result<(), ConfigError> {
        for (at, name) in self.complete.iter().flatten().enumerate() {
            let known = name.split_once('#').is_some_and(|(ty, relation)| model.has_relation(ty, relation));
            if !known {
                let text = format!("{} is no `TYPE#RELATION` of the model", quote(name));
                let path = format!("relationships.complete[{at}]");
                return Err(ConfigError::new(Code::ConfigInvalid, path, text));
            }
        }
        Ok(())
    }
}

/// A policy that was loaded from a pack, and the tuples that have changed since. It never changes itself.
#[derive(Debug)]
pub struct Policy {
    pub(crate) pack: Arc<Pack>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) relations: Option<Arc<Relations>>,
    /// The model, where claims add tuples to a request, or tuples have changed.
    pub(crate) model: Option<Arc<Model>>,
    /// What has changed since the pack was made.
    pub(crate) changes: Option<Changes>,
}

impl Policy {
    /// Loads a pack.
    ///
    /// # Errors
    /// `pack_invalid` with what is damaged.
    pub fn load(bytes: Vec<u8>) -> Result<Self, ConfigError> {
        Self::of(Pack::load(bytes).map_err(refused)?)
    }

    /// Reads the sections of a pack.
    pub(crate) fn of(pack: Pack) -> Result<Self, ConfigError> {
        let rules = Rules::decode(pack.section(Section::Rules)).map_err(refused)?;
        let relations = if pack.section(Section::Model).is_empty() {
            None
        } else {
            Some(Relations::load(&pack).map_err(refused)?)
        };
        let model = match &relations {
            Some(relations) if !rules.says.is_empty() => {
                Some(Arc::new(Model::from_pack(relations.source(&pack))?))
            }
            Some(_) | None => None,
        };
        Ok(Self {
            pack: Arc::new(pack),
            rules: Arc::new(rules),
            relations: relations.map(Arc::new),
            model,
            changes: None,
        })
    }

    /// The digest that decisions show: of rules and model, and of every change of tuples since.
    pub(crate) fn digest(&self) -> String {
        pack::digest_text(self.changes.as_ref().map_or(self.pack.policy_id(), |changes| &changes.digest))
    }
}

/// A pack that is not accepted.
pub(crate) fn refused(error: PackError) -> ConfigError {
    let code = match error {
        pack::OUTDATED => Code::PackOutdated,
        pack::UNTRUSTED => Code::PackUntrusted,
        _ => Code::PackInvalid,
    };
    ConfigError::new(code, "policy", error.0)
}
