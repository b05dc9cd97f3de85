//! Whether a token covers an action on an object.
//!
//! Each carrier of authority in the token (`scope`, `roles`, `authorization_details`) that speaks about the type must
//! cover action and object; where none speaks, nothing is covered. A carrier speaks about a type when one of
//! its entries matches the name of a line for that type, well filled or not. One entry that covers is enough
//! within a carrier; a carrier that cannot be read is unknown.

use alloc::string::String;

use crate::json::{Object, Value};
use crate::names::Part;
use crate::policy::ast::Carrier;
use crate::policy::rules::{Coverage, Rules, includes};
use crate::truth::Truth;

/// What must be covered.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The type.
    pub kind: u16,
    /// The action's place.
    pub action: u8,
    /// The action's name.
    pub name: &'a str,
    /// The object; `None` where it is not known yet which one.
    pub object: Option<&'a str>,
    /// What this service is called: `locations` must hold one of these (RFC 9396 §2.2).
    pub audiences: &'a [String],
}

/// Whether the claims cover it, and the first line that does.
pub fn covers<'r>(
    rules: &'r Rules,
    claims: &Object<'_>,
    wanted: Wanted<'_>,
    buffer: &mut String,
) -> (Truth, Option<&'r Coverage>) {
    let mut truth = None;
    let mut by = None;
    for carrier in [Carrier::Scope, Carrier::Role, Carrier::Detail] {
        let mut verdict = CarrierVerdict::default();
        match carrier {
            Carrier::Scope => scopes(rules, claims, wanted, buffer, &mut verdict),
            Carrier::Role => roles(rules, claims, wanted, buffer, &mut verdict),
            Carrier::Detail => details(rules, claims, wanted, buffer, &mut verdict),
        }
        let said = match verdict {
            CarrierVerdict { unreadable: true, .. } => Truth::Unknown,
            CarrierVerdict { covers: Some(line), .. } => {
                by = by.or(Some(line));
                Truth::True
            }
            CarrierVerdict { may_cover: true, .. } => Truth::Unknown,
            CarrierVerdict { speaks: true, .. } => Truth::False,
            CarrierVerdict { .. } => continue,
        };
        truth = Some(truth.map_or(said, |before: Truth| before.and(said)));
    }
    match truth {
        Some(Truth::True) => (Truth::True, by),
        other => (other.unwrap_or(Truth::False), None),
    }
}

/// What one carrier says.
#[derive(Default)]
struct CarrierVerdict<'r> {
    unreadable: bool,
    speaks: bool,
    /// An entry covers an object, and it is not known whether that one is asked for.
    may_cover: bool,
    covers: Option<&'r Coverage>,
}

impl<'r> CarrierVerdict<'r> {
    /// Takes what one entry says of one line.
    fn add(&mut self, line: &'r Coverage, covers: Truth) {
        match covers {
            Truth::True => self.covers = Some(line),
            Truth::Unknown => self.may_cover = true,
            Truth::False => {}
        }
    }
}

fn lines(rules: &Rules, carrier: Carrier, kind: u16) -> impl Iterator<Item = &Coverage> {
    rules.coverage.iter().filter(move |line| line.carrier == carrier && line.kind == kind)
}

/// `scope`: names with spaces between them (RFC 6749 §3.3, RFC 9068 §2.2.3).
fn scopes<'r>(
    rules: &'r Rules,
    claims: &Object<'_>,
    wanted: Wanted<'_>,
    buffer: &mut String,
    out: &mut CarrierVerdict<'r>,
) {
    let scope = match claims.get("scope") {
        None => return,
        Some(Value::String(scope)) => scope,
        Some(_) => {
            out.unreadable = true;
            return;
        }
    };
    for name in scope.split(' ').filter(|name| !name.is_empty()) {
        named(rules, Carrier::Scope, name, wanted, buffer, out);
    }
}

/// `roles`: an array of names (RFC 9068 §2.2.3.1).
fn roles<'r>(
    rules: &'r Rules,
    claims: &Object<'_>,
    wanted: Wanted<'_>,
    buffer: &mut String,
    out: &mut CarrierVerdict<'r>,
) {
    let roles = match claims.get("roles") {
        None => return,
        Some(Value::Array(roles)) => roles,
        Some(_) => {
            out.unreadable = true;
            return;
        }
    };
    for role in roles {
        match role.as_str() {
            Some(name) => named(rules, Carrier::Role, name, wanted, buffer, out),
            None => out.unreadable = true,
        }
    }
}

/// One scope or role, against the lines for the type.
fn named<'r>(
    rules: &'r Rules,
    carrier: Carrier,
    name: &str,
    wanted: Wanted<'_>,
    buffer: &mut String,
    out: &mut CarrierVerdict<'r>,
) {
    for line in lines(rules, carrier, wanted.kind) {
        let mut bound = [("", ""); 8];
        let mut count = 0_usize;
        let matches = line.name.matches(name, |hole, value| {
            // The name of the hole lives as long as the line; only its place is kept.
            if let Some(slot) = bound.get_mut(count) {
                *slot = (hole_of(line, hole), value);
            }
            count = count.saturating_add(1);
        });
        if !matches {
            continue;
        }
        out.speaks = true;
        if out.covers.is_some() || !line.actions.is_some_and(|bits| includes(bits, wanted.action)) {
            continue;
        }
        let value = |path: &str| {
            let found = bound.iter().take(count).find(|(hole, _)| *hole == path);
            found.map(|(_, value)| *value)
        };
        out.add(line, is_object(line, wanted, buffer, value));
    }
}

/// Whether the object that a line's placeholders give is the wanted one; a line without an object covers each.
fn is_object<'v>(
    line: &Coverage,
    wanted: Wanted<'_>,
    buffer: &mut String,
    value: impl Fn(&str) -> Option<&'v str>,
) -> Truth {
    let Some(object) = &line.object else { return Truth::True };
    buffer.clear();
    if !object.render(buffer, |path| value(path).filter(|value| *value != "*")) {
        return Truth::False;
    }
    wanted.object.map_or(Truth::Unknown, |asked| Truth::from(buffer.as_str() == asked))
}

/// The hole's name as the line holds it.
fn hole_of<'r>(line: &'r Coverage, hole: &str) -> &'r str {
    line.name.holes().find(|known| *known == hole).unwrap_or_default()
}

/// `authorization_details` (RFC 9396 §2).
fn details<'r>(
    rules: &'r Rules,
    claims: &Object<'_>,
    wanted: Wanted<'_>,
    buffer: &mut String,
    out: &mut CarrierVerdict<'r>,
) {
    let entries = match claims.get("authorization_details") {
        None => return,
        Some(Value::Array(entries)) => entries,
        Some(_) => {
            out.unreadable = true;
            return;
        }
    };
    for entry in entries {
        let kind = entry.as_object().and_then(|object| object.get("type")).and_then(Value::as_str);
        let (Some(entry), Some(kind)) = (entry.as_object(), kind) else {
            out.unreadable = true;
            return;
        };
        for line in lines(rules, Carrier::Detail, wanted.kind).filter(|line| is_called(line, kind)) {
            out.speaks = true;
            if out.covers.is_none() {
                out.add(line, detail_covers(line, entry, wanted, buffer));
            }
        }
    }
}

/// A detail's type is compared character by character.
fn is_called(line: &Coverage, kind: &str) -> bool {
    matches!(line.name.parts.as_slice(), [Part::Literal(name)] if name == kind)
}

fn detail_covers(line: &Coverage, entry: &Object<'_>, wanted: Wanted<'_>, buffer: &mut String) -> Truth {
    // A member that nobody reads could narrow what was granted, so it covers nothing.
    let read = |name: &str| {
        matches!(name, "type" | "locations")
            || (line.actions.is_none() && name == "actions")
            || line.object.as_ref().is_some_and(|object| object.holes().any(|hole| hole == name))
            || line.ignoring.iter().any(|ignored| ignored == name)
    };
    if !entry.iter().all(|(name, _)| read(name)) {
        return Truth::False;
    }
    if let Some(locations) = entry.get("locations") {
        let ours =
            |location: &Value<'_>| location.as_str().is_some_and(|l| wanted.audiences.iter().any(|a| a == l));
        if !locations.as_array().is_some_and(|list| list.iter().any(ours)) {
            return Truth::False;
        }
    }
    let action = match line.actions {
        Some(bits) => includes(bits, wanted.action),
        None => {
            let named = |value: &Value<'_>| value.as_str() == Some(wanted.name);
            entry.get("actions").and_then(Value::as_array).is_some_and(|list| list.iter().any(named))
        }
    };
    if !action {
        return Truth::False;
    }
    is_object(line, wanted, buffer, |path| entry.get(path).and_then(Value::as_str))
}
