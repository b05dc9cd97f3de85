//! The Envoy filter: how it is built, tested in the real Envoy, shown and measured.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::wasm::{compile, optimise};

const TARGET: &str = "wasm32-unknown-unknown";
const FILTER: &str = "dist/envoy/actfor.wasm";

/// Builds the filter into `dist/envoy/actfor.wasm`.
///
/// # Errors
/// What did not build, in one line.
pub fn build() -> Result<(), String> {
    eprintln!("envoy: building {FILTER}");
    let root = root();
    let filter = root.join(FILTER);
    parent(&filter)?;
    let built = compile("actfor-envoy").and_then(|compiled| optimise(&compiled, &filter));
    built.map_err(|error| format!("{error:#}"))
}

/// Tests the filter: its logic natively, then the built filter in the real Envoy.
///
/// # Errors
/// The first part that failed.
pub fn test() -> Result<(), String> {
    let root = root();
    run(cargo(&root).args(["test", "--quiet", "-p", "actfor-envoy"]))?;
    build()?;
    build_clock(&root)?;
    eprintln!("envoy: asking the filter in the real Envoy");
    let mut node = Command::new("node");
    node.current_dir(&root)
        .args(["--test", "--test-concurrency=1"])
        .args(files(&root.join("tests/envoy"), ".test.mjs")?);
    run(&mut node)
}

/// The four patterns as Envoy decides them: one JSON object a line, for the table of `demo`.
///
/// # Errors
/// Why there are none.
pub fn demo_rows() -> Result<String, String> {
    let root = root();
    build()?;
    build_clock(&root)?;
    output(Command::new("node").current_dir(&root).arg("tests/envoy/demo.mjs"))
}

/// Measures the filter beside its peers, with wrk; the arguments go to `tests/bench/envoy.mjs`.
///
/// # Errors
/// What did not run.
pub fn bench(args: &[String]) -> Result<(), String> {
    let root = root();
    build()?;
    run(cargo(&root).args([
        "build",
        "--release",
        "--target",
        TARGET,
        "-p",
        "actfor-envoy",
        "--example",
        "empty",
    ]))?;
    run(Command::new("node").current_dir(&root).arg("tests/bench/envoy.mjs").args(args))
}

/// The clock that stands still, loaded into Envoy so that the fixtures' times hold.
fn build_clock(root: &Path) -> Result<(), String> {
    let library = root.join("target/envoy/libclock.so");
    parent(&library)?;
    let mut rustc = Command::new("rustc");
    rustc.current_dir(root).args(["--edition", "2024", "--crate-type", "cdylib", "-O", "-o"]);
    run(rustc.arg(&library).arg("tests/envoy/clock.rs"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_owned).unwrap_or_default()
}

fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}

fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|e| said(folder, &e))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(ending));
    files.sort();
    if files.is_empty() { Err(format!("{}: no file ends in {ending}", folder.display())) } else { Ok(files) }
}

fn parent(path: &Path) -> Result<(), String> {
    path.parent().map_or(Ok(()), |folder| fs::create_dir_all(folder).map_err(|e| said(folder, &e)))
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(e) => Err(format!("{command:?}: {e}")),
    }
}

fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|e| format!("{command:?}: {e}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|e| format!("{command:?}: {e}"))
}

fn said(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
