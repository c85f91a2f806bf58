//! Public keys: from PEM, from a JWK, from a JWK set.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, RsaSubjectPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::error::{JsonProblem, VerifyError};
use super::json::{parse_id, parse_object};

/// The longest PEM or JWK (set) text read, in bytes.
pub const MAX_KEY_BYTES: usize = 256 * 1024;

const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
const EXPONENTS: std::ops::RangeInclusive<u64> = 65_537..=0x1_ffff_ffff;

/// An RSA public key that verifies `RS256` and nothing else. Cheap to clone.
#[derive(Clone)]
pub struct Key {
    id: Option<String>,
    bits: usize,
    public: Arc<ParsedPublicKey>,
}

/// The keys of one Clerk application.
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: usize,
}

/// Why a text is no key we use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Longer than [`MAX_KEY_BYTES`].
    #[error("the text is too long for a key")]
    TooLong,
    /// The PEM holds a private key.
    #[error("this is a private key; only the public one belongs here")]
    Private,
    /// Not one `PUBLIC KEY` block, nor the base64 inside one.
    #[error("this is not one `-----BEGIN PUBLIC KEY-----` block, nor its base64")]
    Pem,
    /// The bytes are not an RSA key as a `SubjectPublicKeyInfo`.
    #[error("this is not an RSA public key in SPKI form")]
    Spki,
    /// The modulus is shorter than 2048 or longer than 8192 bits, or is even.
    #[error("the RSA modulus must be odd and have 2048 to 8192 bits, and this one has {bits}")]
    Modulus {
        /// The length found.
        bits: usize,
    },
    /// The exponent is even, below 65537, or absurdly large.
    #[error("the RSA exponent must be odd and at least 65537")]
    Exponent,
    /// The JWK (set) is not JSON with a single reading.
    #[error("the key's JSON {0}")]
    Json(#[from] JsonProblem),
    /// A member is missing or malformed.
    #[error("the key's member `{0}` is missing or malformed")]
    Member(&'static str),
    /// The key is for something other than verifying `RS256`.
    #[error("the key's member `{0}` makes it unfit for verifying RS256")]
    Unfit(&'static str),
    /// Two keys of a set go by one name.
    #[error("the key set names two keys alike")]
    DuplicateKeyId,
    /// Nothing in the set can be used.
    #[error("the key set holds no usable RS256 key")]
    NoUsableKey,
}

impl Key {
    /// From the PEM text of a Clerk application's JWT public key (`CLERK_JWT_KEY`).
    ///
    /// Takes what environment variables do to PEM: real newlines, CRLF, spaces, the two characters `\n`, or the
    /// base64 body alone. The key has no id and matches any `kid`, as in Clerk's SDKs.
    ///
    /// # Errors
    /// Everything but one RSA key of 2048 to 8192 bits in SPKI form. PKCS#1 (`BEGIN RSA PUBLIC KEY`), certificates
    /// and private keys are refused.
    ///
    /// ```
    /// use doorward::token::{Key, KeyError};
    /// let error = Key::from_pem("-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----").unwrap_err();
    /// assert_eq!(error, KeyError::Private);
    /// ```
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_KEY_BYTES {
            return Err(KeyError::TooLong);
        }
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        let text = text.replace("\\r", "").replace("\\n", "\n");
        let text = text.trim();
        let body = match text.strip_prefix("-----BEGIN PUBLIC KEY-----") {
            Some(rest) => rest.strip_suffix("-----END PUBLIC KEY-----").ok_or(KeyError::Pem)?,
            None => text,
        };
        let body: String = body.split_ascii_whitespace().collect();
        if body.is_empty() {
            return Err(KeyError::Pem);
        }
        let der = STANDARD.decode(body).map_err(|_| KeyError::Pem)?;
        let key = RsaSubjectPublicKey::from_der(&der).map_err(|_| KeyError::Spki)?;
        // The parser also takes PKCS#1 and RSA-PSS keys; only plain SPKI comes out as it went in.
        if key.as_der().map_err(|_| KeyError::Spki)?.as_ref() != der.as_slice() {
            return Err(KeyError::Spki);
        }
        Self::from_components(
            None,
            key.modulus().big_endian_without_leading_zero(),
            key.exponent().big_endian_without_leading_zero(),
        )
    }

    /// From one JWK, which must have a `kid`; the key then matches tokens with this `kid` only.
    ///
    /// Private members are not looked at, and not kept.
    ///
    /// # Errors
    /// Everything but an RSA key of 2048 to 8192 bits whose `use`, `key_ops` and `alg` allow verifying `RS256`.
    pub fn from_jwk(json: &[u8]) -> Result<Self, KeyError> {
        Self::from_members(&parse_limited(json)?)
    }

    /// The key's `kid`; `None` matches any.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(super) fn matches(&self, key_id: &str) -> bool {
        self.id.as_deref().is_none_or(|id| id == key_id)
    }

    pub(super) fn verify_signature(&self, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        self.public.verify_sig(message, signature).map_err(|_| VerifyError::Signature)
    }

    fn from_members(members: &Map<String, Value>) -> Result<Self, KeyError> {
        let unless = |name, fine: bool| if fine { Ok(()) } else { Err(KeyError::Unfit(name)) };
        unless("kty", members.get("kty").and_then(Value::as_str) == Some("RSA"))?;
        unless("use", members.get("use").is_none_or(|value| value == "sig"))?;
        unless("alg", members.get("alg").is_none_or(|value| value == "RS256"))?;
        let verifies = |value: &Value| value.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify"));
        unless("key_ops", members.get("key_ops").is_none_or(verifies))?;
        let id = members.get("kid").and_then(parse_id).ok_or(KeyError::Member("kid"))?;
        let number = |name| {
            let text = members.get(name).and_then(Value::as_str).ok_or(KeyError::Member(name))?;
            let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::Member(name))?;
            // RFC 7518 section 2, Base64urlUInt: as few bytes as the number needs.
            if matches!(bytes.first(), None | Some(0)) { Err(KeyError::Member(name)) } else { Ok(bytes) }
        };
        Self::from_components(Some(id.to_owned()), &number("n")?, &number("e")?)
    }

    fn from_components(id: Option<String>, n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let leading = n.first().map_or(0, |byte| byte.leading_zeros() as usize);
        let bits = (n.len() * 8).saturating_sub(leading);
        if !MODULUS_BITS.contains(&bits) || n.last().is_none_or(|byte| byte % 2 == 0) {
            return Err(KeyError::Modulus { bits });
        }
        let exponent = e.iter().try_fold(0_u64, |value, byte| Some(value.checked_mul(256)? | u64::from(*byte)));
        if !exponent.is_some_and(|exponent| exponent % 2 == 1 && EXPONENTS.contains(&exponent)) {
            return Err(KeyError::Exponent);
        }
        let public = RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| KeyError::Modulus { bits })?;
        Ok(Self { id, bits, public: Arc::new(public) })
    }
}

impl KeySet {
    /// From the JSON of a JWK set. Keys that cannot verify `RS256` are skipped (RFC 7517 section 5).
    ///
    /// # Errors
    /// When the text is not a JWK set, when two usable keys share a `kid`, or when no key is usable.
    ///
    /// ```
    /// use doorward::token::{KeyError, KeySet};
    /// assert_eq!(KeySet::from_json(br#"{"keys":[{"kty":"OKP"}]}"#).unwrap_err(), KeyError::NoUsableKey);
    /// ```
    pub fn from_json(json: &[u8]) -> Result<Self, KeyError> {
        let members = parse_limited(json)?;
        let listed = members.get("keys").and_then(Value::as_array).ok_or(KeyError::Member("keys"))?;
        let usable = |value: &Value| Key::from_members(value.as_object()?).ok();
        let keys: Vec<Key> = listed.iter().filter_map(usable).collect();
        let mut ids: Vec<_> = keys.iter().map(Key::key_id).collect();
        ids.sort_unstable();
        ids.dedup();
        match (keys.len(), ids.len()) {
            (0, _) => Err(KeyError::NoUsableKey),
            (keys, ids) if keys != ids => Err(KeyError::DuplicateKeyId),
            _ => Ok(Self { skipped: listed.len() - keys.len(), keys }),
        }
    }

    /// The key for a token's [`key_id`](super::Unverified::key_id).
    ///
    /// # Errors
    /// [`VerifyError::KeyMismatch`] when there is none.
    pub fn find(&self, key_id: &str) -> Result<&Key, VerifyError> {
        self.keys.iter().find(|key| key.matches(key_id)).ok_or(VerifyError::KeyMismatch)
    }

    /// The keys, in the set's order. Never empty.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// How many entries were skipped as unusable.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }
}

impl From<Key> for KeySet {
    fn from(key: Key) -> Self {
        Self { keys: vec![key], skipped: 0 }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("bits", &self.bits).finish_non_exhaustive()
    }
}

fn parse_limited(json: &[u8]) -> Result<Map<String, Value>, KeyError> {
    if json.len() > MAX_KEY_BYTES {
        return Err(KeyError::TooLong);
    }
    Ok(parse_object(json)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 7515 appendix A.2, whose key is published, private half included.
    const RFC_N: &str = concat!(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ",
        "S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2",
        "R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD",
        "TW9gb54h4FRWyuXpoQ",
    );
    const RFC_MESSAGE: &str = concat!(
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0",
        "cnVlfQ",
    );
    const RFC_SIGNATURE: &str = concat!(
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU",
        "Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d",
        "O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig",
        "cN_IoypGlUPQGe77Rw",
    );

    fn rfc_jwk() -> Value {
        json!({ "kty": "RSA", "kid": "rfc", "n": RFC_N, "e": "AQAB" })
    }

    /// The RFC's key with members changed; `null` removes one.
    fn changed(changes: &Value) -> Vec<u8> {
        let mut jwk = rfc_jwk();
        for (name, value) in changes.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        jwk.to_string().into_bytes()
    }

    fn check(changes: &Value, expected: Result<(), KeyError>) {
        assert_eq!(Key::from_jwk(&changed(changes)).map(drop), expected, "{changes}");
    }

    fn modulus(bytes: usize, first: u8, last: u8) -> String {
        let mut modulus = vec![0xff; bytes];
        modulus[0] = first;
        modulus[bytes - 1] = last;
        URL_SAFE_NO_PAD.encode(modulus)
    }

    #[test]
    fn the_signature_of_rfc_7515_is_valid() {
        let key = Key::from_jwk(rfc_jwk().to_string().as_bytes()).unwrap();
        let signature = URL_SAFE_NO_PAD.decode(RFC_SIGNATURE).unwrap();
        assert_eq!(key.verify_signature(RFC_MESSAGE.as_bytes(), &signature), Ok(()));
        assert_eq!(key.verify_signature(b"another message", &signature), Err(VerifyError::Signature));
        for length in [0, 1, 255] {
            assert!(key.verify_signature(RFC_MESSAGE.as_bytes(), &signature[..length]).is_err());
        }
        let longer = [&signature[..], &[0]].concat();
        assert!(key.verify_signature(RFC_MESSAGE.as_bytes(), &longer).is_err());
        let longer = [&[0], &signature[..]].concat();
        assert!(key.verify_signature(RFC_MESSAGE.as_bytes(), &longer).is_err());
    }

    #[test]
    fn a_jwk_for_rs256_is_accepted() {
        check(&json!({}), Ok(()));
        check(&json!({ "use": "sig", "alg": "RS256", "key_ops": ["verify"] }), Ok(()));
        check(&json!({ "d": "not even base64!", "p": 1, "x5c": ["MIIB"] }), Ok(()));
        check(&json!({ "n": modulus(1024, 0xff, 0xff) }), Ok(()));
    }

    #[test]
    fn a_jwk_for_anything_else_is_refused() {
        check(&json!({ "kty": null }), Err(KeyError::Unfit("kty")));
        check(&json!({ "kty": "EC" }), Err(KeyError::Unfit("kty")));
        check(&json!({ "kty": "rsa" }), Err(KeyError::Unfit("kty")));
        check(&json!({ "kty": "oct", "k": "c2VjcmV0" }), Err(KeyError::Unfit("kty")));
        check(&json!({ "use": "enc" }), Err(KeyError::Unfit("use")));
        check(&json!({ "use": 1 }), Err(KeyError::Unfit("use")));
        check(&json!({ "alg": "RS512" }), Err(KeyError::Unfit("alg")));
        check(&json!({ "alg": "PS256" }), Err(KeyError::Unfit("alg")));
        check(&json!({ "key_ops": ["encrypt"] }), Err(KeyError::Unfit("key_ops")));
        check(&json!({ "key_ops": "verify" }), Err(KeyError::Unfit("key_ops")));
        check(&json!({ "kid": null }), Err(KeyError::Member("kid")));
        check(&json!({ "kid": "" }), Err(KeyError::Member("kid")));
        check(&json!({ "kid": "a b" }), Err(KeyError::Member("kid")));
        check(&json!({ "n": null }), Err(KeyError::Member("n")));
        check(&json!({ "n": "" }), Err(KeyError::Member("n")));
        check(&json!({ "n": format!("{RFC_N}==") }), Err(KeyError::Member("n")));
        check(&json!({ "n": 5 }), Err(KeyError::Member("n")));
        check(&json!({ "e": null }), Err(KeyError::Member("e")));
        check(&json!({ "e": "AAEAAQ" }), Err(KeyError::Member("e")));
    }

    #[test]
    fn weak_numbers_are_refused() {
        check(&json!({ "n": modulus(128, 0xff, 0xff) }), Err(KeyError::Modulus { bits: 1024 }));
        check(&json!({ "n": modulus(256, 0x7f, 0xff) }), Err(KeyError::Modulus { bits: 2047 }));
        check(&json!({ "n": modulus(1025, 0x01, 0xff) }), Err(KeyError::Modulus { bits: 8193 }));
        check(&json!({ "n": modulus(256, 0xff, 0xfe) }), Err(KeyError::Modulus { bits: 2048 }));
        let exponent = |bytes: &[u8]| json!({ "e": URL_SAFE_NO_PAD.encode(bytes) });
        check(&exponent(&[1]), Err(KeyError::Exponent));
        check(&exponent(&[3]), Err(KeyError::Exponent));
        check(&exponent(&[17]), Err(KeyError::Exponent));
        check(&exponent(&[1, 0, 0]), Err(KeyError::Exponent));
        check(&exponent(&[1, 0, 2]), Err(KeyError::Exponent));
        check(&exponent(&[1, 0, 3]), Ok(()));
        check(&exponent(&[2, 0, 0, 0, 1]), Err(KeyError::Exponent));
        check(&exponent(&[0xff; 9]), Err(KeyError::Exponent));
    }

    #[test]
    fn a_set_keeps_the_keys_it_can_use() {
        let set = |keys: Value| KeySet::from_json(json!({ "keys": keys }).to_string().as_bytes());
        let mut other = rfc_jwk();
        other["kid"] = json!("other");
        let mixed = set(json!([rfc_jwk(), other, { "kty": "OKP", "kid": "rfc" }, 5])).unwrap();
        assert_eq!((mixed.keys().len(), mixed.skipped()), (2, 2));
        assert_eq!(mixed.find("other").unwrap().key_id(), Some("other"));
        assert_eq!(mixed.find("missing").unwrap_err(), VerifyError::KeyMismatch);
        assert_eq!(set(json!([rfc_jwk(), rfc_jwk()])).unwrap_err(), KeyError::DuplicateKeyId);
        assert_eq!(set(json!([])).unwrap_err(), KeyError::NoUsableKey);
        assert_eq!(set(json!({})).unwrap_err(), KeyError::Member("keys"));
        assert_eq!(KeySet::from_json(b"[]").unwrap_err(), KeyError::Json(JsonProblem::NotObject));
        assert_eq!(KeySet::from_json(&vec![b' '; MAX_KEY_BYTES + 1]).unwrap_err(), KeyError::TooLong);
    }

    #[test]
    fn a_pem_is_one_public_key_block() {
        let public = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let public = aws_lc_rs::signature::KeyPair::public_key(&public).clone();
        let spki = STANDARD.encode(public.as_der().unwrap().as_ref());
        let pkcs1 = STANDARD.encode(public.as_ref());
        let trailing = STANDARD.encode([public.as_der().unwrap().as_ref(), &[0]].concat());
        let block = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        let check = |text: &str, expected| assert_eq!(Key::from_pem(text).map(drop), expected, "{text}");

        check(&block("PUBLIC KEY", &spki), Ok(()));
        check(&spki, Ok(()));
        check(&format!("  {}  ", block("PUBLIC KEY", &spki)), Ok(()));
        check(&block("RSA PUBLIC KEY", &pkcs1), Err(KeyError::Pem));
        check(&block("PUBLIC KEY", &pkcs1), Err(KeyError::Spki));
        check(&pkcs1, Err(KeyError::Spki));
        check(&block("PUBLIC KEY", &trailing), Err(KeyError::Spki));
        check(&block("CERTIFICATE", &spki), Err(KeyError::Pem));
        check(&block("PRIVATE KEY", &spki), Err(KeyError::Private));
        check(&block("RSA PRIVATE KEY", &spki), Err(KeyError::Private));
        check(&block("PUBLIC KEY", &spki).repeat(2), Err(KeyError::Pem));
        check(&block("PUBLIC KEY", &spki).replace("END", "BEGIN"), Err(KeyError::Pem));
        check(&block("PUBLIC KEY", &spki.replacen("MIIB", "", 1)), Err(KeyError::Spki));
        check("sk_test_51", Err(KeyError::Pem));
        check("", Err(KeyError::Pem));
    }

    #[test]
    fn printing_a_key_prints_no_numbers() {
        let key = Key::from_jwk(rfc_jwk().to_string().as_bytes()).unwrap();
        assert_eq!(format!("{key:?}"), r#"Key { id: Some("rfc"), bits: 2048, .. }"#);
    }
}
