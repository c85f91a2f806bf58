//! How a route came to be, what guards it, and what the policy says of it.

use doorward::diagnostic::{Diagnostic, Location};
use doorward::inventory::{App, Guard, GuardState, Route, Step, StepKind};
use doorward::lookup::lookup;
use doorward::policy::{Policy, Rule, Selector};
use doorward_report::{type_text, why_unsure};
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::Arguments;
use crate::exit::{Exit, Failure};
use crate::output::{self, BOLD, CYAN, DIM, GREEN, RED, YELLOW, clean, count, say, tell};
use crate::project::{POLICY, Project, keep};

pub(crate) fn run(arguments: &Arguments, what: &str, app: Option<&str>) -> Outcome {
    let project = Project::open(arguments)?;
    let policy = project.policy()?;
    let mut analysis = project.analysis()?;
    if let Some(wanted) = app {
        keep(&mut analysis, wanted)?;
    }
    let found = lookup(&analysis.inventory, what);
    if found.routes.is_empty() {
        let help = match found.near.is_empty() {
            true => "run `doorward discover` to see the routes there are".to_owned(),
            false => format!("did you mean {}?", quoted(&found.near)),
        };
        let unread = analysis.inventory.unresolved.iter().filter(|it| it.hides_routes()).count();
        let help = match unread {
            0 => help,
            unread => format!(
                "{help} It may also be made in one of {} that could not be read; `doorward discover` lists them",
                count(unread, "place")
            ),
        };
        return Err(Failure::new(Exit::Usage, format!("no route here is `{what}`")).help(help));
    }
    let all: Vec<(&App, &Route, Option<&Rule>)> =
        found.routes.iter().map(|(app, route)| (*app, *route, rule_of(policy.as_ref(), app, route))).collect();
    if arguments.json {
        let unresolved = &analysis.inventory.unresolved;
        let routes: Vec<Value> =
            all.iter().map(|(app, route, rule)| document(app, route, *rule, &concerning(unresolved, route))).collect();
        output::json("explain", true, &[], &json!({ "routes": routes, "policy": policy.is_some() }));
        return Ok(Exit::Ok);
    }
    for (app, route, rule) in &all {
        show(app, route, *rule, policy.is_some());
        unread(&project, &concerning(&analysis.inventory.unresolved, route));
    }
    if all.len() > 1 {
        tell!("`{}` names {}. Add a method, or `--app`, to see one.", clean(what), count(all.len(), "route"));
    }
    Ok(Exit::Ok)
}

fn quoted(ids: &[String]) -> String {
    ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")
}

/// The rule in force. Two routes may have one id; their place tells them apart.
fn rule_of<'p>(policy: Option<&'p Policy>, app: &App, route: &Route) -> Option<&'p Rule> {
    let at = app.routes.iter().position(|it| std::ptr::eq(it, route))?;
    policy?.resolve(app).routes.get(at)?.rule
}

fn selector(rule: &Rule) -> String {
    match &rule.selector {
        Selector::Routes(_) => "it names the route".to_owned(),
        Selector::Prefix(prefix) => format!("for everything under {prefix}"),
        Selector::File(file) => format!("for every route of {file}"),
    }
}

/// What could not be read in the files that have to do with a route: its registration, its mounts, its guards.
fn concerning<'a>(unresolved: &'a [Diagnostic], route: &Route) -> Vec<&'a Diagnostic> {
    let guards = route.guard.by.iter().flat_map(|it| [&it.file, &it.origin]);
    let files: Vec<&String> =
        std::iter::once(&route.file).chain(route.trace.iter().map(|it| &it.file)).chain(guards).collect();
    let steps = route.trace.iter().map(|it| (&it.file, it.line));
    let places: Vec<_> = steps.chain([(&route.file, route.line)]).collect();
    // What was assumed elsewhere in a file was assumed of other routes; what is unread there may run before this one.
    let concerns = |it: &Diagnostic, at: &Location| match it.hides_routes() {
        true => files.contains(&&at.file),
        false => places.contains(&(&at.file, at.line)),
    };
    unresolved.iter().filter(|it| it.location.as_ref().is_some_and(|at| concerns(it, at))).collect()
}

fn unread(project: &Project, all: &[&Diagnostic]) {
    if all.is_empty() {
        return;
    }
    say!("{BOLD}What could not be read in these files, and may concern it{BOLD:#}\n");
    say!("{}\n", output::findings(&project.root, all.iter().copied()).trim_end());
}

fn document(app: &App, route: &Route, rule: Option<&Rule>, unresolved: &[&Diagnostic]) -> Value {
    let rule = rule.map(|rule| {
        json!({
            "access": rule.access.to_string(),
            "selector": selector(rule),
            "reason": rule.reason,
            "bind": rule.bind.iter().map(|it| (it.source.to_string(), it.claim.clone())).collect::<std::collections::BTreeMap<_, _>>(),
            "hide": rule.hide,
            "file": rule.location.file,
            "line": rule.location.line,
        })
    });
    json!({ "app": app.name, "root": app.root, "framework": app.framework, "route": route, "rule": rule, "unresolved": unresolved })
}

fn show(app: &App, route: &Route, rule: Option<&Rule>, has_policy: bool) {
    let (style, word) = match route.guard.state {
        GuardState::Open => (RED, "OPEN"),
        GuardState::Unsure => (YELLOW, "UNSURE"),
        GuardState::Guarded => (GREEN, "GUARDED"),
    };
    say!(
        "{BOLD}{}{BOLD:#}  {style}{word}{style:#}  {DIM}{}:{}, in {} ({}){DIM:#}\n",
        clean(&route.id.to_string()),
        clean(&route.file),
        route.line,
        clean(&app.name),
        clean(&app.framework),
    );
    if let Some(summary) = &route.shape.summary {
        say!("{}\n", clean(summary));
    }
    history(&route.trace);
    guards(&route.guard);
    in_force(rule, has_policy);
    shapes(route);
}

fn history(trace: &[Step]) {
    say!("{BOLD}How it came to be{BOLD:#}");
    if trace.is_empty() {
        say!("  not recorded for this framework; see the line above\n");
        return;
    }
    let word = |kind: StepKind| match kind {
        StepKind::App => "application",
        StepKind::Mount => "mount",
        StepKind::Prefix => "prefix",
        StepKind::Middleware => "middleware",
        StepKind::Route => "route",
        StepKind::Handler => "handler",
    };
    let widest = trace.iter().map(|it| clean(&it.text).chars().count()).max().unwrap_or_default().min(60);
    let digits = trace.len().to_string().len();
    for (at, step) in trace.iter().enumerate() {
        let adds = step.path.as_deref().map(|path| format!("  {CYAN}adds {}{CYAN:#}", clean(path)));
        say!(
            "  {CYAN}{:digits$}{CYAN:#}  {:11}  {:widest$}  {DIM}{}:{}{DIM:#}{}",
            at + 1,
            word(step.kind),
            clean(&step.text),
            clean(&step.file),
            step.line,
            adds.unwrap_or_default(),
        );
    }
    say!("");
}

fn guards(guard: &Guard) {
    say!("{BOLD}What guards it{BOLD:#}");
    match guard.state {
        GuardState::Open => say!("  {RED}nothing{RED:#}: a stranger reaches the handler"),
        GuardState::Unsure => {
            say!("  {YELLOW}perhaps something{YELLOW:#}: what it does to strangers can't be read from the source");
        }
        GuardState::Guarded => {}
    }
    for seen in &guard.by {
        let asks = seen.asks.as_ref().map(|asks| format!(", asks for {}", asks.access));
        let origin = if seen.origin.is_empty() { String::new() } else { format!(" of {}", clean(&seen.origin)) };
        let why = match guard.state {
            GuardState::Unsure => format!(": {}", why_unsure(seen)),
            GuardState::Guarded | GuardState::Open => String::new(),
        };
        say!(
            "  {}{origin}{}{why}  {DIM}{}:{}{DIM:#}",
            clean(&seen.name),
            clean(&asks.unwrap_or_default()),
            clean(&seen.file),
            seen.line
        );
    }
    say!("");
}

fn in_force(rule: Option<&Rule>, has_policy: bool) {
    say!("{BOLD}What the policy says{BOLD:#}");
    match rule {
        Some(rule) => {
            say!(
                "  {GREEN}{}{GREEN:#}: {}  {DIM}{}:{}{DIM:#}",
                clean(&rule.access.to_string()),
                clean(&selector(rule)),
                clean(&rule.location.file),
                rule.location.line
            );
            for bind in &rule.bind {
                say!("  where {} is the caller's {}", clean(&bind.source.to_string()), clean(&bind.claim));
            }
            if rule.hide {
                say!("  and 404 in place of 403");
            }
            if let Some(reason) = &rule.reason {
                say!("  because: {}", clean(reason));
            }
        }
        None if has_policy => say!("  {YELLOW}no rule names it{YELLOW:#}: it counts as signed-in, and `check` fails"),
        None => say!("  there is no `{POLICY}` yet; `doorward plan` proposes one"),
    }
    say!("");
}

fn shapes(route: &Route) {
    let shape = &route.shape;
    let undeclared: Vec<&String> =
        route.params.iter().filter(|name| shape.parameter(doorward::shape::Within::Path, name).is_none()).collect();
    if undeclared.is_empty() && shape.parameters.is_empty() && shape.body.is_none() && shape.responses.is_empty() {
        return;
    }
    say!("{BOLD}What it takes and gives{BOLD:#}");
    for name in undeclared {
        say!("  path    {}  string", clean(name));
    }
    for parameter in &shape.parameters {
        let within = format!("{:?}", parameter.within).to_lowercase();
        let optional = if parameter.required { "" } else { ", optional" };
        say!("  {within:6}  {}  {}{optional}", clean(&parameter.name), clean(&type_text(&parameter.schema)));
    }
    if let Some(body) = &shape.body {
        say!("  body    {}  {}", clean(&body.media_type), clean(&type_text(&body.schema)));
    }
    for response in &shape.responses {
        let schema = response.schema.as_ref().map(type_text).unwrap_or_default();
        say!("  answer  {}  {}", clean(&response.status), clean(&schema));
    }
    say!("");
}
