//! Each rule of SPEC.md is cited where code obeys it, and where a test exercises it.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[test]
fn every_rule_is_cited_by_code_and_by_a_test() {
    let mut rules = rules();
    rules.sort_unstable();
    let numbers: Vec<_> = (1..).take(rules.len()).collect();
    assert_eq!(rules, numbers, "each number is there once");

    let mut code = Citations::default();
    let mut tests = Citations::default();
    let mut vectors = Citations::default();
    let mut reader = Citations::default();
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let inside = path.strip_prefix(root()).unwrap();
        let name = inside.to_string_lossy().replace('\\', "/");
        if name == "tests/reference.py" {
            reader.add(&text);
        } else if name.starts_with("tests/vectors/") && name.ends_with(".txt") {
            let rules = text.lines().filter(|line| line.starts_with("rule: "));
            rules.for_each(|line| vectors.add(line));
        } else if !name.ends_with(".rs") || name == "tests/spec.rs" || name == "tests/house.rs" {
            // These cite rules without obeying or exercising them.
        } else if name.split('/').any(|part| part == "tests" || part == "tests.rs") {
            tests.add(&text);
        } else {
            let (above, below) = text.split_once("#[cfg(test)]\nmod").unwrap_or((&text, ""));
            code.add(above);
            tests.add(below);
        }
    }

    println!("rule   code  tests  vectors  reference.py");
    let mut missing = Vec::new();
    for rule in rules {
        let (code, tests, vectors) = (code.of(rule), tests.of(rule), vectors.of(rule));
        let name = format!("R{rule}");
        println!("{name:<5}{code:>6}{tests:>7}{vectors:>9}{:>14}", reader.of(rule));
        if code == 0 {
            missing.push(format!("{name} by code"));
        }
        if tests + vectors == 0 {
            missing.push(format!("{name} by a test"));
        }
    }
    assert!(missing.is_empty(), "not cited: {}", missing.join(", "));
}

#[test]
fn citations_are_found() {
    let mut citations = Citations::default();
    citations.add("// R36, R4 to R6: see (R51); not CR7, R8x or R");
    let found: Vec<_> = citations.0.keys().copied().collect();
    assert_eq!(found, [4, 5, 6, 36, 51]);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The numbers of the rules, as they stand.
fn rules() -> Vec<u32> {
    let spec = std::fs::read_to_string(root().join("SPEC.md")).unwrap();
    let starts = spec.lines().filter_map(|line| line.strip_prefix("- **R"));
    starts.map(|line| line.split("**").next().unwrap().parse().unwrap()).collect()
}

fn files() -> BTreeSet<PathBuf> {
    let folders = ["src", "tests", "cli/src", "cli/tests"].map(|folder| root().join(folder));
    let entries = folders.iter().filter(|folder| folder.exists()).flat_map(|folder| {
        let walk = walkdir::WalkDir::new(folder).into_iter();
        walk.filter_entry(|entry| entry.file_name() != "node_modules").map(Result::unwrap)
    });
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

/// How often each rule is cited: as `R12`, or in a range such as `R4 to R6`.
#[derive(Default)]
struct Citations(BTreeMap<u32, usize>);

impl Citations {
    fn of(&self, rule: u32) -> usize {
        self.0.get(&rule).copied().unwrap_or(0)
    }

    fn add(&mut self, text: &str) {
        let mut rest = text;
        let mut before = ' ';
        while let Some(at) = rest.find('R') {
            before = rest[..at].chars().next_back().unwrap_or(before);
            rest = &rest[at..];
            let Some((rule, behind)) = number(rest).filter(|_| !before.is_alphanumeric()) else {
                (before, rest) = ('R', &rest[1..]);
                continue;
            };
            let range = behind.strip_prefix(" to ").and_then(number);
            let last = range.map_or(rule, |(last, _)| last);
            (rule..=last).for_each(|rule| *self.0.entry(rule).or_default() += 1);
            (before, rest) = ('0', range.map_or(behind, |(_, behind)| behind));
        }
    }
}

/// The number of a citation at the start of `text`, and what stands behind it.
fn number(text: &str) -> Option<(u32, &str)> {
    let digits = text.strip_prefix('R')?;
    let len = digits.bytes().take_while(u8::is_ascii_digit).count();
    let behind = &digits[len..];
    let ends = !behind.starts_with(|c: char| c.is_alphanumeric());
    digits[..len].parse().ok().filter(|_| ends).map(|rule| (rule, behind))
}
