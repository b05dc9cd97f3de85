//! Microsoft Entra, with Agent ID: `typ` is `JWT`, there is no `act`; facets say what subject and actor are.
//!
//! Facets are lists of whole numbers with spaces between them, in any order: 11 is an agent identity, 13 the
//! user account of an agent. The agent is the application (`azp`, or `appid` in version 1). Three forms:
//! `idtyp` `user` with a person in `oid`, on whose behalf the agent acts; `app`, the agent on its own; and
//! `user` with facet 13, the agent on its own through an account that is its own and no person's. `idtyp` and
//! the facets are optional claims in Entra and required here: without them a person, a service and an agent
//! cannot be told apart. A name is `oid`, which is the same for every application; `sub` is not.

use alloc::string::String;

use crate::config::{ClientKind, Issuer};
use crate::error::{Code, Refusal};
use crate::identity::context::{Authority, Draft, Role, User, without_traces};
use crate::identity::dialect::{
    Need, Row, agent_missing, client_claim, invalid, not_for_a_client, optional, own, required, text,
};
use crate::identity::fact::{Fact, Src};
use crate::jose::Typ;
use crate::json::{Object, Value};
use crate::token::Claims;

/// The facet of an agent identity.
const AGENT: u32 = 11;
/// The facet of an agent's own user account.
const AGENT_USER: u32 = 13;

pub(super) const ROW: Row = Row {
    name: "entra",
    typ: Typ::OneOf(&["jwt"]),
    kind: not_for_a_client,
    client: &["azp", "appid"],
    id: ("uti", Need::Optional),
    scope: "scp",
    read,
    members: &[
        required("oid"),
        required("tid"),
        required("idtyp"),
        required("xms_act_fct"),
        required("xms_sub_fct"),
        optional("xms_par_app_azp"),
        optional("xms_idrel"),
        optional("xms_tnt_fct"),
        optional("xms_ftd"),
        optional("roles"),
        optional("ver"),
        optional("aio"),
        optional("rh"),
        optional("idp"),
        optional("appidacr"),
        optional("azpacr"),
        optional("name"),
    ],
};

fn read(claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
    let object = claims.object();
    let required =
        |name: &str| -> Result<String, Refusal> { text(object, "", name)?.ok_or_else(|| missing(name)) };
    let oid = required("oid")?;
    required("tid")?;
    let own_rights = match required("idtyp")?.as_str() {
        "app" => true,
        "user" => false,
        _ => return Err(invalid("idtyp", "must be `user` or `app`")),
    };
    let own = |sub: &str| own(issuer, sub);
    let person = |principal| User { principal, role: Role::Delegator };
    let (actor, subject) = (Facets::read(object, "xms_act_fct")?, Facets::read(object, "xms_sub_fct")?);
    if !actor.as_ref().is_some_and(|facets| facets.agent) {
        let traces = actor.is_some_and(|facets| facets.agent_user)
            || subject.as_ref().is_some_and(|facets| facets.agent || facets.agent_user)
            || object.get("xms_par_app_azp").is_some();
        if traces {
            return Err(agent_missing(
                "the token has traces of an agent, and `xms_act_fct` does not hold 11",
            ));
        }
        return match without_traces(claims, issuer)? {
            ClientKind::App => Ok(Draft {
                user: if own_rights {
                    Fact::Absent(Src::token("idtyp"))
                } else {
                    Fact::Asserted(person(own(&oid)), Src::token("oid"))
                },
                agent: Fact::Absent(Src::config("clients")),
                ..Draft::EMPTY
            }),
            ClientKind::Agent | ClientKind::Mixed => {
                Err(agent_missing("the client is an agent, and `xms_act_fct` does not hold 11"))
            }
        };
    }
    // Without the subject's facets an agent's own account would look like a person.
    let subject = subject.ok_or_else(|| missing("xms_sub_fct"))?;
    let agent = Fact::Asserted(own(claims.client_id()), Src::token(client_claim(claims, issuer)));
    let (user, authority) = match (own_rights, subject.agent_user) {
        (true, _) => (
            Fact::Absent(Src::token("idtyp")),
            Fact::Derived(Authority::Agent, Src::token("idtyp"), "idtyp_is_app"),
        ),
        (false, true) => (
            Fact::Absent(Src::token("xms_sub_fct")),
            Fact::Derived(Authority::Agent, Src::token("xms_sub_fct"), "sub_is_the_agents_account"),
        ),
        (false, false) => (
            Fact::Asserted(person(own(&oid)), Src::token("oid")),
            Fact::Derived(Authority::User, Src::token("idtyp"), "on_behalf_of_a_user"),
        ),
    };
    Ok(Draft { user, agent, authority, ..Draft::EMPTY })
}

fn missing(name: &str) -> Refusal {
    Refusal::new(
        Code::ClaimMissing,
        alloc::format!(
            "claim `{name}` is missing; where Entra has it as an optional claim, add it to the API's registration"
        ),
    )
}

/// The facets that matter here.
struct Facets {
    agent: bool,
    agent_user: bool,
}

impl Facets {
    fn read(object: &Object<'_>, name: &str) -> Result<Option<Self>, Refusal> {
        let text = match object.get(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text,
            Some(_) => return Err(invalid(name, "must be a string")),
        };
        let mut facets = Self { agent: false, agent_user: false };
        for item in text.split(' ') {
            let plain = !item.is_empty() && item.bytes().all(|b| b.is_ascii_digit());
            let Some(number) = item.parse::<u32>().ok().filter(|_| plain) else {
                return Err(invalid(name, "must be whole numbers with one space between them"));
            };
            facets.agent |= number == AGENT;
            facets.agent_user |= number == AGENT_USER;
        }
        Ok(Some(facets))
    }
}
