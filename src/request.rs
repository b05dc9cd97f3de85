//! A request as the enforcement point saw it, and the token in it.

use alloc::format;

use crate::decision::Decision;
use crate::error::{Code, Refusal, quote};
use crate::guard::Guard;
use crate::identity::Holder;
use crate::json::Object;
use crate::policy::path::Target;
use crate::proof::{Certificate, Use};
use crate::relation::Reply;
use crate::token::Introspection;

/// What the enforcement point saw of one request. Nothing here proves anything by itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// The host's own id of the request; it comes back in the decision document.
    pub id: &'a str,
    /// The method, as it was sent: `GET`.
    pub method: &'a str,
    /// The target: `/path?query`, or with scheme and authority before it.
    pub url: &'a str,
    /// The header fields named in [`Guard::HEADERS`], each as often as it was sent; names in lower case,
    /// values as bytes. Others may be there and are ignored.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body, where the host has it.
    pub body: Option<&'a [u8]>,
    /// The client certificate of the connection, where the host sees it (RFC 8705).
    pub certificate: Option<&'a Certificate>,
    /// What the issuer answered when the host asked about the token (RFC 7662), where the configuration wants it.
    pub introspection: Option<Introspection<'a>>,
    /// What the host's replay store said of this request's proof, where it was asked already: for explaining a
    /// decision ([`Decision::proof_use`](crate::Decision::proof_use)).
    pub proof_use: Option<Use>,
    /// What the host's store said of this request's approval, where it was asked already
    /// ([`Decision::approval_use`](crate::Decision::approval_use)).
    pub approval_use: Option<Use>,
    /// What the host's store said of the token's instance, where it was asked already
    /// ([`Decision::instance_use`](crate::Decision::instance_use)).
    pub instance_use: Option<Holder>,
    /// The address of the connection's other end, where the host sees it: `request.peer` in rules.
    pub peer: Option<core::net::IpAddr>,
    /// What a relationship server said to the questions that [`Guard::to_relate`] gave, for this request.
    pub replies: &'a [Reply<'a>],
    /// The relationship server was asked for this request and gave no answer: a refusal for want of one may be another
    /// one later.
    pub relations_unreachable: bool,
    /// What is asked, where the host asks by name and not by `route` or `tool` lines. Nothing is public then.
    pub question: Option<Question<'a>>,
    /// Who is asking a [`Self::question`], by the word of an enforcement point that the host trusts: claims, as an
    /// access token of the issuer in `iss` would have them. Then there is no token, and nothing is proved.
    pub vouched: Option<&'a Object<'a>>,
}

/// May this be done? An action on an object by their names, asked by the host and not read from the request.
///
/// What a rule could read of the request (`request.path` and the like) is unknown: nobody knows by which request it
/// would be done.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who is asked about, as type and id: then it must be who is asking, the user or, without one, the agent.
    pub subject: Option<(&'a str, &'a str)>,
    /// The action.
    pub action: &'a str,
    /// The object's type.
    pub kind: &'a str,
    /// The object's id, as it is called outside of the model: it is encoded like every name.
    pub id: &'a str,
    /// `args` of the rules: these and no others. Without any (`None`), each is unknown.
    pub arguments: Option<&'a Object<'a>>,
}

impl<'a> Request<'a> {
    /// The same request, with what the stores said when it was decided: what was used for the first time then is not used
    /// again by deciding again or by explaining.
    #[must_use]
    pub fn after(&self, decision: &Decision) -> Self {
        Self {
            proof_use: decision.proof_use(),
            approval_use: decision.approval_use(),
            instance_use: decision.instance_use(),
            ..*self
        }
    }

    /// The values of a header field, in order.
    pub(crate) fn header(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// The one value of a header field.
    ///
    /// # Errors
    /// `request_invalid` where it is there twice.
    pub(crate) fn single(&self, name: &'static str) -> Result<Option<&'a [u8]>, Refusal> {
        let mut values = self.header(name);
        match (values.next(), values.next()) {
            (first, None) => Ok(first),
            (_, Some(_)) => {
                Err(Refusal::new(Code::RequestInvalid, format!("there are two `{name}` headers")))
            }
        }
    }

    /// Whether it is a CORS preflight request (Fetch standard §3.3.3): it has no credentials.
    pub(crate) fn is_preflight(&self) -> bool {
        let has = |name| self.header(name).next().is_some();
        self.method == "OPTIONS" && has("access-control-request-method") && !has("authorization")
    }
}

/// What no request may carry: bytes that hosts hand over in different ways, and headers that change the method.
pub(crate) fn check_headers(request: &Request<'_>) -> Result<(), Refusal> {
    for (name, value) in request.headers {
        if !Guard::HEADERS.contains(name) {
            continue;
        }
        if !is_printable(value) {
            return Err(Refusal::new(
                Code::RequestInvalid,
                format!("header `{name}` has a character outside printable ASCII"),
            ));
        }
        if matches!(*name, "x-http-method" | "x-http-method-override" | "x-method-override") {
            return Err(Refusal::new(Code::MethodOverride, format!("header `{name}` is not accepted")));
        }
    }
    if request.method.is_empty() || !request.method.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Refusal::new(Code::RequestInvalid, format!("{} is not a method", quote(request.method))));
    }
    Ok(())
}

/// Whether there are only printable ASCII characters and tabs (RFC 9110 §5.5, without `obs-text`). Most of a request is its
/// token, so eight bytes are looked at at once.
fn is_printable(value: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES << 7;
    let (words, rest) = value.as_chunks::<8>();
    // The high bit of a byte is set in `below` if it is less than 0x20, in `delete` if it is 0x7f; a borrow may set more
    // of them, never fewer.
    let suspicious = |word: u64| {
        let below = word.wrapping_sub(ONES << 5);
        let delete = (word ^ (HIGH ^ u64::MAX)).wrapping_sub(ONES);
        (word | below | delete) & HIGH != 0
    };
    let printable = |bytes: &[u8]| bytes.iter().all(|b| matches!(b, b'\t' | 0x20..=0x7e));
    words.iter().all(|word| !suspicious(u64::from_le_bytes(*word)) || printable(word)) && printable(rest)
}

/// How a token was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bearer,
    Dpop,
    /// In `Txn-Token`: a transaction token, which is never a credential of `Authorization`.
    Transaction,
}

/// The token in `Txn-Token` (draft-ietf-oauth-transaction-tokens): one, and then none in `Authorization`.
fn transaction<'a>(request: &Request<'a>) -> Result<Option<&'a str>, Refusal> {
    let mut values = request.header("txn-token");
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::new(Code::TokenAmbiguous, "there are two `Txn-Token` headers"));
    }
    if request.header("authorization").next().is_some() {
        return Err(Refusal::new(
            Code::TokenAmbiguous,
            "there is an `Authorization` beside a `Txn-Token` header",
        ));
    }
    Ok(Some(core::str::from_utf8(value).unwrap_or_default().trim()))
}

/// The token in `Authorization` (RFC 6750 §2.1, RFC 9449 §7.1): one, and there only.
pub(crate) fn credentials<'a>(
    request: &Request<'a>,
    target: &Target<'_>,
    transactions: bool,
) -> Result<(Scheme, &'a str), Refusal> {
    if let Some(token) = transactions.then(|| transaction(request)).transpose()?.flatten() {
        return Ok((Scheme::Transaction, token));
    }
    let mut values = request.header("authorization");
    let in_query = target.query().is_some_and(|query| {
        query
            .split('&')
            .any(|pair| pair.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("access_token")))
    });
    let two = || Refusal::new(Code::TokenAmbiguous, "there are two `Authorization` headers");
    let value = match (values.next(), values.next()) {
        (Some(_), Some(_)) => return Err(two()),
        // RFC 9110 §5.3: a proxy may have joined them on the way (Envoy does).
        (Some(value), None) if is_joined(value) => return Err(two()),
        (_, None) if in_query => {
            return Err(Refusal::new(
                Code::TokenAmbiguous,
                "a token in the query is never accepted (`access_token`)",
            ));
        }
        (None, _) => return Err(Refusal::new(Code::TokenMissing, "there is no `Authorization` header")),
        (Some(value), None) => core::str::from_utf8(value).unwrap_or_default(),
    };
    let (scheme, token) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    let scheme = match scheme {
        s if s.eq_ignore_ascii_case("bearer") => Scheme::Bearer,
        s if s.eq_ignore_ascii_case("dpop") => Scheme::Dpop,
        other => {
            let text = format!("scheme {} is neither `Bearer` nor `DPoP`", quote(other));
            return Err(Refusal::new(Code::TokenMissing, text));
        }
    };
    match token.trim_start_matches(' ') {
        "" => Err(Refusal::new(Code::TokenMissing, "the `Authorization` header has no token")),
        token => Ok((scheme, token)),
    }
}

/// Whether a comma stands behind what could be credentials (RFC 9110 §11.4, `token68`), which hold none.
fn is_joined(value: &[u8]) -> bool {
    let plain = |b: &u8| {
        b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
    };
    value.contains(&b',') && value.iter().find(|b| !plain(b)) == Some(&b',')
}

#[cfg(test)]
mod tests {
    use super::is_printable;

    #[test]
    fn every_byte_counts_wherever_it_stands() {
        for length in 1..20_usize {
            for at in 0..length {
                for neighbour in [b' ', b'a', b'~', b'\t', 0x80] {
                    for byte in 0..=u8::MAX {
                        let mut value = alloc::vec![neighbour; length];
                        if let Some(slot) = value.get_mut(at) {
                            *slot = byte;
                        }
                        let plain = |b: &u8| *b == b'\t' || (0x20..0x7f).contains(b);
                        assert_eq!(is_printable(&value), value.iter().all(plain), "{value:?}");
                    }
                }
            }
        }
    }
}
