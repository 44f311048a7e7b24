//! One chunk through the hot path, against the same copy and raw ring.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use keystead_benches::streams::{Reads, Writes};

fn chunk(c: &mut Criterion) {
    let mut group = c.benchmark_group("chunk");
    group.throughput(Throughput::Bytes(16_384));
    let (mut writes, mut reads) = (Writes::default(), Reads::default());
    group.bench_function("seal/keystead", |b| b.iter(|| writes.our_chunk()));
    group.bench_function("seal/copy and raw ring", |b| b.iter(|| writes.ring_chunk()));
    group.bench_function("open/keystead", |b| b.iter(|| reads.our_chunk()));
    group.bench_function("open/copy and raw ring", |b| b.iter(|| reads.ring_copied_chunk()));
    group.finish();
}

criterion_group!(benches, chunk);
criterion_main!(benches);
