//! Recognizes the text of a key in an argument, as it comes by copy and paste: a public key may have
//! white space in it and quotes around it, and a secret key is refused.

use std::ffi::OsStr;
use std::path::Path;

use keystead::{Error, ErrorKind, MasterKey, PublicKey};
use zeroize::Zeroizing;

use crate::demo::format_count;
use crate::failure::{Failure, Result};
use crate::paper;

/// How the texts of secret keys begin (SPEC R43), age's own included.
pub(crate) const SECRETS: [&str; 3] =
    ["AGE-SECRET-KEY-PQ-1", "AGE-SECRET-KEY-1", "KEYSTEAD-SYMMETRIC-KEY-1"];
/// How the text of a public key begins (SPEC R43), and its length.
const PUBLIC: &str = "age1pq1";
const PUBLIC_LEN: usize = 1_959;
/// The digits of Bech32 (BIP 173).
const DIGITS: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// Quotes that people and their programs put around a text, and marks that are not seen.
const QUOTES: &[char] =
    &['"', '\'', '`', '“', '”', '„', '‘', '’', '‚', '«', '»', '\u{feff}', '\u{200b}'];

/// Fails where one of the arguments holds a secret key. Every process sees arguments, so the key is
/// no longer secret. The message does not repeat it, and no other message will.
pub(crate) fn check_arguments() -> Result<()> {
    if std::env::args_os().skip(1).any(|argument| has_secret(&argument)) {
        return Err(Failure::usage("a secret key was given as an argument").hint(
            "keystead reads secret keys from files: name the file; every process and the shell's history saw this key, so make a new one",
        ));
    }
    Ok(())
}

/// Returns whether a name holds the text of a secret key, or a line of a paper.
pub(crate) fn has_secret(name: &OsStr) -> bool {
    let Some(text) = name.to_str() else { return false };
    let mut packed = Zeroizing::new(String::with_capacity(text.len()));
    packed.extend(text.chars().filter(|c| !is_padding(*c)).map(|c| c.to_ascii_uppercase()));
    SECRETS.iter().any(|start| packed.contains(start)) || text.lines().any(paper::is_line)
}

/// Returns whether a name is the text of a public key, right or wrong, and not a file.
pub(crate) fn is_public(name: &OsStr) -> bool {
    let Some(text) = name.to_str().map(unquoted) else { return false };
    let begins = text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("age1"));
    begins && !Path::new(name).exists()
}

/// Parses a public key given as text. Returns nothing for the name of a file.
pub(crate) fn public_key(name: &OsStr) -> Result<Option<PublicKey>> {
    let Some(text) = name.to_str().filter(|_| is_public(name)) else { return Ok(None) };
    // A mail wraps a long line, and the checksum shows whether the pieces belong together.
    let text: String = unquoted(text).chars().filter(|c| !c.is_whitespace()).collect();
    PublicKey::from_text(&text).map(Some).map_err(|error| match diagnose(&text) {
        Some((what, hint)) => {
            Failure::new(ErrorKind::KeyFile, format!("public key: {what}")).hint(hint)
        }
        None => Failure::at("public key", named_otherwise(&text, error)),
    })
}

/// Returns what the library says of a key that is none of ours.
fn named_otherwise(text: &str, error: Error) -> Error {
    match error {
        Error::KeyFile(_) if !text.starts_with(PUBLIC) => {
            MasterKey::from_text(text).err().unwrap_or(error)
        }
        error => error,
    }
}

/// Returns what is wrong with the text of a public key, and what to do. The text is not secret.
fn diagnose(text: &str) -> Option<(String, &'static str)> {
    let lower = text.to_ascii_lowercase();
    if !lower.starts_with(PUBLIC) {
        return None;
    }
    if lower.matches("age1").count() > 1 {
        return Some(("several keys in one argument".to_owned(), "repeat the option for each key"));
    }
    if lower != text {
        return Some((
            "its letters are in upper case, or some of them".to_owned(),
            "give it in lower case, as `keystead key public` prints it",
        ));
    }
    let digits = text.char_indices().skip(PUBLIC.len());
    if let Some((at, wrong)) = { digits }.find(|(_, letter)| !DIGITS.contains(*letter)) {
        return Some((
            format!(
                "character {} is {wrong:?}, which no key contains",
                format_count(count(at + 1))
            ),
            "compare it with the original there",
        ));
    }
    let (len, wanted) = (format_count(count(text.len())), format_count(count(PUBLIC_LEN)));
    match text.len() {
        // Its checksum does not match, or it is no valid key: the library says which.
        PUBLIC_LEN => None,
        shorter if shorter < PUBLIC_LEN => Some((
            format!("{len} characters instead of {wanted}: it was cut"),
            "copy all of it, or name the file that holds it",
        )),
        _ => Some((
            format!("{len} characters instead of {wanted}: something was added"),
            "copy the key alone, or name the file that holds it",
        )),
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(is_padding)
}

fn is_padding(c: char) -> bool {
    c.is_whitespace() || QUOTES.contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_paste_is_a_public_key() {
        let key = MasterKey::generate_pair().unwrap();
        let text = key.public().unwrap().to_text();
        assert_eq!(text.len(), PUBLIC_LEN);
        let wrapped: Vec<_> = text.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
        for pasted in [
            text.clone(),
            format!(" {text}\n"),
            format!("\"{text}\""),
            format!("“{text}”\r\n"),
            format!("`{text}`"),
            wrapped.join("\r\n"),
            wrapped.join("\n  "),
        ] {
            let found = public_key(OsStr::new(&pasted)).unwrap();
            assert_eq!(found.map(|key| key.id()), Some(key.id()), "{pasted:?}");
        }
        assert!(public_key(OsStr::new("home.key.pub")).unwrap().is_none());
    }

    #[test]
    fn what_is_wrong_with_a_public_key_is_said() {
        let text = MasterKey::generate_pair().unwrap().public().unwrap().to_text();
        let other = if text.ends_with('q') { "p" } else { "q" };
        for (pasted, part) in [
            (text.to_uppercase(), "upper case"),
            (format!("AGE1{}", &text[4..]), "upper case"),
            (text[..900].to_owned(), "900 characters instead of 1,959: it was cut"),
            (format!("{text}qq"), "1,961 characters instead of 1,959"),
            (format!("{}b{}", &text[..50], &text[51..]), "character 51 is 'b'"),
            (format!("{},{text}", text), "several keys"),
            (format!("{text} {text}"), "several keys"),
            (format!("{}{other}", &text[..PUBLIC_LEN - 1]), "wrong character"),
        ] {
            let failure = public_key(OsStr::new(&pasted)).unwrap_err();
            assert!(failure.message.contains(part), "{}", failure.message);
            assert!(failure.message.len() < 100 && failure.hint.is_some());
        }
    }

    #[test]
    fn a_secret_is_recognized_however_it_was_pasted() {
        for kind in [MasterKey::generate_pair(), MasterKey::generate()] {
            let text = kind.unwrap().expose_secret_text().unwrap();
            for pasted in [
                text.to_string(),
                text.to_ascii_lowercase(),
                format!(" '{}'", *text),
                format!("--key={}", *text),
                format!("{}\n{}", &text[..10], &text[10..]),
            ] {
                assert!(has_secret(OsStr::new(&pasted)), "{pasted}");
            }
        }
        assert!(has_secret(OsStr::new("P1  DMDP WNEP NQAM MR45  8N2SAP")));
        for name in ["home.key", "P1 report.pdf", "age-secret-key.txt", "S1"] {
            assert!(!has_secret(OsStr::new(name)), "{name}");
        }
    }
}
