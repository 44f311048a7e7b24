//! What a provider could try: change, cut, swap. Each is refused, and nothing is written.

use std::fs;
use std::path::Path;

use keystead::{Context, ErrorKind, Keys};

use super::customer::{largest, place, restore};
use super::provider::short;
use super::sandbox::{Sandbox, read};
use super::step_printer::{StepResult, format_count, surprise};
use crate::failure::{Failure, Result};
use crate::object::BODY_PREFIX;

pub(crate) fn flip(stage: &Sandbox, keys: &Keys) -> Result<StepResult> {
    let item = largest(stage)?;
    let mut object = read(&stage.object(item))?;
    let places = [object.len() / 2, 200, object.len() - 1];
    for place_of_bit in places {
        object[place_of_bit] ^= 1;
        check_refused(stage, &object, keys, &place(item), ErrorKind::Auth)?;
        object[place_of_bit] ^= 1;
    }
    Ok(StepResult::new(
        "one bit in the header, the middle and the end of it: refused (AUTH)",
        "a changed object does not open, and no byte of it is written",
    ))
}

pub(crate) fn cut(stage: &Sandbox, keys: &Keys) -> Result<StepResult> {
    let item = largest(stage)?;
    let object = read(&stage.object(item))?;
    // After a whole chunk, where a cut is hardest to see; and one byte from the end.
    let seen = keystead::inspect(&object, None).map_err(|e| Failure::at(&item.name, e))?;
    let body = seen.header_len + BODY_PREFIX;
    let whole = (object.len() - body) / SEALED_CHUNK * SEALED_CHUNK;
    let ends = [body + whole, object.len() - 1];
    for end in ends {
        check_refused(stage, &object[..end], keys, &place(item), ErrorKind::Auth)?;
    }
    let left_out = object.len() - ends[0];
    Ok(StepResult::new(
        format!(
            "the last {} bytes cut off, or only the last byte: refused (AUTH)",
            format_count(u64::try_from(left_out).unwrap_or(0))
        ),
        "a part of an object is never taken for the whole",
    ))
}

pub(crate) fn swap(stage: &Sandbox, keys: &Keys) -> Result<StepResult> {
    let item = largest(stage)?;
    let other = stage.files.last().filter(|other| other.path != item.path);
    let other = other.ok_or_else(|| surprise("there is only one file"))?;
    let object = read(&stage.object(other))?;
    check_refused(stage, &object, keys, &place(item), ErrorKind::Context)?;
    Ok(StepResult::new(
        format!(
            "{} handed out as {}: refused (CONTEXT)",
            short(&other.name, 16),
            short(&item.name, 16)
        ),
        "another's authentic object is refused before its body is read",
    ))
}

/// A chunk with its tag (SPEC R31).
const SEALED_CHUNK: usize = 16_400;

/// Checks that the bytes are refused with this class and leave no file behind.
fn check_refused(
    stage: &Sandbox,
    object: &[u8],
    keys: &Keys,
    context: &Context,
    class: ErrorKind,
) -> Result<()> {
    let (from, to) = (stage.keys().join("tampered.ks"), stage.keys().join("tampered"));
    fs::write(&from, object).map_err(|error| Failure::io(&from, error))?;
    let result = restore(&from, &to, keys, context);
    fs::remove_file(&from).map_err(|error| Failure::io(&from, error))?;
    check_nothing(&to)?;
    match result {
        Err(error) if error.kind() == class => Ok(()),
        Err(error) => {
            Err(surprise(format!("{} instead of {}: {error}", error.kind().name(), class.name())))
        }
        Ok(()) => Err(surprise(format!("it opened; {} was due", class.name()))),
    }
}

fn check_nothing(path: &Path) -> Result<()> {
    if path.exists() { Err(surprise("a refused object left a file behind")) } else { Ok(()) }
}
