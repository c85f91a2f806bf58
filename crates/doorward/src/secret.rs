//! Telling what looks like a secret, so that it can be refused and never printed.

/// Prefixes of Clerk's secrets, the least length of what follows, and what to call them.
/// Shapes: the Clerk and Svix documentation; `sk_` and `whsec_` are shared with other vendors, which makes them no
/// less secret.
const SHAPES: &[(&str, usize, &str)] = &[
    ("sk_test_", 16, "a secret key"),
    ("sk_live_", 16, "a secret key"),
    ("pk_test_", 12, "a publishable key"),
    ("pk_live_", 12, "a publishable key"),
    ("whsec_", 16, "a webhook secret"),
    ("ak_", 32, "an API key"),
    ("mt_", 32, "a machine token"),
    ("oat_", 32, "an OAuth token"),
    ("eyJ", 20, "a token"),
];

fn is_secret_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=_-.".contains(c)
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
    out
}

fn kind_of_word(word: &str) -> Option<&'static str> {
    SHAPES
        .iter()
        .find(|(prefix, least, _)| word.strip_prefix(prefix).is_some_and(|rest| rest.len() >= *least))
        .map(|(_, _, kind)| *kind)
}

/// Every run of characters that keys are made of, from each place inside it where a key could begin: at its start, and
/// after `=`, `/`, `-`, `.`, `+` and `_`. A key that was found swallows the rest of its run.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut from = 0;
    text.split(|c: char| !is_secret_char(c)).flat_map(move |run| {
        let at = from;
        from += run.len();
        // The separator's own length, whatever the character.
        from += text.get(from..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let starts = std::iter::once(0).chain(run.match_indices(['=', '/', '-', '.', '+', '_']).map(|(at, _)| at + 1));
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
    fn names_and_placeholders_are_no_secrets() {
        for text in ["CLERK_SECRET_KEY=your_clerk_key_here", "sk_test_…", "make_backup_of_tables", "eyJ"] {
            assert_eq!(kind(text), None, "{text}");
            assert_eq!(redact(text), text);
        }
    }
}
