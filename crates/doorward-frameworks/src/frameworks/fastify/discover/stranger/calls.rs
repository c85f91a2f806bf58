//! Expressions and calls, while a stranger's request is followed.

use std::rc::Rc;
use std::sync::Arc;

use super::super::super::VERIFIERS;
use super::super::packages::package_of;
use super::values::{Known, equal, is_auth_status, is_credential, is_refusal_name, of};
use super::{At, Frame, MAX_CALLS, MAX_DEPTH, MAX_STEPS, Sent, Walk, merge};
use crate::js::guards::{external_verdict, last_name};
use crate::js::ir::{AssignOp, Expr, ExprKind, Function, Item, Key, Prop, Span};
use crate::js::stranger::env_name;
use crate::js::value::{Closure, External, Object, Place, Slot, Value};
use doorward::inventory::GuardState;

/// Words in the names of functions that check credentials, and fail without.
const CHECKS: &[&str] =
    &["verify", "validate", "authenticate", "authorize", "decode", "introspect", "unsign", "assert"];

/// Functions that look at a credential, or turn it into something else, and check nothing.
const READERS: &[&str] = &[
    "decodeJwt",
    "jwtDecode",
    "jwt_decode",
    "decode",
    "parse",
    "atob",
    "isJWT",
    "log",
    "info",
    "warn",
    "debug",
    "error",
    "trace",
];

impl Walk<'_, '_> {
    pub(super) fn expr(&mut self, expr: &Expr) -> Known {
        self.steps += 1;
        if self.steps >= MAX_STEPS || self.depth > MAX_DEPTH {
            return Known::Unknown;
        }
        self.depth += 1;
        let value = self.expr_inside(expr);
        self.depth -= 1;
        value
    }

    fn expr_inside(&mut self, expr: &Expr) -> Known {
        match &expr.kind {
            ExprKind::Str(text) => Known::Text(Arc::clone(text)),
            ExprKind::Num(number) => Known::Num(*number),
            ExprKind::Bool(true) | ExprKind::Regex(..) | ExprKind::Class(_) => Known::Truthy,
            ExprKind::Bool(false) | ExprKind::Null => Known::Falsy,
            ExprKind::Template(_, parts) => self.parts(parts.iter()),
            ExprKind::Sequence(parts) => parts.iter().map(|it| self.expr(it)).last().unwrap_or(Known::Falsy),
            ExprKind::Name(name) => self.name(name),
            ExprKind::This => self.frame.closure.this.clone().map_or(Known::Unknown, of),
            ExprKind::Array(items) => match self.parts(items.iter().map(|it| &it.value)) {
                Known::Unknown => Known::Truthy,
                other => other,
            },
            ExprKind::Object(props) => {
                let values = props.iter().map(|it| match it {
                    Prop::Entry { value, .. } | Prop::Spread(value) => value,
                });
                match self.parts(values) {
                    Known::Unknown => Known::Truthy,
                    other => other,
                }
            }
            ExprKind::Function(function) => Known::Local(Arc::clone(function)),
            ExprKind::Member(object, key) => {
                let object = self.expr(object);
                let name = match key {
                    Key::Name(name) => Some(Arc::clone(name)),
                    Key::Computed(key) => match self.expr(key) {
                        Known::Text(text) => Some(text),
                        Known::Num(_) if matches!(object, Known::Sent) => return Known::Sent,
                        Known::Num(_) if object.is_absent() => return Known::Absent,
                        // What a made-up credential leads to in a list of good ones.
                        Known::Sent => return Known::Absent,
                        _ => None,
                    },
                };
                match name {
                    Some(name) if is_refusal_name(&name) && !matches!(object, Known::Reply) => Known::Refusal,
                    Some(name) => self.member(&object, &name),
                    None if matches!(object, Known::Absent | Known::Holder) => Known::Absent,
                    None => Known::Unknown,
                }
            }
            ExprKind::Call(callee, items) => self.call(expr.span, callee, items),
            ExprKind::New(callee, items) => {
                let args: Vec<Known> = items.iter().map(|it| self.expr(&it.value)).collect();
                let name = last_name(callee).unwrap_or_default();
                if name.ends_with("Error") || name.ends_with("Exception") || is_refusal_name(name) {
                    let auth = is_refusal_name(name) || args.iter().any(is_auth_status);
                    return Known::Error { auth };
                }
                Known::Truthy
            }
            ExprKind::Import(_) => Known::Truthy,
            ExprKind::Assign(target, op, value) => {
                let value = self.expr(value);
                let value = if *op == AssignOp::Set { value } else { Known::Unknown };
                self.bind(target, value.clone());
                value
            }
            ExprKind::Add(left, right) => self.parts([&**left, &**right].into_iter()),
            ExprKind::Equal(wanted, one, two) => {
                let (left, right) = (self.expr(one), self.expr(two));
                if self.may_be_unset(one, &left, &right) || self.may_be_unset(two, &right, &left) {
                    return Known::Unknown;
                }
                match equal(&left, &right) {
                    Some(same) if same == *wanted => Known::Truthy,
                    Some(_) => Known::Falsy,
                    None => Known::Unknown,
                }
            }
            ExprKind::Not(inner) => match self.expr(inner).truth() {
                Some(true) => Known::Falsy,
                Some(false) => Known::Truthy,
                None => Known::Unknown,
            },
            ExprKind::And(left, right) => {
                let left = self.expr(left);
                match left.truth() {
                    Some(false) => left,
                    Some(true) => self.expr(right),
                    None => {
                        let (right, _) = self.fork(None, |it| it.expr(right), |_| Known::Unknown);
                        // Something unknown *and* something that isn't there.
                        match right.map(|it| it.truth()) {
                            Some(Some(false)) => Known::Falsy,
                            _ => Known::Unknown,
                        }
                    }
                }
            }
            ExprKind::Or(left, right) => {
                let left = self.expr(left);
                match left.truth() {
                    Some(true) => left,
                    Some(false) => self.expr(right),
                    None => {
                        let (_, right) = self.fork(None, |_| Known::Unknown, |it| it.expr(right));
                        match right.map(|it| it.truth()) {
                            Some(Some(true)) => Known::Truthy,
                            _ => Known::Unknown,
                        }
                    }
                }
            }
            ExprKind::Coalesce(left, right) => match self.expr(left) {
                Known::Absent | Known::Falsy => self.expr(right),
                // A variable of the environment with a default is there.
                Known::Of(Value::External(it)) if env_name(&it).is_some() => match self.expr(right).truth() {
                    Some(true) => Known::Truthy,
                    _ => Known::Unknown,
                },
                Known::Unknown => {
                    self.fork(None, |_| Known::Unknown, |it| it.expr(right));
                    Known::Unknown
                }
                left => left,
            },
            ExprKind::Conditional(test, yes, no) => {
                let test = self.expr(test).truth();
                match self.fork(test, |it| it.expr(yes), |it| it.expr(no)) {
                    (Some(one), Some(two)) => one.or(two),
                    (Some(one), None) | (None, Some(one)) => one,
                    (None, None) => Known::Unknown,
                }
            }
            ExprKind::Await(inner) => {
                let value = match self.expr(inner) {
                    Known::Promise(inner) => (*inner).clone(),
                    value => value,
                };
                if matches!(value, Known::Reply) {
                    // It goes on when everything was sent.
                    self.live.iter_mut().for_each(|it| it.place = None);
                    self.dedup();
                }
                value
            }
            // `typeof` of what is absent.
            ExprKind::Other(parts) => match (parts.as_slice(), self.parts(parts.iter())) {
                ([_], Known::OfAbsent) => Known::Text(Arc::from("undefined")),
                _ => Known::Unknown,
            },
            ExprKind::Super => Known::Unknown,
        }
    }

    /// What is made of several values.
    fn parts<'x>(&mut self, parts: impl Iterator<Item = &'x Expr>) -> Known {
        let (mut absent, mut sent) = (false, false);
        for part in parts {
            let part = self.expr(part);
            sent |= matches!(part, Known::Sent);
            absent |= part.is_absent();
        }
        match (sent, absent) {
            (true, _) => Known::Sent,
            (_, true) => Known::OfAbsent,
            _ => Known::Unknown,
        }
    }

    fn name(&mut self, name: &Arc<str>) -> Known {
        if let Some(known) = self.frame.names.get(name) {
            return known.clone();
        }
        if &**name == "undefined" {
            return Known::Falsy;
        }
        let closure = Rc::clone(&self.frame.closure);
        match closure.scope.lookup(name) {
            Some(Slot::Value(_) | Slot::Import(..)) => of(self.eval.lookup(&closure.scope, name, closure.module)),
            None => Known::Of(Value::External(Rc::new(External::Global(Arc::clone(name))))),
        }
    }

    fn call(&mut self, span: Span, callee: &Expr, items: &[Item]) -> Known {
        let (receiver, name, function) = match &callee.kind {
            ExprKind::Member(object, Key::Name(name)) => {
                if matches!(&**name, "then" | "catch" | "finally") {
                    return self.promise(object, name, items);
                }
                let object = self.expr(object);
                let function = match object {
                    Known::Request | Known::Reply | Known::Absent | Known::Holder | Known::Headers | Known::Sent => {
                        Known::Unknown
                    }
                    _ => self.member(&object, name),
                };
                (Some(object), Arc::clone(name), function)
            }
            ExprKind::Name(name) => (None, Arc::clone(name), self.expr(callee)),
            _ => (None, Arc::from(""), self.expr(callee)),
        };
        let mut args: Vec<Known> = items.iter().map(|it| self.expr(&it.value)).collect();
        if let Some(Known::Error { auth }) = args.first_mut() {
            *auth |= items.iter().any(|it| super::names_refusal(&it.value));
        }
        match (receiver.as_ref(), &function) {
            (Some(Known::Reply), _) => self.of_reply(&name, &args, span),
            (Some(Known::Request), _) => self.of_request_method(&name, &args),
            (Some(Known::Absent | Known::Holder), _) => Known::Absent,
            (Some(Known::Sent), _) => match &*name {
                "split" | "slice" | "substring" | "substr" | "replace" | "replaceAll" | "trim" | "toString" | "at"
                | "pop" | "shift" | "toLowerCase" | "toUpperCase" | "match" => Known::Sent,
                _ => Known::Unknown,
            },
            (_, Known::Done) => {
                self.done(args.first());
                Known::Unknown
            }
            (_, Known::Local(inner)) => {
                let closure = Rc::clone(&self.frame.closure);
                self.enter(inner, &closure, true, &args)
            }
            (_, Known::Of(Value::Function(closure))) => {
                let (closure, function) = (Rc::clone(closure), Arc::clone(&closure.function));
                // `wrapped.bind(…)` and `call` lead to the function itself.
                self.enter(&function, &closure, false, &args)
            }
            (_, Known::Of(Value::External(external))) => {
                let external = Rc::clone(external);
                self.package(&external, &name, &args, span)
            }
            _ => self.foreign(&name, &args),
        }
    }

    /// `done()` lets the request through, `done(error)` does not.
    fn done(&mut self, error: Option<&Known>) {
        let truth = error.map_or(Some(false), Known::truth);
        if truth != Some(false) {
            self.outcome.refuses = true;
            self.outcome.auth |= matches!(error, Some(Known::Error { auth: true }));
        }
        if truth != Some(true) && self.live.iter().any(|it| it.sent == Sent::No) {
            self.outcome.passes = true;
        }
    }

    fn of_reply(&mut self, name: &str, args: &[Known], span: Span) -> Known {
        let place = self.place(span);
        match name {
            "code" | "status" => {
                self.set_status(args.first().unwrap_or(&Known::Unknown), place);
                Known::Reply
            }
            "send" => {
                let error = matches!(args.first(), Some(Known::Error { .. }));
                self.send(error, matches!(args.first(), Some(Known::Error { auth: true })), place);
                Known::Reply
            }
            "redirect" => {
                self.send(true, true, place);
                Known::Reply
            }
            "callNotFound" | "notFound" | "badRequest" | "internalServerError" | "tooManyRequests" => {
                self.send(true, false, place);
                Known::Reply
            }
            _ if is_refusal_name(name) => {
                self.send(true, true, place);
                Known::Reply
            }
            "sendFile" | "download" | "view" | "html" | "render" => {
                self.send(false, false, place);
                Known::Reply
            }
            "hijack" => {
                self.outcome.hands_on = true;
                Known::Reply
            }
            "getHeader" | "getHeaders" | "hasHeader" | "jwtSign" | "serialize" | "generateCsrf" => Known::Unknown,
            _ => Known::Reply,
        }
    }

    /// Something is sent: an error, if it is one or the status says so.
    fn send(&mut self, error: bool, auth: bool, place: Place) {
        for at in &mut self.live {
            if at.sent != Sent::No {
                continue;
            }
            let refusal = error || at.is_error();
            at.sent = if refusal { Sent::Refusal } else { Sent::Answer };
            at.place = Some(place);
            self.outcome.refuses |= refusal;
            self.outcome.auth |= auth || matches!(at.status, 401 | 403);
        }
        self.dedup();
    }

    fn of_request_method(&mut self, name: &str, args: &[Known]) -> Known {
        if name.ends_with("wtVerify") || name.ends_with("wtDecode") {
            // With a callback, the error goes there.
            if let Some(callback) = args.iter().find(|it| matches!(it, Known::Local(_) | Known::Of(Value::Function(_))))
            {
                self.outcome.auth = true;
                return self.callback(callback, &[Known::Error { auth: true }]);
            }
            self.throws(true);
            return Known::Unknown;
        }
        match name {
            "isAuthenticated" => Known::Absent,
            "isUnauthenticated" => Known::Truthy,
            "unsignCookie" => Known::Absent,
            _ if is_credential(name) => Known::Absent,
            _ => Known::Unknown,
        }
    }

    /// A call of something that comes from a package or the platform.
    fn package(&mut self, external: &Rc<External>, name: &str, args: &[Known], span: Span) -> Known {
        let package = external.package().map(package_of).unwrap_or_default().to_owned();
        if package.starts_with("@clerk/") {
            match name {
                "getAuth" => {
                    let place = self.place(span);
                    self.outcome.get_auth.push(place);
                    return Known::Holder;
                }
                "authenticateRequest" => return Known::Holder,
                _ => {}
            }
        }
        let path = external.name();
        if VERIFIERS
            .iter()
            .any(|(of, names)| *of == package && names.contains(&path.rsplit('.').next().unwrap_or(name)))
        {
            if let Some(callback) = args.iter().find(|it| matches!(it, Known::Local(_) | Known::Of(Value::Function(_))))
            {
                self.outcome.auth = true;
                return self.callback(callback, &[Known::Error { auth: true }, Known::Falsy]);
            }
            self.throws(true);
            return Known::Unknown;
        }
        let sent = args.iter().any(|it| matches!(it, Known::Sent));
        if sent && matches!(&*path, "Buffer.from" | "atob" | "decodeURIComponent" | "String") {
            return Known::Sent;
        }
        // `Object.assign(new Error('…'), { statusCode: 401 })`.
        if path == "Object.assign"
            && let Some(first @ Known::Error { .. }) = args.first()
        {
            return first.clone();
        }
        if matches!(&*package, "http-errors" | "@fastify/sensible" | "@fastify/error") {
            return Known::Error { auth: is_refusal_name(name) || args.first().is_some_and(is_auth_status) };
        }
        // A guard of a package, called with the request.
        if args.iter().any(|it| matches!(it, Known::Request)) {
            let called = Rc::new(External::Call(Rc::clone(external), Vec::new(), Place::default()));
            if external_verdict(&called, "").state == GuardState::Guarded {
                self.outcome.refuses = true;
                self.throws(true);
                return Known::Unknown;
            }
        }
        self.foreign(name, args)
    }

    /// A call of something that can't be read. Without credentials, a check fails and a lookup finds nothing.
    fn foreign(&mut self, name: &str, args: &[Known]) -> Known {
        let absent = args.iter().any(Known::is_absent);
        let sent = args.iter().any(|it| matches!(it, Known::Sent));
        if sent && READERS.contains(&name) {
            return Known::Unknown;
        }
        let lower = name.to_ascii_lowercase();
        // A check that says no, or fails.
        if sent && self.trying == 0 && CHECKS.iter().any(|it| lower.contains(it)) {
            self.throws(true);
            return Known::Absent;
        }
        if absent && CHECKS.iter().any(|it| lower.contains(it)) {
            if self.trying > 0 {
                self.throws(true);
                return Known::Unknown;
            }
            return Known::Absent;
        }
        if args.iter().any(|it| matches!(it, Known::Request | Known::Reply | Known::Done)) {
            self.outcome.hands_on = true;
        }
        self.outcome.passes |= args.iter().any(|it| matches!(it, Known::Done));
        for callback in args.iter().filter(|it| matches!(it, Known::Local(_))) {
            // It may be called or not, with anything.
            self.fork(
                None,
                |it| {
                    it.callback(callback, &[]);
                },
                |_| {},
            );
        }
        if absent { Known::Absent } else { Known::Unknown }
    }

    fn callback(&mut self, callback: &Known, args: &[Known]) -> Known {
        match callback {
            Known::Local(function) => {
                let closure = Rc::clone(&self.frame.closure);
                self.enter(&Arc::clone(function), &closure, true, args)
            }
            Known::Of(Value::Function(closure)) => {
                let (closure, function) = (Rc::clone(closure), Arc::clone(&closure.function));
                self.enter(&function, &closure, false, args)
            }
            _ => Known::Unknown,
        }
    }

    /// `request.jwtVerify().then(…, …)`, `.catch(…)`.
    fn promise(&mut self, object: &Expr, name: &str, items: &[Item]) -> Known {
        let outer = std::mem::take(&mut self.frame.thrown);
        let outer_auth = std::mem::take(&mut self.frame.thrown_auth);
        let value = match self.expr(object) {
            Known::Promise(inner) => (*inner).clone(),
            value => value,
        };
        let failed = std::mem::replace(&mut self.frame.thrown, outer);
        let auth = std::mem::replace(&mut self.frame.thrown_auth, outer_auth);
        let callbacks: Vec<Known> = items.iter().map(|it| self.expr(&it.value)).collect();
        let (then, catch) = match name {
            "then" => (callbacks.first(), callbacks.get(1)),
            "catch" => (None, callbacks.first()),
            _ => (None, None),
        };
        let mut result = value.clone();
        if let Some(then) = then
            && !self.live.is_empty()
        {
            result = match then {
                Known::Done => {
                    self.done(None);
                    Known::Unknown
                }
                then => self.callback(then, &[value]),
            };
        }
        match catch {
            Some(catch) if !failed.is_empty() => {
                let after = std::mem::replace(&mut self.live, failed);
                match catch {
                    Known::Done => self.done(Some(&Known::Error { auth })),
                    catch => {
                        let handled = self.callback(catch, &[Known::Error { auth }]);
                        result = if after.is_empty() { handled } else { result.or(handled) };
                    }
                }
                self.live = merge(after, std::mem::take(&mut self.live));
            }
            Some(_) => {}
            None => {
                self.frame.thrown = merge(std::mem::take(&mut self.frame.thrown), failed);
                self.frame.thrown_auth |= auth;
            }
        }
        promised(result)
    }

    /// Follows a function of the project. `inside`: it sees the names of the one that calls it.
    fn enter(&mut self, function: &Arc<Function>, closure: &Rc<Closure>, inside: bool, args: &[Known]) -> Known {
        let key = Arc::as_ptr(function);
        if self.calls >= MAX_CALLS || self.entered.contains(&key) {
            return Known::Unknown;
        }
        let closure = if inside {
            Rc::new(Closure {
                function: Arc::clone(function),
                scope: Rc::clone(&closure.scope),
                module: closure.module,
                this: closure.this.clone(),
                props: Object::default(),
            })
        } else {
            Rc::clone(closure)
        };
        let mut frame = Frame::new(closure);
        if inside {
            frame.names = self.frame.names.clone();
        }
        let outer = std::mem::replace(&mut self.frame, frame);
        self.calls += 1;
        self.entered.push(key);
        for (at, param) in function.params.iter().enumerate() {
            let missing = if args.is_empty() { Known::Unknown } else { Known::Falsy };
            self.bind(param, args.get(at).cloned().unwrap_or(missing));
        }
        self.block(&function.body);
        self.entered.pop();
        self.calls -= 1;
        let ends_open = !self.live.is_empty();
        let frame = std::mem::replace(&mut self.frame, outer);
        let back: Vec<At> = merge(frame.returned, frame.returned_reply);
        self.live = merge(std::mem::take(&mut self.live), back);
        self.frame.thrown = merge(std::mem::take(&mut self.frame.thrown), frame.thrown);
        self.frame.thrown_auth |= frame.thrown_auth;
        if inside {
            // What it changed of the names around it isn't known, except that new ones are its own.
            let changed: Vec<Arc<str>> = self
                .frame
                .names
                .iter()
                .filter(|(name, value)| frame.names.get(*name).is_some_and(|it| !it.same(value)))
                .map(|(name, _)| Arc::clone(name))
                .collect();
            for name in changed {
                self.frame.names.insert(name, Known::Unknown);
            }
        }
        let value = match frame.value {
            Some(value) if ends_open => value.or(Known::Falsy),
            Some(value) => value,
            None => Known::Falsy,
        };
        if self.eval.is_async(frame.closure.module, function) { promised(value) } else { value }
    }

    /// A call whose promise is left alone: what fails in it, fails unheard.
    pub(super) fn left_alone(&mut self, call: &Expr) {
        let thrown = std::mem::take(&mut self.frame.thrown);
        let auth = self.frame.thrown_auth;
        let value = self.expr(call);
        let failed = std::mem::replace(&mut self.frame.thrown, thrown);
        if matches!(value, Known::Promise(_)) {
            self.live = merge(std::mem::take(&mut self.live), failed);
            self.frame.thrown_auth = auth;
        } else {
            self.frame.thrown = merge(std::mem::take(&mut self.frame.thrown), failed);
        }
    }
}

fn promised(value: Known) -> Known {
    match value {
        // Fastify's own reply may be waited for.
        Known::Promise(_) | Known::Reply => value,
        value => Known::Promise(Rc::new(value)),
    }
}
