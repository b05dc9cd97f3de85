//! Chromium: the demo page, its tests, and the bindings' own tests.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, Result, bail};

use crate::shell::{command, in_ci, read, root, run, step};
use crate::{npm, setup};

/// What the page needs of the running examples. The private keys stay where they are.
const FIXTURES: [&str; 6] =
    ["acme.actfor", "acme.fga", "cases.json", "config.json", "tokens.json", "tuples.json"];

/// Puts the page together in `dist/www`, from `www/` and the npm package in `dist/npm`.
pub fn build() -> Result<PathBuf> {
    let package = root().join("dist/npm");
    if !package.join("actfor.wasm").exists() {
        npm::build()?;
    }
    step("page: put together");
    let page = root().join("dist/www");
    if page.exists() {
        fs::remove_dir_all(&page)?;
    }
    copy(&root().join("www"), &page)?;
    copy(&package, &page.join("actfor"))?;
    let fixtures = page.join("fixtures");
    fs::create_dir_all(&fixtures)?;
    for name in FIXTURES {
        fs::copy(root().join("tests/vectors/patterns").join(name), fixtures.join(name))
            .with_context(|| format!("tests/vectors/patterns/{name}"))?;
    }
    Ok(page)
}

/// Drives the page, then runs the bindings' tests, both in Chromium. Tests the package that is in `dist/npm`.
pub fn test() -> Result<()> {
    let Some(chromium) = chromium()? else { return Ok(()) };
    let address = serve_in_background()?;
    setup::npm("tests/browser")?;
    step("page: tests in Chromium");
    run(command("node")
        .args([
            "--test",
            "--test-concurrency=1",
            "tests/browser/page.test.mjs",
            "tests/browser/testing.test.mjs",
        ])
        .envs([("ACTFOR_PAGE", address.as_str()), ("ACTFOR_CHROMIUM", &chromium)]))?;
    bindings()
}

/// The documents of the running examples as Chromium computes them: one JSON object `{ id, document }` a line.
pub fn demo_rows() -> Result<String> {
    let Some(chromium) = chromium()? else { return Ok(String::new()) };
    let address = serve_in_background()?;
    setup::npm("tests/browser")?;
    read(
        command("node")
            .arg("tests/browser/demo.mjs")
            .envs([("ACTFOR_PAGE", address.as_str()), ("ACTFOR_CHROMIUM", &chromium)]),
    )
}

/// Serves the page until the process is stopped; `open` shows it in the visitor's own browser.
pub fn serve(open: bool) -> Result<()> {
    let page = build()?;
    let listener = TcpListener::bind(("127.0.0.1", 8787)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)))?;
    let address = format!("http://{}/", listener.local_addr()?);
    eprintln!("\nThe demo page is at {address} until you press Ctrl-C.");
    if open {
        open_browser(&address);
    }
    accept(&listener, &page);
    Ok(())
}

/// The bindings' own tests (`wasm-bindgen-test`), in Chromium instead of Node.
fn bindings() -> Result<()> {
    if !setup::on_path("chromedriver") {
        return leave_out("chromedriver");
    }
    setup::wasm_target()?;
    let runner = setup::wasm_bindgen_runner()?;
    step("bindings: tests in Chromium");
    run(command("cargo")
        .args(["test", "--package", "actfor-js", "--test", "bindings"])
        .args(["--target", "wasm32-unknown-unknown"])
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
        .envs([("WASM_BINDGEN_USE_BROWSER", "1"), ("CHROMEDRIVER", "chromedriver")]))
}

/// The browser, or nothing where it may be left out.
pub fn chromium() -> Result<Option<String>> {
    let named = std::env::var("ACTFOR_CHROMIUM").ok();
    let known = ["chromium", "chromium-browser", "google-chrome"].map(String::from);
    for program in named.into_iter().chain(known) {
        // The driver wants a path.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found =
            std::env::split_paths(&path).map(|folder| folder.join(&program)).find(|file| file.is_file());
        if let Some(found) = found {
            return Ok(Some(found.to_string_lossy().into_owned()));
        }
    }
    leave_out("chromium").map(|()| None)
}

/// Says in one line what is missing; in CI nothing may be.
fn leave_out(what: &str) -> Result<()> {
    if in_ci() {
        bail!("missing: {what}");
    }
    eprintln!(
        "   left out, because this is missing: {what}; on Debian: apt-get install chromium chromium-driver"
    );
    Ok(())
}

fn open_browser(address: &str) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    if command(program).arg(address).spawn().is_err() {
        eprintln!("   no {program} here: open the address yourself");
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

// ---- a static server: files of one folder, to this machine only

fn serve_in_background() -> Result<String> {
    let page = build()?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = format!("http://{}/", listener.local_addr()?);
    thread::spawn(move || accept(&listener, &page));
    Ok(address)
}

fn accept(listener: &TcpListener, folder: &Path) {
    for stream in listener.incoming().flatten() {
        let folder = folder.to_path_buf();
        // A visitor who hangs up is nobody's mistake.
        thread::spawn(move || answer(stream, &folder).ok());
    }
}

fn answer(mut stream: TcpStream, folder: &Path) -> Result<()> {
    let mut request = String::new();
    let mut reader = BufReader::new(stream.try_clone()?.take(16_384));
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let file = locate(folder, target).filter(|_| matches!(method, "GET" | "HEAD"));
    let (status, kind, body) = match file.and_then(|file| Some((kind(&file), fs::read(file).ok()?))) {
        Some((kind, body)) => ("200 OK", kind, body),
        None => ("404 Not Found", "text/plain; charset=utf-8", b"not found\n".to_vec()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nContent-Security-Policy: frame-ancestors 'none'\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    if method != "HEAD" {
        stream.write_all(&body)?;
    }
    Ok(stream.flush()?)
}

/// The file that a target names. Names of the page's files need no escapes, and no segment begins with a dot.
fn locate(folder: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split('?').next()?.strip_prefix('/')?;
    let path = if path.is_empty() { "index.html" } else { path };
    let plain = |segment: &str| {
        !segment.is_empty()
            && !segment.starts_with('.')
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    path.split('/').all(plain).then(|| folder.join(path)).filter(|file| file.is_file())
}

fn kind(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("wasm") => "application/wasm",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serves_files_of_the_folder_and_no_others() {
        let folder = root().join("www");
        assert_eq!(locate(&folder, "/"), Some(folder.join("index.html")));
        assert_eq!(locate(&folder, "/main.js?x=1"), Some(folder.join("main.js")));
        for target in
            ["/../Cargo.toml", "//etc/passwd", "/./main.js", "/%2e%2e/Cargo.toml", "main.js", "/none"]
        {
            assert_eq!(locate(&folder, target), None, "{target}");
        }
    }
}
