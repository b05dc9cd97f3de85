//! `tests/mutants.md`: a table of folders for people and programs, then every mutant that no test notices.
//!
//! What is written after the dash of an entry is its reason. It stays as long as function, source and change stay.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::sites::Mutant;
use crate::shell::{command, read, root};

const HEAD: &str = "\
# Mutants

Changes of the core that the tests should notice: a check left out, a condition that is always or never true, a boundary
moved by one. `cargo xtask mutants` puts them all into one build and runs each; it writes this page. A mutant that no test
notices is listed with the reason why it need not be, or is open. `unreached` are those of the missed that make no
difference in any test. The reasons are written by hand, after the dash, and stay when the page is written again.

";

const OPEN: &str = "open";

/// The page, read and written again.
#[derive(Default)]
pub struct Report {
    files: BTreeMap<String, File>,
    reasons: BTreeMap<(String, String), String>,
    /// When this run began, and at which commit.
    run: String,
}

/// What became of the mutants of a file.
#[derive(Default)]
struct File {
    mutants: usize,
    /// When, and at which commit.
    run: String,
    missed: Vec<(String, bool)>,
}

/// Mutants with a name that stays when lines move: function, source, change, and which of several.
pub fn keys<'m>(mutants: impl Iterator<Item = (u32, &'m Mutant)>) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut keys = Vec::new();
    for (_, mutant) in mutants {
        let key = format!("`{}`: `{}` {}", mutant.function, mutant.text, mutant.change);
        let count = seen.entry(key.clone()).or_default();
        *count = count.saturating_add(1);
        keys.push(if *count == 1 { key } else { format!("{key} ({count})") });
    }
    keys
}

impl Report {
    pub fn read() -> Result<Self> {
        let date = read(command("date").args(["-u", "+%Y-%m-%d"]))?;
        let commit = read(command("git").args(["rev-parse", "--short", "HEAD"]))?;
        let run = format!("{} {}", date.trim(), commit.trim());
        let mut report = Self { run, ..Self::default() };
        report.parse(&fs::read_to_string(path()).unwrap_or_default());
        Ok(report)
    }

    /// The mutants of a file that were missed before; `None` where it was not run.
    pub fn missed(&self, path: &str) -> Option<BTreeSet<String>> {
        self.files.get(path).map(|file| file.missed.iter().map(|(key, _)| key.clone()).collect())
    }

    /// Notes what became of the mutants of a file, and writes the page.
    pub fn put(&mut self, path: &str, mutants: usize, missed: Vec<(String, bool)>) -> Result<()> {
        let run = self.run.clone();
        self.files.insert(path.to_owned(), File { mutants, run, missed });
        self.files.retain(|path, _| root().join(path).is_file());
        fs::write(self::path(), self.render())?;
        Ok(())
    }

    /// The rows of the table that these paths are in.
    pub fn summary(&self, paths: &[&str]) -> String {
        let mut text = String::new();
        for (folder, row) in self.rows() {
            if paths.iter().any(|path| path.starts_with(&folder) || folder.starts_with(path)) {
                let _ = writeln!(text, "{row}");
            }
        }
        text
    }

    fn parse(&mut self, text: &str) {
        let mut at = String::new();
        for line in text.lines() {
            if let Some(path) = line.strip_prefix("## ") {
                path.clone_into(&mut at);
            } else if let Some((mutants, rest)) = line.split_once(" mutants, ") {
                let Ok(mutants) = mutants.parse() else { continue };
                let run = rest.rsplit(" at ").next().unwrap_or_default().to_owned();
                self.files.insert(at.clone(), File { mutants, run, missed: Vec::new() });
            } else if let Some((key, reason)) =
                line.strip_prefix("- ").and_then(|line| line.rsplit_once(" — "))
            {
                let (key, reached) = match key.strip_suffix(" (unreached)") {
                    Some(key) => (key, false),
                    None => (key, true),
                };
                if let Some(file) = self.files.get_mut(&at) {
                    file.missed.push((key.to_owned(), reached));
                }
                if reason != OPEN {
                    self.reasons.insert((at.clone(), key.to_owned()), reason.to_owned());
                }
            }
        }
    }

    fn reason(&self, path: &str, key: &str) -> &str {
        self.reasons.get(&(path.to_owned(), key.to_owned())).map_or(OPEN, String::as_str)
    }

    /// Folders (a file right in `src` is one) and their rows of the table.
    fn rows(&self) -> Vec<(String, String)> {
        let mut folders: BTreeMap<&str, Vec<(&String, &File)>> = BTreeMap::new();
        for (path, file) in &self.files {
            let end = path.match_indices('/').nth(1).map_or(path.len(), |(at, _)| at);
            folders.entry(path.get(..end).unwrap_or(path)).or_default().push((path, file));
        }
        let row = |(folder, files): (&str, Vec<(&String, &File)>)| {
            let mutants: usize = files.iter().map(|(_, file)| file.mutants).sum();
            let missed =
                || files.iter().flat_map(|(path, file)| file.missed.iter().map(move |missed| (path, missed)));
            let unreached = missed().filter(|(_, (_, reached))| !reached).count();
            let open = missed().filter(|(path, (key, _))| self.reason(path, key) == OPEN).count();
            let (missed, run) = (missed().count(), files.iter().map(|(_, file)| &file.run).min());
            let run = run.map_or("", String::as_str);
            let caught = mutants.saturating_sub(missed);
            let text =
                format!("| {folder} | {mutants} | {caught} | {missed} | {unreached} | {open} | {run} |");
            (folder.to_owned(), text)
        };
        folders.into_iter().map(row).collect()
    }

    fn render(&self) -> String {
        let mut text = HEAD.to_owned();
        text.push_str("| folder | mutants | caught | missed | unreached | open | run |\n|---|--:|--:|--:|--:|--:|---|\n");
        for (_, row) in self.rows() {
            let _ = writeln!(text, "{row}");
        }
        for (path, file) in &self.files {
            let caught = file.mutants.saturating_sub(file.missed.len());
            let _ =
                writeln!(text, "\n## {path}\n\n{} mutants, {caught} caught at {}", file.mutants, file.run);
            for (at, (key, reached)) in file.missed.iter().enumerate() {
                let mark = if *reached { "" } else { " (unreached)" };
                let gap = if at == 0 { "\n" } else { "" };
                let _ = writeln!(text, "{gap}- {key}{mark} — {}", self.reason(path, key));
            }
        }
        text
    }
}

fn path() -> PathBuf {
    root().join("tests/mutants.md")
}

#[cfg(test)]
mod tests {
    use super::{File, Report};

    #[test]
    fn keeps_reasons() {
        let mut report = Report::default();
        let missed =
            vec![("`f`: `a < b` < is <=".to_owned(), true), ("`g`: `x — y` left out".to_owned(), false)];
        let run = "2026-01-02 abc".to_owned();
        report.files.insert("src/jose/jws.rs".into(), File { mutants: 5, run, missed });
        let page = report.render();
        assert!(page.contains("| src/jose | 5 | 3 | 2 | 1 | 2 | 2026-01-02 abc |"), "{page}");
        let page = page.replace("`a < b` < is <= — open", "`a < b` < is <= — alike");
        let mut again = Report::default();
        again.parse(&page);
        assert_eq!(again.render(), page.replace("| 1 | 2 | 2026", "| 1 | 1 | 2026"));
        assert_eq!(again.missed("src/jose/jws.rs").unwrap().len(), 2);
        assert_eq!(again.missed("src/jose/jwk.rs"), None);
    }
}
