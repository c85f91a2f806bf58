//! The plan: every change that `apply` would make, as data bound by a digest.

use std::collections::BTreeMap;

use doorward::check::Lock;
use doorward::diagnostic::{Diagnostic, Location, Severity};
use doorward::inventory::{App, GuardState, RouteId};
use doorward::policy::{Access, Policy, Rule};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::edit::unified;
use crate::frameworks;
use crate::manifest;
use crate::model::Analysis;

/// The file that holds the committed inventory.
pub const LOCK: &str = "doorward.lock.json";

/// Everything that is going to change, and what a reader should know before agreeing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// SHA-256 over every path, pre-image and result. `apply` writes exactly what was shown under this digest.
    pub digest: String,
    /// The changes, by path.
    pub changes: Vec<Change>,
    /// What runs on a request, outermost first.
    pub order: Vec<String>,
    /// Warnings that apply to this project, and errors that keep the plan from being applied.
    pub findings: Vec<Diagnostic>,
}

/// One file's change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Relative to the tree, with `/`.
    pub path: String,
    /// The whole text before, `None` for a new file.
    pub before: Option<String>,
    /// The whole text afterwards.
    pub after: String,
    /// Why, one line each.
    pub reasons: Vec<String>,
}

impl Change {
    /// The change as a unified diff.
    #[must_use]
    pub fn diff(&self) -> String {
        unified(&self.path, self.before.as_deref(), Some(&self.after))
    }
}

impl Plan {
    /// Binds changes under a digest. Changes that change nothing are left out, so a second plan is empty.
    #[must_use]
    pub fn new(changes: BTreeMap<String, Change>, order: Vec<String>, mut findings: Vec<Diagnostic>) -> Self {
        let changes: Vec<Change> =
            changes.into_values().filter(|change| change.before.as_deref() != Some(change.after.as_str())).collect();
        findings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.location.cmp(&b.location)));
        let digest = digest(&changes);
        Self { digest, changes, order, findings }
    }

    /// Whether the digest still belongs to the changes: a saved plan that was edited by hand is not the plan shown.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.digest == digest(&self.changes)
    }

    /// What keeps the plan from being applied.
    pub fn obstacles(&self) -> impl Iterator<Item = &Diagnostic> {
        self.findings.iter().filter(|finding| finding.severity >= Severity::Error)
    }
}

/// What emission produces for one app.
#[derive(Debug, Default)]
pub(crate) struct Emitted {
    /// Whole files, by path.
    pub(crate) changes: BTreeMap<String, Change>,
    /// What runs on a request, outermost first.
    pub(crate) order: Vec<String>,
    /// Warnings and obstacles.
    pub(crate) findings: Vec<Diagnostic>,
}

impl Plan {
    /// What the plan says about a source that claims to be done: wiring, runtime and settings that are not as the
    /// policy asks. Guards at routes are compared one by one elsewhere, and the lock is compared as drift.
    pub fn disagreements(&self) -> impl Iterator<Item = Diagnostic> + '_ {
        self.changes.iter().filter(|change| change.path != LOCK).filter_map(|change| {
            let about_guards = |reason: &&String| reason.starts_with('`') || reason.starts_with("needs ");
            let rest: Vec<&str> = change.reasons.iter().filter(|it| !about_guards(it)).map(String::as_str).collect();
            let code = match change.before {
                _ if rest.is_empty() => return None,
                Some(_) if is_runtime(&change.path) => "DW4008",
                _ if is_source(&change.path) => "DW4007",
                _ => "DW4009",
            };
            let word = if change.before.is_none() { "is not there" } else { "is not as the policy asks" };
            Some(
                Diagnostic::new(code, format!("`{}` {word}", change.path))
                    .at(Location::file(change.path.clone()))
                    .seen(rest.join("; "))
                    .help("run `doorward plan` to see the difference"),
            )
        })
    }
}

fn is_runtime(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(folder, file)| folder.ends_with("doorward") && file.starts_with("index."))
}

fn is_source(path: &str) -> bool {
    ["ts", "js", "mjs", "cjs", "mts", "cts", "tsx", "jsx"].iter().any(|end| path.ends_with(&format!(".{end}")))
}

/// Plans every change that brings the source in line with the policy. Pure: `read` gives the text of a file of the
/// tree, by path, and nothing is written.
#[must_use]
pub fn plan(analysis: &Analysis, policy: &Policy, read: &dyn Fn(&str) -> Option<String>) -> Plan {
    let mut changes = BTreeMap::new();
    let mut order = Vec::new();
    let mut findings = policy.unknown_apps(&analysis.inventory);
    findings.extend(policy.stale(&analysis.inventory));
    for (app, source) in analysis.inventory.apps.iter().zip(&analysis.sources) {
        let resolution = policy.resolve(app);
        // A route without a rule is closed by this very plan, so here it is something to know, not an obstacle.
        findings.extend(resolution.findings.iter().cloned().map(|mut finding| {
            if finding.code == "DW1021" {
                finding.severity = Severity::Warning;
            }
            finding
        }));
        let rules: BTreeMap<&RouteId, Option<&Rule>> =
            resolution.routes.iter().map(|it| (&it.route, it.rule)).collect();
        let Some(emission) = frameworks::find(&app.framework).and_then(|it| it.emission.as_ref()) else {
            let message = format!("guards for `{}` are not written: doorward reads {} only", app.name, app.framework);
            findings.push(
                Diagnostic::new("DW3020", message)
                    .at(Location::file(app.root.clone()))
                    .help("write its guards by hand; `doorward check` and `doorward verify` judge them all the same"),
            );
            continue;
        };
        let emitted = (emission.emit)(app, source, policy, &rules, read);
        changes.extend(emitted.changes);
        order.extend(emitted.order);
        findings.extend(emitted.findings);
        manifests(app, emission, policy, read, &mut changes, &mut findings);
    }
    lock(analysis, policy, read, &mut changes, &mut findings);
    let count = analysis.inventory.unresolved.iter().filter(|it| it.hides_routes()).count();
    if count > 0 {
        let message = format!("routes made in places that could not be read ({count}) get no guard from this plan");
        findings.push(Diagnostic::new("DW3007", message).help("run `doorward discover` to see each of them"));
    }
    findings.extend(advice(policy));
    Plan::new(changes, order, findings)
}

/// The lock as it will be once the other changes are written: every route that the policy closes is guarded, where
/// guards are written.
fn lock(
    analysis: &Analysis,
    policy: &Policy,
    read: &dyn Fn(&str) -> Option<String>,
    changes: &mut BTreeMap<String, Change>,
    findings: &mut Vec<Diagnostic>,
) {
    let mut inventory = analysis.inventory.clone();
    let is_written = |app: &&mut App| frameworks::find(&app.framework).is_some_and(|it| it.emission.is_some());
    for app in inventory.apps.iter_mut().filter(is_written) {
        let resolution = policy.resolve(app);
        let is_public: Vec<bool> =
            resolution.routes.iter().map(|it| it.rule.is_some_and(|rule| rule.access.admits_strangers())).collect();
        for (route, is_public) in app.routes.iter_mut().zip(is_public) {
            route.guard.state = match route.guard.by.iter().any(|seen| seen.asks.is_none()) {
                _ if !is_public => GuardState::Guarded,
                true => route.guard.state,
                false => GuardState::Open,
            };
        }
    }
    match Lock::new(&inventory, policy).to_text() {
        Ok(after) => {
            let reasons = vec!["the inventory, committed, so that a review shows a new route".to_owned()];
            let change = Change { path: LOCK.to_owned(), before: read(LOCK), after, reasons };
            changes.insert(LOCK.to_owned(), change);
        }
        Err(error) => findings.push(Diagnostic::new("DW4006", format!("the lock can't be written: {error}"))),
    }
}

fn manifests(
    app: &App,
    emission: &frameworks::Emission,
    policy: &Policy,
    read: &dyn Fn(&str) -> Option<String>,
    changes: &mut BTreeMap<String, Change>,
    findings: &mut Vec<Diagnostic>,
) {
    let at = |name: &str| {
        if app.root == "." || app.root.is_empty() { name.to_owned() } else { format!("{}/{name}", app.root) }
    };
    let mut change = |path: String, before: Option<String>, after: String, reason: &str| {
        changes.insert(path.clone(), Change { path, before, after, reasons: vec![reason.to_owned()] });
    };
    let path = at("package.json");
    match read(&path) {
        None => findings.push(
            Diagnostic::new("DW3008", format!("there is no `{path}` to add `{}` to", emission.sdk.0))
                .at(Location::file(path))
                .help("make one with your package manager, then plan again"),
        ),
        Some(text) => match manifest::package_json(&text, emission.sdk, emission.replaced) {
            Ok(after) => change(path, Some(text), after, "the official Clerk package"),
            Err(error) => findings.push(
                Diagnostic::new("DW3008", format!("`{path}` can't be edited: {error}"))
                    .at(Location::file(path))
                    .help("mend the file, then plan again"),
            ),
        },
    }
    let path = at(".env.example");
    let before = read(&path);
    let after = manifest::env_example(before.as_deref(), policy);
    change(path, before, after, "every variable, with a placeholder and where to find it");
    let path = at(".gitignore");
    let before = read(&path);
    let after = manifest::gitignore(before.as_deref());
    change(path, before, after, "keys stay out of the repository");
}

/// What to know about Clerk's tokens before relying on this, each only where it applies.
fn advice(policy: &Policy) -> Vec<Diagnostic> {
    let mut advice = Vec::new();
    if policy.clerk.authorized_parties.is_empty() {
        advice.push(
            Diagnostic::new(
                "DW3009",
                "no authorized parties are named, so every token is refused until CLERK_AUTHORIZED_PARTIES is set",
            )
            .help("list the origins of your front ends under [clerk] authorized_parties"),
        );
    } else {
        advice.push(Diagnostic::new(
            "DW3010",
            "tokens without `azp` are refused: native apps and tokens minted by a backend carry none",
        ));
    }
    advice.push(Diagnostic::new(
        "DW3011",
        "a session token lives for 60 seconds: clients must ask Clerk for one per request",
    ));
    if policy.rules.iter().any(|rule| rule.access == Access::Webhook) {
        advice
            .push(Diagnostic::new("DW3012", "webhooks come late, twice, and out of order: the handler must not mind"));
    }
    advice
}

fn digest(changes: &[Change]) -> String {
    let mut hasher = Sha256::new();
    for change in changes {
        for part in [Some(&change.path), change.before.as_ref(), Some(&change.after)] {
            // Lengths keep two different lists of parts from running together into the same bytes.
            hasher.update(part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
            hasher.update(part.map_or("", String::as_str));
        }
    }
    hex(&hasher.finalize())
}

/// SHA-256 of a text, in lower-case hexadecimal.
#[must_use]
pub(crate) fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(changes: &[(&str, Option<&str>, &str)]) -> Plan {
        let changes = changes.iter().map(|(path, before, after)| {
            let change = Change {
                path: (*path).into(),
                before: before.map(str::to_owned),
                after: (*after).into(),
                reasons: Vec::new(),
            };
            ((*path).to_owned(), change)
        });
        Plan::new(changes.collect(), Vec::new(), Vec::new())
    }

    #[test]
    fn a_plan_that_changes_nothing_is_empty() {
        assert!(plan(&[("a", Some("x"), "x")]).changes.is_empty());
        assert_eq!(plan(&[("a", None, "")]).changes.len(), 1, "an empty new file is a change");
    }

    #[test]
    fn the_digest_covers_every_part() {
        let base = plan(&[("a", Some("x"), "y")]);
        for other in [
            plan(&[("b", Some("x"), "y")]),
            plan(&[("a", Some("z"), "y")]),
            plan(&[("a", Some("x"), "z")]),
            plan(&[("a", None, "xy")]),
        ] {
            assert_ne!(base.digest, other.digest);
        }
        assert!(base.is_intact());
        let mut touched = base;
        touched.changes[0].after.push('!');
        assert!(!touched.is_intact());
    }
}
