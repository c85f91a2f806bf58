//! JSON Schema in a few words.

use serde_json::Value;

/// No line is longer than this for a reader's pleasure.
const MAX_CHARS: usize = 100;
const MAX_DEPTH: usize = 4;

/// What a schema allows, as a type is written: `{ id: string, tags?: string[] }`, `"a" | "b"`, `User`.
///
/// ```
/// use serde_json::json;
/// let schema = json!({ "type": "object", "properties": { "id": { "type": "string" }, "n": {} }, "required": ["id"] });
/// assert_eq!(doorward_report::type_text(&schema), "{ id: string, n?: any }");
/// ```
#[must_use]
pub fn type_text(schema: &Value) -> String {
    let text = at(schema, 0);
    if text.chars().count() <= MAX_CHARS { text } else { text.chars().take(MAX_CHARS - 1).chain(['…']).collect() }
}

fn at(schema: &Value, depth: usize) -> String {
    if depth > MAX_DEPTH {
        return "…".to_owned();
    }
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        return name.rsplit('/').next().unwrap_or(name).to_owned();
    }
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return joined(values.iter().map(Value::to_string), " | ");
    }
    for (keyword, between) in [("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")] {
        if let Some(all) = schema.get(keyword).and_then(Value::as_array) {
            return joined(all.iter().map(|it| at(it, depth + 1)), between);
        }
    }
    match schema.get("type") {
        Some(Value::String(kind)) => typed(kind, schema, depth),
        Some(Value::Array(kinds)) => {
            joined(kinds.iter().filter_map(Value::as_str).map(|kind| typed(kind, schema, depth)), " | ")
        }
        _ if schema.get("properties").is_some() => typed("object", schema, depth),
        _ => "any".to_owned(),
    }
}

fn typed(kind: &str, schema: &Value, depth: usize) -> String {
    match kind {
        "array" => match schema.get("items") {
            Some(items) => {
                let inner = at(items, depth + 1);
                if inner.contains([' ', '|']) && !inner.starts_with('{') {
                    format!("({inner})[]")
                } else {
                    inner + "[]"
                }
            }
            None => "any[]".to_owned(),
        },
        "object" => {
            let Some(all) = schema.get("properties").and_then(Value::as_object) else { return "object".to_owned() };
            let required: Vec<&str> = schema
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let parts = all.iter().map(|(name, it)| {
                let mark = if required.contains(&name.as_str()) { "" } else { "?" };
                format!("{name}{mark}: {}", at(it, depth + 1))
            });
            if all.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", joined(parts, ", ")) }
        }
        kind => match schema.get("format").and_then(Value::as_str) {
            Some(format) => format!("{kind} ({format})"),
            None => kind.to_owned(),
        },
    }
}

fn joined(parts: impl Iterator<Item = String>, between: &str) -> String {
    // More than a few are cut off by the line anyway.
    parts.take(40).collect::<Vec<_>>().join(between)
}
