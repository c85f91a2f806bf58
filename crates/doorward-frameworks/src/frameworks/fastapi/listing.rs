//! What a program sees that goes through `app.routes`: a route for each registration so far, with its whole path.

use std::rc::Rc;

use super::host::{Entry, FastApi, Kind, Methods, Own, RouteKind, What};
use super::paths;
use crate::py::value::{Arg, Args, External, ListKind, Place, Value};

/// Routers are nested a few levels deep.
const MAX_DEPTH: usize = 32;
/// No API has more.
const MAX_ROUTES: usize = 5_000;

/// What includes put before the routes of a router.
#[derive(Clone, Default)]
struct Around<'p> {
    prefix: String,
    dependencies: Vec<Value<'p>>,
}

/// The routes so far, and whether there are others that are not known.
#[derive(Default)]
struct Listing<'p> {
    routes: Vec<Value<'p>>,
    open: bool,
}

impl<'p> FastApi<'p> {
    /// The items of `app.routes`.
    pub(super) fn routes_of(&self, object: usize) -> Option<(Vec<Value<'p>>, bool)> {
        let Kind::List(owner) = self.made.get(object)?.kind else { return None };
        let mut listing = Listing::default();
        self.list(owner, &Around::default(), 0, &mut listing);
        Some((listing.routes, listing.open))
    }

    fn list(&self, at: usize, around: &Around<'p>, depth: usize, listing: &mut Listing<'p>) {
        let Some(made) = self.made.get(at) else { return };
        if depth > MAX_DEPTH || listing.routes.len() > MAX_ROUTES {
            listing.open = true;
            return;
        }
        for entry in &made.entries {
            let Some(around) = within(around, &entry.own) else {
                listing.open = true;
                continue;
            };
            match &entry.what {
                What::Route { path, methods, handler, kind, args } => {
                    let path = path.as_ref().map(|it| &it.value).and_then(Value::as_str);
                    match (path, methods) {
                        (Some(path), Methods::Known(methods)) => {
                            listing.routes.push(route(entry, &around, path, methods, handler.as_ref(), *kind, args));
                        }
                        _ => listing.open = true,
                    }
                }
                What::Include { router: Some(router), args } => {
                    match (router.value.host(), within(&around, &Own::of(args))) {
                        (Some(inner), Some(around)) => self.list(inner, &around, depth + 1, listing),
                        _ => listing.open = true,
                    }
                }
                What::Include { .. } => {}
                What::Mount { .. } => listing.open = true,
                What::Item { item } => listing.routes.push(item.value.clone()),
                What::Middleware { .. } | What::Function { .. } => {}
            }
        }
    }

    /// An attribute of a route of such a list.
    pub(super) fn of_route(of: &External<'p>, name: &str) -> Option<Value<'p>> {
        let (callee, args, _) = of.called()?;
        let is_route = matches!(callee.last(), "APIRoute" | "Route" | "APIWebSocketRoute" | "WebSocketRoute");
        if !is_route || !matches!(callee.package(), Some("fastapi" | "starlette")) {
            return None;
        }
        match name {
            "path" | "path_format" => args.get(0, "path").cloned(),
            "endpoint" => args.get(1, "endpoint").cloned(),
            "methods" | "dependencies" | "response_model" | "status_code" | "tags" => args.named(name).cloned(),
            "include_in_schema" => Some(args.named(name).cloned().unwrap_or(Value::Bool(true))),
            _ => None,
        }
    }
}

/// What holds below a router or an include with these. `None`: that isn't known.
fn within<'p>(around: &Around<'p>, own: &Own<'p>) -> Option<Around<'p>> {
    let mut inner = around.clone();
    match paths::known(own.prefix.as_ref().map(|it| &it.value))?.as_slice() {
        [one] => inner.prefix.push_str(&one.text),
        _ => return None,
    }
    inner.dependencies.extend(dependencies(own.dependencies.as_ref().map(|it| &it.value))?);
    Some(inner)
}

fn dependencies<'p>(given: Option<&Value<'p>>) -> Option<Vec<Value<'p>>> {
    match given {
        None | Some(Value::None) => Some(Vec::new()),
        Some(Value::List(list)) if !list.open.get() => Some(list.items.borrow().clone()),
        Some(_) => None,
    }
}

fn route<'p>(
    entry: &Entry<'p>,
    around: &Around<'p>,
    path: &str,
    methods: &[String],
    handler: Option<&Arg<'p>>,
    kind: RouteKind,
    args: &Args<'p>,
) -> Value<'p> {
    let place = entry.site.place();
    let (module, class) = match kind {
        RouteKind::Api => ("fastapi.routing", "APIRoute"),
        RouteKind::WebSocket => ("fastapi.routing", "APIWebSocketRoute"),
        RouteKind::Plain => ("starlette.routing", "Route"),
        RouteKind::PlainWebSocket => ("starlette.routing", "WebSocketRoute"),
    };
    let mut own = Args::default();
    let mut give =
        |name: &str, value: Value<'p>, place: Place| own.keywords.push((Rc::from(name), Arg { value, place }));
    give("path", Value::text(&format!("{}{path}", around.prefix)), place);
    give("endpoint", handler.map_or(Value::Unknown, |it| it.value.clone()), handler.map_or(place, |it| it.place));
    let methods = methods.iter().map(|it| Value::text(it)).collect();
    give("methods", Value::list(ListKind::List, methods, false, 0), place);
    // Dependencies that are not known stay one that isn't.
    let mut all = around.dependencies.clone();
    let known = dependencies(args.named("dependencies"));
    let open = known.is_none();
    all.extend(known.unwrap_or_default());
    give("dependencies", Value::list(ListKind::List, all, open, 0), place);
    for (name, arg) in &args.keywords {
        if matches!(&**name, "response_model" | "status_code" | "tags" | "include_in_schema") {
            give(name, arg.value.clone(), arg.place);
        }
    }
    let class = External::Member(Rc::new(External::Package(Rc::from(module))), Rc::from(class));
    Value::External(Rc::new(External::Call(Rc::new(class), Rc::new(own), place)))
}
