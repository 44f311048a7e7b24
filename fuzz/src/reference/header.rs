//! Sections 2 to 4 of SPEC.md, in the order of R53.

use keystead::ErrorKind::{self, Format, Limit};

use super::Result;
use crate::crypto::sha256;

const TAG: usize = 32;

/// Name and value.
pub type PairList = Vec<(String, Vec<u8>)>;

#[derive(Debug, Clone)]
pub struct Header {
    /// The whole header, its tag included.
    pub bytes: Vec<u8>,
    pub object_id: [u8; 16],
    pub plaintext_len: Option<u64>,
    pub context: PairList,
    pub metadata: Option<Vec<u8>>,
    pub statement: Vec<u8>,
    pub public_statement: Vec<u8>,
    pub generation: u64,
    pub location: Option<[u8; 32]>,
    pub records: Vec<Record>,
    /// Bytes that a header with these fields takes at least, a multiple of 8.
    pub exact_len: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub kind: u8,
    pub raw: Vec<u8>,
    /// Of kinds 1 to 3 alone, as the rest.
    pub id: [u8; 16],
    pub parameters: Vec<u8>,
    pub nonce: [u8; 24],
    pub wrapped: Vec<u8>,
    pub label: String,
}

impl Record {
    pub fn is_known(&self) -> bool {
        (1..=3).contains(&self.kind)
    }

    pub fn is_anonymous(&self) -> bool {
        self.id == [0; 16]
    }
}

struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at + len).ok_or(Format)?;
        self.at += len;
        Ok(taken)
    }

    fn number(&mut self, len: usize) -> Result<u64> {
        Ok(self.take(len)?.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }

    fn size(&mut self, len: usize) -> Result<usize> {
        Ok(usize::try_from(self.number(len)?).unwrap())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N)?.try_into().unwrap())
    }
}

impl Header {
    pub fn parse(input: &[u8]) -> Result<Self> {
        // R4, R5, R6.
        let mut fields = Fields { bytes: input, at: 0 };
        if fields.take(5)? != b"\x8bKST\n" {
            return Err(Format);
        }
        let identity = [fields.number(1)?, fields.number(1)?];
        if identity != [1, 1] {
            return Err(Format);
        }
        let len = fields.size(2)? * 8;
        if len > 65_536 {
            return Err(Limit);
        }
        let bytes = input.get(..len).ok_or(Format)?;
        let inner = bytes.get(..len.saturating_sub(TAG)).ok_or(Format)?;
        let mut fields = Fields { bytes: inner, at: 9 };
        if inner.len() < 9 {
            return Err(Format);
        }

        // R8 to R14.
        let object_id = fields.array()?;
        let flags = fields.number(1)?;
        if flags > 7 {
            return Err(Format);
        }
        let plaintext_len = if flags & 1 == 0 { None } else { Some(fields.number(8)?) };
        if plaintext_len.is_some_and(|len| len >= 1 << 52) {
            return Err(Limit);
        }
        let mut context = PairList::new();
        if flags & 2 != 0 {
            let len = fields.size(2)?;
            if len > 16_384 {
                return Err(Limit);
            }
            context = pairs(fields.take(len)?, true)?;
        }
        let public_statement = inner[9..fields.at].to_vec();
        let mut metadata = None;
        if flags & 4 != 0 {
            let len = fields.size(2)?;
            if !(20..=16_384).contains(&len) {
                return Err(if len < 20 { Format } else { Limit });
            }
            metadata = Some(fields.take(len)?.to_vec());
        }
        let statement = inner[9..fields.at].to_vec();

        // R18 to R22.
        let generation = fields.number(8)?;
        let flags = fields.number(1)?;
        if flags > 1 {
            return Err(Format);
        }
        let location = if flags == 0 { None } else { Some(fields.array()?) };
        let count = fields.size(1)?;
        if !(1..=20).contains(&count) {
            return Err(if count == 0 { Format } else { Limit });
        }
        let mut records = Vec::new();
        for _ in 0..count {
            records.push(record(&mut fields)?);
        }

        // R23.
        let exact_len = (fields.at + TAG).next_multiple_of(8);
        if inner[fields.at..].iter().any(|byte| *byte != 0) {
            return Err(Format);
        }
        check_records(&records)?;
        Ok(Self {
            bytes: bytes.to_vec(),
            object_id,
            plaintext_len,
            context,
            metadata,
            statement,
            public_statement,
            generation,
            location,
            records,
            exact_len,
        })
    }

    /// Everything that the tag covers (R24).
    pub fn tagged(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() - TAG]
    }

    pub fn tag(&self) -> [u8; TAG] {
        *self.bytes.last_chunk().unwrap()
    }

    /// R17.
    pub fn statement_hash(&self) -> [u8; 32] {
        sha256(&[b"\x8bKST\n\x01\x01", &self.statement])
    }
}

fn record(fields: &mut Fields<'_>) -> Result<Record> {
    let start = fields.at;
    let kind = u8::try_from(fields.number(1)?).unwrap();
    if kind == 0 {
        return Err(Format);
    }
    let len = fields.size(2)?;
    let payload = fields.take(len)?;
    let raw = fields.bytes[start..fields.at].to_vec();
    let mut record = Record {
        kind,
        raw,
        id: [0; 16],
        parameters: vec![],
        nonce: [0; 24],
        wrapped: vec![],
        label: String::new(),
    };
    let (parameters, allowed) = match kind {
        1 => (0, 88..=152),
        2 => (1_168, 1_256..=1_320),
        3 => (28, 116..=180),
        _ => return Ok(record),
    };
    if !allowed.contains(&len) {
        return Err(Format);
    }
    let mut fields = Fields { bytes: payload, at: 0 };
    record.id = fields.array()?;
    if kind == 3 && record.id != [0; 16] {
        return Err(Format);
    }
    record.parameters = fields.take(parameters)?.to_vec();
    if kind == 3 {
        // R29: each of m, t, p in turn.
        for (at, floor) in [(16, 19_456), (20, 2), (24, 1)] {
            let cost = u32::from_be_bytes(record.parameters[at..at + 4].try_into().unwrap());
            if cost < floor {
                return Err(if cost == 0 { Limit } else { Format });
            }
        }
    }
    record.nonce = fields.array()?;
    record.wrapped = fields.take(48)?.to_vec();
    record.label = String::from_utf8(payload[fields.at..].to_vec()).map_err(|_| Format)?;
    Ok(record)
}

fn check_records(records: &[Record]) -> Result<()> {
    for (index, a) in records.iter().enumerate() {
        for b in &records[..index] {
            let named = a.kind <= 2 && !a.is_anonymous() && a.id == b.id;
            let twice = a.kind == b.kind && (a.kind == 3 || named);
            if twice || a.raw == b.raw {
                return Err(Format);
            }
        }
    }
    Ok(())
}

/// R12; metadata has values of any bytes.
pub fn pairs(bytes: &[u8], text: bool) -> std::result::Result<PairList, ErrorKind> {
    let mut fields = Fields { bytes, at: 0 };
    let mut list = PairList::new();
    if bytes.is_empty() {
        return Err(Format);
    }
    while fields.at < bytes.len() {
        if list.len() == 64 {
            return Err(Limit);
        }
        let (name_len, value_len) = (fields.size(1)?, fields.size(2)?);
        let name = String::from_utf8(fields.take(name_len)?.to_vec()).map_err(|_| Format)?;
        let follows = list.last().is_none_or(|(last, _)| last.as_bytes() < name.as_bytes());
        if name.is_empty() || !follows {
            return Err(Format);
        }
        let value = fields.take(value_len)?.to_vec();
        if text && std::str::from_utf8(&value).is_err() {
            return Err(Format);
        }
        list.push((name, value));
    }
    Ok(list)
}
