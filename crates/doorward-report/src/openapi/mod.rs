//! OpenAPI 3.1 out of an inventory.
//!
//! What OpenAPI has no words for stands in extensions, each with its reason, and is never left out: WebSockets, methods
//! it does not know, and routes that its paths can't tell apart are listed under `x-doorward-unlisted`; a route for
//! every method becomes an operation for each usual one, marked `x-doorward-method: ALL`; a parameter that takes any
//! number of segments is marked `x-doorward-catch-all`. No line numbers: moving code does not change the document.

mod operation;
mod paths;
mod schema;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use doorward::inventory::{App, Method, Route};
use doorward::secret;
use serde_json::{Map, Value, json};

use self::operation::Operation;
use self::paths::Paths;
pub use self::yaml::to_yaml;

/// The methods a path item has a place for.
static METHODS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/// What a route for every method is written as.
static USUAL: &[&str] = &["get", "post", "put", "patch", "delete"];

/// The scheme of a signed-in caller, and that of a signed delivery.
const BEARER: &str = "bearer";
const WEBHOOK: &str = "webhook";

/// The API of one app as an OpenAPI 3.1 document.
///
/// Operations whose guard is seen in the source ask for a bearer token, open ones say `security: []`, and where it can't
/// be told both ways are listed. Servers are left out: the source does not know where it runs.
#[must_use]
pub fn openapi(app: &App) -> Value {
    let names = schema::Names::of(app);
    let mut paths = Paths::default();
    let mut items: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut unlisted = Vec::new();
    let mut used = Used::default();
    // A route for its own method is closer than one for every method, wherever it is registered.
    let (every, own): (Vec<&Route>, Vec<&Route>) = app.routes.iter().partition(|route| route.method.is_all());
    for route in own.into_iter().chain(every) {
        let methods: Vec<&str> = match route.method.as_str() {
            Method::WEBSOCKET => {
                unlisted.push(left_out(route, "a WebSocket is no HTTP operation"));
                continue;
            }
            Method::ALL => USUAL.to_vec(),
            method => match METHODS.iter().find(|it| it.eq_ignore_ascii_case(method)) {
                Some(known) => vec![known],
                None => {
                    unlisted.push(left_out(route, "OpenAPI has no place for this method"));
                    continue;
                }
            },
        };
        let Some(path) = paths.place(&route.path) else {
            unlisted.push(left_out(route, "OpenAPI can't tell its path from another one's, which it also is"));
            continue;
        };
        let item = items.entry(path.key.clone()).or_default();
        let free: Vec<&str> = methods.iter().copied().filter(|method| !item.contains_key(*method)).collect();
        if free.is_empty() {
            unlisted.push(left_out(route, "the same method and path are registered before it"));
        }
        for method in free {
            let operation = Operation { route, method, path: &path, names: &names };
            let written = operation.write(&mut used);
            item.insert(method.to_owned(), written);
        }
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": app.name,
            "version": "0.0.0",
            "description": "What doorward read from the source. It is as complete as what the source declares.",
        },
        "x-doorward-framework": app.framework,
        "tags": used.tags.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "paths": items,
        "components": components(&names, &used),
    });
    if let (false, Some(document)) = (unlisted.is_empty(), document.as_object_mut()) {
        document.insert("x-doorward-unlisted".to_owned(), Value::Array(unlisted));
    }
    sorted(document)
}

/// With the keys in order, however this build's maps keep them: a feature of serde_json that any crate of a build may
/// switch on decides that, and the bytes must not depend on it.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(all) => {
            let mut all: Vec<(String, Value)> = all.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            all.sort_by(|(one, _), (two, _)| one.cmp(two));
            Value::Object(all.into_iter().collect())
        }
        Value::Array(all) => Value::Array(all.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// The document as text.
#[must_use]
pub fn to_json(document: &Value) -> String {
    secret::redact(&format!("{document:#}")) + "\n"
}

/// What the operations refer to.
#[derive(Debug, Default)]
struct Used {
    operation_ids: BTreeSet<String>,
    tags: BTreeSet<String>,
    bearer: bool,
    webhook: bool,
    unauthenticated: bool,
    forbidden: bool,
}

fn left_out(route: &Route, reason: &str) -> Value {
    json!({ "id": route.id, "file": route.file, "guard": route.guard.state, "reason": reason })
}

fn components(names: &schema::Names, used: &Used) -> Value {
    let mut schemas = names.schemas().clone();
    let mut responses = Map::new();
    let error = names.error();
    let body = json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{error}") } } });
    if used.unauthenticated {
        let header = json!({ "schema": { "type": "string" }, "description": "`Bearer`" });
        let headers = json!({ "WWW-Authenticate": header });
        let response = json!({ "description": "No identity, or a bad one.", "headers": headers, "content": body });
        responses.insert("Unauthenticated".to_owned(), response);
    }
    if used.forbidden {
        responses.insert("Forbidden".to_owned(), json!({ "description": "The wrong identity.", "content": body }));
    }
    if used.unauthenticated || used.forbidden {
        schemas.insert(
            error.to_owned(),
            json!({
                "type": "object",
                "description": "Why a guard of doorward's refused.",
                "properties": { "error": { "type": "string" }, "reason": { "type": "string" } },
                "required": ["error"],
            }),
        );
    }
    let mut schemes = Map::new();
    if used.bearer {
        let text = "What the guards ask for, as far as they are known; `x-doorward-guard` names them.";
        schemes.insert(
            BEARER.to_owned(),
            json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": text }),
        );
    }
    if used.webhook {
        let text = "A signed delivery: the headers `svix-id`, `svix-timestamp` and `svix-signature`.";
        let scheme = json!({ "type": "apiKey", "in": "header", "name": "svix-signature", "description": text });
        schemes.insert(WEBHOOK.to_owned(), scheme);
    }
    let mut components = Map::new();
    for (name, part) in [("schemas", schemas), ("responses", responses), ("securitySchemes", schemes)] {
        if !part.is_empty() {
            components.insert(name.to_owned(), Value::Object(part));
        }
    }
    Value::Object(components)
}

#[cfg(test)]
mod tests;
