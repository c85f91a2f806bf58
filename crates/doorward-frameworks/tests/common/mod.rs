//! What the tests of every framework share: fixtures by folder, what they pin down, and runtimes to compare with.

#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails should stop where it fails")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use doorward::diagnostic::Diagnostic;
use doorward::inventory::GuardState;
use doorward_frameworks::{Analysis, DiscoverOptions, discover};
use serde_json::{Value, json};

/// The folder of this crate's tests.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The fixtures of a framework: every folder of `fixtures/<framework>`.
pub(crate) fn fixtures(framework: &str) -> Vec<PathBuf> {
    let folder = tests().join("fixtures").join(framework);
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    all.retain(|it| it.is_dir());
    all.sort();
    assert!(!all.is_empty(), "fixtures are found by folder");
    all
}

pub(crate) fn found(folder: &Path) -> Analysis {
    discover(folder, &DiscoverOptions::default()).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

pub(crate) fn state(state: GuardState) -> &'static str {
    match state {
        GuardState::Guarded => "guarded",
        GuardState::Open => "open",
        GuardState::Unsure => "unsure",
    }
}

/// What a fixture pins down.
pub(crate) fn summary(analysis: &Analysis) -> Value {
    let mut apps = BTreeMap::new();
    for app in &analysis.inventory.apps {
        let routes: Vec<String> = app
            .routes
            .iter()
            .map(|route| {
                let by: Vec<&str> = route.guard.by.iter().map(|it| it.name.as_str()).collect();
                let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
                format!("{}{by} {} ({}:{})", state(route.guard.state), route.id, route.file, route.line)
            })
            .collect();
        apps.insert(format!("{} at {} ({})", app.name, app.root, app.framework), routes);
    }
    let findings: Vec<String> = analysis.sources.iter().flat_map(|it| places(&it.findings)).collect();
    json!({ "apps": apps, "unresolved": places(&analysis.inventory.unresolved), "findings": findings })
}

/// Diagnostics as fixtures pin them down: code and place.
pub(crate) fn places(diagnostics: &[Diagnostic]) -> Vec<String> {
    let place = |it: &Diagnostic| it.location.as_ref().map_or_else(String::new, ToString::to_string);
    diagnostics.iter().map(|it| format!("{} {}", it.code, place(it))).collect()
}

/// Compares every fixture of a framework with its `expected.json`, or writes that file if `DOORWARD_BLESS` is set.
pub(crate) fn pinned(framework: &str) {
    pinned_as(&fixtures(framework), summary);
}

/// The same for these folders, with a summary of one's own.
pub(crate) fn pinned_as(folders: &[PathBuf], summary: impl Fn(&Analysis) -> Value) {
    let mut wrong = Vec::new();
    for folder in folders {
        let file = folder.join("expected.json");
        let got = summary(&found(folder));
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

/// What a runtime says of fixtures: for each folder, its routes, and the status a stranger gets from each.
pub(crate) type Truth = BTreeMap<String, BTreeMap<String, u16>>;

/// Asks a script of `oracle/python` about folders.
pub(crate) fn ask_python(script: &str, folders: &[PathBuf]) -> Truth {
    serde_json::from_value(python(script, &[], &json!(folders))).unwrap()
}

/// What a script of `oracle/python` answers.
pub(crate) fn python(script: &str, args: &[&str], question: &Value) -> Value {
    let oracle = tests().join("oracle/python");
    let python = oracle.join(".venv/bin/python");
    assert!(python.is_file(), "the packages to compare with are not installed; run `cargo xtask setup`");
    let mut child = Command::new(python)
        .arg(oracle.join(script))
        .args(args)
        .current_dir(&oracle)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "`{script}` failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Compares what was found with what runs: the same routes, and a stranger is refused exactly where a guard was seen.
/// `refused`: whether a status is a refusal.
pub(crate) fn agree(truth: &Truth, refused: fn(u16) -> bool) {
    let mut wrong = Vec::new();
    for (folder, served) in truth {
        let analysis = found(Path::new(folder));
        let name = Path::new(folder).file_name().unwrap().to_string_lossy().into_owned();
        let routes: BTreeMap<String, GuardState> = analysis
            .inventory
            .apps
            .iter()
            .flat_map(|app| app.routes.iter().map(|route| (route.id.to_string(), route.guard.state)))
            .collect();
        wrong.extend(served.keys().filter(|it| !routes.contains_key(*it)).map(|it| format!("{name}: missed {it}")));
        for (id, guard) in routes {
            match (served.get(&id), guard) {
                (None, _) => wrong.push(format!("{name}: invented {id}")),
                (Some(status), GuardState::Guarded) if !refused(*status) => {
                    wrong.push(format!("{name}: {id} is said to be guarded and answers {status}"));
                }
                (Some(status), GuardState::Open) if refused(*status) => {
                    wrong.push(format!("{name}: {id} is said to be open and answers {status}"));
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Asks a script of `oracle/python` what somebody gets whose credentials mean nothing, and compares: no route that is
/// said to be guarded gives them anything.
pub(crate) fn forgers_get_nothing(script: &str, folders: &[PathBuf]) {
    let truth: Truth = serde_json::from_value(python(script, &["--forged"], &json!(folders))).unwrap();
    let mut wrong = Vec::new();
    for (folder, served) in &truth {
        let analysis = found(Path::new(folder));
        for route in analysis.inventory.apps.iter().flat_map(|app| &app.routes) {
            let status = served.get(&route.id.to_string());
            if let (GuardState::Guarded, Some(200..=299)) = (route.guard.state, status) {
                wrong.push(format!("{folder}: {} is said to be guarded and answers {status:?}", route.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
