//! Access lists against the reader of SPEC.md: parse, inspect, unwrap by many sets of keys, and rewrap,
//! after which every key is tried again.

mod lists;
mod rewraps;

use keystead::{Error, Inspection, RecordKind, SealedHeader, hazmat};

use crate::Note;
use crate::choices::Choices;
use crate::pool::{POOL, Ring};
use crate::reference::body::PREFIX;
use crate::reference::{self, Demand, Header, Unwrapped, unwrap};

/// One input: a list, opened and changed. `note` is told what was reached, for tests/reach.rs.
pub fn run(input: &[u8], note: Note<'_>) {
    let mut c = Choices::new(input);
    let list = lists::list(&mut c);
    let header = Header::parse(&list.object);
    parse_and_inspect(&list.object, &header);
    let header = match header {
        Ok(header) => header,
        Err(class) => return note(&format!("parse: {}", class.name())),
    };
    for ring in lists::rings(&mut c, &header, list.argon2id) {
        note(&unwrap_with(&list.object, &header, ring, &list.demand));
    }
    accept(&list, &header, &mut c);
    rewraps::check(&list, &mut c, note);
}

/// A header, parsed or refused alike; what is accepted encodes to itself (R7), and `inspect` says
/// what is in it.
fn parse_and_inspect(object: &[u8], header: &reference::Result<Header>) {
    let sealed = SealedHeader::parse(object);
    let class = sealed.as_ref().map(|_| ()).map_err(Error::kind);
    assert_eq!(class, header.as_ref().map(|_| ()).map_err(|class| *class), "parse");
    let seen = keystead::inspect(object, u64::try_from(object.len()).ok());
    let class = seen.as_ref().map(|_| ()).map_err(Error::kind);
    assert_eq!(class, header.as_ref().map(|_| ()).map_err(|class| *class), "inspect");
    let (Ok(sealed), Ok(seen), Ok(header)) = (sealed, seen, header) else { return };
    assert_eq!(sealed.as_bytes(), header.bytes, "parse");
    let again = SealedHeader::parse(sealed.as_bytes()).expect("a header that was accepted");
    assert_eq!(again.as_bytes(), header.bytes, "parse again");
    inspected(&seen, object, header);
}

fn inspected(seen: &Inspection, object: &[u8], header: &Header) {
    assert_eq!((seen.version, seen.suite), (1, 1), "inspect");
    assert_eq!(seen.header_len, header.bytes.len(), "inspect");
    assert_eq!(seen.header_used, header.exact_len, "inspect");
    assert_eq!(seen.stated_plaintext_len, header.plaintext_len, "inspect");
    assert_eq!(seen.generation, header.generation, "inspect");
    assert_eq!(seen.has_location, header.location.is_some(), "inspect");
    assert_eq!(seen.metadata_len, header.metadata.as_ref().map(Vec::len), "inspect");
    let context = seen.context.iter().map(|(n, v)| (n.clone(), v.as_bytes().to_vec()));
    assert_eq!(context.collect::<Vec<_>>(), header.context, "inspect");
    let sealed = (object.len() - header.bytes.len()).checked_sub(PREFIX);
    let last = sealed.and_then(|len| (len % 16_400).checked_sub(16));
    let len = last.map(|last| u64::try_from(sealed.unwrap_or(0) / 16_400 * 16_384 + last).unwrap());
    assert_eq!(seen.plaintext_len, len, "inspect");
    assert_eq!(seen.records.len(), header.records.len(), "inspect");
    for (seen, record) in seen.records.iter().zip(&header.records) {
        assert_eq!(seen.code, record.kind, "inspect");
        assert_eq!(seen.len, record.raw.len(), "inspect");
        let id = (record.is_known() && !record.is_anonymous()).then_some(record.id);
        assert_eq!(seen.key_id.map(|id| *id.as_bytes()), id, "inspect");
        assert_eq!(seen.label.clone().unwrap_or_default(), record.label, "inspect");
        assert_eq!(seen.argon2id.is_some(), record.kind == 3, "inspect");
        assert_eq!(seen.kind == "unknown", !record.is_known(), "inspect");
    }
}

/// R36: the same record decides, whatever the order of the keys.
fn unwrap_with(object: &[u8], header: &Header, ring: &Ring, demand: &Demand) -> String {
    let right = unwrap::unwrap(header, &ring.held, demand);
    let sealed = SealedHeader::parse(object).expect("a header that was accepted");
    let got = sealed.unwrap(&ring.ring, demand.expected());
    let names = ring.names.join(" ");
    let class = got.as_ref().map(|_| ()).map_err(Error::kind);
    assert_eq!(class, right.as_ref().map(|_| ()).map_err(|class| *class), "unwrap by {names}");
    let (got, right) = match (got, right) {
        (Ok(got), Ok(right)) => (got, right),
        (got, _) => return format!("unwrap: {}", got.expect_err("refused").kind().name()),
    };
    let by = got.opened_by();
    assert_eq!((by.kind, *by.key_id.as_bytes()), (right.kind, right.key_id), "unwrap by {names}");
    assert_eq!(*hazmat::expose_data_key(&got), right.data_key, "unwrap by {names}");
    assert_eq!(got.generation(), header.generation, "unwrap by {names}");
    assert_eq!(got.statement_hash(), &header.statement_hash(), "unwrap by {names}");
    let anonymous = header.records[right.position].is_anonymous();
    format!("unwrap: {}{}", by.kind.name(), if anonymous { ", anonymous" } else { "" })
}

/// A data key from elsewhere, for a record at any position: accepted by the header tag alone.
fn accept(list: &lists::List, header: &Header, c: &mut Choices<'_>) {
    let position = c.below(header.records.len() + 1);
    let data_key = if c.one_in(4) { [9; 32] } else { list.data_key };
    let sealed = SealedHeader::parse(&list.object).expect("a header that was accepted");
    let got = hazmat::accept_data_key(&sealed, &data_key, position, Demand::unchecked().expected());
    let right = match header.records.get(position) {
        Some(record) if record.is_known() => {
            let tag = crate::crypto::expand::<32>(
                &data_key,
                &[b"keystead/v1/header\0", &crate::crypto::sha256(&[header.tagged()])],
            );
            if tag == header.tag() { Ok(()) } else { Err(keystead::ErrorKind::Auth) }
        }
        _ => Err(keystead::ErrorKind::NoKey),
    };
    assert_eq!(got.map(|_| ()).map_err(|error| error.kind()), right, "accept_data_key");
}

/// The keys of the pool that open a header, each tried alone by the library and by the reader of
/// SPEC.md, without passphrases.
fn openers(object: &[u8], header: &Header) -> Vec<(&'static Ring, Unwrapped)> {
    let mut found = Vec::new();
    for ring in &POOL.single {
        unwrap_with(object, header, ring, &Demand::unchecked());
        if let Ok(unwrapped) = unwrap::unwrap(header, &ring.held, &Demand::unchecked()) {
            found.push((ring, unwrapped));
        }
    }
    found
}

/// Whether trying a passphrase on this header derives a key: it takes 20 ms, so few inputs may.
fn derives(header: &Header, ring: &Ring) -> bool {
    let has_record = header.records.iter().any(|record| record.kind == 3);
    has_record && ring.held.iter().any(|key| key.kind == RecordKind::Passphrase)
}
