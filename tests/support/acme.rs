//! The running examples: keys, configuration, tokens and requests.

use actfor::jose::Algorithm;
use actfor::json::{self, Writer};
use actfor::{Decision, Guard, Request, Timestamp};
use actfor_mint::SigningKey;
use actfor_mint::patterns::{Mint, Pattern, claims};

/// The second in which the requests of the examples are made.
pub const NOW: u64 = 1_795_000_060;
/// The rules.
pub const RULES: &str = include_str!("../vectors/patterns/acme.actfor");
/// The model.
pub const MODEL: &str = include_str!("../vectors/patterns/acme.fga");
/// The tuples.
pub const TUPLES: &str = include_str!("../vectors/patterns/tuples.json");

/// A guard and the key of the issuer that it trusts.
pub struct Acme {
    /// Signs tokens.
    pub key: SigningKey,
    /// What the configuration says beside keys.
    pub issuer_members: String,
    /// The rules.
    pub rules: String,
    /// The tuples.
    pub tuples: String,
}

impl Default for Acme {
    fn default() -> Self {
        Self {
            key: SigningKey::from_seed(Algorithm::Es256, [7; 32]).unwrap(),
            issuer_members: r#""dialect":"actfor","binding":"optional","speaks_for":["https://idp.example"],
                "clients":{"code-helper":"agent","test-runner":"agent","hr-agent":"agent","web-*":"app","both":"mixed"}"#
                .into(),
            rules: RULES.into(),
            tuples: compact(TUPLES),
        }
    }
}

impl Acme {
    /// The configuration document.
    pub fn config(&self) -> String {
        let names = r#"{"https://as.example":{"user":"user:{sub}","agent":"agent:{sub}","instance":"instance:{id}","client":"client:{client_id}"},
            "https://idp.example":{"user":"user:{sub}","same_as":"https://as.example"}}"#;
        let text = |text: &str| {
            let mut w = Writer::default();
            w.string(text);
            w.finish()
        };
        format!(
            r#"{{"issuers":[{{"issuer":"https://as.example","audience":["https://api.example"],"algorithms":["ES256"],
            "jwks":{{"keys":[{}]}},{}}}],"names":{names},"policy":{},"files":{{"acme.fga":{}}},"tuples":{}}}"#,
            self.key.public_jwk(),
            self.issuer_members,
            text(&self.rules),
            text(MODEL),
            self.tuples,
        )
    }

    /// The guard.
    pub fn guard(&self) -> Guard {
        Guard::from_config(self.config().as_bytes(), 1).unwrap_or_else(|e| panic!("{e}"))
    }

    /// The claims of a fixture token.
    pub fn claims(&self, pattern: Pattern) -> String {
        claims(pattern, &Mint::fixture())
    }

    /// A fixture token.
    pub fn token(&self, pattern: Pattern) -> String {
        self.sign(&self.claims(pattern))
    }

    /// An access token with these claims.
    pub fn sign(&self, claims: &str) -> String {
        self.key.sign("at+jwt", claims)
    }
}

/// JSON without white space.
fn compact(text: &str) -> String {
    let mut w = Writer::default();
    w.value(&json::parse(text.as_bytes(), &json::Limits::CONFIG).unwrap());
    w.finish()
}

/// Decides, and asserts that the explanation says the same.
pub fn decide(
    guard: &Guard,
    method: &str,
    url: &str,
    token: &str,
    chain: Option<&str>,
    now: u64,
) -> (Decision, String) {
    let authorization = format!("Bearer {token}");
    let mut headers = vec![("authorization", authorization.as_bytes())];
    if let Some(chain) = chain {
        headers.push(("agent-chain", chain.as_bytes()));
    }
    let request = Request { id: "req-1", method, url, headers: &headers, ..Request::default() };
    let now = Timestamp::from_seconds(now);
    let decision = guard.decide(&request, now);
    let (explained, document) = guard.explain(&request, now);
    assert_eq!((decision.verdict(), decision.code()), (explained.verdict(), explained.code()));
    assert_eq!(decision.rule(), explained.rule());
    (decision, document)
}

/// The name of the code, or `allow`.
pub fn outcome(decision: &Decision) -> &'static str {
    decision.code().map_or("allow", |code| code.as_str())
}
