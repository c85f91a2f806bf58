//! Rules laid over an inventory.

use super::{BindSource, Policy, Rule, Selector};
use crate::diagnostic::Diagnostic;
use crate::inventory::{Inventory, Route, RouteId};

/// The rule in force on a route.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective<'a> {
    /// The route.
    pub route: RouteId,
    /// The rule, `None` where no rule names the route: denied by default, and a finding.
    pub rule: Option<&'a Rule>,
}

/// A policy laid over an API's routes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resolution<'a> {
    /// One entry per route, in the order given.
    pub routes: Vec<Effective<'a>>,
    /// Ties, stale rules, routes without a rule, bindings that name no parameter.
    pub findings: Vec<Diagnostic>,
}

/// How closely a rule names a route. Exact beats file, file beats prefix, a longer prefix beats a shorter one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    Prefix(usize),
    File,
    Exact,
}

impl Policy {
    /// Apps that the policy names and the inventory does not have, or has with another framework: settings that
    /// nobody would ever read.
    #[must_use]
    pub fn unknown_apps(&self, inventory: &Inventory) -> Vec<Diagnostic> {
        let known: Vec<&str> = inventory.apps.iter().map(|app| app.name.as_str()).collect();
        let mut findings = Vec::new();
        for (name, config) in &self.apps {
            let app = inventory.apps.iter().find(|app| app.name == *name);
            let wanted = config.framework.as_deref();
            let message = match app {
                None => format!("the policy speaks of an app `{}`, and there is none", name.escape_debug()),
                Some(app) if wanted.is_some_and(|wanted| wanted != app.framework) => {
                    format!(
                        "the policy says that `{name}` is `{}`, and it is `{}`",
                        wanted.unwrap_or_default().escape_debug(),
                        app.framework
                    )
                }
                Some(_) => continue,
            };
            findings.push(Diagnostic::new("DW1024", message).help(format!("the apps here are: {}", known.join(", "))));
        }
        findings
    }

    /// Lays the rules over routes.
    ///
    /// A route that two rules name equally closely is a tie, and a rule that is in force nowhere is stale; both
    /// are errors, because both mean that what somebody wrote is not what happens.
    #[must_use]
    pub fn resolve<'a>(&'a self, routes: &[Route]) -> Resolution<'a> {
        let mut resolution = Resolution::default();
        let mut matched = vec![false; self.rules.len()];
        for route in routes {
            let mut hits: Vec<(Closeness, &Rule)> = Vec::new();
            for (rule, matched) in self.rules.iter().zip(&mut matched) {
                if let Some(closeness) = closeness(&rule.selector, route) {
                    *matched = true;
                    hits.push((closeness, rule));
                }
            }
            let best = hits.iter().map(|(closeness, _)| *closeness).max();
            let mut winners = hits.iter().filter(|(closeness, _)| Some(*closeness) == best).map(|(_, rule)| *rule);
            let rule = winners.next();
            if let (Some(first), Some(second)) = (rule, winners.next()) {
                resolution.findings.push(
                    Diagnostic::new("DW1020", format!("two rules are equally close to `{}`", route.id))
                        .at(second.location.clone())
                        .seen(format!("the other rule is at {}", first.location))
                        .help("name the route in one of them with `routes`, or merge the two"),
                );
            }
            match rule {
                None => resolution.findings.push(
                    Diagnostic::new("DW1021", format!("no rule names `{}`", route.id))
                        .at(route.location())
                        .help(format!(
                            "decide in doorward.toml; without a rule it counts as signed-in:\n\n[[rule]]\nroutes = [\"{}\"]\naccess = \"signed-in\"",
                            route.id
                        )),
                ),
                Some(rule) => resolution.findings.extend(unbound(rule, route)),
            }
            resolution.routes.push(Effective { route: route.id.clone(), rule });
        }
        for (rule, matched) in self.rules.iter().zip(matched) {
            if !matched {
                resolution.findings.push(
                    Diagnostic::new("DW1022", "this rule matches no route")
                        .at(rule.location.clone())
                        .help("run `doorward discover` to see the routes there are, then correct or delete the rule"),
                );
            } else if let Selector::Routes(ids) = &rule.selector {
                let gone = ids.iter().filter(|id| !routes.iter().any(|route| route.id == **id));
                resolution.findings.extend(gone.map(|id| {
                    Diagnostic::new("DW1022", format!("`{id}` is no route of this API"))
                        .at(rule.location.clone())
                        .help("run `doorward discover` to see the routes there are")
                }));
            }
        }
        resolution
    }
}

fn closeness(selector: &Selector, route: &Route) -> Option<Closeness> {
    match selector {
        Selector::Routes(ids) => ids.contains(&route.id).then_some(Closeness::Exact),
        Selector::File(file) => (*file == route.file).then_some(Closeness::File),
        Selector::Prefix(prefix) => route.path.starts_with(prefix).then(|| Closeness::Prefix(prefix.segments().len())),
    }
}

fn unbound<'a>(rule: &'a Rule, route: &'a Route) -> impl Iterator<Item = Diagnostic> + 'a {
    rule.bind.iter().filter_map(|bind| {
        let BindSource::Param(name) = &bind.source;
        (!route.path.params().any(|param| param == name)).then(|| {
            Diagnostic::new("DW1023", format!("`{}` has no parameter `{name}` to bind", route.id))
                .at(rule.location.clone())
                .help("bind only parameters that every route of the rule has, or split the rule")
        })
    })
}
