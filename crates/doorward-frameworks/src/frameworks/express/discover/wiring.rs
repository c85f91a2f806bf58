//! What planning edits: handlers of registrations, and the statements about root applications in their order.

use std::collections::HashSet;
use std::ops::Range;

use super::host::{Event, Layer, LayerKind};
use super::{Reader, inside, is_cors, parts, places};
use crate::js::ir::Span;
use crate::js::value::{External, Place, Value};
use crate::model::{Handler, HandlerKind, Site, Wiring, WiringKind};
use crate::walk::printable;

impl Reader<'_> {
    pub(super) fn handlers(&mut self, layer: &Layer) -> Vec<Handler> {
        let mut handlers: Vec<Handler> = Vec::new();
        for arg in &layer.handlers {
            let inner = parts(std::slice::from_ref(arg));
            let mut kind = HandlerKind::Other;
            for part in &inner {
                let place = Place { module: layer.site.module, span: part.span };
                let text = self.text(layer.site.module, part.span);
                let found = match &part.value {
                    value @ Value::External(_) => self.judge(value, &text, place).kind,
                    _ => HandlerKind::Other,
                };
                if kind == HandlerKind::Other {
                    kind = found;
                }
            }
            let span = arg.span.range();
            // A spread array shows as one place in the source.
            if handlers.last().is_none_or(|it| it.span != span) {
                handlers.push(Handler { span, kind });
            }
        }
        handlers
    }

    /// What the statements about root applications do, in order.
    pub(super) fn wiring(&mut self, roots: &[usize]) {
        let mut seen = HashSet::new();
        for event in self.eval.host.events.clone() {
            let wiring = match event {
                Event::Made(at) if roots.contains(&at) => {
                    let Some(made) = self.eval.host.made.get(at) else { continue };
                    Wiring {
                        kind: WiringKind::Create,
                        file: self.file(made.place.module),
                        line: self.location(made.place.module, made.place.span).line,
                        object: at,
                        app: self.made_name(at),
                        statement: self.trimmed(made.place.module, made.statement),
                        place: self.place(at, made.place.module, made.place.span),
                        call: made.place.span.range(),
                    }
                }
                Event::Layer(at, layer) if roots.contains(&at) => {
                    let Some(layer) = self.layers(at).get(layer).cloned() else { continue };
                    let (kind, call) = self.layer_kind(&layer);
                    Wiring {
                        kind,
                        file: self.file(layer.site.module),
                        line: self.location(layer.site.module, layer.site.statement).line,
                        object: at,
                        app: self.app_name(at, layer.site.module, layer.site.object),
                        statement: self.trimmed(layer.site.module, layer.site.statement),
                        place: self.place(at, layer.site.module, layer.site.call),
                        call: call.range(),
                    }
                }
                Event::End(at, module, statement, call, name) if roots.contains(&at) => Wiring {
                    kind: WiringKind::End,
                    file: self.file(module),
                    line: self.location(module, statement).line,
                    object: at,
                    app: self.app_name(at, module, name),
                    statement: self.trimmed(module, statement),
                    place: self.place(at, module, call),
                    call: call.range(),
                },
                _ => continue,
            };
            if seen.insert((wiring.file.clone(), wiring.call.start, wiring.call.end, wiring.statement.start)) {
                self.found.source.wiring.push(wiring);
            }
        }
    }

    /// What an application is called where it is made: of several names, as in `const app = module.exports = express()`,
    /// the one that registrations use.
    fn made_name(&self, at: usize) -> String {
        let Some(made) = self.eval.host.made.get(at) else { return String::new() };
        let statement = self.text(made.place.module, made.statement);
        let is_bound = |name: &str| statement.split(name).skip(1).any(|rest| rest.trim_start().starts_with(['=', ':']));
        let used = made.layers.iter().filter(|it| it.site.module == made.place.module);
        used.map(|it| self.app_name(at, it.site.module, it.site.object))
            .find(|name| is_bound(name))
            .or_else(|| made.name.clone())
            .unwrap_or_else(|| "app".to_owned())
    }

    fn place(&self, object: usize, module: usize, at: Span) -> Option<Range<usize>> {
        let made = self.eval.host.made.get(object).map_or(at, |it| it.place.span);
        let found = places::around(&self.program.module(module), at, made)?;
        Some(self.trimmed(module, found))
    }

    /// A statement without the `;` that stands before the next one, on its line: `f()⏎;[1].map(g)`.
    fn trimmed(&self, module: usize, statement: Span) -> Range<usize> {
        let text = self.text(module, statement);
        let kept = text
            .strip_suffix(';')
            .map(str::trim_end)
            .filter(|kept| text.get(kept.len()..).is_some_and(|it| it.contains('\n')));
        statement.start..kept.map_or(statement.end, |kept| statement.start + kept.len())
    }

    /// `app` of `app.use(a).use(b)`.
    pub(super) fn app_name(&self, object: usize, module: usize, span: Span) -> String {
        let text = self.text(module, span);
        let head = text.split('(').next().unwrap_or_default();
        let head = if text.contains('(') { head.rsplit_once('.').map_or("", |(head, _)| head) } else { head };
        let plain = !head.is_empty() && head.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '#'));
        if plain {
            return head.to_owned();
        }
        self.eval.host.made.get(object).and_then(|it| it.name.clone()).unwrap_or_else(|| "app".to_owned())
    }

    pub(super) fn layer_kind(&mut self, layer: &Layer) -> (WiringKind, Span) {
        let all = parts(&layer.handlers);
        let whole = layer.site.call;
        if layer.kind != LayerKind::Use {
            let preflight = !all.is_empty() && all.iter().all(|it| is_cors(&it.value));
            return (if preflight { WiringKind::Cors } else { WiringKind::Routes }, whole);
        }
        for part in &all {
            for value in part.value.each() {
                match value {
                    Value::Host(_) => return (WiringKind::Routes, whole),
                    Value::Function(closure) if closure.function.arity >= 4 => {
                        return (WiringKind::ErrorHandler(false), whole);
                    }
                    Value::Function(closure) if self.answers_all(closure.as_ref()) => {
                        return (WiringKind::Routes, whole);
                    }
                    _ => {}
                }
            }
        }
        for part in &all {
            let Value::External(external) = &part.value else { continue };
            let package = external.package().unwrap_or_default();
            let path = external.path();
            let name = path.iter().rev().find(|it| **it != "()").copied().unwrap_or_default();
            let span = match &**external {
                External::Call(_, _, place)
                    if place.module == layer.site.module && inside(place.span, layer.site.statement) =>
                {
                    place.span
                }
                _ => part.span,
            };
            let kind = match (package, name) {
                ("cors", _) | ("doorward", "crossOrigin") => WiringKind::Cors,
                ("express", "json" | "urlencoded" | "raw" | "text") | ("body-parser", _) => WiringKind::BodyParser,
                ("doorward", "rawBody") => {
                    let path = layer.path.as_ref().and_then(|it| it.value.as_str()).unwrap_or("/");
                    WiringKind::RawBody(printable(path))
                }
                ("doorward", "authErrors") => WiringKind::ErrorHandler(true),
                ("@clerk/express", "clerkMiddleware") => WiringKind::Clerk,
                ("@clerk/express", "requireAuth")
                | (
                    "@clerk/clerk-sdk-node",
                    "ClerkExpressWithAuth" | "ClerkExpressRequireAuth" | "withAuth" | "requireAuth",
                ) => WiringKind::DeprecatedClerk,
                _ => continue,
            };
            return (kind, span);
        }
        (WiringKind::Middleware, whole)
    }

    /// Mounts behind a deprecated guard: no routes of their own, but something to take away.
    pub(super) fn deprecated_mounts(&mut self, roots: &[usize]) {
        let mut seen = HashSet::new();
        for event in self.eval.host.events.clone() {
            let Event::Layer(at, layer) = event else { continue };
            let Some(layer) = self.layers(at).get(layer).cloned() else { continue };
            let place = layer.site.place();
            if layer.kind != LayerKind::Use || self.sites.contains_key(&place) || !seen.insert(place) {
                continue;
            }
            let handlers = self.handlers(&layer);
            let is_wiring = roots.contains(&at) && self.layer_kind(&layer).0 == WiringKind::DeprecatedClerk;
            if is_wiring || !handlers.iter().any(|it| it.kind == HandlerKind::Deprecated) {
                continue;
            }
            let (file, line) = (self.file(place.module), self.location(place.module, place.span).line);
            let call = layer.site.statement.range();
            self.found.source.sites.push(Site { routes: Vec::new(), file, line, call, handlers });
        }
    }
}
