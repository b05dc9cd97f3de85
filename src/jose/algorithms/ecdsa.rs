//! ES256 and ES384 (RFC 7518 §3.4): ECDSA with `r` and `s` written one after the other, never DER.

macro_rules! ecdsa {
    ($feature:literal, $krate:ident, $name:literal, $bytes:literal, $Algorithm:ident, $PublicKey:ident, $EcSignature:ident) => {
        #[cfg(feature = $feature)]
        pub(in crate::jose) use $krate::ecdsa::VerifyingKey as $PublicKey;

        #[doc = concat!("`", $name, "`.")]
        #[cfg(feature = $feature)]
        pub(in crate::jose) struct $Algorithm;

        /// `r` and `s`, both between 1 and n - 1.
        #[cfg(feature = $feature)]
        pub(in crate::jose) struct $EcSignature($krate::ecdsa::Signature);

        #[cfg(feature = $feature)]
        impl jwt_compact::AlgorithmSignature for $EcSignature {
            const LENGTH: Option<core::num::NonZeroUsize> = core::num::NonZeroUsize::new($bytes);

            fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
                // Refuses zero and n or more (FIPS 186-5 §6.4.2): the signature of all zeros fits every message otherwise.
                $krate::ecdsa::Signature::from_slice(slice)
                    .map(Self)
                    .map_err(|_| anyhow::Error::msg("r or s is out of range"))
            }

            fn as_bytes(&self) -> alloc::borrow::Cow<'_, [u8]> {
                alloc::borrow::Cow::Owned(self.0.to_bytes().to_vec())
            }
        }

        #[cfg(feature = $feature)]
        impl jwt_compact::Algorithm for $Algorithm {
            type SigningKey = core::convert::Infallible;
            type VerifyingKey = $PublicKey;
            type Signature = $EcSignature;

            fn name(&self) -> alloc::borrow::Cow<'static, str> {
                $name.into()
            }

            fn sign(&self, key: &Self::SigningKey, _message: &[u8]) -> Self::Signature {
                match *key {}
            }

            fn verify_signature(&self, signature: &$EcSignature, key: &$PublicKey, message: &[u8]) -> bool {
                use $krate::ecdsa::signature::Verifier;
                key.verify(message, &signature.0).is_ok()
            }
        }
    };
}

ecdsa!("es256", p256, "ES256", 64, Es256, P256Key, P256Signature);
ecdsa!("es384", p384, "ES384", 96, Es384, P384Key, P384Signature);
