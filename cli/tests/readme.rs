//! Every `console` block of README.md and of docs/demo.md runs, in order and in one directory, and
//! prints what the page says. `…` stands for anything: alone on a line for any lines, in a line for
//! any characters.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One command with the output that follows it.
struct Case {
    line: usize,
    command: String,
    output: Vec<String>,
}

#[test]
fn the_blocks_of_the_readme_print_what_they_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    for name in ["README.md", "docs/demo.md"] {
        let page = std::fs::read_to_string(root.join(name)).expect(name);
        let cases = cases(&page);
        assert!(!cases.is_empty(), "{name}: the blocks were not found");
        check(root, name, cases);
    }
}

fn check(root: &Path, name: &str, cases: Vec<Case>) {
    let folder = empty_folder();
    for case in cases {
        // The first command builds before it runs; what it runs is this.
        let demo = case.command.starts_with("./dev demo");
        let command = case.command.replace("./dev demo", "keystead demo");
        let place = if demo { root } else { &folder };
        let (printed, success) = run(&command, place);
        let printed: Vec<_> = printed.lines().collect();
        let wanted: Vec<_> = case.output.iter().map(String::as_str).collect();
        assert!(
            lines_match(&wanted, &printed),
            "{name}:{}: $ {}\nprints\n{}\nand not\n{}",
            case.line,
            case.command,
            printed.join("\n"),
            wanted.join("\n")
        );
        let told = wanted.iter().any(|line| line.contains("error: "));
        assert!(success || told, "{name}:{}: $ {} fails unseen", case.line, case.command);
    }
    std::fs::remove_dir_all(folder).expect("the folder is ours");
}

#[test]
fn other_blocks_are_run_elsewhere() {
    let readme = include_str!("../../README.md");
    let fences: Vec<_> = readme.lines().filter_map(|line| line.strip_prefix("```")).collect();
    for fence in fences.iter().step_by(2) {
        // `rust` blocks are doctests, `sh` blocks are the two commands of ./dev, `text` blocks are
        // no commands.
        assert!(["console", "rust", "sh", "text"].contains(fence), "a block of {fence:?}");
    }
    let blocks = readme.split("```sh\n").skip(1).map(|block| block.split("```").next());
    for line in blocks.flatten().flat_map(str::lines) {
        assert!(line.starts_with("./dev "), "{line}");
    }
}

#[test]
fn the_matcher_knows_its_wildcards() {
    assert!(lines_match(&["a", "…", "z"], &["a", "b", "c", "z"]));
    assert!(lines_match(&["…"], &[]));
    assert!(lines_match(&["key … of …"], &["key 12 of 3"]));
    assert!(!lines_match(&["a"], &["a", "b"]));
    assert!(!lines_match(&["key … of"], &["key 12 of 3"]));
}

fn empty_folder() -> PathBuf {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("readme-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the blocks");
    folder
}

fn cases(readme: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut inside = false;
    for (line, text) in (1..).zip(readme.lines()) {
        if let Some(fence) = text.strip_prefix("```") {
            inside = fence == "console";
        } else if let Some(command) = text.strip_prefix("$ ").filter(|_| inside) {
            cases.push(Case { line, command: command.to_owned(), output: Vec::new() });
        } else if inside {
            cases.last_mut().expect("a command first").output.push(text.to_owned());
        }
    }
    cases
}

/// What a command prints to both streams, and whether it succeeded.
fn run(command: &str, folder: &Path) -> (String, bool) {
    let binary = Path::new(env!("CARGO_BIN_EXE_keystead")).parent().expect("its folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1; {command}")])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", binary.display()))
        .env("KEYSTEAD_CONFIG", folder.join("configured"))
        .env_remove("KEYSTEAD_KEY")
        .stdin(Stdio::null())
        .output()
        .expect("sh runs");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
}

fn lines_match(wanted: &[&str], printed: &[&str]) -> bool {
    match wanted {
        [] => printed.is_empty(),
        ["…", rest @ ..] => (0..=printed.len()).any(|skip| lines_match(rest, &printed[skip..])),
        [first, rest @ ..] => {
            printed.first().is_some_and(|line| line_matches(first, line))
                && lines_match(rest, &printed[1..])
        }
    }
}

fn line_matches(wanted: &str, printed: &str) -> bool {
    match wanted.split_once('…') {
        None => wanted == printed,
        Some((start, rest)) => printed.strip_prefix(start).is_some_and(|behind| {
            let ends = behind.char_indices().map(|(at, _)| at).chain([behind.len()]);
            ends.into_iter().any(|at| line_matches(rest, &behind[at..]))
        }),
    }
}
