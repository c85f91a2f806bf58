//! JSON as people write it in settings: with comments and trailing commas.

/// The same text with comments and trailing commas blanked out; offsets stay as they are.
pub(super) fn plain(text: &str) -> String {
    let bytes = text.trim_start_matches('\u{feff}').as_bytes();
    let mut out = bytes.to_vec();
    let mut blank = |from: usize, to: usize| {
        for byte in out.get_mut(from..to.min(bytes.len())).into_iter().flatten() {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    };
    let (mut at, mut comma) = (0, None);
    while let Some(byte) = bytes.get(at) {
        let next = bytes.get(at + 1);
        let start = at;
        match (byte, next) {
            (b'"', _) => {
                comma = None;
                at += 1;
                while let Some(inner) = bytes.get(at).filter(|it| **it != b'"') {
                    at += if *inner == b'\\' { 2 } else { 1 };
                }
            }
            (b'/', Some(b'/')) => {
                at +=
                    bytes.get(at..).unwrap_or_default().iter().position(|it| *it == b'\n').unwrap_or(bytes.len() - at);
                blank(start, at);
                continue;
            }
            (b'/', Some(b'*')) => {
                let rest = bytes.get(at + 2..).unwrap_or_default();
                at += 2 + memchr::memmem::find(rest, b"*/").map_or(rest.len(), |it| it + 2);
                blank(start, at);
                continue;
            }
            (b',', _) => comma = Some(at),
            (b'}' | b']', _) => {
                if let Some(comma) = comma.take() {
                    blank(comma, comma + 1);
                }
            }
            (byte, _) if !byte.is_ascii_whitespace() => comma = None,
            _ => {}
        }
        at += 1;
    }
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn comments_and_trailing_commas_go_and_strings_stay() {
        let text = "{ // a\n \"x//\": [1, 2,\n /* ] */ ], \"y\": \"a,}\\\"\", }";
        let value: serde_json::Value = serde_json::from_str(&plain(text)).unwrap();
        assert_eq!(value, serde_json::json!({"x//": [1, 2], "y": "a,}\""}));
        for hostile in ["/*", "//", "\"", "\"\\", ",", "}", "[,]", "/", ""] {
            let _ = plain(hostile);
        }
    }
}
