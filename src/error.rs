//! Every refusal and error: its code, its stage, its HTTP status and OAuth error, and where it comes from.
//!
//! A [`Code`] is stable: the same string in Rust, in JavaScript, on the command line and in Envoy, from the
//! first release on; a released code is never renamed or reused. What happened in detail is told to the
//! administrator (`reason_admin`); a client sees [`Decision::told`](crate::Decision::told) and
//! [`Code::reason_user`] only.

use alloc::string::String;
use core::fmt;

/// The stage of a request that a [`Code`] belongs to, in the order in which they are passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Before any request: configuration, rules, model, tuples.
    Load,
    /// The request itself, before a token is looked at.
    Request,
    /// The access token: form, key, signature, claims.
    Token,
    /// Who is it: dialect, relationship, chain of names.
    Identity,
    /// Proof of possession.
    Proof,
    /// From the request to an action and an object.
    Mapping,
    /// Relationship rules.
    Policy,
}

impl Stage {
    /// The name of the stage in a decision document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Request => "request",
            Self::Token => "token",
            Self::Identity => "identity",
            Self::Proof => "proof",
            Self::Mapping => "mapping",
            Self::Policy => "policy",
        }
    }
}

macro_rules! codes {
    ($( $variant:ident = $name:literal, $stage:ident, $status:literal, $oauth:expr, $user:literal, $source:literal; )*) => {
        /// A stable code; the table in this file maps it once to stage, status and OAuth error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $( #[doc = concat!("`", $name, "`: ", $user, " Source: ", $source, ".")] $variant, )*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Self] = &[$( Self::$variant, )*];

            /// The stable name, snake_case.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// The stage that yields it.
            pub const fn stage(self) -> Stage {
                match self { $( Self::$variant => Stage::$stage, )* }
            }

            /// The HTTP status of the answer.
            pub const fn status(self) -> u16 {
                match self { $( Self::$variant => $status, )* }
            }

            /// The `error` of a `WWW-Authenticate` challenge, where one is sent (RFC 6750 §3.1, RFC 9449 §7.1).
            pub const fn oauth_error(self) -> Option<&'static str> {
                match self { $( Self::$variant => $oauth, )* }
            }

            /// One sentence for the client. It never tells whether an object exists.
            pub const fn reason_user(self) -> &'static str {
                match self { $( Self::$variant => $user, )* }
            }

            /// Where the check comes from.
            pub const fn source(self) -> &'static str {
                match self { $( Self::$variant => $source, )* }
            }
        }
    };
}

const INVALID_TOKEN: Option<&str> = Some("invalid_token");
const INVALID_REQUEST: Option<&str> = Some("invalid_request");
const INVALID_PROOF: Option<&str> = Some("invalid_dpop_proof");
const NO_SCOPE: Option<&str> = Some("insufficient_scope");

codes! {
    // Before any request.
    ConfigInvalid = "config_invalid", Load, 500, None, "The configuration is not valid.", "the configuration schema";
    KeysInvalid = "keys_invalid", Load, 500, None, "A key set is not valid.", "RFC 7517";
    RulesInvalid = "rules_invalid", Load, 500, None, "A rule file is not valid.", "the rule language";
    ModelInvalid = "model_invalid", Load, 500, None, "An authorization model is not valid.", "OpenFGA schema 1.1";
    TupleInvalid = "tuple_invalid", Load, 500, None, "A relationship tuple is not valid.", "OpenFGA schema 1.1";
    PackInvalid = "pack_invalid", Load, 500, None, "The compiled policy is damaged.", "the pack format";
    PackUntrusted = "pack_untrusted", Load, 500, None, "The compiled policy is not signed with a key that is accepted.", "the pack format";
    PackOutdated = "pack_outdated", Load, 500, None, "The compiled policy is older than the one in use.", "the pack format";
    RebuildNeeded = "rebuild_needed", Load, 500, None, "Too many relationships have changed since the policy was compiled.", "the pack format";
    // The request.
    RequestInvalid = "request_invalid", Request, 400, INVALID_REQUEST, "The request is not well formed.", "RFC 9110";
    PathNotCanonical = "path_not_canonical", Request, 400, INVALID_REQUEST, "The path of the request is not in its canonical form.", "RFC 3986 §6.2";
    MethodOverride = "method_override", Request, 400, INVALID_REQUEST, "A header tries to change the method of the request.", "the rule language";
    PackExpired = "pack_expired", Request, 503, None, "The request cannot be decided now.", "the pack format";
    ClockInvalid = "clock_invalid", Request, 503, None, "The request cannot be decided now.", "RFC 7519 §4.1.4";
    // The token.
    TokenMissing = "token_missing", Token, 401, None, "An access token is needed.", "RFC 6750 §3.1";
    TokenAmbiguous = "token_ambiguous", Token, 400, INVALID_REQUEST, "More than one access token was sent.", "RFC 6750 §2";
    TokenTooLarge = "token_too_large", Token, 401, INVALID_TOKEN, "The access token is too large.", "RFC 8725 §3";
    TokenMalformed = "token_malformed", Token, 401, INVALID_TOKEN, "The access token is not well formed.", "RFC 7515 §5.2";
    IssuerUnknown = "issuer_unknown", Token, 401, INVALID_TOKEN, "The access token comes from an issuer that is not accepted.", "RFC 9068 §4";
    HeaderUnsupported = "header_unsupported", Token, 401, INVALID_TOKEN, "The header of the access token asks for something that is not accepted.", "RFC 7515 §4.1.11, RFC 8725 §3";
    AlgorithmNotAllowed = "algorithm_not_allowed", Token, 401, INVALID_TOKEN, "The access token is signed with an algorithm that is not accepted.", "RFC 8725 §3.1";
    TokenTypeWrong = "token_type_wrong", Token, 401, INVALID_TOKEN, "This kind of token is not an access token.", "RFC 9068 §4, RFC 8725 §3.11";
    KeysUnavailable = "keys_unavailable", Token, 503, None, "The keys of the issuer are not known yet.", "RFC 9068 §4";
    KeyUnknown = "key_unknown", Token, 401, INVALID_TOKEN, "The access token is signed with a key that is not known.", "RFC 7515 §4.1.4";
    SignatureInvalid = "signature_invalid", Token, 401, INVALID_TOKEN, "The signature of the access token does not hold.", "RFC 7515 §5.2";
    AudienceMismatch = "audience_mismatch", Token, 401, INVALID_TOKEN, "The access token is meant for another service.", "RFC 9068 §4";
    TokenExpired = "token_expired", Token, 401, INVALID_TOKEN, "The access token has expired.", "RFC 7519 §4.1.4";
    TokenNotYetValid = "token_not_yet_valid", Token, 401, INVALID_TOKEN, "The access token is not valid yet.", "RFC 7519 §4.1.5";
    TokenInactive = "token_inactive", Token, 401, INVALID_TOKEN, "The access token is not active any more.", "RFC 7662 §2.2";
    IntrospectionInvalid = "introspection_invalid", Token, 401, INVALID_TOKEN, "What the issuer says of the access token is not accepted.", "RFC 7662 §2.2, RFC 9701 §5";
    IntrospectionUnavailable = "introspection_unavailable", Token, 503, None, "It could not be established whether the access token is active.", "RFC 7662 §2.2";
    ClaimMissing = "claim_missing", Token, 401, INVALID_TOKEN, "The access token lacks a claim that it needs.", "RFC 9068 §2.2";
    ClaimInvalid = "claim_invalid", Token, 401, INVALID_TOKEN, "A claim of the access token is not well formed.", "RFC 7519 §4";
    // Who is it.
    AgentMissing = "agent_missing", Identity, 403, None, "The access token does not say which agent is acting.", "the agent context profile";
    ForeignName = "foreign_name", Identity, 403, None, "The issuer names somebody whom it may not speak for.", "the agent context profile";
    ContextMissing = "context_missing", Identity, 403, None, "What is needed to say who is acting was not sent along.", "the agent context profile";
    ContextInvalid = "context_invalid", Identity, 403, None, "The assertion about who is acting is not accepted.", "the agent context profile";
    FactsConflict = "facts_conflict", Identity, 403, None, "The facts about who is acting contradict each other.", "the agent context profile";
    ChainInconsistent = "chain_inconsistent", Identity, 403, None, "The chain of agents does not fit together.", "RFC 8693 §4.1";
    DialectUnsupported = "dialect_unsupported", Identity, 403, None, "The access token says who is acting in a way that is not supported.", "the agent context profile";
    ClientUnclassified = "client_unclassified", Identity, 403, None, "It is not known whether this client is an application or an agent.", "RFC 9700 §4.15";
    RelationshipUnknown = "relationship_unknown", Identity, 403, None, "It is not known on whose behalf the agent is acting.", "the kinds of relationship";
    RelationshipUnsupported = "relationship_unsupported", Identity, 403, None, "This combination of user, agent and authority is not supported.", "the kinds of relationship";
    Revoked = "revoked", Identity, 401, INVALID_TOKEN, "The access token was revoked.", "RFC 6750 §3.1, draft-ietf-oauth-status-list";
    RevocationUnavailable = "revocation_unavailable", Identity, 503, None, "It could not be established whether the access token was revoked.", "draft-ietf-oauth-status-list";
    InstanceReused = "instance_reused", Identity, 403, None, "This session or task belongs to somebody else.", "the agent context profile";
    InstanceStoreUnavailable = "instance_store_unavailable", Identity, 503, None, "It could not be established whose session or task this is.", "the agent context profile";
    PresenceExpired = "presence_expired", Identity, 403, None, "The user is no longer present.", "the agent context profile";
    // Proof of possession.
    ProofMissing = "proof_missing", Proof, 401, INVALID_TOKEN, "The access token is bound to a key, and proof of that key is missing.", "RFC 9449 §7, RFC 8705 §3";
    ProofInvalid = "proof_invalid", Proof, 401, INVALID_PROOF, "The proof of possession does not hold.", "RFC 9449 §4.3";
    ProofNonceNeeded = "proof_nonce_needed", Proof, 401, Some("use_dpop_nonce"), "The proof of possession needs the nonce of this service.", "RFC 9449 §9";
    ProofReplayed = "proof_replayed", Proof, 401, INVALID_PROOF, "The proof of possession was used before.", "RFC 9449 §11.1";
    ProofStoreUnavailable = "proof_store_unavailable", Proof, 503, None, "It could not be established whether the proof of possession was used before.", "RFC 9449 §11.1";
    // Mapping.
    Unmapped = "unmapped", Mapping, 403, None, "This request is not covered by any rule.", "the rule language";
    ArgumentInvalid = "argument_invalid", Mapping, 400, None, "An argument of this request is missing or not well formed.", "the rule language";
    MessageInvalid = "message_invalid", Mapping, 400, None, "The JSON-RPC message is not well formed.", "JSON-RPC 2.0, the Model Context Protocol";
    // Policy.
    NotCovered = "not_covered", Policy, 403, NO_SCOPE, "The access token does not cover this action.", "RFC 6750 §3.1, RFC 9396";
    NoRule = "no_rule", Policy, 403, None, "No rule allows this action to this kind of caller.", "the rule language";
    ModeNotAllowed = "mode_not_allowed", Policy, 403, None, "This action is not allowed in the way the agent is working now.", "the rule language";
    UserLacksRelation = "user_lacks_relation", Policy, 403, None, "The user is not allowed to do this.", "the rule language";
    AgentLacksRelation = "agent_lacks_relation", Policy, 403, None, "The agent is not allowed to do this.", "the rule language";
    LacksRelation = "lacks_relation", Policy, 403, None, "It is not established that user and agent are both allowed to do this.", "the rule language";
    NotThePersonsRecord = "not_the_persons_record", Policy, 403, None, "This record is not part of the case the agent works on.", "the rule language";
    ConditionFailed = "condition_failed", Policy, 403, None, "A condition of the rule does not hold.", "the rule language";
    ChainTooLong = "chain_too_long", Policy, 403, None, "Too many agents stand between the user and this request.", "the rule language";
    HopRecordMissing = "hop_record_missing", Policy, 403, None, "An earlier agent of the chain is not vouched for.", "the rule language";
    HopRecordInvalid = "hop_record_invalid", Policy, 403, None, "What vouches for an earlier agent of the chain does not hold.", "the rule language";
    HopNotCovered = "hop_not_covered", Policy, 403, None, "An earlier agent of the chain was not given this right.", "the rule language";
    Ceiling = "ceiling", Policy, 403, None, "This agent may not do this for anybody.", "the rule language";
    Forbidden = "forbidden", Policy, 403, None, "A rule forbids this.", "the rule language";
    CallerLacksRelation = "caller_lacks_relation", Policy, 403, None, "An agent of the chain may not call the next one.", "the rule language";
    NeedsApproval = "needs_approval", Policy, 403, None, "Somebody has to approve this first.", "the rule language";
    ApprovalInvalid = "approval_invalid", Policy, 403, None, "The approval that was sent is not accepted.", "the rule language";
    ApprovalSpent = "approval_spent", Policy, 403, None, "The approval was used before.", "the rule language";
    ApprovalStoreUnavailable = "approval_store_unavailable", Policy, 503, None, "It could not be established whether the approval was used before.", "the rule language";
    RelationMissing = "relation_missing", Policy, 403, None, "It could not be established whether this is allowed.", "the rule language";
    RelationsUnavailable = "relations_unavailable", Policy, 503, None, "It could not be established whether this is allowed.", "the rule language";
    LimitExceeded = "limit_exceeded", Policy, 403, None, "It would take too long to establish whether this is allowed.", "the rule language";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a configuration does not load: which field, what is wrong, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The stable code.
    pub code: Code,
    /// The path of the field, such as `issuers[0].audience`; empty for the document as a whole.
    pub path: String,
    /// What is wrong and what to write instead: lower case, no final stop.
    pub message: String,
    /// Where in a rule file, model or tuple file it is, if it is in one.
    pub position: Option<Position>,
}

/// A place in a text: file, line and column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The name of the file, as the configuration gives it.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// The offending text, shortened.
    pub symbol: String,
}

impl ConfigError {
    /// An error of the field at `path`.
    pub fn new(code: Code, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, path: path.into(), message: message.into(), position: None }
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.position {
            write!(f, "{}:{}:{}: ", at.file, at.line, at.column)?;
        } else if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl core::error::Error for ConfigError {}

/// Why a rule file, a model or a tuple is not accepted: where, what, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// The stable code: `rules_invalid`, `model_invalid` or `tuple_invalid`.
    pub code: Code,
    /// The place, with the offending text.
    pub at: Position,
    /// What is wrong and what to write instead: lower case, no final stop.
    pub message: String,
}

impl PolicyError {
    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.at.file, self.at.line, self.at.column, self.message)
    }
}

impl core::error::Error for PolicyError {}

impl From<PolicyError> for ConfigError {
    fn from(error: PolicyError) -> Self {
        Self { code: error.code, path: String::new(), message: error.message, position: Some(error.at) }
    }
}

/// Why a request is refused: the code, and what an administrator needs to know. Never holds a token or a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// What happened: lower case, no final stop, user input in backticks and shortened.
    pub detail: String,
}

impl Refusal {
    /// A refusal with its reason.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl core::error::Error for Refusal {}

/// Why a token is not accepted.
pub type TokenError = Refusal;

/// Shows input of unknown quality in a message: at most 64 characters, control characters escaped, in backticks.
pub fn quote(input: &str) -> String {
    let mut out = String::with_capacity(input.len().min(70));
    out.push('`');
    for (count, c) in input.chars().enumerate() {
        if count == 64 {
            out.push('…');
            break;
        }
        if c.is_control() || c == '`' || is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out.push('`');
    out
}

/// Zero-width and bidirectional formatting characters, which make two names look alike.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_snake_case() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for name in names {
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        }
    }

    #[test]
    fn quotes_shorten_and_escape() {
        assert_eq!(quote("a\n`\u{202e}"), "`a\\u{a}\\u{60}\\u{202e}`");
        assert_eq!(quote(&"x".repeat(100)).chars().count(), 67);
    }
}
