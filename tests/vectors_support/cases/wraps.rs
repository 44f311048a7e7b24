//! Wraps: what they are bound to, X25519 shares that are bad, runs.

use super::super::crypto::{gcm_keystream, hpke_seal, two_keys_one_ciphertext};
use super::super::forge::{Forge, draw};
use super::super::keys::Key;
use super::super::vector::{Vector, object};
use super::{alice, bob, carol, dave};

pub fn vectors() -> Vec<Vector> {
    [symmetric(), pairs(), shares(), runs(), two_keys()].concat()
}

fn refused(
    name: &str,
    rules: &str,
    comment: &str,
    key: &Key,
    class: &'static str,
    change: impl FnOnce(&mut Forge),
) -> Vector {
    let forge = Forge::small(name, key).set(change);
    object(name, rules, comment, forge.object()).with(key).fails(class)
}

/// Changes the record's payload as it would stand, under a header tag that a holder makes.
fn flipped(
    name: &str,
    rules: &str,
    comment: &str,
    key: &Key,
    class: &'static str,
    at: usize,
) -> Vector {
    refused(name, rules, comment, key, class, |f| {
        let mut payload = f.record_bytes(&f.records[0])[3..].to_vec();
        payload[at] ^= 0x80;
        f.records[0].payload = Some(payload);
    })
}

fn symmetric() -> Vec<Vector> {
    let other = Forge::small("wrap-from-another-object, the other", &alice());
    vec![
        flipped("wrap-nonce-flipped", "R25 R36", "one bit of the wrap nonce", &alice(), "AUTH", 16),
        flipped(
            "wrap-key-flipped",
            "R25 R36",
            "one bit of the wrapped data key",
            &alice(),
            "AUTH",
            40,
        ),
        flipped("wrap-tag-flipped", "R25 R36", "one bit of the wrap's tag", &alice(), "AUTH", 87),
        refused(
            "wrap-from-another-object",
            "R26 R36",
            "the record of another object of the same key",
            &alice(),
            "AUTH",
            |f| {
                f.records[0].payload = Some(other.record_bytes(&other.records[0])[3..].to_vec());
            },
        ),
        refused(
            "wrap-bound-to-another-object-id",
            "R26",
            "a wrap of the right data key, bound to another object id",
            &alice(),
            "AUTH",
            |f| {
                f.records[0].bound_to = Some([9; 16]);
            },
        ),
        refused(
            "wrap-bound-to-another-statement",
            "R26",
            "a wrap of the right data key, bound to another context",
            &alice(),
            "AUTH",
            |f| {
                let bare = f.record_bytes(&f.records[0])[3..].to_vec();
                *f = f.clone().context(&[("tenant", "acme")]);
                f.records[0].payload = Some(bare);
            },
        ),
        refused(
            "wrap-bound-to-a-key-id",
            "R23 R26 R36",
            "a named record made anonymous: the binding has the id",
            &alice(),
            "NOKEY",
            |f| {
                let mut payload = f.record_bytes(&f.records[0])[3..].to_vec();
                payload[..16].fill(0);
                f.records[0].payload = Some(payload);
            },
        ),
        refused(
            "wrap-bound-to-a-zero-id",
            "R23 R26 R36",
            "an anonymous record given a name: the binding has the zero id",
            &alice(),
            "AUTH",
            |f| {
                f.records[0].id = [0; 16];
                let mut payload = f.record_bytes(&f.records[0])[3..].to_vec();
                payload[..16].copy_from_slice(&alice().id);
                f.records[0].payload = Some(payload);
            },
        ),
        refused(
            "wrap-under-another-key",
            "R27 R36",
            "the reader's key id on another key's wrap",
            &alice(),
            "AUTH",
            |f| {
                let id = f.records[0].id;
                f.records = vec![f.record(&bob())];
                f.records[0].id = id;
            },
        ),
        refused(
            "wrap-of-another-data-key",
            "R24 R36",
            "a good wrap of a data key that the header tag is not under",
            &alice(),
            "AUTH",
            |f| {
                f.records[0].data_key = Some([7; 32]);
            },
        ),
        refused(
            "wrap-of-another-data-key-anonymous",
            "R24 R36",
            "the same in an anonymous record",
            &alice(),
            "NOKEY",
            |f| {
                f.records[0].id = [0; 16];
                f.records[0].data_key = Some([7; 32]);
            },
        ),
    ]
}

fn pairs() -> Vec<Vector> {
    let c = carol();
    vec![
        flipped(
            "pair-ciphertext-flipped",
            "R28 R36",
            "one bit of the ML-KEM ciphertext: implicit rejection gives another secret",
            &c,
            "AUTH",
            16,
        ),
        flipped(
            "pair-share-flipped",
            "R28 R36",
            "one bit of the X25519 share",
            &c,
            "AUTH",
            16 + 1_100,
        ),
        flipped(
            "pair-run-key-flipped",
            "R28 R36",
            "one bit of the sealed run key",
            &c,
            "AUTH",
            16 + 1_120,
        ),
        flipped(
            "pair-run-key-tag-flipped",
            "R28 R36",
            "one bit of the tag of the sealed run key",
            &c,
            "AUTH",
            16 + 1_167,
        ),
        flipped(
            "pair-wrap-flipped",
            "R28 R36",
            "one bit of the wrapped data key",
            &c,
            "AUTH",
            16 + 1_168 + 24,
        ),
        refused(
            "pair-under-another-public-key",
            "R28 R36",
            "the reader's key id on a record for another public key",
            &c,
            "AUTH",
            |f| {
                f.records = vec![f.record(&dave())];
                f.records[0].id = carol().id;
            },
        ),
        refused(
            "pair-enc-of-another-run",
            "R26 R28",
            "enc and sealed run key of another run of the same key: the binding has them",
            &c,
            "AUTH",
            |f| {
                let other = f.record(&carol());
                let mut payload = f.record_bytes(&f.records[0])[3..].to_vec();
                payload[16..16 + 1_168].copy_from_slice(&other.parameters);
                f.records[0].payload = Some(payload);
            },
        ),
        refused(
            "pair-of-another-label",
            "R3 R28",
            "a run key sealed under another HPKE info",
            &c,
            "AUTH",
            |f| {
                let (public, _) = carol().pair.unwrap();
                let randomness = draw(&mut f.rng);
                let (enc, shared) = super::super::crypto::encapsulate(&public, &randomness, None);
                let wrapping = f.records[0].wrapping;
                let sealed = hpke_seal(&shared, b"keystead/v1/pair\0", b"", &wrapping);
                f.records[0].parameters = [enc, sealed].concat();
            },
        ),
    ]
}

fn number(hex: &str) -> [u8; 32] {
    let byte = |i: usize| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap();
    std::array::from_fn(byte)
}

/// 2^255 - 19 + n, little-endian.
fn p_plus(n: u8) -> [u8; 32] {
    let mut share = [0xff; 32];
    share[31] = 0x7f;
    share[0] = 0xed + n;
    share
}

/// Every share that X25519 takes and this format refuses, each in an object that is otherwise
/// right.
fn shares() -> Vec<Vector> {
    let mut p_minus_1 = p_plus(0);
    p_minus_1[0] -= 1;
    let mut one = [0; 32];
    one[0] = 1;
    let top = |mut share: [u8; 32]| {
        share[31] |= 0x80;
        share
    };
    let order_8 = number("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800");
    let other_8 = number("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157");
    let mut base = [0; 32];
    base[0] = 9;
    let cases = [
        ("zero", "0", [0; 32]),
        ("one", "1, a point of order 4", one),
        ("order-8", "a point of order 8", order_8),
        ("order-8-other", "the other point of order 8", other_8),
        ("p-minus-1", "2^255 - 20, a point of order 4", p_minus_1),
        ("p", "2^255 - 19, which is 0", p_plus(0)),
        ("p-plus-1", "2^255 - 18, which is 1", p_plus(1)),
        (
            "p-plus-9",
            "2^255 - 10, which is the base point 9: X25519 alone would take it",
            p_plus(9),
        ),
        ("p-plus-18", "2^255 - 1, the largest of 255 bits", p_plus(18)),
        ("top-bit", "the base point with the top bit set: X25519 alone would mask it", top(base)),
        ("top-bit-zero", "0 with the top bit set", top([0; 32])),
        ("top-bit-order-8", "a point of order 8 with the top bit set", top(order_8)),
        ("all-ones", "32 bytes of ff", [0xff; 32]),
    ];
    let mut all = Vec::new();
    for (name, comment, share) in cases {
        for anonymous in [false, true] {
            let suffix = if anonymous { "-anonymous" } else { "" };
            if anonymous && !["zero", "p-plus-9", "top-bit"].contains(&name) {
                continue;
            }
            let name = format!("share-{name}{suffix}");
            let comment = format!(
                "the X25519 share is {comment}; all else is right under the secret that it gives"
            );
            let class = if anonymous { "NOKEY" } else { "AUTH" };
            all.push(refused(&name, "R28 R36", &comment, &carol(), class, |f| {
                f.records =
                    vec![f.record_with(&carol(), super::super::forge::FLOOR_COSTS, Some(share))];
                if anonymous {
                    f.records[0].id = [0; 16];
                }
            }));
        }
    }
    // The same construction with a share that is good.
    let mut good = Forge::new("share-base-point", b"meet at noon");
    let record = good.record_with(&carol(), super::super::forge::FLOOR_COSTS, Some(base));
    let good = good.push(record);
    let comment = "the X25519 share is the base point itself: canonical, and not of low order";
    all.push(
        object("share-base-point", "R28", comment, good.object())
            .with(&carol())
            .opens(&good, &carol()),
    );
    all
}

fn runs() -> Vec<Vector> {
    let first = Forge::small("run-shared-first", &carol());
    let mut second = Forge::new("run-shared-second", b"meet at ten");
    let mut record = first.records[0].clone();
    record.nonce = draw(&mut second.rng);
    let second = second.push(record);
    let object_of = |name: &str, forge: &Forge| {
        let comment = "one of two objects that share enc and sealed run key";
        object(name, "R28", comment, forge.object()).with(&carol()).opens(forge, &carol())
    };
    let mut crossed = second.clone();
    crossed.records[0].payload = Some(first.record_bytes(&first.records[0])[3..].to_vec());
    let comment = "the record of the other object of the run: the same run key, another binding";
    vec![
        object_of("run-shared-first", &first),
        object_of("run-shared-second", &second),
        object("run-record-of-the-other-object", "R26 R28", comment, crossed.object())
            .with(&carol())
            .fails("AUTH"),
    ]
}

/// One anonymous wrap that is valid under two keys and gives each another data key; the header tag
/// is right under one.
fn two_keys() -> Vec<Vector> {
    let name = "wrap-valid-under-two-keys";
    let mut forge = Forge::new(name, b"meet at noon");
    let mut record = forge.record(&alice()).anonymous();
    let mut other = forge.record(&bob()).anonymous();
    other.nonce = record.nonce;
    let (a, b) = (Forge::wrap_key(&record), Forge::wrap_key(&other));
    let first = u128::from_be_bytes(draw(&mut forge.rng));
    let wrapped = two_keys_one_ciphertext(&a, &b, &forge.binding(&record), first);
    forge.data_key = gcm_keystream(&a, &wrapped);
    record.wrapped = Some(wrapped);
    let forge = forge.push(record);
    let comment = "an anonymous wrap that opens under two keys to two data keys; the header tag is right under";
    let made = |suffix: &str, which: &str| {
        object(
            &format!("{name}{suffix}"),
            "R24 R26 R36",
            &format!("{comment} {which}"),
            forge.object(),
        )
    };
    vec![
        made("-right-one", "the reader's").with(&alice()).opens(&forge, &alice()),
        made("-wrong-one", "the other").with(&bob()).fails("NOKEY"),
        made("-both-held", "the second that is tried")
            .with(&bob())
            .with(&alice())
            .opens(&forge, &alice()),
    ]
}
