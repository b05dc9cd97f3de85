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
