//! The rule language: what compiles, what does not, and what is said about it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

use std::path::Path;

use actfor::json::{self, Value};
use actfor::pack::{Pack, Section};
use actfor::policy::{self, Policy, Rules, Source};
use actfor::relation::Tuple;
use actfor::{ConfigError, Position};

const MODEL: &str = include_str!("vectors/policy/design.fga");
static RULES: &str = include_str!("vectors/policy/design.actfor");

fn compile(rules: &str) -> Result<Policy, ConfigError> {
    let files = vec![("design.fga".into(), MODEL.into())];
    Source { policy: rules.into(), files, ..Source::default() }.compile().and_then(Policy::load)
}

#[test]
fn the_example_of_every_line_compiles() {
    compile(RULES).unwrap();
}

/// Every error says where, and says something.
fn check_error(rules: &str, error: &ConfigError) {
    let Some(Position { line, column, .. }) = &error.position else {
        panic!("no position: {error}\n{rules}")
    };
    let lines = rules.lines().count().max(1);
    assert!((1..=lines).contains(&(*line as usize)), "{error}\n{rules}");
    let length = rules.lines().nth(*line as usize - 1).unwrap_or_default().chars().count();
    assert!((1..=length + 1).contains(&(*column as usize)), "{error}: column of a line of {length}");
    assert!(
        error.message.len() > 10 && !error.message.ends_with('.') && !error.message.contains('\n'),
        "{error}"
    );
}

#[test]
fn no_damage_to_a_file_makes_the_compiler_panic_or_lose_its_place() {
    let mut refused = 0;
    let mut cases = 0;
    let mut check = |rules: &str| {
        cases += 1;
        if let Err(error) = compile(rules) {
            refused += 1;
            check_error(rules, &error);
        }
    };
    for (at, _) in RULES.char_indices() {
        check(&RULES[..at]);
    }
    // Every word left out, twice, in upper case, and replaced by signs that mean something elsewhere.
    let words: Vec<(usize, &str)> = RULES
        .split([' ', '\n'])
        .filter(|word| !word.is_empty())
        .map(|word| (word.as_ptr() as usize - RULES.as_ptr() as usize, word))
        .collect();
    for (at, word) in words {
        let (before, after) = (&RULES[..at], &RULES[at + word.len()..]);
        for other in [
            "".into(),
            format!("{word} {word}"),
            word.to_uppercase(),
            ",".into(),
            "\"".into(),
            "{".into(),
            "a:b".into(),
            "*".into(),
            "%".into(),
            "\u{202e}x".into(),
            "é".into(),
            "x".repeat(300),
            "((((".into(),
        ] {
            check(&format!("{before}{other}{after}"));
        }
    }
    assert!(cases > 5_000, "{cases}");
    assert!(refused > cases / 2, "{refused} of {cases}");
}

/// What a file means, without where it says it.
fn meaning(rules: &str) -> String {
    let lexed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ,", ",");
    rules.lines().map(lexed).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

const UNTIDY: &str = "


actfor   1
# why\t


    # how
on x
    read needs scope # a, b
\tpush ,pull   needs   scope
  needs needs scope
#end
allow self to read on x as a
  when   \"a,b\" != 'c  d'   #  e
  unless user is keeper of object
  when kind == \"self\"
allow delegated offline to read on x as b #f
allow self to push on x as d
forbid anyone to push, pull on x as c
scope \"as on\" covers read on x
scope \"x\"   covers push on x:a #b
# last
   

";

/// Columns under each other in lines that start alike, one line between blocks, and nothing else.
const TIDY: &str = "actfor 1
# why

  # how
on x
  read       needs scope  # a, b
  push, pull needs scope
  needs      needs scope
#end
allow self to read on x as a
  when \"a,b\" != 'c  d'  #  e
  unless user is keeper of object
  when kind == \"self\"
allow delegated offline to read on x as b  #f
allow self              to push on x as d
forbid anyone to push, pull on x as c
scope \"as on\" covers read on x
scope \"x\"     covers push on x:a  #b
# last
";

#[test]
fn formatting_changes_white_space_only_and_twice_is_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/policies");
    let mut files: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path().join("rules.actfor")).unwrap())
        .collect();
    files.push(RULES.into());
    for rules in files {
        for text in [rules.clone(), meaning_kept(&rules)] {
            let formatted = policy::format(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
            assert_eq!(meaning(&formatted), meaning(&text));
            assert_eq!(policy::format(&formatted).unwrap(), formatted);
        }
    }
    assert_eq!(policy::format(UNTIDY).unwrap(), TIDY);
    assert!(policy::format("actfor 1\nallow\n").is_err());
}

/// The same file with odd white space.
fn meaning_kept(rules: &str) -> String {
    rules.lines().map(|line| format!("{}   \n\n\n", line.replace("  ", " \t  "))).collect()
}

#[test]
fn damaged_packs_are_refused_or_read_without_a_panic() {
    let files = vec![("design.fga".into(), MODEL.into())];
    let pack = Source { policy: RULES.into(), files, ..Source::default() }.compile().unwrap();
    // Behind magic and digest stands the signature, which `Pack::load_signed` looks at.
    for at in (0..pack.len()).filter(|at| !(40..104).contains(at)) {
        let mut bytes = pack.clone();
        bytes[at] ^= 0x41;
        assert!(Policy::load(bytes).is_err(), "byte {at}");
    }
}

/// Every way to get each line wrong, and what looks wrong and `compiles`: `tests/vectors/policy/errors/*.json`.
#[test]
fn every_wrong_line_says_where_what_and_what_to_write_instead() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/policy/errors");
    let mut count = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let cases = json::parse(text.as_bytes(), &json::Limits::CONFIG).unwrap();
        for case in cases.as_array().unwrap() {
            let case = case.as_object().unwrap();
            let text = |name: &str| case.get(name).and_then(Value::as_str).unwrap();
            let rules = match case.get("rules") {
                Some(Value::Array(lines)) => {
                    lines.iter().map(|l| format!("{}\n", l.as_str().unwrap())).collect()
                }
                _ => String::from(text("rules")),
            };
            count += 1;
            let found = match compile(&rules) {
                Ok(_) => "compiles".to_owned(),
                Err(error) => {
                    check_error(&rules, &error);
                    assert_eq!(error.code().as_str(), "rules_invalid");
                    let at = error.position.as_ref().unwrap();
                    format!("{}:{}:{}: {}", at.line, at.column, at.symbol, error.message)
                }
            };
            if found != text("expect") {
                wrong.push(format!("{}:\n  expected {}\n  found    {found}", text("name"), text("expect")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 150, "{count}");
}

/// Every place of the language where a name with a placeholder proves something: what stands before it, and behind it.
const EVIDENCE: [(&str, &str); 14] = [
    ("on note\n  look needs reader of repo:", ""),
    ("allow delegated to read on repo as x\n  when user is reader of repo:", ""),
    ("allow delegated to read on repo as x\n  unless user is reader of repo:", ""),
    ("allow delegated to read on repo as x\n  when agent is worker of case:", ""),
    ("allow delegated to read on repo as x\n  when instance is worker of case:", ""),
    ("allow delegated to read on repo as x\n  when object is parent of repo:", ""),
    ("allow delegated to read on repo as x\n  when user:", " is reader of object"),
    ("allow delegated to read on repo as x\n  unless user:", " is reader of object"),
    ("allow delegated to read on repo as x\n  when user:", " is employee of case:c1"),
    ("allow delegated to read on repo as x\n  when user:{task} is employee of case:", ""),
    ("forbid agents to read on repo as x\n  when agent is worker of case:", ""),
    ("forbid agents to read on repo as x\n  unless user:", " is employee of case:c1"),
    ("approve agents to read on repo by user as x\n  when agent is worker of case:", ""),
    ("approve agents to read on repo by user as x\n  unless user:", " is employee of case:c1"),
];

/// Placeholders that are verified or configured.
const VERIFIED: [&str; 4] = ["task", "object.id", "claim.org_id", "claim.a.b_c"];

/// Placeholders that are asked, or are nothing.
const ASKED: [&str; 46] = [
    "args",
    "args.id",
    "args.task",
    "id",
    "n",
    "repo",
    "request",
    "request.path",
    "request.method",
    "request.host",
    "request.route",
    "request.peer",
    "request.time",
    "method",
    "host",
    "path",
    "route",
    "query",
    "query.case",
    "body",
    "body.case",
    "header",
    "header.x",
    "headers.x",
    "arguments",
    "arguments.case",
    "params.case",
    "tuples",
    "object",
    "object.type",
    "object.kind",
    "object.id.x",
    "claim",
    "claim.",
    "claims.sub",
    "token.sub",
    "user",
    "user.sub",
    "agent",
    "agent.sub",
    "instance.id",
    "kind",
    "mode",
    "task.id",
    "Task",
    "TASK",
];

#[test]
fn what_is_asked_is_evidence_on_no_side_of_any_line() {
    let model = "model\n  schema 1.1\ntype user\ntype agent\ntype instance\ntype repo\n  relations\n    define reader: [user]\n    define parent: [repo]\ntype case\n  relations\n    define worker: [agent, instance]\n    define employee: [user]\n";
    let compile = |line: &str| {
        let policy = format!(
            "actfor 1\nmodel \"m\"\non repo\n  read needs reader\nscope \"repo\" covers any action on repo\nroute GET /x/{{repo}}/{{n}}/{{id}}/{{task}} is read on repo:{{repo}} with n: string, id: string, task: string\n{line}\n"
        );
        Source { policy, files: vec![("m".into(), model.into())], ..Source::default() }.compile()
    };
    let mut refused = 0;
    for (before, after) in EVIDENCE {
        let line = |hole: &str| format!("{before}{{{hole}}}{after}");
        for hole in VERIFIED {
            compile(&line(hole)).unwrap_or_else(|error| panic!("{}: {error}", line(hole)));
        }
        for hole in ASKED {
            for text in [line(hole), format!("{before}x/{{{hole}}}/{{task}}{after}")] {
                let error = compile(&text).err().unwrap_or_else(|| panic!("compiles: {text}"));
                assert_eq!(error.code.as_str(), "rules_invalid", "{text}: {error}");
                let names =
                    error.message.contains(hole) || error.message.contains(hole.trim_end_matches('.'));
                assert!(error.position.is_some() && names, "{text}: {error}");
                refused += 1;
            }
        }
    }
    // A token says only what a claim says, on both sides.
    for (before, after) in [
        ("token says user is employee of case:", ""),
        ("token says user:", " is employee of case:c1"),
        ("token says agent is worker of case:", ""),
        ("token says instance is worker of case:", ""),
    ] {
        compile(&format!("{before}{{claim.x}}{after}")).unwrap();
        for hole in ASKED.into_iter().chain(["task", "object.id"]) {
            let error = compile(&format!("{before}{{{hole}}}{after}")).unwrap_err();
            assert!(error.code.as_str() == "rules_invalid" && error.position.is_some(), "{error}");
            refused += 1;
        }
    }
    println!("{refused} refused");
    assert!(refused > 1_400, "{refused}");
}

#[test]
fn rules_are_the_same_only_with_the_same_expressions() {
    let rules = |expression: &str| {
        let text = format!(
            "actfor 1\non x\n  read needs scope\nallow self to read on x as a\n  when {expression}\nscope \"x\" covers read on x\n"
        );
        let pack = Source { policy: text, ..Source::default() }.compile().unwrap();
        Rules::decode(Pack::load(pack).unwrap().section(Section::Rules)).unwrap()
    };
    assert_eq!(rules("kind == \"self\""), rules("kind == \"self\""));
    assert_ne!(rules("kind == \"self\""), rules("kind != \"self\""));
}

#[test]
fn tuples_need_a_model() {
    let tuple = Tuple {
        user: "user:ana".into(),
        relation: "reader".into(),
        object: "repo:web".into(),
        condition: None,
    };
    let source = Source { policy: "actfor 1\non x\n  read needs scope\n".into(), ..Source::default() };
    assert!(source.compile().is_ok());
    let error = Source { tuples: vec![tuple], ..source }.compile().unwrap_err();
    assert_eq!((error.code(), error.path.as_str()), (actfor::Code::TupleInvalid, "tuples"));
}

/// What can be read of the bytes of rules is written again as the same bytes, so two packs of one policy are one pack.
#[test]
fn rules_have_one_form() {
    let files = vec![("design.fga".into(), MODEL.into())];
    let pack = Source { policy: RULES.into(), files, ..Source::default() }.compile().unwrap();
    let good = Pack::load(pack).unwrap().section(Section::Rules).to_vec();
    assert_eq!(Rules::decode(&good).unwrap().encode(), good);
    let (mut read, mut refused) = (0, 0);
    for at in 0..good.len() {
        for add in [1, 2, 4, 128, 255] {
            let mut bytes = good.clone();
            bytes[at] = bytes[at].wrapping_add(add);
            match Rules::decode(&bytes) {
                Ok(rules) => {
                    assert_eq!(rules.encode(), bytes, "byte {at}");
                    read += 1;
                }
                Err(_) => refused += 1,
            }
        }
        assert!(Rules::decode(&good[..at]).is_err(), "cut at {at}");
    }
    assert!(read > 1_000 && refused > 1_000, "{read} {refused}");
}
