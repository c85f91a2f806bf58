//! Telling what looks like a secret, so that it can be refused and never printed.

mod key;
mod name;

pub use key::{Key, MARKS, PRIVATE_KEY, key_at};
pub use name::{is_secret_name, public_prefix, without_value};

/// What a secret is, or a key that only looks like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// `sk_test_…`, `sk_live_…`: whoever holds it is the backend.
    SecretKey,
    /// `pk_test_…`, `pk_live_…`: public, names the instance.
    PublishableKey,
    /// `whsec_…`: signs webhooks.
    WebhookSecret,
    /// `ak_…`: an API key, or the secret key of a machine.
    ApiKey,
    /// `mt_…`: a token of a machine.
    MachineToken,
    /// `oat_…`: an OAuth access token.
    OauthToken,
    /// A PEM private key.
    PrivateKey,
    /// A JWT.
    Token,
}

impl KeyKind {
    /// What to call it, with its article.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretKey => "a secret key",
            Self::PublishableKey => "a publishable key",
            Self::WebhookSecret => "a webhook secret",
            Self::ApiKey => "an API key",
            Self::MachineToken => "a machine token",
            Self::OauthToken => "an OAuth token",
            Self::PrivateKey => "a private key",
            Self::Token => "a token",
        }
    }
}

/// How a key is written.
struct Shape {
    prefix: &'static str,
    /// From so many characters after the prefix on, it is never shown. Scanning asks for more; see [`key_at`].
    least: usize,
    kind: KeyKind,
    /// Of a production instance, or of a development one, where the prefix tells.
    live: Option<bool>,
}

/// The shapes of Clerk's keys, from the documentation of Clerk and Svix. `sk_` and `whsec_` are shared with other
/// vendors, which makes them no less secret.
const SHAPES: &[Shape] = &[
    Shape { prefix: "sk_test_", least: 16, kind: KeyKind::SecretKey, live: Some(false) },
    Shape { prefix: "sk_live_", least: 16, kind: KeyKind::SecretKey, live: Some(true) },
    Shape { prefix: "pk_test_", least: 12, kind: KeyKind::PublishableKey, live: Some(false) },
    Shape { prefix: "pk_live_", least: 12, kind: KeyKind::PublishableKey, live: Some(true) },
    Shape { prefix: "whsec_", least: 16, kind: KeyKind::WebhookSecret, live: None },
    Shape { prefix: "ak_", least: 32, kind: KeyKind::ApiKey, live: None },
    Shape { prefix: "mt_", least: 32, kind: KeyKind::MachineToken, live: None },
    Shape { prefix: "oat_", least: 32, kind: KeyKind::OauthToken, live: None },
    Shape { prefix: "eyJ", least: 20, kind: KeyKind::Token, live: None },
];

/// No secret is shorter. Texts are long, and nearly all of their words are not worth a second look.
const SHORTEST: usize = 20;

fn is_secret_byte(byte: Option<&u8>) -> bool {
    byte.is_some_and(|it| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'/' | b'=' | b'_' | b'-' | b'.'))
}

/// What kind of secret a text holds, if any.
///
/// ```
/// use doorward::secret;
/// assert_eq!(secret::kind("your_clerk_key_here"), None);
/// assert_eq!(secret::kind(&format!("sk_test_{}", "a1".repeat(20))), Some("a secret key"));
/// ```
#[must_use]
pub fn kind(text: &str) -> Option<&'static str> {
    if text.contains("-----BEGIN") && text.contains("PRIVATE KEY") {
        return Some("a private key");
    }
    if text.contains("-----BEGIN") && text.contains("KEY-----") {
        return Some("a PEM key");
    }
    words(text).find_map(|(_, word)| kind_of_word(word))
}

/// The same text with every secret replaced by its kind in brackets.
///
/// ```
/// use doorward::secret;
/// let line = format!("secretKey: 'sk_live_{}' // prod", "a1".repeat(20));
/// assert_eq!(secret::redact(&line), "secretKey: '[a secret key]' // prod");
/// ```
#[must_use]
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = split_private_key(rest) {
        redact_words(before, &mut out);
        out.push_str("[a private key]");
        rest = after;
    }
    redact_words(rest, &mut out);
    out
}

/// What stands before the first PEM private key, and after it. One without an end swallows the rest.
fn split_private_key(text: &str) -> Option<(&str, &str)> {
    const BEGIN: &str = "-----BEGIN ";
    const END: &str = "-----END ";
    let head = text.find(PRIVATE_KEY)?;
    let start = text.get(..head)?.rfind(BEGIN).filter(|start| head - start < 64)?;
    let body = text.get(head + PRIVATE_KEY.len()..)?;
    let after = body.find(END).and_then(|at| {
        let tail = body.get(at + END.len()..)?;
        tail.get(tail.find("-----")? + 5..)
    });
    Some((text.get(..start)?, after.unwrap_or_default()))
}

fn redact_words(text: &str, out: &mut String) {
    let mut done = 0;
    for (at, word) in words(text) {
        if let Some(kind) = kind_of_word(word) {
            out.push_str(text.get(done..at).unwrap_or_default());
            out.push('[');
            out.push_str(kind);
            out.push(']');
            done = at + word.len();
        }
    }
    out.push_str(text.get(done..).unwrap_or_default());
}

fn kind_of_word(word: &str) -> Option<&'static str> {
    SHAPES
        .iter()
        .find(|shape| word.strip_prefix(shape.prefix).is_some_and(|rest| rest.len() >= shape.least))
        .map(|shape| shape.kind.name())
}

/// Every run of characters that keys are made of and that is long enough for one, with its place.
fn runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = text.as_bytes();
    // What stands in front of it is part of no run.
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            // A run that begins in the next bytes and is long enough has this one, too: most are never looked at.
            let probe = from + SHORTEST - 1;
            if !is_secret_byte(bytes.get(probe)) {
                bytes.get(probe)?;
                from = probe + 1;
                continue;
            }
            let before = bytes.get(from..probe)?.iter().rposition(|it| !is_secret_byte(Some(it)));
            let start = before.map_or(from, |at| from + at + 1);
            let after = bytes.get(probe..)?.iter().position(|it| !is_secret_byte(Some(it)));
            let end = after.map_or(bytes.len(), |at| probe + at);
            from = end + 1;
            if end - start >= SHORTEST {
                return text.get(start..end).map(|run| (start, run));
            }
        }
    })
}

/// Every run of characters that keys are made of, from each place inside it where a key could begin: at its start, and
/// after `=`, `/`, `-`, `.`, `+` and `_`, if there is room for one. A key that was found swallows the rest of its run.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    runs(text).flat_map(move |(at, run)| {
        // Where a key that begins here would end before the run does.
        let room = run.len().checked_sub(SHORTEST).and_then(|last| run.get(..last));
        let inside = room.into_iter().flat_map(|it| it.match_indices(['=', '/', '-', '.', '+', '_']));
        let starts = room.map(|_| 0).into_iter().chain(inside.map(|(at, _)| at + 1));
        let mut found = false;
        starts.filter_map(move |skip| run.get(skip..).map(|word| (at + skip, word))).take_while(move |(_, word)| {
            let done = found;
            found = kind_of_word(word).is_some();
            !done
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_what_is_left_between_other_characters() {
        let runs_of = |lengths: &[usize]| lengths.iter().map(|it| "k".repeat(*it)).collect::<Vec<_>>();
        for separator in [" ", "\n\n", "é", "\"; \""] {
            for lengths in [[19, 20, 21], [20, 20, 20], [1, 40, 19], [0, 19, 60], [39, 0, 20], [19, 19, 19]] {
                let text = runs_of(&lengths).join(separator);
                let naive = text.split(|c: char| c != 'k').filter(|it| it.len() >= SHORTEST);
                let found: Vec<_> = runs(&text).map(|(_, run)| run).collect();
                assert_eq!(found, naive.collect::<Vec<_>>(), "{text}");
                assert!(runs(&text).all(|(at, run)| text.get(at..).unwrap().starts_with(run)), "{text}");
            }
        }
    }

    #[test]
    fn a_secret_is_found_wherever_it_stands() {
        let key = format!("sk_live_{}", "Ab1".repeat(14));
        for text in [
            format!("CLERK_SECRET_KEY={key}"),
            format!("é\"{key}\""),
            format!("Bearer {key}\n"),
            format!("/{key}"),
            format!("a-{key}"),
            format!("x.{key}/y"),
            key.clone(),
        ] {
            assert_eq!(kind(&text), Some("a secret key"));
            assert!(!redact(&text).contains("Ab1Ab1"), "{}", redact(&text));
        }
    }

    #[test]
    fn a_private_key_is_not_shown_on_one_line_or_on_many() {
        let begin = format!("-----BEGIN EC {PRIVATE_KEY}");
        for eol in ["\n", "\\n"] {
            let text = format!("A={begin}{eol}MHcC{eol}-----END EC {PRIVATE_KEY}{eol}B=1");
            assert_eq!(redact(&text), format!("A=[a private key]{eol}B=1"));
        }
        assert_eq!(redact(&format!("A={begin}\nMHcC")), "A=[a private key]");
        assert_eq!(redact("-----BEGIN PUBLIC KEY-----\nMIIB"), "-----BEGIN PUBLIC KEY-----\nMIIB");
    }

    #[test]
    fn no_shape_is_shorter_than_what_is_looked_at() {
        assert_eq!(SHAPES.iter().map(|it| it.prefix.len() + it.least).min(), Some(SHORTEST));
    }

    #[test]
    fn the_shortest_key_is_found_at_the_very_end_of_a_run() {
        let key = format!("pk_test_{}", "Ab1".repeat(4));
        assert_eq!(redact(&format!("a-b/{key}")), "a-b/[a publishable key]");
        assert_eq!(redact(&format!("a-b/{}", key.trim_end_matches('1'))), format!("a-b/{}", key.trim_end_matches('1')));
    }

    #[test]
    fn names_and_placeholders_are_no_secrets() {
        for text in ["CLERK_SECRET_KEY=your_clerk_key_here", "sk_test_…", "make_backup_of_tables", "eyJ"] {
            assert_eq!(kind(text), None, "{text}");
            assert_eq!(redact(text), text);
        }
    }
}
