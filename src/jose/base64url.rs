//! base64url as RFC 7515 §2 has it: the URL-safe alphabet, no padding, no white space, no other characters.
//!
//! A last character with bits that mean nothing refuses (RFC 4648 §3.5): otherwise two texts are one value,
//! and a list of revoked or seen texts is passed by writing the same bytes differently.
//!
//! ```
//! use actfor::jose::base64url::{decode, encode};
//! assert_eq!(decode("AQI").as_deref(), Some(&[1, 2][..]));
//! assert_eq!(encode(&[1, 2]), "AQI");
//! assert!(decode("AQI=").is_none() && decode("AQJ").is_none() && decode("A").is_none());
//! ```

use alloc::{string::String, vec::Vec};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Decodes; `None` for anything that [`encode`] does not write.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let (groups, rest) = text.as_bytes().as_chunks::<4>();
    let whole = groups.len().saturating_mul(3);
    let mut out = Vec::with_capacity(whole.saturating_add(2));
    out.resize(whole, 0);
    // Every bit of every value: one that is no sextet shows in the end.
    let mut seen = 0;
    for (group, bytes) in groups.iter().zip(out.as_chunks_mut::<3>().0) {
        let [a, b, c, d] = group.map(sextet);
        seen |= a | b | c | d;
        let bits = a << 18 | b << 12 | c << 6 | d;
        *bytes = [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8];
    }
    match *rest {
        [] => {}
        [a, b] => {
            let [a, b] = [sextet(a), sextet(b)];
            seen |= a | b;
            if b & 0b1111 != 0 {
                return None;
            }
            out.push((a << 2 | b >> 4) as u8);
        }
        [a, b, c] => {
            let [a, b, c] = [sextet(a), sextet(b), sextet(c)];
            seen |= a | b | c;
            if c & 0b11 != 0 {
                return None;
            }
            out.extend([(a << 2 | b >> 4) as u8, (b << 4 | c >> 2) as u8]);
        }
        _ => return None,
    }
    (seen < NONE).then_some(out)
}

/// Encodes without padding.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    let mut put = |sextet: u32| out.push(char::from(*ALPHABET.get(sextet as usize & 63).unwrap_or(&b'A')));
    for chunk in bytes.chunks(3) {
        match *chunk {
            [a, b, c] => {
                let bits = u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c);
                [bits >> 18, bits >> 12, bits >> 6, bits].into_iter().for_each(&mut put);
            }
            [a, b] => {
                let bits = u32::from(a) << 10 | u32::from(b) << 2;
                [bits >> 12, bits >> 6, bits].into_iter().for_each(&mut put);
            }
            [a] => {
                let bits = u32::from(a) << 4;
                [bits >> 6, bits].into_iter().for_each(&mut put);
            }
            _ => {}
        }
    }
    out
}

/// What is no character of the alphabet: no six bits.
const NONE: u32 = 1 << 6;

const SEXTETS: [u8; 256] = {
    let mut sextets = [NONE as u8; 256];
    let mut rest: &[u8] = ALPHABET;
    let mut value = 0_u8;
    while let [c, more @ ..] = rest {
        #[expect(clippy::indexing_slicing, reason = "a byte is always a place in 256")]
        {
            sextets[*c as usize] = value;
        }
        value = value.saturating_add(1);
        rest = more;
    }
    sextets
};

/// The six bits of one character, or [`NONE`]. Tokens are not secrets to the one who checks them, so it need not be
/// constant in time.
fn sextet(c: u8) -> u32 {
    SEXTETS.get(usize::from(c)).map_or(NONE, |sextet| u32::from(*sextet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_it_encodes() {
        for length in 0..70_u8 {
            let bytes: Vec<u8> = (0..length).map(|i| i.wrapping_mul(37) ^ 0xa5).collect();
            assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }

    #[test]
    fn knows_every_character() {
        let text = core::str::from_utf8(ALPHABET).unwrap();
        assert_eq!(encode(&decode(text).unwrap()), text);
        assert_eq!(decode(text).unwrap().get(..3), Some(&[0x00, 0x10, 0x83][..]));
    }

    #[test]
    fn refuses_other_alphabets_padding_and_space() {
        for text in ["+A", "/A", "AA==", "AAA=", "A A", "AA\n", " AA", "AA.", "AA\0", "ÄA", "A", "AAAAA"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }

    #[test]
    fn refuses_bits_that_mean_nothing() {
        // RFC 4648 §3.5: of the 64 × 64 two-character texts, 256 are values; of the 64^3 three-character ones, 65,536.
        let all = || ALPHABET.iter().map(|b| char::from(*b));
        let two = all().flat_map(|a| all().map(move |b| String::from_iter([a, b])));
        assert_eq!(two.filter(|text| decode(text).is_some()).count(), 256);
        let three = all().map(|c| String::from_iter(['A', 'A', c]));
        assert_eq!(three.filter(|text| decode(text).is_some()).count(), 16);
    }
}
