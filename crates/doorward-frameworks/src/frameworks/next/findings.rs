//! What is worth telling about a project besides its routes.

use std::rc::Rc;

use doorward::diagnostic::Diagnostic;

use super::discover::Reader;
use super::files::Located;
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
