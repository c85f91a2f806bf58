//! Reads the routes of Flask programs.
//!
//! The program's start-up code is evaluated, and what it does to applications and blueprints is recorded ([`host`]).
//! Then each application is walked. Flask runs what is to run before requests wherever it was registered, so guards
//! are gathered first: those of the application, then of the blueprints around a rule, then of the view.

mod endpoints;
mod guards;
mod host;
mod made;
mod probe;
mod shapes;

use std::collections::HashSet;
use std::rc::Rc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::{Method, Route, RouteId, Step, StepKind};
use doorward::path::PathTemplate;
use doorward::shape::Shape;

use self::guards::Guards;
use self::host::Flask;
use self::made::{Documents, Holder, Made, Methods, Op, OpKind, Registration};
use super::METHODS;
use crate::project::{Found, Package};
use crate::py::eval::{Eval, Site};
use crate::py::packages::{location, problem};
use crate::py::program::Program;
use crate::py::value::{Class, Function, Place, Value};
use crate::walk::printable;

/// No program a person wrote nests blueprints deeper, or has more routes.
const MAX_NESTING: usize = 24;
const MAX_ROUTES: usize = 50_000;

/// Reads one package.
pub(crate) fn discover(program: &Program, package: &Package) -> Found {
    let mut eval = Eval::new(program, Flask::default());
    for module in &package.modules {
        eval.load(*module);
    }
    eval.sweep(&package.modules);
    let mut found = Found { read: eval.read(), ..Found::default() };
    found.unresolved.extend(eval.problems.iter().map(|it| problem(program, it)));
    let mut reader = Reader { program, eval, found, reached: HashSet::new(), seen: HashSet::new(), views: Vec::new() };
    reader.read();
    reader.found
}

/// A mount that leads to a holder.
#[derive(Clone)]
struct Mount {
    step: Step,
    prefix: String,
}

struct Reader<'p> {
    program: &'p Program,
    eval: Eval<'p, Flask<'p>>,
    found: Found,
    reached: HashSet<usize>,
    seen: HashSet<(RouteId, Place)>,
    /// What answers the endpoints of the application that is being walked.
    views: Vec<(String, Value<'p>)>,
}

impl<'p> Reader<'p> {
    fn read(&mut self) {
        let roots: Vec<usize> = (0..self.eval.host.made.len())
            .filter(|at| matches!(self.eval.host.made.get(*at), Some(Made::App(_))))
            .collect();
        self.found.serves = !roots.is_empty();
        for root in roots {
            let mut guards = Guards::of_app(self.eval.host.hooks_gone(root));
            self.views = self.eval.host.views(root).0;
            self.hooks_of_all(root, &mut guards, &mut HashSet::new());
            let step = self.holder_step(root, StepKind::App);
            if self.eval.host.replaces_any(root) {
                guards.replaced_views(self.program, self.eval.host.holder(root).map(|it| it.place).unwrap_or_default());
            }
            self.walk(root, &[Mount { step, prefix: String::new() }], &guards, &[], 0);
        }
        self.loose();
        self.handed();
    }

    fn ops(&self, at: usize) -> Vec<Op<'p>> {
        self.eval.host.holder(at).map(|it| it.ops.clone()).unwrap_or_default()
    }

    fn step(&self, kind: StepKind, place: Place, path: Option<&str>) -> Step {
        let at = location(self.program, place);
        let text = self.program.module(place.module).text.get(place.span.range()).unwrap_or_default().to_owned();
        Step { kind, text: shown(&text), path: path.map(printable), file: at.file, line: at.line }
    }

    fn holder_step(&self, at: usize, kind: StepKind) -> Step {
        let place = self.eval.host.holder(at).map(|it| it.place).unwrap_or_default();
        self.step(kind, place, None)
    }

    /// What runs before every request of the application, from wherever it is registered below it.
    fn hooks_of_all(&mut self, at: usize, guards: &mut Guards, seen: &mut HashSet<usize>) {
        if !seen.insert(at) {
            return;
        }
        let is_app = matches!(self.eval.host.made.get(at), Some(Made::App(_)));
        for op in self.ops(at) {
            match op.kind {
                OpKind::Before(function, all) if all || is_app => {
                    let text = self.program.module(op.site.module).text.get(op.site.call.range());
                    let text = shown(text.unwrap_or_default());
                    let findings =
                        guards.hook(&mut self.eval, self.program, &function, &text, op.site.place(), &op.site.branch);
                    self.found.source.findings.extend(findings);
                }
                OpKind::Register(inner, _) => self.hooks_of_all(inner, guards, seen),
                _ => {}
            }
        }
    }

    /// Goes through what was registered on `at`, mounted as `mounts` say.
    fn walk(&mut self, at: usize, mounts: &[Mount], outer: &Guards, decorators: &[Value<'p>], depth: usize) {
        if depth > MAX_NESTING || self.found.routes.len() > MAX_ROUTES {
            return;
        }
        self.reached.insert(at);
        let is_app = matches!(self.eval.host.made.get(at), Some(Made::App(_)));
        let mut guards = outer.clone();
        let ops = self.ops(at);
        for op in ops.iter().filter(|_| !is_app) {
            if let OpKind::Before(function, false) = &op.kind {
                let text = self.program.module(op.site.module).text.get(op.site.call.range());
                let text = shown(text.unwrap_or_default());
                let findings =
                    guards.hook(&mut self.eval, self.program, function, &text, op.site.place(), &op.site.branch);
                self.found.source.findings.extend(findings);
            }
        }
        let mut decorators = decorators.to_vec();
        if let Some(holder) = self.eval.host.holder(at) {
            decorators.extend(holder.decorators.iter().cloned());
        }
        self.served(at, mounts, &guards);
        for op in ops {
            match &op.kind {
                OpKind::Rule(registration, view) => {
                    let view = self.in_force(registration, view.as_ref(), is_app);
                    self.rule(registration, &view, &op.site, mounts, &guards, &decorators);
                }
                OpKind::Register(inner, prefix) => {
                    let Some(prefix) = self.prefix(*inner, prefix.as_ref(), &op.site) else { continue };
                    let step = self.step(StepKind::Mount, op.site.place(), (!prefix.is_empty()).then_some(&prefix));
                    let mut mounts = mounts.to_vec();
                    mounts.push(Mount { step, prefix });
                    self.walk(*inner, &mounts, &guards, &decorators, depth + 1);
                }
                OpKind::Foreign(name) => {
                    let from = if name.is_empty() { "code that can't be read".to_owned() } else { format!("`{name}`") };
                    let message =
                        format!("a blueprint from {} is registered; its routes are not listed", printable(&from));
                    self.tell(
                        "DW2004",
                        message,
                        op.site.place(),
                        "guard it by hand: with a `before_request` of its blueprint",
                    );
                }
                OpKind::Before(..) | OpKind::View(..) | OpKind::HooksGone => {}
            }
        }
    }

    /// What answers a rule when a request comes: the last view that its endpoint was given.
    fn in_force(&self, registration: &Registration<'p>, view: Option<&Value<'p>>, of_app: bool) -> Value<'p> {
        let own = view.cloned().unwrap_or(Value::Unknown);
        let Some(name) = endpoints::endpoint(registration, view) else { return own };
        // The endpoints of a blueprint have its name before theirs, which may be given where it is registered.
        let is_it = |key: &str| if of_app { key == name } else { key.rsplit_once('.').is_some_and(|it| it.1 == name) };
        match self.views.iter().find(|(key, _)| is_it(key)) {
            Some((_, last)) if of_app => last.clone(),
            Some((_, last)) => own.or(last.clone()),
            None => own,
        }
    }

    /// The prefix under which `inner` is registered: the one given there, or its own.
    fn prefix(&mut self, inner: usize, given: Option<&Value<'p>>, site: &Site) -> Option<String> {
        let own = self.eval.host.holder(inner).and_then(|it| it.prefix.clone());
        match given.or(own.as_ref()) {
            None | Some(Value::None) => Some(String::new()),
            Some(value) => self.text(&value.clone(), site, "a prefix"),
        }
    }

    /// The texts a path may be: several where it depends on something unknown.
    fn texts(&mut self, value: &Value<'p>, site: &Site, what: &str) -> Vec<String> {
        let all = value.some().each();
        let known = all.len() > 1 && all.iter().all(|it| it.as_str().is_some());
        let all = if known { all } else { vec![value.clone()] };
        all.iter().filter_map(|it| self.text(it, site, what)).collect()
    }

    /// The text of a path or prefix; what can't be known is told.
    fn text(&mut self, value: &Value<'p>, site: &Site, what: &str) -> Option<String> {
        match value.some() {
            Value::Str(text) => {
                if text.assumed {
                    let message =
                        format!("{what} depends on the environment; `{}` is its default", printable(&text.text));
                    self.tell("DW2010", message, site.place(), "make it a constant, or check the deployment's value");
                }
                Some(text.text.to_string())
            }
            _ => {
                let message = format!("{what} is only known when the program runs, so what is there is not listed");
                self.tell("DW2003", message, site.place(), "use a literal or a constant");
                None
            }
        }
    }

    /// Files, and the documents of flask-restx.
    fn served(&mut self, at: usize, mounts: &[Mount], guards: &Guards) {
        let Some(Holder { place, files, documents, .. }) = self.eval.host.holder(at) else { return };
        let (place, files, documents) = (*place, files.clone(), documents.clone());
        let site =
            Site { module: place.module, call: place.span, statement: place.span, branch: std::rc::Rc::from([]) };
        if let Some(files) = files
            && let Some(path) = self.text(&files, &site, "the path of static files")
        {
            let rule = format!("{}/<path:filename>", path.trim_end_matches('/'));
            self.add("GET", &rule, mounts, guards, &site, (None, Shape::default()));
        }
        if let Some(Documents { page, specs }) = documents {
            // The page stands beside the prefix of the API, and its files at the root of the application.
            let around = mounts.split_last().map_or(mounts, |(_, around)| around);
            self.add("GET", "/", mounts, guards, &site, (None, Shape::default()));
            if let Some(page) = page {
                self.add("GET", &page, around, guards, &site, (None, Shape::default()));
            }
            if specs {
                self.add("GET", "/swagger.json", mounts, guards, &site, (None, Shape::default()));
            }
            self.add(
                "GET",
                "/swaggerui/<path:filename>",
                mounts.get(..1).unwrap_or(mounts),
                guards,
                &site,
                (None, Shape::default()),
            );
        }
    }

    fn rule(
        &mut self,
        registration: &Registration<'p>,
        view: &Value<'p>,
        site: &Site,
        mounts: &[Mount],
        outer: &Guards,
        decorators: &[Value<'p>],
    ) {
        let mut guards = outer.clone();
        for decorator in decorators {
            guards.decorator(&mut self.eval, self.program, decorator, site.place());
        }
        let parts = guards.view(&mut self.eval, self.program, view, site);
        self.found.source.findings.extend(parts.findings);
        let class = parts.class.clone();
        let methods = self.methods(&registration.methods, class.as_deref(), site);
        let view = parts.function.clone();
        for rule in &registration.rules {
            for rule in self.texts(rule, site, "the path of a route") {
                for method in &methods {
                    let mut guards = guards.clone();
                    if let Some(class) = &class {
                        guards.class(&mut self.eval, self.program, class, method, site);
                    }
                    let shape = self.shape(class.as_deref(), view.as_ref(), method);
                    self.add(method, &rule, mounts, &guards, site, (parts.handler.clone(), shape));
                }
            }
        }
    }

    /// What the function behind a route takes and gives.
    fn shape(&mut self, class: Option<&Class<'p>>, view: Option<&Rc<Function<'p>>>, method: &str) -> Shape {
        let (function, notes) = match class {
            Some(class) => {
                let function = match own(class, &method.to_ascii_lowercase()) {
                    Some(Value::Function(function)) => Some(function),
                    _ => None,
                };
                (function, shapes::noted(class.own(shapes::NOTES).as_ref()))
            }
            None => (view.cloned(), Vec::new()),
        };
        shapes::shape(&mut self.eval, function.as_ref(), notes, &mut self.found.schemas)
    }

    /// The methods of a rule, without those that Flask adds.
    fn methods(&mut self, given: &Methods<'p>, class: Option<&Class<'p>>, site: &Site) -> Vec<String> {
        match given {
            Methods::One(method) => return vec![method.clone()],
            Methods::Any => return vec![Method::ALL.to_owned()],
            Methods::Given(value) => {
                let (items, open) = self.eval.items(value);
                let mut all: Vec<String> =
                    items.iter().filter_map(|it| Some(it.as_str()?.to_ascii_uppercase())).collect();
                if open || all.len() < items.len() {
                    let message = "a route's methods are only known when the program runs; it is listed for all";
                    self.tell("DW2008", message.to_owned(), site.place(), "list the methods as literals");
                    return vec![Method::ALL.to_owned()];
                }
                all.sort();
                all.dedup();
                let only_automatic = all.iter().all(|it| matches!(it.as_str(), "HEAD" | "OPTIONS"));
                all.retain(|it| only_automatic || !matches!(it.as_str(), "HEAD" | "OPTIONS"));
                return all;
            }
            Methods::Default => {}
        }
        let Some(class) = class else { return vec!["GET".to_owned()] };
        let mut all: Vec<String> = METHODS
            .iter()
            .filter(|it| !matches!(**it, "head" | "options"))
            .filter(|method| defines(class, method))
            .map(|it| it.to_ascii_uppercase())
            .collect();
        if all.is_empty() {
            // A plain `View` answers GET unless it says otherwise.
            all.push("GET".to_owned());
            if let Some(Value::List(list)) = own(class, "methods") {
                all = list.items.borrow().iter().filter_map(|it| Some(it.as_str()?.to_ascii_uppercase())).collect();
            }
        }
        all
    }

    fn add(
        &mut self,
        method: &str,
        rule: &str,
        mounts: &[Mount],
        guards: &Guards,
        site: &Site,
        (handler, mut shape): (Option<(String, Place)>, Shape),
    ) {
        let mut path = String::new();
        for mount in mounts.iter().filter(|it| !it.prefix.is_empty()) {
            path = join(&path, &mount.prefix);
        }
        let whole = if mounts.iter().any(|it| !it.prefix.is_empty()) {
            if rule.is_empty() { path } else { join(&path, rule) }
        } else {
            rule.to_owned()
        };
        let Some(template) = template(&whole) else {
            let message = format!("the rule `{}` has no path template, so its route is not listed", printable(&whole));
            self.tell("DW2009", message, site.place(), "check the route by hand");
            return;
        };
        let id = RouteId { method: Method::new(method), path: template };
        if !self.seen.insert((id.clone(), site.place())) {
            return;
        }
        let at = location(self.program, site.place());
        let mut route = Route::new(id, at.file, at.line);
        shape.parameters.splice(0..0, shapes::holes(&whole));
        route.shape = shape;
        route.trace = mounts.iter().map(|it| it.step.clone()).collect();
        guards.write(&mut route);
        route.trace.push(self.step(StepKind::Route, site.place(), Some(rule)));
        if let Some((name, place)) = handler {
            let mut step = self.step(StepKind::Handler, place, None);
            step.text = printable(&name);
            route.trace.push(step);
        }
        self.found.routes.push(route);
    }

    /// Blueprints that nothing registers.
    fn loose(&mut self) {
        for at in 0..self.eval.host.made.len() {
            let Some(Made::Group(holder)) = self.eval.host.made.get(at) else { continue };
            let place = holder.place;
            if self.reached.contains(&at) {
                self.found.mounted.insert(place);
                continue;
            }
            let rules = holder.ops.iter().filter(|it| matches!(it.kind, OpKind::Rule(..))).count();
            if rules == 0 {
                continue;
            }
            let name = holder.name.clone().unwrap_or_else(|| "a blueprint".to_owned());
            let message = format!("`{}` is never registered; its routes ({rules}) are not listed", printable(&name));
            let diagnostic = Diagnostic::new("DW2011", message)
                .at(location(self.program, place))
                .help("register it, delete it, or ignore this if it is registered in a way doorward reports elsewhere");
            self.found.loose.push((place, diagnostic));
        }
    }

    /// Packages that were given an application.
    fn handed(&mut self) {
        for (package, serves, site) in std::mem::take(&mut self.eval.host.handed) {
            let package = printable(&package);
            if serves {
                let message = format!("the package `{package}` registers routes of its own; they are not listed");
                self.tell("DW2004", message, site.place(), "guard them as the package's documentation says");
            } else if !QUIET.contains(&package.as_str()) {
                let message = format!("`{package}` is given an application and may add routes to it");
                self.tell(
                    "DW2016",
                    message,
                    site.place(),
                    "if it does, guard those routes by hand; they are not listed",
                );
            }
        }
    }

    fn tell(&mut self, code: &str, message: String, place: Place, help: &str) {
        let diagnostic = Diagnostic::new(code, message).at(location(self.program, place)).help(help);
        if !self.found.unresolved.contains(&diagnostic) {
            self.found.unresolved.push(diagnostic);
        }
    }
}

/// Packages that are given applications and add no routes.
static QUIET: &[&str] = &[
    "celery",
    "flask_babel",
    "flask_bcrypt",
    "flask_caching",
    "flask_compress",
    "flask_cors",
    "flask_httpauth",
    "flask_jwt_extended",
    "flask_limiter",
    "flask_login",
    "flask_mail",
    "flask_marshmallow",
    "flask_migrate",
    "flask_principal",
    "flask_session",
    "flask_sqlalchemy",
    "flask_talisman",
    "flask_wtf",
    "sentry_sdk",
    "werkzeug",
];

fn defines(class: &Class<'_>, name: &str) -> bool {
    own(class, name).is_some()
}

/// An attribute of a class or of its parents in the tree.
fn own<'p>(class: &Class<'p>, name: &str) -> Option<Value<'p>> {
    fn look<'p>(class: &Class<'p>, name: &str, depth: usize) -> Option<Value<'p>> {
        if let Some(value) = class.own(name) {
            return Some(value);
        }
        if depth > 16 {
            return None;
        }
        class.bases.iter().find_map(|it| match it {
            Value::Class(parent) => look(parent, name, depth + 1),
            _ => None,
        })
    }
    look(class, name, 0)
}

/// As Flask joins a blueprint's prefix and a rule.
fn join(prefix: &str, rule: &str) -> String {
    format!("{}/{}", prefix.trim_end_matches('/'), rule.trim_start_matches('/'))
}

/// The template of a rule: `/users/<int:id>` is `/users/{id}`, and `<path:rest>` takes any number of segments.
fn template(rule: &str) -> Option<PathTemplate> {
    let mut out = String::new();
    let mut rest = rule;
    while let Some((text, after)) = rest.split_once('<') {
        let (inside, after) = after.split_once('>')?;
        let (converter, name) = inside.rsplit_once(':').unwrap_or(("", inside));
        let kind = converter.split('(').next().unwrap_or_default();
        if text.contains(['{', '}']) {
            return None;
        }
        let star = if kind == "path" { "*" } else { "" };
        out.push_str(&format!("{text}{{{star}{name}}}"));
        rest = after;
    }
    if rest.contains(['{', '}']) {
        return None;
    }
    out.push_str(rest);
    out.parse().ok()
}

/// One line of at most 80 characters, without arguments, which may hold secrets.
fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = match line.split_once('(') {
        Some((name, rest)) if rest.starts_with(')') => format!("{name}()"),
        Some((name, _)) => format!("{name}(…)"),
        None => line,
    };
    let line: String = if line.chars().count() <= 80 { line } else { line.chars().take(79).chain(['…']).collect() };
    printable(&line)
}
