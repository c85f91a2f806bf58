//! The inventory for people: apps, their routes by file and router, what is unresolved, findings, and a summary.

use std::path::Path;

use anstyle::Style;
use doorward::facts::{Facts, ModuleSystem, VersionSource};
use doorward::inventory::{App, GuardState, Route};
use doorward_report::{Counts, Group, Survey, UNREAD, groups, unsure_by};

use crate::output::{self, BOLD, CYAN, DIM, GREEN, RED, YELLOW, clean, count, say};

/// Columns wider than this make the others hard to find; what is longer runs over.
const WIDEST_PATH: usize = 48;
const WIDEST_PLACE: usize = 44;

pub(crate) fn show(root: &Path, survey: &Survey<'_>) {
    let inventory = survey.inventory;
    for app in &inventory.apps {
        head(app, survey.only_open);
        let columns = Columns::of(app, survey);
        for group in groups(app) {
            show_group(&group, &columns, survey);
        }
    }
    for ((name, means), all) in UNREAD.iter().zip(survey.unresolved()) {
        if !all.is_empty() {
            let (first, rest) = name.split_at(1);
            say!("{BOLD}{}{rest}: {means}{BOLD:#}\n", first.to_uppercase());
            say!("{}\n", output::findings(root, all).trim_end());
        }
    }
    if !survey.findings.is_empty() {
        say!("{BOLD}Findings, the worst first{BOLD:#}\n");
        say!("{}\n", output::findings(root, survey.by_severity()).trim_end());
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
    fn of(app: &App, survey: &Survey<'_>) -> Self {
        let widest = |text: &dyn Fn(&Route) -> usize| {
            app.routes.iter().filter(|it| survey.lists(it)).map(text).max().unwrap_or_default()
        };
        Self {
            method: widest(&|route| route.method.as_str().len()),
            path: widest(&|route| clean(&route.path.to_string()).chars().count()).min(WIDEST_PATH),
            place: widest(&|route| place(route).chars().count()).min(WIDEST_PLACE),
            whole: output::width(),
        }
    }
}

fn place(route: &Route) -> String {
    clean(&format!("{}:{}", route.file, route.line))
}

/// `packages/…/users.ts:12`, as short as it has to be. If that does not help, as it was.
fn shortened(place: String, room: Option<usize>) -> String {
    let Some(room) = room.filter(|room| place.chars().count() > *room) else { return place };
    let folders: Vec<&str> = place.split('/').collect();
    let Some((name, folders)) = folders.split_last() else { return place };
    let kept = (0..folders.len()).rev().filter_map(|kept| folders.get(..kept));
    let short = kept.map(|kept| kept.iter().chain(&["…", name]).copied().collect::<Vec<_>>().join("/"));
    short.into_iter().find(|it| it.chars().count() <= room).unwrap_or(place)
}

fn show_group(group: &Group<'_>, columns: &Columns, survey: &Survey<'_>) {
    let listed: Vec<&&Route> = group.routes.iter().filter(|it| survey.lists(it)).collect();
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
    let text = clean(&route.path.to_string());
    let mut names: Vec<String> = Vec::new();
    for name in route.guard.by.iter().map(|seen| clean(&seen.name)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let by = match (names.is_empty(), route.guard.state) {
        (true, _) => String::new(),
        (false, GuardState::Unsure) => format!("maybe by {}", unsure_by(&route.guard.by, &clean)),
        (false, _) => format!("by {}", names.join(", ")),
    };
    // Two spaces between columns, and four in front.
    let start = 4 + word.len() + 2 + method + 2;
    let before = start + text.chars().count().max(path) + 2;
    let line = format!("    {style}{word}{style:#}  {:method$}  {text:path$}  ", route.method.as_str());
    // A file and its line are never cut: folders in the middle are left out, which stand in the line above, and what does
    // not fit even so stands below.
    let fits = |end: usize| columns.whole.is_none_or(|whole| end <= whole);
    let place = shortened(place(route), columns.whole.map(|whole| whole.saturating_sub(before)));
    let beside = before + place.chars().count();
    match (by.is_empty(), fits(beside)) {
        (true, true) => say!("{line}{DIM}{place}{DIM:#}"),
        (false, true) if fits(beside.max(before + columns.place) + 2 + by.chars().count()) => {
            say!("{line}{DIM}{place:width$}  {by}{DIM:#}", width = columns.place);
        }
        (false, true) => say!("{line}{DIM}{place}\n{:start$}{by}{DIM:#}", ""),
        (true, false) => say!("{}\n{DIM}{:start$}{place}{DIM:#}", line.trim_end(), ""),
        (false, false) => say!("{}\n{DIM}{:start$}{place}\n{:start$}{by}{DIM:#}", line.trim_end(), "", ""),
    }
}

fn summary(survey: &Survey<'_>) {
    let inventory = survey.inventory;
    let counts = survey.counts();
    say!("{BOLD}Summary{BOLD:#}");
    say!("  {} in {}: {}", count(counts.total(), "route"), count(inventory.apps.len(), "app"), states(counts),);
    if counts.unsure > 0 {
        say!("  {YELLOW}unsure{YELLOW:#}: something runs first; what it does to strangers isn't known");
    }
    if inventory.unresolved.is_empty() {
        say!("  nothing unread, nothing assumed");
    }
    for ((name, means), all) in UNREAD.iter().zip(survey.unresolved()) {
        if !all.is_empty() {
            say!("  {YELLOW}{} {name}{YELLOW:#}: {means}", count(all.len(), "place"));
        }
    }
    let severities: Vec<String> =
        survey.severities().iter().map(|(severity, number)| format!("{number} {severity}")).collect();
    match survey.findings.len() {
        0 => say!("  no findings"),
        number => say!("  {}: {}", count(number, "finding"), severities.join(", ")),
    }
}
