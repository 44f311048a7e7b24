//! AES-256-GCM with nothing around it: ring, aws-lc-rs, the crate aes-gcm, at 1 to 64 KiB.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use keystead_benches::rivals::Aeads;

fn aead(c: &mut Criterion) {
    let mut group = c.benchmark_group("aead");
    let rivals: [(&str, fn(&mut Aeads)); 3] =
        [("ring", Aeads::ring), ("aws-lc-rs", Aeads::aws_lc), ("aes-gcm", Aeads::soft)];
    for len in [1 << 10, 4 << 10, 16 << 10, 64 << 10] {
        let mut aeads = Aeads::of(len);
        group.throughput(Throughput::Bytes(len as u64));
        for (name, seal) in rivals {
            group.bench_function(BenchmarkId::new(name, len), |b| b.iter(|| seal(&mut aeads)));
        }
    }
    group.finish();
}

criterion_group!(benches, aead);
criterion_main!(benches);
