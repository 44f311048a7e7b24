//! Opens objects from files, pipes and armor, and explains why one does not open.

use std::fs::File;
use std::io::{self, Chain, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use keystead::{
    Decryptor, Detail, Error, ErrorKind, Expected, KeyId, Keys, MasterKey, ObjectInfo, RangeReader,
    ReadAt, RecordInspection, SealedHeader,
};

use crate::cancel;
use crate::failure::{Failure, Result};
use crate::input::{Input, OpenInput, Reader, read_full};
use crate::keys;
use crate::mangled;
use crate::opening_keys::OpeningKeys;
use crate::platform::FileId;
use crate::report::shown;
use crate::sidefile;
use crate::sniff;

/// Bytes for white space and a begin line (SPEC R45).
const ARMOR_START: usize = 1_100;
/// Armor is checked whole before it is opened, so it is held in memory.
pub(crate) const MAX_ARMOR: u64 = 256 * 1024 * 1024;
/// How an object begins (SPEC R4).
pub(crate) const MAGIC: &[u8] = b"\x8bKST";
/// Length of salt and commitment, which follow the header.
pub(crate) const BODY_PREFIX: usize = 56;

/// A reader that can seek.
pub(crate) trait ReadSeek: Read + Seek + ReadAt {}
impl<T: Read + Seek + ReadAt> ReadSeek for T {}

/// An object that is not opened yet.
pub(crate) struct Object {
    /// Its name in messages.
    pub(crate) name: String,
    /// Length of the binary object, where it is known.
    pub(crate) len: Option<u64>,
    pub(crate) id: Option<FileId>,
    /// When its file was last written.
    pub(crate) modified: Option<SystemTime>,
    pub(crate) armored: bool,
    /// Its first bytes: the header, salt and commitment, as far as they exist.
    pub(crate) prefix: Vec<u8>,
    bytes: Bytes,
}

enum Bytes {
    File(PathBuf, File),
    Memory(Vec<u8>),
    /// The bytes after the prefix.
    Stream(Reader),
}

/// The plaintext of an object whose header and commitment have verified.
pub(crate) enum Plaintext {
    Seekable(RangeReader<Box<dyn ReadSeek>>),
    Stream(Decryptor<Chain<Cursor<Vec<u8>>, Reader>>),
}

impl Plaintext {
    pub(crate) const fn info(&self) -> &ObjectInfo {
        match self {
            Self::Seekable(reader) => reader.info(),
            Self::Stream(reader) => reader.info(),
        }
    }

    /// Returns its length, where that is known before all of it is read: of a file by its last
    /// chunk, of a stream by its statement.
    pub(crate) fn len(&mut self) -> keystead::Result<Option<u64>> {
        match self {
            Self::Seekable(reader) => reader.verified_len().map(Some),
            Self::Stream(reader) => Ok(reader.info().plaintext_len),
        }
    }

    /// Passes the whole plaintext to `take`, in order. Returns its length when the end has
    /// verified.
    pub(crate) fn copy_to(
        &mut self,
        take: impl FnMut(&[u8]) -> keystead::Result<()> + Send,
    ) -> keystead::Result<u64> {
        match self {
            Self::Seekable(reader) => reader.copy_range(0..u64::MAX, take),
            Self::Stream(reader) => reader.copy_to(take),
        }
    }
}

impl Object {
    pub(crate) fn open(input: &Input) -> Result<Self> {
        Self::of(input, Self::open_input(input)?)
    }

    /// Opens an input without reading from it.
    pub(crate) fn open_input(input: &Input) -> Result<OpenInput> {
        input.open().map_err(|failure| suggest_object(input, failure))
    }

    /// Reads the start of an opened input.
    pub(crate) fn of(input: &Input, opened: OpenInput) -> Result<Self> {
        let name = input.shown();
        let OpenInput { mut reader, len, id, modified, .. } = opened;
        let failed = |error| Failure::at(&name, Error::from_io(error));
        let mut prefix = read_start(&mut reader).map_err(failed)?;
        if keystead::is_armored(&prefix) {
            // Armor is read whole before it is parsed.
            cancel::listen()?;
            let start = prefix.clone();
            let object = read_armor(&mut prefix, &mut reader, len);
            let object = object.map_err(|error| explain_parse_failure(&name, error, &start))?;
            let len = u64::try_from(object.len()).ok();
            let prefix = object[..object.len().min(prefix_len(&object))].to_vec();
            return Ok(Self {
                name,
                len,
                id,
                modified,
                armored: true,
                prefix,
                bytes: Bytes::Memory(object),
            });
        }
        read_header(&mut reader, &mut prefix).map_err(failed)?;
        let bytes = match (reader, input.path()) {
            (Reader::Regular(file), Some(path)) => Bytes::File(path.to_owned(), file),
            (reader, _) => Bytes::Stream(reader),
        };
        Ok(Self { name, len, id, modified, armored: false, prefix, bytes })
    }

    /// Returns whether the input does not begin like an object.
    pub(crate) fn is_foreign(&self) -> bool {
        !self.armored && !self.prefix.starts_with(MAGIC)
    }

    /// Fails for a key file under a passphrase. With other keys it would no longer be a key file.
    pub(crate) fn refuse_key_file(&self) -> Result<()> {
        if !keys::is_key_object(&self.prefix) {
            return Ok(());
        }
        Err(Failure::usage(format!("{}: a key file under a passphrase", self.name))
            .hint("`keystead key passphrase FILE` gives it another passphrase"))
    }

    /// Returns whether it can be read at any offset.
    pub(crate) const fn is_seekable(&self) -> bool {
        !matches!(self.bytes, Bytes::Stream(_))
    }

    /// Opens the plaintext, using the side header where needed.
    pub(crate) fn plaintext(self, keys: &OpeningKeys, expected: Expected<'_>) -> Result<Plaintext> {
        if self.is_seekable() {
            return self.range_reader(keys, expected).map(Plaintext::Seekable);
        }
        let Self { name, prefix, bytes: Bytes::Stream(rest), .. } = self else {
            return Err(Failure::usage("an object is a file or a stream"));
        };
        let start = prefix.clone();
        let failed = |error| keys.explain(&name, error, &start);
        let mut object = Cursor::new(prefix).chain(rest);
        let sealed = SealedHeader::read_from(&mut object).map_err(failed)?;
        let header = keys.try_open(&start, |keys| sealed.unwrap(keys, expected))?;
        let opened = header.and_then(|header| Decryptor::from_header(&header, object));
        opened.map(Plaintext::Stream).map_err(failed)
    }

    /// Opens the plaintext for reads at any offset. Only for objects that are
    /// [`is_seekable`](Self::is_seekable).
    pub(crate) fn range_reader(
        self,
        keys: &OpeningKeys,
        expected: Expected<'_>,
    ) -> Result<RangeReader<Box<dyn ReadSeek>>> {
        let Self { name, prefix, bytes, .. } = self;
        let opened = match bytes {
            Bytes::File(path, file) => {
                let open = |keys: &Keys| {
                    sidefile::open_object(&path, &file, &prefix, |overlay| {
                        let header = SealedHeader::parse(overlay.head())?.unwrap(keys, expected)?;
                        RangeReader::from_header(&header, seekable(overlay))
                    })
                };
                let mut opened = keys.try_open(&prefix, open)?;
                if opened.is_err() && keys.has_locked() && sidefile::exists(&path) {
                    // The side header may name other keys.
                    keys.ask_all()?;
                    opened = keys.try_open(&prefix, open)?;
                }
                opened.map(|(opened, _)| opened)
            }
            Bytes::Memory(object) => {
                let header = keys.try_open(&prefix, |keys| {
                    SealedHeader::parse(&object)?.unwrap(keys, expected)
                })?;
                header.and_then(|header| {
                    RangeReader::from_header(&header, seekable(Cursor::new(object)))
                })
            }
            Bytes::Stream(_) => Err(Error::Io(io::ErrorKind::NotSeekable.into())),
        };
        opened.map_err(|error| keys.explain(&name, error, &prefix))
    }

    /// Returns its path and file; nothing for pipes and armor.
    pub(crate) fn into_file(self) -> Option<(PathBuf, File)> {
        match self.bytes {
            Bytes::File(path, file) => Some((path, file)),
            Bytes::Memory(_) | Bytes::Stream(_) => None,
        }
    }

    /// Returns the binary object from armor.
    pub(crate) fn into_memory(self) -> Option<Vec<u8>> {
        match self.bytes {
            Bytes::Memory(object) => Some(object),
            Bytes::File(..) | Bytes::Stream(_) => None,
        }
    }
}

/// Adds a hint where the name of the plaintext was given instead of the object's.
pub(crate) fn suggest_object(input: &Input, failure: Failure) -> Failure {
    let Input::File(path) = input else { return failure };
    let mut object = path.as_os_str().to_owned();
    object.push(".ks");
    if !path.exists() && Path::new(&object).exists() {
        return failure.hint(format!("is it {}?", shown(Path::new(&object))));
    }
    failure
}

fn seekable(reader: impl ReadSeek + 'static) -> Box<dyn ReadSeek> {
    Box::new(reader)
}

/// Reads enough bytes to tell an object, armored or not, from anything else.
pub(crate) fn read_start(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut start = vec![0; ARMOR_START];
    let read = read_full(reader, &mut start)?;
    start.truncate(read);
    Ok(start)
}

/// Reads on to the end of the header, salt and commitment, as far as they exist.
pub(crate) fn read_header(reader: &mut impl Read, start: &mut Vec<u8>) -> io::Result<()> {
    let (have, wanted) = (start.len(), prefix_len(start));
    if wanted > have {
        start.resize(wanted, 0);
        let read = read_full(reader, &mut start[have..])?;
        start.truncate(have + read);
    }
    Ok(())
}

/// Returns the length of the header, salt and commitment.
fn prefix_len(start: &[u8]) -> usize {
    sidefile::stated_len(start).map_or(0, |len| len + BODY_PREFIX)
}

/// Reads armor that starts with `text` and has `len` bytes, where that is known. Returns the
/// object, which reuses the memory of the text.
fn read_armor(
    text: &mut Vec<u8>,
    rest: &mut Reader,
    len: Option<u64>,
) -> keystead::Result<Vec<u8>> {
    check_armor(len.unwrap_or(0))?;
    let known = len.and_then(|len| usize::try_from(len).ok());
    reserve_memory(text, known.unwrap_or(0).saturating_sub(text.len()))?;
    loop {
        let have = text.len();
        if have == text.capacity() {
            reserve_memory(text, (have / 4).max(ARMOR_PART))?;
        }
        let part = (text.capacity() - have).min(ARMOR_PART);
        text.resize(have + part, 0);
        let read = read_full(rest, &mut text[have..])?;
        text.truncate(have + read);
        check_armor(u64::try_from(text.len()).unwrap_or(u64::MAX))?;
        if read < part {
            return keystead::dearmor(std::mem::take(text));
        }
    }
}

fn check_armor(len: u64) -> keystead::Result<()> {
    if len <= MAX_ARMOR {
        return Ok(());
    }
    Err(Error::Limit(Detail::new("armored text above 256 MiB").hint(BINARY)))
}

fn reserve_memory(text: &mut Vec<u8>, more: usize) -> keystead::Result<()> {
    text.try_reserve_exact(more).map_err(|_| {
        let len = text.len().saturating_add(more);
        let what = format!("armored text asks for {len} bytes of memory; there is not as much");
        Error::Limit(Detail::new(what).hint(BINARY))
    })
}

const BINARY: &str = "large objects are kept binary, without --armor";
/// Bytes of text read at a time.
const ARMOR_PART: usize = 1_048_576;

/// Adds a hint to an error of opening: which keys open the object, or what the input is instead.
pub(crate) fn explain_open_failure(
    name: &str,
    error: Error,
    prefix: &[u8],
    keys: &Keys,
) -> Failure {
    let failure = explain_parse_failure(name, error, prefix);
    match failure.class {
        ErrorKind::NoKey => failure.hint(describe_keys(prefix, keys)),
        ErrorKind::Context => failure.or_hint(describe_context(prefix)),
        _ => failure,
    }
}

/// Adds a hint to an error of parsing: what the input is instead.
pub(crate) fn explain_parse_failure(name: &str, error: Error, start: &[u8]) -> Failure {
    let failure = Failure::at(name, error);
    let binary = start.starts_with(MAGIC);
    let armor = start.trim_ascii_start().starts_with(mangled::BEGIN);
    // A binary object may hold such text in its context.
    let mangled = if binary { None } else { mangled::hint_for(start) };
    match (failure.class, mangled) {
        // What a mail program did to armor is more than what the library says of the first bad line.
        (ErrorKind::Format, Some(hint)) => failure.hint(hint),
        (ErrorKind::Format, None) if armor || binary => {
            failure.or_hint("it was damaged or truncated: get it again from its source")
        }
        (ErrorKind::Format, None) => failure.or_hint(sniff::hint_for(start)),
        (ErrorKind::Limit, _) => {
            failure.or_hint("no keystead makes such an object: ask who made it")
        }
        _ => failure,
    }
}

/// Describes the keys that open an object, for a user who gave other keys.
fn describe_keys(prefix: &[u8], keys: &Keys) -> String {
    let Ok(inspection) = keystead::inspect(prefix, None) else {
        return "try another key".to_owned();
    };
    let is_named =
        |key: &&MasterKey| inspection.records.iter().any(|record| record.key_id == Some(key.id()));
    let given = keys.iter().find(is_named);
    match given {
        // A key that fits is skipped only because of --require-holder.
        Some(key) => format!(
            "{} opens it, but anyone with its public key can have made it (--require-holder)",
            key.id()
        ),
        None => {
            let has_passphrase =
                keys.iter().any(|key| key.kind() == keystead::RecordKind::Passphrase);
            list_ways(&inspection.records, has_passphrase)
        }
    }
}

/// Ids of one kind that a hint lists at most.
const MAX_IDS: usize = 4;

/// Returns one line about all records: those of one kind are counted, and their first ids listed.
fn list_ways(records: &[RecordInspection], has_passphrase: bool) -> String {
    let mut kinds: Vec<(&str, Vec<Option<KeyId>>)> = Vec::new();
    for record in records {
        let group = kinds.iter_mut().find(|(kind, ids)| {
            *kind == record.kind && ids.iter().all(|id| id.is_some() == record.key_id.is_some())
        });
        match group {
            Some((_, ids)) => ids.push(record.key_id),
            None => kinds.push((record.kind, vec![record.key_id])),
        }
    }
    let cut = kinds.iter().any(|(_, ids)| ids.len() > MAX_IDS && ids[0].is_some());
    let ways: Vec<_> = kinds
        .into_iter()
        .map(|(kind, ids)| match kind {
            "passphrase" if has_passphrase => "another passphrase".to_owned(),
            "passphrase" => "a passphrase (-p)".to_owned(),
            "unknown" => "a kind of key that this version does not know".to_owned(),
            kind => describe_kind(kind, &ids),
        })
        .collect();
    let all = if cut { "; `keystead inspect` lists all" } else { "" };
    format!("it opens with {}{all}", ways.join(", or "))
}

/// Describes the records of one kind, all of them with an id or all without.
fn describe_kind(kind: &str, ids: &[Option<KeyId>]) -> String {
    let count = ids.len();
    let listed: Vec<_> = ids.iter().flatten().take(MAX_IDS).map(KeyId::to_string).collect();
    match (&*listed, count) {
        ([], 1) => format!("an anonymous {kind} key"),
        ([], count) => format!("one of {count} anonymous {kind} keys"),
        ([id], 1) => format!("{kind} key {id}"),
        (ids, count) => {
            let ids = ids.join(", ");
            let more = match count.saturating_sub(MAX_IDS) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("one of {count} {kind} keys ({ids}{more})")
        }
    }
}

fn describe_context(prefix: &[u8]) -> String {
    let context = keystead::inspect(prefix, None).map(|inspection| inspection.context);
    match context {
        Ok(context) if context.is_empty() => "it has none".to_owned(),
        Ok(context) => {
            let pairs: Vec<_> = context.iter().map(|(n, v)| format!("{n}={v}")).collect();
            format!("it has {}", pairs.join(", "))
        }
        Err(_) => "`keystead inspect` shows it".to_owned(),
    }
}
