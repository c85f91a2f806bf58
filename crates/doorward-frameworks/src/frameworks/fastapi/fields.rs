//! What `Field(…)` and its kin say of a value: its default and its limits.

use serde_json::{Value as Json, json};

use crate::py::value::{Args, Value};
use crate::walk::printable;

/// Limits, as Pydantic and as JSON Schema call them.
static LIMITS: &[(&str, &str)] = &[
    ("ge", "minimum"),
    ("gt", "exclusiveMinimum"),
    ("le", "maximum"),
    ("lt", "exclusiveMaximum"),
    ("multiple_of", "multipleOf"),
    ("pattern", "pattern"),
    ("regex", "pattern"),
];

/// Whether a value is `Field(…)` or one of FastAPI's forms of it.
pub(super) fn is_field(value: &Value) -> bool {
    match value {
        Value::External(it) => {
            let known =
                ["Field", "field", "Query", "Path", "Body", "Header", "Cookie", "Form", "File", "PrivateAttr", "Param"];
            it.called().is_some() && known.contains(&it.last())
        }
        _ => false,
    }
}

/// Whether `Field(…)` gives a default.
pub(super) fn has_default(value: &Value) -> bool {
    let Value::External(external) = value else { return false };
    let Some((callee, args, _)) = external.called() else { return false };
    let first = if callee.name().starts_with("dataclasses.") { args.named("default") } else { args.get(0, "default") };
    is_field(value)
        && (args.named("default_factory").is_some() || first.is_some_and(|it| !matches!(it, Value::Ellipsis)))
}

/// A default, as JSON.
pub(super) fn given_default(value: &Value) -> Option<Json> {
    match value {
        Value::External(external) if is_field(value) => plain(external.called()?.1.get(0, "default")?),
        Value::Ellipsis => None,
        other => plain(other),
    }
}

/// A constant, as JSON.
pub(super) fn plain(value: &Value) -> Option<Json> {
    Some(match value {
        Value::None => Json::Null,
        Value::Bool(it) => json!(it),
        Value::Int(it) => json!(it),
        Value::Float(it) => json!(it),
        Value::Str(it) => json!(printable(&it.text)),
        Value::List(list) if !list.open.get() && list.items.borrow().len() < 100 => {
            Json::Array(list.items.borrow().iter().map(plain).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// Adds the limits that `Field(ge=0)` and its kin declare.
pub(super) fn limit(schema: &mut Json, marker: &Value) {
    if let Value::External(external) = marker
        && let Some((_, args, _)) = external.called()
    {
        limit_by(schema, args);
    }
}

pub(super) fn limit_by(schema: &mut Json, args: &Args) {
    if let (Some(property), Some(map)) =
        (args.named("discriminator").and_then(Value::as_str).map(printable), schema.as_object_mut())
        && let Some(all) = map.remove("anyOf")
    {
        map.insert("oneOf".to_owned(), all);
        map.insert("discriminator".to_owned(), json!({ "propertyName": property }));
    }
    // The limits are those of the value, not of its absence.
    let target = match schema.get("anyOf").and_then(Json::as_array) {
        Some(all) => match all.iter().position(|it| it.get("type") != Some(&json!("null"))) {
            Some(at) => schema.get_mut("anyOf").and_then(|it| it.get_mut(at)),
            None => None,
        },
        None => Some(schema),
    };
    let Some(Json::Object(map)) = target else { return };
    let kind = map.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
    for (name, key) in LIMITS {
        if let Some(value) = args.named(name).and_then(plain).filter(|it| !it.is_null()) {
            map.insert((*key).to_owned(), value);
        }
    }
    let lengths = if kind == "array" { ("minItems", "maxItems") } else { ("minLength", "maxLength") };
    for (name, key) in [("min_length", lengths.0), ("max_length", lengths.1)] {
        if let Some(value) = args.named(name).and_then(plain).filter(Json::is_number) {
            map.insert(key.to_owned(), value);
        }
    }
}
