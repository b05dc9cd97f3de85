//! Entity profiles (draft-mora-oauth-entity-profiles-01): `sub_profile` and `client_profile`, lists of names
//! with one space between them, compared without case.

use alloc::{string::String, vec::Vec};

use crate::error::Refusal;
use crate::identity::dialect::invalid;
use crate::json::{Object, Value};

/// More names than these are no classification.
const MOST: usize = 16;

/// What an entity is: names in lower case.
pub(super) struct Profile(Vec<String>);

impl Profile {
    /// Reads an optional profile. A list that is not well formed, and one that says two things that cannot be
    /// true together, refuses.
    pub(super) fn read(object: &Object<'_>, path: &str, name: &str) -> Result<Option<Self>, Refusal> {
        let wrong = |what: &str| {
            let path = if path.is_empty() { name.into() } else { alloc::format!("{path}.{name}") };
            Err(invalid(&path, what))
        };
        let text = match object.get(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text,
            Some(_) => return wrong("must be a string"),
        };
        let names: Vec<String> =
            text.split(' ').take(MOST.saturating_add(1)).map(str::to_ascii_lowercase).collect();
        if names.len() > MOST || text.len() > 1_024 {
            return wrong("has too many names");
        }
        if names.iter().any(|name| name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic())) {
            return wrong("must be names with one space between them");
        }
        let profile = Self(names);
        // A person, a device and a service are three things; `user ai_agent` is a digital employee.
        if ["user", "device", "service"].iter().filter(|class| profile.has(class)).count() > 1 {
            return wrong("says that one entity is two things");
        }
        Ok(Some(profile))
    }

    /// Whether it has this name, in lower case.
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|known| known == name)
    }

    pub(super) fn is_agent(&self) -> bool {
        self.has("ai_agent")
    }

    /// An actor that is an instance: draft-mcguinness-oauth-ai-agent-instance puts one where others put the agent.
    pub(super) fn is_instance(&self) -> bool {
        self.has("client_instance")
    }

    /// An application that a user holds, and nothing more.
    pub(super) fn is_app(&self) -> bool {
        self.0.iter().all(|name| matches!(name.as_str(), "web_app" | "native_app" | "browser_app"))
    }
}

/// Whether a claim names an AI agent, however badly it is formed: a trace is a trace.
pub(crate) fn is_agent(claim: Option<&Value<'_>>) -> bool {
    let names = |text: &str| text.split_whitespace().any(|name| name.eq_ignore_ascii_case("ai_agent"));
    claim.and_then(Value::as_str).is_some_and(names)
}

/// Whether `client_profile` says that the client is an application that a user holds.
pub(crate) fn is_app(object: &Object<'_>) -> bool {
    Profile::read(object, "", "client_profile").ok().flatten().is_some_and(|profile| profile.is_app())
}
