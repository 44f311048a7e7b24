//! The house keeps itself in order: what CONTRIBUTING.md says of imports, file lengths,
//! dependencies and documents is checked here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Each floor with the floors that it may see. Imports go down only; neighbours do not see each
/// other.
const FLOORS: [(&str, &[&str]); 11] = [
    ("error", &[]),
    ("trace", &[]),
    ("threads", &[]),
    ("format", &["threads", "error", "trace"]),
    ("primitives", &["error", "trace"]),
    ("keys", &["format", "primitives", "threads", "error", "trace"]),
    ("envelope", &["keys", "format", "primitives", "threads", "error", "trace"]),
    ("stream", &["envelope", "keys", "format", "primitives", "threads", "error", "trace"]),
    ("store", &["stream", "envelope", "keys", "format", "primitives", "threads", "error", "trace"]),
    ("audit", &["stream", "envelope", "keys", "format", "primitives", "threads", "error", "trace"]),
    (
        "hazmat",
        &["stream", "envelope", "keys", "format", "primitives", "threads", "error", "trace"],
    ),
];

/// The files of the floor `stream`: each imports only from those before it.
const STREAM: [&str; 22] = [
    "io",
    "sync",
    "handover",
    "pool",
    "sequence",
    "chunks",
    "front",
    "batch",
    "buffer",
    "encryptor",
    "decryptor",
    "push",
    "async_io",
    "range_opener",
    "range",
    "parallel",
    "files",
    "object_buffer",
    "plaintext_buffer",
    "reencrypt",
    "key_file",
    "armor_writer",
];

const MAX_LINES: usize = 600;
const MAX_DEFAULT_DEPENDENCIES: usize = 12;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Files of this repository under `folder`, without what tools made, as paths from the root.
fn files(folder: &str) -> Vec<PathBuf> {
    const MADE: [&str; 5] = ["target", "node_modules", ".git", ".dev", "__pycache__"];
    let walk = walkdir::WalkDir::new(root().join(folder)).sort_by_file_name().into_iter();
    let ours = walk.filter_entry(|e| !MADE.iter().any(|made| e.file_name() == *made));
    let files = ours.map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    files.map(|file| file.path().strip_prefix(root()).unwrap().to_owned()).collect()
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// Whether a file is tests, benches or fuzzing alone.
fn is_test(path: &Path) -> bool {
    let names = ["tests", "tests.rs", "benches", "fuzz"];
    path.components().any(|part| names.iter().any(|name| part.as_os_str() == *name))
}

fn sources(folders: &[&str]) -> Vec<PathBuf> {
    let all = folders.iter().flat_map(|folder| files(folder));
    all.filter(|path| is_rust(path) && !is_test(path)).collect()
}

/// The lines of a source with their numbers, without comments and without modules of tests.
fn code(text: &str) -> Vec<(usize, &str)> {
    let mut kept = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        if line == "#[cfg(test)]" || line.starts_with("#[cfg(all(test, ") {
            // A module in the file ends with a brace in its first column; one in its own file ends
            // here.
            let module = lines.next().is_some_and(|(_, line)| line.ends_with('{'));
            while module && lines.next().is_some_and(|(_, line)| line != "}") {}
        } else if !line.trim_start().starts_with("//") {
            kept.push((number, line));
        }
    }
    kept
}

/// The first names behind each `crate::`, groups in braces included.
fn seen_from_the_root(line: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    line.split("crate::")
        .skip(1)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap().split(',').map(name).collect(),
            None => vec![name(rest)],
        })
        .collect()
}

#[test]
fn imports_go_down_only() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in sources(&["src"]) {
        let inside = path.strip_prefix("src").unwrap().with_extension("");
        let module: Vec<_> = inside.iter().map(|part| part.to_str().unwrap()).collect();
        let depth = module.iter().filter(|part| **part != "mod").count();
        let Some((floor, below)) = FLOORS.iter().find(|(floor, _)| *floor == module[0]) else {
            assert_eq!(module, ["lib"], "{} stands on no floor", path.display());
            continue;
        };
        for (number, line) in code(&read(&path)) {
            let place = format!("{}:{number}: {}", path.display(), line.trim());
            for name in seen_from_the_root(line) {
                seen += 1;
                if name != *floor && !below.contains(&name.as_str()) {
                    wrong.push(place.clone());
                }
            }
            if line.contains(&"super::".repeat(depth)) {
                wrong.push(format!("{place} (leaves the floor by super)"));
            }
        }
    }
    println!("{seen} imports between floors");
    assert!(seen > 50, "the imports were not found");
    assert!(wrong.is_empty(), "imports that go up or sideways:\n{}", wrong.join("\n"));
}

/// The first names after each `super::` of a file, groups in braces included.
fn seen_beside(text: &str) -> Vec<&str> {
    let name = |text: &'_ str| -> usize {
        text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
    };
    let mut seen = Vec::new();
    for after in text.split("super::").skip(1) {
        let Some(group) = after.strip_prefix('{') else {
            seen.push(&after[..name(after)]);
            continue;
        };
        // Names inside inner braces are not of this level.
        let (mut depth, mut start) = (1, 0);
        for (place, letter) in group.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 || depth == 1 && letter == ',' {
                let one = group[start..place].trim();
                seen.push(&one[..name(one)]);
                start = place + 1;
            }
            if depth == 0 {
                break;
            }
        }
    }
    seen.retain(|name| !name.is_empty());
    seen
}

#[test]
fn files_of_stream_import_in_one_order() {
    let (mut wrong, mut imports) = (Vec::new(), 0);
    for path in sources(&["src/stream"]) {
        let inside = path.strip_prefix("src/stream").unwrap().with_extension("");
        let parts: Vec<_> = inside.iter().map(|part| part.to_str().unwrap()).collect();
        if parts == ["mod"] {
            continue;
        }
        let place = STREAM.iter().position(|file| *file == parts[0]);
        let place = place.unwrap_or_else(|| panic!("{} has no place in STREAM", path.display()));
        let text = read(&path);
        let code: Vec<_> = code(&text).into_iter().map(|(_, line)| line).collect();
        let code = code.join("\n");
        assert!(!code.contains("crate::stream"), "{}: say `super`", path.display());
        // A file in a folder sees its own file by `super`.
        let allowed = if parts.len() == 1 { &STREAM[..place] } else { &[] };
        for name in seen_beside(&code) {
            let own = parts.len() > 1 && !STREAM.contains(&name);
            imports += 1;
            if !own && !allowed.contains(&name) {
                wrong.push(format!("{} imports {name}", path.display()));
            }
        }
    }
    println!("{imports} imports between files of stream");
    assert!(imports > 40, "the imports were not found");
    assert!(wrong.is_empty(), "imports that go up:\n{}", wrong.join("\n"));
}

#[test]
fn imports_in_groups_are_seen() {
    let text = "use super::{self, io::{fill, ReadAt}, pool};\nuse super::chunks::{self, Opener};";
    assert_eq!(seen_beside(text), ["self", "io", "pool", "chunks"]);
}

#[test]
fn no_file_is_over_600_lines() {
    let all = files("").into_iter().filter(|path| is_rust(path) && !is_test(path));
    let mut lengths: Vec<_> = all.map(|path| (read(&path).lines().count(), path)).collect();
    lengths.sort();
    let (longest, path) = lengths.last().unwrap();
    println!("{} files, the longest has {longest} lines: {}", lengths.len(), path.display());
    assert!(*longest <= MAX_LINES);
}

/// README.md and the manual say so.
#[test]
fn the_cloud_service_has_at_most_150_lines() {
    let lines = read("examples/cloud/src/lib.rs").lines().count();
    println!("{lines} lines");
    assert!(lines <= 150);
}

#[test]
fn no_unwrap_outside_tests() {
    let mut found = Vec::new();
    for path in sources(&["src", "cli/src"]) {
        let text = read(&path);
        let lines = code(&text).into_iter().filter(|(_, line)| line.contains(".unwrap("));
        // The step `unwrap` of opening takes arguments; Option's and Result's takes none.
        let lines = lines.filter(|(_, line)| line.contains(".unwrap()"));
        found.extend(lines.map(|(number, line)| format!("{}:{number}:{line}", path.display())));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_dependency_has_its_reason() {
    for manifest in files("").into_iter().filter(|path| path.ends_with("Cargo.toml")) {
        let (mut inside, mut reason) = (false, false);
        for line in read(&manifest).lines() {
            if line.starts_with('[') {
                inside = line.trim_end_matches(']').ends_with("dependencies");
                reason = false;
            } else if line.is_empty() {
                reason = false;
            } else if line.starts_with('#') {
                reason = true;
            } else if inside && line.contains(" = ") && !line.contains("path = ") {
                assert!(reason, "{}: no reason above: {line}", manifest.display());
                reason = false;
            }
        }
    }
}

fn metadata() -> Value {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let version = String::from_utf8(rustc.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--all-features"])
        .args(["--filter-platform", host])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Features that the default switches on, with the dependencies that they bring.
fn default_features(package: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec!["default".to_owned()];
    while let Some(feature) = open.pop() {
        let brings = package["features"][&feature].as_array();
        open.extend(brings.into_iter().flatten().map(|f| f.as_str().unwrap().to_owned()));
        found.insert(feature);
    }
    found
}

#[test]
fn the_default_library_has_few_dependencies() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "keystead").unwrap();
    let features = default_features(package);
    let direct: Vec<_> = package["dependencies"].as_array().unwrap().iter().collect();
    let direct = direct.into_iter().filter(|dependency| dependency["kind"].is_null());
    let names: Vec<_> = direct
        .filter(|dependency| {
            let name = dependency["name"].as_str().unwrap();
            dependency["optional"] == false || features.contains(&format!("dep:{name}"))
        })
        .map(|dependency| dependency["name"].as_str().unwrap())
        .collect();
    println!("{} direct dependencies by default: {}", names.len(), names.join(" "));
    assert!(names.len() <= MAX_DEFAULT_DEPENDENCIES);
}

/// The strings of `key = [ … ]` in deny.toml.
fn deny_list(key: &str) -> BTreeSet<String> {
    let text = read("deny.toml");
    let start = text.find(&format!("\n{key} = [")).unwrap_or_else(|| panic!("no {key}"));
    let list = text[start..].split(']').next().unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether a licence expression (SPDX, or the old form with a slash) is met by what is allowed.
/// `AND` binds closer than `OR`.
fn licence_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.replace('/', " OR ");
    if let Some(start) = expression.find('(') {
        let end = start + expression[start..].find(')').expect("a closing bracket");
        let inner = licence_allowed(&expression[start + 1..end], allowed);
        let word = if inner { "@yes" } else { "@no" };
        let whole = format!("{}{word}{}", &expression[..start], &expression[end + 1..]);
        return licence_allowed(&whole, allowed);
    }
    let one = |licence: &str| licence == "@yes" || allowed.contains(licence);
    expression.split(" OR ").any(|all| all.split(" AND ").all(|licence| one(licence.trim())))
}

#[test]
fn licences_and_sources_are_those_of_deny_toml() {
    let licences = deny_list("allow");
    let sources: BTreeSet<_> =
        deny_list("allow-registry").iter().map(|url| format!("registry+{url}")).collect();
    let metadata = metadata();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let licence = package["license"].as_str();
        let licence = licence.unwrap_or_else(|| panic!("{} has no licence", package["name"]));
        *seen.entry(licence).or_default() += 1;
        assert!(licence_allowed(licence, &licences), "{}: {licence}", package["name"]);
    }
    println!("{seen:#?}");
    // Other platforms' packages are in the lock file alone.
    for line in read("Cargo.lock").lines() {
        if let Some(source) = line.strip_prefix("source = ") {
            assert!(sources.contains(source.trim_matches('"')), "{source}");
        }
    }
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "ISC".to_owned()]);
    for good in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "MIT AND ISC", "(A OR MIT) AND ISC"] {
        assert!(licence_allowed(good, &allowed), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "(A OR B) AND MIT", "GPL-3.0 WITH X"] {
        assert!(!licence_allowed(bad, &allowed), "{bad}");
    }
}

#[test]
fn nothing_of_one_machine_is_in_the_tree() {
    let homes = ["work", "root", "home", "farm", "Users"].map(|home| format!("/{home}/"));
    let mut found = Vec::new();
    for path in files("") {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in (1..).zip(text.lines()) {
            // A slash in front would be part of a longer path or of an address.
            let machine = homes.iter().any(|home| line.contains(home.as_str()));
            let ticket = line
                .split("issue ")
                .skip(1)
                .any(|rest| rest.trim_start_matches('#').starts_with(|c: char| c.is_ascii_digit()));
            if machine || ticket {
                found.push(format!("{}:{number}: {line}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn documents_keep_their_lengths() {
    let readme = read("README.md");
    let first = readme.lines().position(|line| line.trim_start_matches("$ ").starts_with("./dev"));
    let first = first.expect("README.md shows the command") + 1;
    let spec = read("SPEC.md").lines().count();
    let reader = read("tests/reference.py").lines().count();
    println!("README: first command on line {first}; SPEC.md {spec}; reference.py {reader}");
    assert!(first <= 20);
    assert!(spec <= 500);
    assert!(reader <= 300);
}

#[test]
fn every_label_stands_in_the_table() {
    let spec = read("SPEC.md");
    let rows = spec.lines().filter(|line| line.starts_with("| ") && line.contains("`keystead/v1/"));
    let table: String = rows.collect();
    let labels = read("src/format/labels.rs");
    let ours: Vec<_> = labels
        .lines()
        .filter(|line| line.contains("const "))
        .filter_map(|line| line.split('"').nth(1))
        .filter(|label| label.starts_with("keystead/"))
        .collect();
    println!("{} labels", ours.len());
    assert!(ours.len() >= 8);
    for label in ours {
        assert!(table.contains(&format!("`{label}`")), "{label} is not in R3");
    }
}
