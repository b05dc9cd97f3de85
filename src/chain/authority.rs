//! What a delegation token hands on: scopes and constraints, and whether a child has no more than its parent
//! (draft-asor-wimse-agent-delegation-chain, the authority detail and the subsumption relation).
//!
//! Whatever is not known to be narrower is not: a constraint of an unknown type only equals itself, and of numbers
//! only whole ones are compared.

use alloc::vec::Vec;

use super::delegation::Draft;
use crate::json::{Object, Value};

/// What one token hands on.
pub(super) struct Authority<'a> {
    scopes: Vec<&'a str>,
    constraints: Vec<Constraint<'a>>,
}

/// A bound on one key. One object has one.
struct Constraint<'a> {
    key: &'a str,
    bound: Bound<'a>,
}

enum Bound<'a> {
    /// At most, and at least, for what the member of this name counts.
    Max(&'static str, Whole),
    Min(Whole),
    /// One of these values; none of these values.
    OneOf(&'a [Value<'a>]),
    NotOneOf(&'a [Value<'a>]),
    Prefix(&'a str),
    /// A place in an order, from the least to the most.
    Rank(usize, Vec<&'a str>),
    /// Of a type that is not known here: the object as it stands.
    Other(&'a Object<'a>),
}

/// A whole number; `None` for another, which is not compared.
struct Whole(Option<u64>);

/// What the first text of the draft ranks, and does not write down in tokens.
const EGRESS: [&str; 3] = ["none", "internal", "any"];

impl<'a> Authority<'a> {
    /// Reads the one `agent_delegation` detail of a token; `None` where it is not well formed.
    pub(super) fn read(claims: &'a Object<'a>, draft: Draft) -> Option<Self> {
        let [Value::Object(detail)] = claims.get("authorization_details")?.as_array()? else { return None };
        let known = ["type", "scopes", "constraints"];
        if detail.get("type")?.as_str()? != "agent_delegation"
            || detail.iter().any(|(name, _)| !known.contains(&name))
        {
            return None;
        }
        let scopes = detail.get("scopes").map_or(Some(&[][..]), Value::as_array)?;
        let scopes = scopes.iter().map(|scope| scope.as_str().filter(|text| Form::of(text, draft).is_some()));
        let constraints = detail.get("constraints").map_or(Some(&[][..]), Value::as_array)?;
        let constraints: Vec<_> = constraints
            .iter()
            .map(|value| Constraint::read(value.as_object()?, draft))
            .collect::<Option<_>>()?;
        let twice = constraints.iter().enumerate().any(|(at, one)| {
            constraints
                .iter()
                .take(at)
                .any(|other| one.key == other.key && one.bound.kind() == other.bound.kind())
        });
        if twice {
            return None;
        }
        Some(Self { scopes: scopes.collect::<Option<_>>()?, constraints })
    }

    /// Whether it gives nothing that `parent` does not.
    pub(super) fn within(&self, parent: &Self, draft: Draft) -> bool {
        let covered = |scope: &&str| parent.scopes.iter().any(|held| covers(held, scope, draft));
        let bounded = |bound: &Constraint<'_>| {
            self.constraints.iter().any(|own| own.key == bound.key && own.bound.within(&bound.bound))
        };
        self.scopes.iter().all(covered) && parent.constraints.iter().all(bounded)
    }

    /// The keys that are bounded.
    pub(super) fn into_keys(self) -> impl Iterator<Item = &'a str> {
        self.constraints.into_iter().map(|constraint| constraint.key)
    }
}

impl<'a> Constraint<'a> {
    fn read(object: &'a Object<'a>, draft: Draft) -> Option<Self> {
        let key = object.get("key")?.as_str().filter(|key| !key.is_empty())?;
        let first = draft == Draft::First;
        // The first text tells some types by a member `type` of their own.
        let own = |name: &str| name != "key" && !(first && name == "type");
        let mut typed = object.iter().filter(|(name, _)| own(name) && *name != "order");
        let (Some((name, value)), None) = (typed.next(), typed.next()) else { return None };
        let order = object.get("order");
        if order.is_some() && (name != "rank" || first) {
            return None;
        }
        let bound = match name {
            "max" => Bound::Max("max", Whole::read(value)?),
            "max_lifetime" if !first => Bound::Max("max_lifetime", Whole::read(value)?),
            "max_subtree" if !first => Bound::Max("max_subtree", Whole::read(value)?),
            "min" if !first => Bound::Min(Whole::read(value)?),
            "one_of" => Bound::OneOf(value.as_array()?),
            "not_one_of" => Bound::NotOneOf(value.as_array()?),
            "prefix" => Bound::Prefix(value.as_str()?),
            "rank" if first && key == "egress" => Bound::rank(value.as_str()?, EGRESS.to_vec())?,
            "rank" if !first => {
                let order = order?.as_array()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
                Bound::rank(value.as_str()?, order)?
            }
            _ => Bound::Other(object),
        };
        Some(Self { key, bound })
    }
}

impl<'a> Bound<'a> {
    fn rank(rank: &str, order: Vec<&'a str>) -> Option<Self> {
        let distinct =
            order.iter().enumerate().all(|(at, name)| !order.iter().take(at).any(|other| other == name));
        let place = order.iter().position(|name| *name == rank)?;
        (distinct && order.len() > 1).then_some(Self::Rank(place, order))
    }

    /// What is there once for a key.
    fn kind(&self) -> &str {
        match self {
            Self::Max(name, _) => name,
            Self::Min(_) => "min",
            Self::OneOf(_) => "one_of",
            Self::NotOneOf(_) => "not_one_of",
            Self::Prefix(_) => "prefix",
            Self::Rank(..) => "rank",
            Self::Other(object) => {
                object.iter().map(|(name, _)| name).find(|name| *name != "key").unwrap_or("key")
            }
        }
    }

    /// Whether it allows nothing that `parent` does not.
    fn within(&self, parent: &Self) -> bool {
        match (self, parent) {
            (Self::Max(name, own), Self::Max(other, most)) => {
                name == other && own.0.is_some_and(|own| most.0.is_some_and(|most| own <= most))
            }
            (Self::Min(own), Self::Min(least)) => {
                own.0.is_some_and(|own| least.0.is_some_and(|least| own >= least))
            }
            (Self::OneOf(own), Self::OneOf(all)) => own.iter().all(|value| all.contains(value)),
            (Self::NotOneOf(own), Self::NotOneOf(least)) => least.iter().all(|value| own.contains(value)),
            (Self::Prefix(own), Self::Prefix(shorter)) => own.starts_with(shorter),
            (Self::Rank(own, order), Self::Rank(most, same)) => order == same && own <= most,
            (Self::Other(own), Self::Other(same)) => own == same,
            _ => false,
        }
    }
}

impl Whole {
    /// A number; `None` for anything else.
    fn read(value: &Value<'_>) -> Option<Self> {
        matches!(value, Value::Number(_)).then(|| Self(value.as_u64()))
    }
}

/// The forms of a scope, told by its characters alone.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Literal,
    Opaque,
    Wildcard,
}

impl Form {
    /// `None` for what is no scope. The first text has no opaque ones.
    fn of(scope: &str, draft: Draft) -> Option<Self> {
        let segment = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_lowercase())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
        };
        let (path, wild) = match scope.strip_suffix(".*") {
            Some(path) => (path, true),
            None => (scope, false),
        };
        let plain = path.split('.').all(segment);
        // RFC 6749 §3.3, without `*`.
        let token = |b: u8| matches!(b, 0x21 | 0x23..=0x29 | 0x2b..=0x5b | 0x5d..=0x7e);
        match draft {
            _ if plain && wild => Some(Self::Wildcard),
            _ if plain && path.contains('.') => Some(Self::Literal),
            Draft::First => None,
            Draft::Second => (!scope.is_empty() && scope.bytes().all(token)).then_some(Self::Opaque),
        }
    }
}

/// Whether a scope that is held gives one that is asked for.
fn covers(held: &str, asked: &str, draft: Draft) -> bool {
    match (Form::of(held, draft), Form::of(asked, draft)) {
        (Some(Form::Wildcard), Some(Form::Literal | Form::Wildcard)) => {
            // With its dot: `crm.*` does not give `crmx.read`.
            held.strip_suffix('*').is_some_and(|prefix| asked.starts_with(prefix))
        }
        (Some(_), Some(_)) => held == asked,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;
    use alloc::format;

    /// Whether a detail with the constraint `own` is within one with `parent`; `None` where one is not well formed.
    fn within(own: &str, parent: &str) -> Option<bool> {
        let text = |constraint: &str| {
            format!(
                r#"{{"authorization_details":[{{"type":"agent_delegation","scopes":["crm.read"],"constraints":[{constraint}]}}]}}"#
            )
        };
        let (own, parent) = (text(own), text(parent));
        let [own, parent] =
            [&own, &parent].map(|text| json::parse(text.as_bytes(), &json::Limits::TOKEN).unwrap());
        let read =
            |value: &json::Value<'_>| Authority::read(value.as_object().unwrap(), Draft::Second).is_some();
        if !read(&own) || !read(&parent) {
            return None;
        }
        let own = Authority::read(own.as_object().unwrap(), Draft::Second)?;
        let parent = Authority::read(parent.as_object().unwrap(), Draft::Second)?;
        Some(own.within(&parent, Draft::Second))
    }

    #[test]
    fn a_bound_only_narrows() {
        let order = r#""order":["none","internal","any"]"#;
        let rank = |rank: &str| format!(r#"{{"key":"e","rank":"{rank}",{order}}}"#);
        for (own, parent, expected) in [
            (r#"{"key":"n","max":5}"#, r#"{"key":"n","max":5}"#, true),
            (r#"{"key":"n","max":4}"#, r#"{"key":"n","max":5}"#, true),
            (r#"{"key":"n","max":6}"#, r#"{"key":"n","max":5}"#, false),
            (r#"{"key":"m","max":5}"#, r#"{"key":"n","max":5}"#, false),
            (r#"{"key":"n","max":5}"#, r#"{"key":"n","max_lifetime":5}"#, false),
            (r#"{"key":"n","max":5.5}"#, r#"{"key":"n","max":9}"#, false),
            (r#"{"key":"n","min":5}"#, r#"{"key":"n","min":5}"#, true),
            (r#"{"key":"n","min":6}"#, r#"{"key":"n","min":5}"#, true),
            (r#"{"key":"n","min":4}"#, r#"{"key":"n","min":5}"#, false),
            (r#"{"key":"n","min":6}"#, r#"{"key":"n","min":5.5}"#, false),
            (r#"{"key":"n","one_of":["a"]}"#, r#"{"key":"n","one_of":["a","b"]}"#, true),
            (r#"{"key":"n","one_of":["a","c"]}"#, r#"{"key":"n","one_of":["a","b"]}"#, false),
            (r#"{"key":"n","not_one_of":["a","b"]}"#, r#"{"key":"n","not_one_of":["a"]}"#, true),
            (r#"{"key":"n","not_one_of":["b"]}"#, r#"{"key":"n","not_one_of":["a"]}"#, false),
            (r#"{"key":"n","prefix":"a/b"}"#, r#"{"key":"n","prefix":"a/"}"#, true),
            (r#"{"key":"n","prefix":"b/"}"#, r#"{"key":"n","prefix":"a/"}"#, false),
            (r#"{"key":"n","own":1}"#, r#"{"key":"n","own":1}"#, true),
            (r#"{"key":"n","own":1}"#, r#"{"key":"n","own":2}"#, false),
            (r#"{"key":"n","prefix":"a"}"#, r#"{"key":"n","one_of":["a"]}"#, false),
            ("", r#"{"key":"n","max":5}"#, false),
            (r#"{"key":"n","max":5}"#, "", true),
            (&rank("internal"), &rank("internal"), true),
            (&rank("none"), &rank("internal"), true),
            (&rank("any"), &rank("internal"), false),
            (&rank("none"), &rank("internal").replace(r#""none","internal""#, r#""internal","none""#), false),
        ] {
            assert_eq!(within(own, parent), Some(expected), "{own} {parent}");
        }
    }

    #[test]
    fn a_constraint_is_read_strictly() {
        for bad in [
            r#"{"key":"","max":5}"#,
            r#"{"key":"n"}"#,
            r#"{"key":"n","max":5,"min":1}"#,
            r#"{"key":"n","max":"5"}"#,
            r#"{"key":"n","max":5,"order":["a","b"]}"#,
            r#"{"key":"n","max":5},{"key":"n","max":4}"#,
            r#"{"key":"n","x":5},{"key":"n","x":4}"#,
            r#"{"key":"n","rank":"a","order":["a"]}"#,
            r#"{"key":"n","rank":"a","order":["a","b","a"]}"#,
            r#"{"key":"n","rank":"c","order":["a","b"]}"#,
            r#"{"key":"n","rank":"a"}"#,
        ] {
            assert_eq!(within(bad, ""), None, "{bad}");
        }
        for good in [r#"{"key":"n","max":5},{"key":"n","min":1}"#, r#"{"key":"n","x":5},{"key":"n","y":4}"#] {
            assert_eq!(within(good, ""), Some(true), "{good}");
        }
    }
}
