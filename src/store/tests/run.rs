//! The runner: what fails is shown with what was expected, what came out, and the path that led there.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

use actfor_store::{Report, StoreError, run_text, tuples};

const MODEL: &str = "model: |
  model
    schema 1.1
  type user
  type group
    relations
      define member: [user]
  type doc
    relations
      define editor: [user]
      define viewer: [user, group#member, user with young] or editor
  condition young(age: int, most: int) {
    age < most
  }
tuples:
  - { user: 'user:ana', relation: editor, object: 'doc:1' }
  - { user: 'group:eng#member', relation: viewer, object: 'doc:2' }
tuple_file: more.csv
";

const CSV: &str =
    "user_type,user_id,user_relation,relation,object_type,object_id,condition_name,condition_context
user,bo,,member,group,eng,,
user,cy,,viewer,doc,1,young,\"{\"\"most\"\": 18}\"
";

fn files(name: &str) -> Result<String, StoreError> {
    match name {
        "more.csv" => Ok(CSV.into()),
        other => panic!("asked for {other}"),
    }
}

fn run(tests: &str) -> Result<Report, StoreError> {
    run_text("s.fga.yaml", &format!("{MODEL}{tests}"), &files)
}

fn fails(tests: &str) -> String {
    run(tests).unwrap_err().to_string()
}

#[test]
fn a_file_that_holds_passes() {
    let report = run("
tests:
  - name: all
    tuples:
      - { user: 'user:dee', relation: viewer, object: 'doc:2' }
    check:
      - users: ['user:ana', 'user:dee']
        objects: ['doc:1', 'doc:2']
        assertions: { editor: false }
      - user: user:cy
        object: doc:1
        context: { age: 17 }
        assertions: { viewer: true }
      - user: user:cy
        object: doc:1
        context: { age: 18 }
        assertions: { viewer: false }
    list_objects:
      - { user: 'user:bo', type: doc, assertions: { viewer: ['doc:2'], editor: [] } }
    list_users:
      - object: doc:2
        user_filter: [{ type: user }]
        assertions: { viewer: { users: ['user:dee', 'user:bo'] } }
      - object: doc:2
        user_filter: [{ type: group, relation: member }]
        assertions: { viewer: { users: ['group:eng#member'] } }
  - name: the next one does not know what the first had
    list_users:
      - object: doc:2
        user_filter: [{ type: user }]
        assertions: { viewer: { users: ['user:bo'] } }
");
    // The first assertion is wrong on purpose for ana and doc:1.
    let report = report.unwrap();
    assert_eq!(report.count(), (10, 11));
    let failures: Vec<_> = report.tests.iter().flat_map(|test| &test.failures).collect();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].question, "user:ana editor doc:1");
    let counts: Vec<_> = report.tests[0].counts.iter().map(|c| (c.what, c.passed, c.all)).collect();
    assert_eq!(counts, [("check", 5, 6), ("list_objects", 2, 2), ("list_users", 2, 2)]);
    assert!(report.tests[1].passed() && !report.passed());
}

#[test]
fn what_fails_says_why() {
    let report = run("
tests:
  - check:
      - { user: 'user:bo', object: 'doc:2', assertions: { viewer: false } }
      - { user: 'user:bo', object: 'doc:1', assertions: { viewer: true } }
      - { user: 'user:cy', object: 'doc:1', assertions: { viewer: false } }
      - { user: 'user:bo', object: 'doc:1', assertions: { owner: false } }
    list_objects:
      - { user: 'user:bo', type: doc, assertions: { viewer: ['doc:1'] } }
      - { user: 'user:bo', type: doc, assertions: { owner: [] } }
")
    .unwrap();
    assert_eq!(report.tests[0].name, "test 1");
    let shown: Vec<_> = report.tests[0]
        .failures
        .iter()
        .map(|f| format!("{}|{}|{}|{}", f.question, f.expected, f.got, f.because.join("/")))
        .collect();
    assert_eq!(
        shown,
        [
            "user:bo viewer doc:2|false|true|user:bo viewer doc:2: true/  group:eng#member viewer doc:2: tuple/    \
             user:bo member group:eng: tuple",
            "user:bo viewer doc:1|true|false|user:bo viewer doc:1: false/  user:bo editor doc:1: no tuple/  \
             user:bo viewer doc:1: no tuple",
            "user:cy viewer doc:1|false|unknown (a parameter of a condition is missing or of the wrong type)|\
             user:cy viewer doc:1: unknown/  user:cy editor doc:1: no tuple/  \
             user:cy viewer doc:1: unknown tuple",
            "user:bo owner doc:1|false|unknown (the model does not have the type or the relation, or a name is not \
             well formed)|",
            "user:bo viewer doc:?|[doc:1]|[doc:2]|doc:2 is too many/  user:bo viewer doc:2: true/    \
             group:eng#member viewer doc:2: tuple/      user:bo member group:eng: tuple/doc:1 is missing/  \
             user:bo viewer doc:1: false/    user:bo editor doc:1: no tuple/    user:bo viewer doc:1: no tuple",
            "user:bo owner doc:?|[]|unknown (the type does not have the relation)|",
        ]
    );
}

#[test]
fn a_model_that_goes_round_through_an_exclusion_is_warned_of() {
    let text = "model: |
  model
    schema 1.1
  type user
  type group
    relations
      define banned: [user, group#member]
      define member: [user, group#member] but not banned
";
    let report = run_text("s", text, &files).unwrap();
    assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
    assert!(report.warnings[0].starts_with("`group#member` depends on itself"), "{:?}", report.warnings);
    assert!(run("").unwrap().warnings.is_empty());
}

#[test]
fn what_cannot_be_read_says_where() {
    for (tests, part) in [
        ("tests:\n  - chekc: []\n", "a test has no member `chekc`"),
        (
            "tests:\n  - name: n\n    tuples: [{ user: 'user:x', relation: owner, object: 'doc:1' }]\n",
            "s.fga.yaml: test `n`: tuple `user:x owner doc:1`: type `doc` has no relation `owner`",
        ),
        ("tests:\n  - check: [{ user: 'user:x', assertions: {} }]\n", "`object` or `objects` is missing"),
        ("tests:\n  - check: [{ user: 'user:x', object: 'doc:1' }]\n", "`assertions` is missing"),
        (
            "tests:\n  - check: [{ user: 'user:x', object: 'doc:1', assertions: { viewer: yes } }]\n",
            "`viewer: true` or `false`",
        ),
        (
            "tests:\n  - check: [{ user: 'user:x', object: 'doc:1', context: 7, assertions: { viewer: true } }]\n",
            "`context` is an object",
        ),
        (
            "tests:\n  - list_objects: [{ user: 'user:x', type: doc, assertions: { viewer: 'doc:1' } }]\n",
            "`viewer` is a list of names",
        ),
        (
            "tests:\n  - list_users: [{ object: 'doc:1', user_filter: [], assertions: {} }]\n",
            "`user_filter` has one entry",
        ),
        ("tests: 7\n", "`tests` is a list"),
        ("nothing: 1\n", "the file has no member `nothing`"),
        ("tuple_files: [7]\n", "`tuple_files` is a list of texts"),
        ("a: b: c\n", "s.fga.yaml"),
    ] {
        let message = fails(tests);
        assert!(message.contains(part), "{message}");
    }
    let modular = run_text("s", "model_file: fga.mod\n", &files).unwrap_err().to_string();
    assert!(modular.contains("modular"), "{modular}");
}

#[test]
fn tuples_come_in_every_form() {
    let json = r#"[{"user":"user:a","relation":"r","object":"o:1"}]"#;
    let expected = tuples("t.json", json).unwrap();
    for (name, text) in [
        ("t.json", &*format!("{{\"tuples\":{json}}}")),
        ("t.jsonl", "{\"user\":\"user:a\",\"relation\":\"r\",\"object\":\"o:1\"}\n\n"),
        ("t.yaml", "- { user: 'user:a', relation: r, object: 'o:1' }"),
        ("t.yml", "tuples: [{ user: 'user:a', relation: r, object: 'o:1' }]"),
        ("t.csv", "object_id,object_type,relation,user_id,user_type\n1,o,r,a,user\n"),
        ("t.csv", "user_type,user_id,user_relation,relation,object_type,object_id\nuser,a,,r,o,\"1\"\n"),
    ] {
        assert_eq!(tuples(name, text).unwrap(), expected, "{name}: {text}");
    }
    let csv = tuples("t.csv", CSV).unwrap();
    assert_eq!(csv[1].condition.as_ref().unwrap().0, "young");
    let head =
        "user_type,user_id,user_relation,relation,object_type,object_id,condition_name,condition_context\n";
    for (name, text, part) in [
        ("t.txt", "", ".csv"),
        ("t.json", "{", "t.json"),
        ("t.json", "7", "expected a list"),
        ("t.json", r#"[{"user":"user:a"}]"#, "tuple 1: the tuple has no `relation`"),
        ("t.csv", "user_type,user_id,relation,object_type\nuser,a,r,o\n", "no column `object_id`"),
        ("t.csv", "user_type,user_id,relation,object_type,object_id,who\n", "no column `who`"),
        ("t.csv", &format!("{head}user,a,,r,o\n"), "line: 2"),
        ("t.csv", &format!("{head}user,a,,r,o,1,c,{{\n"), "t.csv:2: `condition_context`"),
        (
            "t.csv",
            &format!("{head}user,a,,r,o,1,,{{}}\n"),
            "t.csv:2: `condition_context` needs a `condition_name`",
        ),
    ] {
        let message = tuples(name, text).unwrap_err().to_string();
        assert!(message.contains(part), "{name}: {message}");
    }
}
