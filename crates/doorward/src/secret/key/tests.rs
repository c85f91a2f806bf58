use super::*;

const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &[u8] = b"0123456789abcdef";

/// Drawn by lot, and the same in every run. Keys are made here and never written down.
fn random(length: usize, alphabet: &[u8]) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ length as u64;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(alphabet[(state >> 33) as usize % alphabet.len()])
        })
        .collect()
}

fn found(text: &str) -> Option<Key> {
    let at = MARKS.iter().filter_map(|mark| text.find(mark)).min()?;
    key_at(text.as_bytes(), at)
}

fn check(text: &str, expected: Option<(KeyKind, bool)>) {
    let got = found(text).map(|key| (key.kind, key.certain));
    assert_eq!(got, expected, "{text}");
}

#[test]
fn a_secret_key_of_clerk_is_told_by_its_length_or_by_its_name() {
    let clerk = Some((KeyKind::SecretKey, true));
    let key = |length| format!("sk_live_{}", random(length, BASE62));
    check(&key(42), clerk);
    check(&format!("secretKey: \"{}\",", key(42)), clerk);
    check(&format!("CLERK_SECRET_KEY={}", key(32)), clerk);
    check(&format!("// Clerk\nconst key = '{}';", key(32)), clerk);
    check(&format!("a\\n{}", key(42)), clerk);
    check(&format!("?key%3D{}", key(42)), clerk);
}

#[test]
fn keys_of_others_are_not_clerks() {
    let key = |length, alphabet| format!("sk_live_{}", random(length, alphabet));
    check(&key(24, BASE62), None);
    check(&format!("sk_live_51{}", random(97, BASE62)), None);
    check(&key(40, HEX), None);
    check(&format!("STRIPE_SECRET_KEY={}", key(42, BASE62)), None);
    check(&format!("STRIPE_WEBHOOK_SECRET=whsec_{}", random(32, BASE62)), None);
    check(&format!("SECRET=whsec_{}", random(64, HEX)), None);
    check(&format!("risk_live_{}", random(42, BASE62)), None);
}

#[test]
fn webhook_secrets_are_only_certain_next_to_the_name() {
    let secret = format!("whsec_{}", random(32, BASE62));
    check(&format!("CLERK_WEBHOOK_SIGNING_SECRET={secret}"), Some((KeyKind::WebhookSecret, true)));
    check(&format!("WEBHOOK_SECRET={secret}"), Some((KeyKind::WebhookSecret, false)));
    check(&format!("\"example\": \"{secret}\""), None);
    check(&format!("\"example\": {{ \"CLERK_SECRET\": \"{secret}\" }}"), Some((KeyKind::WebhookSecret, true)));
}

#[test]
fn machine_keys_are_told_from_ids_and_from_names() {
    check(&format!("CLERK_MACHINE_SECRET_KEY=ak_{}", random(43, BASE62)), Some((KeyKind::ApiKey, true)));
    check(&format!("key = \"ak_{}=\"", random(43, BASE62)), Some((KeyKind::ApiKey, true)));
    check(&format!("CLERK_API_KEY_ID=ak_{}", random(32, HEX)), None);
    check(&format!("break_{}", random(43, BASE62)), None);
    check(&format!("clerk m2m mt_{}", random(40, BASE62)), Some((KeyKind::MachineToken, true)));
    check(&format!("clerk m2m mt_{}", random(32, HEX)), None);
    check(&format!("fmt_{}", random(40, BASE62)), None);
    check(&format!("clerk: oat_{}", random(40, BASE62)), Some((KeyKind::OauthToken, true)));
}

#[test]
fn what_people_write_in_place_of_a_key_is_none() {
    let letters: String = random(42, &BASE62[10..]);
    for payload in [
        "xxx",
        "...",
        "…",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "your_clerk_key_here",
        "YOURCLERKSECRETKEYGOESHERE0123456789abcdefghij",
        "REPLACE_ME",
        "ReplaceThisWithTheKeyOfYourOwnInstance4242",
        "<key>",
        "${KEY}",
        "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF",
        "0123456789abcdefghijklmnopqrstuvwxyz012345",
        "a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1",
        "1111111111111111111111111111111111111111Aa",
        &letters,
        &format!("{}...", random(42, BASE62)),
        &format!("{}***", random(42, BASE62)),
        &format!("{}_and_more", random(42, BASE62)),
    ] {
        check(&format!("CLERK_SECRET_KEY=sk_test_{payload}"), None);
        check(&format!("CLERK_WEBHOOK_SIGNING_SECRET=whsec_{payload}"), None);
        check(&format!("CLERK_MACHINE_SECRET_KEY=ak_{payload}"), None);
    }
}

#[test]
fn a_publishable_key_is_told_by_what_it_decodes_to() {
    use base64::Engine;
    let key = |host: &str| {
        let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(format!("{host}$"));
        found(&format!("pk_live_{text}"))
    };
    let own = key("clerk.orders.example").unwrap();
    assert_eq!(own.host.as_deref(), Some("clerk.orders.example"));
    assert!(!own.is_example());
    assert!(key("clerk.example.com").unwrap().is_example());
    assert!(!key("clerk.notexample.com").unwrap().is_example());
    check(&format!("pk_live_51{}", random(97, BASE62)), None);
}

#[test]
fn a_private_key_counts_where_it_is_given_to_clerk() {
    for eol in ["\n", "\\n"] {
        let body = format!("-----BEGIN {PRIVATE_KEY}{eol}{}{eol}", random(64, BASE62));
        check(&format!("CLERK_JWT_KEY=\"{body}"), Some((KeyKind::PrivateKey, true)));
        check(&format!("CLERK_JWT_KEY: |\n  {body}"), Some((KeyKind::PrivateKey, true)));
        check(&format!("GITHUB_APP_KEY=\"{body}"), None);
        let talk = format!("CLERK_JWT_KEY=\"-----BEGIN {PRIVATE_KEY}{eol}your key{eol}-----END");
        assert_eq!(key_at(talk.as_bytes(), talk.find(PRIVATE_KEY).unwrap()), None);
    }
}

#[test]
fn every_place_of_hostile_text_is_judged_without_a_panic() {
    let text = "sk_live_é\u{0}pk_test_====whsec_%3Dak_\\nmt_-----BEGIN PRIVATE KEY-----".repeat(3);
    for at in 0..=text.len() + 1 {
        let _ = key_at(text.as_bytes(), at);
    }
}
