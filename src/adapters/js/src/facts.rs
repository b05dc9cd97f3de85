//! What the host knows beside the request itself, and what it has to find out first. Off the hot path: JSON text.

use actfor::json::{self, Limits, Object, Value, Writer};
use actfor::proof::{Certificate, DpopProof, ReplayStore, StoreError, Use};
use actfor::relation::{Question, Reply};
use actfor::token::Introspection;
use actfor::{Guard, Request, Timestamp, UsedApproval};

/// Facts of one request, out of the text that `js/src/facts.ts` writes.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    object: Object<'static>,
    certificate: Option<Certificate>,
}

impl Facts {
    /// Reads them; an empty text is none. What cannot be read is a mistake of the glue: then nothing is known, and
    /// what needs it is refused.
    pub fn read(text: &str) -> Self {
        let limits = Limits { bytes: text.len(), ..Limits::CONFIG };
        let Ok(Value::Object(object)) = json::parse(text.as_bytes(), &limits).map(Value::into_owned) else {
            return Self::default();
        };
        let certificate = object.get("certificate").and_then(Value::as_str).and_then(Certificate::from_hex);
        Self { object, certificate }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.object.get(name).and_then(Value::as_str)
    }

    /// What the host's own store said of the proof or the approval.
    fn said(&self, name: &str) -> Option<Use> {
        match self.text(name) {
            Some("first") => Some(Use::First),
            Some("again") => Some(Use::Again),
            _ => None,
        }
    }

    /// Whether the host has a store of its own, so that the one in memory is not asked.
    pub fn has_store(&self) -> bool {
        self.object.get("store").and_then(Value::as_bool) == Some(true)
    }

    /// Only literal booleans count; `js/src/authorize/openfga.ts` lets nothing else through either.
    fn replies(&self) -> Vec<Reply<'_>> {
        let items = self.object.get("replies").and_then(Value::as_array).unwrap_or_default();
        items
            .iter()
            .filter_map(|item| {
                let [subject, relation, object, holds] = item.as_array()? else { return None };
                let question = Question {
                    object: object.as_str()?,
                    relation: relation.as_str()?,
                    subject: subject.as_str()?,
                };
                Some(Reply { question, holds: holds.as_bool()? })
            })
            .collect()
    }

    /// Hands the request to `f` with these facts in it.
    pub fn with<T>(&self, request: &Request<'_>, f: impl FnOnce(&Request<'_>) -> T) -> T {
        let replies = self.replies();
        let introspection = self.object.get("introspection").and_then(Value::as_object).and_then(|answer| {
            let text = |name: &str| answer.get(name).and_then(Value::as_str);
            Some(Introspection { token: text("token")?, response: text("response")?.as_bytes() })
        });
        let question = self.object.get("question").and_then(Value::as_object).map(|asked| {
            // What is not there names nothing, and is refused as such.
            let text = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default();
            let arguments = asked.get("arguments").and_then(Value::as_object);
            let subject = asked.get("subject").and_then(Value::as_object);
            let subject = subject.map(|subject| {
                let text = |name: &str| subject.get(name).and_then(Value::as_str).unwrap_or_default();
                (text("type"), text("id"))
            });
            actfor::Question {
                subject,
                action: text("action"),
                kind: text("type"),
                id: text("id"),
                arguments,
            }
        });
        f(&Request {
            question,
            vouched: self.object.get("vouched").and_then(Value::as_object),
            relations_unreachable: self.object.get("relationsUnreachable").and_then(Value::as_bool)
                == Some(true),
            certificate: self.certificate.as_ref(),
            introspection,
            proof_use: self.said("proof"),
            approval_use: self.said("approval"),
            peer: self.text("peer").and_then(|peer| peer.parse().ok()),
            replies: &replies,
            ..*request
        })
    }
}

/// What has to be found out before the request can be decided, as JSON: `{}` where nothing is.
pub(crate) fn wanted(guard: &Guard, request: &Request<'_>, now: Option<Timestamp>) -> String {
    let mut w = Writer::default();
    w.object(|w| {
        if request.introspection.is_none()
            && let Some((endpoint, token)) = guard.to_introspect(request, now)
        {
            w.key("introspection").object(|w| {
                w.key("endpoint").string(endpoint);
                w.key("token").string(token);
            });
        }
        if let Some((issuer, uri)) = guard.to_fetch_status(request, now) {
            w.key("status").object(|w| {
                w.key("issuer").string(issuer);
                w.key("uri").string(&uri);
            });
        }
        let mut noted = Noted(None);
        guard.decide_once(request, now, &mut noted);
        if let Some((kind, key, until)) = noted.0 {
            w.key("use").object(|w| {
                w.key("kind").string(kind);
                w.key("key").string(&key);
                w.key("until").number(until.seconds());
            });
        }
        if let Some(relate) = guard.to_relate(request, now) {
            w.key("relations").object(|w| {
                w.key("questions").array(|w| {
                    relate
                        .questions
                        .iter()
                        .for_each(|(user, relation, object)| tuple(w, user, relation, object));
                });
                w.key("tuples").array(|w| {
                    relate.tuples.iter().for_each(|t| tuple(w, &t.user, &t.relation, &t.object));
                });
            });
        }
    });
    w.finish()
}

fn tuple(w: &mut Writer, user: &str, relation: &str, object: &str) {
    w.object(|w| {
        w.key("user").string(user);
        w.key("relation").string(relation);
        w.key("object").string(object);
    });
}

/// A store that only notes what the host's own store has to be asked.
struct Noted(Option<(&'static str, String, Timestamp)>);

impl ReplayStore for Noted {
    fn remember(&mut self, proof: &DpopProof, _: Timestamp) -> Result<Use, StoreError> {
        // A thumbprint has 43 characters, so two pairs never give one key.
        let key = format!("dpop:{}:{}", proof.thumbprint(), proof.jti());
        self.0 = Some(("proof", key, proof.usable_until()));
        Err(StoreError::Unavailable)
    }

    fn remember_approval(&mut self, approval: &UsedApproval, _: Timestamp) -> Result<Use, StoreError> {
        let (issuer, jti) = (approval.issuer(), approval.jti());
        // The issuer's length keeps issuer and `jti` apart.
        let key = format!("approval:{}:{issuer}:{jti}", issuer.len());
        self.0 = Some(("approval", key, approval.usable_until()));
        Err(StoreError::Unavailable)
    }
}
