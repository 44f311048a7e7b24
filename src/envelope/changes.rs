//! What a rewrap changes, and which records that keeps and makes (SPEC R46).

use super::inspect::{self, Evidence, RecordInspection};
use super::open::{Lock, is_anonymous};
use super::seal::check_passphrases;
use crate::error::{Detail, Error, Result};
use crate::format::context::Location;
use crate::format::header::Header;
use crate::format::record::{KeyId, Known, Provenance, Record, RecordKind};
use crate::keys::{MasterKey, Recipient, Recipients};

/// R21, R51: an origin does not survive a rewrap by anyone but its signer.
const ORIGIN: u8 = 6;

/// What a rewrap changes. A change that an object shows already changes nothing.
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
    remove: Vec<Removal>,
    pub(super) location: Option<Option<&'a Location>>,
    pub(super) header_len: Option<usize>,
    pub(super) unlinkable: bool,
    vouch: bool,
}

impl<'a> Changes<'a> {
    /// Changes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds recipients; all others stay. Whoever has a record already keeps it, whatever its label
    /// says; another passphrase than the one that opens the object is `Usage`, unless that one is
    /// removed.
    #[must_use]
    pub fn add(new: &'a Recipients) -> Self {
        Self { new: Some(new), ..Self::default() }
    }

    /// Lets exactly these recipients open the object, and nobody else: each gets a new record,
    /// unless a key at hand opened the one that they have. Every other record goes, anonymous ones
    /// and those of unknown kinds too.
    #[must_use]
    pub fn set(recipients: &'a Recipients) -> Self {
        Self { new: Some(recipients), set: true, ..Self::default() }
    }

    /// Removes the records of a key, its anonymous ones too if it is at hand. It is `Usage` if there
    /// is none. The key's holder can still open copies of the old bytes, and forge objects with the
    /// same data key; only [`reencrypt`](crate::reencrypt) ends that.
    #[must_use]
    pub fn remove(self, id: KeyId) -> Self {
        self.remove_what(What::Key(id), true)
    }

    /// Does the same where there is one: for many objects, of which some have no record of the key.
    #[must_use]
    pub fn remove_if_there(self, id: KeyId) -> Self {
        self.remove_what(What::Key(id), false)
    }

    /// Removes the passphrase record, which has no id. An object has at most one.
    #[must_use]
    pub fn remove_passphrase(self) -> Self {
        self.remove_what(What::Passphrase, true)
    }

    /// Removes the record at this position, counted from 0: the only way to name an anonymous
    /// record whose key is not at hand.
    #[must_use]
    pub fn remove_record(self, position: usize) -> Self {
        self.remove_what(What::Position(position), true)
    }

    fn remove_what(mut self, what: What, must_be_there: bool) -> Self {
        self.remove.push(Removal { what, must_be_there });
        self
    }

    /// Vouches for an object that anyone could have made. Without it, such an object gets no record
    /// of a symmetric key or a passphrase, which would say that a holder made it (SPEC R39, R46).
    #[must_use]
    pub const fn vouch(mut self) -> Self {
        self.vouch = true;
        self
    }

    /// Binds the object to another place, or with `None` to none (SPEC R19).
    #[must_use]
    pub fn location(mut self, location: impl Into<Option<&'a Location>>) -> Self {
        self.location = Some(location.into());
        self
    }

    /// Sets the length of the header in bytes, a multiple of 8; the default is the old length, or
    /// the least that fits where that is more.
    #[must_use]
    pub const fn header_len(mut self, len: usize) -> Self {
        self.header_len = Some(len);
        self
    }

    /// Makes run keys and a salt for this object alone (SPEC R28, R29).
    #[must_use]
    pub const fn unlinkable(mut self) -> Self {
        self.unlinkable = true;
        self
    }
}

impl Changes<'_> {
    /// Returns how many random bytes its new records take at most.
    pub(super) fn randomness(&self) -> usize {
        self.recipients().map(|recipient| recipient.randomness(self.unlinkable)).sum()
    }

    fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.new.into_iter().flat_map(Recipients::iter)
    }

    /// Refuses to remove a key at hand from more anonymous records than are tried: one of them could
    /// stay.
    fn check_trials(&self, header: &Header<'_>, lock: &Lock<'_>) -> Result<()> {
        let is_hidden = |removal: &Removal| match removal.what {
            What::Key(id) => lock.has_key(id),
            What::Passphrase | What::Position(_) => false,
        };
        if !self.remove.iter().any(is_hidden) || !lock.are_too_many(header) {
            return Ok(());
        }
        let detail = Detail::new("too many anonymous records and keys to find those of a key");
        Err(Error::limit(detail.hint("give only the keys that may fit, or remove by position")))
    }
}

#[derive(Debug)]
struct Removal {
    what: What,
    must_be_there: bool,
}

#[derive(Debug)]
enum What {
    Key(KeyId),
    Passphrase,
    Position(usize),
}

impl Removal {
    fn is_of(&self, old: &Old<'_>) -> bool {
        match (&self.what, &old.record) {
            (What::Position(position), _) => *position == old.position,
            (What::Key(id), Record::Known(record)) => {
                let of_opener = || old.opener.is_some_and(|key| key.id() == *id);
                record.key_id == *id || is_anonymous(record) && of_opener()
            }
            (What::Passphrase, Record::Known(record)) => record.kind == RecordKind::Passphrase,
            (_, Record::Unknown { .. }) => false,
        }
    }

    /// Refuses what names no record.
    fn check(&self, old: &[Old<'_>]) -> Result<()> {
        let what = match self.what {
            What::Key(id) if id.is_anonymous() => {
                let detail = Detail::new("the zero key id names no record");
                return Err(Error::usage(detail.hint("name the record by its position")));
            }
            _ if !self.must_be_there || old.iter().any(|old| self.is_of(old)) => return Ok(()),
            What::Key(id) => Detail::new(format!("no record of this object has the key id {id}"))
                .hint("`keystead inspect` lists the key ids"),
            What::Passphrase => Detail::new("no passphrase opens this object")
                .hint("`keystead inspect` lists what opens it"),
            What::Position(position) => {
                Detail::new(format!("the object has no record at position {position}"))
            }
        };
        Err(Error::usage(what))
    }
}

/// A record of the old list, and the key at hand that opens it.
pub(super) struct Old<'a> {
    pub(super) position: usize,
    pub(super) record: Record<'a>,
    pub(super) opener: Option<&'a MasterKey>,
}

/// What becomes of an access list.
pub(super) struct Plan<'a> {
    /// Records that stay, in order.
    pub(super) kept: Vec<Old<'a>>,
    /// Records that go.
    pub(super) removed: Vec<Old<'a>>,
    /// Recipients that get a new record, in order.
    pub(super) added: Vec<&'a Recipient>,
    is_set: bool,
}

impl<'a> Plan<'a> {
    pub(super) fn make(
        header: &Header<'a>,
        lock: &Lock<'a>,
        changes: &'a Changes<'_>,
        provenance: Provenance,
    ) -> Result<Self> {
        let openers = lock.openers(header);
        let old: Vec<_> = header
            .records()
            .zip(openers)
            .enumerate()
            .map(|(position, (record, opener))| Old { position, record, opener })
            .collect();
        changes.check_trials(header, lock)?;
        changes.new.map_or(Ok(()), check_passphrases)?;
        changes.remove.iter().try_for_each(|removal| removal.check(&old))?;
        let plan = match changes.set {
            true => Self::set(old, changes)?,
            false => Self::edit(old, changes, lock)?,
        };
        plan.check(changes.vouch, provenance)?;
        Ok(plan)
    }

    /// Keeps what the recipients have and a key at hand opened; everything else is made anew or
    /// goes.
    fn set(old: Vec<Old<'a>>, changes: &'a Changes<'_>) -> Result<Self> {
        if !changes.remove.is_empty() {
            let detail =
                Detail::new("`set` removes all other records, so no other removal fits it");
            return Err(Error::usage(detail.hint("leave the removals out")));
        }
        let mut added: Vec<_> = changes.recipients().collect();
        let (kept, removed) = old.into_iter().partition(|old| {
            let is_it = |recipient: &&Recipient| old.is_as_asked(recipient);
            added.iter().position(is_it).map(|place| added.remove(place)).is_some()
        });
        Ok(Self { kept, removed, added, is_set: true })
    }

    fn edit(old: Vec<Old<'a>>, changes: &'a Changes<'_>, lock: &Lock<'_>) -> Result<Self> {
        let is_removed = |old: &Old<'_>| {
            old.is_origin()
                || changes.remove.iter().any(|removal| removal.is_of(old))
                || changes.recipients().any(|recipient| old.is_forged(recipient, lock))
        };
        let (removed, kept): (_, Vec<_>) = old.into_iter().partition(is_removed);
        let mut added = Vec::new();
        for recipient in changes.recipients() {
            let mut is_there = false;
            for old in &kept {
                is_there |= old.is_for(recipient, lock)?;
            }
            if !is_there {
                added.push(recipient);
            }
        }
        Ok(Self { kept, removed, added, is_set: false })
    }

    /// Returns whether a record is made or goes. That an origin goes is no reason to rewrap (R51),
    /// unless nobody but those given is to stay.
    pub(super) fn changes_records(&self) -> bool {
        !self.added.is_empty() || !self.removed.iter().all(|old| old.is_origin() && !self.is_set)
    }

    /// Describes the records of a header that stays as it was (R54).
    pub(super) fn who_opened(&self) -> Vec<RecordInspection> {
        let mut all: Vec<_> = self.kept.iter().chain(&self.removed).collect();
        all.sort_by_key(|old| old.position);
        all.into_iter().map(Old::describe).collect()
    }

    /// Describes the records of the header that was made by this plan (R54).
    pub(super) fn who_opens(&self, new: &Header<'_>) -> Vec<RecordInspection> {
        let made = new.records().skip(self.kept.len()).zip(&self.added);
        let made = made.map(|(record, recipient)| {
            inspect::describe(&record).known(Evidence::MadeNow, recipient.id())
        });
        self.kept.iter().map(Old::describe).chain(made).collect()
    }

    /// Refuses what R46 forbids. A record that only a holder can have made counts wherever it is in
    /// the list.
    fn check(&self, vouch: bool, opened: Provenance) -> Result<()> {
        let is_held = |old: &Old<'_>| match (&old.record, old.opener) {
            (Record::Known(record), Some(_)) => record.kind.provenance() == Provenance::Holder,
            _ => false,
        };
        let all = || self.kept.iter().chain(&self.removed);
        let provenance = if all().any(is_held) { Provenance::Holder } else { opened };
        let is_known = |old: &Old<'_>| matches!(old.record, Record::Known(_));
        if self.added.is_empty() && !self.kept.iter().any(is_known) {
            let what = "without the last key nobody could open the object";
            let hint = "add another key in the same rewrap: --add KEY";
            return Err(Error::usage(Detail::new(what).hint(hint)));
        }
        let hint = "`reencrypt` vouches for what it holds, `Changes::vouch` for its header alone";
        check_vouched(self.added.iter().copied(), provenance, vouch, hint)
    }
}

/// Refuses a record that would say that a holder made what anyone can have made, unless the caller
/// vouches for it (R46, R47).
pub(crate) fn check_vouched<'r>(
    mut recipients: impl Iterator<Item = &'r Recipient>,
    provenance: Provenance,
    vouch: bool,
    hint: &'static str,
) -> Result<()> {
    let would_vouch = |key: &Recipient| key.kind().provenance() == Provenance::Holder;
    if vouch || provenance == Provenance::Holder || !recipients.any(would_vouch) {
        return Ok(());
    }
    let what = "anyone with a public key could have made this object; a symmetric key or passphrase would make it look as if a holder had";
    Err(Error::usage(Detail::new(what).hint(hint)))
}

impl Old<'_> {
    fn is_origin(&self) -> bool {
        matches!(self.record, Record::Unknown { code: ORIGIN, .. })
    }

    /// Describes it, and who can open it as far as that is known here.
    pub(super) fn describe(&self) -> RecordInspection {
        let way = inspect::describe(&self.record);
        match self.opener {
            Some(key) => way.known(Evidence::OpenedHere, key.id()),
            None => way,
        }
    }

    /// Returns whether this is the record that *set* would make for a recipient, opened by its key.
    fn is_as_asked(&self, recipient: &Recipient) -> bool {
        let (Record::Known(record), Some(key)) = (&self.record, self.opener) else { return false };
        let is_same_key = match record.kind {
            RecordKind::Passphrase => recipient.is_passphrase(key),
            kind => kind == recipient.kind() && key.id() == recipient.id(),
        };
        is_same_key
            && (record.kind == RecordKind::Passphrase
                || record.key_id.is_anonymous() == recipient.is_anonymous())
            && record.label == recipient.label()
            && recipient.costs_as(record)
    }

    /// Returns whether this record is there for a recipient that is to be added.
    fn is_for(&self, recipient: &Recipient, lock: &Lock<'_>) -> Result<bool> {
        let Record::Known(record) = &self.record else { return Ok(false) };
        if record.kind != recipient.kind() {
            return Ok(false);
        }
        if record.kind == RecordKind::Passphrase {
            return self.is_passphrase(record, recipient, lock);
        }
        if self.opener.is_some_and(|key| key.id() == recipient.id()) {
            return Ok(true);
        }
        Ok(match is_anonymous(record) {
            true => recipient.can_open() && lock.opens(recipient, record)?,
            false => record.key_id == recipient.id(),
        })
    }

    /// Returns whether this record has the id of a recipient whose key is at hand, and does not open
    /// with it: it stands in the place of one that does.
    fn is_forged(&self, recipient: &Recipient, lock: &Lock<'_>) -> bool {
        let Record::Known(record) = &self.record else { return false };
        if is_anonymous(record)
            || record.kind == RecordKind::Passphrase
            || record.kind != recipient.kind()
            || record.key_id != recipient.id()
            || self.opener.is_some()
        {
            return false;
        }
        let opens = || recipient.can_open() && lock.opens(recipient, record).unwrap_or(false);
        (lock.holds(record) || recipient.can_open()) && !opens()
    }

    /// An object has room for one passphrase, so another one is refused.
    fn is_passphrase(
        &self,
        record: &Known<'_>,
        recipient: &Recipient,
        lock: &Lock<'_>,
    ) -> Result<bool> {
        let is_same = match self.opener {
            Some(key) => recipient.is_passphrase(key),
            None => lock.opens(recipient, record)?,
        };
        if is_same {
            return Ok(true);
        }
        let detail = Detail::new("the object has another passphrase already");
        Err(Error::usage(detail.hint("remove that one in the same rewrap")))
    }
}
