//! Reads the endpoints of one project: which files there are, which methods they answer, and what runs before.

use std::collections::BTreeSet;

use doorward::diagnostic::{Diagnostic, Location};
use doorward::inventory::{Method, Route, RouteId, Step, StepKind};
use doorward::path::{PathTemplate, Segment};

use super::METHODS;
use super::config::{self, Config};
use super::exports;
use super::files::{Layout, Located, Role};
use super::findings;
use super::host::Next;
use crate::js;
use crate::js::eval::Eval;
use crate::js::guards;
use crate::js::program::Program;
use crate::js::value::{Place, Value};
use crate::project::{Found, Package};
use crate::walk::printable;

/// No project that people wrote has this many.
const MAX_ROUTES: usize = 50_000;

/// Reads the apps of one package.
pub(crate) fn discover(program: &Program, package: &Package) -> Found {
    let mut found = Found::default();
    for root in roots(program, package) {
        let eval = Eval::lazy(program, Next::default());
        let mut reader = Reader { program, eval, found: Found::default(), root, config: Config::default() };
        reader.read(package);
        let Reader { found: mut read, eval, .. } = reader;
        read.unresolved.extend(eval.problems.iter().map(|it| js::packages::problem(program, it)));
        found.read.extend(eval.read());
        found.serves |= read.serves;
        found.routes.append(&mut read.routes);
        found.unresolved.append(&mut read.unresolved);
        found.source.findings.append(&mut read.source.findings);
    }
    found
}

/// The folders in which Next.js may be started: the package's, and those that hold a configuration. With a slash at
/// the end, except for the tree itself.
fn roots(program: &Program, package: &Package) -> BTreeSet<String> {
    let own = if package.root == "." { String::new() } else { format!("{}/", package.root) };
    let mut all = BTreeSet::from([own]);
    for at in &package.modules {
        let file = &program.module(*at).file;
        let (folder, name) = file.rsplit_once('/').map_or(("", file.as_str()), |(folder, name)| (folder, name));
        if name.rsplit_once('.').is_some_and(|(stem, _)| stem == "next.config") {
            all.insert(if folder.is_empty() { String::new() } else { format!("{folder}/") });
        }
    }
    all
}

pub(super) struct Reader<'p> {
    pub(super) program: &'p Program,
    pub(super) eval: Eval<'p, Next>,
    pub(super) found: Found,
    root: String,
    pub(super) config: Config,
}

/// An endpoint before its guards are known.
struct Endpoint<'a> {
    located: &'a Located,
    method: String,
    /// Where the method is exported.
    export: Place,
    handler: Value,
    module: usize,
}

impl Reader<'_> {
    fn read(&mut self, package: &Package) {
        let files: Vec<(usize, String)> = package
            .modules
            .iter()
            .filter_map(|at| {
                let file = self.program.module(*at).file.clone();
                Some((*at, file.strip_prefix(self.root.as_str())?.to_owned()))
            })
            .collect();
        let settings =
            files.iter().find(|(_, file)| file.rsplit_once('.').is_some_and(|(stem, _)| stem == "next.config"));
        if let Some((module, _)) = settings {
            self.config = config::read(&mut self.eval, self.program, *module);
            self.found.unresolved.append(&mut self.config.unresolved);
        }
        let layout = Layout::of(files.iter().map(|(_, file)| file.as_str()));
        let mut roles: Vec<(usize, Role)> =
            files.iter().filter_map(|(at, file)| Some((*at, layout.role(file, &self.config.extensions)?))).collect();
        self.found.serves = !roles.is_empty();
        roles.sort_by_cached_key(|(at, _)| self.program.module(*at).file.clone());
        for (module, role) in &roles {
            if self.found.routes.len() > MAX_ROUTES {
                break;
            }
            match role {
                Role::Handler(located) => {
                    if located.intercepts {
                        findings::interception(self, *module, located);
                    }
                    self.handlers(*module, located);
                }
                Role::Api(located) => self.api(*module, located),
                Role::Page | Role::Middleware => {}
            }
        }
        findings::rewrites(self);
    }

    fn tell(&mut self, diagnostic: Diagnostic) {
        self.found.unresolved.push(diagnostic);
    }

    pub(super) fn location(&self, place: Place) -> Location {
        js::packages::location(self.program, place)
    }

    /// The methods that a `route` file exports.
    fn handlers(&mut self, module: usize, located: &Located) {
        self.eval.allow(config::STEPS);
        let exports = exports::exports(&mut self.eval, self.program, module);
        for (place, source) in &exports.unknown {
            let at = self.location(*place);
            self.tell(
                Diagnostic::new("DW2007", format!("what `{}` exports is not known here", printable(source)))
                    .at(at)
                    .help("name the methods that are exported, as in `export { GET } from …`"),
            );
        }
        for method in METHODS {
            if self.config.exported && *method != "GET" {
                continue;
            }
            let Some(place) = exports.names.get(*method).copied() else { continue };
            let handler = self.eval.exported(module, method).unwrap_or(Value::Unknown);
            let method = (*method).to_owned();
            self.endpoint(&Endpoint { located, method, export: place, handler, module });
        }
    }

    /// The default export of a file below `pages/api`.
    fn api(&mut self, module: usize, located: &Located) {
        self.eval.allow(config::STEPS);
        let exports = exports::exports(&mut self.eval, self.program, module);
        let code = self.program.module(module);
        let is_commonjs = !code.esm || code.exports.is_empty();
        let place = exports.names.get("default").copied();
        let handler = match place {
            Some(_) => self.eval.exported(module, "default").unwrap_or(Value::Unknown),
            None if is_commonjs => self.eval.cjs_exports(module),
            None => return,
        };
        if matches!(&handler, Value::Object(_)) && is_commonjs {
            return;
        }
        let export = place.unwrap_or(Place { module, ..Place::default() });
        let method = Method::ALL.to_owned();
        self.endpoint(&Endpoint { located, method, export, handler, module });
    }

    fn endpoint(&mut self, endpoint: &Endpoint) {
        if endpoint.located.paths.iter().any(|it| matches!(it.segments().last(), Some(Segment::CatchAll(_)))) {
            findings::delegation(self, &endpoint.handler, endpoint.export);
        }
        for path in &endpoint.located.paths {
            let path = self.config.base.join(path);
            let id = RouteId { method: Method::new(&endpoint.method), path: path.clone() };
            let at = self.location(endpoint.export);
            if path.to_string().chars().any(char::is_control) {
                self.tell(
                    Diagnostic::new("DW2014", "a folder's name holds control characters").at(at).help("rename it"),
                );
                continue;
            }
            let mut route = Route::new(id, at.file.clone(), at.line);
            route.trace = self.trace(endpoint, &path);
            let verdict = guards::judge(&mut self.eval, self.program, &endpoint.handler, "");
            route.guard.state = verdict.state;
            self.found.routes.push(route);
        }
    }

    /// How the route came to be.
    fn trace(&self, endpoint: &Endpoint, path: &PathTemplate) -> Vec<Step> {
        let file = printable(&self.program.module(endpoint.module).file);
        let mut steps = Vec::new();
        if let Some(place) = self.config.base_place {
            let at = self.location(place);
            let base = self.config.base.to_string();
            let text = format!("basePath: \"{base}\"");
            steps.push(Step { kind: StepKind::Prefix, text, path: Some(base), file: at.file, line: at.line });
        }
        for (folder, adds) in &endpoint.located.folders {
            let path = (!adds.is_empty()).then(|| printable(adds));
            steps.push(Step { kind: StepKind::Prefix, text: printable(folder), path, file: file.clone(), line: 1 });
        }
        let at = self.location(endpoint.export);
        let text = match endpoint.method.as_str() {
            Method::ALL => "export default".to_owned(),
            method => format!("export {method}"),
        };
        let path = Some(path.to_string());
        steps.push(Step { kind: StepKind::Route, text, path, file: at.file.clone(), line: at.line });
        if let Value::Function(closure) = &endpoint.handler {
            let place = Place { module: closure.module, span: closure.function.span };
            let at = self.location(place);
            let text = closure.function.name.as_deref().map_or_else(|| endpoint.method.clone(), printable);
            steps.push(Step { kind: StepKind::Handler, text, path: None, file: at.file, line: at.line });
        }
        steps
    }
}
