//! A closed, typed subset of CEL: the conditions of the modelling language and of rules.
//!
//! CEL's own names and semantics, with three differences that make it safe to decide by. Every expression is
//! typed when it is compiled, and what is not supported is an error that names it. There is no text but what
//! is written or handed in (nothing is concatenated), so evaluation allocates nothing, and its cost is bounded.
//! A value that is unknown, absent or of the wrong type, and an operation that CEL would call an error, make
//! the result *unknown*, unless it could not have been otherwise (`false && x`, `true || x`).
//!
//! `src/expr/EXPRESSIONS.md` has every function, operator and literal, and what is refused by name.
//!
//! ```
//! use actfor::expr::{self, Fact, Type, Variables, Value};
//! use actfor::{Code, Truth};
//!
//! struct Hour(i64);
//! impl Variables for Hour {
//!     fn get(&self, _index: u32) -> Fact<'_> { Fact::Known(Value::Int(self.0)) }
//! }
//! let source = expr::Source { file: "x", text: "hour >= 9 && hour < 17", line: 1, column: 1, code: Code::RulesInvalid };
//! let code = expr::compile(&source, &[("hour", Type::Int)])?;
//! let program = expr::Program::load(&code).unwrap();
//! assert_eq!(program.eval(&code, &Hour(10)), Truth::True);
//! # Ok::<(), actfor::PolicyError>(())
//! ```

mod compile;
mod eval;
pub(crate) mod net;
mod parse;
mod time;
mod value;

pub use compile::{Source, compile};
pub(crate) use compile::{type_words, words_type};
pub use eval::Program;
pub(crate) use time::Instant;
pub use value::{Item, Type, Value};
pub(crate) use value::{pack_members, unpack};

/// What is known about a variable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fact<'a> {
    /// It has this value.
    Known(Value<'a>),
    /// It is known not to be there: `has` is false, everything else is unknown.
    Absent,
    /// It is not known whether it is there.
    Unknown,
}

/// Supplies the values of variables, by their index in the declarations.
pub trait Variables {
    /// What is known about a variable. A value of another type than declared makes the result unknown.
    fn get(&self, index: u32) -> Fact<'_>;
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;
    use crate::error::Code;
    use crate::json;
    use crate::truth::Truth;

    const PAGE: &str = include_str!("EXPRESSIONS.md");
    const VARIABLES: &[(&str, Type)] = &[
        ("n", Type::Int),
        ("s", Type::String),
        ("t", Type::Timestamp),
        ("ip", Type::IpAddress),
        ("list", Type::List(Item::String)),
        ("numbers", Type::List(Item::Int)),
        ("claim", Type::Map(Item::Any)),
        ("unknown", Type::Int),
    ];
    const VALUES: &str = r#"{"n":5,"s":"release/1","t":"2026-11-23T18:50:00.25Z","ip":"192.0.2.7","list":["a","b"],"numbers":[1,2],
        "claim":{"level":3,"deep":{"yes":true},"auth_time":1795456800}}"#;

    struct Given<'a>(&'a json::Object<'a>);

    impl Variables for Given<'_> {
        fn get(&self, index: u32) -> Fact<'_> {
            let (name, ty) = VARIABLES[index as usize];
            let value = self.0.get(name).map(|value| Value::from_json(value, ty).unwrap());
            value.map_or(Fact::Unknown, Fact::Known)
        }
    }

    fn compiled(text: &str) -> Result<Vec<u8>, crate::error::PolicyError> {
        compile(&Source { file: "page", text, line: 1, column: 1, code: Code::RulesInvalid }, VARIABLES)
    }

    /// The cells of the table below a heading.
    fn rows(heading: &str) -> Vec<Vec<String>> {
        let (_, section) = PAGE.split_once(&alloc::format!("\n## {heading}\n")).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let lines = section.lines().filter(|line| line.starts_with("| "));
        let cells = |line: &str| -> Vec<String> {
            let line = line.replace("\\|", "\u{1}");
            line.trim_matches('|').split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()
        };
        let rows: Vec<_> = lines.skip(1).map(cells).collect();
        assert!(rows.len() > 8, "{heading}");
        rows
    }

    fn code(cell: &str) -> &str {
        cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).unwrap_or_else(|| panic!("{cell}"))
    }

    #[test]
    fn what_the_page_shows_compiles_and_is_true() {
        let value = json::parse(VALUES.as_bytes(), &json::Limits::TOKEN).unwrap();
        for row in ["Functions", "Operators", "Literals"].into_iter().flat_map(rows) {
            let text = code(row.last().unwrap());
            let compiled = compiled(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let program = Program::load(&compiled).unwrap();
            assert_eq!(program.eval(&compiled, &Given(value.as_object().unwrap())), Truth::True, "{text}");
        }
    }

    #[test]
    fn what_the_page_calls_refused_is_refused_and_says_so() {
        for row in rows("Refused") {
            let error = compiled(code(&row[0])).unwrap_err();
            assert!(error.message.contains(&row[1]), "{}: {error}", row[0]);
        }
    }

    #[test]
    fn the_page_has_every_function_and_no_other() {
        let listed: Vec<_> = rows("Functions").iter().map(|row| String::from(code(&row[0]))).collect();
        let macros = ["has", "exists", "all", "exists_one"];
        let known: Vec<_> = compile::FUNCTIONS.iter().map(|function| function.0).chain(macros).collect();
        for name in &known {
            assert!(listed.iter().any(|listed| listed == name), "`{name}` is not on the page");
        }
        assert_eq!(listed.len(), known.len());
        // Each is shown at work.
        for row in rows("Functions") {
            assert!(row[3].contains(&alloc::format!("{}(", code(&row[0]))), "{}", row[0]);
        }
    }
}
