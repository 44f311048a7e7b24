//! Objects changed in their structure with the data key at hand, so that tags are right all the same
//! and what lies after them is reached.

use keystead::{Context, Floor, Location};

use crate::choices::Choices;
use crate::crypto::{GcmKey, gcm_seal};
use crate::forge::{Forge, Rec, pairs};
use crate::pool::{POOL, Ring};
use crate::reference::body::{CHUNK, PREFIX, SEALED_CHUNK};
use crate::reference::{Demand, Pairs};

/// An object, and who opens it with which demands.
pub struct Case {
    pub object: Vec<u8>,
    pub ring: &'static Ring,
    pub demand: Demand,
}

const STORE: (&str, &str) = ("store", "folder/name");

/// Chunks of a batch in the library, which threads take one at a time.
const BATCH: usize = 64;

/// A plaintext without the bytes 0 and 0xee, so that it cannot be taken for a buffer that was wiped
/// or never written.
pub fn plaintext(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from((i * 7 + i / CHUNK * 13) % 199 + 1).unwrap()).collect()
}

fn text_len(c: &mut Choices<'_>) -> usize {
    let near = [0, 1, 17, 5_000, CHUNK - 1];
    let rest = *c.pick(&near);
    if c.lottery(0, 4_096) {
        // More than one thread opens buffers and ranges from 8 MiB on.
        return 8 * BATCH * CHUNK + c.below(3) * BATCH * CHUNK + rest;
    }
    if c.lottery(1, 96) {
        return BATCH * CHUNK * (1 + c.below(3)) + c.below(3) * CHUNK + rest;
    }
    c.below(4) * CHUNK + rest
}

/// An object for one of the sets of keys of the pool, changed here and there.
pub fn case(c: &mut Choices<'_>) -> Case {
    let text = plaintext(text_len(c));
    let mut forge = Forge::new(&c.name(), &[]);
    forge.length = Some(u64::try_from(text.len()).unwrap());
    change_statement(c, &mut forge);
    change_access(c, &mut forge);
    let header = forge.header();
    let (key, commitment) = forge.body_keys();
    let own =
        Floor { commitment, generation: forge.generation, tag: *header.last_chunk().unwrap() };

    let chunks = chunks(c, &key, &text);
    let prefix = prefix(c, &forge);
    let mut object = [header, prefix, chunks].concat();
    damage(c, &mut object);
    let ids = forge.records.iter().map(|record| record.id);
    let ring = pick_ring(c, ids.filter(|id| *id != [0; 16]));
    let demand = demand(c, &forge, own);
    Case { object, ring, demand }
}

fn change_statement(c: &mut Choices<'_>, forge: &mut Forge) {
    let len = forge.length.unwrap_or(0);
    match c.below(16) {
        0..=6 => {}
        7..=12 => forge.length = None,
        13 => forge.length = Some(len + 1),
        14 => forge.length = Some(len.saturating_sub(1 + 16_383 * u64::from(c.byte() % 3))),
        _ => {
            let odd = [0, len + 16_384, (len / 16_384) * 16_384, (1 << 52) - 1, 1 << 52, u64::MAX];
            forge.length = Some(*c.pick(&odd));
        }
    }
    forge.context = context(c);
    if forge.context.is_some() && c.one_in(64) {
        forge.context_len = Some(u16::from_be_bytes(c.bytes()));
    }
    let many: Vec<_> = (0..65).map(|i| (format!("{i:02}"), "")).collect();
    let long = vec![7; 16_384 - 16 - 4 + c.below(3)];
    match c.below(64) {
        0..=32 => {}
        33..=43 => forge.metadata = Some(pairs(&[("keystead.name", "a.txt")])),
        44..=56 => forge.metadata = Some(pairs(&[("keystead.name", "a.txt"), ("n", "\0")])),
        57 => forge.metadata = Some(pairs(&[("b", "1"), ("a", "2")])),
        58 => forge.metadata = Some(pairs(&many)),
        59 => forge.metadata = Some(pairs(&many[..64])),
        60 => forge.metadata = Some(pairs(&[("a", long)])),
        61 => forge.sealed_metadata = Some(vec![9; 18 + c.below(4)]),
        62 => forge.metadata = Some(Vec::new()),
        _ => {
            forge.metadata = Some(pairs(&[("a", "b")]));
            forge.metadata_len = Some(u16::from_be_bytes(c.bytes()) % 64);
        }
    }
    if c.one_in(128) {
        forge.flags = Some(c.byte());
    }
}

fn context(c: &mut Choices<'_>) -> Option<Vec<u8>> {
    let many: Vec<_> = (0..65).map(|i| (format!("{i:02}"), "")).collect();
    let made = match c.below(64) {
        0..=31 => return None,
        32..=43 => pairs(&[("invoice", "42")]),
        44..=54 => pairs(&[("invoice", "42"), ("tenant", "acme")]),
        55 => pairs(&[("keystead.type", "key-file")]),
        56 => pairs(&many[..64]),
        57 => pairs(&many),
        58 => pairs(&[("tenant", "acme"), ("invoice", "42")]),
        59 => pairs(&[("invoice", "42"), ("invoice", "42")]),
        60 => pairs(&[("invoice", b"\xff")]),
        61 => pairs(&[("a", vec![b'x'; 16_384 - 4 + c.below(2)])]),
        62 => pairs(&[("", "x")]),
        _ => Vec::new(),
    };
    Some(made)
}

fn change_access(c: &mut Choices<'_>, forge: &mut Forge) {
    forge.generation = match c.below(8) {
        0..=3 => 0,
        4 => 7,
        5 => 1 << 20,
        6 => (1 << 20) + 1,
        _ => u64::MAX - u64::from(c.byte() % 2),
    };
    if c.one_in(3) {
        let (store, path) = if c.one_in(4) { ("other", "name") } else { STORE };
        *forge = forge.clone().at(store, path);
    }
    // An anonymous pair costs a KEM operation for each key and each way, so it is rare.
    let lists = [
        "a", "p", "a p", "b a", "q a b", "p q", "a*", "u a", "a u v", "a", "p", "b a", "p a", "c",
        "b*", "a u", "q", "v p", "a b c", "p* a*", "q p* b*",
    ];
    for word in c.pick(&lists).split(' ') {
        let name = word.trim_end_matches('*');
        let mut record = match name {
            "u" => Rec::raw(4, &c.bytes::<5>()),
            "v" => Rec::raw(200, b""),
            name => POOL.record(forge, name, c),
        };
        if word.ends_with('*') {
            record = record.anonymous();
        }
        forge.records.push(record);
    }
    match c.below(128) {
        0..=101 => {}
        102..=116 => forge.padding = Some(vec![0; padding(forge) + 8 * c.below(200)]),
        117 => forge.padding = Some(vec![0; padding(forge) + 60_000 + 8 * c.below(1_000)]),
        118 => forge.padding = Some(vec![1; padding(forge) + 8]),
        119 => forge.tag_key = Some([7; 32]),
        120 => forge.access_flags = Some(c.byte()),
        121 => forge.count = Some(c.byte() % 24),
        122 => forge.version = c.byte(),
        123 => forge.suite = c.byte(),
        124 => forge.units = Some(u16::from_be_bytes(c.bytes())),
        125 => forge.magic[c.below(5)] ^= c.byte(),
        126 => forge.records[0].bound_to = Some([1; 16]),
        _ => forge.records[0].data_key = Some([1; 32]),
    }
}

/// Zeros that fill up to a multiple of 8.
fn padding(forge: &Forge) -> usize {
    let mut bare = forge.clone();
    bare.padding = Some(Vec::new());
    let fields = bare.header().len();
    fields.next_multiple_of(8) - fields
}

pub fn seal_chunk((key, base): &GcmKey, index: usize, text: &[u8]) -> Vec<u8> {
    let mut nonce = *base;
    let index = u64::try_from(index).unwrap().to_be_bytes();
    nonce[4..].iter_mut().zip(index).for_each(|(n, i)| *n ^= i);
    gcm_seal(key, nonce, b"", text)
}

/// The chunks of a text, some of them moved, left out or made anew with right tags.
fn chunks(c: &mut Choices<'_>, key: &GcmKey, text: &[u8]) -> Vec<u8> {
    let mut texts: Vec<&[u8]> = text.chunks(CHUNK).collect();
    if text.len().is_multiple_of(CHUNK) {
        texts.push(&[]);
    }
    let mut chunks: Vec<_> =
        texts.iter().enumerate().map(|(index, text)| seal_chunk(key, index, text)).collect();
    let edits = [0, 0, 0, 1, 1, 1, 2, 3];
    for _ in 0..*c.pick(&edits) {
        if chunks.is_empty() {
            break;
        }
        let at = place(c, chunks.len());
        let other = place(c, chunks.len());
        let end = chunks.len();
        match c.below(14) {
            0 => drop(chunks.remove(at)),
            1 => chunks.insert(at, chunks[other].clone()),
            2 => chunks.swap(at, other),
            // Right tags at their places, wrong lengths.
            3 => chunks.insert(at, seal_chunk(key, at, &text[..text.len().min(c.below(CHUNK))])),
            4 => chunks[at] = seal_chunk(key, at, &text[..text.len().min(c.below(CHUNK))]),
            5 => chunks[at] = seal_chunk(key, at, b""),
            6 => chunks.push(seal_chunk(key, end, b"")),
            7 => chunks.push(seal_chunk(key, end, &text[..text.len().min(CHUNK)])),
            8 => chunks[end - 1] = seal_chunk(key, end - 1, &plaintext(CHUNK)),
            9 => drop(chunks.pop()),
            // Another number.
            10 => chunks[at] = seal_chunk(key, other, texts.get(at).unwrap_or(&&b""[..])),
            11 => chunks[at].truncate(c.below(40)),
            12 => {
                let bit = c.below(chunks[at].len() * 8);
                if let Some(byte) = chunks[at].get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            // All of it once more, as the chunks that would follow.
            _ => {
                let more = texts.iter().take(3).enumerate();
                let more: Vec<_> = more.map(|(i, text)| seal_chunk(key, end + i, text)).collect();
                chunks.extend(more);
            }
        }
    }
    chunks.concat()
}

/// The ends of a list, where things go wrong, or anywhere.
fn place(c: &mut Choices<'_>, len: usize) -> usize {
    match c.below(4) {
        0 => len - 1,
        1 => 0,
        2 => BATCH.saturating_sub(c.below(2)).min(len - 1),
        _ => c.below(len),
    }
}

fn prefix(c: &mut Choices<'_>, forge: &Forge) -> Vec<u8> {
    let mut prefix = forge.prefix();
    match c.below(40) {
        // Another salt with its own commitment: only the chunks fail.
        37 => {
            let mut other = forge.clone();
            other.salt = [7; 24];
            prefix = other.prefix();
        }
        38 => prefix[..24].fill(7),
        39 => prefix[c.below(56)] ^= 1 << c.below(8),
        _ => {}
    }
    prefix
}

/// Bytes changed by who has no key: a cut, something after the end, a bit.
fn damage(c: &mut Choices<'_>, object: &mut Vec<u8>) {
    match c.below(24) {
        18 => {
            let keep = c.below(object.len() + 1);
            object.truncate(keep);
        }
        // Near the start, where the fields are; near the end, where the lengths are.
        19 => object.truncate(c.below(600)),
        20 => {
            let cut = c.below(40).min(object.len());
            object.truncate(object.len() - cut);
        }
        21 => object.extend_from_slice(&vec![c.byte(); c.below(2 * SEALED_CHUNK)]),
        22 => {
            let at = c.below(object.len());
            object[at] ^= c.byte();
        }
        23 => {
            let at = c.below(400).min(object.len() - 1);
            object[at] ^= c.byte();
        }
        _ => {}
    }
    let header = object
        .get(7..9)
        .map_or(0, |len| usize::from(u16::from_be_bytes(len.try_into().unwrap())) * 8);
    // A cut in the prefix or right after it.
    if c.one_in(64) {
        object.truncate(header.saturating_add(c.below(PREFIX + 20)));
    }
}

/// Most often a set that holds the first named key of a list.
pub fn pick_ring(c: &mut Choices<'_>, mut named: impl Iterator<Item = [u8; 16]>) -> &'static Ring {
    if c.one_in(6) {
        return c.pick(&POOL.rings);
    }
    let first = named.next();
    let holds = |ring: &Ring| ring.held.iter().any(|key| Some(key.id) == first);
    let fitting = POOL.rings.iter().filter(|ring| holds(ring) && !ring.has_passphrase);
    let fitting: Vec<_> = fitting.collect();
    if fitting.is_empty() { &POOL.rings[1] } else { fitting[c.below(fitting.len())] }
}

/// What the caller demands: most often what the object has.
pub fn demand(c: &mut Choices<'_>, forge: &Forge, own: Floor) -> Demand {
    let mut demand = Demand::unchecked();
    let context = forge.context.as_ref().and_then(|bytes| {
        let pairs = crate::reference::header::pairs(bytes, true).ok()?;
        Some(pairs.into_iter().map(|(n, v)| (n, String::from_utf8(v).unwrap())).collect())
    });
    demand.context = context.unwrap_or_default();
    let one = |name, value| Context::from([(name, value)]);
    match c.below(32) {
        0..=4 => {}
        5..=20 => demand.pairs = Pairs::Exactly,
        21..=26 => demand.pairs = Pairs::Included,
        // Fewer pairs than an object may have, other pairs, another value.
        27 => (demand.pairs, demand.context) = (Pairs::Exactly, Context::new()),
        28 => (demand.pairs, demand.context) = (Pairs::Exactly, one("invoice", "42")),
        29 => (demand.pairs, demand.context) = (Pairs::Included, one("invoice", "42")),
        30 => (demand.pairs, demand.context) = (Pairs::Included, one("tenant", "acme")),
        _ => (demand.pairs, demand.context) = (Pairs::Exactly, one("invoice", "43")),
    }
    let place =
        |store: &str, path: &str| Location { store: store.to_owned(), path: path.to_owned() };
    match c.below(32) {
        29..=30 => demand.location = Some(place(STORE.0, STORE.1)),
        31 => demand.location = Some(place("store", "")),
        _ => {}
    }
    let near = |by: u64| Floor { generation: own.generation.wrapping_sub(by), ..own };
    demand.floor = match c.below(40) {
        0..=15 => None,
        16..=27 => Some(own),
        28 => Some(near(1)),
        29 => Some(near(u64::MAX)),
        30 => Some(near(1 << 20)),
        31 => Some(near((1 << 20) + 1)),
        32 => Some(Floor { tag: [1; 32], ..own }),
        33 => Some(Floor { commitment: [1; 32], ..own }),
        34 => Some(Floor { generation: 0, tag: [1; 32], ..own }),
        _ => Some(Floor { generation: u64::from_be_bytes(c.bytes()), ..own }),
    };
    demand.held = c.one_in(16);
    demand
}
