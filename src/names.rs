//! How names from outside become names of the model: one encoding and one kind of template, for tokens,
//! routes, scopes and details alike.
//!
//! Every byte outside `[A-Za-z0-9._-]` is written `%XX` before it joins a template, so no value can leave its
//! place: not by `:` into another type, not by `#` into a userset, not by `*` into a wildcard. Distinct
//! inputs give distinct objects: two placeholders need a character between them that no encoded value holds.

use alloc::{format, string::String, vec::Vec};

/// Whether a byte stands for itself in an encoded name.
pub(crate) const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// Appends `value`, each byte outside `[A-Za-z0-9._-]` as `%XX` (upper case).
pub fn encode_onto(out: &mut String, value: &str) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |n: u8| HEX.get(usize::from(n)).copied().unwrap_or('0');
    for byte in value.bytes() {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(digit(byte >> 4));
            out.push(digit(byte & 0xf));
        }
    }
}

/// A part of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text that stands for itself.
    Literal(String),
    /// A placeholder, by its path: `{sub}`, `{claim.org_id}`.
    Hole(String),
}

/// The name of an object with placeholders in it: `case:{task}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    /// The parts, in order; no two holes are neighbours.
    pub parts: Vec<Part>,
}

impl Template {
    /// Reads a template; the error says what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('{') {
                let (name, after) = inner.split_once('}').ok_or("a `{` without its `}`")?;
                let plain = |b: u8| is_plain(b) && b != b'-';
                if name.is_empty() || !name.bytes().all(plain) {
                    return Err(format!("`{{{name}}}` is not a placeholder: write a name such as `{{id}}`"));
                }
                parts.push(Part::Hole(name.into()));
                rest = after;
            } else {
                let end = rest.find('{').unwrap_or(rest.len());
                let (literal, after) = rest.split_at(end);
                if literal.contains('}') {
                    return Err("a `}` without its `{`".into());
                }
                parts.push(Part::Literal(literal.into()));
                rest = after;
            }
        }
        for three in parts.windows(2) {
            if let [Part::Hole(a), Part::Hole(b)] = three {
                return Err(format!("`{{{a}}}{{{b}}}` cannot be told apart: write a `/` between them"));
            }
        }
        Ok(Self { parts })
    }

    /// Reads the name of an object, `TYPE:ID`, with placeholders in the id only.
    ///
    /// Between two placeholders there must be a character that the encoding escapes, or `{a}-{b}` would
    /// give the same object for `x-y`, `z` and for `x`, `y-z`.
    pub fn parse_object(text: &str) -> Result<Self, String> {
        let template = Self::parse(text)?;
        let Some(Part::Literal(first)) = template.parts.first() else {
            return Err(format!("`{text}` has no type: write `TYPE:{text}`"));
        };
        let Some((kind, id)) = first.split_once(':') else {
            return Err(format!("`{text}` has no type: write `TYPE:ID`"));
        };
        if kind.is_empty() {
            return Err(format!("`{text}` has no type: write `TYPE{text}`"));
        }
        if !kind.bytes().all(is_plain) {
            return Err(format!("`{kind}` is not the name of a type"));
        }
        if id.is_empty() && template.parts.len() == 1 {
            return Err(format!("`{text}` has no id: write `{text}ID` or `{text}{{path}}`"));
        }
        let literals = template.parts.iter().filter_map(|part| match part {
            Part::Literal(text) => Some(text.as_str()),
            Part::Hole(_) => None,
        });
        for (index, literal) in literals.enumerate() {
            let literal = if index == 0 { id } else { literal };
            if literal.bytes().any(|b| matches!(b, b'#' | b'*' | b'%' | b'@') || b.is_ascii_whitespace()) {
                return Err(format!("`{literal}` has a character that cannot stand in an object's name"));
            }
            let inner = index > 0 && index.saturating_mul(2) < template.parts.len().saturating_sub(1);
            if inner && literal.bytes().all(is_plain) {
                return Err(format!(
                    "`{literal}` does not keep two placeholders apart: write a `/` between them"
                ));
            }
        }
        Ok(template)
    }

    /// The type, for a template that [`Self::parse_object`] made.
    pub fn kind(&self) -> &str {
        match self.parts.first() {
            Some(Part::Literal(first)) => first.split_once(':').map_or("", |(kind, _)| kind),
            _ => "",
        }
    }

    /// The paths of the placeholders.
    pub fn holes(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Hole(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// Appends the name; `false` (and nothing usable in `out`) where a value is not there or empty.
    pub fn render<'v>(&self, out: &mut String, value: impl Fn(&str) -> Option<&'v str>) -> bool {
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Hole(name) => match value(name) {
                    Some(text) if !text.is_empty() => encode_onto(out, text),
                    _ => return false,
                },
            }
        }
        true
    }

    /// The template as it was written.
    pub fn source(&self) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Hole(name) => {
                    out.push('{');
                    out.push_str(name);
                    out.push('}');
                }
            }
        }
        out
    }

    /// Matches `text` against the parts, a hole standing for one or more characters up to the first
    /// occurrence of the literal behind it, and `*` at the very end for anything; hands each hole's text to
    /// `bind`. There is one way to read a text, so no search.
    pub fn matches<'t>(&self, text: &'t str, mut bind: impl FnMut(&str, &'t str)) -> bool {
        let mut rest = text;
        let mut parts = self.parts.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Literal(literal) => {
                    if parts.peek().is_none() {
                        return match literal.strip_suffix('*') {
                            Some(prefix) => rest.starts_with(prefix),
                            None => rest == literal,
                        };
                    }
                    match rest.strip_prefix(literal.as_str()) {
                        Some(after) => rest = after,
                        None => return false,
                    }
                }
                Part::Hole(name) => {
                    let stop = match parts.peek() {
                        Some(Part::Literal(next)) => {
                            let next = next.strip_suffix('*').filter(|n| !n.is_empty()).unwrap_or(next);
                            match rest.find(next) {
                                Some(at) => at,
                                None => return false,
                            }
                        }
                        _ => rest.len(),
                    };
                    if stop == 0 {
                        return false;
                    }
                    let (bound, after) = rest.split_at(stop);
                    bind(name, bound);
                    rest = after;
                }
            }
        }
        rest.is_empty()
    }

    /// Whether two templates could ever give the same object. Says so where it cannot rule it out.
    pub fn may_meet(&self, other: &Self) -> bool {
        fn prefix(template: &Template) -> (&str, bool) {
            match template.parts.first() {
                Some(Part::Literal(text)) => (text, template.parts.len() == 1),
                _ => ("", false),
            }
        }
        // Each begins with its type and a `:`.
        let ((a, a_whole), (b, b_whole)) = (prefix(self), prefix(other));
        match (a_whole, b_whole) {
            (true, true) => a == b,
            (true, false) => a.starts_with(b),
            (false, true) => b.starts_with(a),
            (false, false) => a.starts_with(b) || b.starts_with(a),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn render(template: &str, value: &str) -> Option<String> {
        let mut out = String::new();
        let template = Template::parse_object(template).unwrap();
        template.render(&mut out, |_| Some(value)).then_some(out)
    }

    #[test]
    fn values_stay_in_their_place() {
        assert_eq!(render("user:{sub}", "ana").as_deref(), Some("user:ana"));
        assert_eq!(render("user:{sub}", "*").as_deref(), Some("user:%2A"));
        assert_eq!(render("user:{sub}", "a#b@c:d/e|f%").as_deref(), Some("user:a%23b%40c%3Ad%2Fe%7Cf%25"));
        assert_eq!(render("user:{sub}", "é").as_deref(), Some("user:%C3%A9"));
        assert_eq!(render("user:{sub}", ""), None);
    }

    #[test]
    fn templates_are_read_strictly() {
        for good in [
            "user:{sub}",
            "case:{task}",
            "a.b-c_D1:x",
            "repo:{owner}/{name}",
            "x:{a}/y/{b}",
            "x:{a}-y",
            "x:{claim.org_id}",
        ] {
            assert_eq!(Template::parse_object(good).unwrap().source(), good);
        }
        for (bad, says) in [
            ("user", "has no type"),
            ("{sub}", "has no type"),
            (":{sub}", "has no type"),
            ("us er:{sub}", "is not the name of a type"),
            ("us#er:{sub}", "is not the name of a type"),
            ("user:", "has no id"),
            ("user:{}", "is not a placeholder"),
            ("user:{a b}", "is not a placeholder"),
            ("user:{a-b}", "is not a placeholder"),
            ("user:{sub", "a `{` without its `}`"),
            ("user:sub}", "a `}` without its `{`"),
            ("user:{a}{b}", "cannot be told apart"),
            ("user:{a}-{b}", "does not keep two placeholders apart"),
            ("user:{a}/{b}-{c}", "does not keep two placeholders apart"),
            ("user:x y", "a character that cannot stand"),
            ("user:{a}\t", "a character that cannot stand"),
            ("user:*", "a character that cannot stand"),
            ("user:{a}#b", "a character that cannot stand"),
            ("user:a@{b}", "a character that cannot stand"),
            ("user:%41", "a character that cannot stand"),
        ] {
            let error = Template::parse_object(bad).unwrap_err();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }

    #[test]
    fn a_text_is_read_in_one_way() {
        let bound = |template: &str, text: &str| {
            let mut found = Vec::new();
            let matches = Template::parse(template)
                .unwrap()
                .matches(text, |name, value| found.push(alloc::format!("{name}={value}")));
            matches.then(|| found.join(" "))
        };
        assert_eq!(bound("repo:{name}:rw", "repo:web:rw").as_deref(), Some("name=web"));
        assert_eq!(bound("repo:{name}", "repo:web").as_deref(), Some("name=web"));
        assert_eq!(bound("repo:{name}*", "repo:a*").as_deref(), Some("name=a"));
        assert_eq!(bound("repo:{name}:*", "repo:web:any").as_deref(), Some("name=web"));
        assert_eq!(bound("repo:*", "repo:").as_deref(), Some(""));
        assert_eq!(bound("{a}:{b}", "x:y:z").as_deref(), Some("a=x b=y:z"));
        for (template, text) in [
            ("repo:{name}:rw", "repo::rw"),
            ("repo:{name}:rw", "repo:web:r"),
            ("repo:{name}:rw", "repo:web:rwx"),
            ("repo:{name}", "repo:"),
            ("repo:{name}*", "repo:a"),
            ("repo:{name}:*", "repo:web"),
            ("repo:read", "repo:reader"),
            ("repo:read", "repo:rea"),
            ("repo:*", "rep:x"),
            ("", "x"),
        ] {
            assert_eq!(bound(template, text), None, "{template} {text}");
        }
    }

    #[test]
    fn templates_meet_where_one_object_could_be_of_both() {
        for (a, b, meet) in [
            ("user:{sub}", "user:{id}", true),
            ("user:{sub}", "client:{sub}", false),
            ("user:a-{sub}", "user:b-{sub}", false),
            ("user:a-{sub}", "user:a-b-{sub}", true),
            ("user:ana", "user:ana", true),
            ("user:ana", "user:bo", false),
            ("user:ana", "user:an{x}", true),
            ("user:ana", "user:bo{x}", false),
            ("user:ana", "user:ana-{x}", false),
            ("use:{x}", "user:{x}", false),
        ] {
            let [first, second] = [a, b].map(|text| Template::parse_object(text).unwrap());
            assert_eq!((first.may_meet(&second), second.may_meet(&first)), (meet, meet), "{a} {b}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// Distinct inputs give distinct objects, and what comes out is plain or escaped.
        #[test]
        fn distinct_values_give_distinct_names(a in ".*", b in "[ab%0-9A-F#*@:|/._-]*") {
            let encoded = |value: &str| {
                let mut out = String::new();
                encode_onto(&mut out, value);
                out
            };
            for (left, right) in [(&a, &b), (&b, &encoded(&b)), (&a, &encoded(&a)), (&encoded(&a), &encoded(&b))] {
                prop_assert_eq!(left == right, encoded(left) == encoded(right), "{} {}", left, right);
            }
            for value in [&a, &b] {
                let out = encoded(value);
                prop_assert!(out.bytes().all(|b| is_plain(b) || b == b'%'));
                // There is one way back.
                let mut bytes = Vec::new();
                let mut rest = out.bytes();
                while let Some(byte) = rest.next() {
                    bytes.push(match byte {
                        b'%' => {
                            let digits = [rest.next().unwrap(), rest.next().unwrap()];
                            u8::from_str_radix(core::str::from_utf8(&digits).unwrap(), 16).unwrap()
                        }
                        plain => plain,
                    });
                }
                prop_assert_eq!(bytes, value.as_bytes());
            }
        }

        /// The same for templates with several placeholders: whatever compiles keeps them apart.
        #[test]
        fn distinct_values_give_distinct_objects(
            literals in proptest::collection::vec("[ab/:|%._-]{0,2}", 1..4),
            values in proptest::collection::vec(("[ab/:|%._-]{1,3}", "[ab/:|%._-]{1,3}"), 3),
        ) {
            let mut text = String::from("repo:");
            for (at, literal) in literals.iter().enumerate() {
                text.push_str(&format!("{literal}{{v{at}}}"));
            }
            let Ok(template) = Template::parse_object(&text) else { return Ok(()) };
            let rendered = |right: bool| {
                let mut out = String::new();
                let value = |name: &str| {
                    let (a, b) = &values[name.strip_prefix('v').unwrap().parse::<usize>().unwrap()];
                    Some(if right { b.as_str() } else { a.as_str() })
                };
                template.render(&mut out, value).then_some(out).unwrap()
            };
            let same = values.iter().take(literals.len()).all(|(a, b)| a == b);
            prop_assert_eq!(same, rendered(false) == rendered(true), "{} {:?}", text, values);
        }
    }

    #[test]
    fn refuses_templates_that_could_be_read_in_two_ways() {
        assert!(Template::parse_object("repo:{a}{b}").is_err());
        assert!(Template::parse_object("repo:{a}-{b}").is_err());
        assert!(Template::parse_object("repo:{a}/{b}").is_ok());
        assert!(Template::parse_object("repo:x-{b}").is_ok());
        assert!(Template::parse_object("{a}:x").is_err());
        assert!(Template::parse_object("repo:").is_err());
        assert!(Template::parse_object("repo:a#b").is_err());
        assert!(Template::parse_object("repo").is_err());
    }

    #[test]
    fn matches_in_one_way() {
        let scope = Template::parse("repo:{name}:rw").unwrap();
        let bound = |text| {
            let mut found = None;
            scope.matches(text, |_, value| found = Some(value)).then_some(found).flatten()
        };
        assert_eq!(bound("repo:web:rw"), Some("web"));
        assert_eq!(bound("repo::rw"), None);
        assert_eq!(bound("repo:web:rw:x"), None);
        assert_eq!(bound("repo:web:r"), None);
        assert!(Template::parse("mail.*").unwrap().matches("mail.read", |_, _| {}));
        assert!(!Template::parse("mail.*").unwrap().matches("mai", |_, _| {}));
    }

    #[test]
    fn sees_mappings_that_can_meet() {
        let meet = |a, b| Template::parse_object(a).unwrap().may_meet(&Template::parse_object(b).unwrap());
        assert!(meet("user:{sub}", "user:{sub}"));
        assert!(meet("user:{sub}", "user:x-{sub}"));
        assert!(!meet("user:a-{sub}", "user:b-{sub}"));
        assert!(!meet("user:{sub}", "agent:{sub}"));
    }
}
