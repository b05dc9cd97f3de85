//! Requests in test files: what is expected, what came out, which rules were seen at work, and what cannot be used.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

use actfor_store::{Report, StoreError, run_text};

const RULES: &str = "actfor 1
model \"m.fga\"
on repo
  read needs reader
  push needs writer
allow self to read on repo as people
allow delegated to read, push on repo as helpers
  when args.branch != \"main\"
forbid agents to push on repo as protected
  when args.branch == \"release\"
approve agents to push on repo by user as review
  when args.branch == \"next\"
agent * at most any action on repo
scope \"repo\" covers any action on repo
route GET /repos/{repo} is read on repo:{repo} with branch: string from query.branch
route PUT /repos/{repo}/{branch} is push on repo:{repo} with branch: string
";
const MODEL: &str = "model\n  schema 1.1\ntype user\ntype repo\n  relations\n    define writer: [user]\n    define reader: [user] or writer\n";

const FILE: &str = "policy_file: r.actfor
config:
  issuers:
    - issuer: https://as.example
      audience: [https://api.example, https://other.example]
      algorithms: [RS256]
      jwks_uri: https://as.example/keys
      dialect: actfor
      clients: { web-app: app, helper: agent }
  approvals:
    - { issuer: https://approve.example, space: https://as.example }
  proof: { base_urls: [https://api.example/v1/] }
tuples:
  - { user: user:ana, relation: writer, object: repo:web }
tokens:
  person: { claims: { sub: ana, client_id: web-app, scope: repo } }
  helper:
    claims:
      sub: ana
      sub_profile: user
      client_id: helper
      act: { iss: https://as.example, sub: helper, sub_profile: ai_agent }
      agent_instance: { iss: https://as.example, id: helperAAAAAAAAAAAAAAAA, kind: task }
      agent_rel: { mode: offline, authority: user, hops: 0 }
      scope: repo
  narrow: { like: helper, claims: { scope: other } }
  unbound: { like: person, bound: false }
  old: { like: person, claims: { exp: 1795000010 } }
  odd: { like: person, typ: JWT }
  round: { like: round }
";

fn files(name: &str) -> Result<String, StoreError> {
    match name {
        "r.actfor" => Ok(RULES.into()),
        "m.fga" => Ok(MODEL.into()),
        "c.json" => Ok("{\"issuers\":[]}".into()),
        "bad.json" => Ok("{".into()),
        other => panic!("asked for {other}"),
    }
}

fn run(requests: &str) -> Result<Report, StoreError> {
    let requests: String = requests.lines().map(|line| format!("      - {line}\n")).collect();
    run_text("t.yaml", &format!("{FILE}tests:\n  - name: n\n    requests:\n{requests}"), &files)
}

fn shown(report: &Report) -> Vec<String> {
    let failures = report.tests.iter().flat_map(|test| &test.failures);
    failures.map(|f| format!("{}|{}|{}|{}", f.question, f.expected, f.got, f.because.join("/"))).collect()
}

#[test]
fn requests_are_decided_with_keys_of_the_test_and_with_proofs() {
    let report = run("\
{ name: a, token: person, url: /repos/web?branch=x, expect: { decision: allow, rule: people } }
{ name: b, token: helper, method: PUT, url: /repos/web/fix, expect: { decision: allow, rule: helpers } }
{ name: c, token: helper, method: PUT, url: /repos/web/main, expect: { decision: deny, code: condition_failed, rule: helpers } }
{ name: d, token: helper, method: PUT, url: /repos/web/release, expect: { decision: deny, code: forbidden, rule: protected } }
{ name: e, token: helper, method: PUT, url: /repos/web/next, expect: { decision: needs_approval, rule: review } }
{ name: f, token: narrow, method: PUT, url: /repos/web/fix, expect: { decision: deny, code: not_covered } }
{ name: g, token: unbound, url: /repos/web?branch=x, expect: { decision: deny, code: proof_missing } }
{ name: h, token: old, url: /repos/web?branch=x, expect: { decision: deny, code: token_expired } }
{ name: i, token: odd, url: /repos/web?branch=x, expect: { decision: deny, code: token_type_wrong } }
{ name: j, url: /repos/web?branch=x, expect: { decision: deny, code: token_missing } }
{ name: k, token: person, url: /repos/web?branch=x, times: 2, expect: { decision: deny, code: proof_replayed } }
{ name: l, token: person, url: /repos/web?branch=x, store: 0, expect: { decision: deny, code: proof_store_unavailable } }
{ name: m, token: person, url: /repos/other?branch=x, expect: { decision: deny, code: user_lacks_relation, reason: 'user `user:ana` is not `reader` of `repo:other` (rule `people`) at policy:4' } }
{ name: n, token: person, url: /repos/web?branch=x, now: 1795009999, expect: { decision: deny, code: token_expired } }")
    .unwrap();
    assert_eq!(shown(&report), <[&str; 0]>::default());
    assert_eq!(report.count(), (14, 14));
    let seen: Vec<_> =
        report.rules.iter().map(|r| (r.id.as_str(), r.effect, r.line, r.hit, r.missed, r.lacks())).collect();
    assert_eq!(
        seen,
        [
            ("people", "allow", 6, 2, 1, None),
            ("helpers", "allow", 7, 1, 4, None),
            ("protected", "forbid", 9, 1, 2, None),
            ("review", "approve", 11, 1, 1, None),
        ]
    );
}

#[test]
fn a_decision_that_was_not_expected_fails_and_says_why() {
    let report = run("\
{ name: a, token: person, url: /repos/other?branch=x, expect: { decision: allow } }
{ name: b, token: person, url: /repos/web?branch=x, expect: { decision: deny, code: forbidden, rule: people } }
{ name: c, token: narrow, method: PUT, url: /repos/web/fix, expect: { decision: deny, code: no_rule } }
{ name: d, token: person, url: /repos/other?branch=x, expect: { decision: deny, code: user_lacks_relation, reason: else } }
{ name: e, token: helper, method: PUT, url: /repos/web/fix, expect: { decision: allow, rule: people } }
{ name: f, token: helper, method: PUT, url: /repos/web/fix, expect: { decision: needs_approval } }")
    .unwrap();
    let shown = shown(&report);
    assert_eq!(report.count(), (0, 6));
    for (shown, part) in shown.iter().zip([
        "a|allow|deny user_lacks_relation by `people`|user `user:ana` is not `reader` of `repo:other` (rule `people`)",
        "b|deny forbidden by `people`|allow by `people`|`scope` covers",
        "c|deny no_rule|deny not_covered|nothing in the token covers `push` on `repo:web`",
        "d|deny user_lacks_relation: else|deny user_lacks_relation by `people`: user `user:ana` is not",
        "e|allow by `people`|allow by `helpers`|",
        "f|needs_approval|allow by `helpers`|",
    ]) {
        assert!(shown.starts_with(part), "{shown}");
    }
}

#[test]
fn a_rule_that_no_request_shows_fails_where_that_is_asked_for() {
    let request = "{ name: a, token: helper, method: PUT, url: /repos/web/fix, expect: { decision: allow } }";
    let mut report = run(request).unwrap();
    assert!(report.passed());
    let uncovered: Vec<_> = report.uncovered().map(|(rule, lacks)| (rule.id.as_str(), lacks)).collect();
    assert_eq!(
        uncovered,
        [
            ("people", "never hit"),
            ("helpers", "never missed"),
            ("protected", "never hit"),
            ("review", "never hit")
        ]
    );
    report.must_cover = true;
    assert!(!report.passed());
    let text = format!("coverage: required\n{FILE}tests:\n  - requests: [{request}]\n");
    assert!(!run_text("t.yaml", &text, &files).unwrap().passed());
}

#[test]
fn what_cannot_be_used_says_where() {
    for (request, part) in [
        ("{ token: person, url: /, expect: { decision: allow } }", "`name` is missing"),
        (
            "{ name: a, url: /, expect: { decision: deny } }",
            "t.yaml: test `n`: request `a`: `deny` needs the `code`",
        ),
        ("{ name: a, url: / }", "`expect` is missing"),
        (
            "{ name: a, url: /, expect: { decision: maybe } }",
            "`decision` is `allow`, `deny` or `needs_approval`",
        ),
        ("{ name: a, url: /, expect: { decision: deny, code: nope } }", "there is no code `nope`"),
        ("{ name: a, url: /, expect: { decision: allow, code: revoked } }", "`code` goes with `deny`"),
        ("{ name: a, url: /, expect: { decision: allow, rule: nope } }", "there is no rule `nope`"),
        ("{ name: a, url: /, expect: { decision: allow, why: x } }", "`expect` has no member `why`"),
        ("{ name: a, url: /, token: nope, expect: { decision: allow } }", "there is no token `nope`"),
        ("{ name: a, url: /, token: round, expect: { decision: allow } }", "tokens are `like` each other"),
        ("{ name: a, expect: { decision: allow } }", "`url` is missing"),
        ("{ name: a, url: /, verb: GET, expect: { decision: allow } }", "a request has no member `verb`"),
        (
            "{ name: a, url: /, tool: x, body: y, expect: { decision: allow } }",
            "`tool` and `body` exclude each other",
        ),
        ("{ name: a, url: /, peer: x, expect: { decision: allow } }", "`peer` is the address"),
        (
            "{ name: a, token: person, url: /repos/web?branch=x, approval: { sub: ana }, expect: { decision: allow } }",
            "it has an `approval`, and without it the decision is `allow`, not `needs_approval`",
        ),
    ] {
        let message = run(request).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    let config = "config: { issuers: [{ issuer: https://a.example, audience: b, dialect: rfc9068 }] }\n";
    let one = "tests: [{ requests: [{ name: a, url: /, expect: { decision: allow } }] }]\n";
    for (text, part) in [
        ("tokens: {}\nmodel_file: m.fga\n", "`tokens` needs a `config` or a `config_file`"),
        (
            "model_file: m.fga\ntests: [{ requests: [{ name: a }] }]\n",
            "`requests` need a `config` and a `policy`",
        ),
        ("config: {}\nconfig_file: c.json\n", "exclude each other"),
        ("config_file: bad.json\npolicy: x\n", "bad.json: the text ends too early"),
        (config, "there is no `policy` and no `policy_file`"),
        (&format!("{config}policy: x\npolicy_file: r.actfor\n"), "exclude each other"),
        (&format!("{config}policy: nonsense\n{one}"), "policy:1:1"),
        (&format!("{config}policy_file: r.actfor\nmodel_file: other.fga\n"), "the rules name `m.fga`"),
        (&format!("{config}policy_file: r.actfor\ncoverage: yes\n"), "`coverage` is"),
        (&format!("{config}policy_file: r.actfor\nnow: soon\n"), "`now` is a number"),
        (&format!("config_file: c.json\npolicy_file: r.actfor\n{one}"), "issuers"),
        (
            &format!("{config}policy: \"actfor 1\\npublic GET /\\n\"\ntests: [{{ check: [] }}]\n"),
            "`check` needs a model",
        ),
    ] {
        let message = run_text("t.yaml", text, &files).unwrap_err().to_string();
        assert!(message.contains(part), "{text}: {message}");
    }
}

/// The page's own example, with the rules that it names.
#[test]
fn the_example_of_the_page_passes() {
    let page = include_str!("../TESTING.md");
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let forge = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/policies/forge/");
    let read = |name: &str| Ok(std::fs::read_to_string(format!("{forge}{name}")).unwrap());
    let report = run_text("page.yaml", example, &read).unwrap();
    assert_eq!(report.count(), (2, 2), "{report:#?}");
}
