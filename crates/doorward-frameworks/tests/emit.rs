//! Emission, on one small project per claim.
//!
//! Every folder of `fixtures/emit` holds a project as it is (`before`, with its `doorward.toml`), its sources as the
//! plan leaves them (`after`), what the plan says (`findings.txt`, no file for nothing), and, where the claim is about
//! it, the order of a request (`order.txt`). Set `DOORWARD_BLESS=1` to rewrite what is expected, and read the
//! difference.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails should stop where it fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use doorward::diagnostic::Severity;
use doorward::policy::Policy;
use doorward_frameworks::{DiscoverOptions, Plan, discover, plan};

fn claims() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/emit");
    let mut all: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    all.retain(|it| it.is_dir());
    all.sort();
    assert!(all.len() >= 5, "claims are found by folder");
    all
}

/// The files of a folder, by path.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(inner, text)| (format!("{name}/{inner}"), text)));
        } else {
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
    found
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn planned(root: &Path) -> Plan {
    let policy = Policy::parse("doorward.toml", &fs::read_to_string(root.join("doorward.toml")).unwrap());
    let policy = policy.unwrap_or_else(|errors| panic!("{}: {errors:?}", root.display()));
    let analysis = discover(root, &DiscoverOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    assert!(analysis.inventory.unresolved.is_empty(), "{:?}", analysis.inventory.unresolved);
    plan(&analysis, &policy, &|path| fs::read_to_string(root.join(path)).ok())
}

fn said(plan: &Plan) -> String {
    let worth = plan.findings.iter().filter(|it| it.severity >= Severity::Warning);
    let lines = worth.map(|it| {
        let place = it.location.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
        format!("{}{place} {}\n", it.code, it.message)
    });
    lines.collect()
}

fn lines(all: &[String]) -> String {
    all.iter().map(|it| format!("{it}\n")).collect()
}

#[test]
fn every_claim_holds() {
    let mut wrong = Vec::new();
    for claim in claims() {
        let tree = tempfile::tempdir().unwrap();
        let before = files(&claim.join("before"));
        before.iter().for_each(|(path, text)| write(tree.path(), path, text));
        let plan = planned(tree.path());
        let refused = plan.obstacles().next().is_some();

        let mut got = BTreeMap::new();
        if !refused {
            plan.changes.iter().for_each(|it| write(tree.path(), &it.path, &it.after));
            let sources = before.keys().filter(|path| path.ends_with("js") || path.ends_with("ts"));
            got.extend(
                sources.map(|path| (format!("after/{path}"), fs::read_to_string(tree.path().join(path)).unwrap())),
            );
            let again = planned(tree.path());
            let again: Vec<String> = again.changes.iter().map(doorward_frameworks::Change::diff).collect();
            assert!(again.is_empty(), "{}: a second plan is not empty: {}", claim.display(), again.concat());
        }
        got.insert("findings.txt".to_owned(), said(&plan));
        got.insert("order.txt".to_owned(), lines(&plan.order));
        let expected = files(&claim);
        got.retain(|path, text| match path.as_str() {
            "findings.txt" => !text.is_empty() || expected.contains_key(path),
            "order.txt" => expected.contains_key(path),
            _ => true,
        });
        if std::env::var_os("DOORWARD_BLESS").is_some() {
            got.iter().for_each(|(path, text)| write(&claim, path, text));
            continue;
        }
        let expected: BTreeMap<_, _> = expected.into_iter().filter(|(path, _)| !path.starts_with("before/")).collect();
        if got != expected {
            let got: String = got.iter().map(|(path, text)| format!("--- {path}\n{text}")).collect();
            wrong.push(format!("{}:\n{got}", claim.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
