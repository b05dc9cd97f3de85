//! `compile`: rules, the files that they name and tuples into a pack.

use actfor::json::{Object, Value};
use actfor::pack::{Builder, Pack};
use actfor::policy::Source;
use actfor::relation::{Model, Relations};
use actfor::{Code, ConfigError};
use wasm_bindgen::prelude::*;

use crate::model::{invalid, parse, text, tuples};
use crate::thrown;

/// A compiled policy.
#[wasm_bindgen]
pub struct Compilation {
    pack: Pack,
    circular: Vec<String>,
}

#[wasm_bindgen]
impl Compilation {
    /// Compiles a source (JSON): `policy`, `files`, `tuples`, `complete`, `serial`, `issued`, `expires`.
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`.
    #[wasm_bindgen(constructor)]
    pub fn new(source: &[u8]) -> Result<Self, JsValue> {
        Self::read(source).map_err(|error| thrown::config(&error))
    }

    /// The bytes of the pack.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        self.pack.bytes().to_vec()
    }

    /// SHA-256 over rules and model in hex, as decisions show it.
    #[must_use]
    pub fn policy(&self) -> String {
        self.pack.policy_id().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The relations of the model that depend on themselves through `and` or `but not`, one a line.
    #[must_use]
    pub fn circular(&self) -> String {
        self.circular.join("\n")
    }
}

impl Compilation {
    fn read(source: &[u8]) -> Result<Self, ConfigError> {
        let value = parse(source, "")?;
        let asked = value.as_object().ok_or_else(|| invalid("", "is not an object"))?;
        let source = Source {
            policy: text(asked, "policy")?.into(),
            files: files(asked)?,
            tuples: tuples(asked.get("tuples"), "tuples")?,
            complete: complete(asked)?,
        };
        let mut builder = Builder::default();
        builder.serial(seconds(asked, "serial")?);
        builder.times(seconds(asked, "issued")?, seconds(asked, "expires")?);
        source.compile_into(&mut builder)?;
        let damaged = |what: String| ConfigError::new(Code::PackInvalid, "", what);
        let bytes = builder.finish().map_err(|error| damaged(error.to_string()))?;
        // What cannot be used is not given out.
        let pack = Pack::load(bytes).map_err(|error| damaged(error.to_string()))?;
        let model = Relations::load(&pack).ok().map(|relations| Model::from_pack(relations.source(&pack)));
        let circular = model.transpose()?.map(|model| model.circular()).unwrap_or_default();
        Ok(Self { pack, circular })
    }
}

fn files(asked: &Object<'_>) -> Result<Vec<(String, String)>, ConfigError> {
    let Some(value) = asked.get("files") else { return Ok(Vec::new()) };
    let files = value.as_object().ok_or_else(|| invalid("files", "is not an object"))?;
    let read = |(name, value): (&str, &Value<'_>)| {
        let text = value.as_str().ok_or_else(|| invalid(&format!("files.{name}"), "is not a text"))?;
        Ok((name.to_owned(), text.to_owned()))
    };
    files.iter().map(read).collect()
}

fn complete(asked: &Object<'_>) -> Result<Option<Vec<String>>, ConfigError> {
    let Some(value) = asked.get("complete") else { return Ok(None) };
    let names = value.as_array().and_then(|names| {
        names.iter().map(|name| name.as_str().map(ToOwned::to_owned)).collect::<Option<Vec<_>>>()
    });
    names.map(Some).ok_or_else(|| invalid("complete", "is not an array of texts"))
}

/// A number that may be left out: then it is 0.
fn seconds(asked: &Object<'_>, name: &str) -> Result<u64, ConfigError> {
    let Some(value) = asked.get(name) else { return Ok(0) };
    value.as_u64().ok_or_else(|| invalid(name, "is not a whole number"))
}
