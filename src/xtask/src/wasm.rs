//! How the modules for npm and Envoy are compiled and get small.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::setup;
use crate::shell::{command, read, root, run};

/// The module of a package as the compiler leaves it. No path of this machine gets in.
pub fn compile(package: &str) -> Result<PathBuf> {
    let home = std::env::var("CARGO_HOME").unwrap_or_else(|_| {
        format!(
            "{}/.cargo",
            std::env::var("HOME").or_else(|_| std::env::var("USERPROFILE")).unwrap_or_default()
        )
    });
    let flags: [String; 4] = [
        format!("--remap-path-prefix={}=actfor", root().display()),
        format!("--remap-path-prefix={home}=cargo"),
        // Where the source of the standard library is installed, its panics name it.
        format!("--remap-path-prefix={}=rust", read(command("rustc").args(["--print", "sysroot"]))?.trim()),
        // SHA-2 as loops: unrolled it is a large part of what a start has to compile, and what is hashed here is short.
        "--cfg=sha2_backend_soft=\"compact\"".into(),
    ];
    let target = "wasm32-unknown-unknown";
    run(command("cargo")
        .args(["build", "--release", "--lib", "--target", target, "--package", package])
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f")))?;
    let name = package.replace('-', "_");
    Ok(root().join(format!("target/{target}/release/{name}.wasm")))
}

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
