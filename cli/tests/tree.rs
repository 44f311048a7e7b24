//! Folders: what is mirrored, what is skipped, what a second run does.
#![cfg(unix)]
#![allow(unreachable_pub, reason = "the harness is shared")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod harness;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::run;

fn ok(dir: &Path, args: &str) -> harness::Ran {
    let ran = run(dir, args);
    assert_eq!(ran.code, Some(0), "{args}: {}", ran.stderr);
    ran
}

/// Folders and files below a folder, with their content and permissions.
fn tree(root: &Path) -> BTreeMap<PathBuf, (u32, Option<Vec<u8>>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let mode = metadata.permissions().mode() & 0o777;
            let below = path.strip_prefix(root).unwrap().to_owned();
            if metadata.is_dir() {
                found.insert(below, (mode, None));
                folders.push(path);
            } else if metadata.is_file() {
                found.insert(below, (mode, Some(fs::read(path).unwrap())));
            }
        }
    }
    found
}

/// The same with files and folders for their owner only, as decryption makes them.
fn private(
    mut tree: BTreeMap<PathBuf, (u32, Option<Vec<u8>>)>,
) -> BTreeMap<PathBuf, (u32, Option<Vec<u8>>)> {
    let owners = |bytes: &Option<Vec<u8>>| if bytes.is_some() { 0o600 } else { 0o700 };
    tree.values_mut().for_each(|(mode, bytes)| *mode = owners(bytes));
    tree
}

/// Encrypts the folder, and decrypts it elsewhere.
fn there_and_back(dir: &Path) {
    ok(dir, "encrypt -r -q -k k -o out photos");
    ok(dir, "decrypt -r -q -k k -o back out");
}

/// Keys, and a folder with names of any bytes, empty files and empty folders.
fn photos() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    ok(root, "keygen -q -o k --kind symmetric");
    ok(root, "keygen -q -o k2 --kind symmetric");
    for folder in ["photos", "photos/2026", "photos/2026/empty", "photos/x.ks"] {
        fs::create_dir(root.join(folder)).unwrap();
    }
    fs::set_permissions(root.join("photos/2026"), fs::Permissions::from_mode(0o750)).unwrap();
    for (name, len) in [
        (&b"a.jpg"[..], 100_000),
        (b"2026/none", 0),
        (b"2026/b\nc\x1b[2J", 10),
        (b"2026/\xff\xfe", 70_000),
        (b"-r", 5),
        (b"already.ks", 5),
        (b"x.ks/y", 1),
    ] {
        let path = root.join("photos").join(OsStr::from_bytes(name));
        fs::write(&path, vec![7; len]).unwrap();
        // An hour ago, to the nanosecond.
        let then = std::time::SystemTime::now() - std::time::Duration::new(3_600, 1);
        let file = fs::File::options().append(true).open(path).unwrap();
        file.set_modified(then).unwrap();
    }
    dir
}

#[test]
fn a_folder_goes_and_comes_back_as_it_was() {
    let dir = photos();
    let dir = dir.path();
    let before = tree(&dir.join("photos"));
    let ran = ok(dir, "encrypt -r -k k photos");
    assert_eq!(ran.stderr, "");
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), "encrypt: 7 files, 170.0 kB\n");
    let objects = tree(&dir.join("photos.ks"));
    assert_eq!(objects.len(), before.len());
    assert!(objects.contains_key(Path::new("2026/empty")));
    assert!(objects.contains_key(Path::new("already.ks.ks")));
    assert_eq!(objects[Path::new("2026")].0, 0o750);
    assert_eq!(tree(&dir.join("photos")), before);
    let ran = ok(dir, "verify -r -k k photos.ks");
    assert_eq!(String::from_utf8(ran.stdout).unwrap().lines().count(), 8);
    fs::rename(dir.join("photos"), dir.join("was")).unwrap();
    let before = private(before);
    ok(dir, "decrypt -r -k k photos.ks/");
    assert_eq!(tree(&dir.join("photos")), before);
    ok(dir, "decrypt -r -k k -o elsewhere photos.ks --threads 1");
    assert_eq!(tree(&dir.join("elsewhere")), before);
}

#[test]
fn what_is_no_file_is_skipped_and_named() {
    let dir = photos();
    let dir = dir.path();
    let photos = dir.join("photos");
    std::os::unix::fs::symlink("..", photos.join("loop")).unwrap();
    std::os::unix::fs::symlink("../k", photos.join("link")).unwrap();
    assert!(Command::new("mkfifo").arg(photos.join("pipe")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(photos.join("sock")).unwrap();
    let ran = ok(dir, "encrypt -r -k k photos");
    assert_eq!(
        ran.stderr,
        "keystead: skipped: photos/link: a symbolic link\n\
         keystead: skipped: photos/loop: a symbolic link\n\
         keystead: skipped: photos/pipe: a FIFO\n\
         keystead: skipped: photos/sock: a socket\n"
    );
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), "encrypt: 7 files, 170.0 kB; 4 skipped\n");
    // What is no object is named, too, and a link to the folder itself is what the user said.
    fs::write(dir.join("photos.ks/README"), "text").unwrap();
    std::os::unix::fs::symlink("photos.ks", dir.join("l.ks")).unwrap();
    let ran = ok(dir, "verify -r -k k l.ks");
    assert_eq!(ran.stderr, "keystead: skipped: l.ks/README: its name does not end in .ks\n");
}

#[test]
fn a_failure_is_told_after_the_rest_is_done() {
    let dir = photos();
    let dir = dir.path();
    ok(dir, "encrypt -r -q -k k photos");
    let object = dir.join("photos.ks/2026/none.ks");
    let mut bytes = fs::read(&object).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&object, bytes).unwrap();
    fs::write(dir.join("photos.ks/none.ks"), "nothing").unwrap();
    let ran = run(dir, "decrypt -r -k k -o back photos.ks");
    assert_eq!(ran.code, Some(5), "{}", ran.stderr);
    assert!(ran.stderr.contains("photos.ks/2026/none.ks: authentication failed"));
    assert!(ran.stderr.contains("photos.ks/none.ks: not a keystead object"));
    assert!(String::from_utf8(ran.stdout).unwrap().ends_with("6 files, 170.0 kB; 2 failed\n"));
    assert_eq!(tree(&dir.join("back")).len(), tree(&dir.join("photos")).len() - 1);
}

#[test]
fn a_second_run_completes_the_first() {
    let dir = photos();
    let dir = dir.path();
    ok(dir, "encrypt -r -k k -o out photos");
    let made = tree(&dir.join("out"));
    let first = made.keys().find(|path| path.ends_with("a.jpg.ks")).unwrap();
    fs::remove_file(dir.join("out").join(first)).unwrap();
    // What a killed run left in a folder that it filled has a name of its own.
    let left = dir.join("out/.keystead-nejheai3d240.tmp");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("0"), "left").unwrap();
    let ran = ok(dir, "encrypt -r -k k -o out photos");
    let line = "encrypt: 1 file, 100.0 kB; 6 done already\n";
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), line);
    let again = tree(&dir.join("out"));
    assert_eq!(again.len(), made.len());
    for (path, what) in &made {
        assert!(path == first || again[path] == *what, "{}", path.display());
    }
    // For another key, with another context, of another content: it is not what this run would
    // make.
    for args in ["encrypt -r -k k2 -o out photos", "encrypt -r -k k -c a=1 -o out photos"] {
        let ran = run(dir, args);
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.contains("is not what this run would make"), "{}", ran.stderr);
    }
    // A source that was written since.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    let file = fs::File::options().append(true).open(dir.join("photos/a.jpg")).unwrap();
    file.set_modified(later).unwrap();
    let ran = run(dir, "encrypt -r -k k -o out photos");
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("hint: --update replaces such outputs"), "{}", ran.stderr);
    assert_eq!(tree(&dir.join("out")), again);
    let ran = ok(dir, "encrypt -r --update -k k -o out photos");
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), line);
    ok(dir, "encrypt -r --force -q -k k -o out photos");
    // And back.
    ok(dir, "decrypt -r -k k -o back out");
    fs::remove_file(dir.join("back/-r")).unwrap();
    let ran = ok(dir, "decrypt -r -k k -o back out");
    assert!(String::from_utf8(ran.stdout).unwrap().contains("6 done already"));
    assert_eq!(tree(&dir.join("back")), private(tree(&dir.join("photos"))));
    fs::write(dir.join("back/-r"), "another length").unwrap();
    assert_eq!(run(dir, "decrypt -r -k k -o back out").code, Some(2));
    assert_eq!(fs::read(dir.join("back/-r")).unwrap(), b"another length");
}

#[test]
fn an_output_is_done_if_it_has_the_time_of_its_input() {
    let dir = photos();
    let dir = dir.path();
    let time = |path: &str| dir.join(path).metadata().unwrap().modified().unwrap();
    there_and_back(dir);
    assert_eq!(time("out/a.jpg.ks"), time("photos/a.jpg"));
    assert_eq!(time("back/a.jpg"), time("photos/a.jpg"));
    // Somebody wrote to an output, and its length did not change.
    for (path, run_again) in [
        ("out/a.jpg.ks", "encrypt -r -k k -o out photos"),
        ("back/-r", "decrypt -r -k k -o back out"),
    ] {
        let mut bytes = fs::read(dir.join(path)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(dir.join(path), &bytes).unwrap();
        let ran = run(dir, run_again);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        let told = format!("{path}: the output exists and is not what this run would make");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
        assert_eq!(fs::read(dir.join(path)).unwrap(), bytes);
        ok(dir, &run_again.replace("-r ", "-r --force "));
        assert_ne!(fs::read(dir.join(path)).unwrap(), bytes);
    }
}

#[test]
fn a_change_of_objects_is_no_other_content_and_hides_none() {
    let dir = photos();
    let dir = dir.path();
    let time = |path: &str| dir.join(path).metadata().unwrap().modified().unwrap();
    there_and_back(dir);
    // A copy for a longer header, in place, anew.
    for (change, seconds) in [
        ("rewrap -r -q -k k --add k2 out", 1),
        ("rewrap -r -q -k k2 --remove k2 --without-me out", 2),
        ("reencrypt -r -q -k k --set k2 --without-me out", 3),
    ] {
        ok(dir, change);
        let later = time("out/a.jpg.ks").duration_since(time("photos/a.jpg")).unwrap();
        assert_eq!(later, std::time::Duration::from_secs(seconds), "{change}");
        let key = if seconds == 3 { "k2" } else { "k" };
        for (verb, folders) in [("encrypt", "out photos"), ("decrypt", "back out")] {
            let ran = ok(dir, &format!("{verb} -r -k {key} -o {folders}"));
            let told = format!("{verb}: 0 files; 7 done already\n");
            assert_eq!(String::from_utf8(ran.stdout).unwrap(), told, "{change}");
        }
    }
    // A plaintext of the same length, written before the objects were changed.
    fs::write(dir.join("photos/a.jpg"), vec![8; 100_000]).unwrap();
    ok(dir, "rewrap -r -q -k k2 --set k --without-me out");
    let ran = run(dir, "encrypt -r -k k -o out photos");
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("hint: --update replaces such outputs"), "{}", ran.stderr);
    let ran = ok(dir, "encrypt -r --update -k k -o out photos");
    let told = "encrypt: 1 file, 100.0 kB; 6 done already\n";
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), told);
    assert_eq!(ok(dir, "cat -k k out/a.jpg.ks").stdout, vec![8; 100_000]);
}

#[test]
fn a_long_file_does_not_keep_the_others_from_appearing() {
    let dir = photos();
    let dir = dir.path();
    fs::File::create(dir.join("photos/2026/long")).unwrap().set_len(65 << 20).unwrap();
    ok(dir, "encrypt -r -q -k k photos");
    ok(dir, "decrypt -r -q -k k -o back photos.ks");
    assert!(tree(&dir.join("back")) == private(tree(&dir.join("photos"))));
    assert_eq!(privates(dir), 0);
}

#[test]
fn a_link_in_place_of_an_output_is_not_written_through() {
    let dir = photos();
    let dir = dir.path();
    fs::create_dir(dir.join("out")).unwrap();
    std::os::unix::fs::symlink("../k", dir.join("out/a.jpg.ks")).unwrap();
    let key = fs::read(dir.join("k")).unwrap();
    for args in ["encrypt -r -k k -o out photos", "encrypt -r --force -k k -o out photos"] {
        let ran = run(dir, args);
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.contains("out/a.jpg.ks: something is in the way"), "{}", ran.stderr);
    }
    assert_eq!(fs::read(dir.join("k")).unwrap(), key);
    assert_eq!(tree(&dir.join("out")).len(), tree(&dir.join("photos")).len() - 1);
}

/// Private entries beside the output folder and in it.
fn privates(dir: &Path) -> usize {
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>()
    };
    let all = [names(dir), names(&dir.join("out"))].concat();
    all.iter().filter(|name| name.to_string_lossy().starts_with(".keystead-")).count()
}

#[test]
fn a_stopped_run_leaves_one_private_folder_at_most() {
    let dir = photos();
    let dir = dir.path();
    for number in 0..3_000 {
        fs::write(dir.join(format!("photos/2026/{number}")), "text").unwrap();
    }
    // A folder that is new, and one that is filled up; SIGKILL and SIGTERM.
    for (exists, signal, left) in [(false, "KILL", 1), (true, "KILL", 1), (false, "TERM", 0)] {
        let mut stopped = false;
        while !stopped {
            let _ = fs::remove_dir_all(dir.join("out"));
            if exists {
                fs::create_dir(dir.join("out")).unwrap();
            }
            let mut child = Command::new(env!("CARGO_BIN_EXE_keystead"))
                .args(["encrypt", "-q", "-r", "--threads", "2", "-k", "k", "-o", "out", "photos"])
                .current_dir(dir)
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            while privates(dir) == 0 && child.try_wait().unwrap().is_none() {}
            let pid = child.id().to_string();
            Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap();
            stopped = child.wait().unwrap().code() != Some(0);
        }
        assert_eq!(privates(dir), left, "{signal}");
        assert_eq!(dir.join("out").exists(), exists);
        ok(dir, "encrypt -r -q -k k -o out photos");
        assert_eq!(privates(dir), 0);
        ok(dir, "verify -r -q -k k out");
        assert_eq!(tree(&dir.join("out")).len(), tree(&dir.join("photos")).len());
    }
}

#[test]
fn changes_of_a_folder_can_be_run_again() {
    let dir = photos();
    let dir = dir.path();
    ok(dir, "encrypt -r -q -k k photos");
    for verb in ["rewrap", "reencrypt"] {
        ok(dir, &format!("{verb} -q -k k --set k2 --without-me photos.ks/a.jpg.ks"));
        let ran = ok(dir, &format!("{verb} -r -k k --set k2 --without-me photos.ks"));
        let line = format!("{verb}: 6 files; 1 done already\n");
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), line);
        ok(dir, "verify -r -q -k k2 photos.ks");
        ok(dir, &format!("{verb} -r -q -k k2 --set k --without-me photos.ks"));
    }
    ok(dir, "rewrap -r -q -k k --add k2 photos.ks");
    let ran = ok(dir, "rewrap -r -k k --add k2 photos.ks");
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), "rewrap: 0 files; 7 done already\n");
}

#[test]
fn folders_that_cannot_be_outputs_are_refused() {
    let dir = photos();
    let dir = dir.path();
    for (args, why) in [
        ("encrypt -r -k k -o photos/out photos", "the output directory is in the input directory"),
        ("encrypt -r -k k -o photos photos", "the output directory is in the input directory"),
        ("encrypt -r -k k .", "its output has no name"),
        ("encrypt -r -k k -o - photos", "a directory does not go to stdout"),
        ("decrypt -r -k k photos", "does not end in .ks"),
        ("encrypt -k k photos", "a directory, not a file"),
    ] {
        let ran = run(dir, args);
        assert_eq!(ran.code, Some(2), "{args}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    }
    // A link in the output folder is not followed.
    fs::create_dir(dir.join("out")).unwrap();
    std::os::unix::fs::symlink("../photos/2026/empty", dir.join("out/2026")).unwrap();
    let ran = run(dir, "encrypt -r -k k -o out photos");
    assert!(ran.stderr.contains("out/2026: something is in the way"), "{}", ran.stderr);
    assert_eq!(fs::read_dir(dir.join("photos/2026/empty")).unwrap().count(), 0);
}

/// An output of an earlier run is done only where this run would make it.
#[test]
fn what_a_run_would_refuse_is_not_done() {
    let dir = photos();
    let dir = dir.path();
    ok(dir, "encrypt -r -q -k k -c year=2026 photos");
    ok(dir, "decrypt -r -q -k k -o back photos.ks");
    assert_eq!(run(dir, "decrypt -r -q -k k -c year=2026 -o back photos.ks").code, Some(0));
    assert_eq!(run(dir, "decrypt -r -q -k k -c year=2027 -o back photos.ks").code, Some(6));
    assert_eq!(run(dir, "decrypt -r -q -k k2 -o back photos.ks").code, Some(4));
    let object = dir.join("photos.ks/a.jpg.ks");
    let time = fs::metadata(&object).unwrap().modified().unwrap();
    fs::write(&object, [9; 500]).unwrap();
    let file = fs::File::options().append(true).open(&object).unwrap();
    file.set_modified(time).unwrap();
    assert_eq!(run(dir, "decrypt -r -q -k k -o back photos.ks").code, Some(3));
}
