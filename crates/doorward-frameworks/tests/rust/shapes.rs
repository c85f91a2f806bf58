//! What is said of bodies and answers, compared with servers that serde reads and writes for.
//!
//! A body that the schema allows has to be taken, one without a property that is required has to be refused, and an
//! answer has to be one that its schema allows.

use std::collections::BTreeSet;

use doorward::inventory::{App, Route};
use doorward::shape::Within;
use serde_json::{Map, Value, json};

use crate::{filled, fixtures, found, name, oracle};

/// The schema behind a reference.
fn resolved<'a>(app: &'a App, schema: &'a Value) -> &'a Value {
    let name = schema.get("$ref").and_then(Value::as_str).map(|it| it.rsplit('/').next().unwrap());
    name.map_or(schema, |it| &app.schemas[it])
}

/// Values that fit a schema: the fullest first.
fn samples(app: &App, schema: &Value, depth: usize) -> Vec<Value> {
    let schema = resolved(app, schema);
    if let Some(value) = schema.get("const") {
        return vec![value.clone()];
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.clone();
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(all) = schema.get(key).and_then(Value::as_array)
            && schema.get("properties").is_none()
        {
            return all.iter().flat_map(|it| samples(app, it, depth + 1)).collect();
        }
    }
    match (schema.get("type").and_then(Value::as_str), schema.get("format").and_then(Value::as_str)) {
        (Some("string"), Some("uuid")) => vec![json!("6d4a7d9e-8f0b-4a1e-9d6a-0c7b3f1e2d11")],
        (Some("string"), Some("date-time")) => vec![json!("2026-01-02T03:04:05Z")],
        (Some("string"), Some("date")) => vec![json!("2026-01-02")],
        (Some("string"), _) => vec![json!("text")],
        (Some("integer"), _) => vec![json!(7)],
        (Some("number"), _) => vec![json!(1.5)],
        (Some("boolean"), _) => vec![json!(true)],
        (Some("null"), _) => vec![Value::Null],
        (Some("array"), _) if schema.get("prefixItems").is_some() => {
            let items = schema["prefixItems"].as_array().unwrap();
            vec![items.iter().map(|it| samples(app, it, depth + 1).remove(0)).collect()]
        }
        (Some("array"), _) if depth > 4 => vec![json!([])],
        (Some("array"), _) => vec![json!([samples(app, &schema["items"], depth + 1).remove(0)]), json!([])],
        (Some("object"), _) => objects(app, schema, depth),
        _ => vec![json!({ "any": 1 })],
    }
}

/// Objects with all that they may have, each choice of a property once.
fn objects(app: &App, schema: &Value, depth: usize) -> Vec<Value> {
    let mut full = Map::new();
    let mut others = Vec::new();
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        full.extend(samples(app, part, depth + 1).remove(0).as_object().unwrap().clone());
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (key, of) in properties.into_iter().flatten() {
        let mut values = samples(app, of, depth + 1).into_iter();
        full.insert(key.clone(), values.next().unwrap());
        others.extend(values.map(|it| (key.clone(), it)));
    }
    if let Some(of) = schema.get("additionalProperties").filter(|it| it.is_object()) {
        full.insert("more".to_owned(), samples(app, of, depth + 1).remove(0));
    }
    let mut all = vec![Value::Object(full.clone())];
    for (key, value) in others {
        let mut other = full.clone();
        other.insert(key, value);
        all.push(Value::Object(other));
    }
    all
}

/// The objects in which one property is missing, and whether that is allowed.
fn shorter(app: &App, schema: &Value, value: &Value) -> Vec<(Value, bool)> {
    let schema = resolved(app, schema);
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Vec::new() };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    properties
        .keys()
        .map(|key| {
            let mut less = value.as_object().unwrap().clone();
            less.remove(key);
            (Value::Object(less), !required.contains(&key.as_str()))
        })
        .collect()
}

/// Why a value does not fit a schema, and whether it may hold nothing else.
fn misfit(app: &App, schema: &Value, value: &Value, whole: bool) -> Option<String> {
    let schema = resolved(app, schema);
    let wrong = || Some(format!("{value} is not {schema}"));
    if schema.get("const").is_some_and(|it| it != value)
        || schema.get("enum").and_then(Value::as_array).is_some_and(|it| !it.contains(value))
    {
        return wrong();
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(all) = schema.get(key).and_then(Value::as_array) {
            let fitting = all.iter().filter(|it| misfit(app, it, value, whole).is_none()).count();
            if fitting == 0 || (key == "oneOf" && fitting > 1) {
                return wrong();
            }
        }
    }
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        if let Some(why) = misfit(app, part, value, false) {
            return Some(why);
        }
    }
    let fits = match schema.get("type").and_then(Value::as_str) {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    };
    if !fits {
        return wrong();
    }
    if let (Some(items), Some(all)) = (schema.get("items"), value.as_array())
        && let Some(why) = all.iter().find_map(|it| misfit(app, items, it, true))
    {
        return Some(why);
    }
    let map = value.as_object()?;
    let properties = schema.get("properties").and_then(Value::as_object);
    for key in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if !map.contains_key(key.as_str().unwrap()) {
            return wrong();
        }
    }
    map.iter().find_map(|(key, value)| match properties.and_then(|it| it.get(key)) {
        Some(of) => misfit(app, of, value, true),
        // An answer with a property that nothing tells of is one that was not understood.
        None if whole && schema.get("additionalProperties").is_none() && properties.is_some() && !has_more(schema) => {
            Some(format!("`{key}` is not in {schema}"))
        }
        None => None,
    })
}

/// Whether other parts of a schema may tell of a property.
fn has_more(schema: &Value) -> bool {
    ["allOf", "anyOf", "oneOf"].iter().any(|it| schema.get(*it).is_some())
}

/// A path with values that fit, and those of the query that are required, or all.
fn address(app: &App, route: &Route, without: Option<&str>) -> String {
    let value = |schema: &Value| match samples(app, schema, 0).remove(0) {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let mut path = route.id.path.to_string();
    for it in route.shape.parameters.iter().filter(|it| it.within == Within::Path) {
        path = path.replace(&format!("{{{}}}", it.name), &value(&it.schema));
    }
    let query: Vec<String> = route
        .shape
        .parameters
        .iter()
        .filter(|it| it.within == Within::Query && Some(it.name.as_str()) != without)
        .map(|it| format!("{}={}", it.name, value(&it.schema)))
        .collect();
    if query.is_empty() { filled(&path) } else { format!("{}?{}", filled(&path), query.join("&")) }
}

/// What is asked, and what is expected of the answer.
struct Case<'a> {
    question: String,
    taken: bool,
    route: &'a Route,
    app: &'a App,
}

fn cases<'a>(fixture: &str, app: &'a App, route: &'a Route) -> Vec<Case<'a>> {
    let ask = |path: &str, body: &str| format!("{fixture} {} {path} {body}", route.id.method).trim_end().to_owned();
    let case = |question: String, taken: bool| Case { question, taken, route, app };
    let path = address(app, route, None);
    let mut all = Vec::new();
    let Some(body) = &route.shape.body else {
        all.push(case(ask(&path, ""), true));
        for it in route.shape.parameters.iter().filter(|it| it.within == Within::Query) {
            all.push(case(ask(&address(app, route, Some(&it.name)), ""), !it.required));
        }
        return all;
    };
    let written = |value: &Value| match body.media_type.as_str() {
        "application/json" => format!("json {value}"),
        _ => {
            let pairs = value.as_object().unwrap().iter().map(|(key, value)| match value {
                Value::String(text) => format!("{key}={text}"),
                other => format!("{key}={other}"),
            });
            format!("form {}", pairs.collect::<Vec<_>>().join("&"))
        }
    };
    if body.schema == json!({}) {
        return all;
    }
    for value in samples(app, &body.schema, 0) {
        // A form has no way to write `null`.
        if body.media_type != "application/json" && value.as_object().unwrap().values().any(Value::is_null) {
            continue;
        }
        all.push(case(ask(&path, &written(&value)), true));
    }
    let full = samples(app, &body.schema, 0).remove(0);
    for (value, taken) in shorter(app, &body.schema, &full) {
        all.push(case(ask(&path, &written(&value)), taken));
    }
    all.push(case(ask(&path, ""), !body.required));
    if body.required && resolved(app, &body.schema).as_object().is_some_and(|it| !it.is_empty()) {
        all.push(case(ask(&path, "json \"nothing of the kind\""), false));
    }
    all
}

#[test]
fn servers_take_and_give_what_their_types_say() {
    let analyses: Vec<_> = fixtures()
        .into_iter()
        .filter(|it| it.ends_with("shapes"))
        .map(|folder| (name(&folder), found(&folder)))
        .collect();
    let cases: Vec<Case<'_>> = analyses
        .iter()
        .flat_map(|(fixture, analysis)| analysis.inventory.apps.iter().map(move |app| (fixture, app)))
        .flat_map(|(fixture, app)| app.routes.iter().flat_map(move |route| cases(fixture, app, route)))
        .collect();
    assert!(cases.len() > 80, "{}", cases.len());
    let questions: Vec<String> = cases.iter().map(|it| it.question.clone()).collect();
    let mut wrong = Vec::new();
    for (case, answer) in cases.iter().zip(oracle::ask(&questions)) {
        let taken = (200..300).contains(&answer.status);
        if taken != case.taken {
            wrong.push(format!("{} is answered {} {}", case.question, answer.status, answer.body));
            continue;
        }
        let declared = case.route.shape.responses.iter().find(|it| it.status == answer.status.to_string());
        let Some(declared) = declared.filter(|_| taken) else { continue };
        if let (Some("application/json"), Some(schema)) = (declared.media_type.as_deref(), &declared.schema) {
            let value: Value = serde_json::from_str(&answer.body).unwrap();
            wrong.extend(misfit(case.app, schema, &value, true).map(|it| format!("{}: {it}", case.question)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a document says of a route, and what is said of it here, in the same words.
fn told(operation: &Value) -> Vec<String> {
    let list = |it: &Value| it.as_array().cloned().unwrap_or_default();
    let mut all: Vec<String> = list(&operation["parameters"])
        .iter()
        .map(|it| format!("{} {} {}", it["in"], it["name"], it["required"].as_bool().unwrap_or(false)))
        .collect();
    for (media_type, _) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        all.push(format!("body {media_type}"));
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let kinds = response["content"].as_object().cloned().unwrap_or_default();
        let schema = kinds.values().next().map(|it| it["schema"].clone()).unwrap_or_default();
        all.push(format!("{status} {:?} {}", kinds.keys().collect::<Vec<_>>(), outline(&schema)));
    }
    all.sort();
    all
}

/// The names in a schema. How wide a number is, only one of the two tells.
fn outline(schema: &Value) -> String {
    match (schema.get("$ref"), schema.get("items")) {
        (Some(Value::String(name)), _) => name.clone(),
        (_, Some(items)) => format!("[{}]", outline(items)),
        _ => schema.get("type").map(Value::to_string).unwrap_or_default(),
    }
}

fn mine(route: &Route) -> Vec<String> {
    let shape = &route.shape;
    let within = |it: Within| serde_json::to_value(it).unwrap();
    let mut all: Vec<String> =
        shape.parameters.iter().map(|it| format!("{} {} {}", within(it.within), json!(it.name), it.required)).collect();
    all.extend(shape.body.iter().map(|it| format!("body {}", it.media_type)));
    all.extend(shape.responses.iter().map(|it| {
        let kinds: Vec<&String> = it.media_type.iter().collect();
        format!("{} {kinds:?} {}", it.status, it.schema.as_ref().map(outline).unwrap_or_default())
    }));
    all.sort();
    all
}

#[test]
fn what_utoipa_says_of_a_server_is_what_is_said_of_its_source() {
    let folder = fixtures().into_iter().find(|it| it.ends_with("axum/documented")).unwrap();
    let analysis = found(&folder);
    let app = analysis.inventory.apps.first().unwrap();
    let answer = oracle::ask(&[format!("{} GET /openapi.json", name(&folder))]).remove(0);
    let document: Value = serde_json::from_str(&answer.body).unwrap();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for route in app.routes.iter().filter(|it| it.id.path.to_string() != "/openapi.json") {
        let method = route.id.method.to_string().to_lowercase();
        let operation = &document["paths"][route.id.path.to_string()][method];
        let (theirs, ours) = (told(operation), mine(route));
        compared += ours.len();
        if theirs != ours {
            wrong.push(format!("{}: {theirs:#?}, and here {ours:#?}", route.id));
        }
    }
    for (name, theirs) in document["components"]["schemas"].as_object().unwrap() {
        let keys = |it: &Value| it["properties"].as_object().map(|it| it.keys().cloned().collect::<BTreeSet<_>>());
        let ours = app.schemas.get(name).unwrap();
        if keys(theirs) != keys(ours) || theirs["enum"] != ours["enum"] {
            wrong.push(format!("{name}: {theirs}, and here {ours}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 10, "{compared}");
}
