//! Reads a vector with the library, every way it has, and says where that is not what the vector
//! says.

use std::io::{Cursor, Read};

use keystead::{
    Context, Decryptor, Error, Expected, Floor, KeyFile, Keys, Location, MasterKey, RangeReader,
    SealedHeader, hazmat,
};

use super::vector::{Input, Vector, hex};

/// What is wrong; nothing where all agrees.
pub fn disagreements(vector: &Vector) -> Vec<String> {
    let mut wrong = match vector.input {
        Input::KeyFile => key_file(vector),
        Input::Object | Input::Armor => object(vector),
    };
    wrong.iter_mut().for_each(|line| line.insert_str(0, &format!("{}: ", vector.name)));
    wrong
}

fn class(error: &Error) -> &'static str {
    error.kind().name()
}

fn key_file(vector: &Vector) -> Vec<String> {
    let passphrase = || match &vector.passphrase {
        Some(passphrase) => MasterKey::passphrase(passphrase).map(Keys::from),
        None => Ok(Keys::new()),
    };
    let found = KeyFile::open(&vector.bytes, passphrase);
    let mut wrong = Vec::new();
    let got = found.as_ref().map_or_else(class, |_| "success");
    compare(&mut wrong, "expect", vector.expect, got);
    let recipients = found.iter().flat_map(|file| file.recipients().into_iter());
    let ids: Vec<_> =
        recipients.map(|key| ("key-id", format!("{} {}", key.kind().name(), key.id()))).collect();
    compare(&mut wrong, "key ids", &vector.outcome, &ids);
    wrong
}

fn compare<T: PartialEq + std::fmt::Debug + ?Sized>(
    wrong: &mut Vec<String>,
    what: &str,
    stated: &T,
    got: &T,
) {
    if stated != got {
        wrong.push(format!("{what}: the file says {stated:.200?}, the library {got:.200?}"));
    }
}

fn object(vector: &Vector) -> Vec<String> {
    let mut wrong = Vec::new();
    let keys = match keys(vector) {
        Ok(keys) => keys,
        Err(error) => {
            compare(&mut wrong, "expect", vector.expect, class(&error));
            return wrong;
        }
    };
    let context: Context = vector.pairs.iter().cloned().collect();
    let location = vector.location.clone();
    let location = location.map(|(store, path)| Location { store, path });
    let expected = expected(vector, &context, location.as_ref());
    let object = match vector.input {
        Input::Armor => keystead::dearmor(&vector.bytes[..]),
        _ => Ok(vector.bytes.clone()),
    };
    let object = match object {
        Ok(object) => object,
        Err(error) => {
            compare(&mut wrong, "expect", vector.expect, class(&error));
            return wrong;
        }
    };

    let (got, released, outcome) = stream(&object, &keys, expected);
    compare(&mut wrong, "expect (stream)", vector.expect, got);
    if released != vector.released {
        wrong.push(format!("the stream released {} bytes", released.len()));
    }
    compare(&mut wrong, "outcome", &vector.outcome, &outcome);

    let success = vector.expect == "success";
    let whole = keystead::decrypt(&keys, &object, expected);
    compare(&mut wrong, "expect (whole)", vector.expect, result_class(&whole));
    if success && whole.is_ok_and(|text| text != vector.released) {
        wrong.push("another plaintext of the whole buffer".to_owned());
    }
    let mut out = vec![0x5a; object.len()];
    let into = keystead::decrypt_into(&keys, &object, expected, &mut out);
    compare(&mut wrong, "expect (into)", vector.expect, result_class(&into));
    let untouched = out.iter().all(|byte| *byte == 0x5a || *byte == 0);
    if into.map_or_else(|_| !untouched, |len| out[..len] != vector.released) {
        wrong.push("the caller's buffer has what it must not".to_owned());
    }
    let mut buffer = object.clone();
    let in_place = keystead::decrypt_in_place(&keys, &mut buffer, expected);
    compare(&mut wrong, "expect (in place)", vector.expect, result_class(&in_place));
    // The plaintext; or the object as it was; or nothing, where a chunk failed.
    let right =
        if success { buffer == vector.released } else { buffer.is_empty() || buffer == object };
    if !right {
        wrong.push("the buffer in place has what it must not".to_owned());
    }
    compare(&mut wrong, "expect (ranges)", vector.expect, ranges(&object, &keys, expected));
    wrong
}

fn result_class<T>(result: &keystead::Result<T>) -> &'static str {
    result.as_ref().map_or_else(class, |_| "success")
}

fn keys(vector: &Vector) -> keystead::Result<Keys> {
    let mut file = KeyFile::default();
    for text in &vector.keys {
        file = file.and(KeyFile::parse(text.as_bytes())?);
    }
    match &vector.passphrase {
        Some(passphrase) => Ok(file.keys().and(MasterKey::passphrase(passphrase)?)),
        None => Ok(file.keys()),
    }
}

fn expected<'a>(
    vector: &Vector,
    context: &'a Context,
    location: Option<&'a Location>,
) -> Expected<'a> {
    let mut expected = match vector.context {
        Some("exact") => Expected::from(context),
        Some("includes") => context.included(),
        _ => Context::unchecked(),
    };
    if let Some(location) = location {
        expected = expected.at(location);
    }
    if let Some((commitment, generation, tag)) = vector.floor {
        expected = expected.not_before(Floor { commitment, generation, tag });
    }
    expected
}

type Outcome = Vec<(&'static str, String)>;

/// Streams with odd read sizes, and once more behind the end: success stays, an error repeats.
fn stream(object: &[u8], keys: &Keys, expected: Expected<'_>) -> (&'static str, Vec<u8>, Outcome) {
    let mut released = Vec::new();
    let mut reader = match Decryptor::new(object, keys, expected) {
        Ok(reader) => reader,
        Err(error) => return (class(&error), released, Vec::new()),
    };
    let mut buffer = [0; 7_001];
    for size in [1, 13, 7_001, 16, 4_097].into_iter().cycle() {
        match reader.read(&mut buffer[..size]) {
            Ok(0) => break,
            Ok(read) => released.extend_from_slice(&buffer[..read]),
            Err(error) => {
                let error = Error::from_io(error);
                let again = reader.read(&mut buffer).map_err(Error::from_io);
                assert_eq!(result_class(&again), class(&error), "an error repeats");
                return (class(&error), released, Vec::new());
            }
        }
    }
    assert_eq!(reader.read(&mut buffer).unwrap(), 0);
    let details = reader.info();
    let by = details.opened_by;
    let grade = by.provenance.name();
    let mut outcome = vec![("opened-by", format!("{} {} {grade}", by.kind.name(), by.key_id))];
    for (name, value) in details.metadata.iter() {
        outcome.push(("metadata", format!("{}={}", hex(name.as_bytes()), hex(value))));
    }
    let header = SealedHeader::parse(object).unwrap().unwrap(keys, expected).unwrap();
    outcome.push(("data-key", hex(&*hazmat::expose_data_key(&header))));
    outcome.push(("statement-hash", hex(header.statement_hash())));
    ("success", released, outcome)
}

fn ranges(object: &[u8], keys: &Keys, expected: Expected<'_>) -> &'static str {
    let mut reader = match RangeReader::new(Cursor::new(object), keys, expected) {
        Ok(reader) => reader,
        Err(error) => return class(&error),
    };
    let read = reader.read_to_end(&mut Vec::new()).map_err(Error::from_io);
    result_class(&read.and_then(|_| reader.verified_len()))
}
