//! Reads the routes of Fastify programs.
//!
//! The program's start-up code is evaluated, plugins in the order in which Fastify loads them ([`avvio`]), and what it
//! does to instances is recorded ([`host`]). Then each route is listed under its prefixes, with the hooks of its scope
//! and of those around it: Fastify hands hooks down to every scope inside, also to those that were there before.

mod autoload;
mod avvio;
mod findings;
mod guards;
mod host;
mod leftovers;
mod packages;
mod paths;
mod pattern;
mod schemas;
mod stranger;
mod text;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use doorward::diagnostic::{Diagnostic, Location};
use doorward::inventory::{Guard, GuardSeen, GuardState, Method, Route, RouteId, Step, StepKind};
use doorward::path::PathTemplate;

use self::guards::Judged;
use self::host::{Fastify, Hook, Methods, Registration};
use self::paths::PathProblem;
use self::stranger::{Outcome, RouteFacts};
use super::PHASES;
use crate::js;
use crate::js::eval::{Branch, Eval};
use crate::js::ir::Span;
use crate::js::program::Program;
use crate::js::shapes::Shapes;
use crate::js::value::{Arg, Closure, External, Place, Value};
use crate::project::{Found, Package};
use crate::walk::printable;

/// No program a person wrote has this many routes, or this many hooks on one of them.
const MAX_ROUTES: usize = 50_000;
const MAX_PARTS: usize = 1_000;

/// Reads one package.
pub(crate) fn discover(program: &Program, package: &Package) -> Found {
    let mut eval = Eval::new(program, Fastify::new(program));
    eval.load_all(&package.modules);
    leftovers::started_by_the_command_line(&mut eval, program, package);
    eval.settle(None);
    for module in &package.modules {
        if program.sources(*module).iter().any(|it| it == "fastify") {
            eval.sweep(*module);
        }
    }
    eval.settle(None);
    let mut found = Found { read: eval.read(), ..Found::default() };
    found.unresolved.extend(eval.problems.iter().map(|it| js::packages::problem(program, it)));
    let mut reader = Reader {
        program,
        eval,
        found,
        shapes: Shapes::default(),
        outcomes: HashMap::new(),
        seen: HashMap::new(),
        hooks_of: HashMap::new(),
        mounts: BTreeSet::new(),
        used: BTreeSet::new(),
        told: BTreeSet::new(),
        clerk: findings::Clerk::default(),
    };
    reader.read();
    reader.found.source.findings.extend(js::guards::weaknesses(&reader.eval, program));
    reader.found.schemas = std::mem::take(&mut reader.shapes).into_named();
    reader.found
}

/// A hook as it runs before one route.
#[derive(Debug, Clone)]
struct Before {
    phase: usize,
    value: Value,
    place: Place,
    name: String,
    /// The branch in which it was added; nothing for the hooks of the route itself.
    branch: Option<Branch>,
    /// Index in `Fastify::hooks`.
    hook: Option<usize>,
    at: usize,
}

/// The closures keep their addresses alive, by which they are known.
type Outcomes = HashMap<(*const Closure, bool, bool), (Rc<Closure>, Outcome)>;

struct Reader<'p> {
    program: &'p Program,
    eval: Eval<'p, Fastify<'p>>,
    found: Found,
    shapes: Shapes,
    outcomes: Outcomes,
    /// Index in `found.routes`.
    seen: HashMap<(RouteId, Place), usize>,
    /// The hooks of each instance and of those around it, in the order in which they run.
    hooks_of: HashMap<usize, Rc<Vec<Before>>>,
    /// Where plugins with routes are registered.
    mounts: BTreeSet<Place>,
    /// The hooks that ran before some route.
    used: BTreeSet<usize>,
    /// Findings that were told, by code and place.
    told: BTreeSet<(&'static str, Place)>,
    clerk: findings::Clerk,
}

impl Reader<'_> {
    fn read(&mut self) {
        self.found.serves = !self.eval.host.apps.is_empty();
        self.clerk = self.clerk_plugins();
        self.guards_of_middleware();
        for schema in std::mem::take(&mut self.eval.host.schemas) {
            self.shapes.schema(&schema);
        }
        let routes = std::mem::take(&mut self.eval.host.routes);
        for route in &routes {
            self.routes(route);
        }
        self.troubles();
        self.middleware();
        self.uncalled();
        self.escapes();
        self.idle_guards();
        self.cors_after_guards();
        self.found.source.findings.sort_by(|one, two| (&one.location, &one.code).cmp(&(&two.location, &two.code)));
        self.found.source.findings.dedup();
    }

    fn location(&self, place: Place) -> Location {
        js::packages::location(self.program, place)
    }

    fn source(&self, place: Place) -> String {
        self.program.text(place.module).get(place.span.range()).unwrap_or_default().to_owned()
    }

    fn file(&self, module: usize) -> String {
        printable(&self.program.file(module))
    }

    fn tell(&mut self, diagnostic: Diagnostic) {
        self.found.unresolved.push(diagnostic);
    }

    /// Lists the routes of one registration.
    fn routes(&mut self, route: &Registration) {
        let Some(instance) = self.eval.host.instances.get(route.instance) else { return };
        if instance.computed {
            // Told where the prefix is given.
            let hooks = self.hooks_around(route.instance);
            self.used.extend(hooks.iter().filter_map(|it| it.hook));
            return;
        }
        let prefixes = instance.prefixes.clone();
        let templates = self.templates(route, &prefixes);
        let methods = self.methods(route);
        self.mounts.extend(route.mounts.iter().map(|it| it.place));
        if templates.is_empty() {
            // Its hooks have a route to guard, although it can't be named.
            let hooks = self.hooks_around(route.instance);
            self.used.extend(hooks.iter().filter_map(|it| it.hook));
        }
        if templates.is_empty() || methods.is_empty() || self.found.routes.len() > MAX_ROUTES {
            return;
        }
        let facts = RouteFacts {
            method: if let [one] = methods.as_slice() { Some(one.clone()) } else { None },
            config: route.options.as_ref().and_then(|it| it.get("config")).as_ref().and_then(host::as_object),
        };
        let before = self.before(route);
        let judged: Vec<Judged> = before
            .iter()
            .map(|it| {
                self.judge(
                    &it.value.clone(),
                    &it.name,
                    if PHASES.get(it.phase) == Some(&"preParsing") { 3 } else { 2 },
                    &facts,
                )
            })
            .collect();
        let handler = route.handler.as_ref().map(|it| self.judge_handler(&it.value, &facts));
        self.order_of_clerk(route, &before, &judged, handler.as_ref());
        self.defects(&before, &judged);
        let guard = self.guard(route, &before, &judged, handler.as_ref());
        let trace = self.trace(route, &before);
        for template in &templates {
            for method in &methods {
                let id = RouteId { method: Method::new(method), path: template.clone() };
                let shape = self.shape(route, &id);
                let line = self.location(self.name_place(route)).line;
                let file = self.file(route.site.module);
                let chain = before.iter().map(|it| it.name.clone()).collect();
                let guard = guard.clone();
                let trace = trace.clone();
                self.add(Route { chain, guard, trace, shape, ..Route::new(id, file, line) }, route.site.place());
            }
        }
    }

    /// In a chain over several lines, the line of the method is the one people look at.
    fn name_place(&self, route: &Registration) -> Place {
        let start = route.site.callee_end.saturating_sub(1);
        Place { module: route.site.module, span: Span { start, end: route.site.call.end } }
    }

    fn add(&mut self, route: Route, place: Place) {
        let key = (route.id.clone(), place);
        if let Some(known) = self.seen.get(&key).and_then(|at| self.found.routes.get_mut(*at)) {
            // Reached twice, as when a plugin is registered twice: the weaker protection is the true one.
            if strength(route.guard.state) < strength(known.guard.state) {
                *known = route;
            }
            return;
        }
        self.seen.insert(key, self.found.routes.len());
        self.found.routes.push(route);
    }

    fn methods(&mut self, route: &Registration) -> Vec<String> {
        let socket = route.options.as_ref().and_then(|it| it.get("websocket")).and_then(|it| it.truth()) == Some(true);
        let also = route.options.as_ref().is_some_and(|it| it.get("wsHandler").is_some());
        if socket {
            return vec![Method::WEBSOCKET.to_owned()];
        }
        let mut all = match &route.methods {
            Methods::These(all) => all.clone(),
            Methods::All => vec![Method::ALL.to_owned()],
            Methods::Computed => {
                let place = self.location(route.site.place());
                self.tell(
                    Diagnostic::new(
                        "DW2008",
                        "a route is registered with a method that is only known when the program runs",
                    )
                    .at(place)
                    .help("register it with `get`, `post` and so on, so that it can be named in a policy"),
                );
                vec![Method::ALL.to_owned()]
            }
        };
        all.sort();
        all.dedup();
        if also {
            all.push(Method::WEBSOCKET.to_owned());
        }
        all
    }

    /// The templates of a registration, under every prefix.
    fn templates(&mut self, route: &Registration, prefixes: &[String]) -> Vec<PathTemplate> {
        let mut all: Vec<PathTemplate> = Vec::new();
        for value in route.url.value.each() {
            let Value::Str(url) = value else {
                self.computed_path(Place { module: route.site.module, span: route.url.span });
                continue;
            };
            if url.assumed {
                self.assumed_path(&url.text, Place { module: route.site.module, span: route.url.span });
            }
            for prefix in prefixes {
                let whole = match (prefix.ends_with('/'), url.text.strip_prefix('/')) {
                    (true, Some(rest)) => format!("{prefix}{rest}"),
                    _ => format!("{prefix}{}", url.text),
                };
                let place = self.location(Place { module: route.site.module, span: route.url.span });
                match paths::parse(&whole) {
                    Ok(paths) => {
                        if paths.approximate {
                            self.tell(
                                Diagnostic::new(
                                    "DW2009",
                                    format!("`{}` says more than a path template can", printable(&whole)),
                                )
                                .at(place)
                                .help("check this route by hand: requests are matched by the pattern")
                                .listed(),
                            );
                        }
                        for template in paths.templates {
                            if all.len() < MAX_PARTS && !all.contains(&template) {
                                all.push(template);
                            }
                        }
                    }
                    Err(PathProblem::Control) => self.tell(
                        Diagnostic::new("DW2014", format!("`{}` holds control characters", printable(&whole)))
                            .at(place)
                            .help("remove them; the route is not listed"),
                    ),
                    Err(PathProblem::Unsupported) => self.tell(
                        Diagnostic::new("DW2009", format!("`{}` has no path template", printable(&whole)))
                            .at(place)
                            .help("write it as a plain path; the route is not listed"),
                    ),
                }
            }
        }
        all
    }

    fn computed_path(&mut self, place: Place) {
        let place = self.location(place);
        self.tell(
            Diagnostic::new(
                "DW2003",
                "a path is only known when the program runs, and what is behind it is not listed",
            )
            .at(place)
            .help("use a literal path or a constant"),
        );
    }

    fn assumed_path(&mut self, text: &str, place: Place) {
        let place = self.location(place);
        self.tell(
            Diagnostic::new(
                "DW2010",
                format!("a path depends on the environment; `{}` is taken for it", printable(text)),
            )
            .at(place)
            .help("use a fixed path, or run doorward with the policy written for this default"),
        );
    }

    /// Every hook that runs before a route, in the order in which they run.
    fn before(&mut self, route: &Registration) -> Vec<Before> {
        let shared = self.hooks_around(route.instance);
        let mut all: Vec<Before> = Vec::new();
        for (phase, name) in PHASES.iter().enumerate() {
            all.extend(shared.iter().filter(|it| it.phase == phase).cloned());
            let own = route.options.as_ref().and_then(|it| it.get(name));
            let Some(own) = own else { continue };
            let whole = Place { module: route.site.module, span: route.site.call };
            let source = self.source(whole);
            for part in parts(&own) {
                if self.missing_hook(route, name, &part) {
                    continue;
                }
                let (place, name) = self.named(&part, whole, &source, name);
                let at = usize::MAX;
                all.push(Before { phase, value: part.value, place, name, branch: None, hook: None, at });
            }
        }
        if route.loose && route.package.is_none() {
            let place = Place { module: route.site.module, span: route.site.call };
            let name = "options".to_owned();
            all.push(Before { phase: 3, value: Value::Unknown, place, name, branch: None, hook: None, at: usize::MAX });
        }
        all.truncate(MAX_PARTS);
        all
    }

    fn hooks_around(&mut self, instance: usize) -> Rc<Vec<Before>> {
        if let Some(known) = self.hooks_of.get(&instance) {
            return Rc::clone(known);
        }
        let scopes: BTreeSet<usize> = self.eval.host.scopes(instance).map(|(at, _)| at).collect();
        let hooks: Vec<(usize, Hook)> = self
            .eval
            .host
            .hooks
            .iter()
            .enumerate()
            .filter(|(_, it)| scopes.contains(&it.instance))
            .map(|(at, it)| (at, it.clone()))
            .collect();
        let mut all = Vec::new();
        for (index, hook) in hooks.into_iter().take(MAX_PARTS) {
            for part in parts(&hook.value) {
                let name = match self.shown(&part.value, hook.place) {
                    name if name == "(inline)" => {
                        format!("{} hook", PHASES.get(hook.phase).copied().unwrap_or_default())
                    }
                    name => name,
                };
                all.push(Before {
                    phase: hook.phase,
                    value: part.value,
                    place: hook.place,
                    name,
                    branch: Some(hook.site.branch.clone()),
                    hook: Some(index),
                    at: hook.at,
                });
            }
        }
        all.sort_by_key(|it| it.at);
        let all = Rc::new(all);
        self.hooks_of.insert(instance, Rc::clone(&all));
        all
    }

    /// What a hook among the options of a route is called, and where it stands.
    fn named(&self, part: &Part, whole: Place, source: &str, option: &str) -> (Place, String) {
        let value = &part.value;
        let inside = |span: Span| whole.span.start <= span.start && span.end <= whole.span.end;
        let own = match value {
            Value::Function(closure) if closure.module == whole.module && inside(closure.function.span) => {
                Some(closure.function.span)
            }
            Value::External(external) => match &**external {
                External::Call(_, _, place) if place.module == whole.module && inside(place.span) => Some(place.span),
                _ => None,
            },
            _ => None,
        };
        // Where the option itself stands.
        let written = source.find(option).map(|at| {
            let start = whole.span.start + at;
            Span { start, end: start + option.len() }
        });
        let place = Place { module: whole.module, span: own.or(written).unwrap_or(whole.span) };
        if own.is_some() {
            let name = self.shown(value, place);
            return (place, if name == "(inline)" { format!("{option} hook") } else { name });
        }
        let text = source.split_once(option).and_then(|(_, rest)| text::entry(rest, part.at));
        let name = text.or_else(|| match value {
            Value::Function(closure) => self.variable(closure),
            Value::External(external) => Some(printable(&external.name())),
            _ => None,
        });
        (place, name.unwrap_or_else(|| option.to_owned()))
    }

    /// The name of a function that was given one by where it is kept: `const auth = async () => …`, a decorator.
    fn variable(&self, closure: &Rc<Closure>) -> Option<String> {
        let host = &self.eval.host;
        let mut decorators = host.instances.iter().flat_map(|it| &it.decorators);
        let is_it = |value: &Value| matches!(value, Value::Function(it) if Rc::ptr_eq(it, closure));
        if let Some((name, _)) = decorators.find(|(_, value)| is_it(value)) {
            return Some(printable(name));
        }
        let vars = closure.scope.vars.borrow();
        let mut names: Vec<&str> = vars
            .iter()
            .filter(|(_, slot)| matches!(slot, crate::js::value::Slot::Value(value) if is_it(value)))
            .map(|(name, _)| &**name)
            .filter(|it| *it != js::lower::DEFAULT)
            .collect();
        names.sort_unstable();
        names.first().map(|it| printable(it))
    }

    /// A handler's or hook's name for people.
    fn shown(&self, value: &Value, place: Place) -> String {
        let shown = text::shown(&self.source(place));
        if shown == "(inline)"
            && let Value::Function(closure) = value
            && let Some(name) = &closure.function.name
        {
            return printable(name);
        }
        shown
    }

    fn guard(&mut self, route: &Registration, before: &[Before], judged: &[Judged], handler: Option<&Judged>) -> Guard {
        let mut guard = Guard::open();
        for (it, judged) in before.iter().zip(judged) {
            self.used.extend(it.hook);
            let sure = it.branch.as_ref().is_none_or(|branch| route.site.branch.starts_with(branch));
            let state = match judged.verdict.state {
                GuardState::Guarded if !sure => {
                    self.conditional(it);
                    GuardState::Unsure
                }
                state => state,
            };
            self.see(&it.name, judged, state, it.place, &mut guard);
        }
        if let (Some(judged), Some(arg)) = (handler, &route.handler) {
            let place = Place { module: route.site.module, span: arg.span };
            let name = self.shown(&arg.value, place);
            self.see(&name, judged, judged.verdict.state, place, &mut guard);
        }
        if guard.state == GuardState::Open {
            self.changed_by_on_route(route, &mut guard);
        }
        guard
    }

    fn see(&self, name: &str, judged: &Judged, state: GuardState, place: Place, guard: &mut Guard) {
        if state == GuardState::Open {
            return;
        }
        guard.by.push(GuardSeen {
            name: name.to_owned(),
            origin: judged.verdict.origin.clone(),
            file: self.file(place.module),
            line: self.location(place).line,
            asks: judged.verdict.asks.clone(),
        });
        if strength(state) > strength(guard.state) {
            guard.state = state;
        }
    }

    fn step(&self, kind: StepKind, text: String, path: Option<String>, place: Place) -> Step {
        Step { kind, text, path, file: self.file(place.module), line: self.location(place).line }
    }

    /// How a route came to be.
    fn trace(&self, route: &Registration, before: &[Before]) -> Vec<Step> {
        let mut steps = Vec::new();
        let host = &self.eval.host;
        let root = host.instances.get(route.instance).and_then(|it| host.apps.get(it.app)).map(|it| it.root);
        if let Some(root) = root.and_then(|it| host.instances.get(it)) {
            let text = text::shown(&self.source(root.place));
            let text = if text == "(inline)" || text.is_empty() { "fastify()".to_owned() } else { text };
            steps.push(self.step(StepKind::App, text, None, root.place));
        }
        for mounted in &route.mounts {
            let kind = if mounted.is_folder { StepKind::Prefix } else { StepKind::Mount };
            let text = match mounted.is_folder {
                true => mounted.text.clone(),
                false => format!("register({})", mounted.text),
            };
            steps.push(self.step(kind, text, mounted.prefix.as_deref().map(printable), mounted.place));
        }
        for it in before {
            let phase = PHASES.get(it.phase).copied().unwrap_or_default();
            steps.push(self.step(StepKind::Middleware, format!("{phase}: {}", it.name), None, it.place));
        }
        let place = self.name_place(route);
        let name = self.source(Place {
            module: route.site.module,
            span: Span { start: route.site.object.start, end: route.site.callee_end },
        });
        let path = route.url.value.as_str().map(printable);
        let shown = path.as_deref().map_or_else(|| "…".to_owned(), |it| format!("\"{it}\""));
        let registration = match &route.package {
            Some(package) => printable(package),
            None => format!("{}({shown})", printable(&text::one_line(&name))),
        };
        steps.push(self.step(StepKind::Route, registration, path, place));
        if let Some(Arg { value, span, .. }) = &route.handler {
            let place = match value {
                Value::Function(closure) => Place { module: closure.module, span: closure.function.span },
                _ => Place { module: route.site.module, span: *span },
            };
            let name = match value {
                Value::Function(closure) => match &closure.function.name {
                    Some(name) => printable(name),
                    None => self.variable(closure).unwrap_or_else(|| "(inline)".to_owned()),
                },
                _ => text::shown(&self.source(place)),
            };
            steps.push(self.step(StepKind::Handler, name, None, place));
        }
        steps
    }
}

/// One hook of a list.
#[derive(Debug, Clone)]
struct Part {
    value: Value,
    /// It stands in a list, where Fastify refuses what is no function.
    listed: bool,
    /// Its place in the list.
    at: usize,
}

/// The hooks of an option, lists taken apart.
fn parts(value: &Value) -> Vec<Part> {
    fn flatten(value: &Value, listed: Option<usize>, depth: usize, all: &mut Vec<Part>) {
        if all.len() > MAX_PARTS {
            return;
        }
        match value {
            Value::Array(array) if depth < 6 => {
                array.items.borrow().iter().enumerate().for_each(|(at, it)| flatten(it, Some(at), depth + 1, all));
                if array.open.get() {
                    all.push(Part { value: Value::Unknown, listed: listed.is_some(), at: usize::MAX });
                }
            }
            // Hooks that are there or not, by a condition: what follows tells whether it is the same.
            Value::Null | Value::Bool(false) => {}
            other => {
                let at = listed.unwrap_or_default();
                all.push(Part { value: other.clone(), listed: listed.is_some(), at });
            }
        }
    }
    let mut all = Vec::new();
    flatten(value, None, 0, &mut all);
    all
}

fn strength(state: GuardState) -> u8 {
    match state {
        GuardState::Open => 0,
        GuardState::Unsure => 1,
        GuardState::Guarded => 2,
    }
}
