//! What the caller expects: context and location.

use super::super::forge::Forge;
use super::super::vector::{Vector, object};
use super::alice;

pub fn vectors() -> Vec<Vector> {
    [contexts(), locations()].concat()
}

fn contexts() -> Vec<Vector> {
    let acme = [("invoice", "42"), ("tenant", "acme")];
    let case = |name: &str,
                comment: &str,
                has: &[(&str, &str)],
                mode,
                expects: &[(&str, &str)],
                good: bool| {
        let name = format!("expect-{name}");
        let mut forge = Forge::small(&name, &alice());
        if !has.is_empty() {
            // The wrap is bound to the statement as it is when the record is written.
            forge = forge.context(has);
        }
        let vector =
            object(&name, "R37", comment, forge.object()).with(&alice()).expecting(mode, expects);
        if good { vector.opens(&forge, &alice()) } else { vector.fails("CONTEXT") }
    };
    vec![
        case(
            "exact",
            "exactly this context, given in another order",
            &acme,
            "exact",
            &[("tenant", "acme"), ("invoice", "42")],
            true,
        ),
        case(
            "exact-missing",
            "a pair more is expected than there is",
            &acme[..1],
            "exact",
            &acme,
            false,
        ),
        case(
            "exact-extra",
            "a pair less is expected than there is",
            &acme,
            "exact",
            &acme[..1],
            false,
        ),
        case(
            "exact-value",
            "another value",
            &acme,
            "exact",
            &[("invoice", "43"), ("tenant", "acme")],
            false,
        ),
        case(
            "exact-name",
            "another name",
            &acme,
            "exact",
            &[("Invoice", "42"), ("tenant", "acme")],
            false,
        ),
        case(
            "exact-value-case",
            "a value in another case",
            &acme,
            "exact",
            &[("invoice", "42"), ("tenant", "Acme")],
            false,
        ),
        case(
            "exact-value-space",
            "a value and a space",
            &acme,
            "exact",
            &[("invoice", "42 "), ("tenant", "acme")],
            false,
        ),
        case(
            "exact-shifted",
            "the same bytes, cut elsewhere into name and value",
            &[("a", "bc")],
            "exact",
            &[("ab", "c")],
            false,
        ),
        case(
            "exact-normalised",
            "a value decomposed, expected composed",
            &[("n", "e\u{301}")],
            "exact",
            &[("n", "\u{e9}")],
            false,
        ),
        case(
            "exact-empty-value",
            "an empty value is expected where there is no pair",
            &[],
            "exact",
            &[("n", "")],
            false,
        ),
        case("exact-none", "no context, none is expected", &[], "exact", &[], true),
        case(
            "exact-none-of-some",
            "no context is expected where there is one",
            &acme,
            "exact",
            &[],
            false,
        ),
        case(
            "exact-empty-for-value",
            "an empty value is expected for another",
            &[("n", "v")],
            "exact",
            &[("n", "")],
            false,
        ),
        case("includes", "one of two pairs", &acme, "includes", &acme[1..], true),
        case("includes-all", "both pairs", &acme, "includes", &acme, true),
        case("includes-none", "no pair is expected", &acme, "includes", &[], true),
        case(
            "includes-missing",
            "a pair that there is not, among others",
            &acme,
            "includes",
            &[("invoice", "42"), ("year", "2026")],
            false,
        ),
        case("includes-value", "another value", &acme, "includes", &[("tenant", "other")], false),
        case(
            "includes-without-context",
            "a pair is expected where there is no context",
            &[],
            "includes",
            &acme[..1],
            false,
        ),
        case("unchecked", "the caller opted out", &acme, "unchecked", &[], true),
    ]
}

fn locations() -> Vec<Vector> {
    let bound = |name: &str| Forge::small(name, &alice()).at("archive", "2026/a.pdf");
    let case = |name: &str, comment: &str, store: &str, path: &str, good: bool| {
        let name = format!("location-{name}");
        let vector =
            object(&name, "R19", comment, bound(&name).object()).with(&alice()).at(store, path);
        if good { vector.opens(&bound(&name), &alice()) } else { vector.fails("CONTEXT") }
    };
    let bare = Forge::small("location-absent", &alice());
    let untold = bound("location-not-told");
    let forged = Forge::small("location-of-another-data-key", &alice());
    let forged = forged.set(|f| f.location = bound("another object").location);
    let unusual = Forge::small("location-unicode", &alice()).at("Büro", "e\u{301}/ /?#.pdf");
    vec![
        case("right", "the object lies where it belongs", "archive", "2026/a.pdf", true),
        case("other-path", "the object was served at another path", "archive", "2026/b.pdf", false),
        case(
            "other-store",
            "the object was served by another store",
            "backup",
            "2026/a.pdf",
            false,
        ),
        case("other-case", "the path in another case", "archive", "2026/A.pdf", false),
        case("leading-slash", "the path with a leading slash", "archive", "/2026/a.pdf", false),
        case(
            "shifted",
            "the same letters, cut elsewhere into store and path",
            "archive2026",
            "/a.pdf",
            false,
        ),
        case("empty-path", "an empty path", "archive", "", false),
        object(
            "location-absent",
            "R19",
            "the reader was told a place, the object is bound to none",
            bare.object(),
        )
        .with(&alice())
        .at("archive", "2026/a.pdf")
        .fails("CONTEXT"),
        object(
            "location-not-told",
            "R19",
            "a location that the reader was not told is not compared",
            untold.object(),
        )
        .with(&alice())
        .opens(&untold, &alice()),
        object(
            "location-of-another-data-key",
            "R19",
            "the location of this place under another data key",
            forged.object(),
        )
        .with(&alice())
        .at("archive", "2026/a.pdf")
        .fails("CONTEXT"),
        object(
            "location-unicode",
            "R2 R19",
            "names are not normalised and not decoded",
            unusual.object(),
        )
        .with(&alice())
        .at("Büro", "e\u{301}/ /?#.pdf")
        .opens(&unusual, &alice()),
    ]
}
