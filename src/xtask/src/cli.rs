//! The command line: what it says about the running examples.

use std::env;
use std::fs;
use std::process::Stdio;

use actfor::json::{self, Limits, Object, Value, Writer};
use anyhow::{Context, Result, ensure};

use crate::shell::{command, root, run};

/// `{ "id", "document" }` for every case, one a line.
pub fn documents() -> Result<String> {
    run(command("cargo").args(["build", "--quiet", "--package", "actfor-cli"]))?;
    let patterns = root().join("tests/vectors/patterns");
    let text = fs::read(patterns.join("cases.json"))?;
    let cases = json::parse(&text, &Limits::CONFIG)?;
    let mut documents = String::new();
    for case in cases.as_array().context("cases.json is an array")? {
        documents.push_str(&check(case.as_object().context("a case is an object")?)?);
    }
    Ok(documents)
}

/// Runs `actfor check --json` as a person would; gives its row.
fn check(case: &Object<'_>) -> Result<String> {
    let patterns = root().join("tests/vectors/patterns");
    let folder = root().join("target/demo");
    fs::create_dir_all(&folder)?;
    let request = folder.join("request.json");
    fs::write(&request, write(case.get("request").context("a case has a request")?))?;
    let tuples = folder.join("tuples.json");
    fs::write(&tuples, left(case)?)?;
    let text = |name: &str| case.get(name).and_then(Value::as_str).unwrap_or_default();
    let now = case.get("now").and_then(Value::as_u64).unwrap_or(0).to_string();
    // Beside this very program, wherever that was built.
    let actfor = env::current_exe()?.with_file_name(format!("actfor{}", env::consts::EXE_SUFFIX));
    let output = command(actfor)
        .args(["check", "--json", "--now", &now, "--id", text("id"), "--config"])
        .arg(patterns.join("config.json"))
        .arg("--policy")
        .arg(patterns.join("acme.actfor"))
        .arg("--tuples")
        .arg(tuples)
        .arg("--request")
        .arg(request)
        .stderr(Stdio::inherit())
        .output()?;
    // 1 is a refusal, which is an answer.
    ensure!(matches!(output.status.code(), Some(0 | 1)), "actfor check: {}", output.status);
    let document = String::from_utf8(output.stdout)?;
    let mut w = Writer::default();
    w.object(|w| {
        w.key("id").string(text("id"));
        w.key("document").string(document.trim_end());
    });
    Ok(format!("{}\n", w.finish()))
}

/// The tuples without those that the case takes away.
fn left(case: &Object<'_>) -> Result<String> {
    let text = fs::read(root().join("tests/vectors/patterns/tuples.json"))?;
    let tuples = json::parse(&text, &Limits::CONFIG)?;
    let removed = case.get("changes").and_then(Value::as_object).and_then(|changes| changes.get("removed"));
    let removed = removed.and_then(Value::as_array).context("a case says which tuples it takes away")?;
    let all = tuples.as_array().context("tuples.json is an array")?;
    Ok(write(&Value::Array(all.iter().filter(|tuple| !removed.contains(tuple)).cloned().collect())))
}

fn write(value: &Value<'_>) -> String {
    let mut w = Writer::default();
    w.value(value);
    w.finish()
}
