//! `tests/vectors/proof/`: DPoP proofs, one fault each, and what remembers them.

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
#[path = "support/vectors.rs"]
mod vectors;

use std::collections::BTreeSet;

use actfor::jose::{Algorithm, base64url};
use actfor::json::{Object, Value};
use actfor::proof::{
    Base, DpopFacts, DpopProof, MemoryStore, ReplayStore, StoreError, Use, dpop, refuse_replay,
};
use actfor::{Code, Timestamp};
use actfor_mint::{Proof, SigningKey};

use vectors::{NOW, claims, key, object, only, read, settle, string};

const URL: &str = "https://api.example/repos/web/git/refs/heads/fix";
const PATH: &str = "/repos/web/git/refs/heads/fix";

fn holder() -> SigningKey {
    key(Algorithm::Es256, 21)
}

fn stranger() -> SigningKey {
    key(Algorithm::Es256, 22)
}

fn access_token() -> String {
    let bound =
        claims().replacen('{', &format!("{{\"cnf\":{{\"jkt\":\"{}\"}},", holder().thumbprint().unwrap()), 1);
    key(Algorithm::Es256, 1).with_kid("es").sign("at+jwt", &bound)
}

/// One request, and what becomes of its proof.
struct Case {
    name: String,
    row: u64,
    source: &'static str,
    headers: Vec<Vec<u8>>,
    expect: Option<Code>,
    nonces: Option<&'static [&'static str]>,
}

fn case(row: u64, source: &'static str, name: &str, expect: Option<Code>, headers: &[String]) -> Case {
    let headers = headers.iter().map(|header| header.clone().into_bytes()).collect();
    Case { name: name.into(), row, source, headers, expect, nonces: None }
}

fn header_of(key: &SigningKey) -> String {
    let proof = key.prove(&good(&access_token())).unwrap();
    String::from_utf8(base64url::decode(proof.split('.').next().unwrap()).unwrap()).unwrap()
}

fn good(access_token: &str) -> Proof<'_> {
    Proof { jti: "p-1", method: "PATCH", url: URL, issued_at: NOW, access_token, nonce: None }
}

fn payload_of(proof: &Proof<'_>) -> String {
    let proof = holder().prove(proof).unwrap();
    String::from_utf8(base64url::decode(proof.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn cases() -> Vec<Case> {
    const INVALID: Option<Code> = Some(Code::ProofInvalid);
    let token = access_token();
    let proof = good(&token);
    let sign = |proof: &Proof<'_>| holder().prove(proof).unwrap();
    let plain = sign(&proof);
    let header = header_of(&holder());
    let payload = payload_of(&proof);
    let changed = |text: &str, from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        changed
    };
    let with_header =
        |from: &str, to: &str| holder().sign_as(changed(&header, from, to).as_bytes(), payload.as_bytes());
    let with_claims =
        |from: &str, to: &str| holder().sign_as(header.as_bytes(), changed(&payload, from, to).as_bytes());
    let bad = |row, source, name: &str, proof: String| case(row, source, name, INVALID, &[proof]);
    let fine = |row, source, name: &str, proof: String| case(row, source, name, None, &[proof]);

    let mut cases = vec![
        fine(53, "RFC 9449 §4.3", "good", plain.clone()),
        case(53, "RFC 9449 §7.1", "no_proof", Some(Code::ProofMissing), &[]),
        // Items 1 and 2.
        case(55, "RFC 9449 §4.3, item 1", "two_headers", INVALID, &[plain.clone(), plain.clone()]),
        bad(55, "RFC 9449 §4.3, item 2", "two_joined_by_a_comma", format!("{plain}, {plain}")),
        bad(55, "RFC 9449 §4.3, item 2", "empty_header", String::new()),
        bad(55, "RFC 9449 §4.3, item 2", "not_a_token", "x".into()),
        bad(
            55,
            "RFC 9449 §4.3, item 2",
            "claims_are_an_array",
            holder().sign_as(header.as_bytes(), format!("[{payload}]").as_bytes()),
        ),
        bad(55, "RFC 9449 §4.3, item 2", "jti_twice", with_claims("{", r#"{"jti":"p-2","#)),
        bad(
            55,
            "RFC 9449 §4.3, item 2",
            "larger_than_8_kib",
            with_claims("{", &format!("{{\"x\":\"{}\",", "x".repeat(6_000))),
        ),
        Case {
            headers: vec![[plain.as_bytes(), b"\xe9"].concat()],
            ..bad(55, "RFC 9110 §5.5", "not_ascii", String::new())
        },
        // Items 4 and 5.
        bad(56, "RFC 9449 §4.3, item 4", "typ_of_an_access_token", with_header("dpop+jwt", "at+jwt")),
        bad(56, "RFC 9449 §4.3, item 4", "typ_jwt", with_header("dpop+jwt", "JWT")),
        bad(56, "RFC 9449 §4.3, item 4", "typ_absent", with_header(r#""typ":"dpop+jwt","#, "")),
        fine(56, "RFC 7515 §4.1.9", "typ_with_prefix", with_header("dpop+jwt", "application/DPoP+jwt")),
        bad(56, "RFC 9449 §4.3, item 5", "alg_none", with_header("ES256", "none")),
        bad(56, "RFC 9449 §4.3, item 5", "alg_hmac", with_header("ES256", "HS256")),
        bad(56, "RFC 9449 §4.3, item 5", "alg_of_another_key", with_header("ES256", "Ed25519")),
        bad(56, "RFC 9449 §4.3, item 5", "alg_not_listed", vectors::rsa_key("rsa").prove(&proof).unwrap()),
        bad(23, "RFC 7515 §4.1.11", "crit", with_header("{", r#"{"crit":["x"],"x":1,"#)),
        // Item 6.
        bad(
            39,
            "RFC 9449 §4.3, item 6",
            "signature_empty",
            format!("{}.", plain.rsplit_once('.').unwrap().0),
        ),
        bad(
            39,
            "RFC 9449 §4.3, item 6",
            "signature_of_another_key",
            stranger().sign_as(header.as_bytes(), payload.as_bytes()),
        ),
        bad(
            31,
            "FIPS 186-5 §6.4.2",
            "signature_all_zero",
            vectors::resigned(&plain, |old| vec![0; old.len()]),
        ),
        // Item 7.
        bad(
            56,
            "RFC 9449 §4.3, item 7",
            "jwk_is_private",
            with_header(r#""jwk":{"#, r#""jwk":{"d":"AQAB","#),
        ),
        bad(56, "RFC 9449 §4.2", "jwk_absent", with_header("\"jwk\"", "\"jwx\"")),
        bad(
            56,
            "RFC 9449 §4.2",
            "jwk_is_text",
            holder().sign_as(br#"{"typ":"dpop+jwt","alg":"ES256","jwk":"x"}"#, payload.as_bytes()),
        ),
        bad(
            56,
            "RFC 9449 §4.2",
            "jwk_is_symmetric",
            holder().sign_as(
                br#"{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"oct","k":"AAAA"}}"#,
                payload.as_bytes(),
            ),
        ),
        bad(56, "RFC 7517 §4.2", "jwk_for_encryption", with_header(r#""jwk":{"#, r#""jwk":{"use":"enc","#)),
        bad(
            60,
            "RFC 7638 §3.2",
            "jwk_with_another_alg",
            with_header(r#""jwk":{"#, r#""jwk":{"alg":"ES384","#),
        ),
        fine(
            60,
            "RFC 7638 §3.2",
            "jwk_with_other_members",
            with_header(r#""jwk":{"#, r#""jwk":{"use":"sig","kid":"mine","x5t":"AA","#),
        ),
        // Item 8.
        bad(57, "RFC 9449 §4.3, item 8", "htm_of_another_method", sign(&Proof { method: "GET", ..proof })),
        bad(
            57,
            "RFC 9449 §4.3, item 8, RFC 9110 §9.1",
            "htm_in_lower_case",
            sign(&Proof { method: "patch", ..proof }),
        ),
        bad(57, "RFC 9449 §4.3, item 3", "htm_absent", with_claims("\"htm\"", "\"htx\"")),
        bad(57, "RFC 9449 §4.3, item 3", "htm_not_a_string", with_claims("\"PATCH\"", "[\"PATCH\"]")),
        bad(58, "RFC 9449 §4.3, item 3", "htu_absent", with_claims("\"htu\"", "\"htx\"")),
        bad(58, "RFC 9449 §4.3, item 3", "htu_not_a_string", with_claims(&format!("\"{URL}\""), "1")),
        // Item 12.
        bad(59, "RFC 9449 §4.3, item 3", "ath_absent", with_claims("\"ath\"", "\"atx\"")),
        bad(
            59,
            "RFC 9449 §4.3, item 12",
            "ath_of_another_token",
            sign(&Proof { access_token: "other", ..proof }),
        ),
        bad(59, "RFC 9449 §4.3, item 12", "ath_padded", with_claims("\"}", "=\"}")),
        bad(59, "RFC 9449 §4.3, item 12", "ath_in_hexadecimal", hex_ath(&header, &payload)),
        bad(60, "RFC 9449 §4.3, item 12", "key_of_a_stranger", stranger().prove(&proof).unwrap()),
        bad(
            60,
            "RFC 9449 §4.3, item 12",
            "key_of_a_stranger_ed25519",
            key(Algorithm::Ed25519, 21).prove(&proof).unwrap(),
        ),
        // Item 11.
        fine(62, "RFC 9449 §4.3, item 11", "as_old_as_may_be", sign(&Proof { issued_at: NOW - 65, ..proof })),
        bad(62, "RFC 9449 §4.3, item 11", "too_old", sign(&Proof { issued_at: NOW - 66, ..proof })),
        fine(
            62,
            "RFC 9449 §4.3, item 11",
            "as_early_as_may_be",
            sign(&Proof { issued_at: NOW + 5, ..proof }),
        ),
        bad(62, "RFC 9449 §4.3, item 11", "too_early", sign(&Proof { issued_at: NOW + 6, ..proof })),
        bad(
            62,
            "RFC 9449 §4.3, item 11",
            "too_early_by_a_fraction",
            with_claims(&NOW.to_string(), &format!("{}.1", NOW + 5)),
        ),
        bad(
            62,
            "RFC 9449 §4.3, item 11",
            "too_old_by_a_fraction",
            with_claims(&NOW.to_string(), &format!("{}.9", NOW - 66)),
        ),
        bad(62, "RFC 9449 §4.3, item 3", "iat_absent", with_claims("\"iat\"", "\"iax\"")),
        bad(62, "RFC 9449 §4.3, item 3", "iat_is_text", with_claims(&NOW.to_string(), &format!("\"{NOW}\""))),
        bad(62, "RFC 9449 §4.3, item 3", "iat_negative", with_claims(&NOW.to_string(), "-1")),
        bad(62, "RFC 9449 §4.3, item 3", "iat_with_exponent", with_claims(&NOW.to_string(), "1.79500006e9")),
        // Item 3.
        bad(61, "RFC 9449 §4.3, item 3", "jti_absent", with_claims("\"jti\"", "\"jtx\"")),
        bad(61, "RFC 9449 §4.3, item 3", "jti_empty", sign(&Proof { jti: "", ..proof })),
        bad(61, "RFC 9449 §4.3, item 3", "jti_not_a_string", with_claims("\"p-1\"", "1")),
        bad(61, "RFC 9449 §11.1", "jti_of_257_bytes", sign(&Proof { jti: &"j".repeat(257), ..proof })),
        fine(61, "RFC 9449 §11.1", "jti_of_256_bytes", sign(&Proof { jti: &"j".repeat(256), ..proof })),
        bad(61, "RFC 9449 §11.1", "jti_with_line_break", sign(&Proof { jti: "p\n1", ..proof })),
        bad(61, "RFC 9449 §11.1", "jti_with_zero_width_space", sign(&Proof { jti: "p\u{200b}1", ..proof })),
    ];
    // Item 9.
    for (name, url) in [
        ("htu_scheme_in_upper_case", "HTTPS://api.example/repos/web/git/refs/heads/fix"),
        ("htu_host_in_upper_case", "https://API.Example/repos/web/git/refs/heads/fix"),
        ("htu_default_port", "https://api.example:443/repos/web/git/refs/heads/fix"),
        ("htu_percent_encoded_letter", "https://api.example/repos/%77eb/git/refs/heads/fix"),
        ("htu_other_query", "https://api.example/repos/web/git/refs/heads/fix?x=1"),
        ("htu_fragment", "https://api.example/repos/web/git/refs/heads/fix#x"),
        ("htu_of_the_second_base", "http://localhost:8080/v1/repos/web/git/refs/heads/fix"),
    ] {
        cases.push(fine(58, "RFC 9449 §4.3, item 9, RFC 3986 §6.2", name, sign(&Proof { url, ..proof })));
    }
    for (name, url) in [
        ("htu_other_host", "https://evil.example/repos/web/git/refs/heads/fix"),
        ("htu_other_scheme", "http://api.example/repos/web/git/refs/heads/fix"),
        ("htu_other_port", "https://api.example:8443/repos/web/git/refs/heads/fix"),
        ("htu_other_path", "https://api.example/repos/infra/git/refs/heads/fix"),
        ("htu_path_in_other_case", "https://api.example/repos/WEB/git/refs/heads/fix"),
        ("htu_trailing_slash", "https://api.example/repos/web/git/refs/heads/fix/"),
        ("htu_userinfo", "https://ana@api.example/repos/web/git/refs/heads/fix"),
        ("htu_host_as_userinfo", "https://api.example@evil.example/repos/web/git/refs/heads/fix"),
        ("htu_dot_segments", "https://api.example/repos/infra/../web/git/refs/heads/fix"),
        ("htu_encoded_dot_segments", "https://api.example/repos/infra/%2e%2e/web/git/refs/heads/fix"),
        ("htu_empty_segment", "https://api.example/repos//web/git/refs/heads/fix"),
        ("htu_encoded_slash", "https://api.example/repos%2Fweb/git/refs/heads/fix"),
        ("htu_relative", "/repos/web/git/refs/heads/fix"),
        ("htu_empty", ""),
        ("htu_with_space", "https://api.example/repos/web/git/refs/heads/fix "),
        ("htu_of_the_second_base_without_prefix", "http://localhost:8080/repos/web/git/refs/heads/fix"),
    ] {
        cases.push(bad(58, "RFC 9449 §4.3, item 9", name, sign(&Proof { url, ..proof })));
    }
    // Item 10.
    const NONCES: Option<&[&str]> = Some(&["n-2", "n-1"]);
    let nonce = |name: &str, proof: String, expect| Case {
        nonces: NONCES,
        ..case(62, "RFC 9449 §4.3, item 10, §9", name, expect, &[proof])
    };
    let given = |nonce| sign(&Proof { nonce: Some(nonce), ..proof });
    cases.extend([
        nonce("nonce_current", given("n-2"), None),
        nonce("nonce_before", given("n-1"), None),
        nonce("nonce_old", given("n-0"), Some(Code::ProofNonceNeeded)),
        nonce("nonce_empty", given(""), Some(Code::ProofNonceNeeded)),
        nonce("nonce_absent", plain.clone(), Some(Code::ProofNonceNeeded)),
        nonce("nonce_not_a_string", with_claims("{", r#"{"nonce":["n-2"],"#), INVALID),
        nonce(
            "nonce_good_and_key_of_a_stranger",
            stranger().prove(&Proof { nonce: Some("n-2"), ..proof }).unwrap(),
            INVALID,
        ),
        nonce("nonce_absent_and_too_old", sign(&Proof { issued_at: NOW - 66, ..proof }), INVALID),
        fine(62, "RFC 9449 §4.3, item 10", "nonce_that_nobody_asked_for", given("n-9")),
        bad(
            62,
            "RFC 9449 §4.3, item 10",
            "nonce_that_nobody_asked_for_not_a_string",
            with_claims("{", r#"{"nonce":1,"#),
        ),
    ]);
    cases
}

fn hex_ath(header: &str, payload: &str) -> String {
    let start = payload.find("\"ath\":\"").unwrap() + 7;
    let ath = &payload[start..start + 43];
    let hex: String = base64url::decode(ath).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    holder().sign_as(header.as_bytes(), payload.replace(ath, &hex).as_bytes())
}

#[test]
fn the_file_is_what_the_generator_writes() {
    let lines: Vec<String> = cases()
        .iter()
        .map(|case| {
            object(|w| {
                w.key("name").string(&case.name);
                w.key("row").number(case.row);
                w.key("source").string(case.source);
                w.key("expect").string(case.expect.map_or("proven", Code::as_str));
                if let Some(nonces) = case.nonces {
                    w.key("nonces").array(|w| nonces.iter().for_each(|nonce| w.string(nonce)));
                }
                // One character a byte, as Node hands over header values.
                let latin1 = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
                w.key("headers").array(|w| case.headers.iter().for_each(|header| w.string(&latin1(header))));
            })
        })
        .collect();
    let head = object(|w| {
        w.key("now").number(NOW);
        w.key("method").string("PATCH");
        w.key("path").string(PATH);
        w.key("bases").array(|w| {
            ["https://api.example", "http://localhost:8080/v1"].iter().for_each(|base| w.string(base))
        });
        w.key("algorithms").array(|w| ["ES256", "Ed25519"].iter().for_each(|name| w.string(name)));
        w.key("max_age").number(60);
        w.key("leeway").number(5);
        w.key("access_token").string(&access_token());
        w.key("thumbprint").string(&holder().thumbprint().unwrap());
    });
    let head = head.strip_suffix('}').unwrap();
    settle("proof/dpop.json", &format!("{head},\n\"cases\": [\n{}\n]\n}}\n", lines.join(",\n")));
}

fn texts<'v>(value: &'v Value<'_>) -> Vec<&'v str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// Verifies with the facts of the file, changed by `change`.
fn verify(
    file: &Object<'_>,
    headers: &[Vec<u8>],
    nonces: Option<&[&str]>,
    change: impl FnOnce(&mut DpopFacts<'_>),
) -> Result<DpopProof, Code> {
    let number = |name: &str| file.get(name).unwrap().as_u64().unwrap();
    let bases: Vec<_> =
        texts(file.get("bases").unwrap()).iter().map(|base| Base::parse(base).unwrap()).collect();
    let algorithms: Vec<_> = texts(file.get("algorithms").unwrap())
        .iter()
        .map(|name| Algorithm::from_name(name).unwrap())
        .collect();
    let mut facts = DpopFacts {
        method: string(file, "method"),
        path: string(file, "path"),
        bases: &bases,
        access_token: string(file, "access_token"),
        thumbprint: string(file, "thumbprint"),
        algorithms: &algorithms,
        nonces,
        now: Timestamp::from_seconds(number("now")).unwrap(),
        max_age: number("max_age"),
        leeway: number("leeway"),
        host: recorder::host(),
    };
    change(&mut facts);
    let headers: Vec<_> = headers.iter().map(Vec::as_slice).collect();
    dpop::verify(&headers, &facts).map_err(|refusal| refusal.code)
}

#[test]
fn every_proof_comes_out_as_expected() {
    let file = read("proof/dpop.json");
    let file = file.as_object().unwrap();
    only(
        file,
        &[
            "now",
            "method",
            "path",
            "bases",
            "algorithms",
            "max_age",
            "leeway",
            "access_token",
            "thumbprint",
            "cases",
        ],
    );
    let (mut names, mut rows) = (BTreeSet::new(), BTreeSet::new());
    for case in file.get("cases").unwrap().as_array().unwrap().iter().map(|case| case.as_object().unwrap()) {
        only(case, &["name", "row", "source", "expect", "nonces", "headers"]);
        let name = string(case, "name");
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        rows.insert(case.get("row").unwrap().as_u64().unwrap());
        let headers = texts(case.get("headers").unwrap());
        let headers: Vec<Vec<u8>> =
            headers.iter().map(|text| text.chars().map(|c| u8::try_from(c).unwrap()).collect()).collect();
        let nonces = case.get("nonces").map(texts);
        let found = verify(file, &headers, nonces.as_deref(), |_| {});
        let code = found.as_ref().err().map_or("proven", |code| code.as_str());
        assert_eq!(code, string(case, "expect"), "{name}");
        if let Ok(proof) = found {
            assert_eq!(proof.thumbprint(), string(file, "thumbprint"), "{name}");
            assert_eq!(proof.usable_until().seconds(), proof.issued_at().seconds() + 65, "{name}");
        }
    }
    println!("proof/dpop.json: {} cases, rows {rows:?}", names.len());
    assert_eq!(rows, BTreeSet::from([23, 31, 39, 53, 55, 56, 57, 58, 59, 60, 61, 62]));
}

#[test]
fn a_proof_is_for_one_request_one_token_and_one_service() {
    let file = read("proof/dpop.json");
    let file = file.as_object().unwrap();
    let token = access_token();
    let proof = [holder().prove(&good(&token)).unwrap().into_bytes()];
    let invalid = Err(Code::ProofInvalid);
    let code = |result: Result<DpopProof, Code>| result.map(drop);
    assert_eq!(code(verify(file, &proof, None, |_| {})), Ok(()));
    assert_eq!(code(verify(file, &proof, None, |facts| facts.method = "PUT")), invalid);
    assert_eq!(code(verify(file, &proof, None, |facts| facts.path = "/repos/infra")), invalid);
    assert_eq!(code(verify(file, &proof, None, |facts| facts.access_token = "other")), invalid);
    assert_eq!(code(verify(file, &proof, None, |facts| facts.thumbprint = "")), invalid);
    assert_eq!(code(verify(file, &proof, None, |facts| facts.algorithms = &[])), invalid);
    // Without a configured address nothing is the right one.
    assert_eq!(code(verify(file, &proof, None, |facts| facts.bases = &[])), invalid);
    assert_eq!(code(verify(file, &proof, Some(&[]), |_| {})), Err(Code::ProofNonceNeeded));
    let path = "/repos/./web/git/refs/heads/fix";
    assert_eq!(code(verify(file, &proof, None, |facts| facts.path = path)), invalid);
}

/// A proof by its name, its key and the time when it was made.
fn proof(jti: &str, holder: &SigningKey, issued_at: u64) -> DpopProof {
    let file = read("proof/dpop.json");
    let file = file.as_object().unwrap();
    let token = access_token();
    let header = holder.prove(&Proof { jti, issued_at, ..good(&token) }).unwrap().into_bytes();
    let thumbprint = holder.thumbprint().unwrap();
    let now = Timestamp::from_seconds(issued_at).unwrap();
    let facts = |facts: &mut DpopFacts<'_>| facts.now = now;
    let header = [header];
    verify_as(file, &header, &thumbprint, facts)
}

fn verify_as(
    file: &Object<'_>,
    headers: &[Vec<u8>],
    thumbprint: &str,
    change: impl FnOnce(&mut DpopFacts<'_>),
) -> DpopProof {
    let bases = [Base::parse("https://api.example").unwrap()];
    let mut facts = DpopFacts {
        method: "PATCH",
        path: PATH,
        bases: &bases,
        access_token: string(file, "access_token"),
        thumbprint,
        algorithms: &[Algorithm::Es256],
        nonces: None,
        now: Timestamp::from_seconds(NOW).unwrap(),
        max_age: 60,
        leeway: 5,
        host: recorder::host(),
    };
    change(&mut facts);
    let headers: Vec<_> = headers.iter().map(Vec::as_slice).collect();
    dpop::verify(&headers, &facts).unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

#[test]
fn a_proof_is_used_once() {
    let mut store = MemoryStore::new(10);
    let first = proof("p-1", &holder(), NOW);
    assert_eq!(refuse_replay(&mut store, &first, at(NOW)), Ok(()));
    let replayed = refuse_replay(&mut store, &first, at(NOW)).unwrap_err().code;
    assert_eq!(replayed, Code::ProofReplayed);
    // RFC 9449 §11.1: the name is the client's own, so another key may have the same.
    assert_eq!(store.remember(&proof("p-1", &stranger(), NOW), at(NOW)), Ok(Use::First));
    assert_eq!(store.remember(&proof("p-2", &holder(), NOW), at(NOW)), Ok(Use::First));
    // The same name in a newer proof is a replay too.
    assert_eq!(store.remember(&proof("p-1", &holder(), NOW + 1), at(NOW + 1)), Ok(Use::Again));
    assert_eq!(store.len(), 3);
}

#[test]
fn a_proof_is_remembered_as_long_as_it_could_be_used() {
    let mut store = MemoryStore::new(10);
    assert!(store.is_empty());
    let first = proof("p-1", &holder(), NOW);
    assert_eq!(store.remember(&first, at(NOW)), Ok(Use::First));
    assert_eq!(store.remember(&first, at(NOW + 65)), Ok(Use::Again));
    assert_eq!(store.len(), 1);
    assert_eq!(store.remember(&proof("p-2", &holder(), NOW + 66), at(NOW + 66)), Ok(Use::First));
    assert_eq!(store.len(), 1, "the first one is forgotten");
    assert!(!store.is_empty());
}

#[test]
fn a_full_store_refuses_and_never_forgets_early() {
    let mut store = MemoryStore::new(2);
    let proofs: Vec<_> = ["a", "b", "c"].iter().map(|jti| proof(jti, &holder(), NOW)).collect();
    assert_eq!(store.remember(&proofs[0], at(NOW)), Ok(Use::First));
    assert_eq!(store.remember(&proofs[1], at(NOW)), Ok(Use::First));
    assert_eq!(store.remember(&proofs[2], at(NOW)), Err(StoreError::Full));
    assert_eq!(store.remember(&proofs[0], at(NOW)), Ok(Use::Again));
    assert_eq!(refuse_replay(&mut store, &proofs[2], at(NOW)).unwrap_err().code, Code::ProofStoreUnavailable);
    assert_eq!(store.remember(&proofs[2], at(NOW + 66)), Ok(Use::First));
    assert_eq!(MemoryStore::new(0).remember(&proofs[0], at(NOW)), Err(StoreError::Full));
}

#[test]
fn a_store_that_is_down_refuses() {
    struct Down;
    impl ReplayStore for Down {
        fn remember(&mut self, _: &DpopProof, _: Timestamp) -> Result<Use, StoreError> {
            Err(StoreError::Unavailable)
        }
    }
    let refusal = refuse_replay(&mut Down, &proof("p-1", &holder(), NOW), at(NOW)).unwrap_err();
    assert_eq!((refusal.code, refusal.code.status()), (Code::ProofStoreUnavailable, 503));
}
