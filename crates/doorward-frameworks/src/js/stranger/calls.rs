//! Calls: of the project's functions, of methods, and of what packages give.

use std::rc::Rc;
use std::sync::Arc;

use doorward::inventory::GuardState;

use super::facts::{self, Fact};
use super::guarded::promised;
use super::value::{Code, Env, Parent, Record, Reply, Seen, Taint, derived};
use super::{MAX_CALLS, Notice, Run, Step, Stop};
use crate::js::eval::Host;
use crate::js::guards::{HARMLESS, external_verdict, last_name, says_unauthorized, sounds_like_auth};
use crate::js::ir::{Expr, ExprKind, Item, Key};
use crate::js::pattern::Pattern as Matcher;
use crate::js::value::{External, Place, Value};

/// Names under which wrappers call what they wrap; they say nothing.
const INNER: &[&str] = &["handler", "fn", "cb", "callback", "next", "func", "inner", "h", "action", "method", "handle"];

impl<H: Host> Run<'_, '_, H> {
    pub(super) fn call_expr(&mut self, expr: &Expr, callee: &Expr, items: &[Item], env: &Rc<Env>) -> Step {
        let place = self.place(expr);
        match &callee.kind {
            ExprKind::Member(object, key) => {
                let catches = matches!(key, Key::Name(name) if &**name == "catch");
                let receiver = match self.expr(object, env) {
                    Err(Stop::Throw(thrown)) if catches => {
                        let args = self.items(items, env)?;
                        return match args.first() {
                            Some(callback) => self.call(&callback.clone(), None, vec![thrown], "", place),
                            None => Ok(Seen::Nothing),
                        };
                    }
                    Ok(Seen::Rejected(thrown)) if catches => {
                        let args = self.items(items, env)?;
                        return match args.first() {
                            Some(callback) => {
                                let handled = self.call(&callback.clone(), None, vec![(*thrown).clone()], "", place);
                                promised(handled)
                            }
                            None => Ok(Seen::Nothing),
                        };
                    }
                    other => other?,
                };
                if !matches!(key, Key::Name(name) if matches!(&**name, "then" | "catch" | "finally")) {
                    self.must_be_there(&receiver, object, callee.span)?;
                }
                let name = self.key(key, env)?;
                let args = self.items(items, env)?;
                match name {
                    Some(name) => self.call_method(&receiver, &name, args, place),
                    None => {
                        let taint = receiver.taint(0);
                        self.foreign(args, taint, place)
                    }
                }
            }
            ExprKind::Super => {
                let args = self.items(items, env)?;
                let this = self.lookup("this", env);
                if let (Seen::Outside(Value::Class(class)), Seen::Record(_)) = (self.lookup("#class", env), &this)
                    && let Value::Class(parent) = &class.parent
                {
                    self.initialise(&Rc::clone(parent), &this, args, 0)?;
                } else if let (Seen::Record(record), Some(message)) = (&this, args.first()) {
                    record.props.borrow_mut().insert(Arc::from("message"), message.clone());
                }
                Ok(Seen::Nothing)
            }
            _ => {
                let mut value = self.expr(callee, env)?;
                let args = self.items(items, env)?;
                // `express.json()(req, res, next)`: what the package makes is known by how it is made.
                if let (ExprKind::Call(maker, _), Seen::Unknown(..)) = (&callee.kind, &value)
                    && args.iter().any(|it| matches!(it, Seen::Next(_)))
                    && let Seen::Outside(Value::External(external)) = self.expr(maker, env)?
                {
                    value = Seen::Outside(Value::External(Rc::new(External::Call(external, Vec::new(), place))));
                }
                self.call(&value, None, args, last_name(callee).unwrap_or_default(), place)
            }
        }
    }

    pub(super) fn call(
        &mut self,
        callee: &Seen,
        this: Option<Seen>,
        args: Vec<Seen>,
        name: &str,
        place: Place,
    ) -> Step {
        self.spend()?;
        self.depth += 1;
        let result = self.call_inside(callee, this, args, name, place);
        self.depth -= 1;
        result
    }

    fn call_inside(&mut self, callee: &Seen, this: Option<Seen>, args: Vec<Seen>, name: &str, place: Place) -> Step {
        match callee {
            Seen::Function(code) => self.enter(&Rc::clone(code), this, args, name, place),
            Seen::Next(at) => match args.into_iter().next() {
                None | Some(Seen::Nothing) => self.link(*at),
                // `next(error)` where there may be none.
                Some(error @ Seen::Unknown(..)) if self.question.style.is_guard() => {
                    if self.truth(&error) {
                        Err(Stop::Throw(error))
                    } else {
                        self.link(*at)
                    }
                }
                Some(error) => Err(Stop::Throw(error)),
            },
            Seen::Outside(Value::External(external)) => self.external(&Rc::clone(external), args, place),
            Seen::Outside(Value::Method(object, method)) => {
                let object = Seen::of(object, &("method", place.span.start));
                self.call_method(&object, method, args, place)
            }
            Seen::Outside(Value::Namespace(_)) => {
                let default = self.member(callee, "default")?;
                match default {
                    Seen::Function(_) => self.call(&default, this, args, name, place),
                    _ => self.foreign(args, Taint::Plain, place),
                }
            }
            // An optional call of nothing.
            Seen::Nothing => Ok(Seen::Nothing),
            other => {
                if sounds_like_auth(name) {
                    self.doubt(format!("{name}()"), place);
                }
                self.unread_code(name, None, place);
                self.reading = (name.to_owned(), String::new());
                self.foreign(args, other.taint(0), place)
            }
        }
    }

    pub(super) fn enter(
        &mut self,
        code: &Rc<Code>,
        this: Option<Seen>,
        args: Vec<Seen>,
        name: &str,
        place: Place,
    ) -> Step {
        let function = &code.function;
        let again =
            self.calls.iter().filter(|(_, it)| *it == Place { module: code.module, span: function.span }).count();
        if self.calls.len() > MAX_CALLS || again > 2 {
            return Ok(self.unknown(Taint::Plain));
        }
        let env = Env::inside(Parent::Env(Rc::clone(&code.env)));
        if !function.arrow {
            let this = code.this.clone().or(this).unwrap_or(Seen::Nothing);
            env.declare("this", this);
        }
        let shown = if INNER.contains(&name) { String::new() } else { name.to_owned() };
        let _ = place;
        self.calls.push((shown, Place { module: code.module, span: function.span }));
        let outer = std::mem::replace(&mut self.module, code.module);
        let mut result = Ok(());
        let mut args = args.into_iter();
        for param in &function.params {
            let value = args.next().unwrap_or(Seen::Nothing);
            result = self.bind(param, value, &env, true);
            if result.is_err() {
                break;
            }
        }
        if let (Ok(()), Some(rest)) = (&result, &function.rest) {
            result = self.bind(rest, Seen::list(args.collect()), &env, true);
        }
        let value = match result {
            Ok(()) => self.block(&function.body, &env).map(|go| match go {
                super::exec::Go::Return(value) => value,
                _ => Seen::Nothing,
            }),
            Err(stop) => Err(stop),
        };
        self.module = outer;
        self.calls.pop();
        if self.question.style.is_guard() && self.eval.is_async(code.module, &code.function) {
            promised(value)
        } else {
            value
        }
    }

    /// A call of code that can't be read: it may run what it is given, and makes something of it.
    pub(super) fn foreign(&mut self, args: Vec<Seen>, receiver: Taint, place: Place) -> Step {
        let taint = args.iter().map(|it| it.taint(0)).max().unwrap_or(Taint::Plain).max(receiver);
        // What comes without credentials tells nothing of who asks.
        let given = |it: &Seen| matches!(it, Seen::Request | Seen::Context | Seen::Headers | Seen::Cookies);
        let blank = self.question.style.is_guard() && args.iter().any(given);
        let taint = if taint == Taint::Credential || blank { Taint::Claim } else { taint };
        // What can't be read may fail where nobody can be told.
        if self.question.style.is_guard() && taint == Taint::Claim {
            let id = derived(&("fails", place.module, place.span.start, place.span.end));
            if !self.choose(id, Taint::Plain) {
                return Err(self.refuse());
            }
            self.trusts |= self.is_forged() && facts::may_refuse(&self.reading.0, &self.reading.1);
        }
        if self.question.style.is_guard()
            && let Some(next) = args.iter().find(|it| matches!(it, Seen::Next(_))).cloned()
        {
            // It may pass the request on, or not.
            let id = derived(&("passes", place.module, place.span.start, place.span.end));
            if self.choose(id, Taint::Plain) {
                self.call(&next, None, Vec::new(), "", place)?;
            }
        }
        let mut result = None;
        if args.iter().any(|it| matches!(it, Seen::Response)) && self.replies.len() < 20 {
            // Whoever is given the response may answer.
            self.replies.push(Reply::Some);
        }
        for arg in args.iter().filter(|it| matches!(it, Seen::Function(_))) {
            let given = if taint == Taint::Input { Taint::Input } else { Taint::Plain };
            let given = vec![self.looked_up(given), self.looked_up(given), self.looked_up(given)];
            let value = self.call(arg, None, given, "", place)?;
            if matches!(value, Seen::Reply(_)) {
                result = Some(value);
            }
        }
        Ok(result.unwrap_or_else(|| self.looked_up(taint)))
    }

    fn external(&mut self, external: &Rc<External>, args: Vec<Seen>, place: Place) -> Step {
        let path = external.path();
        let last = path.iter().rev().find(|it| **it != "()").copied().unwrap_or_default();
        // What decorators attach to a route is asked elsewhere.
        let of_nest = external.package().is_some_and(|it| it.starts_with("@nestjs/"));
        if of_nest && matches!(last, "get" | "getAll" | "getAllAndOverride" | "getAllAndMerge") {
            return Ok(Seen::Nothing);
        }
        if let Some(value) = self.global(&path, &args, place)? {
            return Ok(value);
        }
        let package = external.package().unwrap_or_default().to_owned();
        if path.as_slice() == [package.as_str(), "createRouteMatcher", "()"] {
            return Ok(self.route_matcher(external, place));
        }
        if let Some(fact) = facts::of(&package, &path) {
            return self.fact(fact, external, &package, args, last, place);
        }
        if matches!(&*package, "passport" | "koa-passport") && path.last() == Some(&"authenticate") {
            let callback = args.iter().find(|it| matches!(it, Seen::Function(_))).cloned();
            self.callbacks.extend(callback.map(|it| (place, it)));
            let made = External::Call(Rc::clone(external), Vec::new(), place);
            return Ok(Seen::Outside(Value::External(Rc::new(made))));
        }
        // `passport.authenticate('jwt', (error, user) => …)(req, res, next)` finds nobody.
        if matches!(&*package, "passport" | "koa-passport")
            && let External::Call(callee, given, made) = &**external
            && callee.path().last() == Some(&"authenticate")
        {
            self.consult("authenticate()".to_owned(), Some(&package), place);
            let kept = self.callbacks.iter().find(|(at, _)| at == made).map(|(_, it)| it.clone());
            let callback = kept.or_else(|| {
                given.iter().find_map(|it| match &it.value {
                    Value::Function(closure) => Some(Seen::function(closure)),
                    _ => None,
                })
            });
            let nobody = vec![Seen::Nothing, Seen::Bool(false), self.unknown(Taint::Claim)];
            return match callback {
                Some(callback) => self.call(&callback, None, nobody, "", place),
                None => Err(self.refuse()),
            };
        }
        // `express.json()(req, res, next)`: middleware that is run by hand.
        if self.question.style.is_guard()
            && let Some(next) = args.iter().find(|it| matches!(it, Seen::Next(_))).cloned()
            && !package.is_empty()
        {
            let passes = match external_verdict(external, "").state {
                GuardState::Guarded => false,
                GuardState::Open if HARMLESS.contains(&&*package) => true,
                _ => {
                    let id = derived(&("passes", place.module, place.span.start));
                    self.choose(id, Taint::Plain)
                }
            };
            return if passes { self.call(&next, None, Vec::new(), "", place) } else { Err(self.refuse()) };
        }
        // What a wrapper of a package gives is run like what it wraps.
        if let External::Call(callee, wrapped, _) = &**external
            && let Some(inner) = wrapped.iter().find_map(|it| match &it.value {
                Value::Function(closure) => Some(Seen::function(closure)),
                Value::External(it) if matches!(**it, External::Call(..)) => {
                    Some(Seen::Outside(Value::External(Rc::clone(it))))
                }
                _ => None,
            })
        {
            let wrapper = callee.path().iter().rev().find(|it| **it != "()").copied().unwrap_or_default().to_owned();
            // What is known to let everybody pass needs no doubt.
            if sounds_like_auth(&wrapper) && facts::of(&package, &callee.path()).is_none() {
                self.doubt(wrapper, place);
            }
            return self.call(&inner, None, args, "", place);
        }
        if facts::DECODERS.contains(&last) || &*package == "validator" {
            let taint = args.iter().map(|it| it.taint(0)).max().unwrap_or(Taint::Plain);
            return Ok(if facts::READERS.contains(&last) { self.read_from(taint) } else { self.unknown(taint) });
        }
        let given = args.iter().map(|it| it.taint(0)).max().unwrap_or(Taint::Plain);
        if sounds_like_auth(last) && given < Taint::Credential {
            self.doubt(format!("{last}()"), place);
        }
        self.unread_code(last, external.package(), place);
        self.reading = (last.to_owned(), package);
        self.foreign(args, Taint::Plain, place)
    }

    fn unread_code(&mut self, name: &str, package: Option<&str>, place: Place) {
        let name = if name.is_empty() { "the handler".to_owned() } else { format!("{name}()") };
        self.unread = Some(super::Source { name, package: package.map(str::to_owned), place });
    }

    /// What `createRouteMatcher([…])` says of the path.
    fn route_matcher(&mut self, external: &Rc<External>, place: Place) -> Seen {
        self.notice(Notice::Matcher(place));
        let External::Call(_, given, _) = &**external else { return self.unknown(Taint::Plain) };
        let Some(patterns) = given.first().map(|it| Seen::of(&it.value, &"patterns")) else {
            return self.unknown(Taint::Plain);
        };
        let patterns = match patterns {
            Seen::List(items) => items.borrow().clone(),
            other => vec![other],
        };
        let mut all = vec![false; self.question.paths.len()];
        for pattern in patterns {
            let pattern = match &pattern {
                Seen::Str(text) => Matcher::path(text),
                Seen::Outside(Value::Regex(source, flags)) => Matcher::regex(source, flags),
                _ => None,
            };
            let Some(pattern) = pattern else { return self.unknown(Taint::Plain) };
            for (path, matched) in self.question.paths.iter().zip(&mut all) {
                match pattern.found_in(path) {
                    Some(it) => *matched |= it,
                    None => return Seen::Unknown(derived(&"slow pattern"), Taint::Plain),
                }
            }
        }
        Seen::Bool(self.agreed(&all, &("matcher", Rc::as_ptr(external) as usize)))
    }

    fn fact(
        &mut self,
        fact: Fact,
        external: &Rc<External>,
        package: &str,
        args: Vec<Seen>,
        last: &str,
        place: Place,
    ) -> Step {
        let wrapped = args.iter().find(|it| matches!(it, Seen::Function(_))).cloned();
        if !matches!(fact, Fact::Reads | Fact::Attaches | Fact::Signs) {
            self.consult(format!("{last}()"), Some(package), place);
        }
        Ok(match fact {
            // `auth((req) => …)` gives the function it is given, with what it found on the request.
            Fact::Nobody if wrapped.is_some() => wrapped.unwrap_or(Seen::Nothing),
            Fact::Nobody => Seen::Nothing,
            Fact::No => Seen::Bool(false),
            Fact::ClerkAuth => {
                self.notice(Notice::Clerk(place));
                Seen::Promise(Rc::new(self.clerk()))
            }
            Fact::Clerk => {
                self.notice(Notice::Clerk(place));
                self.clerk()
            }
            Fact::Protect => {
                let old = external.path().iter().rev().nth(1) == Some(&"()");
                self.notice(if old { Notice::OldProtect(place) } else { Notice::Protect(place) });
                return Err(self.refuse());
            }
            Fact::Signs => self.signs(),
            Fact::Throws if self.verifies_nothing(package, &args, place)? => {
                return self.verified(package, &args, place);
            }
            // `verify(token, key, (error, payload) => …)`: the error is for the callback to heed.
            Fact::Throws => match args.iter().rev().find(|it| matches!(it, Seen::Function(_))) {
                Some(callback) if package == "jsonwebtoken" && args.len() > 2 => {
                    let Stop::Throw(error) = self.refuse() else { return Ok(Seen::Nothing) };
                    return self.call(&callback.clone(), None, vec![error, Seen::Nothing], "", place);
                }
                _ => return Err(self.refuse()),
            },
            Fact::Sent => Seen::Unknown(derived(&("sent", place.module, place.span.start)), self.proof()),
            Fact::SentCookie => match args.get(1) {
                Some(Seen::Str(name)) => self.sent(derived(&("cookie", &**name))),
                _ => Seen::Cookies,
            },
            Fact::Data => {
                let nobody =
                    Record::of(&[("user", Seen::Nothing), ("session", Seen::Nothing), ("claims", Seen::Nothing)]);
                Record::of(&[("data", nobody), ("error", Seen::Bool(true))])
            }
            Fact::User => {
                // `withAuth({ ensureSignedIn: true })` sends strangers away.
                let ensures = match args.first() {
                    Some(Seen::Record(record)) => record.props.borrow().get("ensureSignedIn").cloned(),
                    _ => None,
                };
                if ensures.is_some_and(|it| self.truth(&it)) {
                    return Err(self.refuse());
                }
                Record::of(&[
                    ("user", Seen::Nothing),
                    ("session", Seen::Nothing),
                    ("isAuthenticated", Seen::Bool(false)),
                ])
            }
            Fact::Refuses => {
                self.refused = true;
                Seen::Reply(Reply::Status(401.0))
            }
            Fact::Authorized => self.authorized(external, args, place)?,
            Fact::Attaches => return self.attached(external, args, place),
            Fact::Leaves => {
                // `redirect()` and `notFound()` never return.
                let looked = !self.consulted.is_empty() || says_unauthorized(last) || self.refused;
                self.consulted.pop();
                let reply = match last {
                    "unauthorized" => Seen::Reply(Reply::Status(401.0)),
                    "forbidden" => Seen::Reply(Reply::Status(403.0)),
                    "notFound" => Seen::Reply(Reply::Status(404.0)),
                    _ => Seen::Reply(Reply::Status(307.0)),
                };
                self.refused |= says_unauthorized(last) || (looked && !self.consulted.is_empty());
                return Err(Stop::Throw(reply));
            }
            Fact::Reads => match last {
                "cookies" => Seen::Cookies,
                _ => Seen::Headers,
            },
            Fact::Session => Seen::Record(Rc::default()),
        })
    }

    /// What Clerk knows of a stranger.
    fn clerk(&mut self) -> Seen {
        let nothing =
            ["userId", "sessionId", "orgId", "orgRole", "orgSlug", "sessionClaims", "orgPermissions", "actor"];
        let mut props: Vec<(&str, Seen)> = nothing.iter().map(|it| (*it, Seen::Nothing)).collect();
        let member = |name: &str| {
            let package = Rc::new(External::Package(Arc::from("@clerk/nextjs/server")));
            let of = Rc::new(External::Member(package, Arc::from("#auth")));
            Seen::Outside(Value::External(Rc::new(External::Member(of, Arc::from(name)))))
        };
        props.push(("isAuthenticated", Seen::Bool(false)));
        props.push(("has", member("has")));
        props.push(("getToken", member("getToken")));
        props.push(("protect", member("protect")));
        props.push(("redirectToSignIn", member("redirectToSignIn")));
        Record::of(&props)
    }

    /// `withAuth` of `next-auth/middleware`: sends strangers to the sign-in page, unless a callback lets them pass.
    fn authorized(&mut self, external: &Rc<External>, args: Vec<Seen>, place: Place) -> Step {
        let External::Call(_, given, _) = &**external else { return Ok(Seen::Reply(Reply::Redirect)) };
        let given: Vec<Seen> = given.iter().map(|it| Seen::of(&it.value, &it.span.start)).collect();
        for options in &given {
            let callbacks = self.member(options, "callbacks").unwrap_or(Seen::Nothing);
            let callback = self.member(&callbacks, "authorized").unwrap_or(Seen::Nothing);
            if matches!(callback, Seen::Function(_)) {
                let question = Record::of(&[("token", Seen::Nothing), ("req", Seen::Request), ("auth", Seen::Nothing)]);
                let answer = self.call(&callback, None, vec![question], "authorized", place)?;
                if self.truth(&answer) {
                    return match given.iter().find(|it| matches!(it, Seen::Function(_))) {
                        Some(inner) => self.call(inner, None, args, "", place),
                        None => Ok(Seen::Reply(Reply::Pass)),
                    };
                }
            }
        }
        Ok(Seen::Reply(Reply::Redirect))
    }

    /// `clerkMiddleware(async (auth, req) => …)`: reads who asks, and runs what it is given.
    fn attached(&mut self, external: &Rc<External>, args: Vec<Seen>, place: Place) -> Step {
        let External::Call(_, given, _) = &**external else { return Ok(Seen::Reply(Reply::Pass)) };
        let inner = given.iter().find_map(|it| match &it.value {
            Value::Function(closure) => Some(Seen::function(closure)),
            _ => None,
        });
        let Some(inner) = inner else { return Ok(Seen::Reply(Reply::Pass)) };
        let package = Rc::new(External::Package(Arc::from("@clerk/nextjs/server")));
        let auth = Seen::Outside(Value::External(Rc::new(External::Member(package, Arc::from("auth")))));
        let mut given = vec![auth];
        given.extend(args);
        self.call(&inner, None, given, "", place)
    }
}

/// An answer with the status that its options name.
pub(super) fn reply(options: Option<&Seen>) -> Seen {
    let status = match options {
        None | Some(Seen::Nothing) => Some(Seen::Num(200.0)),
        Some(Seen::Record(record)) => match record.props.borrow().get("status") {
            None if record.open.is_some() => None,
            None => Some(Seen::Num(200.0)),
            Some(status) => Some(status.clone()),
        },
        Some(Seen::Num(status)) => Some(Seen::Num(*status)),
        Some(_) => None,
    };
    Seen::Reply(status.map_or(Reply::Some, |it| status_reply(&it)))
}

/// An answer with this status.
pub(super) fn status_reply(status: &Seen) -> Reply {
    match status {
        Seen::Num(status) => Reply::Status(*status),
        // `StatusCodes.UNAUTHORIZED`.
        Seen::Outside(Value::External(external)) => {
            let path = external.path();
            match path.last() {
                Some(name) if says_unauthorized(&name.replace('_', "")) => Reply::Status(401.0),
                Some(&"METHOD_NOT_ALLOWED") => Reply::Status(405.0),
                _ => Reply::Some,
            }
        }
        _ => Reply::Some,
    }
}
