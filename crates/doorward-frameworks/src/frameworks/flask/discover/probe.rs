//! A caller of whom a question is asked.
//!
//! What a guard says of itself is not enough: it is run for a caller who sends no credentials, and for one who sends
//! credentials that look right and mean nothing. What Flask keeps for a request is known by its name, `flask.request`.

use std::rc::Rc;

use doorward::inventory::GuardState;

use super::guards::FlaskEval;
use super::host::Flask;
use crate::py::eval::Outcome;
use crate::py::guards::{FORGED, compared, is_credential, is_unverified, verifies, written};
use crate::py::value::{Args, External, Function, ListKind, Place, Value};

const FORGED_HEADER: &str = "Bearer forged.forged.forged";
/// A decorator gives a decorator that gives a wrapper.
const MAX_LAYERS: usize = 3;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    Stranger,
    Forger,
}

/// What `function`, which seems to guard, does when it is tried. A hook that returns nothing lets a request pass.
pub(super) fn tried<'p>(eval: &mut FlaskEval<'p>, function: &Rc<Function<'p>>) -> GuardState {
    let closed = |outcome: &Outcome<'p>| {
        outcome.complete && (outcome.refuses || outcome.returned.each().iter().all(|it| refuses(it)))
    };
    let (stranger, _) = ask(eval, function, Caller::Stranger);
    let (forger, denied) = ask(eval, function, Caller::Forger);
    let says_no = |outcome: &Outcome<'p>| {
        outcome.returned.each().iter().any(|it| refuses(it)) || outcome.raised.iter().any(|it| refuses(&it.value))
    };
    // The forger asked last.
    let says_no = says_no(&forger) && !eval.host.unverified;
    if closed(&stranger) && (denied || closed(&forger) || says_no) { GuardState::Guarded } else { GuardState::Unsure }
}

/// Whether what flask-httpauth asks turns away credentials that mean nothing. `auth`: where its object was made.
pub(super) fn callbacks_check(eval: &mut FlaskEval<'_>, auth: Place) -> bool {
    let callbacks: Vec<_> =
        eval.host.callbacks.iter().filter(|(place, _)| *place == auth).map(|(_, it)| it.clone()).collect();
    callbacks.iter().all(|callback| {
        let count = match callback {
            Value::Function(function) => function.params().len(),
            _ => return false,
        };
        let args = Args::of(vec![Value::text(FORGED); count], Place::default());
        eval.host.caller = Some(Caller::Forger);
        (eval.host.denied, eval.host.unverified) = (false, false);
        let outcome = eval.what_if(callback, &args);
        eval.host.caller = None;
        // Somebody who is looked up and may not be there is unknown.
        let may_say_no = outcome.returned.each().iter().any(|it| matches!(it.truth(), Some(false) | None));
        outcome.complete && !eval.host.unverified && (outcome.refuses || may_say_no)
    })
}

/// What happens to a caller, and whether something that checks credentials turned them away on the way.
fn ask<'p>(eval: &mut FlaskEval<'p>, function: &Rc<Function<'p>>, caller: Caller) -> (Outcome<'p>, bool) {
    let open = Args { open: true, ..Args::default() };
    let made = eval.host.made.len();
    eval.host.caller = Some(caller);
    (eval.host.denied, eval.host.unverified) = (false, false);
    let mut outcome = eval.what_if(&Value::Function(Rc::clone(function)), &open);
    for _ in 0..MAX_LAYERS {
        let Value::Function(inner) = &outcome.returned else { break };
        let inner = Value::Function(Rc::clone(inner));
        (eval.host.denied, eval.host.unverified) = (false, false);
        outcome = eval.what_if(&inner, &open);
    }
    eval.host.caller = None;
    eval.host.made.truncate(made);
    (outcome, eval.host.denied && !eval.host.unverified)
}

/// Whether an answer or an exception says no.
fn refuses(value: &Value) -> bool {
    match value {
        // `return jsonify(…), 401`.
        Value::List(list) if list.kind == ListKind::Tuple => list.items.borrow().get(1).is_some_and(is_no),
        Value::External(external) => match external.called() {
            Some((callee, args, _)) => match callee.last() {
                "redirect" | "unauthorized" => true,
                "make_response" => args.get(1, "status").is_some_and(is_no),
                "Response" => args.named("status").is_some_and(is_no),
                last => names_refusal(last),
            },
            None => names_refusal(external.last()),
        },
        Value::Instance(it) => names_refusal(it.class.name()) || it.own("code").is_some_and(|it| is_no(&it)),
        Value::Class(it) => names_refusal(it.name()),
        _ => false,
    }
}

fn is_no(status: &Value) -> bool {
    match status {
        Value::Int(it) => matches!(it, 401 | 403),
        Value::External(it) => matches!(it.last(), "UNAUTHORIZED" | "FORBIDDEN"),
        _ => false,
    }
}

fn names_refusal(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["unauthorized", "forbidden", "permissiondenied", "accessdenied", "autherror", "notauthenticated"]
        .iter()
        .any(|it| lower.contains(it))
}

impl<'p> Flask<'p> {
    fn credential(&self, name: &str) -> Value<'p> {
        match self.caller {
            Some(Caller::Forger) if name.eq_ignore_ascii_case("authorization") => Value::text(FORGED_HEADER),
            Some(Caller::Forger) => Value::text(FORGED),
            _ => Value::None,
        }
    }

    /// `request.headers["X"]` and its kin. `None`: nothing special is known of it.
    pub(super) fn part(&self, of: &str, key: Option<&str>) -> Option<Value<'p>> {
        self.caller?;
        let kept = of.strip_prefix("flask.globals.").or_else(|| of.strip_prefix("flask."))?;
        match (kept, key) {
            // A name that is a setting is almost always the name of what holds the credentials.
            ("request.headers" | "request.args" | "request.values", None) => Some(self.credential("")),
            ("request.headers" | "request.args" | "request.values", Some(key)) => {
                Some(if is_credential(key) { self.credential(key) } else { written() })
            }
            ("request.cookies", key) => Some(self.credential(key.unwrap_or_default())),
            // Only the server writes into the session.
            ("session", _) => Some(Value::None),
            _ => None,
        }
    }

    /// An attribute of what Flask keeps for a request.
    pub(super) fn attribute_of(&self, of: &External<'p>, name: &str) -> Option<Value<'p>> {
        let caller = self.caller?;
        match (of.name().as_str(), name) {
            ("flask.request", "method") => Some(Value::text("GET")),
            ("flask.request", "authorization") if caller == Caller::Stranger => Some(Value::None),
            ("flask.request.authorization", "username" | "password" | "token") => Some(Value::text(FORGED)),
            ("flask.request.authorization", "type") => Some(Value::text("bearer")),
            ("flask_login.current_user" | "flask_security.current_user", "is_authenticated") => {
                Some(Value::Bool(false))
            }
            ("flask_login.current_user" | "flask_security.current_user", "is_anonymous") => Some(Value::Bool(true)),
            _ => None,
        }
    }

    /// A call while a question is asked.
    pub(super) fn asked(&mut self, callee: &External<'p>, args: &Args<'p>) -> Option<Value<'p>> {
        self.unverified |= is_unverified(callee, args);
        let External::Member(of, name) = callee else { return None };
        match &**name {
            "get" => {
                let found = self.part(&of.name(), args.get(0, "key").and_then(Value::as_str))?;
                Some(match (found, args.get(1, "default")) {
                    (Value::None, Some(default)) => default.clone(),
                    (found, _) => found,
                })
            }
            "compare_digest" => {
                let compared = compared(args);
                self.unverified |= matches!(compared, Value::Unknown);
                Some(compared)
            }
            "checkpw" | "check_password_hash" | "safe_str_cmp" => Some(Value::Bool(false)),
            // Whoever forges credentials gives them the form that is asked for.
            "match" | "fullmatch" | "search"
                if callee.package() == Some("re") && self.caller == Some(Caller::Forger) =>
            {
                Some(Value::Bool(true))
            }
            "get_jwt_identity" | "get_jwt" | "get_current_user" if callee.package() == Some("flask_jwt_extended") => {
                Some(Value::None)
            }
            _ => None,
        }
    }

    /// Whether a call raises for the caller.
    pub(super) fn raises_for_caller(&mut self, callee: &External<'p>, args: &Args<'p>) -> bool {
        if verifies(callee, args) {
            self.denied = true;
            return true;
        }
        let package = callee.package().unwrap_or_default();
        match (package, callee.last()) {
            ("flask" | "werkzeug" | "flask_restful" | "flask_restx" | "flask_smorest", "abort") => {
                self.denied |= args.positional.first().is_some_and(|it| is_no(&it.value) || refuses(&it.value));
                true
            }
            ("flask_jwt_extended", "verify_jwt_in_request") => {
                let strict = matches!(args.get(0, "optional"), None | Some(Value::Bool(false))) && !args.open;
                self.denied |= strict;
                strict
            }
            _ => false,
        }
    }
}
