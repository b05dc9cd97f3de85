//! What does not load, and which member the error names.

use actfor::Guard;
use actfor::json::{Value, Writer};

use super::support::{self, Fixture};
use super::vectors;

fn check(issuer: &[(&str, &str)], root: &[(&str, &str)], path: &str, says: &str) {
    let owned = |members: &[(&str, &str)]| -> Vec<(String, String)> {
        members.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let config = Fixture::of("rfc8693").config(&owned(issuer), &owned(root));
    let error =
        Guard::from_config(config.as_bytes(), 1).err().unwrap_or_else(|| panic!("it loads: {config}"));
    assert_eq!(error.code.as_str(), "config_invalid", "{error}");
    assert_eq!(error.path, path, "{error}");
    assert!(error.message.contains(says), "{error}");
}

/// Every setting at its edge: `vectors/config/settings.json`.
#[test]
fn every_setting_loads_or_says_what_is_wrong_with_it() {
    let file = vectors::read("config/settings.json");
    let before = Fixture::of("rfc8693").config(&[], &[]);
    let before = support::parse(before.as_bytes());
    // The object with one member that is this, whatever it was.
    let with = |w: &mut Writer, object: &Value<'_>, name: &str, write: &dyn Fn(&mut Writer)| {
        w.object(|w| {
            for (other, value) in object.as_object().unwrap().iter().filter(|(other, _)| *other != name) {
                w.key(other).value(value);
            }
            write(w.key(name));
        });
    };
    let issuer = &before.as_object().unwrap().get("issuers").and_then(Value::as_array).unwrap()[0];
    let mut wrong = Vec::new();
    for case in file.as_array().unwrap() {
        let case = case.as_object().unwrap();
        vectors::only(case, &["in", "member", "value", "path", "says", "expect"]);
        let (member, value) = (vectors::string(case, "member"), case.get("value").unwrap());
        let mut w = Writer::default();
        match vectors::string(case, "in") {
            "issuer" => with(&mut w, &before, "issuers", &|w| {
                w.array(|w| with(w, issuer, member, &|w| w.value(value)));
            }),
            _ => with(&mut w, &before, member, &|w| w.value(value)),
        }
        let config = w.finish();
        let found = match Guard::from_config(config.as_bytes(), 1) {
            Ok(_) => "loads".to_owned(),
            Err(error) => format!("{}: {}", error.path, error.message),
        };
        let good = match case.get("expect") {
            Some(_) => found == vectors::string(case, "expect"),
            None => {
                let (path, says) = (vectors::string(case, "path"), vectors::string(case, "says"));
                found.starts_with(&format!("{path}: ")) && found.contains(says)
            }
        };
        if !good {
            wrong.push(format!("{member} {}: {found}", support::text(value)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn settings_that_could_widen_do_not_load() {
    let issuer = |member: &str, value: &str, path: &str, says: &str| {
        check(&[(member, value)], &[], &format!("issuers[0].{path}"), says);
    };
    issuer("loops", "\"yes\"", "loops", "`allow` or `refuse`");
    issuer("client_profiles", "true", "client_profiles", "must be a string");
    issuer("client_profiles", "\"yes\"", "client_profiles", "`trust` or `ignore`");
    issuer("clients", r#"{"x":{"kind":"app","named_by":"client_id"}}"#, "clients.x", "`agent` only");
    issuer("clients", r#"{"x":{"kind":"agent","named_by":"act"}}"#, "clients.x.named_by", "`client_id`");
    issuer("context_issuers", "[{}]", "context_issuers[0].algorithms", "is missing");
    let context =
        r#"[{"issuer":"https://x.example","algorithms":["ES256"],"jwks":{"keys":[]},"clients":["*"]}]"#;
    let config = Fixture::of("rfc8693").config(&[("context_issuers".into(), context.into())], &[]);
    let error = Guard::from_config(config.as_bytes(), 1).unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.path.as_str()),
        ("keys_invalid", "issuers[0].context_issuers[0].jwks")
    );
    issuer("introspection", "{}", "introspection.endpoint", "is missing");
    issuer("introspection", r#"{"endpoint":"e","signed":1}"#, "introspection.signed", "true or false");
    issuer(
        "introspection",
        r#"{"endpoint":"e","implies":["sub"]}"#,
        "introspection.implies",
        "`audience` or `issuer`",
    );
    issuer("introspection", r#"{"endpoint":"e","clients":[]}"#, "introspection.clients", "names no client");
    issuer(
        "introspection",
        r#"{"endpoint":"e","clients":["a*b"]}"#,
        "introspection.clients",
        "at the end only",
    );
    issuer(
        "introspection",
        r#"{"endpoint":"e","clients":["a"],"opaque":true}"#,
        "introspection",
        "leave `clients` out",
    );
    issuer("status", "{}", "status.uris", "is missing");
    for uri in ["http://as.example/1", "https://as.example*", "*"] {
        issuer("status", &format!(r#"{{"uris":["{uri}"]}}"#), "status.uris", "`https://`, a host and a path");
    }
    issuer("status", r#"{"uris":["https://as.example/1"],"ignore":true}"#, "status", "is not known");
}

#[test]
fn entries_of_the_kill_switch_say_one_thing_each() {
    let root = |value: &str, path: &str, says: &str| check(&[], &[("revoked", value)], path, says);
    root("{}", "revoked", "an array");
    root(r#"[{"until":1}]"#, "revoked[0]", "one of");
    root(
        r#"[{"user":{"iss":"i","sub":"s"},"agent":{"iss":"i","sub":"s"},"until":1}]"#,
        "revoked[0]",
        "one of",
    );
    root(r#"[{"user":{"iss":"i","sub":"s"}}]"#, "revoked[0].until", "is missing");
    root(r#"[{"user":{"sub":"s"},"until":1}]"#, "revoked[0].user.iss", "is missing");
    root(r#"[{"token":{"iss":"i","id":"s"},"until":1}]"#, "revoked[0].token", "is not known");
    check(&[], &[("revocation", "{}")], "revocation.max_age", "is missing");
}

#[test]
fn several_name_spaces_need_names_that_stay_apart() {
    let names = |spaces: &str, path: &str, says: &str| {
        check(&[("speaks_for", r#"["https://idp.example"]"#)], &[("names", spaces)], path, says);
    };
    let own = r#""https://as.example":{"user":"user:{sub}","agent":"agent:{sub}"}"#;
    names(&format!("{{{own}}}"), "names", "no entry for the name space `https://idp.example`");
    let other = |space: &str| format!(r#"{{{own},"https://idp.example":{space}}}"#);
    let idp = "names.https://idp.example";
    names(&other(r#"{"user":"user:{sub}"}"#), idp, "the same object as a name of `https://as.example`");
    names(&other(r#"{"user":"user:idp-{sub}"}"#), idp, "the same object");
    names(&other(r#"{"user":"user:{sub}","same_as":"https://x"}"#), idp, "has no entry");
    names(&other(r#"{"user":"user:{sub}","same_as":1}"#), &format!("{idp}.same_as"), "must be a string");
    names(&other(r#"{"user":"person:{id}"}"#), &format!("{idp}.user"), "the placeholder `{sub}`");
    names(&other(r#"{"user":"person:all"}"#), &format!("{idp}.user"), "the placeholder `{sub}`");
    names(&other(r#"{"client":"c:{client_id}","instance":"c:{id}"}"#), idp, "can give the same object");
    let missing = [("speaks_for", r#"["https://idp.example"]"#)];
    let config = Fixture::of("rfc8693").config(&missing.map(|(n, v)| (n.into(), v.into())), &[]);
    let error = Guard::from_config(config.as_bytes(), 1).unwrap_err();
    assert_eq!(error.path, "names");
    assert!(
        error.message.contains("several name spaces (https://as.example, https://idp.example)"),
        "{error}"
    );
    for good in [r#"{"user":"person:{sub}"}"#, r#"{"user":"user:{sub}","same_as":"https://as.example"}"#] {
        let root = [("names".to_owned(), other(good))];
        let issuer = [("speaks_for".to_owned(), r#"["https://idp.example"]"#.to_owned())];
        let config = Fixture::of("rfc8693").config(&issuer, &root);
        Guard::from_config(config.as_bytes(), 1).unwrap_or_else(|error| panic!("{error}"));
    }
}
