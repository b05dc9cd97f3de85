//! Running programs, with progress a person can follow.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// The root of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Says what is going on now.
pub fn step(what: &str) {
    eprintln!("\n── {what}");
}

/// Whether this runs where nothing may be left out.
pub fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// A program to be run at the root of the workspace.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Runs a program; its output goes where ours goes. Fails if it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    eprintln!("   {shown}");
    let start = Instant::now();
    let status = command.status().with_context(|| format!("could not start {shown}"))?;
    if !status.success() {
        bail!("failed ({status}): {shown}");
    }
    let seconds = start.elapsed().as_secs();
    if seconds >= 5 {
        eprintln!("   {seconds} s");
    }
    Ok(())
}

/// Runs a program, shows what it writes and gives it back; what it complains about is shown.
pub fn tee(command: &mut Command) -> Result<(ExitStatus, String)> {
    let shown = show(command);
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("could not start {shown}"))?;
    let mut text = String::new();
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            println!("{line}");
            text.push_str(&line);
            text.push('\n');
        }
    }
    Ok((child.wait()?, text))
}

/// Runs a program and gives what it wrote; what it complains about is shown. Fails if it fails.
pub fn read(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("could not start {shown}"))?;
    if !output.status.success() {
        bail!("failed ({}): {shown}\n{}", output.status, String::from_utf8_lossy(&output.stdout));
    }
    String::from_utf8(output.stdout).with_context(|| format!("not UTF-8: the output of {shown}"))
}

fn show(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    let root = format!("{}/", root().display());
    let mut line = words.join(" ").replace(&root, "");
    if let Some((at, _)) = line.char_indices().nth(160) {
        line.truncate(at);
        line.push('…');
    }
    line
}
