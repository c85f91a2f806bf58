//! Nothing in the repository looks like a secret, not even a secret of a test.

use super::{Text, Violation};

/// How a secret starts, which characters follow, and from how many on it could be a real one.
struct Shape {
    what: &'static str,
    prefix: &'static str,
    body: fn(char) -> bool,
    least: usize,
}

static SHAPES: &[Shape] = &[
    Shape { what: "a Clerk secret key", prefix: "sk_live_", body: |it| it.is_ascii_alphanumeric(), least: 20 },
    Shape { what: "a Clerk secret key", prefix: "sk_test_", body: |it| it.is_ascii_alphanumeric(), least: 20 },
    Shape {
        what: "a webhook signing secret",
        prefix: "whsec_",
        body: |it| it.is_ascii_alphanumeric() || "+/=".contains(it),
        least: 24,
    },
];

/// So many characters of base64 after the header, and it is a key rather than talk about keys.
const KEY_BLOCK: usize = 16;

pub(super) fn check(text: &Text<'_>) -> Vec<Violation> {
    let mut found: Vec<Violation> = Vec::new();
    for (line, content) in text.lines() {
        for Shape { what, prefix, body, least } in SHAPES {
            let is_key = |(at, _): (usize, &str)| {
                content
                    .get(at + prefix.len()..)
                    .is_some_and(|it| it.chars().take_while(|it| body(*it)).count() >= *least)
            };
            if content.match_indices(prefix).any(is_key) {
                found.push(violation(text.file, line, what));
            }
        }
    }
    found.extend(key_blocks(text));
    found
}

/// PEM blocks, also when their line ends are spelled `\n`, as in JSON and `.env` files.
fn key_blocks(text: &Text<'_>) -> Vec<Violation> {
    let header_end = "PRIVATE KEY-----";
    let mut found = Vec::new();
    for (at, _) in text.text.match_indices(header_end) {
        let (Some(before), Some(after)) = (text.text.get(..at), text.text.get(at + header_end.len()..)) else {
            continue;
        };
        let is_header = before.lines().last().is_some_and(|it| it.contains("-----BEGIN"));
        let after = after.trim_start().trim_start_matches("\\r").trim_start_matches("\\n").trim_start();
        let is_base64 = |it: char| it.is_ascii_alphanumeric() || "+/=".contains(it);
        if is_header && after.chars().take_while(|it| is_base64(*it)).count() >= KEY_BLOCK {
            found.push(violation(text.file, before.lines().count(), "a private key"));
        }
    }
    found
}

fn violation(file: &str, line: usize, what: &str) -> Violation {
    Violation {
        rule: "key",
        file: file.to_owned(),
        line,
        message: format!("this looks like {what}"),
        help: "write a placeholder such as `your_clerk_key_here`, or make the value when the test runs; if it was ever real, \
               revoke it"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::messages;

    /// Put together here, so that this file passes its own rule.
    fn key(prefix: &str, body: usize) -> String {
        format!("KEY = \"{prefix}{}\"", "a1B2".repeat(body).get(..body).unwrap())
    }

    #[test]
    fn a_secret_key_is_refused_and_a_placeholder_is_not() {
        assert_eq!(
            messages(check, ".env", &format!("A=1\n{}\n", key("sk_live_", 20))),
            [".env:2: this looks like a Clerk secret key"]
        );
        assert_eq!(messages(check, "x", &key("sk_test_", 40)).len(), 1);
        assert!(messages(check, "x", &key("sk_test_", 19)).is_empty());
        assert!(messages(check, "x", "sk_test_your_clerk_key_here_and_nothing_else").is_empty());
        assert!(messages(check, "x", &key("pk_live_", 40)).is_empty(), "a publishable key is public");
    }

    #[test]
    fn a_second_key_on_a_line_is_found() {
        assert_eq!(messages(check, "x", &format!("sk_test_short {}", key("sk_test_", 20))).len(), 1);
    }

    #[test]
    fn a_webhook_secret_is_refused_and_its_prefix_is_not() {
        assert_eq!(messages(check, "x", &key("whsec_", 32)), ["x:1: this looks like a webhook signing secret"]);
        assert!(messages(check, "x", &key("whsec_", 23)).is_empty());
        assert!(messages(check, "x", "starts_with(\"whsec_\")").is_empty());
    }

    #[test]
    fn a_private_key_is_refused_and_talk_about_one_is_not() {
        let header = format!("-----BEGIN {}-----", "PRIVATE KEY");
        let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
        assert_eq!(
            messages(check, "k.pem", &format!("\n{header}\n{body}\n")),
            ["k.pem:2: this looks like a private key"]
        );
        assert_eq!(messages(check, ".env", &format!("KEY=\"{header}\\n{body}\"")).len(), 1);
        assert_eq!(messages(check, "k.pem", &format!("{header}\r\n{body}")).len(), 1);
        assert!(messages(check, "x.rs", &format!("text.contains(\"{header}\")")).is_empty());
        let public = header.replace("PRIVATE", "PUBLIC");
        assert!(messages(check, "k.pem", &format!("{public}\n{body}\n")).is_empty());
    }
}
