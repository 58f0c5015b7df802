use aes::Aes256;
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use sha1::{Digest, Sha1};

/// PKCS#7, but to 32 bytes and not to the cipher's 16 (section 6).
const PAD_TO: usize = 32;

/// Hex SHA-1 of the sorted concatenation.
pub(super) fn signature(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    Sha1::digest(parts.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// EncodingAESKey: 43 characters carry 258 bits, so the spare two are let pass whatever they are (section 6).
pub(super) fn key(encoded: &str) -> Result<[u8; 32], String> {
    let lenient = GeneralPurpose::new(&alphabet::STANDARD, NO_PAD.with_decode_allow_trailing_bits(true));
    let bytes = lenient.decode(encoded.trim_end_matches('=')).map_err(|e| format!("aes_key: {e}"))?;
    bytes.try_into().map_err(|_| "aes_key: 43 characters are needed".to_owned())
}

/// What goes into `Encrypt`: 16 random bytes, length, message, appid; AES-256-CBC with the key's first half as IV.
pub(super) fn encrypt(encoded_key: &str, message: &[u8], appid: &str) -> Result<String, String> {
    let key = key(encoded_key)?;
    let mut plain: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(16).collect();
    let length = u32::try_from(message.len()).map_err(|e| e.to_string())?;
    plain.extend_from_slice(&length.to_be_bytes());
    plain.extend_from_slice(message);
    plain.extend_from_slice(appid.as_bytes());
    let pad = PAD_TO - plain.len() % PAD_TO;
    plain.resize(plain.len() + pad, pad as u8);
    let cipher = cbc::Encryptor::<Aes256>::new_from_slices(&key, &key[..16]).map_err(|e| e.to_string())?;
    Ok(STANDARD.encode(cipher.encrypt_padded_vec::<NoPadding>(&plain)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbc::cipher::BlockModeDecrypt;

    #[test]
    fn signature_sorts() {
        assert_eq!(signature(&["b", "c", "a"]), "a9993e364706816aba3e25717850c26c9cd0d89d"); // SHA-1 of "abc"
    }

    #[test]
    fn spare_bits_of_the_key_do_not_matter() {
        let strict = "a".repeat(42) + "A";
        assert_eq!(key(&strict).unwrap(), key(&("a".repeat(42) + "B")).unwrap());
        assert!(key("short").is_err());
    }

    #[test]
    fn decrypts_to_what_went_in() {
        let encoded = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
        for length in [0, 1, 31, 32, 100] {
            let message = vec![b'm'; length];
            let bytes = STANDARD.decode(encrypt(encoded, &message, "wx1").unwrap()).unwrap();
            assert_eq!(bytes.len() % PAD_TO, 0);
            let key = key(encoded).unwrap();
            let cipher = cbc::Decryptor::<Aes256>::new_from_slices(&key, &key[..16]).unwrap();
            let plain = cipher.decrypt_padded_vec::<NoPadding>(&bytes).unwrap();
            let pad = usize::from(*plain.last().unwrap());
            assert!((1..=PAD_TO).contains(&pad));
            assert_eq!(plain[16..20], (length as u32).to_be_bytes());
            assert_eq!(&plain[20..plain.len() - pad], [&message[..], b"wx1"].concat());
        }
    }
}
