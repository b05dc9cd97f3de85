//! Agent Delegation Chains: our own table of chains, and the vectors that ship with the draft's reference implementation
//! (`attenu-guard`, which `cargo xtask setup` installs). Where it is not installed, the test says so.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests may panic"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use actfor::Timestamp;
use actfor::chain::delegation::{Draft, Rules, verify};
use actfor::jose::{Envelope, base64url};
use actfor::json::{self, Limits, Object, Value, Writer};
use sha2::{Digest, Sha256};

#[path = "support/vectors.rs"]
mod vectors;

/// Where the vectors are, if they are installed.
fn installed() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/venv");
    let python = std::fs::read_dir(root.join("lib")).ok()?.filter_map(Result::ok);
    let unix = python.map(|version| version.path().join("site-packages"));
    let mut places = unix.chain([root.join("Lib/site-packages")]);
    places.find_map(|place| Some(place.join("attenu_guard/vectors")).filter(|folder| folder.is_dir()))
}

/// RFC 2104 with SHA-256: the vectors are signed with a shared secret, which no guard accepts.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|b| b ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|b| b ^ 0x5c)).chain_update(inner).finalize().into()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Runs the cases of one folder; gives how many there were.
fn run(folder: &Path, draft: Draft) -> usize {
    let mut count = 0;
    let mut wrong = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "json") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let parsed = json::parse(&bytes, &Limits::CONFIG).unwrap();
        let case = parsed.as_object().unwrap();
        let get = |name: &str| case.get(name);
        let list = |value: Option<&Value<'_>>| -> Vec<String> {
            let items = value.and_then(Value::as_array).unwrap_or_default();
            items.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
        };
        let secret =
            hex(get("signer").unwrap().as_object().unwrap().get("secret_hex").unwrap().as_str().unwrap());
        let verifier = get("verifier").and_then(Value::as_object);
        let accepted =
            verifier.map_or(vec!["HS256".to_owned()], |verifier| list(verifier.get("accepted_algs")));
        let audience = verifier.and_then(|verifier| verifier.get("audience")).and_then(Value::as_str);
        let audiences: Vec<String> = audience.into_iter().map(str::to_owned).collect();
        let signed = |envelope: &Envelope<'_>| {
            let algorithm = envelope.header().algorithm().unwrap_or_default();
            algorithm == "HS256"
                && accepted.iter().any(|known| known == algorithm)
                && hmac(&secret, envelope.signing_input()) == envelope.signature()
        };
        let tokens = list(get("tokens"));
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let now = Timestamp::from_seconds(get("now").and_then(Value::as_u64).unwrap()).unwrap();
        let rules = Rules { draft, audiences: &audiences, leeway: 0 };
        let found = verify(&tokens, &rules, now, signed).map_or_else(|reason| reason.as_str(), |()| "accept");
        let expected = get("expect_reject_reason").or(get("expect")).and_then(Value::as_str).unwrap();
        count += 1;
        if found != expected {
            wrong.push(format!("{}: {found}, expected {expected}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    count
}

#[test]
fn chains_of_the_reference_implementation_are_judged_as_it_judges_them() {
    let Some(folder) = installed() else {
        assert!(std::env::var_os("CI").is_none(), "attenu-guard is not installed: cargo xtask setup");
        println!(
            "score\tdelegation chains\tattenu-guard\tskipped: it is not installed in target/venv (cargo xtask setup)"
        );
        return;
    };
    let first = run(&folder, Draft::First);
    let second = run(&folder.join("draft02"), Draft::Second);
    println!(
        "score\tdelegation chains\tattenu-guard\t{first} chains of -01 and {second} of -02, all as expected"
    );
    assert!(first >= 20 && second >= 35);
}

fn text(value: &Value<'_>) -> String {
    let mut w = Writer::default();
    w.value(value);
    w.finish()
}

/// The tokens of a row of `vectors/chain/delegation.json`. `root` and `child` change claims (`null` leaves one out);
/// `scopes` and `constraints` have a list for each of the two. Of the last token only: `edit` replaces a part of the
/// payload, `payload` and `header` the whole, and without `link` it has no `par_hash`.
fn tokens(table: &Object<'_>, case: &Object<'_>) -> Vec<String> {
    let member = |name: &str, at: usize| case.get(name).map(|pair| text(&pair.as_array().unwrap()[at]));
    let count = case.get("tokens").and_then(Value::as_u64).unwrap_or(2);
    let last = count.saturating_sub(1);
    let mut tokens: Vec<String> = Vec::new();
    for (at, name) in (0..count).zip(["root", "child"]) {
        let scopes = member("scopes", tokens.len()).unwrap_or_else(|| r#"["crm.read"]"#.into());
        let constraints = member("constraints", tokens.len()).unwrap_or_else(|| "[]".into());
        let detail =
            format!(r#"[{{"constraints":{constraints},"scopes":{scopes},"type":"agent_delegation"}}]"#);
        let mut claims = BTreeMap::from([("authorization_details", detail)]);
        if let Some(before) = tokens.last().filter(|_| case.get("link").is_none()) {
            let (signed, _) = before.rsplit_once('.').unwrap();
            claims.insert("par_hash", format!("{:?}", base64url::encode(&Sha256::digest(signed))));
        }
        for changes in [table.get(name), case.get(name)].into_iter().flatten() {
            for (claim, value) in changes.as_object().unwrap().iter() {
                match value {
                    Value::Null => claims.remove(claim),
                    value => claims.insert(claim, text(value)),
                };
            }
        }
        let members: Vec<String> =
            claims.into_iter().map(|(claim, value)| format!("{claim:?}:{value}")).collect();
        let mut payload = format!("{{{}}}", members.join(","));
        let mut header = r#"{"alg":"ES256","typ":"at+jwt"}"#.to_owned();
        if at == last {
            if let Some(edit) = case.get("edit").and_then(Value::as_array) {
                let [from, to] = [&edit[0], &edit[1]].map(|part| part.as_str().unwrap());
                assert!(payload.contains(from), "{from} is not in {payload}");
                payload = payload.replace(from, to);
            }
            payload = case.get("payload").and_then(Value::as_str).map_or(payload, str::to_owned);
            header = case.get("header").map_or(header, text);
        }
        tokens.push(vectors::join(header.as_bytes(), payload.as_bytes(), &[7; 64]));
    }
    tokens
}

#[test]
fn every_row_of_the_table_ends_as_it_says() {
    let file = vectors::read("chain/delegation.json");
    let table = file.as_object().unwrap();
    let now = Timestamp::from_seconds(table.get("now").and_then(Value::as_u64).unwrap()).unwrap();
    let audiences = [vectors::string(table, "audience").to_owned()];
    let known = [
        "name",
        "expect",
        "draft",
        "tokens",
        "signed",
        "header",
        "edit",
        "payload",
        "root",
        "child",
        "link",
        "leeway",
        "scopes",
        "constraints",
    ];
    let mut wrong = Vec::new();
    for case in table.get("cases").and_then(Value::as_array).unwrap() {
        let case = case.as_object().unwrap();
        vectors::only(case, &known);
        let number = |name: &str| case.get(name).and_then(Value::as_u64);
        let draft = if number("draft") == Some(1) { Draft::First } else { Draft::Second };
        let rules = Rules { draft, audiences: &audiences, leeway: number("leeway").unwrap_or(0) };
        let tokens = tokens(table, case);
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let signed = |_: &Envelope<'_>| case.get("signed").is_none();
        let found = verify(&tokens, &rules, now, signed).map_or_else(|reason| reason.as_str(), |()| "accept");
        let (name, expected) = (vectors::string(case, "name"), vectors::string(case, "expect"));
        if found != expected {
            wrong.push(format!("{name}: {found}, expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
