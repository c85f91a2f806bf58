//! What discovery found, counted and put in order for a reader.

use doorward::diagnostic::{Diagnostic, Location, Severity};
use doorward::inventory::{App, GuardSeen, GuardState, Inventory, Route, StepKind};

/// What `discover` found.
#[derive(Debug, Clone, Copy)]
pub struct Survey<'a> {
    /// The apps, their routes, and what is unresolved.
    pub inventory: &'a Inventory,
    /// What was noticed about keys, packages and the authentication there is.
    pub findings: &'a [Diagnostic],
    /// Whether guarded routes are left out of lists. They are counted all the same.
    pub only_open: bool,
}

/// The two kinds of places that could not be read in full, the worse first: what they are called, and what they mean.
pub const UNREAD: [(&str, &str); 2] = [
    ("unread", "routes made there may be missing from the list"),
    ("assumed", "nothing is missing from the list; check what was assumed"),
];

impl<'a> Survey<'a> {
    /// The routes of all apps, counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.inventory.apps.iter().map(|app| Counts::of(&app.routes)).fold(Counts::default(), Counts::plus)
    }

    /// Whether a route is to be listed.
    #[must_use]
    pub fn lists(&self, route: &Route) -> bool {
        !self.only_open || route.guard.state != GuardState::Guarded
    }

    /// The places that could not be read in full, as [`UNREAD`] names them: those where routes may be missing, and those
    /// where none is.
    #[must_use]
    pub fn unresolved(&self) -> [Vec<&'a Diagnostic>; 2] {
        let (unread, assumed) = self.inventory.unresolved.iter().partition(|it| it.hides_routes());
        [unread, assumed]
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

/// The same thing said of several places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Same<'a> {
    /// The first of them.
    pub first: &'a Diagnostic,
    /// Where the others are.
    pub others: Vec<&'a Location>,
}

/// Findings by what they say, in the order in which the first of each stands.
#[must_use]
pub fn same<'a>(findings: impl IntoIterator<Item = &'a Diagnostic>) -> Vec<Same<'a>> {
    let mut at: std::collections::HashMap<_, usize> = std::collections::HashMap::new();
    let mut all: Vec<Same<'a>> = Vec::new();
    for it in findings {
        let said = (&it.code, it.severity, &it.message, &it.evidence, &it.help);
        let known = it.location.as_ref().and_then(|place| Some((at.get(&said)?, place)));
        match known.and_then(|(known, place)| Some((all.get_mut(*known)?, place))) {
            Some((same, place)) => same.others.push(place),
            None => {
                at.insert(said, all.len());
                all.push(Same { first: it, others: Vec::new() });
            }
        }
    }
    all
}

/// Places by file: `a.js:3, 7, 12-19`.
#[must_use]
pub fn places(all: &[&Location]) -> Vec<String> {
    // From the first line to the last of each run of lines.
    let mut files: Vec<(&str, Vec<(u32, u32)>)> = Vec::new();
    for it in all {
        let known = files.iter_mut().find(|(file, _)| *file == it.file);
        match known.map(|(_, runs)| (runs.last().copied(), runs)) {
            None => files.push((&it.file, vec![(it.line, it.line)])),
            Some((Some((first, last)), _)) if (first..=last).contains(&it.line) => {}
            Some((Some((first, last)), runs)) if last.checked_add(1) == Some(it.line) => {
                runs.pop();
                runs.push((first, it.line));
            }
            Some((_, runs)) => runs.push((it.line, it.line)),
        }
    }
    let run = |(first, last): &(u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    let text = |runs: &[(u32, u32)]| runs.iter().map(run).collect::<Vec<_>>().join(", ");
    files.into_iter().map(|(file, runs)| format!("{file}:{}", text(&runs))).collect()
}

/// What may guard a route, once each, with the reason why that can't be told; `name` shows a name.
#[must_use]
pub fn unsure_by(by: &[GuardSeen], name: &dyn Fn(&str) -> String) -> String {
    let mut whys: Vec<(&str, Vec<String>)> = Vec::new();
    for seen in by {
        let (why, name) = (why_unsure(seen), name(&seen.name));
        match whys.iter_mut().find(|(other, _)| *other == why) {
            Some((_, names)) if names.contains(&name) => {}
            Some((_, names)) => names.push(name),
            None => whys.push((why, vec![name])),
        }
    }
    whys.iter().map(|(why, names)| format!("{} ({why})", names.join(", "))).collect::<Vec<_>>().join(", ")
}

/// Why nobody can tell what something makes of a stranger: half a sentence.
#[must_use]
pub fn why_unsure(seen: &GuardSeen) -> &'static str {
    let file = seen.origin.rsplit('/').next().unwrap_or_default();
    let is_file = [".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".py", ".rs"]
        .iter()
        .any(|ending| file.ends_with(ending));
    match (seen.origin.is_empty(), is_file) {
        (true, _) => "it can't be followed",
        (false, true) => "its code doesn't settle it",
        (false, false) => "code of a package isn't read",
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
    fn what_is_said_twice_is_told_once_with_both_places() {
        let at = |code: &str, text: &str, file: &str, line| {
            Diagnostic::new(code, text).at(Location { file: file.to_owned(), line, column: 1 })
        };
        let all = [
            at("DW2003", "a path", "a.js", 3),
            at("DW2003", "another path", "a.js", 4),
            at("DW2003", "a path", "b.js", 9),
            at("DW2003", "a path", "a.js", 7),
            at("DW2003", "a path", "b.js", 9),
            at("DW2010", "a path", "a.js", 3),
            Diagnostic::new("DW2018", "nowhere"),
            Diagnostic::new("DW2018", "nowhere"),
        ];
        let found = same(&all);
        assert_eq!(found.iter().map(|it| it.others.len()).collect::<Vec<_>>(), [3, 0, 0, 0, 0]);
        assert_eq!(places(&found[0].others), ["b.js:9", "a.js:7"]);
        let run = [1, 2, 3, 3, 7, 9, 10].map(|line| Location { file: "a.js".to_owned(), line, column: 1 });
        assert_eq!(places(&run.iter().collect::<Vec<_>>()), ["a.js:1-3, 7, 9-10"]);
    }

    #[test]
    fn a_package_a_file_and_nothing_known_are_told_apart() {
        let seen = |origin: &str| GuardSeen {
            name: "x".to_owned(),
            origin: origin.to_owned(),
            file: "a.js".to_owned(),
            line: 1,
            asks: None,
        };
        assert_eq!(why_unsure(&seen("src/auth.mts")), "its code doesn't settle it");
        assert_eq!(why_unsure(&seen("@scope/socket.io")), "code of a package isn't read");
        assert_eq!(why_unsure(&seen("")), "it can't be followed");
        let by = [seen("src/auth.py"), seen("passport"), seen("src/auth.py")];
        assert_eq!(unsure_by(&by, &str::to_owned), "x (its code doesn't settle it), x (code of a package isn't read)");
    }

    #[test]
    fn the_worst_comes_first() {
        let inventory = Inventory::default();
        let findings = [Diagnostic::new("DW2011", "a note"), Diagnostic::new("DW2001", "a warning")];
        let survey = Survey { inventory: &inventory, findings: &findings, only_open: false };
        assert_eq!(survey.by_severity().iter().map(|it| it.code.as_str()).collect::<Vec<_>>(), ["DW2001", "DW2011"]);
        assert_eq!(survey.severities(), [(Severity::Warning, 1), (Severity::Info, 1)]);
    }
}
