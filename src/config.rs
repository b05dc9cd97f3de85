//! The configuration document: one for every host, read strictly. Every error names its field.
//!
//! `issuer`, `audience`, `algorithms` and `dialect` have no default: without them nothing loads. A member
//! that is not known refuses, so a misspelt setting is never a setting left out. The member `envoy` belongs
//! to the Envoy filter and is not read here.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use crate::error::{Code, ConfigError, quote};
use crate::expr::net::Range;
use crate::identity::context::{Mode, Principal};
use crate::identity::dialect::Dialect;
use crate::jose::{Algorithm, HostCrypto, KeySet, base64url};
use crate::json::{self, Limits as JsonLimits, Object, Value};
use crate::keys::{Keys, Signer};
use crate::names::Template;
use crate::policy::{Policy, Source};
use crate::proof::{Base, Nonces};
use crate::relation::Tuple;
use crate::revocation::{Entry, What};
use crate::time::Timestamp;

/// What the document says, without the policy's source.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who may issue tokens.
    pub issuers: Vec<Issuer>,
    names: Vec<NameSpace>,
    /// What is revoked from the start.
    pub revoked: Vec<Entry>,
    /// How old the list of what is revoked may be, where there must be one.
    pub revocation_max_age: Option<u64>,
    /// Whether a store remembers whose instances are whose.
    pub remembers_instances: bool,
    /// How proofs of possession are checked.
    pub proof: ProofSettings,
    /// Who may issue approvals.
    pub approvers: Vec<Approver>,
    /// A second policy, whose different decisions are recorded.
    pub shadow: Option<PolicySource>,
    /// Who may sign packs (Ed25519); where there is somebody, no other pack is taken.
    pub pack_keys: Vec<[u8; 32]>,
    /// Bounds.
    pub limits: Limits,
    /// What checks signatures in place of our own code; not from the document.
    pub host: Option<&'static dyn HostCrypto>,
}

/// Where a policy comes from.
#[derive(Debug, Clone)]
pub enum PolicySource {
    /// It was compiled elsewhere.
    Pack(Vec<u8>),
    /// It is compiled here.
    Rules(Source),
}

impl PolicySource {
    /// The policy, ready to be asked.
    pub fn load(&self, keys: &[[u8; 32]]) -> Result<Policy, ConfigError> {
        match self {
            Self::Pack(bytes) => Policy::trusted(bytes.clone(), keys, 0),
            Self::Rules(source) => Policy::load(source.compile()?),
        }
    }
}

/// One issuer of access tokens, and what it is trusted for.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// `iss`, compared character by character.
    pub issuer: String,
    /// What this service is called in `aud`.
    pub audiences: Vec<String>,
    /// What its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// How it writes down who is acting.
    pub dialect: Dialect,
    /// What its tokens are verified with.
    pub keys: Keys,
    /// Whether bearer tokens are accepted.
    pub binding: BindingPolicy,
    /// Seconds by which clocks may differ.
    pub leeway: u64,
    /// Whether an agent may be in its own chain twice.
    pub loops: bool,
    /// Whether `client_profile` may say that a client is an application.
    pub client_profiles: bool,
    /// How its tokens are asked about, where they are.
    pub introspection: Option<IntrospectionSettings>,
    /// Where its tokens' status is looked up, where it is.
    pub status: Option<StatusSettings>,
    /// Keys of constraints that the service itself holds against a request (dialect `delegation-chain`).
    pub checked_elsewhere: Vec<String>,
    context_issuers: Vec<ContextIssuer>,
    speaks_for: Vec<String>,
    clients: Vec<(String, Client)>,
}

/// Who may write `Agent-Context` assertions for some clients of an issuer.
#[derive(Debug, Clone)]
pub struct ContextIssuer {
    /// `iss` of the assertion.
    pub issuer: String,
    /// What it may sign with.
    pub algorithms: Vec<Algorithm>,
    /// Its keys.
    pub keys: Keys,
    /// The name spaces that it may name somebody in, beside its own.
    pub speaks_for: Vec<String>,
    /// Whether the DPoP proof has to name the assertion (`oth`), so that none can be put in its place.
    pub named_by_proof: bool,
    clients: Vec<String>,
}

/// How tokens of an issuer are asked about (RFC 7662).
#[derive(Debug, Clone)]
pub struct IntrospectionSettings {
    /// Where the host asks.
    pub endpoint: String,
    /// Whether answers are signed (RFC 9701).
    pub signed: bool,
    /// What this service is called in `aud` of a signed answer, where it is not the audience of tokens.
    pub audience: Option<String>,
    /// Whether an answer may leave out `aud`: the endpoint answers for this service only.
    pub implies_audience: bool,
    /// Whether an answer may leave out `iss`: the endpoint has one issuer.
    pub implies_issuer: bool,
    /// Whether its tokens may be anything, not only JWTs.
    pub opaque: bool,
    clients: Vec<String>,
}

/// Where the status of tokens is looked up (draft-ietf-oauth-status-list).
#[derive(Debug, Clone)]
pub struct StatusSettings {
    /// Lists that may be asked for.
    pub uris: Vec<ListUri>,
    /// Whether a token without a status is refused.
    pub required: bool,
    /// How old a list may be, in seconds, whatever it says itself.
    pub max_age: u64,
    /// `danger_ignore`: revocation by status is not noticed.
    pub ignored: bool,
}

/// The address of a list, or what addresses begin with.
#[derive(Debug, Clone)]
pub struct ListUri(String);

impl ListUri {
    /// Whether a list has this address: character by character, and a `*` at the end for any rest.
    pub fn fits(&self, uri: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => uri.starts_with(prefix),
            None => self.0 == uri,
        }
    }
}

/// Whether a name fits one of some patterns: itself, or a beginning and `*`.
fn fits(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    })
}

/// How proofs of possession are checked, for every issuer.
#[derive(Debug, Clone)]
pub struct ProofSettings {
    /// The addresses under which clients know this service (`htu`, RFC 9449 §4.3 item 9). Without one, no DPoP
    /// proof is ever good.
    pub base_urls: Vec<Base>,
    /// What proofs may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// How old a proof may be, in seconds.
    pub max_age: u64,
    /// How far a client's clock may differ, in seconds.
    pub leeway: u64,
    /// Nonces that proofs must hold, where they must (RFC 9449 §9).
    pub nonces: Option<Nonces>,
    /// The addresses of hops that are trusted to write `x-forwarded-client-cert`.
    pub(crate) trusted_hops: Vec<Range>,
}

/// Who may issue approvals.
#[derive(Debug, Clone)]
pub struct Approver {
    /// `iss`
    pub issuer: String,
    /// The name space of `sub`, the one who approved.
    pub space: String,
    /// What its approvals may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// Its keys.
    pub keys: KeySet,
}

/// Whether tokens must be bound to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingPolicy {
    /// Bearer tokens are accepted too. A bound token always needs its proof.
    Optional,
    /// Every token must be bound.
    Required,
}

/// What is known of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Application, agent, or both.
    pub kind: ClientKind,
    /// The mode in which it always works, where its tokens cannot say it.
    pub mode: Option<Mode>,
    /// Seconds after `iat` for which the user counts as present.
    pub present_for: Option<u64>,
    /// Whether its tokens name the agent by the client's id alone, in a dialect that has `act` for that.
    pub is_the_agent: bool,
}

/// What kind of software a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// Software that acts by itself.
    Agent,
    /// A user's tool: no agent acts.
    App,
    /// Carries both kinds of traffic: without `act`, no access.
    Mixed,
}

/// Bounds of a guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Verified tokens that are remembered.
    pub cached_tokens: usize,
    /// The size of a token in bytes.
    pub token_bytes: usize,
    /// Records in `Agent-Chain`.
    pub chain: usize,
}

/// How the names of one space become objects of the model.
#[derive(Debug, Clone)]
struct NameSpace {
    iss: String,
    same_as: Option<String>,
    user: Option<Template>,
    agent: Option<Template>,
    instance: Option<Template>,
    client: Option<Template>,
}

impl Issuer {
    /// Whether it may name somebody in the space `iss`: its own always, others where the configuration says so.
    pub fn may_name(&self, iss: &str) -> bool {
        self.spaces().any(|space| space == iss)
    }

    /// The name spaces that it may name somebody in: its own, those that the configuration lists, and the trust
    /// domains of transaction tokens, whose subjects are unique within `aud`.
    fn spaces(&self) -> impl Iterator<Item = &String> {
        let domains = if self.dialect == Dialect::TxnToken { self.audiences.as_slice() } else { &[] };
        core::iter::once(&self.issuer).chain(&self.speaks_for).chain(domains)
    }

    /// Whether somebody may be named in this space, by this issuer or by one of its `context_issuers`.
    pub fn lets_name(&self, iss: &str) -> bool {
        self.all_spaces().any(|space| space == iss)
    }

    /// Every name space in which this entry lets somebody be named.
    fn all_spaces(&self) -> impl Iterator<Item = &String> {
        let contexts = self.context_issuers.iter();
        self.spaces()
            .chain(contexts.flat_map(|context| core::iter::once(&context.issuer).chain(&context.speaks_for)))
    }

    /// Who may write assertions about tokens of this client. Where there is somebody, an assertion is required.
    pub fn context_issuers_for<'i>(&'i self, client_id: &'i str) -> impl Iterator<Item = &'i ContextIssuer> {
        self.context_issuers.iter().filter(move |context| fits(&context.clients, client_id))
    }

    /// How tokens of this client are asked about. Where they are, an answer is required.
    pub fn introspection_for(&self, client_id: &str) -> Option<&IntrospectionSettings> {
        self.introspection.as_ref().filter(|settings| fits(&settings.clients, client_id))
    }

    /// What is known of a client: the exact name first, then the longest pattern.
    pub fn client(&self, client_id: &str) -> Option<Client> {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(prefix) => client_id.starts_with(prefix),
            None => pattern == client_id,
        };
        let rank = |pattern: &str| (!pattern.ends_with('*'), pattern.len());
        let best =
            self.clients.iter().filter(|(pattern, _)| fits(pattern)).max_by_key(|(pattern, _)| rank(pattern));
        best.map(|(_, client)| *client)
    }
}

impl Config {
    /// Reads the document; gives the configuration and the source of its policy.
    pub fn parse(document: &[u8]) -> Result<(Self, PolicySource), ConfigError> {
        let value = json::parse(document, &JsonLimits::CONFIG)
            .map_err(|e| ConfigError::new(Code::ConfigInvalid, "", format!("not a JSON document: {e}")))?;
        let root = Node { path: String::new(), value: &value };
        let root = root.object(&[
            "issuers",
            "names",
            "policy",
            "files",
            "tuples",
            "pack_keys",
            "proof",
            "approvals",
            "relationships",
            "shadow",
            "revoked",
            "revocation",
            "instances",
            "limits",
            "envoy",
        ])?;
        let issuers = root.required("issuers")?.list(issuer)?;
        if issuers.is_empty() {
            return Err(invalid("issuers", "names no issuer, so nothing could ever be allowed"));
        }
        for (at, issuer) in issuers.iter().enumerate() {
            if issuers.iter().take(at).any(|other| other.issuer == issuer.issuer) {
                return Err(invalid(
                    format!("issuers[{at}].issuer"),
                    format!("{} is there twice", quote(&issuer.issuer)),
                ));
            }
        }
        let approvers = root.optional("approvals").map_or(Ok(Vec::new()), |node| node.list(approver))?;
        let opaque = |issuer: &&Issuer| issuer.introspection.as_ref().is_some_and(|settings| settings.opaque);
        if issuers.iter().filter(opaque).count() > 1 {
            return Err(invalid(
                "issuers",
                "two issuers have `opaque` tokens: whose a token is cannot be told",
            ));
        }
        let names = names(root.optional("names").as_ref(), &issuers, &approvers)?;
        let revoked =
            root.optional("revoked").map_or(Ok(Vec::new()), |node| node.list(|item| entry(&item)))?;
        let revocation_max_age = match root.optional("revocation") {
            None => None,
            Some(node) => Some(node.object(&["max_age"])?.required("max_age")?.whole(86_400)?),
        };
        let remembers_instances =
            root.optional("instances").map_or(Ok(false), |node| choice(&node, "remember", "trust"))?;
        let limits = limits(root.optional("limits").as_ref())?;
        let source = source(&root)?;
        let proof = proof_settings(root.optional("proof").as_ref())?;
        let shadow = match root.optional("shadow") {
            None => None,
            Some(node) => {
                let members = node.object(&["policy", "files"])?;
                let own = |name| if members.optional(name).is_some() { Some(&members) } else { None };
                match (pack(&members)?, &source) {
                    (Some(bytes), _) => Some(PolicySource::Pack(bytes)),
                    (None, PolicySource::Pack(_)) => {
                        let message = "is text beside a pack, whose tuples it could not have; compile it too";
                        return Err(invalid("shadow.policy", message));
                    }
                    (None, PolicySource::Rules(source)) => {
                        let policy = members.required("policy")?.text()?.to_owned();
                        let files = files(own("files").unwrap_or(&root))?;
                        Some(PolicySource::Rules(Source { policy, files, ..source.clone() }))
                    }
                }
            }
        };
        let pack_keys = root.optional("pack_keys").map_or(Ok(Vec::new()), |node| node.list(pack_key))?;
        let config = Self {
            issuers,
            names,
            revoked,
            revocation_max_age,
            remembers_instances,
            proof,
            approvers,
            shadow,
            pack_keys,
            limits,
            host: None,
        };
        config.check_sources()?;
        Ok((config, source))
    }

    /// Keys are fetched by the name of whoever signs: one name has one address.
    fn check_sources(&self) -> Result<(), ConfigError> {
        let mut known: Vec<(&str, &str)> = Vec::new();
        for signer in self.signers() {
            let Some(uri) = &signer.keys.uri else { continue };
            match known.iter().find(|(name, _)| *name == signer.name) {
                Some((_, other)) if other != uri => {
                    let message = format!("{} has two different `jwks_uri`", quote(signer.name));
                    return Err(invalid("issuers", message));
                }
                Some(_) => {}
                None => known.push((signer.name, uri)),
            }
        }
        Ok(())
    }

    /// Has `host` check every signature, where it can.
    pub fn use_host(&mut self, host: &'static dyn HostCrypto) {
        self.host = Some(host);
        for keys in self.approvers.iter_mut().map(|approver| &mut approver.keys) {
            keys.use_host(self.host);
        }
        for keys in self.signers_mut().filter_map(|signer| signer.keys.set.as_mut()) {
            keys.use_host(Some(host));
        }
    }

    /// Whoever signs tokens or assertions.
    pub fn signers(&self) -> impl Iterator<Item = Signer<'_, &Keys>> {
        self.issuers.iter().enumerate().flat_map(|(at, issuer)| {
            let own = Signer {
                name: &issuer.issuer,
                algorithms: &issuer.algorithms,
                keys: &issuer.keys,
                tokens_of: Some(at),
            };
            let contexts = issuer.context_issuers.iter().map(|context| Signer {
                name: &context.issuer,
                algorithms: &context.algorithms,
                keys: &context.keys,
                tokens_of: None,
            });
            core::iter::once(own).chain(contexts)
        })
    }

    /// The same, to give them keys.
    pub fn signers_mut(&mut self) -> impl Iterator<Item = Signer<'_, &mut Keys>> {
        self.issuers.iter_mut().enumerate().flat_map(|(at, issuer)| {
            let own = Signer {
                name: &issuer.issuer,
                algorithms: &issuer.algorithms,
                keys: &mut issuer.keys,
                tokens_of: Some(at),
            };
            let contexts = issuer.context_issuers.iter_mut().map(|context| Signer {
                name: &context.issuer,
                algorithms: &context.algorithms,
                keys: &mut context.keys,
                tokens_of: None,
            });
            core::iter::once(own).chain(contexts)
        })
    }

    /// The issuer whose tokens may be anything.
    pub fn opaque_issuer(&self) -> Option<(usize, &Issuer, &IntrospectionSettings)> {
        self.issuers.iter().enumerate().find_map(|(at, issuer)| {
            let settings = issuer.introspection.as_ref().filter(|settings| settings.opaque)?;
            Some((at, issuer, settings))
        })
    }

    /// Whether an issuer of transaction tokens is configured.
    pub fn has_transactions(&self) -> bool {
        self.issuers.iter().any(|issuer| issuer.dialect == Dialect::TxnToken)
    }

    /// Reads a list for the kill switch: `{"version": N, "revoked": [...]}`.
    pub fn revocation_list(document: &[u8]) -> Result<(u64, Vec<Entry>), ConfigError> {
        let value = json::parse(document, &JsonLimits::CONFIG)
            .map_err(|e| ConfigError::new(Code::ConfigInvalid, "", format!("not a JSON document: {e}")))?;
        let root = Node { path: String::new(), value: &value }.object(&["version", "revoked"])?;
        let version = root.required("version")?.whole(9_007_199_254_740_991)?;
        Ok((version, root.required("revoked")?.list(|item| entry(&item))?))
    }

    /// A user's object in the model.
    pub fn user_object(&self, user: &Principal) -> Option<String> {
        self.object(&user.iss, |space| space.user.as_ref(), |_| Some(&user.sub))
    }

    /// An agent's object in the model.
    pub fn agent_object(&self, agent: &Principal) -> Option<String> {
        self.object(&agent.iss, |space| space.agent.as_ref(), |_| Some(&agent.sub))
    }

    /// A client's object in the model: `sub` is its client id.
    pub fn client_object(&self, client: &Principal) -> Option<String> {
        self.object(&client.iss, |space| space.client.as_ref(), |_| Some(&client.sub))
    }

    /// An instance's object in the model.
    pub fn instance_object(&self, iss: &str, id: &str) -> Option<String> {
        self.object(iss, |space| space.instance.as_ref(), |_| Some(id))
    }

    fn object<'v>(
        &self,
        iss: &str,
        template: impl Fn(&NameSpace) -> Option<&Template>,
        value: impl Fn(&str) -> Option<&'v str>,
    ) -> Option<String> {
        let space = self.names.iter().find(|space| space.iss == iss)?;
        let mut out = String::new();
        template(space)?.render(&mut out, value).then_some(out)
    }
}

/// A value of the document and where it stands.
struct Node<'v> {
    path: String,
    value: &'v Value<'v>,
}

/// An object of the document whose members are all known.
struct Members<'v> {
    path: String,
    object: &'v Object<'v>,
}

fn invalid(path: impl Into<String>, message: impl Into<String>) -> ConfigError {
    ConfigError::new(Code::ConfigInvalid, path, message)
}

impl<'v> Node<'v> {
    fn wrong(&self, wanted: &str) -> ConfigError {
        invalid(self.path.clone(), format!("is {} and must be {wanted}", self.value.kind()))
    }

    fn text(&self) -> Result<&'v str, ConfigError> {
        match self.value.as_str() {
            Some("") => Err(invalid(self.path.clone(), "is empty")),
            Some(text) => Ok(text),
            None => Err(self.wrong("a string")),
        }
    }

    fn whole(&self, most: u64) -> Result<u64, ConfigError> {
        match self.value.as_u64() {
            Some(number) if number <= most => Ok(number),
            _ => Err(self.wrong(&format!("a whole number from 0 to {most}"))),
        }
    }

    fn list<T>(&self, read: impl Fn(Node<'v>) -> Result<T, ConfigError>) -> Result<Vec<T>, ConfigError> {
        let items = self.value.as_array().ok_or_else(|| self.wrong("an array"))?;
        let node = |(at, value)| Node { path: format!("{}[{at}]", self.path), value };
        items.iter().enumerate().map(|item| read(node(item))).collect()
    }

    fn texts(&self) -> Result<Vec<String>, ConfigError> {
        self.list(|item| item.text().map(ToOwned::to_owned))
    }

    fn members(&self) -> Result<impl Iterator<Item = (&'v str, Node<'v>)>, ConfigError> {
        let object = self.value.as_object().ok_or_else(|| self.wrong("an object"))?;
        let path = self.path.clone();
        Ok(object.iter().map(move |(name, value)| (name, Node { path: join(&path, name), value })))
    }

    fn object(&self, known: &[&str]) -> Result<Members<'v>, ConfigError> {
        let object = self.value.as_object().ok_or_else(|| self.wrong("an object"))?;
        for (name, _) in object.iter() {
            if !known.contains(&name) {
                let message = format!("{} is not known; known are {}", quote(name), known.join(", "));
                return Err(invalid(self.path.clone(), message));
            }
        }
        Ok(Members { path: self.path.clone(), object })
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.into() } else { format!("{path}.{name}") }
}

impl<'v> Members<'v> {
    fn optional(&self, name: &str) -> Option<Node<'v>> {
        self.object.get(name).map(|value| Node { path: join(&self.path, name), value })
    }

    fn required(&self, name: &str) -> Result<Node<'v>, ConfigError> {
        self.optional(name).ok_or_else(|| invalid(join(&self.path, name), "is missing and has no default"))
    }
}

fn issuer(node: Node<'_>) -> Result<Issuer, ConfigError> {
    let members = node.object(&[
        "issuer",
        "audience",
        "algorithms",
        "dialect",
        "jwks",
        "jwks_uri",
        "jwks_max_age",
        "binding",
        "speaks_for",
        "clients",
        "leeway",
        "loops",
        "client_profiles",
        "context_issuers",
        "introspection",
        "status",
        "checked_elsewhere",
    ])?;
    let issuer = members.required("issuer")?.text()?.to_owned();
    let audience = members.required("audience")?;
    let audiences = match audience.value {
        Value::String(_) => Vec::from([audience.text()?.to_owned()]),
        _ => audience.texts()?,
    };
    if audiences.is_empty() {
        return Err(invalid(audience.path, "names no audience"));
    }
    if audiences.iter().any(|name| name.contains('*')) {
        return Err(invalid(audience.path, "is compared character by character: `*` would never match"));
    }
    let algorithms = algorithms(&members.required("algorithms")?)?;
    let dialect = members.required("dialect")?;
    let name = dialect.text()?;
    let dialect = Dialect::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Dialect::ALL.iter().map(|d| d.as_str()).collect();
        invalid(
            dialect.path.clone(),
            format!("{} is not a dialect; known are {}", quote(name), known.join(", ")),
        )
    })?;
    let keys = keys(&members, &algorithms)?;
    let binding = match members.optional("binding") {
        None => BindingPolicy::Required,
        Some(node) => match node.text()? {
            "required" => BindingPolicy::Required,
            "optional" => BindingPolicy::Optional,
            other => {
                return Err(invalid(
                    node.path.clone(),
                    format!("{} must be `required` or `optional`", quote(other)),
                ));
            }
        },
    };
    let speaks_for = members.optional("speaks_for").map_or(Ok(Vec::new()), |node| node.texts())?;
    let clients = match members.optional("clients") {
        None => Vec::new(),
        Some(node) => node.members()?.map(|(name, node)| client(name, &node)).collect::<Result<_, _>>()?,
    };
    let leeway = members.optional("leeway").map_or(Ok(0), |node| node.whole(300))?;
    let loops = members.optional("loops").map_or(Ok(false), |node| choice(&node, "allow", "refuse"))?;
    let client_profiles =
        members.optional("client_profiles").map_or(Ok(false), |node| choice(&node, "trust", "ignore"))?;
    let context_issuers = members
        .optional("context_issuers")
        .map_or(Ok(Vec::new()), |node| node.list(|item| context_issuer(&item)))?;
    let checked_elsewhere = match members.optional("checked_elsewhere") {
        Some(node) if dialect != Dialect::DelegationChain => {
            return Err(invalid(node.path, "says something in dialect `delegation-chain` only"));
        }
        Some(node) => node.texts()?,
        None => Vec::new(),
    };
    let status = members.optional("status").map(|node| status_settings(&node)).transpose()?;
    let introspection =
        members.optional("introspection").map(|node| introspection_settings(&node)).transpose()?;
    Ok(Issuer {
        issuer,
        audiences,
        algorithms,
        dialect,
        keys,
        binding,
        leeway,
        loops,
        client_profiles,
        introspection,
        status,
        checked_elsewhere,
        context_issuers,
        speaks_for,
        clients,
    })
}

fn patterns(node: &Node<'_>) -> Result<Vec<String>, ConfigError> {
    let patterns = node.texts()?;
    let wild = |pattern: &String| pattern.strip_suffix('*').unwrap_or(pattern).contains('*');
    match patterns.iter().find(|pattern| wild(pattern)) {
        Some(pattern) => {
            Err(invalid(node.path.clone(), format!("{}: `*` may stand at the end only", quote(pattern))))
        }
        None if patterns.is_empty() => {
            Err(invalid(node.path.clone(), "names no client; write `[\"*\"]` for all"))
        }
        None => Ok(patterns),
    }
}

fn context_issuer(node: &Node<'_>) -> Result<ContextIssuer, ConfigError> {
    let members = node.object(&[
        "issuer",
        "clients",
        "algorithms",
        "jwks",
        "jwks_uri",
        "jwks_max_age",
        "speaks_for",
        "named_by_proof",
    ])?;
    let algorithms = algorithms(&members.required("algorithms")?)?;
    Ok(ContextIssuer {
        issuer: members.required("issuer")?.text()?.to_owned(),
        keys: keys(&members, &algorithms)?,
        algorithms,
        speaks_for: members.optional("speaks_for").map_or(Ok(Vec::new()), |node| node.texts())?,
        named_by_proof: members
            .optional("named_by_proof")
            .map_or(Ok(false), |node| choice(&node, "required", "optional"))?,
        clients: patterns(&members.required("clients")?)?,
    })
}

/// An entry of the kill switch: one of its kinds, and `until`.
fn entry(node: &Node<'_>) -> Result<Entry, ConfigError> {
    let members = node.object(&["agent", "client", "instance", "token", "user", "until"])?;
    let mut found =
        What::ALL.iter().filter_map(|(what, kind, name)| Some((*what, members.optional(kind)?, *name)));
    let (Some((what, named, name)), None) = (found.next(), found.next()) else {
        return Err(invalid(
            node.path.clone(),
            "needs one of `agent`, `client`, `instance`, `token` and `user`",
        ));
    };
    let named = named.object(&["iss", name])?;
    let until = members.required("until")?;
    Ok(Entry {
        what,
        iss: named.required("iss")?.text()?.to_owned(),
        name: named.required(name)?.text()?.to_owned(),
        until: Timestamp::from_seconds(until.whole(9_007_199_254_740_991)?)
            .ok_or_else(|| until.wrong("a time"))?,
    })
}

fn status_settings(node: &Node<'_>) -> Result<StatusSettings, ConfigError> {
    let members = node.object(&["uris", "required", "max_age", "danger_ignore"])?;
    let flag = |name: &str| match members.optional(name) {
        None => Ok(false),
        Some(node) => node.value.as_bool().ok_or_else(|| node.wrong("true or false")),
    };
    let ignored = flag("danger_ignore")?;
    let uris = match members.optional("uris") {
        None if ignored => Vec::new(),
        None => return Err(invalid(join(&node.path, "uris"), "is missing: which lists may be asked for?")),
        Some(node) => node.texts()?,
    };
    if let Some(uri) = uris.iter().find(|uri| !uri.starts_with("https://") || uri.matches('/').count() < 3) {
        return Err(invalid(
            join(&node.path, "uris"),
            format!("{} must be `https://`, a host and a path; a `*` may stand at the end", quote(uri)),
        ));
    }
    Ok(StatusSettings {
        uris: uris.into_iter().map(ListUri).collect(),
        required: flag("required")?,
        max_age: members.optional("max_age").map_or(Ok(3_600), |node| node.whole(86_400))?,
        ignored,
    })
}

fn introspection_settings(node: &Node<'_>) -> Result<IntrospectionSettings, ConfigError> {
    let members = node.object(&["endpoint", "clients", "signed", "audience", "implies", "opaque"])?;
    let flag = |name: &str| match members.optional(name) {
        None => Ok(false),
        Some(node) => node.value.as_bool().ok_or_else(|| node.wrong("true or false")),
    };
    let implies = members.optional("implies").map_or(Ok(Vec::new()), |node| {
        let words = node.texts()?;
        match words.iter().find(|word| !matches!(word.as_str(), "audience" | "issuer")) {
            Some(word) => Err(invalid(node.path, format!("{} must be `audience` or `issuer`", quote(word)))),
            None => Ok(words),
        }
    })?;
    let implied = |word: &str| implies.iter().any(|known| known == word);
    let clients = match members.optional("clients") {
        None => Vec::from(["*".to_owned()]),
        Some(node) => patterns(&node)?,
    };
    let opaque = flag("opaque")?;
    if opaque && clients != ["*"] {
        return Err(invalid(
            node.path.clone(),
            "`opaque` tokens do not show their client: leave `clients` out",
        ));
    }
    Ok(IntrospectionSettings {
        endpoint: members.required("endpoint")?.text()?.to_owned(),
        signed: flag("signed")?,
        audience: members.optional("audience").map(|node| node.text().map(ToOwned::to_owned)).transpose()?,
        implies_audience: implied("audience"),
        implies_issuer: implied("issuer"),
        opaque,
        clients,
    })
}

/// One of two words: whether it is the first.
fn choice(node: &Node<'_>, yes: &str, no: &str) -> Result<bool, ConfigError> {
    match node.text()? {
        word if word == yes => Ok(true),
        word if word == no => Ok(false),
        word => Err(invalid(node.path.clone(), format!("{} must be `{yes}` or `{no}`", quote(word)))),
    }
}

fn algorithms(node: &Node<'_>) -> Result<Vec<Algorithm>, ConfigError> {
    let found = node.list(|item| {
        let name = item.text()?;
        Algorithm::from_name(name).ok_or_else(|| {
            let known: Vec<_> = Algorithm::ALL.iter().map(|a| a.name()).collect();
            let message =
                format!("{} is not an algorithm of this build; known are {}", quote(name), known.join(", "));
            invalid(item.path.clone(), message)
        })
    })?;
    if found.is_empty() {
        return Err(invalid(node.path.clone(), "names no algorithm"));
    }
    Ok(found)
}

fn key_set(node: &Node<'_>, algorithms: &[Algorithm]) -> Result<KeySet, ConfigError> {
    let keys = KeySet::from_value(node.value, algorithms)
        .map_err(|error| ConfigError { path: join(&node.path, &error.path), ..error })?;
    if keys.keys().is_empty() {
        let why: Vec<_> = keys.skipped().iter().map(|(at, error)| format!("keys[{at}] {error}")).collect();
        let message = format!("has no key that can be used with `algorithms`: {}", why.join("; "));
        return Err(ConfigError::new(Code::KeysInvalid, node.path.clone(), message));
    }
    Ok(keys)
}

/// `jwks`, or `jwks_uri` and for how long the keys from there may be used.
fn keys(members: &Members<'_>, algorithms: &[Algorithm]) -> Result<Keys, ConfigError> {
    let (set, uri) = match (members.optional("jwks"), members.optional("jwks_uri")) {
        (Some(jwks), None) => (Some(key_set(&jwks, algorithms)?), None),
        (None, Some(uri)) => (None, Some(uri)),
        _ => return Err(invalid(members.path.clone(), "needs `jwks` or `jwks_uri`, one of the two")),
    };
    let uri = match uri {
        None => None,
        Some(node) => match node.text()? {
            uri if uri.starts_with("https://") || uri.starts_with("http://") => Some(uri.to_owned()),
            _ => {
                let message =
                    "must start with `https://`, or with `http://` where the way there is safe in itself";
                return Err(invalid(node.path, message));
            }
        },
    };
    let max_age = match members.optional("jwks_max_age") {
        Some(node) if uri.is_none() => {
            return Err(invalid(node.path, "says something with `jwks_uri` only"));
        }
        Some(node) => node.whole(31_536_000)?,
        None => 86_400,
    };
    Ok(Keys { set, uri, fetched: None, max_age, awaited: false })
}

fn client(name: &str, node: &Node<'_>) -> Result<(String, Client), ConfigError> {
    if name.trim_end_matches('*').contains('*') || name.ends_with("**") {
        return Err(invalid(node.path.clone(), "`*` may stand at the end only"));
    }
    let kind = |node: &Node<'_>| match node.text()? {
        "agent" => Ok(ClientKind::Agent),
        "app" => Ok(ClientKind::App),
        "mixed" => Ok(ClientKind::Mixed),
        other => {
            Err(invalid(node.path.clone(), format!("{} must be `app`, `agent` or `mixed`", quote(other))))
        }
    };
    let client = if node.value.as_str().is_some() {
        Client { kind: kind(node)?, mode: None, present_for: None, is_the_agent: false }
    } else {
        let members = node.object(&["kind", "mode", "present_for", "named_by"])?;
        let mode = match members.optional("mode") {
            None => None,
            Some(node) => Some(Mode::from_name(node.text()?).ok_or_else(|| {
                invalid(node.path.clone(), "must be `interactive`, `offline` or `automated`")
            })?),
        };
        let present_for = members.optional("present_for").map(|node| node.whole(86_400)).transpose()?;
        if (mode == Some(Mode::Interactive)) != present_for.is_some() {
            return Err(invalid(
                node.path.clone(),
                "`mode: interactive` needs `present_for`, and nothing else has it",
            ));
        }
        let is_the_agent = match members.optional("named_by") {
            None => false,
            Some(node) if node.text()? == "client_id" => true,
            Some(node) => {
                return Err(invalid(
                    node.path,
                    "must be `client_id`; an agent that `act` names has no `named_by`",
                ));
            }
        };
        let kind = kind(&members.required("kind")?)?;
        if is_the_agent && kind != ClientKind::Agent {
            return Err(invalid(node.path.clone(), "`named_by` says something of an `agent` only"));
        }
        Client { kind, mode, present_for, is_the_agent }
    };
    Ok((name.into(), client))
}

fn names(
    node: Option<&Node<'_>>,
    issuers: &[Issuer],
    approvers: &[Approver],
) -> Result<Vec<NameSpace>, ConfigError> {
    let mut needed: Vec<&str> = Vec::new();
    for issuer in issuers {
        for space in issuer.all_spaces() {
            if !needed.contains(&space.as_str()) {
                needed.push(space);
            }
        }
    }
    for approver in approvers {
        if !needed.contains(&approver.space.as_str()) {
            needed.push(&approver.space);
        }
    }
    let Some(node) = node else {
        let [only] = needed.as_slice() else {
            return Err(invalid(
                "names",
                format!("is missing: there are several name spaces ({})", needed.join(", ")),
            ));
        };
        return Ok(Vec::from([default_space(only)]));
    };
    let spaces: Vec<_> =
        node.members()?.map(|(iss, node)| name_space(iss, &node)).collect::<Result<_, _>>()?;
    for space in &needed {
        if !spaces.iter().any(|known| known.iss == *space) {
            return Err(invalid("names", format!("has no entry for the name space {}", quote(space))));
        }
    }
    let classes = classes(&spaces);
    for (at, space) in spaces.iter().enumerate() {
        if let Some(other) = &space.same_as
            && !spaces.iter().any(|known| known.iss == *other)
        {
            return Err(invalid(
                join("names", &space.iss),
                format!("`same_as` names {}, which has no entry", quote(other)),
            ));
        }
        check_apart(space)?;
        for (before, other) in spaces.iter().enumerate().take(at) {
            let joined = classes.get(before) == classes.get(at);
            let meet = space.templates().find(|(_, a)| other.templates().any(|(_, b)| a.may_meet(b)));
            if let (Some((_, template)), false) = (meet, joined) {
                return Err(invalid(
                    join("names", &space.iss),
                    format!(
                        "`{}` can give the same object as a name of {}: write different templates, or `same_as`",
                        template.source(),
                        quote(&other.iss)
                    ),
                ));
            }
        }
    }
    Ok(spaces)
}

/// Which spaces are one, each by the name of one of them. `same_as` is an equivalence: two spaces that are the same as
/// a third are the same, whichever of them says so.
fn classes(spaces: &[NameSpace]) -> Vec<&str> {
    let mut classes: Vec<&str> = spaces.iter().map(|space| space.iss.as_str()).collect();
    for (at, space) in spaces.iter().enumerate() {
        let other = spaces.iter().position(|known| space.same_as.as_ref() == Some(&known.iss));
        let other = other.and_then(|other| classes.get(other).copied());
        let (Some(own), Some(other)) = (classes.get(at).copied(), other) else { continue };
        classes.iter_mut().filter(|class| **class == own).for_each(|class| *class = other);
    }
    classes
}

/// Inside one space, users and agents share names (`sub`); instances and clients have names of their own.
fn check_apart(space: &NameSpace) -> Result<(), ConfigError> {
    for (name, template) in space.templates().filter(|(name, _)| matches!(*name, "instance" | "client")) {
        if let Some((other, _)) = space.templates().find(|(n, t)| *n != name && t.may_meet(template)) {
            return Err(invalid(
                join("names", &space.iss),
                format!("`{name}` and `{other}` can give the same object"),
            ));
        }
    }
    Ok(())
}

impl NameSpace {
    fn templates(&self) -> impl Iterator<Item = (&'static str, &Template)> {
        let all = [
            ("user", &self.user),
            ("agent", &self.agent),
            ("instance", &self.instance),
            ("client", &self.client),
        ];
        all.into_iter().filter_map(|(name, template)| template.as_ref().map(|t| (name, t)))
    }
}

fn default_space(iss: &str) -> NameSpace {
    let template = |text| Template::parse_object(text).ok();
    NameSpace {
        iss: iss.into(),
        same_as: None,
        user: template("user:{sub}"),
        agent: template("agent:{sub}"),
        instance: template("instance:{id}"),
        client: template("client:{client_id}"),
    }
}

fn name_space(iss: &str, node: &Node<'_>) -> Result<NameSpace, ConfigError> {
    let members = node.object(&["user", "agent", "instance", "client", "same_as"])?;
    let template = |name: &str, hole: &str| -> Result<Option<Template>, ConfigError> {
        let Some(node) = members.optional(name) else { return Ok(None) };
        let template = Template::parse_object(node.text()?).map_err(|e| invalid(node.path.clone(), e))?;
        if template.holes().ne([hole]) {
            return Err(invalid(node.path, format!("needs the placeholder `{{{hole}}}` once and no other")));
        }
        Ok(Some(template))
    };
    Ok(NameSpace {
        iss: iss.into(),
        same_as: members.optional("same_as").map(|node| node.text().map(ToOwned::to_owned)).transpose()?,
        user: template("user", "sub")?,
        agent: template("agent", "sub")?,
        instance: template("instance", "id")?,
        client: template("client", "client_id")?,
    })
}

/// `proof`: how DPoP proofs and client certificates are checked.
fn proof_settings(node: Option<&Node<'_>>) -> Result<ProofSettings, ConfigError> {
    let all = Algorithm::ALL.to_vec();
    let mut settings = ProofSettings {
        base_urls: Vec::new(),
        algorithms: all,
        max_age: 60,
        leeway: 5,
        nonces: None,
        trusted_hops: Vec::new(),
    };
    let Some(node) = node else { return Ok(settings) };
    let members = node.object(&[
        "base_urls",
        "algorithms",
        "max_age",
        "leeway",
        "nonce",
        "trust_forwarded_client_cert",
    ])?;
    if let Some(node) = members.optional("base_urls") {
        settings.base_urls = node.list(|item| {
            Base::parse(item.text()?)
                .ok_or_else(|| invalid(item.path.clone(), "must be an address such as `https://api.example`"))
        })?;
    }
    if let Some(node) = members.optional("algorithms") {
        settings.algorithms = algorithms(&node)?;
    }
    if let Some(node) = members.optional("max_age") {
        settings.max_age = node.whole(3_600)?;
    }
    if let Some(node) = members.optional("leeway") {
        settings.leeway = node.whole(300)?;
    }
    if let Some(node) = members.optional("nonce") {
        let nonce = node.object(&["secret", "period"])?;
        let secret = nonce.required("secret")?;
        let bytes = base64url::decode(secret.text()?).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let bytes = bytes.ok_or_else(|| invalid(secret.path, "must be 32 random bytes in base64url"))?;
        let period = nonce.optional("period").map_or(Ok(300), |node| node.whole(86_400))?;
        settings.nonces = Some(Nonces::new(bytes, period));
    }
    if let Some(node) = members.optional("trust_forwarded_client_cert") {
        settings.trusted_hops = node.list(|item| {
            let range = Range::parse_any(item.text()?);
            range.ok_or_else(|| {
                let message = "must be the address of a hop, or a range such as `10.0.0.0/8`";
                invalid(item.path.clone(), message)
            })
        })?;
    }
    Ok(settings)
}

fn limits(node: Option<&Node<'_>>) -> Result<Limits, ConfigError> {
    let mut limits = Limits { cached_tokens: 4_096, token_bytes: 16_384, chain: 8 };
    let Some(node) = node else { return Ok(limits) };
    let members = node.object(&["cached_tokens", "token_bytes", "chain"])?;
    let read = |name: &str, most: u64, slot: &mut usize| -> Result<(), ConfigError> {
        if let Some(node) = members.optional(name) {
            *slot = usize::try_from(node.whole(most)?).map_err(|_| node.wrong("smaller"))?;
        }
        Ok(())
    };
    read("cached_tokens", 1_048_576, &mut limits.cached_tokens)?;
    read("token_bytes", 65_536, &mut limits.token_bytes)?;
    read("chain", 32, &mut limits.chain)?;
    Ok(limits)
}

/// An entry of `approvals`.
fn approver(node: Node<'_>) -> Result<Approver, ConfigError> {
    let members = node.object(&["issuer", "space", "algorithms", "jwks"])?;
    let issuer = members.required("issuer")?.text()?.to_owned();
    let space =
        members.optional("space").map_or(Ok(issuer.clone()), |node| node.text().map(ToOwned::to_owned))?;
    let algorithms = algorithms(&members.required("algorithms")?)?;
    let keys = key_set(&members.required("jwks")?, &algorithms)?;
    Ok(Approver { issuer, space, algorithms, keys })
}

fn files(root: &Members<'_>) -> Result<Vec<(String, String)>, ConfigError> {
    match root.optional("files") {
        None => Ok(Vec::new()),
        Some(node) => {
            node.members()?.map(|(name, node)| Ok((name.to_owned(), node.text()?.to_owned()))).collect()
        }
    }
}

/// The policy's source: rules, the files that they name, and tuples.
/// The pack that stands where rules could stand: `{"pack": "BASE64URL"}`.
fn pack(members: &Members<'_>) -> Result<Option<Vec<u8>>, ConfigError> {
    let node = members.required("policy")?;
    if node.value.as_object().is_none() {
        return Ok(None);
    }
    if let Some(other) = ["files", "tuples"].iter().find_map(|name| members.optional(name)) {
        return Err(invalid(other.path, "is part of the pack that `policy` is; leave it out"));
    }
    let text = node.object(&["pack"])?.required("pack")?;
    let bytes = base64url::decode(text.text()?);
    bytes.map(Some).ok_or_else(|| invalid(text.path, "is not base64url without padding"))
}

/// A public key that signs packs: an Ed25519 key as a JWK (RFC 8037).
fn pack_key(node: Node<'_>) -> Result<[u8; 32], ConfigError> {
    let members = node.object(&["kty", "crv", "x", "kid", "alg", "use"])?;
    let key = base64url::decode(members.required("x")?.text()?).and_then(|x| <[u8; 32]>::try_from(x).ok());
    let ours = members.required("kty")?.text()? == "OKP" && members.required("crv")?.text()? == "Ed25519";
    key.filter(|_| ours).ok_or_else(|| {
        ConfigError::new(Code::KeysInvalid, node.path.clone(), "is not an Ed25519 public key (JWK)")
    })
}

fn source(root: &Members<'_>) -> Result<PolicySource, ConfigError> {
    if let Some(bytes) = pack(root)? {
        return Ok(PolicySource::Pack(bytes));
    }
    let policy = root.required("policy")?.text()?.to_owned();
    let files = files(root)?;
    let tuples = match root.optional("tuples") {
        None => Vec::new(),
        Some(node) => node.list(|item| {
            Tuple::from_value(item.value)
                .map_err(|what| ConfigError::new(Code::TupleInvalid, item.path.clone(), what))
        })?,
    };
    let complete = match root.optional("relationships") {
        None => None,
        Some(node) => Some(
            node.object(&["complete"])?.optional("complete").map_or(Ok(Vec::new()), |node| node.texts())?,
        ),
    };
    Ok(PolicySource::Rules(Source { policy, files, tuples, complete }))
}
