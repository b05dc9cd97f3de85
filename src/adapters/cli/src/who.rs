//! Who is asking, for a person: the `who` member of a decision document.

use actfor::json::{Object, Value};

use crate::output::{Paint, safe};

/// One line: `user ana ← agent code-helper, session … (delegated, interactive)`.
pub fn line(who: &Value<'_>) -> String {
    let Some(who) = who.as_object() else { return "nobody".into() };
    let mut parts = Vec::new();
    if let Some(user) = part(who, "user", "sub") {
        parts.push(format!("user {user}"));
    }
    for hop in
        nested(who, "chain").and_then(|chain| chain.get("hops")).and_then(Value::as_array).unwrap_or_default()
    {
        let agent = hop.as_object().and_then(|hop| part(hop, "agent", "sub").or_else(|| text(hop, "sub")));
        parts.push(format!("agent {}", agent.unwrap_or("?")));
    }
    if let Some(agent) = part(who, "agent", "sub") {
        parts.push(format!("agent {agent}"));
    }
    if parts.is_empty() {
        return "nobody whose token holds".into();
    }
    let mut line = parts.join(" → ");
    if let Some(relationship) = nested(who, "relationship") {
        let words: Vec<&str> =
            ["kind", "mode", "task"].iter().filter_map(|name| text(relationship, name)).collect();
        line.push_str(&format!(" ({})", words.join(", ")));
    }
    safe(&line)
}

/// Each fact with its source.
pub fn facts(document: &Object<'_>, paint: Paint) -> String {
    let mut out = String::from("\nfacts\n");
    let Some(who) = document.get("who").and_then(Value::as_object) else { return String::new() };
    for (name, value) in who.iter() {
        let shown = match value {
            Value::Object(members) => {
                let facts: Vec<String> = members
                    .iter()
                    .filter(|(member, value)| *member != "source" && **value != Value::Null)
                    .map(|(member, value)| format!("{member}={}", plain(value)))
                    .collect();
                let source = text(members, "source")
                    .map_or(String::new(), |source| paint.dim(&format!("  from {source}")));
                format!("{}{source}", facts.join(" "))
            }
            other => plain(other),
        };
        out.push_str(&format!("  {} {shown}\n", paint.dim(&format!("{name:<13}"))));
    }
    out
}

/// A value as text.
pub fn plain(value: &Value<'_>) -> String {
    match value {
        Value::String(text) => safe(text),
        other => {
            let mut w = actfor::json::Writer::default();
            w.value(other);
            safe(&w.finish())
        }
    }
}

fn nested<'v>(object: &'v Object<'_>, name: &str) -> Option<&'v Object<'v>> {
    object.get(name)?.as_object()
}

fn text<'v>(object: &'v Object<'_>, name: &str) -> Option<&'v str> {
    object.get(name)?.as_str()
}

fn part<'v>(object: &'v Object<'_>, name: &str, member: &str) -> Option<&'v str> {
    object.get(name)?.as_object()?.get(member)?.as_str()
}
