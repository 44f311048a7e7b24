//! Objects in S3 that S3 cannot read: PUT encrypts while the body comes in, GET decrypts while it
//! goes out, and `Range` fetches the chunks that it needs. Memory is constant, whatever the length.
//! An older version that S3 puts back is not noticed here: that takes floors, kept elsewhere.
#![cfg_attr(doctest, doc = include_str!("../../../src/cloud.md"))]

use std::{io::Error as IoError, ops::Range, sync::Arc};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_RANGE, header::RANGE};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router, body::Body, body::Bytes, routing::get};
use futures_util::{SinkExt, TryStreamExt};
use http_range::HttpRange;
use keystead::{AsyncDecryptor, AsyncEncryptor, Context, EncryptOptions, Expected, Keys, Layout};
use keystead::{RangeOpener, SealedHeader};
use moka::sync::Cache;
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt};
use object_store::{buffered::BufWriter, path::Path as Key};
use tokio::io::AsyncWriteExt;
use tokio_util::compat::TokioAsyncWriteCompatExt;

const PART: usize = 8 << 20; // of an upload: S3 wants 5 MiB, and at most 10,000 of them
const WINDOW: u64 = 4 << 20; // of plaintext that a range gets at most
const HEAD: u64 = 4096; // asked for first; headers for few keys are shorter
const KNOWN: u64 = 1000; // opened headers that are kept
const CUT: &str = "the object is cut";

struct Service {
    store: Arc<dyn ObjectStore>,
    keys: Keys,
    known: Cache<Key, Arc<Known>>,
}

/// An object whose header was opened. What replaces it has another e-tag and does not open with it.
struct Known {
    e_tag: Option<String>,
    opener: RangeOpener,
}

type Shared = State<Arc<Service>>;
type Result<T, E = BoxError> = std::result::Result<T, E>;

/// The service: `/objects/NAME`, encrypted for `keys`, which are symmetric.
pub fn router(store: Arc<dyn ObjectStore>, keys: Keys) -> Router {
    let service = Service { store, keys, known: Cache::new(KNOWN) };
    Router::new().route("/objects/{*name}", get(read).put(write)).with_state(Arc::new(service))
}

async fn write(State(on): Shared, Path(name): Path<String>, body: Body) -> Response {
    // A client that goes away ends the handler, but not this task, which then aborts the upload.
    let task = tokio::spawn(async move { on.encrypt(&name.into(), body).await });
    task.await.map_err(BoxError::from).flatten().unwrap_or_else(failure)
}

async fn read(State(on): Shared, Path(name): Path<String>, head: HeaderMap) -> Response {
    let answer = match head.get(RANGE).filter(|range| range.as_bytes().starts_with(b"bytes=")) {
        Some(range) => on.range(&name.into(), range).await,
        None => on.whole(&name.into()).await,
    };
    answer.unwrap_or_else(failure)
}

fn failure(error: BoxError) -> Response {
    let missing = matches!(error.downcast_ref(), Some(Error::NotFound { .. }));
    let status = if missing { StatusCode::NOT_FOUND } else { StatusCode::BAD_GATEWAY };
    (status, format!("{error}\n")).into_response()
}

fn context(key: &Key) -> Context {
    Context::from([("name", key.as_ref())])
}

impl Service {
    async fn encrypt(&self, key: &Key, body: Body) -> Result<Response> {
        let mut upload = BufWriter::with_capacity(self.store.clone(), key.clone(), PART);
        let (recipients, options) = (self.keys.recipients(), EncryptOptions::new());
        let sent = async {
            let out = (&mut upload).compat_write();
            let mut object = AsyncEncryptor::new(out, &recipients, &context(key), &options)?;
            let mut body = body.into_data_stream().map_err(|error| IoError::other(error).into());
            object.send_all(&mut body).await?;
            object.finish().await // without it, what was uploaded does not decrypt
        };
        if let Err(error) = sent.await {
            let _ = upload.abort().await; // the first error says more than this one
            return Err(error.into());
        }
        upload.shutdown().await?;
        Ok(StatusCode::CREATED.into_response())
    }

    async fn whole(&self, key: &Key) -> Result<Response> {
        let sealed = self.store.get(key).await?.into_stream().map_err(IoError::other);
        let context = context(key);
        let expected = Expected::from(&context).require_holder();
        let text = AsyncDecryptor::new(sealed.into_async_read(), &self.keys, expected).await?;
        Ok(Body::from_stream(text).into_response())
    }

    async fn range(&self, key: &Key, range: &HeaderValue) -> Result<Response> {
        if let Some(known) = self.known.get(key)
            && let Ok(response) = self.window(key, &known, range).await
            && response.status().is_success()
        {
            return Ok(response);
        }
        let known = self.open(key).await?; // for the first time, or it was replaced or damaged
        self.window(key, &known, range).await
    }

    async fn window(&self, key: &Key, known: &Known, range: &HeaderValue) -> Result<Response> {
        let layout = known.opener.layout();
        let len = layout.plaintext_len();
        let asked = HttpRange::parse_bytes(range.as_bytes(), len).unwrap_or_default();
        let Some(HttpRange { start, length }) = asked.first().copied() else {
            return Ok(StatusCode::RANGE_NOT_SATISFIABLE.into_response());
        };
        let end = start + length.min(WINDOW); // RFC 9110, 15.3.7: a part is an answer
        let sealed = self.fetch(key, &known.e_tag, layout.sealed(start..end)).await?;
        let mut text = vec![0; usize::try_from(end - start)?];
        known.opener.open(start..end, &sealed, &mut text)?;
        let place = format!("bytes {start}-{}/{len}", end - 1);
        Ok((StatusCode::PARTIAL_CONTENT, [(CONTENT_RANGE, place)], text).into_response())
    }

    /// Opens the header for this name, by a key that its maker held, and verifies the length.
    async fn open(&self, key: &Key) -> Result<Arc<Known>> {
        let got = self.store.get_opts(key, GetOptions::new().with_range(Some(0..HEAD))).await?;
        let (meta, mut head) = (got.meta.clone(), got.bytes().await?);
        let needed = SealedHeader::stated_len(head.first_chunk().ok_or(CUT)?)? + Layout::PREFIX;
        if head.len() < needed {
            head = self.fetch(key, &meta.e_tag, 0..u64::try_from(needed)?).await?;
        }
        let context = context(key);
        let expected = Expected::from(&context).require_holder();
        let header = SealedHeader::parse(&head)?.unwrap(&self.keys, expected)?;
        let prefix = head[header.len()..].first_chunk().ok_or(CUT)?;
        let opener = header.opener(prefix, meta.size, None)?;
        let last = self.fetch(key, &meta.e_tag, opener.layout().last_chunk()).await?;
        opener.confirm_end(&last)?; // the length was not known when the header was made
        let known = Arc::new(Known { e_tag: meta.e_tag, opener });
        self.known.insert(key.clone(), known.clone());
        Ok(known)
    }

    async fn fetch(&self, key: &Key, e_tag: &Option<String>, range: Range<u64>) -> Result<Bytes> {
        let options = GetOptions::new().with_range(Some(range)).with_if_match(e_tag.clone());
        Ok(self.store.get_opts(key, options).await?.bytes().await?)
    }
}
