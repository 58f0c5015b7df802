//! The other side: signs and encrypts as WeChat does. That it does so rightly is `vectors`' and wechatpy's word; this
//! one can also do it wrongly.

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::Encryptor;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeEncrypt as _, KeyIvInit as _};

use super::super::signature::sign;
use super::super::{AesKey, EventConfig};

/// The time of all tests.
pub const NOW: i64 = 1_764_000_000;

/// What one request is made of; public, for the tests that break it.
pub struct Sealer {
    pub token: &'static str,
    pub key: &'static str,
    pub appid: &'static str,
    pub timestamp: String,
    pub nonce: String,
}

impl Sealer {
    pub fn new() -> Self {
        Self {
            token: "wxsubExampleToken7",
            key: "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
            appid: "wx0123456789abcdef",
            timestamp: NOW.to_string(),
            nonce: "1320562132".to_owned(),
        }
    }

    /// The configuration of plain mode.
    pub fn plain(&self) -> EventConfig {
        EventConfig::new(self.token, Vec::new(), self.appid).unwrap()
    }

    /// The configuration of secure mode.
    pub fn secure(&self) -> EventConfig {
        self.secure_with(&[self.key])
    }

    /// The same with other keys.
    pub fn secure_with(&self, keys: &[&str]) -> EventConfig {
        let keys = keys.iter().map(|key| AesKey::from_encoded("aes_key", key).unwrap()).collect();
        EventConfig::new(self.token, keys, self.appid).unwrap()
    }

    /// The query of plain mode.
    pub fn query(&self) -> String {
        let Self { timestamp, nonce, .. } = self;
        let signature = sign(&[self.token, timestamp, nonce]);
        format!("signature={signature}&timestamp={timestamp}&nonce={nonce}")
    }

    /// The query that goes with an `Encrypt`.
    pub fn query_for(&self, encrypt: &str) -> String {
        let msg_signature = sign(&[self.token, &self.timestamp, &self.nonce, encrypt]);
        let plain = self.query();
        format!("{plain}&openid=oX&encrypt_type=aes&msg_signature={msg_signature}")
    }

    /// `Encrypt` for a message.
    pub fn seal(&self, message: &[u8]) -> String {
        let length = u32::try_from(message.len()).unwrap();
        self.encrypt(&padded(&self.frame(length, message)))
    }

    /// Noise, any length, message and appid.
    pub fn frame(&self, length: u32, message: &[u8]) -> Vec<u8> {
        let length = length.to_be_bytes();
        [b"0123456789abcdef", &length[..], message, self.appid.as_bytes()].concat()
    }

    /// Any whole blocks, encrypted.
    pub fn encrypt(&self, blocks: &[u8]) -> String {
        let key = AesKey::from_encoded("aes_key", self.key).unwrap();
        let key = key.bytes();
        let mut bytes = blocks.to_vec();
        Encryptor::<Aes256>::new_from_slices(key, &key[..16])
            .unwrap()
            .encrypt_padded::<NoPadding>(&mut bytes, blocks.len())
            .unwrap();
        STANDARD.encode(bytes)
    }
}

/// Filled up to the next multiple of 32, by 1 to 32 bytes.
pub fn padded(frame: &[u8]) -> Vec<u8> {
    let pad = 32 - frame.len() % 32;
    let mut out = frame.to_vec();
    out.resize(frame.len() + pad, u8::try_from(pad).unwrap());
    out
}

/// The body that carries an `Encrypt`.
pub fn body_of(encrypt: &str) -> String {
    format!("<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>")
}
