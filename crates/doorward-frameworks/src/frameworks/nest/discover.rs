//! Reads the routes of Nest applications: their modules, the controllers in them, and the guards in front of each
//! method.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::{GuardState, Method, Route, RouteId, Step, StepKind};
use doorward::path::{PathTemplate, Segment};

use super::VERBS;
use super::decorators::Applied;
use super::guards::{Use, uses};
use super::host::{Asked, Made, Nest};
use super::middleware::{Before, request_method};
use super::modules::Graph;
use super::paths::Rules;
use crate::js;
use crate::js::chain::{self, Runs, covers};
use crate::js::eval::Eval;
use crate::js::guards::{Verdict, weaknesses};
use crate::js::ir::StmtKind;
use crate::js::packages::location;
use crate::js::program::Program;
use crate::js::shapes::Shapes;
use crate::js::value::{Arg, ClassValue, External, Place, Value};
use crate::project::{Found, Package};
use crate::walk::printable;

/// Reads one package.
pub(super) fn discover(program: &Program, package: &Package) -> Found {
    let mut eval = Eval::new(program, Nest::default());
    eval.load_all(&package.modules);
    for module in &package.modules {
        if program.sources(*module).iter().any(|it| it == "@nestjs/core") {
            eval.sweep(*module);
        }
    }
    let mut found = Found { read: eval.read(), ..Found::default() };
    found.unresolved.extend(eval.problems.iter().map(|it| js::packages::problem(program, it)));
    let mut reader = Reader {
        program,
        eval,
        found,
        major: package.version.as_deref().map_or(11, major),
        applied: HashMap::new(),
        kept: Vec::new(),
        told: HashSet::new(),
        verdicts: HashMap::new(),
        instances: HashMap::new(),
        shapes: Shapes::default(),
        schemas: HashMap::new(),
        reached: HashSet::new(),
    };
    reader.read();
    reader.found.source.findings.extend(weaknesses(&reader.eval, program));
    reader.found
}

/// The first number of a version or a range.
fn major(version: &str) -> u32 {
    let digits: String =
        version.chars().skip_while(|it| !it.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(11)
}

/// A guard's class, what the route's decorators attach, and the decorators of packages on it.
type Judged = (*const ClassValue, String, Vec<(String, String)>);

pub(super) struct Reader<'p> {
    pub(super) program: &'p Program,
    pub(super) eval: Eval<'p, Nest>,
    found: Found,
    major: u32,
    pub(super) applied: HashMap<*const ClassValue, Rc<Vec<Applied>>>,
    /// Classes whose address is a key somewhere: they must not be freed.
    pub(super) kept: Vec<Rc<ClassValue>>,
    /// Places that were complained about.
    pub(super) told: HashSet<Place>,
    pub(super) verdicts: HashMap<Judged, Verdict>,
    pub(super) instances: HashMap<*const ClassValue, Value>,
    pub(super) shapes: Shapes,
    /// What classes were read as.
    pub(super) schemas: HashMap<*const ClassValue, serde_json::Value>,
    /// Places of the classes that are controllers of an application.
    reached: HashSet<Place>,
}

/// One application while it is read.
struct App {
    rules: Rules,
    prefix: PathTemplate,
    graph: Graph,
    guards: Vec<Use>,
    before: Vec<Before>,
    trace: Vec<Step>,
    routes: Vec<Route>,
    seen: HashMap<(RouteId, Place), usize>,
}

/// A method of a controller that answers requests.
struct Handler {
    class: Rc<ClassValue>,
    /// Its place among the methods of `class`.
    method: usize,
    applied: Vec<Applied>,
    verbs: Vec<String>,
    paths: Value,
    place: Place,
}

impl Reader<'_> {
    fn read(&mut self) {
        let mut by_folder: BTreeMap<String, Vec<Route>> = BTreeMap::new();
        // Scripts make an application for what is in its container, and never let it listen.
        let listens =
            |made: &Made| made.calls.iter().any(|it| matches!(it.name.as_str(), "listen" | "listenAsync" | "init"));
        let any_listens = self.eval.host.made.iter().any(listens);
        for at in 0..self.eval.host.made.len() {
            let Some(made) = self.eval.host.made.get(at) else { continue };
            if any_listens && !listens(made) {
                continue;
            }
            let folder = folder_of(&self.program.file(made.place.module));
            let routes = self.app(at);
            let known = by_folder.entry(folder).or_default();
            for route in routes {
                // Several programs may start the same application.
                match known.iter_mut().find(|it| it.id == route.id && it.file == route.file && it.line == route.line) {
                    Some(it) if chain::strength(route.guard.state) < chain::strength(it.guard.state) => *it = route,
                    Some(_) => {}
                    None => known.push(route),
                }
            }
        }
        self.loose();
        let schemas = std::mem::take(&mut self.shapes).into_named();
        if by_folder.len() > 1 {
            for (folder, routes) in by_folder {
                let schemas = schemas.clone();
                let further =
                    Found { routes, schemas, serves: true, read: self.found.read.clone(), ..Found::default() };
                self.found.further.push((printable(&folder), further));
            }
        } else if let Some((_, routes)) = by_folder.pop_first() {
            self.found.serves = true;
            self.found.routes = routes;
            self.found.schemas = schemas;
        }
    }

    pub(super) fn tell(&mut self, diagnostic: Diagnostic) {
        self.found.unresolved.push(diagnostic);
    }

    fn step(&self, kind: StepKind, text: &str, path: Option<String>, place: Place) -> Step {
        chain::step(self.program, kind, printable(&chain::one_line(text)), path, place)
    }

    fn app(&mut self, at: usize) -> Vec<Route> {
        let Some(made) = self.eval.host.made.get(at) else { return Vec::new() };
        let (place, root, calls) = (made.place, made.module.clone(), made.calls.clone());
        let always: Vec<bool> = calls.iter().map(|it| made.always(&it.site)).collect();
        let rules = self.rules(at);
        let prefix = self.templates(&rules.prefix.clone(), rules.syntax, place).into_iter().next().unwrap_or_default();
        let graph = self.graph(&root, place);
        let mut trace = vec![self.step(StepKind::App, &chain::callee(&chain::text(self.program, place)), None, place)];
        let mut guards = Vec::new();
        let mut before = Vec::new();
        for (call, always) in calls.iter().zip(always) {
            match call.name.as_str() {
                "useGlobalGuards" => call.args.iter().for_each(|it| {
                    let value = match always {
                        true => it.value.clone(),
                        false => Value::OneOf(Rc::new(vec![it.value.clone(), Value::Undefined])),
                    };
                    uses(&value, Place { module: call.site.module, span: it.span }, 0, &mut guards);
                }),
                "setGlobalPrefix" if !rules.prefix.is_empty() => {
                    let shown = Some(printable(&rules.prefix));
                    trace.push(self.step(StepKind::Prefix, "setGlobalPrefix", shown, call.site.place()));
                }
                "use" => before.extend(self.used(call, always, rules.syntax)),
                _ => {}
            }
        }
        for value in graph.guards.clone() {
            let place = match &value {
                Value::Class(class) => Place { module: class.module, span: class.class.span },
                _ => place,
            };
            uses(&value, place, 0, &mut guards);
        }
        before.extend(self.configured(&graph, &rules, &prefix));
        let mut app = App { rules, prefix, graph, guards, before, trace, routes: Vec::new(), seen: HashMap::new() };
        for (class, module_path) in app.graph.controllers.clone() {
            self.controller(&mut app, &class, &module_path);
        }
        self.extras(&mut app, at);
        app.routes
    }

    /// What the calls on an application say about all its paths.
    fn rules(&mut self, at: usize) -> Rules {
        let Some(Made { rest, calls, place, .. }) = self.eval.host.made.get(at) else { return Rules::default() };
        let (rest, calls, made) = (rest.clone(), calls.clone(), *place);
        let fastify = rest.iter().any(|it| matches!(it, Value::External(it) if it.path().contains(&"FastifyAdapter")));
        let mut rules = Rules { syntax: if !fastify && self.major >= 11 { 5 } else { 4 }, ..Rules::default() };
        for call in &calls {
            let place = Place { module: call.site.module, span: call.args.first().map_or(made.span, |it| it.span) };
            match (call.name.as_str(), call.args.first()) {
                ("setGlobalPrefix", Some(prefix)) => {
                    if !prefix.value.each().iter().all(|it| matches!(it, Value::Str(_))) && self.told.insert(place) {
                        let at = location(self.program, place);
                        self.tell(
                            Diagnostic::new(
                                "DW2003",
                                "the global prefix is only known when the program runs; paths are listed without it",
                            )
                            .at(at)
                            .help("use a literal or a constant")
                            .listed(),
                        );
                    }
                    rules.prefix = self.texts(&prefix.value, place).into_iter().next().unwrap_or_default();
                    rules.prefix = format!("/{}", rules.prefix.trim_matches('/'));
                    if let Some(Value::Object(options)) = call.args.get(1).map(|it| &it.value)
                        && let Some(Value::Array(exclude)) = options.get("exclude")
                    {
                        let items = exclude.items.borrow().clone();
                        for item in items.iter().filter(|it| matches!(it, Value::Str(_) | Value::Object(_))) {
                            self.excluded(item, place, &mut rules);
                        }
                    }
                }
                ("enableVersioning", options) => {
                    let options = match options.map(|it| &it.value) {
                        Some(Value::Object(options)) => Some(Rc::clone(options)),
                        _ => None,
                    };
                    let kind = options.as_ref().and_then(|it| it.get("type"));
                    let in_path = match &kind {
                        Some(Value::External(it)) => it.path().last() == Some(&"URI"),
                        Some(Value::Num(number)) => *number == 0.0,
                        _ => true,
                    };
                    if in_path {
                        let prefix = options.as_ref().and_then(|it| it.get("prefix"));
                        rules.version = Some(match prefix {
                            Some(Value::Bool(false)) => String::new(),
                            Some(Value::Str(text)) => text.text.to_string(),
                            _ => "v".to_owned(),
                        });
                    }
                    rules.default_version = options.and_then(|it| it.get("defaultVersion"));
                }
                _ => {}
            }
        }
        rules
    }

    fn excluded(&mut self, item: &Value, place: Place, rules: &mut Rules) {
        let (path, method) = match item {
            Value::Object(route) => {
                (route.get("path").unwrap_or(Value::Unknown), route.get("method").as_ref().and_then(request_method))
            }
            other => (other.clone(), None),
        };
        for text in self.texts(&path, place) {
            for template in self.templates(&text, rules.syntax, place) {
                rules.exclude.push((method.clone(), template));
            }
        }
    }

    /// The methods of a controller that answer requests; those of base classes, too.
    fn handlers(&mut self, class: &Rc<ClassValue>) -> Vec<Handler> {
        let mut all = Vec::new();
        let mut names: HashSet<Arc<str>> = HashSet::new();
        let mut at = Some(Rc::clone(class));
        for _ in 0..16 {
            let Some(class) = at else { break };
            let code = Arc::clone(&class.class);
            for (index, method) in code.methods.iter().enumerate().filter(|(_, it)| !it.is_static) {
                // A method without decorators takes the place of one with them.
                if !names.insert(Arc::clone(&method.name)) || method.decorators.is_empty() {
                    continue;
                }
                let applied = self.on_member(&class, &method.decorators, &method.name);
                let mut verbs = Vec::new();
                let mut paths = Value::Undefined;
                let mut place = Place { module: class.module, span: method.function.span };
                for it in &applied {
                    let Some((super::COMMON, name, args)) = it.call() else { continue };
                    if let Some((_, verb)) = VERBS.iter().find(|(decorator, _)| *decorator == name) {
                        verbs = vec![(*verb).to_owned()];
                        paths = args.first().map_or(Value::Undefined, |it| it.value.clone());
                        place = it.place;
                    } else if name == "RequestMapping"
                        && let Some(Value::Object(mapping)) = args.first().map(|it| &it.value)
                    {
                        verbs = vec![
                            mapping.get("method").as_ref().and_then(request_method).unwrap_or_else(|| "GET".to_owned()),
                        ];
                        paths = mapping.get("path").unwrap_or(Value::Undefined);
                        place = it.place;
                    }
                }
                if !verbs.is_empty() {
                    all.push(Handler { class: Rc::clone(&class), method: index, applied, verbs, paths, place });
                }
            }
            at = match self.eval.parent(&class) {
                Value::Class(parent) => Some(parent),
                _ => None,
            };
        }
        all
    }

    /// Every method and path of a controller.
    pub(super) fn routes_of(
        &mut self,
        class: &Rc<ClassValue>,
        module_path: &Value,
        rules: &Rules,
        prefix: &PathTemplate,
    ) -> Vec<(String, PathTemplate, usize)> {
        let on_class = self.on_class(class);
        let mut all = Vec::new();
        for (index, handler) in self.handlers(class).into_iter().enumerate() {
            for template in self.full_paths(&on_class, &handler, class, module_path, rules) {
                for verb in &handler.verbs {
                    all.push((verb.clone(), rules.place(verb, &template, prefix), index));
                }
            }
        }
        all
    }

    /// The paths of a handler without the global prefix.
    fn full_paths(
        &mut self,
        on_class: &[Applied],
        handler: &Handler,
        class: &Rc<ClassValue>,
        module_path: &Value,
        rules: &Rules,
    ) -> Vec<PathTemplate> {
        let controller = on_class.iter().rev().find_map(|it| Some((it.of_common("Controller")?.to_vec(), it.place)));
        let class_place = Place { module: class.module, span: class.class.span };
        let (args, place) = controller.unwrap_or((Vec::new(), class_place));
        let (path, own_version) = match args.first().map(|it| &it.value) {
            Some(Value::Object(options)) => (options.get("path").unwrap_or(Value::Undefined), options.get("version")),
            Some(path) => (path.clone(), None),
            None => (Value::Undefined, None),
        };
        let version_of = |all: &[Applied]| {
            all.iter().rev().find_map(|it| it.of_common("Version")?.first().map(|it| it.value.clone()))
        };
        let version = version_of(&handler.applied)
            .or_else(|| version_of(on_class))
            .or(own_version)
            .or_else(|| rules.default_version.clone());
        let versions = match (&rules.version, version) {
            (Some(prefix), Some(version)) => self.versions(prefix, &version, handler.place),
            _ => vec![String::new()],
        };
        let modules = self.texts(module_path, class_place);
        let controllers = self.texts(&path, place);
        let own = self.texts(&handler.paths, handler.place);
        let mut templates: Vec<PathTemplate> = Vec::new();
        for version in &versions {
            for module in &modules {
                for controller in &controllers {
                    for own in &own {
                        let parts = [version, module, controller, own].map(|it| it.trim_matches('/').to_owned());
                        let text = parts.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join("/");
                        for template in self.templates(&text, rules.syntax, handler.place) {
                            if !templates.contains(&template) && templates.len() < 200 {
                                templates.push(template);
                            }
                        }
                    }
                }
            }
        }
        templates
    }

    fn versions(&mut self, prefix: &str, version: &Value, place: Place) -> Vec<String> {
        let items = match version {
            Value::Array(array) => array.items.borrow().clone(),
            other => vec![other.clone()],
        };
        let mut all = Vec::new();
        for item in items {
            match &item {
                Value::External(it) if it.path().last() == Some(&"VERSION_NEUTRAL") => all.push(String::new()),
                other => all.extend(self.texts(other, place).into_iter().map(|it| format!("{prefix}{it}"))),
            }
        }
        all
    }

    fn controller(&mut self, app: &mut App, class: &Rc<ClassValue>, module_path: &Value) {
        let on_class = self.on_class(class);
        let place = Place { module: class.module, span: class.class.span };
        self.reached.insert(place);
        self.found.mounted.insert(place);
        let mut steps = app.trace.clone();
        if let Some(text) = module_path.as_str().filter(|it| !it.is_empty()) {
            steps.push(self.step(StepKind::Mount, "RouterModule", Some(printable(text)), place));
        }
        let name = printable(class.class.name.as_deref().unwrap_or("(class)"));
        if let Some(it) = on_class.iter().rev().find(|it| it.of_common("Controller").is_some()) {
            let path =
                it.of_common("Controller").and_then(|it| it.first()).and_then(|it| it.value.as_str().map(printable));
            steps.push(self.step(StepKind::Prefix, &format!("@Controller {name}"), path, it.place));
        }
        for handler in self.handlers(class) {
            let mut guards = app.guards.clone();
            for it in on_class.iter().chain(&handler.applied) {
                let Some(args) = it.of_common("UseGuards") else { continue };
                for arg in args {
                    uses(&arg.value, it.place_of(arg), 0, &mut guards);
                }
            }
            let asked = Asked {
                handler: handler.applied.iter().filter_map(Applied::metadata).collect(),
                class: on_class.iter().filter_map(Applied::metadata).collect(),
            };
            let openers: Vec<(String, String)> = on_class
                .iter()
                .chain(&handler.applied)
                .filter_map(|it| it.call())
                .filter(|(package, ..)| *package != super::COMMON)
                .map(|(package, name, _)| (package.to_owned(), name.to_owned()))
                .collect();
            let mut runs = Vec::new();
            for guard in &guards {
                let verdict = self.guard(guard, &asked, &openers);
                runs.push(Runs { name: guard.name(self), verdict, place: guard.place, sure: true });
            }
            let templates = self.full_paths(&on_class, &handler, class, module_path, &app.rules);
            for (template, verb) in templates.iter().flat_map(|it| handler.verbs.iter().map(move |verb| (it, verb))) {
                let full = app.rules.place(verb, template, &app.prefix);
                self.route(app, verb, full, &handler, &runs, &steps, &name);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "everything a route is made of, used once")]
    fn route(
        &mut self,
        app: &mut App,
        verb: &str,
        path: PathTemplate,
        handler: &Handler,
        guards: &[Runs],
        steps: &[Step],
        controller: &str,
    ) {
        let id = RouteId { method: Method::new(verb), path };
        let mut runs = before(&app.before, &id);
        runs.extend(guards.iter().cloned());
        let guard = chain::guard(self.program, &runs);
        let key = (id.clone(), handler.place);
        if let Some(known) = app.seen.get(&key).and_then(|at| app.routes.get_mut(*at)) {
            if chain::strength(guard.state) < chain::strength(known.guard.state) {
                known.guard = guard;
            }
            return;
        }
        if app.routes.len() > chain::MAX_ROUTES {
            return;
        }
        let at = location(self.program, handler.place);
        let names = runs.iter().map(|it| it.name.clone()).collect();
        let code = Arc::clone(&handler.class.class);
        let shape = code
            .methods
            .get(handler.method)
            .map(|it| self.shape(&handler.class, it, &handler.applied, &id))
            .unwrap_or_default();
        let mut route = Route { chain: names, guard, shape, ..Route::new(id, at.file, at.line) };
        route.trace = steps.to_vec();
        route.trace.extend(
            runs.iter().map(|it| chain::step(self.program, StepKind::Middleware, it.name.clone(), None, it.place)),
        );
        let text = chain::callee(&chain::text(self.program, handler.place));
        let own = handler.paths.as_str().map(printable);
        route.trace.push(self.step(StepKind::Route, &format!("@{text}"), own, handler.place));
        if let Some(method) = handler.class.class.methods.get(handler.method) {
            let place = Place { module: handler.class.module, span: method.function.span };
            route.trace.push(self.step(StepKind::Handler, &format!("{controller}.{}", method.name), None, place));
        }
        app.seen.insert(key, app.routes.len());
        app.routes.push(route);
    }

    /// What is served besides controllers: documentation, GraphQL, sockets, and routes of the adapter itself.
    fn extras(&mut self, app: &mut App, at: usize) {
        let Some(calls) = self.eval.host.made.get(at).map(|it| it.calls.clone()) else { return };
        for call in calls {
            let place = call.site.place();
            let Some(first) = call.args.first() else { continue };
            let span = Place { module: call.site.module, span: first.span };
            if call.name.ends_with("SwaggerModule.setup") {
                let options = match call.args.get(3).map(|it| &it.value) {
                    Some(Value::Object(options)) => Some(Rc::clone(options)),
                    _ => None,
                };
                let flag = |name: &str| options.as_ref().and_then(|it| it.get(name));
                let prefixed = matches!(flag("useGlobalPrefix"), Some(Value::Bool(true)));
                for text in self.texts(&first.value, span) {
                    let text = text.trim_matches('/').to_owned();
                    let off = |name: &str| matches!(flag(name), Some(Value::Bool(false)));
                    let mut all = Vec::new();
                    if !off("ui") && !off("swaggerUiEnabled") {
                        all.push(text.clone());
                    }
                    if !off("raw") {
                        for (option, ending) in [("jsonDocumentUrl", "json"), ("yamlDocumentUrl", "yaml")] {
                            let named = flag(option).and_then(|it| it.as_str().map(str::to_owned));
                            all.push(named.unwrap_or_else(|| format!("{text}-{ending}")));
                        }
                    }
                    for path in all {
                        self.extra(app, "GET", &path, prefixed, place, "SwaggerModule.setup");
                    }
                }
                continue;
            }
            let verb = call.name.to_ascii_uppercase();
            let is_verb =
                VERBS.iter().any(|(_, it)| *it == verb) && call.name.chars().all(|it| it.is_ascii_lowercase());
            if is_verb && call.args.len() > 1 && matches!(first.value, Value::Str(_)) {
                for text in self.texts(&first.value, span) {
                    self.extra(app, &verb, &text, false, place, &call.name);
                }
            }
        }
        self.served(app);
        self.gateways(app);
    }

    /// A route that no controller has, and no guard of Nest's runs for.
    fn extra(&mut self, app: &mut App, verb: &str, path: &str, prefixed: bool, place: Place, name: &str) {
        for template in self.templates(path, app.rules.syntax, place) {
            let path = if prefixed { app.prefix.join(&template) } else { template };
            let id = RouteId { method: Method::new(verb), path };
            let runs = before(&app.before, &id);
            self.push_extra(app, id, &runs, place, name);
        }
    }

    fn push_extra(&mut self, app: &mut App, id: RouteId, runs: &[Runs], place: Place, name: &str) {
        if app.routes.iter().any(|it| it.id == id) {
            return;
        }
        let at = location(self.program, place);
        let guard = chain::guard(self.program, runs);
        let names = runs.iter().map(|it| it.name.clone()).collect();
        let mut route = Route { chain: names, guard, ..Route::new(id, at.file, at.line) };
        route.trace = app.trace.clone();
        route.trace.extend(
            runs.iter().map(|it| chain::step(self.program, StepKind::Middleware, it.name.clone(), None, it.place)),
        );
        route.trace.push(self.step(StepKind::Route, name, None, place));
        route.trace.push(self.step(StepKind::Handler, name, None, place));
        app.routes.push(route);
    }

    /// Modules of packages that serve something.
    fn served(&mut self, app: &mut App) {
        for external in app.graph.served.clone() {
            let External::Call(callee, args, place) = &*external else { continue };
            let path = callee.path();
            let options = match args.first().map(|it| &it.value) {
                Some(Value::Object(options)) => Some(Rc::clone(options)),
                _ => None,
            };
            let text =
                |name: &str| options.as_ref().and_then(|it| it.get(name)).and_then(|it| it.as_str().map(str::to_owned));
            if path.contains(&"GraphQLModule") {
                let prefixed =
                    matches!(options.as_ref().and_then(|it| it.get("useGlobalPrefix")), Some(Value::Bool(true)));
                let own = text("path").unwrap_or_else(|| "/graphql".to_owned());
                self.extra(app, Method::ALL, &own, prefixed, *place, "GraphQLModule");
                let at = location(self.program, *place);
                self.tell(
                    Diagnostic::new(
                        "DW2153",
                        "all operations of GraphQL are behind one route; guards of resolvers are not read",
                    )
                    .at(at)
                    .help("refuse strangers in front of the endpoint, or check each resolver by hand"),
                );
            } else if path.contains(&"PrometheusModule") {
                let own = text("path").unwrap_or_else(|| "/metrics".to_owned());
                self.extra(app, "GET", &own, true, *place, "PrometheusModule");
            } else if path.contains(&"BullBoardModule") {
                if let Some(own) = text("route") {
                    self.extra(app, Method::ALL, &format!("{own}/*path"), false, *place, "BullBoardModule");
                }
            } else {
                let root = text("serveRoot").unwrap_or_else(|| "/".to_owned());
                let at = location(self.program, *place);
                self.found.source.findings.push(
                    Diagnostic::new(
                        "DW2021",
                        format!("static files below `{}` are served to anyone", printable(&root)),
                    )
                    .at(at)
                    .help("put a guard in front of them if they are not meant for everybody"),
                );
            }
        }
    }

    /// Gateways: guards on them run for each message, and not when a socket is opened.
    fn gateways(&mut self, app: &mut App) {
        for class in app.graph.providers.clone() {
            let on_class = self.on_class(&class);
            let gateway =
                on_class.iter().find(|it| matches!(it.call(), Some(("@nestjs/websockets", "WebSocketGateway", _))));
            let Some(gateway) = gateway.cloned() else { continue };
            let args: Vec<Arg> = gateway.call().map(|(.., args)| args.to_vec()).unwrap_or_default();
            let path = args.iter().find_map(|it| match &it.value {
                Value::Object(options) => options.get("path").or_else(|| options.get("namespace")),
                _ => None,
            });
            let mut guards = Vec::new();
            for it in on_class.iter() {
                for arg in it.of_common("UseGuards").unwrap_or_default() {
                    uses(&arg.value, it.place_of(arg), 0, &mut guards);
                }
            }
            let mut runs = Vec::new();
            for guard in &guards {
                let verdict = self.guard(guard, &Asked::default(), &[]);
                runs.push(Runs { name: guard.name(self), verdict, place: guard.place, sure: false });
            }
            let name = printable(class.class.name.as_deref().unwrap_or("(class)"));
            for text in self.texts(&path.unwrap_or(Value::Undefined), gateway.place) {
                for path in self.templates(&text, app.rules.syntax, gateway.place) {
                    let id = RouteId { method: Method::new(Method::WEBSOCKET), path };
                    self.push_extra(app, id, &runs, gateway.place, &name);
                }
            }
        }
    }

    /// Controllers that no module lists.
    fn loose(&mut self) {
        let read: BTreeSet<usize> = self.found.read.clone();
        for at in read {
            let module = self.program.module(at);
            for statement in &module.body {
                let StmtKind::Class(name, code) = &statement.kind else { continue };
                let place = Place { module: at, span: code.span };
                if code.decorators.is_empty() || self.reached.contains(&place) {
                    continue;
                }
                let Some(Value::Class(class)) = self.eval.top(at, name) else { continue };
                if !self.on_class(&class).iter().any(|it| it.of_common("Controller").is_some()) {
                    continue;
                }
                let count = self.handlers(&class).len();
                let name = printable(name);
                let diagnostic = Diagnostic::new(
                    "DW2011",
                    format!(
                        "no module of an application lists the controller `{name}`; its routes ({count}) are not listed"
                    ),
                )
                .at(location(self.program, place))
                .help("add it to the `controllers` of a module, or delete it");
                if count > 0 {
                    self.found.loose.push((place, diagnostic));
                }
            }
        }
    }
}

/// The middleware that runs before a route.
fn before(all: &[Before], id: &RouteId) -> Vec<Runs> {
    let fits = |(method, path, exact): &(Option<String>, PathTemplate, bool)| {
        method.as_deref().is_none_or(|it| it == id.method.as_str()) && covers(path, *exact, &id.path)
    };
    let partly = |(method, path, exact): &(Option<String>, PathTemplate, bool)| {
        let mut path = path.clone();
        if !exact {
            path = path.join(&PathTemplate::from_segments(vec![Segment::CatchAll("rest".to_owned())]));
        }
        method.as_deref().is_none_or(|it| it == id.method.as_str() || id.method.is_all())
            && chain::overlaps(&path, &id.path)
    };
    let mut runs = Vec::new();
    for it in all.iter().filter(|it| it.routes.iter().any(fits) && !it.except.iter().any(fits)) {
        let sure = it.runs.sure && !it.except.iter().any(partly);
        runs.push(Runs { sure, ..it.runs.clone() });
    }
    // What only looks at requests is no guard, and a long list of it hides the others.
    runs.retain(|it| it.verdict.state != GuardState::Open || !it.name.is_empty());
    runs
}

/// The folder of the program that a file starts: `apps/api` of `apps/api/src/main.ts`.
fn folder_of(file: &str) -> String {
    let folder = match file.find("src/") {
        Some(at) if at == 0 || file.get(..at).is_some_and(|it| it.ends_with('/')) => file.get(..at).unwrap_or_default(),
        _ => file.rsplit_once('/').map_or("", |(folder, _)| folder),
    };
    match folder.trim_end_matches('/') {
        "" => ".".to_owned(),
        folder => folder.to_owned(),
    }
}
