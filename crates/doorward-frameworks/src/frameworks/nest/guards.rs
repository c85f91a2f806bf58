//! What a guard does to strangers, on one route.
//!
//! A guard's `canActivate` is run with what the route's decorators attach, so that opt-outs such as `@Public()` are
//! decided route by route. What is injected into it is made from the project's own classes, as far as they are known.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use doorward::inventory::GuardState;

use super::discover::Reader;
use super::host::{Asked, CONTEXT, global};
use super::{COMMON, NOT_ABOUT_CALLERS};
use crate::js::chain;
use crate::js::guards::{self, Verdict, sounds_like_auth};
use crate::js::ir::{self, ExprKind, Function, Key, Pattern, StmtKind};
use crate::js::stranger::Style;
use crate::js::types::Type;
use crate::js::value::{Arg, ClassValue, Closure, External, Place, Value};
use crate::walk::printable;

/// A guard on a route, and where it is attached.
#[derive(Debug, Clone)]
pub(super) struct Use {
    pub(super) value: Value,
    pub(super) place: Place,
}

impl Use {
    pub(super) fn name(&self, reader: &Reader<'_>) -> String {
        match &self.value {
            Value::Class(class) => class.class.name.as_deref().map(printable),
            Value::Object(object) => object.class.as_ref().and_then(|it| it.class.name.as_deref()).map(printable),
            Value::External(external) if !matches!(**external, External::Call(..)) => {
                external.path().last().map(|it| printable(it))
            }
            _ => None,
        }
        .unwrap_or_else(|| chain::shown(&self.value, &chain::text(reader.program, self.place)))
    }
}

/// The guards in an argument: lists taken apart.
pub(super) fn uses(value: &Value, place: Place, depth: usize, all: &mut Vec<Use>) {
    match value {
        Value::Array(array) if depth < 6 => {
            array.items.borrow().iter().for_each(|it| uses(it, place, depth + 1, all));
        }
        Value::Undefined | Value::Null => {}
        other if all.len() < 200 => all.push(Use { value: other.clone(), place }),
        _ => {}
    }
}

/// Decorators of packages that open a route to strangers, by the package whose guard heeds them.
static OPENERS: &[(&str, &[&str])] = &[
    ("nest-keycloak-connect", &["Public", "Unprotected"]),
    ("@thallesp/nestjs-better-auth", &["AllowAnonymous", "Public", "OptionalAuth", "Optional"]),
];

impl Reader<'_> {
    /// What `guard` does on a route. `openers`: the decorators of packages on it.
    pub(super) fn guard(&mut self, guard: &Use, asked: &Asked, openers: &[(String, String)]) -> Verdict {
        self.verdict(&guard.value, guard.place, asked, openers, 0)
    }

    fn verdict(
        &mut self,
        value: &Value,
        place: Place,
        asked: &Asked,
        openers: &[(String, String)],
        depth: usize,
    ) -> Verdict {
        match value {
            _ if depth > 8 => Verdict::new(GuardState::Unsure, "unknown"),
            Value::Class(class) => self.class_verdict(class, None, place, asked, openers, depth),
            Value::Object(object) => match &object.class {
                Some(class) => self.class_verdict(&Rc::clone(class), Some(value), place, asked, openers, depth),
                None => match object.get("canActivate") {
                    Some(Value::Function(closure)) => self.run_guard(&closure, asked, None),
                    _ => Verdict::new(GuardState::Unsure, "unknown"),
                },
            },
            Value::External(external) => package_verdict(external, openers),
            Value::OneOf(values) => {
                let all: Vec<Verdict> =
                    values.iter().map(|it| self.verdict(it, place, asked, openers, depth + 1)).collect();
                let agreed = all.windows(2).all(|it| matches!(it, [one, two] if one.state == two.state));
                let state =
                    if agreed { all.first().map_or(GuardState::Unsure, |it| it.state) } else { GuardState::Unsure };
                Verdict::new(state, all.into_iter().next().map_or_else(String::new, |it| it.origin))
            }
            _ => Verdict::new(GuardState::Unsure, "unknown"),
        }
    }

    fn class_verdict(
        &mut self,
        class: &Rc<ClassValue>,
        object: Option<&Value>,
        place: Place,
        asked: &Asked,
        openers: &[(String, String)],
        depth: usize,
    ) -> Verdict {
        let key = (Rc::as_ptr(class), fingerprint(asked), openers.to_vec());
        if let Some(known) = self.verdicts.get(&key) {
            return known.clone();
        }
        let verdict = self.class_verdict_inside(class, object, place, asked, openers, depth);
        self.kept.push(Rc::clone(class));
        self.verdicts.insert(key, verdict.clone());
        verdict
    }

    fn class_verdict_inside(
        &mut self,
        class: &Rc<ClassValue>,
        object: Option<&Value>,
        place: Place,
        asked: &Asked,
        openers: &[(String, String)],
        depth: usize,
    ) -> Verdict {
        let file = printable(&self.program.file(class.module));
        let base = match self.foreign_base(class) {
            // However often somebody asks is not who asks.
            Some(Value::External(base)) if base.package().is_some_and(|it| NOT_ABOUT_CALLERS.contains(&it)) => {
                return Verdict::new(GuardState::Open, file);
            }
            Some(base) => Some(self.verdict(&base, place, asked, openers, depth + 1)),
            None => None,
        };
        let lenient = self.forgives(class);
        // What a strategy of passport refuses, `handleRequest` may let in.
        let base = base.map(|it| match (it.state, lenient) {
            (GuardState::Guarded, true) => Verdict::new(GuardState::Open, file.clone()),
            _ => it,
        });
        if self.eval.method(class, "canActivate", false).is_none() {
            return base.map_or_else(
                || Verdict::new(GuardState::Unsure, file.clone()),
                |it| Verdict { origin: file.clone(), ..it },
            );
        }
        let object = object.cloned().unwrap_or_else(|| self.instance(class, 0));
        match self.eval.member(&object, "canActivate") {
            Value::Function(closure) => self.run_guard(&closure, asked, base.as_ref()),
            _ => Verdict::new(GuardState::Unsure, file),
        }
    }

    /// What a class extends that is not of the project.
    fn foreign_base(&mut self, class: &Rc<ClassValue>) -> Option<Value> {
        let mut class = Rc::clone(class);
        for _ in 0..16 {
            match self.eval.parent(&class) {
                Value::Class(parent) => class = parent,
                Value::Undefined => return None,
                other => return Some(other),
            }
        }
        None
    }

    /// Whether a `handleRequest` lets callers in that passport does not know.
    fn forgives(&mut self, class: &Rc<ClassValue>) -> bool {
        let Some((Value::Function(closure), _)) = self.eval.method(class, "handleRequest", false) else { return false };
        let mut throws = false;
        ir::visit(&closure.function.body, &mut |expr| {
            let name = match &expr.kind {
                ExprKind::New(callee, _) | ExprKind::Call(callee, _) => guards::last_name(callee),
                _ => None,
            };
            throws |= name
                .is_some_and(|it| it.ends_with("Exception") || it == "handleRequest" || guards::says_unauthorized(it));
            true
        });
        !throws && !any_throw(&closure.function.body)
    }

    fn run_guard(&mut self, closure: &Rc<Closure>, asked: &Asked, base: Option<&Verdict>) -> Verdict {
        let file = printable(&self.program.file(closure.module));
        let outer = (self.eval.host.asked.replace(asked.clone()), std::mem::take(&mut self.eval.host.refused));
        let thrown = self.eval.thrown;
        let args = [Arg { value: global(CONTEXT), span: closure.function.span, spread: false }];
        let result = self.eval.run(&Value::Function(Rc::clone(closure)), None, &args, closure.module);
        let refused = self.eval.host.refused || self.eval.thrown > thrown;
        (self.eval.host.asked, self.eval.host.refused) = outer;
        let values = result.each();
        let lets_in = values.iter().all(|it| it.truth() == Some(true));
        if lets_in && !refused {
            return Verdict::new(GuardState::Open, file);
        }
        // What the base class says, where it is asked.
        let asks_base = calls_super(&closure.function);
        if let (Some(base), true) = (base, asks_base) {
            let state = if base.state == GuardState::Guarded || !refused { base.state } else { GuardState::Unsure };
            return Verdict { state, origin: file, ..base.clone() };
        }
        let mut body = guards::Body::default();
        guards::scan(&mut self.eval, closure, &mut body, &mut HashSet::new(), 0);
        let asks =
            body.reads_credentials || body.verifies || body.calls_guard.is_some() || reads_caller(&closure.function);
        let state = match asks && !body.selective {
            true => self.held(closure),
            false => GuardState::Unsure,
        };
        Verdict::new(state, file)
    }

    /// What becomes of somebody without credentials in a guard that looks at who asks.
    fn held(&mut self, closure: &Rc<Closure>) -> GuardState {
        guards::followed(&mut self.eval, self.program, closure, Style::Decides).0
    }

    /// An object of a class, with what is injected into it.
    pub(super) fn instance(&mut self, class: &Rc<ClassValue>, depth: usize) -> Value {
        let key = Rc::as_ptr(class);
        if let Some(known) = self.instances.get(&key) {
            return known.clone();
        }
        let mut injected = Rc::clone(class);
        while injected.class.constructor.is_none() {
            match self.eval.parent(&injected) {
                Value::Class(parent) => injected = parent,
                _ => break,
            }
        }
        let code = Arc::clone(&injected.class);
        let mut args = Vec::new();
        for param in code.injected.iter().take(60) {
            let value = match &param.of {
                Some(Type::Name(name, _)) if depth < 3 && !name.contains('.') => {
                    match self.eval.lookup(&injected.scope, name, injected.module) {
                        Value::Class(inner) => self.instance(&inner, depth + 1),
                        value @ Value::External(_) => value,
                        _ => Value::Unknown,
                    }
                }
                _ => Value::Unknown,
            };
            args.push(Arg { value, span: code.span, spread: false });
        }
        let object = self.eval.instantiate(class, &args);
        self.kept.push(Rc::clone(class));
        self.instances.insert(key, object.clone());
        object
    }
}

fn package_verdict(external: &External, openers: &[(String, String)]) -> Verdict {
    let package = external.package().unwrap_or("unknown");
    let path = external.path();
    let opened = OPENERS.iter().any(|(of, names)| {
        *of == package && openers.iter().any(|(from, name)| from == of && names.contains(&name.as_str()))
    });
    let state = match path.as_slice() {
        _ if NOT_ABOUT_CALLERS.contains(&package) || opened => GuardState::Open,
        ["@nestjs/passport", "AuthGuard", "()"]
        | ["nest-keycloak-connect", "AuthGuard"]
        | ["@thallesp/nestjs-better-auth", "AuthGuard"] => GuardState::Guarded,
        [COMMON, ..] => GuardState::Open,
        [.., name] if !sounds_like_auth(name) && !sounds_like_auth(package) && *name != "()" => GuardState::Unsure,
        _ => GuardState::Unsure,
    };
    Verdict::new(state, package)
}

/// What tells one route's metadata from another's.
fn fingerprint(asked: &Asked) -> String {
    fn of(value: &Value, depth: usize, text: &mut String) {
        if text.len() > 4_000 {
            return;
        }
        match value {
            Value::Str(it) => text.push_str(&it.text),
            Value::Bool(it) => text.push_str(if *it { "true" } else { "false" }),
            Value::Num(it) => text.push_str(&it.to_string()),
            Value::Undefined => text.push('u'),
            Value::External(it) => {
                text.push_str(&it.name());
                if let External::Call(_, _, place) = &**it {
                    text.push_str(&format!("@{}:{}", place.module, place.span.start));
                }
            }
            Value::Array(it) if depth < 4 => {
                text.push('[');
                it.items.borrow().iter().for_each(|it| {
                    of(it, depth + 1, text);
                    text.push(',');
                });
            }
            Value::Object(it) if depth < 4 => it.props.borrow().iter().for_each(|(key, value)| {
                text.push_str(key);
                text.push(':');
                of(value, depth + 1, text);
            }),
            _ => text.push('?'),
        }
    }
    let mut text = String::new();
    for (key, value) in asked.handler.iter().chain(&asked.class) {
        of(key, 0, &mut text);
        text.push('=');
        of(value, 0, &mut text);
        text.push(';');
    }
    text.push_str(&format!("/{}", asked.handler.len()));
    text
}

fn calls_super(function: &Function) -> bool {
    let mut found = false;
    ir::visit(&function.body, &mut |expr| {
        if let ExprKind::Member(object, Key::Name(name)) = &expr.kind {
            found |= matches!(object.kind, ExprKind::Super) && &**name == "canActivate";
        }
        !found
    });
    found
}

/// Whether a guard looks at the user, the session or the headers of a request.
fn reads_caller(function: &Function) -> bool {
    const CALLER: &[&str] = &["user", "currentUser", "session", "auth", "headers", "cookies", "apiKey", "account"];
    let mut found = false;
    ir::visit(&function.body, &mut |expr| {
        if let ExprKind::Member(object, Key::Name(name)) = &expr.kind {
            found |= CALLER.contains(&&**name) && !matches!(object.kind, ExprKind::This);
        }
        !found
    });
    found
        || function.body.iter().any(|it| match &it.kind {
            StmtKind::Var(all, _) => all.iter().any(|(pattern, _)| match pattern {
                Pattern::Object(props, _) => {
                    props.iter().any(|(key, _)| matches!(key, Key::Name(name) if CALLER.contains(&&**name)))
                }
                _ => false,
            }),
            _ => false,
        })
}

fn any_throw(statements: &[ir::Stmt]) -> bool {
    statements.iter().any(|it| match &it.kind {
        StmtKind::Throw(_) => true,
        StmtKind::If(_, yes, no) => {
            any_throw(std::slice::from_ref(yes)) || no.as_ref().is_some_and(|it| any_throw(std::slice::from_ref(it)))
        }
        StmtKind::Block(all) => any_throw(all),
        _ => false,
    })
}
