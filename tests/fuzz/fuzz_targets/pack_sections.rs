//! Packs with a right digest and wrong contents: an error or an answer, never a panic or a search without end.
//! The first byte says which section the rest replaces, or
//! that it changes good rules.
#![no_main]

use std::sync::OnceLock;

use actfor::pack::{Builder, Pack, Section};
use actfor::policy::{Policy, Rules, Source, decide};
use actfor::relation::{Facts, Limits, Model, Question, Relations, Scratch, Tuple, compile};
use libfuzzer_sys::fuzz_target;

const MODEL: &str = "model\n  schema 1.1\ntype user\ntype group\n  relations\n    define member: [user, user:*, group#member]\n    define owner: [user] but not member\n";

/// Good rules with some bytes changed: a place in two bytes, and what is added there.
fn edited(edits: &[u8]) -> Vec<u8> {
    static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
    let good = GOOD.get_or_init(|| {
        let files = vec![("design.fga".into(), include_str!("../../vectors/policy/design.fga").into())];
        let policy = include_str!("../../vectors/policy/design.actfor").into();
        let pack = Source { policy, files, ..Source::default() }.compile().expect("good rules");
        Pack::load(pack).expect("a good pack").section(Section::Rules).to_vec()
    });
    let mut bytes = good.clone();
    for edit in edits.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % bytes.len();
        bytes[at] = bytes[at].wrapping_add(edit[2]);
    }
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    let _ = Pack::load(bytes.to_vec());
    let Some((which, rest)) = bytes.split_first() else { return };
    let Ok(model) = Model::parse("m", MODEL) else { panic!("a good model") };
    let tuple = |user: &str, object: &str| Tuple {
        user: user.into(),
        relation: "member".into(),
        object: object.into(),
        condition: None,
    };
    let mut builder = Builder::default();
    let tuples = [tuple("user:a", "group:x"), tuple("group:x#member", "group:y"), tuple("user:*", "group:z")];
    if compile(&model, &tuples, &mut builder).is_err() {
        panic!("good tuples");
    }
    let (section, contents) = match which % 4 {
        0 => (Section::Tuples, rest.to_vec()),
        1 => (Section::Model, rest.to_vec()),
        2 => (Section::Rules, rest.to_vec()),
        _ => (Section::Rules, edited(rest)),
    };
    if section == Section::Rules && let Ok(rules) = Rules::decode(&contents) {
        // Rules have one form: what is read is written as the same bytes.
        assert_eq!(rules.encode(), contents);
    }
    builder.set(section, contents);
    let Ok(bytes) = builder.finish() else { return };
    if let Ok(policy) = Policy::load(bytes.clone()) {
        let _ = decide::needed_scope(&policy, 0, 0, "group:x");
    }
    let Ok(pack) = Pack::load(bytes) else { panic!("a pack that was just made") };
    let Ok(relations) = Relations::load(&pack) else { return };
    let facts = Facts { limits: Limits { depth: 25, steps: 1_000 }, ..Facts::default() };
    let mut scratch = Scratch::default();
    for (subject, relation) in [("user:a", "member"), ("user:b", "owner"), ("group:x#member", "member")] {
        let question = Question { object: "group:y", relation, subject };
        let _ = relations.explain(&pack, &question, &facts, &mut scratch);
        let _ = relations.list_objects(&pack, "group", relation, subject, &facts, 10, &mut scratch);
        let _ = relations.list_users(&pack, "group:y", relation, "user", &facts, 10, &mut scratch);
    }
});
