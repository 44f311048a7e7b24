//! Ranges whose ciphertext the caller fetches: `Layout` and `RangeOpener` (SPEC R32, R33).

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::ops::Range;

use keystead::{
    Changes, Context, EncryptOptions, Encryptor, ErrorKind, Keys, Layout, MasterKey, RangeOpener,
    Recipients, SealedHeader,
};

const LENGTHS: [usize; 8] = [0, 1, 16_383, 16_384, 16_385, 32_768, 50_000, 70_001];

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

fn number(len: usize) -> u64 {
    u64::try_from(len).unwrap()
}

fn part(object: &[u8], range: Range<u64>) -> &[u8] {
    &object[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

struct Case {
    keys: Keys,
    object: Vec<u8>,
    header_len: usize,
}

impl Case {
    fn new(len: usize, stated: bool) -> Self {
        let key = MasterKey::generate().unwrap();
        let recipients = Recipients::from(&key);
        let options = EncryptOptions::new();
        let options = if stated { options.plaintext_len(number(len)) } else { options };
        let mut out =
            Encryptor::with_options(Vec::new(), &recipients, &Context::new(), &options).unwrap();
        std::io::Write::write_all(&mut out, &text(len)).unwrap();
        let object = out.finish().unwrap().out;
        let header_len = SealedHeader::parse(&object).unwrap().len();
        Self { keys: key.into(), object, header_len }
    }

    fn opener(&self) -> keystead::Result<RangeOpener> {
        let header = SealedHeader::parse(&self.object)?.unwrap(&self.keys, &Context::new())?;
        let prefix = self.object[header.len()..].first_chunk().unwrap();
        header.opener(prefix, number(self.object.len()), None)
    }
}

fn kind<T: std::fmt::Debug>(result: keystead::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn ranges(len: usize) -> impl Iterator<Item = Range<usize>> {
    let ends = [0, 1, 100, 16_383, 16_384, 16_385, 32_768, 40_000, len];
    ends.into_iter().flat_map(move |start| ends.into_iter().map(move |end| start..end))
}

#[test]
fn a_layout_says_where_everything_is() {
    for len in LENGTHS {
        let case = Case::new(len, true);
        let layout = Layout::of_plaintext(case.header_len, number(len)).unwrap();
        assert_eq!(layout.object_len(), number(case.object.len()), "{len}");
        assert_eq!(Layout::of_object(case.header_len, layout.object_len()).unwrap(), layout);
        assert_eq!(layout.plaintext_len(), number(len));
        let front = number(case.header_len);
        assert_eq!(layout.prefix(), front..front + 56);
        assert_eq!(layout.last_chunk().end, layout.object_len());
        // An empty last chunk holds no byte of any range.
        let empty = if len % 16_384 == 0 && len > 0 { 16 } else { 0 };
        assert_eq!(layout.sealed(0..u64::MAX).end, layout.object_len() - empty, "{len}");
    }
    assert_eq!(kind(Layout::of_object(168, 200)), ErrorKind::Auth);
    assert_eq!(kind(Layout::of_plaintext(168, 1 << 52)), ErrorKind::Limit);
}

#[test]
fn every_range_opens_from_its_own_bytes() {
    for (len, stated) in LENGTHS.into_iter().flat_map(|len| [(len, true), (len, false)]) {
        let case = Case::new(len, stated);
        let opener = case.opener().unwrap();
        let last = part(&case.object, opener.layout().last_chunk());
        for confirmed in [false, true] {
            if confirmed {
                opener.confirm_end(last).unwrap();
            }
            assert_eq!(opener.is_end_verified(), stated || confirmed);
            for range in ranges(len) {
                let wanted = number(range.start)..number(range.end);
                let sealed = opener.layout().sealed(wanted.clone());
                let mut out = vec![0xaa; range.len()];
                let opened = if range.start <= range.end {
                    opener.open(wanted, part(&case.object, sealed), &mut out)
                } else {
                    opener.open(wanted, &[], &mut out)
                };
                let known = opener.is_end_verified() || range.end < len;
                if range.start <= range.end && range.end <= len && known {
                    opened.unwrap();
                    assert_eq!(out, text(len)[range], "{len}");
                } else {
                    assert_eq!(kind(opened), ErrorKind::Usage, "{len} {range:?}");
                }
            }
        }
    }
}

/// Damage in the last of several chunks leaves nothing of the others.
#[test]
fn a_changed_chunk_leaves_no_plaintext() {
    let case = Case::new(50_000, true);
    let opener = case.opener().unwrap();
    let sealed = part(&case.object, opener.layout().sealed(10..40_000)).to_vec();
    for at in [0, 16_400, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        let mut out = vec![0xaa; 39_990];
        assert_eq!(kind(opener.open(10..40_000, &changed, &mut out)), ErrorKind::Auth);
        assert!(out.iter().all(|byte| *byte == 0), "{at}");
    }
    let mut out = vec![0; 39_990];
    let short = &sealed[..sealed.len() - 1];
    assert_eq!(kind(opener.open(10..40_000, short, &mut out)), ErrorKind::Usage);
    assert_eq!(kind(opener.open(10..40_000, &sealed, &mut out[1..])), ErrorKind::Usage);
    // Chunks of another place.
    let other = part(&case.object, opener.layout().sealed(16_394..49_152));
    assert_eq!(kind(opener.open(10..32_000, other, &mut out[..31_990])), ErrorKind::Auth);
}

/// The end is asserted by the last chunk alone, and a cut object never has it.
#[test]
fn an_end_is_confirmed_by_the_last_chunk() {
    let case = Case::new(50_000, false);
    let opener = case.opener().unwrap();
    let last = part(&case.object, opener.layout().last_chunk()).to_vec();
    let mut changed = last.clone();
    changed[0] ^= 1;
    assert_eq!(kind(opener.confirm_end(&changed)), ErrorKind::Auth);
    assert_eq!(kind(opener.confirm_end(&last[1..])), ErrorKind::Usage);
    assert!(!opener.is_end_verified());
    opener.confirm_end(&last).unwrap();

    // Cut at a chunk, the object has a length that could be.
    let header = SealedHeader::parse(&case.object).unwrap();
    let header = header.unwrap(&case.keys, &Context::new()).unwrap();
    let prefix = case.object[header.len()..].first_chunk().unwrap();
    let cut = header.len() + 56 + 2 * 16_400 + 500;
    let opener = header.opener(prefix, number(cut), None).unwrap();
    let last = part(&case.object, opener.layout().last_chunk()).to_vec();
    assert_eq!(kind(opener.confirm_end(&last)), ErrorKind::Auth);
    // With a stated length, another one is refused at once.
    let case = Case::new(50_000, true);
    let header = SealedHeader::parse(&case.object).unwrap();
    let header = header.unwrap(&case.keys, &Context::new()).unwrap();
    let prefix = case.object[header.len()..].first_chunk().unwrap();
    assert_eq!(kind(header.opener(prefix, number(cut), None)), ErrorKind::Auth);
}

/// One cached header serves many readers, each with the floor of its own time.
#[test]
fn a_kept_header_is_checked_anew() {
    let case = Case::new(20_000, true);
    let header = SealedHeader::read_from(&mut &case.object[..]).unwrap();
    let header = header.unwrap(&case.keys, &Context::new()).unwrap();
    let prefix = case.object[header.len()..].first_chunk().unwrap();
    let len = number(case.object.len());
    let floor = header.opener(prefix, len, None).unwrap().info().floor;
    let other = Recipients::from(&MasterKey::generate().unwrap());
    let changes = Changes::add(&other);
    let newer = keystead::rewrap(&case.object, &case.keys, &Context::new(), &changes);
    let newer = newer.unwrap().floor;
    assert!(header.opener(prefix, len, Some(&floor)).is_ok());
    assert_eq!(kind(header.opener(prefix, len, Some(&newer))), ErrorKind::Rollback);
    let mut torn = *prefix;
    torn[30] ^= 1;
    assert_eq!(kind(header.opener(&torn, len, None)), ErrorKind::Auth);
    let shared = std::sync::Arc::new(header.opener(prefix, len, Some(&floor)).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (opener, object) = (shared.clone(), &case.object);
            scope.spawn(move || {
                let mut out = [0; 10];
                let sealed = part(object, opener.layout().sealed(5..15));
                opener.open(5..15, sealed, &mut out).unwrap();
                assert_eq!(out, text(15)[5..]);
            });
        }
    });
}
