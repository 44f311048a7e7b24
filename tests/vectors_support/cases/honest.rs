//! Objects that an honest writer makes: every kind of key, sizes around the chunk, context,
//! metadata, location, room.

use std::collections::BTreeMap;

use keystead::{Context, EncryptOptions, Location, Metadata, Recipients, hazmat};
use rand_chacha::rand_core::Rng;

use super::super::forge::{Forge, rng, text};
use super::super::keys::{Key, passphrase};
use super::super::vector::{Vector, object};
use super::{alice, bob, carol, dave, words};

type Strings = &'static [(&'static str, &'static str)];

#[derive(Clone)]
struct Honest {
    name: String,
    rules: &'static str,
    comment: String,
    keys: Vec<Key>,
    anonymous: bool,
    label: &'static str,
    /// Which of the keys reads.
    reader: usize,
    len: usize,
    stated: bool,
    context: Strings,
    metadata: &'static [(&'static str, &'static [u8])],
    location: Option<(&'static str, &'static str)>,
    header_len: Option<usize>,
}

fn honest(name: &str, rules: &'static str, comment: &str, keys: &[Key], len: usize) -> Honest {
    Honest {
        name: name.to_owned(),
        rules,
        comment: comment.to_owned(),
        keys: keys.to_vec(),
        anonymous: false,
        label: "",
        reader: 0,
        len,
        stated: true,
        context: &[],
        metadata: &[],
        location: None,
        header_len: None,
    }
}

impl Honest {
    fn forge(&self) -> Forge {
        let mut forge = Forge::new(&self.name, &text(self.len));
        if !self.stated {
            forge.length = None;
        }
        if !self.context.is_empty() {
            forge = forge.context(self.context);
        }
        if !self.metadata.is_empty() {
            forge = forge.metadata(self.metadata);
        }
        if let Some((store, path)) = self.location {
            forge = forge.at(store, path);
        }
        for key in &self.keys {
            let mut record = forge.record(key).label(self.label.as_bytes());
            if self.anonymous {
                record = record.anonymous();
            }
            forge.records.push(record);
        }
        match self.header_len {
            Some(len) => forge.room(len),
            None => forge,
        }
    }

    fn vector(&self) -> Vector {
        let forge = self.forge();
        let reader = &self.keys[self.reader];
        let made = object(&self.name, self.rules, &self.comment, forge.object());
        made.with(reader).expecting("exact", self.context).opens(&forge, reader)
    }

    /// The same by the library from the same randomness.
    fn by_the_library(&self) -> Vec<u8> {
        let recipients: Recipients = (self.keys.iter())
            .map(|key| key.recipient().with_label(self.label))
            .map(|recipient| if self.anonymous { recipient.anonymous() } else { recipient })
            .collect();
        let context: Context = self.context.iter().copied().collect();
        let metadata = self.metadata.iter().fold(Metadata::new(), |m, (n, v)| m.with(*n, *v));
        let mut options = EncryptOptions::new().metadata(metadata);
        if self.stated {
            options = options.plaintext_len(u64::try_from(self.len).unwrap());
        }
        if let Some((store, path)) = self.location {
            let (store, path) = (store.to_owned(), path.to_owned());
            options = options.location(Location { store, path });
        }
        if let Some(len) = self.header_len {
            options = options.header_len(len);
        }
        let mut randomness = vec![0; 4_096];
        rng(&self.name).fill_bytes(&mut randomness);
        let text = text(self.len);
        hazmat::encrypt_with_randomness(&recipients, &text, &context, &options, &randomness)
            .unwrap()
    }
}

fn all() -> Vec<Honest> {
    let mut all = Vec::new();
    for len in [0, 1, 16_383, 16_384, 16_385, 32_768, 40_000] {
        let comment = format!("{len} bytes of plaintext, the length stated");
        all.push(honest(&format!("size-{len}"), "R30 R31 R32", &comment, &[alice()], len));
    }
    for len in [0, 16_384, 40_000] {
        let comment = format!("{len} bytes of plaintext, the length not stated");
        let name = format!("size-{len}-unstated");
        let made = honest(&name, "R9 R31 R32", &comment, &[alice()], len);
        all.push(Honest { stated: false, ..made });
    }
    let kinds = [("symmetric", alice()), ("pair", carol()), ("passphrase", words())];
    for (name, key) in kinds {
        let comment = format!("one {name} record with a label");
        let rules = if name == "passphrase" { "R25 R29 R39" } else { "R25 R39 R40 R41" };
        let made = honest(&format!("kind-{name}"), rules, &comment, std::slice::from_ref(&key), 33);
        all.push(Honest { label: "backup in the safe", ..made.clone() });
        if name != "passphrase" {
            let (name, comment) =
                (format!("{}-anonymous", made.name), made.comment + ", anonymous");
            all.push(Honest {
                anonymous: true,
                rules: "R23 R36",
                name,
                comment,
                ..made_again(key)
            });
        }
    }
    let mixed = [alice(), carol(), words(), dave(), bob()];
    for (reader, name) in [(0, "symmetric"), (1, "pair"), (2, "passphrase"), (3, "second-pair")] {
        let comment = format!("five records of three kinds, read with the {name} key");
        let name = format!("five-records-{name}");
        let made = honest(&name, "R20 R36 R39", &comment, &mixed, 100);
        all.push(Honest { reader, ..made });
    }
    all.extend(statements());
    all
}

fn made_again(key: Key) -> Honest {
    honest("", "", "", &[key], 33)
}

fn statements() -> Vec<Honest> {
    let one = |name, rules, comment| honest(name, rules, comment, &[alice()], 12);
    vec![
        Honest {
            context: &[("invoice", "42"), ("tenant", "acme")],
            ..one("context-two-pairs", "R11 R12 R37", "a context of two pairs")
        },
        Honest {
            context: &[("a", ""), ("ab", "x"), ("b", "line\nend\0nul")],
            ..one(
                "context-values-of-any-text",
                "R12",
                "an empty value, a name that begins another, control characters",
            )
        },
        Honest {
            context: &[("\u{ffff}", "1"), ("\u{10000}", "2")],
            ..one(
                "context-order-is-of-bytes",
                "R12",
                "U+FFFF stands before U+10000 in UTF-8, behind it in UTF-16",
            )
        },
        Honest {
            context: &[("e\u{301}", "decomposed"), ("\u{e9}", "composed")],
            ..one(
                "context-unicode-is-not-normalised",
                "R2 R12",
                "two forms of one letter are two names",
            )
        },
        Honest {
            metadata: &[
                ("keystead.media-type", b"application/pdf"),
                ("keystead.modified", b"2026-01-02T03:04:05Z"),
                ("keystead.name", b"report.pdf"),
                ("own", b"\x00\xff\xfe"),
            ],
            ..one(
                "metadata-reserved-names",
                "R14 R15 R16",
                "the three reserved names and a value that is not text",
            )
        },
        Honest {
            metadata: &[("n", b"")],
            ..one("metadata-shortest", "R14", "sealed metadata of 20 bytes")
        },
        Honest {
            context: &[("tenant", "acme")],
            metadata: &[("keystead.name", b"a")],
            location: Some(("archive", "2026/report.pdf")),
            header_len: Some(1_024),
            stated: false,
            ..one(
                "everything-at-once",
                "R6 R9 R19 R33",
                "context, metadata, location and a header with room",
            )
        },
        Honest {
            header_len: Some(65_536),
            ..one("header-65536-bytes", "R6", "the longest header: room for later records")
        },
        honest(
            "passphrase-with-spaces",
            "R29",
            "a passphrase is used as given: spaces at both ends",
            &[passphrase("  two words  ")],
            12,
        ),
        honest(
            "passphrase-4096-bytes",
            "R29",
            "the longest passphrase",
            &[passphrase(&"long ".repeat(820)[..4_096])],
            12,
        ),
    ]
}

pub fn vectors() -> Vec<Vector> {
    all().iter().map(Honest::vector).collect()
}

/// Compares each honest object with the library's; gives their number.
pub fn library_makes_the_same() -> usize {
    let mut seen = BTreeMap::new();
    for case in all() {
        let same = case.forge().object() == case.by_the_library();
        assert!(same, "the library makes another {}", case.name);
        seen.insert(case.name, ());
    }
    seen.len()
}
