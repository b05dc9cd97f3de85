//! `actfor fmt`: lays out rule files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use actfor::policy;
use lexopt::prelude::*;

use crate::configuration;
use crate::failure::Failure;
use crate::output;

const HELP: &str = "\
actfor fmt: lay out rule files, in place.

  actfor fmt FILE…    write each file anew, if that changes it; - is standard input, written to standard output
  --check             change nothing; name the files that are not laid out

Only white space changes. Exit codes: 0 done, 1 a file is not laid out (--check), 2 a file is not a rule file.
";

/// Runs the command.
pub fn run(parser: &mut lexopt::Parser) -> Result<ExitCode, Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut check = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Value(file) => files.push(file.into()),
            Long("check") => check = true,
            Short('h') | Long("help") => return output::text(HELP),
            other => return Err(other.unexpected().into()),
        }
    }
    if files.is_empty() {
        return Err(Failure::usage("which file? write `actfor fmt FILE`"));
    }
    let mut differ = false;
    for file in &files {
        let text = configuration::text(file)?;
        let formatted = formatted(file, &text)?;
        if check {
            if formatted != text {
                differ = true;
                output::text(&format!("{}\n", file.display()))?;
            }
        } else if file.as_os_str() == "-" {
            output::text(&formatted)?;
        } else if formatted != text {
            std::fs::write(file, formatted).map_err(|error| Failure::file(file, error))?;
        }
    }
    Ok(ExitCode::from(u8::from(differ)))
}

fn formatted(file: &Path, text: &str) -> Result<String, Failure> {
    policy::format(text).map_err(|mut error| {
        error.at.file = file.display().to_string();
        Failure::from(actfor::ConfigError::from(error))
    })
}
