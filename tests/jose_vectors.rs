//! `tests/vectors/jose/`: tokens whose form, header, key or signature is at fault, and key sets.
//!
//! The cases are made here from fixed keys, written to files that every host reads, and run from those files.

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

use actfor::Code;
use actfor::jose::{Algorithm, Jws, JwsLimits, KeySet, Typ, base64url, check_header};
use actfor::json::{Value, Writer};

use vectors::{claims, join, key, minus, object, only, read, resigned, rsa_key, settle, string};

/// One token, and what becomes of it.
struct Case {
    name: String,
    row: u64,
    source: &'static str,
    token: String,
    /// `None`: it verifies.
    expect: Option<Code>,
    /// Instead of those of the file.
    algorithms: Option<&'static [&'static str]>,
    /// Instead of those of the file.
    jwks: Option<String>,
}

fn ok(row: u64, source: &'static str, name: &str, token: String) -> Case {
    Case { name: name.into(), row, source, token, expect: None, algorithms: None, jwks: None }
}

fn refused(row: u64, source: &'static str, code: Code, name: &str, token: String) -> Case {
    Case { expect: Some(code), ..ok(row, source, name, token) }
}

impl Case {
    fn algorithms(mut self, algorithms: &'static [&'static str]) -> Self {
        self.algorithms = Some(algorithms);
        self
    }

    fn jwks(mut self, keys: &[String]) -> Self {
        self.jwks = Some(key_set(keys));
        self
    }
}

fn key_set(keys: &[String]) -> String {
    format!("{{\"keys\":[{}]}}", keys.join(","))
}

const ALGORITHMS: &[&str] = &["ES256", "Ed25519", "RS256", "PS256", "ES384"];

fn jwks() -> String {
    let p384 = vectors::development_key("p384").replacen('{', r#"{"kid":"p384","#, 1);
    let pinned = rsa_key("pinned").public_jwk().replace("RS256", "PS256");
    key_set(&[es().public_jwk(), ed().public_jwk(), rsa_key("rsa").public_jwk(), pinned, p384])
}

fn es() -> actfor_mint::SigningKey {
    key(Algorithm::Es256, 1).with_kid("es")
}

fn ed() -> actfor_mint::SigningKey {
    key(Algorithm::Ed25519, 2).with_kid("ed")
}

fn header(text: &str) -> String {
    es().sign_as(text.as_bytes(), claims().as_bytes())
}

fn payload(bytes: &[u8]) -> String {
    es().sign_as(HEADER.as_bytes(), bytes)
}

const HEADER: &str = r#"{"alg":"ES256","typ":"at+jwt","kid":"es"}"#;

fn with(member: &str) -> String {
    header(&HEADER.replacen('{', &format!("{{{member},"), 1))
}

fn cases() -> Vec<Case> {
    let mut cases = envelope();
    cases.extend(json());
    cases.extend(headers());
    cases.extend(kinds());
    cases.extend(signatures());
    cases
}

fn envelope() -> Vec<Case> {
    use Code::{TokenMalformed, TokenTooLarge};
    let token = es().sign("at+jwt", &claims());
    let [h, p, s] = <[&str; 3]>::try_from(token.split('.').collect::<Vec<_>>()).unwrap();
    let malformed =
        |row, source, name: &str, token: String| refused(row, source, TokenMalformed, name, token);
    let mut cases = vec![
        ok(1, "RFC 7515 §7.1", "three_parts", token.clone()),
        ok(1, "RFC 8037 §3.1, RFC 9864 §2.2", "ed25519", ed().sign("at+jwt", &claims())),
        ok(1, "RFC 7518 §3.3", "rs256", rsa_key("rsa").sign("at+jwt", &claims())),
        malformed(1, "RFC 7515 §7.1", "one_part", h.into()),
        malformed(1, "RFC 7515 §7.1", "two_parts", format!("{h}.{p}")),
        malformed(1, "RFC 7515 §7.1", "four_parts", format!("{token}.")),
        malformed(
            1,
            "RFC 7516 §3.1, RFC 8725 §3.3",
            "five_parts_as_if_encrypted",
            format!("{h}.{p}.{s}.{s}.{s}"),
        ),
        malformed(1, "RFC 7515 §7.1", "empty_header", format!(".{p}.{s}")),
        malformed(
            2,
            "RFC 7515 §7.2",
            "json_serialization",
            format!("{{\"protected\":\"{h}\",\"payload\":\"{p}\",\"signature\":\"{s}\"}}"),
        ),
        malformed(2, "RFC 9901 §4", "disclosures_behind", format!("{token}~")),
        malformed(3, "RFC 7515 §2", "padding", format!("{h}.{p}.{s}==")),
        malformed(3, "RFC 7515 §2", "padding_in_header", format!("{h}=.{p}.{s}")),
        malformed(3, "RFC 7515 §2", "tab_inside", format!("{h}.{p}.\t{s}")),
        malformed(3, "RFC 7515 §2", "percent_inside", format!("{h}.{p}%2E{s}")),
        // 86 characters for 64 bytes: the last one has four bits that mean nothing.
        malformed(4, "RFC 4648 §3.5", "other_trailing_bits_in_signature", with_trailing_bit(&token)),
        malformed(4, "RFC 4648 §3.5", "length_that_no_bytes_have", format!("{h}.{p}.{s}AAA")),
        refused(
            11,
            "RFC 8725 §3",
            TokenTooLarge,
            "token_of_17_kib",
            es().sign("at+jwt", &claims_with(&"x".repeat(13_000))),
        ),
        refused(
            11,
            "RFC 8725 §3",
            TokenTooLarge,
            "header_above_4_kib",
            with(&format!("\"x\":\"{}\"", "x".repeat(4_096))),
        ),
    ];
    // The signature is one whose text has a `-` or `_`, so that the other alphabet shows.
    let alphabet = (0..).map(|n| es().sign("at+jwt", &claims_with(&n.to_string())));
    let mut alphabet = alphabet.filter(|token| token.rsplit('.').next().unwrap().contains(['-', '_']));
    let other = alphabet.next().unwrap().replace('-', "+").replace('_', "/");
    cases.push(malformed(3, "RFC 7515 §2, RFC 4648 §4", "standard_alphabet", other));
    cases
}

fn claims_with(text: &str) -> String {
    claims().replacen('{', &format!("{{\"note\":\"{text}\","), 1)
}

fn with_trailing_bit(token: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = token.split_at(token.len() - 1);
    let value = ALPHABET.find(last).unwrap();
    format!("{rest}{}", ALPHABET.chars().nth(value | 1).unwrap())
}

fn json() -> Vec<Case> {
    let claims = claims();
    let text = claims.as_bytes();
    let utf16: Vec<u8> = claims.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let replaced = |from: &str, to: &str| {
        let changed = claims.replacen(from, to, 1);
        assert_ne!(changed, claims);
        changed.into_bytes()
    };
    let nested = |depth| [&b"{\"x\":"[..], &b"[".repeat(depth), &b"]".repeat(depth), b"}"].concat();
    let members = (0..257).map(|n| format!("\"x{n}\":0")).collect::<Vec<_>>().join(",");
    let payloads: Vec<(u64, &str, &str, Vec<u8>)> = vec![
        (
            5,
            "RFC 8725 §3.7",
            "payload_not_utf8",
            replaced("ana", "an\u{1}").iter().map(|b| if *b == 1 { 0xe1 } else { *b }).collect(),
        ),
        (5, "RFC 8259 §8.1", "payload_with_byte_order_mark", [b"\xef\xbb\xbf", text].concat()),
        (5, "RFC 8725 §3.7", "payload_in_utf16", utf16),
        (5, "RFC 8259 §8.2", "payload_with_lone_surrogate", replaced("\"ana\"", r#""an\ud800""#)),
        (7, "RFC 7519 §4", "sub_twice", replaced("{", r#"{"sub":"bo","#)),
        (7, "RFC 7519 §4", "sub_twice_once_escaped", replaced("{", r#"{"s\u0075b":"bo","#)),
        (7, "RFC 7519 §4", "act_twice", replaced("{", r#"{"act":{"sub":"x"},"#)),
        (8, "RFC 7519 §4", "sub_twice_in_act", replaced(r#""act":{"#, r#""act":{"sub":"bo","#)),
        (
            8,
            "RFC 7519 §4",
            "mode_twice_in_agent_rel",
            replaced(r#""agent_rel":{"#, r#""agent_rel":{"mode":"offline","#),
        ),
        (9, "RFC 8259 §2", "bytes_after_the_claims", [text, b"x"].concat()),
        (9, "RFC 8259 §2", "nul_after_the_claims", [text, b"\0"].concat()),
        (9, "RFC 8259 §2", "two_objects", [text, text].concat()),
        (9, "RFC 8259 §2", "comment", [text, b"//"].concat()),
        (9, "RFC 8259 §6", "not_a_number", replaced("1795000300", "NaN")),
        (9, "RFC 8259 §6", "infinity", replaced("1795000300", "Infinity")),
        (9, "RFC 8259 §6", "leading_zero", replaced("1795000300", "01795000300")),
        (9, "RFC 8259 §7", "single_quotes", replaced("\"sub\"", "'sub'")),
        (9, "RFC 8259 §4", "trailing_comma", replaced("rw\"}", "rw\",}")),
        (9, "RFC 8259 §7", "raw_line_break_in_a_string", replaced("\"ana\"", "\"an\na\"")),
        (10, "RFC 7519 §7.2", "payload_is_an_array", [b"[", text, b"]"].concat()),
        (10, "RFC 7519 §7.2", "payload_is_a_string", b"\"ana\"".to_vec()),
        (10, "RFC 7519 §7.2", "payload_is_null", b"null".to_vec()),
        (10, "RFC 7519 §7.2", "payload_is_a_number", b"1".to_vec()),
        (10, "RFC 7519 §7.2", "payload_is_empty", Vec::new()),
        (11, "RFC 8725 §3", "nested_too_deep", nested(40)),
        (11, "RFC 8725 §3", "nested_far_too_deep", nested(5_000)),
        (11, "RFC 8725 §3", "too_many_members", format!("{{{members}}}").into_bytes()),
    ];
    let mut cases: Vec<_> = payloads
        .into_iter()
        .map(|(row, source, name, bytes)| refused(row, source, Code::TokenMalformed, name, payload(&bytes)))
        .collect();
    for (row, source, name, bytes) in [
        (5, "RFC 8259 §8.1", "header_with_byte_order_mark", [b"\xef\xbb\xbf", HEADER.as_bytes()].concat()),
        (
            5,
            "RFC 8725 §3.7",
            "header_not_utf8",
            [HEADER.replace("es\"}", "e").as_bytes(), b"\xe1\"}"].concat(),
        ),
        (6, "RFC 7515 §4", "alg_twice", HEADER.replacen('{', r#"{"alg":"none","#, 1).into_bytes()),
        (
            6,
            "RFC 7515 §4",
            "kid_twice_once_escaped",
            HEADER.replacen('{', r#"{"k\u0069d":"ed","#, 1).into_bytes(),
        ),
        (9, "RFC 8259 §2", "bytes_after_the_header", [HEADER.as_bytes(), b" 1"].concat()),
        (10, "RFC 7515 §4", "header_is_an_array", format!("[{HEADER}]").into_bytes()),
        (10, "RFC 7515 §4", "header_is_a_string", b"\"ES256\"".to_vec()),
    ] {
        cases.push(refused(row, source, Code::TokenMalformed, name, es().sign_as(&bytes, text)));
    }
    cases
}

fn headers() -> Vec<Case> {
    use Code::{AlgorithmNotAllowed, HeaderUnsupported, KeyUnknown};
    let mut cases = Vec::new();
    for (name, alg) in [
        ("alg_none", r#""none""#),
        ("alg_none_capital", r#""None""#),
        ("alg_none_mixed", r#""noNE""#),
        ("alg_empty", r#""""#),
        ("alg_null", "null"),
        ("alg_number", "256"),
        ("alg_array", r#"["ES256"]"#),
        ("alg_lower_case", r#""es256""#),
        ("alg_with_space", r#""ES256 ""#),
    ] {
        let text = HEADER.replace(r#""ES256""#, alg);
        cases.push(refused(13, "RFC 8725 §3.1, §3.2", AlgorithmNotAllowed, name, header(&text)));
        if name.starts_with("alg_none") {
            let unsigned = join(text.as_bytes(), claims().as_bytes(), b"");
            cases.push(refused(
                13,
                "RFC 8725 §2.1",
                AlgorithmNotAllowed,
                &format!("{name}_unsigned"),
                unsigned,
            ));
        }
    }
    let absent = HEADER.replace(r#""alg":"ES256","#, "");
    cases.push(refused(13, "RFC 7515 §4.1.1", AlgorithmNotAllowed, "alg_absent", header(&absent)));
    for (row, name, alg) in
        [(14, "hmac_with_public_key", "HS256"), (15, "hs384", "HS384"), (15, "hs512", "HS512")]
    {
        let text = HEADER.replace("ES256", alg).replace("\"es\"", "\"rsa\"");
        cases.push(refused(row, "RFC 8725 §2.1", AlgorithmNotAllowed, name, hmac(&text)));
    }

    cases.push(
        refused(
            16,
            "RFC 8725 §3.1",
            AlgorithmNotAllowed,
            "algorithm_of_another_issuer",
            es().sign("at+jwt", &claims()),
        )
        .algorithms(&["Ed25519"]),
    );
    for (name, alg, kid) in [
        ("es256_with_p384_key", "ES256", "p384"),
        ("es256_with_rsa_key", "ES256", "rsa"),
        ("ed25519_with_p256_key", "Ed25519", "es"),
        ("rs256_with_key_for_ps256", "RS256", "pinned"),
        ("ps256_with_key_for_rs256", "PS256", "rsa"),
    ] {
        let text = HEADER.replace("ES256", alg).replace("\"es\"", &format!("\"{kid}\""));
        let token = if alg == "RS256" {
            rsa_key(kid).sign_as(text.as_bytes(), claims().as_bytes())
        } else {
            header(&text)
        };
        cases.push(refused(16, "RFC 8725 §3.1", AlgorithmNotAllowed, name, token));
    }
    let old_name = ed().sign_as(br#"{"alg":"EdDSA","typ":"at+jwt","kid":"ed"}"#, claims().as_bytes());
    cases.push(refused(
        17,
        "RFC 9864 §4.1.2",
        AlgorithmNotAllowed,
        "eddsa_where_ed25519_is_listed",
        old_name.clone(),
    ));
    cases.push(ok(17, "RFC 8037 §3.1", "eddsa_where_eddsa_is_listed", old_name).algorithms(&["EdDSA"]));
    let new_name = ed().sign("at+jwt", &claims());
    cases.push(
        refused(17, "RFC 9864 §2.2", AlgorithmNotAllowed, "ed25519_where_eddsa_is_listed", new_name)
            .algorithms(&["EdDSA"]),
    );

    for (name, kid, code) in [
        ("kid_is_a_path", r#""../../es""#, KeyUnknown),
        ("kid_is_sql", r#""es' OR '1'='1""#, KeyUnknown),
        ("kid_differs_in_case", r#""ES""#, KeyUnknown),
        ("kid_with_space", r#""es ""#, KeyUnknown),
        ("kid_with_nul", r#""es\u0000""#, HeaderUnsupported),
        ("kid_with_line_break", r#""es\n""#, HeaderUnsupported),
        ("kid_with_zero_width_space", r#""es\u200b""#, HeaderUnsupported),
        ("kid_empty", r#""""#, HeaderUnsupported),
        ("kid_is_an_array", r#"["es"]"#, HeaderUnsupported),
        ("kid_is_a_number", "1", HeaderUnsupported),
        ("kid_is_null", "null", HeaderUnsupported),
    ] {
        cases.push(refused(18, "RFC 8725 §3.10", code, name, header(&HEADER.replace("\"es\"", kid))));
    }
    let long = |length| header(&HEADER.replace("\"es\"", &format!("\"{}\"", "k".repeat(length))));
    cases.push(refused(18, "RFC 8725 §3.10", KeyUnknown, "kid_of_256_bytes", long(256)));
    cases.push(refused(18, "RFC 8725 §3.10", HeaderUnsupported, "kid_of_257_bytes", long(257)));
    let without = header(&HEADER.replace(r#","kid":"es""#, ""));
    cases.push(ok(19, "RFC 7515 §4.1.4", "no_kid_and_one_key_that_fits", without.clone()));
    let two = [es().public_jwk(), key(Algorithm::Es256, 3).public_jwk()];
    cases.push(refused(19, "RFC 7515 §4.1.4", KeyUnknown, "no_kid_and_two_keys", without.clone()).jwks(&two));
    cases.push(
        refused(19, "RFC 7515 §4.1.4", KeyUnknown, "no_kid_and_no_key", without).jwks(&[ed().public_jwk()]),
    );
    cases.push(refused(
        19,
        "RFC 7515 §4.1.4",
        KeyUnknown,
        "kid_of_no_key",
        header(&HEADER.replace("\"es\"", "\"other\"")),
    ));

    for (row, source, name, member) in [
        (21, "RFC 8725 §3.10", "jku", r#""jku":"https://evil.example/keys""#),
        (21, "RFC 8725 §3.10", "x5u", r#""x5u":"https://evil.example/cert""#),
        (22, "RFC 8725 §3.10", "x5c", r#""x5c":["AA=="]"#),
        (23, "RFC 7515 §4.1.11", "crit_exp", r#""crit":["exp"],"exp":1795000300"#),
        (23, "RFC 7515 §4.1.11", "crit_empty", r#""crit":[]"#),
        (23, "RFC 7515 §4.1.11", "crit_unknown", r#""crit":["x"],"x":1"#),
        (23, "RFC 7515 §4.1.11", "crit_not_an_array", r#""crit":"exp""#),
        (23, "RFC 7515 §4.1.11", "crit_absent_member", r#""crit":["x"]"#),
        (23, "RFC 7515 §4.1.11", "crit_null", r#""crit":null"#),
        (24, "RFC 7797 §6", "b64_false", r#""b64":false"#),
        (24, "RFC 7797 §6", "b64_false_and_crit", r#""b64":false,"crit":["b64"]"#),
        (24, "RFC 7797 §6", "b64_true", r#""b64":true"#),
        (25, "RFC 8725 §3.6", "zip", r#""zip":"DEF""#),
        (25, "RFC 7516 §4.1.2", "enc", r#""enc":"A128GCM""#),
        (25, "RFC 8725 §3.6", "p2c", r#""p2c":1000000000"#),
        (25, "RFC 8725 §3.6", "p2s", r#""p2s":"AA""#),
        (25, "RFC 7519 §5.2", "cty_jwt", r#""cty":"JWT""#),
        (25, "RFC 7519 §5.2", "cty_application_jwt", r#""cty":"application/jwt""#),
        (25, "RFC 7519 §5.2", "cty_not_a_string", r#""cty":["JWT"]"#),
    ] {
        cases.push(refused(row, source, HeaderUnsupported, name, with(member)));
    }
    // Signed by the very key that it brings along.
    let own = key(Algorithm::Es256, 9);
    let text = HEADER.replacen('{', &format!("{{\"jwk\":{},", own.public_jwk()), 1);
    let token = own.sign_as(text.as_bytes(), claims().as_bytes());
    cases.push(refused(22, "RFC 8725 §3.10", HeaderUnsupported, "jwk", token));
    cases.push(ok(25, "RFC 7515 §4.1.10", "cty_of_something_else", with(r#""cty":"json""#)));
    cases.push(ok(25, "RFC 7515 §4", "unknown_member_that_is_not_critical", with(r#""x":1"#)));
    cases
}

/// The attack of RFC 8725 §2.1: HMAC-SHA-256 keyed with the text of a public key.
fn hmac(header: &str) -> String {
    use sha2::Digest as _;
    let token =
        format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(claims().as_bytes()));
    let secret: [u8; 32] = sha2::Sha256::digest(rsa_key("rsa").public_jwk()).into();
    let pad = |byte: u8| [secret.map(|b| b ^ byte), [byte; 32]].concat();
    let inner = sha2::Sha256::new().chain_update(pad(0x36)).chain_update(&token).finalize();
    let mac = sha2::Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    format!("{token}.{}", base64url::encode(&mac))
}

fn kinds() -> Vec<Case> {
    let mut cases = Vec::new();
    let typed = |typ: &str| header(&HEADER.replace("\"at+jwt\"", typ));
    for (name, typ) in [
        ("typ_upper_case", r#""AT+JWT""#),
        ("typ_with_prefix", r#""application/at+jwt""#),
        ("typ_with_prefix_upper_case", r#""application/AT+JWT""#),
        ("typ_with_prefix_mixed_case", r#""Application/at+JWT""#),
    ] {
        cases.push(ok(27, "RFC 7515 §4.1.9, RFC 9068 §4", name, typed(typ)));
    }
    for (row, source, name, typ) in [
        (26, "RFC 9068 §4", "typ_jwt", r#""JWT""#),
        (26, "RFC 9068 §4", "typ_empty", r#""""#),
        (26, "RFC 9068 §4", "typ_number", "1"),
        (26, "RFC 9068 §4", "typ_null", "null"),
        (26, "RFC 9068 §4", "typ_with_parameter", r#""at+jwt;v=1""#),
        (26, "RFC 9068 §4", "typ_in_another_tree", r#""text/at+jwt""#),
        (26, "RFC 9068 §4", "typ_with_prefix_twice", r#""application/application/at+jwt""#),
        (26, "RFC 9068 §4", "typ_with_space", r#""at+jwt ""#),
        (28, "OpenID Connect Core §2", "id_token", r#""JWT""#),
        (
            28,
            "OAuth Identity Assertion Authorization Grant",
            "identity_assertion_grant",
            r#""oauth-id-jag+jwt""#,
        ),
        (28, "OAuth Transaction Tokens", "transaction_token", r#""txntoken+jwt""#),
        (28, "WIMSE", "workload_identity_token", r#""wit+jwt""#),
        (28, "OpenID Connect Back-Channel Logout §2.4", "logout_token", r#""logout+jwt""#),
        (28, "RFC 9449 §4.2", "dpop_proof", r#""dpop+jwt""#),
        (
            28,
            "OAuth Attestation-Based Client Authentication",
            "client_attestation",
            r#""oauth-client-attestation+jwt""#,
        ),
        (28, "OAuth Actor Receipts", "actor_receipt", r#""act-receipt+jwt""#),
        (28, "RFC 9701 §5", "introspection_response", r#""token-introspection+jwt""#),
        (28, "OAuth Status List", "status_list", r#""statuslist+jwt""#),
        (28, "RFC 8417 §2.3", "security_event", r#""secevent+jwt""#),
        (28, "the agent context profile", "context_assertion", r#""agent-context+jwt""#),
        (30, "AAuth", "person_token", r#""aa-person+jwt""#),
    ] {
        cases.push(refused(row, source, Code::TokenTypeWrong, name, typed(typ)));
    }
    let absent = header(&HEADER.replace(r#""typ":"at+jwt","#, ""));
    cases.push(refused(26, "RFC 9068 §4", Code::TokenTypeWrong, "typ_absent", absent));
    cases
}

fn signatures() -> Vec<Case> {
    let token = es().sign("at+jwt", &claims());
    let order = vectors::hex(vectors::P256_ORDER);
    let bad =
        |row, source, name: &str, token: String| refused(row, source, Code::SignatureInvalid, name, token);
    let halves = |r: Option<[u8; 32]>, s: Option<[u8; 32]>| {
        resigned(&token, |old| {
            [r.unwrap_or(old[..32].try_into().unwrap()), s.unwrap_or(old[32..].try_into().unwrap())].concat()
        })
    };
    let other = es().sign("at+jwt", &claims_with("other")).rsplit_once('.').unwrap().1.to_owned();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let edwards = ed().sign("at+jwt", &claims());
    let rsa = rsa_key("rsa").sign("at+jwt", &claims());
    let flipped = {
        let [h, p, s] = <[&str; 3]>::try_from(token.split('.').collect::<Vec<_>>()).unwrap();
        let text = String::from_utf8(base64url::decode(p).unwrap()).unwrap().replacen("ana", "anb", 1);
        format!("{h}.{}.{s}", base64url::encode(text.as_bytes()))
    };
    vec![
        bad(31, "FIPS 186-5 §6.4.2, CVE-2022-21449", "ecdsa_all_zero", halves(Some([0; 32]), Some([0; 32]))),
        bad(31, "FIPS 186-5 §6.4.2", "ecdsa_r_zero", halves(Some([0; 32]), None)),
        bad(31, "FIPS 186-5 §6.4.2", "ecdsa_s_zero", halves(None, Some([0; 32]))),
        bad(31, "FIPS 186-5 §6.4.2", "ecdsa_r_is_n", halves(Some(order), None)),
        bad(31, "FIPS 186-5 §6.4.2", "ecdsa_s_is_n", halves(None, Some(order))),
        bad(31, "FIPS 186-5 §6.4.2", "ecdsa_both_are_n", halves(Some(order), Some(order))),
        bad(31, "FIPS 186-5 §6.4.2", "ecdsa_all_ones", halves(Some([0xff; 32]), Some([0xff; 32]))),
        bad(32, "RFC 7518 §3.4", "ecdsa_in_der", resigned(&token, |old| der(&old))),
        bad(32, "RFC 7518 §3.4", "ecdsa_63_bytes", resigned(&token, |old| old[..63].to_vec())),
        bad(32, "RFC 7518 §3.4", "ecdsa_65_bytes", resigned(&token, |old| [old, vec![0]].concat())),
        bad(
            32,
            "RFC 7518 §3.4",
            "ecdsa_halves_padded",
            resigned(&token, |old| [&[0], &old[..32], &[0], &old[32..]].concat()),
        ),
        ok(
            33,
            "RFC 7518 §3.4",
            "ecdsa_twin",
            resigned(&token, |old| [&old[..32], &minus(vectors::P256_ORDER, &old[32..])].concat()),
        ),
        bad(
            34,
            "RFC 8032 §5.1.7",
            "ed25519_s_above_order",
            resigned(&edwards, |old| {
                [&old[..32], &vectors::plus_little_endian(&old[32..], vectors::hex(vectors::ED25519_ORDER))]
                    .concat()
            }),
        ),
        bad(34, "RFC 8032 §5.1.7", "ed25519_63_bytes", resigned(&edwards, |old| old[..63].to_vec())),
        bad(34, "RFC 8032 §5.1.7", "ed25519_all_zero", resigned(&edwards, |_| vec![0; 64])),
        bad(37, "RFC 8017 §8.2.2", "rsa_shorter_than_modulus", resigned(&rsa, |old| old[1..].to_vec())),
        bad(37, "RFC 8017 §8.2.2", "rsa_longer_than_modulus", resigned(&rsa, |old| [vec![0], old].concat())),
        bad(37, "RFC 8017 §8.2.2", "rsa_all_zero", resigned(&rsa, |old| vec![0; old.len()])),
        bad(
            37,
            "RFC 8017 §8.2.2",
            "rsa_one",
            resigned(&rsa, |old| [vec![0; old.len() - 1], vec![1]].concat()),
        ),
        bad(37, "RFC 8017 §8.2.2", "rsa_all_ones", resigned(&rsa, |old| vec![0xff; old.len()])),
        bad(39, "RFC 7515 §5.2", "signature_empty", format!("{signed}.")),
        bad(39, "RFC 7515 §5.2", "signature_of_another_token", format!("{signed}.{other}")),
        bad(
            39,
            "RFC 7515 §5.2",
            "signature_of_another_key",
            key(Algorithm::Es256, 3).with_kid("es").sign("at+jwt", &claims()),
        ),
        bad(39, "RFC 7515 §5.2", "payload_changed", flipped),
    ]
}

/// The signature as X.509 writes it (RFC 3279 §2.2.3).
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let mut bytes: Vec<u8> = bytes.iter().copied().skip_while(|b| *b == 0).collect();
        if bytes[0] >= 0x80 {
            bytes.insert(0, 0);
        }
        [&[2, bytes.len() as u8], bytes.as_slice()].concat()
    };
    let body = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [&[0x30, body.len() as u8], body.as_slice()].concat()
}

fn write(cases: &[Case]) -> String {
    let lines: Vec<String> = cases
        .iter()
        .map(|case| {
            object(|w| {
                w.key("name").string(&case.name);
                w.key("row").number(case.row);
                w.key("source").string(case.source);
                w.key("expect").string(case.expect.map_or("verified", Code::as_str));
                if let Some(algorithms) = case.algorithms {
                    w.key("algorithms").array(|w| algorithms.iter().for_each(|name| w.string(name)));
                }
                if let Some(jwks) = &case.jwks {
                    w.key("jwks").raw(jwks);
                }
                w.key("token").string(&case.token);
            })
        })
        .collect();
    let algorithms = ALGORITHMS.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    format!(
        "{{\n\"typ\": \"at+jwt\",\n\"now\": {},\n\"algorithms\": [{algorithms}],\n\"jwks\": {},\n\"cases\": [\n{}\n]\n}}\n",
        vectors::NOW,
        jwks(),
        lines.join(",\n")
    )
}

#[test]
fn the_file_is_what_the_generator_writes() {
    settle("jose/tokens.json", &write(&cases()));
}

fn verify(token: &str, keys: &KeySet, allowed: &[Algorithm], typ: &str) -> Result<(), Code> {
    let jws = Jws::parse(token, &JwsLimits::DEFAULT).map_err(|e| e.code)?;
    let algorithm = check_header(jws.header(), allowed, Typ::OneOf(&[typ])).map_err(|e| e.code)?;
    let key = keys.select(algorithm, jws.header().kid()).map_err(|e| e.code)?;
    match key.verify(algorithm, jws.signing_input(), jws.signature()) {
        true => Ok(()),
        false => Err(Code::SignatureInvalid),
    }
}

fn algorithms(value: &Value<'_>) -> Vec<Algorithm> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|name| Algorithm::from_name(name.as_str().unwrap()).unwrap())
        .collect()
}

#[test]
fn every_token_comes_out_as_expected() {
    let file = read("jose/tokens.json");
    let file = file.as_object().unwrap();
    only(file, &["typ", "now", "algorithms", "jwks", "cases"]);
    let (mut names, mut rows) = (BTreeSet::new(), BTreeSet::new());
    for case in file.get("cases").unwrap().as_array().unwrap() {
        let case = case.as_object().unwrap();
        only(case, &["name", "row", "source", "expect", "algorithms", "jwks", "token"]);
        let name = string(case, "name");
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        rows.insert(case.get("row").unwrap().as_u64().unwrap());
        let allowed = algorithms(case.get("algorithms").or(file.get("algorithms")).unwrap());
        let mut keys = KeySet::from_value(case.get("jwks").or(file.get("jwks")).unwrap(), &allowed).unwrap();
        keys.use_host(recorder::host());
        let found = verify(string(case, "token"), &keys, &allowed, string(file, "typ"));
        assert_eq!(found.err().map_or("verified", Code::as_str), string(case, "expect"), "{name}");
    }
    println!("jose/tokens.json: {} cases, rows {rows:?}", names.len());
    let here = (1..=11).chain(13..=19).chain(21..=28).chain([30, 31, 32, 33, 34, 37, 39]);
    assert_eq!(rows, here.collect(), "a row of the attack list has no case");
}

/// A key set, and what of it can be used.
struct KeyCase {
    name: &'static str,
    row: u64,
    source: &'static str,
    keys: Vec<String>,
    /// The `kid` of the keys that can be used; `None`: the set is refused.
    usable: Option<Vec<&'static str>>,
}

fn key_cases() -> Vec<KeyCase> {
    let plain = es().public_jwk();
    let edwards = ed().public_jwk();
    let rsa = rsa_key("rsa").public_jwk();
    let change = |jwk: &str, from: &str, to: &str| {
        let changed = jwk.replacen(from, to, 1);
        assert_ne!(changed, jwk);
        changed
    };
    let unusable = |row, source, name, jwk: String| KeyCase {
        name,
        row,
        source,
        keys: vec![jwk, edwards.clone()],
        usable: Some(vec!["ed"]),
    };
    let one = |row, source, name, jwk: String, kid| KeyCase {
        name,
        row,
        source,
        keys: vec![jwk],
        usable: Some(vec![kid]),
    };
    let coordinate = |name: &str| {
        let text = plain.clone();
        let start = text.find(&format!("\"{name}\":\"")).unwrap() + 5;
        text[start..start + 43].to_owned()
    };
    let (x, y) = (coordinate("x"), coordinate("y"));
    let point = |x: &str, y: &str| format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}","kid":"es"}}"#);
    let zero = base64url::encode(&[0; 32]);
    let okp = |bytes: &[u8]| {
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}","kid":"okp"}}"#, base64url::encode(bytes))
    };
    let modulus = base64url::decode(&rsa.split("\"n\":\"").nth(1).unwrap()[..342]).unwrap();
    let rsa_of = |n: &[u8], e: &[u8]| {
        format!(
            r#"{{"kty":"RSA","alg":"RS256","n":"{}","e":"{}","kid":"r"}}"#,
            base64url::encode(n),
            base64url::encode(e)
        )
    };
    let mut even = modulus.clone();
    *even.last_mut().unwrap() &= 0xfe;
    let mut cases = vec![
        one(38, "RFC 7517 §4", "p256", plain.clone(), "es"),
        one(
            38,
            "RFC 7517 §4",
            "unknown_members_are_ignored",
            change(&plain, "{", r#"{"x5t":"AA","exp":1,"#),
            "es",
        ),
        one(
            38,
            "RFC 7517 §4.3",
            "key_ops_verify",
            change(&plain, "\"use\":\"sig\"", r#""key_ops":["verify"]"#),
            "es",
        ),
        one(38, "RFC 7517 §4.4", "settled_by_its_type", change(&plain, "\"alg\":\"ES256\",", ""), "es"),
        one(
            17,
            "RFC 9864 §2.2",
            "eddsa_key_where_ed25519_is_listed",
            change(&edwards, "\"alg\":\"Ed25519\"", "\"alg\":\"EdDSA\""),
            "ed",
        ),
        one(
            38,
            "RFC 7517 §4.3",
            "key_ops_of_two",
            change(&plain, "\"use\":\"sig\"", r#""key_ops":["sign","verify"]"#),
            "es",
        ),
        unusable(38, "RFC 7517 §4.2", "use_enc", change(&plain, "\"use\":\"sig\"", "\"use\":\"enc\"")),
        unusable(
            38,
            "RFC 7517 §4.2",
            "use_not_a_string",
            change(&plain, "\"use\":\"sig\"", "\"use\":[\"sig\"]"),
        ),
        unusable(
            38,
            "RFC 7517 §4.3",
            "key_ops_without_verify",
            change(&plain, "\"use\":\"sig\"", r#""key_ops":["sign"]"#),
        ),
        unusable(38, "RFC 7517 §4.3", "key_ops_empty", change(&plain, "\"use\":\"sig\"", r#""key_ops":[]"#)),
        unusable(
            38,
            "RFC 7517 §4.3",
            "key_ops_twice",
            change(&plain, "\"use\":\"sig\"", r#""key_ops":["verify","verify"]"#),
        ),
        unusable(
            38,
            "RFC 7517 §4.3",
            "key_ops_not_an_array",
            change(&plain, "\"use\":\"sig\"", r#""key_ops":"verify""#),
        ),
        unusable(
            38,
            "RFC 7517 §4.3",
            "key_ops_not_strings",
            change(&plain, "\"use\":\"sig\"", r#""key_ops":["verify",1]"#),
        ),
        unusable(38, "RFC 8725 §3.1", "alg_of_another_type", change(&plain, "ES256", "RS256")),
        unusable(38, "RFC 8725 §3.1", "alg_of_another_curve", change(&plain, "ES256", "ES384")),
        unusable(38, "RFC 8725 §3.1", "alg_unknown", change(&plain, "ES256", "ES224")),
        unusable(38, "RFC 8725 §3.1", "alg_none", change(&plain, "ES256", "none")),
        unusable(38, "RFC 8725 §3.1", "alg_not_a_string", change(&plain, "\"ES256\"", "256")),
        unusable(
            38,
            "RFC 8725 §3.1",
            "rsa_without_alg_where_two_are_listed",
            change(&rsa, "\"alg\":\"RS256\",", ""),
        ),
        unusable(
            38,
            "RFC 7518 §6.4",
            "symmetric",
            r#"{"kty":"oct","k":"AAAA","alg":"HS256","kid":"es"}"#.into(),
        ),
        unusable(38, "RFC 7518 §6.4", "symmetric_in_disguise", change(&plain, "{", r#"{"k":"AAAA","#)),
        unusable(38, "RFC 7518 §6.2.2", "private", es().to_jwk()),
        unusable(38, "RFC 7518 §6.3.2", "private_rsa_prime", change(&rsa, "{", r#"{"p":"AQAB","#)),
        unusable(38, "RFC 7517 §4.1", "kty_absent", change(&plain, "\"kty\":\"EC\",", "")),
        unusable(38, "RFC 7517 §4.1", "kty_in_lower_case", change(&plain, "\"EC\"", "\"ec\"")),
        unusable(38, "RFC 7517 §4.1", "kty_unknown", change(&plain, "\"EC\"", "\"AKP\"")),
        unusable(38, "RFC 7518 §6.2.1.1", "curve_unknown", change(&plain, "P-256", "secp256k1")),
        unusable(38, "RFC 7518 §6.2.1.1", "curve_of_another_length", change(&plain, "P-256", "P-384")),
        unusable(38, "RFC 7518 §6.2.1.1", "curve_absent", change(&plain, "\"crv\":\"P-256\",", "")),
        unusable(18, "RFC 7517 §4.5", "kid_not_a_string", change(&plain, "\"kid\":\"es\"", "\"kid\":1")),
        unusable(
            18,
            "RFC 7517 §4.5",
            "kid_with_line_break",
            change(&plain, "\"kid\":\"es\"", "\"kid\":\"e\\ns\""),
        ),
        unusable(36, "RFC 7518 §6.2.1", "off_the_curve", point(&y, &x)),
        unusable(36, "RFC 7518 §6.2.1", "zero_point", point(&zero, &zero)),
        unusable(36, "RFC 7518 §6.2.1.2", "coordinate_too_short", point(&x, &y[..42])),
        unusable(
            36,
            "RFC 7518 §6.2.1.2",
            "coordinate_too_long",
            point(&x, &base64url::encode(&[[0].to_vec(), base64url::decode(&y).unwrap()].concat())),
        ),
        // The same point, cut elsewhere: a key would have two texts and two thumbprints.
        unusable(36, "RFC 7518 §6.2.1.2", "coordinates_cut_elsewhere", {
            let both = [base64url::decode(&x).unwrap(), base64url::decode(&y).unwrap()].concat();
            point(&base64url::encode(&both[..31]), &base64url::encode(&both[31..]))
        }),
        unusable(
            36,
            "RFC 7518 §6.2.1.2",
            "coordinate_missing",
            change(&plain, &format!("\"y\":\"{y}\","), ""),
        ),
        unusable(36, "RFC 7515 §2", "coordinate_padded", point(&x, &format!("{y}="))),
        unusable(
            36,
            "SP 800-186 §3.2.1.3",
            "coordinate_above_the_field",
            point(&base64url::encode(&[0xff; 32]), &y),
        ),
        unusable(
            37,
            "RFC 7518 §3.3",
            "rsa_1024_bits",
            change(&vectors::development_key("rsa_1024"), "{", r#"{"alg":"RS256","kid":"r","#),
        ),
        unusable(
            37,
            "RFC 7518 §3.3",
            "rsa_2047_bits",
            rsa_of(&[&[0x7f], &modulus[1..]].concat(), &[1, 0, 1]),
        ),
        unusable(37, "RFC 8017 §3.1", "rsa_exponent_one", rsa_of(&modulus, &[1])),
        unusable(37, "RFC 8017 §3.1", "rsa_exponent_even", rsa_of(&modulus, &[2])),
        unusable(37, "RFC 8017 §3.1", "rsa_exponent_four", rsa_of(&modulus, &[4])),
        // Nine bytes, the last eight of them a good exponent.
        unusable(
            37,
            "RFC 8017 §3.1",
            "rsa_exponent_of_nine_bytes",
            rsa_of(&modulus, &[1, 0, 0, 0, 0, 0, 1, 0, 1]),
        ),
        unusable(37, "RFC 8017 §3.1", "rsa_exponent_empty", rsa_of(&modulus, &[])),
        unusable(37, "RFC 8017 §3.1", "rsa_exponent_of_41_bits", rsa_of(&modulus, &[1, 0, 0, 0, 0, 1])),
        unusable(37, "RFC 8017 §3.1", "rsa_modulus_even", rsa_of(&even, &[1, 0, 1])),
        unusable(
            37,
            "RFC 7518 §6.3.1.1",
            "rsa_modulus_with_leading_zero",
            rsa_of(&[&[0], modulus.as_slice()].concat(), &[1, 0, 1]),
        ),
        unusable(37, "RFC 7518 §6.3.1.2", "rsa_exponent_with_leading_zero", rsa_of(&modulus, &[0, 1, 0, 1])),
        unusable(37, "RFC 7518 §6.3.1.1", "rsa_16384_bits", rsa_of(&[0xff; 2048], &[1, 0, 1])),
        unusable(35, "RFC 8032 §5.1.5", "ed25519_31_bytes", okp(&[7; 31])),
        KeyCase {
            name: "kid_twice",
            row: 38,
            source: "RFC 7517 §4.5",
            keys: vec![plain.clone(), change(&edwards, "\"ed\"", "\"es\"")],
            usable: None,
        },
        KeyCase {
            name: "kid_twice_once_unusable",
            row: 38,
            source: "RFC 7517 §4.5",
            keys: vec![plain.clone(), change(&plain, "\"sig\"", "\"enc\"")],
            usable: None,
        },
        KeyCase {
            name: "a_key_is_not_an_object",
            row: 38,
            source: "RFC 7517 §5.1",
            keys: vec![plain.clone(), "\"es\"".into()],
            usable: None,
        },
        KeyCase { name: "empty", row: 38, source: "RFC 7517 §5.1", keys: vec![], usable: Some(vec![]) },
    ];
    // RFC 8032 §5.1.3, and every encoding of a point of order 1, 2, 4 or 8, canonical or not.
    let p = |last: u8, first: u8| {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (first, last);
        bytes
    };
    let low = |first: u8, last: u8| {
        let mut bytes = [0; 32];
        (bytes[0], bytes[31]) = (first, last);
        bytes
    };
    let eight_a = vectors::hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
    let eight_b = vectors::hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
    let signed = |mut bytes: [u8; 32]| {
        bytes[31] |= 0x80;
        bytes
    };
    // A point of large order whose y is so small that y + p is written in 32 bytes too.
    let small = (2..19).find(|y| {
        let set = KeySet::parse(key_set(&[okp(&low(*y, 0))]).as_bytes(), Algorithm::ALL);
        set.is_ok_and(|set| !set.keys().is_empty())
    });
    let small = small.unwrap();
    cases.push(KeyCase {
        name: "ed25519_small_y",
        row: 35,
        source: "RFC 8032 §5.1.3",
        keys: vec![okp(&low(small, 0))],
        usable: Some(vec!["okp"]),
    });
    for (name, bytes) in [
        ("ed25519_identity", low(1, 0)),
        ("ed25519_identity_with_sign", low(1, 0x80)),
        ("ed25519_order_2", p(0x7f, 0xec)),
        ("ed25519_order_2_with_sign", p(0xff, 0xec)),
        ("ed25519_order_4", low(0, 0)),
        ("ed25519_order_4_with_sign", low(0, 0x80)),
        ("ed25519_order_8_a", eight_a),
        ("ed25519_order_8_a_with_sign", signed(eight_a)),
        ("ed25519_order_8_b", eight_b),
        ("ed25519_order_8_b_with_sign", signed(eight_b)),
        ("ed25519_p", p(0x7f, 0xed)),
        ("ed25519_p_with_sign", p(0xff, 0xed)),
        ("ed25519_p_plus_one", p(0x7f, 0xee)),
        ("ed25519_not_canonical", p(0x7f, 0xed + small)),
        ("ed25519_off_the_curve", low(2, 0)),
    ] {
        cases.push(KeyCase {
            keys: vec![okp(&bytes), edwards.clone()],
            ..unusable(35, "RFC 8032 §5.1.3, §5.1.7", name, String::new())
        });
    }
    cases
}

#[test]
fn the_key_file_is_what_the_generator_writes() {
    let lines: Vec<String> = key_cases()
        .iter()
        .map(|case| {
            object(|w| {
                w.key("name").string(case.name);
                w.key("row").number(case.row);
                w.key("source").string(case.source);
                match &case.usable {
                    None => w.key("expect").string(Code::KeysInvalid.as_str()),
                    Some(kids) => w.key("usable").array(|w| kids.iter().for_each(|kid| w.string(kid))),
                }
                w.key("jwks").raw(&key_set(&case.keys));
            })
        })
        .collect();
    let algorithms = ALGORITHMS.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    settle(
        "jose/key_sets.json",
        &format!("{{\n\"algorithms\": [{algorithms}],\n\"cases\": [\n{}\n]\n}}\n", lines.join(",\n")),
    );
}

#[test]
fn every_key_set_comes_out_as_expected() {
    let file = read("jose/key_sets.json");
    let file = file.as_object().unwrap();
    only(file, &["algorithms", "cases"]);
    let allowed = algorithms(file.get("algorithms").unwrap());
    let mut rows = BTreeSet::new();
    let cases = file.get("cases").unwrap().as_array().unwrap();
    for case in cases.iter().map(|case| case.as_object().unwrap()) {
        only(case, &["name", "row", "source", "expect", "usable", "jwks"]);
        let name = string(case, "name");
        rows.insert(case.get("row").unwrap().as_u64().unwrap());
        match (KeySet::from_value(case.get("jwks").unwrap(), &allowed), case.get("usable")) {
            (Ok(set), Some(usable)) => {
                let found: Vec<_> = set.keys().iter().map(|key| key.kid().unwrap_or("")).collect();
                let usable: Vec<_> =
                    usable.as_array().unwrap().iter().map(|kid| kid.as_str().unwrap()).collect();
                assert_eq!(found, usable, "{name}: {:?}", set.skipped());
                let all = case
                    .get("jwks")
                    .unwrap()
                    .as_object()
                    .unwrap()
                    .get("keys")
                    .unwrap()
                    .as_array()
                    .unwrap()
                    .len();
                assert_eq!(set.keys().len() + set.skipped().len(), all, "{name}");
            }
            (Err(error), None) => assert_eq!(error.code.as_str(), string(case, "expect"), "{name}"),
            (found, _) => panic!("{name}: {found:?}"),
        }
    }
    println!("jose/key_sets.json: {} cases, rows {rows:?}", cases.len());
}

#[test]
fn what_is_not_a_key_set_refuses() {
    let mut many = Writer::default();
    many.object(|w| w.key("keys").array(|w| (0..257).for_each(|_| w.object(|_| {}))));
    let large = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(262_144));
    for text in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[],"keys":[]}"#,
        &many.finish(),
        &large,
        &es().public_jwk(),
    ] {
        let error = KeySet::parse(text.as_bytes(), Algorithm::ALL).unwrap_err();
        assert_eq!(error.code, Code::KeysInvalid, "{text:.40}");
    }
}

/// Moduli whose length is no multiple of eight bits, signed by OpenSSL: an encoding for PSS has one bit less than the
/// modulus (RFC 8017 §9.1.1), which can be a byte less.
#[test]
fn rsa_moduli_of_odd_lengths() {
    for case in read("jose/rsa_lengths.json").as_array().unwrap().iter().map(|case| case.as_object().unwrap())
    {
        only(case, &["bits", "n", "e", "message", "PS256", "short", "high", "RS256"]);
        let modulus = base64url::decode(string(case, "n")).unwrap();
        let bits = modulus.len() * 8 - modulus[0].leading_zeros() as usize;
        assert_eq!(case.get("bits").and_then(Value::as_u64), Some(bits as u64));
        for (algorithm, signature, holds) in [
            (Algorithm::Ps256, "PS256", true),
            (Algorithm::Ps256, "short", false),
            // A good encoding, and a bit of the byte that it does not have.
            (Algorithm::Ps256, "high", false),
            (Algorithm::Rs256, "RS256", true),
        ] {
            let jwk = format!(r#"{{"kty":"RSA","n":"{}","e":"{}"}}"#, string(case, "n"), string(case, "e"));
            let mut set = KeySet::parse(key_set(&[jwk]).as_bytes(), &[algorithm]).unwrap();
            set.use_host(recorder::host());
            let Some(signature) = case.get(signature).and_then(Value::as_str) else { continue };
            let signature = base64url::decode(signature).unwrap();
            let verify = |message: &str, signature: &[u8]| {
                set.keys()[0].verify(algorithm, message.as_bytes(), signature)
            };
            assert_eq!(
                verify(string(case, "message"), &signature),
                holds,
                "{:?} {algorithm}",
                case.get("bits")
            );
            assert!(!verify("another message", &signature));
            assert!(!verify(string(case, "message"), &[&[0], signature.as_slice()].concat()));
            for at in [0, 1, signature.len() / 2, signature.len() - 1] {
                let mut changed = signature.clone();
                changed[at] ^= 1;
                assert!(!verify(string(case, "message"), &changed));
            }
        }
    }
}
