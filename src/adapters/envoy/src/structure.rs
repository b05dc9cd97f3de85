//! Reads a configuration that was written as YAML: Envoy hands a `google.protobuf.Struct` over as the protobuf
//! message that it is, not as the JSON that it means.
//!
//! A `StringValue` arrives as its text. Both become the same JSON document, which the core reads.

use std::borrow::Cow;

use actfor::json::{self, Limits, Writer};

/// How deep objects and arrays may nest; the core reads no deeper.
const DEPTH_MAX: usize = 64;

/// The configuration as JSON. What is neither JSON nor a `Struct` comes back as it is, for the core to refuse.
pub fn to_json(document: &[u8]) -> Cow<'_, [u8]> {
    // A Struct holds control characters between its members, so that it is never JSON at the same time.
    if json::parse(document, &Limits::CONFIG).is_ok() {
        return Cow::Borrowed(document);
    }
    let mut w = Writer::default();
    match object(document, &mut w, 0) {
        Some(()) => Cow::Owned(w.finish().into_bytes()),
        None => Cow::Borrowed(document),
    }
}

/// `message Struct { map<string, Value> fields = 1; }`
fn object(message: &[u8], w: &mut Writer, depth: usize) -> Option<()> {
    let mut complete = depth < DEPTH_MAX;
    w.object(|w| {
        complete &= Fields(message).all(|field| field.and_then(|field| member(field, w, depth)).is_some())
    });
    complete.then_some(())
}

/// One entry of the map: `string key = 1; Value value = 2;`
fn member((number, field): (u64, Wire<'_>), w: &mut Writer, depth: usize) -> Option<()> {
    let (1, Wire::Bytes(entry)) = (number, field) else { return None };
    let (mut key, mut value) = ("", None);
    for field in Fields(entry) {
        match field? {
            (1, Wire::Bytes(bytes)) => key = core::str::from_utf8(bytes).ok()?,
            (2, Wire::Bytes(bytes)) => value = Some(bytes),
            _ => return None,
        }
    }
    any(value?, w.key(key), depth)
}

/// `message Value`: exactly one of null, number, string, bool, Struct, list.
fn any(message: &[u8], w: &mut Writer, depth: usize) -> Option<()> {
    let mut fields = Fields(message);
    let field = fields.next()??;
    if fields.next().is_some() {
        return None;
    }
    match field {
        (1, Wire::Varint(_)) => w.null(),
        (2, Wire::Fixed64(bits)) => w.number(number(f64::from_bits(bits))?),
        (3, Wire::Bytes(text)) => w.string(core::str::from_utf8(text).ok()?),
        (4, Wire::Varint(value)) => w.bool(value != 0),
        (5, Wire::Bytes(message)) => object(message, w, depth.saturating_add(1))?,
        (6, Wire::Bytes(message)) => list(message, w, depth.saturating_add(1))?,
        _ => return None,
    }
    Some(())
}

/// `message ListValue { repeated Value values = 1; }`
fn list(message: &[u8], w: &mut Writer, depth: usize) -> Option<()> {
    let mut complete = depth < DEPTH_MAX;
    w.array(|w| {
        complete &= Fields(message).all(|field| match field {
            Some((1, Wire::Bytes(value))) => any(value, w, depth).is_some(),
            _ => false,
        });
    });
    complete.then_some(())
}

/// A whole number; no field of the configuration has a fraction, and one beyond 2^53 was rounded on its way here.
fn number(value: f64) -> Option<u64> {
    let whole = value as u64;
    (whole as f64 == value && whole <= 1 << 53).then_some(whole)
}

/// One value on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wire<'a> {
    Bytes(&'a [u8]),
    Fixed64(u64),
    Varint(u64),
}

/// The fields of a message; an item of `None` means that the message is broken there, and ends it.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Wire<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Wire<'a>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.bytes(8)?.try_into().ok()?)),
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.bytes(usize::try_from(length).ok()?)?)
            }
            _ => return None,
        };
        Some((tag >> 3, value))
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(document: &[u8]) -> String {
        String::from_utf8(to_json(document).into_owned()).unwrap()
    }

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
    }

    fn entry(key: &str, value: &[u8]) -> Vec<u8> {
        field(1, &[field(1, key.as_bytes()), field(2, value)].concat())
    }

    #[test]
    fn a_struct_becomes_the_json_that_it_means() {
        let number = |n: f64| [&[2 << 3 | 1], &n.to_le_bytes()[..]].concat();
        let list = field(6, &[field(1, &[4 << 3, 1]), field(1, &number(0.0))].concat());
        let document = [
            entry("s", &field(3, "a\n\"é".as_bytes())),
            entry("n", &number(300.0)),
            entry("null", &[1 << 3, 0]),
            entry("o", &field(5, &entry("f", &[4 << 3, 0]))),
            entry("l", &list),
            entry("e", &field(5, &[])),
        ]
        .concat();
        let expected = r#"{"s":"a\n\"é","n":300,"null":null,"o":{"f":false},"l":[true,0],"e":{}}"#;
        assert_eq!(text(&document), expected);
    }

    #[test]
    fn json_stays_as_it_is() {
        for json in ["{}", "\n{\n \"a\": 1.50 }", "[]"] {
            assert_eq!(text(json.as_bytes()), json);
        }
    }

    #[test]
    fn anything_else_stays_as_it_is() {
        let number = |n: f64| entry("n", &[&[2 << 3 | 1], &n.to_le_bytes()[..]].concat());
        let two = entry("n", &[4 << 3, 1, 4 << 3, 0]);
        let cut = entry("s", &field(3, b"text"));
        let cut = cut[..cut.len() - 1].to_vec();
        for document in [
            b"{".to_vec(),
            b"\x0a\x05abc".to_vec(),
            b"\xff".to_vec(),
            number(f64::NAN),
            number(-1.0),
            number(0.5),
            number(1e300),
            two,
            cut,
        ] {
            assert_eq!(to_json(&document).as_ref(), document);
        }
    }

    #[test]
    fn what_nests_too_deep_is_not_read() {
        let nested = |depth| {
            (0..depth).fold(vec![4 << 3, 1], |value, _| {
                let mut length = (value.len() as u64 | 0x80).to_le_bytes()[..1].to_vec();
                length.push((value.len() >> 7) as u8);
                let inner = [vec![1 << 3 | 2], length, value].concat();
                let mut length = vec![(inner.len() & 0x7f) as u8 | 0x80];
                length.push((inner.len() >> 7) as u8);
                [vec![6 << 3 | 2], length, inner].concat()
            })
        };
        let document = |depth| {
            let value = nested(depth);
            let value =
                [vec![2 << 3 | 2, (value.len() & 0x7f) as u8 | 0x80, (value.len() >> 7) as u8], value]
                    .concat();
            let entry = [field(1, b"k"), value].concat();
            [vec![1 << 3 | 2, (entry.len() & 0x7f) as u8 | 0x80, (entry.len() >> 7) as u8], entry].concat()
        };
        assert!(text(&document(40)).starts_with(r#"{"k":[[["#));
        assert_eq!(to_json(&document(80)).as_ref(), document(80));
    }
}
