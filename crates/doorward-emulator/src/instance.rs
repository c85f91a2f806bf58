//! One Clerk instance: its id and its key pair.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RsaEncoding};
use serde_json::{Value, json};

use crate::json::{base64, base64url};

/// Why a key or a signature could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cryptography library could not {0}")]
pub struct KeyError(pub(crate) &'static str);

/// A Clerk instance with a fresh RSA-2048 key.
///
/// Clerk names its signing key after the instance, so the key id is the instance id.
pub struct Instance {
    id: String,
    keys: KeyPair,
    spki: Vec<u8>,
}

impl Instance {
    /// Makes an instance nobody has seen before.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn generate() -> Result<Self, KeyError> {
        let keys = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError("make a key"))?;
        let der: PublicKeyX509Der<'_> = keys.public_key().as_der().map_err(|_| KeyError("write the public key"))?;
        let spki = der.as_ref().to_vec();
        Ok(Self { id: format!("ins_{}", random_text(27)?), keys, spki })
    }

    /// The instance id, `ins_…`, which is also the key id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public key, as the dashboard shows it.
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki)
    }

    /// The public key as `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn public_key_der(&self) -> &[u8] {
        &self.spki
    }

    /// The public key in the older PKCS#1 wrapping.
    #[must_use]
    pub fn public_key_pkcs1_pem(&self) -> String {
        pem("RSA PUBLIC KEY", self.keys.public_key().as_ref())
    }

    /// The public key as a JWK.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let public = self.keys.public_key();
        json!({
            "use": "sig",
            "kty": "RSA",
            "kid": self.id,
            "alg": "RS256",
            "n": base64url(public.modulus().big_endian_without_leading_zero()),
            "e": base64url(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// The key set that `/v1/jwks` serves.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    /// Signs with the private key.
    pub(crate) fn sign(&self, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; self.keys.public_modulus_len()];
        self.keys
            .sign(encoding, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| KeyError("sign the token"))?;
        Ok(signature)
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("id", &self.id).finish_non_exhaustive()
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut lines = format!("-----BEGIN {label}-----\n");
    for (at, character) in base64(der).chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    lines.push_str(&format!("\n-----END {label}-----\n"));
    lines
}

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `len` letters and digits for these bytes. Not a bijection, and evenly enough spread for names.
pub(crate) fn alphanumeric(bytes: impl IntoIterator<Item = u8>, len: usize) -> String {
    bytes
        .into_iter()
        .take(len)
        .map(|byte| char::from(ALPHABET.get(usize::from(byte) % ALPHABET.len()).copied().unwrap_or(b'0')))
        .collect()
}

/// `len` letters and digits from the system's randomness.
pub(crate) fn random_text(len: usize) -> Result<String, KeyError> {
    let mut bytes = vec![0; len];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError("read randomness"))?;
    Ok(alphanumeric(bytes, len))
}
