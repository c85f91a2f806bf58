//! JSON Schema written as an object.

use serde_json::{Map, Value as Json, json};

use super::{Read, Shapes, component, plain};
use crate::js::value::{Object, Value};

/// Keywords that hold one schema.
static SCHEMA: &[&str] = &[
    "items",
    "additionalProperties",
    "additionalItems",
    "unevaluatedProperties",
    "unevaluatedItems",
    "propertyNames",
    "contains",
    "contentSchema",
    "not",
    "if",
    "then",
    "else",
];

/// Keywords that hold a list of schemas.
static SCHEMAS: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];

/// Keywords that hold schemas by name.
static NAMED: &[&str] = &["properties", "patternProperties", "dependentSchemas", "definitions", "$defs"];

/// Keywords of validators and generators that no document needs.
static DROPPED: &[&str] = &["$id", "$schema", "$async", "ajvOptions", "errorMessage", "transform"];

pub(super) fn read(shapes: &mut Shapes, object: &Object) -> Option<Read> {
    if object.class.is_some() {
        return None;
    }
    let props = object.props.borrow().clone();
    let mut schema = Map::new();
    for (key, value) in &props {
        if DROPPED.contains(&&**key) {
            continue;
        }
        if let Some(value) = keyword(shapes, key, value) {
            schema.insert(key.to_string(), value);
        }
    }
    let read = Read { schema, optional: false };
    let id = object.get("$id");
    match id.as_ref().and_then(Value::as_str) {
        Some(id) => Some(Read::of(shapes.name(id, read.json()))),
        None => Some(read),
    }
}

/// The value of one keyword; `None` if it can't be known, which leaves the keyword out.
fn keyword(shapes: &mut Shapes, key: &str, value: &Value) -> Option<Json> {
    match value {
        Value::Str(text) if key == "$ref" => Some(reference(&text.text)),
        Value::Bool(it) => Some(json!(it)),
        Value::Array(all) if SCHEMAS.contains(&key) || key == "items" => {
            if all.open.get() {
                return None;
            }
            let all = all.items.borrow().clone();
            Some(Json::Array(shapes.parts(&all)))
        }
        Value::Object(all) if NAMED.contains(&key) => {
            let all = all.props.borrow().clone();
            Some(Json::Object(all.iter().map(|(name, it)| (name.to_string(), shapes.part(it).json())).collect()))
        }
        value if SCHEMA.contains(&key) => shapes.read(value).map(Read::json),
        value => plain(value),
    }
}

/// `user#` and `http://example.com/user#/properties/id` name schemas that were given an `$id`.
fn reference(text: &str) -> Json {
    if text.starts_with('#') {
        return json!(text);
    }
    let (id, inside) = text.split_once('#').unwrap_or((text, ""));
    json!(format!("#/components/schemas/{}{inside}", component(id)))
}
