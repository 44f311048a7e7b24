//! Rules of SPEC.md that a vector cannot show: what a writer does, what a reader leaves unread, and
//! what a rewrap keeps.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use keystead::{
    Changes, Context, Decryptor, EncryptOptions, Encryptor, Error, ErrorKind, KeyFile, KeyId, Keys,
    Location, MasterKey, Metadata, Opened, PassphraseCosts, RangeReader, Recipient,
    RecordInspection, SealedHeader, hazmat,
};

/// Where things lie in the header of an object with a stated length, without context and metadata.
const GENERATION: usize = 9 + 16 + 1 + 8;
const COUNT: usize = GENERATION + 8 + 1;
const RECORDS: usize = COUNT + 1;
const SYMMETRIC_RECORD: usize = 3 + 88;

fn ring() -> Keys {
    Keys::from(MasterKey::generate().unwrap())
}

fn class<T>(result: keystead::Result<T>) -> ErrorKind {
    result.err().expect("it fails").kind()
}

/// An object in whose header `change` was made, with its header tag computed anew by one who has
/// the data key.
fn forged(keys: &Keys, object: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let sealed = SealedHeader::parse(object).unwrap();
    let opened = sealed.unwrap(keys, Context::unchecked()).unwrap();
    let data_key = hazmat::expose_data_key(&opened);
    let mut object = object.to_vec();
    let (tagged, tag) = object[..sealed.len()].split_at_mut(sealed.len() - 32);
    change(tagged);
    let prk = ring::hkdf::Prk::new_less_safe(ring::hkdf::HKDF_SHA512, &*data_key);
    let hash = ring::digest::digest(&ring::digest::SHA256, tagged);
    let info = [&b"keystead/v1/header\0"[..], hash.as_ref()];
    prk.expand(&info, ring::hkdf::HKDF_SHA256).unwrap().fill(tag).unwrap();
    object
}

/// R1: each rule has a number of its own.
#[test]
fn rules_are_numbered() {
    let spec = include_str!("../SPEC.md");
    let rules = spec.lines().filter_map(|line| line.strip_prefix("- **R"));
    let mut numbers: Vec<u32> =
        rules.map(|rule| rule.split("**").next().unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=54).collect::<Vec<_>>());
}

/// R2: equal means equal bytes; nothing is normalised.
#[test]
fn text_is_not_normalised() {
    let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
    let keys = ring();
    let object =
        keystead::encrypt(&keys.recipients(), b"", &Context::from([("place", composed)])).unwrap();
    let other = Context::from([("place", decomposed)]);
    assert_eq!(class(keystead::decrypt(&keys, &object, &other)), ErrorKind::Context);
}

/// R7, R46: an accepted header encodes to itself. A rewrap that changes nothing is the same header,
/// and one that takes back what another changed differs in generation and tag alone.
#[test]
fn a_rewrap_of_nothing_is_the_same_header() {
    let keys = ring().and(MasterKey::generate_pair().unwrap());
    let options = EncryptOptions::new()
        .header_len(4_096)
        .location(Location { store: "store".to_owned(), path: "a/b".to_owned() })
        .metadata(Metadata::new().with(Metadata::NAME, "a"));
    let context = Context::from([("b", "2"), ("a", "1")]);
    let object = keystead::encrypt_with(&keys.recipients(), b"text", &context, &options).unwrap();
    let rewrap = |object: &[u8], changes: &Changes<'_>| {
        let rewrapped = keystead::rewrap(object, &keys, &context, changes).unwrap();
        let mut object = object.to_vec();
        rewrapped.apply(&mut object).unwrap();
        (object, rewrapped.changed)
    };
    assert_eq!(rewrap(&object, &Changes::new()), (object.clone(), false));
    let other = ring();
    let (added, _) = rewrap(&object, &Changes::add(&other.recipients()));
    let id = other.iter().next().unwrap().id();
    let (object_again, changed) = rewrap(&added, &Changes::new().remove(id));
    assert!(changed);
    let (old, new) = (&object[..4_096], &object_again);
    let differ: Vec<_> = (0..4_064).filter(|at| old[*at] != new[*at]).collect();
    assert_eq!(differ.len(), 1, "the last byte of the generation");
    assert_ne!(old[4_064..], new[4_064..4_096]);
}

/// R8, R25, R34: every object has its own id, data key and salt, also where everything else is
/// equal.
#[test]
fn nothing_random_comes_twice() {
    let keys = ring();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..1_000 {
        let object = keystead::encrypt(&keys.recipients(), b"same", &Context::new()).unwrap();
        let sealed = SealedHeader::parse(&object).unwrap();
        let opened = sealed.unwrap(&keys, &Context::new()).unwrap();
        assert!(seen.insert(opened.object_id().as_bytes().to_vec()));
        assert!(seen.insert(hazmat::expose_data_key(&opened).to_vec()));
        assert!(seen.insert(object[sealed.len()..sealed.len() + 24].to_vec()));
    }
}

/// R34: after a failed write nothing more is written under that data key.
#[test]
fn a_failed_writer_does_not_go_on() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut out = Encryptor::new(Full(3), &ring().recipients(), &Context::new()).unwrap();
    assert!(out.write_all(&[7; 3 * 16_384]).is_err());
    assert!(out.write_all(b"more").is_err());
    assert_eq!(class(out.finish()), ErrorKind::Io);
}

/// R13: a caller cannot use reserved names; a reader treats them as any other.
#[test]
fn reserved_names_are_refused_from_callers() {
    let keys = ring();
    let context = Context::from([("keystead.type", "key-file")]);
    assert_eq!(class(keystead::encrypt(&keys.recipients(), b"", &context)), ErrorKind::Usage);
    let options = EncryptOptions::new().metadata(Metadata::new().with("keystead.other", "x"));
    let made = keystead::encrypt_with(&keys.recipients(), b"", &Context::new(), &options);
    assert_eq!(class(made), ErrorKind::Usage);

    let passphrase = || MasterKey::passphrase("a").unwrap();
    let cheap = Recipient::from(&passphrase()).with_passphrase_costs(PassphraseCosts::FLOOR);
    let file = KeyFile::encrypt(&KeyFile::from(&keys).expose_text().unwrap(), cheap);
    let file = file.unwrap();
    let object = keystead::dearmor(file.as_bytes()).unwrap();
    let text = keystead::decrypt(&Keys::from(passphrase()), &object, &context).unwrap();
    assert!(text.starts_with(b"KEYSTEAD-SYMMETRIC-KEY-1"));
}

/// R18: a rewrap adds exactly one. At the last generation, which a former holder can write, the
/// owner can still change who opens.
#[test]
fn generations_end() {
    let keys = ring();
    let object = keystead::encrypt(&keys.recipients(), b"", &Context::new()).unwrap();
    let (other, context) = (ring().recipients(), Context::new());
    let next = keystead::rewrap(&object, &keys, &context, &Changes::add(&other)).unwrap();
    assert_eq!(next.floor.generation, 1);
    let last = forged(&keys, &object, |header| header[GENERATION..][..8].fill(0xff));
    assert_eq!(keystead::decrypt(&keys, &last, &Context::new()).unwrap(), b"");
    let rewrapped = keystead::rewrap(&last, &keys, &context, &Changes::add(&other)).unwrap();
    assert_eq!((rewrapped.changed, rewrapped.floor.generation), (true, u64::MAX));
    assert_eq!(rewrapped.who_opens().len(), 2);
}

/// R33: a range reads its chunks alone, and a claimed end is no fact before the last chunk opened.
#[test]
fn ranges_read_little_and_believe_no_length() {
    struct Counting(Cursor<Vec<u8>>, std::rc::Rc<std::cell::Cell<usize>>);
    impl Read for Counting {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let read = self.0.read(out)?;
            self.1.set(self.1.get() + read);
            Ok(read)
        }
    }
    impl Seek for Counting {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }
    let keys = ring();
    let text: Vec<u8> = (0..100 * 16_384_u32).map(|i| i.to_le_bytes()[1]).collect();
    let mut out = Encryptor::new(Vec::new(), &keys.recipients(), &Context::new()).unwrap();
    out.write_all(&text).unwrap();
    let object = out.finish().unwrap().out;
    let header = SealedHeader::parse(&object).unwrap().len();

    let count = std::rc::Rc::new(std::cell::Cell::new(0));
    let counting = Counting(Cursor::new(object.clone()), count.clone());
    let mut reader = RangeReader::new(counting, &keys, &Context::new()).unwrap();
    let mut out = [0; 20];
    reader.read_exact_at(50 * 16_384 - 10, &mut out).unwrap();
    assert_eq!(out, text[50 * 16_384 - 10..][..20]);
    assert_eq!(count.get(), header + 56 + 2 * 16_400);

    // Cut at a boundary: the length that the object has now is that of another plaintext.
    let cut = &object[..header + 56 + 60 * 16_400 + 16];
    let mut reader = RangeReader::new(Cursor::new(cut), &keys, &Context::new()).unwrap();
    reader.read_exact_at(50 * 16_384 - 10, &mut out).unwrap();
    assert_eq!(class(reader.read_at(60 * 16_384 - 10, &mut out)), ErrorKind::Auth);
    assert_eq!(class(reader.verified_len()), ErrorKind::Auth);
    let end = reader.seek(SeekFrom::End(0)).map_err(Error::from_io);
    assert_eq!(class(end), ErrorKind::Auth);
}

/// R46: what a rewrap keeps, what it needs, and what it refuses.
#[test]
fn a_rewrap_keeps_records_and_refuses_nonsense() {
    let (alice, bob) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
    let (alice_id, text) = (alice.id(), bob.expose_secret_text().unwrap());
    let (alice, bob) = (Keys::from(alice), || Keys::from(MasterKey::from_text(&text).unwrap()));
    let none = Context::new();
    let object = keystead::encrypt(&alice.recipients(), b"text", &none).unwrap();
    let head = SealedHeader::parse(&object).unwrap().len() + 56;

    // Header and commitment suffice; no chunk is needed.
    let added =
        keystead::rewrap(&object[..head], &alice, &none, &Changes::add(&bob().recipients()))
            .unwrap();
    assert_eq!(added.header[COUNT], 2);
    let kept = RECORDS..RECORDS + SYMMETRIC_RECORD;
    assert_eq!(added.header[kept.clone()], object[kept]);
    let object = [&added.header, &object[added.old_len..]].concat();
    assert_eq!(keystead::decrypt(&bob(), &object, &none).unwrap(), b"text");

    let refused = |changes: &Changes<'_>| class(keystead::rewrap(&object, &alice, &none, changes));
    let there = bob().recipients();
    assert!(!keystead::rewrap(&object, &alice, &none, &Changes::add(&there)).unwrap().changed);
    let stranger = KeyId::from_bytes([1; 16]);
    assert_eq!(refused(&Changes::new().remove(stranger)), ErrorKind::Usage);
    let lenient = Changes::new().remove_if_there(stranger);
    assert!(!keystead::rewrap(&object, &alice, &none, &lenient).unwrap().changed);
    let both = Changes::new().remove_record(0).remove_record(1);
    assert_eq!(refused(&both), ErrorKind::Usage);
    assert_eq!(refused(&Changes::new().remove_record(2)), ErrorKind::Usage);

    // A rewrap is an opening: a header put back is not blessed anew (R38).
    let other = ring().recipients();
    let newer = keystead::rewrap(&object, &alice, &none, &Changes::add(&other)).unwrap().floor;
    let expected = Context::unchecked().not_before(newer);
    let again = keystead::rewrap(&object, &alice, expected, &Changes::new());
    assert_eq!(class(again), ErrorKind::Rollback);

    let dropped = Changes::new().remove(alice_id);
    let dropped = keystead::rewrap(&object, &alice, &none, &dropped).unwrap();
    let object = [&dropped.header, &object[dropped.old_len..]].concat();
    assert_eq!(class(keystead::decrypt(&alice, &object, &none)), ErrorKind::NoKey);
    assert_eq!(keystead::decrypt(&bob(), &object, &none).unwrap(), b"text");
}

/// R47: another object with the same context and metadata, which the old data key does not open.
#[test]
fn a_reencrypted_object_is_another_one() {
    let (old, new) = (ring(), ring());
    let context = Context::from([("invoice", "42")]);
    let metadata = Metadata::new().with("note", "private").with(Metadata::NAME, "a.txt");
    let options = EncryptOptions::new().metadata(metadata.clone());
    let object = keystead::encrypt_with(&old.recipients(), b"text", &context, &options).unwrap();
    let options = EncryptOptions::new();
    let made =
        keystead::reencrypt(&object[..], &old, &context, &new.recipients(), &options, Vec::new())
            .unwrap();
    let again = made.new.out;

    let Opened { plaintext: text, info: details, .. } =
        keystead::decrypt_with_info(&new, &again, &context).unwrap();
    assert_eq!((text.as_slice(), &details.metadata), (&b"text"[..], &metadata));
    assert_eq!(class(keystead::decrypt(&old, &again, &context)), ErrorKind::NoKey);
    let (before, after) =
        (SealedHeader::parse(&object).unwrap(), SealedHeader::parse(&again).unwrap());
    let before = before.unwrap(&old, &context).unwrap();
    assert_ne!(before.object_id(), details.object_id);
    let data_key = hazmat::expose_data_key(&before);
    assert_eq!(class(hazmat::accept_data_key(&after, &data_key, 0, &context)), ErrorKind::Auth);

    // A floor of the old object does not pass for the new one (R38).
    let old_details = keystead::decrypt_with_info(&old, &object, &context).unwrap().info;
    assert_eq!((made.old.floor, made.new.floor), (old_details.floor, details.floor));
    let expected = Context::unchecked().not_before(old_details.floor);
    assert_eq!(class(keystead::decrypt(&new, &again, expected)), ErrorKind::Rollback);
}

/// R49, R50, R51: branch, quorum and origin are unknown ways in (R21): kept byte for byte whatever
/// they hold, but for an origin.
#[test]
fn reserved_kinds_are_kept_and_an_origin_falls() {
    let keys = ring();
    let none = Context::new();
    let object = keystead::encrypt_with(
        &keys.recipients(),
        b"text",
        &none,
        &EncryptOptions::new().header_len(512),
    )
    .unwrap();
    let strange = [&[4, 0, 3][..], b"abc", &[5, 0, 0], &[6, 0, 1, 9], &[200, 0, 2, 0, 0]];
    let object = forged(&keys, &object, |header| {
        header[COUNT] = 5;
        let records = strange.concat();
        header[RECORDS + SYMMETRIC_RECORD..][..records.len()].copy_from_slice(&records);
    });
    assert_eq!(keystead::decrypt(&keys, &object, &none).unwrap(), b"text");
    let kinds: Vec<_> =
        keystead::inspect(&object, None).unwrap().records.iter().map(|r| r.kind).collect();
    assert_eq!(kinds, ["symmetric", "unknown", "unknown", "unknown", "unknown"]);

    // An origin is no reason to write, but stays in no list that is to hold only those given.
    let own = keys.recipients();
    let same = keystead::rewrap(&object, &keys, &none, &Changes::add(&own)).unwrap();
    assert_eq!((same.changed, same.who_opens().len()), (false, 5));
    let alone = keystead::rewrap(&object, &keys, &none, &Changes::set(&own)).unwrap();
    assert_eq!((alone.changed, alone.who_opens().len(), alone.header[COUNT]), (true, 1, 1));

    let new = ring();
    let set = keystead::rewrap(&object, &keys, &none, &Changes::set(&new.recipients())).unwrap();
    assert_eq!((set.who_opens().len(), set.removed.len(), set.header[COUNT]), (1, 5, 1));
    let old = keys.iter().next().unwrap().id();
    let recipients = new.recipients();
    let changes = Changes::add(&recipients).remove(old);
    let rewrapped = keystead::rewrap(&object, &keys, &none, &changes).unwrap();
    let codes = |ways: &[RecordInspection]| ways.iter().map(|way| way.code).collect::<Vec<_>>();
    assert_eq!(codes(rewrapped.who_opens()), [4, 5, 200, 1]);
    assert_eq!(codes(&rewrapped.removed), [1, 6]);
    let kept = [strange[0], strange[1], strange[2], strange[4]].concat();
    assert_eq!(rewrapped.header[COUNT], 4);
    assert_eq!(rewrapped.header[RECORDS..][..kept.len()], kept);
    let object = [&rewrapped.header, &object[rewrapped.old_len..]].concat();
    assert_eq!(keystead::decrypt(&new, &object, &none).unwrap(), b"text");
}

/// R52: names and numbers are those of the table.
#[test]
fn classes_have_the_numbers_of_the_table() {
    use ErrorKind::*;
    let classes = [Io, Usage, Format, NoKey, Auth, Context, Rollback, Limit, KeyFile, Cancelled];
    let (_, table) = include_str!("../SPEC.md").split_once("| class | number |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let table: Vec<(String, String)> = rows
        .flat_map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let names = cells[1].split(", ").map(str::to_owned);
            names.zip(cells[2].split(", ").map(str::to_owned)).collect::<Vec<_>>()
        })
        .collect();
    let ours: Vec<_> =
        classes.map(|class| (class.name().to_owned(), class.code().to_string())).into();
    // What programs and stores alone return has a number, too.
    let (others, table): (Vec<_>, Vec<_>) =
        table.into_iter().partition(|(name, _)| ["STORE", "FINDINGS"].contains(&&**name));
    assert_eq!((ours, others.len()), (table, 2));
}

/// R35: a header that was unwrapped opens its own body, and no other.
#[test]
fn the_three_steps_belong_together() {
    let keys = ring();
    let none = Context::new();
    let [one, two] =
        [1, 2].map(|byte| keystead::encrypt(&keys.recipients(), &[byte; 9], &none).unwrap());
    let sealed = SealedHeader::parse(&one).unwrap();
    let header = || sealed.unwrap(&keys, &none).unwrap();
    let mut text = Vec::new();
    let body = &one[sealed.len()..];
    Decryptor::from_header(&header(), body).unwrap().read_to_end(&mut text).unwrap();
    assert_eq!(text, [1; 9]);
    let other = Decryptor::from_header(&header(), &two[sealed.len()..]);
    assert_eq!(class(other), ErrorKind::Auth);
}
