//! What a token says, for somebody who has it in hand: header, facts with their sources, chain, and what its
//! dialect has no words for. JSON text; the hosts draw it.
//!
//! Without a guard nothing is verified, and the facts stand under `claims_to_be` instead of `who`. The dialect may
//! then be a guess, for showing only: a guard never guesses.

use alloc::{string::String, sync::Arc, vec::Vec};

use crate::config::Config;
use crate::document::{self, Notes};
use crate::error::{Code, Refusal};
use crate::guard::{Guard, check_presence};
use crate::identity::context::{Identity, settle};
use crate::identity::dialect::Dialect;
use crate::jose::{Jws, JwsLimits};
use crate::json::{Object, Value, Writer};
use crate::request::Request;
use crate::time::Timestamp;
use crate::token::Claims;

/// Something that a pattern needs to be told, and where it comes from in a dialect that has no member for it.
struct Need {
    pattern: &'static str,
    fact: &'static str,
    /// The members that say it, in one dialect or another.
    members: &'static [&'static str],
    without: &'static str,
    /// The line of the issuer's configuration that supplies it; `$` is the client.
    supply: Option<&'static str>,
}

const AGENT: &[&str] = &["act", "actor", "del_depth", "xms_act_fct"];
const MODE: &[&str] = &["agent_rel.mode"];
const NO_AGENT: &str = "the client stands for the agent";
const NO_MODE: &str = "a request counts as every mode at once";
const BY_CLIENT: Option<&str> = Some(r#""clients": {"$": "agent"}"#);

/// What the four patterns need. The only table of these texts.
const NEEDS: &[Need] = &[
    Need { pattern: "interactive", fact: "agent", members: AGENT, without: NO_AGENT, supply: BY_CLIENT },
    Need {
        pattern: "interactive",
        fact: "mode and presence",
        members: MODE,
        without: NO_MODE,
        supply: Some(r#""clients": {"$": {"kind": "agent", "mode": "interactive", "present_for": 900}}"#),
    },
    Need { pattern: "offline", fact: "agent", members: AGENT, without: NO_AGENT, supply: BY_CLIENT },
    Need {
        pattern: "offline",
        fact: "mode",
        members: MODE,
        without: NO_MODE,
        supply: Some(r#""clients": {"$": {"kind": "agent", "mode": "offline"}}"#),
    },
    Need { pattern: "automated", fact: "agent", members: AGENT, without: NO_AGENT, supply: BY_CLIENT },
    Need {
        pattern: "automated",
        fact: "mode",
        members: MODE,
        without: NO_MODE,
        supply: Some(r#""clients": {"$": {"kind": "agent", "mode": "automated"}}"#),
    },
    Need {
        pattern: "automated",
        fact: "person and task of the case",
        members: &["agent_rel.task"],
        without: "an agent with rights of its own is `autonomous`, never `assigned`",
        supply: None,
    },
    Need {
        pattern: "transitive",
        fact: "earlier agents",
        members: &["act.act", "del_depth"],
        without: "an agent that was called by another one looks like the first",
        supply: None,
    },
    Need {
        pattern: "transitive",
        fact: "instance, its parent and the number of hops",
        members: &["agent_instance.parent", "par_hash"],
        without: "no record of an earlier agent can be tied to the token",
        supply: Some(
            r#""context_issuers": [{"issuer": "https://…", "clients": ["$"], "algorithms": ["ES256"], "jwks": {…}}]"#,
        ),
    },
];

/// Where the dialect was taken from.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Configuration,
    Guess,
    Option,
}

/// What is known of a token, to be written.
struct Shown<'s> {
    verified: bool,
    refusal: Option<Refusal>,
    dialect: Option<(Dialect, By)>,
    identity: Option<&'s Identity>,
    notes: Notes,
    client: Option<&'s str>,
    bound: Vec<&'static str>,
    header: Option<&'s Object<'static>>,
    claims: Option<&'s Object<'static>>,
}

/// Shows what a token says. Nothing is verified: anybody can write such a token. Without `dialect` it is guessed.
#[must_use]
pub fn inspect(compact: &str, dialect: Option<Dialect>) -> String {
    let by = dialect.map(|dialect| (dialect, By::Option));
    unverified(compact, by, None)
}

impl Guard {
    /// Verifies a token and shows who it is. `request` has what goes along with it (`Agent-Context`, `Agent-Chain`,
    /// the answer of an introspection); neither its token nor what it asks for is looked at. A proof of possession
    /// is not asked for, so it says nothing about who presents the token.
    #[must_use]
    pub fn inspect(&self, compact: &str, request: &Request<'_>, now: Option<Timestamp>) -> String {
        let now = now.ok_or_else(|| Refusal::new(Code::ClockInvalid, "the host's clock is not set"));
        let verified = now.and_then(|now| {
            let (token, issuer) = self.verify_for_issuer(compact, request.introspection.as_ref(), now)?;
            Ok((token, issuer, now))
        });
        let (token, issuer, now) = match verified {
            Ok(verified) => verified,
            Err(refusal) => {
                let iss = Jws::parse(compact, &JwsLimits::DEFAULT).ok();
                let iss = iss.as_ref().and_then(|jws| jws.claims().get("iss")).and_then(Value::as_str);
                let known = self.config.issuers.iter().find(|issuer| Some(issuer.issuer.as_str()) == iss);
                let dialect = known.map(|issuer| (issuer.dialect, By::Configuration));
                return unverified(compact, dialect, Some(refusal));
            }
        };
        let mut notes = Notes::default();
        let (token, refusal) = match self.with_context(Arc::clone(&token), issuer, request, now) {
            Ok(token) => (token, None),
            Err(refusal) => (token, Some(refusal)),
        };
        let outcome = token.identity().map_err(Clone::clone).and_then(|identity| {
            identity.kind.as_ref().map_err(Clone::clone)?;
            check_presence(identity, now)?;
            notes.records = self.records(request, (&token, identity), issuer, now)?;
            self.check_revoked(&token, issuer, &notes.records, now)
        });
        let jws = Jws::parse(compact, &JwsLimits::DEFAULT).ok();
        write(&Shown {
            verified: true,
            refusal: refusal.or(outcome.err()),
            dialect: Some((issuer.dialect, By::Configuration)),
            identity: token.identity().ok(),
            notes,
            client: Some(token.claims().client_id()),
            bound: bindings(token.claims()),
            header: jws.as_ref().map(|jws| jws.header().members()),
            claims: Some(token.claims().object()),
        })
    }
}

fn bindings(claims: &Claims) -> Vec<&'static str> {
    let confirmation = claims.confirmation();
    let dpop = confirmation.and_then(|c| c.jkt.as_ref()).map(|_| "dpop");
    let mtls = confirmation.and_then(|c| c.x5t_s256.as_ref()).map(|_| "mtls");
    dpop.into_iter().chain(mtls).collect()
}

/// The facts of a token that nobody verified, as text and as nothing else.
fn unverified(compact: &str, dialect: Option<(Dialect, By)>, why: Option<Refusal>) -> String {
    let jws = match Jws::parse(compact, &JwsLimits::DEFAULT) {
        Ok(jws) => jws,
        Err(refusal) => {
            return write(&Shown {
                verified: false,
                refusal: why.or(Some(refusal)),
                dialect,
                identity: None,
                notes: Notes::default(),
                client: None,
                bound: Vec::new(),
                header: None,
                claims: None,
            });
        }
    };
    let (dialect, by) = dialect.unwrap_or_else(|| (guess(&jws), By::Guess));
    // Read as if they were verified, for an issuer of whom nothing is known. What comes out is only shown.
    let iss = jws.claims().get("iss").and_then(Value::as_str).filter(|iss| !iss.is_empty());
    let claims = Claims::read(jws.claims().clone(), dialect.row());
    let identity = claims.as_ref().map_err(Clone::clone).and_then(|claims| {
        let config = Config::for_showing(iss.unwrap_or("?"), dialect);
        let config = config.map_err(|error| Refusal::new(error.code, error.message))?;
        let unknown = || Refusal::new(Code::IssuerUnknown, "claim `iss` is missing");
        let issuer = config.issuers.first().ok_or_else(unknown)?;
        settle(dialect.read(claims, issuer)?, claims, issuer, &config)
    });
    let refusal = identity.as_ref().map_or_else(Some, |who| who.kind.as_ref().err());
    write(&Shown {
        verified: false,
        refusal: why.or(refusal.cloned()),
        dialect: Some((dialect, by)),
        identity: identity.as_ref().ok(),
        notes: Notes::default(),
        client: claims.as_ref().ok().map(Claims::client_id),
        bound: claims.as_ref().map_or(Vec::new(), bindings),
        header: Some(jws.header().members()),
        claims: Some(jws.claims()),
    })
}

/// The dialect that a token looks most like: for showing, never for deciding.
fn guess(jws: &Jws<'_>) -> Dialect {
    let claims = jws.claims();
    let has = |name: &str| claims.get(name).is_some();
    let act = claims.get("act").and_then(Value::as_object);
    if jws.header().typ().is_some_and(|typ| typ.eq_ignore_ascii_case("txntoken+jwt")) {
        Dialect::TxnToken
    } else if has("xms_act_fct") || has("xms_sub_fct") || has("idtyp") {
        Dialect::Entra
    } else if has("agent_rel") || has("agent_instance") {
        Dialect::Actfor
    } else if has("del_depth") {
        Dialect::DelegationChain
    } else if has("cid") && has("scp") {
        Dialect::Okta
    } else if has("azp") && matches!(claims.get("typ").and_then(Value::as_str), Some("Bearer" | "DPoP")) {
        Dialect::Keycloak
    } else if has("aut") {
        Dialect::Wso2
    } else if has("gty") || (has("azp") && !has("client_id")) {
        Dialect::Auth0
    } else if act.is_some_and(|act| act.get("iss").is_some() && act.get("sub_profile").is_some()) {
        Dialect::ActorProfile
    } else if act.is_some_and(|act| act.get("sub_profile").is_some()) {
        Dialect::Auth0
    } else if act.is_some() {
        Dialect::Rfc8693
    } else {
        Dialect::Rfc9068
    }
}

fn write(shown: &Shown<'_>) -> String {
    let mut w = Writer::default();
    w.object(|w| {
        w.key("v").number(1);
        w.key("verified").bool(shown.verified);
        w.key("warning").string_or_null(match shown.dialect {
            _ if shown.verified => None,
            Some((_, By::Guess)) => Some(
                "nothing here is verified: anybody can write such a token; the dialect is a guess, and a guard never guesses",
            ),
            _ => Some("nothing here is verified: anybody can write such a token"),
        });
        w.key("code").string_or_null(shown.refusal.as_ref().map(|refusal| refusal.code.as_str()));
        w.key("reason").string_or_null(shown.refusal.as_ref().map(|refusal| refusal.detail.as_str()));
        w.key("dialect").string_or_null(shown.dialect.map(|(dialect, _)| dialect.as_str()));
        w.key("dialect_from").string_or_null(shown.dialect.map(|(_, by)| match by {
            By::Configuration => "configuration",
            By::Guess => "guess",
            By::Option => "option",
        }));
        w.key(if shown.verified { "who" } else { "claims_to_be" });
        match shown.identity {
            Some(identity) => document::who(w, identity, &shown.notes),
            None => w.null(),
        }
        w.key("needs_proof").array(|w| shown.bound.iter().for_each(|name| w.string(name)));
        w.key("cannot_say").array(|w| {
            if let Some((dialect, _)) = shown.dialect {
                cannot_say(w, dialect, shown.client.unwrap_or("CLIENT"));
            }
        });
        for (name, object) in [("header", shown.header), ("claims", shown.claims)] {
            w.key(name);
            match object {
                Some(object) => {
                    w.object(|w| object.iter().for_each(|(name, value)| w.key(name).value(value)))
                }
                None => w.null(),
            }
        }
    });
    w.finish()
}

/// What each pattern needs and the dialect has no member for.
fn cannot_say(w: &mut Writer, dialect: Dialect, client: &str) {
    let says = |need: &Need| dialect.members().any(|member| need.members.contains(&member.path));
    for need in NEEDS.iter().filter(|need| !says(need)) {
        w.object(|w| {
            w.key("pattern").string(need.pattern);
            w.key("fact").string(need.fact);
            w.key("without").string(need.without);
            // A name that needs escaping is written as JSON has it.
            let mut name = Writer::default();
            name.string(client);
            let name = name.finish();
            w.key("supply").string_or_null(need.supply.map(|line| line.replace("\"$\"", &name)).as_deref());
        });
    }
}

impl Config {
    /// A configuration that verifies nothing: for an issuer of whom nothing is known but how it writes.
    fn for_showing(issuer: &str, dialect: Dialect) -> Result<Self, crate::error::ConfigError> {
        // A star would stand for every audience.
        let audience = issuer.replace('*', "");
        let mut w = Writer::default();
        w.object(|w| {
            w.key("policy").string("actfor 1");
            if dialect == Dialect::TxnToken && audience != issuer {
                // The users of a transaction token are those of its trust domain, a name space of its own.
                w.key("names").object(|w| {
                    w.key(issuer).object(|w| w.key("user").string("user:{sub}"));
                    w.key(&audience).object(|w| w.key("same_as").string(issuer));
                });
            }
            w.key("issuers").array(|w| {
                w.object(|w| {
                    w.key("issuer").string(issuer);
                    w.key("audience").string(&audience);
                    w.key("algorithms").array(|w| {
                        crate::jose::Algorithm::ALL.iter().for_each(|algorithm| w.string(algorithm.name()));
                    });
                    w.key("dialect").string(dialect.as_str());
                    w.key("jwks_uri").string("https://localhost");
                });
            });
        });
        Self::parse(w.finish().as_bytes()).map(|(config, _)| config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_says_more_or_less_and_our_own_says_all() {
        let count = |dialect: Dialect| {
            let mut w = Writer::default();
            w.array(|w| cannot_say(w, dialect, "c"));
            w.finish().matches("\"fact\"").count()
        };
        assert_eq!(count(Dialect::Actfor), 0);
        assert_eq!(count(Dialect::Rfc9068), NEEDS.len());
        assert!(Dialect::ALL.iter().all(|dialect| *dialect == Dialect::Actfor || count(*dialect) > 3));
    }

    #[test]
    fn nothing_is_known_of_a_name_in_brackets() {
        for dialect in Dialect::ALL {
            let config = Config::for_showing("a*\"b", dialect);
            assert!(config.is_ok(), "{config:?}");
        }
    }
}
