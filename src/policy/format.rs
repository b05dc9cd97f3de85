//! The formatter: one way to lay out a rule file.
//!
//! One space between words, two before the lines of a block, and the parts of neighbouring lines of one kind below
//! each other. Comments and single blank lines stay. Only white space changes: the words are the same.

use alloc::{string::String, vec::Vec};

use crate::error::PolicyError;
use crate::policy::{RULES_FILE, lexer, parse};

/// The words that start a column, by the first word of a line; in the lines of a block `needs`.
const COLUMNS: &[(&str, &[&str])] = &[
    ("agent", &["at"]),
    ("allow", &["to", "on", "as"]),
    ("approve", &["to", "on", "by", "as"]),
    ("detail", &["covers"]),
    ("forbid", &["to", "on", "as"]),
    ("role", &["covers"]),
    ("route", &["is", "with"]),
    ("scope", &["covers"]),
    ("tool", &["is", "with"]),
];

/// A line, laid out.
struct Line {
    /// What starts it: lines with the same start below each other share columns.
    start: String,
    indented: bool,
    /// Its parts; a whole comment has none.
    cells: Vec<String>,
    comment: String,
}

/// Lays out a rule file.
///
/// # Errors
/// Where the file does not parse: a file that means nothing has no form.
pub fn format(text: &str) -> Result<String, PolicyError> {
    parse::parse(RULES_FILE, text)?;
    let mut lines = Vec::new();
    for line in text.lines() {
        lines.push(lay_out(line)?);
    }
    let mut out = String::new();
    let mut blank = true;
    let mut rest = lines.as_slice();
    while let Some(first) = rest.first() {
        let Some(line) = first else {
            if !blank {
                out.push('\n');
            }
            blank = true;
            rest = rest.get(1..).unwrap_or_default();
            continue;
        };
        blank = false;
        let same = |other: &&Option<Line>| {
            other.as_ref().is_some_and(|other| other.start == line.start && other.indented == line.indented)
        };
        let count = rest.iter().take_while(same).count().max(1);
        let (block, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        write_block(&mut out, block);
        rest = after;
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    Ok(out)
}

/// The parts of a line; `None` for a blank one.
fn lay_out(line: &str) -> Result<Option<Line>, PolicyError> {
    let words = lexer::lines(RULES_FILE, line)?.pop().map(|line| line.words).unwrap_or_default();
    let trimmed = line.trim();
    if words.is_empty() {
        let indented = line.starts_with(char::is_whitespace) && !trimmed.is_empty();
        let comment = String::from(trimmed);
        let line = Line { start: String::new(), indented, cells: Vec::new(), comment };
        return Ok((!trimmed.is_empty()).then_some(line));
    }
    let indented = line.starts_with(char::is_whitespace);
    let first = words.first().map_or("", |word| word.text);
    let condition = indented && matches!(first, "when" | "unless");
    let (start, columns) = match COLUMNS.iter().find(|(start, _)| *start == first && !indented) {
        Some((start, columns)) => (*start, *columns),
        None if indented && !condition => ("needs", &["needs"][..]),
        None => (first, &[][..]),
    };
    let mut cells = Vec::from([String::new()]);
    for (at, word) in words.iter().enumerate() {
        let opens = at > 0 && !word.quoted && columns.contains(&word.text);
        if opens {
            cells.push(String::new());
        }
        let Some(cell) = cells.last_mut() else { continue };
        let comma = word.text == "," && !word.quoted;
        if !cell.is_empty() && !comma {
            cell.push(' ');
        }
        if word.quoted {
            cell.push('"');
            cell.push_str(word.text);
            cell.push('"');
        } else {
            cell.push_str(word.text);
        }
    }
    // What follows the last word is the comment.
    let end = words.last().map_or(0, |word| {
        let quotes = if word.quoted { 2 } else { 0 };
        (word.column as usize)
            .saturating_sub(1)
            .saturating_add(word.text.chars().count())
            .saturating_add(quotes)
    });
    let comment: String = line.chars().skip(end).collect();
    Ok(Some(Line { start: start.into(), indented, cells, comment: comment.trim().into() }))
}

fn write_block(out: &mut String, block: &[Option<Line>]) {
    let lines = || block.iter().flatten();
    let columns = lines().map(|line| line.cells.len()).max().unwrap_or(0);
    let width = |column: usize| {
        // The last part of a line pushes nothing to the right.
        let wide = lines().filter(|line| line.cells.len() > column.saturating_add(1));
        wide.filter_map(|line| line.cells.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    for line in lines() {
        let mut text = String::from(if line.indented { "  " } else { "" });
        for (column, cell) in line.cells.iter().enumerate() {
            text.push_str(cell);
            if column.saturating_add(1) < line.cells.len() {
                let wanted = widths.get(column).copied().unwrap_or(0).saturating_add(1);
                text.extend(core::iter::repeat_n(' ', wanted.saturating_sub(cell.chars().count())));
            }
        }
        if !line.comment.is_empty() {
            if !line.cells.is_empty() {
                text.push_str("  ");
            }
            text.push_str(&line.comment);
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
}
