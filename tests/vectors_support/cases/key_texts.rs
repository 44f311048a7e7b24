//! Texts of keys that are none. They are reported before the object is looked at.

use super::super::forge::Forge;
use super::super::keys::{
    PRIVATE_PREFIX, PUBLIC_PREFIX, SYMMETRIC_PREFIX, bech32, bech32_values, fives,
};
use super::super::vector::{Vector, object};
use super::{alice, carol};

pub fn vectors() -> Vec<Vector> {
    [bech32_forms(), contents(), public_keys()].concat()
}

fn refused(name: &str, rules: &str, comment: &str, text: String) -> Vector {
    let name = format!("key-text-{name}");
    let forge = Forge::small(&name, &alice());
    // The reader also has the right key: it is not enough.
    object(&name, rules, comment, forge.object()).with(&alice()).key_text(text).fails("KEYFILE")
}

fn bech32_forms() -> Vec<Vector> {
    let good = alice().text;
    let secret = alice().secret;
    let replaced = |at: usize, by: &str| format!("{}{by}{}", &good[..at], &good[at + 1..]);
    let end = good.len() - 1;
    let last = if good.ends_with('Q') { "P" } else { "Q" };
    let symmetric = |name: &str, comment: &str, text: String| refused(name, "R43", comment, text);
    vec![
        symmetric("lower-case", "a symmetric key in lower case", good.to_ascii_lowercase()),
        symmetric(
            "mixed-case",
            "a symmetric key with one letter in lower case",
            replaced(end, &good[end..].to_ascii_lowercase()).replacen("KEYSTEAD", "KEYSTEAd", 1),
        ),
        symmetric(
            "prefix-lower-case",
            "the human-readable part in lower case, the data in upper case",
            good.replacen(SYMMETRIC_PREFIX, &SYMMETRIC_PREFIX.to_ascii_lowercase(), 1),
        ),
        symmetric("last-character", "another last character", replaced(end, last)),
        symmetric(
            "letter-outside-alphabet",
            "the letter B, which Bech32 does not have",
            replaced(40, "B"),
        ),
        symmetric("transposed", "two characters have changed places", {
            let (at, bytes) = (30, good.as_bytes());
            assert_ne!(bytes[at], bytes[at + 1]);
            format!("{}{}{}{}", &good[..at], &good[at + 1..at + 2], &good[at..=at], &good[at + 2..])
        }),
        symmetric(
            "bech32m",
            "the checksum of Bech32m",
            bech32_values(SYMMETRIC_PREFIX, &fives(&secret, 0), 0x2bc8_30a3),
        ),
        symmetric(
            "padding-bits",
            "padding bits that are not zero",
            bech32_values(SYMMETRIC_PREFIX, &fives(&secret, 1), 1),
        ),
        symmetric(
            "padding-five-bits",
            "a whole character of padding",
            bech32_values(SYMMETRIC_PREFIX, &[fives(&secret, 0), vec![0]].concat(), 1),
        ),
        symmetric("31-bytes", "a key of 31 bytes", bech32(SYMMETRIC_PREFIX, &secret[..31])),
        symmetric(
            "33-bytes",
            "a key of 33 bytes",
            bech32(SYMMETRIC_PREFIX, &[&secret[..], &[1]].concat()),
        ),
        symmetric("no-bytes", "a key of no byte", bech32(SYMMETRIC_PREFIX, b"")),
        symmetric("cut", "the text is cut by one character", good[..end].to_owned()),
        symmetric("no-separator", "no separator", good.replacen('1', "", 1)),
        symmetric(
            "two-separators",
            "a separator in the human-readable part: the last one counts",
            bech32(&format!("{SYMMETRIC_PREFIX}1"), &secret),
        ),
        symmetric("trailing-space", "a space behind the text", format!("{good} ")),
        symmetric("leading-space", "a space before the text", format!(" {good}")),
        symmetric("empty", "no text", String::new()),
        symmetric("prefix-alone", "the human-readable part alone", format!("{SYMMETRIC_PREFIX}1")),
        symmetric(
            "other-prefix",
            "a human-readable part that nobody has",
            bech32("KEYSTEAD-SYMMETRIC-", &secret),
        ),
        symmetric("not-ascii", "a letter that is not ASCII", replaced(40, "\u{212a}")),
        refused(
            "classical-age-key",
            "R43",
            "a classical age key",
            bech32("AGE-SECRET-KEY-", &secret),
        ),
        refused(
            "private-lower-case",
            "R43",
            "a private key in lower case",
            carol().text.to_ascii_lowercase(),
        ),
        refused(
            "public-upper-case",
            "R43",
            "a public key in upper case",
            carol().public_text().to_ascii_uppercase(),
        ),
        refused(
            "public-cut",
            "R43",
            "a public key of 1,215 bytes",
            bech32(PUBLIC_PREFIX, &carol().pair.unwrap().0[..1_215]),
        ),
        refused(
            "private-as-public",
            "R43",
            "32 bytes as a public key",
            bech32(PUBLIC_PREFIX, &secret),
        ),
    ]
}

fn contents() -> Vec<Vector> {
    let equal = |name: &str, comment: &str, prefix: &str, byte: u8| {
        refused(name, "R42", comment, bech32(prefix, &[byte; 32]))
    };
    let mut nearly = [0; 32];
    nearly[31] = 1;
    let name = "key-text-nearly-equal-bytes";
    let forge = Forge::small(name, &alice());
    vec![
        equal("zeros", "a symmetric key of zeros", SYMMETRIC_PREFIX, 0),
        equal("equal-bytes", "a symmetric key of 32 equal bytes", SYMMETRIC_PREFIX, 0xa5),
        equal("private-zeros", "a seed of zeros", PRIVATE_PREFIX, 0),
        equal("private-equal-bytes", "a seed of 32 equal bytes", PRIVATE_PREFIX, 0xff),
        object(name, "R42", "31 equal bytes and another: a key, though a poor one", forge.object())
            .with(&alice())
            .key_text(bech32(SYMMETRIC_PREFIX, &nearly))
            .opens(&forge, &alice()),
    ]
}

fn public_keys() -> Vec<Vector> {
    let changed = |name: &str, comment: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut public = carol().pair.unwrap().0;
        change(&mut public);
        refused(name, "R28 R42", comment, bech32(PUBLIC_PREFIX, &public))
    };
    let share =
        |bytes: [u8; 32]| move |public: &mut Vec<u8>| public[1_184..].copy_from_slice(&bytes);
    let mut p = [0xff; 32];
    (p[0], p[31]) = (0xed, 0x7f);
    let mut p_plus_9 = p;
    p_plus_9[0] += 9;
    let mut top = [0; 32];
    (top[0], top[31]) = (9, 0x80);
    let mut one = [0; 32];
    one[0] = 1;
    vec![
        changed(
            "public-modulus-first",
            "the first coefficient of the ML-KEM key is 3,329",
            &|public| {
                public[0] = 0x01;
                public[1] = (public[1] & 0xf0) | 0x0d;
            },
        ),
        changed(
            "public-modulus-last",
            "the last coefficient of the ML-KEM key is 4,095",
            &|public| {
                public[1_150] |= 0xf0;
                public[1_151] = 0xff;
            },
        ),
        changed("public-share-zero", "the X25519 half is 0", &share([0; 32])),
        changed("public-share-one", "the X25519 half is 1", &share(one)),
        changed("public-share-p", "the X25519 half is 2^255 - 19", &share(p)),
        changed(
            "public-share-p-plus-9",
            "the X25519 half is the base point, not canonical",
            &share(p_plus_9),
        ),
        changed("public-share-top-bit", "the X25519 half has its top bit set", &share(top)),
    ]
}
