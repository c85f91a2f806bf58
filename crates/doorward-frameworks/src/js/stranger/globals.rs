//! What the platform gives: answers, texts, lists, promises.

use std::rc::Rc;

use super::calls::{reply, status_reply};
use super::value::{Reply, Seen, Taint, derived};
use super::{Run, Step, Stop};
use crate::js::eval::Host;
use crate::js::guards::sounds_like_auth;
use crate::js::value::{Place, Value};

/// Methods that leave a credential what it is.
const SAME: &[&str] = &[
    "split",
    "slice",
    "replace",
    "replaceAll",
    "trim",
    "toString",
    "toLowerCase",
    "toUpperCase",
    "substring",
    "substr",
    "match",
    "at",
    "pop",
    "shift",
    "valueOf",
];

/// Methods of texts and lists that only look.
const LOOKS: &[&str] = &[
    "indexOf",
    "lastIndexOf",
    "search",
    "charAt",
    "charCodeAt",
    "concat",
    "join",
    "normalize",
    "localeCompare",
    "padEnd",
    "padStart",
    "filter",
    "map",
    "some",
    "every",
    "find",
];

impl<H: Host> Run<'_, '_, H> {
    /// Functions of the platform, and of `next/server`.
    pub(super) fn global(&mut self, path: &[&str], args: &[Seen], place: Place) -> Step<Option<Seen>> {
        let first = || args.first().cloned().unwrap_or(Seen::Nothing);
        Ok(Some(match path {
            ["Response", "json"] | ["next/server", "NextResponse" | "Response", "json"] => reply(args.get(1)),
            ["Response", "redirect"] | ["next/server", "NextResponse", "redirect"] => Seen::Reply(Reply::Redirect),
            ["Response", "error"] => Seen::Reply(Reply::Status(500.0)),
            ["next/server", "NextResponse", "next" | "rewrite"] => Seen::Reply(Reply::Pass),
            ["next/server", "after"] | ["@vercel/functions", "waitUntil"] => Seen::Nothing,
            ["Promise", "resolve"] => {
                self.settled = Some(first());
                first()
            }
            ["Promise", "#key"] => {
                self.settled = args.get(1).cloned();
                Seen::Nothing
            }
            ["Promise", "reject"] => return Err(Stop::Throw(first())),
            ["Promise", "all" | "race" | "any"] => match first() {
                Seen::List(items) => {
                    let items = items.borrow().clone();
                    if let Some(failed) = items.iter().find(|it| matches!(it, Seen::Rejected(_))) {
                        return Ok(Some(failed.clone()));
                    }
                    let items = items.into_iter().map(|it| match it {
                        Seen::Promise(inner) => (*inner).clone(),
                        other => other,
                    });
                    Seen::list(items.collect())
                }
                other => self.unknown(other.taint(0)),
            },
            ["Boolean"] => {
                let value = first();
                Seen::Bool(self.truth(&value))
            }
            ["String" | "structuredClone" | "Number"] => first(),
            ["Array", "isArray"] => match first() {
                Seen::List(_) => Seen::Bool(true),
                Seen::Unknown(id, taint) => Seen::Unknown(derived(&(id, "isArray")), taint.min(Taint::Credential)),
                _ => Seen::Bool(false),
            },
            ["Object", "assign" | "freeze"] => first(),
            ["JSON", "parse"] => {
                let taint = first().taint(0);
                self.read_from(taint)
            }
            ["Object" | "Array" | "JSON" | "Math" | "Date" | "Buffer" | "console" | "performance", ..]
            | ["parseInt" | "parseFloat" | "atob" | "btoa" | "decodeURIComponent" | "encodeURIComponent", ..] => {
                let taint = args.iter().map(|it| it.taint(0)).max().unwrap_or(Taint::Plain);
                self.unknown(taint)
            }
            ["setTimeout" | "setImmediate" | "queueMicrotask"] | ["process", "nextTick"]
                if self.question.style.is_guard() =>
            {
                return self.call(&first(), None, Vec::new(), "", place).map(Some);
            }
            ["setTimeout" | "setInterval" | "queueMicrotask", ..] => Seen::Nothing,
            ["Symbol" | "fetch" | "crypto", ..] => {
                // What another server makes of a credential is its answer.
                self.reading = ("fetch".to_owned(), String::new());
                return self.foreign(args.to_vec(), Taint::Plain, place).map(Some);
            }
            _ => return Ok(None),
        }))
    }

    pub(super) fn call_method(&mut self, object: &Seen, name: &str, args: Vec<Seen>, place: Place) -> Step {
        match name {
            "then" if !matches!(object, Seen::Record(_)) => {
                let value = match (object, args.get(1)) {
                    (Seen::Promise(inner), _) => (**inner).clone(),
                    (Seen::Rejected(thrown), Some(callback)) => {
                        return self.call(&callback.clone(), None, vec![(**thrown).clone()], "", place);
                    }
                    (Seen::Rejected(_), None) => return Ok(object.clone()),
                    (other, _) => other.clone(),
                };
                return match args.first() {
                    Some(callback @ (Seen::Function(_) | Seen::Next(_))) => {
                        self.call(&callback.clone(), None, vec![value], "", place)
                    }
                    _ => Ok(value),
                };
            }
            "finally" if self.question.style.is_guard() && !matches!(object, Seen::Record(_)) => {
                if let Some(callback) = args.first() {
                    self.call(&callback.clone(), None, Vec::new(), "", place)?;
                }
                return Ok(object.clone());
            }
            "catch" | "finally" if !matches!(object, Seen::Record(_)) => return Ok(object.clone()),
            _ => {}
        }
        match object {
            Seen::Request => self.request_method(name, args, place),
            Seen::Headers => Ok(match (name, args.first()) {
                ("get" | "has", Some(Seen::Str(header))) => {
                    let header = header.to_string();
                    self.header(&header)
                }
                ("get" | "has", _) => self.unknown(self.proof()),
                _ => self.unknown(Taint::Input),
            }),
            Seen::Cookies => match name {
                "set" | "delete" => Ok(Seen::Nothing),
                _ => {
                    self.consult("cookies".to_owned(), None, place);
                    let id = match args.first() {
                        Some(Seen::Str(text)) => derived(&("cookie", &**text)),
                        _ => derived(&("cookies", name)),
                    };
                    Ok(self.sent(id))
                }
            },
            Seen::Context => self.context_method(name, args, place),
            Seen::Response => Ok(self.respond(name, &args)),
            Seen::Path => Ok(self.path_method(name, &args)),
            Seen::Str(text) => Ok(self.text_method(&Rc::from(&**text), name, &args)),
            Seen::List(items) => {
                let items = items.borrow().clone();
                self.list_method(object, items, name, args, place)
            }
            Seen::Outside(Value::Regex(source, flags)) if matches!(name, "test" | "exec") => {
                let text = args.first().cloned().unwrap_or(Seen::Nothing);
                Ok(self.matches(source, flags, &text))
            }
            Seen::Function(_) => match name {
                "call" => {
                    let mut args = args.into_iter();
                    let this = args.next();
                    self.call(object, this, args.collect(), "", place)
                }
                "apply" => {
                    let list = match args.get(1) {
                        Some(Seen::List(items)) => items.borrow().clone(),
                        _ => Vec::new(),
                    };
                    self.call(object, args.into_iter().next(), list, "", place)
                }
                "bind" => Ok(object.clone()),
                _ => Ok(self.unknown(Taint::Plain)),
            },
            Seen::Unknown(id, taint) => match (*taint, name) {
                (Taint::Credential, "startsWith" | "includes" | "endsWith" | "has") => {
                    Ok(Seen::Unknown(derived(&(*id, name)), Taint::Credential))
                }
                (Taint::Credential, _) if self.is_forged() && LOOKS.contains(&name) => {
                    Ok(Seen::Unknown(derived(&(*id, name)), Taint::Credential))
                }
                // `secret.endsWith(sent)`: a part of it is enough, and the least part is none of it.
                (Taint::Plain | Taint::Env, "startsWith" | "endsWith" | "includes")
                    if self.is_forged()
                        && (name != "includes" || self.holds_env.contains_key(id))
                        && args.first().is_some_and(|it| matches!(it, Seen::Unknown(_, Taint::Credential))) =>
                {
                    Ok(Seen::Unknown(derived(&(*id, name)), Taint::Credential))
                }
                (taint, name) if SAME.contains(&name) => {
                    let part = derived(&(*id, name));
                    if self.looked_up.contains(id) {
                        self.looked_up.insert(part);
                    }
                    if self.undefined.contains(id) {
                        self.undefined.insert(part);
                    }
                    Ok(Seen::Unknown(part, taint))
                }
                (taint, _) => {
                    self.reading = (name.to_owned(), String::new());
                    if sounds_like_auth(name) && taint < Taint::Credential {
                        self.doubt(format!("{name}()"), place);
                    }
                    self.foreign(args, taint, place)
                }
            },
            Seen::Next(_) => match name {
                "call" | "apply" => {
                    let given = args.into_iter().skip(1).collect();
                    self.call(object, None, given, "", place)
                }
                "bind" => Ok(object.clone()),
                _ => Ok(self.unknown(Taint::Plain)),
            },
            Seen::Nothing => Ok(Seen::Nothing),
            Seen::Promise(_) => {
                // `auth().protect()` of versions in which `auth()` was no promise.
                let Seen::Promise(inner) = object else { return Ok(Seen::Nothing) };
                if name == "protect" {
                    self.notice(super::Notice::OldProtect(place));
                }
                let method = self.member(inner, name)?;
                self.call(&method, None, args, name, place)
            }
            Seen::Url => Ok(Seen::Unknown(derived(&("url", name)), Taint::Input)),
            Seen::Reply(_) => Ok(object.clone()),
            _ => {
                let method = self.member(object, name)?;
                self.call(&method, Some(object.clone()), args, name, place)
            }
        }
    }

    fn request_method(&mut self, name: &str, args: Vec<Seen>, place: Place) -> Step {
        if let Some(own @ Seen::Function(_)) = self.request.get(name).cloned() {
            return self.call(&own, Some(Seen::Request), args, name, place);
        }
        Ok(match (name, args.first()) {
            ("clone", _) => Seen::Request,
            ("header" | "get", Some(Seen::Str(header))) => {
                let header = header.to_string();
                self.header(&header)
            }
            ("on" | "once" | "addListener", Some(Seen::Str(event))) if self.question.style.is_guard() => {
                // A request comes to its end; that it fails is the exception.
                if let (Some(callback @ Seen::Function(_)), false) = (args.get(1), &**event == "error") {
                    let part = self.unknown(Taint::Input);
                    self.call(&callback.clone(), None, vec![part], "", place)?;
                }
                Seen::Request
            }
            ("getRequest" | "getContext" | "switchToHttp", _) => Seen::Request,
            ("raw", _) => Seen::Request,
            _ if self.question.style.is_guard() && !matches!(name, "isAuthenticated" | "isUnauthenticated") => {
                return match name {
                    "query" | "queries" | "param" | "json" | "text" | "parseBody" | "formData" | "is" | "accepts" => {
                        Ok(self.unknown(Taint::Input))
                    }
                    // `c.req.header()`, `req.jwtVerify()`, `req.auth()`.
                    _ => Ok(self.unknown(Taint::Claim)),
                };
            }
            ("isUnauthenticated", _) => {
                self.consult("isUnauthenticated()".to_owned(), None, place);
                Seen::Bool(true)
            }
            ("isAuthenticated", _) => {
                self.consult("isAuthenticated()".to_owned(), None, place);
                Seen::Bool(false)
            }
            _ => self.unknown(Taint::Input),
        })
    }

    /// A method of the response object.
    fn respond(&mut self, name: &str, args: &[Seen]) -> Seen {
        self.excused |= self.catching > 0;
        let status = match (&self.status, self.replies.is_empty()) {
            (Some(status), _) => status_reply(status),
            (None, _) => Reply::Status(200.0),
        };
        match name {
            "status" | "writeHead" | "code" => self.status = args.first().cloned(),
            "sendStatus" => {
                let reply = args.first().map_or(Reply::Some, status_reply);
                self.replies.push(reply);
            }
            "redirect" => self.replies.push(Reply::Redirect),
            "json" | "jsonp" | "send" | "end" | "write" | "render" | "sendFile" | "pipe" if self.replies.len() < 20 => {
                self.replies.push(status);
            }
            _ => {}
        }
        Seen::Response
    }

    fn path_method(&mut self, name: &str, args: &[Seen]) -> Seen {
        let text = match args.first() {
            Some(Seen::Str(text)) => text.to_string(),
            Some(Seen::Outside(Value::Regex(source, flags))) if name == "match" => {
                return self.matches(source, flags, &Seen::Path);
            }
            _ if SAME.contains(&name) => return self.unknown(Taint::Input),
            _ => return self.unknown(Taint::Plain),
        };
        let holds: fn(&str, &str) -> bool = match name {
            "startsWith" => |path, text| path.starts_with(text),
            "endsWith" => |path, text| path.ends_with(text),
            "includes" => |path, text| path.contains(text),
            _ => return self.unknown(Taint::Input),
        };
        let all: Vec<bool> = self.question.paths.iter().map(|it| holds(it, &text)).collect();
        Seen::Bool(self.agreed(&all, &(name, &text)))
    }

    fn text_method(&mut self, text: &Rc<str>, name: &str, args: &[Seen]) -> Seen {
        let given = match args.first() {
            Some(Seen::Str(it)) => Some(it.to_string()),
            _ => None,
        };
        match (name, given) {
            ("toLowerCase", _) => Seen::str(&text.to_lowercase()),
            ("toUpperCase", _) => Seen::str(&text.to_uppercase()),
            ("trim" | "toString" | "valueOf", _) => Seen::str(text.trim()),
            ("startsWith", Some(it)) => Seen::Bool(text.starts_with(&it)),
            ("endsWith", Some(it)) => Seen::Bool(text.ends_with(&it)),
            ("includes", Some(it)) => Seen::Bool(text.contains(&it)),
            ("split", Some(it)) if !it.is_empty() => Seen::list(text.split(&it).take(100).map(Seen::str).collect()),
            _ => {
                let taint = args.iter().map(|it| it.taint(0)).max().unwrap_or(Taint::Plain);
                self.unknown(taint)
            }
        }
    }

    fn list_method(&mut self, list: &Seen, items: Vec<Seen>, name: &str, args: Vec<Seen>, place: Place) -> Step {
        let callback = args.first().cloned().unwrap_or(Seen::Nothing);
        match name {
            "includes" | "has" | "indexOf" => {
                for item in items.iter().take(200) {
                    if self.same(item, &callback) {
                        return Ok(if name == "indexOf" { Seen::Num(0.0) } else { Seen::Bool(true) });
                    }
                }
                Ok(if name == "indexOf" { Seen::Num(-1.0) } else { Seen::Bool(false) })
            }
            "some" | "every" | "find" | "findIndex" | "filter" => {
                let mut kept = Vec::new();
                for item in items.into_iter().take(100) {
                    let value = self.call(&callback, None, vec![item.clone()], "", place)?;
                    let holds = self.truth(&value);
                    match (name, holds) {
                        ("some", true) => return Ok(Seen::Bool(true)),
                        ("every", false) => return Ok(Seen::Bool(false)),
                        ("find", true) => return Ok(item),
                        ("findIndex", true) => return Ok(Seen::Num(0.0)),
                        ("filter", true) => kept.push(item),
                        _ => {}
                    }
                }
                Ok(match name {
                    "some" => Seen::Bool(false),
                    "every" => Seen::Bool(true),
                    "filter" => Seen::list(kept),
                    "findIndex" => Seen::Num(-1.0),
                    _ => Seen::Nothing,
                })
            }
            "map" | "forEach" | "flatMap" => {
                let mut all = Vec::new();
                for item in items.into_iter().take(60) {
                    all.push(self.call(&callback, None, vec![item], "", place)?);
                }
                Ok(if name == "forEach" { Seen::Nothing } else { Seen::list(all) })
            }
            "push" | "unshift" => {
                if let Seen::List(items) = list
                    && items.borrow().len() < 500
                {
                    items.borrow_mut().extend(args);
                }
                Ok(Seen::Num(1.0))
            }
            "concat" => {
                let mut all = items;
                for arg in args {
                    match arg {
                        Seen::List(more) => all.extend(more.borrow().iter().take(200).cloned()),
                        other => all.push(other),
                    }
                }
                all.truncate(500);
                Ok(Seen::list(all))
            }
            "at" | "pop" => Ok(items.last().cloned().unwrap_or(Seen::Nothing)),
            "shift" => Ok(items.first().cloned().unwrap_or(Seen::Nothing)),
            _ => {
                let taint = list.taint(0);
                self.foreign(args, taint, place)
            }
        }
    }
}
