//! Wrong ways to use Clerk that show in the source.

use std::collections::{BTreeSet, HashSet};

use doorward::diagnostic::Diagnostic;
use doorward::inventory::GuardState;

use super::host::{Layer, LayerKind};
use super::{Reader, parts};
use super::{flow, guards};
use crate::js;
use crate::js::value::{Place, Value};
use crate::walk::printable;

pub(super) fn collect(reader: &mut Reader<'_>, roots: &[usize]) {
    calls(reader);
    uncalled(reader);
    order_of_cors(reader, roots);
    bodies(reader);
    conditional(reader);
    params(reader);
}

fn report(reader: &mut Reader<'_>, place: Place, diagnostic: Diagnostic) {
    let location = js::packages::location(reader.program, place);
    reader.found.source.findings.push(diagnostic.at(location));
}

/// What calls of Clerk's packages say by themselves.
fn calls(reader: &mut Reader<'_>) {
    let mut attached: Vec<Place> = Vec::new();
    for call in reader.eval.host.noticed.clone() {
        let place = call.site.place();
        let name = call.name.rsplit('.').next().unwrap_or_default();
        let options = call.args.first().map(|it| it.value.clone());
        if let Some(Value::Object(options)) = &options
            && let Some(Value::Str(secret)) = options.get("secretKey")
            && !secret.assumed
            && !secret.text.is_empty()
        {
            report(
                reader,
                place,
                Diagnostic::new("DW2109", format!("`{name}` is given a secret key that is written in the source"))
                    .help("read it from the environment, and replace the key: everyone with the source has it"),
            );
        }
        match (call.package.as_str(), name) {
            ("@clerk/express", "requireAuth") => report(
                reader,
                place,
                Diagnostic::new(
                    "DW2101",
                    "`requireAuth()` is deprecated, answers 302 instead of 401, and lets API keys in as users",
                )
                .help("let `doorward plan` replace it with a guard"),
            ),
            ("@clerk/clerk-sdk-node", _) => report(
                reader,
                place,
                Diagnostic::new(
                    "DW2102",
                    format!("`{name}` comes from `@clerk/clerk-sdk-node`, which is no longer maintained"),
                )
                .help("move to `@clerk/express`; `doorward plan` does it for guards"),
            ),
            ("@clerk/express" | "@clerk/nextjs/server", "createRouteMatcher") => report(
                reader,
                place,
                Diagnostic::new(
                    "DW2105",
                    "`createRouteMatcher` decides by the text of a path, and other spellings of the path get past it",
                )
                .help("put a guard on the route or its router"),
            ),
            ("@clerk/express", "clerkMiddleware") => {
                if !attached.contains(&place) {
                    attached.push(place);
                }
                let lacks = match &options {
                    None => true,
                    Some(Value::Object(options)) => !options.open.get() && options.get("authorizedParties").is_none(),
                    Some(_) => false,
                };
                if lacks {
                    report(
                        reader,
                        place,
                        Diagnostic::new("DW2108", "`clerkMiddleware` is not told which origins' tokens to accept")
                            .help("pass `authorizedParties`; doorward's `clerkOptions` does"),
                    );
                }
            }
            _ => {}
        }
    }
    let used: Vec<Place> = used_middleware(reader);
    let second: Vec<Place> = used.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    if second.len() > 1 {
        for place in used.iter().skip(1) {
            report(
                reader,
                *place,
                Diagnostic::new("DW2106", "`clerkMiddleware` is attached a second time; only the first one counts")
                    .help("keep one, at the top of the application, with all options"),
            );
        }
    }
}

/// The places where `clerkMiddleware(…)` is attached, in order, and findings on aliases of it.
fn used_middleware(reader: &mut Reader<'_>) -> Vec<Place> {
    let mut used = Vec::new();
    for at in 0..reader.eval.host.made.len() {
        for layer in reader.layers(at) {
            for part in parts(&layer.handlers) {
                let Value::External(external) = &part.value else { continue };
                if external.package() != Some("@clerk/express") || !external.name().ends_with("clerkMiddleware") {
                    continue;
                }
                let place = Place { module: layer.site.module, span: part.span };
                let text = reader.text(place.module, place.span);
                let alias = text.trim();
                let lower = alias.to_ascii_lowercase();
                let promises =
                    ["require", "protect", "guard", "ensure", "restrict", "only"].iter().any(|it| lower.contains(it));
                let on_a_route = layer.kind != LayerKind::Use && guards::sounds_like_auth(alias);
                if !lower.contains("clerkmiddleware") && (promises || on_a_route) {
                    let name = printable(&super::one_line(&super::callee(alias)));
                    report(
                        reader,
                        place,
                        Diagnostic::new("DW2104", format!("`{name}` is `clerkMiddleware()`, which refuses nobody"))
                            .help("use a guard that answers 401, and attach `clerkMiddleware()` once at the top"),
                    );
                }
                if !used.contains(&place) {
                    used.push(place);
                }
            }
        }
    }
    used
}

/// Factories of middleware that are given instead of what they make.
fn uncalled(reader: &mut Reader<'_>) {
    for at in 0..reader.eval.host.made.len() {
        for layer in reader.layers(at) {
            for part in parts(&layer.handlers) {
                let Value::External(external) = &part.value else { continue };
                let path = external.path();
                let is_factory = matches!(
                    path.as_slice(),
                    ["@clerk/express", "requireAuth" | "clerkMiddleware"]
                        | ["@clerk/clerk-sdk-node", "ClerkExpressRequireAuth" | "ClerkExpressWithAuth"]
                        | ["doorward", "guard"]
                );
                if !is_factory {
                    continue;
                }
                let name = path.last().copied().unwrap_or_default().to_owned();
                report(
                    reader,
                    Place { module: layer.site.module, span: part.span },
                    Diagnostic::new("DW2112", format!("`{name}` is used without being called"))
                        .help(format!("write `{name}(…)`: it makes the middleware")),
                );
            }
        }
    }
}

/// Preflights carry no token: what refuses strangers must come after CORS.
fn order_of_cors(reader: &mut Reader<'_>, roots: &[usize]) {
    for root in roots {
        let mut guard: Option<String> = None;
        for layer in reader.layers(*root).into_iter().filter(|it| it.kind == LayerKind::Use) {
            for part in parts(&layer.handlers) {
                let place = Place { module: layer.site.module, span: part.span };
                let text = reader.text(place.module, place.span);
                let is_cors = super::is_cors(&part.value);
                if is_cors {
                    if let Some(guard) = &guard {
                        let message = format!("CORS comes after `{guard}`, so browsers' preflights are refused");
                        report(
                            reader,
                            place,
                            Diagnostic::new("DW2107", message).help("move it above everything that can refuse"),
                        );
                    }
                } else if layer.path.is_none() && !matches!(part.value, Value::Host(_)) {
                    let verdict = reader.judge(&part.value, &text, place);
                    if verdict.state != GuardState::Open && verdict.origin != "unknown" {
                        guard = Some(reader.shown(&part.value, &text));
                    }
                }
            }
        }
    }
}

/// `req.auth` as an object, in any handler. Only Clerk makes it a function.
fn bodies(reader: &mut Reader<'_>) {
    let uses_clerk =
        reader.found.read.iter().any(|at| reader.program.sources(*at).iter().any(|it| it == "@clerk/express"));
    if !uses_clerk {
        return;
    }
    let mut seen = HashSet::new();
    let mut places = BTreeSet::new();
    let mut wrapped = BTreeSet::new();
    for at in 0..reader.eval.host.made.len() {
        for Layer { handlers, site, .. } in reader.layers(at) {
            for part in parts(&handlers) {
                if let Value::Function(closure) = &part.value {
                    let mut body = guards::Body::default();
                    guards::scan(&mut reader.eval, closure, &mut body, &mut seen, 4);
                    places.extend(body.auth_object);
                    if body.calls_guard.as_deref() == Some("@clerk/express.requireAuth") {
                        wrapped.insert(Place { module: site.module, span: part.span });
                    }
                }
            }
        }
    }
    for place in wrapped {
        report(
            reader,
            place,
            Diagnostic::new(
                "DW2101",
                "this middleware calls `requireAuth()`, which is deprecated and answers 302 instead of 401",
            )
            .help("use a guard in its place"),
        );
    }
    for place in places {
        report(
            reader,
            place,
            Diagnostic::new(
                "DW2103",
                "`req.auth` is a function: as a condition it is always true, and it has no `userId`",
            )
            .help("call `getAuth(req)`, or let a guard refuse before the handler runs"),
        );
    }
}

/// Guards that only run under a condition.
fn conditional(reader: &mut Reader<'_>) {
    for at in 0..reader.eval.host.made.len() {
        let Some(made) = reader.eval.host.made.get(at) else { continue };
        let layers = made.layers.clone();
        for (index, layer) in layers.iter().enumerate() {
            if layer.kind != LayerKind::Use || layer.site.branch.is_empty() {
                continue;
            }
            let outside = layers.iter().skip(index + 1).any(|it| !it.site.branch.starts_with(&layer.site.branch));
            if !outside {
                continue;
            }
            for part in parts(&layer.handlers) {
                let place = Place { module: layer.site.module, span: part.span };
                let text = reader.text(place.module, place.span);
                if matches!(part.value, Value::Host(_))
                    || reader.judge(&part.value, &text, place).state != GuardState::Guarded
                {
                    continue;
                }
                let name = reader.shown(&part.value, &text);
                report(
                    reader,
                    place,
                    Diagnostic::new("DW2110", format!("`{name}` is attached only under a condition"))
                        .help("attach it always; in development, sign in as a test user"),
                );
            }
        }
    }
}

/// Callbacks of `param` run before the guards of the routes that have the parameter.
fn params(reader: &mut Reader<'_>) {
    for (value, place) in reader.eval.host.params.clone() {
        let mut shows = false;
        for value in value.each() {
            if let Value::Function(closure) = value {
                shows |= flow::flow(Some(&mut reader.eval), &closure).shows;
            }
        }
        if shows {
            reader.tell_of_answers("param", place);
        }
    }
}
