//! Objects in S3 that S3 cannot read: PUT encrypts while the body comes in, GET decrypts while it goes
//! out, and `Range` fetches the chunks that it needs. Memory is constant, whatever the length. An older
//! version that S3 puts back is not noticed here: that takes floors, kept elsewhere.

use std::{collections::HashMap, io::Error as IoError, sync::Arc};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header::CONTENT_RANGE, header::RANGE};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router, routing::get};
use futures_util::{SinkExt, TryStreamExt};
use keystead::{AsyncDecryptor, AsyncEncryptor, Context, EncryptOptions, Expected, Keys, Layout};
use keystead::{OpenedHeader, RangeOpener, SealedHeader};
use object_store::buffered::BufWriter;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore};
use tokio::{io::AsyncWriteExt, sync::Mutex};
use tokio_util::compat::TokioAsyncWriteCompatExt;

const PART: usize = 8 << 20; // of an upload: S3 wants 5 MiB, and at most 10,000 of them
const WINDOW: u64 = 4 << 20; // of plaintext that a range gets at most
const HEAD: u64 = 4096; // asked for first; headers for few keys are shorter
const PREFIX: usize = Layout::PREFIX; // between the header and the first chunk
const KNOWN: usize = 1000; // opened headers that are kept
const CUT: &str = "the object is cut";

struct Service {
    store: Arc<dyn ObjectStore>,
    keys: Keys,
    known: Mutex<HashMap<Key, Arc<Known>>>,
}

/// An object whose header was opened. What replaces it has another e-tag, and does not open with it.
struct Known {
    e_tag: ETag,
    opener: RangeOpener,
}

struct Failure(StatusCode, BoxError);

type Result<T, E = Failure> = std::result::Result<T, E>;

impl<E: Into<BoxError>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let missing = matches!(error.downcast_ref(), Some(object_store::Error::NotFound { .. }));
        Self(if missing { StatusCode::NOT_FOUND } else { StatusCode::BAD_GATEWAY }, error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, format!("{}\n", self.1)).into_response()
    }
}

/// The service: `/objects/NAME`, encrypted for `keys`, which are symmetric.
pub fn router(store: Arc<dyn ObjectStore>, keys: Keys) -> Router {
    let service = Arc::new(Service { store, keys, known: Mutex::default() });
    Router::new().route("/objects/{*name}", get(read).put(write)).with_state(service)
}

type ETag = Option<String>;
type Shared = State<Arc<Service>>;

async fn write(State(on): Shared, Path(name): Path<String>, body: Body) -> Result<StatusCode> {
    // A client that goes away takes the handler with it, but not this task, which aborts the upload.
    tokio::spawn(async move { on.encrypt(&parse(&name)?, body).await }).await?
}

async fn read(State(on): Shared, Path(name): Path<String>, head: HeaderMap) -> Result<Response> {
    let key = parse(&name)?;
    let Some(asked) = head.get(RANGE).and_then(|range| asked(range.to_str().ok()?)) else {
        return on.whole(&key).await;
    };
    let known = on.known.lock().await.get(&key).cloned();
    if let Some(known) = known
        && let Ok(response) = on.range(&key, &known, &asked).await
    {
        return Ok(response);
    }
    let known = on.open(&key).await?; // for the first time, or it was replaced or damaged
    on.range(&key, &known, &asked).await
}

fn parse(name: &str) -> Result<Key> {
    Key::parse(name).map_err(|error| Failure(StatusCode::BAD_REQUEST, error.into()))
}

/// A single range of bytes; of anything else the whole object is served, as RFC 9110 allows.
fn asked(range: &str) -> Option<GetRange> {
    Some(match range.strip_prefix("bytes=")?.split_once('-')? {
        ("", last) => GetRange::Suffix(last.parse().ok()?),
        (first, "") => GetRange::Offset(first.parse().ok()?),
        (first, last) => GetRange::Bounded(
            first.parse().ok()?..last.parse().ok().map(|n: u64| n.saturating_add(1))?,
        ),
    })
}

fn other(error: impl Into<BoxError>) -> IoError {
    IoError::other(error)
}

fn context(key: &Key) -> Context {
    Context::from([("name", key.as_ref())])
}

impl Service {
    async fn encrypt(&self, key: &Key, body: Body) -> Result<StatusCode> {
        let mut upload = BufWriter::with_capacity(self.store.clone(), key.clone(), PART);
        let (recipients, options) = (self.keys.recipients(), EncryptOptions::new());
        let sent = async {
            let out = (&mut upload).compat_write();
            let mut object = AsyncEncryptor::new(out, &recipients, &context(key), &options)?;
            object.send_all(&mut body.into_data_stream().map_err(|e| other(e).into())).await?;
            object.finish().await?; // without it, what was uploaded does not decrypt
            Ok(())
        };
        match sent.await {
            Ok(()) => upload.shutdown().await?,
            Err(error) => {
                let _ = upload.abort().await; // the first error says more than this one
                return Err(error);
            }
        }
        Ok(StatusCode::CREATED)
    }

    async fn whole(&self, key: &Key) -> Result<Response> {
        let (meta, header, _) = self.header(key).await?;
        let body = GetRange::Offset(u64::try_from(header.len())?);
        let sealed = self.fetch(key, meta.e_tag, body).await?.into_stream();
        let sealed = sealed.map_err(other).into_async_read();
        let text = AsyncDecryptor::from_header(&header, sealed).await?;
        Ok(Body::from_stream(text).into_response())
    }

    async fn range(&self, key: &Key, known: &Known, asked: &GetRange) -> Result<Response> {
        let len = known.opener.layout().plaintext_len();
        let Some(mut at) = asked.as_range(len).ok().filter(|range| !range.is_empty()) else {
            return Err(Failure(StatusCode::RANGE_NOT_SATISFIABLE, "beyond the end".into()));
        };
        at.end = at.end.min(at.start.saturating_add(WINDOW)); // RFC 9110, 15.3.7: a part of it is an answer
        let place = format!("bytes {}-{}/{len}", at.start, at.end - 1);
        let sealed = known.opener.layout().sealed(at.clone());
        let sealed = self.fetch(key, known.e_tag.clone(), sealed).await?.bytes().await?;
        let mut text = vec![0; usize::try_from(at.end - at.start)?];
        known.opener.open(at, &sealed, &mut text)?;
        Ok((StatusCode::PARTIAL_CONTENT, [(CONTENT_RANGE, place)], text).into_response())
    }

    /// Opens the header, for this name, and by a key that its maker held: anyone can encrypt for a public key.
    async fn header(&self, key: &Key) -> Result<(ObjectMeta, OpenedHeader, [u8; PREFIX])> {
        let got = self.fetch(key, None, 0..HEAD).await?;
        let (meta, mut head) = (got.meta.clone(), got.bytes().await?);
        let needed = SealedHeader::stated_len(head.first_chunk().ok_or(CUT)?)? + PREFIX;
        if head.len() < needed {
            let range = 0..u64::try_from(needed)?;
            head = self.fetch(key, meta.e_tag.clone(), range).await?.bytes().await?;
        }
        let context = context(key);
        let expected = Expected::from(&context).require_holder();
        let header = SealedHeader::parse(&head)?.unwrap(&self.keys, expected)?;
        let prefix = *head[header.len()..].first_chunk().ok_or(CUT)?;
        Ok((meta, header, prefix))
    }

    async fn open(&self, key: &Key) -> Result<Arc<Known>> {
        let (meta, header, prefix) = self.header(key).await?;
        let opener = header.opener(&prefix, meta.size, None)?;
        let last = self.fetch(key, meta.e_tag.clone(), opener.layout().last_chunk()).await?;
        opener.confirm_end(&last.bytes().await?)?; // the length was not known when the header was made
        let opened = Arc::new(Known { e_tag: meta.e_tag, opener });
        let mut known = self.known.lock().await;
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(key.clone(), opened.clone());
        Ok(opened)
    }

    async fn fetch(&self, key: &Key, tag: ETag, range: impl Into<GetRange>) -> Result<GetResult> {
        let options = GetOptions::new().with_range(Some(range)).with_if_match(tag);
        Ok(self.store.get_opts(key, options).await?)
    }
}
