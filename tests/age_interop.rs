//! Pairs are age's hybrid keys (SPEC R43): the identity printed in c2sp.org/age, and both directions with the npm package
//! age-encryption. `npm ci --prefix tests/interop` installs that; without it (but not in CI) the second test skips, and says so.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use keystead::{Context, Keyring, MasterKey};
use serde_json::{Value, json};

#[test]
fn the_identity_of_the_age_specification() {
    let identity = "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR";
    let begins = "age1pq1x34nzsvr0rxjsgdn8zgyhfe8j7ceq5r9rdelkjuh3y235jzxshfg87p";
    let key = MasterKey::from_text(identity).unwrap();
    let recipient = key.public().unwrap().to_text();
    assert!(recipient.starts_with(begins), "{recipient}");
    assert_eq!(*key.expose_secret_text().unwrap(), identity);
}

#[test]
fn keys_of_both_work_in_both() {
    let ours = MasterKey::generate_pair().unwrap();
    let recipient = ours.public().unwrap().to_text();
    let message = "meet at noon";
    let identity = ours.expose_secret_text().unwrap();
    let question = json!({ "identity": &**identity, "recipient": recipient, "message": message });
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
    let private = MasterKey::from_text(&text("identity")).unwrap();
    let public = MasterKey::from_text(&text("recipient")).unwrap();
    assert_eq!(private.public().unwrap().to_text(), text("recipient"));
    assert_eq!(private.id(), public.id());
    let (sealing, opening) = (Keyring::new(public), Keyring::new(private));
    let object = keystead::encrypt(&sealing, message.as_bytes(), &Context::new()).unwrap();
    let opened = keystead::decrypt(&opening, &object, &Context::new()).unwrap();
    assert_eq!(opened, message.as_bytes());
    println!("age-encryption: a key of ours works there, a key of theirs works here");
}

/// The answer of `tests/interop/age.mjs`, or what is missing to get one.
fn age_encryption(question: &Value) -> Result<Value, &'static str> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
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
