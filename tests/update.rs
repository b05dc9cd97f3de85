//! Changes while a guard is at work: tuples that come and go, and another pack.

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
#[path = "support/random.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod random;
#[path = "support/relation.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use acme::{Acme, NOW, decide, outcome};
use actfor::jose::{Algorithm, base64url};
use actfor::json::{self, Writer};
use actfor::pack::Builder;
use actfor::policy::Source;
use actfor::relation::{Facts, Model, Overlay, Question, Scratch, Tuple, compile};
use actfor::{Change, Code, ConfigError, Guard, Request, Timestamp, Truth};
use actfor_mint::SigningKey;
use actfor_mint::patterns::Pattern::{Automated, Interactive};
use random::{Allow, Case, Random};
use sha2::{Digest, Sha256};
use support::{World, tuple, tuples};

const PUSH: (&str, &str) = ("PATCH", "/repos/web/git/refs/heads/fix");
const WRITER: &str = "user:ana writer repo:web";

fn change(add: &str, remove: &str) -> Change {
    Change { add: tuples(add), remove: tuples(remove) }
}

fn pushes(acme: &Acme, guard: &Guard) -> (&'static str, String) {
    let (decision, document) = decide(guard, PUSH.0, PUSH.1, &acme.token(Interactive), None, NOW);
    (outcome(&decision), document)
}

fn member(document: &str, name: &str) -> String {
    let value = json::parse(document.as_bytes(), &json::Limits::CONFIG).unwrap();
    value.as_object().unwrap().get(name).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn a_tuple_goes_and_comes_back() {
    let acme = Acme::default();
    let mut guard = acme.guard();
    let before = pushes(&acme, &guard);
    assert_eq!(before.0, "allow");
    guard.update(&change("", WRITER)).unwrap();
    let (code, document) = pushes(&acme, &guard);
    assert_eq!(code, "user_lacks_relation");
    assert!(
        document.contains(
            r#"{"user":"user:ana","relation":"writer","object":"repo:web","holds":"false","tuple":true}"#
        ),
        "{document}"
    );
    guard.update(&change(WRITER, "")).unwrap();
    let (code, document) = pushes(&acme, &guard);
    assert_eq!(code, "allow");
    // The same proof as before, by another digest.
    let digests = [&before.1, &document].map(|document| member(document, "policy"));
    assert_ne!(digests[0], digests[1]);
    assert_eq!(document.replace(&digests[1], &digests[0]), before.1);
}

#[test]
fn a_new_name_is_known_in_decisions_and_explanations() {
    let acme = Acme::default();
    let mut guard = acme.guard();
    let ask = |guard: &Guard, url: &str| {
        let (decision, document) = decide(guard, "GET", url, &acme.token(Automated), None, NOW);
        (outcome(&decision), document)
    };
    assert_eq!(ask(&guard, "/salaries/ana-2").0, "not_the_persons_record");
    guard.update(&change("user:ana employee salary_record:ana-2", "")).unwrap();
    let (code, document) = ask(&guard, "/salaries/ana-2");
    assert_eq!(code, "allow");
    assert!(
        document
            .contains(r#""relation":"employee","object":"salary_record:ana-2","holds":"true","tuple":true"#),
        "{document}"
    );
    assert_eq!(ask(&guard, "/salaries/ana-3").0, "not_the_persons_record");
}

#[test]
fn all_or_nothing_and_the_error_names_the_tuple() {
    let acme = Acme::default();
    let mut guard = acme.guard();
    let digest = guard.policy_digest();
    for (add, remove, path, part) in [
        (
            "user:ana owner repo:web",
            WRITER,
            "add[0]",
            "tuple `user:ana owner repo:web`: type `repo` has no relation `owner`",
        ),
        ("user:x writer repo:a\nuser:* writer repo:a", WRITER, "add[1]", "does not take"),
        ("agent:x reader repo:a", WRITER, "add[0]", "does not take"),
        ("", "user:ana writer repo:web\nuser:ana writer car:1", "remove[1]", "no type `car`"),
        ("", "user:ana writer repo:*", "remove[0]", "one object"),
        ("", "user:x hr_reader org:acme", "remove[0]", "does not take"),
        ("", "ana writer repo:web", "remove[0]", "is not a user"),
    ] {
        let error = guard.update(&change(add, remove)).unwrap_err();
        assert_eq!((error.code, error.path.as_str()), (Code::TupleInvalid, path), "{error}");
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!((pushes(&acme, &guard).0, guard.policy_digest()), ("allow", digest.clone()));
    }
    // What is there already, and what is not there, change nothing.
    guard.update(&change(WRITER, "user:nobody writer repo:nowhere")).unwrap();
    assert_eq!(pushes(&acme, &guard).0, "allow");
}

#[test]
fn a_change_is_read_strictly() {
    let good = Change::from_json(br#"{"add":[{"user":"user:a","relation":"r","object":"o:1"}]}"#).unwrap();
    assert_eq!((good.add.len(), good.remove.len()), (1, 0));
    assert_eq!(Change::from_json(b"{}").unwrap(), Change::default());
    for (text, code, path) in [
        ("", Code::ConfigInvalid, ""),
        ("[]", Code::ConfigInvalid, ""),
        (r#"{"delete":[]}"#, Code::ConfigInvalid, ""),
        (r#"{"add":{}}"#, Code::ConfigInvalid, "add"),
        (r#"{"add":null}"#, Code::ConfigInvalid, "add"),
        (r#"{"add":[],"add":[]}"#, Code::ConfigInvalid, ""),
        (r#"{"remove":[{"user":"user:a"}]}"#, Code::TupleInvalid, "remove[0]"),
        (
            r#"{"add":[{"user":"user:a","relation":"r","object":"o:1","what":1}]}"#,
            Code::TupleInvalid,
            "add[0]",
        ),
    ] {
        let error = Change::from_json(text.as_bytes()).unwrap_err();
        assert_eq!((error.code, error.path.as_str()), (code, path), "{text}: {error}");
    }
}

fn sha(parts: &[&[u8]]) -> Vec<u8> {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().to_vec()
}

fn shown(digest: &[u8]) -> String {
    digest.iter().fold("sha256:".into(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The source of the running examples as a pack.
fn pack(acme: &Acme, serial: u64, expires: u64, key: Option<&SigningKey>) -> Vec<u8> {
    let parsed = json::parse(acme.tuples.as_bytes(), &json::Limits::CONFIG).unwrap();
    let tuples = parsed.as_array().unwrap().iter().map(|tuple| Tuple::from_value(tuple).unwrap()).collect();
    let files = vec![("acme.fga".to_owned(), acme::MODEL.to_owned())];
    let source = Source { policy: acme.rules.clone(), files, tuples, ..Source::default() };
    let mut builder = Builder::default();
    builder.serial(serial);
    builder.times(1, expires);
    source.compile_into(&mut builder).unwrap();
    match key {
        Some(key) => builder.finish_signed(&|message| key.signature(message).try_into().unwrap()).unwrap(),
        None => builder.finish().unwrap(),
    }
}

#[test]
fn an_auditor_follows_the_digest_from_the_pack_and_the_changes() {
    let acme = Acme::default();
    let mut guard = acme.guard();
    let bytes = pack(&acme, 0, 0, None);
    let loaded = actfor::pack::Pack::load(bytes).unwrap();
    assert_eq!(guard.policy_digest(), shown(loaded.policy_id()));
    let tuples = sha(&[loaded.section(actfor::pack::Section::Tuples)]);
    let start = sha(&[b"actfor tuples\n", loaded.policy_id(), &tuples]);
    let one = sha(&[
        b"actfor update\n",
        &start,
        br#"{"remove":[{"user":"user:ana","relation":"writer","object":"repo:web"}],"add":[]}"#,
    ]);
    assert_eq!(guard.update(&change("", WRITER)).unwrap(), shown(&one));
    // The order within a change does not count, and a tuple counts once.
    let json = br#"{"remove":[],"add":[{"user":"user:a","relation":"writer","object":"repo:x"},{"user":"user:b","relation":"writer","object":"repo:x"}]}"#;
    let two = shown(&sha(&[b"actfor update\n", &one, json]));
    let add = "user:b writer repo:x\nuser:a writer repo:x\nuser:b writer repo:x";
    assert_eq!(guard.update(&change(add, "")).unwrap(), two);
    assert_eq!(member(&pushes(&acme, &guard).1, "policy"), two);
    assert_eq!(guard.policy_digest(), two);
}

#[test]
fn a_clone_and_a_successor_go_their_own_way() {
    let acme = Acme::default();
    let mut guard = acme.guard();
    let earlier = guard.clone();
    assert_eq!(pushes(&acme, &guard).0, "allow");
    let mut next = guard.successor();
    next.update(&change("", WRITER)).unwrap();
    assert_eq!((pushes(&acme, &guard).0, pushes(&acme, &next).0), ("allow", "user_lacks_relation"));
    guard.update(&change("", WRITER)).unwrap();
    assert_eq!((pushes(&acme, &earlier).0, pushes(&acme, &guard).0), ("allow", "user_lacks_relation"));
    assert_eq!(guard.policy_digest(), next.policy_digest());
}

#[test]
fn the_shadow_policy_gets_the_changes_too() {
    let acme = Acme::default();
    let config = acme.config();
    let rules = acme
        .rules
        .replace("agent code-helper  at most read, push on repo", "agent code-helper  at most read on repo");
    assert_ne!(rules, acme.rules);
    let mut w = Writer::default();
    w.string(&rules);
    let config = format!("{},\"shadow\":{{\"policy\":{}}}}}", config.strip_suffix('}').unwrap(), w.finish());
    let mut guard = Guard::from_config(config.as_bytes(), 1).unwrap();
    let before = pushes(&acme, &guard).1;
    assert!(before.contains(r#""decision":"deny","code":"ceiling""#), "{before}");
    guard.update(&change("", WRITER)).unwrap();
    // Both lack the relation now, so they no longer differ.
    let (code, document) = pushes(&acme, &guard);
    assert!(code == "user_lacks_relation" && document.contains(r#""shadow":[]"#), "{document}");
    guard.update(&change(WRITER, "")).unwrap();
    let after = pushes(&acme, &guard).1;
    assert!(after.contains(r#""decision":"deny","code":"ceiling""#), "{after}");
}

#[test]
fn what_a_claim_says_stands_above_the_changes() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/policies/tenants");
    let rules = std::fs::read_to_string(folder.join("rules.actfor")).unwrap();
    assert!(rules.contains("token says"), "{rules}");
    let acme = Acme {
        rules: format!(
            "{}\ntoken says user is employee of case:{{claim.case_of}}\n",
            acme::RULES.replace(
                "to push on repo           as code-help",
                "to push on repo           as code-help\n  when user is employee of case:{task}"
            )
        ),
        ..Acme::default()
    };
    let mut guard = acme.guard();
    let claims = acme.claims(Interactive).replacen("\"scope\"", "\"case_of\":\"k1\",\"scope\"", 1);
    let claims = claims.replace("\"hops\":0", "\"task\":\"k1\",\"hops\":0");
    let token = acme.sign(&claims);
    let ask = |guard: &Guard| outcome(&decide(guard, PUSH.0, PUSH.1, &token, None, NOW).0);
    assert_eq!(ask(&guard), "allow");
    // Names that only the change knows, and one that only the claim knows, do not get in each other's way.
    guard
        .update(&change("user:x employee case:n1\nuser:y employee case:n2\nuser:ana writer repo:n3", ""))
        .unwrap();
    assert_eq!(ask(&guard), "allow");
    guard.update(&change("", WRITER)).unwrap();
    assert_eq!(ask(&guard), "user_lacks_relation");
}

#[test]
fn too_many_changes_ask_for_a_new_pack() {
    let acme = Acme::default();
    let mut guard = acme.guard();
    let many = |from: usize, to: usize| {
        let tuple = |n| tuple(&format!("user:u{n} writer repo:r{n}"));
        Change { add: (from..to).map(tuple).collect(), remove: Vec::new() }
    };
    guard.update(&many(0, 99_999)).unwrap();
    let digest = guard.policy_digest();
    let error = guard.update(&many(100_000, 100_002)).unwrap_err();
    assert_eq!((error.code, guard.policy_digest()), (Code::RebuildNeeded, digest), "{error}");
    guard.update(&change("", WRITER)).unwrap();
    assert_eq!(guard.update(&change("user:z writer repo:z", "")).unwrap_err().code, Code::RebuildNeeded);
    assert_eq!(pushes(&acme, &guard).0, "user_lacks_relation");
    // With fewer changes there is room again.
    guard.update(&change("user:z writer repo:z", "user:u7 writer repo:r7")).unwrap();
}

#[test]
fn a_policy_without_a_model_takes_no_tuples() {
    let acme = Acme::default();
    let config = acme.config();
    let value = json::parse(config.as_bytes(), &json::Limits::CONFIG).unwrap();
    let mut w = Writer::default();
    w.object(|w| {
        for (name, value) in value.as_object().unwrap().iter().filter(|(name, _)| *name != "tuples") {
            match name {
                "policy" => w.key(name).string(
                    "actfor 1\non service\n  call needs scope\nallow self to call on service as all\n\
                     scope \"api\" covers call on service\nroute * /** is call on service:main\n",
                ),
                name => w.key(name).value(value),
            }
        }
    });
    let mut guard = Guard::from_config(w.finish().as_bytes(), 1).unwrap();
    assert_eq!(guard.update(&change(WRITER, "")).unwrap_err().code, Code::TupleInvalid);
}

/// The configuration with a pack where the rules were.
fn with_pack(acme: &Acme, pack: &[u8], more: &str) -> String {
    let config = acme.config();
    let value = json::parse(config.as_bytes(), &json::Limits::CONFIG).unwrap();
    let mut w = Writer::default();
    w.object(|w| {
        for (name, value) in value.as_object().unwrap().iter() {
            match name {
                "policy" => w.key(name).object(|w| w.key("pack").string(&base64url::encode(pack))),
                "files" | "tuples" => {}
                name => w.key(name).value(value),
            }
        }
    });
    let config = w.finish();
    format!("{}{more}}}", config.strip_suffix('}').unwrap())
}

fn keys(key: &SigningKey) -> String {
    format!(",\"pack_keys\":[{}]", key.public_jwk())
}

fn code(result: Result<impl Sized, ConfigError>) -> &'static str {
    result.map_or_else(|error| error.code.as_str(), |_| "ok")
}

#[test]
fn a_configuration_takes_a_pack_for_its_rules() {
    let acme = Acme::default();
    let load = |pack: &[u8], more: &str| Guard::from_config(with_pack(&acme, pack, more).as_bytes(), 1);
    let unsigned = pack(&acme, 0, 0, None);
    let guard = load(&unsigned, "").unwrap();
    assert_eq!(pushes(&acme, &guard), pushes(&acme, &acme.guard()));
    let (key, other) = ([1, 2]).map(|n| SigningKey::from_seed(Algorithm::Ed25519, [n; 32]).unwrap()).into();
    let signed = pack(&acme, 0, 0, Some(&key));
    assert_eq!(code(load(&signed, &keys(&key))), "ok");
    assert_eq!(code(load(&signed, "")), "ok");
    assert_eq!(code(load(&unsigned, &keys(&key))), "pack_untrusted");
    assert_eq!(code(load(&signed, &keys(&other))), "pack_untrusted");
    let mut bad = signed.clone();
    *bad.last_mut().unwrap() ^= 1;
    assert_eq!(code(load(&bad, &keys(&key))), "pack_invalid");
    assert_eq!(code(load(&unsigned[..100], "")), "pack_invalid");
    assert_eq!(code(load(&unsigned, ",\"tuples\":[]")), "config_invalid");
    assert_eq!(code(load(&unsigned, ",\"files\":{}")), "config_invalid");
    assert_eq!(code(load(&unsigned, ",\"shadow\":{\"policy\":\"actfor 1\\n\"}")), "config_invalid");
    assert_eq!(
        code(load(&unsigned, ",\"pack_keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}]")),
        "keys_invalid"
    );
    let es256 = SigningKey::from_seed(Algorithm::Es256, [7; 32]).unwrap();
    assert_eq!(code(load(&unsigned, &keys(&es256))), "config_invalid", "`y` has no place there");
    let private = format!(",\"pack_keys\":[{}]", key.to_jwk());
    assert_eq!(code(load(&unsigned, &private)), "config_invalid", "a private key");
    let text = with_pack(&acme, &unsigned, "").replacen("{\"pack\":\"", "{\"pack\":\"=", 1);
    assert_eq!(code(Guard::from_config(text.as_bytes(), 1)), "config_invalid");
}

#[test]
fn a_pack_takes_the_place_of_another_and_never_of_a_newer_one() {
    let acme = Acme::default();
    let key = SigningKey::from_seed(Algorithm::Ed25519, [1; 32]).unwrap();
    let strict = Acme { tuples: acme.tuples.replace("repo:web", "repo:other"), ..Acme::default() };
    let mut guard =
        Guard::from_config(with_pack(&acme, &pack(&acme, 5, 0, Some(&key)), &keys(&key)).as_bytes(), 1)
            .unwrap();
    guard.update(&change("user:x writer repo:x", "")).unwrap();
    let digest = guard.policy_digest();
    for (pack, expected) in [
        (pack(&strict, 4, 0, Some(&key)), "pack_outdated"),
        (pack(&strict, 6, 0, None), "pack_untrusted"),
        (
            pack(&strict, 6, 0, Some(&SigningKey::from_seed(Algorithm::Ed25519, [2; 32]).unwrap())),
            "pack_untrusted",
        ),
        (Vec::new(), "pack_invalid"),
    ] {
        assert_eq!(code(guard.swap(pack)), expected);
        assert_eq!((pushes(&acme, &guard).0, guard.policy_digest()), ("allow", digest.clone()), "{expected}");
    }
    guard.swap(pack(&strict, 6, 0, Some(&key))).unwrap();
    assert_eq!(pushes(&acme, &guard).0, "user_lacks_relation");
    assert_ne!(guard.policy_digest(), digest, "the changes are gone");
    assert_eq!(code(guard.swap(pack(&acme, 5, 0, Some(&key)))), "pack_outdated", "back to where it began");
    // Without `pack_keys` the serial counts all the same, and the same serial is no step back.
    let mut open = acme.guard();
    open.swap(pack(&strict, 2, 0, None)).unwrap();
    assert_eq!(code(open.swap(pack(&acme, 1, 0, None))), "pack_outdated");
    open.swap(pack(&acme, 2, 0, None)).unwrap();
    assert_eq!(pushes(&acme, &open).0, "allow");
}

#[test]
fn a_pack_that_has_expired_decides_nothing_more() {
    let acme = Acme { rules: format!("{}public GET /healthz\n", acme::RULES), ..Acme::default() };
    let mut guard = acme.guard();
    guard.swap(pack(&acme, 1, NOW + 10, None)).unwrap();
    let ask = |guard: &Guard, url: &str, now: Option<u64>| {
        let authorization = format!("Bearer {}", acme.token(Interactive));
        let headers = [("authorization", authorization.as_bytes())];
        let request = Request { method: "GET", url, headers: &headers, ..Request::default() };
        let now = now.and_then(Timestamp::from_seconds);
        let (explained, _) = guard.explain(&request, now);
        let decision = guard.decide(&request, now);
        assert_eq!(decision.code(), explained.code());
        (outcome(&decision), decision.status())
    };
    assert_eq!(ask(&guard, "/repos/web/x", Some(NOW + 9)), ("allow", 200));
    assert_eq!(ask(&guard, "/repos/web/x", Some(NOW + 10)), ("pack_expired", 503));
    // What is public is so by the rules of a pack that counts no longer.
    assert_eq!(ask(&guard, "/healthz", Some(NOW + 9)), ("allow", 200));
    assert_eq!(ask(&guard, "/healthz", Some(NOW + 10)), ("pack_expired", 503));
    assert_eq!(ask(&guard, "/healthz", None), ("clock_invalid", 503));
    assert_eq!(ask(&acme.guard(), "/healthz", None), ("allow", 200));
    // Nor does it answer what is asked by name.
    let listed = |now: u64| {
        let authorization = format!("Bearer {}", acme.token(Interactive));
        let headers = [("authorization", authorization.as_bytes())];
        let request = Request { method: "GET", url: "/", headers: &headers, ..Request::default() };
        let found = guard.list_objects(&request, "read", "repo", 10, Timestamp::from_seconds(now));
        found.map(|_| "answered").unwrap_or_else(|refusal| refusal.code.as_str())
    };
    assert_eq!((listed(NOW + 9), listed(NOW + 10)), ("answered", "pack_expired"));
    // Another pack helps.
    guard.swap(pack(&acme, 1, 0, None)).unwrap();
    assert_eq!(ask(&guard, "/repos/web/x", Some(NOW + 10)), ("allow", 200));
}

/// How many random cases.
fn count() -> u64 {
    std::env::var("ACTFOR_RANDOM").ok().and_then(|text| text.parse().ok()).unwrap_or(150)
}

fn key(tuple: &Tuple) -> (&str, &str, &str) {
    (&tuple.user, &tuple.relation, &tuple.object)
}

/// A tuple like another, with another context or condition, if it has one.
fn other(random: &mut Random, tuple: &Tuple) -> Tuple {
    let context = format!("{{\"most\":{}}}", random.below(3) + 5);
    let value = json::parse(context.as_bytes(), &json::Limits::TOKEN).unwrap().into_owned();
    Tuple { condition: tuple.condition.as_ref().map(|(name, _)| (name.clone(), value)), ..tuple.clone() }
}

#[test]
fn an_update_is_the_same_as_a_new_pack_with_those_tuples() {
    let (mut seen, mut lists, mut refused, mut changed) = (BTreeMap::new(), 0, 0, 0);
    for seed in 0..count() {
        let mut random = Random::new(seed ^ 0x0dd5);
        let case = Case::new(&mut random, Allow { exclusion: true, conditions: true });
        // What is in the pack, and what comes in three steps; some of it comes again with another context.
        let mut now: Vec<Tuple> = case.tuples.iter().filter(|_| random.chance(60)).cloned().collect();
        let world = World::new(&case.model, &now);
        let mut delta = Overlay::default();
        for _ in 0..3 {
            let mut add: Vec<Tuple> = case.tuples.iter().filter(|_| random.chance(25)).cloned().collect();
            if random.chance(30)
                && let Some(tuple) = add.first().cloned()
            {
                add.push(other(&mut random, &tuple));
            }
            let remove: Vec<Tuple> = case.tuples.iter().filter(|_| random.chance(25)).cloned().collect();
            let remove: Vec<Tuple> = remove.iter().map(|tuple| other(&mut random, tuple)).collect();
            let mut next: Vec<Tuple> =
                now.iter().filter(|t| !remove.iter().any(|r| key(r) == key(t))).cloned().collect();
            next.extend(add.iter().cloned());
            let rebuilt = compile(&world.model, &next, &mut Builder::default());
            let updated = delta.update(&world.model, &world.relations, &world.pack, &add, &remove);
            assert_eq!(updated.is_ok(), rebuilt.is_ok(), "seed {seed}: {updated:?} {rebuilt:?}");
            match updated {
                Ok(updated) => (delta, now) = (updated, next),
                Err(_) => refused += 1,
            }
            changed += delta.len();
        }
        let rebuilt = World::new(&case.model, &now);
        for (subject, relation, object, x) in &case.questions {
            let text = x.map_or_else(|| "{}".into(), |x| format!("{{\"x\":{x}}}"));
            let context = json::parse(text.as_bytes(), &json::Limits::TOKEN).unwrap();
            let without = Facts { context: context.as_object(), ..Facts::default() };
            let with = Facts { delta: Some(&delta), ..without };
            let question = Question { object, relation, subject };
            let ask = |world: &World, facts: &Facts<'_>| {
                let mut scratch = Scratch::default();
                let (answer, steps) = world.relations.explain(&world.pack, &question, facts, &mut scratch);
                let ty = object.split(':').next().unwrap();
                let objects = world.relations.list_objects(
                    &world.pack,
                    ty,
                    relation,
                    subject,
                    facts,
                    100,
                    &mut scratch,
                );
                let users: Vec<_> = ["user", "group#r0"]
                    .map(|filter| {
                        world.relations.list_users(
                            &world.pack,
                            object,
                            relation,
                            filter,
                            facts,
                            100,
                            &mut scratch,
                        )
                    })
                    .into();
                let first = steps.first().map(|step| (step.truth, step.tuple));
                (answer.truth, answer.invalid, first.is_some(), objects, users)
            };
            let (found, expected) = (ask(&world, &with), ask(&rebuilt, &without));
            assert_eq!(found, expected, "seed {seed}: {question:?}\n{}\n{now:#?}", case.model);
            *seen.entry(found.0).or_insert(0) += 1;
            lists += 3;
        }
    }
    println!(
        "updates: answers {seen:?}, {lists} lists, {refused} refused both ways, {changed} tuples changed"
    );
    assert!(seen.len() == 3 && refused > 0, "each truth value comes up, and a refusal");
}

#[test]
fn an_explanation_shows_the_tuples_of_a_change() {
    let world = World::new(
        "model\n  schema 1.1\ntype user\ntype group\n  relations\n    define member: [user]\ntype doc\n  relations\n    define viewer: [user, group#member]\n",
        &tuples("user:ana member group:eng\ngroup:eng#member viewer doc:1"),
    );
    let delta = Overlay::default()
        .update(
            &world.model,
            &world.relations,
            &world.pack,
            &tuples("user:bo member group:new\ngroup:new#member viewer doc:1"),
            &tuples("user:ana member group:eng"),
        )
        .unwrap();
    let facts = Facts { delta: Some(&delta), ..Facts::default() };
    let why = |question: &str| {
        let (answer, steps) =
            world.relations.explain(&world.pack, &support::ask(question), &facts, &mut Scratch::default());
        let steps: Vec<_> = steps
            .iter()
            .map(|s| format!("{} {} {} {}", s.subject, s.relation, s.object, s.truth.as_str()))
            .collect();
        (answer.truth, steps)
    };
    assert_eq!(
        why("user:bo viewer doc:1"),
        (
            Truth::True,
            vec!["group:new#member viewer doc:1 true".into(), "user:bo member group:new true".into()]
        )
    );
    assert_eq!(why("user:ana viewer doc:1").0, Truth::False);
    let expanded = world.relations.expand(&world.pack, "doc:1", "viewer", &facts).unwrap();
    assert!(expanded.contains(r#"["group:eng#member","group:new#member"]"#), "{expanded}");
    let model = Model::from_pack(world.relations.source(&world.pack)).unwrap();
    assert_eq!(model, world.model);
}
