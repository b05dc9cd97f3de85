//! `actfor audit`: checks a log of decisions, and writes it in other forms.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use actfor::audit::{self, Chain, Head};
use actfor::json::Writer;
use lexopt::prelude::*;

use crate::configuration;
use crate::export::{self, Form};
use crate::failure::Failure;
use crate::output;

const HELP: &str = "\
actfor audit: check a log of decisions (`actfor check --audit FILE`, or a host's own), or write it in another form.

  actfor audit verify FILE [--head CHAIN:SEQ:DIGEST]… [--json]
      whether every record is there, unchanged and in order; prints where each chain ends. A log proves its order, and
      not that nobody wrote it anew: keep heads elsewhere from time to time, and give them here.
  actfor audit export --to ocsf|otel FILE
      the same decisions for other tools, one JSON document a line: `ocsf` events of class API Activity (OCSF 1.9,
      profile ai_operation), or `otel` log records (OTLP JSON, as the Collector's otlpjsonfile receiver reads them).
      A log that does not hold is not exported.

Exit codes: 0 it holds, 1 it does not, 2 wrong usage or a file that cannot be read.
";

/// Runs the command.
pub fn run(parser: &mut lexopt::Parser) -> Result<ExitCode, Failure> {
    match parser.next()? {
        Some(Value(command)) if command == "verify" => verify(parser),
        Some(Value(command)) if command == "export" => write_as(parser),
        Some(Short('h') | Long("help")) => output::text(HELP),
        Some(Value(_)) | None => Err(Failure::usage("write `actfor audit verify` or `actfor audit export`")),
        Some(other) => Err(other.unexpected().into()),
    }
}

fn verify(parser: &mut lexopt::Parser) -> Result<ExitCode, Failure> {
    let (mut file, mut heads, mut json) = (None, Vec::new(), false);
    while let Some(arg) = parser.next()? {
        match arg {
            Value(path) if file.is_none() => file = Some(PathBuf::from(path)),
            Long("head") => {
                let head: Result<Head, _> = parser.value()?.string()?.parse();
                heads.push(head.map_err(|error| Failure::usage(error.to_string()))?);
            }
            Long("json") => json = true,
            Short('h') | Long("help") => return output::text(HELP),
            other => return Err(other.unexpected().into()),
        }
    }
    let log = read(file.as_deref())?;
    let outcome = audit::verify(&log, &heads);
    if json {
        let mut w = Writer::default();
        w.object(|w| {
            w.key("holds").bool(outcome.is_ok());
            let report = outcome.as_ref().ok();
            let records = report.map_or(0, |report| report.records);
            w.key("records").number(u64::try_from(records).unwrap_or(u64::MAX));
            w.key("heads").array(|w| {
                report.into_iter().flat_map(|r| &r.heads).for_each(|head| w.string(&head.to_string()));
            });
            w.key("error").string_or_null(outcome.as_ref().err().map(ToString::to_string).as_deref());
        });
        output::text(&format!("{}\n", w.finish()))?;
    }
    match outcome {
        Err(error) => {
            if !json {
                output::text(&format!("does not hold: {}\n", output::safe(&error.to_string())))?;
            }
            Ok(ExitCode::from(1))
        }
        Ok(report) => {
            if !json {
                let mut text = format!("holds: {} records\n", report.records);
                for head in &report.heads {
                    text.push_str(&format!("  head {}\n", output::safe(&head.to_string())));
                }
                if heads.is_empty() {
                    text.push_str(
                        "without a head that was kept elsewhere (--head) this proves order, not honesty\n",
                    );
                }
                output::text(&text)?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn write_as(parser: &mut lexopt::Parser) -> Result<ExitCode, Failure> {
    let (mut file, mut form) = (None, None);
    while let Some(arg) = parser.next()? {
        match arg {
            Value(path) if file.is_none() => file = Some(PathBuf::from(path)),
            Long("to") => {
                form = match parser.value()?.to_str() {
                    Some("ocsf") => Some(Form::Ocsf),
                    Some("otel") => Some(Form::OpenTelemetry),
                    _ => return Err(Failure::usage("write `--to ocsf` or `--to otel`")),
                };
            }
            Short('h') | Long("help") => return output::text(HELP),
            other => return Err(other.unexpected().into()),
        }
    }
    let form = form.ok_or_else(|| Failure::usage("which form? write `--to ocsf` or `--to otel`"))?;
    let log = read(file.as_deref())?;
    if let Err(error) = audit::verify(&log, &[]) {
        output::complain(&format!("does not hold: {}\n", output::safe(&error.to_string())));
        return Ok(ExitCode::from(1));
    }
    for record in log.lines() {
        output::text(&format!("{}\n", export::record(record, form)?))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: Option<&Path>) -> Result<String, Failure> {
    configuration::text(file.ok_or_else(|| Failure::usage("which log? write its file"))?)
}

/// Appends the record of a decision to a log, behind what is there. One writer at a time: others wait.
pub fn append(path: &Path, document: &str) -> Result<(), Failure> {
    let fails = |error: std::io::Error| Failure::file(path, format!("the decision is not recorded: {error}"));
    let mut file = File::options().read(true).append(true).create(true).open(path).map_err(fails)?;
    file.lock().map_err(fails)?;
    let mut chain = match last_line(&mut file).map_err(fails)? {
        None => Chain::new(&new_chain()?),
        Some(line) => {
            let head = line.strip_suffix('\n').ok_or("its last line has no end: a record was cut off".into());
            let head = head.and_then(|line| Head::of(line).map_err(|error| error.to_string()));
            Chain::resume(head.map_err(|error| {
                Failure::file(path, format!("nothing is appended to a log that does not hold: {error}"))
            })?)
        }
    };
    let record = chain.append(document).map_err(|error| Failure::file(path, error))?;
    file.write_all(format!("{record}\n").as_bytes()).and_then(|()| file.sync_data()).map_err(fails)
}

/// A name that no chain had before.
fn new_chain() -> Result<String, Failure> {
    let number =
        getrandom::u64().map_err(|error| Failure::usage(format!("no source of randomness: {error}")))?;
    Ok(format!("actfor-{number:016x}"))
}

/// The last line with its end, if there is one.
fn last_line(file: &mut File) -> std::io::Result<Option<String>> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut wanted = 65_536;
    loop {
        let start = length.saturating_sub(wanted);
        file.seek(SeekFrom::Start(start))?;
        let mut end = Vec::new();
        (&*file).take(wanted).read_to_end(&mut end)?;
        let last = end.len().saturating_sub(1);
        let before = end.get(..last).unwrap_or_default().iter().rposition(|byte| *byte == b'\n');
        let line = match before {
            Some(at) => end.get(at.saturating_add(1)..),
            None if start == 0 => Some(end.as_slice()),
            None => None,
        };
        if let Some(line) = line {
            return Ok((!line.is_empty()).then(|| String::from_utf8_lossy(line).into_owned()));
        }
        wanted = wanted.saturating_mul(16);
    }
}
