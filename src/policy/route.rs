//! From a request to its `route`, `tool` or `public` line.

use alloc::format;

use crate::error::{Code, Refusal, quote};
use crate::policy::path::Target;
use crate::policy::rules::{Route, Rules, Tool};

impl Rules {
    /// Whether a `public` line lets a request through without a token.
    pub fn is_public(&self, method: &str, target: &Target<'_>) -> bool {
        self.public.iter().any(|public| fits(&public.method, method) && public.pattern.matches(target))
    }

    /// Whether a path is that of an MCP server.
    pub fn is_mcp(&self, target: &Target<'_>) -> bool {
        self.servers.iter().any(|server| server.matches(target))
    }

    /// The places of a type and of one of its actions, by their names.
    ///
    /// # Errors
    /// `unmapped`
    pub fn action(&self, kind: &str, action: &str) -> Result<(u16, u8), Refusal> {
        let found = self.types.iter().position(|ty| ty.name == kind).and_then(|place| {
            let at = self.types.get(place)?.actions.iter().position(|known| known.name == action)?;
            Some((u16::try_from(place).ok()?, u8::try_from(at).ok()?))
        });
        found.ok_or_else(|| {
            let text = format!("no `on` block of the type {} has the action {}", quote(kind), quote(action));
            Refusal::new(Code::Unmapped, text)
        })
    }

    /// The most specific `tool` line for a name; they are in that order.
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools
            .iter()
            .find(|tool| if tool.open { name.starts_with(&tool.name) } else { name == tool.name })
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

fn fits(wanted: &str, method: &str) -> bool {
    wanted.is_empty() || wanted == method
}
