//! What holds for any input at all.

use doorward::token::{Key, KeySet, PublishableKey, Timestamp, Unverified, bearer};
use proptest::prelude::*;
use serde_json::{Value, json};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::signer::{Draft, MAIN, NOW, rules};

/// Each bit of a token matters: there is one text per signature.
#[test]
fn a_token_with_one_bit_flipped_is_refused() {
    let key = MAIN.public_key();
    let now = Timestamp::from_seconds(NOW);
    let token = Draft::session_v2().token();
    let accepts = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).ok();
        text.and_then(|text| Unverified::parse(text).ok()).is_some_and(|it| it.verify(&key, &rules(), now).is_ok())
    };
    assert!(accepts(token.as_bytes()));
    let mut bytes = token.clone().into_bytes();
    for place in 0..bytes.len() {
        for bit in 0..8 {
            bytes[place] ^= 1 << bit;
            assert!(!accepts(&bytes), "bit {bit} of byte {place}");
            bytes[place] ^= 1 << bit;
        }
    }
}

#[test]
fn a_token_cut_or_extended_is_refused() {
    let key = MAIN.public_key();
    let token = Draft::session_v2().token();
    let accepts = |text: &str| {
        Unverified::parse(text).is_ok_and(|it| it.verify(&key, &rules(), Timestamp::from_seconds(NOW)).is_ok())
    };
    let mut shorter = token.clone();
    while shorter.pop().is_some() {
        assert!(!accepts(&shorter), "{} bytes", shorter.len());
    }
    for byte in 0..=127_u8 {
        assert!(!accepts(&format!("{token}{}", char::from(byte))), "{byte} at the end");
        assert!(!accepts(&format!("{}{token}", char::from(byte))), "{byte} at the start");
    }
}

/// Any JSON, shallow enough to print.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[ou:,a-c0-9-]{0,12}".prop_map(Value::from),
        Just(json!("user_2alice")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("id|slg|rol|per|fpm|[a-z]", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

const CLAIMS: [&str; 18] = [
    "sub",
    "aud",
    "azp",
    "iss",
    "exp",
    "nbf",
    "iat",
    "sts",
    "sid",
    "v",
    "o",
    "fea",
    "pla",
    "act",
    "org_id",
    "org_slug",
    "org_role",
    "org_permissions",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_parsing_panic(text in ".{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Unverified::parse(&text);
        let _ = Key::from_pem(&text);
        let _ = text.parse::<PublishableKey>();
        let _ = bearer(&bytes);
        let _ = Key::from_jwk(&bytes);
        let _ = KeySet::from_json(&bytes);
        let part = URL_SAFE_NO_PAD.encode(&bytes);
        let _ = Unverified::parse(&format!("{part}.{part}.{part}"));
        let _ = Key::from_pem(&base64::engine::general_purpose::STANDARD.encode(&bytes));
    }

    #[test]
    fn no_header_makes_parsing_panic(name in "alg|typ|kid|cat|crit|zip|b64|jwk|x5c", value in any_json()) {
        let mut draft = Draft::session_v2();
        draft.set_header(&name, &value.to_string());
        let _ = Unverified::parse(&draft.token());
    }

    #[test]
    fn no_signed_claim_makes_verifying_panic(
        name in prop::sample::select(&CLAIMS[..]),
        value in any_json(),
        old in any::<bool>(),
    ) {
        let mut draft = if old { Draft::session_v1() } else { Draft::session_v2() };
        draft.set_payload(name, &value.to_string());
        let token = draft.token();
        if let Ok(unverified) = Unverified::parse(&token) {
            let verified = unverified.verify(&MAIN.public_key(), &rules(), Timestamp::from_seconds(NOW));
            if let Ok(claims) = verified {
                prop_assert!(claims.principal().user_id.starts_with("user_"));
            }
        }
    }

    /// A mask of any length grants exactly the actions whose bits are set in it.
    #[test]
    fn masks_are_read_exactly(bits in prop::collection::vec(any::<bool>(), 1..200), zeros in 0_usize..4) {
        let actions: Vec<String> = (0..bits.len()).map(|index| format!("a{index}")).collect();
        let expected: Vec<String> = actions
            .iter()
            .zip(&bits)
            .filter(|(_, bit)| **bit)
            .map(|(action, _)| format!("org:files:{action}"))
            .collect();
        let mut draft = Draft::session_v2();
        let mask = format!("{}{}", "0".repeat(zeros), decimal(&bits));
        draft.set_payload("fea", r#""o:files""#);
        draft.set_payload("o", &json!({ "id": "org_1", "per": actions.join(","), "fpm": mask }).to_string());
        let token = draft.token();
        let claims = Unverified::parse(&token)
            .and_then(|it| it.verify(&MAIN.public_key(), &rules(), Timestamp::from_seconds(NOW)));
        prop_assert_eq!(claims.unwrap().into_principal().org.unwrap().permissions, expected);
    }
}

/// The number whose bits, lowest first, are these; by doubling decimal digits, unlike the code under test.
fn decimal(bits: &[bool]) -> String {
    let mut digits = vec![0_u8];
    for bit in bits.iter().rev() {
        let mut carry = u8::from(*bit);
        for digit in &mut digits {
            let doubled = *digit * 2 + carry;
            *digit = doubled % 10;
            carry = doubled / 10;
        }
        if carry > 0 {
            digits.push(carry);
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}
