//! Files that rewrap, reencrypt and `key passphrase` replace: other names, owners, permissions,
//! extended attributes, and many of them at a time.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]
#![allow(unreachable_pub, reason = "the harness is shared")]
#![cfg(unix)]

mod harness;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use harness::{keystead, run};
use rustix::fs::{XattrFlags, getxattr, setxattr};

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn ok(dir: &Path, line: &str) -> harness::Ran {
    let ran = run(dir, line);
    assert_eq!(ran.code, Some(0), "{line}: {}", ran.stderr);
    ran
}

/// Keys `old` and `new`, and a text.
fn prepared() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for key in ["old", "new", "other"] {
        ok(dir.path(), &format!("keygen -q -o {key}"));
    }
    fs::write(dir.path().join("text"), "meet at noon").unwrap();
    dir
}

fn json(ran: &harness::Ran) -> serde_json::Value {
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn opens(dir: &Path, key: &str, object: &str) -> bool {
    run(dir, &format!("cat -k {key} {object}")).code == Some(0)
}

const CHANGES: [&str; 3] = [
    "rewrap -k old --set new --without-me",
    // The header grows.
    "rewrap -k old --set new --set other.pub --set old.pub",
    "reencrypt -k old --set new --without-me",
];

/// A snapshot that shares the file (`cp -al`, `rsync --link-dest`) stays what it was, whatever
/// changes the object, and the user is told.
#[test]
fn other_names_of_an_object_keep_the_old_one() {
    for (place, flags) in [("a.ks", ""), ("tree/a.ks", "-r ")] {
        for change in CHANGES {
            let dir = prepared();
            let dir = dir.path();
            fs::create_dir(dir.join("tree")).unwrap();
            ok(dir, &format!("encrypt -q -k old.pub -o {place} text"));
            let before = fs::read(dir.join(place)).unwrap();
            fs::hard_link(dir.join(place), dir.join("snapshot.ks")).unwrap();
            let input = if flags.is_empty() { place } else { "tree" };
            let ran = ok(dir, &format!("{change} {flags}{input}"));
            assert!(ran.stderr.contains("other names (hard links)"), "{change}: {}", ran.stderr);
            assert_eq!(fs::read(dir.join("snapshot.ks")).unwrap(), before, "{change}");
            assert!(opens(dir, "new", place) && opens(dir, "old", "snapshot.ks"), "{change}");
        }
    }
}

/// Two names of one file in the folder that is worked on: both are changed, neither waits for the
/// other.
#[test]
fn both_names_in_a_folder_are_changed() {
    for change in CHANGES {
        for threads in [1, 4] {
            let dir = prepared();
            let dir = dir.path();
            fs::create_dir(dir.join("tree")).unwrap();
            ok(dir, "encrypt -q -k old.pub -o tree/a.ks text");
            fs::hard_link(dir.join("tree/a.ks"), dir.join("tree/b.ks")).unwrap();
            ok(dir, &format!("{change} -q -r --threads {threads} tree"));
            assert!(opens(dir, "new", "tree/a.ks") && opens(dir, "new", "tree/b.ks"), "{change}");
        }
    }
}

/// What has one name is changed in place, and its snapshot by reading and writing is not needed.
#[test]
fn an_object_with_one_name_keeps_its_file() {
    let dir = prepared();
    let dir = dir.path();
    ok(dir, "encrypt -q -k old.pub text");
    let before = dir.join("text.ks").metadata().unwrap().ino();
    let value = json(&ok(dir, "rewrap -q --json -k old --set new --without-me text.ks"));
    assert_eq!(value["in_place"], true);
    assert_eq!(dir.join("text.ks").metadata().unwrap().ino(), before);
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap().stdout;
    id.trim_ascii() == b"0"
}

/// As root over another user's files: they stay theirs.
#[test]
fn owner_group_permissions_and_attributes_are_kept() {
    let mut changes: Vec<(String, &str)> = CHANGES
        .iter()
        .flat_map(|change| {
            [(format!("{change} -q a.ks"), "a.ks"), (format!("{change} -q -r ."), "a.ks")]
        })
        .collect();
    changes.push(("key passphrase -q --passphrase-fd 0 other".to_owned(), "other"));
    for (change, name) in changes {
        let dir = prepared();
        let dir = dir.path();
        ok(dir, "encrypt -q -k old.pub -o a.ks text");
        let file = dir.join(name);
        let mode = if name == "other" { 0o400 } else { 0o664 };
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let owner = is_root().then_some((65_534, 65_533));
        if let Some((user, group)) = owner {
            std::os::unix::fs::chown(&file, Some(user), Some(group)).unwrap();
        }
        // Not every file system has them.
        let has_comment = setxattr(&file, COMMENT, b"kept", XattrFlags::empty()).is_ok();
        let ran = keystead(dir, &words(&change), b"passphrase\n");
        assert_eq!(ran.code, Some(0), "{change}: {}", ran.stderr);
        assert_eq!(ran.stderr, "", "{change}");
        let found = file.metadata().unwrap();
        assert_eq!(found.mode() & 0o7777, mode, "{change}");
        if let Some(owner) = owner {
            assert_eq!((found.uid(), found.gid()), owner, "{change}");
        }
        if has_comment {
            let mut value = [0; 4];
            assert_eq!(getxattr(&file, COMMENT, &mut value), Ok(4), "{change}");
            assert_eq!(&value, b"kept", "{change}");
        }
    }
}

const COMMENT: &str = "user.comment";

/// A user who may write in the folder cannot give files away, and is told what was not kept.
#[test]
fn what_cannot_be_kept_is_said() {
    if !is_root() {
        println!("skipped: only root can prepare another user's file");
        return;
    }
    let dir = prepared();
    let dir = dir.path();
    ok(dir, "encrypt -q -k old.pub -o a.ks text");
    fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).unwrap();
    for name in ["a.ks", "old", "new"] {
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o664)).unwrap();
    }
    let program = dir.join("keystead");
    fs::copy(env!("CARGO_BIN_EXE_keystead"), &program).unwrap();
    let ran = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(words("reencrypt --json -k old --set new --without-me a.ks"))
        .current_dir(dir)
        .output()
        .unwrap();
    let stderr = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("could not keep: group, owner"), "{stderr}");
    let value: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(value["not_kept"], serde_json::json!(["owner", "group"]));
    // The group that could read it is another one now.
    let found = dir.join("a.ks").metadata().unwrap();
    assert_eq!((found.uid(), found.mode() & 0o7777), (65_534, 0o604));
}

/// Thousands of small objects share a few syncs, as `encrypt -r` does it.
#[test]
fn small_objects_of_a_folder_are_synced_together() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: strace is not installed");
        return;
    }
    for change in [
        "rewrap -q -r -k old --set new --without-me",
        "reencrypt -q -r -k old --set new --without-me",
    ] {
        let dir = prepared();
        let dir = dir.path();
        fs::create_dir_all(dir.join("tree/inner")).unwrap();
        for number in 0..600 {
            let folder = if number % 2 == 0 { "tree" } else { "tree/inner" };
            fs::write(dir.join(format!("{folder}/{number}")), number.to_string()).unwrap();
        }
        ok(dir, "encrypt -q -r -k old.pub tree");
        let ran = Command::new("strace")
            .args(["-f", "-qq", "-o", "log", "-e", "trace=fsync,fdatasync,syncfs"])
            .arg(env!("CARGO_BIN_EXE_keystead"))
            .args(words(change))
            .arg("tree.ks")
            .current_dir(dir)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let syncs = fs::read_to_string(dir.join("log")).unwrap().lines().count();
        assert!(syncs <= 10, "{change}: {syncs} syncs");
        ok(dir, "decrypt -q -r -k new -o back tree.ks");
        for number in 0..600 {
            let folder = if number % 2 == 0 { "back" } else { "back/inner" };
            let text = fs::read_to_string(dir.join(format!("{folder}/{number}"))).unwrap();
            assert_eq!(text, number.to_string());
        }
        let left = walked(&dir.join("tree.ks"));
        assert!(left.iter().all(|name| name.ends_with(".ks")), "{left:?}");
    }
}

fn walked(dir: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => names.extend(walked(&path)),
            false => names.push(path.to_str().unwrap().to_owned()),
        }
    }
    names
}

/// What another program writes into an object while a folder is worked on is not replaced by what
/// was read before, lock or not.
#[test]
fn an_object_that_is_written_to_meanwhile_stays() {
    let mut kept = 0;
    for change in [
        "rewrap -q -r -k old --set new --without-me",
        "reencrypt -q -r -k old --set new --without-me",
    ] {
        let dir = prepared();
        let dir = dir.path();
        fs::create_dir(dir.join("tree")).unwrap();
        for number in 0..400 {
            fs::write(dir.join(format!("tree/{number:03}")), number.to_string()).unwrap();
        }
        ok(dir, "encrypt -q -r -k old.pub tree");
        ok(dir, "encrypt -q -k new.pub -o other.ks text");
        let written = fs::read(dir.join("other.ks")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_keystead"))
            .args(words(change))
            .arg("tree.ks")
            .stderr(std::process::Stdio::null())
            .current_dir(dir)
            .spawn()
            .unwrap();
        // The first one is written anew in the private folder by then, and waits for its name.
        while fs::read_dir(dir.join("tree.ks")).unwrap().count() == 400 {
            assert!(child.try_wait().unwrap().is_none(), "it ended without a private folder");
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        let first = dir.join("tree.ks/000.ks");
        let in_time = fs::read(&first).unwrap().len() != written.len();
        fs::write(&first, &written).unwrap();
        let code = child.wait().unwrap().code();
        // A run that had replaced it already is written over, which is this program's business.
        assert_eq!(fs::read(&first).unwrap(), written, "{change}");
        kept += u32::from(in_time && code == Some(1));
    }
    println!("{kept} of 2 were written in time and named");
}
