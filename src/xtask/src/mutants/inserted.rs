//! Which mutant is on. This file is part of the copy of the core that `cargo xtask mutants` makes, and of nothing else.

extern crate std;

use core::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::{env, panic, process};

/// The number of the mutant, or one of these.
static ON: AtomicU32 = AtomicU32::new(UNREAD);
const UNREAD: u32 = u32::MAX;
const NONE: u32 = u32::MAX - 1;
/// No mutant is on: where one would have made a difference, a file says so.
const COVER: u32 = u32::MAX - 2;

static SEEN: [AtomicU8; 1 << 16] = [const { AtomicU8::new(0) }; 1 << 16];
static FILE: OnceLock<File> = OnceLock::new();

/// Whether this mutant is on.
pub fn on(n: u32) -> bool {
    tell(n, true)
}

/// Always true (`n`), or never (`n + 1`).
pub fn force(n: u32, value: bool) -> bool {
    let (yes, no) = (tell(n, !value), tell(n + 1, value));
    yes || (value && !no)
}

/// Always true.
pub fn yes(n: u32, value: bool) -> bool {
    tell(n, !value) || value
}

/// Never true.
pub fn no(n: u32, value: bool) -> bool {
    let off = tell(n, value);
    value && !off
}

/// `<`, or `<=`.
pub fn less<A: PartialOrd<B> + ?Sized, B: ?Sized>(n: u32, a: &A, b: &B) -> bool {
    if tell(n, (a < b) != (a <= b)) { a <= b } else { a < b }
}

/// `<=`, or `<`.
pub fn at_most<A: PartialOrd<B> + ?Sized, B: ?Sized>(n: u32, a: &A, b: &B) -> bool {
    if tell(n, (a < b) != (a <= b)) { a < b } else { a <= b }
}

/// `>`, or `>=`.
pub fn more<A: PartialOrd<B> + ?Sized, B: ?Sized>(n: u32, a: &A, b: &B) -> bool {
    if tell(n, (a > b) != (a >= b)) { a >= b } else { a > b }
}

/// `>=`, or `>`.
pub fn at_least<A: PartialOrd<B> + ?Sized, B: ?Sized>(n: u32, a: &A, b: &B) -> bool {
    if tell(n, (a > b) != (a >= b)) { a > b } else { a >= b }
}

/// Whether the mutant is on; `differs` is whether it would make a difference.
fn tell(n: u32, differs: bool) -> bool {
    match ON.load(Relaxed) {
        UNREAD => {
            read();
            tell(n, differs)
        }
        COVER => {
            if differs && SEEN[n as usize].swap(1, Relaxed) == 0 {
                FILE.get().unwrap().write_at(&[1], u64::from(n)).unwrap();
            }
            false
        }
        mutant => mutant == n,
    }
}

fn read() {
    let value = env::var("ACTFOR_MUTANT").unwrap_or_default();
    if let Some(path) = value.strip_prefix("cover:") {
        FILE.get_or_init(|| File::options().write(true).create(true).truncate(false).open(path).unwrap());
        ON.store(COVER, Relaxed);
    } else {
        ON.store(value.parse().unwrap_or(NONE), Relaxed);
    }
    // The first failure is enough.
    panic::set_hook(std::boxed::Box::new(|info| {
        std::eprintln!("{info}");
        process::exit(101);
    }));
}
