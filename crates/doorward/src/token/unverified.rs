//! The shape of a token, before anything in it may be believed.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::category;
use super::claims::{Claims, Verified};
use super::error::{Malformation, NotSession, Part, VerifyError};
use super::json::{parse_id, parse_object};
use super::key::Key;
use super::rules::Rules;
use super::time::Timestamp;

/// The longest token read, in bytes. Clerk's live in a cookie of at most 4 KiB.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A session token that has the right shape. Nothing in it may be trusted yet.
pub struct Unverified<'a> {
    signed: &'a str,
    key_id: String,
    payload: Map<String, Value>,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Reads a compact JWS: header, payload, signature, all base64url without padding.
    ///
    /// The header must say `alg: RS256`, have a `kid`, and must not say that the token is anything but a session
    /// token. Members that point at keys (`jku`, `jwk`, `x5u`, `x5c`) are never read.
    ///
    /// # Errors
    /// Each header member that is refused has its own variant of [`VerifyError`].
    pub fn parse(text: &'a str) -> Result<Self, VerifyError> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Malformation::TooLong.into());
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Malformation::PartCount.into());
        };
        let (signed, _) = text.rsplit_once('.').ok_or(Malformation::PartCount)?;
        let header = parse_part(header, Part::Header)?;
        let payload = parse_part(payload, Part::Payload)?;
        let signature = decode(signature, Part::Signature)?;
        let key_id = check_header(&header)?.to_owned();
        if signature.is_empty() {
            return Err(VerifyError::Unsigned);
        }
        Ok(Self { signed, key_id, payload, signature })
    }

    /// The `kid` of the key that is said to have signed this: 1 to 255 visible ASCII characters.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Checks the signature, then the claims.
    ///
    /// `now` is a parameter: this crate has no clock.
    ///
    /// # Errors
    /// The first fault found, in this order: key, signature, `sub`, `aud`, `azp`, `iss`, `exp`, `nbf`, `iat`,
    /// `sts`, `sid`, `v` and the claims on the organization.
    pub fn verify(self, key: &Key, rules: &Rules, now: Timestamp) -> Result<Verified<Claims>, VerifyError> {
        if !key.matches(&self.key_id) {
            return Err(VerifyError::KeyMismatch);
        }
        key.verify_signature(self.signed.as_bytes(), &self.signature)?;
        Claims::check(self.payload, rules, now).map(Verified)
    }
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

fn decode(text: &str, part: Part) -> Result<Vec<u8>, VerifyError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Malformation::Encoding(part).into())
}

fn parse_part(text: &str, part: Part) -> Result<Map<String, Value>, VerifyError> {
    parse_object(&decode(text, part)?).map_err(|problem| Malformation::Json { part, problem }.into())
}

/// Returns the `kid`.
fn check_header(header: &Map<String, Value>) -> Result<&str, VerifyError> {
    match header.get("cat") {
        None => {}
        Some(Value::String(cat)) if cat == category::SESSION || cat == category::IGNORE => {}
        Some(_) => return Err(VerifyError::NotSession(NotSession::Category)),
    }
    match header.get("typ") {
        None => {}
        Some(Value::String(typ)) if typ == "JWT" => {}
        Some(Value::String(typ)) if typ == "at+jwt" || typ == "application/at+jwt" => {
            return Err(VerifyError::NotSession(NotSession::OAuth));
        }
        Some(_) => return Err(VerifyError::WrongType),
    }
    if header.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err(VerifyError::Algorithm);
    }
    for name in ["crit", "b64", "zip"] {
        if header.contains_key(name) {
            return Err(VerifyError::UnsupportedHeader(name));
        }
    }
    header.get("kid").and_then(parse_id).ok_or(VerifyError::KeyId)
}
