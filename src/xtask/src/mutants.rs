//! `cargo xtask mutants [--missed] [--quick] [PATH…]`: which changes of the core no test notices. Writes `tests/mutants.md`.
//!
//! A copy of the project is made in `target/mutants`, and every mutant of the chosen files is put into it at once, each
//! behind a number; so there is one build. Then each number runs in a process of its own, with the tests where it can
//! make a difference (a run without mutants says which), the fastest first, until one fails. A panic, an abort and an
//! endless loop are failures too.
//!
//! `--missed` runs only what `tests/mutants.md` lists as missed, and files that it does not have yet: after new tests, that
//! is all that can change. `--quick` gives up on a mutant after some seconds; `--missed` afterwards does not.

mod report;
mod sites;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::shell::{command, read, root, step};
use report::{Report, keys};
use sites::Source;

/// What is mutated where no path is given: the core without what it prints and what it shows.
const PATHS: &[&str] = &[
    "src/jose",
    "src/token",
    "src/proof",
    "src/cache.rs",
    "src/keys.rs",
    "src/identity",
    "src/chain",
    "src/carriers.rs",
    "src/request.rs",
    "src/approval.rs",
    "src/revocation.rs",
    "src/relationships.rs",
    "src/guard.rs",
    "src/run.rs",
    "src/mcp.rs",
    "src/names.rs",
    "src/time.rs",
    "src/truth.rs",
    "src/policy",
    "src/relation",
    "src/expr",
    "src/json.rs",
    "src/pack.rs",
    "src/update.rs",
    "src/lists.rs",
    "src/config.rs",
    "src/decision.rs",
    "src/document.rs",
    "src/audit.rs",
];

/// Packages with tests of the core, and their folders.
const PACKAGES: &[(&str, &str)] = &[("actfor", "."), ("actfor-store", "src/store")];

/// Binaries that ask a slow program outside, and tests that ask once more what another test asks.
const LEFT_OUT: &[&str] = &["jose_differential", "written::the_cases_for_other_hosts_are_these"];

/// Tests that are faster share a process.
const FAST: Duration = Duration::from_millis(200);

/// How long a mutant may take with `--quick`.
const QUICK: Duration = Duration::from_secs(5);

/// Mutants, and which tests notice them.
pub fn run(args: &[&str]) -> Result<()> {
    let unknown = args.iter().find(|arg| arg.starts_with("--") && !["--missed", "--quick"].contains(arg));
    ensure!(unknown.is_none(), "there is no option {}", unknown.unwrap_or(&""));
    let only_missed = args.contains(&"--missed");
    let given: Vec<&str> = args.iter().copied().filter(|arg| !arg.starts_with("--")).collect();
    let paths = if given.is_empty() { PATHS } else { given.as_slice() };
    let tree = root().join("target/mutants/tree");
    let mut report = Report::read()?;
    step("mutants: a copy of the project");
    copy(&tree)?;
    let mut sources = instrument(&tree, paths)?;
    step("mutants: build");
    build(&tree, &mut sources)?;
    let tests = tests(&tree)?;
    let mutants: usize = sources.iter().map(|source| source.mutants().count()).sum();
    let dropped: usize = sources.iter().map(Source::dropped).sum();
    eprintln!("   {mutants} mutants, {} tests ({dropped} more mutants do not compile)", tests.len());
    step("mutants: which tests they can make a difference in");
    let tests = cover(tests)?;
    let most = if args.contains(&"--quick") { QUICK } else { Duration::MAX };
    step("mutants: run");
    for source in &sources {
        judge(source, &tests, &mut report, only_missed, most)?;
    }
    println!("{}", report.summary(paths));
    Ok(())
}

/// The files of the project that git knows or would take, without those of an earlier copy that are gone.
fn copy(tree: &Path) -> Result<()> {
    let list = read(command("git").args(["ls-files", "-co", "--exclude-standard"]))?;
    let files: BTreeSet<&str> = list.lines().filter(|file| root().join(file).is_file()).collect();
    fs::create_dir_all(tree)?;
    remove_others(tree, tree, &files)?;
    for file in files {
        write(&tree.join(file), &fs::read(root().join(file))?)?;
    }
    // Where the tests look for what `cargo xtask setup` installs.
    fs::create_dir_all(tree.join("target"))?;
    let (installed, link) = (root().join("target/venv"), tree.join("target/venv"));
    if installed.is_dir() && !link.exists() {
        std::os::unix::fs::symlink(installed, link)?;
    }
    Ok(())
}

fn remove_others(tree: &Path, folder: &Path, files: &BTreeSet<&str>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_symlink() {
            // What is installed, below.
        } else if kind.is_dir() {
            remove_others(tree, &path, files)?;
        } else if !path.strip_prefix(tree)?.to_str().is_some_and(|file| files.contains(file)) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Writes a file, unless it is there already: cargo looks at times.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn instrument(tree: &Path, paths: &[&str]) -> Result<Vec<Source>> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        collect(&root().join(path), &mut files)?;
        ensure!(files.len() > before, "there is no Rust in {path}");
    }
    let (mut sources, mut next) = (Vec::new(), 0);
    for file in files {
        let path = file.strip_prefix(root())?.to_string_lossy().replace('\\', "/");
        let source = Source::read(&path, fs::read_to_string(&file)?, next)?;
        next = source.end(next);
        sources.push(source);
    }
    let lib = tree.join("src/lib.rs");
    let text = fs::read_to_string(&lib)?;
    write(&lib, format!("{text}\n/// The mutants.\npub mod mutant;\n").as_bytes())?;
    write(&tree.join("src/mutant.rs"), include_bytes!("mutants/inserted.rs"))?;
    Ok(sources)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        let mut inside = Vec::new();
        for entry in fs::read_dir(path)? {
            inside.push(entry?.path());
        }
        inside.sort();
        return inside.iter().try_for_each(|path| collect(path, files));
    }
    if path.extension().is_some_and(|extension| extension == "rs") && !files.iter().any(|file| file == path) {
        files.push(path.to_path_buf());
    }
    Ok(())
}

/// Cargo in the copy. The tests run many times, so the core is optimised a little.
fn cargo(tree: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(tree);
    cargo.env("CARGO_TARGET_DIR", root().join("target/mutants/target"));
    cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1").env("CARGO_PROFILE_DEV_DEBUG", "0");
    cargo
}

/// Writes the mutants and leaves out those that do not compile, until it compiles.
fn build(tree: &Path, sources: &mut [Source]) -> Result<()> {
    for _ in 0..20 {
        for source in &*sources {
            write(&tree.join(&source.path), source.mutated().as_bytes())?;
        }
        let mut check = cargo(tree);
        check.args(["check", "--quiet", "--package", "actfor", "--lib", "--message-format", "short"]);
        let output = check.output().context("cargo does not start")?;
        if output.status.success() {
            return Ok(());
        }
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let places = places(&errors);
        let mut dropped = 0_usize;
        // From the end, so that what is left out does not move what is still to come.
        for Complaint { path, line, column, unset } in places.iter().rev() {
            let Some(source) = sources.iter_mut().find(|source| source.path == *path) else { continue };
            let found = match unset {
                Some(name) => source.drop_assignments(name),
                None => source.drop_at(*line, *column),
            };
            dropped = dropped.saturating_add(usize::from(found));
        }
        ensure!(dropped > 0, "the copy does not compile:\n{errors}");
        eprintln!("   {dropped} places do not compile");
    }
    bail!("the copy does not compile after twenty rounds")
}

/// What the compiler complains about.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Complaint {
    path: String,
    line: usize,
    column: usize,
    /// A variable that has no value there.
    unset: Option<String>,
}

/// `src/a.rs:12:3: error[E0308]: …`, in order and once each.
fn places(errors: &str) -> BTreeSet<Complaint> {
    let place = |line: &str| {
        let (place, message) = line.split_once(": error")?;
        let mut parts = place.splitn(3, ':');
        let path = parts.next()?.to_owned();
        let (line, column) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        // Used before it was set, or after it was moved.
        let unset = message.starts_with("[E0381]") || message.starts_with("[E0382]");
        let unset = message.split('`').nth(1).filter(|_| unset).map(str::to_owned);
        Some(Complaint { path, line, column, unset })
    };
    errors.lines().filter_map(place).collect()
}

/// A test of the core.
struct Test {
    binary: PathBuf,
    /// Where it runs.
    folder: PathBuf,
    name: String,
    takes: Duration,
    /// The mutants that would make a difference in it.
    reaches: BTreeSet<u32>,
}

fn tests(tree: &Path) -> Result<Vec<Test>> {
    let mut tests = Vec::new();
    for (package, folder) in PACKAGES {
        let mut build = cargo(tree);
        build.args(["test", "--no-run", "--package", package]);
        let output = build.output()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "the tests of {package} do not compile:\n{text}");
        let binaries = text.lines().filter_map(|line| line.trim().strip_prefix("Executable "));
        for binary in binaries.filter_map(|line| line.split_once('(')?.1.strip_suffix(')')) {
            let binary = tree.join(binary);
            let name = binary.file_name().map(|name| name.to_string_lossy().into_owned());
            if LEFT_OUT.iter().any(|out| name.as_ref().is_some_and(|name| name.starts_with(out))) {
                continue;
            }
            let folder = tree.join(folder);
            let left_out = |name: &&str| !LEFT_OUT.contains(name);
            let list = read(Command::new(&binary).current_dir(&folder).arg("--list"))?;
            for name in list.lines().filter_map(|line| line.strip_suffix(": test")).filter(left_out) {
                let (takes, reaches) = (Duration::ZERO, BTreeSet::new());
                let (binary, folder, name) = (binary.clone(), folder.clone(), name.to_owned());
                tests.push(Test { binary, folder, name, takes, reaches });
            }
        }
    }
    Ok(tests)
}

/// Runs every test alone and without a mutant: how long it takes, and what it reaches. A test that fails then says
/// nothing about mutants.
fn cover(tests: Vec<Test>) -> Result<Vec<Test>> {
    let file = root().join("target/mutants/reached");
    let mut good = Vec::new();
    for mut test in tests {
        drop(fs::remove_file(&file));
        let start = Instant::now();
        let mode = format!("cover:{}", file.display());
        if !passes(&test.binary, &test.folder, &[&test.name], &mode, Duration::from_secs(120))? {
            eprintln!("   left out, as it fails without a mutant: {} {}", test.binary.display(), test.name);
            continue;
        }
        test.takes = start.elapsed();
        let reached = fs::read(&file).unwrap_or_default();
        test.reaches = (0..).zip(reached).filter(|(_, hit)| *hit == 1).map(|(number, _)| number).collect();
        good.push(test);
    }
    good.sort_by_key(|test| test.takes);
    let slow =
        good.iter().rev().take(5).map(|test| format!("{} {:.1} s", test.name, test.takes.as_secs_f32()));
    eprintln!("   slowest: {}", slow.collect::<Vec<_>>().join(", "));
    Ok(good)
}

/// Runs the mutants of a file and writes down what became of them.
fn judge(
    source: &Source,
    tests: &[Test],
    report: &mut Report,
    only_missed: bool,
    most: Duration,
) -> Result<()> {
    let start = Instant::now();
    let listed = if only_missed { report.missed(&source.path) } else { None };
    let mut missed = Vec::new();
    let keyed = keys(source.mutants());
    for ((number, mutant), key) in source.mutants().zip(&keyed) {
        if listed.as_ref().is_some_and(|listed| !listed.contains(key)) {
            continue;
        }
        let reached = tests.iter().any(|test| test.reaches.contains(&number));
        if !reached || !caught(number, tests, most)? {
            println!("{}:{}: {key}", source.path, mutant.line);
            missed.push((key.clone(), reached));
        }
    }
    let seconds = start.elapsed().as_secs();
    eprintln!("   {}: {} of {} missed, {seconds} s", source.path, missed.len(), keyed.len());
    report.put(&source.path, keyed.len(), missed)
}

/// Whether a test fails with this mutant, as far as one gets in `most`.
fn caught(number: u32, tests: &[Test], most: Duration) -> Result<bool> {
    let start = Instant::now();
    // The fast ones of a binary share a process; the slow ones come last and alone.
    let mut runs: Vec<(Duration, Vec<&Test>)> = Vec::new();
    let mut fast: BTreeMap<&Path, Vec<&Test>> = BTreeMap::new();
    for test in tests.iter().filter(|test| test.reaches.contains(&number)) {
        if test.takes < FAST {
            fast.entry(&test.binary).or_default().push(test);
        } else {
            runs.push((test.takes, vec![test]));
        }
    }
    for group in fast.into_values() {
        runs.push((group.iter().map(|test| test.takes).sum(), group));
    }
    runs.sort_by_key(|(takes, _)| *takes);
    for (takes, group) in runs {
        let Some(first) = group.first() else { continue };
        if start.elapsed() > most {
            return Ok(false);
        }
        let names: Vec<&str> = group.iter().map(|test| test.name.as_str()).collect();
        let limit = takes.saturating_mul(10).saturating_add(Duration::from_secs(5));
        if !passes(&first.binary, &first.folder, &names, &number.to_string(), limit)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether these tests pass, in time and in 4 GB.
fn passes(binary: &Path, folder: &Path, tests: &[&str], mutant: &str, limit: Duration) -> Result<bool> {
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -v 4000000; ulimit -c 0; exec \"$0\" \"$@\""])
        .arg(binary)
        .args(["--test-threads=1", "--exact"])
        .args(tests)
        .current_dir(folder)
        .env("ACTFOR_MUTANT", mutant)
        .env("ACTFOR_SUITES", root().join("../shared/suites"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    let start = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        sleep(pause);
        pause = pause.saturating_mul(2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::sites::Source;
    use super::{Complaint, places};

    const CODE: &str = "\
fn check(a: u8, b: Option<u8>) -> Result<(), E> {
    if a < 3 && !wide(a) {
        return Err(E);
    }
    audience(a)?;
    match b {
        Some(x) if x == a => true,
        None => false,
        _ => true,
    };
    Ok(())
}
#[cfg(test)]
mod tests {
    fn f(a: u8) -> bool { a == 1 }
}
";

    fn found(source: &Source) -> Vec<String> {
        source.mutants().map(|(n, mutant)| format!("{n} {} | {}", mutant.text, mutant.change)).collect()
    }

    #[test]
    fn finds_what_can_be_mutated() {
        let source = Source::read("a.rs", CODE.into(), 7).unwrap();
        let expected = [
            "7 fn check | gives Ok(())",
            "8 a < 3 && !wide(a) | always true",
            "9 a < 3 && !wide(a) | never true",
            "10 a < 3 | always true",
            "11 a < 3 | < is <=",
            "12 !wide(a) | always true",
            "13 audience(a)?; | left out",
            "14 None => | arm left out",
            "15 x == a | always true",
            "16 x == a | never true",
        ];
        assert_eq!(found(&source), expected);
        assert_eq!(source.end(7), 17);
        let mutated = source.mutated();
        assert_eq!(mutated.lines().count(), CODE.lines().count());
        assert_eq!(
            mutated.lines().nth(1).unwrap().trim(),
            "if crate::mutant::force(8, crate::mutant::yes(10, crate::mutant::less(11, &(a ), &( 3))) && crate::mutant::yes(12, !wide(a))) {"
        );
        assert!(mutated.contains("if !crate::mutant::on(13) { audience(a)?; }"));
        assert!(mutated.contains("None if !crate::mutant::on(14) => false,"));
        syn::parse_file(&mutated).unwrap();
    }

    #[test]
    fn leaves_out_what_does_not_compile() {
        let mut source = Source::read("a.rs", CODE.into(), 0).unwrap();
        let mutated = source.mutated();
        let line = mutated.lines().nth(1).unwrap();
        let column = line.find("a )").unwrap().saturating_add(1);
        // The innermost around `a` is the boundary; then the operand.
        assert!(source.drop_at(2, column));
        assert!(!source.mutated().contains("mutant::less"));
        assert!(source.mutated().contains("mutant::yes(3, a < 3)"));
        assert_eq!(source.dropped(), 1);
        let column = source.mutated().lines().nth(1).unwrap().find("mutant::yes").unwrap();
        assert!(source.drop_at(2, column));
        assert!(!source.mutated().contains("mutant::yes(3"));
        // The test module has none.
        assert!(!source.drop_at(15, 10));
    }

    #[test]
    fn reads_errors() {
        let errors = "\
src/a.rs:12:3: error[E0308]: mismatched types
src/a.rs:1:1: warning: `x`
src/a.rs:13:4: error[E0382]: use of moved value: `node`: value used here after move
error: could not compile
";
        let found: Vec<_> = places(errors).into_iter().collect();
        let complaint = |line, column, unset: Option<&str>| Complaint {
            path: "src/a.rs".into(),
            line,
            column,
            unset: unset.map(str::to_owned),
        };
        assert_eq!(found, [complaint(12, 3, None), complaint(13, 4, Some("node"))]);
    }
}
