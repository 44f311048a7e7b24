//! A file that another program writes to while it is encrypted: the run fails, and no object appears.
#![cfg(unix)]
#![allow(unreachable_pub, reason = "the harness is shared")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod harness;

use std::fs::{self, File, Permissions};
use std::io::Read as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use harness::{Ran, run};

const OLD: &[u8] = b"what was here before";
const CHANGED: &str = "keystead: error: NAME: the file changed while it was read
keystead: hint: run the command again when nothing writes to it
";
/// Bytes of a file that is encrypted in pieces.
const LARGE: usize = 8_000_000;

/// A folder with keys `k` and `k.pub`, and a large file `a`, which was written an hour ago.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(dir.path(), "keygen -q -o k").code, Some(0));
    fs::write(dir.path().join("a"), vec![7; LARGE]).unwrap();
    let hour_ago = SystemTime::now() - Duration::from_secs(3_600);
    File::open(dir.path().join("a")).unwrap().set_modified(hour_ago).unwrap();
    dir
}

/// Encrypts `a` to stdout, and calls `meanwhile` while the run waits for a reader.
fn encrypted(dir: &Path, args: &str, meanwhile: impl FnOnce()) -> Output {
    let mut command = harness::command();
    command.args(args.split(' ')).current_dir(dir).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut stdout = vec![0];
    // The header comes out when the input is open. A pipe does not hold the rest.
    out.read_exact(&mut stdout).unwrap();
    meanwhile();
    out.read_to_end(&mut stdout).unwrap();
    Output { stdout, ..child.wait_with_output().unwrap() }
}

const TO_STDOUT: [&str; 4] = [
    "encrypt -k k.pub -o - a",
    "encrypt -k k.pub -o - --threads 1 a",
    "encrypt -k k.pub -o - --threads 4 a",
    "encrypt -k k.pub -o - --armor a",
];

#[test]
fn a_stream_of_a_file_that_changes_is_no_object() {
    for args in TO_STDOUT {
        let dir = folder();
        let dir = dir.path();
        let ran = encrypted(dir, args, || {
            let file = File::options().write(true).open(dir.join("a")).unwrap();
            file.write_all_at(b"other", u64::try_from(LARGE - 5).unwrap()).unwrap();
        });
        let stderr = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(stderr, CHANGED.replace("NAME", "a"), "{args}");
        assert_eq!(ran.status.code(), Some(1), "{args}");
        fs::write(dir.join("a.ks"), ran.stdout).unwrap();
        assert_ne!(run(dir, "verify -k k a.ks").code, Some(0), "{args}");
    }
}

#[test]
fn a_file_that_grows_or_shrinks_has_changed() {
    for len in [0, 1_000_000, LARGE + 1] {
        let dir = folder();
        let dir = dir.path();
        let ran = encrypted(dir, TO_STDOUT[1], || {
            let file = File::options().write(true).open(dir.join("a")).unwrap();
            file.set_len(u64::try_from(len).unwrap()).unwrap();
        });
        assert_eq!(String::from_utf8(ran.stderr).unwrap(), CHANGED.replace("NAME", "a"), "{len}");
        assert_eq!(ran.status.code(), Some(1), "{len}");
    }
}

/// Whoever reads a file, gives it permissions or names, or puts another in its place, writes nothing
/// into it.
#[test]
fn what_leaves_the_bytes_alone_is_no_change() {
    for args in TO_STDOUT {
        let dir = folder();
        let dir = dir.path();
        let ran = encrypted(dir, args, || {
            let a = dir.join("a");
            assert_eq!(fs::read(&a).unwrap().len(), LARGE);
            fs::set_permissions(&a, Permissions::from_mode(0o600)).unwrap();
            fs::hard_link(&a, dir.join("link")).unwrap();
            fs::write(dir.join("b"), vec![8; LARGE]).unwrap();
            fs::rename(dir.join("b"), &a).unwrap();
        });
        assert_eq!(String::from_utf8(ran.stderr).unwrap(), "", "{args}");
        assert_eq!(ran.status.code(), Some(0), "{args}");
        fs::write(dir.join("a.ks"), ran.stdout).unwrap();
        assert_eq!(run(dir, "cat -k k a.ks").stdout, vec![7; LARGE], "{args}");
    }
}

/// Runs keystead while another thread writes to `name` all the time, until a run has failed: a run
/// may end between two writes. `prepare` comes before each run.
fn failed(dir: &Path, name: &str, args: &str, prepare: impl Fn()) -> Ran {
    let file = File::options().write(true).open(dir.join(name)).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The system's clock may stand still for some milliseconds.
            let mut time = SystemTime::now();
            while !stop.load(Ordering::Relaxed) {
                time += Duration::from_secs(1);
                file.write_all_at(&[7], 0).unwrap();
                file.set_modified(time).unwrap();
            }
        });
        let runs = (0..300).map(|_| {
            prepare();
            run(dir, args)
        });
        let failed = runs.into_iter().find(|ran| ran.code != Some(0));
        stop.store(true, Ordering::Relaxed);
        failed.expect("a run during which the file is written to fails")
    })
}

#[test]
fn an_output_of_a_file_that_changes_does_not_appear() {
    for len in [1, 100_000, LARGE] {
        for flags in ["", "--armor ", "--json ", "--threads 1 ", "--threads 4 "] {
            let dir = folder();
            let dir = dir.path();
            fs::write(dir.join("a"), vec![7; len]).unwrap();
            let out = dir.join("out");
            let args = format!("encrypt {flags}--force -k k.pub -o out a");
            let ran = failed(dir, "a", &args, || fs::write(&out, OLD).unwrap());
            assert_eq!((ran.code, &*ran.stderr), (Some(1), &*CHANGED.replace("NAME", "a")));
            assert_eq!(fs::read(&out).unwrap(), OLD, "{flags}{len}");
            let ran = failed(dir, "a", &args.replace("--force ", ""), || {
                let _ = fs::remove_file(&out);
            });
            assert_eq!((ran.code, &*ran.stderr), (Some(1), &*CHANGED.replace("NAME", "a")));
            assert!(!out.exists(), "{flags}{len}");
            let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
            assert_eq!(names.count(), 3, "{flags}{len}");
        }
    }
}

#[test]
fn other_files_of_a_folder_are_encrypted() {
    for len in [1, 100_000, LARGE] {
        let dir = folder();
        let dir = dir.path();
        fs::create_dir(dir.join("tree")).unwrap();
        fs::write(dir.join("tree/a"), vec![7; len]).unwrap();
        fs::write(dir.join("tree/b"), "text").unwrap();
        let ran = failed(dir, "tree/a", "encrypt -q -r -k k.pub tree", || {
            let _ = fs::remove_dir_all(dir.join("tree.ks"));
        });
        assert_eq!((ran.code, ran.stderr), (Some(1), CHANGED.replace("NAME", "tree/a")));
        assert!(!dir.join("tree.ks/a.ks").exists(), "{len}");
        assert_eq!(run(dir, "cat -k k tree.ks/b.ks").stdout, b"text");
    }
}

/// An object that equals what was read is not done if that may be a mixture, and keeps its time.
#[test]
fn a_comparison_with_a_file_that_changes_proves_nothing() {
    let dir = folder();
    let dir = dir.path();
    fs::create_dir(dir.join("tree")).unwrap();
    fs::write(dir.join("tree/a"), vec![7; LARGE]).unwrap();
    assert_eq!(run(dir, "encrypt -q -r -k k.pub tree").code, Some(0));
    let object = dir.join("tree.ks/a.ks");
    let old = || File::open(&object).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let ran = failed(dir, "tree/a", "encrypt -q -r --check content -k k tree", old);
    assert_eq!((ran.code, ran.stderr), (Some(1), CHANGED.replace("NAME", "tree/a")));
    assert_eq!(object.metadata().unwrap().modified().unwrap(), SystemTime::UNIX_EPOCH);
}

/// Files of /proc say that they are empty, and are not.
#[test]
#[cfg(target_os = "linux")]
fn a_file_of_the_system_does_not_change_by_being_read() {
    let dir = folder();
    let dir = dir.path();
    for path in ["/proc/cpuinfo", "/proc/self/status", "/proc/stat", "/proc/uptime"] {
        let ran = run(dir, &format!("encrypt --force -k k.pub -o out {path}"));
        assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{path}");
        assert!(!run(dir, "cat -k k out").stdout.is_empty(), "{path}");
    }
}
