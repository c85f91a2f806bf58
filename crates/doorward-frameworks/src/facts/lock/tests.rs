use std::path::Path;

use super::*;

/// Every lock file of the fixtures.
fn all() -> Vec<(&'static Format, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/facts");
    let mut all = Vec::new();
    for project in std::fs::read_dir(folder).unwrap() {
        for format in FORMATS {
            all.extend(
                std::fs::read_to_string(project.as_ref().unwrap().path().join(format.file)).ok().map(|it| (format, it)),
            );
        }
    }
    all
}

#[test]
fn every_format_has_a_fixture_and_survives_damage() {
    let all = all();
    for format in FORMATS {
        assert!(all.iter().any(|(it, text)| it.file == format.file && it.parse(text).is_some()), "{}", format.file);
        for hostile in
            ["", "\0", "{", "[", "{}", "[]", "null", "lockfileVersion", "\u{feff}", ": :\n  : :", "@@@:\n  @"]
        {
            let _ = format.parse(hostile);
        }
        let _ = format.parse(&"[".repeat(100_000));
        let _ = format.parse(&"{\"dependencies\":".repeat(100_000));
    }
    for (format, text) in &all {
        for cut in (0..text.len()).step_by(7) {
            if let Some(part) = text.get(..cut) {
                let _ = format.parse(part);
            }
            if let Some(part) = text.get(cut..) {
                let _ = format.parse(part);
            }
        }
    }
}

#[test]
fn a_long_path_costs_no_more_than_a_short_one() {
    let start = std::time::Instant::now();
    let deep = format!("{}x", "a/".repeat(200_000));
    let names: Vec<String> = (0..2000).map(|it| format!("\"n{it}\":\"1\"")).collect();
    let text =
        format!("{{\"lockfileVersion\":3,\"packages\":{{\"{deep}\":{{\"dependencies\":{{{}}}}}}}}}", names.join(","));
    let graph = npm::read(&text).unwrap();
    assert!(graph.packages.is_empty());
    let text = format!(
        "{{\"lockfileVersion\":1,\"packages\":{{\"{deep}\":[\"x@1\",\"\",{{\"dependencies\":{{{}}}}}]}}}}",
        names.join(",")
    );
    assert!(bun::read(&text).is_some());
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}
