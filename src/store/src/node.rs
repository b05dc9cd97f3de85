//! Members of a store file, with an error for each that is not what it should be.

use actfor::json::{Object, Value};

use crate::store::{StoreError, wrong};

pub fn member<'v, 'j>(value: &'v Value<'j>, name: &str) -> Option<&'v Value<'j>> {
    value.as_object()?.get(name).filter(|value| !matches!(value, Value::Null))
}

/// That an object has no other members than these.
pub fn known(value: &Value<'_>, names: &[&str], what: &str) -> Result<(), StoreError> {
    let object =
        value.as_object().ok_or_else(|| wrong(format!("{what} is an object, not {}", value.kind())))?;
    match object.iter().find(|(name, _)| !names.contains(name)) {
        Some((name, _)) => {
            Err(wrong(format!("{what} has no member `{name}`; it has `{}`", names.join("`, `"))))
        }
        None => Ok(()),
    }
}

pub fn string<'v>(value: &'v Value<'_>, name: &str) -> Result<Option<&'v str>, StoreError> {
    match member(value, name) {
        None => Ok(None),
        Some(value) => {
            value.as_str().map(Some).ok_or_else(|| wrong(format!("`{name}` is text, not {}", value.kind())))
        }
    }
}

pub fn required<'v>(value: &'v Value<'_>, name: &str) -> Result<&'v str, StoreError> {
    string(value, name)?.ok_or_else(|| wrong(format!("`{name}` is missing")))
}

pub fn list<'v, 'j>(value: &'v Value<'j>, name: &str) -> Result<&'v [Value<'j>], StoreError> {
    match member(value, name) {
        None => Ok(&[]),
        Some(value) => {
            value.as_array().ok_or_else(|| wrong(format!("`{name}` is a list, not {}", value.kind())))
        }
    }
}

/// The texts of a list.
pub fn texts<'v>(value: &'v Value<'_>, name: &str) -> Result<Vec<&'v str>, StoreError> {
    let text = |item: &'v Value<'_>| item.as_str();
    let found: Option<Vec<_>> = list(value, name)?.iter().map(text).collect();
    found.ok_or_else(|| wrong(format!("`{name}` is a list of texts")))
}

pub fn one_or_more<'v>(value: &'v Value<'_>, one: &str, more: &str) -> Result<Vec<&'v str>, StoreError> {
    let mut found: Vec<_> = string(value, one)?.into_iter().collect();
    found.extend(texts(value, more)?);
    if found.is_empty() { Err(wrong(format!("`{one}` or `{more}` is missing"))) } else { Ok(found) }
}

pub fn object<'v, 'j>(value: &'v Value<'j>, name: &str) -> Result<Option<&'v Object<'j>>, StoreError> {
    match member(value, name) {
        None => Ok(None),
        Some(value) => value
            .as_object()
            .map(Some)
            .ok_or_else(|| wrong(format!("`{name}` is an object, not {}", value.kind()))),
    }
}
