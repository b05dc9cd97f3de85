//! A whole set-up in a test file: a configuration, rules, tuples, and tokens that are signed with keys of the test.

use std::sync::Arc;

use actfor::Guard;
use actfor::identity::dialect::Dialect;
use actfor::jose::Algorithm;
use actfor::json::{Limits, Object, Value, Writer, parse};
use actfor::relation::Tuple;
use actfor_mint::{SigningKey, dialects};

use crate::node::{known, member, object, string};
use crate::store::{Read, StoreError, wrong};

/// The second in which requests are made where a file does not say another one.
const NOW: u64 = 1_795_000_060;
/// How long before that a token was issued, and how long it lives.
const AGE: u64 = 60;
const LIFETIME: u64 = 300;
/// How many tokens may be `like` each other.
const MOST_LIKE: usize = 16;

/// A set-up: who is trusted, what the rules are, and the tokens by their names.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The rules.
    pub rules: String,
    /// The files that they name.
    pub files: Vec<(String, String)>,
    /// The tuples.
    pub tuples: Vec<Tuple>,
    /// The second in which requests are made.
    pub now: u64,
    config: Object<'static>,
    tokens: Object<'static>,
    keys: Arc<Keys>,
}

/// The keys of a test: one for each issuer, one for each who approves, and that of the clients.
#[derive(Debug)]
struct Keys {
    issuers: Vec<SigningKey>,
    approvers: Vec<SigningKey>,
    client: SigningKey,
}

/// A token as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Minted {
    pub compact: String,
    /// The header field that it goes into.
    pub header: &'static str,
    /// Whether it is bound to the key of the clients.
    pub bound: bool,
}

impl Setup {
    /// Reads what a file says of it; `None` where it has no configuration. `tuples` are those of the file.
    pub(crate) fn read(
        file: &Value<'_>,
        tuples: &[Tuple],
        read: &Read<'_>,
    ) -> Result<Option<Self>, StoreError> {
        let config = match (object(file, "config")?, string(file, "config_file")?) {
            (None, None) => {
                let alone = ["policy", "policy_file", "tokens", "now", "coverage"];
                return match alone.iter().find(|name| member(file, name).is_some()) {
                    Some(name) => Err(wrong(format!("`{name}` needs a `config` or a `config_file`"))),
                    None => Ok(None),
                };
            }
            (Some(config), None) => config.clone().into_owned(),
            (None, Some(name)) => match parse(read(name)?.as_bytes(), &Limits::CONFIG) {
                Ok(Value::Object(config)) => config.into_owned(),
                Ok(other) => return Err(wrong(format!("{name}: it is {}, not an object", other.kind()))),
                Err(error) => return Err(wrong(format!("{name}: {error}"))),
            },
            (Some(_), Some(_)) => return Err(wrong("`config` and `config_file` exclude each other")),
        };
        let own = config.get("policy");
        let rules = match (string(file, "policy")?, string(file, "policy_file")?, own) {
            (Some(rules), None, None) => rules.to_owned(),
            (None, Some(name), None) => read(name)?,
            (None, None, Some(Value::String(rules))) => rules.clone().into_owned(),
            (None, None, Some(_)) => return Err(wrong("`policy` of the configuration is a pack, not rules")),
            (None, None, None) => return Err(wrong("there is no `policy` and no `policy_file`")),
            _ => {
                return Err(wrong(
                    "`policy`, `policy_file` and `policy` of the configuration exclude each other",
                ));
            }
        };
        let mut tuples = tuples.to_vec();
        for tuple in config.get("tuples").and_then(Value::as_array).unwrap_or_default() {
            tuples.push(Tuple::from_value(tuple).map_err(|error| wrong(format!("`tuples`: {error}")))?);
        }
        let now = match member(file, "now") {
            None => NOW,
            Some(now) => {
                now.as_u64().ok_or_else(|| wrong("`now` is a number of seconds since 1970-01-01 UTC"))?
            }
        };
        let files = files(&rules, file, &config, read)?;
        let tokens = object(file, "tokens")?.cloned().unwrap_or_default().into_owned();
        let keys = Arc::new(Keys::new(&config)?);
        Ok(Some(Self { rules, files, tuples, now, config, tokens, keys }))
    }

    /// The configuration document: the file's, with a key of the test for everybody who signs.
    pub fn config(&self) -> String {
        let mut writer = Writer::default();
        writer.object(|w| {
            for (name, value) in self.config.iter() {
                match name {
                    "policy" | "files" | "tuples" => {}
                    "issuers" => with_keys(w.key(name), value, &self.keys.issuers),
                    "approvals" => with_keys(w.key(name), value, &self.keys.approvers),
                    name => w.key(name).value(value),
                }
            }
            w.key("policy").string(&self.rules);
            if !self.files.is_empty() {
                w.key("files")
                    .object(|w| self.files.iter().for_each(|(name, text)| w.key(name).string(text)));
            }
            if !self.tuples.is_empty() {
                w.key("tuples").array(|w| self.tuples.iter().for_each(|tuple| tuple.write(w)));
            }
        });
        writer.finish()
    }

    /// The guard.
    ///
    /// # Errors
    /// Where the configuration or the rules do not load.
    pub fn guard(&self) -> Result<Guard, StoreError> {
        Guard::from_config(self.config().as_bytes(), 1).map_err(|error| wrong(error.to_string()))
    }

    /// A token by its name, signed.
    ///
    /// # Errors
    /// Where there is none of that name, or it is not well formed.
    pub fn token(&self, name: &str) -> Result<String, StoreError> {
        self.mint(name).map(|minted| minted.compact)
    }

    pub(crate) fn mint(&self, name: &str) -> Result<Minted, StoreError> {
        let in_token = |error: StoreError| wrong(format!("token `{name}`: {error}"));
        let definition = self.definition(name)?;
        let (claims, typ) = self.claims(definition).map_err(in_token)?;
        let issuers = self.config.get("issuers").and_then(Value::as_array).unwrap_or_default();
        let text = |value: &Value<'_>, name: &str| {
            value.as_object().and_then(|o| o.get(name)?.as_str().map(String::from))
        };
        let iss = claims.iter().find(|(name, _)| name == "iss").and_then(|(_, value)| value.as_str());
        // A token of an issuer that nobody knows is signed by the first.
        let place =
            issuers.iter().position(|issuer| iss.is_some() && text(issuer, "issuer").as_deref() == iss);
        let place = place.unwrap_or_default();
        let (Some(issuer), Some(key)) = (issuers.get(place), self.keys.issuers.get(place)) else {
            return Err(in_token(wrong("the configuration has no issuer")));
        };
        let dialect = text(issuer, "dialect").and_then(|name| Dialect::from_name(&name));
        let audience = issuer.as_object().and_then(|issuer| issuer.get("audience"));
        let audience =
            audience.map(|audience| audience.as_array().and_then(<[_]>::first).unwrap_or(audience));
        let free = text(issuer, "binding").as_deref() == Some("optional");
        let bound = match member(definition, "bound") {
            None => !free && claims.iter().all(|(name, _)| name != "cnf"),
            Some(value) => value.as_bool().ok_or_else(|| in_token(wrong("`bound` is true or false")))?,
        };
        let mut writer = Writer::default();
        let thumbprint = self.keys.client.thumbprint().map_err(|error| wrong(error.to_string()))?;
        let silent = |name: &str| claims.iter().all(|(known, _)| known != name);
        let issued = self.now.saturating_sub(AGE);
        writer.object(|w| {
            claims.iter().for_each(|(name, value)| w.key(name).value(value));
            if silent("iss") {
                w.key("iss").string(&text(issuer, "issuer").unwrap_or_default());
            }
            if silent("aud") {
                w.key("aud").value(audience.unwrap_or(&Value::Null));
            }
            if silent("iat") {
                w.key("iat").number(issued);
            }
            if silent("exp") {
                w.key("exp").number(issued.saturating_add(LIFETIME));
            }
            if silent("jti") {
                w.key("jti").string(name);
            }
            if bound {
                w.key("cnf").object(|w| w.key("jkt").string(&thumbprint));
            }
        });
        let claims = writer.finish();
        let compact = match typ.as_deref().or(dialect.map_or(Some("at+jwt"), dialects::typ)) {
            Some(typ) => key.sign(typ, &claims),
            None => {
                let mut header = Writer::default();
                header.object(|w| {
                    w.key("alg").string(key.algorithm().name());
                    w.key("kid").string(key.kid());
                });
                key.sign_as(header.finish().as_bytes(), claims.as_bytes())
            }
        };
        let header = if dialect == Some(Dialect::TxnToken) { "txn-token" } else { "authorization" };
        Ok(Minted { compact, header, bound })
    }

    fn definition(&self, name: &str) -> Result<&Value<'static>, StoreError> {
        self.tokens.get(name).ok_or_else(|| wrong(format!("there is no token `{name}` in `tokens`")))
    }

    /// The claims of a token and its `typ`: its own, and those of the token that it is `like`.
    fn claims(&self, definition: &Value<'static>) -> Result<(Claims, Option<String>), StoreError> {
        let mut claims: Claims = Vec::new();
        let mut typ = None;
        let mut next = Some(definition);
        for _ in 0..MOST_LIKE {
            let Some(definition) = next else { return Ok((claims, typ)) };
            known(definition, &["like", "typ", "bound", "claims"], "a token")?;
            for (name, value) in object(definition, "claims")?.into_iter().flat_map(Object::iter) {
                if claims.iter().all(|(known, _)| known != name) {
                    claims.push((name.into(), value.clone()));
                }
            }
            typ = typ.or(string(definition, "typ")?.map(String::from));
            next = string(definition, "like")?.map(|name| self.definition(name)).transpose()?;
        }
        Err(wrong(format!("more than {MOST_LIKE} tokens are `like` each other")))
    }

    /// An approval of what `digest` names: a JWT of its own type, with the claims that `members` say.
    pub(crate) fn approval(&self, members: &Value<'_>, digest: &str, now: u64) -> Result<String, StoreError> {
        let approvers = self.config.get("approvals").and_then(Value::as_array).unwrap_or_default();
        let name = |approver: &Value<'_>| string(approver, "issuer").ok().flatten().map(String::from);
        let iss = string(members, "iss")?.map(String::from).or(approvers.first().and_then(name));
        let place = approvers.iter().position(|approver| name(approver) == iss).unwrap_or_default();
        let key = self.keys.approvers.get(place);
        let key = key.ok_or_else(|| wrong("the configuration has no `approvals`"))?;
        let issuers = self.config.get("issuers").and_then(Value::as_array).unwrap_or_default();
        let audience = issuers.first().and_then(Value::as_object).and_then(|issuer| issuer.get("audience"));
        let mut writer = Writer::default();
        let own = |name: &str| member(members, name).is_none();
        writer.object(|w| {
            for (name, value) in members.as_object().into_iter().flat_map(Object::iter) {
                if !matches!(name, "typ" | "iss") {
                    w.key(name).value(value);
                }
            }
            w.key("iss").string(iss.as_deref().unwrap_or_default());
            if own("aud") {
                w.key("aud").value(audience.unwrap_or(&Value::Null));
            }
            if own("iat") {
                w.key("iat").number(now);
            }
            if own("jti") {
                w.key("jti").string("approval");
            }
            if own("approval_digest") {
                w.key("approval_digest").string(digest);
            }
        });
        Ok(key.sign(string(members, "typ")?.unwrap_or("agent-approval+jwt"), &writer.finish()))
    }

    /// A proof of the clients' key for a request, where a base address says what it is called.
    pub(crate) fn proof(&self, method: &str, url: &str, token: &str, now: u64) -> Result<String, StoreError> {
        let bases =
            self.config.get("proof").and_then(Value::as_object).and_then(|proof| proof.get("base_urls"));
        let base = bases.and_then(Value::as_array).and_then(<[_]>::first).and_then(Value::as_str);
        let base = base.unwrap_or_default().trim_end_matches('/');
        let path = url.split('?').next().unwrap_or_default();
        let proof = actfor_mint::Proof {
            jti: "proof",
            method,
            url: &format!("{base}{path}"),
            issued_at: now,
            access_token: token,
            nonce: None,
        };
        self.keys.client.prove(&proof).map_err(|error| wrong(error.to_string()))
    }
}

type Claims = Vec<(String, Value<'static>)>;

impl Keys {
    fn new(config: &Object<'_>) -> Result<Self, StoreError> {
        let key = |seed: u8| {
            SigningKey::from_seed(Algorithm::Es256, [seed; 32]).map_err(|error| wrong(error.to_string()))
        };
        let each = |name: &str, first: u8| {
            let items = config.get(name).and_then(Value::as_array).unwrap_or_default();
            (first..first.saturating_add(64))
                .zip(items)
                .map(|(seed, _)| key(seed))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { issuers: each("issuers", 1)?, approvers: each("approvals", 101)?, client: key(201)? })
    }
}

/// The files that `model "NAME"` lines name: the file's own model, or one beside it.
fn files(
    rules: &str,
    file: &Value<'_>,
    config: &Object<'_>,
    read: &Read<'_>,
) -> Result<Vec<(String, String)>, StoreError> {
    let mut found = Vec::new();
    for line in rules.lines() {
        let mut parts = line.split('"');
        let (Some("model"), Some(name)) = (parts.next().map(str::trim), parts.next()) else { continue };
        let own = config.get("files").and_then(Value::as_object).and_then(|files| files.get(name)?.as_str());
        let text = match (own, string(file, "model")?) {
            (Some(text), _) | (None, Some(text)) => text.to_owned(),
            (None, None) => match string(file, "model_file")? {
                Some(other) if other != name => {
                    return Err(wrong(format!("`model_file` is `{other}`, and the rules name `{name}`")));
                }
                Some(_) | None => read(name)?,
            },
        };
        found.push((name.to_owned(), text));
    }
    Ok(found)
}

/// Those who sign, each with a key of the test instead of its own.
fn with_keys(w: &mut Writer, value: &Value<'_>, keys: &[SigningKey]) {
    let Some(items) = value.as_array() else { return w.value(value) };
    w.array(|w| {
        for (item, key) in items.iter().zip(keys) {
            let Some(members) = item.as_object() else {
                w.value(item);
                continue;
            };
            w.object(|w| {
                for (name, value) in members.iter() {
                    if !matches!(name, "algorithms" | "jwks" | "jwks_uri" | "jwks_max_age") {
                        w.key(name).value(value);
                    }
                }
                w.key("algorithms").array(|w| w.string(key.algorithm().name()));
                w.key("jwks").object(|w| w.key("keys").array(|w| w.raw(&key.public_jwk())));
            });
        }
    });
}
