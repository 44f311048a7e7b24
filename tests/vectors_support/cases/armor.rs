//! Armor, good and bad.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::forge::{Forge, text};
use super::super::vector::{Vector, armor};
use super::alice;

const BEGIN: &str = "-----BEGIN KEYSTEAD OBJECT-----";
const END: &str = "-----END KEYSTEAD OBJECT-----";

/// The armored form with these line ends.
pub fn armored(object: &[u8], end: &str) -> String {
    let base64 = STANDARD.encode(object);
    let lines = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap());
    let all: Vec<_> = std::iter::once(BEGIN).chain(lines).chain([END]).collect();
    all.join(end) + end
}

/// An object of 3 n + 1 bytes, whose Base64 ends in `==`, the length of its last line being neither
/// 64 nor 4.
fn forge(name: &str) -> Forge {
    padded(name, |len| len % 3 == 1 && (12..48).contains(&(len % 48)))
}

/// The shortest plaintext that gives the object a length of the kind wanted.
fn padded(name: &str, wanted: impl Fn(usize) -> bool) -> Forge {
    let forge = Forge::new(name, b"").wrap(&alice());
    let empty = forge.object().len();
    let len = (0..).find(|len| wanted(empty + len)).unwrap();
    Forge::new(name, &text(len)).wrap(&alice())
}

pub fn vectors() -> Vec<Vector> {
    [good(), bad()].concat()
}

fn good() -> Vec<Vector> {
    let case = |name: &str, comment: &str, forge: Forge, change: &dyn Fn(&[u8]) -> String| {
        let name = format!("armor-{name}");
        let made = armor(&name, "R45", comment, change(&forge.object()).into_bytes());
        made.with(&alice()).opens(&forge, &alice())
    };
    let plain = |name: &str, comment: &str, change: &dyn Fn(&[u8]) -> String| {
        case(name, comment, forge(&format!("armor-{name}")), change)
    };
    let lf = |object: &[u8]| armored(object, "\n");
    let blank = |len: usize| " \t\r\n".repeat(len.div_ceil(4))[..len].to_owned();
    vec![
        plain("lf", "lines that end in LF", &lf),
        plain("crlf", "lines that end in CR LF", &|o| armored(o, "\r\n")),
        plain("no-last-line-end", "the end line lacks its end", &|o| lf(o).trim_end().to_owned()),
        plain("blank-around", "white space before and behind", &|o| {
            format!("\n\t \r\n{}\n \r\n", lf(o))
        }),
        plain("blank-1024-before", "1,024 bytes of white space before", &|o| blank(1_024) + &lf(o)),
        plain(
            "blank-1024-behind",
            "1,024 bytes of white space behind the end line, its line end among them",
            &|o| lf(o).trim_end().to_owned() + &blank(1_024),
        ),
        plain("lf-and-crlf-behind", "lines that end in LF, CR LF behind the end line", &|o| {
            lf(o).trim_end().to_owned() + "\r\n"
        }),
        plain("crlf-and-lf-behind", "lines that end in CR LF, LF behind the end line", &|o| {
            armored(o, "\r\n").trim_end().to_owned() + "\n"
        }),
        case(
            "full-last-line",
            "the last line of Base64 has 64 characters",
            padded("armor-full-last-line", |len| len % 48 == 0),
            &lf,
        ),
        case(
            "last-line-of-4",
            "the last line of Base64 has 4 characters, all of them data",
            padded("armor-last-line-of-4", |len| len % 48 == 3),
            &lf,
        ),
        case(
            "one-padding",
            "the Base64 ends in one =",
            padded("armor-one-padding", |len| len % 3 == 2),
            &lf,
        ),
    ]
}

fn bad() -> Vec<Vector> {
    let case = |name: &str, comment: &str, change: &dyn Fn(String) -> String| {
        let name = format!("armor-{name}");
        let made = change(armored(&forge(&name).object(), "\n")).into_bytes();
        armor(&name, "R45", comment, made).with(&alice()).fails("FORMAT")
    };
    let blank = |len: usize| "\n".repeat(len);
    let mut all = vec![
        case("label", "another label", &|t| t.replace("KEYSTEAD OBJECT", "KEYSTEAD FILE")),
        case("label-of-end", "another label in the end line", &|t| {
            t.replace("END KEYSTEAD OBJECT", "END KEYSTEAD FILE")
        }),
        case("label-lower-case", "the label in lower case", &|t| {
            t.replace("KEYSTEAD OBJECT", "keystead object")
        }),
        case("four-dashes", "four dashes at the end of the begin line", &|t| {
            t.replacen("OBJECT-----", "OBJECT----", 1)
        }),
        case("space-behind-begin", "a space behind the begin line", &|t| {
            t.replacen("-----\n", "----- \n", 1)
        }),
        case("no-end", "the end line is missing", &|t| t.replace(&format!("{END}\n"), "")),
        case("cut-end", "the end line is cut", &|t| t[..t.len() - 3].to_owned()),
        case("no-begin", "the begin line is missing", &|t| t.replace(&format!("{BEGIN}\n"), "")),
        case("text-before", "text before the begin line", &|t| format!("see below\n{t}")),
        case("text-behind", "text behind the end line", &|t| t + "bye\n"),
        case("text-behind-end-in-line", "text behind the end line, in it", &|t| {
            t.trim_end().to_owned() + " bye\n"
        }),
        case("twice", "two armored objects", &|t| t.repeat(2)),
        case("nothing", "no Base64 between the lines", &|_| format!("{BEGIN}\n{END}\n")),
        case("empty-line", "an empty line behind the begin line", &|t| t.replacen('\n', "\n\n", 1)),
        case("empty-line-before-end", "an empty line before the end line", &|t| {
            t.replace("\n-----END", "\n\n-----END")
        }),
        case("header-line", "a header line as in old PEM", &|t| {
            t.replacen('\n', "\nVersion: 1\n", 1)
        }),
        case("short-line", "a line of 63 characters in the middle", &|t| {
            let at = BEGIN.len() + 1 + 63;
            format!("{}\n{}", &t[..at], &t[at..])
        }),
        case("line-of-65", "a line of 65 characters", &|t| {
            let at = BEGIN.len() + 1 + 64;
            let next = t[at + 1..=at + 1].to_owned();
            format!("{}{next}\n{}", &t[..at], &t[at + 2..])
        }),
        case("lines-of-76", "lines of 76 characters, as in MIME", &|t| {
            let base64: String = t.lines().filter(|line| !line.starts_with('-')).collect();
            let lines: Vec<_> =
                base64.as_bytes().chunks(76).map(|l| std::str::from_utf8(l).unwrap()).collect();
            format!("{BEGIN}\n{}\n{END}\n", lines.join("\n"))
        }),
        case("trailing-space", "a space behind a line", &|t| {
            t.replace("\n-----END", " \n-----END")
        }),
        case("leading-space", "a space before a line", &|t| t.replacen('\n', "\n ", 1)),
        case("mixed-line-ends", "one line ends in CR LF, the others in LF", &|t| {
            t.replacen('\n', "\r\n", 1)
        }),
        case("mixed-line-ends-later", "the second line ends in LF, the others in CR LF", &|t| {
            t.replace('\n', "\r\n").replacen("-----\r\n", "-----\n", 1)
        }),
        case("cr-alone", "lines that end in CR", &|t| t.replace('\n', "\r")),
        case("no-padding", "the padding is missing", &|t| t.replace('=', "")),
        case("half-padding", "one = of two is missing", &|t| t.replacen("==", "=", 1)),
        case("padding-in-the-middle", "padding inside the first line", &|t| {
            let at = BEGIN.len() + 1 + 60;
            format!("{}===={}", &t[..at], &t[at + 4..])
        }),
        case("extra-padding", "four = behind the end", &|t| t.replace("==\n", "======\n")),
        case("url-alphabet", "the alphabet of URLs", &|t| {
            let (head, rest) = t.split_at(BEGIN.len() + 1);
            let at = rest.find(['+', '/']).unwrap();
            let by = if &rest[at..=at] == "+" { "-" } else { "_" };
            format!("{head}{}{by}{}", &rest[..at], &rest[at + 1..])
        }),
        case("not-ascii", "a letter that is not ASCII", &|t| {
            let at = BEGIN.len() + 10;
            format!("{}é{}", &t[..at], &t[at + 2..])
        }),
        case("not-canonical", "bits behind the data that are not zero", &|t| {
            let at = t.find("==").unwrap() - 1;
            // The last digit carries two bits of data; its lower four are set.
            let by = match &t[at..=at] {
                "A" => "P",
                "Q" => "f",
                "g" => "v",
                _ => "/",
            };
            format!("{}{by}{}", &t[..at], &t[at + 1..])
        }),
        case("blank-1025-before", "1,025 bytes of white space before", &|t| blank(1_025) + &t),
        case("blank-1025-behind", "1,025 bytes of white space behind the end line", &|t| {
            t.trim_end().to_owned() + &blank(1_025)
        }),
        case("form-feed-before", "a form feed before the begin line", &|t| format!("\x0c{t}")),
        case("nul-behind", "a NUL behind the end line", &|t| t + "\0"),
        case("bom", "a byte order mark before the begin line", &|t| format!("\u{feff}{t}")),
    ];
    let binary = forge("armor-of-binary").object();
    let inside = armored(&armored(&binary, "\n").into_bytes(), "\n").into_bytes();
    all.push(
        armor("armor-of-armor", "R45", "armor inside armor", inside).with(&alice()).fails("FORMAT"),
    );
    let cut = forge("armor-of-cut-object");
    let object = cut.object();
    let made = armored(&object[..object.len() - 1], "\n").into_bytes();
    all.push(
        armor(
            "armor-of-cut-object",
            "R32 R45",
            "good armor around an object that lacks its last byte",
            made,
        )
        .with(&alice())
        .fails("AUTH"),
    );
    let long = Forge::new("armor-damaged-behind-chunks", &text(20_000)).wrap(&alice());
    let made = armored(&long.object(), "\n").replace("-----END", "?-----END").into_bytes();
    let comment =
        "damage in the end line of a long object: nothing is released before the armor was checked";
    all.push(
        armor("armor-damaged-behind-chunks", "R45", comment, made).with(&alice()).fails("FORMAT"),
    );
    all
}
