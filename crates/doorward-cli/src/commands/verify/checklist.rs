//! The nine points of a finished job, each with what was seen of it.

use std::collections::BTreeMap;

use doorward::diagnostic::Severity;
use doorward::secret;
use doorward_frameworks::AppSource;
use doorward_probe::{Case, CaseReport, Report, Verdict};
use serde::Serialize;

use crate::output::{BOLD, DIM, GREEN, RED, YELLOW, clean, count, say};

/// One point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Point {
    pub(super) id: &'static str,
    pub(super) verdict: Verdict,
    pub(super) evidence: String,
}

/// What the points are judged by, besides the report.
pub(super) struct Seen<'a> {
    pub(super) cases: &'a [Case],
    pub(super) source: &'a AppSource,
    pub(super) manifest: Option<String>,
    pub(super) env_example: Option<String>,
    /// The names of the variables that the server reads.
    pub(super) variables: Vec<String>,
}

pub(super) fn points(report: &Report, seen: &Seen<'_>) -> Vec<Point> {
    let attacks = Attacks::new(report, seen.cases);
    vec![
        sdk(seen.manifest.as_deref()),
        attacks
            .point("JWT verified properly", |case, class| class.starts_with(['B', 'C', 'D']) && case.persona.is_some()),
        attacks.point("unauthenticated rejected", |case, _| case.persona.is_none() && case.expected.contains("401")),
        attacks.point("context accessible", |case, _| case.id == "good-session"),
        untested("client headers", "doorward generates no clients yet"),
        attacks.point("token errors handled", |case, class| class.starts_with("D0") && case.expected.contains("401")),
        environment(seen),
        secrets(seen.source),
        untested("types complete", "run the project's own type check, e.g. `npx tsc --noEmit`"),
    ]
}

fn untested(id: &'static str, evidence: &str) -> Point {
    Point { id, verdict: Verdict::Untested, evidence: evidence.to_owned() }
}

/// The cases of a report, with their classes in the catalogue.
struct Attacks<'a> {
    cases: Vec<(&'a CaseReport, &'a str)>,
}

impl<'a> Attacks<'a> {
    fn new(report: &'a Report, cases: &'a [Case]) -> Self {
        let classes: BTreeMap<&str, &str> = cases.iter().map(|case| (case.id.as_str(), case.class.as_str())).collect();
        let cases = report.routes.iter().flat_map(|route| &route.cases);
        Self { cases: cases.map(|case| (case, classes.get(case.id.as_str()).copied().unwrap_or_default())).collect() }
    }

    /// Holds if at least one such case was judged, and none that counts failed.
    fn point(&self, id: &'static str, is_one: impl Fn(&CaseReport, &str) -> bool) -> Point {
        let is_one = &is_one;
        let of =
            |verdict| self.cases.iter().filter(move |(case, class)| is_one(case, class) && case.verdict == verdict);
        let held = of(Verdict::Proved).count();
        match (held, of(Verdict::Failed).find(|(case, _)| case.severity >= Severity::Error)) {
            (_, Some((case, _))) => {
                let evidence = format!("{}: expected {}, got {}", case.id, case.expected, case.got);
                Point { id, verdict: Verdict::Failed, evidence }
            }
            (0, None) => untested(id, "no such request could be judged"),
            (held, None) => {
                Point { id, verdict: Verdict::Proved, evidence: format!("held in {}", count(held, "request")) }
            }
        }
    }
}

fn sdk(manifest: Option<&str>) -> Point {
    let id = "docs/SDK current";
    let manifest: Option<serde_json::Value> = manifest.and_then(|text| serde_json::from_str(text).ok());
    let range = manifest.as_ref().and_then(|it| it.get("dependencies")?.get("@clerk/express")?.as_str());
    match range {
        Some(range) => Point {
            id,
            verdict: Verdict::Proved,
            evidence: format!("@clerk/express {range}; newer releases were not looked up"),
        },
        None => untested(id, "package.json does not list @clerk/express, so only its behaviour was judged"),
    }
}

fn environment(seen: &Seen<'_>) -> Point {
    let id = "env documented";
    let Some(text) = seen.env_example.as_deref() else { return untested(id, "there is no .env.example") };
    let is_named = |name: &str| {
        text.lines()
            .any(|line| line.trim_start_matches(['#', ' ']).split_once('=').is_some_and(|(it, _)| it.trim() == name))
    };
    let missing: Vec<&str> = seen.variables.iter().map(String::as_str).filter(|name| !is_named(name)).collect();
    if missing.is_empty() {
        Point {
            id,
            verdict: Verdict::Proved,
            evidence: format!(".env.example names {}", count(seen.variables.len(), "variable")),
        }
    } else {
        Point { id, verdict: Verdict::Failed, evidence: format!(".env.example does not name {}", missing.join(", ")) }
    }
}

fn secrets(source: &AppSource) -> Point {
    let id = "no secrets";
    let found = source.files.iter().find_map(|(path, file)| {
        let line = file.text.lines().position(|line| secret::kind(line).is_some_and(|kind| kind != "a token"))?;
        Some(format!("{path}:{} holds what looks like {}", line + 1, secret::kind(file.text.lines().nth(line)?)?))
    });
    match found {
        Some(evidence) => Point { id, verdict: Verdict::Failed, evidence },
        None => Point {
            id,
            verdict: Verdict::Proved,
            evidence: format!("none in {}", count(source.files.len(), "source file")),
        },
    }
}

pub(super) fn show(points: &[Point]) {
    say!("{BOLD}The nine points{BOLD:#}\n");
    for (at, point) in points.iter().enumerate() {
        let (style, word) = match point.verdict {
            Verdict::Proved => (GREEN, "✓"),
            Verdict::Failed => (RED, "✗"),
            Verdict::Untested => (YELLOW, "?"),
        };
        say!("  {style}{word}{style:#} {} {:26} {DIM}{}{DIM:#}", at + 1, point.id, clean(&point.evidence));
    }
    say!("");
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_frameworks::SourceFile;

    fn source(text: &str) -> AppSource {
        let file = SourceFile {
            text: text.to_owned(),
            esm: true,
            typescript: false,
            after_imports: 0,
            names: Vec::new(),
            import_extension: ".js".to_owned(),
        };
        AppSource { files: BTreeMap::from([("a.js".to_owned(), file)]), ..AppSource::default() }
    }

    #[test]
    fn a_key_in_the_source_fails_its_point_and_is_not_repeated() {
        let key = format!("sk_live_{}", "Zz9".repeat(14));
        let point = secrets(&source(&format!("\nconst k = '{key}';")));
        assert_eq!(point.verdict, Verdict::Failed);
        assert!(point.evidence.starts_with("a.js:2 ") && !point.evidence.contains("Zz9Zz9"), "{}", point.evidence);
        assert_eq!(secrets(&source("const k = process.env.CLERK_SECRET_KEY;")).verdict, Verdict::Proved);
    }

    #[test]
    fn a_missing_package_is_untested_and_a_missing_variable_fails() {
        assert_eq!(sdk(Some("{\"dependencies\":{\"@clerk/express\":\"^2.1.70\"}}")).verdict, Verdict::Proved);
        assert_eq!(sdk(Some("{}")).verdict, Verdict::Untested);
        assert_eq!(sdk(None).verdict, Verdict::Untested);
        let source = source("");
        let seen = |text: &str| Seen {
            cases: &[],
            source: &source,
            manifest: None,
            env_example: Some(text.to_owned()),
            variables: vec!["A_KEY".to_owned()],
        };
        assert_eq!(environment(&seen("# A_KEY=x\n")).verdict, Verdict::Proved);
        assert_eq!(environment(&seen("A_KEYS=x\n")).verdict, Verdict::Failed);
    }
}
