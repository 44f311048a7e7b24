//! A damaged object and many threads: `verify` ends, and `cat` and `decrypt` print what one thread
//! prints, the chunks before the damaged one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where it stands")]

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const CHUNK: usize = 16_384;
const SEALED_CHUNK: usize = CHUNK + 16;
/// Longer than any of these runs takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs keystead in `dir` and returns how it ended, and what it printed to stdout; ends it, and
/// fails, where it takes too long.
fn watched(dir: &Path, args: &str, stdin: Stdio) -> (ExitStatus, Vec<u8>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keystead"));
    command.args(args.split(' ')).current_dir(dir).stdin(stdin);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut pipe = child.stdout.take().unwrap();
    let reader = thread::spawn(move || {
        let mut out = Vec::new();
        pipe.read_to_end(&mut out).map(|_| out)
    });
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return (status, reader.join().unwrap().unwrap());
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("keystead {args} hangs");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Damages an object of so many batches of 64 chunks in one chunk after the other, and opens it in
/// every way, `runs` times.
fn damage(batches: usize, runs: usize) {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let text: Vec<u8> = (0..batches * 64 * CHUNK + 5_000)
        .map(|i| (i ^ (i >> 8) ^ (i >> 14)).to_le_bytes()[0])
        .collect();
    std::fs::write(dir.join("text"), &text).unwrap();
    let made = |args| assert!(watched(dir, args, Stdio::null()).0.success(), "{args}");
    made("keygen -q --kind symmetric -o k");
    made("encrypt --no-sync -k k -o good.ks text");
    let good = std::fs::read(dir.join("good.ks")).unwrap();
    let front = good.len() - text.len() - 16 * (batches * 64 + 1);
    for run in 0..runs {
        // Each batch in turn, the first and the last among them, and ever other chunks.
        let place =
            (run * (batches + 1) / runs) * 64 + if run % 3 == 0 { 0 } else { run * 11 % 64 };
        let place = place.min(batches * 64);
        let mut bad = good.clone();
        bad[front + place * SEALED_CHUNK + 9] ^= 0x40;
        std::fs::write(dir.join("bad.ks"), &bad).unwrap();
        for (args, prints) in [
            ("--threads 8 verify -k k bad.ks", false),
            ("--threads 8 verify -k k -", false),
            ("--threads 8 cat -k k bad.ks", true),
            ("--threads 1 cat -k k bad.ks", true),
            ("--threads 8 cat -k k", true),
            ("--threads 1 cat -k k", true),
            ("--threads 8 decrypt -k k -o - bad.ks", true),
        ] {
            let stdin = Stdio::from(File::open(dir.join("bad.ks")).unwrap());
            let (status, out) = watched(dir, args, stdin);
            assert_eq!(status.code(), Some(5), "{args}, chunk {place}");
            let wanted = if prints { &text[..place * CHUNK] } else { &[] };
            assert!(out == wanted, "{args}, chunk {place}: {} of {}", out.len(), wanted.len());
        }
        let (status, out) = watched(dir, "--threads 8 decrypt -k k -o back bad.ks", Stdio::null());
        assert!(status.code() == Some(5) && out.is_empty() && !dir.join("back").exists());
    }
}

#[test]
fn a_damaged_object_of_six_megabytes() {
    damage(6, if std::env::var_os("KEYSTEAD_LONG").is_some() { 300 } else { 21 });
}

#[test]
fn a_damaged_object_of_sixty_megabytes() {
    damage(60, if std::env::var_os("KEYSTEAD_LONG").is_some() { 122 } else { 8 });
}
