//! Runs the command, on the running examples.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use actfor::json::{self, Limits};

pub fn patterns() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/vectors/patterns")
}

/// A file of the running examples.
pub fn file(name: &str) -> String {
    patterns().join(name).display().to_string()
}

pub fn actfor(args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_actfor"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have gone already, having refused its arguments.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

/// Asks for a `GET` with a token of the running examples, in the second in which they are made.
pub fn check(name: &str, policy: &[&str], more: &[&str]) -> Output {
    let (config, header) = (file("config.json"), format!("Authorization: Bearer {}", token(name)));
    let base = ["check", "--config", &config, "--method", "GET", "-H", &header, "--now", "1795000060"];
    actfor(&[&base[..], policy, more].concat(), "")
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn token(name: &str) -> String {
    let bytes = fs::read(patterns().join("tokens.json")).unwrap();
    let parsed = json::parse(&bytes, &Limits::CONFIG).unwrap();
    let token = parsed.as_object().unwrap().get(name).unwrap().as_object().unwrap().get("token").unwrap();
    token.as_str().unwrap().to_owned()
}
