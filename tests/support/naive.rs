//! The formula of a decision once more, as plainly as it can be written: no shortcut, no index, no shared code.
//!
//! It reads rules as they were generated and tuples as a list. 0 is false, 1 unknown, 2 true.

/// A condition: where it may stand is the generator's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cond {
    WhenAgentWorksOnTask,
    WhenUserIsOfTask,
    UnlessUserWritesD0,
    WhenKindIsDelegated,
    UnlessModeIsOffline,
    UnlessAgentWorksOnC0,
    WhenAgentWorksOnC0,
    WhenLevelIsHigh,
}

impl Cond {
    pub const ALL: [Self; 8] = [
        Self::WhenAgentWorksOnTask,
        Self::WhenUserIsOfTask,
        Self::UnlessUserWritesD0,
        Self::WhenKindIsDelegated,
        Self::UnlessModeIsOffline,
        Self::UnlessAgentWorksOnC0,
        Self::WhenAgentWorksOnC0,
        Self::WhenLevelIsHigh,
    ];

    pub fn text(self) -> &'static str {
        match self {
            Self::WhenAgentWorksOnTask => "when agent is worker of case:{task}",
            Self::WhenUserIsOfTask => "when user is employee of case:{task}",
            Self::UnlessUserWritesD0 => "unless user is writer of doc:d0",
            Self::WhenKindIsDelegated => "when kind == \"delegated\"",
            Self::UnlessModeIsOffline => "unless mode == \"offline\"",
            Self::UnlessAgentWorksOnC0 => "unless agent is worker of case:c0",
            Self::WhenAgentWorksOnC0 => "when agent is worker of case:c0",
            Self::WhenLevelIsHigh => "when claim.level >= 3",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Approve,
    Forbid,
}

/// Kinds, modes and actions by their place: self, delegated, joint, assigned, autonomous; interactive, offline,
/// automated; read, write.
#[derive(Debug, Clone)]
pub struct Rule {
    pub effect: Effect,
    pub kinds: Vec<usize>,
    pub modes: Vec<usize>,
    pub personal: bool,
    pub actions: Vec<usize>,
    pub conditions: Vec<Cond>,
}

#[derive(Debug, Clone)]
pub struct World {
    pub rules: Vec<Rule>,
    /// `None` for every agent without a line of its own; personal type; actions.
    pub ceilings: Vec<(Option<&'static str>, bool, Vec<usize>)>,
    pub chain: usize,
    pub tuples: Vec<(&'static str, &'static str, &'static str)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    Known(&'static str),
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Absent,
    Unreadable,
    Is(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    pub agent: Option<&'static str>,
    /// What its token carries; `None` where no token was sent.
    pub scope: Option<Scope>,
}

#[derive(Debug, Clone)]
pub struct Case {
    pub kind: usize,
    pub modes: Vec<usize>,
    pub user: Option<&'static str>,
    pub chain: Vec<Hop>,
    /// The current token.
    pub scope: Scope,
    pub level: Option<u8>,
    pub task: Task,
    pub personal: bool,
    pub action: usize,
    pub object: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    Deny,
    NeedsApproval,
    Allow,
}

fn not(value: u8) -> u8 {
    2 - value
}

fn truth(value: bool) -> u8 {
    if value { 2 } else { 0 }
}

impl World {
    fn related(&self, subject: Option<&str>, relation: &str, object: Option<&str>) -> u8 {
        let (Some(subject), Some(object)) = (subject, object) else { return 1 };
        let direct = |relation: &str| self.tuples.contains(&(subject, relation, object));
        truth(direct(relation) || (relation == "reader" && direct("writer")))
    }

    fn condition(&self, cond: Cond, case: &Case, mode: usize, hop: Option<&Hop>) -> u8 {
        let task = match case.task {
            Task::Known(task) => Some(format!("case:{task}")),
            Task::Unknown => None,
        };
        let agent = hop.and_then(|hop| hop.agent);
        match cond {
            Cond::WhenAgentWorksOnTask => self.related(agent, "worker", task.as_deref()),
            Cond::WhenUserIsOfTask => self.related(case.user, "employee", task.as_deref()),
            Cond::UnlessUserWritesD0 => not(self.related(case.user, "writer", Some("doc:d0"))),
            Cond::WhenKindIsDelegated => truth(case.kind == 1),
            Cond::UnlessModeIsOffline => truth(mode != 1),
            Cond::UnlessAgentWorksOnC0 => not(self.related(agent, "worker", Some("case:c0"))),
            Cond::WhenAgentWorksOnC0 => self.related(agent, "worker", Some("case:c0")),
            Cond::WhenLevelIsHigh => case.level.map_or(1, |level| truth(level >= 3)),
        }
    }

    fn all_conditions(&self, rule: &Rule, case: &Case, mode: usize, hop: Option<&Hop>) -> u8 {
        rule.conditions.iter().map(|c| self.condition(*c, case, mode, hop)).min().unwrap_or(2)
    }

    fn covers(scope: Scope, case: &Case) -> u8 {
        let names = match scope {
            Scope::Absent => return 0,
            Scope::Unreadable => return 1,
            Scope::Is(names) => names,
        };
        truth(names.split(' ').any(|name| match (case.personal, name) {
            (false, "doc") | (true, "rec") => true,
            (false, name) if name.starts_with("doc:") => {
                case.action == 0 && Some(&name[4..]) == case.object.strip_prefix("doc:")
            }
            _ => false,
        }))
    }

    fn in_mode(&self, case: &Case, mode: usize) -> Answer {
        let fits = |rule: &&Rule| {
            rule.kinds.contains(&case.kind)
                && (rule.modes.is_empty() || rule.modes.contains(&mode))
                && rule.personal == case.personal
                && rule.actions.contains(&case.action)
        };
        let none = [];
        let agents: &[Hop] = if case.kind == 0 { &none } else { &case.chain };
        let mut value = Self::covers(case.scope, case);
        // The base of the kind. `rec` needs a relation to an organisation, `doc` to itself.
        let (relation, of) = match (case.personal, case.action) {
            (true, _) => ("hr", "org:o"),
            (false, 0) => ("reader", case.object),
            (false, _) => ("writer", case.object),
        };
        if case.kind <= 2 {
            value = value.min(self.related(case.user, relation, Some(of)));
        }
        if case.kind >= 2 {
            for hop in agents {
                value = value.min(self.related(hop.agent, relation, Some(of)));
            }
        }
        if case.kind == 3 && case.personal {
            value = value.min(self.related(case.user, "employee", Some(case.object)));
        }
        // One `allow` line, for every agent of the chain.
        let allow = self.rules.iter().filter(fits).filter(|rule| rule.effect == Effect::Allow).map(|rule| {
            let each = agents.iter().map(|hop| self.all_conditions(rule, case, mode, Some(hop))).min();
            each.unwrap_or_else(|| self.all_conditions(rule, case, mode, None))
        });
        value = value.min(allow.max().unwrap_or(0));
        // Hops and ceilings.
        let depth = agents.len().saturating_sub(1);
        if depth > self.chain {
            value = 0;
        }
        for hop in &agents[..depth] {
            value = value.min(hop.scope.map_or(1, |scope| Self::covers(scope, case)));
        }
        if self.ceilings.iter().any(|c| c.1 == case.personal) {
            for hop in agents {
                let Some(agent) = hop.agent else {
                    value = value.min(1);
                    continue;
                };
                let own = self.ceilings.iter().any(|c| c.1 == case.personal && c.0 == Some(agent));
                let wanted = if own { Some(agent) } else { None };
                let may = self
                    .ceilings
                    .iter()
                    .any(|c| c.1 == case.personal && c.0 == wanted && c.2.contains(&case.action));
                value = value.min(truth(may));
            }
        }
        // `forbid` and `approve` strike for any agent of the chain.
        let strikes = |effect: Effect| {
            let of_rule = |rule: &Rule| {
                let each = agents.iter().map(|hop| self.all_conditions(rule, case, mode, Some(hop))).max();
                each.unwrap_or_else(|| self.all_conditions(rule, case, mode, None))
            };
            self.rules
                .iter()
                .filter(fits)
                .filter(|rule| rule.effect == effect)
                .map(of_rule)
                .max()
                .unwrap_or(0)
        };
        value = value.min(not(strikes(Effect::Forbid)));
        match (value, strikes(Effect::Approve)) {
            (2, 0) => Answer::Allow,
            (2, _) => Answer::NeedsApproval,
            _ => Answer::Deny,
        }
    }

    pub fn decide(&self, case: &Case) -> Answer {
        case.modes.iter().map(|mode| self.in_mode(case, *mode)).min().unwrap_or(Answer::Deny)
    }
}
