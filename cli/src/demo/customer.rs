//! What the customer does: keys, encrypt, a range, rewrap, decrypt and compare.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::path::Path;
use std::time::Instant;

use keystead::{
    Changes, Context, Decryptor, EncryptOptions, Encryptor, Error, KeyFile, Keys, MasterKey,
    RangeReader, Recipients,
};

use super::provider::short;
use super::sandbox::{DemoFile, Sandbox, make_parent, read};
use super::step_printer::{StepResult, format_count, format_rate, format_size, surprise};
use crate::failure::{Failure, Result};
use crate::output::{Output, OutputOptions, Target};
use crate::platform::PRIVATE;
use crate::report::shown;
use crate::sidefile;

/// Bytes of the range that is read.
const RANGE: usize = 4_096;

pub(crate) fn make_keys(stage: &Sandbox) -> Result<StepResult> {
    let pair = MasterKey::generate_pair()?;
    let symmetric = MasterKey::generate()?;
    let ids = (pair.id(), symmetric.id());
    write_key(&stage.keys().join("home.key"), pair)?;
    write_key(&stage.keys().join("vault.key"), symmetric)?;
    Ok(StepResult::new(
        format!("home.key   {}  a pair (MLKEM768-X25519)", ids.0),
        "two files that only their owner reads; the provider gets neither",
    )
    .line(format!("vault.key  {}  symmetric (XAES-256-GCM)", ids.1)))
}

/// Reads the keys from their files, as any program does.
pub(crate) fn keys(stage: &Sandbox) -> Result<KeyFile> {
    let keys = read_key(&stage.keys().join("home.key"))?;
    Ok(keys.and(read_key(&stage.keys().join("vault.key"))?))
}

/// Makes the key that replaces both.
pub(crate) fn new_key(stage: &Sandbox) -> Result<KeyFile> {
    let path = stage.keys().join("new.key");
    write_key(&path, MasterKey::generate_pair()?)?;
    read_key(&path)
}

fn write_key(path: &Path, key: MasterKey) -> Result<()> {
    let text = KeyFile::from(key).expose_text()?;
    write(path, PRIVATE, |out| out.write_all(text.as_bytes()).map_err(Error::from_io))
}

fn read_key(path: &Path) -> Result<KeyFile> {
    let bytes = zeroize::Zeroizing::new(read(path)?);
    KeyFile::parse(&bytes).map_err(|error| Failure::at(&shown(path), error))
}

/// Writes a file that appears complete. It is not synced, since it is temporary.
fn write(
    path: &Path,
    mode: u32,
    fill: impl FnOnce(&mut Output) -> keystead::Result<()>,
) -> Result<()> {
    let options =
        OutputOptions { force: false, sync: false, mode, not: None, modified: None, text: true };
    let mut out = Output::open(&Target::File(path.to_owned()), options)?;
    fill(&mut out).map_err(|error| Failure::at(&shown(path), error))?;
    out.commit()
}

pub(crate) fn encrypt(stage: &Sandbox, recipients: &Recipients) -> Result<StepResult> {
    let start = Instant::now();
    let mut stored = 0;
    for item in &stage.files {
        let (from, to) = (stage.clear(item), stage.object(item));
        make_parent(&to)?;
        let mut input = File::open(&from).map_err(|error| Failure::io(&from, error))?;
        write(&to, 0o644, |out| {
            let options = EncryptOptions::new().plaintext_len(item.len);
            let mut sealed = Encryptor::with_options(out, recipients, &place(item), &options)?;
            io::copy(&mut input, &mut sealed).map_err(Error::from_io)?;
            sealed.finish().map(|_| ())
        })?;
        stored += to.metadata().map_err(|error| Failure::io(&to, error))?.len();
    }
    let (took, total) = (start.elapsed(), stage.total());
    let files = u64::try_from(stage.files.len()).unwrap_or(1).max(1);
    Ok(StepResult::new(
        format!(
            "{} became {} ({}); {} more a file, for two ways in",
            format_size(total),
            format_size(stored),
            format_rate(total, took),
            format_size(stored.saturating_sub(total) / files),
        ),
        "either key opens each object, and each says where it belongs",
    ))
}

/// Returns the context of a file: its path.
pub(crate) fn place(item: &DemoFile) -> Context {
    Context::from([("path", item.name.as_str())])
}

pub(crate) fn read_range(stage: &Sandbox, keys: &Keys) -> Result<StepResult> {
    let item = largest(stage)?;
    let path = stage.object(item);
    let clear = read(&stage.clear(item))?;
    let file = File::open(&path).map_err(|error| Failure::io(&path, error))?;
    let len = file.metadata().map_err(|error| Failure::io(&path, error))?.len();
    let failed = |error| Failure::at(&item.name, error);

    let mut counted = CountingReader { inner: file, bytes: 0 };
    let mut reader = RangeReader::new(&mut counted, keys, &place(item)).map_err(failed)?;
    let start = clear.len() / 2;
    let wanted = RANGE.min(clear.len() - start);
    let mut bytes = vec![0; wanted];
    let offset = u64::try_from(start).unwrap_or(0);
    reader.read_exact_at(offset, &mut bytes).map_err(failed)?;
    if bytes != clear[start..start + wanted] {
        return Err(surprise("the range has other bytes than the file"));
    }
    Ok(StepResult::new(
        format!(
            "{} bytes from the middle of {}: {} of {} read",
            format_count(u64::try_from(wanted).unwrap_or(0)),
            short(&item.name, 12),
            format_size(counted.bytes),
            format_size(len)
        ),
        "a part is read, and verified, for the price of the part",
    ))
}

pub(crate) fn rewrap(stage: &Sandbox, old: &Keys, new: &Recipients) -> Result<StepResult> {
    let (mut written, mut stored) = (0, 0);
    let start = Instant::now();
    for item in &stage.files {
        let path = stage.object(item);
        let failed = |error| Failure::io(&path, error);
        let file = fs::OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
        stored += file.metadata().map_err(failed)?.len();
        let mut prefix = Vec::new();
        (&file).take(65_592).read_to_end(&mut prefix).map_err(failed)?;
        let rewrapped = keystead::rewrap(&prefix, old, &place(item), &Changes::set(new))
            .map_err(|error| Failure::at(&item.name, error))?;
        if rewrapped.header.len() != rewrapped.old_len {
            return Err(surprise(format!("{}: the header did not fit", item.name)));
        }
        sidefile::replace_header(&path, &file, &rewrapped.header, false)?;
        written += u64::try_from(rewrapped.header.len()).unwrap_or(0);
    }
    Ok(StepResult::new(
        format!(
            "to new.key, in place: {} of {} written, {} objects a second",
            format_size(written),
            format_size(stored),
            rate_of_objects(stage.files.len(), start)
        ),
        "another key for an object costs its header, never its body",
    ))
}

fn rate_of_objects(objects: usize, start: Instant) -> String {
    let objects = u128::try_from(objects).unwrap_or(0) * 1_000_000;
    let rate = objects / start.elapsed().as_micros().max(1);
    format_count(u64::try_from(rate).unwrap_or(0))
}

pub(crate) fn try_old_keys(stage: &Sandbox, old: &Keys) -> Result<StepResult> {
    for item in &stage.files {
        let path = stage.object(item);
        let file = File::open(&path).map_err(|error| Failure::io(&path, error))?;
        match Decryptor::new(file, old, &place(item)) {
            Err(Error::NoKey(_)) => {}
            Err(error) => return Err(surprise(format!("{}: {error}", item.name))),
            Ok(_) => return Err(surprise(format!("{}: an old key opened it", item.name))),
        }
    }
    Ok(StepResult::new(
        format!(
            "{} of {0} refused (NOKEY)",
            format_count(u64::try_from(stage.files.len()).unwrap_or(0))
        ),
        "old keys open no new header (older copies need `keystead reencrypt`)",
    ))
}

pub(crate) fn decrypt(stage: &Sandbox, keys: &Keys) -> Result<StepResult> {
    let start = Instant::now();
    for item in &stage.files {
        restore(&stage.object(item), &stage.restored(item), keys, &place(item))
            .map_err(|error| Failure::at(&item.name, error))?;
    }
    let took = start.elapsed();
    for item in &stage.files {
        if read(&stage.clear(item))? != read(&stage.restored(item))? {
            return Err(surprise(format!("{}: other bytes came back", item.name)));
        }
    }
    Ok(StepResult::new(
        format!(
            "{} files, {} ({}), compared byte by byte: all equal",
            format_count(u64::try_from(stage.files.len()).unwrap_or(0)),
            format_size(stage.total()),
            format_rate(stage.total(), took)
        ),
        "the customer, with the key, has everything back",
    ))
}

/// Decrypts a file; nothing is at `to` unless all of it verified.
pub(crate) fn restore(
    from: &Path,
    to: &Path,
    keys: &Keys,
    context: &Context,
) -> keystead::Result<()> {
    let mut reader = Decryptor::new(File::open(from)?, keys, context)?;
    make_parent(to).map_err(into_error)?;
    let options = OutputOptions {
        force: false,
        sync: false,
        mode: PRIVATE,
        not: None,
        modified: None,
        text: true,
    };
    let mut out = Output::open(&Target::File(to.to_owned()), options).map_err(into_error)?;
    io::copy(&mut reader, &mut out).map_err(Error::from_io)?;
    out.commit().map_err(into_error)
}

fn into_error(failure: Failure) -> Error {
    Error::Io(io::Error::other(failure.message))
}

/// Returns the largest file, which is never empty: the demo adds one of its own.
pub(crate) fn largest(stage: &Sandbox) -> Result<&DemoFile> {
    stage.files.first().ok_or_else(|| surprise("there are no files"))
}

/// Counts the bytes that are read from the provider.
struct CountingReader<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.bytes += u64::try_from(read).unwrap_or(0);
        Ok(read)
    }
}

impl<R: Seek> Seek for CountingReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
