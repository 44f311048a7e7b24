//! Compares the modification time of an output with that of its input, and sets it. Not every file
//! system keeps the times that it is given, so they are read back.

use std::collections::BTreeMap;
use std::fs::{File, FileTimes};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::platform;

/// The time of an output compared with that of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    Same,
    Older,
    /// Later, or unknown.
    Other,
}

/// Compares the time of an object with that of its plaintext.
pub(crate) fn compare_object(object: Option<SystemTime>, plaintext: Option<SystemTime>) -> Age {
    match age(object, plaintext) {
        Age::Other if is_changed(object, plaintext) => Age::Same,
        age => age,
    }
}

/// Compares the time of a plaintext with that of its object.
pub(crate) fn compare_plaintext(plaintext: Option<SystemTime>, object: Option<SystemTime>) -> Age {
    match age(plaintext, object) {
        Age::Older if is_changed(object, plaintext) => Age::Same,
        age => age,
    }
}

/// Returns the time after a rewrap or reencrypt: other programs see that it changed, and the
/// plaintext's time can still be recognized.
pub(crate) fn after_change(before: Option<SystemTime>) -> Option<SystemTime> {
    before?.checked_add(CHANGE)
}

/// Sets when a file was last written; `path` is the name that it has, or will get. Only its owner
/// may, and not every file system can. A failure is no error, but [`take_unkept`] reports it.
///
/// The access time is set too, to what it is: some FUSE file systems read an omitted time as now,
/// and set both to it.
pub(crate) fn set_modified(file: &File, path: &Path, time: Option<SystemTime>) {
    let Some(time) = time else { return };
    let accessed = file.metadata().and_then(|metadata| metadata.accessed()).ok();
    let times = FileTimes::new().set_modified(time);
    let _ = file.set_times(accessed.map_or(times, |accessed| times.set_accessed(accessed)));
    let kept = file.metadata().ok().and_then(|metadata| platform::modified(&metadata));
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    if age(kept, Some(time)) != Age::Same {
        given.unkept.get_or_insert_with(|| path.to_owned());
    }
    // Some file systems set the time anew when the file is closed or renamed.
    if let Some(last) = given.sample.get_mut(path) {
        *last = time;
    } else if given.sample.len() < SAMPLE {
        given.sample.insert(path.to_owned(), time);
    }
}

/// Forgets a file that did not get its name, since another file has it.
pub(crate) fn forget(path: &Path) {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    given.sample.remove(path);
    given.unkept.take_if(|unkept| unkept == path);
}

/// Returns an output that does not have the time that this run gave it, if there is one, whatever
/// happened to it since.
pub(crate) fn take_unkept() -> Option<PathBuf> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let sample = std::mem::take(&mut given.sample);
    let changed = sample.into_iter().find(|(path, time)| {
        let found = path.symlink_metadata();
        found.is_ok_and(|found| age(platform::modified(&found), Some(*time)) != Age::Same)
    });
    given.unkept.take().or(changed.map(|(path, _)| path))
}

/// Returns a time in UTC, with a fraction of the second where there is one.
pub(crate) fn format_time(time: Option<SystemTime>) -> String {
    let Some(time) = time else { return "unknown".to_owned() };
    let (seconds, nanos) = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => (i128::from(after.as_secs()), after.subsec_nanos()),
        Err(before) => {
            let before = before.duration();
            let borrow = i128::from(before.subsec_nanos() > 0);
            let nanos = (1_000_000_000 - before.subsec_nanos()) % 1_000_000_000;
            (-i128::from(before.as_secs()) - borrow, nanos)
        }
    };
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let fraction = match nanos {
        0 => String::new(),
        nanos => format!(".{nanos:09}").trim_end_matches('0').to_owned(),
    };
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction} UTC")
}

/// Returns year, month and day of a number of days since 1970, by the Gregorian calendar. Its years
/// begin in March, so that a leap day is the last of one.
fn date(days: i128) -> (i128, i128, i128) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year + i128::from(month <= 2);
    (year, month, day - (153 * from_march + 2) / 5 + 1)
}

/// Returns whether an object has the time of its plaintext plus that of changes.
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

/// Returns the coarsest resolution that this time can have, since file systems round times.
fn resolution(time: SystemTime) -> Duration {
    let distance = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => after,
        Err(before) => before.duration(),
    };
    let nanos = distance.as_nanos();
    // FAT, ext3 and HFS+, exFAT, many clouds, UFS, NTFS.
    let steps = [2_000_000_000, 1_000_000_000, 10_000_000, 1_000_000, 1_000, 100];
    let step = steps.into_iter().find(|step| nanos.is_multiple_of(u128::from(*step)));
    Duration::from_nanos(step.unwrap_or(0))
}

/// The files whose times this run set.
static GIVEN: Mutex<AssignedTimes> =
    Mutex::new(AssignedTimes { unkept: None, sample: BTreeMap::new() });

struct AssignedTimes {
    /// One that did not keep its time.
    unkept: Option<PathBuf>,
    /// The first ones, to be checked again at the end of the run.
    sample: BTreeMap<PathBuf, SystemTime>,
}

/// Number of outputs checked again. Keeping times is a property of the file system, so a sample is
/// enough.
const SAMPLE: usize = 1_000;
const DAY: i128 = 86_400;
/// What one rewrap or reencrypt adds to the time.
const CHANGE: Duration = Duration::from_secs(1);
/// The most that counts as changes; a later time is another one.
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
    fn times_before_1970_are_compared_as_far_as_others() {
        let before = |seconds, nanos| Some(SystemTime::UNIX_EPOCH - Duration::new(seconds, nanos));
        for (out, input, expected) in [
            (before(1_001, 5), before(1_001, 5), Age::Same),
            (before(1_001, 5), before(1_001, 6), Age::Other),
            (before(1_001, 123_456_789), before(1_000, 123_456_789), Age::Older),
            (before(1_001, 0), before(1_000, 500_000_000), Age::Same),
            (before(0, 7), at(0, 0), Age::Older),
        ] {
            assert_eq!(age(out, input), expected, "{out:?} {input:?}");
        }
        assert_eq!(compare_object(before(1_000, 7), before(1_003, 7)), Age::Same);
        assert_eq!(compare_object(before(1_000, 7), before(1_003, 8)), Age::Other);
    }

    #[test]
    fn a_clock_of_milliseconds_explains_what_it_rounds() {
        let input = at(1_001, 123_456_789);
        assert_eq!(age(at(1_001, 123_000_000), input), Age::Same);
        assert_eq!(age(at(1_001, 122_000_000), input), Age::Older);
    }

    #[test]
    fn people_read_times_in_utc() {
        for (seconds, nanos, expected) in [
            (0, 0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, 0, "2000-02-28 23:59:59 UTC"),
            (951_868_800, 500_000_000, "2000-03-01 00:00:00.5 UTC"),
            (2_147_483_648, 7, "2038-01-19 03:14:08.000000007 UTC"),
            (16_725_225_600, 0, "2500-01-01 00:00:00 UTC"),
        ] {
            assert_eq!(format_time(at(seconds, nanos)), expected);
        }
        let before = SystemTime::UNIX_EPOCH - Duration::new(1, 250_000_000);
        assert_eq!(format_time(Some(before)), "1969-12-31 23:59:58.75 UTC");
        assert_eq!(format_time(None), "unknown");
    }

    #[test]
    fn a_time_is_set_with_the_access_time_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let file = File::create(&path).unwrap();
        let accessed = at(1_000_000, 7).unwrap();
        file.set_times(FileTimes::new().set_accessed(accessed)).unwrap();
        for time in [at(5, 0), Some(SystemTime::UNIX_EPOCH - Duration::new(1_000, 3))] {
            set_modified(&file, &path, time);
            let found = path.metadata().unwrap();
            assert_eq!((found.modified().ok(), found.accessed().ok()), (time, Some(accessed)));
        }
        assert_eq!(take_unkept(), None);
        // Another time under its name, set by another program.
        set_modified(&file, &path, at(5, 0));
        file.set_modified(at(6, 1).unwrap()).unwrap();
        assert_eq!(take_unkept(), Some(path.clone()));
        assert_eq!(take_unkept(), None);
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
            let found = (compare_object(object, text), compare_plaintext(text, object));
            assert_eq!(found, expected, "{object:?}");
        }
        assert_eq!(after_change(None), None);
    }
}
