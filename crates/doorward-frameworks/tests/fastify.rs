//! Discovery of Fastify servers, on one small project per problem.
//!
//! Every folder of `fixtures/fastify` is a project with an `expected.json`. Set `DOORWARD_BLESS=1` to rewrite those
//! files, and read the difference. A second test asks Fastify itself: it starts each project, compares what is registered
//! there with what was discovered, and calls every route as a stranger.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test that fails should stop where it fails"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::{App, GuardState, Route};
use doorward_frameworks::{Analysis, DiscoverError, DiscoverOptions, discover};
use serde_json::{Value, json};

/// Projects that are not started: they depend on where they run, or are wrong on purpose.
const NOT_STARTED: &[&str] = &["clerk-twice", "what-cant-be-known"];

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fastify");
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    all.retain(|it| it.is_dir());
    all.sort();
    assert!(all.len() >= 20, "fixtures are found by folder");
    all
}

fn found(folder: &Path) -> Analysis {
    discover(folder, &DiscoverOptions::default()).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

fn state(state: GuardState) -> &'static str {
    match state {
        GuardState::Guarded => "guarded",
        GuardState::Open => "open",
        GuardState::Unsure => "unsure",
    }
}

fn line(route: &Route) -> String {
    let by: Vec<&str> = route.guard.by.iter().map(|it| it.name.as_str()).collect();
    let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
    format!("{} {} ({}:{}){by}", state(route.guard.state), route.id, route.file, route.line)
}

/// What a fixture pins down.
fn summary(analysis: &Analysis) -> Value {
    let routes = |app: &App| app.routes.iter().map(line).collect::<Vec<_>>();
    let apps: BTreeMap<String, Vec<String>> =
        analysis.inventory.apps.iter().map(|app| (format!("{} at {}", app.name, app.root), routes(app))).collect();
    let list = |diagnostics: &[Diagnostic]| {
        diagnostics
            .iter()
            .map(|it| format!("{} {}", it.code, it.location.as_ref().map_or_else(String::new, ToString::to_string)))
            .collect::<Vec<_>>()
    };
    let findings: Vec<String> = analysis.sources.iter().flat_map(|it| list(&it.findings)).collect();
    json!({ "apps": apps, "unresolved": list(&analysis.inventory.unresolved), "findings": findings })
}

#[test]
fn every_fixture_is_read_as_expected() {
    let mut wrong = Vec::new();
    for folder in fixtures() {
        let file = folder.join("expected.json");
        let got = summary(&found(&folder));
        if std::env::var_os("DOORWARD_BLESS").is_some() {
            std::fs::write(&file, serde_json::to_string_pretty(&got).unwrap() + "\n").unwrap();
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{} is missing", file.display()));
        let expected: Value = serde_json::from_str(&text).unwrap();
        if got != expected {
            wrong.push(format!("{}: {got:#}", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn fastify_itself_agrees() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    assert!(
        tests.join("oracle/fastify/node_modules/fastify").is_dir(),
        "the packages to compare with are not installed; run `cargo xtask setup`"
    );
    let mut asked = Vec::new();
    for folder in fixtures() {
        let name = folder.file_name().unwrap().to_str().unwrap();
        if NOT_STARTED.contains(&name) {
            continue;
        }
        let analysis = found(&folder);
        let routes: Vec<Value> = analysis
            .inventory
            .apps
            .iter()
            .flat_map(|it| &it.routes)
            .map(|it| json!({ "method": it.method.as_str(), "path": it.path.to_string(), "state": state(it.guard.state) }))
            .collect();
        asked.push(json!({ "folder": folder, "routes": routes }));
    }
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), serde_json::to_string(&asked).unwrap()).unwrap();
    let output = Command::new("node")
        .args(["--no-warnings"])
        .arg(tests.join("oracle/fastify/compare.mjs"))
        .arg(input.path())
        .output()
        .expect("node runs");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn schemas_become_shapes_and_each_step_is_traced() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fastify/typescript-typebox");
    let analysis = found(&folder);
    let route = analysis.inventory.apps[0].routes.iter().find(|it| it.id.to_string() == "POST /users").unwrap();
    let body = route.shape.body.as_ref().unwrap();
    assert_eq!(body.schema["required"], json!(["name"]), "{}", body.schema);
    assert_eq!(route.shape.summary.as_deref(), Some("Makes a user"));
    let statuses: Vec<&str> = route.shape.responses.iter().map(|it| it.status.as_str()).collect();
    assert_eq!(statuses, ["201", "4XX"]);
    assert!(analysis.inventory.apps[0].schemas.contains_key("User"));
    let steps: Vec<String> = route.trace.iter().map(|it| format!("{} {}:{}", it.text, it.file, it.line)).collect();
    let expected = [
        "fastify(…) src/app.ts:13",
        "register(users) src/app.ts:15",
        "onRequest: fastify.requireUser src/users.ts:10",
        "fastify.post(\"/\") src/users.ts:9",
        "(inline) src/users.ts:19",
    ];
    assert_eq!(steps, expected);
}

fn in_folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Analysis, DiscoverError>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let result = discover(folder.path(), &DiscoverOptions::default());
    (folder, result)
}

#[test]
fn hostile_source_ends_in_a_diagnostic() {
    let head = "const app = require('fastify')(); app.get('/a', async () => 1);\n";
    let forever = format!(
        "{head}const p = async (f) => {{ f.register(p); f.register(p, {{ prefix: '/x' }}); }}; app.register(p);"
    );
    let circle = format!(
        "{head}const a = []; a.push(a); app.get('/b', {{ onRequest: a }}, a); app.route({{ method: a, url: a }});"
    );
    let doubling =
        format!("{head}let h = [async () => 1];{} app.get('/b', {{ preHandler: h }}, h[0]);", "h = [h, h];".repeat(64));
    let prefixes = format!(
        "{head}let p = (f, o, d) => d();{} app.register(p);",
        "{ const q = p; p = (f) => { f.register(q, { prefix: Math.random() ? '/a' : '/b' }); f.register(q); }; }"
            .repeat(40)
    );
    let recursive = format!(
        "{head}const h = async (q, r) => {{ await h(q, r); if (q.x) return h(r, q); throw h; }}; app.addHook('onRequest', h);"
    );
    let nested = format!(
        "{head}app.addHook('onRequest', async (q, r) => {{ {} }});",
        "if (q.a) { r.code(401) } else ".repeat(300) + "{}"
    );
    let many = format!(
        "{head}app.addHook('onRequest', async (q, r) => {{ {} }});",
        "if (q.a) r.code(q.b ? 401 : 402).send(); ".repeat(2_000)
    );
    let options = format!("{head}app.register(async () => {{}}, () => app.register(async () => {{}}, {{}}));");
    for text in [forever, circle, doubling, prefixes, recursive, nested, many, options] {
        let (_folder, result) = in_folder(&[("app.js", &text)]);
        assert!(!result.unwrap().inventory.apps[0].routes.is_empty());
    }
}

#[test]
fn source_cut_off_anywhere_never_stops_discovery() {
    for folder in fixtures() {
        let app = folder.join("app.js");
        let Ok(text) = std::fs::read_to_string(&app) else { continue };
        for at in (20..text.len()).step_by(97).filter(|at| text.is_char_boundary(*at)) {
            let (_folder, result) = in_folder(&[("app.js", &text[..at])]);
            assert!(!matches!(result, Err(DiscoverError::NoThread)), "{} at {at}", folder.display());
        }
    }
}
