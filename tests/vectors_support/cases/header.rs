//! The header as a whole: magic, version, length, padding, tag.

use super::super::forge::{Forge, draw, pairs, rng};
use super::super::vector::{Vector, object};
use super::alice;

pub fn vectors() -> Vec<Vector> {
    [preambles(), lengths(), cut_inputs(), cut_fields(), paddings_and_tags()].concat()
}

/// A small object for alice, changed.
fn refused(
    name: &str,
    rules: &str,
    comment: &str,
    class: &'static str,
    change: impl FnOnce(&mut Forge),
) -> Vector {
    let forge = Forge::small(name, &alice()).set(change);
    object(name, rules, comment, forge.object()).with(&alice()).fails(class)
}

fn bytes(
    name: &str,
    rules: &str,
    comment: &str,
    class: &'static str,
    change: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> Vector {
    let made = change(Forge::small(name, &alice()).object());
    object(name, rules, comment, made).with(&alice()).fails(class)
}

fn preambles() -> Vec<Vector> {
    let mut all = vec![
        bytes("input-empty", "R4", "no byte at all", "FORMAT", |_| Vec::new()),
        bytes("input-one-byte", "R4", "the first byte of the magic alone", "FORMAT", |o| {
            o[..1].to_vec()
        }),
        bytes("input-text", "R4", "a text file", "FORMAT", |_| b"meet at noon\n".to_vec()),
        bytes(
            "magic-last-byte",
            "R4",
            "the fifth byte of the magic is another",
            "FORMAT",
            |mut o| {
                o[4] = b'\r';
                o
            },
        ),
        bytes(
            "magic-crlf",
            "R4",
            "damaged by a transfer in text mode: LF became CR LF",
            "FORMAT",
            |o| {
                o.iter()
                    .flat_map(|byte| {
                        if *byte == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(byte) }
                    })
                    .copied()
                    .collect()
            },
        ),
        bytes(
            "magic-top-bit-stripped",
            "R4",
            "damaged by seven-bit transfer: the top bit of the first byte",
            "FORMAT",
            |mut o| {
                o[0] &= 0x7f;
                o
            },
        ),
        refused(
            "suite-2-and-length-too-long",
            "R5 R53",
            "the suite is checked before the header length",
            "FORMAT",
            |f| {
                f.suite = 2;
                f.units = Some(0xffff);
            },
        ),
    ];
    for version in [0, 2, 255] {
        let name = format!("version-{version}");
        all.push(refused(&name, "R5", "another version, sealed as such", "FORMAT", |f| {
            f.version = version
        }));
    }
    for suite in [0, 2] {
        let name = format!("suite-{suite}");
        all.push(refused(&name, "R5", "another suite, sealed as such", "FORMAT", |f| {
            f.suite = suite
        }));
    }
    all
}

fn lengths() -> Vec<Vector> {
    let declared = |name: &str, comment: &str, class, units| {
        refused(name, "R6", comment, class, |f| f.units = Some(units))
    };
    let exact = u16::try_from(Forge::small("", &alice()).header().len() / 8).unwrap();
    vec![
        declared("header-length-0", "a header length of 0", "FORMAT", 0),
        declared("header-length-8", "a header length shorter than the preamble", "FORMAT", 1),
        declared(
            "header-length-40",
            "a header length without room for preamble and tag",
            "FORMAT",
            5,
        ),
        declared("header-length-48", "a header length without room for a statement", "FORMAT", 6),
        declared(
            "header-length-short",
            "a header length 8 too small: a record runs into the tag",
            "FORMAT",
            exact - 1,
        ),
        declared(
            "header-length-long",
            "a header length 8 too large: the tag is taken for padding",
            "FORMAT",
            exact + 1,
        ),
        declared(
            "header-length-beyond-input",
            "a header length of 65,536 in a small object",
            "FORMAT",
            8_192,
        ),
        declared("header-length-65544", "a header length just above the limit", "LIMIT", 8_193),
        declared(
            "header-length-largest",
            "the largest header length that can be written",
            "LIMIT",
            0xffff,
        ),
        bytes(
            "header-bomb",
            "R6 R53",
            "nine bytes that declare 65,544: the limit is checked before the input's length",
            "LIMIT",
            |o| [&o[..7], &[0x20, 0x01]].concat(),
        ),
        refused(
            "header-length-short-with-room",
            "R6 R24",
            "a header length 8 too small where the padding has room: another tag",
            "AUTH",
            |f| {
                let len = f.header().len();
                *f = f.clone().room(len + 64);
                f.units = Some(u16::try_from(len / 8).unwrap() + 7);
            },
        ),
    ]
}

fn cut_inputs() -> Vec<Vector> {
    let length = Forge::small("", &alice()).header().len();
    let places = [
        ("in-magic", 4),
        ("behind-magic", 5),
        ("behind-version", 6),
        ("behind-suite", 7),
        ("in-header-length", 8),
        ("behind-preamble", 9),
        ("in-object-id", 24),
        ("behind-statement", 34),
        ("in-record", 100),
        ("before-tag", length - 32),
        ("in-tag", length - 1),
    ];
    let cut = |(place, len): (&str, usize)| {
        let comment = format!("the input ends after {len} bytes of the header");
        bytes(&format!("input-cut-{place}"), "R6", &comment, "FORMAT", |o| o[..len].to_vec())
    };
    places.map(cut).to_vec()
}

fn cut_fields() -> Vec<Vector> {
    // A header's length is a multiple of 8; a context of the right length lets it end in any field
    // behind it.
    let places = [
        ("object-id", 15),
        ("plaintext-length", 23),
        ("generation", 31),
        ("access-flags", 33),
        ("record-count", 34),
        ("records", 35),
        ("record-length", 37),
        ("record", 60),
    ];
    let cut = |(field, len): (&str, usize)| {
        let name = format!("header-ends-in-{field}");
        let comment = format!("the fields end in or before the {field}; the header tag is right");
        refused(&name, "R6 R53", &comment, "FORMAT", |f| {
            let mut len = len;
            if len > 25 {
                let value = (7 + 16 - (len + 2 + 4) % 8) % 8;
                f.context = Some(pairs(&[("n", "v".repeat(value))]));
                len += 2 + 4 + value;
            }
            f.cut = Some(len);
            f.padding = Some(Vec::new());
        })
    };
    places.map(cut).to_vec()
}

fn paddings_and_tags() -> Vec<Vector> {
    let room = |f: &mut Forge, at: usize| {
        let len = f.header().len();
        *f = f.clone().room(len + 24);
        f.padding.as_mut().unwrap()[at] = 1;
    };
    let other: [u8; 32] = draw(&mut rng("another data key"));
    vec![
        refused(
            "padding-first-byte",
            "R7 R23",
            "the first byte of the padding is not zero",
            "FORMAT",
            |f| room(f, 0),
        ),
        refused(
            "padding-last-byte",
            "R7 R23",
            "the last byte of the padding is not zero",
            "FORMAT",
            |f| room(f, 23),
        ),
        bytes("tag-flipped", "R24 R36", "one bit of the header tag", "AUTH", |mut o| {
            let end = Forge::small("tag-flipped", &alice()).header().len();
            o[end - 1] ^= 1;
            o
        }),
        bytes("tag-zero", "R24 R36", "a header tag of zeros", "AUTH", |mut o| {
            let end = Forge::small("tag-zero", &alice()).header().len();
            o[end - 32..end].fill(0);
            o
        }),
        refused(
            "tag-under-another-key",
            "R24 R36",
            "the generation changed, the header tag made anew under a key of the provider",
            "AUTH",
            |f| {
                f.generation = 1;
                f.tag_key = Some(other);
            },
        ),
        bytes(
            "padding-grown-by-provider",
            "R24",
            "the provider lengthened the padding and the header length",
            "AUTH",
            |o| {
                let len = Forge::small("padding-grown-by-provider", &alice()).header().len();
                let units = u16::try_from(len / 8 + 1).unwrap().to_be_bytes();
                [&o[..7], &units, &o[9..len - 32], &[0; 8], &o[len - 32..]].concat()
            },
        ),
    ]
}
