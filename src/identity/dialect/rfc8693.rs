//! RFC 8693: a subject, and an actor in `act`. Nested actors are history and grant nothing (§4.1).
//!
//! `act.iss` may be left out: then the actor is named in the token issuer's own space. There is no slot for
//! an instance or a mode. A token without `act` is read as RFC 9068 reads it.

use crate::config::Issuer;
use crate::error::Refusal;
use crate::identity::context::{Authority, Draft, Principal, Role, User};
use crate::identity::dialect::{actors, agent_missing, earlier, has_traces, rfc9068};
use crate::identity::fact::{Fact, Src};
use crate::token::Claims;

pub(super) fn read(claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
    let Some(act) = claims.object().get("act") else {
        if has_traces(claims) {
            return Err(agent_missing(
                "the token has traces of an agent and no `act`, which is where dialect `rfc8693` names it",
            ));
        }
        return rfc9068::by_client(claims, issuer);
    };
    let actors = actors(act, Some(&issuer.issuer))?;
    let Some(current) = actors.first().map(|actor| actor.principal.clone()) else {
        return Err(agent_missing("`act` names nobody"));
    };
    let subject = Principal { iss: issuer.issuer.clone(), sub: claims.subject().into() };
    // An actor that is the subject itself is no delegation: whose agent it is, the token does not say.
    let user = if subject == current {
        Fact::SILENT
    } else {
        Fact::Asserted(User { principal: subject, role: Role::Delegator }, Src::token("sub"))
    };
    Ok(Draft {
        user,
        agent: Fact::Asserted(current, Src::token("act.sub")),
        agent_is_client: false,
        instance: Fact::SILENT,
        mode: Fact::SILENT,
        has_mode: false,
        authority: Fact::Derived(Authority::User, Src::token("act"), "act_is_delegation"),
        present_until: Fact::SILENT,
        task: Fact::SILENT,
        earlier: earlier(actors),
        hops: None,
    })
}
