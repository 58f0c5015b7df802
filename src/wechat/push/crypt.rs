//! Secure mode's `Encrypt`: base64, AES-256-CBC, and the frame inside (`wechat-api.md` section 6).

use aes::Aes256;
use base64::Engine as _;
use cbc::Decryptor;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};

use super::config::LENIENT;
use super::{AesKey, Refusal};

/// PKCS#7 to blocks of 32, not AES's 16: the last byte goes up to this.
const PAD_TO: usize = 32;
/// Random bytes before the message.
const NOISE: usize = 16;
/// Bytes of the message's length, big-endian, behind the noise.
const LENGTH: usize = 4;
/// The cipher's IV is as much of the key.
const IV: usize = 16;

/// The message in `encrypt`, whose signature has been verified, if it is for `appid`.
pub(super) fn decrypt(key: &AesKey, encrypt: &str, appid: &str) -> Result<Vec<u8>, Refusal> {
    let mut bytes = LENIENT.decode(encrypt).map_err(|_| Refusal::Undecryptable)?;
    let key = key.bytes();
    let cipher = Decryptor::<Aes256>::new_from_slices(key, &key[..IV]).map_err(|_| Refusal::Undecryptable)?;
    let padded = cipher.decrypt_padded::<NoPadding>(&mut bytes).map_err(|_| Refusal::Undecryptable)?;
    let (message, to) = unframe(padded).ok_or(Refusal::Undecryptable)?;
    if to != appid.as_bytes() {
        return Err(Refusal::OtherAppid);
    }
    Ok(message.to_vec())
}

/// Message and appid of: noise, length, message, appid, padding.
fn unframe(padded: &[u8]) -> Option<(&[u8], &[u8])> {
    let pad = usize::from(*padded.last()?);
    if !(1..=PAD_TO).contains(&pad) {
        return None;
    }
    let (frame, padding) = padded.split_at_checked(padded.len().checked_sub(pad)?)?;
    if padding.iter().any(|&byte| usize::from(byte) != pad) {
        return None;
    }
    let (length, rest) = frame.get(NOISE..)?.split_first_chunk::<LENGTH>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}
