//! The host's own crypto, where it has one that answers at once: `node:crypto`. Other hosts leave it out, and the code in
//! here checks signatures.

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
    static CRYPTO: RefCell<Option<Crypto>> = const { RefCell::new(None) };
}

/// Has `crypto` check signatures for every guard that is built from now on.
#[wasm_bindgen(js_name = useCrypto)]
pub fn use_crypto(crypto: Crypto) {
    CRYPTO.set(Some(crypto));
}

/// What guards ask, if JavaScript has given us something.
pub(crate) fn host() -> Option<&'static dyn HostCrypto> {
    CRYPTO.with_borrow(Option::is_some).then_some(&JsCrypto)
}

#[derive(Debug)]
struct JsCrypto;

impl HostCrypto for JsCrypto {
    fn verify(&self, key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool> {
        CRYPTO.with_borrow(|crypto| {
            let (thumbprint, jwk) = (key.thumbprint(), key.canonical_jwk().as_bytes());
            match crypto.as_ref()?.verify(algorithm.name(), &thumbprint, jwk, message, signature) {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            }
        })
    }
}
