//! The grammar on the page of the rule language and the parser are one: what the grammar derives is read, and what it
//! does not derive is refused.

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

use std::collections::{BTreeMap, BTreeSet};

use actfor::policy::parse::parse;
use random::Random;

/// A part of a production.
#[derive(Debug, Clone)]
enum Part {
    /// `"word"`
    Word(String),
    /// `NAME`
    Class(String),
    /// Another production.
    Rule(String),
    /// `a | b`, with a number by which it is known whether each was taken.
    Either(usize, Vec<Vec<Part>>),
    /// `[ a ]` or `{ a }`
    Maybe(usize, Vec<Part>, bool),
}

struct Grammar {
    rules: BTreeMap<String, Vec<Part>>,
    /// How many choices there are: each alternative, and each option taken and left.
    choices: usize,
}

struct Reader<'t> {
    tokens: Vec<&'t str>,
    at: usize,
    choices: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<&'t str> {
        self.tokens.get(self.at).copied()
    }

    fn next(&mut self) -> &'t str {
        self.at += 1;
        self.tokens[self.at - 1]
    }

    fn number(&mut self, count: usize) -> usize {
        self.choices += count;
        self.choices - count
    }

    fn either(&mut self) -> Vec<Part> {
        let mut ways = vec![self.sequence()];
        while self.peek() == Some("|") {
            self.next();
            ways.push(self.sequence());
        }
        match ways.len() {
            1 => ways.pop().unwrap(),
            count => vec![Part::Either(self.number(count), ways)],
        }
    }

    fn sequence(&mut self) -> Vec<Part> {
        let mut parts = Vec::new();
        while let Some(token) = self.peek().filter(|token| !["|", ")", "]", "}", ";"].contains(token)) {
            self.next();
            match token {
                "(" => parts.extend(self.either()),
                "[" | "{" => {
                    let inner = self.either();
                    parts.push(Part::Maybe(self.number(2), inner, token == "{"));
                }
                word if word.starts_with('"') => parts.push(Part::Word(word.trim_matches('"').into())),
                class if class.chars().all(char::is_uppercase) => parts.push(Part::Class(class.into())),
                rule => parts.push(Part::Rule(rule.into())),
            }
            if matches!(token, "(" | "[" | "{") {
                self.next();
            }
        }
        parts
    }
}

impl Grammar {
    /// Reads the grammar of the page.
    fn read() -> Self {
        let page = include_str!("../src/policy/LANGUAGE.md");
        let text = page.split("```ebnf\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let mut reader = Reader { tokens: text.split_whitespace().collect(), at: 0, choices: 0 };
        let mut rules = BTreeMap::new();
        while reader.peek().is_some() {
            let name = reader.next().to_owned();
            assert_eq!(reader.next(), "=", "{name}");
            let parts = reader.either();
            assert_eq!(reader.next(), ";", "{name}");
            assert!(rules.insert(name, parts).is_none());
        }
        Self { rules, choices: reader.choices }
    }

    /// A random text of the grammar, word by word.
    fn write(&self, parts: &[Part], random: &mut Random, taken: &mut BTreeSet<usize>, out: &mut Vec<String>) {
        for part in parts {
            match part {
                Part::Word(word) => out.push(word.clone()),
                Part::Class(class) => out.push(sample(class, random)),
                Part::Rule(rule) => self.write(&self.rules[rule], random, taken, out),
                Part::Either(number, ways) => {
                    let way = random.below(ways.len());
                    taken.insert(number + way);
                    self.write(&ways[way], random, taken, out);
                }
                Part::Maybe(number, inner, again) => {
                    let mut count = random.below(if *again { 3 } else { 2 });
                    taken.insert(number + usize::from(count > 0));
                    while count > 0 {
                        count -= 1;
                        self.write(inner, random, taken, out);
                    }
                }
            }
        }
    }

    /// Where a text of the parts can end that begins at `at`.
    fn ends(&self, parts: &[Part], words: &[String], at: usize, strict: bool) -> BTreeSet<usize> {
        let Some((first, rest)) = parts.split_first() else { return BTreeSet::from([at]) };
        let after: BTreeSet<usize> = match first {
            Part::Word(word) => (words.get(at) == Some(word)).then_some(at + 1).into_iter().collect(),
            Part::Class(class) if class == "EXPRESSION" => {
                let end = (at..words.len()).find(|at| is_break(&words[*at])).unwrap_or(words.len());
                // What has `is` behind its first word is no expression.
                let line = words[at..end].join(" ");
                let is_relation = line.split_whitespace().nth(1) == Some("is");
                (end > at && !is_relation).then_some(end).into_iter().collect()
            }
            Part::Class(class) => words
                .get(at)
                .is_some_and(|word| fits(class, word, strict))
                .then_some(at + 1)
                .into_iter()
                .collect(),
            Part::Rule(rule) => self.ends(&self.rules[rule], words, at, strict),
            Part::Either(_, ways) => ways.iter().flat_map(|way| self.ends(way, words, at, strict)).collect(),
            Part::Maybe(_, inner, again) => {
                let (mut all, mut new) = (BTreeSet::from([at]), vec![at]);
                while let Some(from) = new.pop() {
                    for end in self.ends(inner, words, from, strict) {
                        if all.insert(end) && *again {
                            new.push(end);
                        }
                    }
                }
                all
            }
        };
        after.into_iter().flat_map(|at| self.ends(rest, words, at, strict)).collect()
    }

    fn derives(&self, words: &[String], strict: bool) -> bool {
        self.ends(&self.rules["file"], words, 0, strict).contains(&words.len())
    }

    fn keywords(&self) -> BTreeSet<String> {
        fn collect(parts: &[Part], out: &mut BTreeSet<String>) {
            for part in parts {
                match part {
                    Part::Word(word) => drop(out.insert(word.clone()).then_some(())),
                    Part::Either(_, ways) => ways.iter().for_each(|way| collect(way, out)),
                    Part::Maybe(_, inner, _) => collect(inner, out),
                    Part::Class(_) | Part::Rule(_) => {}
                }
            }
        }
        let mut out = BTreeSet::new();
        self.rules.values().for_each(|parts| collect(parts, &mut out));
        out
    }
}

const NEWLINE: &str = "\n";
const INDENTED: &str = "\n  ";

fn is_break(word: &str) -> bool {
    word == NEWLINE || word == INDENTED
}

fn sample(class: &str, random: &mut Random) -> String {
    let from: &[&str] = match class {
        "NEWLINE" => &[NEWLINE],
        "INDENTED" => &[INDENTED],
        "TEXT" => &["\"repo:read\"", "\"x\"", "\"a b\""],
        "NAME" => &["repo", "reader", "x1", "code-help", "a_b"],
        "ACTION" => &["read", "tools/call", "push"],
        "NUMBER" => &["1", "3", "32"],
        "OBJECT" => &["repo:web", "case:{task}", "org:a-{claim.x}.b"],
        "TARGET" => &["repo", "repo:{name}"],
        "AGENT" => &["code-helper", "*", "client:x"],
        "METHOD" => &["GET", "M-SEARCH", "*"],
        "PATH" => &["/", "/repos/{repo}/**", "/x/{y...}"],
        "TOOL" => &["get_salary", "mail.*"],
        // Each declares another name, so that none is there twice.
        "ARGUMENT" => return format!("n{}:", random.below(1 << 30)),
        "TYPE" => &["string", "int", "bool", "timestamp", "list<string>", "list<int>"],
        "SOURCE" => &["query.x", "body.a.b", "arguments.n"],
        "EXPRESSION" => &["args.x == 1", "kind in [\"self\", \"joint\"]", "mode != 'offline'"],
        other => panic!("nobody writes {other}"),
    };
    (*random.pick(from)).into()
}

/// Whether a word can stand for a class. What is looked into later (paths, agents, tools, sources) is any word here.
fn fits(class: &str, word: &str, strict: bool) -> bool {
    let name = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    if is_break(word) {
        return (class == "NEWLINE") == (word == NEWLINE) && matches!(class, "NEWLINE" | "INDENTED");
    }
    let plain = word != "," && !word.starts_with('"');
    // A keyword in the place of a name is read as the keyword.
    if strict && KEYWORDS.with(|known| known.contains(word)) {
        return false;
    }
    match class {
        "TEXT" => word.starts_with('"'),
        "NAME" => name(word),
        "ACTION" => word.split('/').all(name),
        "NUMBER" => word.parse().is_ok_and(|n: u32| (1..=32).contains(&n)),
        "OBJECT" => plain && word.split_once(':').is_some_and(|(kind, id)| name(kind) && !id.is_empty()),
        "METHOD" => word == "*" || plain && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'-'),
        "ARGUMENT" => word.strip_suffix(':').is_some_and(|word| name(word) && !word.contains('-')),
        "TYPE" => {
            let one = |word: &str| ["string", "int", "bool", "timestamp"].contains(&word);
            one(word) || word.strip_prefix("list<").and_then(|word| word.strip_suffix('>')).is_some_and(one)
        }
        "TARGET" if plain && word.contains(':') => fits("OBJECT", word, strict),
        "AGENT" | "PATH" | "SOURCE" | "TARGET" | "TOOL" => plain,
        _ => false,
    }
}

thread_local! {
    static KEYWORDS: BTreeSet<String> = Grammar::read().keywords();
}

fn text(words: &[String]) -> String {
    let mut out = String::new();
    for word in words {
        if !out.is_empty() && !out.ends_with([' ', '\n']) && !is_break(word) {
            out.push(' ');
        }
        out += word;
    }
    out + "\n"
}

#[test]
fn the_grammar_of_the_page_is_what_the_parser_reads() {
    let grammar = Grammar::read();
    let mut random = Random::new(2026);
    let mut taken = BTreeSet::new();
    let (mut read, mut refused) = (0, 0);
    for _ in 0..6_000 {
        let mut words = Vec::new();
        grammar.write(&grammar.rules["file"], &mut random, &mut taken, &mut words);
        assert!(grammar.derives(&words, false));
        let written = text(&words);
        let once = |start: &str| written.matches(&format!("\n{start} ")).count() < 2;
        if once("model") && once("chain") && once("each") {
            parse("rules", &written).unwrap_or_else(|e| panic!("the grammar derives it: {e}\n{written}"));
            read += 1;
        }
        // One word less, twice, or another one in its place.
        for _ in 0..4 {
            let mut other = words.clone();
            let at = 2 + random.below(other.len() - 1);
            if at >= other.len() {
                continue;
            }
            match random.below(3) {
                0 => drop(other.remove(at)),
                1 => other.insert(at, words[random.below(words.len())].clone()),
                _ => other[at] = words[random.below(words.len())].clone(),
            }
            // Empty lines mean nothing.
            let empty =
                |at: usize| is_break(&other[at]) && other.get(at + 1).is_none_or(|next| is_break(next));
            let other: Vec<_> =
                (0..other.len()).filter(|at| !empty(*at)).map(|at| other[at].clone()).collect();
            let written = text(&other);
            match parse("rules", &written) {
                Ok(_) => {
                    assert!(grammar.derives(&other, false), "the grammar does not derive it:\n{written}")
                }
                Err(error) => {
                    refused += 1;
                    let message = error.to_string();
                    let said_twice = message.contains("twice") || message.contains("already");
                    assert!(
                        said_twice || !grammar.derives(&other, true),
                        "it is derived: {message}\n{written}"
                    );
                }
            }
        }
    }
    let left: Vec<_> = (0..grammar.choices).filter(|choice| !taken.contains(choice)).collect();
    assert!(left.is_empty(), "choices never taken: {left:?}");
    println!(
        "{} choices of {} productions; {read} texts read, {refused} refused",
        grammar.choices,
        grammar.rules.len()
    );
    assert!(read > 3_000 && refused > 5_000, "{read} {refused}");
}
