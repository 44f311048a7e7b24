//! A stream that was closed before the run began is no empty input and no output: Rust's runtime
//! puts the null device in its place, and the command line notices.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::path::Path;
use std::process::{Command, Output};

/// Runs a line of shell; `$K` is keystead.
fn shell(dir: &Path, line: &str) -> Output {
    Command::new("sh")
        .args(["-c", line])
        .env("K", env!("CARGO_BIN_EXE_keystead"))
        .current_dir(dir)
        .output()
        .unwrap()
}

fn refused(dir: &Path, line: &str, what: &str) {
    let ran = shell(dir, line);
    let stderr = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{line}: {stderr}");
    assert!(
        stderr.starts_with(&format!("keystead: error: {what} is closed\n")),
        "{line}: {stderr}"
    );
    assert!(stderr.contains("keystead: hint: "), "{line}: {stderr}");
}

fn taken(dir: &Path, line: &str) -> Vec<u8> {
    let ran = shell(dir, line);
    assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
    ran.stdout
}

#[test]
fn a_closed_stdin_is_no_empty_input() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    taken(dir, "$K keygen -q -o k --kind symmetric");
    refused(dir, "$K encrypt -k k <&- > x", "stdin");
    refused(dir, "$K encrypt -k k -o y <&-", "stdin");
    refused(dir, "$K encrypt -k k -o y - <&-", "stdin");
    assert!(!dir.join("y").exists());
    for verb in ["decrypt -k k", "cat -k k", "verify -k k", "inspect"] {
        refused(dir, &format!("$K {verb} <&- > x"), "stdin");
    }
    // Who names the null device means it, and so does an empty pipe.
    taken(dir, "$K encrypt -k k < /dev/null > empty");
    assert!(taken(dir, "$K cat -k k empty").is_empty());
    taken(dir, "true | $K encrypt -k k -o piped");
    assert!(taken(dir, "$K cat -k k piped").is_empty());
    // What needs no stdin does not mind.
    taken(dir, "echo text > a; $K encrypt -k k a <&-");
    assert_eq!(taken(dir, "$K cat -k k a.ks <&-"), b"text\n");
}

#[test]
fn a_closed_stdout_is_no_output() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    taken(dir, "$K keygen -q -o k --kind symmetric; echo text > a; $K encrypt -k k a");
    refused(dir, "$K encrypt -k k < a >&-", "stdout");
    refused(dir, "$K encrypt -k k -o - a >&-", "stdout");
    refused(dir, "$K decrypt -k k -o - a.ks >&-", "stdout");
    refused(dir, "$K cat -k k a.ks >&-", "stdout");
    refused(dir, "$K cat -k k --range 0-1 a.ks <&- >&-", "stdout");
    // Thrown away on purpose, and not used at all.
    taken(dir, "$K cat -k k a.ks > /dev/null");
    taken(dir, "$K cat -k k a.ks >> /dev/null");
    taken(dir, "$K encrypt -q --force -k k a >&-");
    taken(dir, "$K decrypt -q --force -k k -o b a.ks >&- <&-");
    taken(dir, "cmp a b");
}
