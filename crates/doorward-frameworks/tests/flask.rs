//! Discovery of Flask servers: fixtures as pinned, and Flask's own routing table.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

#[test]
fn every_flask_fixture_is_read_as_expected() {
    common::pinned("flask");
}

fn runnable() -> Vec<PathBuf> {
    // What needs packages or an environment that are not there says so in a file.
    common::fixtures("flask").into_iter().filter(|it| !it.join("NO_ORACLE").exists()).collect()
}

#[test]
fn flask_itself_agrees() {
    let folders = runnable();
    assert!(folders.len() >= 7, "fixtures are found by folder");
    common::agree(&common::ask_python("flask_routes.py", &folders), |status| matches!(status, 302 | 401 | 403));
}

#[test]
fn what_is_guarded_is_guarded_against_forgers() {
    common::forgers_get_nothing("flask_routes.py", &runnable());
}

/// Whether a text may be a value of a schema of a path's parameter. `None`: the schema says nothing.
fn takes(schema: &Value, text: &str) -> Option<bool> {
    let limit = |key: &str| schema[key].as_f64();
    let within = |value: f64, low: &str, high: &str| {
        limit(low).is_none_or(|it| value >= it) && limit(high).is_none_or(|it| value <= it)
    };
    Some(match (schema["type"].as_str()?, schema["format"].as_str()) {
        ("integer", _) => text.parse::<i32>().is_ok_and(|it| within(f64::from(it), "minimum", "maximum")),
        ("number", _) => text.contains('.') && text.parse().is_ok_and(|it| within(it, "minimum", "maximum")),
        (_, Some("uuid")) => text.len() == 36,
        _ => match schema["enum"].as_array() {
            Some(all) => all.iter().any(|it| it == text),
            None => within(u32::try_from(text.len()).map_or(0.0, f64::from), "minLength", "maxLength"),
        },
    })
}

/// The parts of a schema that say something about values, with every reference followed.
fn told(schema: &Value, schemas: &Value) -> Value {
    let Value::Object(map) = schema else { return schema.clone() };
    if let Some(name) = map.get("$ref").and_then(Value::as_str).and_then(|it| it.rsplit('/').next()) {
        return told(&schemas[name], schemas);
    }
    let mut all = serde_json::Map::new();
    for (key, value) in map {
        let value = match (key.as_str(), value) {
            ("example" | "description" | "collectionFormat" | "default", _) => continue,
            ("properties", Value::Object(all)) => {
                Value::Object(all.iter().map(|(name, it)| (name.clone(), told(it, schemas))).collect())
            }
            ("items", it) => told(it, schemas),
            ("required", Value::Array(names)) => {
                let mut names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
                names.sort_unstable();
                json!(names)
            }
            (_, Value::Number(it)) => json!(it.as_f64()),
            (_, it) => it.clone(),
        };
        all.insert(key.clone(), value);
    }
    // An object with one model in it is that model.
    if let Some([one]) = map.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        return told(one, schemas);
    }
    Value::Object(all)
}

/// Converters take the texts that their schemas take, and flask-restx describes its routes alike.
#[test]
fn flask_describes_its_routes_alike() {
    let answers = common::python("flask_routes.py", &["--shapes"], &json!(runnable()));
    let mut wrong = Vec::new();
    let mut documents = 0;
    for (folder, answer) in answers.as_object().unwrap() {
        let analysis = common::found(Path::new(folder));
        let name = Path::new(folder).file_name().unwrap().to_string_lossy().into_owned();
        for app in &analysis.inventory.apps {
            let ours = json!(app.schemas);
            documents += usize::from(answer["document"].is_object());
            for route in &app.routes {
                let path = route.id.path.to_string();
                for hole in &route.shape.parameters {
                    let Some(texts) = answer["holes"][&path][&hole.name].as_array() else { continue };
                    for text in ["0", "1", "9", "10", "-1", "1.5", "-1.5", "ab", "abc", "red", "green"] {
                        let expected = texts.iter().any(|it| it == text);
                        if takes(&hole.schema, text).is_some_and(|it| it != expected) {
                            wrong.push(format!("{name}: {path}: `{}` and `{text}`: {}", hole.name, hole.schema));
                        }
                    }
                }
                let path = path.replace("{*", "{");
                let method = route.id.method.to_string().to_lowercase();
                let document = &answer["document"];
                let item = document["paths"].as_object().into_iter().flatten();
                let Some((_, item)) = item.into_iter().find(|(it, _)| it.trim_end_matches('/') == path) else {
                    continue;
                };
                let (mut expected, mut got) = (BTreeMap::new(), BTreeMap::new());
                let theirs = &document["definitions"];
                let listed = |it: &Value| it["parameters"].as_array().cloned().unwrap_or_default();
                let mut form = Vec::new();
                for it in listed(item).into_iter().chain(listed(&item[&method])) {
                    let (within, it_name) = (it["in"].as_str().unwrap(), it["name"].as_str().unwrap());
                    let required = it["required"].as_bool().unwrap_or(false);
                    let mut schema = it.clone();
                    for key in ["in", "name", "required", "description", "format"] {
                        schema.as_object_mut().unwrap().remove(key);
                    }
                    match within {
                        "body" => _ = expected.insert("body".to_owned(), json!(told(&it["schema"], theirs))),
                        "formData" => form.push(it_name.to_owned()),
                        // What flask-restx itself reads, to leave fields out.
                        "header" if it_name == "X-Fields" => {}
                        "path" => {}
                        _ => {
                            _ = expected.insert(format!("{within} {it_name}"), json!([required, told(&schema, theirs)]))
                        }
                    }
                }
                if !form.is_empty() {
                    form.sort();
                    expected.insert("body".to_owned(), json!(form));
                }
                for (status, response) in item[&method]["responses"].as_object().into_iter().flatten() {
                    if response["schema"].is_object() {
                        expected.insert(format!("response {status}"), told(&response["schema"], theirs));
                    }
                }
                for it in route.shape.parameters.iter().filter(|it| !path.contains(&format!("{{{}}}", it.name))) {
                    let within = json!(it.within);
                    got.insert(
                        format!("{} {}", within.as_str().unwrap(), it.name),
                        json!([it.required, told(&it.schema, &ours)]),
                    );
                }
                if let Some(it) = &route.shape.body {
                    let value = if it.media_type == "application/json" {
                        told(&it.schema, &ours)
                    } else {
                        let mut names: Vec<&String> = it.schema["properties"].as_object().unwrap().keys().collect();
                        names.sort();
                        json!(names)
                    };
                    got.insert("body".to_owned(), value);
                }
                for it in &route.shape.responses {
                    if let Some(schema) = &it.schema {
                        got.insert(format!("response {}", it.status), told(schema, &ours));
                    }
                }
                for key in expected.keys().chain(got.keys()) {
                    let shown = |it: Option<&Value>| it.map_or_else(String::new, Value::to_string);
                    if expected.get(key) != got.get(key) {
                        let (theirs, ours) = (shown(expected.get(key)), shown(got.get(key)));
                        wrong.push(format!("{name}: {} {key}\n  {theirs}\n  {ours}", route.id));
                    }
                }
            }
        }
    }
    assert!(documents > 0, "a fixture has a document");
    wrong.dedup();
    assert!(wrong.is_empty(), "Flask's answer first\n{}", wrong.join("\n"));
}
