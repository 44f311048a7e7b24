//! Pairs are age's hybrid keys (SPEC R43): the identity printed in c2sp.org/age. `cli/tests/age.rs`
//! goes both ways with another implementation.

use keystead::MasterKey;

#[test]
fn the_identity_of_the_age_specification() {
    let identity = "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR";
    let begins = "age1pq1x34nzsvr0rxjsgdn8zgyhfe8j7ceq5r9rdelkjuh3y235jzxshfg87p";
    let key = MasterKey::from_text(identity).unwrap();
    let recipient = key.public().unwrap().to_text();
    assert!(recipient.starts_with(begins), "{recipient}");
    assert_eq!(*key.expose_secret_text().unwrap(), identity);
}
