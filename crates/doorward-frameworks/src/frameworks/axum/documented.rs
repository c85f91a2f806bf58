//! Routes whose path stands in an attribute: `routes!(handler)` of utoipa, `typed_get(handler)` of axum-extra.

use std::rc::Rc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::Method;

use super::discover::{Axum, Model};
use super::{methods, templates};
use crate::frameworks::rust::{Handler, unroll};
use crate::rs::value::{Arg, Term, TermKind, Value};

impl Axum<'_> {
    /// `.routes(routes!(one, two))`: the path stands in the attribute of each handler.
    pub(super) fn openapi_routes(&mut self, model: &mut Model, call: &Rc<Term>, value: &Value) {
        let (base, calls) = unroll(value);
        let Value::Term(term) = &base else {
            self.unknown_routes(call);
            return;
        };
        let TermKind::Macro(Some(args)) = &term.kind else {
            self.unknown_routes(call);
            return;
        };
        let mut layers = Vec::new();
        for inner in &calls {
            if let TermKind::Method(_, name, _, args) = &inner.kind
                && matches!(&**name, "layer" | "route_layer" | "map")
                && let Some(layer) = args.first()
            {
                layers.push((layer.clone(), inner.place, Rc::clone(&inner.branch)));
            }
        }
        for arg in args {
            let handler = Handler::of(arg);
            let mut any = false;
            for function in &handler.functions {
                for (method, path) in methods::documented(function) {
                    let Ok(path) = templates::parse(&path, false) else { continue };
                    any = true;
                    let mut entry = self.entry(call, &method, path, arg, "routes");
                    entry.place = arg.place;
                    entry.text = format!("routes!({})", arg.text);
                    for layer in &layers {
                        let layer = self.judged(layer);
                        self.wrap(&mut entry, &layer, "layer");
                    }
                    model.routes.push(entry);
                }
            }
            if !any {
                self.unknown_routes(call);
            }
        }
    }

    pub(super) fn unknown_routes(&mut self, call: &Rc<Term>) {
        let diagnostic = Diagnostic::new("DW2260", "the paths of these handlers can't be read from their attributes")
            .at(self.reader.location(call.place))
            .help("give each handler `#[utoipa::path(get, path = \"…\")]` with a literal path");
        self.reader.tell(diagnostic);
    }

    /// `router.typed_get(handler)`: the path is an attribute of the type of the first parameter.
    pub(super) fn typed(&mut self, model: &mut Model, call: &Rc<Term>, method: &Method, handler: &Arg) {
        let functions = Handler::of(handler).functions;
        let path = functions.iter().find_map(|it| methods::typed_path(self.reader.program, it));
        match path.map(|it| templates::parse(&it, self.old)) {
            Some(Ok(path)) => {
                let entry = self.entry(call, method.as_str(), path, handler, "typed route");
                model.routes.push(entry);
            }
            _ => self.unknown_routes(call),
        }
    }
}
