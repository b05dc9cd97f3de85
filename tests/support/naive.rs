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
    WhenInstanceIsOfTask,
    UnlessInstanceIsOfC0,
    WhenUserIsOfT0,
    UnlessUserIsOfT1,
    UnlessLevelIsThere,
    /// Only where the object is a document.
    WhenU1ReadsIt,
}

impl Cond {
    pub const ALL: [Self; 14] = [
        Self::WhenAgentWorksOnTask,
        Self::WhenUserIsOfTask,
        Self::UnlessUserWritesD0,
        Self::WhenKindIsDelegated,
        Self::UnlessModeIsOffline,
        Self::UnlessAgentWorksOnC0,
        Self::WhenAgentWorksOnC0,
        Self::WhenLevelIsHigh,
        Self::WhenInstanceIsOfTask,
        Self::UnlessInstanceIsOfC0,
        Self::WhenUserIsOfT0,
        Self::UnlessUserIsOfT1,
        Self::UnlessLevelIsThere,
        Self::WhenU1ReadsIt,
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
            Self::WhenInstanceIsOfTask => "when instance is session of case:{task}",
            Self::UnlessInstanceIsOfC0 => "unless instance is session of case:c0",
            Self::WhenUserIsOfT0 => "when user is member of team:t0",
            Self::UnlessUserIsOfT1 => "unless user is member of team:t1",
            Self::UnlessLevelIsThere => "unless has(claim.level) && claim.level == 5",
            Self::WhenU1ReadsIt => "when user:u1 is reader of object",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Approve,
    Forbid,
}

/// Who may approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    User,
    Approver,
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
    pub by: By,
    pub conditions: Vec<Cond>,
}

/// `token says …`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    UserIsMember,
    AgentIsWorker,
    InstanceIsSession,
    FriendIsWriter,
}

impl Says {
    pub const ALL: [Self; 4] =
        [Self::UserIsMember, Self::AgentIsWorker, Self::InstanceIsSession, Self::FriendIsWriter];

    pub fn text(self) -> &'static str {
        match self {
            Self::UserIsMember => "token says user is member of team:{claim.team}",
            Self::AgentIsWorker => "token says agent is worker of case:{claim.case}",
            Self::InstanceIsSession => "token says instance is session of case:{claim.case}",
            Self::FriendIsWriter => "token says user:{claim.friend} is writer of doc:d1",
        }
    }
}

pub type Tuple = (&'static str, &'static str, &'static str);

#[derive(Debug, Clone)]
pub struct World {
    pub rules: Vec<Rule>,
    /// `None` for every agent without a line of its own; personal type; actions.
    pub ceilings: Vec<(Option<&'static str>, bool, Vec<usize>)>,
    pub says: Vec<Says>,
    pub chain: usize,
    pub unrecorded: bool,
    /// `each caller is may_call of agent`
    pub callers: bool,
    pub tuples: Vec<Tuple>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    Known(&'static str),
    Absent,
    Unknown,
}

/// What a claim says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Names {
    Absent,
    Unreadable,
    Is(&'static [&'static str]),
}

/// One of `authorization_details`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Detail {
    /// Its type: `doc`, `rec`, or one that nobody speaks about.
    pub of: &'static str,
    pub id: Option<&'static str>,
    pub actions: &'static [&'static str],
    /// A member that no line names.
    pub more: bool,
    /// Whether its `locations` name another service.
    pub elsewhere: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Details {
    Absent,
    Unreadable,
    Are(&'static [Detail]),
}

/// The carriers of authority in a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    pub scope: Names,
    pub roles: Names,
    pub details: Details,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    Missing,
    Invalid,
    Token(Token),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    pub agent: Option<&'static str>,
    pub instance: Option<&'static str>,
    pub record: Record,
}

#[derive(Debug, Clone)]
pub struct Case {
    pub kind: usize,
    pub modes: Vec<usize>,
    pub user: Option<&'static str>,
    pub chain: Vec<Hop>,
    /// The current token.
    pub token: Token,
    /// What another carrier says of it.
    pub also: Option<Token>,
    pub level: Option<u8>,
    pub team: Names,
    pub case: Names,
    pub friend: Names,
    pub task: Task,
    pub approver: Option<&'static str>,
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

/// The names of actions, by their place.
const ACTIONS: [&str; 2] = ["read", "write"];

/// What one line covers for one name: whether it speaks about the type, and whether it covers.
fn scope(name: &str, case: &Case) -> (bool, bool) {
    match name {
        "doc" => (!case.personal, true),
        "rec" => (case.personal, true),
        _ => match name.strip_prefix("doc:") {
            Some(id) if !id.is_empty() => (
                !case.personal,
                case.action == 0 && id != "*" && case.object.strip_prefix("doc:") == Some(id),
            ),
            _ => (false, false),
        },
    }
}

fn role(name: &str, case: &Case) -> (bool, bool) {
    match name {
        "rd" => (!case.personal, case.action == 0),
        "all" => (!case.personal, true),
        _ => (false, false),
    }
}

fn detail(detail: &Detail, case: &Case) -> (bool, bool) {
    let fits = !detail.more && !detail.elsewhere;
    match (detail.of, case.personal) {
        ("doc", false) => {
            let named = detail.id.is_some_and(|id| id != "*" && case.object.strip_prefix("doc:") == Some(id));
            (true, fits && named && detail.actions.contains(&ACTIONS[case.action]))
        }
        // The line for records reads neither `id` nor `actions`: a detail that has one covers nothing.
        ("rec", true) => (true, fits && detail.id.is_none() && detail.actions.is_empty()),
        _ => (false, false),
    }
}

/// Each carrier that speaks about the type must cover; where none does, nothing is covered.
fn covers(token: &Token, case: &Case) -> u8 {
    let names = |names: Names, line: fn(&str, &Case) -> (bool, bool)| match names {
        Names::Absent => None,
        Names::Unreadable => Some(1),
        Names::Is(names) => {
            let spoken: Vec<_> = names.iter().map(|name| line(name, case)).filter(|said| said.0).collect();
            (!spoken.is_empty()).then(|| truth(spoken.iter().any(|said| said.1)))
        }
    };
    let details = match token.details {
        Details::Absent => None,
        Details::Unreadable => Some(1),
        Details::Are(details) => {
            let spoken: Vec<_> = details.iter().map(|d| detail(d, case)).filter(|said| said.0).collect();
            (!spoken.is_empty()).then(|| truth(spoken.iter().any(|said| said.1)))
        }
    };
    let carriers = [names(token.scope, scope), names(token.roles, role), details];
    carriers.into_iter().flatten().min().unwrap_or(0)
}

/// What the claims of a request say: tuples, and relations of which nobody knows.
struct Said {
    tuples: Vec<(String, &'static str, String)>,
    unknown: Vec<(&'static str, &'static str)>,
}

impl World {
    fn said(&self, case: &Case) -> Said {
        let mut said = Said { tuples: Vec::new(), unknown: Vec::new() };
        let current = if case.kind == 0 { None } else { case.chain.last() };
        for says in &self.says {
            let (claim, of, relation) = match says {
                Says::UserIsMember => (case.team, "team", "member"),
                Says::AgentIsWorker => (case.case, "case", "worker"),
                Says::InstanceIsSession => (case.case, "case", "session"),
                Says::FriendIsWriter => (case.friend, "doc", "writer"),
            };
            let Names::Is(values) = claim else {
                said.unknown.push((of, relation));
                continue;
            };
            for value in values {
                let subject = match says {
                    Says::UserIsMember => case.user.map(String::from),
                    Says::AgentIsWorker => current.and_then(|hop| hop.agent).map(String::from),
                    Says::InstanceIsSession => current.and_then(|hop| hop.instance).map(String::from),
                    Says::FriendIsWriter => Some(format!("user:{value}")),
                };
                let object =
                    if *says == Says::FriendIsWriter { "doc:d1".into() } else { format!("{of}:{value}") };
                match subject {
                    Some(subject) => said.tuples.push((subject, relation, object)),
                    None => said.unknown.push((of, relation)),
                }
            }
        }
        said
    }

    fn related(&self, case: &Case, subject: Option<&str>, relation: &str, object: Option<&str>) -> u8 {
        let (Some(subject), Some(object)) = (subject, object) else { return 1 };
        let said = self.said(case);
        let of = object.split(':').next().unwrap();
        let direct = |relation: &str| {
            let stored = self.tuples.iter().any(|t| (t.0, t.1, t.2) == (subject, relation, object));
            let claimed =
                said.tuples.iter().any(|t| (t.0.as_str(), t.1, t.2.as_str()) == (subject, relation, object));
            match (stored || claimed, said.unknown.contains(&(of, relation))) {
                (true, _) => 2,
                (false, true) => 1,
                (false, false) => 0,
            }
        };
        let own = direct(relation);
        if relation == "reader" { own.max(direct("writer")) } else { own }
    }

    fn condition(&self, cond: Cond, case: &Case, mode: usize, hop: Option<&Hop>) -> u8 {
        let task = match case.task {
            Task::Known(task) => Some(format!("case:{task}")),
            Task::Absent | Task::Unknown => None,
        };
        let agent = hop.and_then(|hop| hop.agent);
        let instance = hop.and_then(|hop| hop.instance);
        let is = |subject, relation, object| self.related(case, subject, relation, object);
        match cond {
            Cond::WhenAgentWorksOnTask => is(agent, "worker", task.as_deref()),
            Cond::WhenUserIsOfTask => is(case.user, "employee", task.as_deref()),
            Cond::UnlessUserWritesD0 => not(is(case.user, "writer", Some("doc:d0"))),
            Cond::WhenKindIsDelegated => truth(case.kind == 1),
            Cond::UnlessModeIsOffline => truth(mode != 1),
            Cond::UnlessAgentWorksOnC0 => not(is(agent, "worker", Some("case:c0"))),
            Cond::WhenAgentWorksOnC0 => is(agent, "worker", Some("case:c0")),
            Cond::WhenLevelIsHigh => case.level.map_or(1, |level| truth(level >= 3)),
            Cond::WhenInstanceIsOfTask => is(instance, "session", task.as_deref()),
            Cond::UnlessInstanceIsOfC0 => not(is(instance, "session", Some("case:c0"))),
            Cond::WhenUserIsOfT0 => is(case.user, "member", Some("team:t0")),
            Cond::UnlessUserIsOfT1 => not(is(case.user, "member", Some("team:t1"))),
            Cond::UnlessLevelIsThere => case.level.map_or(2, |level| truth(level != 5)),
            Cond::WhenU1ReadsIt => is(Some("user:u1"), "reader", Some(case.object)),
        }
    }

    fn all_conditions(&self, rule: &Rule, case: &Case, mode: usize, hop: Option<&Hop>) -> u8 {
        rule.conditions.iter().map(|c| self.condition(*c, case, mode, hop)).min().unwrap_or(2)
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
        let mut value = covers(&case.token, case);
        if let Some(also) = &case.also {
            value = value.min(covers(also, case));
        }
        // The base of the kind. `rec` needs a relation to an organisation, `doc` to itself.
        let (relation, of) = match (case.personal, case.action) {
            (true, _) => ("hr", "org:o"),
            (false, 0) => ("reader", case.object),
            (false, _) => ("writer", case.object),
        };
        if case.kind <= 2 {
            value = value.min(self.related(case, case.user, relation, Some(of)));
        }
        if case.kind >= 2 {
            for hop in agents {
                value = value.min(self.related(case, hop.agent, relation, Some(of)));
            }
        }
        if case.kind == 3 && case.personal {
            value = value.min(self.related(case, case.user, "employee", Some(case.object)));
        }
        // One `allow` line, for every agent of the chain.
        let allow = self.rules.iter().filter(fits).filter(|rule| rule.effect == Effect::Allow).map(|rule| {
            let each = agents.iter().map(|hop| self.all_conditions(rule, case, mode, Some(hop))).min();
            each.unwrap_or_else(|| self.all_conditions(rule, case, mode, None))
        });
        value = value.min(allow.max().unwrap_or(0));
        // Hops, who may call whom, and ceilings.
        let depth = agents.len().saturating_sub(1);
        if depth > self.chain {
            value = 0;
        }
        for (at, hop) in agents.iter().enumerate().take(depth) {
            value = value.min(match hop.record {
                Record::Missing if self.unrecorded => 2,
                Record::Missing => 1,
                Record::Invalid => 0,
                Record::Token(token) => covers(&token, case),
            });
            if self.callers {
                value = value.min(self.related(case, hop.agent, "may_call", agents[at + 1].agent));
            }
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
        let strikes = |rule: &Rule| {
            let each = agents.iter().map(|hop| self.all_conditions(rule, case, mode, Some(hop))).max();
            each.unwrap_or_else(|| self.all_conditions(rule, case, mode, None))
        };
        let mut approved = true;
        for rule in self.rules.iter().filter(fits) {
            match rule.effect {
                Effect::Allow => {}
                Effect::Forbid => value = value.min(not(strikes(rule))),
                Effect::Approve => {
                    let by = case.approver.is_some_and(|approver| match rule.by {
                        By::User => case.user == Some(approver),
                        By::Approver => {
                            self.related(case, Some(approver), "approver", Some(case.object)) == 2
                        }
                    });
                    approved &= by || strikes(rule) == 0;
                }
            }
        }
        match (value, approved) {
            (2, true) => Answer::Allow,
            (2, false) => Answer::NeedsApproval,
            _ => Answer::Deny,
        }
    }

    pub fn decide(&self, case: &Case) -> Answer {
        case.modes.iter().map(|mode| self.in_mode(case, *mode)).min().unwrap_or(Answer::Deny)
    }
}
