//! Guards: middleware that is asked as somebody who sends no credentials at all.
//!
//! Here a way is over when the request is passed on. What could tell who asks is not there, asking something of it
//! fails as it does in JavaScript, and promises are no values before somebody has waited for them.

use std::rc::Rc;

use super::calls::status_reply;
use super::value::{Record, Reply, Seen, Taint, derived};
use super::{End, Run, Step, Stop};
use crate::js::eval::Host;
use crate::js::guards::last_name;
use crate::js::ir::{Expr, Span};
use crate::js::value::Place;

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
                let holder = Seen::Record(Rc::new(Record { open: Some(Taint::Claim), ..Record::default() }));
                self.request.insert("#holder".to_owned(), holder.clone());
                holder
            }
            "signedCookies" => Seen::Cookies,
            "header" => Seen::Headers,
            _ => Seen::Unknown(derived(&("request", name)), Taint::Claim),
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

    /// Where a header or a cookie that tells who asks comes from; guards are asked by somebody who has none.
    pub(super) fn proof(&self) -> Taint {
        if self.question.style.is_guard() { Taint::Claim } else { Taint::Credential }
    }

    /// Asking something of what is not there fails, unless it is asked with `?.`.
    pub(super) fn must_be_there(&mut self, object: &Seen, expr: &Expr, whole: Span) -> Step<()> {
        if !self.question.style.is_guard() || self.text(whole).contains("?.") {
            return Ok(());
        }
        let fails = match object {
            Seen::Nothing => true,
            // Sessions are there, with nothing in them.
            Seen::Unknown(..) if matches!(last_name(expr), Some("session" | "error" | "err")) => false,
            Seen::Unknown(id, Taint::Claim) => {
                let id = derived(&("is there", *id));
                !self.choose(id, Taint::Plain)
            }
            _ => false,
        };
        if fails { Err(Stop::Throw(Seen::Record(Rc::default()))) } else { Ok(()) }
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
                None => self.unknown(Taint::Claim),
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
