//! From what a program does to its applications, to routes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use doorward::diagnostic::{Diagnostic, Location};
use doorward::inventory::{Guard, GuardSeen, GuardState, Method, Route, RouteId, Step, StepKind};
use ruff_python_ast::{Expr, Stmt};

use super::guards::{Dependency, Judged, depends};
use super::host::{Entry, FastApi, Kind, Made, Methods, RouteKind, What};
use super::middleware::Middleware;
use super::paths::{self, Known, Odd};
use super::{USERS_ROUTERS, VERBS};
use crate::project::{Found, Package};
use crate::py::eval::{Branch, Eval, Problem, Site, span};
use crate::py::packages;
use crate::py::program::Program;
use crate::py::value::{Arg, Args, Class, External, Place, Value};
use crate::walk::printable;

/// Routers are nested a few levels deep.
const MAX_DEPTH: usize = 32;
/// No API has more.
const MAX_ROUTES: usize = 50_000;

pub(crate) struct Reader<'p> {
    pub(super) program: &'p Program,
    pub(super) eval: Eval<'p, FastApi<'p>>,
    pub(super) found: Found,
    pub(super) judged: HashMap<(usize, usize), Judged<'p>>,
    seen: HashMap<(RouteId, Place), usize>,
    /// What is being read, so that routers that include each other end.
    open: Vec<usize>,
    /// What was reached from an application.
    reached: HashSet<usize>,
    told: HashSet<(&'static str, Place)>,
}

/// What holds for everything below a point.
#[derive(Clone)]
struct Context<'p> {
    prefix: Known,
    /// The prefix without that of the router itself, which only FastAPI's own routes have.
    outer: Known,
    dependencies: Vec<(Dependency<'p>, bool)>,
    middleware: Vec<Middleware>,
    steps: Vec<Step>,
    /// Where the way leads through undecided conditions.
    branches: Vec<Branch>,
}

/// Reads the applications of one package.
pub(crate) fn discover(program: &Program, package: &Package) -> Found {
    let mut eval = Eval::new(program, FastApi::default());
    load(&mut eval, program, package);
    let found = Found { read: eval.read(), ..Found::default() };
    let mut reader = Reader {
        program,
        eval,
        found,
        judged: HashMap::new(),
        seen: HashMap::new(),
        open: Vec::new(),
        reached: HashSet::new(),
        told: HashSet::new(),
    };
    reader.apps();
    reader.leftovers();
    reader.findings();
    reader.found
}

/// Loads what makes applications, then the modules in which programs start, then the rest.
fn load<'p>(eval: &mut Eval<'p, FastApi<'p>>, program: &'p Program, package: &Package) {
    let own = &package.modules;
    let starts = |at: &&usize| {
        let text = &program.module(**at).text;
        ["FastAPI(", "Starlette(", "uvicorn.run(", "Mangum("].iter().any(|it| text.contains(it))
    };
    let named = |at: &&usize| {
        let file = program.module(**at).file.as_str();
        let name = file.rsplit('/').next().unwrap_or(file);
        matches!(name, "main.py" | "asgi.py" | "wsgi.py" | "server.py" | "app.py" | "run.py" | "__main__.py")
    };
    own.iter().filter(named).for_each(|it| eval.load(*it));
    own.iter().filter(starts).for_each(|it| eval.load(*it));
    // Where modules are loaded by computed names, any module may be one of them.
    let dynamic = eval.problems.iter().any(|it| matches!(it, Problem::DynamicImport(_)));
    eval.host.late = (!dynamic).then_some(eval.host.made.len());
    own.iter().for_each(|it| eval.load(*it));
    eval.host.late = None;
    eval.sweep(own);
}

impl<'p> Reader<'p> {
    fn apps(&mut self) {
        let mounted = self.mounted();
        let roots: Vec<usize> = (0..self.eval.host.made.len())
            .filter(|at| matches!(self.made(*at), Some(Made { kind: Kind::App(_), .. })) && !mounted.contains(at))
            .collect();
        self.found.serves = !roots.is_empty();
        for root in roots {
            let context = Context {
                prefix: Known { text: String::new(), assumed: false },
                outer: Known { text: String::new(), assumed: false },
                dependencies: Vec::new(),
                middleware: Vec::new(),
                steps: Vec::new(),
                branches: Vec::new(),
            };
            self.object(root, &context, 0);
        }
    }

    pub(super) fn made(&self, at: usize) -> Option<&Made<'p>> {
        self.eval.host.made.get(at)
    }

    /// Applications that others mount or include.
    fn mounted(&self) -> BTreeSet<usize> {
        let mut all = BTreeSet::new();
        for made in &self.eval.host.made {
            for entry in &made.entries {
                let value = match &entry.what {
                    What::Mount { app: Some(app), .. } => app.value.clone(),
                    What::Include { router: Some(router), .. } => router.value.clone(),
                    What::Item { item } => match &item.value {
                        Value::External(external) => match external.called() {
                            Some((_, args, _)) => args.get(1, "app").cloned().unwrap_or(Value::None),
                            None => continue,
                        },
                        _ => continue,
                    },
                    _ => continue,
                };
                all.extend(value.each().iter().filter_map(Value::host));
            }
        }
        all
    }

    /// Everything an application or a router registers.
    fn object(&mut self, at: usize, context: &Context<'p>, depth: usize) {
        let Some(made) = self.eval.host.made.get(at) else { return };
        if depth > MAX_DEPTH || self.open.contains(&at) {
            return;
        }
        let (kind, args, site, entries) =
            (made.kind.clone(), Rc::clone(&made.args), made.site.clone(), made.entries.clone());
        let name = made.name.clone().unwrap_or_else(|| "app".to_owned());
        self.reached.insert(at);
        let mut context = context.clone();
        context.branches.push(Rc::clone(&site.branch));
        let middleware = self.middleware_of(&entries, site.place());
        self.tell_of_order(&middleware);
        context.middleware.extend(middleware);
        let is_app = matches!(kind, Kind::App(_));
        if is_app {
            context.steps.push(self.step(StepKind::App, &name, None, site.place()));
        }
        if kind == Kind::App(true) {
            self.documents(&args, &site, &context);
        }
        if !is_app {
            self.found.mounted.insert(site.place());
        }
        let dependencies = self.listed(args.keyword("dependencies"));
        context.dependencies.extend(dependencies);
        self.open.push(at);
        context.outer = context.prefix.clone();
        for prefix in self.prefixes(args.keyword("prefix")) {
            let mut context = context.clone();
            self.extend_prefix(&mut context, &prefix, &name, args.keyword("prefix"));
            for entry in &entries {
                self.entry(entry, &context, depth);
            }
        }
        self.open.pop();
    }

    fn entry(&mut self, entry: &Entry<'p>, context: &Context<'p>, depth: usize) {
        if self.found.routes.len() > MAX_ROUTES {
            return;
        }
        match &entry.what {
            What::Route { path, methods, handler, kind, args } => {
                self.route(entry, context, path.as_ref(), methods, handler.as_ref(), *kind, args);
            }
            What::Include { router, args } => self.include(entry, context, router.as_ref(), args, depth),
            What::Mount { path, app, args } => {
                self.mount(&entry.site, context, path.as_ref(), app.as_ref(), args, depth);
            }
            What::Item { item } => self.item(entry, context, item, depth),
            What::Middleware { .. } | What::Function { .. } => {}
        }
    }

    fn include(
        &mut self,
        entry: &Entry<'p>,
        context: &Context<'p>,
        router: Option<&Arg<'p>>,
        args: &Rc<Args<'p>>,
        depth: usize,
    ) {
        let Some(router) = router else { return };
        let mut context = context.clone();
        context.branches.push(Rc::clone(&entry.site.branch));
        context.dependencies.extend(self.listed(args.keyword("dependencies")));
        let text = format!("include_router({})", self.shown(&router.value));
        for prefix in self.prefixes(args.keyword("prefix")) {
            let mut context = context.clone();
            let path = (!prefix.text.is_empty()).then(|| prefix.text.clone());
            context.steps.push(self.step(StepKind::Mount, &text, path, entry.site.place()));
            context.prefix = joined(&context.prefix, &prefix);
            self.assumed(&prefix, args.keyword("prefix"));
            for value in router.value.each() {
                match (&value, value.host()) {
                    (_, Some(object)) => self.object(object, &context, depth + 1),
                    (Value::External(external), _) => self.users_router(external, &context, entry, router),
                    (Value::None, _) => {}
                    _ => self.unknown_mount(router.place),
                }
            }
        }
    }

    /// The routers that `fastapi-users` makes.
    fn users_router(
        &mut self,
        external: &Rc<External<'p>>,
        context: &Context<'p>,
        entry: &Entry<'p>,
        router: &Arg<'p>,
    ) {
        let known = USERS_ROUTERS.iter().find(|it| it.name == external.last());
        let (Some(made), Some("fastapi_users")) = (known, external.package()) else {
            return self.unknown_mount(router.place);
        };
        for (method, path, guarded) in made.routes {
            let path = joined(&context.prefix, &Known { text: (*path).to_owned(), assumed: false });
            let own = guarded.then(|| {
                let mut judged = self.judge(&Value::None, 0);
                judged.state = GuardState::Guarded;
                "fastapi_users".clone_into(&mut judged.origin);
                ("current_user".to_owned(), judged, router.place)
            });
            self.add(&[(*method).to_owned()], &path, &entry.site, context, own.into_iter().collect(), None);
        }
    }

    fn mount(
        &mut self,
        site: &Site,
        context: &Context<'p>,
        path: Option<&Arg<'p>>,
        app: Option<&Arg<'p>>,
        args: &Rc<Args<'p>>,
        depth: usize,
    ) {
        let mut context = context.clone();
        context.branches.push(Rc::clone(&site.branch));
        let Some(paths) = paths::known(path.map(|it| &it.value)) else {
            return self.unknown_path(path.map_or(site.place(), |it| it.place));
        };
        let own: Vec<Entry<'p>> = match args.keyword("middleware") {
            Some(arg) => match &arg.value {
                Value::List(list) => list
                    .items
                    .borrow()
                    .iter()
                    .map(|value| Entry {
                        what: super::host::middleware(&Arg { value: value.clone(), place: arg.place }),
                        site: site.clone(),
                    })
                    .collect(),
                _ => Vec::new(),
            },
            None => Vec::new(),
        };
        let middleware = self.middleware_of(&own, site.place());
        context.middleware.extend(middleware);
        let covered = !context.dependencies.is_empty();
        for known in paths {
            let mut context = context.clone();
            let known = Known { text: known.text.trim_end_matches('/').to_owned(), ..known };
            self.assumed(&known, path);
            let shown = app.map_or_else(String::new, |it| self.shown(&it.value));
            context.steps.push(self.step(
                StepKind::Mount,
                &format!("mount({shown})"),
                Some(known.text.clone()),
                site.place(),
            ));
            context.prefix = joined(&context.outer, &known);
            context.outer = context.prefix.clone();
            if let Some(arg) = args.keyword("routes") {
                self.listed_routes(arg, site, &context, depth);
            }
            let Some(app) = app else { continue };
            // Dependencies of the application around a mount don't run for what is mounted.
            context.dependencies.clear();
            for value in app.value.each() {
                let is_static = matches!(&value, Value::External(it) if it.last() == "StaticFiles")
                    || matches!(&value, Value::Instance(it) if it.class.inherits(|name| name.ends_with(".StaticFiles")));
                match value.host() {
                    Some(object) => {
                        if covered {
                            self.tell_of_mount(&known.text, site);
                        }
                        self.object(object, &context, depth + 1);
                    }
                    None if is_static => self.static_files(&context, app.place),
                    None if matches!(value, Value::None) => {}
                    None => self.unknown_mount(app.place),
                }
            }
        }
    }

    fn listed_routes(&mut self, arg: &Arg<'p>, site: &Site, context: &Context<'p>, depth: usize) {
        let Value::List(list) = &arg.value else {
            return if matches!(arg.value, Value::None) {
            } else {
                self.unknown_mount(arg.place)
            };
        };
        if list.open.get() {
            self.unknown_mount(arg.place);
        }
        for value in list.items.borrow().iter() {
            let item = Arg { value: value.clone(), place: arg.place };
            let entry = Entry { what: What::Item { item: item.clone() }, site: site.clone() };
            self.item(&entry, context, &item, depth + 1);
        }
    }

    /// `Route(…)`, `Mount(…)` and `WebSocketRoute(…)` of a list.
    fn item(&mut self, entry: &Entry<'p>, context: &Context<'p>, item: &Arg<'p>, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        for value in item.value.each() {
            let Value::External(external) = &value else {
                match value {
                    Value::None => {}
                    Value::List(_) => {
                        let arg = Arg { value, place: item.place };
                        self.listed_routes(&arg, &entry.site, context, depth);
                    }
                    _ => self.unknown_mount(item.place),
                }
                continue;
            };
            let Some((callee, args, place)) = external.called() else {
                self.unknown_mount(item.place);
                continue;
            };
            let site = Site { module: place.module, call: place.span, ..entry.site.clone() };
            let entry = Entry { site: site.clone(), what: entry.what.clone() };
            let (path, endpoint) = (args.arg(0, "path"), args.arg(1, "endpoint"));
            match callee.last() {
                "Route" | "APIRoute" => {
                    let kind = if callee.last() == "Route" { RouteKind::Plain } else { RouteKind::Api };
                    let methods = match args.named("methods") {
                        None | Some(Value::None) => Methods::Known(vec!["GET".to_owned()]),
                        Some(Value::List(list)) => {
                            let items = list.items.borrow();
                            let all: Option<Vec<String>> =
                                items.iter().map(|it| Some(it.as_str()?.to_ascii_uppercase())).collect();
                            all.map_or(Methods::Unknown, Methods::Known)
                        }
                        Some(_) => Methods::Unknown,
                    };
                    self.route(&entry, context, path, &methods, endpoint, kind, args);
                }
                "WebSocketRoute" | "APIWebSocketRoute" => {
                    let kind = if callee.last() == "WebSocketRoute" {
                        RouteKind::PlainWebSocket
                    } else {
                        RouteKind::WebSocket
                    };
                    let methods = Methods::Known(vec![Method::WEBSOCKET.to_owned()]);
                    self.route(&entry, context, path, &methods, endpoint, kind, args);
                }
                "Mount" => self.mount(&site, context, path, args.arg(1, "app"), args, depth + 1),
                "Host" => self.mount(&site, context, None, args.arg(1, "app"), args, depth + 1),
                _ => self.unknown_mount(item.place),
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is a part of one registration")]
    fn route(
        &mut self,
        entry: &Entry<'p>,
        context: &Context<'p>,
        path: Option<&Arg<'p>>,
        methods: &Methods,
        handler: Option<&Arg<'p>>,
        kind: RouteKind,
        args: &Rc<Args<'p>>,
    ) {
        let Some(paths) = paths::known(path.map(|it| &it.value)) else {
            return self.unknown_path(path.map_or(entry.site.place(), |it| it.place));
        };
        let value = handler.map_or(Value::Unknown, |it| it.value.clone());
        let is_websocket = matches!(kind, RouteKind::WebSocket | RouteKind::PlainWebSocket);
        let methods = match (methods, &value) {
            // A class answers the methods it has functions for.
            (_, Value::Class(class)) if kind == RouteKind::Plain && args.named("methods").is_none() => {
                class_methods(class)
            }
            (Methods::Known(all), _) => all.clone(),
            (Methods::Unknown, _) => {
                self.tell("DW2008", entry.site.place(), || {
                    Diagnostic::new("DW2008", "the methods of a route are only known when the program runs")
                        .help("name the methods in a list; until then, the route is listed for every method")
                });
                vec![Method::ALL.to_owned()]
            }
        };
        let mut context = context.clone();
        context.branches.push(Rc::clone(&entry.site.branch));
        let mut own = Vec::new();
        if matches!(kind, RouteKind::Api | RouteKind::WebSocket) {
            context.dependencies.extend(self.listed(args.keyword("dependencies")));
            own = self.own_dependencies(&value);
        }
        if matches!(kind, RouteKind::Plain | RouteKind::PlainWebSocket) {
            // Starlette's own routes know nothing of dependencies.
            context.dependencies.clear();
        }
        for known in paths {
            self.assumed(&known, path);
            let is_plain = matches!(kind, RouteKind::Plain | RouteKind::PlainWebSocket);
            let whole = joined(if is_plain { &context.outer } else { &context.prefix }, &known);
            let mut guards = Vec::new();
            for (dependency, certain) in &context.dependencies.clone() {
                let mut judged = self.judge(&dependency.callable, 0);
                if !certain && judged.state == GuardState::Guarded {
                    judged.state = GuardState::Unsure;
                }
                guards.push((self.shown(&dependency.callable), judged, dependency.place));
            }
            for dependency in &own {
                let judged = self.judge(&dependency.callable, 0);
                guards.push((self.shown(&dependency.callable), judged, dependency.place));
            }
            guards.extend(self.decorators(&value));
            if guards.iter().all(|(_, it, _)| it.state == GuardState::Open) && !is_websocket {
                guards.extend(self.inline(&value));
            }
            let handler = handler.filter(|it| !matches!(it.value, Value::Unknown));
            self.add(&methods, &whole, &entry.site, &context, guards, handler);
        }
    }

    /// The dependencies of a handler's own parameters, and of the class around it.
    fn own_dependencies(&mut self, handler: &Value<'p>) -> Vec<Dependency<'p>> {
        let mut all = Vec::new();
        let class = match handler {
            Value::Function(function) => function.class.borrow().clone(),
            _ => None,
        };
        if let Some(class) = class {
            let is_cbv = class
                .decorators
                .borrow()
                .iter()
                .any(|(it, _)| matches!(it, Value::External(it) if matches!(it.last(), "cbv" | "set_responses")));
            if is_cbv {
                let parameters = self.parameters(&Value::Class(class));
                all.extend(
                    parameters.iter().filter_map(|it| Some(Dependency { callable: it.depends()?, place: it.place })),
                );
            }
        }
        let parameters = self.parameters(handler);
        all.extend(parameters.iter().filter_map(|it| Some(Dependency { callable: it.depends()?, place: it.place })));
        all
    }

    /// A list of dependencies, and whether each is there for sure.
    fn listed(&mut self, arg: Option<&Arg<'p>>) -> Vec<(Dependency<'p>, bool)> {
        let Some(arg) = arg else { return Vec::new() };
        let place = arg.place;
        let (items, open) = match &arg.value {
            Value::None => return Vec::new(),
            other => self.eval.items(other),
        };
        let mut all = Vec::new();
        for item in items {
            let choices = item.each();
            let certain = choices.len() == 1;
            for choice in choices {
                let own = match &choice {
                    Value::External(external) => external.called().map(|(_, _, place)| place),
                    _ => None,
                };
                if let Some(callable) = depends(&choice) {
                    all.push((Dependency { callable, place: own.unwrap_or(place) }, certain));
                } else if !matches!(choice, Value::None) {
                    all.push((Dependency { callable: Value::Unknown, place }, certain));
                }
            }
        }
        if open {
            self.tell("DW2005", place, || {
                Diagnostic::new("DW2005", "the dependencies of a route are only known when the program runs")
                    .help("write the list where the route is registered")
            });
            all.push((Dependency { callable: Value::Unknown, place }, true));
        }
        all
    }

    /// `/docs`, `/redoc` and `/openapi.json`, unless they are switched off.
    fn documents(&mut self, args: &Rc<Args<'p>>, site: &Site, context: &Context<'p>) {
        let mut url = |name: &str, default: &str| match args.keyword(name) {
            None => vec![Known { text: default.to_owned(), assumed: false }],
            Some(arg) => {
                let mut all = Vec::new();
                for value in arg.value.each() {
                    match &value {
                        Value::None => {}
                        Value::Str(text) if text.text.is_empty() => {}
                        Value::Str(text) => all.push(Known { text: text.text.to_string(), assumed: text.assumed }),
                        _ => self.unknown_path(arg.place),
                    }
                }
                all
            }
        };
        let openapi = url("openapi_url", "/openapi.json");
        if openapi.is_empty() {
            return;
        }
        let docs = url("docs_url", "/docs");
        let redirect = url("swagger_ui_oauth2_redirect_url", "/docs/oauth2-redirect");
        let redoc = url("redoc_url", "/redoc");
        let redirect = if docs.is_empty() { Vec::new() } else { redirect };
        for known in openapi.iter().chain(&docs).chain(&redirect).chain(&redoc) {
            let path = joined(&context.prefix, known);
            self.add(&["GET".to_owned()], &path, site, context, Vec::new(), None);
        }
    }

    fn add(
        &mut self,
        methods: &[String],
        path: &Known,
        site: &Site,
        context: &Context<'p>,
        guards: Vec<(String, Judged<'p>, Place)>,
        handler: Option<&Arg<'p>>,
    ) {
        let place = site.place();
        let template = match paths::template(&path.text) {
            Ok(template) => template,
            Err(odd) => return self.odd_path(odd, &path.text, place),
        };
        let location = self.location(place);
        for method in methods {
            let id = RouteId { method: Method::new(method), path: template.clone() };
            let mut route = Route::new(id.clone(), location.file.clone(), location.line);
            route.guard = self.guard(context, &guards, method == Method::WEBSOCKET, &mut route.chain);
            route.trace = self.trace(context, &guards, &id, place, handler);
            let key = (id, place);
            match self.seen.get(&key).and_then(|at| self.found.routes.get_mut(*at)) {
                // Reached twice, as when a factory is called twice: the weaker protection is the true one.
                Some(known) if strength(route.guard.state) < strength(known.guard.state) => *known = route,
                Some(_) => {}
                None => {
                    self.seen.insert(key, self.found.routes.len());
                    self.found.routes.push(route);
                }
            }
        }
    }

    fn guard(
        &mut self,
        context: &Context<'p>,
        guards: &[(String, Judged<'p>, Place)],
        is_websocket: bool,
        chain: &mut Vec<String>,
    ) -> Guard {
        let mut guard = Guard::open();
        for middleware in context.middleware.iter().filter(|it| !(is_websocket && it.http_only)) {
            let mut state = middleware.state;
            let certain = middleware.branch.is_empty()
                || context.branches.iter().any(|branch| branch.starts_with(&middleware.branch));
            if !certain && state == GuardState::Guarded {
                state = GuardState::Unsure;
                self.tell_of_condition(&middleware.name, middleware.place);
            }
            chain.push(middleware.name.clone());
            let location = self.location(middleware.place);
            see(&mut guard, state, &middleware.name, &middleware.origin, location);
        }
        for (name, judged, place) in guards {
            chain.push(name.clone());
            if judged.presence && judged.state == GuardState::Unsure {
                self.tell_of_presence(name, *place);
            }
            let location = self.location(*place);
            see(&mut guard, judged.state, name, &judged.origin, location);
        }
        guard
    }

    fn trace(
        &mut self,
        context: &Context<'p>,
        guards: &[(String, Judged<'p>, Place)],
        id: &RouteId,
        place: Place,
        handler: Option<&Arg<'p>>,
    ) -> Vec<Step> {
        let mut steps = context.steps.clone();
        let before = context.middleware.iter().map(|it| (&it.name, it.place));
        let all: Vec<(&String, Place)> = before.chain(guards.iter().map(|(name, _, place)| (name, *place))).collect();
        for (name, place) in all {
            steps.push(self.step(StepKind::Middleware, name, None, place));
        }
        steps.push(self.step(StepKind::Route, &id.to_string(), None, place));
        if let Some(handler) = handler {
            let name = self.shown(&handler.value);
            let place = match &handler.value {
                Value::Function(function) => match function.def {
                    crate::py::value::Def::Def(def) => Place { module: function.module, span: span(&def.name) },
                    crate::py::value::Def::Lambda(it) => Place { module: function.module, span: span(it) },
                },
                Value::Class(class) => Place { module: class.module, span: span(&class.def.name) },
                _ => handler.place,
            };
            steps.push(self.step(StepKind::Handler, &name, None, place));
        }
        steps
    }

    pub(super) fn step(&self, kind: StepKind, text: &str, path: Option<String>, place: Place) -> Step {
        let location = self.location(place);
        Step {
            kind,
            text: printable(text),
            path: path.map(|it| printable(&it)),
            file: location.file,
            line: location.line,
        }
    }

    /// Every prefix an argument may be; none, and a diagnostic, where it isn't known.
    fn prefixes(&mut self, arg: Option<&Arg<'p>>) -> Vec<Known> {
        match paths::known(arg.map(|it| &it.value)) {
            Some(all) => all,
            None => {
                self.unknown_path(arg.map_or_else(Place::default, |it| it.place));
                Vec::new()
            }
        }
    }

    fn extend_prefix(&mut self, context: &mut Context<'p>, prefix: &Known, name: &str, arg: Option<&Arg<'p>>) {
        if let (false, Some(arg)) = (prefix.text.is_empty(), arg) {
            context.steps.push(self.step(StepKind::Prefix, name, Some(prefix.text.clone()), arg.place));
            self.assumed(prefix, Some(arg));
        }
        context.prefix = joined(&context.prefix, prefix);
    }

    fn assumed(&mut self, known: &Known, arg: Option<&Arg<'p>>) {
        if let (true, Some(arg)) = (known.assumed, arg) {
            let text = printable(&known.text);
            self.tell("DW2010", arg.place, || {
                Diagnostic::new("DW2010", format!("the environment may change this path; `{text}` is assumed"))
                    .help("run doorward with the settings of the deployment in the source, or check the routes by hand")
            });
        }
    }

    /// Says something once per place.
    pub(super) fn tell(&mut self, code: &'static str, place: Place, diagnostic: impl FnOnce() -> Diagnostic) {
        if self.told.insert((code, place)) {
            let location = self.location(place);
            self.found.unresolved.push(diagnostic().at(location));
        }
    }

    /// Says it once per place, among the findings.
    pub(super) fn tell_finding(&mut self, code: &'static str, place: Place, diagnostic: impl FnOnce() -> Diagnostic) {
        if self.told.insert((code, place)) {
            let location = self.location(place);
            self.found.source.findings.push(diagnostic().at(location));
        }
    }

    fn unknown_path(&mut self, place: Place) {
        self.tell("DW2003", place, || {
            Diagnostic::new("DW2003", "a path is only known when the program runs")
                .help("use a literal or a constant; until then, what is behind it is not listed")
        });
    }

    fn unknown_mount(&mut self, place: Place) {
        self.tell("DW2004", place, || {
            Diagnostic::new("DW2004", "something unknown is mounted")
                .help("put a guard in front of it, or accept it knowingly")
        });
    }

    fn static_files(&mut self, context: &Context<'p>, place: Place) {
        if context.middleware.iter().all(|it| it.state != GuardState::Guarded) {
            self.tell("DW2021", place, || {
                Diagnostic::new("DW2021", "static files are served to anyone")
                    .help("if they are not meant for everybody, serve them from a route with a guard")
            });
        }
    }

    fn odd_path(&mut self, odd: Odd, path: &str, place: Place) {
        let path = printable(path);
        match odd {
            Odd::Control => self.tell("DW2014", place, || {
                Diagnostic::new("DW2014", "a path holds control characters").help("remove them from the source")
            }),
            Odd::NeverMatches => self.tell("DW2015", place, || {
                Diagnostic::new("DW2015", format!("`{path}` never matches: it does not start with `/`"))
                    .help("put a slash in front of it")
            }),
            Odd::Pattern => self.tell("DW2009", place, || {
                Diagnostic::new("DW2009", format!("`{path}` has no exact template")).help("check this route by hand")
            }),
        }
    }

    /// Routers that no application includes, and what modules did that nothing imports.
    fn leftovers(&mut self) {
        let problems: Vec<Problem> = self.eval.problems.clone();
        self.found.unresolved.extend(problems.iter().map(|it| packages::problem(self.program, it)));
        for at in 0..self.eval.host.made.len() {
            let Some(made) = self.made(at) else { continue };
            let place = made.site.place();
            let has_routes = made.entries.iter().any(|it| !matches!(it.what, What::Middleware { .. }));
            let escapes = made.escapes.clone();
            let is_app = matches!(made.kind, Kind::App(_));
            let is_router = made.kind == Kind::Router;
            let name = printable(made.name.as_deref().unwrap_or("router"));
            if is_router && has_routes && !self.reached.contains(&at) && !self.found.mounted.contains(&place) {
                let diagnostic = Diagnostic::new("DW2011", format!("`{name}` registers routes and is never included"))
                    .at(self.location(place))
                    .help("include it in an application, or remove it");
                self.found.loose.push((place, diagnostic));
            }
            if is_app || self.reached.contains(&at) {
                for site in escapes {
                    self.tell("DW2016", site.place(), || {
                        Diagnostic::new(
                            "DW2016",
                            "an application or a router is given to code that is not in the project",
                        )
                        .help("check whether it adds routes or middleware")
                    });
                }
            }
        }
        for site in std::mem::take(&mut self.eval.host.unreached) {
            self.tell("DW2017", site.place(), || {
                Diagnostic::new("DW2017", "a module registers routes on an application, and nothing imports it")
                    .help("import it where the application is made, or remove it")
            });
        }
    }

    pub(super) fn file(&self, module: usize) -> String {
        printable(&self.program.module(module).file)
    }

    pub(super) fn location(&self, place: Place) -> Location {
        packages::location(self.program, place)
    }

    /// A value's name for people: never with arguments, which may hold secrets.
    pub(super) fn shown(&self, value: &Value<'p>) -> String {
        let text = match value {
            Value::Function(function) => function.wraps.as_ref().unwrap_or(function).name().to_owned(),
            Value::Bound(bound) => match &bound.0 {
                Value::Instance(it) => format!("{}.{}", it.class.name(), bound.1.name()),
                Value::Class(it) => format!("{}.{}", it.name(), bound.1.name()),
                _ => bound.1.name().to_owned(),
            },
            Value::Class(class) => class.name().to_owned(),
            Value::Instance(instance) => match value.host().and_then(|it| self.made(it)).and_then(|it| it.name.clone())
            {
                Some(name) => name,
                None => format!("{}()", instance.class.name()),
            },
            Value::External(external) => {
                let called = if external.called().is_some() { "()" } else { "" };
                format!("{}{called}", external.last())
            }
            Value::Partial(partial) => self.shown(&partial.0),
            Value::Item(item) => self.shown(&item.0),
            Value::Host(object) => {
                self.made(*object).and_then(|it| it.name.clone()).unwrap_or_else(|| "app".to_owned())
            }
            Value::OneOf(values) => values.iter().map(|it| self.shown(it)).collect::<Vec<_>>().join(" or "),
            Value::None => "None".to_owned(),
            _ => "unknown".to_owned(),
        };
        printable(&text)
    }

    /// The annotated fields of a class's own body, with their types.
    pub(super) fn fields(&mut self, class: &Rc<Class<'p>>) -> Vec<(&'p str, Value<'p>, Place)> {
        let mut all = Vec::new();
        for statement in &class.def.body {
            if let Stmt::AnnAssign(it) = statement
                && let Expr::Name(name) = &*it.target
            {
                let scope = Rc::clone(&class.scope);
                let kind = self.eval.in_module(class.module, |eval| eval.quoted(&it.annotation, &scope));
                all.push((name.id.as_str(), kind, Place { module: class.module, span: span(it) }));
            }
        }
        all
    }
}

impl PartialEq for Kind<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::App(one), Self::App(two)) => one == two,
            (Self::Router, Self::Router) => true,
            _ => false,
        }
    }
}

/// What a class of endpoints answers.
fn class_methods(class: &Rc<Class>) -> Vec<String> {
    let mut all = Vec::new();
    for parent in class.mro() {
        if let Value::Class(parent) = parent {
            for verb in VERBS.iter().filter(|it| parent.own(it).is_some()) {
                let verb = verb.to_ascii_uppercase();
                if !all.contains(&verb) {
                    all.push(verb);
                }
            }
        }
    }
    all
}

fn joined(prefix: &Known, path: &Known) -> Known {
    Known { text: format!("{}{}", prefix.text, path.text), assumed: prefix.assumed || path.assumed }
}

fn see(guard: &mut Guard, state: GuardState, name: &str, origin: &str, location: Location) {
    if state == GuardState::Open {
        return;
    }
    guard.by.push(GuardSeen {
        name: name.to_owned(),
        origin: origin.to_owned(),
        file: location.file,
        line: location.line,
        asks: None,
    });
    if strength(state) > strength(guard.state) {
        guard.state = state;
    }
}

fn strength(state: GuardState) -> u8 {
    match state {
        GuardState::Open => 0,
        GuardState::Unsure => 1,
        GuardState::Guarded => 2,
    }
}
