//! A definite answer stays what it is when something unknown becomes known: every operator and function of expressions,
//! over all small inputs, with every part of them unknown in turn.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

use actfor::expr::{Fact, Item, Program, Source, Type, Value, Variables, compile};
use actfor::json;
use actfor::{Code, Truth};

/// What can be known of a variable: nothing, that it is not there, or a value.
#[derive(Debug, Clone, PartialEq)]
enum Known {
    Unknown,
    Absent,
    Is(json::Value<'static>),
}

/// An item or a member that is there and cannot be read: of another type than declared.
const BLUR: &str = "{}";

fn parsed(text: &str) -> Known {
    Known::Is(json::parse(text.as_bytes(), &json::Limits::TOKEN).unwrap().into_owned())
}

/// Everything that can be known of a variable of a type, and by which of it each is refined.
struct Domain {
    ty: Type,
    all: Vec<Known>,
    finer: Vec<Vec<usize>>,
}

impl Domain {
    /// `forms` are values with `@` for a part that may be unreadable, and `parts` what it may be.
    fn new(ty: Type, forms: &[&str], parts: &[&str]) -> Self {
        // A text and what it becomes when one `@` less is unknown.
        let mut texts: Vec<String> = forms.iter().map(|form| String::from(*form)).collect();
        let mut at = 0;
        while at < texts.len() {
            let text = texts[at].clone();
            for (place, _) in text.match_indices('@') {
                for part in parts {
                    let finer = format!("{}{part}{}", &text[..place], &text[place + 1..]);
                    if !texts.contains(&finer) {
                        texts.push(finer);
                    }
                }
            }
            at += 1;
        }
        let refines = |a: &str, b: &str| {
            // One `@` of `a` is a part in `b`.
            a.match_indices('@').any(|(place, _)| {
                parts.iter().any(|part| format!("{}{part}{}", &a[..place], &a[place + 1..]) == b)
            })
        };
        let mut finer = vec![(1..texts.len() + 2).collect(), Vec::new()];
        for a in &texts {
            finer.push((0..texts.len()).filter(|b| refines(a, &texts[*b])).map(|b| b + 2).collect());
        }
        let mut all = vec![Known::Unknown, Known::Absent];
        all.extend(texts.iter().map(|text| parsed(&text.replace('@', BLUR))));
        Self { ty, all, finer }
    }
}

/// The domain behind a letter, which is a variable's name too.
fn domain(letter: char) -> Domain {
    let scalar = |ty, values: &[&str]| Domain::new(ty, values, &[]);
    match letter {
        'b' | 'c' | 'e' => scalar(Type::Bool, &["true", "false"]),
        'i' | 'j' | 'k' | 'z' => {
            scalar(Type::Int, &["0", "1", "-1", "2", "9223372036854775807", "-9223372036854775808"])
        }
        'u' | 'v' => scalar(Type::Uint, &["0", "1", "2", "18446744073709551615"]),
        'd' | 'f' => scalar(Type::Double, &["0.0", "-1.5", "1.0", "1e308"]),
        's' | 'r' => scalar(
            Type::String,
            &[
                "\"\"",
                "\"a\"",
                "\"ab\"",
                "\"b\"",
                "\"1\"",
                "\"-1.5\"",
                "\"1h\"",
                "\"2026-01-01T00:00:00Z\"",
                "\"192.0.2.1\"",
                "\"192.0.2.0/24\"",
            ],
        ),
        't' | 'w' => scalar(
            Type::Timestamp,
            &[
                "\"2026-01-01T00:00:00Z\"",
                "\"1970-01-01T00:00:00Z\"",
                "\"1969-12-31T23:59:59.5Z\"",
                "\"1970-01-01T00:00:00Z\"",
                "\"9999-12-31T23:59:59Z\"",
            ],
        ),
        'p' | 'q' => scalar(Type::Duration, &["\"0\"", "\"1h\"", "\"-1.5s\"", "\"2562047h\""]),
        'x' | 'y' => scalar(Type::IpAddress, &["\"192.0.2.1\"", "\"::1\"", "\"::ffff:192.0.2.1\""]),
        'l' | 'h' => Domain::new(Type::List(Item::Int), &["[]", "[@]", "[@,@]", "[@,@,@]"], &["0", "1"]),
        'n' => Domain::new(Type::List(Item::String), &["[]", "[@]", "[@,@]"], &["\"a\"", "\"b\""]),
        'm' | 'o' => Domain::new(
            Type::Map(Item::Int),
            &["{}", "{\"a\":@}", "{\"b\":@}", "{\"a\":@,\"b\":@}"],
            &["0", "1"],
        ),
        'a' | 'g' => scalar(
            Type::Any,
            &[
                "0",
                "1",
                "1.0",
                "1.5",
                "true",
                "false",
                "null",
                "\"a\"",
                "[]",
                "[1]",
                "[1,\"a\",0]",
                "{}",
                "{\"a\":1}",
                "{\"a\":{\"a\":true}}",
                "{\"a\":{\"a\":false}}",
                "{\"a\":{}}",
                "[0]",
                "\"192.0.2.1\"",
                "\"1h\"",
            ],
        ),
        other => panic!("no domain `{other}`"),
    }
}

/// Expressions whose variables are the letters behind the bar.
const EXPRESSIONS: &[&str] = &[
    "has(z.a) && b | bz",
    "!has(z.a) || z.a == i | iz",
    "has(z.a) ? z.a == i : b | biz",
    "b && c | bc",
    "b || c | bc",
    "b && c && e | bce",
    "b || c || e | bce",
    "b && (c || e) | bce",
    "!b | b",
    "!!b | b",
    "b == c | bc",
    "b != c | bc",
    "b < c | bc",
    "b <= c | bc",
    "b > c | bc",
    "b >= c | bc",
    "b ? c : e | bce",
    "b ? i == j : c | bcij",
    "(b ? i : j) == k | bijk",
    "b in [c, true] | bc",
    "b in [true] | b",
    "i == j | ij",
    "i != j | ij",
    "i < j | ij",
    "i <= j | ij",
    "i > j | ij",
    "i >= j | ij",
    "i + j == k | ijk",
    "i - j == k | ijk",
    "i * j == k | ijk",
    "i / j == k | ijk",
    "i % j == k | ijk",
    "-i == j | ij",
    "i in [j, k] | ijk",
    "i in [0, 1] | i",
    "i in l | il",
    "int(i) == j | ij",
    "uint(i) == u | iu",
    "double(i) == d | id",
    "timestamp(i) == t | it",
    "i + j < 0 || i * j > 0 | ij",
    "u == v | uv",
    "u < v | uv",
    "u >= v | uv",
    "u + v == 1u | uv",
    "u - v == 1u | uv",
    "u * v == 0u | uv",
    "u / v == 1u | uv",
    "u % v == 0u | uv",
    "int(u) == i | iu",
    "double(u) == d | du",
    "u in [v, 1u] | uv",
    "d == f | df",
    "d != f | df",
    "d < f | df",
    "d <= f | df",
    "d > f | df",
    "d >= f | df",
    "d + f == 1.0 | df",
    "d - f == 0.0 | df",
    "d * f < 1.0 | df",
    "d / f > 0.0 | df",
    "-d == f | df",
    "int(d) == i | di",
    "uint(d) == u | du",
    "d in [f, 1.0] | df",
    "s == r | rs",
    "s != r | rs",
    "s < r | rs",
    "s <= r | rs",
    "s > r | rs",
    "s >= r | rs",
    "s.startsWith(r) | rs",
    "s.endsWith(r) | rs",
    "s.contains(r) | rs",
    "s.size() == i | is",
    "size(s) > i | is",
    "s in n | sn",
    "s in [r, \"a\"] | rs",
    "s in m | ms",
    "int(s) == i | is",
    "uint(s) == u | su",
    "double(s) == d | ds",
    "timestamp(s) == t | st",
    "duration(s) == p | ps",
    "ipaddress(s) == x | sx",
    "x.in_cidr(s) | sx",
    "x.in_cidr(\"192.0.2.0/24\") | x",
    "x == y | xy",
    "x != y | xy",
    "x in [y] | xy",
    "t == w | tw",
    "t != w | tw",
    "t < w | tw",
    "t <= w | tw",
    "t > w | tw",
    "t >= w | tw",
    "t - w == p | ptw",
    "t + p == w | ptw",
    "p + t == w | ptw",
    "t - p == w | ptw",
    "timestamp(t) == w | tw",
    "int(t) == i | it",
    "t in [w] | tw",
    "t.getFullYear() - 2026 == i | it",
    "t.getMonth() == i | it",
    "t.getDate() == i | it",
    "t.getDayOfMonth() == i | it",
    "t.getDayOfWeek() > i | it",
    "t.getDayOfYear() == i | it",
    "t.getHours() == i | it",
    "t.getMinutes() == i | it",
    "t.getSeconds() > i | it",
    "t.getMilliseconds() == i | it",
    "p == q | pq",
    "p < q | pq",
    "p >= q | pq",
    "p + q == p | pq",
    "p - q == p | pq",
    "duration(p) == q | pq",
    "p.getHours() == i | ip",
    "p.getMinutes() == i | ip",
    "p.getSeconds() == i | ip",
    "p in [q] | pq",
    "l == h | hl",
    "l != h | hl",
    "l[i] == j | ijl",
    "l[0] == l[1] | l",
    "l.size() == i | il",
    "l.exists(x, x == i) | il",
    "l.exists(x, b || x == 1) | bl",
    "l.all(x, x == i) | il",
    "l.all(x, b && x == 1) | bl",
    "l.exists_one(x, x == i) | il",
    "l.exists_one(x, x == i || b) | bil",
    "l.exists(x, h.exists(y, x == y)) | hl",
    "l.all(x, h.exists_one(y, x == y)) | hl",
    "l.exists_one(x, h.all(y, x == y)) | hl",
    "l.exists(x, x in h) | hl",
    "l.exists(x, 1 / x == 1) | l",
    "l.all(x, 2 / x == 1) | l",
    "l == [0, 1] | l",
    "[0, 1] != l | l",
    "1 in l || b | bl",
    "n.exists(x, x == s) | ns",
    "n.all(x, s.startsWith(x)) | ns",
    "n == [\"a\", \"b\"] | n",
    "n[0] == s | ns",
    "m == o | mo",
    "m != o | mo",
    "m.a == i | im",
    "m.a == m.b | m",
    "m[\"a\"] < i | im",
    "m[s] == i | ims",
    "has(m.a) | m",
    "!has(m.a) || m.a == i | im",
    "has(m.a) && m.a == i | im",
    "has(m.a) ? m.a == i : b | bim",
    "\"a\" in m | m",
    "!(\"a\" in m) | m",
    "m.size() == i | im",
    "m.exists(x, x == \"a\") | m",
    "m.all(x, x == s) | ms",
    "m.exists_one(x, m[x] == i) | im",
    "m.all(x, m[x] == i) | im",
    "a == g | ag",
    "a != g | ag",
    "a < g | ag",
    "a >= g | ag",
    "a + g == 1 | ag",
    "a - i == j | aij",
    "a * d == d | ad",
    "a / i == j | aij",
    "a % 2 == 0 | a",
    "-a == -1 | a",
    "a == i | ai",
    "a < d | ad",
    "a == s | as",
    "a == b | ab",
    "a == null | a",
    "a == l | al",
    "a == m | am",
    "a && b | ab",
    "a || b | ab",
    "!a | a",
    "a ? b : c | abc",
    "b ? a : g | abg",
    "a in g | ag",
    "a in l | al",
    "i in a | ai",
    "s in a | as",
    "a in [g, 1] | ag",
    "a in [1, 2] | a",
    "a in n | an",
    "a in m | am",
    "a.a == 1 | a",
    "a.a.a | a",
    "a[0] == 1 | a",
    "a[\"a\"] == 1 | a",
    "a[g] == 1 | ag",
    "has(a.a) | a",
    "has(a.a.a) | a",
    "!has(a.a) | a",
    "a.size() == i | ai",
    "a.exists(x, x == i) | ai",
    "a.all(x, x == g) | ag",
    "a.exists_one(x, x == 1) | a",
    "a.exists(x, x == 1 || b) | ab",
    "a.startsWith(s) | as",
    "s.contains(a) | as",
    "int(a) == i | ai",
    "uint(a) == u | au",
    "double(a) == d | ad",
    "timestamp(a) < t | at",
    "duration(a) == p | ap",
    "ipaddress(a) == x | ax",
];

struct Given<'a> {
    letters: &'a [char],
    known: &'a [&'a Known],
    types: &'a [Type],
}

impl Variables for Given<'_> {
    fn get(&self, index: u32) -> Fact<'_> {
        let index = index as usize;
        assert!(index < self.letters.len());
        match self.known[index] {
            Known::Unknown => Fact::Unknown,
            Known::Absent => Fact::Absent,
            // What is of another type than declared is as good as unknown.
            Known::Is(value) => Value::from_json(value, self.types[index]).map_or(Fact::Unknown, Fact::Known),
        }
    }
}

#[test]
fn a_definite_answer_stays_when_what_was_unknown_becomes_known() {
    let (mut definite, mut steps, mut decided) = (0_usize, 0_usize, 0_usize);
    let mut never = Vec::new();
    for line in EXPRESSIONS {
        let (text, letters) = line.rsplit_once(" | ").unwrap();
        let letters: Vec<char> = letters.chars().collect();
        let domains: Vec<Domain> = letters.iter().map(|letter| domain(*letter)).collect();
        let types: Vec<Type> = domains.iter().map(|domain| domain.ty).collect();
        // One that is declared by a path, as `request.time` is.
        let name = |letter: &char| if *letter == 'z' { "z.a".into() } else { letter.to_string() };
        let names: Vec<String> = letters.iter().map(name).collect();
        let declared: Vec<(&str, Type)> =
            names.iter().map(String::as_str).zip(types.iter().copied()).collect();
        let source = Source { file: "x", text, line: 1, column: 1, code: Code::RulesInvalid };
        let code = compile(&source, &declared).unwrap_or_else(|error| panic!("{text}: {error}"));
        let program = Program::load(&code).unwrap();
        // Every combination, by its number in a mixed radix.
        let sizes: Vec<usize> = domains.iter().map(|domain| domain.all.len()).collect();
        let total: usize = sizes.iter().product();
        let places = |mut number: usize| -> Vec<usize> {
            sizes
                .iter()
                .map(|size| {
                    let place = number % size;
                    number /= size;
                    place
                })
                .collect()
        };
        let table: Vec<Truth> = (0..total)
            .map(|number| {
                let places = places(number);
                let known: Vec<&Known> = domains.iter().zip(&places).map(|(d, at)| &d.all[*at]).collect();
                program.eval(&code, &Given { letters: &letters, known: &known, types: &types })
            })
            .collect();
        for truth in [Truth::False, Truth::Unknown, Truth::True] {
            if !table.contains(&truth) {
                never.push(format!("{text} is never {}", truth.as_str()));
            }
        }
        for (number, truth) in table.iter().enumerate() {
            if *truth == Truth::Unknown {
                continue;
            }
            definite += 1;
            let places = places(number);
            let mut weight = 1;
            for (at, domain) in domains.iter().enumerate() {
                for finer in &domain.finer[places[at]] {
                    steps += 1;
                    let other = number + finer * weight - places[at] * weight;
                    assert_eq!(
                        table[other],
                        *truth,
                        "{text}: {:?} says {truth:?}, and {:?}",
                        places.iter().zip(&domains).map(|(p, d)| &d.all[*p]).collect::<Vec<_>>(),
                        domain.all[*finer]
                    );
                }
                decided += usize::from(!domain.finer[places[at]].is_empty());
                weight *= sizes[at];
            }
        }
    }
    println!(
        "score\texpressions\tevery operator over all small inputs\t{} expressions, {definite} definite answers, {decided} of them beside something unknown, {steps} steps",
        EXPRESSIONS.len()
    );
    assert!(never.is_empty(), "{never:#?}");
    assert!(decided > 1_000, "{decided}");
}

/// What is on the page of expressions is in the table above.
#[test]
fn every_function_and_operator_is_in_the_table() {
    let page = include_str!("../src/expr/EXPRESSIONS.md");
    let section = |heading: &str| {
        let (_, rest) = page.split_once(&format!("\n## {heading}\n")).unwrap();
        rest.split("\n## ").next().unwrap().to_owned()
    };
    let rows = |section: &str| -> Vec<String> {
        let cells = section.lines().filter(|line| line.starts_with("| `"));
        cells
            .map(|line| line.replace("\\|", "\u{1}").split('|').nth(1).unwrap().replace('\u{1}', "|"))
            .collect()
    };
    let mut count = 0;
    for cell in rows(&section("Functions")).into_iter().chain(rows(&section("Operators"))) {
        for name in cell.trim().split(' ').map(|name| name.trim_matches('`')) {
            let wanted = match name {
                "a.b" => ".a ".into(),
                "a[i]" => "[i]".into(),
                "f()" => "size(".into(),
                "?:" => " ? ".into(),
                "!" | "-" => name.to_owned(),
                _ if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && name != "in" => {
                    format!("{name}(")
                }
                operator => format!(" {operator} "),
            };
            assert!(EXPRESSIONS.iter().any(|text| text.contains(&wanted)), "`{name}`");
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}
