//! Armor as a stream: an object that is made can be written as text without being held in memory.

use std::io::{self, Write};

use crate::error::Result;
use crate::format::pem::{self, LINE};

/// A writer of the armored form of the object that is written to it (SPEC R45): what
/// [`armor()`](crate::armor()) makes, in constant memory.
///
/// Without [`finish`](Self::finish), the text has no end line, and no reader takes it.
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// use keystead::{ArmorWriter, Context, Encryptor, Keys, MasterKey};
/// use std::io::Write as _;
/// let keys = Keys::from(MasterKey::generate()?);
/// let mut out = Encryptor::new(ArmorWriter::new(Vec::new()), &keys.recipients(), &Context::new())?;
/// out.write_all(b"meet at noon")?;
/// let (text, _len) = out.finish()?.out.finish()?;
/// let object = keystead::dearmor(text)?;
/// assert_eq!(keystead::decrypt(&keys, &object, &Context::new())?, b"meet at noon");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ArmorWriter<W> {
    inner: W,
    /// The start of a line that is not complete.
    line: Vec<u8>,
    /// Lines that `inner` has not got.
    text: String,
    written: u64,
    failed: bool,
}

impl<W: Write> ArmorWriter<W> {
    /// Writes text to `inner`, beginning with the first byte of the object.
    pub fn new(inner: W) -> Self {
        let text = format!("{}\n", pem::BEGIN);
        Self { inner, line: Vec::with_capacity(LINE), text, written: 0, failed: false }
    }

    /// Writes the end line, flushes, and returns the writer and the length of the text.
    ///
    /// # Errors
    /// `Io` where writing fails or failed before: then the text has a hole, and no end line.
    pub fn finish(mut self) -> Result<(W, u64)> {
        if !self.line.is_empty() {
            pem::push_line(&mut self.text, &self.line);
        }
        self.text.push_str(pem::END);
        self.text.push('\n');
        self.write_text()?;
        self.inner.flush()?;
        Ok((self.inner, self.written))
    }

    fn write_text(&mut self) -> io::Result<()> {
        // A write that failed may have reached the output in part; going on would leave a hole.
        if std::mem::replace(&mut self.failed, true) {
            return Err(io::Error::other("an earlier write failed"));
        }
        self.inner.write_all(self.text.as_bytes())?;
        self.failed = false;
        self.written += u64::try_from(self.text.len()).map_err(io::Error::other)?;
        self.text.clear();
        Ok(())
    }
}

impl<W: Write> Write for ArmorWriter<W> {
    fn write(&mut self, object: &[u8]) -> io::Result<usize> {
        let mut rest = object;
        while !rest.is_empty() {
            let (part, more) = rest.split_at(rest.len().min(LINE - self.line.len()));
            self.line.extend_from_slice(part);
            rest = more;
            if self.line.len() == LINE {
                pem::push_line(&mut self.text, &self.line);
                self.line.clear();
            }
            if self.text.len() >= TEXT {
                self.write_text()?;
            }
        }
        Ok(object.len())
    }

    /// Flushes what is below; a line that is not complete waits.
    fn flush(&mut self) -> io::Result<()> {
        self.write_text()?;
        self.inner.flush()
    }
}

/// So much text is written at a time.
const TEXT: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails once, after a part of what it was given.
    struct FailsOnce(Vec<u8>, bool);

    impl Write for FailsOnce {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            if self.0.len() > 10 && !std::mem::replace(&mut self.1, true) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.0.extend_from_slice(&text[..text.len().min(1_000)]);
            Ok(text.len().min(1_000))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn text_with_a_hole_is_not_finished() {
        let mut out = ArmorWriter::new(FailsOnce(Vec::new(), false));
        assert!(out.write_all(&[7; 100_000]).is_err());
        assert!(out.write_all(&[7; 100_000]).is_err());
        assert!(out.finish().is_err());
    }

    #[test]
    fn the_text_is_that_of_armor_whatever_the_pieces() {
        for len in [1, 47, 48, 49, 96, 1_000, 200_000] {
            let object: Vec<u8> = (0..=250).cycle().take(len).collect();
            for piece in [1, 7, 48, 1_000, 200_000] {
                let mut out = ArmorWriter::new(Vec::new());
                for part in object.chunks(piece) {
                    out.write_all(part).unwrap();
                }
                let (text, written) = out.finish().unwrap();
                assert_eq!(text, pem::armor(&object).into_bytes(), "{len} by {piece}");
                assert_eq!(written, u64::try_from(text.len()).unwrap());
            }
        }
    }
}
