//! Random expressions of our subset of CEL, ours beside cel-go, the reference implementation.
//!
//! `tests/cel/differences.json` lists how we differ on purpose, each class with a reason and an expression that shows it;
//! anything else fails, and so does a class that differs no longer. No class turns true into false or false into true.
//! `ACTFOR_CEL` says how many expressions (default 20,000). The program is built by `cargo xtask setup`; without
//! it the test says that it was skipped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use actfor::expr::{Fact, Item, Program, Source, Type, Value, Variables, compile};
use actfor::json::{self, Writer};
use actfor::{Code, Truth};

const VARIABLES: &[(&str, Type, &str)] = &[
    ("n", Type::Int, "int"),
    ("u", Type::Uint, "uint"),
    ("d", Type::Double, "double"),
    ("s", Type::String, "string"),
    ("b", Type::Bool, "bool"),
    ("t", Type::Timestamp, "timestamp"),
    ("span", Type::Duration, "duration"),
    ("ip", Type::IpAddress, "ipaddress"),
    ("texts", Type::List(Item::String), "list<string>"),
    ("numbers", Type::List(Item::Int), "list<int>"),
    ("counts", Type::Map(Item::Int), "map<int>"),
    ("claim", Type::Map(Item::Any), "map<any>"),
    ("request.time", Type::Timestamp, "timestamp"),
    ("dark", Type::Int, "int"),
    ("blur", Type::Bool, "bool"),
];

/// `dark` and `blur` are never there, and something else is missing in the last three.
const INPUTS: &[&str] = &[
    r#"{"n":5,"u":7,"d":1.5,"s":"release/1","b":true,"t":"2026-11-23T18:50:00.25Z","span":"1h30m0.5s","ip":"192.0.2.7",
        "texts":["a","b","release/1"],"numbers":[1,2,5],"counts":{"x":1,"y":-2},
        "claim":{"s":"a","n":3,"d":0.5,"b":true,"null":null,"list":["a",3,0.5,true],"map":{"x":1,"s":"b"},"t":"2026-01-01T00:00:00Z","number":"12"},
        "request.time":"2026-03-02T00:00:00Z"}"#,
    r#"{"n":9223372036854775807,"u":18446744073709551615,"d":1e30,"s":"","b":false,"t":"9999-12-31T23:59:59.999999999Z",
        "span":"2562047h47m16.854775807s","ip":"::1","texts":[],"numbers":[],"counts":{},"claim":{},"request.time":"0001-01-01T00:00:00Z"}"#,
    r#"{"n":-9223372036854775808,"u":0,"d":-0.0,"s":"é\u0000𝄞","b":true,"t":"1969-12-31T23:59:59.999Z","span":"-1h30m0.5s",
        "ip":"::ffff:192.0.2.7","texts":["é"],"numbers":[-9223372036854775808,0],"counts":{"x":9223372036854775807},
        "claim":{"s":"é","n":-1,"d":2.0,"b":false,"list":[],"map":{},"t":"not a time","number":"x"},"request.time":"2000-02-29T12:30:59Z"}"#,
    r#"{"n":0,"u":3,"d":0.1,"s":"a","b":false,"t":"2024-02-29T00:00:00Z","span":"0","ip":"10.1.2.3","texts":["a","a"],
        "numbers":[0,0,1],"counts":{"x":0,"s":3},"claim":{"s":1,"n":"3","d":"0.5","b":"true","list":{"a":1},"map":["x"],"t":1,"number":1.5}}"#,
    r#"{"n":-7,"d":-2.5,"b":true,"span":"-0.001s","texts":["main"],"counts":{"y":5},
        "claim":{"n":9007199254740991,"d":9007199254740992.0,"big":9007199254740993,"list":[9007199254740991,null],"s":null,"map":{"x":{"x":1}}}}"#,
    r#"{}"#,
];

/// An input, and which of its members are unknown.
struct Given<'a>(&'a json::Object<'a>, u32);

impl Variables for Given<'_> {
    fn get(&self, index: u32) -> Fact<'_> {
        let (name, ty, _) = VARIABLES[index as usize];
        let value = self
            .0
            .get(name)
            .filter(|_| self.1 & 1 << index == 0)
            .map(|value| Value::from_json(value, ty).unwrap());
        value.map_or(Fact::Unknown, Fact::Known)
    }
}

/// xorshift: the same cases every time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % n as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }
}

/// Writes expressions; locals are the variables of the macros around.
struct Expressions {
    random: Random,
    locals: Vec<(String, char)>,
}

impl Expressions {
    /// In parentheses, mostly: without them, what binds how is tried too.
    fn wrapped(&mut self, text: String) -> String {
        if self.random.chance(85) { format!("({text})") } else { text }
    }

    fn local(&mut self, kind: char) -> Option<String> {
        let fits: Vec<_> = self.locals.iter().filter(|l| l.1 == kind).map(|l| l.0.clone()).collect();
        (!fits.is_empty() && self.random.chance(50)).then(|| fits[self.random.below(fits.len())].clone())
    }

    /// An expression of a type: b, i, u, d, s, t(imestamp), p(eriod), a(ddress), l(ist of texts), n(umbers), m(ap) or
    /// `*` for one that is settled when it is evaluated.
    fn of(&mut self, kind: char, depth: usize) -> String {
        match kind {
            'b' => self.bool(depth),
            'i' => self.int(depth),
            'u' => self.uint(depth),
            'd' => self.double(depth),
            's' => self.string(depth),
            't' => self.time(depth),
            'p' => self.span(depth),
            'a' => self.address(depth),
            'l' => match self.random.below(4) {
                0 => r#"["a", "b", "main"]"#.into(),
                1 => "[]".into(),
                _ => "texts".into(),
            },
            'n' => match self.random.below(3) {
                0 => "[1, 2, -3]".into(),
                _ => "numbers".into(),
            },
            'm' => "counts".into(),
            _ => self.any(depth),
        }
    }

    /// An expression of one of these types.
    fn one_of(&mut self, kinds: &str, depth: usize) -> String {
        let kind = kinds.as_bytes()[self.random.below(kinds.len())];
        self.of(char::from(kind), depth)
    }

    fn bool(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.local('b') {
                Some(local) => local,
                None => self
                    .random
                    .pick(&["true", "false", "b", "b", "blur", "has(claim.n)", "has(counts.x)"])
                    .into(),
            };
        }
        let less = depth - 1;
        let text = match self.random.below(22) {
            0..=2 => {
                let operator = self.random.pick(&["&&", "||"]);
                let count = 2 + self.random.below(2);
                let items: Vec<_> = (0..count).map(|_| self.bool(less)).collect();
                items.join(&format!(" {operator} "))
            }
            3 => format!("!{}", self.bool(less)),
            4..=7 => {
                let kind = ['i', 'u', 'd', 's', 't', 'p', 'b', '*'][self.random.below(8)];
                let other = if kind == '*' { ['i', 'u', 'd', 's', '*'][self.random.below(5)] } else { kind };
                let operator = self.random.pick(&["<", "<=", ">", ">="]);
                format!("{} {operator} {}", self.of(kind, less), self.of(other, less))
            }
            8..=10 => {
                let kind =
                    ['i', 'u', 'd', 's', 't', 'p', 'a', 'b', 'l', 'n', 'm', '*'][self.random.below(12)];
                let other = if kind == '*' {
                    ['i', 'u', 'd', 's', 'b', 'l', '*'][self.random.below(7)]
                } else {
                    kind
                };
                let operator = self.random.pick(&["==", "!="]);
                format!("{} {operator} {}", self.of(kind, less), self.of(other, less))
            }
            11 | 12 => match self.random.below(7) {
                0 => format!("{} in {}", self.string(less), self.of('l', less)),
                1 => format!("{} in {}", self.int(less), self.of('n', less)),
                2 => format!("{} in [{}, {}]", self.int(less), self.int(less), self.int(less)),
                3 => format!("{} in [{}, {}]", self.string(less), self.string(less), self.string(less)),
                4 => format!("{} in counts", self.string(less)),
                5 => format!(
                    "{} in {}",
                    self.any(less),
                    self.random.pick(&["claim.list", "claim", "texts", "numbers"])
                ),
                _ => format!("{} in {}", ["1", "\"a\"", "3.0", "true"][self.random.below(4)], self.any(less)),
            },
            13 | 14 => {
                let function = self.random.pick(&["startsWith", "endsWith", "contains"]);
                let (text, part) = (self.one_of("ssssss*", less), self.string(less));
                format!("{text}.{function}({part})")
            }
            15..=17 if self.locals.len() < 2 => {
                let (range, item) = match self.random.below(6) {
                    0 => (self.of('l', less), 's'),
                    1 => (self.of('n', less), 'i'),
                    2 => ("counts".into(), 's'),
                    3 => ("[true, false]".into(), 'b'),
                    4 => ("claim".into(), 's'),
                    _ => (self.random.pick(&["claim.list", "claim.map", "claim.s"]).into(), '*'),
                };
                let name = format!("x{}", self.locals.len());
                let function = self.random.pick(&["exists", "all", "exists_one"]);
                self.locals.push((name.clone(), item));
                let body = self.bool(less);
                self.locals.pop();
                format!("{range}.{function}({name}, {body})")
            }
            18 => {
                let range = self.random.pick(&[
                    "\"192.0.2.0/24\"",
                    "\"10.0.0.0/8\"",
                    "\"::/0\"",
                    "\"0.0.0.0/0\"",
                    "\"::ffff:192.0.2.0/120\"",
                    "\"192.0.2.7/32\"",
                    "s",
                ]);
                format!("{}.in_cidr({range})", self.address(less))
            }
            19 => format!("{} ? {} : {}", self.bool(less), self.bool(less), self.bool(less)),
            20 => self
                .random
                .pick(&[
                    "has(claim.s)",
                    "has(claim.map.x)",
                    "has(counts.y)",
                    "has(claim.none)",
                    "has(claim.s.x)",
                    "has(claim.map.x.x)",
                ])
                .into(),
            _ => self.bool(0),
        };
        self.wrapped(text)
    }

    /// Two of one kind with an operator between.
    fn pair(&mut self, kind: char, operators: &[&str], depth: usize) -> String {
        let operator = self.random.pick(operators);
        format!("{} {operator} {}", self.of(kind, depth), self.of(kind, depth))
    }

    /// What every type has: a choice, and an item of something.
    fn chosen(&mut self, kind: char, depth: usize) -> String {
        format!("{} ? {} : {}", self.bool(depth), self.of(kind, depth), self.of(kind, depth))
    }

    fn int(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.local('i') {
                Some(local) => local,
                None => self
                    .random
                    .pick(&[
                        "0",
                        "1",
                        "-1",
                        "2",
                        "5",
                        "7",
                        "0x1f",
                        "-0x10",
                        "9223372036854775807",
                        "-9223372036854775808",
                        "n",
                        "n",
                        "n",
                        "dark",
                        "counts.x",
                        "counts[\"y\"]",
                        "numbers[0]",
                        "numbers[2]",
                        "numbers[-1]",
                    ])
                    .into(),
            };
        }
        let less = depth - 1;
        let text = match self.random.below(13) {
            0..=3 => self.pair('i', &["+", "-", "*", "/", "%"], less),
            4 => format!("-{}", self.int(less)),
            5 => {
                let (function, kind) =
                    [("int", 'd'), ("int", 'u'), ("int", 's'), ("int", 't'), ("int", '*'), ("int", 'i')]
                        [self.random.below(6)];
                format!("{function}({})", self.of(kind, less))
            }
            6 => {
                let kind = ['s', 'l', 'n', 'm', '*'][self.random.below(5)];
                let inner = self.of(kind, less);
                if self.random.chance(50) { format!("size({inner})") } else { format!("{inner}.size()") }
            }
            7 | 8 => {
                let field = self.random.pick(&[
                    "getFullYear",
                    "getMonth",
                    "getDate",
                    "getDayOfMonth",
                    "getDayOfWeek",
                    "getDayOfYear",
                    "getHours",
                    "getMinutes",
                    "getSeconds",
                    "getMilliseconds",
                ]);
                format!("{}.{field}()", self.time(less))
            }
            9 => {
                let field = self.random.pick(&["getHours", "getMinutes", "getSeconds"]);
                format!("{}.{field}()", self.span(less))
            }
            10 => self.chosen('i', less),
            _ => self.int(0),
        };
        self.wrapped(text)
    }

    fn uint(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.random.pick(&["0u", "1u", "7u", "0x1fu", "18446744073709551615u", "u", "u"]).into();
        }
        let less = depth - 1;
        let text = match self.random.below(6) {
            0..=2 => self.pair('u', &["+", "-", "*", "/", "%"], less),
            3 => {
                let kind = ['i', 'd', 's', '*', 'u'][self.random.below(5)];
                format!("uint({})", self.of(kind, less))
            }
            4 => self.chosen('u', less),
            _ => self.uint(0),
        };
        self.wrapped(text)
    }

    fn double(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self
                .random
                .pick(&[
                    "0.0",
                    "-0.0",
                    "1.5",
                    ".5",
                    "-2.5",
                    "1e30",
                    "1e-3",
                    "0.1",
                    "9007199254740993.0",
                    "1.0E+2",
                    "d",
                    "d",
                ])
                .into();
        }
        let less = depth - 1;
        let text = match self.random.below(7) {
            0..=2 => self.pair('d', &["+", "-", "*", "/"], less),
            3 => format!("-{}", self.double(less)),
            4 => {
                let kind = ['i', 'u', 's', '*', 'd'][self.random.below(5)];
                format!("double({})", self.of(kind, less))
            }
            5 => self.chosen('d', less),
            _ => self.double(0),
        };
        self.wrapped(text)
    }

    fn string(&mut self, depth: usize) -> String {
        if depth == 0 || self.random.chance(70) {
            return match self.local('s') {
                Some(local) => local,
                None => self
                    .random
                    .pick(&[
                        "\"\"",
                        "\"a\"",
                        "'a'",
                        "\"x\"",
                        "\"release/\"",
                        "\"é\"",
                        "'\\u00e9'",
                        "'\\x61'",
                        "'\\141'",
                        "r\"\\x\"",
                        "'''a'''",
                        "\"\"\"b\"\"\"",
                        "'\\U0001D11E'",
                        "'\\n\\t\\\\\\'\\\"\\?\\`'",
                        "\"12\"",
                        "\"-1.5\"",
                        "\"+5\"",
                        "\"1e3\"",
                        "\"inf\"",
                        "\"0x10\"",
                        "\" 1\"",
                        "s",
                        "s",
                        "s",
                        "texts[0]",
                        "texts[2]",
                    ])
                    .into(),
            };
        }
        let text = self.chosen('s', depth - 1);
        self.wrapped(text)
    }

    fn time(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self
                .random
                .pick(&[
                    "t",
                    "t",
                    "request.time",
                    "timestamp(\"2026-01-01T00:00:00Z\")",
                    "timestamp(\"2026-01-31T23:59:59.123456789+05:30\")",
                    "timestamp(\"1969-07-20T20:17:40Z\")",
                    "timestamp(\"9999-12-31T23:59:59Z\")",
                    "timestamp(\"0001-01-01T00:00:00Z\")",
                ])
                .into();
        }
        let less = depth - 1;
        let text = match self.random.below(6) {
            0 => format!("{} + {}", self.time(less), self.span(less)),
            1 => format!("{} + {}", self.span(less), self.time(less)),
            2 => format!("{} - {}", self.time(less), self.span(less)),
            3 => format!("timestamp({})", self.one_of("st*", less)),
            4 => self.chosen('t', less),
            _ => self.time(0),
        };
        self.wrapped(text)
    }

    fn span(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self
                .random
                .pick(&[
                    "span",
                    "span",
                    "duration(\"1h30m\")",
                    "duration(\"-1.5s\")",
                    "duration(\"100ms\")",
                    "duration(\"0\")",
                    "duration(\"1h2m3s4ms5us6ns\")",
                    "duration(\"2562047h\")",
                    "duration(\".5s\")",
                ])
                .into();
        }
        let less = depth - 1;
        let text = match self.random.below(6) {
            0 => self.pair('p', &["+", "-"], less),
            1 => format!("{} - {}", self.time(less), self.time(less)),
            2 => format!("{} + {}", self.any(less), self.span(less)),
            3 => format!("duration({})", self.one_of("sp*", less)),
            4 => self.chosen('p', less),
            _ => self.span(0),
        };
        self.wrapped(text)
    }

    fn address(&mut self, depth: usize) -> String {
        match self.random.below(6) {
            0 => "ipaddress(\"192.0.2.7\")".into(),
            1 => "ipaddress(\"2001:db8::1\")".into(),
            2 if depth > 0 => format!("ipaddress({})", self.string(depth - 1)),
            _ => "ip".into(),
        }
    }

    fn any(&mut self, depth: usize) -> String {
        if let Some(local) = self.local('*') {
            return local;
        }
        match self.random.below(12) {
            0..=6 => self
                .random
                .pick(&[
                    "claim.s",
                    "claim.n",
                    "claim.d",
                    "claim.b",
                    "claim.list",
                    "claim.map",
                    "claim[\"null\"]",
                    "claim.t",
                    "claim.number",
                    "claim.none",
                ])
                .into(),
            7 => self
                .random
                .pick(&[
                    "claim.list[0]",
                    "claim.list[1]",
                    "claim[\"n\"]",
                    "claim.map.x",
                    "claim.map[\"s\"]",
                    "claim.list[2]",
                    "claim.map.x.x",
                    "claim.list[9]",
                ])
                .into(),
            8 if depth > 0 => {
                let operator = self.random.pick(&["+", "-", "*", "/", "%"]);
                let other = ['i', 'd', 'u', '*', 't', 'p'][self.random.below(6)];
                let text = format!("{} {operator} {}", self.any(depth - 1), self.of(other, depth - 1));
                self.wrapped(text)
            }
            9 if depth > 0 => {
                let text = format!("-{}", self.any(depth - 1));
                self.wrapped(text)
            }
            10 if depth > 0 => {
                let text = self.chosen('*', depth - 1);
                self.wrapped(text)
            }
            _ => "claim.n".into(),
        }
    }
}

/// Ours: a letter an input, or why it does not compile.
fn ours(text: &str, inputs: &[json::Value<'static>]) -> Result<String, String> {
    let variables: Vec<_> = VARIABLES.iter().map(|(name, ty, _)| (*name, *ty)).collect();
    let source = Source { file: "x", text, line: 1, column: 1, code: Code::RulesInvalid };
    let code = compile(&source, &variables).map_err(|error| error.to_string())?;
    let program = Program::load(&code).expect("what was compiled can be loaded");
    let letter =
        |input: &json::Value<'static>| match program.eval(&code, &Given(input.as_object().unwrap(), 0)) {
            Truth::True => 'T',
            Truth::False => 'F',
            Truth::Unknown => 'E',
        };
    Ok(inputs.iter().map(letter).collect())
}

fn program() -> Option<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/actfor-cel");
    built.is_file().then_some(built)
}

fn reference(program: &Path, expressions: &[String]) -> Vec<String> {
    let quoted = |text: &str| {
        let mut w = Writer::default();
        w.string(text);
        w.finish()
    };
    let mut input = String::from("{\"variables\":{");
    for (at, (name, _, ty)) in VARIABLES.iter().enumerate() {
        let _ = write!(input, "{}\"{name}\":\"{ty}\"", if at == 0 { "" } else { "," });
    }
    let inputs: Vec<_> = INPUTS.iter().map(|input| input.replace('\n', " ")).collect();
    let _ = writeln!(input, "}},\"inputs\":[{}]}}", inputs.join(","));
    for expression in expressions {
        let _ = writeln!(input, "{}", quoted(expression));
    }
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success());
    let lines: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect();
    assert_eq!(lines.len(), expressions.len());
    lines
}

/// A way in which we differ on purpose.
struct Class {
    name: String,
    /// What an expression of it holds: one of these.
    holds: Vec<String>,
    ours: String,
    cel: String,
    shown_by: String,
}

fn classes() -> Vec<Class> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cel/differences.json");
    let text = std::fs::read_to_string(path).unwrap();
    let value = json::parse(text.as_bytes(), &json::Limits::CONFIG).unwrap();
    let classes = value.as_array().unwrap().iter().map(|class| {
        let class = class.as_object().unwrap();
        for (name, _) in class.iter() {
            assert!(["name", "holds", "ours", "cel", "shown_by", "reason"].contains(&name), "{name}");
        }
        let text = |name: &str| class.get(name).and_then(json::Value::as_str).unwrap().to_owned();
        assert!(text("reason").len() > 20);
        let holds = class.get("holds").and_then(json::Value::as_array).unwrap();
        Class {
            name: text("name"),
            holds: holds.iter().map(|h| h.as_str().unwrap().to_owned()).collect(),
            ours: text("ours"),
            cel: text("cel"),
            shown_by: text("shown_by"),
        }
    });
    classes.collect()
}

/// Which of the inputs differ, as `ours` and `cel`: letters, or `!` for what does not compile.
fn difference(ours: &Result<String, String>, cel: &str) -> Option<(String, String)> {
    match (ours, cel.strip_prefix('!')) {
        // What we refuse is outside of the subset, whatever CEL says.
        (Err(_), _) => None,
        (Ok(ours), Some(_)) => Some((ours.clone(), "!".into())),
        (Ok(ours), None) => {
            let (mut a, mut b) = (String::new(), String::new());
            for (left, right) in ours.chars().zip(cel.chars()).filter(|(left, right)| left != right) {
                // Each kind of difference once.
                if !a.chars().zip(b.chars()).any(|pair| pair == (left, right)) {
                    a.push(left);
                    b.push(right);
                }
            }
            (!a.is_empty()).then_some((a, b))
        }
    }
}

#[test]
fn random_expressions_give_what_cel_go_gives() {
    let Some(program) = program() else {
        let skipped = "skipped: `cargo xtask setup` builds cel-go's side of this test, with Go";
        assert!(std::env::var_os("CI").is_none(), "{skipped}");
        eprintln!("{skipped}");
        return;
    };
    let wanted = std::env::var("ACTFOR_CEL").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let inputs: Vec<_> = INPUTS
        .iter()
        .map(|text| json::parse(text.as_bytes(), &json::Limits::TOKEN).unwrap().into_owned())
        .collect();
    let seed = std::env::var("ACTFOR_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7);
    let mut generator = Expressions { random: Random(0x9e37_79b9_7f4a_7c15 ^ seed), locals: Vec::new() };
    let classes = classes();
    // The witnesses of the classes first.
    let mut expressions: Vec<String> = classes.iter().map(|class| class.shown_by.clone()).collect();
    let (mut found, mut refused) = (Vec::new(), 0);
    for expression in &expressions {
        found.push(Ok(ours(expression, &inputs).unwrap_or_else(|error| panic!("{expression}: {error}"))));
    }
    // How things are written, and edges that chance seldom finds.
    let forms = include_str!("cel/forms.txt");
    for form in forms.lines() {
        expressions.push(form.into());
        found.push(ours(form, &inputs));
    }
    let wanted = wanted + found.len();
    while found.len() < wanted {
        let depth = 1 + generator.random.below(4);
        let text = generator.bool(depth);
        match ours(&text, &inputs) {
            // Mostly: what was not put in parentheses binds in another way, or it is too long or too deep.
            Err(_) => refused += 1,
            own => {
                expressions.push(text);
                found.push(own);
            }
        }
    }
    let reference = reference(&program, &expressions);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut letters, mut wrong) = ([0_usize; 3], Vec::new());
    for (at, expression) in expressions.iter().enumerate() {
        for letter in found[at].iter().flat_map(|letters| letters.chars()) {
            letters["TFE".find(letter).unwrap()] += 1;
        }
        let Some((own, cel)) = difference(&found[at], &reference[at]) else { continue };
        for pair in own.chars().zip(cel.chars()) {
            let fits = |class: &&Class| {
                class.ours.chars().zip(class.cel.chars()).any(|known| known == pair)
                    && class.holds.iter().any(|part| expression.contains(part.as_str()))
            };
            match classes.iter().find(fits) {
                Some(class) => *counts.entry(&class.name).or_default() += 1,
                None => wrong.push(format!(
                    "{expression}\n    ours {}, cel {}, at {pair:?}",
                    found[at].as_ref().unwrap(),
                    reference[at]
                )),
            }
        }
    }
    for (at, class) in classes.iter().enumerate() {
        assert!(
            difference(&found[at], &reference[at]).is_some(),
            "{}: `{}` does not differ: {:?} {}",
            class.name,
            class.shown_by,
            found[at],
            reference[at]
        );
        let opposite = (class.ours.contains('T') && class.cel.contains('F'))
            || (class.ours.contains('F') && class.cel.contains('T'));
        assert!(!opposite || class.name.starts_with("spec: "), "{}", class.name);
    }
    println!(
        "score\texpressions\tbeside cel-go\t{} expressions, {} answers ({} true, {} false, {} unknown), {} listed as different, {} others",
        expressions.len(),
        expressions.len() * INPUTS.len(),
        letters[0],
        letters[1],
        letters[2],
        counts.values().sum::<usize>(),
        wrong.len(),
    );
    println!("{refused} refused; differences listed: {counts:?}");
    wrong.sort_by_key(|text| (text.len(), text.clone()));
    wrong.dedup();
    let shown: Vec<_> = wrong.iter().take(40).cloned().collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), expressions.len(), shown.join("\n"));
}

#[test]
fn knowing_less_never_turns_a_random_expression_around() {
    let inputs: Vec<_> = INPUTS
        .iter()
        .map(|text| json::parse(text.as_bytes(), &json::Limits::TOKEN).unwrap().into_owned())
        .collect();
    let variables: Vec<_> = VARIABLES.iter().map(|(name, ty, _)| (*name, *ty)).collect();
    let mut generator = Expressions { random: Random(0x1234_5678_9abc_def1), locals: Vec::new() };
    let (mut checked, mut still_definite) = (0, 0);
    for _ in 0..5_000 {
        let depth = 1 + generator.random.below(4);
        let text = generator.bool(depth);
        let source = Source { file: "x", text: &text, line: 1, column: 1, code: Code::RulesInvalid };
        let Ok(code) = compile(&source, &variables) else { continue };
        let program = Program::load(&code).unwrap();
        for input in &inputs[..5] {
            let input = input.as_object().unwrap();
            let all = program.eval(&code, &Given(input, 0));
            let one = (0..VARIABLES.len()).map(|index| 1 << index);
            for unknown in one.chain((0..4).map(|_| 0)) {
                let unknown =
                    if unknown == 0 { generator.random.below(1 << VARIABLES.len()) as u32 } else { unknown };
                let less = program.eval(&code, &Given(input, unknown));
                checked += 1;
                still_definite += usize::from(unknown != 0 && less != Truth::Unknown);
                assert!(
                    less == Truth::Unknown || less == all,
                    "{text}: {all:?} became {less:?} without {unknown:b}"
                );
            }
        }
    }
    println!(
        "score\texpressions\trandom, knowing less\t{checked} answers with less, {still_definite} of them definite"
    );
    assert!(still_definite > 10_000 && still_definite < checked);
}
