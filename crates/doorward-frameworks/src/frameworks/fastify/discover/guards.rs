//! What hooks and handlers do to strangers.

use std::rc::Rc;

use doorward::inventory::GuardState;

use super::Reader;
use super::host::as_object;
use super::packages::package_of;
use super::stranger::{self, Outcome, Role, RouteFacts};
use crate::js::guards::{self, Verdict, external_verdict, sounds_like_auth};
use crate::js::stranger::Caller;
use crate::js::value::{Closure, External, Object, Value};
use crate::walk::printable;

/// Packages of Fastify whose hooks refuse whoever has no credentials: the package, and the member.
static GUARDS: &[(&str, &str)] = &[
    ("@fastify/bearer-auth", ""),
    ("@fastify/bearer-auth", "verifyBearerAuth"),
    ("fastify-bearer-auth", ""),
    ("fastify-bearer-auth", "verifyBearerAuth"),
    ("@fastify/basic-auth", "basicAuth"),
    ("fastify-basic-auth", "basicAuth"),
    ("fastify-auth0-verify", "authenticate"),
];

/// Packages whose hooks keep nobody out.
static HARMLESS: &[&str] =
    &["@fastify/csrf-protection", "@fastify/rate-limit", "fastify-rate-limit", "@clerk/fastify", "@fastify/multipart"];

/// What was found out about one hook or handler.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) outcome: Outcome,
}

impl Judged {
    fn new(state: GuardState, origin: impl Into<String>) -> Self {
        Self { verdict: Verdict::new(state, origin), outcome: Outcome::default() }
    }
}

impl Reader<'_> {
    /// Judges a hook. `done`: which parameter lets the request through.
    pub(super) fn judge(&mut self, value: &Value, text: &str, done: usize, facts: &RouteFacts) -> Judged {
        self.judge_at(value, text, Role::Hook { done }, facts, 0)
    }

    /// Judges what answers: it guards nothing, but it may refuse strangers by itself.
    pub(super) fn judge_handler(&mut self, value: &Value, facts: &RouteFacts) -> Judged {
        let mut judged = match value {
            Value::Function(_) => self.judge_at(value, "", Role::Handler, facts, 0),
            _ => Judged::new(GuardState::Open, ""),
        };
        let Outcome { passes, refuses, auth, .. } = judged.outcome;
        judged.verdict.state = if !passes && refuses && auth { GuardState::Unsure } else { GuardState::Open };
        judged
    }

    fn judge_at(&mut self, value: &Value, text: &str, role: Role, facts: &RouteFacts, depth: usize) -> Judged {
        if depth > 8 {
            return Judged::new(GuardState::Unsure, "unknown");
        }
        match value {
            Value::Function(closure) => self.function(closure, text, role, facts),
            Value::External(external) => self.external(external, text, role, facts, depth),
            Value::OneOf(values) => {
                let all: Vec<Judged> =
                    values.iter().map(|it| self.judge_at(it, text, role, facts, depth + 1)).collect();
                let state = agreed(all.iter().map(|it| it.verdict.state));
                let mut first = all.into_iter().next().unwrap_or_else(|| Judged::new(state, ""));
                first.verdict.state = state;
                first
            }
            Value::Array(array) => {
                let items = array.items.borrow().clone();
                let all = items.iter().take(100).map(|it| self.judge_at(it, text, role, facts, depth + 1));
                let open = array.open.get().then(|| Judged::new(GuardState::Unsure, "unknown"));
                let rank = |it: &Judged| super::strength(it.verdict.state);
                all.chain(open).max_by_key(rank).unwrap_or_else(|| Judged::new(GuardState::Open, ""))
            }
            Value::Unknown => Judged::new(GuardState::Unsure, "unknown"),
            // A decorator that isn't there yet, where one that can't be read may have put it.
            Value::Method(..) => Judged::new(GuardState::Unsure, "unknown"),
            _ => Judged::new(GuardState::Open, ""),
        }
    }

    fn function(&mut self, closure: &Rc<Closure>, text: &str, role: Role, facts: &RouteFacts) -> Judged {
        let done = matches!(role, Role::Hook { done: 3 });
        let key = (Rc::as_ptr(closure), role == Role::Handler, done);
        let outcome = match self.outcomes.get(&key) {
            Some((_, known)) => known.clone(),
            None => {
                let mut outcome = stranger::follow(&mut self.eval, closure, role, facts, Caller::Nobody);
                if role != Role::Handler && !outcome.passes && outcome.refuses {
                    let forger = stranger::follow(&mut self.eval, closure, role, facts, Caller::Forger);
                    outcome.consults |= forger.consults;
                    if forger.passes {
                        outcome.passes = true;
                        outcome.auth = true;
                        guards::lets_forgers_pass(&mut self.eval, closure);
                    }
                }
                // What hangs on the route is found out anew for each.
                if !outcome.consults {
                    self.outcomes.insert(key, (Rc::clone(closure), outcome.clone()));
                }
                outcome
            }
        };
        let Outcome { passes, refuses, auth, hands_on, .. } = outcome;
        let named = sounds_like_auth(text) || closure.function.name.as_ref().is_some_and(|it| sounds_like_auth(it));
        let state = match (passes, refuses) {
            (false, true) => GuardState::Guarded,
            (true, true) if auth => GuardState::Unsure,
            _ if hands_on && named => GuardState::Unsure,
            _ => GuardState::Open,
        };
        let file = printable(&self.program.file(closure.module));
        Judged { verdict: Verdict::new(state, file), outcome }
    }

    fn external(
        &mut self,
        external: &Rc<External>,
        text: &str,
        role: Role,
        facts: &RouteFacts,
        depth: usize,
    ) -> Judged {
        let package = external.package().map(package_of).unwrap_or_default().to_owned();
        let path = external.path();
        let name = path.iter().skip(1).rev().find(|it| **it != "()").copied().unwrap_or_default();
        if matches!(&*package, "@fastify/auth" | "fastify-auth") {
            return match &**external {
                External::Call(_, args, _) => {
                    let list = args.first().map(|it| it.value.clone()).unwrap_or(Value::Undefined);
                    let options = args.get(1).and_then(|it| as_object(&it.value));
                    let relation = options.and_then(|it: Rc<Object>| it.get("relation"));
                    let all = relation.as_ref().and_then(Value::as_str) == Some("and");
                    self.composed(&list, text, all, facts, depth + 1)
                }
                _ => Judged::new(GuardState::Unsure, package),
            };
        }
        if HARMLESS.contains(&&*package) {
            return Judged::new(GuardState::Open, package);
        }
        if GUARDS
            .iter()
            .any(|(of, member)| *of == package && (*member == name || member.is_empty() && name == "default"))
        {
            return Judged::new(GuardState::Guarded, package);
        }
        if package == "@fastify/passport" {
            let External::Call(_, args, _) = &**external else { return Judged::new(GuardState::Open, package) };
            // With a function of its own, the caller decides.
            let own = args.iter().any(|it| matches!(it.value, Value::Function(_)));
            let state = match name {
                "authenticate" | "authorize" if own => GuardState::Unsure,
                "authenticate" | "authorize" => GuardState::Guarded,
                _ => GuardState::Open,
            };
            return Judged::new(state, package);
        }
        let _ = (role, facts);
        Judged { verdict: external_verdict(external, text), outcome: Outcome::default() }
    }

    /// `app.auth([…])`: one of them has to let the request through, or all of them. Lists within turn that around.
    fn composed(&mut self, list: &Value, text: &str, all: bool, facts: &RouteFacts, depth: usize) -> Judged {
        let origin = "@fastify/auth";
        let Value::Array(array) = list else { return Judged::new(GuardState::Unsure, origin) };
        if array.open.get() || depth > 6 {
            return Judged::new(GuardState::Unsure, origin);
        }
        let items = array.items.borrow().clone();
        let judged: Vec<Judged> = items
            .iter()
            .take(100)
            .map(|item| match item {
                Value::Array(_) => self.composed(item, text, !all, facts, depth + 1),
                item => self.judge_at(item, text, Role::Hook { done: 2 }, facts, depth + 1),
            })
            .collect();
        let states = || judged.iter().map(|it| it.verdict.state);
        let state = match all {
            true if states().any(|it| it == GuardState::Guarded) => GuardState::Guarded,
            false if states().any(|it| it == GuardState::Open) => GuardState::Open,
            _ => agreed(states()),
        };
        let mut outcome = Outcome::default();
        judged.into_iter().for_each(|it| outcome.get_auth.extend(it.outcome.get_auth));
        Judged { outcome, ..Judged::new(state, origin) }
    }
}

/// The state that all have; unsure if they differ.
fn agreed(mut states: impl Iterator<Item = GuardState>) -> GuardState {
    let first = states.next().unwrap_or(GuardState::Open);
    if states.all(|it| it == first) { first } else { GuardState::Unsure }
}
