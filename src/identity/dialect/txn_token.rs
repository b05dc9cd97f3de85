//! Transaction Tokens (draft-ietf-oauth-transaction-tokens-09), with both vintages of the extension for agents.
//!
//! `sub` is unique within the trust domain (`aud`) and nowhere else: that is its name space, and two domains
//! never meet. It travels in `Txn-Token`, never in `Authorization`. Vintage two (from 06 on) has `act` and
//! `sub`; vintage one has `actor` and `principal`, and its `sub` is the audience of the token that came
//! before. There, a missing `principal` may mean that there is none or that it got lost: it is unknown.
//! `agentic_ctx` is about software and hardware; only its chain of calls is looked at, for a loop.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use crate::config::Issuer;
use crate::error::{Code, Refusal};
use crate::identity::context::{Authority, Draft, Principal, Role, User};
use crate::identity::dialect::{
    INNER, Need, Row, actors, agent_missing, by_client, by_typ, delegated_by, exempt, has_traces, invalid,
    optional, required, text,
};
use crate::identity::fact::{Fact, Src};
use crate::jose::Typ;
use crate::json::{Object, Value};
use crate::token::Claims;

pub(super) const ROW: Row = Row {
    name: "txn-token",
    typ: Typ::OneOf(&["txntoken+jwt"]),
    kind: by_typ,
    client: &["req_wl"],
    id: ("txn", Need::Required),
    scope: "scope",
    read,
    members: &[
        required("act"),
        required("act.iss"),
        required("act.sub"),
        optional("act.sub_profile"),
        exempt("act.act", INNER),
        required("act.act.iss"),
        required("act.act.sub"),
        optional("act.act.sub_profile"),
        required("actor"),
        required("actor.sub"),
        required("principal"),
        required("principal.sub"),
        optional("agentic_ctx"),
        optional("tctx"),
        optional("rctx"),
    ],
};

fn read(claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
    let object = claims.object();
    let domain = claims.only_audience().ok_or_else(|| invalid("aud", "must be one trust domain"))?;
    let own = |sub: &str| Principal { iss: domain.into(), sub: sub.into() };
    let delegator = |principal| User { principal, role: Role::Delegator };
    check_path(object)?;
    match (object.get("act"), object.get("actor")) {
        (Some(_), Some(_)) => Err(Refusal::new(
            Code::FactsConflict,
            "`act` and `actor` are of two vintages of the extension for agents, and a token is of one",
        )),
        (Some(_), None) if object.get("principal").is_some() => Err(Refusal::new(
            Code::FactsConflict,
            "`act` and `principal` are of two vintages of the extension for agents, and a token is of one",
        )),
        (Some(act), None) => delegated_by(own(claims.subject()), claims, issuer, actors(act, None)?),
        (None, Some(_)) => {
            let user = match name(object, "principal")? {
                Some(sub) => Fact::Asserted(delegator(own(&sub)), Src::token("principal")),
                None => Fact::SILENT,
            };
            let agent = name(object, "actor")?.ok_or_else(|| invalid("actor", "names nobody"))?;
            Ok(Draft {
                user,
                agent: Fact::Asserted(own(&agent), Src::token("actor")),
                authority: Fact::Derived(Authority::User, Src::token("principal"), "principal_is_delegation"),
                ..Draft::EMPTY
            })
        }
        (None, None) => {
            if has_traces(claims) || object.get("principal").is_some() || object.get("agentic_ctx").is_some()
            {
                return Err(agent_missing(
                    "the token has traces of an agent, and neither `act` nor `actor` names it",
                ));
            }
            let mut draft = by_client::read(claims, issuer, false, true)?;
            draft.user = Fact::Asserted(delegator(own(claims.subject())), Src::token("sub"));
            Ok(draft)
        }
    }
}

/// Vintage one: a name, or an object with `sub`. What else may stand there was never written down.
fn name(object: &Object<'_>, member: &'static str) -> Result<Option<String>, Refusal> {
    match object.get(member) {
        None => Ok(None),
        Some(Value::Object(inner)) => {
            if ["act", "actor", "iss"].iter().any(|name| inner.get(name).is_some()) {
                return Err(Refusal::new(
                    Code::DialectUnsupported,
                    format!("what is nested in `{member}` was never written down for certain"),
                ));
            }
            text(inner, member, "sub")?
                .map(Some)
                .ok_or_else(|| invalid(&format!("{member}.sub"), "is missing"))
        }
        Some(_) => text(object, "", member),
    }
}

/// A workload that calls itself through others: the draft has it refuse.
fn check_path(object: &Object<'_>) -> Result<(), Refusal> {
    let metadata = object
        .get("agentic_ctx")
        .and_then(Value::as_object)
        .and_then(|context| context.get("chain_metadata"))
        .and_then(Value::as_object);
    let Some(metadata) = metadata else { return Ok(()) };
    if metadata.get("min_assurance_level").is_some() {
        let text = "`min_assurance_level` bounds every hop, and what each of them has is not known here";
        return Err(Refusal::new(Code::DialectUnsupported, text));
    }
    let Some(path) = metadata.get("txn_path") else { return Ok(()) };
    let items: Option<Vec<&str>> =
        path.as_array().and_then(|items| items.iter().map(Value::as_str).collect());
    let Some(items) = items else {
        return Err(invalid("agentic_ctx.chain_metadata.txn_path", "must be an array of strings"));
    };
    let mut seen = BTreeSet::new();
    match items.iter().find(|item| !seen.insert(**item)) {
        None => Ok(()),
        Some(twice) => Err(Refusal::new(
            Code::ChainInconsistent,
            format!("{} is in `txn_path` twice: the call went in a circle", crate::error::quote(twice)),
        )),
    }
}
