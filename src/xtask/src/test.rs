//! `cargo xtask test`: every part, one after the other, and a summary. One part alone: `cargo xtask test PART`.

use std::env;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::shell::{command, run, step, tee};
use crate::{bindings, browser, bundlers, envoy, node, npm, setup, vectors};

/// A part: its name, what it is, and what runs it.
struct Part {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<()>,
}

const PARTS: &[Part] = &[
    Part { name: "native", about: "the core, the adapters and the command line, natively", run: native },
    Part {
        name: "no-std",
        about: "the core without an operating system, and with each algorithm alone",
        run: no_std,
    },
    Part { name: "vectors", about: "the running examples, written again, are the same", run: examples },
    Part { name: "bindings", about: "the bindings, inside wasm, in Node", run: bindings::test },
    Part { name: "node", about: "the packed npm package", run: package },
    Part {
        name: "servers",
        about: "the packed npm package beside Express, Fastify, Hono and MCP",
        run: servers,
    },
    Part {
        name: "bundlers",
        about: "the packed npm package in every runtime and bundler",
        run: bundlers::test,
    },
    Part { name: "browser", about: "the demo page and the bindings in Chromium", run: page },
    Part { name: "envoy", about: "the filter in the real Envoy", run: filter },
];

/// Every part, or one.
pub fn run_parts(only: Option<&str>) -> Result<()> {
    match only {
        Some(name) => match PARTS.iter().find(|part| part.name == name) {
            Some(part) => (part.run)(),
            None => {
                let names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
                bail!("there is no part `{name}`; there are {}", names.join(", "))
            }
        },
        None => all(),
    }
}

fn all() -> Result<()> {
    setup::all()?;
    let mut rows = Vec::new();
    let mut total = Count::default();
    let mut broken = false;
    for part in PARTS {
        step(&format!("test {}: {}", part.name, part.about));
        let start = Instant::now();
        let (status, output) = tee(command(env::current_exe()?).args(["test", part.name]))?;
        let mut count = Count::of(&output);
        // A part that fails without a failed test has failed once; one that runs nothing has failed.
        if (!status.success() && count.failed == 0) || (status.success() && count.passed == 0) {
            count.failed = count.failed.saturating_add(1);
        }
        broken |= count.failed > 0 || !status.success();
        total.add(&count);
        let seconds = start.elapsed().as_secs();
        rows.push(format!(
            "{:<10} {:>7} {:>7} {seconds:>5} s   {}",
            part.name, count.passed, count.failed, part.about
        ));
    }
    println!("\n{:<10} {:>7} {:>7} {:>7}", "part", "passed", "failed", "time");
    for row in rows {
        println!("{row}");
    }
    println!("\n{} passed, {} failed", total.passed, total.failed);
    if broken { bail!("not everything passed") } else { Ok(()) }
}

fn native() -> Result<()> {
    setup::npm("tests/differential")?;
    // What the machine lacks is a failure here where nothing may be skipped.
    run(command("cargo").args(["test", "--quiet", "--workspace", "--exclude", "actfor-envoy"]))
}

fn no_std() -> Result<()> {
    setup::wasm_target()?;
    run(command("cargo").args([
        "build",
        "--quiet",
        "-p",
        "actfor-no-std",
        "--target",
        "wasm32-unknown-unknown",
    ]))?;
    // Each algorithm is a feature, and does without the others.
    for feature in ALGORITHMS {
        run(command("cargo").args([
            "check",
            "--quiet",
            "-p",
            "actfor",
            "--no-default-features",
            "--features",
            feature,
        ]))?;
    }
    println!("test result: ok. {} passed; 0 failed", ALGORITHMS.len().saturating_add(1));
    Ok(())
}

/// One of each family of keys.
const ALGORITHMS: [&str; 5] = ["ed25519", "es256", "es384", "ps256", "rs256"];

fn examples() -> Result<()> {
    let files = vectors::check()?;
    println!("test result: ok. {files} passed; 0 failed");
    Ok(())
}

fn package() -> Result<()> {
    let tarball = npm::build()?;
    let checks = npm::check(&tarball)?;
    println!("test result: ok. {checks} passed; 0 failed");
    node::test(&tarball)
}

fn servers() -> Result<()> {
    node::servers(&npm::build()?)
}

fn page() -> Result<()> {
    setup::chromium()?;
    npm::build()?;
    browser::test()
}

fn filter() -> Result<()> {
    setup::envoy()?;
    envoy::test().map_err(anyhow::Error::msg)
}

/// How many tests passed and failed.
#[derive(Default)]
struct Count {
    passed: u64,
    failed: u64,
}

impl Count {
    /// Reads what cargo, Node and the wasm-bindgen runner say at the end.
    fn of(output: &str) -> Self {
        let mut count = Self::default();
        for line in output.lines() {
            if let Some(rest) = line.trim_start().strip_prefix("test result: ") {
                count.passed = count.passed.saturating_add(number_before(rest, " passed"));
                count.failed = count.failed.saturating_add(number_before(rest, " failed"));
            } else if let Some(rest) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) {
                let number = |word: &str| {
                    rest.strip_prefix(word).and_then(|n| n.trim().parse::<u64>().ok()).unwrap_or(0)
                };
                count.passed = count.passed.saturating_add(number("pass "));
                count.failed =
                    count.failed.saturating_add(number("fail ")).saturating_add(number("cancelled "));
            }
        }
        count
    }

    fn add(&mut self, other: &Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
    }
}

/// The number right before `word`.
fn number_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().unwrap_or_default();
    before.rsplit(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn counts_what_the_runners_say() {
        let output = "\
test result: ok. 12 passed; 1 failed; 0 ignored; 0 measured
noise: 7 passed
# pass 3
# fail 0
ℹ pass 4
ℹ fail 2
ℹ cancelled 1
test result: ok. 5 passed; 0 failed; 1 ignored";
        let count = Count::of(output);
        assert_eq!((count.passed, count.failed), (24, 4));
    }
}
