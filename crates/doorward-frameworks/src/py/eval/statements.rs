//! Statements.

use std::rc::Rc;

use ruff_python_ast::{ExceptHandler, Expr, Pattern, Stmt, StmtFor, StmtIf, StmtMatch, StmtTry, StmtWith};

use super::{Eval, Flow, Host, Raised, span};
use crate::py::value::{Scope, Value};

impl<'p, H: Host<'p>> Eval<'p, H> {
    pub(super) fn block(&mut self, statements: &'p [Stmt], scope: &Rc<Scope<'p>>) -> Flow {
        for statement in statements {
            let flow = self.statement(statement, scope);
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    fn statement(&mut self, statement: &'p Stmt, scope: &Rc<Scope<'p>>) -> Flow {
        if self.exhausted(statement) || self.depth > super::MAX_DEPTH {
            self.cut = true;
            return Flow::Raise;
        }
        self.depth += 1;
        let outer = self.frames.last_mut().map(|frame| std::mem::replace(&mut frame.statement, span(statement)));
        let mut flow = self.statement_kind(statement, scope);
        if let (Some(frame), Some(outer)) = (self.frames.last_mut(), outer) {
            frame.statement = outer;
        }
        if std::mem::take(&mut self.raising) {
            flow = Flow::Raise;
        }
        self.depth -= 1;
        flow
    }

    fn statement_kind(&mut self, statement: &'p Stmt, scope: &Rc<Scope<'p>>) -> Flow {
        match statement {
            Stmt::Expr(it) => {
                self.expr(&it.value, scope);
            }
            Stmt::Assign(it) => {
                let value = self.expr(&it.value, scope);
                it.targets.iter().for_each(|target| self.bind(target, value.clone(), scope));
            }
            Stmt::AnnAssign(it) => {
                if let Some(value) = &it.value {
                    let value = self.expr(value, scope);
                    self.bind(&it.target, value, scope);
                }
            }
            Stmt::AugAssign(it) => self.augment(it, scope),
            Stmt::TypeAlias(it) => {
                let value = self.expr(&it.value, scope);
                self.bind(&it.name, value, scope);
            }
            Stmt::FunctionDef(def) => self.define(def, scope),
            Stmt::ClassDef(def) => self.define_class(def, scope),
            Stmt::Return(it) => {
                let value = it.value.as_ref().map_or(Value::None, |it| self.expr(it, scope));
                if self.raising {
                    return Flow::Raise;
                }
                if let Some(frame) = self.frames.last_mut() {
                    frame.returned = Some(match frame.returned.take() {
                        Some(other) => other.or(value),
                        None => value,
                    });
                }
                return Flow::Return;
            }
            Stmt::Raise(it) => {
                let value = it.exc.as_ref().map_or(Value::Unknown, |it| self.expr(it, scope));
                let place = self.place(it);
                if self.asking && it.exc.is_some() {
                    self.raised.push(Raised { value, place });
                }
                return Flow::Raise;
            }
            Stmt::If(it) => return self.branches(it, scope),
            Stmt::For(it) => return self.each(it, scope),
            Stmt::While(it) => {
                let test = self.expr(&it.test, scope);
                if test.truth() != Some(false) {
                    let flow = self.in_branch(|eval| eval.block(&it.body, scope));
                    if flow == Flow::Return && test.truth() == Some(true) {
                        return flow;
                    }
                }
                return self.block(&it.orelse, scope);
            }
            Stmt::With(it) => return self.with(it, scope),
            Stmt::Match(it) => return self.choose(it, scope),
            Stmt::Try(it) => return self.attempt(it, scope),
            Stmt::Assert(it) => {
                let test = self.expr(&it.test, scope);
                if self.asking && test.truth() == Some(false) {
                    return Flow::Raise;
                }
            }
            Stmt::Import(it) => self.import(it, scope, false),
            Stmt::ImportFrom(it) => self.import_from(it, scope, false),
            Stmt::Global(it) => it.names.iter().for_each(|name| scope.outer.borrow_mut().push((&name.id, true))),
            Stmt::Nonlocal(it) => it.names.iter().for_each(|name| scope.outer.borrow_mut().push((&name.id, false))),
            Stmt::Break(_) | Stmt::Continue(_) => return Flow::Jump,
            Stmt::Delete(it) => it.targets.iter().for_each(|it| self.delete(it, scope)),
            Stmt::Pass(_) | Stmt::IpyEscapeCommand(_) => {}
        }
        Flow::Next
    }

    fn branches(&mut self, it: &'p StmtIf, scope: &Rc<Scope<'p>>) -> Flow {
        let mut flows: Vec<Flow> = Vec::new();
        let first = std::iter::once((Some(&*it.test), &*it.body));
        let rest = it.elif_else_clauses.iter().map(|it| (it.test.as_ref(), &*it.body));
        let mut decided = false;
        for (test, body) in first.chain(rest) {
            let is_types = test.is_some_and(is_type_checking);
            if is_types {
                self.only_types(body, scope);
                continue;
            }
            let truth = match test {
                Some(test) => self.expr(test, scope).truth(),
                None => Some(true),
            };
            if self.raising {
                return Flow::Raise;
            }
            match truth {
                Some(false) => continue,
                None if test.is_some_and(is_main) => {
                    flows.push(self.in_branch(|eval| eval.at_work(|eval| eval.block(body, scope))));
                }
                Some(true) => {
                    decided = true;
                    let flow = if flows.is_empty() {
                        self.block(body, scope)
                    } else {
                        self.in_branch(|eval| eval.block(body, scope))
                    };
                    flows.push(flow);
                    break;
                }
                None => flows.push(self.in_branch(|eval| eval.block(body, scope))),
            }
        }
        if !decided {
            flows.push(Flow::Next);
        }
        merge(&flows)
    }

    /// A loop: once per item where they are known, once for all where they are not.
    fn each(&mut self, it: &'p StmtFor, scope: &Rc<Scope<'p>>) -> Flow {
        let iterable = match it.is_async {
            true => self.awaited(|eval| eval.expr(&it.iter, scope)),
            false => self.expr(&it.iter, scope),
        };
        let (items, open) = self.items(&iterable);
        for item in items {
            self.bind(&it.target, item, scope);
            match self.block(&it.body, scope) {
                flow @ (Flow::Return | Flow::Raise) => return flow,
                Flow::Next | Flow::Jump => {}
            }
        }
        if open {
            self.in_branch(|eval| {
                eval.bind(&it.target, Value::Unknown, scope);
                eval.block(&it.body, scope)
            });
        }
        self.block(&it.orelse, scope)
    }

    fn with(&mut self, it: &'p StmtWith, scope: &Rc<Scope<'p>>) -> Flow {
        let mut suppresses = false;
        for item in &it.items {
            let value = match it.is_async {
                true => self.awaited(|eval| eval.expr(&item.context_expr, scope)),
                false => self.expr(&item.context_expr, scope),
            };
            suppresses |= matches!(&value, Value::External(it) if it.name() == "contextlib.suppress");
            if let Some(target) = &item.optional_vars {
                self.bind(target, value, scope);
            }
        }
        if self.raising {
            return Flow::Raise;
        }
        let before = self.raised.len();
        match self.block(&it.body, scope) {
            Flow::Raise if suppresses => {
                self.raised.truncate(before);
                Flow::Next
            }
            flow => flow,
        }
    }

    fn choose(&mut self, it: &'p StmtMatch, scope: &Rc<Scope<'p>>) -> Flow {
        let subject = self.expr(&it.subject, scope);
        let mut flows = Vec::new();
        let mut complete = false;
        for case in &it.cases {
            let certain = match (&case.pattern, &case.guard) {
                (Pattern::MatchValue(pattern), None) => {
                    let value = self.expr(&pattern.value, scope);
                    known_equal(&subject, &value)
                }
                (pattern, None) if pattern.is_irrefutable() => Some(true),
                _ => None,
            };
            if certain == Some(false) {
                continue;
            }
            let flow = self.in_branch(|eval| {
                eval.capture(&case.pattern, &subject, scope);
                eval.block(&case.body, scope)
            });
            flows.push(flow);
            if certain == Some(true) {
                complete = true;
                break;
            }
        }
        if !complete {
            flows.push(Flow::Next);
        }
        merge(&flows)
    }

    fn capture(&mut self, pattern: &'p Pattern, subject: &Value<'p>, scope: &Rc<Scope<'p>>) {
        match pattern {
            Pattern::MatchAs(it) => {
                if let Some(name) = &it.name {
                    self.bind_name(&name.id, subject.clone(), scope);
                }
                if let Some(inner) = &it.pattern {
                    self.capture(inner, subject, scope);
                }
            }
            Pattern::MatchOr(it) => it.patterns.iter().for_each(|it| self.capture(it, subject, scope)),
            Pattern::MatchSequence(it) => it.patterns.iter().for_each(|it| self.capture(it, &Value::Unknown, scope)),
            Pattern::MatchMapping(it) => it.patterns.iter().for_each(|it| self.capture(it, &Value::Unknown, scope)),
            _ => {}
        }
    }

    fn attempt(&mut self, it: &'p StmtTry, scope: &Rc<Scope<'p>>) -> Flow {
        let before = self.raised.len();
        self.trying += usize::from(!it.handlers.is_empty());
        let body = self.block(&it.body, scope);
        self.trying -= usize::from(!it.handlers.is_empty());
        let inside: Vec<Raised<'p>> = self.raised.drain(before..).collect();
        let mut flows = Vec::new();
        let mut escapes = body == Flow::Raise;
        let mut left: Vec<Raised<'p>> = inside.clone();
        for handler in &it.handlers {
            let ExceptHandler::ExceptHandler(handler) = handler;
            let types = handler.type_.as_ref().map(|it| self.expr(it, scope));
            let all = types.as_ref().is_none_or(catches_all);
            left.retain(|raised| !all && !self.catches(types.as_ref(), &raised.value));
            // What is raised by code that can't be seen may be anything.
            if all || inside.is_empty() || left.len() < inside.len() {
                escapes &= !all && (!left.is_empty() || inside.is_empty());
            }
            let caught = inside.iter().any(|it| all || self.catches(types.as_ref(), &it.value));
            if body == Flow::Raise && !caught && !inside.is_empty() {
                continue;
            }
            let flow = self.in_branch(|eval| {
                if let Some(name) = &handler.name {
                    eval.bind_name(&name.id, Value::Unknown, scope);
                }
                eval.block(&handler.body, scope)
            });
            if body == Flow::Raise {
                flows.push(flow);
            }
        }
        self.raised.extend(left);
        let mut flow = match body {
            Flow::Raise if flows.is_empty() => Flow::Raise,
            Flow::Raise if escapes => merge(&[merge(&flows), Flow::Raise]),
            Flow::Raise => merge(&flows),
            Flow::Next => self.block(&it.orelse, scope),
            other => other,
        };
        if !self.asking && body == Flow::Raise && !it.handlers.is_empty() {
            flow = Flow::Next;
        }
        match self.block(&it.finalbody, scope) {
            Flow::Next => flow,
            last => last,
        }
    }

    /// Whether a handler for `types` takes what was raised.
    fn catches(&self, types: Option<&Value<'p>>, raised: &Value<'p>) -> bool {
        let Some(types) = types else { return true };
        let wanted = match types {
            Value::List(list) => list.items.borrow().clone(),
            other => other.each(),
        };
        wanted.iter().any(|wanted| match (wanted, raised) {
            (Value::Class(wanted), Value::Instance(it)) => it.class.is_a(wanted),
            (Value::Class(wanted), Value::Class(it)) => it.is_a(wanted),
            (Value::External(wanted), Value::External(it)) => wanted.last() == it.last(),
            (Value::External(wanted), Value::Instance(it)) => {
                it.class.inherits(|name| name.rsplit('.').next() == Some(wanted.last()))
            }
            (Value::External(wanted), Value::Class(it)) => {
                it.inherits(|name| name.rsplit('.').next() == Some(wanted.last()))
            }
            // Nobody knows what code that can't be seen raises.
            (Value::Unknown, _) | (_, Value::Unknown) => true,
            _ => false,
        })
    }

    /// Gives names to the parts of a value.
    pub(super) fn bind(&mut self, target: &'p Expr, value: Value<'p>, scope: &Rc<Scope<'p>>) {
        match target {
            Expr::Name(name) => self.bind_name(&name.id, value, scope),
            Expr::Attribute(it) => {
                let object = self.expr(&it.value, scope);
                if let Some(host) = value.host() {
                    let text = self.source(target);
                    self.host.named(host, &text);
                }
                let site = self.site(target);
                self.set_attribute(&object, &it.attr.id, value, &site);
            }
            Expr::Subscript(it) => {
                let object = self.expr(&it.value, scope);
                if let (Value::List(list), Expr::Slice(slice)) = (&object, &*it.slice) {
                    return self.set_slice(list, slice, &value);
                }
                let key = self.expr(&it.slice, scope);
                let site = self.site(target);
                self.set_item(&object, key, value, &site);
            }
            Expr::Tuple(it) => self.unpack(&it.elts, &value, scope),
            Expr::List(it) => self.unpack(&it.elts, &value, scope),
            Expr::Starred(it) => self.bind(&it.value, value, scope),
            _ => {}
        }
    }

    fn unpack(&mut self, targets: &'p [Expr], value: &Value<'p>, scope: &Rc<Scope<'p>>) {
        let (items, open) = match value {
            Value::List(_) | Value::Dict(_) => self.items(value),
            _ => (Vec::new(), true),
        };
        let star = targets.iter().position(|it| matches!(it, Expr::Starred(_)));
        let missing = targets.len().saturating_sub(items.len());
        for (at, target) in targets.iter().enumerate() {
            let part = match star {
                _ if open => Value::Unknown,
                Some(star) if at == star => {
                    let taken = (items.len() + 1).saturating_sub(targets.len());
                    Value::list(Default::default(), items.iter().skip(star).take(taken).cloned().collect(), false, 0)
                }
                Some(star) if at > star => {
                    let from = (at + items.len()).checked_sub(targets.len());
                    from.and_then(|it| items.get(it)).cloned().unwrap_or(Value::Unknown)
                }
                _ if missing > 0 => Value::Unknown,
                _ => items.get(at).cloned().unwrap_or(Value::Unknown),
            };
            self.bind(target, part, scope);
        }
    }

    pub(super) fn source(&self, node: &'p Expr) -> String {
        let module = self.program.module(self.current());
        module.text.get(span(node).range()).unwrap_or_default().to_owned()
    }
}

/// `TYPE_CHECKING`, however it was imported.
/// `__name__ == "__main__"`.
fn is_main(test: &Expr) -> bool {
    let Expr::Compare(it) = test else { return false };
    let is_name = |it: &Expr| matches!(it, Expr::Name(it) if it.id.as_str() == "__name__");
    is_name(&it.left) || it.comparators.iter().any(is_name)
}

fn is_type_checking(test: &Expr) -> bool {
    match test {
        Expr::Name(name) => name.id.as_str() == "TYPE_CHECKING",
        Expr::Attribute(it) => it.attr.id.as_str() == "TYPE_CHECKING",
        _ => false,
    }
}

fn catches_all(types: &Value) -> bool {
    match types {
        Value::External(it) => matches!(it.last(), "Exception" | "BaseException"),
        Value::List(list) => list.items.borrow().iter().any(catches_all),
        _ => false,
    }
}

pub(super) fn known_equal(one: &Value, two: &Value) -> Option<bool> {
    match (one, two) {
        (Value::Str(a), Value::Str(b)) if a.assumed || b.assumed => None,
        (Value::Str(a), Value::Str(b)) => Some(a.text == b.text),
        (Value::Int(a), Value::Int(b)) => Some(a == b),
        (Value::Bool(a), Value::Bool(b)) => Some(a == b),
        (Value::None, Value::None) => Some(true),
        (Value::None, Value::Str(_) | Value::Int(_) | Value::Bool(_) | Value::List(_) | Value::Dict(_))
        | (Value::Str(_) | Value::Int(_) | Value::Bool(_) | Value::List(_) | Value::Dict(_), Value::None) => {
            Some(false)
        }
        _ => None,
    }
}

/// What happens after one of several ways was taken.
fn merge(flows: &[Flow]) -> Flow {
    let Some((first, rest)) = flows.split_first() else { return Flow::Next };
    if rest.iter().all(|it| it == first) {
        return *first;
    }
    // A way that raises adds nothing to what follows the others.
    let mut others = flows.iter().filter(|it| **it != Flow::Raise);
    match others.next() {
        Some(Flow::Return) if others.all(|it| *it == Flow::Return) => Flow::Return,
        _ => Flow::Next,
    }
}
