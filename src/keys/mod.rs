//! Who may open: data keys, master keys, keyrings.
//!
//! One verb pair: wrap and unwrap. A master key is what the customer holds; it wraps and unwraps
//! data keys and does nothing else.

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
