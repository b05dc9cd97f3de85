//! Timestamps (RFC 3339, UTC) and durations, as CEL has them.

/// The first and the last second that CEL's timestamps can be: years 1 to 9999.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    /// Seconds since 1970-01-01 UTC.
    pub seconds: i64,
    /// And billionths of a second, less than 1,000,000,000.
    pub nanos: u32,
}

/// A field of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
}

impl Instant {
    /// `None` outside the years 1 to 9999.
    pub fn new(seconds: i64, nanos: u32) -> Option<Self> {
        ((FIRST..=LAST).contains(&seconds) && nanos < 1_000_000_000).then_some(Self { seconds, nanos })
    }

    /// Reads `2026-01-31T12:00:00Z`, with a fraction and an offset if there are any (RFC 3339 §5.6; `T` and `Z` in upper
    /// case, as other readers of CEL want them).
    pub fn parse(text: &str) -> Option<Self> {
        let mut scan = Scan { rest: text.as_bytes() };
        let (year, month, day) =
            (scan.digits(4)?, scan.after(b'-')?.digits(2)?, scan.after(b'-')?.digits(2)?);
        if scan.byte()? != b'T' {
            return None;
        }
        let (hour, minute, second) =
            (scan.digits(2)?, scan.after(b':')?.digits(2)?, scan.after(b':')?.digits(2)?);
        let nanos = if scan.rest.first() == Some(&b'.') { scan.after(b'.')?.fraction()? } else { 0 };
        let offset = match scan.byte()? {
            b'Z' => 0,
            sign @ (b'+' | b'-') => {
                let (hours, minutes) = (scan.digits(2)?, scan.after(b':')?.digits(2)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let seconds = hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?;
                if sign == b'+' { seconds } else { seconds.checked_neg()? }
            }
            _ => return None,
        };
        if !scan.rest.is_empty() || hour > 23 || minute > 59 || second > 59 || !(1..=12).contains(&month) {
            return None;
        }
        if day < 1 || day > days_in(year, month) {
            return None;
        }
        let time = hour.checked_mul(3600)?.checked_add(minute.checked_mul(60)?)?.checked_add(second)?;
        let days = days_from_civil(year, month, day)?;
        Self::new(days.checked_mul(86_400)?.checked_add(time)?.checked_sub(offset)?, nanos)
    }

    /// This time and so many nanoseconds more.
    pub fn plus(self, duration: i64) -> Option<Self> {
        let total = i128::from(self.seconds).checked_mul(BILLION)?.checked_add(i128::from(self.nanos))?;
        let total = total.checked_add(i128::from(duration))?;
        let seconds = i64::try_from(total.checked_div_euclid(BILLION)?).ok()?;
        Self::new(seconds, u32::try_from(total.checked_rem_euclid(BILLION)?).ok()?)
    }

    /// Nanoseconds from `other` to this time; `None` also where its whole seconds alone are too many, as in cel-go.
    pub fn since(self, other: Self) -> Option<i64> {
        let seconds = self.seconds.checked_sub(other.seconds)?;
        let nanos = i64::from(self.nanos).checked_sub(i64::from(other.nanos))?;
        seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
    }

    pub(crate) fn days(self) -> i64 {
        self.seconds.div_euclid(86_400)
    }

    /// Seconds since midnight.
    pub(crate) fn of_day(self) -> i64 {
        self.seconds.rem_euclid(86_400)
    }

    pub(crate) fn civil(self) -> Option<Civil> {
        civil_from_days(self.days())
    }

    /// 0 is Sunday.
    pub(crate) fn weekday(self) -> i64 {
        self.days().saturating_add(4).rem_euclid(7)
    }

    /// 0 is the first of January.
    pub(crate) fn day_of_year(self) -> Option<i64> {
        self.days().checked_sub(days_from_civil(self.civil()?.year, 1, 1)?)
    }
}

const BILLION: i128 = 1_000_000_000;

/// Reads Go's form of a duration, which CEL and OpenFGA use: `1h30m`, `-1.5s`, `100ms`. Nanoseconds.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total = 0_i128;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(end)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || number.len() > 30 {
            return None;
        }
        let length = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, next) = tail.split_at_checked(length)?;
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => BILLION,
            "m" => BILLION.checked_mul(60)?,
            "h" => BILLION.checked_mul(3600)?,
            _ => return None,
        };
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(unit)?)?;
        total = total.checked_add(fraction_of(unit, fraction))?;
        rest = next;
    }
    if text.is_empty() {
        return None;
    }
    i64::try_from(if negative { total.checked_neg()? } else { total }).ok()
}

/// Nanoseconds in a fraction of a unit, rounded as Go rounds them: digits beyond 63 bits do not count.
fn fraction_of(unit: i128, digits: &str) -> i128 {
    let (mut number, mut scale) = (0_i64, 1.0_f64);
    for digit in digits.bytes() {
        let next = number.checked_mul(10).and_then(|n| n.checked_add(i64::from(digit.saturating_sub(b'0'))));
        let Some(next) = next else { break };
        number = next;
        scale *= 10.0;
    }
    (number as f64 * (unit as f64 / scale)) as i128
}

struct Scan<'a> {
    rest: &'a [u8],
}

impl Scan<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn after(&mut self, byte: u8) -> Option<&mut Self> {
        (self.byte()? == byte).then_some(self)
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let mut number = 0_i64;
        for _ in 0..count {
            let digit = self.byte().filter(u8::is_ascii_digit)?;
            number = number.checked_mul(10)?.checked_add(i64::from(digit.checked_sub(b'0')?))?;
        }
        Some(number)
    }

    /// Digits after the point, as billionths.
    fn fraction(&mut self) -> Option<u32> {
        let (mut nanos, mut scale, mut some) = (0_u32, 100_000_000_u32, false);
        while let Some(digit) = self.rest.first().copied().filter(u8::is_ascii_digit) {
            self.byte();
            some = true;
            nanos = nanos.checked_add(scale.checked_mul(u32::from(digit.checked_sub(b'0')?))?)?;
            scale /= 10;
        }
        some.then_some(nanos)
    }
}

fn leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, counted in eras of 400 years from 1 March.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let from_march = month.checked_add(9)?.rem_euclid(12);
    let of_year =
        from_march.checked_mul(153)?.checked_add(2)?.checked_div(5)?.checked_add(day)?.checked_sub(1)?;
    let days =
        of_era.checked_mul(365)?.checked_add(of_era / 4)?.checked_sub(of_era / 100)?.checked_add(of_year)?;
    era.checked_mul(146_097)?.checked_add(days)?.checked_sub(719_468)
}

fn civil_from_days(days: i64) -> Option<Civil> {
    let days = days.checked_add(719_468)?;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leaps =
        of_era.checked_sub(of_era / 1_460)?.checked_add(of_era / 36_524)?.checked_sub(of_era / 146_096)?;
    let year = leaps / 365;
    let before = year.checked_mul(365)?.checked_add(year / 4)?.checked_sub(year / 100)?;
    let of_year = of_era.checked_sub(before)?;
    let from_march = of_year.checked_mul(5)?.checked_add(2)?.checked_div(153)?;
    let day =
        of_year.checked_sub(from_march.checked_mul(153)?.checked_add(2)?.checked_div(5)?)?.checked_add(1)?;
    let month = if from_march < 10 { from_march.checked_add(3)? } else { from_march.checked_sub(9)? };
    let year = era.checked_mul(400)?.checked_add(year)?.checked_add(i64::from(month <= 2))?;
    Some(Civil { year, month, day })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_goes_there_and_back() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-23T18:50:00Z", 1_795_459_800),
            ("2000-02-29T23:59:59.5Z", 951_868_799),
            ("2026-01-01T01:00:00+01:00", 1_767_225_600),
            ("0001-01-01T00:00:00Z", FIRST),
            ("9999-12-31T23:59:59Z", LAST),
        ] {
            assert_eq!(Instant::parse(text).map(|i| i.seconds), Some(seconds), "{text}");
        }
        for text in [
            "2026-02-29T00:00:00Z",
            "2026-01-01",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-1-1T0:0:0Z",
            "10000-01-01T00:00:00Z",
        ] {
            assert_eq!(Instant::parse(text), None, "{text}");
        }
        for days in (-719_162..2_932_896).step_by(37) {
            let civil = civil_from_days(days).unwrap();
            assert_eq!(days_from_civil(civil.year, civil.month, civil.day), Some(days));
        }
    }

    #[test]
    fn durations_are_gos() {
        for (text, nanos) in [
            ("1h30m", 5_400_000_000_000),
            ("-1.5s", -1_500_000_000),
            ("100ms", 100_000_000),
            ("0", 0),
            ("1us2ns", 1_002),
            (".5s", 500_000_000),
        ] {
            assert_eq!(parse_duration(text), Some(nanos), "{text}");
        }
        for text in ["", "1", "1d", "h", "1h-1m", "1.2.3s", "9999999999h", "."] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
