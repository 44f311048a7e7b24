//! Where bytes come from and where they go: a null device that was given is no closed stream, an
//! output is never an input or a key, and what is named once is read once.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]
#![allow(clippy::print_stderr, reason = "a part that cannot run here says so")]

use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const KEYSTEAD: &str = env!("CARGO_BIN_EXE_keystead");
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a line of shell; `$K` is keystead. What hangs is a failure.
fn shell(dir: &Path, line: &str) -> Output {
    let mut command = Command::new("sh");
    // Each command of a line has to succeed, but for one in a condition.
    command.args(["-ec", line]).env("K", KEYSTEAD).current_dir(dir);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it hangs: {line}");
        }
        sleep(Duration::from_millis(2));
    }
    child.wait_with_output().unwrap()
}

#[track_caller]
fn ok(dir: &Path, line: &str) -> Vec<u8> {
    let ran = shell(dir, line);
    assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
    ran.stdout
}

/// Refused as USAGE, with a hint.
#[track_caller]
fn refused(dir: &Path, line: &str, says: &str) {
    failed(dir, line, 2, says);
}

#[track_caller]
fn failed(dir: &Path, line: &str, code: i32, says: &str) {
    let ran = shell(dir, line);
    let stderr = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(code), "{line}: {stderr}");
    assert!(stderr.contains("keystead: error: ") && stderr.contains(says), "{line}: {stderr}");
    assert!(stderr.contains("keystead: hint: "), "{line}: {stderr}");
}

/// A folder with keys `k`, `k.pub` and `s`, a key `locked` under the passphrase `secret`, a text `a`
/// and its object `a.ks`.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    ok(path, "$K keygen -q -o k");
    ok(path, "$K keygen -q -o s --kind symmetric");
    ok(path, "echo secret | $K keygen -q -o locked --passphrase-fd 0");
    ok(path, "echo text > a; $K encrypt -k k.pub a");
    dir
}

/// The null device as Python's `DEVNULL`, `daemon()` and service managers open it.
fn null() -> File {
    OpenOptions::new().read(true).write(true).open("/dev/null").unwrap()
}

// ---- Null devices and closed streams

#[test]
fn a_null_device_that_was_given_is_no_closed_stream() {
    let dir = folder();
    let dir = dir.path();
    let keystead = |line: &str| {
        let mut command = Command::new(KEYSTEAD);
        command.current_dir(dir).args(line.split(' '));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    // As an input it is empty.
    assert!(keystead("encrypt -q -k s -o empty").stdin(null()).status().unwrap().success());
    assert!(ok(dir, "$K cat -k s empty").is_empty());
    let code = |line: &str| keystead(line).stdin(null()).status().unwrap().code();
    for line in ["decrypt -k k -o b", "cat -k k", "verify -k k", "inspect"] {
        assert_eq!(code(line), Some(3), "{line}: empty is no object");
    }
    assert_eq!(code("encrypt -k - -o b a"), Some(9), "empty is no key");
    assert_eq!(code("key import -o b"), Some(9), "empty is no key on paper");
    assert_eq!(code("encrypt -q -p --passphrase-fd 0 -o b a"), Some(2), "nor a passphrase");
    // As an output it is a sink, alone or with the others, shared or opened for each.
    let lines = [
        "cat -k k a.ks",
        "decrypt -k k -o - a.ks",
        "encrypt -k k.pub -o - a",
        "verify --json -k k a.ks",
        "inspect a.ks",
        "inspect --json a.ks",
        "key public k",
        "key export k",
        "completions bash",
        "man",
        "--help",
    ];
    for line in lines {
        let sink = || keystead(line).stdout(null()).stderr(null()).status().unwrap();
        assert!(sink().success(), "{line}");
        let shared = null();
        let [one, two, three] = [(); 3].map(|()| shared.try_clone().unwrap());
        let mut command = keystead(line);
        assert!(command.stdin(one).stdout(two).stderr(three).status().unwrap().success(), "{line}");
    }
    ok(dir, "$K cat -k k a.ks <> /dev/null 1<> /dev/null 2<> /dev/null");
    ok(dir, "$K encrypt -q -k s -o shell <> /dev/null");
}

#[test]
fn other_programs_null_devices_are_taken() {
    let dir = folder();
    let dir = dir.path();
    let python = "import subprocess as s, sys; \
        sys.exit(s.run(sys.argv[1:], stdin=s.DEVNULL, stdout=s.DEVNULL, stderr=s.DEVNULL).returncode)";
    let daemon = "import os, sys; null = os.open(os.devnull, os.O_RDWR); \
        [os.dup2(null, fd) for fd in (0, 1, 2)]; os.setsid(); os.execv(sys.argv[1], sys.argv[1:])";
    let node = "process.exit(require('child_process')\
        .spawnSync(process.argv[1], process.argv.slice(2), { stdio: 'ignore' }).status)";
    for (program, flag, text) in
        [("python3", "-c", python), ("python3", "-c", daemon), ("node", "-e", node)]
    {
        for line in ["cat -k k a.ks", "inspect --json a.ks", "encrypt --force -k s -o from-null"] {
            let mut command = Command::new(program);
            command.args([flag, text, KEYSTEAD]).args(line.split(' ')).current_dir(dir);
            match command.output() {
                Ok(ran) => assert!(ran.status.success(), "{program} {line}: {ran:?}"),
                Err(error) => eprintln!("skipped: {program}: {error}"),
            }
        }
    }
}

#[test]
fn an_output_that_nobody_gets_is_an_error() {
    let dir = folder();
    let dir = dir.path();
    for line in
        ["inspect a.ks", "key public k", "key export k", "completions bash", "man", "--help"]
    {
        failed(dir, &format!("$K {line} >&-"), 1, "stdout is closed");
        failed(dir, &format!("$K {line} <&- >&-"), 1, "stdout is closed");
        failed(dir, &format!("$K {line} 1< /dev/null"), 1, "stdout is not open for writing");
    }
    // Nothing is done whose result nobody gets.
    failed(dir, "$K encrypt --json -k s -o b a >&-", 1, "stdout is closed");
    failed(dir, "$K keygen --json -o new >&-", 1, "stdout is closed");
    assert!(!dir.join("b").exists() && !dir.join("new").exists());
    // Lines for people are nobody's result.
    ok(dir, "$K verify -k k a.ks >&-; $K verify -k k a.ks <&- >&- 2>&-");
    ok(dir, "$K keygen -q -o new >&-; $K key public new");
}

#[test]
fn an_input_that_nobody_gave_is_an_error() {
    let dir = folder();
    let dir = dir.path();
    for line in [
        "encrypt -k s -o b",
        "encrypt -k - -o b a",
        "encrypt -p --passphrase-fd 0 -o b a",
        "key import -o b",
        "verify -k - a.ks",
        "key check - a.ks",
        "inspect",
    ] {
        failed(dir, &format!("$K {line} <&-"), 1, "stdin is closed");
        // As nohup leaves it where it was a terminal.
        failed(dir, &format!("$K {line} 0> /dev/null"), 1, "stdin is not open for reading");
    }
    assert!(!dir.join("b").exists());
}

// ---- The output is never an input

/// What a line is refused for, and that it changes none of these files.
#[track_caller]
fn leaves(dir: &Path, files: &[&str], line: &str, says: &str) {
    let read = || files.iter().map(|name| fs::read(dir.join(name)).unwrap()).collect::<Vec<_>>();
    let before = read();
    let ran = shell(dir, line);
    let stderr = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(2), "{line}: {stderr}");
    assert!(stderr.contains(says), "{line}: {stderr}");
    assert!(read() == before, "{line} changed a file");
}

#[test]
fn a_redirected_output_is_never_an_input() {
    let dir = folder();
    let dir = dir.path();
    ok(
        dir,
        "cp a.ks x.ks; ln x.ks hard.ks; ln -s x.ks soft.ks; $K encrypt --armor -k s -o x.txt a",
    );
    // The old way grew without end.
    fs::write(dir.join("big"), vec![7; 3_000_000]).unwrap();
    let stdout = "stdout is written to this file";
    for (file, line) in [
        ("x.ks", "$K cat -k k x.ks >> x.ks"),
        ("x.ks", "$K cat -k k ./x.ks >> x.ks"),
        ("x.ks", "$K cat -k k hard.ks >> x.ks"),
        ("x.ks", "$K cat -k k soft.ks >> hard.ks"),
        ("x.ks", "$K cat -k k < x.ks >> x.ks"),
        ("x.ks", "$K cat -k k /dev/stdin < x.ks >> x.ks"),
        ("x.ks", "$K cat -k k /dev/fd/3 3< x.ks >> x.ks"),
        ("x.ks", "$K cat -k k --range 0-1 x.ks >> x.ks"),
        ("x.ks", "$K cat -k k x.ks 1<> x.ks"),
        ("x.ks", "$K decrypt -k k -o - x.ks >> x.ks"),
        ("x.ks", "$K decrypt -k k < x.ks >> x.ks"),
        ("x.ks", "$K decrypt --json -k k -o b x.ks >> x.ks"),
        ("x.ks", "$K verify -k k a.ks x.ks >> x.ks"),
        ("x.ks", "$K verify --json -k k x.ks a.ks >> x.ks"),
        ("x.ks", "$K inspect x.ks >> x.ks"),
        ("x.ks", "$K key check k x.ks >> x.ks"),
        ("x.ks", "$K rewrap --json -k k --add s x.ks >> x.ks"),
        ("x.ks", "$K reencrypt --json -k k --set s --without-me x.ks >> x.ks"),
        ("x.txt", "$K cat -k s x.txt >> x.txt"),
        ("big", "$K encrypt -k s < big >> big"),
        ("big", "$K encrypt -k s -o - big >> big"),
        ("big", "$K encrypt -k s - < big >> big"),
    ] {
        leaves(dir, &[file], line, stdout);
    }
    assert!(!dir.join("b").exists());
    // What the shell has emptied is gone, but it is said why.
    ok(dir, "cp a.ks y.ks");
    refused(dir, "$K decrypt -k k -o - y.ks > y.ks", "stdout is written to this file");
    refused(dir, "$K decrypt -k k -o - y.ks > y.ks", "the shell emptied");
}

#[test]
fn messages_do_not_go_into_an_input() {
    let dir = folder();
    let dir = dir.path();
    ok(dir, "cp a.ks x.ks");
    for (file, line) in [
        ("x.ks", "$K verify -k k missing x.ks 2>> x.ks"),
        ("x.ks", "$K verify -k s x.ks 2>> x.ks"),
        ("x.ks", "$K cat -k s x.ks 2>> x.ks"),
        ("x.ks", "$K cat -k s < x.ks 2>> x.ks"),
        ("x.ks", "$K inspect missing x.ks 2>> x.ks"),
        ("x.ks", "$K rewrap -k k --remove passphrase x.ks 2>> x.ks"),
        ("x.ks", "$K cat -k k x.ks >> x.ks 2>&1"),
        ("x.ks", "$K decrypt -r -k k -o out . 2>> x.ks"),
        ("k", "$K verify -k k missing >> k 2>&1"),
        ("k.pub", "$K verify -k k missing 2>> k.pub"),
        ("k", "$K verify -k k missing 2>> k"),
        ("k", "$K verify -k missing x.ks 2>> k"),
        ("k", "$K nonsense 2>> k"),
        ("k.pub", "$K encrypt -R k.pub missing 2>> k.pub"),
    ] {
        let before = fs::read(dir.join(file)).unwrap();
        let ran = shell(dir, line);
        assert!(!ran.status.success(), "{line}");
        assert!(fs::read(dir.join(file)).unwrap() == before, "{line} changed {file}");
    }
}

#[test]
fn a_result_does_not_go_into_the_folder_that_is_read() {
    let dir = folder();
    let dir = dir.path();
    ok(dir, "mkdir d; cp a.ks d; cp a d");
    let stdout = "d/log.ks: stdout is written to this file";
    refused(dir, "$K verify --json -r -k k d > d/log.ks", stdout);
    refused(dir, "$K decrypt --json -r -k k -o out d > d/log.ks", stdout);
    refused(dir, "$K key check --json k -r d > d/log.ks", stdout);
    ok(dir, "rm d/log.ks");
    // The rest is done.
    ok(dir, "cmp out/a a");
    refused(dir, "$K encrypt -r -k s -o made d > d/log", "d/log: stdout is written to this file");
    assert!(dir.join("made/a.ks").exists() && !dir.join("made/log.ks").exists());
    let ran = shell(dir, "$K encrypt -q -r -k s -o again d 2> d/log");
    assert_eq!(ran.status.code(), Some(2));
    assert!(fs::read_to_string(dir.join("d/log")).unwrap().contains("d/log: stderr is written"));
    // An output in a folder that is read.
    ok(dir, "rm d/log");
    refused(dir, "$K encrypt -r -k s d d/a", "d/a.ks: the output is in the input directory");
    ok(dir, "mkdir -p d.ks; cp a d.ks");
    refused(dir, "$K encrypt -r -k s d d.ks", "d.ks: the output is in the input directory");
    // The folder that is read, met on the way of the outputs.
    ok(dir, "mkdir -p e/e; echo inner > e/e/f.ks; echo outer > e/e/f");
    ok(dir, "mkdir -p w/in/in; echo 1 > w/in/in/f; echo 2 > w/in/f.ks; cp -r w w2");
    refused(
        dir,
        "$K encrypt -r --force -k s -o w w/in",
        "w/in: the output is in the input directory",
    );
    ok(dir, "diff -r w/in w2/in");
}

#[test]
fn the_same_stream_both_ways_is_no_file() {
    let dir = folder();
    let dir = dir.path();
    // Terminals, pipes and the null device are not files.
    ok(dir, "$K cat -k k a.ks 2> /dev/null > /dev/null < /dev/null");
    ok(dir, "$K encrypt -q -k s < /dev/null > /dev/null 2>&1");
    ok(dir, "cat a.ks | $K cat -k k 2>&1 | cat");
    // A log that is no input.
    ok(dir, "$K verify -k k a.ks >> log 2>&1; $K encrypt -k s -o b a >> log 2>&1");
    ok(dir, "cp k.pub half; $K key public k > k.pub; $K encrypt -q -k k.pub -o c a");
    ok(dir, "$K key public k >> list; $K encrypt -R list -o d a; $K encrypt -R k.pub -o - a > e");
    ok(dir, "$K cat -k k a.ks > copy; cmp copy a; $K cat -k k a.ks >> copy; ! cmp -s copy a");
}

// ---- Keys are never replaced

#[test]
fn no_output_is_a_file_of_the_run() {
    let dir = folder();
    let dir = dir.path();
    ok(dir, "echo other > b; $K encrypt -k s b; cp k.pub list; echo word > words; cp a.ks a.ks.ks");
    ok(dir, "ln s hard; ln -s s soft; ln list other-list");
    let all = ["a", "a.ks", "b", "b.ks", "k", "k.pub", "s", "list", "words", "locked"];
    let replace = "the output would replace";
    for line in [
        "$K encrypt --force -k s -o s a",
        "$K encrypt --force -k s -o ./s a",
        "$K encrypt --force -k s -o hard a",
        "$K encrypt --force -k s -o soft a",
        "$K encrypt --force -k hard -o s a",
        "$K encrypt --force -k k.pub -o k.pub a",
        "$K encrypt --force -k k -o k.pub a",
        "$K encrypt --force -R list -o list a",
        "$K encrypt --force -R list -o other-list a",
        "$K encrypt --force -k s -p --passphrase-fd 3 -o words a 3< words",
        "$K encrypt --force -k - -o s a < s",
        "$K decrypt --force -k k -o k a.ks",
        "$K decrypt --force -k k -o k.pub a.ks",
        "$K decrypt --force -k /dev/fd/3 -o k a.ks 3< k",
        // One input is where the output of another would go.
        "$K encrypt --force -k s a a.ks",
        "$K decrypt --force -k k a.ks.ks a.ks",
    ] {
        leaves(dir, &all, line, replace);
        ok(dir, "cp k k.copy; rm -f a.ks.ks.ks; cp a.ks a.ks.ks");
    }
    leaves(dir, &all, "$K encrypt -k s -o a.ks.ks-rewrap a", "rewrap keeps this name");
    leaves(dir, &all, "$K encrypt -k s -o - a > a.ks.ks-rewrap", "side file of a rewrap");
    ok(dir, "echo log > log");
    leaves(
        dir,
        &["log"],
        "$K encrypt --force -k s -o log a >> log",
        "stdout is written to this file, too",
    );
}

#[test]
fn a_secret_key_is_never_replaced() {
    let dir = folder();
    let dir = dir.path();
    ok(dir, "$K key export k > paper; sed 's/$/\\r/' s > crlf; (echo '# mine'; cat s) > comment");
    ok(dir, "echo secret | $K keygen -q --kind symmetric -o bin --passphrase-fd 0");
    ok(
        dir,
        "{ printf '\\377\\376'; sed 's/./&\\n/g' s | tr -d '\\r' | while read -r c; do printf '%s\\000' \"$c\"; done; } > wide",
    );
    ok(dir, "ln k hard; ln -s locked soft; echo text > s.txt; $K encrypt -k k.pub -o other a");
    let age = format!("AGE-SECRET-KEY-1{}\n", "Q".repeat(58));
    fs::write(dir.join("age"), age).unwrap();
    let binary = keystead::dearmor(fs::read(dir.join("bin")).unwrap()).unwrap();
    fs::write(dir.join("bin"), binary).unwrap();
    let secrets =
        ["k", "s", "locked", "bin", "paper", "crlf", "comment", "wide", "age", "hard", "soft"];
    for secret in secrets {
        let says = "the output would replace a secret key";
        leaves(dir, &secrets, &format!("$K encrypt --force -k k.pub -o {secret} a"), says);
        leaves(
            dir,
            &secrets,
            &format!("cat a.ks | $K decrypt --force -k - -o {secret} a.ks < k"),
            "",
        );
        if secret != "k" && secret != "hard" {
            leaves(dir, &secrets, &format!("$K decrypt --force -k k -o {secret} a.ks"), says);
        }
    }
    // By redirections, of any verb.
    for secret in ["k", "s", "locked", "bin", "age"] {
        for line in ["inspect --json a.ks", "completions bash", "man", "--version"] {
            let says = "stdout goes to a file that holds a secret key";
            leaves(dir, &secrets, &format!("$K {line} >> {secret}"), says);
        }
    }
    // In folders.
    ok(dir, "mkdir in out; echo 1 > in/k; echo 2 > in/t; cp s out/k.ks; echo 3 > out/t.ks");
    ok(dir, "touch -d 2001-01-01 out/k.ks out/t.ks");
    let says = "out/k.ks: the output would replace a secret key";
    leaves(dir, &["out/k.ks"], "$K encrypt -r --force -k k.pub -o out in", says);
    leaves(dir, &["out/k.ks"], "$K encrypt -r --update -k k.pub -o out in", says);
    ok(dir, "$K cat -k k out/t.ks");
    ok(dir, "mkdir objects plain; $K encrypt -k s -o objects/m.ks a; cp k plain/m");
    let says = "plain/m: the output would replace a secret key";
    leaves(dir, &["plain/m"], "$K decrypt -r --force -k s -o plain objects", says);
    // Other files are, with --force.
    ok(dir, "$K encrypt --force -k k.pub -o s.txt a; $K encrypt --force -k k.pub -o other a");
    ok(dir, "cp k.pub half; $K encrypt --force -k s -o half a");
}

#[test]
fn a_key_file_under_a_passphrase_is_no_object_to_rewrap() {
    let dir = folder();
    let dir = dir.path();
    ok(dir, "mkdir d; cp locked d/home.key.ks; cp a.ks d; cp locked copy");
    for verb in ["rewrap", "reencrypt"] {
        let line = format!("echo secret | $K {verb} -p --passphrase-fd 0 --set s --without-me");
        leaves(dir, &["locked"], &format!("{line} locked"), "a key file under a passphrase");
        let line = format!("echo secret | $K {verb} -r -k k -p --passphrase-fd 0 --set k.pub d");
        leaves(dir, &["d/home.key.ks"], &line, "a key file under a passphrase");
    }
    // Its own verb changes it.
    ok(dir, "printf 'secret\\nother\\n' | $K key passphrase -q --passphrase-fd 0 locked");
    ok(dir, "echo other | $K key public --passphrase-fd 0 locked; ! cmp -s locked copy");
}

// ---- What is named once is read once

#[test]
fn a_pipe_is_read_once() {
    let dir = folder();
    let dir = dir.path();
    ok(dir, "$K encrypt --armor -k k.pub -o a.txt a; echo secret > word; $K key export k > paper");
    // As process substitution gives it: a descriptor of a pipe.
    let pipe = |file: &str, rest: &str| format!("cat {file} | {{ $K {rest} 3<&0 < /dev/null; }}");
    for (file, rest) in [
        ("k", "key check /dev/fd/3 a.ks a.txt"),
        ("paper", "key check /dev/fd/3 a.ks"),
        ("k", "key public /dev/fd/3"),
        ("k", "key export /dev/fd/3"),
        ("k", "verify -k /dev/fd/3 a.ks a.txt"),
        ("k", "cat -k /dev/fd/3 a.ks"),
        ("k", "decrypt --force -k /dev/fd/3 -o b a.ks"),
        ("k.pub", "encrypt --force -k /dev/fd/3 -o b a"),
        ("k.pub", "encrypt --force -R /dev/fd/3 -o b a"),
        ("k.pub", "rewrap -q -k k --set /dev/fd/3 --without-me a.ks"),
        ("k.pub", "reencrypt -q -k k --set /dev/fd/3 --without-me a.ks"),
        ("a.ks", "inspect /dev/fd/3"),
        ("a.txt", "inspect /dev/fd/3"),
        ("a.ks", "verify -k k /dev/fd/3"),
        ("a.txt", "verify -k k /dev/fd/3"),
        ("a.ks", "key check k /dev/fd/3"),
        ("a.txt", "cat -k k --range 1-2 /dev/fd/3"),
        ("a", "encrypt --force -k s -o b /dev/fd/3"),
        ("word", "encrypt --force -p --passphrase-fd 3 -o b a"),
    ] {
        ok(dir, &pipe(file, rest));
        // And by name: the same FIFO, with one writer.
        ok(dir, "rm -f f; mkfifo f");
        if !rest.contains("passphrase-fd") {
            ok(dir, &format!("cat {file} > f & $K {}", rest.replace("/dev/fd/3", "f")));
        }
    }
    refused(dir, &pipe("k", "key passphrase /dev/fd/3"), "not a regular file");
    refused(dir, &pipe("k", "key passphrase --passphrase-fd 0 /dev/fd/3"), "not a regular file");
    refused(
        dir,
        &pipe("a.ks", "rewrap -q -k k --set s --without-me /dev/fd/3"),
        "not a regular file",
    );
}

#[test]
fn a_pipe_that_is_named_twice_does_not_hang() {
    let dir = folder();
    let dir = dir.path();
    let twice = "a pipe can be read only once";
    for (file, rest) in [
        ("k", "verify -k f -k f a.ks"),
        ("k.pub", "encrypt -R f -R f -o b a"),
        ("k.pub", "encrypt -k f -R f -o b a"),
        ("k.pub", "encrypt -k f -o b f"),
        ("k", "rewrap -q -k k -k f --set f a.ks"),
        ("k", "key check f f"),
    ] {
        ok(dir, "rm -f f; mkfifo f");
        refused(dir, &format!("cat {file} > f & $K {rest}"), twice);
        let rest = rest.replace(" f", " /dev/fd/3");
        refused(dir, &format!("cat {file} | {{ $K {rest} 3<&0 < /dev/null; }}"), twice);
    }
    refused(dir, "cat k | $K verify -k /dev/stdin -", twice);
    refused(dir, "cat k | $K verify -k - /dev/stdin", twice);
    assert!(!dir.join("b").exists());
    refused(dir, "rm -f f; mkfifo f; cat a.ks > f & $K verify -k k f f", twice);
}

#[test]
fn a_file_that_is_named_twice_is_written_once() {
    let dir = folder();
    let dir = dir.path();
    ok(dir, "echo other > b; $K encrypt -k s b ./b .//b; $K cat -k s b.ks");
    ok(dir, "rm b; $K decrypt -k s b.ks ./b.ks; cat b");
    for line in [
        "$K rewrap -q -k k --set s --without-me --vouch a.ks a.ks ./a.ks",
        "$K --threads 1 rewrap -q -k s --set k.pub --without-me a.ks a.ks",
        "$K reencrypt -q -k k --set s --without-me --vouch a.ks ././a.ks",
        "$K --threads 1 reencrypt -q -k s --set k.pub --without-me a.ks a.ks",
    ] {
        ok(dir, line);
    }
    ok(dir, "$K verify -q -k k a.ks a.ks");
}

#[test]
fn stdin_is_read_for_one_purpose() {
    let dir = folder();
    let dir = dir.path();
    ok(dir, "$K verify -q -k - a.ks < k; cat k | $K verify -q -k - a.ks; $K cat -k - a.ks < k");
    ok(dir, "$K encrypt -k - -o b a < k.pub; $K encrypt -R - -o c a < k.pub");
    ok(dir, "$K key public - < k; $K key export - < k; $K key check - a.ks b c < k");
    refused(dir, "$K verify -k - - < k", "stdin cannot hold both a key and the data");
    refused(dir, "$K verify -k - < k", "stdin cannot hold both a key and the data");
    refused(dir, "$K cat -k - < k", "stdin cannot hold both a key and the data");
    refused(dir, "$K decrypt -k - < k", "stdin cannot hold both a key and the data");
    refused(dir, "$K encrypt -k - < k", "stdin cannot hold both a key and the data");
    refused(dir, "$K encrypt -R - < k", "stdin cannot hold both a key and the data");
    refused(dir, "$K key check - - < k", "stdin cannot hold both a key and the data");
    refused(dir, "$K verify -k - -k - a.ks < k", "stdin can be read only once");
    let both = "stdin cannot hold both the passphrase and a key";
    refused(dir, "$K verify -k - -p --passphrase-fd 0 a.ks < k", both);
    refused(dir, "$K key public --passphrase-fd 0 - < k", both);
    refused(dir, "$K key passphrase - < k", "not a regular file");
}
