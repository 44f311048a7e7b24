//! One work for instructions.py to count under callgrind: `instructions NAME`, or their names.

use std::process::ExitCode;

use keystead::MasterKey;
use keystead_benches::buffers::Buffers;
use keystead_benches::small::{Headers, Public, Symmetric};
use keystead_benches::streams::{Reads, Writes};

/// How often the work is counted; what happens once a hundred times is shared fairly.
const TIMES: usize = 100;

/// A name, and what makes the work ready.
type Work = (&'static str, fn() -> Box<dyn FnMut()>);

const WORKS: [Work; 15] = [
    ("chunk seal", || with(Writes::default(), Writes::our_chunk)),
    ("chunk seal, copy and raw ring", || with(Writes::default(), Writes::ring_chunk)),
    ("chunk open", || with(Reads::default(), Reads::our_chunk)),
    ("chunk open, copy and raw ring", || with(Reads::default(), Reads::ring_copied_chunk)),
    ("64 KiB into a buffer", || with(Buffers::new(65_536), Buffers::encrypt_into)),
    ("64 KiB out of a buffer", || with(Buffers::new(65_536), Buffers::decrypt_into)),
    ("1 KiB encrypt", || with(Symmetric::default(), Symmetric::encrypt)),
    ("1 KiB encrypt, operations raw", || with(Symmetric::default(), Symmetric::raw_encrypt)),
    ("1 KiB decrypt", || with(Symmetric::default(), Symmetric::decrypt)),
    ("1 KiB decrypt, operations raw", || with(Symmetric::default(), Symmetric::raw_decrypt)),
    ("1 KiB public encrypt, following", || with(Public::default(), Public::encrypt_following)),
    ("1 KiB public decrypt, following", || with(Public::default(), Public::decrypt_following)),
    ("header parse", || with(symmetric_header(), Headers::parse)),
    ("header unwrap", || with(symmetric_header(), Headers::unwrap)),
    ("header rewrap", || with(symmetric_header(), Headers::rewrap)),
];

fn symmetric_header() -> Headers {
    Headers::new(MasterKey::generate, 1 << 30)
}

fn with<S: 'static>(mut state: S, work: fn(&mut S)) -> Box<dyn FnMut()> {
    Box::new(move || work(&mut state))
}

/// Callgrind counts what happens in here.
#[inline(never)]
fn keystead_counted(work: &mut dyn FnMut()) {
    for _ in 0..TIMES {
        work();
    }
}

fn main() -> ExitCode {
    let Some(name) = std::env::args().nth(1) else {
        WORKS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    let Some((_, make)) = WORKS.iter().find(|(known, _)| *known == name) else {
        eprintln!("no work is called {name}");
        return ExitCode::from(2);
    };
    let mut work = make();
    work();
    keystead_counted(&mut work);
    ExitCode::SUCCESS
}
