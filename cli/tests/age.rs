//! A key made by this command line works in another implementation of age, the npm package
//! age-encryption, and one made there works here (SPEC R43).
//! `npm ci --prefix tests/interop` installs that; without it (but not in CI) the test skips, and
//! says so.
#![cfg(unix)]
#![allow(unreachable_pub, reason = "the harness is shared")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod harness;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use harness::run;
use serde_json::{Value, json};

#[test]
fn keys_of_both_work_in_both() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let ok = |args: &str| {
        let ran = run(dir, args);
        assert_eq!(ran.code, Some(0), "{args}: {}", ran.stderr);
    };
    ok("keygen -q -o ours");
    let file = fs::read_to_string(dir.join("ours")).unwrap();
    let identity = file.lines().find(|line| line.starts_with("AGE-SECRET-KEY-PQ-1")).unwrap();
    let public = fs::read_to_string(dir.join("ours.pub")).unwrap();
    let recipient = public.trim_end();
    let message = "meet at noon";
    let question = json!({ "identity": identity, "recipient": recipient, "message": message });
    let answer = match age_encryption(&question) {
        Ok(answer) => answer,
        Err(missing) => {
            assert!(std::env::var_os("CI").is_none(), "in CI nothing is skipped: {missing}");
            println!("skipped: {missing}");
            return;
        }
    };
    assert_eq!(answer["recipient"], recipient);
    assert_eq!(answer["decrypted"], message);

    let text = |field: &str| answer["generated"][field].as_str().unwrap().to_owned();
    fs::write(dir.join("theirs"), text("identity") + "\n").unwrap();
    fs::write(dir.join("theirs.pub"), text("recipient") + "\n").unwrap();
    fs::write(dir.join("note"), message).unwrap();
    ok("encrypt -q -k theirs.pub note");
    ok("decrypt -q -k theirs -o back note.ks");
    assert_eq!(fs::read_to_string(dir.join("back")).unwrap(), message);
    println!("age-encryption: a key of ours works there, a key of theirs works here");
}

/// The answer of `tests/interop/age.mjs`, or what is missing to get one.
fn age_encryption(question: &Value) -> Result<Value, &'static str> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/interop");
    let node = Command::new("node").arg("--version").stdout(Stdio::null()).status();
    if !node.is_ok_and(|status| status.success()) {
        return Err("node is not installed");
    }
    if !folder.join("node_modules/age-encryption").is_dir() {
        return Err("`npm ci --prefix tests/interop` was not run");
    }
    let mut child = Command::new("node")
        .arg(folder.join("age.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(question.to_string().as_bytes()).expect("node reads");
    drop(input);
    let output = child.wait_with_output().expect("node ends");
    assert!(output.status.success(), "age.mjs failed");
    Ok(serde_json::from_slice(&output.stdout).expect("JSON"))
}
