//! What is put into a router: other routers, services, files, and what remains when no route matched.

use std::rc::Rc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::{Method, StepKind};
use doorward::path::PathTemplate;

use super::discover::{Axum, Model};
use crate::frameworks::rust::{Handler, unroll};
use crate::rs::flow;
use crate::rs::value::{Arg, Branch, Term, Value};
use crate::walk::printable;

impl Axum<'_> {
    pub(super) fn nest(&mut self, model: &mut Model, call: &Rc<Term>, name: &str, path: &Arg, inner: &Arg) {
        let paths = self.paths(path, call);
        for path in paths {
            let text = format!("{name}(\"{path}\", {})", inner.text);
            let step = self.reader.step(StepKind::Mount, text, Some(path.to_string()), call.place);
            if self.is_router_value(&inner.value) {
                let found = self.model(&inner.value);
                for (from, to) in [(&found.routes, &mut model.routes), (&found.fallback, &mut model.fallback)] {
                    for entry in from {
                        let mut entry = entry.clone();
                        entry.path = path.join(&entry.path);
                        entry.branch = longer(&entry.branch, &call.branch);
                        entry.steps.insert(0, step.clone());
                        to.push(entry);
                    }
                }
                model.unknown.extend(&found.unknown);
                continue;
            }
            self.service(model, call, &path, inner, name);
        }
    }

    /// A service that is not a router.
    pub(super) fn service(&mut self, model: &mut Model, call: &Rc<Term>, path: &PathTemplate, inner: &Arg, name: &str) {
        let (base, _) = unroll(&inner.value);
        if self.is_files(&base) {
            let diagnostic =
                Diagnostic::new("DW2021", format!("the files that `{}` names are served to anyone", inner.text))
                    .at(self.reader.location(call.place))
                    .help("put a guard in front of them if they are not meant for everybody");
            self.reader.found.source.findings.push(diagnostic);
            return;
        }
        let diagnostic = Diagnostic::new(
            "DW2004",
            format!("`{}` is mounted at `{path}`, and what it serves can't be read", printable(&inner.text)),
        )
        .at(self.reader.location(call.place))
        .help("mount a router instead, or put a guard in front of it");
        self.reader.tell(diagnostic);
        let rest: PathTemplate = "/{*path}".parse().unwrap_or_default();
        let entry = self.entry(call, Method::ALL, path.join(&rest), inner, name);
        model.routes.push(entry);
    }

    pub(super) fn is_files(&self, value: &Value) -> bool {
        let head = self.reader.eval.head(value);
        head.is_some_and(|it| it.iter().any(|it| matches!(&**it, "ServeDir" | "ServeEmbed" | "SpaRouter")))
    }

    pub(super) fn merge(&mut self, model: &mut Model, call: &Rc<Term>, other: &Arg) {
        let text = format!("merge({})", other.text);
        let step = self.reader.step(StepKind::Mount, text, None, call.place);
        if !self.is_router_value(&other.value) {
            if matches!(other.value, Value::None | Value::Unit) {
                return;
            }
            let diagnostic = Diagnostic::new(
                "DW2004",
                format!("`{}` is merged, and what it serves can't be read", printable(&other.text)),
            )
            .at(self.reader.location(call.place))
            .help("merge a router that the project makes, or put a guard in front of it");
            self.reader.tell(diagnostic);
            return;
        }
        let found = self.model(&other.value);
        for (from, to) in [(&found.routes, &mut model.routes), (&found.fallback, &mut model.fallback)] {
            for entry in from {
                let mut entry = entry.clone();
                entry.branch = longer(&entry.branch, &call.branch);
                entry.steps.insert(0, step.clone());
                to.push(entry);
            }
        }
        model.unknown.extend(&found.unknown);
    }

    /// What remains when no route matched. That it says 404 is no route.
    pub(super) fn fallback(&mut self, model: &mut Model, call: &Rc<Term>, handler: &Arg) {
        model.fallback.clear();
        let functions = Handler::of(handler).functions;
        let nothing = !matches!(handler.value, Value::Closure(_))
            && !functions.is_empty()
            && functions.iter().all(|it| flow::only_not_found(self.reader.program, it));
        let (base, _) = unroll(&handler.value);
        let closure = match &base {
            Value::Closure(closure) => flow::closure_only_not_found(&closure.closure),
            _ => false,
        };
        if nothing || closure {
            return;
        }
        let rest: PathTemplate = "/{*path}".parse().unwrap_or_default();
        if self.is_files(&base) {
            self.service(model, call, &PathTemplate::root(), handler, "fallback_service");
            return;
        }
        if self.is_router_value(&handler.value) {
            let found = self.model(&handler.value);
            model.add(&found);
            return;
        }
        let answers = self.methods(&handler.value);
        if answers.is_empty() {
            let entry = self.entry(call, Method::ALL, rest, handler, "fallback");
            model.fallback.push(entry);
            return;
        }
        for answer in answers {
            let entry = self.entry(call, &answer.method, rest.clone(), &answer.handler, "fallback");
            model.fallback.push(entry);
        }
    }
}

/// The conditions of a route that is mounted under others.
fn longer(inner: &Branch, outer: &Branch) -> Branch {
    if inner.len() >= outer.len() { Rc::clone(inner) } else { Rc::clone(outer) }
}
