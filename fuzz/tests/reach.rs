//! The runs are worth something only where they reach the depths: inputs of the generator end in
//! every way that SPEC.md has for them, and enough of them open.

use std::collections::BTreeMap;

use keystead_fuzz::{Target, access, ways};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

fn reached(target: Target, runs: u32) -> BTreeMap<String, u32> {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let mut reached = BTreeMap::new();
    for _ in 0..runs {
        let mut input = vec![0; usize::try_from(rng.next_u32() % 160).unwrap()];
        rng.fill_bytes(&mut input);
        target(&input, &mut |note| *reached.entry(note.to_owned()).or_default() += 1);
    }
    println!("{reached:#?}");
    reached
}

fn assert_all(reached: &BTreeMap<String, u32>, notes: &[&str], least: u32) {
    for note in notes {
        let count = reached.get(*note).copied().unwrap_or(0);
        assert!(count >= least, "{note}: {count} times");
    }
}

#[test]
fn objects_end_in_every_way() {
    let reached = reached(ways::run, 6_000);
    let refused = ["FORMAT", "LIMIT", "NOKEY", "AUTH", "CONTEXT", "ROLLBACK"];
    let refused = refused.map(|class| format!("refused: {class}"));
    assert_all(&reached, &refused.each_ref().map(String::as_str), 20);
    let opened = [
        "opened: OK, released nothing, ranges",
        "opened: OK, released some chunks, ranges",
        "opened: AUTH, released nothing, ranges",
        "opened: AUTH, released nothing, no ranges",
        "opened: AUTH, released some chunks, ranges",
        "opened: AUTH, released some chunks, no ranges",
    ];
    assert_all(&reached, &opened, 20);
    // Rare, for they take long.
    let long = [
        "opened: OK, released a batch or more, ranges",
        "opened: AUTH, released a batch or more, ranges",
    ];
    assert_all(&reached, &long, 1);
}

#[test]
fn lists_end_in_every_way() {
    let reached = reached(access::run, 10_000);
    let notes = [
        "parse: FORMAT",
        "parse: LIMIT",
        "unwrap: AUTH",
        "unwrap: CONTEXT",
        "unwrap: LIMIT",
        "unwrap: NOKEY",
        "unwrap: pair",
        "unwrap: pair, anonymous",
        "unwrap: symmetric",
        "unwrap: symmetric, anonymous",
        "rewrap: AUTH",
        "rewrap: LIMIT",
        "rewrap: NOKEY",
        "rewrap: OK",
        "rewrap: ROLLBACK",
        "rewrap: USAGE",
    ];
    assert_all(&reached, &notes, 20);
    assert_all(&reached, &["unwrap: passphrase, anonymous"], 1);
}
