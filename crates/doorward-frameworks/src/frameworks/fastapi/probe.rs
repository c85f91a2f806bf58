//! A caller of whom a question is asked: what a request of a stranger holds.
//!
//! A guard is a function like any other. To know whether it guards, it is run twice: for a caller who sends no
//! credentials, and for one who sends wrong ones. Everything else about the request is unknown.

use std::rc::Rc;

use super::host::{FastApi, Kind};
use crate::py::eval::Site;
pub(crate) use crate::py::guards::{FORGED, is_credential, skips_signature, switched_off};
use crate::py::guards::{compared, is_unverified, verifies, written};
use crate::py::value::{Args, External, Value};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Somebody without credentials, using this method.
    Stranger(&'static str),
    /// Somebody with credentials that mean nothing.
    Forger,
}

/// Part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Request,
    /// Headers or cookies: some hold credentials.
    Headers,
    Cookies,
    /// The session, of which only the server writes.
    Session,
    /// `request.user` and `request.auth` of Starlette.
    User,
    /// The next application of a middleware.
    Next,
    /// The ASGI scope.
    Scope,
    /// `request.url`
    Url,
    /// `send` of an ASGI application.
    Send,
    /// What a security scheme takes out of a header.
    Credentials,
}

const FORGED_HEADER: &str = "Bearer forged.forged.forged";

fn part<'p>(host: &mut FastApi<'p>, seen: Seen, site: &Site) -> Value<'p> {
    host.make(Kind::Probe(seen), Rc::default(), site)
}

/// What is found under a name that holds credentials.
pub(crate) fn credential<'p>(probe: Probe, name: &str) -> Value<'p> {
    match probe {
        Probe::Stranger(_) => Value::None,
        Probe::Forger if name.eq_ignore_ascii_case("authorization") => Value::text(FORGED_HEADER),
        Probe::Forger => Value::text(FORGED),
    }
}

pub(crate) fn attribute<'p>(host: &mut FastApi<'p>, seen: Seen, name: &str, site: &Site) -> Option<Value<'p>> {
    let probe = host.probe?;
    Some(match (seen, name) {
        (Seen::Request, "headers") => part(host, Seen::Headers, site),
        (Seen::Request, "query_params") => part(host, Seen::Headers, site),
        (Seen::Request, "cookies") => part(host, Seen::Cookies, site),
        (Seen::Request, "session") => part(host, Seen::Session, site),
        (Seen::Request, "user" | "auth") => part(host, Seen::User, site),
        (Seen::Request, "scope") => part(host, Seen::Scope, site),
        (Seen::Request, "url") => part(host, Seen::Url, site),
        (Seen::Url, "path") => host.path.as_deref().map_or(Value::Unknown, Value::text),
        (Seen::Request, "method") => match probe {
            Probe::Stranger(method) => Value::text(method),
            Probe::Forger => Value::Unknown,
        },
        (Seen::Credentials, "scheme") => Value::text("Bearer"),
        (Seen::Credentials, "credentials" | "username" | "password") => Value::text(FORGED),
        (Seen::User, "is_authenticated" | "is_superuser" | "is_admin") => Value::Bool(false),
        (Seen::Headers | Seen::Cookies | Seen::Session, "get") => return None,
        (Seen::Scope, "get") => return None,
        _ => Value::Unknown,
    })
}

pub(crate) fn method<'p>(host: &mut FastApi<'p>, seen: Seen, name: &str, args: &Args<'p>, site: &Site) -> Value<'p> {
    let Some(probe) = host.probe else { return Value::Unknown };
    let key = args.get(0, "key").and_then(Value::as_str);
    match (seen, name) {
        (Seen::Headers | Seen::Cookies, "get") => {
            let found = lookup(probe, seen, key);
            match (&found, args.get(1, "default")) {
                (Value::None, Some(default)) => default.clone(),
                _ => found,
            }
        }
        (Seen::Session, "get") => args.get(1, "default").cloned().unwrap_or(Value::None),
        (Seen::Scope, "get") => match key {
            Some(key) => scope(host, key, site),
            None => Value::Unknown,
        },
        _ => Value::Unknown,
    }
}

fn lookup<'p>(probe: Probe, seen: Seen, key: Option<&str>) -> Value<'p> {
    match key {
        Some(key) if seen == Seen::Cookies || is_credential(key) => credential(probe, key),
        // A name that is a setting is almost always the name of what holds the credentials.
        None => credential(probe, ""),
        Some(_) => written(),
    }
}

fn scope<'p>(host: &mut FastApi<'p>, key: &str, site: &Site) -> Value<'p> {
    match key {
        "type" => Value::text("http"),
        "method" => match host.probe {
            Some(Probe::Stranger(method)) => Value::text(method),
            _ => Value::Unknown,
        },
        "user" | "auth" => part(host, Seen::User, site),
        "path" | "raw_path" => host.path.as_deref().map_or(Value::Unknown, Value::text),
        _ => Value::Unknown,
    }
}

pub(crate) fn item<'p>(host: &mut FastApi<'p>, seen: Seen, key: &Value<'p>) -> Value<'p> {
    let Some(probe) = host.probe else { return Value::Unknown };
    match seen {
        Seen::Headers | Seen::Cookies => lookup(probe, seen, key.as_str()),
        Seen::Session => Value::None,
        Seen::Scope => {
            let site = host.made.first().map(|it| it.site.clone());
            match (key.as_str(), site) {
                (Some(key), Some(site)) => scope(host, key, &site),
                _ => Value::Unknown,
            }
        }
        _ => Value::Unknown,
    }
}

/// `key in headers`, if that is known.
pub(crate) fn contains(probe: Option<Probe>, seen: Seen, key: &Value) -> Option<bool> {
    let key = key.as_str()?;
    let sent = !matches!(probe?, Probe::Stranger(_));
    match seen {
        Seen::Cookies => Some(sent),
        Seen::Headers if is_credential(key) => Some(sent),
        Seen::Session => Some(false),
        _ => None,
    }
}

pub(crate) fn invoke<'p>(host: &mut FastApi<'p>, seen: Seen, args: &Args<'p>, site: &Site) -> Value<'p> {
    if let (Seen::Send, Some(Value::Dict(message))) = (seen, args.get(0, "message")) {
        host.sent.extend(message.get_str("status"));
    }
    if seen == Seen::Next {
        host.passed.push(site.branch.is_empty());
    }
    Value::Unknown
}

/// A call of something from a package, while a question is asked.
pub(crate) fn call<'p>(
    host: &mut FastApi<'p>,
    probe: Probe,
    callee: &External<'p>,
    args: &Args<'p>,
    site: &Site,
) -> Option<Value<'p>> {
    if let Some((made, _)) = scheme(callee) {
        return Some(match probe {
            Probe::Stranger(_) => Value::None,
            Probe::Forger => given(host, made, site),
        });
    }
    // `await JSONResponse(…)(scope, receive, send)`
    if let External::Call(made, ..) = callee
        && made.last().ends_with("Response")
    {
        host.sent.push(Value::External(Rc::new(callee.clone())));
    }
    if callee.last().ends_with("Response") && !host.passed.is_empty() {
        host.wrapping.push(site.place());
    }
    host.unverified |= is_unverified(callee, args);
    match callee.last() {
        "Request" | "HTTPConnection" | "WebSocket" if callee.package().is_some() => {
            Some(part(host, Seen::Request, site))
        }
        "Headers" | "MutableHeaders" if callee.package().is_some() => Some(part(host, Seen::Headers, site)),
        "compare_digest" => {
            let compared = compared(args);
            host.unverified |= matches!(compared, Value::Unknown);
            Some(compared)
        }
        "checkpw" => Some(Value::Bool(false)),
        "verify" | "verify_password" | "verify_and_update" if callee.package().is_some() => Some(Value::Bool(false)),
        // The scheme of FastAPI, called by hand with the request.
        "get_authorization_scheme_param" => match args.get(0, "authorization_header_value") {
            Some(Value::None) => Some(Value::tuple(vec![Value::text(""), Value::text("")])),
            _ => Some(Value::tuple(vec![Value::text("Bearer"), Value::text(FORGED)])),
        },
        // Whoever forges credentials gives them the form that is asked for.
        "match" | "fullmatch" | "search" if callee.package() == Some("re") && probe == Probe::Forger => {
            Some(Value::Bool(true))
        }
        _ => None,
    }
}

/// An attribute of what a package gave, while a question is asked.
pub(crate) fn member<'p>(_: Probe, of: &External<'p>, name: &str) -> Option<Value<'p>> {
    let asked = matches!(of.last(), "authenticate_request" | "authenticate_request_async");
    match name {
        "is_signed_in" | "is_authenticated" if asked && of.called().is_some() => Some(Value::Bool(false)),
        "payload" if asked && of.called().is_some() => Some(Value::None),
        _ => None,
    }
}

/// Calls that raise for credentials that are missing or wrong.
pub(crate) fn raises(probe: Option<Probe>, callee: &External, args: &Args) -> bool {
    if let Some((_, auto_error)) = scheme(callee) {
        return auto_error && matches!(probe, Some(Probe::Stranger(_)));
    }
    verifies(callee, args)
}

/// What a security scheme of this name gives to somebody who forges credentials.
pub(crate) fn given<'p>(host: &mut FastApi<'p>, scheme: &str, site: &Site) -> Value<'p> {
    match scheme {
        "HTTPBearer" | "HTTPBasic" | "HTTPDigest" => part(host, Seen::Credentials, site),
        "OAuth2" | "OpenIdConnect" => Value::text(FORGED_HEADER),
        _ => Value::text(FORGED),
    }
}

/// `await super().__call__(request)` of a security scheme, and whether it raises where nothing is sent.
fn scheme<'a>(callee: &'a External) -> Option<(&'a str, bool)> {
    let External::Member(of, name) = callee else { return None };
    let (made, args, _) = of.called()?;
    let is_scheme = &**name == "__call__" && super::guards::SCHEMES.contains(&made.last());
    is_scheme.then(|| (made.last(), !matches!(args.named("auto_error"), Some(Value::Bool(false) | Value::OneOf(_)))))
}
