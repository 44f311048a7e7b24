//! A signal cleans up and ends with 130; what a killed run leaves behind, the next run sweeps.
#![cfg(unix)]
#![allow(unreachable_pub, reason = "the harness is shared")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod harness;

use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::run;

fn temps(dir: &Path) -> usize {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with(".keystead-")).count()
}

/// A run that has begun to write and waits for more input.
fn at_work(dir: &Path) -> Child {
    let mut child = harness::command()
        .args(["encrypt", "-k", "k", "--force", "-o", "out"])
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(&vec![7; 3_000_000]).unwrap();
    let start = Instant::now();
    while temps(dir) == 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "it never began");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

/// A folder with a key.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(dir.path(), "keygen -q -o k --kind symmetric").code, Some(0));
    dir
}

#[test]
fn signals_clean_up() {
    let dir = folder();
    let dir = dir.path();
    fs::write(dir.join("out"), "old").unwrap();
    for name in ["INT", "TERM", "HUP"] {
        let mut child = at_work(dir);
        let stdin = child.stdin.take();
        signal(&child, name);
        let end = child.wait_with_output().unwrap();
        drop(stdin);
        assert_eq!(end.status.code(), Some(130), "{name}");
        assert_eq!(String::from_utf8(end.stderr).unwrap(), "keystead: error: cancelled\n");
        assert_eq!(temps(dir), 0);
        assert_eq!(fs::read(dir.join("out")).unwrap(), b"old");
    }
}

/// A small file becomes another without a thread that listens, unless something on the way can wait.
#[test]
fn a_run_that_waits_for_a_reader_stops() {
    let dir = folder();
    let dir = dir.path();
    fs::write(dir.join("note"), "meet at noon").unwrap();
    for name in ["note.ks", "key"] {
        assert!(Command::new("mkfifo").arg(dir.join(name)).status().unwrap().success());
    }
    // The output is a FIFO that nobody reads; the key comes from one that nobody writes.
    for key in ["k", "key"] {
        let mut child = harness::command();
        let child = child.args(["encrypt", "-k", key, "note"]).current_dir(dir);
        let child = child.stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        signal(&child, "INT");
        let end = child.wait_with_output().unwrap();
        assert_eq!(end.status.code(), Some(130), "{key}");
    }
}

#[test]
fn the_next_run_sweeps_what_a_killed_one_left_and_nothing_else() {
    let dir = folder();
    let dir = dir.path();
    fs::write(dir.join("a"), "text").unwrap();
    let mut killed = at_work(dir);
    signal(&killed, "KILL");
    assert_eq!(killed.wait().unwrap().signal(), Some(9));
    assert_eq!(temps(dir), 1);
    // The private names of another output are not looked at.
    assert_eq!(run(dir, "encrypt -k k a").code, Some(0));
    assert_eq!(temps(dir), 1);
    assert_eq!(run(dir, "encrypt -k k --force -o out a").code, Some(0));
    assert_eq!(temps(dir), 0);
    // A run at work is not disturbed, and a link with such a name is not followed.
    let mut child = at_work(dir);
    assert!(private(dir, OUT, 0).exists());
    fs::write(dir.join("mine"), "mine").unwrap();
    std::os::unix::fs::symlink("mine", private(dir, OUT, 1)).unwrap();
    assert_eq!(run(dir, "encrypt -k k --force -o out a").code, Some(0));
    assert_eq!(temps(dir), 2);
    assert_eq!(fs::read(dir.join("mine")).unwrap(), b"mine");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(run(dir, "cat -k k out").stdout.len(), 3_000_000);
    // So it is with verbs that refuse, or that change in place.
    run(dir, "keygen -q -o other");
    for (args, output) in [
        ("keygen -o k", K),
        ("encrypt -k k a", A_KS),
        ("rewrap -q -k k --set other --without-me a.ks", A_KS),
    ] {
        let left = [0, 1, 2, 3].map(|number| private(dir, output, number));
        left.iter().for_each(|path| fs::write(path, "x").unwrap());
        run(dir, args);
        assert!(left.iter().all(|path| !path.exists()), "{args}");
    }
}

/// A private name of an output, by what its name begins with in every version.
fn private(dir: &Path, output: &str, number: u8) -> PathBuf {
    dir.join(format!(".keystead-{output}{number}.tmp"))
}

/// BLAKE2b of `out`, `k` and `a.ks`: the low five bits of each byte as a letter.
const OUT: &str = "lbsehdxsiue";
const K: &str = "jsq565dtomz";
const A_KS: &str = "tftiyl5xttx";
