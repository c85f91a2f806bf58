//! What a program does to its applications and routers, in the order it does it.

use std::rc::Rc;

use super::super::{ROUTER_PACKAGES, SERVES_ROUTES, VERBS};
use crate::js::eval::{Host, Site};
use crate::js::ir::{Function, Span};
use crate::js::value::{Arg, Closure, External, Place, Value};

/// Something `express()` or `Router()` gave, or the `route()` of one.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    pub(crate) statement: Span,
    /// What the program calls it first.
    pub(crate) name: Option<String>,
    pub(crate) layers: Vec<Layer>,
    /// Foreign code that was given it.
    pub(crate) escapes: Vec<Site>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    App,
    Router,
    /// `router.route(path)`: the router and the path.
    Route(usize, Arg),
}

/// One registration.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) kind: LayerKind,
    /// The path argument, if there is one.
    pub(crate) path: Option<Arg>,
    pub(crate) handlers: Vec<Arg>,
    pub(crate) site: Site,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LayerKind {
    Use,
    /// A method in upper case, or `ALL`.
    Route(String),
    /// A method that is only known when the program runs.
    Computed,
}

/// What happened to a root application besides registrations.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Made(usize),
    /// Application and index of its layer.
    Layer(usize, usize),
    /// Application, module, statement, the call or value that ends it, and what it is called there.
    End(usize, usize, Span, Span, Span),
}

/// A call worth a finding.
#[derive(Debug, Clone)]
pub(crate) struct Noticed {
    pub(crate) name: String,
    pub(crate) package: String,
    pub(crate) args: Vec<Arg>,
    pub(crate) site: Site,
}

#[derive(Debug, Default)]
pub(crate) struct Express {
    pub(crate) made: Vec<Made>,
    pub(crate) events: Vec<Event>,
    pub(crate) noticed: Vec<Noticed>,
    /// Packages that register routes of their own on an application they are given, and where that happens.
    pub(crate) handed: Vec<(String, Site)>,
    /// Functions given to `http.createServer`, and where.
    pub(crate) listeners: Vec<(Rc<Closure>, Site)>,
    /// Callbacks of `param`, and where.
    pub(crate) params: Vec<(Value, Place)>,
}

impl Express {
    fn make(&mut self, kind: Kind, site: &Site) -> Value {
        self.made.push(Made {
            kind,
            place: site.place(),
            statement: site.statement,
            name: None,
            layers: Vec::new(),
            escapes: Vec::new(),
        });
        let at = self.made.len() - 1;
        self.events.push(Event::Made(at));
        Value::Host(at)
    }

    fn register(&mut self, object: usize, kind: LayerKind, path: Option<Arg>, handlers: Vec<Arg>, site: &Site) {
        let Some(made) = self.made.get_mut(object) else { return };
        made.layers.push(Layer { kind, path, handlers, site: site.clone() });
        self.events.push(Event::Layer(object, made.layers.len() - 1));
    }

    fn end(&mut self, object: usize, module: usize, statement: Span, call: Span, name: Span) {
        if self.made.get(object).is_some_and(|made| matches!(made.kind, Kind::App)) {
            self.events.push(Event::End(object, module, statement, call, name));
        }
    }
}

/// Whether a value is an application or a router, or an object of options with one in it.
fn holds_host(value: &Value) -> bool {
    match value {
        Value::Host(_) => true,
        Value::Object(options) => options.props.borrow().iter().any(|(_, it)| matches!(it, Value::Host(_))),
        _ => false,
    }
}

/// Whether the first argument is a path and not a handler.
fn is_path(value: &Value) -> bool {
    is_path_at(value, 0)
}

fn is_path_at(value: &Value, depth: usize) -> bool {
    match value {
        // An array may hold itself.
        _ if depth > 8 => false,
        Value::Str(_) | Value::Regex(..) => true,
        Value::Array(array) => {
            let items = array.items.borrow();
            !items.is_empty() && items.iter().all(|it| is_path_at(it, depth + 1))
        }
        Value::OneOf(values) => values.iter().any(|it| is_path_at(it, depth + 1)),
        _ => false,
    }
}

/// Whether a value of a package looks like text: `process.env.PREFIX`, `config.get('prefix')`.
fn may_be_text(value: &Value) -> bool {
    match value {
        Value::External(external) => {
            let path = external.path();
            matches!(path.as_slice(), ["process", "env", ..]) || matches!(path.as_slice(), ["config", "get", ..])
        }
        Value::Undefined => true,
        _ => false,
    }
}

/// Whether a file is the runtime that doorward writes, and not one that only has its name.
pub(crate) fn is_runtime(file: &str, text: &str) -> bool {
    const NAMES: &[&str] = &["index.ts", "index.js", "index.mjs", "index.cjs"];
    let mut parts = file.rsplit('/');
    if !parts.next().is_some_and(|it| NAMES.contains(&it)) || parts.next() != Some("doorward") {
        return false;
    }
    let head = include_str!("../../../runtime/express/index.ts").lines().next().unwrap_or_default();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let body = ["'use strict'", "\"use strict\""].iter().find_map(|it| text.strip_prefix(it)).unwrap_or(text);
    let body = body.trim_start_matches(|c: char| c == ';' || c.is_whitespace());
    let exports = |name: &str| {
        let declared = format!("export function {name}(");
        let listed = |line: &str| {
            line.starts_with("module.exports = {") && line.split(|c: char| !c.is_alphanumeric()).any(|it| it == name)
        };
        text.lines().any(|line| line.starts_with(&declared) || listed(line))
    };
    body.lines().next().is_some_and(|it| it.trim_end() == head) && exports("guard") && exports("clerkOptions")
}

impl Host for Express {
    fn stands_for(&self, file: &str, text: &str) -> Option<&'static str> {
        is_runtime(file, text).then_some("doorward")
    }

    fn call(&mut self, callee: &External, args: &[Arg], site: &Site) -> Option<Value> {
        let path = callee.path();
        match path.as_slice() {
            ["express"] | ["express", "default"] => return Some(self.make(Kind::App, site)),
            ["express", "Router"] | ["express", "default", "Router"] => return Some(self.make(Kind::Router, site)),
            [package] | [package, "default" | "Router"] if ROUTER_PACKAGES.contains(package) => {
                return Some(self.make(Kind::Router, site));
            }
            ["http" | "https" | "http2" | "spdy", "createServer" | "Server" | "createSecureServer"]
            | [
                "serverless-http"
                | "@vendia/serverless-express"
                | "@codegenie/serverless-express"
                | "aws-serverless-express",
                ..,
            ] => {
                for arg in args {
                    match &arg.value {
                        Value::Host(object) => {
                            self.end(*object, site.module, site.statement, site.call, arg.span);
                        }
                        Value::Function(closure) => self.listeners.push((Rc::clone(closure), site.clone())),
                        _ => {}
                    }
                }
                return Some(Value::Unknown);
            }
            _ => {}
        }
        if let Some(package) = callee.package().filter(|it| SERVES_ROUTES.contains(it))
            && args.iter().any(|it| holds_host(&it.value))
        {
            self.handed.push((package.to_owned(), site.clone()));
        }
        if let Some(package) = callee.package().filter(|it| it.starts_with("@clerk/")) {
            let (name, package) = (callee.name(), package.to_owned());
            self.noticed.push(Noticed { name, package, args: args.to_vec(), site: site.clone() });
        }
        None
    }

    fn method(&mut self, object: usize, name: &str, args: &[Arg], site: &Site) -> Value {
        let Some(made) = self.made.get(object) else { return Value::Unknown };
        let kind = made.kind.clone();
        let itself = Value::Host(object);
        if let Kind::Route(router, path) = kind {
            if VERBS.contains(&name) {
                let kind = LayerKind::Route(name.to_ascii_uppercase());
                self.register(router, kind, Some(path), args.to_vec(), site);
            }
            return itself;
        }
        match name {
            "use" => {
                let takes_path = args.len() > 1 || args.first().is_some_and(|it| is_path(&it.value));
                match args.split_first() {
                    Some((first, rest))
                        if takes_path && !first.spread && (is_path(&first.value) || may_be_text(&first.value)) =>
                    {
                        self.register(object, LayerKind::Use, Some(first.clone()), rest.to_vec(), site);
                    }
                    Some((first, rest))
                        if takes_path && !first.spread && !rest.is_empty() && matches!(first.value, Value::Unknown) =>
                    {
                        // It may be a path or a handler; what follows tells which is likelier.
                        let mounts = rest.iter().any(|it| matches!(it.value, Value::Host(_)));
                        if mounts {
                            self.register(object, LayerKind::Use, Some(first.clone()), rest.to_vec(), site);
                        } else {
                            self.register(object, LayerKind::Use, None, args.to_vec(), site);
                        }
                    }
                    Some(_) => self.register(object, LayerKind::Use, None, args.to_vec(), site),
                    None => {}
                }
                itself
            }
            "route" => match args.first() {
                Some(path) => self.make(Kind::Route(object, path.clone()), site),
                None => Value::Unknown,
            },
            "listen" => {
                self.end(object, site.module, site.statement, site.call, site.object);
                Value::External(Rc::new(External::Global(std::sync::Arc::from("server"))))
            }
            // `app.get('setting')` reads a setting.
            "get" if args.len() < 2 && !args.iter().any(|it| it.spread) => Value::Unknown,
            verb if VERBS.contains(&verb) => {
                if let Some((path, handlers)) = args.split_first() {
                    let kind = LayerKind::Route(verb.to_ascii_uppercase());
                    self.register(object, kind, Some(path.clone()), handlers.to_vec(), site);
                }
                itself
            }
            "del" => {
                if let Some((path, handlers)) = args.split_first() {
                    let kind = LayerKind::Route("DELETE".to_owned());
                    self.register(object, kind, Some(path.clone()), handlers.to_vec(), site);
                }
                itself
            }
            "param" => {
                for arg in args.iter().skip(1) {
                    self.params.push((arg.value.clone(), Place { module: site.module, span: arg.span }));
                }
                itself
            }
            "set" | "engine" | "enable" | "disable" | "on" | "once" => itself,
            _ => Value::Unknown,
        }
    }

    fn member(&mut self, object: usize, name: &str) -> Option<Value> {
        // An application of Express 5 registers on its own router, and the program may do the same.
        let is_app = self.made.get(object).is_some_and(|it| matches!(it.kind, Kind::App));
        (is_app && name == "router").then_some(Value::Host(object))
    }

    fn is_method(&self, _object: usize, name: &str) -> bool {
        VERBS.contains(&name) || matches!(name, "use" | "route" | "param" | "listen" | "del" | "set" | "handle")
    }

    fn computed_method(&mut self, object: usize, args: &[Arg], site: &Site) {
        let target = match self.made.get(object).map(|it| it.kind.clone()) {
            Some(Kind::Route(router, path)) => Some((router, Some(path), args.to_vec())),
            Some(_) => args.split_first().map(|(path, rest)| (object, Some(path.clone()), rest.to_vec())),
            None => None,
        };
        if let Some((router, path, handlers)) = target {
            self.register(router, LayerKind::Computed, path, handlers, site);
        }
    }

    fn named(&mut self, object: usize, name: &str) {
        if let Some(made) = self.made.get_mut(object)
            && name != crate::js::lower::DEFAULT
        {
            made.name.get_or_insert_with(|| name.to_owned());
        }
    }

    fn returned(&mut self, object: usize, module: usize, statement: Span, value: Span) {
        self.end(object, module, statement, value, value);
    }

    fn escaped(&mut self, object: usize, site: &Site) {
        if let Some(made) = self.made.get_mut(object) {
            made.escapes.push(site.clone());
        }
    }

    fn is_handler(&self, function: &Function) -> bool {
        let plain = |at: usize| function.param_name(at).unwrap_or_default().trim_start_matches('_');
        matches!(plain(0), "req" | "request") || matches!(plain(1), "res" | "response" | "reply")
    }
}
