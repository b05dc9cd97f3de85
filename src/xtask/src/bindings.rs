//! The bindings inside wasm, without the TypeScript around them: `wasm-bindgen-test` in Node.

use anyhow::Result;

use crate::setup;
use crate::shell::{command, run};

/// Runs `src/adapters/js/tests` in Node.
pub fn test() -> Result<()> {
    setup::wasm_target()?;
    let runner = setup::wasm_bindgen_runner()?;
    run(command("cargo")
        .args([
            "test",
            "--quiet",
            "-p",
            "actfor-js",
            "--test",
            "bindings",
            "--target",
            "wasm32-unknown-unknown",
        ])
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner))
}
