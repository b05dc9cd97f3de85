//! The grammar of CEL, as far as this subset goes.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use super::compile::Source;
use crate::error::{PolicyError, Position, quote};

/// How deep an expression may nest.
const DEPTH: usize = 24;
/// How long its text may be, in bytes.
const LENGTH: usize = 8_192;

/// An expression and where it starts, in bytes.
#[derive(Debug, Clone)]
pub(crate) struct Node<'a> {
    pub at: usize,
    pub kind: Kind<'a>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(String),
    List(Vec<Node<'a>>),
    Name(&'a str),
    Select(Box<Node<'a>>, &'a str),
    Index(Box<Node<'a>>, Box<Node<'a>>),
    /// Function or method: receiver, name, arguments.
    Call(Option<Box<Node<'a>>>, &'a str, Vec<Node<'a>>),
    /// `a && b && c`, or with `||`.
    Logic(&'static str, Vec<Node<'a>>),
    Unary(&'static str, Box<Node<'a>>),
    Binary(&'static str, Box<Node<'a>>, Box<Node<'a>>),
    Ternary(Box<Node<'a>>, Box<Node<'a>>, Box<Node<'a>>),
}

pub(crate) struct Parser<'a> {
    source: &'a Source<'a>,
    at: usize,
}

/// An error at a byte of the expression, with line and column of the file.
pub(crate) fn error(source: &Source<'_>, at: usize, symbol: &str, message: String) -> PolicyError {
    let before = source.text.get(..at).unwrap_or(source.text);
    let lines = before.matches('\n').count();
    let last = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let column =
        if lines == 0 { source.column.saturating_add(small(last)) } else { small(last).saturating_add(1) };
    PolicyError {
        code: source.code,
        at: Position {
            file: source.file.into(),
            line: source.line.saturating_add(small(lines)),
            column,
            symbol: symbol.chars().take(64).collect(),
        },
        message,
    }
}

/// Binary operators, from those that bind least to those that bind most.
const LEVELS: [&[&str]; 5] =
    [&["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">", "in"], &["+", "-"], &["*", "/", "%"]];

impl<'a> Parser<'a> {
    pub fn parse(source: &'a Source<'a>) -> Result<Node<'a>, PolicyError> {
        if source.text.len() > LENGTH {
            return Err(error(source, 0, "", format!("the expression is longer than {LENGTH} bytes")));
        }
        let mut parser = Self { source, at: 0 };
        let node = parser.ternary(0)?;
        parser.space();
        if parser.at < source.text.len() {
            return Err(parser.unexpected("an operator or the end of the expression"));
        }
        Ok(node)
    }

    fn rest(&self) -> &'a str {
        self.source.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at = self.at.saturating_add(rest.len().saturating_sub(trimmed.len()));
            if !trimmed.starts_with("//") {
                return;
            }
            self.at = self.at.saturating_add(trimmed.find('\n').unwrap_or(trimmed.len()));
        }
    }

    /// The word, number or sign that stands next, for messages.
    fn symbol(&self) -> &'a str {
        let rest = self.rest();
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = if word > 0 { word } else { rest.chars().next().map_or(0, char::len_utf8) };
        rest.get(..length).unwrap_or_default()
    }

    fn unexpected(&self, what: &str) -> PolicyError {
        let symbol = self.symbol();
        let found = if symbol.is_empty() { String::from("the end of the expression") } else { quote(symbol) };
        error(self.source, self.at, symbol, format!("expected {what}, found {found}"))
    }

    fn skip(&mut self, sign: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(sign);
        if found {
            self.at = self.at.saturating_add(sign.len());
        }
        found
    }

    fn sign(&mut self, sign: &str) -> Result<(), PolicyError> {
        if self.skip(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn deeper(&self, depth: usize) -> Result<usize, PolicyError> {
        if depth >= DEPTH {
            return Err(error(
                self.source,
                self.at,
                self.symbol(),
                format!("the expression nests more than {DEPTH} deep"),
            ));
        }
        Ok(depth.saturating_add(1))
    }

    fn ternary(&mut self, depth: usize) -> Result<Node<'a>, PolicyError> {
        let depth = self.deeper(depth)?;
        let condition = self.binary(0, depth)?;
        if !self.skip("?") {
            return Ok(condition);
        }
        let yes = self.binary(0, depth)?;
        self.sign(":")?;
        let no = self.ternary(depth)?;
        Ok(Node { at: condition.at, kind: Kind::Ternary(Box::new(condition), Box::new(yes), Box::new(no)) })
    }

    fn binary(&mut self, level: usize, depth: usize) -> Result<Node<'a>, PolicyError> {
        let Some(operators) = LEVELS.get(level) else { return self.unary(depth) };
        let next = level.saturating_add(1);
        let mut left = self.binary(next, depth)?;
        let mut count = 0_usize;
        while let Some(operator) = self.operator(operators) {
            if let "&&" | "||" = operator {
                let at = left.at;
                let mut items = alloc::vec![left, self.binary(next, depth)?];
                while self.operator(operators).is_some() {
                    items.push(self.binary(next, depth)?);
                }
                return Ok(Node { at, kind: Kind::Logic(operator, items) });
            }
            // Each operator of a chain nests the ones before it.
            self.deeper(depth.saturating_add(count))?;
            count = count.saturating_add(1);
            let right = self.binary(next, depth)?;
            left = Node { at: left.at, kind: Kind::Binary(operator, Box::new(left), Box::new(right)) };
        }
        Ok(left)
    }

    fn operator(&mut self, operators: &[&'static str]) -> Option<&'static str> {
        self.space();
        let rest = self.rest();
        let found = operators.iter().find(|operator| {
            let Some(after) = rest.strip_prefix(**operator) else { return false };
            **operator != "in" || !after.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        })?;
        self.at = self.at.saturating_add(found.len());
        Some(found)
    }

    fn unary(&mut self, depth: usize) -> Result<Node<'a>, PolicyError> {
        self.space();
        let at = self.at;
        for operator in ["!", "-"] {
            let mut count = 0_usize;
            while (count > 0 || !self.negative_number()) && self.skip(operator) {
                count = count.saturating_add(1);
                self.deeper(depth.saturating_add(count))?;
                self.space();
            }
            if count > 0 {
                let inner = self.primary(depth)?;
                let inner = self.members(inner, depth)?;
                // Two of them are none, whatever stands behind: so it is in CEL.
                let odd = count & 1 == 1;
                let kind = if odd { Kind::Unary(operator, Box::new(inner)) } else { inner.kind };
                return Ok(Node { at, kind });
            }
        }
        self.member(depth)
    }

    /// Whether a sign and a number stand next.
    fn negative_number(&self) -> bool {
        let behind = self.rest().strip_prefix('-');
        behind.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
    }

    /// A number with its sign, or what is no operator, and the members behind it.
    fn member(&mut self, depth: usize) -> Result<Node<'a>, PolicyError> {
        self.space();
        let node = if self.negative_number() { self.number()? } else { self.primary(depth)? };
        self.members(node, depth)
    }

    fn members(&mut self, mut node: Node<'a>, depth: usize) -> Result<Node<'a>, PolicyError> {
        let mut count = 0_usize;
        loop {
            self.deeper(depth.saturating_add(count))?;
            count = count.saturating_add(1);
            let at = node.at;
            if self.skip(".") {
                self.space();
                let start = self.at;
                let name = self.name()?;
                if let "true" | "false" | "null" | "in" = name {
                    let message = format!("`.{name}` is not a member in CEL; write `[\"{name}\"]`");
                    return Err(error(self.source, start, name, message));
                }
                let kind = if self.skip("(") {
                    Kind::Call(Some(Box::new(node)), name, self.items(")", depth)?)
                } else {
                    Kind::Select(Box::new(node), name)
                };
                node = Node { at, kind };
            } else if self.skip("[") {
                let index = self.ternary(depth)?;
                self.sign("]")?;
                node = Node { at, kind: Kind::Index(Box::new(node), Box::new(index)) };
            } else {
                return Ok(node);
            }
        }
    }

    fn name(&mut self) -> Result<&'a str, PolicyError> {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or_default();
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.unexpected("a name"));
        }
        self.at = self.at.saturating_add(length);
        Ok(name)
    }

    fn items(&mut self, end: &str, depth: usize) -> Result<Vec<Node<'a>>, PolicyError> {
        let depth = self.deeper(depth)?;
        let mut items = Vec::new();
        loop {
            if self.skip(end) {
                return Ok(items);
            }
            items.push(self.ternary(depth)?);
            if !self.skip(",") {
                self.sign(end)?;
                return Ok(items);
            }
        }
    }

    fn primary(&mut self, depth: usize) -> Result<Node<'a>, PolicyError> {
        self.space();
        let at = self.at;
        let rest = self.rest();
        if self.skip("(") {
            let inner = self.ternary(depth)?;
            self.sign(")")?;
            return Ok(Node { at, ..inner });
        }
        if self.skip("[") {
            return Ok(Node { at, kind: Kind::List(self.items("]", depth)?) });
        }
        if rest.starts_with('{') {
            return Err(error(
                self.source,
                at,
                "{",
                String::from("map literals are not supported; compare with `||`, or list what is allowed"),
            ));
        }
        let raw = ["r\"", "r'", "R\"", "R'"].iter().any(|start| rest.starts_with(start));
        if raw || rest.starts_with(['"', '\'']) {
            return Ok(Node { at, kind: Kind::String(self.string(raw)?) });
        }
        if ["b\"", "b'", "B\"", "B'"].iter().any(|start| rest.starts_with(start)) {
            return Err(error(self.source, at, "b", String::from("bytes are not supported; use text")));
        }
        if rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return self.number();
        }
        let name = self.name()?;
        let kind = match name {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "null" => Kind::Null,
            "in" | "as" | "break" | "const" | "continue" | "else" | "for" | "function" | "if" | "import"
            | "let" | "loop" | "package" | "namespace" | "return" | "var" | "void" | "while" => {
                return Err(error(self.source, at, name, format!("{} is a reserved word", quote(name))));
            }
            _ if self.skip("(") => Kind::Call(None, name, self.items(")", depth)?),
            _ => Kind::Name(name),
        };
        Ok(Node { at, kind })
    }

    fn number(&mut self) -> Result<Node<'a>, PolicyError> {
        let at = self.at;
        let rest = self.rest();
        let (sign, digits) = rest.strip_prefix('-').map_or(("", rest), |digits| ("-", digits));
        let mut end = 0_usize;
        let mut previous = ' ';
        let hex = digits.starts_with("0x");
        for c in digits.chars() {
            let exponent = !hex && matches!(previous, 'e' | 'E') && matches!(c, '+' | '-');
            if !(c.is_ascii_alphanumeric() || c == '.' || exponent) {
                break;
            }
            end = end.saturating_add(1);
            previous = c;
        }
        let digits = digits.get(..end).unwrap_or_default();
        self.at = at.saturating_add(sign.len()).saturating_add(end);
        let wrong = || {
            let symbol = rest.get(..sign.len().saturating_add(end)).unwrap_or_default();
            error(self.source, at, symbol, format!("{} is not a number", quote(symbol)))
        };
        let (digits, unsigned) = match digits.strip_suffix(['u', 'U']) {
            Some(digits) => (digits, true),
            None => (digits, false),
        };
        if unsigned && !sign.is_empty() {
            return Err(wrong());
        }
        let double = !hex && digits.contains(['.', 'e', 'E']);
        let text = format!("{sign}{digits}");
        let kind = if double {
            let behind_point = digits.split_once('.').map(|(_, rest)| rest);
            let cut = behind_point.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
            let number: f64 = text.parse().map_err(|_| wrong())?;
            if unsigned || !number.is_finite() || cut {
                return Err(wrong());
            }
            Kind::Double(number)
        } else if let Some(hex) = digits.strip_prefix("0x") {
            if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(wrong());
            }
            if unsigned {
                Kind::Uint(u64::from_str_radix(hex, 16).map_err(|_| wrong())?)
            } else {
                Kind::Int(i64::from_str_radix(&format!("{sign}{hex}"), 16).map_err(|_| wrong())?)
            }
        } else if unsigned {
            Kind::Uint(digits.parse().map_err(|_| wrong())?)
        } else {
            Kind::Int(text.parse().map_err(|_| wrong())?)
        };
        Ok(Node { at, kind })
    }

    fn string(&mut self, raw: bool) -> Result<String, PolicyError> {
        let start = self.at;
        let mut rest = self.rest();
        if raw {
            rest = rest.get(1..).unwrap_or_default();
        }
        let quote =
            ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| rest.starts_with(quote)).unwrap_or("\"");
        let mut chars = rest.get(quote.len()..).unwrap_or_default();
        let mut out = String::new();
        let wrong = |message: &str| error(self.source, start, quote, String::from(message));
        loop {
            if let Some(after) = chars.strip_prefix(quote) {
                self.at = self.source.text.len().saturating_sub(after.len());
                return Ok(out);
            }
            let mut next = chars.chars();
            match next.next() {
                None => return Err(wrong("the text is never closed")),
                Some('\n' | '\r') if quote.len() == 1 => {
                    return Err(wrong("the text is not closed on its line; use three quotes for more lines"));
                }
                Some('\\') if !raw => {
                    let escaped = escape(&mut next)
                        .ok_or_else(|| wrong("the text has an escape that CEL does not have"))?;
                    out.push(escaped);
                }
                Some(c) => out.push(c),
            }
            chars = next.as_str();
        }
    }
}

fn escape(chars: &mut core::str::Chars<'_>) -> Option<char> {
    let hex = |chars: &mut core::str::Chars<'_>, count: usize| {
        let digits = chars.as_str().get(..count)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        *chars = chars.as_str().get(count..)?.chars();
        char::from_u32(u32::from_str_radix(digits, 16).ok()?)
    };
    Some(match chars.next()? {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        c @ ('\\' | '?' | '"' | '\'' | '`') => c,
        'x' | 'X' => hex(chars, 2)?,
        'u' => hex(chars, 4)?,
        'U' => hex(chars, 8)?,
        first @ '0'..='3' => {
            let rest = chars.as_str().get(..2)?;
            if !rest.bytes().all(|b| matches!(b, b'0'..=b'7')) {
                return None;
            }
            *chars = chars.as_str().get(2..)?.chars();
            let number = u32::from_str_radix(rest, 8).ok()?;
            char::from_u32(first.to_digit(8)?.checked_mul(64)?.checked_add(number)?)?
        }
        _ => return None,
    })
}
