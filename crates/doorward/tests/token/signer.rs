//! Makes tokens, good and bad.

use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding,
};
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use doorward::token::{AuthorizedParties, Key, Rules, Timestamp, category};
use serde::Deserialize;
use serde_json::json;

/// The time at which every case is judged, in Unix seconds.
pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const KEY_ID: &str = "ins_2doorwardMainSigningKey0001";
pub(crate) const ISSUER: &str = "https://clerk.example.com";
pub(crate) const PARTY: &str = "https://app.example.com";

/// The application's key, and one of somebody else's.
pub(crate) static MAIN: LazyLock<Signer> = LazyLock::new(Signer::generate);
pub(crate) static OTHER: LazyLock<Signer> = LazyLock::new(Signer::generate);

pub(crate) struct Signer(KeyPair);

impl Signer {
    fn generate() -> Self {
        Self(KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        let body = STANDARD.encode(self.0.public_key().as_der().unwrap().as_ref());
        let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    pub(crate) fn jwk(&self, key_id: &str) -> serde_json::Value {
        let public = self.0.public_key();
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": key_id,
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        })
    }

    pub(crate) fn public_key(&self) -> Key {
        Key::from_jwk(self.jwk(KEY_ID).to_string().as_bytes()).unwrap()
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let padding: &'static dyn RsaEncoding = match algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_SHA256,
            Algorithm::Rs384 => &RSA_PKCS1_SHA384,
            Algorithm::Rs512 => &RSA_PKCS1_SHA512,
            Algorithm::Ps256 => &RSA_PSS_SHA256,
            Algorithm::Hs256WithPem => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.pem().as_bytes());
                return hmac::sign(&key, message).as_ref().to_vec();
            }
            Algorithm::Digest => return digest::digest(&digest::SHA256, message).as_ref().to_vec(),
        };
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(padding, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    /// HMAC keyed with the text of the public key: the classic confusion of algorithms.
    Hs256WithPem,
    /// Not signed at all.
    Digest,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Alphabet {
    Url,
    UrlPadded,
    Standard,
}

impl Alphabet {
    fn encode(self, bytes: &[u8]) -> String {
        let engine: &GeneralPurpose = match self {
            Self::Url => &URL_SAFE_NO_PAD,
            Self::UrlPadded => &URL_SAFE,
            Self::Standard => &STANDARD_NO_PAD,
        };
        engine.encode(bytes)
    }
}

/// A token before it is signed. Members are JSON text, so that a case can say what JSON values can't.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) header: Vec<(String, String)>,
    pub(crate) payload: Vec<(String, String)>,
    pub(crate) header_text: Option<String>,
    pub(crate) payload_text: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) alphabet: Alphabet,
    /// `{h}`, `{p}` and `{s}` stand for the parts.
    pub(crate) layout: String,
    pub(crate) other_signer: bool,
    pub(crate) stray_bits: bool,
    pub(crate) now: Timestamp,
}

impl Draft {
    /// A session token of the current layout, with an active organization.
    pub(crate) fn session_v2() -> Self {
        let mut draft = Self::session_v1();
        draft.payload.retain(|(name, _)| !name.starts_with("org_"));
        draft.set_payload("v", "2");
        draft.set_payload("sts", r#""active""#);
        draft.set_payload("fva", "[3,-1]");
        draft.set_payload("fea", r#""o:invoices,o:reports,u:themes""#);
        draft.set_payload("pla", r#""o:pro""#);
        let org = json!({ "id": "org_2acme", "slg": "acme", "rol": "admin", "per": "read,manage", "fpm": "3,1,0" });
        draft.set_payload("o", &org.to_string());
        draft
    }

    /// A session token of the old layout, with an active organization.
    pub(crate) fn session_v1() -> Self {
        let mut draft = Self {
            header: Vec::new(),
            payload: Vec::new(),
            header_text: None,
            payload_text: None,
            algorithm: Algorithm::Rs256,
            alphabet: Alphabet::Url,
            layout: "{h}.{p}.{s}".to_owned(),
            other_signer: false,
            stray_bits: false,
            now: Timestamp::from_seconds(NOW),
        };
        let header = json!({ "alg": "RS256", "cat": category::SESSION, "kid": KEY_ID, "typ": "JWT" });
        let payload = json!({
            "azp": PARTY, "exp": NOW + 60, "iat": NOW, "iss": ISSUER, "jti": "0123456789abcdef", "nbf": NOW - 10,
            "sid": "sess_2session", "sub": "user_2alice",
            "org_id": "org_2acme", "org_slug": "acme", "org_role": "org:admin",
            "org_permissions": ["org:invoices:read", "org:invoices:manage", "org:reports:read"],
        });
        let members = |value: serde_json::Value| {
            value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
        };
        draft.header = members(header);
        draft.payload = members(payload);
        draft
    }

    pub(crate) fn set_payload(&mut self, name: &str, json: &str) {
        set(&mut self.payload, name, json);
    }

    pub(crate) fn set_header(&mut self, name: &str, json: &str) {
        set(&mut self.header, name, json);
    }

    pub(crate) fn token(&self) -> String {
        let part = |text: &Option<String>, members: &[(String, String)]| {
            let mut text = text.clone().unwrap_or_else(|| object(members));
            // Makes padding visible.
            while matches!(self.alphabet, Alphabet::UrlPadded) && text.len().is_multiple_of(3) {
                text.push(' ');
            }
            self.alphabet.encode(text.as_bytes())
        };
        let header = part(&self.header_text, &self.header);
        let payload = part(&self.payload_text, &self.payload);
        let signer = if self.other_signer { &*OTHER } else { &*MAIN };
        let signature = signer.sign(self.algorithm, format!("{header}.{payload}").as_bytes());
        let mut signature = self.alphabet.encode(&signature);
        if self.stray_bits {
            // 256 bytes leave four bits unused in the last character, all zero.
            let last = signature.pop().unwrap();
            signature.push(char::from(u8::try_from(last).unwrap() + 1));
        }
        self.layout.replace("{h}", &header).replace("{p}", &payload).replace("{s}", &signature)
    }
}

/// Rules that accept the unchanged drafts.
pub(crate) fn rules() -> Rules {
    Rules::new([ISSUER], AuthorizedParties::list([PARTY]).unwrap()).unwrap()
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> =
        members.iter().map(|(name, json)| format!("{}:{json}", serde_json::Value::from(name.as_str()))).collect();
    format!("{{{}}}", members.join(","))
}

fn set(members: &mut Vec<(String, String)>, name: &str, json: &str) {
    members.retain(|(existing, _)| existing != name);
    members.push((name.to_owned(), json.to_owned()));
}
