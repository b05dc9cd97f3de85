//! The schema of the configuration says what the code reads: the same members, dialects and algorithms.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

use actfor::Guard;
use actfor::identity::dialect::Dialect;
use actfor::jose::Algorithm;
use actfor::json::{self, Value};

const SCHEMA: &str = include_str!("../pkg-templates/config.schema.json");
const KEY: &str =
    r#"{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn schema() -> Value<'static> {
    json::parse(SCHEMA.as_bytes(), &json::Limits::CONFIG).unwrap().into_owned()
}

fn at<'v>(value: &'v Value<'static>, path: &[&str]) -> &'v Value<'static> {
    path.iter().fold(value, |value, name| {
        value.as_object().unwrap().get(name).unwrap_or_else(|| panic!("no `{name}` in the schema"))
    })
}

/// The members of an object of the schema.
fn members(schema: &Value<'static>, name: &str) -> Vec<String> {
    let object = if name.is_empty() { schema } else { at(schema, &["$defs", name]) };
    assert_eq!(at(object, &["additionalProperties"]), &Value::Bool(false), "{name}");
    let mut names: Vec<_> =
        at(object, &["properties"]).as_object().unwrap().iter().map(|(name, _)| name.to_owned()).collect();
    names.sort();
    names
}

/// What the code knows there, by what it says of a member that it does not know.
fn known(config: &str) -> Vec<String> {
    let error = Guard::from_config(config.as_bytes(), 1).unwrap_err();
    let (_, names) = error.message.split_once("known are ").unwrap_or_else(|| panic!("{error}\n{config}"));
    let mut names: Vec<_> = names.split(", ").map(str::to_owned).collect();
    names.sort();
    names
}

/// A configuration with these members of the issuer and of the whole.
fn config(issuer: &str, root: &str) -> String {
    format!(
        r#"{{"issuers":[{{"issuer":"https://a","audience":"x","algorithms":["Ed25519"],"dialect":"rfc8693",
        "jwks":{{"keys":[{KEY}]}}{issuer}}}]{root}}}"#
    )
}

#[test]
fn the_schema_has_the_members_that_the_code_reads() {
    let schema = schema();
    let policy = r#","policy":"actfor 1""#;
    let with = |issuer: &str, root: &str| config(issuer, &format!("{policy}{root}"));
    let cases = [
        ("", with("", r#","zzz":1"#)),
        ("issuer", with(r#","zzz":1"#, "")),
        ("client", with(r#","clients":{"c":{"zzz":1}}"#, "")),
        ("context_issuer", with(r#","context_issuers":[{"zzz":1}]"#, "")),
        ("introspection", with(r#","introspection":{"zzz":1}"#, "")),
        ("status", with(r#","status":{"zzz":1}"#, "")),
        ("names", with("", r#","names":{"https://a":{"zzz":1}}"#)),
        ("pack", config("", r#","policy":{"zzz":1}"#)),
        ("pack_key", with("", r#","pack_keys":[{"zzz":1}]"#)),
        ("proof", with("", r#","proof":{"zzz":1}"#)),
        ("nonce", with("", r#","proof":{"nonce":{"zzz":1}}"#)),
        ("approver", with("", r#","approvals":[{"zzz":1}]"#)),
        ("relationships", with("", r#","relationships":{"zzz":1}"#)),
        ("shadow", with("", r#","shadow":{"zzz":1}"#)),
        ("revoked", with("", r#","revoked":[{"zzz":1}]"#)),
        ("revoked_sub", with("", r#","revoked":[{"user":{"zzz":1}}]"#)),
        ("revocation", with("", r#","revocation":{"zzz":1}"#)),
        ("limits", with("", r#","limits":{"zzz":1}"#)),
    ];
    for (name, config) in &cases {
        assert_eq!(members(&schema, name), known(config), "{name}");
    }
    // Each object of the schema is in the table above, or belongs to the Envoy filter, or is open.
    for (name, object) in at(&schema, &["$defs"]).as_object().unwrap().iter() {
        let closed = object.as_object().unwrap().get("additionalProperties").is_some();
        let here = cases.iter().any(|(known, _)| *known == name) || name.starts_with("envoy");
        assert!(here || !closed, "`{name}` is compared with nothing");
    }
}

#[test]
fn the_schema_has_the_words_that_the_code_knows() {
    let schema = schema();
    let words = |path: &[&str]| -> Vec<String> {
        at(&schema, path).as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let dialects = words(&["$defs", "issuer", "properties", "dialect", "enum"]);
    assert_eq!(dialects, Dialect::ALL.map(|dialect| dialect.as_str().to_owned()));
    let mut algorithms = words(&["$defs", "algorithms", "items", "enum"]);
    let mut known: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.name().to_owned()).collect();
    algorithms.sort();
    known.sort();
    assert_eq!(algorithms, known);
}
