//! `route`, `tool`, `mcp` and `public` lines: which request is which action on which object.

use alloc::{format, string::String, vec::Vec};

use super::{Compiler, kind_of};
use crate::error::PolicyError;
use crate::expr;
use crate::names::Template;
use crate::policy::ast::{self, Named};
use crate::policy::path::{Pattern, Segment};
use crate::policy::rules::{Argument, From, Public, Route, Tool};
use crate::sort::sort_by;

impl Compiler<'_, '_> {
    pub(super) fn routes(&mut self) -> Result<(), PolicyError> {
        let mut routes: Vec<Route> = Vec::new();
        for line in &self.file.routes {
            let pattern =
                Pattern::parse(line.pattern.text).map_err(|what| self.error(&line.pattern, what))?;
            let kind = self.kind(&kind_of(&line.object))?;
            let action = self.action(kind, &line.action)?;
            let arguments = self.arguments(&line.arguments, Some(&pattern))?;
            self.nameable(&line.object, &line.template, &pattern, &arguments)?;
            let method = String::from(if line.method.text == "*" { "" } else { line.method.text });
            if let Some(other) =
                routes.iter().find(|other| other.method == method && other.pattern.same_shape(&pattern))
            {
                return Err(self.error(
                    &line.pattern,
                    format!("the route on line {} matches the same requests", other.line),
                ));
            }
            let object = line.template.clone();
            let (text, line) = (line.pattern.text.into(), line.pattern.word.line);
            routes.push(Route { method, pattern, text, kind, action, object, arguments, line });
        }
        // The most specific first: by the path from left to right, then a method before any.
        let rank = |route: &Route| (route.pattern.rank(), route.method.is_empty());
        sort_by(&mut routes, |a, b| rank(a).cmp(&rank(b)));
        self.rules.routes = routes;
        Ok(())
    }

    pub(super) fn tools(&mut self) -> Result<(), PolicyError> {
        for server in &self.file.servers {
            let pattern = Pattern::parse(server.text).map_err(|what| self.error(server, what))?;
            if !pattern.segments.iter().all(|segment| matches!(segment, Segment::Literal(_))) {
                return Err(self.error(server, "the path of an MCP server has no placeholder"));
            }
            self.rules.servers.push(pattern);
        }
        let mut tools: Vec<Tool> = Vec::new();
        for line in &self.file.tools {
            if self.file.servers.is_empty() {
                return Err(
                    self.error(&line.name, "there is no MCP server that could have tools: add `mcp /PATH`")
                );
            }
            let kind = self.kind(&kind_of(&line.object))?;
            let action = self.action(kind, &line.action)?;
            let mut arguments = self.arguments(&line.arguments, None)?;
            for hole in line.template.holes() {
                // What names the object is an argument of that name.
                if !arguments.iter().any(|argument| argument.name == hole) {
                    let from = From::Arguments(hole.into());
                    arguments.push(Argument { name: hole.into(), ty: expr::Type::String, from });
                }
            }
            self.nameable(&line.object, &line.template, &Pattern::default(), &arguments)?;
            let (name, open) = match line.name.text.strip_suffix('*') {
                Some(name) => (name, true),
                None => (line.name.text, false),
            };
            if let Some(other) = tools.iter().find(|other| other.name == name && other.open == open) {
                return Err(self.error(&line.name, format!("the tool on line {} is the same", other.line)));
            }
            let (object, line) = (line.template.clone(), line.name.word.line);
            tools.push(Tool { name: name.into(), open, kind, action, object, arguments, line });
        }
        // The most specific first: a whole name, then the longest beginning.
        sort_by(&mut tools, |a, b| (a.open, b.name.len()).cmp(&(b.open, a.name.len())));
        self.rules.tools = tools;
        Ok(())
    }

    pub(super) fn public(&mut self) -> Result<(), PolicyError> {
        self.rules.preflight = self.file.preflight;
        for line in &self.file.public {
            let pattern =
                Pattern::parse(line.pattern.text).map_err(|what| self.error(&line.pattern, what))?;
            let method = String::from(if line.method.text == "*" { "" } else { line.method.text });
            self.rules.public.push(Public { method, pattern, line: line.pattern.word.line });
        }
        Ok(())
    }

    /// What a `route` or `tool` declares; `placeholders` are those of the path, none for a tool.
    fn arguments(
        &self,
        declared: &[ast::Argument<'_>],
        placeholders: Option<&Pattern>,
    ) -> Result<Vec<Argument>, PolicyError> {
        declared.iter().map(|argument| self.argument(argument, placeholders)).collect()
    }

    fn argument(
        &self,
        argument: &ast::Argument<'_>,
        placeholders: Option<&Pattern>,
    ) -> Result<Argument, PolicyError> {
        let name = argument.name.text;
        let in_path = placeholders.is_some_and(|pattern| pattern.holes().any(|hole| hole == name));
        let path = |path: &str| !path.split('.').any(str::is_empty);
        let from = match (&argument.from, placeholders) {
            (None, None) => From::Arguments(name.into()),
            (None, Some(_)) if in_path => From::Path(name.into()),
            (None, Some(_)) => {
                return Err(self.error(
                    &argument.name,
                    format!("`{name}` is not a placeholder of the path; write where it is read: `from query.{name}` or `from body.{name}`"),
                ));
            }
            (Some(from), Some(_)) if in_path => {
                return Err(self.error(
                    from,
                    format!("`{name}` is a placeholder of the path already: call this one differently"),
                ));
            }
            (Some(from), _) => match (from.text.split_once('.'), placeholders) {
                (Some(("query", name)), Some(_)) if !name.is_empty() && !name.contains('.') => {
                    From::Query(name.into())
                }
                (Some(("body", rest)), Some(_)) if path(rest) => From::Body(rest.into()),
                (Some(("arguments", rest)), None) if path(rest) => From::Arguments(rest.into()),
                (_, Some(_)) => {
                    return Err(self.error(
                        from,
                        "an argument of a route is read `from query.NAME` or `from body.PATH`",
                    ));
                }
                (_, None) => {
                    return Err(self.error(from, "an argument of a tool is read `from arguments.PATH`"));
                }
            },
        };
        if let (expr::Type::List(_), From::Path(_) | From::Query(_)) = (argument.ty, &from) {
            return Err(
                self.error(&argument.name, "a list is read from a JSON body or from a tool's arguments only")
            );
        }
        Ok(Argument { name: name.into(), ty: argument.ty, from })
    }

    /// Every placeholder of an object is in the path or is declared.
    fn nameable(
        &self,
        at: &Named<'_>,
        object: &Template,
        pattern: &Pattern,
        arguments: &[Argument],
    ) -> Result<(), PolicyError> {
        for hole in object.holes() {
            match arguments.iter().find(|argument| argument.name == hole) {
                Some(argument) if matches!(argument.ty, expr::Type::List(_) | expr::Type::Timestamp) => {
                    return Err(self.error(
                        at,
                        format!(
                            "`{{{hole}}}` is a `{}`, which cannot stand in an object's name",
                            argument.ty.name()
                        ),
                    ));
                }
                Some(_) => {}
                None if pattern.holes().any(|known| known == hole) => {}
                None => {
                    return Err(self.error(
                        at,
                        format!("`{{{hole}}}` is neither a placeholder of the path nor declared by `with`"),
                    ));
                }
            }
        }
        Ok(())
    }
}
