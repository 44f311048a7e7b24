//! Signals, closed pipes, full disks, forbidden files and folders, hostile names: a clear error of
//! the right class, and nothing lost.
#![cfg(unix)]
#![allow(unreachable_pub, reason = "the harness is shared")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]
#![allow(clippy::print_stderr, reason = "a part that cannot run here says so")]

mod harness;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use harness::run;

const OLD: &[u8] = b"what was here before";
const PATIENCE: Duration = Duration::from_secs(60);

fn keystead(dir: &Path) -> Command {
    let mut command = harness::command();
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn ok(dir: &Path, args: &str) {
    let ran = run(dir, args);
    assert_eq!(ran.code, Some(0), "{args}: {}", ran.stderr);
}

/// A folder with keys `k` and `k.pub`.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    ok(dir.path(), "keygen -q -o k");
    dir
}

fn temporary(dir: &Path) -> Vec<OsString> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.as_bytes().starts_with(b".keystead-")).collect()
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "in vain: {what}");
        sleep(Duration::from_millis(5));
    }
}

fn ended(mut child: Child) -> Output {
    until("it ends", || child.try_wait().unwrap().is_some());
    child.wait_with_output().unwrap()
}

/// No panic, nothing that steers a terminal, and an error of the class.
#[track_caller]
fn refused(output: &Output, code: i32, says: &str) {
    let stderr = String::from_utf8(output.stderr.clone()).expect("stderr is UTF-8");
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.starts_with("keystead: error: "), "{stderr}");
    assert!(stderr.contains(says), "{says:?} is not said: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(stderr.chars().all(|c| c == '\n' || !c.is_control()), "{stderr:?}");
    assert!(stderr.lines().all(|line| line.starts_with("keystead: ")), "{stderr}");
}

// ---- Signals

/// Starts a run that has its private file open and cannot end by itself, and signals it.
#[track_caller]
fn cancelled(dir: &Path, outputs: &Path, args: &[&str], head: &[u8], signal: &str) {
    let mut child = keystead(dir).args(args).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(head).unwrap();
    until("a private file", || outputs.exists() && !temporary(outputs).is_empty());
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    let output = ended(child);
    drop(input);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{signal} {args:?}: {stderr}");
    assert_eq!(temporary(outputs), [""; 0], "{signal} {args:?}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn a_signal_leaves_no_output() {
    let dir = folder();
    let dir = dir.path();
    fs::write(dir.join("a"), vec![7; 3_000_000]).unwrap();
    ok(dir, "encrypt -k k.pub a");
    let object = fs::read(dir.join("a.ks")).unwrap();
    for signal in ["INT", "TERM", "HUP"] {
        // Where it waits for input.
        let encrypt = ["encrypt", "-k", "k.pub", "-o", "out"];
        cancelled(dir, dir, &encrypt, &[7; 3_000_000], signal);
        let decrypt = ["decrypt", "-k", "k", "-o", "out"];
        cancelled(dir, dir, &decrypt, &object[..2_000_000], signal);
        assert!(!dir.join("out").exists(), "{signal}");
    }
}

#[test]
fn a_signal_leaves_the_old_output() {
    let dir = folder();
    let dir = dir.path();
    // Where it works: a hole is long to encrypt.
    File::create(dir.join("hole")).unwrap().set_len(1 << 40).unwrap();
    fs::write(dir.join("out"), OLD).unwrap();
    for signal in ["INT", "TERM", "HUP"] {
        let force = ["encrypt", "--force", "-k", "k.pub", "-o", "out", "hole"];
        cancelled(dir, dir, &force, b"", signal);
        assert_eq!(fs::read(dir.join("out")).unwrap(), OLD, "{signal}");
        assert_eq!(fs::metadata(dir.join("hole")).unwrap().len(), 1 << 40);
    }
}

#[test]
fn a_signal_ends_a_folder() {
    let dir = folder();
    let dir = dir.path();
    fs::create_dir(dir.join("tree")).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(dir.join("tree").join(name), name).unwrap();
    }
    for name in ["hole", "holes"] {
        File::create(dir.join("tree").join(name)).unwrap().set_len(1 << 40).unwrap();
    }
    for signal in ["INT", "TERM", "HUP"] {
        let args = ["encrypt", "-q", "-r", "-k", "k.pub", "-o", "out", "tree"];
        cancelled(dir, &dir.join("out"), &args, b"", signal);
        // What was done is done.
        for (name, _) in contents(&dir.join("out")) {
            assert!(["a.ks", "b.ks", "c.ks"].map(OsString::from).contains(&name), "{name:?}");
            ok(dir, &format!("verify -q -k k out/{}", name.to_str().unwrap()));
        }
    }
}

// ---- Pipes

/// A pipe whose reader went away.
fn nobody_reads() -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let dir = folder();
    let dir = dir.path();
    fs::write(dir.join("a"), vec![7; 3_000_000]).unwrap();
    ok(dir, "encrypt -k k.pub a");
    for args in [
        &["cat", "-k", "k", "a.ks"][..],
        &["cat", "-k", "k", "--range", "5-", "a.ks"],
        &["decrypt", "-k", "k", "-o", "-", "a.ks"],
        &["encrypt", "-k", "k.pub", "-o", "-", "a"],
        &["encrypt", "-k", "k.pub", "--armor", "-o", "-", "a"],
        &["verify", "-k", "k", "a.ks"],
        &["verify", "--json", "-k", "k", "a.ks"],
        &["inspect", "a.ks"],
        &["key", "public", "k"],
    ] {
        let output = keystead(dir).args(args).stdout(nobody_reads()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    }
    // The key is there, although nobody reads its public half.
    let keygen = ["keygen", "-q", "-o", "new"];
    let output = keystead(dir).args(keygen).stdout(nobody_reads()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    ok(dir, "key public new");
}

#[test]
fn closed_streams_are_an_error_or_no_matter() {
    let dir = folder();
    let dir = dir.path();
    fs::write(dir.join("a"), vec![7; 100_000]).unwrap();
    ok(dir, "encrypt -k k.pub a");
    let shell = |line: &str| {
        let mut command = Command::new("sh");
        command.current_dir(dir).arg("-c").arg(line).arg(env!("CARGO_BIN_EXE_keystead"));
        command.stdin(Stdio::null()).output().unwrap()
    };
    for line in [
        "\"$0\" verify -q -k k a.ks <&- >&- 2>&-",
        "\"$0\" encrypt -k k.pub -o b.ks a <&- >&- 2>&-",
        "\"$0\" decrypt -k k -o b a.ks 2>&-",
    ] {
        assert!(shell(line).status.success(), "{line}");
    }
    assert_eq!(fs::read(dir.join("b")).unwrap(), vec![7; 100_000]);
    // Nothing at all is no input.
    refused(&shell("\"$0\" decrypt -k k -o c <&-"), 1, "stdin is closed");
    refused(&shell("\"$0\" decrypt -k k -o c </dev/null"), 3, "stdin: ");
    assert!(!dir.join("c").exists());
    // An object cut off in the pipe.
    refused(&shell("head -c 50000 a.ks | \"$0\" decrypt -k k -o c -"), 5, "stdin: ");
    assert!(!dir.join("c").exists() && temporary(dir).is_empty());
    // A device without room.
    refused(&shell("\"$0\" encrypt -k k.pub a -o - >/dev/full"), 1, "stdout: No space left");
    refused(&shell("\"$0\" cat -k k a.ks >/dev/full"), 1, "stdout: No space left");
    refused(&shell("\"$0\" verify -k k a.ks >/dev/full"), 1, "stdout: No space left");
    refused(&shell("\"$0\" inspect a.ks >/dev/full"), 1, "stdout: No space left");
    // The key is there, and so is the output: what is said about them must be true.
    let made = "new and new.pub are complete, only the message is missing";
    refused(&shell("\"$0\" keygen -o new >/dev/full"), 1, made);
    refused(
        &shell("test -s new -a -s new.pub && \"$0\" keygen --json -o n >/dev/full"),
        1,
        "n and n.pub",
    );
    let done = "the work on a is done, only the message is missing";
    refused(&shell("\"$0\" encrypt --json -k k -o done a >/dev/full"), 1, done);
}

/// A limit of the process, as batch systems set it.
#[test]
#[cfg(target_os = "linux")]
fn too_little_memory_for_a_passphrase_is_said() {
    let dir = folder();
    let dir = dir.path();
    fs::write(dir.join("a"), b"text").unwrap();
    let line = "ulimit -v 60000; \"$0\" encrypt -p --passphrase-command 'echo x' -o b a";
    let mut command = Command::new("sh");
    command.current_dir(dir).arg("-c").arg(line).arg(env!("CARGO_BIN_EXE_keystead"));
    let ran = command.stdin(Stdio::null()).output().unwrap();
    refused(&ran, 8, "too little memory: a passphrase of this strength takes 64 MiB");
    refused(&ran, 8, "hint: end other programs, or let this one have more memory");
    assert!(!dir.join("b").exists());
}

// ---- Full and read-only disks

/// A file system of its own, unmounted at the end.
struct Mount(PathBuf);

impl Mount {
    /// Nothing where this may not be done.
    fn new(path: PathBuf, options: &str) -> Option<Self> {
        fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "none"]).arg(&path);
        let done = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        if !done {
            eprintln!("skipped: this user cannot mount a file system");
        }
        done.then_some(Self(path))
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// What lies in a folder, by name.
fn contents(dir: &Path) -> Vec<(OsString, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap_or_default()))
        .collect();
    files.sort();
    files
}

/// Verbs that write, in `full`, which has room for nothing more.
const WRITERS: [&str; 7] = [
    "encrypt --force -k ../k.pub -o a.ks ../big",
    "encrypt -k ../k.pub -o new.ks ../big",
    "decrypt --force -k ../k -o a ../big.ks",
    "decrypt -k ../k -o new ../big.ks",
    "reencrypt -k ../k --set ../other.pub --without-me a.ks",
    "rewrap -k ../k --set ../other.pub --set ../k.pub a.ks",
    "keygen -q -o new.key",
];

fn disk(options: &str) -> Option<(tempfile::TempDir, Mount)> {
    let dir = folder();
    let path = dir.path();
    let full = Mount::new(path.join("full"), options)?;
    ok(path, "keygen -q -o other");
    fs::write(path.join("big"), vec![7; 1_000_000]).unwrap();
    fs::write(path.join("full/a"), vec![7; 100_000]).unwrap();
    ok(path, "encrypt -k k.pub big");
    ok(path, "encrypt -k k.pub full/a");
    Some((dir, full))
}

#[test]
fn a_full_disk_changes_nothing() {
    let Some((_dir, mount)) = disk("size=512k") else { return };
    let Mount(full) = &mount;
    // The rest of it.
    let mut rest = File::create(full.join("rest")).unwrap();
    while rest.write_all(&[0; 4_096]).is_ok() {}
    drop(rest);
    let before = contents(full);
    for line in WRITERS {
        let output = keystead(full).args(line.split(' ')).output().unwrap();
        refused(&output, 1, "No space left on device");
        assert!(String::from_utf8_lossy(&output.stderr).contains("hint: make room"), "{line}");
        assert!(contents(full) == before, "{line} changed something");
    }
    // With room it works.
    fs::remove_file(full.join("rest")).unwrap();
    ok(full, WRITERS[4]);
    ok(full, "verify -q -k ../other a.ks");
}

#[test]
fn a_read_only_disk_is_named() {
    let Some((_dir, mount)) = disk("size=2m") else { return };
    let Mount(disk) = &mount;
    mount.remount("ro");
    let before = contents(disk);
    for line in WRITERS {
        let output = keystead(disk).args(line.split(' ')).output().unwrap();
        refused(&output, 1, "Read-only file system");
        assert!(String::from_utf8_lossy(&output.stderr).contains("hint: "), "{line}");
        assert!(contents(disk) == before, "{line} changed something");
    }
    ok(disk, "verify -q -k ../k a.ks");
}

// ---- Permissions

/// A command as somebody for whom permissions count; nothing where that cannot be.
fn as_nobody(dir: &Path) -> Option<impl Fn(&[&str]) -> Output> {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    // The build's folder may be closed to others.
    let program = dir.join("keystead-for-nobody");
    fs::copy(env!("CARGO_BIN_EXE_keystead"), &program).unwrap();
    fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
    let to_nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let can = Command::new("setpriv").args(to_nobody).arg(&program).arg("--version").output();
    if is_root && !can.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: root ignores permissions, and setpriv does not work here");
        return None;
    }
    let dir = dir.to_owned();
    Some(move |args: &[&str]| {
        let mut command =
            Command::new(if is_root { OsStr::new("setpriv") } else { program.as_os_str() });
        if is_root {
            command.args(to_nobody).arg(&program);
        }
        command.args(args).current_dir(&dir).stdin(Stdio::null()).output().unwrap()
    })
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn forbidden_files_and_folders_are_named() {
    let dir = folder();
    let dir = dir.path();
    let Some(nobody) = as_nobody(dir) else { return };
    fs::write(dir.join("a"), vec![7; 100_000]).unwrap();
    ok(dir, "encrypt -k k.pub a");
    allow(&dir.join("k.pub"), 0o644);
    allow(&dir.join("a"), 0o000);
    fs::create_dir(dir.join("mine")).unwrap();
    allow(&dir.join("mine"), 0o777);
    let denied = "Permission denied";
    refused(&nobody(&["encrypt", "-k", "k.pub", "-o", "mine/x", "a"]), 1, "a: Permission denied");
    // Another's key file.
    refused(&nobody(&["verify", "-k", "k", "a.ks"]), 1, "k: Permission denied");
    allow(&dir.join("k"), 0o644);
    allow(&dir.join("a"), 0o644);
    allow(&dir.join("a.ks"), 0o644);
    // A folder that takes no new file.
    let before = contents(dir);
    for args in [
        &["encrypt", "-k", "k.pub", "-o", "b.ks", "a"][..],
        &["encrypt", "--force", "-k", "k.pub", "a"],
        &["decrypt", "--force", "-k", "k", "a.ks"],
        &["rewrap", "-k", "k", "--set", "k.pub", "a.ks"],
        &["reencrypt", "-k", "k", "--set", "k.pub", "a.ks"],
        &["keygen", "-q", "-o", "new"],
    ] {
        let output = nobody(args);
        refused(&output, 1, denied);
        assert!(String::from_utf8_lossy(&output.stderr).contains("hint: "), "{args:?}");
        assert!(contents(dir) == before, "{args:?} changed something");
    }
    // One of several inputs: the others are done.
    allow(&dir.join("mine"), 0o777);
    for name in ["one", "two", "three"] {
        fs::write(dir.join("mine").join(name), name).unwrap();
        allow(&dir.join("mine").join(name), 0o644);
    }
    allow(&dir.join("mine/two"), 0o000);
    let inputs = ["encrypt", "-k", "k.pub", "mine/one", "mine/two", "mine/three"];
    refused(&nobody(&inputs), 1, "mine/two: Permission denied");
    assert!(dir.join("mine/one.ks").exists() && dir.join("mine/three.ks").exists());
    assert!(!dir.join("mine/two.ks").exists() && temporary(&dir.join("mine")).is_empty());
}

// ---- Names

/// Names that shells, terminals and programs stumble over, and how each is shown.
const NAMES: [(&[u8], &str); 7] = [
    (b"a\nkeystead: error: b", "a\\nkeystead: error: b"),
    (b"\x1b]0;title\x07\x1b[2J", "\\x1b]0;title\\x07\\x1b[2J"),
    (b"\xff\xfe\x80", "\\xff\\xfe\\x80"),
    (b"-rf", "-rf"),
    (b"--force", "--force"),
    (b" ", " "),
    ("\u{202e}fdp.exe".as_bytes(), "\\u{202e}fdp.exe"),
];

#[test]
fn hostile_names_are_names() {
    let dir = folder();
    let dir = dir.path();
    ok(dir, "keygen -q -o other");
    for (name, shown) in NAMES {
        let name = OsStr::from_bytes(name);
        let object = OsString::from_vec([name.as_bytes(), b".ks"].concat());
        let with = |args: &[&str], name: &OsStr| {
            keystead(dir).args(args).arg("--").arg(name).output().unwrap()
        };
        let fine = |args: &[&str], name: &OsStr| {
            let output = with(args, name);
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success(), "{shown} {args:?}: {stderr}");
            assert!(stderr.chars().all(|c| c == '\n' || !c.is_control()), "{stderr:?}");
            output.stdout
        };
        // There is none yet.
        for args in [
            &["encrypt", "-k", "k.pub"][..],
            &["decrypt", "-k", "k", "-o", "out"],
            &["verify", "-k", "k"],
            &["cat", "-k", "k"],
            &["inspect"],
            &["rewrap", "-k", "k", "--set", "other", "--without-me"],
            &["reencrypt", "-k", "k", "--set", "other", "--without-me"],
        ] {
            refused(&with(args, name), 1, &format!("error: {shown}: No such file"));
        }
        fs::write(dir.join(name), "text").unwrap();
        fine(&["encrypt", "-k", "k.pub"], name);
        refused(&with(&["encrypt", "-k", "k.pub"], name), 2, &format!("{shown}.ks: the output"));
        fs::remove_file(dir.join(name)).unwrap();
        fine(&["decrypt", "-k", "k"], &object);
        assert_eq!(fs::read(dir.join(name)).unwrap(), b"text");
        fine(&["rewrap", "-k", "k", "--set", "other", "--without-me"], &object);
        fine(&["reencrypt", "-k", "other", "--set", "k", "--without-me"], &object);
        let verified = String::from_utf8(fine(&["verify", "-k", "k"], &object)).unwrap();
        assert!(verified.starts_with(&format!("{shown}.ks: ok")), "{verified}");
        let inspected = String::from_utf8(fine(&["inspect"], &object)).unwrap();
        assert!(inspected.chars().all(|c| c == '\n' || !c.is_control()), "{inspected:?}");
        let json = fine(&["verify", "--json", "-k", "k"], &object);
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["ok"], true);
        assert_eq!(fine(&["cat", "-k", "k"], &object), b"text");
        // No object under such a name.
        refused(&with(&["verify", "-k", "k"], name), 3, &format!("error: {shown}: "));
        // And a key.
        let mut output = OsString::from("-o");
        output.push(name);
        fs::remove_file(dir.join(name)).unwrap();
        let made = keystead(dir).args(["keygen", "-q"]).arg(output).output().unwrap();
        assert!(made.status.success(), "{shown}: {}", String::from_utf8_lossy(&made.stderr));
        fine(&["key", "public"], name);
    }
    assert_eq!(temporary(dir), [""; 0]);
}

#[test]
fn the_longest_name_has_room_for_no_suffix() {
    let dir = folder();
    let dir = dir.path();
    let (longest, shorter) = ("n".repeat(255), "n".repeat(252));
    for name in [&longest, &shorter] {
        fs::write(dir.join(name), "text").unwrap();
    }
    let output = keystead(dir).args(["encrypt", "-k", "k.pub", &longest]).output().unwrap();
    refused(&output, 1, "File name too long");
    ok(dir, &format!("encrypt -k k.pub {shorter}"));
    let object = format!("{shorter}.ks");
    ok(dir, &format!("decrypt --force -k k {object}"));
    ok(dir, "keygen -q -o other");
    ok(dir, &format!("rewrap -q -k k --set other --without-me {object}"));
    ok(dir, &format!("reencrypt -q -k other --set k --without-me {object}"));
    ok(dir, &format!("verify -q -k k {object}"));
    // A pair of names, of which the second does not fit.
    let output = keystead(dir).args(["keygen", "-q", "-o", &"k".repeat(253)]).output().unwrap();
    refused(&output, 1, "File name too long");
    assert!(!dir.join("k".repeat(253)).exists());
    let output = keystead(dir).args(["verify", "-k", "k", &"n".repeat(256)]).output().unwrap();
    refused(&output, 1, "File name too long");
    assert_eq!(temporary(dir), [""; 0]);
}
