//! Documents made of every fixture, judged by tools that know nothing of doorward.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails should stop where it fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

use doorward_frameworks::{DiscoverOptions, discover};
use doorward_report::{Survey, openapi, sarif, to_json, to_yaml};

/// Every project of the frameworks' tests.
fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../doorward-frameworks/tests/fixtures");
    let folders = |folder: &Path| {
        let all = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
        all.filter(|it| it.is_dir()).collect::<Vec<_>>()
    };
    let mut all: Vec<PathBuf> = folders(&root).iter().flat_map(|framework| folders(framework)).collect();
    all.sort();
    assert!(all.len() > 50, "fixtures are found by folder");
    all
}

/// Lets the judge look at documents, and says what is wrong with them.
fn judge(kind: &str, folder: &Path) {
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../doorward-report/tests/oracle");
    assert!(
        oracle.join("node_modules/@seriousme").is_dir(),
        "the judges of documents are not installed; run `cargo xtask setup`"
    );
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    let judged = Command::new("node").arg(oracle.join("check.mjs")).arg(kind).args(&files).output().unwrap();
    let said = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "{said}{}", String::from_utf8_lossy(&judged.stderr));
}

#[test]
fn every_fixture_exports_a_valid_openapi_document_in_both_syntaxes() {
    let folder = tempfile::tempdir().unwrap();
    let mut operations = 0;
    for fixture in fixtures() {
        // Some hold nothing that can be discovered, on purpose.
        let Ok(analysis) = discover(&fixture, &DiscoverOptions::default()) else { continue };
        for (at, app) in analysis.inventory.apps.iter().enumerate() {
            let document = openapi(app);
            assert_eq!(document, openapi(app), "the same app gives the same document");
            let framework = fixture.parent().and_then(Path::file_name).unwrap().to_string_lossy().into_owned();
            let name = format!("{framework}-{}-{at}", fixture.file_name().unwrap().to_string_lossy());
            std::fs::write(folder.path().join(format!("{name}.json")), to_json(&document)).unwrap();
            std::fs::write(folder.path().join(format!("{name}.yaml")), to_yaml(&document)).unwrap();
            operations += app.routes.len();
        }
    }
    assert!(operations > 200, "{operations}");
    judge("openapi", folder.path());
}

#[test]
fn every_fixture_makes_a_valid_sarif_log() {
    let folder = tempfile::tempdir().unwrap();
    for (at, fixture) in fixtures().iter().enumerate() {
        let Ok(analysis) = discover(fixture, &DiscoverOptions::default()) else { continue };
        let findings: Vec<_> = analysis.all_findings().cloned().collect();
        let survey = Survey { inventory: &analysis.inventory, findings: &findings, only_open: false };
        std::fs::write(folder.path().join(format!("{at}.sarif")), sarif(&survey)).unwrap();
    }
    judge("sarif", folder.path());
}

/// The fingerprints of a log's results, in order.
fn fingerprints(log: &str) -> Vec<String> {
    let log: serde_json::Value = serde_json::from_str(log).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    results.iter().map(|it| it["partialFingerprints"].to_string()).collect()
}

#[test]
fn no_two_results_share_a_fingerprint_and_lines_may_move() {
    for fixture in fixtures() {
        let Ok(mut analysis) = discover(&fixture, &DiscoverOptions::default()) else { continue };
        let mut findings: Vec<_> = analysis.all_findings().cloned().collect();
        let before =
            fingerprints(&sarif(&Survey { inventory: &analysis.inventory, findings: &findings, only_open: false }));
        let distinct: std::collections::BTreeSet<_> = before.iter().collect();
        assert_eq!(distinct.len(), before.len(), "{}: {before:#?}", fixture.display());
        let places =
            findings.iter_mut().chain(&mut analysis.inventory.unresolved).filter_map(|it| it.location.as_mut());
        places.for_each(|it| it.line += 7);
        analysis.inventory.apps.iter_mut().flat_map(|it| &mut it.routes).for_each(|it| it.line += 7);
        let survey = Survey { inventory: &analysis.inventory, findings: &findings, only_open: false };
        assert_eq!(fingerprints(&sarif(&survey)), before, "{}", fixture.display());
    }
}

#[test]
fn a_document_that_is_wrong_is_noticed() {
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../doorward-report/tests/oracle/check.mjs");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.json");
    for (kind, text) in [
        ("openapi", r#"{ "openapi": "3.1.0", "info": { "title": "x" }, "paths": {} }"#),
        (
            "openapi",
            r##"{ "openapi": "3.1.0", "info": { "title": "x", "version": "1" }, "paths": { "/{a}": { "get": { "responses": { "default": { "description": "x" } } } } } }"##,
        ),
        ("sarif", r#"{ "version": "2.1.0", "runs": [{}] }"#),
    ] {
        std::fs::write(&file, text).unwrap();
        let judged = Command::new("node").arg(&oracle).arg(kind).arg(&file).output().unwrap();
        assert!(!judged.status.success() && !judged.stdout.is_empty(), "{kind}: {text}");
    }
}
