//! Statements, and the names they give to values.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::expressions::assumed;
use super::{Assigned, Eval, Flow, Host};
use crate::js::ir::{Expr, ExprKind, Key, Pattern, Span, Stmt, StmtKind};
use crate::js::value::{Object, Scope, Slot, Value};

impl<H: Host> Eval<'_, H> {
    pub(super) fn hoist(&mut self, statements: &[Stmt], scope: &Rc<Scope>, module: usize) {
        for statement in statements {
            if let StmtKind::Function(function) = &statement.kind
                && let Some(name) = &function.name
            {
                let closure = self.closure(function, scope, module);
                scope.declare(name, closure);
            }
        }
    }

    pub(super) fn block(&mut self, statements: &[Stmt], scope: &Rc<Scope>) -> Flow {
        for statement in statements {
            let flow = self.statement(statement, scope);
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    pub(super) fn child(&self, scope: &Rc<Scope>) -> Rc<Scope> {
        Rc::new(Scope {
            parent: Some(Rc::clone(scope)),
            depth: self.undecided(),
            is_function: false,
            vars: RefCell::default(),
        })
    }

    pub(super) fn inner(&mut self, statements: &[Stmt], scope: &Rc<Scope>) -> Flow {
        let scope = self.child(scope);
        let module = self.module();
        self.hoist(statements, &scope, module);
        self.block(statements, &scope)
    }

    pub(super) fn statement(&mut self, statement: &Stmt, scope: &Rc<Scope>) -> Flow {
        if self.exhausted(statement.span) {
            return Flow::Throw;
        }
        let outer = self.frames.last_mut().map(|frame| std::mem::replace(&mut frame.statement, statement.span));
        let flow = self.statement_kind(statement, scope);
        if let (Some(frame), Some(outer)) = (self.frames.last_mut(), outer) {
            frame.statement = outer;
        }
        flow
    }

    pub(super) fn statement_kind(&mut self, statement: &Stmt, scope: &Rc<Scope>) -> Flow {
        match &statement.kind {
            StmtKind::Expr(expr) => {
                self.expr(expr, scope);
            }
            StmtKind::Var(all, hoisted) => {
                for (pattern, init) in all {
                    let value = match init {
                        Some(init) => self.expr(init, scope),
                        None => Value::Undefined,
                    };
                    let target = if *hoisted { function_scope(scope) } else { Rc::clone(scope) };
                    let redeclared = *hoisted
                        && init.is_none()
                        && matches!(pattern, Pattern::Name(name) if target.lookup(name).is_some());
                    if !redeclared {
                        self.bind(pattern, value, &target, true);
                    }
                }
            }
            // Hoisted already.
            StmtKind::Function(_) | StmtKind::Empty => {}
            StmtKind::Class(name, class) => {
                let value = self.class(class, scope);
                scope.declare(name, value);
            }
            StmtKind::Enum(name, members) => {
                let object = Object::default();
                let mut next = Some(0.0);
                for (member, value) in members {
                    let value = match value {
                        Some(value) => self.expr(value, scope),
                        None => next.map_or(Value::Unknown, Value::Num),
                    };
                    next = if let Value::Num(number) = value { Some(number + 1.0) } else { None };
                    object.set(member, value);
                }
                scope.declare(name, Value::Object(Rc::new(object)));
            }
            StmtKind::Return(value) => {
                let value = match value {
                    Some(expr) => {
                        let value = self.expr(expr, scope);
                        for it in value.each() {
                            if let Value::Host(object) = it {
                                let module = self.module();
                                self.host.returned(object, module, statement.span, expr.span);
                            }
                        }
                        value
                    }
                    None => Value::Undefined,
                };
                if let Some(frame) = self.frames.last_mut() {
                    frame.returned = Some(match frame.returned.take() {
                        Some(other) => other.or(value),
                        None => value,
                    });
                }
                return Flow::Return;
            }
            StmtKind::Throw(expr) => {
                self.expr(expr, scope);
                self.thrown += 1;
                return Flow::Throw;
            }
            StmtKind::If(test, yes, no) => {
                let test = self.expr(test, scope);
                match test.truth() {
                    Some(true) => return self.statement(yes, scope),
                    Some(false) => return no.as_ref().map_or(Flow::Next, |no| self.statement(no, scope)),
                    None => {
                        return match no {
                            Some(no) => self.both(yes, no, scope),
                            None => either(self.in_branch(|it| it.statement(yes, scope)), Flow::Next),
                        };
                    }
                }
            }
            StmtKind::Block(statements) => return self.inner(statements, scope),
            StmtKind::ForOf(pattern, iterable, body) => {
                let iterable = self.expr(iterable, scope);
                return self.each(pattern, &iterable, body, scope);
            }
            StmtKind::ForIn(pattern, object, body) => {
                let object = self.expr(object, scope);
                let keys = self.keys(&object);
                return self.each(pattern, &keys, body, scope);
            }
            StmtKind::Loop(init, again, body) => {
                let scope = self.child(scope);
                self.block(init, &scope);
                let never = again.first().map(|test| self.expr(test, &scope).truth()) == Some(Some(false));
                if !never {
                    // The counter moves on: what it was at first says nothing about later turns.
                    for statement in init {
                        if let StmtKind::Var(all, _) = &statement.kind {
                            all.iter().for_each(|(pattern, _)| self.bind(pattern, Value::Unknown, &scope, true));
                        }
                    }
                    let flow = self.in_branch(|it| it.statement(body, &scope));
                    again.iter().skip(1).for_each(|it| {
                        self.expr(it, &scope);
                    });
                    if flow == Flow::Return && again.is_empty() {
                        return flow;
                    }
                }
            }
            StmtKind::Try(block, handler, finalizer) => {
                self.trying += usize::from(handler.is_some());
                // What stands behind something that fails does not run, unless the program ends with it.
                let goes_on = handler.as_ref().is_some_and(|(_, body)| !ends_the_program(body));
                let flow = match goes_on {
                    true => self.in_branch(|it| it.inner(block, scope)),
                    false => self.inner(block, scope),
                };
                self.trying -= usize::from(handler.is_some());
                if let Some((pattern, body)) = handler {
                    let scope = self.child(scope);
                    if let Some(pattern) = pattern {
                        self.bind(pattern, Value::Unknown, &scope, true);
                    }
                    self.in_branch(|it| it.inner(body, &scope));
                }
                let last = self.inner(finalizer, scope);
                return match (last, flow) {
                    (Flow::Next, Flow::Throw) => Flow::Next,
                    (Flow::Next, flow) => flow,
                    (last, _) => last,
                };
            }
            StmtKind::Switch(value, cases) => {
                self.expr(value, scope);
                let scope = self.child(scope);
                let mut leaves = cases.iter().any(|(test, _)| test.is_none());
                for (test, body) in cases {
                    if let Some(test) = test {
                        self.expr(test, &scope);
                    }
                    let flow = self.in_branch(|it| it.block(body, &scope));
                    leaves &= flow == Flow::Return || (flow == Flow::Next && body.is_empty());
                }
                if leaves {
                    return Flow::Return;
                }
            }
            StmtKind::Jump => return Flow::Jump,
        }
        Flow::Next
    }

    /// Both sides of an undecided `if`. What each of them assigns holds nothing else afterwards.
    fn both(&mut self, yes: &Stmt, no: &Stmt, scope: &Rc<Scope>) -> Flow {
        let start = self.assigned.len();
        self.forks += 1;
        let one = self.in_branch(|it| it.statement(yes, scope));
        let middle = self.assigned.len();
        let two = self.in_branch(|it| it.statement(no, scope));
        self.forks -= 1;
        let inside = self.undecided() + 1;
        let mut second = self.assigned.split_off(middle);
        let mut first = self.assigned.split_off(start);
        first.retain(|it| it.depth == inside);
        second.retain(|it| it.depth == inside);
        for one in first {
            let same = |it: &&Assigned| Rc::ptr_eq(&it.scope, &one.scope) && it.name == one.name;
            let Some(two) = second.iter().rfind(same) else { continue };
            let value = one.value.or(two.value.clone());
            let undecided = self.undecided() > one.scope.depth;
            one.scope.declare(&one.name, if undecided { one.old.clone().or(value.clone()) } else { value.clone() });
            if undecided && self.forks > 0 {
                self.assigned.push(Assigned { depth: self.undecided(), value, ..one });
            }
        }
        either(one, two)
    }

    /// A loop over `iterable`: once per item where they are known, once for all where they are not.
    pub(super) fn each(&mut self, pattern: &Pattern, iterable: &Value, body: &Stmt, scope: &Rc<Scope>) -> Flow {
        if let Value::Array(array) = iterable
            && !array.open.get()
        {
            let items = array.items.borrow().clone();
            for item in items {
                let scope = self.child(scope);
                self.bind(pattern, item, &scope, true);
                if self.statement(body, &scope) == Flow::Return {
                    return Flow::Return;
                }
            }
            return Flow::Next;
        }
        let item = match iterable {
            Value::Array(array) => array.items.borrow().iter().cloned().fold(Value::Unknown, Value::or),
            _ => Value::Unknown,
        };
        let scope = self.child(scope);
        self.bind(pattern, item, &scope, true);
        self.in_branch(|it| it.statement(body, &scope));
        Flow::Next
    }

    /// Gives names to the parts of a value. `declare`: make new names instead of changing old ones.
    pub(super) fn bind(&mut self, pattern: &Pattern, value: Value, scope: &Rc<Scope>, declare: bool) {
        match pattern {
            Pattern::Name(name) => {
                if let Value::Host(object) = value {
                    self.host.named(object, name);
                }
                if declare { scope.declare(name, value) } else { self.assign(name, value, scope) }
            }
            Pattern::Member(target) => {
                let ExprKind::Member(object, key) = &target.kind else { return };
                let object = self.expr(object, scope);
                let Some(name) = self.key(key, scope) else { return };
                if let Value::Host(host) = value {
                    let text = self.source(target.span);
                    self.host.named(host, &text);
                }
                self.set_member(&object, &name, value);
            }
            Pattern::Object(props, rest) => {
                let mut taken = Vec::new();
                for (key, pattern) in props {
                    let part = match self.key(key, scope) {
                        Some(name) => {
                            let part = self.member(&value, &name);
                            taken.push(name);
                            part
                        }
                        None => Value::Unknown,
                    };
                    self.bind(pattern, part, scope, declare);
                }
                if let Some(rest) = rest {
                    let left = Object::default();
                    if let Value::Object(object) = &value {
                        left.open.set(object.open.get());
                        for (key, value) in object.props.borrow().iter().filter(|(key, _)| !taken.contains(key)) {
                            left.set(key, value.clone());
                        }
                    } else {
                        left.open.set(true);
                    }
                    self.bind(rest, Value::Object(Rc::new(left)), scope, declare);
                }
            }
            Pattern::Array(elements, rest) => {
                let (items, open) = match &value {
                    Value::Array(array) => (array.items.borrow().clone(), array.open.get()),
                    _ => (Vec::new(), true),
                };
                let missing = if open { Value::Unknown } else { Value::Undefined };
                for (at, pattern) in elements.iter().enumerate() {
                    if let Some(pattern) = pattern {
                        self.bind(pattern, items.get(at).cloned().unwrap_or_else(|| missing.clone()), scope, declare);
                    }
                }
                if let Some(rest) = rest {
                    let left = items.into_iter().skip(elements.len()).collect();
                    self.bind(rest, Value::array(left, open), scope, declare);
                }
            }
            Pattern::Default(inner, default) => {
                let value = match value {
                    Value::Undefined => self.expr(default, scope),
                    Value::Unknown | Value::External(_) => {
                        let default = self.in_branch(|it| it.expr(default, scope));
                        assumed(value, default)
                    }
                    value => value,
                };
                self.bind(inner, value, scope, declare);
            }
            Pattern::Ignore => {}
        }
    }

    pub(super) fn assign(&mut self, name: &str, value: Value, scope: &Rc<Scope>) {
        let mut at = Some(Rc::clone(scope));
        while let Some(scope) = at {
            let old = scope.vars.borrow().get(name).cloned();
            if let Some(old) = old {
                let value = match old {
                    Slot::Value(old) if self.undecided() > scope.depth => {
                        if self.forks > 0 {
                            let (scope, name, depth) = (Rc::clone(&scope), Arc::from(name), self.undecided());
                            self.assigned.push(Assigned { depth, scope, name, old: old.clone(), value: value.clone() });
                        }
                        old.or(value)
                    }
                    _ => value,
                };
                scope.declare(name, value);
                return;
            }
            at = scope.parent.clone();
        }
        // A global: the whole module sees it.
        if let Some(loaded) = self.loaded.get(&self.module()) {
            loaded.scope.declare(name, value);
        }
    }

    pub(super) fn set_member(&mut self, object: &Value, name: &str, value: Value) {
        for object in object.each() {
            match object {
                Value::Object(object) => match object.get(name) {
                    // A flag that an undecided branch sets, or one that comes after something that may throw, may be
                    // either.
                    Some(old)
                        if (self.undecided() > 0 || self.trying > 0)
                            && old.each().iter().all(|it| matches!(it, Value::Bool(_))) =>
                    {
                        object.set(name, old.or(value.clone()))
                    }
                    // A guard that an undecided branch puts there may be missing, or be another.
                    old if self.undecided() > object.depth.get() => {
                        let old = old.unwrap_or(Value::Undefined);
                        let either = old.each().iter().chain(&value.each()).any(|it| it.may_guard(0));
                        object.set(name, if either { old.or(value.clone()) } else { value.clone() });
                    }
                    _ => object.set(name, value.clone()),
                },
                Value::Array(array) if name == "length" && self.undecided() <= array.depth.get() => match value {
                    Value::Num(0.0) => {
                        array.items.take();
                        array.open.set(false);
                    }
                    _ => array.doubt(),
                },
                Value::Array(array) => {
                    let Ok(at) = name.parse::<usize>() else { continue };
                    match array.items.borrow_mut().get_mut(at) {
                        Some(item) if self.undecided() <= array.depth.get() => {
                            *item = value.clone();
                            continue;
                        }
                        _ => {}
                    }
                    array.doubt();
                }
                Value::Function(closure) => closure.props.set(name, value.clone()),
                Value::Class(class) => class.statics.set(name, value.clone()),
                Value::Host(object) if !self.host.is_method(object, name) => {
                    self.host_props.entry(object).or_default().set(name, value.clone());
                }
                _ => {}
            }
        }
    }

    pub(super) fn source(&self, span: Span) -> String {
        let module = self.program.module(self.module());
        module.text.get(span.range()).unwrap_or_default().to_owned()
    }
}

/// Whether what handles an error ends the program, or fails itself.
fn ends_the_program(handler: &[Stmt]) -> bool {
    let is_exit = |expr: &Expr| match &expr.kind {
        ExprKind::Call(callee, _) => matches!(&callee.kind, ExprKind::Member(object, Key::Name(name))
            if matches!(&**name, "exit" | "abort") && matches!(&object.kind, ExprKind::Name(it) if &**it == "process")),
        _ => false,
    };
    handler.iter().any(|it| match &it.kind {
        StmtKind::Throw(_) => true,
        StmtKind::Expr(expr) => is_exit(expr),
        _ => false,
    })
}

pub(super) fn function_scope(scope: &Rc<Scope>) -> Rc<Scope> {
    let mut at = Rc::clone(scope);
    while !at.is_function {
        match &at.parent {
            Some(parent) => at = Rc::clone(parent),
            None => break,
        }
    }
    at
}

pub(super) fn either(one: Flow, two: Flow) -> Flow {
    if one == two { one } else { Flow::Next }
}
