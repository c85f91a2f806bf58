//! What is known about a value while a stranger's request is followed.

use std::rc::Rc;
use std::sync::Arc;

use crate::js::eval::Host;
use crate::js::guards::{self, says_unauthorized};
use crate::js::ir::{Expr, ExprKind, Function};
use crate::js::required;
use crate::js::stranger::{Caller, env_name, is_guessed};
use crate::js::value::{Object, Value};

use super::Walk;

#[derive(Debug, Clone)]
pub(in super::super) enum Known {
    Unknown,
    /// What could tell who the caller is, and isn't there.
    Absent,
    /// What a stranger sends to tell who they are, and has made up.
    Sent,
    /// Something that holds what is absent: `{ token }`, `Bearer ${token}`.
    OfAbsent,
    Truthy,
    Falsy,
    Num(f64),
    Text(Arc<str>),
    Request,
    Reply,
    Done,
    Headers,
    Query,
    Cookies,
    /// Nothing in it is there: the session, what `getAuth` gives.
    Holder,
    /// What the route was registered with.
    RouteOptions,
    Config(Option<Rc<Object>>),
    /// A status of 401 or 403 by name.
    Refusal,
    Error {
        auth: bool,
    },
    /// What nobody has waited for yet.
    Promise(Rc<Known>),
    /// A function inside of the one that is followed.
    Local(Arc<Function>),
    Of(Value),
}

impl Known {
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::Absent | Self::Falsy => Some(false),
            Self::Num(number) => Some(*number != 0.0),
            Self::Text(text) => Some(!text.is_empty()),
            Self::Of(Value::External(it)) if env_name(it).is_some_and(|it| it != "NODE_ENV") => None,
            Self::Of(value) => value.truth(),
            _ => Some(true),
        }
    }

    /// One of both.
    pub(super) fn or(self, other: Self) -> Self {
        match (&self, &other) {
            _ if self.same(&other) => self,
            // A lookup that gives nothing, in one way or the other.
            (Self::Absent, Self::Falsy) | (Self::Falsy, Self::Absent) => Self::Absent,
            _ => Self::Unknown,
        }
    }

    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Num(one), Self::Num(two)) => one.to_bits() == two.to_bits(),
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::Local(one), Self::Local(two)) => Arc::ptr_eq(one, two),
            (Self::Of(one), Self::Of(two)) => one.same(two),
            (Self::Error { auth: one }, Self::Error { auth: two }) => one == two,
            (Self::Config(_), Self::Config(_)) => true,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent | Self::OfAbsent | Self::Sent)
    }
}

/// The words in the names of headers, parameters and members that tell who a caller is.
const CREDENTIALS: &[&str] = &[
    "authorization",
    "auth",
    "token",
    "apikey",
    "api-key",
    "api_key",
    "access-key",
    "secret",
    "signature",
    "session",
    "jwt",
    "cookie",
    "credential",
    "bearer",
    "principal",
    "clerk",
];

/// Members that say who the caller is, beside those with such words.
const IDENTITIES: &[&str] = &["user", "userid", "currentuser", "account", "accountid", "member", "viewer", "identity"];

pub(super) fn is_credential(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let author = lower.contains("author") && !lower.contains("authori");
    !author && CREDENTIALS.iter().any(|it| lower.contains(it))
}

pub(super) fn is_refusal_name(name: &str) -> bool {
    says_unauthorized(name)
}

impl Walk<'_, '_> {
    pub(super) fn member(&mut self, object: &Known, name: &str) -> Known {
        match object {
            Known::Request => self.of_request(name),
            Known::Headers | Known::Query if is_credential(name) || name.to_ascii_lowercase().starts_with("x-user") => {
                self.proof()
            }
            Known::Sent if name == "length" => Known::Unknown,
            Known::Sent => Known::Sent,
            Known::Cookies => self.proof(),
            Known::Absent | Known::Holder => Known::Absent,
            Known::RouteOptions => match name {
                "config" => {
                    self.outcome.consults = true;
                    Known::Config(self.facts.config.clone())
                }
                "method" => self.of_request("method"),
                "routeOptions" => Known::RouteOptions,
                _ => Known::Unknown,
            },
            Known::Config(config) => match config {
                None => Known::Falsy,
                Some(config) => match config.get(name) {
                    Some(value) => of(value),
                    None if config.open.get() => Known::Unknown,
                    None => Known::Falsy,
                },
            },
            Known::Reply => match name {
                "request" => Known::Request,
                "context" | "routeOptions" => Known::RouteOptions,
                "sent" => match self.live.as_slice() {
                    all if all.iter().all(|it| it.sent == super::Sent::No) => Known::Falsy,
                    all if all.iter().all(|it| it.sent != super::Sent::No) => Known::Truthy,
                    _ => Known::Unknown,
                },
                _ => Known::Unknown,
            },
            Known::Of(Value::Host(it)) => self.eval.host.member(*it, name).map_or(Known::Unknown, of),
            Known::Of(value) => of(self.eval.member(&value.clone(), name)),
            _ => Known::Unknown,
        }
    }

    /// Whether something that isn't sent is compared with a variable of the environment, which may not be there either.
    pub(super) fn may_be_unset(&mut self, expr: &Expr, value: &Known, other: &Known) -> bool {
        let (Known::Absent, Known::Of(Value::External(external))) = (value, other) else { return false };
        let Some(name) = env_name(external).map(str::to_owned) else { return false };
        // What a call gives is what it makes of nothing.
        let is_asked = required::is_asked(&self.frame.closure.function, &name);
        if is_asked || matches!(expr.kind, ExprKind::Call(..) | ExprKind::Await(_)) || self.eval.is_required(&name) {
            return false;
        }
        self.outcome.auth = true;
        let place = self.place(expr.span);
        guards::needs_variable(self.eval, place, &name);
        true
    }

    /// What tells who the caller is.
    pub(super) fn proof(&self) -> Known {
        if self.caller == Caller::Forger { Known::Sent } else { Known::Absent }
    }

    fn of_request(&mut self, name: &str) -> Known {
        if let Some(known) = self.frame.names.get(&*format!("request.{name}")) {
            return known.clone();
        }
        match name {
            "headers" => Known::Headers,
            "query" => Known::Query,
            "cookies" => Known::Cookies,
            "session" | "auth" => Known::Holder,
            "routeOptions" | "context" => Known::RouteOptions,
            "routeConfig" => {
                self.outcome.consults = true;
                Known::Config(self.facts.config.clone())
            }
            "method" => {
                self.outcome.consults = true;
                self.facts.method.as_deref().map_or(Known::Unknown, |it| Known::Text(Arc::from(it)))
            }
            "raw" | "req" => Known::Request,
            "is404" => Known::Falsy,
            _ if is_credential(name) || IDENTITIES.contains(&&*name.to_ascii_lowercase()) => Known::Absent,
            _ => Known::Unknown,
        }
    }
}

pub(super) fn of(value: Value) -> Known {
    match value {
        Value::Undefined | Value::Null | Value::Bool(false) => Known::Falsy,
        Value::Bool(true) => Known::Truthy,
        Value::Num(number) => Known::Num(number),
        Value::Str(text) if !text.assumed => Known::Text(text.text),
        Value::Unknown | Value::Str(_) => Known::Unknown,
        other => Known::Of(other),
    }
}

pub(super) fn is_auth_status(value: &Known) -> bool {
    match value {
        Known::Num(status) => (*status - 401.0).abs() < 0.5 || (*status - 403.0).abs() < 0.5,
        Known::Text(text) => text.len() < 60 && is_refusal_name(text),
        Known::Refusal => true,
        _ => false,
    }
}

/// Whether two values are equal, if that is known. A stranger's credentials equal nothing that is there.
pub(super) fn equal(left: &Known, right: &Known) -> Option<bool> {
    let nothing = |it: &Known| matches!(it, Known::Absent | Known::Falsy);
    match (left, right) {
        // How it starts, and which scheme it names, is up to whoever makes it up.
        (Known::Sent, Known::Text(text)) | (Known::Text(text), Known::Sent) => {
            if is_guessed(text) {
                None
            } else {
                Some(false)
            }
        }
        (Known::Sent, Known::Sent) => None,
        (Known::Sent, Known::Num(_)) | (Known::Num(_), Known::Sent) => None,
        (Known::Sent, _) | (_, Known::Sent) => Some(false),
        (Known::Num(one), Known::Num(two)) => Some((one - two).abs() < f64::EPSILON),
        (Known::Text(one), Known::Text(two)) => Some(one == two),
        (Known::Truthy, Known::Falsy) | (Known::Falsy, Known::Truthy) => Some(false),
        (one, two) if nothing(one) && nothing(two) => Some(true),
        (Known::Absent | Known::OfAbsent, _) | (_, Known::Absent | Known::OfAbsent) => Some(false),
        (Known::Falsy, Known::Text(_) | Known::Num(_) | Known::Holder | Known::Request | Known::Reply)
        | (Known::Text(_) | Known::Num(_) | Known::Holder | Known::Request | Known::Reply, Known::Falsy) => Some(false),
        _ => None,
    }
}
