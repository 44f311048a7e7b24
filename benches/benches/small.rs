//! An object of 1 KiB: under a symmetric key, for a public key, and age's.

use criterion::{Criterion, criterion_group, criterion_main};
use keystead_benches::rivals::Age;
use keystead_benches::small::{LEN, Public, Symmetric};

fn symmetric(c: &mut Criterion) {
    let mut group = c.benchmark_group("1 KiB symmetric");
    let mut state = Symmetric::default();
    group.bench_function("encrypt/keystead", |b| b.iter(|| state.encrypt()));
    group.bench_function("encrypt/operations raw", |b| b.iter(|| state.raw_encrypt()));
    group.bench_function("decrypt/keystead", |b| b.iter(|| state.decrypt()));
    group.bench_function("decrypt/operations raw", |b| b.iter(|| state.raw_decrypt()));
    let (age, plaintext) = (Age::default(), [0x5a; LEN]);
    let (object, mut out) = (age.encrypt(&plaintext), [0; LEN]);
    group.bench_function("encrypt/age X25519", |b| b.iter(|| age.encrypt(&plaintext)));
    group.bench_function("decrypt/age X25519", |b| b.iter(|| age.decrypt_to(&object, &mut out)));
    group.finish();
}

fn public(c: &mut Criterion) {
    let mut group = c.benchmark_group("1 KiB public");
    let mut state = Public::default();
    group.bench_function("encrypt/first", |b| b.iter(|| state.encrypt_first()));
    group.bench_function("encrypt/KEM alone", |b| b.iter(|| state.encapsulate()));
    group.bench_function("encrypt/following", |b| b.iter(|| state.encrypt_following()));
    group.bench_function("decrypt/first", |b| b.iter(|| state.decrypt_first()));
    group.bench_function("decrypt/KEM alone", |b| b.iter(|| state.decapsulate()));
    group.bench_function("decrypt/following", |b| b.iter(|| state.decrypt_following()));
    group.finish();
}

criterion_group!(benches, symmetric, public);
criterion_main!(benches);
