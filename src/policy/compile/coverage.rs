//! `scope`, `role` and `detail` lines: what the names in a token cover.

use alloc::{format, vec::Vec};

use super::Compiler;
use crate::error::PolicyError;
use crate::names::{Part, Template};
use crate::policy::ast::{Carrier, Named};
use crate::policy::rules::Coverage;

impl Compiler<'_, '_> {
    pub(super) fn coverage(&mut self) -> Result<(), PolicyError> {
        for line in &self.file.coverage {
            let kind = self.kind(&line.kind)?;
            let actions = line.actions.as_ref().map(|actions| self.actions(kind, actions)).transpose()?;
            let name = match line.carrier {
                Carrier::Role | Carrier::Scope => self.scope_pattern(line.carrier, &line.name)?,
                Carrier::Detail => Template { parts: Vec::from([Part::Literal(line.name.text.into())]) },
            };
            if let (Some(object), Carrier::Role | Carrier::Scope) = (&line.object, line.carrier)
                && let Some(hole) = object.holes().find(|hole| !name.holes().any(|known| known == *hole))
            {
                return Err(self.error(
                    &line.kind,
                    format!("`{{{hole}}}` is not a placeholder of \"{}\"", line.name.text),
                ));
            }
            self.rules.coverage.push(Coverage {
                carrier: line.carrier,
                name,
                kind,
                actions,
                object: line.object.clone(),
                ignoring: line.ignoring.iter().map(|n| n.text.into()).collect(),
                line: line.name.word.line,
            });
        }
        Ok(())
    }

    /// A scope's pattern: `{x}` for a part, `*` at the end for anything. RFC 6749 §3.3 says what a scope may hold.
    fn scope_pattern(&self, carrier: Carrier, name: &Named<'_>) -> Result<Template, PolicyError> {
        let template = Template::parse(name.text).map_err(|what| self.error(name, what))?;
        for (at, part) in template.parts.iter().enumerate() {
            let Part::Literal(literal) = part else { continue };
            let last = at.saturating_add(1) == template.parts.len();
            let starless = if last { literal.strip_suffix('*').unwrap_or(literal) } else { literal };
            if starless.contains('*') || (at > 0 && starless.is_empty()) {
                return Err(
                    self.error(name, "`*` stands at the very end only, and not right behind a placeholder")
                );
            }
            if carrier == Carrier::Scope
                && literal.bytes().any(|b| !matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
            {
                return Err(self.error(name, "a scope has no white space, `\"` or `\\`"));
            }
        }
        Ok(template)
    }
}
