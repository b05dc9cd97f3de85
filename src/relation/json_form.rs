//! The model in OpenFGA's JSON form: reading and writing.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use super::model::{Condition, Form, Model, Place, Relation, Restriction, Rewrite, TypeDefinition, validate};
use crate::error::{Code, PolicyError, quote};
use crate::expr::{Item, Type};
use crate::json::{self, Limits, Object, Value, Writer};
use crate::sort::sort_by;

/// How deep a rewrite may nest.
const DEPTH: usize = 32;

impl Model {
    /// Reads and validates a model in OpenFGA's JSON form, schema 1.1. `file` is for messages only.
    ///
    /// # Errors
    /// `model_invalid`; line and column are 0, the offending text is named.
    pub fn from_json(file: &str, json: &[u8]) -> Result<Self, PolicyError> {
        let wrong = |message: String| Place::default().error(Code::ModelInvalid, file, "", message);
        let limits = Limits { members: 10_000, ..Limits::CONFIG };
        let value = json::parse(json, &limits).map_err(|error| wrong(format!("{error}")))?;
        let model = read(&value).map_err(wrong)?;
        validate(file, model)
    }

    /// The model in OpenFGA's JSON form.
    pub fn to_json(&self) -> String {
        let mut writer = Writer::default();
        writer.object(|w| {
            w.key("schema_version").string("1.1");
            w.key("type_definitions").array(|w| self.types.iter().for_each(|ty| write_type(w, ty)));
            if !self.conditions.is_empty() {
                w.key("conditions").object(|w| {
                    self.conditions
                        .iter()
                        .for_each(|condition| write_condition(w.key(&condition.name), condition));
                });
            }
        });
        writer.finish()
    }
}

type Found<T> = Result<T, String>;

fn object<'v, 'j>(value: &'v Value<'j>, what: &str) -> Found<&'v Object<'j>> {
    value.as_object().ok_or_else(|| format!("{what} is an object, not {}", value.kind()))
}

/// A member that may be left out or null.
fn member<'v, 'j>(object: &'v Object<'j>, name: &str) -> Option<&'v Value<'j>> {
    object.get(name).filter(|value| !matches!(value, Value::Null))
}

fn text<'v>(object: &'v Object<'_>, name: &str, what: &str) -> Found<&'v str> {
    member(object, name).and_then(Value::as_str).ok_or_else(|| format!("{what} has no text `{name}`"))
}

fn read(value: &Value<'_>) -> Found<Model> {
    let root = object(value, "a model")?;
    let version = text(root, "schema_version", "the model")?;
    if version != "1.1" {
        return Err(format!(
            "schema {} is not supported; write `\"schema_version\": \"1.1\"`",
            quote(version)
        ));
    }
    let mut model = Model { types: Vec::new(), conditions: Vec::new() };
    let definitions = member(root, "type_definitions").and_then(Value::as_array);
    for ty in definitions.ok_or("the model has no list `type_definitions`")? {
        model.types.push(read_type(object(ty, "a type definition")?)?);
    }
    if let Some(conditions) = member(root, "conditions") {
        for (name, condition) in object(conditions, "`conditions`")?.iter() {
            model.conditions.push(read_condition(name, object(condition, "a condition")?)?);
        }
    }
    Ok(model)
}

fn read_type(definition: &Object<'_>) -> Found<TypeDefinition> {
    let name = text(definition, "type", "a type definition")?;
    let mut ty = TypeDefinition { name: name.into(), relations: Vec::new(), at: Place::default() };
    let metadata = member(definition, "metadata").and_then(Value::as_object);
    let metadata = metadata.and_then(|metadata| member(metadata, "relations")).and_then(Value::as_object);
    let Some(relations) = member(definition, "relations") else { return Ok(ty) };
    for (name, rewrite) in object(relations, "`relations`")?.iter() {
        let rewrite = read_rewrite(rewrite, 0)?;
        let own = metadata.and_then(|metadata| member(metadata, name)).and_then(Value::as_object);
        let types = own.and_then(|own| member(own, "directly_related_user_types")).and_then(Value::as_array);
        let direct = types.unwrap_or_default().iter().map(read_restriction).collect::<Found<_>>()?;
        ty.relations.push(Relation { name: name.into(), rewrite, direct, at: Place::default() });
    }
    Ok(ty)
}

fn read_restriction(value: &Value<'_>) -> Found<Restriction> {
    let entry = object(value, "an entry of `directly_related_user_types`")?;
    let relation = member(entry, "relation").and_then(Value::as_str).filter(|relation| !relation.is_empty());
    let form = match (relation, member(entry, "wildcard")) {
        (Some(relation), None) => Form::Userset(relation.into()),
        (None, Some(_)) => Form::Wildcard,
        (None, None) => Form::Plain,
        (Some(_), Some(_)) => return Err("`relation` and `wildcard` exclude each other".into()),
    };
    let condition =
        member(entry, "condition").and_then(Value::as_str).filter(|name| !name.is_empty()).map(String::from);
    Ok(Restriction {
        ty: text(entry, "type", "a directly related type")?.into(),
        form,
        condition,
        at: Place::default(),
    })
}

fn read_rewrite(value: &Value<'_>, depth: usize) -> Found<Rewrite> {
    if depth > DEPTH {
        return Err(format!("a rewrite nests more than {DEPTH} deep; give a part a name of its own"));
    }
    let deeper = depth.saturating_add(1);
    let children = |value: &Value<'_>, what: &str| -> Found<Vec<Rewrite>> {
        let items = value.as_object().and_then(|object| member(object, "child")).and_then(Value::as_array);
        let items =
            items.filter(|items| !items.is_empty()).ok_or_else(|| format!("`{what}` has no list `child`"))?;
        items.iter().map(|item| read_rewrite(item, deeper)).collect()
    };
    let rewrite = object(value, "a rewrite")?;
    let mut members = rewrite.iter().filter(|(_, value)| !matches!(value, Value::Null));
    let (Some((kind, inner)), None) = (members.next(), members.next()) else {
        return Err("a rewrite has one of `this`, `computedUserset`, `tupleToUserset`, `union`, `intersection` and `difference`".into());
    };
    let at = Place::default();
    Ok(match kind {
        "this" => Rewrite::Direct,
        "computedUserset" => {
            let relation = text(object(inner, kind)?, "relation", "`computedUserset`")?;
            Rewrite::Computed { relation: relation.into(), at }
        }
        "tupleToUserset" => {
            let inner = object(inner, kind)?;
            let part = |name: &str| -> Found<String> {
                let part = object(
                    member(inner, name).ok_or_else(|| format!("`tupleToUserset` has no `{name}`"))?,
                    name,
                )?;
                text(part, "relation", name).map(String::from)
            };
            Rewrite::From { relation: part("computedUserset")?, tupleset: part("tupleset")?, at }
        }
        "union" => Rewrite::Union(direct_first(children(inner, kind)?)),
        "intersection" => Rewrite::Intersection(direct_first(children(inner, kind)?)),
        "difference" => {
            let inner = object(inner, kind)?;
            let part = |name: &str| -> Found<Box<Rewrite>> {
                let part = member(inner, name).ok_or_else(|| format!("`difference` has no `{name}`"))?;
                read_rewrite(part, deeper).map(Box::new)
            };
            Rewrite::Difference(part("base")?, part("subtract")?)
        }
        _ => return Err(format!("there is no rewrite {}", quote(kind))),
    })
}

/// The modelling language writes `[...]` first.
fn direct_first(mut items: Vec<Rewrite>) -> Vec<Rewrite> {
    let other = |item: &Rewrite| *item != Rewrite::Direct;
    sort_by(&mut items, |a, b| other(a).cmp(&other(b)));
    items
}

const TYPES: [(&str, Item); 9] = [
    ("TYPE_NAME_ANY", Item::Any),
    ("TYPE_NAME_BOOL", Item::Bool),
    ("TYPE_NAME_STRING", Item::String),
    ("TYPE_NAME_INT", Item::Int),
    ("TYPE_NAME_UINT", Item::Uint),
    ("TYPE_NAME_DOUBLE", Item::Double),
    ("TYPE_NAME_DURATION", Item::Duration),
    ("TYPE_NAME_TIMESTAMP", Item::Timestamp),
    ("TYPE_NAME_IPADDRESS", Item::IpAddress),
];

fn read_condition(name: &str, condition: &Object<'_>) -> Found<Condition> {
    let mut parameters = Vec::new();
    if let Some(members) = member(condition, "parameters") {
        for (name, ty) in object(members, "`parameters`")?.iter() {
            parameters.push((String::from(name), read_parameter(object(ty, "a parameter")?)?));
        }
    }
    Ok(Condition {
        name: name.into(),
        parameters,
        expression: text(condition, "expression", "a condition")?.into(),
        at: Place::default(),
        body_at: Place::default(),
    })
}

fn read_parameter(parameter: &Object<'_>) -> Found<Type> {
    let name = text(parameter, "type_name", "a parameter")?;
    let plain = |name: &str| TYPES.iter().find(|(known, _)| *known == name).map(|(_, item)| *item);
    let generic: fn(Item) -> Type = match name {
        "TYPE_NAME_LIST" => Type::List,
        "TYPE_NAME_MAP" => Type::Map,
        _ => return plain(name).map(Type::from).ok_or_else(|| format!("there is no type {}", quote(name))),
    };
    let inner = member(parameter, "generic_types").and_then(Value::as_array).unwrap_or_default();
    let [inner] = inner else { return Err(format!("{} has one entry in `generic_types`", quote(name))) };
    let inner = text(object(inner, "a generic type")?, "type_name", "a generic type")?;
    plain(inner).map(generic).ok_or_else(|| format!("a list or map holds plain values, not {}", quote(inner)))
}

fn write_type(writer: &mut Writer, ty: &TypeDefinition) {
    writer.object(|w| {
        w.key("type").string(&ty.name);
        w.key("relations").object(|w| {
            ty.relations.iter().for_each(|relation| write_rewrite(w.key(&relation.name), &relation.rewrite));
        });
        if ty.relations.is_empty() {
            return;
        }
        w.key("metadata").object(|w| {
            w.key("relations").object(|w| {
                for relation in &ty.relations {
                    w.key(&relation.name).object(|w| {
                        w.key("directly_related_user_types")
                            .array(|w| relation.direct.iter().for_each(|r| write_restriction(w, r)));
                    });
                }
            });
        });
    });
}

fn write_restriction(writer: &mut Writer, r: &Restriction) {
    writer.object(|w| {
        w.key("type").string(&r.ty);
        match &r.form {
            Form::Plain => {}
            Form::Wildcard => w.key("wildcard").object(|_| {}),
            Form::Userset(relation) => w.key("relation").string(relation),
        }
        if let Some(condition) = &r.condition {
            w.key("condition").string(condition);
        }
    });
}

fn write_rewrite(writer: &mut Writer, rewrite: &Rewrite) {
    let relation = |w: &mut Writer, name: &str| w.object(|w| w.key("relation").string(name));
    let children = |w: &mut Writer, items: &[Rewrite]| {
        w.object(|w| w.key("child").array(|w| items.iter().for_each(|item| write_rewrite(w, item))));
    };
    writer.object(|w| match rewrite {
        Rewrite::Direct => w.key("this").object(|_| {}),
        Rewrite::Computed { relation: name, .. } => relation(w.key("computedUserset"), name),
        Rewrite::From { relation: name, tupleset, .. } => w.key("tupleToUserset").object(|w| {
            relation(w.key("tupleset"), tupleset);
            relation(w.key("computedUserset"), name);
        }),
        Rewrite::Union(items) => children(w.key("union"), items),
        Rewrite::Intersection(items) => children(w.key("intersection"), items),
        Rewrite::Difference(base, subtract) => w.key("difference").object(|w| {
            write_rewrite(w.key("base"), base);
            write_rewrite(w.key("subtract"), subtract);
        }),
    });
}

fn write_condition(writer: &mut Writer, condition: &Condition) {
    let name_of = |item: Item| TYPES.iter().find(|(_, known)| *known == item).map_or("", |(name, _)| *name);
    writer.object(|w| {
        w.key("name").string(&condition.name);
        w.key("expression").string(condition.expression.trim());
        w.key("parameters").object(|w| {
            for (name, ty) in &condition.parameters {
                w.key(name).object(|w| match ty {
                    Type::List(item) | Type::Map(item) => {
                        let generic =
                            if matches!(ty, Type::List(_)) { "TYPE_NAME_LIST" } else { "TYPE_NAME_MAP" };
                        w.key("type_name").string(generic);
                        w.key("generic_types")
                            .array(|w| w.object(|w| w.key("type_name").string(name_of(*item))));
                    }
                    plain => w.key("type_name").string(plain.item().map_or("", name_of)),
                });
            }
        });
    });
}
