//! What handlers take: the schemas of zod and valibot that they give the request to.
//!
//! `Order.parse(await request.json())` refuses every other body, and `Paging.parse(Object.fromEntries(searchParams))`
//! every other query. A value is followed through the names it is given, and no further.

use std::collections::HashMap;
use std::rc::Rc;

use doorward::shape::{Body, Shape, Within};

use super::discover::Reader;
use crate::js::ir::{Expr, ExprKind, Function, Key, Pattern, Stmt, StmtKind, visit};
use crate::js::shapes::is_parse;
use crate::js::value::{Closure, External, Value};

/// The methods that refuse what does not fit.
static PARSES: &[&str] = &["parse", "parseAsync", "safeParse", "safeParseAsync"];
/// Parts of one handler that are looked at.
const MAX_SEEN: usize = 20_000;

/// A part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Body,
    Query,
    Params,
}

/// The names that parts of the request have in a handler.
struct Names<'f> {
    request: Option<&'f str>,
    context: Option<&'f str>,
    /// `req.body` and `req.query` are parts, as below `pages/api`.
    is_api: bool,
    known: HashMap<&'f str, Part>,
}

impl Reader<'_> {
    /// What a handler takes.
    pub(super) fn shape(&mut self, handler: &Value, is_api: bool) -> Shape {
        let mut shape = Shape::default();
        match handler {
            Value::Function(closure) => self.shape_of(closure, is_api, &mut shape),
            // A wrapper of a package is given the handler.
            Value::External(external) => {
                let External::Call(_, args, _) = &**external else { return shape };
                for arg in args {
                    if let Value::Function(closure) = &arg.value {
                        self.shape_of(closure, is_api, &mut shape);
                    }
                }
            }
            _ => {}
        }
        shape
    }

    fn shape_of(&mut self, closure: &Rc<Closure>, is_api: bool, shape: &mut Shape) {
        let function = std::sync::Arc::clone(&closure.function);
        let mut names = Names::of(&function, is_api);
        names.learn(&function.body, 0);
        let mut uses: Vec<(Part, &Expr)> = Vec::new();
        let mut left = MAX_SEEN;
        visit(&function.body, &mut |expr| {
            left = left.saturating_sub(1);
            if let ExprKind::Call(callee, items) = &expr.kind {
                let given = |at: usize| items.get(at).filter(|it| !it.spread).and_then(|it| names.part(&it.value));
                match (&callee.kind, given(0), given(1)) {
                    (ExprKind::Member(schema, Key::Name(name)), Some(part), _) if PARSES.contains(&&**name) => {
                        uses.push((part, schema));
                    }
                    (_, _, Some(part)) if is_parse(&self.named(callee, closure)) => {
                        uses.extend(items.first().map(|it| (part, &it.value)));
                    }
                    _ => {}
                }
            }
            left > 0
        });
        for (part, schema) in uses {
            let value = self.named(schema, closure);
            // An object with a method called `parse` is no schema.
            if let (Value::External(_), Some(schema)) = (&value, self.shapes.schema(&value)) {
                self.put(part, schema, shape);
            }
        }
    }

    /// What a name, or a member of one, stands for around a function.
    fn named(&mut self, expr: &Expr, closure: &Closure) -> Value {
        match &expr.kind {
            ExprKind::Name(name) => self.eval.lookup(&closure.scope, name, closure.module),
            ExprKind::Member(object, Key::Name(name)) => {
                let object = self.named(object, closure);
                self.eval.member(&object, name)
            }
            _ => Value::Unknown,
        }
    }

    /// Adds what a schema says of a part of the request. The first one counts.
    fn put(&self, part: Part, schema: serde_json::Value, shape: &mut Shape) {
        let within = match part {
            Part::Body => {
                shape.body.get_or_insert(Body { media_type: "application/json".to_owned(), required: true, schema });
                return;
            }
            Part::Query => Within::Query,
            Part::Params => Within::Path,
        };
        for parameter in self.shapes.parameters(&schema, within) {
            if shape.parameter(within, &parameter.name).is_none() {
                shape.parameters.push(parameter);
            }
        }
    }
}

impl<'f> Names<'f> {
    fn of(function: &'f Function, is_api: bool) -> Self {
        let mut known = HashMap::new();
        // `{ params }`, which is the second parameter.
        if let Some(Pattern::Object(props, _)) = function.params.get(1).filter(|_| !is_api) {
            for (key, pattern) in props {
                if let (Key::Name(key), Pattern::Name(name)) = (key, pattern)
                    && &**key == "params"
                {
                    known.insert(&**name, Part::Params);
                }
            }
        }
        let context = function.param_name(1).filter(|_| !is_api);
        Self { request: function.param_name(0), context, is_api, known }
    }

    /// `const body = await request.json()`. A name that has two meanings has none.
    fn learn(&mut self, statements: &'f [Stmt], depth: usize) {
        if depth > 20 {
            return;
        }
        for statement in statements {
            match &statement.kind {
                StmtKind::Var(all, _) => {
                    for (pattern, init) in all {
                        let (Pattern::Name(name), Some(init)) = (pattern, init) else {
                            self.learn_search(pattern, init.as_ref());
                            continue;
                        };
                        match (self.part(init), self.known.contains_key(&**name)) {
                            (Some(part), false) => {
                                self.known.insert(name, part);
                            }
                            (_, true) => {
                                self.known.remove(&**name);
                            }
                            _ => {}
                        }
                    }
                }
                StmtKind::Block(all) => self.learn(all, depth + 1),
                StmtKind::Try(block, _, _) => self.learn(block, depth + 1),
                _ => {}
            }
        }
    }

    /// `const { searchParams } = new URL(request.url)`.
    fn learn_search(&mut self, pattern: &'f Pattern, init: Option<&Expr>) {
        let (Pattern::Object(props, _), Some(init)) = (pattern, init) else { return };
        if !self.is_url(init) {
            return;
        }
        for (key, pattern) in props {
            if let (Key::Name(key), Pattern::Name(name)) = (key, pattern)
                && &**key == "searchParams"
            {
                self.known.insert(name, Part::Query);
            }
        }
    }

    /// The part of the request that an expression is.
    fn part(&self, expr: &Expr) -> Option<Part> {
        match &expr.kind {
            ExprKind::Await(inner) => self.part(inner),
            ExprKind::Name(name) => self.known.get(&**name).copied(),
            ExprKind::Member(object, Key::Name(name)) => match &**name {
                "searchParams" if self.is_url(object) => Some(Part::Query),
                "params" if self.context.is_some() && is_named(object, self.context) => Some(Part::Params),
                "body" if self.is_api && is_named(object, self.request) => Some(Part::Body),
                "query" if self.is_api && is_named(object, self.request) => Some(Part::Query),
                _ => None,
            },
            ExprKind::Call(callee, items) => {
                let ExprKind::Member(object, Key::Name(name)) = &callee.kind else { return None };
                match &**name {
                    "json" if !self.is_api && is_named(object, self.request) => Some(Part::Body),
                    "catch" => self.part(object),
                    "fromEntries" => items.first().and_then(|it| self.part(&it.value)),
                    "entries" => self.part(object),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// `request.nextUrl`, `new URL(request.url)`.
    fn is_url(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Member(object, Key::Name(name)) => &**name == "nextUrl" && is_named(object, self.request),
            ExprKind::New(callee, items) => {
                let of_request = |it: &Expr| {
                    matches!(&it.kind, ExprKind::Member(object, Key::Name(name))
                        if &**name == "url" && is_named(object, self.request))
                };
                matches!(&callee.kind, ExprKind::Name(name) if &**name == "URL")
                    && items.first().is_some_and(|it| of_request(&it.value))
            }
            _ => false,
        }
    }
}

fn is_named(expr: &Expr, name: Option<&str>) -> bool {
    matches!(&expr.kind, ExprKind::Name(it) if Some(&**it) == name)
}
