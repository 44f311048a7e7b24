//! Every row: what is measured, against what, and the goal.

use keystead::MasterKey;
use keystead_benches::buffers::Buffers;
use keystead_benches::holes::Ranges;
use keystead_benches::paired::{Effort, compare, prepared, timed};
use keystead_benches::rivals::{Aeads, Age};
use keystead_benches::small::{self, Headers, Public, Symmetric};
use keystead_benches::streams::{self, Reads, Writes};

use crate::table::{Goal, Table};

const SIZES: [(usize, &str); 3] = [(1 << 20, "1 MiB"), (16 << 20, "16 MiB"), (64 << 20, "64 MiB")];

pub fn all(effort: Effort, table: &mut Table) {
    chunks(effort, table);
    in_place(effort, table);
    into_reused(effort, table);
    two_threads(effort, table);
    writes(effort, table);
    reads(effort, table);
    symmetric(effort, table);
    public(effort, table);
    ranges(effort, table);
    headers(effort, table);
}

/// One chunk, with the copy that a stream forces on both sides.
fn chunks(effort: Effort, table: &mut Table) {
    let state = &mut Writes::default();
    let (against, goal) = ("copy, raw ring on 16 KiB", Goal::None);
    table.row("chunk seal", against, goal, || {
        compare(effort, state, timed(Writes::our_chunk), timed(Writes::ring_chunk))
    });
    let state = &mut Reads::default();
    table.row("chunk open", against, goal, || {
        compare(effort, state, timed(Reads::our_chunk), timed(Reads::ring_copied_chunk))
    });
    let state = &mut Aeads::default();
    let rivals: [(_, fn(&mut Aeads)); 2] =
        [("aws-lc-rs", Aeads::aws_lc), ("aes-gcm crate", Aeads::soft)];
    for (against, other) in rivals {
        table.row("raw ring on 16 KiB", against, Goal::None, || {
            compare(effort, state, timed(Aeads::ring), timed(other))
        });
    }
}

fn in_place(effort: Effort, table: &mut Table) {
    for (len, name) in SIZES {
        let state = &mut Buffers::new(len);
        state.check();
        let against = "raw ring in place";
        table.row(&format!("encrypt in place {name}"), against, Goal::AtLeast(0.97), || {
            let ours = prepared(Buffers::place_object, Buffers::encrypt_prepared);
            compare(effort, state, ours, prepared(Buffers::place_room, Buffers::ring_in_place))
        });
        table.row(&format!("decrypt in place {name}"), against, Goal::AtLeast(0.97), || {
            let ours = prepared(Buffers::place_object, Buffers::decrypt_prepared);
            let ring = prepared(Buffers::place_room, Buffers::ring_open_in_place);
            compare(effort, state, ours, ring)
        });
        // A Vec of plaintext that becomes an object, or back: no byte of it stays where it is.
        let (sealing, opening) =
            (format!("encrypt in a Vec {name}"), format!("decrypt in a Vec {name}"));
        table.row(&sealing, "move the chunk, raw ring", Goal::AtLeast(0.95), || {
            let ours = prepared(Buffers::place_plaintext, Buffers::encrypt_in_place);
            compare(effort, state, ours, prepared(Buffers::place_room, Buffers::ring_move_and_seal))
        });
        table.row(&sealing, against, Goal::None, || {
            let ours = prepared(Buffers::place_plaintext, Buffers::encrypt_in_place);
            compare(effort, state, ours, prepared(Buffers::place_room, Buffers::ring_in_place))
        });
        table.row(&opening, "raw ring, opening to the front", Goal::AtLeast(0.95), || {
            let ours = prepared(Buffers::place_object, Buffers::decrypt_in_place);
            compare(effort, state, ours, prepared(Buffers::place_room, Buffers::ring_open_to_front))
        });
        table.row(&opening, against, Goal::None, || {
            let ours = prepared(Buffers::place_object, Buffers::decrypt_in_place);
            let ring = prepared(Buffers::place_room, Buffers::ring_open_in_place);
            compare(effort, state, ours, ring)
        });
    }
}

fn into_reused(effort: Effort, table: &mut Table) {
    for (len, name) in SIZES {
        let state = &mut Buffers::new(len);
        let against = "copy the chunk, raw ring";
        table.row(&format!("encrypt into reused {name}"), against, Goal::AtLeast(0.95), || {
            compare(effort, state, timed(Buffers::encrypt_into), timed(Buffers::ring_seal_into))
        });
        table.row(&format!("decrypt into reused {name}"), against, Goal::AtLeast(0.95), || {
            let ours = prepared(Buffers::place_object, Buffers::decrypt_into);
            compare(effort, state, ours, prepared(Buffers::place_room, Buffers::ring_open_into))
        });
    }
}

fn two_threads(effort: Effort, table: &mut Table) {
    for (len, name) in [(8 << 20, "8 MiB"), (64 << 20, "64 MiB")] {
        let state = &mut Buffers::new(len);
        let (against, goal) = ("the same floor, 2 threads", Goal::AtLeast(0.95));
        table.row(&format!("2 threads encrypt {name}"), against, goal, || {
            let ours = timed(|state: &mut Buffers| state.encrypt_into_threads(2));
            compare(
                effort,
                state,
                ours,
                timed(|state: &mut Buffers| state.ring_seal_into_threads(2)),
            )
        });
        table.row(&format!("2 threads decrypt {name}"), against, goal, || {
            let ours = prepared(Buffers::place_object, |state: &mut Buffers| {
                state.decrypt_into_threads(2)
            });
            let ring = prepared(Buffers::place_room, |state: &mut Buffers| {
                state.ring_open_into_threads(2)
            });
            compare(effort, state, ours, ring)
        });
    }
}

fn writes(effort: Effort, table: &mut Table) {
    let state = &mut Writes::default();
    table.row("raw ring, one hot chunk", "libsodium secretstream, 64 KiB", Goal::None, || {
        compare(effort, state, timed(Writes::ring), timed(Writes::sodium))
    });
    let rows: [(_, _, fn(&mut Writes)); 4] = [
        ("raw ring, one hot chunk", Goal::AtLeast(0.88), Writes::ring),
        ("age 0.11 StreamWriter", Goal::AtLeast(4.0), Writes::age),
        ("libsodium secretstream, 64 KiB", Goal::AtLeast(4.0), Writes::sodium),
        ("cobblestone EncryptWriter", Goal::None, Writes::cobblestone),
    ];
    for (against, goal, other) in rows {
        table.row("stream Write to a sink", against, goal, || {
            compare(effort, state, timed(Writes::ours), timed(other))
        });
    }
}

fn reads(effort: Effort, table: &mut Table) {
    let state = &mut Reads::default();
    let work = "stream Read from memory";
    table.row(work, "raw ring, one hot chunk", Goal::AtLeast(0.78), || {
        let mut chunk = prepared(Reads::seal_chunk_again, Reads::ring_chunk);
        compare(effort, state, timed(Reads::ours), move |state: &mut Reads, times| {
            chunk(state, times * streams::CHUNKS_OF_PIECE)
        })
    });
    table.row(work, "copy, raw ring", Goal::None, || {
        let mut chunk = timed(Reads::ring_copied_chunk);
        compare(effort, state, timed(Reads::ours), move |state: &mut Reads, times| {
            chunk(state, times * streams::CHUNKS_OF_PIECE)
        })
    });
    // As what a sink takes lies in a cache, so does this; it is opened again each time.
    let near = &mut Reads::of(1 << 20);
    table.row(
        "stream Read from cache, 1 MiB",
        "raw ring, one hot chunk",
        Goal::AtLeast(0.78),
        || {
            let mut chunk = prepared(Reads::seal_chunk_again, Reads::ring_chunk);
            compare(effort, near, timed(Reads::ours), move |state: &mut Reads, times| {
                chunk(state, times * streams::CHUNKS_OF_PIECE)
            })
        },
    );
    table.row(work, "age 0.11 StreamReader", Goal::AtLeast(4.0), || {
        compare(effort, state, timed(Reads::ours), timed(Reads::age))
    });
    table.row(work, "libsodium secretstream, 64 KiB", Goal::AtLeast(4.0), || {
        let mut object = timed(Reads::sodium_object);
        compare(effort, state, timed(Reads::ours), move |state: &mut Reads, times| {
            object(state, times).div_f64(streams::PIECES)
        })
    });
    table.row(work, "cobblestone DecryptReader", Goal::None, || {
        compare(effort, state, timed(Reads::ours), timed(Reads::cobblestone))
    });
}

fn symmetric(effort: Effort, table: &mut Table) {
    let state = &mut Symmetric::default();
    let raw = "SPEC's operations, raw";
    table.row("1 KiB symmetric encrypt", raw, Goal::AtMost(1.10), || {
        compare(effort, state, timed(Symmetric::encrypt), timed(Symmetric::raw_encrypt))
    });
    table.row("1 KiB symmetric decrypt", raw, Goal::AtMost(1.10), || {
        compare(effort, state, timed(Symmetric::decrypt), timed(Symmetric::raw_decrypt))
    });
    let age = Age::default();
    let plaintext = [0x5a; small::LEN];
    let object = age.encrypt(&plaintext);
    let mut out = Vec::new();
    table.row("1 KiB symmetric encrypt", "age 0.11, X25519", Goal::AtLeast(15.0), || {
        let other = timed(|_: &mut Symmetric| {
            out = age.encrypt_to(&plaintext, std::mem::take(&mut out));
        });
        compare(effort, state, timed(Symmetric::encrypt), other)
    });
    table.row("1 KiB symmetric decrypt", "age 0.11, X25519", Goal::AtLeast(15.0), || {
        let mut out = [0; small::LEN];
        let other = timed(|_: &mut Symmetric| age.decrypt_to(&object, &mut out));
        compare(effort, state, timed(Symmetric::decrypt), other)
    });
    #[cfg(feature = "heavy")]
    esdk(effort, table, state);
}

/// aws-esdk, a raw AES key, no signature.
#[cfg(feature = "heavy")]
fn esdk(effort: Effort, table: &mut Table, state: &mut Symmetric) {
    let esdk = keystead_benches::esdk::Esdk::default();
    let plaintext = [0x5a; small::LEN];
    let object = esdk.encrypt(&plaintext);
    assert_eq!(esdk.decrypt(&object), plaintext);
    let against = "aws-esdk, raw AES keyring, unsigned";
    table.row("1 KiB symmetric encrypt", against, Goal::AtLeast(15.0), || {
        let other = timed(|_: &mut Symmetric| drop(esdk.encrypt(&plaintext)));
        compare(effort, state, timed(Symmetric::encrypt), other)
    });
    table.row("1 KiB symmetric decrypt", against, Goal::AtLeast(15.0), || {
        let other = timed(|_: &mut Symmetric| drop(esdk.decrypt(&object)));
        compare(effort, state, timed(Symmetric::decrypt), other)
    });
}

fn public(effort: Effort, table: &mut Table) {
    let mut state = (Public::default(), Symmetric::default());
    let state = &mut state;
    type Both = (Public, Symmetric);
    let kem = Goal::AtMost(1.15);
    table.row("1 KiB public encrypt, first", "x-wing encapsulation", kem, || {
        let ours = timed(|both: &mut Both| both.0.encrypt_first());
        compare(effort, state, ours, timed(|both: &mut Both| both.0.encapsulate()))
    });
    table.row("1 KiB public decrypt, first", "x-wing decapsulation", kem, || {
        let ours = timed(|both: &mut Both| both.0.decrypt_first());
        compare(effort, state, ours, timed(|both: &mut Both| both.0.decapsulate()))
    });
    let symmetric = Goal::AtMost(1.25);
    table.row("1 KiB public encrypt, following", "the symmetric case", symmetric, || {
        let ours = timed(|both: &mut Both| both.0.encrypt_following());
        compare(effort, state, ours, timed(|both: &mut Both| both.1.encrypt()))
    });
    table.row("1 KiB public decrypt, following", "the symmetric case", symmetric, || {
        let ours = timed(|both: &mut Both| both.0.decrypt_following());
        compare(effort, state, ours, timed(|both: &mut Both| both.1.decrypt()))
    });
}

/// Goal "the same within noise": a tenth.
fn ranges(effort: Effort, table: &mut Table) {
    let state = &mut Ranges::new(&[1 << 20, 1 << 30, 64 << 30]);
    for (object, name) in [(1, "1 GiB"), (2, "64 GiB")] {
        let work = format!("range 4 KiB of {name}");
        table.row(&work, "the same of 1 MiB, memory", Goal::AtMost(1.1), || {
            let ours = timed(move |state: &mut Ranges| state.read(object));
            compare(effort, state, ours, timed(|state: &mut Ranges| state.read(0)))
        });
        table.row(&work, "the same of 1 MiB, sparse file", Goal::AtMost(1.1), || {
            let ours = timed(move |state: &mut Ranges| state.read_file(object));
            compare(effort, state, ours, timed(|state: &mut Ranges| state.read_file(0)))
        });
    }
}

fn headers(effort: Effort, table: &mut Table) {
    for (kind, key) in KINDS {
        let mut state = (Headers::new(key, 1 << 30), Headers::new(key, 1 << 20));
        let state = &mut state;
        type Both = (Headers, Headers);
        table.row(&format!("header parse {kind}"), "copy of the header", Goal::None, || {
            let ours = timed(|both: &mut Both| both.0.parse());
            compare(effort, state, ours, timed(|both: &mut Both| both.0.copy()))
        });
        table.row(&format!("header inspect {kind}"), "parse", Goal::None, || {
            let ours = timed(|both: &mut Both| both.0.inspect());
            compare(effort, state, ours, timed(|both: &mut Both| both.0.parse()))
        });
        table.row(&format!("rewrap 1 GiB {kind}"), "(time)", Goal::Milliseconds(1.0), || {
            let ours = timed(|both: &mut Both| both.0.rewrap());
            compare(effort, state, ours, timed(|both: &mut Both| both.1.rewrap()))
        });
        table.row(&format!("rewrap 1 GiB {kind}"), "rewrap 1 MiB", Goal::AtMost(1.1), || {
            let ours = timed(|both: &mut Both| both.0.rewrap());
            compare(effort, state, ours, timed(|both: &mut Both| both.1.rewrap()))
        });
    }
}

type NewKey = fn() -> keystead::Result<MasterKey>;
const KINDS: [(&str, NewKey); 2] =
    [("symmetric", MasterKey::generate), ("pair", MasterKey::generate_pair)];
