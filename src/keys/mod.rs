//! Who may open: data keys, master keys, recipients, and the keys at hand.
//!
//! One verb pair: wrap and unwrap. A master key is a secret that the customer holds; it wraps and
//! unwraps data keys and does nothing else (SPEC sections 5 and 8).
//!
//! | key | made by | opens | what it says about the maker |
//! |---|---|---|---|
//! | symmetric, 32 bytes | [`MasterKey::generate`], [`MasterKey::from_bytes`] | yes | someone who held it |
//! | key pair, MLKEM768-X25519 | [`MasterKey::generate_pair`] | yes | nothing: anyone can have made it |
//! | public key, 1,216 bytes | [`MasterKey::public`], [`PublicKey::from_text`] | no | |
//! | passphrase, Argon2id | [`MasterKey::passphrase`] | yes | someone who held or guessed it |
//!
//! Encrypting takes [`Recipients`]: who may open the new object. Opening takes [`Keys`]: the master
//! keys at hand. A [`KeyFile`] is text with keys for either.

mod at_hand;
mod data_key;
mod key_file;
mod master;
mod pair;
mod passphrase;
mod recipients;
mod symmetric;
mod wrap;

pub use at_hand::Keys;
pub(crate) use data_key::DataKey;
pub use key_file::KeyFile;
pub use master::MasterKey;
pub use pair::PublicKey;
pub use passphrase::PassphraseCosts;
pub use recipients::{Recipient, Recipients};
pub(crate) use wrap::Binding;
