//! The bindings as wasm, driven from inside: what the TypeScript around them relies on.

#![cfg(target_arch = "wasm32")]
#![allow(
    missing_docs,
    unsafe_code,
    clippy::unwrap_used,
    reason = "tests; the macro's own code needs the rest"
)]

use actfor::{Code, Guard};
use actfor_js::{Generation, TestIssuer, code_names, header_names};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

/// A guard without rules that could allow anything, as a configuration.
fn config(issuer: &TestIssuer) -> Vec<u8> {
    format!(
        r#"{{"issuers":[{{"issuer":"https://as.example","audience":["https://api.example"],"algorithms":["ES256"],
        "dialect":"actfor","binding":"optional","speaks_for":["https://idp.example"],
        "clients":{{"code-helper":"agent"}},"jwks":{}}}],
        "names":{{"https://as.example":{{"user":"user:{{sub}}","agent":"agent:{{sub}}","instance":"instance:{{id}}","client":"client:{{client_id}}"}},
        "https://idp.example":{{"user":"user:{{sub}}","same_as":"https://as.example"}}}},
        "policy":"actfor 1\non service\n  call needs scope\nallow delegated to call on service as all\nscope \"repo:*\" covers call on service\nroute * /** is call on service:main\n"}}"#,
        issuer.jwks()
    )
    .into_bytes()
}

fn member(value: &JsValue, name: &str) -> JsValue {
    js_sys::Reflect::get(value, &name.into()).unwrap()
}

#[wasm_bindgen_test]
fn names_are_those_of_the_core() {
    assert_eq!(header_names().lines().collect::<Vec<_>>(), Guard::HEADERS);
    assert_eq!(code_names().lines().count(), Code::ALL.len());
}

#[wasm_bindgen_test]
fn an_empty_buffer_is_refused() {
    let issuer = TestIssuer::new(JsValue::from(js_sys::Object::new())).unwrap();
    let generation = Generation::new(&config(&issuer)).unwrap();
    for (head, body) in [(0, -1), (0, 0), (1, -1), (usize::MAX, -1), (0, i32::MAX), (0, i32::MIN)] {
        let packed = generation.decide(head, body, 1_795_000_060.0);
        assert_eq!(packed & 3, 1, "deny");
        assert_eq!((packed >> 16) & 0x3ff, 400);
        let document = generation.explain(head, body, 1_795_000_060.0, "", packed);
        assert!(document.contains("\"code\":\"request_invalid\""), "{document}");
    }
}

#[wasm_bindgen_test]
fn the_buffer_grows_and_never_shrinks() {
    let issuer = TestIssuer::new(JsValue::from(js_sys::Object::new())).unwrap();
    let mut generation = Generation::new(&config(&issuer)).unwrap();
    let large = generation.reserve(1_000_000);
    assert_eq!(generation.reserve(10), large);
}

#[wasm_bindgen_test]
fn errors_are_plain_objects() {
    let error = Generation::new(b"{}").map(drop).unwrap_err();
    assert!(!error.is_instance_of::<js_sys::Error>());
    assert_eq!(member(&error, "code").as_string().unwrap(), "config_invalid");
    assert!(member(&error, "position").is_null());
    assert!(!member(&error, "message").as_string().unwrap().is_empty());
}

#[wasm_bindgen_test]
fn a_key_set_makes_a_new_generation_and_leaves_the_old_one() {
    let issuer = TestIssuer::new(JsValue::from(js_sys::Object::new())).unwrap();
    let generation = Generation::new(&config(&issuer)).unwrap();
    // This issuer's keys stand in the configuration, so there is nothing to fetch and nothing to replace.
    assert_eq!(generation.key_sources(), "");
    assert!(
        generation
            .with_keys("https://as.example", Some(issuer.jwks().as_bytes().into()), 1_795_000_060.0)
            .is_err()
    );
    assert!(
        generation.with_keys("https://as.example", Some(issuer.jwks().as_bytes().into()), f64::NAN).is_err()
    );
}

#[wasm_bindgen_test]
fn the_testing_issuer_mints_with_fresh_randomness() {
    let issuer = TestIssuer::new(JsValue::from(js_sys::Object::new())).unwrap();
    let token = |issuer: &TestIssuer| {
        member(&issuer.mint("offline", 1_795_000_000.0, None).unwrap(), "token").as_string().unwrap()
    };
    assert_eq!(token(&issuer).split('.').count(), 3);
    assert_ne!(token(&issuer), token(&issuer), "instance and jti are fresh");
    assert!(issuer.mint("nobody", 1_795_000_000.0, None).is_err());
    assert!(issuer.mint("offline", 0.0, None).is_err());
}
