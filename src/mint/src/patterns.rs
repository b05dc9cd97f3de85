//! The tokens of the running examples: four patterns of who acts for whom.
//!
//! One definition for the fixtures (fixed times and identifiers) and for `actfor mint` (fresh ones).

use actfor::jose::base64url;
use actfor::json::Writer;

use crate::{MintError, random};

/// A running example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// T1: `ana` steers code-helper on repo `web`.
    Interactive,
    /// T2: `ana` asked code-helper for a nightly triage and left.
    Offline,
    /// T3: hr-agent works case `c1`, which is about `ana`.
    Automated,
    /// T4: code-helper, offline, called test-runner; sent with T2 in `Agent-Chain`.
    Transitive,
    /// T4i: code-helper, steered, called test-runner; sent with T1 in `Agent-Chain`.
    TransitiveInteractive,
}

impl Pattern {
    /// Every pattern.
    pub const ALL: [Self; 5] =
        [Self::Interactive, Self::Offline, Self::Automated, Self::Transitive, Self::TransitiveInteractive];

    /// The name of its token in the fixtures.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Interactive => "T1",
            Self::Offline => "T2",
            Self::Automated => "T3",
            Self::Transitive => "T4",
            Self::TransitiveInteractive => "T4i",
        }
    }

    /// The name for people: `interactive`, `offline`, `automated`, `transitive`, `transitive-interactive`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Offline => "offline",
            Self::Automated => "automated",
            Self::Transitive => "transitive",
            Self::TransitiveInteractive => "transitive-interactive",
        }
    }

    /// By either name, or by what it is about: `code`, `triage`, `hr`, `chain`.
    pub fn from_name(name: &str) -> Option<Self> {
        let named = Self::ALL.into_iter().find(|pattern| pattern.name() == name || pattern.token() == name);
        named.or(match name {
            "code" => Some(Self::Interactive),
            "triage" => Some(Self::Offline),
            "hr" => Some(Self::Automated),
            "chain" => Some(Self::Transitive),
            _ => None,
        })
    }

    /// The pattern whose token goes along in `Agent-Chain`.
    pub const fn parent(self) -> Option<Self> {
        match self {
            Self::Transitive => Some(Self::Offline),
            Self::TransitiveInteractive => Some(Self::Interactive),
            Self::Interactive | Self::Offline | Self::Automated => None,
        }
    }
}

/// What the tokens of one set have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mint {
    /// `iss` of the token, and the name space of agents.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// The name space of the person a case is about.
    pub people: String,
    /// `iat`, seconds since 1970-01-01 UTC; tokens live 300 seconds, presence lasts 180.
    pub issued_at: u64,
    /// Instance ids S1 to S4, 22 base64url characters each (128 bits).
    pub instances: [String; 4],
    /// What every `jti` starts with; the token's name follows.
    pub jti: String,
    /// The key that a token is bound to (`cnf.jkt`), if it is.
    pub thumbprint: Option<String>,
}

impl Mint {
    /// The fixed set of the fixtures.
    pub fn fixture() -> Self {
        Self {
            issuer: "https://as.example".into(),
            audience: "https://api.example".into(),
            people: "https://idp.example".into(),
            issued_at: 1_795_000_000,
            instances: ["S1", "S2", "S3", "S4"].map(|id| format!("{id}AAAAAAAAAAAAAAAAAAAA")),
            jti: "fixture-".into(),
            thumbprint: None,
        }
    }

    /// A set with fresh identifiers, issued at `issued_at`.
    ///
    /// # Errors
    /// Where the host has no randomness.
    pub fn fresh(issued_at: u64) -> Result<Self, MintError> {
        let id = || random::<16>().map(|bytes| base64url::encode(&bytes));
        let mut fresh = Self { issued_at, jti: format!("{}-", id()?), ..Self::fixture() };
        for instance in &mut fresh.instances {
            *instance = id()?;
        }
        Ok(fresh)
    }
}

/// The claims of a pattern's token, as JSON. Sign them with `typ` `at+jwt`.
pub fn claims(pattern: Pattern, mint: &Mint) -> String {
    let [s1, s2, s3, s4] = &mint.instances;
    let interactive = matches!(pattern, Pattern::Interactive | Pattern::TransitiveInteractive);
    let chained = pattern.parent().is_some();
    let agent = match pattern {
        Pattern::Interactive | Pattern::Offline => "code-helper",
        Pattern::Automated => "hr-agent",
        Pattern::Transitive | Pattern::TransitiveInteractive => "test-runner",
    };
    let automated = pattern == Pattern::Automated;

    let mut w = Writer::default();
    w.object(|w| {
        w.key("iss").string(&mint.issuer);
        w.key("aud").string(&mint.audience);
        w.key("iat").number(mint.issued_at);
        w.key("exp").number(mint.issued_at.saturating_add(300));
        w.key("jti").string(&format!("{}{}", mint.jti, pattern.token()));
        w.key("sub").string(if automated { agent } else { "ana" });
        w.key("sub_profile").string(if automated { "ai_agent" } else { "user" });
        w.key("client_id").string(agent);
        if !automated {
            w.key("act").object(|w| {
                actor(w, mint, agent);
                if chained {
                    w.key("act").object(|w| actor(w, mint, "code-helper"));
                }
            });
        }
        w.key("agent_instance").object(|w| {
            let (id, kind) = match pattern {
                Pattern::Interactive => (s1, "session"),
                Pattern::Offline => (s2, "task"),
                Pattern::Automated => (s3, "task"),
                Pattern::Transitive | Pattern::TransitiveInteractive => (s4, "task"),
            };
            instance(w, mint, id);
            w.key("kind").string(kind);
            let parent = match pattern {
                Pattern::Transitive => Some(s2),
                Pattern::TransitiveInteractive => Some(s1),
                Pattern::Interactive | Pattern::Offline | Pattern::Automated => None,
            };
            if let Some(parent) = parent {
                w.key("parent").object(|w| instance(w, mint, parent));
                w.key("root").object(|w| instance(w, mint, parent));
            }
        });
        w.key("agent_rel").object(|w| {
            w.key("mode").string(match (automated, interactive) {
                (true, _) => "automated",
                (false, true) => "interactive",
                (false, false) => "offline",
            });
            w.key("authority").string(if automated { "agent" } else { "user" });
            if interactive {
                w.key("present_until").number(mint.issued_at.saturating_add(180));
            }
            if automated {
                w.key("user").object(|w| {
                    w.key("iss").string(&mint.people);
                    w.key("sub").string("ana");
                    w.key("role").string("case_subject");
                });
                w.key("task").string("c1");
            }
            w.key("hops").number(u64::from(chained));
        });
        w.key("scope").string(match pattern {
            Pattern::Interactive | Pattern::Offline | Pattern::TransitiveInteractive => "repo:web:rw",
            Pattern::Automated => "salary:read",
            Pattern::Transitive => "repo:read",
        });
        if let Some(thumbprint) = &mint.thumbprint {
            w.key("cnf").object(|w| w.key("jkt").string(thumbprint));
        }
    });
    w.finish()
}

fn actor(w: &mut Writer, mint: &Mint, agent: &str) {
    w.key("iss").string(&mint.issuer);
    w.key("sub").string(agent);
    w.key("sub_profile").string("ai_agent");
}

fn instance(w: &mut Writer, mint: &Mint, id: &str) {
    w.key("iss").string(&mint.issuer);
    w.key("id").string(id);
}
