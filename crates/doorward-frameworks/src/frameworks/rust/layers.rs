//! What a middleware does to strangers.

use doorward::inventory::GuardState;

use super::{Reader, Verdict};
use crate::rs::flow::{self, Effect, Role};
use crate::rs::program::{FnRef, TypeId};
use crate::rs::value::{Term, TermKind, Value};
use crate::walk::printable;

/// Middleware of other crates: crate, a name in its path, and what it does to strangers.
static KNOWN: &[(&str, &str, GuardState)] = &[
    ("tower_http", "RequireAuthorizationLayer", GuardState::Guarded),
    ("axum_login", "RequireAuthorizationLayer", GuardState::Guarded),
    ("axum_login", "login_required", GuardState::Guarded),
    ("axum_login", "permission_required", GuardState::Guarded),
    ("axum_login", "predicate_required", GuardState::Guarded),
    ("axum_login", "RequireBuilder", GuardState::Guarded),
    ("axum_oidc", "OidcLoginLayer", GuardState::Guarded),
    ("axum_keycloak_auth", "KeycloakAuthLayer", GuardState::Guarded),
    ("jwt_authorizer", "AuthorizationLayer", GuardState::Guarded),
    ("jwt_authorizer", "JwtAuthorizer", GuardState::Guarded),
    ("axum_jwt_auth", "JwtDecoderState", GuardState::Open),
    ("actix_jwt_auth_middleware", "AuthenticationService", GuardState::Guarded),
    ("actix_identity", "IdentityMiddleware", GuardState::Open),
    ("clerk_rs", "ClerkLayer", GuardState::Guarded),
    ("clerk_rs", "ClerkMiddleware", GuardState::Guarded),
];

/// Crates whose middleware never keeps anybody out for want of rights.
static HARMLESS: &[&str] = &[
    "tower",
    "tower_http",
    "tower_layer",
    "tower_cookies",
    "tower_sessions",
    "tower_governor",
    "tower_sessions_core",
    "axum",
    "axum_extra",
    "axum_login",
    "axum_prometheus",
    "axum_tracing_opentelemetry",
    "axum_messages",
    "sentry",
    "sentry_tower",
    "sentry_actix",
    "opentelemetry",
    "actix_web",
    "actix_cors",
    "actix_session",
    "actix_governor",
    "actix_files",
    "actix_web_prom",
    "actix_web_opentelemetry",
    "actix_web_flash_messages",
    "actix_settings",
    "tracing_actix_web",
    "tracing",
    "http",
    "hyper",
    "std",
    "metrics",
    "tower_otel",
    "axum_otel_metrics",
];

impl Reader<'_> {
    /// Judges a value that is used as a layer or a middleware. `text` is how the source calls it.
    pub(crate) fn judge(&mut self, value: &Value, text: &str, depth: usize) -> Verdict {
        if depth > 12 {
            return Verdict::new(GuardState::Unsure, "unknown");
        }
        match value {
            Value::Term(term) => self.judge_term(&term.clone(), text, depth),
            Value::Function(function) => self.judge_function(&function.clone()),
            Value::Object(object) => self.judge_type(&object.of.clone(), text),
            Value::Typed(_) if self.eval.type_of(value).is_some() => match self.eval.type_of(value) {
                Some(of) => self.judge_type(&of, text),
                None => unknown(text),
            },
            Value::Tuple(all) => self.judge_all(&all.to_vec(), text, depth),
            Value::Either(all) => {
                // Whichever it is, a guard has to be one in any case.
                let each: Vec<Verdict> = all.iter().map(|it| self.judge(it, text, depth + 1)).collect();
                let all_guard = each.iter().all(|it| it.state == GuardState::Guarded);
                let none = each.iter().all(|it| it.state == GuardState::Open);
                let state = if all_guard {
                    GuardState::Guarded
                } else if none {
                    GuardState::Open
                } else {
                    GuardState::Unsure
                };
                let origin = each.into_iter().max_by_key(|it| it.state == GuardState::Guarded).map(|it| it.origin);
                Verdict::new(state, origin.unwrap_or_default())
            }
            Value::Closure(closure) => {
                let function = crate::rs::ir::Function {
                    name: std::sync::Arc::from("closure"),
                    ..crate::rs::ir::Function::default()
                };
                let file = printable(&self.program.module(self.program.file_of(closure.scope)).file);
                let place = FnRef {
                    function: std::sync::Arc::new(function),
                    scope: closure.scope,
                    owner: closure.owner.clone(),
                };
                let state = match flow::effect_of(self.program, &place, &closure.closure.body, Role::Middleware) {
                    Effect::Refuses => GuardState::Guarded,
                    Effect::MayRefuse => GuardState::Unsure,
                    Effect::Passes => GuardState::Open,
                };
                Verdict::new(state, file)
            }
            _ => unknown(text),
        }
    }

    /// The strongest of several middleware.
    fn judge_all(&mut self, all: &[Value], text: &str, depth: usize) -> Verdict {
        let mut best = Verdict::new(GuardState::Open, "");
        for value in all {
            let verdict = self.judge(value, text, depth + 1);
            let stronger = matches!(
                (best.state, verdict.state),
                (GuardState::Open, _) | (GuardState::Unsure, GuardState::Guarded)
            );
            if stronger {
                best = verdict;
            }
        }
        best
    }

    fn judge_term(&mut self, term: &Term, text: &str, depth: usize) -> Verdict {
        let krate = term.head.first().map(|it| it.to_string()).unwrap_or_default();
        if let Some((_, _, state)) =
            KNOWN.iter().find(|(of, name, _)| *of == krate && term.head.iter().any(|it| &**it == *name))
        {
            return Verdict::new(*state, krate);
        }
        let args: Vec<Value> = term.args().iter().map(|it| it.value.clone()).collect();
        let has = |name: &str| term.head.iter().any(|it| &**it == name);
        if let TermKind::Method(receiver, name, _, _) = &term.kind {
            // Chains of builders: what guards is in what was added, or in what the chain starts with.
            let receiver = self.judge(&receiver.clone(), text, depth + 1);
            let added = match &**name {
                "layer" | "option_layer" | "map_request" | "wrap" => self.judge_all(&args, text, depth),
                _ => Verdict::new(GuardState::Open, krate),
            };
            return if added.state == GuardState::Guarded || receiver.state == GuardState::Open {
                added
            } else {
                receiver
            };
        }
        let last = term.head.last().map(|it| it.to_string()).unwrap_or_default();
        match last.as_str() {
            "from_fn" | "from_fn_with_state" | "map_request" | "map_request_with_state" => {
                let function = args.last().cloned().unwrap_or(Value::Unknown);
                self.judge(&function, text, depth + 1)
            }
            "from_extractor" | "from_extractor_with_state" => self.extractor_layer(term),
            "option_layer" | "new" if has("HandleErrorLayer") => Verdict::new(GuardState::Open, krate),
            // The layer is there, or it isn't.
            "option_layer" => weaker(self.judge_all(&args, text, depth)),
            _ if has("Condition") || has("ConditionEx") || has("Optional") => {
                weaker(self.judge_all(&args, text, depth))
            }
            "bearer" | "basic" if has("ValidateRequestHeaderLayer") => Verdict::new(GuardState::Guarded, krate),
            "custom" if has("ValidateRequestHeaderLayer") => self.asked(&args, krate),
            _ if has("AsyncRequireAuthorizationLayer") => self.asked(&args, krate),
            "bearer" | "basic" | "with_fn" if has("HttpAuthentication") => self.asked(&args, krate),
            _ if HARMLESS.contains(&krate.as_str()) => Verdict::new(GuardState::Open, krate),
            _ if matches!(term.kind, TermKind::Path(_) | TermKind::Call(..) | TermKind::Macro(_))
                && (flow::sounds_like_auth(&last) || term.head.iter().any(|it| flow::sounds_like_auth(it))) =>
            {
                Verdict::new(GuardState::Unsure, krate)
            }
            _ => Verdict::new(GuardState::Open, krate),
        }
    }

    /// A layer that asks a function of the project whether to let a request in.
    fn asked(&mut self, args: &[Value], krate: String) -> Verdict {
        for value in args {
            let functions: Vec<FnRef> = match value {
                Value::Function(function) => vec![function.clone()],
                other => self
                    .eval
                    .type_of(other)
                    .map(|of| self.program.methods_of(&of).to_vec())
                    .unwrap_or_default()
                    .into_iter()
                    .filter(|it| matches!(&*it.function.name, "authorize" | "validate" | "call"))
                    .collect(),
            };
            let Some(function) = functions.first() else { continue };
            let file = printable(&self.program.module(self.program.file_of(function.scope)).file);
            return match flow::effect(self.program, function, Role::Extractor) {
                Effect::Refuses => Verdict::new(GuardState::Guarded, krate),
                Effect::MayRefuse => Verdict::new(GuardState::Unsure, file),
                Effect::Passes if flow::gives_errors(function) => Verdict::new(GuardState::Unsure, file),
                Effect::Passes => Verdict::new(GuardState::Open, file),
            };
        }
        Verdict::new(GuardState::Unsure, krate)
    }

    fn extractor_layer(&mut self, term: &Term) -> Verdict {
        let here = FnRef { function: std::sync::Arc::default(), scope: term.scope, owner: None };
        let mut verdict = Verdict::new(GuardState::Open, "axum");
        if let Some(ty) = term.types().first() {
            let function = crate::rs::ir::Function {
                params: vec![crate::rs::ir::Param { pattern: crate::rs::ir::Pattern::Wild, ty: ty.clone(), at: 0 }],
                ..crate::rs::ir::Function::default()
            };
            let here = FnRef { function: std::sync::Arc::new(function), ..here };
            if let Some((_, found, _)) = self.extracted(&here).into_iter().next() {
                verdict = found;
            }
        }
        verdict
    }

    fn judge_function(&mut self, function: &FnRef) -> Verdict {
        let file = printable(&self.program.module(self.program.file_of(function.scope)).file);
        let state = match flow::effect(self.program, function, Role::Middleware) {
            Effect::Refuses => GuardState::Guarded,
            Effect::MayRefuse => GuardState::Unsure,
            Effect::Passes => {
                // Its extractors run first.
                let extracted = self.extracted(function);
                let guard = extracted.iter().map(|(_, it, _)| it.state);
                let state = guard.max_by_key(|it| matches!(it, GuardState::Guarded)).unwrap_or(GuardState::Open);
                return Verdict::new(state, file);
            }
        };
        Verdict::new(state, file)
    }

    /// A middleware that the project implements as a type: its `call`, or that of the service it makes.
    fn judge_type(&mut self, of: &TypeId, text: &str) -> Verdict {
        let file = printable(&self.program.module(self.program.file_of(of.scope)).file);
        let mut types = vec![of.clone()];
        for owner in self.program.owners().iter().filter(|it| it.of.as_ref() == Some(of)) {
            let Some(item) = &owner.implementation else { continue };
            for name in ["Service", "Transform"] {
                if let Some(ty) = item.types.get(name)
                    && let crate::rs::program::Def::Type(id) = self.program.ty(owner.scope, ty, Some(owner))
                {
                    types.push(id);
                }
            }
        }
        let mut state = GuardState::Open;
        let mut any = false;
        for of in &types {
            for function in self.program.methods_of(of).to_vec() {
                if &*function.function.name != "call" && &*function.function.name != "on_request" {
                    continue;
                }
                any = true;
                state = match flow::effect(self.program, &function, Role::Middleware) {
                    Effect::Refuses => GuardState::Guarded,
                    Effect::MayRefuse if state != GuardState::Guarded => GuardState::Unsure,
                    _ => state,
                };
            }
        }
        if !any && flow::sounds_like_auth(text) {
            state = GuardState::Unsure;
        }
        Verdict::new(state, file)
    }
}

fn unknown(text: &str) -> Verdict {
    let state = if flow::sounds_like_auth(text) { GuardState::Unsure } else { GuardState::Open };
    Verdict::new(state, "unknown")
}

/// What is only sometimes there.
fn weaker(verdict: Verdict) -> Verdict {
    match verdict.state {
        GuardState::Guarded => Verdict::new(GuardState::Unsure, verdict.origin),
        _ => verdict,
    }
}
