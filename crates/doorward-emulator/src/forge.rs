//! Forging: from a token Clerk would issue to one it never would.
//!
//! A forgery is a list of steps, each a word (`"drop-signature"`) or a table with one key
//! (`{ set-header = { alg = "none" } }`). Steps run in order, so a claim changed after `keep-signature` is a claim
//! the signature does not cover. A step that does not fit the token is an error, never a token that is good by
//! mistake.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::instance::{Instance, KeyError, random_text};
use crate::json::{base64url, canonical, from_base64url, object};
use crate::signer::Signer;

/// A JSON object, as a case file writes it.
pub type Json = Map<String, Value>;

/// One change to a token. Claims inside an object are named with a dot: `o.rol`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forge {
    /// Sets members of the header.
    SetHeader(Json),
    /// Removes a member of the header, which must be there.
    RemoveHeader(String),
    /// Sets a member of the header to JSON's `null`, which TOML can't write.
    NullHeader(String),
    /// Sets claims.
    SetClaim(Json),
    /// Removes a claim, which must be there.
    RemoveClaim(String),
    /// Sets a claim to JSON's `null`.
    NullClaim(String),
    /// Sets time claims to this many seconds from now.
    ShiftClaim(BTreeMap<String, i64>),
    /// Writes a number as a string.
    StringClaim(String),
    /// Writes seconds as milliseconds.
    MillisecondClaim(String),
    /// Puts a claim into an array of one.
    WrapClaim(String),
    /// Writes a text claim in upper case.
    UpperClaim(String),
    /// Adds text to the end of text claims.
    AppendClaim(BTreeMap<String, String>),
    /// Writes a member of the header twice.
    DuplicateHeader(Duplicate),
    /// Writes a claim twice.
    DuplicateClaim(Duplicate),
    /// Replaces the text of the header.
    RawHeader(String),
    /// Replaces the text of the payload.
    RawPayload(String),
    /// Chooses the key, and what is done with it. The header keeps its `alg`.
    SignWith(SignKey),
    /// Signs now; what is changed later is not covered.
    KeepSignature,
    /// Leaves the signature empty.
    DropSignature,
    /// Puts this text where the signature belongs.
    RawSignature(String),
    /// Signs, then damages the signature.
    TamperSignature(Tamper),
    /// Takes the signature of another good token.
    BorrowSignature,
    /// Puts the attacker's own public key into the header and signs with its private half.
    EmbedJwk,
    /// Leaves only so many parts, or adds empty ones.
    Parts(usize),
    /// Adds the `=` that base64url tokens go without.
    PadBase64,
    /// Adds text in front of the token.
    Prepend(String),
    /// Adds text behind the token.
    Append(String),
    /// Writes the token as a flattened JSON serialization.
    FlattenedJson,
    /// Replaces the whole token.
    RawToken(String),
}

/// A member that is written twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Duplicate {
    /// The member, which must be there.
    pub name: String,
    /// The second value.
    pub value: Value,
    /// Whether it stands in front of the real one.
    #[serde(default)]
    pub first: bool,
}

/// What makes the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignKey {
    /// The second instance's key.
    OtherInstance,
    /// The public key's PEM as an HMAC secret; the hash follows the header's `alg`.
    HmacPem,
    /// The same without the last line break.
    HmacPemTrimmed,
    /// The same with the line breaks of Windows.
    HmacPemCrlf,
    /// The PEM of the older wrapping as an HMAC secret.
    HmacPkcs1Pem,
    /// The public key's DER as an HMAC secret.
    HmacDer,
    /// The text of the JWK as an HMAC secret.
    HmacJwk,
    /// The modulus, as the JWK writes it, as an HMAC secret.
    HmacModulus,
    /// An empty HMAC secret.
    HmacEmpty,
    /// `secret` as an HMAC secret.
    HmacWeak,
    /// The instance id as an HMAC secret.
    HmacKid,
    /// The right key with SHA-384.
    Rs384,
    /// The right key with SHA-512.
    Rs512,
    /// The right key with PSS padding and SHA-256.
    Ps256,
    /// The right key with PSS padding and SHA-384.
    Ps384,
    /// The right key with PSS padding and SHA-512.
    Ps512,
}

/// How a signature is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tamper {
    /// The first bit is flipped.
    FirstBit,
    /// The last bit is flipped.
    LastBit,
    /// The last byte is missing.
    Truncate,
    /// A byte is added.
    Extend,
    /// Every byte is zero.
    Zeros,
    /// Every byte is 255.
    Ones,
    /// Every byte is another.
    Invert,
}

/// Why a step does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForgeError {
    /// There is nothing to change.
    #[error("the token has no `{0}` to change")]
    Missing(String),
    /// The claim has another type.
    #[error("`{0}` is not {1}")]
    Type(String, &'static str),
    /// The step asks for what can't be.
    #[error("{0}")]
    Impossible(&'static str),
    /// No key, no signature.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A token in the making.
pub(crate) struct Draft<'a> {
    signer: &'a Signer,
    instance: &'a Instance,
    header: Json,
    payload: Json,
    now: i64,
    duplicates: [Vec<Duplicate>; 2],
    raw: [Option<String>; 2],
    key: Option<SignKey>,
    /// Signed already, or never to be.
    frozen: Option<String>,
    edits: Vec<Forge>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(signer: &'a Signer, instance: &'a Instance, header: Json, payload: Json, now: i64) -> Self {
        Self {
            signer,
            instance,
            header,
            payload,
            now,
            duplicates: [Vec::new(), Vec::new()],
            raw: [None, None],
            key: None,
            frozen: None,
            edits: Vec::new(),
        }
    }

    pub(crate) fn apply(&mut self, step: &Forge) -> Result<(), ForgeError> {
        match step {
            Forge::SetHeader(members) => self.header.extend(members.clone()),
            Forge::RemoveHeader(name) => {
                self.header.remove(name).ok_or_else(|| ForgeError::Missing(name.clone()))?;
            }
            Forge::NullHeader(name) => {
                self.header.insert(name.clone(), Value::Null);
            }
            Forge::SetClaim(claims) => {
                claims.iter().try_for_each(|(name, value)| set(&mut self.payload, name, value.clone()))?;
            }
            Forge::RemoveClaim(name) => remove(&mut self.payload, name)?,
            Forge::NullClaim(name) => set(&mut self.payload, name, Value::Null)?,
            Forge::ShiftClaim(shifts) => {
                for (name, seconds) in shifts {
                    set(&mut self.payload, name, Value::from(self.now.saturating_add(*seconds)))?;
                }
            }
            Forge::StringClaim(name) => {
                let number = self.number(name)?;
                set(&mut self.payload, name, Value::from(number.to_string()))?;
            }
            Forge::MillisecondClaim(name) => {
                let number = self.number(name)?;
                set(&mut self.payload, name, Value::from(number.saturating_mul(1000)))?;
            }
            Forge::WrapClaim(name) => {
                let value = self.claim(name)?.clone();
                set(&mut self.payload, name, Value::Array(vec![value]))?;
            }
            Forge::UpperClaim(name) => {
                let text = self.text(name)?.to_uppercase();
                set(&mut self.payload, name, Value::from(text))?;
            }
            Forge::AppendClaim(suffixes) => {
                for (name, suffix) in suffixes {
                    let text = format!("{}{suffix}", self.text(name)?);
                    set(&mut self.payload, name, Value::from(text))?;
                }
            }
            Forge::DuplicateHeader(duplicate) => {
                self.header.get(&duplicate.name).ok_or_else(|| ForgeError::Missing(duplicate.name.clone()))?;
                let [headers, _] = &mut self.duplicates;
                headers.push(duplicate.clone());
            }
            Forge::DuplicateClaim(duplicate) => {
                self.claim(&duplicate.name)?;
                let [_, claims] = &mut self.duplicates;
                claims.push(duplicate.clone());
            }
            Forge::RawHeader(text) => {
                let [header, _] = &mut self.raw;
                *header = Some(text.clone());
            }
            Forge::RawPayload(text) => {
                let [_, payload] = &mut self.raw;
                *payload = Some(text.clone());
            }
            Forge::SignWith(key) => self.key = Some(*key),
            Forge::KeepSignature => self.frozen = Some(self.signature()?),
            Forge::DropSignature => self.frozen = Some(String::new()),
            Forge::RawSignature(text) => self.frozen = Some(text.clone()),
            Forge::TamperSignature(how) => self.frozen = Some(tampered(&self.signature()?, *how)?),
            Forge::BorrowSignature => {
                let mut other = self.payload.clone();
                other.insert("jti".into(), Value::from(random_text(20)?));
                let twin = Draft::new(self.signer, self.instance, self.header.clone(), other, self.now);
                self.frozen = Some(twin.signature()?);
            }
            Forge::EmbedJwk => {
                let other = &self.signer.other;
                self.header.insert("jwk".into(), other.jwk());
                self.key = Some(SignKey::OtherInstance);
            }
            Forge::Parts(_)
            | Forge::PadBase64
            | Forge::Prepend(_)
            | Forge::Append(_)
            | Forge::FlattenedJson
            | Forge::RawToken(_) => self.edits.push(step.clone()),
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<String, ForgeError> {
        let signature = match &self.frozen {
            Some(frozen) => frozen.clone(),
            None => self.signature()?,
        };
        let mut token = format!("{}.{signature}", self.signing_input());
        for edit in &self.edits {
            token = edited(&token, edit)?;
        }
        Ok(token)
    }

    fn signing_input(&self) -> String {
        let [header_raw, payload_raw] = &self.raw;
        let [header_twice, payload_twice] = &self.duplicates;
        let part = |raw: &Option<String>, map: &Json, twice: &[Duplicate]| {
            let text = raw.clone().unwrap_or_else(|| {
                let side = |first: bool| -> Vec<(String, Value)> {
                    let on = twice.iter().filter(|duplicate| duplicate.first == first);
                    on.map(|duplicate| (duplicate.name.clone(), duplicate.value.clone())).collect()
                };
                if twice.is_empty() { canonical(map) } else { object(map, &side(true), &side(false)) }
            });
            base64url(text)
        };
        let header = part(header_raw, &self.header, header_twice);
        let payload = part(payload_raw, &self.payload, payload_twice);
        format!("{header}.{payload}")
    }

    fn signature(&self) -> Result<String, ForgeError> {
        let input = self.signing_input();
        let rsa = |instance: &Instance, encoding: &'static dyn RsaEncoding| -> Result<String, ForgeError> {
            Ok(base64url(instance.sign(encoding, input.as_bytes())?))
        };
        let mac = |secret: &[u8]| -> Result<String, ForgeError> {
            let algorithm = match self.header.get("alg").and_then(Value::as_str) {
                Some("HS256") => hmac::HMAC_SHA256,
                Some("HS384") => hmac::HMAC_SHA384,
                Some("HS512") => hmac::HMAC_SHA512,
                _ => return Err(ForgeError::Impossible("an HMAC key needs an `alg` of HS256, HS384 or HS512")),
            };
            Ok(base64url(hmac::sign(&hmac::Key::new(algorithm, secret), input.as_bytes())))
        };
        let instance = self.instance;
        let pem = instance.public_key_pem();
        match self.key {
            None => rsa(instance, &RSA_PKCS1_SHA256),
            Some(SignKey::OtherInstance) => rsa(&self.signer.other, &RSA_PKCS1_SHA256),
            Some(SignKey::HmacPem) => mac(pem.as_bytes()),
            Some(SignKey::HmacPemTrimmed) => mac(pem.trim_end().as_bytes()),
            Some(SignKey::HmacPemCrlf) => mac(pem.replace('\n', "\r\n").as_bytes()),
            Some(SignKey::HmacPkcs1Pem) => mac(instance.public_key_pkcs1_pem().as_bytes()),
            Some(SignKey::HmacDer) => mac(instance.public_key_der()),
            Some(SignKey::HmacJwk) => mac(instance.jwk().to_string().as_bytes()),
            Some(SignKey::HmacModulus) => {
                mac(instance.jwk().get("n").and_then(Value::as_str).unwrap_or_default().as_bytes())
            }
            Some(SignKey::HmacEmpty) => mac(b""),
            Some(SignKey::HmacWeak) => mac(b"secret"),
            Some(SignKey::HmacKid) => mac(instance.id().as_bytes()),
            Some(SignKey::Rs384) => rsa(instance, &RSA_PKCS1_SHA384),
            Some(SignKey::Rs512) => rsa(instance, &RSA_PKCS1_SHA512),
            Some(SignKey::Ps256) => rsa(instance, &RSA_PSS_SHA256),
            Some(SignKey::Ps384) => rsa(instance, &RSA_PSS_SHA384),
            Some(SignKey::Ps512) => rsa(instance, &RSA_PSS_SHA512),
        }
    }

    fn claim(&self, name: &str) -> Result<&Value, ForgeError> {
        let found = match name.split_once('.') {
            Some((outer, inner)) => self.payload.get(outer).and_then(|value| value.get(inner)),
            None => self.payload.get(name),
        };
        found.ok_or_else(|| ForgeError::Missing(name.to_owned()))
    }

    fn number(&self, name: &str) -> Result<i64, ForgeError> {
        self.claim(name)?.as_i64().ok_or_else(|| ForgeError::Type(name.to_owned(), "a whole number"))
    }

    fn text(&self, name: &str) -> Result<&str, ForgeError> {
        self.claim(name)?.as_str().ok_or_else(|| ForgeError::Type(name.to_owned(), "text"))
    }
}

fn set(payload: &mut Json, name: &str, value: Value) -> Result<(), ForgeError> {
    match name.split_once('.') {
        None => {
            payload.insert(name.to_owned(), value);
        }
        Some((outer, inner)) => match payload.get_mut(outer) {
            Some(Value::Object(map)) => {
                map.insert(inner.to_owned(), value);
            }
            Some(_) => return Err(ForgeError::Type(outer.to_owned(), "an object")),
            None => return Err(ForgeError::Missing(outer.to_owned())),
        },
    }
    Ok(())
}

fn remove(payload: &mut Json, name: &str) -> Result<(), ForgeError> {
    let removed = match name.split_once('.') {
        None => payload.remove(name),
        Some((outer, inner)) => payload.get_mut(outer).and_then(Value::as_object_mut).and_then(|map| map.remove(inner)),
    };
    removed.map(drop).ok_or_else(|| ForgeError::Missing(name.to_owned()))
}

fn tampered(signature: &str, how: Tamper) -> Result<String, ForgeError> {
    let mut bytes = from_base64url(signature).unwrap_or_default();
    let nothing = ForgeError::Impossible("there is no signature to damage");
    match how {
        Tamper::FirstBit => *bytes.first_mut().ok_or(nothing)? ^= 0x80,
        Tamper::LastBit => *bytes.last_mut().ok_or(nothing)? ^= 0x01,
        Tamper::Truncate => drop(bytes.pop().ok_or(nothing)?),
        Tamper::Extend => bytes.push(0),
        Tamper::Zeros => bytes.fill(0),
        Tamper::Ones => bytes.fill(0xff),
        Tamper::Invert => bytes.iter_mut().for_each(|byte| *byte = !*byte),
    }
    Ok(base64url(bytes))
}

fn edited(token: &str, edit: &Forge) -> Result<String, ForgeError> {
    Ok(match edit {
        Forge::Parts(count) => {
            let parts: Vec<&str> = token.split('.').chain(std::iter::repeat("")).take(*count).collect();
            if *count == 0 || *count == 3 {
                return Err(ForgeError::Impossible("`parts` needs a number other than 0 and 3"));
            }
            parts.join(".")
        }
        Forge::PadBase64 => {
            let padded = |part: &str| format!("{part}{}", "=".repeat((4 - part.len() % 4) % 4));
            let padded: Vec<String> = token.split('.').map(padded).collect();
            // A signature of 256 bytes always needs two, so this never leaves the token as it was.
            padded.join(".")
        }
        Forge::Prepend(text) => format!("{text}{token}"),
        Forge::Append(text) => format!("{token}{text}"),
        Forge::FlattenedJson => {
            let mut parts = token.splitn(3, '.').map(str::to_owned);
            let mut next = || Value::from(parts.next().unwrap_or_default());
            let members = [("protected", next()), ("payload", next()), ("signature", next())];
            Value::Object(members.map(|(name, part)| (name.to_owned(), part)).into_iter().collect()).to_string()
        }
        Forge::RawToken(text) => text.clone(),
        _ => return Err(ForgeError::Impossible("this step does not change text")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::TokenClass;

    fn steps(toml: &str) -> Vec<Forge> {
        #[derive(Deserialize)]
        struct File {
            forge: Vec<Forge>,
        }
        toml::from_str::<File>(&format!("forge = {toml}")).unwrap().forge
    }

    fn forge(toml: &str) -> Result<String, crate::signer::SignError> {
        let signer = Signer::generate("http://127.0.0.1:4000", &[]).unwrap();
        let admin = signer.persona("admin").unwrap();
        signer.forge(&admin, TokenClass::Session, &steps(toml), 1_700_000_000)
    }

    fn part(token: &str, at: usize) -> String {
        String::from_utf8(from_base64url(token.split('.').nth(at).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn words_and_tables_are_steps() {
        let token = forge(r#"[{ set-header = { alg = "none" } }, "drop-signature"]"#).unwrap();
        assert!(part(&token, 0).starts_with(r#"{"alg":"none","#), "{token}");
        assert!(token.ends_with('.'));
    }

    #[test]
    fn a_claim_can_be_moved_nulled_and_written_twice() {
        let token = forge(r#"[{ shift-claim = { exp = -30 } }, { null-claim = "sub" }, { set-claim = { "o.rol" = "owner" } }, { duplicate-claim = { name = "iat", value = 1, first = true } }]"#).unwrap();
        let payload = part(&token, 1);
        assert!(payload.contains(r#""exp":1699999970"#), "{payload}");
        assert!(payload.contains(r#""sub":null"#), "{payload}");
        assert!(payload.contains(r#""rol":"owner""#), "{payload}");
        assert!(payload.starts_with(r#"{"iat":1,"#), "{payload}");
        assert!(payload.contains(r#""iat":1700000000"#), "{payload}");
    }

    #[test]
    fn what_is_changed_after_the_signature_is_kept_is_not_covered() {
        let signer = Signer::generate("http://127.0.0.1:4000", &[]).unwrap();
        let admin = signer.persona("admin").unwrap();
        let mut draft_steps = steps(r#"["keep-signature"]"#);
        let sealed = signer.forge(&admin, TokenClass::Session, &draft_steps, 1).unwrap();
        draft_steps.extend(steps(r#"[{ set-claim = { jti = "x" } }]"#));
        let altered = signer.forge(&admin, TokenClass::Session, &draft_steps, 1).unwrap();
        assert_ne!(sealed.split('.').nth(1), altered.split('.').nth(1));
    }

    #[test]
    fn a_step_that_does_not_fit_is_an_error() {
        for bad in [
            r#"[{ remove-claim = "nowhere" }]"#,
            r#"[{ remove-header = "nowhere" }]"#,
            r#"[{ string-claim = "sub" }]"#,
            r#"[{ append-claim = { exp = "x" } }]"#,
            r#"[{ set-claim = { "nowhere.at" = 1 } }]"#,
            r#"[{ sign-with = "hmac-pem" }]"#,
            r#"[{ parts = 3 }]"#,
        ] {
            assert!(forge(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn text_can_be_cut_padded_and_wrapped() {
        assert_eq!(forge(r#"[{ parts = 2 }]"#).unwrap().split('.').count(), 2);
        assert_eq!(forge(r#"[{ parts = 5 }]"#).unwrap().split('.').count(), 5);
        assert!(forge(r#"["pad-base64"]"#).unwrap().ends_with("=="));
        assert!(forge(r#"["flattened-json"]"#).unwrap().contains(r#""protected""#));
        assert_eq!(forge(r#"[{ raw-token = "a.b.c" }]"#).unwrap(), "a.b.c");
    }
}
