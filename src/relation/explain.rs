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
/// How many goals are looked at for it.
const VISITS: u32 = 1_000;
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

impl Step {
    /// Whether this is a tuple that is there.
    fn is_held(&self) -> bool {
        self.tuple && self.truth == Truth::True
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.subject, &self.relation, &self.object) == (&other.subject, &other.relation, &other.object)
    }
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
            visits: 0,
            greedy: false,
            only: None,
            lacking: false,
        };
        let proven = walk.run(relation, object, answer.truth);
        match (answer.truth, proven) {
            (Truth::True, true) => walk.shorten(relation, object),
            // It is too large to be searched for: the first way that holds, as far as it goes.
            (Truth::True, false) => {
                walk.greedy = true;
                walk.run(relation, object, answer.truth);
            }
            (Truth::False | Truth::Unknown, _) => {}
        }
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
    /// What does not hold, and need not, is looked at and not told.
    brief: bool,
    visits: u32,
    /// The first way that holds is taken, wherever it leads.
    greedy: bool,
    /// The tuples that may be used, where not all of them may be.
    only: Option<Vec<Step>>,
    /// Whether something that holds back what would be subtracted was not proven.
    lacking: bool,
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
        if self.steps.len() < STEPS && !self.brief {
            let depth = self.depth;
            let (relation_name, object) =
                (String::from(self.relation_name(relation)), self.object_name(relation, object));
            self.steps.push(Step { depth, subject, relation: relation_name, object, truth, tuple });
        }
    }

    /// Explains the question from the start; whether what holds is proven.
    fn run(&mut self, relation: u32, object: u32, truth: Truth) -> bool {
        self.steps.clear();
        self.visits = 0;
        self.lacking = false;
        self.goal(relation, object, truth) && !self.lacking
    }

    /// Leaves tuples out of a proof as long as the others prove it too.
    fn shorten(&mut self, relation: u32, object: u32) {
        let mut proof = core::mem::take(&mut self.steps);
        let count = |steps: &[Step]| steps.iter().filter(|step| step.is_held()).count();
        let mut needed = 0;
        if matches!(self.target, Target::Plain { .. }) && count(&proof) <= 1 {
            // Its one tuple is needed: nobody but a userset is in a relation by none.
            self.steps = proof;
            return;
        }
        while let Some(left_out) = proof.iter().filter(|step| step.is_held()).nth(needed) {
            self.only = Some(proof.iter().filter(|step| !step.is_same(left_out)).cloned().collect());
            if self.run(relation, object, Truth::True) && count(&self.steps) < count(&proof) {
                proof = core::mem::take(&mut self.steps);
            } else {
                needed = needed.saturating_add(1);
            }
        }
        self.steps = proof;
    }

    /// Whether a tuple may be used in a proof.
    fn may_use(&self, subject: &str, relation: u32, object: u32) -> bool {
        let Some(only) = &self.only else { return true };
        let object = self.object_name(relation, object);
        let relation = self.relation_name(relation);
        let same =
            |step: &Step| step.subject == subject && step.relation == relation && step.object == object;
        only.iter().any(|step| step.is_held() && same(step))
    }

    /// Explains one goal. What holds is proven without leaning on itself; whether that was done.
    fn goal(&mut self, relation: u32, object: u32, truth: Truth) -> bool {
        self.visits = self.visits.saturating_add(1);
        let again = self.path.contains(&(relation, object));
        if again || self.visits > VISITS || self.path.len() > 64 || self.steps.len() >= STEPS {
            return self.greedy;
        }
        if let Some((.., replied)) = self.settled.iter().find(|(r, o, _)| (*r, *o) == (relation, object)) {
            self.push(String::from(self.question.subject), relation, object, *replied, true);
            return true;
        }
        let Some(info) = self.view.relations.info(relation) else { return false };
        let direct = matches!(self.view.relations.node(info.root), Some(Node::Direct { .. }));
        if !direct {
            self.push(String::from(self.question.subject), relation, object, truth, false);
        }
        let outer = self.depth;
        self.depth = outer.saturating_add(u32::from(!direct));
        self.path.push((relation, object));
        // A userset is in itself.
        let itself =
            matches!(self.target, Target::Userset { relation: r, id } if (r, id) == (relation, object));
        let proven = (truth == Truth::True && itself) || self.node(info.root, object, truth);
        self.path.pop();
        self.depth = outer;
        proven
    }

    /// One way to something that holds: what it wrote is kept only where it proves it.
    fn way(&mut self, way: impl FnOnce(&mut Self) -> bool) -> bool {
        let before = self.steps.len();
        let proven = way(self) || self.greedy;
        if !proven {
            self.steps.truncate(before);
        }
        proven
    }

    fn node(&mut self, node: u32, object: u32, truth: Truth) -> bool {
        let relations = self.view.relations;
        let holds = truth == Truth::True;
        match relations.node(node) {
            None => false,
            Some(Node::Direct { relation }) => self.direct(relation, object, truth),
            Some(Node::Computed { relation }) => self.goal(relation, object, truth),
            Some(Node::From { tupleset, first, count }) => {
                let mut targets = relations.targets(first, count);
                targets.any(|(edge, relation)| self.row(edge, tupleset, relation, object, truth))
            }
            Some(Node::Or { first, count }) => relations.children(first, count).any(|child| {
                let found = self.ask_node(child, object);
                match holds {
                    true => found == Truth::True && self.way(|walk| walk.node(child, object, found)),
                    false => {
                        self.node(child, object, found);
                        false
                    }
                }
            }),
            Some(Node::And { first, count }) => match holds {
                true => relations.children(first, count).all(|child| self.node(child, object, truth)),
                false => relations.children(first, count).any(|child| {
                    let found = self.ask_node(child, object);
                    found == truth && {
                        self.node(child, object, found);
                        true
                    }
                }),
            },
            Some(Node::Not { base, subtract }) => {
                let held = self.ask_node(base, object);
                let proven = (!holds && held == Truth::True) || self.node(base, object, held);
                if held == Truth::True {
                    let found = self.ask_node(subtract, object);
                    let outer = self.brief;
                    // That nothing is subtracted is said; it rests on tuples only where something holds them back.
                    self.brief = found != Truth::True && (outer || holds);
                    if self.brief && !outer {
                        self.say(subtract, object, found);
                    }
                    let held_back = self.node(subtract, object, found);
                    self.lacking |= found == Truth::True && !held_back;
                    self.brief = outer;
                }
                proven
            }
        }
    }

    /// Writes down what a relation that is subtracted comes to.
    fn say(&mut self, node: u32, object: u32, truth: Truth) {
        let (relation, tuple) = match self.view.relations.node(node) {
            Some(Node::Direct { relation }) => (relation, true),
            Some(Node::Computed { relation }) => (relation, false),
            _ => return,
        };
        let brief = core::mem::replace(&mut self.brief, false);
        self.push(String::from(self.question.subject), relation, object, truth, tuple);
        self.brief = brief;
    }

    /// The tuple that names the subject, or the userset that it is in; or that there is none.
    fn direct(&mut self, relation: u32, object: u32, truth: Truth) -> bool {
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
            if found == Truth::True || (found == Truth::Unknown && truth != Truth::True) {
                let subject = match edge.form {
                    SubjectForm::Wildcard => format!("{}:*", self.view.type_name(edge.ty)),
                    SubjectForm::Plain | SubjectForm::Userset(_) => String::from(self.question.subject),
                };
                if truth == Truth::True && !self.may_use(&subject, relation, object) {
                    continue;
                }
                self.push(subject, relation, object, found, true);
                named = true;
                if found == Truth::True {
                    return true;
                }
            }
        }
        if truth != Truth::True && !named {
            let found = if self.view.complete(relation) { Truth::False } else { Truth::Unknown };
            self.push(String::from(self.question.subject), relation, object, found, true);
        }
        (first..).zip(relations.edges_of(relation)).any(|(number, edge)| match edge.form {
            SubjectForm::Userset(inner) => self.row(number, relation, inner, object, truth),
            SubjectForm::Plain | SubjectForm::Wildcard => false,
        })
    }

    /// The subjects of a row that lead to the wanted truth; whether one of them settled it.
    fn row(&mut self, edge: u32, relation: u32, inner: u32, object: u32, truth: Truth) -> bool {
        let relations = self.view.relations;
        let userset = relations.edge(edge).is_some_and(|edge| matches!(edge.form, SubjectForm::Userset(_)));
        let holds = truth == Truth::True;
        let mut shown = 0_u32;
        for index in 0.. {
            let Some((subject, held)) = self.view.subject(edge, object, index) else { return false };
            let found = held.and(self.ask(inner, subject));
            if holds && found != Truth::True || held == Truth::False {
                continue;
            }
            let settled = self.way(|walk| {
                let mut name = walk.object_name(inner, subject);
                if userset {
                    name.push('#');
                    name.push_str(walk.relation_name(inner));
                }
                if holds && !walk.may_use(&name, relation, object) {
                    return false;
                }
                walk.push(name, relation, object, held, true);
                walk.depth = walk.depth.saturating_add(1);
                let proven = walk.goal(inner, subject, found);
                walk.depth = walk.depth.saturating_sub(1);
                proven || !holds
            });
            shown = shown.saturating_add(1);
            if holds && settled {
                return true;
            }
            if !holds && shown >= WIDTH && !self.brief {
                return false;
            }
        }
        false
    }
}
