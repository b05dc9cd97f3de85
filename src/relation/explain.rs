//! Why: the tuples and relations that make an answer true, or what was nearest to making it so.
//!
//! The answer comes from the search alone; this walks through the model again and asks the search at each
//! fork which way it took. It is for people, bounded, and not on the hot path.

use alloc::{format, string::String, vec::Vec};

use super::check::{Answer, Facts, Question, Scratch, Search, Target, View};
use super::load::{Node, Relations, SubjectForm};
use crate::pack::Pack;
use crate::truth::Truth;

/// How many steps an explanation has at most.
const STEPS: usize = 32;
/// How many subjects of one row are shown where none of them leads on.
const WIDTH: u32 = 4;

/// One step of an explanation: somebody is in a relation to an object, or is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How far the step is from the question; a step stands behind the one that it explains.
    pub depth: u32,
    /// `user:ana`, or what a tuple names.
    pub subject: String,
    /// `writer`
    pub relation: String,
    /// `repo:web`
    pub object: String,
    /// Whether it holds.
    pub truth: Truth,
    /// Whether this is a tuple (or the lack of one), or follows from the steps behind it.
    pub tuple: bool,
}

impl Relations {
    /// Answers like [`Relations::check`], and says why: the path that led there, or the nearest miss.
    pub fn explain(
        &self,
        pack: &Pack,
        question: &Question<'_>,
        facts: &Facts<'_>,
        scratch: &mut Scratch,
    ) -> (Answer, Vec<Step>) {
        let (answer, settled) = self.settle(pack, question, facts, scratch);
        let view = View::new(self, pack, facts);
        let Some((relation, object, target)) = view.resolve(question) else { return (answer, Vec::new()) };
        let mut asker = Scratch::knowing(settled.clone());
        let mut walk = Walk {
            pack,
            view,
            question,
            object,
            target,
            settled,
            scratch: &mut asker,
            steps: Vec::new(),
            path: Vec::new(),
            depth: 0,
            brief: false,
        };
        walk.goal(relation, object, answer.truth);
        (answer, walk.steps)
    }
}

struct Walk<'a, 's> {
    pack: &'a Pack,
    view: View<'a>,
    question: &'a Question<'a>,
    /// The question's own object.
    object: u32,
    target: Target,
    /// What a relationship server settled.
    settled: Vec<(u32, u32, Truth)>,
    scratch: &'s mut Scratch,
    steps: Vec<Step>,
    path: Vec<(u32, u32)>,
    depth: u32,
    /// What does not hold, and need not, is said and not explained.
    brief: bool,
}

impl Walk<'_, '_> {
    fn ask(&mut self, relation: u32, object: u32) -> Truth {
        Search::new(self.view, self.target, self.scratch).run(relation, object).truth
    }

    fn ask_node(&mut self, node: u32, object: u32) -> Truth {
        Search::new(self.view, self.target, self.scratch).run_node(node, object).truth
    }

    fn object_name(&self, relation: u32, object: u32) -> String {
        let Some(info) = self.view.relations.info(relation) else { return String::new() };
        self.name(info.ty, object)
    }

    fn name(&self, ty: u32, number: u32) -> String {
        let name = self.view.relations.object_name(self.pack, self.view.facts, ty, number);
        // What has no tuple has no name but the one in the question.
        name.unwrap_or_else(|| match self.target {
            Target::Plain { id, ty: t } if (t, id) == (ty, number) => String::from(self.question.subject),
            _ if number == self.object => String::from(self.question.object),
            _ => String::from(self.question.subject.split('#').next().unwrap_or_default()),
        })
    }

    fn relation_name(&self, relation: u32) -> &str {
        self.view.relations.info(relation).map_or("", |info| info.name.text(self.view.model))
    }

    fn push(&mut self, subject: String, relation: u32, object: u32, truth: Truth, tuple: bool) {
        if self.steps.len() < STEPS {
            let depth = self.depth;
            let (relation_name, object) =
                (String::from(self.relation_name(relation)), self.object_name(relation, object));
            self.steps.push(Step { depth, subject, relation: relation_name, object, truth, tuple });
        }
    }

    fn goal(&mut self, relation: u32, object: u32, truth: Truth) {
        if self.path.contains(&(relation, object)) || self.path.len() > 64 || self.steps.len() >= STEPS {
            return;
        }
        if let Some((.., replied)) = self.settled.iter().find(|(r, o, _)| (*r, *o) == (relation, object)) {
            self.push(String::from(self.question.subject), relation, object, *replied, true);
            return;
        }
        let Some(info) = self.view.relations.info(relation) else { return };
        let direct = matches!(self.view.relations.node(info.root), Some(Node::Direct { .. }));
        if !direct {
            self.push(String::from(self.question.subject), relation, object, truth, false);
            if self.brief {
                return;
            }
        }
        let outer = self.depth;
        self.depth = outer.saturating_add(u32::from(!direct));
        self.path.push((relation, object));
        self.node(info.root, object, truth);
        self.path.pop();
        self.depth = outer;
    }

    fn node(&mut self, node: u32, object: u32, truth: Truth) {
        let relations = self.view.relations;
        match relations.node(node) {
            None => {}
            Some(Node::Direct { relation }) => self.direct(relation, object, truth),
            Some(Node::Computed { relation }) => self.goal(relation, object, truth),
            Some(Node::From { tupleset, first, count }) => {
                for (edge, relation) in relations.targets(first, count) {
                    if self.row(edge, tupleset, relation, object, truth) {
                        return;
                    }
                }
            }
            Some(Node::Or { first, count }) => {
                for child in relations.children(first, count) {
                    let found = self.ask_node(child, object);
                    if truth == Truth::True && found != Truth::True {
                        continue;
                    }
                    self.node(child, object, found);
                    if truth == Truth::True {
                        return;
                    }
                }
            }
            Some(Node::And { first, count }) => {
                for child in relations.children(first, count) {
                    let found = self.ask_node(child, object);
                    if truth == Truth::True || found == truth {
                        self.node(child, object, found);
                    }
                    if truth != Truth::True && found == truth {
                        return;
                    }
                }
            }
            Some(Node::Not { base, subtract }) => {
                let held = self.ask_node(base, object);
                if truth == Truth::True || held != Truth::True {
                    self.node(base, object, held);
                }
                if held == Truth::True {
                    let found = self.ask_node(subtract, object);
                    let outer = self.brief;
                    self.brief = outer || truth == Truth::True;
                    self.node(subtract, object, found);
                    self.brief = outer;
                }
            }
        }
    }

    /// The tuple that names the subject, or the userset that it is in; or that there is none.
    fn direct(&mut self, relation: u32, object: u32, truth: Truth) {
        let relations = self.view.relations;
        let first = relations.info(relation).map_or(0, |info| info.first_edge);
        let mut named = false;
        for (number, edge) in (first..).zip(relations.edges_of(relation)) {
            let found = match (edge.form, self.target) {
                (SubjectForm::Plain, Target::Plain { ty, id }) if ty == edge.ty => {
                    self.view.holds(number, object, id)
                }
                (SubjectForm::Wildcard, Target::Plain { ty, .. } | Target::Wildcard { ty })
                    if ty == edge.ty =>
                {
                    self.view.holds(number, object, 0)
                }
                (SubjectForm::Userset(r), Target::Userset { relation, id }) if r == relation => {
                    self.view.holds(number, object, id)
                }
                _ => Truth::False,
            };
            if found != Truth::False {
                let subject = match edge.form {
                    SubjectForm::Wildcard => format!("{}:*", self.view.type_name(edge.ty)),
                    SubjectForm::Plain | SubjectForm::Userset(_) => String::from(self.question.subject),
                };
                self.push(subject, relation, object, found, true);
                named = true;
                if found == Truth::True {
                    return;
                }
            }
        }
        if truth != Truth::True && !named {
            let found = if self.view.complete(relation) { Truth::False } else { Truth::Unknown };
            self.push(String::from(self.question.subject), relation, object, found, true);
        }
        for (number, edge) in (first..).zip(relations.edges_of(relation)) {
            if let SubjectForm::Userset(inner) = edge.form
                && self.row(number, relation, inner, object, truth)
            {
                return;
            }
        }
    }

    /// The subjects of a row that lead to the wanted truth; whether one of them settled it.
    fn row(&mut self, edge: u32, relation: u32, inner: u32, object: u32, truth: Truth) -> bool {
        if self.brief {
            return false;
        }
        let mut shown = 0_u32;
        for index in 0.. {
            let Some((subject, held)) = self.view.subject(edge, object, index) else { return false };
            let found = held.and(self.ask(inner, subject));
            let settles = truth == Truth::True && found == Truth::True;
            if settles || truth != Truth::True && held != Truth::False && shown < WIDTH {
                shown = shown.saturating_add(1);
                let userset = self
                    .view
                    .relations
                    .edge(edge)
                    .is_some_and(|edge| matches!(edge.form, SubjectForm::Userset(_)));
                let mut name = self.object_name(inner, subject);
                if userset {
                    name.push('#');
                    name.push_str(self.relation_name(inner));
                }
                self.push(name, relation, object, held, true);
                self.depth = self.depth.saturating_add(1);
                self.goal(inner, subject, found);
                self.depth = self.depth.saturating_sub(1);
            }
            if settles {
                return true;
            }
            if truth != Truth::True && shown >= WIDTH {
                return false;
            }
        }
        false
    }
}
