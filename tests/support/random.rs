//! Random models, tuples and questions, from a seed.

use std::fmt::Write;

use actfor::relation::{Model, Tuple};

/// A small generator of random numbers (xorshift64*): the same seed gives the same numbers everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        high as usize % most.max(1)
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'v, T>(&mut self, items: &'v [T]) -> &'v T {
        &items[self.below(items.len())]
    }
}

/// A model with tuples and questions.
pub struct Case {
    pub model: String,
    pub tuples: Vec<Tuple>,
    /// Subject, relation, object, value of the parameter `x`.
    pub questions: Vec<(String, String, String, Option<usize>)>,
}

const TYPES: [&str; 3] = ["group", "folder", "doc"];
const RELATIONS: [&str; 4] = ["r0", "r1", "r2", "r3"];

/// What a case may hold beside direct, computed and indirect relations, and `or`.
#[derive(Clone, Copy)]
pub struct Allow {
    pub exclusion: bool,
    pub conditions: bool,
}

impl Case {
    /// A case whose model is valid.
    pub fn new(random: &mut Random, allow: Allow) -> Self {
        let text = loop {
            let text = model(random, allow);
            if Model::parse("random", &text).is_ok() {
                break text;
            }
        };
        let parsed = Model::parse("random", &text).unwrap();
        let mut tuples: Vec<Tuple> = Vec::new();
        for _ in 0..random.below(120) + 10 {
            let tuple = tuple(random, allow);
            let same = |other: &Tuple| {
                (&other.user, &other.relation, &other.object) == (&tuple.user, &tuple.relation, &tuple.object)
            };
            if parsed.admits(&tuple).is_ok() && !tuples.iter().any(same) {
                tuples.push(tuple);
            }
        }
        let mut questions: Vec<(String, String, String, Option<usize>)> = (0..20)
            .map(|_| {
                let user = match random.below(10) {
                    0 => "user:*".into(),
                    1 | 2 => {
                        format!("{}:{}#{}", random.pick(&TYPES), random.below(3), random.pick(&RELATIONS))
                    }
                    3 => format!("{}:{}", random.pick(&TYPES), random.below(3)),
                    _ => format!("user:{}", random.below(3)),
                };
                let object = format!("{}:{}", random.pick(&TYPES), random.below(3));
                let x = random.chance(80).then(|| random.below(3));
                (user, (*random.pick(&RELATIONS)).into(), object, x)
            })
            .collect();
        // Half of them start at something that is there.
        for question in questions.iter_mut().take(10) {
            if let Some(tuple) = (!tuples.is_empty()).then(|| random.pick(&tuples)) {
                question.2.clone_from(&tuple.object);
            }
        }
        Self { model: text, tuples, questions }
    }
}

fn model(random: &mut Random, allow: Allow) -> String {
    let mut out = String::from("model\n  schema 1.1\n\ntype user\n");
    for ty in TYPES {
        write!(
            out,
            "\ntype {ty}\n  relations\n    define parent: [{}]\n",
            random.pick(&["folder", "group, folder", "doc, folder"])
        )
        .unwrap();
        for relation in RELATIONS {
            writeln!(out, "    define {relation}: {}", rewrite(random, relation, allow)).unwrap();
        }
    }
    if allow.conditions {
        out.push_str("\ncondition below(x: int, most: int) {\n  x < most\n}\n");
    }
    out
}

fn rewrite(random: &mut Random, own: &str, allow: Allow) -> String {
    let direct = restrictions(random, allow);
    let other = |random: &mut Random| {
        let relation = *random.pick(&RELATIONS);
        if random.chance(40) || relation == own {
            format!("{} from parent", random.pick(&RELATIONS))
        } else {
            relation.into()
        }
    };
    match random.below(if allow.exclusion { 12 } else { 7 }) {
        0..=2 => direct,
        3 => other(random),
        4..=6 => format!("{direct} or {}", other(random)),
        7 => format!("{direct} and {}", other(random)),
        8 => format!("{direct} but not {}", other(random)),
        9 => format!("({direct} or {}) but not {}", other(random), other(random)),
        10 => format!("({direct} and {}) or {}", other(random), other(random)),
        _ => format!("{direct} but not ({} and {})", other(random), other(random)),
    }
}

fn restrictions(random: &mut Random, allow: Allow) -> String {
    let mut items = Vec::new();
    let condition =
        |random: &mut Random| if allow.conditions && random.chance(25) { " with below" } else { "" };
    if random.chance(85) {
        items.push(format!("user{}", condition(random)));
    }
    if random.chance(25) {
        items.push(format!("user:*{}", condition(random)));
    }
    for _ in 0..random.below(3) {
        let item = format!("{}#{}{}", random.pick(&TYPES), random.pick(&RELATIONS), condition(random));
        if !items.contains(&item) {
            items.push(item);
        }
    }
    if items.is_empty() {
        items.push("user".into());
    }
    format!("[{}]", items.join(", "))
}

fn tuple(random: &mut Random, allow: Allow) -> Tuple {
    let object = format!("{}:{}", random.pick(&TYPES), random.below(3));
    if random.chance(25) {
        let user = format!("{}:{}", random.pick(&TYPES), random.below(3));
        return Tuple { user, relation: "parent".into(), object, condition: None };
    }
    let user = match random.below(10) {
        0 | 1 => "user:*".into(),
        2..=4 => format!("{}:{}#{}", random.pick(&TYPES), random.below(3), random.pick(&RELATIONS)),
        _ => format!("user:{}", random.below(3)),
    };
    let condition = (allow.conditions && random.chance(40)).then(|| {
        let context = match random.below(3) {
            0 => String::from("{\"most\":1,\"x\":0}"),
            1 => String::from("{\"most\":2,\"x\":2}"),
            _ => format!("{{\"most\":{}}}", random.below(3)),
        };
        let value = actfor::json::parse(context.as_bytes(), &actfor::json::Limits::TOKEN).unwrap();
        ("below".into(), value.into_owned())
    });
    Tuple { user, relation: (*random.pick(&RELATIONS)).into(), object, condition }
}
