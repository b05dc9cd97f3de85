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
    APP, Actor, Need, Row, actors, agent_missing, by_client, by_typ, earlier, exempt, has_traces, invalid,
    optional, own, profile::Profile, required, text,
};
use crate::identity::fact::{Fact, Src, Why};
use crate::jose::Typ;
use crate::json::{Object, Value};
use crate::time::{Round, Timestamp};
use crate::token::Claims;

pub(super) const ROW: Row = Row {
    name: "actfor",
    typ: Typ::OneOf(&["at+jwt"]),
    kind: by_typ,
    client: &["client_id"],
    id: ("jti", Need::Required),
    scope: "scope",
    read,
    members: &[
        required("act"),
        required("act.iss"),
        required("act.sub"),
        required("act.sub_profile"),
        // `hops` counts them, so nothing is lost unseen; without any of them `hops` stands alone.
        optional("act.act"),
        required("act.act.iss"),
        required("act.act.sub"),
        optional("act.act.sub_profile"),
        optional("sub_profile"),
        exempt("client_profile", APP),
        required("agent_instance"),
        required("agent_instance.iss"),
        required("agent_instance.id"),
        required("agent_instance.kind"),
        required("agent_instance.parent"),
        required("agent_instance.parent.iss"),
        required("agent_instance.parent.id"),
        required("agent_instance.root"),
        required("agent_instance.root.iss"),
        required("agent_instance.root.id"),
        required("agent_rel"),
        required("agent_rel.mode"),
        required("agent_rel.authority"),
        required("agent_rel.user"),
        required("agent_rel.user.iss"),
        required("agent_rel.user.sub"),
        required("agent_rel.user.role"),
        required("agent_rel.present_until"),
        required("agent_rel.task"),
        required("agent_rel.hops"),
        optional("agent_rel.max_hops"),
        optional("agent_rel.basis"),
    ],
};

fn read(claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
    let object = claims.object();
    let subject = own(issuer, claims.subject());
    let sub_profile = Profile::read(object, "", "sub_profile")?;
    let actors = match object.get("act") {
        Some(act) => actors(act, None)?,
        None => Vec::new(),
    };
    let (agent, src, delegates) = match actors.first() {
        Some(Actor { principal, profile }) if profile.as_ref().is_some_and(Profile::is_agent) => {
            (principal.clone(), Src::token("act.sub"), *principal != subject)
        }
        Some(_) => {
            return Err(agent_missing("`act.sub_profile` does not say `ai_agent`, so `act` names no agent"));
        }
        None if sub_profile.is_some_and(|profile| profile.is_agent()) => {
            (subject.clone(), Src::token("sub"), false)
        }
        None if has_traces(claims) => {
            return Err(agent_missing(
                "the token has traces of an agent, and neither `act` nor `sub_profile` names it",
            ));
        }
        None => {
            return match without_traces(claims, issuer)? {
                ClientKind::App => by_client::read(claims, issuer, false, true),
                ClientKind::Agent | ClientKind::Mixed => {
                    Err(agent_missing("the client is an agent, and neither `act` nor `sub_profile` names it"))
                }
            };
        }
    };
    let said = added(object)?;
    let user = match (said.user, delegates) {
        (Fact::Unknown(Why::Silent), true) => {
            let user = User { principal: subject, role: Role::Delegator };
            Fact::Asserted(user, Src::token("sub"))
        }
        (Fact::Absent(_), true) => {
            return Err(Refusal::new(
                Code::FactsConflict,
                "`act` says that the agent acts for `sub`, and `agent_rel.user` says that there is no user",
            ));
        }
        (Fact::Asserted(user, _), true) if user.principal != subject => {
            return Err(Refusal::new(
                Code::FactsConflict,
                "`act` says that the agent acts for `sub`, and `agent_rel.user` names somebody else",
            ));
        }
        (user, _) => user,
    };
    Ok(Draft { user, agent: Fact::Asserted(agent, src), earlier: earlier(actors), ..said })
}

/// What the two claims of the profile say, in a token or in another carrier.
///
/// # Errors
/// `claim_invalid`, `claim_missing` and `chain_inconsistent` for claims that are there and not well formed.
pub(crate) fn added(object: &Object<'_>) -> Result<Draft, Refusal> {
    let instance = match object.get("agent_instance") {
        None => Fact::SILENT,
        Some(value) => Fact::Asserted(instance(value)?, Src::token("agent_instance")),
    };
    let nothing = Object::default();
    let rel = match object.get("agent_rel") {
        None => &nothing,
        Some(Value::Object(rel)) => rel,
        Some(other) => {
            return Err(invalid("agent_rel", format!("is {} and must be an object", other.kind())));
        }
    };
    let task = match text(rel, "agent_rel", "task")? {
        Some(task) => Fact::Asserted(task, Src::token("agent_rel.task")),
        None => Fact::SILENT,
    };
    Ok(Draft {
        user: user(rel)?,
        instance,
        mode: word(rel, "mode", Mode::from_name, Src::token("agent_rel.mode")),
        authority: word(rel, "authority", Authority::from_name, Src::token("agent_rel.authority")),
        present_until: present_until(rel)?,
        task,
        hops: hops(rel)?,
        profiled: true,
        ..Draft::EMPTY
    })
}

fn missing(path: &str) -> Refusal {
    Refusal::new(
        Code::ClaimMissing,
        format!("claim `{path}` is missing, which dialect `actfor` needs where an agent acts"),
    )
}

fn instance(value: &Value<'_>) -> Result<Instance, Refusal> {
    let Value::Object(instance) = value else {
        return Err(invalid("agent_instance", format!("is {} and must be an object", value.kind())));
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

/// `agent_rel.user`: a user, or null for none.
fn user(rel: &Object<'_>) -> Result<Fact<User>, Refusal> {
    let src = Src::token("agent_rel.user");
    match rel.get("user") {
        None => Ok(Fact::SILENT),
        Some(Value::Null) => Ok(Fact::Absent(src)),
        Some(Value::Object(user)) => {
            let iss = text(user, "agent_rel.user", "iss")?.ok_or_else(|| missing("agent_rel.user.iss"))?;
            let sub = text(user, "agent_rel.user", "sub")?.ok_or_else(|| missing("agent_rel.user.sub"))?;
            Ok(match word(user, "role", Role::from_name, src.clone()) {
                Fact::Asserted(role, src) => {
                    Fact::Asserted(User { principal: Principal { iss, sub }, role }, src)
                }
                _ => Fact::Unknown(Why::Unreadable(src)),
            })
        }
        Some(_) => Ok(Fact::Unknown(Why::Unreadable(src))),
    }
}

/// The second at which the user counts as gone.
fn present_until(rel: &Object<'_>) -> Result<Fact<Timestamp>, Refusal> {
    let path = "agent_rel.present_until";
    match rel.get("present_until") {
        None => Ok(Fact::SILENT),
        Some(Value::Number(number)) => Timestamp::from_number(number, Round::Floor)
            .map(|until| Fact::Asserted(until, Src::token(path)))
            .ok_or_else(|| invalid(path, "must be seconds since 1970")),
        Some(other) => Err(invalid(path, format!("is {} and must be a number", other.kind()))),
    }
}

/// `hops`, and not more than `max_hops`.
fn hops(rel: &Object<'_>) -> Result<Option<usize>, Refusal> {
    let read = |member: &str| -> Result<Option<usize>, Refusal> {
        match rel.get(member) {
            None => Ok(None),
            Some(value) => match value.as_u64().and_then(|n| usize::try_from(n).ok()) {
                Some(number) => Ok(Some(number)),
                None => Err(invalid(&format!("agent_rel.{member}"), "must be a whole number")),
            },
        }
    };
    let (hops, most) = (read("hops")?, read("max_hops")?);
    match (hops, most) {
        (Some(hops), Some(most)) if hops > most => {
            Err(Refusal::new(Code::ChainInconsistent, "`hops` is greater than `max_hops`"))
        }
        _ => Ok(hops),
    }
}
