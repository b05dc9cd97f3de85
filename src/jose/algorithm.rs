//! The names of the signature algorithms that this build knows.

use core::fmt;

macro_rules! algorithms {
    ($( $(#[doc = $doc:literal])* $feature:literal $variant:ident = $name:literal, $family:ident; )*) => {
        /// A signature algorithm by its registered name. Only asymmetric ones: a key that can verify can never
        /// sign (RFC 8725 §2.1, §3.2). Each is a cargo feature of the same name in lower case.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Algorithm {
            $( $(#[doc = $doc])* #[cfg(feature = $feature)] $variant, )*
        }

        impl Algorithm {
            /// Every algorithm of this build.
            pub const ALL: &[Self] = &[$( #[cfg(feature = $feature)] Self::$variant, )*];

            /// The name in a header's `alg`.
            pub const fn name(self) -> &'static str {
                match self { $( #[cfg(feature = $feature)] Self::$variant => $name, )* }
            }

            /// The algorithm of that name, exactly as registered; `None` for others and for those that are not
            /// part of this build.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $( #[cfg(feature = $feature)] $name => Some(Self::$variant), )* _ => None }
            }

            /// What kind of key it needs.
            pub(crate) const fn family(self) -> Family {
                match self { $( #[cfg(feature = $feature)] Self::$variant => Family::$family, )* }
            }
        }
    };
}

/// What kind of key an algorithm needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "a build holds the families of its features only")]
pub(crate) enum Family {
    /// `kty` `OKP`, `crv` `Ed25519`.
    Ed25519,
    /// `kty` `EC`, `crv` `P-256`.
    P256,
    /// `kty` `EC`, `crv` `P-384`.
    P384,
    /// `kty` `RSA`, 2,048 to 8,192 bits.
    Rsa,
}

algorithms! {
    /// Ed25519 under its old, open-ended name (RFC 8037 §3.1). Ed448 is not meant by it here. List it beside
    /// [`Self::Ed25519`] only for issuers that still write it (RFC 9864 §2.2, §4.1.2).
    "ed25519" EdDsa = "EdDSA", Ed25519;
    /// Ed25519 under its fully-specified name (RFC 9864 §2.2).
    "ed25519" Ed25519 = "Ed25519", Ed25519;
    /// ECDSA with P-256 and SHA-256 (RFC 7518 §3.4).
    "es256" Es256 = "ES256", P256;
    /// ECDSA with P-384 and SHA-384 (RFC 7518 §3.4).
    "es384" Es384 = "ES384", P384;
    /// RSASSA-PSS with SHA-256 (RFC 7518 §3.5).
    "ps256" Ps256 = "PS256", Rsa;
    /// RSASSA-PSS with SHA-384 (RFC 7518 §3.5).
    "ps384" Ps384 = "PS384", Rsa;
    /// RSASSA-PSS with SHA-512 (RFC 7518 §3.5).
    "ps512" Ps512 = "PS512", Rsa;
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    "rs256" Rs256 = "RS256", Rsa;
    /// RSASSA-PKCS1-v1_5 with SHA-384 (RFC 7518 §3.3).
    "rs384" Rs384 = "RS384", Rsa;
    /// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 7518 §3.3).
    "rs512" Rs512 = "RS512", Rsa;
}

impl Algorithm {
    /// Whether it is the same computation with the same kind of key; true also for the two names of Ed25519.
    pub(crate) fn same_as(self, other: Self) -> bool {
        self == other || (self.family() == Family::Ed25519 && other.family() == Family::Ed25519)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(*algorithm));
        }
        for name in
            ["none", "None", "noNE", "", "es256", "ES256 ", "HS256", "HS512", "ES256K", "Ed448", "RSA1_5"]
        {
            assert_eq!(Algorithm::from_name(name), None, "{name:?}");
        }
    }
}
