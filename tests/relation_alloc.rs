//! A check allocates nothing once its scratch is warm: counted by the allocator.
//!
//! In a test program of its own, so that no other test allocates meanwhile.
#![expect(unsafe_code, clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a counting allocator")]

#[path = "support/relation.rs"]
#[expect(dead_code, clippy::panic, clippy::indexing_slicing, reason = "shared")]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use actfor::Truth::{False, True, Unknown};
use actfor::json;
use actfor::relation::{Facts, Overlay, Scratch};
use support::{World, ask, tuples};

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user, user:*, group#member, user with inside]
type folder
  relations
    define parent: [folder]
    define viewer: [user, group#member] or viewer from parent
type doc
  relations
    define folder: [folder]
    define banned: [user]
    define viewer: viewer from folder but not banned

condition inside(ip: ipaddress, range: string, until: timestamp) {
  ip.in_cidr(range) && until > timestamp(\"2026-01-01T00:00:00Z\")
}
";

#[test]
fn a_warm_check_allocates_nothing() {
    let mut list = tuples(
        "user:ana member group:eng
         group:eng#member member group:all
         group:all#member viewer folder:root
         folder:root parent folder:a
         folder:a folder doc:1
         user:cy member group:eng
         user:cy banned doc:1
         group:x#member member group:y
         group:y#member member group:x",
    );
    for i in 0..200 {
        list.extend(tuples(&format!("user:u{i} member group:g{i}\ngroup:g{i}#member viewer folder:wide")));
    }
    let context =
        json::parse(br#"{"range":"192.0.2.0/24","until":"2027-01-01T00:00:00Z"}"#, &json::Limits::TOKEN)
            .unwrap();
    let mut conditional = support::tuple("user:dee member group:eng");
    conditional.condition = Some(("inside".into(), context.into_owned()));
    list.push(conditional);
    let world = World::new(MODEL, &list);
    let overlay =
        Overlay::new(&world.model, &world.relations, &world.pack, &tuples("user:new member group:eng"))
            .unwrap();
    let request = json::parse(br#"{"ip":"192.0.2.9"}"#, &json::Limits::TOKEN).unwrap();
    let facts = Facts { overlay: Some(&overlay), context: request.as_object(), ..Facts::default() };
    let mut scratch = Scratch::default();
    let questions = [
        ("user:ana viewer doc:1", True),
        ("user:cy viewer doc:1", False),
        ("user:dee viewer doc:1", True),
        ("user:new viewer doc:1", True),
        ("user:nobody viewer doc:1", False),
        ("user:u199 viewer folder:wide", True),
        ("user:nobody viewer folder:wide", False),
        ("user:ana member group:x", Unknown),
        ("group:eng#member viewer folder:a", True),
    ];
    for round in 0..3 {
        for (question, truth) in questions {
            let question = ask(question);
            let before = COUNT.load(Ordering::Relaxed);
            let answer = world.relations.check(&world.pack, &question, &facts, &mut scratch);
            let count = COUNT.load(Ordering::Relaxed) - before;
            assert_eq!(answer.truth, truth, "{question:?}");
            assert!(round == 0 || count == 0, "{question:?}: {count} allocations");
        }
    }
}
