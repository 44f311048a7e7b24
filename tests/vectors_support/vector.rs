//! One vector: its fields, and its text as `tests/vectors/README.md` has it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::crypto::sha256;
use super::forge::Forge;
use super::keys::Key;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Input {
    Object,
    Armor,
    KeyFile,
}

#[derive(Clone)]
pub struct Vector {
    pub name: String,
    pub rules: String,
    pub comment: String,
    pub input: Input,
    pub bytes: Vec<u8>,
    pub expect: &'static str,
    pub keys: Vec<String>,
    pub passphrase: Option<String>,
    pub context: Option<&'static str>,
    pub pairs: Vec<(String, String)>,
    pub location: Option<(String, String)>,
    pub floor: Option<([u8; 32], u64, [u8; 32])>,
    pub released: Vec<u8>,
    /// Lines that only success has.
    pub outcome: Vec<(&'static str, String)>,
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn vector(name: &str, rules: &str, comment: &str, input: Input, bytes: Vec<u8>) -> Vector {
    Vector {
        name: name.to_owned(),
        rules: rules.to_owned(),
        comment: comment.to_owned(),
        input,
        bytes,
        expect: "",
        keys: Vec::new(),
        passphrase: None,
        context: None,
        pairs: Vec::new(),
        location: None,
        floor: None,
        released: Vec::new(),
        outcome: Vec::new(),
    }
}

/// A binary object.
pub fn object(name: &str, rules: &str, comment: &str, bytes: Vec<u8>) -> Vector {
    vector(name, rules, comment, Input::Object, bytes)
}

/// An armored object.
pub fn armor(name: &str, rules: &str, comment: &str, bytes: Vec<u8>) -> Vector {
    vector(name, rules, comment, Input::Armor, bytes)
}

/// A key file.
pub fn key_file(name: &str, rules: &str, comment: &str, bytes: Vec<u8>) -> Vector {
    vector(name, rules, comment, Input::KeyFile, bytes)
}

impl Vector {
    /// A key, or a passphrase, that the reader has.
    #[must_use]
    pub fn with(mut self, key: &Key) -> Self {
        match key.kind {
            keystead::RecordKind::Passphrase => self.passphrase = Some(key.text.clone()),
            _ => self.keys.push(key.text.clone()),
        }
        self
    }

    #[must_use]
    pub fn key_text(mut self, text: impl Into<String>) -> Self {
        self.keys.push(text.into());
        self
    }

    #[must_use]
    pub fn expecting(mut self, mode: &'static str, pairs: &[(&str, &str)]) -> Self {
        self.context = Some(mode);
        self.pairs = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        self
    }

    #[must_use]
    pub fn at(mut self, store: &str, path: &str) -> Self {
        self.location = Some((store.to_owned(), path.to_owned()));
        self
    }

    /// A floor that an earlier opening of `seen` gave, with another generation.
    #[must_use]
    pub fn floor(mut self, seen: &Forge, generation: u64) -> Self {
        self.floor = Some((seen.body_keys().1, generation, seen.tag()));
        self
    }

    /// Nothing is released.
    #[must_use]
    pub fn fails(self, class: &'static str) -> Self {
        self.fails_after(class, b"")
    }

    /// A stream has released this much.
    #[must_use]
    pub fn fails_after(mut self, class: &'static str, released: &[u8]) -> Self {
        self.expect = class;
        self.released = released.to_vec();
        self
    }

    /// The whole of an honest object comes out, by this key.
    #[must_use]
    pub fn opens(mut self, forge: &Forge, key: &Key) -> Self {
        self.expect = "success";
        self.released.clone_from(&forge.text);
        let grade = if key.kind == keystead::RecordKind::Pair { "anyone" } else { "held" };
        self.outcome.push(("opened-by", format!("{} {} {grade}", key.kind.name(), hex(&key.id))));
        for (name, value) in forge.metadata.iter().flat_map(|pairs| split_pairs(pairs)) {
            self.outcome.push(("metadata", format!("{}={}", hex(&name), hex(&value))));
        }
        self.outcome.push(("data-key", hex(&forge.data_key)));
        self.outcome.push(("statement-hash", hex(&forge.statement_hash())));
        self
    }

    /// A key file of these keys.
    #[must_use]
    pub fn holds(mut self, keys: &[&Key]) -> Self {
        self.expect = "success";
        let lines = keys.iter().map(|key| format!("{} {}", key.kind.name(), hex(&key.id)));
        self.outcome.extend(lines.map(|line| ("key-id", line)));
        self
    }

    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut field = |name: &str, value: &str| writeln!(out, "{name}: {value}").unwrap();
        field("comment", &self.comment);
        field("rule", &self.rules);
        field(
            "input",
            match self.input {
                Input::Object => "object",
                Input::Armor => "armor",
                Input::KeyFile => "keyfile",
            },
        );
        field("expect", self.expect);
        self.keys.iter().for_each(|key| field("key", key));
        self.passphrase.iter().for_each(|passphrase| field("passphrase", passphrase));
        self.context.iter().for_each(|context| field("context", context));
        for (name, value) in &self.pairs {
            field("pair", &format!("{}={}", hex(name.as_bytes()), hex(value.as_bytes())));
        }
        if let Some((store, path)) = &self.location {
            field("location", &format!("{} {}", hex(store.as_bytes()), hex(path.as_bytes())));
        }
        if let Some((commitment, generation, tag)) = &self.floor {
            field("floor", &format!("{} {generation} {}", hex(commitment), hex(tag)));
        }
        if self.input != Input::KeyFile {
            field("released", &self.released.len().to_string());
            field("sha256", &hex(&sha256(&[&self.released])));
        }
        self.outcome.iter().for_each(|(name, value)| field(name, value));
        out.push('\n');
        let base64 = STANDARD.encode(&self.bytes);
        for line in base64.as_bytes().chunks(64) {
            out.push_str(std::str::from_utf8(line).unwrap());
            out.push('\n');
        }
        out
    }
}

fn split_pairs(mut rest: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut out = Vec::new();
    while let [name, high, low, tail @ ..] = rest {
        let (name, tail) = tail.split_at(usize::from(*name));
        let (value, tail) = tail.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        out.push((name.to_vec(), value.to_vec()));
        rest = tail;
    }
    out
}
