//! What `--json` prints is what `schemas/` publishes: nothing is missing, and nothing is printed that is not described.
//!
//! The published schemas let fields through that they do not know, because fields are added from one release to the
//! next. Here every object is closed, so that a new field fails until its schema describes it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails should stop where it fails")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::Tree;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn published() -> BTreeMap<String, Value> {
    let files = std::fs::read_dir(root().join("schemas")).unwrap().map(|it| it.unwrap().path());
    files
        .map(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let verb = name.strip_suffix(".v1.schema.json").unwrap_or_else(|| panic!("{name}")).to_owned();
            (verb, serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap())
        })
        .collect()
}

/// The schema with every object closed.
fn closed(mut schema: Value) -> Value {
    fn close(schema: &mut Value) {
        match schema {
            Value::Object(all) => {
                all.values_mut().for_each(close);
                if all.get("properties").is_some_and(Value::is_object) && !all.contains_key("additionalProperties") {
                    all.insert("additionalProperties".to_owned(), json!(false));
                }
            }
            Value::Array(all) => all.iter_mut().for_each(close),
            _ => {}
        }
    }
    close(&mut schema);
    schema
}

/// Judges documents by their own `schema` field.
struct Judge(BTreeMap<String, jsonschema::Validator>);

impl Judge {
    fn new() -> Self {
        let compiled =
            published().into_iter().map(|(verb, it)| (verb, jsonschema::validator_for(&closed(it)).unwrap()));
        Self(compiled.collect())
    }

    #[track_caller]
    fn check(&self, document: &Value, what: &str) {
        let verb = document["schema"].as_str().unwrap().split('/').nth(1).unwrap();
        let validator = self.0.get(verb).unwrap_or_else(|| panic!("`{verb}` has no schema in schemas/"));
        let wrong: Vec<String> =
            validator.iter_errors(document).take(5).map(|it| format!("{}: {it:.300}", it.instance_path())).collect();
        assert!(wrong.is_empty(), "{what}: describe it in schemas/{verb}.v1.schema.json\n{}", wrong.join("\n"));
    }
}

#[test]
fn schemas_are_schemas_and_agree_on_what_they_share() {
    let mut shared: BTreeMap<String, Value> = BTreeMap::new();
    for (verb, schema) in published() {
        assert!(jsonschema::meta::is_valid(&schema), "{verb}");
        assert_eq!(schema["properties"]["schema"]["const"], format!("doorward/{verb}/v1"));
        for (name, it) in schema["$defs"].as_object().unwrap() {
            let known = shared.entry(name.clone()).or_insert_with(|| it.clone());
            assert_eq!(known, it, "`{name}` is one thing in every schema, also in that of {verb}");
        }
    }
}

#[test]
fn every_fixture_is_discovered_as_published() {
    let judge = Judge::new();
    let fixtures = root().join("crates/doorward-frameworks/tests/fixtures");
    let folders = |folder: &Path| {
        let all = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
        all.filter(|it| it.is_dir()).collect::<Vec<_>>()
    };
    for folder in folders(&fixtures).iter().flat_map(|framework| folders(framework)) {
        let output = support::doorward(&folder).args(["--json", "discover"]).output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        judge.check(&document, &folder.display().to_string());
    }
}

fn shop() -> Tree {
    Tree::of(&[
        ("package.json", r#"{ "name": "shop", "type": "module", "dependencies": { "express": "^5.0.0" } }"#),
        (
            "app.js",
            "import express from 'express';
const app = express();
app.get('/health', (req, res) => res.json({ ok: true }));
app.get('/orders/:id', (req, res) => res.json([]));
app.listen(process.env.PORT);
",
        ),
    ])
}

#[test]
fn every_verb_prints_what_is_published() {
    let judge = Judge::new();
    let shop = shop();
    for arguments in [
        &["plan"][..],
        &["check"],
        &["plan", "--yes"],
        &["plan"],
        &["apply"],
        &["apply", "--yes"],
        &["apply", "--yes"],
        &["check"],
        &["check", "--locked"],
        &["discover"],
        &["discover", "--app", "nobody"],
        &["explain", "DW1008"],
        &["explain", "/orders/1"],
        &["explain", "GET /nowhere"],
        &["export", "openapi"],
        &["undo"],
        &["undo"],
        &["token"],
        &["verify", "--url", "http://192.0.2.1"],
    ] {
        let run = shop.run(&[&["--json"], arguments].concat());
        let document: Value = serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}\n{}", run.all()));
        judge.check(&document, &arguments.join(" "));
    }
}

#[test]
fn what_is_not_described_is_noticed() {
    let schema = closed(published().remove("discover").unwrap());
    let validator = jsonschema::validator_for(&schema).unwrap();
    let good = json!({ "schema": "doorward/discover/v1", "ok": true, "findings": [], "apps": [], "unresolved": [] });
    assert!(validator.is_valid(&good));
    for (key, value) in [("apps", json!([{}])), ("more", json!(1)), ("schema", json!("doorward/discover/v2"))] {
        let mut bad = good.clone();
        bad[key] = value;
        assert!(!validator.is_valid(&bad), "{key}");
    }
    let mut bad = good;
    bad.as_object_mut().unwrap().remove("unresolved");
    assert!(!validator.is_valid(&bad));
}
