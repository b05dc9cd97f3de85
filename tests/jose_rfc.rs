//! The worked examples of the RFCs, as they are printed there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

use actfor::jose::{Algorithm, Envelope, JwsLimits, Key, Typ, base64url, check_header};
use actfor::json::{self, Limits};
use actfor::proof::{Base, DpopFacts, dpop};
use actfor::{Code, Timestamp};

fn key(jwk: &str, algorithm: Algorithm) -> Key {
    let value = json::parse(jwk.as_bytes(), &Limits::TOKEN).unwrap();
    Key::from_jwk(value.as_object().unwrap(), &[algorithm]).unwrap()
}

/// The code it is refused with, or the payload.
fn open(jws: &str, key: &Key) -> Result<String, Code> {
    let envelope = Envelope::parse(jws, &JwsLimits::DEFAULT).map_err(|e| e.code)?;
    let algorithm = check_header(envelope.header(), Algorithm::ALL, Typ::Untyped).map_err(|e| e.code)?;
    match key.verify(algorithm, envelope.signing_input(), envelope.signature()) {
        true => Ok(String::from_utf8(envelope.payload().to_vec()).unwrap()),
        false => Err(Code::SignatureInvalid),
    }
}

const JOE: &str = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
const JOE_ENCODED: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

#[test]
fn rfc7515_a1_symmetric_is_not_accepted() {
    let jws = format!(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE_ENCODED}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    assert_eq!(open(&jws, &key(P256, Algorithm::Es256)), Err(Code::AlgorithmNotAllowed));
}

#[test]
fn rfc7515_a2_rs256() {
    let key = key(
        concat!(
            r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL"#,
            "-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WT",
            "BEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD",
            r#"TW9gb54h4FRWyuXpoQ","e":"AQAB"}"#
        ),
        Algorithm::Rs256,
    );
    let signature = concat!(
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ",
        "cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-e",
        "OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
    );
    assert_eq!(open(&format!("eyJhbGciOiJSUzI1NiJ9.{JOE_ENCODED}.{signature}"), &key).as_deref(), Ok(JOE));
}

#[test]
fn rfc7515_a3_es256() {
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let jws = format!("eyJhbGciOiJFUzI1NiJ9.{JOE_ENCODED}.{signature}");
    assert_eq!(open(&jws, &key(P256, Algorithm::Es256)).as_deref(), Ok(JOE));
}

#[test]
fn rfc7515_a5_unsecured_is_not_accepted() {
    let jws = format!("eyJhbGciOiJub25lIn0.{JOE_ENCODED}.");
    assert_eq!(open(&jws, &key(P256, Algorithm::Es256)), Err(Code::AlgorithmNotAllowed));
}

#[test]
fn rfc7515_appendix_e_unknown_critical_is_not_accepted() {
    let header = r#"{"alg":"none","crit":["http://example.invalid/UNDEFINED"],"http://example.invalid/UNDEFINED":true}"#;
    let jws = format!("{}.RkFJTA.", base64url::encode(header.as_bytes()));
    assert_eq!(open(&jws, &key(P256, Algorithm::Es256)), Err(Code::HeaderUnsupported));
}

#[test]
fn rfc8037_a3_and_a4_ed25519() {
    let key = key(
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        Algorithm::EdDsa,
    );
    assert_eq!(base64url::encode(&key.thumbprint()), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let jws = concat!(
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
    assert_eq!(open(jws, &key).as_deref(), Ok("Example of Ed25519 signing"));
}

#[test]
fn rfc7638_3_1_thumbprint() {
    let key = key(
        concat!(
            r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRX"#,
            "jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d",
            "0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-",
            r#"kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#
        ),
        Algorithm::Rs256,
    );
    assert_eq!(base64url::encode(&key.thumbprint()), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert!(key.canonical_jwk().starts_with(r#"{"e":"AQAB","kty":"RSA","n":"0vx7"#));
}

#[test]
fn rfc9449_7_1_protected_resource_request() {
    let proof = concat!(
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQy",
        "VVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJl",
        "MWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlh",
        "dCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EO",
        "ptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
    );
    let facts = DpopFacts {
        method: "GET",
        path: "/protectedresource",
        bases: &[Base::parse("https://resource.example.org").unwrap()],
        access_token: "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU",
        thumbprint: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
        algorithms: &[Algorithm::Es256],
        nonces: None,
        now: Timestamp::from_seconds(1_562_262_618).unwrap(),
        max_age: 60,
        leeway: 0,
        host: None,
    };
    let proven = dpop::verify(&[proof.as_bytes()], &facts).unwrap();
    assert_eq!(proven.jti(), "e1j3V_bKic8-LAEB");
    let late = DpopFacts { now: Timestamp::from_seconds(1_562_262_679).unwrap(), ..facts };
    assert_eq!(dpop::verify(&[proof.as_bytes()], &late).unwrap_err().code, Code::ProofInvalid);
}
