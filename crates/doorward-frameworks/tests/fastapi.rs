//! Discovery of FastAPI and Starlette servers: fixtures as pinned, and the framework's own table of routes.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

#[test]
fn every_fastapi_fixture_is_read_as_expected() {
    common::pinned("fastapi");
}

fn runnable() -> Vec<PathBuf> {
    // What can't be loaded on its own says so in a file.
    common::fixtures("fastapi").into_iter().filter(|it| !it.join("NO_ORACLE").exists()).collect()
}

#[test]
fn fastapi_itself_agrees() {
    let folders = runnable();
    assert!(folders.len() >= 12, "fixtures are found by folder");
    common::agree(&common::ask_python("fastapi_routes.py", &folders), |status| matches!(status, 401 | 403));
}

/// The parts of a schema that say something about values, with every reference followed.
fn told(schema: &Value, schemas: &Value, output: bool, open: &[&str]) -> Value {
    let follow = |it: &Value| told(it, schemas, output, open);
    let Value::Object(map) = schema else { return schema.clone() };
    if let Some(name) = map.get("$ref").and_then(Value::as_str).and_then(|it| it.rsplit('/').next()) {
        let inside: Vec<&str> = open.iter().copied().chain([name]).collect();
        return if open.contains(&name) { json!("…") } else { told(&schemas[name], schemas, output, &inside) };
    }
    // What Pydantic answers always has the fields that have a default.
    let dropped = ["title", "description", "default", "examples", "writeOnly", "contentMediaType", "discriminator"];
    let mut told = serde_json::Map::new();
    for (key, value) in map.iter().filter(|(key, _)| !dropped.contains(&key.as_str())) {
        let value = match (key.as_str(), value) {
            ("required", _) if output => continue,
            ("additionalProperties", Value::Bool(_)) => continue,
            ("pattern", _) if map.len() <= 3 => continue,
            ("required", Value::Array(all)) => {
                let mut all: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
                all.sort_unstable();
                json!(all)
            }
            ("properties", Value::Object(all)) => {
                Value::Object(all.iter().map(|(name, it)| (name.clone(), follow(it))).collect())
            }
            ("anyOf" | "oneOf" | "prefixItems", Value::Array(all)) => Value::Array(all.iter().map(follow).collect()),
            ("items" | "additionalProperties", it) => follow(it),
            // FastAPI writes `0.0` where the source has `0`.
            (_, Value::Number(it)) => json!(it.as_f64()),
            (_, it) => it.clone(),
        };
        told.insert(key.clone(), value);
    }
    if map.contains_key("contentMediaType") {
        told.insert("format".to_owned(), json!("binary"));
    }
    if told.get("format") == Some(&json!("uri")) {
        told.retain(|key, _| key == "format" || key == "type");
    }
    Value::Object(told)
}

/// Parameters, bodies and responses, as FastAPI's own document has them.
#[test]
fn fastapi_describes_its_routes_alike() {
    let folders: Vec<PathBuf> = common::fixtures("fastapi")
        .into_iter()
        .filter(|it| !it.join("NO_ORACLE").exists() && !it.join("NO_SHAPES").exists())
        .collect();
    let documents = common::python("fastapi_routes.py", &["--openapi"], &json!(folders));
    let mut wrong = Vec::new();
    for (folder, document) in documents.as_object().unwrap() {
        let analysis = common::found(Path::new(folder));
        let name = Path::new(folder).file_name().unwrap().to_string_lossy().into_owned();
        let theirs = &document["components"]["schemas"];
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let id = format!("{} {}", method.to_uppercase(), path.trim_end_matches('/'));
                let found = analysis.inventory.apps.iter().find_map(|app| {
                    let route = app.routes.iter().find(|it| it.id.to_string().replace("{*", "{") == id)?;
                    Some((route, json!(app.schemas)))
                });
                let Some((route, ours)) = found else { continue };
                let mut expected = BTreeMap::new();
                let mut got = BTreeMap::new();
                for it in operation["parameters"].as_array().into_iter().flatten() {
                    let key = format!("{} {}", it["in"].as_str().unwrap(), it["name"].as_str().unwrap());
                    let required = it["required"].as_bool().unwrap_or(false);
                    expected.insert(key, json!([required, told(&it["schema"], theirs, false, &[])]));
                }
                for it in &route.shape.parameters {
                    let key = format!("{} {}", json!(it.within).as_str().unwrap(), it.name);
                    got.insert(key, json!([it.required, told(&it.schema, &ours, false, &[])]));
                }
                for (media, body) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
                    let required = operation["requestBody"]["required"].as_bool().unwrap_or(false);
                    expected
                        .insert(format!("body {media}"), json!([required, told(&body["schema"], theirs, false, &[])]));
                }
                if let Some(it) = &route.shape.body {
                    got.insert(
                        format!("body {}", it.media_type),
                        json!([it.required, told(&it.schema, &ours, false, &[])]),
                    );
                }
                for (status, response) in operation["responses"].as_object().unwrap().iter().filter(|it| it.0 != "422")
                {
                    for (media, content) in response["content"].as_object().into_iter().flatten() {
                        let schema = told(&content["schema"], theirs, true, &[]);
                        expected.insert(format!("response {status} {media}"), schema);
                    }
                }
                for it in &route.shape.responses {
                    let Some(media) = &it.media_type else { continue };
                    let schema = it.schema.as_ref().map_or(json!({}), |it| told(it, &ours, true, &[]));
                    got.insert(format!("response {} {media}", it.status), schema);
                }
                for key in expected.keys().chain(got.keys()) {
                    if expected.get(key) != got.get(key) && !(key.contains("text/html")) {
                        let shown = |it: Option<&Value>| it.map_or_else(String::new, Value::to_string);
                        wrong.push(format!(
                            "{name}: {id}: {key}\n  {}\n  {}",
                            shown(expected.get(key)),
                            shown(got.get(key))
                        ));
                    }
                }
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "FastAPI's answer first\n{}", wrong.join("\n"));
}

#[test]
fn what_is_guarded_is_guarded_against_forgers() {
    common::forgers_get_nothing("fastapi_routes.py", &runnable());
}
