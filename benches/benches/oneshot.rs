//! One object in memory: into a reused buffer, and in place.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use keystead_benches::buffers::Buffers;

const SIZES: [usize; 5] = [1 << 10, 64 << 10, 1 << 20, 16 << 20, 64 << 20];

fn into_reused(c: &mut Criterion) {
    let mut group = c.benchmark_group("into reused");
    let works: [(&str, fn(&mut Buffers)); 4] = [
        ("encrypt/keystead", Buffers::encrypt_into),
        ("encrypt/copy and raw ring", Buffers::ring_seal_into),
        ("decrypt/keystead", Buffers::decrypt_into),
        ("decrypt/copy and raw ring", Buffers::ring_open_into),
    ];
    for len in SIZES {
        let mut buffers = Buffers::new(len);
        buffers.check();
        group.throughput(Throughput::Bytes(len as u64));
        for (name, work) in works {
            group.bench_function(BenchmarkId::new(name, len), |b| b.iter(|| work(&mut buffers)));
        }
    }
    group.finish();
}

/// A name, what puts the buffer back, the work.
type InPlace = (&'static str, fn(&mut Buffers), fn(&mut Buffers));

fn in_place(c: &mut Criterion) {
    let mut group = c.benchmark_group("in place");
    let works: [InPlace; 4] = [
        ("encrypt/keystead", Buffers::place_plaintext, Buffers::encrypt_in_place),
        ("encrypt/raw ring", Buffers::place_room, Buffers::ring_in_place),
        ("decrypt/keystead", Buffers::place_object, Buffers::decrypt_in_place),
        ("decrypt/raw ring", Buffers::place_room, Buffers::ring_open_in_place),
    ];
    for len in SIZES {
        let buffers = std::cell::RefCell::new(Buffers::new(len));
        group.throughput(Throughput::Bytes(len as u64));
        for (name, prepare, work) in works {
            group.bench_function(BenchmarkId::new(name, len), |b| {
                let prepare = || prepare(&mut buffers.borrow_mut());
                b.iter_batched(
                    prepare,
                    |()| work(&mut buffers.borrow_mut()),
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, into_reused, in_place);
criterion_main!(benches);
