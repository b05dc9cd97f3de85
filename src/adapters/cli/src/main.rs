//! The command `actfor`.
fn main() {}
