//! The statement: flags, plaintext length, context and metadata as fields.

use super::super::forge::{Forge, pairs, text};
use super::super::vector::{Vector, object};
use super::alice;

pub fn vectors() -> Vec<Vector> {
    [flags_and_lengths(), stated_lengths(), contexts(), metadata()].concat()
}

fn small(
    name: &str,
    rules: &str,
    comment: &str,
    class: &'static str,
    change: impl FnOnce(&mut Forge),
) -> Vector {
    // Honest wraps are bound to the statement as it is when the object is made, so the change
    // decides alone.
    let forge = Forge::small(name, &alice()).set(change);
    object(name, rules, comment, forge.object()).with(&alice()).fails(class)
}

fn good(name: &str, rules: &str, comment: &str, change: impl FnOnce(&mut Forge)) -> Vector {
    let forge = Forge::small(name, &alice()).set(change);
    object(name, rules, comment, forge.object()).with(&alice()).opens(&forge, &alice())
}

fn flags_and_lengths() -> Vec<Vector> {
    let mut all = Vec::new();
    for bit in 3..8 {
        let name = format!("statement-flag-bit-{bit}");
        let comment = format!("bit {bit} of the statement's flags is set");
        all.push(small(&name, "R9", &comment, "FORMAT", |f| f.flags = Some(1 | (1 << bit))));
    }
    let beyond: [(&str, u64); 3] =
        [("2-52", 1 << 52), ("2-63", 1 << 63), ("2-64-minus-1", u64::MAX)];
    for (name, length) in beyond {
        let name = format!("plaintext-length-{name}");
        let comment = "a stated plaintext length that no body can have";
        all.push(small(&name, "R10 R31", comment, "LIMIT", |f| f.length = Some(length)));
    }
    let comment = "the largest length that can be stated, on a small body";
    all.push(small("plaintext-length-2-52-minus-1", "R10 R32", comment, "AUTH", |f| {
        f.length = Some((1 << 52) - 1);
    }));
    all
}

/// A body of 16,484 bytes, which is a full chunk and one of 100, under other stated lengths.
fn stated_lengths() -> Vec<Vector> {
    let cases = [
        (0, 0),
        (100, 0),
        (16_383, 0),
        (16_384, 16_384),
        (16_483, 16_384),
        (16_485, 16_384),
        (32_768, 16_384),
        (60_000, 16_384),
    ];
    let case = |(stated, released): (u64, usize)| {
        let name = format!("plaintext-length-{stated}-of-16484");
        let comment = format!(
            "a holder states {stated} bytes for 16,484; a stream finds out at the first chunk that cannot agree"
        );
        let forge = Forge::new(&name, &text(16_484)).wrap(&alice());
        let forge = forge.set(|f| f.length = Some(stated));
        let made = object(&name, "R10 R32", &comment, forge.object()).with(&alice());
        made.fails_after("AUTH", &forge.text[..released])
    };
    cases.map(case).to_vec()
}

fn contexts() -> Vec<Vector> {
    let many = |count: usize| -> Vec<(String, String)> {
        (0..count).map(|i| (format!("n{i:03}"), i.to_string())).collect()
    };
    let long = |len: usize| pairs(&[(b"n".to_vec(), vec![b'v'; len - 4])]);
    vec![
        small(
            "context-length-0",
            "R11",
            "the context's flag is set, its length is 0",
            "FORMAT",
            |f| f.context = Some(Vec::new()),
        ),
        good("context-16384-bytes", "R11", "the longest context", |f| {
            f.context = Some(long(16_384))
        }),
        small("context-16385-bytes", "R11", "a context one byte too long", "LIMIT", |f| {
            f.context = Some(long(16_385))
        }),
        small(
            "context-bomb",
            "R11 R53",
            "a context length of 65,535 in a short header: the limit comes before whether it fits",
            "LIMIT",
            |f| {
                f.context = Some(pairs(&[("n", "v")]));
                f.context_len = Some(65_535);
            },
        ),
        small(
            "context-runs-into-tag",
            "R11 R53",
            "a context length of 16,384 in a short header",
            "FORMAT",
            |f| {
                f.context = Some(pairs(&[("n", "v")]));
                f.context_len = Some(16_384);
            },
        ),
        good("context-64-pairs", "R11", "as many pairs as can be", |f| {
            f.context = Some(pairs(&many(64)))
        }),
        small("context-65-pairs", "R11", "one pair too many", "LIMIT", |f| {
            f.context = Some(pairs(&many(65)))
        }),
        small(
            "context-65th-pair-of-one-byte",
            "R11 R53",
            "the first byte of a 65th pair, of which there is no more",
            "LIMIT",
            |f| {
                f.context = Some([pairs(&many(64)), vec![4]].concat());
            },
        ),
        small(
            "context-65-pairs-out-of-order",
            "R12 R53",
            "the third pair stands wrong, before the 65th is met",
            "FORMAT",
            |f| {
                let mut list = many(65);
                list.swap(1, 2);
                f.context = Some(pairs(&list));
            },
        ),
        small(
            "context-64-pairs-last-out-of-order",
            "R12",
            "the 64th pair repeats the 63rd's name",
            "FORMAT",
            |f| {
                let mut list = many(64);
                list[63].0 = list[62].0.clone();
                f.context = Some(pairs(&list));
            },
        ),
    ]
}

fn metadata() -> Vec<Vector> {
    let wrong = |name: &str, comment: &str, class, pairs: Vec<u8>| {
        small(name, "R12 R14 R16", comment, class, |f| f.metadata = Some(pairs))
    };
    let sealed = |name: &str, rules: &str, comment: &str, class, len: usize| {
        small(name, rules, comment, class, |f| f.sealed_metadata = Some(vec![7; len]))
    };
    let many: Vec<_> = (0..65).map(|i| (format!("n{i:02}"), b"")).collect();
    let disorder = || pairs(&[("b", "1"), ("a", "2")]);
    vec![
        sealed("metadata-0-bytes", "R14", "sealed metadata of no byte", "FORMAT", 0),
        sealed(
            "metadata-19-bytes",
            "R14",
            "sealed metadata too short for a pair and a tag",
            "FORMAT",
            19,
        ),
        sealed("metadata-16385-bytes", "R14", "sealed metadata one byte too long", "LIMIT", 16_385),
        small(
            "metadata-bomb",
            "R14 R53",
            "a metadata length of 65,535 in a short header",
            "LIMIT",
            |f| {
                f.metadata = Some(pairs(&[("n", "v")]));
                f.metadata_len = Some(65_535);
            },
        ),
        small(
            "metadata-runs-into-tag",
            "R14 R53",
            "a metadata length of 16,384 in a short header",
            "FORMAT",
            |f| {
                f.metadata = Some(pairs(&[("n", "v")]));
                f.metadata_len = Some(16_384);
            },
        ),
        good("metadata-16384-bytes", "R14", "the longest sealed metadata", |f| {
            f.metadata = Some(pairs(&[(b"n".to_vec(), vec![0xff; 16_384 - 16 - 4])]));
        }),
        good("metadata-64-pairs", "R14", "as many pairs as can be", |f| {
            f.metadata = Some(pairs(&many[..64]))
        }),
        wrong("metadata-65-pairs", "one pair too many, sealed by a holder", "LIMIT", pairs(&many)),
        wrong(
            "metadata-out-of-order",
            "names that do not ascend, sealed by a holder",
            "FORMAT",
            disorder(),
        ),
        wrong(
            "metadata-name-twice",
            "one name twice, sealed by a holder",
            "FORMAT",
            pairs(&[("a", "1"), ("a", "2")]),
        ),
        wrong(
            "metadata-name-empty",
            "an empty name, sealed by a holder",
            "FORMAT",
            pairs(&[("", "1234")]),
        ),
        wrong(
            "metadata-name-not-utf8",
            "a name that is not UTF-8",
            "FORMAT",
            pairs(&[(b"\xff", b"1234")]),
        ),
        wrong(
            "metadata-trailing-byte",
            "a byte behind the last pair",
            "FORMAT",
            [pairs(&[("a", "1")]), vec![0]].concat(),
        ),
        wrong(
            "metadata-pair-too-long",
            "a value that runs out of the metadata",
            "FORMAT",
            vec![1, 0, 9, b'a', b'1'],
        ),
        sealed(
            "metadata-not-authentic",
            "R16 R36",
            "metadata that does not open, under a right header tag",
            "AUTH",
            40,
        ),
        small(
            "metadata-of-another-object",
            "R15 R16",
            "metadata sealed for another statement under the same data key",
            "AUTH",
            |f| {
                let other = f.clone().context(&[("tenant", "acme")]).metadata(&[("a", b"1")]);
                f.sealed_metadata = other.sealed_pairs();
            },
        ),
        small(
            "metadata-flag-not-in-its-aad",
            "R15 R16",
            "metadata sealed over flags without bit 2",
            "AUTH",
            |f| {
                let other = f.clone().metadata(&[("a", b"1")]).set(|f| f.flags = Some(1));
                f.sealed_metadata = other.sealed_pairs();
            },
        ),
        // The order of R35.
        out_of_order_steps(
            "metadata-behind-commitment",
            "R16 R35",
            "another commitment is found before metadata that is not canonical",
            "AUTH",
            disorder(),
            |f, mut o| {
                o[f.header().len() + 24] ^= 1;
                o
            },
        ),
        out_of_order_steps(
            "metadata-before-chunks",
            "R16 R35",
            "metadata that is not canonical is found before a chunk that does not open",
            "FORMAT",
            disorder(),
            |_, mut o| {
                *o.last_mut().unwrap() ^= 1;
                o
            },
        ),
        small(
            "metadata-before-length",
            "R16 R32",
            "metadata that is not canonical is found before a length that does not agree",
            "FORMAT",
            |f| {
                f.metadata = Some(disorder());
                f.length = Some(13);
            },
        ),
    ]
}

fn out_of_order_steps(
    name: &str,
    rules: &str,
    comment: &str,
    class: &'static str,
    pairs: Vec<u8>,
    change: impl FnOnce(&Forge, Vec<u8>) -> Vec<u8>,
) -> Vector {
    let forge = Forge::small(name, &alice()).set(|f| f.metadata = Some(pairs));
    object(name, rules, comment, change(&forge, forge.object())).with(&alice()).fails(class)
}
