//! From the text of an expression to its code: types are checked, names resolved, and the cost bounded.
//!
//! The code is a tree of nodes of four words; a child stands behind its parent, and constants lie behind all.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use super::net::Range;
use super::parse::{Kind, Node, Parser, error};
use super::time::{Instant, parse_duration};
use super::value::{Item, Type, Value, pack};
use crate::error::{Code, PolicyError, quote};

/// The text of an expression, and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The file, for messages.
    pub file: &'a str,
    /// The expression.
    pub text: &'a str,
    /// The line of its first character, counted from 1.
    pub line: u32,
    /// The column of its first character, counted from 1.
    pub column: u32,
    /// The code of its errors: `model_invalid` or `rules_invalid`.
    pub code: Code,
}

/// How many steps an evaluation may take at most.
const COST: u32 = 200_000;
/// How many items a macro goes through at most; a longer list is unknown.
pub(crate) const ITEMS: u32 = 256;
/// How deep macros may nest.
pub(crate) const LOCALS: usize = 4;
/// How deep the tree may be.
pub(crate) const DEPTH: u32 = 96;

pub(crate) const CONSTANT: u32 = 0;
pub(crate) const VARIABLE: u32 = 1;
pub(crate) const LOCAL: u32 = 2;
pub(crate) const SELECT: u32 = 3;
pub(crate) const HAS: u32 = 4;
pub(crate) const HAS_VARIABLE: u32 = 5;
pub(crate) const INDEX: u32 = 6;
pub(crate) const OR: u32 = 7;
pub(crate) const AND: u32 = 8;
pub(crate) const NOT: u32 = 9;
pub(crate) const NEGATE: u32 = 10;
pub(crate) const EQUAL: u32 = 11;
pub(crate) const UNEQUAL: u32 = 12;
pub(crate) const LESS: u32 = 13;
pub(crate) const AT_MOST: u32 = 14;
pub(crate) const MORE: u32 = 15;
pub(crate) const AT_LEAST: u32 = 16;
pub(crate) const IN: u32 = 17;
pub(crate) const IN_LIST: u32 = 18;
pub(crate) const ADD: u32 = 19;
pub(crate) const SUBTRACT: u32 = 20;
pub(crate) const MULTIPLY: u32 = 21;
pub(crate) const DIVIDE: u32 = 22;
pub(crate) const REMAINDER: u32 = 23;
pub(crate) const TERNARY: u32 = 24;
pub(crate) const CALL: u32 = 25;
pub(crate) const EXISTS: u32 = 26;
pub(crate) const ALL: u32 = 27;
pub(crate) const EXISTS_ONE: u32 = 28;

macro_rules! functions {
    ($( $constant:ident = $number:literal, $name:literal, $receiver:expr, $argument:expr, $result:expr; )*) => {
        $( pub(crate) const $constant: u32 = $number; )*
        /// Name, type of the receiver, type of the one argument, result, number.
        pub(crate) const FUNCTIONS: &[(&str, Option<Type>, Option<Type>, Type, u32)] =
            &[$( ($name, $receiver, $argument, $result, $number), )*];
    };
}

functions! {
    STARTS_WITH = 0, "startsWith", Some(Type::String), Some(Type::String), Type::Bool;
    ENDS_WITH = 1, "endsWith", Some(Type::String), Some(Type::String), Type::Bool;
    CONTAINS = 2, "contains", Some(Type::String), Some(Type::String), Type::Bool;
    TO_TIMESTAMP = 3, "timestamp", None, Some(Type::String), Type::Timestamp;
    TO_DURATION = 4, "duration", None, Some(Type::String), Type::Duration;
    TO_IP_ADDRESS = 5, "ipaddress", None, Some(Type::String), Type::IpAddress;
    TO_INT = 6, "int", None, Some(Type::Any), Type::Int;
    TO_UINT = 7, "uint", None, Some(Type::Any), Type::Uint;
    TO_DOUBLE = 8, "double", None, Some(Type::Any), Type::Double;
    IN_CIDR = 9, "in_cidr", Some(Type::IpAddress), Some(Type::String), Type::Bool;
    FULL_YEAR = 10, "getFullYear", Some(Type::Timestamp), None, Type::Int;
    MONTH = 11, "getMonth", Some(Type::Timestamp), None, Type::Int;
    DATE = 12, "getDate", Some(Type::Timestamp), None, Type::Int;
    DAY_OF_MONTH = 13, "getDayOfMonth", Some(Type::Timestamp), None, Type::Int;
    DAY_OF_WEEK = 14, "getDayOfWeek", Some(Type::Timestamp), None, Type::Int;
    DAY_OF_YEAR = 15, "getDayOfYear", Some(Type::Timestamp), None, Type::Int;
    HOURS = 16, "getHours", Some(Type::Timestamp), None, Type::Int;
    MINUTES = 17, "getMinutes", Some(Type::Timestamp), None, Type::Int;
    SECONDS = 18, "getSeconds", Some(Type::Timestamp), None, Type::Int;
    MILLISECONDS = 19, "getMilliseconds", Some(Type::Timestamp), None, Type::Int;
    SIZE = 20, "size", None, Some(Type::Any), Type::Int;
}

/// Compiles an expression that answers yes or no. The variables are known by their index in `variables`; a
/// name may be a path, such as `request.time`.
///
/// # Errors
/// With the source's code, line and column: what is wrong, or not supported, and what to write instead.
pub fn compile(source: &Source<'_>, variables: &[(&str, Type)]) -> Result<Vec<u8>, PolicyError> {
    let tree = Parser::parse(source)?;
    let mut compiler = Compiler {
        source,
        variables,
        nodes: Vec::new(),
        list: Vec::new(),
        data: Vec::new(),
        constants: BTreeMap::new(),
        locals: Vec::new(),
    };
    let (ty, cost) = compiler.node(&tree)?;
    if !matches!(ty, Type::Bool | Type::Any) {
        return Err(compiler.error(
            &tree,
            format!(
                "the expression is of type `{}`; a condition is true or false, as in `x == 1`",
                ty.name()
            ),
        ));
    }
    if cost > COST {
        return Err(compiler.error(
            &tree,
            format!("the expression may take {cost} steps, more than {COST}; nest fewer macros"),
        ));
    }
    Ok(compiler.finish())
}

struct Compiler<'s> {
    source: &'s Source<'s>,
    variables: &'s [(&'s str, Type)],
    nodes: Vec<[u32; 4]>,
    list: Vec<u32>,
    data: Vec<u8>,
    constants: BTreeMap<Vec<u8>, u32>,
    /// The variables of macros, innermost last.
    locals: Vec<(String, Type)>,
}

type Typed = Result<(Type, u32), PolicyError>;

impl Compiler<'_> {
    fn error(&self, node: &Node<'_>, message: String) -> PolicyError {
        let rest = self.source.text.get(node.at..).unwrap_or_default();
        let length = rest
            .find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.'))
            .filter(|n| *n > 0)
            .unwrap_or(1);
        error(self.source, node.at, rest.get(..length).unwrap_or_default(), message)
    }

    fn finish(self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut word = |word: u32| out.extend_from_slice(&word.to_le_bytes());
        word(small(self.nodes.len()));
        self.nodes.iter().flatten().for_each(|w| word(*w));
        word(small(self.list.len()));
        self.list.iter().for_each(|w| word(*w));
        out.extend_from_slice(&self.data);
        out
    }

    fn constant(&mut self, value: &Value<'_>) -> u32 {
        let mut bytes = Vec::new();
        let _ = pack(&mut bytes, value);
        if let Some(at) = self.constants.get(&bytes) {
            return *at;
        }
        let at = small(self.data.len());
        self.data.extend_from_slice(&bytes);
        self.constants.insert(bytes, at);
        at
    }

    fn reserve(&mut self) -> usize {
        self.nodes.push([0; 4]);
        self.nodes.len().saturating_sub(1)
    }

    fn set(&mut self, index: usize, words: [u32; 4]) {
        if let Some(slot) = self.nodes.get_mut(index) {
            *slot = words;
        }
    }

    /// The next node's index: where a child will stand.
    fn next(&self) -> u32 {
        small(self.nodes.len())
    }

    /// Writes a node and what is below it; its type, and what it costs at most.
    fn node(&mut self, node: &Node<'_>) -> Typed {
        if self.nodes.len() > 2_000 {
            return Err(self.error(node, String::from("the expression has more than 2000 parts")));
        }
        let constant = |this: &mut Self, value: Value<'_>| {
            let at = this.constant(&value);
            this.nodes.push([CONSTANT, at, 0, 0]);
            Ok((value.ty(), 1))
        };
        match &node.kind {
            Kind::Null => constant(self, Value::Null),
            Kind::Bool(value) => constant(self, Value::Bool(*value)),
            Kind::Int(value) => constant(self, Value::Int(*value)),
            Kind::Uint(value) => constant(self, Value::Uint(*value)),
            Kind::Double(value) => constant(self, Value::Double(*value)),
            Kind::String(value) => constant(self, Value::String(value)),
            Kind::List(items) => self.list_literal(node, items),
            Kind::Name(name) => self.name(node, name),
            Kind::Select(inner, name) => self.select(node, inner, name),
            Kind::Index(list, index) => self.index(list, index),
            Kind::Call(None, name, arguments) => self.function(node, name, arguments),
            Kind::Call(Some(receiver), name, arguments) => self.method(node, receiver, name, arguments),
            Kind::Unary(operator, inner) => self.unary(operator, inner),
            Kind::Logic(operator, items) => self.logic(operator, items),
            Kind::Binary("in", item, list) => self.is_in(item, list),
            Kind::Binary(operator, left, right) => self.binary(node, operator, left, right),
            Kind::Ternary(condition, yes, no) => self.ternary(no, condition, yes),
        }
    }

    fn name(&mut self, node: &Node<'_>, name: &str) -> Typed {
        if let Some(index) = self.locals.iter().rposition(|(local, _)| local == name) {
            let ty = self.locals.get(index).map_or(Type::Any, |local| local.1);
            self.nodes.push([LOCAL, small(index), 0, 0]);
            return Ok((ty, 1));
        }
        self.variable(name).ok_or_else(|| self.unknown(node, name))
    }

    fn variable(&mut self, name: &str) -> Option<(Type, u32)> {
        let index = self.variables.iter().position(|(known, _)| *known == name)?;
        let ty = self.variables.get(index)?.1;
        self.nodes.push([VARIABLE, small(index), type_word(ty), 0]);
        Some((ty, 1))
    }

    fn unknown(&self, node: &Node<'_>, name: &str) -> PolicyError {
        let names: Vec<_> = self.variables.iter().map(|(name, _)| format!("`{name}`")).collect();
        let there = if names.is_empty() {
            String::from("there is none")
        } else {
            format!("there is {}", names.join(", "))
        };
        self.error(node, format!("there is no variable {}; {there}", quote(name)))
    }

    /// `a.b.c` as text, where it is made of names alone and does not start with a macro's variable.
    fn path(&self, node: &Node<'_>) -> Option<String> {
        match &node.kind {
            Kind::Name(name) if !self.locals.iter().any(|(local, _)| local == name) => {
                Some(String::from(*name))
            }
            Kind::Select(inner, name) => self.path(inner).map(|path| format!("{path}.{name}")),
            _ => None,
        }
    }

    fn select(&mut self, node: &Node<'_>, inner: &Node<'_>, name: &str) -> Typed {
        if let Some(path) = self.path(node) {
            if let Some(found) = self.variable(&path) {
                return Ok(found);
            }
            let root = path.split('.').next().unwrap_or_default();
            let prefix = format!("{root}.");
            let declared =
                |(known, _): &(&str, Type)| *known == root || path.starts_with(&format!("{known}."));
            if !self.variables.iter().any(declared)
                && self.variables.iter().any(|(known, _)| known.starts_with(&prefix))
            {
                return Err(self.unknown(node, &path));
            }
        }
        let index = self.reserve();
        let child = self.next();
        let (ty, cost) = self.node(inner)?;
        let ty = match ty {
            Type::Any => Type::Any,
            Type::Map(item) => item.into(),
            other => {
                return Err(self.error(node, format!("a `{}` has no member {}", other.name(), quote(name))));
            }
        };
        let name = self.constant(&Value::String(name));
        self.set(index, [SELECT, child, name, 0]);
        Ok((ty, cost.saturating_add(1)))
    }

    fn has(&mut self, node: &Node<'_>, arguments: &[Node<'_>]) -> Typed {
        let [argument] = arguments else {
            return Err(self.error(node, String::from("`has` takes one member, as in `has(a.b)`")));
        };
        let Kind::Select(inner, name) = &argument.kind else {
            return Err(self.error(node, String::from("`has` takes a member, as in `has(a.b)`")));
        };
        let declared =
            self.path(argument).and_then(|path| self.variables.iter().position(|(known, _)| *known == path));
        if let Some(variable) = declared {
            self.nodes.push([HAS_VARIABLE, small(variable), 0, 0]);
            return Ok((Type::Bool, 1));
        }
        let index = self.reserve();
        let child = self.next();
        let (ty, cost) = self.node(inner)?;
        if !matches!(ty, Type::Any | Type::Map(_)) {
            return Err(self.error(node, format!("a `{}` has no members", ty.name())));
        }
        let name = self.constant(&Value::String(name));
        self.set(index, [HAS, child, name, 0]);
        Ok((Type::Bool, cost.saturating_add(1)))
    }

    fn index(&mut self, list: &Node<'_>, key: &Node<'_>) -> Typed {
        let index = self.reserve();
        let first = self.next();
        let (ty, cost) = self.node(list)?;
        let second = self.next();
        let (key_type, more) = self.node(key)?;
        let ty = match (ty, key_type) {
            (Type::Any, Type::Any | Type::Int | Type::String) => Type::Any,
            (Type::List(item), Type::Int | Type::Any) | (Type::Map(item), Type::String | Type::Any) => {
                item.into()
            }
            (ty, key_type) => {
                return Err(self
                    .error(list, format!("a `{}` cannot be indexed by a `{}`", ty.name(), key_type.name())));
            }
        };
        self.set(index, [INDEX, first, second, 0]);
        Ok((ty, cost.saturating_add(more).saturating_add(1)))
    }

    /// A list of literals of one type.
    fn list_literal(&mut self, node: &Node<'_>, items: &[Node<'_>]) -> Typed {
        let mut body = Vec::new();
        let mut ty: Option<Type> = None;
        for item in items {
            let (value, text);
            value = match &item.kind {
                Kind::Bool(value) => Value::Bool(*value),
                Kind::Int(value) => Value::Int(*value),
                Kind::Uint(value) => Value::Uint(*value),
                Kind::Double(value) => Value::Double(*value),
                Kind::String(value) => Value::String(value),
                Kind::Call(None, name @ ("timestamp" | "duration" | "ipaddress"), arguments) => {
                    match arguments.as_slice() {
                        [Node { kind: Kind::String(argument), .. }] => {
                            text = argument;
                            self.literal_call(item, name, text)?
                        }
                        _ => return Err(self.error(item, format!("`{name}` in a list takes a text"))),
                    }
                }
                _ => {
                    return Err(self.error(
                        item,
                        String::from("a list holds literals; only `x in [a, b]` takes other values"),
                    ));
                }
            };
            if ty.is_some_and(|ty| ty != value.ty()) {
                return Err(self.error(item, String::from("the items of a list are of one type")));
            }
            ty = Some(value.ty());
            let _ = pack(&mut body, &value);
        }
        let _ = node;
        let mut bytes = alloc::vec![11_u8];
        bytes.extend_from_slice(&small(items.len()).to_le_bytes());
        bytes.extend_from_slice(&small(body.len()).to_le_bytes());
        bytes.extend_from_slice(&body);
        let at = small(self.data.len());
        self.data.extend_from_slice(&bytes);
        self.nodes.push([CONSTANT, at, 0, 0]);
        Ok((Type::List(ty.and_then(Type::item).unwrap_or(Item::Any)), 1))
    }

    fn literal_call<'v>(&self, node: &Node<'_>, name: &str, text: &'v str) -> Result<Value<'v>, PolicyError> {
        let value = match name {
            "timestamp" => Instant::parse(text).map(Value::Timestamp),
            "duration" => parse_duration(text).map(Value::Duration),
            _ => text.parse().ok().map(Value::IpAddress),
        };
        value.ok_or_else(|| {
            let example = match name {
                "timestamp" => "2026-01-31T12:00:00Z",
                "duration" => "1h30m",
                _ => "192.0.2.1",
            };
            self.error(node, format!("{} is not a {name}; write `{name}(\"{example}\")`", quote(text)))
        })
    }

    fn function(&mut self, node: &Node<'_>, name: &str, arguments: &[Node<'_>]) -> Typed {
        if name == "has" {
            return self.has(node, arguments);
        }
        let Some(function) = FUNCTIONS.iter().find(|f| f.0 == name && f.1.is_none()) else {
            return Err(self.unsupported(node, name));
        };
        let [argument] = arguments else {
            return Err(self.error(node, format!("`{name}` takes one argument")));
        };
        if let ("timestamp" | "duration" | "ipaddress", Kind::String(text)) = (name, &argument.kind) {
            let value = self.literal_call(node, name, text)?;
            let at = self.constant(&value);
            self.nodes.push([CONSTANT, at, 0, 0]);
            return Ok((value.ty(), 1));
        }
        self.call(node, function, &[argument])
    }

    fn method(&mut self, node: &Node<'_>, receiver: &Node<'_>, name: &str, arguments: &[Node<'_>]) -> Typed {
        match name {
            "exists" | "all" | "exists_one" => return self.comprehension(node, receiver, name, arguments),
            "size" if arguments.is_empty() => {
                return self.function(node, name, core::slice::from_ref(receiver));
            }
            _ => {}
        }
        let Some(function) = FUNCTIONS.iter().find(|f| f.0 == name && f.1.is_some()) else {
            return Err(self.unsupported(node, name));
        };
        match (function.2, arguments) {
            (None, []) => self.call(node, function, &[receiver]),
            (Some(_), [argument]) => {
                if let ("in_cidr", Kind::String(text)) = (name, &argument.kind)
                    && Range::parse(text).is_none()
                {
                    return Err(
                        self.error(argument, format!("{} is not a range; write `192.0.2.0/24`", quote(text)))
                    );
                }
                self.call(node, function, &[receiver, argument])
            }
            (None, _) => Err(self.error(
                node,
                format!(
                    "`{name}` takes no argument here: times are in UTC, other time zones are not supported"
                ),
            )),
            (Some(_), _) => Err(self.error(node, format!("`{name}` takes one argument"))),
        }
    }

    fn unsupported(&self, node: &Node<'_>, name: &str) -> PolicyError {
        let instead = match name {
            "matches" => "; use `startsWith`, `endsWith` or `contains`",
            "map" | "filter" => "; use `exists` or `all`",
            "lowerAscii" | "upperAscii" | "replace" | "split" | "join" | "substring" | "trim" | "string" => {
                "; nothing builds new text here"
            }
            _ => "",
        };
        self.error(node, format!("the function {} is not supported{instead}", quote(name)))
    }

    fn call(
        &mut self,
        node: &Node<'_>,
        function: &(&str, Option<Type>, Option<Type>, Type, u32),
        arguments: &[&Node<'_>],
    ) -> Typed {
        let (name, receiver, argument, result, number) = *function;
        let index = self.reserve();
        let mut children = Vec::new();
        let mut sum = 2_u32;
        for (item, wanted) in arguments.iter().zip(receiver.into_iter().chain(argument)) {
            children.push(self.next());
            let (ty, cost) = self.node(item)?;
            sum = sum.saturating_add(cost);
            let fits = match name {
                "size" => matches!(ty, Type::Any | Type::String | Type::List(_) | Type::Map(_)),
                "int" | "uint" | "double" => {
                    matches!(ty, Type::Any | Type::Int | Type::Uint | Type::Double | Type::String)
                        || ty == Type::Timestamp && name == "int"
                }
                "timestamp" => matches!(ty, Type::Any | Type::Int | Type::String | Type::Timestamp),
                "duration" => matches!(ty, Type::Any | Type::Duration | Type::String),
                // These three are there for durations too. CEL's implementations differ in the milliseconds of one.
                "getHours" | "getMinutes" | "getSeconds" => {
                    matches!(ty, Type::Any | Type::Timestamp | Type::Duration)
                }
                _ => ty == wanted || ty == Type::Any,
            };
            if !fits {
                return Err(self.error(node, format!("`{name}` does not take a `{}`", ty.name())));
            }
        }
        let first = small(self.list.len());
        self.list.extend(&children);
        self.set(index, [CALL, number, first, small(children.len())]);
        Ok((result, sum))
    }

    fn comprehension(
        &mut self,
        node: &Node<'_>,
        range: &Node<'_>,
        name: &str,
        arguments: &[Node<'_>],
    ) -> Typed {
        let [Node { kind: Kind::Name(local), .. }, body] = arguments else {
            return Err(self.error(
                node,
                format!("`{name}` takes a name and a condition, as in `list.{name}(x, x > 1)`"),
            ));
        };
        if self.locals.len() >= LOCALS {
            return Err(self.error(node, format!("macros nest more than {LOCALS} deep")));
        }
        let index = self.reserve();
        let range_at = self.next();
        let (ty, cost) = self.node(range)?;
        let item = match ty {
            Type::Any => Type::Any,
            Type::List(item) => item.into(),
            // A map is gone through by its keys.
            Type::Map(_) => Type::String,
            other => {
                return Err(
                    self.error(node, format!("`{name}` goes through a list, not a `{}`", other.name()))
                );
            }
        };
        let slot = small(self.locals.len());
        self.locals.push((String::from(*local), item));
        let body_at = self.next();
        let result = self.node(body);
        self.locals.pop();
        let (ty, each) = result?;
        self.boolean(body, ty)?;
        let op = match name {
            "exists" => EXISTS,
            "all" => ALL,
            _ => EXISTS_ONE,
        };
        self.set(index, [op, range_at, body_at, slot]);
        Ok((Type::Bool, cost.saturating_add(each.saturating_mul(ITEMS)).saturating_add(1)))
    }

    fn boolean(&self, node: &Node<'_>, ty: Type) -> Result<(), PolicyError> {
        if matches!(ty, Type::Bool | Type::Any) {
            return Ok(());
        }
        Err(self.error(
            node,
            format!("expected true or false here, found a `{}`; compare it, as in `x == 1`", ty.name()),
        ))
    }

    fn unary(&mut self, operator: &str, inner: &Node<'_>) -> Typed {
        let index = self.reserve();
        let child = self.next();
        let (ty, cost) = self.node(inner)?;
        let (op, ty) = if operator == "!" {
            self.boolean(inner, ty)?;
            (NOT, Type::Bool)
        } else {
            if !matches!(ty, Type::Any | Type::Int | Type::Double) {
                return Err(self.error(inner, format!("a `{}` cannot be negated", ty.name())));
            }
            (NEGATE, ty)
        };
        self.set(index, [op, child, 0, 0]);
        Ok((ty, cost.saturating_add(1)))
    }

    fn logic(&mut self, operator: &str, items: &[Node<'_>]) -> Typed {
        let index = self.reserve();
        let mut children = Vec::new();
        let mut sum = 1_u32;
        for item in items {
            children.push(self.next());
            let (ty, cost) = self.node(item)?;
            self.boolean(item, ty)?;
            sum = sum.saturating_add(cost);
        }
        let first = small(self.list.len());
        self.list.extend(&children);
        self.set(index, [if operator == "||" { OR } else { AND }, first, small(children.len()), 0]);
        Ok((Type::Bool, sum))
    }

    fn is_in(&mut self, item: &Node<'_>, list: &Node<'_>) -> Typed {
        let index = self.reserve();
        let first = self.next();
        let (ty, cost) = self.node(item)?;
        let check = |this: &Self, at: &Node<'_>, other: Type| {
            if compatible(ty, other) {
                return Ok(());
            }
            Err(this.error(at, format!("a `{}` is never among `{}`", ty.name(), other.name())))
        };
        if let Kind::List(items) = &list.kind {
            let literal = |item: &Node<'_>| {
                matches!(
                    item.kind,
                    Kind::Bool(_) | Kind::Int(_) | Kind::Uint(_) | Kind::Double(_) | Kind::String(_)
                )
            };
            if !items.iter().all(literal) {
                let mut children = Vec::new();
                let mut sum = cost.saturating_add(1);
                for item in items {
                    children.push(self.next());
                    let (other, more) = self.node(item)?;
                    check(self, item, other)?;
                    sum = sum.saturating_add(more);
                }
                let start = small(self.list.len());
                self.list.extend(&children);
                self.set(index, [IN_LIST, first, start, small(children.len())]);
                return Ok((Type::Bool, sum));
            }
        }
        let second = self.next();
        let (list_type, more) = self.node(list)?;
        match list_type {
            Type::Any => {}
            Type::List(item) => check(self, list, item.into())?,
            Type::Map(_) => check(self, list, Type::String)?,
            other => {
                return Err(self.error(list, format!("`in` needs a list or a map, not a `{}`", other.name())));
            }
        }
        self.set(index, [IN, first, second, 0]);
        Ok((Type::Bool, cost.saturating_add(more).saturating_add(64)))
    }

    fn binary(&mut self, node: &Node<'_>, operator: &str, left: &Node<'_>, right: &Node<'_>) -> Typed {
        let index = self.reserve();
        let first = self.next();
        let (a, cost) = self.node(left)?;
        let second = self.next();
        let (b, more) = self.node(right)?;
        let (op, ty) = match operator {
            "==" | "!=" => {
                if !compatible(a, b) {
                    return Err(self.mismatch(node, operator, a, b));
                }
                (if operator == "==" { EQUAL } else { UNEQUAL }, Type::Bool)
            }
            "<" | "<=" | ">" | ">=" => {
                let ordered =
                    |ty: Type| !matches!(ty, Type::List(_) | Type::Map(_) | Type::Null | Type::IpAddress);
                if !compatible(a, b) || !ordered(a) || !ordered(b) {
                    return Err(self.mismatch(node, operator, a, b));
                }
                let op = match operator {
                    "<" => LESS,
                    "<=" => AT_MOST,
                    ">" => MORE,
                    _ => AT_LEAST,
                };
                (op, Type::Bool)
            }
            _ => {
                let Some(ty) = arithmetic(operator, a, b) else {
                    return Err(self.mismatch(node, operator, a, b));
                };
                let op = match operator {
                    "+" => ADD,
                    "-" => SUBTRACT,
                    "*" => MULTIPLY,
                    "/" => DIVIDE,
                    _ => REMAINDER,
                };
                (op, ty)
            }
        };
        self.set(index, [op, first, second, 0]);
        Ok((ty, cost.saturating_add(more).saturating_add(1)))
    }

    fn mismatch(&self, node: &Node<'_>, operator: &str, a: Type, b: Type) -> PolicyError {
        let number = |ty: Type| matches!(ty, Type::Int | Type::Uint | Type::Double);
        let hint = match (a, b) {
            (Type::String, Type::String) | (Type::List(_), Type::List(_)) => {
                "; texts and lists are not joined here"
            }
            (Type::String, Type::Timestamp) | (Type::Timestamp, Type::String) => {
                "; write `timestamp(\"2026-01-31T12:00:00Z\")`"
            }
            (Type::String, Type::Duration) | (Type::Duration, Type::String) => "; write `duration(\"1h\")`",
            (Type::String, Type::IpAddress) | (Type::IpAddress, Type::String) => {
                "; write `ipaddress(\"192.0.2.1\")`"
            }
            (a, b) if number(a) && number(b) => {
                "; convert one of them with `int(...)`, `uint(...)` or `double(...)`"
            }
            _ => "",
        };
        self.error(node, format!("`{operator}` does not take a `{}` and a `{}`{hint}", a.name(), b.name()))
    }

    fn ternary(&mut self, no: &Node<'_>, condition: &Node<'_>, yes: &Node<'_>) -> Typed {
        let index = self.reserve();
        let first = self.next();
        let (ty, cost) = self.node(condition)?;
        self.boolean(condition, ty)?;
        let second = self.next();
        let (a, yes_cost) = self.node(yes)?;
        let third = self.next();
        let (b, no_cost) = self.node(no)?;
        if !compatible(a, b) {
            return Err(self.error(
                no,
                format!("both ways of `?:` are of one type, not `{}` and `{}`", a.name(), b.name()),
            ));
        }
        self.set(index, [TERNARY, first, second, third]);
        Ok((
            if a == b { a } else { Type::Any },
            cost.saturating_add(yes_cost).saturating_add(no_cost).saturating_add(1),
        ))
    }
}

fn compatible(a: Type, b: Type) -> bool {
    match (a, b) {
        (Type::Any, _) | (_, Type::Any) => true,
        (Type::List(a), Type::List(b)) | (Type::Map(a), Type::Map(b)) => {
            a == b || a == Item::Any || b == Item::Any
        }
        (a, b) => a == b,
    }
}

fn arithmetic(operator: &str, a: Type, b: Type) -> Option<Type> {
    match (operator, a, b) {
        ("+" | "-" | "*" | "/" | "%", Type::Int, Type::Int) => Some(Type::Int),
        ("+" | "-" | "*" | "/" | "%", Type::Uint, Type::Uint) => Some(Type::Uint),
        ("+" | "-" | "*" | "/", Type::Double, Type::Double) => Some(Type::Double),
        ("+" | "-", Type::Timestamp, Type::Duration) | ("+", Type::Duration, Type::Timestamp) => {
            Some(Type::Timestamp)
        }
        ("-", Type::Timestamp, Type::Timestamp) | ("+" | "-", Type::Duration, Type::Duration) => {
            Some(Type::Duration)
        }
        (_, Type::Any, Type::Any) => Some(Type::Any),
        // What it could be, next to this: one type, or it is settled when it is evaluated.
        (_, Type::Any, other) => settled(|ty| arithmetic(operator, ty, other)),
        (_, other, Type::Any) => settled(|ty| arithmetic(operator, other, ty)),
        _ => None,
    }
}

fn settled(result: impl Fn(Type) -> Option<Type>) -> Option<Type> {
    let mut results =
        [Type::Int, Type::Uint, Type::Double, Type::Timestamp, Type::Duration].into_iter().filter_map(result);
    let first = results.next()?;
    Some(if results.all(|other| other == first) { first } else { Type::Any })
}

/// A declared type as a word of the code; what a list holds is not needed there.
pub(crate) fn type_word(ty: Type) -> u32 {
    match ty {
        Type::Any => 0,
        Type::Bool => 1,
        Type::Double => 2,
        Type::Duration => 3,
        Type::Int => 4,
        Type::IpAddress => 5,
        Type::List(_) => 6,
        Type::Map(_) => 7,
        Type::Null => 8,
        Type::String => 9,
        Type::Timestamp => 10,
        Type::Uint => 11,
    }
}

/// A declared type as two words: itself, and what it holds.
pub(crate) fn type_words(ty: Type) -> [u32; 2] {
    match ty {
        Type::List(item) | Type::Map(item) => [type_word(ty), type_word(item.into())],
        _ => [type_word(ty), 0],
    }
}

/// The type that two words stand for.
pub(crate) fn words_type([ty, item]: [u32; 2]) -> Option<Type> {
    let item = || word_type(item).and_then(Type::item);
    match word_type(ty)? {
        Type::List(_) => item().map(Type::List),
        Type::Map(_) => item().map(Type::Map),
        ty => Some(ty),
    }
}

pub(crate) fn word_type(word: u32) -> Option<Type> {
    Some(match word {
        0 => Type::Any,
        1 => Type::Bool,
        2 => Type::Double,
        3 => Type::Duration,
        4 => Type::Int,
        5 => Type::IpAddress,
        6 => Type::List(Item::Any),
        7 => Type::Map(Item::Any),
        8 => Type::Null,
        9 => Type::String,
        10 => Type::Timestamp,
        11 => Type::Uint,
        _ => return None,
    })
}

fn small(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
