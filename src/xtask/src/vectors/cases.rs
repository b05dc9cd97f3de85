//! The table of cases.

/// One request, and what must become of it.
pub struct Case {
    pub name: &'static str,
    /// The pattern it shows; `none` for what is no pattern but must be the same in every host.
    pub pattern: &'static str,
    pub id: &'static str,
    /// Seconds since 1970-01-01 UTC; `None`: the host's clock is not set.
    pub now: Option<u64>,
    pub method: &'static str,
    pub url: &'static str,
    /// `{T1}` stands for the token of that name.
    pub headers: &'static [(&'static str, &'static str)],
    /// The tuple that is taken away.
    pub removed: Option<(&'static str, &'static str, &'static str)>,
    pub decision: &'static str,
    pub code: Option<&'static str>,
    pub rule: Option<&'static str>,
}

/// 60 seconds after the tokens were issued.
const NOW: u64 = 1_795_000_060;

/// What most cases have in common.
const BASE: Case = Case {
    name: "",
    pattern: "none",
    id: "",
    now: Some(NOW),
    method: "GET",
    url: "/repos/web/x",
    headers: &[],
    removed: None,
    decision: "deny",
    code: None,
    rule: None,
};

const PUSH_WEB: &str = "/repos/web/git/refs/heads/fix";
const PUSH_INFRA: &str = "/repos/infra/git/refs/heads/fix";
const T1: &[(&str, &str)] = &[("authorization", "Bearer {T1}")];
const T2: &[(&str, &str)] = &[("authorization", "Bearer {T2}")];
const T3: &[(&str, &str)] = &[("authorization", "Bearer {T3}")];
const T4: &[(&str, &str)] = &[("authorization", "Bearer {T4}"), ("agent-chain", "{T2}")];
const T4I: &[(&str, &str)] = &[("authorization", "Bearer {T4i}"), ("agent-chain", "{T1}")];

pub const CASES: &[Case] = &[
    Case {
        name: "the steered agent pushes where it was let",
        pattern: "interactive",
        id: "interactive-1",
        method: "PATCH",
        url: PUSH_WEB,
        headers: T1,
        decision: "allow",
        rule: Some("code-help"),
        ..BASE
    },
    Case {
        name: "the token does not cover the other repository, although its user may write there",
        pattern: "interactive",
        id: "interactive-2",
        method: "PATCH",
        url: PUSH_INFRA,
        headers: T1,
        code: Some("not_covered"),
        ..BASE
    },
    Case {
        name: "the user may not write any more",
        pattern: "interactive",
        id: "interactive-3",
        method: "PATCH",
        url: PUSH_WEB,
        headers: T1,
        removed: Some(("user:ana", "writer", "repo:web")),
        code: Some("user_lacks_relation"),
        rule: Some("code-help"),
        ..BASE
    },
    Case {
        name: "the user is not present any more",
        pattern: "interactive",
        id: "interactive-4",
        now: Some(1_795_000_180),
        method: "PATCH",
        url: PUSH_WEB,
        headers: T1,
        code: Some("presence_expired"),
        ..BASE
    },
    Case {
        name: "the nightly triage reads",
        pattern: "offline",
        id: "offline-1",
        headers: T2,
        decision: "allow",
        rule: Some("code-read"),
        ..BASE
    },
    Case {
        name: "nobody is there to watch a push",
        pattern: "offline",
        id: "offline-2",
        method: "PATCH",
        url: PUSH_WEB,
        headers: T2,
        code: Some("mode_not_allowed"),
        rule: Some("code-help"),
        ..BASE
    },
    Case {
        name: "the HR agent reads the record of the person whose case it works on",
        pattern: "automated",
        id: "automated-1",
        url: "/salaries/ana",
        headers: T3,
        decision: "allow",
        rule: Some("hr-case"),
        ..BASE
    },
    Case {
        name: "the HR agent asks for somebody else's record",
        pattern: "automated",
        id: "automated-2",
        url: "/salaries/bo",
        headers: T3,
        code: Some("not_the_persons_record"),
        rule: Some("hr-case"),
        ..BASE
    },
    Case {
        name: "naming another case in the request does not help",
        pattern: "automated",
        id: "automated-3",
        url: "/salaries/bo?case=c2",
        headers: T3,
        code: Some("not_the_persons_record"),
        rule: Some("hr-case"),
        ..BASE
    },
    Case {
        name: "the detail covers one record, the scope alone does not count",
        pattern: "automated",
        id: "automated-4",
        url: "/salaries/bo",
        headers: &[("authorization", "Bearer {T3d}")],
        code: Some("not_covered"),
        ..BASE
    },
    Case {
        name: "every hop was given it",
        pattern: "transitive",
        id: "transitive-1",
        headers: T4,
        decision: "allow",
        rule: Some("code-read"),
        ..BASE
    },
    Case {
        name: "an earlier hop was never given that repository",
        pattern: "transitive",
        id: "transitive-2",
        url: "/repos/infra/x",
        headers: T4,
        code: Some("hop_not_covered"),
        rule: Some("code-read"),
        ..BASE
    },
    Case {
        name: "the last agent may at most read, whatever it holds",
        pattern: "transitive",
        id: "transitive-3",
        method: "PATCH",
        url: PUSH_WEB,
        headers: T4I,
        code: Some("ceiling"),
        rule: Some("code-help"),
        ..BASE
    },
    Case {
        name: "nothing vouches for the earlier hop",
        pattern: "transitive",
        id: "transitive-4",
        headers: &[("authorization", "Bearer {T4}")],
        code: Some("hop_record_missing"),
        rule: Some("code-read"),
        ..BASE
    },
    Case { name: "no token", id: "none-1", code: Some("token_missing"), ..BASE },
    Case {
        name: "a token signed by a stranger",
        id: "none-2",
        headers: &[("authorization", "Bearer {T1-forged}")],
        code: Some("signature_invalid"),
        ..BASE
    },
    Case {
        name: "a token for another service",
        id: "none-3",
        headers: &[("authorization", "Bearer {T1-elsewhere}")],
        code: Some("audience_mismatch"),
        ..BASE
    },
    Case {
        name: "a token whose time is over",
        id: "none-4",
        now: Some(1_795_000_400),
        headers: T2,
        code: Some("token_expired"),
        ..BASE
    },
    Case {
        name: "the clock is not set",
        id: "none-5",
        now: None,
        headers: T2,
        code: Some("clock_invalid"),
        ..BASE
    },
    Case {
        name: "two tokens in one request",
        id: "none-6",
        headers: &[("authorization", "Bearer {T1}"), ("authorization", "Bearer {T2}")],
        code: Some("token_ambiguous"),
        ..BASE
    },
    Case {
        name: "a token that says it needs no signature",
        id: "none-7",
        headers: &[(
            "authorization",
            "Bearer eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUifQ.",
        )],
        code: Some("algorithm_not_allowed"),
        ..BASE
    },
    Case {
        name: "a header that is not ASCII",
        id: "none-8",
        headers: &[("authorization", "Bearer caf\u{e9}")],
        code: Some("request_invalid"),
        ..BASE
    },
    Case {
        name: "a request that no rule maps",
        id: "none-9",
        url: "/",
        headers: T2,
        code: Some("unmapped"),
        ..BASE
    },
    Case {
        name: "a path that another reader would read differently",
        id: "none-10",
        url: "/repos/web/%2e%2e/infra/x",
        headers: T2,
        code: Some("path_not_canonical"),
        ..BASE
    },
    Case {
        name: "a header that changes the method",
        id: "none-11",
        headers: &[("authorization", "Bearer {T2}"), ("x-http-method-override", "PATCH")],
        code: Some("method_override"),
        ..BASE
    },
];
