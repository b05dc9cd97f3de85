//! `actfor inspect`: what a token says; with a configuration, whether it holds and who that would be.

use std::path::Path;
use std::process::ExitCode;

use actfor::jose::{Jws, JwsLimits};
use actfor::json::{self, Limits, Object, Value, Writer};
use actfor::{Request, Timestamp};
use lexopt::prelude::*;

use crate::configuration::{Files, text};
use crate::failure::Failure;
use crate::output::{self, Paint, safe};
use crate::{check, request, who};

const HELP: &str = "\
actfor inspect TOKEN: show what a token says. - reads it from standard input.

  --config FILE    verify it with this configuration (JSON), and show who that would be
  --policy FILE    rules instead of the document's own
  --tuples FILE    tuples instead of the document's own
  --now SECONDS    the time, in seconds since 1970-01-01 UTC; default: now
  --json           as JSON

Without --config nothing is verified: anybody can write such a token.
Exit codes: 0 shown, 1 the configuration refuses the token, 2 wrong usage, configuration or input.
";

/// Runs the command.
pub fn run(parser: &mut lexopt::Parser) -> Result<ExitCode, Failure> {
    let mut files = Files::default();
    let mut token = None;
    let mut now = request::now();
    let mut json = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Value(value) if token.is_none() => token = Some(value.string()?),
            Long("config") => files.config = Some(parser.value()?.into()),
            Long("policy") => files.policy = Some(parser.value()?.into()),
            Long("tuples") => files.tuples = Some(parser.value()?.into()),
            Long("now") => now = Timestamp::from_seconds(parser.value()?.parse()?),
            Long("json") => json = true,
            Short('h') | Long("help") => return output::text(HELP),
            other => return Err(other.unexpected().into()),
        }
    }
    let token = match token.as_deref() {
        Some("-") => text(Path::new("-"))?,
        Some(token) => token.to_owned(),
        None => {
            return Err(Failure::usage("which token? write `actfor inspect TOKEN`, or - for standard input"));
        }
    };
    inspect(token.trim(), &files, now, json).map_err(|failure| failure.in_json(json))
}

fn inspect(token: &str, files: &Files, now: Option<Timestamp>, json: bool) -> Result<ExitCode, Failure> {
    let jws = Jws::parse(token, &JwsLimits::DEFAULT)
        .map_err(|refusal| Failure::coded(refusal.code, &refusal.detail))?;
    let document = match &files.config {
        None => None,
        Some(_) => Some(ask(token, files, now)?),
    };
    let parsed = document.as_deref().map(|text| json::parse(text.as_bytes(), &Limits::CONFIG));
    let parsed = parsed.transpose().map_err(|error| Failure::usage(error.to_string()))?;
    let verdict = parsed.as_ref().and_then(Value::as_object).map(Verdict::read);
    let text = if json {
        as_json(&jws, verdict.as_ref())
    } else {
        for_a_person(&jws, verdict.as_ref(), Paint::for_stdout())
    };
    output::text(&text)?;
    Ok(ExitCode::from(u8::from(verdict.is_some_and(|verdict| verdict.refused.is_some()))))
}

/// The decision document of a request that asks for nothing in particular: its facts are what we are after.
fn ask(token: &str, files: &Files, now: Option<Timestamp>) -> Result<String, Failure> {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_bytes())];
    let request = Request { id: "", method: "GET", url: "/", headers: &headers, body: None };
    Ok(check::guard(files)?.explain(&request, now).1)
}

/// What a configuration makes of the token.
struct Verdict<'d> {
    /// Why the token is refused, if it is: code and reason.
    refused: Option<(&'d str, &'d str)>,
    document: &'d Object<'d>,
}

impl<'d> Verdict<'d> {
    /// A refusal for what the request asks is none of the token.
    fn read(document: &'d Object<'d>) -> Self {
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let of_the_token = matches!(text("stage"), Some("load" | "request" | "token" | "identity" | "proof"));
        let reason = text("reason_admin").unwrap_or_default();
        let refused = text("code").filter(|_| of_the_token).map(|code| (code, reason));
        Self { refused, document }
    }
}

fn as_json(jws: &Jws<'_>, verdict: Option<&Verdict<'_>>) -> String {
    let mut w = Writer::default();
    w.object(|w| {
        w.key("verified").bool(verdict.is_some_and(|verdict| verdict.refused.is_none()));
        w.key("code").string_or_null(verdict.and_then(|verdict| verdict.refused).map(|(code, _)| code));
        w.key("reason").string_or_null(verdict.and_then(|verdict| verdict.refused).map(|(_, reason)| reason));
        match verdict.and_then(|verdict| verdict.document.get("who")) {
            Some(who) => w.key("who").value(who),
            None => w.key("who").null(),
        }
        w.key("header").object(|w| members(w, jws.header().members()));
        w.key("claims").object(|w| members(w, jws.claims()));
    });
    format!("{}\n", w.finish())
}

fn members(w: &mut Writer, object: &Object<'_>) {
    for (name, value) in object.iter() {
        w.key(name).value(value);
    }
}

fn for_a_person(jws: &Jws<'_>, verdict: Option<&Verdict<'_>>, paint: Paint) -> String {
    let mut out = match verdict {
        None => format!(
            "{}: nothing here is checked; anybody can write such a token. Add --config FILE to verify it.\n",
            paint.red("UNVERIFIED")
        ),
        Some(Verdict { refused: Some((code, reason)), .. }) => {
            format!("{} {}: {}\n", paint.red("REFUSED"), paint.bold(code), safe(reason))
        }
        Some(Verdict { refused: None, document }) => {
            let who = document.get("who").map(who::line).unwrap_or_default();
            format!("{} {who}\n{}", paint.green("verified"), who::facts(document, paint))
        }
    };
    for (title, object) in [("header", jws.header().members()), ("claims", jws.claims())] {
        out.push_str(&format!("\n{title}\n"));
        for (name, value) in object.iter() {
            out.push_str(&format!("  {} {}\n", paint.dim(&format!("{:<15}", safe(name))), who::plain(value)));
        }
    }
    out
}
