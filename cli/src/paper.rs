//! Prints and reads a key on paper: its text in short lines that a person types. Each line and the
//! whole have a Bech32 checksum (BIP 173), which covers the line number, so a wrong letter or a
//! misplaced line is found where it is.
//!
//! `P1  QPZR Y9X8 GF2T VDW0  S3JN54`: kind and number, up to 16 letters of the key's own text, 6
//! check letters. `E4  …` is the last line; its letters check all lines before it.

use bech32::primitives::iter::Fe32IterExt as _;
use bech32::{Bech32, Fe32, Hrp};
use keystead::{ErrorKind, Keys, MasterKey, RecordKind};
use zeroize::Zeroizing;

use crate::failure::{Failure, Result};
use crate::pasted::SECRETS;

/// Kinds of key on paper: their letter, and what their text begins with (SPEC R43).
const KINDS: [(char, &str); 2] = [('P', "AGE-SECRET-KEY-PQ-1"), ('S', "KEYSTEAD-SYMMETRIC-KEY-1")];
/// The last line.
const END: char = 'E';
/// Letters of a key's text after its prefix: 32 bytes and Bech32's own checksum.
const KEY: usize = 58;
const LINE: usize = 16;
const GROUP: usize = 4;
/// Width of a full line in its groups.
const WIDTH: usize = LINE + LINE / GROUP - 1;
const CHECK: usize = 6;
/// Letters of a full line, and of the last one of a key, with their check letters.
const FULL: usize = LINE + CHECK;
const SHORT: usize = KEY % LINE + CHECK;

/// Returns the lines to print.
pub(crate) fn lines(keys: &Keys) -> Result<Vec<Zeroizing<String>>> {
    let mut lines = Vec::new();
    let mut all = Zeroizing::new(String::new());
    for key in keys.iter() {
        let text = key.expose_secret_text()?;
        let found = KINDS.iter().find_map(|(kind, start)| Some((*kind, text.strip_prefix(start)?)));
        let (kind, letters) =
            found.ok_or_else(|| wrong("a key of a kind that has no paper form"))?;
        for part in letters.as_bytes().chunks(LINE) {
            let part = Zeroizing::new(String::from_utf8_lossy(part).into_owned());
            lines.push(line(kind, lines.len() + 1, &part)?);
            all.push_str(&part);
        }
    }
    let check = check(END, lines.len(), &all)?;
    let label = format!("{END}{}", lines.len());
    lines.push(Zeroizing::new(format!("{label:<4}{:<WIDTH$}  {check}", "")));
    Ok(lines)
}

fn line(kind: char, number: usize, letters: &str) -> Result<Zeroizing<String>> {
    let mut groups = Zeroizing::new(String::with_capacity(2 * LINE));
    for (index, letter) in letters.chars().enumerate() {
        if index > 0 && index % GROUP == 0 {
            groups.push(' ');
        }
        groups.push(letter);
    }
    let label = format!("{kind}{number}");
    let check = check(kind, number, letters)?;
    Ok(Zeroizing::new(format!("{label:<4}{:<WIDTH$}  {check}", groups.as_str())))
}

/// Returns whether a text is a key on paper and not a key file.
pub(crate) fn is_paper(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| is_typed(line));
    first.and_then(|line| line.split_whitespace().next()).is_some_and(|label| {
        KINDS.iter().any(|(kind, _)| label.eq_ignore_ascii_case(&format!("{kind}1")))
    })
}

/// Returns whether a text is one line of a key on paper, with its letters.
pub(crate) fn is_line(text: &str) -> bool {
    let upper = Zeroizing::new(text.trim().to_ascii_uppercase());
    let Some((label, rest)) = upper.split_once(char::is_whitespace) else { return false };
    let letters = rest.chars().filter(|c| !c.is_whitespace() && *c != '-');
    let is_letter = |letter: char| Fe32::from_char(letter).is_ok();
    let is_key = KINDS.iter().any(|(kind, _)| label.starts_with(*kind)) && is_label(label);
    is_key && letters.clone().all(is_letter) && matches!(letters.count(), SHORT | FULL)
}

/// Returns whether a word looks like the label of a line, so that a message may repeat it: anything
/// else may be a part of a secret.
fn is_label(word: &str) -> bool {
    let digits = word.strip_prefix(['P', 'S', END]).unwrap_or_default();
    (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether a line carries letters: comments and empty lines do not.
fn is_typed(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

/// Reads a key from paper, line by line.
#[derive(Default)]
pub(crate) struct Reader {
    lines: usize,
    all: Zeroizing<String>,
    keys: Vec<(char, Zeroizing<String>)>,
}

impl Reader {
    /// Takes one line. Returns the keys after the last one. A wrong line is an error that names it.
    pub(crate) fn take(&mut self, typed: &str) -> Result<Option<Keys>> {
        let typed = typed.trim();
        if !is_typed(typed) {
            return Ok(None);
        }
        let upper = Zeroizing::new(typed.to_ascii_uppercase());
        let (label, rest) = upper.split_once(char::is_whitespace).unwrap_or((&upper, ""));
        let rest: Zeroizing<String> =
            Zeroizing::new(rest.chars().filter(|c| !c.is_whitespace() && *c != '-').collect());
        if label == format!("{END}{}", self.lines) && self.lines > 0 {
            return self.end(label, &rest).map(Some);
        }
        let kind = self.kind(label)?;
        let letters = self.checked(kind, label, &rest)?;
        self.lines += 1;
        self.all.push_str(&letters);
        match self.keys.last_mut() {
            Some((_, key)) if key.len() < KEY => key.push_str(&letters),
            _ => self.keys.push((kind, letters)),
        }
        Ok(None)
    }

    /// Returns the failure for input that ends too early.
    pub(crate) fn missing(&self) -> Failure {
        if self.lines == 0 {
            return wrong("no line of a key on paper").hint("they begin with P1 or S1");
        }
        wrong(format!("line {END}{} is missing", self.lines))
            .hint("it is the last one of the paper; all lines before it are right")
    }

    /// Returns the kind of key that the label of this line states.
    fn kind(&self, label: &str) -> Result<char> {
        let number = self.lines + 1;
        let unfinished = self.keys.last().filter(|(_, key)| key.len() < KEY).map(|(kind, _)| *kind);
        let mut kinds = KINDS.iter().map(|(kind, _)| *kind);
        let kind = kinds.find(|kind| label == format!("{kind}{number}"));
        match (kind, unfinished) {
            (Some(kind), None) => Ok(kind),
            (Some(kind), Some(wanted)) if kind == wanted => Ok(kind),
            (_, wanted) => {
                let wanted = match wanted {
                    Some(kind) => format!("{kind}{number}"),
                    None => format!("P{number} or S{number}"),
                };
                let what = format!("line {wanted} was expected");
                if is_label(label) {
                    return Err(wrong(format!("{what}, not {label:?}"))
                        .hint("type the lines in their order, each with its letter and number"));
                }
                Err(wrong(what).hint(match SECRETS.iter().any(|start| label.starts_with(start)) {
                    true => "this is the text of a key, not a paper: a file with this text is a key file already",
                    false => "each line begins with its letter and number, and a space",
                }))
            }
        }
    }

    /// Returns the letters of a line after checking them.
    fn checked(&self, kind: char, label: &str, rest: &str) -> Result<Zeroizing<String>> {
        if let Some(other) = rest.chars().find(|letter| Fe32::from_char(*letter).is_err()) {
            return Err(wrong(format!("line {label}: {:?} is no letter of a key on paper", other))
                .hint("1, B, I and O are not used: 7 or L, 8, J and 0 look like them"));
        }
        let done = self.keys.last().map_or(0, |(_, key)| key.len() % KEY);
        let len = LINE.min(KEY - done);
        if rest.len() != len + CHECK {
            let what = format!("line {label}: {} letters, but it has {}", rest.len(), len + CHECK);
            return Err(wrong(what).hint("compare it with the paper; spaces do not count"));
        }
        let (letters, typed) = rest.split_at(len);
        if check(kind, self.lines + 1, letters)? != typed {
            return Err(wrong(format!("line {label}: a letter is wrong")).hint(
                "compare it with the paper, letter by letter; the lines before it are right",
            ));
        }
        Ok(Zeroizing::new(letters.to_owned()))
    }

    fn end(&self, label: &str, typed: &str) -> Result<Keys> {
        if check(END, self.lines, &self.all)? != typed {
            return Err(wrong(format!(
                "line {label}: a letter is wrong, or lines of two papers are mixed"
            ))
            .hint("compare it with the paper"));
        }
        let mut keys = Keys::new();
        for (kind, letters) in &self.keys {
            let start = KINDS.iter().find(|(letter, _)| letter == kind).map(|(_, start)| *start);
            let text = Zeroizing::new(format!("{}{}", start.unwrap_or_default(), &**letters));
            let key = MasterKey::from_text(&text);
            keys = keys.and(key.map_err(|_| wrong("lines of two papers are mixed"))?);
        }
        Ok(keys)
    }
}

/// Returns Bech32's checksum over a line, as six letters.
fn check(kind: char, number: usize, letters: &str) -> Result<String> {
    let prefix = Hrp::parse(&format!("keystead-paper-{kind}{number}").to_ascii_lowercase());
    let prefix = prefix.map_err(|_| wrong("too many lines"))?;
    let values: std::result::Result<Vec<_>, _> = letters.chars().map(Fe32::from_char).collect();
    let values = Zeroizing::new(Letters(values.map_err(|_| wrong("a letter that is none"))?));
    let text: String = values.0.iter().copied().with_checksum::<Bech32>(&prefix).chars().collect();
    let text = Zeroizing::new(text);
    Ok(text[text.len().saturating_sub(CHECK)..].to_ascii_uppercase())
}

/// Letters of a secret.
struct Letters(Vec<Fe32>);

impl zeroize::Zeroize for Letters {
    fn zeroize(&mut self) {
        self.0.fill(Fe32::Q);
    }
}

fn wrong(what: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::KeyFile, what)
}

/// Returns what a key is called on paper.
pub(crate) fn named(key: &MasterKey) -> String {
    match key.kind() {
        RecordKind::Symmetric => format!("symmetric key {}", key.id()),
        kind => format!("{} key {}", kind.name(), key.id()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[String]) -> Result<Keys> {
        let mut reader = Reader::default();
        for line in lines {
            if let Some(keys) = reader.take(line)? {
                return Ok(keys);
            }
        }
        Err(reader.missing())
    }

    fn paper() -> (Keys, Vec<String>) {
        let keys =
            Keys::from(MasterKey::generate_pair().unwrap()).and(MasterKey::generate().unwrap());
        let lines = lines(&keys).unwrap();
        (keys, lines.iter().map(|line| line.to_string()).collect())
    }

    #[test]
    fn paper_gives_the_same_keys() {
        let (keys, lines) = paper();
        assert_eq!(lines.len(), 9);
        assert!(is_paper(&lines.join("\n")));
        let sloppy: Vec<_> =
            lines.iter().map(|line| format!("  {} ", line.to_lowercase())).collect();
        for lines in [&lines, &sloppy] {
            let back = read(lines).unwrap();
            let ids = |keys: &Keys| keys.iter().map(MasterKey::id).collect::<Vec<_>>();
            assert_eq!(ids(&back), ids(&keys));
            for (back, key) in back.iter().zip(keys.iter()) {
                assert_eq!(*back.expose_secret_text().unwrap(), *key.expose_secret_text().unwrap());
            }
        }
    }

    #[test]
    fn every_wrong_letter_is_found_in_its_line() {
        let (_, lines) = paper();
        for (index, line) in lines.iter().enumerate() {
            let label = line.split(' ').next().unwrap();
            for (at, letter) in line.char_indices().skip(label.len()).filter(|(_, c)| *c != ' ') {
                let mut typed = lines.clone();
                let other = if letter == 'Q' { "P" } else { "Q" };
                typed[index].replace_range(at..=at, other);
                let failure = read(&typed).unwrap_err();
                assert_eq!(failure.class, ErrorKind::KeyFile);
                assert!(failure.message.contains(&format!("line {label}:")), "{}", failure.message);
            }
        }
    }

    #[test]
    fn lines_in_the_wrong_place_are_found() {
        let (_, lines) = paper();
        for index in 0..lines.len() {
            let mut typed = lines.clone();
            typed.remove(index);
            assert!(read(&typed).is_err(), "{index}");
        }
        let mut typed = lines.clone();
        typed.swap(1, 2);
        assert!(read(&typed).unwrap_err().message.contains("line P2 was expected"));
        let (_, other) = paper();
        typed = [&lines[..2], &other[2..]].concat();
        assert!(read(&typed).unwrap_err().message.contains("lines of two papers"));
    }
}
