//! `allow`, `forbid` and `approve` lines, ceilings, and who may call whom.

use alloc::{format, string::String, vec::Vec};

use super::{Compiler, bit};
use crate::error::{PolicyError, quote};
use crate::identity::context::Kind;
use crate::names::{Template, encode_onto};
use crate::policy::ast::{self, Actions, Effect, Named, Term};
use crate::policy::path::Segment;
use crate::policy::rules::{Argument, By, Callers, Ceiling, From, Rule};

impl Compiler<'_, '_> {
    pub(super) fn relationship_rules(&mut self) -> Result<(), PolicyError> {
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

    pub(super) fn ceilings(&mut self) -> Result<(), PolicyError> {
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

    pub(super) fn callers(&mut self) -> Result<(), PolicyError> {
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
}
