//! The caller's public pairs, and what a caller may demand of an object before it opens (SPEC R11,
//! R37, R38).

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::floor::Floor;
use super::layout::TAG;
use super::pairs::{self, MAX_PAIRS_LEN, TOO_LONG, Values};
use crate::error::{Detail, Error, Result};
use crate::threads::Threads;

/// Public, authenticated name=value pairs that belong to an object, as AAD does to a message:
/// visible to the provider, not changeable by it, and demanded again when the object is opened.
///
/// At most 64 pairs and 16,384 bytes, names of 1 to 255 bytes (SPEC R11, R12). Names that begin
/// with `keystead.` are reserved (R13). Limits are checked when the object is made. It is
/// `Send + Sync`.
///
/// ```
/// use keystead::Context;
/// let context = Context::from([("invoice", "42")]).with("tenant", "acme");
/// assert_eq!(context.get("tenant"), Some("acme"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<String, String>);

impl Context {
    /// Returns an empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry; a name that is there already gets the new value.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// Returns the value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns all entries in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Returns whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens whatever context an object has: the opt-out that one grep finds (SPEC R37).
    #[must_use]
    pub const fn unchecked() -> Expected<'static> {
        Expected::of(Pairs::Unchecked)
    }

    /// Demands that these entries are among an object's; it may have others.
    #[must_use]
    pub const fn included(&self) -> Expected<'_> {
        Expected::of(Pairs::Include(self))
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        pairs::encode(self.iter().map(|(n, v)| (n, v.as_bytes())), &mut out)?;
        if out.len() > MAX_PAIRS_LEN {
            let what =
                format!("the context takes {} bytes; at most {MAX_PAIRS_LEN} fit", out.len());
            return Err(Error::limit(Detail::new(what).hint(TOO_LONG)));
        }
        Ok(out)
    }

    /// Decodes what the header parser has accepted.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut map = BTreeMap::new();
        if !bytes.is_empty() {
            pairs::parse(bytes, Values::Text, |name, value| {
                map.insert(name.to_owned(), String::from_utf8_lossy(value).into_owned());
            })?;
        }
        Ok(Self(map))
    }

    pub(crate) fn check_unreserved(&self) -> Result<()> {
        pairs::check_unreserved(self.0.keys().map(String::as_str))
    }
}

impl<N: Into<String>, V: Into<String>, const LEN: usize> From<[(N, V); LEN]> for Context {
    fn from(pairs: [(N, V); LEN]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Context {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(n, v)| (n.into(), v.into())).collect())
    }
}

/// Private pairs of an object: sealed, seen only by who opens it. Values are any bytes, wiped when
/// dropped.
///
/// At most 64 pairs and 16,368 bytes (SPEC R14).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, Zeroizing<Vec<u8>>>);

impl Metadata {
    /// The original file name (SPEC R14).
    pub const NAME: &'static str = "keystead.name";
    /// The media type (SPEC R14).
    pub const MEDIA_TYPE: &'static str = "keystead.media-type";
    /// The time of the last change, RFC 3339 in UTC (SPEC R14).
    pub const MODIFIED: &'static str = "keystead.modified";

    /// Returns an empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry; a name that is there already gets the new value.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.0.insert(name.into(), Zeroizing::new(value.into()));
        self
    }

    /// Returns the value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(|value| value.as_slice())
    }

    /// Returns all entries in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_slice()))
    }

    /// Returns whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses reserved names (R13), except the three that R14 gives meaning to.
    pub(crate) fn check_unreserved(&self) -> Result<()> {
        let known = [Self::NAME, Self::MEDIA_TYPE, Self::MODIFIED];
        let names = self.0.keys().map(String::as_str);
        pairs::check_unreserved(names.filter(|name| !known.contains(name)))
    }

    /// Returns the length of the encoding in bytes.
    pub(crate) fn encoded_len(&self) -> usize {
        self.iter().map(|(name, value)| 3 + name.len() + value.len()).sum()
    }

    /// Encodes it, with room for a tag after it, so that no grown buffer leaves a copy.
    pub(crate) fn encode(&self) -> Result<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(Vec::with_capacity(self.encoded_len() + TAG));
        pairs::encode(self.iter(), &mut out)?;
        Ok(out)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut map = BTreeMap::new();
        pairs::parse(bytes, Values::Bytes, |name, value| {
            map.insert(name.to_owned(), Zeroizing::new(value.to_vec()));
        })?;
        Ok(Self(map))
    }
}

/// Names only: the values are private.
impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The place of an object: the customer's own name of the store, and the path in it (SPEC R19). The
/// store's name is a logical one, so that a bucket can move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The customer's name of the store; not empty, without NUL.
    pub store: String,
    /// The path within the store; it does not begin with `/`.
    pub path: String,
}

/// What the caller demands of an object before any byte of its body is read (SPEC R37, R38), and
/// the threads that may open it.
///
/// `&Context` converts into it and means exactly that context. Location and floor are added to any
/// of the forms.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub(crate) pairs: Pairs<'a>,
    pub(crate) location: Option<&'a Location>,
    pub(crate) floor: Option<Floor>,
    pub(crate) holder: bool,
    pub(crate) threads: Threads,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Pairs<'a> {
    Exactly(&'a Context),
    Include(&'a Context),
    Unchecked,
}

impl<'a> Expected<'a> {
    const fn of(pairs: Pairs<'a>) -> Self {
        Self { pairs, location: None, floor: None, holder: false, threads: Threads::ONE }
    }

    /// Demands that a key opens it that only its holders have: records for public keys, which
    /// anyone can make, are not tried (R39).
    #[must_use]
    pub const fn require_holder(mut self) -> Self {
        self.holder = true;
        self
    }

    /// Demands that the object was bound to this place (R19).
    #[must_use]
    pub const fn at(mut self, location: &'a Location) -> Self {
        self.location = Some(location);
        self
    }

    /// Demands that the header is not older than one seen before (R38).
    #[must_use]
    pub const fn not_before(mut self, floor: Floor) -> Self {
        self.floor = Some(floor);
        self
    }

    /// Lets the call use several threads; without it, the caller's own does all the work. A header
    /// that was unwrapped keeps the number for the readers of its body.
    #[must_use]
    pub const fn threads(mut self, threads: Threads) -> Self {
        self.threads = threads;
        self
    }

    /// Compares the context with what is demanded (R37).
    pub(crate) fn check_context(&self, found: &Context) -> Result<()> {
        let (wanted, exactly) = match self.pairs {
            Pairs::Unchecked => return Ok(()),
            Pairs::Exactly(wanted) => (wanted, true),
            Pairs::Include(wanted) => (wanted, false),
        };
        for (name, value) in wanted.iter() {
            match found.get(name) {
                Some(other) if other == value => {}
                Some(_) => return Err(another(name, "has a different value")),
                None => return Err(another(name, "is missing")),
            }
        }
        match found.iter().find(|(name, _)| exactly && wanted.get(name).is_none()) {
            Some((name, _)) => Err(another(name, "was not expected")),
            None => Ok(()),
        }
    }
}

/// Says names only: what an object of another tenant says is not for this caller.
fn another(name: &str, difference: &str) -> Error {
    let what = format!("the object has another context: {name:?} {difference}");
    Error::context(Some(name), what)
}

impl<'a> From<&'a Context> for Expected<'a> {
    fn from(context: &'a Context) -> Self {
        Self::of(Pairs::Exactly(context))
    }
}
