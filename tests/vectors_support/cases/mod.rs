//! The scenarios, by the part of SPEC.md that they are about.

mod access;
mod armor;
mod body;
mod expected;
mod floors;
mod header;
pub mod honest;
mod key_files;
mod key_texts;
mod opening;
mod pairs;
mod passphrases;
mod statement;
mod wraps;

use super::keys::{Key, pair, passphrase, symmetric};
use super::vector::Vector;

/// Every vector, always the same.
pub fn all() -> Vec<Vector> {
    [
        honest::vectors(),
        header::vectors(),
        statement::vectors(),
        pairs::vectors(),
        access::vectors(),
        wraps::vectors(),
        passphrases::vectors(),
        body::vectors(),
        opening::vectors(),
        expected::vectors(),
        floors::vectors(),
        key_texts::vectors(),
        key_files::vectors(),
        armor::vectors(),
    ]
    .concat()
}

fn alice() -> Key {
    symmetric("alice")
}

fn bob() -> Key {
    symmetric("bob")
}

fn carol() -> Key {
    pair("carol")
}

fn dave() -> Key {
    pair("dave")
}

fn words() -> Key {
    passphrase("correct horse battery staple")
}
