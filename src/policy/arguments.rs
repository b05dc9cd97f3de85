//! The arguments of a request: what a `route` or `tool` line declares, read from path, query, body or the
//! arguments of a tool.
//!
//! All of it is asked: it may name the object and narrow what is allowed, and proves nothing. What is missing,
//! is there twice or is of another type refuses (`argument_invalid`), since the service behind might read it in
//! another way.

use alloc::{borrow::Cow, format, string::String, vec::Vec};

use crate::error::{Code, Refusal, quote};
use crate::expr::{self, Type};
use crate::json::{self, Object, Value};
use crate::names::{Part, Template, encode_onto};
use crate::policy::path::{Pattern, Target, decode};
use crate::policy::rules::{Argument, From, Rules};

/// An argument and its value, which is of the declared type.
#[derive(Debug, Clone)]
pub struct Bound<'a> {
    /// What rules call it.
    pub name: &'a str,
    /// Its value.
    pub value: Value<'a>,
}

/// Where arguments are read.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The pattern and the path that it matched; none for a tool.
    pub path: Option<(&'a Pattern, &'a Target<'a>)>,
    /// The JSON body.
    pub body: Option<&'a Value<'a>>,
    /// The arguments of the tool.
    pub arguments: Option<&'a Object<'a>>,
}

fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::new(Code::ArgumentInvalid, text)
}

/// Reads what is declared.
///
/// # Errors
/// `argument_invalid`
pub fn read<'a>(declared: &'a [Argument], sources: &Sources<'a>) -> Result<Vec<Bound<'a>>, Refusal> {
    declared
        .iter()
        .map(|argument| {
            let value = find(argument, sources)?;
            let written = matches!(argument.from, From::Path(_) | From::Query(_));
            let value = typed(value, argument.ty, written).ok_or_else(|| {
                invalid(format!("argument `{}` is not of type `{}`", argument.name, argument.ty.name()))
            })?;
            Ok(Bound { name: &argument.name, value })
        })
        .collect()
}

/// Takes arguments by their names. One that a route or tool of the action declares is of the type declared there.
///
/// # Errors
/// `argument_invalid`
pub fn named<'a>(
    rules: &Rules,
    (kind, action): (u16, u8),
    given: &'a Object<'a>,
) -> Result<Vec<Bound<'a>>, Refusal> {
    let routes = rules.routes.iter().map(|route| (route.kind, route.action, &route.arguments));
    let tools = rules.tools.iter().map(|tool| (tool.kind, tool.action, &tool.arguments));
    let lines = routes.chain(tools).filter(|line| (line.0, line.1) == (kind, action));
    let declared = lines.flat_map(|line| line.2);
    given
        .iter()
        .map(|(name, value)| {
            let mut types = declared.clone().filter(|argument| argument.name == name);
            let fits = types.all(|argument| typed(value.clone(), argument.ty, false).is_some());
            match fits {
                true => Ok(Bound { name, value: value.clone() }),
                false => Err(invalid(format!("argument {} is not of the declared type", quote(name)))),
            }
        })
        .collect()
}

fn find<'a>(argument: &'a Argument, sources: &Sources<'a>) -> Result<Value<'a>, Refusal> {
    let missing = || invalid(format!("argument `{}` is missing", argument.name));
    let target = || sources.path.map(|(_, target)| target);
    match &argument.from {
        From::Path(name) => {
            let value = sources.path.and_then(|(pattern, target)| pattern.value(name, target));
            value.map(Value::String).ok_or_else(missing)
        }
        From::Query(name) => {
            let query = target().and_then(Target::query).ok_or_else(missing)?;
            query_value(query, name)?.map(Value::String).ok_or_else(missing)
        }
        From::Body(path) => {
            let value = sources.body.and_then(|body| member(body.as_object()?, path));
            value.cloned().ok_or_else(missing)
        }
        From::Arguments(path) => {
            let value = sources.arguments.and_then(|object| member(object, path));
            value.cloned().ok_or_else(missing)
        }
    }
}

/// A member by its path: `a.b.c`.
fn member<'o>(object: &'o Object<'o>, path: &str) -> Option<&'o Value<'o>> {
    let mut names = path.split('.');
    let mut value = object.get(names.next()?)?;
    for name in names {
        value = value.as_object()?.get(name)?;
    }
    Some(value)
}

/// The one parameter of that name. What servers read in different ways refuses: a name that is there twice, a
/// `;` between parameters, and a `+` that is a space to some.
fn query_value<'q>(query: &'q str, name: &str) -> Result<Option<Cow<'q, str>>, Refusal> {
    let unclear =
        |what: &str| invalid(format!("the query has {what}, so `{name}` cannot be read for certain"));
    if query.contains(';') {
        return Err(unclear("a `;`"));
    }
    let mut found = None;
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = decode(key).ok_or_else(|| unclear("an escape that is not UTF-8"))?;
        // `a[]=1`, `a.b=1` and `A=1` are the same name to some servers.
        let same = key.split(['[', '.']).next().is_some_and(|key| key.eq_ignore_ascii_case(name));
        if !same {
            continue;
        }
        if key != name || found.is_some() || !pair.contains('=') {
            return Err(unclear(&format!("{} beside it, or no value", quote(&key))));
        }
        if value.contains('+') {
            return Err(unclear("a `+` (write `%20` or `%2B`)"));
        }
        let value = decode(value).ok_or_else(|| unclear("an escape that is not UTF-8"))?;
        if value.chars().any(char::is_control) {
            return Err(unclear("a control character"));
        }
        found = Some(value);
    }
    Ok(found)
}

/// A value as one of the declared type. In path and query (`written`) everything is text.
fn typed(value: Value<'_>, ty: Type, written: bool) -> Option<Value<'_>> {
    let fits = match (&value, ty) {
        (Value::String(text), Type::String) => !text.is_empty(),
        (Value::String(text), Type::Int) if written => is_whole(text),
        (Value::String(text), Type::Bool) if written => {
            return match text.as_ref() {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => None,
            };
        }
        (Value::Number(number), Type::Int) => is_whole(number.as_str()),
        (Value::Bool(_), Type::Bool) => true,
        (Value::String(_), Type::Timestamp) => expr::Value::from_json(&value, ty).is_some(),
        (Value::Array(items), Type::List(item)) => {
            items.iter().all(|item_value| typed(item_value.clone(), item.into(), false).is_some())
        }
        _ => false,
    };
    fits.then_some(value)
}

/// A whole number of 64 bits in its one way to be written, so that nobody reads another one.
fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = text == "0" || !digits.starts_with('0');
    canonical && digits.bytes().all(|b| b.is_ascii_digit()) && text.parse::<i64>().is_ok()
}

/// Appends the object that placeholders of the path and arguments name.
///
/// # Errors
/// `argument_invalid` where a value is missing or empty.
pub fn name_object(
    template: &Template,
    sources: &Sources<'_>,
    arguments: &[Bound<'_>],
    out: &mut String,
) -> Result<(), Refusal> {
    for part in &template.parts {
        let name = match part {
            Part::Literal(text) => {
                out.push_str(text);
                continue;
            }
            Part::Hole(name) => name,
        };
        let bound = arguments.iter().find(|argument| argument.name == name).map(|argument| &argument.value);
        match bound {
            Some(Value::String(text)) if !text.is_empty() => encode_onto(out, text),
            Some(Value::Number(number)) => encode_onto(out, number.as_str()),
            Some(Value::Bool(value)) => encode_onto(out, if *value { "true" } else { "false" }),
            Some(_) => return Err(invalid(format!("argument `{name}` cannot stand in an object's name"))),
            None => match sources.path.and_then(|(pattern, target)| pattern.value(name, target)) {
                Some(value) if !value.is_empty() => encode_onto(out, &value),
                _ => return Err(invalid(format!("the request has no `{name}`"))),
            },
        }
    }
    Ok(())
}

/// Reads a JSON body, strictly.
///
/// # Errors
/// `argument_invalid` where there is none, it is compressed, or it is not JSON or does not say so.
pub fn json_body<'a>(
    body: Option<&'a [u8]>,
    content_type: Option<&[u8]>,
    content_encoding: Option<&[u8]>,
) -> Result<Value<'a>, Refusal> {
    if content_encoding.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        return Err(invalid("the body is compressed (`content-encoding`), so its arguments cannot be read"));
    }
    let media = content_type.and_then(|value| core::str::from_utf8(value).ok()).unwrap_or_default();
    let mut parts = media.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    // RFC 8259 §8.1: JSON is UTF-8, and some services decode it as whatever stands here (UTF-7 hides names).
    let other = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let is_charset = name.get(..7).is_some_and(|name| name.eq_ignore_ascii_case("charset"));
        is_charset && !value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    };
    if parts.any(other) {
        return Err(invalid("the body's `charset` is not UTF-8"));
    }
    let is_json = media.eq_ignore_ascii_case("application/json")
        || (media.get(..12).is_some_and(|start| start.eq_ignore_ascii_case("application/"))
            && media
                .get(media.len().saturating_sub(5)..)
                .is_some_and(|end| end.eq_ignore_ascii_case("+json")));
    if !is_json {
        return Err(invalid("the body's `content-type` is not JSON"));
    }
    let body = body.ok_or_else(|| invalid("there is no body, and arguments stand in it"))?;
    json::parse(body, &json::Limits::BODY)
        .map_err(|error| invalid(format!("the body is not strict JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_one_form() {
        for text in ["0", "-1", "42", "9223372036854775807", "-9223372036854775808"] {
            assert!(is_whole(text), "{text}");
        }
        for text in ["", "-", "-0", "01", "+1", "1.0", "1e3", "9223372036854775808", " 1", "٣"] {
            assert!(!is_whole(text), "{text}");
        }
    }

    #[test]
    fn a_query_is_read_in_one_way_or_not_at_all() {
        assert_eq!(query_value("a=1&b=2", "b").unwrap().as_deref(), Some("2"));
        assert_eq!(query_value("b=x%20y", "b").unwrap().as_deref(), Some("x y"));
        assert_eq!(query_value("a=1", "b").unwrap(), None);
        for query in [
            "b=1&b=2",
            "b=1&%62=2",
            "b=1&B=2",
            "b[]=1",
            "b=1&b[]=2",
            "b",
            "b=1;a=2",
            "b=a+b",
            "b=%FF",
            "b=%00",
        ] {
            assert_eq!(query_value(query, "b").unwrap_err().code, Code::ArgumentInvalid, "{query}");
        }
    }
}
