//! RFC 9068: a subject and a client. No slot for an agent, an instance, an authority or a mode.
//!
//! `sub` is the resource owner, or the client itself where there is no resource owner (§2.2).

use crate::config::Issuer;
use crate::error::Refusal;
use crate::identity::context::Draft;
use crate::identity::dialect::{APP, Need, Row, agent_missing, by_client, by_typ, exempt, has_traces};
use crate::jose::Typ;
use crate::token::Claims;

pub(super) const ROW: Row = Row {
    name: "rfc9068",
    typ: Typ::OneOf(&["at+jwt"]),
    kind: by_typ,
    client: &["client_id"],
    id: ("jti", Need::Required),
    scope: "scope",
    read,
    members: &[exempt("client_profile", APP), exempt("sub_profile", APP)],
};

fn read(claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
    if has_traces(claims) {
        return Err(agent_missing(
            "the token has traces of an agent (`act`, `agent_rel`, `agent_instance` or an `ai_agent` profile), \
             which dialect `rfc9068` does not read: pin the issuer's own dialect, or `actfor` or `rfc8693`",
        ));
    }
    by_client::read(claims, issuer, claims.subject() == claims.client_id(), false)
}
