//! `htu`: is the address that a proof names the one that was requested (RFC 9449 §4.3, item 9)?
//!
//! The requested address is a configured [`Base`] and the path of the request, never the `Host` header: that
//! one is the sender's. Both sides are normalised by RFC 3986 §6.2.2 and §6.2.3, with one exception: dot
//! segments and empty segments refuse, because a path that needs them is not one that a client was given.
//!
//! ```
//! use actfor::proof::Base;
//! let base = Base::parse("https://api.example").unwrap();
//! assert!(base.is_target("https://API.example:443/repos/%77eb?page=2", "/repos/web"));
//! assert!(!base.is_target("https://api.example/repos/../repos/web", "/repos/web"));
//! ```

use alloc::string::String;

/// The address under which this service is known to its clients: scheme, host, port, and a path prefix where
/// something before us takes one away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Normalised, without a `/` at its end.
    text: String,
}

impl Base {
    /// Reads `https://api.example` or `https://api.example/prefix`; `None` where it is not `http` or `https`,
    /// has userinfo, a query or a fragment, or a path with dot segments or empty segments.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains(['?', '#']) {
            return None;
        }
        let mut text = normalise(text.strip_suffix('/').unwrap_or(text))?;
        if text.ends_with('/') {
            text.pop();
        }
        Some(Self { text })
    }

    /// Whether `htu` names `path` under this base. `path` is that of the request, as it was sent, without query.
    pub fn is_target(&self, htu: &str, path: &str) -> bool {
        let (Some(named), Some(path)) = (normalise(htu), normalise_path(path)) else { return false };
        named.strip_prefix(self.text.as_str()) == Some(path.as_str())
    }
}

/// An absolute address in its one form, without query and fragment; `None` where it has none.
fn normalise(uri: &str) -> Option<String> {
    let uri = uri.split(['?', '#']).next()?;
    let (scheme, rest) = uri.split_once("://")?;
    // RFC 3986 §6.2.2.1, §6.2.3: case, and the port that the scheme means anyway.
    let (scheme, default_port) = match scheme {
        _ if scheme.eq_ignore_ascii_case("https") => ("https", "443"),
        _ if scheme.eq_ignore_ascii_case("http") => ("http", "80"),
        _ => return None,
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (host, port) = split_authority(authority)?;
    let mut out = String::with_capacity(uri.len());
    out.push_str(scheme);
    out.push_str("://");
    out.extend(host.chars().map(|c| c.to_ascii_lowercase()));
    if !port.is_empty() && port != default_port {
        out.push(':');
        out.push_str(port);
    }
    out.push_str(&normalise_path(path)?);
    Some(out)
}

/// Host and port; `None` for userinfo, percent-encoding, or anything that is not plainly one host.
fn split_authority(authority: &str) -> Option<(&str, &str)> {
    let (host, port) = if authority.starts_with('[') {
        let (address, rest) = authority.split_at(authority.find(']')?.checked_add(1)?);
        let digits = |b: u8| b.is_ascii_hexdigit() || matches!(b, b'[' | b']' | b':' | b'.');
        if !address.bytes().all(digits) {
            return None;
        }
        match rest.strip_prefix(':') {
            Some(port) => (address, port),
            None if rest.is_empty() => (address, ""),
            None => return None,
        }
    } else {
        let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
        if host.is_empty()
            || !host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
        {
            return None;
        }
        (host, port)
    };
    // At most five digits, none of them a leading zero: `0443` is not a text that anybody means.
    let good_port = port.len() <= 5 && !port.starts_with('0') && port.bytes().all(|b| b.is_ascii_digit());
    good_port.then_some((host, port))
}

/// A path in its one form (RFC 3986 §6.2.2.1, §6.2.2.2, §6.2.3); `None` for dot segments, empty segments and
/// characters that cannot stand in a path.
fn normalise_path(path: &str) -> Option<String> {
    if path.is_empty() {
        return Some("/".into());
    }
    let mut segments = path.split('/');
    if segments.next() != Some("") {
        return None;
    }
    let mut out = String::with_capacity(path.len());
    let mut segments = segments.peekable();
    while let Some(segment) = segments.next() {
        out.push('/');
        let start = out.len();
        normalise_segment(segment, &mut out)?;
        let written = out.get(start..)?;
        let last = segments.peek().is_none();
        if matches!(written, "." | "..") || (written.is_empty() && !last) {
            return None;
        }
    }
    Some(out)
}

fn normalise_segment(segment: &str, out: &mut String) -> Option<()> {
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let (high, low) = (hex(rest.next()?)?, hex(rest.next()?)?);
                let byte = high << 4 | low;
                if is_unreserved(byte) {
                    out.push(char::from(byte));
                } else {
                    out.push('%');
                    out.push(char::from_digit(u32::from(high), 16)?.to_ascii_uppercase());
                    out.push(char::from_digit(u32::from(low), 16)?.to_ascii_uppercase());
                }
            }
            // RFC 3986 §3.3: pchar.
            _ if is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte) => out.push(char::from(byte)),
            _ => return None,
        }
    }
    Some(())
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_target(htu: &str, path: &str) -> bool {
        Base::parse("https://api.example").unwrap().is_target(htu, path)
    }

    #[test]
    fn accepts_other_texts_of_the_same_address() {
        for htu in [
            "https://api.example/repos/web",
            "HTTPS://API.EXAMPLE/repos/web",
            "https://api.example:443/repos/web",
            "https://api.example:/repos/web",
            "https://api.example/repos/%77eb",
            "https://api.example/repos/web?x=1",
            "https://api.example/repos/web#x",
            "https://api.example/repos/web?/../#?",
        ] {
            assert!(is_target(htu, "/repos/web"), "{htu}");
        }
        assert!(is_target("https://api.example", "/"));
        assert!(is_target("https://api.example/", ""));
        assert!(is_target("https://api.example/a%2fb", "/a%2Fb"));
        assert!(is_target("https://api.example/a/", "/a/"));
        assert!(is_target("https://api.example/a-._~!$&'()*+,;=:@%25", "/a-._~!$&'()*+,;=:@%25"));
    }

    #[test]
    fn refuses_other_addresses() {
        for htu in [
            "http://api.example/repos/web",
            "https://api.example:8443/repos/web",
            "https://api.example:0443/repos/web",
            "https://api.example:443443443443/repos/web",
            "https://api.example.evil.example/repos/web",
            "http://sapi.example/repos/web",
            "https://evil.example/repos/web",
            "https://ana@api.example/repos/web",
            "https://api.example@evil.example/repos/web",
            "https://api.example/repos/infra",
            "https://api.example/repos/web/",
            "https://api.example//repos/web",
            "https://api.example/repos//web",
            "https://api.example/x/../repos/web",
            "https://api.example/x/%2e%2e/repos/web",
            "https://api.example/./repos/web",
            "https://api.example/repos/web/%2E",
            "https://api.example/repos%2Fweb",
            "https://api.example/repos/WEB",
            "https://api.example\\repos\\web",
            "https://api.example/repos/web ",
            " https://api.example/repos/web",
            "https://api.example/repos/w%65%",
            "https://api.example/repos/wéb",
            "https:/api.example/repos/web",
            "//api.example/repos/web",
            "/repos/web",
            "https:///repos/web",
            "ftp://api.example/repos/web",
            "",
        ] {
            assert!(!is_target(htu, "/repos/web"), "{htu}");
        }
        assert!(!is_target("https://api.example/a/b", "/a%2Fb"));
        assert!(!is_target("https://api.example/a", "a"));
        // Every character counts: a prefix is no address, and `%2F` is not `2F`.
        assert!(!is_target("https://api.example/a2Fb", "/a%2Fb"));
        assert!(!is_target("https://api.example/a%2Fb", "/a%3Fb"));
        assert!(!is_target("https://api.example/a%2Fb", "/a%2Eb"));
        assert!(!is_target("https://api.example/a%2Fb", "/a%2Bb"));
        // What cannot stand in a path is not the same text twice.
        for text in ["/a b", "/a\"b", "/a<b", "/a^b", "/a|b", "/a{b", "/a\\b"] {
            assert!(!is_target(&alloc::format!("https://api.example{text}"), text), "{text}");
        }
        assert!(!is_target("https://api.examplerepos", "repos"));
    }

    #[test]
    fn bases_have_a_prefix_and_a_port() {
        let base = Base::parse("HTTP://LocalHost:8080/v1/").unwrap();
        assert!(base.is_target("http://localhost:8080/v1/repos", "/repos"));
        assert!(!base.is_target("http://localhost:8080/v1repos", "/repos"));
        assert!(!base.is_target("http://localhost:8080/repos", "/repos"));
        assert!(!base.is_target("http://localhost:8080/v1", "repos"));
        assert!(!base.is_target("http://localhost:9090/v1/repos", "/repos"));
        assert!(!base.is_target("http://localhost8080/v1/repos", "/repos"));
        assert!(!base.is_target("http://localhost/v1/repos", "/repos"));
        assert!(Base::parse("http://[::1]:3000").unwrap().is_target("http://[::1]:3000/x", "/x"));
        let base = Base::parse("http://[::1]").unwrap();
        assert!(base.is_target("http://[::1]:80/x", "/x"));
        assert!(!base.is_target("http://[::2]/x", "/x"));
        assert!(Base::parse("https://a:65535").is_some());
        for text in [
            "api.example",
            "https://",
            "https://a?b",
            "https://a#b",
            "https://u@a",
            "https://a/..",
            "https://a//b",
            "ftp://a",
            "https://[::1",
            "https://[::x]",
            "https://[::1]x",
            "https://[::1]x:443",
            "https://:443",
            "https://a:123456",
            "https://a:08443",
            "https://a:1a",
            "https://a/b c",
        ] {
            assert_eq!(Base::parse(text), None, "{text}");
        }
    }
}
