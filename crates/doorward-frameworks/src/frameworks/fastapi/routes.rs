//! One route, with what stands before it.

use std::rc::Rc;

use doorward::diagnostic::{Diagnostic, Location};
use doorward::inventory::{Guard, GuardSeen, GuardState, Method, Route, RouteId, Step, StepKind};
use doorward::shape::Shape;

use super::VERBS;
use super::discover::{Context, Reader};
use super::guards::{Dependency, Judged};
use super::host::{Entry, Methods, RouteKind};
use super::parameters::depends;
use super::paths::{self, Known};
use crate::py::eval::{Site, span};
use crate::py::value::{Arg, Args, Class, Place, Value};
use crate::walk::printable;

impl<'p> Reader<'p> {
    #[expect(clippy::too_many_arguments, reason = "each is a part of one registration")]
    pub(super) fn route(
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
        context.tags.extend(tags(args));
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
            let shape = if kind == RouteKind::Api {
                let callables: Vec<Value<'p>> =
                    context.dependencies.iter().map(|(it, _)| it.callable.clone()).collect();
                let template = paths::template(&whole.text).unwrap_or_default();
                self.shape(&template, &value, args, &callables, &context.tags)
            } else {
                Shape::default()
            };
            let handler = handler.filter(|it| !matches!(it.value, Value::Unknown));
            self.add(&methods, &whole, &entry.site, &context, guards, (handler, &shape));
        }
    }

    /// The dependencies of a handler's own parameters, and of the class around it.
    pub(super) fn own_dependencies(&mut self, handler: &Value<'p>) -> Vec<Dependency<'p>> {
        let mut parameters = self.view_parameters(handler);
        parameters.extend(self.parameters(handler));
        parameters.iter().filter_map(|it| Some(Dependency { callable: it.depends()?, place: it.place })).collect()
    }

    /// A list of dependencies, and whether each is there for sure.
    pub(super) fn listed(&mut self, arg: Option<&Arg<'p>>) -> Vec<(Dependency<'p>, bool)> {
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
    pub(super) fn documents(&mut self, args: &Rc<Args<'p>>, site: &Site, context: &Context<'p>) {
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
            self.add(&["GET".to_owned()], &path, site, context, Vec::new(), (None, &Shape::default()));
        }
    }

    pub(super) fn add(
        &mut self,
        methods: &[String],
        path: &Known,
        site: &Site,
        context: &Context<'p>,
        guards: Vec<(String, Judged<'p>, Place)>,
        (handler, shape): (Option<&Arg<'p>>, &Shape),
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
            route.shape = shape.clone();
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

    pub(super) fn guard(
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
            let state = match judged.state {
                GuardState::Guarded if context.changed => GuardState::Unsure,
                state => state,
            };
            see(&mut guard, state, name, &judged.origin, location);
        }
        guard
    }

    pub(super) fn trace(
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
    pub(super) fn prefixes(&mut self, arg: Option<&Arg<'p>>) -> Vec<Known> {
        match paths::known(arg.map(|it| &it.value)) {
            Some(all) => all,
            None => {
                self.unknown_path(arg.map_or_else(Place::default, |it| it.place));
                Vec::new()
            }
        }
    }

    pub(super) fn extend_prefix(
        &mut self,
        context: &mut Context<'p>,
        prefix: &Known,
        name: &str,
        arg: Option<&Arg<'p>>,
    ) {
        if let (false, Some(arg)) = (prefix.text.is_empty(), arg) {
            context.steps.push(self.step(StepKind::Prefix, name, Some(prefix.text.clone()), arg.place));
            self.assumed(prefix, Some(arg));
        }
        context.prefix = joined(&context.prefix, prefix);
    }

    pub(super) fn assumed(&mut self, known: &Known, arg: Option<&Arg<'p>>) {
        if let (true, Some(arg)) = (known.assumed, arg) {
            let text = printable(&known.text);
            self.tell("DW2010", arg.place, || {
                Diagnostic::new("DW2010", format!("the environment may change this path; `{text}` is assumed"))
                    .help("run doorward with the settings of the deployment in the source, or check the routes by hand")
            });
        }
    }
}

/// Literal tags.
pub(super) fn tags(args: &Args) -> Vec<String> {
    match args.named("tags") {
        Some(Value::List(list)) => list.items.borrow().iter().filter_map(|it| it.as_str().map(printable)).collect(),
        _ => Vec::new(),
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

pub(super) fn joined(prefix: &Known, path: &Known) -> Known {
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
