//! Keycloak 26.8, with delegation by token exchange (a preview feature).
//!
//! `act` has the UUID of the agent's service account in `sub`, without `iss`. Its mappers can write any `act`,
//! text included: what is not an object refuses. `may_act` says who could become the actor, not who is. The
//! claim `typ` tells access tokens (`Bearer`, `DPoP`) from ID and refresh tokens, which share a header.

use crate::config::Issuer;
use crate::error::Refusal;
use crate::identity::context::Draft;
use crate::identity::dialect::{
    APP, INNER, Need, Row, actors, delegated, exempt, optional, required, without_act,
};
use crate::jose::Typ;
use crate::json::{Object, Value};
use crate::token::Claims;

pub(super) const ROW: Row = Row {
    name: "keycloak",
    typ: Typ::OneOf(&["at+jwt", "jwt"]),
    kind: by_claim,
    client: &["azp"],
    id: ("jti", Need::Required),
    scope: "scope",
    read,
    members: &[
        required("typ"),
        required("act"),
        required("act.sub"),
        optional("act.iss"),
        optional("act.client_id"),
        optional("act.sub_profile"),
        optional("act.may_act"),
        exempt("act.act", INNER),
        required("act.act.sub"),
        optional("act.act.client_id"),
        optional("may_act"),
        optional("client_id"),
        optional("preferred_username"),
        optional("sub_profile"),
        exempt("client_profile", APP),
        optional("realm_access"),
        optional("resource_access"),
        optional("sid"),
        optional("acr"),
    ],
};

fn by_claim(object: &Object<'_>) -> Result<(), &'static str> {
    match object.get("typ").and_then(Value::as_str) {
        Some("Bearer" | "DPoP") => Ok(()),
        _ => Err("the claim `typ` is neither `Bearer` nor `DPoP`, as in Keycloak's access tokens"),
    }
}

fn read(claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
    let object = claims.object();
    match object.get("act") {
        Some(act) => delegated(claims, issuer, actors(act, Some(&issuer.issuer))?),
        None => {
            // A service account is a user of the realm with a reserved name.
            let name = object.get("preferred_username").and_then(Value::as_str);
            let alone = name.and_then(|name| name.strip_prefix("service-account-"));
            without_act(
                claims,
                issuer,
                alone.is_some_and(|client| client.eq_ignore_ascii_case(claims.client_id())),
            )
        }
    }
}
