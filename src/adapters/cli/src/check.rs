//! `actfor check`: decides one request.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use actfor::json::{self, Limits, Object, Value};
use actfor::proof::MemoryStore;
use actfor::token::Introspection;
use actfor::{Guard, Request, Timestamp, Verdict};
use lexopt::prelude::*;

use crate::audit;
use crate::configuration::{Files, read};
use crate::explain;
use crate::failure::Failure;
use crate::output::{self, Paint};
use crate::request::Asked;

const HELP: &str = "\
actfor check: decide one request.

  --config FILE       the configuration document (JSON)
  --policy FILE       rules instead of the document's own; the models that they name are read beside them; or a pack
  --tuples FILE       tuples (a JSON array) instead of the document's own
  --request FILE      the request: { \"method\", \"url\", \"headers\", \"body\", \"id\", \"now\" }; - is standard input
  --method METHOD     the method
  --url URL           the target: /path?query
  -H 'NAME: VALUE'    a header field; as often as you like
  --body TEXT         the body
  --introspection FILE  what the issuer answered about the token (RFC 7662, RFC 9701)
  --revoked FILE      the list of what is revoked (JSON)
  --status FILE       a status list (JWT); as often as you like
  --now SECONDS       the time, in seconds since 1970-01-01 UTC; default: now
  --id ID             an id for the request
  --json              the decision document and nothing else
  --explain           who is asking for whom, the rule and its text, the proof or what stands against it, every check
  --audit FILE        append the decision's record to this log; `actfor audit verify` checks it. A decision that cannot
                      be recorded is not given

Exit codes: 0 allowed, 1 refused, 2 wrong usage, configuration or input.
";

/// How much is shown.
#[derive(Clone, Copy, PartialEq)]
enum Show {
    Document,
    Everything,
    Short,
}

/// Runs the command.
pub fn run(parser: &mut lexopt::Parser) -> Result<ExitCode, Failure> {
    let mut files = Files::default();
    let mut asked = Asked::default();
    let mut request_file = None;
    let mut show = Show::Short;
    let mut log = None;
    while let Some(arg) = parser.next()? {
        match arg {
            Long("config") => files.config = Some(parser.value()?.into()),
            Long("policy") => files.policy = Some(parser.value()?.into()),
            Long("tuples") => files.tuples = Some(parser.value()?.into()),
            Long("revoked") => files.revoked = Some(parser.value()?.into()),
            Long("status") => files.status.push(parser.value()?.into()),
            Long("introspection") => asked.introspection = Some(parser.value()?.into()),
            Long("request") => request_file = Some(parser.value()?),
            Long("method") => asked.method = Some(parser.value()?.string()?),
            Long("url") => asked.url = Some(parser.value()?.string()?),
            Short('H') | Long("header") => asked.header(&parser.value()?.string()?)?,
            Long("body") => asked.body = Some(parser.value()?.string()?),
            Long("now") => asked.now = Some(parser.value()?.parse()?),
            Long("id") => asked.id = Some(parser.value()?.string()?),
            Long("json") => show = Show::Document,
            Long("audit") => log = Some(PathBuf::from(parser.value()?)),
            // A machine reads all of it anyway.
            Long("explain") if show == Show::Document => {}
            Long("explain") => show = Show::Everything,
            Short('h') | Long("help") => return output::text(HELP),
            other => return Err(other.unexpected().into()),
        }
    }
    decide(&files, asked, request_file.as_deref().map(Path::new), show, log.as_deref())
        .map_err(|failure| failure.in_json(show == Show::Document))
}

fn decide(
    files: &Files,
    mut asked: Asked,
    request: Option<&Path>,
    show: Show,
    log: Option<&Path>,
) -> Result<ExitCode, Failure> {
    if let Some(path) = request {
        asked.fill_from(path)?;
    }
    let guard = guard(files, asked.time())?;
    let answer = asked.introspection.as_deref().map(read).transpose()?;
    let (decision, document) = asked.ask(|request, now| {
        // The answer counts for the token that a host would ask about, and for no other.
        let about = answer.as_deref().zip(guard.to_introspect(request, now));
        let introspection = about.map(|(response, (_, token))| Introspection { token, response });
        let request = &Request { introspection, ..*request };
        let decided = guard.decide_once(request, now, &mut MemoryStore::new(1));
        guard.explain(&request.after(&decided), now)
    })?;
    if let Some(log) = log {
        audit::append(log, &document)?;
    }
    let text = match show {
        Show::Document => format!("{document}\n"),
        Show::Everything => explain::write(&members(&document)?, files.rules().as_ref(), Paint::for_stdout()),
        Show::Short => human(&members(&document)?, Paint::for_stdout()),
    };
    output::text(&text)?;
    Ok(ExitCode::from(u8::from(decision.verdict() != Verdict::Allow)))
}

/// The guard that the files describe, at `now`.
pub fn guard(files: &Files, now: Option<Timestamp>) -> Result<Guard, Failure> {
    let seed =
        getrandom::u64().map_err(|error| Failure::usage(format!("no source of randomness: {error}")))?;
    let mut guard = Guard::from_config(&files.document()?, seed)?;
    // Without a time every request is refused, whatever is revoked.
    if let Some(now) = now {
        files.revoke(&mut guard, now)?;
    }
    Ok(guard)
}

fn members(document: &str) -> Result<Object<'static>, Failure> {
    match json::parse(document.as_bytes(), &Limits::CONFIG) {
        Ok(Value::Object(members)) => Ok(members.into_owned()),
        Ok(_) => Err(Failure::usage("the decision document is not an object")),
        Err(error) => Err(Failure::usage(error.to_string())),
    }
}

/// The document for a person, in a few lines.
fn human(members: &Object<'_>, paint: Paint) -> String {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let mut out = match (text("decision").unwrap_or("deny"), text("code")) {
        ("allow", _) => paint.green("allow"),
        (verdict, code) => format!("{} {}", paint.red(verdict), paint.bold(code.unwrap_or_default())),
    };
    out.push('\n');
    let mut line = |name: &str, value: &str| {
        out.push_str(&format!("  {} {}\n", paint.dim(&format!("{name:<5}")), output::safe(value)));
    };
    if let Some(who) = members.get("who") {
        line("who", &crate::who::line(who));
    }
    if let (Some(action), Some(object)) = (text("action"), text("object")) {
        line("asks", &format!("{action} on {object}"));
    }
    if let Some(rule) = text("rule") {
        line("rule", rule);
    }
    if let Some(reason) = text("reason_admin") {
        line("why", reason);
    }
    out
}
