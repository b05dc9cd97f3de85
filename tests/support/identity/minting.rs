//! What the mint makes in each dialect is what the guard reads there.

use actfor::identity::dialect::Dialect;
use actfor_mint::dialects::{Unsigned, Who, delegated_further, token};
use actfor_mint::patterns::Mint;

use super::support::{Fixture, NOW, credentials, decide, guard, sign};
use actfor::Request;

fn who(user: Option<&str>, agent: Option<&str>, client: &str) -> Who {
    let own = |name: Option<&str>| name.map(str::to_owned);
    Who { user: own(user), agent: own(agent), client: client.into(), scope: "repo:read repo:write".into() }
}

fn config(fixture: &Fixture, dialect: Dialect, mint: &Mint) -> String {
    format!(
        r#"{{"issuers":[{{"issuer":"{}","audience":"{}","dialect":"{}","algorithms":["ES256"],"binding":"optional",
        "jwks":{{"keys":[{}]}},"clients":{{"app":"app","helper":"agent","job":{{"kind":"agent","named_by":"client_id"}}}}{}}}],
        "policy":"actfor 1\non repo\n  read needs scope\nallow self, delegated, autonomous to read on repo as all\nscope \"repo:read\" covers read on repo\nchain at most 3\nroute GET /repos/{{repo}} is read on repo:{{repo}}"{}}}"#,
        mint.issuer,
        mint.audience,
        dialect.as_str(),
        fixture.key.public_jwk(),
        if dialect == Dialect::TxnToken { r#","speaks_for":["https://as.example"]"# } else { "" },
        if dialect == Dialect::TxnToken {
            r#","names":{"https://as.example":{"agent":"agent:{sub}"},"https://api.example":{"user":"user:{sub}"}}"#
        } else {
            ""
        },
    )
}

#[test]
fn every_dialect_can_be_minted_and_is_read_back() {
    let (fixture, mint) = (Fixture::of("actfor"), Mint::fixture());
    let mut minted = 0;
    for dialect in Dialect::ALL {
        let guard = guard(&config(&fixture, dialect, &mint));
        for (who, kind) in [
            (who(Some("ana"), None, "app"), "self"),
            (who(Some("ana"), Some("helper"), "helper"), "delegated"),
            (who(None, Some("job"), "job"), "autonomous"),
        ] {
            let Some(Unsigned { typ, claims }) = token(dialect, &who, &mint) else { continue };
            let compact = sign(&fixture.key, typ, &claims);
            let (name, value) = credentials(&compact, dialect == Dialect::TxnToken);
            let headers = [(name, value.as_bytes())];
            let request =
                Request { method: "GET", url: "/repos/web", headers: &headers, ..Request::default() };
            let (decision, document) = decide(&guard, &request, NOW);
            let found = decision.kind().map(|kind| kind.as_str());
            assert_eq!((decision.code(), found), (None, Some(kind)), "{}: {document:?}", dialect.as_str());
            minted += 1;
        }
    }
    assert_eq!(
        minted,
        Dialect::ALL.len() * 3 - 3,
        "transaction tokens have a user, delegation tokens user and agent"
    );
}

#[test]
fn a_minted_delegation_chain_holds() {
    let (fixture, mint) =
        (Fixture::of("delegation-chain"), Mint { thumbprint: Some("t".into()), ..Mint::fixture() });
    let first = token(Dialect::DelegationChain, &who(Some("ana"), Some("planner"), ""), &mint).unwrap();
    let first = sign(&fixture.key, first.typ, &first.claims);
    let second = delegated_further(&first, 1, &who(Some("ana"), Some("helper"), ""), &mint).unwrap();
    let second = sign(&fixture.key, second.typ, &second.claims);
    let rules = actfor::chain::delegation::Rules {
        draft: actfor::chain::delegation::Draft::Second,
        audiences: &["https://api.example".into()],
        leeway: 0,
    };
    let now = actfor::Timestamp::from_seconds(NOW).unwrap();
    assert_eq!(actfor::chain::delegation::verify(&[&first, &second], &rules, now, |_| true), Ok(()));
}
