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
