//! Reads the directory of a pack's model and tuples: every index of the model is checked once, here.
//! Rows of tuples are checked when they are read.

use alloc::{vec, vec::Vec};

use super::bytes::{In, Span, item};
use super::compile::{FORM_PLAIN, FORM_USERSET, FORM_WILDCARD, NONE};
use super::compile::{NODE_AND, NODE_COMPUTED, NODE_DIRECT, NODE_FROM, NODE_NOT, NODE_OR};
use super::names::Names;
use crate::expr::{Program, Type, words_type};
use crate::pack::{Pack, PackError, Section};

/// Where everything is in a pack: numbers only, so it can outlive any borrow of the pack. It answers only
/// for the pack that it was loaded from; with another one it finds wrong names, or none.
#[derive(Debug, Clone)]
pub struct Relations {
    source: Span,
    pub(crate) types: Vec<TypeInfo>,
    pub(crate) relations: Vec<RelationInfo>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) list: Vec<u32>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) conditions: Vec<ConditionInfo>,
    contexts: u32,
    contexts_at: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct TypeInfo {
    pub name: Span,
    pub names: Names,
}

#[derive(Debug, Clone)]
pub(crate) struct ConditionInfo {
    pub parameters: Vec<(Span, Type)>,
    pub code: Span,
    pub program: Program,
}

#[derive(Debug, Clone)]
pub(crate) struct RelationInfo {
    pub ty: u32,
    pub name: Span,
    pub root: u32,
    pub first_edge: u32,
    pub edges: u32,
    /// Whether the pack holds all its tuples.
    pub complete: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Node {
    Direct { relation: u32 },
    Computed { relation: u32 },
    From { tupleset: u32, first: u32, count: u32 },
    Or { first: u32, count: u32 },
    And { first: u32, count: u32 },
    Not { base: u32, subtract: u32 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubjectForm {
    Plain,
    Wildcard,
    /// The relation, by number.
    Userset(u32),
}

#[derive(Debug, Clone)]
pub(crate) struct Edge {
    pub relation: u32,
    /// The type of its subjects.
    pub ty: u32,
    pub form: SubjectForm,
    pub condition: Option<u32>,
    pub forward: Rows,
    pub reverse: Rows,
    pub contexts_at: u32,
}

/// Compressed sparse rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    sparse: bool,
    keys: u32,
    keys_at: u32,
    offsets_at: u32,
    items_at: u32,
    items: u32,
}

/// How many types and relations a model has at most.
pub(crate) const MOST_TYPES: usize = 1_000;
pub(crate) const MOST_RELATIONS: usize = 10_000;
/// How deep the definition of a relation nests at most.
const DEPTH: u32 = 80;

const MODEL: PackError = PackError("its model is not in order");
const TUPLES: PackError = PackError("its tuples are not in order");

impl Relations {
    /// Reads where the model and the tuples are.
    ///
    /// # Errors
    /// Where the pack has no model or tuples, or an index in them points nowhere.
    pub fn load(pack: &Pack) -> Result<Self, PackError> {
        let mut relations = Self::model(pack.section(Section::Model)).ok_or(MODEL)?;
        relations.tuples(pack.section(Section::Tuples)).ok_or(TUPLES)?;
        Ok(relations)
    }

    fn model(bytes: &[u8]) -> Option<Self> {
        let mut input = In { bytes, at: 0 };
        let source = input.text()?;
        let mut names = Vec::new();
        for _ in 0..input.count(4)? {
            names.push(input.text()?);
        }
        let mut relations = Vec::new();
        for _ in 0..input.count(20)? {
            let (ty, root, first_edge, edges) = (input.word()?, input.word()?, input.word()?, input.word()?);
            let name = input.text()?;
            names.get(ty as usize)?;
            relations.push(RelationInfo { ty, name, root, first_edge, edges, complete: false });
        }
        let mut nodes = Vec::new();
        for _ in 0..input.count(12)? {
            nodes.push([input.word()?, input.word()?, input.word()?]);
        }
        let mut list = Vec::new();
        for _ in 0..input.count(4)? {
            list.push(input.word()?);
        }
        let mut edges = Vec::new();
        for _ in 0..input.count(20)? {
            let (relation, ty, form) = (input.word()?, input.word()?, input.word()?);
            let (userset, condition) = (input.word()?, input.word()?);
            relations.get(relation as usize)?;
            names.get(ty as usize)?;
            let form = match form {
                FORM_PLAIN => SubjectForm::Plain,
                FORM_WILDCARD => SubjectForm::Wildcard,
                FORM_USERSET => {
                    relations.get(userset as usize).filter(|r| r.ty == ty)?;
                    SubjectForm::Userset(userset)
                }
                _ => return None,
            };
            let condition = (condition != NONE).then_some(condition);
            edges.push(Edge {
                relation,
                ty,
                form,
                condition,
                forward: Rows::EMPTY,
                reverse: Rows::EMPTY,
                contexts_at: NONE,
            });
        }
        let mut conditions = Vec::new();
        for _ in 0..input.count(8)? {
            // The name is for people who look into a pack.
            input.text()?;
            let mut parameters = Vec::new();
            for _ in 0..input.count(12)? {
                let name = input.text()?;
                parameters.push((name, words_type([input.word()?, input.word()?])?));
            }
            let length = input.count(1)?;
            let code = Span { start: input.at, end: input.at.checked_add(length)? };
            input.at = code.end;
            let program = Program::load(bytes.get(code.start..code.end)?)?;
            conditions.push(ConditionInfo { parameters, code, program });
        }
        let known =
            |edge: &Edge| edge.condition.is_none_or(|condition| (condition as usize) < conditions.len());
        edges.iter().all(known).then_some(())?;
        if input.at != bytes.len() {
            return None;
        }
        for (index, relation) in relations.iter().enumerate() {
            nodes.get(relation.root as usize)?;
            let end = relation.first_edge.checked_add(relation.edges)?;
            let own = edges.get(relation.first_edge as usize..end as usize)?;
            own.iter().all(|edge| edge.relation as usize == index).then_some(())?;
        }
        if names.len() > MOST_TYPES || relations.len() > MOST_RELATIONS {
            return None;
        }
        let checker = Checker { relations: &relations, edges: &edges, list: &list, nodes: nodes.len() };
        let nodes = nodes
            .iter()
            .enumerate()
            .map(|(index, node)| checker.node(index, *node))
            .collect::<Option<Vec<_>>>()?;
        trees(&relations, &nodes, &list)?;
        let types = names.into_iter().map(|name| TypeInfo { name, names: Names::EMPTY }).collect();
        Some(Self { source, types, relations, nodes, list, edges, conditions, contexts: 0, contexts_at: 0 })
    }

    fn tuples(&mut self, bytes: &[u8]) -> Option<()> {
        let mut input = In { bytes, at: 0 };
        (input.count(4)? == self.relations.len()).then_some(())?;
        for relation in &mut self.relations {
            relation.complete = match input.word()? {
                0 => false,
                1 => true,
                _ => return None,
            };
        }
        (input.count(4)? == self.types.len()).then_some(())?;
        for ty in &mut self.types {
            ty.names = Names::read(&mut input)?;
        }
        (input.count(4)? == self.edges.len()).then_some(())?;
        for edge in &mut self.edges {
            edge.forward = Rows::read(&mut input)?;
            edge.reverse = Rows::read(&mut input)?;
            edge.contexts_at = input.word()?;
            if edge.contexts_at != NONE {
                item(bytes, edge.contexts_at, edge.forward.items.checked_sub(1)?)?;
            }
        }
        self.contexts = input.word()?;
        self.contexts_at = input.word()?;
        item(bytes, self.contexts_at, self.contexts)?;
        Some(())
    }

    /// The model in the modelling language, as the pack carries it.
    pub fn source<'p>(&self, pack: &'p Pack) -> &'p str {
        self.source.text(pack.section(Section::Model))
    }

    /// Whether the model of the pack has this relation.
    pub fn has_relation(&self, pack: &Pack, ty: &str, relation: &str) -> bool {
        self.relation(pack.section(Section::Model), ty, relation).is_some()
    }

    pub(crate) fn node(&self, node: u32) -> Option<Node> {
        self.nodes.get(node as usize).copied()
    }

    pub(crate) fn edge(&self, edge: u32) -> Option<&Edge> {
        self.edges.get(edge as usize)
    }

    pub(crate) fn info(&self, relation: u32) -> Option<&RelationInfo> {
        self.relations.get(relation as usize)
    }

    pub(crate) fn edges_of(&self, relation: u32) -> &[Edge] {
        let Some(info) = self.info(relation) else { return &[] };
        let end = info.first_edge.saturating_add(info.edges);
        self.edges.get(info.first_edge as usize..end as usize).unwrap_or_default()
    }

    /// Edge of the tupleset, and the relation that its subjects must have.
    pub(crate) fn targets(&self, first: u32, count: u32) -> impl Iterator<Item = (u32, u32)> {
        let start = (first as usize).saturating_add(1);
        let end = start.saturating_add((count as usize).saturating_mul(2));
        let pairs = self.list.get(start..end).unwrap_or_default().chunks_exact(2);
        pairs.filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)))
    }

    pub(crate) fn children(&self, first: u32, count: u32) -> impl Iterator<Item = u32> {
        let end = (first as usize).saturating_add(count as usize);
        self.list.get(first as usize..end).unwrap_or_default().iter().copied()
    }

    pub(crate) fn ty(&self, model: &[u8], name: &str) -> Option<u32> {
        let index = self
            .types
            .iter()
            .position(|ty| model.get(ty.name.start..ty.name.end) == Some(name.as_bytes()))?;
        u32::try_from(index).ok()
    }

    pub(crate) fn relation(&self, model: &[u8], ty: &str, relation: &str) -> Option<u32> {
        let ty = self.ty(model, ty)?;
        self.relation_of(model, ty, relation)
    }

    pub(crate) fn relation_of(&self, model: &[u8], ty: u32, relation: &str) -> Option<u32> {
        let found =
            |r: &RelationInfo| r.ty == ty && model.get(r.name.start..r.name.end) == Some(relation.as_bytes());
        u32::try_from(self.relations.iter().position(found)?).ok()
    }

    /// The values that the tuple at a position of an edge brings along, packed.
    pub(crate) fn context_at<'b>(&self, tuples: &'b [u8], edge: &Edge, position: u32) -> Option<&'b [u8]> {
        self.context(tuples, item(tuples, edge.contexts_at, position)?)
    }

    fn context<'b>(&self, tuples: &'b [u8], number: u32) -> Option<&'b [u8]> {
        if number >= self.contexts {
            return None;
        }
        let base = (self.contexts_at as usize)
            .checked_add((self.contexts as usize).checked_add(1)?.checked_mul(4)?)?;
        let start = item(tuples, self.contexts_at, number)? as usize;
        let end = item(tuples, self.contexts_at, number.checked_add(1)?)? as usize;
        tuples.get(base.checked_add(start)?..base.checked_add(end)?)
    }
}

/// Checks that each relation has a tree of its own, and that none is deep: some of what reads them is recursive.
fn trees(relations: &[RelationInfo], nodes: &[Node], list: &[u32]) -> Option<()> {
    let mut depths = vec![0_u32; nodes.len()];
    let mut enter = |node: u32, depth: u32| {
        let slot = depths.get_mut(node as usize).filter(|slot| **slot == 0)?;
        *slot = depth;
        (depth <= DEPTH).then_some(())
    };
    relations.iter().try_for_each(|relation| enter(relation.root, 1))?;
    for (index, node) in (0..).zip(nodes) {
        let depth = depths.get(index).copied()?.checked_add(1)?;
        let mut enter = |node: u32| {
            let slot = depths.get_mut(node as usize).filter(|slot| **slot == 0)?;
            *slot = depth;
            (depth <= DEPTH).then_some(())
        };
        match *node {
            Node::Or { first, count } | Node::And { first, count } => {
                let end = first.checked_add(count)?;
                list.get(first as usize..end as usize)?.iter().try_for_each(|child| enter(*child))?;
            }
            Node::Not { base, subtract } => {
                enter(base)?;
                enter(subtract)?;
            }
            Node::Direct { .. } | Node::Computed { .. } | Node::From { .. } => {}
        }
    }
    Some(())
}

/// Checks that what a node refers to is there, and stands behind it, so that the nodes are trees.
struct Checker<'a> {
    relations: &'a [RelationInfo],
    edges: &'a [Edge],
    list: &'a [u32],
    nodes: usize,
}

impl Checker<'_> {
    fn node(&self, index: usize, [kind, a, b]: [u32; 3]) -> Option<Node> {
        let child = |node: u32| (node as usize > index && (node as usize) < self.nodes).then_some(());
        let relation = |r: u32| self.relations.get(r as usize);
        match kind {
            NODE_DIRECT => relation(a).map(|_| Node::Direct { relation: a }),
            NODE_COMPUTED => relation(a).map(|_| Node::Computed { relation: a }),
            NODE_FROM => {
                let first = a as usize;
                let tupleset = *self.list.get(first)?;
                relation(tupleset)?;
                let start = first.checked_add(1)?;
                let pairs = self.list.get(start..start.checked_add((b as usize).checked_mul(2)?)?)?;
                for pair in pairs.chunks_exact(2) {
                    let edge = self.edges.get(*pair.first()? as usize)?;
                    let fits = edge.relation == tupleset && relation(*pair.get(1)?)?.ty == edge.ty;
                    (fits && edge.form == SubjectForm::Plain).then_some(())?;
                }
                Some(Node::From { tupleset, first: a, count: b })
            }
            NODE_OR | NODE_AND => {
                let operands = self.list.get(a as usize..(a as usize).checked_add(b as usize)?)?;
                operands.iter().try_for_each(|operand| child(*operand))?;
                // An empty `and` would hold for everybody.
                (!operands.is_empty()).then_some(())?;
                Some(if kind == NODE_OR {
                    Node::Or { first: a, count: b }
                } else {
                    Node::And { first: a, count: b }
                })
            }
            NODE_NOT => {
                child(a)?;
                child(b)?;
                Some(Node::Not { base: a, subtract: b })
            }
            _ => None,
        }
    }
}

impl Rows {
    pub const EMPTY: Self = Self { sparse: true, keys: 0, keys_at: 0, offsets_at: 0, items_at: 0, items: 0 };

    fn read(input: &mut In<'_>) -> Option<Self> {
        let sparse = match input.word()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let (keys, keys_at, offsets_at, items_at) =
            (input.word()?, input.word()?, input.word()?, input.word()?);
        let items = item(input.bytes, offsets_at, keys)?;
        if let Some(last) = items.checked_sub(1) {
            item(input.bytes, items_at, last)?;
        }
        if let (true, Some(last)) = (sparse, keys.checked_sub(1)) {
            item(input.bytes, keys_at, last)?;
        }
        Some(Self { sparse, keys, keys_at, offsets_at, items_at, items })
    }

    /// The row of a key: where its items start and end.
    #[inline]
    pub fn row(&self, bytes: &[u8], key: u32) -> Row {
        self.find(bytes, key).unwrap_or(Row { at: self.items_at, start: 0, end: 0 })
    }

    #[inline]
    fn find(&self, bytes: &[u8], key: u32) -> Option<Row> {
        let index = if self.sparse {
            search(bytes, self.keys_at, 0, self.keys, key)?
        } else if key < self.keys {
            key
        } else {
            return None;
        };
        let start = item(bytes, self.offsets_at, index)?;
        let end = item(bytes, self.offsets_at, index.checked_add(1)?)?;
        (start <= end && end <= self.items).then_some(Row { at: self.items_at, start, end })
    }
}

/// One row: a sorted piece of an array of items.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    at: u32,
    pub start: u32,
    pub end: u32,
}

impl Row {
    pub fn len(&self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    #[inline]
    pub fn get(&self, bytes: &[u8], index: u32) -> Option<u32> {
        let index = self.start.checked_add(index)?;
        if index < self.end { item(bytes, self.at, index) } else { None }
    }

    /// Where an item stands in the whole array of items.
    #[inline]
    pub fn position(&self, bytes: &[u8], wanted: u32) -> Option<u32> {
        search(bytes, self.at, self.start, self.end, wanted)
    }
}

#[inline]
fn search(bytes: &[u8], at: u32, mut low: u32, mut high: u32, wanted: u32) -> Option<u32> {
    while low < high {
        let middle = low.midpoint(high);
        let found = item(bytes, at, middle)?;
        if found == wanted {
            return Some(middle);
        }
        if found < wanted { low = middle.checked_add(1)? } else { high = middle }
    }
    None
}
