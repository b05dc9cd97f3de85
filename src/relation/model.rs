//! The authorization model: types, their relations and how each relation is derived; validated.

use alloc::{boxed::Box, collections::BTreeSet, format, string::String, vec::Vec};

use super::load::{MOST_RELATIONS, MOST_TYPES};
use super::parse::{RESERVED, in_name};
use crate::error::{Code, PolicyError, Position, quote};
use crate::expr::{self, Source, Value};
use crate::json;
use crate::sort::sort_by;

/// A validated authorization model (OpenFGA, schema 1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub(crate) types: Vec<TypeDefinition>,
    pub(crate) conditions: Vec<Condition>,
}

/// A type and its relations, in the order of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TypeDefinition {
    pub name: String,
    pub relations: Vec<Relation>,
    pub at: Place,
}

/// A relation: which tuples it may hold, and what it follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation {
    pub name: String,
    pub rewrite: Rewrite,
    pub direct: Vec<Restriction>,
    pub at: Place,
}

/// What a relation follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rewrite {
    /// `[user, ...]`: the relation's own tuples.
    Direct,
    /// `writer`: another relation of the same object.
    Computed { relation: String, at: Place },
    /// `viewer from parent`: a relation of the objects that a relation names.
    From { relation: String, tupleset: String, at: Place },
    /// `a or b`
    Union(Vec<Rewrite>),
    /// `a and b`
    Intersection(Vec<Rewrite>),
    /// `a but not b`
    Difference(Box<Rewrite>, Box<Rewrite>),
}

/// One item of a type restriction: `user`, `user:*`, `group#member`, each perhaps `with` a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restriction {
    pub ty: String,
    pub form: Form,
    pub condition: Option<String>,
    pub at: Place,
}

/// The form of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// `user:ana`
    Plain,
    /// `user:*`
    Wildcard,
    /// `group:eng#member`
    Userset(String),
}

/// A condition: its parameters, and its expression as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub name: String,
    pub parameters: Vec<(String, expr::Type)>,
    pub expression: String,
    pub at: Place,
    /// Where the expression starts.
    pub body_at: Place,
}

impl Condition {
    /// The code of the expression.
    pub fn compile(&self, file: &str) -> Result<Vec<u8>, PolicyError> {
        let Place { line, column } = self.body_at;
        let source = Source { file, text: &self.expression, line, column, code: Code::ModelInvalid };
        let variables: Vec<_> = self.parameters.iter().map(|(name, ty)| (name.as_str(), *ty)).collect();
        expr::compile(&source, &variables)
    }

    /// The values that a tuple brings along, as a pack carries them.
    pub fn pack_context(&self, values: &json::Value<'_>) -> Result<Vec<u8>, String> {
        let object = values.as_object().ok_or("the context of a condition is an object")?;
        let mut members = Vec::new();
        for (name, value) in object.iter() {
            let Some((_, ty)) = self.parameters.iter().find(|(known, _)| known == name) else {
                return Err(format!("condition {} has no parameter {}", quote(&self.name), quote(name)));
            };
            let value = Value::from_json(value, *ty).filter(|_| !matches!(value, json::Value::Null));
            members.push((
                name,
                value.ok_or_else(|| {
                    format!(
                        "parameter {} of condition {} is of type `{}`",
                        quote(name),
                        quote(&self.name),
                        ty.name()
                    )
                })?,
            ));
        }
        sort_by(&mut members, |a, b| a.0.cmp(b.0));
        let mut out = Vec::new();
        expr::pack_members(&mut out, &members).ok_or_else(|| {
            format!("a list or map for condition {} holds a value of the wrong type", quote(&self.name))
        })?;
        Ok(out)
    }
}

/// Where something stands in the source: line and column, counted from 1; 0 where the source is JSON.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    pub line: u32,
    pub column: u32,
}

// Two models are the same whatever lines they stand on.
impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Place {}

impl Place {
    pub fn error(self, code: Code, file: &str, symbol: &str, message: impl Into<String>) -> PolicyError {
        let symbol: String = symbol.chars().take(64).collect();
        PolicyError {
            code,
            at: Position { file: file.into(), line: self.line, column: self.column, symbol },
            message: message.into(),
        }
    }
}

impl Model {
    /// Whether there is a type of this name.
    pub fn has_type(&self, name: &str) -> bool {
        self.ty(name).is_some()
    }

    /// The names of the types, in the order of the source.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.types.iter().map(|ty| ty.name.as_str())
    }

    /// The names of a type's relations, in the order of the source; none where there is no such type.
    pub fn relations(&self, ty: &str) -> impl Iterator<Item = &str> {
        self.ty(ty).into_iter().flat_map(|ty| ty.relations.iter().map(|relation| relation.name.as_str()))
    }

    /// Whether the type has a relation of this name.
    pub fn has_relation(&self, ty: &str, relation: &str) -> bool {
        self.relation(ty, relation).is_some()
    }

    /// The types whose objects a tuple of this relation may name; `None` unless the relation consists of
    /// tuples alone, and all of them name plain objects (no wildcard, userset, computed relation or condition).
    pub fn plain_direct(&self, ty: &str, relation: &str) -> Option<Vec<&str>> {
        let relation = self.relation(ty, relation)?;
        let plain = |r: &Restriction| r.form == Form::Plain && r.condition.is_none();
        if relation.rewrite != Rewrite::Direct || !relation.direct.iter().all(plain) {
            return None;
        }
        Some(relation.direct.iter().map(|r| r.ty.as_str()).collect())
    }

    /// The relations that depend on themselves through `and` or `but not`, by way of tuples: `type#relation`.
    /// They load, as they do in OpenFGA, and a check that really goes round in a circle is unknown; but nobody
    /// means to write one, and OpenFGA's own answer may then depend on which branch ends first.
    pub fn circular(&self) -> Vec<String> {
        let mut found = Vec::new();
        for ty in &self.types {
            for relation in &ty.relations {
                let mut seen = BTreeSet::new();
                let strict = matches!(relation.rewrite, Rewrite::Intersection(_) | Rewrite::Difference(..))
                    || has_strict(&relation.rewrite);
                if strict && self.reaches(&ty.name, relation, (&ty.name, &relation.name), &mut seen) {
                    found.push(format!("{}#{}", ty.name, relation.name));
                }
            }
        }
        found
    }

    pub(crate) fn ty(&self, name: &str) -> Option<&TypeDefinition> {
        self.types.iter().find(|ty| ty.name == name)
    }

    pub(crate) fn relation(&self, ty: &str, relation: &str) -> Option<&Relation> {
        self.ty(ty)?.relations.iter().find(|r| r.name == relation)
    }

    /// Whether evaluating a relation may come to `goal`.
    fn reaches<'a>(
        &'a self,
        ty: &'a str,
        relation: &'a Relation,
        goal: (&str, &str),
        seen: &mut BTreeSet<(&'a str, &'a str)>,
    ) -> bool {
        let mut next = Vec::new();
        self.successors(ty, relation, &relation.rewrite, &mut next);
        for (ty, name) in next {
            if (ty, name) == goal {
                return true;
            }
            if seen.insert((ty, name))
                && self.relation(ty, name).is_some_and(|r| self.reaches(ty, r, goal, seen))
            {
                return true;
            }
        }
        false
    }

    fn successors<'a>(
        &'a self,
        ty: &'a str,
        relation: &'a Relation,
        rewrite: &'a Rewrite,
        out: &mut Vec<(&'a str, &'a str)>,
    ) {
        match rewrite {
            Rewrite::Direct => out.extend(relation.direct.iter().filter_map(|r| match &r.form {
                Form::Userset(name) => Some((r.ty.as_str(), name.as_str())),
                Form::Plain | Form::Wildcard => None,
            })),
            Rewrite::Computed { relation, .. } => out.push((ty, relation)),
            Rewrite::From { relation, tupleset, .. } => {
                if let Some(tupleset) = self.relation(ty, tupleset) {
                    out.extend(tupleset.direct.iter().map(|r| (r.ty.as_str(), relation.as_str())));
                }
            }
            Rewrite::Union(items) | Rewrite::Intersection(items) => {
                items.iter().for_each(|item| self.successors(ty, relation, item, out));
            }
            Rewrite::Difference(base, subtract) => {
                self.successors(ty, relation, base, out);
                self.successors(ty, relation, subtract, out);
            }
        }
    }
}

fn has_strict(rewrite: &Rewrite) -> bool {
    match rewrite {
        Rewrite::Direct | Rewrite::Computed { .. } | Rewrite::From { .. } => false,
        Rewrite::Union(items) => items.iter().any(has_strict),
        Rewrite::Intersection(_) | Rewrite::Difference(..) => true,
    }
}

/// Checks names and references of a model that was read from `file`.
pub(crate) fn validate(file: &str, model: Model) -> Result<Model, PolicyError> {
    let invalid =
        |at: Place, symbol: &str, message: String| Err(at.error(Code::ModelInvalid, file, symbol, message));
    let relations: usize = model.types.iter().map(|ty| ty.relations.len()).sum();
    if model.types.len() > MOST_TYPES || relations > MOST_RELATIONS {
        let message = format!("a model has at most {MOST_TYPES} types and {MOST_RELATIONS} relations");
        return invalid(Place { line: 1, column: 1 }, "model", message);
    }
    for (index, ty) in model.types.iter().enumerate() {
        check_name(file, "type", &ty.name, 254, ty.at)?;
        if model.types.iter().take(index).any(|other| other.name == ty.name) {
            return invalid(
                ty.at,
                &ty.name,
                format!(
                    "type {} is defined twice; put all its relations into one definition",
                    quote(&ty.name)
                ),
            );
        }
        for (index, relation) in ty.relations.iter().enumerate() {
            check_name(file, "relation", &relation.name, 50, relation.at)?;
            if ty.relations.iter().take(index).any(|other| other.name == relation.name) {
                return invalid(
                    relation.at,
                    &relation.name,
                    format!(
                        "relation {} of {} is defined twice; join the two with `or`",
                        quote(&relation.name),
                        quote(&ty.name)
                    ),
                );
            }
        }
    }
    for (index, condition) in model.conditions.iter().enumerate() {
        check_name(file, "condition", &condition.name, 50, condition.at)?;
        if model.conditions.iter().take(index).any(|other| other.name == condition.name) {
            return invalid(
                condition.at,
                &condition.name,
                format!("condition {} is defined twice", quote(&condition.name)),
            );
        }
    }
    for ty in &model.types {
        for relation in &ty.relations {
            Check { file, model: &model, ty, relation }.run()?;
        }
    }
    for condition in &model.conditions {
        condition.compile(file)?;
        let used = model.types.iter().flat_map(|ty| &ty.relations).flat_map(|relation| &relation.direct);
        if !used.into_iter().any(|r| r.condition.as_deref() == Some(condition.name.as_str())) {
            return invalid(
                condition.at,
                &condition.name,
                format!(
                    "condition {} is not used; write `[user with {}]` in a relation, or remove it",
                    quote(&condition.name),
                    condition.name
                ),
            );
        }
    }
    Ok(model)
}

fn check_name(file: &str, what: &str, name: &str, most: usize, at: Place) -> Result<(), PolicyError> {
    if name == "self" || name == "this" || RESERVED.contains(&name) {
        let message = format!("{} is reserved; choose another name for the {what}", quote(name));
        return Err(at.error(Code::ModelInvalid, file, name, message));
    }
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !name.starts_with(starts) || name.chars().count() > most || !name.chars().all(in_name) {
        let message = format!(
            "{} is not a name for a {what}: a letter or `_`, then letters, digits, `_`, `-`, `.` or `/`, {most} at most",
            quote(name)
        );
        return Err(at.error(Code::ModelInvalid, file, name, message));
    }
    Ok(())
}

/// The checks of one relation.
struct Check<'a> {
    file: &'a str,
    model: &'a Model,
    ty: &'a TypeDefinition,
    relation: &'a Relation,
}

impl Check<'_> {
    fn invalid(&self, at: Place, symbol: &str, message: String) -> PolicyError {
        at.error(Code::ModelInvalid, self.file, symbol, message)
    }

    fn run(&self) -> Result<(), PolicyError> {
        let direct = uses_direct(&self.relation.rewrite);
        if direct && self.relation.direct.is_empty() {
            return Err(self.invalid(
                self.relation.at,
                &self.relation.name,
                format!(
                    "relation {} takes tuples, but from no type; write `[user]`",
                    quote(&self.relation.name)
                ),
            ));
        }
        if !direct && !self.relation.direct.is_empty() {
            return Err(self.invalid(
                self.relation.at,
                &self.relation.name,
                format!("relation {} names types for tuples that it never reads", quote(&self.relation.name)),
            ));
        }
        self.restrictions()?;
        self.rewrite(&self.relation.rewrite)?;
        let mut path = Vec::new();
        if self.circle(&self.relation.name, &self.relation.rewrite, &mut path) {
            return Err(self.invalid(self.relation.at, &self.relation.name, format!("relation {} of {} follows from itself; a relation may only return to itself through tuples", quote(&self.relation.name), quote(&self.ty.name))));
        }
        if !self.has_entry(&self.ty.name, &self.relation.name, &mut Vec::new()) {
            return Err(self.invalid(self.relation.at, &self.relation.name, format!("no tuple can ever give relation {} of {}: each way to it starts from itself; add a type such as `[user]`", quote(&self.relation.name), quote(&self.ty.name))));
        }
        Ok(())
    }

    fn restrictions(&self) -> Result<(), PolicyError> {
        for r in &self.relation.direct {
            if !self.model.has_type(&r.ty) {
                return Err(self.invalid(
                    r.at,
                    &r.ty,
                    format!("there is no type {}; define it with `type {}`", quote(&r.ty), r.ty),
                ));
            }
            if let Form::Userset(name) = &r.form
                && !self.model.has_relation(&r.ty, name)
            {
                return Err(self.invalid(
                    r.at,
                    name,
                    format!(
                        "type {} has no relation {}; define it, or name another",
                        quote(&r.ty),
                        quote(name)
                    ),
                ));
            }
            if let Some(name) = &r.condition
                && !self.model.conditions.iter().any(|c| c.name == *name)
            {
                return Err(self.invalid(
                    r.at,
                    name,
                    format!(
                        "there is no condition {}; define it with `condition {name}(...) {{ ... }}`",
                        quote(name)
                    ),
                ));
            }
        }
        Ok(())
    }

    fn rewrite(&self, rewrite: &Rewrite) -> Result<(), PolicyError> {
        match rewrite {
            Rewrite::Direct => Ok(()),
            Rewrite::Computed { relation, at } => {
                if self.model.has_relation(&self.ty.name, relation) {
                    return Ok(());
                }
                Err(self.invalid(
                    *at,
                    relation,
                    format!(
                        "type {} has no relation {}; define it, or name another",
                        quote(&self.ty.name),
                        quote(relation)
                    ),
                ))
            }
            Rewrite::From { relation, tupleset, at } => self.from(relation, tupleset, *at),
            Rewrite::Union(items) | Rewrite::Intersection(items) => {
                items.iter().try_for_each(|item| self.rewrite(item))
            }
            Rewrite::Difference(base, subtract) => {
                self.rewrite(base)?;
                self.rewrite(subtract)
            }
        }
    }

    fn from(&self, relation: &str, tupleset: &str, at: Place) -> Result<(), PolicyError> {
        let Some(set) = self.model.relation(&self.ty.name, tupleset) else {
            return Err(self.invalid(
                at,
                tupleset,
                format!(
                    "type {} has no relation {}; define it, as in `define {tupleset}: [folder]`",
                    quote(&self.ty.name),
                    quote(tupleset)
                ),
            ));
        };
        if set.rewrite != Rewrite::Direct {
            return Err(self.invalid(
                at,
                tupleset,
                format!(
                    "`from {tupleset}` needs a relation of tuples alone, as in `define {tupleset}: [folder]`"
                ),
            ));
        }
        if let Some(r) = set.direct.iter().find(|r| r.form != Form::Plain) {
            return Err(self.invalid(
                at,
                tupleset,
                format!(
                    "`from {tupleset}` needs plain objects, but {} also names a wildcard or a userset of {}",
                    quote(tupleset),
                    quote(&r.ty)
                ),
            ));
        }
        if !set.direct.iter().any(|r| self.model.has_relation(&r.ty, relation)) {
            return Err(self.invalid(
                at,
                relation,
                format!("none of the types of {} has a relation {}", quote(tupleset), quote(relation)),
            ));
        }
        Ok(())
    }

    /// Whether a relation computes itself without any tuple in between.
    fn circle<'b>(&'b self, name: &'b str, rewrite: &'b Rewrite, path: &mut Vec<&'b str>) -> bool {
        path.push(name);
        let found = self.circle_in(rewrite, path);
        path.pop();
        found
    }

    fn circle_in<'b>(&'b self, rewrite: &'b Rewrite, path: &mut Vec<&'b str>) -> bool {
        match rewrite {
            Rewrite::Direct | Rewrite::From { .. } => false,
            Rewrite::Computed { relation, .. } => {
                path.contains(&relation.as_str())
                    || self
                        .model
                        .relation(&self.ty.name, relation)
                        .is_some_and(|r| self.circle(relation, &r.rewrite, path))
            }
            Rewrite::Union(items) | Rewrite::Intersection(items) => {
                items.iter().any(|item| self.circle_in(item, path))
            }
            Rewrite::Difference(base, subtract) => {
                self.circle_in(base, path) || self.circle_in(subtract, path)
            }
        }
    }

    /// Whether some tuple can ever make the relation hold.
    fn has_entry<'b>(&'b self, ty: &'b str, name: &'b str, path: &mut Vec<(&'b str, &'b str)>) -> bool {
        if path.contains(&(ty, name)) {
            return false;
        }
        let Some(relation) = self.model.relation(ty, name) else { return false };
        path.push((ty, name));
        let found = self.entry_in(ty, relation, &relation.rewrite, path);
        path.pop();
        found
    }

    fn entry_in<'b>(
        &'b self,
        ty: &'b str,
        of: &'b Relation,
        rewrite: &'b Rewrite,
        path: &mut Vec<(&'b str, &'b str)>,
    ) -> bool {
        match rewrite {
            Rewrite::Direct => of.direct.iter().any(|r| match &r.form {
                Form::Plain | Form::Wildcard => true,
                Form::Userset(name) => self.has_entry(&r.ty, name, path),
            }),
            Rewrite::Computed { relation, .. } => self.has_entry(ty, relation, path),
            Rewrite::From { relation, tupleset, .. } => {
                let Some(set) = self.model.relation(ty, tupleset) else { return false };
                set.direct.iter().any(|r| self.has_entry(&r.ty, relation, path))
            }
            Rewrite::Union(items) => items.iter().any(|item| self.entry_in(ty, of, item, path)),
            Rewrite::Intersection(items) => items.iter().all(|item| self.entry_in(ty, of, item, path)),
            Rewrite::Difference(base, subtract) => {
                self.entry_in(ty, of, base, path) && self.entry_in(ty, of, subtract, path)
            }
        }
    }
}

fn uses_direct(rewrite: &Rewrite) -> bool {
    match rewrite {
        Rewrite::Direct => true,
        Rewrite::Computed { .. } | Rewrite::From { .. } => false,
        Rewrite::Union(items) | Rewrite::Intersection(items) => items.iter().any(uses_direct),
        Rewrite::Difference(base, subtract) => uses_direct(base) || uses_direct(subtract),
    }
}
