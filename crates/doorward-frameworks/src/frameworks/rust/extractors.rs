//! Parameters of handlers that refuse a request: types that are made out of it, or not at all.

use std::collections::HashMap;

use doorward::inventory::GuardState;

use super::{Reader, Verdict};
use crate::rs::flow::{self, Effect, Role};
use crate::rs::ir::{Fields, Path, Type, TypeKind};
use crate::rs::program::{Def, FnRef, TypeId};
use crate::source::Place;
use crate::walk::printable;

/// What is known of types.
pub(crate) type Memo = HashMap<TypeId, Verdict>;

/// Extractors of other crates: crate, type, and what they do to strangers.
static KNOWN: &[(&str, &str, GuardState)] = &[
    ("jwt_authorizer", "JwtClaims", GuardState::Guarded),
    ("axum_jwt_auth", "Claims", GuardState::Guarded),
    ("axum_jwks", "Token", GuardState::Guarded),
    ("axum_keycloak_auth", "KeycloakToken", GuardState::Guarded),
    ("axum_oidc", "OidcClaims", GuardState::Guarded),
    ("axum_oidc", "OidcAccessToken", GuardState::Guarded),
    ("actix_identity", "Identity", GuardState::Guarded),
    ("actix_jwt_auth_middleware", "Authenticated", GuardState::Guarded),
    ("alcoholic_jwt", "Claims", GuardState::Unsure),
    // A header that has to be there, whatever it says.
    ("actix_web_httpauth", "BearerAuth", GuardState::Unsure),
    ("actix_web_httpauth", "BasicAuth", GuardState::Unsure),
    ("axum_auth", "AuthBearer", GuardState::Unsure),
    ("axum_auth", "AuthBasic", GuardState::Unsure),
    ("headers", "Authorization", GuardState::Unsure),
    ("axum_extra", "Authorization", GuardState::Unsure),
];

/// The traits that make a value out of a request.
const TRAITS: &[&str] =
    &["FromRequestParts", "FromRequest", "OptionalFromRequestParts", "AsyncFromRequest", "RequestPartsExt"];

impl Reader<'_> {
    /// The parameters of a handler that guard it, or may.
    pub(crate) fn extracted(&mut self, function: &FnRef) -> Vec<(String, Verdict, Place)> {
        let mut all = Vec::new();
        for param in &function.function.params {
            if let Some((text, verdict)) = self.extractor(function, &param.ty, 0) {
                all.push((text, verdict, self.program.place(function.scope, param.at)));
            }
        }
        all
    }

    fn extractor(&mut self, function: &FnRef, ty: &Type, depth: usize) -> Option<(String, Verdict)> {
        let path = ty.path().filter(|_| depth < 8)?;
        match path.last() {
            // What fails is `None` to the handler, and the handler runs.
            "Option" | "Result" => return None,
            // Several extractors in one.
            "Cached" | "WithRejection" | "Either" | "NoApi" | "UseApi" => {
                let inner = path.args().first()?.clone();
                return self.extractor(function, &inner, depth + 1);
            }
            _ => {}
        }
        let def = self.program.path(function.scope, path, function.owner.as_deref());
        let def = match &def {
            Def::Type(id) => self.program.alias(id, 0).unwrap_or(def),
            _ => def,
        };
        match def {
            Def::Type(id) => {
                let verdict = self.type_verdict(&id, depth);
                (verdict.state != GuardState::Open).then(|| (id.name.to_string(), verdict))
            }
            Def::Outside(names) => {
                let (krate, last) = (names.first()?.to_string(), names.last()?.to_string());
                let known = KNOWN.iter().find(|(of, name, _)| *of == krate && *name == last);
                if let Some((_, _, state)) = known {
                    return Some((last, Verdict::new(*state, krate)));
                }
                // `TypedHeader<Authorization<Bearer>>`, `web::ReqData<Claims>`
                let inner =
                    path.args().first().filter(|_| matches!(&*last, "TypedHeader" | "Extension" | "ReqData"))?;
                if last == "TypedHeader" { self.extractor(function, &inner.clone(), depth + 1) } else { None }
            }
            _ => None,
        }
    }

    fn type_verdict(&mut self, id: &TypeId, depth: usize) -> Verdict {
        if let Some(known) = self.extractors.get(id) {
            return known.clone();
        }
        let file = printable(&self.program.module(self.program.file_of(id.scope)).file);
        self.extractors.insert(id.clone(), Verdict::new(GuardState::Open, file.clone()));
        let makers: Vec<FnRef> = self
            .program
            .methods_of(id)
            .iter()
            .filter(|it| {
                it.owner
                    .as_ref()
                    .and_then(|it| it.implements.as_deref())
                    .is_some_and(|it| TRAITS.contains(&it) && it != "OptionalFromRequestParts")
            })
            .filter(|it| matches!(&*it.function.name, "from_request" | "from_request_parts"))
            .cloned()
            .collect();
        let mut state: Option<GuardState> = None;
        for maker in &makers {
            let made = match flow::effect(self.program, maker, Role::Extractor) {
                Effect::Refuses => GuardState::Guarded,
                Effect::MayRefuse => GuardState::Unsure,
                Effect::Passes => match self.through_others(maker, depth) {
                    GuardState::Open if may_fail(id, maker) => GuardState::Unsure,
                    state => state,
                },
            };
            // `Claims<Required>` and `Claims<Optional>` may be made in different ways.
            state = Some(match state {
                Some(before) if before != made => GuardState::Unsure,
                _ => made,
            });
        }
        let mut state = state.unwrap_or(GuardState::Open);
        // `#[derive(FromRequestParts)]` makes each field in turn.
        if makers.is_empty()
            && let Some(def) = self.program.type_def(id).cloned()
            && def.attrs.iter().any(|it| it.name() == "derive" && it.args.iter().any(derives_extraction))
            && let TypeKind::Struct(Fields::Named(fields) | Fields::Tuple(fields)) = &def.kind
        {
            let here = FnRef { function: std::sync::Arc::default(), scope: id.scope, owner: None };
            for field in fields {
                if let Some((_, verdict)) = self.extractor(&here, &field.ty, depth + 1) {
                    state = state.max_of(verdict.state);
                }
            }
        }
        let verdict = Verdict::new(state, file);
        self.extractors.insert(id.clone(), verdict.clone());
        verdict
    }

    /// An extractor that makes another one first, and fails with it.
    fn through_others(&mut self, maker: &FnRef, depth: usize) -> GuardState {
        let mut state = GuardState::Open;
        let paths: Vec<std::sync::Arc<Path>> = flow::fails_with(maker);
        for path in &paths {
            // `User::from_request_parts(parts, state).await?`
            if !matches!(path.last(), "from_request" | "from_request_parts" | "extract") || path.segments.len() < 2 {
                continue;
            }
            let mut of = (**path).clone();
            of.segments.pop();
            if of.segments.last().is_some_and(|it| &*it.name == "Self") {
                continue;
            }
            if let Some((_, verdict)) = self.extractor(maker, &Type::Path(std::sync::Arc::new(of)), depth + 1) {
                state = state.max_of(verdict.state);
            }
        }
        state
    }
}

/// Whether a maker may fail for want of credentials, as far as its words tell: not surely with 401, and not surely
/// for every stranger.
fn may_fail(of: &TypeId, maker: &FnRef) -> bool {
    let never = maker.owner.as_ref().and_then(|it| it.implementation.as_ref()).is_some_and(|it| {
        let errors = ["Error", "Rejection"].iter().filter_map(|name| it.types.get(*name));
        errors.filter_map(Type::path).any(|it| it.last() == "Infallible")
    });
    let function = &maker.function;
    let fails = function.paths.iter().any(|it| matches!(it.last(), "Err" | "err"))
        || ["ok_or", "ok_or_else", "map_err"].iter().any(|it| function.methods.contains(*it));
    // What is missing for want of a layer is a mistake of the server's.
    let broken = function.paths.iter().any(|it| it.last() == "INTERNAL_SERVER_ERROR");
    let about = |it: &str| flow::sounds_like_auth(it) || flow::is_about_credentials(it);
    let mut words = function.paths.iter().flat_map(|it| &it.segments).map(|it| &*it.name);
    !never && fails && !broken && (about(&of.name) || words.any(about))
}

fn derives_extraction(arg: &crate::rs::ir::AttrArg) -> bool {
    match arg.value.as_ref().map(|it| &it.kind) {
        Some(crate::rs::ir::ExprKind::Path(path)) => TRAITS.contains(&path.last()),
        _ => false,
    }
}

/// Which of two states protects more.
trait Stronger {
    fn max_of(self, other: Self) -> Self;
}

impl Stronger for GuardState {
    fn max_of(self, other: Self) -> Self {
        match (self, other) {
            (Self::Guarded, _) | (_, Self::Guarded) => Self::Guarded,
            (Self::Unsure, _) | (_, Self::Unsure) => Self::Unsure,
            _ => Self::Open,
        }
    }
}
