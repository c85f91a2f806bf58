//! Guards: middleware that is asked by somebody who sends no credentials, and by somebody who makes them up.
//!
//! Here a way is over when the request is passed on. What could tell who asks is not there, asking something of it
//! fails as it does in JavaScript, and promises are no values before somebody has waited for them.
//!
//! A forger sends any text. What only looks at it (is it there, how does it start, what does the middle of the token say)
//! goes the way the forger likes; what is compared with something they can't know is not the same; and what code
//! that can't be read makes of it is nothing, as a verifier or a look-up would.

use std::rc::Rc;
use std::sync::Arc;

use super::calls::status_reply;
use super::value::{Record, Reply, Seen, Taint, derived};
use super::{End, Notice, Run, Step, Stop};
use crate::js::eval::Host;
use crate::js::guards::last_name;
use crate::js::ir::{Expr, Span};
use crate::js::value::{External, Place, Value};

impl<H: Host> Run<'_, '_, H> {
    /// Whether a guard passed the request on.
    pub(super) fn end_of_guard(&self, result: Step, served: End) -> End {
        let is_error = |it: &Reply| matches!(it, Reply::Status(status) if *status >= 400.0);
        let failed = self.replies.iter().any(is_error)
            || matches!(&self.status, Some(Seen::Num(status)) if *status >= 400.0)
            || matches!(&result, Err(Stop::Throw(_)) | Ok(Seen::Rejected(_)))
            || matches!(&result, Ok(Seen::Reply(it)) if is_error(it))
            || matches!(&result, Ok(Seen::Promise(it)) if matches!(&**it, Seen::Reply(it) if is_error(it)));
        match result {
            Err(Stop::Limit) => End::Lost,
            _ if self.replies.contains(&Reply::Pass) => {
                if failed {
                    End::Leaks
                } else {
                    served
                }
            }
            _ => End::Refused,
        }
    }

    /// Something of a request that comes without credentials. What middleware may have put there is missing.
    pub(super) fn of_guarded(&mut self, name: &str) -> Seen {
        match name {
            "path" | "url" | "originalUrl" | "baseUrl" | "route" | "hostname" | "host" | "protocol" | "secure"
            | "ip" | "ips" | "socket" | "connection" | "routeOptions" | "routerPath" => {
                self.reads_path = true;
                Seen::Unknown(derived(&("request", name)), Taint::Plain)
            }
            "body" | "query" | "params" | "file" | "files" | "raw" | "app" | "log" => {
                Seen::Unknown(derived(&("request", name)), Taint::Input)
            }
            "state" | "var" | "locals" | "context" => {
                if let Some(known) = self.request.get("#holder") {
                    return known.clone();
                }
                let names: Vec<String> = self.eval.forged.keys().cloned().collect();
                let props = names.iter().filter_map(|it| Some((Arc::from(it.as_str()), self.forged(it)?)));
                let props = std::cell::RefCell::new(props.collect());
                let holder = Seen::Record(Rc::new(Record { open: Some(Taint::Claim), props, ..Record::default() }));
                self.request.insert("#holder".to_owned(), holder.clone());
                holder
            }
            "signedCookies" => Seen::Cookies,
            "header" => Seen::Headers,
            _ => self.forged(name).unwrap_or_else(|| {
                let id = derived(&("request", name));
                self.undefined.insert(id);
                Seen::Unknown(id, Taint::Claim)
            }),
        }
    }

    /// Something of a context that comes without credentials.
    pub(super) fn of_context(&mut self, name: &str) -> Seen {
        match name {
            "req" | "request" => Seen::Request,
            "res" | "response" => Seen::Response,
            "env" => Seen::Unknown(derived(&"env"), Taint::Env),
            _ => self.of_request(name),
        }
    }

    /// Where a header or a cookie that tells who asks comes from, if somebody has none.
    pub(super) fn proof(&self) -> Taint {
        if self.question.style.is_guard() && !self.is_forged() { Taint::Claim } else { Taint::Credential }
    }

    /// A header, a cookie or a parameter that is sent as proof of who asks. Node has `undefined` where there is none.
    pub(super) fn sent(&mut self, id: u64) -> Seen {
        if self.question.style.is_guard() || self.question.style == super::Style::Responds {
            self.undefined.insert(id);
        }
        Seen::Unknown(id, self.proof())
    }

    /// What is made of a credential by looking at it: a forger can make it say anything.
    pub(super) fn read_from(&mut self, taint: Taint) -> Seen {
        let taint = if self.is_forged() && taint == Taint::Credential { Taint::Input } else { taint };
        self.unknown(taint)
    }

    /// Whether nothing was sent. Handlers are asked by whoever sends something as well.
    pub(super) fn is_missing(&mut self, sent: u64) -> bool {
        self.question.style.is_guard() || !self.choose(sent, Taint::Credential)
    }

    /// Whether something that may be missing equals a variable of the environment, which may be missing, too.
    pub(super) fn equals_unset(&mut self, name: &str) -> bool {
        if self.eval.is_required(name) {
            return false;
        }
        let id = derived(&("env", name));
        let unset = !self.choose(id, Taint::Env);
        if unset {
            let place = self.statement;
            self.notice(Notice::Unset(place, name.to_owned()));
        }
        unset
    }

    /// A comparison with what code that can't be read made of a credential: to a verifier, a forged one is nothing.
    pub(super) fn measured(&mut self, operator: &str, one: &Seen, two: &Seen) -> Option<bool> {
        let claim = |it: &Seen| matches!(it, Seen::Unknown(_, Taint::Claim));
        if !self.is_forged() || !(claim(one) || claim(two)) {
            return None;
        }
        let (left, right) = match (one, two) {
            (Seen::Num(number), _) => (*number, 0.0),
            (_, Seen::Num(number)) => (0.0, *number),
            _ => {
                self.trusts = true;
                return None;
            }
        };
        match operator {
            "<" => Some(left < right),
            "<=" => Some(left <= right),
            ">" => Some(left > right),
            ">=" => Some(left >= right),
            _ => None,
        }
    }

    /// Asking something of what is not there fails, unless it is asked with `?.`.
    pub(super) fn must_be_there(&mut self, object: &Seen, expr: &Expr, whole: Span) -> Step<()> {
        if !self.question.style.is_guard() || self.text(whole).contains("?.") {
            return Ok(());
        }
        let fails = match object {
            Seen::Nothing => true,
            // Sessions are there, with nothing in them.
            Seen::Unknown(..) if matches!(last_name(expr), Some("session" | "error" | "err" | "log" | "logger")) => {
                false
            }
            Seen::Unknown(id, Taint::Claim) => {
                let id = derived(&("is there", *id));
                let is_there = self.choose(id, Taint::Plain);
                self.trusts |= is_there && self.is_forged();
                !is_there
            }
            _ => false,
        };
        if fails { Err(Stop::Throw(Seen::Record(Rc::default()))) } else { Ok(()) }
    }

    /// `new Promise((resolve, reject) => …)`: what it is told, if it is told at once.
    pub(super) fn promise(&mut self, args: Vec<Seen>, place: Place) -> Step {
        let outer = self.settled.take();
        let told = |name: &str| {
            let of = Rc::new(External::Global(Arc::from("Promise")));
            Seen::Outside(Value::External(Rc::new(External::Member(of, Arc::from(name)))))
        };
        let result = match args.first() {
            Some(executor @ Seen::Function(_)) => {
                self.call(&executor.clone(), None, vec![told("resolve"), told("reject")], "", place)
            }
            _ => Ok(Seen::Nothing),
        };
        match (result, std::mem::replace(&mut self.settled, outer)) {
            (Ok(_), Some(value)) => promised(Ok(value)),
            (Ok(_), None) => {
                self.doubt("Promise".to_owned(), self.statement);
                Ok(self.unknown(Taint::Plain))
            }
            (failed, _) => promised(failed),
        }
    }

    /// What middleware has left on a forger's request under this name.
    fn forged(&self, name: &str) -> Option<Seen> {
        let raw = self.eval.forged.get(name).filter(|_| self.is_forged())?;
        Some(Seen::Unknown(derived(&("left", name)), if *raw { Taint::Credential } else { Taint::Input }))
    }

    /// What is on the request now and was made up: its name, and whether it is as it was sent.
    pub(super) fn left(&self) -> Vec<(String, bool)> {
        let made_up = |it: &Seen| match it {
            Seen::Str(text) => (!text.is_empty()).then_some(false),
            Seen::Bool(it) => it.then_some(false),
            Seen::Unknown(..) | Seen::Record(_) | Seen::List(_) => match it.taint(0) {
                Taint::Credential => Some(true),
                Taint::Input => Some(false),
                _ => None,
            },
            _ => None,
        };
        let mut all = Vec::new();
        for (name, value) in &self.request {
            match value {
                Seen::Record(holder) if name == "#holder" => {
                    let props = holder.props.borrow();
                    all.extend(props.iter().filter_map(|(name, it)| Some((name.to_string(), made_up(it)?))));
                }
                value => all.extend(made_up(value).map(|raw| (name.clone(), raw))),
            }
        }
        all
    }

    /// A method of a context, of Koa, Hono or Nest.
    pub(super) fn context_method(&mut self, name: &str, args: Vec<Seen>, place: Place) -> Step {
        if let Some(own @ Seen::Function(_)) = self.request.get(name).cloned() {
            return self.call(&own, Some(Seen::Context), args, name, place);
        }
        let status = |at: usize| args.get(at).map_or(Reply::Status(200.0), status_reply);
        Ok(match (name, args.first()) {
            ("switchToHttp" | "getArgByIndex", _) => Seen::Context,
            ("getRequest", _) => Seen::Request,
            ("getResponse", _) => Seen::Response,
            ("throw", _) => return Err(self.refuse()),
            ("assert", Some(value)) => {
                let value = value.clone();
                if !self.truth(&value) {
                    return Err(self.refuse());
                }
                Seen::Nothing
            }
            ("json" | "text" | "html" | "body" | "newResponse", _) => Seen::Reply(status(1)),
            ("notFound", _) => Seen::Reply(Reply::Status(404.0)),
            ("redirect", _) => Seen::Reply(Reply::Redirect),
            ("set" | "header" | "setCookie" | "status" | "render" | "append", _) => {
                if name == "status" {
                    self.status = args.first().cloned();
                } else if let ("set", Some(Seen::Str(key)), Some(value)) = (name, args.first(), args.get(1)) {
                    self.request.insert(key.to_string(), value.clone());
                }
                Seen::Nothing
            }
            ("get", Some(Seen::Str(key))) => match self.request.get(&**key) {
                Some(value) => value.clone(),
                // `ctx.get('authorization')` of Koa is a header, `c.get('user')` of Hono is what middleware left.
                None if matches!(&*key.to_ascii_lowercase(), "authorization" | "cookie")
                    || key.contains('-') && super::expr::names_credential(key) =>
                {
                    let value = self.header(key);
                    // Koa has an empty text for a header that is missing.
                    if let Seen::Unknown(id, _) = &value {
                        self.undefined.remove(id);
                    }
                    value
                }
                None => match self.forged(key) {
                    Some(value) => value,
                    None => self.unknown(Taint::Claim),
                },
            },
            ("isAuthenticated", _) => Seen::Bool(false),
            ("isUnauthenticated", _) => Seen::Bool(true),
            _ => self.unknown(Taint::Claim),
        })
    }
}

/// What an asynchronous function gives before anybody waits for it.
pub(super) fn promised(value: Step) -> Step {
    match value {
        Ok(value @ (Seen::Promise(_) | Seen::Rejected(_))) => Ok(value),
        Ok(value) => Ok(Seen::Promise(Rc::new(value))),
        Err(Stop::Throw(thrown)) => Ok(Seen::Rejected(Rc::new(thrown))),
        limit => limit,
    }
}
