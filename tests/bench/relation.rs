//! Relationship checks from 1 thousand to 1 million tuples, beside a hash map as the floor.
//!
//! `cargo run --release --example bench_relation [-- --svg FILE]`. Prints JSON: for each store its size and how
//! long it takes to load, and for each kind of question the median and the spread in nanoseconds, at an answer.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a measurement"
)]

#[path = "relation_world.rs"]
mod world;

use std::collections::HashSet;
use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use actfor::pack::Pack;
use actfor::relation::Relations;
use world::{Kind, World};

const QUESTIONS: usize = 20_000;
const ROUNDS: usize = 11;

/// Median, least and greatest nanoseconds of one of `count` things that `f` does.
fn time(count: usize, mut f: impl FnMut()) -> [f64; 3] {
    f();
    let mut samples: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed().as_nanos() as f64 / count as f64
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    [samples[ROUNDS / 2], samples[0], samples[ROUNDS - 1]]
}

fn show(out: &mut String, name: &str, [median, least, most]: [f64; 3]) {
    write!(out, ",\"{name}\":{{\"median\":{median:.0},\"min\":{least:.0},\"max\":{most:.0}}}").unwrap();
}

fn main() {
    let mut args = std::env::args().skip_while(|arg| arg != "--svg").skip(1);
    let svg = args.next();
    let mut curves: Vec<(&str, Vec<(usize, f64)>)> =
        ["hash map", "direct", "three hops", "denied"].map(|name| (name, Vec::new())).into();
    let mut lines = Vec::new();
    for documents in [435, 43_500, 435_000] {
        let tuples = world::tuples(documents);
        let floor: HashSet<(String, String, String)> =
            tuples.iter().map(|t| (t.user.clone(), t.relation.clone(), t.object.clone())).collect();
        let start = Instant::now();
        let bytes = world::pack(&tuples);
        let compile = start.elapsed().as_millis();
        let load = time(1, || {
            let pack = Pack::load(bytes.clone()).unwrap();
            black_box(Relations::load(&pack).unwrap());
        });
        let copy = time(1, || {
            black_box(bytes.clone());
        });
        let mut out = format!(
            "{{\"shape\":\"documents\",\"tuples\":{},\"bytes_per_tuple\":{:.1},\"compile_ms\":{compile},\"load_ms\":{:.2}",
            tuples.len(),
            bytes.len() as f64 / tuples.len() as f64,
            (load[0] - copy[0]) / 1e6,
        );
        let mut world = World::load(bytes, documents, tuples.len());
        for (index, (name, kind, yes)) in [
            ("direct", Kind::Direct, true),
            ("three_hops", Kind::ThreeHops, true),
            ("denied", Kind::Denied, false),
        ]
        .into_iter()
        .enumerate()
        {
            world.ask(kind, QUESTIONS);
            assert_eq!(world.run(kind), if yes { QUESTIONS } else { 0 }, "{kind:?}");
            if index == 0 {
                let questions = world.questions().to_vec();
                let found = time(QUESTIONS, || {
                    for (user, relation, object) in &questions {
                        // As one would write it: the key is made for the look-up.
                        black_box(floor.contains(&(user.clone(), (*relation).to_owned(), object.clone())));
                    }
                });
                show(&mut out, "hash_map", found);
                curves[0].1.push((tuples.len(), found[0]));
            }
            let found = time(QUESTIONS, || {
                black_box(world.run(kind));
            });
            show(&mut out, name, found);
            curves[index + 1].1.push((tuples.len(), found[0]));
        }
        world.ask(Kind::List, 2_000);
        let names = world.run(Kind::List);
        show(
            &mut out,
            "list_objects",
            time(2_000, || {
                black_box(world.run(Kind::List));
            }),
        );
        write!(out, ",\"names_per_list\":{:.1}}}", names as f64 / 2_000.0).unwrap();
        lines.push(out);
    }
    let tuples = world::nested();
    let mut world = World::load(world::pack(&tuples), 0, tuples.len());
    world.ask(Kind::Nested, QUESTIONS);
    assert_eq!(world.run(Kind::Nested), QUESTIONS);
    let mut out = format!("{{\"shape\":\"nested group\",\"tuples\":{}", world.tuples);
    show(
        &mut out,
        "ten_deep",
        time(QUESTIONS, || {
            black_box(world.run(Kind::Nested));
        }),
    );
    out.push('}');
    lines.push(out);
    println!("[{}]", lines.join(",\n "));
    if let Some(path) = svg {
        std::fs::write(path, plot(&curves)).unwrap();
    }
}

/// Nanoseconds by tuples, both logarithmic.
fn plot(curves: &[(&str, Vec<(usize, f64)>)]) -> String {
    let x = |tuples: usize| 70.0 + ((tuples as f64).log10() - 3.0) * 160.0;
    let y = |nanos: f64| 300.0 - (nanos.log10() - 1.0) * 85.0;
    let mut out = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 680 350\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Nanoseconds for one check, by the number of tuples in the store</title>\n<rect width=\"680\" height=\"350\" fill=\"#fff\"/>\n",
    );
    for (power, label) in [(1, "10 ns"), (2, "100 ns"), (3, "1 µs"), (4, "10 µs")] {
        let at = y(10_f64.powi(power));
        writeln!(out, "<path d=\"M70 {at:.0}H550\" stroke=\"#ddd\"/><text x=\"62\" y=\"{:.0}\" text-anchor=\"end\">{label}</text>", at + 4.0).unwrap();
    }
    for (tuples, label) in [
        (1_000, "1 thousand"),
        (10_000, "10 thousand"),
        (100_000, "100 thousand"),
        (1_000_000, "1 million tuples"),
    ] {
        writeln!(out, "<text x=\"{:.0}\" y=\"325\" text-anchor=\"middle\">{label}</text>", x(tuples))
            .unwrap();
    }
    for ((name, points), colour) in curves.iter().zip(["#888", "#0a7", "#07c", "#c40"]) {
        let path: Vec<_> = points.iter().map(|(n, nanos)| format!("{:.1},{:.1}", x(*n), y(*nanos))).collect();
        writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        )
        .unwrap();
        if let Some((n, nanos)) = points.last() {
            writeln!(
                out,
                "<text x=\"{:.0}\" y=\"{:.0}\" fill=\"{colour}\">{name}: {nanos:.0} ns</text>",
                x(*n) + 8.0,
                y(*nanos) + 4.0
            )
            .unwrap();
        }
    }
    out.push_str("</svg>\n");
    out
}
