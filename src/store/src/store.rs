//! Reads a store file and runs its tests.

use core::fmt;
use std::path::{Component, Path};

use actfor::Truth;
use actfor::json::{self, Limits, Object, Value};
use actfor::pack::{Builder, Pack};
use actfor::relation::{Answer, Facts, Listing, Model, Question, Relations, Scratch, Step, Tuple, compile};

use crate::report::{Failure, Report, TestReport};
use crate::yaml;

/// Why a store file cannot be used: where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError(String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for StoreError {}

fn wrong(message: impl Into<String>) -> StoreError {
    StoreError(message.into())
}

/// A store file that has been read: the model and the tuples that all its tests share.
#[derive(Debug, Clone)]
pub struct Store {
    /// The model.
    pub model: Model,
    /// The tuples.
    pub tuples: Vec<Tuple>,
    tests: Vec<Value<'static>>,
}

/// How many names a list has at most; OpenFGA's own limit is the same.
const MOST: usize = 1_000;

/// Runs the tests of a file. Files that it names are looked for beside it, and nowhere else.
///
/// # Errors
/// Where the file cannot be read, or something in it is wrong.
pub fn run(file: &Path) -> Result<Report, StoreError> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let text =
        std::fs::read_to_string(file).map_err(|error| wrong(format!("{}: {error}", file.display())))?;
    let read = |name: &str| {
        let path = Path::new(name);
        if path.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(wrong(format!("`{name}` is outside the folder of the test file; move it there")));
        }
        let path = folder.join(path);
        std::fs::read_to_string(&path).map_err(|error| wrong(format!("{}: {error}", path.display())))
    };
    run_text(&file.display().to_string(), &text, &read)
}

/// Runs the tests of a text; `read` gives the text of a file that it names.
///
/// # Errors
/// Where something in it is wrong.
pub fn run_text(
    file: &str,
    text: &str,
    read: &dyn Fn(&str) -> Result<String, StoreError>,
) -> Result<Report, StoreError> {
    let store = Store::read(file, text, read)?;
    let mut report = Report { file: file.into(), tests: Vec::new() };
    for (index, test) in store.tests.iter().enumerate() {
        let name = member(test, "name")
            .and_then(Value::as_str)
            .map_or_else(|| format!("test {}", index.saturating_add(1)), String::from);
        let mut tuples = store.tuples.clone();
        tuples.extend(read_tuples(test, read)?);
        report.tests.push(Runner::new(&store.model, &tuples)?.test(name, test)?);
    }
    Ok(report)
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
        Ok(Self { model, tuples: read_tuples(&value, read)?, tests: list(&value, "tests")?.to_vec() })
    }
}

/// Reads tuples in JSON (a list, or an object with `tuples`), JSONL (one a line) or YAML, by the name's ending.
///
/// # Errors
/// Where the text is none of them, or a tuple is not well formed.
pub fn tuples(name: &str, text: &str) -> Result<Vec<Tuple>, StoreError> {
    let parse = |text: &str| {
        json::parse(text.as_bytes(), &Limits::CONFIG)
            .map(Value::into_owned)
            .map_err(|error| wrong(format!("{name}: {error}")))
    };
    let items = match name.rsplit('.').next() {
        Some("jsonl") => {
            text.lines().filter(|line| !line.trim().is_empty()).map(parse).collect::<Result<Vec<_>, _>>()?
        }
        ending => {
            let value = match ending {
                Some("json") => parse(text)?,
                Some("yaml" | "yml") => {
                    yaml::parse(text).map_err(|error| wrong(format!("{name}: {error}")))?
                }
                _ => {
                    return Err(wrong(format!(
                        "{name}: tuples are in a file that ends in .json, .jsonl or .yaml"
                    )));
                }
            };
            let items = value.as_object().and_then(|object| object.get("tuples")).unwrap_or(&value);
            match items {
                Value::Null => Vec::new(),
                Value::Array(items) => items.clone(),
                _ => return Err(wrong(format!("{name}: expected a list of tuples"))),
            }
        }
    };
    each_tuple(name, &items)
}

fn each_tuple(name: &str, items: &[Value<'_>]) -> Result<Vec<Tuple>, StoreError> {
    let read = |(index, item): (usize, &Value<'_>)| {
        Tuple::from_value(item)
            .map_err(|message| wrong(format!("{name}: tuple {}: {message}", index.saturating_add(1))))
    };
    items.iter().enumerate().map(read).collect()
}

fn read_tuples(
    value: &Value<'_>,
    read: &dyn Fn(&str) -> Result<String, StoreError>,
) -> Result<Vec<Tuple>, StoreError> {
    let mut found = each_tuple("tuples", list(value, "tuples")?)?;
    let files = list(value, "tuple_files")?.iter().filter_map(Value::as_str);
    for name in string(value, "tuple_file")?.into_iter().chain(files) {
        found.extend(tuples(name, &read(name)?)?);
    }
    Ok(found)
}

struct Runner {
    pack: Pack,
    relations: Relations,
}

impl Runner {
    fn new(model: &Model, tuples: &[Tuple]) -> Result<Self, StoreError> {
        let mut builder = Builder::default();
        compile(model, tuples, &mut builder)
            .map_err(|error| wrong(format!("{error} ({})", error.at.symbol)))?;
        let bytes = builder.finish().map_err(|error| wrong(error.to_string()))?;
        let pack = Pack::load(bytes).map_err(|error| wrong(error.to_string()))?;
        let relations = Relations::load(&pack).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { pack, relations })
    }

    fn test(&self, name: String, test: &Value<'_>) -> Result<TestReport, StoreError> {
        let members = [
            "name",
            "description",
            "tuples",
            "tuple_file",
            "tuple_files",
            "check",
            "list_objects",
            "list_users",
        ];
        known(test, &members, "a test")?;
        let mut report = TestReport { name, ..TestReport::default() };
        for item in list(test, "check")? {
            known(item, &["user", "users", "object", "objects", "context", "assertions"], "`check`")?;
            for user in one_or_more(item, "user", "users")? {
                for object in one_or_more(item, "object", "objects")? {
                    for (relation, expected) in assertions(item)? {
                        let expected = expected
                            .as_bool()
                            .ok_or_else(|| wrong(format!("`{relation}: true` or `false` is expected")))?;
                        self.check(
                            &mut report,
                            item,
                            &Question { object, relation, subject: user },
                            expected,
                        );
                    }
                }
            }
        }
        for item in list(test, "list_objects")? {
            known(item, &["user", "type", "context", "assertions"], "`list_objects`")?;
            let (user, ty) = (required(item, "user")?, required(item, "type")?);
            for (relation, expected) in assertions(item)? {
                let facts = Facts { context: context(item), ..Facts::default() };
                let found = self.relations.list_objects(
                    &self.pack,
                    ty,
                    relation,
                    user,
                    &facts,
                    MOST,
                    &mut Scratch::default(),
                );
                let question = format!("{user} {relation} {ty}:?");
                compare(&mut report.objects, &mut report.failures, question, names(expected), found);
            }
        }
        for item in list(test, "list_users")? {
            known(item, &["object", "user_filter", "context", "assertions"], "`list_users`")?;
            let object = required(item, "object")?;
            let filter = filter(item)?;
            for (relation, expected) in assertions(item)? {
                let facts = Facts { context: context(item), ..Facts::default() };
                let found = self.relations.list_users(
                    &self.pack,
                    object,
                    relation,
                    &filter,
                    &facts,
                    MOST,
                    &mut Scratch::default(),
                );
                let users = member(expected, "users").map(names).unwrap_or_default();
                compare(
                    &mut report.users,
                    &mut report.failures,
                    format!("{filter}? {relation} {object}"),
                    users,
                    found,
                );
            }
        }
        Ok(report)
    }

    fn check(&self, report: &mut TestReport, item: &Value<'_>, question: &Question<'_>, expected: bool) {
        let facts = Facts { context: context(item), ..Facts::default() };
        let (answer, steps) = self.relations.explain(&self.pack, question, &facts, &mut Scratch::default());
        let got = outcome(&answer);
        report.checks.1 = report.checks.1.saturating_add(1);
        if got == expected.to_string() {
            report.checks.0 = report.checks.0.saturating_add(1);
            return;
        }
        report.failures.push(Failure {
            question: format!("{} {} {}", question.subject, question.relation, question.object),
            expected: expected.to_string(),
            got,
            because: steps.iter().map(line).collect(),
        });
    }
}

/// `false` for a circle, as OpenFGA has it; what cannot be answered is neither.
fn outcome(answer: &Answer) -> String {
    let why = match answer.truth {
        Truth::True => return "true".into(),
        Truth::False => return "false".into(),
        Truth::Unknown if answer.invalid => {
            "the model does not have the type or the relation, or a name is not well formed"
        }
        Truth::Unknown if answer.condition => "a parameter of a condition is missing or of the wrong type",
        Truth::Unknown if answer.limit => "it is too complex",
        Truth::Unknown if answer.cycle => return "false".into(),
        Truth::Unknown => "it could not be established",
    };
    format!("unknown ({why})")
}

fn line(step: &Step) -> String {
    let indent = "  ".repeat(usize::try_from(step.depth).unwrap_or(0));
    let truth = match (step.tuple, step.truth) {
        (true, Truth::True) => "tuple",
        (true, Truth::False) => "no tuple",
        (true, Truth::Unknown) => "unknown tuple",
        (false, truth) => truth.as_str(),
    };
    format!("{indent}{} {} {}: {truth}", step.subject, step.relation, step.object)
}

fn compare<E: fmt::Display>(
    count: &mut (usize, usize),
    failures: &mut Vec<Failure>,
    question: String,
    mut expected: Vec<String>,
    found: Result<Listing, E>,
) {
    expected.sort_unstable();
    let show = |names: &[String]| format!("[{}]", names.join(", "));
    let got = match found {
        Ok(listing) if listing.limit => "unknown (it is too complex, or too long)".into(),
        Ok(listing) => show(&listing.names),
        Err(error) => format!("unknown ({error})"),
    };
    count.1 = count.1.saturating_add(1);
    let expected = show(&expected);
    if got == expected {
        count.0 = count.0.saturating_add(1);
    } else {
        failures.push(Failure { question, expected, got, because: Vec::new() });
    }
}

fn member<'v, 'j>(value: &'v Value<'j>, name: &str) -> Option<&'v Value<'j>> {
    value.as_object()?.get(name).filter(|value| !matches!(value, Value::Null))
}

fn known(value: &Value<'_>, names: &[&str], what: &str) -> Result<(), StoreError> {
    let object =
        value.as_object().ok_or_else(|| wrong(format!("{what} is an object, not {}", value.kind())))?;
    match object.iter().find(|(name, _)| !names.contains(name)) {
        Some((name, _)) => {
            Err(wrong(format!("{what} has no member `{name}`; it has `{}`", names.join("`, `"))))
        }
        None => Ok(()),
    }
}

fn string<'v>(value: &'v Value<'_>, name: &str) -> Result<Option<&'v str>, StoreError> {
    match member(value, name) {
        None => Ok(None),
        Some(value) => {
            value.as_str().map(Some).ok_or_else(|| wrong(format!("`{name}` is text, not {}", value.kind())))
        }
    }
}

fn required<'v>(value: &'v Value<'_>, name: &str) -> Result<&'v str, StoreError> {
    string(value, name)?.ok_or_else(|| wrong(format!("`{name}` is missing")))
}

fn list<'v, 'j>(value: &'v Value<'j>, name: &str) -> Result<&'v [Value<'j>], StoreError> {
    match member(value, name) {
        None => Ok(&[]),
        Some(value) => {
            value.as_array().ok_or_else(|| wrong(format!("`{name}` is a list, not {}", value.kind())))
        }
    }
}

fn one_or_more<'v>(value: &'v Value<'_>, one: &str, more: &str) -> Result<Vec<&'v str>, StoreError> {
    let mut found: Vec<_> = string(value, one)?.into_iter().collect();
    for item in list(value, more)? {
        found.push(item.as_str().ok_or_else(|| wrong(format!("`{more}` is a list of texts")))?);
    }
    if found.is_empty() { Err(wrong(format!("`{one}` or `{more}` is missing"))) } else { Ok(found) }
}

fn assertions<'v>(value: &'v Value<'_>) -> Result<Vec<(&'v str, &'v Value<'v>)>, StoreError> {
    let object = member(value, "assertions").and_then(Value::as_object);
    Ok(object
        .ok_or_else(|| wrong("`assertions` is an object, as in `assertions: { reader: true }`"))?
        .iter()
        .collect())
}

fn context<'v>(value: &'v Value<'_>) -> Option<&'v Object<'v>> {
    member(value, "context").and_then(Value::as_object)
}

fn filter(value: &Value<'_>) -> Result<String, StoreError> {
    let [filter] = list(value, "user_filter")? else {
        return Err(wrong("`user_filter` has one entry, as in `- type: user`"));
    };
    known(filter, &["type", "relation"], "`user_filter`")?;
    let ty = required(filter, "type")?;
    Ok(string(filter, "relation")?.map_or_else(|| ty.to_owned(), |relation| format!("{ty}#{relation}")))
}

fn names(value: &Value<'_>) -> Vec<String> {
    value.as_array().unwrap_or_default().iter().filter_map(Value::as_str).map(String::from).collect()
}
