//! Rewrap against R46: which changes are refused, and what the new list is.

use std::collections::BTreeSet;

use keystead::{Changes, ErrorKind, KeyId, Location, RecordKind, Rewrapped};

use super::lists::{self, List};
use super::{openers, parse_and_inspect};
use crate::Note;
use crate::choices::Choices;
use crate::crypto::{expand, sha256};
use crate::pool::{Added, POOL, Ring};
use crate::reference::body::{PREFIX, commitment};
use crate::reference::header::Record;
use crate::reference::unwrap::unwrap;
use crate::reference::{self, Demand, Header, Unwrapped};

/// Changes in a form that makes the library's, and that the reader can judge.
struct Plan {
    added: Option<&'static Added>,
    set: bool,
    remove_ids: Vec<[u8; 16]>,
    remove_passphrase: bool,
    remove_positions: Vec<usize>,
    location: Option<Option<Location>>,
    header_len: Option<usize>,
    unlinkable: bool,
    vouch: bool,
}

/// The code of a passphrase record.
const PASSPHRASE: u8 = 3;
const PLACES: [(&str, &str); 5] =
    [("store", "other/name"), ("store", ""), ("", "name"), ("st\0re", "name"), ("store", "/name")];

pub(super) fn check(list: &List, c: &mut Choices<'_>, note: Note<'_>) {
    let mut object = list.object.clone();
    let mut demand = list.demand.clone();
    for _ in 0..2 {
        let Ok(header) = Header::parse(&object) else { return };
        let ring = lists::rings(c, &header, false)[0];
        let plan = plan(c, &header, list.argon2id);
        let rewrapped = match rewrap(&object, &header, ring, &demand, &plan) {
            Ok(rewrapped) => rewrapped,
            Err(class) => return note(&format!("rewrap: {}", class.name())),
        };
        note("rewrap: OK");
        let old_body = &object[rewrapped.old_len..];
        let new = [&rewrapped.header, old_body].concat();
        reopen(list, &new, &object, &rewrapped, &plan);
        // The next round demands what this one returned: it is the newest header.
        demand = Demand { floor: Some(rewrapped.floor), ..Demand::unchecked() };
        object = new;
    }
}

fn plan(c: &mut Choices<'_>, header: &Header, argon2id: bool) -> Plan {
    let fits = |added: &&Added| {
        argon2id || added.records.iter().all(|record| record.kind != RecordKind::Passphrase)
    };
    let added = (c.below(4) > 0).then(|| c.pick(&POOL.added)).filter(fits);
    let mut plan = Plan {
        added,
        set: added.is_some() && c.one_in(3),
        remove_ids: vec![],
        remove_passphrase: false,
        remove_positions: vec![],
        location: None,
        header_len: None,
        unlinkable: c.one_in(8),
        vouch: c.one_in(2),
    };
    for _ in 0..*c.pick(&[0, 0, 0, 1, 1, 2]) {
        let record = c.pick(&header.records);
        let id = if c.one_in(6) { [c.byte(); 16] } else { record.id };
        if record.is_known() && !c.one_in(3) {
            match record.kind {
                PASSPHRASE if id == record.id => plan.remove_passphrase = true,
                _ => plan.remove_ids.push(id),
            }
        } else {
            let end = header.records.len() + c.below(2);
            plan.remove_positions.push(c.below(end));
        }
    }
    plan.location = match c.below(16) {
        12..=13 => Some(None),
        14 => Some(Some(place(PLACES[0]))),
        15 => Some(Some(place(*c.pick(&PLACES)))),
        _ => None,
    };
    plan.header_len = match c.below(16) {
        13 => Some(header.bytes.len() + 8 * c.below(300)),
        14 => Some(header.exact_len + c.below(20)),
        15 => Some(*c.pick(&[65_536, 65_544, 0, 8, 1 << 20])),
        _ => None,
    };
    plan
}

fn place((store, path): (&str, &str)) -> Location {
    Location { store: store.to_owned(), path: path.to_owned() }
}

impl Plan {
    fn changes(&self) -> Changes<'_> {
        let mut changes = match self.added {
            Some(added) if self.set => Changes::set(&added.recipients),
            Some(added) => Changes::add(&added.recipients),
            None => Changes::new(),
        };
        for id in &self.remove_ids {
            changes = changes.remove(KeyId::from_bytes(*id));
        }
        if self.remove_passphrase {
            changes = changes.remove_passphrase();
        }
        for position in &self.remove_positions {
            changes = changes.remove_record(*position);
        }
        changes = match &self.location {
            None => changes,
            Some(None) => changes.no_location(),
            Some(Some(location)) => changes.location(location),
        };
        if let Some(len) = self.header_len {
            changes = changes.header_len(len);
        }
        if self.unlinkable {
            changes = changes.unlinkable();
        }
        if self.vouch { changes.vouch() } else { changes }
    }

    fn removes(&self, position: usize, record: &Record) -> bool {
        let named = record.is_known() && self.remove_ids.contains(&record.id);
        // An origin falls by every rewrap (R51).
        record.kind == 6
            || named
            || self.set
            || self.remove_positions.contains(&position)
            || (self.remove_passphrase && record.kind == PASSPHRASE)
    }

    fn new_records(&self) -> &[crate::pool::AddedRecord] {
        self.added.map_or(&[], |added| &added.records)
    }

    /// What R46 and the limits of section 10 refuse. SPEC.md gives no order among them, so a rewrap
    /// with several faults may end in the class of any of them.
    fn faults(&self, header: &Header, opened: &Unwrapped) -> BTreeSet<&'static str> {
        let mut faults = BTreeSet::new();
        let mut fault = |wrong: bool, class: ErrorKind| {
            if wrong {
                faults.insert(class.name());
            }
        };
        let (usage, limit) = (ErrorKind::Usage, ErrorKind::Limit);
        let records = &header.records;
        for id in &self.remove_ids {
            let there = records.iter().any(|record| record.is_known() && record.id == *id);
            fault(*id == [0; 16] || !there, usage);
        }
        fault(self.remove_positions.iter().any(|position| *position >= records.len()), usage);
        let has_passphrase = records.iter().any(|record| record.kind == PASSPHRASE);
        fault(self.remove_passphrase && !has_passphrase, usage);
        let removes = !self.remove_ids.is_empty() || !self.remove_positions.is_empty();
        fault(self.set && (removes || self.remove_passphrase), usage);
        let kept: Vec<_> = self.kept(header).collect();
        let new = self.new_records();
        let known = kept.iter().filter(|record| record.is_known()).count();
        fault(known + new.len() == 0, usage);
        for new in new {
            let id = if new.kind == RecordKind::Passphrase { [0; 16] } else { new.id };
            let there = |record: &&&Record| record.kind == code_of(new.kind) && record.id == id;
            fault(kept.iter().any(|record| there(&record)), usage);
        }
        let passphrases = new.iter().filter(|new| new.kind == RecordKind::Passphrase).count();
        fault(passphrases > 1, usage);
        let vouches = new.iter().any(|new| new.kind != RecordKind::Pair);
        fault(opened.kind == RecordKind::Pair && vouches && !self.vouch, usage);
        if let Some(Some(Location { store, path })) = &self.location {
            fault(store.is_empty() || store.contains('\0') || path.starts_with('/'), usage);
        }
        let exact = self.exact_len(header, &kept);
        let len = self.header_len.unwrap_or_else(|| exact.max(header.bytes.len()));
        fault(!len.is_multiple_of(8), usage);
        fault(exact > len || len > 65_536, limit);
        fault(kept.len() + new.len() > 20, limit);
        // No way in at all is the writer's mistake (R20, R46).
        fault(kept.is_empty() && new.is_empty(), usage);
        fault(header.generation == u64::MAX, limit);
        faults
    }

    fn kept<'h>(&'h self, header: &'h Header) -> impl Iterator<Item = &'h Record> {
        let records = header.records.iter().enumerate();
        let kept = records.filter(move |(at, record)| !self.removes(*at, record));
        kept.map(|(_, record)| record)
    }

    fn has_location(&self, header: &Header) -> bool {
        self.location.as_ref().map_or(header.location.is_some(), Option::is_some)
    }

    fn exact_len(&self, header: &Header, kept: &[&Record]) -> usize {
        let location = if self.has_location(header) { 32 } else { 0 };
        let kept: usize = kept.iter().map(|record| record.raw.len()).sum();
        let new: usize = self.new_records().iter().map(new_len).sum();
        let fields = 9 + header.statement.len() + 8 + 1 + location + 1 + kept + new;
        (fields + 32).next_multiple_of(8)
    }
}

fn new_len(new: &crate::pool::AddedRecord) -> usize {
    let parameters = match new.kind {
        RecordKind::Symmetric => 0,
        RecordKind::Pair => 1_168,
        _ => 28,
    };
    3 + 16 + parameters + 72 + new.label.len()
}

fn code_of(kind: RecordKind) -> u8 {
    match kind {
        RecordKind::Symmetric => 1,
        RecordKind::Pair => 2,
        _ => 3,
    }
}

/// Rewraps, or is refused for a reason of R36 to R38 or of the plan.
fn rewrap(
    object: &[u8],
    header: &Header,
    ring: &Ring,
    demand: &Demand,
    plan: &Plan,
) -> reference::Result<Rewrapped> {
    let prefix = &object[..object.len().min(header.bytes.len() + PREFIX)];
    let got = keystead::rewrap(prefix, &ring.ring, demand.expected(), &plan.changes());
    let opened = unwrap(header, &ring.held, demand).and_then(|unwrapped| {
        let body = &object[header.bytes.len()..];
        let (_, floor) = commitment(header, &unwrapped.data_key, body, demand)?;
        Ok((unwrapped, floor))
    });
    let class = got.as_ref().map(|_| ()).map_err(keystead::Error::kind);
    let (opened, floor) = match opened {
        Ok(opened) => opened,
        Err(right) => {
            assert_eq!(class, Err(right), "rewrap is an opening");
            return Err(right);
        }
    };
    let faults = plan.faults(header, &opened);
    let Ok(rewrapped) = got else {
        let class = class.expect_err("it failed");
        let name = class.name();
        assert!(faults.contains(name), "rewrap: {name}, and not one of {faults:?}");
        return Err(class);
    };
    assert!(faults.is_empty(), "rewrap: {faults:?} and no error");
    new_header(&rewrapped, header, &opened, plan);
    assert_eq!(rewrapped.floor.commitment, floor.commitment, "rewrap: floor");
    Ok(rewrapped)
}

/// The statement byte for byte, the kept records in order, the new ones after them, one generation
/// more, a tag under the same data key.
fn new_header(rewrapped: &Rewrapped, old: &Header, opened: &Unwrapped, plan: &Plan) {
    let new = Header::parse(&rewrapped.header).expect("rewrap: a header of SPEC.md");
    assert_eq!(rewrapped.old_len, old.bytes.len(), "rewrap: old length");
    assert_eq!(new.bytes, rewrapped.header, "rewrap: nothing after the header");
    assert_eq!(new.statement, old.statement, "rewrap: statement");
    assert_eq!(new.generation, old.generation + 1, "rewrap: generation");
    let kept: Vec<_> = plan.kept(old).collect();
    let len = plan.header_len.unwrap_or_else(|| old.bytes.len().max(plan.exact_len(old, &kept)));
    assert_eq!(new.bytes.len(), len, "rewrap: length");
    let location = match &plan.location {
        None => old.location,
        Some(None) => None,
        Some(Some(Location { store, path })) => {
            let info = [b"keystead/v1/location\0", store.as_bytes(), b"\0", path.as_bytes()];
            Some(expand(&opened.data_key, &info))
        }
    };
    assert_eq!(new.location, location, "rewrap: location");
    let (copied, made) = new.records.split_at(kept.len());
    assert!(copied.iter().zip(&kept).all(|(new, old)| new == *old), "rewrap: kept records");
    assert_eq!(made.len(), plan.new_records().len(), "rewrap: new records");
    for (record, asked) in made.iter().zip(plan.new_records()) {
        let hidden = asked.anonymous || asked.kind == RecordKind::Passphrase;
        let id = if hidden { [0; 16] } else { asked.id };
        let found = (record.kind, record.id, record.label.as_str());
        assert_eq!(found, (code_of(asked.kind), id, asked.label.as_str()), "rewrap: new record");
        assert_ne!(record.nonce, [0; 24], "rewrap: nonce");
    }
    let tag = [&b"keystead/v1/header\0"[..], &sha256(&[new.tagged()])];
    assert_eq!(new.tag(), expand::<32>(&opened.data_key, &tag), "rewrap: tag");
    assert_eq!(rewrapped.floor.tag, new.tag(), "rewrap: floor");
    assert_eq!(rewrapped.floor.generation, new.generation, "rewrap: floor");
    let unknown = kept.iter().filter(|record| !record.is_known()).count();
    assert_eq!(rewrapped.unknown_ways_in, unknown, "rewrap: unknown ways in");
    let origin = old.records.iter().any(|record| record.kind == 6);
    assert_eq!(rewrapped.origin_dropped, origin, "rewrap: origin");
}

/// Every key is tried on the new list. Who opens stands in it, and every new key opens.
fn reopen(list: &List, new: &[u8], old: &[u8], rewrapped: &Rewrapped, plan: &Plan) {
    let header = Header::parse(new);
    parse_and_inspect(new, &header);
    let header = header.expect("a header that rewrap made");
    let openers = openers(new, &header);
    for (ring, unwrapped) in &openers {
        let key = &ring.held[0];
        let record = &header.records[unwrapped.position];
        let named = record.is_anonymous() || record.id == key.id;
        assert!(named && record.kind == code_of(key.kind), "reopened by another's record");
        assert_eq!(unwrapped.data_key, list.data_key, "another data key");
        let got = keystead::decrypt(&ring.ring, new, Demand::unchecked().expected());
        let whole = reference::open(new, &ring.held, &Demand::unchecked());
        let right = whole.and_then(|opened| opened.whole);
        assert_eq!(got.as_ref().map(|_| ()).map_err(keystead::Error::kind), right, "reopened");
        if let Ok(text) = got {
            assert_eq!(text, list.text, "reopened");
        }
        // The floor of the new header refuses the old one (R38).
        let demand = Demand { floor: Some(rewrapped.floor), ..Demand::unchecked() };
        let got = keystead::decrypt(&ring.ring, old, demand.expected());
        let right = reference::open(old, &ring.held, &demand).and_then(|opened| opened.whole);
        assert_eq!(got.as_ref().map(|_| ()).map_err(keystead::Error::kind), right, "put back");
        assert!(got.is_err(), "an old header under a newer floor");
    }
    for asked in plan.new_records().iter().filter(|asked| asked.kind != RecordKind::Passphrase) {
        let opens = openers.iter().any(|(ring, _)| ring.names[0] == asked.name);
        let tried = POOL.single.iter().any(|ring| ring.names[0] == asked.name);
        assert!(opens || !tried, "{} does not open", asked.name);
    }
}
