//! Packs: damaged and hostile bytes are refused or read as nothing, signatures hold, and checks allocate nothing.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

#[path = "support/random.rs"]
mod random;
#[path = "support/relation.rs"]
#[expect(dead_code, clippy::panic, reason = "shared")]
mod support;

use actfor::Truth;
use actfor::jose::{Algorithm, base64url};
use actfor::json;
use actfor::pack::{Builder, Pack, Section};
use actfor::relation::{Facts, Limits, Question, Relations, Scratch};
use actfor_mint::SigningKey;
use random::{Allow, Case, Random};
use sha2::{Digest, Sha256};
use support::{World, tuples};

const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user, user:*, group#member, user with weekday]
type folder
  relations
    define parent: [folder]
    define viewer: [user, group#member] or viewer from parent
type doc
  relations
    define folder: [folder]
    define banned: [user]
    define viewer: (viewer from folder and viewer from folder) but not banned

condition weekday(day: int, allowed: list<int>) {
  day in allowed && allowed.exists(x, x == day)
}
";

fn world() -> World {
    World::new(
        MODEL,
        &tuples(
            "user:ana member group:eng
             group:eng#member viewer folder:a
             folder:a parent folder:b
             folder:b folder doc:1
             user:bo banned doc:1
             user:* member group:all",
        ),
    )
}

fn ask_everything(pack: &Pack, relations: &Relations) -> usize {
    let mut scratch = Scratch::default();
    let facts = Facts { limits: Limits { depth: 25, steps: 1_000 }, ..Facts::default() };
    let mut yes = 0;
    for (subject, relation, object) in [
        ("user:ana", "viewer", "doc:1"),
        ("user:bo", "viewer", "doc:1"),
        ("group:eng#member", "viewer", "folder:b"),
        ("user:x", "member", "group:all"),
    ] {
        let question = Question { object, relation, subject };
        let (answer, _) = relations.explain(pack, &question, &facts, &mut scratch);
        yes += usize::from(answer.truth == Truth::True);
        let ty = object.split(':').next().unwrap();
        let _ = relations.list_objects(pack, ty, relation, subject, &facts, 100, &mut scratch);
        let _ = relations.list_users(pack, object, relation, "user", &facts, 100, &mut scratch);
        let _ = relations.missing(pack, &question, &facts, &scratch);
    }
    yes
}

#[test]
fn any_changed_byte_is_noticed() {
    let bytes = world().pack.bytes().to_vec();
    for at in 0..bytes.len() {
        // The signature is not looked at here.
        if (40..104).contains(&at) {
            continue;
        }
        let mut bad = bytes.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(Pack::load(bad).is_err(), "byte {at}");
    }
    for end in 0..bytes.len() {
        assert!(Pack::load(bytes[..end].to_vec()).is_err(), "cut at {end}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(Pack::load(longer).is_err());
}

/// A pack whose digest is right, but whose model or tuples are not.
fn hostile(world: &World, section: Section, bytes: Vec<u8>) -> Option<(Pack, Relations)> {
    let mut builder = Builder::default();
    for other in [Section::Model, Section::Tuples] {
        builder.set(other, if other == section { bytes.clone() } else { world.pack.section(other).to_vec() });
    }
    let pack = Pack::load(builder.finish().unwrap()).unwrap();
    let relations = Relations::load(&pack).ok()?;
    Some((pack, relations))
}

#[test]
fn hostile_sections_never_panic() {
    let world = world();
    assert_eq!(ask_everything(&world.pack, &world.relations), 3);
    let (mut refused, mut read) = (0, 0);
    for section in [Section::Model, Section::Tuples] {
        let good = world.pack.section(section).to_vec();
        let mut random = Random::new(section as u64 + 1);
        let mut mutants: Vec<Vec<u8>> = (0..good.len()).map(|end| good[..end].to_vec()).collect();
        for at in 0..good.len() {
            for value in [0x00, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                mutants.push(bad);
            }
        }
        for _ in 0..2_000 {
            let mut bad = good.clone();
            for _ in 0..random.below(6) + 1 {
                let at = random.below(bad.len() / 4) * 4;
                let word =
                    [0, 1, 2, u32::MAX, u32::MAX / 2, random.below(good.len()) as u32][random.below(6)];
                bad[at..at + 4].copy_from_slice(&word.to_le_bytes());
            }
            mutants.push(bad);
        }
        for bad in mutants {
            match hostile(&world, section, bad) {
                None => refused += 1,
                Some((pack, relations)) => {
                    read += 1;
                    ask_everything(&pack, &relations);
                }
            }
        }
    }
    println!("hostile sections: {refused} refused, {read} read without harm");
    assert!(refused > 1_000 && read > 100);
}

#[test]
fn signatures_hold_and_serials_do_not_go_back() {
    let world = world();
    let key = SigningKey::from_seed(Algorithm::Ed25519, [7; 32]).unwrap();
    let jwk = key.public_jwk();
    let jwk = json::parse(jwk.as_bytes(), &json::Limits::TOKEN).unwrap();
    let x = jwk.as_object().unwrap().get("x").unwrap().as_str().unwrap();
    let public: [u8; 32] = base64url::decode(x).unwrap().try_into().unwrap();
    let builder = || {
        let mut builder = Builder::default();
        builder.set(Section::Model, world.pack.section(Section::Model).to_vec());
        builder.set(Section::Tuples, world.pack.section(Section::Tuples).to_vec());
        builder.serial(7);
        builder.times(1, 2);
        builder
    };
    let sign = |message: &[u8]| <[u8; 64]>::try_from(key.signature(message)).unwrap();
    let signed = builder().finish_signed(&sign).unwrap();
    let pack = Pack::load_signed(signed.clone(), &[[9; 32], public], 7).unwrap();
    assert_eq!((pack.serial(), pack.issued(), pack.expires(), pack.is_signed()), (7, 1, 2, true));
    assert!(Pack::load_signed(signed.clone(), &[[9; 32]], 0).is_err(), "another key");
    assert!(Pack::load_signed(signed.clone(), &[], 0).is_err(), "no key");
    assert!(Pack::load_signed(signed.clone(), &[public], 8).is_err(), "an older serial");
    let unsigned = builder().finish().unwrap();
    assert!(!Pack::load(unsigned.clone()).unwrap().is_signed(), "nobody looked");
    assert!(!Pack::load(signed.clone()).unwrap().is_signed(), "nobody looked");
    assert!(Pack::starts(&unsigned) && Pack::starts(b"actfor\0\xff") && !Pack::starts(b"actfor 1\n"));
    assert!(Pack::load_signed(unsigned.clone(), &[public], 0).is_err(), "no signature");
    // The same signature on a pack with one tuple less does not hold, although the digest does.
    let mut less = builder();
    less.set(Section::Tuples, World::new(MODEL, &[]).pack.section(Section::Tuples).to_vec());
    let mut less = less.finish().unwrap();
    less[40..104].copy_from_slice(&signed[40..104]);
    assert!(Pack::load(less.clone()).is_ok());
    assert!(Pack::load_signed(less, &[public], 0).is_err(), "other tuples");
    // The policy is the same, whatever tuples and numbers come with it.
    assert_eq!(pack.policy_id(), world.pack.policy_id());
}

/// A digest is no proof of good will: whoever writes a pack can make it fit.
#[test]
fn a_table_of_sections_is_in_order_whatever_its_digest_says() {
    const EDGES: usize = 128;
    const HEADER: u32 = 160;
    let mut builder = Builder::default();
    builder.set(Section::Rules, b"rules".to_vec());
    builder.set(Section::Model, b"model".to_vec());
    let good = builder.finish().unwrap();
    let load = |edges: [u32; 6], more: &[u8]| {
        let mut bytes = good.clone();
        bytes.extend_from_slice(more);
        for (at, edge) in edges.iter().enumerate() {
            bytes[EDGES + 4 * at..EDGES + 4 * at + 4].copy_from_slice(&edge.to_le_bytes());
        }
        let section = |at: usize| bytes.get(edges[at] as usize..edges[at + 1] as usize).unwrap_or_default();
        let digest = Sha256::new()
            .chain_update(&bytes[104..HEADER as usize])
            .chain_update(section(0))
            .chain_update(section(2))
            .finalize();
        bytes[8..40].copy_from_slice(&digest);
        Pack::load(bytes).map(drop).map_err(|error| error.0)
    };
    let (start, middle, end) = (HEADER, HEADER + 5, HEADER + 10);
    let table = "its table of sections is not in order";
    for (edges, more, expected) in [
        ([start, middle, middle, end, end, end], &b""[..], Ok(())),
        ([start, middle, middle, end, end, end], b"x", Err("something follows its last section")),
        ([start, middle, middle, end, end, end + 1], b"", Err(table)),
        ([start + 1, middle, middle, end, end, end], b"", Err(table)),
        ([start, middle, middle + 1, end, end, end], b"", Err(table)),
        ([start, middle, middle - 1, end, end, end], b"", Err(table)),
        ([start, start - 1, start - 1, end, end, end], b"", Err(table)),
        ([0, middle, middle, end, end, end], b"", Err(table)),
        ([start, middle, middle, end, end, middle], b"", Err(table)),
        ([start, u32::MAX, u32::MAX, u32::MAX, u32::MAX, u32::MAX], b"", Err(table)),
    ] {
        assert_eq!(load(edges, more), expected, "{edges:?}");
    }
}

#[test]
fn what_rules_and_what_model_says_counts_for_the_policy() {
    let id = |rules: &[u8], model: &[u8]| {
        let mut builder = Builder::default();
        builder.set(Section::Rules, rules.to_vec());
        builder.set(Section::Model, model.to_vec());
        *Pack::load(builder.finish().unwrap()).unwrap().policy_id()
    };
    assert_eq!(id(b"ab", b"c"), id(b"ab", b"c"));
    assert_ne!(id(b"ab", b"c"), id(b"a", b"bc"));
    assert_ne!(id(b"ab", b""), id(b"", b"ab"));
}

#[test]
fn policy_id_does_not_depend_on_tuples() {
    let one = World::new(MODEL, &[]);
    assert_eq!(one.pack.policy_id(), world().pack.policy_id());
    let other = World::new(&MODEL.replace("banned: [user]", "banned: [user, user:*]"), &[]);
    assert_ne!(one.pack.policy_id(), other.pack.policy_id());
}

#[test]
fn many_names_are_found_again() {
    let list: String = (0..5_000).map(|i| format!("user:u{i} member group:g{}\n", i % 97)).collect();
    let world = World::new(MODEL, &tuples(&list));
    for i in 0..5_000 {
        assert_eq!(world.check(&format!("user:u{i} member group:g{}", i % 97)), Truth::True);
        assert_eq!(world.check(&format!("user:u{i} member group:g{}", (i + 1) % 97)), Truth::False);
    }
}

#[test]
fn random_packs_survive_random_damage() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let case = Case::new(&mut random, Allow { exclusion: true, conditions: true });
        let world = World::new(&case.model, &case.tuples);
        for section in [Section::Model, Section::Tuples] {
            for _ in 0..60 {
                let mut bad = world.pack.section(section).to_vec();
                let at = random.below(bad.len() / 4) * 4;
                bad[at..at + 4].copy_from_slice(&(random.below(40) as u32).to_le_bytes());
                if let Some((pack, relations)) = hostile(&world, section, bad) {
                    for (subject, relation, object, _) in case.questions.iter().take(5) {
                        let question = Question { object, relation, subject };
                        relations.explain(&pack, &question, &Facts::default(), &mut Scratch::default());
                    }
                }
            }
        }
    }
}
