//! Agent Delegation Chains (draft-asor-wimse-agent-delegation-chain-02): `sub` is the one who is accountable,
//! `client_id` the agent, and `del_depth` how many agents stand before it. What the agent may do are the scopes of
//! its one `agent_delegation` detail.
//!
//! The tokens of the earlier agents travel in `Agent-Chain` and are held against each other by
//! [`crate::chain::delegation`]. A constraint bounds something that is not seen here (rows, money, calls): a token
//! that has one is refused, unless the configuration says that its key is `checked_elsewhere`.

use alloc::format;

use crate::chain::delegation::constrained;
use crate::config::Issuer;
use crate::error::{Code, Refusal, quote};
use crate::identity::context::{Authority, Draft, Role, User};
use crate::identity::dialect::{Need, Row, by_typ, invalid, optional, own, required};
use crate::identity::fact::{Fact, Src};
use crate::jose::Typ;
use crate::json::Value;
use crate::token::Claims;

pub(super) const ROW: Row = Row {
    name: "delegation-chain",
    typ: Typ::OneOf(&["at+jwt"]),
    kind: by_typ,
    client: &["client_id"],
    id: ("jti", Need::Required),
    scope: "authorization_details.scopes",
    read,
    members: &[
        required("del_depth"),
        // Their absence is noticed with the whole chain at hand.
        required("par_hash"),
        optional("del_max_depth"),
    ],
};

fn read(claims: &Claims, issuer: &Issuer) -> Result<Draft, Refusal> {
    let object = claims.object();
    let own = |sub: &str| own(issuer, sub);
    let depth = object.get("del_depth").ok_or_else(|| {
        Refusal::new(
            Code::ClaimMissing,
            "claim `del_depth` is missing: how many agents stand before this one",
        )
    })?;
    let depth = depth.as_u64().and_then(|depth| usize::try_from(depth).ok());
    let depth = depth.ok_or_else(|| invalid("del_depth", "must be a whole number"))?;
    // Without it, an agent in the middle of a chain would look like its first.
    if (depth > 0) != object.get("par_hash").and_then(Value::as_str).is_some() {
        return Err(invalid("par_hash", "must be there where `del_depth` is not 0, and nowhere else"));
    }
    let keys = constrained(object).map_err(|_| {
        invalid("authorization_details", "must be one `agent_delegation` detail, as the draft has it")
    })?;
    for key in keys {
        if !issuer.checked_elsewhere.iter().any(|known| known == key) {
            let text = format!(
                "the constraint {} bounds what is not seen here; if the service checks it, add it to `checked_elsewhere`",
                quote(key)
            );
            return Err(Refusal::new(Code::DialectUnsupported, text));
        }
    }
    let (subject, agent) = (own(claims.subject()), own(claims.client_id()));
    // An agent that is accountable for itself: whom it acts for, the token does not say.
    let user = match subject == agent {
        true => Fact::SILENT,
        false => Fact::Asserted(User { principal: subject, role: Role::Delegator }, Src::token("sub")),
    };
    Ok(Draft {
        user,
        agent: Fact::Asserted(agent, Src::token("client_id")),
        authority: Fact::Derived(
            Authority::User,
            Src::token("del_depth"),
            "a_delegation_token_is_delegation",
        ),
        hops: Some(depth),
        ..Draft::EMPTY
    })
}
