//! The golden cases: what the command line says and does, as data in `tests/cases/`.
#![cfg(unix)]
#![allow(unreachable_pub, reason = "the harness is shared")]

mod harness;

#[test]
fn basics() {
    assert!(harness::run_cases(include_str!("cases/basics.txt")) >= 20);
}

#[test]
fn errors() {
    assert!(harness::run_cases(include_str!("cases/errors.txt")) >= 25);
}
