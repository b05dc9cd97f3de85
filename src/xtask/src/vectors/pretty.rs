//! JSON with an indent, so that a difference between two versions of a file can be read.

use actfor::json::{self, Limits, Value, Writer};
use anyhow::Result;

/// The same JSON text, one member or item a line.
pub fn text(json: &str) -> Result<String> {
    let value = json::parse(json.as_bytes(), &Limits::CONFIG)?;
    let mut out = String::new();
    write(&mut out, &value, 0);
    out.push('\n');
    Ok(out)
}

fn write(out: &mut String, value: &Value<'_>, depth: usize) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            let lines = items.iter().map(|item| (String::new(), item));
            nested(out, ('[', ']'), lines, depth);
        }
        Value::Object(members) if !members.is_empty() => {
            let lines = members
                .iter()
                .map(|(name, value)| (format!("{}: ", plain(&Value::String(name.into()))), value));
            nested(out, ('{', '}'), lines, depth);
        }
        other => out.push_str(&plain(other)),
    }
}

fn nested<'v>(
    out: &mut String,
    (open, close): (char, char),
    lines: impl Iterator<Item = (String, &'v Value<'v>)>,
    depth: usize,
) {
    out.push(open);
    let inner = depth.saturating_add(1);
    let mut first = true;
    for (name, value) in lines {
        if !first {
            out.push(',');
        }
        first = false;
        out.push('\n');
        out.push_str(&"  ".repeat(inner));
        out.push_str(&name);
        write(out, value, inner);
    }
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
    out.push(close);
}

fn plain(value: &Value<'_>) -> String {
    let mut w = Writer::default();
    w.value(value);
    w.finish()
}
