//! RFC 8693: a subject, and an actor in `act`. Nested actors are history and grant nothing (§4.1).
//!
//! `act.iss` may be left out: then the actor is named in the token issuer's own space. There is no slot for
//! an instance or a mode. A token without `act` is read by its client.

use crate::config::Issuer;
use crate::error::Refusal;
use crate::identity::context::Draft;
use crate::identity::dialect::{
    APP, INNER, Need, Row, actors, by_typ, delegated, exempt, optional, required, without_act,
};
use crate::jose::Typ;
use crate::token::Claims;

pub(super) const ROW: Row = Row {
    name: "rfc8693",
    typ: Typ::OneOf(&["at+jwt"]),
    kind: by_typ,
    client: &["client_id"],
    id: ("jti", Need::Required),
    scope: "scope",
    read,
    members: &[
        required("act"),
        required("act.sub"),
        optional("act.iss"),
        optional("act.sub_profile"),
        exempt("act.act", INNER),
        required("act.act.sub"),
        optional("act.act.iss"),
        optional("act.act.sub_profile"),
        optional("sub_profile"),
        exempt("client_profile", APP),
        exempt("chain_complete", INNER),
        optional("may_act"),
    ],
};

fn read(claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
    match claims.object().get("act") {
        Some(act) => delegated(claims, issuer, actors(act, Some(&issuer.issuer))?),
        None => without_act(claims, issuer, claims.subject() == claims.client_id()),
    }
}
