//! The golden cases: what the command line says and does, as data in `tests/cases/`.
#![cfg(unix)]
#![allow(unreachable_pub, reason = "the harness is shared")]

mod cases;
mod harness;

#[test]
fn basics() {
    assert!(harness::run_cases(cases::BASICS) >= 32);
}

#[test]
fn access() {
    assert!(harness::run_cases(cases::ACCESS) >= 11);
}

#[test]
fn config() {
    assert!(harness::run_cases(cases::CONFIG) >= 6);
}

#[test]
fn errors() {
    assert!(harness::run_cases(cases::ERRORS) >= 40);
}

#[test]
fn folders() {
    assert!(harness::run_cases(cases::FOLDERS) >= 10);
}

#[test]
fn keys() {
    assert!(harness::run_cases(cases::KEYS) >= 10);
}

#[test]
fn demands() {
    assert!(harness::run_cases(cases::DEMANDS) >= 21);
}

/// Each exit code that a command can end with today is some case's, and every verb's.
#[test]
fn every_exit_code_and_verb_has_a_case() {
    let all = cases::ALL.concat();
    for code in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 130] {
        assert!(all.lines().any(|line| line == format!("exit {code}")), "exit {code}");
    }
    for verb in [
        "keygen",
        "encrypt",
        "decrypt",
        "cat",
        "inspect",
        "verify",
        "rewrap",
        "reencrypt",
        "key public",
        "key passphrase",
        "key export",
        "key import",
        "key check",
        "config show",
        "demo",
        "completions",
        "man",
    ] {
        assert!(all.lines().any(|line| line.starts_with(&format!("$ {verb}"))), "{verb}");
        let json = |line: &str| line.starts_with(&format!("$ {verb}")) && line.contains("--json");
        assert!(all.lines().any(json), "{verb} --json");
    }
}

/// A verb is described in one place, and its help begins with that: parts that verbs share have words
/// of their own that must not stand there.
#[test]
fn the_help_of_a_verb_begins_as_the_list_of_verbs_says() {
    let here = std::path::Path::new(".");
    let mut seen = 0;
    for verb in ["", "key ", "config "] {
        let list = String::from_utf8(harness::run(here, &format!("{verb}--help")).stdout);
        let list = list.expect("help is UTF-8");
        let commands = list.lines().skip_while(|line| *line != "Commands:").skip(1);
        for line in commands.take_while(|line| !line.is_empty()) {
            let (name, about) = line.trim().split_once("  ").expect("a name and what it does");
            if name == "help" {
                continue;
            }
            let help = harness::run(here, &format!("{verb}{name} -h"));
            let help = String::from_utf8(help.stdout).expect("help is UTF-8");
            assert!(help.starts_with(about.trim()), "{verb}{name} -h begins\n{help}");
            seen += 1;
        }
    }
    assert!(seen >= 19, "{seen} verbs");
}
