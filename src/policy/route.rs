//! From a request to an action and an object, by the `route` and `public` lines.

use alloc::{format, string::String};

use crate::error::{Code, Refusal, quote};
use crate::names::{Part, encode_onto};
use crate::policy::path::Target;
use crate::policy::rules::{Route, Rules};

impl Rules {
    /// Whether a `public` line lets a request through without a token.
    pub fn is_public(&self, method: &str, target: &Target<'_>) -> bool {
        self.public.iter().any(|public| fits(&public.method, method) && public.pattern.matches(target))
    }

    /// The most specific `route` line for a request; they are in that order.
    ///
    /// # Errors
    /// `unmapped`
    pub fn route(&self, method: &str, target: &Target<'_>) -> Result<&Route, Refusal> {
        let found =
            self.routes.iter().find(|route| fits(&route.method, method) && route.pattern.matches(target));
        found.ok_or_else(|| {
            let text = format!("no `route` line matches {} {}", quote(method), quote(target.path()));
            Refusal::new(Code::Unmapped, text)
        })
    }
}

impl Route {
    /// Appends the object that the path names.
    ///
    /// # Errors
    /// `unmapped` where the path has nothing for a placeholder.
    pub fn name_object(&self, target: &Target<'_>, out: &mut String) -> Result<(), Refusal> {
        for part in &self.object.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Hole(name) => match self.pattern.value(name, target) {
                    Some(value) if !value.is_empty() => encode_onto(out, &value),
                    _ => return Err(Refusal::new(Code::Unmapped, format!("the path has no `{name}`"))),
                },
            }
        }
        Ok(())
    }
}

fn fits(wanted: &str, method: &str) -> bool {
    wanted.is_empty() || wanted == method
}
