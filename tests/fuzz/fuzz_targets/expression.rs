//! Expressions: no panic in reading, compiling and evaluating; code of any bytes is refused or harmless.
#![no_main]

use actfor::Code;
use actfor::expr::{Fact, Item, Program, Source, Type, Value, Variables, compile};
use libfuzzer_sys::fuzz_target;

const VARIABLES: &[(&str, Type)] = &[
    ("n", Type::Int),
    ("s", Type::String),
    ("t", Type::Timestamp),
    ("l", Type::List(Item::String)),
    ("x", Type::Any),
];

struct Some2;

impl Variables for Some2 {
    fn get(&self, index: u32) -> Fact<'_> {
        match index {
            0 => Fact::Known(Value::Int(3)),
            1 => Fact::Known(Value::String("abc")),
            4 => Fact::Absent,
            _ => Fact::Unknown,
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(program) = Program::load(bytes) {
        program.eval(bytes, &Some2);
    }
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let source = Source { file: "x", text, line: 1, column: 1, code: Code::RulesInvalid };
    let Ok(code) = compile(&source, VARIABLES) else { return };
    let Some(program) = Program::load(&code) else { panic!("what was compiled does not load") };
    program.eval(&code, &Some2);
});
