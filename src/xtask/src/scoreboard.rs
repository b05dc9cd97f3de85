//! `cargo xtask scoreboard`: what is held against what, counted by the tests that hold it.
//!
//! It runs the tests, each of which prints lines `score`, group, name and result, and reads what longer runs wrote: those
//! of `cargo xtask mutants` and `cargo xtask fuzz`. No figure stands here.

use std::fs;

use anyhow::{Result, bail};

use crate::setup;
use crate::shell::{command, root, step, tee};

/// The tests that print scores.
const TESTS: [&str; 9] = [
    "attack_rows",
    "wycheproof",
    "jose_rfc",
    "relation_suite",
    "chains",
    "jose_differential",
    "cel",
    "monotone",
    "properties",
];

/// Tokens, claims, proofs and the seed of what npm `jose` judges too.
const DIFFERENTIAL: &str = "16000,4000,8000,1";

/// Tables that longer runs wrote: group, file, and how their rows begin.
const TABLES: [(&str, &str, &str); 2] = [
    ("mutants (cargo xtask mutants)", "tests/mutants.md", "| src/"),
    ("fuzzing (cargo xtask fuzz)", "tests/fuzz/RESULTS.md", "| `"),
];

/// Runs, reads and prints.
pub fn run() -> Result<()> {
    setup::npm("tests/differential")?;
    step("scoreboard: the tests that count (about two minutes)");
    let mut tests = command("cargo");
    tests.args(["test", "-p", "actfor"]);
    for test in TESTS {
        tests.args(["--test", test]);
    }
    tests.args(["--", "--nocapture", "--test-threads=1"]).env("ACTFOR_DIFFERENTIAL", DIFFERENTIAL);
    let (status, output) = tee(&mut tests)?;
    let mut scores = scores(&output);
    for (group, file, start) in TABLES {
        let text = fs::read_to_string(root().join(file)).unwrap_or_default();
        let rows = rows(&text, start);
        let none = (file.to_owned(), "not there: run it".to_owned());
        let rows = if rows.is_empty() { vec![none] } else { rows };
        scores.extend(rows.into_iter().map(|(name, result)| [group.to_owned(), name, result]));
    }
    println!();
    let mut last = "";
    for [group, name, result] in &scores {
        if group != last {
            println!("\n{group}");
            last = group;
        }
        println!("  {name}: {result}");
    }
    if status.success() { Ok(()) } else { bail!("a test failed: what it prints is not a score") }
}

/// Group, name and result of every line that has them, and of the RFCs' examples, which are tests of their own.
fn scores(output: &str) -> Vec<[String; 3]> {
    let mut scores: Vec<[String; 3]> = Vec::new();
    for line in output.lines() {
        // The runner writes the name of a test before what the test prints.
        if let Some((_, score)) = line.split_once("score\t")
            && let [group, name, result] = score.split('\t').collect::<Vec<_>>()[..]
        {
            scores.push([group, name, result].map(String::from));
        }
        if let Some((name, result)) = line.strip_prefix("test rfc").and_then(|rest| rest.split_once(" ... "))
        {
            scores.push(["examples of RFCs".into(), format!("rfc{name}").replace('_', " "), result.into()]);
        }
    }
    scores.sort_by_key(|[group, ..]| group.clone());
    scores
}

/// The rows of a table that begin with `start`: the first cell, and the others under the names of their columns.
fn rows(text: &str, start: &str) -> Vec<(String, String)> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut columns = Vec::new();
    let mut rows = Vec::new();
    for (line, next) in text.lines().zip(text.lines().skip(1).chain([""])) {
        if next.starts_with("|---") {
            columns = cells(line);
        }
        let row = cells(line);
        if line.starts_with(start)
            && row.len() == columns.len()
            && let Some((name, others)) = row.split_first()
        {
            let named = columns.iter().skip(1).zip(others).filter(|(_, cell)| !cell.is_empty());
            let named: Vec<_> = named.map(|(column, cell)| format!("{column} {cell}")).collect();
            rows.push((name.replace('`', ""), named.join(", ")));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::{rows, scores};

    #[test]
    fn reads_scores_and_tables() {
        let output =
            "test a ... score\tg\tn\tr of 3\nok\nnoise\ntest rfc7515_a2_rs256 ... ok\ntest other ... ok";
        let found = scores(output);
        assert_eq!(found, [["examples of RFCs", "rfc7515 a2 rs256", "ok"], ["g", "n", "r of 3"]]);
        let table = "| target | seconds | finds |\n|---|--:|---|\n| `jws` | 120 | |\n| other | 1 | 2 |\n";
        assert_eq!(rows(table, "| `"), [("jws".to_owned(), "seconds 120".to_owned())]);
    }
}
