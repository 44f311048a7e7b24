//! Curves for the report: throughput against size, time against threads, cost against the size of
//! the object.

use keystead::MasterKey;
use keystead_benches::buffers::Buffers;
use keystead_benches::floor::CHUNK;
use keystead_benches::holes::Ranges;
use keystead_benches::paired::{Boxed, Effort, seconds, timed};
use keystead_benches::rivals::{Age, Sodium, Soft};
use keystead_benches::small::Headers;
use serde_json::{Value, json};

/// One object with `x`, `unit` and for each curve the median with its quartiles.
pub fn all(effort: Effort) -> Value {
    json!({
        "throughput": throughput(effort),
        "threads": threads(effort),
        "range": ranges(effort),
        "rewrap": rewraps(effort),
    })
}

/// A name and its work.
type Curve<S> = (&'static str, Boxed<S>);

fn point<S>(effort: Effort, x: u64, state: &mut S, curves: Vec<Curve<S>>) -> Value {
    let (names, mut works): (Vec<_>, Vec<_>) = curves.into_iter().unzip();
    let measured = seconds(effort, state, &mut works);
    let curves: serde_json::Map<String, Value> = names
        .iter()
        .zip(measured)
        .map(|(name, q)| ((*name).to_owned(), json!([q.low, q.median, q.high])))
        .collect();
    eprintln!("{x}");
    json!({ "x": x, "seconds": curves })
}

/// Encrypting `x` bytes into warm memory.
fn throughput(effort: Effort) -> Value {
    let sizes = (6..=26).step_by(2).map(|power| 1_usize << power);
    let points = sizes.map(|len| {
        let state = &mut Buffers::new(len);
        let (age, sodium, soft) = (Age::default(), Sodium::default(), Soft::default());
        let mut age_out = Vec::new();
        let mut sodium_out = vec![0; Sodium::sealed_len(len)];
        let curves: Vec<Curve<Buffers>> = vec![
            ("keystead into a reused buffer", Box::new(timed(Buffers::encrypt_into))),
            ("copy and raw ring", Box::new(timed(Buffers::ring_seal_into))),
            ("raw ring in place", Box::new(timed(Buffers::ring_in_place))),
            (
                "age crate 0.11",
                Box::new(timed(move |state: &mut Buffers| {
                    let out = std::mem::take(&mut age_out);
                    age_out = age.encrypt_to(&state.plaintext, out);
                })),
            ),
            (
                "libsodium secretstream",
                Box::new(timed(move |state: &mut Buffers| {
                    sodium.encrypt_to(&state.plaintext, &mut sodium_out);
                })),
            ),
            (
                "aes-gcm crate in place",
                Box::new(timed(move |state: &mut Buffers| {
                    let chunks = state.plaintext.chunks_mut(CHUNK);
                    chunks.enumerate().for_each(|(index, chunk)| soft.seal(index, chunk));
                })),
            ),
        ];
        point(effort, len as u64, state, curves)
    });
    Value::Array(points.collect())
}

/// 64 MiB into warm memory by `x` threads.
fn threads(effort: Effort) -> Value {
    let state = &mut Buffers::new(64 << 20);
    let points = (1..=4_usize).map(|threads| {
        let ours = timed(move |state: &mut Buffers| state.encrypt_into_threads(threads));
        let curves: Vec<Curve<Buffers>> = vec![
            ("keystead", Box::new(ours)),
            (
                "copy and raw ring",
                Box::new(timed(move |s: &mut Buffers| s.ring_seal_into_threads(threads))),
            ),
        ];
        point(effort, threads as u64, state, curves)
    });
    Value::Array(points.collect())
}

/// 4 KiB from the middle of an object of `x` bytes.
fn ranges(effort: Effort) -> Value {
    let sizes: Vec<usize> = (20..=36).step_by(2).map(|power| 1 << power).collect();
    let state = &mut Ranges::new(&sizes);
    let points = sizes.iter().enumerate().map(|(object, len)| {
        let curves: Vec<Curve<Ranges>> = vec![
            ("memory", Box::new(timed(move |state: &mut Ranges| state.read(object)))),
            ("sparse file", Box::new(timed(move |state: &mut Ranges| state.read_file(object)))),
        ];
        point(effort, *len as u64, state, curves)
    });
    Value::Array(points.collect())
}

/// A new header for an object of `x` bytes; the body is not read.
fn rewraps(effort: Effort) -> Value {
    let points = (20..=36).step_by(4).map(|power| {
        let len = 1_u64 << power;
        let state = &mut (
            Headers::new(MasterKey::generate, len),
            Headers::new(MasterKey::generate_pair, len),
        );
        let curves: Vec<Curve<(Headers, Headers)>> = vec![
            ("symmetric key", Box::new(timed(|state: &mut (Headers, Headers)| state.0.rewrap()))),
            ("key pair", Box::new(timed(|state: &mut (Headers, Headers)| state.1.rewrap()))),
        ];
        point(effort, len, state, curves)
    });
    Value::Array(points.collect())
}
