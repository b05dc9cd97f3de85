//! Relationship tuples: reading them, and checking them against a model as strictly as OpenFGA.

use alloc::{format, string::String};

use super::model::{Form, Model, Restriction};
use crate::error::quote;
use crate::json::{Value, Writer};

/// One relationship: `user` is `relation` of `object`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuple {
    /// Who: `user:ana`, `user:*` or `group:eng#member`.
    pub user: String,
    /// The relation: `writer`.
    pub relation: String,
    /// Of what: `repo:web`.
    pub object: String,
    /// The condition under which it holds, and the values that it brings along.
    pub condition: Option<(String, Value<'static>)>,
}

impl Tuple {
    /// Writes it as `{"user", "relation", "object", "condition"}`, the form in which tuples are read.
    pub fn write(&self, writer: &mut Writer) {
        writer.object(|w| {
            w.key("user").string(&self.user);
            w.key("relation").string(&self.relation);
            w.key("object").string(&self.object);
            if let Some((name, context)) = &self.condition {
                w.key("condition").object(|w| {
                    w.key("name").string(name);
                    w.key("context").value(context);
                });
            }
        });
    }
}

/// A subject, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subject<'a> {
    pub ty: &'a str,
    /// `*` for a wildcard.
    pub id: &'a str,
    pub relation: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// Takes `type:id`, `type:*` or `type:id#relation` apart; `None` where it has another form.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (object, relation) = match text.split_once('#') {
            Some((object, relation)) => (object, Some(relation)),
            None => (text, None),
        };
        let (ty, id) = parse_object(object)?;
        let relation_fits =
            |r: &str| !r.is_empty() && r.len() <= 50 && r.chars().all(|c| fits(c) && c != '*');
        if relation.is_some_and(|r| !relation_fits(r) || id == "*") {
            return None;
        }
        Some(Self { ty, id, relation })
    }

    pub fn is_wildcard(&self) -> bool {
        self.id == "*"
    }
}

/// Takes `type:id` apart. An id holds no `:`, `#`, space or control character and has at most 256 bytes with its type.
pub(crate) fn parse_object(text: &str) -> Option<(&str, &str)> {
    let (ty, id) = text.split_once(':')?;
    let ok = !ty.is_empty() && !id.is_empty() && text.len() <= 512 && all_fit(ty) && all_fit(id);
    ok.then_some((ty, id))
}

/// Names are asked for in every check, and nearly all are ASCII.
fn all_fit(text: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b':' | b'#');
    text.as_bytes().iter().all(plain) || text.chars().all(fits)
}

fn fits(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !matches!(c, ':' | '#')
}

impl Tuple {
    /// Reads `{"user", "relation", "object", "condition": {"name", "context"}}`.
    ///
    /// # Errors
    /// What is missing, unknown or of the wrong kind.
    pub fn from_value(value: &Value<'_>) -> Result<Self, String> {
        let object = value.as_object().ok_or_else(|| {
            format!("a tuple is an object with `user`, `relation` and `object`, not {}", value.kind())
        })?;
        if let Some((name, _)) =
            object.iter().find(|(name, _)| !matches!(*name, "user" | "relation" | "object" | "condition"))
        {
            return Err(format!(
                "a tuple has no member {}; it has `user`, `relation`, `object` and `condition`",
                quote(name)
            ));
        }
        let text = |name: &str| -> Result<String, String> {
            let member = object.get(name).ok_or_else(|| format!("the tuple has no `{name}`"))?;
            member
                .as_str()
                .map(String::from)
                .ok_or_else(|| format!("`{name}` of a tuple is a string, not {}", member.kind()))
        };
        let condition = match object.get("condition") {
            None | Some(Value::Null) => None,
            Some(condition) => Some(condition_of(condition)?),
        };
        Ok(Self { user: text("user")?, relation: text("relation")?, object: text("object")?, condition })
    }
}

fn condition_of(value: &Value<'_>) -> Result<(String, Value<'static>), String> {
    let object = value.as_object().ok_or("`condition` of a tuple is an object with `name` and `context`")?;
    if let Some((name, _)) = object.iter().find(|(name, _)| !matches!(*name, "name" | "context")) {
        return Err(format!(
            "a tuple's condition has no member {}; it has `name` and `context`",
            quote(name)
        ));
    }
    let name = object.get("name").and_then(Value::as_str).ok_or("the tuple's condition has no `name`")?;
    let context = match object.get("context") {
        None | Some(Value::Null) => Value::Object(Default::default()),
        Some(context @ Value::Object(_)) => context.clone().into_owned(),
        Some(other) => {
            return Err(format!("`context` of a tuple's condition is an object, not {}", other.kind()));
        }
    };
    Ok((name.into(), context))
}

impl Model {
    /// Checks a tuple: form, names, and that the relation takes this kind of subject.
    ///
    /// # Errors
    /// What is wrong and what the relation takes instead.
    pub fn admits(&self, tuple: &Tuple) -> Result<(), String> {
        self.restriction(tuple).map(|_| ())
    }

    /// Checks a tuple that is to be taken away: as [`Self::admits`], whatever its condition.
    pub(crate) fn takes(&self, tuple: &Tuple) -> Result<(), String> {
        let with = |condition| self.admits(&Tuple { condition, ..tuple.clone() });
        let outcome = with(None);
        let mut names = self.conditions.iter().map(|condition| &condition.name);
        if outcome.is_err() && names.any(|name| with(Some((name.clone(), Value::Null))).is_ok()) {
            return Ok(());
        }
        outcome
    }

    /// The type restriction that a tuple falls under: its index among those of the relation.
    pub(crate) fn restriction(&self, tuple: &Tuple) -> Result<usize, String> {
        let (ty, id) = parse_object(&tuple.object)
            .ok_or_else(|| format!("{} is not an object; write `type:id`", quote(&tuple.object)))?;
        if id == "*" {
            return Err(format!(
                "{} is not one object; a wildcard can only be the user of a tuple",
                quote(&tuple.object)
            ));
        }
        if !self.has_type(ty) {
            return Err(format!(
                "there is no type {} in the model (tuple of {})",
                quote(ty),
                quote(&tuple.object)
            ));
        }
        let Some(relation) = self.relation(ty, &tuple.relation) else {
            return Err(format!("type {} has no relation {}", quote(ty), quote(&tuple.relation)));
        };
        let subject = Subject::parse(&tuple.user).ok_or_else(|| {
            format!("{} is not a user; write `type:id`, `type:*` or `type:id#relation`", quote(&tuple.user))
        })?;
        if !self.has_type(subject.ty) {
            return Err(format!(
                "there is no type {} in the model (user {})",
                quote(subject.ty),
                quote(&tuple.user)
            ));
        }
        if subject.relation.is_some_and(|r| !self.has_relation(subject.ty, r)) {
            return Err(format!(
                "type {} has no relation {} (user {})",
                quote(subject.ty),
                quote(subject.relation.unwrap_or_default()),
                quote(&tuple.user)
            ));
        }
        if tuple.object == tuple.user.split('#').next().unwrap_or_default()
            && subject.relation == Some(&tuple.relation)
        {
            return Err(format!("{} would be {} of itself", quote(&tuple.user), quote(&tuple.relation)));
        }
        let fits = |r: &Restriction| {
            r.ty == subject.ty
                && match &r.form {
                    Form::Plain => !subject.is_wildcard() && subject.relation.is_none(),
                    Form::Wildcard => subject.is_wildcard(),
                    Form::Userset(name) => subject.relation == Some(name),
                }
        };
        let condition = tuple.condition.as_ref().map(|(name, _)| name.as_str());
        if let Some(index) =
            relation.direct.iter().position(|r| fits(r) && r.condition.as_deref() == condition)
        {
            return Ok(index);
        }
        if relation.direct.is_empty() {
            return Err(format!(
                "relation {} of {} is computed, and takes no tuples",
                quote(&tuple.relation),
                quote(ty)
            ));
        }
        let with: alloc::vec::Vec<_> =
            relation.direct.iter().filter(|r| fits(r)).filter_map(|r| r.condition.as_deref()).collect();
        match (condition, with.first()) {
            (None, Some(name)) => Err(format!(
                "relation {} of {} takes {} only with condition {}",
                quote(&tuple.relation),
                quote(ty),
                quote(&tuple.user),
                quote(name)
            )),
            (Some(name), _) => Err(format!(
                "relation {} of {} does not take {} with condition {}",
                quote(&tuple.relation),
                quote(ty),
                quote(&tuple.user),
                quote(name)
            )),
            (None, None) => Err(format!(
                "relation {} of {} does not take {}; it takes {}",
                quote(&tuple.relation),
                quote(ty),
                quote(&tuple.user),
                list(&relation.direct)
            )),
        }
    }
}

/// The restrictions of a relation, as the language writes them.
fn list(direct: &[Restriction]) -> String {
    let mut out = String::from("`[");
    for (index, r) in direct.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        super::print::restriction(&mut out, r);
    }
    out.push_str("]`");
    out
}
