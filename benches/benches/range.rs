//! 4 KiB from the middle of objects of 1 MiB to 64 GiB, opened anew each time.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use keystead_benches::holes::Ranges;

fn range(c: &mut Criterion) {
    let mut group = c.benchmark_group("range 4 KiB");
    let sizes = [1 << 20, 1 << 30, 64 << 30];
    let mut ranges = Ranges::new(&sizes);
    for (object, len) in sizes.iter().enumerate() {
        group.bench_function(BenchmarkId::new("memory", len), |b| b.iter(|| ranges.read(object)));
        group.bench_function(BenchmarkId::new("sparse file", len), |b| {
            b.iter(|| ranges.read_file(object));
        });
    }
    group.finish();
}

criterion_group!(benches, range);
criterion_main!(benches);
