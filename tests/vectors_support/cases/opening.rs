//! Unwrapping: which record decides, who holds no key, how many trials there are.

use super::super::forge::{Forge, Rec};
use super::super::keys::{Key, pair, symmetric};
use super::super::vector::{Vector, object};
use super::{alice, bob, carol, dave, words};

pub fn vectors() -> Vec<Vector> {
    [who_decides(), nobody(), trials()].concat()
}

fn named(key: &Key, forge: &mut Forge) -> Rec {
    forge.record(key)
}

/// A record whose wrap does not open, for a key.
fn broken(key: &Key, forge: &mut Forge) -> Rec {
    Rec { wrapped: Some(vec![0xee; 48]), ..forge.record(key) }
}

fn anonymous(key: &Key, forge: &mut Forge) -> Rec {
    forge.record(key).anonymous()
}

/// A record that opens to another data key.
fn stray(key: &Key, forge: &mut Forge) -> Rec {
    Rec { data_key: Some([7; 32]), ..forge.record(key) }
}

type Make = fn(&Key, &mut Forge) -> Rec;

const NAMED: Make = named;
const ANONYMOUS: Make = anonymous;

fn forge(name: &str, records: &[(Make, Key)]) -> Forge {
    let mut forge = Forge::new(name, b"meet at noon");
    for (make, key) in records {
        let record = make(key, &mut forge);
        forge.records.push(record);
    }
    forge
}

fn read(name: &str, comment: &str, records: &[(Make, Key)], with: &[Key]) -> (Vector, Forge) {
    let forge = forge(name, records);
    let vector = object(name, "R36 R39", comment, forge.object());
    (with.iter().fold(vector, Vector::with), forge)
}

fn who_decides() -> Vec<Vector> {
    let opens = |name: &str, comment: &str, records: &[(Make, Key)], with: &[Key], by: &Key| {
        let (vector, forge) = read(name, comment, records, with);
        vector.opens(&forge, by)
    };
    let fails = |name: &str, comment: &str, class, records: &[(Make, Key)], with: &[Key]| {
        read(name, comment, records, with).0.fails(class)
    };
    let (a, b, c, w) = (alice, bob, carol, words);
    vec![
        opens(
            "decides-first-record-not-first-key",
            "two records are for held keys: the order of the records decides",
            &[(named, a()), (named, b())],
            &[b(), a()],
            &a(),
        ),
        fails(
            "decides-broken-first",
            "the first record for a held key is broken: a good one behind it is not tried",
            "AUTH",
            &[(broken, a()), (named, b())],
            &[b(), a()],
        ),
        opens(
            "decides-broken-for-a-stranger",
            "a broken record for another key does not matter",
            &[(broken, a()), (named, b())],
            &[b()],
            &b(),
        ),
        fails(
            "decides-stray-first",
            "the first record opens to another data key: a good one behind it is not tried",
            "AUTH",
            &[(stray, a()), (named, b())],
            &[a(), b()],
        ),
        opens(
            "decides-stray-for-a-stranger",
            "another holder's record opens to another data key",
            &[(stray, a()), (named, b())],
            &[b()],
            &b(),
        ),
        fails(
            "decides-broken-pair-first",
            "a broken pair record stands before a good symmetric one",
            "AUTH",
            &[(broken, c()), (named, a())],
            &[a(), c()],
        ),
        fails(
            "decides-named-before-anonymous",
            "a broken named record decides, though an anonymous one before it would open",
            "AUTH",
            &[(anonymous, a()), (broken, b())],
            &[a(), b()],
        ),
        fails(
            "decides-named-before-passphrase",
            "a broken named record decides, though the passphrase would open",
            "AUTH",
            &[(named, w()), (broken, b())],
            &[w(), b()],
        ),
        opens(
            "decides-named-over-anonymous",
            "a named record opens, though an anonymous one stands before it",
            &[(anonymous, c()), (named, b())],
            &[c(), b()],
            &b(),
        ),
        opens(
            "anonymous-second-opens",
            "the first anonymous record is broken",
            &[(|k, f| broken(k, f).anonymous(), a()), (anonymous, b())],
            &[a(), b()],
            &b(),
        ),
        opens(
            "anonymous-stray-first",
            "the first anonymous record opens to another data key",
            &[(|k, f| stray(k, f).anonymous(), a()), (anonymous, b())],
            &[a(), b()],
            &b(),
        ),
        opens(
            "anonymous-order-of-records",
            "two anonymous records open: the order of the records decides",
            &[(anonymous, c()), (anonymous, a())],
            &[a(), c()],
            &c(),
        ),
        opens(
            "anonymous-pair-bad-share-first",
            "an anonymous record with a bad share, then a good one",
            &[
                (|k, f| f.record_with(k, (0, 0, 0), Some([0; 32])).anonymous(), c()),
                (anonymous, dave()),
            ],
            &[c(), dave()],
            &dave(),
        ),
        opens(
            "anonymous-third-key",
            "one anonymous record, three held keys",
            &[(anonymous, a())],
            &[b(), symmetric("eve"), a()],
            &a(),
        ),
        opens(
            "passphrase-behind-anonymous",
            "no anonymous record opens, the passphrase does",
            &[(anonymous, a()), (named, w())],
            &[b(), w()],
            &w(),
        ),
        opens(
            "anonymous-before-passphrase",
            "an anonymous record opens before the passphrase is tried, wherever it stands",
            &[(named, w()), (anonymous, a())],
            &[a(), w()],
            &a(),
        ),
        fails(
            "passphrase-stray",
            "the passphrase record opens to another data key",
            "NOKEY",
            &[(stray, w())],
            &[w()],
        ),
    ]
}

fn nobody() -> Vec<Vector> {
    let for_alice = [(NAMED, alice())];
    let for_carol = [(NAMED, carol())];
    let wrong_kind = |key: &Key, forge: &mut Forge| Rec { id: alice().id, ..forge.record(key) };
    let public = |name: &str, comment: &str, records: &[(Make, Key)]| {
        read(name, comment, records, &[]).0.key_text(carol().public_text()).fails("NOKEY")
    };
    vec![
        read("nokey-no-key", "the reader has no key", &for_alice, &[]).0.fails("NOKEY"),
        read("nokey-another-key", "the reader has another key", &for_alice, &[bob()])
            .0
            .fails("NOKEY"),
        read(
            "nokey-another-kind",
            "a symmetric key where a pair is needed",
            &for_carol,
            &[alice()],
        )
        .0
        .fails("NOKEY"),
        read(
            "nokey-id-of-another-kind",
            "a pair record with the id of a held symmetric key",
            &[(wrong_kind, carol())],
            &[alice()],
        )
        .0
        .fails("NOKEY"),
        read(
            "nokey-passphrase-unasked",
            "a passphrase where there is no record for one",
            &for_alice,
            &[words()],
        )
        .0
        .fails("NOKEY"),
        read(
            "nokey-anonymous",
            "no anonymous record is for the reader",
            &[(anonymous, alice()), (anonymous, carol())],
            &[bob(), dave()],
        )
        .0
        .fails("NOKEY"),
        public(
            "nokey-public-key",
            "the reader has the public half of the key, which opens nothing",
            &for_carol,
        ),
        public(
            "nokey-public-key-anonymous",
            "the same with an anonymous record",
            &[(anonymous, carol())],
        ),
        read("public-key-and-its-private-key", "the reader has both halves", &for_carol, &[])
            .0
            .key_text(carol().public_text())
            .with(&carol())
            .opens(&forge("public-key-and-its-private-key", &for_carol), &carol()),
    ]
}

/// Pairs of an anonymous record and a key of its kind: 1,024 are tried, more are not.
fn trials() -> Vec<Vector> {
    let made = |name: &str, comment: &str, records: usize, keys: usize, last: &[(Make, Key)]| {
        let holders = (0..records).map(|i| (ANONYMOUS, symmetric(&format!("holder {i}"))));
        let all: Vec<_> = holders.chain(last.iter().cloned()).collect();
        let held: Vec<_> = (0..keys).map(|i| symmetric(&format!("held {i}"))).collect();
        read(name, comment, &all, &held)
    };
    let last = [(ANONYMOUS, alice())];
    let (opened, opened_forge) = made(
        "trials-1024-last-opens",
        "16 anonymous records and 64 keys: the last record opens with the last key",
        15,
        63,
        &last,
    );
    let (held, held_forge) = made(
        "trials-1040-with-a-named-record",
        "a named record decides before the trials are counted",
        20 - 1,
        54,
        &[(named, alice())],
    );
    let (mixed, mixed_forge) = made(
        "trials-of-one-kind",
        "17 anonymous symmetric records and 60 symmetric keys; three pair keys do not count",
        16,
        59,
        &last,
    );
    vec![
        made("trials-1024", "16 anonymous records and 64 keys, none of which opens", 16, 64, &[])
            .0
            .fails("NOKEY"),
        opened.with(&alice()).opens(&opened_forge, &alice()),
        made("trials-1025", "one above the limit: 5 anonymous records and 205 keys", 5, 205, &[])
            .0
            .fails("LIMIT"),
        made("trials-1040", "20 anonymous records and 52 keys", 20, 52, &[]).0.fails("LIMIT"),
        made(
            "trials-1040-first-would-open",
            "the first record would open with the last key: none is tried",
            19,
            51,
            &last,
        )
        .0
        .with(&symmetric("holder 0"))
        .fails("LIMIT"),
        held.with(&alice()).opens(&held_forge, &alice()),
        mixed
            .with(&pair("x"))
            .with(&pair("y"))
            .with(&pair("z"))
            .with(&alice())
            .opens(&mixed_forge, &alice()),
    ]
}
