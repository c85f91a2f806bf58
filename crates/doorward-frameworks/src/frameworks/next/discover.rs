//! Reads the endpoints of one project: which files there are, which methods they answer, and what runs before.

use std::collections::{BTreeMap, BTreeSet};

use doorward::diagnostic::{Diagnostic, Location};
use doorward::inventory::{Guard, GuardSeen, GuardState, Method, Route, RouteId, Step, StepKind};
use doorward::path::{PathTemplate, Segment};

use super::METHODS;
use super::actions;
use super::config::{self, Config};
use super::exports;
use super::files::{Layout, Located, Role};
use super::findings;
use super::host::{Layer, Next};
use super::middleware::{self, Before, Middleware};
use crate::js;
use crate::js::eval::Eval;
use crate::js::guards::sounds_like_auth;
use crate::js::program::Program;
use crate::js::shapes::Shapes;
use crate::js::stranger::{self, Caller, Fate, Question, Style};
use crate::js::value::{Place, Value};
use crate::project::{Found, Package};
use crate::walk::printable;

/// No project that people wrote has this many.
const MAX_ROUTES: usize = 50_000;

/// The methods by which handlers of the Pages Router are asked.
const API_METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Reads the apps of one package.
pub(crate) fn discover(program: &Program, package: &Package) -> Found {
    let mut found = Found::default();
    let mut shapes = Shapes::default();
    for root in roots(program, package) {
        let eval = Eval::lazy(program, Next::default());
        let mut reader = Reader {
            program,
            eval,
            found: Found::default(),
            root,
            config: Config::default(),
            middleware: None,
            shapes,
        };
        reader.read(package);
        let Reader { found: mut read, eval, shapes: kept, .. } = reader;
        shapes = kept;
        read.unresolved.extend(eval.problems.iter().map(|it| js::packages::problem(program, it)));
        found.read.extend(eval.read());
        found.serves |= read.serves;
        found.routes.append(&mut read.routes);
        found.unresolved.append(&mut read.unresolved);
        found.source.findings.append(&mut read.source.findings);
    }
    found.schemas = shapes.into_named();
    found
}

/// The folders in which Next.js may be started: the package's, and those that hold a configuration. With a slash at
/// the end, except for the tree itself.
fn roots(program: &Program, package: &Package) -> BTreeSet<String> {
    let own = if package.root == "." { String::new() } else { format!("{}/", package.root) };
    let mut all = BTreeSet::from([own]);
    for at in &package.modules {
        let file = &program.file(*at);
        let (folder, name) = file.rsplit_once('/').map_or(("", &**file), |(folder, name)| (folder, name));
        if name.rsplit_once('.').is_some_and(|(stem, _)| stem == "next.config") {
            all.insert(if folder.is_empty() { String::new() } else { format!("{folder}/") });
        }
    }
    all
}

pub(super) struct Reader<'p> {
    pub(super) program: &'p Program,
    pub(super) eval: Eval<'p, Next>,
    pub(super) found: Found,
    root: String,
    pub(super) config: Config,
    pub(super) middleware: Option<Middleware>,
    pub(super) shapes: Shapes,
}

/// An endpoint before its guards are known.
struct Endpoint<'a> {
    located: &'a Located,
    method: String,
    /// Where the method is exported.
    export: Place,
    handler: Value,
    module: usize,
    /// What the handler is given to, outermost first.
    wrappers: Vec<String>,
    /// It stands below `pages/api`.
    is_api: bool,
    /// Its handler answers no other method.
    sole: bool,
}

impl Reader<'_> {
    fn read(&mut self, package: &Package) {
        let files: Vec<(usize, String)> = package
            .modules
            .iter()
            .filter_map(|at| {
                let file = self.program.file(*at).to_string();
                Some((*at, file.strip_prefix(self.root.as_str())?.to_owned()))
            })
            .collect();
        let settings =
            files.iter().find(|(_, file)| file.rsplit_once('.').is_some_and(|(stem, _)| stem == "next.config"));
        if let Some((module, _)) = settings {
            self.config = config::read(&mut self.eval, self.program, *module);
            self.found.unresolved.append(&mut self.config.unresolved);
        }
        let layout = Layout::of(files.iter().map(|(_, file)| file.as_str()));
        let mut roles: Vec<(usize, Role)> =
            files.iter().filter_map(|(at, file)| Some((*at, layout.role(file, &self.config.extensions)?))).collect();
        self.found.serves = !roles.is_empty();
        roles.sort_by_cached_key(|(at, _)| self.program.file(*at).to_string());
        let candidates: Vec<usize> =
            roles.iter().filter(|(_, role)| *role == Role::Middleware).map(|(at, _)| *at).collect();
        self.middleware = middleware::read(self, &candidates, package.version.as_deref());
        for (module, role) in &roles {
            if self.found.routes.len() > MAX_ROUTES {
                break;
            }
            match role {
                Role::Handler(located) => {
                    if located.intercepts {
                        findings::interception(self, *module, located);
                    }
                    self.handlers(*module, located);
                }
                Role::Api(located) => self.api(*module, located),
                Role::Page | Role::Middleware => {}
            }
        }
        findings::middleware(self);
        actions::collect(self, package);
        findings::rewrites(self);
    }

    fn tell(&mut self, diagnostic: Diagnostic) {
        self.found.unresolved.push(diagnostic);
    }

    pub(super) fn location(&self, place: Place) -> Location {
        js::packages::location(self.program, place)
    }

    /// The methods that a `route` file exports.
    fn handlers(&mut self, module: usize, located: &Located) {
        self.eval.allow(config::STEPS);
        let exports = exports::exports(&mut self.eval, self.program, module);
        for (place, source) in &exports.unknown {
            let at = self.location(*place);
            self.tell(
                Diagnostic::new("DW2007", format!("what `{}` exports is not known here", printable(source)))
                    .at(at)
                    .help("name the methods that are exported, as in `export { GET } from …`"),
            );
        }
        for method in METHODS {
            if self.config.exported && *method != "GET" {
                continue;
            }
            let Some(place) = exports.names.get(*method).copied() else { continue };
            let handler = self.eval.exported(module, method).unwrap_or(Value::Unknown);
            let wrappers = exports::wrappers(&self.program.module(module), method);
            let method = (*method).to_owned();
            self.endpoint(&Endpoint {
                located,
                method,
                export: place,
                handler,
                module,
                wrappers,
                is_api: false,
                sole: true,
            });
        }
    }

    /// The default export of a file below `pages/api`.
    fn api(&mut self, module: usize, located: &Located) {
        self.eval.allow(config::STEPS);
        let exports = exports::exports(&mut self.eval, self.program, module);
        let code = self.program.module(module);
        let is_commonjs = !code.esm || code.exports.is_empty();
        let place = exports.names.get("default").copied();
        let handler = match place {
            Some(_) => self.eval.exported(module, "default").unwrap_or(Value::Unknown),
            None if is_commonjs => self.eval.cjs_exports(module),
            None => return,
        };
        if matches!(&handler, Value::Object(_)) && is_commonjs {
            return;
        }
        let export = place.unwrap_or(Place { module, ..Place::default() });
        let wrappers = exports::wrappers(&code, "default");
        let endpoint = |method: &str| {
            let (method, handler) = (method.to_owned(), handler.clone());
            Endpoint { located, method, export, handler, module, wrappers: wrappers.clone(), is_api: true, sole: false }
        };
        let asked: Vec<(&str, stranger::Answer)> =
            API_METHODS.iter().map(|it| (*it, self.ask(&endpoint(it), located.paths.first()))).collect();
        let answers: Vec<&str> = asked.iter().filter(|(_, it)| !it.not_allowed).map(|(method, _)| *method).collect();
        let asks_method = asked.iter().any(|(_, it)| it.reads_method) || matches!(handler, Value::Host(_));
        if !asks_method || answers.is_empty() || answers.len() == API_METHODS.len() {
            self.endpoint(&endpoint(Method::ALL));
            return;
        }
        let sole = answers.len() == 1;
        for method in answers {
            self.endpoint(&Endpoint { sole, ..endpoint(method) });
        }
    }

    /// What becomes of a stranger who asks for an endpoint.
    fn ask(&mut self, endpoint: &Endpoint, path: Option<&PathTemplate>) -> stranger::Answer {
        let methods: &[&str] = match endpoint.method.as_str() {
            Method::ALL => API_METHODS,
            method => &[method],
        };
        let paths = path.map(middleware::samples).unwrap_or_default();
        let mut worst: Option<stranger::Answer> = None;
        for method in methods {
            let question = Question {
                chain: self.chain(&endpoint.handler, method),
                style: if endpoint.is_api { Style::Responds } else { Style::Returns },
                caller: Caller::Forger,
                method: Some((*method).to_owned()),
                paths: paths.clone(),
                place: endpoint.export,
            };
            let answer = stranger::ask(&mut self.eval, self.program, &question);
            let worse = worst.as_ref().is_none_or(|it| answer.fate > it.fate);
            if methods.len() > 1 && answer.not_allowed {
                worst.get_or_insert(answer);
            } else if worse {
                worst = Some(answer);
            }
            // Every method is the same to a handler that does not ask.
            if worst.as_ref().is_some_and(|it| !it.reads_method) && !matches!(endpoint.handler, Value::Host(_)) {
                break;
            }
        }
        worst.unwrap_or(stranger::Answer {
            fate: Fate::Unsure,
            by: None,
            notices: Vec::new(),
            reads_method: false,
            reads_path: false,
            not_allowed: false,
            served: false,
            leaks: false,
            fails: false,
            left: BTreeMap::new(),
        })
    }

    /// The functions that run for `method`, where a router of `next-connect` tells them apart.
    fn chain(&self, handler: &Value, method: &str) -> Vec<Value> {
        let Value::Host(router) = handler else { return vec![handler.clone()] };
        let Some(router) = self.eval.host.routers.get(*router) else { return Vec::new() };
        let fits = |layer: &&Layer| match &layer.method {
            None => true,
            Some(of) => of == method || of == Method::ALL,
        };
        let is_answered = router.layers.iter().filter(fits).any(|it| it.method.is_some());
        if !is_answered {
            return Vec::new();
        }
        let handlers = router.layers.iter().filter(fits).flat_map(|it| &it.handlers);
        handlers.filter(|it| !matches!(it.value, Value::Str(_))).map(|it| it.value.clone()).collect()
    }

    fn endpoint(&mut self, endpoint: &Endpoint) {
        if endpoint.located.paths.iter().any(|it| matches!(it.segments().last(), Some(Segment::CatchAll(_)))) {
            findings::delegation(self, &endpoint.handler, endpoint.export);
        }
        for inner in &endpoint.located.paths {
            let path = self.config.base.join(inner);
            let id = RouteId { method: Method::new(&endpoint.method), path: path.clone() };
            let at = self.location(endpoint.export);
            if path.to_string().chars().any(char::is_control) {
                self.tell(
                    Diagnostic::new("DW2014", "a folder's name holds control characters").at(at).help("rename it"),
                );
                continue;
            }
            let mut route = Route::new(id, at.file.clone(), at.line);
            let before = self.before(inner, &endpoint.method);
            let answer = self.ask(endpoint, Some(inner));
            findings::notices(self, &answer.notices, before.as_ref(), endpoint.is_api);
            route.chain = before.iter().map(|it| it.name.clone()).chain(endpoint.wrappers.iter().cloned()).collect();
            route.trace = self.trace(endpoint, &path, before.as_ref());
            route.guard = self.guard(&answer, before.as_ref(), endpoint);
            // Where several methods share a handler, a schema may be meant for one of them.
            let is_shared = endpoint.is_api && answer.reads_method;
            if !is_shared || endpoint.sole {
                route.shape = self.shape(&endpoint.handler, endpoint.is_api);
            }
            self.found.routes.push(route);
        }
    }

    /// The protection of the middleware and of the handler together.
    fn guard(&self, answer: &stranger::Answer, before: Option<&Before>, endpoint: &Endpoint) -> Guard {
        let own = match answer.fate {
            Fate::Refused => GuardState::Guarded,
            Fate::Unsure => GuardState::Unsure,
            Fate::Nothing | Fate::Served => GuardState::Open,
        };
        let outer = before.map_or(GuardState::Open, |it| it.state);
        let state = match (own, outer) {
            (GuardState::Guarded, _) | (_, GuardState::Guarded) => GuardState::Guarded,
            (GuardState::Unsure, _) | (_, GuardState::Unsure) => GuardState::Unsure,
            _ => GuardState::Open,
        };
        let mut by = Vec::new();
        if let Some(before) = before.filter(|it| it.state != GuardState::Open) {
            let at = self.location(before.place);
            let origin = before.origin.clone();
            by.push(GuardSeen { name: before.name.clone(), origin, file: at.file, line: at.line, asks: None });
        }
        if own != GuardState::Open {
            let place = answer.by.as_ref().map_or(endpoint.export, |it| it.place);
            let at = self.location(place);
            // A wrapper that refuses is called by its name.
            let likely = endpoint.wrappers.iter().find(|it| sounds_like_auth(it)).or(endpoint.wrappers.first());
            let wrapped = likely.filter(|_| place.module != endpoint.module).cloned();
            let name = wrapped.or_else(|| answer.by.as_ref().map(|it| it.name.clone()));
            let origin = answer.by.as_ref().and_then(|it| it.package.clone()).unwrap_or_else(|| at.file.clone());
            let name = printable(&name.unwrap_or_else(|| "the handler".to_owned()));
            by.push(GuardSeen { name, origin, file: at.file, line: at.line, asks: None });
        }
        Guard { state, by }
    }

    /// How the route came to be.
    fn trace(&self, endpoint: &Endpoint, path: &PathTemplate, before: Option<&Before>) -> Vec<Step> {
        let file = printable(&self.program.file(endpoint.module));
        let mut steps = Vec::new();
        if let Some(place) = self.config.base_place {
            let at = self.location(place);
            let base = self.config.base.to_string();
            let text = format!("basePath: \"{base}\"");
            steps.push(Step { kind: StepKind::Prefix, text, path: Some(base), file: at.file, line: at.line });
        }
        for (folder, adds) in &endpoint.located.folders {
            let path = (!adds.is_empty()).then(|| printable(adds));
            steps.push(Step { kind: StepKind::Prefix, text: printable(folder), path, file: file.clone(), line: 1 });
        }
        if let Some(before) = before {
            let at = self.location(before.place);
            let text = before.name.clone();
            steps.push(Step { kind: StepKind::Middleware, text, path: None, file: at.file, line: at.line });
        }
        let at = self.location(endpoint.export);
        let text = match endpoint.method.as_str() {
            Method::ALL => "export default".to_owned(),
            method => format!("export {method}"),
        };
        let path = Some(path.to_string());
        steps.push(Step { kind: StepKind::Route, text, path, file: at.file.clone(), line: at.line });
        for wrapper in &endpoint.wrappers {
            let text = printable(wrapper);
            steps.push(Step { kind: StepKind::Middleware, text, path: None, file: at.file.clone(), line: at.line });
        }
        if let Value::Function(closure) = &endpoint.handler {
            let place = Place { module: closure.module, span: closure.function.span };
            let at = self.location(place);
            let text = closure.function.name.as_deref().map_or_else(|| endpoint.method.clone(), printable);
            steps.push(Step { kind: StepKind::Handler, text, path: None, file: at.file, line: at.line });
        }
        steps
    }
}
