//! Runs the built binary in a scratch folder and reads cases: see the head of `cases/basics.txt`
//! for their form.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use std::io::Write as _;

/// What one command did.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// keystead, with signals as a terminal gives them. Whoever runs the tests in the background may have
/// had SIGINT or SIGHUP ignored, and keystead leaves such a signal alone.
pub fn command() -> Command {
    let program = env!("CARGO_BIN_EXE_keystead");
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    // SIGHUP, SIGINT, SIGTERM are 1, 2, 15.
    let mut command = match ignored & (1 | 1 << 1 | 1 << 14) {
        0 => Command::new(program),
        _ => {
            let mut command = Command::new("env");
            command.arg("--default-signal=HUP,INT,TERM").arg(program);
            command
        }
    };
    // What is configured on this machine is no part of a test.
    command.env("KEYSTEAD_CONFIG", "/nonexistent").env_remove("KEYSTEAD_KEY");
    command
}

fn started(dir: &Path, args: &[String], env: &[(String, String)]) -> (Child, ChildStdin) {
    let mut command = command();
    command.envs(env.iter().map(|(name, value)| (name, value)));
    command.args(args).current_dir(dir);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let pipe = child.stdin.take().expect("stdin is piped");
    (child, pipe)
}

/// Runs keystead in `dir`.
pub fn keystead(dir: &Path, args: &[String], stdin: &[u8]) -> Ran {
    keystead_with(dir, args, stdin, &[])
}

fn keystead_with(dir: &Path, args: &[String], stdin: &[u8], env: &[(String, String)]) -> Ran {
    let (child, mut pipe) = started(dir, args, env);
    let text = stdin.to_vec();
    // A command that does not read its input is no error.
    let writer = std::thread::spawn(move || drop(pipe.write_all(&text)));
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    writer.join().expect("the writer ends");
    let stderr = String::from_utf8(stderr).expect("stderr is UTF-8");
    Ran { code: status.code(), stdout, stderr }
}

/// Runs keystead, leaves its stdin open, and sends a signal as soon as a private file of its own is
/// there.
fn signalled(dir: &Path, args: &[String], stdin: &[u8], signal: &str) -> Ran {
    let (child, mut pipe) = started(dir, args, &[]);
    pipe.write_all(stdin).expect("a few bytes fit");
    let start = std::time::Instant::now();
    while no_leftovers(dir).is_ok() && start.elapsed().as_secs() < 20 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let id = child.id().to_string();
    let sent = Command::new("kill").args([&format!("-{signal}"), &id]).status();
    assert!(sent.expect("kill runs").success());
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    drop(pipe);
    let stderr = String::from_utf8(stderr).expect("stderr is UTF-8");
    Ran { code: status.code(), stdout, stderr }
}

/// The same with arguments in one string.
pub fn run(dir: &Path, args: &str) -> Ran {
    keystead(dir, &words(dir, args), b"")
}

/// Runs every case of a file; gives how many there were.
pub fn run_cases(text: &str) -> usize {
    let mut failures = Vec::new();
    let cases: Vec<_> = text.split("\n## ").skip(1).collect();
    for case in &cases {
        let (name, body) = case.split_once('\n').unwrap_or((case, ""));
        if let Err(why) = run_case(body) {
            failures.push(format!("## {name}\n{why}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} failed\n\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n\n")
    );
    cases.len()
}

/// What is still expected of the last command.
struct Pending {
    ran: Ran,
    code: i32,
    stderr: Vec<String>,
    stdout: Vec<Check>,
}

enum Check {
    Exactly(String),
    Contains(String),
    Anything,
}

fn run_case(body: &str) -> Result<(), String> {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let dir = dir.path();
    let mut stdin = Vec::new();
    let mut signal = None;
    let mut pending: Option<Pending> = None;
    let mut env = Vec::new();
    for line in body.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "$" => {
                finish(pending.take())?;
                let words = words(dir, rest);
                let ran = match signal.take() {
                    Some(signal) => signalled(dir, &words, &stdin, signal),
                    None => keystead_with(dir, &words, &stdin, &env),
                };
                let ran = if env.is_empty() { ran } else { placed(ran, dir) };
                env.clear();
                pending = Some(Pending { ran, code: 0, stderr: vec![], stdout: vec![] });
                stdin.clear();
            }
            "signal" => {
                finish(pending.take())?;
                signal = Some(rest);
            }
            "env" => {
                finish(pending.take())?;
                let (name, value) = rest.split_once(" = ").ok_or("env NAME = VALUE")?;
                let value = value.replace("DIR", &dir.to_string_lossy());
                env.push((name.to_owned(), value));
            }
            "exit" => expect(&mut pending)?.code = rest.parse().map_err(|_| line.to_owned())?,
            "err" => expect(&mut pending)?.stderr.push(rest.to_owned()),
            "out" if rest == "*" => expect(&mut pending)?.stdout.push(Check::Anything),
            "out" => expect(&mut pending)?.stdout.push(Check::Contains(unescape(rest))),
            "out=" => expect(&mut pending)?.stdout.push(Check::Exactly(unescape(rest))),
            _ => {
                finish(pending.take())?;
                prepare(dir, verb, rest, &mut stdin).map_err(|why| format!("{line}: {why}"))?;
            }
        }
    }
    finish(pending)?;
    no_leftovers(dir)
}

/// The folder of a case has another name in each run.
fn placed(ran: Ran, dir: &Path) -> Ran {
    let dir = &*dir.to_string_lossy();
    let stdout = String::from_utf8_lossy(&ran.stdout).replace(dir, "DIR").into_bytes();
    Ran { stdout, stderr: ran.stderr.replace(dir, "DIR"), ..ran }
}

fn expect(pending: &mut Option<Pending>) -> Result<&mut Pending, String> {
    pending.as_mut().ok_or_else(|| "an expectation before a command".to_owned())
}

fn finish(pending: Option<Pending>) -> Result<(), String> {
    let Some(Pending { ran, code, stderr, stdout }) = pending else { return Ok(()) };
    let seen = normal(&ran.stderr);
    let wanted: String = stderr.iter().map(|line| format!("{line}\n")).collect();
    let out = normal(&String::from_utf8_lossy(&ran.stdout));
    let said = format!("exit {:?}\nstderr:\n{seen}\nstdout:\n{out}", ran.code);
    if ran.code != Some(code) {
        return Err(format!("exit {code} expected\n{said}"));
    }
    if seen != wanted {
        return Err(format!("stderr expected:\n{wanted}\n{said}"));
    }
    if stdout.is_empty() && !out.is_empty() {
        return Err(format!("no stdout expected\n{said}"));
    }
    for check in stdout {
        let right = match &check {
            Check::Anything => true,
            Check::Exactly(text) => out == *text,
            Check::Contains(text) => out.contains(text.as_str()),
        };
        if let (false, Check::Exactly(text) | Check::Contains(text)) = (right, &check) {
            return Err(format!("stdout expected: {text:?}\n{said}"));
        }
    }
    Ok(())
}

fn prepare(dir: &Path, verb: &str, rest: &str, stdin: &mut Vec<u8>) -> Result<(), String> {
    let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
    let text = second.strip_prefix("= ").unwrap_or(second);
    let path = |name: &str| dir.join(PathBuf::from(unescape(name)));
    let io = |result: std::io::Result<()>| result.map_err(|error| error.to_string());
    let read = |name: &str| std::fs::read(path(name)).map_err(|error| error.to_string());
    match verb {
        "run" => {
            let ran = keystead(dir, &words(dir, rest), stdin);
            stdin.clear();
            if ran.code == Some(0) { Ok(()) } else { Err(ran.stderr) }
        }
        "stdin" | "stdin<" => {
            *stdin = if verb == "stdin" { unescape(rest).into_bytes() } else { read(rest)? };
            Ok(())
        }
        "keep" => {
            let ran = keystead(dir, &words(dir, second), stdin);
            let text = String::from_utf8_lossy(&ran.stdout).into_owned();
            let last = text.split([' ', '"', '\n']).rfind(|w| w.starts_with("keystead-floor-"));
            match (ran.code, last) {
                (Some(0), Some(floor)) => io(std::fs::write(path(first), floor)),
                _ => Err(format!("no floor: {}{text}", ran.stderr)),
            }
        }
        "write" => io(std::fs::write(path(first), unescape(text))),
        // A key as people paste it: KEY is the last line of a file, HEAD and TAIL its two parts.
        "paste" => {
            let (from, form) = second.split_once(" = ").ok_or("paste FILE FROM = TEXT")?;
            let key = last_line(&path(from));
            let (head, tail) = key.split_at(key.len().min(20));
            let form = unescape(form).replace("KEY", &key);
            io(std::fs::write(path(first), form.replace("HEAD", head).replace("TAIL", tail)))
        }
        "bytes" => {
            let len = text.parse::<usize>().map_err(|_| "a length")?;
            let pattern: Vec<u8> = (0..len).map(|i| (i * 7 % 251).to_le_bytes()[0]).collect();
            io(std::fs::write(path(first), pattern))
        }
        "mkdir" => io(std::fs::create_dir(path(first))),
        "mkfifo" => match Command::new("mkfifo").arg(path(first)).status() {
            Ok(status) if status.success() => Ok(()),
            _ => Err("mkfifo failed".to_owned()),
        },
        // A line of a file, by the letters it begins with, gets another letter at a place.
        "typo" => {
            let text = String::from_utf8(read(first)?).map_err(|error| error.to_string())?;
            let lines = text.lines().map(|line| match line.strip_prefix(second) {
                Some(_) => {
                    let at = second.len() + 4;
                    let other = if line[at..].starts_with('Q') { "P" } else { "Q" };
                    format!("{}{other}{}\n", &line[..at], &line[at + 1..])
                }
                None => format!("{line}\n"),
            });
            io(std::fs::write(path(first), lines.collect::<String>()))
        }
        "old" => {
            let file = std::fs::File::options().append(true).open(path(first));
            io(file.and_then(|file| file.set_modified(std::time::SystemTime::UNIX_EPOCH)))
        }
        "time" => {
            let seconds = text.parse().map_err(|_| "seconds since 1970")?;
            let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            io(std::fs::File::open(path(first)).and_then(|file| file.set_modified(time)))
        }
        "folder" if path(first).is_dir() => Ok(()),
        "folder" => Err("no folder".to_owned()),
        "cp" => io(std::fs::copy(path(first), path(second)).map(drop)),
        "rmdir" => io(std::fs::remove_dir(path(first))),
        "rm" => io(std::fs::remove_file(path(first))),
        "hardlink" => io(std::fs::hard_link(path(first), path(second))),
        "symlink" => io(std::os::unix::fs::symlink(unescape(first), path(second))),
        "flip" => {
            let mut bytes = read(first)?;
            let at = text.parse::<usize>().map_err(|_| "a place")?;
            bytes[at] ^= 1;
            io(std::fs::write(path(first), bytes))
        }
        "cut" => {
            let bytes = read(first)?;
            let len = text.parse::<usize>().map_err(|_| "a length")?;
            io(std::fs::write(path(first), &bytes[..len]))
        }
        "same" if read(first)? == read(second)? => Ok(()),
        "same" => Err("the files differ".to_owned()),
        "holds" if read(first)? == unescape(text).into_bytes() => Ok(()),
        "holds" => Err("it holds something else".to_owned()),
        "absent" if path(first).symlink_metadata().is_err() => Ok(()),
        "absent" => Err("it is there".to_owned()),
        _ => Err("an unknown line".to_owned()),
    }
}

/// Whatever happened, no private file is left.
fn no_leftovers(dir: &Path) -> Result<(), String> {
    for entry in std::fs::read_dir(dir).map_err(|error| error.to_string())? {
        let name = entry.map_err(|error| error.to_string())?.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(".keystead-") || name.ends_with(".ks-rewrap") {
            return Err(format!("{name} was left behind"));
        }
    }
    Ok(())
}

/// Words at spaces, `"…"` around those that have some; `$(FILE)` is the last line of a file, `@(FILE)`
/// all of it.
fn words(dir: &Path, line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_with(String::new);
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_with(String::new).push(c),
        }
    }
    words.extend(word);
    words
        .into_iter()
        .map(|word| match word.strip_prefix("$(").and_then(|name| name.strip_suffix(')')) {
            Some(name) => last_line(&dir.join(name)),
            None => match word.strip_prefix("@(").and_then(|name| name.strip_suffix(')')) {
                Some(name) => std::fs::read_to_string(dir.join(name)).expect("the file is there"),
                None => unescape(&word),
            },
        })
        .collect()
}

/// The key of a key file.
fn last_line(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("the file is there");
    text.lines().rfind(|line| !line.starts_with('#')).unwrap_or_default().to_owned()
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\e", "\x1b")
}

/// Ids and public keys are new in each run: they become `<ID>` and `<PUB>`.
fn normal(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for character in text.chars().chain(['\0']) {
        if character.is_ascii_alphanumeric() {
            word.push(character);
            continue;
        }
        let is_hex = word.bytes().all(|b| b.is_ascii_hexdigit());
        if is_hex && (word.len() == 32 || word.len() == 64) {
            out.push_str("<ID>");
        } else if word.starts_with('1') && word.len() == 123 {
            out.push_str("<FLOOR>");
        } else if word.starts_with("age1pq1") && word.len() > 1_000 {
            out.push_str("<PUB>");
        } else {
            out.push_str(&word);
        }
        word.clear();
        if character != '\0' {
            out.push(character);
        }
    }
    out
}
