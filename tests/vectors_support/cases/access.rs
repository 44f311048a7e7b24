//! The access list: generation, location, counts, records and their layouts.

use super::super::forge::{Forge, Rec};
use super::super::keys::{Key, passphrase};
use super::super::vector::{Vector, object};
use super::{alice, bob, carol, words};

pub fn vectors() -> Vec<Vector> {
    [fields(), unknown_kinds(), layouts(), twice(), without_a_key()].concat()
}

fn refused(
    name: &str,
    rules: &str,
    comment: &str,
    class: &'static str,
    change: impl FnOnce(Forge) -> Forge,
) -> Vector {
    let forge = change(Forge::small(name, &alice()));
    object(name, rules, comment, forge.object()).with(&alice()).fails(class)
}

fn accepted(name: &str, rules: &str, comment: &str, change: impl FnOnce(Forge) -> Forge) -> Vector {
    let forge = change(Forge::small(name, &alice()));
    object(name, rules, comment, forge.object()).with(&alice()).opens(&forge, &alice())
}

fn fields() -> Vec<Vector> {
    let twenty = |name: &str, count: usize| {
        let forge = Forge::new(name, b"meet at noon");
        let keys = (1..count).map(|i| super::symmetric(&format!("holder {i}")));
        keys.fold(forge, |forge, key| forge.wrap(&key)).wrap(&alice())
    };
    let full = twenty("records-20", 20);
    let over = twenty("records-21", 21);
    vec![
        accepted("generation-largest", "R18", "generation 2^64 - 1", |f| {
            f.set(|f| f.generation = u64::MAX)
        }),
        refused(
            "access-flag-bit-1",
            "R19",
            "bit 1 of the access list's flags is set",
            "FORMAT",
            |f| f.set(|f| f.access_flags = Some(2)),
        ),
        refused(
            "access-flag-bit-7",
            "R19",
            "bit 7 of the access list's flags is set, beside a location",
            "FORMAT",
            |f| f.at("archive", "a").set(|f| f.access_flags = Some(0x81)),
        ),
        refused("record-count-0", "R20", "an access list without records", "FORMAT", |f| {
            f.set(|f| f.records.clear())
        }),
        object(
            "record-count-20",
            "R20",
            "as many records as can be; the last opens",
            full.object(),
        )
        .with(&alice())
        .opens(&full, &alice()),
        object("record-count-21", "R20", "one record too many", over.object())
            .with(&alice())
            .fails("LIMIT"),
        refused(
            "record-count-255",
            "R20 R53",
            "255 records declared, one there: the limit comes before whether they fit",
            "LIMIT",
            |f| f.set(|f| f.count = Some(255)),
        ),
        refused(
            "record-count-above",
            "R20 R21",
            "two records declared, one there: the padding is read as a record of kind 0",
            "FORMAT",
            |f| f.room(400).set(|f| f.count = Some(2)),
        ),
        refused(
            "record-count-below",
            "R20 R23",
            "one record declared, two there: the second is read as padding",
            "FORMAT",
            |f| f.wrap(&bob()).set(|f| f.count = Some(1)),
        ),
        refused(
            "record-length-runs-into-tag",
            "R22 R53",
            "the length of an unknown record runs into the header tag",
            "FORMAT",
            |f| f.push(Rec { length: Some(300), ..Rec::raw(9, &[1; 4]) }),
        ),
        refused(
            "record-length-65535",
            "R22 R53",
            "the largest length that can be written",
            "FORMAT",
            |f| f.push(Rec { length: Some(65_535), ..Rec::raw(9, &[1; 4]) }),
        ),
    ]
}

fn unknown_kinds() -> Vec<Vector> {
    let mut all = vec![
        refused("kind-0", "R21", "a record of kind 0 beside a good one", "FORMAT", |f| {
            f.push(Rec::raw(0, &[1; 88]))
        }),
        refused(
            "kind-0-before-length",
            "R21 R53",
            "a record of kind 0 whose length runs into the tag",
            "FORMAT",
            |f| f.push(Rec { length: Some(999), ..Rec::raw(0, &[1; 4]) }),
        ),
        accepted(
            "kind-6-two-of-them",
            "R21 R51",
            "two records of kind 6 that differ: unknown ways in, whatever section 9 says",
            |f| f.push(Rec::raw(6, &[1; 112])).push(Rec::raw(6, &[2; 112])),
        ),
        refused(
            "kind-9-alone",
            "R21 R36",
            "no record of a kind that is implemented",
            "NOKEY",
            |f| f.set(|f| f.records.clear()).push(Rec::raw(9, &[1; 88])),
        ),
        refused(
            "kind-4-alone-with-the-key-id",
            "R21 R36 R49",
            "a record of kind 4 with the id of a held symmetric key",
            "NOKEY",
            |f| {
                let (id, record) = (alice().id, f.records[0].clone());
                let payload = f.record_bytes(&record)[3..].to_vec();
                assert_eq!(payload[..16], id);
                f.set(|f| f.records = vec![Rec::raw(4, &payload)])
            },
        ),
    ];
    for kind in [4, 5, 6, 7, 0x80, 0xff] {
        let comment = "an unknown way in of no byte, before a good record";
        all.push(accepted(&format!("kind-{kind}-empty"), "R21", comment, |f| {
            f.set(|f| f.records.insert(0, Rec::raw(kind, b"")))
        }));
        let comment = "an unknown way in of 300 bytes that section 9 gives no meaning";
        all.push(accepted(&format!("kind-{kind}-any-bytes"), "R21", comment, |f| {
            f.push(Rec::raw(kind, &[0xab; 300]))
        }));
    }
    all
}

fn layouts() -> Vec<Vector> {
    let mut all = Vec::new();
    let kinds = [(1, "symmetric", 88), (2, "pair", 1_256), (3, "passphrase", 116)];
    for (kind, name, least) in kinds {
        for len in [0, 16, least - 1, least + 65] {
            let name = format!("record-{name}-{len}-bytes");
            let comment = "another length than the kind's, under a right header tag";
            all.push(refused(&name, "R22", comment, "FORMAT", |f| {
                f.push(Rec::raw(kind, &vec![0; len]))
            }));
        }
    }
    let labels: [(&str, &str, &[u8]); 3] = [
        ("not-utf8", "a record label of the byte ff", b"\xff"),
        ("surrogate", "a surrogate in a record label", b"\xed\xb0\x80"),
        ("cut-sequence", "a record label of 64 bytes that ends inside a character", &[b'a'; 64]),
    ];
    for (name, comment, label) in labels {
        let mut label = label.to_vec();
        if label.len() == 64 {
            label[63] = 0xc3;
        }
        all.push(refused(&format!("label-{name}"), "R22", comment, "FORMAT", |f| {
            f.set_record(|r| r.label = label)
        }));
    }
    let long = |f: Forge| f.set_record(|r| r.label = "ä".repeat(32).into_bytes());
    all.push(accepted("label-64-bytes", "R22", "the longest record label", long));
    all.push(refused("label-65-bytes", "R22", "a record label one byte too long", "FORMAT", |f| {
        f.set_record(|r| r.label = vec![b'a'; 65])
    }));
    all.push(refused(
        "passphrase-with-key-id",
        "R22",
        "a passphrase record with a key id, beside a good record",
        "FORMAT",
        |mut f| {
            let record = f.record(&words());
            f.push(Rec { id: [1; 16], ..record })
        },
    ));
    all
}

fn twice() -> Vec<Vector> {
    let again = |name: &str, rules: &str, comment: &str, key: &Key| {
        refused(name, rules, comment, "FORMAT", |f| f.wrap(key).wrap(key))
    };
    let mut shared_id = Forge::small("twice-id-of-two-kinds", &alice());
    let stranger = shared_id.record(&carol());
    let shared_id = shared_id.push(Rec { id: alice().id, ..stranger });
    let anonymous = Forge::new("twice-anonymous", b"meet at noon");
    let anonymous = anonymous.wrap(&alice()).wrap(&alice());
    let anonymous = anonymous.set(|f| f.records.iter_mut().for_each(|r| r.id = [0; 16]));
    vec![
        again("twice-symmetric-key", "R23", "two records for one symmetric key", &bob()),
        again("twice-public-key", "R23", "two records for one public key", &carol()),
        refused("twice-passphrase", "R23", "two passphrase records", "FORMAT", |f| {
            f.wrap(&words()).wrap(&passphrase("another"))
        }),
        refused(
            "twice-unknown",
            "R21 R23",
            "two records of an unknown kind that are the same byte for byte",
            "FORMAT",
            |f| f.push(Rec::raw(9, b"same")).push(Rec::raw(9, b"same")),
        ),
        refused(
            "twice-unknown-empty",
            "R21 R23",
            "two unknown records of no byte",
            "FORMAT",
            |f| f.push(Rec::raw(9, b"")).push(Rec::raw(9, b"")),
        ),
        refused(
            "twice-anonymous-same-bytes",
            "R23",
            "two anonymous records that are the same byte for byte",
            "FORMAT",
            |f| {
                let f = f.wrap(&bob()).set_record(|r| r.id = [0; 16]);
                let record = f.records[1].clone();
                f.push(record)
            },
        ),
        object(
            "twice-anonymous",
            "R23 R36",
            "two anonymous records for one key",
            anonymous.object(),
        )
        .with(&alice())
        .opens(&anonymous, &alice()),
        object(
            "twice-id-of-two-kinds",
            "R23",
            "one key id in records of two kinds",
            shared_id.object(),
        )
        .with(&alice())
        .opens(&shared_id, &alice()),
        refused(
            "twice-and-padding",
            "R23 R53",
            "two records for one key, and padding that is not zero",
            "FORMAT",
            |f| f.wrap(&bob()).wrap(&bob()).room(600).set(|f| f.padding.as_mut().unwrap()[0] = 1),
        ),
    ]
}

/// What a provider does to the records: it has no data key, so the tag stays.
fn without_a_key() -> Vec<Vector> {
    let two = |name: &str| Forge::new(name, b"meet at noon").wrap(&alice()).wrap(&bob());
    let tampered = |name: &str, comment: &str, class, change: &dyn Fn(&mut Forge)| {
        let honest = two(name);
        let forged = honest.clone().set(change);
        let mut header = forged.header();
        let end = header.len() - 32;
        header[end..].copy_from_slice(&honest.tag());
        let bytes = [header, honest.prefix(), honest.chunks().concat()].concat();
        object(name, "R24 R36", comment, bytes).with(&alice()).fails(class)
    };
    vec![
        tampered(
            "records-reordered",
            "the provider changed the order of the records",
            "AUTH",
            &|f| f.records.reverse(),
        ),
        tampered(
            "record-removed",
            "the provider took away another holder's record",
            "AUTH",
            &|f| f.records.truncate(1),
        ),
        tampered(
            "record-of-the-reader-removed",
            "the provider took away the reader's record",
            "NOKEY",
            &|f| {
                f.records.remove(0);
            },
        ),
        tampered(
            "record-added-for-a-stranger",
            "the provider added a record for a key of its own",
            "AUTH",
            &|f| {
                let mut stranger = f.clone().record(&super::symmetric("provider"));
                stranger.data_key = Some([7; 32]);
                f.records.push(stranger);
            },
        ),
        tampered(
            "record-of-unknown-kind-added",
            "the provider added a record of an unknown kind",
            "AUTH",
            &|f| f.records.push(Rec::raw(9, b"x")),
        ),
        tampered("label-changed", "the provider changed a record label", "AUTH", &|f| {
            f.records[0].label = b"alice".to_vec()
        }),
        tampered("generation-changed", "the provider raised the generation", "AUTH", &|f| {
            f.generation = 1
        }),
        tampered("location-added", "the provider added a location", "AUTH", &|f| {
            f.location = Some([9; 32])
        }),
    ]
}
