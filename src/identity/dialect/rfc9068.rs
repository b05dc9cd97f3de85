//! RFC 9068: a subject and a client. No slot for an agent, an instance, an authority or a mode.
//!
//! `sub` is the resource owner, or the client itself where there is no resource owner (§2.2). The client is
//! what the configuration says it is: for an `app` the user acts in person; an `agent` acts for the user,
//! under its client id, in the name space of clients.

use alloc::vec::Vec;

use crate::config::{ClientKind, Issuer};
use crate::error::Refusal;
use crate::identity::context::{Authority, Draft, Principal, Role, User, without_traces};
use crate::identity::dialect::{agent_missing, has_traces};
use crate::identity::fact::{Fact, Src};
use crate::token::Claims;

pub(super) fn read(claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
    if has_traces(claims) {
        return Err(agent_missing(
            "the token has traces of an agent (`act`, `agent_rel`, `agent_instance` or an `ai_agent` profile), \
             which dialect `rfc9068` does not read: pin `actfor` or `rfc8693` for this issuer",
        ));
    }
    by_client(claims, issuer)
}

/// The facts of a token that names a subject and a client and nothing else.
pub(super) fn by_client(claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
    let kind = without_traces(claims.client_id(), issuer)?;
    let own = |sub: &str| Principal { iss: issuer.issuer.clone(), sub: sub.into() };
    let alone = claims.subject() == claims.client_id();
    let user = if alone {
        // RFC 9068 §2.2: without a resource owner, `sub` identifies the client.
        Fact::Absent(Src::token("sub"))
    } else {
        Fact::Derived(
            User { principal: own(claims.subject()), role: Role::Delegator },
            Src::token("sub"),
            "sub_is_the_resource_owner",
        )
    };
    let (agent, authority) = match kind {
        ClientKind::App | ClientKind::Mixed => (Fact::Absent(Src::config("clients")), Fact::SILENT),
        ClientKind::Agent => (
            Fact::Derived(own(claims.client_id()), Src::token("client_id"), "client_is_the_agent"),
            Fact::Derived(
                if alone { Authority::Agent } else { Authority::User },
                Src::token("sub"),
                if alone { "sub_is_the_client" } else { "sub_is_the_resource_owner" },
            ),
        ),
    };
    Ok(Draft {
        user,
        agent,
        agent_is_client: true,
        instance: Fact::SILENT,
        mode: Fact::SILENT,
        has_mode: false,
        authority,
        present_until: Fact::SILENT,
        task: Fact::SILENT,
        earlier: Vec::new(),
        hops: None,
    })
}
