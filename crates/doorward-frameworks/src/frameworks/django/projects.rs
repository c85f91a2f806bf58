//! The projects of a tree: what `manage.py`, `wsgi.py` and `asgi.py` say, and settings that nothing names.

use std::collections::BTreeSet;

use doorward::diagnostic::Diagnostic;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt};

use super::host::Django;
use crate::project::Package;
use crate::py::eval::{Eval, span};
use crate::py::packages::location;
use crate::py::program::{Program, Target};
use crate::source::{Place, Span};
use crate::walk::printable;

/// More projects than this are copies of one.
const MAX_PROJECTS: usize = 40;

/// A project: where it is started, and the settings it is started with.
#[derive(Debug, Clone)]
pub(super) struct Project {
    /// Its folder, relative to the tree.
    pub(super) folder: String,
    /// The module that starts it.
    pub(super) from: usize,
    pub(super) settings: usize,
    /// Where the settings are named.
    pub(super) place: Place,
}

/// What was found, and what is to be told about it.
#[derive(Debug, Default)]
pub(super) struct Projects {
    pub(super) all: Vec<Project>,
    pub(super) unresolved: Vec<Diagnostic>,
}

/// Modules that start a project, the most telling first.
static STARTS: [&str; 3] = ["manage.py", "wsgi.py", "asgi.py"];

pub(super) fn find(program: &Program, package: &Package) -> Projects {
    let mut found = Projects::default();
    let mut named: BTreeSet<usize> = BTreeSet::new();
    for name in STARTS {
        for module in starts(program, package, name) {
            for (dotted, place) in chosen(program, module) {
                read(program, module, name, &dotted, place, &mut named, &mut found);
            }
        }
    }
    let mut rest: Vec<usize> =
        package.modules.iter().copied().filter(|it| is_settings(program, *it) && !named.contains(it)).collect();
    rest.retain(|it| !is_for_tests(&program.module(*it).file) || found.all.is_empty());
    // Settings that those of a project build on are part of them.
    rest.retain(|it| !found.all.iter().any(|project| builds_on(program, project.settings, *it)));
    rest.retain(|it| !found.all.iter().any(|project| beside(program, project.settings, *it)));
    if found.all.is_empty() {
        rest.sort_by_key(|it| (is_for_tests(&program.module(*it).file), program.module(*it).file.len()));
        let mut taken: Vec<usize> = Vec::new();
        for settings in rest {
            if taken.iter().any(|it| beside(program, *it, settings)) {
                continue;
            }
            taken.push(settings);
            let file = &program.module(settings).file;
            let folder = folder_of_import(program, settings).unwrap_or_else(|| outside(file).to_owned());
            let place = Place { module: settings, span: Span::default() };
            found.all.push(Project { folder, from: settings, settings, place });
        }
    }
    found.all.truncate(MAX_PROJECTS);
    found
}

fn read(
    program: &Program,
    module: usize,
    start: &str,
    dotted: &str,
    place: Place,
    named: &mut BTreeSet<usize>,
    found: &mut Projects,
) {
    let Target::Module(settings) = program.resolve(module, 0, dotted) else {
        if start == "manage.py" {
            let message = format!("the settings `{}` are not in the tree", printable(dotted));
            found.unresolved.push(
                Diagnostic::new("DW2240", message)
                    .at(location(program, place))
                    .help("name a module of the project; until then, its routes are not known"),
            );
        }
        return;
    };
    named.insert(settings);
    let folder = outside(&program.module(module).file).to_owned();
    let same = found.all.iter().find(|it| it.settings == settings || around(&it.folder, &folder));
    match same {
        Some(project) if project.settings != settings && !is_for_tests(&program.module(settings).file) => {
            let message = format!(
                "`{start}` names the settings `{}`; the routes are read with those of `{}`",
                printable(dotted),
                printable(&program.module(project.settings).file)
            );
            found.unresolved.push(
                Diagnostic::new("DW2243", message)
                    .at(location(program, place))
                    .help("run `manage.py` with the settings of the deployment, or compare the two by hand"),
            );
        }
        Some(_) => {}
        None => found.all.push(Project { folder, from: module, settings, place }),
    }
}

/// Whether `inner` lies in `folder`.
fn around(folder: &str, inner: &str) -> bool {
    folder == "." || inner == folder || inner.starts_with(&format!("{folder}/"))
}

fn starts(program: &Program, package: &Package, name: &str) -> Vec<usize> {
    let mut all: Vec<usize> = package
        .modules
        .iter()
        .copied()
        .filter(|it| program.module(*it).file.rsplit('/').next() == Some(name))
        .collect();
    all.sort_by_key(|it| {
        let file = &program.module(*it).file;
        (is_for_tests(file), file.matches('/').count(), file.clone())
    });
    all
}

fn outside(file: &str) -> &str {
    file.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

fn is_for_tests(file: &str) -> bool {
    file.split('/').any(|it| it.starts_with("test") || it.contains("_test"))
}

/// What a module that starts a project names as settings.
fn chosen(program: &Program, module: usize) -> Vec<(String, Place)> {
    if !program.module(module).text.contains("DJANGO_SETTINGS_MODULE") {
        return Vec::new();
    }
    let mut all = Vec::new();
    let mut eval = Eval::new(program, Django::new());
    eval.load(module);
    for (value, site) in std::mem::take(&mut eval.host.chosen) {
        // Of several, the last is what is left when no condition applies.
        let last = value.each().iter().rev().find_map(|it| it.as_str().map(str::to_owned));
        all.extend(last.map(|text| (text, site.place())));
    }
    if all.is_empty() {
        let mut reader = Chosen { module, all: Vec::new() };
        reader.visit_body(&program.module(module).body);
        all = reader.all;
    }
    all
}

struct Chosen {
    module: usize,
    all: Vec<(String, Place)>,
}

impl<'a> Visitor<'a> for Chosen {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::Assign(it) = statement
            && let [Expr::Subscript(target)] = it.targets.as_slice()
            && matches!(&*target.slice, Expr::StringLiteral(key) if key.value.to_str() == "DJANGO_SETTINGS_MODULE")
            && let Expr::StringLiteral(value) = &*it.value
        {
            let place = Place { module: self.module, span: span(statement) };
            self.all.push((value.value.to_str().to_owned(), place));
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Call(call) = expr {
            let mut texts = call.arguments.args.iter().map(|it| match it {
                Expr::StringLiteral(it) => Some(it.value.to_str()),
                _ => None,
            });
            if let (Some(Some("DJANGO_SETTINGS_MODULE")), Some(Some(value))) = (texts.next(), texts.next()) {
                self.all.push((value.to_owned(), Place { module: self.module, span: span(expr) }));
            }
        }
        // Calls stand in calls rarely, and nothing else is looked for.
        if !matches!(expr, Expr::List(_) | Expr::Dict(_)) {
            visitor::walk_expr(self, expr);
        }
    }
}

/// Whether a module says where the URLs of a project are.
fn is_settings(program: &Program, module: usize) -> bool {
    let module = program.module(module);
    module.text.contains("ROOT_URLCONF") && assignment(&module.body, "ROOT_URLCONF").is_some()
}

/// Where a name is given a value, also inside of a condition.
pub(super) fn assignment(body: &[Stmt], name: &str) -> Option<Span> {
    let mut last = None;
    for statement in body {
        let inner = match statement {
            Stmt::Assign(it) => it
                .targets
                .iter()
                .any(|it| matches!(it, Expr::Name(it) if it.id.as_str() == name))
                .then(|| span(statement)),
            Stmt::AnnAssign(it) => {
                matches!(&*it.target, Expr::Name(it) if it.id.as_str() == name).then(|| span(statement))
            }
            Stmt::If(it) => assignment(&it.body, name)
                .or_else(|| it.elif_else_clauses.iter().find_map(|it| assignment(&it.body, name))),
            Stmt::Try(it) => assignment(&it.body, name),
            _ => None,
        };
        last = inner.or(last);
    }
    last
}

/// Whether the settings `module` import `other`, or import what imports it.
fn builds_on(program: &Program, module: usize, other: usize) -> bool {
    let (mut todo, mut seen) = (vec![module], BTreeSet::new());
    while let Some(at) = todo.pop() {
        if at == other {
            return true;
        }
        if seen.len() > 100 || !seen.insert(at) {
            continue;
        }
        for import in &program.module(at).facts.imports {
            let stars = import.names.iter().any(|it| it == "*");
            if let (true, Target::Module(target)) = (stars, program.resolve(at, import.level, &import.module)) {
                todo.push(target);
            }
        }
    }
    false
}

/// Whether two modules of settings are alternatives of one project: they lie in one folder.
fn beside(program: &Program, one: usize, two: usize) -> bool {
    outside(&program.module(one).file) == outside(&program.module(two).file)
}

/// The folder from which the settings' `ROOT_URLCONF` is found.
fn folder_of_import(program: &Program, settings: usize) -> Option<String> {
    let mut folder = outside(&program.module(settings).file);
    while program.find(&format!("{folder}/__init__.py")).is_some() {
        folder = outside(folder);
    }
    Some(folder.to_owned())
}
