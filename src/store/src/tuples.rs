//! Files of tuples: JSON, JSON lines, YAML, and the CSV of OpenFGA's command line.

use actfor::json::{self, Limits, Value, Writer};
use actfor::relation::Tuple;

use crate::node::{list, string, texts};
use crate::store::{StoreError, wrong};
use crate::yaml;

/// Reads tuples in JSON (a list, or an object with `tuples`), JSONL (one a line), YAML or CSV, by the name's ending.
///
/// # Errors
/// Where the text is none of them, or a tuple is not well formed.
pub fn tuples(name: &str, text: &str) -> Result<Vec<Tuple>, StoreError> {
    let parse = |text: &str| {
        json::parse(text.as_bytes(), &Limits::CONFIG)
            .map(Value::into_owned)
            .map_err(|error| wrong(format!("{name}: {error}")))
    };
    let value = match name.rsplit('.').next() {
        Some("jsonl") => {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            Value::Array(lines.map(parse).collect::<Result<_, _>>()?)
        }
        Some("json") => parse(text)?,
        Some("yaml" | "yml") => yaml::parse(text).map_err(|error| wrong(format!("{name}: {error}")))?,
        Some("csv") => return csv(name, text),
        _ => {
            let message = "tuples are in a file that ends in .json, .jsonl, .yaml or .csv";
            return Err(wrong(format!("{name}: {message}")));
        }
    };
    match value.as_object().and_then(|object| object.get("tuples")).unwrap_or(&value) {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => each(name, items),
        _ => Err(wrong(format!("{name}: expected a list of tuples"))),
    }
}

/// The tuples that stand in a file or a test, and those of the files that it names.
pub(crate) fn of(
    value: &Value<'_>,
    read: &dyn Fn(&str) -> Result<String, StoreError>,
) -> Result<Vec<Tuple>, StoreError> {
    let mut found = each("tuples", list(value, "tuples")?)?;
    for name in string(value, "tuple_file")?.into_iter().chain(texts(value, "tuple_files")?) {
        found.extend(tuples(name, &read(name)?)?);
    }
    Ok(found)
}

fn each(name: &str, items: &[Value<'_>]) -> Result<Vec<Tuple>, StoreError> {
    let read = |(index, item): (usize, &Value<'_>)| {
        Tuple::from_value(item)
            .map_err(|message| wrong(format!("{name}: tuple {}: {message}", index.saturating_add(1))))
    };
    items.iter().enumerate().map(read).collect()
}

/// The columns that OpenFGA's command line reads and writes; in any order, the last three may be missing.
const COLUMNS: [&str; 8] = [
    "user_type",
    "user_id",
    "relation",
    "object_type",
    "object_id",
    "user_relation",
    "condition_name",
    "condition_context",
];
const REQUIRED: usize = 5;

fn csv(name: &str, text: &str) -> Result<Vec<Tuple>, StoreError> {
    let fails = |error: csv::Error| wrong(format!("{name}: {error}"));
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(text.as_bytes());
    let header = reader.headers().map_err(fails)?.clone();
    if let Some(other) = header.iter().find(|column| !COLUMNS.contains(column)) {
        let known = COLUMNS.join("`, `");
        return Err(wrong(format!("{name}: there is no column `{other}`; there are `{known}`")));
    }
    let place = COLUMNS.map(|column| header.iter().position(|found| found == column));
    for (column, at) in COLUMNS.iter().zip(place).take(REQUIRED) {
        if at.is_none() {
            return Err(wrong(format!("{name}: the first line has no column `{column}`")));
        }
    }
    let mut found = Vec::new();
    for record in reader.records() {
        let record = record.map_err(fails)?;
        let [user_type, user_id, relation, object_type, object_id, user_relation, condition, context] =
            place.map(|at| at.and_then(|at| record.get(at)).unwrap_or_default());
        let line = record.position().map_or(0, csv::Position::line);
        if condition.is_empty() && !context.is_empty() {
            return Err(wrong(format!("{name}:{line}: `condition_context` needs a `condition_name`")));
        }
        let mut writer = Writer::default();
        writer.object(|w| {
            let userset = if user_relation.is_empty() { "" } else { "#" };
            w.key("user").string(&format!("{user_type}:{user_id}{userset}{user_relation}"));
            w.key("relation").string(relation);
            w.key("object").string(&format!("{object_type}:{object_id}"));
            if !condition.is_empty() {
                w.key("condition").object(|w| {
                    w.key("name").string(condition);
                    w.key("context").raw(if context.is_empty() { "null" } else { context });
                });
            }
        });
        let text = writer.finish();
        let value = json::parse(text.as_bytes(), &Limits::CONFIG)
            .map_err(|error| wrong(format!("{name}:{line}: `condition_context`: {error}")))?;
        found.push(Tuple::from_value(&value).map_err(|message| wrong(format!("{name}:{line}: {message}")))?);
    }
    Ok(found)
}
