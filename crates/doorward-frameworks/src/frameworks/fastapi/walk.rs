//! From applications down to what registers routes: routers, mounts, and lists of both.

use std::rc::Rc;

use doorward::inventory::{GuardState, Method, StepKind};
use doorward::shape::Shape;

use super::USERS_ROUTERS;
use super::discover::{Context, Reader};
use super::host::{Entry, Kind, Methods, RouteKind, What, methods_of};
use super::paths::{self, Known};
use super::routes::{joined, tags};
use crate::py::eval::Site;
use crate::py::value::{Arg, Args, External, Value};

/// Routers are nested a few levels deep.
const MAX_DEPTH: usize = 32;
/// No API has more.
const MAX_ROUTES: usize = 50_000;

impl<'p> Reader<'p> {
    /// Everything an application or a router registers.
    pub(super) fn object(&mut self, at: usize, context: &Context<'p>, depth: usize) {
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
        // Below a mount, the path that a middleware sees is not the one that its code was written for.
        if context.prefix.text.is_empty() {
            self.answers_of(&middleware, &context);
        }
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
        context.tags.extend(tags(&args));
        self.open.push(at);
        context.outer = context.prefix.clone();
        for entry in &entries {
            let dependencies = self.listed(entry.own.dependencies.as_ref());
            for prefix in self.prefixes(entry.own.prefix.as_ref()) {
                let mut context = context.clone();
                context.dependencies.extend(dependencies.iter().cloned());
                context.changed |= entry.changed;
                self.extend_prefix(&mut context, &prefix, &name, entry.own.prefix.as_ref());
                self.entry(entry, &context, depth);
            }
        }
        self.open.pop();
    }

    pub(super) fn entry(&mut self, entry: &Entry<'p>, context: &Context<'p>, depth: usize) {
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

    pub(super) fn include(
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
        context.tags.extend(tags(args));
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
    pub(super) fn users_router(
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
            self.add(
                &[(*method).to_owned()],
                &path,
                &entry.site,
                context,
                own.into_iter().collect(),
                (None, &Shape::default()),
            );
        }
    }

    pub(super) fn mount(
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
                    .map(|value| {
                        let item = Arg { value: value.clone(), place: arg.place };
                        Entry::new(super::host::middleware(&item), site.clone())
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

    pub(super) fn listed_routes(&mut self, arg: &Arg<'p>, site: &Site, context: &Context<'p>, depth: usize) {
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
            let entry = Entry::new(What::Item { item: item.clone() }, site.clone());
            self.item(&entry, context, &item, depth + 1);
        }
    }

    /// `Route(…)`, `Mount(…)` and `WebSocketRoute(…)` of a list.
    pub(super) fn item(&mut self, entry: &Entry<'p>, context: &Context<'p>, item: &Arg<'p>, depth: usize) {
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
            let entry = Entry::new(entry.what.clone(), site.clone());
            let (path, endpoint) = (args.arg(0, "path"), args.arg(1, "endpoint"));
            match callee.last() {
                "Route" | "APIRoute" => {
                    let kind = if callee.last() == "Route" { RouteKind::Plain } else { RouteKind::Api };
                    let methods = methods_of(args);
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
}
