//! The packed tarball in every runtime and bundler, and the table of them in the package's README.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::shell::{command, root, run, step};
use crate::{browser, node, npm, setup};

/// Installs the tarball like a user does and runs `tests/bundlers` on it.
pub fn test() -> Result<()> {
    tried(&[])
}

/// The same, and writes what worked, and what is in the tarball, into the README of the package.
pub fn matrix() -> Result<()> {
    tried(&[("ACTFOR_WRITE_MATRIX", "1")])
}

fn tried(more: &[(&str, &str)]) -> Result<()> {
    setup::chromium()?;
    let Some(chromium) = browser::chromium()? else { return Ok(()) };
    setup::npm("tests/bundlers")?;
    let place = install()?;
    step("bundlers: the packed tarball in every runtime and bundler");
    run(command("node")
        .current_dir(root().join("tests/bundlers"))
        .args(["--test", "--test-reporter=spec", "bundlers.test.mjs"])
        .envs([("ACTFOR_CHROMIUM", chromium.as_str()), ("ACTFOR_PLACE", &place.to_string_lossy())])
        .envs(more.iter().copied()))
}

/// An empty project with the tarball in it, and the programs and pages beside it.
fn install() -> Result<PathBuf> {
    let place = node::install(&npm::build()?, "target/bundlers")?;
    let tests = root().join("tests");
    for file in fs::read_dir(tests.join("bundlers/app"))?.flatten() {
        fs::copy(file.path(), place.join(file.file_name()))?;
    }
    fs::copy(tests.join("node/vectors.mjs"), place.join("vectors.mjs")).context("tests/node/vectors.mjs")?;
    Ok(place)
}
