//! `cargo xtask bench`: the benchmarks, each beside its peers in one run.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::shell::{command, root, run, step};
use crate::{npm, setup};

/// Decisions in Node. The arguments go to `tests/bench/node.mjs`: `--json`, `--record`.
pub fn node(args: &[&str]) -> Result<()> {
    setup::npm("tests/bench")?;
    npm::build()?;
    let opa = opa_module()?;
    step("bench: decisions in Node");
    run(command("node")
        .current_dir(root().join("tests/bench"))
        .arg("node.mjs")
        .args(args)
        .env("ACTFOR_PACKAGE", root().join("dist/npm"))
        .envs(opa.map(|module| ("ACTFOR_OPA_MODULE", module))))
}

/// The policy for Open Policy Agent as a module of WebAssembly; nothing, where that cannot be made.
fn opa_module() -> Result<Option<PathBuf>> {
    let Some(opa) = setup::opa()? else { return Ok(None) };
    let place = root().join("target/bench");
    fs::create_dir_all(&place)?;
    run(command(opa)
        .args(["build", "-t", "wasm", "-e", "bench/allow", "tests/bench/push.rego", "-o"])
        .arg(place.join("push.tar.gz")))?;
    run(command("tar").args(["-xzf", "push.tar.gz", "/policy.wasm"]).current_dir(&place))?;
    Ok(Some(place.join("policy.wasm")))
}

/// Decisions inside the core, natively, without a host.
pub fn core() -> Result<()> {
    step("bench: decisions inside the core");
    run(command("cargo").args(["run", "--release", "--quiet", "--example", "bench_decide"]))
}

/// Relationship checks: natively beside a hash map, in WebAssembly, and beside other engines in Node.
pub fn relation() -> Result<()> {
    step("bench: relationship checks, native");
    let svg = ["--", "--svg", "tests/bench/relation.svg"];
    run(command("cargo").args(["run", "--release", "--quiet", "--example", "bench_relation"]).args(svg))?;
    step("bench: relationship checks, WebAssembly");
    run(command("node").arg("tests/bench/relation-wasm/run.mjs"))?;
    let folder = setup::npm("tests/bench/relation-peers")?;
    let venv = setup::venv()?;
    setup::openfga()?;
    npm::build()?;
    step("bench: relationship checks beside SpiceDB and OpenFGA");
    run(command("node")
        .current_dir(folder)
        .arg("run.mjs")
        .env("ACTFOR_PACKAGE", root().join("dist/npm"))
        .env("ACTFOR_TOOLS", format!("{}:{}", venv.display(), root().join("target/tools/bin").display())))
}
