//! Who may open: data keys, master keys, keyrings.
//!
//! One verb pair: wrap and unwrap. A master key is what the customer holds; it wraps and unwraps
//! data keys and does nothing else (SPEC sections 5 and 8).
//!
//! | key | made by | opens | says of the maker |
//! |---|---|---|---|
//! | symmetric, 32 bytes | [`MasterKey::generate`] | yes | someone who held it |
//! | pair, MLKEM768-X25519 | [`MasterKey::generate_pair`] | yes | nothing: anyone can have made it |
//! | public half, 1,216 bytes | [`MasterKey::public`], [`PublicKey::from_text`] | no | |
//! | passphrase, Argon2id | [`MasterKey::passphrase`] | yes | someone who held or guessed it |
//!
//! A [`Keyring`] is the keys at hand: encrypting wraps for all of them, opening uses those that can.

mod data_key;
mod keyring;
mod master;
mod pair;
mod passphrase;
mod symmetric;
mod wrap;

pub(crate) use data_key::DataKey;
pub use keyring::Keyring;
pub use master::MasterKey;
pub use pair::PublicKey;
pub use passphrase::PassphraseCosts;
pub(crate) use wrap::Binding;
