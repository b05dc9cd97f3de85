//! `cargo xtask demo`: the running examples in every host, in one table.

use std::collections::BTreeMap;
use std::fs;

use actfor::json::{self, Limits, Object, Value};
use anyhow::{Context, Result, ensure};

use crate::shell::{root, step};
use crate::{browser, cli, envoy, node};

/// A host, and what gives its documents: `{ "id", "document" }` as JSON, one a line; nothing at all where the machine
/// lacks the host, which has said so then.
struct Host {
    name: &'static str,
    documents: fn() -> Result<String>,
}

const HOSTS: &[Host] = &[
    Host { name: "CLI", documents: cli::documents },
    Host { name: "Node", documents: node::documents },
    Host { name: "Chromium", documents: browser::demo_rows },
    Host { name: "Envoy", documents: || envoy::demo_rows().map_err(anyhow::Error::msg) },
];

/// Asks every host, prints the table, fails where one disagrees.
pub fn run() -> Result<()> {
    let text = fs::read(root().join("tests/vectors/patterns/cases.json"))?;
    let cases = json::parse(&text, &Limits::CONFIG)?;
    let cases = cases.as_array().context("cases.json is an array")?;
    let mut answers = Vec::new();
    for host in HOSTS {
        step(&format!("demo: asking {}", host.name));
        let documents = read(&(host.documents)()?)?;
        let asked = documents.is_empty() || documents.len() == cases.len();
        ensure!(asked, "{} answered {} of {}", host.name, documents.len(), cases.len());
        answers.push(documents);
    }
    let mut table = Table::new();
    let mut differing = Vec::new();
    for case in cases {
        let case = case.as_object().context("a case is an object")?;
        let expected =
            nested(case, "expect").and_then(|expect| text_of(expect, "document")).unwrap_or_default();
        let mut marks = Vec::new();
        let id = text_of(case, "id").unwrap_or_default();
        for (host, documents) in HOSTS.iter().zip(&answers) {
            if documents.is_empty() {
                marks.push("–");
                continue;
            }
            let found = documents.get(id).map(String::as_str).unwrap_or_default();
            marks.push(if found == expected { "✓" } else { "✗" });
            if found != expected {
                differing.push(format!(
                    "{}: {}\n  expected {expected}\n  found    {found}",
                    host.name,
                    name(case)
                ));
            }
        }
        if text_of(case, "pattern") != Some("none") {
            // What is shown is what the first host said.
            let document = answers
                .first()
                .and_then(|documents| documents.get(id))
                .map(String::as_str)
                .unwrap_or_default();
            table.row(case, document, &marks)?;
        }
    }
    table.print();
    if answers.iter().any(BTreeMap::is_empty) {
        println!("\n–: not asked, because this machine lacks it.");
    }
    println!(
        "\n✓: the host's decision document is the expected one, byte for byte ({} cases, {} of them shown).",
        cases.len(),
        table.rows.len()
    );
    println!("`cargo xtask demo --open` shows the same in your browser, to play with.");
    ensure!(differing.is_empty(), "hosts disagree:\n{}", differing.join("\n"));
    Ok(())
}

/// The documents by the id of their case.
fn read(lines: &str) -> Result<BTreeMap<String, String>> {
    let mut documents = BTreeMap::new();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let parsed = json::parse(line.as_bytes(), &Limits::CONFIG).with_context(|| line.to_owned())?;
        let row = parsed.as_object().context("a host's row is an object")?;
        let text = |name: &str| text_of(row, name).map(str::to_owned);
        documents.insert(
            text("id").context("a row has an id")?,
            text("document").context("a row has a document")?,
        );
    }
    Ok(documents)
}

/// The table, column by column.
struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new() -> Self {
        Self { rows: Vec::new() }
    }

    fn row(&mut self, case: &Object<'_>, document: &str, marks: &[&str]) -> Result<()> {
        let parsed = json::parse(document.as_bytes(), &Limits::CONFIG)?;
        let document = parsed.as_object().context("a document is an object")?;
        let request = nested(case, "request").context("a case has a request")?;
        let method = text_of(request, "method").unwrap_or_default();
        let url = text_of(request, "url").unwrap_or_default();
        let decision = match (text_of(document, "decision"), text_of(document, "code")) {
            (Some("allow"), _) => format!("allow ({})", text_of(document, "rule").unwrap_or("no rule")),
            (_, code) => format!("deny {}", code.unwrap_or_default()),
        };
        let mut row = vec![
            text_of(case, "pattern").unwrap_or_default().to_owned(),
            format!("{method} {url}"),
            decision,
            who(document),
        ];
        row.extend(marks.iter().map(|mark| (*mark).to_owned()));
        row.push(match text_of(document, "reason_admin") {
            Some(reason) => reason.to_owned(),
            None => name(case).to_owned(),
        });
        self.rows.push(row);
        Ok(())
    }

    fn print(&self) {
        let mut head: Vec<String> = ["pattern", "request", "decision", "who"].map(str::to_owned).to_vec();
        head.extend(HOSTS.iter().map(|host| host.name.to_owned()));
        head.push("why".into());
        let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |cells: &[String]| {
            let padded: Vec<String> = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| {
                    format!("{cell}{}", " ".repeat(width.saturating_sub(cell.chars().count())))
                })
                .collect();
            println!("{}", padded.join("  ").trim_end());
        };
        println!();
        line(&head);
        for row in &self.rows {
            line(row);
        }
    }
}

/// `ana → code-helper → test-runner, delegated, offline`.
fn who(document: &Object<'_>) -> String {
    let Some(who) = nested(document, "who") else { return "nobody".into() };
    let hops = nested(who, "chain")
        .and_then(|chain| chain.get("hops"))
        .and_then(Value::as_array)
        .unwrap_or_default();
    let mut names: Vec<&str> =
        nested(who, "user").and_then(|user| text_of(user, "sub")).into_iter().collect();
    names.extend(hops.iter().filter_map(|hop| hop.as_object().and_then(|hop| text_of(hop, "sub"))));
    names.extend(nested(who, "agent").and_then(|agent| text_of(agent, "sub")));
    let relationship = nested(who, "relationship");
    let word = |name: &str| relationship.and_then(|relationship| text_of(relationship, name)).unwrap_or("?");
    format!("{}, {}, {}", names.join(" → "), word("kind"), word("mode"))
}

fn name<'c>(case: &'c Object<'_>) -> &'c str {
    text_of(case, "name").unwrap_or_default()
}

fn nested<'v>(object: &'v Object<'_>, name: &str) -> Option<&'v Object<'v>> {
    object.get(name)?.as_object()
}

fn text_of<'v>(object: &'v Object<'_>, name: &str) -> Option<&'v str> {
    object.get(name)?.as_str()
}
