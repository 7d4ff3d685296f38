//! Keys that `cosign` sealed with a password: scrypt makes a key of it, and `NaCl`'s secret box holds the private key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit;
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit, StreamCipher};
use serde::Deserialize;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::SigningKeyError;

/// The most work that a file may ask for: 2^20 × 8 × 128 bytes are a gibibyte.
const LOG_N_MAX: u8 = 20;
/// The block size that every such file has; a larger one would only ask for more memory.
const BLOCK: u32 = 8;
/// Rounds side by side that a file may ask for.
const ROUNDS_MAX: u32 = 4;
/// Bytes of the authentication before what is sealed.
const TAG_BYTES: usize = 16;

#[derive(Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Cost,
    salt: String,
}

#[derive(Deserialize)]
struct Cost {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Opens what `cosign` sealed.
pub(super) fn open(json: &[u8], password: &[u8]) -> Result<Vec<u8>, SigningKeyError> {
    let sealed: Sealed = serde_json::from_slice(json).map_err(|_| shape("what it holds cannot be read"))?;
    if sealed.kdf.name != "scrypt" || sealed.cipher.name != "nacl/secretbox" {
        return Err(shape("it is sealed in a way that nothing here opens"));
    }
    let salt = decoded(&sealed.kdf.salt)?;
    let nonce: [u8; 24] =
        decoded(&sealed.cipher.nonce)?.try_into().map_err(|_| shape("its nonce has another length"))?;
    let mut key = Zeroizing::new([0; 32]);
    let params = params(&sealed.kdf.params)?;
    scrypt::scrypt(password, &salt, &params, key.as_mut_slice()).map_err(|_| shape("it asks for no possible key"))?;
    open_box(&key, &nonce, &decoded(&sealed.ciphertext)?).ok_or(SigningKeyError::Password)
}

fn params(cost: &Cost) -> Result<scrypt::Params, SigningKeyError> {
    let log_n = u8::try_from(cost.n.trailing_zeros()).expect("a number has no more than 64 digits");
    if !cost.n.is_power_of_two() || log_n > LOG_N_MAX || cost.r != BLOCK || cost.p > ROUNDS_MAX {
        return Err(shape("it asks for more work than such a key does"));
    }
    scrypt::Params::new(log_n, cost.r, cost.p).map_err(|_| shape("it asks for no possible work"))
}

/// `NaCl`'s secret box: the first 32 bytes of the stream authenticate, what follows hides.
fn open_box(key: &[u8; 32], nonce: &[u8; 24], boxed: &[u8]) -> Option<Vec<u8>> {
    let (tag, hidden) = boxed.split_at_checked(TAG_BYTES)?;
    let mut stream = XSalsa20::new(key.into(), nonce.into());
    let mut authenticating = Zeroizing::new([0; 32]);
    stream.apply_keystream(authenticating.as_mut_slice());
    let expected = Poly1305::new((&*authenticating).into()).compute_unpadded(hidden);
    if !bool::from(expected.as_slice().ct_eq(tag)) {
        return None;
    }
    let mut open = hidden.to_vec();
    stream.apply_keystream(&mut open);
    Some(open)
}

fn decoded(text: &str) -> Result<Vec<u8>, SigningKeyError> {
    BASE64.decode(text).map_err(|_| shape("what it holds is no base64"))
}

fn shape(why: &str) -> SigningKeyError {
    SigningKeyError::Shape { why: why.to_owned() }
}
