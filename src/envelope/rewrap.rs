//! Rewrap: another access list for the same data key; the body is neither read nor changed (SPEC
//! R46).

use super::changes::{Changes, Old, Plan};
use super::inspect::RecordInspection;
use super::open::{Lock, unwrap};
use super::seal::{finish, location};
use crate::error::{Detail, Error, Result};
use crate::format::context::Expected;
use crate::format::floor::Floor;
use crate::format::header::{self, HEADER_TAG, Header};
use crate::format::layout::BODY_PREFIX;
use crate::format::record::ObjectId;
use crate::keys::Keys;
use crate::primitives::random::Randomness;
use crate::trace::event;

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
    /// Whether anything changed: records, location or length. Where it is false, this is the old
    /// header with the old floor, and there is nothing to write.
    pub changed: bool,
    /// The records that went.
    pub removed: Vec<RecordInspection>,
    opens: Vec<RecordInspection>,
    old: Replaced,
}

/// What tells the object that was rewrapped from every other one.
#[derive(Debug)]
struct Replaced {
    tag: [u8; HEADER_TAG],
    /// Salt and commitment.
    prefix: [u8; BODY_PREFIX],
}

impl Rewrapped {
    /// Returns who can open the object with its new header: every record, and whether it was made
    /// now, opened here, or is only claimed (SPEC R54). Records of unknown kinds are among them: no
    /// revocation is complete while there are any, or any claim that nobody can explain.
    #[must_use]
    pub fn who_opens(&self) -> &[RecordInspection] {
        &self.opens
    }

    /// Puts the new header in the place of the old one. Its wrapped keys open no other body, and
    /// those of another object would be lost, so it is applied to the object that was rewrapped and
    /// to no other.
    ///
    /// # Errors
    /// `Usage` where `object` is another one, or was changed since; then it is as it was.
    pub fn apply(&self, object: &mut Vec<u8>) -> Result<()> {
        let Replaced { tag, prefix } = &self.old;
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
/// As opening has; `Usage` by SPEC R46; `Limit` where the header does not fit into 65,536 bytes.
pub fn rewrap<'e>(
    prefix: &[u8],
    keys: &Keys,
    expected: impl Into<Expected<'e>>,
    changes: &Changes<'_>,
) -> Result<Rewrapped> {
    let mut randomness = Randomness::draw(changes.randomness())?;
    rewrap_with(prefix, keys, expected.into(), changes, &mut randomness)
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
    let lock = Lock::new(&old, &opened.statement_hash, keys);
    let plan = Plan::make(&old, &lock, changes, opened.opened_by.provenance)?;
    let place = match changes.location {
        Some(place) => place.map(|place| location(&opened.data_key, place)).transpose()?,
        None => old.location.copied(),
    };

    let replaced = Replaced { tag: old.tag(), prefix: *commitment };
    let is_same = !plan.changes_records()
        && place.as_ref() == old.location
        && changes.header_len.is_none_or(|len| len == old_len);
    if is_same {
        let opens = plan.who_opened();
        let header = old.bytes().to_vec();
        let removed = Vec::new();
        return Ok(Rewrapped {
            header,
            old_len,
            floor: found,
            changed: false,
            removed,
            opens,
            old: replaced,
        });
    }

    let mut records = Vec::new();
    plan.kept.iter().for_each(|old| records.extend_from_slice(old.record.raw()));
    for recipient in &plan.added {
        let fresh = changes.unlinkable;
        recipient.wrap(&lock.binding, &opened.data_key, fresh, randomness, &mut records)?;
    }
    // R18.
    let generation = old.generation.saturating_add(1);
    let count = plan.kept.len() + plan.added.len();
    header::check_count(count)?;
    let exact = header::exact_len(old.statement().len(), place.is_some(), records.len());
    let len = changes.header_len.unwrap_or_else(|| exact.max(old_len));
    header::check_len(exact, len)?;
    let mut header = header::begin(len)?;
    header.extend_from_slice(old.statement());
    header::push_access(generation, place.as_ref(), count, &mut header)?;
    header.extend_from_slice(&records);
    finish(&mut header, &opened.data_key)?;
    let new = Header::parse(&header)?;
    let floor = Floor { generation, tag: new.tag(), ..found };
    let opens = plan.who_opens(&new);
    let removed = plan.removed.iter().map(Old::describe).collect();
    event!(
        "header rewrapped",
        object_id = ObjectId::from_bytes(*old.object_id),
        generation = generation,
        kept = plan.kept.len(),
        added = plan.added.len()
    );
    Ok(Rewrapped { header, old_len, floor, changed: true, removed, opens, old: replaced })
}
