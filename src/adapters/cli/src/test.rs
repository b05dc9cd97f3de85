//! `actfor test`: runs the tests of a model or a policy.

use std::path::PathBuf;
use std::process::ExitCode;

use actfor::json::Writer;
use actfor_store::{Failure as Failed, Report, TestReport};
use lexopt::prelude::*;

use crate::failure::Failure;
use crate::output::{self, Paint, safe};

const HELP: &str = "\
actfor test FILE...: run the tests of a model or a policy.

A FILE is an OpenFGA store file (.fga.yaml) as it is: a model or the file that holds it, tuples or the files that hold
them (.json, .jsonl, .yaml, .csv), and tests with `check`, `list_objects` and `list_users`. With a `config`, a `policy`
and `tokens` beside them, its tests also have `requests`, each with the decision that is expected.

  --coverage   what the requests did to each rule; a rule that is never hit, or never missed, fails
  --json       what became of every file, for machines

Exit codes: 0 everything holds, 1 something does not, 2 wrong usage, or a file cannot be read.
";

/// What became of one file.
type Outcome = (PathBuf, Result<Report, String>);

/// Runs the command.
pub fn run(parser: &mut lexopt::Parser) -> Result<ExitCode, Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    let (mut json, mut coverage) = (false, false);
    while let Some(arg) = parser.next()? {
        match arg {
            Value(file) => files.push(file.into()),
            Long("coverage") => coverage = true,
            Long("json") => json = true,
            Short('h') | Long("help") => return output::text(HELP),
            other => return Err(other.unexpected().into()),
        }
    }
    if files.is_empty() {
        return Err(Failure::usage("which file? write `actfor test store.fga.yaml`").in_json(json));
    }
    let outcome = |file: PathBuf| {
        let report = actfor_store::run(&file).map_err(|error| error.to_string());
        let covering = |report: Report| Report { must_cover: report.must_cover || coverage, ..report };
        (file, report.map(covering))
    };
    let outcomes: Vec<Outcome> = files.into_iter().map(outcome).collect();
    let code = exit_code(&outcomes);
    let paint = Paint::for_stdout();
    output::text(&if json { machine(&outcomes, code == 0) } else { human(&outcomes, coverage, paint) })?;
    Ok(ExitCode::from(code))
}

/// A run in which nothing was tested has not passed.
fn exit_code(outcomes: &[Outcome]) -> u8 {
    let reports = || outcomes.iter().filter_map(|(_, report)| report.as_ref().ok());
    if reports().count() < outcomes.len() {
        return 2;
    }
    u8::from(reports().any(|report| !report.passed()) || reports().all(|report| report.count().1 == 0))
}

fn machine(outcomes: &[Outcome], passed: bool) -> String {
    let mut writer = Writer::default();
    writer.object(|w| {
        w.key("passed").bool(passed);
        w.key("files").array(|w| {
            for (file, report) in outcomes {
                match report {
                    Ok(report) => report.write(w),
                    Err(message) => w.object(|w| {
                        w.key("file").string(&file.display().to_string());
                        w.key("passed").bool(false);
                        w.key("error").string(message);
                    }),
                }
            }
        });
    });
    writer.finish() + "\n"
}

fn human(outcomes: &[Outcome], coverage: bool, paint: Paint) -> String {
    let mut out = String::new();
    let (mut tests, mut failed, mut held, mut all, mut errors, mut uncovered) =
        (0_usize, 0_usize, 0_usize, 0_usize, 0_usize, 0_usize);
    for (file, report) in outcomes {
        out.push_str(&format!("{}\n", paint.bold(&safe(&file.display().to_string()))));
        match report {
            Err(message) => {
                errors = errors.saturating_add(1);
                out.push_str(&format!("  {} {}\n", paint.red("error"), safe(message)));
            }
            Ok(report) => {
                for warning in &report.warnings {
                    out.push_str(&format!("  {} {}\n", paint.bold("warning"), safe(warning)));
                }
                if report.tests.is_empty() {
                    out.push_str(&format!("  {}\n", paint.dim("there are no tests in it")));
                }
                report.tests.iter().for_each(|test| out.push_str(&one(test, paint)));
                out.push_str(&covered(report, coverage, paint));
                if report.must_cover {
                    uncovered = uncovered.saturating_add(report.uncovered().count());
                }
                let count = report.count();
                held = held.saturating_add(count.0);
                all = all.saturating_add(count.1);
                tests = tests.saturating_add(report.tests.len());
                failed = failed.saturating_add(report.tests.iter().filter(|test| !test.passed()).count());
            }
        }
        out.push('\n');
    }
    let summary = match (errors, failed) {
        (0, 0) if all == 0 => paint.red("nothing was tested"),
        (0, 0) if uncovered > 0 => paint.red(&format!("{} not covered", number(uncovered, "rule"))),
        (0, 0) => paint.green(&format!("{} passed", number(tests, "test"))),
        (0, _) => paint.red(&format!("{failed} of {} failed", number(tests, "test"))),
        _ => paint.red(&format!(
            "{} cannot be used, {failed} of {} failed",
            number(errors, "file"),
            number(tests, "test")
        )),
    };
    out.push_str(&format!("{summary}, {held} of {} held\n", number(all, "assertion")));
    out
}

fn number(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// One test: a line, and what failed.
fn one(test: &TestReport, paint: Paint) -> String {
    let mark = if test.passed() { paint.green("✓") } else { paint.red("✗") };
    let counts = test.counts.iter().map(|count| format!("{} {}/{}", count.what, count.passed, count.all));
    let counts = counts.collect::<Vec<_>>().join(", ");
    let counts = if counts.is_empty() { "asserts nothing".to_owned() } else { counts };
    let mut out = format!("  {mark} {}  {}\n", safe(&test.name), paint.dim(&counts));
    test.failures.iter().for_each(|failure| out.push_str(&failed(failure, paint)));
    out
}

/// What the requests did to the rules: all of it, or what they do not show.
fn covered(report: &Report, everything: bool, paint: Paint) -> String {
    if report.rules.is_empty() {
        return String::new();
    }
    let lacking = report.uncovered().count();
    let seen = report.rules.len().saturating_sub(lacking);
    let mark = match (lacking, report.must_cover) {
        (0, _) => paint.green("✓"),
        (_, true) => paint.red("✗"),
        (_, false) => paint.bold("!"),
    };
    let mut out =
        format!("  {mark} rules  {}\n", paint.dim(&format!("hit and missed {seen}/{}", report.rules.len())));
    let width = report.rules.iter().map(|rule| rule.id.chars().count()).max().unwrap_or_default();
    for rule in report.rules.iter().filter(|rule| everything || rule.lacks().is_some()) {
        let lacks = rule.lacks().map_or(String::new(), |lacks| format!("  {}", paint.red(lacks)));
        let row = format!("{:<width$}  {:<7}  line {:<3}", safe(&rule.id), rule.effect, rule.line);
        out.push_str(&format!("      {row}  {} hit, {} missed{lacks}\n", rule.hit, rule.missed));
    }
    out
}

fn failed(failure: &Failed, paint: Paint) -> String {
    let mut out = format!("      {}\n", paint.bold(&safe(&failure.question)));
    let mut row = |name: &str, value: &str| {
        out.push_str(&format!("        {} {}\n", paint.dim(&format!("{name:<8}")), safe(value)));
    };
    row("expected", &failure.expected);
    row("got", &failure.got);
    for (at, line) in failure.because.iter().enumerate() {
        row(if at == 0 { "because" } else { "" }, line);
    }
    out
}
