//! `verify`: reads whole objects, every chunk and the end, and writes nothing.

use std::io::BufRead as _;

use keystead::{Error, Grade, Kind};

use super::{context, details_json, each, expected};
use crate::args::Verify;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::keys;
use crate::object::Object;
use crate::report::Report;

pub(crate) fn run(args: &Verify, report: &Report) -> Result<u8> {
    let inputs = Input::list(&args.inputs)?;
    let context = context(&args.context)?;
    let (keys, _) = keys::to_open(&args.keys)?;
    each("verify", &inputs, report, |input| {
        let object = Object::open(input)?;
        let name = object.name.clone();
        let mut reader = object.decryptor(&keys, expected(&context))?;
        let mut len: u64 = 0;
        loop {
            let read = reader.fill_buf().map_err(|e| Failure::at(&name, Error::from_io(e)))?.len();
            if read == 0 {
                break;
            }
            reader.consume(read);
            len += u64::try_from(read).unwrap_or(0);
        }
        let by = reader.details().opened_by;
        let maker = match by.grade {
            Grade::Held if by.kind == Kind::Passphrase => "made by someone who held or guessed it",
            Grade::Held => "made by someone who held it",
            Grade::Anyone => "anyone with its public half can have made it",
        };
        let key = match by.kind {
            Kind::Passphrase => "the passphrase".to_owned(),
            kind => format!("{} key {}", kind.name(), by.key_id),
        };
        report.line(&format!("{name}: ok, {len} bytes, opened by {key}: {maker}"))?;
        let mut value = details_json(reader.details());
        value["plaintext_len"] = len.into();
        Ok(value)
    })
}
