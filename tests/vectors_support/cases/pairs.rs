//! Pairs of the context that are not canonical, and some that look so.

use super::super::forge::{Forge, pairs};
use super::super::vector::{Vector, object};
use super::alice;

pub fn vectors() -> Vec<Vector> {
    let name = |name: &'static [u8]| pairs(&[(name, b"v")]);
    let value = |value: &'static [u8]| pairs(&[(b"n", value)]);
    let refused: [(&str, &str, Vec<u8>); 17] = [
        ("name-empty", "an empty name", pairs(&[("", "v")])),
        ("name-twice", "one name twice with other values", pairs(&[("a", "1"), ("a", "2")])),
        ("pair-twice", "one pair twice", pairs(&[("a", "1"), ("a", "1")])),
        ("names-descend", "names that do not ascend", pairs(&[("b", "1"), ("a", "2")])),
        (
            "longer-name-first",
            "a name behind one that it begins",
            pairs(&[("ab", "1"), ("a", "2")]),
        ),
        (
            "names-in-utf-16-order",
            "names in the order of UTF-16",
            pairs(&[("\u{10000}", "1"), ("\u{ffff}", "2")]),
        ),
        ("name-not-utf8", "a name of the byte ff", name(b"\xff")),
        ("name-overlong", "an overlong form of NUL in a name", name(b"a\xc0\x80")),
        ("name-surrogate", "a surrogate in a name", name(b"\xed\xa0\x80")),
        ("value-not-utf8", "a value in Latin-1", value(b"M\xfcller")),
        ("value-overlong", "an overlong slash in a value", value(b"\xe0\x80\xaf")),
        ("value-surrogate", "a pair of surrogates in a value", value(b"\xed\xa0\xbd\xed\xb8\x80")),
        ("value-above-unicode", "a value above U+10FFFF", value(b"\xf4\x90\x80\x80")),
        ("value-cut-sequence", "a value that ends inside a character", value(b"\xe2\x82")),
        ("name-too-long", "a name that runs out of the context", vec![200, 0, 1, b'n', b'v']),
        ("value-too-long", "a value that runs out of the context", vec![1, 0xff, 0xff, b'n', b'v']),
        (
            "trailing-bytes",
            "two bytes behind the last pair",
            [pairs(&[("a", "1")]), vec![1, 0]].concat(),
        ),
    ];
    let refused = refused.map(|(name, comment, context)| {
        let name = format!("context-{name}");
        let forge = Forge::small(&name, &alice()).set(|f| f.context = Some(context));
        object(&name, "R7 R12", comment, forge.object()).with(&alice()).fails("FORMAT")
    });
    let long = "n".repeat(255);
    let accepted = [
        ("name-255-bytes", "R12", "the longest name", pairs(&[(&long[..], "v")])),
        (
            "reserved-name",
            "R13",
            "a reserved name: readers treat it as any other",
            pairs(&[("keystead.type", "x")]),
        ),
        (
            "reserved-name-unknown",
            "R13",
            "a reserved name that nobody knows yet",
            pairs(&[("keystead.later", "x")]),
        ),
    ];
    let accepted = accepted.map(|(name, rules, comment, context)| {
        let name = format!("context-{name}");
        let forge = Forge::small(&name, &alice()).set(|f| f.context = Some(context));
        object(&name, rules, comment, forge.object()).with(&alice()).opens(&forge, &alice())
    });
    [refused.to_vec(), accepted.to_vec()].concat()
}
