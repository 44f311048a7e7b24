//! The vectors in `tests/vectors/`: made here from fixed randomness without the library, field by
//! field, and read by the library every
//! way it has. What each scenario must give follows from SPEC.md.
//!
//! `KEYSTEAD_WRITE_VECTORS=1 cargo test --all-features --test vectors` writes the files.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(unreachable_pub, reason = "modules of one test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use vectors_support::cases;
use vectors_support::check::disagreements;
use vectors_support::vector::Vector;

mod vectors_support;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// The rules with the vectors that exercise them.
fn index(vectors: &[Vector]) -> String {
    let mut rules: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for vector in vectors {
        for rule in vector.rules.split(' ') {
            let number = rule.strip_prefix('R').unwrap().parse().unwrap();
            rules.entry(number).or_default().push(&vector.name);
        }
    }
    let negative = vectors.iter().filter(|vector| vector.expect != "success").count();
    let mut out = "# The vectors by the rules of SPEC.md that they exercise\n\n".to_owned();
    let (all, positive) = (vectors.len(), vectors.len() - negative);
    writeln!(out, "{all} vectors: {positive} open, {negative} are refused.\n").unwrap();
    for (rule, mut names) in rules {
        names.sort_unstable();
        writeln!(out, "- **R{rule}**: {}", names.join(", ")).unwrap();
    }
    out
}

#[test]
fn files_are_what_the_generator_makes() {
    let vectors = cases::all();
    let mut made: BTreeMap<String, String> =
        vectors.iter().map(|v| (format!("{}.txt", v.name), v.text())).collect();
    assert_eq!(made.len(), vectors.len(), "two vectors have one name");
    made.insert("INDEX.md".to_owned(), index(&vectors));
    let found = || -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "README.md").collect()
    };
    if std::env::var_os("KEYSTEAD_WRITE_VECTORS").is_some() {
        for stray in found().iter().filter(|name| !made.contains_key(*name)) {
            std::fs::remove_file(folder().join(stray)).unwrap();
        }
        for (name, text) in &made {
            std::fs::write(folder().join(name), text).unwrap();
        }
    }
    assert_eq!(found(), made.keys().cloned().collect(), "files missing or stray");
    for (name, text) in &made {
        let on_disk = std::fs::read(folder().join(name)).unwrap();
        assert!(on_disk == text.as_bytes(), "{name} is not what the generator makes");
    }
}

#[test]
fn the_library_reads_each_as_it_says() {
    let vectors = cases::all();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let part = |first| vectors.iter().skip(first).step_by(threads).flat_map(disagreements);
        let workers: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || part(first).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_library_makes_the_honest_ones() {
    let made = cases::honest::library_makes_the_same();
    println!("{made} objects");
    assert!(made >= 20);
}

#[test]
fn they_are_many_and_every_class_occurs() {
    let vectors = cases::all();
    let negative = vectors.iter().filter(|vector| vector.expect != "success").count();
    println!("{} vectors, {negative} negative", vectors.len());
    assert!(vectors.len() >= 170 && negative >= 115);
    let classes: BTreeSet<_> = vectors.iter().map(|vector| vector.expect).collect();
    let all = ["success", "FORMAT", "NOKEY", "AUTH", "CONTEXT", "ROLLBACK", "LIMIT", "KEYFILE"];
    assert_eq!(classes, BTreeSet::from(all));
}

/// R44. No file of a MiB stands among the vectors: this one is all comment behind its key.
#[test]
fn a_key_file_has_at_most_one_mib() {
    let mut file = format!("{}\n#", vectors_support::keys::symmetric("alice").text).into_bytes();
    file.resize(1_048_576, b'#');
    let read = |file: &[u8]| keystead::KeyFile::open(file, || Ok(keystead::Keys::new()));
    assert_eq!(read(&file).unwrap().recipients().len(), 1);
    file.push(b'#');
    assert_eq!(read(&file).unwrap_err().kind(), keystead::ErrorKind::Limit);
}
