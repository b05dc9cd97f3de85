//! What was taken back before its time: a kill switch, and Token Status Lists (draft-ietf-oauth-status-list).
//!
//! The kill switch names an instance (and with it what it engaged, through `parent` and `root`), an agent, a
//! user, a client or one token, each until a time. Both are asked for every request and for every record of
//! its chain, whether the token was seen before or not.

use alloc::{format, string::String, sync::Arc, vec::Vec};

use crate::config::{Issuer, StatusSettings};
use crate::error::{Code, ConfigError, Refusal, quote};
use crate::json::Value;
use crate::time::Timestamp;
use crate::token::VerifiedToken;
use crate::token::status::StatusList;

/// The most lists that are held at once.
const LISTS: usize = 64;

/// One entry of the kill switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub(crate) what: What,
    /// The issuer or name space.
    pub(crate) iss: String,
    /// The name in it.
    pub(crate) name: String,
    /// The first second in which it counts no more.
    pub(crate) until: Timestamp,
}

/// What an entry names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// An agent, wherever it stands in a chain.
    Agent,
    /// A client of an issuer.
    Client,
    /// An instance, and those that it engaged.
    Instance,
    /// One token, by its id.
    Token,
    /// A user.
    User,
}

impl What {
    /// Every kind: the member of an entry, and the member of the name in it.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Agent, "agent", "sub"),
        (Self::Client, "client", "client_id"),
        (Self::Instance, "instance", "id"),
        (Self::Token, "token", "jti"),
        (Self::User, "user", "sub"),
    ];

    fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(what, ..)| *what == self).map_or("", |(_, name, _)| name)
    }
}

/// What is known to be revoked.
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    /// From the configuration: they stay whatever list comes.
    fixed: Vec<Entry>,
    /// From the last list.
    listed: Vec<Entry>,
    /// The list's version and when it came.
    list: Option<(u64, Timestamp)>,
    /// How old the list may be, where there must be one.
    max_age: Option<u64>,
    /// Status lists by address, few.
    status: Vec<(String, Arc<StatusList>)>,
}

impl Revocations {
    pub(crate) fn new(fixed: Vec<Entry>, max_age: Option<u64>) -> Self {
        Self { fixed, max_age, ..Self::default() }
    }

    /// Takes a whole new list. An older one than the last is refused: it would bring back what was revoked.
    pub(crate) fn take(
        &mut self,
        version: u64,
        listed: Vec<Entry>,
        now: Timestamp,
    ) -> Result<(), ConfigError> {
        if let Some((last, _)) = self.list.filter(|(last, _)| version < *last) {
            let text = format!("is {version}, and {last} was taken before");
            return Err(ConfigError::new(Code::ConfigInvalid, "version", text));
        }
        self.listed = listed;
        self.list = Some((version, now));
        Ok(())
    }

    /// Takes a status list that was verified. An older one than the last is refused.
    pub(crate) fn take_status(&mut self, uri: String, list: StatusList) -> Result<(), ConfigError> {
        let refuse = |text: &str| Err(ConfigError::new(Code::ConfigInvalid, "status", text));
        let full = self.status.len() >= LISTS;
        match self.status.iter_mut().find(|(known, _)| *known == uri) {
            Some((_, last)) if last.issued_at > list.issued_at => refuse("a newer list was taken before"),
            Some((_, last)) => {
                *last = Arc::new(list);
                Ok(())
            }
            None if full => refuse("there are too many lists"),
            None => {
                self.status.push((uri, Arc::new(list)));
                Ok(())
            }
        }
    }

    fn status_list(&self, uri: &str) -> Option<&Arc<StatusList>> {
        self.status.iter().find(|(known, _)| known == uri).map(|(_, list)| list)
    }

    /// The list that a token's status is in, if it is not there or too old.
    pub(crate) fn wanted<'t>(
        &self,
        token: &'t VerifiedToken,
        issuer: &Issuer,
        now: Timestamp,
    ) -> Option<&'t str> {
        let Some(StatusSettings { uris, ignored: false, .. }) = &issuer.status else { return None };
        let (uri, _) = reference(token).ok()??;
        let usable = self.status_list(uri).is_some_and(|list| now < list.usable_until);
        (!usable && uris.iter().any(|known| known.fits(uri))).then_some(uri)
    }

    /// Whether anything about a request was revoked: its token and the records of its chain, each with its issuer.
    ///
    /// # Errors
    /// `revoked`, `revocation_unavailable`, and `claim_missing` or `claim_invalid` for a status that cannot be read.
    pub(crate) fn check<'t>(
        &self,
        tokens: impl Iterator<Item = (&'t VerifiedToken, &'t Issuer)>,
        unrecorded: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if let Some(most) = self.max_age
            && self.list.is_none_or(|(_, taken)| now >= taken.plus(most))
        {
            return Err(unavailable("the list of what is revoked is missing or too old"));
        }
        for (token, issuer) in tokens {
            self.check_token(token, issuer, unrecorded, now)?;
            self.check_status(token, issuer, now)?;
        }
        Ok(())
    }

    fn live(&self, now: Timestamp) -> impl Iterator<Item = &Entry> {
        self.fixed.iter().chain(&self.listed).filter(move |entry| now < entry.until)
    }

    fn check_token(
        &self,
        token: &VerifiedToken,
        issuer: &Issuer,
        unrecorded: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let claims = token.claims();
        let facts = token.identity().ok().map(|identity| &identity.facts);
        let instance = facts.and_then(|facts| facts.instance.value());
        for entry in self.live(now) {
            let is = |iss: &str, name: &str| entry.iss == iss && entry.name == name;
            let struck = match entry.what {
                What::Client => is(&issuer.issuer, claims.client_id()),
                What::Token => claims.id().is_some_and(|id| is(&issuer.issuer, id)),
                What::User => facts
                    .and_then(|facts| facts.user.value())
                    .is_some_and(|user| is(&user.principal.iss, &user.principal.sub)),
                What::Agent => facts.is_some_and(|facts| {
                    facts.earlier.iter().chain(facts.agent.value()).any(|agent| is(&agent.iss, &agent.sub))
                }),
                What::Instance => instance.is_some_and(|instance| {
                    let related = [instance.parent.as_ref(), instance.root.as_ref()].into_iter().flatten();
                    is(&instance.iss, &instance.id) || related.into_iter().any(|(iss, id)| is(iss, id))
                }),
            };
            if struck {
                let text = format!(
                    "{} {} is revoked until {}",
                    entry.what.as_str(),
                    quote(&entry.name),
                    entry.until.seconds()
                );
                return Err(Refusal::new(Code::Revoked, text));
            }
            // Leaving the instance out would be a way around it.
            let acts = facts.is_some_and(|facts| facts.agent.value().is_some());
            let hidden =
                instance.is_none() || (unrecorded && token.identity().is_ok_and(|who| who.depth() > 2));
            if entry.what == What::Instance && acts && hidden && issuer.lets_name(&entry.iss) {
                let text = "an instance is revoked, and the token does not name every instance of its chain";
                return Err(Refusal::new(Code::Revoked, text));
            }
        }
        Ok(())
    }

    fn check_status(&self, token: &VerifiedToken, issuer: &Issuer, now: Timestamp) -> Result<(), Refusal> {
        let found = reference(token)?;
        let settings = match (&issuer.status, found) {
            (Some(StatusSettings { ignored: true, .. }), _) | (None, None) => return Ok(()),
            (None, Some(_)) => {
                return Err(unavailable(
                    "the token has `status`, and its issuer has no `status` in the configuration",
                ));
            }
            (Some(settings), _) => settings,
        };
        let Some((uri, index)) = found else {
            if settings.required {
                return Err(Refusal::new(
                    Code::ClaimMissing,
                    "claim `status` is missing, which this issuer's configuration requires",
                ));
            }
            return Ok(());
        };
        if !settings.uris.iter().any(|known| known.fits(uri)) {
            return Err(Refusal::new(
                Code::ClaimInvalid,
                format!("the status list {} is not among `status.uris`", quote(uri)),
            ));
        }
        let list = self.status_list(uri).filter(|list| now < list.usable_until);
        let list = list.ok_or_else(|| unavailable("the status list of the token is missing or too old"))?;
        match list.status(index) {
            Some(0) => Ok(()),
            Some(status) => {
                Err(Refusal::new(Code::Revoked, format!("its status is {status} in {}", quote(uri))))
            }
            None => Err(Refusal::new(
                Code::ClaimInvalid,
                format!("its index {index} is beyond the end of {}", quote(uri)),
            )),
        }
    }
}

fn unavailable(what: &str) -> Refusal {
    Refusal::new(Code::RevocationUnavailable, what)
}

/// `status.status_list` of a token: the list, and the place in it.
fn reference(token: &VerifiedToken) -> Result<Option<(&str, u64)>, Refusal> {
    let wrong = || Refusal::new(Code::ClaimInvalid, "claim `status` must be `{status_list: {uri, idx}}`");
    let Some(status) = token.claims().object().get("status") else { return Ok(None) };
    let list = status.as_object().and_then(|status| status.get("status_list")).and_then(Value::as_object);
    let list = list.ok_or_else(wrong)?;
    let uri = list.get("uri").and_then(Value::as_str).filter(|uri| !uri.is_empty()).ok_or_else(wrong)?;
    let index = list.get("idx").and_then(Value::as_u64).ok_or_else(wrong)?;
    Ok(Some((uri, index)))
}
