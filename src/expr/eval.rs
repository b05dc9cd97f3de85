//! Evaluates code. `None` stands for unknown throughout; nothing is allocated.

use core::cmp::Ordering;

use super::compile::{
    self, ADD, ALL, AND, AT_LEAST, AT_MOST, CALL, CONSTANT, DEPTH, DIVIDE, EQUAL, EXISTS, EXISTS_ONE, HAS,
    HAS_VARIABLE, IN, IN_LIST, INDEX, ITEMS, LESS, LOCAL, LOCALS, MORE, MULTIPLY, NEGATE, NOT, OR, REMAINDER,
    SELECT, SUBTRACT, TERNARY, UNEQUAL, VARIABLE, word_type,
};
use super::net::Range;
use super::time::{Instant, parse_duration};
use super::value::{Value, unpack};
use super::{Fact, Variables};
use crate::truth::Truth;

/// Code that has been checked: where its parts are. Evaluating reads the same bytes again.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    nodes: u32,
    list_at: usize,
    list: u32,
    data_at: usize,
}

/// How deep lists within lists are compared.
const NESTING: u32 = 8;
/// How many items `in` goes through; a longer list is unknown.
const SEARCHED: usize = 4_096;
/// How many operations an evaluation takes at most, whatever the lists hold.
const FUEL: u32 = 1_000_000;

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

impl Program {
    /// Checks that every reference in the code leads to something behind it, so that the code is a tree.
    pub fn load(bytes: &[u8]) -> Option<Self> {
        let nodes = word(bytes, 0)?;
        let list_at = (nodes as usize).checked_mul(16)?.checked_add(4)?;
        let list = word(bytes, list_at)?;
        let data_at = list_at.checked_add(4)?.checked_add((list as usize).checked_mul(4)?)?;
        bytes.get(data_at..)?;
        let program = Self { nodes, list_at: list_at.checked_add(4)?, list, data_at };
        let mut used = 0_u32;
        program.verify(bytes, 0, 0, &mut used)?;
        (used == nodes).then_some(program)
    }

    fn node(&self, bytes: &[u8], node: u32) -> Option<[u32; 4]> {
        if node >= self.nodes {
            return None;
        }
        let at = (node as usize).checked_mul(16)?.checked_add(4)?;
        let words = bytes.get(at..at.checked_add(16)?)?;
        let word = |index: usize| word(words, index);
        Some([word(0)?, word(4)?, word(8)?, word(12)?])
    }

    fn listed(&self, bytes: &[u8], index: u32) -> Option<u32> {
        if index >= self.list {
            None
        } else {
            word(bytes, self.list_at.checked_add((index as usize).checked_mul(4)?)?)
        }
    }

    fn constant<'b>(&self, bytes: &'b [u8], at: u32) -> Option<Value<'b>> {
        unpack(bytes.get(self.data_at.checked_add(at as usize)?..)?).map(|(value, _)| value)
    }

    /// Nodes are numbered in the order in which they are met, so each belongs to one parent.
    fn verify(&self, bytes: &[u8], node: u32, depth: u32, used: &mut u32) -> Option<()> {
        if depth > DEPTH || node != *used {
            return None;
        }
        *used = used.checked_add(1)?;
        let [op, a, b, c] = self.node(bytes, node)?;
        let deeper = depth.checked_add(1)?;
        match op {
            CONSTANT => self.constant(bytes, a).map(|_| ()),
            VARIABLE => word_type(b).map(|_| ()),
            LOCAL => ((a as usize) < LOCALS).then_some(()),
            HAS_VARIABLE => Some(()),
            SELECT | HAS => {
                matches!(self.constant(bytes, b)?, Value::String(_)).then_some(())?;
                self.verify(bytes, a, deeper, used)
            }
            NOT | NEGATE => self.verify(bytes, a, deeper, used),
            INDEX | EQUAL | UNEQUAL | LESS | AT_MOST | MORE | AT_LEAST | IN | ADD | SUBTRACT | MULTIPLY
            | DIVIDE | REMAINDER => {
                self.verify(bytes, a, deeper, used)?;
                self.verify(bytes, b, deeper, used)
            }
            TERNARY => {
                self.verify(bytes, a, deeper, used)?;
                self.verify(bytes, b, deeper, used)?;
                self.verify(bytes, c, deeper, used)
            }
            EXISTS | ALL | EXISTS_ONE => {
                ((c as usize) < LOCALS).then_some(())?;
                self.verify(bytes, a, deeper, used)?;
                self.verify(bytes, b, deeper, used)
            }
            OR | AND => self.verify_list(bytes, a, b, deeper, used),
            CALL => {
                // A call reads its receiver whatever the count says: without one it could come back to itself.
                matches!(c, 1 | 2).then_some(())?;
                self.verify_list(bytes, b, c, deeper, used)
            }
            IN_LIST => {
                self.verify(bytes, a, deeper, used)?;
                self.verify_list(bytes, b, c, deeper, used)
            }
            _ => None,
        }
    }

    fn verify_list(&self, bytes: &[u8], first: u32, count: u32, depth: u32, used: &mut u32) -> Option<()> {
        (first.checked_add(count)? <= self.list).then_some(())?;
        (0..count).try_for_each(|index| {
            self.verify(bytes, self.listed(bytes, first.checked_add(index)?)?, depth, used)
        })
    }

    /// Evaluates the code that this program was loaded from.
    pub fn eval<'v>(&self, bytes: &'v [u8], variables: &'v dyn Variables) -> Truth {
        let mut machine = Machine { program: self, bytes, variables, locals: [None; LOCALS], fuel: FUEL };
        match machine.node(0) {
            Some(Value::Bool(value)) => value.into(),
            _ => Truth::Unknown,
        }
    }
}

struct Machine<'v, 'p> {
    program: &'p Program,
    bytes: &'v [u8],
    variables: &'v dyn Variables,
    locals: [Option<Value<'v>>; LOCALS],
    fuel: u32,
}

impl<'v> Machine<'v, '_> {
    fn bool(&mut self, node: u32) -> Truth {
        match self.node(node) {
            Some(Value::Bool(value)) => value.into(),
            _ => Truth::Unknown,
        }
    }

    /// Unknown is what takes too long.
    fn charge(&mut self, steps: u32) -> Option<()> {
        self.fuel = self.fuel.checked_sub(steps)?;
        Some(())
    }

    fn node(&mut self, node: u32) -> Option<Value<'v>> {
        self.charge(1)?;
        let [op, a, b, c] = self.program.node(self.bytes, node)?;
        match op {
            CONSTANT => self.program.constant(self.bytes, a),
            VARIABLE => match self.variables.get(a) {
                Fact::Known(value) if value.is(word_type(b)?) => Some(value),
                Fact::Known(_) | Fact::Absent | Fact::Unknown => None,
            },
            HAS_VARIABLE => match self.variables.get(a) {
                Fact::Known(_) => Some(Value::Bool(true)),
                Fact::Absent => Some(Value::Bool(false)),
                Fact::Unknown => None,
            },
            LOCAL => *self.locals.get(a as usize)?,
            SELECT | HAS => {
                let value = self.node(a)?;
                let Value::String(name) = self.program.constant(self.bytes, b)? else { return None };
                if op == SELECT {
                    return value.member(name).ok()?;
                }
                // A member of the wrong type is there, but unreadable.
                value.member(name).ok().map(|member| Value::Bool(member.is_some()))
            }
            INDEX => {
                let value = self.node(a)?;
                match self.node(b)? {
                    Value::Int(index) => value.at(usize::try_from(index).ok()?),
                    Value::String(key) => value.member(key).ok()?,
                    _ => None,
                }
            }
            OR | AND => self.logic(op, a, b),
            NOT => truth(!self.bool(a)),
            NEGATE => match self.node(a)? {
                Value::Int(number) => number.checked_neg().map(Value::Int),
                Value::Double(number) => Some(Value::Double(-number)),
                _ => None,
            },
            EQUAL | UNEQUAL => {
                let (left, right) = (self.node(a)?, self.node(b)?);
                left.equals(&right, NESTING, &mut self.fuel).map(|same| Value::Bool(same == (op == EQUAL)))
            }
            LESS | AT_MOST | MORE | AT_LEAST => {
                let (left, right) = (self.node(a)?, self.node(b)?);
                self.charge(left.weight())?;
                let order = left.compare(&right)?;
                Some(Value::Bool(match op {
                    LESS => order == Ordering::Less,
                    AT_MOST => order != Ordering::Greater,
                    MORE => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                }))
            }
            IN => {
                let (item, list) = (self.node(a)?, self.node(b)?);
                self.contains(&list, &item)
            }
            IN_LIST => {
                let item = self.node(a)?;
                let mut result = Truth::False;
                for index in 0..c {
                    let child = self.program.listed(self.bytes, b.checked_add(index)?)?;
                    let other = self.node(child);
                    let same = other.and_then(|other| item.equals(&other, NESTING, &mut self.fuel));
                    result = result.or(same.map_or(Truth::Unknown, Truth::from));
                    if result == Truth::True {
                        break;
                    }
                }
                truth(result)
            }
            ADD | SUBTRACT | MULTIPLY | DIVIDE | REMAINDER => {
                let (left, right) = (self.node(a)?, self.node(b)?);
                arithmetic(op, left, right)
            }
            TERNARY => match self.bool(a) {
                Truth::True => self.node(b),
                Truth::False => self.node(c),
                Truth::Unknown => None,
            },
            CALL => self.call(a, b, c),
            EXISTS | ALL | EXISTS_ONE => self.comprehension(op, a, b, c as usize),
            _ => None,
        }
    }

    /// Unknown only if no operand settles it.
    fn logic(&mut self, op: u32, first: u32, count: u32) -> Option<Value<'v>> {
        let settled = if op == OR { Truth::True } else { Truth::False };
        let mut result = !settled;
        for index in 0..count {
            let child = self.program.listed(self.bytes, first.checked_add(index)?)?;
            let operand = self.bool(child);
            result = if op == OR { result.or(operand) } else { result.and(operand) };
            if result == settled {
                break;
            }
        }
        truth(result)
    }

    fn contains(&mut self, list: &Value<'v>, item: &Value<'v>) -> Option<Value<'v>> {
        let size = list.size()?;
        if let super::Type::Map(_) = list.ty() {
            // Names are texts. A member of the wrong type is a member all the same.
            let Value::String(key) = item else { return Some(Value::Bool(false)) };
            return Some(Value::Bool(list.member(key).map_or(true, |member| member.is_some())));
        }
        if size > SEARCHED || matches!(list, Value::String(_)) {
            return None;
        }
        let mut result = Truth::False;
        let fuel = &mut self.fuel;
        list.each(&mut |other| {
            let same = other.and_then(|other| item.equals(&other, NESTING, fuel));
            result = result.or(same.map_or(Truth::Unknown, Truth::from));
            result != Truth::True
        });
        truth(result)
    }

    fn comprehension(&mut self, op: u32, range: u32, body: u32, slot: usize) -> Option<Value<'v>> {
        let range = self.node(range)?;
        let size =
            range.size().filter(|size| *size <= ITEMS as usize && !matches!(range, Value::String(_)))?;
        let keys = matches!(range.ty(), super::Type::Map(_));
        let mut result = if op == ALL { Truth::True } else { Truth::False };
        let (mut held, mut unknown) = (0_u32, false);
        for index in 0..size {
            let item = if keys { range.key(index).map(Value::String) } else { range.at(index) };
            *self.locals.get_mut(slot)? = item;
            let each = self.bool(body);
            held = held.saturating_add(u32::from(each == Truth::True));
            unknown |= each == Truth::Unknown;
            result = if op == ALL { result.and(each) } else { result.or(each) };
            let settled = match op {
                ALL => result == Truth::False,
                EXISTS => result == Truth::True,
                _ => held > 1,
            };
            if settled {
                break;
            }
        }
        if let Some(local) = self.locals.get_mut(slot) {
            *local = None;
        }
        match op {
            EXISTS_ONE if held > 1 => Some(Value::Bool(false)),
            EXISTS_ONE if unknown => None,
            EXISTS_ONE => Some(Value::Bool(held == 1)),
            _ => truth(result),
        }
    }

    fn call(&mut self, function: u32, first: u32, count: u32) -> Option<Value<'v>> {
        let receiver = self.program.listed(self.bytes, first)?;
        let receiver = self.node(receiver)?;
        let argument = match count {
            1 => None,
            2 => {
                let argument = self.program.listed(self.bytes, first.checked_add(1)?)?;
                Some(self.node(argument)?)
            }
            _ => return None,
        };
        self.charge(receiver.weight())?;
        self.charge(argument.map_or(0, |argument| argument.weight()))?;
        match (function, receiver, argument) {
            (compile::STARTS_WITH, Value::String(text), Some(Value::String(part))) => {
                Some(Value::Bool(text.starts_with(part)))
            }
            (compile::ENDS_WITH, Value::String(text), Some(Value::String(part))) => {
                Some(Value::Bool(text.ends_with(part)))
            }
            (compile::CONTAINS, Value::String(text), Some(Value::String(part))) => {
                Some(Value::Bool(text.contains(part)))
            }
            (compile::IN_CIDR, Value::IpAddress(address), Some(Value::String(range))) => {
                Range::parse(range).map(|range| Value::Bool(range.contains(address)))
            }
            (compile::SIZE, value, None) => {
                value.size().and_then(|size| i64::try_from(size).ok()).map(Value::Int)
            }
            (_, value, None) => convert(function, value),
            _ => None,
        }
    }
}

fn truth(truth: Truth) -> Option<Value<'static>> {
    match truth {
        Truth::True => Some(Value::Bool(true)),
        Truth::False => Some(Value::Bool(false)),
        Truth::Unknown => None,
    }
}

/// Conversions, and fields of timestamps and durations.
fn convert<'v>(function: u32, value: Value<'v>) -> Option<Value<'v>> {
    match (function, value) {
        (compile::TO_TIMESTAMP, Value::Timestamp(_))
        | (compile::TO_DURATION, Value::Duration(_))
        | (compile::TO_INT, Value::Int(_))
        | (compile::TO_UINT, Value::Uint(_))
        | (compile::TO_DOUBLE, Value::Double(_)) => Some(value),
        (compile::TO_TIMESTAMP, Value::String(text)) => Instant::parse(text).map(Value::Timestamp),
        // Seconds since 1970-01-01 UTC, as in a token.
        (compile::TO_TIMESTAMP, Value::Int(seconds)) => Instant::new(seconds, 0).map(Value::Timestamp),
        (compile::TO_DURATION, Value::String(text)) => parse_duration(text).map(Value::Duration),
        (compile::TO_IP_ADDRESS, Value::String(text)) => text.parse().ok().map(Value::IpAddress),
        (compile::TO_INT, Value::Uint(number)) => i64::try_from(number).ok().map(Value::Int),
        // Beyond 2^63 it is an error; a fraction is cut off.
        (compile::TO_INT, Value::Double(number)) => (number > -9.223_372_036_854_776e18
            && number < 9.223_372_036_854_776e18)
            .then_some(Value::Int(number as i64)),
        (compile::TO_INT, Value::String(text)) => text.parse().ok().map(Value::Int),
        (compile::TO_INT, Value::Timestamp(instant)) => Some(Value::Int(instant.seconds)),
        (compile::TO_UINT, Value::Int(number)) => u64::try_from(number).ok().map(Value::Uint),
        (compile::TO_UINT, Value::Double(number)) => {
            (0.0..1.844_674_407_370_955_2e19).contains(&number).then_some(Value::Uint(number as u64))
        }
        (compile::TO_UINT, Value::String(text)) => {
            text.parse().ok().filter(|_| !text.starts_with('+')).map(Value::Uint)
        }
        (compile::TO_DOUBLE, Value::Int(number)) => Some(Value::Double(number as f64)),
        (compile::TO_DOUBLE, Value::Uint(number)) => Some(Value::Double(number as f64)),
        (compile::TO_DOUBLE, Value::String(text)) => {
            text.parse().ok().filter(|n: &f64| n.is_finite()).map(Value::Double)
        }
        (_, Value::Timestamp(instant)) => field(function, instant).map(Value::Int),
        (compile::HOURS, Value::Duration(nanos)) => nanos.checked_div(3_600_000_000_000).map(Value::Int),
        (compile::MINUTES, Value::Duration(nanos)) => nanos.checked_div(60_000_000_000).map(Value::Int),
        (compile::SECONDS, Value::Duration(nanos)) => nanos.checked_div(1_000_000_000).map(Value::Int),
        _ => None,
    }
}

fn field(function: u32, instant: Instant) -> Option<i64> {
    let civil = instant.civil()?;
    let time = instant.of_day();
    match function {
        compile::FULL_YEAR => Some(civil.year),
        compile::MONTH => civil.month.checked_sub(1),
        compile::DATE => Some(civil.day),
        compile::DAY_OF_MONTH => civil.day.checked_sub(1),
        compile::DAY_OF_WEEK => Some(instant.weekday()),
        compile::DAY_OF_YEAR => instant.day_of_year(),
        compile::HOURS => time.checked_div(3_600),
        compile::MINUTES => time.checked_div(60)?.checked_rem(60),
        compile::SECONDS => time.checked_rem(60),
        compile::MILLISECONDS => Some(i64::from(instant.nanos / 1_000_000)),
        _ => None,
    }
}

/// What overflows, or divides by zero, is unknown.
fn arithmetic<'v>(op: u32, left: Value<'v>, right: Value<'v>) -> Option<Value<'v>> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => match op {
            ADD => a.checked_add(b),
            SUBTRACT => a.checked_sub(b),
            MULTIPLY => a.checked_mul(b),
            DIVIDE => a.checked_div(b),
            _ => a.checked_rem(b),
        }
        .map(Value::Int),
        (Value::Uint(a), Value::Uint(b)) => match op {
            ADD => a.checked_add(b),
            SUBTRACT => a.checked_sub(b),
            MULTIPLY => a.checked_mul(b),
            DIVIDE => a.checked_div(b),
            _ => a.checked_rem(b),
        }
        .map(Value::Uint),
        (Value::Double(a), Value::Double(b)) => match op {
            ADD => Some(a + b),
            SUBTRACT => Some(a - b),
            MULTIPLY => Some(a * b),
            DIVIDE => Some(a / b),
            _ => None,
        }
        .map(Value::Double),
        (Value::Timestamp(a), Value::Duration(b)) => match op {
            ADD => a.plus(b),
            SUBTRACT => a.plus(b.checked_neg()?),
            _ => None,
        }
        .map(Value::Timestamp),
        (Value::Duration(a), Value::Timestamp(b)) if op == ADD => b.plus(a).map(Value::Timestamp),
        (Value::Timestamp(a), Value::Timestamp(b)) if op == SUBTRACT => a.since(b).map(Value::Duration),
        (Value::Duration(a), Value::Duration(b)) => match op {
            ADD => a.checked_add(b),
            SUBTRACT => a.checked_sub(b),
            _ => None,
        }
        .map(Value::Duration),
        _ => None,
    }
}
