//! Tuples beside the pack: changes since it was made, and those that hold for one request.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    sync::Arc,
    vec::Vec,
};

use super::bytes::small;
use super::load::{Relations, SubjectForm};
use super::model::{Model, Place};
use super::tuples::{Subject, Tuple, parse_object};
use crate::error::{Code, PolicyError};
use crate::pack::{Pack, Section};
use crate::sort::sort;

/// Tuples that are added to those of a pack, or taken away from them, without changing it.
///
/// It belongs to the pack that it was made for, and to the overlay below it, if there is one.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    /// How many names the overlay below adds.
    below: u32,
    /// Type and id of what neither the pack nor the overlay below knows. A name's number is its place here, behind
    /// the names of the pack and of the overlay below.
    names: Vec<(u32, Arc<str>)>,
    /// Places in `names`, in the order of the names.
    sorted: Vec<u32>,
    /// Edge, object, subject: sorted.
    added: Vec<Row>,
    /// Edge, subject, object: sorted.
    reverse: Vec<Row>,
    /// Tuples of the pack that no longer hold: edge, object, subject, sorted.
    removed: Vec<Row>,
    /// The values that conditional tuples bring along, packed.
    contexts: BTreeMap<Row, Arc<[u8]>>,
}

type Row = (u32, u32, u32);

/// How many tuples an overlay adds and takes away at most, together. With more, a new pack is due.
const MOST: usize = 100_000;

/// What a tuple is added to: the model, and who knows of which tuples already.
#[derive(Clone, Copy)]
struct Base<'a> {
    model: &'a Model,
    relations: &'a Relations,
    pack: &'a Pack,
    layer: Layer<'a>,
}

#[derive(Clone, Copy)]
enum Layer<'a> {
    /// Changes to the pack: a tuple has one condition, here and there together.
    Delta,
    /// For one request, above the pack and its changes.
    Request(&'a Overlay),
}

/// A tuple in numbers.
struct Parts {
    relation: u32,
    form: SubjectForm,
    /// The type of the subject.
    ty: u32,
    object: u32,
    subject: u32,
}

impl Overlay {
    /// Tuples that hold beside those of the pack. `model` is that of the pack: [`Model::from_pack`] of
    /// [`Relations::source`].
    ///
    /// # Errors
    /// `tuple_invalid` where a tuple does not fit the model, or stands there with two conditions.
    pub fn new(
        model: &Model,
        relations: &Relations,
        pack: &Pack,
        tuples: &[Tuple],
    ) -> Result<Self, PolicyError> {
        Self::above(&Self::default(), model, relations, pack, tuples)
    }

    /// Tuples that hold beside those of the pack and of another overlay.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn above(
        below: &Self,
        model: &Model,
        relations: &Relations,
        pack: &Pack,
        tuples: &[Tuple],
    ) -> Result<Self, PolicyError> {
        let start = Self { below: below.extra(), ..Self::default() };
        start.apply(Base { model, relations, pack, layer: Layer::Request(below) }, tuples, &[])
    }

    /// The overlay after a change: tuples go and come, together or not at all. Taking away what is not there changes
    /// nothing, whatever its condition; so does adding what is there already.
    ///
    /// # Errors
    /// `tuple_invalid` where a tuple does not fit the model, or is there with another condition or context and not
    /// taken away; file and line of the position are `add` or `remove` and the number of the tuple.
    /// `rebuild_needed` where the changes are more than an overlay holds.
    pub fn update(
        &self,
        model: &Model,
        relations: &Relations,
        pack: &Pack,
        add: &[Tuple],
        remove: &[Tuple],
    ) -> Result<Self, PolicyError> {
        self.clone().apply(Base { model, relations, pack, layer: Layer::Delta }, add, remove)
    }

    fn apply(mut self, base: Base<'_>, add: &[Tuple], remove: &[Tuple]) -> Result<Self, PolicyError> {
        let (mut added, mut removed) = (BTreeSet::new(), BTreeSet::new());
        added.extend(core::mem::take(&mut self.added));
        removed.extend(core::mem::take(&mut self.removed));
        for (index, tuple) in remove.iter().enumerate() {
            let gone = self.remove(base, tuple, &mut added, &mut removed);
            gone.map_err(|message| fails("remove", index, tuple, message))?;
        }
        for (index, tuple) in add.iter().enumerate() {
            let there = self.add(base, tuple, &mut added, &mut removed);
            there.map_err(|message| fails("add", index, tuple, message))?;
        }
        if added.len().saturating_add(removed.len()) > MOST {
            let message = format!("more than {MOST} tuples differ from those of the pack; compile a new one");
            return Err(Place::default().error(Code::RebuildNeeded, "tuples", "", message));
        }
        self.reverse = added.iter().map(|row| (row.0, row.2, row.1)).collect();
        sort(&mut self.reverse);
        self.added = added.into_iter().collect();
        self.removed = removed.into_iter().collect();
        Ok(self)
    }

    fn remove(
        &mut self,
        base: Base<'_>,
        tuple: &Tuple,
        added: &mut BTreeSet<Row>,
        removed: &mut BTreeSet<Row>,
    ) -> Result<(), String> {
        base.model.takes(tuple)?;
        let parts = base.parts(tuple, &mut |ty, id| self.known(base, ty, id));
        // What has no name has no tuple.
        let Some(parts) = parts else { return Ok(()) };
        for edge in base.edges(&parts) {
            let row = (edge, parts.object, parts.subject);
            added.remove(&row);
            self.contexts.remove(&row);
            if base.stored(row).is_some() {
                removed.insert(row);
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        base: Base<'_>,
        tuple: &Tuple,
        added: &mut BTreeSet<Row>,
        removed: &mut BTreeSet<Row>,
    ) -> Result<(), String> {
        let restriction = base.model.restriction(tuple)?;
        let other = "the model is not that of the pack";
        let parts =
            base.parts(tuple, &mut |ty, id| self.known(base, ty, id).or_else(|| self.name_it(base, ty, id)));
        let parts = parts.ok_or(other)?;
        let first = base.relations.info(parts.relation).map_or(0, |info| info.first_edge);
        let own = first.saturating_add(small(restriction));
        let context = match &tuple.condition {
            None => Arc::default(),
            Some((name, values)) => {
                let condition = base.model.conditions.iter().find(|condition| condition.name == *name);
                Arc::from(condition.ok_or(other)?.pack_context(values)?)
            }
        };
        let mut fits = false;
        for edge in base.edges(&parts) {
            fits |= edge == own;
            let row = (edge, parts.object, parts.subject);
            let there = if added.contains(&row) {
                Some(self.contexts.get(&row).map(|context| &**context).unwrap_or_default())
            } else if removed.contains(&row) {
                None
            } else {
                base.stored(row)
            };
            match there {
                Some(values) if edge == own && values == &*context => return Ok(()),
                Some(_) => {
                    let message = "this tuple is there already, with another condition or context";
                    return Err(format!("{message}; take that one away in the same update"));
                }
                None => {}
            }
        }
        if !fits {
            return Err(other.into());
        }
        let row = (own, parts.object, parts.subject);
        // What was taken away comes back.
        if removed.contains(&row) && base.stored(row) == Some(&*context) {
            removed.remove(&row);
            return Ok(());
        }
        if tuple.condition.is_some() {
            self.contexts.insert(row, context);
        }
        added.insert(row);
        Ok(())
    }

    /// The number of a name that is known.
    fn known(&self, base: Base<'_>, ty: u32, id: &str) -> Option<u32> {
        let names = base.relations.types.get(ty as usize)?.names;
        let below = match base.layer {
            Layer::Delta => None,
            Layer::Request(below) => below.find(ty, id, names.count),
        };
        let stored = names.find(base.pack.section(Section::Tuples), id);
        stored.or(below).or_else(|| self.find(ty, id, names.count))
    }

    fn name_it(&mut self, base: Base<'_>, ty: u32, id: &str) -> Option<u32> {
        let first = base.relations.types.get(ty as usize)?.names.count;
        let place = small(self.names.len());
        let at = self.position(ty, id).err()?;
        self.sorted.insert(at, place);
        self.names.push((ty, id.into()));
        first.checked_add(self.below)?.checked_add(place)
    }

    fn position(&self, ty: u32, id: &str) -> Result<usize, usize> {
        let name = |place: &u32| self.names.get(*place as usize).map(|(ty, id)| (*ty, &**id));
        self.sorted.binary_search_by(|place| name(place).cmp(&Some((ty, id))))
    }

    /// How many names it adds, with those of the overlay below.
    pub(crate) fn extra(&self) -> u32 {
        self.below.saturating_add(small(self.names.len()))
    }

    /// The number of a name that it adds; `first` is how many names the pack has for the type.
    pub(crate) fn find(&self, ty: u32, id: &str, first: u32) -> Option<u32> {
        let place = self.sorted.get(self.position(ty, id).ok()?)?;
        first.checked_add(self.below)?.checked_add(*place)
    }

    pub(crate) fn name(&self, ty: u32, number: u32, first: u32) -> Option<&str> {
        let place = number.checked_sub(first)?.checked_sub(self.below)?;
        self.names.get(place as usize).filter(|name| name.0 == ty).map(|name| &*name.1)
    }

    /// The values that a conditional tuple brings along, packed.
    pub(crate) fn context(&self, edge: u32, object: u32, subject: u32) -> Option<&[u8]> {
        self.contexts.get(&(edge, object, subject)).map(|context| &**context)
    }

    pub(crate) fn contains(&self, edge: u32, object: u32, subject: u32) -> bool {
        self.added.binary_search(&(edge, object, subject)).is_ok()
    }

    /// Whether a tuple of the pack no longer holds.
    pub(crate) fn removes(&self, edge: u32, object: u32, subject: u32) -> bool {
        !self.removed.is_empty() && self.removed.binary_search(&(edge, object, subject)).is_ok()
    }

    /// The subject number `index` of an object's row.
    pub(crate) fn subject(&self, edge: u32, object: u32, index: u32) -> Option<u32> {
        row(&self.added, edge, object, index)
    }

    /// The object number `index` of a subject's row.
    pub(crate) fn object(&self, edge: u32, subject: u32, index: u32) -> Option<u32> {
        row(&self.reverse, edge, subject, index)
    }

    /// How many subjects an object's row has.
    pub(crate) fn subjects(&self, edge: u32, object: u32) -> u32 {
        length(&self.added, edge, object)
    }

    /// How many objects a subject's row has.
    pub(crate) fn objects(&self, edge: u32, subject: u32) -> u32 {
        length(&self.reverse, edge, subject)
    }

    /// How many tuples it adds and takes away.
    pub fn len(&self) -> usize {
        self.added.len().saturating_add(self.removed.len())
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> Base<'a> {
    /// A tuple in numbers; `number` gives that of an object by its type and id.
    fn parts(&self, tuple: &Tuple, number: &mut dyn FnMut(u32, &str) -> Option<u32>) -> Option<Parts> {
        let model = self.pack.section(Section::Model);
        let (object_type, id) = parse_object(&tuple.object)?;
        let subject = Subject::parse(&tuple.user)?;
        let object_type = self.relations.ty(model, object_type)?;
        let relation = self.relations.relation_of(model, object_type, &tuple.relation)?;
        let ty = self.relations.ty(model, subject.ty)?;
        let form = match subject.relation {
            Some(name) => SubjectForm::Userset(self.relations.relation_of(model, ty, name)?),
            None if subject.is_wildcard() => SubjectForm::Wildcard,
            None => SubjectForm::Plain,
        };
        let object = number(object_type, id)?;
        let subject = if subject.is_wildcard() { 0 } else { number(ty, subject.id)? };
        Some(Parts { relation, form, ty, object, subject })
    }

    /// The edges that a tuple may belong to: one for each condition.
    fn edges(self, parts: &Parts) -> impl Iterator<Item = u32> + use<'a> {
        let (form, ty) = (parts.form, parts.ty);
        let first = self.relations.info(parts.relation).map_or(0, |info| info.first_edge);
        let edges = (first..).zip(self.relations.edges_of(parts.relation));
        edges.filter(move |(_, edge)| edge.ty == ty && edge.form == form).map(|(number, _)| number)
    }

    /// The context of a tuple of the pack, empty where it has no condition; `None` where there is no such tuple, or it
    /// does not matter to this layer.
    fn stored(&self, (edge, object, subject): Row) -> Option<&'a [u8]> {
        if let Layer::Request(_) = self.layer {
            return None;
        }
        let tuples = self.pack.section(Section::Tuples);
        let info = self.relations.edge(edge)?;
        let position = info.forward.row(tuples, object).position(tuples, subject)?;
        match info.condition {
            None => Some(&[]),
            Some(_) => self.relations.context_at(tuples, info, position),
        }
    }
}

fn fails(what: &str, index: usize, tuple: &Tuple, message: String) -> PolicyError {
    let place = Place { line: small(index.saturating_add(1)), column: 1 };
    let symbol = format!("{} {} {}", tuple.user, tuple.relation, tuple.object);
    place.error(Code::TupleInvalid, what, &symbol, message)
}

fn length(rows: &[Row], edge: u32, key: u32) -> u32 {
    let before = |row: &Row| (row.0, row.1) < (edge, key);
    let until = |row: &Row| (row.0, row.1) <= (edge, key);
    small(rows.partition_point(until).saturating_sub(rows.partition_point(before)))
}

fn row(rows: &[Row], edge: u32, key: u32, index: u32) -> Option<u32> {
    let start = rows.partition_point(|row| (row.0, row.1) < (edge, key));
    let row = rows.get(start.checked_add(index as usize)?)?;
    ((row.0, row.1) == (edge, key)).then_some(row.2)
}
