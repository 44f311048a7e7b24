//! One buffer into the caller's reused buffer, against the floor of copying each chunk and sealing
//! it with raw ring.
//!
//! `cargo bench --manifest-path benches/Cargo.toml`

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use keystead::{Context, Keyring, MasterKey, Options};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

const CHUNK: usize = 16_384;

fn floor(key: &LessSafeKey, plaintext: &[u8], out: &mut [u8]) {
    for (i, (chunk, sealed)) in plaintext.chunks(CHUNK).zip(out.chunks_mut(CHUNK + 16)).enumerate() {
        let (text, tag) = sealed.split_at_mut(chunk.len());
        text.copy_from_slice(chunk);
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&(i as u64).to_be_bytes());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = key.seal_in_place_separate_tag(nonce, Aad::empty(), text).expect("short");
        tag[..16].copy_from_slice(sealed.as_ref());
    }
}

fn buffers(c: &mut Criterion) {
    let keys = Keyring::new(MasterKey::generate().expect("randomness"));
    let (context, options) = (Context::new(), Options::new());
    let raw = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).expect("a key"));
    let mut group = c.benchmark_group("encrypt_into");
    for len in [1 << 10, 1 << 20, 16 << 20] {
        let plaintext = vec![0x5a; len];
        let size = keystead::encrypted_len(&keys, len, &context, &options).expect("a length");
        let mut out = vec![0; size];
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new("copy and raw ring", len), |b| {
            b.iter(|| floor(&raw, &plaintext, &mut out));
        });
        group.bench_function(BenchmarkId::new("keystead", len), |b| {
            b.iter(|| keystead::encrypt_into(&keys, &plaintext, &context, &options, &mut out));
        });
    }
    group.finish();
}

criterion_group!(benches, buffers);
criterion_main!(benches);
