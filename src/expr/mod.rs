//! A closed, typed subset of CEL: the conditions of the modelling language and of rules.
//!
//! CEL's own names and semantics, with three differences that make it safe to decide by. Every expression is
//! typed when it is compiled, and what is not supported is an error that names it. There is no text but what
//! is written or handed in (nothing is concatenated), so evaluation allocates nothing, and its cost is bounded.
//! A value that is unknown, absent or of the wrong type, and an operation that CEL would call an error, make
//! the result *unknown*, unless it could not have been otherwise (`false && x`, `true || x`).
//!
//! | what | |
//! |---|---|
//! | literals | `true` `1` `1u` `0x1f` `1.5` `"text"` `'text'` `r"raw"` `[1, 2]` `null` |
//! | operators | `&& \|\| !` `== != < <= > >=` `in` `+ - * / %` on numbers, timestamps and durations, `a ? b : c`, `a.b` `a[i]` |
//! | macros | `has(a.b)`, `list.exists(x, p)`, `list.all(x, p)`, `list.exists_one(x, p)`, on at most 256 items |
//! | text | `startsWith` `endsWith` `contains` `size` |
//! | conversions | `timestamp("…")` `duration("…")` `ipaddress("…")` `int` `uint` `double` |
//! | timestamps, UTC only | `getFullYear` `getMonth` `getDate` `getDayOfMonth` `getDayOfWeek` `getDayOfYear` `getHours` `getMinutes` `getSeconds` `getMilliseconds` |
//! | durations | `getHours` `getMinutes` `getSeconds` `getMilliseconds` |
//! | addresses | `address.in_cidr("192.0.2.0/24")` |
//!
//! Refused by name: `matches` (a regular expression has no small bound), `map` and `filter` (they build lists),
//! joining texts or lists with `+`, map literals, bytes, time zones, and every other function.
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
