//! Installs what the other commands need, if it is not there: into `target/` and `node_modules/` wherever that is
//! possible.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell::{command, read, root, run, step, works};

/// Everything.
pub fn all() -> Result<()> {
    node()?;
    wasm_target()?;
    npm("js")?;
    Ok(())
}

/// Node 20.19 is the first that can `require` an ES module.
pub fn node() -> Result<()> {
    let found = read(command("node").arg("--version"))
        .context("Node 20.19 or newer is needed: https://nodejs.org")?;
    let mut parts =
        found.trim().trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if version < (20, 19) {
        bail!("Node 20.19 or newer is needed, this is {}", found.trim());
    }
    Ok(())
}

/// The standard library for `wasm32-unknown-unknown`.
pub fn wasm_target() -> Result<()> {
    let sysroot = read(command("rustc").args(["--print", "sysroot"]))?;
    if Path::new(sysroot.trim()).join("lib/rustlib/wasm32-unknown-unknown").is_dir() {
        return Ok(());
    }
    step("setup: the wasm32-unknown-unknown target");
    run(command("rustup").args(["target", "add", "wasm32-unknown-unknown"]))
}

/// The npm packages that a folder's lock file names; gives the folder.
pub fn npm(folder: &str) -> Result<PathBuf> {
    let folder = root().join(folder);
    let lock = folder.join("package-lock.json");
    let installed = folder.join("node_modules/.package-lock.json");
    if newer(&lock, &installed) {
        step(&format!("setup: npm packages of {}", folder.display()));
        run(command(npm_program()).current_dir(&folder).args([
            "ci",
            "--no-fund",
            "--no-audit",
            "--loglevel=error",
        ]))?;
    }
    Ok(folder)
}

/// npm is a script with an ending of its own on Windows.
pub fn npm_program() -> &'static str {
    if cfg!(windows) { "npm.cmd" } else { "npm" }
}

/// Whether `what` has changed since `than` was written, or `than` is not there.
fn newer(what: &Path, than: &Path) -> bool {
    let time = |path: &Path| path.metadata().and_then(|data| data.modified());
    match (time(what), time(than)) {
        (Ok(what), Ok(than)) => what > than,
        _ => true,
    }
}

/// Whether a program is on this machine.
#[allow(dead_code)]
pub fn has(program: &str) -> bool {
    works(program, &["--version"])
}
