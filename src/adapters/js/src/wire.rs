//! How a request lies in the buffer, and how a verdict comes back.
//!
//! The head is UTF-8 text, one field a line: how many lines follow, then the id, the method, the target, and a
//! name and a value for each header field. The body follows the head; its bytes are not looked at here.
//!
//! INVARIANT: the number of lines is fixed by whoever wrote the head. A line break smuggled into a field makes
//! one line too many, and the request is refused; it can never become a field of its own.

use actfor::identity::Holder;
use actfor::proof::Use;
use actfor::{Code, Decision, Request, Verdict};

/// The lines before the header fields: id, method, target.
const FIXED: usize = 3;

/// The method of a request that cannot be read. None has a line break (RFC 9110 §9.1): the core refuses it, and
/// writes the document of the refusal like any other.
const UNREADABLE: &str = "\n";

/// Reads the head and hands the request to `f`; one that cannot be read arrives as one that is refused.
pub(crate) fn with_request<T>(head: &[u8], body: Option<&[u8]>, f: impl FnOnce(&Request<'_>) -> T) -> T {
    match read(head) {
        Some((id, method, url, headers)) => {
            f(&Request { id, method, url, headers: &headers, body, ..Request::default() })
        }
        None => f(&Request { id: id_of(head), method: UNREADABLE, ..Request::default() }),
    }
}

type Head<'a> = (&'a str, &'a str, &'a str, Vec<(&'a str, &'a [u8])>);

fn read(head: &[u8]) -> Option<Head<'_>> {
    let mut lines = core::str::from_utf8(head).ok()?.split('\n');
    let count: usize = lines.next()?.parse().ok()?;
    let fields = count.checked_sub(FIXED)?;
    let (id, method, url) = (lines.next()?, lines.next()?, lines.next()?);
    let mut headers = Vec::with_capacity(8);
    for _ in 0..fields / 2 {
        headers.push((lines.next()?, lines.next()?.as_bytes()));
    }
    (fields % 2 == 0 && lines.next().is_none()).then_some((id, method, url, headers))
}

/// The second line, so that even the refusal of an unreadable request can be found in a log.
fn id_of(head: &[u8]) -> &str {
    core::str::from_utf8(head).ok().and_then(|text| text.split('\n').nth(1)).unwrap_or_default()
}

/// Packs a verdict: bits 0–1 the verdict (0 allow, 1 deny, 2 needs approval), bits 2–11 the code's line in
/// `codeNames` (0: none), bits 12–13 what the store said of the proof and bits 14–15 of the approval (0 nothing, 1
/// first use, 2 used before), bits 16–25 the HTTP status, bits 26–27 what the store said of the instance (0 nothing,
/// 1 the same user and agent, 2 others).
pub(crate) fn pack(decision: &Decision) -> u32 {
    let verdict = match decision.verdict() {
        Verdict::Allow => 0,
        Verdict::Deny => 1,
        Verdict::NeedsApproval => 2,
    };
    let code = decision.code().map_or(0, |code| line(code) << 2);
    let said = |answer: Option<Use>| match answer {
        None => 0,
        Some(Use::First) => 1,
        Some(Use::Again) => 2,
    };
    let (proof, approval) = (said(decision.proof_use()) << 12, said(decision.approval_use()) << 14);
    let instance = match decision.instance_use() {
        None => 0,
        Some(Holder::Same) => 1,
        Some(Holder::Another) => 2,
    } << 26;
    verdict | code | proof | approval | instance | ((u32::from(decision.status()) & 0x3ff) << 16)
}

/// What the store said of the proof, out of a packed verdict.
pub(crate) fn proof_use(packed: u32) -> Option<Use> {
    said(packed >> 12)
}

/// What the store said of the approval, out of a packed verdict.
pub(crate) fn approval_use(packed: u32) -> Option<Use> {
    said(packed >> 14)
}

/// What the store said of the instance, out of a packed verdict.
pub(crate) fn instance_use(packed: u32) -> Option<Holder> {
    match (packed >> 26) & 3 {
        1 => Some(Holder::Same),
        2 => Some(Holder::Another),
        _ => None,
    }
}

fn said(bits: u32) -> Option<Use> {
    match bits & 3 {
        1 => Some(Use::First),
        2 => Some(Use::Again),
        _ => None,
    }
}

fn line(code: Code) -> u32 {
    let at = Code::ALL.iter().position(|known| *known == code).unwrap_or(Code::ALL.len());
    u32::try_from(at.saturating_add(1)).unwrap_or(u32::MAX) & 0x3ff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(head: &str) -> String {
        with_request(head.as_bytes(), None, |r| {
            let headers: Vec<_> =
                r.headers.iter().map(|(n, v)| format!("{n}={}", String::from_utf8_lossy(v))).collect();
            format!("{}|{:?}|{}|{}", r.id, r.method, r.url, headers.join(","))
        })
    }

    #[test]
    fn reads_repeated_fields_in_order() {
        assert_eq!(show("7\nr1\nGET\n/x\na\n1\na\n2"), "r1|\"GET\"|/x|a=1,a=2");
        assert_eq!(show("3\n\nGET\n"), "|\"GET\"||");
    }

    #[test]
    fn a_line_break_in_a_field_never_becomes_a_field() {
        let unreadable = "r1|\"\\n\"||";
        for head in [
            "5\nr1\nGET\n/x\na\n1\nauthorization\nBearer x",
            "5\nr1\nGET\n/x\n\na\n1",
            "4\nr1\nGET\n/x\na",
            "2\nr1\nGET",
            "-1\nr1",
            "99999999999999999999\nr1\nGET\n/x",
            "7\nr1\nGET\n/x\na\n1",
        ] {
            assert_eq!(show(head), unreadable, "{head:?}");
        }
        assert_eq!(show(""), "|\"\\n\"||");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_unreadable() {
        with_request(b"3\nr\nGET\n/\xff", None, |r| assert_eq!(r.method, "\n"));
    }

    #[test]
    fn every_code_has_a_line_of_its_own() {
        for (at, code) in Code::ALL.iter().enumerate() {
            assert_eq!(line(*code) as usize, at + 1);
        }
    }
}
