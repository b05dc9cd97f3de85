//! The audit record: one per decision, canonical, in a chain per writer.
//!
//! A record is one line of JSON in the form of RFC 8785: members sorted, no white space. It says who acted for whom,
//! what was asked and what became of it, and holds no token. Each record names the digest of the one before it, so an
//! edit, a gap or a fork shows. A chain by itself proves order, not honesty: whoever writes it can write it anew. To
//! find that, keep heads elsewhere and hand them to [`verify`].
//!
//! ```
//! use actfor::audit::{Chain, verify};
//! let mut chain = Chain::new("gateway-1");
//! let log = format!("{}\n{}\n", chain.append(r#"{"v":1,"id":"a"}"#)?, chain.append(r#"{"v":1,"id":"b"}"#)?);
//! assert_eq!(verify(&log, &[chain.head()])?.records, 2);
//! assert!(verify(&log.replace("\"a\"", "\"c\""), &[]).is_err());
//! # Ok::<(), actfor::audit::AuditError>(())
//! ```

use alloc::collections::BTreeMap;
use alloc::{format, string::String, vec::Vec};
use core::fmt;
use core::str::FromStr;

use sha2::{Digest, Sha256};

use crate::error::quote;
use crate::jose::base64url;
use crate::json::{self, Object, Value, Writer};
use crate::sort::sort_by;

/// What stands in `prev` of a chain's first record.
const FIRST: &str = "";
/// Members of the decision document that a record has; the rest explains and can be had again by deciding again.
const MEMBERS: [&str; 13] = [
    "action", "at", "code", "decision", "id", "missing", "object", "policy", "rule", "shadow", "stage",
    "status", "who",
];

/// Why a log does not hold, or a record cannot be written: the line, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditError {
    /// The line of the log, counted from 1; 0 where it is about no line.
    pub line: usize,
    /// What is wrong: lower case, no final stop.
    pub message: String,
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        f.write_str(&self.message)
    }
}

impl core::error::Error for AuditError {}

/// The end of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The writer's chain.
    pub chain_id: String,
    /// How many records it has.
    pub seq: u64,
    /// SHA-256 of the last record, in base64url.
    pub digest: String,
}

impl Head {
    /// The head of a chain that ends in this record: for [`Chain::resume`].
    ///
    /// # Errors
    /// Where it is not a record, or not in its canonical form.
    pub fn of(record: &str) -> Result<Self, AuditError> {
        let wrong = |message: String| AuditError { line: 0, message };
        let value = parse(record).map_err(wrong)?;
        let place = value.as_object().and_then(read).ok_or_else(|| wrong(NO_PLACE.into()))?;
        Ok(Self { chain_id: place.chain_id.into(), seq: place.seq, digest: digest(record) })
    }
}

impl fmt::Display for Head {
    /// `CHAIN:SEQ:DIGEST`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.chain_id, self.seq, self.digest)
    }
}

impl FromStr for Head {
    type Err = AuditError;

    fn from_str(text: &str) -> Result<Self, AuditError> {
        let parts = text.rsplit_once(':').and_then(|(rest, digest)| {
            let (chain_id, seq) = rest.rsplit_once(':')?;
            let seq = seq.parse().ok().filter(|seq| *seq > 0)?;
            Some(Self { chain_id: chain_id.into(), seq, digest: digest.into() })
        });
        let is_digest = |head: &Self| base64url::decode(&head.digest).is_some_and(|bytes| bytes.len() == 32);
        parts.filter(is_digest).ok_or_else(|| AuditError {
            line: 0,
            message: format!("{} is not a head: write CHAIN:SEQ:DIGEST", quote(text)),
        })
    }
}

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many records there are.
    pub records: usize,
    /// The end of each chain.
    pub heads: Vec<Head>,
}

/// A writer's chain. One per process: two writers with one `chain_id` are a fork.
#[derive(Debug, Clone)]
pub struct Chain {
    head: Head,
}

impl Chain {
    /// A new chain. `chain_id` must never have been used before: a host's name and the time at which it started, say.
    pub fn new(chain_id: &str) -> Self {
        Self::resume(Head { chain_id: chain_id.into(), seq: 0, digest: FIRST.into() })
    }

    /// Goes on behind a head.
    pub fn resume(head: Head) -> Self {
        Self { head }
    }

    /// Where the chain ends: keep it elsewhere from time to time.
    pub fn head(&self) -> Head {
        self.head.clone()
    }

    /// The record of a decision, from its document; one line without its end.
    ///
    /// # Errors
    /// Where the document is not one.
    pub fn append(&mut self, document: &str) -> Result<String, AuditError> {
        let wrong = |message: String| AuditError { line: 0, message };
        let value = json::parse(document.as_bytes(), &json::Limits::BODY)
            .map_err(|error| wrong(format!("the decision document is not JSON: {error}")))?;
        let object =
            value.as_object().ok_or_else(|| wrong("the decision document is not an object".into()))?;
        let seq = self.head.seq.saturating_add(1);
        let mut members: Vec<(&str, Value<'_>)> = object
            .iter()
            .filter(|(name, _)| MEMBERS.contains(name))
            .map(|(name, value)| (name, value.clone()))
            .collect();
        let text = |text: &str| Value::String(String::from(text).into());
        members.push(("v", number("1")?));
        members.push(("chain_id", text(&self.head.chain_id)));
        members.push(("seq", number(&format!("{seq}"))?));
        members.push(("prev", text(&self.head.digest)));
        let mut w = Writer::default();
        canonical_members(&mut w, members.iter().map(|(name, value)| (*name, value)).collect());
        let record = w.finish();
        self.head = Head { chain_id: self.head.chain_id.clone(), seq, digest: digest(&record) };
        Ok(record)
    }
}

fn number(text: &str) -> Result<Value<'static>, AuditError> {
    json::parse(text.as_bytes(), &json::Limits::BODY)
        .map(Value::into_owned)
        .map_err(|_| AuditError { line: 0, message: "a number cannot be written".into() })
}

fn digest(record: &str) -> String {
    base64url::encode(&Sha256::digest(record.as_bytes()))
}

/// RFC 8785 §3.2.3: members sorted by their names as UTF-16. Numbers count as they are written.
pub(crate) fn canonical(w: &mut Writer, value: &Value<'_>) {
    match value {
        Value::Object(object) => canonical_members(w, object.iter().collect()),
        Value::Array(items) => w.array(|w| items.iter().for_each(|item| canonical(w, item))),
        other => w.value(other),
    }
}

pub(crate) fn canonical_members(w: &mut Writer, mut members: Vec<(&str, &Value<'_>)>) {
    sort_by(&mut members, |a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
    w.object(|w| {
        for (name, value) in members {
            w.key(name);
            canonical(w, value);
        }
    });
}

/// Checks a log, one record a line: the form of each record, the order of each chain, and `known` heads that were kept
/// elsewhere. Several chains may be in one log.
///
/// # Errors
/// The first line that is not canonical, was edited, is missing, or is there twice; a known head that is not there.
pub fn verify(log: &str, known: &[Head]) -> Result<Report, AuditError> {
    let mut heads: BTreeMap<String, Head> = BTreeMap::new();
    let mut unseen: Vec<&Head> = known.iter().filter(|head| head.seq > 0).collect();
    let mut records = 0_usize;
    for (index, record) in log.lines().enumerate() {
        let line = index.saturating_add(1);
        let wrong = |message: String| AuditError { line, message };
        let value = parse(record).map_err(wrong)?;
        let next = value.as_object().and_then(read).ok_or_else(|| wrong(NO_PLACE.into()))?;
        let head = heads.get(next.chain_id);
        let (seq, digest_before) = head.map_or((0, FIRST), |head| (head.seq, head.digest.as_str()));
        let expected = seq.saturating_add(1);
        if next.seq != expected {
            let what = if next.seq < expected { "a fork, or a record twice" } else { "records are missing" };
            return Err(wrong(format!("`seq` is {}, expected {expected}: {what}", next.seq)));
        }
        if next.prev != digest_before {
            return Err(wrong(
                "`prev` is not the digest of the record before: one of the two was edited".into(),
            ));
        }
        let head = Head { chain_id: next.chain_id.into(), seq: next.seq, digest: digest(record) };
        if let Some(kept) = unseen.iter().find(|kept| kept.chain_id == head.chain_id && kept.seq == head.seq)
            && **kept != head
        {
            return Err(wrong(
                "the record is not the one whose head was kept: the chain was written anew".into(),
            ));
        }
        unseen.retain(|kept| **kept != head);
        heads.insert(head.chain_id.clone(), head);
        records = records.saturating_add(1);
    }
    if let Some(kept) = unseen.first() {
        return Err(AuditError {
            line: 0,
            message: format!(
                "record {} of chain `{}` is gone, and its head was kept: the log was cut",
                kept.seq, kept.chain_id
            ),
        });
    }
    Ok(Report { records, heads: heads.into_values().collect() })
}

const NO_PLACE: &str = "`chain_id`, `seq` or `prev` is missing";

/// A record in its canonical form.
fn parse(record: &str) -> Result<Value<'_>, String> {
    let value = json::parse(record.as_bytes(), &json::Limits::BODY)
        .map_err(|error| format!("not a record: {error}"))?;
    let mut w = Writer::default();
    canonical(&mut w, &value);
    if w.finish() != record {
        return Err(
            "the record is not in its canonical form: it was edited or written by something else".into()
        );
    }
    Ok(value)
}

struct Place<'r> {
    chain_id: &'r str,
    seq: u64,
    prev: &'r str,
}

fn read<'r>(object: &'r Object<'_>) -> Option<Place<'r>> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    Some(Place { chain_id: text("chain_id")?, seq: object.get("seq")?.as_u64()?, prev: text("prev")? })
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    fn log(count: u32) -> (Vec<String>, Chain) {
        let mut chain = Chain::new("w");
        let document = |n| {
            format!(r#"{{"v":1,"id":"r{n}","at":1,"decision":"deny","who":{{"b":1,"a":"é"}},"checks":[]}}"#)
        };
        ((0..count).map(|n| chain.append(&document(n)).unwrap()).collect(), chain)
    }

    #[test]
    fn a_record_is_canonical_and_holds_what_it_should() {
        let (records, _) = log(1);
        assert_eq!(
            records[0],
            r#"{"at":1,"chain_id":"w","decision":"deny","id":"r0","prev":"","seq":1,"v":1,"who":{"a":"é","b":1}}"#
        );
    }

    #[test]
    fn a_chain_goes_on_behind_its_last_record() {
        let (records, chain) = log(3);
        let head = Head::of(&records[2]).unwrap();
        assert_eq!(head, chain.head());
        assert_eq!(format!("{head}").parse::<Head>().unwrap(), head);
        let next = Chain::resume(head).append(r#"{"id":"x"}"#).unwrap();
        assert!(verify(&format!("{}\n{next}\n", records.join("\n")), &[]).is_ok());
        for bad in ["", "{}", r#"{"seq":1}"#, &records[2].replace(',', ", ")] {
            assert!(Head::of(bad).is_err(), "{bad}");
        }
        for bad in ["", "w:1", "w:0:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", "w:1:AAAA", "w:x:y"] {
            assert!(bad.parse::<Head>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_edit_gap_fork_and_cut_is_found() {
        let (records, chain) = log(4);
        let whole = records.join("\n");
        assert_eq!(verify(&whole, &[chain.head()]).unwrap().heads, [chain.head()]);
        for at in 0..whole.len() {
            let mut bytes = whole.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(text) = String::from_utf8(bytes) {
                assert!(verify(&text, &[chain.head()]).is_err(), "byte {at}");
            }
        }
        for at in 0..4 {
            let mut less = records.clone();
            less.remove(at);
            assert!(verify(&less.join("\n"), &[chain.head()]).is_err(), "without {at}");
            let mut twice = records.clone();
            twice.insert(at, records[at].clone());
            assert!(verify(&twice.join("\n"), &[]).is_err(), "{at} twice");
        }
        // Without a head that was kept, a log that was cut looks whole.
        assert!(verify(&records[..3].join("\n"), &[]).is_ok());
        assert!(verify(&records[..3].join("\n"), &[chain.head()]).is_err());
        let mut other = Chain::new("w");
        let anew: Vec<_> = (0..4).map(|_| other.append(r#"{"id":"x"}"#).unwrap()).collect();
        assert!(verify(&anew.join("\n"), &[]).is_ok());
        assert!(verify(&anew.join("\n"), &[chain.head()]).is_err());
    }

    #[test]
    fn what_is_wrong_with_a_log_is_said_with_its_line() {
        let (records, chain) = log(3);
        let mut other = Chain::new("w2");
        let second: Vec<_> = (0..3).map(|n| other.append(&format!(r#"{{"id":"o{n}"}}"#)).unwrap()).collect();
        let mut anew = Chain::new("w");
        let rewritten: Vec<_> = (0..3).map(|_| anew.append(r#"{"id":"x"}"#).unwrap()).collect();
        let lines = |lines: &[&String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let [a, b, c] = &records[..] else { panic!() };
        let [x, y, z] = &second[..] else { panic!() };
        // Two chains in one log, one line each in turn.
        let both = lines(&[a, x, b, y, z, c]);
        let report = verify(&both, &[other.head(), chain.head()]).unwrap();
        assert_eq!((report.records, report.heads), (6, Vec::from([chain.head(), other.head()])));
        // A chain that has no record yet is not missing.
        assert_eq!(verify(&both, &[Chain::new("w3").head()]).unwrap().records, 6);
        let kept = [chain.head(), other.head()];
        for (log, expected) in [
            (lines(&[a, c]), "line 2: `seq` is 3, expected 2: records are missing"),
            (lines(&[a, x, a]), "line 3: `seq` is 1, expected 2: a fork, or a record twice"),
            (lines(&[b]), "line 1: `seq` is 2, expected 1: records are missing"),
            (
                lines(&[a, &rewritten[1]]),
                "line 2: `prev` is not the digest of the record before: one of the two was edited",
            ),
            (
                lines(&[x, y, z, &rewritten[0], &rewritten[1], &rewritten[2]]),
                "line 6: the record is not the one whose head was kept: the chain was written anew",
            ),
            (
                lines(&[x, y, z, a, b]),
                "record 3 of chain `w` is gone, and its head was kept: the log was cut",
            ),
            (
                lines(&[a, b, c, x, y]),
                "record 3 of chain `w2` is gone, and its head was kept: the log was cut",
            ),
        ] {
            assert_eq!(verify(&log, &kept).unwrap_err().to_string(), expected);
        }
    }
}
