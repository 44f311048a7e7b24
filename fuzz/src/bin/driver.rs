//! Runs a target on inputs of a seeded generator, without libFuzzer. It prints runs and disagreements,
//! and ends with 1 where there was a disagreement. An input that takes ten minutes is one.

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use keystead_fuzz::TARGETS;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const USAGE: &str = "usage: driver ways|access [--runs N] [--seconds S] [--seed N] | driver ways|access --input HEX";
/// An input has fewer bytes: as many as the targets read, and some more.
const LONGEST: u32 = 160;
/// The slowest inputs, of 10 MiB, take less than a second; a busy machine may make minutes of it.
const TOO_SLOW: u64 = 600;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let number = |name: &str| option(name)?.parse::<u64>().ok();
    let target = arguments.first().and_then(|name| TARGETS.iter().find(|(n, _)| n == name));
    let Some((name, target)) = target else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Some(input) = option("--input") {
        target(&from_hex(input).expect("hex digits"), &mut |note| println!("{note}"));
        return ExitCode::SUCCESS;
    }
    let runs = number("--runs").unwrap_or(u64::MAX);
    let end = number("--seconds").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let seed = number("--seed").unwrap_or(0);
    let current = watch();
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let (mut done, mut disagreements) = (0_u64, 0_u64);
    while done < runs && end.is_none_or(|end| Instant::now() < end) {
        let mut input = vec![0; usize::try_from(rng.next_u32() % LONGEST).expect("a small number")];
        rng.fill_bytes(&mut input);
        *current.lock().expect("no panic holds it") = (0, input.clone());
        done += 1;
        if catch_unwind(|| target(&input, &mut |_| ())).is_err() {
            disagreements += 1;
            eprintln!("{name}: run {done} disagrees: --input {}", to_hex(&input));
        }
        if done.is_multiple_of(50_000) {
            eprintln!("{name}: {done} runs, {disagreements} disagreements");
        }
    }
    println!("{name}: seed {seed}: {done} runs, {disagreements} disagreements");
    if disagreements == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Ends the process where an input takes too long, and names it. It counts seconds in which this
/// process runs: one that was stopped for a while is not slow.
fn watch() -> Arc<Mutex<(u64, Vec<u8>)>> {
    let current = Arc::new(Mutex::new((0, Vec::new())));
    let watched = Arc::clone(&current);
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_secs(1));
            let (seconds, input) = &mut *watched.lock().expect("no panic holds it");
            *seconds += 1;
            if *seconds > TOO_SLOW {
                eprintln!("an input takes more than {TOO_SLOW} s: --input {}", to_hex(input));
                std::process::exit(1);
            }
        }
    });
    current
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2).map(|digits| std::str::from_utf8(digits).ok());
    digits.map(|digits| u8::from_str_radix(digits?, 16).ok()).collect()
}
