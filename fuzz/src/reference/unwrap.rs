//! R36 to R39: which key opens a header, and what the caller demands of it.

use keystead::ErrorKind::{self, Auth, Context as OtherContext, Limit, NoKey, Rollback};
use keystead::{Context, Expected, Floor, Location, RecordKind};

use super::Result;
use super::header::{Header, Record};
use super::primitives::{open_run, passphrase_key, xaes_open};
use crate::crypto::{expand, sha256};
use crate::keys::Key;

/// What a caller demands, in a form that makes the library's.
#[derive(Debug, Clone)]
pub struct Demand {
    pub pairs: Pairs,
    pub context: Context,
    pub location: Option<Location>,
    pub floor: Option<Floor>,
    pub held: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairs {
    Exactly,
    Included,
    Unchecked,
}

impl Demand {
    pub fn unchecked() -> Self {
        let (pairs, context) = (Pairs::Unchecked, Context::new());
        Self { pairs, context, location: None, floor: None, held: false }
    }

    pub fn expected(&self) -> Expected<'_> {
        let mut expected = match self.pairs {
            Pairs::Exactly => Expected::from(&self.context),
            Pairs::Included => self.context.included(),
            Pairs::Unchecked => Context::unchecked(),
        };
        if let Some(location) = &self.location {
            expected = expected.at(location);
        }
        if let Some(floor) = self.floor {
            expected = expected.not_before(floor);
        }
        if self.held { expected.require_holder() } else { expected }
    }
}

/// A header that one of the keys opened.
#[derive(Debug, Clone)]
pub struct Unwrapped {
    pub data_key: [u8; 32],
    /// Position of the record.
    pub position: usize,
    pub kind: RecordKind,
    pub key_id: [u8; 16],
}

/// R36, then location and context (R19, R37).
pub fn unwrap(header: &Header, held: &[Key], demand: &Demand) -> Result<Unwrapped> {
    let unwrapped = way_in(header, held, demand.held)?;
    if let Some(Location { store, path }) = &demand.location {
        let info = [b"keystead/v1/location\0", store.as_bytes(), b"\0", path.as_bytes()];
        if header.location != Some(expand(&unwrapped.data_key, &info)) {
            return Err(OtherContext);
        }
    }
    let has = |name: &str, value: &str| {
        header.context.iter().any(|(n, v)| n == name && v == value.as_bytes())
    };
    let all = demand.context.iter().all(|(name, value)| has(name, value));
    let right = match demand.pairs {
        Pairs::Unchecked => true,
        Pairs::Included => all,
        Pairs::Exactly => all && demand.context.iter().count() == header.context.len(),
    };
    if right { Ok(unwrapped) } else { Err(OtherContext) }
}

fn way_in(header: &Header, held: &[Key], only_held: bool) -> Result<Unwrapped> {
    let records: Vec<_> = header
        .records
        .iter()
        .enumerate()
        .filter(|(_, record)| record.is_known() && !(only_held && record.kind == 2))
        .collect();
    let of_kind =
        |code: u8| held.iter().filter(move |key| code_of(key.kind) == code).collect::<Vec<_>>();

    // Step 1.
    for (position, record) in &records {
        if record.kind == 3 || record.is_anonymous() {
            continue;
        }
        if let Some(key) = of_kind(record.kind).into_iter().find(|key| key.id == record.id) {
            return attempt(header, (*position, record), key)?.ok_or(Auth);
        }
    }
    // Step 2.
    let anonymous: Vec<_> =
        records.iter().filter(|(_, record)| record.kind != 3 && record.is_anonymous()).collect();
    let trials: usize = anonymous.iter().map(|(_, record)| of_kind(record.kind).len()).sum();
    if trials > 1_024 {
        return Err(Limit);
    }
    for (position, record) in anonymous {
        for key in of_kind(record.kind) {
            if let Some(unwrapped) = attempt(header, (*position, record), key)? {
                return Ok(unwrapped);
            }
        }
    }
    // Step 3.
    let record = records.iter().find(|(_, record)| record.kind == 3);
    if let (Some((position, record)), Some(key)) = (record, of_kind(3).first())
        && let Some(unwrapped) = attempt(header, (*position, record), key)?
    {
        return Ok(unwrapped);
    }
    Err(NoKey)
}

/// R25 to R29, and the header tag (R24).
fn attempt(
    header: &Header,
    (position, record): (usize, &Record),
    key: &Key,
) -> std::result::Result<Option<Unwrapped>, ErrorKind> {
    let wrapping = match record.kind {
        1 => Some(expand(&key.secret, &[b"keystead/v1/wrap\0"])),
        2 => open_run(key, &record.parameters),
        _ => {
            if is_above_ceiling(&record.parameters) {
                return Err(Limit);
            }
            Some(passphrase_key(&key.text, &record.parameters))
        }
    };
    let binding = sha256(&[
        b"keystead/v1/binding\0",
        &[1, 1],
        &header.object_id,
        &header.statement_hash(),
        &[record.kind],
        &record.id,
        &sha256(&[&record.parameters]),
    ]);
    let data_key = wrapping.and_then(|w| xaes_open(&w, &record.nonce, &binding, &record.wrapped));
    let Some(data_key) = data_key.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) else {
        return Ok(None);
    };
    let hash = sha256(&[header.tagged()]);
    if expand::<32>(&data_key, &[b"keystead/v1/header\0", &hash]) != header.tag() {
        return Ok(None);
    }
    Ok(Some(Unwrapped { data_key, position, kind: key.kind, key_id: key.id }))
}

/// R29.
fn is_above_ceiling(parameters: &[u8]) -> bool {
    let cost =
        |at: usize| u64::from(u32::from_be_bytes(parameters[at..at + 4].try_into().unwrap()));
    let (m, t, p) = (cost(16), cost(20), cost(24));
    m > 1_048_576 || t > 10 || p > 8 || m * t > 4_194_304
}

/// R38, in its order.
pub fn check_floor(floor: &Floor, found: &Floor) -> Result<()> {
    if found.commitment != floor.commitment {
        return Err(Rollback);
    }
    if found.generation < floor.generation
        || (found.generation == floor.generation && found.tag != floor.tag)
    {
        return Err(Rollback);
    }
    if found.generation - floor.generation > 1 << 20 {
        return Err(Auth);
    }
    Ok(())
}

fn code_of(kind: RecordKind) -> u8 {
    match kind {
        RecordKind::Symmetric => 1,
        RecordKind::Pair => 2,
        _ => 3,
    }
}
