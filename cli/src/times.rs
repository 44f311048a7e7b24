//! The time of an output beside that of its input, which it was given when it was made, and what a
//! change of an object makes of it.

use std::fs::File;
use std::time::{Duration, SystemTime};

/// The time of an output beside that of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    Same,
    Older,
    /// Later, or nobody knows.
    Other,
}

/// An object beside its plaintext, of which it was made.
pub(crate) fn of_object(object: Option<SystemTime>, plaintext: Option<SystemTime>) -> Age {
    match age(object, plaintext) {
        Age::Other if is_changed(object, plaintext) => Age::Same,
        age => age,
    }
}

/// A plaintext beside its object, of which it was made.
pub(crate) fn of_plaintext(plaintext: Option<SystemTime>, object: Option<SystemTime>) -> Age {
    match age(plaintext, object) {
        Age::Older if is_changed(object, plaintext) => Age::Same,
        age => age,
    }
}

/// What a rewrap or a reencrypt sets: a time that others see to be another one, and that says
/// nothing of when the plaintext was written but what it said before.
pub(crate) fn after_change(before: Option<SystemTime>) -> Option<SystemTime> {
    before?.checked_add(CHANGE)
}

/// Only its owner sets the time of a file. The change is made all the same; the next run over the
/// folder then asks for `--force`.
pub(crate) fn set(file: &File, time: Option<SystemTime>) {
    let _ = time.map(|time| file.set_modified(time));
}

/// Whether an object has the time of its plaintext but for changes.
fn is_changed(object: Option<SystemTime>, plaintext: Option<SystemTime>) -> bool {
    let times = object.zip(plaintext);
    let later = times.and_then(|(object, plaintext)| object.duration_since(plaintext).ok());
    later.is_some_and(|later| later.subsec_nanos() == 0 && later <= MAX_CHANGES)
}

fn age(output: Option<SystemTime>, source: Option<SystemTime>) -> Age {
    let (Some(output), Some(source)) = (output, source) else { return Age::Other };
    let (distance, older) = match output.duration_since(source) {
        Ok(later) => (later, false),
        Err(earlier) => (earlier.duration(), true),
    };
    match distance {
        distance if distance.is_zero() || distance < resolution(output) => Age::Same,
        _ if older => Age::Older,
        _ => Age::Other,
    }
}

/// The coarsest clock that this time can be of: file systems round the times that they are given.
fn resolution(time: SystemTime) -> Duration {
    let nanos = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    // FAT, ext3 and HFS+, exFAT, UFS, NTFS.
    let steps = [2_000_000_000, 1_000_000_000, 10_000_000, 1_000, 100];
    let step = steps.into_iter().find(|step| nanos.is_multiple_of(u128::from(*step)));
    Duration::from_nanos(step.unwrap_or(0))
}

/// One rewrap or reencrypt.
const CHANGE: Duration = Duration::from_secs(1);
/// So many of them; more are another time.
const MAX_CHANGES: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, nanos: u32) -> Option<SystemTime> {
        Some(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos))
    }

    #[test]
    fn times_are_compared_as_far_as_a_file_system_keeps_them() {
        for (out, input, expected) in [
            (at(1_001, 123_456_789), at(1_001, 123_456_789), Age::Same),
            (at(1_001, 123_456_788), at(1_001, 123_456_789), Age::Older),
            (at(1_001, 123_456_789), at(1_001, 123_456_788), Age::Other),
            // NTFS, and a clock of seconds.
            (at(1_001, 123_456_700), at(1_001, 123_456_789), Age::Same),
            (at(1_001, 0), at(1_001, 999_999_999), Age::Same),
            (at(1_001, 0), at(1_002, 0), Age::Older),
            // FAT rounds down, and some round up.
            (at(1_000, 0), at(1_001, 999_999_999), Age::Same),
            (at(1_002, 0), at(1_000, 1), Age::Same),
            (at(1_000, 0), at(1_002, 0), Age::Older),
            (at(1_002, 0), at(1_000, 0), Age::Other),
            (None, at(1_000, 0), Age::Other),
        ] {
            assert_eq!(age(out, input), expected, "{out:?} {input:?}");
        }
    }

    #[test]
    fn an_object_may_be_later_by_as_many_seconds_as_it_was_changed() {
        let text = at(1_001, 123_456_789);
        for (object, expected) in [
            (at(1_001, 123_456_789), (Age::Same, Age::Same)),
            (after_change(text), (Age::Same, Age::Same)),
            (at(1_061, 123_456_789), (Age::Same, Age::Same)),
            (at(1_062, 123_456_789), (Age::Other, Age::Older)),
            (at(1_002, 123_456_788), (Age::Other, Age::Older)),
            (at(1_000, 123_456_789), (Age::Older, Age::Other)),
            (None, (Age::Other, Age::Other)),
        ] {
            let found = (of_object(object, text), of_plaintext(text, object));
            assert_eq!(found, expected, "{object:?}");
        }
        assert_eq!(after_change(None), None);
    }
}
