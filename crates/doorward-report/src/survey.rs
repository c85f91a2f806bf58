//! What discovery found, counted and put in order for a reader.

use doorward::diagnostic::{Diagnostic, Severity};
use doorward::inventory::{App, GuardState, Inventory, Route, StepKind};

/// What `discover` found.
#[derive(Debug, Clone, Copy)]
pub struct Survey<'a> {
    /// The apps, their routes, and what is unresolved.
    pub inventory: &'a Inventory,
    /// What was noticed about keys, packages and the authentication there is.
    pub findings: &'a [Diagnostic],
}

impl<'a> Survey<'a> {
    /// The routes of all apps, counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.inventory.apps.iter().map(|app| Counts::of(&app.routes)).fold(Counts::default(), Counts::plus)
    }

    /// The findings, the worst first.
    #[must_use]
    pub fn by_severity(&self) -> Vec<&'a Diagnostic> {
        let mut all: Vec<&Diagnostic> = self.findings.iter().collect();
        all.sort_by(|one, two| (two.severity, &one.location, &one.code).cmp(&(one.severity, &two.location, &two.code)));
        all
    }

    /// How many findings there are of each severity, the worst first; none that is zero.
    #[must_use]
    pub fn severities(&self) -> Vec<(Severity, usize)> {
        [Severity::Critical, Severity::Error, Severity::Warning, Severity::Info]
            .into_iter()
            .map(|severity| (severity, self.findings.iter().filter(|it| it.severity == severity).count()))
            .filter(|(_, number)| *number > 0)
            .collect()
    }
}

/// How many routes are guarded, open, and not to be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Something known to refuse strangers runs first.
    pub guarded: usize,
    /// Nothing that could refuse runs first.
    pub open: usize,
    /// Something runs first whose effect can't be read.
    pub unsure: usize,
}

impl Counts {
    /// Counts some routes.
    #[must_use]
    pub fn of<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Self {
        let mut counts = Self::default();
        for route in routes {
            match route.guard.state {
                GuardState::Guarded => counts.guarded += 1,
                GuardState::Open => counts.open += 1,
                GuardState::Unsure => counts.unsure += 1,
            }
        }
        counts
    }

    /// All of them.
    #[must_use]
    pub fn total(self) -> usize {
        self.guarded + self.open + self.unsure
    }

    fn plus(self, other: Self) -> Self {
        Self { guarded: self.guarded + other.guarded, open: self.open + other.open, unsure: self.unsure + other.unsure }
    }
}

/// Routes that one router of one file registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group<'a> {
    /// The file.
    pub file: &'a str,
    /// Where the router is mounted, as far as its routes tell; nothing for the application's own.
    pub mounted_at: Option<String>,
    /// The routes, in their order.
    pub routes: Vec<&'a Route>,
}

/// The routes of an app by file and router, in the order in which the first of each group appears.
#[must_use]
pub fn groups(app: &App) -> Vec<Group<'_>> {
    let mut at: std::collections::HashMap<(&str, Option<String>), usize> = std::collections::HashMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for route in &app.routes {
        let mounted = mounted_at(route);
        let index = *at.entry((route.file.as_str(), mounted.clone())).or_insert_with(|| {
            groups.push(Group { file: &route.file, mounted_at: mounted, routes: Vec::new() });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(index) {
            group.routes.push(route);
        }
    }
    groups
}

/// The path under which a route's router is mounted: what its mounts and prefixes add up to.
#[must_use]
pub fn mounted_at(route: &Route) -> Option<String> {
    let mut path = String::new();
    for step in route.trace.iter().filter(|it| matches!(it.kind, StepKind::Mount | StepKind::Prefix)) {
        let part = step.path.as_deref().unwrap_or_default().trim_matches('/');
        if !part.is_empty() {
            path.push('/');
            path.push_str(part);
        }
    }
    (!path.is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward::inventory::Step;

    fn route(id: &str, file: &str, mounts: &[&str]) -> Route {
        let mut route = Route::new(id.parse().unwrap(), file, 1);
        route.trace = mounts
            .iter()
            .map(|path| Step {
                kind: StepKind::Mount,
                text: "app.use(…)".to_owned(),
                path: Some((*path).to_owned()),
                file: "app.js".to_owned(),
                line: 1,
            })
            .collect();
        route
    }

    #[test]
    fn routes_are_grouped_by_file_and_mount_in_their_order() {
        let mut app = App::new("shop", ".", "express");
        app.routes = vec![
            route("GET /", "app.js", &[]),
            route("GET /api/users", "users.js", &["/api/", "/users"]),
            route("GET /health", "app.js", &[]),
            route("GET /v2/users", "users.js", &["/v2/users"]),
            route("POST /api/users", "users.js", &["/api", "users"]),
        ];
        let found: Vec<(String, Option<String>, usize)> =
            groups(&app).into_iter().map(|it| (it.file.to_owned(), it.mounted_at, it.routes.len())).collect();
        let expected = [
            ("app.js".to_owned(), None, 2),
            ("users.js".to_owned(), Some("/api/users".to_owned()), 2),
            ("users.js".to_owned(), Some("/v2/users".to_owned()), 1),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_worst_comes_first() {
        let inventory = Inventory::default();
        let findings = [Diagnostic::new("DW2011", "a note"), Diagnostic::new("DW2001", "a warning")];
        let survey = Survey { inventory: &inventory, findings: &findings };
        assert_eq!(survey.by_severity().iter().map(|it| it.code.as_str()).collect::<Vec<_>>(), ["DW2001", "DW2011"]);
        assert_eq!(survey.severities(), [(Severity::Warning, 1), (Severity::Info, 1)]);
    }
}
