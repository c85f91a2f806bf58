//! Publishable keys: which Clerk application, and where its Frontend API is.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// A publishable key, `pk_test_…` or `pk_live_…`. It is public, and names the Frontend API that issues the tokens.
///
/// ```
/// use doorward::token::PublishableKey;
///
/// let key: PublishableKey = "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k".parse()?;
/// assert_eq!(key.frontend_api(), "clerk.example.com");
/// assert_eq!(key.issuer(), "https://clerk.example.com");
/// assert!(key.is_production());
/// # Ok::<(), doorward::token::PublishableKeyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PublishableKey {
    production: bool,
    host: String,
    scheme: &'static str,
}

/// Why a text is not a publishable key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishableKeyError {
    /// It starts as a secret key does.
    #[error("this is a secret key; it must not be used, or stored, as a publishable one")]
    Secret,
    /// Not `pk_test_` or `pk_live_` and one more part.
    #[error("a publishable key is `pk_test_` or `pk_live_` and one more part without `_`")]
    Shape,
    /// The last part is not base64.
    #[error("the last part of the publishable key is not base64")]
    Encoding,
    /// The last part does not decode to a host and `$`.
    #[error("the publishable key does not name a host")]
    Host,
}

impl PublishableKey {
    /// The host of the Frontend API, with its port where the key has one.
    #[must_use]
    pub fn frontend_api(&self) -> &str {
        &self.host
    }

    /// What `iss` must be in this application's tokens.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("{}{}", self.scheme, self.host)
    }

    /// Whether the key is `pk_live_`.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.production
    }
}

impl FromStr for PublishableKey {
    type Err = PublishableKeyError;

    fn from_str(text: &str) -> Result<Self, PublishableKeyError> {
        if text.starts_with("sk_") {
            return Err(PublishableKeyError::Secret);
        }
        let (production, encoded) = match (text.strip_prefix("pk_live_"), text.strip_prefix("pk_test_")) {
            (Some(encoded), _) => (true, encoded),
            (_, Some(encoded)) => (false, encoded),
            _ => return Err(PublishableKeyError::Shape),
        };
        if encoded.is_empty() || encoded.contains('_') || text.len() > 512 {
            return Err(PublishableKeyError::Shape);
        }
        // Padding is optional as a whole, not one character at a time.
        let decoded = if encoded.contains('=') { STANDARD.decode(encoded) } else { STANDARD_NO_PAD.decode(encoded) }
            .map_err(|_| PublishableKeyError::Encoding)?;
        let named = String::from_utf8(decoded).map_err(|_| PublishableKeyError::Host)?;
        let named = named.strip_suffix('$').ok_or(PublishableKeyError::Host)?;
        let (scheme, host) = match named.strip_prefix("http://") {
            // Plain HTTP is for emulators on this machine.
            Some(host) if !production && is_loopback(host) => ("http://", host),
            Some(_) => return Err(PublishableKeyError::Host),
            None => ("https://", named),
        };
        if !is_host(host) {
            return Err(PublishableKeyError::Host);
        }
        Ok(Self { production, host: host.to_owned(), scheme })
    }
}

impl fmt::Debug for PublishableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishableKey").field("issuer", &self.issuer()).finish_non_exhaustive()
    }
}

fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.contains('.') && name.split('.').all(is_label) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

fn is_loopback(host: &str) -> bool {
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prefix: &str, decoded: &str, expected: Result<&str, PublishableKeyError>) {
        let text = format!("{prefix}{}", STANDARD_NO_PAD.encode(decoded));
        check_text(&text, expected);
    }

    fn check_text(text: &str, expected: Result<&str, PublishableKeyError>) {
        let got = text.parse::<PublishableKey>().map(|key| key.issuer());
        assert_eq!(got.as_deref(), expected.as_ref().map(|text| *text), "{text}");
    }

    #[test]
    fn a_key_names_its_issuer() {
        check("pk_live_", "clerk.example.com$", Ok("https://clerk.example.com"));
        check("pk_test_", "calm-fox-1.clerk.accounts.dev$", Ok("https://calm-fox-1.clerk.accounts.dev"));
        check("pk_test_", "http://127.0.0.1:4000$", Ok("http://127.0.0.1:4000"));
        check_text("pk_test_YS5iYyQ=", Ok("https://a.bc"));
        check_text("pk_test_YS5iYyQ", Ok("https://a.bc"));
    }

    #[test]
    fn what_names_no_host_is_refused() {
        check("pk_live_", "http://127.0.0.1:4000$", Err(PublishableKeyError::Host));
        check("pk_test_", "http://127.evil.example$", Err(PublishableKeyError::Host));
        check("pk_test_", "http://10.0.0.1:4000$", Err(PublishableKeyError::Host));
        check("pk_test_", "http://clerk.example.com$", Err(PublishableKeyError::Host));
        check("pk_live_", "clerk.example.com", Err(PublishableKeyError::Host));
        check("pk_live_", "clerk.example.com$$", Err(PublishableKeyError::Host));
        check("pk_live_", "clerk$", Err(PublishableKeyError::Host));
        check("pk_live_", "user@clerk.example.com$", Err(PublishableKeyError::Host));
        check("pk_live_", "clerk.example.com/path$", Err(PublishableKeyError::Host));
        check("pk_live_", "clerk.example.com:99999$", Err(PublishableKeyError::Host));
        check("pk_live_", "clerk.example.com:+80$", Err(PublishableKeyError::Host));
        check("pk_prod_", "clerk.example.com$", Err(PublishableKeyError::Shape));
        check("sk_live_", "clerk.example.com$", Err(PublishableKeyError::Secret));
        check_text("pk_test_YS5iYyQ==", Err(PublishableKeyError::Encoding));
        check_text("pk_test_YS5iYyR=", Err(PublishableKeyError::Encoding));
        check_text("pk_test_a_b", Err(PublishableKeyError::Shape));
        check_text("pk_test_", Err(PublishableKeyError::Shape));
    }
}
