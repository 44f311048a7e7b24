//! A new header: one data key for many holders (SPEC sections 3 to 5).

use super::payload::PayloadKey;
use crate::error::{Error, Result};
use crate::format::context::{Context, Metadata};
use crate::format::floor::Floor;
use crate::format::header::{self, IDENTITY, PREAMBLE};
use crate::format::layout::Chunks;
use crate::format::record::Kind;
use crate::keys::{Binding, DataKey, Keyring};
use crate::primitives::aead::AesGcm;
use crate::primitives::random::Randomness;
use crate::primitives::sha256;

/// What an object is made with beside keys and context. The default is what
/// [`encrypt`](crate::encrypt) does.
///
/// ```
/// use keystead::{Metadata, Options};
/// let options = Options::new()
///     .metadata(Metadata::new().with(Metadata::NAME, "report.pdf"))
///     .header_len(4096);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub(crate) plaintext_len: Option<u64>,
    pub(crate) metadata: Metadata,
    pub(crate) location: Option<(String, String)>,
    pub(crate) header_len: Option<usize>,
    pub(crate) fresh_run: bool,
}

impl Options {
    /// No metadata, no location, a header of exactly the size needed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// States the length of the plaintext in the object (SPEC R10). A stream that then gets another
    /// number of bytes fails; one-shot calls state it by
    /// themselves.
    #[must_use]
    pub const fn plaintext_len(mut self, len: u64) -> Self {
        self.plaintext_len = Some(len);
        self
    }

    /// Private pairs, sealed (SPEC R14).
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Binds the object to its place: the customer's logical name of the store, and the path in it
    /// (SPEC R19).
    #[must_use]
    pub fn location(mut self, store: impl Into<String>, path: impl Into<String>) -> Self {
        self.location = Some((store.into(), path.into()));
        self
    }

    /// A header of this many bytes, a multiple of 8 up to 65,536: room for later keys, or one
    /// length for a whole store (SPEC R6).
    #[must_use]
    pub const fn header_len(mut self, len: usize) -> Self {
        self.header_len = Some(len);
        self
    }

    /// Makes a run key for this object alone, so that nobody sees which objects were made together
    /// (SPEC R28). It costs one KEM operation for each public key.
    #[must_use]
    pub const fn fresh_run(mut self) -> Self {
        self.fresh_run = true;
        self
    }
}

/// A finished header, and the key of the body that belongs to it.
pub(crate) struct Sealed {
    pub(crate) header: Vec<u8>,
    pub(crate) payload: PayloadKey,
}

impl Sealed {
    /// What a reader may demand of the object when it is finished (R38). A header ends in its tag
    /// (R24).
    pub(crate) fn floor(&self) -> Floor {
        let tag = self.header.last_chunk().copied().unwrap_or_default();
        Floor { commitment: self.payload.commitment(), generation: 0, tag }
    }
}

/// Sizes that are known before anything is encrypted.
pub(crate) fn sealed_header_len(
    keys: &Keyring,
    context: &Context,
    options: &Options,
) -> Result<usize> {
    let statement = statement_len(context, options)?;
    let records = keys.iter().try_fold(0, |sum, key| Ok::<_, Error>(sum + key.record_len()?))?;
    let exact = header::exact_len(statement, options.location.is_some(), records);
    let len = options.header_len.unwrap_or(exact);
    header::check_len(exact, len)?;
    Ok(len)
}

fn statement_len(context: &Context, options: &Options) -> Result<usize> {
    let len = if options.plaintext_len.is_some() { 8 } else { 0 };
    let context = if context.is_empty() { 0 } else { 2 + context.encode()?.len() };
    let metadata =
        if options.metadata.is_empty() { 0 } else { 2 + options.metadata.encoded_len() + 16 };
    Ok(16 + 1 + len + context + metadata)
}

/// Makes a header with randomness from the operating system: one call for all of it.
pub(crate) fn seal(keys: &Keyring, context: &Context, options: &Options) -> Result<Sealed> {
    let records: usize = keys.iter().map(|key| key.randomness(options.fresh_run)).sum();
    let mut randomness = Randomness::draw(32 + 16 + 24 + records)?;
    seal_with(keys, context, options, &mut randomness)
}

/// The same with given randomness: data key, object id, salt, then what each record takes in order.
pub(crate) fn seal_with(
    keys: &Keyring,
    context: &Context,
    options: &Options,
    randomness: &mut Randomness,
) -> Result<Sealed> {
    context.check_unreserved()?;
    options.metadata.check_unreserved()?;
    seal_as_keystead(keys, context, options, randomness)
}

/// The same for callers that may use reserved names (R13).
pub(crate) fn seal_as_keystead(
    keys: &Keyring,
    context: &Context,
    options: &Options,
    randomness: &mut Randomness,
) -> Result<Sealed> {
    header::check_count(keys.len())?;
    check_passphrases(keys)?;
    let len = sealed_header_len(keys, context, options)?;
    if let Some(len) = options.plaintext_len {
        Chunks::of_plaintext(len)?;
    }

    // R25, R8, R30: everything random of the object itself.
    let data_key = DataKey::new(randomness.take_secret()?);
    let object_id: [u8; 16] = randomness.take()?;
    let salt: [u8; 24] = randomness.take()?;

    let mut header = header::begin(len)?;
    push_statement(&object_id, context, options, &data_key, &mut header)?;
    let statement_hash = statement_hash(&header[PREAMBLE..]);
    let location = options.location.as_ref().map(|(store, path)| location(&data_key, store, path));
    header::push_access(0, location.transpose()?.as_ref(), keys.len(), &mut header)?;
    let binding = Binding { object_id: &object_id, statement_hash: &statement_hash };
    for key in keys.iter() {
        key.wrap(&binding, &data_key, options.fresh_run, randomness, &mut header)?;
    }
    finish(&mut header, &data_key)?;
    let payload = PayloadKey::derive(&data_key, salt, &statement_hash);
    Ok(Sealed { header, payload })
}

/// R23: an object has at most one passphrase record.
pub(crate) fn check_passphrases(keys: &Keyring) -> Result<()> {
    if keys.iter().filter(|key| key.kind() == Kind::Passphrase).count() > 1 {
        return Err(Error::usage("an object has room for one passphrase"));
    }
    Ok(())
}

/// R17.
pub(crate) fn statement_hash(statement: &[u8]) -> [u8; 32] {
    sha256(&[&IDENTITY, statement])
}

/// R19, for a writer: what names a place, and what does not.
pub(crate) fn location(data_key: &DataKey, store: &str, path: &str) -> Result<[u8; 32]> {
    if store.is_empty() || store.contains('\0') || path.starts_with('/') {
        let what = "a store name is not empty and has no NUL byte, a path does not begin with /";
        return Err(Error::usage(what));
    }
    Ok(data_key.location(store, path))
}

/// Pads and tags a header (R7, R24).
pub(crate) fn finish(header: &mut Vec<u8>, data_key: &DataKey) -> Result<()> {
    header::pad(header)?;
    let tag = data_key.header_tag(&sha256(&[header]));
    header.extend_from_slice(&tag);
    Ok(())
}

/// R15, R16.
fn push_statement(
    object_id: &[u8; 16],
    context: &Context,
    options: &Options,
    data_key: &DataKey,
    out: &mut Vec<u8>,
) -> Result<()> {
    let has_metadata = !options.metadata.is_empty();
    header::push_statement(object_id, options.plaintext_len, context, has_metadata, out)?;
    if has_metadata {
        let mut sealed = options.metadata.encode()?;
        let aead = AesGcm::new(data_key.metadata_key().expose());
        let aad = [&IDENTITY[..], &out[PREAMBLE..]].concat();
        let tag = aead.seal([0; 12], &aad, &mut sealed).map_err(|_| Error::Auth)?;
        sealed.extend_from_slice(&tag);
        header::push_metadata(&sealed, out)?;
    }
    Ok(())
}
