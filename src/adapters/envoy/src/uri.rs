//! Addresses in the parts that a call needs.

/// An address in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    /// `https` or `http`.
    pub scheme: String,
    /// Host and port.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

impl Uri {
    /// Takes `https://authority/path` apart. No user, no fragment, nothing that could end a header.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(uri: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = uri.split_once("://").ok_or("must start with `https://` or `http://`")?;
        if !matches!(scheme, "https" | "http") {
            return Err("must start with `https://` or `http://`");
        }
        if !rest.bytes().all(|b| matches!(b, b'!'..=b'~')) || rest.contains(['#', '@', '\\']) {
            return Err("must be a plain URI: visible ASCII, without user and fragment");
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.is_empty() {
            return Err("names no host");
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { scheme: scheme.to_owned(), authority: authority.to_owned(), path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_uri_apart() {
        let parts = |uri| Uri::parse(uri).map(|uri| (uri.scheme, uri.authority, uri.path));
        let ok = |s: &str, a: &str, p: &str| Ok((s.to_owned(), a.to_owned(), p.to_owned()));
        assert_eq!(parts("https://as.example/jwks.json"), ok("https", "as.example", "/jwks.json"));
        assert_eq!(parts("http://127.0.0.1:8080?k=1"), ok("http", "127.0.0.1:8080", "/?k=1"));
        assert_eq!(parts("https://as.example"), ok("https", "as.example", "/"));
        for uri in [
            "as.example",
            "file:///etc/passwd",
            "https://",
            "https:///x",
            "https://a@b/",
            "https://a/\r\nb",
            "https://a/#b",
        ] {
            assert!(parts(uri).is_err(), "{uri}");
        }
    }
}
