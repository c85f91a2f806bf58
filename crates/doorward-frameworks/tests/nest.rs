//! Discovery of Hono, Koa and NestJS, on one small project per problem.
//!
//! Every folder of `fixtures/hono`, `fixtures/koa` and `fixtures/nest` is a project with an `expected.json`. Set
//! `DOORWARD_BLESS=1` to rewrite those files, and read the difference. A second test starts each project for real and
//! compares: every route must be there, no other may be, a stranger must be refused by what is said to be guarded and
//! by nothing that is said to be open.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that fails should stop where it fails")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use doorward::inventory::StepKind;
use doorward_frameworks::{Analysis, DiscoverOptions, discover};
use serde_json::{Value, json};

use common::{found, pinned_as, places, state};

const FRAMEWORKS: &[&str] = &["hono", "koa", "nest"];

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn fixtures(framework: &str) -> Vec<PathBuf> {
    let folder = tests().join("fixtures").join(framework);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut all: Vec<PathBuf> = entries.map(|it| it.unwrap().path()).filter(|it| it.is_dir()).collect();
    all.sort();
    all
}

/// What a fixture pins down.
fn summary(analysis: &Analysis) -> Value {
    let mut apps = BTreeMap::new();
    for app in &analysis.inventory.apps {
        let mut routes = Vec::new();
        for route in &app.routes {
            let chain = if route.chain.is_empty() { String::new() } else { format!(" via {}", route.chain.join(", ")) };
            routes.push(json!(format!(
                "{} {} ({}:{}){chain}",
                state(route.guard.state),
                route.id,
                route.file,
                route.line
            )));
            if !route.shape.is_empty() {
                routes.push(json!(route.shape));
            }
        }
        let name = format!("{} at {} ({})", app.name, app.root, app.framework);
        let told = match app.schemas.is_empty() {
            true => json!({ "routes": routes }),
            false => json!({ "routes": routes, "schemas": app.schemas }),
        };
        apps.insert(name, told);
    }
    let findings: Vec<String> = analysis.sources.iter().flat_map(|it| places(&it.findings)).collect();
    json!({ "apps": apps, "unresolved": places(&analysis.inventory.unresolved), "findings": findings })
}

#[test]
fn every_fixture_is_read_as_expected() {
    pinned_as(&FRAMEWORKS.iter().flat_map(|it| fixtures(it)).collect::<Vec<_>>(), summary);
}

#[test]
fn every_trace_leads_from_the_application_to_the_handler() {
    for folder in FRAMEWORKS.iter().flat_map(|it| fixtures(it)) {
        for route in found(&folder).inventory.apps.iter().flat_map(|it| &it.routes) {
            let kinds: Vec<StepKind> = route.trace.iter().map(|it| it.kind).collect();
            assert_eq!(kinds.first(), Some(&StepKind::App), "{}: {}", folder.display(), route.id);
            assert_eq!(kinds.last(), Some(&StepKind::Handler), "{}: {}", folder.display(), route.id);
            assert!(kinds.contains(&StepKind::Route), "{}: {}", folder.display(), route.id);
            assert!(route.trace.iter().all(|it| it.line > 0 && !it.file.is_empty()));
        }
    }
}

/// The frameworks themselves, asked about each project.
fn agrees(framework: &str) {
    let oracle = tests().join("oracle/nest");
    assert!(
        oracle.join("node_modules/hono").is_dir(),
        "the packages to compare with are not installed; run `cargo xtask setup`"
    );
    let mut asked = Vec::new();
    for folder in fixtures(framework) {
        let analysis = found(&folder);
        let apps = analysis.inventory.apps.iter();
        let routes: Vec<Value> = apps
            .flat_map(|app| app.routes.iter().map(move |it| (app, it)))
            .map(|(app, it)| {
                json!({
                    "app": app.root, "method": it.method.as_str(), "path": it.path.to_string(),
                    "state": state(it.guard.state), "line": format!("{}:{}", it.file, it.line),
                })
            })
            .collect();
        asked.push(json!({ "framework": framework, "folder": folder, "routes": routes }));
    }
    assert!(asked.len() >= 4, "{} comparisons", asked.len());
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), serde_json::to_string(&asked).unwrap()).unwrap();
    let output = Command::new("node").arg(oracle.join("compare.mjs")).arg(input.path()).output().unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn hono_itself_agrees() {
    agrees("hono");
}

#[test]
fn koa_itself_agrees() {
    agrees("koa");
}

#[test]
fn nest_itself_agrees() {
    agrees("nest");
}

fn in_folder(files: &[(&str, &str)]) -> Analysis {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    discover(folder.path(), &DiscoverOptions::default()).unwrap()
}

#[test]
fn hostile_source_ends() {
    let doubling: String =
        (0..40).map(|at| format!("r{next}.route('/', r{at}); r{next}.route('/', r{at});", next = at + 1)).collect();
    let made: String = (0..41).map(|at| format!("const r{at} = new Hono();")).collect();
    let hono = format!(
        "import {{ Hono }} from 'hono'; {made} r0.get('/x', (c) => c.text('')); {doubling} r0.route('/', r0); export default r40;"
    );
    let doubling: String =
        (0..40).map(|at| format!("r{next}.use(r{at}.routes(), r{at}.routes());", next = at + 1)).collect();
    let made: String = (0..41).map(|at| format!("const r{at} = new Router();")).collect();
    let koa = format!(
        "import Koa from 'koa'; import Router from '@koa/router'; {made} r0.get('/x', (ctx) => {{ ctx.body = 1; }}); {doubling} r0.use(r0.routes()); new Koa().use(r40.routes()); "
    );
    for text in [hono, koa] {
        let analysis = in_folder(&[("app.mjs", &text)]);
        assert!(analysis.inventory.apps.iter().all(|it| it.routes.len() < 10));
    }
}

#[test]
fn source_cut_off_anywhere_never_stops_discovery() {
    for folder in FRAMEWORKS.iter().flat_map(|it| fixtures(it)) {
        let main = ["src/index.ts", "src/main.ts"].map(|it| folder.join(it));
        let Some(text) = main.iter().find_map(|it| std::fs::read_to_string(it).ok()) else { continue };
        for at in (20..text.len()).step_by(173).filter(|at| text.is_char_boundary(*at)) {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("app.ts"), text.get(..at).unwrap()).unwrap();
            let result = discover(folder.path(), &DiscoverOptions::default());
            assert!(!matches!(result, Err(doorward_frameworks::DiscoverError::NoThread)));
        }
    }
}
