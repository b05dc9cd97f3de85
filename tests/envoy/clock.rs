//! A clock that stands still at the second written in a file, for a program that cannot be told the time.
//!
//! Built as a shared library and loaded into Envoy with `LD_PRELOAD`, so that the filter under test is the one
//! that ships and the fixed times of the fixtures hold. Only the wall clock is replaced; timers keep running.
#![allow(unsafe_code)]

use std::{
    ffi::{c_int, c_long},
    fs,
    sync::atomic::{AtomicI64, Ordering},
};

const CLOCK_REALTIME: c_int = 0;
const CLOCK_REALTIME_COARSE: c_int = 5;
#[cfg(target_arch = "x86_64")]
const SYS_CLOCK_GETTIME: c_long = 228;
#[cfg(target_arch = "aarch64")]
const SYS_CLOCK_GETTIME: c_long = 113;

/// What the file said last; it is empty for a moment whenever a test writes it.
static LAST: AtomicI64 = AtomicI64::new(0);

#[repr(C)]
pub struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
}

/// # Safety
/// As for the function of the C library that it stands in for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    if matches!(clock, CLOCK_REALTIME | CLOCK_REALTIME_COARSE) && !time.is_null() {
        let seconds = read().unwrap_or_else(|| LAST.load(Ordering::Relaxed));
        LAST.store(seconds, Ordering::Relaxed);
        unsafe { *time = Timespec { seconds, nanoseconds: 0 } };
        return 0;
    }
    unsafe { syscall(SYS_CLOCK_GETTIME, clock, time) as c_int }
}

fn read() -> Option<i64> {
    fs::read_to_string(std::env::var_os("ACTFOR_TEST_CLOCK")?).ok()?.trim().parse().ok()
}
