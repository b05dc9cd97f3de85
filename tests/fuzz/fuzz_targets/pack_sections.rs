//! Packs with a right digest and wrong contents: an error or an answer, never a panic or a search without end.
//! The first byte says which section the rest replaces.
#![no_main]

use actfor::pack::{Builder, Pack, Section};
use actfor::relation::{Facts, Limits, Model, Question, Relations, Scratch, Tuple, compile};
use libfuzzer_sys::fuzz_target;

const MODEL: &str = "model\n  schema 1.1\ntype user\ntype group\n  relations\n    define member: [user, user:*, group#member]\n    define owner: [user] but not member\n";

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
    let section = if which % 2 == 0 { Section::Tuples } else { Section::Model };
    builder.set(section, rest.to_vec());
    let Ok(bytes) = builder.finish() else { return };
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
