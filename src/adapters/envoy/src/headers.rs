//! The header fields of a request: what the guard reads, and which names belong to the filter alone.

use actfor::Guard;

use crate::host::{Host, HostError, Section};

/// The verified user, as an object of the model: `user:ana`.
pub const USER: &str = "x-actfor-user";
/// The agent that acts: `agent:code-helper`.
pub const AGENT: &str = "x-actfor-agent";
/// One session or task of the agent: `instance:…`.
pub const INSTANCE: &str = "x-actfor-instance";
/// The kind of relationship, and its mode where it has one: `delegated; mode=interactive`.
pub const RELATIONSHIP: &str = "x-actfor-relationship";
/// The rule that allowed the request.
pub const RULE: &str = "x-actfor-rule";
/// The id of the request in the decision document and in the logs.
pub const ID: &str = "x-actfor-id";

/// What carries a token, a proof or an approval. They stay with the filter unless the configuration forwards them.
pub const CREDENTIALS: &[&str] =
    &["authorization", "dpop", "agent-context", "agent-chain", "agent-approval", "txn-token"];

const PREFIX: &[u8] = b"x-actfor-";

/// One request as it came in.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The method; `None` where it is missing or repeated.
    pub method: Option<String>,
    /// Path and query; `None` where they are missing or repeated.
    pub path: Option<String>,
    /// The host's id of the request, where it is fit for a log.
    pub id: Option<&'a str>,
    /// The fields that the guard reads.
    pub fields: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Seen<'a> {
    /// Sorts the fields of a request.
    pub fn read(all: &'a [(String, Vec<u8>)]) -> Self {
        let fields = all
            .iter()
            .filter(|(name, _)| Guard::HEADERS.contains(&name.as_str()))
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        Self {
            method: only(all, ":method").map(latin1),
            path: only(all, ":path").map(latin1),
            id: only(all, "x-request-id").and_then(loggable),
            fields,
        }
    }
}

/// Whether only the filter may set a field of this name. An underscore counts as a hyphen: what runs behind
/// CGI or WSGI cannot tell them apart.
pub fn is_ours(name: &str) -> bool {
    let canonical = |b: u8| if b == b'_' { b'-' } else { b.to_ascii_lowercase() };
    name.len() >= PREFIX.len() && name.bytes().zip(PREFIX).all(|(b, prefix)| canonical(b) == *prefix)
}

/// Takes away what only the filter may set.
///
/// # Errors
/// The host did not do it; the request must not pass.
pub fn strip(host: &impl Host, section: Section, fields: &[(String, Vec<u8>)]) -> Result<(), HostError> {
    for (name, _) in fields.iter().filter(|(name, _)| is_ours(name)) {
        host.remove_field(section, name)?;
    }
    Ok(())
}

/// Whether a value can stand in a header as it is: visible ASCII, with single spaces between.
pub fn is_safe(value: &str) -> bool {
    !value.is_empty()
        && !value.starts_with(' ')
        && !value.ends_with(' ')
        && value.bytes().all(|b| matches!(b, b' '..=b'~'))
}

/// The value of a field that is there exactly once.
fn only<'a>(all: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a [u8]> {
    let mut found = all.iter().filter(|(n, _)| n == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}

/// Bytes as Latin-1 characters. Node hands over a path like this, so that a byte beyond ASCII meets the same
/// refusal there and here.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// An id that fits on one line of a log and in a header: at most 128 visible characters.
fn loggable(bytes: &[u8]) -> Option<&str> {
    let fits = (1..=128).contains(&bytes.len()) && bytes.iter().all(|b| matches!(b, b'!'..=b'~'));
    if fits { core::str::from_utf8(bytes).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(all: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        all.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn own_names_are_recognised_however_they_are_spelled() {
        for name in ["x-actfor-user", "X-Actfor-User", "x_actfor_user", "x-actfor_anything", "x-actfor-"] {
            assert!(is_ours(name), "{name}");
        }
        for name in ["x-actfor", "x-act-for-user", "xx-actfor-user", "authorization", ""] {
            assert!(!is_ours(name), "{name}");
        }
    }

    #[test]
    fn a_repeated_token_stays_repeated() {
        let all = fields(&[("authorization", "Bearer a"), ("accept", "*/*"), ("authorization", "Bearer b")]);
        let seen = Seen::read(&all);
        assert_eq!(seen.fields, [("authorization", &b"Bearer a"[..]), ("authorization", b"Bearer b")]);
    }

    #[test]
    fn pseudo_headers_are_there_once_or_not_at_all() {
        let all = fields(&[(":path", "/a"), (":path", "/b"), (":method", "GET")]);
        let seen = Seen::read(&all);
        assert_eq!((seen.path, seen.method.as_deref()), (None, Some("GET")));
    }

    #[test]
    fn bytes_beyond_ascii_become_latin1() {
        let all = [(":path".to_owned(), b"/\xc3\xa9\xff".to_vec())];
        assert_eq!(Seen::read(&all).path.as_deref(), Some("/\u{c3}\u{a9}\u{ff}"));
    }

    #[test]
    fn ids_unfit_for_a_log_are_not_used() {
        for id in ["", "a b", "a\nb", "é", &"x".repeat(129)] {
            assert_eq!(Seen::read(&fields(&[("x-request-id", id)])).id, None, "{id}");
        }
        assert_eq!(Seen::read(&fields(&[("x-request-id", "7f-a")])).id, Some("7f-a"));
    }
}
