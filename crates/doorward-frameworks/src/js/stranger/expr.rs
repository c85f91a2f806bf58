//! Expressions.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::value::{Code, Env, Parent, Record, Reply, Seen, Taint, derived, env_name};
use super::{Notice, Run, Step, Stop};
use crate::js::eval::Host;
use crate::js::guards::{last_name, says_unauthorized};
use crate::js::ir::{AssignOp, Expr, ExprKind, Item, Key, Pattern, Prop, Span};
use crate::js::program::Target;
use crate::js::value::{External, Value};

impl<H: Host> Run<'_, '_, H> {
    pub(super) fn expr(&mut self, expr: &Expr, env: &Rc<Env>) -> Step {
        self.spend()?;
        self.depth += 1;
        let value = self.expr_inside(expr, env);
        self.depth -= 1;
        value
    }

    fn expr_inside(&mut self, expr: &Expr, env: &Rc<Env>) -> Step {
        Ok(match &expr.kind {
            ExprKind::Str(text) => Seen::Str(Arc::clone(text)),
            ExprKind::Num(it) => Seen::Num(*it),
            ExprKind::Bool(it) => Seen::Bool(*it),
            ExprKind::Null => Seen::Nothing,
            ExprKind::Regex(source, flags) => Seen::Outside(Value::Regex(Arc::clone(source), Arc::clone(flags))),
            ExprKind::Template(quasis, parts) => {
                let mut value = Seen::str(quasis.first().map_or("", |it| it));
                for (at, part) in parts.iter().enumerate() {
                    let part = self.expr(part, env)?;
                    value = self.concat(&value, &part);
                    if let Some(quasi) = quasis.get(at + 1) {
                        value = self.concat(&value, &Seen::Str(Arc::clone(quasi)));
                    }
                }
                value
            }
            ExprKind::Name(name) => self.lookup(name, env),
            ExprKind::This => self.lookup("this", env),
            ExprKind::Super => self.unknown(Taint::Plain),
            ExprKind::Array(items) => Seen::list(self.items(items, env)?),
            ExprKind::Object(props) => self.object(props, env)?,
            ExprKind::Function(function) => {
                let (function, env) = (Arc::clone(function), Rc::clone(env));
                Seen::Function(Rc::new(Code { function, env, module: self.module, this: None }))
            }
            ExprKind::Class(_) => self.unknown(Taint::Plain),
            ExprKind::Member(inner, key) => {
                let object = self.expr(inner, env)?;
                self.must_be_there(&object, inner, expr.span)?;
                let key = match (self.key(key, env)?, key) {
                    // What a credential that is not there leads to.
                    (None, Key::Computed(key)) if self.question.style.is_guard() => {
                        match (self.expr(key, env)?, &object) {
                            (
                                Seen::Unknown(_, Taint::Claim | Taint::Credential) | Seen::Nothing,
                                Seen::Outside(_) | Seen::Record(_),
                            ) => return Ok(Seen::Nothing),
                            (Seen::Unknown(_, Taint::Credential), Seen::Unknown(_, Taint::Plain | Taint::Env)) => {
                                return Ok(Seen::Nothing);
                            }
                            _ => None,
                        }
                    }
                    (key, _) => key,
                };
                match key {
                    Some(name) => {
                        if object.is_unawaited() && !matches!(&*name, "then" | "catch" | "finally") {
                            let place = self.place(expr);
                            self.notice(Notice::NotAwaited(place));
                        }
                        self.member(&object, &name)?
                    }
                    None => self.unknown(object.taint(0)),
                }
            }
            ExprKind::Call(callee, items) => self.call_expr(expr, callee, items, env)?,
            ExprKind::New(callee, items) => {
                let class = self.expr(callee, env)?;
                let args = self.items(items, env)?;
                let text = self.text(expr.span);
                self.construct(&class, args, last_name(callee).unwrap_or_default(), &text)?
            }
            ExprKind::Import(source) => {
                let source = self.expr(source, env)?;
                match source {
                    Seen::Str(text) => match self.program.resolve(self.module, &text) {
                        Target::Module(module) => Seen::Outside(Value::Namespace(module)),
                        Target::Package => Seen::Outside(Value::External(Rc::new(External::Package(text)))),
                        _ => self.unknown(Taint::Plain),
                    },
                    other => self.unknown(other.taint(0)),
                }
            }
            ExprKind::Assign(target, op, value) => self.assignment(target, *op, value, env)?,
            ExprKind::Add(left, right) => {
                let left = self.expr(left, env)?;
                let right = self.expr(right, env)?;
                self.concat(&left, &right)
            }
            ExprKind::Equal(equal, left, right) => {
                let left = self.expr(left, env)?;
                let right = self.expr(right, env)?;
                Seen::Bool(self.same(&left, &right) == *equal)
            }
            ExprKind::And(left, right) => {
                let left = self.expr(left, env)?;
                if self.truth(&left) { self.expr(right, env)? } else { left }
            }
            ExprKind::Or(left, right) => {
                let left = self.expr(left, env)?;
                if self.truth(&left) { left } else { self.expr(right, env)? }
            }
            ExprKind::Coalesce(left, right) => {
                let left = self.expr(left, env)?;
                match &left {
                    Seen::Nothing => self.expr(right, env)?,
                    Seen::Unknown(..) | Seen::Outside(Value::External(_)) => {
                        if self.truth(&left) {
                            left
                        } else {
                            self.expr(right, env)?
                        }
                    }
                    _ => left,
                }
            }
            ExprKind::Not(inner) => {
                let inner = self.expr(inner, env)?;
                Seen::Bool(!self.truth(&inner))
            }
            ExprKind::Conditional(test, yes, no) => {
                let test = self.expr(test, env)?;
                if self.truth(&test) { self.expr(yes, env)? } else { self.expr(no, env)? }
            }
            ExprKind::Sequence(parts) => {
                let mut last = Seen::Nothing;
                for part in parts {
                    last = self.expr(part, env)?;
                }
                last
            }
            ExprKind::Await(inner) => match self.expr(inner, env)? {
                Seen::Promise(inner) => (*inner).clone(),
                Seen::Rejected(thrown) => return Err(Stop::Throw((*thrown).clone())),
                other => other,
            },
            ExprKind::Other(parts) => self.operator(expr.span, parts, env)?,
        })
    }

    /// Operators that the tree does not keep: `typeof`, `instanceof`, `in`, `<` and so on.
    fn operator(&mut self, span: Span, parts: &[Expr], env: &Rc<Env>) -> Step {
        let text = |it: &Self, start, end| it.text(Span { start, end }).trim().to_owned();
        match parts {
            [one] => {
                let operator = text(self, span.start, one.span.start);
                let value = self.expr(one, env)?;
                if operator != "typeof" {
                    return Ok(if operator == "void" { Seen::Nothing } else { self.unknown(value.taint(0)) });
                }
                Ok(match value {
                    Seen::Nothing => Seen::str("undefined"),
                    Seen::Str(_) => Seen::str("string"),
                    Seen::Bool(_) => Seen::str("boolean"),
                    Seen::Num(_) => Seen::str("number"),
                    Seen::Function(_) => Seen::str("function"),
                    Seen::Unknown(id, taint) if taint != Taint::Claim => Seen::Unknown(derived(&(id, "typeof")), taint),
                    Seen::Unknown(..) => {
                        self.guess();
                        Seen::str("undefined")
                    }
                    _ => Seen::str("object"),
                })
            }
            [left, right] => {
                let operator = text(self, left.span.end, right.span.start);
                let one = self.expr(left, env)?;
                let two = self.expr(right, env)?;
                match operator.as_str() {
                    "instanceof" => self.instance(&one, &two, last_name(right).unwrap_or_default()),
                    "in" => Ok(match (&one, &two) {
                        (Seen::Str(name), Seen::Record(record)) if record.open.is_none() => {
                            Seen::Bool(record.props.borrow().contains_key(name))
                        }
                        (Seen::Str(name), Seen::Outside(Value::Object(object))) if !object.open.get() => {
                            Seen::Bool(object.get(name).is_some())
                        }
                        (_, Seen::Reply(_)) => Seen::Bool(false),
                        // What makes nothing of a credential may say so.
                        (_, two) => Seen::Unknown(derived(&("in", span.start)), two.taint(0).min(Taint::Credential)),
                    }),
                    operator => {
                        if let Some(known) = self.measured(operator, &one, &two) {
                            return Ok(Seen::Bool(known));
                        }
                        let taint = one.taint(0).max(two.taint(0)).min(Taint::Credential);
                        Ok(Seen::Unknown(derived(&("compare", span.start)), taint))
                    }
                }
            }
            _ => {
                let mut taint = Taint::Plain;
                for part in parts {
                    taint = taint.max(self.expr(part, env)?.taint(0));
                }
                Ok(self.unknown(taint))
            }
        }
    }

    fn instance(&mut self, value: &Seen, class: &Seen, name: &str) -> Step {
        let response = name.ends_with("Response");
        Ok(match value {
            Seen::Reply(_) => Seen::Bool(response),
            Seen::Nothing | Seen::Bool(_) | Seen::Str(_) | Seen::Num(_) => Seen::Bool(false),
            Seen::Record(record) => match (&record.class, class) {
                (Some(have), Seen::Outside(Value::Class(wanted))) => {
                    let mut at = Rc::clone(have);
                    let mut found = false;
                    for _ in 0..12 {
                        found |= Arc::ptr_eq(&at.class, &wanted.class);
                        match &at.parent {
                            Value::Class(parent) => {
                                let parent = Rc::clone(parent);
                                at = parent;
                            }
                            _ => break,
                        }
                    }
                    Seen::Bool(found)
                }
                _ if response => Seen::Bool(false),
                (Some(_), _) => Seen::Bool(name == "Error"),
                _ => self.unknown(Taint::Plain),
            },
            // A claim that failed is not told by its class.
            other => self.unknown(other.taint(0).min(Taint::Credential)),
        })
    }

    fn assignment(&mut self, target: &Pattern, op: AssignOp, value: &Expr, env: &Rc<Env>) -> Step {
        let old = match (op, target) {
            (AssignOp::Set, _) => None,
            (_, Pattern::Name(name)) => Some(self.lookup(name, env)),
            (_, Pattern::Member(member)) => Some(self.expr(member, env)?),
            _ => None,
        };
        if op == AssignOp::Logical
            && let Some(old) = &old
            && self.truth(old)
        {
            return Ok(old.clone());
        }
        let value = self.expr(value, env)?;
        let value = match (op, old) {
            (AssignOp::Add, Some(old)) => self.concat(&old, &value),
            (AssignOp::Other, _) => self.unknown(value.taint(0)),
            _ => value,
        };
        self.bind(target, value.clone(), env, false)?;
        Ok(value)
    }

    pub(super) fn text(&self, span: Span) -> String {
        let module = self.program.module(self.module);
        module.text.get(span.range()).unwrap_or_default().chars().take(400).collect()
    }

    pub(super) fn lookup(&mut self, name: &str, env: &Rc<Env>) -> Seen {
        let mut at = Rc::clone(env);
        loop {
            if let Some(value) = at.vars.borrow().get(name) {
                return value.clone();
            }
            match &at.parent {
                Parent::Env(parent) => {
                    let parent = Rc::clone(parent);
                    at = parent;
                }
                Parent::Scope(scope, module) => {
                    let value = self.eval.lookup(scope, name, *module);
                    return Seen::of(&value, &(Rc::as_ptr(scope), name));
                }
            }
        }
    }

    pub(super) fn key(&mut self, key: &Key, env: &Rc<Env>) -> Step<Option<Arc<str>>> {
        Ok(match key {
            Key::Name(name) => Some(Arc::clone(name)),
            Key::Computed(expr) => match self.expr(expr, env)? {
                Seen::Str(text) => Some(text),
                Seen::Num(number) => Some(Arc::from(number.to_string())),
                _ => None,
            },
        })
    }

    pub(super) fn items(&mut self, items: &[Item], env: &Rc<Env>) -> Step<Vec<Seen>> {
        let mut all = Vec::new();
        for item in items.iter().take(500) {
            let value = self.expr(&item.value, env)?;
            match (item.spread, value) {
                (true, Seen::List(inner)) => all.extend(inner.borrow().iter().take(200).cloned()),
                (_, value) => all.push(value),
            }
        }
        Ok(all)
    }

    fn object(&mut self, props: &[Prop], env: &Rc<Env>) -> Step {
        let mut record = Record::default();
        for prop in props {
            match prop {
                Prop::Entry { key, value, .. } => {
                    let name = self.key(key, env)?;
                    let value = self.expr(value, env)?;
                    match name {
                        Some(name) => {
                            record.props.borrow_mut().insert(name, value);
                        }
                        None => record.open = record.open.max(Some(value.taint(0))),
                    }
                }
                Prop::Spread(value) => match self.expr(value, env)? {
                    Seen::Record(other) => {
                        record.open = record.open.max(other.open);
                        let props = other.props.borrow().clone();
                        record.props.borrow_mut().extend(props);
                    }
                    Seen::Outside(Value::Object(object)) => {
                        if object.open.get() {
                            record.open = record.open.max(Some(Taint::Plain));
                        }
                        for (name, value) in object.props.borrow().iter() {
                            let value = Seen::of(value, &(Rc::as_ptr(&object), &**name));
                            record.props.borrow_mut().insert(Arc::clone(name), value);
                        }
                    }
                    Seen::Nothing | Seen::Bool(_) => {}
                    other => record.open = record.open.max(Some(other.taint(0))),
                },
            }
        }
        Ok(Seen::Record(Rc::new(record)))
    }

    pub(super) fn concat(&mut self, left: &Seen, right: &Seen) -> Seen {
        let text = |it: &Seen| match it {
            Seen::Str(text) => Some(text.to_string()),
            Seen::Num(number) => Some(number.to_string()),
            _ => None,
        };
        match (text(left), text(right)) {
            (Some(left), Some(right)) if left.len() + right.len() < 10_000 => Seen::str(&(left + &right)),
            _ => {
                let id = |it: &Seen| match it {
                    Seen::Unknown(id, _) => *id,
                    Seen::Str(text) => derived(text),
                    Seen::Outside(Value::External(it)) => derived(&it.path()),
                    _ => 0,
                };
                let made = derived(&("add", id(left), id(right)));
                let held = [left, right].into_iter().find_map(|it| match it {
                    Seen::Outside(Value::External(it)) => env_name(it).map(str::to_owned),
                    Seen::Unknown(id, _) => self.holds_env.get(id).cloned(),
                    _ => None,
                });
                if let Some(name) = held {
                    self.holds_env.insert(made, name);
                }
                Seen::Unknown(made, left.taint(0).max(right.taint(0)))
            }
        }
    }

    pub(super) fn member(&mut self, object: &Seen, name: &str) -> Step {
        Ok(match object {
            Seen::Nothing | Seen::Promise(_) | Seen::Rejected(_) => Seen::Nothing,
            Seen::Unknown(_, Taint::Claim) if matches!(name, "error" | "err" | "errors" | "isError" | "expired") => {
                self.guess();
                Seen::Bool(true)
            }
            Seen::Unknown(id, Taint::Input) if self.question.style.is_guard() && names_credential(name) => {
                self.sent(derived(&(*id, name)))
            }
            Seen::Unknown(id, taint) => {
                let part = derived(&(*id, name));
                if self.undefined.contains(id) {
                    self.undefined.insert(part);
                }
                if self.looked_up.contains(id) {
                    self.looked_up.insert(part);
                }
                Seen::Unknown(part, *taint)
            }
            Seen::Record(record) => {
                let own = record.props.borrow().get(name).cloned();
                match (own, &record.class) {
                    (Some(value), _) => value,
                    (None, Some(class)) => self.class_member(object, &Rc::clone(class), name)?,
                    (None, None) => match record.open {
                        Some(taint) => Seen::Unknown(derived(&(Rc::as_ptr(record) as usize, name)), taint),
                        None => Seen::Nothing,
                    },
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "lists in source code are short")]
            Seen::List(items) if name == "length" => Seen::Num(items.borrow().len() as f64),
            Seen::List(items) => match name.parse::<usize>() {
                Ok(at) => items.borrow().get(at).cloned().unwrap_or(Seen::Nothing),
                Err(_) => Seen::Nothing,
            },
            #[expect(clippy::cast_precision_loss, reason = "texts in source code are short")]
            Seen::Str(text) if name == "length" => Seen::Num(text.len() as f64),
            Seen::Request => self.of_request(name),
            Seen::Context => self.of_context(name),
            Seen::Headers => self.header(name),
            Seen::Cookies => {
                self.consult("cookies".to_owned(), None, self.question.place);
                self.sent(derived(&("cookie", name)))
            }
            Seen::Url => match name {
                "pathname" => Seen::Path,
                _ => Seen::Unknown(derived(&("url", name)), Taint::Input),
            },
            Seen::Reply(Reply::Status(status)) => match name {
                "status" | "statusCode" => Seen::Num(*status),
                "ok" => Seen::Bool((200.0..300.0).contains(status)),
                _ => self.unknown(Taint::Plain),
            },
            Seen::Outside(value) => {
                let from = match value {
                    Value::Object(it) => Rc::as_ptr(it) as usize,
                    Value::External(it) => Rc::as_ptr(it) as usize,
                    _ => 0,
                };
                let value = self.eval.member(value, name);
                Seen::of(&value, &(from, name))
            }
            Seen::Bool(_) => Seen::Nothing,
            Seen::Path | Seen::Str(_) | Seen::Num(_) => self.unknown(object.taint(0)),
            // `res.locals.user`.
            Seen::Response if name == "locals" && self.question.style.is_guard() => self.of_guarded(name),
            Seen::Function(_) | Seen::Reply(_) | Seen::Response | Seen::Next(_) => self.unknown(Taint::Plain),
        })
    }

    pub(super) fn of_request(&mut self, name: &str) -> Seen {
        if let Some(value) = self.request.get(name) {
            return value.clone();
        }
        match name {
            "headers" => Seen::Headers,
            "cookies" => Seen::Cookies,
            "nextUrl" => Seen::Url,
            "method" => {
                self.reads_method = true;
                match &self.question.method {
                    Some(method) => Seen::str(method),
                    None => Seen::Unknown(derived(&"method"), Taint::Input),
                }
            }
            _ if self.question.style.is_guard() => self.of_guarded(name),
            // What libraries for sign-in put there.
            "auth" | "user" | "session" => {
                let place = self.question.place;
                self.consult(format!("req.{name}"), None, place);
                Seen::Nothing
            }
            _ => Seen::Unknown(derived(&("request", name)), Taint::Input),
        }
    }

    /// The header of this name.
    pub(super) fn header(&mut self, name: &str) -> Seen {
        let lower = name.to_ascii_lowercase();
        if names_credential(&lower) {
            self.consult(format!("{lower} header"), None, self.question.place);
            return self.sent(derived(&("header", &lower)));
        }
        Seen::Unknown(derived(&("header", &lower)), Taint::Input)
    }

    /// What an error says: whether it keeps somebody out.
    pub(super) fn is_refusal(&self, thrown: &Seen) -> bool {
        matches!(thrown, Seen::Record(record) if record.refusal)
            || matches!(thrown, Seen::Reply(Reply::Status(status)) if matches!(*status, 401.0 | 403.0))
            || matches!(self.status_of(thrown), Some(401.0 | 403.0))
    }

    pub(super) fn status_of(&self, thrown: &Seen) -> Option<f64> {
        match thrown {
            Seen::Reply(Reply::Status(status)) => Some(*status),
            Seen::Record(record) => {
                ["status", "statusCode", "code", "httpStatus"].iter().find_map(|name| {
                    match record.props.borrow().get(*name) {
                        Some(Seen::Num(status)) => Some(*status),
                        _ => None,
                    }
                })
            }
            _ => None,
        }
    }

    /// A value on its way out.
    pub(super) fn thrown(&mut self, expr: &Expr, value: Seen) -> Seen {
        let text = self.text(expr.span);
        let says = says_refusal(&text) || self.is_refusal(&value);
        self.refused |= says;
        match value {
            Seen::Record(record) if says && !record.refusal => {
                let props = record.props.borrow().clone();
                let class = record.class.clone();
                Seen::Record(Rc::new(Record { props: RefCell::new(props), open: record.open, class, refusal: true }))
            }
            Seen::Unknown(..) if says => {
                Seen::Record(Rc::new(Record { open: Some(Taint::Plain), refusal: true, ..Record::default() }))
            }
            other => other,
        }
    }

    /// An error that is thrown by code that isn't read.
    pub(super) fn refuse(&mut self) -> Stop {
        self.refused = true;
        Stop::Throw(Seen::Record(Rc::new(Record { open: Some(Taint::Plain), refusal: true, ..Record::default() })))
    }
}

/// Whether what has this name is sent as proof of who asks.
pub(super) fn names_credential(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["auth", "token", "key", "secret", "cookie", "session", "signature", "credential", "bearer", "jwt"]
        .iter()
        .any(|it| lower.contains(it))
}

/// Whether the text of an error says that somebody is not let in.
pub(super) fn says_refusal(text: &str) -> bool {
    let lower = text.to_ascii_lowercase().replace(['_', '-', ' '], "");
    says_unauthorized(&lower)
        || ["401", "403", "notauthenticated", "notauthorized", "notloggedin", "notsignedin", "permissiondenied"]
            .iter()
            .any(|it| lower.contains(it))
}
