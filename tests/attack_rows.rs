//! `tests/attacks.md`: every row has vectors or names what holds it, and every section of RFC 8725 has a row.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use actfor::json::{self, Value};

/// What each section of RFC 8725 §3 asks for.
const PRACTICES: [(&str, &str); 12] = [
    ("3.1", "perform algorithm verification"),
    ("3.2", "use appropriate algorithms"),
    ("3.3", "validate all cryptographic operations"),
    ("3.4", "validate cryptographic inputs"),
    ("3.5", "ensure cryptographic keys have sufficient entropy"),
    ("3.6", "avoid compression of encryption inputs"),
    ("3.7", "use UTF-8"),
    ("3.8", "validate issuer and subject"),
    ("3.9", "use and validate audience"),
    ("3.10", "do not trust received claims"),
    ("3.11", "use explicit typing"),
    ("3.12", "use mutually exclusive validation rules for different kinds of JWTs"),
];

struct Row {
    number: u64,
    practices: Vec<String>,
    held_by: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("tests/attacks.md")).unwrap();
    let table = text.lines().skip_while(|line| !line.starts_with("|---"));
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, number, what, practices, held_by, _] = cells[..] else { panic!("not a row: {line}") };
        assert!(!what.is_empty(), "{line}");
        Row {
            number: number.parse().unwrap(),
            practices: practices.split(", ").filter(|one| !one.is_empty()).map(String::from).collect(),
            held_by: held_by.into(),
        }
    };
    table.skip(1).map(row).collect()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false if path.extension().is_some_and(|end| end == "json") => found.push(path),
            false => {}
        }
    }
}

/// Counts the rows that cases name.
fn count(value: &Value<'_>, found: &mut BTreeMap<u64, usize>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object.iter() {
                match name {
                    "row" => *found.entry(value.as_u64().unwrap()).or_default() += 1,
                    "rows" if value.as_array().is_some() => {
                        for row in value.as_array().unwrap() {
                            *found.entry(row.as_u64().unwrap()).or_default() += 1;
                        }
                    }
                    _ => count(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| count(item, found)),
        _ => {}
    }
}

fn vectors() -> BTreeMap<u64, usize> {
    let (mut paths, mut found) = (Vec::new(), BTreeMap::new());
    files(&root().join("tests/vectors"), &mut paths);
    for path in paths {
        let text = fs::read(&path).unwrap();
        let limits = json::Limits { bytes: text.len(), ..json::Limits::CONFIG };
        let value = json::parse(&text, &limits).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        count(&value, &mut found);
    }
    found
}

/// What stands in back quotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_row_has_vectors_or_says_what_holds_it() {
    let (rows, found) = (rows(), vectors());
    let numbers: Vec<_> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=rows.len() as u64).collect::<Vec<_>>(), "a row is missing or there twice");
    let unknown: Vec<_> = found.keys().filter(|row| !numbers.contains(row)).collect();
    assert!(unknown.is_empty(), "vectors name rows that are not in the list: {unknown:?}");
    for row in &rows {
        assert!(
            found.contains_key(&row.number) || !row.held_by.is_empty(),
            "nothing holds row {}",
            row.number
        );
        // The last back quotes name a file, those before it a test in it.
        let named = quoted(&row.held_by);
        for pair in named.chunks(2) {
            let (test, file) = if pair.len() == 2 { (Some(pair[0]), pair[1]) } else { (None, pair[0]) };
            let text = fs::read_to_string(root().join(file)).unwrap_or_else(|_| panic!("no {file}"));
            assert!(test.is_none_or(|test| text.contains(test)), "{file} has no `{test:?}`");
        }
    }
    for (name, range) in
        [("rows 1 to 66: tokens, proofs", 1..=66), ("rows 67 to 125: identity, rules", 67..=125)]
    {
        let all: Vec<_> = rows.iter().filter(|row| range.contains(&row.number)).collect();
        let with = all.iter().filter(|row| found.contains_key(&row.number)).count();
        let cases: usize = range.filter_map(|row| found.get(&row)).sum();
        println!("score\tattack rows\t{name}\t{with} of {} have vectors, {cases} in all", all.len());
    }
    for row in rows.iter().filter(|row| !found.contains_key(&row.number)) {
        println!("score\tattack rows\trow {}, without a vector\t{}", row.number, row.held_by);
    }
}

#[test]
fn every_practice_of_rfc_8725_has_a_row_with_vectors() {
    let (rows, found) = (rows(), vectors());
    let named: BTreeSet<_> = rows.iter().flat_map(|row| &row.practices).map(String::as_str).collect();
    let known: BTreeSet<_> = PRACTICES.iter().map(|(section, _)| *section).collect();
    assert_eq!(named, known);
    for (section, what) in PRACTICES {
        let about = rows.iter().filter(|row| row.practices.iter().any(|one| one == section));
        let with: Vec<_> = about.map(|row| row.number).filter(|row| found.contains_key(row)).collect();
        assert!(!with.is_empty(), "RFC 8725 §{section} has no row with a vector");
        let list: Vec<_> = with.iter().map(u64::to_string).collect();
        println!("score\tRFC 8725\t§{section} {what}\trows {}", list.join(", "));
    }
}
