//! The host's own crypto: `node:crypto`, which answers at once, or Web Crypto, which is asked ahead of the decision that
//! counts. What it does not answer, the code in here checks.

use std::cell::RefCell;

use actfor::jose::{Algorithm, HostCrypto, Key};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// An object with a method `verify` that never throws.
    pub type Crypto;

    /// 1: the signature holds; 0: it does not; anything else: ask somebody else. The arrays are views of memory that
    /// is only lent.
    #[wasm_bindgen(method, structural)]
    fn verify(
        this: &Crypto,
        algorithm: &str,
        thumbprint: &[u8],
        jwk: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> u32;
}

thread_local! {
    static CRYPTO: RefCell<Option<(Crypto, bool)>> = const { RefCell::new(None) };
}

/// Has `crypto` check signatures for every guard that is built from now on; `at_once` says that it always answers, so
/// that the code in here need not be prepared.
#[wasm_bindgen(js_name = useCrypto)]
pub fn use_crypto(crypto: Crypto, at_once: bool) {
    CRYPTO.set(Some((crypto, at_once)));
}

/// What guards ask, if JavaScript has given us something.
pub(crate) fn host() -> Option<&'static dyn HostCrypto> {
    CRYPTO.with_borrow(Option::is_some).then_some(&JsCrypto)
}

/// Whether the keys of a guard are for the code in here.
pub(crate) fn verifies_here() -> bool {
    CRYPTO.with_borrow(|crypto| !matches!(crypto, Some((_, true))))
}

#[derive(Debug)]
struct JsCrypto;

impl HostCrypto for JsCrypto {
    fn verify(&self, key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool> {
        CRYPTO.with_borrow(|crypto| {
            let (thumbprint, jwk) = (key.thumbprint(), key.canonical_jwk().as_bytes());
            match crypto.as_ref()?.0.verify(algorithm.name(), &thumbprint, jwk, message, signature) {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            }
        })
    }
}
