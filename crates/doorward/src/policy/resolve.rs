//! Rules laid over an inventory.

use super::{BindSource, Policy, Rule, Selector};
use crate::diagnostic::Diagnostic;
use crate::inventory::{App, Inventory, Route, RouteId};

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
    /// Ties, routes without a rule, bindings that name no parameter.
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

    /// Lays the rules over the routes of one app.
    ///
    /// A route that two rules name equally closely is a tie: an error, because what somebody wrote is not what
    /// happens. See [`stale`](Self::stale) for rules that are in force nowhere.
    #[must_use]
    pub fn resolve<'a>(&'a self, app: &App) -> Resolution<'a> {
        let mut resolution = Resolution::default();
        for route in &app.routes {
            let hits: Vec<(Closeness, &Rule)> = self
                .rules
                .iter()
                .filter(|rule| rule.is_for(app))
                .filter_map(|rule| Some((closeness(&rule.selector, route)?, rule)))
                .collect();
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
        resolution
    }

    /// Rules, and routes named in rules, that no app has: errors, because somebody believes that they are in force.
    #[must_use]
    pub fn stale(&self, inventory: &Inventory) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        for rule in &self.rules {
            let routes = || inventory.apps.iter().filter(|app| rule.is_for(app)).flat_map(|app| &app.routes);
            if !routes().any(|route| closeness(&rule.selector, route).is_some()) {
                findings.push(
                    Diagnostic::new("DW1022", "this rule matches no route")
                        .at(rule.location.clone())
                        .help("run `doorward discover` to see the routes there are, then correct or delete the rule"),
                );
            } else if let Selector::Routes(ids) = &rule.selector {
                let gone = ids.iter().filter(|id| !routes().any(|route| route.id == **id));
                findings.extend(gone.map(|id| {
                    Diagnostic::new("DW1022", format!("`{id}` is no route of this API"))
                        .at(rule.location.clone())
                        .help("run `doorward discover` to see the routes there are")
                }));
            }
        }
        findings
    }
}

impl Rule {
    /// Whether it may speak of the routes of `app`.
    fn is_for(&self, app: &App) -> bool {
        self.app.as_ref().is_none_or(|name| *name == app.name)
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
