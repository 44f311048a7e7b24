//! `AWS_*` name the bucket, as object_store documents; `KEYSTEAD_KEY_FILE` names a symmetric key.

use std::{env, error::Error, fs, sync::Arc};

use keystead::KeyFile;
use object_store::aws::AmazonS3Builder;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let keys = KeyFile::parse(&fs::read(env::var("KEYSTEAD_KEY_FILE")?)?)?.keys();
    let store = Arc::new(AmazonS3Builder::from_env().build()?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, keystead_cloud::router(store, keys)).await?;
    Ok(())
}
