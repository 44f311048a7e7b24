//! The body: salt, commitment, chunks; what a stream has released by then.

use super::super::crypto::{gcm_keystream, two_keys_one_ciphertext};
use super::super::forge::{CHUNK, Forge, PREFIX, SEALED_CHUNK, draw, text};
use super::super::vector::{Vector, object};
use super::{alice, bob};

type Chunks = Vec<Vec<u8>>;

pub fn vectors() -> Vec<Vector> {
    [prefixes(), cuts(), chunks(), dishonest(), two_keys()].concat()
}

/// For alice: one full chunk and one of 32 bytes.
fn two(name: &str) -> Forge {
    Forge::new(name, &text(CHUNK + 32)).wrap(&alice())
}

/// For alice: two full chunks and one of 32 bytes.
fn three(name: &str) -> Forge {
    Forge::new(name, &text(2 * CHUNK + 32)).wrap(&alice())
}

/// Other chunks behind an honest header that states no length, so that the chunks alone decide;
/// `released` of them come out first.
fn changed(
    make: fn(&str) -> Forge,
    name: &str,
    comment: &str,
    released: usize,
    change: impl FnOnce(&Forge, &mut Chunks),
) -> Vector {
    let forge = make(name).unstated();
    let mut chunks = forge.chunks();
    change(&forge, &mut chunks);
    let made = object(name, "R30 R32 R35", comment, forge.with_chunks(&chunks)).with(&alice());
    made.fails_after("AUTH", &forge.text[..released * CHUNK])
}

fn prefixes() -> Vec<Vector> {
    let one = |name: &str| Forge::new(name, &text(32)).wrap(&alice());
    let other = one("another object of the same key");
    let small = |name: &str, comment: &str, change: &dyn Fn(&Forge, &mut Vec<u8>)| {
        let forge = one(name);
        let mut bytes = forge.object();
        change(&forge, &mut bytes);
        object(name, "R30 R35 R36", comment, bytes).with(&alice()).fails("AUTH")
    };
    let at = |forge: &Forge| forge.header().len();
    vec![
        small("salt-flipped", "one bit of the salt", &|f, o| o[at(f)] ^= 1),
        small("commitment-first-bit", "the first bit of the commitment", &|f, o| {
            o[at(f) + 24] ^= 0x80
        }),
        small("commitment-last-bit", "the last bit of the commitment", &|f, o| o[at(f) + 55] ^= 1),
        small("commitment-zero", "a commitment of zeros", &|f, o| {
            o[at(f) + 24..at(f) + 56].fill(0)
        }),
        small(
            "commitment-of-another-object",
            "the commitment of another object of the same key",
            &|f, o| {
                o[at(f) + 24..at(f) + 56].copy_from_slice(&other.prefix()[24..]);
            },
        ),
        small(
            "prefix-of-another-object",
            "salt and commitment of another object of the same key",
            &|f, o| {
                o[at(f)..at(f) + 56].copy_from_slice(&other.prefix());
            },
        ),
        small("body-of-another-object", "the body of another object of the same key", &|f, o| {
            *o = [f.header(), other.prefix(), other.chunks().concat()].concat();
        }),
        small(
            "body-of-the-same-data-key",
            "a body that a holder made under the same data key for another statement",
            &|f, o| {
                let twin = f.clone().context(&[("tenant", "acme")]);
                *o = [f.header(), twin.prefix(), twin.chunks().concat()].concat();
            },
        ),
    ]
}

fn cuts() -> Vec<Vector> {
    let first = 56 + SEALED_CHUNK;
    let body = first + 32 + 16;
    // Name, bytes of the body that stay, chunks that a stream releases.
    let places: [(&str, usize, usize); 14] = [
        ("behind-header", 0, 0),
        ("in-salt", 23, 0),
        ("behind-salt", 24, 0),
        ("in-commitment", 55, 0),
        ("behind-commitment", PREFIX, 0),
        ("after-15-bytes-of-chunk", 56 + 15, 0),
        ("after-16-bytes-of-chunk", 56 + 16, 0),
        ("in-first-chunk", 9_000, 0),
        ("in-first-tag", first - 1, 0),
        ("behind-first-chunk", first, 1),
        ("after-1-byte-of-last", first + 1, 1),
        ("after-15-bytes-of-last", first + 15, 1),
        ("after-16-bytes-of-last", first + 16, 1),
        ("in-last-tag", body - 1, 1),
    ];
    let mut all = Vec::new();
    for (place, left, released) in places {
        let comment = format!("the body is cut after {left} of {body} bytes");
        let make = |forge: &Forge| {
            let mut bytes = forge.object();
            bytes.truncate(forge.header().len() + left);
            bytes
        };
        let name = format!("cut-{place}");
        let stated = two(&name);
        let made = object(&name, "R32 R35", &comment, make(&stated)).with(&alice());
        all.push(made.fails_after("AUTH", &stated.text[..released * CHUNK]));
        if left == PREFIX || left == first || left == first + 15 {
            let name = format!("{name}-unstated");
            let unstated = two(&name).unstated();
            let comment = format!("{comment}, the length not stated");
            let made = object(&name, "R31 R32", &comment, make(&unstated)).with(&alice());
            all.push(made.fails_after("AUTH", &unstated.text[..released * CHUNK]));
        }
    }
    all
}

fn chunks() -> Vec<Vector> {
    let other = |make: fn(&str) -> Forge| make("another object of the same key").chunks();
    vec![
        changed(two, "chunk-first-flipped", "one bit of the first chunk", 0, |_, c| c[0][0] ^= 1),
        changed(two, "chunk-first-tag-flipped", "one bit of the first chunk's tag", 0, |_, c| {
            c[0][SEALED_CHUNK - 1] ^= 0x80;
        }),
        changed(three, "chunk-second-flipped", "one bit of the second chunk", 1, |_, c| {
            c[1][8_000] ^= 1
        }),
        changed(two, "chunk-last-flipped", "one bit of the last chunk", 1, |_, c| c[1][0] ^= 1),
        changed(two, "chunk-last-tag-flipped", "the last bit of the object", 1, |_, c| {
            c[1][47] ^= 1
        }),
        changed(three, "chunks-swapped", "the first two chunks have changed places", 0, |_, c| {
            c.swap(0, 1)
        }),
        changed(
            three,
            "chunks-last-two-swapped",
            "the last two chunks have changed places",
            1,
            |_, c| c.swap(1, 2),
        ),
        changed(two, "chunk-first-dropped", "the first chunk is missing", 0, |_, c| {
            drop(c.remove(0))
        }),
        changed(three, "chunk-second-dropped", "the second chunk is missing", 1, |_, c| {
            drop(c.remove(1))
        }),
        changed(two, "chunk-first-doubled", "the first chunk stands twice", 1, |_, c| {
            c.insert(0, c[0].clone())
        }),
        changed(
            two,
            "chunk-last-doubled",
            "the last chunk stands twice: one piece too long",
            1,
            |_, c| c.push(c[1].clone()),
        ),
        changed(
            two,
            "chunk-from-another-object",
            "the first chunk is that of another object of the same key",
            0,
            |_, c| {
                c[0] = other(two).remove(0);
            },
        ),
        changed(
            three,
            "chunk-second-from-another-object",
            "the second chunk is that of another object of the same key",
            1,
            |_, c| {
                c[1] = other(three).remove(1);
            },
        ),
        changed(
            two,
            "chunk-last-from-another-object",
            "the last chunk is that of another object of the same key",
            1,
            |_, c| {
                c[1] = other(two).remove(1);
            },
        ),
        changed(two, "chunk-zeroed", "the last chunk is zeros", 1, |_, c| c[1].fill(0)),
        changed(two, "appended-1-byte", "a line feed behind the object", 1, |_, c| {
            c.push(b"\n".to_vec())
        }),
        changed(two, "appended-15-bytes", "15 bytes behind the object", 1, |_, c| {
            c.push(vec![0; 15])
        }),
        changed(two, "appended-16-bytes", "16 bytes behind the object", 1, |_, c| {
            c.push(vec![0; 16])
        }),
        changed(
            two,
            "appended-empty-chunk",
            "a holder's empty chunk behind the last",
            1,
            |f, c| c.push(f.chunk(2, b"")),
        ),
        changed(two, "appended-object", "the object once more behind itself", 1, |f, c| {
            c.push(f.object())
        }),
    ]
}

/// Bodies that only a holder of the data key can make: every chunk is sealed right at its number.
fn dishonest() -> Vec<Vector> {
    let holder =
        |name: &str, comment: &str, stated: bool, made: fn(&Forge) -> Chunks, released: usize| {
            let forge = three(name);
            let forge = if stated { forge } else { forge.unstated() };
            let bytes = forge.with_chunks(&made(&forge));
            let made = object(name, "R31 R32 R34", comment, bytes).with(&alice());
            made.fails_after("AUTH", &forge.text[..released * CHUNK])
        };
    vec![
        holder(
            "last-chunk-full",
            "the last chunk is full, and the empty one behind it is missing",
            false,
            |f| vec![f.chunk(0, &f.text[..CHUNK])],
            1,
        ),
        holder(
            "last-chunk-full-stated",
            "the same where the length is stated",
            true,
            |f| vec![f.chunk(0, &f.text[..CHUNK]), f.chunk(1, &f.text[CHUNK..2 * CHUNK])],
            2,
        ),
        holder(
            "two-lasts",
            "two short chunks one behind the other",
            false,
            |f| vec![f.chunk(0, &f.text[..CHUNK]), f.chunk(1, b"short"), f.chunk(2, b"short too")],
            1,
        ),
        holder(
            "empty-chunk-in-the-middle",
            "an empty chunk before a full one",
            false,
            |f| vec![f.chunk(0, &f.text[..CHUNK]), f.chunk(1, b""), f.chunk(2, &f.text[..CHUNK])],
            1,
        ),
        holder(
            "short-chunk-first",
            "a short chunk before a full one",
            false,
            |f| vec![f.chunk(0, &f.text[..100]), f.chunk(1, &f.text[..CHUNK])],
            0,
        ),
        holder(
            "chunk-numbers-from-1",
            "the chunks are numbered from 1",
            false,
            |f| vec![f.chunk(1, &f.text[..CHUNK]), f.chunk(2, b"short")],
            0,
        ),
        holder(
            "chunk-number-not-counted",
            "every chunk is sealed as number 0",
            false,
            |f| vec![f.chunk(0, &f.text[..CHUNK]), f.chunk(0, b"short")],
            1,
        ),
        holder(
            "chunk-number-in-32-bits",
            "the second chunk is numbered 2^32 + 1",
            false,
            |f| vec![f.chunk(0, &f.text[..CHUNK]), f.chunk((1 << 32) + 1, b"short")],
            1,
        ),
        holder(
            "chunk-too-large",
            "one chunk of 20,000 bytes",
            false,
            |f| vec![f.chunk(0, &f.text[..20_000])],
            0,
        ),
        holder("no-chunk", "a body without a chunk", false, |_| Vec::new(), 0),
    ]
}

/// A chunk that is valid under the body keys of two data keys, behind headers and commitments of
/// either.
fn two_keys() -> Vec<Vector> {
    let base = "chunk-valid-under-two-data-keys";
    // 32 bytes of plaintext; the statement, and so both body keys, do not depend on them.
    let mut a = Forge::new(base, &[0; 32]);
    let mut b = a.clone();
    b.data_key = draw(&mut a.rng);
    let record_a = a.record(&alice());
    let mut record_b = a.record(&bob());
    record_b.data_key = Some(b.data_key);
    let mut record_a_in_b = record_a.clone();
    record_a_in_b.data_key = Some(a.data_key);
    a.records = vec![record_a, record_b.clone()];
    record_b.data_key = None;
    b.records = vec![record_a_in_b, record_b];
    let ((key_a, commitment_a), (key_b, commitment_b)) = (a.body_keys(), b.body_keys());
    let first = u128::from_be_bytes(draw(&mut a.rng));
    let chunk = two_keys_one_ciphertext(&key_a, &key_b, b"", first);
    a.text = gcm_keystream(&key_a, &chunk).to_vec();
    b.text = gcm_keystream(&key_b, &chunk).to_vec();
    let comment = "two records wrap two data keys, and the one chunk opens under both;";
    let made = |suffix: &str, says: &str, header: &Forge, commitment: &[u8; 32]| {
        let bytes = [&header.header()[..], &header.salt, commitment, &chunk].concat();
        object(&format!("{base}-{suffix}"), "R24 R30 R36", &format!("{comment} {says}"), bytes)
    };
    vec![
        made("first", "tag and commitment are the first's, who reads", &a, &commitment_a)
            .with(&alice())
            .opens(&a, &alice()),
        made(
            "first-by-second",
            "tag and commitment are the first's, the second reads",
            &a,
            &commitment_a,
        )
        .with(&bob())
        .fails("AUTH"),
        made("second", "tag and commitment are the second's, who reads", &b, &commitment_b)
            .with(&bob())
            .opens(&b, &bob()),
        made(
            "second-by-first",
            "tag and commitment are the second's, the first reads",
            &b,
            &commitment_b,
        )
        .with(&alice())
        .fails("AUTH"),
        made(
            "mixed-by-first",
            "the tag is the first's, who reads; the commitment is the second's",
            &a,
            &commitment_b,
        )
        .with(&alice())
        .fails("AUTH"),
        made(
            "mixed-by-second",
            "the tag is the first's, the commitment that of the second, who reads",
            &a,
            &commitment_b,
        )
        .with(&bob())
        .fails("AUTH"),
    ]
}
