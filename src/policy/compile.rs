//! From statements to rules: names are looked up, and what could never work or proves nothing is refused.

mod conditions;
mod coverage;
mod relationships;
mod requests;

use alloc::{format, string::String, vec::Vec};

use crate::error::{Code, ConfigError, PolicyError, quote};
use crate::policy::ast::{Actions, File, Named};
use crate::policy::lexer;
use crate::policy::rules::{Action, MOST_ACTIONS, Rules, Type};
use crate::relation::Model;

/// Reads the model that the rules name.
pub fn model(file: &File<'_>, files: &[(String, String)]) -> Result<Option<Model>, ConfigError> {
    let Some(name) = &file.model else { return Ok(None) };
    let Some((_, text)) = files.iter().find(|(known, _)| known == name.text) else {
        let known: Vec<_> = files.iter().map(|(known, _)| quote(known)).collect();
        let known =
            if known.is_empty() { "it is empty".into() } else { format!("it has {}", known.join(", ")) };
        let message = format!("`files` of the configuration has no {}; {known}", quote(name.text));
        return Err(lexer::error(Code::RulesInvalid, &file.name, &name.word, message).into());
    };
    Ok(Some(Model::parse(name.text, text)?))
}

/// Compiles the rules.
pub fn rules(file: &File<'_>, model: Option<&Model>) -> Result<Rules, PolicyError> {
    let mut compiler = Compiler { file, model, rules: Rules { file: file.name.clone(), ..Rules::default() } };
    compiler.types()?;
    compiler.coverage()?;
    compiler.says()?;
    compiler.routes()?;
    compiler.tools()?;
    compiler.relationship_rules()?;
    compiler.ceilings()?;
    compiler.public()?;
    compiler.callers()?;
    if let Some(chain) = file.chain {
        compiler.rules.chain = chain.most;
        compiler.rules.unrecorded = chain.unrecorded;
    }
    Ok(compiler.rules)
}

struct Compiler<'f, 't> {
    file: &'f File<'t>,
    model: Option<&'f Model>,
    rules: Rules,
}

impl<'t> Compiler<'_, 't> {
    fn error(&self, at: &Named<'_>, message: impl Into<String>) -> PolicyError {
        lexer::error(Code::RulesInvalid, &self.file.name, &at.word, message)
    }

    fn relation(&self, kind: &str, relation: &Named<'_>) -> Result<(), PolicyError> {
        let Some(model) = self.model else {
            return Err(self.error(relation, "a relation needs a model: add the line `model \"FILE\"`"));
        };
        if !model.has_type(kind) {
            return Err(self.error(relation, format!("the model has no type {}", quote(kind))));
        }
        if !model.has_relation(kind, relation.text) {
            let known: Vec<_> = model.relations(kind).collect();
            let message = format!(
                "type `{kind}` has no relation {}; it has {}",
                quote(relation.text),
                known.join(", ")
            );
            return Err(self.error(relation, message));
        }
        Ok(())
    }

    fn kind(&self, name: &Named<'_>) -> Result<u16, PolicyError> {
        let found = self.rules.types.iter().position(|t| t.name == name.text);
        found.and_then(|at| u16::try_from(at).ok()).ok_or_else(|| {
            let known: Vec<_> = self.rules.types.iter().map(|t| t.name.as_str()).collect();
            let known = if known.is_empty() {
                "there is none".into()
            } else {
                format!("known are {}", known.join(", "))
            };
            self.error(name, format!("{} has no `on` block; {known}", quote(name.text)))
        })
    }

    fn action(&self, kind: u16, name: &Named<'_>) -> Result<u8, PolicyError> {
        let Some(ty) = self.rules.kind(kind) else { return Err(self.error(name, "has no type")) };
        let found = ty.actions.iter().position(|a| a.name == name.text);
        found.and_then(|at| u8::try_from(at).ok()).ok_or_else(|| {
            let known: Vec<_> = ty.actions.iter().map(|a| a.name.as_str()).collect();
            let message =
                format!("type `{}` has no action {}; it has {}", ty.name, quote(name.text), known.join(", "));
            self.error(name, message)
        })
    }

    fn actions(&self, kind: u16, actions: &Actions<'_>) -> Result<u64, PolicyError> {
        match actions {
            Actions::Any => {
                let count = self.rules.kind(kind).map_or(0, |t| t.actions.len());
                Ok((0..count).fold(0, |bits, action| bits | bit(action)))
            }
            Actions::List(names) => {
                names.iter().try_fold(0, |bits, name| Ok(bits | bit(usize::from(self.action(kind, name)?))))
            }
        }
    }

    fn types(&mut self) -> Result<(), PolicyError> {
        for on in &self.file.types {
            let name = &on.name;
            if self.rules.types.iter().any(|t| t.name == name.text) {
                return Err(self.error(name, format!("type `{}` has an `on` block already", name.text)));
            }
            // A type whose actions only need coverage has no place in the model.
            let related = on.personal.is_some()
                || on.needs.iter().any(|needs| needs.relation.is_some() && needs.of.is_none());
            if let Some(model) = self.model.filter(|model| related && !model.has_type(name.text)) {
                let known: Vec<_> = model.types().collect();
                return Err(self.error(
                    name,
                    format!("the model has no type {}; it has {}", quote(name.text), known.join(", ")),
                ));
            }
            if let Some(personal) = &on.personal {
                self.relation(name.text, personal)?;
                if self.model.and_then(|model| model.plain_direct(name.text, personal.text)).is_none() {
                    return Err(self.error(
                        personal,
                        format!("`{}` must name people directly: `[user]`, without wildcard, userset, condition or other relations", personal.text),
                    ));
                }
            }
            let mut actions: Vec<Action> = Vec::new();
            for needs in &on.needs {
                if let Some(relation) = &needs.relation {
                    self.relation(needs.of.as_ref().map_or(name.text, |(_, of)| of.kind()), relation)?;
                }
                if let Some((at, of)) = &needs.of {
                    self.evidence(at, of)?;
                }
                for action in &needs.actions {
                    if actions.iter().any(|a| a.name == action.text) {
                        return Err(
                            self.error(action, format!("`{}` says already what it needs", action.text))
                        );
                    }
                    if actions.len() >= MOST_ACTIONS {
                        return Err(self.error(action, format!("a type has at most {MOST_ACTIONS} actions")));
                    }
                    actions.push(Action {
                        name: action.text.into(),
                        relation: needs.relation.as_ref().map(|r| r.text.into()),
                        of: needs.of.as_ref().map(|(_, of)| of.clone()),
                        line: action.word.line,
                    });
                }
            }
            let personal = on.personal.as_ref().map(|p| p.text.into());
            self.rules.types.push(Type { name: name.text.into(), personal, actions });
        }
        Ok(())
    }
}

/// The type in an object's name.
fn kind_of<'t>(object: &Named<'t>) -> Named<'t> {
    Named { text: object.text.split(':').next().unwrap_or_default(), word: object.word }
}

/// An action's bit.
fn bit(action: usize) -> u64 {
    u32::try_from(action).ok().and_then(|shift| 1_u64.checked_shl(shift)).unwrap_or(0)
}
