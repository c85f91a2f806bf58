//! Holding three things against each other: what the source does, what the policy says, and what was committed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Location, Severity};
use crate::inventory::{GuardAsk, GuardState, Inventory, Route, RouteId};
use crate::policy::{Access, Policy, Rule};

/// The committed inventory, `doorward.lock.json`: in a review, a new route shows as a new line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// 1.
    pub version: u32,
    /// The routes of each app, by the app's name.
    pub apps: BTreeMap<String, BTreeMap<RouteId, LockedRoute>>,
}

/// One route as it was when the lock was written. No line number: moving code is not drift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedRoute {
    /// The file of its registration.
    pub file: String,
    /// The guard seen in the source.
    pub guard: GuardState,
    /// The rule in force, in words; absent where no rule names the route.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<String>,
}

impl Lock {
    /// The lock of what is there now.
    #[must_use]
    pub fn new(inventory: &Inventory, policy: &Policy) -> Self {
        let apps = inventory.apps.iter().map(|app| {
            let resolution = policy.resolve(app);
            let routes = app.routes.iter().zip(&resolution.routes).map(|(route, effective)| {
                let locked = LockedRoute {
                    file: route.file.clone(),
                    guard: route.guard.state,
                    rule: effective.rule.map(in_words),
                };
                (route.id.clone(), locked)
            });
            (app.name.clone(), routes.collect())
        });
        Self { version: 1, apps: apps.collect() }
    }

    /// The text of the lock file, ending with a newline.
    ///
    /// # Errors
    /// Never for a lock made by [`Lock::new`]; the error is JSON's.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Reads a lock file.
    ///
    /// # Errors
    /// A diagnostic at the place where the text is not a lock of version 1.
    pub fn parse(file: &str, text: &str) -> Result<Self, Box<Diagnostic>> {
        let problem = |message: String, line, column| {
            Box::new(
                Diagnostic::new("DW4006", message)
                    .at(Location { file: file.into(), line, column })
                    .help("it is generated: delete it and run `doorward apply`, or take it from version control"),
            )
        };
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let lock: Self = serde_json::from_str(text).map_err(|error| {
            problem(format!("the lock can't be read: {error}"), number(error.line()), number(error.column()))
        })?;
        if lock.version == 1 { Ok(lock) } else { Err(problem("the lock is of another version".into(), 1, 1)) }
    }
}

fn in_words(rule: &Rule) -> String {
    let mut words = rule.access.to_string();
    for bind in &rule.bind {
        words.push_str(&format!(", {} = {}", bind.source, bind.claim));
    }
    if rule.hide {
        words.push_str(", hidden");
    }
    words
}

/// Everything on which source, policy and lock disagree.
///
/// Also part of the answer are the policy's own findings: routes without a rule, rules without a route, ties.
#[must_use]
pub fn check(inventory: &Inventory, policy: &Policy, lock: Option<&Lock>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for app in &inventory.apps {
        let resolution = policy.resolve(app);
        for (route, effective) in app.routes.iter().zip(&resolution.routes) {
            if let Some(rule) = effective.rule {
                findings.extend(compare(route, rule));
            }
        }
        findings.extend(resolution.findings.into_iter().map(|mut finding| {
            let is_open =
                |route: &&Route| route.guard.state == GuardState::Open && Some(route.location()) == finding.location;
            if finding.code == "DW1021" && app.routes.iter().any(|route| is_open(&route)) {
                finding.severity = Severity::Critical;
                finding.message.push_str(", and it answers strangers");
            }
            finding
        }));
    }
    findings.extend(policy.stale(inventory));
    findings.extend(policy.unknown_apps(inventory));
    if let Some(lock) = lock {
        drift(inventory, policy, lock, &mut findings);
    }
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.location.cmp(&b.location)));
    findings
}

fn open(route: &Route, why: &str) -> Diagnostic {
    Diagnostic::new("DW4001", format!("`{}` answers strangers: {why}", route.id))
        .at(route.location())
        .help("run `doorward plan` and `doorward apply`, or write the guard by hand")
}

fn compare(route: &Route, rule: &Rule) -> Option<Diagnostic> {
    let wanted = in_words(rule);
    let asks: Vec<&GuardAsk> = route.guard.by.iter().filter_map(|seen| seen.asks.as_ref()).collect();
    let is_wanted = |ask: &&GuardAsk| ask.access == rule.access && ask.bind == rule.bind && ask.hide == rule.hide;
    let wrong = |message: String| {
        Diagnostic::new("DW4002", message)
            .at(route.location())
            .seen(format!("the rule is at {}", rule.location))
            .help("run `doorward plan` to see the edit, or correct the rule")
    };
    match (asks.as_slice(), &rule.access, route.guard.state) {
        ([], Access::Public, GuardState::Open) => None,
        ([], Access::Public, _) => {
            Some(wrong(format!("`{}` is public in the policy and guarded in the source", route.id)))
        }
        ([_, ..], Access::Public, _) => {
            Some(wrong(format!("`{}` is public in the policy and carries a guard", route.id)))
        }
        ([], Access::Optional, GuardState::Open) => {
            Some(wrong(format!("`{}` does not refuse bad tokens, and the policy asks for optional", route.id)))
        }
        ([], _, GuardState::Open) => Some(open(route, &format!("the policy asks for {wanted}"))),
        ([], _, _) => {
            let names: Vec<&str> = route.guard.by.iter().map(|seen| seen.name.as_str()).collect();
            Some(
                Diagnostic::new("DW4003", format!("`{}` is guarded by something doorward can't judge", route.id))
                    .at(route.location())
                    .seen(format!("{}; the policy asks for {wanted}", names.join(", ")))
                    .help("run `doorward verify`: a running server shows whether the guard does what the policy says"),
            )
        }
        (asks, _, _) if asks.iter().any(is_wanted) => None,
        (_, _, _) => Some(wrong(format!("`{}` carries a guard that asks for something else than {wanted}", route.id))),
    }
}

fn drift(inventory: &Inventory, policy: &Policy, lock: &Lock, findings: &mut Vec<Diagnostic>) {
    let now = Lock::new(inventory, policy);
    let help = "review the change, then run `doorward apply` to write the lock again";
    for app in &inventory.apps {
        let locked = lock.apps.get(&app.name);
        for route in &app.routes {
            let is = now.apps.get(&app.name).and_then(|routes| routes.get(&route.id));
            let was = locked.and_then(|routes| routes.get(&route.id));
            let message = match (was, is) {
                // That nobody has decided about it is told already.
                (None, Some(LockedRoute { rule: None, .. })) => continue,
                (None, _) => format!("`{}` is new since the lock was written", route.id),
                (Some(was), Some(is)) if was != is => format!("`{}` is not what the lock says", route.id),
                _ => continue,
            };
            let word = |it: Option<&LockedRoute>| {
                it.map_or("not there".to_owned(), |it| {
                    format!("{:?}, {}, {}", it.guard, it.rule.as_deref().unwrap_or("no rule"), it.file).to_lowercase()
                })
            };
            let seen = format!("was: {}; is: {}", word(was), word(is));
            findings.push(Diagnostic::new("DW4004", message).at(route.location()).seen(seen).help(help));
        }
    }
    for (name, routes) in &lock.apps {
        let present = now.apps.get(name);
        for (id, was) in routes {
            if !present.is_some_and(|routes| routes.contains_key(id)) {
                findings.push(
                    Diagnostic::new("DW4005", format!("`{id}` is in the lock and no longer in the source"))
                        .at(Location::file(was.file.clone()))
                        .help(help),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{App, Guard, GuardSeen};
    use crate::policy::{Bind, BindSource};

    const POLICY: &str = "version = 1\n[[rule]]\nroutes = [\"GET /p\"]\naccess = \"public\"\nreason = \"r\"\n\
        [[rule]]\nroutes = [\"GET /o/{o}\"]\naccess = { role = \"a\" }\nbind = { \"param:o\" = \"org_id\" }\n";

    fn guard(access: Access, bind: bool) -> Guard {
        let bind = if bind {
            vec![Bind { source: BindSource::Param("o".into()), claim: "org_id".into() }]
        } else {
            Vec::new()
        };
        let asks = Some(GuardAsk { access, bind, hide: false });
        Guard {
            state: GuardState::Guarded,
            by: vec![GuardSeen { name: "guard".into(), origin: "doorward".into(), file: "a.js".into(), line: 1, asks }],
        }
    }

    fn inventory(routes: Vec<(&str, Guard)>) -> Inventory {
        let routes = routes.into_iter().map(|(id, guard)| {
            let id: RouteId = id.parse().unwrap();
            Route { guard, ..Route::new(id, "a.js", 3) }
        });
        let app = App { routes: routes.collect(), ..App::new("a", ".", "express") };
        Inventory { apps: vec![app], unresolved: Vec::new() }
    }

    fn codes(inventory: &Inventory, lock: Option<&Lock>) -> Vec<String> {
        let policy = Policy::parse("doorward.toml", POLICY).unwrap();
        check(inventory, &policy, lock).into_iter().map(|it| it.code).collect()
    }

    #[test]
    fn a_source_that_does_what_the_policy_says_has_no_findings() {
        let right = inventory(vec![("GET /p", Guard::open()), ("GET /o/{o}", guard(Access::role("a").unwrap(), true))]);
        assert_eq!(codes(&right, None), Vec::<String>::new());
    }

    #[test]
    fn each_disagreement_has_its_code() {
        let with = |guard: Guard| inventory(vec![("GET /p", Guard::open()), ("GET /o/{o}", guard)]);
        assert_eq!(codes(&with(Guard::open()), None), ["DW4001"]);
        assert_eq!(codes(&with(guard(Access::role("b").unwrap(), true)), None), ["DW4002"]);
        assert_eq!(codes(&with(guard(Access::role("a").unwrap(), false)), None), ["DW4002"], "the binding is missing");
        let homemade = Guard { state: GuardState::Guarded, by: Vec::new() };
        assert_eq!(codes(&with(homemade), None), ["DW4003"]);
        let closed = inventory(vec![
            ("GET /p", guard(Access::SignedIn, false)),
            ("GET /o/{o}", guard(Access::role("a").unwrap(), true)),
        ]);
        assert_eq!(codes(&closed, None), ["DW4002"]);
    }

    #[test]
    fn a_new_route_fails_and_the_lock_shows_it() {
        let policy = Policy::parse("doorward.toml", POLICY).unwrap();
        let right = inventory(vec![("GET /p", Guard::open()), ("GET /o/{o}", guard(Access::role("a").unwrap(), true))]);
        let lock = Lock::new(&right, &policy);
        let text = lock.to_text().unwrap();
        let lock = Lock::parse("doorward.lock.json", &text).unwrap();
        assert_eq!(codes(&right, Some(&lock)), Vec::<String>::new());
        let mut grown = right;
        grown.apps[0].routes.push(inventory(vec![("GET /new", Guard::open())]).apps[0].routes[0].clone());
        let mut got = codes(&grown, Some(&lock));
        got.sort();
        assert_eq!(got, ["DW1021"]);
        grown.apps[0].routes.remove(1);
        assert!(codes(&grown, Some(&lock)).contains(&"DW4005".to_owned()));
    }

    #[test]
    fn a_lock_that_is_none_is_refused_at_its_place() {
        for text in ["", "{}", "{\"version\":2,\"apps\":{}}", "{\"version\":1,\"apps\":{},\"x\":1}"] {
            assert_eq!(Lock::parse("doorward.lock.json", text).unwrap_err().code, "DW4006", "{text}");
        }
    }
}
