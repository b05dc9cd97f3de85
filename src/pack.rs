//! The pack: the one compiled form of rules, model and tuples, as bytes.
//!
//! Little-endian and position independent: a header, then the sections one behind the other.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic and version |
//! | 32 | SHA-256 of the header behind the signature, the rules and the model |
//! | 64 | Ed25519 signature, or zeros |
//! | 24 | serial, issued, expires (seconds since 1970-01-01 UTC; 0 for never) |
//! | 24 | start and end of each section |
//! | 8 | checksum of the tuples |
//!
//! A digest is not authenticity: it finds damage. The tuples are the bulk of a pack, and a cryptographic digest
//! of a million of them would take longer than everything else, so theirs is a checksum, and every row is
//! checked when it is read. A signature is over the SHA-256 of everything: [`Pack::load_signed`].
//!
//! `policy_id` is the SHA-256 over the rules and the model: it names a policy, whatever tuples it is used with.

use alloc::{string::String, vec::Vec};
use sha2::{Digest, Sha256};

/// Why bytes are not a pack: what is wrong with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackError(pub &'static str);

impl core::fmt::Display for PackError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the pack is not accepted: {}", self.0)
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
const MAGIC: &[u8; 8] = b"actfor\0\x03";
/// Magic, digest and signature.
const SEAL: usize = 8 + 32 + 64;
/// The seal, serial and times, start and end of each section, and the checksum.
const HEADER: usize = SEAL + 24 + SECTIONS * 8 + 8;
/// What a signature is over, before the digest: no other text starts like this.
const PURPOSE: &[u8] = b"actfor pack signature, version 3\n";

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
    serial: u64,
    issued: u64,
    expires: u64,
}

impl Builder {
    /// Sets a section's bytes.
    pub fn set(&mut self, section: Section, bytes: Vec<u8>) {
        if let Some(slot) = self.sections.get_mut(section.index()) {
            *slot = bytes;
        }
    }

    /// Numbers the pack: a host does not go back from a higher serial to a lower one.
    pub fn serial(&mut self, serial: u64) {
        self.serial = serial;
    }

    /// When the pack was made, and from when on it is not to be used any more (0 for never), in seconds since
    /// 1970-01-01 UTC.
    pub fn times(&mut self, issued: u64, expires: u64) {
        self.issued = issued;
        self.expires = expires;
    }

    /// Writes the pack. The same sections give the same bytes.
    ///
    /// # Errors
    /// Where a section does not fit into 4 GiB.
    pub fn finish(self) -> Result<Vec<u8>, PackError> {
        self.finish_with(None)
    }

    /// Writes the pack with a signature: `sign` makes an Ed25519 signature of the bytes that it is given.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub fn finish_signed(self, sign: &Sign<'_>) -> Result<Vec<u8>, PackError> {
        self.finish_with(Some(sign))
    }

    fn finish_with(self, sign: Option<&Sign<'_>>) -> Result<Vec<u8>, PackError> {
        let mut fields = Vec::with_capacity(HEADER);
        [self.serial, self.issued, self.expires]
            .iter()
            .for_each(|field| fields.extend_from_slice(&field.to_le_bytes()));
        let mut at = HEADER;
        for section in &self.sections {
            let end = at.checked_add(section.len()).ok_or(PackError("it is too large"))?;
            for edge in [at, end] {
                let edge = u32::try_from(edge).map_err(|_| PackError("it is too large"))?;
                fields.extend_from_slice(&edge.to_le_bytes());
            }
            at = end;
        }
        let [rules, model, tuples] = &self.sections;
        fields.extend_from_slice(&checksum(tuples).to_le_bytes());
        let signature = sign.map_or([0; 64], |sign| sign(&signed(&fields, &[rules, model, tuples])));
        let mut out = Vec::with_capacity(at);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&digest(&fields, &[rules, model]));
        out.extend_from_slice(&signature);
        out.extend_from_slice(&fields);
        self.sections.iter().for_each(|section| out.extend_from_slice(section));
        Ok(out)
    }
}

/// Makes an Ed25519 signature.
type Sign<'a> = dyn Fn(&[u8]) -> [u8; 64] + 'a;

fn digest(fields: &[u8], sections: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(fields);
    sections.iter().for_each(|section| digest.update(section));
    digest.finalize().into()
}

/// What a signature is over.
fn signed(fields: &[u8], sections: &[&[u8]]) -> Vec<u8> {
    let mut out = PURPOSE.to_vec();
    out.extend_from_slice(&digest(fields, sections));
    out
}

/// Finds damage, not intent: any change within eight bytes changes it. Four lanes, so that it runs as fast as memory.
fn checksum(bytes: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |lane: u64, word: u64| (lane ^ word).wrapping_mul(K).rotate_left(29);
    let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
    let mut lanes = [K, K.rotate_left(16), K.rotate_left(32), K.rotate_left(48)];
    let mut chunks = bytes.chunks_exact(32);
    for chunk in &mut chunks {
        for (lane, bytes) in lanes.iter_mut().zip(chunk.chunks_exact(8)) {
            *lane = mix(*lane, word(bytes));
        }
    }
    let mut sum = lanes.iter().fold(bytes.len() as u64, |sum, lane| mix(sum, *lane));
    for byte in chunks.remainder() {
        sum = mix(sum, u64::from(*byte));
    }
    sum
}

/// A pack whose digest and section table have been checked.
#[derive(Debug, Clone)]
pub struct Pack {
    bytes: Vec<u8>,
    edges: [(usize, usize); SECTIONS],
    policy_id: [u8; 32],
    serial: u64,
    issued: u64,
    expires: u64,
    signed: bool,
}

impl Pack {
    /// Whether bytes start like a pack, of whatever version; a text never does.
    pub fn starts(bytes: &[u8]) -> bool {
        bytes.starts_with(b"actfor\0")
    }

    /// Checks magic, digest, section table and checksum. A signature is not looked at.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn load(bytes: Vec<u8>) -> Result<Self, PackError> {
        let rest =
            bytes.strip_prefix(MAGIC).ok_or(PackError("it does not start like one of this version"))?;
        let (expected, rest) = rest.split_at_checked(32).ok_or(SHORT)?;
        let (_, rest) = rest.split_at_checked(64).ok_or(SHORT)?;
        let fields = rest.get(..HEADER.saturating_sub(SEAL)).ok_or(SHORT)?;
        let mut wide = fields.chunks_exact(8).map(|bytes| bytes.try_into().map_or(0, u64::from_le_bytes));
        let mut field = || wide.next().ok_or(SHORT);
        let (serial, issued, expires) = (field()?, field()?, field()?);
        let mut edges = [(0, 0); SECTIONS];
        let mut last = HEADER;
        for edge in &mut edges {
            // Two words of four bytes.
            let both = field()?;
            let (start, end) = (both as u32 as usize, (both >> 32) as u32 as usize);
            if start != last || end < start || end > bytes.len() {
                return Err(PackError("its table of sections is not in order"));
            }
            *edge = (start, end);
            last = end;
        }
        if last != bytes.len() {
            return Err(PackError("something follows its last section"));
        }
        let expected_sum = field()?;
        let mut pack =
            Self { edges, policy_id: [0; 32], serial, issued, expires, signed: false, bytes: Vec::new() };
        let section = |section: Section| section_of(&bytes, &pack.edges, section);
        let (rules, model) = (section(Section::Rules), section(Section::Model));
        if digest(fields, &[rules, model]) != *expected {
            return Err(PackError("its digest does not match"));
        }
        if checksum(section(Section::Tuples)) != expected_sum {
            return Err(PackError("the checksum of its tuples does not match"));
        }
        let mut id = Sha256::new();
        for bytes in [rules, model] {
            id.update((bytes.len() as u64).to_le_bytes());
            id.update(bytes);
        }
        pack.policy_id = id.finalize().into();
        pack.bytes = bytes;
        Ok(pack)
    }

    /// Like [`Self::load`], for a host that takes none that is older than the one in use.
    ///
    /// # Errors
    /// What is wrong with the bytes, or that the serial is less than `least_serial`.
    pub fn load_from(bytes: Vec<u8>, least_serial: u64) -> Result<Self, PackError> {
        let pack = Self::load(bytes)?;
        if pack.serial < least_serial { Err(OUTDATED) } else { Ok(pack) }
    }

    /// Like [`Self::load_from`], for a host that only takes packs signed with one of its keys (Ed25519, 32 bytes each).
    ///
    /// # Errors
    /// What is wrong with the bytes, that no key made the signature, or that the serial is less than `least_serial`.
    #[cfg(feature = "ed25519")]
    pub fn load_signed(bytes: Vec<u8>, keys: &[[u8; 32]], least_serial: u64) -> Result<Self, PackError> {
        let mut pack = Self::load(bytes)?;
        let signature: &[u8; 64] =
            pack.bytes.get(40..SEAL).and_then(|bytes| bytes.try_into().ok()).ok_or(SHORT)?;
        let fields = pack.bytes.get(SEAL..HEADER).ok_or(SHORT)?;
        let sections = [Section::Rules, Section::Model, Section::Tuples].map(|section| pack.section(section));
        let message = signed(fields, &sections);
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        let made_it = |key: &[u8; 32]| {
            let key = ed25519_dalek::VerifyingKey::from_bytes(key);
            key.is_ok_and(|key| key.verify_strict(&message, &signature).is_ok())
        };
        if !keys.iter().any(made_it) {
            return Err(UNTRUSTED);
        }
        if pack.serial < least_serial {
            return Err(OUTDATED);
        }
        pack.signed = true;
        Ok(pack)
    }

    /// A section's bytes.
    pub fn section(&self, section: Section) -> &[u8] {
        section_of(&self.bytes, &self.edges, section)
    }

    /// The whole pack.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 over rules and model.
    pub fn policy_id(&self) -> &[u8; 32] {
        &self.policy_id
    }

    /// The number that [`Builder::serial`] gave it.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// When it was made, in seconds since 1970-01-01 UTC; 0 where it does not say.
    pub fn issued(&self) -> u64 {
        self.issued
    }

    /// Whether it is not to be used any more at `now`, in seconds since 1970-01-01 UTC.
    pub fn is_expired(&self, now: u64) -> bool {
        self.expires != 0 && now >= self.expires
    }

    /// From when on it is not to be used any more, in seconds since 1970-01-01 UTC; 0 for never.
    pub fn expires(&self) -> u64 {
        self.expires
    }

    /// Whether a signature was asked for and holds.
    pub fn is_signed(&self) -> bool {
        self.signed
    }
}

/// What is not signed as it must be.
pub(crate) const UNTRUSTED: PackError = PackError("it is not signed with a key that is accepted");
/// What is older than what is in use.
pub(crate) const OUTDATED: PackError = PackError("its serial is lower than that of the pack in use");
const SHORT: PackError = PackError("it is cut short");

fn section_of<'b>(bytes: &'b [u8], edges: &[(usize, usize); SECTIONS], section: Section) -> &'b [u8] {
    let edges = edges.get(section.index()).copied();
    edges.and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default()
}
/// A digest as decisions show it: `sha256:` and hexadecimal digits.
pub fn digest_text(digest: &[u8; 32]) -> String {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
    let mut text = String::with_capacity(71);
    text.push_str("sha256:");
    for byte in digest {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 0xf));
    }
    text
}
