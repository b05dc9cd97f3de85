//! Reads the modelling language (DSL, schema 1.1).
//!
//! Line breaks matter little: `type`, `relations`, `define` and `condition` start a line, everything else may
//! be broken as one likes. A comment starts with `#` at the start of a line or after a space.

use alloc::{boxed::Box, format, string::String, vec, vec::Vec};

use super::model::{Condition, Form, Model, Place, Relation, Restriction, Rewrite, TypeDefinition, validate};
use crate::error::{Code, PolicyError, quote};
use crate::expr::{Item, Type};

/// Words that join relations, and so name none.
pub(crate) const RESERVED: [&str; 7] = ["or", "and", "but", "not", "from", "with", "define"];

/// Whether a character may stand in a name.
pub(crate) fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/')
}

/// How deep parentheses may nest.
const DEPTH: usize = 32;

impl Model {
    /// Reads and validates a model in the modelling language, schema 1.1. `file` is for messages only.
    ///
    /// # Errors
    /// `model_invalid`, with line, column, the offending text and what to write instead.
    pub fn parse(file: &str, text: &str) -> Result<Self, PolicyError> {
        Parser::new(file, text, false).read()
    }

    /// Reads the model that a pack carries ([`Relations::source`](super::Relations::source)). It may be one that
    /// came from the JSON form, where `[...]` can stand anywhere, and more than once.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn from_pack(text: &str) -> Result<Self, PolicyError> {
        Parser::new("the model of the pack", text, true).read()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    End,
    Name,
    /// One of `: , # [ ] ( ) * < > { }`.
    Sign,
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    at: Place,
    first_on_line: bool,
    /// Whether a space or a line break stands before it.
    space_before: bool,
}

impl Token<'_> {
    const END: Self = Token {
        kind: Kind::End,
        text: "",
        at: Place { line: 1, column: 1 },
        first_on_line: true,
        space_before: true,
    };
}

struct Parser<'a> {
    file: &'a str,
    text: &'a str,
    /// Whether `[...]` may stand anywhere in a definition.
    direct_anywhere: bool,
    /// Bytes read so far.
    at: usize,
    line: u32,
    column: u32,
    /// The token that stands next.
    token: Token<'a>,
}

impl<'a> Parser<'a> {
    fn new(file: &'a str, text: &'a str, direct_anywhere: bool) -> Self {
        Self { file, text, direct_anywhere, at: 0, line: 1, column: 1, token: Token::END }
    }

    fn read(mut self) -> Result<Model, PolicyError> {
        self.next()?;
        let model = self.model()?;
        validate(self.file, model)
    }

    fn error(&self, token: Token<'_>, message: impl Into<String>) -> PolicyError {
        token.at.error(Code::ModelInvalid, self.file, token.text, message)
    }

    fn expected(&self, what: &str) -> PolicyError {
        let found = if self.token.kind == Kind::End {
            String::from("the end of the text")
        } else {
            quote(self.token.text)
        };
        self.error(self.token, format!("expected {what}, found {found}"))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn advance(&mut self, c: char) {
        self.at = self.at.saturating_add(c.len_utf8());
        if c == '\n' {
            self.line = self.line.saturating_add(1);
            self.column = 1;
        } else {
            self.column = self.column.saturating_add(1);
        }
    }

    /// Reads on to the next token and gives the one that stood there.
    fn next(&mut self) -> Result<Token<'a>, PolicyError> {
        let (mut space, mut first) = (self.at == 0, self.at == 0);
        while let Some(c) = self.rest().chars().next() {
            if c == '#' && space {
                while let Some(c) = self.rest().chars().next().filter(|c| *c != '\n') {
                    self.advance(c);
                }
            } else if c.is_whitespace() {
                space = true;
                first |= c == '\n';
                self.advance(c);
            } else {
                break;
            }
        }
        let place = Place { line: self.line, column: self.column };
        let rest = self.rest();
        let length = rest.find(|c: char| !in_name(c)).unwrap_or(rest.len());
        let (kind, length) = match rest.chars().next() {
            None => (Kind::End, 0),
            Some(_) if length > 0 => (Kind::Name, length),
            Some(c) if ":,#[]()*<>{}".contains(c) => (Kind::Sign, 1),
            Some(c) => {
                let text = rest.get(..c.len_utf8()).unwrap_or_default();
                let token =
                    Token { kind: Kind::Sign, text, at: place, first_on_line: first, space_before: space };
                return Err(self.error(token, format!("{} cannot stand here", quote(text))));
            }
        };
        let text = rest.get(..length).unwrap_or_default();
        text.chars().for_each(|c| self.advance(c));
        let token = Token { kind, text, at: place, first_on_line: first, space_before: space };
        Ok(core::mem::replace(&mut self.token, token))
    }

    fn is(&self, text: &str) -> bool {
        self.token.kind != Kind::End && self.token.text == text
    }

    fn skip(&mut self, text: &str) -> Result<bool, PolicyError> {
        let found = self.is(text);
        if found {
            self.next()?;
        }
        Ok(found)
    }

    fn sign(&mut self, text: &str, why: &str) -> Result<(), PolicyError> {
        if self.skip(text)? { Ok(()) } else { Err(self.expected(&format!("`{text}` {why}"))) }
    }

    fn name(&mut self, what: &str) -> Result<Token<'a>, PolicyError> {
        if self.token.kind == Kind::Name { self.next() } else { Err(self.expected(what)) }
    }

    fn starts_line(&self) -> Result<(), PolicyError> {
        if self.token.first_on_line {
            return Ok(());
        }
        Err(self.error(self.token, format!("{} starts a new line", quote(self.token.text))))
    }

    fn model(&mut self) -> Result<Model, PolicyError> {
        if !self.is("model") {
            let hint = if self.is("module") {
                "; modules (schema 1.2) are not supported, join them into one model"
            } else {
                ""
            };
            return Err(self.expected(&format!("`model` on the first line{hint}")));
        }
        self.next()?;
        if !self.skip("schema")? {
            return Err(self.expected("`schema 1.1`"));
        }
        let version = self.name("the version `1.1`")?;
        if version.text != "1.1" {
            return Err(self.error(
                version,
                format!("schema {} is not supported; write `schema 1.1`", quote(version.text)),
            ));
        }
        let mut model = Model { types: Vec::new(), conditions: Vec::new() };
        while self.token.kind != Kind::End {
            self.starts_line()?;
            if self.is("type") {
                if !model.conditions.is_empty() {
                    return Err(self.error(self.token, "types stand before conditions; move this type up"));
                }
                model.types.push(self.type_definition()?);
            } else if self.is("condition") {
                model.conditions.push(self.condition()?);
            } else {
                return Err(self.expected("`type` or `condition`"));
            }
        }
        Ok(model)
    }

    fn type_definition(&mut self) -> Result<TypeDefinition, PolicyError> {
        self.next()?;
        let name = self.name("the name of a type")?;
        let mut ty = TypeDefinition { name: name.text.into(), relations: Vec::new(), at: name.at };
        if self.is("relations") {
            self.starts_line()?;
            let token = self.next()?;
            while self.is("define") {
                self.starts_line()?;
                ty.relations.push(self.relation()?);
            }
            if ty.relations.is_empty() {
                return Err(self.error(token, "`relations` needs at least one `define`; remove it otherwise"));
            }
        }
        Ok(ty)
    }

    fn relation(&mut self) -> Result<Relation, PolicyError> {
        self.next()?;
        let name = self.name("the name of a relation")?;
        self.sign(":", "after the name of the relation")?;
        let mut direct = Vec::new();
        let rewrite = self.rewrite(&mut direct, true, 0)?;
        Ok(Relation { name: name.text.into(), rewrite, direct, at: name.at })
    }

    /// One definition: an operand, or several joined by one kind of operator.
    fn rewrite(
        &mut self,
        direct: &mut Vec<Restriction>,
        first: bool,
        depth: usize,
    ) -> Result<Rewrite, PolicyError> {
        if depth > DEPTH {
            return Err(self.error(
                self.token,
                format!("parentheses nest more than {DEPTH} deep; name a part with `define`"),
            ));
        }
        let operand = self.operand(direct, first, depth)?;
        let operator = self.token;
        let rewrite = match operator.text {
            _ if operator.kind != Kind::Name || operator.first_on_line && operator.text == "define" => {
                operand
            }
            "or" | "and" => {
                let mut items = vec![operand];
                while self.skip(operator.text)? {
                    items.push(self.operand(direct, false, depth)?);
                }
                if operator.text == "or" { Rewrite::Union(items) } else { Rewrite::Intersection(items) }
            }
            "but" => {
                self.next()?;
                if !self.skip("not")? {
                    return Err(self.expected("`not` after `but`"));
                }
                let subtract = self.operand(direct, false, depth)?;
                Rewrite::Difference(Box::new(operand), Box::new(subtract))
            }
            _ => operand,
        };
        if matches!(self.token.text, "or" | "and" | "but") && self.token.kind == Kind::Name {
            return Err(self.error(
                self.token,
                format!(
                    "{} cannot follow {} without parentheses; write `(a {} b) {} c`",
                    quote(self.token.text),
                    quote(operator.text),
                    if operator.text == "but" { "but not" } else { operator.text },
                    if self.is("but") { "but not" } else { self.token.text }
                ),
            ));
        }
        Ok(rewrite)
    }

    fn operand(
        &mut self,
        direct: &mut Vec<Restriction>,
        first: bool,
        depth: usize,
    ) -> Result<Rewrite, PolicyError> {
        if self.is("[") {
            if !first && !self.direct_anywhere {
                return Err(self.error(
                    self.token,
                    "`[...]` comes first in a definition, and once; write `[user] or writer`",
                ));
            }
            let mut found = Vec::new();
            self.restrictions(&mut found)?;
            if direct.is_empty() {
                *direct = found;
            } else if *direct != found {
                return Err(self.error(self.token, "each `[...]` of a definition names the same types"));
            }
            return Ok(Rewrite::Direct);
        }
        if self.skip("(")? {
            let inner = self.rewrite(direct, first, depth.saturating_add(1))?;
            self.sign(")", "to close the parenthesis")?;
            return Ok(inner);
        }
        let relation = self.name("a relation, `[...]` or `(`")?;
        let starts_another = relation.first_on_line && matches!(relation.text, "type" | "condition");
        if starts_another || RESERVED.contains(&relation.text) {
            let message = format!("expected a relation, `[...]` or `(`, found {}", quote(relation.text));
            return Err(self.error(relation, message));
        }
        if self.skip("from")? {
            let tupleset = self.name("a relation after `from`")?;
            return Ok(Rewrite::From {
                relation: relation.text.into(),
                tupleset: tupleset.text.into(),
                at: relation.at,
            });
        }
        Ok(Rewrite::Computed { relation: relation.text.into(), at: relation.at })
    }

    fn restrictions(&mut self, direct: &mut Vec<Restriction>) -> Result<(), PolicyError> {
        self.next()?;
        loop {
            let ty = self.name("a type, such as `user`, `user:*` or `group#member`")?;
            let mut form = Form::Plain;
            if self.is(":") {
                self.next()?;
                self.sign("*", "(any object of the type)")?;
                form = Form::Wildcard;
            } else if self.is("#") && !self.token.space_before {
                self.next()?;
                form = Form::Userset(self.name("a relation after `#`")?.text.into());
            }
            let mut condition = None;
            if self.skip("with")? {
                condition = Some(self.name("the name of a condition")?.text.into());
            }
            direct.push(Restriction { ty: ty.text.into(), form, condition, at: ty.at });
            if self.skip("]")? {
                return Ok(());
            }
            self.sign(",", "or `]`")?;
        }
    }

    fn condition(&mut self) -> Result<Condition, PolicyError> {
        self.next()?;
        let name = self.name("the name of a condition")?;
        self.sign("(", "before the parameters")?;
        let mut parameters: Vec<(String, Type)> = Vec::new();
        loop {
            let parameter = self.name("the name of a parameter")?;
            if parameters.iter().any(|(known, _)| known == parameter.text) {
                return Err(
                    self.error(parameter, format!("parameter {} is there twice", quote(parameter.text)))
                );
            }
            self.sign(":", "before the type of the parameter")?;
            parameters.push((parameter.text.into(), self.parameter_type()?));
            if self.skip(")")? {
                break;
            }
            self.sign(",", "or `)`")?;
        }
        if !self.is("{") {
            return Err(self.expected("`{` before the expression"));
        }
        // The expression is not made of this language's tokens: `at` stands behind the `{`.
        let body_at = Place { line: self.line, column: self.column };
        let expression = self.body()?;
        self.next()?;
        Ok(Condition { name: name.text.into(), parameters, expression, at: name.at, body_at })
    }

    /// The text up to the `}` that closes the expression; comments become spaces.
    fn body(&mut self) -> Result<String, PolicyError> {
        let open = self.token;
        let (mut text, mut depth, mut last) = (String::new(), 0_usize, ' ');
        let mut quoted: Option<char> = None;
        while let Some(c) = self.rest().chars().next() {
            match (quoted, c) {
                (Some(_), '\\') => {
                    self.advance(c);
                    text.push(c);
                    let Some(escaped) = self.rest().chars().next() else { break };
                    self.advance(escaped);
                    text.push(escaped);
                    continue;
                }
                (Some(end), _) if end == c => quoted = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quoted = Some(c),
                (None, '#') if last.is_whitespace() => {
                    while let Some(c) = self.rest().chars().next().filter(|c| *c != '\n') {
                        self.advance(c);
                    }
                    continue;
                }
                (None, '{') => depth = depth.saturating_add(1),
                (None, '}') if depth == 0 => {
                    self.advance(c);
                    return Ok(text);
                }
                (None, '}') => depth = depth.saturating_sub(1),
                (None, _) => {}
            }
            self.advance(c);
            text.push(c);
            last = c;
        }
        Err(self.error(open, "the `{` of the condition is never closed"))
    }

    fn parameter_type(&mut self) -> Result<Type, PolicyError> {
        let name = self.name("a type, such as `string`, `int` or `list<string>`")?;
        let generic = match name.text {
            "list" => Type::List,
            "map" => Type::Map,
            _ => return self.plain_type(name).map(Type::from),
        };
        self.sign("<", "and a type, as in `list<string>`")?;
        let inner = self.name("a type, such as `string`")?;
        if matches!(inner.text, "list" | "map") {
            return Err(self.error(inner, "a list or map holds plain values; write `list<string>`"));
        }
        let inner = self.plain_type(inner)?;
        self.sign(">", "to close the type")?;
        Ok(generic(inner))
    }

    fn plain_type(&self, name: Token<'_>) -> Result<Item, PolicyError> {
        Ok(match name.text {
            "any" => Item::Any,
            "bool" => Item::Bool,
            "duration" => Item::Duration,
            "double" => Item::Double,
            "int" => Item::Int,
            "ipaddress" => Item::IpAddress,
            "string" => Item::String,
            "timestamp" => Item::Timestamp,
            "uint" => Item::Uint,
            _ => return Err(self.error(name, format!("there is no type {}; use `any`, `bool`, `double`, `duration`, `int`, `ipaddress`, `list<...>`, `map<...>`, `string`, `timestamp` or `uint`", quote(name.text)))),
        })
    }
}
