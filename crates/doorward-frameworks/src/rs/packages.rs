//! The packages of a tree: its `Cargo.toml` files, and the crates that each makes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use doorward::diagnostic::{Diagnostic, Location};
use toml::{Table, Value};

use super::program::{Dependency, Manifest, Program};
use crate::frameworks::{Engine, Framework};
use crate::project::{Found, Language, Package};
use crate::source::Place;
use crate::walk::{self, printable};

/// The manifest of a package.
const MANIFEST: &str = "Cargo.toml";

/// Folders of a package whose programs are not what it delivers.
const SIDE: &[&str] = &["examples", "benches", "tests"];

/// The Rust of a tree.
pub(crate) struct Rust {
    root: PathBuf,
    program: Program,
}

impl Rust {
    /// Parses `sources`. `manifests` are those of every language.
    pub(crate) fn parse(
        root: &Path,
        sources: Vec<(PathBuf, Arc<str>)>,
        manifests: &[(PathBuf, String)],
        unresolved: &mut Vec<Diagnostic>,
    ) -> Self {
        let files: BTreeSet<String> = sources.iter().map(|(path, _)| walk::relative(root, path)).collect();
        let packages = read_manifests(root, manifests, &files, unresolved);
        let program = Program::parse(root, sources, packages);
        for at in 0..program.count() {
            let module = program.module(at);
            if let Some((line, column, message)) = &module.error {
                let file = printable(&module.file);
                let at = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
                unresolved.push(
                    Diagnostic::new("DW2001", format!("`{file}` does not parse: {}", printable(message)))
                        .at(Location { file, line: at(*line), column: at(*column) })
                        .help("repair the syntax error; until then, routes in this file are not known"),
                );
            }
        }
        Self { root: root.to_path_buf(), program }
    }
}

impl Language for Rust {
    fn packages(&self, framework: &Framework) -> Vec<Package> {
        match framework.engine {
            Engine::Rust(_) => self.using(framework.packages),
            _ => Vec::new(),
        }
    }

    fn discover(&self, framework: &Framework, package: &Package) -> Option<Found> {
        match framework.engine {
            Engine::Rust(discover) => Some(discover(&self.program, package)),
            _ => None,
        }
    }

    fn app_name(&self, root: &str) -> String {
        let named = self.program.packages.iter().find(|it| it.folder == root && !it.name.is_empty());
        let folder = if root == "." { self.root.clone() } else { self.root.join(root) };
        named
            .map(|it| it.name.clone())
            .or_else(|| folder.file_name().map(|it| it.to_string_lossy().into_owned()))
            .map_or_else(|| "app".to_owned(), |it| printable(&it))
    }
}

impl Rust {
    /// The packages that depend on one of `names`.
    fn using(&self, names: &[&str]) -> Vec<Package> {
        let mut all = Vec::new();
        for (at, manifest) in self.program.packages.iter().enumerate() {
            let declared = manifest.dependencies.values().find(|it| names.contains(&it.package.as_str()));
            let files = self.program.files_of(at);
            let imports = manifest.dependencies.is_empty()
                && files.iter().any(|it| {
                    let module = self.program.module(*it);
                    names.iter().any(|name| module.heads.contains(&*name.replace('-', "_")))
                });
            if declared.is_none() && !imports {
                continue;
            }
            let version = names.first().and_then(|name| {
                let wanted = manifest.dependencies.values().find(|it| it.package == *name);
                wanted.and_then(|it| it.version.clone())
            });
            all.push(Package {
                root: manifest.folder.clone(),
                version,
                modules: files.into_iter().collect(),
                esm: false,
            });
        }
        all
    }
}

fn read_manifests(
    root: &Path,
    manifests: &[(PathBuf, String)],
    files: &BTreeSet<String>,
    unresolved: &mut Vec<Diagnostic>,
) -> Vec<Manifest> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for (path, text) in manifests.iter().filter(|(path, _)| path.ends_with(MANIFEST)) {
        let file = walk::relative(root, path);
        let folder = file.rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned();
        match text.trim_start_matches('\u{feff}').parse::<Table>() {
            Ok(table) => {
                tables.insert(folder, table);
            }
            Err(error) => {
                unresolved.push(
                    Diagnostic::new(
                        "DW2012",
                        format!("`{}` is not valid TOML: {}", printable(&file), printable(error.message())),
                    )
                    .at(Location::file(printable(&file)))
                    .help("repair the file, so that its dependencies and programs can be read"),
                );
                tables.insert(folder, Table::new());
            }
        }
    }
    if !tables.contains_key(".") && !files.is_empty() {
        tables.insert(".".to_owned(), Table::new());
    }
    let mut all = Vec::new();
    for (folder, table) in &tables {
        let side = folder.split('/').any(|it| SIDE.contains(&it));
        if table.contains_key("workspace") && !table.contains_key("package") || side {
            continue;
        }
        all.push(manifest(folder, table, &tables, files));
    }
    all
}

/// A path in the folder of a package, relative to the tree.
fn inside(folder: &str, path: &str) -> String {
    super::program::normalise(&format!("{folder}/{path}"))
}

fn manifest(folder: &str, table: &Table, all: &BTreeMap<String, Table>, files: &BTreeSet<String>) -> Manifest {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let package = table.get("package");
    let fallback = folder.rsplit('/').next().unwrap_or_default();
    let name = text(package.and_then(|it| it.get("name"))).unwrap_or_else(|| fallback.to_owned());
    let library = table.get("lib");
    let path = text(library.and_then(|it| it.get("path"))).unwrap_or_else(|| "src/lib.rs".to_owned());
    let mut path = inside(folder, &path);
    if !files.contains(&path) && package.is_none() {
        path = inside(folder, "lib.rs");
    }
    let library_name = text(library.and_then(|it| it.get("name"))).unwrap_or_else(|| name.clone()).replace('-', "_");
    let mut programs: BTreeSet<String> = BTreeSet::new();
    for program in table.get("bin").and_then(Value::as_array).into_iter().flatten() {
        if let Some(path) = program.get("path").and_then(Value::as_str) {
            programs.insert(inside(folder, path));
        }
    }
    programs.insert(inside(folder, "src/main.rs"));
    if package.is_none() {
        programs.insert(inside(folder, "main.rs"));
    }
    let below = inside(folder, "src/bin") + "/";
    for file in files.range(below.clone()..).take_while(|it| it.starts_with(&below)) {
        let rest = file.strip_prefix(&below).unwrap_or_default();
        let is_program = !rest.contains('/') || (rest.matches('/').count() == 1 && rest.ends_with("/main.rs"));
        if is_program {
            programs.insert(file.clone());
        }
    }
    Manifest {
        folder: folder.to_owned(),
        name,
        library: files.contains(&path).then_some((library_name, path)),
        programs: programs.into_iter().filter(|it| files.contains(it)).collect(),
        dependencies: dependencies(folder, table, all),
    }
}

fn dependencies(folder: &str, table: &Table, all: &BTreeMap<String, Table>) -> BTreeMap<String, Dependency> {
    let shared = std::iter::successors(Some(folder), |it| match it.rsplit_once('/') {
        Some((outer, _)) => Some(outer),
        None => (*it != ".").then_some("."),
    })
    .find_map(|it| all.get(it)?.get("workspace")?.get("dependencies")?.as_table());
    let mut tables: Vec<&Table> = Vec::new();
    tables.extend(table.get("dependencies").and_then(Value::as_table));
    for target in table.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values) {
        tables.extend(target.get("dependencies").and_then(Value::as_table));
    }
    let mut found = BTreeMap::new();
    for (key, value) in tables.into_iter().flatten() {
        let inherited = value.get("workspace").and_then(Value::as_bool).unwrap_or(false);
        let value = if inherited { shared.and_then(|it| it.get(key)).unwrap_or(value) } else { value };
        let version = value.as_str().or_else(|| value.get("version").and_then(Value::as_str));
        let package = value.get("package").and_then(Value::as_str).unwrap_or(key);
        found
            .insert(key.replace('-', "_"), Dependency { package: package.to_owned(), version: version.map(printable) });
    }
    found
}

/// A place for people.
pub(crate) fn location(program: &Program, place: Place) -> Location {
    let module = program.module(place.module);
    let line = module.line(place.span.start);
    let start = usize::try_from(line).ok().and_then(|it| module.lines.get(it.saturating_sub(1)).copied()).unwrap_or(0);
    let column = module.text.get(start..place.span.start).map_or(0, |it| it.chars().take(10_000).count()) + 1;
    Location { file: printable(&module.file), line, column: u32::try_from(column).unwrap_or(u32::MAX) }
}
