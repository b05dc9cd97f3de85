//! Writes the model and the tuples into a pack. The same input gives the same bytes, whatever the order of the tuples.
//!
//! Model section: the types, the relations with their rewrites as a tree of nodes (a child stands behind its
//! parent), and the *edges*: one for each item of a type restriction, so that every tuple belongs to exactly one.
//! Tuples section: per type the names, sorted, with a hash index; per edge the tuples as compressed sparse
//! rows, forward (object to subjects) and reverse (subject to objects). All numbers are words of 32 bits.

use alloc::{collections::BTreeMap, format, vec, vec::Vec};

use sha2::{Digest, Sha256};

use super::bytes::{Out, small};
use super::model::{Form, Model, Place, Relation, Rewrite};
use super::names;
use super::tuples::{Subject, Tuple, parse_object};
use crate::error::{Code, PolicyError};
use crate::expr;
use crate::pack::{Builder, Section};
use crate::sort::sort_by;

/// No index.
pub(crate) const NONE: u32 = u32::MAX;
pub(crate) const NODE_DIRECT: u32 = 0;
pub(crate) const NODE_COMPUTED: u32 = 1;
pub(crate) const NODE_FROM: u32 = 2;
pub(crate) const NODE_OR: u32 = 3;
pub(crate) const NODE_AND: u32 = 4;
pub(crate) const NODE_NOT: u32 = 5;
pub(crate) const FORM_PLAIN: u32 = 0;
pub(crate) const FORM_WILDCARD: u32 = 1;
pub(crate) const FORM_USERSET: u32 = 2;

/// Writes the model and the tuples into the pack; the pack holds every relation completely.
///
/// # Errors
/// `tuple_invalid`, where a tuple does not fit the model; `line` of the position is the number of the tuple.
pub fn compile(model: &Model, tuples: &[Tuple], builder: &mut Builder) -> Result<(), PolicyError> {
    compile_partial(model, tuples, &|_, _| true, builder)
}

/// Like [`compile`], for a pack that is not the only place where tuples are kept: `complete(type, relation)`
/// says whether the pack holds all tuples of a relation. Where it does not, no tuple means unknown.
///
/// # Errors
/// As [`compile`].
pub fn compile_partial(
    model: &Model,
    tuples: &[Tuple],
    complete: &dyn Fn(&str, &str) -> bool,
    builder: &mut Builder,
) -> Result<(), PolicyError> {
    builder.set(Section::Model, Plan::new(model).section(model)?);
    builder.set(Section::Tuples, tuples_section(model, tuples, complete)?);
    Ok(())
}

/// Numbers for types, relations and edges.
pub(crate) struct Plan<'m> {
    pub types: BTreeMap<&'m str, u32>,
    /// By type and name: the relation's number, and that of its first edge.
    pub relations: BTreeMap<(&'m str, &'m str), (u32, u32)>,
    pub edges: u32,
}

impl<'m> Plan<'m> {
    pub fn new(model: &'m Model) -> Self {
        let mut plan = Self { types: BTreeMap::new(), relations: BTreeMap::new(), edges: 0 };
        for (index, ty) in model.types.iter().enumerate() {
            plan.types.insert(&ty.name, small(index));
            for relation in &ty.relations {
                let number = small(plan.relations.len());
                plan.relations.insert((&ty.name, &relation.name), (number, plan.edges));
                plan.edges = plan.edges.saturating_add(small(relation.direct.len()));
            }
        }
        plan
    }

    fn ty(&self, name: &str) -> u32 {
        self.types.get(name).copied().unwrap_or(NONE)
    }

    fn relation(&self, ty: &str, name: &str) -> u32 {
        self.relations.get(&(ty, name)).map_or(NONE, |found| found.0)
    }

    fn section(&self, model: &Model) -> Result<Vec<u8>, PolicyError> {
        let mut tree = Tree { plan: self, model, nodes: Vec::new(), list: Vec::new() };
        let mut roots = Vec::new();
        for ty in &model.types {
            for relation in &ty.relations {
                roots.push(tree.node(&ty.name, relation, &relation.rewrite));
            }
        }
        let mut out = Out::default();
        out.text(&model.to_dsl());
        out.word(small(model.types.len()));
        model.types.iter().for_each(|ty| out.text(&ty.name));
        out.word(small(roots.len()));
        let mut roots = roots.into_iter();
        for ty in &model.types {
            for relation in &ty.relations {
                let first = self
                    .relations
                    .get(&(ty.name.as_str(), relation.name.as_str()))
                    .map_or(NONE, |found| found.1);
                out.words([
                    self.ty(&ty.name),
                    roots.next().unwrap_or(NONE),
                    first,
                    small(relation.direct.len()),
                ]);
                out.text(&relation.name);
            }
        }
        out.word(small(tree.nodes.len()));
        tree.nodes.iter().for_each(|node| out.words(*node));
        out.word(small(tree.list.len()));
        out.words(tree.list.iter().copied());
        out.word(self.edges);
        for ty in &model.types {
            for relation in &ty.relations {
                for r in &relation.direct {
                    let (form, userset) = match &r.form {
                        Form::Plain => (FORM_PLAIN, NONE),
                        Form::Wildcard => (FORM_WILDCARD, NONE),
                        Form::Userset(name) => (FORM_USERSET, self.relation(&r.ty, name)),
                    };
                    let condition = r
                        .condition
                        .as_ref()
                        .and_then(|name| model.conditions.iter().position(|c| c.name == *name));
                    out.words([
                        self.relation(&ty.name, &relation.name),
                        self.ty(&r.ty),
                        form,
                        userset,
                        condition.map_or(NONE, small),
                    ]);
                }
            }
        }
        out.word(small(model.conditions.len()));
        for condition in &model.conditions {
            out.text(&condition.name);
            out.word(small(condition.parameters.len()));
            for (name, ty) in &condition.parameters {
                out.text(name);
                out.words(expr::type_words(*ty));
            }
            let code = condition.compile("")?;
            out.word(small(code.len()));
            out.bytes.extend_from_slice(&code);
        }
        Ok(out.bytes)
    }
}

/// The rewrites as nodes.
struct Tree<'p, 'm> {
    plan: &'p Plan<'m>,
    model: &'m Model,
    nodes: Vec<[u32; 3]>,
    list: Vec<u32>,
}

impl Tree<'_, '_> {
    fn node(&mut self, ty: &str, of: &Relation, rewrite: &Rewrite) -> u32 {
        let index = self.nodes.len();
        self.nodes.push([NONE; 3]);
        let node = match rewrite {
            Rewrite::Direct => [NODE_DIRECT, self.plan.relation(ty, &of.name), 0],
            Rewrite::Computed { relation, .. } => [NODE_COMPUTED, self.plan.relation(ty, relation), 0],
            Rewrite::From { relation, tupleset, .. } => self.from(ty, relation, tupleset),
            Rewrite::Union(items) => self.operands(NODE_OR, ty, of, items),
            Rewrite::Intersection(items) => self.operands(NODE_AND, ty, of, items),
            Rewrite::Difference(base, subtract) => {
                let base = self.node(ty, of, base);
                [NODE_NOT, base, self.node(ty, of, subtract)]
            }
        };
        if let Some(slot) = self.nodes.get_mut(index) {
            *slot = node;
        }
        small(index)
    }

    /// Operands in the order of what they cost: a look-up before a search.
    fn operands(&mut self, kind: u32, ty: &str, of: &Relation, items: &[Rewrite]) -> [u32; 3] {
        let mut sorted: Vec<_> = items.iter().collect();
        sort_by(&mut sorted, |a, b| self.cost(ty, of, a, 4).cmp(&self.cost(ty, of, b, 4)));
        let children: Vec<_> = sorted.into_iter().map(|item| self.node(ty, of, item)).collect();
        let first = small(self.list.len());
        self.list.extend(&children);
        [kind, first, small(children.len())]
    }

    /// The edges of the tupleset whose subjects have the relation, each with that relation.
    fn from(&mut self, ty: &str, relation: &str, tupleset: &str) -> [u32; 3] {
        let first = small(self.list.len());
        let (number, first_edge) = self.plan.relations.get(&(ty, tupleset)).copied().unwrap_or((NONE, NONE));
        self.list.push(number);
        let mut count = 0_u32;
        for (edge, r) in
            (first_edge..).zip(self.model.relation(ty, tupleset).iter().flat_map(|set| &set.direct))
        {
            if let Some((target, _)) = self.plan.relations.get(&(r.ty.as_str(), relation)) {
                self.list.extend([edge, *target]);
                count = count.saturating_add(1);
            }
        }
        [NODE_FROM, first, count]
    }

    fn cost(&self, ty: &str, of: &Relation, rewrite: &Rewrite, depth: u32) -> u32 {
        match rewrite {
            Rewrite::Direct if of.direct.iter().any(|r| matches!(r.form, Form::Userset(_))) => 100,
            Rewrite::Direct => 1,
            Rewrite::From { .. } => 200,
            Rewrite::Computed { relation, .. } => match self.model.relation(ty, relation) {
                Some(next) if depth > 0 => {
                    self.cost(ty, next, &next.rewrite, depth.saturating_sub(1)).saturating_add(1)
                }
                _ => 400,
            },
            Rewrite::Union(items) | Rewrite::Intersection(items) => {
                items.iter().fold(0_u32, |sum, item| sum.saturating_add(self.cost(ty, of, item, depth)))
            }
            Rewrite::Difference(base, subtract) => {
                self.cost(ty, of, base, depth).saturating_add(self.cost(ty, of, subtract, depth))
            }
        }
    }
}

/// A tuple in numbers: object, subject, and where the values of its condition stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    object: u32,
    subject: u32,
    context: u32,
}

fn tuples_section(
    model: &Model,
    tuples: &[Tuple],
    complete: &dyn Fn(&str, &str) -> bool,
) -> Result<Vec<u8>, PolicyError> {
    let plan = Plan::new(model);
    let mut names: Vec<Vec<&str>> = vec![Vec::new(); model.types.len()];
    let mut restrictions = Vec::with_capacity(tuples.len());
    for (index, tuple) in tuples.iter().enumerate() {
        restrictions.push(model.restriction(tuple).map_err(|message| invalid(index, tuple, message))?);
        let object = parse_object(&tuple.object);
        let subject = Subject::parse(&tuple.user).filter(|s| !s.is_wildcard()).map(|s| (s.ty, s.id));
        for (ty, id) in object.into_iter().chain(subject) {
            if let Some(list) = names.get_mut(plan.ty(ty) as usize) {
                list.push(id);
            }
        }
    }
    for list in &mut names {
        list.sort_unstable();
        list.dedup();
    }
    let number = |ty: &str, id: &str| -> u32 {
        names.get(plan.ty(ty) as usize).and_then(|list| list.binary_search(&id).ok()).map_or(NONE, small)
    };
    let mut contexts = Contexts::default();
    let mut edges: Vec<Vec<Row>> = vec![Vec::new(); plan.edges as usize];
    for (index, (tuple, restriction)) in tuples.iter().zip(restrictions).enumerate() {
        let (Some((ty, id)), Some(subject)) = (parse_object(&tuple.object), Subject::parse(&tuple.user))
        else {
            return Err(invalid(index, tuple, "the tuple is not well formed".into()));
        };
        let first = plan.relations.get(&(ty, tuple.relation.as_str())).map_or(NONE, |found| found.1);
        let subject = if subject.is_wildcard() { 0 } else { number(subject.ty, subject.id) };
        let context = match &tuple.condition {
            Some((name, values)) => {
                let condition = model.conditions.iter().find(|condition| condition.name == *name);
                let packed = condition
                    .map_or_else(|| Err("there is no such condition".into()), |c| c.pack_context(values));
                contexts.number(packed.map_err(|message| invalid(index, tuple, message))?)
            }
            None => NONE,
        };
        if let Some(rows) = edges.get_mut((first as usize).saturating_add(restriction)) {
            rows.push(Row { object: number(ty, id), subject, context });
        }
    }
    let ranks = contexts.ranks();
    for rows in &mut edges {
        rows.iter_mut()
            .for_each(|row| row.context = ranks.get(row.context as usize).copied().unwrap_or(NONE));
        rows.sort_unstable();
        rows.dedup();
    }
    twice(model, &plan, &edges, &names)?;
    Ok(write(model, &names, &edges, &contexts, complete))
}

fn invalid(index: usize, tuple: &Tuple, message: alloc::string::String) -> PolicyError {
    let place = Place { line: small(index.saturating_add(1)), column: 1 };
    place.error(
        Code::TupleInvalid,
        "tuples",
        &format!("{} {} {}", tuple.user, tuple.relation, tuple.object),
        message,
    )
}

/// One tuple cannot stand there under two conditions: its key is user, relation and object.
fn twice(model: &Model, plan: &Plan<'_>, edges: &[Vec<Row>], names: &[Vec<&str>]) -> Result<(), PolicyError> {
    for ty in &model.types {
        for relation in &ty.relations {
            let first =
                plan.relations.get(&(ty.name.as_str(), relation.name.as_str())).map_or(NONE, |found| found.1);
            let rows = |index: usize| {
                edges.get((first as usize).saturating_add(index)).map_or(&[][..], Vec::as_slice)
            };
            for (index, r) in relation.direct.iter().enumerate() {
                let key = |row: &Row| (row.object, row.subject);
                let own = rows(index);
                let same =
                    own.windows(2).find(|w| matches!(w, [a, b] if key(a) == key(b))).and_then(|w| w.first());
                let other = relation
                    .direct
                    .iter()
                    .enumerate()
                    .take(index)
                    .filter(|(_, o)| o.ty == r.ty && o.form == r.form);
                let other = other
                    .flat_map(|(other, _)| rows(other))
                    .find(|row| own.binary_search_by_key(&key(row), key).is_ok());
                if let Some(row) = same.or(other) {
                    let name = |ty: &str, index: u32| {
                        names
                            .get(plan.ty(ty) as usize)
                            .and_then(|list| list.get(index as usize))
                            .copied()
                            .unwrap_or("*")
                    };
                    let symbol = format!(
                        "{}:{} {} {}:{}",
                        r.ty,
                        name(&r.ty, row.subject),
                        relation.name,
                        ty.name,
                        name(&ty.name, row.object)
                    );
                    let message =
                        "this tuple stands there twice, with different conditions or contexts; keep one";
                    return Err(Place::default().error(Code::TupleInvalid, "tuples", &symbol, message));
                }
            }
        }
    }
    Ok(())
}

/// The values that conditional tuples bring along, each once.
#[derive(Debug, Default)]
struct Contexts {
    numbers: BTreeMap<Vec<u8>, u32>,
}

impl Contexts {
    fn number(&mut self, packed: Vec<u8>) -> u32 {
        let next = small(self.numbers.len());
        *self.numbers.entry(packed).or_insert(next)
    }

    /// By number: the place in the order of the values themselves, which does not depend on that of the tuples.
    fn ranks(&mut self) -> Vec<u32> {
        let mut ranks = vec![NONE; self.numbers.len()];
        for (rank, number) in (0..).zip(self.numbers.values_mut()) {
            if let Some(slot) = ranks.get_mut(*number as usize) {
                *slot = rank;
            }
            *number = rank;
        }
        ranks
    }
}

fn write(
    model: &Model,
    names: &[Vec<&str>],
    edges: &[Vec<Row>],
    contexts: &Contexts,
    complete: &dyn Fn(&str, &str) -> bool,
) -> Vec<u8> {
    // The directory comes first and has a fixed size, so its numbers are known before the arrays are written.
    let relations: usize = model.types.iter().map(|ty| ty.relations.len()).sum();
    let words = 5_usize
        .saturating_add(relations)
        .saturating_add(names.len().saturating_mul(names::WORDS))
        .saturating_add(edges.len().saturating_mul(EDGE_WORDS));
    let mut head = Out::default();
    let mut data = Data { start: words.saturating_mul(4), out: Out::default() };
    head.word(small(relations));
    for ty in &model.types {
        head.words(ty.relations.iter().map(|r| u32::from(complete(&ty.name, &r.name))));
    }
    head.word(small(names.len()));
    for list in names {
        head.words(write_names(&mut data, list));
    }
    head.word(small(edges.len()));
    let mut kinds = model
        .types
        .iter()
        .flat_map(|ty| ty.relations.iter().flat_map(move |r| r.direct.iter().map(move |d| (ty, d))));
    for rows in edges {
        let (objects, subjects) = kinds.next().map_or((0, 0), |(ty, r)| {
            let count = |name: &str| {
                let index = model.types.iter().position(|ty| ty.name == name);
                index.and_then(|index| names.get(index)).map_or(0, Vec::len)
            };
            (count(&ty.name), if r.form == Form::Wildcard { 1 } else { count(&r.ty) })
        });
        let turn = |row: &Row| Row { object: row.subject, subject: row.object, context: NONE };
        let mut reverse: Vec<_> = rows.iter().map(turn).collect();
        reverse.sort_unstable();
        head.words(write_rows(&mut data, objects, rows));
        head.words(write_rows(&mut data, subjects, &reverse));
        let conditional = rows.iter().any(|row| row.context != NONE);
        head.word(if conditional { data.words(rows.iter().map(|row| row.context)) } else { NONE });
    }
    let mut texts: Vec<_> = contexts.numbers.iter().collect();
    sort_by(&mut texts, |a, b| a.1.cmp(b.1));
    let mut ends = vec![0];
    let mut at = 0_usize;
    ends.extend(texts.iter().map(|(text, _)| {
        at = at.saturating_add(text.len());
        small(at)
    }));
    head.word(small(texts.len()));
    let offsets = data.words(ends);
    head.word(offsets);
    texts.iter().for_each(|(text, _)| data.out.bytes.extend_from_slice(text));
    head.bytes.append(&mut data.out.bytes);
    head.bytes
}

/// The arrays behind the directory.
struct Data {
    start: usize,
    out: Out,
}

impl Data {
    fn here(&self) -> u32 {
        small(self.start.saturating_add(self.out.bytes.len()))
    }

    fn words(&mut self, words: impl IntoIterator<Item = u32>) -> u32 {
        let at = self.here();
        self.out.words(words);
        at
    }
}

/// Words of an edge in the directory: forward and reverse rows, and where the contexts are.
pub(crate) const EDGE_WORDS: usize = 11;

/// Rows by key. Where most keys have a row, an offset for each key; else the keys that have one, sorted.
/// Gives: kind (0 dense, 1 sparse), number of keys, where the keys, the offsets and the items are.
fn write_rows(data: &mut Data, keys: usize, rows: &[Row]) -> [u32; 5] {
    let mut present: Vec<u32> = rows.iter().map(|row| row.object).collect();
    present.dedup();
    let sparse = present.len().saturating_mul(2) < keys;
    let mut offsets = Vec::new();
    let mut at = 0_usize;
    let mut next = rows.iter().peekable();
    let mut row = |key: u32| {
        offsets.push(small(at));
        while next.next_if(|row| row.object == key).is_some() {
            at = at.saturating_add(1);
        }
    };
    if sparse {
        present.iter().copied().for_each(&mut row);
    } else {
        (0..small(keys)).for_each(&mut row);
    }
    offsets.push(small(rows.len()));
    let count = if sparse { small(present.len()) } else { small(keys) };
    let keys_at = if sparse { data.words(present) } else { NONE };
    let offsets_at = data.words(offsets);
    let items_at = data.words(rows.iter().map(|row| row.subject));
    [u32::from(sparse), count, keys_at, offsets_at, items_at]
}

/// The names of a type: offsets, bytes, and a hash table of their numbers.
fn write_names(data: &mut Data, list: &[&str]) -> [u32; names::WORDS] {
    let mut ends = vec![0];
    let mut at = 0_usize;
    let mut digest = Sha256::new();
    for name in list {
        // One more for the zero byte.
        at = at.saturating_add(name.len()).saturating_add(1);
        ends.push(small(at));
        digest.update(small(name.len()).to_le_bytes());
        digest.update(name.as_bytes());
    }
    let offsets_at = data.words(ends.iter().copied());
    let bytes_at = data.here();
    for name in list {
        data.out.bytes.extend_from_slice(name.as_bytes());
        data.out.bytes.push(0);
    }
    // The seed comes from all the names, so nobody can choose names that collide without knowing the others.
    let digest: [u8; 32] = digest.finalize().into();
    let seed = digest.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk));
    let (seed, probes, table) = names::table(list, seed);
    let (size, count) = (small(table.len()), small(list.len()));
    let start = |slot: u32| names::number(slot, count).and_then(|number| ends.get(number as usize)).copied();
    let table_at = data.words(table.into_iter().flat_map(|slot| [slot, start(slot).unwrap_or(0)]));
    [small(list.len()), offsets_at, bytes_at, table_at, size, seed as u32, (seed >> 32) as u32, probes]
}
