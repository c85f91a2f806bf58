//! What a function does with the requests it is given: answers them, passes them on, or hands them to others.

use std::collections::HashSet;

use super::guards::{last_name, resolve, says_unauthorized};
use crate::js::eval::{Eval, Host};
use crate::js::ir::{self, Expr, ExprKind, Function, Key, Pattern};
use crate::js::value::{Closure, Value};

/// What becomes of the requests a function is given.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Flow {
    /// It answers with something to see.
    pub(crate) shows: bool,
    /// It answers with a status or a redirect and nothing else.
    pub(crate) ends: bool,
    /// It answers with an error.
    pub(crate) errors: bool,
    /// It gives the response to code that can't be read.
    pub(crate) hands_on: bool,
    /// It passes the request on.
    pub(crate) continues: bool,
    /// It passes an error on, or throws.
    pub(crate) fails: bool,
    /// It says 404.
    pub(crate) not_found: bool,
    /// Its text has 404 somewhere.
    mentions_not_found: bool,
}

impl Flow {
    /// It answers every request it doesn't fail on with something other than an error.
    pub(crate) fn terminal(self) -> bool {
        !self.continues && (self.shows || self.ends || self.hands_on)
    }

    /// What stands behind it never runs.
    pub(crate) fn stops(self) -> bool {
        self.terminal() || (!self.continues && self.errors)
    }

    /// It says 404 to everybody, or makes an error of it.
    pub(crate) fn only_not_found(self) -> bool {
        let answers = self.shows || self.ends || self.hands_on || self.continues;
        !answers && (self.not_found || (self.fails && !self.errors && self.mentions_not_found))
    }
}

/// What becomes of the requests `closure` is given. Without an evaluator, only its own text is read.
pub(crate) fn flow<H: Host>(eval: Option<&mut Eval<H>>, closure: &Closure) -> Flow {
    let function = &closure.function;
    let name = |at: usize| function.param_name(at).map(str::to_owned);
    let (request, response, next) = (name(0), name(1), name(2));
    let mut flow = Flow::default();
    // Parameters that are taken apart, or gathered in a list, can't be followed.
    let hidden = |at: usize| match function.params.get(at) {
        Some(_) => function.param_name(at).is_none(),
        None => function.rest.is_some(),
    };
    flow.hands_on |= hidden(1);
    flow.continues |= hidden(2);
    let mut walk = FlowWalk {
        eval,
        closure,
        request,
        response,
        next,
        flow,
        seen: HashSet::new(),
        depth: 0,
        loose: Vec::new(),
        catches: false,
        preflight: false,
    };
    walk.block(&function.body, false);
    walk.flow
}

struct FlowWalk<'a, 'e, 'p, H> {
    eval: Option<&'e mut Eval<'p, H>>,
    closure: &'a Closure,
    request: Option<String>,
    response: Option<String>,
    next: Option<String>,
    flow: Flow,
    seen: HashSet<(*const Function, [bool; 3])>,
    depth: usize,
    /// Names that may hold an error, or nothing.
    loose: Vec<String>,
    /// The next function is given what failed.
    catches: bool,
    /// What is read is run for preflights only.
    preflight: bool,
}

impl<H: Host> FlowWalk<'_, '_, '_, H> {
    /// `refusing`: the status is that of an error already.
    fn block(&mut self, statements: &[ir::Stmt], mut refusing: bool) {
        if self.depth > 200 {
            self.flow.hands_on = true;
            self.flow.continues = true;
            return;
        }
        self.depth += 1;
        for statement in statements {
            self.statement(statement, refusing);
            if let ir::StmtKind::Expr(expr) = &statement.kind
                && let Some(error) = self.status_set(expr)
            {
                refusing = error;
            }
        }
        self.depth -= 1;
    }

    fn statement(&mut self, statement: &ir::Stmt, refusing: bool) {
        use ir::StmtKind as S;
        let one = std::slice::from_ref::<ir::Stmt>;
        match &statement.kind {
            S::Expr(it) | S::Return(Some(it)) => self.expr(it, refusing),
            S::Throw(it) => {
                self.flow.fails = true;
                self.flow.not_found |= says_not_found(it);
                self.expr(it, refusing);
            }
            S::Var(all, _) => all.iter().filter_map(|(_, it)| it.as_ref()).for_each(|it| self.expr(it, refusing)),
            S::Function(function) => self.nested(function, refusing),
            S::If(test, yes, no) => {
                self.expr(test, refusing);
                // Preflights are answered for everybody.
                let outer = self.preflight;
                self.preflight |= is_preflight(test);
                self.tested(test, |it| it.block(one(yes), refusing));
                self.preflight = outer;
                no.iter().for_each(|it| self.block(one(it), refusing));
            }
            S::Block(all) => self.block(all, refusing),
            S::ForOf(_, it, body) | S::ForIn(_, it, body) => {
                self.expr(it, refusing);
                self.block(one(body), refusing);
            }
            S::Loop(init, again, body) => {
                self.block(init, refusing);
                again.iter().for_each(|it| self.expr(it, refusing));
                self.block(one(body), refusing);
            }
            S::Try(block, handler, last) => {
                self.block(block, refusing);
                handler.iter().for_each(|(_, body)| self.block(body, refusing));
                self.block(last, refusing);
            }
            S::Switch(value, cases) => {
                self.expr(value, refusing);
                for (test, body) in cases {
                    test.iter().for_each(|it| self.expr(it, refusing));
                    self.block(body, refusing);
                }
            }
            S::Class(_, class) => self.class(class, refusing),
            S::Return(None) | S::Enum(..) | S::Jump | S::Empty => {}
        }
    }

    /// A function inside of the function. Its parameters hide names of the outer one.
    fn nested(&mut self, function: &Function, refusing: bool) {
        let kept = (self.request.clone(), self.response.clone(), self.next.clone());
        let loose = self.loose.len();
        let catches = std::mem::take(&mut self.catches);
        for at in 0..function.params.len() {
            let hidden = function.param_name(at);
            if !catches {
                self.loose.extend(hidden.map(str::to_owned));
            }
            for name in [&mut self.request, &mut self.response, &mut self.next] {
                if hidden.is_some() && name.as_deref() == hidden {
                    *name = None;
                }
            }
        }
        self.block(&function.body, refusing);
        (self.request, self.response, self.next) = kept;
        self.loose.truncate(loose);
    }

    /// Does `work` where `test` has been seen to hold, so that the names in it hold something.
    fn tested(&mut self, test: &Expr, work: impl FnOnce(&mut Self)) {
        let kept = self.loose.clone();
        self.loose.retain(|name| !mentions(test, &|it| matches!(it, ExprKind::Name(it) if **it == **name)));
        work(self);
        self.loose = kept;
    }

    fn class(&mut self, class: &ir::Class, refusing: bool) {
        for function in class.constructor.iter().chain(class.methods.iter().map(|it| &it.function)) {
            self.nested(function, refusing);
        }
        class.fields.iter().filter_map(|it| it.value.as_ref()).for_each(|it| self.expr(it, refusing));
    }

    fn is_response(&self, expr: &Expr) -> bool {
        matches!(&expr.kind, ExprKind::Name(name) if self.response.as_deref() == Some(&**name))
    }

    fn is_next(&self, expr: &Expr) -> bool {
        matches!(&expr.kind, ExprKind::Name(name) if self.next.as_deref() == Some(&**name))
    }

    /// `res`, `res.status(…)`, `res.set(…).type(…)`.
    fn is_chain(&self, expr: &Expr) -> bool {
        let mut at = expr;
        loop {
            match &at.kind {
                ExprKind::Call(callee, _) => match &callee.kind {
                    ExprKind::Member(object, Key::Name(_)) => at = object,
                    _ => return false,
                },
                _ => return self.is_response(at),
            }
        }
    }

    /// Whether an expression sets a status, and whether that is one of an error.
    fn status_set(&self, expr: &Expr) -> Option<bool> {
        match &expr.kind {
            ExprKind::Call(callee, items) => {
                let ExprKind::Member(object, Key::Name(name)) = &callee.kind else { return None };
                if matches!(&**name, "status" | "writeHead") && self.is_chain(object) {
                    return items.first().map(|it| is_error_status(&it.value));
                }
                self.status_set(object)
            }
            ExprKind::Assign(target, _, value) => match &**target {
                Pattern::Member(member) => match &member.kind {
                    ExprKind::Member(object, Key::Name(name)) if &**name == "statusCode" => {
                        self.is_response(object).then(|| is_error_status(value))
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    fn expr(&mut self, expr: &Expr, refusing: bool) {
        if self.depth > 200 {
            self.flow.hands_on = true;
            self.flow.continues = true;
            return;
        }
        self.depth += 1;
        self.inside(expr, refusing);
        self.depth -= 1;
    }

    fn inside(&mut self, expr: &Expr, refusing: bool) {
        match &expr.kind {
            ExprKind::Call(callee, items) => self.call(callee, items, refusing),
            ExprKind::Function(function) => self.nested(function, refusing),
            ExprKind::Class(class) => self.class(class, refusing),
            ExprKind::Conditional(test, yes, no) => {
                self.expr(test, refusing);
                self.tested(test, |it| it.expr(yes, refusing));
                self.expr(no, refusing);
            }
            ExprKind::And(test, then) => {
                self.expr(test, refusing);
                self.tested(test, |it| it.expr(then, refusing));
            }
            ExprKind::Member(object, key) => {
                if let Key::Computed(key) = key {
                    self.flow.hands_on |= self.is_chain(object);
                    self.expr(key, refusing);
                }
                let of_request = matches!(&object.kind, ExprKind::Name(it) if self.request.as_deref() == Some(&**it));
                match key {
                    Key::Name(name) if of_request && &**name == "next" => self.flow.continues = true,
                    Key::Name(name) if of_request && &**name == "res" => self.flow.hands_on = true,
                    _ => {}
                }
                if !self.is_response(object) {
                    self.expr(object, refusing);
                }
                self.note(expr);
            }
            ExprKind::Assign(target, _, value) => {
                if let Pattern::Member(member) = &**target
                    && let ExprKind::Member(object, _) = &member.kind
                {
                    if self.is_response(object) {
                        self.flow.not_found |= self.status_set(expr).is_some() && says_not_found(value);
                    } else {
                        self.expr(object, refusing);
                    }
                }
                self.expr(value, refusing);
            }
            ExprKind::Name(name) => {
                self.flow.hands_on |= self.is_response(expr);
                self.flow.continues |= self.is_next(expr) || &**name == "arguments";
                self.note(expr);
            }
            _ => {
                self.note(expr);
                children(expr).into_iter().for_each(|it| self.expr(it, refusing));
            }
        }
    }

    fn note(&mut self, expr: &Expr) {
        self.flow.mentions_not_found |= is_not_found(&expr.kind);
    }

    fn call(&mut self, callee: &Expr, items: &[ir::Item], refusing: bool) {
        if self.is_next(callee) {
            match items.first().map(|it| &it.value) {
                None => self.flow.continues = true,
                Some(it) if matches!(it.kind, ExprKind::Null | ExprKind::Str(_)) => self.flow.continues = true,
                Some(it) if matches!(&it.kind, ExprKind::Name(name) if &**name == "undefined") => {
                    self.flow.continues = true;
                }
                Some(it) => {
                    // `(error) => next(error)` passes the request on when there is no error.
                    let loose = matches!(&it.kind, ExprKind::Name(name) if self.loose.iter().any(|it| **it == **name));
                    self.flow.continues |= loose;
                    self.flow.fails = true;
                    self.flow.not_found |= says_not_found(it);
                    self.expr(it, refusing);
                }
            }
            return;
        }
        if let ExprKind::Member(object, Key::Name(name)) = &callee.kind {
            if self.is_chain(object) {
                self.answer(object, name, items, refusing);
                self.expr_of_chain(object, refusing);
                items.iter().for_each(|it| self.expr(&it.value, refusing));
                return;
            }
            if &**name == "catch" {
                // What fails goes to the error handlers.
                self.expr(object, refusing);
                for item in items {
                    match &item.value.kind {
                        _ if self.is_next(&item.value) => self.flow.fails = true,
                        ExprKind::Function(function) => {
                            self.catches = true;
                            self.nested(function, refusing);
                        }
                        _ => self.expr(&item.value, refusing),
                    }
                }
                return;
            }
            if &**name == "pipe" && items.iter().any(|it| self.is_response(&it.value)) {
                self.flow.shows |= !refusing;
                self.flow.errors |= refusing;
                self.expr(object, refusing);
                return;
            }
        }
        let given = items.iter().any(|it| self.is_response(&it.value) || self.is_next(&it.value));
        if given && self.enters(callee, items, refusing) {
            for item in items {
                if !self.is_response(&item.value) && !self.is_next(&item.value) {
                    self.expr(&item.value, refusing);
                }
            }
            return;
        }
        self.expr(callee, refusing);
        items.iter().for_each(|it| self.expr(&it.value, refusing));
    }

    /// The arguments of `res.status(…).set(…)`.
    fn expr_of_chain(&mut self, expr: &Expr, refusing: bool) {
        if let ExprKind::Call(callee, items) = &expr.kind
            && let ExprKind::Member(object, _) = &callee.kind
        {
            self.flow.not_found |= self.status_set(expr).is_some() && items.iter().any(|it| says_not_found(&it.value));
            self.expr_of_chain(object, refusing);
            items.iter().for_each(|it| self.expr(&it.value, refusing));
        }
    }

    /// A method of the response.
    fn answer(&mut self, object: &Expr, name: &str, items: &[ir::Item], refusing: bool) {
        let first = items.first().map(|it| &it.value);
        let refusing = self.preflight || self.status_set(object).unwrap_or(refusing);
        match name {
            "sendStatus" => {
                let error = first.is_some_and(is_error_status);
                self.flow.errors |= error;
                self.flow.ends |= !error;
                self.flow.not_found |= first.is_some_and(says_not_found);
            }
            "status" | "writeHead" => self.flow.not_found |= first.is_some_and(says_not_found),
            "redirect" => self.flow.ends = true,
            "json" | "jsonp" | "send" | "end" | "write" | "render" | "sendFile" | "sendfile" | "download"
            | "format" => {
                self.flow.errors |= refusing;
                self.flow.ends |= !refusing && first.is_none();
                self.flow.shows |= !refusing && first.is_some();
            }
            _ => {}
        }
    }

    /// Reads a function of the project that is given the response or the way on. `false`: it can't be read.
    fn enters(&mut self, callee: &Expr, items: &[ir::Item], refusing: bool) -> bool {
        let slots: Vec<Option<usize>> = items
            .iter()
            .map(|it| {
                let of_request = matches!(&it.value.kind, ExprKind::Name(it) if self.request.as_deref() == Some(&**it));
                match (of_request, self.is_response(&it.value), self.is_next(&it.value)) {
                    (true, ..) => Some(0),
                    (_, true, _) => Some(1),
                    (_, _, true) => Some(2),
                    _ => None,
                }
            })
            .collect();
        let Some(eval) = self.eval.as_deref_mut() else { return false };
        if items.iter().any(|it| it.spread) || self.seen.len() > 40 {
            return false;
        }
        let method = match &callee.kind {
            ExprKind::Member(object, Key::Name(name)) if &**name == "handle" => resolve(eval, object, self.closure),
            _ => Value::Unknown,
        };
        let value = resolve(eval, callee, self.closure);
        if matches!(value, Value::Host(_)) || matches!(method, Value::Host(_)) {
            self.flow.continues = true;
            return true;
        }
        let Value::Function(inner) = value else { return false };
        let mut names = [None, None, None];
        for (at, slot) in slots.into_iter().enumerate() {
            let Some(slot) = slot else { continue };
            match inner.function.param_name(at) {
                Some(name) => {
                    if let Some(it) = names.get_mut(slot) {
                        *it = Some(name.to_owned());
                    }
                }
                // A function with fewer parameters does nothing with it, unless it asks for the rest.
                None if at >= inner.function.params.len() && inner.function.rest.is_none() => {}
                None => return false,
            }
        }
        let given = [names[0].is_some(), names[1].is_some(), names[2].is_some()];
        if !self.seen.insert((std::sync::Arc::as_ptr(&inner.function), given)) {
            return true;
        }
        let [request, response, next] = names;
        let seen = std::mem::take(&mut self.seen);
        let mut walk = FlowWalk {
            eval: Some(eval),
            closure: inner.as_ref(),
            request,
            response,
            next,
            flow: self.flow,
            seen,
            depth: self.depth,
            preflight: self.preflight,
            loose: Vec::new(),
            catches: false,
        };
        walk.block(&inner.function.body, refusing);
        self.flow = walk.flow;
        self.seen = walk.seen;
        true
    }
}

fn is_not_found(kind: &ExprKind) -> bool {
    match kind {
        ExprKind::Num(status) => (status - 404.0).abs() < f64::EPSILON,
        // `HttpStatus.NOT_FOUND`, `new NotFoundError()`.
        ExprKind::Name(name) | ExprKind::Member(_, Key::Name(name)) => {
            name.to_ascii_lowercase().replace('_', "").starts_with("notfound")
        }
        _ => false,
    }
}

/// `req.method === 'OPTIONS'`, alone or with more that must hold.
fn is_preflight(expr: &Expr) -> bool {
    let options = |it: &Expr| matches!(&it.kind, ExprKind::Str(text) if &**text == "OPTIONS");
    match &expr.kind {
        ExprKind::Equal(true, left, right) => {
            (options(right) && last_name(left) == Some("method"))
                || (options(left) && last_name(right) == Some("method"))
        }
        ExprKind::And(left, right) => is_preflight(left) || is_preflight(right),
        _ => false,
    }
}

fn says_not_found(expr: &Expr) -> bool {
    mentions(expr, &is_not_found)
}

fn mentions(expr: &Expr, wanted: &dyn Fn(&ExprKind) -> bool) -> bool {
    fn look(expr: &Expr, wanted: &dyn Fn(&ExprKind) -> bool, depth: usize) -> bool {
        depth < 100 && (wanted(&expr.kind) || children(expr).into_iter().any(|it| look(it, wanted, depth + 1)))
    }
    look(expr, wanted, 0)
}

/// Whether an argument of `status()` is one of an error for sure.
fn is_error_status(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Num(status) => *status >= 400.0,
        ExprKind::Name(name) | ExprKind::Member(_, Key::Name(name)) => {
            let name = name.to_ascii_lowercase().replace('_', "");
            says_unauthorized(&name)
                || ["notfound", "badrequest", "internalservererror", "toomanyrequests", "unprocessable", "conflict"]
                    .iter()
                    .any(|it| name.starts_with(it))
        }
        _ => false,
    }
}

/// The parts of an expression, without the bodies of functions.
fn children(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Template(_, all) | ExprKind::Sequence(all) | ExprKind::Other(all) => all.iter().collect(),
        ExprKind::Array(items) => items.iter().map(|it| &it.value).collect(),
        ExprKind::Object(props) => props
            .iter()
            .map(|it| match it {
                ir::Prop::Entry { value, .. } | ir::Prop::Spread(value) => value,
            })
            .collect(),
        ExprKind::Member(object, Key::Computed(key)) => vec![object, key],
        ExprKind::Call(callee, items) | ExprKind::New(callee, items) => {
            std::iter::once(&**callee).chain(items.iter().map(|it| &it.value)).collect()
        }
        ExprKind::Member(it, _)
        | ExprKind::Import(it)
        | ExprKind::Not(it)
        | ExprKind::Await(it)
        | ExprKind::Assign(_, _, it) => vec![it],
        ExprKind::Add(left, right)
        | ExprKind::Equal(_, left, right)
        | ExprKind::And(left, right)
        | ExprKind::Or(left, right)
        | ExprKind::Coalesce(left, right) => vec![left, right],
        ExprKind::Conditional(test, yes, no) => vec![test, yes, no],
        _ => Vec::new(),
    }
}
