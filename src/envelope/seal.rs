//! A new header: one data key for many holders (SPEC sections 3 to 5).

use super::payload::PayloadKey;
use crate::error::{Error, Result};
use crate::format::context::{Context, Location, Metadata};
use crate::format::floor::Floor;
use crate::format::header::{self, IDENTITY, PREAMBLE};
use crate::format::layout::Chunks;
use crate::format::record::{ObjectId, RecordKind};
use crate::keys::{Binding, DataKey, Recipients};
use crate::primitives::aead::AesGcm;
use crate::primitives::random::Randomness;
use crate::primitives::sha256;
use crate::threads::Threads;
use crate::trace::event;

/// What an object is made with beside keys and context. The default is what
/// [`encrypt`](crate::encrypt) does.
///
/// ```
/// use keystead::{Metadata, EncryptOptions};
/// let options = EncryptOptions::new()
///     .metadata(Metadata::new().with(Metadata::NAME, "report.pdf"))
///     .header_len(4096);
/// ```
#[derive(Debug, Clone, Default)]
pub struct EncryptOptions {
    pub(crate) plaintext_len: Option<u64>,
    pub(crate) metadata: Metadata,
    pub(crate) location: Option<Location>,
    pub(crate) header_len: Option<usize>,
    pub(crate) unlinkable: bool,
    pub(crate) vouch: bool,
    pub(crate) threads: Threads,
}

impl EncryptOptions {
    /// Returns options without metadata or location, and with a header of exactly the size needed.
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

    /// Sets the private metadata, which is sealed (SPEC R14).
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Binds the object to its place (SPEC R19).
    #[must_use]
    pub fn location(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// Sets the length of the header in bytes, a multiple of 8 up to 65,536: room for later keys,
    /// or one length for a whole store (SPEC R6).
    #[must_use]
    pub const fn header_len(mut self, len: usize) -> Self {
        self.header_len = Some(len);
        self
    }

    /// Returns the length in bytes of the header that these options make, for room to be added with
    /// [`header_len`](Self::header_len). One-shot calls state the plaintext's length, which is in the
    /// header, by themselves; here it counts where it was set.
    ///
    /// # Errors
    /// As [`encrypt`](crate::encrypt).
    pub fn exact_header_len(&self, recipients: &Recipients, context: &Context) -> Result<usize> {
        sealed_header_len(recipients, context, self)
    }

    /// Makes run keys and a salt for this object alone, so that nobody sees which objects were made
    /// together (SPEC R28, R29). It costs one KEM operation for each public key and one Argon2id for
    /// a passphrase.
    #[must_use]
    pub const fn unlinkable(mut self) -> Self {
        self.unlinkable = true;
        self
    }

    /// Vouches for an object that anyone could have made and that [`reencrypt`](crate::reencrypt)
    /// makes anew for a symmetric key or a passphrase, which then says that a holder made it (SPEC
    /// R39, R47). Encrypting takes no notice of it.
    #[must_use]
    pub const fn vouch(mut self) -> Self {
        self.vouch = true;
        self
    }

    /// Lets the call use several threads; without it, the caller's own does all the work.
    #[must_use]
    pub const fn threads(mut self, threads: Threads) -> Self {
        self.threads = threads;
        self
    }
}

/// A finished header, and the key of the body that belongs to it.
pub(crate) struct Sealed {
    pub(crate) header: Vec<u8>,
    pub(crate) payload: PayloadKey,
}

impl Sealed {
    /// Returns what a reader may demand of the finished object (R38). A header ends in its tag
    /// (R24).
    pub(crate) fn floor(&self) -> Floor {
        let tag = self.header.last_chunk().copied().unwrap_or_default();
        Floor { commitment: self.payload.commitment(), generation: 0, tag }
    }
}

/// Returns the length of the header before anything is encrypted.
pub(crate) fn sealed_header_len(
    recipients: &Recipients,
    context: &Context,
    options: &EncryptOptions,
) -> Result<usize> {
    let statement = statement_len(context, options)?;
    let records = recipients
        .iter()
        .try_fold(0, |sum, recipient| Ok::<_, Error>(sum + recipient.record_len()?))?;
    let exact = header::exact_len(statement, options.location.is_some(), records);
    let len = options.header_len.unwrap_or(exact);
    header::check_len(exact, len)?;
    Ok(len)
}

fn statement_len(context: &Context, options: &EncryptOptions) -> Result<usize> {
    let len = if options.plaintext_len.is_some() { 8 } else { 0 };
    let context = if context.is_empty() { 0 } else { 2 + context.encode()?.len() };
    let metadata =
        if options.metadata.is_empty() { 0 } else { 2 + options.metadata.encoded_len() + 16 };
    Ok(16 + 1 + len + context + metadata)
}

/// Makes a header with randomness from the operating system: one call for all of it.
pub(crate) fn seal(
    recipients: &Recipients,
    context: &Context,
    options: &EncryptOptions,
) -> Result<Sealed> {
    let records: usize =
        recipients.iter().map(|recipient| recipient.randomness(options.unlinkable)).sum();
    let mut randomness = Randomness::draw(32 + 16 + 24 + records)?;
    seal_with(recipients, context, options, &mut randomness)
}

/// Does the same with given randomness: data key, object id, salt, then what each record takes in
/// order.
pub(crate) fn seal_with(
    recipients: &Recipients,
    context: &Context,
    options: &EncryptOptions,
    randomness: &mut Randomness,
) -> Result<Sealed> {
    context.check_unreserved()?;
    options.metadata.check_unreserved()?;
    seal_as_keystead(recipients, context, options, randomness)
}

/// Does the same for callers that may use reserved names (R13).
pub(crate) fn seal_as_keystead(
    recipients: &Recipients,
    context: &Context,
    options: &EncryptOptions,
    randomness: &mut Randomness,
) -> Result<Sealed> {
    header::check_count(recipients.len())?;
    check_passphrases(recipients)?;
    let len = sealed_header_len(recipients, context, options)?;
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
    let location = options.location.as_ref().map(|place| location(&data_key, place));
    header::push_access(0, location.transpose()?.as_ref(), recipients.len(), &mut header)?;
    let binding = Binding { object_id: &object_id, statement_hash: &statement_hash };
    for recipient in recipients.iter() {
        recipient.wrap(&binding, &data_key, options.unlinkable, randomness, &mut header)?;
    }
    finish(&mut header, &data_key)?;
    let payload = PayloadKey::derive(&data_key, salt, &statement_hash);
    event!(
        "header made",
        object_id = ObjectId::from_bytes(object_id),
        records = recipients.len(),
        header_len = header.len()
    );
    Ok(Sealed { header, payload })
}

/// Refuses a second passphrase: an object has at most one such record (R23).
pub(crate) fn check_passphrases(recipients: &Recipients) -> Result<()> {
    if recipients.iter().filter(|recipient| recipient.kind() == RecordKind::Passphrase).count() > 1
    {
        return Err(Error::usage("an object has room for one passphrase"));
    }
    Ok(())
}

/// Returns the statement hash (R17).
pub(crate) fn statement_hash(statement: &[u8]) -> [u8; 32] {
    sha256(&[&IDENTITY, statement])
}

/// Returns the location of a new header (R19); refuses names that are none.
pub(crate) fn location(data_key: &DataKey, location: &Location) -> Result<[u8; 32]> {
    let Location { store, path } = location;
    if store.is_empty() || store.contains('\0') || path.starts_with('/') {
        let what = "a store name is not empty and has no NUL byte, a path does not begin with /";
        return Err(Error::usage(what));
    }
    Ok(data_key.location(location))
}

/// Pads and tags a header (R7, R24).
pub(crate) fn finish(header: &mut Vec<u8>, data_key: &DataKey) -> Result<()> {
    header::pad(header)?;
    let tag = data_key.header_tag(&sha256(&[header]));
    header.extend_from_slice(&tag);
    Ok(())
}

/// Appends the statement (R15, R16).
fn push_statement(
    object_id: &[u8; 16],
    context: &Context,
    options: &EncryptOptions,
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
