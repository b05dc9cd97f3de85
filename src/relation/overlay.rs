//! Tuples beside the pack: changes since it was made, and those that hold for one request.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};

use super::bytes::small;
use super::load::{Relations, SubjectForm};
use super::model::{Model, Place};
use super::tuples::{Subject, Tuple, parse_object};
use crate::error::{Code, PolicyError};
use crate::pack::{Pack, Section};

/// Tuples that are added to those of a pack, or taken away from them, without changing it.
///
/// It belongs to the pack that it was made for, and to the overlay below it, if there is one.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    /// Names that the pack does not know, those of the overlay below among them: type, id and number, sorted.
    names: Vec<(u32, String, u32)>,
    /// Edge, object, subject: sorted.
    added: Vec<Row>,
    /// Edge, subject, object: sorted.
    reverse: Vec<Row>,
    /// Tuples of the pack that no longer hold: edge, object, subject, sorted.
    removed: Vec<Row>,
    /// The values that conditional tuples bring along, packed.
    contexts: BTreeMap<Row, Vec<u8>>,
}

type Row = (u32, u32, u32);

/// How many tuples an overlay adds and takes away at most, together. With more, a new pack is due.
const MOST: usize = 100_000;

impl Overlay {
    /// Tuples that hold beside those of the pack. `model` is that of the pack: [`Model::from_pack`] of
    /// [`Relations::source`].
    ///
    /// # Errors
    /// `tuple_invalid` where a tuple does not fit the model.
    pub fn new(
        model: &Model,
        relations: &Relations,
        pack: &Pack,
        tuples: &[Tuple],
    ) -> Result<Self, PolicyError> {
        Self::default().update(model, relations, pack, tuples, &[])
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
        // What the other one names keeps its numbers; what it does not gets numbers behind those.
        let start = Self { names: below.names.clone(), ..Self::default() };
        start.update(model, relations, pack, tuples, &[])
    }

    /// The overlay after a change: tuples come and go, together or not at all. What is added again replaces what
    /// was there, and taking away what is not there changes nothing. A condition does not matter for what goes.
    ///
    /// # Errors
    /// `tuple_invalid` where a tuple does not fit the model, or where the changes are more than an overlay holds.
    pub fn update(
        &self,
        model: &Model,
        relations: &Relations,
        pack: &Pack,
        add: &[Tuple],
        remove: &[Tuple],
    ) -> Result<Self, PolicyError> {
        let mut next = self.clone();
        let mut added: BTreeSet<Row> = core::mem::take(&mut next.added).into_iter().collect();
        for (index, tuple) in remove.iter().chain(add).enumerate() {
            let fails = |message: String| {
                let place = Place { line: small(index.saturating_add(1)), column: 1 };
                let symbol = format!("{} {} {}", tuple.user, tuple.relation, tuple.object);
                place.error(Code::TupleInvalid, "tuples", &symbol, message)
            };
            if index < remove.len() {
                next.change(&mut added, model, relations, pack, tuple, None).map_err(fails)?;
            } else {
                let restriction = model.restriction(tuple).map_err(fails)?;
                next.change(&mut added, model, relations, pack, tuple, Some(restriction)).map_err(fails)?;
            }
        }
        next.added = added.into_iter().collect();
        next.removed.sort_unstable();
        next.removed.dedup();
        if next.added.len().saturating_add(next.removed.len()) > MOST {
            let message =
                format!("more than {MOST} tuples were changed since the pack was made; compile a new one");
            return Err(Place::default().error(Code::TupleInvalid, "tuples", "", message));
        }
        next.reverse = next.added.iter().map(|row| (row.0, row.2, row.1)).collect();
        next.reverse.sort_unstable();
        Ok(next)
    }

    /// Takes a tuple away, and adds it where it falls under a restriction.
    fn change(
        &mut self,
        added: &mut BTreeSet<Row>,
        model: &Model,
        relations: &Relations,
        pack: &Pack,
        tuple: &Tuple,
        restriction: Option<usize>,
    ) -> Result<(), String> {
        let parts = self.parts(relations, pack, tuple);
        let (relation, form, subject_type, object, subject) =
            parts.ok_or_else(|| String::from("the model of the pack does not have what the tuple names"))?;
        let first = relations.info(relation).map_or(0, |info| info.first_edge);
        for (edge, info) in (first..).zip(relations.edges_of(relation)) {
            if info.ty == subject_type && info.form == form {
                let row = (edge, object, subject);
                added.remove(&row);
                self.contexts.remove(&row);
                if info
                    .forward
                    .row(pack.section(Section::Tuples), object)
                    .position(pack.section(Section::Tuples), subject)
                    .is_some()
                {
                    self.removed.push(row);
                }
            }
        }
        let Some(restriction) = restriction else { return Ok(()) };
        let edge = first.saturating_add(small(restriction));
        let fits = relations
            .edge(edge)
            .filter(|info| info.relation == relation && info.ty == subject_type && info.form == form);
        fits.ok_or("the model is not that of the pack")?;
        let row = (edge, object, subject);
        if let Some((name, values)) = &tuple.condition {
            let condition = model.conditions.iter().find(|condition| condition.name == *name);
            let condition = condition.ok_or("the model is not that of the pack")?;
            self.contexts.insert(row, condition.pack_context(values)?);
        }
        added.insert(row);
        Ok(())
    }

    /// Relation, form of the subject and its type, object and subject.
    fn parts(
        &mut self,
        relations: &Relations,
        pack: &Pack,
        tuple: &Tuple,
    ) -> Option<(u32, SubjectForm, u32, u32, u32)> {
        let model = pack.section(Section::Model);
        let (ty, id) = parse_object(&tuple.object)?;
        let subject = Subject::parse(&tuple.user)?;
        let ty = relations.ty(model, ty)?;
        let relation = relations.relation_of(model, ty, &tuple.relation)?;
        let subject_type = relations.ty(model, subject.ty)?;
        let form = match subject.relation {
            Some(name) => SubjectForm::Userset(relations.relation_of(model, subject_type, name)?),
            None if subject.is_wildcard() => SubjectForm::Wildcard,
            None => SubjectForm::Plain,
        };
        let object = self.number(relations, pack, ty, id)?;
        let subject =
            if subject.is_wildcard() { 0 } else { self.number(relations, pack, subject_type, subject.id)? };
        Some((relation, form, subject_type, object, subject))
    }

    fn number(&mut self, relations: &Relations, pack: &Pack, ty: u32, id: &str) -> Option<u32> {
        let names = relations.types.get(ty as usize)?.names;
        if let Some(number) = names.find(pack.section(Section::Tuples), id) {
            return Some(number);
        }
        match self.position(ty, id) {
            Ok(at) => self.names.get(at).map(|name| name.2),
            Err(at) => {
                let number = names.count.checked_add(small(self.names.len()))?;
                self.names.insert(at, (ty, id.into(), number));
                Some(number)
            }
        }
    }

    fn position(&self, ty: u32, id: &str) -> Result<usize, usize> {
        self.names.binary_search_by(|name| (name.0, name.1.as_str()).cmp(&(ty, id)))
    }

    /// How many names it adds, with those of the overlay below.
    pub(crate) fn extra(&self) -> u32 {
        small(self.names.len())
    }

    pub(crate) fn find(&self, ty: u32, id: &str) -> Option<u32> {
        self.position(ty, id).ok().and_then(|at| self.names.get(at)).map(|name| name.2)
    }

    pub(crate) fn name(&self, ty: u32, number: u32) -> Option<&str> {
        self.names.iter().find(|name| name.0 == ty && name.2 == number).map(|name| name.1.as_str())
    }

    /// The values that a conditional tuple brings along, packed.
    pub(crate) fn context(&self, edge: u32, object: u32, subject: u32) -> Option<&[u8]> {
        self.contexts.get(&(edge, object, subject)).map(Vec::as_slice)
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

    /// How many tuples it adds.
    pub fn len(&self) -> usize {
        self.added.len()
    }

    /// Whether it adds none.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
    }
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
