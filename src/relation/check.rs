//! Is this subject in this relation to this object? Three values; what cannot be established is unknown.
//!
//! The search runs on its own stack and goes through a graph of *goals* (a relation of an object). Goals that
//! are joined by `or`, by computed relations and by tuples form a *region*: one goal that holds makes the
//! region's first goal hold, so a region visits each of its goals once. `and` and `but not` start a region for
//! each operand. A goal that is met again on the way to itself contributes *unknown*; so does a goal too deep,
//! and everything once the steps are used up.

use alloc::{string::String, vec::Vec};

use super::bytes::small;
use super::load::{ConditionInfo, Edge, Node, Relations, SubjectForm};
use super::names::Names;
use super::overlay::Overlay;
use super::tuples::{Subject, parse_object};
use crate::expr::{Fact, Instant, Type, Value, Variables, unpack};
use crate::json;
use crate::pack::{Pack, Section};
use crate::time::Timestamp;
use crate::truth::Truth;

/// What is asked: is `subject` in `relation` to `object`?
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// `repo:web`
    pub object: &'a str,
    /// `writer`
    pub relation: &'a str,
    /// `user:ana`, `user:*` or `group:eng#member`
    pub subject: &'a str,
}

/// What a relationship server said to exactly this question: it holds every tuple.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// What it was asked.
    pub question: Question<'a>,
    /// What it said.
    pub holds: bool,
}

/// What else is known for this request; everything is optional.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Changes since the pack was made.
    pub delta: Option<&'a Overlay>,
    /// Tuples that hold for this request only: made with [`Overlay::above`] where there is a `delta`.
    pub overlay: Option<&'a Overlay>,
    /// Relations (type and name) of which it is not known for this request whether there are further tuples.
    pub unknown: &'a [(&'a str, &'a str)],
    /// What a relationship server said, for relations of which the pack does not hold every tuple.
    pub replies: &'a [Reply<'a>],
    /// Values for the parameters of conditions; those that a tuple brings along come first.
    pub context: Option<&'a json::Object<'a>>,
    /// The time of the decision: the parameter `current_time` of conditions, where nothing else gives it.
    pub now: Option<Timestamp>,
    /// How far a search may go.
    pub limits: Limits,
}

impl<'a> Facts<'a> {
    fn layers(&self) -> impl Iterator<Item = &'a Overlay> + use<'a> {
        self.delta.into_iter().chain(self.overlay)
    }
}

/// How far a search may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Goals on one way. OpenFGA's own limit is 25.
    pub depth: u32,
    /// Goals and tuples looked at, in all.
    pub steps: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 25, steps: 100_000 }
    }
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Whether it holds.
    pub truth: Truth,
    /// Whether a limit was met. The truth may be definite all the same.
    pub limit: bool,
    /// Whether a goal was met again on the way to itself.
    pub cycle: bool,
    /// Whether a condition that was met could not be settled: a parameter was missing, or of the wrong type.
    pub condition: bool,
    /// Whether a relation without all its tuples was asked: see [`Relations::missing`].
    pub incomplete: bool,
    /// Whether the question names a type or a relation that the model does not have, or is not well formed.
    /// The truth is then unknown.
    pub invalid: bool,
}

/// Stacks and memory of a search, for use again and again: a search that is no larger than one before it allocates nothing.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    stack: Vec<Frame>,
    goals: Goals,
    /// Outcomes of regions, by number.
    regions: Vec<Outcome>,
    missing: Vec<(u32, u32)>,
    /// Goals that were missing and that a reply has settled as a whole, for one question.
    settled: Vec<(u32, u32, Truth)>,
}

/// The goals of a search, found again by relation and object. A few are looked through; many are hashed.
#[derive(Debug, Clone, Default)]
struct Goals {
    items: Vec<Goal>,
    /// Indexes, counted from 1, in slots by hash; in use once there are more than [`FEW`].
    table: Vec<u32>,
}

const FEW: usize = 16;

impl Goals {
    fn clear(&mut self) {
        self.items.clear();
        self.table.clear();
    }

    fn find(&self, relation: u32, object: u32) -> Option<usize> {
        let same = |goal: &Goal| goal.relation == relation && goal.object == object;
        if self.items.len() <= FEW {
            return self.items.iter().position(same);
        }
        let mut slot = self.slot(relation, object);
        loop {
            let index = (*self.table.get(slot)? as usize).checked_sub(1)?;
            if self.items.get(index).is_some_and(same) {
                return Some(index);
            }
            slot = self.after(slot);
        }
    }

    fn slot(&self, relation: u32, object: u32) -> usize {
        let key = u64::from(relation) << 32 | u64::from(object);
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        (hash.wrapping_mul(self.table.len() as u64) >> 32) as usize
    }

    fn after(&self, slot: usize) -> usize {
        let next = slot.saturating_add(1);
        if next < self.table.len() { next } else { 0 }
    }

    fn push(&mut self, goal: Goal) -> usize {
        let index = self.items.len();
        self.items.push(goal);
        if self.items.len() > FEW {
            // At most half full, so that looking for a free slot ends.
            if self.table.len() < self.items.len().saturating_mul(2) {
                let size = self.items.len().saturating_mul(4);
                self.table.clear();
                self.table.resize(size, 0);
                for index in 0..self.items.len() {
                    self.enter(index);
                }
            } else {
                self.enter(index);
            }
        }
        index
    }

    fn enter(&mut self, index: usize) {
        let Some(goal) = self.items.get(index) else { return };
        let mut slot = self.slot(goal.relation, goal.object);
        while self.table.get(slot).is_some_and(|entry| *entry != 0) {
            slot = self.after(slot);
        }
        if let Some(entry) = self.table.get_mut(slot) {
            *entry = small(index.saturating_add(1));
        }
    }
}

impl Scratch {
    /// For further searches about the same question.
    pub(crate) fn knowing(settled: Vec<(u32, u32, Truth)>) -> Self {
        Self { settled, ..Self::default() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Running,
    Done(Truth),
}

#[derive(Debug, Clone, Copy)]
struct Goal {
    relation: u32,
    object: u32,
    state: State,
    depth: u32,
    /// Whether the depth limit was met below it.
    cut: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// On the way from the question to where the search is, in a region of this level.
    Open { level: u32 },
    /// Looked at within a region.
    Seen { region: u32 },
    /// Settled, whatever the way.
    Known(Truth),
}

#[derive(Debug, Clone, Copy)]
enum Frame {
    /// A region: its number, what it has come to, and the outermost level on which that depends.
    Region {
        number: u32,
        level: u32,
        truth: Truth,
        lowest: u32,
        depth: u32,
    },
    Goal {
        goal: u32,
    },
    Or {
        first: u32,
        count: u32,
        next: u32,
        object: u32,
    },
    /// Subjects of one edge, each of which must have a relation.
    Row {
        edge: u32,
        relation: u32,
        object: u32,
        next: u32,
    },
    /// Edges of a relation that lead to usersets.
    Usersets {
        relation: u32,
        next: u32,
        object: u32,
    },
    /// Edges of a tupleset.
    From {
        first: u32,
        count: u32,
        next: u32,
        object: u32,
    },
    And {
        first: u32,
        count: u32,
        next: u32,
        object: u32,
        truth: Truth,
    },
    Not {
        base: u32,
        subtract: u32,
        object: u32,
        stage: Stage,
    },
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Start,
    Base,
    Subtract(Truth),
}

/// The subject of the question in numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    Plain { ty: u32, id: u32 },
    Wildcard { ty: u32 },
    Userset { relation: u32, id: u32 },
}

impl Relations {
    /// Answers a question. Allocates nothing once `scratch` is warm.
    pub fn check(
        &self,
        pack: &Pack,
        question: &Question<'_>,
        facts: &Facts<'_>,
        scratch: &mut Scratch,
    ) -> Answer {
        let (answer, _) = self.settle(pack, question, facts, scratch);
        answer
    }

    /// Answers, and gives the goals that replies have settled. A reply counts only where this search lacked tuples
    /// without it: for a goal that can be settled here it is no answer to anything that was asked.
    pub(crate) fn settle(
        &self,
        pack: &Pack,
        question: &Question<'_>,
        facts: &Facts<'_>,
        scratch: &mut Scratch,
    ) -> (Answer, Vec<(u32, u32, Truth)>) {
        let view = View::new(self, pack, facts);
        let Some((relation, object, target)) = view.resolve(question) else {
            let invalid = Answer {
                truth: Truth::Unknown,
                limit: false,
                cycle: false,
                condition: false,
                incomplete: false,
                invalid: true,
            };
            return (invalid, Vec::new());
        };
        scratch.settled.clear();
        loop {
            let answer = Search::new(view, target, scratch).run(relation, object);
            let before = scratch.settled.len();
            if answer.truth == Truth::Unknown && !facts.replies.is_empty() {
                let replied = |(r, o): &(u32, u32)| Some((*r, *o, view.replied(question, object, *r, *o)?));
                scratch.settled.extend(scratch.missing.iter().filter_map(replied));
            }
            if scratch.settled.len() == before {
                return (answer, core::mem::take(&mut scratch.settled));
            }
        }
    }
}

impl Relations {
    /// What somebody who holds all tuples would have to be asked, after a check that was incomplete: object and
    /// relation, for the subject of the question. At most 32; the question's own object may have no tuple, and
    /// is then called by the name that it has there.
    pub fn missing<'q>(
        &self,
        pack: &'q Pack,
        question: &Question<'q>,
        facts: &Facts<'q>,
        scratch: &Scratch,
    ) -> Vec<(String, &'q str)> {
        let view = View::new(self, pack, facts);
        let own = view.resolve(question).map(|(relation, object, _)| (relation, object));
        let goal = |(relation, object): &(u32, u32)| {
            let info = self.info(*relation)?;
            let name = info.name.text(pack.section(Section::Model));
            let same_type = own.and_then(|(r, _)| self.info(r)).is_some_and(|r| r.ty == info.ty);
            if same_type && own.is_some_and(|(_, o)| o == *object) {
                return Some((String::from(question.object), name));
            }
            Some((self.object_name(pack, facts, info.ty, *object)?, name))
        };
        scratch.missing.iter().filter_map(goal).collect()
    }

    /// `type:id`
    pub(crate) fn object_name(&self, pack: &Pack, facts: &Facts<'_>, ty: u32, number: u32) -> Option<String> {
        let info = self.types.get(ty as usize)?;
        let id = info.names.name(pack.section(Section::Tuples), number);
        let id =
            id.or_else(|| facts.layers().find_map(|overlay| overlay.name(ty, number, info.names.count)))?;
        Some([info.name.text(pack.section(Section::Model)), ":", id].concat())
    }
}

/// A pack and what is known beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub relations: &'a Relations,
    pub model: &'a [u8],
    pub tuples: &'a [u8],
    pub facts: &'a Facts<'a>,
}

impl<'a> View<'a> {
    pub fn new(relations: &'a Relations, pack: &'a Pack, facts: &'a Facts<'a>) -> Self {
        let (model, tuples) = (pack.section(Section::Model), pack.section(Section::Tuples));
        Self { relations, model, tuples, facts }
    }

    /// What a relationship server said of a goal that lacks tuples here. Where claims of the token leave a relation
    /// open, the server does not know either what follows from it.
    fn replied(&self, asked: &Question<'_>, own: u32, relation: u32, object: u32) -> Option<Truth> {
        let info = self.relations.info(relation).filter(|_| self.facts.unknown.is_empty())?;
        let name = info.name.text(self.model);
        let is_object = |text: &str| match parse_object(text) {
            // The question's own object may have no number yet but the one that it was given for the search.
            Some(_) if text == asked.object => own == object && self.is_type(info.ty, text),
            Some((_, id)) => self.is_type(info.ty, text) && self.number(info.ty, id) == Ok(object),
            None => false,
        };
        let reply = self.facts.replies.iter().find(|Reply { question, .. }| {
            question.subject == asked.subject && question.relation == name && is_object(question.object)
        })?;
        Some(reply.holds.into())
    }

    fn is_type(&self, ty: u32, object: &str) -> bool {
        object.split_once(':').is_some_and(|(name, _)| name == self.type_name(ty))
    }

    /// Names into numbers. A name without tuples gets a number behind all that have some.
    pub fn resolve(&self, question: &Question<'_>) -> Option<(u32, u32, Target)> {
        let (ty, id) = parse_object(question.object).filter(|(_, id)| *id != "*")?;
        let subject = Subject::parse(question.subject)?;
        let ty = self.relations.ty(self.model, ty)?;
        let relation = self.relations.relation_of(self.model, ty, question.relation)?;
        let subject_type = self.relations.ty(self.model, subject.ty)?;
        let same = subject_type == ty && subject.id == id;
        let names = |ty: u32| self.relations.types.get(ty as usize).map(|ty| ty.names);
        let (of_object, of_subject) = (names(ty)?, names(subject_type)?);
        // Both start before either is finished.
        let starts = (of_object.start(self.tuples, id), of_subject.start(self.tuples, subject.id));
        let object = self.beside(ty, id, of_object, of_object.finish(self.tuples, id, starts.0));
        let number = || {
            let found = of_subject.finish(self.tuples, subject.id, starts.1);
            self.beside(subject_type, subject.id, of_subject, found)
                .map_err(|spare| if same { spare } else { spare.saturating_add(1) })
        };
        let any = |number: Result<u32, u32>| number.unwrap_or_else(|spare| spare);
        let target = match subject.relation {
            Some(name) => {
                let relation = self.relations.relation_of(self.model, subject_type, name)?;
                Target::Userset { relation, id: any(number()) }
            }
            None if subject.is_wildcard() => Target::Wildcard { ty: subject_type },
            None => Target::Plain { ty: subject_type, id: any(number()) },
        };
        Some((relation, any(object), target))
    }

    /// The number of a name, or the first one that is not in use.
    pub fn number(&self, ty: u32, id: &str) -> Result<u32, u32> {
        let names = self.relations.types.get(ty as usize).map(|ty| ty.names).ok_or(u32::MAX)?;
        self.beside(ty, id, names, names.find(self.tuples, id))
    }

    /// The number that was found in the pack, or that of a name beside it.
    fn beside(&self, ty: u32, id: &str, names: Names, found: Option<u32>) -> Result<u32, u32> {
        if let Some(number) = found {
            return Ok(number);
        }
        let known = self.facts.layers().find_map(|overlay| overlay.find(ty, id, names.count));
        let extra = self.facts.layers().map(Overlay::extra).max().unwrap_or_default();
        known.ok_or(names.count.saturating_add(extra))
    }

    pub fn type_name(&self, ty: u32) -> &'a str {
        self.relations.types.get(ty as usize).map_or("", |ty| ty.name.text(self.model))
    }

    /// Whether it is known of all tuples of a relation.
    pub fn complete(&self, relation: u32) -> bool {
        let Some(info) = self.relations.info(relation) else { return false };
        if self.facts.unknown.is_empty() {
            return info.complete;
        }
        let (Some(ty), name) = (self.relations.types.get(info.ty as usize), info.name.text(self.model))
        else {
            return false;
        };
        info.complete && !self.facts.unknown.contains(&(ty.name.text(self.model), name))
    }

    /// Whether a tuple is there, and holds.
    pub fn holds(&self, edge: u32, object: u32, subject: u32) -> Truth {
        let Some(info) = self.relations.edge(edge) else { return Truth::Unknown };
        let mut truth = Truth::False;
        for overlay in self.facts.layers().filter(|overlay| overlay.contains(edge, object, subject)) {
            truth = truth.or(self.condition(info, overlay.context(edge, object, subject)));
        }
        if truth == Truth::True || self.removed(edge, object, subject) {
            return truth;
        }
        truth.or(self.stored(info, object, subject))
    }

    /// Whether a tuple of the pack has been taken away.
    fn removed(&self, edge: u32, object: u32, subject: u32) -> bool {
        self.facts.delta.is_some_and(|delta| delta.removes(edge, object, subject))
    }

    fn stored(&self, edge: &Edge, object: u32, subject: u32) -> Truth {
        let row = edge.forward.row(self.tuples, object);
        // A group of thousands is slower to search than the few groups of a person.
        if row.len() > 64 && edge.condition.is_none() {
            let reverse = edge.reverse.row(self.tuples, subject);
            if reverse.len() < row.len() {
                return reverse.position(self.tuples, object).is_some().into();
            }
        }
        match row.position(self.tuples, subject) {
            Some(position) => self.condition(edge, self.context(edge, position)),
            None => Truth::False,
        }
    }

    /// The subject number `index` of a row, with whether its tuple holds; the pack's first, then those beside it.
    pub fn subject(&self, edge: u32, object: u32, index: u32) -> Option<(u32, Truth)> {
        let info = self.relations.edge(edge)?;
        let row = info.forward.row(self.tuples, object);
        if index < row.len() {
            let subject = row.get(self.tuples, index)?;
            if self.removed(edge, object, subject) {
                return Some((subject, Truth::False));
            }
            let context = row.start.checked_add(index).and_then(|position| self.context(info, position));
            return Some((subject, self.condition(info, context)));
        }
        let mut index = index.checked_sub(row.len())?;
        for overlay in self.facts.layers() {
            if let Some(subject) = overlay.subject(edge, object, index) {
                return Some((subject, self.condition(info, overlay.context(edge, object, subject))));
            }
            index = index.saturating_sub(overlay.subjects(edge, object));
        }
        None
    }

    /// The values that the tuple at a position of the edge brings along.
    fn context(&self, edge: &Edge, position: u32) -> Option<&'a [u8]> {
        edge.condition?;
        self.relations.context_at(self.tuples, edge, position)
    }

    /// Whether the condition of a tuple holds, with the values that the tuple and the request bring along.
    fn condition(&self, edge: &Edge, context: Option<&[u8]>) -> Truth {
        let Some(number) = edge.condition else { return Truth::True };
        let info = self.relations.conditions.get(number as usize);
        let (Some(info), Some((context, _))) = (info, context.and_then(unpack)) else {
            return Truth::Unknown;
        };
        let Some(code) = self.model.get(info.code.start..info.code.end) else { return Truth::Unknown };
        let Facts { context: request, now, .. } = *self.facts;
        let values = Values { model: self.model, info, context, request, now };
        info.program.eval(code, &values)
    }
}

/// The parameter of a condition that is the time of the decision, as relationship servers are given it.
const CURRENT_TIME: &str = "current_time";

/// The values of a condition's parameters: the tuple's own come first.
struct Values<'a> {
    model: &'a [u8],
    info: &'a ConditionInfo,
    context: Value<'a>,
    request: Option<&'a json::Object<'a>>,
    now: Option<Timestamp>,
}

impl Variables for Values<'_> {
    fn get(&self, index: u32) -> Fact<'_> {
        let Some((name, ty)) = self.info.parameters.get(index as usize) else { return Fact::Unknown };
        let name = name.text(self.model);
        match self.context.member(name) {
            Ok(Some(value)) => return Fact::Known(value),
            Ok(None) => {}
            Err(()) => return Fact::Unknown,
        }
        let value = match self.request.and_then(|request| request.get(name)) {
            Some(value) => Value::from_json(value, *ty),
            None if name == CURRENT_TIME && *ty == Type::Timestamp => self.now.and_then(instant),
            None => None,
        };
        value.map_or(Fact::Unknown, Fact::Known)
    }
}

fn instant(now: Timestamp) -> Option<Value<'static>> {
    Instant::new(i64::try_from(now.seconds()).ok()?, 0).map(Value::Timestamp)
}

impl View<'_> {
    /// The object number `index` of a subject's row, read backwards, with whether its tuple was not taken away; the
    /// pack's first, then those beside it.
    pub fn object(&self, edge: u32, subject: u32, index: u32) -> Option<(u32, bool)> {
        let info = self.relations.edge(edge)?;
        let row = info.reverse.row(self.tuples, subject);
        if index < row.len() {
            let object = row.get(self.tuples, index)?;
            return Some((object, !self.removed(edge, object, subject)));
        }
        let mut index = index.checked_sub(row.len())?;
        for overlay in self.facts.layers() {
            if let Some(object) = overlay.object(edge, subject, index) {
                return Some((object, true));
            }
            index = index.saturating_sub(overlay.objects(edge, subject));
        }
        None
    }
}

pub(crate) struct Search<'a, 's> {
    view: View<'a>,
    target: Target,
    scratch: &'s mut Scratch,
    steps: u32,
    depth: u32,
    level: u32,
    answer: Answer,
}

/// What the search does next.
enum Turn {
    /// Go on with the frame on top.
    Next,
    /// Something in the region has this truth.
    Leaf(Truth),
    /// A region has ended with this truth.
    Ended(Truth),
}

const NO_LEVEL: u32 = u32::MAX;
/// How many goals that lack tuples are listed.
const MISSING: usize = 32;

impl<'a, 's> Search<'a, 's> {
    pub fn new(view: View<'a>, target: Target, scratch: &'s mut Scratch) -> Self {
        scratch.stack.clear();
        scratch.goals.clear();
        scratch.regions.clear();
        scratch.missing.clear();
        let answer = Answer {
            truth: Truth::Unknown,
            limit: false,
            cycle: false,
            condition: false,
            incomplete: false,
            invalid: false,
        };
        let steps = view.facts.limits.steps;
        Self { view, target, scratch, steps, depth: 0, level: 0, answer }
    }

    pub fn run(mut self, relation: u32, object: u32) -> Answer {
        self.begin_region();
        let turn = self.enter_goal(relation, object);
        self.until_done(turn)
    }

    /// Part of a relation's definition.
    pub fn run_node(mut self, node: u32, object: u32) -> Answer {
        self.begin_region();
        let turn = self.enter(node, object);
        self.until_done(turn)
    }

    fn until_done(mut self, mut turn: Turn) -> Answer {
        loop {
            turn = match turn {
                Turn::Leaf(truth) => self.leaf(truth),
                Turn::Next => self.next(),
                Turn::Ended(truth) => match self.scratch.stack.last() {
                    Some(_) => self.operand(truth),
                    None => {
                        self.answer.truth = truth;
                        return self.answer;
                    }
                },
            };
            if !self.step() {
                // Its truth is still unknown.
                self.answer.limit = true;
                return self.answer;
            }
        }
    }

    fn step(&mut self) -> bool {
        match self.steps.checked_sub(1) {
            Some(left) => {
                self.steps = left;
                true
            }
            None => false,
        }
    }

    fn begin_region(&mut self) {
        self.level = self.level.saturating_add(1);
        let number = small(self.scratch.regions.len());
        self.scratch.regions.push(Outcome::Running);
        let frame = Frame::Region {
            number,
            level: self.level,
            truth: Truth::False,
            lowest: NO_LEVEL,
            depth: self.depth,
        };
        self.scratch.stack.push(frame);
    }

    /// Adds to what the current region has come to.
    fn contribute(&mut self, more: Truth, level: u32) {
        for frame in self.scratch.stack.iter_mut().rev() {
            if let Frame::Region { truth, lowest, .. } = frame {
                *truth = truth.or(more);
                *lowest = (*lowest).min(level);
                return;
            }
        }
    }

    fn region_number(&self) -> u32 {
        let region = self.scratch.stack.iter().rev().find_map(|frame| match frame {
            Frame::Region { number, .. } => Some(*number),
            _ => None,
        });
        region.unwrap_or(u32::MAX)
    }

    /// Something in the region holds, or is unknown.
    fn leaf(&mut self, truth: Truth) -> Turn {
        match truth {
            Truth::False => Turn::Next,
            Truth::Unknown => {
                self.contribute(Truth::Unknown, NO_LEVEL);
                Turn::Next
            }
            Truth::True => {
                // Everything on the way back to where the region began holds too.
                while let Some(frame) = self.scratch.stack.last().copied() {
                    if let Frame::Region { .. } = frame {
                        break;
                    }
                    if let Frame::Goal { goal } = frame {
                        self.close(goal, State::Known(Truth::True));
                    }
                    self.scratch.stack.pop();
                }
                self.contribute(Truth::True, NO_LEVEL);
                Turn::Next
            }
        }
    }

    fn close(&mut self, goal: u32, state: State) {
        if let Some(goal) = self.scratch.goals.items.get_mut(goal as usize) {
            goal.state = state;
        }
    }

    fn next(&mut self) -> Turn {
        let Some(frame) = self.scratch.stack.last_mut() else { return Turn::Ended(Truth::Unknown) };
        let relations = self.view.relations;
        match frame {
            Frame::Region { number, level, truth, lowest, depth } => {
                let (number, level, truth, lowest) = (*number, *level, *truth, *lowest);
                self.depth = *depth;
                self.scratch.stack.pop();
                self.end_region(number, level, truth, lowest);
                Turn::Ended(truth)
            }
            Frame::Goal { goal } => {
                let goal = *goal;
                self.scratch.stack.pop();
                self.depth = self.depth.saturating_sub(1);
                let region = self.region_number();
                self.close(goal, State::Seen { region });
                Turn::Next
            }
            Frame::Or { first, count, next, object } => {
                let child = if *next < *count {
                    relations.list.get((first.saturating_add(*next)) as usize)
                } else {
                    None
                };
                *next = next.saturating_add(1);
                let object = *object;
                match child {
                    Some(child) => self.enter(*child, object),
                    None => self.pop(),
                }
            }
            Frame::Row { edge, relation, object, next } => {
                let found = self.view.subject(*edge, *object, *next);
                *next = next.saturating_add(1);
                let relation = *relation;
                match found {
                    Some((subject, Truth::True)) => self.enter_goal(relation, subject),
                    Some((_, Truth::False)) => Turn::Next,
                    Some((_, Truth::Unknown)) => {
                        self.answer.condition = true;
                        Turn::Leaf(Truth::Unknown)
                    }
                    None => self.pop(),
                }
            }
            Frame::Usersets { relation, next, object } => {
                let (index, object) = (*next, *object);
                *next = next.saturating_add(1);
                let Some(edge) = relations.edges_of(*relation).get(index as usize) else { return self.pop() };
                let first = relations.info(*relation).map_or(0, |info| info.first_edge);
                if let SubjectForm::Userset(relation) = edge.form {
                    self.scratch.stack.push(Frame::Row {
                        edge: first.saturating_add(index),
                        relation,
                        object,
                        next: 0,
                    });
                }
                Turn::Next
            }
            Frame::From { first, count, next, object } => {
                let (index, object) = (*next, *object);
                *next = next.saturating_add(1);
                let target = relations.targets(*first, *count).nth(index as usize);
                match target {
                    Some((edge, relation)) => {
                        self.scratch.stack.push(Frame::Row { edge, relation, object, next: 0 });
                        Turn::Next
                    }
                    None => self.pop(),
                }
            }
            Frame::And { first, count, next, object, truth } => {
                let child = if *next < *count {
                    relations.list.get((first.saturating_add(*next)) as usize)
                } else {
                    None
                };
                *next = next.saturating_add(1);
                let (object, truth) = (*object, *truth);
                match child {
                    Some(child) => {
                        self.begin_region();
                        self.enter(*child, object)
                    }
                    None => {
                        self.scratch.stack.pop();
                        Turn::Leaf(truth)
                    }
                }
            }
            Frame::Not { base, subtract, object, stage } => {
                let (node, object) = match stage {
                    Stage::Start => {
                        *stage = Stage::Base;
                        (*base, *object)
                    }
                    Stage::Base | Stage::Subtract(_) => (*subtract, *object),
                };
                self.begin_region();
                self.enter(node, object)
            }
        }
    }

    fn pop(&mut self) -> Turn {
        self.scratch.stack.pop();
        Turn::Next
    }

    fn end_region(&mut self, number: u32, level: u32, truth: Truth, lowest: u32) {
        if let Some(outcome) = self.scratch.regions.get_mut(number as usize) {
            *outcome = Outcome::Done(truth);
        }
        self.level = level.saturating_sub(1);
        // What depends on a goal further out is not settled there either.
        if truth == Truth::Unknown && lowest < level {
            self.contribute(Truth::False, lowest);
        }
    }

    /// An operand of `and` or `but not` has been settled.
    fn operand(&mut self, operand: Truth) -> Turn {
        let Some(frame) = self.scratch.stack.last_mut() else { return Turn::Ended(operand) };
        match frame {
            Frame::And { truth, .. } => {
                *truth = truth.and(operand);
                if *truth == Truth::False { self.pop() } else { Turn::Next }
            }
            Frame::Not { stage, .. } => match *stage {
                Stage::Start | Stage::Base if operand == Truth::False => self.pop(),
                Stage::Start | Stage::Base => {
                    *stage = Stage::Subtract(operand);
                    Turn::Next
                }
                Stage::Subtract(base) => {
                    self.scratch.stack.pop();
                    Turn::Leaf(base.and(!operand))
                }
            },
            Frame::Region { .. }
            | Frame::Goal { .. }
            | Frame::Or { .. }
            | Frame::Row { .. }
            | Frame::Usersets { .. }
            | Frame::From { .. } => Turn::Leaf(operand),
        }
    }

    fn enter_goal(&mut self, relation: u32, object: u32) -> Turn {
        let Some(info) = self.view.relations.info(relation) else { return Turn::Leaf(Truth::Unknown) };
        // A userset is in itself.
        if matches!(self.target, Target::Userset { relation: r, id } if (r, id) == (relation, object)) {
            return Turn::Leaf(Truth::True);
        }
        if let Some((.., truth)) =
            self.scratch.settled.iter().find(|(r, o, _)| (*r, *o) == (relation, object))
        {
            return Turn::Leaf(*truth);
        }
        let region = self.region_number();
        let found = self.scratch.goals.find(relation, object);
        if let Some(goal) = found.and_then(|index| self.scratch.goals.items.get(index)) {
            match goal.state {
                State::Known(truth) => return Turn::Leaf(truth),
                State::Open { level } => {
                    self.answer.cycle = true;
                    self.contribute(Truth::Unknown, level);
                    return Turn::Next;
                }
                State::Seen { region: seen } => {
                    let outcome = self.scratch.regions.get(seen as usize).copied();
                    let shorter = goal.cut && self.depth < goal.depth;
                    if outcome == Some(Outcome::Done(Truth::False)) || seen == region && !shorter {
                        return Turn::Next;
                    }
                }
            }
        }
        if self.depth >= self.view.facts.limits.depth {
            self.answer.limit = true;
            for goal in &mut self.scratch.goals.items {
                goal.cut |= matches!(goal.state, State::Open { .. });
            }
            return Turn::Leaf(Truth::Unknown);
        }
        let goal = Goal {
            relation,
            object,
            state: State::Open { level: self.level },
            depth: self.depth,
            cut: false,
        };
        let index = match found {
            Some(index) => {
                if let Some(slot) = self.scratch.goals.items.get_mut(index) {
                    *slot = goal;
                }
                index
            }
            None => self.scratch.goals.push(goal),
        };
        self.depth = self.depth.saturating_add(1);
        self.scratch.stack.push(Frame::Goal { goal: small(index) });
        self.enter(info.root, object)
    }

    fn enter(&mut self, node: u32, object: u32) -> Turn {
        match self.view.relations.node(node) {
            None => Turn::Leaf(Truth::Unknown),
            Some(Node::Direct { relation }) => self.direct(relation, object),
            Some(Node::Computed { relation }) => self.enter_goal(relation, object),
            Some(Node::From { tupleset, first, count }) => {
                self.scratch.stack.push(Frame::From { first, count, next: 0, object });
                if self.view.complete(tupleset) { Turn::Next } else { self.incomplete() }
            }
            Some(Node::Or { first, count }) => {
                self.scratch.stack.push(Frame::Or { first, count, next: 0, object });
                Turn::Next
            }
            Some(Node::And { first, count }) => {
                self.scratch.stack.push(Frame::And { first, count, next: 0, object, truth: Truth::True });
                Turn::Next
            }
            Some(Node::Not { base, subtract }) => {
                self.scratch.stack.push(Frame::Not { base, subtract, object, stage: Stage::Start });
                Turn::Next
            }
        }
    }

    /// The goal that the search is at lacks tuples: only somebody who has them all can settle it.
    fn incomplete(&mut self) -> Turn {
        let goal = self.scratch.stack.iter().rev().find_map(|frame| match frame {
            Frame::Goal { goal } => self.scratch.goals.items.get(*goal as usize),
            _ => None,
        });
        self.answer.incomplete = true;
        let Some((relation, object)) = goal.map(|goal| (goal.relation, goal.object)) else {
            return Turn::Leaf(Truth::Unknown);
        };
        let missing = &mut self.scratch.missing;
        if missing.len() < MISSING && !missing.contains(&(relation, object)) {
            missing.push((relation, object));
        }
        Turn::Leaf(Truth::Unknown)
    }

    /// The tuples of a relation that name the subject; those that name usersets come next.
    fn direct(&mut self, relation: u32, object: u32) -> Turn {
        let Some(info) = self.view.relations.info(relation) else { return Turn::Leaf(Truth::Unknown) };
        let mut truth = Truth::False;
        let mut usersets = false;
        for (number, edge) in (info.first_edge..).zip(self.view.relations.edges_of(relation)) {
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
                    usersets = true;
                    self.view.holds(number, object, id)
                }
                (SubjectForm::Userset(_), _) => {
                    usersets = true;
                    Truth::False
                }
                (SubjectForm::Plain | SubjectForm::Wildcard, _) => Truth::False,
            };
            self.answer.condition |= found == Truth::Unknown;
            truth = truth.or(found);
            if truth == Truth::True {
                return Turn::Leaf(Truth::True);
            }
        }
        if usersets {
            self.scratch.stack.push(Frame::Usersets { relation, next: 0, object });
        }
        if self.view.complete(relation) { Turn::Leaf(truth) } else { self.incomplete() }
    }
}
