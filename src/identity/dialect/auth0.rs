//! Auth0, with Agents as Principal (early access, `agent_subject_claims: auth0-v1`).
//!
//! A login or an exchange through an agent has `act` without `act.iss`: the actor is named in the issuer's own
//! space, which is derived. An inner actor whose profile is that of an application is the client that the user
//! started from, not an agent. Client credentials have the agent in `sub`, or `CLIENT@clients` for a client
//! without an agent; both carry no user. Both token profiles are read: `at+jwt`, and `JWT` with `azp`.

use crate::config::Issuer;
use crate::error::Refusal;
use crate::identity::context::Draft;
use crate::identity::dialect::{
    APP, Actor, INNER, Need, Row, actors, alone, delegated, exempt, not_for_a_client, optional,
    profile::Profile, required, without_act,
};
use crate::jose::Typ;
use crate::token::Claims;

pub(super) const ROW: Row = Row {
    name: "auth0",
    typ: Typ::OneOf(&["at+jwt", "jwt"]),
    kind: not_for_a_client,
    client: &["client_id", "azp"],
    id: ("jti", Need::Optional),
    scope: "scope",
    read,
    members: &[
        required("act"),
        required("act.sub"),
        optional("act.iss"),
        optional("act.sub_profile"),
        optional("act.client_id"),
        optional("act.client_profile"),
        exempt("act.act", INNER),
        required("act.act.sub"),
        optional("act.act.iss"),
        optional("act.act.sub_profile"),
        optional("act.act.client_id"),
        optional("sub_profile"),
        exempt("client_profile", APP),
        optional("gty"),
        optional("permissions"),
    ],
};

fn read(claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
    let object = claims.object();
    let subject = Profile::read(object, "", "sub_profile")?;
    Profile::read(object, "", "client_profile")?;
    match object.get("act") {
        Some(act) => {
            let mut actors = actors(act, Some(&issuer.issuer))?.into_iter();
            let current = actors.next();
            let is_agent = |actor: &Actor| !actor.profile.as_ref().is_some_and(Profile::is_app);
            delegated(claims, issuer, current.into_iter().chain(actors.filter(is_agent)).collect())
        }
        None if subject.is_some_and(|profile| profile.is_agent()) => Ok(alone(claims, issuer)),
        None => {
            let alone = claims.subject().strip_suffix("@clients") == Some(claims.client_id());
            without_act(claims, issuer, alone)
        }
    }
}
