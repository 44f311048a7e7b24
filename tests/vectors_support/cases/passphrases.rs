//! Passphrases: costs below the floor, above the ceiling, and when they are looked at.

use super::super::forge::{Forge, draw};
use super::super::keys::{Key, passphrase};
use super::super::vector::{Vector, object};
use super::{alice, bob, words};

type Costs = (u32, u32, u32);

/// An object with a passphrase record of these costs, behind the records of `keys`.
fn forge(name: &str, keys: &[Key], costs: Costs) -> Forge {
    let mut forge = Forge::new(name, b"meet at noon");
    for key in keys {
        forge = forge.wrap(key);
    }
    let record = forge.record_with(&words(), costs, None);
    forge.push(record)
}

fn refused(name: &str, comment: &str, class: &'static str, costs: Costs) -> Vector {
    let made = forge(name, &[], costs).object();
    object(name, "R29 R53", comment, made).with(&words()).fails(class)
}

pub fn vectors() -> Vec<Vector> {
    [parsed(), tried(), given()].concat()
}

/// Refused when the header is parsed.
fn parsed() -> Vec<Vector> {
    let zero = |name: &str, comment: &str, costs| refused(name, comment, "LIMIT", costs);
    let low = |name: &str, comment: &str, costs| refused(name, comment, "FORMAT", costs);
    let unused = forge("costs-low-unused", &[alice()], (19_455, 2, 1));
    vec![
        zero("costs-m-0", "no memory", (0, 2, 1)),
        zero("costs-t-0", "no pass", (19_456, 0, 1)),
        zero("costs-p-0", "no lane", (19_456, 2, 0)),
        low("costs-m-19455", "memory one KiB below the floor", (19_455, 2, 1)),
        low("costs-m-8", "the least memory that Argon2 has: a downgrade", (8, 2, 1)),
        low("costs-t-1", "passes below the floor", (19_456, 1, 1)),
        low("costs-m-low-before-t-0", "m is checked before t", (19_455, 0, 1)),
        low("costs-t-low-before-p-0", "t is checked before p", (19_456, 1, 0)),
        zero("costs-m-0-before-t-low", "m is checked before t", (0, 1, 1)),
        zero("costs-t-0-before-p-0", "t is checked before p", (19_456, 0, 0)),
        object(
            "costs-low-unused",
            "R29 R53",
            "costs below the floor in a record that the reader would not try",
            unused.object(),
        )
        .with(&alice())
        .fails("FORMAT"),
    ]
}

/// Above the ceiling: only who would try the record is stopped.
fn tried() -> Vec<Vector> {
    let bomb = (u32::MAX, u32::MAX, u32::MAX);
    let beside = forge("costs-bomb-beside-a-key", &[alice()], bomb);
    let other = forge("costs-bomb-without-a-passphrase", &[alice()], bomb);
    let none = forge("costs-bomb-for-a-stranger", &[], bomb);
    let mut behind = forge("costs-bomb-behind-anonymous", &[alice()], bomb);
    behind.records[0].id = [0; 16];
    let both =
        |name: &str, comment: &str, forge: &Forge| object(name, "R29 R36", comment, forge.object());
    vec![
        refused("costs-m-above", "memory one KiB above the ceiling", "LIMIT", (1_048_577, 2, 1)),
        refused("costs-t-above", "passes above the ceiling", "LIMIT", (19_456, 11, 1)),
        refused("costs-p-above", "lanes above the ceiling", "LIMIT", (19_456, 2, 9)),
        refused(
            "costs-product-above",
            "memory times passes above the ceiling, each below its own",
            "LIMIT",
            (1_048_576, 5, 1),
        ),
        refused(
            "costs-product-just-above",
            "memory times passes above the ceiling by 1",
            "LIMIT",
            (838_861, 5, 1),
        ),
        refused(
            "costs-bomb",
            "the largest costs that can be written: memory is not taken",
            "LIMIT",
            bomb,
        ),
        both(
            "costs-bomb-beside-a-key",
            "the reader has a passphrase and a key: the key's record decides",
            &beside,
        )
        .with(&alice())
        .with(&words())
        .opens(&beside, &alice()),
        both("costs-bomb-without-a-passphrase", "the reader has no passphrase", &other)
            .with(&alice())
            .opens(&other, &alice()),
        both(
            "costs-bomb-for-a-stranger",
            "the reader has no passphrase and no key of a record",
            &none,
        )
        .with(&bob())
        .fails("NOKEY"),
        both(
            "costs-bomb-behind-anonymous",
            "an anonymous record that opens is before the passphrase",
            &behind,
        )
        .with(&alice())
        .with(&words())
        .opens(&behind, &alice()),
        both(
            "costs-bomb-behind-anonymous-failing",
            "no anonymous record opens: the passphrase would be tried",
            &behind,
        )
        .with(&bob())
        .with(&words())
        .fails("LIMIT"),
    ]
}

fn given() -> Vec<Vector> {
    let costly = forge("costs-above-the-floor", &[], (20_000, 3, 2));
    let honest = forge("passphrase-wrong", &[], (19_456, 2, 1));
    let wrong = |name: &str, comment: &str, words: &str| {
        object(name, "R29 R36", comment, honest.object()).with(&passphrase(words)).fails("NOKEY")
    };
    let mut composed = Forge::new("passphrase-normalised", b"meet at noon");
    let record = composed.record(&passphrase("caf\u{e9}"));
    let composed = composed.push(record);
    let tampered = |name: &str, comment: &str, at: usize| {
        let forge = honest.clone().set(|f| {
            let mut payload = f.record_bytes(&f.records[0])[3..].to_vec();
            payload[at] ^= 1;
            f.records[0].payload = Some(payload);
        });
        object(name, "R26 R29 R36", comment, forge.object()).with(&words()).fails("NOKEY")
    };
    let mut copied = Forge::new("passphrase-record-of-another-object", b"meet at ten");
    let _: [u8; 32] = draw(&mut copied.rng);
    let mut record = honest.records[0].clone();
    record.payload = Some(honest.record_bytes(&record)[3..].to_vec());
    let copied = copied.push(record);
    vec![
        object(
            "costs-above-the-floor",
            "R29",
            "20,000 KiB, three passes, two lanes",
            costly.object(),
        )
        .with(&words())
        .opens(&costly, &words()),
        wrong("passphrase-wrong", "another passphrase", "correct horse battery stable"),
        wrong(
            "passphrase-other-case",
            "the passphrase in another case",
            "Correct horse battery staple",
        ),
        wrong(
            "passphrase-trailing-space",
            "the passphrase and a space",
            "correct horse battery staple ",
        ),
        object(
            "passphrase-normalised",
            "R2 R29",
            "a passphrase in composed form, given decomposed",
            composed.object(),
        )
        .with(&passphrase("cafe\u{301}"))
        .fails("NOKEY"),
        tampered("passphrase-salt-flipped", "one bit of the salt", 16),
        tampered(
            "passphrase-cost-raised",
            "one bit of t: still within the limits, another key",
            16 + 16 + 7,
        ),
        tampered("passphrase-wrap-flipped", "one bit of the wrapped data key", 16 + 28 + 24),
        object(
            "passphrase-record-of-another-object",
            "R26 R36",
            "the record of another object under the same passphrase",
            copied.object(),
        )
        .with(&words())
        .fails("NOKEY"),
    ]
}
