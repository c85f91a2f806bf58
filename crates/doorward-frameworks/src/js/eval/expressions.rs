//! Expressions.

use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::{Eval, Host, MAX_DEPTH};
use crate::js::ir::{AssignOp, Expr, ExprKind, Function, Item, Key, Pattern, Prop};
use crate::js::value::{Arg, Closure, External, Object, Scope, Slot, Text, Value};

impl<H: Host> Eval<'_, H> {
    pub(crate) fn lookup(&mut self, scope: &Rc<Scope>, name: &str, module: usize) -> Value {
        match scope.lookup(name) {
            Some(Slot::Value(value)) => value,
            Some(Slot::Import(source, imported)) => self.imported(module, &source, &imported),
            None if name == "undefined" => Value::Undefined,
            None => Value::External(Rc::new(External::Global(Arc::from(name)))),
        }
    }

    pub(super) fn key(&mut self, key: &Key, scope: &Rc<Scope>) -> Option<Arc<str>> {
        match key {
            Key::Name(name) => Some(Arc::clone(name)),
            Key::Computed(expr) => match self.expr(expr, scope) {
                Value::Str(text) => Some(text.text),
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked by the guard")]
                Value::Num(number) if number >= 0.0 && number.fract() == 0.0 && number < 1e9 => {
                    Some(Arc::from((number as u64).to_string()))
                }
                // `Symbol.for('name')` is the same wherever it is written.
                Value::External(external) => match &*external {
                    External::Call(callee, args, _) if callee.name() == "Symbol.for" => {
                        args.first().and_then(|it| it.value.as_str()).map(|it| Arc::from(format!("@@{it}")))
                    }
                    _ => None,
                },
                _ => None,
            },
        }
    }

    pub(super) fn closure(&mut self, function: &Arc<Function>, scope: &Rc<Scope>, module: usize) -> Value {
        let known = |it: &Weak<Scope>| std::ptr::eq(it.as_ptr(), Rc::as_ptr(scope));
        if !self.scopes.last().is_some_and(known) {
            self.scopes.push(Rc::downgrade(scope));
        }
        Value::Function(Rc::new(Closure {
            function: Arc::clone(function),
            scope: Rc::clone(scope),
            module,
            this: None,
            props: Object::default(),
        }))
    }

    pub(super) fn expr(&mut self, expr: &Expr, scope: &Rc<Scope>) -> Value {
        if self.exhausted(expr.span) || self.depth > MAX_DEPTH {
            return Value::Unknown;
        }
        self.depth += 1;
        let value = self.expr_inside(expr, scope);
        self.depth -= 1;
        value
    }

    pub(super) fn expr_inside(&mut self, expr: &Expr, scope: &Rc<Scope>) -> Value {
        let module = self.module();
        match &expr.kind {
            ExprKind::Str(text) => Value::Str(Text { text: Arc::clone(text), assumed: false }),
            ExprKind::Num(number) => Value::Num(*number),
            ExprKind::Bool(value) => Value::Bool(*value),
            ExprKind::Null => Value::Null,
            ExprKind::Regex(pattern, flags) => Value::Regex(Arc::clone(pattern), Arc::clone(flags)),
            ExprKind::Template(quasis, parts) => {
                let mut value = quasis.first().map_or_else(|| Value::text(""), |it| Value::text(it));
                for (at, part) in parts.iter().enumerate() {
                    let part = self.expr(part, scope);
                    value = concat(&value, &part);
                    if let Some(quasi) = quasis.get(at + 1) {
                        value = concat(&value, &Value::text(quasi));
                    }
                }
                value
            }
            ExprKind::Name(name) => self.lookup(scope, name, module),
            ExprKind::This => match scope.lookup("this") {
                Some(Slot::Value(value)) => value,
                _ => Value::Unknown,
            },
            ExprKind::Super => Value::Unknown,
            ExprKind::Array(items) => {
                let (values, open) = self.items(items, scope);
                let value = Value::array(values.into_iter().map(|it| it.value).collect(), open);
                if let Value::Array(array) = &value {
                    array.depth.set(self.undecided());
                }
                value
            }
            ExprKind::Object(props) => self.object(props, scope),
            ExprKind::Function(function) => self.closure(function, scope, module),
            ExprKind::Class(class) => self.class(class, scope),
            ExprKind::Member(object, key) => {
                let value = self.expr(object, scope);
                match self.key(key, scope) {
                    Some(name) => self.member(&value, &name),
                    None => match value {
                        // Some item: any of them.
                        Value::Array(array) if !array.open.get() => {
                            array.items.borrow().iter().cloned().reduce(Value::or).unwrap_or(Value::Undefined)
                        }
                        Value::Host(object) => Value::Method(Box::new(Value::Host(object)), Arc::from("")),
                        _ => Value::Unknown,
                    },
                }
            }
            ExprKind::Call(callee, items) => self.call_expr(expr.span, callee, items, scope),
            ExprKind::New(callee, items) => {
                let class = self.expr(callee, scope);
                let args = self.args(items, scope);
                self.construct(&class, &args, expr.span, callee.span)
            }
            ExprKind::Import(source) => {
                let value = self.expr(source, scope);
                self.require(&[Arg { value, span: source.span, spread: false }], expr.span)
            }
            ExprKind::Assign(target, op, value) => {
                let value = self.expr(value, scope);
                let value = match op {
                    AssignOp::Set => value,
                    AssignOp::Other => Value::Unknown,
                    AssignOp::Add | AssignOp::Logical => {
                        let old = match &**target {
                            Pattern::Name(name) => self.lookup(scope, name, module),
                            Pattern::Member(member) => self.expr(member, scope),
                            _ => Value::Unknown,
                        };
                        match op {
                            AssignOp::Add => concat(&old, &value),
                            _ if old.truth() == Some(true) => old,
                            _ => value,
                        }
                    }
                };
                self.bind(target, value.clone(), scope, false);
                value
            }
            ExprKind::Add(left, right) => {
                let left = self.expr(left, scope);
                let right = self.expr(right, scope);
                concat(&left, &right)
            }
            ExprKind::Equal(equal, left, right) => {
                let left = self.expr(left, scope);
                let right = self.expr(right, scope);
                match equal_values(&left, &right) {
                    Some(same) => Value::Bool(same == *equal),
                    None => Value::Unknown,
                }
            }
            ExprKind::And(left, right) => {
                let left = self.expr(left, scope);
                match left.truth() {
                    Some(true) => self.expr(right, scope),
                    Some(false) => left,
                    None => possible(self.in_branch(|it| it.expr(right, scope))),
                }
            }
            ExprKind::Or(left, right) => {
                let left = self.expr(left, scope);
                match left.truth() {
                    Some(true) => left,
                    Some(false) => self.expr(right, scope),
                    None => {
                        let right = self.in_branch(|it| it.expr(right, scope));
                        assumed(left, right)
                    }
                }
            }
            ExprKind::Coalesce(left, right) => {
                let left = self.expr(left, scope);
                match left {
                    Value::Undefined | Value::Null => self.expr(right, scope),
                    Value::Unknown | Value::External(_) => {
                        let right = self.in_branch(|it| it.expr(right, scope));
                        assumed(left, right)
                    }
                    left => left,
                }
            }
            ExprKind::Not(inner) => match self.expr(inner, scope).truth() {
                Some(value) => Value::Bool(!value),
                None => Value::Unknown,
            },
            ExprKind::Conditional(test, yes, no) => match self.expr(test, scope).truth() {
                Some(true) => self.expr(yes, scope),
                Some(false) => self.expr(no, scope),
                None => {
                    let one = self.in_branch(|it| it.expr(yes, scope));
                    let two = self.in_branch(|it| it.expr(no, scope));
                    one.or(two)
                }
            },
            ExprKind::Sequence(parts) => parts.iter().map(|it| self.expr(it, scope)).last().unwrap_or(Value::Undefined),
            ExprKind::Await(inner) => {
                let value = self.expr(inner, scope);
                match &value {
                    Value::Host(object) => self.settle(Some(*object)),
                    // `await Promise.all([…])`.
                    Value::Array(array) => {
                        let host = array.items.borrow().iter().find_map(|it| match it {
                            Value::Host(object) => Some(*object),
                            _ => None,
                        });
                        host.into_iter().for_each(|it| self.settle(Some(it)));
                    }
                    _ => {}
                }
                value
            }
            ExprKind::Other(parts) => {
                parts.iter().for_each(|it| {
                    self.expr(it, scope);
                });
                Value::Unknown
            }
        }
    }

    pub(super) fn object(&mut self, props: &[Prop], scope: &Rc<Scope>) -> Value {
        let object = Object::default();
        object.depth.set(self.undecided());
        for prop in props {
            match prop {
                Prop::Entry { key, value, getter } => {
                    let name = self.key(key, scope);
                    let value = self.expr(value, scope);
                    match name {
                        Some(name) => {
                            if *getter {
                                object.getters.borrow_mut().push(Arc::clone(&name));
                            }
                            object.set(&name, value);
                        }
                        None => object.open.set(true),
                    }
                }
                Prop::Spread(value) => match self.spread(value, scope) {
                    Value::Object(other) => {
                        object.open.set(object.open.get() || other.open.get());
                        for (key, value) in other.props.borrow().iter() {
                            object.set(key, value.clone());
                        }
                    }
                    Value::Namespace(module) => {
                        for name in self.export_names(module) {
                            if let Some(value) = self.exported(module, &name) {
                                object.set(&name, value);
                            }
                        }
                    }
                    Value::Undefined | Value::Null | Value::Bool(_) => {}
                    Value::OneOf(values) => object.take_one_of(&values),
                    _ => object.open.set(true),
                },
            }
        }
        Value::Object(Rc::new(object))
    }

    /// What is spread in an object: `cond && { … }` may be nothing.
    fn spread(&mut self, expr: &Expr, scope: &Rc<Scope>) -> Value {
        let ExprKind::And(test, then) = &expr.kind else { return self.expr(expr, scope) };
        match self.expr(test, scope).truth() {
            Some(true) => self.spread(then, scope),
            Some(false) => Value::Undefined,
            None => {
                let value = self.in_branch(|it| it.spread(then, scope));
                let mut all = value.each();
                all.push(Value::Undefined);
                Value::OneOf(Rc::new(all))
            }
        }
    }

    pub(super) fn items(&mut self, items: &[Item], scope: &Rc<Scope>) -> (Vec<Arg>, bool) {
        let mut all = Vec::new();
        let mut open = false;
        for item in items {
            let value = self.expr(&item.value, scope);
            let span = item.value.span;
            match (item.spread, value) {
                (false, value) => all.push(Arg { value, span, spread: false }),
                (true, Value::Array(array)) => {
                    self.steps += array.items.borrow().len() as u64;
                    all.extend(array.items.borrow().iter().map(|it| Arg { value: it.clone(), span, spread: false }));
                    if array.open.get() {
                        open = true;
                        all.push(Arg { value: Value::Unknown, span, spread: true });
                    }
                }
                (true, Value::Undefined | Value::Null) => {}
                (true, Value::OneOf(values)) if values.iter().all(is_list) => {
                    all.extend(side_by_side(&values).into_iter().map(|value| Arg { value, span, spread: false }));
                }
                (true, value) => {
                    open = true;
                    all.push(Arg { value, span, spread: true });
                }
            }
        }
        (all, open)
    }

    pub(super) fn args(&mut self, items: &[Item], scope: &Rc<Scope>) -> Vec<Arg> {
        self.items(items, scope).0
    }
}

/// What `cond && value` gives where the condition isn't known.
fn possible(value: Value) -> Value {
    match value {
        Value::Str(text) => Value::Str(Text { assumed: true, ..text }),
        Value::Bool(true) => Value::Unknown,
        value => value.or_nothing(),
    }
}

/// Whether it is known what spreading it in a list gives.
fn is_list(value: &Value) -> bool {
    match value {
        Value::Array(array) => !array.open.get(),
        Value::Undefined | Value::Null => true,
        _ => false,
    }
}

/// The items that spreading one of several lists may give, position by position.
fn side_by_side(lists: &[Value]) -> Vec<Value> {
    let items = |list: &Value| match list {
        Value::Array(array) => array.items.borrow().clone(),
        _ => Vec::new(),
    };
    let lists: Vec<Vec<Value>> = lists.iter().map(items).collect();
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    let at = |at: usize| lists.iter().map(move |list| list.get(at).cloned().unwrap_or(Value::Undefined));
    (0..longest).map(|it| at(it).reduce(Value::or).unwrap_or(Value::Undefined)).collect()
}

pub(super) fn assumed(unknown: Value, default: Value) -> Value {
    match default {
        Value::Str(text) => Value::Str(Text { assumed: true, ..text }),
        Value::Unknown | Value::Undefined | Value::Null => unknown,
        // A guard that whoever calls may replace.
        default @ Value::Function(_) if matches!(unknown, Value::Unknown) => unknown.or(default),
        default => match unknown {
            Value::Unknown | Value::External(_) => default,
            unknown => unknown.or(default),
        },
    }
}

pub(super) fn concat(left: &Value, right: &Value) -> Value {
    let (lefts, rights) = (left.each(), right.each());
    if lefts.len() > 1 || rights.len() > 1 {
        let pairs = lefts.iter().flat_map(|left| rights.iter().map(move |right| concat(left, right)));
        return pairs.reduce(Value::or).unwrap_or(Value::Unknown);
    }
    let text = |value: &Value| match value {
        Value::Str(text) => Some((text.text.to_string(), text.assumed)),
        Value::Num(number) => Some((number.to_string(), false)),
        _ => None,
    };
    match (text(left), text(right)) {
        (Some((left, one)), Some((right, two))) if left.len() + right.len() < 10_000 => {
            Value::Str(Text { text: Arc::from(left + &right), assumed: one || two })
        }
        _ => Value::Unknown,
    }
}

pub(super) fn equal_values(left: &Value, right: &Value) -> Option<bool> {
    match (left, right) {
        (Value::Str(one), Value::Str(two)) if !one.assumed && !two.assumed => Some(one.text == two.text),
        (Value::Num(one), Value::Num(two)) => Some((one - two).abs() < f64::EPSILON),
        (Value::Bool(one), Value::Bool(two)) => Some(one == two),
        (Value::Undefined | Value::Null, Value::Undefined | Value::Null) => Some(true),
        (Value::Undefined | Value::Null, Value::Str(_) | Value::Object(_) | Value::Array(_) | Value::Function(_))
        | (Value::Str(_) | Value::Object(_) | Value::Array(_) | Value::Function(_), Value::Undefined | Value::Null) => {
            Some(false)
        }
        _ => None,
    }
}
