//! What a program does to its applications and routers, in the order it does it.

use std::rc::Rc;

use super::{APPS, HARMLESS_TAKERS, ROUTERS, SERVING, VERBS};
use crate::py::eval::{Host, Site};
use crate::py::value::{Arg, Args, External, List, ListKind, Place, Value};

use super::entry::copied;
pub(crate) use super::entry::{Entry, Own};
use super::probe::{Probe, Seen};

/// Something the host made.
#[derive(Debug)]
pub(crate) struct Made<'p> {
    pub(crate) kind: Kind<'p>,
    pub(crate) args: Rc<Args<'p>>,
    pub(crate) site: Site,
    /// The module whose code made it, if need be by calling a function of another.
    pub(crate) owner: usize,
    /// What the program calls it first.
    pub(crate) name: Option<String>,
    /// What comes before everything registered from now on: the program may change both.
    pub(crate) own: Own<'p>,
    pub(crate) entries: Vec<Entry<'p>>,
    /// Foreign code that was given it.
    pub(crate) escapes: Vec<Site>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind<'p> {
    /// `FastAPI()` (`true`) or `Starlette()`.
    App(bool),
    Router,
    /// What `app.get("/")` gives: the next function called with it is the handler.
    Decorator(usize, Pending<'p>),
    /// A decorator that registers nothing we list, such as `app.exception_handler`.
    Passing,
    /// `app.routes`.
    List(usize),
    /// Part of a request that a question is about.
    Probe(Seen),
    /// `app.dependency_overrides`.
    Overrides,
}

/// What a decorator will do.
#[derive(Debug, Clone)]
pub(crate) enum Pending<'p> {
    Route(Methods, RouteKind, Rc<Args<'p>>, Site),
    /// `@app.middleware("http")`.
    Middleware,
    /// `@app.on_event("startup")`.
    Startup,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Methods {
    Known(Vec<String>),
    /// Only known when the program runs.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteKind {
    /// FastAPI reads the signature and runs dependencies.
    Api,
    /// Starlette gives the request, and nothing else happens.
    Plain,
    /// A WebSocket with dependencies.
    WebSocket,
    /// One without.
    PlainWebSocket,
}

#[derive(Debug, Clone)]
pub(crate) enum What<'p> {
    Route {
        path: Option<Arg<'p>>,
        methods: Methods,
        handler: Option<Arg<'p>>,
        kind: RouteKind,
        args: Rc<Args<'p>>,
    },
    Include {
        router: Option<Arg<'p>>,
        args: Rc<Args<'p>>,
    },
    Mount {
        path: Option<Arg<'p>>,
        app: Option<Arg<'p>>,
        args: Rc<Args<'p>>,
    },
    /// A class with its arguments.
    Middleware {
        class: Option<Arg<'p>>,
        args: Rc<Args<'p>>,
    },
    /// A function of the request and what is called next.
    Function {
        function: Arg<'p>,
    },
    /// An item of a list of routes: `Route(…)`, `Mount(…)`.
    Item {
        item: Arg<'p>,
    },
}

/// A call worth a finding.
#[derive(Debug, Clone)]
pub(crate) struct Noticed<'p> {
    pub(crate) name: String,
    pub(crate) args: Rc<Args<'p>>,
    pub(crate) site: Site,
}

#[derive(Debug, Default)]
pub(crate) struct FastApi<'p> {
    pub(crate) made: Vec<Made<'p>>,
    pub(crate) noticed: Vec<Noticed<'p>>,
    /// While a question is asked: who the caller is.
    pub(crate) probe: Option<Probe>,
    /// Each time the next application was called meanwhile: whether that was certain.
    pub(crate) passed: Vec<bool>,
    /// Meanwhile: the path that is asked for, if it is known, and what an ASGI application sends.
    pub(crate) path: Option<String>,
    pub(crate) sent: Vec<Value<'p>>,
    /// Where responses were made of the answer of the next application.
    pub(crate) wrapping: Vec<Place>,
    /// Dependencies of routes that the program looked at, and how many there were.
    pub(crate) shown: Vec<(Place, Rc<List<'p>>, usize)>,
    /// While modules are loaded that no application imports: how many objects there were before.
    pub(crate) late: Option<usize>,
    /// Functions that run when an application starts, and the application.
    pub(crate) startup: Vec<(usize, Value<'p>)>,
    /// What modules that nothing imports did to applications.
    pub(crate) unreached: Vec<Site>,
    /// The module that is being loaded.
    loader: usize,
    /// While a question is asked: whether claims were read that nobody verified.
    pub(crate) unverified: bool,
    /// Dependencies, and what is called in their place.
    pub(crate) overrides: Vec<(Value<'p>, Value<'p>)>,
}

/// Calls of packages that findings are about, by the last part of their name.
static NOTICED: &[&str] = &[
    "decode",
    "authenticate_request",
    "authenticate_request_async",
    "verify_token",
    "verify_token_async",
    "ClerkHTTPBearer",
];

/// Functions that register routes: the kind of route, and what the handler is called if it is given. Without that,
/// they give a decorator for it.
static REGISTERING: &[(&str, RouteKind, Option<&str>)] = &[
    ("api_route", RouteKind::Api, None),
    ("route", RouteKind::Plain, None),
    ("websocket", RouteKind::WebSocket, None),
    ("websocket_route", RouteKind::PlainWebSocket, None),
    ("add_api_route", RouteKind::Api, Some("endpoint")),
    ("add_route", RouteKind::Plain, Some("route")),
    ("add_api_websocket_route", RouteKind::WebSocket, Some("endpoint")),
    ("add_websocket_route", RouteKind::PlainWebSocket, Some("route")),
];

impl<'p> FastApi<'p> {
    pub(crate) fn make(&mut self, kind: Kind<'p>, args: Rc<Args<'p>>, site: &Site) -> Value<'p> {
        // Programs make thousands of objects, not millions.
        if self.made.len() > 200_000 {
            return Value::Unknown;
        }
        let site = site.clone();
        let owner = self.loader;
        let own = Own::of(&args).now();
        self.made.push(Made { kind, args, site, owner, name: None, own, entries: Vec::new(), escapes: Vec::new() });
        Value::Host(self.made.len() - 1)
    }

    fn add(&mut self, object: usize, what: What<'p>, site: &Site) {
        if self.late.is_some_and(|before| object < before)
            && self.made.get(object).is_some_and(|it| matches!(it.kind, Kind::App(_)))
        {
            self.unreached.push(site.clone());
            return;
        }
        if let Some(made) = self.made.get_mut(object) {
            made.entries.push(Entry { own: made.own.now(), ..Entry::new(what, site.clone()) });
        }
    }

    /// The list of dependencies of a router, which the program may change.
    fn own_dependencies(&mut self, object: usize, site: &Site) -> Value<'p> {
        let Some(made) = self.made.get_mut(object) else { return Value::Unknown };
        let own = made.own.dependencies.get_or_insert_with(|| Arg { value: Value::None, place: site.place() });
        if matches!(own.value, Value::None) {
            own.value = Value::list(ListKind::List, Vec::new(), false, made.site.branch.len());
        }
        own.value.clone()
    }

    /// Tells which routes lost dependencies that the program took out of their lists.
    pub(crate) fn settle(&mut self) {
        for (place, list, count) in std::mem::take(&mut self.shown) {
            if list.open.get() || list.items.borrow().len() != count {
                let entries = self.made.iter_mut().flat_map(|it| &mut it.entries);
                entries.filter(|it| it.site.place() == place).for_each(|it| it.changed = true);
            }
        }
    }

    /// A route of `app.routes` is not what it was when it was registered.
    fn changed(&mut self, route: &External<'p>) {
        let mut at = route;
        // `route.dependant.dependencies`
        while let External::Member(of, _) = at {
            at = of;
        }
        let Some((_, _, place)) = at.called() else { return };
        let entries = self.made.iter_mut().flat_map(|it| &mut it.entries);
        entries.filter(|it| it.site.place() == place).for_each(|it| it.changed = true);
    }

    /// `app.dependency_overrides = {…}`.
    fn overriding(&mut self, table: &Value<'p>) {
        if let (Value::Dict(table), None) = (table, self.late) {
            self.overrides.extend(table.items.borrow().iter().cloned());
        }
    }

    fn decorator(&mut self, object: usize, pending: Pending<'p>, site: &Site) -> Value<'p> {
        self.make(Kind::Decorator(object, pending), Rc::default(), site)
    }

    /// A change of `app.routes`.
    fn list_method(&mut self, owner: usize, name: &str, args: &Args<'p>, site: &Site) {
        match (name, args.positional.first()) {
            ("append", Some(item)) => self.add(owner, What::Item { item: item.clone() }, site),
            ("insert", _) => {
                if let Some(item) = args.positional.get(1) {
                    self.add(owner, What::Item { item: item.clone() }, site);
                }
            }
            ("extend", Some(arg)) => match &arg.value {
                Value::List(list) => {
                    for value in list.items.borrow().iter() {
                        let item = Arg { value: value.clone(), place: arg.place };
                        self.add(owner, What::Item { item }, site);
                    }
                }
                // The routes of another router.
                Value::Host(other) => {
                    if let Some(Kind::List(of)) = self.made.get(*other).map(|it| it.kind.clone()) {
                        let router = Some(Arg { value: Value::Host(of), place: arg.place });
                        self.add(owner, What::Include { router, args: Rc::default() }, site);
                    }
                }
                _ => self.add(owner, What::Item { item: Arg { value: Value::Unknown, place: arg.place } }, site),
            },
            _ => {}
        }
    }

    /// A method of an application or of a router.
    fn register(&mut self, object: usize, name: &str, args: &Args<'p>, site: &Site) -> Value<'p> {
        let mut own = args.clone();
        // What is done to the list later does not reach what is registered now.
        for (_, arg) in own.keywords.iter_mut().filter(|(name, _)| &**name == "dependencies") {
            arg.value = copied(&arg.value);
        }
        let shared = Rc::new(own);
        if let Some((_, kind, handler)) = REGISTERING.iter().find(|it| it.0 == name) {
            let is_websocket = matches!(kind, RouteKind::WebSocket | RouteKind::PlainWebSocket);
            let methods = if is_websocket { websocket() } else { methods_of(args) };
            let Some(handler) = handler else {
                return self.decorator(object, Pending::Route(methods, *kind, shared, site.clone()), site);
            };
            let (path, handler) = (args.arg(0, "path").cloned(), args.arg(1, handler).cloned());
            self.add(object, What::Route { path, methods, handler, kind: *kind, args: shared }, site);
            return Value::None;
        }
        let what = match name {
            // `getattr(app, method)(path)` has no name.
            verb if verb.is_empty() || VERBS.contains(&verb) => {
                let known = Methods::Known(vec![verb.to_ascii_uppercase()]);
                let methods = if verb.is_empty() { Methods::Unknown } else { known };
                return self.decorator(object, Pending::Route(methods, RouteKind::Api, shared, site.clone()), site);
            }
            "middleware" => return self.decorator(object, Pending::Middleware, site),
            "on_event" => return self.decorator(object, Pending::Startup, site),
            "add_event_handler" => {
                self.startup.extend(args.get(1, "func").map(|it| (object, it.clone())));
                return Value::None;
            }
            "include_router" => What::Include { router: args.arg(0, "router").cloned(), args: shared },
            "mount" => {
                What::Mount { path: args.arg(0, "path").cloned(), app: args.arg(1, "app").cloned(), args: shared }
            }
            "host" => What::Mount { path: None, app: args.arg(1, "app").cloned(), args: shared },
            "add_middleware" => What::Middleware { class: args.arg(0, "middleware_class").cloned(), args: shared },
            _ => return self.make(Kind::Passing, shared, site),
        };
        self.add(object, what, site);
        Value::None
    }

    /// What the lists given to a constructor hold.
    fn read_constructor(&mut self, object: usize, routes_at: Option<usize>, args: &Args<'p>, site: &Site) {
        if let Some(lifespan) = args.named("lifespan") {
            self.startup.push((object, lifespan.clone()));
        }
        if let Some(Value::List(list)) = args.named("on_startup") {
            self.startup.extend(list.items.borrow().iter().map(|it| (object, it.clone())));
        }
        for (name, is_middleware) in [("routes", false), ("middleware", true)] {
            let given = match (name, routes_at) {
                ("routes", Some(at)) => args.arg(at, name),
                _ => args.keyword(name),
            };
            let Some(arg) = given else { continue };
            let Value::List(list) = &arg.value else {
                if !matches!(arg.value, Value::None) {
                    let item = Arg { value: Value::Unknown, place: arg.place };
                    self.add(object, if is_middleware { middleware(&item) } else { What::Item { item } }, site);
                }
                continue;
            };
            for value in list.items.borrow().iter() {
                let item = Arg { value: value.clone(), place: arg.place };
                self.add(object, if is_middleware { middleware(&item) } else { What::Item { item } }, site);
            }
        }
    }
}

/// `Middleware(Class, **options)` of a list.
pub(crate) fn middleware<'p>(item: &Arg<'p>) -> What<'p> {
    if let Value::External(external) = item.value.some()
        && let Some((callee, args, place)) = external.called()
        && callee.last() == "Middleware"
    {
        let class = args.arg(0, "cls").map(|it| Arg { value: it.value.clone(), place });
        return What::Middleware { class, args: Rc::clone(args) };
    }
    What::Middleware { class: Some(Arg { value: Value::Unknown, place: item.place }), args: Rc::default() }
}

impl<'p> Host<'p> for FastApi<'p> {
    fn call(&mut self, callee: &External<'p>, args: &Args<'p>, site: &Site) -> Option<Value<'p>> {
        if let Some(probe) = self.probe {
            return super::probe::call(self, probe, callee, args, site);
        }
        if callee.called().is_some() {
            return None;
        }
        if matches!(callee.last(), "clear" | "pop" | "remove") {
            self.changed(callee);
        }
        let name = callee.name();
        let kind = match name.as_str() {
            it if APPS.contains(&it) => Kind::App(callee.last() != "Starlette"),
            it if ROUTERS.contains(&it) => Kind::Router,
            _ => {
                if NOTICED.contains(&callee.last()) && callee.package().is_some() {
                    self.noticed.push(Noticed { name, args: Rc::new(args.clone()), site: site.clone() });
                }
                return None;
            }
        };
        let made = self.make(kind, Rc::new(args.clone()), site);
        if let Value::Host(object) = made {
            // Starlette takes its list of routes by position, too.
            let routes_at = match (callee.package(), callee.last()) {
                (Some("starlette"), "Router") => Some(0),
                (_, "Starlette") => Some(1),
                _ => None,
            };
            self.read_constructor(object, routes_at, args, site);
        }
        Some(made)
    }

    fn method(&mut self, object: usize, name: &str, args: &Args<'p>, site: &Site) -> Value<'p> {
        let kind = self.made.get(object).map(|it| it.kind.clone());
        if let Some(Kind::Probe(seen)) = kind {
            return super::probe::method(self, seen, name, args, site);
        }
        if self.probe.is_some() {
            return Value::Unknown;
        }
        if let (Some(Kind::Overrides), "update", Some(table)) = (&kind, name, args.positional.first()) {
            self.overriding(&table.value);
            return Value::None;
        }
        if let Some(Kind::List(owner)) = kind {
            self.list_method(owner, name, args, site);
            return Value::None;
        }
        self.register(object, name, args, site)
    }

    fn invoke(&mut self, object: usize, args: &Args<'p>, site: &Site) -> Value<'p> {
        let Some(kind) = self.made.get(object).map(|it| it.kind.clone()) else { return Value::Unknown };
        let given = args.positional.first().cloned();
        match kind {
            Kind::Probe(seen) => return super::probe::invoke(self, seen, args, site),
            Kind::Decorator(owner, pending) if self.probe.is_none() => match pending {
                Pending::Route(methods, kind, options, at) => {
                    let path = options.arg(0, "path").cloned();
                    let handler = given.clone();
                    let mut at = at;
                    at.branch = Rc::clone(&site.branch);
                    at.statement = site.statement;
                    self.add(owner, What::Route { path, methods, handler, kind, args: options }, &at);
                }
                Pending::Startup => self.startup.extend(given.clone().map(|it| (owner, it.value))),
                Pending::Middleware => {
                    if let Some(function) = given.clone() {
                        self.add(owner, What::Function { function }, site);
                    }
                }
            },
            _ => {}
        }
        given.map_or(Value::Unknown, |it| it.value)
    }

    fn attribute(&mut self, object: usize, name: &str) -> Option<Value<'p>> {
        let made = self.made.get(object)?;
        let site = made.site.clone();
        match (made.kind.clone(), name) {
            (Kind::Probe(seen), _) => super::probe::attribute(self, seen, name, &site),
            // The application's own router takes the same registrations.
            (Kind::App(_) | Kind::Router, "router") => Some(Value::Host(object)),
            (Kind::App(_) | Kind::Router, "routes") => Some(self.make(Kind::List(object), Rc::default(), &site)),
            (Kind::App(_) | Kind::Router, "prefix") => {
                Some(made.own.prefix.as_ref().map_or_else(|| Value::text(""), |it| it.value.clone()))
            }
            (Kind::App(_) | Kind::Router, "dependencies") => Some(self.own_dependencies(object, &site)),
            (Kind::App(_), "dependency_overrides") => Some(self.make(Kind::Overrides, Rc::default(), &site)),
            (Kind::App(_) | Kind::Router, "state" | "dependency_overrides" | "openapi_schema") => Some(Value::Unknown),
            (Kind::App(_) | Kind::Router, "title" | "version" | "description") => {
                Some(made.args.named(name).cloned().unwrap_or(Value::Unknown))
            }
            _ => None,
        }
    }

    fn member(&mut self, of: &External<'p>, name: &str) -> Option<Value<'p>> {
        match self.probe {
            Some(probe) => super::probe::member(probe, of, name),
            None => {
                let found = Self::of_route(of, name);
                if let (Some(Value::List(list)), Some((_, _, place)), "dependencies") = (&found, of.called(), name) {
                    self.shown.push((place, Rc::clone(list), list.items.borrow().len()));
                }
                found
            }
        }
    }

    fn item(&mut self, object: usize, key: &Value<'p>) -> Value<'p> {
        match self.made.get(object).map(|it| it.kind.clone()) {
            Some(Kind::Probe(seen)) => super::probe::item(self, seen, key),
            _ => Value::Unknown,
        }
    }

    fn iterate(&mut self, object: usize) -> Option<(Vec<Value<'p>>, bool)> {
        self.routes_of(object)
    }

    fn contains(&mut self, object: usize, key: &Value<'p>) -> Option<bool> {
        match self.made.get(object)?.kind {
            Kind::Probe(seen) => super::probe::contains(self.probe, seen, key),
            _ => None,
        }
    }

    fn assign(&mut self, object: usize, name: &str, value: &Value<'p>, site: &Site) {
        if self.probe.is_some() || self.late.is_some() {
            return;
        }
        let Some(made) = self.made.get_mut(object) else { return };
        let own = match name {
            "dependency_overrides" => return self.overriding(value),
            "dependencies" => &mut made.own.dependencies,
            "prefix" => &mut made.own.prefix,
            _ => return,
        };
        let before = own.take().map_or(Value::None, |it| it.value);
        let certain = site.branch.len() <= made.site.branch.len();
        let value = if certain { value.clone() } else { before.or(value.clone()) };
        *own = Some(Arg { value, place: site.place() });
    }

    fn assign_member(&mut self, of: &External<'p>, name: &str) {
        if matches!(name, "dependencies" | "dependant" | "app" | "endpoint") {
            self.changed(of);
        }
    }

    fn set_item(&mut self, object: usize, key: &Value<'p>, value: &Value<'p>, _: &Site) {
        let is_table = self.made.get(object).is_some_and(|it| matches!(it.kind, Kind::Overrides));
        if is_table && self.probe.is_none() && self.late.is_none() {
            self.overrides.push((key.clone(), value.clone()));
        }
    }

    fn named(&mut self, object: usize, name: &str) {
        if let Some(made) = self.made.get_mut(object) {
            made.name.get_or_insert_with(|| name.to_owned());
        }
    }

    fn escaped(&mut self, object: usize, callee: &Value<'p>, site: &Site) {
        if self.probe.is_some() {
            return;
        }
        let harmless = match callee {
            Value::External(it) => it.package().is_none_or(|it| HARMLESS_TAKERS.contains(&it)),
            _ => false,
        };
        if let Some(made) = self.made.get_mut(object)
            && !harmless
        {
            made.escapes.push(site.clone());
        }
    }

    fn raises(&mut self, callee: &External<'p>, args: &Args<'p>) -> bool {
        super::probe::raises(self.probe, callee, args)
    }

    fn makes(&self, name: &str) -> bool {
        APPS.contains(&name)
    }

    fn loads(&mut self, module: usize) -> usize {
        std::mem::replace(&mut self.loader, module)
    }

    fn serves(&self, text: &str) -> bool {
        SERVING.iter().any(|it| text.contains(it))
    }
}

fn websocket() -> Methods {
    Methods::Known(vec!["WEBSOCKET".to_owned()])
}

/// The methods that a route is given; GET without any.
pub(crate) fn methods_of(args: &Args<'_>) -> Methods {
    match args.named("methods") {
        None | Some(Value::None) => Methods::Known(vec!["GET".to_owned()]),
        Some(Value::List(list)) if !list.open.get() => {
            let items = list.items.borrow();
            let all: Option<Vec<String>> = items.iter().map(|it| Some(it.as_str()?.to_ascii_uppercase())).collect();
            all.map_or(Methods::Unknown, Methods::Known)
        }
        Some(_) => Methods::Unknown,
    }
}
