//! How the modules for npm and Envoy get small: what the compiler is told, beside the profile `wasm`, and wasm-opt.

use std::path::Path;

use anyhow::Result;

use crate::setup;
use crate::shell::{command, run};

/// SHA-2 as loops: unrolled it is a large part of what a start has to compile, and what is hashed here is short. And
/// functions are inlined where that costs little: with the threshold of opt-level `z`, a decision takes 8 % longer.
pub const FLAGS: [&str; 2] = ["--cfg=sha2_backend_soft=\"compact\"", "-Cllvm-args=-inline-threshold=20"];

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
