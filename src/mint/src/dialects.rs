//! One token as each dialect writes it: the same person, agent and client in eleven shapes.

use actfor::identity::dialect::Dialect;
use actfor::jose::base64url;
use actfor::json::Writer;

use crate::patterns::Mint;

/// Who acts for whom in a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The person; `None` for an agent on its own.
    pub user: Option<String>,
    /// The agent; `None` for a person with an application.
    pub agent: Option<String>,
    /// The client that holds the token.
    pub client: String,
    /// What it is good for: names with a space between them.
    pub scope: String,
}

/// What is signed: `typ` of the header, where the dialect has one, and the claims as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    /// `typ`
    pub typ: Option<&'static str>,
    /// The claims.
    pub claims: String,
}

/// A token of `who` as a dialect writes it; `None` where it cannot say that. Sign it with
/// [`SigningKey::sign`](crate::SigningKey::sign), or without `typ` with `sign_as`.
///
/// An agent on its own, in a dialect that names agents by `act`, is its own client: write
/// `"named_by": "client_id"` for it in `clients`.
pub fn token(dialect: Dialect, who: &Who, mint: &Mint) -> Option<Unsigned> {
    if who.user.is_none() && who.agent.is_none() {
        return None;
    }
    let write: Write = match dialect {
        Dialect::Actfor => actfor,
        Dialect::ActorProfile => actor_profile,
        Dialect::Auth0 => auth0,
        Dialect::DelegationChain => delegation_chain,
        Dialect::Entra => entra,
        Dialect::Keycloak => keycloak,
        Dialect::Okta => okta,
        Dialect::Rfc8693 => rfc8693,
        Dialect::Rfc9068 => rfc9068,
        Dialect::TxnToken => txn_token,
        Dialect::Wso2 => wso2,
        _ => return None,
    };
    let mut w = Writer::default();
    let mut said = None;
    w.object(|w| said = write(w, who, mint));
    said.map(|()| Unsigned { typ: typ(dialect), claims: w.finish() })
}

/// `typ` in the header of a dialect's tokens, where it has one.
pub fn typ(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::Entra | Dialect::Keycloak => Some("JWT"),
        Dialect::Okta => None,
        Dialect::TxnToken => Some("txntoken+jwt"),
        _ => Some("at+jwt"),
    }
}

type Write = fn(&mut Writer, &Who, &Mint) -> Option<()>;

/// What RFC 7519 has in every token, and the key it is bound to.
fn common(w: &mut Writer, mint: &Mint) {
    w.key("iss").string(&mint.issuer);
    w.key("aud").string(&mint.audience);
    w.key("iat").number(mint.issued_at);
    w.key("exp").number(mint.issued_at.saturating_add(300));
    if let Some(thumbprint) = &mint.thumbprint {
        w.key("cnf").object(|w| w.key("jkt").string(thumbprint));
    }
}

fn id(w: &mut Writer, name: &str, mint: &Mint, start: &str) {
    w.key(name).string(&format!("{start}{}token", mint.jti));
}

/// RFC 9068: subject and client. An agent on its own is the client.
fn rfc9068(w: &mut Writer, who: &Who, mint: &Mint) -> Option<()> {
    common(w, mint);
    id(w, "jti", mint, "");
    w.key("sub").string(who.user.as_ref().unwrap_or(&who.client));
    w.key("client_id").string(&who.client);
    w.key("scope").string(&who.scope);
    Some(())
}

/// RFC 8693: RFC 9068 and `act`.
fn rfc8693(w: &mut Writer, who: &Who, mint: &Mint) -> Option<()> {
    rfc9068(w, who, mint)?;
    if let (Some(_), Some(agent)) = (&who.user, &who.agent) {
        w.key("act").object(|w| {
            w.key("iss").string(&mint.issuer);
            w.key("sub").string(agent);
        });
    }
    Some(())
}

/// draft-mcguinness-oauth-actor-profile: names in full, and what each entity is.
fn actor_profile(w: &mut Writer, who: &Who, mint: &Mint) -> Option<()> {
    common(w, mint);
    id(w, "jti", mint, "");
    subject(w, who);
    w.key("client_id").string(&who.client);
    if who.agent.is_some() {
        w.key("client_profile").string("ai_agent");
    }
    w.key("scope").string(&who.scope);
    if let (Some(_), Some(agent)) = (&who.user, &who.agent) {
        w.key("act").object(|w| actor(w, Some(&mint.issuer), agent));
    }
    Some(())
}

/// Our own profile: an interactive session with a person, an automated task without one.
fn actfor(w: &mut Writer, who: &Who, mint: &Mint) -> Option<()> {
    actor_profile(w, who, mint)?;
    if who.agent.is_none() {
        return Some(());
    }
    let [session, ..] = &mint.instances;
    w.key("agent_instance").object(|w| {
        w.key("iss").string(&mint.issuer);
        w.key("id").string(session);
        w.key("kind").string(if who.user.is_some() { "session" } else { "task" });
    });
    w.key("agent_rel").object(|w| {
        if who.user.is_some() {
            w.key("mode").string("interactive");
            w.key("authority").string("user");
            w.key("present_until").number(mint.issued_at.saturating_add(180));
        } else {
            w.key("mode").string("automated");
            w.key("authority").string("agent");
            w.key("user").null();
        }
        w.key("hops").number(0);
    });
    Some(())
}

/// Auth0 with Agents as Principal.
fn auth0(w: &mut Writer, who: &Who, mint: &Mint) -> Option<()> {
    common(w, mint);
    id(w, "jti", mint, "");
    subject(w, who);
    w.key("client_id").string(&who.client);
    w.key("scope").string(&who.scope);
    if let (Some(_), Some(agent)) = (&who.user, &who.agent) {
        w.key("client_profile").string("ai_agent");
        w.key("act").object(|w| {
            actor(w, None, agent);
            w.key("client_id").string(&who.client);
        });
    }
    Some(())
}

/// Okta custom authorization servers, with the actor of Cross App Access.
fn okta(w: &mut Writer, who: &Who, mint: &Mint) -> Option<()> {
    common(w, mint);
    id(w, "jti", mint, "AT.");
    w.key("ver").number(1);
    w.key("cid").string(&who.client);
    w.key("sub").string(who.user.as_ref().unwrap_or(&who.client));
    w.key("scp").array(|w| who.scope.split(' ').for_each(|name| w.string(name)));
    if let (Some(_), Some(agent)) = (&who.user, &who.agent) {
        w.key("sub_profile").string("user");
        w.key("act").object(|w| actor(w, None, agent));
    }
    Some(())
}

/// Keycloak with delegation by token exchange; an agent on its own is a service account.
fn keycloak(w: &mut Writer, who: &Who, mint: &Mint) -> Option<()> {
    common(w, mint);
    id(w, "jti", mint, "onrtac:");
    w.key("typ").string(if mint.thumbprint.is_some() { "DPoP" } else { "Bearer" });
    w.key("azp").string(&who.client);
    w.key("scope").string(&who.scope);
    match (&who.user, &who.agent) {
        (Some(user), agent) => {
            w.key("sub").string(user);
            if let Some(agent) = agent {
                w.key("act").object(|w| {
                    w.key("sub").string(agent);
                    w.key("client_id").string(&who.client);
                });
            }
        }
        (None, _) => {
            w.key("sub").string(&format!("service-account-{}", who.client));
            w.key("preferred_username").string(&format!("service-account-{}", who.client));
        }
    }
    Some(())
}

/// Microsoft Entra with Agent ID: facets say what is an agent (11), and the agent is the application.
fn entra(w: &mut Writer, who: &Who, mint: &Mint) -> Option<()> {
    common(w, mint);
    id(w, "uti", mint, "");
    w.key("tid").string("00000000-0000-4000-8000-000000000001");
    w.key("ver").string("2.0");
    w.key("azp").string(who.agent.as_ref().unwrap_or(&who.client));
    w.key("idtyp").string(if who.user.is_some() { "user" } else { "app" });
    let subject = who.user.as_ref().unwrap_or(&who.client);
    w.key("oid").string(subject);
    w.key("sub").string(&format!("pairwise-{subject}"));
    w.key("scp").string(&who.scope);
    if who.agent.is_some() {
        w.key("xms_act_fct").string("3 9 11");
        w.key("xms_sub_fct").string(if who.user.is_some() { "3" } else { "3 9 11" });
    }
    Some(())
}

/// WSO2 Identity Server and Asgardeo.
fn wso2(w: &mut Writer, who: &Who, mint: &Mint) -> Option<()> {
    rfc9068(w, who, mint)?;
    w.key("azp").string(&who.client);
    w.key("aut").string(if who.user.is_some() { "APPLICATION_USER" } else { "APPLICATION" });
    if let (Some(_), Some(agent)) = (&who.user, &who.agent) {
        w.key("act").object(|w| {
            w.key("sub").string(agent);
            w.key("azp").string(&who.client);
        });
    }
    Some(())
}

/// A transaction token of the second vintage: it always has a subject.
fn txn_token(w: &mut Writer, who: &Who, mint: &Mint) -> Option<()> {
    let user = who.user.as_ref()?;
    common(w, mint);
    id(w, "txn", mint, "");
    w.key("sub").string(user);
    w.key("req_wl").string(&who.client);
    w.key("scope").string(&who.scope);
    if let Some(agent) = &who.agent {
        w.key("act").object(|w| actor(w, Some(&mint.issuer), agent));
    }
    Some(())
}

/// The first token of a delegation chain: the person is accountable, the agent is the client.
fn delegation_chain(w: &mut Writer, who: &Who, mint: &Mint) -> Option<()> {
    let (user, agent) = (who.user.as_ref()?, who.agent.as_ref()?);
    // Members in the order of RFC 8785.
    w.key("aud").string(&mint.audience);
    w.key("authorization_details").array(|w| {
        w.object(|w| {
            w.key("constraints").array(|_| {});
            w.key("scopes").array(|w| who.scope.split(' ').for_each(|name| w.string(name)));
            w.key("type").string("agent_delegation");
        });
    });
    w.key("client_id").string(agent);
    if let Some(thumbprint) = &mint.thumbprint {
        w.key("cnf").object(|w| w.key("jkt").string(thumbprint));
    }
    w.key("del_depth").number(0);
    w.key("del_max_depth").number(8);
    w.key("exp").number(mint.issued_at.saturating_add(300));
    w.key("iat").number(mint.issued_at);
    w.key("iss").string(&mint.issuer);
    id(w, "jti", mint, "");
    w.key("sub").string(user);
    Some(())
}

/// The next token of a delegation chain, with fewer scopes for another agent: the claims, bound to `parent`.
///
/// `depth` is how many agents stand before it.
pub fn delegated_further(parent: &str, depth: u64, who: &Who, mint: &Mint) -> Option<Unsigned> {
    use sha2::{Digest, Sha256};
    let (signed, _) = parent.rsplit_once('.')?;
    let first = token(Dialect::DelegationChain, who, mint)?;
    let link = base64url::encode(&Sha256::digest(signed));
    let claims =
        first.claims.replace("\"del_depth\":0,\"del_max_depth\":8", &format!("\"del_depth\":{depth}"));
    let claims = claims.replace(",\"sub\":", &format!(",\"par_hash\":\"{link}\",\"sub\":"));
    Some(Unsigned { claims, ..first })
}

fn subject(w: &mut Writer, who: &Who) {
    match (&who.user, &who.agent) {
        (Some(user), agent) => {
            w.key("sub").string(user);
            if agent.is_some() {
                w.key("sub_profile").string("user");
            }
        }
        (None, agent) => {
            w.key("sub").string(agent.as_ref().unwrap_or(&who.client));
            w.key("sub_profile").string("ai_agent");
        }
    }
}

fn actor(w: &mut Writer, iss: Option<&str>, agent: &str) {
    if let Some(iss) = iss {
        w.key("iss").string(iss);
    }
    w.key("sub").string(agent);
    w.key("sub_profile").string("ai_agent");
}
