//! What is started from outside, and what can't be listed.

use doorward::diagnostic::Diagnostic;
use doorward::inventory::GuardState;

use super::avvio::{Plugin, Queued};
use super::host::{Fastify, Hook, Middleware, Trouble};
use super::{Reader, text};
use crate::js;
use crate::js::eval::{Eval, Problem, Site};
use crate::js::flow;
use crate::js::guards::{self, HARMLESS};
use crate::js::ir::{self, ExprKind, Key, Prop, Span, StmtKind};
use crate::js::program::Program;
use crate::js::value::{Arg, Object, Place, Value};
use crate::project::Package;
use crate::walk::printable;

/// `fastify start app.js` in a script: `fastify-cli` makes the instance, and registers what the file exports.
pub(super) fn started_by_the_command_line<'p>(
    eval: &mut Eval<'p, Fastify<'p>>,
    program: &'p Program,
    package: &Package,
) {
    let folder = program.root().join(if package.root == "." { "" } else { &package.root });
    let text = program.read(&folder.join("package.json")).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default();
    let scripts = manifest.get("scripts").and_then(|it| it.as_object());
    let commands = scripts.iter().flat_map(|it| it.values()).filter_map(|it| it.as_str());
    let mut started: Vec<usize> = Vec::new();
    for command in commands {
        let mut words = command.split_whitespace().map(|it| it.trim_matches(['"', '\'']));
        let starts = words
            .by_ref()
            .zip(command.split_whitespace().skip(1))
            .any(|(word, next)| matches!(word.rsplit('/').next(), Some("fastify" | "fastify-cli")) && next == "start");
        if !starts {
            continue;
        }
        let rest: Vec<&str> = words.collect();
        let prefix = rest.iter().position(|it| matches!(*it, "--prefix" | "-x")).and_then(|at| rest.get(at + 1));
        let file = rest
            .iter()
            .rev()
            .find(|it| [".js", ".ts", ".mjs", ".cjs", ".mts", ".cts"].iter().any(|end| it.ends_with(end)));
        let Some(module) = file.and_then(|it| module_of(program, package, it)) else { continue };
        if started.contains(&module) {
            continue;
        }
        started.push(module);
        start(eval, module, prefix.copied());
    }
}

/// The module a command names, built folders mapped back to where their sources are.
fn module_of(program: &Program, package: &Package, file: &str) -> Option<usize> {
    let stem = |it: &str| it.rsplit_once('.').map_or(it, |(stem, _)| stem).to_owned();
    let named = stem(file.trim_start_matches("./"));
    let mut wanted = vec![named.clone()];
    for built in ["dist/", "build/", "lib/", "out/"] {
        if let Some(inside) = named.strip_prefix(built) {
            wanted.extend([format!("src/{inside}"), inside.to_owned()]);
        }
    }
    wanted.iter().find_map(|wanted| {
        package.modules.iter().copied().find(|at| {
            let file = program.file(*at);
            let inside = match package.root.as_str() {
                "." => Some(&*file),
                root => file.strip_prefix(root).and_then(|it| it.strip_prefix('/')),
            };
            inside.is_some_and(|it| stem(it) == *wanted)
        })
    })
}

fn start<'p>(eval: &mut Eval<'p, Fastify<'p>>, module: usize, prefix: Option<&str>) {
    let span = Span::default();
    let site = Site { module, call: span, object: span, callee_end: 0, statement: span, branch: [].into() };
    let root = eval.host.make(site.place());
    let options = prefix.map(|prefix| {
        let object = Object::default();
        object.set("prefix", Value::text(prefix));
        Value::Object(std::rc::Rc::new(object))
    });
    let plugin = Arg { value: Value::Namespace(module), span, spread: false };
    let plugin = Plugin::new(&plugin, options, site.place(), &site);
    let app = eval.host.instances.get(root).map(|it| it.app).unwrap_or_default();
    if let Some(load) = eval.host.apps.get_mut(app).and_then(|it| it.stack.first_mut()) {
        load.queue.push_back(Queued::Plugin(plugin));
    }
}

impl Reader<'_> {
    /// What the evaluation of plugins could not know.
    pub(super) fn troubles(&mut self) {
        for trouble in std::mem::take(&mut self.eval.host.troubles) {
            match trouble {
                Trouble::UnknownPlugin { what, prefixes, place } => {
                    let mut below: Vec<String> =
                        prefixes.iter().filter(|it| !it.is_empty()).map(|it| format!("`{}`", printable(it))).collect();
                    below.dedup();
                    let below = if below.is_empty() { "`/`".to_owned() } else { below.join(" or ") };
                    let place = self.location(place);
                    self.tell(
                        Diagnostic::new(
                            "DW2004",
                            format!("the plugin `{what}` can't be read; what it serves below {below} is not listed"),
                        )
                        .at(place)
                        .help("look up which routes it adds, and put a guard in front of them if need be"),
                    );
                }
                Trouble::TooComplex(place) => {
                    let problem = Problem::TooComplex(place);
                    self.tell(js::packages::problem(self.program, &problem));
                }
                Trouble::ComputedPrefix(place) => self.computed_path(place),
                Trouble::AssumedPrefix(text, place) => self.assumed_path(&text, place),
                Trouble::ComputedRoute(place) => {
                    let place = self.location(place);
                    self.tell(
                        Diagnostic::new("DW2003", "a route is only known when the program runs, and is not listed")
                            .at(place)
                            .help("write its `method` and `url` where it is registered"),
                    );
                }
                Trouble::ComputedFolder(place) => {
                    let place = self.location(place);
                    self.tell(
                        Diagnostic::new("DW2006", "plugins are loaded from a folder that can't be read")
                            .at(place)
                            .help("build its path from `__dirname` or `import.meta.dirname` and literal names"),
                    );
                }
                Trouble::Pattern(name, place) => {
                    let place = self.location(place);
                    self.tell(
                        Diagnostic::new(
                            "DW2006",
                            format!(
                                "`{}` of autoload can't be read; it is taken to leave out nothing",
                                printable(&name)
                            ),
                        )
                        .at(place)
                        .help("use a pattern of plain names"),
                    );
                }
                Trouble::IgnoredPrefix(_, place) if !self.mounts.contains(&place) => {}
                Trouble::IgnoredPrefix(prefix, place) => {
                    let place = self.location(place);
                    self.found.source.findings.push(
                        Diagnostic::new(
                            "DW2125",
                            format!("the prefix `{}` has no effect, because the plugin is wrapped with `fastify-plugin`", printable(&prefix)),
                        )
                        .at(place)
                        .help("take `fastify-plugin` away from a plugin that has routes, or write the prefix in its paths"),
                    );
                }
            }
        }
    }

    /// Middleware of Express or Connect: it runs before every hook.
    pub(super) fn middleware(&mut self) {
        for Middleware { args, site, .. } in self.eval.host.middleware.clone() {
            for arg in &args {
                let place = Place { module: site.module, span: arg.span };
                let what = text::shown(&self.source(place));
                match &arg.value {
                    Value::Str(_) | Value::Regex(..) | Value::Array(_) => {}
                    Value::Function(closure) => {
                        let flow = flow::flow(Some(&mut self.eval), closure);
                        if flow.shows || flow.ends {
                            let place = self.location(place);
                            self.tell(
                                Diagnostic::new(
                                    "DW2019",
                                    format!(
                                        "the middleware `{what}` answers requests itself; what it serves is not listed"
                                    ),
                                )
                                .at(place)
                                .help("make routes of what it answers"),
                            );
                        }
                    }
                    Value::External(external)
                        if external
                            .package()
                            .is_some_and(|it| HARMLESS.contains(&it) && it != "express" && it != "serve-static") => {}
                    _ => {
                        let location = self.location(place);
                        self.tell(
                            Diagnostic::new(
                                "DW2004",
                                format!("the middleware `{what}` can't be read; what it serves is not listed"),
                            )
                            .at(location)
                            .help("put a guard in front of it, or accept it knowingly"),
                        );
                    }
                }
            }
        }
    }

    /// Middleware that may guard counts as a hook whose effect isn't known: it may be for some paths only.
    pub(super) fn guards_of_middleware(&mut self) {
        for Middleware { instance, args, site } in self.eval.host.middleware.clone() {
            for arg in &args {
                let place = Place { module: site.module, span: arg.span };
                let source = self.source(place);
                if !matches!(arg.value, Value::Function(_) | Value::External(_))
                    || guards::judge(&mut self.eval, self.program, &arg.value, &source).state == GuardState::Open
                {
                    continue;
                }
                let site = site.clone();
                self.eval.host.hooks.push(Hook { instance, phase: 0, value: Value::Unknown, place, site, at: 0 });
            }
        }
    }

    /// Instances that other code was given.
    pub(super) fn escapes(&mut self) {
        let all: Vec<Site> = self.eval.host.instances.iter().flat_map(|it| it.escapes.iter().cloned()).collect();
        for site in all {
            let place = self.location(site.place());
            let what = text::shown(&self.source(site.place()));
            self.tell(
                Diagnostic::new("DW2016", format!("`{what}` is given the application, and may register routes on it"))
                    .at(place)
                    .help("look up what it does; routes that it registers are not listed"),
            );
        }
    }

    /// Functions that register routes on a parameter, and that nothing calls.
    pub(super) fn uncalled(&mut self) {
        let read: Vec<usize> = self.found.read.iter().copied().collect();
        for at in read {
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
                let Some(param) = function.param_name(0) else { continue };
                if self.eval.was_entered(function) || !registers(&function.body, param) {
                    continue;
                }
                let place = self.location(Place { module: at, span: function.span });
                self.tell(
                    Diagnostic::new(
                        "DW2017",
                        "a function registers routes on its parameter, but nothing in the project calls it",
                    )
                    .at(place)
                    .help("register it, or delete it; until then, its routes are not listed"),
                );
            }
        }
    }
}

/// Whether `param.get('/…', …)` or `param.route({ url })` is among the statements.
fn registers(body: &[ir::Stmt], param: &str) -> bool {
    let mut found = false;
    ir::visit(body, &mut |expr| {
        if let ExprKind::Call(callee, items) = &expr.kind
            && let ExprKind::Member(object, Key::Name(verb)) = &callee.kind
            && matches!(&object.kind, ExprKind::Name(name) if **name == *param)
        {
            let first = items.first().map(|it| &it.value.kind);
            found |= match (&**verb, first) {
                ("get" | "post" | "put" | "patch" | "delete" | "all", Some(ExprKind::Str(path))) => {
                    items.len() > 1 && path.starts_with('/')
                }
                ("route", Some(ExprKind::Object(props))) => props.iter().any(
                    |it| matches!(it, Prop::Entry { key: Key::Name(name), .. } if matches!(&**name, "url" | "path")),
                ),
                _ => false,
            };
        }
        !found
    });
    found
}
