//! Signed deliveries, as Svix makes them for Clerk.

use std::fmt;

use aws_lc_rs::hmac;

use crate::instance::KeyError;
use crate::json::base64;
use crate::secret::Secret;

/// The signing secret of one endpoint, `whsec_…`.
#[derive(Clone)]
pub struct WebhookSecret {
    text: Secret,
    key: hmac::Key,
}

/// The three headers of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedDelivery {
    /// `svix-id`.
    pub id: String,
    /// `svix-timestamp`, seconds.
    pub timestamp: i64,
    /// `svix-signature`, `v1,…`.
    pub signature: String,
}

impl WebhookSecret {
    /// Makes a secret nobody has seen before.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = [0; 24];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError("read randomness"))?;
        let text = Secret::new(format!("whsec_{}", base64(bytes)));
        Ok(Self { text, key: hmac::Key::new(hmac::HMAC_SHA256, &bytes) })
    }

    /// The secret as the environment variable holds it.
    #[must_use]
    pub fn text(&self) -> &Secret {
        &self.text
    }

    /// Signs a body. The signature covers id, timestamp and the bytes of the body.
    #[must_use]
    pub fn sign(&self, body: &[u8], id: &str, timestamp: i64) -> SignedDelivery {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        let signature = format!("v1,{}", base64(context.sign()));
        SignedDelivery { id: id.to_owned(), timestamp, signature }
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_depends_on_body_id_and_time() {
        let secret = WebhookSecret::generate().unwrap();
        let base = secret.sign(b"{}", "msg_1", 1_700_000_000);
        assert!(base.signature.starts_with("v1,"));
        assert_eq!(base, secret.sign(b"{}", "msg_1", 1_700_000_000));
        assert_ne!(base.signature, secret.sign(b"{ }", "msg_1", 1_700_000_000).signature);
        assert_ne!(base.signature, secret.sign(b"{}", "msg_2", 1_700_000_000).signature);
        assert_ne!(base.signature, secret.sign(b"{}", "msg_1", 1_700_000_001).signature);
        assert!(!format!("{secret:?}").contains(secret.text().reveal()));
    }
}
