//! Every label of the format, in one table (SPEC R3). Each is used for nothing else.

/// A label as it stands in a derivation or a hash: its text and one zero byte.
macro_rules! label {
    ($text:literal) => {
        concat!($text, "\0").as_bytes()
    };
}

/// Expand info: header tag (R24).
pub(crate) const HEADER: &[u8] = label!("keystead/v1/header");
/// Expand info: key of the private metadata (R16).
pub(crate) const METADATA: &[u8] = label!("keystead/v1/metadata");
/// Expand info: location (R19).
pub(crate) const LOCATION: &[u8] = label!("keystead/v1/location");
/// Expand info: id of a symmetric key (R40).
pub(crate) const KEY_ID: &[u8] = label!("keystead/v1/key-id");
/// SHA-256 prefix: id of a public key (R41).
pub(crate) const PUBLIC_KEY_ID: &[u8] = label!("keystead/v1/public-key-id");
/// Expand info: wrapping key of a symmetric key (R27).
pub(crate) const WRAP: &[u8] = label!("keystead/v1/wrap");
/// SHA-256 prefix: what a wrap is bound to (R26).
pub(crate) const BINDING: &[u8] = label!("keystead/v1/binding");
/// HPKE info of a run key; no zero byte (R28).
pub(crate) const PAIR: &[u8] = b"keystead/v1/pair";

/// Expand info of the body, c2sp.org/chunked-encryption; not a label of ours (R30).
pub(crate) const BODY: &[u8] = label!("c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM");
