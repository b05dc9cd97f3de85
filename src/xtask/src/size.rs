//! Sizes of what is shipped, against the budgets in `tests/bench/sizes.json`.

use std::fs;

use actfor::json::{self, Limits, Value};
use anyhow::{Context, Result, ensure};

use crate::shell::{command, read, root, step};

/// Prints raw, gzip and brotli size and SHA-256 of one file as a line of JSON.
const MEASURE: &str = "
const { readFileSync } = require('fs'), zlib = require('zlib'), { createHash } = require('crypto');
const bytes = readFileSync(process.argv[1]);
console.log(bytes.length, zlib.gzipSync(bytes, { level: 9 }).length, zlib.brotliCompressSync(bytes).length,
  createHash('sha256').update(bytes).digest('hex'));";

/// Builds what has a budget and prints the table; fails where a budget is broken.
pub fn run() -> Result<()> {
    crate::npm::build()?;
    crate::envoy::build().map_err(anyhow::Error::msg)?;
    check()
}

/// Prints the table of what is built already; fails where a budget is broken. Gives nothing away: a file that is not
/// there has broken its budget.
pub fn check() -> Result<()> {
    step("size");
    let text = fs::read(root().join("tests/bench/sizes.json"))?;
    let parsed = json::parse(&text, &Limits::CONFIG)?;
    let budgets = parsed.as_object().context("tests/bench/sizes.json is an object")?;
    println!("{:<24} {:>9} {:>9} {:>9} {:>9}  sha256", "bytes", "raw", "gzip", "brotli", "budget");
    let mut broken = Vec::new();
    for (file, entry) in budgets.iter() {
        let budget = entry.as_object().and_then(|entry| entry.get("gzip")).and_then(Value::as_u64);
        let budget = budget.with_context(|| format!("{file} has no budget `gzip`"))?;
        let line = read(command("node").args(["-e", MEASURE]).arg(root().join(file)))?;
        let mut parts = line.split_whitespace();
        let mut next = || parts.next().unwrap_or_default();
        let (raw, gzip, brotli, digest) = (next(), next(), next(), next());
        println!("{file:<24} {raw:>9} {gzip:>9} {brotli:>9} {budget:>9}  {digest}");
        if gzip.parse::<u64>().map_or(true, |gzip| gzip > budget) {
            broken.push(file);
        }
    }
    ensure!(broken.is_empty(), "over budget (gzip): {}", broken.join(", "));
    Ok(())
}
