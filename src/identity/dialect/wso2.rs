//! WSO2 Identity Server and Asgardeo: `act` with the agent in `sub`; `aut` says whether a user took part.
//!
//! Known from excerpts. `act.sub` is certain; `act.azp` repeats the client and is not read. Whether `act.iss`
//! is ever there is not known: where it is, it is the name's space, as RFC 8693 has it. An inner `act` is
//! shown for tokens that were exchanged again, without its members: it is refused.

use crate::config::Issuer;
use crate::error::{Code, Refusal};
use crate::identity::context::Draft;
use crate::identity::dialect::{
    APP, Need, Row, actors, delegated, exempt, not_for_a_client, optional, required, without_act,
};
use crate::jose::Typ;
use crate::json::Value;
use crate::token::Claims;

pub(super) const ROW: Row = Row {
    name: "wso2",
    typ: Typ::OneOf(&["at+jwt"]),
    kind: not_for_a_client,
    client: &["client_id", "azp"],
    id: ("jti", Need::Required),
    scope: "scope",
    read,
    members: &[
        required("act"),
        required("act.sub"),
        optional("act.iss"),
        optional("act.azp"),
        optional("act.sub_profile"),
        optional("aut"),
        optional("sub_profile"),
        exempt("client_profile", APP),
    ],
};

fn read(claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
    let object = claims.object();
    match object.get("act") {
        Some(act) => {
            let actors = actors(act, Some(&issuer.issuer))?;
            if actors.len() > 1 {
                let text = "what an inner `act` of WSO2 holds is not known for certain";
                return Err(Refusal::new(Code::DialectUnsupported, text));
            }
            delegated(claims, issuer, actors)
        }
        None => {
            let application = object.get("aut").and_then(Value::as_str) == Some("APPLICATION");
            without_act(claims, issuer, application || claims.subject() == claims.client_id())
        }
    }
}
