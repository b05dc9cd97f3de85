//! The claims of an access token by RFC 9068 §2.2 and RFC 7519 §4.1, read once and exactly.

use alloc::{format, string::String, vec::Vec};

use crate::config::Issuer;
use crate::error::{Code, Refusal, is_invisible, quote};
use crate::identity::dialect::{Need, Row};
use crate::json::{Object, Value};
use crate::time::{Round, Timestamp};

/// The longest name (`sub`, `client_id`, `jti`, …) in bytes.
const LONGEST_NAME: usize = 1_024;

/// The claims that every access token needs, and the others as they came.
#[derive(Debug, Clone)]
pub struct Claims {
    object: Object<'static>,
    subject: String,
    client_id: String,
    id: Option<String>,
    audiences: Vec<String>,
    issued_at: Timestamp,
    not_before: Option<Timestamp>,
    expires_at: Timestamp,
    confirmation: Option<Confirmation>,
    /// What another carrier of authority says, which must cover a request too.
    also: Option<Object<'static>>,
}

/// `cnf`: the key that a token is bound to (RFC 7800 §3.1). Every member that is recognised is enforced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Confirmation {
    /// `jkt`: the thumbprint of a DPoP key (RFC 9449 §6.1).
    pub jkt: Option<String>,
    /// `x5t#S256`: the thumbprint of a client certificate (RFC 8705 §3.1).
    pub x5t_s256: Option<String>,
}

impl Claims {
    /// Reads the claims of a token whose signature holds.
    ///
    /// `row` is the dialect's: which claims it needs, and where it has client, token id and scopes.
    pub(crate) fn read(mut object: Object<'static>, row: &Row) -> Result<Self, Refusal> {
        (row.kind)(&object).map_err(|what| Refusal::new(Code::TokenTypeWrong, what))?;
        let subject = name(&object, "sub")?;
        let client_id = client_id(&object, row.client)?;
        // RFC 9068 §2.2: the token's own id is required, unless the dialect is known to do without.
        let (id, need) = row.id;
        let id = match object.get(id) {
            None if need != Need::Required => None,
            _ => Some(name(&object, id)?),
        };
        if row.scope != "scope" {
            gather_scopes(&mut object, row.scope)?;
        }
        let issued_at = date(&object, "iat", Round::Ceil)?.ok_or_else(|| missing("iat"))?;
        Self::checked(object, [subject, client_id], id, issued_at)
    }

    /// Reads the answer of an introspection endpoint (RFC 7662 §2.2), whose `active`, `iss` and `aud` were checked.
    /// It may leave out the token's id and `iat`: the latter is the token's own, or long ago.
    pub(crate) fn read_answer(
        mut object: Object<'static>,
        row: &Row,
        jwt: Option<&Self>,
    ) -> Result<Self, Refusal> {
        let subject = name(&object, "sub")?;
        let names: Vec<_> = core::iter::once("client_id")
            .chain(row.client.iter().copied().filter(|claim| *claim != "client_id"))
            .collect();
        let client_id = match (names.iter().any(|claim| object.get(claim).is_some()), jwt) {
            (false, Some(jwt)) => jwt.client_id.clone(),
            _ => client_id(&object, &names)?,
        };
        let id = object.get(row.id.0).map(|_| name(&object, row.id.0)).transpose()?;
        if row.scope != "scope" && object.get("scope").is_none() {
            gather_scopes(&mut object, row.scope)?;
        }
        let issued_at = date(&object, "iat", Round::Ceil)?;
        let issued_at = issued_at.or(jwt.map(|jwt| jwt.issued_at)).unwrap_or(Timestamp::FIRST);
        Self::checked(object, [subject, client_id], id, issued_at)
    }

    /// What tokens and answers have in common: times that fit together, audiences, the binding to a key.
    fn checked(
        object: Object<'static>,
        [subject, client_id]: [String; 2],
        id: Option<String>,
        issued_at: Timestamp,
    ) -> Result<Self, Refusal> {
        let expires_at = date(&object, "exp", Round::Floor)?.ok_or_else(|| missing("exp"))?;
        let not_before = date(&object, "nbf", Round::Ceil)?;
        if issued_at > expires_at {
            return Err(invalid("iat", "is later than `exp`"));
        }
        let audiences = audiences(&object)?;
        let confirmation = confirmation(&object)?;
        Ok(Self {
            subject,
            client_id,
            id,
            audiences,
            issued_at,
            not_before,
            expires_at,
            confirmation,
            object,
            also: None,
        })
    }

    /// These claims together with what introspection says of the same token: the smaller `exp`, every binding,
    /// and what it is good for only where both cover it.
    pub(crate) fn confirmed_by(&self, answer: &Self) -> Result<Self, Refusal> {
        let differ = |what: &str| {
            let text = format!("`token:{what}` and `introspection:{what}` say different things");
            Err(Refusal::new(Code::FactsConflict, text))
        };
        if self.subject != answer.subject {
            return differ("sub");
        }
        if self.client_id != answer.client_id {
            return differ("client_id");
        }
        if let (Some(own), Some(other)) = (&self.id, &answer.id)
            && own != other
        {
            return differ("jti");
        }
        let confirmation = match (&self.confirmation, &answer.confirmation) {
            (Some(_), None) => {
                let text = "the token is bound to a key (`cnf`), and its introspection does not say so";
                return Err(Refusal::new(Code::FactsConflict, text));
            }
            (None, other) => other.clone(),
            (Some(own), Some(other)) => {
                let same = |a: &Option<String>, b: &Option<String>| a.is_none() || b.is_none() || a == b;
                if !same(&own.jkt, &other.jkt) || !same(&own.x5t_s256, &other.x5t_s256) {
                    return differ("cnf");
                }
                Some(Confirmation {
                    jkt: own.jkt.clone().or_else(|| other.jkt.clone()),
                    x5t_s256: own.x5t_s256.clone().or_else(|| other.x5t_s256.clone()),
                })
            }
        };
        Ok(Self {
            expires_at: self.expires_at.min(answer.expires_at),
            not_before: self.not_before.max(answer.not_before),
            confirmation,
            also: Some(answer.object.clone()),
            ..self.clone()
        })
    }

    /// What else must cover a request.
    pub(crate) fn also(&self) -> Option<&Object<'static>> {
        self.also.as_ref()
    }

    /// Every claim, as it came.
    pub fn object(&self) -> &Object<'static> {
        &self.object
    }

    /// `sub`
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// `client_id`
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// `jti`, or what the dialect has in its place.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// `aud`, if it is one name.
    pub(crate) fn only_audience(&self) -> Option<&str> {
        match self.audiences.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// `iat`, a fraction rounded up.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// `exp`, a fraction rounded down.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// `cnf`
    pub fn confirmation(&self) -> Option<&Confirmation> {
        self.confirmation.as_ref()
    }

    /// The audience of the token that is ours, where there is exactly one.
    pub(crate) fn our_audience(&self, issuer: &Issuer) -> Option<&str> {
        let mut ours = self.audiences.iter().filter(|aud| issuer.audiences.contains(aud));
        ours.next().filter(|_| ours.next().is_none()).map(String::as_str)
    }

    /// RFC 9068 §4: `aud` holds a name that this service expects for itself.
    pub(crate) fn check_audience(&self, issuer: &Issuer) -> Result<(), Refusal> {
        if self.audiences.iter().any(|aud| issuer.audiences.contains(aud)) {
            return Ok(());
        }
        let found = self.audiences.first().map(String::as_str).unwrap_or_default();
        Err(Refusal::new(
            Code::AudienceMismatch,
            format!("`aud` is {}, expected {}", quote(found), quote(&issuer.audiences.join(", "))),
        ))
    }

    /// RFC 7519 §4.1.4–6: refused at `exp + leeway` and after, and before `nbf - leeway` and `iat - leeway`.
    pub(crate) fn check_time(&self, now: Timestamp, leeway: u64) -> Result<(), Refusal> {
        if now >= self.expires_at.plus(leeway) {
            let text =
                format!("`exp` is {}, now is {}, leeway {leeway}", self.expires_at.seconds(), now.seconds());
            return Err(Refusal::new(Code::TokenExpired, text));
        }
        for (name, time) in [("nbf", self.not_before), ("iat", Some(self.issued_at))] {
            if let Some(time) = time.filter(|time| now.plus(leeway) < *time) {
                let text =
                    format!("`{name}` is {}, now is {}, leeway {leeway}", time.seconds(), now.seconds());
                return Err(Refusal::new(Code::TokenNotYetValid, text));
            }
        }
        Ok(())
    }
}

fn missing(claim: &str) -> Refusal {
    Refusal::new(Code::ClaimMissing, format!("claim `{claim}` is missing"))
}

fn invalid(claim: &str, what: &str) -> Refusal {
    Refusal::new(Code::ClaimInvalid, format!("claim `{claim}` {what}"))
}

fn name(object: &Object<'_>, claim: &str) -> Result<String, Refusal> {
    let text = match object.get(claim) {
        None => return Err(missing(claim)),
        Some(value) => value.as_str().ok_or_else(|| invalid(claim, "must be a string"))?,
    };
    check_name(text).map_err(|what| invalid(claim, what))?;
    Ok(text.into())
}

/// The client: where a dialect has several names for it, those that are there must agree.
fn client_id(object: &Object<'_>, names: &[&'static str]) -> Result<String, Refusal> {
    let mut found: Option<(&str, String)> = None;
    for claim in names.iter().filter(|claim| object.get(claim).is_some()) {
        let client = name(object, claim)?;
        match &found {
            Some((other, before)) if *before != client => {
                return Err(invalid(claim, &format!("names another client than `{other}`")));
            }
            Some(_) => {}
            None => found = Some((claim, client)),
        }
    }
    found.map(|(_, client)| client).ok_or_else(|| missing(names.first().copied().unwrap_or("client_id")))
}

/// Puts the scopes of a dialect that has them elsewhere, as text or as an array, into `scope`. What cannot be
/// read goes there as it is: then nobody knows what the token covers.
fn gather_scopes(object: &mut Object<'static>, claim: &'static str) -> Result<(), Refusal> {
    let value = match claim.split_once('.') {
        None => object.get(claim),
        // A member of the only object of an array.
        Some((array, member)) => match object.get(array).and_then(Value::as_array) {
            Some([Value::Object(only)]) => only.get(member),
            _ => None,
        },
    };
    let Some(value) = value else { return Ok(()) };
    if object.get("scope").is_some() {
        return Err(invalid(
            "scope",
            &format!("is there beside `{claim}`, which is where this dialect has it"),
        ));
    }
    let plain = |item: &Value<'_>| {
        item.as_str().filter(|name| !name.is_empty() && !name.contains(' ')).map(String::from)
    };
    let scopes = match value {
        Value::Array(items) => {
            items.iter().map(plain).collect::<Option<Vec<_>>>().map(|names| names.join(" "))
        }
        _ => None,
    };
    let scopes = match scopes {
        Some(scopes) => Value::String(scopes.into()),
        None => value.clone(),
    };
    object.push("scope", scopes);
    Ok(())
}

/// A name is not empty, not longer than 1,024 bytes, and has no control, zero-width or bidirectional
/// characters: two names that look alike would be two people in a log. It is never normalised (RFC 7519 §7.3).
pub(crate) fn check_name(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("is empty");
    }
    if text.len() > LONGEST_NAME {
        return Err("is longer than 1,024 bytes");
    }
    if text.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Err("has a control, zero-width or bidirectional character");
    }
    Ok(())
}

pub(super) fn date(object: &Object<'_>, claim: &str, round: Round) -> Result<Option<Timestamp>, Refusal> {
    match object.get(claim) {
        None => Ok(None),
        Some(Value::Number(number)) => Timestamp::from_number(number, round).map(Some).ok_or_else(|| {
            invalid(claim, "must be seconds since 1970, at most 2^53 - 1, without an exponent")
        }),
        Some(_) => Err(invalid(claim, "must be a number")),
    }
}

pub(super) fn audiences(object: &Object<'_>) -> Result<Vec<String>, Refusal> {
    let one = |value: &Value<'_>| value.as_str().filter(|s| !s.is_empty()).map(String::from);
    let found = match object.get("aud") {
        None => return Err(missing("aud")),
        Some(value @ Value::String(_)) => one(value).map(|name| Vec::from([name])),
        Some(Value::Array(items)) if !items.is_empty() => items.iter().map(one).collect(),
        Some(_) => None,
    };
    found.ok_or_else(|| invalid("aud", "must be a string, or an array of strings that is not empty"))
}

/// RFC 7800 §3.1. Members that are not recognised are ignored beside one that is; alone they refuse, since a
/// token that says it is bound is never used as if it were not.
pub(super) fn confirmation(object: &Object<'_>) -> Result<Option<Confirmation>, Refusal> {
    let cnf = match object.get("cnf") {
        None => return Ok(None),
        Some(Value::Object(cnf)) => cnf,
        Some(_) => return Err(invalid("cnf", "must be an object")),
    };
    let member = |name: &str| match cnf.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(String::from(text.as_ref()))),
        Some(_) => Err(invalid("cnf", "has a thumbprint that is not a string")),
    };
    let found = Confirmation { jkt: member("jkt")?, x5t_s256: member("x5t#S256")? };
    if found == Confirmation::default() {
        return Err(invalid("cnf", "names no key in a way that is supported (`jkt`, `x5t#S256`)"));
    }
    Ok(Some(found))
}
