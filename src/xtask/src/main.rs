//! The chores of the project: `cargo xtask setup|demo|test|build|bench|size|matrix|vectors|mutants|scoreboard|fuzz`.
//!
//! Each works from a fresh clone with Rust, Node 20.19 or newer and Python 3, and sets up what is missing. A host
//! is one module: what it builds, how it is tested, its rows in the demo.

mod bench;
mod bindings;
mod browser;
mod bundlers;
mod cli;
mod demo;
mod envoy;
mod fuzz;
mod mutants;
mod node;
mod npm;
mod scoreboard;
mod setup;
mod shell;
mod size;
mod test;
mod vectors;
mod wasm;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
cargo xtask COMMAND

  setup          install what the other commands need, into target/ and node_modules/
  demo           the four patterns in every host: who is it, what is decided, why
  demo --open    the demo page, in your browser
  test [PART]    everything, with a summary; or one part
  build [HOST]   the packages, into dist/; or one of npm, www, envoy
  matrix         try every runtime and bundler, and write the table into the README of the npm package
  size           sizes against their budgets
  bench          decisions in Node beside other libraries; --json, --record
  bench core     decisions inside the core
  bench envoy    the filter beside Envoy's own; --json
  bench relation relationship checks beside SpiceDB, OpenFGA and a hash map
  scoreboard     attack rows, suites, disagreements, mutants, fuzzing: what is held against what
  fuzz [TARGET]  the fuzz targets, two minutes each (--seconds N), into tests/fuzz/RESULTS.md
  vectors        write tests/vectors/patterns again; leaves no difference
  mutants [PATH] which changes of the core no test notices, into tests/mutants.md; --missed
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // No backtrace: what failed has said why.
            let reasons: Vec<String> = error.chain().map(ToString::to_string).collect();
            eprintln!("\nxtask: {}", reasons.join(": "));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<()> {
    match args {
        ["setup"] => setup::all(),
        ["build", "npm"] => npm::build().map(drop),
        ["build", "envoy"] => envoy::build().map_err(anyhow::Error::msg),
        ["build", "www"] => npm::build().and_then(|_| browser::build()).map(drop),
        ["build"] => {
            npm::build()?;
            browser::build()?;
            envoy::build().map_err(anyhow::Error::msg)
        }
        ["vectors"] => vectors::write(),
        ["demo"] => demo::run(),
        ["demo", "--open"] => npm::build().and_then(|_| browser::serve(true)),
        ["test"] => test::run_parts(None),
        ["test", part] => test::run_parts(Some(part)),
        ["bench", "core"] => bench::core(),
        ["bench", "relation"] => bench::relation(),
        ["bench", "envoy", rest @ ..] => {
            setup::envoy()?;
            setup::system(&[("wrk", "wrk")])?;
            let rest: Vec<String> = rest.iter().map(ToString::to_string).collect();
            envoy::bench(&rest).map_err(anyhow::Error::msg)
        }
        ["bench", rest @ ..] => bench::node(rest),
        ["matrix"] => bundlers::matrix(),
        ["mutants", rest @ ..] => mutants::run(rest),
        ["size"] => size::run(),
        ["scoreboard"] => scoreboard::run(),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => bail!("unknown command: {}\n\n{USAGE}", args.join(" ")),
    }
}
