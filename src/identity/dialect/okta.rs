//! Okta custom authorization servers: `cid`, `scp` as an array, a `jti` that starts with `AT.`, no `typ`.
//!
//! How its Cross App Access puts an agent into an access token is known from one secondary source, which
//! shows it in the assertion (ID-JAG): `act` without `act.iss`, with `sub_profile`. That much is read; the
//! assertion itself is a grant and refused by its `typ`. An inner `act` has been shown nowhere and is refused.

use crate::config::Issuer;
use crate::error::{Code, Refusal};
use crate::identity::context::Draft;
use crate::identity::dialect::{APP, Need, Row, actors, delegated, exempt, optional, required, without_act};
use crate::jose::Typ;
use crate::json::{Object, Value};
use crate::token::Claims;

pub(super) const ROW: Row = Row {
    name: "okta",
    typ: Typ::Untyped,
    kind: by_id,
    client: &["cid"],
    id: ("jti", Need::Required),
    scope: "scp",
    read,
    members: &[
        required("act"),
        required("act.sub"),
        optional("act.iss"),
        required("act.sub_profile"),
        optional("sub_profile"),
        exempt("client_profile", APP),
        optional("uid"),
        optional("ver"),
        optional("auth_time"),
    ],
};

fn by_id(object: &Object<'_>) -> Result<(), &'static str> {
    match object.get("jti").and_then(Value::as_str) {
        Some(id) if id.starts_with("AT.") => Ok(()),
        _ => Err("`jti` does not start with `AT.`, as access tokens of Okta do"),
    }
}

fn read(claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
    let uncertain = |what: &str| Err(Refusal::new(Code::DialectUnsupported, what));
    match claims.object().get("act") {
        Some(act) => {
            let actors = actors(act, Some(&issuer.issuer))?;
            if actors.len() > 1 {
                return uncertain("Okta is not known to nest `act`, so what an inner one means is not known");
            }
            if !actors.iter().all(|actor| actor.profile.as_ref().is_some_and(|profile| profile.is_agent())) {
                return uncertain("`act.sub_profile` does not say `ai_agent`, as Okta is known to write it");
            }
            delegated(claims, issuer, actors)
        }
        None => without_act(claims, issuer, claims.subject() == claims.client_id()),
    }
}
