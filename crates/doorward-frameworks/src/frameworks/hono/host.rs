//! What a program does to its Hono applications, in the order it does it.

use std::rc::Rc;

use super::VERBS;
use crate::js::chain::MAX_ROUTES;
use crate::js::eval::{Host, Site};
use crate::js::ir::{Function, Span};
use crate::js::value::{Arg, External, Object, Place, Value};

/// An application, or a view of one with another base path: both register in the same table.
#[derive(Debug)]
pub(super) struct Made {
    /// Its place in `Hono::tables`.
    pub(super) table: usize,
    /// What stands before every path that is registered here.
    base: Vec<Piece>,
    /// The path of the last call, which calls without a path go on with.
    path: Option<Piece>,
}

/// The routes of an application.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) place: Place,
    pub(super) name: Option<String>,
    pub(super) entries: Vec<Entry>,
    /// How many entries it had when it was mounted.
    pub(super) mounted: Option<usize>,
    /// Something outside of the program is given its requests.
    pub(super) served: bool,
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
    Base,
    Mount,
    Own,
}

/// One registration.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) kind: EntryKind,
    pub(super) path: Vec<Piece>,
    pub(super) handlers: Vec<Arg>,
    pub(super) site: Site,
}

#[derive(Debug, Clone)]
pub(super) enum EntryKind {
    /// `use`.
    Use,
    /// A method's name.
    Route(Value),
    /// `openapi(createRoute({ … }), …)`, with the description.
    Described(Rc<Object>),
    /// `mount(path, handler)`.
    Mount,
}

#[derive(Debug, Default)]
pub(super) struct Hono {
    pub(super) made: Vec<Made>,
    pub(super) tables: Vec<Table>,
    /// Things mounted with `route` that are not known.
    pub(super) unknown: Vec<(Place, Site)>,
    /// There are more registrations than a person writes.
    pub(super) overflow: Option<Place>,
    count: usize,
}

/// Whether a value may be a path; everything a handler can be is known to be none.
fn is_path(value: &Value) -> bool {
    match value {
        Value::Str(_) => true,
        Value::OneOf(all) => all.iter().any(is_path),
        Value::Array(array) => array.items.borrow().iter().all(|it| matches!(it, Value::Str(_))),
        _ => false,
    }
}

impl Hono {
    fn make(&mut self, site: &Site) -> Value {
        self.tables.push(Table {
            place: site.place(),
            name: None,
            entries: Vec::new(),
            mounted: None,
            served: false,
            escapes: Vec::new(),
        });
        self.made.push(Made { table: self.tables.len() - 1, base: Vec::new(), path: None });
        Value::Host(self.made.len() - 1)
    }

    pub(super) fn table(&mut self, object: usize) -> Option<&mut Table> {
        let table = self.made.get(object)?.table;
        self.tables.get_mut(table)
    }

    fn push(&mut self, object: usize, entry: Entry) {
        self.count += 1;
        if self.count > MAX_ROUTES {
            self.overflow.get_or_insert(entry.site.place());
            return;
        }
        if let Some(table) = self.table(object) {
            table.entries.push(entry);
        }
    }

    /// A call with an optional path in front of its handlers.
    fn register(&mut self, object: usize, kind: EntryKind, args: &[Arg], site: &Site) {
        let Some(made) = self.made.get_mut(object) else { return };
        let named = match args.split_first() {
            Some((first, rest)) if !first.spread => {
                let unknown = matches!(first.value, Value::Unknown | Value::External(_) | Value::Undefined);
                let text = matches!(&first.value, Value::External(it) if it.package().is_none());
                (is_path(&first.value) || (unknown && !rest.is_empty() && (text || !first_is_handler(first, rest))))
                    .then_some((first, rest))
            }
            _ => None,
        };
        let (own, handlers) = match named {
            Some((first, rest)) => {
                let place = Place { module: site.module, span: first.span };
                let piece = Piece { value: first.value.clone(), place, kind: PieceKind::Own };
                made.path = Some(piece.clone());
                (Some(piece), rest)
            }
            None if matches!(kind, EntryKind::Use) => {
                let piece = Piece { value: Value::text("*"), place: site.place(), kind: PieceKind::Own };
                made.path = Some(piece.clone());
                (Some(piece), args)
            }
            None => (made.path.clone(), args),
        };
        let path = made.base.iter().cloned().chain(own).collect();
        if !handlers.is_empty() {
            self.push(object, Entry { kind, path, handlers: handlers.to_vec(), site: site.clone() });
        }
    }

    fn mount(&mut self, object: usize, args: &[Arg], site: &Site) {
        let (Some(path), Some(sub)) = (args.first(), args.get(1)) else { return };
        let Some(made) = self.made.get(object) else { return };
        let mut base = made.base.clone();
        let place = Place { module: site.module, span: path.span };
        base.push(Piece { value: path.value.clone(), place, kind: PieceKind::Mount });
        for value in sub.value.each() {
            let Value::Host(inner) = value else {
                self.unknown.push((Place { module: site.module, span: sub.span }, site.clone()));
                continue;
            };
            // Hono copies what is there now; what is registered later never gets here.
            let Some(table) = self.table(inner) else { continue };
            table.mounted = Some(table.entries.len());
            let copied = table.entries.clone();
            for mut entry in copied {
                entry.path.splice(0..0, base.iter().cloned());
                let outer: Vec<u32> = site.branch.iter().chain(entry.site.branch.iter()).copied().collect();
                entry.site.branch = outer.into();
                self.push(object, entry);
            }
        }
    }

    fn serve(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Host(object) => {
                if let Some(table) = self.table(*object) {
                    table.served = true;
                }
            }
            Value::Method(object, name) if matches!(&**name, "fetch" | "request" | "handler") => {
                self.serve(object, depth + 1);
            }
            Value::Object(options) if depth < 3 => {
                let inner: Vec<Value> = options.props.borrow().iter().map(|(_, it)| it.clone()).collect();
                inner.iter().for_each(|it| self.serve(it, depth + 1));
            }
            _ => {}
        }
    }
}

/// `app.get(auth, handler)` is not what Hono offers, but `app.use(auth, more)` is.
fn first_is_handler(first: &Arg, rest: &[Arg]) -> bool {
    matches!(&first.value, Value::External(it) if it.package().is_some()) || rest.is_empty()
}

impl Host for Hono {
    fn call(&mut self, callee: &External, args: &[Arg], site: &Site) -> Option<Value> {
        let path = callee.path();
        match path.as_slice() {
            ["hono" | "hono/tiny" | "hono/quick", "Hono"] | ["@hono/zod-openapi", "OpenAPIHono"] => {
                return Some(self.make(site));
            }
            ["hono/factory", "createFactory" | "Factory", "()", "createApp"] => return Some(self.make(site)),
            ["hono/factory", "createMiddleware"] | [.., "createMiddleware"] => {
                return args.first().map(|it| it.value.clone());
            }
            ["hono/factory", "createFactory" | "Factory", "()", "createHandlers"] => {
                let open = args.iter().any(|it| it.spread);
                return Some(Value::array(args.iter().map(|it| it.value.clone()).collect(), open));
            }
            ["@hono/zod-openapi", "createRoute"] => return args.first().map(|it| it.value.clone()),
            ["hono/dev", ..] | ["hono/testing", ..] => return Some(Value::Unknown),
            _ => {}
        }
        args.iter().for_each(|it| self.serve(&it.value, 0));
        // Adapters only pass requests on; other packages may register something.
        let adapts = callee.package().is_none_or(|it| {
            it == "hono"
                || it.starts_with("hono/")
                || it.starts_with("@hono/")
                || matches!(it, "http" | "https" | "http2")
        });
        for arg in args {
            if let (Value::Host(object), false) = (&arg.value, adapts)
                && let Some(table) = self.table(*object)
            {
                table.escapes.push(site.clone());
            }
        }
        None
    }

    fn method(&mut self, object: usize, name: &str, args: &[Arg], site: &Site) -> Value {
        let itself = Value::Host(object);
        match name {
            "use" => self.register(object, EntryKind::Use, args, site),
            verb if VERBS.contains(&verb) => {
                let method = Value::text(&verb.to_ascii_uppercase());
                self.register(object, EntryKind::Route(method), args, site);
            }
            "on" => {
                if let Some((method, rest)) = args.split_first() {
                    self.register(object, EntryKind::Route(method.value.clone()), rest, site);
                }
            }
            "route" => self.mount(object, args, site),
            "basePath" => {
                let Some(made) = self.made.get(object) else { return itself };
                let (table, mut base) = (made.table, made.base.clone());
                base.extend(args.first().map(|it| Piece {
                    value: it.value.clone(),
                    place: Place { module: site.module, span: it.span },
                    kind: PieceKind::Base,
                }));
                self.made.push(Made { table, base, path: None });
                return Value::Host(self.made.len() - 1);
            }
            "mount" => self.register(object, EntryKind::Mount, args.get(..2).unwrap_or(args), site),
            "openapi" => {
                if let Some((described, handlers)) = args.split_first()
                    && let Some(made) = self.made.get(object)
                {
                    let place = Place { module: site.module, span: described.span };
                    let (kind, value) = match &described.value {
                        Value::Object(it) => {
                            (EntryKind::Described(Rc::clone(it)), it.get("path").unwrap_or(Value::Unknown))
                        }
                        _ => (EntryKind::Route(Value::Unknown), Value::Unknown),
                    };
                    let own = Piece { value, place, kind: PieceKind::Own };
                    let path = made.base.iter().cloned().chain([own]).collect();
                    let handlers = handlers.get(..1).unwrap_or(handlers).to_vec();
                    self.push(object, Entry { kind, path, handlers, site: site.clone() });
                }
            }
            // They serve the description to whoever asks.
            "doc" | "doc31" => {
                if let Some(path) = args.first() {
                    let span = path.span;
                    let handler = Arg { value: Value::Object(Rc::default()), span, spread: false };
                    let args = [path.clone(), handler];
                    self.register(object, EntryKind::Route(Value::text("GET")), &args, site);
                }
            }
            "fire" => self.serve(&itself, 0),
            "notFound" | "onError" => {}
            _ => return Value::Unknown,
        }
        itself
    }

    fn computed_method(&mut self, object: usize, args: &[Arg], site: &Site) {
        self.register(object, EntryKind::Route(Value::Unknown), args, site);
    }

    fn named(&mut self, object: usize, name: &str) {
        if name != crate::js::lower::DEFAULT
            && let Some(table) = self.table(object)
        {
            table.name.get_or_insert_with(|| name.to_owned());
        }
    }

    fn returned(&mut self, _object: usize, _module: usize, _statement: Span, _value: Span) {}

    fn escaped(&mut self, _object: usize, _site: &Site) {}

    fn is_handler(&self, function: &Function) -> bool {
        matches!(function.param_name(0).unwrap_or_default().trim_start_matches('_'), "c" | "ctx" | "context")
    }
}
