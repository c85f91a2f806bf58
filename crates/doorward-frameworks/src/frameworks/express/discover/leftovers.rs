//! What is not in the inventory, and why: so that nothing is dropped in silence.

use std::collections::BTreeSet;

use doorward::diagnostic::Diagnostic;
use doorward::path::PathTemplate;

use super::super::{SERVES_PAGES, SERVES_ROUTES};
use super::host::{Kind, Layer, LayerKind};
use super::{Before, Part, Reader, callee, flow, guards, one_line, sheltered};
use crate::js;
use crate::js::eval::{Branch, Site as CallSite};
use crate::js::guards::HARMLESS;
use crate::js::ir::{self, ExprKind, Key, Span, StmtKind};
use crate::js::value::Value;
use crate::walk::printable;

impl Reader<'_> {
    pub(super) fn unknown_handlers(&mut self, site: &CallSite, span: Span) {
        let place = self.location(site.module, span);
        let text = printable(&one_line(&self.text(site.module, span)));
        self.tell(
            Diagnostic::new("DW2005", format!("the handlers in `...{text}` are only known when the program runs"))
                .at(place)
                .help("list the handlers, so that guards among them can be seen"),
        );
    }

    /// Something is used that may register routes of its own.
    pub(super) fn mount_of_unknown(
        &mut self,
        value: &Value,
        part: &Part,
        layer: &Layer,
        paths: &[PathTemplate],
        is_last: bool,
    ) {
        let below_root = layer.path.is_some() && paths.iter().any(|it| !it.segments().is_empty());
        let from = match value {
            Value::Unknown if is_last => "code that can't be read".to_owned(),
            Value::External(external) => {
                let Some(package) = external.package() else { return };
                let name = external.name();
                let known = HARMLESS.contains(&package)
                    || package == "doorward"
                    || package.starts_with("@clerk/")
                    || SERVES_PAGES.contains(&name.as_str())
                    || guards::sounds_like_auth(&name)
                    || package.contains("swagger-ui");
                let text = self.text(layer.site.module, part.span).to_ascii_lowercase();
                let serves = SERVES_ROUTES.contains(&package);
                if known && !serves {
                    return;
                }
                if !serves && !(is_last && (below_root || text.contains("route"))) {
                    self.unknown_middleware(part, layer, package);
                    return;
                }
                format!("the package `{}`", printable(package))
            }
            _ => return,
        };
        let place = self.location(layer.site.module, part.span);
        let text = printable(&one_line(&callee(&self.text(layer.site.module, part.span))));
        self.tell(
            Diagnostic::new("DW2004", format!("`{text}` comes from {from}; routes it serves are not listed"))
                .at(place)
                .help("guard the mount by hand with a middleware in front of it"),
        );
    }

    /// Middleware of a package doorward knows nothing of. Most of it only looks at requests; some answers them.
    fn unknown_middleware(&mut self, part: &Part, layer: &Layer, package: &str) {
        let place = self.location(layer.site.module, part.span);
        let text = printable(&one_line(&callee(&self.text(layer.site.module, part.span))));
        self.tell(
            Diagnostic::new(
                "DW2022",
                format!("`{text}` comes from the package `{}`, which doorward does not know", printable(package)),
            )
            .at(place)
            .help("if it answers requests, guard it by hand with a middleware in front of it"),
        );
    }

    /// Routers that nothing mounts.
    pub(super) fn loose(&mut self, reached: &BTreeSet<usize>) {
        for at in 0..self.eval.host.made.len() {
            let Some(made) = self.eval.host.made.get(at) else { continue };
            if reached.contains(&at) {
                self.found.mounted.insert(made.place);
                continue;
            }
            let routes = made.layers.iter().filter(|it| it.kind != LayerKind::Use).count();
            if matches!(made.kind, Kind::Route(..)) || made.layers.is_empty() {
                continue;
            }
            let name = made.name.clone().unwrap_or_else(|| "a router".to_owned());
            let place = made.place;
            let diagnostic = Diagnostic::new(
                "DW2011",
                format!(
                    "`{}` is never mounted on an application; its registrations ({routes}) are not listed",
                    printable(&name)
                ),
            )
            .at(js::packages::location(self.program, place))
            .help("mount it, delete it, or ignore this if it is mounted in a way doorward reports elsewhere");
            self.found.loose.push((place, diagnostic));
        }
        let escapes: Vec<(usize, CallSite)> = self
            .eval
            .host
            .made
            .iter()
            .enumerate()
            .filter(|(at, made)| {
                !matches!(made.kind, Kind::Route(..)) && (reached.contains(at) || !made.layers.is_empty())
            })
            .flat_map(|(at, made)| made.escapes.iter().map(move |site| (at, site.clone())))
            .collect();
        let handed = self.eval.host.handed.clone();
        for (package, site) in &handed {
            let place = self.location(site.module, site.call);
            let text = printable(&one_line(&callee(&self.text(site.module, site.call))));
            let from = format!("the package `{}`", printable(package));
            self.tell(
                Diagnostic::new("DW2004", format!("`{text}` lets {from} register routes; they are not listed"))
                    .at(place)
                    .help("put a guard in front of it with a middleware"),
            );
        }
        for (_, site) in escapes {
            if handed.iter().any(|(_, it)| it.place() == site.place()) {
                continue;
            }
            let text = printable(&one_line(&callee(&self.text(site.module, site.call))));
            let place = self.location(site.module, site.call);
            self.tell(
                Diagnostic::new(
                    "DW2016",
                    format!("`{text}` is given an application or a router and may add routes to it"),
                )
                .at(place)
                .help("if it does, guard those routes by hand; they are not listed"),
            );
        }
    }

    /// Functions that register routes on a parameter, and that nothing calls.
    pub(super) fn uncalled(&mut self) {
        let read: Vec<usize> = self.found.read.iter().copied().collect();
        for at in read {
            if self.eval.stands_for(at).is_some() {
                continue;
            }
            let module = self.program.module(at);
            let mut functions = Vec::new();
            for statement in &module.body {
                if let StmtKind::Function(function) = &statement.kind {
                    functions.push(function);
                }
            }
            ir::visit(&module.body, &mut |expr| {
                if let ExprKind::Function(function) = &expr.kind {
                    functions.push(function);
                }
                true
            });
            for function in functions {
                let params: Vec<&str> = (0..function.params.len()).filter_map(|at| function.param_name(at)).collect();
                if params.is_empty() || self.eval.was_entered(function) {
                    continue;
                }
                let mut registers = false;
                ir::visit(&function.body, &mut |expr| {
                    if let ExprKind::Call(callee, items) = &expr.kind
                        && let ExprKind::Member(object, Key::Name(verb)) = &callee.kind
                        && let ExprKind::Name(name) = &object.kind
                        && params.contains(&&**name)
                        && items.len() > 1
                        && matches!(&**verb, "get" | "post" | "put" | "patch" | "delete" | "use" | "all")
                        && matches!(items.first().map(|it| &it.value.kind), Some(ExprKind::Str(path)) if path.starts_with('/'))
                    {
                        registers = true;
                    }
                    !registers
                });
                if registers {
                    let place = self.location(at, function.span);
                    self.tell(
                        Diagnostic::new(
                            "DW2017",
                            "a function registers routes on its parameter, but nothing in the project calls it",
                        )
                        .at(place)
                        .help("call it with an application, or delete it; until then, its routes are not listed"),
                    );
                }
            }
        }
    }

    /// Functions given to a server in place of the application.
    pub(super) fn listeners(&mut self) {
        for (closure, site) in self.eval.host.listeners.clone() {
            let flow = flow::flow(Some(&mut self.eval), &closure);
            if !(flow.shows || flow.ends || flow.hands_on) {
                continue;
            }
            let place = self.location(site.module, site.call);
            let text = printable(&one_line(&callee(&self.text(site.module, site.call))));
            let what = if flow.shows || flow.ends {
                "answers requests itself"
            } else {
                "gives requests to code that can't be read"
            };
            self.tell(
                Diagnostic::new(
                    "DW2019",
                    format!("the function given to `{text}` {what}; what is served there is not listed"),
                )
                .at(place)
                .help("give the server the application itself, and make routes of what the function answers"),
            );
        }
    }

    /// Files that are served where no guard has run.
    pub(super) fn files_for_anyone(
        &mut self,
        chain: &[Before],
        branches: &[Branch],
        layer: &Layer,
        part: &Part,
        paths: &[PathTemplate],
        prefix: &PathTemplate,
    ) {
        let open: Vec<String> = paths
            .iter()
            .map(|it| prefix.join(it))
            .filter(|it| !sheltered(chain, branches, layer, it))
            .map(|it| it.to_string())
            .collect();
        let Some(first) = open.first() else { return };
        let place = self.location(layer.site.module, part.span);
        self.found.source.findings.push(
            Diagnostic::new("DW2021", format!("static files below `{}` are served to anyone", printable(first)))
                .at(place)
                .help("put a guard in front of them if they are not meant for everybody"),
        );
    }
}
