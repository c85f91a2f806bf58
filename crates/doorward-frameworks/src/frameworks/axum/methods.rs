//! The handlers of a route, by method: `get(list).post(create)`.

use std::rc::Rc;

use crate::frameworks::rust::unroll;
use crate::rs::ir::{AttrArg, Expr, ExprKind, Type};
use crate::rs::program::{Def, FnRef, Program};
use crate::rs::value::{Arg, Branch, TermKind, Value};
use crate::source::Place;

/// The methods a router has a function for.
const METHODS: &[&str] = &["get", "post", "put", "delete", "patch", "head", "options", "trace", "connect"];

/// A handler, its method, and the layers around it, the innermost first.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) method: String,
    pub(super) handler: Arg,
    pub(super) layers: Vec<(Arg, Place, Branch)>,
    pub(super) branch: Branch,
}

/// What has been read, and what could not be.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) answers: Vec<Answer>,
    pub(super) unknown: Vec<(Place, String)>,
}

/// More are not written by people.
const MAX_ANSWERS: usize = 1_000;

/// Reads a value that is used as the handlers of a route.
pub(super) fn read(value: &Value, work: &mut Work, depth: usize) {
    if depth > 32 || work.answers.len() > MAX_ANSWERS {
        return;
    }
    let (base, calls) = unroll(value);
    match &base {
        Value::Term(term) => {
            if let TermKind::Call(_, args) = &term.kind {
                let name = term.head.last().map_or("", |it| &**it);
                add(name, args, &term.branch, work, depth);
            }
        }
        Value::Either(all) => {
            for one in all.iter() {
                read(one, work, depth + 1);
            }
        }
        _ => {}
    }
    for call in &calls {
        let TermKind::Method(_, name, _, args) = &call.kind else { continue };
        match (&**name, args.first()) {
            ("layer" | "route_layer", Some(layer)) => {
                for answer in &mut work.answers {
                    answer.layers.push((layer.clone(), call.place, Rc::clone(&call.branch)));
                }
            }
            ("merge", Some(other)) => {
                let mut inner = Work::default();
                read(&other.value, &mut inner, depth + 1);
                work.answers.append(&mut inner.answers);
                work.unknown.append(&mut inner.unknown);
            }
            ("fallback" | "fallback_service", Some(handler)) => push("ALL", handler, &call.branch, work),
            ("with_state" | "handle_error" | "boxed" | "method_not_allowed_fallback", _) => {}
            (name, Some(_)) if !add(name, args, &call.branch, work, depth) => {
                work.unknown.push((call.place, name.to_owned()));
            }
            _ => {}
        }
    }
}

fn push(method: &str, handler: &Arg, branch: &Branch, work: &mut Work) {
    work.answers.push(Answer {
        method: method.to_ascii_uppercase(),
        handler: handler.clone(),
        layers: Vec::new(),
        branch: Rc::clone(branch),
    });
}

/// Adds what `get(…)`, `get_with(…)`, `on_service(…)` and their kin name.
fn add(name: &str, args: &[Arg], branch: &Branch, work: &mut Work, depth: usize) -> bool {
    let plain = name.trim_end_matches("_with").trim_end_matches("_service").trim_end_matches("_with");
    match (plain, args) {
        ("any", [handler, ..]) => push("ALL", handler, branch, work),
        ("on", [filter, handler, ..]) => {
            let mut methods = Vec::new();
            filters(&filter.value, &mut methods, depth);
            if methods.is_empty() {
                methods.push("ALL".to_owned());
            }
            for method in methods {
                push(&method, handler, branch, work);
            }
        }
        (method, [handler, ..]) if METHODS.contains(&method) => push(method, handler, branch, work),
        ("new" | "default", _) => {}
        _ => return false,
    }
    true
}

/// `MethodFilter::GET | MethodFilter::POST`, `MethodFilter::GET.or(…)`.
fn filters(value: &Value, all: &mut Vec<String>, depth: usize) {
    if depth > 32 || all.len() > 32 {
        return;
    }
    match value {
        Value::Term(term) => match &term.kind {
            TermKind::Path(_) => {
                let name = term.head.last().map_or("", |it| &**it);
                if METHODS.contains(&&*name.to_lowercase()) {
                    all.push(name.to_owned());
                }
            }
            TermKind::Method(receiver, _, _, args) => {
                filters(receiver, all, depth + 1);
                for arg in args {
                    filters(&arg.value, all, depth + 1);
                }
            }
            TermKind::Call(_, args) => {
                for arg in args {
                    filters(&arg.value, all, depth + 1);
                }
            }
            _ => {}
        },
        Value::List(list) | Value::Either(list) => {
            for one in list.iter() {
                filters(one, all, depth + 1);
            }
        }
        _ => {}
    }
}

/// The method of `typed_get` and its kin.
pub(super) fn typed(name: &str) -> Option<&'static str> {
    let method = name.strip_prefix("typed_")?;
    METHODS.iter().find(|it| **it == method).copied()
}

/// Methods and path of `#[utoipa::path(get, path = "/x")]`.
pub(crate) fn documented(function: &FnRef) -> Vec<(String, String)> {
    let Some(attr) = function.function.attrs.iter().find(|it| it.name() == "path") else { return Vec::new() };
    let mut methods = Vec::new();
    let mut path = None;
    let mut prefix = String::new();
    for arg in &attr.args {
        match (arg.name.as_deref(), &arg.value) {
            (None, Some(Expr { kind: ExprKind::Path(name), .. })) if METHODS.contains(&name.last()) => {
                methods.push(name.last().to_uppercase());
            }
            (Some("method"), _) => methods.extend(arg.args.iter().filter_map(word).map(|it| it.to_uppercase())),
            (Some("path"), Some(value)) => path = text(value),
            (Some("context_path"), Some(value)) => prefix = text(value).unwrap_or_default(),
            _ => {}
        }
    }
    // Without a path, and with one that is no literal, the name of the function tells nothing.
    path.map(|path| methods.into_iter().map(|it| (it, format!("{prefix}{path}"))).collect()).unwrap_or_default()
}

fn word(arg: &AttrArg) -> Option<String> {
    match &arg.value {
        Some(Expr { kind: ExprKind::Path(path), .. }) => Some(path.last().to_owned()),
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Str(text) => Some(text.to_string()),
        _ => None,
    }
}

/// The path of the `TypedPath` that a handler takes.
pub(super) fn typed_path(program: &Program, function: &FnRef) -> Option<String> {
    function.function.params.iter().find_map(|param| {
        let Type::Path(path) = &param.ty else { return None };
        let Def::Type(id) = program.path(function.scope, path, function.owner.as_deref()) else { return None };
        let def = program.type_def(&id)?;
        let attr = def.attrs.iter().find(|it| it.name() == "typed_path")?;
        attr.args.iter().find_map(|it| it.value.as_ref().filter(|_| it.name.is_none())).and_then(text)
    })
}
