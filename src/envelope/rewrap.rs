//! Rewrap: another access list for the same data key; the body is neither read nor changed (SPEC
//! R46).

use super::open::unwrap;
use super::seal::{check_passphrases, finish, location};
use crate::error::{Detail, Error, Result};
use crate::format::context::{Expected, Location};
use crate::format::floor::Floor;
use crate::format::header::{self, HEADER_TAG, Header};
use crate::format::layout::BODY_PREFIX;
use crate::format::record::{KeyId, Known, ObjectId, Provenance, Record, RecordKind};
use crate::keys::{Binding, Keys, Recipients};
use crate::primitives::random::Randomness;
use crate::trace::event;

/// R21, R51: an origin does not survive a rewrap by anyone but its signer.
const ORIGIN: u8 = 6;

/// What a rewrap changes.
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// use keystead::{Changes, Context, Keys, MasterKey, Recipients};
/// let (old, new) = (MasterKey::generate()?, MasterKey::generate()?);
/// let context = Context::new();
/// let mut object = keystead::encrypt(&Recipients::from(&old), b"the body stays", &context)?;
///
/// let (old, recipients) = (Keys::from(old), Recipients::from(&new));
/// keystead::rewrap(&object, &old, &context, &Changes::set(&recipients))?.apply(&mut object)?;
/// assert!(keystead::decrypt(&old, &object, &context).is_err());
/// assert!(keystead::decrypt(&Keys::from(new), &object, &context).is_ok());
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
pub struct Changes<'a> {
    new: Option<&'a Recipients>,
    set: bool,
    remove: Vec<KeyId>,
    remove_passphrase: bool,
    remove_records: Vec<usize>,
    location: Option<Option<&'a Location>>,
    header_len: Option<usize>,
    unlinkable: bool,
    vouch: bool,
}

impl<'a> Changes<'a> {
    /// Changes nothing but the generation.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds recipients; all others stay.
    #[must_use]
    pub fn add(new: &'a Recipients) -> Self {
        Self { new: Some(new), ..Self::default() }
    }

    /// Lets exactly these recipients open the object: every other record goes, anonymous ones and
    /// those of unknown kinds too.
    #[must_use]
    pub fn set(recipients: &'a Recipients) -> Self {
        Self { new: Some(recipients), set: true, ..Self::default() }
    }

    /// Removes the record of a key. Its holder can still open copies of the old bytes, and forge
    /// objects with the same data key; only [`reencrypt`](crate::reencrypt) ends that.
    #[must_use]
    pub fn remove(mut self, id: KeyId) -> Self {
        self.remove.push(id);
        self
    }

    /// Removes the passphrase record, which has no id. An object has at most one.
    #[must_use]
    pub const fn remove_passphrase(mut self) -> Self {
        self.remove_passphrase = true;
        self
    }

    /// Removes the record at this position, counted from 0: the only way to name an anonymous
    /// record.
    #[must_use]
    pub fn remove_record(mut self, position: usize) -> Self {
        self.remove_records.push(position);
        self
    }

    /// Vouches for an object that anyone could have made. Without it, such an object gets no record
    /// of a symmetric key or a passphrase, which would say that a holder made it (SPEC R39, R46).
    #[must_use]
    pub const fn vouch(mut self) -> Self {
        self.vouch = true;
        self
    }

    /// Refuses what cannot be named, and what was not vouched for (R46).
    fn check(&self, new: &Recipients, provenance: Provenance) -> Result<()> {
        if self.remove.iter().any(KeyId::is_anonymous) {
            let detail = Detail::new("the zero key id names no record");
            return Err(Error::usage(detail.hint("name the record by its position")));
        }
        let removes = !self.remove.is_empty() || !self.remove_records.is_empty();
        if self.set && (removes || self.remove_passphrase) {
            let detail =
                Detail::new("`set` removes all other records, so no other removal fits it");
            return Err(Error::usage(detail.hint("leave the removals out")));
        }
        let held = new.iter().any(|key| key.kind().provenance() == Provenance::Holder);
        if provenance == Provenance::Anyone && held && !self.vouch {
            let detail = Detail::new(
                "anyone can have made this object; a symmetric key or passphrase would vouch for it",
            );
            return Err(Error::usage(
                detail.hint("look at what it holds, then vouch for it: `Changes::vouch`"),
            ));
        }
        Ok(())
    }

    /// Binds the object to another place (SPEC R19).
    #[must_use]
    pub const fn location(mut self, location: &'a Location) -> Self {
        self.location = Some(Some(location));
        self
    }

    /// Removes the binding to a place.
    #[must_use]
    pub const fn no_location(mut self) -> Self {
        self.location = Some(None);
        self
    }

    /// Sets the length of the header in bytes, a multiple of 8; the default is the old length, or
    /// the least that fits where that is more.
    #[must_use]
    pub const fn header_len(mut self, len: usize) -> Self {
        self.header_len = Some(len);
        self
    }

    /// Makes new run keys for this object alone (SPEC R28).
    #[must_use]
    pub const fn unlinkable(mut self) -> Self {
        self.unlinkable = true;
        self
    }
}

/// A new header for an old body.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rewrapped {
    /// It takes the place of the first [`old_len`](Self::old_len) bytes of the object.
    pub header: Vec<u8>,
    /// Bytes of the header that it replaces. Where the lengths are equal, it can be written over
    /// it.
    pub old_len: usize,
    /// What the caller may demand from now on (SPEC R38).
    pub floor: Floor,
    /// Ways in that this version does not know and that are still there: no revocation is complete
    /// while this is not 0.
    pub unknown_ways_in: usize,
    /// Whether an origin record was dropped, for only its signer can renew it (SPEC R51).
    pub origin_dropped: bool,
    old: Old,
}

/// What tells the object that was rewrapped from every other one.
#[derive(Debug)]
struct Old {
    tag: [u8; HEADER_TAG],
    /// Salt and commitment.
    prefix: [u8; BODY_PREFIX],
}

impl Rewrapped {
    /// Puts the new header in the place of the old one. Its wrapped keys open no other body, and
    /// those of another object would be lost, so it is applied to the object that was rewrapped and
    /// to no other.
    ///
    /// # Errors
    /// `Usage` where `object` is another one, or was changed since; then it is as it was.
    pub fn apply(&self, object: &mut Vec<u8>) -> Result<()> {
        let Old { tag, prefix } = &self.old;
        let is_same = header::header_len(object).is_ok_and(|len| len == self.old_len)
            && object.get(..self.old_len).is_some_and(|header| header.ends_with(tag))
            && object.get(self.old_len..).is_some_and(|body| body.starts_with(prefix));
        if !is_same {
            let detail = Detail::new("another object than the one that was rewrapped");
            return Err(Error::usage(detail.hint("rewrap this one; nothing was changed")));
        }
        object.splice(..self.old_len, self.header.iter().copied());
        Ok(())
    }
}

/// Rewraps the object that begins with `prefix`: at least its header and the 56 bytes after it.
///
/// # Errors
/// As opening has; `Usage` by SPEC R46; `Limit` where the header does not fit into 65,536 bytes or
/// the generation is at its end.
pub fn rewrap<'e>(
    prefix: &[u8],
    keys: &Keys,
    expected: impl Into<Expected<'e>>,
    changes: &Changes<'_>,
) -> Result<Rewrapped> {
    let fresh = changes.unlinkable;
    let new = changes.new.map_or(0, |new| new.iter().map(|key| key.randomness(fresh)).sum());
    rewrap_with(prefix, keys, expected.into(), changes, &mut Randomness::draw(new)?)
}

/// Does the same with given randomness: what each new record takes, in order.
pub(crate) fn rewrap_with(
    prefix: &[u8],
    keys: &Keys,
    expected: Expected<'_>,
    changes: &Changes<'_>,
    randomness: &mut Randomness,
) -> Result<Rewrapped> {
    let old = Header::parse(prefix)?;
    let old_len = old.bytes().len();
    let opened = unwrap(&old, keys, expected)?;
    let commitment = prefix[old_len..].first_chunk::<BODY_PREFIX>().ok_or(Error::Auth)?;
    let (_, found) = opened.payload(commitment)?;
    let empty = Recipients::new();
    let new = changes.new.unwrap_or(&empty);
    check_passphrases(new)?;
    changes.check(new, opened.opened_by.provenance)?;

    // R18.
    let generation = old.generation.checked_add(1);
    let generation = generation.ok_or_else(|| Error::limit("the generation is at its end"))?;
    let mut place = old.location.copied();
    if let Some(new) = changes.location {
        place = new.map(|place| location(&opened.data_key, place)).transpose()?;
    }
    let Kept { mut records, count, unknown_ways_in, origin_dropped } = keep(&old, changes, new)?;
    header::check_count(count + new.len())?;

    let statement_hash = opened.statement_hash;
    let binding = Binding { object_id: old.object_id, statement_hash: &statement_hash };
    for key in new.iter() {
        let fresh = changes.unlinkable;
        key.wrap(&binding, &opened.data_key, fresh, randomness, &mut records)?;
    }

    let exact = header::exact_len(old.statement().len(), place.is_some(), records.len());
    let len = changes.header_len.unwrap_or_else(|| exact.max(old_len));
    header::check_len(exact, len)?;
    let mut header = header::begin(len)?;
    header.extend_from_slice(old.statement());
    header::push_access(generation, place.as_ref(), count + new.len(), &mut header)?;
    header.extend_from_slice(&records);
    finish(&mut header, &opened.data_key)?;
    let tag = Header::parse(&header)?.tag();
    let floor = Floor { generation, tag, ..found };
    event!(
        "header rewrapped",
        object_id = ObjectId::from_bytes(*old.object_id),
        generation = generation,
        kept = count,
        added = new.len()
    );
    let old = Old { tag: old.tag(), prefix: *commitment };
    Ok(Rewrapped { header, old_len, floor, unknown_ways_in, origin_dropped, old })
}

/// What stays of an access list.
struct Kept {
    records: Vec<u8>,
    count: usize,
    unknown_ways_in: usize,
    origin_dropped: bool,
}

/// Copies the records that stay.
fn keep(old: &Header<'_>, changes: &Changes<'_>, new: &Recipients) -> Result<Kept> {
    let mut kept =
        Kept { records: Vec::new(), count: 0, unknown_ways_in: 0, origin_dropped: false };
    let mut known = new.len();
    let mut not_met = changes.remove.clone();
    let mut has_passphrase = false;
    for (index, record) in old.records().enumerate() {
        let mut removed = changes.set || changes.remove_records.contains(&index);
        match record {
            Record::Unknown { code: ORIGIN, .. } => {
                kept.origin_dropped = true;
                removed = true;
            }
            Record::Unknown { .. } if !removed => kept.unknown_ways_in += 1,
            Record::Unknown { .. } => {}
            Record::Known(record) => {
                let is_passphrase = record.kind == RecordKind::Passphrase;
                has_passphrase |= is_passphrase;
                not_met.retain(|id| *id != record.key_id);
                removed |= changes.remove.contains(&record.key_id);
                removed |= changes.remove_passphrase && is_passphrase;
                if !removed {
                    check_new(&record, new)?;
                    known += 1;
                }
            }
        }
        if !removed {
            kept.records.extend_from_slice(record.raw());
            kept.count += 1;
        }
    }
    if let Some(id) = not_met.first() {
        let detail = Detail::new(format!("no record of this object has the key id {id}"));
        return Err(Error::usage(detail.hint("`keystead inspect` lists the key ids")));
    }
    if changes.remove_passphrase && !has_passphrase {
        let detail = Detail::new("no passphrase opens this object");
        return Err(Error::usage(detail.hint("`keystead inspect` lists what opens it")));
    }
    if let Some(position) = changes.remove_records.iter().find(|p| **p >= old.records().count()) {
        return Err(Error::usage(format!("the object has no record at position {position}")));
    }
    if known == 0 {
        let what = "without the last key nobody could open the object";
        let hint = "add another key in the same rewrap: --add KEY";
        return Err(Error::usage(Detail::new(what).hint(hint)));
    }
    Ok(kept)
}

/// Refuses to add a key that is there already (R46).
fn check_new(kept: &Known<'_>, new: &Recipients) -> Result<()> {
    let twice = new.iter().any(|key| key.kind() == kept.kind && key.id() == kept.key_id);
    if !twice {
        return Ok(());
    }
    let what = match kept.kind {
        RecordKind::Passphrase => "the object has a passphrase already".to_owned(),
        _ => format!("the key {} opens this object already", kept.key_id),
    };
    Err(Error::usage(Detail::new(what).hint("leave it out of what is added")))
}
