//! The commands of the README, typed as they stand there.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::path::Path;
use std::process::Command;
use std::{env, fs};

#[test]
fn the_commands_of_the_readme_work_one_after_the_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let (_, rest) = readme.split_once("**Command line**:\n\n```sh\n").expect("its block");
    let (block, _) = rest.split_once("```\n").expect("its end");
    let (install, commands) = block.split_once('\n').unwrap();
    assert!(install.starts_with("cargo install --path src/adapters/cli"), "{install}");

    // A clone, as far as the commands look at it.
    let clone = env::temp_dir().join(format!("actfor-readme-{}", std::process::id()));
    let policies = "tests/vectors/policies/four-patterns";
    fs::create_dir_all(clone.join(policies)).unwrap();
    for file in fs::read_dir(root.join(policies)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), clone.join(policies).join(file.file_name())).unwrap();
    }
    let own = Path::new(env!("CARGO_BIN_EXE_actfor")).parent().unwrap();
    let others = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([own.to_owned()].into_iter().chain(env::split_paths(&others))).unwrap();
    let output = Command::new("sh")
        .args(["-eu", "-c", commands])
        .current_dir(&clone)
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let pack = fs::read(clone.join("try/rules.pack"));
    fs::remove_dir_all(&clone).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for line in
        ["12 of 12 assertions held", "agent code-helper", "push on repo:web", "holds: 1 record", "signed  "]
    {
        assert!(said.contains(line), "no `{line}` in:\n{said}");
    }
    assert!(!pack.unwrap().is_empty());
}
