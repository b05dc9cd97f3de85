//! The running examples, decided natively: the four patterns and what each must refuse.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests may panic"
)]

#[path = "support/acme.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod acme;

use acme::{Acme, NOW, decide, outcome};
use actfor_mint::patterns::Pattern::{Automated, Interactive, Offline, Transitive, TransitiveInteractive};

const PUSH_WEB: (&str, &str) = ("PATCH", "/repos/web/git/refs/heads/fix");
const PUSH_INFRA: (&str, &str) = ("PATCH", "/repos/infra/git/refs/heads/fix");

#[track_caller]
fn check(
    acme: &Acme,
    token: &str,
    chain: Option<&str>,
    (method, url): (&str, &str),
    now: u64,
    expected: (&str, Option<&str>),
) -> String {
    let (decision, document) = decide(&acme.guard(), method, url, token, chain, now);
    assert_eq!((outcome(&decision), decision.rule()), expected, "{document}");
    document
}

#[test]
fn a_steered_agent_may_what_the_user_lent_it() {
    let acme = Acme::default();
    let t1 = acme.token(Interactive);
    let document = check(&acme, &t1, None, PUSH_WEB, NOW, ("allow", Some("code-help")));
    assert!(
        document
            .contains(r#""agent":{"iss":"https://as.example","sub":"code-helper","source":"token:act.sub"}"#),
        "{document}"
    );
    check(&acme, &t1, None, PUSH_INFRA, NOW, ("not_covered", None));
    check(&acme, &t1, None, PUSH_WEB, 1_795_000_180, ("presence_expired", None));
    let tuple = r#"{"user":"user:ana","relation":"writer","object":"repo:web"},"#;
    assert!(acme.tuples.contains(tuple));
    let lost = Acme { tuples: acme.tuples.replace(tuple, ""), ..acme };
    check(&lost, &t1, None, PUSH_WEB, NOW, ("user_lacks_relation", Some("code-help")));
}

#[test]
fn an_agent_left_alone_may_only_read() {
    let acme = Acme::default();
    let t2 = acme.token(Offline);
    check(&acme, &t2, None, ("GET", "/repos/web/x"), NOW, ("allow", Some("code-read")));
    check(&acme, &t2, None, PUSH_WEB, NOW, ("mode_not_allowed", Some("code-help")));
}

#[test]
fn a_case_worker_reads_the_record_of_the_case_and_no_other() {
    let acme = Acme::default();
    let t3 = acme.token(Automated);
    check(&acme, &t3, None, ("GET", "/salaries/ana"), NOW, ("allow", Some("hr-case")));
    for url in ["/salaries/bo", "/salaries/bo?case=c2"] {
        let document =
            check(&acme, &t3, None, ("GET", url), NOW, ("not_the_persons_record", Some("hr-case")));
        assert!(document.contains("user `user:ana` is not `employee` of `salary_record:bo`"), "{document}");
    }
    let detail =
        r#","authorization_details":[{"type":"salary_record","identifier":"ana","actions":["read"]}]}"#;
    let claims = acme.claims(Automated);
    let narrowed = acme.sign(&format!("{}{detail}", claims.strip_suffix('}').unwrap()));
    check(&acme, &narrowed, None, ("GET", "/salaries/bo"), NOW, ("not_covered", None));
    check(&acme, &narrowed, None, ("GET", "/salaries/ana"), NOW, ("allow", Some("hr-case")));
}

#[test]
fn a_called_agent_may_what_every_hop_may() {
    let acme = Acme::default();
    let (t1, t2, t4, t4i) = (
        acme.token(Interactive),
        acme.token(Offline),
        acme.token(Transitive),
        acme.token(TransitiveInteractive),
    );
    check(&acme, &t4, Some(&t2), ("GET", "/repos/web/x"), NOW, ("allow", Some("code-read")));
    check(&acme, &t4, Some(&t2), ("GET", "/repos/infra/x"), NOW, ("hop_not_covered", Some("code-read")));
    check(&acme, &t4i, Some(&t1), PUSH_WEB, NOW, ("ceiling", Some("code-help")));
    check(&acme, &t4, None, ("GET", "/repos/web/x"), NOW, ("hop_record_missing", Some("code-read")));
    // The token of another chain does not vouch for this one.
    check(&acme, &t4, Some(&t1), ("GET", "/repos/web/x"), NOW, ("hop_record_invalid", Some("code-read")));
}

/// The record must be the right one: each change to the current token or the record breaks one tie between them.
#[test]
fn a_record_that_is_not_the_right_one_vouches_for_nobody() {
    let acme = Acme::default();
    let (t2, t4) = (acme.claims(Offline), acme.claims(Transitive));
    let change = |claims: &str, from: &str, to: &str| {
        assert!(claims.contains(from), "{from} in {claims}");
        acme.sign(&claims.replacen(from, to, 1))
    };
    let (record, current) = (acme.sign(&t2), acme.sign(&t4));
    let root = r#""root":{"iss":"https://as.example","id":"S2"#;
    let parent = r#""parent":{"iss":"https://as.example","id":"S2"#;
    for (what, reason, token, record) in [
        ("root", "root of the current", change(&t4, root, &root.replace("S2", "S9")), record.clone()),
        ("parent", "parent of the next", change(&t4, parent, &parent.replace("S2", "S9")), record.clone()),
        ("user", "differ", current.clone(), change(&t2, r#""sub":"ana""#, r#""sub":"bo""#)),
        ("mode", "differ", current.clone(), change(&t2, r#""mode":"offline""#, r#""mode":"automated""#)),
        ("agent", "another agent", current.clone(), t2.replace("code-helper", "test-runner")),
    ] {
        let record = if record.starts_with('{') { acme.sign(&record) } else { record };
        let (decision, document) = decide(&acme.guard(), "GET", "/repos/web/x", &token, Some(&record), NOW);
        assert_eq!(outcome(&decision), "hop_record_invalid", "{what}: {document}");
        assert!(document.contains(reason), "{what}: {document}");
    }
}
