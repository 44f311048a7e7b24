//! Ranges: only the chunks they touch are opened, and no end is believed before it was proved (R33).

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Mutex;

use keystead::{ErrorKind, RangeReader, SealedHeader, WriteAt};

use super::{FILL, Seen, agree, agree_on_details, io_class, is_clean, same_bytes, threads};
use crate::choices::Choices;
use crate::reference::body::{CHUNK, Known};

type Reader<'a> = RangeReader<Cursor<&'a [u8]>>;

pub(super) fn check(seen: &Seen<'_>, c: &mut Choices<'_>) {
    let opened = seen.opened();
    let known = opened.and_then(|opened| opened.known.as_ref().ok_or(ErrorKind::Auth));
    let threads = threads(c);
    let reader = new(seen, threads);
    agree("RangeReader", &reader, known.map(|_| ()));
    let by_header = from_header(seen);
    agree("RangeReader::from_header", &by_header, known.map(|_| ()));
    let (Ok(mut reader), Ok(known), Ok(opened)) = (reader, known, opened) else { return };
    agree_on_details("RangeReader", reader.info(), &opened.told);
    let mut by_header = by_header.expect("it agreed");
    agree_on_details("RangeReader::from_header", by_header.info(), &opened.told);
    for _ in 0..4 {
        let (offset, len) = (position(c, known), position(c, known));
        // Sometimes one that has opened the last chunk already.
        let mut fresh = new(seen, threads).expect("it opened before");
        let reader = if c.one_in(2) { &mut fresh } else { &mut reader };
        read_at(reader, known, offset, len);
        read_exact_at(reader, known, offset, len);
    }
    in_order(&mut by_header, known);
    ends(&mut new(seen, threads).expect("it opened before"), known);
    copy_at(&mut new(seen, threads).expect("it opened before"), known);
    let (from, to) = (position(c, known), position(c, known));
    copy_range(&mut new(seen, threads).expect("it opened before"), known, from..from + to);
    copy_range(&mut new(seen, threads).expect("it opened before"), known, 0..usize::MAX);
}

fn new<'a>(seen: &Seen<'a>, threads: keystead::Threads) -> keystead::Result<Reader<'a>> {
    let case = seen.case;
    let expected = case.demand.expected().threads(threads);
    RangeReader::new(Cursor::new(&case.object[..]), &case.ring.ring, expected)
}

fn from_header<'a>(seen: &Seen<'a>) -> keystead::Result<Reader<'a>> {
    let object = &seen.case.object[..];
    let sealed = SealedHeader::parse(object)?;
    let header = sealed.unwrap(&seen.case.ring.ring, seen.case.demand.expected())?;
    RangeReader::from_header(&header, Cursor::new(object))
}

/// Near the borders of chunks and the end, or anywhere.
fn position(c: &mut Choices<'_>, known: &Known) -> usize {
    let len = known.plaintext_len;
    let near = c.below(3);
    match c.below(5) {
        0 => c.below(100),
        1 => (c.below(known.chunks.len() + 1) * CHUNK + near).saturating_sub(1),
        2 => (len + near).saturating_sub(1),
        3 => len.saturating_sub(c.below(20_000)),
        _ => c.below(len + 2),
    }
}

/// R33: the length is stated, or the last chunk opens.
fn end_is_proved(known: &Known) -> bool {
    known.stated || known.last_opens()
}

fn read_at(reader: &mut Reader<'_>, known: &Known, offset: usize, len: usize) {
    let (end, way) = (offset + len, "RangeReader::read_at");
    let range = offset.min(known.plaintext_len)..end.min(known.plaintext_len);
    let proved = end < known.plaintext_len || end_is_proved(known);
    let right = known.text(range).filter(|_| proved).ok_or(ErrorKind::Auth);
    let mut out = vec![FILL; len];
    let got = reader.read_at(u64::try_from(offset).unwrap(), &mut out);
    agree(way, &got, right.as_ref().map(|_| ()).map_err(|class| *class));
    match (got, right) {
        (Ok(read), Ok(right)) => same_bytes(way, &out[..read], &right),
        _ => assert!(is_clean(&out), "{way}: plaintext is left after an error"),
    }
}

fn read_exact_at(reader: &mut Reader<'_>, known: &Known, offset: usize, len: usize) {
    let (end, way) = (offset + len, "RangeReader::read_exact_at");
    let proved = end < known.plaintext_len || end_is_proved(known);
    let range = offset.min(known.plaintext_len)..end.min(known.plaintext_len);
    let right = match known.text(range).filter(|_| proved) {
        None => Err(ErrorKind::Auth),
        Some(text) if text.len() < len => Err(ErrorKind::Usage),
        Some(text) => Ok(text),
    };
    let mut out = vec![FILL; len];
    let got = reader.read_exact_at(u64::try_from(offset).unwrap(), &mut out);
    agree(way, &got, right.as_ref().map(|_| ()).map_err(|class| *class));
    match right {
        Ok(right) => same_bytes(way, &out, &right),
        Err(_) => assert!(is_clean(&out), "{way}: plaintext is left after an error"),
    }
}

/// As a `Read`: it asserts the end, so that is proved before the first byte is released; and the
/// last chunk opens before the end is reported.
fn in_order(reader: &mut Reader<'_>, known: &Known) {
    let (mut out, way) = (Vec::new(), "RangeReader, read");
    let end = reader.read_to_end(&mut out).map(|_| ()).map_err(io_class);
    let opening: Vec<_> = known.chunks.iter().map_while(Option::as_ref).collect();
    let all = opening.len() == known.chunks.len();
    let right = if end_is_proved(known) {
        opening.into_iter().flatten().copied().collect()
    } else {
        vec![]
    };
    same_bytes(way, &out, &right);
    assert_eq!(end, if all { Ok(()) } else { Err(ErrorKind::Auth) }, "{way}");
}

fn ends(reader: &mut Reader<'_>, known: &Known) {
    let len = u64::try_from(known.plaintext_len).unwrap();
    let right = if end_is_proved(known) { Ok(len) } else { Err(ErrorKind::Auth) };
    assert_eq!(reader.seek(SeekFrom::End(0)).map_err(io_class), right, "RangeReader, seek");
    assert_eq!(reader.verified_len().map_err(|error| error.kind()), right, "verified_len");
}

/// A buffer in which what was never written to is [`FILL`].
struct Written(Mutex<Vec<u8>>);

impl WriteAt for Written {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap();
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        // Files take what they like of a write.
        let taken = bytes.len().min(100_000);
        let end = written.len().max(start + taken);
        written.resize(end, FILL);
        written[start..start + taken].copy_from_slice(&bytes[..taken]);
        Ok(taken)
    }
}

fn copy_at(reader: &mut Reader<'_>, known: &Known) {
    let (sink, way) = (Written(Mutex::new(Vec::new())), "RangeReader::copy_at");
    let got = reader.copy_at(&sink);
    let whole = known.chunks.iter().all(Option::is_some);
    agree(way, &got, if whole { Ok(()) } else { Err(ErrorKind::Auth) });
    let written = sink.0.into_inner().unwrap();
    if let Ok(len) = got {
        assert_eq!(usize::try_from(len), Ok(known.plaintext_len), "{way}");
        assert_eq!(written.len(), known.plaintext_len, "{way}");
        assert!(!written.contains(&FILL), "{way}: a hole");
    }
    // Whatever was written is of a chunk that opened, and at its place.
    for (index, piece) in written.chunks(CHUNK).enumerate() {
        let right =
            known.chunks[index].as_deref() == Some(piece) || piece == &FILLED[..piece.len()];
        assert!(right, "{way}: other bytes in chunk {index}");
    }
}

const FILLED: [u8; CHUNK] = [FILL; CHUNK];

/// In order, a whole object or a part; one that reaches the end opens the last chunk, also where
/// that is empty.
fn copy_range(reader: &mut Reader<'_>, known: &Known, range: std::ops::Range<usize>) {
    let (mut out, way) = (Vec::new(), "RangeReader::copy_range");
    let wide = |at: usize| u64::try_from(at).unwrap();
    let got = reader.copy_range(wide(range.start)..wide(range.end), |text| {
        out.extend_from_slice(text);
        Ok(())
    });
    let end = range.end.min(known.plaintext_len);
    let start = range.start.min(end);
    let (right, ends) = copied(known, start..end);
    same_bytes(way, &out, &right);
    assert_eq!(got.map_err(|e| e.kind()), ends.map(|()| wide(end - start)), "{way}");
}

fn copied(known: &Known, range: std::ops::Range<usize>) -> (Vec<u8>, Result<(), ErrorKind>) {
    let mut out = Vec::new();
    if !end_is_proved(known) {
        return (out, Err(ErrorKind::Auth));
    }
    if range.is_empty() && known.plaintext_len > 0 {
        return (out, Ok(()));
    }
    let last = known.chunks.len() - 1;
    let to = if range.end == known.plaintext_len { last } else { (range.end - 1) / CHUNK };
    for index in (range.start / CHUNK).min(last)..=to {
        let Some(text) = &known.chunks[index] else { return (out, Err(ErrorKind::Auth)) };
        let place = |at: usize| at.saturating_sub(index * CHUNK).min(text.len());
        out.extend_from_slice(&text[place(range.start)..place(range.end)]);
    }
    (out, Ok(()))
}
