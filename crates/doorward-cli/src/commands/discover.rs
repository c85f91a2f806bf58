//! `doorward discover`: which doors are there?

use doorward::inventory::{App, GuardState, Route};

use crate::Outcome;
use crate::args::Arguments;
use crate::exit::Exit;
use crate::output::{self, BOLD, DIM, GREEN, RED, YELLOW, clean, count, say, tell};
use crate::project::{POLICY, Project};

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let project = Project::open(arguments)?;
    let analysis = project.analysis()?;
    let findings: Vec<_> = analysis.all_findings().cloned().collect();
    if arguments.json {
        output::json("discover", true, &findings, &analysis.inventory);
        return Ok(Exit::Ok);
    }
    for app in &analysis.inventory.apps {
        describe(app);
    }
    let unresolved = &analysis.inventory.unresolved;
    if !unresolved.is_empty() {
        say!(
            "{BOLD}{} could not be read; routes made there are not in the list{BOLD:#}\n",
            count(unresolved.len(), "place")
        );
        say!("{}", output::findings(&project.root, unresolved).trim_end());
    }
    if !findings.is_empty() {
        say!("{BOLD}{} about keys, packages and the authentication there is{BOLD:#}\n", count(findings.len(), "note"));
        say!("{}", output::findings(&project.root, &findings).trim_end());
    }
    if project.read(POLICY).is_ok_and(|policy| policy.is_some()) {
        tell!("\nNothing was changed. Next: `doorward check` compares this with the policy.");
    } else {
        tell!("\nNothing was changed. Next: `doorward plan` proposes who may call what, and shows the edits.");
    }
    Ok(Exit::Ok)
}

fn describe(app: &App) {
    let version = app.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    let of = |state| app.routes.iter().filter(|route| route.guard.state == state).count();
    say!(
        "{BOLD}{}{BOLD:#}  {}{}  {DIM}{}{DIM:#}\n{}: {RED}{} open{RED:#}, {YELLOW}{} unsure{YELLOW:#}, {GREEN}{} guarded{GREEN:#}\n",
        clean(&app.name),
        clean(&app.framework),
        clean(&version),
        clean(&app.root),
        count(app.routes.len(), "route"),
        of(GuardState::Open),
        of(GuardState::Unsure),
        of(GuardState::Guarded),
    );
    let width = |text: &dyn Fn(&Route) -> usize| app.routes.iter().map(text).max().unwrap_or_default();
    let methods = width(&|route| route.method.as_str().len());
    let paths = width(&|route| clean(&route.path.to_string()).chars().count()).min(60);
    for route in &app.routes {
        let (style, word) = match route.guard.state {
            GuardState::Open => (RED, "OPEN   "),
            GuardState::Unsure => (YELLOW, "UNSURE "),
            GuardState::Guarded => (GREEN, "GUARDED"),
        };
        let by: Vec<String> = route.guard.by.iter().map(|seen| clean(&seen.name)).collect();
        let by = if by.is_empty() { String::new() } else { format!("  {}", by.join(", ")) };
        say!(
            "  {style}{word}{style:#}  {:methods$}  {:paths$}  {DIM}{}:{}{by}{DIM:#}",
            route.method.as_str(),
            clean(&route.path.to_string()),
            clean(&route.file),
            route.line,
        );
    }
    say!("");
}
