//! Each option that a hint names exists: on the verb that printed the hint, or on the verb that the
//! hint names. And no hint names an item of the library.
#![cfg(unix)]
#![allow(unreachable_pub, reason = "the harness is shared")]

mod cases;
mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const GROUPS: [&str; 2] = ["key", "config"];

/// The options of each verb, as its help lists them; those of no verb are those of all.
fn options() -> BTreeMap<String, BTreeSet<String>> {
    let here = Path::new(".");
    let help = |verb: &str| {
        String::from_utf8(harness::run(here, &format!("{verb} --help")).stdout).expect("UTF-8")
    };
    let verbs = |group: &str| -> Vec<String> {
        let text = help(group);
        let list = text.lines().skip_while(|line| *line != "Commands:").skip(1);
        let list = list.take_while(|line| !line.is_empty());
        let names = list.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let mut all = verbs("");
    for group in GROUPS {
        all.extend(verbs(group).iter().map(|verb| format!("{group} {verb}")));
    }
    let listed = |verb: &str| {
        let text = help(verb);
        let lines = text.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
        lines.flat_map(named).map(|(_, option)| option).collect()
    };
    let mut options: BTreeMap<_, _> = all.iter().map(|verb| (verb.clone(), listed(verb))).collect();
    options.insert(String::new(), ["--help", "--version"].map(str::to_owned).into());
    options
}

/// The options in a text, and where they begin.
fn named(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let starts = text.match_indices('-').map(|(at, _)| at);
    for at in starts {
        let before = text[..at].chars().next_back();
        if !before.is_none_or(|c| c == ' ' || c == '`' || c == '(') {
            continue;
        }
        let name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let option: String = text[at..].chars().take_while(|c| name(*c)).collect();
        let long = option.starts_with("--") && option.len() > 3;
        let short = option.len() == 2 && option.as_bytes()[1].is_ascii_alphabetic();
        if long || short {
            found.push((at, option));
        }
    }
    found
}

/// The verb in front of an option: that of a command in backticks or `decrypt -o FILE`; nothing where
/// the hint names none.
fn verb_before<'a>(text: &str, verbs: impl Iterator<Item = &'a String>) -> Option<String> {
    let inside = text.matches('`').count() % 2 == 1;
    let command = text.rsplit('`').next().unwrap_or_default();
    if inside && !command.is_empty() {
        let words: Vec<_> = command.split_whitespace().collect();
        let ["keystead", rest @ ..] = &*words else { return Some("another program".to_owned()) };
        let two = rest.iter().take(2).copied().collect::<Vec<_>>().join(" ");
        let one = rest.first().copied().unwrap_or_default().to_owned();
        let mut verbs = verbs;
        return Some(if verbs.any(|verb| *verb == two) { two } else { one });
    }
    verbs.filter(|verb| !verb.is_empty()).find(|verb| text.trim_end().ends_with(*verb)).cloned()
}

fn verb_of(command: &str, options: &BTreeMap<String, BTreeSet<String>>) -> String {
    let words: Vec<_> = command.split_whitespace().collect();
    let two = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
    let one = words.first().copied().unwrap_or_default().to_owned();
    if options.contains_key(&two) { two } else { one }
}

#[test]
fn hints_name_options_that_exist() {
    let options = options();
    let (mut wrong, mut seen, mut command) = (Vec::new(), 0, "");
    for line in cases::ALL.iter().flat_map(|case| case.lines()) {
        if let Some(rest) = line.strip_prefix("$ ") {
            command = rest;
        }
        let Some(hint) = line.strip_prefix("err keystead: hint: ") else { continue };
        let verb = verb_of(command, &options);
        for (at, option) in named(hint) {
            seen += 1;
            let on = verb_before(&hint[..at], options.keys()).unwrap_or_else(|| verb.clone());
            let known = options.get(&on).is_none_or(|known| known.contains(&option));
            let program = on == "another program" || on == "VERB" || on == "…";
            if !(known && (program || options.contains_key(&on))) {
                wrong.push(format!("$ {command}\n  {hint}\n  {on} has no {option}"));
            }
        }
    }
    assert!(seen > 50, "{seen} options in hints");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn messages_name_nothing_of_the_library() {
    let said = |line: &&str| line.starts_with("err keystead: ");
    for line in cases::ALL.iter().flat_map(|case| case.lines()).filter(said) {
        assert!(!line.contains("::"), "{line}");
    }
}

/// A hint of the library names its own items in backticks, and `failure.rs` turns each into an option.
#[test]
fn items_in_hints_of_the_library_become_options() {
    let table = include_str!("../src/failure.rs");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    let (mut folders, mut seen) = (vec![source], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it is there") {
            let path = entry.expect("it is there").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("sources are UTF-8");
            for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for item in line.split('`').skip(1).step_by(2).filter(|item| item.contains("::")) {
                    seen += 1;
                    let entry = format!("(\"`{item}`\", ");
                    assert!(table.contains(&entry), "{}: `{item}`", path.display());
                }
            }
        }
    }
    assert!(seen >= 2, "{seen} items in hints");
}
