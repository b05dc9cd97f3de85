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

/// The chain, from the user down to the agent that acts now, each with where it was read.
pub fn drawn(who: &Object<'_>, paint: Paint) -> String {
    let mut out = String::new();
    let word = |object: &Object<'_>, name: &str| text(object, name).map(safe);
    let source = |object: &Object<'_>| match (word(object, "source"), word(object, "derived")) {
        (Some(source), Some(rule)) => paint.dim(&format!("  {source}, {rule}")),
        (Some(source), None) => paint.dim(&format!("  {source}")),
        (None, _) => String::new(),
    };
    let mut put = |mark: &str, line: String| out.push_str(&format!("  {mark} {line}\n"));
    let empty = Object::default();
    let user = nested(who, "user").unwrap_or(&empty);
    match word(user, "sub") {
        Some(sub) => {
            let role = word(user, "role").unwrap_or_default();
            put("●", format!("user {} ({role}){}", paint.bold(&sub), source(user)));
        }
        None if user.get("absent").is_some() => put("○", format!("no user{}", source(user))),
        None => put(
            "?",
            format!("the user is unknown ({}){}", word(user, "unknown").unwrap_or_default(), source(user)),
        ),
    }
    let relationship = nested(who, "relationship").unwrap_or(&empty);
    let words: Vec<String> =
        ["kind", "mode", "task"].iter().filter_map(|name| word(relationship, name)).collect();
    let kind = if words.is_empty() { "no kind of relationship".to_owned() } else { words.join(", ") };
    put("│", format!("{kind}{}", source(relationship)));
    if let Some(until) = relationship.get("present_until").and_then(Value::as_u64) {
        put("│", format!("present until {until}"));
    }
    let hops = nested(who, "chain").and_then(|chain| chain.get("hops")).and_then(Value::as_array);
    for hop in hops.unwrap_or_default().iter().filter_map(Value::as_object) {
        let record = match word(hop, "record") {
            Some(record) => paint.green(&format!("record: {record}")),
            None => paint.red("no record"),
        };
        put("▼", format!("agent {}, {record}{}", word(hop, "sub").unwrap_or("?".into()), source(hop)));
        if let Some(id) = word(hop, "instance") {
            put("│", format!("  instance {id}"));
        }
    }
    let agent = nested(who, "agent").unwrap_or(&empty);
    match word(agent, "sub") {
        Some(sub) => put("▼", format!("agent {}{}", paint.bold(&sub), source(agent))),
        None if agent.get("absent").is_some() => put("○", format!("no agent{}", source(agent))),
        None => put("?", format!("the agent is unknown ({})", word(agent, "unknown").unwrap_or_default())),
    }
    let instance = nested(who, "instance").unwrap_or(&empty);
    if let Some(id) = word(instance, "id") {
        let kind = word(instance, "kind").unwrap_or_default();
        put(" ", format!("  {kind} {id}{}", source(instance)));
        if let Some(parent) = nested(instance, "parent").and_then(|parent| word(parent, "id")) {
            put(" ", format!("  engaged by {parent}"));
        }
    }
    if let Some(trust) = nested(who, "chain").and_then(|chain| word(chain, "trust")) {
        put(" ", paint.dim(&format!("chain: {trust}")));
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
