//! `actfor mint`: development keys and tokens. Never for production: keys are files as they are.

use std::path::PathBuf;
use std::process::ExitCode;

use actfor::jose::Algorithm;
use actfor::json::Writer;
use actfor::quote;
use actfor_mint::SigningKey;
use actfor_mint::patterns::{Mint, Pattern, claims};
use lexopt::prelude::*;

use crate::configuration;
use crate::failure::Failure;
use crate::{output, request};

const HELP: &str = "\
actfor mint: make development keys and tokens; never for production.

  actfor mint key [--alg ES256|Ed25519]          a fresh private key (JWK)
  actfor mint jwks --key FILE                    its public key set, for a configuration's `jwks`
  actfor mint --key FILE --pattern NAME          a token of a running example:
                                                 interactive, offline, automated, transitive, transitive-interactive
  actfor mint --key FILE --claims FILE           a token with these claims (JSON)

  --issuer URL       `iss` of a pattern's token; default https://as.example
  --audience URL     `aud` of a pattern's token; default https://api.example
  --now SECONDS      when it is issued, in seconds since 1970-01-01 UTC; default: now
  --typ TYPE         `typ` of the token; default at+jwt
  --json             token, header fields and public key set as one JSON object
";

/// What the options say.
#[derive(Default)]
struct Options {
    what: Option<String>,
    algorithm: Option<String>,
    key: Option<PathBuf>,
    pattern: Option<String>,
    claims: Option<PathBuf>,
    issuer: Option<String>,
    audience: Option<String>,
    now: Option<u64>,
    typ: Option<String>,
    json: bool,
}

/// A token, and the one that goes along in `Agent-Chain`.
struct Minted {
    token: String,
    parent: Option<String>,
}

/// Runs the command.
pub fn run(parser: &mut lexopt::Parser) -> Result<ExitCode, Failure> {
    let mut options = Options::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Value(what) if options.what.is_none() => options.what = Some(what.string()?),
            Long("alg") => options.algorithm = Some(parser.value()?.string()?),
            Long("key") => options.key = Some(parser.value()?.into()),
            Long("pattern") => options.pattern = Some(parser.value()?.string()?),
            Long("claims") => options.claims = Some(parser.value()?.into()),
            Long("issuer") => options.issuer = Some(parser.value()?.string()?),
            Long("audience") => options.audience = Some(parser.value()?.string()?),
            Long("now") => options.now = Some(parser.value()?.parse()?),
            Long("typ") => options.typ = Some(parser.value()?.string()?),
            Long("json") => options.json = true,
            Short('h') | Long("help") => return output::text(HELP),
            other => return Err(other.unexpected().into()),
        }
    }
    let text = match options.what.as_deref() {
        Some("key") => fresh_key(options.algorithm.as_deref())?,
        Some("jwks") => key_set(&options.key()?),
        None => options.token()?,
        Some(other) => {
            let known = "write `actfor mint key`, `actfor mint jwks` or `actfor mint --pattern NAME`";
            return Err(Failure::usage(format!("there is nothing called {} to mint; {known}", quote(other))));
        }
    };
    output::text(&format!("{text}\n"))
}

fn fresh_key(algorithm: Option<&str>) -> Result<String, Failure> {
    let name = algorithm.unwrap_or("ES256");
    let algorithm = Algorithm::from_name(name).ok_or_else(|| {
        Failure::usage(format!("unknown algorithm {}; write ES256 or Ed25519", quote(name)))
    })?;
    let key = SigningKey::generate(algorithm).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(key.to_jwk())
}

fn key_set(key: &SigningKey) -> String {
    format!("{{\"keys\":[{}]}}", key.public_jwk())
}

impl Options {
    fn key(&self) -> Result<SigningKey, Failure> {
        let Some(path) = &self.key else {
            return Err(Failure::usage("which key? write `--key FILE`; `actfor mint key > FILE` makes one"));
        };
        let text = configuration::text(path)?;
        SigningKey::from_jwk(text.trim()).map_err(|error| Failure::file(path, error))
    }

    fn token(&self) -> Result<String, Failure> {
        let key = self.key()?;
        let minted = match (&self.pattern, &self.claims) {
            (Some(name), None) => self.pattern(&key, name)?,
            (None, Some(path)) => {
                configuration::value(path)?;
                let claims = configuration::text(path)?;
                Minted { token: key.sign(self.typ(), &claims), parent: None }
            }
            _ => {
                return Err(Failure::usage(
                    "what goes into the token? write `--pattern NAME` or `--claims FILE`",
                ));
            }
        };
        Ok(if self.json { minted.describe(&key) } else { minted.token })
    }

    fn pattern(&self, key: &SigningKey, name: &str) -> Result<Minted, Failure> {
        let known = Pattern::ALL.map(Pattern::name).join(", ");
        let pattern = Pattern::from_name(name)
            .ok_or_else(|| Failure::usage(format!("unknown pattern {}; there are {known}", quote(name))))?;
        let now = self.now.or_else(|| request::now().map(actfor::Timestamp::seconds));
        let now =
            now.ok_or_else(|| Failure::usage("the clock of this machine is not set; write `--now SECONDS`"))?;
        let mut mint = Mint::fresh(now).map_err(|error| Failure::usage(error.to_string()))?;
        if let Some(issuer) = &self.issuer {
            mint.issuer.clone_from(issuer);
        }
        if let Some(audience) = &self.audience {
            mint.audience.clone_from(audience);
        }
        let sign = |pattern: Pattern| key.sign(self.typ(), &claims(pattern, &mint));
        Ok(Minted { token: sign(pattern), parent: pattern.parent().map(sign) })
    }

    fn typ(&self) -> &str {
        self.typ.as_deref().unwrap_or("at+jwt")
    }
}

impl Minted {
    fn describe(&self, key: &SigningKey) -> String {
        let mut w = Writer::default();
        w.object(|w| {
            w.key("token").string(&self.token);
            w.key("headers").object(|w| {
                w.key("authorization").string(&format!("Bearer {}", self.token));
                if let Some(parent) = &self.parent {
                    w.key("agent-chain").string(parent);
                }
            });
            w.key("jwks").raw(&key_set(key));
        });
        w.finish()
    }
}
