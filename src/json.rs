//! Strict JSON: what RFC 8259 allows and nothing else, no duplicate members, and limits on everything.
//!
//! Duplicate members refuse after unescaping (`"sub"` and `"s\u0075b"` are the same), because two readers
//! that pick different ones see two different tokens (RFC 7515 §4, RFC 8725 §2.4). Text is UTF-8 without a
//! byte order mark; a lone surrogate refuses. Numbers keep their text, so whole numbers stay exact.
//!
//! ```
//! use actfor::json::{self, Limits};
//! let value = json::parse(br#"{"sub":"ana"}"#, &Limits::TOKEN).unwrap();
//! assert_eq!(value.as_object().unwrap().get("sub").unwrap().as_str(), Some("ana"));
//! assert!(json::parse(br#"{"sub":"ana","s\u0075b":"bo"}"#, &Limits::TOKEN).is_err());
//! ```

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;

/// How much a text may hold. Sizes are checked before anything is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The length of the whole text in bytes.
    pub bytes: usize,
    /// How deep arrays and objects may nest. At most 128, so that the stack is bounded.
    pub depth: usize,
    /// Members of one object.
    pub members: usize,
    /// Values in the whole text.
    pub values: usize,
}

impl Limits {
    /// A token's header or claims: 64 KiB, 32 deep, 256 members, 4,096 values.
    pub const TOKEN: Self = Self { bytes: 65_536, depth: 32, members: 256, values: 4_096 };
    /// The body of a request: 1 MiB, 64 deep.
    pub const BODY: Self = Self { bytes: 1_048_576, depth: 64, members: 1_024, values: 100_000 };
    /// A configuration, with keys, rules and tuples in it: 256 MiB, 64 deep.
    pub const CONFIG: Self = Self { bytes: 268_435_456, depth: 64, members: 4_096, values: 50_000_000 };
}

/// A JSON value that borrows from the text where it can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it is written.
    Number(Number<'a>),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object, members in the order of the text.
    Object(Object<'a>),
}

/// A number as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number<'a>(Cow<'a, str>);

/// An object; every member's name occurs once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, Value<'a>)>,
}

/// What is wrong with a text, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// Where: bytes from the start of the text.
    pub offset: usize,
}

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// A member occurs twice in an object.
    DuplicateMember,
    /// The text ends too early.
    End,
    /// A `\` with something that is not an escape, or a lone surrogate.
    Escape,
    /// A [`Limits`] field was exceeded.
    Limit(&'static str),
    /// Not a number as RFC 8259 §6 writes it.
    Number,
    /// Something after the value.
    Trailing,
    /// A character that cannot stand here.
    Unexpected,
    /// The text is not UTF-8, or starts with a byte order mark.
    Utf8,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            JsonErrorKind::DuplicateMember => f.write_str("a member occurs twice")?,
            JsonErrorKind::End => f.write_str("the text ends too early")?,
            JsonErrorKind::Escape => f.write_str("a wrong escape in a string")?,
            JsonErrorKind::Limit(what) => write!(f, "too many or too deep: {what}")?,
            JsonErrorKind::Number => f.write_str("not a number")?,
            JsonErrorKind::Trailing => f.write_str("something follows the value")?,
            JsonErrorKind::Unexpected => f.write_str("a character that cannot stand here")?,
            JsonErrorKind::Utf8 => f.write_str("not UTF-8, or a byte order mark")?,
        }
        write!(f, " at byte {}", self.offset)
    }
}

impl core::error::Error for JsonError {}

/// Parses one JSON text.
///
/// # Errors
/// A [`JsonError`] for anything that RFC 8259 does not allow, for a duplicate member, and for text beyond `limits`.
pub fn parse<'a>(text: &'a [u8], limits: &Limits) -> Result<Value<'a>, JsonError> {
    if text.len() > limits.bytes {
        return Err(JsonError { kind: JsonErrorKind::Limit("bytes"), offset: 0 });
    }
    let text = core::str::from_utf8(text)
        .map_err(|e| JsonError { kind: JsonErrorKind::Utf8, offset: e.valid_up_to() })?;
    if text.starts_with('\u{feff}') {
        return Err(JsonError { kind: JsonErrorKind::Utf8, offset: 0 });
    }
    let mut parser = Parser { text, at: 0, values: 0, limits };
    let value = parser.value(0)?;
    parser.space();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.error(JsonErrorKind::Trailing)),
    }
}

impl<'a> Value<'a> {
    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(s) => Some(s),
            _ => None,
        }
    }

    /// The object, if it is one.
    pub fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Object(o) => Some(o),
            _ => None,
        }
    }

    /// The items, if it is an array.
    pub fn as_array(&self) -> Option<&[Value<'a>]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The whole number, if it is one that is not negative and has neither fraction nor exponent.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(n) => n.as_str().parse().ok(),
            _ => None,
        }
    }

    /// The kind of value, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// How many values it consists of, itself and those inside.
    pub(crate) fn count(&self) -> usize {
        let inside: usize = match self {
            Self::Array(items) => items.iter().map(Value::count).sum(),
            Self::Object(object) => object.count(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => 0,
        };
        inside.saturating_add(1)
    }

    /// The same value, borrowing nothing, in no more memory than it needs: it may be kept for long.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(b),
            Self::Number(n) => Value::Number(Number(Cow::Owned(n.0.into_owned()))),
            Self::String(s) => Value::String(Cow::Owned(s.into_owned())),
            Self::Array(items) => {
                let mut items: Vec<_> = items.into_iter().map(Value::into_owned).collect();
                items.shrink_to_fit();
                Value::Array(items)
            }
            Self::Object(o) => Value::Object(o.into_owned()),
        }
    }
}

impl Number<'_> {
    /// The number as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> Object<'a> {
    /// The member with this name.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.members.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// Adds a member that is not there yet.
    pub(crate) fn push(&mut self, name: &'static str, value: Value<'a>) {
        self.members.push((Cow::Borrowed(name), value));
    }

    /// The members in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.members.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// How many values are inside.
    pub(crate) fn count(&self) -> usize {
        self.members.iter().map(|(_, value)| value.count()).sum()
    }

    /// The same object, borrowing nothing, in no more memory than it needs.
    pub fn into_owned(self) -> Object<'static> {
        let owned =
            |(name, value): (Cow<'_, str>, Value<'_>)| (Cow::Owned(name.into_owned()), value.into_owned());
        let mut members: Vec<_> = self.members.into_iter().map(owned).collect();
        members.shrink_to_fit();
        Object { members }
    }
}

struct Parser<'a, 'l> {
    text: &'a str,
    at: usize,
    values: usize,
    limits: &'l Limits,
}

impl<'a> Parser<'a, '_> {
    fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { kind, offset: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.step();
        }
    }

    fn unexpected(&self) -> JsonError {
        self.error(if self.peek().is_none() { JsonErrorKind::End } else { JsonErrorKind::Unexpected })
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, JsonError> {
        self.values = self.values.saturating_add(1);
        if self.values > self.limits.values {
            return Err(self.error(JsonErrorKind::Limit("values")));
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth).map(Value::Object),
            Some(b'[') => self.array(depth).map(Value::Array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.unexpected()),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, JsonError> {
        for expected in word.bytes() {
            if self.peek() != Some(expected) {
                return Err(self.unexpected());
            }
            self.step();
        }
        Ok(value)
    }

    fn deeper(&self, depth: usize) -> Result<usize, JsonError> {
        if depth >= self.limits.depth.min(128) {
            return Err(self.error(JsonErrorKind::Limit("depth")));
        }
        Ok(depth.saturating_add(1))
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Value<'a>>, JsonError> {
        let depth = self.deeper(depth)?;
        self.step();
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.step();
            return Ok(items);
        }
        loop {
            items.push(self.value(depth)?);
            self.space();
            match self.peek() {
                Some(b',') => self.step(),
                Some(b']') => {
                    self.step();
                    return Ok(items);
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Object<'a>, JsonError> {
        let depth = self.deeper(depth)?;
        self.step();
        let mut members: Vec<(Cow<'a, str>, Value<'a>)> = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.step();
            return Ok(Object { members });
        }
        loop {
            self.space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected());
            }
            if members.len() >= self.limits.members {
                return Err(self.error(JsonErrorKind::Limit("members")));
            }
            let name = self.string()?;
            if members.iter().any(|(known, _)| *known == name) {
                return Err(JsonError { kind: JsonErrorKind::DuplicateMember, offset: start });
            }
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected());
            }
            self.step();
            let value = self.value(depth)?;
            members.push((name, value));
            self.space();
            match self.peek() {
                Some(b',') => self.step(),
                Some(b'}') => {
                    self.step();
                    return Ok(Object { members });
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.step();
        let mut start = self.at;
        let mut owned: Option<String> = None;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let rest = self.slice(start, self.at);
                    self.step();
                    return Ok(match owned {
                        None => Cow::Borrowed(rest),
                        Some(mut text) => {
                            text.push_str(rest);
                            Cow::Owned(text)
                        }
                    });
                }
                Some(b'\\') => {
                    let text = owned.get_or_insert_default();
                    text.push_str(self.slice(start, self.at));
                    let c = self.escape()?;
                    if let Some(text) = &mut owned {
                        text.push(c);
                    }
                    start = self.at;
                }
                Some(0x00..=0x1f) => return Err(self.error(JsonErrorKind::Unexpected)),
                Some(_) => self.step(),
                None => return Err(self.error(JsonErrorKind::End)),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        self.step();
        let c = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            Some(_) => return Err(self.error(JsonErrorKind::Escape)),
            None => return Err(self.error(JsonErrorKind::End)),
        };
        self.step();
        Ok(c)
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex()?;
        let code = match first {
            0xd800..=0xdbff => {
                if self.peek() != Some(b'\\') {
                    return Err(self.error(JsonErrorKind::Escape));
                }
                self.step();
                if self.peek() != Some(b'u') {
                    return Err(self.error(JsonErrorKind::Escape));
                }
                let second = self.hex()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(self.error(JsonErrorKind::Escape));
                }
                let high = (first & 0x3ff) << 10;
                0x10000_u32.saturating_add(high | (second & 0x3ff))
            }
            other => other,
        };
        char::from_u32(code).ok_or(self.error(JsonErrorKind::Escape))
    }

    /// Reads the four digits after `\u`; stands on the `u`.
    fn hex(&mut self) -> Result<u32, JsonError> {
        self.step();
        let mut code = 0_u32;
        for _ in 0..4 {
            let digit = match self.peek() {
                Some(b) => char::from(b).to_digit(16).ok_or(self.error(JsonErrorKind::Escape))?,
                None => return Err(self.error(JsonErrorKind::End)),
            };
            code = (code << 4) | digit;
            self.step();
        }
        Ok(code)
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.error(JsonErrorKind::Number));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.step();
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Number<'a>, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.step();
        }
        if self.peek() == Some(b'0') {
            self.step();
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.step();
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.step();
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.step();
            }
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.error(JsonErrorKind::Number));
        }
        Ok(Number(Cow::Borrowed(self.slice(start, self.at))))
    }
}

/// Writes JSON text: no white space, members in the order of the calls.
///
/// ```
/// use actfor::json::Writer;
/// let mut w = Writer::default();
/// w.object(|w| {
///     w.key("sub").string("ana");
///     w.key("hops").array(|w| w.number(1));
/// });
/// assert_eq!(w.finish(), r#"{"sub":"ana","hops":[1]}"#);
/// ```
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
    /// Whether the next value or key needs a comma before it.
    comma: bool,
    form: Form,
    /// Whether the object that is being written leaves out the names of its members.
    nameless: bool,
}

/// How [`Writer::record`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Form {
    /// Objects.
    #[default]
    Whole,
    /// Arrays of the values of their members, for a reader who knows the names.
    Short,
}

/// Writes a whole number behind `out`.
pub(crate) fn push_number(out: &mut String, number: u64) {
    let mut digits = [0_u8; 20];
    let mut rest = number;
    let mut count = 0_usize;
    for slot in digits.iter_mut().rev() {
        *slot = b'0'.saturating_add((rest % 10) as u8);
        rest /= 10;
        count = count.saturating_add(1);
        if rest == 0 {
            break;
        }
    }
    for digit in digits.iter().skip(20_usize.saturating_sub(count)) {
        out.push(char::from(*digit));
    }
}

/// Whether no byte of a string needs an escape: eight are looked at in one step.
fn is_plain(text: &str) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Zero where no byte is below `limit`, which is at most 128.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES.wrapping_mul(limit)) & !word & (ONES << 7);
    let is = |word: u64, byte: u8| below(word ^ ONES.wrapping_mul(u64::from(byte)), 1);
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let plain = |word: u64| below(word, 0x20) | is(word, b'"') | is(word, b'\\') == 0;
    words.iter().all(|word| plain(u64::from_le_bytes(*word))) && !rest.iter().any(|byte| is_special(*byte))
}

/// Whether a byte of a string needs an escape.
fn is_special(byte: u8) -> bool {
    matches!(byte, 0..=0x1f | b'"' | b'\\')
}

impl Writer {
    /// A writer that goes on behind `out`.
    pub fn onto(out: String) -> Self {
        Self { out, ..Self::default() }
    }

    /// A writer whose records have this form.
    pub(crate) fn in_form(form: Form, room: usize) -> Self {
        Self { out: String::with_capacity(room), form, ..Self::default() }
    }

    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// The text.
    pub fn finish(self) -> String {
        self.out
    }

    fn before(&mut self) {
        if self.comma {
            self.out.push(',');
        }
        self.comma = true;
    }

    /// Writes a member's name; the next call writes its value.
    pub fn key(&mut self, name: &str) -> &mut Self {
        if self.nameless {
            return self;
        }
        self.quoted(name);
        self.out.push(':');
        self.comma = false;
        self
    }

    /// Writes an object whose members `f` writes.
    pub fn object(&mut self, f: impl FnOnce(&mut Self)) {
        self.members(false, f);
    }

    /// Writes an object. In a short text it is an array of its values, if it has the members that it usually has.
    pub(crate) fn record(&mut self, usual: bool, f: impl FnOnce(&mut Self)) {
        self.members(usual && self.form == Form::Short, f);
    }

    fn members(&mut self, nameless: bool, f: impl FnOnce(&mut Self)) {
        let outer = core::mem::replace(&mut self.nameless, nameless);
        let (open, close) = if nameless { ('[', ']') } else { ('{', '}') };
        self.nested(open, close, f);
        self.nameless = outer;
    }

    /// Writes an array whose items `f` writes.
    pub fn array(&mut self, f: impl FnOnce(&mut Self)) {
        self.nested('[', ']', f);
    }

    fn nested(&mut self, open: char, close: char, f: impl FnOnce(&mut Self)) {
        self.open(open);
        f(self);
        self.close(close);
    }

    #[inline(never)] // One body, however many closures write what is inside.
    fn open(&mut self, open: char) {
        self.before();
        self.out.push(open);
        self.comma = false;
    }

    #[inline(never)]
    fn close(&mut self, close: char) {
        self.out.push(close);
        self.comma = true;
    }

    /// Writes a string.
    pub fn string(&mut self, text: &str) {
        self.quoted(text);
        self.comma = true;
    }

    /// Writes a string, or `null`.
    pub fn string_or_null(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.null(),
        }
    }

    /// Writes a whole number.
    pub fn number(&mut self, number: u64) {
        self.before();
        push_number(&mut self.out, number);
    }

    /// Writes `true` or `false`.
    pub fn bool(&mut self, value: bool) {
        self.before();
        self.out.push_str(if value { "true" } else { "false" });
    }

    /// Writes `null`.
    pub fn null(&mut self) {
        self.before();
        self.out.push_str("null");
    }

    /// Writes text that is JSON already.
    pub fn raw(&mut self, json: &str) {
        self.before();
        self.out.push_str(json);
    }

    /// Writes pieces that are JSON together.
    pub(crate) fn pieces(&mut self, json: &[&str]) {
        self.before();
        json.iter().for_each(|piece| self.out.push_str(piece));
    }

    /// Writes any value.
    pub fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Null => self.null(),
            Value::Bool(b) => self.bool(*b),
            Value::Number(n) => self.raw(n.as_str()),
            Value::String(s) => self.string(s),
            Value::Array(items) => self.array(|w| items.iter().for_each(|item| w.value(item))),
            Value::Object(object) => self.object(|w| {
                for (name, value) in object.iter() {
                    w.key(name).value(value);
                }
            }),
        }
    }

    fn quoted(&mut self, text: &str) {
        if self.comma {
            self.out.push(',');
        }
        self.out.push('"');
        match is_plain(text) {
            true => self.out.push_str(text),
            false => self.escaped(text),
        }
        self.out.push('"');
    }

    /// Writes a string with the escapes of RFC 8785 §3.2.2.2 and no others.
    #[cold]
    fn escaped(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(is_special) {
            let (plain, special) = rest.split_at(at);
            self.out.push_str(plain);
            let mut chars = special.chars();
            match chars.next() {
                Some('"') => self.out.push_str("\\\""),
                Some('\\') => self.out.push_str("\\\\"),
                Some('\n') => self.out.push_str("\\n"),
                Some('\r') => self.out.push_str("\\r"),
                Some('\t') => self.out.push_str("\\t"),
                Some('\u{8}') => self.out.push_str("\\b"),
                Some('\u{c}') => self.out.push_str("\\f"),
                Some(c) => {
                    let digit = |n: u32| char::from_digit(n, 16).unwrap_or('0');
                    self.out.push_str("\\u00");
                    self.out.push(digit(u32::from(c) >> 4));
                    self.out.push(digit(u32::from(c) & 0xf));
                }
                None => {}
            }
            rest = chars.as_str();
        }
        self.out.push_str(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn kind(text: &str) -> JsonErrorKind {
        parse(text.as_bytes(), &Limits::TOKEN).unwrap_err().kind
    }

    #[test]
    fn reads_and_writes_every_kind() {
        let text = r#"{"a":[1,-2.5e3,true,false,null,"x\n\"\u0001é😀"],"b":{}}"#;
        let value = parse(text.as_bytes(), &Limits::TOKEN).unwrap();
        let mut w = Writer::default();
        w.value(&value);
        assert_eq!(w.finish(), text);
        assert_eq!(parse(br#""\ud83d\ude00\/""#, &Limits::TOKEN).unwrap().as_str(), Some("😀/"));
    }

    #[test]
    fn finds_what_needs_an_escape_wherever_it_stands() {
        for length in 0..20_usize {
            for at in 0..length {
                for special in (0..=0x7f_u8).map(char::from).chain(['\u{80}', 'é', '\u{ff}', '😀']) {
                    for other in ['a', ' ', '!', '#', '\u{7f}', 'é'] {
                        let text: String =
                            (0..length).map(|i| if i == at { special } else { other }).collect();
                        assert_eq!(is_plain(&text), !text.bytes().any(is_special), "{text:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn refuses_duplicates_after_unescaping() {
        assert_eq!(kind(r#"{"sub":1,"sub":2}"#), JsonErrorKind::DuplicateMember);
        assert_eq!(kind(r#"{"sub":1,"s\u0075b":2}"#), JsonErrorKind::DuplicateMember);
        assert_eq!(kind(r#"{"act":{"sub":1,"sub":2}}"#), JsonErrorKind::DuplicateMember);
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in
            ["", " ", "{", "[1,]", "{\"a\"}", "{'a':1}", "NaN", "Infinity", "tru", "[1 2]", "\"a", "{,}"]
        {
            assert!(parse(text.as_bytes(), &Limits::TOKEN).is_err(), "{text}");
        }
        assert_eq!(kind("{} x"), JsonErrorKind::Trailing);
        assert_eq!(kind("{}//"), JsonErrorKind::Trailing);
        assert_eq!(kind("01"), JsonErrorKind::Number);
        assert_eq!(kind("1."), JsonErrorKind::Number);
        assert_eq!(kind(r#""\ud800""#), JsonErrorKind::Escape);
        assert_eq!(kind(r#""\udc00""#), JsonErrorKind::Escape);
        assert_eq!(kind(r#""\ud800\u0041""#), JsonErrorKind::Escape);
        assert_eq!(kind("\u{feff}{}"), JsonErrorKind::Utf8);
        assert_eq!(parse(b"\"\xff\"", &Limits::TOKEN).unwrap_err().kind, JsonErrorKind::Utf8);
    }

    #[test]
    fn limits_hold() {
        let deep = "[".repeat(10_000);
        assert_eq!(kind(&deep), JsonErrorKind::Limit("depth"));
        assert_eq!(kind(&"A".repeat(1_000_000)), JsonErrorKind::Limit("bytes"));
        let many: Vec<_> = (0..257).map(|i| alloc::format!("\"{i}\":0")).collect();
        assert_eq!(kind(&alloc::format!("{{{}}}", many.join(","))), JsonErrorKind::Limit("members"));
        let wide = vec!["0"; 5_000].join(",");
        assert_eq!(kind(&alloc::format!("[{wide}]")), JsonErrorKind::Limit("values"));
    }

    /// What a text is written as again; or what is wrong with it, and where.
    fn outcome(text: &str, limits: &Limits) -> String {
        match parse(text.as_bytes(), limits) {
            Ok(value) => {
                let mut w = Writer::default();
                w.value(&value);
                w.finish()
            }
            Err(JsonError { kind, offset }) => alloc::format!("{kind:?} {offset}"),
        }
    }

    #[test]
    fn every_form_is_read_as_rfc_8259_has_it() {
        let same = "=";
        for (text, expected) in [
            // Numbers, as they are written.
            ("0", same),
            ("-0", same),
            ("10", same),
            ("0.5", same),
            ("-1.25", same),
            ("1e5", same),
            ("1E+05", same),
            ("1.5e-5", same),
            ("0e0", same),
            ("-", "Number 1"),
            ("-a", "Number 1"),
            ("1.", "Number 2"),
            ("1.e5", "Number 2"),
            ("1.a", "Number 2"),
            (".5", "Unexpected 0"),
            ("+1", "Unexpected 0"),
            ("1e", "Number 2"),
            ("1e+", "Number 3"),
            ("1ea", "Number 2"),
            ("00", "Number 1"),
            ("-01", "Number 2"),
            ("0x1", "Trailing 1"),
            ("1.5.5", "Trailing 3"),
            ("1e5.5", "Trailing 3"),
            ("1_000", "Trailing 1"),
            // Texts.
            (r#""""#, same),
            (r#"" a/é😀""#, same),
            (r#""\"\\\/\b\f\n\r\t""#, r#""\"\\/\b\f\n\r\t""#),
            (r#""\u00e9\u00E9\u0041""#, "\"ééA\""),
            (r#""\u0000""#, same),
            (r#""\ud800\udc00\udbff\udfff""#, "\"\u{10000}\u{10ffff}\""),
            (r#""\x""#, "Escape 2"),
            (r#""\u00g0""#, "Escape 5"),
            (r#""\u00"#, "End 5"),
            (r#""\u00""#, "Escape 5"),
            (r#""\ud83d""#, "Escape 7"),
            (r#""\ud83dx""#, "Escape 7"),
            (r#""\ud83d\n""#, "Escape 8"),
            (r#""\ud83d\u0041""#, "Escape 13"),
            (r#""\ud83d\udbff""#, "Escape 13"),
            (r#""\ud83d\ue000""#, "Escape 13"),
            (r#""\udc00""#, "Escape 7"),
            (r#""\udfff\udc00""#, "Escape 7"),
            ("\"\u{1f}\"", "Unexpected 1"),
            ("\"\t\"", "Unexpected 1"),
            ("\"\u{7f}\u{20}\"", same),
            ("\"a", "End 2"),
            ("\"\\", "End 2"),
            ("\"\\\"", "End 3"),
            ("'a'", "Unexpected 0"),
            // Words.
            ("true", same),
            ("false", same),
            ("null", same),
            ("tru", "End 3"),
            ("trUe", "Unexpected 2"),
            ("truex", "Trailing 4"),
            ("True", "Unexpected 0"),
            ("nul", "End 3"),
            // White space.
            (" \t\r\n1 \t\r\n", "1"),
            ("\u{b}1", "Unexpected 0"),
            ("\u{c}1", "Unexpected 0"),
            ("\u{a0}1", "Unexpected 0"),
            ("1\u{a0}", "Trailing 1"),
            ("", "End 0"),
            (" ", "End 1"),
            // Arrays and objects.
            ("[]", same),
            ("[ ]", "[]"),
            ("[ 1 , 2 ]", "[1,2]"),
            ("[1,2,[3]]", same),
            ("[,]", "Unexpected 1"),
            ("[1,]", "Unexpected 3"),
            ("[1 2]", "Unexpected 3"),
            ("[1", "End 2"),
            ("[1,", "End 3"),
            ("[1}", "Unexpected 2"),
            ("]", "Unexpected 0"),
            ("{}", same),
            ("{ }", "{}"),
            (r#"{ "a" : 1 , "b" : {} }"#, r#"{"a":1,"b":{}}"#),
            (r#"{"":0}"#, same),
            ("{,}", "Unexpected 1"),
            (r#"{"a":1,}"#, "Unexpected 7"),
            (r#"{"a" 1}"#, "Unexpected 5"),
            (r#"{"a":}"#, "Unexpected 5"),
            (r#"{"a"}"#, "Unexpected 4"),
            (r#"{1:2}"#, "Unexpected 1"),
            (r#"{a:2}"#, "Unexpected 1"),
            (r#"{"a":1 "b":2}"#, "Unexpected 7"),
            (r#"{"a":1"#, "End 6"),
            (r#"{"a":1]"#, "Unexpected 6"),
            ("{", "End 1"),
            ("{}{}", "Trailing 2"),
            (r#"{"a":1,"b":2,"a":3}"#, "DuplicateMember 13"),
            (r#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#, same),
        ] {
            let expected = if expected == same { text } else { expected.trim_end() };
            assert_eq!(outcome(text, &Limits::TOKEN), expected, "{text}");
        }
    }

    #[test]
    fn every_limit_is_met_exactly() {
        let limits = Limits { bytes: 20, depth: 2, members: 2, values: 5 };
        for (text, expected) in [
            (r#""345678901234567890""#, None),
            (r#""3456789012345678901""#, Some("Limit(\"bytes\") 0")),
            ("[[1]]", None),
            ("[[[1]]]", Some("Limit(\"depth\") 2")),
            ("{\"a\":[{}]}", Some("Limit(\"depth\") 6")),
            ("{\"a\":1,\"b\":2}", None),
            ("{\"a\":1,\"b\":2,\"\":3}", Some("Limit(\"members\") 13")),
            ("[1,2,3,4]", None),
            ("[1,2,3,4,5]", Some("Limit(\"values\") 9")),
        ] {
            assert_eq!(outcome(text, &limits), expected.unwrap_or(text), "{text}");
        }
        // However deep a caller lets it be, the stack is bounded.
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let limits = Limits { bytes: 1_000, depth: 1_000, members: 0, values: 1_000 };
        assert_eq!(outcome(&nested(128), &limits), nested(128));
        assert_eq!(outcome(&nested(129), &limits), "Limit(\"depth\") 128");
    }

    #[test]
    fn only_whole_numbers_are_whole() {
        for (text, expected) in [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("1.0", None),
            ("1e2", None),
            ("-1", None),
            ("-0", None),
            ("\"1\"", None),
        ] {
            assert_eq!(parse(text.as_bytes(), &Limits::TOKEN).unwrap().as_u64(), expected, "{text}");
        }
    }

    #[test]
    fn a_short_text_leaves_out_the_names_in_usual_records_only() {
        let write = |form: Form, usual: bool| {
            let mut w = Writer::in_form(form, 0);
            w.array(|w| {
                w.record(usual, |w| {
                    w.key("a").number(1);
                    w.key("b").object(|w| w.key("c").number(2));
                    w.key("d").number(3);
                });
                w.object(|w| w.key("e").null());
            });
            w.finish()
        };
        let whole = r#"[{"a":1,"b":{"c":2},"d":3},{"e":null}]"#;
        assert_eq!(write(Form::Short, true), r#"[[1,{"c":2},3],{"e":null}]"#);
        assert_eq!(write(Form::Short, false), whole);
        assert_eq!(write(Form::default(), true), whole);
    }

    #[test]
    fn every_value_counts_itself_and_those_inside() {
        for (text, count) in [("1", 1), ("[]", 1), ("{}", 1), (r#"{"a":[1,{"b":2}],"c":null}"#, 6)] {
            let value = parse(text.as_bytes(), &Limits::TOKEN).unwrap();
            assert_eq!(value.count(), count, "{text}");
            if let Some(object) = value.as_object() {
                assert_eq!(
                    (object.count(), object.is_empty()),
                    (count.saturating_sub(1), count == 1),
                    "{text}"
                );
            }
        }
    }
}
