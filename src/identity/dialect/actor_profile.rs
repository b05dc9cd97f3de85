//! draft-mcguinness-oauth-actor-profile (text of November 2026), strict: an actor is `act.iss` and `act.sub`,
//! both required, at every depth.
//!
//! `client_id` never stands in for `act`. An actor without `sub_profile` is unclassified, and so an agent. The
//! draft's receipts, proofs and bounds are not read: a token that has them is refused.

use crate::config::Issuer;
use crate::error::Refusal;
use crate::identity::context::Draft;
use crate::identity::dialect::{
    APP, INNER, Need, Row, actors, alone, by_typ, delegated, exempt, optional, profile::Profile, required,
    without_act,
};
use crate::jose::Typ;
use crate::token::Claims;

pub(super) const ROW: Row = Row {
    name: "actor-profile",
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
        optional("act.sub_profile"),
        exempt("act.act", INNER),
        required("act.act.iss"),
        required("act.act.sub"),
        optional("act.act.sub_profile"),
        // Without it, `sub` is a person as far as the token says; only an agent may lose it and stay refused.
        optional("sub_profile"),
        exempt("client_profile", APP),
        exempt("chain_complete", INNER),
    ],
};

fn read(claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
    let object = claims.object();
    let subject = Profile::read(object, "", "sub_profile")?;
    Profile::read(object, "", "client_profile")?;
    match object.get("act") {
        Some(act) => delegated(claims, issuer, actors(act, None)?),
        None if subject.is_some_and(|profile| profile.is_agent()) => Ok(alone(claims, issuer)),
        None => without_act(claims, issuer, claims.subject() == claims.client_id()),
    }
}
