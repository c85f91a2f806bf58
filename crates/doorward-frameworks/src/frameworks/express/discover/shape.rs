//! What handlers take: the schemas of zod, valibot and TypeBox that they give the request to.
//!
//! `Order.parse(req.body)` in a handler, or in a middleware that was made with `validate(Order)`, refuses every other
//! body; so does `validateRequest({ body: Order })` of a package that is known for it.

use std::rc::Rc;
use std::sync::Arc;

use doorward::shape::{Body, Shape, Within};
use serde_json::Value as Json;

use super::{Part, Reader};
use crate::js::ir::{Expr, ExprKind, Key, Prop, visit};
use crate::js::shapes::is_parse;
use crate::js::value::{Closure, External, Value};

/// Packages whose functions are given `{ body, query, params }`.
static VALIDATORS: &[&str] = &["zod-express-middleware", "express-zod-safe", "zod-express"];
/// The methods that refuse what does not fit.
static PARSES: &[&str] = &["parse", "parseAsync", "safeParse", "safeParseAsync"];
/// The parts of a request, as Express calls them.
static PARTS: &[&str] = &["body", "query", "params", "headers", "cookies"];
/// Wrappers of wrappers.
const MAX_DEPTH: usize = 3;
/// Parts of one handler that are looked at.
const MAX_SEEN: usize = 20_000;

/// A schema, and the part of the request that is given to it; nothing for all of them in one object.
type Use = (Option<Arc<str>>, Value);

impl Reader<'_> {
    /// What the handlers of a registration take.
    pub(super) fn shape(&mut self, parts: &[Part]) -> Shape {
        let mut shape = Shape::default();
        for part in parts {
            match &part.value {
                Value::Function(closure) => self.shape_of(closure, &mut shape),
                Value::External(external) => {
                    let External::Call(_, args, _) = &**external else { continue };
                    let known = external.package().is_some_and(|it| VALIDATORS.contains(&it));
                    for arg in args {
                        match &arg.value {
                            Value::Object(given) if known => {
                                for name in PARTS {
                                    if let Some(schema) = given.get(name) {
                                        self.take(Some(name), &schema, &mut shape);
                                    }
                                }
                            }
                            // Wrappers that catch errors are given the handler.
                            Value::Function(closure) => self.shape_of(closure, &mut shape),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        shape
    }

    fn shape_of(&mut self, closure: &Rc<Closure>, shape: &mut Shape) {
        let mut uses = Vec::new();
        self.uses(closure, 0, &mut uses);
        for (part, schema) in uses {
            self.take(part.as_deref(), &schema, shape);
        }
    }

    /// Finds `schema.parse(request.part)`, also in functions that are given the request.
    fn uses(&mut self, closure: &Rc<Closure>, depth: usize, uses: &mut Vec<Use>) {
        let function = Arc::clone(&closure.function);
        let Some(request) = function.param_name(0).filter(|_| function.arity < 4 && depth < MAX_DEPTH) else { return };
        let mut parses: Vec<(&Expr, &Expr)> = Vec::new();
        let mut given_to: Vec<(&Expr, &Expr, &Expr)> = Vec::new();
        let mut inner: Vec<&Expr> = Vec::new();
        let mut left = MAX_SEEN;
        visit(&function.body, &mut |expr| {
            left = left.saturating_sub(1);
            if let ExprKind::Function(inner) = &expr.kind
                && (0..inner.params.len()).any(|at| inner.param_name(at) == Some(request))
            {
                // Another request, of the same name.
                return false;
            }
            if let ExprKind::Call(callee, items) = &expr.kind
                && let Some(first) = items.first()
            {
                match &callee.kind {
                    ExprKind::Member(schema, Key::Name(name)) if PARSES.contains(&&**name) => {
                        parses.push((schema, &first.value));
                    }
                    ExprKind::Name(_) if is_name(&first.value, request) => inner.push(callee),
                    _ => {}
                }
                // `v.parse(Order, request.body)`.
                if let Some(given) = items.get(1).filter(|it| part_of(&it.value, request).is_some()) {
                    given_to.push((callee, &first.value, &given.value));
                }
            }
            left > 0
        });
        for (callee, schema, given) in given_to {
            if self.resolve(callee, closure).is_some_and(|it| is_parse(&it)) {
                parses.push((schema, given));
            }
        }
        for (schema, given) in parses {
            let part = match part_of(given, request) {
                Some(part) => Some(part),
                None if is_whole(given, request) => None,
                None => continue,
            };
            if let Some(schema) = self.resolve(schema, closure) {
                uses.push((part, schema));
            }
        }
        for callee in inner {
            if let Some(Value::Function(next)) = self.resolve(callee, closure)
                && !Arc::ptr_eq(&next.function, &function)
            {
                self.uses(&next, depth + 1, uses);
            }
        }
    }

    /// What a name, or a member of one, stands for around a function.
    fn resolve(&mut self, expr: &Expr, closure: &Rc<Closure>) -> Option<Value> {
        match &expr.kind {
            ExprKind::Name(name) => Some(self.eval.lookup(&closure.scope, name, closure.module)),
            ExprKind::Member(object, Key::Name(name)) => {
                let object = self.resolve(object, closure)?;
                Some(self.eval.member(&object, name))
            }
            _ => None,
        }
    }

    /// Adds what a schema says of a part of the request. The first one counts.
    fn take(&mut self, part: Option<&str>, value: &Value, shape: &mut Shape) {
        // An object with a method called `parse` is no schema.
        if !matches!(value, Value::External(_)) {
            return;
        }
        let Some(schema) = self.shapes.schema(value) else { return };
        match part {
            Some(part) => self.put(part, schema, shape),
            None => {
                let properties = schema.get("properties").and_then(Json::as_object).cloned().unwrap_or_default();
                for (part, schema) in properties {
                    self.put(&part, schema, shape);
                }
            }
        }
    }

    fn put(&self, part: &str, schema: Json, shape: &mut Shape) {
        let within = match part {
            "body" => {
                shape.body.get_or_insert(Body { media_type: "application/json".to_owned(), required: true, schema });
                return;
            }
            "query" => Within::Query,
            "params" => Within::Path,
            "headers" => Within::Header,
            "cookies" => Within::Cookie,
            _ => return,
        };
        for parameter in self.shapes.parameters(&schema, within) {
            if shape.parameter(within, &parameter.name).is_none() {
                shape.parameters.push(parameter);
            }
        }
    }
}

fn is_name(expr: &Expr, name: &str) -> bool {
    matches!(&expr.kind, ExprKind::Name(it) if &**it == name)
}

/// `body` of `req.body`.
fn part_of(expr: &Expr, request: &str) -> Option<Arc<str>> {
    match &expr.kind {
        ExprKind::Member(object, Key::Name(name)) if is_name(object, request) && PARTS.contains(&&**name) => {
            Some(Arc::clone(name))
        }
        _ => None,
    }
}

/// `{ body: req.body, query: req.query }`: each part under its own name.
fn is_whole(expr: &Expr, request: &str) -> bool {
    let ExprKind::Object(props) = &expr.kind else { return false };
    !props.is_empty()
        && props.iter().all(|prop| match prop {
            Prop::Entry { key: Key::Name(key), value, .. } => part_of(value, request).as_ref() == Some(key),
            _ => false,
        })
}
