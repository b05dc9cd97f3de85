//! The path of a request: its canonical form, and the patterns of `route` and `public` lines.
//!
//! A path that is not canonical is refused, never repaired: what the guard reads and what the service behind
//! it reads must be the same (RFC 3986 §6.2).

use alloc::{borrow::Cow, format, string::String, vec::Vec};

use crate::error::{Code, Refusal, quote};

/// A canonical request target.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    host: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Reads `/path?query`, or the same with scheme and authority before it (RFC 9112 §3.2).
    ///
    /// # Errors
    /// `path_not_canonical`: dot or empty segments, `\`, `;`, a control character, an escape that is not
    /// UTF-8, that hides a delimiter (`%2F %5C %2E %25 %3B`), or that is not needed or not in upper case.
    pub fn parse(url: &'a str) -> Result<Self, Refusal> {
        let not_canonical =
            |what: &str| Refusal::new(Code::PathNotCanonical, format!("{what} in {}", quote(url)));
        // A path has no scheme before it, and most requests start with one.
        let scheme = if url.starts_with('/') { None } else { url.split_once("://") };
        let (host, rest) = match scheme {
            Some((scheme, rest))
                if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") =>
            {
                let start = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let (host, rest) = rest.split_at_checked(start).unwrap_or_default();
                (Some(host), rest)
            }
            _ => (None, url),
        };
        if rest.bytes().any(|byte| byte == b'#') {
            return Err(not_canonical("a fragment"));
        }
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let Some(inner) = path.strip_prefix('/') else {
            return Err(not_canonical("no `/` at the start"));
        };
        if !inner.is_empty() {
            for segment in inner.split('/') {
                check_segment(segment).map_err(not_canonical)?;
            }
        }
        Ok(Self { host, path, query })
    }

    /// The authority, where the request target has one.
    pub fn host(&self) -> Option<&'a str> {
        self.host
    }

    /// The path, as it was sent.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// What follows the `?`.
    pub fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// The segments, still escaped; none for `/`.
    fn segments(&self) -> impl Iterator<Item = &'a str> + Clone {
        self.path.split('/').skip(1).filter(|segment| !segment.is_empty())
    }
}

fn check_segment(segment: &str) -> Result<(), &'static str> {
    if matches!(segment, "" | "." | "..") {
        return Err("a dot or empty segment");
    }
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let hex = |b: Option<u8>| {
                    b.filter(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'))
                        .and_then(|b| char::from(b).to_digit(16))
                };
                let (Some(high), Some(low)) = (hex(bytes.next()), hex(bytes.next())) else {
                    return Err("an escape that is not `%` and two upper-case hexadecimal digits");
                };
                let decoded = u8::try_from((high << 4) | low).unwrap_or_default();
                if is_unreserved(decoded) {
                    return Err("a needless escape");
                }
                if matches!(decoded, b'/' | b'\\' | b'%' | b';') || decoded < 0x20 || decoded == 0x7f {
                    return Err("an escape that hides a delimiter or a control character");
                }
            }
            // RFC 3986 §3.3, `pchar` without `;`, which servers read in different ways.
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@' => {}
            byte if is_unreserved(byte) => {}
            _ => return Err("a character that cannot stand in a path"),
        }
    }
    if decode(segment).is_none() {
        return Err("an escape that is not UTF-8");
    }
    Ok(())
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// A segment without its escapes; `None` where it is not UTF-8.
pub(crate) fn decode(segment: &str) -> Option<Cow<'_, str>> {
    if segment.bytes().all(|byte| byte != b'%') {
        return Some(Cow::Borrowed(segment));
    }
    let mut out = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push(u8::try_from((high << 4) | low).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// A part of a [`Pattern`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Exactly this, unescaped.
    Literal(String),
    /// `{x}`: one segment.
    One(String),
    /// `{x...}`: the rest, at least one segment.
    Rest(String),
    /// `**`: any rest, also none.
    Any,
}

/// The path of a `route` or `public` line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pattern {
    /// Its parts, in order.
    pub segments: Vec<Segment>,
}

impl Pattern {
    /// Reads `/repos/{repo}/**`; the error says what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(inner) = text.strip_prefix('/') else {
            return Err(format!("{} must start with `/`", quote(text)));
        };
        let mut segments = Vec::new();
        if inner.is_empty() {
            return Ok(Self { segments });
        }
        for part in inner.split('/') {
            if matches!(segments.last(), Some(Segment::Rest(_) | Segment::Any)) {
                return Err("nothing can follow `{x...}` or `**`".into());
            }
            let segment = if part == "**" {
                Segment::Any
            } else if let Some(name) = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                let (name, rest) = match name.strip_suffix("...") {
                    Some(name) => (name, true),
                    None => (name, false),
                };
                if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                    return Err(format!(
                        "{} is not a placeholder: write `{{name}}` or `{{name...}}`",
                        quote(part)
                    ));
                }
                if segments.iter().any(|s| matches!(s, Segment::One(n) | Segment::Rest(n) if n == name)) {
                    return Err(format!("`{{{name}}}` is there twice"));
                }
                if rest { Segment::Rest(name.into()) } else { Segment::One(name.into()) }
            } else {
                if part.contains(['{', '}', '*']) {
                    return Err(format!(
                        "{} must be a literal, `{{x}}`, `{{x...}}` or `**` as a whole",
                        quote(part)
                    ));
                }
                check_segment(part).map_err(|what| format!("{what} in {}", quote(part)))?;
                Segment::Literal(decode(part).map(Cow::into_owned).unwrap_or_default())
            };
            segments.push(segment);
        }
        Ok(Self { segments })
    }

    /// The names of its placeholders.
    pub fn holes(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::One(name) | Segment::Rest(name) => Some(name.as_str()),
            Segment::Literal(_) | Segment::Any => None,
        })
    }

    /// Whether it matches.
    pub fn matches(&self, target: &Target<'_>) -> bool {
        let mut rest = target.segments();
        for segment in &self.segments {
            match segment {
                Segment::Any => return true,
                Segment::Rest(_) => return rest.next().is_some(),
                Segment::One(_) => {
                    if rest.next().is_none() {
                        return false;
                    }
                }
                Segment::Literal(literal) => match rest.next().and_then(decode) {
                    Some(found) if found == literal.as_str() => {}
                    _ => return false,
                },
            }
        }
        rest.next().is_none()
    }

    /// What a placeholder stands for in a path that matches, unescaped.
    pub fn value<'a>(&self, name: &str, target: &Target<'a>) -> Option<Cow<'a, str>> {
        let at = self
            .segments
            .iter()
            .position(|s| matches!(s, Segment::One(n) | Segment::Rest(n) if n == name))?;
        let mut rest = target.segments().skip(at);
        match self.segments.get(at) {
            Some(Segment::One(_)) => decode(rest.next()?),
            _ => {
                // The rest starts after `at` slashes and one more.
                let start = target.path.match_indices('/').nth(at)?.0.saturating_add(1);
                decode(target.path.get(start..)?)
            }
        }
    }

    /// Orders patterns: a literal before `{x}` before `{x...}` before `**`, the end first, from left to right.
    pub fn rank(&self) -> Vec<u8> {
        let rank = |segment: &Segment| match segment {
            Segment::Literal(_) => 1,
            Segment::One(_) => 2,
            Segment::Rest(_) => 3,
            Segment::Any => 4,
        };
        self.segments.iter().map(rank).collect()
    }

    /// Whether two patterns match the same paths, whatever their placeholders are called.
    pub fn same_shape(&self, other: &Self) -> bool {
        let same = |(a, b): (&Segment, &Segment)| match (a, b) {
            (Segment::Literal(a), Segment::Literal(b)) => a == b,
            (Segment::One(_), Segment::One(_))
            | (Segment::Rest(_), Segment::Rest(_))
            | (Segment::Any, Segment::Any) => true,
            _ => false,
        };
        self.segments.len() == other.segments.len() && self.segments.iter().zip(&other.segments).all(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(url: &str) {
        let error = Target::parse(url).unwrap_err();
        assert_eq!(error.code, Code::PathNotCanonical, "{url}");
    }

    #[test]
    fn refuses_what_is_not_canonical() {
        for url in [
            "",
            "x",
            "//",
            "/a//b",
            "/a/",
            "/./a",
            "/a/..",
            "/a/%2e%2e",
            "/a%2Fb",
            "/a%5Cb",
            "/a%2Eb",
            "/a%25",
            "/a;b",
            "/a%3Bb",
            "/a\\b",
            "/a%00",
            "/a%c3%a9",
            "/%41",
            "/a b",
            "/a%",
            "/a%2",
            "/a%zz",
            "/%C0%AF",
            "/%FF",
            "/é",
            "/a#b",
            "http://h",
            "https://h//a",
            "/a|b",
            "/%252e",
        ] {
            refuses(url);
        }
    }

    #[test]
    fn reads_what_is() {
        for (url, path) in [
            ("/", "/"),
            ("/a/b?x=//", "/a/b"),
            ("https://h:1/a", "/a"),
            ("HTTP://h/a?q", "/a"),
            ("/a%C3%A9", "/a%C3%A9"),
            ("/a:b@c,d", "/a:b@c,d"),
            ("/a%20b", "/a%20b"),
            ("/...", "/..."),
        ] {
            assert_eq!(Target::parse(url).unwrap().path(), path);
        }
    }

    #[test]
    fn binds_placeholders() {
        let pattern = Pattern::parse("/repos/{repo}/git/refs/heads/{branch...}").unwrap();
        let target = Target::parse("/repos/w%20b/git/refs/heads/a/b%40").unwrap();
        assert!(pattern.matches(&target));
        assert_eq!(pattern.value("repo", &target).as_deref(), Some("w b"));
        assert_eq!(pattern.value("branch", &target).as_deref(), Some("a/b@"));
        assert!(!pattern.matches(&Target::parse("/repos/w/git/refs/heads").unwrap()));
        let any = Pattern::parse("/repos/{repo}/**").unwrap();
        assert!(any.matches(&Target::parse("/repos/w").unwrap()));
        assert!(any.matches(&Target::parse("/repos/w/x/y").unwrap()));
        assert!(!any.matches(&Target::parse("/repos").unwrap()));
        assert!(Pattern::parse("/**").unwrap().matches(&Target::parse("/").unwrap()));
        assert!(Pattern::parse("/a,b").unwrap().matches(&Target::parse("/a%2Cb").unwrap()));
    }

    #[test]
    fn refuses_patterns_that_say_nothing() {
        for text in
            ["", "a", "/a//b", "/{}", "/{a}{b}", "/a*", "/**/b", "/{a...}/b", "/{a}/{a}", "/a b", "/../b"]
        {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }
}
