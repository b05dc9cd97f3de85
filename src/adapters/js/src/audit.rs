//! The chain of audit records of one writer.

use actfor::audit::{Chain, Head};
use wasm_bindgen::prelude::*;

use crate::thrown;

/// A writer's chain; see [`actfor::audit`].
#[wasm_bindgen]
pub struct AuditChain(Chain);

#[wasm_bindgen]
impl AuditChain {
    /// A new chain, or one that goes on behind a head (`CHAIN:SEQ:DIGEST`).
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`.
    #[wasm_bindgen(constructor)]
    pub fn new(id: &str, head: Option<String>) -> Result<Self, JsValue> {
        let Some(head) = head else { return Ok(Self(Chain::new(id))) };
        let head: Head = head.parse().map_err(|error| wrong("audit.head", &error))?;
        if head.chain_id != id {
            return Err(thrown::argument(
                "audit.head",
                "the head is that of another chain than `audit.chain`",
            ));
        }
        Ok(Self(Chain::resume(head)))
    }

    /// The record of a decision, from its document: one line.
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`.
    pub fn append(&mut self, document: &str) -> Result<String, JsValue> {
        self.0.append(document).map_err(|error| wrong("", &error))
    }

    /// Where the chain ends: `CHAIN:SEQ:DIGEST`.
    #[must_use]
    pub fn head(&self) -> String {
        self.0.head().to_string()
    }
}

fn wrong(path: &str, error: &actfor::audit::AuditError) -> JsValue {
    thrown::argument(path, &error.to_string())
}
