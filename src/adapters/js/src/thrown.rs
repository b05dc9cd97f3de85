//! What JavaScript catches: a plain object, which `js/src` turns into an `ActforError`.

use actfor::{ConfigError, Refusal};
use serde::Serialize;
use wasm_bindgen::JsValue;

/// The shape of a thrown error.
#[derive(Serialize)]
struct Thrown<'a> {
    code: &'a str,
    path: &'a str,
    message: String,
    position: Option<Position<'a>>,
}

#[derive(Serialize)]
struct Position<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    symbol: &'a str,
}

/// A configuration error as a plain object.
pub(crate) fn config(error: &ConfigError) -> JsValue {
    let position = error.position.as_ref().map(|at| Position {
        file: &at.file,
        line: at.line,
        column: at.column,
        symbol: &at.symbol,
    });
    value(&Thrown { code: error.code.as_str(), path: &error.path, message: error.to_string(), position })
}

/// Why a token is not accepted, as a plain object.
pub(crate) fn refusal(refusal: &Refusal) -> JsValue {
    let message = refusal.detail.clone();
    value(&Thrown { code: refusal.code.as_str(), path: "", message, position: None })
}

/// An error of what the host handed over: an option, or the host itself.
pub(crate) fn argument(path: &str, message: &str) -> JsValue {
    value(&Thrown { code: "config_invalid", path, message: message.into(), position: None })
}

fn value(thrown: &Thrown<'_>) -> JsValue {
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    thrown.serialize(&serializer).unwrap_or(JsValue::NULL)
}
