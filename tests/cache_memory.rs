//! The memory of the cache of verified tokens is bounded, whatever tokens come and however many.

#![allow(unsafe_code, reason = "counting bytes takes an allocator")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use actfor::jose::Algorithm;
use actfor::{Code, Guard, Request, Timestamp};
use actfor_mint::SigningKey;

static LIVE: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: everything is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_add(size, Relaxed);
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `limits.cached_tokens` of the configurations here says; there are four times as many slots at most.
const TOKENS: usize = 8;
/// The most that one remembered token may take, in bytes: what the documentation of the cache says.
const MOST: usize = 65_536;

fn guard(key: &SigningKey) -> Guard {
    let config = format!(
        r#"{{"issuers":[{{"issuer":"https://as.example","audience":["https://api.example"],"algorithms":["ES256"],
        "dialect":"rfc8693","binding":"optional","jwks":{{"keys":[{}]}},"clients":{{"*":"app"}}}}],
        "limits":{{"cached_tokens":{TOKENS}}},
        "policy":"actfor 1\non service\n  call needs scope\nallow self to call on service as all\nscope \"api\" covers call on service\nroute GET / is call on service:main\n"}}"#,
        key.public_jwk()
    );
    Guard::from_config(config.as_bytes(), 1).unwrap_or_else(|error| panic!("{error}"))
}

/// A token whose claims have `more` beside what is needed, made as long as the cache takes with `fill`.
fn token(key: &SigningKey, number: usize, more: &str) -> String {
    let claims = format!(
        r#"{{"iss":"https://as.example","aud":"https://api.example","iat":1795000000,"exp":1795000300,"sub":"ana","client_id":"web","jti":"t{number}","scope":"api"{more}}}"#
    );
    key.sign("at+jwt", &claims)
}

// One test: the counter is the whole process's.
#[test]
fn the_cache_holds_no_more_than_it_says() {
    let key = SigningKey::from_seed(Algorithm::Es256, [7; 32]).unwrap();
    let ask = |guard: &Guard, token: &str| {
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_bytes())];
        let request = Request { method: "GET", url: "/", headers: &headers, ..Request::default() };
        let code = guard.decide(&request, Timestamp::from_seconds(1_795_000_060)).code();
        assert!([None, Some(Code::NoRule)].contains(&code), "{code:?}");
    };
    let list = |item: &str, count: usize| format!(r#","x":[{}]"#, vec![item; count].join(","));
    let name = |letter: &str| format!(r#""iss":"https://as.example","sub":"{}""#, letter.repeat(1_000));
    let chain = ["b", "c", "d", "e"]
        .iter()
        .fold(format!("{{{}}}", name("a")), |inner, letter| format!(r#"{{{},"act":{inner}}}"#, name(letter)));
    let shapes = [
        ("a short token", String::new()),
        ("one long text", format!(r#","x":"{}""#, "x".repeat(5_600))),
        ("a chain of long names", format!(r#","act":{chain}"#)),
        ("as many numbers as are remembered", list("1", 480)),
        ("as many objects", list(r#"{"a":1}"#, 240)),
        ("as many arrays", list("[[]]", 240)),
        ("more numbers than are remembered", list("1", 2_500)),
        ("longer than what is remembered", format!(r#","x":"{}""#, "x".repeat(8_000))),
    ];
    for (name, more) in shapes {
        let guard = guard(&key);
        let tokens: Vec<_> = (0..TOKENS * 8).map(|number| token(&key, number, &more)).collect();
        let empty = LIVE.load(Relaxed);
        let (mut most, mut after) = (0, 0);
        for round in 0..2 {
            for token in &tokens {
                ask(&guard, token);
                most = most.max(LIVE.load(Relaxed) - empty);
            }
            if round == 0 {
                after = LIVE.load(Relaxed) - empty;
            }
        }
        let slots = (TOKENS * 2).div_ceil(8).next_power_of_two() * 8;
        println!("{name}: {} bytes of token, {} bytes a slot, {most} in all", tokens[0].len(), most / slots);
        assert!(most <= slots * MOST, "{name}: {most} bytes in {slots} slots");
        // Full is full: the second time round nothing is added.
        assert!(LIVE.load(Relaxed) - empty <= after + 4_096, "{name}: it grows");
    }
}
