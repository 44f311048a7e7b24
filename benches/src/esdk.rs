//! aws-esdk: AWS's envelope in Rust, with a raw AES key, committing and without a signature.

use aws_esdk::client::Client;
use aws_esdk::material_providers::client::Client as Providers;
use aws_esdk::material_providers::types::keyring::KeyringRef;
use aws_esdk::material_providers::types::material_providers_config::MaterialProvidersConfig;
use aws_esdk::material_providers::types::{AesWrappingAlg, EsdkAlgorithmSuiteId};
use aws_esdk::types::aws_encryption_sdk_config::AwsEncryptionSdkConfig;
use tokio::runtime::{Builder, Runtime};

pub struct Esdk {
    runtime: Runtime,
    client: Client,
    keyring: KeyringRef,
}

impl Default for Esdk {
    fn default() -> Self {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let config = AwsEncryptionSdkConfig::builder().build().expect("a configuration");
        let client = Client::from_conf(config).expect("a client");
        let config = MaterialProvidersConfig::builder().build().expect("a configuration");
        let providers = Providers::from_conf(config).expect("a client");
        let keyring = providers
            .create_raw_aes_keyring()
            .key_name("benches")
            .key_namespace("keystead")
            .wrapping_key(vec![7; 32])
            .wrapping_alg(AesWrappingAlg::AlgAes256GcmIv12Tag16);
        let keyring = runtime.block_on(keyring.send()).expect("a keyring");
        Self { runtime, client, keyring }
    }
}

impl Esdk {
    pub fn encrypt(&self, plaintext: &[u8]) -> Vec<u8> {
        let call = self.client.encrypt().plaintext(plaintext).keyring(self.keyring.clone());
        let call = call.algorithm_suite_id(EsdkAlgorithmSuiteId::AlgAes256GcmHkdfSha512CommitKey);
        let made = self.runtime.block_on(call.send()).expect("an object");
        made.ciphertext.expect("an object").into_inner()
    }

    pub fn decrypt(&self, object: &[u8]) -> Vec<u8> {
        let call = self.client.decrypt().ciphertext(object).keyring(self.keyring.clone());
        let made = self.runtime.block_on(call.send()).expect("it opens");
        made.plaintext.expect("it opens").into_inner()
    }
}
