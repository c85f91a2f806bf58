//! Reads the routes of axum programs.
//!
//! A router is the chain of calls that made it. The calls are gone through in their order: each adds routes, or
//! wraps those that are there already.

use std::collections::HashMap;
use std::rc::Rc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::{GuardState, Method, StepKind};
use doorward::path::PathTemplate;

use super::methods;
use super::templates;
use crate::frameworks::rust::{Entry, Handler, Layer, MAX_WALKS, Reader, unroll};
use crate::project::{Found, Package};
use crate::rs::ir::Name;
use crate::rs::program::Program;
use crate::rs::value::{Arg, Branch, Term, TermKind, Value};
use crate::source::Place;
use crate::walk::printable;

/// Calls that make a router into something that is served.
const ENDS: &[&str] = &[
    "into_make_service",
    "into_make_service_with_connect_info",
    "into_service",
    "as_service",
    "oneshot",
    "ready",
    "call",
    "has_routes",
];

/// Calls that change nothing about routes.
const HARMLESS: &[&str] = &[
    "with_state",
    "reset_fallback",
    "finish_api",
    "finish_api_with",
    "with_path_items",
    "method_not_allowed_fallback",
    "split_for_parts",
    "into_openapi",
    "get_openapi",
    "to_openapi",
    "without_v07_checks",
    "default_layer",
    "boxed",
    "into_inner",
    "iter",
    "as_ref",
];

/// Reads one package.
pub(crate) fn discover(program: &Program, package: &Package) -> Found {
    let mut axum = Axum {
        reader: Reader::new(program, package, knows),
        memo: HashMap::new(),
        walks: 0,
        guards: Vec::new(),
        old: package.version.as_deref().is_some_and(is_old),
    };
    axum.read();
    let Axum { mut reader, guards, .. } = axum;
    let findings = crate::frameworks::rust::conditional(&reader, &guards);
    reader.found.source.findings.extend(findings);
    reader.finish(&["axum", "axum_extra", "aide", "utoipa_axum"])
}

/// Before 0.8, `:name` was the value of a segment.
fn is_old(version: &str) -> bool {
    let digits: Vec<u32> =
        version.split(|it: char| !it.is_ascii_digit()).filter_map(|it| it.parse().ok()).take(2).collect();
    matches!(digits.as_slice(), [0, minor] if *minor < 8)
}

fn knows(path: &[Name]) -> bool {
    let has = |words: &[&str]| path.iter().any(|it| words.contains(&&**it));
    match path.first().map(|it| &**it) {
        Some("axum" | "axum_extra" | "aide") => {
            is_router(path) || has(&["MethodRouter", "routing", "serve", "Server", "middleware", "MethodFilter"])
        }
        Some("utoipa_axum") => true,
        Some("tower_http") => has(&["validate_request", "auth", "ServeDir", "ServeFile"]),
        Some("axum_login") => has(&["login_required", "permission_required", "predicate_required"]),
        Some("axum_server") => true,
        _ => false,
    }
}

fn is_router(path: &[Name]) -> bool {
    matches!(path.first().map(|it| &**it), Some("axum" | "axum_extra" | "aide" | "utoipa_axum"))
        && path.iter().any(|it| matches!(&**it, "Router" | "OpenApiRouter" | "ApiRouter"))
}

/// The routes of a router, before it is mounted.
#[derive(Debug, Default, Clone)]
pub(super) struct Model {
    pub(super) routes: Vec<Entry>,
    pub(super) fallback: Vec<Entry>,
    /// Routers of which nothing but the type is known.
    pub(super) unknown: Vec<Place>,
}

pub(super) struct Axum<'p> {
    pub(super) reader: Reader<'p>,
    pub(super) memo: HashMap<*const Term, Rc<Model>>,
    pub(super) walks: usize,
    /// Guards and the branch of a route they were meant for.
    pub(super) guards: Vec<(Rc<Layer>, Branch)>,
    pub(super) old: bool,
}

impl Axum<'_> {
    fn read(&mut self) {
        let served = |term: &Rc<Term>| {
            matches!(&term.kind, TermKind::Method(_, name, _, _) if ENDS.contains(&&**name) && is_router(&term.head))
                || (matches!(term.kind, TermKind::Call(..))
                    && term.head.iter().any(|it| matches!(&**it, "serve" | "Server" | "axum_server")))
        };
        let roots = self.reader.roots(is_router, ENDS);
        let is_program = {
            let package = self.reader.package;
            self.reader.program.crates.iter().any(|it| it.package == package && it.program)
        };
        let mut found = false;
        let mut told = std::collections::HashSet::new();
        for root in roots {
            let value = Value::Term(Rc::clone(&root));
            let model = self.model(&value);
            if self.reader.is_dead(&root) {
                self.unmounted(&root, &model);
                continue;
            }
            found = true;
            for place in &model.unknown {
                if told.insert(*place) && !model.routes.is_empty() {
                    self.uncalled(*place);
                }
            }
            if !model.unknown.is_empty()
                && model.routes.iter().all(|it| it.steps.is_empty())
                && model.unknown.len() == 1
            {
                // A function that adds routes to a router it is given, and that nobody calls.
                continue;
            }
            let app = self.app_step(&value);
            for entry in model.routes.iter().chain(&model.fallback) {
                let mut entry = entry.clone();
                entry.steps.splice(0..0, app.clone());
                let branch = Rc::clone(&entry.branch);
                self.guards.extend(
                    entry
                        .layers
                        .iter()
                        .filter(|it| it.verdict.state == GuardState::Guarded && !branch.starts_with(&it.branch))
                        .map(|it| (Rc::clone(it), Rc::clone(&branch))),
                );
                self.reader.add(entry);
            }
        }
        self.reader.found.serves = found && (is_program || self.reader.eval.log.iter().any(|(it, _)| served(it)));
    }

    /// Where the outermost router is made.
    fn app_step(&self, root: &Value) -> Option<doorward::inventory::Step> {
        let (base, calls) = unroll(root);
        let (text, place) = match (&base, calls.first()) {
            (Value::Term(term), _) => (term.text.to_string(), term.place),
            (_, Some(first)) => ("router".to_owned(), first.place),
            _ => return None,
        };
        Some(self.reader.step(StepKind::App, text + "()", None, place))
    }

    fn unmounted(&mut self, root: &Rc<Term>, model: &Model) {
        if model.routes.is_empty() {
            return;
        }
        let diagnostic = Diagnostic::new("DW2011", "a router is made here that nothing mounts or serves")
            .at(self.reader.location(root.place))
            .help("mount it, or delete the function that makes it");
        self.reader.found.loose.push((root.place, diagnostic));
    }

    fn uncalled(&mut self, place: Place) {
        let diagnostic =
            Diagnostic::new("DW2017", "routes are added to a router that this function is given, and nothing calls it")
                .at(self.reader.location(place))
                .help("call the function where the application is made, or delete it");
        self.reader.found.loose.push((place, diagnostic));
    }

    /// The routes of a value that is used as a router.
    pub(super) fn model(&mut self, value: &Value) -> Rc<Model> {
        self.walks += 1;
        if self.walks > MAX_WALKS {
            return Rc::default();
        }
        match value {
            Value::Term(term) => {
                let key = Rc::as_ptr(term);
                if let Some(known) = self.memo.get(&key) {
                    return Rc::clone(known);
                }
                self.memo.insert(key, Rc::default());
                let model = Rc::new(self.chain(value));
                self.memo.insert(key, Rc::clone(&model));
                model
            }
            Value::Either(all) => {
                let mut model = Model::default();
                for one in all.iter() {
                    model.add(&self.model(one));
                }
                Rc::new(model)
            }
            Value::Cell(inner) => {
                let inner = inner.borrow().clone();
                self.model(&inner)
            }
            Value::Typed(typed) => Rc::new(Model { unknown: vec![typed.place], ..Model::default() }),
            Value::Tuple(all) | Value::List(all) => match all.first() {
                Some(first) => self.model(&first.clone()),
                None => Rc::default(),
            },
            _ => Rc::default(),
        }
    }

    fn chain(&mut self, value: &Value) -> Model {
        let (base, calls) = unroll(value);
        let mut model = match &base {
            Value::Term(term) => self.base(term),
            Value::Either(_) | Value::Typed(_) | Value::Cell(_) => (*self.model(&base)).clone(),
            _ => Model::default(),
        };
        for call in &calls {
            if let TermKind::Method(_, name, _, args) = &call.kind {
                self.call(&mut model, call, name, args);
            }
            if model.routes.len() > crate::frameworks::rust::MAX_ROUTES {
                break;
            }
        }
        model
    }

    /// What a chain starts with: `Router::new()`, `Router::from(other)`, the first of two parts.
    fn base(&mut self, term: &Rc<Term>) -> Model {
        match &term.kind {
            TermKind::Index(inner, 0) => (*self.model(&inner.clone())).clone(),
            TermKind::Call(_, args) if is_router(&term.head) => {
                let mut model = Model::default();
                for arg in args {
                    if self.is_router_value(&arg.value) {
                        model.add(&self.model(&arg.value));
                    }
                }
                model
            }
            _ => Model::default(),
        }
    }

    pub(super) fn is_router_value(&self, value: &Value) -> bool {
        match value {
            Value::Either(all) => all.iter().any(|it| self.is_router_value(it)),
            Value::Cell(inner) => self.is_router_value(&inner.borrow()),
            Value::Tuple(all) => all.first().is_some_and(|it| self.is_router_value(it)),
            value => self.reader.eval.head(value).is_some_and(|it| is_router(&it)),
        }
    }

    fn call(&mut self, model: &mut Model, call: &Rc<Term>, name: &str, args: &[Arg]) {
        match (name, args) {
            (
                "route" | "api_route" | "route_with_tsr" | "api_route_with" | "api_route_docs" | "api_route_docs_with",
                [path, handler, ..],
            ) => {
                self.route(model, call, path, handler);
            }
            ("route_service" | "route_service_with_tsr", [path, service, ..]) => {
                for path in self.paths(path, call) {
                    let entry = self.entry(call, Method::ALL, path, service, "route_service");
                    model.routes.push(entry);
                }
            }
            ("nest" | "nest_api_service" | "nest_service", [path, inner, ..]) => {
                self.nest(model, call, name, path, inner)
            }
            ("merge", [other, ..]) => self.merge(model, call, other),
            ("fallback" | "fallback_service", [handler, ..]) => self.fallback(model, call, handler),
            ("layer" | "route_layer", [layer, ..]) => self.layer(model, call, name, layer),
            ("routes", [routes, ..]) => self.openapi_routes(model, call, &routes.value.clone()),
            (name, [handler, ..]) if methods::typed(name).is_some() => {
                let method = methods::typed(name).unwrap_or(Method::ALL);
                self.typed(model, call, &Method::new(method), handler);
            }
            (name, _) if HARMLESS.contains(&name) || ENDS.contains(&name) => {}
            (_, []) => {}
            _ => {
                let diagnostic = Diagnostic::new(
                    "DW2016",
                    format!("`{}` is given a router, and may add routes to it", printable(name)),
                )
                .at(self.reader.location(call.place))
                .help("read what it does; routes that it adds are not in the inventory");
                self.reader.tell(diagnostic);
            }
        }
    }

    pub(super) fn entry(&self, call: &Rc<Term>, method: &str, path: PathTemplate, handler: &Arg, name: &str) -> Entry {
        Entry {
            method: Method::new(method),
            text: format!("{name}(\"{path}\", {})", handler.text),
            path,
            place: call.place,
            branch: Rc::clone(&call.branch),
            handler: Handler::of(handler),
            layers: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// The paths that an argument may be.
    pub(super) fn paths(&mut self, path: &Arg, call: &Rc<Term>) -> Vec<PathTemplate> {
        let mut all = Vec::new();
        for value in path.value.each() {
            match value.as_str().map(|it| templates::parse(it, self.old)) {
                Some(Ok(template)) => all.push(template),
                Some(Err(code)) => {
                    let text = value.as_str().map(printable).unwrap_or_default();
                    let diagnostic = Diagnostic::new(code, format!("`{text}` is not a path that a router takes"))
                        .at(self.reader.location(call.place))
                        .help("begin it with `/`, and write values as `{name}`");
                    self.reader.tell(diagnostic);
                }
                None => {
                    let diagnostic = Diagnostic::new("DW2003", "the path is only known when the program runs")
                        .at(self.reader.location(path.place))
                        .help("use a literal or a constant; until then, what is behind it is not listed");
                    self.reader.tell(diagnostic);
                }
            }
        }
        all
    }

    fn route(&mut self, model: &mut Model, call: &Rc<Term>, path: &Arg, handler: &Arg) {
        let paths = self.paths(path, call);
        let answers = self.methods(&handler.value);
        if answers.is_empty() {
            let diagnostic = Diagnostic::new(
                "DW2008",
                "a route is registered with methods that are only known when the program runs",
            )
            .at(self.reader.location(call.place))
            .help("register it with `get`, `post` and so on, so that it can be named in a policy");
            self.reader.tell(diagnostic);
        }
        for path in paths {
            if answers.is_empty() {
                let entry = self.entry(call, Method::ALL, path.clone(), handler, "route");
                model.routes.push(entry);
            }
            for answer in &answers {
                let method = match self.is_websocket(&answer.handler) {
                    true => Method::WEBSOCKET,
                    false => &answer.method,
                };
                let mut entry = self.entry(call, method, path.clone(), &answer.handler, "route");
                entry.text = format!("route(\"{path}\", {}({}))", answer.method.to_lowercase(), answer.handler.text);
                if answer.branch.len() > entry.branch.len() {
                    entry.branch = Rc::clone(&answer.branch);
                }
                for layer in &answer.layers {
                    let layer = self.judged(layer);
                    self.wrap(&mut entry, &layer, "layer");
                }
                model.routes.push(entry);
            }
        }
    }

    pub(super) fn methods(&mut self, value: &Value) -> Vec<methods::Answer> {
        let mut work = methods::Work::default();
        methods::read(value, &mut work, 0);
        for (place, name) in work.unknown {
            let diagnostic = Diagnostic::new(
                "DW2016",
                format!("`{}` is given the handlers of a route, and may change them", printable(&name)),
            )
            .at(self.reader.location(place))
            .help("read what it does; handlers that it adds are not in the inventory");
            self.reader.tell(diagnostic);
        }
        work.answers
    }

    fn is_websocket(&self, handler: &Arg) -> bool {
        let handler = Handler::of(handler);
        let is = |ty: &crate::rs::ir::Type| ty.path().is_some_and(|it| it.last() == "WebSocketUpgrade");
        handler.functions.iter().any(|it| it.function.params.iter().any(|it| is(&it.ty)))
    }

    /// Judges a layer.
    pub(super) fn judged(&mut self, (arg, place, branch): &(Arg, Place, Branch)) -> Rc<Layer> {
        let verdict = self.reader.judge(&arg.value, &arg.text, 0);
        Rc::new(Layer { text: arg.text.to_string(), place: *place, branch: Rc::clone(branch), verdict })
    }

    pub(super) fn wrap(&self, entry: &mut Entry, layer: &Rc<Layer>, name: &str) {
        entry.layers.insert(0, Rc::clone(layer));
        entry
            .steps
            .insert(0, self.reader.step(StepKind::Middleware, format!("{name}({})", layer.text), None, layer.place));
    }

    fn layer(&mut self, model: &mut Model, call: &Rc<Term>, name: &str, layer: &Arg) {
        let layer = self.judged(&(layer.clone(), call.place, Rc::clone(&call.branch)));
        for entry in &mut model.routes {
            self.wrap(entry, &layer, name);
        }
        if name == "layer" {
            for entry in &mut model.fallback {
                self.wrap(entry, &layer, name);
            }
        }
    }
}

impl Model {
    pub(super) fn add(&mut self, other: &Self) {
        self.routes.extend(other.routes.iter().cloned());
        self.fallback.extend(other.fallback.iter().cloned());
        self.unknown.extend(&other.unknown);
    }
}
