//! RS256 to RS512 (RFC 7518 §3.3) and PS256 to PS512 (RFC 7518 §3.5).

use alloc::{borrow::Cow, boxed::Box, vec::Vec};
use core::{convert::Infallible, marker::PhantomData};

use sha2::Digest;

use super::montgomery::Modulus;

/// 2,048 (RFC 7518 §3.3) to 8,192 bits, an odd modulus without leading zeros, and an odd public exponent from
/// 3 to 2^33 - 1: a larger one only costs time.
#[derive(Debug, Clone)]
pub(in crate::jose) struct RsaKey {
    modulus: Modulus,
    exponent: u64,
    /// The length of the modulus.
    bits: usize,
}

impl RsaKey {
    /// From modulus and public exponent, big-endian.
    pub(in crate::jose) fn from_parts(n: &[u8], e: &[u8]) -> Result<Self, &'static str> {
        // RFC 7518 §6.3.1.1, §6.3.1.2: the minimum number of octets, so that a key has one text and one thumbprint.
        let (Some(first @ 1..), Some(1..)) = (n.first(), e.first()) else {
            return Err("`n` or `e` is empty or starts with a zero byte");
        };
        // Sizes before arithmetic.
        if n.len() > 1024 || e.len() > 8 {
            return Err("`n` is longer than 8,192 bits, or `e` is too large");
        }
        if is_roca(n) {
            return Err("`n` was made by hardware whose keys can be factored (CVE-2017-15361)");
        }
        let wrong = "`n` must be odd and have 2,048 to 8,192 bits, `e` must be odd and from 3 to 2^33 - 1";
        let bits = n.len().saturating_mul(8).saturating_sub(first.leading_zeros() as usize);
        let exponent = e.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
        if bits < 2048 || exponent & 1 == 0 || !(3..1 << 33).contains(&exponent) {
            return Err(wrong);
        }
        Ok(Self { modulus: Modulus::new(n).ok_or(wrong)?, exponent, bits })
    }

    /// The length of the modulus, and of every signature, in bytes.
    pub(in crate::jose) fn size(&self) -> usize {
        self.bits.div_ceil(8)
    }

    /// The message that a signature is of, as long as the modulus (RFC 8017 §5.2.2); `None` for one of another length, or
    /// that is not below the modulus. All of it is public, so it may take its time.
    fn open(&self, signature: &[u8]) -> Option<Vec<u8>> {
        let signature = Some(signature).filter(|signature| signature.len() == self.size())?;
        let bytes = self.modulus.power(signature, self.exponent)?;
        // Whole words: what is more than the modulus is zero.
        bytes.get(bytes.len().checked_sub(self.size())?..).map(<[u8]>::to_vec)
    }
}

/// Whether a modulus has the fingerprint of the primes k·M + (65537^a mod M): its remainder modulo every small
/// prime is a power of 65537. Of other keys, less than one in 10^8 looks like that.
fn is_roca(n: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
        103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.iter().all(|prime| {
        // Every number here is below 2^16: nothing overflows, and no prime is zero.
        let reduce = |value: u32| value.checked_rem(*prime).unwrap_or(0);
        let remainder = n.iter().fold(0, |sum, byte| reduce((sum << 8) | u32::from(*byte)));
        let powers =
            core::iter::successors(Some(1), |power: &u32| Some(reduce(power.saturating_mul(reduce(65_537)))));
        powers.take(*prime as usize).any(|power| power == remainder)
    })
}

/// How a hash is signed.
pub(in crate::jose) trait Scheme {
    /// The registered name.
    const NAME: &'static str;

    /// Checks a signature; the length must be that of the modulus.
    fn verify(key: &RsaKey, message: &[u8], signature: &[u8]) -> bool;
}

/// One of the six algorithms.
pub(in crate::jose) struct Rsa<S>(PhantomData<S>);

impl<S> Rsa<S> {
    pub(in crate::jose) const NEW: Self = Self(PhantomData);
}

/// A number as long as the modulus; its length is checked against the key.
pub(in crate::jose) struct RsaSignature(Box<[u8]>);

impl jwt_compact::AlgorithmSignature for RsaSignature {
    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        Ok(Self(slice.into()))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.0)
    }
}

impl<S: Scheme> jwt_compact::Algorithm for Rsa<S> {
    type SigningKey = Infallible;
    type VerifyingKey = RsaKey;
    type Signature = RsaSignature;

    fn name(&self) -> Cow<'static, str> {
        S::NAME.into()
    }

    fn sign(&self, key: &Infallible, _message: &[u8]) -> RsaSignature {
        match *key {}
    }

    fn verify_signature(&self, signature: &RsaSignature, key: &RsaKey, message: &[u8]) -> bool {
        S::verify(key, message, &signature.0)
    }
}

macro_rules! pkcs1 {
    ($feature:literal, $Scheme:ident, $name:literal, $Hash:ident, $id:literal) => {
        #[doc = concat!("`", $name, "`.")]
        #[cfg(feature = $feature)]
        pub(in crate::jose) enum $Scheme {}

        #[cfg(feature = $feature)]
        impl Scheme for $Scheme {
            const NAME: &'static str = $name;

            fn verify(key: &RsaKey, message: &[u8], signature: &[u8]) -> bool {
                let hash = sha2::$Hash::digest(message);
                key.open(signature).is_some_and(|encoded| encoded == pkcs1(key.size(), $id, &hash))
            }
        }
    };
}

macro_rules! pss {
    ($feature:literal, $Scheme:ident, $name:literal, $Hash:ident) => {
        #[doc = concat!("`", $name, "`: the salt is as long as the hash (RFC 7518 §3.5).")]
        #[cfg(feature = $feature)]
        pub(in crate::jose) enum $Scheme {}

        #[cfg(feature = $feature)]
        impl Scheme for $Scheme {
            const NAME: &'static str = $name;

            fn verify(key: &RsaKey, message: &[u8], signature: &[u8]) -> bool {
                key.open(signature).is_some_and(|encoded| is_pss::<sha2::$Hash>(key.bits, encoded, message))
            }
        }
    };
}

pkcs1!("rs256", Rs256, "RS256", Sha256, 1);
pkcs1!("rs384", Rs384, "RS384", Sha384, 2);
pkcs1!("rs512", Rs512, "RS512", Sha512, 3);
pss!("ps256", Ps256, "PS256", Sha256);
pss!("ps384", Ps384, "PS384", Sha384);
pss!("ps512", Ps512, "PS512", Sha512);

/// EMSA-PKCS1-v1_5 (RFC 8017 §9.2): the one encoding of a hash. `id` is the last number of the hash's name.
#[allow(dead_code, reason = "a build holds the algorithms of its features only")]
fn pkcs1(size: usize, id: u8, hash: &[u8]) -> Vec<u8> {
    let length = hash.len() as u8;
    let name = [0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, id, 5, 0];
    let info = [&[0x30, length.saturating_add(17)], &name[..], &[4, length], hash].concat();
    let padding = size.saturating_sub(info.len()).saturating_sub(3);
    [&[0, 1], &alloc::vec![0xff; padding][..], &[0], &info].concat()
}

/// EMSA-PSS-VERIFY (RFC 8017 §9.1.2) with a salt as long as the hash. `bits`: the length of the modulus.
#[allow(dead_code, reason = "a build holds the algorithms of its features only")]
fn is_pss<D: Digest>(bits: usize, mut encoded: Vec<u8>, message: &[u8]) -> bool {
    let length = <D as Digest>::output_size();
    // The encoding has one bit less than the modulus; where that is a byte less, the first byte is zero.
    let unused = match bits.saturating_sub(1) % 8 {
        0 if encoded.first() == Some(&0) => {
            encoded.remove(0);
            0
        }
        0 => return false,
        used => 8_usize.saturating_sub(used),
    };
    let [masked @ .., 0xbc] = encoded.as_mut_slice() else { return false };
    let Some((data, hash)) = masked.len().checked_sub(length).and_then(|at| masked.split_at_mut_checked(at))
    else {
        return false;
    };
    let used = 0xff_u8 >> unused;
    if data.first().is_none_or(|first| first & !used != 0) {
        return false;
    }
    // MGF1 (RFC 8017 §B.2.1).
    for (counter, chunk) in (0_u32..).zip(data.chunks_mut(length)) {
        let mask = D::new().chain_update(&*hash).chain_update(counter.to_be_bytes()).finalize();
        chunk.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
    if let Some(first) = data.first_mut() {
        *first &= used;
    }
    let Some((padding, salt)) = data.len().checked_sub(length).and_then(|at| data.split_at_checked(at))
    else {
        return false;
    };
    let [zeros @ .., 1] = padding else { return false };
    let again = D::new().chain_update([0; 8]).chain_update(D::digest(message)).chain_update(salt).finalize();
    zeros.iter().all(|byte| *byte == 0) && again.as_slice() == hash
}
