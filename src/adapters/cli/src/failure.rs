//! What stops a command before it has an answer.

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

use actfor::json::Writer;
use actfor::{Code, ConfigError, Position};

use crate::output;

/// Wrong usage, configuration or input.
pub struct Failure {
    code: &'static str,
    path: String,
    message: String,
    position: Option<Box<Position>>,
    json: bool,
}

impl Failure {
    /// The command line is not understood.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: "usage", path: String::new(), message: message.into(), position: None, json: false }
    }

    /// The input is refused with a code of its own.
    pub fn coded(code: Code, message: &str) -> Self {
        Self {
            code: code.as_str(),
            path: String::new(),
            message: message.into(),
            position: None,
            json: false,
        }
    }

    /// A file cannot be read, or is not what it should be.
    pub fn file(path: &Path, message: impl Display) -> Self {
        let message = format!("{}: {message}", path.display());
        Self { code: "file", path: String::new(), message, position: None, json: false }
    }

    /// Reports as JSON.
    pub fn in_json(mut self, json: bool) -> Self {
        self.json = json;
        self
    }

    /// Says what is wrong; the exit code is 2.
    pub fn report(self) -> ExitCode {
        if self.json {
            let mut w = Writer::default();
            w.object(|w| {
                w.key("error").object(|w| {
                    w.key("code").string(self.code);
                    w.key("path").string(&self.path);
                    w.key("message").string(&self.message);
                    match &self.position {
                        None => w.key("position").null(),
                        Some(at) => w.key("position").object(|w| {
                            w.key("file").string(&at.file);
                            w.key("line").number(at.line.into());
                            w.key("column").number(at.column.into());
                            w.key("symbol").string(&at.symbol);
                        }),
                    }
                });
            });
            // Broken or not, standard output has said all that it can; the exit code stays.
            let _ = output::text(&format!("{}\n", w.finish()));
        } else {
            output::complain(&format!("error: {}\n", self.message));
            if self.code != "usage" && self.code != "file" {
                output::complain(&format!("code: {}\n", self.code));
            }
        }
        ExitCode::from(2)
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let message = error.to_string();
        Self {
            code: error.code.as_str(),
            path: error.path,
            message,
            position: error.position.map(Box::new),
            json: false,
        }
    }
}
