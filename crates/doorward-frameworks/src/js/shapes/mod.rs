//! Schemas that a program declares, as JSON Schema.
//!
//! A reader of a framework has the value that a program hands to a route as its schema: an object of a schema library,
//! or JSON Schema written as an object. [`Shapes::schema`] tells which, and reads it:
//!
//! ```text
//! let mut shapes = Shapes::default();             // one for an app, so that named schemas are shared
//! let body = shapes.schema(&value);               // zod, TypeBox, valibot, or a JSON Schema literal; None: it is none of these
//! let query = shapes.parameters(&schema, Within::Query);
//! found.schemas = shapes.into_named();
//! ```
//!
//! What can't be known becomes the schema that accepts everything, `{}`: a schema may say too little, never too much.
//! Schemas describe what is *sent*, so a default makes a property optional, and a transformation is not looked at.

mod literal;
mod typebox;
mod valibot;
mod zod;

pub(crate) use valibot::is_parse;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use doorward::shape::{Parameter, Within};
use serde_json::{Map, Value as Json, json};

use super::value::Value;

/// Where schemas with names are referred to.
const COMPONENTS: &str = "#/components/schemas/";
/// Schemas nest less deep than this.
const MAX_DEPTH: usize = 48;
/// No app declares this many parts of schemas. Values may hold themselves many times over.
const MAX_PARTS: usize = 400_000;
/// Nor one schema this many.
const MAX_PARTS_OF_ONE: usize = 5_000;

/// Reads schemas, and keeps those that have names.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    named: BTreeMap<String, Json>,
    spent: usize,
    /// What `spent` may grow to while one schema is read.
    limit: usize,
    depth: usize,
}

/// A schema, and whether what it describes may be left out.
#[derive(Debug, Clone, Default)]
struct Read {
    schema: Map<String, Json>,
    optional: bool,
}

impl Read {
    fn of(schema: Json) -> Self {
        match schema {
            Json::Object(schema) => Self { schema, optional: false },
            _ => Self::default(),
        }
    }

    fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    fn with(mut self, key: &str, value: Json) -> Self {
        self.schema.insert(key.to_owned(), value);
        self
    }

    fn json(self) -> Json {
        Json::Object(self.schema)
    }
}

impl Shapes {
    /// The schema that a value declares; `None` if it declares none that we can read.
    ///
    /// Schemas with a name of their own (`.meta({ id })`, `$id`) are kept under it, and the result refers to them as
    /// `#/components/schemas/NAME`.
    pub(crate) fn schema(&mut self, value: &Value) -> Option<Json> {
        self.limit = (self.spent + MAX_PARTS_OF_ONE).min(MAX_PARTS);
        self.depth = 0;
        self.read(value).map(Read::json)
    }

    /// Keeps a schema under a name, as `addSchema` does.
    pub(crate) fn name(&mut self, name: &str, schema: Json) -> Json {
        let base = component(name);
        // Two schemas of one name are both kept.
        let free = |it: &String| self.named.get(it).is_none_or(|known| *known == schema);
        let choices = std::iter::once(base.clone()).chain((2..100).map(|at| format!("{base}{at}")));
        let Some(name) = choices.into_iter().find(free) else { return schema };
        self.named.entry(name.clone()).or_insert(schema);
        json!({ "$ref": format!("{COMPONENTS}{name}") })
    }

    /// The properties of an object's schema as single values: a query, headers, or the holes of a path.
    pub(crate) fn parameters(&self, schema: &Json, within: Within) -> Vec<Parameter> {
        let mut found = Vec::new();
        self.collect_parameters(schema, within, 0, &mut found);
        found
    }

    /// The schemas with names.
    pub(crate) fn into_named(self) -> BTreeMap<String, Json> {
        self.named
    }

    fn read(&mut self, value: &Value) -> Option<Read> {
        self.spent += 1;
        if self.depth >= MAX_DEPTH || self.spent > self.limit {
            return Some(Read::default());
        }
        self.depth += 1;
        let read = match value {
            Value::External(external) => zod::read(self, external)
                .or_else(|| typebox::read(self, external))
                .or_else(|| valibot::read(self, external)),
            Value::Object(object) => literal::read(self, object),
            // It is one of several, and each that can be read counts.
            Value::OneOf(all) => self.any_of(all),
            _ => None,
        };
        self.depth -= 1;
        read
    }

    /// Like [`read`](Self::read), for a part: what can't be read accepts everything.
    fn part(&mut self, value: &Value) -> Read {
        self.read(value).unwrap_or_default()
    }

    /// Like [`part`](Self::part), with the schema itself where the part is only a name.
    fn inlined(&mut self, value: &Value) -> Read {
        let read = self.part(value);
        self.inline(read)
    }

    fn inline(&self, read: Read) -> Read {
        let name = read.schema.get("$ref").and_then(Json::as_str).and_then(|it| it.strip_prefix(COMPONENTS));
        match name.and_then(|it| self.named.get(it)) {
            Some(Json::Object(named)) => Read { schema: named.clone(), optional: read.optional },
            _ => read,
        }
    }

    fn parts(&mut self, values: &[Value]) -> Vec<Json> {
        values.iter().map(|it| self.part(it).json()).collect()
    }

    fn any_of(&mut self, values: &[Value]) -> Option<Read> {
        let all: Option<Vec<Read>> = values.iter().map(|it| self.read(it)).collect();
        let all = all?;
        let optional = all.iter().any(|it| it.optional);
        let schema = json!({ "anyOf": all.into_iter().map(Read::json).collect::<Vec<_>>() });
        Some(Read { optional, ..Read::of(schema) })
    }

    fn collect_parameters(&self, schema: &Json, within: Within, depth: usize, found: &mut Vec<Parameter>) {
        if depth > 8 {
            return;
        }
        let name = schema.get("$ref").and_then(Json::as_str).and_then(|it| it.strip_prefix(COMPONENTS));
        if let Some(named) = name.and_then(|it| self.named.get(it)) {
            self.collect_parameters(named, within, depth + 1, found);
        }
        for part in schema.get("allOf").and_then(Json::as_array).into_iter().flatten() {
            self.collect_parameters(part, within, depth + 1, found);
        }
        let required: Vec<&str> =
            schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
        for (name, schema) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let required = within == Within::Path || required.contains(&name.as_str());
            found.retain(|it| it.name != *name);
            found.push(Parameter { name: name.clone(), within, required, schema: schema.clone() });
        }
    }
}

/// A name that may stand under `#/components/schemas/`.
fn component(name: &str) -> String {
    let name = name.trim_end_matches('#');
    let name = name.rsplit('/').find(|it| !it.is_empty()).unwrap_or_default();
    let name: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' })
        .take(80)
        .collect();
    if name.is_empty() { "Schema".to_owned() } else { name }
}

/// A value that is known to its last part, as JSON.
fn plain(value: &Value) -> Option<Json> {
    fn at(value: &Value, depth: usize, left: &mut usize) -> Option<Json> {
        *left = left.checked_sub(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        Some(match value {
            Value::Null => Json::Null,
            Value::Bool(it) => Json::Bool(*it),
            Value::Num(it) => number(*it)?,
            Value::Str(it) if !it.assumed => Json::String(it.text.to_string()),
            Value::Array(it) if !it.open.get() => {
                Json::Array(it.items.borrow().iter().map(|it| at(it, depth + 1, left)).collect::<Option<_>>()?)
            }
            Value::Object(it) if !it.open.get() && it.class.is_none() => {
                let props = it.props.borrow();
                let all = props.iter().map(|(key, value)| Some((key.to_string(), at(value, depth + 1, left)?)));
                Json::Object(all.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }
    at(value, 0, &mut 5_000)
}

/// A number as people write it: `1`, not `1.0`.
fn number(value: f64) -> Option<Json> {
    #[expect(clippy::cast_possible_truncation, reason = "checked by the guard")]
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Some(Json::from(value as i64));
    }
    serde_json::Number::from_f64(value).map(Json::Number)
}

/// An object's schema out of its properties.
fn object(properties: Vec<(String, Read)>) -> Read {
    let required: Vec<Json> =
        properties.iter().filter(|(_, it)| !it.optional).map(|(name, _)| Json::from(name.as_str())).collect();
    let properties: Map<String, Json> = properties.into_iter().map(|(name, it)| (name, it.json())).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Json::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), Json::Array(required));
    }
    Read { schema, optional: false }
}

/// One of several, or all of them. Without any nothing is known.
fn several(keyword: &str, all: Vec<Json>) -> Read {
    if all.is_empty() { Read::default() } else { Read::default().with(keyword, Json::Array(all)) }
}

fn tuple(all: Vec<Json>) -> Read {
    let read = Read::of(json!({ "type": "array" }));
    if all.is_empty() {
        return read;
    }
    let length = json!(all.len());
    read.with("minItems", length.clone()).with("maxItems", length).with("prefixItems", Json::Array(all))
}
