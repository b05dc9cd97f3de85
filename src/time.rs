//! Whole seconds since 1970-01-01 UTC, and how a `NumericDate` (RFC 7519 §2) becomes one.
//!
//! There is no clock here: the present is an argument.

use crate::json::Number;

/// Seconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// 2^53 - 1: the last whole second that every JSON implementation reads alike (RFC 8259 §6).
const LAST: u64 = 9_007_199_254_740_991;

/// Which way the fraction of a second goes, so that a token never lives longer than it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// Up: the start of a life (`nbf`, `iat`).
    Ceil,
    /// Down: the end of a life (`exp`, `present_until`).
    Floor,
}

impl Timestamp {
    /// 1970-01-01: for what was said to be long ago.
    pub(crate) const FIRST: Self = Self(0);

    /// From whole seconds; `None` beyond 2^53 - 1.
    pub const fn from_seconds(seconds: u64) -> Option<Self> {
        if seconds > LAST { None } else { Some(Self(seconds)) }
    }

    /// From a host clock: `None` for zero, a negative number, or one beyond 2^53 - 1 (a clock that is not set).
    pub fn from_host(seconds: f64) -> Option<Self> {
        if (1.0..=9_007_199_254_740_991.0).contains(&seconds) { Some(Self(seconds as u64)) } else { None }
    }

    /// Reads a `NumericDate`; `None` where it is negative, has an exponent, or lies beyond 2^53 - 1.
    pub fn from_number(number: &Number<'_>, round: Round) -> Option<Self> {
        let text = number.as_str();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let seconds: u64 = whole.parse().ok()?;
        if !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let more = round == Round::Ceil && fraction.bytes().any(|b| b != b'0');
        Self::from_seconds(seconds.checked_add(u64::from(more))?)
    }

    /// Seconds since 1970-01-01 UTC.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// This time and `seconds` more; it stays at the end of time.
    pub const fn plus(self, seconds: u64) -> Self {
        let sum = self.0.saturating_add(seconds);
        Self(if sum > LAST { LAST } else { sum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn read(text: &str, round: Round) -> Option<u64> {
        match json::parse(text.as_bytes(), &json::Limits::TOKEN).unwrap() {
            json::Value::Number(n) => Timestamp::from_number(&n, round).map(Timestamp::seconds),
            _ => None,
        }
    }

    #[test]
    fn fractions_never_lengthen_a_life() {
        assert_eq!(read("1795000000.9", Round::Floor), Some(1_795_000_000));
        assert_eq!(read("1795000000.9", Round::Ceil), Some(1_795_000_001));
        assert_eq!(read("1795000000.0", Round::Ceil), Some(1_795_000_000));
    }

    #[test]
    fn refuses_what_is_not_a_plain_date() {
        for text in ["-1", "1e400", "1E3", "1.5e3", "9007199254740992", "18446744073709551616"] {
            assert_eq!(read(text, Round::Floor), None, "{text}");
        }
    }

    #[test]
    fn a_clock_that_is_not_set_is_no_time() {
        let seconds = |clock: f64| Timestamp::from_host(clock).map(Timestamp::seconds);
        assert_eq!((seconds(1.0), seconds(1_795_000_060.9)), (Some(1), Some(1_795_000_060)));
        assert_eq!(seconds(9_007_199_254_740_991.0), Some(LAST));
        for bad in [0.0, 0.9, -1.0, 9_007_199_254_740_992.0, f64::NAN, f64::INFINITY] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
