//! Reads a store file: the model, the tuples, and the tests as they stand.

use core::fmt;
use std::path::Path;

use actfor::json::Value;
use actfor::relation::{Model, Tuple};

use crate::node::{known, list, string};
use crate::setup::Setup;
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

/// What gives the text of a file that another file names.
pub(crate) type Read<'r> = dyn Fn(&str) -> Result<String, StoreError> + 'r;

/// The members of a file: those of an OpenFGA store file, and those that say how requests are decided.
const MEMBERS: &[&str] = &[
    "name",
    "model",
    "model_file",
    "tuples",
    "tuple_file",
    "tuple_files",
    "tests",
    "config",
    "config_file",
    "policy",
    "policy_file",
    "now",
    "tokens",
    "coverage",
];

/// A file that has been read: the model and the tuples that all its tests share, and how requests are decided.
#[derive(Debug, Clone)]
pub struct Store {
    /// The model, where there is one.
    pub model: Option<Model>,
    /// The tuples.
    pub tuples: Vec<Tuple>,
    /// Configuration, rules and tokens, where there are some.
    pub setup: Option<Setup>,
    /// Whether a rule that no request reaches fails.
    pub(crate) coverage: bool,
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
        known(&value, MEMBERS, "the file")?;
        let in_file = |error: StoreError| wrong(format!("{file}: {error}"));
        let tuples = tuples::of(&value, read)?;
        let setup = Setup::read(&value, &tuples, read).map_err(in_file)?;
        let coverage = match string(&value, "coverage")? {
            None | Some("optional") => false,
            Some("required") => true,
            Some(_) => return Err(wrong(format!("{file}: `coverage` is `required` or `optional`"))),
        };
        let model = model(file, &value, setup.as_ref(), read)?;
        Ok(Self { model, tuples, setup, coverage, tests: list(&value, "tests")?.to_vec() })
    }

    /// Reads a file, and what it names beside it.
    ///
    /// # Errors
    /// Where it cannot be read, or something in it is wrong.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        let text =
            std::fs::read_to_string(file).map_err(|error| wrong(format!("{}: {error}", file.display())))?;
        Self::read(&file.display().to_string(), &text, &read_beside(file))
    }

    /// The requests of all tests, as they stand in the file.
    pub fn requests(&self) -> impl Iterator<Item = &Value<'static>> {
        let requests = |test| list(test, "requests").unwrap_or_default();
        self.tests.iter().flat_map(requests)
    }
}

/// The model: the file's own, the one that it names, or the one that its rules name.
fn model(
    file: &str,
    value: &Value<'_>,
    setup: Option<&Setup>,
    read: &Read<'_>,
) -> Result<Option<Model>, StoreError> {
    let named = setup.and_then(|setup| setup.files.first());
    let (name, source) = match (string(value, "model")?, string(value, "model_file")?) {
        (Some(source), None) => (file, source.to_owned()),
        (None, Some(name)) if name.ends_with(".mod") => {
            let message = "modular models (`fga.mod`, schema 1.2) are not read";
            return Err(wrong(format!("{name}: {message}; put the modules into one file of schema 1.1")));
        }
        (None, Some(name)) => (name, read(name)?),
        (Some(_), Some(_)) => {
            return Err(wrong(format!("{file}: `model` and `model_file` exclude each other")));
        }
        (None, None) => match (named, setup) {
            (Some((name, text)), _) => (name.as_str(), text.clone()),
            (None, Some(_)) => return Ok(None),
            (None, None) => {
                return Err(wrong(format!("{file}: there is no `model` and no `model_file`")));
            }
        },
    };
    let json = source.trim_start().starts_with('{');
    let model = if json { Model::from_json(name, source.as_bytes()) } else { Model::parse(name, &source) };
    model.map(Some).map_err(|error| wrong(error.to_string()))
}
