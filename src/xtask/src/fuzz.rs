//! `cargo xtask fuzz`: runs the fuzz targets, and writes how long and with how many inputs into `tests/fuzz/RESULTS.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::setup;
use crate::shell::{command, read, root, step};

const FOLDER: &str = "tests/fuzz";
const HEAD: &str = "# Fuzzing\n\nWritten by `cargo xtask fuzz`: what ran without a find, added up over all runs; coverage and day are those of the last.\n\n| target | seconds | inputs | coverage | last run |\n|---|--:|--:|--:|---|\n";

/// Runs each target, or those that are named, for so many seconds.
pub fn run(args: &[&str]) -> Result<()> {
    let (seconds, named) = match args {
        ["--seconds", seconds, named @ ..] => (seconds.parse().context("not a number of seconds")?, named),
        named => (120, named),
    };
    let all = targets()?;
    if let Some(unknown) = named.iter().find(|name| !all.iter().any(|known| known == *name)) {
        bail!("there is no target `{unknown}`; there are {}", all.join(", "));
    }
    for target in all.iter().filter(|target| named.is_empty() || named.contains(&target.as_str())) {
        let done = fuzz(target, seconds)?;
        record(target, &done)?;
    }
    Ok(())
}

fn targets() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for file in fs::read_dir(root().join(FOLDER).join("fuzz_targets"))? {
        let name = file?.file_name().to_string_lossy().into_owned();
        found.extend(name.strip_suffix(".rs").map(String::from));
    }
    found.sort();
    Ok(found)
}

/// What a run came to.
#[derive(Default)]
struct Done {
    seconds: u64,
    inputs: u64,
    coverage: u64,
}

fn fuzz(target: &str, seconds: u32) -> Result<Done> {
    step(&format!("fuzz: {target}, {seconds} s"));
    let program = setup::cargo_fuzz()?;
    let work = root().join("target/fuzz");
    let corpus = work.join("corpus").join(target);
    fs::create_dir_all(&corpus)?;
    let artifacts = work.join("artifacts").join(target);
    fs::create_dir_all(&artifacts)?;
    let seeds = root().join(FOLDER).join("seeds").join(target);
    let dictionary = root().join(FOLDER).join("seeds").join(format!("{target}.dict"));
    let mut fuzz = command(program);
    // Stable Rust has no sanitizer; the core has no unsafe code for one to look at.
    fuzz.args(["run", "-s", "none", "--fuzz-dir", FOLDER, "--target-dir"])
        .arg(&work)
        .arg(target)
        .arg(&corpus);
    if seeds.is_dir() {
        fuzz.arg(seeds);
    }
    fuzz.arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()));
    if dictionary.is_file() {
        fuzz.arg(format!("-dict={}", dictionary.display()));
    }
    let mut child = fuzz.stderr(Stdio::piped()).spawn().context("could not start cargo-fuzz")?;
    let (mut done, mut ended) = (Done::default(), false);
    for line in child.stderr.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        let line = line?;
        if !line.starts_with('#') || line.contains("DONE") {
            eprintln!("{line}");
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |word: &str| {
            let at = words.iter().position(|known| *known == word)?;
            words.get(at.checked_add(1)?)?.parse::<u64>().ok()
        };
        done.coverage = after("cov:").unwrap_or(done.coverage);
        // `Done 123 runs in 61 second(s)`
        if let (Some(inputs), Some(seconds)) = (after("Done"), after("in")) {
            (done.inputs, done.seconds, ended) = (inputs, seconds, true);
        }
    }
    if !child.wait()?.success() || !ended {
        bail!("{target}: a find, in {}", artifacts.display());
    }
    Ok(done)
}

/// Adds a run to the table.
fn record(target: &str, done: &Done) -> Result<()> {
    let path = root().join(FOLDER).join("RESULTS.md");
    let mut rows = parse(&fs::read_to_string(&path).unwrap_or_default());
    let today = read(command("date").arg("+%Y-%m-%d"))?;
    let commit = read(command("git").args(["rev-parse", "--short", "HEAD"]))?;
    let (seconds, inputs, ..) = rows.get(target).cloned().unwrap_or_default();
    let row = (
        seconds.saturating_add(done.seconds),
        inputs.saturating_add(done.inputs),
        done.coverage,
        format!("{}, {}", today.trim(), commit.trim()),
    );
    rows.insert(target.to_owned(), row);
    fs::write(&path, render(&rows)).context("cannot write the results")
}

type Row = (u64, u64, u64, String);

fn parse(text: &str) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let [_, target, seconds, inputs, coverage, run, _] = cells[..] {
            let number = |text: &str| text.parse().unwrap_or(0);
            let row = (number(seconds), number(inputs), number(coverage), run.to_owned());
            rows.insert(target.replace('`', ""), row);
        }
    }
    rows
}

fn render(rows: &BTreeMap<String, Row>) -> String {
    let mut text = HEAD.to_owned();
    for (target, (seconds, inputs, coverage, run)) in rows {
        let _ = writeln!(text, "| `{target}` | {seconds} | {inputs} | {coverage} | {run} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{parse, render};

    #[test]
    fn the_table_reads_back() {
        let rows = [("jws".to_owned(), (60, 1_000, 9, "2026-01-02, abc".to_owned()))].into();
        assert_eq!(parse(&render(&rows)), rows);
    }
}
