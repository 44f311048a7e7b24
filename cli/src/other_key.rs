//! Recognizes keys of other programs, and files that are no key at all, for the hint of a key file
//! that does not parse.

use std::path::Path;

use crate::mangled;
use crate::paper;

/// Returns what a file is that was given as a key file, and what to do.
pub(crate) fn hint_for(bytes: &[u8]) -> &'static str {
    if bytes.is_empty() {
        return "it is empty";
    }
    if let Some(hint) = mangled::hint_for(bytes) {
        return hint;
    }
    let text = String::from_utf8_lossy(bytes);
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let known = lines().find_map(|line| {
        MARKS.iter().find_map(|(mark, hint)| line.starts_with(mark).then_some(*hint))
    });
    if let Some(hint) = known {
        return hint;
    }
    if lines().any(|line| line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY")) {
        return PEM_PRIVATE;
    }
    if paper::is_paper(&text) {
        return "it is a key on paper: `keystead key import` makes a key file of it";
    }
    if bytes.starts_with(&[0x30, 0x82]) || bytes.starts_with(&[0x30, 0x81]) {
        return "it is a key or certificate in DER; `keystead keygen` makes a key";
    }
    let is_ours = |line: &str| OURS.iter().any(|start| line.trim().starts_with(start));
    match text.lines().any(|line| is_ours(line) && line.trim() != line) {
        true => "a key has white space around it: delete that",
        false => UNKNOWN,
    }
}

/// The hint for a file that is not recognized.
pub(crate) const UNKNOWN: &str = "a key file comes from `keystead keygen`";

/// Returns a hint for the name of a file that is not there, where it is the text of a key.
pub(crate) fn hint_for_name(path: &Path) -> Option<&'static str> {
    let text = path.to_str()?.trim();
    text.starts_with("ssh-").then_some(SSH)
}

/// How the lines of our own key files begin (SPEC R43).
const OURS: [&str; 3] = ["AGE-SECRET-KEY-PQ-1", "KEYSTEAD-SYMMETRIC-KEY-1", "age1pq1"];

/// How lines of other programs' keys begin.
const MARKS: [(&str, &str); 19] = [
    ("-----BEGIN OPENSSH PRIVATE KEY", SSH),
    ("-----BEGIN SSH2", SSH),
    ("---- BEGIN SSH2", SSH),
    ("PuTTY-User-Key-File", SSH),
    ("ssh-", SSH),
    ("ecdsa-sha2-", SSH),
    ("sk-ssh-", SSH),
    ("-----BEGIN CERTIFICATE REQUEST", CERTIFICATE),
    ("-----BEGIN CERTIFICATE", CERTIFICATE),
    ("-----BEGIN X509", CERTIFICATE),
    ("-----BEGIN PUBLIC KEY", PEM_PUBLIC),
    ("-----BEGIN RSA PUBLIC KEY", PEM_PUBLIC),
    (
        "-----BEGIN AGE ENCRYPTED FILE",
        "it is encrypted by age: `age --decrypt` gives its text, which is a key file if its key is post-quantum",
    ),
    ("-----BEGIN PGP", "it is an OpenPGP key or message; `keystead keygen` makes a key"),
    ("AGE-SECRET-KEY-1", CLASSICAL),
    ("AGE-PLUGIN-", PLUGIN),
    ("age1yubikey1", PLUGIN),
    ("age1tpm1", PLUGIN),
    ("age1se1", PLUGIN),
];
const SSH: &str = "it is an SSH key, which keystead does not take; `keystead keygen` makes a key";
const CERTIFICATE: &str =
    "it is an X.509 certificate, which keystead does not take; `keystead keygen` makes a key";
const PEM_PUBLIC: &str =
    "it is a public key in PEM, which keystead does not take; `keystead keygen` makes a key";
const PEM_PRIVATE: &str =
    "it is a private key in PEM, which keystead does not take; `keystead keygen` makes a key";
const PLUGIN: &str =
    "it is a key of an age plugin, which keystead does not take; `keystead keygen` makes a key";
const CLASSICAL: &str = "it is a classical age key; keystead takes post-quantum ones (age1pq1…), which `keystead keygen` and `age-keygen -pq` make";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_other_programs_are_recognized() {
        for (text, part) in [
            ("", "empty"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n", "SSH key"),
            ("ssh-ed25519 AAAA bob@home\n", "SSH key"),
            ("# comment\n-----BEGIN CERTIFICATE-----\nMII\n", "X.509"),
            ("age1yubikey1qwt50d05nh5vutpdzmlg5wn\n", "plugin"),
            ("# created: 2024\nAGE-SECRET-KEY-1GFPYY\n", "classical age key"),
            ("-----BEGIN AGE ENCRYPTED FILE-----\n", "`age --decrypt`"),
            ("# mine\n\n-----BEGIN KEYSTEAD OBJECT-----\nAA\n", "before its BEGIN line"),
            ("P1  DMDP WNEP NQAM MR45  8N2SAP\n", "`keystead key import`"),
            ("age1pq1qqq \n", "white space"),
            ("hello", "keygen"),
        ] {
            assert!(hint_for(text.as_bytes()).contains(part), "{text:?}");
        }
        for kind in ["", "RSA ", "EC ", "ENCRYPTED "] {
            let text = format!("-----BEGIN {kind}PRIVATE KEY-----\n");
            assert!(hint_for(text.as_bytes()).contains("private key in PEM"), "{kind}");
        }
        assert!(hint_for(&[0x30, 0x82, 1, 2]).contains("DER"));
    }
}
