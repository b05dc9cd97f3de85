//! Tokens that name a subject and a client and nothing else: the configuration says what the client is.

use crate::config::{ClientKind, Issuer};
use crate::error::Refusal;
use crate::identity::context::{Authority, Draft, Role, User, without_traces};
use crate::identity::dialect::{agent_missing, client_claim, own};
use crate::identity::fact::{Fact, Src};
use crate::token::Claims;

/// For an `app` the user acts in person; an `agent` acts for the user, under its client id, in the name space
/// of clients. `alone`: the grant had no resource owner, and `sub` is the client (RFC 9068 §2.2). Where the
/// dialect names agents by `act` (`has_act`), a token of an agent that has lost it is not read as another
/// agent's: the client must be said to be the agent itself.
pub(super) fn read(claims: &Claims, issuer: &Issuer, alone: bool, has_act: bool) -> Result<Draft, Refusal> {
    let kind = without_traces(claims, issuer)?;
    let own = |sub: &str| own(issuer, sub);
    let named = issuer.client(claims.client_id()).is_some_and(|client| client.is_the_agent);
    if kind == ClientKind::Agent && has_act && !named {
        return Err(agent_missing(
            "the client is an agent, and the token has no `act` to name it; if its tokens never have one, \
             write `\"named_by\": \"client_id\"` for it in `clients`",
        ));
    }
    let user = if alone {
        Fact::Absent(Src::token("sub"))
    } else {
        Fact::Derived(
            User { principal: own(claims.subject()), role: Role::Delegator },
            Src::token("sub"),
            "sub_is_the_resource_owner",
        )
    };
    let client = Src::token(client_claim(claims, issuer));
    let (agent, authority) = match kind {
        ClientKind::App | ClientKind::Mixed => (Fact::Absent(Src::config("clients")), Fact::SILENT),
        ClientKind::Agent => (
            Fact::Derived(own(claims.client_id()), client, "client_is_the_agent"),
            Fact::Derived(
                if alone { Authority::Agent } else { Authority::User },
                Src::token("sub"),
                if alone { "sub_is_the_client" } else { "sub_is_the_resource_owner" },
            ),
        ),
    };
    Ok(Draft { user, agent, agent_is_client: true, authority, ..Draft::EMPTY })
}
