//! `cargo xtask bench`: the benchmarks, each beside its peers in one run.

use anyhow::Result;

use crate::shell::{command, root, run, step};
use crate::{npm, setup};

/// Decisions in Node. The arguments go to `tests/bench/node.mjs`: `--json`, `--record`.
pub fn node(args: &[&str]) -> Result<()> {
    setup::npm("tests/bench")?;
    npm::build()?;
    step("bench: decisions in Node");
    run(command("node")
        .current_dir(root().join("tests/bench"))
        .arg("node.mjs")
        .args(args)
        .env("ACTFOR_PACKAGE", root().join("dist/npm")))
}
