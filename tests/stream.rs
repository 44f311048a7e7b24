//! Streams and ranges against inputs and outputs that fail, lie, or are very large.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use keystead::{
    Context, Decryptor, EncryptOptions, Encryptor, Error, ErrorKind, Expected, Keys, MasterKey,
    Progress, PushDecryptor, PushEncryptor, RangeReader, SealedHeader, Threads,
};

fn keys() -> Keys {
    Keys::from(MasterKey::generate().unwrap())
}

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i % 253).unwrap()).collect()
}

fn io_class(error: io::Error) -> ErrorKind {
    Error::from_io(error).kind()
}

/// One byte at a time, and an interruption before each.
struct Slow<'a>(&'a [u8], bool);

impl Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = out.len().min(1).min(self.0.len());
        self.0.read(&mut out[..len])
    }
}

#[test]
fn short_reads_and_interruptions_change_nothing() {
    let (keys, context) = (keys(), Context::new());
    let plain = text(40_000);
    let object = keystead::encrypt(&keys.recipients(), &plain, &context).unwrap();
    let mut out = Vec::new();
    let mut reader = Decryptor::new(Slow(&object, false), &keys, &context).unwrap();
    reader.read_to_end(&mut out).unwrap();
    assert_eq!(out, plain);
}

/// A decryptor that is pushed to repeats its error for all that follows, also for bytes that
/// complete no chunk: they were once taken as if nothing had happened.
#[test]
fn a_failed_push_repeats_its_error() {
    let (keys, context) = (keys(), Context::new());
    let mut object = keystead::encrypt(&keys.recipients(), &text(40_000), &context).unwrap();
    let sealed = SealedHeader::parse(&object).unwrap();
    object[sealed.len() + 56 + 16_400] ^= 1;
    let header = sealed.unwrap(&keys, &context).unwrap();
    let body = &object[sealed.len()..];
    let mut opener = PushDecryptor::from_header(&header);
    let mut out = Vec::new();
    for pushed in [body, b"more", b"", &body[..16_400]] {
        let error = push_all(&mut opener, &keys, pushed, &mut out).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth, "{} bytes", pushed.len());
        assert_eq!(out, text(16_384), "the chunk before it, and no more");
    }
    assert_eq!(opener.finish().unwrap_err().kind(), ErrorKind::Auth);
}

/// Pushes at least once, also where there are no bytes.
fn push_all(
    opener: &mut PushDecryptor,
    keys: &Keys,
    mut piece: &[u8],
    out: &mut Vec<u8>,
) -> keystead::Result<()> {
    loop {
        match opener.push(&mut piece)? {
            Progress::Header(header) => {
                assert!(matches!(opener.push(&mut &b"x"[..]), Err(Error::Usage(_))));
                opener.continue_with(&header.unwrap(keys, Context::unchecked())?)?;
            }
            Progress::Plaintext(text) => out.extend_from_slice(text),
            _ => {}
        }
        if piece.is_empty() {
            return Ok(());
        }
    }
}

/// From the first byte of the header on, in pieces of any size, both ways.
#[test]
fn objects_are_pushed_in_pieces_of_any_size() {
    let (keys, context) = (keys(), Context::new());
    let recipients = keys.recipients();
    for len in [0, 1, 16_383, 16_384, 16_385, 40_000] {
        let options = EncryptOptions::new().plaintext_len(u64::try_from(len).unwrap());
        for size in [1, 9, 1_000, 100_000] {
            let mut sealer = PushEncryptor::new(&recipients, &context, &options).unwrap();
            let (plain, mut object) = (text(len), Vec::new());
            for mut piece in plain.chunks(size) {
                while !piece.is_empty() {
                    object.extend_from_slice(sealer.push(&mut piece).unwrap());
                }
            }
            let made = sealer.finish().unwrap();
            object.extend(made.out);
            assert_eq!(made.len, u64::try_from(object.len()).unwrap());
            assert_eq!(keystead::decrypt(&keys, &object, &context).unwrap(), plain);

            let (mut opener, mut out) = (PushDecryptor::new(), Vec::new());
            for piece in object.chunks(size) {
                push_all(&mut opener, &keys, piece, &mut out).unwrap();
            }
            assert_eq!(opener.info().unwrap().floor, made.floor);
            out.extend(opener.finish().unwrap());
            assert_eq!(out, plain);
        }
    }
}

/// Without its end, nothing is whole; and nothing that is refused is accepted later.
#[test]
fn a_cut_push_is_an_error_of_its_class() {
    let (keys, context) = (keys(), Context::new());
    let object = keystead::encrypt(&keys.recipients(), &text(20_000), &context).unwrap();
    let header = SealedHeader::parse(&object).unwrap().len();
    for cut in [0, 8, header - 1, header, header + 55, header + 56, object.len() - 1] {
        let mut opener = PushDecryptor::new();
        push_all(&mut opener, &keys, &object[..cut], &mut Vec::new()).unwrap();
        let class = if cut < header { ErrorKind::Format } else { ErrorKind::Auth };
        assert_eq!(opener.finish().unwrap_err().kind(), class, "{cut}");
    }
    for place in [0, 5, header - 1, header + 50] {
        let mut bad = object.clone();
        bad[place] ^= 1;
        let mut opener = PushDecryptor::new();
        let first = push_all(&mut opener, &keys, &bad, &mut Vec::new()).unwrap_err();
        let again = push_all(&mut opener, &keys, b"", &mut Vec::new()).unwrap_err();
        // What the caller's keys do not open waits for a header that they do.
        let waits = matches!(again, Error::Usage(_));
        assert!(waits || again.kind() == first.kind(), "{place}: {again}");
        assert!(opener.finish().is_err());
    }
}

/// A writer with room for so many bytes.
#[derive(Debug)]
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let len = bytes.len().min(self.0);
        self.0 -= len;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failed_write_ends_the_object() {
    let (keys, context) = (keys(), Context::new());
    assert!(Encryptor::new(Full(100), &keys.recipients(), &context).is_err());
    let mut out = Encryptor::new(Full(20_000), &keys.recipients(), &context).unwrap();
    let error = out.write_all(&text(40_000)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(out.write(b"more").is_err());
    assert_eq!(out.finish().unwrap_err().kind(), ErrorKind::Io);
}

/// An error of the library's own comes through readers and writers with its class.
#[test]
fn errors_keep_their_class_on_the_way() {
    struct Limited;
    impl Read for Limited {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(Error::Limit("a limit of the caller".into()).into())
        }
    }
    let refused = Decryptor::new(Limited, &keys(), Context::unchecked());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Limit);
}

/// R34: an object without `finish` does not decrypt, wherever it stopped.
#[test]
fn an_unfinished_object_does_not_decrypt() {
    let (keys, context) = (keys(), Context::new());
    for len in [0, 1, 16_384, 32_768, 40_000] {
        let mut file = Vec::new();
        let mut out = Encryptor::new(&mut file, &keys.recipients(), &context).unwrap();
        out.write_all(&text(len)).unwrap();
        drop(out);
        let error = keystead::decrypt(&keys, &file, &context).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth, "{len}");
    }
}

/// R32: a stated length is kept, or there is no object.
#[test]
fn a_stated_length_is_a_promise() {
    let (keys, context) = (keys(), Context::new());
    let options = EncryptOptions::new().plaintext_len(20_000);
    let begin =
        || Encryptor::with_options(Vec::new(), &keys.recipients(), &context, &options).unwrap();
    let mut exact = begin();
    exact.write_all(&text(20_000)).unwrap();
    let made = exact.finish().unwrap();
    let object = made.out;
    assert_eq!(made.len, u64::try_from(object.len()).unwrap());
    assert_eq!(keystead::decrypt(&keys, &object, &context).unwrap(), text(20_000));
    let mut short = begin();
    short.write_all(&text(19_999)).unwrap();
    assert_eq!(short.finish().unwrap_err().kind(), ErrorKind::Usage);
    let mut long = begin();
    let error = long.write_all(&text(20_001)).unwrap_err();
    assert_eq!(Error::from_io(error).kind(), ErrorKind::Usage);
    assert_eq!(long.finish().unwrap_err().kind(), ErrorKind::Io);
    let too_long = EncryptOptions::new().plaintext_len(1 << 52);
    let refused = Encryptor::with_options(Vec::new(), &keys.recipients(), &context, &too_long);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Limit);
}

/// A stream releases the chunks before the failing one, and repeats the error.
#[test]
fn an_error_repeats() {
    let (keys, context) = (keys(), Context::new());
    let mut object = keystead::encrypt(&keys.recipients(), &text(60_000), &context).unwrap();
    let end = object.len();
    object[end - 30_000] ^= 1;
    let mut reader = Decryptor::new(&object[..], &keys, &context).unwrap();
    let mut released = Vec::new();
    let error = reader.read_to_end(&mut released).unwrap_err();
    assert_eq!(io_class(error), ErrorKind::Auth);
    assert_eq!(released, text(16_384));
    for _ in 0..3 {
        assert_eq!(io_class(reader.read(&mut [0; 8]).unwrap_err()), ErrorKind::Auth);
    }
}

/// R33: a range equals the slice, wherever it lies.
#[test]
fn ranges_equal_slices() {
    let (keys, context) = (keys(), Context::new());
    for len in [0, 1, 16_383, 16_384, 16_385, 70_000] {
        let plain = text(len);
        for stated in [false, true] {
            let mut options = EncryptOptions::new();
            if stated {
                options = options.plaintext_len(u64::try_from(len).unwrap());
            }
            let mut out =
                Encryptor::with_options(Vec::new(), &keys.recipients(), &context, &options)
                    .unwrap();
            out.write_all(&plain).unwrap();
            let object = out.finish().unwrap().out;
            let mut reader = RangeReader::new(Cursor::new(&object), &keys, &context).unwrap();
            let edges = [0, 1, 16_383, 16_384, 16_385, 32_768, 69_999, 70_000, 70_001];
            for from in edges {
                for to in edges.into_iter().filter(|to| *to >= from) {
                    let mut got = vec![0; to - from];
                    let read = reader.read_at(u64::try_from(from).unwrap(), &mut got).unwrap();
                    let want = &plain[from.min(len)..to.min(len)];
                    assert_eq!(&got[..read], want, "{len} {from}..{to}");
                }
            }
            assert_eq!(reader.read_at(u64::MAX, &mut [0; 4]).unwrap(), 0);
            let mut beyond = [1; 4];
            let past = u64::try_from(len).unwrap();
            let error = reader.read_exact_at(past, &mut beyond).unwrap_err();
            assert_eq!((error.kind(), beyond), (ErrorKind::Usage, [0; 4]));
            assert!(reader.seek(SeekFrom::End(-1 - i64::try_from(len).unwrap())).is_err());
            assert_eq!(reader.seek(SeekFrom::End(0)).unwrap(), past);
        }
    }
}

/// R33, RR-6, RR-7: damage outside a range does not matter, inside nothing comes out; a cut
/// object's end is never a fact.
/// A reader that notes the lowest place that was read.
struct Lowest<'a>(Cursor<&'a [u8]>, &'a mut u64);

impl Read for Lowest<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        *self.1 = (*self.1).min(self.0.position());
        self.0.read(out)
    }
}

impl Seek for Lowest<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn ranges_begin_with_a_header_that_was_opened_before() {
    let (keys, context) = (keys(), Context::new());
    let plain = text(40_000);
    let object = keystead::encrypt(&keys.recipients(), &plain, &context).unwrap();
    let sealed = SealedHeader::parse(&object).unwrap();
    let open = || sealed.unwrap(&keys, &context).unwrap();
    let mut lowest = u64::MAX;
    let inner = Lowest(Cursor::new(&object), &mut lowest);
    let mut reader = RangeReader::from_header(&open(), inner).unwrap();
    assert_eq!(reader.info().plaintext_len, Some(40_000));
    let mut out = Vec::new();
    reader.read_to_end(&mut out).unwrap();
    assert_eq!(out, plain);
    // The header is not read again, so the one in front of the body may be torn.
    let floor = reader.info().floor;
    drop(reader);
    assert_eq!(lowest, u64::try_from(sealed.len()).unwrap());
    let mut torn = object.clone();
    torn[..sealed.len()].fill(0xff);
    assert!(RangeReader::from_header(&open(), Cursor::new(&torn)).is_ok());
    assert!(RangeReader::new(Cursor::new(&torn), &keys, &context).is_err());
    // The body is another object's, or none.
    let other = keystead::encrypt(&keys.recipients(), &plain, &context).unwrap();
    for body in [&other[..], &object[..sealed.len() + 55], &object[..sealed.len()], &[]] {
        let refused = RangeReader::from_header(&open(), Cursor::new(body));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Auth);
    }
    let floor = keystead::Floor { generation: 1, ..floor };
    let header = sealed.unwrap(&keys, context.included().not_before(floor)).unwrap();
    let refused = RangeReader::from_header(&header, Cursor::new(&object));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Rollback);
}

#[test]
fn ranges_see_only_their_chunks() {
    let (keys, context) = (keys(), Context::new());
    let mut out = Encryptor::new(Vec::new(), &keys.recipients(), &context).unwrap();
    out.write_all(&text(60_000)).unwrap();
    let object = out.finish().unwrap().out;
    let front = object.len() - 60_000 - 4 * 16;
    let mut damaged = object.clone();
    damaged[front + 16_400 + 5] ^= 1;
    let mut reader = RangeReader::new(Cursor::new(&damaged), &keys, &context).unwrap();
    let mut bytes = [0; 100];
    reader.read_exact_at(0, &mut bytes).unwrap();
    reader.read_exact_at(40_000, &mut bytes).unwrap();
    let mut across = [9; 100];
    assert_eq!(reader.read_at(16_350, &mut across).unwrap_err().kind(), ErrorKind::Auth);
    assert_eq!(across[..34], [0; 34]);
    reader.read_exact_at(0, &mut bytes).unwrap();

    // Cut so that the length is one that a plaintext can have.
    let cut = &object[..front + 2 * 16_400 + 500];
    let mut reader = RangeReader::new(Cursor::new(cut), &keys, &context).unwrap();
    reader.read_exact_at(0, &mut bytes).unwrap();
    assert_eq!(reader.verified_len().unwrap_err().kind(), ErrorKind::Auth);
    assert!(reader.seek(SeekFrom::End(0)).is_err());
    let mut tail = [0; 1_000];
    assert_eq!(reader.read_at(32_800, &mut tail).unwrap_err().kind(), ErrorKind::Auth);
    // With a stated length the cut is seen at once.
    let whole = keystead::encrypt(&keys.recipients(), &text(60_000), &context).unwrap();
    let cut = &whole[..whole.len() - 16_400];
    let refused = RangeReader::new(Cursor::new(cut), &keys, &context);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Auth);
}

/// A source of 1 PiB that holds one true chunk, far behind 2^32.
struct Sparse {
    front: Vec<u8>,
    chunk: Vec<u8>,
    chunk_at: u64,
    len: u64,
    position: u64,
}

impl Read for Sparse {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < out.len() && self.position < self.len {
            let at = usize::try_from(self.position).unwrap();
            let in_chunk = self.position.checked_sub(self.chunk_at);
            let in_chunk = in_chunk.and_then(|at| usize::try_from(at).ok());
            out[filled] = self.front.get(at).copied().unwrap_or_else(|| {
                in_chunk.and_then(|at| self.chunk.get(at).copied()).unwrap_or(0)
            });
            filled += 1;
            self.position += 1;
        }
        Ok(filled)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.len.checked_add_signed(by).unwrap(),
            SeekFrom::Current(by) => self.position.checked_add_signed(by).unwrap(),
        };
        Ok(self.position)
    }
}

/// SG-13, R30, R31: chunk numbers above 2^32 have the nonce of their place; above 2^38 there are
/// none.
#[cfg(feature = "hazmat")]
#[test]
fn chunk_numbers_do_not_wrap() {
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    use ring::hkdf::{HKDF_SHA512, KeyType, Prk};
    struct L(usize);
    impl KeyType for L {
        fn len(&self) -> usize {
            self.0
        }
    }
    let (keys, context) = (keys(), Context::new());
    let out = Encryptor::new(Vec::new(), &keys.recipients(), &context).unwrap();
    let object = out.finish().unwrap().out;
    let header = SealedHeader::parse(&object).unwrap();
    let opened = header.unwrap(&keys, &context).unwrap();
    let data_key = keystead::hazmat::expose_data_key(&opened);
    let prefix = &object[header.len()..header.len() + 56];
    let info = [
        &b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"[..],
        &prefix[..24],
        opened.statement_hash(),
    ];
    let mut okm = [0; 76];
    Prk::new_less_safe(HKDF_SHA512, &*data_key)
        .expand(&info, L(76))
        .unwrap()
        .fill(&mut okm)
        .unwrap();
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &okm[..32]).unwrap());
    for index in [(1_u64 << 32) - 1, 1 << 32, (1 << 32) + 1, (1 << 36) + 5] {
        let mut nonce: [u8; 12] = okm[32..44].try_into().unwrap();
        nonce[4..].iter_mut().zip(index.to_be_bytes()).for_each(|(n, i)| *n ^= i);
        let mut chunk = text(16_384);
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut chunk)
            .unwrap();
        let start = u64::try_from(header.len()).unwrap() + 56;
        let source = Sparse {
            front: object[..header.len() + 56].to_vec(),
            chunk,
            chunk_at: start + index * 16_400,
            len: start + (index + 10) * 16_400 + 16,
            position: 0,
        };
        let mut reader = RangeReader::new(source, &keys, &context).unwrap();
        let mut bytes = [0; 64];
        reader.read_exact_at(index * 16_384 + 100, &mut bytes).unwrap();
        assert_eq!(bytes, text(16_384)[100..164]);
        let elsewhere = reader.read_exact_at((index + 1) * 16_384, &mut bytes);
        assert_eq!(elsewhere.unwrap_err().kind(), ErrorKind::Auth);
    }
    let start = u64::try_from(header.len()).unwrap() + 56;
    let above = Sparse {
        front: object[..header.len() + 56].to_vec(),
        chunk: Vec::new(),
        chunk_at: u64::MAX,
        len: start + (1 << 38) * 16_400 + 16,
        position: 0,
    };
    let refused = RangeReader::new(above, &keys, &context);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Limit);
}

/// RX-1, RX-3: a header that claims to be long costs what was read of it, not what it claims.
#[test]
fn header_bombs_are_bounded() {
    struct Endless(u64);
    impl Read for Endless {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.0 += u64::try_from(out.len()).unwrap();
            out.fill(0);
            Ok(out.len())
        }
    }
    let keys = keys();
    let preamble = |units: u16| [&b"\x8bKST\n\x01\x01"[..], &units.to_be_bytes()].concat();
    for (units, class) in [
        (8_193, ErrorKind::Limit),
        (u16::MAX, ErrorKind::Limit),
        (0, ErrorKind::Format),
        (8_192, ErrorKind::Format),
    ] {
        let front = preamble(units);
        let mut endless = Endless(0);
        let input = (&front[..]).chain(&mut endless);
        let error = Decryptor::new(input, &keys, Context::unchecked()).unwrap_err();
        assert_eq!(error.kind(), class, "{units}");
        assert!(endless.0 <= 65_536);
    }
}

/// What the caller's own `take` returned does not become an authentication failure.
#[test]
fn an_error_of_take_says_nothing_of_the_object() {
    let keys = Keys::from(MasterKey::generate().unwrap());
    let object = keystead::encrypt(&keys.recipients(), &vec![7; 100_000], &Context::new()).unwrap();
    for threads in [1, 3] {
        let context = Context::new();
        let expected = Expected::from(&context).threads(Threads::new(threads));
        let mut reader = Decryptor::new(&object[..], &keys, expected).unwrap();
        let stop = |_: &[u8]| Err(Error::Cancelled);
        let stopped = reader.copy_to(stop);
        assert!(matches!(stopped, Err(Error::Cancelled)));
        let error = Error::from_io(reader.read(&mut [0; 9]).unwrap_err());
        assert!(matches!(error, Error::Io(_)), "{error}");
    }
}

/// A reader that panicked is not taken for a tampered object.
#[test]
fn a_panic_of_the_reader_is_no_authentication_failure() {
    struct Panics<'a>(&'a [u8], bool);
    impl Read for Panics<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            assert!(self.1 || self.0.len() > 30_000, "as it should");
            self.0.read(out)
        }
    }
    let keys = Keys::from(MasterKey::generate().unwrap());
    let object = keystead::encrypt(&keys.recipients(), &vec![7; 100_000], &Context::new()).unwrap();
    let inner = Panics(&object, false);
    let mut reader = Decryptor::new(inner, &keys, &Context::new()).unwrap();
    let mut out = Vec::new();
    let panicked = std::panic::AssertUnwindSafe(|| reader.read_to_end(&mut out).is_ok());
    assert!(std::panic::catch_unwind(panicked).is_err());
    let error = Error::from_io(reader.read(&mut [0; 9]).unwrap_err());
    assert!(matches!(error, Error::Io(_)), "{error}");
}
