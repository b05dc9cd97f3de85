//! The rule language: which action needs which relation, and which kinds of relationship are allowed at all.
//!
//! Source is [compiled](compile) to a pack; the evaluator in [`decide`] reads only what was loaded from a
//! pack, so there is no second evaluator. What a kind of relationship requires is built in (the table in
//! [`crate::identity::Kind`]); rules can only say where it is allowed.

pub mod arguments;
pub mod ast;
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

use alloc::{format, string::String, vec::Vec};

use crate::error::{Code, ConfigError, quote};
use crate::pack::{Builder, Pack, PackError, Section};
use crate::relation::{self, Model, Relations, Tuple};

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
        let file = parse::parse(RULES_FILE, &self.policy)?;
        let model = compile::model(&file, &self.files)?;
        let rules = compile::rules(&file, model.as_ref())?;
        let mut builder = Builder::default();
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
                relation::compile_partial(model, &self.tuples, &complete, &mut builder)?;
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
        builder.finish().map_err(damaged)
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

/// A policy that was loaded from a pack.
#[derive(Debug)]
pub struct Policy {
    pub(crate) pack: Pack,
    pub(crate) rules: Rules,
    pub(crate) relations: Option<Relations>,
    /// The model, where claims add tuples to a request.
    pub(crate) model: Option<Model>,
}

impl Policy {
    /// Loads a pack.
    ///
    /// # Errors
    /// `pack_invalid` with what is damaged.
    pub fn load(bytes: Vec<u8>) -> Result<Self, ConfigError> {
        let pack = Pack::load(bytes).map_err(damaged)?;
        let rules = Rules::decode(pack.section(Section::Rules)).map_err(damaged)?;
        let relations = if pack.section(Section::Model).is_empty() {
            None
        } else {
            Some(Relations::load(&pack).map_err(damaged)?)
        };
        let model = match &relations {
            Some(relations) if !rules.says.is_empty() => {
                Some(Model::parse("model", relations.source(&pack))?)
            }
            Some(_) | None => None,
        };
        Ok(Self { pack, rules, relations, model })
    }
}

fn damaged(error: PackError) -> ConfigError {
    ConfigError::new(Code::PackInvalid, "policy", error.0)
}
