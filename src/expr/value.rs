//! Values and their types; how JSON becomes them, and how a pack carries them.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::net::IpAddr;

use super::time::{Instant, parse_duration};
use crate::json;

/// The type of a value. `Any` is settled when the expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Any type: a claim, or a parameter of type `any`.
    Any,
    /// `true` or `false`
    Bool,
    /// 64 bits of double precision.
    Double,
    /// A span of time, in nanoseconds.
    Duration,
    /// A whole number of 64 bits.
    Int,
    /// An IPv4 or IPv6 address.
    IpAddress,
    /// A list.
    List(Item),
    /// A map with text keys.
    Map(Item),
    /// `null`
    Null,
    /// Text.
    String,
    /// A point in time.
    Timestamp,
    /// A whole number of 64 bits that is not negative.
    Uint,
}

/// The type of a list's items or a map's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of Type")]
pub enum Item {
    Any,
    Bool,
    Double,
    Duration,
    Int,
    IpAddress,
    String,
    Timestamp,
    Uint,
}

impl From<Item> for Type {
    fn from(item: Item) -> Self {
        match item {
            Item::Any => Self::Any,
            Item::Bool => Self::Bool,
            Item::Double => Self::Double,
            Item::Duration => Self::Duration,
            Item::Int => Self::Int,
            Item::IpAddress => Self::IpAddress,
            Item::String => Self::String,
            Item::Timestamp => Self::Timestamp,
            Item::Uint => Self::Uint,
        }
    }
}

impl Type {
    /// The name, as a condition's parameters write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Bool => "bool",
            Self::Double => "double",
            Self::Duration => "duration",
            Self::Int => "int",
            Self::IpAddress => "ipaddress",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Null => "null",
            Self::String => "string",
            Self::Timestamp => "timestamp",
            Self::Uint => "uint",
        }
    }

    /// As an item of a list; `None` for what nests.
    pub(crate) const fn item(self) -> Option<Item> {
        Some(match self {
            Self::Bool => Item::Bool,
            Self::Double => Item::Double,
            Self::Duration => Item::Duration,
            Self::Int => Item::Int,
            Self::IpAddress => Item::IpAddress,
            Self::String => Item::String,
            Self::Timestamp => Item::Timestamp,
            Self::Uint => Item::Uint,
            Self::Any => Item::Any,
            Self::List(_) | Self::Map(_) | Self::Null => return None,
        })
    }
}

/// A value: copied freely, text and lists borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names of Type")]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Double(f64),
    /// Nanoseconds.
    Duration(i64),
    Int(i64),
    IpAddress(IpAddr),
    /// A JSON array, whose items are of a type.
    List(&'a [json::Value<'a>], Item),
    /// A JSON object, whose values are of a type.
    Map(&'a json::Object<'a>, Item),
    /// A list as a pack carries it.
    Packed(Packed<'a>),
    String(&'a str),
    Timestamp(Instant),
    Uint(u64),
}

/// Items in a pack, one behind the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Packed<'a> {
    bytes: &'a [u8],
    count: u32,
    /// Whether each item has a name before it.
    named: bool,
}

impl<'a> Value<'a> {
    /// A JSON value as one of a type; `None` where it is not one. Numbers may be written as text, as OpenFGA
    /// allows; timestamps, durations and addresses always are.
    pub fn from_json(value: &'a json::Value<'a>, ty: Type) -> Option<Self> {
        Some(match (ty, value) {
            (Type::Any, json::Value::Null) | (Type::Null, json::Value::Null) => Self::Null,
            (Type::Any | Type::Bool, json::Value::Bool(value)) => Self::Bool(*value),
            (Type::Any | Type::String, json::Value::String(text)) => Self::String(text),
            (Type::Any, json::Value::Number(number)) => number_of(number.as_str())?,
            (Type::Any, json::Value::Array(items)) => Self::List(items, Item::Any),
            (Type::Any, json::Value::Object(object)) => Self::Map(object, Item::Any),
            (Type::Int, json::Value::Number(number)) => Self::Int(whole(number.as_str())?),
            (Type::Int, json::Value::String(text)) => Self::Int(whole(text)?),
            (Type::Uint, json::Value::Number(number)) => Self::Uint(unsigned(number.as_str())?),
            (Type::Uint, json::Value::String(text)) => Self::Uint(unsigned(text)?),
            (Type::Double, json::Value::Number(number)) => Self::Double(finite(number.as_str())?),
            (Type::Double, json::Value::String(text)) => Self::Double(finite(text)?),
            (Type::Timestamp, json::Value::String(text)) => Self::Timestamp(Instant::parse(text)?),
            (Type::Duration, json::Value::String(text)) => Self::Duration(parse_duration(text)?),
            (Type::IpAddress, json::Value::String(text)) => Self::IpAddress(text.parse().ok()?),
            (Type::List(item), json::Value::Array(items)) => Self::List(items, item),
            (Type::Map(item), json::Value::Object(object)) => Self::Map(object, item),
            _ => return None,
        })
    }

    /// The type of the value.
    pub fn ty(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Double(_) => Type::Double,
            Self::Duration(_) => Type::Duration,
            Self::Int(_) => Type::Int,
            Self::IpAddress(_) => Type::IpAddress,
            Self::List(_, item) => Type::List(*item),
            Self::Map(_, item) => Type::Map(*item),
            Self::Packed(packed) if packed.named => Type::Map(Item::Any),
            Self::Packed(_) => Type::List(Item::Any),
            Self::String(_) => Type::String,
            Self::Timestamp(_) => Type::Timestamp,
            Self::Uint(_) => Type::Uint,
        }
    }

    /// Whether it is of a declared type.
    pub(crate) fn is(&self, ty: Type) -> bool {
        match (self.ty(), ty) {
            (_, Type::Any) => true,
            (Type::List(_), Type::List(_)) | (Type::Map(_), Type::Map(_)) => true,
            (own, ty) => own == ty,
        }
    }

    /// Items of a list, values of a map, or characters of a text.
    pub(crate) fn size(&self) -> Option<usize> {
        match self {
            Self::String(text) => Some(text.chars().count()),
            Self::List(items, _) => Some(items.len()),
            Self::Map(object, _) => Some(object.len()),
            Self::Packed(packed) => usize::try_from(packed.count).ok(),
            _ => None,
        }
    }

    /// An item of a list; `None` where it has another type than declared, or is not there.
    pub(crate) fn at(&self, index: usize) -> Option<Self> {
        match self {
            Self::List(items, item) => Self::from_json(items.get(index)?, (*item).into()),
            Self::Packed(packed) if !packed.named => packed.items().nth(index).map(|item| item.1),
            _ => None,
        }
    }

    /// Hands the items of a list to `more` until it says that it has enough; `None` for an unreadable one.
    pub(crate) fn each(&self, more: &mut dyn FnMut(Option<Self>) -> bool) {
        match self {
            Self::List(items, item) => {
                for value in *items {
                    if !more(Self::from_json(value, (*item).into())) {
                        return;
                    }
                }
            }
            Self::Packed(packed) if !packed.named => {
                for (_, value) in packed.items() {
                    if !more(Some(value)) {
                        return;
                    }
                }
            }
            _ => {
                more(None);
            }
        }
    }

    /// A value of a map by its key: `Err` where it has another type than declared.
    pub(crate) fn member(&self, key: &str) -> Result<Option<Self>, ()> {
        match self {
            Self::Map(object, item) => match object.get(key) {
                Some(value) => Self::from_json(value, (*item).into()).map(Some).ok_or(()),
                None => Ok(None),
            },
            Self::Packed(packed) if packed.named => {
                Ok(packed.items().find(|(name, _)| *name == key).map(|(_, value)| value))
            }
            _ => Err(()),
        }
    }

    /// The key number `index` of a map.
    pub(crate) fn key(&self, index: usize) -> Option<&'a str> {
        match self {
            Self::Map(object, _) => object.iter().nth(index).map(|(name, _)| name),
            Self::Packed(packed) if packed.named => packed.items().nth(index).map(|(name, _)| name),
            _ => None,
        }
    }

    /// What it costs to look at it: a step, and one more for every 64 bytes of a text.
    pub(crate) fn weight(&self) -> u32 {
        match self {
            Self::String(text) => u32::try_from(text.len() >> 6).unwrap_or(u32::MAX).saturating_add(1),
            _ => 1,
        }
    }

    /// What it costs to come to an item: those of a list that is written out stand one behind the other.
    fn reach(&self, index: usize) -> u32 {
        match self {
            Self::Packed(_) => u32::try_from(index >> 3).unwrap_or(u32::MAX),
            _ => 0,
        }
    }

    /// Equality as CEL has it: numbers by value whatever their type, lists and maps by what is in them.
    /// `None` where it cannot be told, or it would take more than `fuel`.
    pub(crate) fn equals(&self, other: &Self, depth: u32, fuel: &mut u32) -> Option<bool> {
        let deeper = depth.checked_sub(1)?;
        *fuel = fuel.checked_sub(self.weight())?;
        match (self.ty(), other.ty()) {
            (Type::List(_), Type::List(_)) => {
                let size = self.size()?;
                if Some(size) != other.size() {
                    return Some(false);
                }
                for index in 0..size {
                    *fuel = fuel.checked_sub(self.reach(index).max(other.reach(index)))?;
                    if !self.at(index)?.equals(&other.at(index)?, deeper, fuel)? {
                        return Some(false);
                    }
                }
                Some(true)
            }
            (Type::Map(_), Type::Map(_)) => {
                let size = self.size()?;
                if Some(size) != other.size() {
                    return Some(false);
                }
                for index in 0..size {
                    // Names are looked up one after the other, in both.
                    *fuel = fuel.checked_sub(u32::try_from(size).ok()?)?;
                    let key = self.key(index)?;
                    let own = self.member(key).ok()??;
                    match other.member(key).ok()? {
                        Some(value) if own.equals(&value, deeper, fuel)? => {}
                        _ => return Some(false),
                    }
                }
                Some(true)
            }
            _ => Some(match (self, other) {
                (Self::Null, Self::Null) => true,
                (Self::Bool(a), Self::Bool(b)) => a == b,
                (Self::String(a), Self::String(b)) => a == b,
                (Self::IpAddress(a), Self::IpAddress(b)) => a == b,
                _ => self.compare(other) == Some(Ordering::Equal),
            }),
        }
    }

    /// Order as CEL has it; `None` where there is none.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::String(a), Self::String(b)) => Some(a.cmp(b)),
            (Self::Timestamp(a), Self::Timestamp(b)) => Some(a.cmp(b)),
            (Self::Duration(a), Self::Duration(b)) => Some(a.cmp(b)),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(b),
            (Self::Double(a), _) => compare_double(*a, other.wide()?),
            (_, Self::Double(b)) => compare_double(*b, self.wide()?).map(Ordering::reverse),
            _ => Some(self.wide()?.cmp(&other.wide()?)),
        }
    }

    fn wide(&self) -> Option<i128> {
        match self {
            Self::Int(number) => Some(i128::from(*number)),
            Self::Uint(number) => Some(i128::from(*number)),
            _ => None,
        }
    }
}

/// Exact, where a whole number has no double of its own.
fn compare_double(double: f64, whole: i128) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    // Beyond 64 bits either way, the double decides.
    if double >= 3.0e19 {
        return Some(Ordering::Greater);
    }
    if double <= -3.0e19 {
        return Some(Ordering::Less);
    }
    let truncated = double as i128;
    Some(
        truncated
            .cmp(&whole)
            .then_with(|| double.partial_cmp(&(truncated as f64)).unwrap_or(Ordering::Equal)),
    )
}

/// A JSON number: whole where it is written so and fits.
fn number_of(text: &str) -> Option<Value<'static>> {
    if let Ok(number) = text.parse() {
        return Some(Value::Int(number));
    }
    finite(text).map(Value::Double)
}

fn finite(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse().ok().filter(|number: &f64| plain && number.is_finite())
}

/// A whole number; `5.0` is one, as JSON does not tell.
fn whole(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let number = finite(text)?;
    // A double beyond 2^53 may not be the number that was written.
    (number as i64 as f64 == number && (-9_007_199_254_740_992.0..=9_007_199_254_740_992.0).contains(&number))
        .then_some(number as i64)
}

fn unsigned(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| whole(text).and_then(|number| u64::try_from(number).ok()))
}

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const UINT: u8 = 4;
const DOUBLE: u8 = 5;
const STRING: u8 = 6;
const TIMESTAMP: u8 = 7;
const DURATION: u8 = 8;
const IPV4: u8 = 9;
const IPV6: u8 = 10;
const LIST: u8 = 11;
const MAP: u8 = 12;

fn length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

/// Writes a value as a pack carries it; `None` where an item has another type than declared.
pub(crate) fn pack(out: &mut Vec<u8>, value: &Value<'_>) -> Option<()> {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(value) => out.push(if *value { TRUE } else { FALSE }),
        Value::Int(number) => {
            out.push(INT);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Uint(number) => {
            out.push(UINT);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Double(number) => {
            out.push(DOUBLE);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::String(text) => {
            out.push(STRING);
            length(out, text.len());
            out.extend_from_slice(text.as_bytes());
        }
        Value::Timestamp(instant) => {
            out.push(TIMESTAMP);
            out.extend_from_slice(&instant.seconds.to_le_bytes());
            out.extend_from_slice(&instant.nanos.to_le_bytes());
        }
        Value::Duration(nanos) => {
            out.push(DURATION);
            out.extend_from_slice(&nanos.to_le_bytes());
        }
        Value::IpAddress(IpAddr::V4(address)) => {
            out.push(IPV4);
            out.extend_from_slice(&address.octets());
        }
        Value::IpAddress(IpAddr::V6(address)) => {
            out.push(IPV6);
            out.extend_from_slice(&address.octets());
        }
        Value::List(..) | Value::Map(..) | Value::Packed(_) => {
            let count = value.size()?;
            let named = matches!(value.ty(), Type::Map(_));
            let mut items = Vec::new();
            for index in 0..count {
                if named {
                    let key = value.key(index)?;
                    length(&mut items, key.len());
                    items.extend_from_slice(key.as_bytes());
                    pack(&mut items, &value.member(key).ok()??)?;
                } else {
                    pack(&mut items, &value.at(index)?)?;
                }
            }
            out.push(if named { MAP } else { LIST });
            length(out, count);
            length(out, items.len());
            out.extend_from_slice(&items);
        }
    }
    Some(())
}

/// Writes a map as a pack carries it.
pub(crate) fn pack_members(out: &mut Vec<u8>, members: &[(&str, Value<'_>)]) -> Option<()> {
    let mut items = Vec::new();
    for (name, value) in members {
        length(&mut items, name.len());
        items.extend_from_slice(name.as_bytes());
        pack(&mut items, value)?;
    }
    out.push(MAP);
    length(out, members.len());
    length(out, items.len());
    out.extend_from_slice(&items);
    Some(())
}

/// Reads a value as a pack carries it; gives what follows it too.
pub(crate) fn unpack(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    Some(match *tag {
        NULL => (Value::Null, rest),
        FALSE => (Value::Bool(false), rest),
        TRUE => (Value::Bool(true), rest),
        INT => {
            let (number, rest) = rest.split_first_chunk()?;
            (Value::Int(i64::from_le_bytes(*number)), rest)
        }
        UINT => {
            let (number, rest) = rest.split_first_chunk()?;
            (Value::Uint(u64::from_le_bytes(*number)), rest)
        }
        DOUBLE => {
            let (number, rest) = rest.split_first_chunk()?;
            (Value::Double(f64::from_le_bytes(*number)), rest)
        }
        STRING => {
            let (text, rest) = text(rest)?;
            (Value::String(text), rest)
        }
        TIMESTAMP => {
            let (seconds, rest) = rest.split_first_chunk()?;
            let (nanos, rest) = rest.split_first_chunk()?;
            (Value::Timestamp(Instant::new(i64::from_le_bytes(*seconds), u32::from_le_bytes(*nanos))?), rest)
        }
        DURATION => {
            let (nanos, rest) = rest.split_first_chunk()?;
            (Value::Duration(i64::from_le_bytes(*nanos)), rest)
        }
        IPV4 => {
            let (octets, rest) = rest.split_first_chunk::<4>()?;
            (Value::IpAddress(IpAddr::from(*octets)), rest)
        }
        IPV6 => {
            let (octets, rest) = rest.split_first_chunk::<16>()?;
            (Value::IpAddress(IpAddr::from(*octets)), rest)
        }
        kind @ (LIST | MAP) => {
            let (count, rest) = rest.split_first_chunk()?;
            let (size, rest) = rest.split_first_chunk()?;
            let (items, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*size)).ok()?)?;
            (
                Value::Packed(Packed { bytes: items, count: u32::from_le_bytes(*count), named: kind == MAP }),
                rest,
            )
        }
        _ => return None,
    })
}

fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    Some((core::str::from_utf8(text).ok()?, rest))
}

impl<'a> Packed<'a> {
    fn items(self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        let mut rest = self.bytes;
        (0..self.count).map_while(move |_| {
            let mut name = "";
            if self.named {
                (name, rest) = text(rest)?;
            }
            let value;
            (value, rest) = unpack(rest)?;
            Some((name, value))
        })
    }
}
