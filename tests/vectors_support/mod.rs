//! What makes and checks the vectors.

pub mod cases;
pub mod check;
pub mod crypto;
pub mod forge;
pub mod keys;
pub mod vector;
