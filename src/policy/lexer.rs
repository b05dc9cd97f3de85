//! Lines and words of a rule file.
//!
//! One statement a line; the lines of an `on` block and the conditions of a rule are indented below it. `#`
//! after white space starts a comment. Words are separated by white space; a comma is a word of its own; a
//! text in double quotes is one word. The expression of a condition is left in one piece: it has a grammar
//! of its own.

use alloc::{format, string::String, vec::Vec};

use crate::error::{Code, PolicyError, Position};

/// A word and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Word<'t> {
    /// The word; for a quoted one, what stands between the quotes.
    pub text: &'t str,
    /// Whether it was quoted.
    pub quoted: bool,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// A line that has words.
#[derive(Debug)]
pub struct Line<'t> {
    /// Whether it starts with white space.
    pub indented: bool,
    /// Its words, at least one.
    pub words: Vec<Word<'t>>,
}

/// Where something is wrong in `file`, and what.
pub fn error(code: Code, file: &str, word: &Word<'_>, message: impl Into<String>) -> PolicyError {
    let at = Position { file: file.into(), line: word.line, column: word.column, symbol: shorten(word.text) };
    PolicyError { code, at, message: message.into() }
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Splits a rule file into lines and words.
pub fn lines<'t>(file: &str, text: &'t str) -> Result<Vec<Line<'t>>, PolicyError> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
        let words = match expression(file, line, number)? {
            Some(words) => words,
            None => words(file, line, number)?,
        };
        if let Some(first) = words.first() {
            lines.push(Line { indented: first.column > 1, words });
        }
    }
    Ok(lines)
}

/// Whether a condition is `S is RELATION of O`, and not an expression.
pub fn is_relation(line: &Line<'_>) -> bool {
    // An expression is one word, whatever is in it.
    line.words.len() > 2
}

/// The two words of a condition with an expression: `when`, and the rest up to a comment.
fn expression<'t>(file: &str, line: &'t str, number: u32) -> Result<Option<Vec<Word<'t>>>, PolicyError> {
    let start = line.trim_start();
    let indent = count(line).saturating_sub(count(start));
    let Some((keyword, rest)) = start.split_once(char::is_whitespace) else { return Ok(None) };
    if indent == 0 || !matches!(keyword, "when" | "unless") || rest.split_whitespace().nth(1) == Some("is") {
        return Ok(None);
    }
    let text = rest.trim_start();
    let before = count(start).saturating_sub(count(text));
    let text = text.get(..comment(text)).unwrap_or_default().trim_end();
    let column = indent.saturating_add(1);
    let mut words = Vec::from([Word { text: keyword, quoted: false, line: number, column }]);
    if !text.is_empty() {
        let word = Word { text, quoted: false, line: number, column: column.saturating_add(before) };
        if text.chars().any(|c| (c.is_control() && c != '\t') || crate::error::is_invisible(c)) {
            let message = format!("{} has a character that cannot be seen", crate::error::quote(text));
            return Err(error(Code::RulesInvalid, file, &word, message));
        }
        words.push(word);
    }
    Ok(Some(words))
}

/// Where a comment starts: a `#` behind white space that does not stand in a text.
fn comment(text: &str) -> usize {
    let (mut open, mut escaped, mut before) = (None, false, ' ');
    for (at, c) in text.char_indices() {
        match open {
            None if c == '#' && before.is_whitespace() => return at,
            None if matches!(c, '"' | '\'') => open = Some(c),
            None => {}
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(quote) if c == quote => open = None,
            Some(_) => {}
        }
        before = c;
    }
    text.len()
}

fn words<'t>(file: &str, line: &'t str, number: u32) -> Result<Vec<Word<'t>>, PolicyError> {
    let mut found = Vec::new();
    let mut rest = line;
    let mut column = 1_u32;
    loop {
        let trimmed = rest.trim_start();
        column = column.saturating_add(count(rest).saturating_sub(count(trimmed)));
        rest = trimmed;
        let word = |text: &'t str, quoted: bool| Word { text, quoted, line: number, column };
        let (next, skip) = match rest.chars().next() {
            None | Some('#') => return Ok(found),
            Some(',') => (word(rest.get(..1).unwrap_or_default(), false), 1),
            Some('"') => {
                let inner = rest.get(1..).unwrap_or_default();
                let Some(end) = inner.find('"') else {
                    return Err(error(
                        Code::RulesInvalid,
                        file,
                        &word(rest, true),
                        "a text without its closing `\"`",
                    ));
                };
                let text = inner.get(..end).unwrap_or_default();
                if text.contains('\\') {
                    return Err(error(
                        Code::RulesInvalid,
                        file,
                        &word(text, true),
                        "`\\` has no meaning in a text here",
                    ));
                }
                (word(text, true), end.saturating_add(2))
            }
            Some(_) => {
                let end = rest.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(rest.len());
                (word(rest.get(..end).unwrap_or_default(), false), end)
            }
        };
        if next.text.chars().any(|c| c.is_control() || crate::error::is_invisible(c)) {
            let message = format!("{} has a character that cannot be seen", crate::error::quote(next.text));
            return Err(error(Code::RulesInvalid, file, &next, message));
        }
        found.push(next);
        let (taken, after) = rest.split_at_checked(skip).unwrap_or((rest, ""));
        column = column.saturating_add(count(taken));
        rest = after;
    }
}

fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}
