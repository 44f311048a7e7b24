//! What golden cases cannot say: permissions, bytes of key files, states of an interrupted rewrap,
//! names of any bytes.
#![cfg(unix)]
#![allow(unreachable_pub, reason = "the harness is shared")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod harness;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use harness::run;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn ok(dir: &Path, args: &str) {
    let ran = run(dir, args);
    assert_eq!(ran.code, Some(0), "{args}: {}", ran.stderr);
}

/// Header length of an object.
fn header_len(object: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([object[7], object[8]])) * 8
}

#[test]
fn key_files_are_private_and_of_ages_form() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    ok(dir, "keygen -q -o k --label laptop --jurisdiction de");
    assert_eq!(mode(&dir.join("k")), 0o600);
    assert_eq!(mode(&dir.join("k.pub")), 0o644);
    let text = fs::read_to_string(dir.join("k")).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..2], ["# label: laptop", "# jurisdiction: DE"]);
    assert!(lines[2].starts_with("# public key: age1pq1"), "{}", lines[2]);
    assert!(lines[3].starts_with("AGE-SECRET-KEY-PQ-1"));
    assert_eq!(lines.len(), 4);
    let public = fs::read_to_string(dir.join("k.pub")).unwrap();
    assert_eq!(public.lines().last(), lines[2].strip_prefix("# public key: "));

    ok(dir, "keygen -q --kind symmetric -o s");
    assert_eq!(mode(&dir.join("s")), 0o600);
    assert!(fs::read_to_string(dir.join("s")).unwrap().starts_with("KEYSTEAD-SYMMETRIC-KEY-1"));
}

#[test]
fn a_key_that_exists_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for taken in ["k", "k.pub"] {
        fs::write(dir.join(taken), "mine").unwrap();
        assert_eq!(run(dir, "keygen -q -o k").code, Some(2));
        assert_eq!(fs::read_to_string(dir.join(taken)).unwrap(), "mine");
        fs::remove_file(dir.join(taken)).unwrap();
        assert_eq!(fs::read_dir(dir).unwrap().count(), 0);
    }
}

#[test]
fn an_output_is_never_wider_than_its_input() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    ok(dir, "keygen -q -o k");
    for (before, after) in [(0o600, 0o600), (0o640, 0o640), (0o755, 0o644), (0o400, 0o600)] {
        fs::write(dir.join("a"), "text").unwrap();
        fs::set_permissions(dir.join("a"), fs::Permissions::from_mode(before)).unwrap();
        ok(dir, "encrypt --force -k k.pub a");
        assert_eq!(mode(&dir.join("a.ks")), after, "{before:o}");
        fs::remove_file(dir.join("a")).unwrap();
        ok(dir, "decrypt -k k a.ks");
        // Whoever stored the object has no say in who reads the plaintext.
        assert_eq!(mode(&dir.join("a")), 0o600, "{before:o}");
        fs::remove_file(dir.join("a")).unwrap();
    }
}

#[test]
fn header_room_begins_at_one_mib() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    ok(dir, "keygen -q -o k --kind symmetric");
    for (len, header) in [(1_000, 168), (1_048_575, 168), (1_048_576, 4_096)] {
        fs::write(dir.join("a"), vec![7; len]).unwrap();
        ok(dir, "encrypt --force -k k a");
        assert_eq!(header_len(&fs::read(dir.join("a.ks")).unwrap()), header, "{len}");
        // A pipe makes the same object of the same bytes, as far as it was read before the header.
        let args: Vec<_> = ["encrypt", "-k", "k"].map(str::to_owned).into();
        let piped = harness::keystead(dir, &args, &vec![7; len]).stdout;
        assert_eq!(header_len(&piped), header, "{len} piped");
    }
}

/// An object for `old`, the header of a rewrap to `new`, and the folder.
fn half_rewrapped() -> (tempfile::TempDir, Vec<u8>, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    for key in ["old", "new", "third"] {
        ok(dir.path(), &format!("keygen -q -o {key}"));
    }
    fs::write(dir.path().join("a"), vec![7; 40_000]).unwrap();
    ok(dir.path(), "encrypt -k old a");
    let before = fs::read(dir.path().join("a.ks")).unwrap();
    ok(dir.path(), "rewrap -q -k old --set new --without-me a.ks");
    let after = fs::read(dir.path().join("a.ks")).unwrap();
    let len = header_len(&before);
    assert_eq!(before.len(), after.len(), "a pair takes the place of a pair");
    assert_eq!(before[len..], after[len..], "the body is not touched");
    (dir, before, after[..len].to_vec())
}

/// SPEC R48, every state that a crash can leave.
#[test]
fn a_rewrap_interrupted_anywhere_loses_nothing() {
    let (dir, before, header) = half_rewrapped();
    let dir = dir.path();
    let (object, side) = (dir.join("a.ks"), dir.join("a.ks.ks-rewrap"));
    let len = header.len();
    // The side file in part: the old header is whole, and its key opens. A read leaves all as it
    // is.
    for part in [0, 1, 9, len / 2, len - 1, len] {
        fs::write(&object, &before).unwrap();
        fs::write(&side, &header[..part]).unwrap();
        ok(dir, "verify -q -k old a.ks");
        assert_eq!(fs::read(&side).unwrap(), header[..part], "reading writes nothing");
        ok(dir, "rewrap -q -k old --set new --without-me a.ks");
        assert!(!side.exists(), "{part}");
        ok(dir, "verify -q -k new a.ks");
        assert_eq!(run(dir, "verify -q -k old a.ks").code, Some(4));
    }
    // The new header in part over the old one: the side header is what opens.
    for part in [1, 40, 100, 300, len / 2, len - 40, len - 1, len] {
        let mut torn = before.clone();
        torn[..part].copy_from_slice(&header[..part]);
        fs::write(&object, &torn).unwrap();
        fs::write(&side, &header).unwrap();
        ok(dir, "verify -q -k new a.ks");
        assert_eq!(run(dir, "cat -k new --range 39999- a.ks").stdout, [7]);
        assert_eq!(fs::read(&object).unwrap(), torn, "reading writes nothing");
        // A third key cannot finish it and changes nothing.
        assert_ne!(run(dir, "rewrap -q -k third --set old.pub --without-me a.ks").code, Some(0));
        assert_eq!(fs::read(&object).unwrap(), torn);
        assert_eq!(fs::read(&side).unwrap(), header);
        // The same rewrap again, with the secret of the new key, finishes.
        ok(dir, "rewrap -q -k old --set new --without-me a.ks");
        assert!(!side.exists(), "{part}");
        ok(dir, "decrypt --force -k new -o b a.ks");
        assert_eq!(fs::read(dir.join("b")).unwrap(), vec![7; 40_000], "{part}");
    }
    // With the new key, a rewrap finishes the old one first.
    let mut torn = before.clone();
    torn[..300].copy_from_slice(&header[..300]);
    fs::write(&object, &torn).unwrap();
    fs::write(&side, &header).unwrap();
    // The time that the object did not get any more.
    let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::new(1_000_000, 7);
    fs::File::options().append(true).open(&side).unwrap().set_modified(then).unwrap();
    ok(dir, "rewrap -q -k new --set third --without-me a.ks");
    let second = std::time::Duration::from_secs(1);
    assert_eq!(object.metadata().unwrap().modified().unwrap(), then + second);
    assert!(!side.exists());
    ok(dir, "verify -q -k third a.ks");
}

/// The side header opens with a key that the object's own header does not name, or names in vain.
#[test]
fn the_passphrase_of_a_key_that_a_side_header_needs_is_asked_for() {
    let (dir, before, header) = half_rewrapped();
    let dir = dir.path();
    ok(dir, "key passphrase -q --passphrase-command \"echo x\" new");
    let keys = "-k third -k new --passphrase-command \"echo asked >&2; echo x\"";
    for part in [1, 100, 300, header.len() / 2, header.len() - 1] {
        let torn = [&header[..part], &before[part..]].concat();
        fs::write(dir.join("a.ks"), torn).unwrap();
        fs::write(dir.join("a.ks.ks-rewrap"), &header).unwrap();
        for verb in ["verify -q", "cat --range 0-0", "decrypt --force -o b"] {
            let ran = run(dir, &format!("{verb} {keys} a.ks"));
            assert_eq!((ran.code, &*ran.stderr), (Some(0), "asked\n"), "{verb} {part}");
        }
        assert_eq!(fs::read(dir.join("b")).unwrap(), vec![7; 40_000], "{part}");
    }
}

/// SPEC R48: a side file is the provider's until a key has proved it.
#[test]
fn a_side_file_that_proves_nothing_changes_nothing() {
    let (dir, before, header) = half_rewrapped();
    let dir = dir.path();
    let (object, side) = (dir.join("a.ks"), dir.join("a.ks.ks-rewrap"));
    let torn = [&header[..300], &before[300..]].concat();
    let mut forged = header.clone();
    forged[400] ^= 1;
    let longer = [&header[..], &[0; 8]].concat();
    for wrong in
        [forged, longer, header[..header.len() - 1].to_vec(), vec![0; header.len()], vec![]]
    {
        fs::write(&object, &torn).unwrap();
        fs::write(&side, &wrong).unwrap();
        for key in ["old", "new"] {
            let code = run(dir, &format!("verify -q -k {key} a.ks")).code;
            assert!(matches!(code, Some(3..=5)), "{key} {code:?}");
            let code =
                run(dir, &format!("rewrap -q -k {key} --set third.pub --without-me a.ks")).code;
            assert!(matches!(code, Some(3..=5)), "{key} {code:?}");
        }
        assert_eq!(fs::read(&object).unwrap(), torn);
        assert_eq!(fs::read(&side).unwrap(), wrong);
        fs::remove_file(&side).unwrap();
    }
    // A link is not followed, a FIFO not waited for.
    fs::write(dir.join("elsewhere"), &header).unwrap();
    std::os::unix::fs::symlink("elsewhere", &side).unwrap();
    assert!(matches!(run(dir, "verify -q -k new a.ks").code, Some(3..=5)));
    fs::remove_file(&side).unwrap();
    assert!(Command::new("mkfifo").arg(&side).status().unwrap().success());
    assert!(matches!(run(dir, "verify -q -k new a.ks").code, Some(3..=5)));
    assert!(run(dir, "inspect a.ks").code.is_some());
}

/// What `reencrypt` says of the ways in that end is said of the header that opened, not of a torn one.
#[test]
fn reencrypt_of_a_torn_object_tells_of_the_header_that_opened() {
    let (dir, before, header) = half_rewrapped();
    let dir = dir.path();
    let torn = [&header[..300], &before[300..]].concat();
    fs::write(dir.join("a.ks"), &torn).unwrap();
    fs::write(dir.join("a.ks.ks-rewrap"), &header).unwrap();
    let old = run(dir, "key public --json old");
    let old: serde_json::Value = serde_json::from_slice(&old.stdout).unwrap();
    let ran = run(dir, "reencrypt --json -k new --set third.pub --without-me a.ks");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let dropped = told["dropped"].as_array().unwrap();
    assert!(!dropped.contains(&old["key_ids"][0]), "a key of the torn header: {told}");
    ok(dir, "verify -q -k third a.ks");
}

#[test]
fn a_rewrap_under_way_is_not_joined() {
    let (dir, before, _) = half_rewrapped();
    let object = dir.path().join("a.ks");
    fs::write(&object, &before).unwrap();
    let held = fs::File::open(&object).unwrap();
    held.lock().unwrap();
    let ran = run(dir.path(), "rewrap -q -k old --set new --without-me a.ks");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(fs::read(&object).unwrap(), before);
}

#[test]
fn rewrap_writes_the_header_only() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    ok(dir, "keygen -q -o old --kind symmetric");
    ok(dir, "keygen -q -o new");
    fs::write(dir.join("a"), vec![1; 2_000_000]).unwrap();
    ok(dir, "encrypt -k old a");
    let before = fs::read(dir.join("a.ks")).unwrap();
    let ran = run(dir, "rewrap --json -q -k old --add new.pub a.ks");
    let value: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(value["in_place"], true, "4,096 bytes have room for a pair");
    assert_eq!(value["bytes_written"], 4_096);
    let after = fs::read(dir.join("a.ks")).unwrap();
    assert_eq!(before[4_096..], after[4_096..]);
    assert_eq!(value["generation"], 1);
    let floor: keystead::Floor = value["floor"].as_str().unwrap().parse().unwrap();
    assert_eq!(floor.generation, 1);
}

#[test]
fn rewrap_drops_a_key_by_its_id() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let ran = run(dir, "keygen --json -q -o a");
    let a: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    ok(dir, "keygen -q -o b");
    fs::write(dir.join("f"), "text").unwrap();
    ok(dir, "encrypt -k a.pub -k b.pub f");
    let ran = run(dir, &format!("rewrap -k b --remove {} f.ks", a["key_id"].as_str().unwrap()));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing takes back what was read"), "{}", ran.stderr);
    assert_eq!(run(dir, "verify -k a f.ks").code, Some(4));
    ok(dir, "verify -q -k b f.ks");
}

#[test]
fn names_of_any_bytes_work_and_are_shown_escaped() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    ok(dir, "keygen -q -o k");
    for (name, shown) in [
        (&b"a\nb"[..], "a\\nb"),
        (b"\x1b[31mred", "\\x1b[31mred"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u{202e}gpj.exe".as_bytes(), "\\u{202e}gpj.exe"),
    ] {
        let name = OsStr::from_bytes(name);
        let command = |verb: &str, name: &OsStr| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_keystead"));
            command.current_dir(dir).args([verb, "-k", "k", "--"]).arg(name).output().unwrap()
        };
        fs::write(dir.join(name), "text").unwrap();
        let mut object = name.to_owned();
        object.push(".ks");
        assert!(command("encrypt", name).status.success());
        let twice = command("encrypt", name);
        let stderr = String::from_utf8(twice.stderr).unwrap();
        assert!(stderr.contains(&format!("error: {shown}.ks: the output exists")), "{stderr}");
        fs::remove_file(dir.join(name)).unwrap();
        assert!(command("decrypt", &object).status.success());
        assert_eq!(fs::read(dir.join(name)).unwrap(), b"text");
        let verified = command("verify", &object);
        assert!(String::from_utf8(verified.stdout).unwrap().starts_with(shown));
    }
    fs::write(dir.join("-k"), "text").unwrap();
    ok(dir, "encrypt -k k -- -k");
    assert!(dir.join("-k.ks").exists());
    let long = "n".repeat(255);
    fs::write(dir.join(&long), "text").unwrap();
    let ran = run(dir, &format!("encrypt -k k {long}"));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: choose a shorter name"), "{}", ran.stderr);
    ok(dir, &format!("encrypt -k k -o {} {long}", "m".repeat(255)));
    // Its side file has no room for a name: the object is copied.
    ok(dir, "keygen -q -o new");
    ok(dir, &format!("rewrap -q -k k --set new --without-me {}", "m".repeat(255)));
    ok(dir, &format!("verify -q -k new {}", "m".repeat(255)));
    assert!(
        fs::read_dir(dir)
            .unwrap()
            .all(|e| { !e.unwrap().file_name().to_string_lossy().starts_with(".keystead-") })
    );
}

#[test]
fn nothing_is_left_where_the_output_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    ok(dir, "keygen -q -o k");
    fs::write(dir.join("a"), vec![5; 100_000]).unwrap();
    let ran = run(dir, "encrypt -k k -o missing/a.ks a");
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.starts_with("keystead: error: missing: no such directory\n"),
        "{}",
        ran.stderr
    );
    // A full device.
    let ran = run(dir, "encrypt -k k -o /dev/full a");
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("/dev/full: No space left"), "{}", ran.stderr);
    // Devices are written to, not replaced.
    ok(dir, "encrypt -k k -o /dev/null a");
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    ok(dir, "keygen -q -o k");
    fs::write(dir.join("a"), vec![5; 1_000_000]).unwrap();
    ok(dir, "encrypt -k k a");
    for args in [&["cat", "-k", "k", "a.ks"][..], &["encrypt", "-k", "k", "-o", "-", "a"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_keystead"))
            .args(args)
            .current_dir(dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let end = child.wait_with_output().unwrap();
        assert_eq!(end.status.code(), Some(1));
        assert_eq!(String::from_utf8(end.stderr).unwrap(), "");
    }
}

#[test]
fn demo_leaves_nothing_unless_asked() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("tmp")).unwrap();
    fs::create_dir(dir.join("in")).unwrap();
    fs::write(dir.join("in/file"), "the customer's own words, long enough to look for").unwrap();
    let demo = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keystead"));
        command
            .current_dir(dir)
            .env("TMPDIR", dir.join("tmp"))
            .arg("demo")
            .args(args)
            .output()
            .unwrap()
    };
    let ran = demo(&["in"]);
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success(), "{text}");
    assert!(text.ends_with("demo: all 12 steps held\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(!text.contains('\x1b'), "no colour in a pipe");
    assert_eq!(fs::read_dir(dir.join("tmp")).unwrap().count(), 0);
    assert!(demo(&["in", "--keep", "kept"]).status.success());
    assert!(dir.join("kept/provider/file.ks").exists());
    ok(dir, "cat -k kept/customer/keys/new.key kept/provider/file.ks");
    assert_eq!(demo(&["in", "--keep", "kept"]).status.code(), Some(1));
}

#[cfg(target_os = "linux")]
#[test]
fn an_input_that_claims_to_be_empty_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    ok(dir, "keygen -q -o k --kind symmetric");
    ok(dir, "encrypt -k k -o x /proc/version");
    assert_eq!(run(dir, "cat -k k x").stdout, fs::read("/proc/version").unwrap());
}

/// A rewrap that was interrupted is finished only as what is asked for now.
#[test]
fn a_side_file_does_not_answer_for_another_request() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for name in ["old", "bob", "new"] {
        ok(dir, &format!("keygen -q --kind symmetric -o {name}"));
    }
    fs::write(dir.join("a"), "text").unwrap();
    ok(dir, "encrypt -q -k new -k bob a");
    let bob = run(dir, "inspect --json a.ks");
    assert_eq!(bob.code, Some(0));
    // Nothing was interrupted: somebody left a file there.
    fs::write(dir.join("a.ks.ks-rewrap"), "").unwrap();
    assert_eq!(run(dir, "rewrap -q -k old --add new --remove bob a.ks").code, Some(4));
    ok(dir, "verify -q -k bob a.ks");
}
