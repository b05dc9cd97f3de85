//! `Agent-Context`: no panic, an assertion never adds another agent or user, and one that nobody signed adds nothing.
//!
//! The input is the value of the header, and claims that a context issuer signs.
#![no_main]

use actfor::jose::{Algorithm, base64url};
use actfor::json::{self, Limits, Value};
use actfor::{Decision, Guard, Request, Timestamp};
use actfor_mint::SigningKey;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

const NOW: u64 = 1_795_000_060;
const CLAIMS: &str = r#"{"iss":"https://as.example","aud":"https://api.example","iat":1795000000,"exp":1795000300,
    "sub":"ana","client_id":"c","jti":"1","scope":"r","act":{"sub":"helper"}}"#;

struct World {
    guard: Guard,
    context: SigningKey,
    token: String,
    ath: String,
}

thread_local! {
    static WORLD: World = {
        let key = |seed| SigningKey::from_seed(Algorithm::Ed25519, [seed; 32]).unwrap();
        let (issuer, context) = (key(5), key(6));
        let config = format!(
            r#"{{"issuers":[{{"issuer":"https://as.example","audience":"https://api.example","algorithms":["Ed25519"],
            "dialect":"rfc8693","binding":"optional","jwks":{{"keys":[{}]}},
            "context_issuers":[{{"issuer":"https://ctx.example","clients":["*"],"algorithms":["Ed25519"],"jwks":{{"keys":[{}]}}}}]}}],
            "names":{{"https://as.example":{{"user":"user:{{sub}}","agent":"agent:{{sub}}","instance":"instance:{{id}}"}},
            "https://ctx.example":{{"instance":"instance:x-{{id}}","same_as":"https://as.example"}}}},
            "policy":"actfor 1\non repo\n  read needs scope\nallow self, delegated, autonomous to read on repo as all\nscope \"r\" covers read on repo\nchain at most 3 unrecorded\nroute GET /r/{{id}} is read on repo:{{id}}"}}"#,
            issuer.public_jwk(), context.public_jwk()
        );
        let token = issuer.sign("at+jwt", CLAIMS);
        let ath = base64url::encode(&Sha256::digest(token.as_bytes()));
        World { guard: Guard::from_config(config.as_bytes(), 1).unwrap(), context, token, ath }
    };
}

fn ask(world: &World, value: &[u8]) -> Decision {
    let authorization = format!("Bearer {}", world.token);
    let headers = [("authorization", authorization.as_bytes()), ("agent-context", value)];
    let request = Request { method: "GET", url: "/r/x", headers: &headers, ..Request::default() };
    world.guard.decide(&request, Timestamp::from_seconds(NOW))
}

fuzz_target!(|bytes: &[u8]| {
    WORLD.with(|world| {
    // Nobody has the key.
    assert!(ask(world, bytes).code().is_some());
    // What the issuer of assertions signs, with what ties it to the token put in.
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let tied = format!(
        r#"{{"iss":"https://ctx.example","sub":"ana","sub_iss":"https://as.example","aud":"https://api.example","iat":{NOW},"exp":1795000200,"jti":"1","ath":"{}",{text}}}"#,
        world.ath
    );
    for claims in [text.replace("$ath", &world.ath), tied] {
        let decision = ask(world, world.context.sign("agent-context+jwt", &claims).as_bytes());
        if decision.code().is_some() {
            continue;
        }
        assert_eq!((decision.user(), decision.agent()), (Some("user:ana"), Some("agent:helper")));
        let Ok(Value::Object(said)) = json::parse(claims.as_bytes(), &Limits::TOKEN) else { panic!("no JSON") };
        assert!(said.get("agent_instance").is_some() && said.get("agent_rel").is_some());
    }
})
});
