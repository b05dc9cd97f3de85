//! Our own profile: RFC 9068 and RFC 8693, and two claims for what neither can say.
//!
//! `agent_instance` `{iss, id, kind, parent?, root?}` is one task or session. `agent_rel` `{mode, authority,
//! user?, present_until?, hops, max_hops?, task?}` is the relationship. Both are required where an agent acts.
//! Unknown members are ignored; an unknown value of `mode`, `authority` or `role` leaves the fact unknown.

use alloc::{format, string::String, vec::Vec};

use crate::config::{ClientKind, Issuer};
use crate::error::{Code, Refusal};
use crate::identity::context::{Authority, Draft, Instance, Mode, Principal, Role, User, without_traces};
use crate::identity::dialect::{
    Actor, actors, agent_missing, earlier, has_traces, invalid, is_agent_profile, rfc9068, text,
};
use crate::identity::fact::{Fact, Src, Why};
use crate::json::{Object, Value};
use crate::time::{Round, Timestamp};
use crate::token::Claims;

pub(super) fn read(claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
    let object = claims.object();
    let subject = Principal { iss: issuer.issuer.clone(), sub: claims.subject().into() };
    let actors = match object.get("act") {
        Some(act) => actors(act, None)?,
        None => Vec::new(),
    };
    let (agent, src, delegates) = match actors.first() {
        Some(Actor { principal, profile }) if is_agent_profile(profile.as_deref()) => {
            (principal.clone(), Src::token("act.sub"), *principal != subject)
        }
        Some(_) => {
            return Err(agent_missing("`act.sub_profile` does not say `ai_agent`, so `act` names no agent"));
        }
        None if is_agent_profile(object.get("sub_profile").and_then(Value::as_str)) => {
            (subject.clone(), Src::token("sub"), false)
        }
        None if has_traces(claims) => {
            return Err(agent_missing(
                "the token has traces of an agent, and neither `act` nor `sub_profile` names it",
            ));
        }
        None => {
            return match without_traces(claims.client_id(), issuer)? {
                ClientKind::App => rfc9068::by_client(claims, issuer),
                ClientKind::Agent | ClientKind::Mixed => {
                    Err(agent_missing("the client is an agent, and neither `act` nor `sub_profile` names it"))
                }
            };
        }
    };
    let instance = instance(object)?;
    let rel = relationship(object)?;
    let mode = word(rel, "mode", Mode::from_name, Src::token("agent_rel.mode"));
    let present_until = present_until(rel, &mode, claims)?;
    let hops = hops(rel)?;
    let task = match text(rel, "agent_rel", "task")? {
        Some(task) => Fact::Asserted(task, Src::token("agent_rel.task")),
        None => Fact::SILENT,
    };
    Ok(Draft {
        user: user(rel, &subject, delegates)?,
        agent: Fact::Asserted(agent, src),
        agent_is_client: false,
        instance: Fact::Asserted(instance, Src::token("agent_instance")),
        mode,
        has_mode: true,
        authority: word(rel, "authority", Authority::from_name, Src::token("agent_rel.authority")),
        present_until,
        task,
        earlier: earlier(actors),
        hops: Some(hops),
    })
}

fn missing(path: &str) -> Refusal {
    Refusal::new(
        Code::ClaimMissing,
        format!("claim `{path}` is missing, which dialect `actfor` needs where an agent acts"),
    )
}

fn relationship<'o, 'v>(object: &'o Object<'v>) -> Result<&'o Object<'v>, Refusal> {
    match object.get("agent_rel") {
        None => Err(missing("agent_rel")),
        Some(Value::Object(rel)) => Ok(rel),
        Some(other) => Err(invalid("agent_rel", format!("is {} and must be an object", other.kind()))),
    }
}

fn instance(object: &Object<'_>) -> Result<Instance, Refusal> {
    let instance = match object.get("agent_instance") {
        None => return Err(missing("agent_instance")),
        Some(Value::Object(instance)) => instance,
        Some(other) => {
            return Err(invalid("agent_instance", format!("is {} and must be an object", other.kind())));
        }
    };
    let (iss, id) = name(instance, "agent_instance")?;
    let kind = text(instance, "agent_instance", "kind")?.ok_or_else(|| missing("agent_instance.kind"))?;
    if kind != "task" && kind != "session" {
        return Err(invalid("agent_instance.kind", "must be `task` or `session`"));
    }
    let related = |member: &str| -> Result<Option<(String, String)>, Refusal> {
        let path = format!("agent_instance.{member}");
        match instance.get(member) {
            None => Ok(None),
            Some(Value::Object(other)) => name(other, &path).map(Some),
            Some(other) => Err(invalid(&path, format!("is {} and must be an object", other.kind()))),
        }
    };
    Ok(Instance { iss, id, kind, parent: related("parent")?, root: related("root")? })
}

/// An instance's name: `{iss, id}`.
fn name(object: &Object<'_>, path: &str) -> Result<(String, String), Refusal> {
    let iss = text(object, path, "iss")?.ok_or_else(|| missing(&format!("{path}.iss")))?;
    let id = text(object, path, "id")?.ok_or_else(|| missing(&format!("{path}.id")))?;
    Ok((iss, id))
}

/// A member whose values are a closed set. Another value makes the fact unknown, never a default.
fn word<T>(rel: &Object<'_>, member: &str, read: fn(&str) -> Option<T>, src: Src) -> Fact<T> {
    match rel.get(member) {
        None => Fact::SILENT,
        Some(value) => match value.as_str().and_then(read) {
            Some(value) => Fact::Asserted(value, src),
            None => Fact::Unknown(Why::Unreadable(src)),
        },
    }
}

/// The user: `agent_rel.user`, or the subject where an agent acts for it.
fn user(rel: &Object<'_>, subject: &Principal, delegates: bool) -> Result<Fact<User>, Refusal> {
    let src = Src::token("agent_rel.user");
    match rel.get("user") {
        None if delegates => {
            let user = User { principal: subject.clone(), role: Role::Delegator };
            Ok(Fact::Asserted(user, Src::token("sub")))
        }
        None => Ok(Fact::SILENT),
        Some(Value::Null) if delegates => Err(Refusal::new(
            Code::FactsConflict,
            "`act` says that the agent acts for `sub`, and `agent_rel.user` says that there is no user",
        )),
        Some(Value::Null) => Ok(Fact::Absent(src)),
        Some(Value::Object(user)) => {
            let iss = text(user, "agent_rel.user", "iss")?.ok_or_else(|| missing("agent_rel.user.iss"))?;
            let sub = text(user, "agent_rel.user", "sub")?.ok_or_else(|| missing("agent_rel.user.sub"))?;
            let principal = Principal { iss, sub };
            if delegates && principal != *subject {
                return Err(Refusal::new(
                    Code::FactsConflict,
                    "`act` says that the agent acts for `sub`, and `agent_rel.user` names somebody else",
                ));
            }
            Ok(match word(user, "role", Role::from_name, src.clone()) {
                Fact::Asserted(role, src) => Fact::Asserted(User { principal, role }, src),
                _ => Fact::Unknown(Why::Unreadable(src)),
            })
        }
        Some(_) => Ok(Fact::Unknown(Why::Unreadable(src))),
    }
}

/// `present_until` is there if and only if the mode is interactive, and is not later than `exp`.
fn present_until(rel: &Object<'_>, mode: &Fact<Mode>, claims: &Claims) -> Result<Fact<Timestamp>, Refusal> {
    let path = "agent_rel.present_until";
    let interactive = mode.value() == Some(&Mode::Interactive);
    match rel.get("present_until") {
        None if interactive => Err(missing(path)),
        None => Ok(Fact::SILENT),
        Some(Value::Number(number)) => {
            let until = Timestamp::from_number(number, Round::Floor)
                .ok_or_else(|| invalid(path, "must be seconds since 1970"))?;
            if mode.value().is_some() && !interactive {
                return Err(invalid(path, "is there although the mode is not `interactive`"));
            }
            if until > claims.expires_at() {
                return Err(invalid(path, "is later than `exp`"));
            }
            Ok(Fact::Asserted(until, Src::token(path)))
        }
        Some(other) => Err(invalid(path, format!("is {} and must be a number", other.kind()))),
    }
}

/// `hops`, which is required, and not more than `max_hops`.
fn hops(rel: &Object<'_>) -> Result<usize, Refusal> {
    let read = |member: &str| -> Result<Option<usize>, Refusal> {
        match rel.get(member) {
            None => Ok(None),
            Some(value) => match value.as_u64().and_then(|n| usize::try_from(n).ok()) {
                Some(number) => Ok(Some(number)),
                None => Err(invalid(&format!("agent_rel.{member}"), "must be a whole number")),
            },
        }
    };
    let hops = read("hops")?.ok_or_else(|| missing("agent_rel.hops"))?;
    if read("max_hops")?.is_some_and(|most| hops > most) {
        return Err(Refusal::new(Code::ChainInconsistent, "`hops` is greater than `max_hops`"));
    }
    Ok(hops)
}
