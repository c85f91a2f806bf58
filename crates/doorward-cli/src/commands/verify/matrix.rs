//! The matrix: routes down, kinds of attack across, and the evidence of what failed.

use std::collections::BTreeMap;
use std::path::Path;

use anstyle::Style;
use doorward::diagnostic::{Diagnostic, Severity};
use doorward_probe::{Case, CaseReport, Expect, Report, RouteReport, Verdict};

use super::checklist::{self, Point};
use crate::output::{self, BOLD, CYAN, DIM, GREEN, RED, YELLOW, clean, count, say, tell};

/// A column: its head, what it stands for, and the first letters of its cases' classes in the catalogue.
struct Column {
    head: &'static str,
    meaning: &'static str,
    letters: &'static str,
}

const COLUMNS: &[Column] = &[
    Column { head: "id", meaning: "identity and role", letters: "E" },
    Column { head: "tok", meaning: "kind and carrier of the token", letters: "A" },
    Column { head: "sig", meaning: "signature", letters: "B" },
    Column { head: "key", meaning: "keys", letters: "C" },
    Column { head: "clm", meaning: "claims", letters: "D" },
    Column { head: "path", meaning: "other spellings of path and method", letters: "FM" },
    Column { head: "hdr", meaning: "headers", letters: "GIR" },
    Column { head: "cors", meaning: "origins", letters: "H" },
    Column { head: "hook", meaning: "webhook deliveries", letters: "W" },
];

/// How wide a column is, with the space before it.
const CELL: usize = 5;

/// How wide the output is where that can't be asked.
const WIDTH: usize = 100;

/// The baseline cases that must be let in; the catalogue says it of the others.
const LET_IN: &[&str] = &["good-session", "good-delivery"];
const STRANGER_LET_IN: &str = "stranger-at-an-open-route";
/// The case of each persona, who is let in or refused as the policy says.
const PERSONA: &str = "persona";

pub(crate) fn show(root: &Path, report: &Report, cases: &[Case], points: &[Point], gaps: usize, allow_untested: bool) {
    let classes: BTreeMap<&str, &str> = cases.iter().map(|case| (case.id.as_str(), case.class.as_str())).collect();
    table(report, &classes);
    for route in report.routes.iter().filter(|route| route.verdict != Verdict::Proved) {
        details(route);
    }
    weak(report);
    again(report);
    let notes: Vec<Diagnostic> = distinct(&report.findings);
    if !notes.is_empty() {
        say!("{}", output::findings(root, &notes).trim_end());
        say!("");
    }
    checklist::show(points);
    let summary = &report.summary;
    let fault = Fault::of(report, cases);
    let verdict = match (summary.failed, summary.untested) {
        (0, 0) if report.routes.is_empty() => format!("{RED}✗ nothing was proved{RED:#}"),
        (0, 0) if report.failed() || points.iter().any(|point| point.verdict == Verdict::Failed) => {
            format!("{RED}✗ every route held, but not all is well: see above{RED:#}")
        }
        // Nobody can prove a route that nobody has seen.
        (0, 0) if gaps > 0 => format!(
            "{YELLOW}{} every route that was found is proved, and {} may hide others: see above{YELLOW:#}",
            if allow_untested { "✓" } else { "✗" },
            count(gaps, "place"),
        ),
        (0, 0) => format!("{GREEN}✓ every route is proved{GREEN:#}"),
        (0, _) if allow_untested => format!("{YELLOW}nothing failed, but not everything was tested{YELLOW:#}"),
        (0, _) => format!("{YELLOW}✗ not everything was tested, and untested is not proved{YELLOW:#}"),
        _ => format!("{RED}✗ {}{RED:#}", fault.words()),
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
        tell!("Next: {}", fault.next());
    }
}

fn style(verdict: Verdict) -> (Style, &'static str) {
    match verdict {
        Verdict::Proved => (GREEN, "✓ proved"),
        Verdict::Failed => (RED, "✗ FAILED"),
        Verdict::Untested => (YELLOW, "? untested"),
    }
}

/// What the failures have in common.
#[derive(Clone, Copy)]
enum Fault {
    Open,
    RefusesGood,
    RefusesCallers,
}

impl Fault {
    fn of(report: &Report, cases: &[Case]) -> Self {
        let expect = |case: &CaseReport| cases.iter().find(|it| it.id == case.id).map(|it| it.expect.clone());
        let is_good = |case: &CaseReport| {
            LET_IN.contains(&case.id.as_str())
                || matches!(expect(case), Some(Expect::Accept | Expect::DeliveryAccepted))
                || (case.id == PERSONA && (case.got.starts_with("401") || case.got.starts_with("403")))
        };
        let is_welcome = |case: &CaseReport| {
            is_good(case) || case.id == STRANGER_LET_IN || matches!(expect(case), Some(Expect::Preflight))
        };
        let failed = || {
            let routes = report.routes.iter().filter(|route| route.verdict == Verdict::Failed);
            routes.flat_map(|route| &route.cases).filter(|case| is_serious(case))
        };
        if failed().any(|case| !is_welcome(case)) {
            Self::Open
        } else if failed().any(is_good) {
            Self::RefusesGood
        } else {
            Self::RefusesCallers
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Open => "doors are open",
            Self::RefusesGood => "the server refuses good tokens",
            Self::RefusesCallers => "the server refuses callers that the policy lets in",
        }
    }

    fn next(self) -> &'static str {
        match self {
            Self::Open => "`doorward plan` shows the edits that close them; `doorward check` finds them in the source.",
            Self::RefusesGood | Self::RefusesCallers => {
                "`doorward check` and `doorward plan` show where the source differs from the policy."
            }
        }
    }
}

fn is_serious(case: &CaseReport) -> bool {
    case.verdict == Verdict::Failed && case.severity >= Severity::Error
}

/// The table, as wide as the terminal.
fn table(report: &Report, classes: &BTreeMap<&str, &str>) {
    let terminal = console::Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns));
    let longest = |text: &dyn Fn(&RouteReport) -> usize| report.routes.iter().map(text).max().unwrap_or(0);
    let words = longest(&|route| style(route.verdict).1.chars().count());
    let routes = longest(&|route| clean(&route.id.to_string()).chars().count()).max("route".len());
    let accesses = longest(&|route| clean(&route.access).chars().count());
    // A kind of attack that no route was sent says nothing.
    let has_cases = |column: &&Column| report.routes.iter().any(|route| !judged(route, column, classes).is_empty());
    let columns: Vec<&Column> = COLUMNS.iter().filter(has_cases).collect();
    let free = terminal.saturating_sub(2 + words + 2 + CELL * columns.len());
    let with_access = routes + 2 + accesses <= free;
    let width = routes.min(free.max(16));

    let heads: String = columns.iter().map(|column| format!("{:>CELL$}", column.head)).collect();
    say!("\n  {BOLD}{:words$}  {:width$}{heads}{BOLD:#}", "", "route");
    for route in &report.routes {
        let (colour, word) = style(route.verdict);
        let cells: String = columns.iter().map(|column| cell(&judged(route, column, classes))).collect();
        let access = if with_access { format!("  {DIM}{}{DIM:#}", clean(&route.access)) } else { String::new() };
        let name = shortened(&clean(&route.id.to_string()), width);
        say!("  {colour}{word:words$}{colour:#}  {name:width$}{cells}{access}");
    }
    let meanings: Vec<String> = columns.iter().map(|column| format!("{}: {}", column.head, column.meaning)).collect();
    let legend = format!(
        "{}. Numbers are cases that held; ✗ counts those that did not, ! those that could be stricter. Of the routes \
         behind the same guard one is sent every case, the others the core of them.",
        meanings.join("; ")
    );
    say!("");
    for line in wrapped(&legend, terminal.saturating_sub(2).max(40)) {
        say!("  {DIM}{line}{DIM:#}");
    }
    say!("");
}

/// The cases of a column that were judged on a route.
fn judged<'a>(route: &'a RouteReport, column: &Column, classes: &BTreeMap<&str, &str>) -> Vec<&'a CaseReport> {
    let of_column = |case: &&CaseReport| {
        // What the planner adds by itself (the good token, no token) has no class of its own: it is identity.
        let class = classes.get(case.id.as_str()).copied().unwrap_or("E");
        class.starts_with(|first: char| column.letters.contains(first))
    };
    route.cases.iter().filter(of_column).filter(|case| case.verdict != Verdict::Untested).collect()
}

fn cell(judged: &[&CaseReport]) -> String {
    let failed = judged.iter().filter(|case| case.verdict == Verdict::Failed).count();
    // What Clerk's own SDKs let pass is worth a look, and does not fail the route.
    let serious = judged.iter().filter(|case| is_serious(case)).count();
    let (style, text) = match (judged.len(), failed, serious) {
        (0, _, _) => (DIM, "·".to_owned()),
        (all, 0, _) => (GREEN, all.to_string()),
        (_, weak, 0) => (YELLOW, format!("!{weak}")),
        (_, _, serious) => (RED, format!("✗{serious}")),
    };
    format!("{style}{text:>CELL$}{style:#}")
}

/// A text cut to a width, with a mark where it was cut.
fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// A text in lines of a width, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// What the commands in the evidence need.
fn again(report: &Report) {
    let mut shown =
        report.routes.iter().filter(|route| route.verdict == Verdict::Failed).flat_map(|route| &route.cases);
    let Some(case) = shown.find(|case| case.verdict == Verdict::Failed) else { return };
    let base = if case.curl.contains("$BASE") { ", and set BASE to your server's address" } else { "" };
    say!(
        "{DIM}To send one of these again: start `doorward emulate`, then your server with the environment it prints{base}.{DIM:#}\n"
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
        let style = if is_serious(case) { RED } else { YELLOW };
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
    for finding in findings.iter().filter(|finding| !is_told(finding)) {
        if !seen.contains(finding) {
            seen.push(finding.clone());
        }
    }
    seen
}

/// Whether the details of a route tell it already. A run that stopped early and an expectation of the policy that
/// fits no route belong to none.
fn is_told(finding: &Diagnostic) -> bool {
    match finding.code.as_str() {
        "DW5014" => false,
        "DW5012" => finding.evidence.is_some(),
        code => code.starts_with("DW50"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_with_a_mark() {
        assert_eq!(shortened("GET /orders", 11), "GET /orders");
        assert_eq!(shortened("GET /orders", 8), "GET /or…");
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("incomprehensible", 7), ["incomprehensible"]);
    }
}
