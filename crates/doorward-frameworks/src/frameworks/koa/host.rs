//! What a program does to its Koa applications and routers, in the order it does it.

use std::rc::Rc;
use std::sync::Arc;

use super::{ROUTERS, VERBS};
use crate::js::chain::MAX_ROUTES;
use crate::js::eval::{Host, Site};
use crate::js::ir::{Function, Span};
use crate::js::value::{Arg, External, Place, Value};

/// An application or a router.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) is_app: bool,
    pub(super) place: Place,
    pub(super) name: Option<String>,
    pub(super) layers: Vec<Layer>,
    /// What a router puts in front of the paths that are registered from now on.
    prefix: Vec<Piece>,
    /// How many layers a router had when another one took them over.
    pub(super) nested: Option<usize>,
    pub(super) escapes: Vec<Site>,
}

/// A part of a path, and where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) value: Value,
    pub(super) place: Place,
    pub(super) kind: PieceKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PieceKind {
    Prefix,
    Mount,
    Own,
}

/// One registration.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// The methods; `None` for `use`.
    pub(super) methods: Option<Value>,
    pub(super) path: Vec<Piece>,
    pub(super) handlers: Vec<Arg>,
    pub(super) site: Site,
}

#[derive(Debug, Default)]
pub(super) struct Koa {
    pub(super) made: Vec<Made>,
    /// There are more registrations than a person writes.
    pub(super) overflow: Option<Place>,
    count: usize,
}

fn is_path(value: &Value, depth: usize) -> bool {
    match value {
        Value::Str(_) | Value::Regex(..) => true,
        Value::Array(array) if depth < 4 => {
            let items = array.items.borrow();
            !items.is_empty() && items.iter().all(|it| is_path(it, depth + 1))
        }
        Value::OneOf(all) => all.iter().any(|it| is_path(it, depth + 1)),
        _ => false,
    }
}

impl Koa {
    fn make(&mut self, is_app: bool, prefix: Vec<Piece>, site: &Site) -> Value {
        self.made.push(Made {
            is_app,
            place: site.place(),
            name: None,
            layers: Vec::new(),
            prefix,
            nested: None,
            escapes: Vec::new(),
        });
        Value::Host(self.made.len() - 1)
    }

    fn push(&mut self, object: usize, layer: Layer) {
        self.count += 1;
        if self.count > MAX_ROUTES {
            self.overflow.get_or_insert(layer.site.place());
            return;
        }
        if let Some(made) = self.made.get_mut(object) {
            made.layers.push(layer);
        }
    }

    fn piece(value: &Arg, kind: PieceKind, site: &Site) -> Piece {
        Piece { value: value.value.clone(), place: Place { module: site.module, span: value.span }, kind }
    }

    /// `router.get(path, …)`, `router.get(name, path, …)`.
    fn route(&mut self, object: usize, methods: Value, args: &[Arg], site: &Site) {
        let named = args.len() > 2
            && args.first().is_some_and(|it| matches!(it.value, Value::Str(_)))
            && args.get(1).is_some_and(|it| is_path(&it.value, 0));
        let args = if named { args.get(1..).unwrap_or_default() } else { args };
        let Some((first, rest)) = args.split_first() else { return };
        let Some(made) = self.made.get(object) else { return };
        let mut path = made.prefix.clone();
        path.push(Self::piece(first, PieceKind::Own, site));
        let layer = Layer { methods: Some(methods), path, handlers: rest.to_vec(), site: site.clone() };
        self.push(object, layer);
    }

    /// `router.use(…)`: nested routers are taken over as they are now.
    fn used(&mut self, object: usize, args: &[Arg], site: &Site) {
        let own = args.first().filter(|it| is_path(&it.value, 0) || (args.len() > 1 && maybe_text(&it.value)));
        let handlers = if own.is_some() { args.get(1..).unwrap_or_default() } else { args };
        let Some(made) = self.made.get(object) else { return };
        let mut base = made.prefix.clone();
        base.extend(own.map(|it| Self::piece(it, PieceKind::Mount, site)));
        for handler in handlers {
            let mut routers = Vec::new();
            routers_in(&handler.value, 0, &mut routers);
            for inner in &routers {
                let Some(nested) = self.made.get_mut(*inner).filter(|it| !it.is_app) else { continue };
                nested.nested = Some(nested.layers.len());
                let copied = nested.layers.clone();
                for mut layer in copied {
                    layer.path.splice(0..0, base.iter().cloned());
                    let outer: Vec<u32> = site.branch.iter().chain(layer.site.branch.iter()).copied().collect();
                    layer.site.branch = outer.into();
                    self.push(object, layer);
                }
            }
            if routers.is_empty() {
                let handlers = vec![handler.clone()];
                self.push(object, Layer { methods: None, path: base.clone(), handlers, site: site.clone() });
            }
        }
    }
}

fn maybe_text(value: &Value) -> bool {
    match value {
        Value::Unknown | Value::Undefined => true,
        Value::External(it) => it.package().is_none(),
        _ => false,
    }
}

fn routers_in(value: &Value, depth: usize, all: &mut Vec<usize>) {
    match value {
        Value::Host(object) => all.push(*object),
        Value::Array(array) if depth < 4 => array.items.borrow().iter().for_each(|it| routers_in(it, depth + 1, all)),
        Value::OneOf(values) => values.iter().for_each(|it| routers_in(it, depth + 1, all)),
        _ => {}
    }
}

impl Host for Koa {
    fn call(&mut self, callee: &External, args: &[Arg], site: &Site) -> Option<Value> {
        let path = callee.path();
        match path.as_slice() {
            ["koa"] | ["koa", "default"] => return Some(self.make(true, Vec::new(), site)),
            [package] | [package, "default" | "Router"] if ROUTERS.contains(package) => {
                let prefix = args.first().and_then(|it| match &it.value {
                    Value::Object(options) => {
                        let value = options.get("prefix").filter(|it| !matches!(it, Value::Undefined))?;
                        let place = Place { module: site.module, span: it.span };
                        Some(Piece { value, place, kind: PieceKind::Prefix })
                    }
                    _ => None,
                });
                return Some(self.make(false, prefix.into_iter().collect(), site));
            }
            // They give what they are given, for our purposes.
            ["koa-convert"] => return args.first().map(|it| it.value.clone()),
            ["koa-compose"] => return args.first().map(|it| it.value.clone()),
            _ => {}
        }
        let harmless =
            matches!(callee.package(), None | Some("http" | "https" | "http2" | "koa-mount" | "koa-websocket"));
        for arg in args.iter().filter(|_| !harmless) {
            if let Value::Host(object) = &arg.value
                && let Some(made) = self.made.get_mut(*object)
            {
                made.escapes.push(site.clone());
            }
        }
        // An application with websockets is the application.
        matches!(path.as_slice(), ["koa-websocket"]).then(|| args.first().map(|it| it.value.clone())).flatten()
    }

    fn method(&mut self, object: usize, name: &str, args: &[Arg], site: &Site) -> Value {
        let Some(made) = self.made.get(object) else { return Value::Unknown };
        let itself = Value::Host(object);
        if made.is_app {
            return match name {
                "use" => {
                    let layer = Layer { methods: None, path: Vec::new(), handlers: args.to_vec(), site: site.clone() };
                    self.push(object, layer);
                    itself
                }
                "on" | "once" => itself,
                _ => Value::Unknown,
            };
        }
        match name {
            "routes" | "middleware" => {}
            "allowedMethods" => return Value::External(Rc::new(External::Global(Arc::from("allowedMethods")))),
            "use" => self.used(object, args, site),
            "prefix" => {
                let Some(first) = args.first() else { return itself };
                let piece = Self::piece(first, PieceKind::Prefix, site);
                if let Some(made) = self.made.get_mut(object) {
                    made.layers.iter_mut().for_each(|it| it.path.insert(0, piece.clone()));
                    made.prefix = vec![piece];
                }
            }
            "register" => {
                if let (Some(path), Some(methods)) = (args.first(), args.get(1)) {
                    let methods = methods.value.clone();
                    let handlers = args.get(2..3).unwrap_or_default();
                    let args: Vec<Arg> = std::iter::once(path.clone()).chain(handlers.iter().cloned()).collect();
                    self.route(object, methods, &args, site);
                }
            }
            "redirect" => {
                if let Some(from) = args.first() {
                    let handler = Arg { value: Value::Object(Rc::default()), span: from.span, spread: false };
                    self.route(object, Value::text("ALL"), &[from.clone(), handler], site);
                }
            }
            "del" => self.route(object, Value::text("DELETE"), args, site),
            verb if VERBS.contains(&verb) => {
                self.route(object, Value::text(&verb.to_ascii_uppercase()), args, site);
            }
            "param" => {}
            _ => return Value::Unknown,
        }
        itself
    }

    fn computed_method(&mut self, object: usize, args: &[Arg], site: &Site) {
        if self.made.get(object).is_some_and(|it| !it.is_app) {
            self.route(object, Value::Unknown, args, site);
        }
    }

    fn named(&mut self, object: usize, name: &str) {
        if let Some(made) = self.made.get_mut(object)
            && name != crate::js::lower::DEFAULT
        {
            made.name.get_or_insert_with(|| name.to_owned());
        }
    }

    fn returned(&mut self, _object: usize, _module: usize, _statement: Span, _value: Span) {}

    fn escaped(&mut self, _object: usize, _site: &Site) {}

    fn is_handler(&self, function: &Function) -> bool {
        matches!(function.param_name(0).unwrap_or_default().trim_start_matches('_'), "ctx" | "context")
    }
}
