//! What a case says of revocation, put into its guard.

use actfor::jose::base64url;
use actfor::json::{Value, Writer};
use actfor::{Guard, Timestamp};

use super::cases::key;
use super::support::{Edits, Fixture, NOW, get, member, parse, sign, text};

/// Something that a guard learns about revocation after its start.
#[derive(Clone)]
pub struct Learned {
    /// The issuer of a status list; `None` for the list of the kill switch.
    pub issuer: Option<String>,
    /// The list.
    pub list: String,
    /// When it came.
    pub at: u64,
    /// What the error says, where it is not taken.
    pub refused: Option<String>,
}

impl Learned {
    pub fn offer(&self, guard: &mut Guard) -> Result<(), actfor::ConfigError> {
        let now = Timestamp::from_seconds(self.at).unwrap();
        match &self.issuer {
            None => guard.revoke(self.list.as_bytes(), now),
            Some(issuer) => guard.set_status_list(issuer, &self.list, now),
        }
    }

    pub fn teach(&self, guard: &mut Guard) {
        match (self.offer(guard), &self.refused) {
            (Ok(()), None) => {}
            (Err(error), Some(says)) => assert!(error.message.contains(says), "{error}"),
            (result, refused) => panic!("{result:?}, expected {refused:?}"),
        }
    }
}

/// What a case says of revocation.
pub fn learned(case: &Value<'static>, fixture: &Fixture) -> Vec<Learned> {
    let each = |name: &'static str| get(case, name).and_then(Value::as_array).unwrap_or_default().iter();
    let at = |spec| get(spec, "at").and_then(Value::as_u64).unwrap_or(NOW);
    let refused = |spec| member(spec, "refused").map(str::to_owned);
    let kills = each("revoked").map(|spec| {
        let list = text(get(spec, "list").unwrap());
        Learned { issuer: None, list, at: at(spec), refused: refused(spec) }
    });
    let lists = each("status").map(|spec| {
        let (issuer, list) = (Some(fixture.issuer().to_owned()), status_list(spec, fixture));
        Learned { issuer, list, at: at(spec), refused: refused(spec) }
    });
    kills.chain(lists).collect()
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
    let signer = member(spec, "key").map(key);
    sign(
        signer.as_ref().unwrap_or(&fixture.key),
        Some(member(spec, "typ").unwrap_or("statuslist+jwt")),
        &claims,
    )
}
