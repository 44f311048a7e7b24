//! Keys and floors as text: Bech32 as age writes it (SPEC R43). Bytes in, text out; which bytes are
//! a key is said one floor up.

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Checksum, Hrp};
use zeroize::Zeroizing;

use crate::error::{Detail, Error, Result};

/// A symmetric key, upper case.
pub(crate) const SYMMETRIC: &str = "KEYSTEAD-SYMMETRIC-KEY-";
/// A private key, age's own, upper case.
pub(crate) const PRIVATE: &str = "AGE-SECRET-KEY-PQ-";
/// A public key, age's own, lower case.
pub(crate) const PUBLIC: &str = "age1pq";
/// A floor (R38), lower case.
pub(super) const FLOOR: &str = "keystead-floor-";

/// What the text of a key begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyText {
    Symmetric,
    Private,
    Public,
}

/// Returns what a text claims to be, in either case; nothing where it is no key of ours.
pub(crate) fn kind(text: &str) -> Option<KeyText> {
    let begins_with = |prefix: &str| {
        let (head, rest) = text.as_bytes().split_at_checked(prefix.len()).unwrap_or_default();
        head.eq_ignore_ascii_case(prefix.as_bytes()) && rest.first() == Some(&b'1')
    };
    let kinds =
        [(SYMMETRIC, KeyText::Symmetric), (PRIVATE, KeyText::Private), (PUBLIC, KeyText::Public)];
    kinds.into_iter().find(|(prefix, _)| begins_with(prefix)).map(|(_, kind)| kind)
}

/// Longest text of a key: a public key of 1,216 bytes with prefix and checksum.
const MAX_TEXT: usize = 2_048;

/// Bech32 without its length limit, as age uses it.
enum UnlimitedBech32 {}

impl Checksum for UnlimitedBech32 {
    type MidstateRepr = <Bech32 as Checksum>::MidstateRepr;
    type CorrectionField = <Bech32 as Checksum>::CorrectionField;
    const ROOT_GENERATOR: Self::CorrectionField = Bech32::ROOT_GENERATOR;
    const ROOT_EXPONENTS: std::ops::RangeInclusive<usize> = Bech32::ROOT_EXPONENTS;
    const CODE_LENGTH: usize = MAX_TEXT;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [Self::MidstateRepr; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: Self::MidstateRepr = Bech32::TARGET_RESIDUE;
}

/// Encodes key bytes as text; the case of the prefix is the case of the text.
pub(crate) fn encode(prefix: &str, key: &[u8]) -> Result<Zeroizing<String>> {
    let hrp = Hrp::parse(prefix).map_err(|_| Error::key_file("a key prefix that is not one"))?;
    // Reserved at once, so that no grown buffer leaves a piece of a secret behind.
    let mut text = Zeroizing::new(String::with_capacity(prefix.len() + 7 + key.len() * 8 / 5 + 1));
    let written = if prefix.bytes().any(|b| b.is_ascii_uppercase()) {
        bech32::encode_upper_to_fmt::<UnlimitedBech32, _>(&mut *text, hrp, key)
    } else {
        bech32::encode_lower_to_fmt::<UnlimitedBech32, _>(&mut *text, hrp, key)
    };
    written.map_err(|_| Error::key_file("a key too long for its text"))?;
    Ok(text)
}

/// Decodes a key text with this prefix, in its own case; anything else is KEYFILE.
pub(crate) fn decode<const N: usize>(prefix: &str, text: &str) -> Result<Zeroizing<[u8; N]>> {
    decode_bytes(prefix, text).ok_or_else(|| {
        let detail = Detail::new(format!(
            "a key that begins with {prefix}1 has a wrong character or length"
        ));
        Error::key_file(detail.hint("compare it with the original, character by character"))
    })
}

/// Decodes a text with this prefix, in its own case and of this length.
pub(super) fn decode_bytes<const N: usize>(prefix: &str, text: &str) -> Option<Zeroizing<[u8; N]>> {
    let upper = prefix.bytes().any(|b| b.is_ascii_uppercase());
    let other_case = |b: u8| if upper { b.is_ascii_lowercase() } else { b.is_ascii_uppercase() };
    if text.len() > MAX_TEXT || text.bytes().any(other_case) {
        return None;
    }
    let checked = CheckedHrpstring::new::<UnlimitedBech32>(text).ok()?;
    if !checked.hrp().as_str().eq_ignore_ascii_case(prefix) {
        return None;
    }
    // R43: padding of at most four bits, all zero.
    checked.validate_segwit_padding().ok()?;
    let mut out = Zeroizing::new([0; N]);
    let mut bytes = checked.byte_iter();
    for byte in out.iter_mut() {
        *byte = bytes.next()?;
    }
    bytes.next().is_none().then_some(out)
}

/// Says what a text looks like that is no key of ours.
pub(crate) fn not_a_key(text: &str) -> Detail {
    let detail = Detail::new("text that is not a keystead key");
    if text.starts_with("ssh-") || text.starts_with("-----BEGIN OPENSSH") {
        detail.hint("it is an SSH key; make a key with `keystead keygen`")
    } else if text.starts_with("-----BEGIN") {
        detail.hint("it is a PEM file; make a key with `keystead keygen`")
    } else if text.starts_with("age1") || text.starts_with("AGE-SECRET-KEY-1") {
        detail.hint("it is a classical age key; keystead takes post-quantum ones (age1pq1…), which `keystead keygen` and `age-keygen -pq` make")
    } else {
        detail
    }
}
