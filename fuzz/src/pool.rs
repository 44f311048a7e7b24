//! Keys, sets of keys and run keys that all inputs share, for making them takes longer than using them.

use std::sync::LazyLock;

use keystead::{KeyFile, Keys, PublicKey, Recipient, Recipients, RecordKind};

use crate::choices::Choices;
use crate::crypto::{encapsulate, hpke_seal};
use crate::forge::{Forge, Rec, draw, rng};
use crate::keys::{self, Key};

/// Keys by name: a to d are symmetric, p to s pairs, x and y passphrases, m0 to m59 symmetric.
pub struct Pool {
    keys: Vec<(String, Key)>,
    runs: Vec<(String, Vec<Run>)>,
    pub rings: Vec<Ring>,
    /// The sets with one key each.
    pub single: Vec<Ring>,
    /// What a rewrap adds.
    pub added: Vec<Added>,
}

/// A run key, sealed for one pair.
pub struct Run {
    pub parameters: Vec<u8>,
    pub wrapping: [u8; 32],
}

/// The keys of the library, and its secret keys in the same order.
pub struct Ring {
    pub names: Vec<String>,
    pub ring: Keys,
    pub held: Vec<Key>,
    pub has_passphrase: bool,
}

/// Recipients that a rewrap adds, and what their records must show.
pub struct Added {
    pub recipients: Recipients,
    pub records: Vec<AddedRecord>,
}

#[derive(Clone)]
pub struct AddedRecord {
    pub name: String,
    pub kind: RecordKind,
    /// Id of the key; the record shows it unless it is anonymous.
    pub id: [u8; 16],
    pub anonymous: bool,
    pub label: String,
}

const RINGS: [&str; 26] = [
    "a",
    "a p",
    "p",
    "b",
    "p a",
    "p q",
    "a b",
    "b a",
    "q",
    "a b c p q",
    "q p c b a",
    "",
    "P",
    "P a",
    "a x",
    "x",
    "x a",
    "x y",
    "y x",
    "y",
    "p x",
    "q p",
    "c",
    "d r",
    "d b q",
    "many",
];

const ADDED: [&str; 16] = [
    "d",
    "r",
    "R",
    "d r",
    "b",
    "q",
    "a",
    "p",
    "d* r*",
    "R*",
    "d=label",
    "d r b q c",
    "x",
    "d x",
    "x y",
    "r* r=label",
];

pub static POOL: LazyLock<Pool> = LazyLock::new(Pool::new);

impl Pool {
    fn new() -> Self {
        let mut keys: Vec<(String, Key)> = Vec::new();
        for name in ["a", "b", "c", "d"] {
            keys.push((name.to_owned(), keys::symmetric(name)));
        }
        for name in ["p", "q", "r", "s"] {
            keys.push((name.to_owned(), keys::pair(name)));
        }
        for name in ["x", "y"] {
            keys.push((name.to_owned(), keys::passphrase(name)));
        }
        for number in 0..60 {
            let name = format!("m{number}");
            keys.push((name.clone(), keys::symmetric(&name)));
        }
        let mut pool =
            Self { keys, runs: Vec::new(), rings: vec![], single: vec![], added: vec![] };
        for name in ["p", "q", "r", "s"] {
            let runs = (0..3).map(|number| run(pool.key(name), &format!("{name}{number}")));
            pool.runs.push((name.to_owned(), runs.collect()));
        }
        pool.rings = RINGS.map(|names| pool.ring(names)).into();
        pool.single = ["a", "b", "c", "d", "p", "q", "r", "m0"].map(|name| pool.ring(name)).into();
        pool.added = ADDED.map(|names| pool.new_recipients(names)).into();
        pool
    }

    pub fn key(&self, name: &str) -> &Key {
        &self.keys.iter().find(|(other, _)| other == name).expect("a key of the pool").1
    }

    /// An honest record for a key; a pair's run key is one of those that were sealed before.
    pub fn record(&self, forge: &mut Forge, name: &str, choices: &mut Choices<'_>) -> Rec {
        let key = self.key(name);
        if key.kind != RecordKind::Pair {
            return forge.record(key);
        }
        let runs = &self.runs.iter().find(|(other, _)| other == name).expect("a pair").1;
        let run = choices.pick(runs);
        let mut record = Rec::raw(2, b"");
        record.payload = None;
        record.id = key.id;
        record.parameters.clone_from(&run.parameters);
        record.wrapping = run.wrapping;
        record.nonce = draw(&mut forge.rng);
        record
    }

    /// A capital letter is the public half of the pair.
    fn ring(&self, names: &str) -> Ring {
        let many = (0..60).map(|number| format!("m{number}")).collect::<Vec<_>>();
        let names = match names {
            "many" => many,
            _ => names.split_whitespace().map(str::to_owned).collect(),
        };
        let mut ring = Keys::new();
        let mut held = Vec::new();
        for name in &names {
            ring = ring.and(self.opening(name));
            if name.starts_with(|c: char| c.is_lowercase()) {
                held.push(self.key(name).clone());
            }
        }
        let has_passphrase = held.iter().any(|key| key.kind == RecordKind::Passphrase);
        Ring { names, ring, held, has_passphrase }
    }

    /// The key to open with; a public key in a key file opens nothing.
    fn opening(&self, name: &str) -> Keys {
        let key = self.key(&name.to_lowercase());
        if name.starts_with(|c: char| c.is_lowercase()) {
            return Keys::from(key.master());
        }
        KeyFile::parse(key.public_text().as_bytes()).expect("a key of the pool").keys()
    }

    fn recipient(&self, name: &str) -> Recipient {
        let key = self.key(&name.to_lowercase());
        if name.starts_with(|c: char| c.is_lowercase()) {
            return key.recipient();
        }
        PublicKey::from_text(&key.public_text()).expect("a key of the pool").into()
    }

    /// `*` is an anonymous record, `=` is in front of a label.
    fn new_recipients(&self, names: &str) -> Added {
        let mut added = Added { recipients: Recipients::new(), records: Vec::new() };
        for word in names.split_whitespace() {
            let (word, label) = word.split_once('=').unwrap_or((word, ""));
            let name = word.trim_end_matches('*');
            let mut recipient = self.recipient(name).with_label(label);
            let anonymous = word.ends_with('*');
            if anonymous {
                recipient = recipient.anonymous();
            }
            let (kind, id) = (recipient.kind(), *recipient.id().as_bytes());
            let before = added.recipients.len();
            added.recipients.push(recipient);
            if added.recipients.len() > before {
                let (name, label) = (name.to_lowercase(), label.to_owned());
                added.records.push(AddedRecord { name, kind, id, anonymous, label });
            }
        }
        added
    }
}

fn run(key: &Key, name: &str) -> Run {
    let mut rng = rng(name);
    let (public, _) = key.pair.as_ref().expect("a pair");
    let (enc, shared) = encapsulate(public, &draw(&mut rng), None);
    let wrapping: [u8; 32] = draw(&mut rng);
    let sealed = hpke_seal(&shared, b"keystead/v1/pair", b"", &wrapping);
    Run { parameters: [enc, sealed].concat(), wrapping }
}
