//! Powers modulo an odd number (Montgomery, 1985). Every number here is public: nothing hides how long it takes.

use alloc::{vec, vec::Vec};

// What the machine multiplies at once.
#[cfg(target_pointer_width = "64")]
type Word = u64;
#[cfg(target_pointer_width = "64")]
type Wide = u128;
#[cfg(not(target_pointer_width = "64"))]
type Word = u32;
#[cfg(not(target_pointer_width = "64"))]
type Wide = u64;

const BYTES: usize = size_of::<Word>();

/// An odd modulus. Numbers are as many words, the lowest first; a number `x` is held as `x * R`, where R is one more
/// than what the words can hold.
#[derive(Debug, Clone)]
pub(super) struct Modulus {
    words: Vec<Word>,
    /// The number that makes a word zero: -1 / modulus, modulo a word.
    inverse: Word,
    /// R * R modulo the modulus.
    square: Vec<Word>,
}

impl Modulus {
    /// `None` for one that is even or has less than two bits. Big-endian, without zeros before it.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        let words = read(bytes, bytes.len().div_ceil(BYTES));
        let (first, top) = (*words.first()?, words.last()?);
        let unused = top.leading_zeros();
        if first & 1 == 0 || (words.len() == 1 && *top <= 1) {
            return None;
        }
        // Newton: `first` is its own inverse modulo 8, and every step doubles the bits.
        let inverse = (0..5).fold(first, |inverse, _| {
            inverse.wrapping_mul(Word::wrapping_sub(2, first.wrapping_mul(inverse)))
        });
        // The highest bit of the modulus alone is less than the modulus. Doubled until it is R, once more for every
        // word, and squared until that is once for every bit of R.
        let mut square = vec![0; words.len()];
        if let Some(highest) = square.last_mut() {
            *highest = 1 << (Word::BITS - 1) >> unused;
        }
        let mut modulus = Self { words, inverse: inverse.wrapping_neg(), square: Vec::new() };
        for _ in 0..modulus.words.len().saturating_add(unused as usize).saturating_add(1) {
            modulus.double(&mut square);
        }
        for _ in 0..Word::BITS.ilog2() {
            square = modulus.product(&square, &square);
        }
        modulus.square = square;
        Some(modulus)
    }

    /// `base` to the power of `exponent`, as long as the modulus; both big-endian. `None` for a base that is not below the
    /// modulus, and for an exponent that is even or one.
    pub(super) fn power(&self, base: &[u8], exponent: u64) -> Option<Vec<u8>> {
        let base = Some(base).filter(|base| base.len() <= self.words.len().saturating_mul(BYTES))?;
        let base = Some(read(base, self.words.len())).filter(|base| !self.reached_by(base))?;
        let bits = exponent.checked_ilog2().filter(|bits| *bits > 0 && exponent & 1 == 1)?;
        let held = self.product(&base, &self.square);
        let mut power = held.clone();
        for bit in (1..bits).rev() {
            power = self.squared(&power);
            if exponent >> bit & 1 == 1 {
                power = self.product(&power, &held);
            }
        }
        // The last bit is set, and a factor that is not held as the others leaves a product that is not either.
        let power = self.product(&self.squared(&power), &base);
        Some(power.iter().rev().flat_map(|word| word.to_be_bytes()).collect())
    }

    /// `a * b / R`.
    fn product(&self, a: &[Word], b: &[Word]) -> Vec<Word> {
        let mut sum = vec![0; self.words.len().saturating_mul(2).saturating_add(1)];
        for (at, word) in a.iter().enumerate() {
            accumulate(sum.get_mut(at..).unwrap_or_default(), *word, b);
        }
        self.reduced(sum)
    }

    /// `a * a / R`: what two different words give counts twice.
    fn squared(&self, a: &[Word]) -> Vec<Word> {
        let mut sum = vec![0; self.words.len().saturating_mul(2).saturating_add(1)];
        let mut rest = a;
        for at in (1_usize..).step_by(2) {
            let Some((word, others)) = rest.split_first() else { break };
            accumulate(sum.get_mut(at..).unwrap_or_default(), *word, others);
            rest = others;
        }
        twice(&mut sum);
        for (at, word) in (0_usize..).step_by(2).zip(a) {
            accumulate(sum.get_mut(at..).unwrap_or_default(), *word, &[*word]);
        }
        self.reduced(sum)
    }

    /// `sum / R`: to it come as many moduli as make its lower half zero, and the upper half is left, which is below two
    /// moduli.
    fn reduced(&self, mut sum: Vec<Word>) -> Vec<Word> {
        let half = self.words.len();
        for at in 0..half {
            let rest = sum.get_mut(at..).unwrap_or_default();
            let times = rest.first().map_or(0, |word| word.wrapping_mul(self.inverse));
            accumulate(rest, times, &self.words);
        }
        let mut upper = sum.split_off(half);
        let over = upper.pop();
        if over != Some(0) || self.reached_by(&upper) {
            self.subtract_from(&mut upper);
        }
        upper
    }

    fn double(&self, number: &mut [Word]) {
        let over = twice(number);
        if over != 0 || self.reached_by(number) {
            self.subtract_from(number);
        }
    }

    /// Whether a number is not below the modulus.
    fn reached_by(&self, number: &[Word]) -> bool {
        number.iter().rev().ge(self.words.iter().rev())
    }

    fn subtract_from(&self, number: &mut [Word]) {
        let mut borrow = false;
        for (word, modulus) in number.iter_mut().zip(&self.words) {
            let (less, first) = word.overflowing_sub(*modulus);
            let (less, second) = less.overflowing_sub(Word::from(borrow));
            (*word, borrow) = (less, first || second);
        }
    }
}

/// Doubles a number; gives the bit that has no room.
fn twice(number: &mut [Word]) -> Word {
    let mut over = 0;
    for word in number {
        let next = *word >> (Word::BITS - 1);
        *word = *word << 1 | over;
        over = next;
    }
    over
}

/// Adds `factor * number`.
fn accumulate(sum: &mut [Word], factor: Word, number: &[Word]) {
    let mut carry = 0;
    let mut slots = sum.iter_mut();
    for (word, slot) in number.iter().zip(slots.by_ref()) {
        // Two words always hold this.
        let wide = Wide::from(factor).wrapping_mul(Wide::from(*word));
        let wide = wide.wrapping_add(Wide::from(*slot)).wrapping_add(Wide::from(carry));
        (*slot, carry) = (wide as Word, (wide >> Word::BITS) as Word);
    }
    for slot in slots {
        if carry == 0 {
            return;
        }
        let (word, over) = slot.overflowing_add(carry);
        (*slot, carry) = (word, Word::from(over));
    }
}

/// A big-endian number as `length` words.
fn read(bytes: &[u8], length: usize) -> Vec<Word> {
    let word = |chunk: &[u8]| chunk.iter().fold(0, |word, byte| word << 8 | Word::from(*byte));
    let mut words: Vec<Word> = bytes.rchunks(BYTES).map(word).collect();
    words.resize(length, 0);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
    use crypto_bigint::{BoxedUint, Odd};
    use proptest::prelude::*;

    /// The same by somebody else.
    fn theirs(modulus: &[u8], base: &[u8], exponent: u64) -> Vec<u8> {
        let odd = Odd::new(BoxedUint::from_be_slice_vartime(modulus)).unwrap();
        let bits = odd.bits_precision();
        let base = BoxedUint::from_be_slice(base, bits).unwrap();
        let base = BoxedMontyForm::new(base, &BoxedMontyParams::new_vartime(odd));
        base.pow(&BoxedUint::from(exponent)).retrieve().to_be_bytes().to_vec()
    }

    fn without_zeros(mut bytes: &[u8]) -> &[u8] {
        while let [0, rest @ ..] = bytes {
            bytes = rest;
        }
        bytes
    }

    /// Bytes where whole runs are 00 or ff as often as not: that is where carries go far.
    fn bytes(longest: usize) -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(0), Just(0xff), any::<u8>()];
        let run = (byte, 1..20_usize).prop_map(|(byte, count)| vec![byte; count]);
        let runs = proptest::collection::vec(run, 1..40).prop_map(|runs| runs.concat());
        (prop_oneof![runs, proptest::collection::vec(any::<u8>(), 1..longest)]).prop_map(move |mut bytes| {
            bytes.truncate(longest);
            bytes
        })
    }

    proptest! {
        #[test]
        fn powers_are_those_of_another_implementation(
            mut modulus in bytes(300), base in bytes(300), half in 1..1_u64 << 32, first in 1..=255_u8,
        ) {
            modulus[0] = first;
            *modulus.last_mut().unwrap() |= 1;
            prop_assume!(modulus != [1]);
            let exponent = half << 1 | 1;
            let base = without_zeros(&base);
            let below = (base.len(), base) < (modulus.len(), &modulus[..]);
            let expected = below.then(|| theirs(&modulus, base, exponent));
            let ours = Modulus::new(&modulus).unwrap().power(base, exponent);
            prop_assert_eq!(ours.as_deref().map(without_zeros), expected.as_deref().map(without_zeros));
        }
    }

    #[test]
    fn the_greatest_base_is_one_less_than_the_modulus() {
        for modulus in [vec![3], vec![0xff; 8], vec![0xff; 256], [&[1], &[0; 255][..], &[1]].concat()] {
            let ours = Modulus::new(&modulus).unwrap();
            assert_eq!(ours.power(&modulus, 3), None);
            let mut base = modulus.clone();
            *base.last_mut().unwrap() -= 1;
            // (-1)^3 = -1
            assert_eq!(without_zeros(&ours.power(&base, 3).unwrap()), base);
            assert!([0, 1, 2, 65_536].iter().all(|exponent| ours.power(&base, *exponent).is_none()));
        }
    }

    #[test]
    fn a_modulus_is_odd_and_more_than_one() {
        for bytes in [&[][..], &[0], &[1], &[2], &[0xff, 0xfe]] {
            assert!(Modulus::new(bytes).is_none(), "{bytes:?}");
        }
    }
}
