//! What a case says of revocation, put into its guard.

use actfor::jose::base64url;
use actfor::json::{Value, Writer};
use actfor::{Guard, Timestamp};

use super::support::{Edits, Fixture, NOW, get, member, parse, sign, text};

fn at(spec: &Value<'static>) -> Timestamp {
    Timestamp::from_seconds(get(spec, "at").and_then(Value::as_u64).unwrap_or(NOW)).unwrap()
}

pub fn prepare(guard: &mut Guard, case: &Value<'static>, fixture: &Fixture) {
    for list in get(case, "revoked").and_then(Value::as_array).unwrap_or_default() {
        let result = guard.revoke(text(get(list, "list").unwrap()).as_bytes(), at(list));
        assert_eq!(result.is_err(), get(list, "refused").is_some(), "{result:?}");
    }
    for list in get(case, "status").and_then(Value::as_array).unwrap_or_default() {
        let token = status_list(list, fixture);
        let result = guard.set_status_list(fixture.issuer(), &token, at(list));
        match (result, member(list, "refused")) {
            (Ok(()), None) => {}
            (Err(error), Some(says)) => assert!(error.message.contains(says), "{error}"),
            (result, refused) => panic!("{result:?}, expected {refused:?}"),
        }
    }
}

/// A list token: `bytes` compressed, or `zeros` of them, changed.
fn status_list(spec: &Value<'static>, fixture: &Fixture) -> String {
    let bytes: Vec<u8> = match get(spec, "zeros").and_then(Value::as_u64) {
        Some(count) => vec![0; usize::try_from(count).unwrap()],
        None => {
            let bytes = get(spec, "bytes").and_then(Value::as_array).unwrap();
            bytes.iter().map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap()).collect()
        }
    };
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(&bytes, 9);
    let mut w = Writer::default();
    w.object(|w| {
        w.key("iss").string(fixture.issuer());
        w.key("sub").string("https://as.example/status/1");
        w.key("iat").number(1_795_000_000);
        w.key("exp").number(1_795_000_600);
        w.key("status_list").object(|w| {
            w.key("bits").number(get(spec, "bits").and_then(Value::as_u64).unwrap_or(1));
            w.key("lst").string(&base64url::encode(&packed));
        });
    });
    let claims = Edits::of(spec).apply(&parse(w.finish().as_bytes()));
    sign(&fixture.key, Some(member(spec, "typ").unwrap_or("statuslist+jwt")), &claims)
}
