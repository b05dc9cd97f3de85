//! What happens to one request: strip, decide, find out what is missing, record, and then pass it on or answer it.

use actfor::{Code, Guard, Request, Verdict, json::Writer, proof::Certificate, token::Introspection};

use crate::{
    callouts::{Callouts, Found, Step, Waiting},
    config::{Document, Mode, Settings},
    counters::Counters,
    headers::{self, Seen},
    host::{Host, HostError, Level, Section},
    outcome::Outcome,
    plugin::timestamp,
    replay::Shared,
};

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// It goes on.
    Pass,
    /// It was answered here, or must not go on.
    Stop,
    /// It is decided again when an answer comes.
    Wait(Waiting),
}

/// Seconds after which a client may ask again when the guard could not decide.
const RETRY_AFTER: &str = "5";

/// One request's view of the plugin.
#[derive(Debug)]
pub struct Filter<'a> {
    /// Decides.
    pub guard: &'a Guard,
    /// Envoy's part of the configuration.
    pub settings: &'a Settings,
    /// Asks others.
    pub callouts: &'a Callouts,
    /// Counts.
    pub counters: &'a Counters,
    /// The host's number of this request, for an id where the request brings none.
    pub stream: u32,
}

impl Filter<'_> {
    /// Decides about the request at hand, with what was found for it; also returns why it was not allowed.
    pub fn run(&self, host: &impl Host, found: Found) -> (Next, Option<Code>) {
        self.decide(host, found).unwrap_or_else(|HostError| (self.host_failed(host, ""), None))
    }

    fn decide(&self, host: &impl Host, mut found: Found) -> Result<(Next, Option<Code>), HostError> {
        let all = host.fields(Section::Headers)?;
        // First of all: whatever happens next, no name of ours from outside goes further.
        headers::strip(host, Section::Headers, &all)?;
        let now = host.now()?;
        let seen = Seen::read(&all);
        let id = seen.id.map_or_else(|| format!("{:x}-{:x}", now.as_nanos(), self.stream), str::to_owned);
        let (Some(method), Some(url)) = (&seen.method, &seen.path) else {
            return Ok(self.apply(host, &Outcome::refused(Code::RequestInvalid), &id, &[]));
        };
        let now = timestamp(now);
        let mut certificate: Option<Certificate> = None;
        loop {
            let (answer, shown) = (found.answer.clone(), certificate);
            let introspection = answer
                .as_ref()
                .map(|answer| Introspection { token: &answer.token, response: &answer.response });
            let request = Request {
                id: &id,
                method,
                url,
                headers: &seen.fields,
                introspection,
                certificate: shown.as_ref(),
                proof_use: found.proof,
                approval_use: found.approval,
                instance_use: found.instance,
                ..Request::default()
            };
            let decision = self.guard.decide_once(&request, now, &mut Shared(host));
            // Few tokens are bound to a certificate, and Envoy has to be asked for it: only for those that lack it.
            if decision.code() == Some(Code::ProofMissing) && certificate.is_none() {
                certificate = host.certificate();
                if certificate.is_some() {
                    continue;
                }
            }
            found.remember(&decision);
            let step = self.callouts.step((host, self.counters), self.guard, &request, &decision, found, now);
            found = match step {
                (Step::Again, found) => found,
                (Step::Wait(waiting), _) => return Ok((Next::Wait(waiting), None)),
                (Step::Keep, _) => {
                    let document = match self.settings.document {
                        Document::FilterState => Some(self.guard.explain(&request.after(&decision), now).1),
                        Document::None => None,
                    };
                    return Ok(self.apply(host, &Outcome::of(&decision, document), &id, &seen.fields));
                }
            };
        }
    }

    /// Records an outcome and carries it out. `fields` are those that the guard has read.
    pub fn apply(
        &self,
        host: &impl Host,
        outcome: &Outcome<'_>,
        id: &str,
        fields: &[(&str, &[u8])],
    ) -> (Next, Option<Code>) {
        let done = self.record(host, outcome).and_then(|()| match (outcome.verdict, self.settings.mode) {
            (Verdict::Allow, Mode::Enforce) if !self.settings.forward_token => {
                withhold_credentials(host, fields).and_then(|()| pass(host, outcome, id))
            }
            (Verdict::Allow, Mode::Enforce | Mode::Shadow) => pass(host, outcome, id),
            (Verdict::Deny | Verdict::NeedsApproval, Mode::Shadow) => Ok(Next::Pass),
            (Verdict::Deny | Verdict::NeedsApproval, Mode::Enforce) => refuse(host, outcome, id),
        });
        (done.unwrap_or_else(|HostError| self.host_failed(host, id)), outcome.code)
    }

    fn record(&self, host: &impl Host, outcome: &Outcome<'_>) -> Result<(), HostError> {
        match (outcome.verdict, outcome.code, self.settings.mode) {
            (Verdict::Allow, _, _) => self.counters.allowed(host)?,
            (Verdict::Deny | Verdict::NeedsApproval, Some(code), Mode::Enforce) => {
                self.counters.refused(host, code)?
            }
            (Verdict::Deny | Verdict::NeedsApproval, Some(code), Mode::Shadow) => {
                self.counters.shadowed(host, code)?
            }
            (Verdict::Deny | Verdict::NeedsApproval, None, _) => host.count(self.counters.host_failed)?,
        }
        host.set_state("actfor.verdict", outcome.verdict.as_str())?;
        let who = &outcome.who;
        let states = [
            ("actfor.code", outcome.code.map(Code::as_str)),
            ("actfor.user", who.user),
            ("actfor.agent", who.agent),
            ("actfor.instance", who.instance),
            ("actfor.relationship", who.relationship.as_deref()),
            ("actfor.rule", who.rule),
            ("actfor.document", outcome.document.as_deref()),
        ];
        for (name, value) in states {
            if let Some(value) = value {
                host.set_state(name, value)?;
            }
        }
        Ok(())
    }

    /// Refuses because Envoy failed the filter, in mode `shadow` too: what was to be stripped may still be there.
    pub fn host_failed(&self, host: &impl Host, id: &str) -> Next {
        host.log(Level::Error, "actfor: Envoy did not do what the filter asked; the request is refused");
        let _ = host.count(self.counters.host_failed);
        let problem = problem(503, "host_failed", id, "The request cannot be decided now.");
        // If even this fails the request stays where it is.
        let _ = host.respond(503, &[("content-type", PROBLEM), ("retry-after", RETRY_AFTER)], &problem);
        Next::Stop
    }
}

/// Lets an allowed request go on, with the identity that it earned.
fn pass(host: &impl Host, outcome: &Outcome<'_>, id: &str) -> Result<Next, HostError> {
    let who = &outcome.who;
    let earned = [
        (headers::ID, Some(id)),
        (headers::USER, who.user),
        (headers::AGENT, who.agent),
        (headers::INSTANCE, who.instance),
        (headers::RELATIONSHIP, who.relationship.as_deref()),
        (headers::RULE, who.rule),
    ];
    for (name, value) in earned {
        if let Some(value) = value {
            if !headers::is_safe(value) {
                host.log(Level::Error, &format!("actfor: the value of {name} cannot stand in a header"));
                return Err(HostError);
            }
            host.set_header(name, value)?;
        }
    }
    Ok(Next::Pass)
}

/// Keeps tokens and proofs back. Each call costs, so only those that are there are removed; in mode `shadow` none
/// is, since an upstream may still rely on them.
fn withhold_credentials(host: &impl Host, fields: &[(&str, &[u8])]) -> Result<(), HostError> {
    let there = |name: &&&str| fields.iter().any(|(field, _)| field == *name);
    headers::CREDENTIALS.iter().filter(there).try_for_each(|name| host.remove_field(Section::Headers, name))
}

const PROBLEM: &str = "application/problem+json";

/// Answers a refused request. A client learns the code, the id and one sentence.
fn refuse(host: &impl Host, outcome: &Outcome<'_>, id: &str) -> Result<Next, HostError> {
    let code = outcome.told.ok_or(HostError)?;
    let status = code.status();
    let mut fields = vec![("content-type", PROBLEM)];
    if let Some(challenge) = &outcome.challenge {
        fields.push(("www-authenticate", challenge));
    }
    if let Some(nonce) = outcome.nonce {
        fields.push(("dpop-nonce", nonce));
    }
    if status == 503 {
        fields.push(("retry-after", RETRY_AFTER));
    }
    host.respond(status, &fields, &problem(status, code.as_str(), id, code.reason_user()))?;
    Ok(Next::Stop)
}

/// RFC 9457 §3.1: without `type`, `title` is the name of the status.
fn problem(status: u16, code: &str, id: &str, detail: &str) -> String {
    let mut w = Writer::default();
    w.object(|w| {
        w.key("title").string(title(status));
        w.key("status").number(u64::from(status));
        w.key("code").string(code);
        w.key("id").string(id);
        w.key("detail").string(detail);
    });
    w.finish()
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        503 => "Service Unavailable",
        _ => "Refused",
    }
}

#[cfg(test)]
mod tests {
    use actfor_mint::patterns::Pattern;

    use super::*;
    use crate::{acme::Acme, fake::Fake, outcome::Who};

    const FROM_OUTSIDE: &[(&str, &str)] = &[
        (":method", "GET"),
        (":path", "/repos/web/x"),
        ("authorization", "Bearer t"),
        ("agent-chain", "t"),
        ("dpop", "p"),
        ("agent-context", "c"),
        ("agent-approval", "a"),
        ("txn-token", "t"),
        ("x-actfor-user", "user:mallory"),
        ("X_Actfor_Agent", "agent:mallory"),
        ("x-request-id", "r-1"),
    ];

    /// Runs one outcome through `apply`, after what `run` does first.
    fn check(host: &Fake, settings: &Settings, outcome: &Outcome<'_>) -> Next {
        let guard = Acme::default().guard();
        let counters = Counters::define(host).unwrap();
        let all = host.0.borrow().headers.clone();
        headers::strip(host, Section::Headers, &all).unwrap();
        let callouts = Callouts::new(&guard, settings).unwrap();
        let filter = Filter { guard: &guard, settings, callouts: &callouts, counters: &counters, stream: 7 };
        filter.apply(host, outcome, "r-1", &Seen::read(&all).fields).0
    }

    fn allowed() -> Outcome<'static> {
        let who = Who {
            user: Some("user:ana"),
            agent: Some("agent:code-helper"),
            instance: Some("instance:s1"),
            relationship: Some("delegated; mode=interactive".into()),
            rule: Some("code-help"),
        };
        let (code, told) = (None, None);
        Outcome { verdict: Verdict::Allow, code, told, challenge: None, nonce: None, who, document: None }
    }

    fn shadow() -> Settings {
        Settings { mode: Mode::Shadow, ..Settings::default() }
    }

    fn identity(host: &Fake) -> Vec<(String, String)> {
        let state = host.0.borrow();
        let ours = state.headers.iter().filter(|(name, _)| headers::is_ours(name));
        ours.map(|(name, value)| (name.clone(), String::from_utf8(value.clone()).unwrap())).collect()
    }

    // Forwarded by whom, Envoy does not say in a way that no client can forge: `source.address` may come from a header.
    const ABC: &str = "Hash=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_token_may_be_bound_to_the_certificate_of_the_connection() {
        // SHA-256 of `abc`.
        let cnf = r#"{"cnf":{"x5t#S256":"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"},"#;
        let acme = Acme::default();
        let bearer = format!("Bearer {}", acme.sign(&acme.claims(Pattern::Offline).replacen('{', cnf, 1)));
        let hops =
            r#"{"proof":{"base_urls":["https://api.example"],"trust_forwarded_client_cert":["10.0.0.1"]},"#;
        let config = acme.config().replacen('{', hops, 1);
        let ask = |certificate: Option<Certificate>| {
            let host = Fake::request(&[
                (":method", "GET"),
                (":path", "/repos/web/x"),
                ("authorization", &bearer),
                ("x-forwarded-client-cert", ABC),
            ]);
            host.0.borrow_mut().certificate = certificate;
            let guard = Guard::from_config(config.as_bytes(), 1).unwrap();
            let settings = Settings::default();
            let counters = Counters::define(&host).unwrap();
            let callouts = Callouts::new(&guard, &settings).unwrap();
            let filter = Filter {
                guard: &guard,
                settings: &settings,
                callouts: &callouts,
                counters: &counters,
                stream: 7,
            };
            filter.run(&host, Found::default()).1
        };
        assert_eq!(ask(Some(Certificate::from_der(b"abc"))), None);
        assert_eq!(ask(Some(Certificate::from_der(b"abd"))), Some(Code::ProofInvalid));
        assert_eq!(ask(None), Some(Code::ProofMissing));
    }

    #[test]
    fn an_allowed_request_carries_the_identity_that_it_earned() {
        let host = Fake::request(FROM_OUTSIDE);
        assert_eq!(check(&host, &Settings::default(), &allowed()), Next::Pass);
        let expected = [
            ("x-actfor-id", "r-1"),
            ("x-actfor-user", "user:ana"),
            ("x-actfor-agent", "agent:code-helper"),
            ("x-actfor-instance", "instance:s1"),
            ("x-actfor-relationship", "delegated; mode=interactive"),
            ("x-actfor-rule", "code-help"),
        ];
        assert_eq!(identity(&host), expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert_eq!(host.count_of("actfor.decision.allow"), 1);
        assert_eq!(host.0.borrow().state.get("actfor.verdict").map(String::as_str), Some("allow"));
    }

    #[test]
    fn a_public_request_loses_what_came_from_outside() {
        let host = Fake::request(FROM_OUTSIDE);
        let public = Outcome { who: Who::default(), ..allowed() };
        assert_eq!(check(&host, &Settings::default(), &public), Next::Pass);
        assert_eq!(identity(&host), [("x-actfor-id".to_owned(), "r-1".to_owned())]);
    }

    #[test]
    fn credentials_go_no_further_unless_the_configuration_says_so() {
        let kept = |settings: &Settings| {
            let host = Fake::request(FROM_OUTSIDE);
            check(&host, settings, &allowed());
            headers::CREDENTIALS.iter().filter(|name| host.header(name).is_some()).count()
        };
        assert_eq!(kept(&Settings::default()), 0);
        assert_eq!(kept(&Settings { forward_token: true, ..Settings::default() }), 6);
        assert_eq!(kept(&shadow()), 6);
    }

    #[test]
    fn a_refusal_tells_the_client_code_id_and_one_sentence() {
        let host = Fake::request(FROM_OUTSIDE);
        let outcome = Outcome {
            challenge: Some(r#"Bearer error="invalid_token""#.into()),
            who: allowed().who,
            ..Outcome::refused(Code::TokenExpired)
        };
        assert_eq!(check(&host, &Settings::default(), &outcome), Next::Stop);
        let response = host.response().unwrap();
        assert_eq!(response.status, 401);
        let expected = r#"{"title":"Unauthorized","status":401,"code":"token_expired","id":"r-1","detail":"The access token has expired."}"#;
        assert_eq!(response.body, expected);
        let header = |name| response.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        assert_eq!(header("content-type"), Some("application/problem+json"));
        assert_eq!(header("www-authenticate"), Some(r#"Bearer error="invalid_token""#));
        assert_eq!(header("retry-after"), None);
        assert_eq!(host.count_of("actfor.refused.token_expired"), 1);
        let state = &host.0.borrow().state;
        assert_eq!(state.get("actfor.code").map(String::as_str), Some("token_expired"));
        assert_eq!(state.get("actfor.user").map(String::as_str), Some("user:ana"));
    }

    #[test]
    fn without_keys_the_client_may_come_back() {
        let host = Fake::request(FROM_OUTSIDE);
        assert_eq!(check(&host, &Settings::default(), &Outcome::refused(Code::KeysUnavailable)), Next::Stop);
        let response = host.response().unwrap();
        assert_eq!(response.status, 503);
        assert!(response.headers.contains(&("retry-after".into(), "5".into())));
    }

    #[test]
    fn shadow_passes_a_refused_request_without_identity() {
        let host = Fake::request(FROM_OUTSIDE);
        let outcome = Outcome { who: allowed().who, ..Outcome::refused(Code::Ceiling) };
        assert_eq!(check(&host, &shadow(), &outcome), Next::Pass);
        assert_eq!((identity(&host), host.response()), (vec![], None));
        assert_eq!(host.header("authorization").as_deref(), Some("Bearer t"));
        assert_eq!((host.count_of("actfor.shadow.ceiling"), host.count_of("actfor.refused.ceiling")), (1, 0));
        assert_eq!(host.0.borrow().state.get("actfor.code").map(String::as_str), Some("ceiling"));
    }

    #[test]
    fn a_value_that_could_end_a_header_refuses() {
        for bad in ["user:a\r\nx-admin: 1", "user:é", " user:a", ""] {
            let host = Fake::request(FROM_OUTSIDE);
            let who = Who { user: Some(bad), ..Who::default() };
            assert_eq!(check(&host, &Settings::default(), &Outcome { who, ..allowed() }), Next::Stop);
            assert_eq!(host.response().unwrap().status, 503, "{bad:?}");
        }
    }

    #[test]
    fn a_proxy_that_does_not_obey_refuses() {
        for settings in [Settings::default(), shadow()] {
            for function in ["set_state", "count", "set_header"] {
                let host = Fake::request(FROM_OUTSIDE).broken(function);
                assert_eq!(check(&host, &settings, &allowed()), Next::Stop, "{function}");
                let response = host.response().unwrap();
                assert_eq!(response.status, 503, "{function}");
                assert!(response.body.contains(r#""code":"host_failed""#));
            }
        }
        let host = Fake::request(FROM_OUTSIDE).broken("respond");
        assert_eq!(check(&host, &Settings::default(), &Outcome::refused(Code::Ceiling)), Next::Stop);
    }

    #[test]
    fn a_refusal_without_a_code_is_a_refusal() {
        let host = Fake::request(FROM_OUTSIDE);
        let outcome = Outcome { code: None, told: None, ..Outcome::refused(Code::Ceiling) };
        assert_eq!(check(&host, &Settings::default(), &outcome), Next::Stop);
        assert_eq!(host.response().unwrap().status, 503);
    }
}
