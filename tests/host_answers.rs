//! What a host knows beside the request: that nobody answered it, and who is asking by the word of an enforcement point.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

use actfor::jose::Algorithm;
use actfor::json::{self, Object};
use actfor::{Code, Guard, Question, Request, Timestamp, Verdict};
use actfor_mint::SigningKey;

const NOW: u64 = 1_795_000_060;
const RULES: &str = "actfor 1\\nmodel \\\"m.fga\\\"\\non repo\\n  read, push needs writer\\n\
    allow self to read on repo as people\\n\
    allow self to push on repo as push\\n  unless has(args.frozen) && args.frozen == true\\n\
    scope \\\"*\\\" covers read, push on repo\\n\
    route POST /{id}/push is push on repo:{id} with frozen: bool from body.frozen\\nroute GET /{id} is read on repo:{id}\\n";

fn guard(issuer: &str, more: &str) -> Guard {
    let key = SigningKey::from_seed(Algorithm::Es256, [7; 32]).unwrap();
    let model = "model\\n  schema 1.1\\ntype user\\ntype repo\\n  relations\\n    define writer: [user]\\n";
    let config = format!(
        r#"{{"issuers":[{{"issuer":"https://as.example","audience":["https://api.example"],"algorithms":["ES256"],
        "dialect":"rfc9068","clients":{{"web":"app"}},"jwks":{{"keys":[{}]}}{issuer}}}],
        "policy":"{RULES}","files":{{"m.fga":"{model}"}},
        "tuples":[{{"user":"user:ana","relation":"writer","object":"repo:web"}}]{more}}}"#,
        key.public_jwk(),
    );
    Guard::from_config(config.as_bytes(), 1).unwrap_or_else(|error| panic!("{error}"))
}

/// Decides, and sees that the document says the same.
fn decide(guard: &Guard, request: &Request<'_>) -> (Option<Code>, u16) {
    let now = Timestamp::from_seconds(NOW);
    let decision = guard.decide(request, now);
    let (_, document) = guard.explain(request, now);
    let document = json::parse(document.as_bytes(), &json::Limits::CONFIG).unwrap();
    let document = document.as_object().unwrap();
    assert_eq!(document.get("code").unwrap().as_str(), decision.code().map(|code| code.as_str()));
    assert_eq!(document.get("status").unwrap().as_u64(), Some(u64::from(decision.status())));
    assert_eq!(decision.verdict() == Verdict::Allow, decision.code().is_none());
    (decision.code(), decision.status())
}

#[test]
fn who_gives_no_answer_is_another_refusal_than_who_was_not_asked() {
    let key = SigningKey::from_seed(Algorithm::Es256, [7; 32]).unwrap();
    let token = key.sign(
        "at+jwt",
        r#"{"iss":"https://as.example","sub":"ana","aud":"https://api.example","client_id":"web","scope":"read",
        "iat":1795000000,"exp":1795000300,"jti":"t1"}"#,
    );
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_bytes())];
    let asked = Request { id: "r", method: "GET", url: "/other", headers: &headers, ..Request::default() };
    let silent = Request { relations_unreachable: true, ..asked };

    let introspected =
        guard(r#","binding":"optional","introspection":{"endpoint":"https://as.example/i"}"#, "");
    assert_eq!(decide(&introspected, &asked), (Some(Code::IntrospectionUnavailable), 503));

    let related = guard(r#","binding":"optional""#, r#","relationships":{}"#);
    assert_eq!(decide(&related, &asked), (Some(Code::RelationMissing), 403));
    assert_eq!(decide(&related, &silent), (Some(Code::RelationsUnavailable), 503));
    // What is known is not in doubt.
    assert_eq!(decide(&related, &Request { url: "/web", ..silent }), (None, 200));
    assert_eq!(decide(&related, &Request { headers: &[], ..silent }), (Some(Code::TokenMissing), 401));
    let complete = guard(r#","binding":"optional""#, "");
    assert_eq!(decide(&complete, &silent), (Some(Code::UserLacksRelation), 403));
}

/// Asks by the word of an enforcement point.
fn vouched(guard: &Guard, claims: &str, question: Option<Question<'_>>) -> Option<Code> {
    let claims = json::parse(claims.as_bytes(), &json::Limits::TOKEN).unwrap();
    let request = Request {
        id: "r",
        method: "GET",
        url: "/web",
        vouched: claims.as_object(),
        question,
        ..Request::default()
    };
    decide(guard, &request).0
}

fn question<'a>(action: &'a str, arguments: Option<&'a Object<'a>>) -> Option<Question<'a>> {
    Some(Question { subject: None, action, kind: "repo", id: "web", arguments })
}

#[test]
fn a_vouched_subject_is_decided_like_the_token_it_stands_for() {
    // The binding that tokens need is not asked of what is no token.
    let guard = guard("", "");
    let read = || question("read", None);
    let ana = r#"{"iss":"https://as.example","sub":"ana","client_id":"web","scope":"x"}"#;
    assert_eq!(vouched(&guard, ana, read()), None);
    for (claims, code) in [
        (r#"{"iss":"https://as.example","sub":"bo","client_id":"web","scope":"x"}"#, Code::UserLacksRelation),
        (
            r#"{"iss":"https://as.example","sub":"ana","client_id":"other","scope":"x"}"#,
            Code::ClientUnclassified,
        ),
        (r#"{"iss":"https://other.example","sub":"ana","client_id":"web"}"#, Code::IssuerUnknown),
        (r#"{"sub":"ana","client_id":"web"}"#, Code::IssuerUnknown),
        (r#"{"iss":"https://as.example","client_id":"web"}"#, Code::ClaimMissing),
        (
            r#"{"iss":"https://as.example","sub":"ana","client_id":"web","iat":1,"exp":1795000000}"#,
            Code::TokenExpired,
        ),
        (
            r#"{"iss":"https://as.example","sub":"ana","client_id":"web","aud":"https://b"}"#,
            Code::AudienceMismatch,
        ),
        (
            r#"{"iss":"https://as.example","sub":"ana","client_id":"web","cnf":{"jkt":"x"}}"#,
            Code::ProofMissing,
        ),
    ] {
        let got = vouched(&guard, claims, read());
        assert!(got == Some(code), "{claims}: {got:?}, expected {code}");
    }
    // Only for questions by name: a request has a token.
    assert_eq!(vouched(&guard, ana, None), Some(Code::TokenMissing));
}

#[test]
fn a_question_about_somebody_else_is_refused() {
    let guard = guard("", "");
    let ana = r#"{"iss":"https://as.example","sub":"ana","client_id":"web","scope":"x"}"#;
    let ask = |kind, id| {
        let question =
            Question { subject: Some((kind, id)), action: "read", kind: "repo", id: "web", arguments: None };
        vouched(&guard, ana, Some(question))
    };
    assert_eq!(ask("user", "ana"), None);
    for (kind, id) in
        [("user", "bo"), ("agent", "ana"), ("", ""), ("user", ""), ("user:ana", ""), ("user", "an%61")]
    {
        assert_eq!(ask(kind, id), Some(Code::FactsConflict), "{kind} {id}");
    }
}

#[test]
fn its_facts_name_their_source() {
    let guard = guard("", "");
    let claims = r#"{"iss":"https://as.example","sub":"ana","client_id":"web","scope":"x"}"#;
    let claims = json::parse(claims.as_bytes(), &json::Limits::TOKEN).unwrap();
    let (vouched, question) = (claims.as_object(), question("read", None));
    let request = Request { id: "r", method: "GET", url: "/", vouched, question, ..Request::default() };
    let (_, document) = guard.explain(&request, Timestamp::from_seconds(NOW));
    assert!(document.contains(r#""source":"enforcement:sub""#), "{document}");
    assert!(document.contains(r#""binding":"vouched""#), "{document}");
    assert!(!document.contains("token:"), "{document}");
}

#[test]
fn arguments_of_a_question_are_all_there_are() {
    let guard = guard("", "");
    let ana = r#"{"iss":"https://as.example","sub":"ana","client_id":"web","scope":"x"}"#;
    let ask = |arguments: &str| {
        let value = json::parse(arguments.as_bytes(), &json::Limits::TOKEN).unwrap();
        vouched(&guard, ana, question("push", value.as_object()))
    };
    assert_eq!(ask("{}"), None);
    assert_eq!(ask(r#"{"frozen":false}"#), None);
    assert_eq!(ask(r#"{"frozen":true}"#), Some(Code::ConditionFailed));
    assert_eq!(ask(r#"{"frozen":"true"}"#), Some(Code::ArgumentInvalid));
    assert_eq!(vouched(&guard, ana, question("push", None)), Some(Code::ConditionFailed));
}
