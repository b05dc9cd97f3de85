//! The entry `actfor/testing`: an issuer in memory, with development keys and the tokens of the running examples.

use actfor::jose::Algorithm;
use actfor_mint::SigningKey;
use actfor_mint::patterns::{Mint, Pattern, claims};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::thrown;

/// An issuer in memory. Never for production.
#[wasm_bindgen]
pub struct TestIssuer {
    key: SigningKey,
    issuer: Option<String>,
    audience: Option<String>,
}

/// What JavaScript may choose; it has refused unknown options already, which cannot be seen from here.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    algorithm: Option<String>,
    audience: Option<String>,
    issuer: Option<String>,
    /// A private JWK as JSON text; without one, a fresh key is made.
    key: Option<String>,
}

/// A token and what goes along with it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Minted {
    token: String,
    agent_chain: Option<String>,
}

#[wasm_bindgen]
impl TestIssuer {
    /// An issuer with the key that `options` name, or a fresh one.
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`.
    #[wasm_bindgen(constructor)]
    pub fn new(options: JsValue) -> Result<Self, JsValue> {
        let options: Options = serde_wasm_bindgen::from_value(options)
            .map_err(|error| thrown::argument("options", &error.to_string()))?;
        let name = options.algorithm.as_deref().unwrap_or("ES256");
        let key = match (&options.key, Algorithm::from_name(name)) {
            (Some(jwk), _) => SigningKey::from_jwk(jwk),
            (None, Some(algorithm)) => SigningKey::generate(algorithm),
            (None, None) => {
                return Err(thrown::argument(
                    "options.algorithm",
                    "unknown algorithm; write `ES256` or `Ed25519`",
                ));
            }
        };
        let key = key.map_err(|error| thrown::argument("options", &error.to_string()))?;
        Ok(Self { key, issuer: options.issuer, audience: options.audience })
    }

    /// The public key set (JSON).
    #[must_use]
    pub fn jwks(&self) -> String {
        format!("{{\"keys\":[{}]}}", self.key.public_jwk())
    }

    /// The private key (JWK).
    #[wasm_bindgen(js_name = privateKey)]
    #[must_use]
    pub fn private_key(&self) -> String {
        self.key.to_jwk()
    }

    /// Signs claims (JSON).
    #[must_use]
    pub fn sign(&self, typ: &str, claims: &str) -> String {
        self.key.sign(typ, claims)
    }

    /// Signs any header and any payload (JSON texts), whether they make sense or not.
    #[wasm_bindgen(js_name = signAs)]
    #[must_use]
    pub fn sign_as(&self, header: &str, payload: &str) -> String {
        self.key.sign_as(header.as_bytes(), payload.as_bytes())
    }

    /// The thumbprint of the key (RFC 7638), in base64url.
    ///
    /// # Errors
    /// Never for a key that was accepted.
    pub fn thumbprint(&self) -> Result<String, JsValue> {
        self.key.thumbprint().map_err(|error| thrown::argument("", &error.to_string()))
    }

    /// SHA-256 of a text, in base64url: for the members of proofs and assertions that hash a token.
    #[must_use]
    pub fn digest(text: &str) -> String {
        actfor_mint::digest(text)
    }

    /// The token of a running example, issued at `now` (seconds since 1970-01-01 UTC), bound to the key of a thumbprint
    /// where there is one: `{ token, agentChain }`.
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`.
    pub fn mint(&self, pattern: &str, now: f64, thumbprint: Option<String>) -> Result<JsValue, JsValue> {
        let wrong = |path: &str, message: &str| thrown::argument(path, message);
        let pattern = Pattern::from_name(pattern).ok_or_else(|| {
            wrong(
                "pattern",
                &format!("unknown pattern; there are {}", Pattern::ALL.map(Pattern::name).join(", ")),
            )
        })?;
        let now = actfor::Timestamp::from_host(now).ok_or_else(|| wrong("now", "the clock is not set"))?;
        let mut mint = Mint::fresh(now.seconds()).map_err(|error| wrong("", &error.to_string()))?;
        mint.thumbprint = thumbprint;
        if let Some(issuer) = &self.issuer {
            mint.issuer.clone_from(issuer);
        }
        if let Some(audience) = &self.audience {
            mint.audience.clone_from(audience);
        }
        let sign = |pattern: Pattern| self.key.sign("at+jwt", &claims(pattern, &mint));
        let minted = Minted { token: sign(pattern), agent_chain: pattern.parent().map(sign) };
        minted.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).map_err(Into::into)
    }
}
