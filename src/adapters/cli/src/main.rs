//! The command `actfor`: decides requests from the command line, and all that goes with rules, tokens and logs.
//!
//! Exit codes: 0 allowed (or done), 1 refused (or a test fails), 2 wrong usage, configuration or input.

mod audit;
mod check;
mod compile;
mod configuration;
mod explain;
mod export;
mod failure;
mod fmt;
mod inspect;
mod mint;
mod output;
mod request;
mod test;
mod who;

use std::process::ExitCode;

use failure::Failure;
use lexopt::prelude::*;

const HELP: &str = "\
actfor: who is really making this request, and on whose behalf? Then it decides.

  actfor audit    check a log of decisions, or write it in another form
  actfor check    decide one request
  actfor compile  compile rules, models and tuples into a pack
  actfor fmt      lay out rule files
  actfor inspect  show what a token says, and who that would be
  actfor mint     make development keys and tokens; never for production
  actfor test     run the tests in OpenFGA store files

`actfor COMMAND --help` says more.
Exit codes: 0 allowed or done, 1 refused (or a test fails), 2 wrong usage, configuration or input.
";

fn main() -> ExitCode {
    let mut parser = lexopt::Parser::from_env();
    match run(&mut parser) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn run(parser: &mut lexopt::Parser) -> Result<ExitCode, Failure> {
    match parser.next()? {
        Some(Value(command)) => match command.to_str() {
            Some("audit") => audit::run(parser),
            Some("check") => check::run(parser),
            Some("compile") => compile::run(parser),
            Some("fmt") => fmt::run(parser),
            Some("inspect") => inspect::run(parser),
            Some("mint") => mint::run(parser),
            Some("test") => test::run(parser),
            _ => Err(Failure::usage(format!(
                "there is no command {}; `actfor --help` lists them",
                actfor::quote(&command.to_string_lossy())
            ))),
        },
        Some(Short('h') | Long("help")) => output::text(HELP),
        Some(Short('V') | Long("version")) => {
            output::text(concat!("actfor ", env!("CARGO_PKG_VERSION"), "\n"))
        }
        Some(other) => Err(other.unexpected().into()),
        None => Err(Failure::usage("which command? `actfor --help` lists them")),
    }
}
