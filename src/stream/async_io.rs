//! Streams of async code, over the traits of `futures-io`, `futures-core` and `futures-sink`.

use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context as Task, Poll, ready};

use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};
use futures_sink::Sink;

use super::chunks::{self, Opener};
use super::encryptor::{Encrypted, Encryptor};
use super::front::{ObjectInfo, open_prefix};
use crate::envelope::{EncryptOptions, OpenedHeader, SealedHeader};
use crate::error::{Error, Result};
use crate::format::context::{Context, Expected};
use crate::format::header::{PREAMBLE, header_len};
use crate::format::layout::{BODY_PREFIX, SEALED_CHUNK};
use crate::keys::{Keys, Recipients};

/// A [`Decryptor`](crate::Decryptor) for async code: it is an `AsyncRead` of the plaintext and a
/// `Stream` of its chunks, and each appears when it has verified. The end is reported only after the
/// last chunk verified; an error repeats.
///
/// It holds one chunk, 16,400 bytes, whatever the length. Dropping a read in the middle loses
/// nothing. For tokio's traits, `tokio_util::compat` converts both sides;
/// [with axum and S3](crate#in-a-cloud-service) it is the body of a response. As `AsyncRead` it
/// returns an `io::Error` that may have ours inside: [`Error::from_io`] takes it out; as a `Stream`
/// it returns ours.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { futures::executor::block_on(async {
/// use futures::AsyncReadExt;
/// use keystead::{AsyncDecryptor, Context, Keys, MasterKey};
/// # let (keys, context) = (Keys::from(MasterKey::generate()?), Context::new());
/// # let object = keystead::encrypt(&keys.recipients(), b"meet at noon", &context)?;
/// # let body = &object[..];                                               // any AsyncRead
/// let mut reader = AsyncDecryptor::new(body, &keys, &context).await?;
/// let mut text = String::new();
/// reader.read_to_string(&mut text).await?;
/// # assert_eq!(text, "meet at noon");
/// # Ok(()) }) }
/// ```
pub struct AsyncDecryptor<R> {
    inner: R,
    opener: Opener,
    info: ObjectInfo,
    chunk: Box<chunks::Buffer>,
    /// Sealed bytes of a chunk that is not all there.
    filled: usize,
    /// Plaintext that nobody has taken.
    ready: Range<usize>,
}

impl<R: AsyncRead + Unpin> AsyncDecryptor<R> {
    /// Reads and verifies header and commitment from `inner`.
    ///
    /// # Errors
    /// The classes of SPEC R52; no chunk was read by then.
    pub async fn new<'e>(
        mut inner: R,
        keys: &Keys,
        expected: impl Into<Expected<'e>>,
    ) -> Result<Self> {
        let sealed = read_header(&mut inner).await?;
        Self::from_header(&sealed.unwrap(keys, expected)?, inner).await
    }

    /// Begins with a header that was unwrapped before; `body` begins after it.
    ///
    /// # Errors
    /// `Auth`, `Rollback`, or `Io` where reading fails.
    pub async fn from_header(header: &OpenedHeader, mut body: R) -> Result<Self> {
        let mut prefix = [0; BODY_PREFIX];
        if read_full(&mut body, &mut prefix).await? < BODY_PREFIX {
            return Err(Error::Auth);
        }
        let (opener, info) = open_prefix(header.verified(), &prefix)?;
        let chunk = chunks::Buffer::new();
        Ok(Self { inner: body, opener, info, chunk, filled: 0, ready: 0..0 })
    }

    /// Returns what opening told.
    pub const fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// Waits for plaintext that was not taken yet; empty at the verified end.
    fn poll_ready(&mut self, task: &mut Task<'_>) -> Poll<Result<&[u8]>> {
        if self.ready.is_empty() {
            let text = ready!(self.poll_chunk(task))?;
            self.ready = 0..text;
        }
        Poll::Ready(Ok(&self.chunk[self.ready.clone()]))
    }

    /// Reads and opens the next chunk; returns the length of its plaintext, nothing after the last.
    fn poll_chunk(&mut self, task: &mut Task<'_>) -> Poll<Result<usize>> {
        let Self { inner, opener, chunk, filled, .. } = self;
        let chunk = &mut chunk[..SEALED_CHUNK];
        let text = opener.step(|opener| {
            if opener.has_ended() {
                return Ok(Poll::Ready(0));
            }
            match poll_fill(inner, task, chunk, filled) {
                Poll::Ready(read) => read?,
                Poll::Pending => return Ok(Poll::Pending),
            }
            opener.open_in_place(&mut chunk[..std::mem::take(filled)]).map(Poll::Ready)
        })?;
        text.map(Ok)
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for AsyncDecryptor<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if out.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let text = ready!(self.poll_ready(task))?;
        let taken = text.len().min(out.len());
        out[..taken].copy_from_slice(&text[..taken]);
        self.ready.start += taken;
        Poll::Ready(Ok(taken))
    }
}

impl<R: AsyncRead + Unpin> Stream for AsyncDecryptor<R> {
    type Item = Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Self::Item>> {
        let text = ready!(self.poll_ready(task))?.to_vec();
        self.ready = 0..0;
        Poll::Ready(if text.is_empty() { None } else { Some(Ok(text)) })
    }
}

/// An [`Encryptor`] for async code: it is an `AsyncWrite` and a `Sink` of plaintext. Without
/// [`finish`](Self::finish), the object does not decrypt: closing never ends it, so that cleaning up
/// does not make a whole object of a cut one.
///
/// It holds one chunk, 16,400 bytes, and as a `Sink` one item more. For tokio's traits,
/// `tokio_util::compat` converts both sides; [with axum and S3](crate#in-a-cloud-service) the body
/// of a request is sent into it. As `AsyncWrite` it returns an `io::Error` that may have ours inside:
/// [`Error::from_io`] takes it out; as a `Sink` it returns ours.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { futures::executor::block_on(async {
/// use futures::AsyncWriteExt;
/// use keystead::{AsyncEncryptor, Context, EncryptOptions, MasterKey, Recipients};
/// # let (key, context) = (MasterKey::generate()?, Context::new());
/// # let (recipients, options) = (Recipients::from(&key), EncryptOptions::new());
/// # let upload = Vec::new();                                              // any AsyncWrite
/// let mut writer = AsyncEncryptor::new(upload, &recipients, &context, &options)?;
/// writer.write_all(b"meet at noon").await?;
/// let mut upload = writer.finish().await?.out;
/// upload.close().await?;
/// # assert_eq!(keystead::decrypt(&key.into(), &upload, &context)?, b"meet at noon");
/// # Ok(()) }) }
/// ```
pub struct AsyncEncryptor<W> {
    inner: W,
    /// Its output is what `inner` has not got.
    sealer: Encryptor<Vec<u8>>,
    /// Bytes of that output which `inner` has got.
    written: usize,
}

impl<W: AsyncWrite + Unpin> AsyncEncryptor<W> {
    /// Makes a header, which is written with the first bytes; any of `recipients` can open the
    /// object.
    ///
    /// # Errors
    /// As [`encrypt`](crate::encrypt).
    pub fn new(
        inner: W,
        recipients: &Recipients,
        context: &Context,
        options: &EncryptOptions,
    ) -> Result<Self> {
        let sealer = Encryptor::with_options(Vec::new(), recipients, context, options)?;
        Ok(Self { inner, sealer, written: 0 })
    }

    /// Seals the last chunk, flushes, and returns the writer with the length and the floor of the
    /// object. The writer is not closed.
    ///
    /// # Errors
    /// `Io` where writing fails or failed before, `Usage` where fewer bytes came than were stated:
    /// then the object does not decrypt.
    pub async fn finish(self) -> Result<Encrypted<W>> {
        let Self { mut inner, sealer, mut written } = self;
        let Encrypted { out, len, floor } = sealer.finish()?;
        poll_fn(|task| poll_write_all(&mut inner, task, &out, &mut written)).await?;
        poll_fn(|task| Pin::new(&mut inner).poll_flush(task)).await?;
        Ok(Encrypted::new(inner, len, floor))
    }

    /// Writes what is sealed. What failed may have been written in part: the error repeats, and
    /// nothing is written after it.
    fn poll_drain(&mut self, task: &mut Task<'_>) -> Poll<Result<()>> {
        let Self { inner, sealer, written } = self;
        let drained = sealer.step(|sealer| {
            Ok(match poll_write_all(inner, task, &sealer.inner, written) {
                Poll::Ready(drained) => Poll::Ready(drained?),
                Poll::Pending => Poll::Pending,
            })
        })?;
        ready!(drained);
        sealer.inner.clear();
        *written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for AsyncEncryptor<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(task))?;
        Poll::Ready(Ok(self.sealer.write_some(bytes)?))
    }

    /// Flushes the writer below. A chunk that is not full stays here: an object has one chunking.
    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(task))?;
        Pin::new(&mut self.inner).poll_flush(task)
    }

    /// Closes the writer below, and does not end the object.
    fn poll_close(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(task))?;
        Pin::new(&mut self.inner).poll_close(task)
    }
}

impl<W: AsyncWrite + Unpin, B: AsRef<[u8]>> Sink<B> for AsyncEncryptor<W> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Result<()>> {
        self.poll_drain(task)
    }

    fn start_send(mut self: Pin<&mut Self>, item: B) -> Result<()> {
        let mut bytes = item.as_ref();
        while !bytes.is_empty() {
            let taken = self.sealer.write_some(bytes)?;
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Result<()>> {
        AsyncWrite::poll_flush(self, task).map_err(Error::from_io)
    }

    /// Closes the writer below, and does not end the object.
    fn poll_close(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Result<()>> {
        AsyncWrite::poll_close(self, task).map_err(Error::from_io)
    }
}

fn poll_write_all(
    inner: &mut (impl AsyncWrite + Unpin),
    task: &mut Task<'_>,
    bytes: &[u8],
    written: &mut usize,
) -> Poll<io::Result<()>> {
    while *written < bytes.len() {
        match ready!(Pin::new(&mut *inner).poll_write(task, &bytes[*written..])) {
            Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Ok(taken) => *written += taken,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
    Poll::Ready(Ok(()))
}

async fn read_header(input: &mut (impl AsyncRead + Unpin)) -> Result<SealedHeader> {
    let mut bytes = vec![0; PREAMBLE];
    let read = read_full(input, &mut bytes).await?;
    let len = header_len(&bytes[..read])?;
    bytes.resize(len.max(PREAMBLE), 0);
    let read = PREAMBLE + read_full(input, &mut bytes[PREAMBLE..]).await?;
    bytes.truncate(read);
    SealedHeader::from_vec(bytes)
}

/// Fills `out` as far as the input goes.
async fn read_full(input: &mut (impl AsyncRead + Unpin), out: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    poll_fn(|task| poll_fill(input, task, out, &mut filled)).await?;
    Ok(filled)
}

/// Fills `out` from `filled` on, as far as the input goes.
fn poll_fill(
    input: &mut (impl AsyncRead + Unpin),
    task: &mut Task<'_>,
    out: &mut [u8],
    filled: &mut usize,
) -> Poll<io::Result<()>> {
    while *filled < out.len() {
        match ready!(Pin::new(&mut *input).poll_read(task, &mut out[*filled..])) {
            Ok(0) => break,
            Ok(read) => *filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
    Poll::Ready(Ok(()))
}

impl<R> std::fmt::Debug for AsyncDecryptor<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AsyncDecryptor")
            .field("opened_by", &self.info.opened_by)
            .field("chunk", &self.opener.next())
            .finish_non_exhaustive()
    }
}

impl<W> std::fmt::Debug for AsyncEncryptor<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AsyncEncryptor").field("sealer", &self.sealer).finish_non_exhaustive()
    }
}
