//! Key files, plain and encrypted.

use super::super::forge::{Forge, Rec, pairs};
use super::super::keys::{Key, passphrase, symmetric};
use super::super::vector::{Vector, key_file};
use super::armor::armored;
use super::{alice, bob, carol, dave, words};

const RULES: &str = "R44";

pub fn vectors() -> Vec<Vector> {
    [forms(), refused_forms(), limits(), encrypted(), refused_encrypted()].concat()
}

fn lines(keys: &[&Key], end: &str) -> String {
    keys.iter().map(|key| format!("{}{end}", key.text)).collect()
}

fn name(name: &str) -> String {
    format!("keyfile-{name}")
}

fn forms() -> Vec<Vector> {
    let (a, b, c) = (alice(), bob(), carol());
    let file = |n: &str, comment: &str, text: String, keys: &[&Key]| {
        key_file(&name(n), RULES, comment, text.into_bytes()).holds(keys)
    };
    let public = c.public_text();
    vec![
        file("one", "one symmetric key", lines(&[&a], "\n"), &[&a]),
        file(
            "three",
            "two symmetric keys and a private one",
            lines(&[&a, &c, &b], "\n"),
            &[&a, &c, &b],
        ),
        file("no-last-line-end", "the last line lacks its end", a.text.clone(), &[&a]),
        file("crlf", "lines that end in CR LF", lines(&[&a, &b], "\r\n"), &[&a, &b]),
        file(
            "mixed-line-ends",
            "one line ends in CR LF, the next in LF",
            format!("{}\r\n{}\n", a.text, b.text),
            &[&a, &b],
        ),
        file(
            "comments",
            "comments, empty lines, any text in a comment",
            format!("# keys\n\n#{}\r\n\r\n{}\n# é 1 \t\n", b.text, a.text),
            &[&a],
        ),
        file(
            "public-key",
            "a public key alone: it has an id, and opens nothing",
            format!("{public}\n"),
            &[&c],
        ),
        file("duplicate", "one key twice is one key", lines(&[&a, &b, &a], "\n"), &[&a, &b]),
        file(
            "public-then-private",
            "a public key and its private half are one key, at the first place",
            format!("{public}\n{}\n{}\n", a.text, c.text),
            &[&c, &a],
        ),
        file(
            "private-then-public",
            "the same the other way round",
            format!("{}\n{}\n{public}\n", c.text, a.text),
            &[&c, &a],
        ),
    ]
}

fn refused_forms() -> Vec<Vector> {
    let text = alice().text;
    let file = |n: &str, comment: &str, bytes: Vec<u8>| {
        key_file(&name(n), RULES, comment, bytes).fails("KEYFILE")
    };
    let utf16 = |big: bool, mark: bool| -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units
            .flat_map(|unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    };
    vec![
        file("empty", "no byte", Vec::new()),
        file("only-comments", "comments and empty lines alone", b"# no key\n\n".to_vec()),
        file(
            "wide-character-at-public-prefix",
            "a character of two bytes where the prefix of a public key ends",
            "age1p\u{e9}1foo\n".into(),
        ),
        file(
            "wide-character-at-private-prefix",
            "a character of two bytes where the prefix of a private key ends",
            "AGE-SECRET-KEY-PQ\u{e9}1foo\n".into(),
        ),
        file(
            "wide-character-at-symmetric-prefix",
            "a character of two bytes where the prefix of a symmetric key ends",
            "KEYSTEAD-SYMMETRIC-KEY\u{e9}1foo\n".into(),
        ),
        file("bom", "a byte order mark at the start", format!("\u{feff}{text}\n").into_bytes()),
        file(
            "bom-before-comment",
            "a byte order mark before a comment",
            format!("\u{feff}# keys\n{text}\n").into_bytes(),
        ),
        file("utf-16-le", "UTF-16, little-endian, with its mark", utf16(false, true)),
        file("utf-16-be", "UTF-16, big-endian, with its mark", utf16(true, true)),
        file(
            "utf-16-unmarked",
            "UTF-16 without a mark: every other byte is NUL",
            utf16(false, false),
        ),
        file("nul-at-end", "a NUL behind the last line", format!("{text}\n\0").into_bytes()),
        file("nul-in-comment", "a NUL in a comment", format!("# \0\n{text}\n").into_bytes()),
        file(
            "not-utf8-in-comment",
            "a comment in Latin-1",
            [b"# \xe9\n", text.as_bytes()].concat(),
        ),
        file("leading-space", "a space before a key", format!(" {text}\n").into_bytes()),
        file("trailing-space", "a space behind a key", format!("{text} \n").into_bytes()),
        file("trailing-tab", "a tab behind a key", format!("{text}\t\n").into_bytes()),
        file("line-of-spaces", "a line of spaces", format!("{text}\n  \n").into_bytes()),
        file(
            "indented-comment",
            "a comment behind a space",
            format!("{text}\n # no\n").into_bytes(),
        ),
        file(
            "comment-behind-key",
            "a comment in the line of a key",
            format!("{text} # mine\n").into_bytes(),
        ),
        file(
            "two-keys-in-a-line",
            "two keys in one line",
            format!("{text} {}\n", bob().text).into_bytes(),
        ),
        file(
            "cr-alone",
            "lines that end in CR alone",
            format!("{text}\r{}\r", bob().text).into_bytes(),
        ),
        file("cr-at-end", "a CR without LF behind the last key", format!("{text}\r").into_bytes()),
        file("cr-cr-lf", "a line that ends in CR CR LF", format!("{text}\r\r\n").into_bytes()),
        file(
            "cr-line-at-end",
            "a CR without LF where an empty line would be",
            format!("{text}\n\r").into_bytes(),
        ),
        file(
            "lower-case",
            "a key in lower case",
            format!("{}\n", text.to_ascii_lowercase()).into_bytes(),
        ),
        file(
            "typo-in-second",
            "one wrong character in the second key",
            format!("{text}\n{}\n", bob().text.replacen("KEY-1", "KEY-1Q", 1)).into_bytes(),
        ),
        file("any-text", "text that is no key", b"meet at noon\n".to_vec()),
        file(
            "ssh-key",
            "an SSH public key",
            b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxvcmVtIGlwc3VtIGRvbG9y a@b\n".to_vec(),
        ),
        file(
            "zero-key",
            "a key of zeros",
            format!(
                "{}\n",
                super::super::keys::bech32(super::super::keys::SYMMETRIC_PREFIX, &[0; 32])
            )
            .into_bytes(),
        ),
        file(
            "8b-not-first",
            "an object behind a line feed is no text",
            [b"\n".to_vec(), Forge::small("", &alice()).object()].concat(),
        ),
    ]
}

fn limits() -> Vec<Vector> {
    let keys: Vec<_> = (0..1_000).map(|i| symmetric(&format!("many {i}"))).collect();
    let refs: Vec<_> = keys.iter().collect();
    let repeated = |count: usize| format!("{}\n", alice().text).repeat(count).into_bytes();
    let wrong = [repeated(1_000), b"no key\n".to_vec()].concat();
    vec![
        key_file(
            &name("1000-keys"),
            RULES,
            "as many keys as can be",
            lines(&refs, "\n").into_bytes(),
        )
        .holds(&refs),
        key_file(
            &name("1001-times-one-key"),
            RULES,
            "lines are counted, not keys",
            repeated(1_001),
        )
        .fails("LIMIT"),
        key_file(
            &name("1000-keys-and-a-wrong-line"),
            RULES,
            "the number of lines comes before what the line holds",
            wrong,
        )
        .fails("LIMIT"),
    ]
}

/// A key file under a passphrase, to be changed.
fn sealed(name: &str, keys: &[&Key]) -> Forge {
    let file = lines(keys, "\n");
    Forge::new(name, file.as_bytes()).context(&[("keystead.type", "key-file")]).wrap(&words())
}

fn encrypted() -> Vec<Vector> {
    let (a, c) = (alice(), carol());
    let made = |n: &str, comment: &str, bytes: Vec<u8>| {
        key_file(&name(n), RULES, comment, bytes).with(&words())
    };
    let forge = |n: &str| sealed(&name(n), &[&a, &c]);
    vec![
        made("encrypted", "a binary encrypted key file", forge("encrypted").object())
            .holds(&[&a, &c]),
        made(
            "encrypted-armored",
            "an armored encrypted key file",
            armored(&forge("encrypted-armored").object(), "\n").into_bytes(),
        )
        .holds(&[&a, &c]),
        made(
            "encrypted-armored-crlf",
            "an armored encrypted key file behind white space",
            format!(" \t\r\n{}", armored(&forge("encrypted-armored-crlf").object(), "\r\n"))
                .into_bytes(),
        )
        .holds(&[&a, &c]),
        made(
            "encrypted-unstated",
            "an encrypted key file without a stated length",
            forge("encrypted-unstated").unstated().object(),
        )
        .holds(&[&a, &c]),
        made("encrypted-with-metadata", "private metadata and a location do not matter", {
            forge("encrypted-with-metadata")
                .metadata(&[("keystead.name", b"keys")])
                .at("archive", "keys")
                .object()
        })
        .holds(&[&a, &c]),
    ]
}

fn refused_encrypted() -> Vec<Vector> {
    let case = |n: &str, comment: &str, class, change: &dyn Fn(Forge) -> Forge| {
        let n = format!("encrypted-{n}");
        let bytes = change(sealed(&name(&n), &[&alice()])).object();
        key_file(&name(&n), RULES, comment, bytes).with(&words()).fails(class)
    };
    let bytes = |n: &str, comment: &str, class, change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let n = format!("encrypted-{n}");
        let bytes = change(sealed(&name(&n), &[&alice()]).object());
        key_file(&name(&n), RULES, comment, bytes).with(&words()).fails(class)
    };
    let wrong = sealed(&name("encrypted-wrong-passphrase"), &[&alice()]).object();
    let text = |text: &'static [u8]| {
        move |f: Forge| {
            f.set(|f| {
                f.text = text.to_vec();
                f.length = Some(u64::try_from(text.len()).unwrap());
            })
        }
    };
    let nested = sealed("nested", &[&alice()]).object();
    vec![
        key_file(&name("encrypted-wrong-passphrase"), RULES, "another passphrase", wrong)
            .with(&passphrase("another"))
            .fails("NOKEY"),
        case("without-context", "no context", "KEYFILE", &|f| f.set(|f| f.context = None)),
        case("other-context", "another type", "KEYFILE", &|f| {
            f.context(&[("keystead.type", "key-files")])
        }),
        case("more-context", "a pair more", "KEYFILE", &|f| {
            f.context(&[("keystead.type", "key-file"), ("tenant", "acme")])
        }),
        case("second-record", "a symmetric record beside the passphrase", "KEYFILE", &|f| {
            f.wrap(&bob())
        }),
        case(
            "unknown-record",
            "a record of an unknown kind beside the passphrase",
            "KEYFILE",
            &|f| f.push(Rec::raw(9, b"x")),
        ),
        case("no-passphrase-record", "one symmetric record", "KEYFILE", &|f| {
            f.set(|f| f.records.clear()).wrap(&bob())
        }),
        case(
            "other-context-and-bomb",
            "another context: nothing is derived, whatever it would cost",
            "KEYFILE",
            &|mut f| {
                let bomb = f.record_with(&words(), (u32::MAX, 2, 1), None);
                f.context(&[("keystead.type", "other")]).set(|f| f.records = vec![bomb])
            },
        ),
        case("bomb", "costs above the ceiling", "LIMIT", &|mut f| {
            let bomb = f.record_with(&words(), (1_048_577, 2, 1), None);
            f.set(|f| f.records = vec![bomb])
        }),
        case("low-costs", "costs below the floor", "FORMAT", &|mut f| {
            let low = f.record_with(&words(), (8_192, 2, 1), None);
            f.set(|f| f.records = vec![low])
        }),
        case(
            "plaintext-not-a-key-file",
            "the plaintext is other text",
            "KEYFILE",
            &text(b"meet at noon\n"),
        ),
        case("plaintext-empty", "the plaintext is empty", "KEYFILE", &text(b"")),
        case(
            "plaintext-is-encrypted",
            "the plaintext is an encrypted key file once more",
            "KEYFILE",
            &|f| {
                f.set(|f| {
                    f.text.clone_from(&nested);
                    f.length = None;
                })
            },
        ),
        case("metadata-not-canonical", "metadata that is not canonical", "FORMAT", &|f| {
            f.set(|f| f.metadata = Some(pairs(&[("b", "1"), ("a", "2")])))
        }),
        bytes("body-flipped", "the last bit of the body", "AUTH", &|mut o| {
            *o.last_mut().unwrap() ^= 1;
            o
        }),
        bytes("body-cut", "the last byte is missing", "AUTH", &|mut o| {
            o.pop();
            o
        }),
        bytes("header-cut", "the object ends inside its header", "FORMAT", &|o| o[..60].to_vec()),
        bytes("magic", "the first byte is 8b, the second another", "FORMAT", &|mut o| {
            o[1] = b'k';
            o
        }),
        bytes("armor-label", "armor with another label", "FORMAT", &|o| {
            armored(&o, "\n").replace("OBJECT", "KEY").into_bytes()
        }),
        bytes("armor-trailing-text", "text behind the armor", "FORMAT", &|o| {
            (armored(&o, "\n") + "# mine\n").into_bytes()
        }),
        key_file(
            &name("pem-private-key"),
            RULES,
            "a PEM private key is taken for armor",
            b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"
                .to_vec(),
        )
        .with(&words())
        .fails("FORMAT"),
        key_file(
            &name("object-for-a-pair"),
            RULES,
            "an object that is no key file",
            Forge::small("", &dave()).object(),
        )
        .with(&words())
        .fails("KEYFILE"),
    ]
}
