//! One object into a reused buffer by 1 to 4 threads, against as many of the floor.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use keystead_benches::buffers::Buffers;

const LEN: usize = 64 << 20;

fn parallel(c: &mut Criterion) {
    let mut group = c.benchmark_group("64 MiB by threads");
    let works: [(&str, fn(&mut Buffers, usize)); 4] = [
        ("encrypt/keystead", Buffers::encrypt_into_threads),
        ("encrypt/copy and raw ring", Buffers::ring_seal_into_threads),
        ("decrypt/keystead", Buffers::decrypt_into_threads),
        ("decrypt/copy and raw ring", Buffers::ring_open_into_threads),
    ];
    let mut buffers = Buffers::new(LEN);
    group.throughput(Throughput::Bytes(LEN as u64));
    for threads in 1..=4 {
        for (name, work) in works {
            group.bench_function(BenchmarkId::new(name, threads), |b| {
                b.iter(|| work(&mut buffers, threads));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, parallel);
criterion_main!(benches);
