//! A fact and where it came from.

use alloc::string::String;

/// What a token, its context or the configuration says about one slot of the identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact<T> {
    /// A source says "there is none".
    Absent(Src),
    /// A source says so in so many words.
    Asserted(T, Src),
    /// It follows from what a source says, by the rule that is named.
    Derived(T, Src, &'static str),
    /// Nobody says anything that can be used.
    Unknown(Why),
}

/// Why a fact is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// No source says anything.
    Silent,
    /// A source says something that cannot be read: an unknown value, a wrong kind.
    Unreadable(Src),
}

/// Where a fact was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Src {
    /// The carrier.
    pub layer: Layer,
    /// The member in it: `act.sub`.
    pub path: &'static str,
}

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The access token.
    Token,
    /// The answer of an introspection endpoint about it.
    Introspection,
    /// The assertion in `Agent-Context`.
    Assertion,
    /// The configuration of the guard.
    Config,
    /// An enforcement point that the host trusts.
    Enforcement,
}

impl Src {
    /// A member of the access token.
    pub const fn token(path: &'static str) -> Self {
        Self { layer: Layer::Token, path }
    }

    /// A member of the configuration.
    pub const fn config(path: &'static str) -> Self {
        Self { layer: Layer::Config, path }
    }

    /// `token:act.sub`, as it stands in a decision document.
    pub fn text(&self) -> String {
        let layer = match self.layer {
            Layer::Token => "token",
            Layer::Introspection => "introspection",
            Layer::Assertion => "assertion",
            Layer::Config => "config",
            Layer::Enforcement => "enforcement",
        };
        [layer, ":", self.path].concat()
    }
}

impl<T> Fact<T> {
    /// Nobody says anything.
    pub const SILENT: Self = Self::Unknown(Why::Silent);

    /// The value, if there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Asserted(value, _) | Self::Derived(value, ..) => Some(value),
            Self::Absent(_) | Self::Unknown(_) => None,
        }
    }

    /// The same fact about something else.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Absent(src) => Fact::Absent(src),
            Self::Asserted(value, src) => Fact::Asserted(f(value), src),
            Self::Derived(value, src, rule) => Fact::Derived(f(value), src, rule),
            Self::Unknown(why) => Fact::Unknown(why),
        }
    }

    /// Says that it was another carrier than the token.
    pub(crate) fn said_by(&mut self, layer: Layer) {
        let src = match self {
            Self::Absent(src) | Self::Asserted(_, src) | Self::Derived(_, src, _) => src,
            Self::Unknown(Why::Unreadable(src)) => src,
            Self::Unknown(Why::Silent) => return,
        };
        if src.layer == Layer::Token {
            src.layer = layer;
        }
    }

    /// Whether no source says anything.
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Unknown(Why::Silent))
    }

    /// Where it was read.
    pub fn src(&self) -> Option<&Src> {
        match self {
            Self::Absent(src) | Self::Asserted(_, src) | Self::Derived(_, src, _) => Some(src),
            Self::Unknown(Why::Unreadable(src)) => Some(src),
            Self::Unknown(Why::Silent) => None,
        }
    }
}
