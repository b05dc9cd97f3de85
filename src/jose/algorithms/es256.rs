//! ES256 (RFC 7518 §3.4), made faster for keys that verify many tokens.
//!
//! Most of the time of a verification goes into doubling points: 256 times, whatever the key. A key that stays can
//! have the doubled points laid out beforehand. Ours is the comb of Lim and Lee with eight teeth and two blocks: the
//! scalar is cut into eight rows of 32 bits, and a table holds the sum of every choice of the eight points 2^(32 j) P; a
//! second one holds those of 2^(32 j + 16) P. 15 doublings and at most 64 additions remain, for the generator
//! and the key together. All inputs are public, so nothing needs to be constant in time. Point and field
//! arithmetic are p256's own.

#![expect(clippy::arithmetic_side_effects, reason = "sums and products in a finite field do not overflow")]

use alloc::{borrow::Cow, sync::Arc, vec::Vec};
use core::{convert::Infallible, fmt, num::NonZeroUsize};

use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use p256::elliptic_curve::ops::{Invert, Reduce};
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::{BatchNormalize, Group, ff::PrimeField};
use p256::{AffinePoint, ProjectivePoint, Scalar};
use sha2::{Digest, Sha256};

/// The rows of a scalar, the bits of each, and how many of these one table serves.
const TEETH: usize = 8;
const COLUMNS: usize = 32;
const BLOCK: usize = 16;
const BLOCKS: usize = COLUMNS / BLOCK;

/// A point of the curve that is not the identity.
#[derive(Clone)]
pub(in crate::jose) struct P256Key {
    key: VerifyingKey,
    tables: Option<Tables>,
}

/// The table of the generator, and that of the key.
#[derive(Clone)]
struct Tables {
    generator: Arc<Comb>,
    key: Arc<Comb>,
}

impl fmt::Debug for P256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("P256Key").field(&self.key).finish()
    }
}

impl P256Key {
    /// From an uncompressed point.
    pub(in crate::jose) fn from_sec1_bytes(bytes: &[u8]) -> Option<Self> {
        VerifyingKey::from_sec1_bytes(bytes).ok().map(|key| Self { key, tables: None })
    }

    /// Whether its tables are laid out.
    pub(in crate::jose) fn is_prepared(&self) -> bool {
        self.tables.is_some()
    }

    /// Lays out the tables of this key: 36 KiB, and the time of a few verifications.
    pub(in crate::jose) fn prepare(&mut self, generator: &Arc<Comb>) {
        let key = Arc::new(Comb::new(ProjectivePoint::from(*self.key.as_affine())));
        self.tables = Some(Tables { generator: Arc::clone(generator), key });
    }
}

/// For each block b, the sums of every choice of the points 2^(32 j + 16 b) P, j from 0 to 7.
pub(in crate::jose) struct Comb([Vec<AffinePoint>; BLOCKS]);

impl Comb {
    /// The table of the generator.
    pub(in crate::jose) fn of_generator() -> Self {
        Self::new(ProjectivePoint::GENERATOR)
    }

    fn new(point: ProjectivePoint) -> Self {
        let mut blocks: [Vec<_>; BLOCKS] = core::array::from_fn(|_| Vec::from([ProjectivePoint::IDENTITY]));
        let mut tooth = point;
        for _ in 0..TEETH {
            for sums in &mut blocks {
                // Everything so far without this tooth, and then with it.
                let with: Vec<_> = sums.iter().map(|sum| *sum + tooth).collect();
                sums.extend(with);
                for _ in 0..BLOCK {
                    tooth = tooth.double();
                }
            }
        }
        Self(blocks.map(|sums| ProjectivePoint::batch_normalize(sums.as_slice())))
    }

    /// Adds the point that a column of a scalar chooses.
    fn add(&self, sum: ProjectivePoint, scalar: &[u8; 32], column: usize) -> ProjectivePoint {
        let mut choice = 0_usize;
        for tooth in 0..TEETH {
            let bit = tooth.saturating_mul(COLUMNS).saturating_add(column);
            // Big-endian bytes: bit 0 is in the last one.
            let byte = scalar.iter().rev().nth(bit / 8).copied().unwrap_or(0);
            choice |= usize::from(byte >> (bit % 8) & 1) << tooth;
        }
        match self.0.get(column / BLOCK).and_then(|sums| sums.get(choice)) {
            Some(point) if choice != 0 => sum + *point,
            _ => sum,
        }
    }
}

impl Tables {
    /// a G + b Q
    fn sum(&self, a: &Scalar, b: &Scalar) -> ProjectivePoint {
        let (a, b): ([u8; 32], [u8; 32]) = (a.to_repr().into(), b.to_repr().into());
        let mut sum = ProjectivePoint::IDENTITY;
        for row in (0..BLOCK).rev() {
            sum = sum.double();
            for column in (row..COLUMNS).step_by(BLOCK) {
                sum = self.generator.add(sum, &a, column);
                sum = self.key.add(sum, &b, column);
            }
        }
        sum
    }

    /// FIPS 186-5 §6.4.2; r and s are between 1 and n - 1 already.
    fn verify(&self, signature: &Signature, message: &[u8]) -> bool {
        let (r, s) = signature.split_scalars();
        let hash = <Scalar as Reduce<p256::FieldBytes>>::reduce(&Sha256::digest(message));
        let inverse: Scalar = *s.invert_vartime();
        let point = self.sum(&(hash * inverse), &(*r * inverse)).to_affine();
        // The identity has no x; its stand-in is zero, which r is not.
        <Scalar as Reduce<p256::FieldBytes>>::reduce(&point.x()) == *r
    }
}

/// `ES256`.
pub(in crate::jose) struct Es256;

/// `r` and `s`, both between 1 and n - 1.
pub(in crate::jose) struct P256Signature(Signature);

impl jwt_compact::AlgorithmSignature for P256Signature {
    const LENGTH: Option<NonZeroUsize> = NonZeroUsize::new(64);

    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        // Refuses zero and n or more (FIPS 186-5 §6.4.2): the signature of all zeros fits every message otherwise.
        Signature::from_slice(slice).map(Self).map_err(|_| anyhow::Error::msg("r or s is out of range"))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_bytes().to_vec())
    }
}

impl jwt_compact::Algorithm for Es256 {
    type SigningKey = Infallible;
    type VerifyingKey = P256Key;
    type Signature = P256Signature;

    fn name(&self) -> Cow<'static, str> {
        "ES256".into()
    }

    fn sign(&self, key: &Infallible, _message: &[u8]) -> P256Signature {
        match *key {}
    }

    fn verify_signature(&self, signature: &P256Signature, key: &P256Key, message: &[u8]) -> bool {
        match &key.tables {
            Some(tables) => tables.verify(&signature.0, message),
            None => key.key.verify(message, &signature.0).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables against p256's own multiplication, over scalars with every kind of column.
    #[test]
    fn the_comb_adds_up() {
        let point = ProjectivePoint::GENERATOR * Scalar::from(7_u64);
        let tables = Tables { generator: Arc::new(Comb::of_generator()), key: Arc::new(Comb::new(point)) };
        let mut scalars = Vec::from([Scalar::ZERO, Scalar::ONE, Scalar::ZERO - Scalar::ONE]);
        scalars.extend((0..255).step_by(11).map(|n| (0..n).fold(Scalar::ONE, |sum, _| sum + sum)));
        for n in 0_u8..40 {
            scalars.push(<Scalar as Reduce<p256::FieldBytes>>::reduce(&Sha256::digest([n])));
        }
        for (a, b) in scalars.iter().zip(scalars.iter().rev().chain(&scalars)) {
            let expected = ProjectivePoint::GENERATOR * *a + point * *b;
            assert_eq!(tables.sum(a, b), expected);
        }
        // a G + b Q where the two cancel: 7 G - Q.
        assert_eq!(
            tables.sum(&Scalar::from(7_u64), &(Scalar::ZERO - Scalar::ONE)),
            ProjectivePoint::IDENTITY
        );
    }
}
