//! Async streams do what sync ones do, in pieces of any size, and closing never ends an object.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where it stands")]

use std::io::{self, Write as _};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context as Task, Poll};

use futures::executor::block_on;
use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use futures::{FutureExt, SinkExt, StreamExt, TryStreamExt, stream};
use keystead::{
    AsyncDecryptor, AsyncEncryptor, Context, EncryptOptions, Encryptor, Error, Keys, MasterKey,
};

const LENGTHS: [usize; 7] = [0, 1, 16_383, 16_384, 16_385, 50_000, 3 * 16_384];

fn keys() -> Keys {
    Keys::from(MasterKey::generate().unwrap())
}

fn text(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

/// An end of a connection that moves few bytes at a time, and every other time none.
struct Slow<'a> {
    bytes: &'a [u8],
    received: Vec<u8>,
    step: usize,
    waits: bool,
    closed: bool,
    fails_at: usize,
}

impl<'a> Slow<'a> {
    fn new(bytes: &'a [u8], step: usize) -> Self {
        let (received, fails_at) = (Vec::new(), usize::MAX);
        Self { bytes, received, step, waits: false, closed: false, fails_at }
    }

    fn waits(&mut self, task: &Task<'_>) -> bool {
        self.waits = !self.waits;
        if self.waits {
            task.waker().wake_by_ref();
        }
        self.waits
    }
}

impl AsyncRead for Slow<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.waits(task) {
            return Poll::Pending;
        }
        let len = out.len().min(self.step).min(self.bytes.len());
        let (taken, rest) = self.bytes.split_at(len);
        out[..len].copy_from_slice(taken);
        self.bytes = rest;
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for Slow<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.waits(task) {
            return Poll::Pending;
        }
        if self.received.len() >= self.fails_at {
            self.fails_at = usize::MAX;
            return Poll::Ready(Err(io::Error::from_raw_os_error(28)));
        }
        let len = bytes.len().min(self.step);
        self.received.extend_from_slice(&bytes[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        self.closed = true;
        Poll::Ready(Ok(()))
    }
}

#[test]
fn every_length_comes_back_in_pieces_of_any_size() {
    let (keys, context, options) = (keys(), Context::new(), EncryptOptions::new());
    for len in LENGTHS {
        let plain = text(len);
        for step in [1, 777, 100_000] {
            block_on(async {
                let recipients = keys.recipients();
                let out = Slow::new(&[], step);
                let mut writer = AsyncEncryptor::new(out, &recipients, &context, &options).unwrap();
                writer.write_all(&plain).await.unwrap();
                let made = writer.finish().await.unwrap();
                let object = made.out.received;
                assert_eq!(made.len, u64::try_from(object.len()).unwrap());
                assert!(keystead::decrypt(&keys, &object, &context).unwrap() == plain);
                let expected = context.included().not_before(made.floor);

                let inner = Slow::new(&object, step);
                let mut reader = AsyncDecryptor::new(inner, &keys, expected).await.unwrap();
                assert_eq!(reader.info().floor, made.floor);
                let mut back = Vec::new();
                reader.read_to_end(&mut back).await.unwrap();
                assert!(back == plain, "{len} by {step}");

                let reader = AsyncDecryptor::new(Slow::new(&object, step), &keys, &context);
                let back = reader.await.unwrap().try_concat().await.unwrap();
                assert!(back == plain, "{len} by {step}, as a stream");
            });
        }
    }
}

#[test]
fn a_sink_takes_items_of_any_size() {
    let (keys, context, options) = (keys(), Context::new(), EncryptOptions::new());
    let plain = text(200_000);
    block_on(async {
        let out = Slow::new(&[], 999);
        let mut sink = AsyncEncryptor::new(out, &keys.recipients(), &context, &options).unwrap();
        let mut items =
            stream::iter([&plain[..5], &[], &plain[5..70_000], &plain[70_000..]]).map(Ok);
        sink.send_all(&mut items).await.unwrap();
        let object = sink.finish().await.unwrap().out.received;
        assert!(keystead::decrypt(&keys, &object, &context).unwrap() == plain);
    });
}

/// Cleaning up, as `close` or a runtime's `shutdown` does, must not make a whole object of a cut one.
#[test]
fn closing_does_not_end_an_object() {
    let (keys, context, options) = (keys(), Context::new(), EncryptOptions::new());
    block_on(async {
        for as_sink in [false, true] {
            let mut out = Slow::new(&[], 100_000);
            let pin = Pin::new(&mut out).get_mut();
            let mut writer =
                AsyncEncryptor::new(pin, &keys.recipients(), &context, &options).unwrap();
            writer.write_all(&[7; 20_000]).await.unwrap();
            if as_sink {
                SinkExt::<&[u8]>::close(&mut writer).await.unwrap();
            } else {
                AsyncWriteExt::close(&mut writer).await.unwrap();
            }
            drop(writer);
            assert!(out.closed);
            let ended = keystead::decrypt(&keys, &out.received, &context);
            assert!(matches!(ended, Err(Error::Auth)), "{ended:?}");
        }
    });
}

/// What is released of a damaged or cut object is what a sync reader releases, and the error
/// repeats.
#[test]
fn a_bad_object_ends_in_an_error_that_repeats() {
    let (keys, context) = (keys(), Context::new());
    let mut writer = Encryptor::new(Vec::new(), &keys.recipients(), &context).unwrap();
    writer.write_all(&text(60_000)).unwrap();
    let object = writer.finish().unwrap().out;
    let mut damaged = object.clone();
    let place = object.len() - 20_000;
    damaged[place] ^= 1;
    for bad in [&damaged[..], &object[..object.len() - 1], &object[..object.len() - 10_912]] {
        block_on(async {
            let mut reader =
                AsyncDecryptor::new(Slow::new(bad, 1_000), &keys, &context).await.unwrap();
            let mut back = Vec::new();
            let error = reader.read_to_end(&mut back).await.unwrap_err();
            assert!(matches!(Error::from_io(error), Error::Auth));
            let again = reader.next().await.unwrap();
            assert!(matches!(again, Err(Error::Auth)), "it repeats");
            let mut sync = keystead::Decryptor::new(bad, &keys, &context).unwrap();
            let mut released = Vec::new();
            io::Read::read_to_end(&mut sync, &mut released).unwrap_err();
            assert!(back == released);
        });
    }
}

#[test]
fn a_write_that_failed_is_not_written_on() {
    let (keys, context, options) = (keys(), Context::new(), EncryptOptions::new());
    block_on(async {
        let mut out = Slow::new(&[], 1_000);
        out.fails_at = 30_000;
        let to = Pin::new(&mut out).get_mut();
        let mut writer = AsyncEncryptor::new(to, &keys.recipients(), &context, &options).unwrap();
        let error = writer.write_all(&[7; 100_000]).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(28));
        assert!(writer.write_all(&[7; 10]).await.is_err());
        assert!(AsyncWriteExt::flush(&mut writer).await.is_err());
        assert!(AsyncWriteExt::close(&mut writer).await.is_err());
        assert!(matches!(writer.finish().await, Err(Error::Io(_))));
        assert!(out.received.len() < 31_000 && !out.closed, "{}", out.received.len());
    });
}

/// Nobody knows how much of its input a reader took before it panicked.
#[test]
fn a_reader_that_panics_is_not_read_on() {
    struct Panics;
    impl AsyncRead for Panics {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Task<'_>,
            _: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            panic!("as a reader may")
        }
    }
    let (keys, context) = (keys(), Context::new());
    let object = keystead::encrypt(&keys.recipients(), &text(50_000), &context).unwrap();
    block_on(async {
        let body = AsyncReadExt::chain(&object[..20_000], Panics);
        let mut reader = AsyncDecryptor::new(body, &keys, &context).await.unwrap();
        let read = AssertUnwindSafe(async { reader.read_to_end(&mut Vec::new()).await });
        assert!(read.catch_unwind().await.is_err());
        assert!(matches!(reader.next().await.unwrap(), Err(Error::Io(_))));
    });
}
