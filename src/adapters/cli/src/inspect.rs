//! `actfor inspect`: what a token says; with a configuration, whether it holds and who that would be.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use actfor::identity::dialect::Dialect;
use actfor::jose::{Jws, JwsLimits};
use actfor::json::{self, Limits, Object, Value};
use actfor::token::Introspection;
use actfor::{Request, Timestamp};
use lexopt::prelude::*;

use crate::configuration::{Files, read, text};
use crate::failure::Failure;
use crate::output::{self, Paint, safe};
use crate::request::Asked;
use crate::{check, request, who};

const HELP: &str = "\
actfor inspect TOKEN: show what a token says. - reads it from standard input.

  --config FILE         verify it with this configuration (JSON), and show who that would be
  --policy FILE         rules instead of the document's own
  --tuples FILE         tuples instead of the document's own
  -H 'NAME: VALUE'      what is sent along: `Agent-Context`, `Agent-Chain`
  --introspection FILE  what the issuer answered about the token
  --revoked FILE        the list of what is revoked (JSON)
  --status FILE         a status list (JWT)
  --dialect NAME        without --config: how the issuer writes; otherwise it is guessed, for showing only
  --now SECONDS         the time, in seconds since 1970-01-01 UTC; default: now
  --json                as JSON

Without --config nothing is verified: anybody can write such a token.
Exit codes: 0 shown, 1 the configuration refuses the token, 2 wrong usage, configuration or input.
";

/// Runs the command.
pub fn run(parser: &mut lexopt::Parser) -> Result<ExitCode, Failure> {
    let mut files = Files::default();
    let mut asked = Asked::default();
    let mut introspection: Option<PathBuf> = None;
    let (mut token, mut dialect) = (None, None);
    let mut now = request::now();
    let mut json = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Value(value) if token.is_none() => token = Some(value.string()?),
            Long("config") => files.config = Some(parser.value()?.into()),
            Long("policy") => files.policy = Some(parser.value()?.into()),
            Long("tuples") => files.tuples = Some(parser.value()?.into()),
            Long("revoked") => files.revoked = Some(parser.value()?.into()),
            Long("status") => files.status.push(parser.value()?.into()),
            Short('H') | Long("header") => asked.header(&parser.value()?.string()?)?,
            Long("introspection") => introspection = Some(parser.value()?.into()),
            Long("dialect") => dialect = Some(named(&parser.value()?.string()?)?),
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
    if dialect.is_some() && files.config.is_some() {
        return Err(Failure::usage("--config names the dialect; leave --dialect out"));
    }
    let answer = introspection.as_deref().map(read).transpose()?;
    let document = document(token.trim(), &files, dialect, &asked, answer.as_deref(), now)
        .map_err(|failure| failure.in_json(json))?;
    let parsed = json::parse(document.as_bytes(), &Limits::CONFIG)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let empty = Object::default();
    let members = parsed.as_object().unwrap_or(&empty);
    let shown = if json { format!("{document}\n") } else { for_a_person(members, Paint::for_stdout()) };
    output::text(&shown)?;
    let refused = files.config.is_some() && members.get("code").is_some_and(|code| *code != Value::Null);
    Ok(ExitCode::from(u8::from(refused)))
}

fn named(name: &str) -> Result<Dialect, Failure> {
    Dialect::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.as_str()).collect();
        Failure::usage(format!("{} is not a dialect; known are {}", actfor::quote(name), known.join(", ")))
    })
}

fn document(
    token: &str,
    files: &Files,
    dialect: Option<Dialect>,
    asked: &Asked,
    answer: Option<&[u8]>,
    now: Option<Timestamp>,
) -> Result<String, Failure> {
    if files.config.is_none() {
        Jws::parse(token, &JwsLimits::DEFAULT)
            .map_err(|refusal| Failure::coded(refusal.code, &refusal.detail))?;
        return Ok(actfor::inspect(token, dialect));
    }
    let headers = asked.fields();
    let introspection = answer.map(|response| Introspection { token, response });
    let request = Request { headers: &headers, introspection, ..Request::default() };
    Ok(check::guard(files, now)?.inspect(token, &request, now))
}

fn for_a_person(members: &Object<'_>, paint: Paint) -> String {
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(safe);
    let verified = members.get("verified").and_then(Value::as_bool) == Some(true);
    let refusal = text("code").zip(text("reason"));
    let mut out = String::new();
    if !verified {
        let warning =
            "nothing here is checked; anybody can write such a token. Add --config FILE to verify it.";
        out.push_str(&format!("{}: {warning}\n", paint.red("UNVERIFIED")));
    }
    match (refusal, verified) {
        (None, false) => {}
        (None, true) => out.push_str(&format!("{}\n", paint.green("verified"))),
        (Some((code, reason)), _) => {
            out.push_str(&format!("{} {}: {reason}\n", paint.red("REFUSED"), paint.bold(&code)));
        }
    }
    if let Some((dialect, from)) = text("dialect").zip(text("dialect_from")) {
        let from = if from == "guess" { "a guess; a guard never guesses".to_owned() } else { from };
        out.push_str(&format!("{} {dialect} {}\n", paint.dim("dialect"), paint.dim(&format!("({from})"))));
    }
    for name in members.get("needs_proof").and_then(Value::as_array).unwrap_or_default() {
        let name = safe(name.as_str().unwrap_or_default());
        out.push_str(&format!("{} {name}, which is not asked for here\n", paint.dim("proof  ")));
    }
    let who = members.get("who").or(members.get("claims_to_be")).and_then(Value::as_object);
    if let Some(who) = who {
        out.push_str(&format!("\n{}", who::drawn(who, paint)));
    }
    out.push_str(&silence(members, paint));
    for title in ["header", "claims"] {
        let Some(object) = members.get(title).and_then(Value::as_object) else { continue };
        out.push_str(&format!("\n{}\n", paint.bold(title)));
        for (name, value) in object.iter() {
            out.push_str(&format!("  {} {}\n", paint.dim(&format!("{:<15}", safe(name))), who::plain(value)));
        }
    }
    out
}

/// What the dialect has no member for, and what supplies it.
fn silence(members: &Object<'_>, paint: Paint) -> String {
    let all = members.get("cannot_say").and_then(Value::as_array).unwrap_or_default();
    if all.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", paint.bold("what this dialect cannot say"));
    for need in all.iter().filter_map(Value::as_object) {
        let part = |name: &str| need.get(name).and_then(Value::as_str).map(safe).unwrap_or_default();
        out.push_str(&format!(
            "  {} {}: {}\n",
            paint.dim(&format!("{:<12}", part("pattern"))),
            part("fact"),
            part("without")
        ));
        match need.get("supply").and_then(Value::as_str) {
            Some(line) => out.push_str(&format!("               {} {}\n", paint.green("supply"), safe(line))),
            None => out.push_str(&format!(
                "               {}\n",
                paint.dim("nothing in the configuration supplies it")
            )),
        }
    }
    out
}
