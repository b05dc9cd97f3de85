//! wasm-opt, as npm has it.

use std::path::Path;

use anyhow::Result;

use crate::setup;
use crate::shell::{command, run};

/// Writes a smaller and quicker module, without names.
///
/// A function that has one caller stays one unless it is small: hosts compile a function when it is first called, and
/// one of 50 KB took a start 8 ms, and a core beside it 290 ms to optimise.
pub fn optimise(from: &Path, to: &Path) -> Result<()> {
    setup::node()?;
    setup::npm("js")?;
    run(command("node")
        .arg("js/node_modules/binaryen/bin/wasm-opt")
        .args([
            "-O3",
            "--one-caller-inline-max-function-size=200",
            "--strip-debug",
            "--strip-producers",
            "-o",
        ])
        .args([to, from]))
}
