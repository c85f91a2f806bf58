//! Discovery of servers in Rust, on one small crate or workspace per problem.
//!
//! Every folder of `fixtures/axum` and `fixtures/actix` is a project with an `expected.json`; set `DOORWARD_BLESS=1` to
//! rewrite those files, and read the difference. Those with a `truth.txt` also run: `oracle/rust` is a program that
//! holds their applications and tells what each request is answered. A line of `truth.txt` is a route and the state of
//! its guard, or, behind `!`, a request that no route answers.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails should stop where it fails")]

#[path = "../common/mod.rs"]
mod common;
mod oracle;
mod shapes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use doorward::inventory::Route;
use doorward_frameworks::Analysis;
use serde_json::{Value, json};

use common::{found, pinned_as, places, state};

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut all: Vec<PathBuf> = ["axum", "actix"]
        .iter()
        .filter_map(|it| std::fs::read_dir(root.join(it)).ok())
        .flatten()
        .map(|it| it.unwrap().path())
        .filter(|it| it.is_dir())
        .collect();
    all.sort();
    all
}

fn name(folder: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    folder.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/")
}

/// What a fixture pins down.
fn summary(analysis: &Analysis) -> Value {
    let mut apps = BTreeMap::new();
    for app in &analysis.inventory.apps {
        let routes: Vec<String> = app
            .routes
            .iter()
            .map(|route| {
                let by: Vec<&str> = route.guard.by.iter().map(|it| it.name.as_str()).collect();
                let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
                let chain =
                    if route.chain.is_empty() { String::new() } else { format!(" behind {}", route.chain.join(", ")) };
                format!("{}{by} {} ({}:{}){chain}", state(route.guard.state), route.id, route.file, route.line)
            })
            .collect();
        apps.insert(format!("{} at {}, {}", app.name, app.root, app.framework), routes);
    }
    let findings: Vec<String> = analysis.sources.iter().flat_map(|it| places(&it.findings)).collect();
    if analysis.inventory.apps.iter().any(|it| it.routes.iter().any(|it| it.shape.body.is_some())) {
        return json!({ "apps": apps, "unresolved": places(&analysis.inventory.unresolved), "findings": findings, "shapes": shapes_of(analysis) });
    }
    json!({ "apps": apps, "unresolved": places(&analysis.inventory.unresolved), "findings": findings })
}

/// What the routes of a fixture take and give.
fn shapes_of(analysis: &Analysis) -> Value {
    let apps = &analysis.inventory.apps;
    let routes: BTreeMap<String, Value> = apps
        .iter()
        .flat_map(|it| &it.routes)
        .map(|it| (it.id.to_string(), serde_json::to_value(&it.shape).unwrap()))
        .collect();
    let schemas: Vec<_> = apps.iter().map(|it| &it.schemas).collect();
    json!({ "routes": routes, "schemas": schemas })
}

#[test]
fn every_rust_fixture_is_read_as_expected() {
    pinned_as(&fixtures(), summary);
}

#[test]
fn what_is_found_is_what_the_fixtures_say_by_hand() {
    let mut wrong = Vec::new();
    for folder in fixtures() {
        let Some(truth) = truth(&folder) else { continue };
        let analysis = found(&folder);
        let routes: Vec<&Route> = analysis.inventory.apps.iter().flat_map(|it| &it.routes).collect();
        let listed: BTreeSet<String> = routes.iter().map(|it| format!("{} {}", it.id, state(it.guard.state))).collect();
        for missed in truth.routes.difference(&listed) {
            wrong.push(format!("{}: missed {missed}", name(&folder)));
        }
        for invented in listed.difference(&truth.routes) {
            wrong.push(format!("{}: invented {invented}", name(&folder)));
        }
        for route in routes {
            assert!(route.trace.iter().any(|it| it.path.is_some()) && route.line > 0, "{}", route.id);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a fixture says by hand.
struct Truth {
    /// `METHOD /path state`.
    routes: BTreeSet<String>,
    /// `METHOD /path` that nothing answers.
    nothing: Vec<String>,
}

fn truth(folder: &Path) -> Option<Truth> {
    let text = std::fs::read_to_string(folder.join("truth.txt")).ok()?;
    let lines = || text.lines().filter(|it| !it.trim().is_empty());
    Some(Truth {
        routes: lines().filter(|it| !it.starts_with('!')).map(str::to_owned).collect(),
        nothing: lines().filter_map(|it| it.strip_prefix("! ")).map(str::to_owned).collect(),
    })
}

/// A path with something in its holes.
fn filled(path: &str) -> String {
    let mut text = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(before);
        text.push_str(if name.starts_with('*') { "a/b" } else { "7" });
        rest = after;
    }
    text + rest
}

#[test]
fn the_servers_themselves_agree() {
    let mut asked = Vec::new();
    for folder in fixtures() {
        let Some(truth) = truth(&folder) else { continue };
        for line in &truth.routes {
            let mut words = line.split(' ');
            let (method, path, state) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            let method = match method {
                "ALL" => "PURGE",
                "WEBSOCKET" => "GET",
                method => method,
            };
            asked.push((format!("{} {method} {}", name(&folder), filled(path)), state.to_owned()));
        }
        for line in &truth.nothing {
            asked.push((format!("{} {line}", name(&folder)), "nothing".to_owned()));
        }
    }
    let questions: Vec<String> = asked.iter().map(|(question, _)| question.clone()).collect();
    let mut wrong = Vec::new();
    for ((question, expected), answer) in asked.iter().zip(oracle::ask(&questions)) {
        let status = answer.status;
        let fine = match expected.as_str() {
            "nothing" => matches!(status, 404 | 405 | 401),
            "guarded" => matches!(status, 401 | 403),
            "open" => !matches!(status, 0 | 401 | 403 | 404 | 405),
            _ => !matches!(status, 0 | 404 | 405),
        };
        if !fine {
            wrong.push(format!("{question} is {expected}, and answers {status}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn in_folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Analysis) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let analysis = found(folder.path());
    (folder, analysis)
}

const MANIFEST: &str = "[package]\nname = \"hostile\"\n[dependencies]\naxum = \"0.8\"\n";
const HEAD: &str = "use axum::{Router, routing::get};\nfn app() -> Router { Router::new().route(\"/a\", get(a)) }\n\
    async fn a() {}\nfn main() { let _ = app(); }\n";

#[test]
fn hostile_rust_ends_in_a_diagnostic() {
    let deep = |open: &str, middle: &str, close: &str| {
        let times = 300_000 / open.len();
        format!("fn deep() {{ let _ = {}{middle}{}; }}", open.repeat(times), close.repeat(times))
    };
    for text in [
        deep("[\n", "1", "]"),
        deep("(", "1", ")"),
        deep("!", "true", ""),
        deep("&", "1", ""),
        deep("-", "1", ""),
        deep("|a|", "1", ""),
        deep("return ", "1", ""),
        deep("x.y().", "z()", ""),
        deep("1 + ", "1", ""),
        deep("if a {} else ", "{}", ""),
        deep("a = ", "1", ""),
        format!("type A = {}B{};", "V<".repeat(100_000), ">".repeat(100_000)),
        format!("type A = {}B;", "&".repeat(300_000)),
        format!("m!{}{};", "(".repeat(4_900), ")".repeat(4_900)),
    ] {
        let (_folder, analysis) = in_folder(&[
            ("Cargo.toml", MANIFEST),
            ("src/main.rs", &format!("mod deep;\n{HEAD}")),
            ("src/deep.rs", &text),
        ]);
        assert_eq!(analysis.inventory.apps[0].routes.len(), 1, "{}", text.get(..60).unwrap());
    }
}

#[test]
fn rust_that_never_ends_is_given_up_on() {
    let routers: String =
        (0..40).map(|at| format!("fn r{at}() -> Router {{ r{next}().merge(r{next}()) }}\n", next = at + 1)).collect();
    let tower =
        format!("{HEAD}{routers}fn r40() -> Router {{ Router::new().route(\"/z\", get(a)) }}\nfn b() {{ r0(); }}");
    let recursive =
        format!("{HEAD}fn f(r: Router) -> Router {{ f(r.clone()); f(f(r)) }}\nfn b() {{ f(Router::new()); }}");
    let doubling = format!(
        "{HEAD}fn b() -> Router {{ let mut r = Router::new(); {} r }}",
        "if x { r = r.clone().merge(r); } else { r = r.layer(a); }".repeat(60)
    );
    let lists = format!(
        "{HEAD}fn b() {{ let a = [1; 3]; let a = vec![{}]; for x in a.iter().flat_map(|x| a.iter()) {{ for y in a {{ Router::new().route(\"/b\", get(a)); }} }} }}",
        "1,\n".repeat(3_000)
    );
    let globs = "mod a { pub use super::b::*; pub use super::c::*; } mod b { pub use super::a::*; pub use super::c::*; } mod c { pub use super::a::*; pub use super::b::*; } use a::*; fn b() { nothing(); nothing::at::all(); }";
    let growing = "macro_rules! g { ($($a:tt)*) => { g!($($a $a)* $($a $a)*); } } fn b() { g!(x x x x); }";
    let endless = "macro_rules! e { ($($a:tt)*) => { e!($($a)*) } } fn b() { e!(x); }";
    let calls = format!(
        "macro_rules! w {{ ($($a:expr),*) => {{ Router::new()$(.route($a, get(a)))*; }} }} fn b() {{ {} }}",
        format!("w!({});", "\"/w\",\n".repeat(1_000).trim_end_matches(",\n")).repeat(10)
    );
    let macros = [growing.to_owned(), endless.to_owned(), calls].map(|it| format!("{HEAD}{it}"));
    for text in [tower, recursive, doubling, lists, format!("{HEAD}{globs}")].into_iter().chain(macros) {
        let (_folder, analysis) = in_folder(&[("Cargo.toml", MANIFEST), ("src/main.rs", &text)]);
        assert!(!analysis.inventory.apps[0].routes.is_empty());
    }
    let shapes = "use axum::Json; use serde::*; #[derive(Deserialize)] struct A<T> { a: Box<A<(T, T)>>, b: Box<A<(T, T, T)>>, t: T }
        #[derive(Deserialize)] struct F { #[serde(flatten)] a: Box<F>, #[serde(flatten)] b: Box<F>, #[serde(flatten)] c: Box<F> }
        type X<T> = Y<T>; type Y<T> = X<T>;
        async fn t(_: Json<A<u8>>, _: axum::extract::Query<F>) -> X<u8> { todo!() }
        fn main() { let _: axum::Router = axum::Router::new().route(\"/t\", axum::routing::post(t)); }";
    let (_folder, analysis) = in_folder(&[("Cargo.toml", MANIFEST), ("src/main.rs", shapes)]);
    assert!(analysis.inventory.apps[0].routes[0].shape.body.is_some());
    let routes = "macro_rules! routes { ($($a:tt)*) => { routes!($($a $a)*) } } fn b() { routes!(x); }";
    let (_folder, analysis) = in_folder(&[("Cargo.toml", MANIFEST), ("src/main.rs", &format!("{HEAD}{routes}"))]);
    assert!(analysis.inventory.unresolved.iter().any(|it| it.code == "DW2340"));
    let (_folder, analysis) = in_folder(&[
        ("Cargo.toml", MANIFEST),
        ("src/main.rs", &format!("#[path = \"main.rs\"]\nmod again;\nmod main;\n{HEAD}")),
    ]);
    assert_eq!(analysis.inventory.apps[0].routes.len(), 1);
}

#[test]
fn rust_cut_off_anywhere_never_stops_discovery() {
    for folder in fixtures() {
        let Ok(text) = std::fs::read_to_string(folder.join("src/lib.rs")) else { continue };
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        for at in (0..text.len()).step_by(97).filter(|at| text.is_char_boundary(*at)) {
            let _ = in_folder(&[("Cargo.toml", &manifest), ("src/lib.rs", text.get(..at).unwrap())]);
        }
    }
}
