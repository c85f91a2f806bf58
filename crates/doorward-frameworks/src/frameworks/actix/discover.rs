//! Reads the routes of actix-web programs.
//!
//! An application, a scope and a resource are the chains of calls that made them. Middleware covers all that its
//! application, scope or resource holds, wherever it stands in the chain, and the last one runs first.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::{GuardState, Method, Step, StepKind};
use doorward::path::PathTemplate;

use super::{attributes, routes, templates};
use crate::frameworks::rust::{Entry, Handler, Layer, MAX_WALKS, Reader, conditional, unroll};
use crate::project::{Found, Package};
use crate::rs::ir::Name;
use crate::rs::program::Program;
use crate::rs::value::{Arg, Branch, Term, TermKind, Value};
use crate::walk::printable;

const CRATES: &[&str] = &["actix_web", "utoipa_actix_web", "paperclip", "actix_files", "actix_web_lab"];

/// Calls that make an application into something else.
const ENDS: &[&str] = &["into_factory", "into_utoipa_app", "finish"];

/// Calls that change nothing about routes.
const HARMLESS: &[&str] = &[
    "app_data",
    "data",
    "data_factory",
    "name",
    "external_resource",
    "guard",
    "into_utoipa_app",
    "split_for_parts",
    "openapi",
    "openapi_service",
    "map",
    "wrap_api",
    "with_json_spec_at",
    "with_json_spec_v3_at",
    "with_swagger_ui_at",
    "build",
    "with_raw_json_spec",
    "bind",
    "into_app",
    "record",
    "case_insensitive_routing",
    "default_app_data",
    "into_factory",
];

/// Reads one package.
pub(crate) fn discover(program: &Program, package: &Package) -> Found {
    let mut actix =
        Actix { reader: Reader::new(program, package, knows), walks: 0, used: HashSet::new(), guards: Vec::new() };
    actix.read();
    let Actix { mut reader, guards, .. } = actix;
    let findings = conditional(&reader, &guards);
    reader.found.source.findings.extend(findings);
    reader.finish(CRATES)
}

fn knows(path: &[Name]) -> bool {
    if !path.first().is_some_and(|it| CRATES.contains(&&**it)) {
        return false;
    }
    let has = |words: &[&str]| path.iter().any(|it| words.contains(&&**it));
    let last = path.last().map_or("", |it| &**it);
    let makers = [
        "scope", "resource", "route", "method", "to", "service", "redirect", "get", "post", "put", "patch", "delete",
        "head", "trace", "services", "from_fn",
    ];
    has(&["App", "ServiceConfig", "Scope", "Resource", "Route", "Files", "NamedFile", "UtoipaApp", "guard"])
        || (makers.contains(&last) && !has(&["dev", "http", "test", "error"]))
}

fn is_app(path: &[Name]) -> bool {
    path.first().is_some_and(|it| CRATES.contains(&&**it)) && path.iter().any(|it| matches!(&**it, "App" | "UtoipaApp"))
}

/// The part of an application that is being read.
#[derive(Clone, Default)]
pub(super) struct Around {
    pub(super) prefix: PathTemplate,
    /// Outermost first.
    pub(super) layers: Vec<Rc<Layer>>,
    pub(super) steps: Vec<Step>,
    pub(super) branch: Option<Branch>,
    pub(super) depth: usize,
}

pub(super) struct Actix<'p> {
    pub(super) reader: Reader<'p>,
    pub(super) walks: usize,
    /// Handlers with a path of their own that were registered.
    pub(super) used: HashSet<usize>,
    pub(super) guards: Vec<(Rc<Layer>, Branch)>,
}

impl Actix<'_> {
    fn read(&mut self) {
        let roots = self.reader.roots(is_app, &[]);
        let mut served = false;
        self.reader.eval.refresh();
        for root in roots {
            if self.reader.is_dead(&root) {
                let diagnostic = Diagnostic::new("DW2011", "an application is made here that nothing serves")
                    .at(self.reader.location(root.place))
                    .help("serve it, or delete the function that makes it");
                self.reader.found.loose.push((root.place, diagnostic));
                continue;
            }
            served = true;
            let value = Value::Term(root);
            let (base, _) = unroll(&value);
            let mut around = Around::default();
            if let Value::Term(term) = &base {
                around.steps.push(self.reader.step(StepKind::App, format!("{}()", term.text), None, term.place));
            }
            self.walk(&value, &around);
        }
        self.reader.found.serves = served;
        self.unregistered();
    }

    /// Handlers that carry a path and that no application registers.
    fn unregistered(&mut self) {
        let program = self.reader.program;
        for function in program.functions() {
            if program.package_of(function.scope) != Some(self.reader.package) || self.used.contains(&function.key()) {
                continue;
            }
            for marked in attributes::read(program, function) {
                let diagnostic = Diagnostic::new(
                    "DW2261",
                    format!("`{}` carries a path, and no application registers it", function.function.name),
                )
                .at(self.reader.location(marked.place))
                .help("give it to `service` where the application is made, or delete it");
                self.reader.found.loose.push((marked.place, diagnostic));
            }
        }
    }

    /// Goes through the calls that made an application, a scope or a configuration.
    fn walk(&mut self, value: &Value, around: &Around) {
        self.walks += 1;
        if self.walks > MAX_WALKS || around.depth > 64 {
            return;
        }
        if let Value::Either(all) = value {
            for one in all.iter() {
                self.walk(one, around);
            }
            return;
        }
        let (base, calls) = unroll(value);
        match &base {
            Value::Term(term) if matches!(term.kind, TermKind::Index(..)) => {
                if let TermKind::Index(inner, 0) = &term.kind {
                    self.walk(&inner.clone(), around);
                }
            }
            Value::Either(_) => self.walk(&base, around),
            _ => {}
        }
        let mut around = around.clone();
        around.depth += 1;
        self.wrapped(&calls, &mut around);
        for call in &calls {
            if let TermKind::Method(_, name, _, args) = &call.kind {
                self.call(call, name, args, &around);
            }
        }
    }

    /// Adds the middleware in `calls`, the last first.
    fn wrapped(&mut self, calls: &[Rc<Term>], around: &mut Around) {
        for call in calls.iter().rev() {
            if let TermKind::Method(_, name, _, args) = &call.kind
                && matches!(&**name, "wrap" | "wrap_fn")
                && let Some(arg) = args.first()
            {
                self.wrap(arg, call, name, around);
            }
        }
    }

    pub(super) fn wrap(&mut self, arg: &Arg, call: &Rc<Term>, name: &str, around: &mut Around) {
        let verdict = self.reader.judge(&arg.value, &arg.text, 0);
        let text = arg.text.to_string();
        around.steps.push(self.reader.step(StepKind::Middleware, format!("{name}({text})"), None, call.place));
        around.layers.push(Rc::new(Layer { text, place: call.place, branch: Rc::clone(&call.branch), verdict }));
    }

    fn call(&mut self, call: &Rc<Term>, name: &str, args: &[Arg], around: &Around) {
        match (name, args) {
            ("service", [service, ..]) => self.service(call, service, around),
            ("configure", [function, ..]) => self.configure(call, function, around),
            ("route", [path, route, ..]) => {
                for path in self.paths(path) {
                    self.route(call, &around.prefix.join(&path), route, around);
                }
            }
            ("default_service", [route, ..]) => self.default_service(call, route, around),
            ("wrap" | "wrap_fn", _) => {}
            (name, _) if HARMLESS.contains(&name) || ENDS.contains(&name) => {}
            (_, []) => {}
            _ => {
                let diagnostic = Diagnostic::new(
                    "DW2016",
                    format!("`{}` is given an application, and may add routes to it", printable(name)),
                )
                .at(self.reader.location(call.place))
                .help("read what it does; routes that it adds are not in the inventory");
                self.reader.tell(diagnostic);
            }
        }
    }

    fn paths(&mut self, arg: &Arg) -> Vec<PathTemplate> {
        let mut all = Vec::new();
        let values: Vec<Value> = match &arg.value {
            Value::List(list) => list.iter().flat_map(Value::each).collect(),
            value => value.each(),
        };
        for value in values.iter().take(1_000) {
            match value.as_str().map(templates::parse) {
                Some(Ok(path)) => all.push(path),
                Some(Err(code)) => {
                    let text = value.as_str().map(printable).unwrap_or_default();
                    let diagnostic = Diagnostic::new(code, format!("`{text}` is more than a template can say"))
                        .at(self.reader.location(arg.place))
                        .help("write values as `{name}`");
                    self.reader.tell(diagnostic);
                }
                None => {
                    let diagnostic = Diagnostic::new("DW2003", "the path is only known when the program runs")
                        .at(self.reader.location(arg.place))
                        .help("use a literal or a constant; until then, what is behind it is not listed");
                    self.reader.tell(diagnostic);
                }
            }
        }
        all
    }

    fn service(&mut self, call: &Rc<Term>, service: &Arg, around: &Around) {
        for value in service.value.each() {
            match &value {
                Value::Function(function) => self.marked(call, function, around),
                Value::Tuple(all) | Value::List(all) => {
                    for one in all.iter().take(1_000) {
                        let arg = Arg { value: one.clone(), ..service.clone() };
                        self.service(call, &arg, around);
                    }
                }
                Value::Term(_) => self.term(call, &value, service, around),
                Value::Cell(inner) => {
                    let inner = inner.borrow().clone();
                    self.term(call, &inner, service, around);
                }
                Value::None | Value::Unit => {}
                _ => self.unknown(call, service),
            }
        }
    }

    fn unknown(&mut self, call: &Rc<Term>, service: &Arg) {
        let text = printable(&service.text);
        let diagnostic = Diagnostic::new("DW2004", format!("`{text}` is registered, and what it serves can't be read"))
            .at(self.reader.location(call.place))
            .help("register a scope, a resource or a handler of the project, or put a guard in front of it");
        self.reader.tell(diagnostic);
    }

    /// A scope, a resource, or files.
    fn term(&mut self, call: &Rc<Term>, value: &Value, service: &Arg, around: &Around) {
        let (base, calls) = unroll(value);
        let term = match &base {
            Value::Term(term) => Rc::clone(term),
            Value::Either(all) => {
                for one in all.iter() {
                    self.term(call, one, service, around);
                }
                return;
            }
            _ => {
                self.unknown(call, service);
                return;
            }
        };
        let head = |word: &str| term.head.iter().any(|it| &**it == word);
        let known = knows(&term.head);
        if let TermKind::Macro(Some(args)) = &term.kind {
            for arg in args {
                self.service(call, arg, around);
            }
            return;
        }
        let args = term.args().to_vec();
        match args.first() {
            Some(path) if known && (head("scope") || head("Scope")) => {
                for path in self.paths(path) {
                    let mut inner = around.clone();
                    inner.prefix = around.prefix.join(&path);
                    let text = format!("{}(\"{path}\")", term.text);
                    inner.steps.push(self.reader.step(StepKind::Mount, text, Some(path.to_string()), term.place));
                    inner.branch = Some(longer(around.branch.as_ref(), &call.branch));
                    self.walk(value, &inner);
                }
            }
            Some(path) if known && (head("resource") || head("Resource")) => {
                for path in self.paths(path) {
                    self.resource(call, &path, &term, &calls, around);
                }
            }
            Some(path) if known && head("redirect") => {
                for path in self.paths(path) {
                    let entry = self.entry(&term, Method::ALL, around.prefix.join(&path), service, around);
                    self.reader.add(entry);
                }
            }
            _ if head("Files") => {
                if !around.layers.iter().any(|it| it.verdict.state == GuardState::Guarded) {
                    let text = printable(&service.text);
                    let diagnostic =
                        Diagnostic::new("DW2021", format!("the files that `{text}` names are served to anyone"))
                            .at(self.reader.location(call.place))
                            .help("put a guard in front of them if they are not meant for everybody");
                    self.reader.found.source.findings.push(diagnostic);
                }
            }
            _ => self.unknown(call, service),
        }
    }

    fn resource(&mut self, call: &Rc<Term>, path: &PathTemplate, term: &Rc<Term>, calls: &[Rc<Term>], around: &Around) {
        let mut inner = around.clone();
        let full = around.prefix.join(path);
        inner.branch = Some(longer(around.branch.as_ref(), &call.branch));
        let text = format!("{}(\"{path}\")", term.text);
        inner.steps.push(self.reader.step(StepKind::Mount, text, Some(path.to_string()), term.place));
        self.wrapped(calls, &mut inner);
        for step in calls {
            let TermKind::Method(_, name, _, args) = &step.kind else { continue };
            match (&**name, args.first()) {
                ("route", Some(route)) => self.route(step, &full, route, &inner),
                ("to", Some(handler)) => {
                    let entry = self.entry(step, Method::ALL, full.clone(), handler, &inner);
                    self.add(entry);
                }
                ("get" | "post" | "put" | "delete" | "patch" | "head" | "trace", Some(handler)) => {
                    let entry = self.entry(step, name, full.clone(), handler, &inner);
                    self.add(entry);
                }
                _ => {}
            }
        }
    }

    pub(super) fn route(&mut self, call: &Rc<Term>, path: &PathTemplate, route: &Arg, around: &Around) {
        for value in route.value.each() {
            let Some(read) = routes::read(&value) else {
                let diagnostic = Diagnostic::new(
                    "DW2008",
                    "a route is registered with methods that are only known when the program runs",
                )
                .at(self.reader.location(call.place))
                .help("register it with `web::get`, `web::post` and so on, so that it can be named in a policy");
                self.reader.tell(diagnostic);
                let entry = self.entry(call, Method::ALL, path.clone(), route, around);
                self.add(entry);
                continue;
            };
            let Some(handler) = read.handler else { continue };
            let mut inner = around.clone();
            for (arg, step) in read.wraps.iter().rev() {
                self.wrap(arg, step, "wrap", &mut inner);
            }
            let mut methods = read.methods;
            if methods.is_empty() {
                methods.push(Method::ALL.to_owned());
            }
            for method in methods {
                let mut entry = self.entry(call, &method, path.clone(), &handler, &inner);
                if let Some(branch) = &read.branch {
                    entry.branch = longer(Some(&entry.branch), branch);
                }
                self.add(entry);
            }
        }
    }

    pub(super) fn entry(
        &self,
        call: &Rc<Term>,
        method: &str,
        path: PathTemplate,
        handler: &Arg,
        around: &Around,
    ) -> Entry {
        Entry {
            method: Method::new(method),
            text: format!("{} {path} to {}", method.to_ascii_uppercase(), handler.text),
            path,
            place: call.place,
            branch: longer(around.branch.as_ref(), &call.branch),
            handler: Handler::of(handler),
            layers: around.layers.clone(),
            steps: around.steps.clone(),
        }
    }

    pub(super) fn add(&mut self, entry: Entry) {
        let branch = Rc::clone(&entry.branch);
        let missed = entry
            .layers
            .iter()
            .filter(|it| it.verdict.state == GuardState::Guarded && !branch.starts_with(&it.branch))
            .map(|it| (Rc::clone(it), Rc::clone(&branch)));
        self.guards.extend(missed);
        self.reader.add(entry);
    }

    /// `.configure(function)`: the function is called, and what it did to its argument is read.
    fn configure(&mut self, call: &Rc<Term>, function: &Arg, around: &Around) {
        let head: Vec<Name> = ["actix_web", "web", "ServiceConfig"].map(Name::from).to_vec();
        let seed = Value::Term(Rc::new(Term {
            kind: TermKind::Path(Vec::new()),
            head: Rc::from(head),
            place: function.place,
            scope: call.scope,
            branch: Rc::clone(&call.branch),
            text: Rc::from("ServiceConfig"),
        }));
        let mut any = false;
        for value in function.value.each() {
            if let Value::Made(of, _) = &value {
                any |= self.table(call, of, around);
                continue;
            }
            if !matches!(value, Value::Function(_) | Value::Closure(_)) {
                continue;
            }
            any = true;
            let cell = Rc::new(RefCell::new(seed.clone()));
            self.reader.eval.apply_under(&value, &[Value::Cell(Rc::clone(&cell))], &call.branch);
            let mut inner = around.clone();
            inner.steps.push(self.reader.step(
                StepKind::Mount,
                format!("configure({})", function.text),
                None,
                call.place,
            ));
            let configured = cell.borrow().clone();
            self.walk(&configured, &inner);
        }
        if !any {
            let text = printable(&function.text);
            let diagnostic =
                Diagnostic::new("DW2004", format!("`{text}` configures the application, and can't be read"))
                    .at(self.reader.location(call.place))
                    .help("configure it with a function of the project; until then, the routes it adds are not known");
            self.reader.tell(diagnostic);
        }
    }
}

/// The conditions of what stands inside of something else.
fn longer(one: Option<&Branch>, two: &Branch) -> Branch {
    match one {
        Some(one) if one.len() > two.len() => Rc::clone(one),
        _ => Rc::clone(two),
    }
}
