//! Tuples beside the pack: those that hold for one request, and changes since the pack was made.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use super::bytes::small;
use super::load::Relations;
use super::model::{Model, Place};
use super::tuples::{Subject, Tuple, parse_object};
use crate::error::{Code, PolicyError};
use crate::pack::{Pack, Section};

/// Tuples that are added to those of a pack, or taken away from them, without changing it.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    /// Names that the pack does not know: type and id, sorted.
    names: Vec<(u32, String)>,
    /// The number of each name, in the order of `names`.
    numbers: Vec<u32>,
    /// Edge, object, subject: sorted.
    added: Vec<(u32, u32, u32)>,
    /// Edge, subject, object: sorted.
    reverse: Vec<(u32, u32, u32)>,
    /// By edge, object, subject: the values that a conditional tuple brings along, packed.
    contexts: BTreeMap<(u32, u32, u32), Vec<u8>>,
}

impl Overlay {
    /// Tuples that hold beside those of the pack. `model` is that of the pack: [`Model::parse`] of
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
        let mut overlay = Self::default();
        for (index, tuple) in tuples.iter().enumerate() {
            overlay.add(model, relations, pack, tuple).map_err(|message| {
                let place = Place { line: small(index.saturating_add(1)), column: 1 };
                let symbol = format!("{} {} {}", tuple.user, tuple.relation, tuple.object);
                place.error(Code::TupleInvalid, "tuples", &symbol, message)
            })?;
        }
        overlay.added.sort_unstable();
        overlay.added.dedup();
        overlay.reverse = overlay.added.iter().map(|row| (row.0, row.2, row.1)).collect();
        overlay.reverse.sort_unstable();
        Ok(overlay)
    }

    fn add(
        &mut self,
        model: &Model,
        relations: &Relations,
        pack: &Pack,
        tuple: &Tuple,
    ) -> Result<(), String> {
        let restriction = model.restriction(tuple)?;
        let mismatch = || String::from("the model is not that of the pack");
        let row = self.row(relations, pack, tuple, restriction).ok_or_else(mismatch)?;
        if let Some((name, values)) = &tuple.condition {
            let condition =
                model.conditions.iter().find(|condition| condition.name == *name).ok_or_else(mismatch)?;
            self.contexts.insert(row, condition.pack_context(values)?);
        }
        self.added.push(row);
        Ok(())
    }

    fn row(
        &mut self,
        relations: &Relations,
        pack: &Pack,
        tuple: &Tuple,
        restriction: usize,
    ) -> Option<(u32, u32, u32)> {
        let model = pack.section(Section::Model);
        let (ty, id) = parse_object(&tuple.object)?;
        let subject = Subject::parse(&tuple.user)?;
        let ty = relations.ty(model, ty)?;
        let relation = relations.relation_of(model, ty, &tuple.relation)?;
        let subject_type = relations.ty(model, subject.ty)?;
        let edge = relations.info(relation)?.first_edge.checked_add(small(restriction))?;
        relations.edge(edge).filter(|edge| edge.ty == subject_type && edge.relation == relation)?;
        let object = self.number(relations, pack, ty, id);
        let subject =
            if subject.is_wildcard() { 0 } else { self.number(relations, pack, subject_type, subject.id) };
        Some((edge, object, subject))
    }

    /// The values that a conditional tuple brings along, packed.
    pub(crate) fn context(&self, edge: u32, object: u32, subject: u32) -> Option<&[u8]> {
        self.contexts.get(&(edge, object, subject)).map(Vec::as_slice)
    }

    fn number(&mut self, relations: &Relations, pack: &Pack, ty: u32, id: &str) -> u32 {
        let Some(names) = relations.types.get(ty as usize).map(|ty| ty.names) else { return u32::MAX };
        if let Some(number) = names.find(pack.section(Section::Tuples), id) {
            return number;
        }
        match self.position(ty, id) {
            Ok(at) => self.numbers.get(at).copied().unwrap_or(u32::MAX),
            Err(at) => {
                let number = names.count.saturating_add(small(self.names.len()));
                self.names.insert(at, (ty, id.into()));
                self.numbers.insert(at, number);
                number
            }
        }
    }

    fn position(&self, ty: u32, id: &str) -> Result<usize, usize> {
        self.names.binary_search_by(|(t, name)| (*t, name.as_str()).cmp(&(ty, id)))
    }

    /// How many names it adds.
    pub(crate) fn extra(&self) -> u32 {
        small(self.names.len())
    }

    pub(crate) fn find(&self, ty: u32, id: &str) -> Option<u32> {
        self.position(ty, id).ok().and_then(|at| self.numbers.get(at).copied())
    }

    pub(crate) fn name(&self, ty: u32, number: u32) -> Option<&str> {
        let at = self.numbers.iter().zip(&self.names).find(|(n, (t, _))| **n == number && *t == ty)?;
        Some(&at.1.1)
    }

    pub(crate) fn contains(&self, edge: u32, object: u32, subject: u32) -> bool {
        self.added.binary_search(&(edge, object, subject)).is_ok()
    }

    /// The subject number `index` of an object's row.
    pub(crate) fn subject(&self, edge: u32, object: u32, index: u32) -> Option<u32> {
        row(&self.added, edge, object, index)
    }

    /// The object number `index` of a subject's row.
    pub(crate) fn object(&self, edge: u32, subject: u32, index: u32) -> Option<u32> {
        row(&self.reverse, edge, subject, index)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty()
    }
}

fn row(rows: &[(u32, u32, u32)], edge: u32, key: u32, index: u32) -> Option<u32> {
    let start = rows.partition_point(|row| (row.0, row.1) < (edge, key));
    let row = rows.get(start.checked_add(index as usize)?)?;
    ((row.0, row.1) == (edge, key)).then_some(row.2)
}
