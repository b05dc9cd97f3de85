//! Tuples that verified claims add to one request (`token says …`).

use alloc::{string::String, vec::Vec};

use crate::json::{Object, Value};
use crate::names::Template;
use crate::policy::Policy;
use crate::policy::decide::Hop;
use crate::policy::rules::{Says, Subject};
use crate::relation::{Overlay, Tuple};

/// What the claims of a request say about relations.
#[derive(Debug)]
pub struct Said {
    /// Tuples that hold for this request.
    pub overlay: Overlay,
    /// The same, as they were written.
    pub tuples: Vec<Tuple>,
    /// Type and relation of the lines whose claim is not there or unreadable: nobody knows then.
    unknown: Vec<(String, String)>,
}

impl Said {
    /// What the claims say; `None` where no rule asks.
    pub fn of(
        policy: &Policy,
        claims: &Object<'static>,
        user: Option<&str>,
        current: Option<&Hop<'_>>,
    ) -> Option<Self> {
        let (relations, model) = (policy.relations.as_ref()?, policy.model.as_ref()?);
        if policy.rules.says.is_empty() {
            return None;
        }
        let none = Overlay::default();
        let below = policy.changes.as_ref().map_or(&none, |changes| &changes.overlay);
        let overlay = |tuples: &[Tuple]| Overlay::above(below, model, relations, &policy.pack, tuples);
        let mut said = Self { overlay: Overlay::default(), tuples: Vec::new(), unknown: Vec::new() };
        let mut tuples = Vec::new();
        for line in &policy.rules.says {
            let before = tuples.len();
            let fits = tuples_of(line, claims, (user, current), &mut tuples).is_some() && {
                let own = tuples.get(before..).unwrap_or_default();
                // A name that the model does not admit there is as good as unreadable.
                overlay(own).is_ok()
            };
            if !fits {
                tuples.truncate(before);
                said.unknown.push((line.object.kind().into(), line.relation.clone()));
            }
        }
        if let Ok(found) = overlay(&tuples) {
            said.overlay = found;
            said.tuples = tuples;
        }
        Some(said)
    }

    /// The relations of which nobody knows for this request.
    pub fn unknown(&self) -> Vec<(&str, &str)> {
        self.unknown.iter().map(|(kind, relation)| (kind.as_str(), relation.as_str())).collect()
    }
}

/// The tuples of one line; `None` where the claim is not there or unreadable.
fn tuples_of(
    line: &Says,
    claims: &Object<'static>,
    (user, current): (Option<&str>, Option<&Hop<'_>>),
    out: &mut Vec<Tuple>,
) -> Option<()> {
    let one;
    let values = match find(claims, &line.claim)? {
        Value::Array(values) => values.as_slice(),
        value => {
            one = [value.clone()];
            &one[..]
        }
    };
    for value in values {
        let value = value.as_str()?;
        let named = |template: &Template| {
            let mut name = String::new();
            template.render(&mut name, |_| Some(value)).then_some(name)
        };
        let subject = match &line.subject {
            Subject::User => user.map(String::from),
            Subject::Agent => current.and_then(|hop| hop.agent).map(String::from),
            Subject::Instance => current.and_then(|hop| hop.instance).map(String::from),
            Subject::Object(template) => named(template),
            // The grammar has no such line: a token does not speak about what is asked.
            Subject::Asked => None,
        }?;
        let object = named(&line.object)?;
        out.push(Tuple { user: subject, relation: line.relation.clone(), object, condition: None });
    }
    Some(())
}

/// A claim by its path.
pub fn find<'c>(claims: &'c Object<'static>, path: &str) -> Option<&'c Value<'static>> {
    let mut names = path.split('.');
    let mut value = claims.get(names.next()?)?;
    for name in names {
        value = value.as_object()?.get(name)?;
    }
    Some(value)
}
