//! A route's own parts: `web::get().to(handler)`, `web::route().guard(guard::Post()).to(handler)`.

use std::rc::Rc;

use doorward::inventory::Method;
use doorward::path::PathTemplate;

use super::discover::{Actix, Around};
use crate::frameworks::rust::unroll;
use crate::rs::flow;
use crate::rs::program::FnRef;
use crate::rs::value::{Arg, Branch, Term, TermKind, Value};

const METHODS: &[&str] = &["get", "post", "put", "delete", "patch", "head", "options", "trace", "connect"];

/// What a value that is used as a route says.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// None: any.
    pub(super) methods: Vec<String>,
    pub(super) handler: Option<Arg>,
    /// Middleware of the route itself, in the order of the calls.
    pub(super) wraps: Vec<(Arg, Rc<Term>)>,
    pub(super) branch: Option<Branch>,
}

/// Reads a value as a route.
pub(super) fn read(value: &Value) -> Option<Read> {
    let (base, calls) = unroll(value);
    let Value::Term(term) = &base else { return None };
    let TermKind::Call(_, args) = &term.kind else { return None };
    let mut read = Read { branch: Some(Rc::clone(&term.branch)), ..Read::default() };
    match (term.head.last().map_or("", |it| &**it), args.first()) {
        ("method", Some(method)) => read.methods.extend(method_of(&method.value)),
        ("to", Some(handler)) => read.handler = Some(handler.clone()),
        ("route", _) | ("new", _) => {}
        (name, _) if METHODS.contains(&name) => read.methods.push(name.to_uppercase()),
        _ => return None,
    }
    for call in &calls {
        let TermKind::Method(_, name, _, args) = &call.kind else { continue };
        match (&**name, args.first()) {
            ("to" | "service", Some(handler)) => {
                read.handler = Some(handler.clone());
                // Middleware that came before the handler is dropped with what it wrapped.
                read.wraps.clear();
            }
            ("method", Some(method)) => read.methods.extend(method_of(&method.value)),
            ("guard", Some(guard)) => guards(&guard.value, &mut read.methods, 0),
            ("wrap" | "wrap_fn", Some(layer)) => read.wraps.push((layer.clone(), Rc::clone(call))),
            _ => {}
        }
    }
    Some(read)
}

/// `Method::GET`.
fn method_of(value: &Value) -> Option<String> {
    let Value::Term(term) = value else { return None };
    let name = term.head.last()?;
    (name.chars().all(|it| it.is_ascii_uppercase()) && term.head.iter().any(|it| &**it == "Method"))
        .then(|| name.to_string())
}

/// `guard::Get()`, `guard::Any(guard::Get()).or(guard::Post())`, `guard::Method(Method::GET)`.
pub(super) fn guards(value: &Value, methods: &mut Vec<String>, depth: usize) {
    if depth > 16 || methods.len() > 32 {
        return;
    }
    let (base, calls) = unroll(value);
    if let Value::Term(term) = &base
        && let TermKind::Call(_, args) = &term.kind
        && term.head.iter().any(|it| &**it == "guard")
    {
        let name = term.head.last().map_or(String::new(), |it| it.to_lowercase());
        match name.as_str() {
            "any" | "all" => {
                for arg in args {
                    guards(&arg.value, methods, depth + 1);
                }
            }
            "method" => methods.extend(args.first().and_then(|it| method_of(&it.value))),
            name if METHODS.contains(&name) => methods.push(name.to_uppercase()),
            _ => {}
        }
    }
    for call in &calls {
        if let TermKind::Method(_, name, _, args) = &call.kind
            && matches!(&**name, "or" | "and")
        {
            for arg in args {
                guards(&arg.value, methods, depth + 1);
            }
        }
    }
}

impl Actix<'_> {
    /// What remains when no route matched. That it says 404 is no route.
    pub(super) fn default_service(&mut self, call: &Rc<Term>, route: &Arg, around: &Around) {
        let rest: PathTemplate = "/{*path}".parse().unwrap_or_default();
        let handler = read(&route.value).and_then(|it| it.handler).unwrap_or_else(|| route.clone());
        let functions: Vec<FnRef> = match &handler.value {
            Value::Function(function) => vec![function.clone()],
            Value::Closure(closure) if flow::closure_only_not_found(&closure.closure) => return,
            Value::Term(term) if term.head.iter().any(|it| &**it == "Files") => return,
            _ => Vec::new(),
        };
        if !functions.is_empty() && functions.iter().all(|it| flow::only_not_found(self.reader.program, it)) {
            return;
        }
        // `HttpResponse::NotFound` itself may be the handler.
        if let Value::Term(term) = &handler.value
            && term.head.last().is_some_and(|it| matches!(&**it, "NotFound" | "not_found"))
        {
            return;
        }
        self.route_or_all(call, &around.prefix.join(&rest), route, around);
    }

    pub(super) fn route_or_all(&mut self, call: &Rc<Term>, path: &PathTemplate, route: &Arg, around: &Around) {
        if read(&route.value).is_some() {
            self.route(call, path, route, around);
        } else {
            let entry = self.entry(call, Method::ALL, path.clone(), route, around);
            self.add(entry);
        }
    }
}
