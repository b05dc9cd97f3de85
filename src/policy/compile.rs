//! From statements to rules: names are looked up, and what could never work or proves nothing is refused.

use alloc::{format, string::String, vec::Vec};

use crate::error::{Code, ConfigError, PolicyError, quote};
use crate::expr::{self, Program};
use crate::identity::context::Kind;
use crate::names::{Part, Template, encode_onto};
use crate::policy::ast::{self, Actions, Carrier, Effect, File, Named, Term};
use crate::policy::lexer;
use crate::policy::path::{Pattern, Segment};
use crate::policy::rules::{
    Action, Argument, By, Callers, Ceiling, Condition, Coverage, Expression, From, MOST_ACTIONS, Public,
    Route, Rule, Rules, Says, Subject, Test, Tool, Type,
};
use crate::policy::variables;
use crate::relation::Model;

/// Reads the model that the rules name.
pub fn model(file: &File<'_>, files: &[(String, String)]) -> Result<Option<Model>, ConfigError> {
    let Some(name) = &file.model else { return Ok(None) };
    let Some((_, text)) = files.iter().find(|(known, _)| known == name.text) else {
        let known: Vec<_> = files.iter().map(|(known, _)| quote(known)).collect();
        let known =
            if known.is_empty() { "it is empty".into() } else { format!("it has {}", known.join(", ")) };
        let message = format!("`files` of the configuration has no {}; {known}", quote(name.text));
        return Err(lexer::error(Code::RulesInvalid, &file.name, &name.word, message).into());
    };
    Ok(Some(Model::parse(name.text, text)?))
}

/// Compiles the rules.
pub fn rules(file: &File<'_>, model: Option<&Model>) -> Result<Rules, PolicyError> {
    let mut compiler = Compiler { file, model, rules: Rules { file: file.name.clone(), ..Rules::default() } };
    compiler.types()?;
    compiler.coverage()?;
    compiler.says()?;
    compiler.routes()?;
    compiler.tools()?;
    compiler.relationship_rules()?;
    compiler.ceilings()?;
    compiler.public()?;
    compiler.callers()?;
    if let Some(chain) = file.chain {
        compiler.rules.chain = chain.most;
        compiler.rules.unrecorded = chain.unrecorded;
    }
    Ok(compiler.rules)
}

struct Compiler<'f, 't> {
    file: &'f File<'t>,
    model: Option<&'f Model>,
    rules: Rules,
}

impl<'t> Compiler<'_, 't> {
    fn error(&self, at: &Named<'_>, message: impl Into<String>) -> PolicyError {
        lexer::error(Code::RulesInvalid, &self.file.name, &at.word, message)
    }

    fn relation(&self, kind: &str, relation: &Named<'_>) -> Result<(), PolicyError> {
        let Some(model) = self.model else {
            return Err(self.error(relation, "a relation needs a model: add the line `model \"FILE\"`"));
        };
        if !model.has_type(kind) {
            return Err(self.error(relation, format!("the model has no type {}", quote(kind))));
        }
        if !model.has_relation(kind, relation.text) {
            let known: Vec<_> = model.relations(kind).collect();
            let message = format!(
                "type `{kind}` has no relation {}; it has {}",
                quote(relation.text),
                known.join(", ")
            );
            return Err(self.error(relation, message));
        }
        Ok(())
    }

    fn kind(&self, name: &Named<'_>) -> Result<u16, PolicyError> {
        let found = self.rules.types.iter().position(|t| t.name == name.text);
        found.and_then(|at| u16::try_from(at).ok()).ok_or_else(|| {
            let known: Vec<_> = self.rules.types.iter().map(|t| t.name.as_str()).collect();
            let known = if known.is_empty() {
                "there is none".into()
            } else {
                format!("known are {}", known.join(", "))
            };
            self.error(name, format!("{} has no `on` block; {known}", quote(name.text)))
        })
    }

    fn action(&self, kind: u16, name: &Named<'_>) -> Result<u8, PolicyError> {
        let Some(ty) = self.rules.kind(kind) else { return Err(self.error(name, "has no type")) };
        let found = ty.actions.iter().position(|a| a.name == name.text);
        found.and_then(|at| u8::try_from(at).ok()).ok_or_else(|| {
            let known: Vec<_> = ty.actions.iter().map(|a| a.name.as_str()).collect();
            let message =
                format!("type `{}` has no action {}; it has {}", ty.name, quote(name.text), known.join(", "));
            self.error(name, message)
        })
    }

    fn actions(&self, kind: u16, actions: &Actions<'_>) -> Result<u64, PolicyError> {
        match actions {
            Actions::Any => {
                let count = self.rules.kind(kind).map_or(0, |t| t.actions.len());
                Ok((0..count).fold(0, |bits, action| bits | bit(action)))
            }
            Actions::List(names) => {
                names.iter().try_fold(0, |bits, name| Ok(bits | bit(usize::from(self.action(kind, name)?))))
            }
        }
    }

    /// A verified value may stand in an object's name, an asked one never: it would prove what was only claimed.
    fn evidence(&self, at: &Named<'_>, template: &Template) -> Result<(), PolicyError> {
        for hole in template.holes() {
            let root = hole.split('.').next().unwrap_or_default();
            match (hole, root) {
                ("task" | "object.id", _) => {}
                (_, "claim") if hole.len() > "claim.".len() => {}
                (_, "args" | "request" | "method" | "path" | "query" | "body" | "header" | "headers") => {
                    return Err(self.error(
                        at,
                        format!("`{{{hole}}}` comes from the request, and what is asked proves no relationship; use `{{task}}`, `{{object.id}}` or `{{claim.NAME}}`"),
                    ));
                }
                _ => {
                    return Err(self.error(at, format!("`{{{hole}}}` is not known; known are `{{task}}`, `{{object.id}}` and `{{claim.NAME}}`")));
                }
            }
        }
        Ok(())
    }

    fn types(&mut self) -> Result<(), PolicyError> {
        for on in &self.file.types {
            let name = &on.name;
            if self.rules.types.iter().any(|t| t.name == name.text) {
                return Err(self.error(name, format!("type `{}` has an `on` block already", name.text)));
            }
            if let Some(model) = self.model.filter(|model| !model.has_type(name.text)) {
                let known: Vec<_> = model.types().collect();
                return Err(self.error(
                    name,
                    format!("the model has no type {}; it has {}", quote(name.text), known.join(", ")),
                ));
            }
            if let Some(personal) = &on.personal {
                self.relation(name.text, personal)?;
                if self.model.and_then(|model| model.plain_direct(name.text, personal.text)).is_none() {
                    return Err(self.error(
                        personal,
                        format!("`{}` must name people directly: `[user]`, without wildcard, userset, condition or other relations", personal.text),
                    ));
                }
            }
            let mut actions: Vec<Action> = Vec::new();
            for needs in &on.needs {
                if let Some(relation) = &needs.relation {
                    self.relation(needs.of.as_ref().map_or(name.text, |(_, of)| of.kind()), relation)?;
                }
                if let Some((at, of)) = &needs.of {
                    self.evidence(at, of)?;
                }
                for action in &needs.actions {
                    if actions.iter().any(|a| a.name == action.text) {
                        return Err(
                            self.error(action, format!("`{}` says already what it needs", action.text))
                        );
                    }
                    if actions.len() >= MOST_ACTIONS {
                        return Err(self.error(action, format!("a type has at most {MOST_ACTIONS} actions")));
                    }
                    actions.push(Action {
                        name: action.text.into(),
                        relation: needs.relation.as_ref().map(|r| r.text.into()),
                        of: needs.of.as_ref().map(|(_, of)| of.clone()),
                        line: action.word.line,
                    });
                }
            }
            let personal = on.personal.as_ref().map(|p| p.text.into());
            self.rules.types.push(Type { name: name.text.into(), personal, actions });
        }
        Ok(())
    }

    fn relationship_rules(&mut self) -> Result<(), PolicyError> {
        for rule in &self.file.rules {
            if let Some(other) = self.rules.rules.iter().find(|other| other.id == rule.id.text) {
                return Err(self.error(
                    &rule.id,
                    format!("the rule on line {} is called `{}` already", other.line, rule.id.text),
                ));
            }
            let mut targets = Vec::new();
            for name in &rule.types {
                let kind = self.kind(name)?;
                let actions = self.actions(kind, &rule.actions)?;
                targets.push((kind, actions));
                if rule.effect == Effect::Allow {
                    self.allowable(rule, name, kind)?;
                    self.coverable(rule, name, kind, actions)?;
                }
                if let Some(ast::By::Relation(relation)) = &rule.by {
                    self.relation(name.text, relation)?;
                }
                if rule.effect == Effect::Approve {
                    self.approvable(name, kind, actions)?;
                }
            }
            let conditions =
                rule.conditions.iter().map(|c| self.condition(c, &targets)).collect::<Result<_, _>>()?;
            let by = rule.by.as_ref().map(|by| match by {
                ast::By::User => By::User,
                ast::By::Relation(relation) => By::Relation(relation.text.into()),
            });
            self.rules.rules.push(Rule {
                effect: rule.effect,
                kinds: rule.kinds,
                modes: rule.modes,
                targets,
                by,
                id: rule.id.text.into(),
                conditions,
                line: rule.id.word.line,
            });
        }
        Ok(())
    }

    /// What may be allowed at all on a type that is somebody's, or nobody's.
    fn allowable(&self, rule: &ast::Rule<'_>, name: &Named<'_>, kind: u16) -> Result<(), PolicyError> {
        let personal = self.rules.kind(kind).is_some_and(|t| t.personal.is_some());
        let impersonal = self.file.types.iter().any(|on| on.name.text == name.text && on.impersonal);
        if rule.kinds & Kind::Assigned.bit() != 0 && !personal && !impersonal {
            return Err(self.error(
                name,
                format!("an `assigned` agent works on somebody's case: say whose object a `{0}` is (`on {0} personal RELATION`), or `on {0} impersonal`", name.text),
            ));
        }
        let names_agents = rule.conditions.iter().any(|condition| {
            let subject = match &condition.test {
                ast::Test::Relation { subject, .. } => Some(subject),
                ast::Test::Expression(_) => None,
            };
            !condition.unless && matches!(subject, Some(Term::Word(word)) if word.text == "agent")
        });
        if rule.kinds & Kind::Autonomous.bit() != 0 && personal {
            if !rule.of_anyone {
                return Err(self.error(name, format!("`{}` is personal: an `autonomous` line on it says `of anyone` (in a line of its own)", name.text)));
            }
            if !names_agents {
                return Err(self.error(
                    name,
                    format!(
                        "`{}` is personal: name the agents that may act on anyone's, with `when agent is …`",
                        name.text
                    ),
                ));
            }
        }
        if rule.of_anyone && !personal {
            return Err(self.error(
                name,
                format!("`{}` is not personal, so `of anyone` says nothing: leave it out", name.text),
            ));
        }
        Ok(())
    }

    /// A rule that no token can ever cover is a mistake.
    fn coverable(
        &self,
        rule: &ast::Rule<'_>,
        name: &Named<'_>,
        kind: u16,
        actions: u64,
    ) -> Result<(), PolicyError> {
        let covered = self
            .rules
            .coverage
            .iter()
            .filter(|line| line.kind == kind)
            .fold(0, |bits, line| bits | line.actions.unwrap_or(u64::MAX));
        let uncovered = actions & !covered;
        if uncovered == 0 {
            return Ok(());
        }
        let ty = self.rules.kind(kind);
        let action = ty
            .and_then(|t| t.actions.get(uncovered.trailing_zeros() as usize))
            .map_or("", |a| a.name.as_str());
        let at = match &rule.actions {
            Actions::List(names) => names.iter().find(|n| n.text == action).unwrap_or(name),
            Actions::Any => name,
        };
        Err(self.error(
            at,
            format!(
                "no token could ever cover `{action}` on `{0}`: add `scope \"NAME\" covers {action} on {0}`",
                name.text
            ),
        ))
    }

    fn condition(
        &self,
        condition: &ast::Condition<'_>,
        targets: &[(u16, u64)],
    ) -> Result<Condition, PolicyError> {
        let unless = condition.unless;
        let (subject, relation, object) = match &condition.test {
            ast::Test::Relation { subject, relation, object } => (subject, relation, object),
            ast::Test::Expression(word) => {
                let expression = self.expression(word, targets)?;
                return Ok(Condition { unless, test: Test::Expression(expression), line: word.line });
            }
        };
        let subject = self.subject(subject)?;
        let object = match object {
            Term::Word(_) => {
                for (kind, _) in targets {
                    let kind = self.rules.kind(*kind).map(|ty| ty.name.as_str()).unwrap_or_default();
                    self.relation(kind, relation)?;
                }
                None
            }
            Term::Object(at, template) => {
                self.evidence(at, template)?;
                self.relation(template.kind(), relation)?;
                Some(template.clone())
            }
        };
        let line = relation.word.line;
        Ok(Condition {
            unless,
            test: Test::Relation { subject, relation: relation.text.into(), object },
            line,
        })
    }

    fn subject(&self, term: &Term<'_>) -> Result<Subject, PolicyError> {
        Ok(match term {
            Term::Word(word) => match word.text {
                "user" => Subject::User,
                "agent" => Subject::Agent,
                _ => Subject::Instance,
            },
            Term::Object(at, template) => {
                self.evidence(at, template)?;
                Subject::Object(template.clone())
            }
        })
    }

    /// Compiles an expression. It may read the arguments that every route and tool of its actions declares.
    fn expression(&self, word: &lexer::Word<'_>, targets: &[(u16, u64)]) -> Result<Expression, PolicyError> {
        let arguments = self.shared_arguments(targets);
        let declared = variables::declared(&arguments);
        let declared: Vec<_> = declared.iter().map(|(name, ty)| (name.as_str(), *ty)).collect();
        let source = expr::Source {
            file: &self.file.name,
            text: word.text,
            line: word.line,
            column: word.column,
            code: Code::RulesInvalid,
        };
        let code =
            expr::compile(&source, &declared).map_err(|error| self.without_argument(error, targets))?;
        let program = Program::load(&code)
            .ok_or_else(|| lexer::error(Code::RulesInvalid, &self.file.name, word, "cannot be compiled"))?;
        Ok(Expression { text: word.text.into(), code, program, arguments })
    }

    /// What leads to one of these actions: its line, and what it declares.
    fn ways<'s>(&'s self, targets: &'s [(u16, u64)]) -> impl Iterator<Item = (u32, &'s [Argument])> {
        let routes = self.rules.routes.iter().map(|r| (r.kind, r.action, r.line, r.arguments.as_slice()));
        let tools = self.rules.tools.iter().map(|t| (t.kind, t.action, t.line, t.arguments.as_slice()));
        routes.chain(tools).filter_map(|(kind, action, line, arguments)| {
            let wanted = |(other, bits): &(u16, u64)| *other == kind && bits & bit(usize::from(action)) != 0;
            targets.iter().any(wanted).then_some((line, arguments))
        })
    }

    fn shared_arguments(&self, targets: &[(u16, u64)]) -> Vec<(String, expr::Type)> {
        let first = self.ways(targets).next().map(|(_, arguments)| arguments).unwrap_or_default();
        let everywhere = |argument: &&Argument| {
            self.ways(targets).all(|(_, others)| {
                others.iter().any(|other| other.name == argument.name && other.ty == argument.ty)
            })
        };
        first.iter().filter(everywhere).map(|argument| (argument.name.clone(), argument.ty)).collect()
    }

    /// Says which line would have to declare an argument that a rule reads.
    fn without_argument(&self, error: PolicyError, targets: &[(u16, u64)]) -> PolicyError {
        let Some(name) = error.at.symbol.strip_prefix("args.").map(String::from) else { return error };
        let lacks = |(_, arguments): &(u32, &[Argument])| !arguments.iter().any(|a| a.name == name);
        let message = match (self.ways(targets).find(lacks), self.ways(targets).next()) {
            (Some((line, _)), _) => format!(
                "the request on line {line} is one of this rule's actions and does not declare `{name}`; add `with {name}: string` there"
            ),
            (None, Some(_)) => {
                format!("`{name}` is not of one type in every `route` and `tool` of this rule's actions")
            }
            (None, None) => format!(
                "no `route` or `tool` leads to this rule's actions, so nothing declares `{name}`; add one with `with {name}: string`"
            ),
        };
        PolicyError { message, ..error }
    }

    /// What is approved must be what is done: every part of the path is in the object or is declared.
    fn approvable(&self, name: &Named<'_>, kind: u16, actions: u64) -> Result<(), PolicyError> {
        for route in &self.rules.routes {
            if route.kind != kind || actions & bit(usize::from(route.action)) == 0 {
                continue;
            }
            let held = |hole: &str| {
                let declared = |a: &Argument| matches!(&a.from, From::Path(path) if path == hole);
                route.object.holes().any(|known| known == hole) || route.arguments.iter().any(declared)
            };
            if let Some(hole) = route.pattern.holes().find(|hole| !held(hole)) {
                return Err(self.error(
                    name,
                    format!(
                        "an approval would not say which `{{{hole}}}` it is for: add `with {hole}: string` to the route on line {}",
                        route.line
                    ),
                ));
            }
            if route.pattern.segments.contains(&Segment::Any) {
                return Err(self.error(
                    name,
                    format!(
                        "an approval would not say which path it is for: write `{{rest...}}` instead of `**` and `with rest: string` in the route on line {}",
                        route.line
                    ),
                ));
            }
        }
        Ok(())
    }

    /// `token says …`: one verified claim names one side.
    fn says(&mut self) -> Result<(), PolicyError> {
        for line in &self.file.says {
            let subject = self.subject(&line.subject)?;
            self.relation(line.template.kind(), &line.relation)?;
            let mut claims = Vec::new();
            let both = [
                Some(&line.template),
                match &subject {
                    Subject::Object(template) => Some(template),
                    Subject::Agent | Subject::Instance | Subject::User => None,
                },
            ];
            for hole in both.into_iter().flatten().flat_map(Template::holes) {
                match hole.strip_prefix("claim.").filter(|path| !path.is_empty()) {
                    Some(path) => claims.push(String::from(path)),
                    None => {
                        return Err(self.error(
                            &line.object,
                            format!("`{{{hole}}}` is not said by the token; write `{{claim.NAME}}`"),
                        ));
                    }
                }
            }
            let [claim] = claims.as_slice() else {
                return Err(self.error(
                    &line.object,
                    "one `{claim.NAME}` stands in a `token says` line: that claim names the subject or the object",
                ));
            };
            self.rules.says.push(Says {
                subject,
                relation: line.relation.text.into(),
                object: line.template.clone(),
                claim: claim.clone(),
                line: line.relation.word.line,
            });
        }
        Ok(())
    }

    fn callers(&mut self) -> Result<(), PolicyError> {
        let Some(relation) = &self.file.callers else { return Ok(()) };
        let Some(model) = self.model else { return self.relation("agent", relation) };
        if !model.types().any(|ty| model.has_relation(ty, relation.text)) {
            return Err(
                self.error(relation, format!("no type of the model has a relation {}", quote(relation.text)))
            );
        }
        if self.file.chain.is_none() {
            return Err(self
                .error(relation, "without `chain at most N` no agent is called by another: add that line"));
        }
        self.rules.callers = Some(Callers { relation: relation.text.into(), line: relation.word.line });
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

    fn tools(&mut self) -> Result<(), PolicyError> {
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
        tools.sort_by_key(|tool| (tool.open, core::cmp::Reverse(tool.name.len())));
        self.rules.tools = tools;
        Ok(())
    }

    fn ceilings(&mut self) -> Result<(), PolicyError> {
        for line in &self.file.ceilings {
            let agent = match line.agent.text {
                "*" => None,
                name if name.contains(':') => {
                    let template =
                        Template::parse_object(name).map_err(|what| self.error(&line.agent, what))?;
                    if template.holes().next().is_some() {
                        return Err(self.error(&line.agent, "the name of an agent has no placeholder"));
                    }
                    Some(String::from(name))
                }
                name => {
                    let mut object = String::from("agent:");
                    encode_onto(&mut object, name);
                    Some(object)
                }
            };
            for name in &line.types {
                let kind = self.kind(name)?;
                let actions = self.actions(kind, &line.actions)?;
                self.rules.ceilings.push(Ceiling {
                    agent: agent.clone(),
                    kind,
                    actions,
                    line: name.word.line,
                });
            }
        }
        Ok(())
    }

    fn coverage(&mut self) -> Result<(), PolicyError> {
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

    fn routes(&mut self) -> Result<(), PolicyError> {
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
        routes.sort_by_key(|route| (route.pattern.rank(), route.method.is_empty()));
        self.rules.routes = routes;
        Ok(())
    }

    fn public(&mut self) -> Result<(), PolicyError> {
        self.rules.preflight = self.file.preflight;
        for line in &self.file.public {
            let pattern =
                Pattern::parse(line.pattern.text).map_err(|what| self.error(&line.pattern, what))?;
            let method = String::from(if line.method.text == "*" { "" } else { line.method.text });
            self.rules.public.push(Public { method, pattern, line: line.pattern.word.line });
        }
        Ok(())
    }
}

/// The type in an object's name.
fn kind_of<'t>(object: &Named<'t>) -> Named<'t> {
    Named { text: object.text.split(':').next().unwrap_or_default(), word: object.word }
}

/// An action's bit.
fn bit(action: usize) -> u64 {
    u32::try_from(action).ok().and_then(|shift| 1_u64.checked_shl(shift)).unwrap_or(0)
}
