//! JSON as YAML 1.2. Texts are quoted as in JSON, which YAML reads the same way, unless they are plain words.

use doorward::secret;
use serde_json::Value;

/// The document as YAML.
#[must_use]
pub fn to_yaml(document: &Value) -> String {
    let mut text = String::new();
    block(document, 0, &mut text);
    secret::redact(&text)
}

fn block(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(all) if !all.is_empty() => {
            for (key, value) in all {
                text.push_str(&" ".repeat(indent));
                text.push_str(&scalar(key));
                text.push(':');
                after(value, indent + 2, text);
            }
        }
        Value::Array(all) if !all.is_empty() => {
            for value in all {
                text.push_str(&" ".repeat(indent));
                text.push('-');
                after(value, indent + 2, text);
            }
        }
        other => {
            text.push_str(&inline(other));
            text.push('\n');
        }
    }
}

/// What follows a key or a dash.
fn after(value: &Value, indent: usize, text: &mut String) {
    let is_block =
        matches!(value, Value::Object(all) if !all.is_empty()) || matches!(value, Value::Array(all) if !all.is_empty());
    if is_block {
        text.push('\n');
        block(value, indent, text);
    } else {
        text.push(' ');
        text.push_str(&inline(value));
        text.push('\n');
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// Words that mean something else than themselves, in one version of YAML or another.
static SPECIAL: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];

fn scalar(text: &str) -> String {
    let is_word = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.' | '$'))
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '$' | '_'))
        && !SPECIAL.contains(&text.to_ascii_lowercase().as_str());
    if is_word { text.to_owned() } else { Value::String(text.to_owned()).to_string() }
}
