//! Statements.

use std::rc::Rc;
use std::sync::Arc;

use super::value::{Code, Env, Parent, Record, Seen, Taint, derived};
use super::{Notice, Run, Step, Stop};
use crate::js::eval::Host;
use crate::js::ir::{Expr, ExprKind, Pattern, Stmt, StmtKind};
use crate::js::value::Place;

/// What comes after a statement.
pub(super) enum Go {
    Next,
    Return(Seen),
    Jump,
}

impl<H: Host> Run<'_, '_, H> {
    pub(super) fn place(&self, expr: &Expr) -> Place {
        Place { module: self.module, span: expr.span }
    }

    pub(super) fn block(&mut self, statements: &[Stmt], env: &Rc<Env>) -> Step<Go> {
        for statement in statements {
            if let StmtKind::Function(function) = &statement.kind
                && let Some(name) = &function.name
            {
                let code =
                    Code { function: Arc::clone(function), env: Rc::clone(env), module: self.module, this: None };
                env.declare(name, Seen::Function(Rc::new(code)));
            }
        }
        for statement in statements {
            match self.statement(statement, env)? {
                Go::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Go::Next)
    }

    fn inner(&mut self, statements: &[Stmt], env: &Rc<Env>) -> Step<Go> {
        self.block(statements, &Env::inside(Parent::Env(Rc::clone(env))))
    }

    fn statement(&mut self, statement: &Stmt, env: &Rc<Env>) -> Step<Go> {
        self.spend()?;
        self.depth += 1;
        self.statement = Place { module: self.module, span: statement.span };
        let go = self.statement_inside(statement, env);
        self.depth -= 1;
        go
    }

    fn statement_inside(&mut self, statement: &Stmt, env: &Rc<Env>) -> Step<Go> {
        match &statement.kind {
            StmtKind::Expr(expr) => {
                let value = self.expr(expr, env)?;
                self.ignored(expr, &value);
            }
            StmtKind::Var(all, _) => {
                for (pattern, init) in all {
                    let value = match init {
                        Some(init) => self.expr(init, env)?,
                        None => Seen::Nothing,
                    };
                    self.bind(pattern, value, env, true)?;
                }
            }
            StmtKind::Return(value) => {
                return Ok(Go::Return(match value {
                    Some(expr) => self.expr(expr, env)?,
                    None => Seen::Nothing,
                }));
            }
            StmtKind::Throw(expr) => {
                let value = self.expr(expr, env)?;
                let value = self.thrown(expr, value);
                return Err(Stop::Throw(value));
            }
            StmtKind::If(test, yes, no) => {
                let value = self.expr(test, env)?;
                if self.truth(&value) {
                    return self.inner(std::slice::from_ref(yes), env);
                }
                if let Some(no) = no {
                    return self.inner(std::slice::from_ref(no), env);
                }
            }
            StmtKind::Block(all) => return self.inner(all, env),
            StmtKind::ForOf(pattern, iterable, body) => {
                let iterable = self.expr(iterable, env)?;
                return self.each(pattern, &iterable, body, env);
            }
            StmtKind::ForIn(pattern, object, body) => {
                let object = self.expr(object, env)?;
                let keys = self.unknown(object.taint(0));
                return self.each(pattern, &keys, body, env);
            }
            StmtKind::Loop(init, again, body) => {
                let env = Env::inside(Parent::Env(Rc::clone(env)));
                self.block(init, &env)?;
                if let Some(test) = again.first() {
                    let value = self.expr(test, &env)?;
                    if !self.truth(&value) {
                        return Ok(Go::Next);
                    }
                }
                if let Go::Return(value) = self.inner(std::slice::from_ref(body), &env)? {
                    return Ok(Go::Return(value));
                }
            }
            StmtKind::Try(block, handler, last) => {
                let mut result = self.inner(block, env);
                if let (Err(Stop::Throw(thrown)), Some((pattern, body))) = (&result, handler) {
                    let thrown = thrown.clone();
                    let env = Env::inside(Parent::Env(Rc::clone(env)));
                    if let Some(pattern) = pattern {
                        self.bind(pattern, thrown, &env, true)?;
                    }
                    self.catching += 1;
                    result = self.inner(body, &env);
                    self.catching -= 1;
                    self.excused |= matches!(result, Ok(Go::Return(_)));
                }
                return match self.inner(last, env)? {
                    Go::Next => result,
                    other => Ok(other),
                };
            }
            StmtKind::Switch(value, cases) => return self.switch(value, cases, env),
            StmtKind::Jump => return Ok(Go::Jump),
            StmtKind::Enum(name, members) => {
                let record = Record::default();
                for (member, value) in members {
                    let value = match value {
                        Some(value) => self.expr(value, env)?,
                        None => self.unknown(Taint::Plain),
                    };
                    record.props.borrow_mut().insert(Arc::clone(member), value);
                }
                env.declare(name, Seen::Record(Rc::new(record)));
            }
            StmtKind::Class(name, _) => {
                let value = self.unknown(Taint::Plain);
                env.declare(name, value);
            }
            StmtKind::Function(_) | StmtKind::Empty => {}
        }
        Ok(Go::Next)
    }

    /// A refusal that was made and then forgotten.
    fn ignored(&mut self, expr: &Expr, value: &Seen) {
        let mut inner = expr;
        while let ExprKind::Await(it) = &inner.kind {
            inner = it;
        }
        if let (ExprKind::Call(callee, _), Seen::Reply(super::Reply::Status(status))) = (&inner.kind, value)
            && matches!(*status, 401.0 | 403.0)
            && let Some(name) = crate::js::guards::last_name(callee)
        {
            let place = self.place(expr);
            self.notice(Notice::Ignored(place, name.to_owned()));
        }
    }

    fn each(&mut self, pattern: &Pattern, iterable: &Seen, body: &Stmt, env: &Rc<Env>) -> Step<Go> {
        let items = match iterable {
            Seen::List(items) => items.borrow().iter().take(40).cloned().collect(),
            other => {
                let id = self.fresh();
                if self.choose(id, Taint::Input) { vec![self.unknown(other.taint(0))] } else { Vec::new() }
            }
        };
        for item in items {
            let env = Env::inside(Parent::Env(Rc::clone(env)));
            self.bind(pattern, item, &env, true)?;
            if let Go::Return(value) = self.inner(std::slice::from_ref(body), &env)? {
                return Ok(Go::Return(value));
            }
        }
        Ok(Go::Next)
    }

    fn switch(&mut self, value: &Expr, cases: &[(Option<Expr>, Vec<Stmt>)], env: &Rc<Env>) -> Step<Go> {
        let value = self.expr(value, env)?;
        let env = Env::inside(Parent::Env(Rc::clone(env)));
        let mut start = None;
        for (at, (test, _)) in cases.iter().enumerate() {
            if let Some(test) = test {
                let wanted = self.expr(test, &env)?;
                if self.same(&value, &wanted) {
                    start = Some(at);
                    break;
                }
            }
        }
        let start = start.or_else(|| cases.iter().position(|(test, _)| test.is_none()));
        for (_, body) in cases.iter().skip(start.unwrap_or(cases.len())) {
            match self.block(body, &env)? {
                Go::Next => {}
                Go::Return(value) => return Ok(Go::Return(value)),
                Go::Jump => break,
            }
        }
        Ok(Go::Next)
    }

    /// Gives names to the parts of a value.
    pub(super) fn bind(&mut self, pattern: &Pattern, value: Seen, env: &Rc<Env>, declare: bool) -> Step<()> {
        self.spend()?;
        match pattern {
            Pattern::Name(name) if declare => env.declare(name, value),
            Pattern::Name(name) => assign(env, name, value),
            Pattern::Member(target) => {
                let ExprKind::Member(object, key) = &target.kind else { return Ok(()) };
                let object = self.expr(object, env)?;
                if let Some(name) = self.key(key, env)? {
                    self.set(&object, &name, value);
                }
            }
            Pattern::Object(props, rest) => {
                for (key, pattern) in props {
                    let part = match self.key(key, env)? {
                        Some(name) => self.member(&value, &name)?,
                        None => self.unknown(value.taint(0)),
                    };
                    self.bind(pattern, part, env, declare)?;
                }
                if let Some(rest) = rest {
                    self.bind(rest, value, env, declare)?;
                }
            }
            Pattern::Array(items, rest) => {
                for (at, pattern) in items.iter().enumerate() {
                    let part = self.member(&value, &at.to_string())?;
                    if let Some(pattern) = pattern {
                        self.bind(pattern, part, env, declare)?;
                    }
                }
                if let Some(rest) = rest {
                    let taint = value.taint(0);
                    let left = self.unknown(taint);
                    self.bind(rest, left, env, declare)?;
                }
            }
            Pattern::Default(inner, default) => {
                let value = match value {
                    Seen::Nothing => self.expr(default, env)?,
                    value => value,
                };
                self.bind(inner, value, env, declare)?;
            }
            Pattern::Ignore => {}
        }
        Ok(())
    }

    fn set(&mut self, object: &Seen, name: &str, value: Seen) {
        match object {
            Seen::Record(record) => {
                record.props.borrow_mut().insert(Arc::from(name), value);
            }
            Seen::Request => {
                self.request.insert(name.to_owned(), value);
            }
            Seen::Response if matches!(name, "statusCode" | "status") => self.status = Some(value),
            Seen::Context if name == "status" => self.status = Some(value),
            Seen::Context => {
                self.request.insert(name.to_owned(), value);
            }
            Seen::Unknown(id, _) => {
                // What was put there is what is found there.
                let truth = match &value {
                    Seen::Nothing | Seen::Bool(false) => Some(false),
                    Seen::Unknown(..) => None,
                    _ => Some(true),
                };
                if let Some(truth) = truth {
                    self.decided.insert(derived(&(*id, name)), truth);
                }
            }
            _ => {}
        }
    }
}

fn assign(env: &Rc<Env>, name: &str, value: Seen) {
    let mut at = Rc::clone(env);
    loop {
        if at.vars.borrow().contains_key(name) {
            at.declare(name, value);
            return;
        }
        match &at.parent {
            Parent::Env(parent) => {
                let parent = Rc::clone(parent);
                at = parent;
            }
            // A variable of a module, as this way sees it.
            Parent::Scope(..) => {
                at.declare(name, value);
                return;
            }
        }
    }
}
