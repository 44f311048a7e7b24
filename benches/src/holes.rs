//! Objects of any size of which only the header, some chunks and the last one are there: what a
//! range read touches must not depend on the rest.

use std::io::{self, Read, Seek, SeekFrom};

use keystead::{
    Context, EncryptOptions, Encryptor, Keys, MasterKey, RangeReader, Recipients, SealedHeader,
    hazmat,
};

use crate::floor::{CHUNK, SEALED, TAG};
use crate::spec;

const BODY_PREFIX: usize = 56;

/// Header, salt and commitment of a new object.
pub fn prefix(recipients: &Recipients, context: &Context, plaintext_len: Option<u64>) -> Vec<u8> {
    let mut options = EncryptOptions::new();
    if let Some(len) = plaintext_len {
        options = options.plaintext_len(len);
    }
    let mut prefix = Vec::new();
    Encryptor::with_options(&mut prefix, recipients, context, &options).expect("a header");
    prefix
}

/// An object with holes, in memory. Reading a hole is an error, and what was read is counted.
pub struct Holes {
    pieces: Vec<(u64, Vec<u8>)>,
    len: u64,
    position: u64,
    pub read: u64,
}

impl Holes {
    /// `plaintext_len` bytes, of which the chunks of `present` and the last are there, all zero.
    pub fn new(keys: &Keys, plaintext_len: usize, present: std::ops::Range<usize>) -> Self {
        let prefix = prefix(&keys.recipients(), &Context::new(), None);
        let sealed = SealedHeader::parse(&prefix).expect("a header");
        let opened = sealed.unwrap(keys, &Context::new()).expect("it opens");
        let prk = spec::prk(&*hazmat::expose_data_key(&opened));
        let salt = &prefix[sealed.len()..sealed.len() + 24];
        let body = spec::body_keys(&prk, salt, opened.statement_hash());
        let (key, base) = (spec::key(&body[..32]), &body[32..44]);
        let front = prefix.len();
        let last = plaintext_len / CHUNK;
        let chunk = |index: usize| {
            let text_len = if index == last { plaintext_len % CHUNK } else { CHUNK };
            let mut chunk = vec![0; text_len + TAG];
            let mut nonce: [u8; 12] = base.try_into().expect("12 bytes");
            let number = (index as u64).to_be_bytes();
            nonce[4..].iter_mut().zip(number).for_each(|(n, i)| *n ^= i);
            let (text, tag) = chunk.split_at_mut(text_len);
            spec::seal(&key, &nonce, &[], text, tag);
            ((front + index * SEALED) as u64, chunk)
        };
        let mut pieces = vec![(0, prefix)];
        pieces.extend(present.chain([last]).map(chunk));
        let len = (front + plaintext_len + (last + 1) * TAG) as u64;
        Self { pieces, len, position: 0, read: 0 }
    }

    /// The same as a sparse file.
    pub fn to_file(&self) -> io::Result<std::fs::File> {
        use std::os::unix::fs::FileExt;
        let path = std::env::temp_dir().join(format!("keystead-benches-{}", std::process::id()));
        let open = std::fs::File::options().read(true).write(true).create_new(true).open(&path);
        let file = open?;
        std::fs::remove_file(&path)?;
        file.set_len(self.len)?;
        for (at, bytes) in &self.pieces {
            file.write_all_at(bytes, *at)?;
        }
        Ok(file)
    }
}

impl Read for Holes {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let hole = || io::Error::other("a hole was read");
        let here = |(at, bytes): &&(u64, Vec<u8>)| {
            (*at..*at + bytes.len() as u64).contains(&self.position)
        };
        let Some((at, bytes)) = self.pieces.iter().find(here) else {
            return if self.position >= self.len { Ok(0) } else { Err(hole()) };
        };
        let bytes = &bytes[(self.position - at) as usize..];
        let taken = bytes.len().min(out.len());
        out[..taken].copy_from_slice(&bytes[..taken]);
        self.position += taken as u64;
        self.read += taken as u64;
        Ok(taken)
    }
}

impl Seek for Holes {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.len.checked_add_signed(offset),
        };
        self.position = position.ok_or_else(|| io::Error::other("before the start"))?;
        Ok(self.position)
    }
}

/// 4 KiB from the middle of objects of some sizes: across two chunks, opened anew each time.
pub struct Ranges {
    keys: Keys,
    context: Context,
    objects: Vec<(u64, Holes, std::fs::File)>,
    out: [u8; 4_096],
}

impl Ranges {
    pub fn new(sizes: &[usize]) -> Self {
        let keys = Keys::from(MasterKey::generate().expect("randomness"));
        let object = |size: &usize| {
            let chunk = size / CHUNK / 2;
            let holes = Holes::new(&keys, *size, chunk - 1..chunk + 1);
            let file = holes.to_file().expect("a sparse file");
            ((chunk * CHUNK - 2_048) as u64, holes, file)
        };
        let objects = sizes.iter().map(object).collect();
        Self { keys, context: Context::new(), objects, out: [1; 4_096] }
    }

    /// From memory; at most the header and two chunks are read.
    pub fn read(&mut self, object: usize) {
        let (offset, holes, _) = &mut self.objects[object];
        holes.read = 0;
        let mut reader =
            RangeReader::new(&mut *holes, &self.keys, &self.context).expect("it opens");
        reader.read_exact_at(*offset, &mut self.out).expect("a range");
        let most = holes.pieces[0].1.len() + 2 * SEALED + BODY_PREFIX;
        assert!(holes.read <= most as u64, "{} bytes were read", holes.read);
        assert_eq!(self.out[0], 0);
    }

    /// From a sparse file.
    pub fn read_file(&mut self, object: usize) {
        let (offset, _, file) = &self.objects[object];
        let mut reader = RangeReader::new(file, &self.keys, &self.context).expect("it opens");
        reader.read_exact_at(*offset, &mut self.out).expect("a range");
    }
}
