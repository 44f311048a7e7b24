//! A second run over a folder: what it takes as done where times were kept, where a file system
//! does not keep them, and where a copy has lost them.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, reason = "the harness is shared")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]
#![allow(clippy::print_stderr, reason = "a part that cannot run here says so")]

mod harness;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use harness::{Ran, run};

const CONTENT: &str = "its content differs";
/// What the file systems of [`shim`] do when they are told a time.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char given[65536];

int futimens(int fd, const struct timespec times[2]) {
    int (*set)(int, const struct timespec[2]) = dlsym(RTLD_NEXT, "futimens");
    const char *way = getenv("TIMES");
    if (!strcmp(way, "lost")) return 0;
    if (!strcmp(way, "refused")) { errno = ENOSYS; return -1; }
    if (!strcmp(way, "omitted") && times[0].tv_nsec == UTIME_OMIT) return set(fd, NULL);
    if (fd >= 0 && fd < (int)sizeof given) given[fd] = 1;
    return set(fd, times);
}

int close(int fd) {
    int (*end)(int) = dlsym(RTLD_NEXT, "close");
    int (*set)(int, const struct timespec[2]) = dlsym(RTLD_NEXT, "futimens");
    if (fd >= 0 && fd < (int)sizeof given && given[fd]) {
        given[fd] = 0;
        if (!strcmp(getenv("TIMES"), "closed")) set(fd, NULL);
    }
    return end(fd);
}
"#;

fn ok(dir: &Path, args: &str) -> Ran {
    let ran = run(dir, args);
    assert_eq!(ran.code, Some(0), "{args}: {}", ran.stderr);
    ran
}

fn line(ran: &Ran) -> String {
    String::from_utf8(ran.stdout.clone()).unwrap()
}

fn set_time(path: &Path, time: SystemTime) {
    File::open(path).unwrap().set_modified(time).unwrap();
}

fn time(path: &Path) -> SystemTime {
    path.metadata().unwrap().modified().unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries.collect();
    found.sort();
    found
}

/// As a copy leaves a folder that does not keep times.
fn lose_times(folder: &Path) {
    files(folder).iter().for_each(|file| set_time(file, SystemTime::now()));
}

/// Keys, and a folder of small files and one for several threads, written an hour ago.
fn scene() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    ok(root, "keygen -q -o k --kind symmetric");
    ok(root, "keygen -q -o pair");
    fs::create_dir(root.join("d")).unwrap();
    for (number, len) in [0, 1, 16_384, 40_000, 1_048_576, 9_000_000, 5].iter().enumerate() {
        let path = root.join(format!("d/{number}"));
        fs::write(&path, vec![b'a'; *len]).unwrap();
        set_time(&path, SystemTime::now() - Duration::new(3_600, 1));
    }
    dir
}

/// Runs keystead on a file system that treats times in its own way.
fn shim(dir: &Path, way: &str, args: &str) -> Ran {
    let (source, library) = (dir.join("shim.c"), dir.join("shim.so"));
    if !library.exists() {
        fs::write(&source, SHIM).unwrap();
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
        assert!(cc.status().unwrap().success());
    }
    let mut command = harness::command();
    command.args(args.split(' ')).current_dir(dir);
    let ran = command.env("LD_PRELOAD", &library).env("TIMES", way).output().unwrap();
    let stderr = String::from_utf8(ran.stderr).unwrap();
    Ran { code: ran.status.code(), stdout: ran.stdout, stderr }
}

/// A time that is left out is taken for the present by some FUSE file systems.
#[test]
fn the_access_time_is_set_too() {
    let dir = scene();
    let dir = dir.path();
    for args in ["encrypt -r -k k -o out d", "decrypt -r -k k -o back out"] {
        let ran = shim(dir, "omitted", args);
        assert_eq!((ran.code, &*ran.stderr), (Some(0), ""));
        let ran = shim(dir, "omitted", args);
        assert!(line(&ran).ends_with("0 files; 7 done already\n"), "{}{}", line(&ran), ran.stderr);
    }
}

/// The output is there, what the file system does is told once, and there is a way on.
#[test]
fn times_that_are_not_kept_are_told() {
    for way in ["lost", "refused", "closed"] {
        let dir = scene();
        let dir = dir.path();
        for (args, output) in
            [("encrypt -r -k k -o out d", "out/"), ("decrypt -r -k k -o back out", "back/")]
        {
            // A new folder that appears whole, and one that is filled up.
            let ran = shim(dir, way, args);
            assert_eq!(ran.code, Some(0), "{way}: {}", ran.stderr);
            let told = "this file system does not keep the time that a file is given";
            assert_eq!(ran.stderr.matches(told).count(), 1, "{way}: {}", ran.stderr);
            assert!(ran.stderr.starts_with(&format!("keystead: hint: {output}")), "{}", ran.stderr);
            let kept = files(&dir.join(output));
            fs::remove_file(&kept[2]).unwrap();
            let ran = shim(dir, way, &args.replace("-r", "-r --check content"));
            assert_eq!(ran.code, Some(0), "{way}: {}", ran.stderr);
            assert_eq!(ran.stderr.matches(told).count(), 1, "{way}: {}", ran.stderr);
            assert!(line(&ran).contains("1 file") && line(&ran).contains("6 done already"));
            // By times nothing is done, and the error says why.
            let ran = run(dir, args);
            assert_eq!(ran.code, Some(2));
            assert!(ran.stderr.contains("its time is "), "{}", ran.stderr);
            assert!(ran.stderr.contains("--check content compares contents"), "{}", ran.stderr);
            let ran = shim(dir, way, &args.replace("-r", "-r --json --force"));
            assert!(line(&ran).contains("\"times_kept\":false"), "{}", line(&ran));
        }
        // A change of one object, too.
        let ran = shim(dir, way, "rewrap -k k --add pair.pub out/1.ks");
        assert!(ran.stderr.contains("does not keep the time"), "{way}: {}", ran.stderr);
    }
}

#[test]
fn times_of_any_age_are_kept_and_compared() {
    let dir = scene();
    let dir = dir.path();
    let epoch = SystemTime::UNIX_EPOCH;
    let old = [Duration::new(1, 300_000_000), Duration::new(2_000_000_000, 1)];
    let new = [Duration::from_secs(1 << 31), Duration::from_secs(1 << 32), Duration::ZERO];
    let times: Vec<_> =
        old.iter().map(|age| epoch - *age).chain(new.map(|age| epoch + age)).collect();
    for (file, time) in files(&dir.join("d")).iter().zip(&times) {
        set_time(file, *time);
    }
    set_time(&dir.join("d/6"), SystemTime::now() + Duration::from_secs(86_400));
    for args in ["encrypt -r -k k -o out d", "decrypt -r -k k -o back out"] {
        assert_eq!(ok(dir, args).stderr, "");
        assert!(line(&ok(dir, args)).ends_with("0 files; 7 done already\n"));
    }
    for (file, found) in files(&dir.join("d")).iter().zip(files(&dir.join("back"))) {
        assert_eq!(time(file), time(&found), "{}", file.display());
    }
    // Written again, within two seconds of a time before 1970.
    fs::write(dir.join("d/0"), "").unwrap();
    set_time(&dir.join("d/0"), times[0] + Duration::from_millis(700));
    let ran = run(dir, "encrypt -r -k k -o out d");
    let told = "out/0.ks: the output is older than its input: 1969-12-31 23:59:58.7 UTC, not 1969-12-31 23:59:59.4 UTC";
    assert!(ran.code == Some(2) && ran.stderr.contains(told), "{}", ran.stderr);
}

/// ext4 has no times after 2446, and tmpfs has them.
#[test]
fn a_time_that_a_file_system_has_not_is_told() {
    let Ok(from) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("skipped: no /dev/shm");
        return;
    };
    let dir = scene();
    let dir = dir.path();
    let (source, late) = (from.path().join("d"), Duration::from_secs(20_000_000_000));
    fs::create_dir(&source).unwrap();
    fs::write(source.join("a"), "a").unwrap();
    set_time(&source.join("a"), SystemTime::UNIX_EPOCH + late);
    fs::write(dir.join("probe"), "").unwrap();
    set_time(&dir.join("probe"), SystemTime::UNIX_EPOCH + late);
    if time(&dir.join("probe")) == time(&source.join("a")) {
        eprintln!("skipped: {} keeps every time", dir.display());
        return;
    }
    let args = format!("encrypt -r -k k -o out {}", source.display());
    assert!(ok(dir, &args).stderr.contains("does not keep the time"));
    let ran = run(dir, &args);
    assert!(ran.stderr.contains("not 2603-10-11 11:33:20 UTC"), "{}", ran.stderr);
    let ran = ok(dir, &args.replace("-r", "-r --check content"));
    assert_eq!(line(&ran), "encrypt: 0 files; 1 done already\n");
}

/// Every kind of key that opens, and those that do not.
#[test]
fn a_folder_of_objects_that_lost_its_times_is_no_wall() {
    let dir = scene();
    let dir = dir.path();
    fs::write(dir.join("words"), "correct horse\n").unwrap();
    for (keys, unproven) in [
        ("-k k", false),
        ("-k pair", false),
        ("-k pair.pub", true),
        ("-k pair.pub -k k", false),
        ("--anonymous -k pair", false),
        ("--anonymous -k pair.pub", true),
        ("-k k --armor", false),
        ("-k k -c a=1", false),
    ] {
        let _ = fs::remove_dir_all(dir.join("out"));
        let args = format!("encrypt -r {keys} -o out d");
        ok(dir, &args);
        lose_times(&dir.join("out"));
        assert_eq!(run(dir, &args).code, Some(2), "{keys}");
        let ran = ok(dir, &args.replace("-r", "-r --check content"));
        let by = "7 of them compared by header only, not verified";
        assert_eq!(line(&ran).contains(by), unproven, "{keys}: {}", line(&ran));
        // The times are those of the inputs again, where a key has proved the content.
        let ran = run(dir, &args);
        if unproven {
            assert_eq!(ran.code, Some(2), "{keys}");
        } else {
            assert_eq!(line(&ran), "encrypt: 0 files; 7 done already\n", "{keys}");
        }
    }
}

#[test]
fn a_passphrase_that_opens_nothing_proves_nothing() {
    let dir = scene();
    let dir = dir.path();
    fs::create_dir(dir.join("one")).unwrap();
    fs::write(dir.join("one/a"), "a").unwrap();
    let encrypt = |words: &str, more: &str| {
        let script =
            format!("printf '%s\\n' '{words}' | \"$0\" encrypt -r {more} -p --passphrase-fd 0 one");
        let mut sh = Command::new("sh");
        let program = harness::command().get_program().to_owned();
        sh.args(["-c", &script]).arg(program).current_dir(dir).output().unwrap()
    };
    assert!(encrypt("correct horse", "").status.success());
    lose_times(&dir.join("one.ks"));
    let ran = encrypt("battery staple", "--check content");
    let stderr = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("the passphrase does not open it"), "{stderr}");
    assert!(encrypt("correct horse", "--check content").status.success());
    assert!(encrypt("correct horse", "").status.success());
}

/// A byte anywhere, a byte more, a byte less, and whatever stays of an object or a plaintext.
#[test]
fn what_differs_is_found_whatever_its_time() {
    let dir = scene();
    let dir = dir.path();
    ok(dir, "encrypt -r -q -k k -o out d");
    ok(dir, "decrypt -r -q -k k -o back out");
    for (folder, args, kept) in [
        ("d", "encrypt -r --check content -k k -o out d", "out/5.ks"),
        ("back", "decrypt -r --check content -k k -o back out", "out/5.ks"),
    ] {
        let path = dir.join(folder).join("5");
        let (whole, then) = (fs::read(&path).unwrap(), time(&path));
        for at in [0, 16_384, 8_999_999] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            set_time(&path, then);
            let ran = run(dir, args);
            assert_eq!(ran.code, Some(2), "{at}");
            assert!(ran.stderr.contains(CONTENT), "{at}: {}", ran.stderr);
            assert!(line(&ran).contains("6 done already; 1 failed"), "{}", line(&ran));
        }
        for len in [0, 8_999_999, 9_000_001] {
            fs::write(&path, vec![b'a'; len]).unwrap();
            set_time(&path, then);
            let ran = run(dir, args);
            // A file that claims to be empty is read: some that do are not.
            let says = if len == 0 && folder == "d" { CONTENT } else { " bytes, the " };
            assert!(ran.code == Some(2) && ran.stderr.contains(says), "{}", ran.stderr);
        }
        fs::write(&path, &whole).unwrap();
        set_time(&path, then);
        assert!(line(&ok(dir, args)).contains("7 done already"));
        // A damaged object is told as such, also where it would be called different.
        let object = dir.join(kept);
        let (whole, then) = (fs::read(&object).unwrap(), time(&object));
        for (at, code) in
            [(2, Some(3)), (4_090, Some(5)), (20_000, Some(5)), (whole.len() - 1, Some(5))]
        {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&object, bytes).unwrap();
            set_time(&object, then);
            let ran = run(dir, args);
            let foreign = at == 2 && ran.stderr.contains("it is not a keystead object");
            assert!(ran.code == code || foreign, "{at}: {:?} {}", ran.code, ran.stderr);
            assert!(ran.stderr.contains("error: out/5.ks: "), "{}", ran.stderr);
        }
        fs::write(&object, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(run(dir, args).code, Some(5));
        fs::write(&object, &whole).unwrap();
        set_time(&object, then);
    }
    // What cannot be read is no difference.
    fs::remove_file(dir.join("out/1.ks")).unwrap();
    fs::create_dir(dir.join("out/1.ks")).unwrap();
    let ran = run(dir, "encrypt -r --check content -k k -o out d");
    assert!(ran.stderr.contains("something is in the way of a file"), "{}", ran.stderr);
}

/// A time is set where it was proved to be right, and to nothing that was written meanwhile.
#[test]
fn an_input_of_the_same_length_is_not_passed_over() {
    let dir = scene();
    let dir = dir.path();
    ok(dir, "encrypt -r -q -k pair.pub -o out d");
    let before = time(&dir.join("out/6.ks"));
    fs::write(dir.join("d/6"), "bbbbb").unwrap();
    let args = "encrypt -r --check content -k pair.pub -o out d";
    let ran = run(dir, args);
    assert!(
        ran.code == Some(2) && ran.stderr.contains("is older than its input"),
        "{}",
        ran.stderr
    );
    assert_eq!(time(&dir.join("out/6.ks")), before);
    ok(dir, &args.replace("--check", "--update --check"));
    assert_eq!(ok(dir, "cat -k pair out/6.ks").stdout, b"bbbbb");
}
