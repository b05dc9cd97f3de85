//! Which objects is somebody related to; who is related to an object.
//!
//! Both collect candidates by going through the tuples without regard to `and` and `but not`, and then ask
//! [`Relations::check`] about each: so a list always agrees with it.

use alloc::{collections::BTreeSet, string::String, vec::Vec};

use super::bytes::small;
use super::check::{Facts, Question, Scratch, Search, Target, View};
use super::load::{Node, Relations, SubjectForm};
use super::tuples::{Subject, parse_object};
use crate::pack::{Pack, Section};
use crate::sort::sort;
use crate::truth::Truth;

/// A list of names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// `type:id`, `type:*` or `type:id#relation`, sorted.
    pub names: Vec<String>,
    /// Whether that is all: no limit was met, and nothing was unknown.
    pub complete: bool,
    /// Whether a limit was met.
    pub limit: bool,
}

/// Why there is no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListError {
    /// The object or the subject is not well formed.
    NameInvalid,
    /// The type of the subject, or its relation, is not in the model.
    SubjectUnknown,
    /// The type is not in the model.
    TypeUnknown,
    /// The type has no such relation.
    RelationUnknown,
}

impl core::fmt::Display for ListError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NameInvalid => "a name is not well formed; write `type:id`",
            Self::SubjectUnknown => "the model does not have the type or the relation of the subject",
            Self::TypeUnknown => "the model does not have the type",
            Self::RelationUnknown => "the type does not have the relation",
        })
    }
}

impl core::error::Error for ListError {}

impl Relations {
    /// The objects of a type to which `subject` has `relation`; at most `most`.
    ///
    /// # Errors
    /// Where the model does not have the type, the relation or the subject's type.
    #[expect(clippy::too_many_arguments, reason = "what is asked, of what, with what")]
    pub fn list_objects(
        &self,
        pack: &Pack,
        ty: &str,
        relation: &str,
        subject: &str,
        facts: &Facts<'_>,
        most: usize,
        scratch: &mut Scratch,
    ) -> Result<Listing, ListError> {
        let view = View::new(self, pack, facts);
        let number = self.ty(view.model, ty).ok_or(ListError::TypeUnknown)?;
        let relation = self.relation_of(view.model, number, relation).ok_or(ListError::RelationUnknown)?;
        let target = view.target(subject)?;
        let (candidates, limit) = Collect::candidates(view, relation, target);
        let mut listing = Listing { names: Vec::new(), complete: !limit, limit };
        for object in candidates {
            let answer = Search::new(view, target, scratch).run(relation, object);
            let name = || {
                let known = self.object_name(pack, facts, number, object);
                // Only a userset that was asked about may be an object without a tuple.
                known.or_else(|| subject.split('#').next().map(String::from))
            };
            listing.take(answer.truth, answer.limit, name, most);
        }
        sort(&mut listing.names);
        Ok(listing)
    }

    /// Objects of a type among which are all to which `subject` has `relation`, and whether no limit was met.
    ///
    /// # Errors
    /// Where the model does not have the type, the relation or the subject's type.
    pub(crate) fn candidates(
        &self,
        pack: &Pack,
        (ty, relation): (&str, &str),
        subject: &str,
        facts: &Facts<'_>,
    ) -> Result<(Vec<String>, bool), ListError> {
        let view = View::new(self, pack, facts);
        let number = self.ty(view.model, ty).ok_or(ListError::TypeUnknown)?;
        let relation = self.relation_of(view.model, number, relation).ok_or(ListError::RelationUnknown)?;
        let (found, limit) = Collect::candidates(view, relation, view.target(subject)?);
        Ok((found.filter_map(|object| self.object_name(pack, facts, number, object)).collect(), !limit))
    }

    /// Every object of a type that the tuples name, up to `most`; `None` where the model does not have the type.
    pub(crate) fn objects(&self, pack: &Pack, ty: &str, facts: &Facts<'_>, most: u32) -> Option<Vec<String>> {
        let number = self.ty(pack.section(Section::Model), ty)?;
        let count = self.types.get(number as usize)?.names.count;
        let extra = [facts.delta, facts.overlay].into_iter().flatten().map(|overlay| overlay.extra()).max();
        let all = 0..count.saturating_add(extra.unwrap_or(0)).min(most);
        Some(all.filter_map(|object| self.object_name(pack, facts, number, object)).collect())
    }

    /// Whether the pack holds every tuple that there is.
    pub(crate) fn is_complete(&self) -> bool {
        self.relations.iter().all(|relation| relation.complete)
    }

    /// The subjects of one form (`user`, or `group#member`) that have `relation` to `object`; at most `most`.
    /// `user:*` stands for everybody of the type, but those whom the model excludes.
    ///
    /// # Errors
    /// Where the model does not have the type, the relation or the form of subject.
    #[expect(clippy::too_many_arguments, reason = "what is asked, of what, with what")]
    pub fn list_users(
        &self,
        pack: &Pack,
        object: &str,
        relation: &str,
        filter: &str,
        facts: &Facts<'_>,
        most: usize,
        scratch: &mut Scratch,
    ) -> Result<Listing, ListError> {
        let view = View::new(self, pack, facts);
        let (ty, id) = parse_object(object).filter(|(_, id)| *id != "*").ok_or(ListError::NameInvalid)?;
        let ty = self.ty(view.model, ty).ok_or(ListError::TypeUnknown)?;
        let relation_name = relation;
        let relation = self.relation_of(view.model, ty, relation).ok_or(ListError::RelationUnknown)?;
        let (filter_type, filter_relation) = match filter.split_once('#') {
            Some((ty, relation)) => (ty, Some(relation)),
            None => (filter, None),
        };
        let filter_number = self.ty(view.model, filter_type).ok_or(ListError::TypeUnknown)?;
        let filter_relation = match filter_relation {
            Some(name) => {
                Some(self.relation_of(view.model, filter_number, name).ok_or(ListError::RelationUnknown)?)
            }
            None => None,
        };
        let number = view.number(ty, id).unwrap_or_else(|spare| spare);
        let mut collect = Collect {
            view,
            goals: BTreeSet::new(),
            queue: Vec::new(),
            steps: facts.limits.steps,
            limit: false,
        };
        let subjects = collect.subjects(relation, number, filter_number);
        let limit = collect.limit;
        let mut names = Vec::new();
        let name_of = |number: u32| self.object_name(pack, facts, filter_number, number);
        match filter_relation {
            Some(filter_relation) => {
                for (_, found) in collect.goals.iter().filter(|goal| goal.0 == filter_relation) {
                    let known = name_of(*found).unwrap_or_else(|| String::from(object));
                    names.push(alloc::format!(
                        "{known}#{}",
                        filter.split_once('#').map_or("", |parts| parts.1)
                    ));
                }
            }
            None => {
                for found in subjects {
                    match found {
                        Some(number) => names.extend(name_of(number)),
                        None => {
                            names.push(alloc::format!("{filter_type}:*"));
                        }
                    }
                }
            }
        }
        let mut listing = Listing { names: Vec::new(), complete: !limit, limit };
        sort(&mut names);
        names.dedup();
        for name in names {
            let question = Question { object, relation: relation_name, subject: &name };
            let answer = self.check(pack, &question, facts, scratch);
            listing.take(answer.truth, answer.limit, || Some(name.clone()), most);
        }
        Ok(listing)
    }
}

impl Listing {
    fn take(&mut self, truth: Truth, limit: bool, name: impl FnOnce() -> Option<String>, most: usize) {
        match truth {
            Truth::True if self.names.len() < most => self.names.extend(name()),
            Truth::True => {
                self.complete = false;
                self.limit = true;
            }
            Truth::Unknown => {
                self.complete = false;
                self.limit |= limit;
            }
            Truth::False => {}
        }
    }
}

impl View<'_> {
    /// The subjects of a row, but those whose tuple was taken away or whose condition does not hold.
    fn held(&self, edge: u32, object: u32) -> impl Iterator<Item = u32> {
        let rows = (0..).map_while(move |index| self.subject(edge, object, index));
        rows.filter(|(_, truth)| *truth != Truth::False).map(|(subject, _)| subject)
    }

    fn target(&self, subject: &str) -> Result<Target, ListError> {
        let subject = Subject::parse(subject).ok_or(ListError::NameInvalid)?;
        let ty = self.relations.ty(self.model, subject.ty).ok_or(ListError::SubjectUnknown)?;
        let id = self.number(ty, subject.id).unwrap_or_else(|spare| spare);
        Ok(match subject.relation {
            Some(name) => {
                let relation =
                    self.relations.relation_of(self.model, ty, name).ok_or(ListError::SubjectUnknown)?;
                Target::Userset { relation, id }
            }
            None if subject.is_wildcard() => Target::Wildcard { ty },
            None => Target::Plain { ty, id },
        })
    }
}

/// Goals that may hold, found by going through the tuples.
struct Collect<'a> {
    view: View<'a>,
    goals: BTreeSet<(u32, u32)>,
    queue: Vec<(u32, u32)>,
    steps: u32,
    limit: bool,
}

/// How one relation may make another one hold.
#[derive(Clone, Copy)]
enum Link {
    /// For the same object.
    Same { relation: u32 },
    /// For the objects whose tuples of this edge name the object.
    Back { edge: u32, relation: u32 },
}

impl<'a> Collect<'a> {
    /// Objects that may have a relation to a subject, and whether a limit was met.
    fn candidates(
        view: View<'a>,
        relation: u32,
        target: Target,
    ) -> (impl Iterator<Item = u32> + use<>, bool) {
        let steps = view.facts.limits.steps;
        let mut collect = Self { view, goals: BTreeSet::new(), queue: Vec::new(), steps, limit: false };
        collect.objects(relation, target);
        let limit = collect.limit;
        let found = collect.goals.into_iter().filter(move |goal| goal.0 == relation);
        (found.map(|goal| goal.1), limit)
    }

    fn add(&mut self, relation: u32, object: u32) {
        match self.steps.checked_sub(1) {
            None => self.limit = true,
            Some(left) => {
                self.steps = left;
                if self.goals.insert((relation, object)) {
                    self.queue.push((relation, object));
                }
            }
        }
    }

    /// Goals that the subject may have, as far as they can lead to `relation`.
    fn objects(&mut self, relation: u32, target: Target) {
        let relations = self.view.relations;
        let needed = self.needed(relation);
        let links = self.links(&needed);
        let is_needed = |relation: u32| needed.get(relation as usize) == Some(&true);
        for (number, edge) in (0..).zip(&relations.edges).filter(|(_, edge)| is_needed(edge.relation)) {
            let key = match (edge.form, target) {
                (SubjectForm::Plain, Target::Plain { ty, id }) if ty == edge.ty => id,
                (SubjectForm::Wildcard, Target::Plain { ty, .. } | Target::Wildcard { ty })
                    if ty == edge.ty =>
                {
                    0
                }
                (SubjectForm::Userset(r), Target::Userset { relation, id }) if r == relation => id,
                _ => continue,
            };
            self.back(number, edge.relation, key);
        }
        if let Target::Userset { relation, id } = target {
            self.add(relation, id);
        }
        while let Some((relation, object)) = self.queue.pop() {
            for link in links.get(relation as usize).into_iter().flatten() {
                match *link {
                    Link::Same { relation } => self.add(relation, object),
                    Link::Back { edge, relation } => self.back(edge, relation, object),
                }
            }
        }
    }

    fn back(&mut self, edge: u32, relation: u32, subject: u32) {
        for index in 0.. {
            match self.view.object(edge, subject, index) {
                Some((_, false)) => {}
                Some((object, true)) if !self.limit => self.add(relation, object),
                _ => return,
            }
        }
    }

    /// The relations that a relation may follow from, itself included.
    fn needed(&self, relation: u32) -> Vec<bool> {
        let mut needed = alloc::vec![false; self.view.relations.relations.len()];
        let mut queue = alloc::vec![relation];
        while let Some(relation) = queue.pop() {
            let Some(slot) = needed.get_mut(relation as usize) else { continue };
            if !core::mem::replace(slot, true) {
                let root = self.view.relations.info(relation).map_or(u32::MAX, |info| info.root);
                self.each(root, false, &mut |link| match link {
                    Link::Same { relation } | Link::Back { relation, .. } => queue.push(relation),
                });
            }
        }
        needed
    }

    /// By relation: what may follow from it.
    fn links(&self, needed: &[bool]) -> Vec<Vec<Link>> {
        let mut links = alloc::vec![Vec::new(); needed.len()];
        for (number, info) in (0..).zip(&self.view.relations.relations) {
            if needed.get(number as usize) == Some(&true) {
                self.each(info.root, false, &mut |link| {
                    let (from, link) = match link {
                        Link::Same { relation } => (relation, Link::Same { relation: number }),
                        Link::Back { edge, relation } => (relation, Link::Back { edge, relation: number }),
                    };
                    if let Some(list) = links.get_mut(from as usize) {
                        list.push(link);
                    }
                });
            }
        }
        links
    }

    /// What the definition of a relation goes to; with what it takes away, if `taken` says so.
    fn each(&self, node: u32, taken: bool, found: &mut dyn FnMut(Link)) {
        let relations = self.view.relations;
        match relations.node(node) {
            None => {}
            Some(Node::Direct { relation }) => {
                let first = relations.info(relation).map_or(0, |info| info.first_edge);
                for (edge, info) in (first..).zip(relations.edges_of(relation)) {
                    if let SubjectForm::Userset(relation) = info.form {
                        found(Link::Back { edge, relation });
                    }
                }
            }
            Some(Node::Computed { relation }) => found(Link::Same { relation }),
            Some(Node::From { first, count, .. }) => {
                relations
                    .targets(first, count)
                    .for_each(|(edge, relation)| found(Link::Back { edge, relation }));
            }
            Some(Node::Or { first, count } | Node::And { first, count }) => {
                relations.children(first, count).for_each(|child| self.each(child, taken, found));
            }
            Some(Node::Not { base, subtract }) => {
                self.each(base, taken, found);
                if taken {
                    self.each(subtract, taken, found);
                }
            }
        }
    }

    /// Subjects of a type that may be in a relation to an object: numbers, `None` for all of them.
    fn subjects(&mut self, relation: u32, object: u32, ty: u32) -> BTreeSet<Option<u32>> {
        let relations = self.view.relations;
        let mut subjects = BTreeSet::new();
        self.add(relation, object);
        while let Some((relation, object)) = self.queue.pop() {
            let Some(info) = relations.info(relation) else { continue };
            // What is taken away counts too: somebody may be kept from an exclusion by being named in another.
            for (number, edge) in (info.first_edge..).zip(relations.edges_of(relation)) {
                match edge.form {
                    SubjectForm::Plain if edge.ty == ty => {
                        subjects.extend(self.view.held(number, object).map(Some));
                    }
                    SubjectForm::Wildcard if edge.ty == ty => {
                        subjects.extend(self.view.held(number, object).map(|_| None));
                    }
                    _ => {}
                }
            }
            let mut links = Vec::new();
            self.each(info.root, true, &mut |link| links.push(link));
            for link in links {
                match link {
                    Link::Same { relation } => self.add(relation, object),
                    Link::Back { edge, relation } => {
                        let view = self.view;
                        for subject in view.held(edge, object) {
                            if self.limit {
                                break;
                            }
                            self.add(relation, subject);
                        }
                    }
                }
            }
        }
        self.steps = self.steps.saturating_sub(small(subjects.len()));
        subjects
    }
}
