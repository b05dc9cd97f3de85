//! Three values, F < U < T, with Kleene's connectives. Only T allows.

/// False, unknown or true, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// It does not hold.
    False,
    /// It could not be established: missing data, a cycle, an exhausted limit, an evaluation error.
    Unknown,
    /// It holds.
    True,
}

impl Truth {
    /// Both: the smaller of the two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// Either: the greater of the two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }

    /// The name, as it stands in a decision document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::False => "false",
            Self::Unknown => "unknown",
            Self::True => "true",
        }
    }
}

impl core::ops::Not for Truth {
    type Output = Self;

    /// The opposite; what is unknown stays unknown.
    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

#[cfg(test)]
mod tests {
    use super::Truth;

    const ALL: [Truth; 3] = [Truth::False, Truth::Unknown, Truth::True];

    #[test]
    fn connectives_are_monotone_in_information() {
        // Learning what an unknown really is never turns a definite answer around.
        for a in ALL {
            for known in [Truth::False, Truth::True] {
                for (with, without) in [
                    (a.and(known), a.and(Truth::Unknown)),
                    (a.or(known), a.or(Truth::Unknown)),
                    (!known, !Truth::Unknown),
                ] {
                    assert!(without == Truth::Unknown || without == with);
                }
            }
        }
    }

    #[test]
    fn de_morgan_holds() {
        for a in ALL {
            for b in ALL {
                assert_eq!(!(a.and(b)), (!a).or(!b));
            }
        }
    }
}
