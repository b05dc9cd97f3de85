//! `when`, `unless` and `token says`: what may stand there as evidence.

use alloc::{format, string::String, vec::Vec};

use super::{Compiler, bit};
use crate::error::{Code, PolicyError};
use crate::expr::{self, Program};
use crate::names::Template;
use crate::policy::ast::{self, Named, Term};
use crate::policy::lexer;
use crate::policy::rules::{Argument, Condition, Expression, Says, Subject, Test};
use crate::policy::variables;

impl Compiler<'_, '_> {
    pub(super) fn condition(
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

    pub(super) fn subject(&self, term: &Term<'_>) -> Result<Subject, PolicyError> {
        Ok(match term {
            Term::Word(word) => match word.text {
                "user" => Subject::User,
                "agent" => Subject::Agent,
                "object" => Subject::Asked,
                _ => Subject::Instance,
            },
            Term::Object(at, template) => {
                self.evidence(at, template)?;
                Subject::Object(template.clone())
            }
        })
    }

    /// A verified value may stand in an object's name, an asked one never: it would prove what was only claimed.
    pub(super) fn evidence(&self, at: &Named<'_>, template: &Template) -> Result<(), PolicyError> {
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

    /// `token says …`: one verified claim names one side.
    pub(super) fn says(&mut self) -> Result<(), PolicyError> {
        for line in &self.file.says {
            let subject = self.subject(&line.subject)?;
            self.relation(line.template.kind(), &line.relation)?;
            let mut claims = Vec::new();
            let both = [
                Some(&line.template),
                match &subject {
                    Subject::Object(template) => Some(template),
                    Subject::Agent | Subject::Asked | Subject::Instance | Subject::User => None,
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
}
