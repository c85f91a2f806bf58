//! Paths that a middleware answers by itself, so that no route does.
//!
//! The paths that its code names are tried, one by one. What answers whatever the path is, such as a limit, is no
//! endpoint, and neither is a refusal or an error.

use std::collections::BTreeSet;
use std::rc::Rc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::Method;
use doorward::shape::Shape;
use ruff_python_ast::Expr;
use ruff_python_ast::visitor::{self, Visitor};

use super::discover::{Context, Reader};
use super::middleware::Middleware;
use super::paths::Known;
use super::probe::{Probe, Seen};
use super::routes::joined;
use crate::py::eval::{Branch, Site, span};
use crate::py::value::{Arg, Args, Def, Function, Place, Value};

/// Code names a few paths.
const MAX_PATHS: usize = 40;
/// What no program names.
const ELSEWHERE: &str = "/~";

/// A path that a middleware answers by itself.
#[derive(Debug, Clone)]
pub(super) struct Answered {
    method: String,
    path: String,
}

impl<'p> Reader<'p> {
    /// What `function` answers by itself.
    pub(super) fn answered(&mut self, function: &Value<'p>, is_http: bool, place: Place) -> Vec<Answered> {
        let Some(code) = function_of(function) else { return Vec::new() };
        let mut all = Vec::new();
        for path in self.named_paths(&code) {
            let stem = path.trim_end_matches('/');
            let below = self.methods_answered(function, is_http, &format!("{stem}/x"));
            // `/files/` with everything below it is no path of its own.
            if below.is_empty() || path == stem {
                all.extend(self.methods_answered(function, is_http, &path).into_iter().map(|it| (it, path.clone())));
            }
            all.extend(below.into_iter().map(|it| (it, format!("{stem}/{{*rest}}"))));
        }
        if all.is_empty() && self.answers_here(function, is_http, "GET", None) {
            self.tell("DW2154", place, || {
                Diagnostic::new("DW2154", "a middleware answers some paths by itself")
                    .help("answer them in routes; until then, look at what it answers by hand")
            });
        }
        all.into_iter().map(|(method, path)| Answered { method: method.to_owned(), path }).collect()
    }

    fn methods_answered(&mut self, function: &Value<'p>, is_http: bool, path: &str) -> Vec<&'static str> {
        let asked = ["GET", "POST"].into_iter();
        let all: Vec<_> = asked.filter(|it| self.answers_here(function, is_http, it, Some(path))).collect();
        if all.len() == 2 { vec![Method::ALL] } else { all }
    }

    /// Whether a stranger is given something on this path, and not on any.
    fn answers_here(&mut self, function: &Value<'p>, is_http: bool, method: &'static str, path: Option<&str>) -> bool {
        self.answers(function, is_http, method, path) && !self.answers(function, is_http, method, Some(ELSEWHERE))
    }

    /// Whether a stranger is given something on this path. `None`: on some path.
    fn answers(&mut self, function: &Value<'p>, is_http: bool, method: &'static str, path: Option<&str>) -> bool {
        let args = if is_http {
            vec![self.seen(Seen::Request), self.seen(Seen::Next)]
        } else {
            vec![self.seen(Seen::Scope), Value::Unknown, self.seen(Seen::Send)]
        };
        self.eval.host.path = path.map(str::to_owned);
        self.eval.host.sent.clear();
        self.eval.host.wrapping.clear();
        self.eval.host.passed.clear();
        let outcome = self.ask(function, &Args::of(args, Place::default()), Probe::Stranger(method));
        self.eval.host.path = None;
        let passed = std::mem::take(&mut self.eval.host.passed);
        let sent = std::mem::take(&mut self.eval.host.sent);
        let given = if is_http { outcome.returned.each() } else { sent };
        outcome.complete && given.iter().any(|it| self.is_answer(it, passed.is_empty()))
    }

    /// Whether a value is a response that is neither a refusal nor an error.
    fn is_answer(&self, value: &Value<'p>, alone: bool) -> bool {
        let is_response = match value {
            Value::External(it) => {
                // A status that isn't known is that of an error more often than not.
                let known = |args: &Args<'p>| args.get(1, "status_code").is_none() || self.status(value).is_some();
                let wraps = |place| self.eval.host.wrapping.contains(&place);
                it.last().ends_with("Response") && it.called().is_some_and(|(_, args, at)| known(args) && !wraps(at))
            }
            Value::Instance(it) => it.class.inherits(|name| name.ends_with("Response")),
            Value::Int(_) => true,
            // What code that can't be seen makes, if it is not what comes next.
            Value::Unknown => alone,
            _ => false,
        };
        let status = if let Value::Int(it) = value { u16::try_from(*it).ok() } else { self.status(value) };
        is_response && status.is_none_or(|it| it < 400) && !self.says_no(value)
    }

    /// Everything that a function calls a path, or compares with something that is one.
    fn named_paths(&mut self, function: &Rc<Function<'p>>) -> BTreeSet<String> {
        let mut named = Named { texts: BTreeSet::new(), names: Vec::new() };
        match function.def {
            Def::Def(def) => named.visit_body(&def.body),
            Def::Lambda(lambda) => named.visit_expr(&lambda.body),
        }
        for name in named.names {
            let value = self.eval.static_value(name, &function.scope, function.module);
            let items = match &value {
                Value::List(_) | Value::Dict(_) => self.eval.items(&value).0,
                other => vec![other.clone()],
            };
            named.texts.extend(items.iter().filter_map(|it| it.as_str().filter(|it| is_path(it)).map(str::to_owned)));
        }
        named.texts.into_iter().take(MAX_PATHS).collect()
    }

    /// Lists what the middleware of an application answers. Whatever stands around it runs before.
    pub(super) fn answers_of(&mut self, middleware: &[Middleware], context: &Context<'p>) {
        for (at, one) in middleware.iter().enumerate() {
            let mut context = context.clone();
            context.middleware.extend(middleware.iter().take(at).cloned());
            context.branches.push(Rc::clone(&one.branch));
            let site = Site {
                module: one.code.module,
                call: one.code.span,
                statement: one.code.span,
                branch: Branch::clone(&one.branch),
            };
            for it in &one.answers {
                let path = joined(&context.prefix, &Known { text: it.path.clone(), assumed: false });
                let none: Option<&Arg<'p>> = None;
                let method = std::slice::from_ref(&it.method);
                self.add(method, &path, &site, &context, Vec::new(), (none, &Shape::default()));
            }
        }
    }
}

/// The function behind a value, and where its name stands.
fn function_of<'p>(value: &Value<'p>) -> Option<Rc<Function<'p>>> {
    match value {
        Value::Function(it) => Some(Rc::clone(it)),
        Value::Bound(it) => Some(Rc::clone(&it.1)),
        _ => None,
    }
}

pub(super) fn code_of(value: &Value<'_>) -> Option<Place> {
    let function = function_of(value)?;
    let span = match function.def {
        Def::Def(def) => span(&def.name),
        Def::Lambda(lambda) => span(lambda),
    };
    Some(Place { module: function.module, span })
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.len() < 200 && !text.contains(|c: char| c.is_whitespace() || "{}*".contains(c))
}

struct Named<'p> {
    texts: BTreeSet<String>,
    names: Vec<&'p Expr>,
}

impl<'p> Visitor<'p> for Named<'p> {
    fn visit_expr(&mut self, expr: &'p Expr) {
        match expr {
            Expr::StringLiteral(it) if is_path(it.value.to_str()) => {
                self.texts.insert(it.value.to_str().to_owned());
            }
            Expr::Compare(it) => self.names.extend(it.comparators.iter().filter(|it| is_name(it))),
            Expr::Call(it) => self.names.extend(it.arguments.args.iter().filter(|it| is_name(it))),
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}

fn is_name(expr: &Expr) -> bool {
    matches!(expr, Expr::Name(_) | Expr::Attribute(_))
}
