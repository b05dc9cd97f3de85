//! `actfor compile`: packs of the running examples, and what `actfor check` makes of them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use std::fs;
use std::path::PathBuf;

use actfor::json::{self, Limits};

use support::{file, token};

/// A file in a folder of the test's own.
fn made(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compile");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name).display().to_string()
}

/// Exit code, standard output and standard error.
fn actfor(args: &[&str]) -> (i32, String, String) {
    let output = support::actfor(args, "");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn compile(out: &str, more: &[&str]) -> (i32, String, String) {
    let (rules, tuples) = (file("acme.actfor"), file("tuples.json"));
    let mut args = vec!["compile", &rules, "--tuples", &tuples, "--out", out];
    args.extend(more);
    actfor(&args)
}

/// A private key for tests, made by the command itself.
fn key(name: &str, algorithm: &str) -> (String, String) {
    let (code, text, _) = actfor(&["mint", "key", "--alg", algorithm]);
    assert_eq!(code, 0);
    let path = made(name);
    fs::write(&path, text).unwrap();
    let jwks = actfor(&["mint", "jwks", "--key", &path]).1;
    (path, jwks.trim().strip_prefix("{\"keys\":").unwrap().strip_suffix('}').unwrap().to_owned())
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (one, two) = (made("one.pack"), made("two.pack"));
    let (code, text, _) = compile(&one, &["--serial", "3", "--json"]);
    assert_eq!(code, 0, "{text}");
    let made = json::parse(text.as_bytes(), &Limits::CONFIG).unwrap();
    let number = |name: &str| made.as_object().unwrap().get(name).unwrap().as_u64().unwrap();
    assert_eq!((number("tuples"), number("serial")), (9, 3));
    assert_eq!(compile(&two, &["--serial", "3"]).0, 0);
    assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
    assert_eq!(number("bytes"), fs::metadata(&one).unwrap().len());
    compile(&two, &["--serial", "4"]);
    assert_ne!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
    let (code, bytes, _) = compile("-", &["--serial", "3"]);
    assert!(code == 0 && bytes.starts_with("actfor\0"));
}

/// Asks whether T1 may push to `web`: the exit code and the code of the answer.
fn check(config: &str, policy: &str, now: &str) -> (i32, String) {
    let header = format!("authorization: Bearer {}", token("T1"));
    let url = "/repos/web/git/refs/heads/fix";
    let args = [
        "check", "--config", config, "--policy", policy, "--method", "PATCH", "--url", url, "--now", now,
        "--json",
    ];
    let (code, text, _) = actfor(&[&args[..], &["-H", &header]].concat());
    let document = json::parse(text.as_bytes(), &Limits::CONFIG).unwrap();
    let member =
        |name: &str| document.as_object().unwrap().get(name).and_then(|v| v.as_str().map(String::from));
    (code, member("code").or(member("decision")).unwrap_or(text.clone()))
}

#[test]
fn a_pack_decides_like_its_rules_until_it_expires() {
    let path = made("acme.pack");
    assert_eq!(compile(&path, &["--issued", "1795000000", "--expires", "1795000100"]).0, 0);
    let config = file("config.json");
    assert_eq!(check(&config, &path, "1795000060"), (0, "allow".into()));
    assert_eq!(check(&config, &path, "1795000100"), (1, "pack_expired".into()));
    // Without tuples nobody is a writer.
    let rules = file("acme.actfor");
    assert_eq!(actfor(&["compile", &rules, "-o", &path]).0, 0);
    assert_eq!(check(&config, &path, "1795000060"), (1, "user_lacks_relation".into()));
    let (code, _, error) = actfor(&[
        "check",
        "--config",
        &config,
        "--policy",
        &path,
        "--tuples",
        &file("tuples.json"),
        "--method",
        "GET",
        "--url",
        "/",
    ]);
    assert!(code == 2 && error.contains("leave `--tuples` out"), "{error}");
}

#[test]
fn pack_keys_take_only_what_they_have_signed() {
    let (signed, unsigned, other) = (made("signed.pack"), made("unsigned.pack"), made("other.pack"));
    let (path, jwks) = key("pack-key.json", "Ed25519");
    let (stranger, _) = key("stranger.json", "Ed25519");
    let (code, text, _) = compile(&signed, &["--sign", &path]);
    assert!(code == 0 && text.contains("signed  by `"), "{text}");
    compile(&unsigned, &[]);
    compile(&other, &["--sign", &stranger]);
    let config = fs::read_to_string(file("config.json")).unwrap();
    let with_keys = made("config.json");
    fs::write(&with_keys, format!("{},\"pack_keys\":{jwks}}}", config.trim_end().strip_suffix('}').unwrap()))
        .unwrap();
    assert_eq!(check(&with_keys, &signed, "1795000060"), (0, "allow".into()));
    for pack in [&unsigned, &other] {
        let (code, text) = check(&with_keys, pack, "1795000060");
        assert!(code == 2 && text.contains("pack_untrusted"), "{text}");
    }
}

#[test]
fn models_and_stores_compile_too() {
    let (model, store, out) = (file("acme.fga"), made("s.fga.yaml"), made("model.pack"));
    let (code, text, _) = actfor(&["compile", &model, "--tuples", &file("tuples.json"), "--out", &out]);
    assert!(code == 0 && text.contains("tuples  9"), "{text}");
    fs::write(&store, "model: |\n  model\n    schema 1.1\n  type user\n  type group\n    relations\n      define banned: [user, group#member]\n      define member: [user, group#member] but not banned\n").unwrap();
    let (code, _, warning) = actfor(&["compile", &store, "--out", &out]);
    assert!(code == 0 && warning.starts_with("warning: `group#member` depends on itself"), "{warning}");
}

#[test]
fn what_cannot_be_compiled_says_why_and_leaves_no_file() {
    let out = made("never.pack");
    let (es256, _) = key("es256.json", "ES256");
    let (broken, tuples) = (made("broken.actfor"), made("wrong.json"));
    fs::write(&broken, "actfor 1\nallwo self to read on x as y\n").unwrap();
    fs::write(&tuples, r#"[{"user":"user:a","relation":"owner","object":"repo:web"}]"#).unwrap();
    let rules = file("acme.actfor");
    for (args, part) in [
        (&[&*broken, "--out", &out][..], "policy:2:1"),
        (&[&rules, "--out", &out, "--tuples", &tuples], "type `repo` has no relation `owner`"),
        (&[&rules, "--out", &out, "--tuples", &rules], "tuples are in a file that ends in"),
        (&[&rules, "--out", &out, "--sign", &es256], "packs are signed with Ed25519"),
        (&[&rules, "--out", &out, "--issued", "5", "--expires", "5"], "not after"),
        (&[&rules], "write `actfor compile FILE --out PACK`"),
        (&["--out", &out], "write `actfor compile FILE --out PACK`"),
    ] {
        let (code, _, error) = actfor(&[&["compile"], args].concat());
        assert!(code == 2 && error.contains(part), "{args:?}: {error}");
        assert!(!PathBuf::from(&out).exists(), "{args:?}");
    }
}
