//! YAML into JSON values: one document, core schema, text keys.

use core::fmt;

use actfor::json::{self, Limits, Value, Writer};
use saphyr::{LoadableYamlNode, Scalar, Yaml};

/// What is wrong with a YAML text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError(String);

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for YamlError {}

/// How deep a document may nest.
const DEPTH: usize = 48;

/// Reads one YAML document; an empty one is `null`.
///
/// # Errors
/// Where the text is not YAML, has several documents, or holds something that JSON cannot.
pub fn parse(text: &str) -> Result<Value<'static>, YamlError> {
    let documents = Yaml::load_from_str(text).map_err(|error| YamlError(error.to_string()))?;
    let mut writer = Writer::default();
    match documents.as_slice() {
        [] => writer.null(),
        [document] => write(&mut writer, document, 0)?,
        _ => return Err(YamlError(String::from("there is more than one document; keep one"))),
    }
    let text = writer.finish();
    let limits = Limits { members: 1_000_000, ..Limits::CONFIG };
    let value = json::parse(text.as_bytes(), &limits).map_err(|error| YamlError(error.to_string()))?;
    Ok(value.into_owned())
}

fn write(writer: &mut Writer, node: &Yaml<'_>, depth: usize) -> Result<(), YamlError> {
    if depth > DEPTH {
        return Err(YamlError(format!("the document nests more than {DEPTH} deep")));
    }
    let deeper = depth.saturating_add(1);
    let mut result = Ok(());
    match node {
        Yaml::Value(scalar) => write_scalar(writer, scalar)?,
        Yaml::Sequence(items) => writer.array(|w| {
            result = items.iter().try_for_each(|item| write(w, item, deeper));
        }),
        Yaml::Mapping(map) => writer.object(|w| {
            result = map.iter().try_for_each(|(key, value)| write(w.key(&key_text(key)?), value, deeper));
        }),
        Yaml::Tagged(_, inner) => write(writer, inner, deeper)?,
        Yaml::Representation(text, ..) => writer.string(text),
        Yaml::Alias(_) | Yaml::BadValue => return Err(YamlError(String::from("a value cannot be read"))),
    }
    result
}

fn key_text(key: &Yaml<'_>) -> Result<String, YamlError> {
    match key {
        Yaml::Value(Scalar::String(text)) => Ok(text.to_string()),
        Yaml::Value(Scalar::Integer(number)) => Ok(number.to_string()),
        Yaml::Value(Scalar::Boolean(value)) => Ok(value.to_string()),
        Yaml::Representation(text, ..) => Ok(text.to_string()),
        _ => Err(YamlError(String::from("a key is not text"))),
    }
}

fn write_scalar(writer: &mut Writer, scalar: &Scalar<'_>) -> Result<(), YamlError> {
    match scalar {
        Scalar::Null => writer.null(),
        Scalar::Boolean(value) => writer.bool(*value),
        Scalar::Integer(number) => writer.raw(&number.to_string()),
        Scalar::FloatingPoint(number) if number.is_finite() => {
            writer.raw(&format!("{:?}", number.into_inner()))
        }
        Scalar::FloatingPoint(_) => return Err(YamlError(String::from("a number is not finite"))),
        Scalar::String(text) => writer.string(text),
    }
    Ok(())
}
