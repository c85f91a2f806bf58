//! Schemas that fit into the document: every reference leads somewhere, every keyword means what 2020-12 says.

use std::collections::BTreeMap;

use doorward::inventory::App;
use serde_json::{Map, Value, json};

const PREFIX: &str = "#/components/schemas/";
const MAX_DEPTH: usize = 64;
static TYPES: &[&str] = &["null", "boolean", "object", "array", "number", "string", "integer"];
/// Keywords that hold a schema, a list of them, or some by name.
static ONE: &[&str] = &[
    "items",
    "additionalProperties",
    "propertyNames",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
static LIST: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
static NAMED: &[&str] = &["properties", "patternProperties", "dependentSchemas", "$defs"];
/// Keywords of older drafts whose meaning has changed, or that would move the base of references.
static DROPPED: &[&str] =
    &["$id", "$schema", "id", "$anchor", "$dynamicRef", "$dynamicAnchor", "definitions", "$recursiveRef"];

/// The named schemas of an app, under names that a document allows.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// From the app's names to the document's.
    names: BTreeMap<String, String>,
    schemas: Map<String, Value>,
    error: String,
    /// The schemas as the app has them.
    known: BTreeMap<String, Value>,
}

impl Names {
    pub(super) fn of(app: &App) -> Self {
        let mut names = Self { known: app.schemas.clone(), ..Self::default() };
        let mut taken: Vec<String> = Vec::new();
        for name in app.schemas.keys() {
            let allowed: String = name
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' })
                .collect();
            let free = free(&allowed, &taken);
            taken.push(free.clone());
            names.names.insert(name.clone(), free);
        }
        names.error = free("DoorwardError", &taken);
        for (name, schema) in &app.schemas {
            let written = names.fit(schema);
            if let Some(name) = names.names.get(name) {
                names.schemas.insert(name.clone(), written);
            }
        }
        names
    }

    pub(super) fn schemas(&self) -> &Map<String, Value> {
        &self.schemas
    }

    /// What the schema of doorward's own errors is called.
    pub(super) fn error(&self) -> &str {
        &self.error
    }

    pub(super) fn fit(&self, schema: &Value) -> Value {
        self.at(schema, 0)
    }

    fn at(&self, schema: &Value, depth: usize) -> Value {
        let schema = match schema {
            Value::Object(schema) if depth < MAX_DEPTH => schema,
            Value::Bool(all) => return json!(all),
            _ => return json!({}),
        };
        let mut fitted = Map::new();
        for (key, value) in schema {
            // `tags: list[str] = None` is written everywhere, and a default that its own schema refuses is an error.
            if key == "default" && !self.allows(schema, value, 0) {
                continue;
            }
            if let Some(value) = self.keyword(key, value, depth) {
                // A list of items is what 2020-12 calls prefixItems.
                let key = if key == "items" && value.is_array() { "prefixItems" } else { key };
                fitted.insert(key.to_owned(), value);
            }
        }
        Value::Object(fitted)
    }

    /// Whether a schema may allow a value, as far as its types tell.
    fn allows(&self, schema: &Map<String, Value>, value: &Value, depth: usize) -> bool {
        let inner =
            |it: &Value| depth >= MAX_DEPTH || it.as_object().is_none_or(|it| self.allows(it, value, depth + 1));
        schema.iter().all(|(key, it)| match (key.as_str(), it) {
            ("type", Value::String(kind)) => is_of(value, kind),
            ("type", Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).any(|kind| is_of(value, kind)),
            ("enum", Value::Array(all)) => all.contains(value),
            ("const", it) => it == value,
            ("anyOf" | "oneOf", Value::Array(all)) => all.iter().any(inner),
            ("allOf", Value::Array(all)) => all.iter().all(inner),
            // Few references are followed: schemas may refer to each other in circles, in many ways at once.
            ("$ref", Value::String(it)) => {
                let named = it.strip_prefix(PREFIX).and_then(|name| self.known.get(name)?.as_object());
                named.is_none_or(|it| depth >= MAX_DEPTH / 2 || self.allows(it, value, depth + MAX_DEPTH / 2))
            }
            ("items", it) => value.as_array().is_none_or(|all| match it.as_object() {
                Some(it) => all.iter().all(|value| depth >= MAX_DEPTH || self.allows(it, value, depth + 1)),
                None => true,
            }),
            _ => true,
        })
    }

    /// The value of a keyword; `None` leaves it out, which only makes the schema say less.
    fn keyword(&self, key: &str, value: &Value, depth: usize) -> Option<Value> {
        let list = |all: &Vec<Value>| Value::Array(all.iter().map(|it| self.at(it, depth + 1)).collect());
        match (key, value) {
            (key, _) if DROPPED.contains(&key) => None,
            ("$ref", Value::String(reference)) => self.reference(reference),
            ("type", Value::String(kind)) => TYPES.contains(&kind.as_str()).then(|| value.clone()),
            ("type", Value::Array(kinds)) => {
                let known = kinds.iter().all(|it| it.as_str().is_some_and(|it| TYPES.contains(&it)));
                (known && !kinds.is_empty()).then(|| value.clone())
            }
            ("type", _) => None,
            ("required", Value::Array(names)) => {
                let mut names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
                names.sort_unstable();
                names.dedup();
                (!names.is_empty()).then(|| json!(names))
            }
            ("required", _) => None,
            ("enum", Value::Array(all)) => (!all.is_empty()).then(|| value.clone()),
            // Booleans in the fourth draft, numbers since.
            ("exclusiveMinimum" | "exclusiveMaximum", value) => value.is_number().then(|| value.clone()),
            ("items", Value::Array(all)) => (!all.is_empty()).then(|| list(all)),
            (key, Value::Array(all)) if LIST.contains(&key) => (!all.is_empty()).then(|| list(all)),
            (key, Value::Object(all)) if NAMED.contains(&key) => {
                Some(Value::Object(all.iter().map(|(name, it)| (name.clone(), self.at(it, depth + 1))).collect()))
            }
            (key, _) if LIST.contains(&key) || NAMED.contains(&key) || key == "enum" => None,
            (key, value) if ONE.contains(&key) => Some(self.at(value, depth + 1)),
            (_, value) => Some(value.clone()),
        }
    }

    /// A reference into the named schemas; one that leads nowhere accepts everything.
    fn reference(&self, reference: &str) -> Option<Value> {
        let name = reference.strip_prefix(PREFIX)?;
        let name = name.replace("~1", "/").replace("~0", "~");
        self.names.get(&name).map(|name| json!(format!("{PREFIX}{name}")))
    }
}

fn free(name: &str, taken: &[String]) -> String {
    let mut free = name.to_owned();
    let mut at = 2;
    while taken.contains(&free) {
        free = format!("{name}_{at}");
        at += 1;
    }
    free
}

/// Whether a value is of a type of JSON Schema.
fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|it| it.fract() == 0.0),
        _ => true,
    }
}
