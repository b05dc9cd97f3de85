//! RS256 to RS512 (RFC 7518 §3.3) and PS256 to PS512 (RFC 7518 §3.5).

use alloc::{borrow::Cow, boxed::Box};
use core::{convert::Infallible, marker::PhantomData};

use rsa::{BoxedUint, PublicKey};

/// 2,048 (RFC 7518 §3.3) to 8,192 bits, an odd modulus without leading zeros, and an odd public exponent from
/// 3 to 2^33 - 1: a larger one only costs time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::jose) struct RsaKey(PublicKey);

impl RsaKey {
    /// From modulus and public exponent, big-endian.
    pub(in crate::jose) fn from_parts(n: &[u8], e: &[u8]) -> Result<Self, &'static str> {
        // RFC 7518 §6.3.1.1, §6.3.1.2: the minimum number of octets, so that a key has one text and one thumbprint.
        if n.first().is_none_or(|byte| *byte == 0) || e.first().is_none_or(|byte| *byte == 0) {
            return Err("`n` or `e` is empty or starts with a zero byte");
        }
        // Sizes before arithmetic.
        if n.len() > 1024 || e.len() > 8 {
            return Err("`n` is longer than 8,192 bits, or `e` is too large");
        }
        if is_roca(n) {
            return Err("`n` was made by hardware whose keys can be factored (CVE-2017-15361)");
        }
        let n = BoxedUint::from_be_slice_vartime(n);
        let e = BoxedUint::from_be_slice_vartime(e);
        PublicKey::new_with_size_limits(n, e, 2048..=8192).map(Self).map_err(
            |_| "`n` must be odd and have 2,048 to 8,192 bits, `e` must be odd and from 3 to 2^33 - 1",
        )
    }

    /// The length of the modulus, and of every signature, in bytes.
    pub(in crate::jose) fn size(&self) -> usize {
        rsa::traits::PublicKeyParts::size(&self.0)
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
    fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool;
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
        S::verify(&key.0, message, &signature.0)
    }
}

macro_rules! pkcs1 {
    ($feature:literal, $Scheme:ident, $name:literal, $Hash:ident) => {
        #[doc = concat!("`", $name, "`.")]
        #[cfg(feature = $feature)]
        pub(in crate::jose) enum $Scheme {}

        #[cfg(feature = $feature)]
        impl Scheme for $Scheme {
            const NAME: &'static str = $name;

            fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
                use sha2::Digest;
                let hash = sha2::$Hash::digest(message);
                key.verify(rsa::Pkcs1v15Sign::new::<sha2::$Hash>(), &hash, signature).is_ok()
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

            fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
                key.pss_verify::<sha2::$Hash>(message, signature).is_ok()
            }
        }
    };
}

pkcs1!("rs256", Rs256, "RS256", Sha256);
pkcs1!("rs384", Rs384, "RS384", Sha384);
pkcs1!("rs512", Rs512, "RS512", Sha512);
pss!("ps256", Ps256, "PS256", Sha256);
pss!("ps384", Ps384, "PS384", Sha384);
pss!("ps512", Ps512, "PS512", Sha512);
