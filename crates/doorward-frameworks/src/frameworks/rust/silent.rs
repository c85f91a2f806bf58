//! What would otherwise be silence: macros whose code can't be read, and files that are part of no crate.

use std::sync::Arc;

use doorward::diagnostic::Diagnostic;

use super::Reader;
use crate::rs::ir::{Attr, AttrArg, ExprKind, Function, Items, offset_of};
use crate::source::{Place, Span};
use crate::walk::printable;

/// Words of code that makes routes.
const WORDS: &[&str] = &[
    "route",
    "routes",
    "router",
    "Router",
    "route_service",
    "nest",
    "nest_service",
    "scope",
    "resource",
    "mount",
    "endpoint",
    "endpoints",
    "ServiceConfig",
    "App",
];

/// Parts of the names of macros that make routes.
const NAMES: &[&str] = &["rout", "scope", "endpoint", "mount", "resource", "service"];

/// Calls that add routes.
const CALLS: &[&str] =
    &["route", "nest", "service", "configure", "route_service", "nest_service", "typed_get", "typed_post"];

const METHODS: &[&str] = &["get", "post", "put", "delete", "patch", "head", "options", "route"];

/// Folders of a package that are no part of what it delivers.
const SIDE: &[&str] = &["examples", "benches", "tests", "target", "fuzz"];

impl Reader<'_> {
    /// Tells of macros of the project that may make routes, and of files with routes that nothing names.
    pub(crate) fn silent(&mut self, crates: &[&str]) {
        self.macros();
        self.attributes();
        self.orphans(crates);
    }

    fn macros(&mut self) {
        for file in self.program.files_of(self.package) {
            let module = self.program.module(file);
            for call in &module.opaque {
                let named = NAMES.iter().any(|it| call.name.to_lowercase().contains(it));
                if !named && !call.words.iter().any(|it| WORDS.contains(&&**it)) {
                    continue;
                }
                let message = format!("`{}!` is a macro of the project, and may write routes", printable(&call.name));
                let diagnostic = Diagnostic::new("DW2340", message)
                    .at(self.location(place_of(file, call.at)))
                    .help("register the routes without it; those it writes are not in the inventory");
                self.tell(diagnostic);
            }
        }
    }

    /// Attributes that are macros of the project, with paths in them, that no framework's reader understood.
    fn attributes(&mut self) {
        for scope in self.program.scopes_of(self.package) {
            let Some(items) = self.program.scope(scope).map(|it| Arc::clone(&it.items)) else { continue };
            for attr in attributes(&items) {
                let place = self.program.place(scope, attr.at);
                if self.understood.contains(&place)
                    || !names_paths(&attr.args, 0)
                    || !self.program.procedural(scope, attr)
                {
                    continue;
                }
                let message =
                    format!("`#[{}]` is a macro of the project, and may write routes", printable(attr.name()));
                let diagnostic = Diagnostic::new("DW2341", message)
                    .at(self.location(place))
                    .help("register the routes without it; those it writes are not in the inventory");
                self.tell(diagnostic);
            }
        }
    }

    fn orphans(&mut self, crates: &[&str]) {
        for file in &self.program.orphans {
            let module = self.program.module(*file);
            if !self.is_mine(&module.file) || !crates.iter().any(|it| module.heads.contains(*it)) {
                continue;
            }
            let Some(place) = functions(&module.items, 0).into_iter().find(|it| registers(it)).map(|it| it.at) else {
                continue;
            };
            let diagnostic = Diagnostic::new(
                "DW2342",
                format!("`{}` registers routes, and is part of no crate", printable(&module.file)),
            )
            .at(self.location(place_of(*file, place)))
            .help("name it with `mod` where it belongs, or delete it");
            self.found.unresolved.push(diagnostic);
        }
    }

    /// Whether a file belongs to the folder of this package, and not to that of another one inside of it.
    fn is_mine(&self, file: &str) -> bool {
        let below = |folder: &str| folder == "." || file.strip_prefix(folder).is_some_and(|it| it.starts_with('/'));
        let packages = &self.program.packages;
        let Some(own) = packages.get(self.package).filter(|it| below(&it.folder)) else { return false };
        let deepest = packages.iter().filter(|it| below(&it.folder)).map(|it| it.folder.len()).max();
        let inside = file.strip_prefix(own.folder.as_str()).unwrap_or(file);
        deepest == Some(own.folder.len()) && !inside.split('/').any(|it| SIDE.contains(&it))
    }
}

fn place_of(module: usize, at: usize) -> Place {
    Place { module, span: Span { start: offset_of(at), end: at } }
}

/// Attributes of types and functions.
fn attributes(items: &Items) -> Vec<&Attr> {
    let types = items.types.values().flat_map(|it| &it.attrs);
    let functions = items.functions.values().flatten().chain(items.impls.iter().flat_map(|it| &it.functions));
    types.chain(functions.flat_map(|it| &it.attrs)).collect()
}

/// Whether there is a path, or a table of them, in the arguments of an attribute.
fn names_paths(args: &[AttrArg], depth: usize) -> bool {
    depth < 8
        && args.iter().any(|arg| {
            let path = matches!(arg.value.as_ref().map(|it| &it.kind), Some(ExprKind::Str(it)) if it.starts_with('/'));
            let named = arg.name.as_deref().is_none_or(|it| matches!(it, "path" | "uri" | "url" | "route" | "prefix"));
            (path && named) || arg.to.is_some() || names_paths(&arg.args, depth + 1)
        })
}

/// Every function in a file.
fn functions(items: &Items, depth: usize) -> Vec<&Function> {
    let own = items.functions.values().flatten().chain(items.impls.iter().flat_map(|it| &it.functions));
    let mut all: Vec<&Function> = own.map(|it| &**it).collect();
    if depth < 32 {
        for inner in items.mods.iter().filter(|it| !it.test).filter_map(|it| it.inline.as_ref()) {
            all.extend(functions(inner, depth + 1));
        }
    }
    all
}

fn registers(function: &Function) -> bool {
    let marked = |attr: &Attr| METHODS.contains(&attr.name()) && names_paths(&attr.args, 0);
    CALLS.iter().any(|it| function.methods.contains(*it)) || function.attrs.iter().any(marked)
}
