//! Telling a key that works from one that is only talked about, and Clerk's from those of others.
//!
//! Prefixes are not enough: Stripe and Paystack write `sk_live_` too, Stripe and every other user of Svix `whsec_`,
//! and every document about keys is full of keys that never were. A key is taken for one when
//!
//! 1. nothing that belongs to a name stands in front of it,
//! 2. what follows the prefix looks drawn by lot, and not like words, runs, sequences or repetitions, and
//! 3. it is Clerk's: by the decode test (publishable keys), by its length and alphabet (secret keys), or by the names
//!    around it.

use std::ops::Range;

use super::{KeyKind, SHAPES, Shape};
use crate::token::PublishableKey;

/// The end of the header of every PEM private key.
pub const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// What a scanner looks for: each key begins at one of these, except that a private key has its mark in its header.
/// [`key_at`] judges what was found. JWTs are not among them: those that live long enough to matter can't be told
/// from examples.
pub const MARKS: &[&str] =
    &["sk_test_", "sk_live_", "pk_test_", "pk_live_", "whsec_", "ak_", "mt_", "oat_", PRIVATE_KEY];

/// No key is longer.
const LONGEST: usize = 512;
/// How far names around a key are looked for.
const NEAR: usize = 240;

/// A key that stands in a text. It tells where, and never what it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// What it is.
    pub kind: KeyKind,
    /// Of a production instance, or of a development one, where the prefix tells.
    pub live: Option<bool>,
    /// Whether it is Clerk's for certain; if not, it belongs to somebody who writes keys the same way.
    pub certain: bool,
    /// The host of the Frontend API, of a publishable key.
    pub host: Option<String>,
    /// Where it stands.
    pub range: Range<usize>,
}

impl Key {
    /// Whether the key is one of Clerk's own documents, which belongs to nobody.
    #[must_use]
    pub fn is_example(&self) -> bool {
        self.host.as_deref().is_some_and(|host| {
            let name = host.split(':').next().unwrap_or(host);
            EXAMPLE_HOSTS
                .iter()
                .any(|end| name.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
        })
    }
}

/// Hosts of instances that documents and tests speak of.
const EXAMPLE_HOSTS: &[&str] = &[
    "example.com",
    "example.org",
    "example.accounts.dev",
    "example.clerk.accounts.dev",
    "lclclerk.com",
    "localhost",
    "test.clerk.accounts.dev",
    "foo.clerk.accounts.dev",
];

/// Judges the mark at byte `at` of `text`: is it a key? The text may be a part of a file; some hundred bytes on both
/// sides are enough.
#[must_use]
pub fn key_at(text: &[u8], at: usize) -> Option<Key> {
    let here = text.get(at..)?;
    if here.starts_with(PRIVATE_KEY.as_bytes()) {
        return private_key(text, at);
    }
    let shape = SHAPES.iter().find(|it| here.starts_with(it.prefix.as_bytes()))?;
    if shape.kind == KeyKind::Token || !begins(text.get(..at)?) {
        return None;
    }
    let extra: &[u8] = if shape.kind == KeyKind::SecretKey { b"" } else { b"+/" };
    let body = here.get(shape.prefix.len()..)?;
    let mut length =
        body.iter().take(LONGEST + 1).take_while(|it| it.is_ascii_alphanumeric() || extra.contains(it)).count();
    if length > LONGEST {
        return None;
    }
    let random = std::str::from_utf8(body.get(..length)?).ok()?;
    if shape.kind != KeyKind::SecretKey {
        length += body.get(length..)?.iter().take(2).take_while(|it| **it == b'=').count();
    }
    let after = body.get(length..)?;
    if is_cut_short(after) {
        return None;
    }
    let range = at..at + shape.prefix.len() + length;
    let mut key = Key { kind: shape.kind, live: shape.live, certain: true, host: None, range };
    if shape.kind == KeyKind::PublishableKey {
        let text = std::str::from_utf8(here.get(..shape.prefix.len() + length)?).ok()?;
        key.host = Some(text.parse::<PublishableKey>().ok()?.frontend_api().to_owned());
        return Some(key);
    }
    if is_made_up(random) {
        return None;
    }
    key.certain = owner(shape, random, length, Named::around(text, &key.range))?;
    // Whose it is can't be told, and it is called an example: documents of other senders look like that.
    (key.certain || !is_called_example(text, at)).then_some(key)
}

/// Whether it is Clerk's for certain; `None` if it is not Clerk's.
fn owner(shape: &Shape, random: &str, length: usize, named: Named) -> Option<bool> {
    let hex = random.bytes().all(|it| it.is_ascii_digit() || matches!(it, b'a'..=b'f'));
    let mixed = random.bytes().any(|it| it.is_ascii_uppercase()) && random.bytes().any(|it| it.is_ascii_lowercase());
    match shape.kind {
        KeyKind::SecretKey => match named {
            Named::Clerk if random.len() >= 24 => Some(true),
            Named::Other => None,
            // Stripe's have 24 or about 99 characters, Paystack's are 40 hexadecimal digits.
            _ => (mixed && (40..=60).contains(&random.len())).then_some(true),
        },
        KeyKind::WebhookSecret => match named {
            Named::Clerk if random.len() >= 24 => Some(true),
            Named::Other => None,
            // Those of Stripe's command line are hexadecimal.
            _ => (mixed && !hex && random.len() >= 32).then_some(false),
        },
        // Ids are 32 hexadecimal digits, and no secret.
        KeyKind::ApiKey => {
            let fits = mixed && random.len() >= 40;
            (fits && (named == Named::Clerk || (named == Named::Nobody && length == 44 && random.len() == 43)))
                .then_some(true)
        }
        KeyKind::MachineToken | KeyKind::OauthToken => {
            (!hex && random.len() >= 32 && named == Named::Clerk).then_some(true)
        }
        KeyKind::PublishableKey | KeyKind::PrivateKey | KeyKind::Token => None,
    }
}

fn is_called_example(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(NEAR)..at).unwrap_or_default().to_ascii_lowercase();
    String::from_utf8_lossy(&before).contains("example")
}

/// Who is named around a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Clerk,
    /// Another vendor that writes keys the same way.
    Other,
    Nobody,
}

const OTHERS: &[&str] = &["stripe", "paystack", "resend", "openai", "chargily", "moyasar", "razorpay", "lemon"];

impl Named {
    /// The line of the key decides; where it names nobody, what stands before it.
    fn around(text: &[u8], range: &Range<usize>) -> Self {
        let before = text.get(range.start.saturating_sub(NEAR)..range.start).unwrap_or_default();
        let line = before.rsplit(|it| *it == b'\n').next().unwrap_or_default();
        let rest = text.get(range.end..text.len().min(range.end + NEAR)).unwrap_or_default();
        let rest = rest.split(|it| *it == b'\n').next().unwrap_or_default();
        let mut here = line.to_ascii_lowercase();
        here.push(b' ');
        here.extend(rest.to_ascii_lowercase());
        Self::of(&here).or_else(|| Self::of(&before.to_ascii_lowercase())).unwrap_or(Self::Nobody)
    }

    fn of(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        if text.contains("clerk") {
            return Some(Self::Clerk);
        }
        OTHERS.iter().any(|name| text.contains(name)).then_some(Self::Other)
    }
}

/// A PEM private key is Clerk's business only where it is given to Clerk, whose own keys are public ones.
fn private_key(text: &[u8], at: usize) -> Option<Key> {
    let before = text.get(at.saturating_sub(NEAR)..at)?;
    let begin = before.windows(11).rposition(|it| it == b"-----BEGIN ")?;
    let header = before.get(begin + 11..)?;
    if header.len() > 32 || header.contains(&b'\n') {
        return None;
    }
    let body = text.get(at + PRIVATE_KEY.len()..)?;
    let body: Vec<u8> = body.iter().copied().take(160).filter(|it| !it.is_ascii_whitespace()).collect();
    let mut body = body.as_slice();
    while let Some(rest) = body.strip_prefix(b"\\n").or_else(|| body.strip_prefix(b"\\r")) {
        body = rest;
    }
    let length = body.iter().take_while(|it| it.is_ascii_alphanumeric() || b"+/=".contains(it)).count();
    let random = std::str::from_utf8(body.get(..length)?).ok()?;
    if length < 48 || is_made_up(random) {
        return None;
    }
    // Its own line, and the one before, as YAML writes it.
    let lines: Vec<&[u8]> = before.get(..begin)?.rsplitn(3, |it| *it == b'\n').take(2).collect();
    let named = lines.iter().any(|line| line.to_ascii_lowercase().windows(5).any(|it| it == b"clerk"));
    let start = at - (before.len() - begin);
    named.then_some(Key {
        kind: KeyKind::PrivateKey,
        live: None,
        certain: true,
        host: None,
        range: start..at + PRIVATE_KEY.len(),
    })
}

/// Whether a key can begin behind this: not inside of a name, but behind an escape such as `\n` or `%3D`.
fn begins(before: &[u8]) -> bool {
    match before {
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., b'%', one, two] if one.is_ascii_hexdigit() && two.is_ascii_hexdigit() => true,
        [.., last] => !last.is_ascii_alphanumeric() && *last != b'_',
        [] => true,
    }
}

/// `sk_live_abc…`, `sk_live_abc***`, `sk_live_${id}`, `sk_live_abc_rest`: what stands there is not all of it.
fn is_cut_short(after: &[u8]) -> bool {
    [b"...".as_slice(), "…".as_bytes(), "•".as_bytes(), b"*", b"_", b"-", b"${", b"<", b"[", b"{"]
        .iter()
        .any(|it| after.starts_with(it))
}

/// Parts of texts that stand in for keys. Four letters and more: shorter ones turn up in real keys.
const STAND_INS: &[&str] = &[
    "xxxx",
    "your",
    "placeholder",
    "example",
    "replace",
    "changeme",
    "dummy",
    "fake",
    "sample",
    "secret",
    "insert",
    "redacted",
    "mock",
    "testkey",
    "keyhere",
    "abcdef",
    "qwerty",
    "deadbeef",
    "foobar",
    "notareal",
];

/// Whether a person wrote this, and no random number.
fn is_made_up(text: &str) -> bool {
    let bytes = text.as_bytes();
    let lower = text.to_ascii_lowercase();
    let mut seen = [false; 256];
    for byte in bytes {
        if let Some(it) = seen.get_mut(usize::from(*byte)) {
            *it = true;
        }
    }
    let distinct = seen.iter().filter(|it| **it).count();
    let run = |step: u8, least: usize| {
        let mut length = 1;
        bytes.windows(2).any(|pair| {
            let [one, two] = pair else { return false };
            length = if one.checked_add(step) == Some(*two) { length + 1 } else { 1 };
            length >= least
        })
    };
    let repeats = || {
        let head = lower.get(..8.min(lower.len())).unwrap_or_default();
        lower.len() >= 16 && lower.get(1..).is_some_and(|rest| rest.contains(head))
    };
    !bytes.iter().any(u8::is_ascii_digit)
        || !bytes.iter().any(u8::is_ascii_alphabetic)
        || distinct * 3 < bytes.len().min(48)
        || run(0, 5)
        || run(1, 6)
        || STAND_INS.iter().any(|it| lower.contains(it))
        || repeats()
}

#[cfg(test)]
mod tests;
