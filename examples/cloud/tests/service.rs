//! The service against a real S3 server over a scratch folder.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use keystead::{Keys, MasterKey};
use object_store::aws::AmazonS3Builder;
use reqwest::{Client, StatusCode};
use tokio::net::TcpListener;

struct Running {
    folder: tempfile::TempDir,
    address: String,
    client: Client,
}

impl Running {
    async fn start() -> Self {
        Self::start_with(Keys::from(MasterKey::generate().unwrap())).await
    }

    /// S3 over a folder, and the service before it.
    async fn start_with(keys: Keys) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bucket")).unwrap();
        let mut s3 =
            s3s::service::S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        s3.set_auth(s3s::auth::SimpleAuth::from_single("id", "secret"));
        let s3 = s3.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let s3 = s3.clone();
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(socket), s3).await;
                });
            }
        });
        let store = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_allow_http(true)
            .with_region("here")
            .with_bucket_name("bucket")
            .with_access_key_id("id")
            .with_secret_access_key("secret")
            .build()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/objects", listener.local_addr().unwrap());
        let router = keystead_cloud::router(Arc::new(store), keys);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { folder, address, client: Client::new() }
    }

    async fn put(&self, name: &str, body: Vec<u8>) -> StatusCode {
        let request = self.client.put(format!("{}/{name}", self.address)).body(body);
        request.send().await.unwrap().status()
    }

    async fn get(&self, name: &str) -> reqwest::Response {
        self.client.get(format!("{}/{name}", self.address)).send().await.unwrap()
    }

    async fn range(&self, name: &str, range: &str) -> (StatusCode, String, Vec<u8>) {
        let request = self.client.get(format!("{}/{name}", self.address)).header("Range", range);
        let response = request.send().await.unwrap();
        let place = response.headers().get("content-range");
        let place = place.map(|place| place.to_str().unwrap().to_owned()).unwrap_or_default();
        (response.status(), place, response.bytes().await.unwrap().to_vec())
    }

    fn stored(&self, name: &str) -> PathBuf {
        self.folder.path().join("bucket").join(name)
    }
}

/// Bytes without a pattern that repeats.
fn plaintext(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_comes_back_and_s3_never_sees_it() {
    let running = Running::start().await;
    let plain = plaintext(12 * MIB);
    assert_eq!(running.put("a/b.bin", plain.clone()).await, StatusCode::CREATED);
    assert!(running.get("a/b.bin").await.bytes().await.unwrap() == plain);
    assert_eq!(running.put("empty", Vec::new()).await, StatusCode::CREATED);
    assert!(running.get("empty").await.bytes().await.unwrap().is_empty());
    assert_eq!(running.get("absent").await.status(), StatusCode::NOT_FOUND);

    // Every 32 bytes anywhere in the file against every 32nd place of the plaintext: a piece of 63
    // bytes could not hide.
    let stored = fs::read(running.stored("a/b.bin")).unwrap();
    assert!(stored.len() > plain.len() && stored.len() < plain.len() + plain.len() / 500);
    let pieces: HashSet<_> = plain.chunks_exact(32).collect();
    assert!(!stored.windows(32).any(|window| pieces.contains(window)));
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_those_of_the_plaintext() {
    let running = Running::start().await;
    let plain = plaintext(12 * MIB);
    assert_eq!(running.put("o", plain.clone()).await, StatusCode::CREATED);
    let len = plain.len();
    for _ in 0..2 {
        for (range, from, to) in [
            ("bytes=0-0".to_owned(), 0, 1),
            ("bytes=16000-17000".to_owned(), 16_000, 17_001),
            (format!("bytes={}-{}", 5 * MIB - 3, 6 * MIB), 5 * MIB - 3, 6 * MIB + 1),
            (format!("bytes={}-", len - MIB), len - MIB, len),
            (format!("bytes={}-{}", len - 5, len + 100), len - 5, len),
            ("bytes=-7".to_owned(), len - 7, len),
        ] {
            let (status, place, text) = running.range("o", &range).await;
            assert_eq!(status, StatusCode::PARTIAL_CONTENT, "{range}");
            assert_eq!(place, format!("bytes {from}-{}/{len}", to - 1));
            assert!(text == plain[from..to], "{range}");
        }
        // A long range is answered by its front, as RFC 9110 allows.
        let (status, place, text) = running.range("o", "bytes=1-").await;
        assert_eq!(status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(place, format!("bytes 1-{}/{len}", text.len()));
        assert!(text.len() >= 4 * MIB && text == plain[1..=text.len()]);
        for range in [&format!("bytes={len}-"), "bytes=-0", "bytes=5-2", "bytes=x"] {
            let (status, ..) = running.range("o", range).await;
            assert_eq!(status, StatusCode::RANGE_NOT_SATISFIABLE, "{range}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_of_other_kinds_are_answered_as_http_has_it() {
    let running = Running::start().await;
    assert_eq!(running.put("o", b"meet at noon".to_vec()).await, StatusCode::CREATED);
    let (status, place, text) = running.range("o", "bytes=-100").await; // a suffix may be too long
    assert_eq!((status, &*text), (StatusCode::PARTIAL_CONTENT, &b"meet at noon"[..]));
    assert_eq!(place, "bytes 0-11/12");
    let (status, place, text) = running.range("o", "bytes=5-6, 0-3").await; // one of several
    assert_eq!((status, &*text), (StatusCode::PARTIAL_CONTENT, &b"at"[..]));
    assert_eq!(place, "bytes 5-6/12");
    let (status, place, text) = running.range("o", "lines=1-2").await; // a unit that nobody knows
    assert_eq!((status, &*text), (StatusCode::OK, &b"meet at noon"[..]));
    assert_eq!(place, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_was_replaced_is_opened_again() {
    let running = Running::start().await;
    for body in [plaintext(100_000), b"meet at noon".to_vec(), plaintext(50_000)] {
        assert_eq!(running.put("o", body.clone()).await, StatusCode::CREATED);
        for range in ["bytes=8-11", "bytes=-5"] {
            let (status, place, text) = running.range("o", range).await;
            assert_eq!(status, StatusCode::PARTIAL_CONTENT);
            assert!(place.ends_with(&format!("/{}", body.len())), "{place}");
            assert!(text == body[8..12] || text == body[body.len() - 5..]);
        }
    }
    assert_eq!(running.put("o", b"noon".to_vec()).await, StatusCode::CREATED);
    assert_eq!(running.range("o", "bytes=0-3").await.2, b"noon");
    assert_eq!(running.put("o", b"meet at noon".to_vec()).await, StatusCode::CREATED);
    assert_eq!(running.range("o", "bytes=8-11").await.2, b"noon", "beyond the one that was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_longer_than_the_first_request_are_fetched() {
    let pairs = (0..4).map(|_| MasterKey::generate_pair().unwrap());
    let keys = [MasterKey::generate().unwrap()].into_iter().chain(pairs).collect();
    let running = Running::start_with(keys).await;
    assert_eq!(running.put("o", b"meet at noon".to_vec()).await, StatusCode::CREATED);
    assert!(fs::metadata(running.stored("o")).unwrap().len() > 5_000);
    assert_eq!(running.range("o", "bytes=8-11").await.2, b"noon");
    assert_eq!(running.get("o").await.bytes().await.unwrap(), &b"meet at noon"[..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_name_can_be_stored() {
    let running = Running::start().await;
    for (number, name) in ["a%20b", "%D0%B6.txt", "100%25", "a/%7E/%23"].into_iter().enumerate() {
        let body = vec![u8::try_from(number).unwrap(); 100];
        assert_eq!(running.put(name, body.clone()).await, StatusCode::CREATED, "{name}");
        assert_eq!(running.get(name).await.bytes().await.unwrap(), body, "{name}");
        assert_eq!(running.range(name, "bytes=0-1").await.2, body[..2], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_cut_off_before_it_shows() {
    let running = Running::start().await;
    let plain = plaintext(2 * MIB);
    assert_eq!(running.put("o", plain.clone()).await, StatusCode::CREATED);
    let mut stored = fs::read(running.stored("o")).unwrap();
    stored[MIB] ^= 1;
    fs::write(running.stored("o"), &stored).unwrap();

    let response = running.get("o").await;
    let mut body = response.bytes_stream();
    let (mut text, mut failed) = (Vec::new(), false);
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => text.extend_from_slice(&piece),
            Err(_) => failed = true,
        }
    }
    assert!(failed, "the response ended as if it were whole");
    assert!(text.len() < MIB && text == plain[..text.len()]);

    let damaged = format!("bytes={}-{}", MIB - 20_000, MIB + 20_000);
    let (status, _, text) = running.range("o", &damaged).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(text.len() < 200, "an error message, no plaintext");
    for (from, to) in [(0, 900_000), (1_100_000, 2 * MIB)] {
        let (status, _, text) = running.range("o", &format!("bytes={from}-{}", to - 1)).await;
        assert_eq!(status, StatusCode::PARTIAL_CONTENT);
        assert!(text == plain[from..to]);
    }

    stored[MIB] ^= 1;
    stored.truncate(stored.len() - 20_000);
    fs::write(running.stored("o"), &stored).unwrap();
    assert!(running.get("o").await.bytes().await.is_err(), "a cut object ended as if whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_under_another_name_is_refused() {
    let running = Running::start().await;
    assert_eq!(running.put("salary/alice", plaintext(100_000)).await, StatusCode::CREATED);
    fs::copy(running.stored("salary/alice"), running.stored("salary/bob")).unwrap();
    assert_eq!(running.get("salary/alice").await.status(), StatusCode::OK);
    assert_eq!(running.get("salary/bob").await.status(), StatusCode::BAD_GATEWAY);
    let (status, ..) = running.range("salary/bob", "bytes=0-9").await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_fails_leaves_nothing() {
    let running = Running::start().await;
    let pieces = (0..20).map(|_| Ok(plaintext(MIB)));
    let pieces = stream::iter(pieces.chain([Err(std::io::Error::other("the client's disk"))]));
    let request = running.client.put(format!("{}/o", running.address));
    assert!(request.body(reqwest::Body::wrap_stream(pieces)).send().await.is_err());

    // Parts of the upload are files beside the bucket until it is aborted.
    let parts = || {
        let entries = fs::read_dir(running.folder.path()).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().file_name() != "bucket").count()
    };
    for _ in 0..100 {
        if parts() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(parts(), 0);
    assert!(!running.stored("o").exists());
    assert_eq!(running.get("o").await.status(), StatusCode::NOT_FOUND);
}
