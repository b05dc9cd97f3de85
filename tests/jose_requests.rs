//! `tests/vectors/token/requests.json`: whole requests, each with one fault in its token or its proof, and their
//! decisions. Any host can run them: a configuration, a request, a time, and the code that comes out.
//!
//! The tokens of `vectors/jose` and the proofs of `vectors/proof` are sent through the guard here too.

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

use std::collections::{BTreeMap, BTreeSet};

use actfor::jose::{Algorithm, base64url};
use actfor::json::{self, Limits, Object, Value, Writer};
use actfor::proof::{Certificate, MemoryStore};
use actfor::{Code, Decision, Guard, Request, Timestamp};
use actfor_mint::{Proof, SigningKey, patterns};

use vectors::{NOW, key, object, only, read, settle, string};

const READ_WEB: &str = "/repos/web/x";
const BASE: &str = "https://api.example";

fn issuer_key() -> SigningKey {
    key(Algorithm::Es256, 1).with_kid("es")
}

fn other_issuer_key() -> SigningKey {
    key(Algorithm::Es256, 31).with_kid("es")
}

fn holder() -> SigningKey {
    key(Algorithm::Es256, 21)
}

/// A configuration around the rules of the running examples.
fn config(algorithms: &str, jwks: &str, binding: &str, more: &str) -> String {
    let file = |name: &str| std::fs::read_to_string(vectors::path(&format!("patterns/{name}"))).unwrap();
    let clients = r#"{"code-helper":"agent","test-runner":"agent","hr-agent":"agent"}"#;
    object(|w| {
        w.key("issuers").array(|w| {
            w.object(|w| {
                w.key("issuer").string("https://as.example");
                w.key("audience").raw(r#"["https://api.example"]"#);
                w.key("algorithms").raw(algorithms);
                w.key("jwks").raw(jwks);
                w.key("dialect").string("actfor");
                w.key("binding").string(binding);
                w.key("clients").raw(clients);
            });
            w.object(|w| {
                w.key("issuer").string("https://other.example");
                w.key("audience").raw(r#"["https://api.example"]"#);
                w.key("algorithms").raw(r#"["ES256"]"#);
                w.key("jwks").raw(&format!("{{\"keys\":[{}]}}", other_issuer_key().public_jwk()));
                w.key("dialect").string("actfor");
                w.key("binding").string(binding);
                w.key("clients").raw(clients);
            });
        });
        w.key("names").object(|w| {
            w.key("https://as.example").raw(
                r#"{"user":"user:{sub}","agent":"agent:{sub}","instance":"instance:{id}","client":"client:{client_id}"}"#,
            );
            w.key("https://other.example").raw(r#"{"user":"user:{sub}","agent":"agent:{sub}","same_as":"https://as.example"}"#);
        });
        w.key("policy").string(&file("acme.actfor"));
        w.key("files").object(|w| w.key("acme.fga").string(&file("acme.fga")));
        w.key("tuples").raw(&file("tuples.json"));
        w.key("proof").raw(&format!(
            r#"{{"base_urls":["{BASE}"],"algorithms":["ES256","Ed25519"],"max_age":60,"leeway":5{more}}}"#
        ));
    })
}

fn configs() -> Vec<(&'static str, String)> {
    let jwks = format!("{{\"keys\":[{}]}}", issuer_key().public_jwk());
    let es256 = r#"["ES256"]"#;
    vec![
        ("main", config(es256, &jwks, "optional", "")),
        ("required", config(es256, &jwks, "required", "")),
        (
            "forwarded",
            config(
                es256,
                &jwks,
                "required",
                r#","trust_forwarded_client_cert":["10.1.0.0/16","192.0.2.7","2001:db8::/32"]"#,
            ),
        ),
    ]
}

/// One request and its decision.
struct Case {
    name: &'static str,
    row: u64,
    source: &'static str,
    config: &'static str,
    now: Option<u64>,
    method: &'static str,
    url: String,
    headers: Vec<(&'static str, String)>,
    /// The client certificate of the connection: its SHA-256 in hexadecimal.
    certificate: Option<&'static str>,
    /// The address of the other end of the connection.
    peer: Option<&'static str>,
    /// Whether the same request was decided just before.
    again: bool,
    /// Whether somebody remembers proofs.
    store: bool,
    /// `allow` or a code.
    expect: &'static str,
}

fn request(
    row: u64,
    source: &'static str,
    name: &'static str,
    expect: &'static str,
    headers: Vec<(&'static str, String)>,
) -> Case {
    Case {
        name,
        row,
        source,
        config: "main",
        now: Some(NOW),
        method: "GET",
        url: READ_WEB.into(),
        headers,
        certificate: None,
        peer: None,
        again: false,
        store: true,
        expect,
    }
}

/// A bearer token with these changes to the claims of the offline example.
fn bearer(
    row: u64,
    source: &'static str,
    name: &'static str,
    expect: &'static str,
    changes: &[(&str, Option<&str>)],
) -> Case {
    let token = issuer_key().sign("at+jwt", &claims(changes));
    request(row, source, name, expect, vec![("authorization", format!("Bearer {token}"))])
}

/// The claims of the offline example, with members set (JSON) or left out.
fn claims(changes: &[(&str, Option<&str>)]) -> String {
    let text = patterns::claims(patterns::Pattern::Offline, &patterns::Mint::fixture());
    let value = json::parse(text.as_bytes(), &Limits::TOKEN).unwrap();
    object(|w| {
        for (name, value) in value.as_object().unwrap().iter() {
            if !changes.iter().any(|(changed, _)| *changed == name) {
                w.key(name).value(value);
            }
        }
        for (name, value) in changes {
            if let Some(value) = value {
                w.key(name).raw(value);
            }
        }
    })
}

fn cases() -> Vec<Case> {
    let mut cases = carriers();
    cases.extend(registered_claims());
    cases.extend(names_and_audiences());
    cases.extend(bindings());
    cases
}

fn carriers() -> Vec<Case> {
    let plain = issuer_key().sign("at+jwt", &claims(&[]));
    let header = |value: String| ("authorization", value);
    let query = |url: &str, name, headers| Case {
        url: url.into(),
        ..request(12, "RFC 6750 §2, §2.3", name, "token_ambiguous", headers)
    };
    let bearer_header = || vec![header(format!("Bearer {plain}"))];
    let signed_for = |issuer: &str, key: &SigningKey| {
        let issuer = format!("\"{issuer}\"");
        let instance = format!(r#"{{"iss":{issuer},"id":"S2AAAAAAAAAAAAAAAAAAAA","kind":"task"}}"#);
        let act = format!(r#"{{"iss":{issuer},"sub":"code-helper","sub_profile":"ai_agent"}}"#);
        let token = key.sign(
            "at+jwt",
            &claims(&[("iss", Some(&issuer)), ("agent_instance", Some(&instance)), ("act", Some(&act))]),
        );
        vec![header(format!("Bearer {token}"))]
    };
    let transaction = issuer_key().sign("txntoken+jwt", &claims(&[]));
    vec![
        request(12, "RFC 6750 §2.1", "one_token", "allow", bearer_header()),
        request(
            12,
            "RFC 9110 §11.1",
            "scheme_in_lower_case",
            "allow",
            vec![header(format!("bearer {plain}"))],
        ),
        request(
            12,
            "RFC 6750 §2",
            "two_authorization_headers",
            "token_ambiguous",
            [bearer_header(), bearer_header()].concat(),
        ),
        query(&format!("{READ_WEB}?access_token={plain}"), "token_in_query", vec![]),
        Case {
            expect: "token_ambiguous",
            ..query(&format!("{READ_WEB}?access_token={plain}"), "token_in_query_too", bearer_header())
        },
        request(12, "RFC 6750 §3.1", "no_token", "token_missing", vec![]),
        request(12, "RFC 6750 §2.1", "scheme_without_token", "token_missing", vec![header("Bearer ".into())]),
        request(
            12,
            "RFC 6750 §2.1",
            "another_scheme",
            "token_missing",
            vec![header(format!("Basic {plain}"))],
        ),
        request(
            12,
            "RFC 6750 §2.1",
            "two_tokens_and_a_comma",
            "token_ambiguous",
            vec![header(format!("Bearer {plain},{plain}"))],
        ),
        request(
            3,
            "RFC 7515 §2",
            "space_inside",
            "token_malformed",
            vec![header(format!("Bearer {}", plain.replacen('.', " .", 1)))],
        ),
        request(
            51,
            "RFC 9110 §5.5",
            "token_not_ascii",
            "request_invalid",
            vec![header(format!("Bearer {plain}\u{e9}"))],
        ),
        request(
            20,
            "RFC 8725 §3.8",
            "issuer_with_its_own_key",
            "allow",
            signed_for("https://other.example", &other_issuer_key()),
        ),
        request(
            20,
            "RFC 8725 §3.8",
            "issuer_with_the_key_of_another",
            "signature_invalid",
            signed_for("https://other.example", &issuer_key()),
        ),
        request(
            20,
            "RFC 8725 §3.8",
            "the_other_way_round",
            "signature_invalid",
            signed_for("https://as.example", &other_issuer_key()),
        ),
        request(
            29,
            "OAuth Transaction Tokens",
            "access_token_in_txn_token",
            "token_missing",
            vec![("txn-token", plain.clone())],
        ),
        request(
            29,
            "OAuth Transaction Tokens",
            "transaction_token_in_authorization",
            "token_type_wrong",
            vec![header(format!("Bearer {transaction}"))],
        ),
        Case {
            now: None,
            ..request(44, "RFC 7519 §4.1.4", "clock_not_set", "clock_invalid", bearer_header())
        },
    ]
}

fn registered_claims() -> Vec<Case> {
    const EXP: &str = "RFC 9068 §2.2, RFC 7519 §4.1.4";
    let mut cases = vec![
        bearer(41, EXP, "exp_missing", "claim_missing", &[("exp", None)]),
        bearer(42, EXP, "exp_with_fraction", "allow", &[("exp", Some("1795000061.9"))]),
        bearer(42, EXP, "exp_now_by_its_fraction", "token_expired", &[("exp", Some("1795000060.9"))]),
        bearer(42, EXP, "exp_now", "token_expired", &[("exp", Some("1795000060"))]),
        bearer(42, EXP, "exp_a_second_later", "allow", &[("exp", Some("1795000061"))]),
        bearer(43, "RFC 7519 §4.1.5", "nbf_now", "allow", &[("nbf", Some("1795000060"))]),
        bearer(
            43,
            "RFC 7519 §4.1.5",
            "nbf_a_second_later",
            "token_not_yet_valid",
            &[("nbf", Some("1795000061"))],
        ),
        bearer(
            43,
            "RFC 7519 §4.1.5",
            "nbf_a_fraction_later",
            "token_not_yet_valid",
            &[("nbf", Some("1795000060.1"))],
        ),
        bearer(43, "RFC 7519 §4.1.5", "nbf_is_text", "claim_invalid", &[("nbf", Some("\"1795000000\""))]),
        bearer(
            43,
            "RFC 7519 §4.1.6",
            "iat_in_the_future",
            "token_not_yet_valid",
            &[("iat", Some("1795000061"))],
        ),
        bearer(
            43,
            "RFC 7519 §4.1.6",
            "iat_is_exp",
            "token_expired",
            &[("iat", Some("1795000060")), ("exp", Some("1795000060"))],
        ),
        bearer(43, "RFC 7519 §4.1.6", "iat_after_exp", "claim_invalid", &[("iat", Some("1795000301"))]),
        bearer(43, "RFC 9068 §2.2", "iat_missing", "claim_missing", &[("iat", None)]),
        bearer(43, "RFC 7519 §4.1.6", "iat_is_text", "claim_invalid", &[("iat", Some("\"1795000000\""))]),
        bearer(49, "RFC 9068 §2.2", "jti_missing", "claim_missing", &[("jti", None)]),
        bearer(49, "RFC 7519 §4.1.7", "jti_is_a_number", "claim_invalid", &[("jti", Some("1"))]),
        bearer(49, "RFC 9068 §2.2", "client_id_missing", "claim_missing", &[("client_id", None)]),
        bearer(49, "RFC 9068 §2.2", "client_id_is_a_number", "claim_invalid", &[("client_id", Some("1"))]),
    ];
    for (name, value) in [
        ("exp_is_text", "\"1795000300\""),
        ("exp_beyond_every_number", "1e400"),
        ("exp_with_exponent", "1.8e9"),
        ("exp_negative", "-1"),
        ("exp_is_true", "true"),
        ("exp_is_null", "null"),
        ("exp_is_an_array", "[1795000300]"),
        ("exp_above_2_53", "9007199254740993"),
        ("exp_above_2_64", "18446744073709551616"),
    ] {
        cases.push(bearer(41, EXP, name, "claim_invalid", &[("exp", Some(value))]));
    }
    cases
}

fn names_and_audiences() -> Vec<Case> {
    let mut cases = vec![
        bearer(45, "RFC 9068 §4", "iss_missing", "issuer_unknown", &[("iss", None)]),
        bearer(
            45,
            "RFC 9068 §4",
            "iss_is_an_array",
            "issuer_unknown",
            &[("iss", Some("[\"https://as.example\"]"))],
        ),
        bearer(46, "RFC 9068 §4", "aud_missing", "claim_missing", &[("aud", None)]),
        bearer(
            47,
            "RFC 9068 §4",
            "aud_ours_and_others",
            "allow",
            &[("aud", Some(r#"["https://x.example","https://api.example"]"#))],
        ),
        bearer(49, "RFC 9068 §2.2", "sub_missing", "claim_missing", &[("sub", None)]),
        bearer(49, "RFC 9068 §2.2", "sub_empty", "claim_invalid", &[("sub", Some("\"\""))]),
        bearer(49, "RFC 9068 §2.2", "sub_is_a_number", "claim_invalid", &[("sub", Some("1"))]),
        bearer(49, "RFC 9068 §2.2", "sub_is_null", "claim_invalid", &[("sub", Some("null"))]),
        bearer(
            49,
            "RFC 9068 §2.2",
            "sub_of_1100_bytes",
            "claim_invalid",
            &[("sub", Some(&format!("\"{}\"", "s".repeat(1_100))))],
        ),
        bearer(
            49,
            "RFC 9068 §2.2",
            "jti_of_1024_bytes",
            "allow",
            &[("jti", Some(&format!("\"{}\"", "j".repeat(1_024))))],
        ),
        bearer(
            49,
            "RFC 9068 §2.2",
            "jti_of_1025_bytes",
            "claim_invalid",
            &[("jti", Some(&format!("\"{}\"", "j".repeat(1_025))))],
        ),
        // Not equal to `ana`, and not made equal.
        bearer(
            50,
            "RFC 7519 §7.3",
            "sub_in_another_case",
            "user_lacks_relation",
            &[("sub", Some("\"Ana\""))],
        ),
        bearer(
            50,
            "RFC 7519 §7.3",
            "sub_in_full_width",
            "user_lacks_relation",
            &[("sub", Some("\"ａｎａ\""))],
        ),
        bearer(50, "RFC 7519 §7.3", "sub_with_space", "user_lacks_relation", &[("sub", Some("\"ana \""))]),
        bearer(
            50,
            "RFC 7519 §7.3",
            "sub_with_combining_accent",
            "user_lacks_relation",
            &[("sub", Some("\"a\u{301}na\""))],
        ),
    ];
    for (name, iss) in [
        ("iss_with_slash", "https://as.example/"),
        ("iss_in_upper_case", "https://AS.example"),
        ("iss_with_default_port", "https://as.example:443"),
        ("iss_with_http", "http://as.example"),
        ("iss_that_begins_alike", "https://as.example.evil.example"),
        ("iss_cut_short", "https://as.exampl"),
        ("iss_with_full_width_stop", "https://as\u{ff0e}example"),
        ("iss_empty", ""),
    ] {
        cases.push(bearer(
            45,
            "RFC 9068 §4, RFC 9207 §2.4",
            name,
            "issuer_unknown",
            &[("iss", Some(&format!("\"{iss}\"")))],
        ));
    }
    for (name, expect, aud) in [
        ("aud_empty_array", "claim_invalid", "[]"),
        ("aud_null", "claim_invalid", "null"),
        ("aud_array_of_null", "claim_invalid", "[null]"),
        ("aud_ours_and_null", "claim_invalid", r#"["https://api.example",null]"#),
        ("aud_nested", "claim_invalid", r#"[["https://api.example"]]"#),
        ("aud_is_a_number", "claim_invalid", "1"),
        ("aud_is_an_object", "claim_invalid", r#"{"https://api.example":1}"#),
        ("aud_empty", "claim_invalid", "\"\""),
        ("aud_is_a_star", "audience_mismatch", "\"*\""),
        ("aud_of_another", "audience_mismatch", "\"https://x.example\""),
        ("aud_with_slash", "audience_mismatch", "\"https://api.example/\""),
        ("aud_that_begins_alike", "audience_mismatch", "\"https://api.example.evil.example\""),
        ("aud_in_upper_case", "audience_mismatch", "\"https://API.example\""),
        ("aud_with_others_around", "audience_mismatch", "\"https://x.example https://api.example\""),
    ] {
        cases.push(bearer(46, "RFC 9068 §4, RFC 7519 §4.1.3", name, expect, &[("aud", Some(aud))]));
    }
    let mut spoofed = bearer(
        48,
        "RFC 9068 §4",
        "aud_of_the_host_header",
        "audience_mismatch",
        &[("aud", Some("\"https://evil.example\""))],
    );
    spoofed.headers.extend([("host", "evil.example".into()), ("x-forwarded-host", "evil.example".into())]);
    cases.push(spoofed);
    for (name, sub) in [
        ("sub_with_zero_width_space", r#""an\u200ba""#),
        ("sub_with_right_to_left_override", r#""\u202eana""#),
        ("sub_with_nul", r#""ana\u0000""#),
        ("sub_with_line_break", r#""ana\r\nx: y""#),
        ("sub_with_byte_order_mark", r#""\ufeffana""#),
    ] {
        cases.push(bearer(50, "RFC 7519 §7.3, RFC 8725 §3.12", name, "claim_invalid", &[("sub", Some(sub))]));
    }
    cases
}

/// SHA-256 of `abc` and of nothing in particular.
const CERTIFICATE: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const OTHER_CERTIFICATE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn bindings() -> Vec<Case> {
    let thumbprint = holder().thumbprint().unwrap();
    let jkt = format!(r#"{{"jkt":"{thumbprint}"}}"#);
    let x5t = base64url::encode(&vectors::hex(CERTIFICATE));
    let token = |cnf: Option<&str>| issuer_key().sign("at+jwt", &claims(&[("cnf", cnf)]));
    let proof = |token: &str, key: &SigningKey| {
        let url = format!("{BASE}{READ_WEB}");
        key.prove(&Proof {
            jti: "p-1",
            method: "GET",
            url: &url,
            issued_at: NOW,
            access_token: token,
            nonce: None,
        })
        .unwrap()
    };
    let send = |row, source, name, expect, scheme: &str, cnf: Option<&str>, key: Option<&SigningKey>| {
        let token = token(cnf);
        let mut headers = vec![("authorization", format!("{scheme} {token}"))];
        headers.extend(key.map(|key| ("dpop", proof(&token, key))));
        request(row, source, name, expect, headers)
    };
    let holder = holder();
    let stranger = key(Algorithm::Es256, 22);
    let both = format!(r#"{{"jkt":"{thumbprint}","x5t#S256":"{x5t}"}}"#);
    let extra = format!(r#"{{"jkt":"{thumbprint}","kc-jkt-type":"x"}}"#);
    let certified = format!(r#"{{"x5t#S256":"{x5t}"}}"#);
    let in_act =
        format!(r#"{{"iss":"https://as.example","sub":"code-helper","sub_profile":"ai_agent","cnf":{jkt}}}"#);
    let act_only = |scheme: &str, with_proof: bool| {
        let token = issuer_key().sign("at+jwt", &claims(&[("act", Some(&in_act))]));
        let mut headers = vec![("authorization", format!("{scheme} {token}"))];
        if with_proof {
            headers.push(("dpop", proof(&token, &holder)));
        }
        headers
    };
    let required = |case: Case| Case { config: "required", ..case };
    let certificate = |certificate, case: Case| Case { certificate: Some(certificate), ..case };
    let forwarded = |value: String, case: Case| {
        let mut case = Case { config: "forwarded", peer: Some("10.1.2.3"), ..case };
        case.headers.push(("x-forwarded-client-cert", value));
        case
    };
    let with_no_header = |cnf: &str| vec![("authorization", format!("Bearer {}", token(Some(cnf))))];
    let mtls =
        |name, expect, cnf: &str| required(send(64, "RFC 8705 §3", name, expect, "Bearer", Some(cnf), None));
    let by = |peer, name, expect| Case {
        peer: Some(peer),
        ..forwarded(format!("Hash={CERTIFICATE}"), mtls(name, expect, &certified))
    };
    vec![
        required(send(53, "RFC 9449 §7.1", "dpop", "allow", "DPoP", Some(&jkt), Some(&holder))),
        send(53, "RFC 9449 §7.1", "dpop_scheme_in_lower_case", "allow", "dpop", Some(&jkt), Some(&holder)),
        send(53, "RFC 9449 §7.1", "bound_and_no_proof", "proof_missing", "DPoP", Some(&jkt), None),
        send(53, "RFC 9449 §7.1", "bound_and_sent_as_bearer", "proof_missing", "Bearer", Some(&jkt), None),
        send(
            53,
            "RFC 9449 §7.1",
            "bound_and_sent_as_bearer_with_proof",
            "proof_missing",
            "Bearer",
            Some(&jkt),
            Some(&holder),
        ),
        send(
            53,
            "RFC 9449 §7.1",
            "bound_and_proof_of_a_stranger",
            "proof_invalid",
            "DPoP",
            Some(&jkt),
            Some(&stranger),
        ),
        required(send(
            53,
            "RFC 9449 §7",
            "unbound_where_binding_is_required",
            "proof_missing",
            "Bearer",
            None,
            None,
        )),
        send(
            54,
            "RFC 9449 §7.1",
            "unbound_with_a_proof_is_a_bearer_token",
            "allow",
            "Bearer",
            None,
            Some(&holder),
        ),
        required(send(
            54,
            "RFC 9449 §7.1",
            "unbound_with_a_proof_is_not_bound",
            "proof_missing",
            "Bearer",
            None,
            Some(&holder),
        )),
        send(54, "RFC 9449 §7.1", "unbound_with_scheme_dpop", "proof_invalid", "DPoP", None, Some(&holder)),
        Case {
            again: true,
            ..send(
                61,
                "RFC 9449 §11.1",
                "proof_used_twice",
                "proof_replayed",
                "DPoP",
                Some(&jkt),
                Some(&holder),
            )
        },
        Case {
            store: false,
            ..send(
                61,
                "RFC 9449 §11.1",
                "nobody_remembers_proofs",
                "proof_store_unavailable",
                "DPoP",
                Some(&jkt),
                Some(&holder),
            )
        },
        Case {
            again: true,
            ..send(61, "RFC 6750 §1.2", "bearer_token_used_twice", "allow", "Bearer", None, None)
        },
        send(63, "RFC 7800 §3.1", "cnf_empty", "claim_invalid", "Bearer", Some("{}"), None),
        send(
            63,
            "RFC 7800 §3.1",
            "cnf_unknown_member_only",
            "claim_invalid",
            "Bearer",
            Some(r#"{"kid":"x"}"#),
            None,
        ),
        send(
            65,
            "WIMSE",
            "cnf_with_a_key_for_a_proof_that_is_not_built",
            "claim_invalid",
            "Bearer",
            Some(r#"{"jwk":{"kty":"EC"}}"#),
            None,
        ),
        send(63, "RFC 7800 §3.1", "cnf_null", "claim_invalid", "Bearer", Some("null"), None),
        send(
            63,
            "RFC 7800 §3.1",
            "cnf_is_text",
            "claim_invalid",
            "Bearer",
            Some(&format!("\"{thumbprint}\"")),
            None,
        ),
        send(
            63,
            "RFC 7800 §3.1",
            "cnf_is_an_array",
            "claim_invalid",
            "Bearer",
            Some(&format!("[{jkt}]")),
            None,
        ),
        send(63, "RFC 9449 §6.1", "jkt_null", "claim_invalid", "Bearer", Some(r#"{"jkt":null}"#), None),
        send(63, "RFC 9449 §6.1", "jkt_empty", "claim_invalid", "Bearer", Some(r#"{"jkt":""}"#), None),
        send(
            63,
            "RFC 9449 §6.1",
            "cnf_with_an_unknown_member_too",
            "allow",
            "DPoP",
            Some(&extra),
            Some(&holder),
        ),
        certificate(
            CERTIFICATE,
            send(
                63,
                "RFC 9449 §6.1, RFC 8705 §3",
                "two_bindings_both_satisfied",
                "allow",
                "DPoP",
                Some(&both),
                Some(&holder),
            ),
        ),
        send(
            63,
            "RFC 9449 §6.1, RFC 8705 §3",
            "two_bindings_no_certificate",
            "proof_missing",
            "DPoP",
            Some(&both),
            Some(&holder),
        ),
        certificate(
            CERTIFICATE,
            send(
                63,
                "RFC 9449 §6.1, RFC 8705 §3",
                "two_bindings_no_proof",
                "proof_missing",
                "DPoP",
                Some(&both),
                None,
            ),
        ),
        certificate(
            OTHER_CERTIFICATE,
            send(
                63,
                "RFC 9449 §6.1, RFC 8705 §3",
                "two_bindings_another_certificate",
                "proof_invalid",
                "DPoP",
                Some(&both),
                Some(&holder),
            ),
        ),
        certificate(CERTIFICATE, mtls("certificate", "allow", &certified)),
        certificate(OTHER_CERTIFICATE, mtls("certificate_of_another", "proof_invalid", &certified)),
        mtls("certificate_missing", "proof_missing", &certified),
        certificate(
            CERTIFICATE,
            mtls(
                "certificate_hash_in_hexadecimal",
                "proof_invalid",
                &format!(r#"{{"x5t#S256":"{CERTIFICATE}"}}"#),
            ),
        ),
        certificate(
            CERTIFICATE,
            mtls("certificate_hash_padded", "proof_invalid", &format!(r#"{{"x5t#S256":"{x5t}="}}"#)),
        ),
        Case {
            config: "required",
            ..forwarded(
                format!("Hash={CERTIFICATE}"),
                mtls("forwarded_where_nobody_is_listed", "proof_missing", &certified),
            )
        },
        forwarded(format!("Hash={CERTIFICATE}"), mtls("forwarded_by_a_listed_hop", "allow", &certified)),
        by("192.0.2.7", "forwarded_by_a_listed_address", "allow"),
        by("::ffff:192.0.2.7", "forwarded_by_a_listed_address_shown_as_ipv6", "allow"),
        by("2001:db8::1", "forwarded_by_a_listed_hop_of_ipv6", "allow"),
        by("192.0.2.8", "forwarded_by_a_hop_that_is_not_listed", "proof_missing"),
        by("10.2.0.1", "forwarded_from_beside_the_range", "proof_missing"),
        Case { peer: None, ..by("", "forwarded_by_nobody_knows_whom", "proof_missing") },
        // The hop's own certificate is not the client's.
        certificate(OTHER_CERTIFICATE, by("10.1.2.3", "forwarded_over_the_certificate_of_the_hop", "allow")),
        certificate(
            CERTIFICATE,
            forwarded(
                format!("Hash={OTHER_CERTIFICATE}"),
                mtls("forwarded_another_over_the_certificate_of_the_hop", "proof_invalid", &certified),
            ),
        ),
        certificate(
            OTHER_CERTIFICATE,
            by("192.0.2.8", "certificate_of_another_and_a_forged_header", "proof_invalid"),
        ),
        certificate(
            CERTIFICATE,
            Case {
                headers: with_no_header(&certified),
                ..by("10.1.2.3", "certificate_of_a_listed_hop", "allow")
            },
        ),
        forwarded("Hash=".into(), mtls("forwarded_without_a_hash", "proof_invalid", &certified)),
        forwarded(
            format!("Hash={CERTIFICATE}"),
            forwarded(format!("Hash={CERTIFICATE}"), mtls("forwarded_twice", "proof_invalid", &certified)),
        ),
        forwarded(
            format!("Hash={OTHER_CERTIFICATE},Hash={CERTIFICATE}"),
            mtls("forwarded_last_element", "allow", &certified),
        ),
        forwarded(
            format!("Hash={CERTIFICATE},Hash={OTHER_CERTIFICATE}"),
            mtls("forwarded_first_element_is_the_clients", "proof_invalid", &certified),
        ),
        request(66, "RFC 8693 §4.1", "cnf_in_act_binds_nothing", "allow", act_only("Bearer", false)),
        required(request(
            66,
            "RFC 8693 §4.1",
            "cnf_in_act_does_not_bind",
            "proof_missing",
            act_only("Bearer", true),
        )),
        request(66, "RFC 8693 §4.1", "cnf_in_act_is_no_key", "proof_invalid", act_only("DPoP", true)),
    ]
}

#[test]
fn the_file_is_what_the_generator_writes() {
    let lines: Vec<String> = cases().iter().map(write).collect();
    let configs: Vec<String> =
        configs().iter().map(|(name, config)| format!("\"{name}\": {config}")).collect();
    settle(
        "token/requests.json",
        &format!(
            "{{\n\"configs\": {{\n{}\n}},\n\"cases\": [\n{}\n]\n}}\n",
            configs.join(",\n"),
            lines.join(",\n")
        ),
    );
}

fn write(case: &Case) -> String {
    object(|w| {
        w.key("name").string(case.name);
        w.key("row").number(case.row);
        w.key("source").string(case.source);
        w.key("expect").string(case.expect);
        w.key("config").string(case.config);
        match case.now {
            Some(now) => w.key("now").number(now),
            None => w.key("now").null(),
        }
        w.key("request").object(|w| {
            w.key("method").string(case.method);
            w.key("url").string(&case.url);
            w.key("headers").array(|w| {
                for (name, value) in &case.headers {
                    w.array(|w| {
                        w.string(name);
                        w.string(value);
                    });
                }
            });
        });
        if let Some(certificate) = case.certificate {
            w.key("certificate").string(certificate);
        }
        if let Some(peer) = case.peer {
            w.key("peer").string(peer);
        }
        if case.again {
            w.key("again").bool(true);
        }
        if !case.store {
            w.key("store").bool(false);
        }
    })
}

/// One character a byte, as Node hands over header values.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap()).collect()
}

fn outcome(decision: &Decision) -> &'static str {
    decision.code().map_or("allow", Code::as_str)
}

#[test]
fn every_request_is_decided_as_expected() {
    let file = read("token/requests.json");
    let file = file.as_object().unwrap();
    only(file, &["configs", "cases"]);
    let guards: BTreeMap<_, _> = file
        .get("configs")
        .unwrap()
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, config)| (name, guard(config)))
        .collect();
    let (mut names, mut rows) = (BTreeSet::new(), BTreeSet::new());
    for case in file.get("cases").unwrap().as_array().unwrap().iter().map(|case| case.as_object().unwrap()) {
        only(
            case,
            &[
                "name",
                "row",
                "source",
                "expect",
                "config",
                "now",
                "request",
                "certificate",
                "peer",
                "again",
                "store",
            ],
        );
        let name = string(case, "name");
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        rows.insert(case.get("row").unwrap().as_u64().unwrap());
        assert_eq!(run(case, &guards[string(case, "config")]), string(case, "expect"), "{name}");
    }
    println!("token/requests.json: {} cases, rows {rows:?}", names.len());
    let here = [3, 12, 20, 29, 51].into_iter().chain(41..=50).chain([53, 54, 61, 63, 64, 65, 66]);
    assert_eq!(rows, here.collect(), "a row of the attack list has no case");
}

fn guard(config: &Value<'_>) -> Guard {
    let mut w = Writer::default();
    w.value(config);
    Guard::from_config(w.finish().as_bytes(), 1).unwrap_or_else(|error| panic!("{error}"))
}

fn run(case: &Object<'_>, guard: &Guard) -> &'static str {
    let request = case.get("request").unwrap().as_object().unwrap();
    only(request, &["method", "url", "headers"]);
    let headers = request.get("headers").unwrap().as_array().unwrap().iter().map(|pair| {
        let [name, value] = pair.as_array().unwrap() else { panic!("a header is a pair") };
        (name.as_str().unwrap(), latin1(value.as_str().unwrap()))
    });
    let headers: Vec<_> = headers.collect();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
    let certificate =
        case.get("certificate").map(|hex| Certificate::from_hex(hex.as_str().unwrap()).unwrap());
    let request = Request {
        id: "vector",
        method: string(request, "method"),
        url: string(request, "url"),
        headers: &headers,
        certificate: certificate.as_ref(),
        peer: case.get("peer").map(|peer| peer.as_str().unwrap().parse().unwrap()),
        ..Request::default()
    };
    let now = case.get("now").unwrap().as_u64().and_then(Timestamp::from_seconds);
    let mut store = MemoryStore::new(16);
    let mut decide = || match case.get("store") {
        Some(_) => guard.decide(&request, now),
        None => guard.decide_once(&request, now, &mut store),
    };
    let first = decide();
    if case.get("again").is_none() {
        return outcome(&first);
    }
    assert_eq!(outcome(&first), "allow");
    outcome(&decide())
}

/// Every token of `vectors/jose` comes out of the guard as it comes out of its parts.
#[test]
fn the_guard_agrees_about_tokens() {
    let file = read("jose/tokens.json");
    let file = file.as_object().unwrap();
    let text = |value: &Value<'_>| {
        let mut w = Writer::default();
        w.value(value);
        w.finish()
    };
    let mut cases = 0;
    for case in file.get("cases").unwrap().as_array().unwrap().iter().map(|case| case.as_object().unwrap()) {
        let setting = |name| text(case.get(name).or(file.get(name)).unwrap());
        let config = config(&setting("algorithms"), &setting("jwks"), "optional", "");
        let mut guard = Guard::from_config(config.as_bytes(), 1).unwrap();
        if cases % 25 == 0 {
            guard.prepare();
        }
        let authorization = format!("Bearer {}", string(case, "token")).into_bytes();
        let headers = [("authorization", authorization.as_slice())];
        let request = Request {
            method: "PATCH",
            url: "/repos/web/git/refs/heads/fix",
            headers: &headers,
            ..Request::default()
        };
        let found = outcome(&guard.decide(&request, Timestamp::from_seconds(NOW)));
        let expected = match string(case, "expect") {
            "verified" => "allow",
            // Headers with a tab or a space around are the business of the request, and are refused there.
            other => other,
        };
        assert_eq!(found, expected, "{}", string(case, "name"));
        cases += 1;
    }
    assert!(cases > 150);
}

/// Every proof of `vectors/proof` comes out of the guard as it comes out of its parts.
#[test]
fn the_guard_agrees_about_proofs() {
    let file = read("proof/dpop.json");
    let file = file.as_object().unwrap();
    let jwks = format!("{{\"keys\":[{}]}}", issuer_key().public_jwk());
    let guard = {
        let config = config(r#"["ES256"]"#, &jwks, "required", "").replace(
            r#""base_urls":["https://api.example"]"#,
            r#""base_urls":["https://api.example","http://localhost:8080/v1"]"#,
        );
        Guard::from_config(config.as_bytes(), 1).unwrap()
    };
    let authorization = format!("DPoP {}", string(file, "access_token")).into_bytes();
    let mut cases = 0;
    for case in file.get("cases").unwrap().as_array().unwrap().iter().map(|case| case.as_object().unwrap()) {
        // Nonces are made by the guard itself, from a secret.
        if case.get("nonces").is_some() {
            continue;
        }
        let values: Vec<_> = case
            .get("headers")
            .unwrap()
            .as_array()
            .unwrap()
            .iter()
            .map(|text| latin1(text.as_str().unwrap()))
            .collect();
        let mut headers = vec![("authorization", authorization.as_slice())];
        headers.extend(values.iter().map(|value| ("dpop", value.as_slice())));
        let request =
            Request { method: "PATCH", url: string(file, "path"), headers: &headers, ..Request::default() };
        let found = guard.decide_once(&request, Timestamp::from_seconds(NOW), &mut MemoryStore::new(4));
        let expected = match (string(case, "name"), string(case, "expect")) {
            ("not_ascii", _) => "request_invalid",
            (_, "proven") => "allow",
            (_, code) => code,
        };
        assert_eq!(outcome(&found), expected, "{}", string(case, "name"));
        cases += 1;
    }
    assert!(cases > 75);
}
