//! What became of a request.

use alloc::{format, string::String, sync::Arc};

use crate::approval::Approval;
use crate::error::{Code, Stage};
use crate::identity::Holder;
use crate::identity::context::{Identity, Kind, Mode};
use crate::policy::Policy;
use crate::proof::Use;
use crate::token::VerifiedToken;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass.
    Allow,
    /// It may not.
    Deny,
    /// It may pass once somebody has approved it.
    NeedsApproval,
}

impl Verdict {
    /// The name, as it stands in a decision document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::NeedsApproval => "needs_approval",
        }
    }
}

/// The outcome of [`Guard::decide`](crate::Guard::decide).
#[derive(Debug, Clone)]
pub struct Decision {
    pub(crate) verdict: Verdict,
    pub(crate) code: Option<Code>,
    pub(crate) token: Option<Arc<VerifiedToken>>,
    pub(crate) rule: Option<(Arc<Policy>, usize)>,
    pub(crate) public: bool,
    pub(crate) proof_use: Option<Use>,
    pub(crate) nonce: Option<String>,
    pub(crate) approval: Option<Approval>,
    pub(crate) approval_use: Option<Use>,
    pub(crate) instance_use: Option<Holder>,
    /// The scope that would cover the request, where more scope would help.
    pub(crate) scope: Option<String>,
}

impl Decision {
    pub(crate) fn refused(code: Code) -> Self {
        Self {
            verdict: Verdict::Deny,
            code: Some(code),
            token: None,
            rule: None,
            public: false,
            proof_use: None,
            nonce: None,
            approval: None,
            approval_use: None,
            instance_use: None,
            scope: None,
        }
    }

    /// Allow, deny or needs approval.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Why it is not allowed; `None` on allow.
    pub fn code(&self) -> Option<Code> {
        self.code
    }

    /// The code that a client is told; document and audit hold the decision's own.
    ///
    /// Where user and agent both need the relation, whose is missing is not the agent's to know: it would learn
    /// what its user may do, and that an object exists. It is told `lacks_relation`, whatever was established.
    pub fn told(&self) -> Option<Code> {
        match self.code? {
            Code::UserLacksRelation
            | Code::AgentLacksRelation
            | Code::RelationMissing
            | Code::LimitExceeded
                if self.kind() == Some(Kind::Joint) =>
            {
                Some(Code::LacksRelation)
            }
            code => Some(code),
        }
    }

    /// The HTTP status of the answer: 200 on allow.
    pub fn status(&self) -> u16 {
        self.code.map_or(200, Code::status)
    }

    /// The rule that allows or refuses it, by its id; `public` where a `public` line lets it through.
    pub fn rule(&self) -> Option<&str> {
        if self.public {
            return Some("public");
        }
        let (policy, index) = self.rule.as_ref()?;
        policy.rules.rules.get(*index).map(|rule| rule.id.as_str())
    }

    /// What the replay store said of the request's proof: for [`Request::proof_use`](crate::Request::proof_use)
    /// when the decision is explained.
    pub fn proof_use(&self) -> Option<Use> {
        self.proof_use
    }

    /// The value of `DPoP-Nonce`, where the answer asks for a proof with it (RFC 9449 §9).
    pub fn dpop_nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// What has to be approved first, where something has.
    pub fn approval(&self) -> Option<&Approval> {
        self.approval.as_ref()
    }

    /// What the store said of the request's approval: for
    /// [`Request::approval_use`](crate::Request::approval_use) when the decision is explained.
    pub fn approval_use(&self) -> Option<Use> {
        self.approval_use
    }

    /// What the store said of the token's instance: for
    /// [`Request::instance_use`](crate::Request::instance_use) when the decision is explained.
    pub fn instance_use(&self) -> Option<Holder> {
        self.instance_use
    }

    /// Whether it was let through without looking at a token.
    pub fn is_public(&self) -> bool {
        self.public
    }

    /// The verified token, once its signature, claims and times hold.
    pub(crate) fn token(&self) -> Option<&VerifiedToken> {
        self.token.as_deref()
    }

    fn identity(&self) -> Option<&Identity> {
        self.token().and_then(|token| token.identity().ok())
    }

    /// The user's object in the model: `user:ana`. Encoded, so it is safe in a header.
    pub fn user(&self) -> Option<&str> {
        self.identity().and_then(|identity| identity.user.as_deref())
    }

    /// The current agent's object in the model: `agent:code-helper`.
    pub fn agent(&self) -> Option<&str> {
        self.identity().and_then(|identity| identity.link.as_ref()).map(|link| link.agent.as_str())
    }

    /// The current instance's object in the model.
    pub fn instance(&self) -> Option<&str> {
        self.identity().and_then(|identity| identity.link.as_ref()).and_then(|link| link.instance.as_deref())
    }

    /// The kind of relationship.
    pub fn kind(&self) -> Option<Kind> {
        self.identity().and_then(|identity| identity.kind.as_ref().ok().copied())
    }

    /// The mode, where the token or the configuration says it.
    pub fn mode(&self) -> Option<Mode> {
        self.identity().and_then(|identity| identity.facts.mode.value().copied())
    }

    /// The value of `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1), where one goes with the answer.
    pub fn challenge(&self) -> Option<String> {
        let code = self.code?;
        match code.oauth_error() {
            // RFC 6750 §3.1: without any credentials, no error is given.
            None if code == Code::TokenMissing => Some("Bearer".into()),
            None => None,
            Some("insufficient_scope") => {
                let scope =
                    self.scope.as_ref().map(|scope| format!(", scope=\"{scope}\"")).unwrap_or_default();
                Some(format!("Bearer error=\"insufficient_scope\"{scope}"))
            }
            Some(error) if matches!(code.status(), 401) => {
                let scheme = if code.stage() == Stage::Proof { "DPoP" } else { "Bearer" };
                Some(format!("{scheme} error=\"{error}\", error_description=\"{}\"", code.reason_user()))
            }
            Some(_) => None,
        }
    }
}
