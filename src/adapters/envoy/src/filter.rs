//! What happens to one request: strip, decide, record, and then pass it on or answer it.

use actfor::{Code, Guard, Request, Verdict, json::Writer};

use crate::{
    config::{Document, Mode, Settings},
    counters::Counters,
    headers::{self, Seen},
    host::{Host, HostError, Level, Section},
    outcome::Outcome,
    plugin::timestamp,
};

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It goes on.
    Pass,
    /// It was answered here, or must not go on.
    Stop,
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
    /// Counts.
    pub counters: &'a Counters,
    /// The host's number of this request, for an id where the request brings none.
    pub stream: u32,
}

impl Filter<'_> {
    /// Decides about the request at hand; also returns why it was not allowed.
    pub fn run(&self, host: &impl Host) -> (Next, Option<Code>) {
        match self.decide(host) {
            Ok((outcome, id)) => (self.apply(host, &outcome, &id), outcome.code),
            Err(HostError) => (self.host_failed(host, ""), None),
        }
    }

    fn decide(&self, host: &impl Host) -> Result<(Outcome, String), HostError> {
        let all = host.fields(Section::Headers)?;
        // First of all: whatever happens next, no name of ours from outside goes further.
        headers::strip(host, Section::Headers, &all)?;
        let now = host.now()?;
        let seen = Seen::read(&all);
        let id = seen.id.map_or_else(|| format!("{:x}-{:x}", now.as_nanos(), self.stream), str::to_owned);
        let (Some(method), Some(url)) = (&seen.method, &seen.path) else {
            return Ok((Outcome::refused(Code::RequestInvalid), id));
        };
        let request = Request { id: &id, method, url, headers: &seen.fields, body: None };
        let outcome = match self.settings.document {
            Document::None => Outcome::of(&self.guard.decide(&request, timestamp(now)), None),
            Document::FilterState => {
                let (decision, document) = self.guard.explain(&request, timestamp(now));
                Outcome::of(&decision, Some(document))
            }
        };
        Ok((outcome, id))
    }

    /// Records an outcome and carries it out.
    pub fn apply(&self, host: &impl Host, outcome: &Outcome, id: &str) -> Next {
        let done = self.record(host, outcome).and_then(|()| match (outcome.verdict, self.settings.mode) {
            (Verdict::Allow, mode) => self.pass(host, outcome, id, mode),
            (Verdict::Deny | Verdict::NeedsApproval, Mode::Shadow) => Ok(Next::Pass),
            (Verdict::Deny | Verdict::NeedsApproval, Mode::Enforce) => refuse(host, outcome, id),
        });
        done.unwrap_or_else(|HostError| self.host_failed(host, id))
    }

    fn record(&self, host: &impl Host, outcome: &Outcome) -> Result<(), HostError> {
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
            ("actfor.user", who.user.as_deref()),
            ("actfor.agent", who.agent.as_deref()),
            ("actfor.instance", who.instance.as_deref()),
            ("actfor.relationship", who.relationship.as_deref()),
            ("actfor.rule", who.rule.as_deref()),
            ("actfor.document", outcome.document.as_deref()),
        ];
        for (name, value) in states {
            if let Some(value) = value {
                host.set_state(name, value)?;
            }
        }
        Ok(())
    }

    /// Lets an allowed request go on, with the identity that it earned.
    fn pass(&self, host: &impl Host, outcome: &Outcome, id: &str, mode: Mode) -> Result<Next, HostError> {
        let who = &outcome.who;
        let earned = [
            (headers::ID, Some(id)),
            (headers::USER, who.user.as_deref()),
            (headers::AGENT, who.agent.as_deref()),
            (headers::INSTANCE, who.instance.as_deref()),
            (headers::RELATIONSHIP, who.relationship.as_deref()),
            (headers::RULE, who.rule.as_deref()),
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
        // Shadow changes nothing that an upstream may still rely on.
        if mode == Mode::Enforce && !self.settings.forward_token {
            for name in headers::CREDENTIALS {
                host.remove_field(Section::Headers, name)?;
            }
        }
        Ok(Next::Pass)
    }

    /// Refuses because Envoy failed the filter, in mode `shadow` too: what was to be stripped may still be there.
    fn host_failed(&self, host: &impl Host, id: &str) -> Next {
        host.log(Level::Error, "actfor: Envoy did not do what the filter asked; the request is refused");
        let _ = host.count(self.counters.host_failed);
        let problem = problem(503, "host_failed", id, "The request cannot be decided now.");
        // If even this fails the request stays where it is.
        let _ = host.respond(503, &[("content-type", PROBLEM), ("retry-after", RETRY_AFTER)], &problem);
        Next::Stop
    }
}

const PROBLEM: &str = "application/problem+json";

/// Answers a refused request. A client learns the code, the id and one sentence.
fn refuse(host: &impl Host, outcome: &Outcome, id: &str) -> Result<Next, HostError> {
    let code = outcome.code.ok_or(HostError)?;
    let status = code.status();
    let mut fields = vec![("content-type", PROBLEM)];
    if let Some(challenge) = &outcome.challenge {
        fields.push(("www-authenticate", challenge));
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
