//! The pack: the one compiled form of rules, model and tuples, as bytes.
//!
//! Little-endian and position independent. A header (magic, version, SHA-256 of the rest), a table of
//! sections, and the sections. `policy_id` is the SHA-256 over the rules and the model: it names a policy,
//! whatever tuples it is used with. A digest is not authenticity.

use alloc::vec::Vec;
use sha2::{Digest, Sha256};

/// Why bytes are not a pack: what is wrong with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackError(pub &'static str);

impl core::fmt::Display for PackError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the pack is damaged: {}", self.0)
    }
}

impl core::error::Error for PackError {}

/// A part of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Rules, ceilings, coverage, routes, and where each stands in its source.
    Rules,
    /// Types, relations and their definitions.
    Model,
    /// Relationship tuples.
    Tuples,
}

const SECTIONS: usize = 3;
const MAGIC: &[u8; 8] = b"actfor\0\x01";
/// Magic, digest, and start and end of each section.
const HEADER: usize = 8 + 32 + SECTIONS * 8;

impl Section {
    const fn index(self) -> usize {
        match self {
            Self::Rules => 0,
            Self::Model => 1,
            Self::Tuples => 2,
        }
    }
}

/// Collects sections and writes a pack.
#[derive(Debug, Default)]
pub struct Builder {
    sections: [Vec<u8>; SECTIONS],
}

impl Builder {
    /// Sets a section's bytes.
    pub fn set(&mut self, section: Section, bytes: Vec<u8>) {
        if let Some(slot) = self.sections.get_mut(section.index()) {
            *slot = bytes;
        }
    }

    /// Writes the pack. The same sections give the same bytes.
    ///
    /// # Errors
    /// Where a section does not fit into 4 GiB.
    pub fn finish(self) -> Result<Vec<u8>, PackError> {
        let mut table = Vec::new();
        let mut at = HEADER;
        for section in &self.sections {
            let end = at.checked_add(section.len()).ok_or(PackError("it is too large"))?;
            for edge in [at, end] {
                let edge = u32::try_from(edge).map_err(|_| PackError("it is too large"))?;
                table.extend_from_slice(&edge.to_le_bytes());
            }
            at = end;
        }
        let mut digest = Sha256::new();
        digest.update(&table);
        self.sections.iter().for_each(|section| digest.update(section));
        let mut out = Vec::with_capacity(at);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&digest.finalize());
        out.extend_from_slice(&table);
        self.sections.iter().for_each(|section| out.extend_from_slice(section));
        Ok(out)
    }
}

/// A pack whose digest and section table have been checked.
#[derive(Debug, Clone)]
pub struct Pack {
    bytes: Vec<u8>,
    edges: [(usize, usize); SECTIONS],
    policy_id: [u8; 32],
}

impl Pack {
    /// Checks magic, digest and section table.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn load(bytes: Vec<u8>) -> Result<Self, PackError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(PackError("it does not start like one"))?;
        let (digest, rest) = rest.split_at_checked(32).ok_or(PackError("it is cut short"))?;
        if Sha256::digest(rest).as_slice() != digest {
            return Err(PackError("its digest does not match"));
        }
        let mut edges = [(0, 0); SECTIONS];
        let mut last = HEADER;
        let mut words = rest.chunks_exact(4);
        let mut word = || {
            let bytes: [u8; 4] = words.next().and_then(|w| w.try_into().ok())?;
            usize::try_from(u32::from_le_bytes(bytes)).ok()
        };
        for edge in &mut edges {
            let (Some(start), Some(end)) = (word(), word()) else {
                return Err(PackError("its table of sections is cut short"));
            };
            if start != last || end < start || end > bytes.len() {
                return Err(PackError("its table of sections is not in order"));
            }
            *edge = (start, end);
            last = end;
        }
        if last != bytes.len() {
            return Err(PackError("something follows its last section"));
        }
        let mut pack = Self { bytes, edges, policy_id: [0; 32] };
        let mut id = Sha256::new();
        for section in [Section::Rules, Section::Model] {
            let bytes = pack.section(section);
            id.update((bytes.len() as u64).to_le_bytes());
            id.update(bytes);
        }
        pack.policy_id = id.finalize().into();
        Ok(pack)
    }

    /// A section's bytes.
    pub fn section(&self, section: Section) -> &[u8] {
        let edges = self.edges.get(section.index()).copied();
        edges.and_then(|(start, end)| self.bytes.get(start..end)).unwrap_or_default()
    }

    /// The whole pack.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 over rules and model.
    pub fn policy_id(&self) -> &[u8; 32] {
        &self.policy_id
    }
}
