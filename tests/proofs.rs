//! A proof holds what a decision rests on and no more: its tuples and lines are enough, and none can be left out. What a
//! refusal lacks is what it says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests may panic"
)]

#[path = "support/random.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod random;

use actfor::Truth;
use actfor::json;
use actfor::pack::{Builder, Pack};
use actfor::relation::{Facts, Limits, Model, Question, Relations, Scratch, Step, Tuple, compile};
use random::{Allow, Case, Random};

/// Whether a step is a tuple that is there.
fn is_held(step: &Step) -> bool {
    step.tuple && step.truth == Truth::True
}

/// What the model says of a question over these tuples, and why.
fn explain(
    model: &Model,
    tuples: &[Tuple],
    (subject, relation, object, x): &(String, String, String, Option<usize>),
) -> (Truth, Vec<Step>) {
    let mut builder = Builder::default();
    compile(model, tuples, &mut builder).unwrap();
    let pack = Pack::load(builder.finish().unwrap()).unwrap();
    let relations = Relations::load(&pack).unwrap();
    let context = x.map_or_else(|| "{}".into(), |x| format!("{{\"x\":{x}}}"));
    let context = json::parse(context.as_bytes(), &json::Limits::TOKEN).unwrap();
    let limits = Limits { depth: 10_000, steps: 10_000_000 };
    let facts = Facts { context: context.as_object(), limits, ..Facts::default() };
    let question = Question { object, relation, subject };
    let (answer, steps) = relations.explain(&pack, &question, &facts, &mut Scratch::default());
    assert_eq!(answer, relations.check(&pack, &question, &facts, &mut Scratch::default()));
    (answer.truth, steps)
}

#[test]
fn the_tuples_of_a_proof_are_enough_and_each_is_needed() {
    let (mut proofs, mut listed, mut long) = (0, 0, 0);
    for seed in 0..400 {
        let case = Case::new(&mut Random::new(seed ^ 0x9a7f), Allow { exclusion: true, conditions: true });
        let model = Model::parse("random", &case.model).unwrap();
        for question in &case.questions {
            let (truth, steps) = explain(&model, &case.tuples, question);
            if truth != Truth::True {
                continue;
            }
            if steps.len() >= 32 {
                long += 1;
                continue;
            }
            proofs += 1;
            let is_listed = |tuple: &&Tuple| {
                steps.iter().filter(|step| is_held(step)).any(|step| {
                    (&step.subject, &step.relation, &step.object)
                        == (&tuple.user, &tuple.relation, &tuple.object)
                })
            };
            let proof: Vec<Tuple> = case.tuples.iter().filter(is_listed).cloned().collect();
            let show =
                || format!("seed {seed}: {question:?}\n{}\n{steps:#?}\n{:#?}", case.model, case.tuples);
            assert_eq!(explain(&model, &proof, question).0, Truth::True, "not enough, {}", show());
            for left_out in &proof {
                listed += 1;
                // What holds back an exclusion is needed among all tuples: alone, there is nothing to hold back.
                let without = |tuples: &[Tuple]| -> Vec<Tuple> {
                    tuples.iter().filter(|tuple| *tuple != left_out).cloned().collect()
                };
                let alone = explain(&model, &without(&proof), question).0;
                let among_all = explain(&model, &without(&case.tuples), question).0;
                assert!(
                    alone != Truth::True || among_all != Truth::True,
                    "not needed: {left_out:?}, {}",
                    show()
                );
            }
        }
    }
    println!("{proofs} proofs with {listed} tuples; {long} too long to list");
    assert!(proofs > 500 && listed > 1_000 && long < 10, "{proofs} {listed} {long}");
}
