//! What a host's own crypto is asked, and what ours says: for comparing the two afterwards.

#![allow(dead_code, missing_docs, reason = "each test takes what it needs")]

use std::{fs, io::Write as _, path::PathBuf};

use actfor::jose::{Algorithm, HostCrypto, Key, base64url};

/// Writes every question into a file of the folder `ACTFOR_RECORD_SIGNATURES`, one a line; without it, nobody is asked.
pub fn host() -> Option<&'static dyn HostCrypto> {
    folder().is_some().then_some(&Recorder)
}

fn folder() -> Option<PathBuf> {
    std::env::var_os("ACTFOR_RECORD_SIGNATURES").map(PathBuf::from)
}

#[derive(Debug)]
struct Recorder;

impl HostCrypto for Recorder {
    fn verify(&self, key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool> {
        let mut own = key.clone();
        own.use_host(None);
        let holds = own.verify(algorithm, message, signature);
        let [message, signature] = [message, signature].map(base64url::encode);
        let jwk = key.canonical_jwk();
        let line = format!(
            "{{\"algorithm\":\"{algorithm}\",\"jwk\":{jwk},\"message\":\"{message}\",\"signature\":\"{signature}\",\"holds\":{holds}}}\n"
        );
        // A file for each thread: tests run side by side.
        let name = format!("{}-{:?}.jsonl", std::process::id(), std::thread::current().id());
        let path = folder().unwrap().join(name.replace(['(', ')'], ""));
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(line.as_bytes()).unwrap();
        Some(holds)
    }
}
