//! JSON as Clerk serialises it, and base64url.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// Compact JSON with the members of every object in alphabetical order, however the map is built.
pub(crate) fn canonical(map: &Map<String, Value>) -> String {
    object(map, &[], &[])
}

/// The same, with raw members in front and behind: the only way to write an object with duplicates.
pub(crate) fn object(map: &Map<String, Value>, first: &[(String, Value)], last: &[(String, Value)]) -> String {
    let mut members: Vec<_> = map.iter().collect();
    members.sort_by_key(|(name, _)| *name);
    let all = first.iter().map(|(name, value)| (name, value)).chain(members);
    let all = all.chain(last.iter().map(|(name, value)| (name, value)));
    let written: Vec<String> = all.map(|(name, value)| format!("{}:{}", text(name), write(value))).collect();
    format!("{{{}}}", written.join(","))
}

fn write(value: &Value) -> String {
    match value {
        Value::Object(map) => canonical(map),
        Value::Array(items) => format!("[{}]", items.iter().map(write).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

fn text(name: &str) -> String {
    Value::from(name).to_string()
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}
