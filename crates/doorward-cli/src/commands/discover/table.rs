//! The inventory for people: apps, their routes by file and router, what is unresolved, findings, and a summary.

use std::path::Path;

use anstyle::Style;
use doorward::facts::{Facts, ModuleSystem, VersionSource};
use doorward::inventory::{App, GuardState, Route};
use doorward_report::{Counts, Group, Survey, groups};

use crate::output::{self, BOLD, CYAN, DIM, GREEN, RED, YELLOW, clean, count, say};

/// Columns wider than this make the others hard to find; what is longer runs over.
const WIDEST_PATH: usize = 48;
const WIDEST_PLACE: usize = 44;

pub(crate) fn show(root: &Path, survey: &Survey<'_>, only_open: bool) {
    let inventory = survey.inventory;
    for app in &inventory.apps {
        head(app, only_open);
        let columns = Columns::of(app, only_open);
        for group in groups(app) {
            show_group(&group, &columns, only_open);
        }
    }
    if !inventory.unresolved.is_empty() {
        say!("{BOLD}Unresolved: routes made in these places are not in the list{BOLD:#}\n");
        say!("{}\n", output::findings(root, &inventory.unresolved).trim_end());
    }
    if !survey.findings.is_empty() {
        let findings: Vec<_> = survey.by_severity().into_iter().cloned().collect();
        say!("{BOLD}Findings, the worst first{BOLD:#}\n");
        say!("{}\n", output::findings(root, &findings).trim_end());
    }
    summary(survey);
}

/// `3 open`, and so on: every state that there is, in words and in its colour.
fn states(counts: Counts) -> String {
    let of = |number: usize, style: Style, word: &str| match number {
        0 => format!("0 {word}"),
        _ => format!("{style}{number} {word}{style:#}"),
    };
    [of(counts.open, RED, "open"), of(counts.unsure, YELLOW, "unsure"), of(counts.guarded, GREEN, "guarded")].join(", ")
}

fn head(app: &App, only_open: bool) {
    let version = app.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    let counts = Counts::of(&app.routes);
    let left = if only_open && counts.guarded > 0 { ". The guarded ones are left out" } else { "" };
    say!(
        "{BOLD}{}{BOLD:#}  {}{}  {DIM}in {}{DIM:#}\n{}: {}{left}\n",
        clean(&app.name),
        clean(&app.framework),
        clean(&version),
        clean(&app.root),
        count(counts.total(), "route"),
        states(counts),
    );
    facts(&app.facts);
}

/// What matters about the project for its protection, on a few lines; the JSON has it all.
fn facts(facts: &Facts) {
    let mut told = false;
    let mut line = |name: &str, text: String| {
        if !text.is_empty() {
            say!("  {DIM}{name:10} {}{DIM:#}", clean(&text));
            told = true;
        }
    };
    let clerk = facts.packages.iter().filter(|it| it.name.contains("clerk") && it.asked.is_some());
    let clerk: Vec<String> = clerk
        .map(|it| match it.source {
            VersionSource::Manifest => format!("{} {} (not locked)", it.name, it.version),
            VersionSource::Lock | VersionSource::Installed => format!("{} {}", it.name, it.version),
        })
        .collect();
    line("Clerk", clerk.join(", "));
    let manager = facts.package_manager.as_ref().map(|it| match &it.version {
        Some(version) => format!("{} {version}", it.name),
        None => it.name.clone(),
    });
    let strict = facts.typescript.as_ref().map(|it| match it.strict {
        Some(true) => "TypeScript, strict".to_owned(),
        _ => "TypeScript, not strict".to_owned(),
    });
    let system = facts.module_system.map(|it| match it {
        ModuleSystem::Esm => "ES modules".to_owned(),
        ModuleSystem::CommonJs => "CommonJS".to_owned(),
    });
    line("Project", [manager, system, strict].into_iter().flatten().collect::<Vec<_>>().join("; "));
    let variables: Vec<String> = facts
        .variables
        .iter()
        .map(|it| match it.read.first() {
            Some(place) => format!("{} ({}:{})", it.name, place.file, place.line),
            None => it.name.clone(),
        })
        .collect();
    line("Variables", variables.join(", "));
    if told {
        say!("");
    }
}

/// How wide the columns are.
struct Columns {
    method: usize,
    path: usize,
    place: usize,
    /// The terminal's width, if it is one.
    whole: Option<usize>,
}

impl Columns {
    fn of(app: &App, only_open: bool) -> Self {
        let widest = |text: &dyn Fn(&Route) -> usize| {
            app.routes.iter().filter(|it| is_listed(it, only_open)).map(text).max().unwrap_or_default()
        };
        Self {
            method: widest(&|route| route.method.as_str().len()),
            path: widest(&|route| clean(&route.path.to_string()).chars().count()).min(WIDEST_PATH),
            place: widest(&|route| place(route).chars().count()).min(WIDEST_PLACE),
            whole: console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns)),
        }
    }
}

fn is_listed(route: &Route, only_open: bool) -> bool {
    !only_open || route.guard.state != GuardState::Guarded
}

fn place(route: &Route) -> String {
    clean(&format!("{}:{}", route.file, route.line))
}

fn show_group(group: &Group<'_>, columns: &Columns, only_open: bool) {
    let listed: Vec<&&Route> = group.routes.iter().filter(|it| is_listed(it, only_open)).collect();
    if listed.is_empty() {
        return;
    }
    let mounted = group.mounted_at.as_deref().map(|path| format!("  {DIM}at{DIM:#} {CYAN}{}{CYAN:#}", clean(path)));
    say!("  {BOLD}{}{BOLD:#}{}", clean(group.file), mounted.unwrap_or_default());
    for route in listed {
        row(route, columns);
    }
    say!("");
}

fn row(route: &Route, columns: &Columns) {
    let (style, word) = match route.guard.state {
        GuardState::Open => (RED, "OPEN   "),
        GuardState::Unsure => (YELLOW, "UNSURE "),
        GuardState::Guarded => (GREEN, "GUARDED"),
    };
    let (method, path) = (columns.method, columns.path);
    let (text, place) = (clean(&route.path.to_string()), place(route));
    let by: Vec<String> = route.guard.by.iter().map(|seen| clean(&seen.name)).collect();
    let mut names: Vec<&str> = Vec::new();
    by.iter().for_each(|it| {
        if !names.contains(&it.as_str()) {
            names.push(it);
        }
    });
    let by = match (names.is_empty(), route.guard.state) {
        (true, _) => String::new(),
        (false, GuardState::Unsure) => format!("maybe by {}", names.join(", ")),
        (false, _) => format!("by {}", names.join(", ")),
    };
    // Two spaces between columns, and four in front.
    let start = 4 + word.len() + 2 + method + 2;
    let wide = start + text.chars().count().max(path) + 2 + place.chars().count().max(columns.place) + 2;
    let fits = columns.whole.is_none_or(|whole| wide + by.chars().count() <= whole);
    let line = format!("    {style}{word}{style:#}  {:method$}  {text:path$}  ", route.method.as_str());
    match (by.is_empty(), fits) {
        (true, _) => say!("{line}{DIM}{place}{DIM:#}"),
        (false, true) => say!("{line}{DIM}{place:width$}  {by}{DIM:#}", width = columns.place),
        (false, false) => say!("{line}{DIM}{place}\n{:start$}{by}{DIM:#}", ""),
    }
}

fn summary(survey: &Survey<'_>) {
    let inventory = survey.inventory;
    let counts = survey.counts();
    say!("{BOLD}Summary{BOLD:#}");
    say!("  {} in {}: {}", count(counts.total(), "route"), count(inventory.apps.len(), "app"), states(counts),);
    match inventory.unresolved.len() {
        0 => say!("  nothing unresolved"),
        number => {
            say!("  {YELLOW}{} unresolved{YELLOW:#}: routes made there are not in the list", count(number, "place"))
        }
    }
    let severities: Vec<String> =
        survey.severities().iter().map(|(severity, number)| format!("{number} {severity}")).collect();
    match survey.findings.len() {
        0 => say!("  no findings"),
        number => say!("  {}: {}", count(number, "finding"), severities.join(", ")),
    }
}
