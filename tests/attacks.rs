//! `tests/vectors/attacks/requests.json`: attacks on rules, sources and names, each a whole request and what becomes
//! of it. Any host can run them: a configuration, a request, a time, and the code that comes out.
//!
//! The rules and the model beside that file are written so that an attack would succeed if one check were missing: the
//! agent works on the other case too, and what a name would turn into has its tuple.

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
use actfor::json::{Object, Value, Writer};
use actfor::proof::{MemoryStore, Use};
use actfor::{Code, Decision, Guard, Request, Timestamp};
use actfor_mint::SigningKey;

use vectors::{NOW, key, object, only, read, settle, string};

const FILE: &str = "attacks/requests.json";
const ISSUED: u64 = NOW - 60;

/// `(user, relation, object)`
const TUPLES: [(&str, &str, &str); 33] = [
    ("user:ana", "writer", "repo:web"),
    ("user:ana", "reader", "repo:infra"),
    // What names from outside turn into, and what they would be if they were not encoded.
    ("user:ana", "reader", "repo:a%23b"),
    ("user:ana", "reader", "repo:a%40b"),
    ("user:ana", "reader", "repo:a%3Ab"),
    ("user:ana", "reader", "repo:a%7Cb"),
    ("user:ana", "reader", "repo:%2A"),
    ("user:ana", "reader", "repo:..."),
    ("user:ana", "reader", "repo:%D0%B0"),
    ("user:ana", "reader", "repo:o/n"),
    ("user:%2A", "reader", "repo:star"),
    ("user:ana%23x", "reader", "repo:hash"),
    ("user:bo", "reader", "repo:bos"),
    ("user:bo", "writer", "repo:bos"),
    ("agent:hr-agent", "hr_reader", "org:acme"),
    ("agent:hr-agent", "worker", "case:c1"),
    ("agent:hr-agent", "worker", "case:c2"),
    ("agent:hr-agent", "worker", "case:c1%23worker"),
    ("user:ana", "employee", "case:c1"),
    ("user:bo", "employee", "case:c2"),
    ("user:ana", "employee", "salary_record:ana"),
    ("user:bo", "employee", "salary_record:bo"),
    ("agent:idle", "hr_reader", "org:acme"),
    ("case:c1#worker", "worker", "case:c3"),
    ("user:ana", "employee", "case:c3"),
    ("user:ana", "member", "tenant:t1"),
    ("user:ana", "member", "tenant:%2A"),
    ("user:bo", "member", "tenant:t2"),
    ("agent:code-helper", "may_call", "agent:test-runner"),
    ("user:cy", "writer", "repo:web"),
    ("user:code-helper", "writer", "repo:web"),
    ("user:test-runner", "writer", "repo:web"),
    ("user:*", "writer", "repo:everybodys"),
];

fn issuer_key() -> SigningKey {
    key(Algorithm::Es256, 1).with_kid("es")
}

fn approver_key() -> SigningKey {
    key(Algorithm::Es256, 2).with_kid("approver")
}

fn config() -> String {
    let file = |name: &str| std::fs::read_to_string(vectors::path(&format!("attacks/{name}"))).unwrap();
    object(|w| {
        w.key("issuers").array(|w| {
            w.object(|w| {
                w.key("issuer").string("https://as.example");
                w.key("audience").raw(r#"["https://api.example","https://tools.example"]"#);
                w.key("algorithms").raw(r#"["ES256"]"#);
                w.key("jwks").raw(&format!("{{\"keys\":[{}]}}", issuer_key().public_jwk()));
                w.key("dialect").string("actfor");
                w.key("binding").string("optional");
                w.key("speaks_for").raw(r#"["https://idp.example"]"#);
                w.key("clients").raw(
                    r#"{"code-helper":"agent","test-runner":"agent","hr-agent":"agent","idle":"agent"}"#,
                );
            });
        });
        w.key("approvals").raw(&format!(
            r#"[{{"issuer":"https://approve.example","space":"https://as.example","algorithms":["ES256"],"jwks":{{"keys":[{}]}}}}]"#,
            approver_key().public_jwk()
        ));
        w.key("names").raw(
            r#"{"https://as.example":{"user":"user:{sub}","agent":"agent:{sub}","instance":"instance:{id}","client":"client:{client_id}"},"https://idp.example":{"user":"user:{sub}","same_as":"https://as.example"}}"#,
        );
        w.key("policy").string(&file("desk.actfor"));
        w.key("files").object(|w| w.key("desk.fga").string(&file("desk.fga")));
        w.key("tuples").array(|w| {
            for (user, relation, on) in TUPLES {
                w.object(|w| {
                    w.key("user").string(user);
                    w.key("relation").string(relation);
                    w.key("object").string(on);
                });
            }
        });
    })
}

/// Members of a token, each as JSON.
type Claims = BTreeMap<&'static str, String>;

fn quoted(text: &str) -> String {
    let mut w = Writer::default();
    w.string(text);
    w.finish()
}

fn claims(agent: &str, changes: &[(&'static str, &str)]) -> Claims {
    let instance = r#"{"iss":"https://as.example","id":"S2AAAAAAAAAAAAAAAAAAAA","kind":"task"}"#;
    let mut claims = Claims::from([
        ("iss", quoted("https://as.example")),
        ("aud", quoted("https://api.example")),
        ("iat", ISSUED.to_string()),
        ("exp", (ISSUED + 300).to_string()),
        ("jti", quoted("t1")),
        ("client_id", quoted(agent)),
        ("agent_instance", instance.into()),
    ]);
    claims.extend(changes.iter().map(|(name, value)| (*name, String::from(*value))));
    // A member that is to be left out is written as nothing.
    claims.retain(|_, value| !value.is_empty());
    claims
}

/// code-helper acts for ana.
fn code(changes: &[(&'static str, &str)]) -> Claims {
    let mut all = vec![
        ("sub", "\"ana\""),
        ("sub_profile", "\"user\""),
        ("act", r#"{"iss":"https://as.example","sub":"code-helper","sub_profile":"ai_agent"}"#),
        ("agent_rel", r#"{"mode":"offline","authority":"user","hops":0}"#),
        ("scope", "\"repo tools mcp files tasks service\""),
    ];
    all.extend(changes);
    claims("code-helper", &all)
}

/// code-helper, for ana, called test-runner.
fn called(changes: &[(&'static str, &str)]) -> Claims {
    let mut all = vec![
        ("sub", "\"ana\""),
        ("sub_profile", "\"user\""),
        (
            "act",
            r#"{"iss":"https://as.example","sub":"test-runner","sub_profile":"ai_agent","act":{"iss":"https://as.example","sub":"code-helper","sub_profile":"ai_agent"}}"#,
        ),
        (
            "agent_instance",
            r#"{"iss":"https://as.example","id":"S4AAAAAAAAAAAAAAAAAAAA","kind":"task","parent":{"iss":"https://as.example","id":"S2AAAAAAAAAAAAAAAAAAAA"},"root":{"iss":"https://as.example","id":"S2AAAAAAAAAAAAAAAAAAAA"}}"#,
        ),
        ("agent_rel", r#"{"mode":"offline","authority":"user","hops":1}"#),
        ("scope", "\"repo\""),
    ];
    all.extend(changes);
    claims("test-runner", &all)
}

/// An agent works on case c1, which is about ana.
fn hr(agent: &'static str, task: &str, person: &str, changes: &[(&'static str, &str)]) -> Claims {
    let rel = format!(
        r#"{{"mode":"automated","authority":"agent","user":{{"iss":"https://idp.example","sub":"{person}","role":"case_subject"}},"task":{},"hops":0}}"#,
        quoted(task)
    );
    let sub = quoted(agent);
    let mut all = vec![
        ("sub", sub.as_str()),
        ("sub_profile", "\"ai_agent\""),
        ("agent_rel", rel.as_str()),
        ("scope", "\"salary\""),
    ];
    all.extend(changes);
    claims(agent, &all)
}

fn signed(claims: &Claims) -> String {
    let members: Vec<_> = claims.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
    issuer_key().sign("at+jwt", &format!("{{{}}}", members.join(",")))
}

/// One request and what becomes of it.
struct Case {
    name: String,
    rows: Vec<u64>,
    source: &'static str,
    method: &'static str,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    /// `allow` or a code.
    expect: &'static str,
    /// What the decision names as the object.
    object: Option<String>,
    /// The same request was allowed just before.
    again: bool,
}

impl Case {
    fn new(
        rows: &[u64],
        source: &'static str,
        name: impl Into<String>,
        expect: &'static str,
        token: &Claims,
    ) -> Self {
        Self {
            name: name.into(),
            rows: rows.to_vec(),
            source,
            method: "GET",
            url: "/repos/web".into(),
            headers: vec![("authorization", format!("Bearer {}", signed(token)))],
            body: None,
            expect,
            object: None,
            again: false,
        }
    }

    fn at(self, method: &'static str, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), ..self }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn json(self, body: impl Into<String>) -> Self {
        let body = Some(body.into().into_bytes());
        Self { method: "POST", body, ..self }.header("content-type", "application/json")
    }

    fn charset(mut self, charset: &str) -> Self {
        for (_, value) in self.headers.iter_mut().filter(|(name, _)| *name == "content-type") {
            *value = format!("{value}; charset={charset}");
        }
        self
    }

    fn mcp(self, body: impl Into<String>) -> Self {
        self.json(body).at("POST", "/mcp")
    }

    fn on(self, object: &str) -> Self {
        Self { object: Some(object.into()), ..self }
    }

    fn records(self, records: &[Claims]) -> Self {
        let records: Vec<_> = records.iter().map(signed).collect();
        self.header("agent-chain", records.join(", "))
    }
}

/// A call of a tool, with arguments as JSON.
fn tool(name: &str, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":{},"arguments":{arguments}}}}}"#,
        quoted(name)
    )
}

fn cases() -> Vec<Case> {
    [carriers(), details(), names(), other_case(), paths(), messages(), approvals(), chains()]
        .into_iter()
        .flatten()
        .collect()
}

const PROFILE: &str = "design §4.2, coverage";

/// Every carrier of authority that speaks about the type must cover.
fn carriers() -> Vec<Case> {
    let web = r#"[{"type":"repo","identifier":"web","actions":["read"]}]"#;
    let infra = r#"[{"type":"repo","identifier":"infra","actions":["read"]}]"#;
    let case = |name, expect, changes: &[(&'static str, &str)]| {
        Case::new(&[116], PROFILE, name, expect, &code(changes))
    };
    vec![
        case("scope_alone", "allow", &[]),
        case("scope_and_detail_for_this_object", "allow", &[("authorization_details", web)]),
        case("scope_and_detail_for_another_object", "not_covered", &[("authorization_details", infra)]),
        case(
            "scope_and_two_details_one_for_this_object",
            "allow",
            &[(
                "authorization_details",
                r#"[{"type":"repo","identifier":"infra","actions":["read"]},{"type":"repo","identifier":"web","actions":["read"]}]"#,
            )],
        ),
        case(
            "scope_and_detail_for_another_action",
            "not_covered",
            &[("authorization_details", r#"[{"type":"repo","identifier":"web","actions":["push"]}]"#)],
        ),
        case(
            "scope_and_detail_for_an_action_that_nobody_knows",
            "not_covered",
            &[("authorization_details", r#"[{"type":"repo","identifier":"web","actions":["any"]}]"#)],
        ),
        case("scope_and_empty_details", "allow", &[("authorization_details", "[]")]),
        case(
            "scope_and_details_about_something_else",
            "allow",
            &[("authorization_details", r#"[{"type":"payment"}]"#)],
        ),
        case(
            "scope_and_details_that_are_no_list",
            "not_covered",
            &[("authorization_details", r#"{"type":"repo"}"#)],
        ),
        case("scope_and_details_that_are_null", "not_covered", &[("authorization_details", "null")]),
        case(
            "scope_and_a_detail_without_type",
            "not_covered",
            &[("authorization_details", r#"[{"identifier":"web"}]"#)],
        ),
        case("detail_alone", "allow", &[("authorization_details", web), ("scope", "")]),
        case(
            "detail_for_this_object_and_scope_for_another",
            "not_covered",
            &[("authorization_details", web), ("scope", "\"repo:infra\"")],
        ),
        case("role_and_scope", "allow", &[("roles", r#"["developer"]"#)]),
        case("role_that_covers_less_than_the_scope", "not_covered", &[("roles", r#"["developer"]"#)])
            .at("PATCH", "/repos/web"),
        case("roles_that_are_a_text", "not_covered", &[("roles", "\"developer\"")]),
        case("roles_with_a_number", "not_covered", &[("roles", r#"["developer",1]"#)]),
        case("scope_that_is_a_list", "not_covered", &[("scope", r#"["repo"]"#)]),
        case("scope_by_the_name_of_a_role", "not_covered", &[("scope", "\"developer\"")]),
        case("scope_by_the_type_of_a_detail", "not_covered", &[("scope", "\"note\"")]),
        case("role_by_the_name_of_a_scope", "not_covered", &[("scope", ""), ("roles", r#"["repo"]"#)]),
        case(
            "detail_by_the_name_of_a_role",
            "not_covered",
            &[("scope", ""), ("authorization_details", r#"[{"type":"developer"}]"#)],
        ),
        case("no_carrier_at_all", "not_covered", &[("scope", "")]),
        case("scope_about_other_types_only", "not_covered", &[("scope", "\"salary tools\"")]),
    ]
}

/// A detail that is not filled well covers nothing.
fn details() -> Vec<Case> {
    let case = |name, expect, detail: &str| {
        let details = format!("[{detail}]");
        Case::new(
            &[117],
            "RFC 9396 §2",
            name,
            expect,
            &code(&[("authorization_details", &details), ("scope", "")]),
        )
    };
    let no = "not_covered";
    vec![
        case("detail_as_it_should_be", "allow", r#"{"type":"repo","identifier":"web","actions":["read"]}"#),
        case("detail_without_identifier", no, r#"{"type":"repo","actions":["read"]}"#),
        case("detail_identifier_star", no, r#"{"type":"repo","identifier":"*","actions":["read"]}"#),
        case("detail_identifier_number", no, r#"{"type":"repo","identifier":1,"actions":["read"]}"#),
        case("detail_identifier_list", no, r#"{"type":"repo","identifier":["web"],"actions":["read"]}"#),
        case("detail_identifier_empty", no, r#"{"type":"repo","identifier":"","actions":["read"]}"#),
        case("detail_identifier_null", no, r#"{"type":"repo","identifier":null,"actions":["read"]}"#),
        case(
            "detail_identifier_with_type",
            no,
            r#"{"type":"repo","identifier":"repo:web","actions":["read"]}"#,
        ),
        case("detail_without_actions", no, r#"{"type":"repo","identifier":"web"}"#),
        case("detail_actions_text", no, r#"{"type":"repo","identifier":"web","actions":"read"}"#),
        case("detail_actions_star", no, r#"{"type":"repo","identifier":"web","actions":["*"]}"#),
        case(
            "detail_with_unread_member",
            no,
            r#"{"type":"repo","identifier":"web","actions":["read"],"branch":"main"}"#,
        ),
        case(
            "detail_with_member_that_is_ignored",
            "allow",
            r#"{"type":"note","identifier":"web","comment":"x"}"#,
        ),
        case(
            "detail_with_actions_that_the_line_does_not_name",
            no,
            r#"{"type":"note","identifier":"web","actions":["read"]}"#,
        ),
        case(
            "detail_with_our_location",
            "allow",
            r#"{"type":"repo","identifier":"web","actions":["read"],"locations":["https://api.example"]}"#,
        ),
        case(
            "detail_with_foreign_location",
            no,
            r#"{"type":"repo","identifier":"web","actions":["read"],"locations":["https://other.example"]}"#,
        ),
        case(
            "detail_with_location_and_slash",
            no,
            r#"{"type":"repo","identifier":"web","actions":["read"],"locations":["https://api.example/"]}"#,
        ),
        case(
            "detail_with_no_location",
            no,
            r#"{"type":"repo","identifier":"web","actions":["read"],"locations":[]}"#,
        ),
        case(
            "detail_with_location_text",
            no,
            r#"{"type":"repo","identifier":"web","actions":["read"],"locations":"https://api.example"}"#,
        ),
        case("detail_type_in_upper_case", no, r#"{"type":"REPO","identifier":"web","actions":["read"]}"#),
        case("detail_type_with_space", no, r#"{"type":"repo ","identifier":"web","actions":["read"]}"#),
    ]
}

const NAMES: &str = "design §4.1, names";

/// Ids that try to leave their place, wherever an id can come from: the id, how it is written as an object, and
/// whether ana has a tuple for exactly that.
const IDS: [(&str, &str, &str, bool); 16] = [
    ("hash", "a#b", "a%23b", true),
    ("at", "a@b", "a%40b", true),
    ("colon", "a:b", "a%3Ab", true),
    ("bar", "a|b", "a%7Cb", true),
    ("star", "*", "%2A", true),
    ("look_alike", "а", "%D0%B0", true),
    ("three_dots", "...", "...", true),
    ("dots", "..", "..", false),
    ("slash", "o/n", "o%2Fn", false),
    ("escaped_hash", "a%23b", "a%2523b", false),
    ("type_and_id", "repo:web", "repo%3Aweb", false),
    ("userset", "web#reader", "web%23reader", false),
    ("line_break", "web\n", "web%0A", false),
    ("nul", "web\0", "web%00", false),
    ("upper_case", "WEB", "WEB", false),
    ("full_width", "ｗｅｂ", "%EF%BD%97%EF%BD%85%EF%BD%82", false),
];

fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                char::from(b).into()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

fn names() -> Vec<Case> {
    let mut cases = Vec::new();
    let ana = code(&[]);
    let mut add = |case: Case| cases.push(case);
    for (name, id, encoded, related) in IDS {
        let object = format!("repo:{encoded}");
        let expect = if related { "allow" } else { "user_lacks_relation" };
        let case = |place: &str, expect| Case::new(&[118], NAMES, format!("{name}_in_{place}"), expect, &ana);
        // In a path, what hides a delimiter or could be a dot segment is refused before it is a name.
        let plain = matches!(id, "..." | "WEB");
        let hidden = id.contains(['/', '%', '\0', '\n']) || id == "..";
        let path = if plain { id.to_owned() } else { percent(id) };
        match hidden {
            true => add(case("path", "path_not_canonical").at("GET", format!("/repos/{path}"))),
            false => add(case("path", expect).at("GET", format!("/repos/{path}")).on(&object)),
        }
        let control = id.contains(['\0', '\n']);
        match control {
            true => add(case("query", "argument_invalid").at("GET", format!("/find?id={}", percent(id)))),
            false => add(case("query", expect).at("GET", format!("/find?id={}", percent(id))).on(&object)),
        }
        add(case("body", expect).json(format!("{{\"id\":{}}}", quoted(id))).at("POST", "/find").on(&object));
        add(case("tool_arguments", expect)
            .mcp(tool("read_repo", &format!("{{\"repo\":{}}}", quoted(id))))
            .on(&object));
        // A detail and a scope for this name cover this name, and not `web`.
        let details = format!(r#"[{{"type":"repo","identifier":{},"actions":["read"]}}]"#, quoted(id));
        let by_detail = code(&[("authorization_details", &details), ("scope", "")]);
        let case = |place: &str, expect, token: &Claims| {
            Case::new(&[118], NAMES, format!("{name}_in_{place}"), expect, token)
        };
        add(case("detail_and_web_is_asked", "not_covered", &by_detail));
        // As is everywhere else, `*` in a detail covers nothing.
        let covered = if id == "*" { "not_covered" } else { expect };
        add(case("detail_and_body", covered, &by_detail)
            .json(format!("{{\"id\":{}}}", quoted(id)))
            .at("POST", "/find"));
        if id.bytes().all(|b| b.is_ascii_graphic()) {
            let by_scope = code(&[("scope", &format!("\"repo:{id}\""))]);
            add(case("scope_and_web_is_asked", "not_covered", &by_scope));
            add(case("scope_and_body", covered, &by_scope)
                .json(format!("{{\"id\":{}}}", quoted(id)))
                .at("POST", "/find"));
        }
    }
    let long = "a".repeat(20_000);
    let case = |name: &str, expect| Case::new(&[118], NAMES, name, expect, &ana);
    // Everything that a body may hold, with members replaced.
    let body = |name: &str, expect, changes: &str| {
        let mut members = BTreeMap::from([
            ("at", r#""2026-11-18T00:00:00Z""#.to_owned()),
            ("days", r#"["2026-11-18T00:00:00Z"]"#.to_owned()),
            ("all", "[true,false]".to_owned()),
            ("name", "\"x\"".to_owned()),
        ]);
        let changes = format!("{{{changes}}}");
        let changes = actfor::json::parse(changes.as_bytes(), &actfor::json::Limits::BODY).unwrap();
        for (name, value) in changes.as_object().unwrap().iter() {
            let mut w = Writer::default();
            w.value(value);
            *members.get_mut(name).unwrap() = w.finish();
        }
        let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        case(name, expect).json(format!("{{{}}}", members.join(","))).at("POST", "/typed")
    };
    let media = |name: &str, expect, value: &str| {
        let mut case = body(name, expect, "");
        case.headers.retain(|(name, _)| *name != "content-type");
        case.header("content-type", value)
    };
    cases.extend([
        case("empty_in_path", "path_not_canonical").at("GET", "/repos/"),
        case("empty_in_query", "argument_invalid").at("GET", "/find?id="),
        case("number_and_flag", "allow").at("GET", "/typed?n=-7&flag=true"),
        case("zero_and_no_flag", "allow").at("GET", "/typed?n=0&flag=false"),
        case("number_that_is_true", "argument_invalid").at("GET", "/typed?n=true&flag=true"),
        case("flag_that_is_a_number", "argument_invalid").at("GET", "/typed?n=7&flag=1"),
        case("flag_in_upper_case", "argument_invalid").at("GET", "/typed?n=7&flag=True"),
        case("number_with_a_zero_in_front", "argument_invalid").at("GET", "/typed?n=07&flag=true"),
        case("number_that_is_minus_zero", "argument_invalid").at("GET", "/typed?n=-0&flag=true"),
        case("number_with_a_sign", "argument_invalid").at("GET", "/typed?n=%2B7&flag=true"),
        case("number_with_a_fraction", "argument_invalid").at("GET", "/typed?n=7.0&flag=true"),
        case("largest_number", "allow").at("GET", "/typed?n=9223372036854775807&flag=true"),
        case("number_that_is_larger", "argument_invalid").at("GET", "/typed?n=9223372036854775808&flag=true"),
        case("number_in_the_object", "user_lacks_relation").at("GET", "/numbered/7").on("repo:7"),
        case("yes_in_the_object", "user_lacks_relation").at("GET", "/flagged?flag=true").on("repo:true"),
        case("no_in_the_object", "user_lacks_relation").at("GET", "/flagged?flag=false").on("repo:false"),
        body("timestamps_and_lists", "allow", ""),
        body("empty_lists", "allow", r#""days":[],"all":[]"#),
        body("timestamp_that_is_a_number", "argument_invalid", r#""at":1795000060"#),
        body("timestamp_that_is_no_time", "argument_invalid", r#""at":"yesterday""#),
        body("list_of_what_are_no_times", "argument_invalid", r#""days":["2026-11-18T00:00:00Z","x"]"#),
        body("list_of_texts_instead_of_flags", "argument_invalid", r#""all":["true"]"#),
        body("list_that_is_a_flag", "argument_invalid", r#""all":true"#),
        body("text_that_is_empty", "argument_invalid", r#""name":"""#),
        media("json_of_a_kind", "allow", "application/vnd.x+json; charset=utf-8"),
        media("json_of_a_kind_in_upper_case", "allow", "Application/Vnd.X+JSON"),
        media("text_that_ends_like_json", "argument_invalid", "text/x+json"),
        media("application_that_is_no_json", "argument_invalid", "application/x-yaml"),
        media("json_and_more", "argument_invalid", "application/jsonx"),
        body("body_that_is_not_coded", "allow", "").header("content-encoding", "Identity"),
        body("body_that_is_coded", "argument_invalid", "").header("content-encoding", "gzip"),
        case("empty_in_body", "argument_invalid").json(r#"{"id":""}"#).at("POST", "/find"),
        case("empty_in_tool_arguments", "argument_invalid").mcp(tool("read_repo", r#"{"repo":""}"#)),
        case("nothing_in_tool_arguments", "argument_invalid").mcp(tool("read_repo", "{}")),
        case("number_in_tool_arguments", "argument_invalid").mcp(tool("read_repo", r#"{"repo":1}"#)),
        case("list_in_tool_arguments", "argument_invalid").mcp(tool("read_repo", r#"{"repo":["web"]}"#)),
        case("null_in_tool_arguments", "argument_invalid").mcp(tool("read_repo", r#"{"repo":null}"#)),
        case("long_in_body", "user_lacks_relation").json(format!("{{\"id\":\"{long}\"}}")).at("POST", "/find"),
        case("long_in_path", "user_lacks_relation").at("GET", format!("/repos/{}", &long[..6_000])),
        case("not_utf8_in_path", "path_not_canonical").at("GET", "/repos/web%FF"),
        case("not_utf8_in_query", "argument_invalid").at("GET", "/find?id=web%FF"),
        Case { body: Some(b"{\"id\":\"web\xff\"}".to_vec()), ..case("not_utf8_in_body", "argument_invalid") }
            .header("content-type", "application/json")
            .at("POST", "/find"),
        Case {
            body: Some(
                b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"read_repo\",\"arguments\":{\"repo\":\"web\xff\"}}}"
                    .to_vec(),
            ),
            ..case("not_utf8_in_tool_arguments", "message_invalid")
        }
        .header("content-type", "application/json")
        .at("POST", "/mcp"),
        case("half_a_surrogate_in_body", "argument_invalid").json(r#"{"id":"web\ud800"}"#).at("POST", "/find"),
        case("two_parts", "allow").at("GET", "/of/o/n").on("repo:o/n"),
        case("two_parts_with_an_encoded_slash", "path_not_canonical").at("GET", "/of/o%2Fn/x"),
        case("two_parts_with_a_slash_in_the_query", "user_lacks_relation")
            .at("GET", "/find-of?owner=o%2Fn&name=n")
            .on("repo:o%2Fn/n"),
        case("two_parts_from_the_query", "allow").at("GET", "/find-of?owner=o&name=n").on("repo:o/n"),
        case("two_parts_one_is_dots", "user_lacks_relation")
            .at("GET", "/find-of?owner=..&name=n")
            .on("repo:../n"),
    ]);
    cases.extend(claimed_names());
    cases
}

/// Names in claims.
fn claimed_names() -> Vec<Case> {
    let sub = |name: &str, sub: &str, expect, url: &str| {
        Case::new(&[118], NAMES, name, expect, &code(&[("sub", &quoted(sub))])).at("GET", url)
    };
    let org = |name: &str, org: &str, expect| {
        Case::new(&[118], NAMES, name, expect, &code(&[("org_id", org)])).at("GET", "/ask")
    };
    let task = |name: &str, task: &str, expect| {
        Case::new(&[118], NAMES, name, expect, &hr("hr-agent", task, "ana", &[])).at("GET", "/salaries/ana")
    };
    let agent = |name: &str, sub: &str, expect| {
        let act = format!(r#"{{"iss":"https://as.example","sub":{},"sub_profile":"ai_agent"}}"#, quoted(sub));
        let changes = [("act", act.as_str()), ("client_id", "\"code-helper\"")];
        Case::new(&[118], NAMES, name, expect, &code(&changes))
    };
    vec![
        // `user:*` in a tuple is everybody, and everybody is not called `*`.
        sub("sub_star_is_somebody_called_star", "*", "allow", "/repos/star"),
        sub("sub_star_is_not_everybody", "*", "user_lacks_relation", "/repos/web"),
        sub("sub_star_is_somebody_among_everybody", "*", "allow", "/repos/everybodys"),
        sub("sub_with_hash", "ana#x", "allow", "/repos/hash"),
        sub("sub_with_hash_is_not_ana", "ana#x", "user_lacks_relation", "/repos/web"),
        sub("sub_with_type", "user:ana", "user_lacks_relation", "/repos/web"),
        sub("sub_escaped", "%2A", "user_lacks_relation", "/repos/star"),
        sub("sub_in_upper_case", "ANA", "user_lacks_relation", "/repos/web"),
        sub("sub_look_alike", "аna", "user_lacks_relation", "/repos/web"),
        sub("sub_with_space", "ana ", "user_lacks_relation", "/repos/web"),
        sub("sub_empty", "", "claim_invalid", "/repos/web"),
        task("task_as_it_should_be", "c1", "allow"),
        task("task_userset", "c1#worker", "condition_failed"),
        task("task_star", "*", "condition_failed"),
        task("task_with_type", "case:c1", "condition_failed"),
        task("task_with_dots", "../c1", "condition_failed"),
        task("task_with_space", "c1 ", "condition_failed"),
        task("task_that_a_userset_leads_to", "c3", "allow"),
        org("claim_as_it_should_be", "\"t1\"", "allow"),
        org("claim_star_is_a_tenant_called_star", "\"*\"", "allow"),
        org("claim_of_another_tenant", "\"t2\"", "condition_failed"),
        org("claim_with_hash", "\"t1#member\"", "condition_failed"),
        org("claim_with_type", "\"tenant:t1\"", "condition_failed"),
        org("claim_empty", "\"\"", "condition_failed"),
        org("claim_list", "[\"t1\"]", "condition_failed"),
        org("claim_number", "1", "condition_failed"),
        org("claim_null", "null", "condition_failed"),
        org("claim_missing", "", "condition_failed"),
        agent("agent_star_has_no_ceiling_of_its_own", "*", "ceiling"),
        agent("agent_with_type", "agent:code-helper", "ceiling"),
        agent("agent_in_upper_case", "Code-Helper", "ceiling"),
    ]
}

const SOURCES: &str = "design §4.1, sources";

/// What is asked names what is asked for and proves nothing.
fn other_case() -> Vec<Case> {
    let hr1 = hr("hr-agent", "c1", "ana", &[]);
    let idle = hr("idle", "c1", "ana", &[]);
    let sent = r#"[{"user":"agent:idle","relation":"worker","object":"case:c1"}]"#;
    let ana = |name, expect| Case::new(&[94], SOURCES, name, expect, &hr1);
    let bo = |name| Case::new(&[94], SOURCES, name, "not_the_persons_record", &hr1).on("salary_record:bo");
    let lazy = |name| Case::new(&[94], SOURCES, name, "condition_failed", &idle);
    vec![
        ana("the_persons_record", "allow").at("GET", "/salaries/ana").on("salary_record:ana"),
        bo("another_persons_record").at("GET", "/salaries/bo"),
        bo("another_case_in_the_path").at("GET", "/cases/c2/salaries/bo"),
        bo("another_case_in_the_query").at("GET", "/salaries/bo?case=c2&task=c2"),
        bo("another_case_in_headers")
            .at("GET", "/salaries/bo")
            .header("x-case", "c2")
            .header("agent-task", "c2")
            .header("task", "c2"),
        bo("another_case_in_the_body").json(r#"{"id":"bo","case":"c2","task":"c2"}"#).at("POST", "/salaries/find"),
        // In UTF-7 the second name is `id`.
        Case::new(&[94], SOURCES, "another_person_in_another_charset", "argument_invalid", &hr1)
            .json(r#"{"id":"ana","+AGkAZA-":"bo"}"#)
            .at("POST", "/salaries/find")
            .charset("utf-7"),
        bo("another_case_in_tool_arguments")
            .mcp(tool("get_salary", r#"{"employee_id":"bo","case":"c2","task":"c2"}"#)),
        bo("another_case_in_the_metadata_of_a_call").mcp(
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_salary","arguments":{"employee_id":"bo"},"_meta":{"task":"c2","case":"c2","agent_rel":{"task":"c2"}}}}"#,
        ),
        ana("the_persons_record_and_another_case_in_the_path", "allow").at("GET", "/cases/c2/salaries/ana"),
        Case::new(&[94], SOURCES, "another_case_and_person_in_claims_that_nobody_reads", "not_the_persons_record",
            &hr("hr-agent", "c1", "ana", &[("task", "\"c2\""), ("case", "\"c2\""), ("user", "\"bo\"")]))
            .at("GET", "/salaries/bo"),
        Case::new(&[94], SOURCES, "the_person_of_another_case", "condition_failed", &hr("hr-agent", "c1", "bo", &[]))
            .at("GET", "/salaries/bo"),
        Case::new(
            &[94],
            SOURCES,
            "a_scope_is_no_rule",
            "no_rule",
            &hr("hr-agent", "c1", "ana", &[("scope", "\"repo\"")]),
        )
        .at("GET", "/repos/web"),
        // Tuples that come along make nobody a worker.
        lazy("an_agent_that_works_on_no_case").at("GET", "/salaries/ana"),
        lazy("a_tuple_in_the_body")
            .json(format!(r#"{{"id":"ana","tuples":{sent},"contextual_tuples":{{"tuple_keys":{sent}}}}}"#))
            .at("POST", "/salaries/find"),
        lazy("a_tuple_in_tool_arguments").mcp(tool(
            "get_salary",
            &format!(r#"{{"employee_id":"ana","tuples":{sent},"contextual_tuples":{{"tuple_keys":{sent}}}}}"#),
        )),
        lazy("a_tuple_in_the_metadata_of_a_call").mcp(format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"get_salary","arguments":{{"employee_id":"ana"}},"_meta":{{"tuples":{sent}}}}}}}"#
        )),
        lazy("a_tuple_in_the_query").at("GET", format!("/salaries/ana?tuples={}", percent(sent))),
        lazy("a_tuple_in_headers").at("GET", "/salaries/ana").header("x-tuples", sent).header("openfga-contextual-tuples", sent),
        Case::new(&[94], SOURCES, "a_tuple_in_claims_that_nobody_reads", "condition_failed",
            &hr("idle", "c1", "ana", &[("tuples", sent), ("contextual_tuples", sent)]))
            .at("GET", "/salaries/ana"),
    ]
}

/// A path that two readers could read in two ways.
fn paths() -> Vec<Case> {
    let ana = code(&[]);
    let path = |name: &str, url: &str| {
        Case::new(&[119], "RFC 3986 §6.2", format!("path_{name}"), "path_not_canonical", &ana).at("GET", url)
    };
    let mut cases = vec![
        path("empty_segment", "/repos//web"),
        path("empty_first_segment", "//repos/web"),
        path("trailing_slash", "/repos/web/"),
        path("dot", "/repos/./web"),
        path("dots", "/repos/../repos/web"),
        path("dots_at_the_end", "/repos/web/.."),
        path("escaped_dots", "/repos/%2e%2e/repos/web"),
        path("escaped_dots_in_upper_case", "/repos/%2E%2E/repos/web"),
        path("half_escaped_dots", "/repos/.%2e/repos/web"),
        path("twice_escaped_dot", "/repos/%252e%252e/web"),
        path("parameters", "/repos/web;v=1"),
        path("parameters_behind_dots", "/repos/..;/repos/web"),
        path("escaped_semicolon", "/repos/web%3B"),
        path("escaped_slash", "/repos%2Fweb"),
        path("escaped_slash_in_lower_case", "/repos%2fweb"),
        path("twice_escaped_slash", "/repos%252Fweb"),
        path("backslash", "/repos\\web"),
        path("escaped_backslash", "/repos%5Cweb"),
        path("nul", "/repos/web%00"),
        path("nul_and_extension", "/repos/web%00.png"),
        path("line_break", "/repos/web%0A"),
        path("delete", "/repos/web%7F"),
        path("overlong_slash", "/repos%C0%AFweb"),
        path("overlong_dot", "/repos/%C0%AE%C0%AE/web"),
        path("overlong_in_three_bytes", "/repos%E0%80%AFweb"),
        path("surrogate", "/repos/%ED%A0%80"),
        path("half_a_character", "/repos/%C3"),
        path("needless_escape", "/repos/w%65b"),
        path("lower_case_escape", "/repos/%c3%a9"),
        path("half_an_escape", "/repos/web%2"),
        path("escape_of_the_u_form", "/repos/%u002e"),
        path("percent", "/repos/%"),
        path("space", "/repos/we b"),
        path("character_that_is_not_ascii", "/repos/wéb"),
        path("fragment", "/repos/web#x"),
        path("fragment_behind_a_query", "/find?id=web#x"),
        path("no_slash", "repos/web"),
        path("empty", ""),
        path("star", "*"),
        path("bracket", "/repos/[web]"),
        path("quote", "/repos/\"web\""),
    ];
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        for value in ["PATCH", "GET"] {
            let text = format!("{name}_{value}").to_lowercase();
            cases.push(
                Case::new(&[119], "design §4.2, route", text, "method_override", &ana).header(name, value),
            );
        }
    }
    let method = |name: &str, method, expect| {
        Case::new(&[119], "RFC 9110 §9.1", name, expect, &ana).at(method, "/repos/web")
    };
    // Fetch §3.3.3: a preflight request has no credentials, and only it may be without.
    let without = |name: &str, method, url: &str, expect| {
        let mut case = Case::new(&[119], "design §4.2, public", name, expect, &ana).at(method, url);
        case.headers.clear();
        case
    };
    let preflight = |case: Case| case.header("access-control-request-method", "PATCH");
    cases.extend([
        preflight(without("preflight", "OPTIONS", "/repos/web", "allow")),
        without("options_without_a_method_that_it_asks_for", "OPTIONS", "/repos/web", "token_missing"),
        preflight(without("preflight_by_get", "GET", "/repos/web", "token_missing")),
        preflight(method("preflight_with_credentials", "OPTIONS", "unmapped")),
        without("public", "GET", "/healthz", "allow"),
        without("public_by_another_method", "POST", "/healthz", "token_missing"),
        without("below_what_is_public", "GET", "/healthz/x", "token_missing"),
        without("public_below", "GET", "/well-known/a/b", "allow"),
        without("where_what_is_public_below_begins", "GET", "/well-known", "allow"),
        without("beside_what_is_public_below", "GET", "/well-knowns/a", "token_missing"),
        method("method_that_is_empty", "", "request_invalid"),
        method("method_with_a_hyphen", "M-SEARCH", "unmapped"),
    ]);
    cases.extend([
        method("method_in_lower_case", "get", "unmapped"),
        method("method_that_nobody_mapped", "DELETE", "unmapped"),
        method("head_is_not_get", "HEAD", "unmapped"),
    ]);
    cases
}

/// Messages that two readers could read in two ways, and batches.
fn messages() -> Vec<Case> {
    let ana = code(&[]);
    let case =
        |name: &str, expect, body: &str| Case::new(&[120], "JSON-RPC 2.0; MCP", name, expect, &ana).mcp(body);
    let bad = |name: &str, body: &str| case(name, "message_invalid", body);
    let read = tool("read_repo", r#"{"repo":"web"}"#);
    let bos = tool("read_repo", r#"{"repo":"bos"}"#).replace("\"id\":1", "\"id\":2");
    let list = r#"{"jsonrpc":"2.0","id":3,"method":"tools/list"}"#;
    let resource = r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"name":"public","taskId":"public","uri":"secret"}}"#;
    let gzip = [31_u8, 139, 8, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut cases = vec![
        case("message_as_it_should_be", "allow", &read),
        bad("message_with_two_methods", &read.replace("\"method\":", "\"method\":\"ping\",\"method\":")),
        bad(
            "message_with_a_method_in_escapes_beside_it",
            &read.replace("\"method\":", "\"\\u006dethod\":\"ping\",\"method\":"),
        ),
        bad("message_with_two_names", &read.replace("\"name\":", "\"name\":\"plain\",\"name\":")),
        bad(
            "message_with_two_arguments",
            &read.replace("\"arguments\":", "\"arguments\":{\"repo\":\"bos\"},\"arguments\":"),
        ),
        bad("message_with_two_repos", &read.replace("\"repo\":", "\"repo\":\"bos\",\"repo\":")),
        bad("message_with_a_member_of_its_own", &read.replace("\"id\":1", "\"id\":1,\"Method\":\"ping\"")),
        bad("message_with_a_result", &read.replace("\"id\":1", "\"id\":1,\"result\":{}")),
        bad("message_of_another_version", &read.replace("\"2.0\"", "\"1.0\"")),
        bad("message_version_number", &read.replace("\"2.0\"", "2.0")),
        bad("message_without_version", &read.replace("\"jsonrpc\":\"2.0\",", "")),
        bad("message_without_id", &read.replace("\"id\":1,", "")),
        bad("message_id_null", &read.replace("\"id\":1", "\"id\":null")),
        bad("message_id_list", &read.replace("\"id\":1", "\"id\":[1]")),
        bad("message_id_true", &read.replace("\"id\":1", "\"id\":true")),
        bad("message_without_method", &read.replace("\"method\":\"tools/call\",", "")),
        bad("message_method_number", &read.replace("\"tools/call\"", "1")),
        bad("message_method_empty", &read.replace("\"tools/call\"", "\"\"")),
        bad(
            "message_params_list",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["read_repo"]}"#,
        ),
        bad("message_params_null", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":null}"#),
        bad("message_without_params", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#),
        bad("message_name_number", &read.replace("\"read_repo\"", "1")),
        bad("message_arguments_list", &tool("read_repo", "[]")),
        bad("message_arguments_text", &tool("read_repo", "\"{}\"")),
        bad("message_behind_a_message", &format!("{read}{read}")),
        bad("message_with_a_comma_too_many", &read.replace("\"id\":1", "\"id\":1,")),
        bad("message_with_a_comment", &format!("/* */{read}")),
        bad("message_with_a_mark_of_byte_order", &format!("\u{feff}{read}")),
        bad("message_that_is_text", &quoted(&read)),
        bad("message_that_is_nothing", ""),
        bad("notification_with_an_id", r#"{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}"#),
        case("notification", "allow", r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
        case("answer", "allow", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
        case("answer_that_something_failed", "allow", r#"{"jsonrpc":"2.0","id":"x","error":{"code":1}}"#),
        bad("answer_of_two_kinds", r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#),
        bad("answer_of_no_kind", r#"{"jsonrpc":"2.0","id":1}"#),
        bad("answer_of_another_version", r#"{"jsonrpc":"1.0","id":1,"result":{}}"#),
        bad("answer_without_id", r#"{"jsonrpc":"2.0","result":{}}"#),
        bad("answer_with_a_null_id", r#"{"jsonrpc":"2.0","id":null,"result":{}}"#),
        bad(
            "answer_with_parameters",
            r#"{"jsonrpc":"2.0","id":1,"result":{},"params":{"name":"read_repo","arguments":{"repo":"bos"}}}"#,
        ),
        bad(
            "answer_with_a_method_in_another_case",
            r#"{"jsonrpc":"2.0","id":1,"result":{},"Method":"tools/call"}"#,
        ),
        case(
            "answers_beside_a_request",
            "user_lacks_relation",
            &format!(r#"[{{"jsonrpc":"2.0","id":1,"result":{{}}}},{bos}]"#),
        ),
        bad(
            "resource_without_address",
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":""}}"#,
        ),
        case(
            "prompt_that_nobody_mapped",
            "unmapped",
            r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"p"}}"#,
        ),
        bad("prompt_without_name", r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":""}}"#),
        case(
            "completion_of_a_resource",
            "unmapped",
            r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"file:///a"}}}"#,
        ),
        bad(
            "completion_of_a_resource_without_address",
            r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":""}}}"#,
        ),
        case(
            "batch_as_long_as_it_may_be",
            "allow",
            &format!("[{}]", vec![r#"{"jsonrpc":"2.0","method":"notifications/x"}"#; 64].join(",")),
        ),
        bad(
            "batch_that_is_longer",
            &format!("[{}]", vec![r#"{"jsonrpc":"2.0","method":"notifications/x"}"#; 65].join(",")),
        ),
        case("ping", "allow", r#"{"jsonrpc":"2.0","id":"x","method":"ping"}"#),
        case("method_unknown", "unmapped", &read.replace("tools/call", "tools/run")),
        case("method_in_upper_case", "unmapped", &read.replace("tools/call", "Tools/Call")),
        case("method_with_a_space", "unmapped", &read.replace("tools/call", "tools/call ")),
        case(
            "method_of_a_server",
            "unmapped",
            r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}"#,
        ),
        case("tool_that_nobody_mapped", "allow", &tool("plain", "{}")).on("tool:plain"),
        case("tool_with_a_line_under_another_case", "allow", &tool("Read_Repo", r#"{"repo":"bos"}"#))
            .on("tool:Read_Repo"),
        case("tool_whose_name_starts_like_a_line", "allow", &tool("read_repos", "{}")).on("tool:read_repos"),
        case(
            "tool_with_a_name_in_escapes",
            "user_lacks_relation",
            &tool("read_repo", r#"{"repo":"bos"}"#).replace("read_repo", "re\\u0061d_repo"),
        ),
        case("another_repo", "user_lacks_relation", &bos).on("repo:bos"),
        case("tools_list", "allow", list).on("mcp_server:https%3A%2F%2Fapi.example"),
        Case::new(
            &[120],
            "MCP, authorization",
            "tools_list_with_an_audience_of_others",
            "allow",
            &code(&[("aud", r#"["https://x.example","https://tools.example"]"#)]),
        )
        .mcp(list)
        .on("mcp_server:https%3A%2F%2Ftools.example"),
        Case::new(
            &[120],
            "MCP, authorization",
            "tools_list_with_two_of_our_audiences",
            "unmapped",
            &code(&[("aud", r#"["https://api.example","https://tools.example"]"#)]),
        )
        .mcp(list),
        case(
            "initialize",
            "allow",
            r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#,
        ),
        case(
            "resources_read",
            "allow",
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///a/../b"}}"#,
        )
        .on("resource:file%3A%2F%2F%2Fa%2F..%2Fb"),
        bad(
            "resources_read_without_uri",
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{}}"#,
        ),
        case("resources_without_a_line", "unmapped", r#"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#),
        case(
            "resources_subscribe_without_a_line",
            "unmapped",
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"x"}}"#,
        ),
        case(
            "prompts_without_a_line",
            "unmapped",
            r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"x"}}"#,
        ),
        case(
            "tasks_get",
            "allow",
            r#"{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"7"}}"#,
        )
        .on("task:7"),
        bad(
            "tasks_get_with_a_number",
            r#"{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":7}}"#,
        ),
        case(
            "tasks_cancel_without_a_line",
            "unmapped",
            r#"{"jsonrpc":"2.0","id":1,"method":"tasks/cancel","params":{"taskId":"7"}}"#,
        ),
        case(
            "tasks_result_without_a_line",
            "unmapped",
            r#"{"jsonrpc":"2.0","id":1,"method":"tasks/result","params":{"taskId":"7"}}"#,
        ),
        case(
            "completion_without_a_line",
            "unmapped",
            r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"x"}}}"#,
        ),
        bad(
            "completion_of_two_things",
            r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"x","uri":"y"}}}"#,
        ),
        case("batch_of_good_messages", "allow", &format!("[{read},{list}]")),
        case("batch_with_one_forbidden_member", "user_lacks_relation", &format!("[{read},{bos},{list}]")),
        case("batch_with_one_forbidden_member_first", "user_lacks_relation", &format!("[{bos},{read}]")),
        case(
            "batch_with_one_that_needs_approval",
            "needs_approval",
            &format!("[{},{list}]", tool("drop_branch", r#"{"repo":"web"}"#)),
        ),
        case(
            "batch_with_one_that_needs_approval_and_one_refused",
            "user_lacks_relation",
            &format!("[{},{bos}]", tool("drop_branch", r#"{"repo":"web"}"#)),
        ),
        case(
            "batch_with_one_unknown_method",
            "unmapped",
            &format!("[{read},{}]", bos.replace("tools/call", "x")),
        ),
        bad("batch_with_one_malformed_member", &format!("[{read},1]")),
        bad("batch_that_is_empty", "[]"),
        bad("batch_in_a_batch", &format!("[[{read}]]")),
        bad("batch_with_one_id_twice", &format!("[{read},{read}]")),
        bad(
            "batch_that_is_too_long",
            &format!(
                "[{}]",
                (0..65)
                    .map(|id| read.replace("\"id\":1", &format!("\"id\":{id}")))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
        ),
        case("header_that_agrees", "allow", &read)
            .header("mcp-method", "tools/call")
            .header("mcp-name", "read_repo"),
        bad("header_naming_another_method", &read).header("mcp-method", "tools/list"),
        bad("header_naming_another_tool", &read).header("mcp-name", "plain"),
        bad("header_naming_a_tool_for_a_list", list).header("mcp-name", "read_repo"),
        bad("header_that_agrees_with_one_member_of_a_batch", &format!("[{read},{list}]"))
            .header("mcp-method", "tools/call"),
        case("header_naming_the_resource", "allow", resource).header("mcp-name", "secret"),
        bad("header_naming_another_member_than_the_object", resource).header("mcp-name", "public"),
        bad(
            "header_naming_what_a_list_does_not_read",
            &list.replace("}", ",\"params\":{\"name\":\"public\"}}"),
        )
        .header("mcp-name", "public"),
        case("header_twice", "request_invalid", &read)
            .header("mcp-name", "read_repo")
            .header("mcp-name", "read_repo"),
        case("message_in_a_query", "unmapped", &read).at("POST", "/mcp?id=1"),
        case("message_to_another_path", "unmapped", &read).at("POST", "/MCP"),
        case("message_by_get", "unmapped", &read).at("GET", "/mcp"),
        bad("compressed_body", &read).header("content-encoding", "gzip"),
        Case { body: Some(gzip.to_vec()), ..bad("compressed_bytes_that_say_nothing", "") },
        Case { body: None, ..bad("no_body", "") },
    ];
    for (name, value) in [
        ("text", "text/plain"),
        ("nothing", ""),
        ("form", "application/x-www-form-urlencoded"),
        ("of_utf_7", "application/json; charset=utf-7"),
        ("of_utf_16", "application/json; charset=utf-16"),
    ] {
        let mut case = bad(&format!("content_type_{name}"), &read);
        case.headers.retain(|(name, _)| *name != "content-type");
        cases.push(if value.is_empty() { case } else { case.header("content-type", value) });
    }
    cases
}

const APPROVAL: &str = "design §4.2, approve";

/// One merge that a writer has to approve, and approvals of it.
fn approvals() -> Vec<Case> {
    let ana = code(&[]);
    let merge = |name: &str, expect| {
        Case::new(&[123], APPROVAL, name, expect, &ana).at("PUT", "/repos/web/pulls/7/merge")
    };
    let guard = guard_of(&config());
    let digest_of = |case: &Case| {
        let (decision, _) = decide(&guard, case, &mut MemoryStore::new(4));
        decision.approval().unwrap().digest.clone()
    };
    let digest = digest_of(&merge("", ""));
    let other = digest_of(&merge("", "").at("PUT", "/repos/web/pulls/8/merge"));
    let approval = |key: &SigningKey, typ: &str, changes: &[(&'static str, &str)]| {
        let mut claims = Claims::from([
            ("iss", quoted("https://approve.example")),
            ("aud", quoted("https://api.example")),
            ("iat", NOW.to_string()),
            ("jti", quoted("a1")),
            ("sub", quoted("cy")),
            ("approval_digest", quoted(&digest)),
        ]);
        claims.extend(changes.iter().map(|(name, value)| (*name, String::from(*value))));
        claims.retain(|_, value| !value.is_empty());
        let members: Vec<_> =
            claims.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
        key.sign(typ, &format!("{{{}}}", members.join(",")))
    };
    // A tool's arguments count, declared or not, however deep.
    let arguments =
        r#"{"repo":"web","options":{"force":false,"refs":["a","b"]},"steps":[{"do":"x","on":"y"}]}"#;
    let called = |name: &str, expect, arguments: &str| {
        Case::new(&[123], APPROVAL, name, expect, &ana).mcp(tool("drop_repo", arguments))
    };
    let other_tool =
        |repo: &str| tool("read_repo", &format!(r#"{{"repo":"{repo}"}}"#)).replace("\"id\":1", "\"id\":2");
    let of_tool = digest_of(&called("", "", arguments));
    let typ = "agent-approval+jwt";
    let good = |changes: &[(&'static str, &str)]| approval(&approver_key(), typ, changes);
    let with = |name: &str, expect, approval: String| merge(name, expect).header("agent-approval", approval);
    let bad = |name: &str, approval: String| with(name, "approval_invalid", approval);
    let tool_with = |name: &str, expect, arguments: &str| {
        called(name, expect, arguments)
            .header("agent-approval", good(&[("approval_digest", &quoted(&of_tool))]))
    };
    let at = |seconds: i64| (i64::try_from(NOW).unwrap() + seconds).to_string();
    let call = tool("drop_repo", arguments);
    let again = call.replace("\"id\":1", "\"id\":2");
    let batch = |name: &str, expect, messages: &str| {
        let approval = good(&[("approval_digest", &quoted(&of_tool))]);
        Case::new(&[120, 123], APPROVAL, name, expect, &ana)
            .mcp(format!("[{messages}]"))
            .header("agent-approval", approval)
    };
    vec![
        batch("batch_with_one_approved_call", "allow", &call),
        batch("batch_of_one_approved_call_twice", "approval_spent", &format!("{call},{again}")),
        merge("merge_without_approval", "needs_approval"),
        with("approval_by_a_writer", "allow", good(&[])),
        Case { again: true, ..with("approval_used_twice", "approval_spent", good(&[])) },
        with("approval_of_299_seconds", "allow", good(&[("iat", &at(-299))])),
        bad("approval_of_300_seconds", good(&[("iat", &at(-300))])),
        bad("approval_of_301_seconds", good(&[("iat", &at(-301))])),
        bad("approval_from_the_future", good(&[("iat", &at(6))])),
        with("approval_from_a_clock_that_is_ahead", "allow", good(&[("iat", &at(5))])),
        bad("approval_without_iat", good(&[("iat", "")])),
        bad("approval_iat_text", good(&[("iat", "\"1795000060\"")])),
        bad("approval_that_has_expired", good(&[("exp", &at(0))])),
        with("approval_in_its_last_second", "allow", good(&[("exp", &at(1))])),
        bad("approval_for_other_arguments", good(&[("approval_digest", &quoted(&other))])),
        bad("approval_for_nothing", good(&[("approval_digest", "")])),
        with("approval_sent_for_another_pull_request", "approval_invalid", good(&[]))
            .at("PUT", "/repos/web/pulls/8/merge"),
        bad("approval_for_another_audience", good(&[("aud", "\"https://other.example\"")])),
        bad("approval_for_other_audiences", good(&[("aud", r#"["https://other.example"]"#)])),
        with(
            "approval_for_several_audiences",
            "allow",
            good(&[("aud", r#"["https://x.example","https://api.example"]"#)]),
        ),
        bad("approval_without_audience", good(&[("aud", "")])),
        tool_with("approval_of_a_tool", "allow", arguments),
        tool_with(
            "approval_of_a_tool_with_members_in_another_order",
            "allow",
            r#"{"steps":[{"on":"y","do":"x"}],"options":{"refs":["a","b"],"force":false},"repo":"web"}"#,
        ),
        tool_with(
            "approval_of_a_tool_with_another_value_inside",
            "approval_invalid",
            &arguments.replace("false", "true"),
        ),
        tool_with(
            "approval_of_a_tool_with_another_item_inside",
            "approval_invalid",
            &arguments.replace("\"b\"", "\"c\""),
        ),
        tool_with(
            "approval_of_a_tool_with_items_in_another_order",
            "approval_invalid",
            &arguments.replace(r#""a","b""#, r#""b","a""#),
        ),
        tool_with(
            "approval_of_a_tool_with_another_name_inside",
            "approval_invalid",
            &arguments.replace("force", "forced"),
        ),
        tool_with(
            "approval_of_a_tool_without_what_is_inside",
            "approval_invalid",
            r#"{"repo":"web","options":{},"steps":[{"do":"x","on":"y"}]}"#,
        ),
        tool_with("approval_of_a_tool_with_less", "approval_invalid", r#"{"repo":"web"}"#),
        // In a batch, what is refused counts more than what waits for somebody.
        Case::new(&[123], APPROVAL, "batch_that_needs_an_approval", "needs_approval", &ana).mcp(format!(
            "[{},{}]",
            tool("drop_repo", arguments),
            other_tool("web")
        )),
        Case::new(
            &[123],
            APPROVAL,
            "batch_that_needs_an_approval_and_is_refused",
            "user_lacks_relation",
            &ana,
        )
        .mcp(format!("[{},{}]", tool("drop_repo", arguments), other_tool("bos"))),
        Case::new(
            &[123],
            APPROVAL,
            "batch_that_is_refused_and_needs_an_approval",
            "user_lacks_relation",
            &ana,
        )
        .mcp(format!("[{},{}]", other_tool("bos"), tool("drop_repo", arguments))),
        bad("approval_with_an_empty_jti", good(&[("jti", "\"\"")])),
        bad("approval_without_jti", good(&[("jti", "")])),
        bad("approval_without_sub", good(&[("sub", "")])),
        bad("approval_by_nobody_in_particular", good(&[("sub", "\"\"")])),
        bad("approval_by_somebody_who_may_not", good(&[("sub", "\"bo\"")])),
        bad("approval_by_a_star", good(&[("sub", "\"*\"")])),
        bad("approval_by_the_agent", good(&[("sub", "\"code-helper\"")])),
        bad("approval_with_an_actor", good(&[("act", r#"{"sub":"code-helper"}"#)])),
        bad("approval_with_a_relationship", good(&[("agent_rel", "{}")])),
        bad("approval_with_an_instance", good(&[("agent_instance", "{}")])),
        bad(
            "approval_by_the_tokens_issuer",
            approval(&issuer_key(), typ, &[("iss", "\"https://as.example\"")]),
        ),
        bad("approval_signed_by_the_tokens_issuer", approval(&issuer_key(), typ, &[])),
        bad(
            "approval_signed_with_another_key_of_that_name",
            approval(&issuer_key().with_kid("approver"), typ, &[]),
        ),
        bad("approval_without_issuer", good(&[("iss", "")])),
        bad("approval_of_another_type", approval(&approver_key(), "JWT", &[])),
        bad("approval_that_is_an_access_token", approval(&approver_key(), "at+jwt", &[])),
        bad("approval_that_is_the_token_itself", signed(&ana)),
        bad("approval_that_is_nothing", "x".into()),
        bad("approval_that_is_cut", good(&[]).rsplit_once('.').unwrap().0.into()),
        with("two_approvals", "request_invalid", good(&[])).header("agent-approval", good(&[])),
        with("approval_where_none_is_needed", "allow", "x".into()).at("GET", "/repos/web"),
        with("approval_of_what_is_refused", "user_lacks_relation", good(&[]))
            .at("PUT", "/repos/bos/pulls/7/merge"),
        with("approval_by_the_user_who_is_a_writer", "allow", good(&[("sub", "\"ana\"")])),
        Case::new(
            &[123],
            APPROVAL,
            "approval_for_another_instance",
            "approval_invalid",
            &code(&[(
                "agent_instance",
                r#"{"iss":"https://as.example","id":"S3AAAAAAAAAAAAAAAAAAAA","kind":"task"}"#,
            )]),
        )
        .at("PUT", "/repos/web/pulls/7/merge")
        .header("agent-approval", good(&[])),
        Case::new(
            &[123],
            APPROVAL,
            "approval_for_another_user",
            "approval_invalid",
            &code(&[("sub", "\"cy\"")]),
        )
        .at("PUT", "/repos/web/pulls/7/merge")
        .header("agent-approval", good(&[])),
    ]
}

/// Hops, their records and their ceilings.
fn chains() -> Vec<Case> {
    let record = || code(&[("jti", "\"r1\"")]);
    let case = |name: &str, expect, changes: &[(&'static str, &str)]| {
        Case::new(&[125], "design §5.4", name, expect, &called(changes))
    };
    let rel = |hops: &str| format!(r#"{{"mode":"offline","authority":"user"{hops}}}"#);
    vec![
        case("hop_with_its_record", "allow", &[]).records(&[record()]),
        case("hop_without_its_record", "hop_record_missing", &[]),
        case("hop_with_an_empty_chain", "hop_record_invalid", &[]).header("agent-chain", ""),
        case("hop_with_two_records", "chain_inconsistent", &[]).records(&[record(), record()]),
        case("hop_with_the_record_of_another_agent", "hop_record_invalid", &[]).records(&[code(&[
            ("jti", "\"r1\""),
            ("act", r#"{"iss":"https://as.example","sub":"idle","sub_profile":"ai_agent"}"#),
        ])]),
        case("hop_with_the_record_of_another_user", "hop_record_invalid", &[])
            .records(&[code(&[("jti", "\"r1\""), ("sub", "\"bo\"")])]),
        case("hop_with_its_own_token_as_record", "hop_record_invalid", &[]).records(&[called(&[])]),
        case("hop_whose_record_does_not_cover", "hop_not_covered", &[])
            .records(&[code(&[("jti", "\"r1\""), ("scope", "\"repo:infra\"")])]),
        case("hop_whose_record_covers_reading_only", "hop_not_covered", &[])
            .records(&[code(&[("jti", "\"r1\""), ("scope", ""), ("roles", "[\"developer\"]")])])
            .at("PATCH", "/repos/web"),
        case("hop_whose_record_covers_reading", "allow", &[])
            .records(&[code(&[("jti", "\"r1\""), ("scope", ""), ("roles", "[\"developer\"]")])]),
        case("hop_whose_own_token_does_not_cover", "not_covered", &[("scope", "\"repo:infra\"")])
            .records(&[record()]),
        case("hops_less_than_what_is_visible", "chain_inconsistent", &[("agent_rel", &rel(r#","hops":0"#))])
            .records(&[record()]),
        case("hops_more_than_what_is_visible", "chain_inconsistent", &[("agent_rel", &rel(r#","hops":2"#))])
            .records(&[record()]),
        case("hops_missing", "claim_missing", &[("agent_rel", &rel(""))]).records(&[record()]),
        case("hops_text", "claim_invalid", &[("agent_rel", &rel(r#","hops":"1""#))]).records(&[record()]),
        case("ceiling_of_the_current_agent", "ceiling", &[]).records(&[record()]).at("PUT", "/repos/web/pulls/7/merge"),
        // The earlier agent's ceiling counts for what it has others do.
        Case::new(&[125], "design §5.4", "ceiling_of_an_earlier_agent", "ceiling", &called(&[
            ("act", r#"{"iss":"https://as.example","sub":"code-helper","sub_profile":"ai_agent","act":{"iss":"https://as.example","sub":"test-runner","sub_profile":"ai_agent"}}"#),
            ("client_id", "\"code-helper\""),
        ]))
        .records(&[code(&[
            ("jti", "\"r1\""),
            ("act", r#"{"iss":"https://as.example","sub":"test-runner","sub_profile":"ai_agent"}"#),
            ("client_id", "\"test-runner\""),
        ])])
        .at("PUT", "/repos/web/pulls/7/merge"),
        Case::new(&[125], "design §5.4", "agent_without_a_line_of_its_own", "ceiling", &code(&[
            ("act", r#"{"iss":"https://as.example","sub":"idle","sub_profile":"ai_agent"}"#),
            ("client_id", "\"idle\""),
        ])),
    ]
}

#[test]
fn the_file_is_what_the_generator_writes() {
    let lines: Vec<String> = cases().iter().map(write).collect();
    settle(
        FILE,
        &format!(
            "{{\n\"now\": {NOW},\n\"config\": {},\n\"cases\": [\n{}\n]\n}}\n",
            config(),
            lines.join(",\n")
        ),
    );
}

fn write(case: &Case) -> String {
    object(|w| {
        w.key("name").string(&case.name);
        w.key("rows").array(|w| case.rows.iter().for_each(|row| w.number(*row)));
        w.key("source").string(case.source);
        w.key("expect").string(case.expect);
        if let Some(object) = &case.object {
            w.key("object").string(object);
        }
        if case.again {
            w.key("again").bool(true);
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
            match case.body.as_deref().map(|body| (body, core::str::from_utf8(body))) {
                None => {}
                Some((_, Ok(text))) => w.key("body").string(text),
                Some((bytes, Err(_))) => w.key("body_base64url").string(&base64url::encode(bytes)),
            }
        });
    })
}

fn guard_of(config: &str) -> Guard {
    Guard::from_config(config.as_bytes(), 1).unwrap_or_else(|error| panic!("{error}"))
}

fn outcome(decision: &Decision) -> &'static str {
    decision.code().map_or("allow", Code::as_str)
}

fn decide(guard: &Guard, case: &Case, store: &mut MemoryStore) -> (Decision, String) {
    let headers: Vec<_> = case.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let request = Request {
        id: "vector",
        method: case.method,
        url: &case.url,
        headers: &headers,
        body: case.body.as_deref(),
        ..Request::default()
    };
    let now = Timestamp::from_seconds(NOW);
    let decision = guard.decide_once(&request, now, store);
    let (explained, document) = guard.explain(&request.after(&decision), now);
    assert_eq!(outcome(&decision), outcome(&explained), "explaining changes nothing: {document}");
    (decision, document)
}

/// Reads a case as any host does.
fn read_case(case: &Object<'_>) -> Case {
    only(case, &["name", "rows", "source", "expect", "object", "again", "request"]);
    let request = case.get("request").unwrap().as_object().unwrap();
    only(request, &["method", "url", "headers", "body", "body_base64url"]);
    let leak = |text: &str| -> &'static str { String::from(text).leak() };
    let headers = request.get("headers").unwrap().as_array().unwrap().iter().map(|pair| {
        let [name, value] = pair.as_array().unwrap() else { panic!("a header is a pair") };
        (leak(name.as_str().unwrap()), value.as_str().unwrap().to_owned())
    });
    let text = request.get("body").and_then(Value::as_str).map(|text| text.as_bytes().to_vec());
    let bytes = request.get("body_base64url").and_then(Value::as_str).map(|b| base64url::decode(b).unwrap());
    Case {
        name: string(case, "name").into(),
        rows: case.get("rows").unwrap().as_array().unwrap().iter().map(|row| row.as_u64().unwrap()).collect(),
        source: leak(string(case, "source")),
        method: leak(string(request, "method")),
        url: string(request, "url").into(),
        headers: headers.collect(),
        body: text.or(bytes),
        expect: leak(string(case, "expect")),
        object: case.get("object").and_then(Value::as_str).map(String::from),
        again: case.get("again").is_some(),
    }
}

#[test]
fn every_attack_is_decided_as_expected() {
    let file = read(FILE);
    let file = file.as_object().unwrap();
    only(file, &["now", "config", "cases"]);
    let mut w = Writer::default();
    w.value(file.get("config").unwrap());
    let guard = guard_of(&w.finish());
    let (mut names, mut rows, mut wrong) = (BTreeSet::new(), BTreeMap::<u64, usize>::new(), Vec::new());
    for case in file.get("cases").unwrap().as_array().unwrap() {
        let case = read_case(case.as_object().unwrap());
        assert!(names.insert(case.name.clone()), "{} is there twice", case.name);
        for row in &case.rows {
            *rows.entry(*row).or_default() += 1;
        }
        let mut store = MemoryStore::new(16);
        if case.again {
            assert_eq!(outcome(&decide(&guard, &case, &mut store).0), "allow", "{}", case.name);
        }
        let (decision, document) = decide(&guard, &case, &mut store);
        let object = case.object.as_ref().map(|object| format!("\"object\":{}", quoted(object)));
        if outcome(&decision) != case.expect || object.is_some_and(|object| !document.contains(&object)) {
            wrong
                .push(format!("{}: expected {} {:?}, found {document}", case.name, case.expect, case.object));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), names.len(), wrong.join("\n"));
    println!("{FILE}: {} cases, rows {rows:?}", names.len());
    let here = [94, 116, 117, 118, 119, 120, 123, 125];
    assert!(rows.keys().eq(here.iter()), "a row of the attack list has no case: {rows:?}");
}

/// A store says that an approval was never used, and a batch does twice what it was given for.
#[test]
fn an_approval_is_good_for_one_message_whatever_the_store_says() {
    let cases = approvals();
    let case = |name: &str| cases.iter().find(|case| case.name == name).unwrap();
    let guard = guard_of(&config());
    for (name, expect) in
        [("batch_with_one_approved_call", "allow"), ("batch_of_one_approved_call_twice", "approval_spent")]
    {
        let case = case(name);
        let headers: Vec<_> = case.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let request = Request {
            method: case.method,
            url: &case.url,
            headers: &headers,
            body: case.body.as_deref(),
            approval_use: Some(Use::First),
            ..Request::default()
        };
        let now = Timestamp::from_seconds(NOW);
        assert_eq!(outcome(&guard.decide(&request, now)), expect);
        assert_eq!(outcome(&guard.explain(&request, now).0), expect);
    }
}

/// What an approval from `issuer` by `sub` says, for what this refusal needs.
fn approval_of(refused: &Decision, key: &SigningKey, issuer: &str, sub: &str) -> String {
    let digest = refused.approval().unwrap().digest.clone();
    let members = [
        ("iss", issuer),
        ("aud", "https://api.example"),
        ("jti", "a1"),
        ("sub", sub),
        ("approval_digest", digest.as_str()),
    ];
    let members = members.map(|(name, value)| format!("{}:{}", quoted(name), quoted(value)));
    key.sign("agent-approval+jwt", &format!("{{\"iat\":{NOW},{}}}", members.join(",")))
}

/// The outcome of merging a pull request with an approval by `sub`.
fn merged(guard: &Guard, token: &Claims, issuer: &str, sub: &str, store: &mut MemoryStore) -> &'static str {
    let case = Case::new(&[123], APPROVAL, "", "", token).at("PUT", "/repos/web/pulls/7/merge");
    let (refused, _) = decide(guard, &case, store);
    let approval = approval_of(&refused, &approver_key(), issuer, sub);
    outcome(&decide(guard, &case.header("agent-approval", approval), store).0)
}

/// `jti` is unique for its issuer only.
#[test]
fn two_approvers_may_choose_the_same_name_for_an_approval() {
    let approvals =
        config().split_once("\"approvals\":[").unwrap().1.split_once("],\"names\"").unwrap().0.to_owned();
    let second = approvals.replace("https://approve.example", "https://second.example");
    let guard = guard_of(&config().replace(&approvals, &format!("{approvals},{second}")));
    let mut store = MemoryStore::new(4);
    for (issuer, expected) in [
        ("https://approve.example", "allow"),
        ("https://second.example", "allow"),
        ("https://approve.example", "approval_spent"),
    ] {
        assert_eq!(merged(&guard, &code(&[]), issuer, "cy", &mut store), expected);
    }
}

/// A guard whose approver speaks of people of a space of its own, which has no agents: `{template}` names them.
fn guard_with_approver_of_hr(template: &str, change: impl Fn(String) -> String) -> Guard {
    let idp = r#""https://idp.example":{"user""#;
    let hr = format!(r#""https://hr.example":{{"user":"{template}","same_as":"https://as.example"}}"#);
    let config = config().replace(r#""space":"https://as.example""#, r#""space":"https://hr.example""#);
    guard_of(&change(config.replace(idp, &format!("{hr},{idp}"))))
}

/// Whatever the space of the approver says: whose name in the model is that of an agent of the chain does not approve.
#[test]
fn an_agent_does_not_approve_under_a_name_of_another_space() {
    let guard = guard_with_approver_of_hr("agent:{sub}", |config| {
        let config = config.replace("writer: [user, user:*]", "writer: [user, agent, user:*]");
        config.replace("\"user:cy\"", "\"agent:cy\"").replace("user:code-helper", "agent:code-helper")
    });
    for (sub, expected) in [("cy", "allow"), ("code-helper", "approval_invalid")] {
        let store = &mut MemoryStore::new(4);
        assert_eq!(merged(&guard, &code(&[]), "https://approve.example", sub, store), expected);
    }
}

/// An earlier agent without a name is not the approver, although the approver has no name as an agent either.
#[test]
fn somebody_approves_what_a_chain_with_an_unnamed_agent_does() {
    let guard = guard_with_approver_of_hr("user:{sub}", |config| {
        let ceilings = "agent code-helper  at most any action on repo\\nagent test-runner  at most read, push on repo\\n";
        assert!(config.contains(ceilings));
        config.replace(ceilings, "").replace("chain at most 2", "chain at most 2 unrecorded")
    });
    let unnamed = r#"{"iss":"https://as.example","sub":"test-runner","sub_profile":"ai_agent"}"#;
    let token = called(&[("act", unnamed)]);
    assert_eq!(merged(&guard, &token, "https://approve.example", "cy", &mut MemoryStore::new(4)), "allow");
}

/// JSON-RPC 2.0 §5.1: a request that was refused is answered with its own id, and with a number for the kind of refusal.
#[test]
fn refusals_are_answered_as_json_rpc() {
    let guard = guard_of(&config());
    let decided = |case: &Case| decide(&guard, case, &mut MemoryStore::new(4)).0;
    let ana = code(&[]);
    let case = |body: &str| Case::new(&[120], "", "", "", &ana).mcp(body);
    let bos = tool("read_repo", r#"{"repo":"bos"}"#);
    let answer = |id: &str, number: &str, message: &str, code: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{number},"message":"{message}","data":{{"code":"{code}","id":"r1"}}}}}}"#
        )
    };
    let refusal = |case: &Case| {
        let decision = decided(case);
        let message = decision.code().map(|code| (code.reason_user(), code.as_str()));
        (actfor::mcp::refusal(&decision, case.body.as_deref(), "r1"), message)
    };
    for (body, id, number, expected) in [
        (bos.clone(), "1", "-32001", "user_lacks_relation"),
        (bos.replace("\"id\":1", "\"id\":\"x\""), "\"x\"", "-32001", "user_lacks_relation"),
        (format!("[{bos}]"), "null", "-32001", "user_lacks_relation"),
        (bos.replace("tools/call", "tools/run"), "1", "-32602", "unmapped"),
    ] {
        let (found, message) = refusal(&case(&body));
        let (message, code) = message.unwrap();
        assert_eq!(code, expected);
        assert_eq!(found.unwrap(), answer(id, number, message, code));
    }
    assert_eq!(refusal(&case(&tool("read_repo", r#"{"repo":"web"}"#))), (None, None));
    // Where a token is asked for, HTTP says so.
    let mut nobody = case(&bos);
    nobody.headers.retain(|(name, _)| *name != "authorization");
    let (found, message) = refusal(&nobody);
    assert_eq!((found, message.unwrap().1), (None, "token_missing"));
    // What is not the caller's fault is an internal error.
    let request = Request { method: "POST", url: "/mcp", ..Request::default() };
    let broken = guard.decide(&request, None);
    assert_eq!((broken.code(), broken.status()), (Some(Code::ClockInvalid), 503));
    let found = actfor::mcp::refusal(&broken, None, "r1").unwrap();
    assert_eq!(found, answer("null", "-32603", Code::ClockInvalid.reason_user(), "clock_invalid"));
}
