//! Access lists made of records of all kinds, some of them damaged by someone who has the data key.

use keystead::{Floor, PassphraseCosts};

use super::derives;
use crate::choices::Choices;
use crate::forge::{FLOOR_COSTS, Forge, Rec, draw};
use crate::forging::{self, seal_chunk};
use crate::pool::{POOL, Ring};
use crate::reference::{Demand, Header};

/// An object with a small body.
pub(super) struct List {
    pub(super) object: Vec<u8>,
    pub(super) data_key: [u8; 32],
    pub(super) text: Vec<u8>,
    pub(super) demand: Demand,
    /// Whether this input may derive keys from passphrases.
    pub(super) argon2id: bool,
}

/// Ceilings of R29: above each of them, and below the floors.
const COSTS: [(u32, u32, u32); 8] = [
    FLOOR_COSTS,
    (PassphraseCosts::CEILING.memory_kib + 1, 2, 1),
    (19_456, 11, 1),
    (19_456, 2, 9),
    (1_048_576, 5, 1),
    (19_455, 2, 1),
    (19_456, 1, 1),
    (0, 1, 0),
];

pub(super) fn list(c: &mut Choices<'_>) -> List {
    let argon2id = c.lottery(2, 1_024);
    let text = forging::plaintext(c.below(40));
    let mut forge = Forge::new(&c.name(), &[]);
    forge.length = c.one_in(2).then(|| u64::try_from(text.len()).unwrap());
    forge.context = c.one_in(3).then(|| crate::forge::pairs(&[("invoice", "42")]));
    forge.metadata = c.one_in(3).then(|| crate::forge::pairs(&[("n", "v")]));
    forge.generation = *c.pick(&[0, 1, 1 << 20, u64::MAX - 1, u64::MAX]);
    if c.one_in(3) {
        forge = forge.at("store", "folder/name");
    }
    add_records(c, &mut forge, argon2id);
    if argon2id && forge.records.iter().all(|record| record.kind != 3) {
        let record = POOL.record(&mut forge, "x", c);
        forge.records.push(record);
    }
    for _ in 0..*c.pick(&[0, 0, 0, 1, 1, 2]) {
        change_record(c, &mut forge);
    }
    if c.one_in(3) {
        let zeros = forge.clone().set(|f| f.padding = Some(vec![])).header().len();
        let zeros = zeros.next_multiple_of(8) - zeros;
        forge.padding = Some(vec![0; zeros + 8 * c.below(400)]);
    }
    let mut header = forge.header();
    patch(c, &forge, &mut header);
    let (key, commitment) = forge.body_keys();
    let tag = *header.last_chunk().unwrap();
    let own = Floor { commitment, generation: forge.generation, tag };
    let demand = if c.one_in(3) { forging::demand(c, &forge, own) } else { Demand::unchecked() };
    let mut object = [header, forge.prefix(), seal_chunk(&key, 0, &text)].concat();
    if c.one_in(32) {
        let keep = object.len() - c.below(120).min(object.len());
        object.truncate(keep);
    }
    List { object, data_key: forge.data_key, text, demand, argon2id }
}

/// One to twenty records, and now and then one too many.
fn add_records(c: &mut Choices<'_>, forge: &mut Forge, argon2id: bool) {
    let names =
        ["a", "p", "b", "q", "c", "r", "d", "m0", "a*", "b*", "p*", "q*", "m0*", "u", "v", "x"];
    let count = match c.below(16) {
        0..=3 => 1,
        4..=11 => 1 + c.below(5),
        12..=14 => 1 + c.below(12),
        _ => 15 + c.below(7),
    };
    // Many anonymous records, for the bound on trials of R36.
    let anonymous = c.one_in(16);
    for _ in 0..count {
        let word = if anonymous { *c.pick(&["a*", "b*", "m1*"]) } else { *c.pick(&names) };
        let name = word.trim_end_matches('*');
        // Keys that are there already make FORMAT of a list, so few of them get in.
        let twice = |other: &Rec| match word {
            "u" | "v" => false,
            "x" => other.kind == 3,
            _ => !word.ends_with('*') && other.id == POOL.key(name).id,
        };
        if forge.records.iter().any(twice) && !c.one_in(32) {
            continue;
        }
        let mut record = match name {
            // A reserved kind, an origin, or one of the future, of any content.
            "u" => Rec::raw(4 + c.byte() % 3, &vec![c.byte(); c.below(300)]),
            "v" => Rec::raw(c.byte().max(4), &c.bytes::<3>()),
            "x" => passphrase(c, forge, argon2id),
            name => POOL.record(forge, name, c),
        };
        if word.ends_with('*') {
            record = record.anonymous();
        }
        if c.one_in(6) {
            record = record.label(
                c.pick(&["label", "Schlüssel", &"l".repeat(64), &"l".repeat(65)]).as_bytes(),
            );
        }
        forge.records.push(record);
    }
}

/// A passphrase record. Its key is derived only where the input may do so; the others have a wrap that
/// no key opens, or costs that end the opening before a derivation.
fn passphrase(c: &mut Choices<'_>, forge: &mut Forge, argon2id: bool) -> Rec {
    if argon2id && c.one_in(2) {
        let name = *c.pick(&["x", "y"]);
        return POOL.record(forge, name, c);
    }
    let (m, t, p) = *c.pick(&COSTS);
    let salt: [u8; 16] = draw(&mut forge.rng);
    let mut record = Rec::raw(3, b"");
    record.payload = None;
    record.parameters = [&salt[..], &m.to_be_bytes(), &t.to_be_bytes(), &p.to_be_bytes()].concat();
    record.nonce = draw(&mut forge.rng);
    record
}

fn change_record(c: &mut Choices<'_>, forge: &mut Forge) {
    let at = c.below(forge.records.len());
    let other = forge.records[c.below(forge.records.len())].clone();
    let wrapped = |forge: &Forge, record: &Rec| {
        let bytes = forge.record_bytes(record);
        let end = bytes.len().saturating_sub(record.label.len());
        bytes.get(end.saturating_sub(48)..end).map(<[u8]>::to_vec)
    };
    let elsewhere = wrapped(forge, &other);
    let own = wrapped(forge, &forge.records[at]);
    let record = &mut forge.records[at];
    match c.below(18) {
        // The wrap of another record, with its nonce; or its parameters; or its id alone.
        0 => (record.wrapped, record.nonce) = (elsewhere, other.nonce),
        1 => record.parameters = other.parameters,
        2 => record.id = other.id,
        3 => record.wrapping = other.wrapping,
        // Of another object.
        4 => record.bound_to = Some([3; 16]),
        5 => record.data_key = Some([3; 32]),
        6 => record.nonce[c.below(24)] ^= 1 << c.below(8),
        7 => {
            record.wrapped = own;
            if let Some(byte) = record.wrapped.as_mut().and_then(|bytes| bytes.get_mut(c.below(48)))
            {
                *byte ^= 1 << c.below(8);
            }
        }
        8 => {
            let len = record.parameters.len();
            if let Some(byte) = record.parameters.get_mut(c.below(len)) {
                *byte ^= 1 << c.below(8);
            }
        }
        9 => record.id = [0; 16],
        10 => record.id[c.below(16)] ^= 1,
        11 => record.kind = c.byte() % 7,
        12 => record.length = Some(u16::from_be_bytes(c.bytes()) % 1_400),
        13 => record.payload = Some(vec![c.byte(); c.below(200)]),
        14 => record.label = vec![0xff],
        // Twice: as it is, and in another place with another label.
        15 => forge.records.push(other),
        16 => forge.records.push(other.label(b"again")),
        _ => forge.records.swap(at, 0),
    }
}

/// Bytes of a header changed, and most often tagged anew.
fn patch(c: &mut Choices<'_>, forge: &Forge, header: &mut [u8]) {
    if !c.one_in(5) {
        return;
    }
    let end = header.len() - 32;
    for _ in 0..=c.below(2) {
        let at = if c.one_in(2) { 9 + c.below(120) } else { 9 + c.below(end - 9) };
        header[at.min(end - 1)] = *c.pick(&[0, 1, 2, 4, 20, 21, 0xff, 0x5a]);
    }
    if c.one_in(6) {
        return;
    }
    let (tagged, tag) = header.split_at_mut(end);
    tag.copy_from_slice(&forge.tag_of(tagged));
}

/// Some sets of keys, each in another order too where the pool has it.
pub(super) fn rings(c: &mut Choices<'_>, header: &Header, argon2id: bool) -> Vec<&'static Ring> {
    let named = header.records.iter().filter(|record| record.is_known() && !record.is_anonymous());
    let first = forging::pick_ring(c, named.map(|record| record.id));
    let fits = |ring: &&Ring| argon2id || !is_costly(header, ring);
    let others: Vec<_> = (0..2).map(|_| c.pick(&POOL.rings)).collect();
    let mut rings: Vec<&Ring> = [first].into_iter().chain(others).filter(fits).collect();
    if argon2id {
        rings.extend(POOL.rings.iter().filter(|ring| ring.has_passphrase));
    }
    rings.push(&POOL.rings[1]);
    rings.extend(POOL.rings[9..11].iter());
    if header.records.iter().filter(|record| record.is_anonymous()).count() > 12 {
        rings.push(POOL.rings.last().expect("sixty keys"));
    }
    rings
}

/// A passphrase that would derive a key: costs above the ceiling do not.
fn is_costly(header: &Header, ring: &Ring) -> bool {
    let cheap = |parameters: &[u8]| {
        let cost = |at: usize| u32::from_be_bytes(parameters[at..at + 4].try_into().unwrap());
        let (m, t, p) = (cost(16), cost(20), cost(24));
        COSTS[1..5].contains(&(m, t, p))
    };
    let all_cheap = header.records.iter().all(|r| r.kind != 3 || cheap(&r.parameters));
    derives(header, ring) && !all_cheap
}
