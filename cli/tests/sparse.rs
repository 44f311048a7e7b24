//! Files with holes: what comes back takes no more room, and has the same bytes.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, reason = "the harness is shared")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "it says what it measured or left out"
)]

mod harness;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use harness::run;

const KIB: u64 = 1_024;
const MIB: u64 = 1_024 * KIB;
/// What a file system may take beside the data: ends of blocks, and its own.
const SLACK: u64 = 128 * KIB;

const SHIM: &str = r#"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ftruncate64(int fd, long long len) {
    if (!strcmp(getenv("TRUNCATE"), "silent")) return 0;
    errno = strcmp(getenv("TRUNCATE"), "unable") ? EIO : EPERM;
    return -1;
}
"#;

fn ok(dir: &Path, args: &str) {
    let ran = run(dir, args);
    assert_eq!(ran.code, Some(0), "{args}: {}", ran.stderr);
}

/// A place and a number of bytes.
type Data = (u64, usize);

/// A file of holes, with data at some places.
fn sparse(path: &Path, len: u64, data: &[Data]) {
    let file = File::create(path).unwrap();
    file.set_len(len).unwrap();
    for (place, len) in data {
        file.write_all_at(&vec![7; *len], *place).unwrap();
    }
}

fn used(path: &Path) -> u64 {
    path.metadata().unwrap().blocks() * 512
}

fn same(one: &Path, two: &Path) -> bool {
    Command::new("cmp").arg("-s").args([one, two]).status().unwrap().success()
}

fn key() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    ok(dir.path(), "keygen -q -o k --kind symmetric");
    dir
}

/// Every way of writing a file: by several threads and by one, in a folder, small, from a pipe,
/// over one that is there.
#[test]
fn every_way_of_decrypting_leaves_holes() {
    let dir = key();
    let dir = dir.path();
    fs::create_dir(dir.join("d")).unwrap();
    let files: [(&str, u64, &[Data]); 8] = [
        // Data in front, at the end, in the middle, nowhere.
        ("front", 20 * MIB, &[(0, 100_000)]),
        ("end", 66 * MIB + 5, &[(66 * MIB - 7, 12)]),
        ("middle", 40 * MIB, &[(17 * MIB + 1, 1_000_000)]),
        ("nowhere", 20 * MIB + 1, &[]),
        ("two", 9 * MIB, &[(MIB, 1), (8 * MIB, 1)]),
        ("small", 900 * KIB, &[(0, 10)]),
        ("short", 100, &[(0, 100)]),
        ("empty", 0, &[]),
    ];
    for (name, len, data) in files {
        sparse(&dir.join("d").join(name), len, data);
    }
    ok(dir, "encrypt -q --no-sync -r -k k d");
    for threads in [1, 2, 8] {
        let _ = fs::remove_dir_all(dir.join("back"));
        ok(dir, &format!("decrypt -q --no-sync -r --threads {threads} -k k -o back d.ks"));
        for (name, ..) in files {
            let (before, after) = (dir.join("d").join(name), dir.join("back").join(name));
            assert!(same(&before, &after), "{name}");
            assert!(used(&after) <= used(&before) + SLACK, "{name}: {}", used(&after));
        }
    }
    for (name, ..) in files {
        let before = dir.join("d").join(name);
        for how in ["new", "over"] {
            ok(dir, &format!("decrypt -q --no-sync --force -k k -o out d.ks/{name}.ks"));
            assert!(same(&before, &dir.join("out")), "{name} {how}");
            assert!(used(&dir.join("out")) <= used(&before) + SLACK, "{name} {how}");
        }
        fs::remove_file(dir.join("out")).unwrap();
        let script = format!("cat d.ks/{name}.ks | \"$0\" decrypt -q --no-sync -k k -o out");
        let mut sh = Command::new("sh");
        sh.args(["-c", &script]).arg(harness::command().get_program()).current_dir(dir);
        assert!(sh.status().unwrap().success());
        assert!(same(&before, &dir.join("out")), "{name} from a pipe");
        assert!(used(&dir.join("out")) <= used(&before) + SLACK, "{name} from a pipe");
        fs::remove_file(dir.join("out")).unwrap();
    }
}

#[test]
fn holes_are_left_as_asked_for() {
    let dir = key();
    let dir = dir.path();
    // 4 KiB of data and 12 KiB of zeros in turns, 1 MiB of zeros, and data.
    let data: Vec<_> = (0..64).map(|i| (i * 16 * KIB, 4_096)).chain([(2 * MIB, 4_096)]).collect();
    sparse(&dir.join("f"), 3 * MIB, &data);
    ok(dir, "encrypt -q -k k f");
    let mut took = Vec::new();
    for when in ["never", "auto", "always"] {
        ok(dir, &format!("decrypt -q --force --sparse {when} -k k -o out f.ks"));
        assert!(same(&dir.join("f"), &dir.join("out")), "{when}");
        took.push(used(&dir.join("out")));
    }
    assert!(took[0] >= 3 * MIB, "{took:?}");
    assert!((MIB..=MIB + 64 * KIB + SLACK).contains(&took[1]), "{took:?}");
    assert!(took[2] <= 65 * 4_096 + SLACK, "{took:?}");
}

/// File systems that make no file longer but by writing to it, and one that only says that it does.
#[test]
fn a_file_that_ends_in_a_hole_has_its_length_everywhere() {
    let dir = key();
    let dir = dir.path();
    let (source, library) = (dir.join("shim.c"), dir.join("shim.so"));
    fs::write(&source, SHIM).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
    assert!(cc.status().unwrap().success());
    for (name, len) in [("small", 512 * KIB), ("large", 3 * MIB)] {
        sparse(&dir.join(name), len, &[(5, 1)]);
        ok(dir, &format!("encrypt -q -k k {name}"));
        for (way, code) in [("unable", 0), ("silent", 0), ("broken", 1)] {
            let mut command = harness::command();
            command.args(["decrypt", "-q", "--force", "-k", "k", "-o", "out"]);
            command.arg(format!("{name}.ks")).current_dir(dir);
            let ran = command.env("LD_PRELOAD", &library).env("TRUNCATE", way).output().unwrap();
            let stderr = String::from_utf8(ran.stderr).unwrap();
            assert_eq!(ran.status.code(), Some(code), "{name} {way}: {stderr}");
            assert!(code == 0 || stderr.contains("out: Input/output error"), "{stderr}");
            assert!(same(&dir.join(name), &dir.join("out")), "{name} {way}");
        }
    }
}

/// A gigabyte of holes and a megabyte of data.
#[test]
fn a_sparse_file_takes_the_room_of_its_data() {
    let dir = key();
    let dir = dir.path();
    let data: Vec<_> = (0..16).map(|i| (i * 64 * MIB + 5 * MIB, 65_536)).collect();
    sparse(&dir.join("f"), 1_024 * MIB, &data);
    ok(dir, "encrypt -q --no-sync -k k f");
    ok(dir, "decrypt -q --no-sync -k k -o out f.ks");
    let (before, after) = (used(&dir.join("f")), used(&dir.join("out")));
    println!("1 GiB with 1 MiB of data: {before} bytes of blocks before, {after} after");
    assert!(same(&dir.join("f"), &dir.join("out")));
    assert!(after <= before + SLACK);
}

/// A file system of its own, in memory or in a file; gone with it.
struct Mount(tempfile::TempDir);

impl Mount {
    /// Nothing where this may not be done.
    fn new(args: &[&str]) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(args).arg(dir.path()).stderr(Stdio::null());
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self(dir));
        }
        eprintln!("skipped: mount {args:?} does not work here");
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// The issue's disk: what was restored filled it, where the original did not.
#[test]
fn a_restored_file_does_not_fill_the_disk() {
    let dir = key();
    let dir = dir.path();
    sparse(&dir.join("f"), 200 * MIB, &[(0, 65_536), (130 * MIB, 65_536), (200 * MIB - 9, 9)]);
    ok(dir, "encrypt -q --no-sync -k k f");
    let image = dir.join("image");
    sparse(&image, 32 * MIB, &[]);
    let made = Command::new("mkfs.ext4").arg("-q").arg(&image).stderr(Stdio::null()).status();
    let image = image.to_str().unwrap();
    let kinds: [&[&str]; 2] = [&["-t", "tmpfs", "-o", "size=16m", "none"], &["-o", "loop", image]];
    for args in kinds {
        let is_image = args.contains(&"loop");
        if is_image && !made.as_ref().is_ok_and(|status| status.success()) {
            eprintln!("skipped: no mkfs.ext4");
            continue;
        }
        let Some(mount) = Mount::new(args) else { continue };
        let out = mount.0.path().join("f");
        ok(dir, &format!("decrypt -q -k k -o {} f.ks", out.display()));
        assert!(same(&dir.join("f"), &out));
        println!("{args:?}: {} bytes of blocks", used(&out));
        // And in a folder, one carried from one file system to another.
        let root = mount.0.path().join("out");
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(dir.join("d.ks")).unwrap();
        fs::copy(dir.join("f.ks"), dir.join("d.ks/f.ks")).unwrap();
        ok(dir, &format!("decrypt -q -r -k k -o {} d.ks", root.display()));
        assert!(same(&dir.join("f"), &root.join("f")));
        // All of it written does not fit, and says so.
        let ran =
            run(dir, &format!("decrypt -q --force --sparse never -k k -o {} f.ks", out.display()));
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains("No space left"), "{}", ran.stderr);
        assert!(same(&dir.join("f"), &out));
    }
}
