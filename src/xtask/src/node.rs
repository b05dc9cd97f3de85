//! Node: the tests on the packed tarball, installed like a user installs it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::shell::{command, read, root, run, step};
use crate::{npm, setup};

/// Runs `tests/node` where the tarball is installed and nothing else.
pub fn test(tarball: &Path) -> Result<()> {
    let place = install_with_tests(tarball)?;
    let signatures = signatures()?;
    step("node: tests on the packed tarball");
    let mut files: Vec<PathBuf> = fs::read_dir(&place)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    anyhow::ensure!(!files.is_empty(), "no test file in tests/node");
    run(command("node")
        .current_dir(&place)
        .args(["--test", "--test-reporter=spec"])
        .args(files)
        .env("ACTFOR_ROOT", root())
        .env("ACTFOR_RECORD_SIGNATURES", signatures))
}

/// Runs `tests/servers`: the tarball beside the frameworks that its middleware is for.
pub fn servers(tarball: &Path) -> Result<()> {
    let place = setup::npm("tests/servers")?;
    let package = place.join("node_modules/actfor");
    if package.exists() {
        fs::remove_dir_all(&package)?;
    }
    fs::create_dir_all(&package)?;
    // Unpacked and not installed: the lock file does not name what is being tested.
    run(command("tar").args(["--strip-components=1", "-xzf"]).arg(tarball).arg("-C").arg(&package))?;
    step("servers: tests with the frameworks");
    let mut files: Vec<PathBuf> = fs::read_dir(&place)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    anyhow::ensure!(!files.is_empty(), "no test file in tests/servers");
    run(command("node").current_dir(&place).args(["--test", "--test-reporter=spec"]).args(files))
}

/// What the core's tests ask of signatures, and what our own code says: Node's must say the same.
fn signatures() -> Result<PathBuf> {
    step("node: signatures of the vectors and of Wycheproof");
    let folder = root().join("target/signatures");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let tests = ["--test", "jose_vectors", "--test", "jose_proof", "--test", "wycheproof"];
    run(command("cargo")
        .args(["test", "--quiet", "-p", "actfor"])
        .args(tests)
        .env("ACTFOR_RECORD_SIGNATURES", &folder))?;
    Ok(folder)
}

/// `{ "id", "document" }` for every case, one a line.
pub fn documents() -> Result<String> {
    let place = install_with_tests(&npm::build()?)?;
    read(command("node").current_dir(&place).arg("documents.mjs").env("ACTFOR_ROOT", root()))
}

/// The tarball, and the test files beside it.
fn install_with_tests(tarball: &Path) -> Result<PathBuf> {
    let place = install(tarball, "target/node-test")?;
    for file in fs::read_dir(root().join("tests/node"))?.flatten() {
        fs::copy(file.path(), place.join(file.file_name()))?;
    }
    Ok(place)
}

/// A new project with the tarball in it and nothing else; gives its folder.
pub fn install(tarball: &Path, folder: &str) -> Result<PathBuf> {
    let place = root().join(folder);
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    fs::write(place.join("package.json"), "{\"private\":true,\"type\":\"module\"}\n")?;
    let flags =
        ["install", "--no-save", "--no-package-lock", "--no-fund", "--no-audit", "--offline", "--silent"];
    run(command(setup::npm_program()).current_dir(&place).args(flags).arg(tarball))?;
    Ok(place)
}
