//! What is read of an object, and how often: counted by strace, where that is installed.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, reason = "the harness is shared")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]
#![allow(clippy::print_stderr, reason = "a part that cannot run here says so")]

mod harness;

use std::fs;
use std::path::Path;
use std::process::Command;

use harness::run;

/// Runs a command, and counts the calls that read `file`; nothing where there is no strace.
fn reads(dir: &Path, file: &str, args: &str, code: i32) -> Option<usize> {
    let log = dir.join("log");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=read,readv,pread64,preadv,preadv2", "-P", file, "-o"]);
    strace.arg(&log).arg(harness::command().get_program()).args(["-q", "--threads", "1"]);
    let Ok(ran) = strace.args(args.split(' ')).current_dir(dir).output() else {
        eprintln!("skipped: strace is not installed");
        return None;
    };
    let stderr = String::from_utf8_lossy(&ran.stderr);
    if stderr.contains("ptrace") {
        eprintln!("skipped: strace may not trace here");
        return None;
    }
    assert_eq!(ran.status.code(), Some(code), "{args}: {stderr}");
    let log = fs::read_to_string(&log).unwrap();
    Some(log.lines().filter(|line| line.contains("read")).count())
}

#[test]
fn no_byte_of_an_object_is_read_twice() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for (args, code) in [("keygen -q -o k", 0), ("keygen -q -o other", 0)] {
        assert_eq!(run(dir, args).code, Some(code));
    }
    // The second takes three batches, and has a header with room.
    fs::write(dir.join("small"), [7; 3_000]).unwrap();
    fs::write(dir.join("large"), vec![7; 3_000_000]).unwrap();
    assert_eq!(run(dir, "encrypt -q -k k small large").code, Some(0));
    let mut object = fs::read(dir.join("small.ks")).unwrap();
    let last = object.len() - 1;
    object[last] ^= 1;
    fs::write(dir.join("bad.ks"), &object).unwrap();
    for (file, args, code, expected) in [
        ("small.ks", "decrypt -k k -o out small.ks", 0, 1),
        // A failure is found out once.
        ("bad.ks", "decrypt -k k -o bad bad.ks", 5, 1),
        ("small.ks", "decrypt -k other -o other.out small.ks", 4, 1),
        ("small.ks", "decrypt -k k -c a=1 -o context small.ks", 6, 1),
        // What an object begins with, the rest of its header, the batches.
        ("large.ks", "decrypt -k k -o out2 large.ks", 0, 5),
        ("large.ks", "verify -k k large.ks", 0, 5),
        ("large.ks", "cat -k k --range 0-9 large.ks", 0, 3),
        ("small.ks", "verify -k k small.ks", 0, 3),
    ] {
        let Some(count) = reads(dir, file, args, code) else { return };
        assert_eq!(count, expected, "{args}");
    }
    assert!(!dir.join("bad").exists());
}
