//! Pieces of 64 KiB through a writer and from a reader: ours, raw ring, age, libsodium, cobblestone.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use keystead_benches::streams::{PIECE, Reads, Writes};

fn writes(c: &mut Criterion) {
    let mut group = c.benchmark_group("stream write");
    group.throughput(Throughput::Bytes(PIECE as u64));
    let mut state = Writes::default();
    let works: [(&str, fn(&mut Writes)); 5] = [
        ("keystead", Writes::ours),
        ("raw ring", Writes::ring),
        ("age", Writes::age),
        ("libsodium secretstream", Writes::sodium),
        ("cobblestone", Writes::cobblestone),
    ];
    for (name, work) in works {
        group.bench_function(name, |b| b.iter(|| work(&mut state)));
    }
    group.finish();
}

fn reads(c: &mut Criterion) {
    let mut group = c.benchmark_group("stream read");
    group.throughput(Throughput::Bytes(PIECE as u64));
    let mut state = Reads::default();
    let works: [(&str, fn(&mut Reads)); 3] =
        [("keystead", Reads::ours), ("age", Reads::age), ("cobblestone", Reads::cobblestone)];
    for (name, work) in works {
        group.bench_function(name, |b| b.iter(|| work(&mut state)));
    }
    group.bench_function("copy and raw ring", |b| {
        b.iter(|| (0..4).for_each(|_| state.ring_copied_chunk()));
    });
    group.throughput(Throughput::Bytes(256 * PIECE as u64));
    group.bench_function("libsodium secretstream, 16 MiB", |b| b.iter(|| state.sodium_object()));
    group.finish();
}

criterion_group!(benches, writes, reads);
criterion_main!(benches);
