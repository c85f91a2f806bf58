//! What is worth telling about a project besides its routes.

use std::rc::Rc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::GuardState;

use super::discover::Reader;
use super::files::Located;
use super::middleware::{Before, Cover};
use crate::js::stranger::Notice;
use crate::js::value::{External, Place, Value};
use crate::walk::printable;

/// Paths that lead to other servers, or to routes that have another path already.
pub(super) fn rewrites(reader: &mut Reader) {
    if reader.config.exported {
        let place = reader.config.output_place;
        let at = reader.location(place);
        reader.found.source.findings.push(
            Diagnostic::new("DW2134", "nothing of this application runs where it is served: only files are built")
                .at(at)
                .help("leave `output: 'export'` out if routes are to be guarded"),
        );
        return;
    }
    let rewrites = std::mem::take(&mut reader.config.rewrites);
    for rewrite in &rewrites {
        let at = reader.location(rewrite.place);
        let (source, destination) = (printable(&rewrite.source), printable(&rewrite.destination));
        let is_outside = destination.contains("://");
        if destination.is_empty() {
            reader.found.unresolved.push(
                Diagnostic::new("DW2003", format!("where the rewrite of `{source}` leads is only known at run time"))
                    .at(at)
                    .help("see to it that what answers there refuses strangers itself"),
            );
        } else if is_outside {
            let host = destination.split('?').next().unwrap_or(&destination);
            reader.found.source.findings.push(
                Diagnostic::new("DW2130", format!("`{source}` is forwarded to `{host}`"))
                    .at(at)
                    .help("see to it that what answers there refuses strangers itself"),
            );
        } else if leads_to_route(reader, &rewrite.destination) {
            reader.found.source.findings.push(
                Diagnostic::new("DW2131", format!("`{source}` leads to `{destination}`, which is a route"))
                    .at(at)
                    .help("guard the route itself, and not its path"),
            );
        }
    }
    reader.config.rewrites = rewrites;
}

/// Whether a destination such as `/api/:path*` can be one of the routes found.
fn leads_to_route(reader: &Reader, destination: &str) -> bool {
    let literal = |text: &str| {
        let parts = text.split(['?', '#']).next().unwrap_or(text).split('/').filter(|it| !it.is_empty());
        parts.take_while(|it| !it.contains([':', '{', '*', '('])).map(str::to_owned).collect::<Vec<_>>()
    };
    let wanted = literal(destination);
    !wanted.is_empty()
        && reader.found.routes.iter().any(|route| {
            let have = literal(&route.path.to_string());
            let shared = wanted.iter().zip(&have).take_while(|(one, two)| one == two).count();
            shared == wanted.len() && (have.len() == shared || destination.contains([':', '*']))
        })
}

/// `(.)photo/route.ts`.
pub(super) fn interception(reader: &mut Reader, module: usize, located: &Located) {
    let path = located.paths.first().map(ToString::to_string).unwrap_or_default();
    let at = reader.location(Place { module, ..Place::default() });
    reader.found.source.findings.push(
        Diagnostic::new("DW2133", format!("this answers `{}` in the place of another route", printable(&path)))
            .at(at)
            .help("guard it like the route whose place it takes"),
    );
}

/// Packages whose handlers route requests by themselves.
const ROUTERS: &[&str] = &[
    "hono",
    "elysia",
    "@trpc/server",
    "@orpc/server",
    "@ts-rest/serverless",
    "@ts-rest/next",
    "@as-integrations/next",
    "graphql-yoga",
    "next-connect",
    "inngest",
    "uploadthing",
    "payload",
    "@payloadcms/next",
    "sanity",
    "@keystatic/next",
];

/// Tells of handlers that are routers of packages: `handle(app)` of Hono, and so on.
pub(super) fn delegation(reader: &mut Reader, handler: &Value, place: Place) {
    let Value::External(external) = handler else { return };
    let Some(package) = external.package() else { return };
    let root = package.split('/').take(if package.starts_with('@') { 2 } else { 1 }).collect::<Vec<_>>().join("/");
    if !ROUTERS.contains(&root.as_str()) || !matches!(**external, External::Call(..) | External::Member(..)) {
        return;
    }
    let at = reader.location(place);
    let name = printable(&Rc::clone(external).name());
    let diagnostic = Diagnostic::new("DW2132", format!("`{name}` decides by itself what is answered here"))
        .at(at)
        .help("look at the routes of that router, too");
    if !reader.found.unresolved.contains(&diagnostic) {
        reader.found.unresolved.push(diagnostic);
    }
}

/// What was met while a handler was read.
pub(super) fn notices(reader: &mut Reader, notices: &[Notice], before: Option<&Before>, is_api: bool) {
    for notice in notices {
        let (place, code, message, help) = match notice {
            Notice::Protect(place) | Notice::OldProtect(place) if !is_api => (
                place,
                "DW2135",
                "`auth.protect()` answers API clients with a redirect to a sign-in page".to_owned(),
                "use `const { isAuthenticated } = await auth()`, and answer 401 yourself",
            ),
            Notice::NotAwaited(place) => (
                place,
                "DW2137",
                "who asks is only known by a promise here, and nothing waits for it".to_owned(),
                "write `await`, as in `await auth()`",
            ),
            Notice::Ignored(place, name) => (
                place,
                "DW2141",
                format!("`{}` makes a refusal, and what it returns is thrown away", printable(name)),
                "return what it returns, or let it throw",
            ),
            Notice::Switch(place) => (
                place,
                "DW2110",
                "whether strangers are refused depends on a variable of the environment".to_owned(),
                "refuse where the variable is not set, too",
            ),
            Notice::Unset(place, name) => (
                place,
                "DW2146",
                format!("strangers pass this check if `{}` is not set", printable(name)),
                "refuse to start without the variable",
            ),
            Notice::Clerk(place) => {
                let attached = reader.middleware.as_ref().is_some_and(|it| it.clerk);
                match before {
                    Some(before) if attached && before.covers == Cover::All => continue,
                    _ => (
                        place,
                        "DW2136",
                        "Clerk is asked here, and its middleware does not run for every path of this route".to_owned(),
                        "let the matcher of the middleware cover the route; without it, every request fails with 500",
                    ),
                }
            }
            _ => continue,
        };
        let at = reader.location(*place);
        let diagnostic = Diagnostic::new(code, message).at(at).help(help);
        if !reader.found.source.findings.contains(&diagnostic) {
            reader.found.source.findings.push(diagnostic);
        }
    }
}

/// What is wrong with the middleware, seen over all routes.
pub(super) fn middleware(reader: &mut Reader) {
    let by_list = reader.passes_the_unlisted();
    let Some(middleware) = &reader.middleware else { return };
    let at = reader.location(middleware.place);
    let mut findings = Vec::new();
    let some = |all: &[String]| {
        let shown: Vec<String> = all.iter().take(3).map(|it| format!("`{}`", printable(it))).collect();
        let more = if all.len() > 3 { format!(" and {} more", all.len() - 3) } else { String::new() };
        format!("{}{more}", shown.join(", "))
    };
    if !middleware.escaped.is_empty() {
        findings.push(
            Diagnostic::new("DW2138", format!("some paths of {} escape the middleware", some(&middleware.escaped)))
                .at(at.clone())
                .help("let the matcher cover every path below `/api`, or guard the routes themselves"),
        );
    }
    if middleware.tells_apart {
        findings.push(
            Diagnostic::new("DW2105", "`createRouteMatcher` decides by the text of a path")
                .at(at.clone())
                .help("guard the routes themselves"),
        );
    }
    let open: Vec<String> = reader
        .found
        .routes
        .iter()
        .filter(|it| it.guard.state == GuardState::Open)
        .map(|it| it.id.to_string())
        .filter(|it| middleware.passed.contains(it))
        .collect();
    if by_list && middleware.refused > 0 && !open.is_empty() {
        findings.push(
            Diagnostic::new("DW2140", format!("the middleware lets everybody pass to {}", some(&open)))
                .at(at.clone())
                .help("name what is public, refuse the rest, and guard the routes themselves"),
        );
    }
    if let Value::External(external) = &middleware.handler
        && let External::Call(_, args, _) = &**external
        && external.package().is_some_and(|it| it.starts_with("@clerk/"))
    {
        let name = external.name();
        if name.ends_with("authMiddleware") || name.ends_with("withClerkMiddleware") {
            findings.push(
                Diagnostic::new("DW2139", "this middleware of Clerk's is gone since version 6")
                    .at(at.clone())
                    .help("use `clerkMiddleware()`, and guard the routes themselves"),
            );
        } else {
            let options = args.iter().find_map(|it| match &it.value {
                Value::Object(object) => Some(Rc::clone(object)),
                _ => None,
            });
            let named = options.is_some_and(|it| it.open.get() || it.get("authorizedParties").is_some());
            let computed = args.iter().skip(1).any(|it| !matches!(it.value, Value::Object(_)));
            if !named && !computed {
                findings.push(
                    Diagnostic::new("DW2108", "`clerkMiddleware` accepts tokens that were issued for any origin")
                        .at(at)
                        .help("give it `authorizedParties`, with the origins of your front ends"),
                );
            }
        }
    }
    reader.found.source.findings.append(&mut findings);
}
