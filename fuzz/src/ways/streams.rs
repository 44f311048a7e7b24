//! Streams: what they release is exactly the chunks before the first failing one, and an error
//! repeats (SPEC section 7).

use std::io::{self, BufRead, Read};

use keystead::{
    Decryptor, EncryptOptions, ErrorKind, Keys, Progress, PushDecryptor, SealedHeader, Threads,
};

use super::readers::Pieces;
use super::{Seen, agree, agree_on_details, io_class, same_bytes, threads};
use crate::choices::Choices;
use crate::pool::POOL;
use crate::reference;
use crate::reference::body::{CHUNK, PREFIX, SEALED_CHUNK};

/// What a stream released, and how it ended.
type Drained = (Vec<u8>, reference::Result<()>);

/// Above this, reading a byte at a time takes long, and is done now and then.
const SMALL: usize = SEALED_CHUNK;

pub(super) fn check(seen: &Seen<'_>, c: &mut Choices<'_>) {
    let len = seen.case.object.len();
    let threads = threads(c);
    let small = len < SMALL || (len < 3 * SMALL && c.one_in(8));
    // Three sizes of reads: whole chunks go straight to the caller's buffer, others do not.
    let one = if small { 1 } else { 4_099 };
    for len in [one, 70_000, 1 + c.below(CHUNK)] {
        stream(seen, "Decryptor, read", threads, |reader| drain_by(reader, || len));
    }
    let lens: Vec<usize> = (0..4).map(|_| [CHUNK, 1 + c.below(40_000)][c.below(2)]).collect();
    let mut turns = lens.iter().cycle().copied();
    stream(seen, "Decryptor, reads of all sizes", threads, |r| {
        drain_by(r, || turns.next().unwrap())
    });
    let amount = if small { 1 + c.below(300) } else { 1 + c.below(20_000) };
    stream(seen, "Decryptor, BufRead", threads, |reader| drain_buffered(reader, amount));
    let before = c.below(2) * (1 + c.below(20_000));
    stream(seen, "Decryptor, copy_to", threads, |reader| copy(reader, before));
    from_header(seen);
    push(seen, c);
    verify(seen);
    reencrypt(seen, threads);
    failing(seen, c);
}

/// From a reader of the whole object and from one that gives few bytes at a time.
fn stream(
    seen: &Seen<'_>,
    way: &str,
    threads: Threads,
    mut drain: impl FnMut(&mut Decryptor<Pieces<'_>>) -> Drained,
) {
    let case = seen.case;
    let lens: &[usize] =
        if case.object.len().is_multiple_of(2) { &[usize::MAX] } else { &[37, 1, 16_400] };
    let reader = Pieces::new(&case.object, lens);
    let expected = case.demand.expected().threads(threads);
    let reader = Decryptor::new(reader, &case.ring.ring, expected);
    agree(way, &reader, seen.opened().map(|_| ()));
    let (Ok(mut reader), Ok(opened)) = (reader, seen.opened()) else { return };
    agree_on_details(way, reader.info(), &opened.told);
    let (released, end) = drain(&mut reader);
    same_bytes(way, &released, &opened.released);
    assert_eq!(end, opened.stream, "{way}");
    ends_again(way, &mut reader, opened.stream);
}

/// An end is one for ever, and so is an error.
fn ends_again<R: Read + Send>(way: &str, reader: &mut Decryptor<R>, end: reference::Result<()>) {
    for len in [1, CHUNK] {
        let again = reader.read(&mut vec![0; len]).map_err(io_class);
        assert_eq!(again, end.map(|()| 0), "{way}: read again");
    }
    let again = reader.fill_buf().map(<[u8]>::len).map_err(io_class);
    assert_eq!(again, end.map(|()| 0), "{way}: fill_buf again");
    let mut more = Vec::new();
    let again = reader.copy_to(|text| {
        more.extend_from_slice(text);
        Ok(())
    });
    assert_eq!(again.map_err(|error| error.kind()), end.map(|()| 0), "{way}: copy_to again");
    assert!(more.is_empty(), "{way}: copy_to again");
}

fn drain_by<R: Read>(reader: &mut R, mut len: impl FnMut() -> usize) -> Drained {
    let mut released = Vec::new();
    let mut buffer = vec![0; 100_000];
    loop {
        match reader.read(&mut buffer[..len()]) {
            Ok(0) => return (released, Ok(())),
            Ok(read) => released.extend_from_slice(&buffer[..read]),
            Err(error) => return (released, Err(io_class(error))),
        }
    }
}

fn drain_buffered<R: BufRead>(reader: &mut R, amount: usize) -> Drained {
    let mut released = Vec::new();
    loop {
        match reader.fill_buf() {
            Ok([]) => return (released, Ok(())),
            Ok(bytes) => {
                let taken = bytes.len().min(amount);
                released.extend_from_slice(&bytes[..taken]);
                reader.consume(taken);
            }
            Err(error) => return (released, Err(io_class(error))),
        }
    }
}

/// Reads `before` bytes, then copies the rest.
fn copy<R: Read + Send>(reader: &mut Decryptor<R>, before: usize) -> Drained {
    let mut released = vec![0; before];
    let mut filled = 0;
    while filled < before {
        match reader.read(&mut released[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) => {
                released.truncate(filled);
                return (released, Err(io_class(error)));
            }
        }
    }
    released.truncate(filled);
    let copied = reader.copy_to(|text| {
        released.extend_from_slice(text);
        Ok(())
    });
    if let Ok(copied) = copied {
        assert_eq!(copied, u64::try_from(released.len() - filled).unwrap(), "copy_to");
    }
    let end = copied.map(|_| ()).map_err(|error| error.kind());
    (released, end)
}

/// The three steps of R35, one by one.
fn from_header(seen: &Seen<'_>) {
    let (case, way) = (seen.case, "Decryptor::from_header");
    let reader = SealedHeader::parse(&case.object).and_then(|sealed| {
        let header = sealed.unwrap(&case.ring.ring, case.demand.expected())?;
        Decryptor::from_header(&header, &case.object[sealed.len()..])
    });
    agree(way, &reader, seen.opened().map(|_| ()));
    let (Ok(mut reader), Ok(opened)) = (reader, seen.opened()) else { return };
    agree_on_details(way, reader.info(), &opened.told);
    let mut released = Vec::new();
    let end = reader.read_to_end(&mut released).map(|_| ()).map_err(io_class);
    same_bytes(way, &released, &opened.released);
    assert_eq!(end, opened.stream, "{way}");
}

fn push(seen: &Seen<'_>, c: &mut Choices<'_>) {
    let (case, way) = (seen.case, "PushDecryptor");
    let mut opener = PushDecryptor::new();
    let least = if case.object.len() < SMALL { 1 } else { 700 };
    let lens =
        [least + c.below(40_000), least, SEALED_CHUNK, SEALED_CHUNK - 1, least + c.below(99)];
    let mut lens = lens.iter().skip(c.below(lens.len())).cycle();
    let (mut released, mut rest) = (Vec::new(), &case.object[..]);
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(rest.len().min(*lens.next().unwrap()));
        rest = more;
        let pushed = push_all(seen, &mut opener, piece, &mut released);
        if pushed.is_err() {
            agree(way, &pushed, seen.stream());
            let Ok(opened) = seen.opened() else { return };
            same_bytes(way, &released, &opened.released);
            for more in [&b""[..], b"more", &[0; SEALED_CHUNK]] {
                let again = push_all(seen, &mut opener, more, &mut released);
                agree("PushDecryptor, again", &again, Err(ErrorKind::Auth));
            }
            agree("PushDecryptor, finish", &opener.finish(), Err(ErrorKind::Auth));
            same_bytes("PushDecryptor, again", &released, &opened.released);
            return;
        }
    }
    if let (Some(info), Ok(opened)) = (opener.info(), seen.opened()) {
        agree_on_details(way, info, &opened.told);
    }
    let last = opener.finish();
    agree(way, &last, seen.stream());
    let Ok(opened) = seen.opened() else { return };
    released.extend(last.unwrap_or_default());
    same_bytes(way, &released, &opened.released);
}

/// Pushes at least once, also where there are no bytes.
fn push_all(
    seen: &Seen<'_>,
    opener: &mut PushDecryptor,
    mut piece: &[u8],
    released: &mut Vec<u8>,
) -> keystead::Result<()> {
    loop {
        match opener.push(&mut piece)? {
            Progress::Header(sealed) => {
                let header = sealed.unwrap(&seen.case.ring.ring, seen.case.demand.expected())?;
                opener.continue_with(&header)?;
            }
            Progress::Plaintext(text) => released.extend_from_slice(text),
            _ => {}
        }
        if piece.is_empty() {
            return Ok(());
        }
    }
}

fn verify(seen: &Seen<'_>) {
    let case = seen.case;
    let got = keystead::verify(&case.object[..], &case.ring.ring, case.demand.expected());
    agree("verify", &got, seen.stream());
    if let (Ok(mut details), Ok(opened)) = (got, seen.opened()) {
        let len = u64::try_from(opened.released.len()).unwrap();
        assert_eq!(details.plaintext_len, Some(len), "verify");
        // Whether it was stated is what the others tell.
        details.plaintext_len = opened.told.plaintext_len;
        agree_on_details("verify", &details, &opened.told);
    }
}

/// R47: the same plaintext, context and metadata for another key, or no object.
fn reencrypt(seen: &Seen<'_>, threads: Threads) {
    let (case, way) = (seen.case, "reencrypt");
    let new = Keys::from(POOL.key("d").master());
    let made = keystead::reencrypt(
        &case.object[..],
        &case.ring.ring,
        case.demand.expected().threads(threads),
        &new.recipients(),
        &EncryptOptions::new(),
        Vec::new(),
    );
    agree(way, &made, seen.stream());
    let (Ok(made), Ok(opened)) = (made, seen.opened()) else { return };
    agree_on_details(way, &made.old, &opened.told);
    let object = &made.new.out;
    let expected = keystead::Expected::from(&made.old.context).not_before(made.new.floor);
    let again = keystead::decrypt_with_info(&new, object, expected).expect("an object just made");
    let details = again.info;
    same_bytes(way, &again.plaintext, &opened.released);
    assert_eq!(details.metadata, made.old.metadata, "{way}");
    assert_eq!(details.plaintext_len, made.old.plaintext_len, "{way}");
    assert_eq!(details.floor, made.new.floor, "{way}");
    assert_ne!(details.object_id, made.old.object_id, "{way}");
}

/// A reader that fails: IO at the chunk that could not be read, and never more than a stream that
/// reads on would release.
fn failing(seen: &Seen<'_>, c: &mut Choices<'_>) {
    let (case, way) = (seen.case, "a failing reader");
    let cut =
        [c.below(case.object.len() + 1), case.object.len() - c.below(40).min(case.object.len())];
    let (cut, threads) = (*c.pick(&cut), threads(c));
    let new = |lens: &[usize]| {
        let reader = Pieces::failing(&case.object[..cut], lens, io::ErrorKind::TimedOut);
        let expected = case.demand.expected().threads(threads);
        Decryptor::new(reader, &case.ring.ring, expected)
    };
    let reader = new(&[usize::MAX]);
    let Ok(opened) = seen.opened() else {
        // What was read may be enough to know better.
        let class = reader.expect_err("an object that does not open").kind();
        assert!(class == ErrorKind::Io || Err(class) == seen.stream(), "{way}: {class:?}");
        return;
    };
    let front = opened.header.bytes.len() + PREFIX;
    if cut < front {
        agree(way, &reader, Err(ErrorKind::Io));
        return;
    }
    let (right, end) = before_failure(opened, cut - front);
    let mut reader = reader.expect("all that comes before the chunks was read");
    let (released, found) = drain_by(&mut reader, || 20_000);
    same_bytes(way, &released, &right);
    assert_eq!(found, end, "{way}");
    ends_again(way, &mut reader, end);

    let mut reader = new(&[40_000, 1]).expect("all that comes before the chunks was read");
    let (released, found) = copy(&mut reader, 0);
    same_bytes("copy_to of a failing reader", &released, &right);
    assert_eq!(found, end, "copy_to of a failing reader");
    ends_again("copy_to of a failing reader", &mut reader, end);
}

/// What a stream releases where only `len` bytes of its chunks come: those that are complete. A short
/// chunk is complete when the end was seen, which never comes.
fn before_failure(opened: &reference::Opened, len: usize) -> Drained {
    let complete = len / SEALED_CHUNK;
    let released = opened.released.len().min(complete * CHUNK);
    let released = opened.released[..released].to_vec();
    let failing = opened.released.len() / CHUNK;
    let refused =
        opened.stream.is_err() && opened.released.len().is_multiple_of(CHUNK) && failing < complete;
    (released, Err(if refused { ErrorKind::Auth } else { ErrorKind::Io }))
}
