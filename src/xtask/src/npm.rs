//! The npm package: wasm, its glue, the compiled TypeScript and the types, into `dist/npm`, and the tarball.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::setup;
use crate::shell::{command, read, root, run, step};
use crate::wasm::{compile, optimise};

/// Builds the package and packs it; gives the path of the tarball.
pub fn build() -> Result<PathBuf> {
    setup::node()?;
    setup::wasm_target()?;
    setup::npm("js")?;
    let dist = root().join("dist/npm");
    let glue = root().join("target/npm/glue");
    fresh(&dist)?;
    step("npm: compile actfor-js to wasm");
    let compiled = compile("actfor-js")?;
    let optimised = root().join("target/npm/actfor.wasm");
    if setup::newer(&compiled, &optimised) || !glue.exists() {
        fresh(&glue)?;
        bind(&compiled, &glue)?;
        step("npm: wasm-opt");
        optimise(&glue.join("actfor_bindings_bg.wasm"), &optimised)?;
    }
    fs::copy(&optimised, dist.join("actfor.wasm"))?;
    scripts(&glue, &dist)?;
    pack(&dist)
}

/// Checks the tarball with the tools that know how packages go wrong; gives how many there are.
pub fn check(tarball: &Path) -> Result<usize> {
    step("npm: publint and are-the-types-wrong");
    let lint = ["js/node_modules/publint/src/cli.js", "run", "--strict"];
    run(command("node").args(lint).arg(tarball))?;
    // Node 10 cannot run this package, and a compiler asks nobody for the types of a `.wasm`.
    let types = ["js/node_modules/@arethetypeswrong/cli/dist/index.js", "--no-emoji", "--profile", "node16"];
    run(command("node").args(types).args(["--exclude-entrypoints", "actfor.wasm", "--"]).arg(tarball))?;
    Ok(2)
}

fn fresh(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}

/// The glue. Our entries say where the wasm is, so the glue must not guess.
fn bind(wasm: &Path, out: &Path) -> Result<()> {
    step("npm: wasm-bindgen");
    Bindgen::new()
        .input_path(wasm)
        .web(true)?
        .typescript(true)
        .omit_default_module_path(true)
        // For a new instance in the place of one that has trapped.
        .reset_state_function(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .out_name("actfor_bindings")
        .generate(out)
}

/// TypeScript to JavaScript, the types beside it, and what a package needs.
fn scripts(glue: &Path, dist: &Path) -> Result<()> {
    step("npm: TypeScript");
    let modules = root().join("target/npm/js");
    fresh(&modules)?;
    fs::copy(glue.join("actfor_bindings.js"), modules.join("actfor_bindings.js"))?;
    fs::write(glue.join("package.json"), "{\"type\":\"module\"}\n")?;
    fs::write(glue.join("actfor_base64.d.ts"), "declare const base64: string;\nexport default base64;\n")?;
    fs::write(dist.join("actfor_base64.js"), inline(&dist.join("actfor.wasm"))?)?;
    fs::write(glue.join("codes.d.ts"), codes())?;
    run(command("node").args(["js/node_modules/typescript/bin/tsc", "--project", "js"]))?;
    bundle(&modules, dist)?;
    let mut types = vec![glue.join("codes.d.ts")];
    types.extend(fs::read_dir(root().join("js/types"))?.flatten().map(|entry| entry.path()));
    for file in types {
        let text = fs::read_to_string(&file)?;
        let name = file.file_name().context("a file has a name")?.to_string_lossy().into_owned();
        fs::write(dist.join(&name), &text)?;
        // The same for `require`: what it imports ends alike.
        fs::write(dist.join(name.replace(".d.ts", ".d.cts")), text.replace(".js';", ".cjs';"))?;
    }
    // One instance however it is loaded: the CommonJS entries hand out the ES modules.
    for entry in COMMON_JS {
        let name = entry.rsplit('/').next().unwrap_or(entry);
        let text = format!("'use strict';\nmodule.exports = require('./{name}.js');\n");
        fs::write(dist.join(format!("{entry}.cjs")), text)?;
    }
    for name in ["package.json", "README.md"] {
        let text = fs::read_to_string(root().join("pkg-templates/npm").join(name))?;
        fs::write(dist.join(name), fill(&text)?)?;
    }
    let examples = dist.join("examples");
    fresh(&examples)?;
    for file in fs::read_dir(root().join("pkg-templates/npm/examples"))?.flatten() {
        fs::copy(file.path(), examples.join(file.file_name()))?;
    }
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(root().join(name), dist.join(name))?;
    }
    Ok(())
}

/// The modules that others may load, each with what only it needs; what they share is in `shared/`. A start reads three
/// files instead of twenty-five.
fn bundle(modules: &Path, dist: &Path) -> Result<()> {
    run(command("node").arg("js/bundle.mjs").args([modules, dist]).args(COMMON_JS).args(ES_ONLY))
}

/// The modules that hosts without `require` load, and one that is tested alone.
const ES_ONLY: [&str; 5] = ["entry/browser", "entry/workerd", "node_crypto", "testing", "web_crypto"];

/// The modules that can be had by `require`.
const COMMON_JS: [&str; 12] = [
    "entry/node",
    "entry/inline",
    "entry/testing_node",
    "middleware/authzen",
    "middleware/express",
    "middleware/fastify",
    "middleware/fetch",
    "middleware/hono",
    "middleware/mcp",
    "middleware/mcp_fetch",
    "opentelemetry",
    "redis",
];

/// The type of a code, from the one table.
fn codes() -> String {
    let names: Vec<String> = actfor::Code::ALL.iter().map(|code| format!("  | '{code}'")).collect();
    format!("/** Why something is refused: a stable name. */\nexport type Code =\n{};\n", names.join("\n"))
}

/// The wasm as a module, for hosts that cannot ship a file.
fn inline(wasm: &Path) -> Result<String> {
    let script = "process.stdout.write(require('fs').readFileSync(process.argv[1]).toString('base64'))";
    let base64 = read(command("node").args(["-e", script]).arg(wasm))?;
    Ok(format!("export default '{base64}';\n"))
}

/// Fills a template's placeholders; one that nobody knows is a mistake.
fn fill(template: &str) -> Result<String> {
    let text = template
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
        .replace("{{license}}", "Apache-2.0 OR MIT")
        .replace("{{description}}", "Who is really making this request, and on whose behalf? Verifies agent tokens, decides, explains.");
    anyhow::ensure!(!text.contains("{{"), "a template of the npm package has an unknown placeholder");
    Ok(text)
}

fn pack(dist: &Path) -> Result<PathBuf> {
    step("npm: pack");
    let out = root().join("dist");
    let said = read(
        command(setup::npm_program()).args(["pack", "--silent", "--pack-destination"]).arg(&out).arg(dist),
    )?;
    let name = said.lines().last().context("npm pack named no file")?;
    Ok(out.join(name.trim()))
}
