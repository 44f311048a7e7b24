//! Headers alone: parse, inspect, unwrap, rewrap.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use keystead::MasterKey;
use keystead_benches::small::Headers;

fn header(c: &mut Criterion) {
    let mut group = c.benchmark_group("header");
    let kinds: [(&str, fn() -> keystead::Result<MasterKey>); 2] =
        [("symmetric", MasterKey::generate), ("pair", MasterKey::generate_pair)];
    let works: [(&str, fn(&mut Headers)); 5] = [
        ("copy", Headers::copy),
        ("parse", Headers::parse),
        ("inspect", Headers::inspect),
        ("unwrap", Headers::unwrap),
        ("rewrap", Headers::rewrap),
    ];
    for (kind, key) in kinds {
        let mut headers = Headers::new(key, 1 << 30);
        for (name, work) in works {
            group.bench_function(BenchmarkId::new(name, kind), |b| b.iter(|| work(&mut headers)));
        }
    }
    group.finish();
}

criterion_group!(benches, header);
criterion_main!(benches);
