//! Reads a store file: the model, the tuples, and the tests as they stand.

use core::fmt;
use std::path::Path;

use actfor::json::Value;
use actfor::relation::{Model, Tuple};

use crate::node::{known, list, string};
use crate::{tuples, yaml};

/// Why a store file cannot be used: where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError(String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for StoreError {}

pub(crate) fn wrong(message: impl Into<String>) -> StoreError {
    StoreError(message.into())
}

/// A store file that has been read: the model and the tuples that all its tests share.
#[derive(Debug, Clone)]
pub struct Store {
    /// The model.
    pub model: Model,
    /// The tuples.
    pub tuples: Vec<Tuple>,
    /// The tests, as they stand in the file.
    pub(crate) tests: Vec<Value<'static>>,
}

/// Gives the texts of files that a file names, by their place beside it.
pub fn read_beside(file: &Path) -> impl Fn(&str) -> Result<String, StoreError> {
    let folder = file.parent().unwrap_or(Path::new("")).to_owned();
    move |name| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).map_err(|error| wrong(format!("{}: {error}", path.display())))
    }
}

impl Store {
    /// Reads a store file; `read` gives the text of a file that it names.
    ///
    /// # Errors
    /// Where something in it is wrong.
    pub fn read(
        file: &str,
        text: &str,
        read: &dyn Fn(&str) -> Result<String, StoreError>,
    ) -> Result<Self, StoreError> {
        let value = yaml::parse(text).map_err(|error| wrong(format!("{file}: {error}")))?;
        known(
            &value,
            &["name", "model", "model_file", "tuples", "tuple_file", "tuple_files", "tests"],
            "the file",
        )?;
        let (name, source) = match (string(&value, "model")?, string(&value, "model_file")?) {
            (Some(source), None) => (file, source.to_owned()),
            (None, Some(name)) if name.ends_with(".mod") => {
                let message = "modular models (`fga.mod`, schema 1.2) are not read";
                return Err(wrong(format!("{name}: {message}; put the modules into one file of schema 1.1")));
            }
            (None, Some(name)) => (name, read(name)?),
            (Some(_), Some(_)) => {
                return Err(wrong(format!("{file}: `model` and `model_file` exclude each other")));
            }
            (None, None) => return Err(wrong(format!("{file}: there is no `model` and no `model_file`"))),
        };
        let json = source.trim_start().starts_with('{');
        let model =
            if json { Model::from_json(name, source.as_bytes()) } else { Model::parse(name, &source) };
        let model = model.map_err(|error| wrong(error.to_string()))?;
        Ok(Self { model, tuples: tuples::of(&value, read)?, tests: list(&value, "tests")?.to_vec() })
    }
}
