//! Tokens, their claims and DPoP proofs, made and judged by npm `jose` (`tests/differential/judge.mjs`), judged again here.
//!
//! Where we disagree, `tests/differential/exceptions.json` names the change, our code and the reason; we never accept
//! what jose refuses unless it is listed. `ACTFOR_DIFFERENTIAL=tokens,claims,proofs,seed` sets how many cases are made; a run of
//! 20,000 or more fails for an exception that no case needed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

#[path = "support/vectors.rs"]
mod vectors;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use actfor::jose::{Algorithm, Jws, JwsLimits, KeySet, Typ, check_header};
use actfor::json::{self, Limits, Object, Value};
use actfor::proof::{Base, DpopFacts, dpop};
use actfor::{Code, Guard, Timestamp};

use vectors::string;

fn verify(token: &str, keys: &KeySet) -> Result<(), Code> {
    let jws = Jws::parse(token, &JwsLimits::DEFAULT).map_err(|e| e.code)?;
    let algorithm =
        check_header(jws.header(), Algorithm::ALL, Typ::OneOf(&["at+jwt"])).map_err(|e| e.code)?;
    let key = keys.select(algorithm, jws.header().kid()).map_err(|e| e.code)?;
    match key.verify(algorithm, jws.signing_input(), jws.signature()) {
        true => Ok(()),
        false => Err(Code::SignatureInvalid),
    }
}

fn prove(case: &Object<'_>, setup: &Object<'_>) -> Result<(), Code> {
    let headers: Vec<_> = case
        .get("headers")
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().as_bytes())
        .collect();
    let facts = DpopFacts {
        method: "PATCH",
        path: "/repos/web/x",
        bases: &[Base::parse("https://api.example").unwrap()],
        access_token: string(setup, "access_token"),
        thumbprint: string(case, "jkt"),
        algorithms: Algorithm::ALL,
        nonces: None,
        now: Timestamp::from_seconds(setup.get("now").unwrap().as_u64().unwrap()).unwrap(),
        max_age: 60,
        leeway: 5,
        host: None,
    };
    dpop::verify(&headers, &facts).map(drop).map_err(|refusal| refusal.code)
}

/// A guard for the claims that RFC 9068 §2.2 requires, and nothing else.
fn guard(jwks: &Value<'_>) -> Guard {
    let config = vectors::object(|w| {
        w.key("issuers").array(|w| {
            w.object(|w| {
                w.key("issuer").string("https://as.example");
                w.key("audience").string("https://api.example");
                w.key("algorithms").raw(r#"["ES256"]"#);
                w.key("dialect").string("rfc9068");
                w.key("binding").string("optional");
                w.key("jwks").value(jwks);
            });
        });
        w.key("policy").string("actfor 1");
    });
    Guard::from_config(config.as_bytes(), 1).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn agrees_with_jose() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential");
    if !folder.join("node_modules/jose").exists() {
        println!("score\tnpm jose\ttokens and proofs\tskipped: run `npm ci` in tests/differential first");
        assert!(std::env::var_os("CI").is_none(), "in CI nothing is skipped");
        return;
    }
    let wanted = std::env::var("ACTFOR_DIFFERENTIAL").unwrap_or_else(|_| "1000,400,500,1".into());
    let output =
        Command::new("node").arg("judge.mjs").args(wanted.split(',')).current_dir(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines().map(|line| json::parse(line.as_bytes(), &Limits::CONFIG).unwrap());
    let setup = lines.next().unwrap();
    let setup = setup.as_object().unwrap();
    let keys = KeySet::from_value(setup.get("jwks").unwrap(), Algorithm::ALL).unwrap();
    assert_eq!(keys.skipped(), []);

    let guard = guard(setup.get("jwks").unwrap());
    let now = Timestamp::from_seconds(setup.get("now").unwrap().as_u64().unwrap()).unwrap();

    let exceptions = vectors::read("../differential/exceptions.json");
    // Change and code, and how often it was needed.
    let mut known = BTreeMap::new();
    let mut rare = Vec::new();
    for exception in exceptions.as_array().unwrap().iter().map(|e| e.as_object().unwrap()) {
        assert_ne!(string(exception, "reason"), "");
        for change in exception.get("changes").unwrap().as_array().unwrap() {
            let key = (
                string(exception, "kind").to_owned(),
                change.as_str().unwrap().to_owned(),
                string(exception, "code").to_owned(),
            );
            if exception.get("rare").is_some() {
                rare.push(key.clone());
            }
            assert_eq!(known.insert(key, 0_u32), None, "an exception is there twice");
        }
    }

    let (mut cases, mut accepted, mut disagreements) = (0_usize, 0_usize, 0_usize);
    let mut unlisted: BTreeMap<_, (u32, String)> = BTreeMap::new();
    let mut kinds = BTreeMap::<String, usize>::new();
    for line in lines {
        let case = line.as_object().unwrap();
        let kind = string(case, "kind");
        let ours = match kind {
            "claims" => guard.verify(string(case, "text"), now).map(drop).map_err(|refusal| refusal.code),
            "proof" => prove(case, setup),
            _ => verify(string(case, "text"), &keys),
        };
        let theirs = case.get("accepted").and_then(Value::as_bool).unwrap();
        cases += 1;
        *kinds.entry(kind.to_owned()).or_default() += 1;
        accepted += usize::from(ours.is_ok());
        if ours.is_ok() == theirs {
            continue;
        }
        disagreements += 1;
        let code = ours.err().map_or("accepted", Code::as_str);
        let key = (kind.to_owned(), string(case, "change").to_owned(), code.to_owned());
        match known.get_mut(&key) {
            Some(count) => *count += 1,
            None => {
                let entry =
                    unlisted.entry(key).or_insert_with(|| (0, format!("{}: {line:?}", string(case, "alg"))));
                entry.0 += 1;
            }
        }
    }
    let [tokens, claims, proofs] = ["token", "claims", "proof"].map(|kind| kinds.get(kind).unwrap_or(&0));
    println!(
        "score\tnpm jose\t{tokens} tokens, {claims} sets of claims and {proofs} DPoP proofs\t{} alike ({accepted} accepted), {disagreements} otherwise",
        cases - disagreements
    );
    for exception in exceptions.as_array().unwrap().iter().map(|e| e.as_object().unwrap()) {
        let (kind, code) = (string(exception, "kind"), string(exception, "code"));
        let changes = exception.get("changes").and_then(Value::as_array).unwrap();
        let changes: Vec<_> = changes.iter().map(|change| change.as_str().unwrap()).collect();
        let count: u32 = changes
            .iter()
            .filter_map(|change| known.get(&(kind.into(), (*change).into(), code.into())))
            .sum();
        let what = format!("{kind} {}: {count} `{code}` here", changes.join(", "));
        println!("score\tnpm jose, otherwise\t{what}\t{}", string(exception, "reason"));
    }
    for (key, (count, example)) in &unlisted {
        println!("{count} × {key:?}, such as {:.1500}", example);
    }
    assert!(unlisted.is_empty(), "{} kinds of disagreement are not listed", unlisted.len());
    if cases >= 20_000 {
        let idle: Vec<_> = known
            .iter()
            .filter(|(key, count)| **count == 0 && !rare.contains(key))
            .map(|(key, _)| key)
            .collect();
        assert!(idle.is_empty(), "these exceptions are no longer needed: {idle:?}");
    }
}
