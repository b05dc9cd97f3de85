//! Expressions: what they give, and what is refused, with its place.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use actfor::Truth::{self, False, True, Unknown};
use actfor::expr::{Fact, Item, Program, Source, Type, Value, Variables, compile};
use actfor::{Code, json};

const VARIABLES: &[(&str, Type)] = &[
    ("n", Type::Int),
    ("u", Type::Uint),
    ("d", Type::Double),
    ("s", Type::String),
    ("b", Type::Bool),
    ("t", Type::Timestamp),
    ("span", Type::Duration),
    ("ip", Type::IpAddress),
    ("list", Type::List(Item::String)),
    ("map", Type::Map(Item::Int)),
    ("claim", Type::Any),
    ("request.time", Type::Timestamp),
    ("gone", Type::Int),
    ("dark", Type::Int),
    ("blur", Type::Bool),
];

const VALUES: &str = r#"{"n":5,"u":7,"d":1.5,"s":"release/1","b":true,"t":"2026-11-23T18:50:00.25Z","span":"1h30m",
    "ip":"192.0.2.7","list":["a","b"],"map":{"x":1,"y":"oops"},
    "claim":{"groups":["eng","ops"],"level":3,"ratio":0.5,"deep":{"yes":true},"null":null,"deepest":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}},"deeper":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}},"lists":[[[[[[[[[[]]]]]]]]]]},"request.time":"2026-03-02T00:00:00Z"}"#;

struct Given<'a>(&'a json::Object<'a>);

impl Variables for Given<'_> {
    fn get(&self, index: u32) -> Fact<'_> {
        let Some((name, ty)) = VARIABLES.get(index as usize) else { return Fact::Unknown };
        match (*name, self.0.get(name)) {
            ("gone", _) => Fact::Absent,
            (_, None) => Fact::Unknown,
            (_, Some(value)) => Value::from_json(value, *ty).map_or(Fact::Unknown, Fact::Known),
        }
    }
}

fn source(text: &str) -> Source<'_> {
    Source { file: "x", text, line: 3, column: 5, code: Code::RulesInvalid }
}

fn eval(text: &str) -> Truth {
    let code = compile(&source(text), VARIABLES).unwrap_or_else(|error| panic!("{text}: {error}"));
    let program = Program::load(&code).unwrap();
    let value = json::parse(VALUES.as_bytes(), &json::Limits::TOKEN).unwrap();
    program.eval(&code, &Given(value.as_object().unwrap()))
}

#[test]
fn expressions_give_what_cel_gives() {
    for (text, expected) in [
        ("n == 5 && u == 7u && d == 1.5 && b", True),
        ("n != 5 || !b", False),
        ("n < 6 && n <= 5 && n > 4 && n >= 5 && -n == -5", True),
        ("(n + 2) * 3 - 1 == 20 && n / 2 == 2 && n % 2 == 1 && -7 / 2 == -3 && -7 % 2 == -1", True),
        ("1 + 2 * 3 == 7", True),
        ("d * 2.0 == 3.0", True),
        (
            "s.startsWith(\"release/\") && s.endsWith('1') && s.contains(r\"se/\") && s.size() == 9 && size(s) == 9",
            True,
        ),
        ("s == \"\\x72elease/1\" && '\\u0041' == \"A\" && '''a''' == \"a\"", True),
        ("s in [\"main\", \"release/1\"]", True),
        ("s in list", False),
        ("\"a\" in list && !(\"c\" in list) && list[1] == \"b\"", True),
        ("\"x\" in map && map.x == 1 && map[\"x\"] == 1", True),
        ("list == [\"a\", \"b\"] && list != [\"b\"]", True),
        ("list.exists(x, x == \"b\") && !list.all(x, x == \"b\") && list.exists_one(x, x == \"b\")", True),
        ("claim.groups.exists(g, g in list)", False),
        ("\"eng\" in claim.groups && claim.level >= 3 && claim.ratio < 1.0 && claim.deep.yes", True),
        ("claim.level == 3.0 && claim.level < 3.5", True),
        ("has(claim.level) && !has(claim.other) && has(claim.deep.yes) && has(map.x)", True),
        ("claim[\"null\"] == null", True),
        ("claim.level == \"3\"", False),
        (
            "t > timestamp(\"2026-01-01T00:00:00Z\") && t - duration(\"1h\") < t && t - t == duration(\"0\")",
            True,
        ),
        ("t + span == timestamp(\"2026-11-23T20:20:00.25Z\")", True),
        (
            "t.getFullYear() == 2026 && t.getMonth() == 10 && t.getDate() == 23 && t.getDayOfMonth() == 22",
            True,
        ),
        (
            "t.getDayOfWeek() == 1 && t.getDayOfYear() == 326 && t.getHours() == 18 && t.getMinutes() == 50",
            True,
        ),
        ("t.getSeconds() == 0 && t.getMilliseconds() == 250", True),
        ("request.time.getDate() <= 3", True),
        ("span.getHours() == 1 && span.getMinutes() == 90 && span.getSeconds() == 5400", True),
        (
            "ip.in_cidr(\"192.0.2.0/24\") && !ip.in_cidr(\"10.0.0.0/8\") && ip == ipaddress(\"192.0.2.7\")",
            True,
        ),
        ("n > 3 ? b : false", True),
        ("int(\"12\") == 12 && uint(n) == 5u && double(n) == 5.0 && int(d) == 1 && int(t) > 0", True),
        ("0x1f == 31 && 1e2 == 100.0 // a comment", True),
        ("9223372036854775807 == 9223372036854775807", True),
        ("t in [timestamp(\"2026-11-23T18:50:00.25Z\")]", True),
        ("n in [dark, 5]", True),
        ("[1, 2].exists(x, x > 1)", True),
    ] {
        assert_eq!(eval(text), expected, "{text}");
    }
}

#[test]
fn what_is_not_known_makes_the_result_unknown_unless_it_cannot_matter() {
    for (text, expected) in [
        ("dark == 1", Unknown),
        ("gone == 1", Unknown),
        ("!blur", Unknown),
        ("blur || true", True),
        ("false && blur", False),
        ("blur && true", Unknown),
        ("blur ? true : true", Unknown),
        ("dark in [1]", Unknown),
        ("n in [dark, 1]", Unknown),
        ("n / 0 == 1", Unknown),
        ("9223372036854775807 + n > 0", Unknown),
        ("map.y == 1", Unknown),
        ("map.z == 1", Unknown),
        ("has(map.y)", Unknown),
        ("list[2] == \"c\"", Unknown),
        ("list[-1] == \"c\"", Unknown),
        ("claim.level.x == 1", Unknown),
        ("claim.deep > 1", Unknown),
        ("claim.groups", Unknown),
        // So deep they are compared, and no deeper.
        ("claim.deepest == claim.deepest", True),
        ("claim.deeper == claim.deeper", Unknown),
        ("claim.deeper != claim.deeper", Unknown),
        ("claim.lists == claim.lists", Unknown),
        ("claim.groups.exists(g, g > 1 || g == \"ops\")", True),
        ("claim.groups.all(g, g > 1)", Unknown),
        ("int(s) == 1", Unknown),
        ("timestamp(s) < t", Unknown),
        ("timestamp(\"9999-12-31T23:59:59Z\") + span > t", Unknown),
    ] {
        assert_eq!(eval(text), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_or_not_supported_is_named_where_it_stands() {
    for (text, line, column, part) in [
        ("", 3, 5, "end of the expression"),
        ("n ==", 3, 9, "end of the expression"),
        ("n", 3, 5, "true or false"),
        ("missing == 1", 3, 5, "no variable `missing`"),
        ("request.path == s", 3, 5, "no variable `request.path`"),
        ("n == s", 3, 5, "`int` and a `string`"),
        ("n < 1.5", 3, 5, "`double(...)`"),
        ("s.matches(\"a.*\")", 3, 5, "`matches` is not supported; use `startsWith`"),
        ("list.map(x, x) == list", 3, 5, "`map` is not supported"),
        ("s + s == s", 3, 5, "not joined"),
        ("t.getHours(\"Europe/Berlin\") == 1", 3, 5, "UTC"),
        ("timestamp(\"today\") < t", 3, 5, "not a timestamp"),
        ("b &&\n n.in_cidr(\"10.0.0.0/8\")", 4, 2, "does not take a `int`"),
        ("ip.in_cidr(\"10.0.0.0\")", 3, 16, "not a range"),
        ("{\"a\": 1}.a == 1", 3, 5, "map literals"),
        ("b\"x\" == s", 3, 5, "bytes"),
        ("'a", 3, 5, "never closed"),
        ("n == 1 n", 3, 12, "operator"),
        ("n == 99999999999999999999", 3, 10, "not a number"),
        ("u == -0x1fu", 3, 10, "not a number"),
        ("u == -1u", 3, 10, "not a number"),
        ("has(n)", 3, 5, "takes a member"),
        ("list.exists(x, list.exists(y, list.exists(z, x == y)))", 3, 5, "steps"),
    ] {
        let error = compile(&source(text), VARIABLES).unwrap_err();
        assert!(error.message.contains(part), "{text}: {error}");
        assert_eq!((error.at.line, error.at.column), (line, column), "{text}: {error}");
    }
    for deep in [
        "(".repeat(10_000),
        "!".repeat(5_000),
        "a.".repeat(3_000),
        "1+".repeat(3_000),
        "[".repeat(3_000),
        "-".repeat(300),
    ] {
        assert!(compile(&source(&deep), VARIABLES).is_err());
    }
}

#[test]
fn damaged_code_is_refused_or_unknown_and_never_panics() {
    let text = "list.exists(x, x == s) || (n in [1, 2, dark] && t.getHours() > 3) || claim.groups == list";
    let code = compile(&source(text), VARIABLES).unwrap();
    let value = json::parse(VALUES.as_bytes(), &json::Limits::TOKEN).unwrap();
    let given = Given(value.as_object().unwrap());
    for at in 0..code.len() {
        for flip in [0x01, 0x80, 0xff, 0x0b] {
            let mut bad = code.clone();
            bad[at] ^= flip;
            if let Some(program) = Program::load(&bad) {
                program.eval(&bad, &given);
            }
        }
        if let Some(program) = Program::load(&code[..at]) {
            program.eval(&code[..at], &given);
        }
    }
}

/// Found by fuzzing: a call of no arguments whose receiver, which nobody had checked, is the call itself.
#[test]
fn a_call_that_calls_itself_does_not_load() {
    let words = [1_u32, 25, 20, 0, 0, 1, 0];
    let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    assert!(actfor::expr::Program::load(&code).is_none());
}

/// What somebody sends is bounded in bytes, and so is what an expression does with it: beyond that it is unknown.
#[test]
fn long_values_cost_what_they_are_long() {
    let given = |length: usize, count: usize| {
        let text = "a".repeat(length);
        let list: Vec<_> = (0..count).map(|_| format!("\"{}\"", "a".repeat(length / 64))).collect();
        let deep =
            format!("[{}]", vec!["[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]"; count].join(","));
        let map: Vec<_> = (0..count).map(|at| format!("\"m{at}\":1")).collect();
        let (list, map, ones) = (list.join(","), map.join(","), vec!["1"; 600].join(","));
        format!(
            "{{\"s\":\"{text}\",\"list\":[{list}],\"claim\":{{\"deep\":{deep},\"map\":{{{map}}},\"ones\":[{ones}]}}}}"
        )
    };
    let limits = json::Limits { bytes: 1 << 24, ..json::Limits::CONFIG };
    let (small, large) = (given(64, 20), given(1 << 20, 250));
    let ones = format!("list.exists(x, [{}] != claim.ones)", vec!["1"; 600].join(","));
    for (text, without) in [
        ("list.exists(x, s.contains(\"b\"))", False),
        ("list.exists(x, s.startsWith(\"b\"))", False),
        ("list.exists(x, x.contains(s) && s == x)", False),
        ("list.exists(x, s == \"b\")", False),
        ("list.all(x, s < \"b\")", True),
        ("list.all(x, s.size() > 0)", True),
        ("s in list", False),
        ("list.exists(x, s in [\"b\", x])", False),
        ("list.all(x, list.all(y, x == y))", True),
        ("list.exists(x, claim.deep != claim.deep)", False),
        ("list.exists(x, claim.map != claim.map)", False),
        // What is written out stands one behind the other, so the last of it is far.
        (&ones, False),
    ] {
        let code = compile(&source(text), VARIABLES).unwrap_or_else(|error| panic!("{text}: {error}"));
        let program = Program::load(&code).unwrap();
        for (values, expected) in [(&small, without), (&large, Unknown)] {
            let value = json::parse(values.as_bytes(), &limits).unwrap();
            assert_eq!(program.eval(&code, &Given(value.as_object().unwrap())), expected, "{text}");
        }
    }
}
