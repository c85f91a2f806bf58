//! The matrix: routes down, kinds of attack across, and the evidence of what failed.

use std::collections::BTreeMap;
use std::path::Path;

use anstyle::Style;
use doorward::diagnostic::{Diagnostic, Severity};
use doorward_probe::{Case, CaseReport, Report, RouteReport, Verdict};

use crate::output::{self, BOLD, CYAN, DIM, GREEN, RED, YELLOW, clean, count, say, tell};

/// The columns, by the first letter of a case's class in the catalogue.
const COLUMNS: &[(&str, &str)] = &[
    ("identity", "E"),
    ("token", "A"),
    ("signature", "B"),
    ("key", "C"),
    ("claims", "D"),
    ("path", "FM"),
    ("headers", "GIR"),
    ("cors", "H"),
    ("webhook", "W"),
];

pub(crate) fn show(root: &Path, report: &Report, cases: &[Case], allow_untested: bool) {
    let classes: BTreeMap<&str, &str> = cases.iter().map(|case| (case.id.as_str(), case.class.as_str())).collect();
    let width =
        report.routes.iter().map(|route| clean(&route.id.to_string()).chars().count()).max().unwrap_or(0).min(56);
    let heads: Vec<String> = COLUMNS.iter().map(|(name, _)| format!("{name:>10}")).collect();
    say!("\n  {BOLD}{:8}  {:width$}  {}{BOLD:#}", "", "route", heads.concat());
    for route in &report.routes {
        row(route, &classes, width);
    }
    say!("");
    for route in report.routes.iter().filter(|route| route.verdict != Verdict::Proved) {
        details(route);
    }
    weak(report);
    let notes: Vec<Diagnostic> = distinct(&report.findings);
    if !notes.is_empty() {
        say!("{}", output::findings(root, &notes).trim_end());
        say!("");
    }
    let summary = &report.summary;
    let verdict = match (summary.failed, summary.untested) {
        (0, 0) => format!("{GREEN}✓ every route is proved{GREEN:#}"),
        (0, _) if allow_untested => format!("{YELLOW}nothing failed, but not everything was tested{YELLOW:#}"),
        (0, _) => format!("{YELLOW}✗ not everything was tested, and untested is not proved{YELLOW:#}"),
        _ => format!("{RED}✗ doors are open{RED:#}"),
    };
    say!(
        "{verdict}: {} proved, {} failed, {} untested; {} in {}",
        summary.proved,
        summary.failed,
        summary.untested,
        count(summary.cases, "case"),
        count(summary.requests, "request"),
    );
    if summary.failed > 0 {
        tell!("Next: `doorward plan` shows the edits that close them; `doorward check` finds them in the source.");
    }
}

fn style(verdict: Verdict) -> (Style, &'static str) {
    match verdict {
        Verdict::Proved => (GREEN, "✓ proved"),
        Verdict::Failed => (RED, "✗ FAILED"),
        Verdict::Untested => (YELLOW, "? untest"),
    }
}

fn row(route: &RouteReport, classes: &BTreeMap<&str, &str>, width: usize) {
    let (colour, word) = style(route.verdict);
    let mut cells = String::new();
    for (_, letters) in COLUMNS {
        let of_column = |case: &&CaseReport| {
            // What the planner adds by itself (the good token, no token) has no class of its own: it is identity.
            let class = classes.get(case.id.as_str()).copied().unwrap_or("E");
            class.starts_with(|first: char| letters.contains(first))
        };
        let judged: Vec<&CaseReport> =
            route.cases.iter().filter(of_column).filter(|case| case.verdict != Verdict::Untested).collect();
        let held = judged.iter().filter(|case| case.verdict == Verdict::Proved).count();
        let cell = match (held, judged.len()) {
            (_, 0) => format!("{DIM}{:>10}{DIM:#}", "·"),
            (held, all) if held == all => format!("{GREEN}{held:>10}{GREEN:#}"),
            (held, all) => {
                // What Clerk's own SDKs let pass is worth a look, and does not fail the route.
                let open = |case: &&&CaseReport| case.verdict == Verdict::Failed && case.severity >= Severity::Error;
                let colour = if judged.iter().any(|case| open(&case)) { RED } else { YELLOW };
                format!("{colour}{:>10}{colour:#}", format!("{held}/{all}"))
            }
        };
        cells.push_str(&cell);
    }
    say!(
        "  {colour}{word}{colour:#}  {:width$}  {cells}  {DIM}{}{DIM:#}",
        clean(&route.id.to_string()),
        clean(&route.access)
    );
}

/// How many failures of one route are shown whole.
const SHOWN: usize = 3;

fn details(route: &RouteReport) {
    let (colour, word) = style(route.verdict);
    say!(
        "{colour}{word}{colour:#} {BOLD}{}{BOLD:#}  {DIM}{}:{}{DIM:#}",
        clean(&route.id.to_string()),
        clean(&route.file),
        route.line
    );
    say!("  {}", clean(&route.reason));
    let mut failed: Vec<&CaseReport> = route.cases.iter().filter(|case| case.verdict == Verdict::Failed).collect();
    failed.sort_by_key(|case| std::cmp::Reverse(case.severity));
    for case in failed.iter().take(SHOWN) {
        let style = if case.severity >= Severity::Error { RED } else { YELLOW };
        say!("\n  {style}{}{style:#} {} {DIM}({}){DIM:#}", case.severity, clean(&case.title), case.id);
        say!("    expected  {}", clean(&case.expected));
        say!("    got       {}", clean(&case.got));
        for line in case.curl.lines() {
            say!("    {CYAN}{}{CYAN:#}", clean(line));
        }
        say!("    fix       {}", clean(&case.fix));
    }
    if failed.len() > SHOWN {
        say!(
            "\n  {DIM}… and {} more: {}{DIM:#}",
            failed.len() - SHOWN,
            failed.iter().skip(SHOWN).map(|case| case.id.as_str()).collect::<Vec<_>>().join(", ")
        );
    }
    say!("");
}

/// Cases that did not hold on routes that are proved all the same, told once each.
fn weak(report: &Report) {
    let mut told: BTreeMap<&str, (&CaseReport, usize)> = BTreeMap::new();
    for route in report.routes.iter().filter(|route| route.verdict == Verdict::Proved) {
        for case in route.cases.iter().filter(|case| case.verdict == Verdict::Failed) {
            told.entry(case.id.as_str()).or_insert((case, 0)).1 += 1;
        }
    }
    for (case, routes) in told.values() {
        say!(
            "{YELLOW}{}{YELLOW:#} {} {DIM}({}, on {}){DIM:#}",
            case.severity,
            clean(&case.title),
            case.id,
            count(*routes, "route")
        );
        say!("    expected  {}", clean(&case.expected));
        say!("    got       {}", clean(&case.got));
        say!("    why       {}", clean(&case.explain));
        say!("    fix       {}\n", clean(&case.fix));
    }
}

/// Findings that are not the routes' own failures told again.
fn distinct(findings: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut seen = Vec::new();
    for finding in findings.iter().filter(|finding| !finding.code.starts_with("DW50")) {
        if !seen.contains(finding) {
            seen.push(finding.clone());
        }
    }
    seen
}
