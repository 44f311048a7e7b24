//! Floors, rewraps, and which check comes first.

use super::super::forge::{Forge, Rec};
use super::super::keys::Key;
use super::super::vector::{Vector, object};
use super::{alice, bob, carol};

pub fn vectors() -> Vec<Vector> {
    [floors(), rewraps(), order()].concat()
}

fn floors() -> Vec<Vector> {
    let generation = |name: &str, generation: u64| {
        Forge::small(name, &alice()).set(|f| f.generation = generation)
    };
    let case = |name: &str, comment: &str, found: u64, floor: u64, class: &'static str| {
        let name = format!("floor-{name}");
        let forge = generation(&name, found);
        // The floor is what the caller saw of the same object at that generation.
        let seen = generation(&name, floor);
        let vector =
            object(&name, "R38", comment, forge.object()).with(&alice()).floor(&seen, floor);
        if class == "success" { vector.opens(&forge, &alice()) } else { vector.fails(class) }
    };
    let far = 1 << 20;
    let other = |name: &str, comment: &str, found: u64, floor: u64| {
        let vector = object(name, "R38", comment, generation(name, found).object());
        vector.with(&alice()).floor(&generation("another object", floor), floor).fails("ROLLBACK")
    };
    let same = generation("floor-same-generation-other-tag", 3);
    let twin = same.clone().wrap(&bob());
    vec![
        case("same", "the header that the floor was taken from", 3, 3, "success"),
        case("next", "one generation above the floor", 4, 3, "success"),
        case("lower", "one generation below the floor", 2, 3, "ROLLBACK"),
        case("farthest", "2^20 generations above the floor", far + 3, 3, "success"),
        case("too-far", "2^20 + 1 generations above the floor", far + 4, 3, "AUTH"),
        case("largest-generation", "generation 2^64 - 1 over a floor of 0", u64::MAX, 0, "AUTH"),
        case("largest-floor", "generation 0 under a floor of 2^64 - 1", 0, u64::MAX, "ROLLBACK"),
        case("largest-both", "generation and floor 2^64 - 1", u64::MAX, u64::MAX, "success"),
        object(
            "floor-same-generation-other-tag",
            "R38",
            "the floor's generation with another header",
            twin.object(),
        )
        .with(&alice())
        .floor(&same, 3)
        .fails("ROLLBACK"),
        other("floor-other-commitment", "another body, above the floor's generation", 4, 3),
        other(
            "floor-other-commitment-too-far",
            "another body comes before a generation too far above",
            far + 9,
            3,
        ),
    ]
}

/// Old and new headers of one object on its body.
fn rewraps() -> Vec<Vector> {
    let old = Forge::small("rewrap", &alice()).set(|f| f.records.push(Rec::raw(9, b"unknown")));
    let new = |key: &Key| {
        let mut new = old.clone().set(|f| f.generation = 1);
        let record = new.record(key);
        new.records = vec![new.records[1].clone(), record];
        new
    };
    let replaced = new(&bob());
    let other = Forge::small("rewrap, another object", &bob());
    let header_on = |name: &str, comment: &str, header: &Forge, body: &Forge| {
        let bytes = [header.header(), body.prefix(), body.chunks().concat()].concat();
        object(name, "R38 R46", comment, bytes)
    };
    vec![
        header_on(
            "rewrap-new-key",
            "a rewrap has replaced the key; the unknown record was kept",
            &replaced,
            &old,
        )
        .with(&bob())
        .floor(&old, 0)
        .opens(&replaced, &bob()),
        header_on("rewrap-old-key", "the key that a rewrap has replaced", &replaced, &old)
            .with(&alice())
            .fails("NOKEY"),
        header_on(
            "rewrap-old-header-put-back",
            "the provider put the old header back; the caller's floor is the new one",
            &old,
            &old,
        )
        .with(&alice())
        .floor(&replaced, 1)
        .fails("ROLLBACK"),
        header_on(
            "rewrap-old-header-without-floor",
            "the same where the caller gives no floor: nothing tells",
            &old,
            &old,
        )
        .with(&alice())
        .opens(&old, &alice()),
        header_on(
            "rewrap-header-on-another-body",
            "the new header on the body of another object",
            &replaced,
            &other,
        )
        .with(&bob())
        .fails("AUTH"),
        header_on(
            "rewrap-two-of-one-generation",
            "two rewraps of one generation: the other one's floor",
            &new(&carol()),
            &old,
        )
        .with(&carol())
        .floor(&replaced, 1)
        .fails("ROLLBACK"),
    ]
}

/// R35: which check comes first where several would fail.
fn order() -> Vec<Vector> {
    let forge =
        |name: &str| Forge::small(name, &alice()).context(&[("tenant", "acme")]).at("archive", "a");
    let wrong = [("tenant", "other")];
    let cut = |f: &Forge| f.header();
    let damaged = |f: &Forge| {
        let mut bytes = f.object();
        bytes[f.header().len() + 30] ^= 1;
        bytes
    };
    let case = |name: &str, comment: &str, make: &dyn Fn(&Forge) -> Vec<u8>| {
        let name = format!("order-{name}");
        object(&name, "R35", comment, make(&forge(&name)))
    };
    let floor = forge("order-floor").set(|f| f.generation = 9);
    let own = |name: &str| forge(&format!("order-{name}")).set(|f| f.generation = 9);
    vec![
        case("key-before-context", "another key and another context", &|f| f.object())
            .with(&bob())
            .expecting("exact", &wrong)
            .fails("NOKEY"),
        case("tag-before-context", "another header tag and another context", &|f| {
            f.clone().set(|f| f.tag_key = Some([9; 32])).object()
        })
        .with(&alice())
        .expecting("exact", &wrong)
        .fails("AUTH"),
        case("context-before-body", "another context, and no body", &cut)
            .with(&alice())
            .expecting("exact", &wrong)
            .fails("CONTEXT"),
        case("location-before-body", "another location, and no body", &cut)
            .with(&alice())
            .at("archive", "b")
            .fails("CONTEXT"),
        case("context-before-commitment", "another context and another commitment", &damaged)
            .with(&alice())
            .expecting("includes", &wrong)
            .fails("CONTEXT"),
        case("context-before-floor", "another context, and an old header", &|f| f.object())
            .with(&alice())
            .expecting("exact", &wrong)
            .floor(&own("context-before-floor"), 9)
            .fails("CONTEXT"),
        case("commitment-before-floor", "another commitment, and an old header", &damaged)
            .with(&alice())
            .floor(&own("commitment-before-floor"), 9)
            .fails("AUTH"),
        case(
            "body-cut-before-floor",
            "salt and commitment are cut, and another object's floor",
            &cut,
        )
        .with(&alice())
        .floor(&floor, 9)
        .fails("AUTH"),
        case("floor-before-metadata", "an old header, and metadata that does not open", &|f| {
            f.clone().set(|f| f.sealed_metadata = Some(vec![7; 40])).object()
        })
        .with(&alice())
        .floor(&own("floor-before-metadata").set(|f| f.sealed_metadata = Some(vec![7; 40])), 9)
        .fails("ROLLBACK"),
        case("floor-before-chunks", "an old header, and a chunk that does not open", &|f| {
            let mut bytes = f.object();
            *bytes.last_mut().unwrap() ^= 1;
            bytes
        })
        .with(&alice())
        .floor(&own("floor-before-chunks"), 9)
        .fails("ROLLBACK"),
        case("parse-before-key", "padding that is not zero, and no key", &|f| {
            f.clone().room(600).set(|f| f.padding.as_mut().unwrap()[0] = 1).object()
        })
        .fails("FORMAT"),
    ]
}
