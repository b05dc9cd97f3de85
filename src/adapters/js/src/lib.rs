//! wasm-bindgen bindings of actfor.
//!
//! A request crosses once: JavaScript writes it into a buffer that a [`Generation`] owns (see [`wire`]) and
//! one call gives back a packed verdict. The document is written only when it is read, by deciding the same
//! bytes again. Everything else that crosses is off the hot path: JSON text in, plain objects out.

mod audit;
mod compile;
mod crypto;
mod facts;
mod generation;
mod model;
mod testing;
mod thrown;
mod wire;

pub use audit::AuditChain;
pub use compile::Compilation;
pub use crypto::use_crypto;
pub use generation::Generation;
pub use model::RelationModel;
pub use testing::TestIssuer;

use actfor::identity::dialect::Dialect;
use actfor::{Code, Guard};
use wasm_bindgen::prelude::*;

/// The header fields that JavaScript has to hand over, one a line.
#[wasm_bindgen(js_name = headerNames)]
#[must_use]
pub fn header_names() -> String {
    Guard::HEADERS.join("\n")
}

/// The names of all codes, one a line; the number in a packed verdict is the line, counted from 1.
#[wasm_bindgen(js_name = codeNames)]
#[must_use]
pub fn code_names() -> String {
    let names: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    names.join("\n")
}

/// The names of all checks, one a line; in a short document, the letter at a place is what became of that line's.
#[wasm_bindgen(js_name = checkNames)]
#[must_use]
pub fn check_names() -> String {
    let names: Vec<&str> = Guard::check_names().collect();
    names.join(
        "
",
    )
}

/// Shows what a token says (JSON). Nothing is verified. Without `dialect` that is guessed, for showing only.
///
/// # Errors
/// A plain object `{ code, path, message, position }`.
#[wasm_bindgen]
pub fn inspect(token: &str, dialect: Option<String>) -> Result<String, JsValue> {
    let known = |name: &String| {
        let unknown = || thrown::argument("dialect", "there is no such dialect");
        Dialect::from_name(name).ok_or_else(unknown)
    };
    Ok(actfor::inspect(token, dialect.as_ref().map(known).transpose()?))
}
